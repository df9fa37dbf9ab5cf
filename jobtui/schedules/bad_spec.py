"""The error that says what is wrong with a schedule, a duration or a zone, and where."""

from __future__ import annotations

# A spec longer than this many columns is shown through a window around its fault.
_WINDOW = 72


class BadSpec(ValueError):  # noqa: N818 - it reads as what it is in a traceback, and is the public name
    """A spec, a duration or a zone name that cannot be accepted.

    Its message is one sentence; where there is a spec to show, the spec follows on a line of its
    own, and a caret under the fault on the next.

    Attributes:
        sentence: What is wrong and what to write instead, without the spec.
        spec: The whole text as it was given, or None.
        field: The name of the faulty field, such as ``"day-of-week"``, or None.
        position: The index in ``spec`` of the first faulty character, or None.
    """

    sentence: str
    spec: str | None
    field: str | None
    position: int | None

    def __init__(
        self, sentence: str, *, spec: str | None = None, field: str | None = None, position: int | None = None
    ) -> None:
        self.sentence = sentence
        self.spec = spec
        self.field = field
        self.position = position
        super().__init__(f"{sentence}\n{_picture(spec, position)}" if spec else sentence)


def _picture(spec: str, position: int | None) -> str:
    """Returns the spec, indented, and a caret below ``position``."""
    # What cannot be printed would move the caret or reach the terminal as an escape sequence.
    shown = "".join(character if character.isprintable() else "\ufffd" for character in spec)
    at = position or 0
    start = max(0, min(at - _WINDOW // 2, len(shown) - _WINDOW))
    before = "\u2026" if start else ""
    after = "\u2026" if start + _WINDOW < len(shown) else ""
    line = f"  {before}{shown[start : start + _WINDOW]}{after}".rstrip()
    if position is None:
        return line
    return f"{line}\n  {' ' * (len(before) + at - start)}^"


def quote_text(text: str) -> str:
    """Returns ``text`` in quotes for a message: short, on one line, and without escape sequences."""
    clipped = text if len(text) <= 40 else text[:39] + "\u2026"  # noqa: PLR2004 - about half a terminal
    return "'" + "".join(character if character.isprintable() else "\ufffd" for character in clipped) + "'"


def closest_matches(word: str, known: list[str]) -> list[str]:
    """Returns up to three of ``known`` that look like ``word``, whatever the case, best first."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    spelled = {name.casefold(): name for name in known}
    return [
        spelled[match] for match in get_close_matches(word[:80].casefold(), list(spelled), n=3, cutoff=0.6)
    ]
