"""The screen of everything that is wrong now, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from jobtui.engine.views import Snapshot
from jobtui.frontend.alarm import Alarm, AlarmMemory, find_alarms
from jobtui.frontend.formatting import pluralize
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.text_lines import TextLine
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.wrapped_lines import WrappedLines


class AlarmsScreen(ModalScreen[Alarm]):
    """Lists the alarms. It returns the one whose cause the user wants to see.

    Args:
        snapshot: The scheduler.
        memory: Remembers what earlier snapshots of it have said.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,A", "dismiss", "Close", key_display="esc", id="alarms.close"),
    ]

    def __init__(self, snapshot: Snapshot, memory: AlarmMemory) -> None:
        super().__init__()
        self._index = JobIndex()
        self._snapshot = snapshot
        self._memory = memory
        self._alarms: Sequence[Alarm] = ()
        self._table = WrappedLines(empty="nothing is wrong now", id="alarms")

    def compose(self) -> ComposeResult:
        """Compose the list."""
        with Vertical(classes="dialog large"):
            yield self._table
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show the alarms."""
        self.set_focus(self._table)
        self.update_snapshot(self._snapshot)

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show what is wrong in a snapshot."""
        self._index.update(snapshot.jobs)
        alarms = find_alarms(snapshot, self._index, self._memory)
        texts = [alarm[:3] for alarm in alarms]
        if texts == [alarm[:3] for alarm in self._alarms] and self._table.rows:
            self._alarms = alarms
            return
        self._alarms = alarms
        self.query_one(Vertical).border_title = f"Alarms: {pluralize(len(alarms), 'thing')} wrong"
        self._table.update_lines([_line_of(number, alarm) for number, alarm in enumerate(alarms)])

    @on(LineTable.RowSelected)
    def _open(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.dismiss(self._alarms[int(message.row.line.part)])


def _line_of(number: int, alarm: Alarm) -> TextLine:
    sign = "✗" if alarm.tone == "failed" else "!"
    return TextLine(str(number), ((f"{sign} ", alarm.tone), (alarm.text, alarm.tone)), hang=2)
