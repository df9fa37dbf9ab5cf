"""The grid of the calendar of load, with a cursor on one of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from jobtui.frontend.load_calendar import Layout, LoadCalendar, axis_line
from jobtui.tui.widgets.line_table import MARK_WIDTH
from jobtui.tui.widgets.tones import ToneStyles


class LoadGrid(ScrollView, can_focus=True):
    """A line for each hour, and above them the minutes. The cursor stays on its instant."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(0,-1)", "Earlier", show=False, id="grid.left"),
        Binding("right,l", "move(0,1)", "Later", show=False, id="grid.right"),
        Binding("up,k", "move(-1,0)", "An hour earlier", show=False, id="grid.up"),
        Binding("down,j", "move(1,0)", "An hour later", show=False, id="grid.down"),
        Binding("enter", "open", "Ticks", id="grid.open"),
    ]

    @dataclass
    class FieldOpened(Message):
        """The user opened a field."""

        hour: int
        place: int

    @dataclass
    class FieldSelected(Message):
        """The cursor moved to a field."""

        hour: int
        place: int

    cursor: reactive[tuple[int, int]] = reactive((0, 0), repaint=False)  # an hour and a minute

    def __init__(self) -> None:
        super().__init__(id="load-grid")
        self.layout_of_fields = Layout.of_width(0)
        self._calendar: LoadCalendar | None = None
        self._note = ""
        self._toned = ToneStyles(self)

    @property
    def field(self) -> tuple[int, int]:
        """The hour and the place of the field under the cursor."""
        hour, minute = self.cursor
        return hour, minute // self.layout_of_fields.step

    def show_note(self, note: str) -> None:
        """Show a text in place of the grid until there is a calendar."""
        if note != self._note:
            self._note = note
            self.refresh()

    def show_calendar(self, calendar: LoadCalendar) -> None:
        """Show a calendar. The cursor begins at its first minute."""
        before, self._calendar = self._calendar, calendar
        hour, minute = (0, calendar.forecast.start.minute) if before is None else self.cursor
        if before is not None:  # the first hour may be a later one
            passed = round((calendar.hours[0] - before.hours[0]).total_seconds() / 3600)
            hour = max(0, hour - passed)
        self.virtual_size = Size(self.size.width, len(calendar.hours) + 1)
        self.cursor = hour, minute
        self.refresh()
        self._select()

    def render_line(self, y: int) -> Strip:
        """Render one line, counted from the top of the widget."""
        base, width = self._toned(), self.size.width
        if self._calendar is None:
            note = Segment(f"{' ' * MARK_WIDTH}{self._note}" if y == 0 else "", self._toned("muted"))
            return Strip([note]).adjust_cell_length(width, base)
        margin = Segment(" " * MARK_WIDTH, base)
        layout = self.layout_of_fields
        if y == 0:
            axis = Segment(axis_line(layout), self._toned("muted"))
            return Strip([margin, axis]).adjust_cell_length(width, base)
        hour = self.scroll_offset.y + y - 1
        if hour >= len(self._calendar.hours):
            return Strip.blank(width, base)
        pieces = self._calendar.line(hour, layout)
        segments = [margin]
        at_hour, at_place = self.field
        for place, (text, tone) in enumerate(pieces, -1):  # the first piece is the hour
            shown = "field" if (hour, place) == (at_hour, at_place) else tone
            segments.append(Segment(text, self._toned("warning" if shown == "waiting" else shown)))
        return Strip(segments).simplify().adjust_cell_length(width, base)

    def on_resize(self) -> None:
        """Choose how many minutes a field stands for."""
        self.layout_of_fields = Layout.of_width(self.size.width - MARK_WIDTH)
        self._show_cursor()
        self._select()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked field, and open it on a double click."""
        at = event.get_content_offset(self)
        if at is None or self._calendar is None or at.y == 0:
            return
        hour = self.scroll_offset.y + at.y - 1
        if hour < len(self._calendar.hours):
            place = self.layout_of_fields.field_at(at.x - MARK_WIDTH)
            self.cursor = hour, place * self.layout_of_fields.step
            if event.chain > 1:
                self.action_open()

    def watch_cursor(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Repaint the lines of the old and the new field."""
        if self._calendar is not None:
            self._show_cursor()
            for hour in {before[0], after[0]}:
                self.refresh(Region(0, hour + 1 - self.scroll_offset.y, self.size.width, 1))
            self._select()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Repaint every line, and keep the cursor on a visible one."""
        super().watch_scroll_y(old_value, new_value)
        self.refresh()
        if self._calendar is not None and (height := self.size.height - 1) > 0:
            top = self.scroll_offset.y
            self.cursor = max(top, min(self.cursor[0], top + height - 1)), self.cursor[1]

    def _show_cursor(self) -> None:
        height, top, hour = self.size.height - 1, self.scroll_offset.y, self.cursor[0]
        if height > 0 and not top <= hour < top + height:
            y = hour if hour < top else hour - height + 1
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _select(self) -> None:
        if self._calendar is not None:
            self.post_message(self.FieldSelected(*self.field))

    def action_move(self, hours: int, fields: int) -> None:
        """Move the cursor by hours, or by fields, on through the hours."""
        if self._calendar is None:
            return
        per_hour, step = self.layout_of_fields.fields, self.layout_of_fields.step
        hour, place = self.field
        most = len(self._calendar.hours) * per_hour - 1
        index = max(0, min(most, hour * per_hour + place + fields))
        hour, place = divmod(index, per_hour)
        self.cursor = max(0, min(len(self._calendar.hours) - 1, hour + hours)), place * step

    def action_open(self) -> None:
        """Open the field under the cursor."""
        if self._calendar is not None:
            self.post_message(self.FieldOpened(*self.field))
