"""The output of all jobs and their subprocesses, line by line."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from jobtui.engine.views import Snapshot
from jobtui.frontend.backend import Backend
from jobtui.runtime.output_log import MAX_CHUNK, OutputChunk, OutputLine
from jobtui.tui.background_work import BackgroundQuery, error_text
from jobtui.tui.widgets.columns import OUTPUT_COLUMNS, output_key
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import LineTable


class OutputScreen(ModalScreen[None]):
    """Shows the output, and scrolls with it while the cursor is on the last line.

    Args:
        backend: The source of the output.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,o", "dismiss", "Close", key_display="esc", id="output.close"),
    ]

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend
        self._lines: deque[OutputLine] = deque(maxlen=MAX_CHUNK)
        self._last_number = 0  # the number of the last complete line received
        self._query = BackgroundQuery(
            self, lambda: backend.output_since(self._last_number), self._add_output, self._show_error
        )
        self._table = LineTable(
            OUTPUT_COLUMNS, output_key, empty="", header=True, openable=False, id="output"
        )

    def compose(self) -> ComposeResult:
        """Compose the table."""
        with Vertical(classes="dialog large") as box:
            box.border_title = "Output"
            yield self._table
        yield KeyFooter()

    def on_mount(self) -> None:
        """Request the output."""
        self.set_focus(self._table)
        self._query.request()

    def update_snapshot(self, _snapshot: Snapshot) -> None:
        """Request the output since the last line received."""
        if not self._backend.connection_error:
            self._query.request()

    def _add_output(self, chunk: OutputChunk) -> None:
        at_end = self._table.cursor >= len(self._table.rows) - 1
        if chunk.first != self._last_number + 1:  # lines are missing, or the scheduler has restarted
            self._lines.clear()
        self._lines.extend(chunk.lines)
        self._last_number = chunk.last
        self._table.set_empty_text("no output yet")
        self._table.update_rows([*self._lines, *chunk.unfinished], self._backend.snapshot().at)
        if at_end:
            self._table.action_move_to(-1)

    def _show_error(self, error: Exception) -> None:
        self._table.set_empty_text(error_text(error))
