"""Lines of text with a cursor, of any number: only those on the screen are formatted, wrapped and painted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from jobtui.tui.widgets.literal_text import cell_text
from jobtui.tui.widgets.tones import ToneStyles

Row = TypeVar("Row")
RowOf_co = TypeVar("RowOf_co", covariant=True)

MAX_PAINTED = 20_000  # characters of one line
MARK = "▸ "
_WHEEL_LINES = 3
_COLUMN_STEP = 8  # cells that a key moves long lines sideways
_SCROLLBAR = 2  # cells: a blank, and the scrollbar
_LEAST_TEXT = 10  # cells for the text, however long the prefix is


class Rows(Protocol[RowOf_co]):
    """The rows to show, with consecutive indices."""

    @property
    def first(self) -> int:
        """The index of the first row."""

    @property
    def end(self) -> int:
        """The index after the last row."""

    def row(self, index: int) -> RowOf_co:
        """Return a row."""


class PaintedLine(NamedTuple):
    """A row as it is painted.

    Attributes:
        prefix: Pieces of text before the line, each with its tone; they are not wrapped.
        text: The text.
        tone: The tone of the text; "" is the default tone.
        spans: Parts of the text with another tone: begin, end and tone, ascending.
    """

    prefix: Sequence[tuple[str, str]]
    text: str
    tone: str = ""
    spans: Sequence[tuple[int, int, str]] = ()


class LogSearchInput(Input):
    """The field for the text to search."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Search", id="log_search.keep"),
        Binding("escape", "screen.clear_search", "Clear it", id="log_search.clear"),
    ]


