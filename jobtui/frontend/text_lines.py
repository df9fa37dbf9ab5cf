"""Lines of a page that wrap and fold: the form in which run pages and tracebacks reach a front end."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from typing import NamedTuple

from jobtui.frontend.parsed_traceback import TraceFrame

Piece = tuple[str, str]  # a text and its tone; "" is the default tone

OPEN, CLOSED = "▾", "▸"


class TextLine(NamedTuple):
    """A line of a page.

    Attributes:
        part: The part of the page that the line belongs to, so that a line is recognized in a later page.
        pieces: The text.
        margin: What comes before the text, in every row of a line that wraps.
        hang: By how many cells the rows after the first are indented, in addition to the margin.
        carets: The text below, cell by cell: it marks the text above it, also where that wraps.
        fold: The fold that the line opens and closes; "" for none.
        frame: The frame that the line belongs to, whose source a user may open; None for none.
    """

    part: str
    pieces: tuple[Piece, ...] = ()
    margin: str = ""
    hang: int = 0
    carets: str = ""
    fold: str = ""
    frame: TraceFrame | None = None


class Folds:
    """The folds of a page that the user has changed.

    Args:
        toggled: The names of the folds that are not as they usually are.
        all_open: Whether all folds are usually open.
    """

    def __init__(self, toggled: Collection[str] = (), *, all_open: bool = False) -> None:
        self._toggled = toggled
        self._all_open = all_open

    def is_open(self, fold: str, *, usually: bool = False) -> bool:
        """Return whether a fold is open, which it usually is or is not."""
        return (usually or self._all_open) is not (fold in self._toggled)


_TOKENS = re.compile(
    r"(?P<comment>\#.*)"
    r"""|(?P<string>[rbuf]{0,2}(?:'{3}.*?(?:'{3}|$)|"{3}.*?(?:"{3}|$)|'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?))"""
    r"|(?P<number>\b\d[\w.]*)"
    r"|(?P<word>\b[^\W\d]\w*)",
    re.IGNORECASE,
)
_TONES = {"comment": "muted", "string": "ok", "number": "waiting"}


def code_pieces(code: str) -> tuple[Piece, ...]:
    """Return a line of Python with the tones of its tokens. A string that begins above is not recognized."""
    pieces: list[Piece] = []
    at = 0
    for token in _TOKENS.finditer(code):
        tone = _TONES.get(token.lastgroup or "", "")
        if token.lastgroup == "word" and keyword.iskeyword(token.group()):
            tone = "running"
        if tone:
            pieces += [(code[at : token.start()], ""), (token.group(), tone)]
            at = token.end()
    return tuple(piece for piece in (*pieces, (code[at:], "")) if piece[0])
