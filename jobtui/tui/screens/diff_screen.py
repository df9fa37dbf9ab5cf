"""The difference between the output of a run and that of the last OK run of its job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from jobtui.engine.views import RunView
from jobtui.frontend.formatting import format_date_time, run_label
from jobtui.frontend.output_diff import (
    DIFF_SIGNS,
    DiffKind,
    DiffRow,
    OutputDiff,
    compare_with_last_ok,
)
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import literal_title
from jobtui.tui.widgets.log_lines import LogLines, PaintedLine
from jobtui.tui.widgets.state_line import Piece, StateLine


@dataclass(slots=True)
class DiffRows:
    """The rows of a difference, with their indices."""

    rows: Sequence[DiffRow] = ()

    @property
    def first(self) -> int:
        """The index of the first row."""
        return 0

    @property
    def end(self) -> int:
        """The index after the last row."""
        return len(self.rows)

    def row(self, index: int) -> DiffRow:
        """Return a row."""
        return self.rows[index]


class DiffScreen(ModalScreen[None]):
    """Compares the output that a run has written so far; numbers and times count as equal.

    Args:
        run: The run.
        background_commands: Shows messages; has the scheduler.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d", "dismiss", "Close", key_display="esc", id="diff.close"),
        Binding("n", "move(1)", "Next difference", id="diff.next"),
        Binding("N", "move(-1)", "Previous", id="diff.previous"),
        Binding("W", "toggle_wrap", "Wrap", id="diff.wrap"),
        Binding("y", "copy", "Copy", tooltip="Copy the selected line", id="diff.copy"),
        Binding("g,home", "move_to(0)", "First line", show=False, id="diff.first"),
        Binding("G,end", "move_to(-1)", "Last line", show=False, id="diff.last"),
    ]

    def __init__(self, run: RunView, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._run = run
        self._commands = background_commands
        self._rows = DiffRows()
        self._answer: tuple[RunView, OutputDiff] | None = None
        question = partial(compare_with_last_ok, background_commands.backend, run)
        self._query = BackgroundQuery(self, question, self._show_diff, self._show_error)
        self._state = StateLine(id="diff-state")
        self._lines: LogLines[DiffRow] = LogLines(
            self._rows, self._paint, lambda row: row.text, id="diff-lines"
        )
        self._lines.set_empty_text("reading the output of both runs")

    def compose(self) -> ComposeResult:
        """Compose the state and the rows."""
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(f"Difference: {self._run.job} {run_label(self._run)}")
            yield self._state
            yield self._lines
        yield KeyFooter()

    def on_mount(self) -> None:
        """Compare."""
        self.set_focus(self._lines)
        self._query.request()

    def _show_diff(self, answer: tuple[RunView, OutputDiff]) -> None:
        self._answer = answer
        _, diff = answer
        self._rows.rows = diff.rows
        self._lines.set_empty_text("neither run has written anything")
        self._lines.move_to(diff.differences[0] if diff.differences else 0)
        self._show_state()

    def _show_error(self, error: Exception) -> None:
        self._lines.set_empty_text(error_text(error))

    def _show_state(self) -> None:
        if self._answer is None:
            return
        ok, diff = self._answer
        left: list[Piece] = [(f"- only in #{ok.number}, OK at {format_date_time(ok.ended)}", "failed")]
        left.append((f"+ only in #{self._run.number}", "ok"))
        number = sum(place <= self._lines.cursor for place in diff.differences)
        right: list[Piece] = [(f"{number} of {diff.summary}" if number else diff.summary, "strong")]
        if diff.limit:
            right.append((f"! {diff.limit}", "waiting"))
        self._state.show(left, right)

    def _paint(self, row: DiffRow, text: str) -> PaintedLine:
        sign, tone = DIFF_SIGNS[row.kind]
        spans = [(begin, end, "changed") for begin, end in row.changed] if text == row.text else ()
        return PaintedLine([(sign, tone)], text, tone, spans)

    @on(LogLines.Moved)
    def _after_move(self) -> None:
        self._show_state()

    def action_move(self, step: int) -> None:
        """Move to the next difference, or to the previous one."""
        differences = () if self._answer is None else self._answer[1].differences
        cursor = self._lines.cursor
        if step > 0:
            place = next((place for place in differences if place > cursor), None)
        else:
            place = next((place for place in reversed(differences) if place < cursor), None)
        if place is None:
            self._commands.notify(f"no difference {'below' if step > 0 else 'above'}", "warning")
        else:
            self._lines.move_to(place)
            self._show_state()

    def action_move_to(self, index: int) -> None:
        """Move to the first row (0) or the last one (-1)."""
        self._lines.move_to(index % max(1, self._rows.end))
        self._show_state()

    def action_toggle_wrap(self) -> None:
        """Wrap long lines, or cut them off."""
        self._lines.set_wraps(not self._lines.wraps)

    def action_copy(self) -> None:
        """Copy the text of the selected line."""
        row = self._lines.selected
        if row is not None and row.kind is not DiffKind.FOLDED:
            self._commands.copy(row.text, "the line")