class LogLines(Widget, Generic[Row], can_focus=True):
    """Shows rows whose number may change at both ends, while the rows on the screen stay where they are.

    Args:
        rows: The rows.
        paint: Returns how a row is painted, given its text as the screen shows it.
        text_of: Returns the text of a row.
        follows: Whether the cursor stays on the last row when rows are added.

    Attributes:
        cursor: The index of the row that keys act on.
        follows: Whether the cursor stays on the last row when rows are added.
        wraps: Whether long lines are wrapped; otherwise they are cut off, and can be moved sideways.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="lines.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="lines.down"),
        Binding("pageup,ctrl+b", "move_page(-1)", "Page up", show=False, id="lines.page_up"),
        Binding("pagedown,ctrl+f", "move_page(1)", "Page down", show=False, id="lines.page_down"),
        Binding("left", "move_sideways(-1)", "To the left", show=False, id="lines.left"),
        Binding("right", "move_sideways(1)", "To the right", show=False, id="lines.right"),
    ]

    @dataclass
    class Moved(Message):
        """The user has moved the cursor or the rows.

        Attributes:
            step: 1 if towards the end, -1 if towards the beginning.
        """

        step: int

    @dataclass
    class RowOpened(Message):
        """The user has clicked a row twice."""

        row: Any

    def __init__(
        self,
        rows: Rows[Row],
        paint: Callable[[Row, str], PaintedLine],
        text_of: Callable[[Row], str],
        *,
        follows: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        super().__init__(id=id)
        self.rows = rows
        self.cursor = 0
        self.follows = follows
        self.wraps = False
        self._paint = paint
        self._text_of = text_of
        self._top = (0, 0)  # the index of the row at the top, and how many of its wrapped lines are above
        self._left = 0  # cells of the texts that are to the left of the screen
        self._visible: list[tuple[int, int]] = []  # the row and its wrapped line in each line of the screen
        self._empty_text = ""
        self._toned = ToneStyles(self)

    # --- content ----------------------------------------------------------------------------------

    def update(self) -> None:
        """Show the rows as they are now."""
        if self.follows:
            self.cursor = self.rows.end - 1
        self._show_cursor()

    def set_empty_text(self, text: str) -> None:
        """Change the text to show if there are no rows."""
        if text != self._empty_text:
            self._empty_text = text
            self.refresh()

    @property
    def selected(self) -> Row | None:
        """The row under the cursor; None if there are no rows."""
        return self.rows.row(self.cursor) if self.rows.first <= self.cursor < self.rows.end else None

    @property
    def visible_rows(self) -> list[Row]:
        """The rows on the screen, from top to bottom."""
        return [self.rows.row(index) for index in dict(self._visible)]

    @property
    def top(self) -> int:
        """The index of the row at the top."""
        return self._top[0]

    def move_to(self, index: int) -> None:
        """Move the cursor to a row, or to the nearest one that exists."""
        self.cursor = index
        self._show_cursor()

    def set_wraps(self, wraps: bool) -> None:
        """Wrap long lines, or cut them off."""
        self.wraps = wraps
        self._left = 0
        self._top = (self._top[0], 0)
        self._show_cursor()

    # --- layout -----------------------------------------------------------------------------------

    def _shown_text(self, row: Row) -> str:
        """Return the text of a row as one line that every terminal shows in the same width."""
        text = self._text_of(row)
        if len(text) > MAX_PAINTED:
            text = f"{text[:MAX_PAINTED]} [{len(text) - MAX_PAINTED} characters more]"
        return cell_text(text)

    def _painted(self, index: int) -> PaintedLine:
        row = self.rows.row(index)
        return self._paint(row, self._shown_text(row))

    def _text_width(self, line: PaintedLine) -> int:
        prefix = sum(cell_len(text) for text, _ in line.prefix)
        return max(_LEAST_TEXT, self.size.width - len(MARK) - prefix - _SCROLLBAR)

    def _lines_of(self, index: int) -> int:
        """Return how many lines of the screen a row takes."""
        if not self.wraps:
            return 1
        line = self._painted(index)
        return max(1, len(_wrap(line.text, self._text_width(line))))

    def _lines_below(self, top: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Yield the rows and their wrapped lines from a line on."""
        index, part = top
        while index < self.rows.end:
            for each in range(part, self._lines_of(index)):
                yield index, each
            index, part = index + 1, 0

    def _top_for_bottom(self, index: int) -> tuple[int, int]:
        """Return the top at which the last line of a row is at the bottom, or the first row at the top."""
        room = self.size.height
        while True:
            lines = self._lines_of(index)
            if lines >= room or index == self.rows.first:
                return index, max(0, lines - room)
            room -= lines
            index -= 1

    def _show_cursor(self) -> None:
        """Keep cursor and top within the rows, and the cursor on the screen; repaint."""
        first, end = self.rows.first, self.rows.end
        if self.size.height and end > first:
            self.cursor = max(first, min(self.cursor, end - 1))
            at_end = self._top_for_bottom(end - 1)
            if self.follows:
                self._top = at_end
            else:
                top = min(max(self._top, (first, 0)), at_end)
                # The begin of a row that is higher than the screen, else the whole row.
                below = min(self._top_for_bottom(self.cursor), (self.cursor, 0))
                self._top = max(min(top, (self.cursor, 0)), below)
        self.refresh()

    def render_lines(self, crop: Any) -> list[Strip]:
        """Find out which rows are visible, and render them."""
        self._visible = list(islice(self._lines_below(self._top), self.size.height))
        return super().render_lines(crop)

    # --- lines ------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Render one line, counted from the top of the widget."""
        toned, width = self._toned, self.size.width
        if y >= len(self._visible):
            text = f"  {self._empty_text}" if y == 0 and self.rows.end == self.rows.first else ""
            return Strip([Segment(text, toned("muted"))]).adjust_cell_length(width, toned())
        index, part = self._visible[y]
        line = self._painted(index)
        at_cursor = index == self.cursor
        row_tone = "pointer" if at_cursor and self.has_focus else ""
        mark = MARK if at_cursor and part == 0 else "  "
        prefix = [(text if part == 0 else " " * cell_len(text), tone) for text, tone in line.prefix]
        begin, end = self._part_of(line, part)
        pieces = [(mark, "strong"), *prefix, *_pieces(line, begin, end)]
        strip = Strip([Segment(text, toned(row_tone, tone)) for text, tone in pieces])
        base, muted = toned(row_tone), toned(row_tone, "muted")
        room = max(1, width - _SCROLLBAR)
        if strip.cell_length > room:
            strip = Strip([*strip.adjust_cell_length(room - 1, base), Segment("…", muted)])
        return Strip([*strip.adjust_cell_length(width - 1, base), Segment(self._bar_at(y), muted)])

    def _part_of(self, line: PaintedLine, part: int) -> tuple[int, int]:
        """Return the begin and the end of the text in one line of the screen."""
        width = self._text_width(line)
        if self.wraps:
            parts = _wrap(line.text, width)
            begin = sum(map(len, parts[:part]))
            return begin, begin + sum(map(len, parts[part : part + 1]))
        begin = (
            len(set_cell_size(line.text, self._left)) if self._left < cell_len(line.text) else len(line.text)
        )
        return begin, len(line.text)

    def _bar_at(self, y: int) -> str:
        """Return the scrollbar's cell in a line: its thumb, or a blank."""
        height, count, shown = self.size.height, self.rows.end - self.rows.first, len(self.visible_rows)
        if shown >= count:
            return " "
        thumb = max(1, height * shown // count)
        place = round((height - thumb) * (self.top - self.rows.first) / (count - shown))
        return "▐" if place <= y < place + thumb else " "

    # --- events and actions -----------------------------------------------------------------------

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self._top = (self._top[0], 0)
        self._show_cursor()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row, and open it on a double click; jump on the scrollbar."""
        at = event.get_content_offset(self)
        if at is None or at.y >= len(self._visible):
            return
        index = self._visible[at.y][0]
        if at.x >= self.size.width - 1:
            count = self.rows.end - self.rows.first
            index = self.rows.first + round(count * at.y / max(1, self.size.height - 1))
        step = -1 if index < self.cursor else 1
        self.move_to(index)
        self.post_message(self.Moved(step))
        if event.chain > 1 and self.selected is not None:
            self.post_message(self.RowOpened(self.selected))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll towards the end."""
        event.stop()
        self._scroll(_WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll towards the beginning."""
        event.stop()
        self._scroll(-_WHEEL_LINES)

    def action_move(self, by: int) -> None:
        """Move the cursor by a number of rows; in a row higher than the screen, scroll."""
        if self.wraps and self.selected is not None and self._lines_of(self.cursor) > self.size.height:
            index, part = self._top
            last = self._lines_of(self.cursor) - self.size.height
            if index == self.cursor and 0 <= part + by <= last:
                self._top = (index, part + by)
                self.refresh()
                return
        self.move_to(self.cursor + by)
        self.post_message(self.Moved(by))

    def action_move_page(self, by: int) -> None:
        """Scroll by a page, with the cursor."""
        self._scroll(by * max(1, self.size.height - 1))

    def action_move_sideways(self, by: int) -> None:
        """Move long lines sideways."""
        if not self.wraps:
            self._left = max(0, self._left + by * _COLUMN_STEP)
            self.refresh()

    def _scroll(self, by: int) -> None:
        """Scroll by a number of lines, with the cursor; at an edge, move the cursor there."""
        if self.rows.end == self.rows.first or not self.size.height:
            return
        before = self._top
        if by > 0:
            *_, top = islice(self._lines_below(before), by + 1)
            self._top = min(top, self._top_for_bottom(self.rows.end - 1))
        else:
            index, part = before
            part += by
            while part < 0 and index > self.rows.first:
                index -= 1
                part += self._lines_of(index)
            self._top = (index, max(0, part))
        cursor = self.cursor + (by if self._top == before else self._top[0] - before[0])
        *_, (last, _) = islice(self._lines_below(self._top), self.size.height)
        self.cursor = max(self._top[0], min(cursor, last))
        self.refresh()
        self.post_message(self.Moved(by))


def _wrap(text: str, width: int) -> list[str]:
    """Return the parts of a text that fit a width in cells."""
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)]
    return chop_cells(text, width)


def _pieces(line: PaintedLine, begin: int, end: int) -> Iterator[tuple[str, str]]:
    """Yield the part of a line's text between two places, in pieces of one tone."""
    place = begin
    for span_begin, span_end, tone in line.spans:
        first, last = max(span_begin, begin), min(span_end, end)
        if first < last:
            yield line.text[place:first], line.tone
            yield line.text[first:last], tone
            place = last
    yield line.text[place:end], line.tone
