"""What jobs and their subprocesses printed, line by line."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer

from jobtui.engine.views import Snapshot
from jobtui.frontend.backend import Backend
from jobtui.runtime.output_capture import MAX_LINES, Line, OutputChunk
from jobtui.tui.background import BackgroundQuery, said
from jobtui.tui.widgets.columns import OUTPUT_COLUMNS, OutputLine
from jobtui.tui.widgets.line_table import LineTable


class OutputScreen(ModalScreen[None]):
    """Follows the output while the cursor is on its last line.

    Args:
        source: Has the lines.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,o", "dismiss", "Close", key_display="esc", id="output.close"),
    ]

    def __init__(self, source: Backend) -> None:
        super().__init__()
        self._source = source
        self._lines: deque[Line] = deque(maxlen=MAX_LINES)
        self._last = 0  # the number of the last whole line that is known
        self._inquiry = BackgroundQuery(
            self, lambda: source.output_since(self._last), self._show_printed, self._show_refusal
        )
        self._table: LineTable[OutputLine] = LineTable(
            OUTPUT_COLUMNS, lambda line: line.place, empty="", header=True, id="output"
        )

    def compose(self) -> ComposeResult:
        """The lines."""
        with Vertical(classes="dialog large") as box:
            box.border_title = "Output"
            yield self._table
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Ask for the lines."""
        self._table.focus()
        self._inquiry.ask()

    def show(self, _snapshot: Snapshot) -> None:
        """Ask for what was printed since the last time."""
        if not self._source.connection_error:
            self._inquiry.ask()

    def _show_printed(self, printed: OutputChunk) -> None:
        following = self._table.cursor >= len(self._table.rows) - 1
        if (
            printed.first != self._last + 1
        ):  # what was known is older than all that is kept, or of another life
            self._lines.clear()
        self._lines.extend(printed.lines)
        self._last = printed.last
        # Lines keep their place while older ones are dropped; unfinished ones have no number yet.
        first = self._last - len(self._lines) + 1
        lines = [*self._lines, *printed.unfinished]
        rows = [OutputLine(first + index, writer, text) for index, (writer, text) in enumerate(lines)]
        self._table.show_empty("nothing was printed yet")
        self._table.show(rows, self._source.snapshot().at)
        if following:
            self._table.action_move_to(-1)

    def _show_refusal(self, error: Exception) -> None:
        self._table.show_empty(said(error))
