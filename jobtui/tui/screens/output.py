"""What jobs and their subprocesses printed, line by line."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer

from jobtui.core.model import Snapshot
from jobtui.core.output import CONSOLE_LINES, Console
from jobtui.tui.columns import OUTPUT_COLUMNS, OutputLine
from jobtui.tui.line_table import LineTable


class OutputScreen(ModalScreen[None]):
    """Follows the output while the cursor is on its last line.

    Args:
        console: Where the output is kept.
        snapshot: Says what time it is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,o", "dismiss", "Close", key_display="esc", id="output.close"),
    ]

    def __init__(self, console: Console, snapshot: Snapshot) -> None:
        super().__init__()
        self._printed = console
        self._snapshot = snapshot
        self._table: LineTable[OutputLine] = LineTable(
            OUTPUT_COLUMNS, lambda line: line.place, empty="nothing was printed yet", header=True, id="output"
        )

    def compose(self) -> ComposeResult:
        """The lines."""
        with Vertical(classes="dialog large") as box:
            box.border_title = "Output"
            yield self._table
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin at the end."""
        self.show(self._snapshot)
        self._table.focus()
        self._table.action_move_to(-1)

    def show(self, snapshot: Snapshot) -> None:
        """Show what was printed up to now."""
        following = self._table.cursor >= len(self._table.rows) - 1
        lines = self._printed.lines()
        # Lines keep their place while older ones are dropped; unfinished ones are not counted as written.
        first = max(0, self._printed.written - CONSOLE_LINES)
        rows = [OutputLine(first + index, writer, text) for index, (writer, text) in enumerate(lines)]
        self._table.show(rows, snapshot.at)
        if following:
            self._table.action_move_to(-1)
