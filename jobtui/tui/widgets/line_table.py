"""A table that renders only the lines that are seen, and repaints only those that changed.

It knows rows and columns, not what they are about. A change of one cell costs one line; ten thousand
rows cost no more than what fits on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

Row = TypeVar("Row")
Cell = Sequence[tuple[str, str]]  # pieces of text, each with its tone ("" for the usual one)

POINTER = 2  # cells before the first column, where the cursor's mark is
SELECTED = "▸ "  # marks the cursor's row while the table has the keys
POINTED = "› "  # noqa: RUF001 - and while it has not; a wide sign for a narrow one is what is wanted
GAP = 1  # cells between columns


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column.

    Attributes:
        key: What the column is called in the program.
        title: What it is called on the screen.
        width: Its width in cells; the least it gets, if it grows.
        cell: What it shows of a row at a time.
        grow: Its share of the width that is left over; 0 for a fixed width.
        right: Whether its text stands at the right.
        rank: Which columns go first where there is no room: the highest; 0 stays always.
        order: What rows are sorted by under this column; None if they are not.
    """

    key: str
    title: str
    width: int
    cell: Callable[[Row, datetime], Cell]
    grow: int = 0
    right: bool = False
    rank: int = 0
    order: Callable[[Row], Any] | None = None


class LineTable(ScrollView, Generic[Row], can_focus=True):
    """Rows in columns with a cursor that stays on its row, wherever the row moves.

    Args:
        columns: What there is to see; columns of a high rank are dropped where there is no room.
        key: Tells rows apart from one picture to the next.
        empty: What stands there while there are no rows.
        header: Whether the first line names the columns.
        anchored: Whether the cursor stays on its row even at the top, and is marked while the keys are
            elsewhere. Lists that grow at the top are not: there the first line stays the first line.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--header",
        "line-table--cursor",
        "line-table--pointer",
        *(f"line-table--{tone}" for tone in ("muted", "running", "waiting", "ok", "failed", "dst", "strong")),
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("pageup,ctrl+b", "move_page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("pagedown,ctrl+f", "move_page(1)", "Page down", show=False, id="table.page_down"),
        Binding("g,home", "move_to(0)", "First", show=False, id="table.first"),
        Binding("G,end", "move_to(-1)", "Last", show=False, id="table.last"),
        Binding("enter", "open", "Open", show=True, id="table.open"),
    ]

    @dataclass
    class RowSelected(Message):
        """The user wants to see a row in depth."""

        table: LineTable[Any]
        row: Any

        @property
        def control(self) -> LineTable[Any]:
            """The table, for ``@on``."""
            return self.table

    @dataclass
    class HeaderSelected(Message):
        """The user clicked the name of a column."""

        table: LineTable[Any]
        column: Column[Any]

        @property
        def control(self) -> LineTable[Any]:
            """The table, for ``@on``."""
            return self.table

    cursor: reactive[int] = reactive(0, repaint=False)

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        *,
        empty: str,
        header: bool = False,
        anchored: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        super().__init__(id=id)
        self.rows: list[Row] = []
        self.heading = ""  # a mark such as ▲ is put behind the title of the column of this key
        self.heading_mark = ""
        self.empty = empty
        self._columns = columns
        self._row_key = key
        self._header = int(header)
        self._stays = anchored
        self._now: datetime | None = None
        self._fitted: list[tuple[Column[Row], int]] = []
        self._painted: dict[int, tuple[Any, ...]] = {}

    # --- what is shown ----------------------------------------------------------------------------

    def show(self, rows: Sequence[Row], now: datetime) -> None:
        """Show these rows as of this time; repaints the lines that read differently from before."""
        selected = self.selected
        fitted = self.virtual_size.height <= self.size.height
        self.rows = list(rows)
        self._now = now
        size = Size(self.size.width, len(self.rows) + self._header)
        if fitted and size.height <= self.size.height:
            # As long as nothing is to be scrolled, the screen need not be laid out again.
            self.set_reactive(LineTable.virtual_size, size)
        elif size != self.virtual_size:
            self.virtual_size = size
        self.cursor = self._index_of(selected)
        self._repaint_changed()

    @property
    def selected(self) -> Row | None:
        """The row under the cursor; None if there are no rows."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show_empty(self, text: str) -> None:
        """What to say while there are no rows."""
        if text != self.empty:
            self.empty = text
            self.refresh()

    def mark_heading(self, key: str, mark: str) -> None:
        """Put a mark behind a column's title, and nowhere else."""
        self.heading, self.heading_mark = key, mark
        self.refresh()

    def _index_of(self, selected: Row | None) -> int:
        last = max(0, len(self.rows) - 1)
        if selected is None or (self.cursor == 0 and not self._stays):
            return min(self.cursor, last)
        key = self._row_key(selected)
        if self.cursor < len(self.rows) and self._row_key(self.rows[self.cursor]) == key:
            return self.cursor
        return next(
            (index for index, row in enumerate(self.rows) if self._row_key(row) == key),
            min(self.cursor, last),
        )

    def _repaint_changed(self) -> None:
        """Compare what each visible line would say with what it says, and repaint those that differ."""
        for y in range(self.size.height):
            if y in self._painted and self._painted[y] != self._reading(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def _reading(self, y: int) -> tuple[Any, ...]:
        """What line y says: everything its picture depends on but the styles."""
        if y < self._header:
            return ("header", self.heading, self.heading_mark)
        index = self.scroll_offset.y + y - self._header
        if index >= len(self.rows):
            return ("empty", self.empty) if not self.rows and y == self._header else ()
        now, row = self._now, self.rows[index]
        assert now is not None  # there are rows, so they were shown
        cells = tuple(tuple(column.cell(row, now)) for column, _ in self._fitted)
        return (cells, index == self.cursor)

    # --- lines ------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget, from its top."""
        if not self._fitted:
            self._fitted = self._fit(self.size.width)
        reading = self._painted[y] = self._reading(y)
        base = self.visual_style.rich_style  # which is kept, unlike self.rich_style
        width = self.size.width
        if y < self._header:
            style = base + self._tone("header")
            return self._strip([[(self._titled(column), "")] for column, _ in self._fitted], style, "  ")
        if not reading:
            return Strip.blank(width, base)
        if reading[0] == "empty":
            return Strip([Segment(f"  {self.empty}", base + self._tone("muted"))]).adjust_cell_length(
                width, base
            )
        cells, at_cursor = reading
        if at_cursor and self.has_focus:
            # In one colour: tones are made to be read on the usual background, and glyphs say the same.
            cursor = self._component("cursor")
            return self._strip([[(text, "") for text, _ in cell] for cell in cells], cursor, SELECTED)
        if at_cursor and self._stays:
            return self._strip(cells, base + Style(bgcolor=self._component("pointer").bgcolor), POINTED)
        return self._strip(cells, base, "  ")

    def _component(self, name: str) -> Style:
        return self.get_component_rich_style(f"line-table--{name}")

    def _tone(self, name: str) -> Style:
        """The colour and weight of a tone, without its background, so that it can lie on any."""
        style = self._component(name)
        return Style(color=style.color, bold=style.bold)

    def _strip(self, cells: Sequence[Cell], base: Style, pointer: str) -> Strip:
        segments = [Segment(pointer, base)]
        for (column, width), cell in zip(self._fitted, cells, strict=True):
            segments += self._cell_segments(cell, width, base, right=column.right)
            segments.append(Segment(" " * GAP, base))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _cell_segments(self, cell: Cell, width: int, base: Style, *, right: bool) -> list[Segment]:
        pieces: list[Segment] = []
        left = width
        # The first piece gives way to the others, which are short: a long name does not hide what waits.
        others = sum(cell_len(text) for text, _ in cell[1:])
        for index, (text, tone) in enumerate(cell):
            if left <= 0:
                break
            room = left - others if index == 0 and others < left else left
            taken = text if cell_len(text) <= room else set_cell_size(text, room - 1) + "…"
            pieces.append(Segment(taken, base + self._tone(tone) if tone else base))
            left -= cell_len(taken)
        padding = Segment(" " * max(0, left), base)
        return [padding, *pieces] if right else [*pieces, padding]

    def _titled(self, column: Column[Row]) -> str:
        return f"{column.title}{self.heading_mark}" if column.key == self.heading else column.title

    def _fit(self, width: int) -> list[tuple[Column[Row], int]]:
        """The columns that there is room for, with their widths."""
        columns = list(self._columns)

        def least() -> int:
            return POINTER + sum(column.width + GAP for column in columns)

        while least() > width and any(column.rank for column in columns):
            columns.remove(max(columns, key=lambda column: column.rank))
        spare = max(0, width - least())
        shares = sum(column.grow for column in columns)
        fitted = []
        for column in columns:
            extra = spare * column.grow // shares if shares else 0
            spare, shares = spare - extra, shares - column.grow
            fitted.append((column, column.width + extra))
        return fitted

    # --- events -----------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Fit the columns to the new width, and keep the cursor in sight."""
        self._fitted = self._fit(self.size.width)
        self._painted.clear()
        self.virtual_size = Size(self.size.width, len(self.rows) + self._header)
        self._show_cursor()
        self.refresh()

    def on_focus(self) -> None:
        """Draw the cursor as the one that has the keys."""
        self.refresh()

    def on_blur(self) -> None:
        """Draw the cursor as a mark."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row that was clicked, open it on a second click; or sort by a column."""
        at = event.get_content_offset(self)  # the event's own one counts the border's line too
        if at is None:
            return
        if at.y < self._header:
            column = self._column_at(at.x)
            if column is not None:
                self.post_message(self.HeaderSelected(self, column))
            return
        index = self.scroll_offset.y + at.y - self._header
        if index < len(self.rows):
            self.cursor = index
            if event.chain > 1:
                self.action_open()

    def _column_at(self, x: int) -> Column[Row] | None:
        left = POINTER
        for column, width in self._fitted:
            if left <= x < left + width + GAP:
                return column
            left += width + GAP
        return None

    def watch_cursor(self) -> None:
        """Draw the cursor where it is now."""
        self._show_cursor()
        self._repaint_changed()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Every line reads differently after a scroll."""
        super().watch_scroll_y(old_value, new_value)
        self._painted.clear()
        self.refresh()

    def _show_cursor(self) -> None:
        height = self.size.height - self._header
        if height <= 0:
            return
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True, immediate=True)

    # --- actions ----------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Move the cursor by some rows."""
        if self.rows:
            self.cursor = max(0, min(len(self.rows) - 1, self.cursor + by))

    def action_move_page(self, by: int) -> None:
        """Move the cursor by some screens full of rows."""
        self.action_move(by * max(1, self.size.height - self._header))

    def action_move_to(self, index: int) -> None:
        """Move the cursor to the first (0) or the last (-1) row."""
        if self.rows:
            self.cursor = index % len(self.rows)

    def action_open(self) -> None:
        """Ask to see the row under the cursor in depth."""
        row = self.selected
        if row is not None:
            self.post_message(self.RowSelected(self, row))
