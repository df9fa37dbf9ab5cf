"""Format a table for a terminal or a pipe: aligned columns, and colours for a terminal alone."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TextIO

from jobtui.process.printable import printable
from jobtui.process.stdio import is_terminal

_CODES = {"failed": "31", "ok": "32", "waiting": "33", "running": "36", "muted": "2"}
_GAP = "  "
_CUT = "…"
_NARROWEST = 10  # columns for the last cell of a row, at least
_WIDE = frozenset({"W", "F"})  # East Asian widths that take two columns
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})  # categories: marks above other characters, joiners


class Cell(NamedTuple):
    """A cell.

    Attributes:
        text: The text, which may have any characters.
        tone: The tone, as in `frontend.formatting.Sign`; "" for none.
    """

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The medium of a text.

    Attributes:
        width: How many columns a line may take; None for no limit.
        colours: Whether tones become colours.
    """

    width: int | None = None
    colours: bool = False

    def format_cell(self, cell: Cell) -> str:
        """Return a cell with its colour."""
        code = _CODES.get(cell.tone) if self.colours else None
        return f"\x1b[{code}m{cell.text}\x1b[0m" if code and cell.text else cell.text


def paper_of(stream: TextIO | None) -> Paper:
    """Return the medium that a stream writes on. Pipes and files have neither a width nor colours."""
    if not is_terminal(stream):
        return Paper()
    colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Paper(width=shutil.get_terminal_size().columns, colours=colours)


def format_table(
    titles: Sequence[str], rows: Iterable[Sequence[Cell]], paper: Paper, *, align_right: Iterable[int] = ()
) -> str:
    """Return a table with a line for its titles and for each row. On a terminal, the last column is cut.

    Args:
        titles: The titles of the columns.
        rows: The cells of each row.
        paper: The medium.
        align_right: The columns that are aligned at their right.
    """
    table = [[Cell(title, "muted") for title in titles]]
    table += [[Cell(printable(cell.text), cell.tone) for cell in row] for row in rows]
    last = len(titles) - 1
    widths = [max(text_width(row[column].text) for row in table) for column in range(last)]
    left = None
    if paper.width is not None:
        left = max(_NARROWEST, paper.width - sum(widths) - len(_GAP) * last)
    right = frozenset(align_right)
    lines = []
    for row in table:
        cells = [
            _pad(paper.format_cell(cell), widths[column] - text_width(cell.text), column in right)
            for column, cell in enumerate(row[:last])
        ]
        end = row[last] if left is None else Cell(cut(row[last].text, left), row[last].tone)
        lines.append(_GAP.join([*cells, paper.format_cell(end)]).rstrip())
    return "\n".join(lines)


def _pad(text: str, blanks: int, at_left: bool) -> str:
    return " " * blanks + text if at_left else text + " " * blanks


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def cut(text: str, width: int) -> str:
    """Return a text that takes at most so many columns; a dot dot dot says that there is more."""
    if text_width(text) <= width:
        return text
    used, end = 1, 0
    for character in text:
        used += _character_width(character)
        if used > width:
            break
        end += 1
    return text[:end] + _CUT
