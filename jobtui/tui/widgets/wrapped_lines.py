"""A table of lines that wrap at its width, and fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich.cells import cell_len

from jobtui.frontend.text_lines import Piece, TextLine
from jobtui.tui.widgets.line_table import Column, LineTable
from jobtui.tui.widgets.literal_text import cell_text

_MIN_WIDTH = 10  # cells; in a narrower table, rows are cut off
_UNUSED = datetime.min.replace(tzinfo=UTC)  # the rows do not depend on the time


class TextRow(NamedTuple):
    """A row of the table: a line, or a part of one that wraps.

    Attributes:
        key: The part of the page, and the number of the row in it.
        pieces: The text.
        line: The line.
    """

    key: tuple[str, int]
    pieces: tuple[Piece, ...]
    line: TextLine


class WrappedLines(LineTable[TextRow]):
    """Shows lines, wrapped. The cursor stays on its line when other lines come, go or wrap.

    Args:
        empty: The text to show if there are no lines.
        id: Textual's.
    """

    def __init__(self, *, empty: str, id: str) -> None:  # noqa: A002 - Textual's name for it
        column: Column[TextRow] = Column("text", "", _MIN_WIDTH, lambda row, _now: row.pieces, fraction=1)
        super().__init__([column], lambda row: row.key, empty=empty, id=id)
        self._lines: Sequence[TextLine] = ()

    def update_lines(self, lines: Sequence[TextLine]) -> None:
        """Show these lines."""
        self._lines = lines
        self._wrap()

    def on_resize(self) -> None:
        """Wrap the lines at the new width."""
        self._wrap()
        super().on_resize()

    @property
    def text_width(self) -> int:
        """The number of cells of a line that fit into a row."""
        if self._fitted_width != self.size.width:
            self._fit()
        return self.place_of("text")[1]

    def _wrap(self) -> None:
        width = self.text_width
        numbers: Counter[str] = Counter()
        rows = []
        for line in self._lines if self.size.width else ():  # the first layout comes later
            for pieces in wrap_line(line, width):
                rows.append(TextRow((line.part, numbers[line.part]), pieces, line))
                numbers[line.part] += 1
        self.update_rows(rows, _UNUSED)


def wrap_line(line: TextLine, width: int) -> Iterator[tuple[Piece, ...]]:
    """Yield the rows of a line: its text, and below each row of it the carets that mark the text."""
    pieces = [(cell_text(text), tone) for text, tone in line.pieces]
    margin = line.margin
    room = max(1, width - cell_len(margin))
    hang = " " * min(line.hang, room // 2)
    at = 0  # the first cell of the row
    for number, (row, cells) in enumerate(_rows(pieces, room, room - len(hang))):
        indent = hang if number else ""
        yield ((f"{margin}{indent}", "muted"), *row) if margin or indent else tuple(row)
        carets = line.carets[at : at + cells].rstrip()
        if carets:
            yield (f"{margin}{indent}", "muted"), (carets, "failed")
        at += cells


def _rows(pieces: Sequence[Piece], first: int, others: int) -> Iterator[tuple[list[Piece], int]]:
    """Yield each row with the number of its cells, given the widths of the first and the other rows."""
    text = "".join(piece for piece, _ in pieces)
    start, room = 0, first
    while True:
        end, cells = _end_of_row(text, start, room)
        yield _slice(pieces, start, end), cells
        if end == len(text):
            return
        start, room = end, others


def _end_of_row(text: str, start: int, room: int) -> tuple[int, int]:
    """Return where the row ends that begins at a character, and how many cells it has.

    It ends after a space, if that leaves at most a third of it blank.
    """
    if len(text) - start <= room and text.isascii():  # as most lines
        return len(text), len(text) - start
    cells = 0
    after_space = None
    for index in range(start, len(text)):
        size = cell_len(text[index])
        if cells + size > room and index > start:
            return after_space or (index, cells)
        cells += size
        if text[index] == " " and cells >= room * 2 // 3:
            after_space = index + 1, cells
    return len(text), cells


def _slice(pieces: Sequence[Piece], start: int, end: int) -> list[Piece]:
    found, at = [], 0
    for text, tone in pieces:
        part = text[max(0, start - at) : max(0, end - at)]
        at += len(text)
        if part:
            found.append((part, tone))
    return found
