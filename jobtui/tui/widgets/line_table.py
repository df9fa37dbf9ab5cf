"""A table that renders only its visible lines, and repaints only the lines whose content changed.

The table is generic: columns turn rows into cells. A change of one cell costs one line, and ten thousand rows
cost no more than those that fit on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from math import ceil
from textwrap import wrap
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget

from jobtui.tui.widgets.tones import ToneStyles

Row = TypeVar("Row")
Cell = Sequence[tuple[str, str]]  # pieces of text, each with its tone; "" is the default tone

MARK_WIDTH = 2  # cells before the first column, for the cursor's mark
_MARK_ROOM = 1  # cells for the mark after a title
FOCUSED_MARK = "▸"  # at the cursor's row while the table has the focus
UNFOCUSED_MARK = "›"  # noqa: RUF001 - and while it does not: this narrow sign is intended
CHOSEN_MARK = "◆"  # in the cell after it, at rows that the user has marked
_MOST_KEPT = 300  # rows whose cells are kept, and as many strips: more than there are in a large terminal
_LEAST_WIDTH = 4  # cells, of a column that gives way in a narrow table
COLUMN_GAP = 1  # cells between two columns
_FACING_GAP = 2  # cells between a column that is aligned to the right and one that is not: their texts meet
_PARTS = 8  # of a cell, in which the thumb of a scrollbar may end
SCROLLBAR_WIDTH = 1  # cells that stay free, so that columns keep their places when the scrollbar appears


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column.

    Attributes:
        key: The column's name in the code.
        title: Its title on the screen.
        width: Its width in cells; the minimum, if it has a fraction.
        cell: Returns the cell of a row as of an instant.
        fraction: Its share of the width that is left over; 0 keeps its width fixed.
        align_right: Whether its text is aligned to the right.
        drop_order: The column with the highest number, and of several the last one, is dropped first if the
            table is too narrow for it, and for what those with a lower number want; a column with 0 is never
            dropped.
        sort_key: Returns the value by which this column sorts a row; None if the column cannot sort.
        wanted: The width that it gets before others get their fractions, if there is room; 0 for `width`.
        fitted_cell: Returns the cell of a row as of an instant, given the width of the column; in place of
            `cell`, for what should fill its width or be cut by itself.
        about: What it shows, in a line, for the user who chooses columns.
        largest_first: Whether its usual order begins with the largest value.
        lasts: Whether the cell of a row stays the same, whatever the time and the other rows are. Such a cell
            is built once for each row.
    """

    key: str
    title: str
    width: int
    cell: Callable[[Row, datetime], Cell]
    fraction: int = 0
    align_right: bool = False
    drop_order: int = 0
    sort_key: Callable[[Row], Any] | None = None
    wanted: int = 0
    fitted_cell: Callable[[Row, datetime, int], Cell] | None = None
    about: str = ""
    largest_first: bool = False
    lasts: bool = False

    def content(self, row: Row, now: datetime, width: int) -> Cell:
        """Return the cell of a row as of an instant, for a width in cells."""
        return self.cell(row, now) if self.fitted_cell is None else self.fitted_cell(row, now, width)


def gaps_after(columns: Sequence[Column[Any]]) -> dict[str, int]:
    """Return the cells after each of some columns, by its key."""
    following = [*(column.align_right for column in columns[1:]), True]
    return {
        column.key: _FACING_GAP if column.align_right and not next_right else COLUMN_GAP
        for column, next_right in zip(columns, following, strict=True)
    }


