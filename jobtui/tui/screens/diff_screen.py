"""The difference between the output of a run and that of the last OK run of its job."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from jobtui.engine.views import RunView
from jobtui.frontend.diff_folds import NO_DIFFERENCE, DiffFolds
from jobtui.frontend.formatting import format_date_time, pluralize, run_label
from jobtui.frontend.log_view import LineSearch
from jobtui.frontend.output_diff import (
    DIFF_SIGNS,
    DiffRow,
    OutputDiff,
    compare_with_last_ok,
)
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.widgets.key_footer import KeyFooter, adapt_bindings
from jobtui.tui.widgets.literal_text import cell_text, literal_title
from jobtui.tui.widgets.log_lines import LogLines, LogSearchInput, PaintedLine
from jobtui.tui.widgets.state_line import Piece, StateLine


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
        Binding("enter", "toggle_fold", "Unfold", tooltip="Unfold equal lines, or fold them", id="diff.fold"),
        Binding("a", "toggle_folds", "All", tooltip="Unfold all, or fold all again", id="diff.all_folds"),
        Binding("slash", "search", "Search", key_display="/", id="diff.search"),
        Binding("W", "toggle_wrap", "Wrap", id="diff.wrap"),
        Binding("y", "copy", "Copy", tooltip="Copy the selected line", id="diff.copy"),
        Binding("g,home", "move_to(0)", "First line", show=False, id="diff.first"),
        Binding("G,end", "move_to(-1)", "Last line", show=False, id="diff.last"),
    ]

    def __init__(self, run: RunView, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._run = run
        self._commands = background_commands
        self._rows = DiffFolds(NO_DIFFERENCE)
        self._search: LineSearch | None = None
        self._answer: tuple[RunView, OutputDiff] | None = None
        question = partial(compare_with_last_ok, background_commands.backend, run)
        self._query = BackgroundQuery(self, question, self._show_diff, self._show_error)
        self._state = StateLine(id="diff-state")
        self._lines: LogLines[DiffRow] = LogLines(
            self._rows, self._paint, lambda row: row.text, id="diff-lines"
        )
        self._lines.set_empty_text("reading the output of both runs")
        self._input = LogSearchInput(
            id="log-search", compact=True, placeholder="search, also in folded lines"
        )

    def compose(self) -> ComposeResult:
        """Compose the state and the rows."""
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(f"Difference: {self._run.job} {run_label(self._run)}")
            yield self._state
            yield self._lines
            yield self._input
        yield KeyFooter()

    def on_mount(self) -> None:
        """Compare."""
        self._input.display = False
        self.set_focus(self._lines)
        self._query.request()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Disable the keys that are text while the user types, and so remove them from the footer."""
        return self.focused is not self._input or action == "clear_search"

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys for the footer. It dims those that have no effect on this difference."""
        useless = set() if self._rows.has_folds else {"toggle_fold", "toggle_folds"}
        if self._lines.selected is None:
            useless |= {"copy", "search"}
        labels = {} if self._search is None else {"move(1)": "Next match"}
        return adapt_bindings(super().active_bindings, useless, labels)

    def _show_diff(self, answer: tuple[RunView, OutputDiff]) -> None:
        self._answer = answer
        _, diff = answer
        self._lines.rows = self._rows = DiffFolds(diff)
        self._lines.set_empty_text("neither run has written anything")
        self._move_to(diff.differences[0] if diff.differences else 0)
        self.refresh_bindings()

    def _show_error(self, error: Exception) -> None:
        self._lines.set_empty_text(error_text(error))

    def _show_state(self) -> None:
        if self._answer is None:
            return
        ok, diff = self._answer
        left: list[Piece] = [(f"- only in #{ok.number}, OK at {format_date_time(ok.ended)}", "removed")]
        left.append((f"+ only in #{self._run.number}", "ok"))
        number = sum(index <= self._lines.cursor for index in self._rows.differences)
        right: list[Piece] = [(f"{number} of {diff.summary}" if number else diff.summary, "strong")]
        if self._search is not None:
            right.insert(0, (self._search_text(self._search), "strong"))
        if diff.limit:
            right.append((f"! {diff.limit}", "waiting"))
        self._state.show(left, right)

    def _paint(self, row: DiffRow, text: str) -> PaintedLine:
        sign, tone = DIFF_SIGNS[row.kind]
        spans = [(begin, end, "changed") for begin, end in row.changed] if text == row.text else []
        if self._search is not None and not row.is_title:
            spans = [(begin, end, "match") for begin, end in self._search.spans(text)] or spans
        return PaintedLine([(sign, tone)], text, tone, spans)

    @on(LogLines.Moved)
    def _after_move(self) -> None:
        self._show_state()

    def action_move(self, step: int) -> None:
        """Move to the next difference or the previous one; while there is a search, to a match."""
        cursor = self._lines.cursor
        if self._search is not None:
            index = self._rows.next_match(cursor, step)
        elif step > 0:
            index = next((index for index in self._rows.differences if index > cursor), None)
        else:
            index = next((index for index in reversed(self._rows.differences) if index < cursor), None)
        if index is None:
            name = "difference" if self._search is None else "match"
            self._commands.notify(f"no {name} {'below' if step > 0 else 'above'}", "warning")
        else:
            self._move_to(index)

    def action_move_to(self, index: int) -> None:
        """Move to the first row (0) or the last one (-1)."""
        self._move_to(index % max(1, self._rows.end))

    def _move_to(self, index: int) -> None:
        self._lines.move_to(index)
        self._show_state()

    # --- folds and search -------------------------------------------------------------------------

    @on(LogLines.RowOpened)
    def action_toggle_fold(self) -> None:
        """Unfold the equal lines under the cursor, or fold those that the row belongs to."""
        index = self._rows.toggle(self._lines.cursor)
        if index is None:
            self._commands.notify("no equal lines are folded here; a unfolds all", "warning")
        else:
            self._move_to(index)

    def action_toggle_folds(self) -> None:
        """Unfold all equal lines, or fold them."""
        if self._rows.has_folds:
            self._move_to(self._rows.toggle_all(self._lines.cursor))
        else:
            self._commands.notify("no equal lines are folded", "warning")

    def action_search(self) -> None:
        """Show the field for the text, and move there."""
        self._input.display = True
        self.set_focus(self._input)

    def action_clear_search(self) -> None:
        """Forget the search, and return to the rows."""
        self._input.value = ""
        self._set_search("")
        self._hide_input()

    @on(Input.Changed, "#log-search")
    def _search_while_typing(self, message: Input.Changed) -> None:
        self._set_search(message.value)

    @on(Input.Submitted, "#log-search")
    def _start_search(self) -> None:
        self._hide_input()
        if self._search is not None and self._rows.match_number(self._lines.cursor) is None:
            index = self._rows.next_match(self._lines.cursor, 1)
            index = self._rows.next_match(self._lines.cursor, -1) if index is None else index
            if index is None:
                self._commands.notify("no match", "warning")
            else:
                self._move_to(index)

    def _set_search(self, text: str) -> None:
        self._search = LineSearch(text) if text else None
        self._rows.search(None if self._search is None else self._search.matches)
        self._lines.refresh()
        self._show_state()

    def _hide_input(self) -> None:
        self._input.display = False
        self.set_focus(self._lines)
        self.refresh_bindings()

    def _search_text(self, search: LineSearch) -> str:
        count, number = self._rows.match_count, self._rows.match_number(self._lines.cursor)
        place = pluralize(count, "line") if number is None else f"{number} of {count}"
        return f"/{cell_text(search.text)}/ {place}"

    def action_toggle_wrap(self) -> None:
        """Wrap long lines, or cut them off."""
        self._lines.set_wraps(not self._lines.wraps)

    def action_copy(self) -> None:
        """Copy the text of the selected line."""
        row = self._lines.selected
        if row is not None and not row.is_title:
            self._commands.copy(row.text, "the line")
