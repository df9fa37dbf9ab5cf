"""The ASCII form of every sign that the dashboard draws, for terminals and fonts that have no others.

Each form is as wide as its sign, so that columns stay aligned. Forms of signs that stand beside each
other in one table differ. A sign that may touch a name or a number has a form that is neither a letter nor a
digit. The names of keys in ASCII are longer than their signs: see `ascii_label`.
"""

from __future__ import annotations

from collections.abc import Iterator

_FORMS = {
    # states of jobs and runs, each beside its word
    "○": "o",
    "▶": "@",
    "◔": "q",
    "↻": "r",
    "‖": "p",
    "■": "#",
    "◷": "d",
    "◌": "h",
    "✓": "=",
    "✗": "x",
    "⊗": "%",
    "⊘": "/",
    "↷": "s",
    "≡": "&",
    "¶": '"',
    "∅": "_",
    # cursor, marks, order, keys
    "▸": ">",
    "›": "}",  # noqa: RUF001 - the sign of the cursor without the focus
    "◆": "*",
    "▲": "^",
    "▼": "v",
    "▴": "^",
    "▾": "v",
    "◂": "<",
    "◀": "<",
    "►": ">",
    "◄": "<",
    "↑": "^",
    "↓": "v",
    "←": "<",
    "→": ">",
    "⏎": "<",
    "⌫": "<",
    # the header, and punctuation
    "♥": "*",
    "●": "*",
    "•": "*",
    "·": ".",
    "—": "-",
    "–": "-",  # noqa: RUF001 - a dash
    "…": "~",
    "µ": "u",
    "×": "*",  # noqa: RUF001 - a multiplication sign
    "≤": "<",
    "≥": ">",
    "≈": "~",
    "\u00a0": " ",
    "🔎": "? ",  # of the palette, two cells wide
}
_HORIZONTAL = "─━┄┅┈┉╌╍═╴╶╸╺╼╾"
_VERTICAL = "│┃┆┇┊┋╎╏║╵╷╹╻╽╿"
_BLOCKS = {
    **dict(zip("▁▂▃▄▅▆▇█", "_,-~=+*#", strict=True)),  # heights: more ink for a higher bar
    **dict(zip("░▒▓", "':%", strict=True)),
    **dict.fromkeys("▉▊▋", "#"),
    **dict.fromkeys("▌▍▎▏▐▕", "|"),
    **dict.fromkeys("▀▔", '"'),
    **dict.fromkeys("▖▗▘▝", "."),
    **dict.fromkeys("▚▞", ":"),
    **dict.fromkeys("▙▛▜▟", "#"),
}
_BRAILLE = range(0x2800, 0x2900)  # the lowest eight bits of each are its dots
_INK = " ..::**##"  # by the number of dots


def _forms() -> Iterator[tuple[int, str]]:
    for code in range(0x2500, 0x2580):  # lines of boxes and of the timeline
        sign = chr(code)
        yield code, "-" if sign in _HORIZONTAL else "|" if sign in _VERTICAL else "+"
    for code in _BRAILLE:
        yield code, _INK[(code & 0xFF).bit_count()]
    for sign, form in {**_BLOCKS, **_FORMS}.items():
        yield ord(sign), form


ASCII_FORMS = dict(_forms())


def ascii_signs(text: str) -> str:
    """Return a text with each sign of the dashboard in its ASCII form; other characters stay."""
    return text if text.isascii() else text.translate(ASCII_FORMS)