class LineTable(ScrollView, Generic[Row], can_focus=True):
    """Rows in columns, with a cursor that stays on its row even if the row moves.

    Args:
        columns: The columns.
        key: Returns the value that identifies a row from one update to the next.
        empty: The text to show if there are no rows.
        header: Whether the first line has the columns' titles.
        anchored: Whether the cursor follows its row from the first line, too, and is marked while the table
            does not have the focus. Without it, a cursor on the first line stays there: use that for lists
            that grow at the top.
        openable: Whether the key to open a row does something; it is not shown otherwise.
    """

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
        """The user opened a row."""

        row: Any

    @dataclass
    class HeaderSelected(Message):
        """The user clicked the title of a column."""

        column: Column[Any]

    cursor: reactive[int] = reactive(0, repaint=False)
    fitting: reactive[tuple[str, ...]] = reactive((), repaint=False)  # the keys of the columns that have room

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        *,
        empty: str,
        header: bool = False,
        anchored: bool = False,
        openable: bool = True,
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        super().__init__(id=id)
        self.rows: tuple[Row, ...] = ()
        self._toned = ToneStyles(self)
        self._columns = columns
        self._row_key = key
        self._empty_text = empty
        self._header = int(header)
        self._follows_row = anchored
        self._openable = openable
        self._chosen: frozenset[Hashable] = frozenset()  # the keys of the rows that the user has marked
        self._marked_column = ""  # the key of the column with a mark, such as ▲, after its title
        self._column_mark = ""
        self._now: datetime | None = None
        self._fitted: list[tuple[Column[Row], int]] = []  # the columns that fit, with their widths
        self._gaps: dict[str, int] = {}  # the cells after each of them, by key
        self._row_width = 0  # of the mark, the columns and the gaps
        self._fitted_width = -1  # the width of the table that they fit
        self._wanted: dict[str, tuple[int, int]] = {}  # see `want`
        self._painted: dict[int, tuple[Any, ...]] = {}  # the content of each line when it was last rendered
        # The cells of rows that were shown, each with its row, by the identity of the row; and their strips.
        self._built: dict[int, tuple[Row, tuple[Cell, ...]]] = {}
        self._strips: dict[tuple[tuple[Cell, ...], str, str], Strip] = {}

    # --- content ----------------------------------------------------------------------------------

    def update_rows(self, rows: Sequence[Row], now: datetime) -> None:
        """Show these rows as of the instant `now`; repaint the lines whose content changed."""
        selected = self.selected
        if bool(rows) != bool(self.rows) and self.has_focus:
            self.screen.refresh_bindings()  # later, with the new rows: see `check_action`
        self.rows = tuple(rows)  # the same object, if it is one
        self._now = now
        self._update_height(len(self.rows) + self._header)
        self.cursor = self._cursor_for(selected)
        self._repaint_changed_lines()

    def _update_height(self, height: int) -> None:
        """Note how many lines there are. A new layout is needed only if the scrollbar comes or goes."""
        size, shown = Size(self.size.width, height), self.size.height
        if size == self.virtual_size:
            return
        fits = height <= shown
        if (self.virtual_size.height <= shown) == fits and (fits or self.scroll_offset.y <= height - shown):
            self.set_reactive(LineTable.virtual_size, size)
            if self.show_vertical_scrollbar:
                self._show_height_in_scrollbar(height)
        else:
            self.virtual_size = size

    def _show_height_in_scrollbar(self, height: int) -> None:
        """Give the scrollbar the number of lines. It is repainted only if that moves an end of its thumb."""
        bar = self.vertical_scrollbar
        if self._thumb(height) == self._thumb(bar.window_virtual_size):
            bar.set_reactive(ScrollBar.window_virtual_size, height)
        else:
            bar.window_virtual_size = height

    def _thumb(self, lines: int) -> tuple[int, int]:
        """Return the ends of the thumb for a number of lines, in parts of a cell, as Textual paints it."""
        bar, size = self.vertical_scrollbar, self.size.height
        length = max(1.0, size * bar.window_size / lines)
        start = int((size - length) * bar.position / max(1, lines - bar.window_size) * _PARTS)
        return start, start + ceil(length * _PARTS)

    def mark_rows(self, keys: Collection[Hashable]) -> None:
        """Show a mark at the rows with these keys, and at no other."""
        self._chosen = frozenset(keys)
        self._repaint_changed_lines()

    @property
    def columns(self) -> Sequence[Column[Row]]:
        """All columns, with those that do not fit."""
        return self._columns

    @property
    def selected(self) -> Row | None:
        """The row under the cursor; None if there are no rows."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def shows_cursor(self) -> bool:
        """Whether the row under the cursor is visible; a small terminal cuts tables off."""
        y = self.content_region.y + self._header + self.cursor - self.scroll_offset.y
        around = [node.region for node in self.ancestors if isinstance(node, Widget)]
        return bool(self.rows) and all(each.y <= y < each.bottom for each in (self.content_region, *around))

    def select(self, matches: Callable[[Row], bool]) -> bool:
        """Move the cursor down to the next row that matches, after the last row from the top.

        Returns:
            Whether a row matches.
        """
        after = [*range(self.cursor + 1, len(self.rows)), *range(min(self.cursor + 1, len(self.rows)))]
        index = next((index for index in after if matches(self.rows[index])), None)
        if index is not None:
            self.cursor = index
        return index is not None

    def place_of(self, key: str) -> tuple[int, int]:
        """Return the first cell of a column, and its width; (0, 0) if it is not shown."""
        left = MARK_WIDTH
        for column, width in self._fitted:
            if column.key == key:
                return left, width
            left += width + self._gaps[column.key]
        return 0, 0

    def set_empty_text(self, text: str) -> None:
        """Change the text to show if there are no rows."""
        if text != self._empty_text:
            self._empty_text = text
            self.refresh()

    def show_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Show other columns."""
        self._columns = columns
        self._fit()
        self.refresh()

    def want(self, key: str, needed: int, first: int | None = None) -> None:
        """Say how many cells a column needs for all that it shows.

        A flexible column gets no more, and less than its `width` if it needs less: other texts have the room.

        Args:
            key: The column.
            needed: The cells.
            first: How many of them it gets before others get their fractions, in place of its `wanted`; None
                for all.
        """
        wanted = needed, needed if first is None else min(first, needed)
        if self._wanted.get(key) != wanted:
            self._wanted[key] = wanted
            self._fit()
            self.refresh()

    def show_header(self, shown: bool) -> None:
        """Show or hide the line with the columns' titles."""
        if shown != bool(self._header):
            self._header = int(shown)
            self.on_resize()

    def mark_column(self, key: str, mark: str) -> None:
        """Show a mark after the title of one column, and remove the mark of any other."""
        self._marked_column, self._column_mark = key, mark
        self.refresh()

    def _cursor_for(self, selected: Row | None) -> int:
        at = max(0, min(self.cursor, len(self.rows) - 1))
        if not self.rows or selected is None or (at == 0 and not self._follows_row):
            return at
        key = self._row_key(selected)
        if self._row_key(self.rows[at]) == key:  # usually, and then a search is not necessary
            return at
        return next((index for index, row in enumerate(self.rows) if self._row_key(row) == key), at)

    def _repaint_changed_lines(self) -> None:
        first: int | None = None  # of the changed lines before `y`, which are repainted as one region
        width, height = self.size  # once: Textual computes it each time
        for y in range(height + 1):
            if y in self._painted and y < height and self._painted[y] != self._line_content(y):
                first = y if first is None else first
            elif first is not None:
                self.refresh(Region(0, first, width, y - first))
                first = None

    def _line_content(self, y: int) -> tuple[Any, ...]:
        """Return the content of line `y`, without styles, to find out whether it has changed."""
        if y < self._header:
            return ("header", self._marked_column, self._column_mark)
        index = self.scroll_offset.y + y - self._header
        if index >= len(self.rows):
            return () if self.rows else ("empty", self._empty_line(y - self._header))
        now, row = self._now, self.rows[index]
        assert now is not None  # update_rows sets it with the rows
        _, lasting = self._built.get(id(row), (row, repeat(None)))
        built = zip(self._fitted, lasting, strict=False)
        cells = tuple(
            cell if column.lasts and cell is not None else tuple(column.content(row, now, width))
            for (column, width), cell in built
        )
        if len(self._built) > _MOST_KEPT:
            self._built.clear()
        self._built[id(row)] = row, cells
        return (cells, index == self.cursor, bool(self._chosen) and self._row_key(row) in self._chosen)

    def _empty_line(self, index: int) -> str:
        """Return a line of the text for a table without rows, wrapped at the width."""
        lines = wrap(self._empty_text, max(1, self.size.width - MARK_WIDTH - SCROLLBAR_WIDTH))
        return lines[index] if index < len(lines) else ""

    # --- lines ------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Render one line, counted from the top of the widget."""
        width = self.size.width
        if self._fitted_width != width:  # the event of the new size comes later
            self._fit()
        content = self._painted[y] = self._line_content(y)
        if y < self._header:
            return self._row_strip(
                tuple(((self._title_of(column), ""),) for column, _ in self._fitted), "header", "  "
            )
        if not content:
            return Strip.blank(width, self._toned())
        if content[0] == "empty":
            text = Segment(f"  {content[1]}", self._toned("muted"))
            return Strip([text]).adjust_cell_length(width, self._toned())
        cells, at_cursor, is_chosen = content
        mark = CHOSEN_MARK if is_chosen else " "
        if at_cursor and self.has_focus:
            # The background is so close to the usual one that the tones stay readable on it.
            return self._row_strip(cells, "cursor", FOCUSED_MARK + mark)
        if at_cursor and self._follows_row:
            return self._row_strip(cells, "pointer", UNFOCUSED_MARK + mark)
        return self._row_strip(cells, "", f" {mark}")

    def _row_strip(self, cells: tuple[Cell, ...], row_tone: str, mark: str) -> Strip:
        """Return the strip of a row. One that has only moved to another line keeps its strip."""
        key = (cells, row_tone, mark)
        if key not in self._strips:
            if len(self._strips) > _MOST_KEPT:
                self._strips.clear()
            self._strips[key] = self._paint_row(*key)
        return self._strips[key]

    def _paint_row(self, cells: tuple[Cell, ...], row_tone: str, mark: str) -> Strip:
        base = self._toned(row_tone)
        segments = [Segment(mark, base)]
        for (column, width), cell in zip(self._fitted, cells, strict=True):
            segments += self._cell_segments(cell, width, row_tone, align_right=column.align_right)
            segments.append(Segment(" " * self._gaps[column.key], base))
        table_width = self._fitted_width
        room = max(0, table_width - SCROLLBAR_WIDTH)
        if self._row_width <= room:  # usually; each other strip would take time
            padding = Segment(" " * (table_width - self._row_width), base)
            return Strip([*segments, padding], table_width)
        strip = Strip(segments)
        if strip.cell_length > table_width and strip.crop(room).text.strip():  # a very narrow table
            strip = Strip([*strip.adjust_cell_length(max(0, room - 1), base), Segment("…", base)])
        return strip.adjust_cell_length(room, base).adjust_cell_length(table_width, base)

    def _cell_segments(self, cell: Cell, width: int, row_tone: str, *, align_right: bool) -> list[Segment]:
        pieces: list[Segment] = []
        left = width
        # The first piece is shortened, so that a long name does not hide the short pieces after it.
        others = sum(cell_len(text) for text, _ in cell[1:])
        for index, (text, tone) in enumerate(cell):
            if left <= 0:
                break
            room = left - others if index == 0 and others < left else left
            fitted = text if cell_len(text) <= room else set_cell_size(text, room - 1) + "…"
            pieces.append(Segment(fitted, self._toned(row_tone, tone)))
            left -= cell_len(fitted)
        padding = Segment(" " * max(0, left), self._toned(row_tone))
        return [padding, *pieces] if align_right else [*pieces, padding]

    def _title_of(self, column: Column[Row]) -> str:
        return f"{column.title}{self._column_mark}" if column.key == self._marked_column else column.title

    def _fit(self) -> None:
        """Fit the columns to the width that the table has now."""
        self._fitted_width = self.size.width
        self._fitted = self._fit_columns(self._fitted_width - SCROLLBAR_WIDTH)
        self._gaps = gaps_after([column for column, _ in self._fitted])
        self._row_width = MARK_WIDTH + sum(width + self._gaps[column.key] for column, width in self._fitted)
        self.fitting = tuple(column.key for column, _ in self._fitted)
        self._painted.clear()
        self._built.clear()
        self._strips.clear()

    def _fit_columns(self, width: int) -> list[tuple[Column[Row], int]]:
        """Return the columns that fit into a width, each with its own width."""
        columns = list(self._columns)

        def least_of(column: Column[Row]) -> int:
            if not column.fraction or column.key not in self._wanted:
                return column.width
            needed, _ = self._wanted[column.key]
            return min(column.width, max(needed, cell_len(column.title) + _MARK_ROOM))

        def width_with(last: Column[Row]) -> int:
            """Return the width, if each column before another to be dropped gets what it wants."""
            widths = [
                max(least_of(each), each.wanted if each.drop_order < last.drop_order else 0)
                for each in columns
            ]
            return MARK_WIDTH + sum(widths) + sum(gaps_after(columns).values())

        while columns:
            last = max(reversed(columns), key=lambda column: column.drop_order)
            if not last.drop_order or width_with(last) <= width:
                break
            columns.remove(last)
        gaps = sum(gaps_after(columns).values())
        spare = width - MARK_WIDTH - sum(map(least_of, columns)) - gaps
        spare, over = max(0, spare), max(0, -spare)
        least = []
        for column in columns:
            _, first = self._wanted.get(column.key, (0, column.wanted))
            extra = min(spare, max(0, first - least_of(column)))
            spare -= extra
            least.append(least_of(column) + extra)
        fractions = sum(column.fraction for column in columns)
        fitted = []
        for column, given in zip(columns, least, strict=True):
            most, _ = self._wanted.get(column.key, (width, 0))
            extra = spare * column.fraction // fractions if fractions else 0
            extra = min(extra, max(0, most - given))
            if over and column.fraction:
                # The flexible columns give way, and show that they are cut: others would lose their ends.
                extra = -min(over, max(0, given - _LEAST_WIDTH))
                over += extra
            spare, fractions = spare - max(0, extra), fractions - column.fraction
            fitted.append((column, given + extra))
        return fitted

    # --- events -----------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """Forget the strips, which have the colours of the theme before."""
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self) -> None:
        """Fit the columns to the new width, and keep the cursor visible."""
        self._fit()
        self.virtual_size = Size(self.size.width, len(self.rows) + self._header)
        self._scroll_to_cursor()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row and open it on a double click; select a clicked title."""
        at = event.get_content_offset(self)  # event.y would count the border
        if at is None:
            return
        if at.y < self._header:
            right = MARK_WIDTH
            for column, width in self._fitted:
                left, right = right, right + width + self._gaps[column.key]
                if left <= at.x < right:
                    self.post_message(self.HeaderSelected(column))
            return
        index = self.scroll_offset.y + at.y - self._header
        if index < len(self.rows):
            self.cursor = index
            if event.chain > 1:
                self.action_open()

    def watch_cursor(self) -> None:
        """Repaint the cursor's old and new line."""
        self._scroll_to_cursor()
        self._repaint_changed_lines()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Repaint every line, and keep the cursor on a visible row: keys act on that row."""
        super().watch_scroll_y(old_value, new_value)
        self._painted.clear()
        self.refresh()
        height, top = self.size.height - self._header, self.scroll_offset.y
        if self.rows and height > 0:
            self.cursor = max(top, min(self.cursor, top + height - 1, len(self.rows) - 1))

    def watch_show_vertical_scrollbar(self) -> None:
        """Give the scrollbar its position, which it did not get while it was hidden."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = self.scroll_y

    def _scroll_to_cursor(self) -> None:
        height, top = self.size.height - self._header, self.scroll_offset.y
        if height > 0 and not top <= self.cursor < top + height:
            y = self.cursor if self.cursor < top else self.cursor - height + 1
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    # --- actions ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Disable the key to open a row while there is none, and hide it where rows do not open."""
        if action != "open":
            return True
        return (True if self.shows_cursor else None) if self._openable else False

    def action_move(self, by: int) -> None:
        """Move the cursor by a number of rows."""
        if self.rows:
            self.cursor = max(0, min(len(self.rows) - 1, self.cursor + by))

    def action_move_page(self, by: int) -> None:
        """Move the cursor by a number of pages."""
        self.action_move(by * max(1, self.size.height - self._header))

    def action_move_to(self, index: int) -> None:
        """Move the cursor to the first (0) or the last (-1) row."""
        if self.rows:
            self.cursor = index % len(self.rows)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.selected is not None and self.shows_cursor:
            self.post_message(self.RowSelected(self.selected))
