"""The history: the runs that meet a query, newest first, page after page."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from jobtui.engine.views import RunPage, RunView
from jobtui.frontend.formatting import pluralize
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.screens.streak_screen import StreakScreen
from jobtui.tui.screens.why_screen import WhyScreen
from jobtui.tui.widgets.columns_of_runs import HISTORY_COLUMNS, run_key
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.literal_text import cell_width, literal_title

PAGE = 100  # runs that are asked for at once
AHEAD = 20  # rows before the last one at which the next page is asked for
_EXAMPLE = 'job:import* state:failed since:2d took:>5s trigger:hand "timed out"'


class QueryInput(Input):
    """The field for the query."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Search", id="history.search"),
        Binding("escape,down", "screen.focus_runs", "To the runs", id="history.runs"),
    ]


class _PageRequest(NamedTuple):
    """A page to ask for.

    Attributes:
        query: The query.
        cursor: The cursor of the page; "" for the first one.
    """

    query: str
    cursor: str = ""


class HistoryScreen(ModalScreen[None]):
    """Searches the runs. What it shows stays as it is until the next search.

    Args:
        background_commands: Executes the user's commands, with the scheduler that has the runs.
        query: The first query.
        is_typing: Whether the user goes on to type that query.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,h", "dismiss", "Close", key_display="esc", id="history.close"),
        Binding("slash", "edit_query", "Query", key_display="/", id="history.query"),
        Binding("l", "log", "Log", id="history.log"),
        Binding("w", "why", "Why", id="history.why"),
        Binding(
            "f",
            "first_failure",
            "First failure",
            tooltip="The first failure of this streak, and the commit before it",
            id="history.first_failure",
        ),
        Binding("r", "search_again", "Search again", id="history.again"),
    ]

    def __init__(
        self, background_commands: BackgroundCommands, query: str = "", *, is_typing: bool = False
    ) -> None:
        super().__init__()
        self._is_typing = is_typing
        self._commands = background_commands
        self._backend = background_commands.backend
        self._question = _PageRequest(query)
        self._runs: tuple[RunView, ...] = ()
        self._next = ""  # the cursor of the page that follows the runs
        self._query = BackgroundQuery(self, self._ask, self._show_page, self._show_error)
        self._input = QueryInput(
            query,
            placeholder=_EXAMPLE,
            id="history-query",
            compact=True,
            select_on_focus=not is_typing,  # the next letter would replace what is selected
        )
        self._error = Static(id="history-error")
        self._table = LineTable(
            HISTORY_COLUMNS, run_key, empty="searching", header=True, anchored=True, id="history"
        )

    def compose(self) -> ComposeResult:
        """Compose the query, the place of an error, and the runs."""
        with Vertical(classes="dialog large") as box:
            box.border_title = "History"
            yield self._input
            yield self._error
            yield self._table
        yield KeyFooter()

    def on_mount(self) -> None:
        """Search."""
        self._error.display = False
        self.watch(self._table, "cursor", self._ask_for_more, init=False)
        self.set_focus(self._input if self._is_typing else self._table)
        self._query.request()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Disable the keys that are text while the user types a query, and so remove them from the footer."""
        return self.focused is not self._input or action == "focus_runs"

    # --- searching --------------------------------------------------------------------------------

    def _ask(self) -> tuple[_PageRequest, RunPage]:
        question = self._question  # the app's thread may replace it
        return question, self._backend.search_runs(question.query, limit=PAGE, cursor=question.cursor)

    def _show_page(self, answer: tuple[_PageRequest, RunPage]) -> None:
        question, page = answer
        if question != self._question:  # another search has begun
            return
        if not question.cursor:
            self._runs = ()
            self._table.action_move_to(0)
        self._runs += page.runs
        self._next = page.next
        self._error.display = False
        now = self._backend.snapshot().at
        self._table.set_empty_text("no run meets the query" if question.query.strip() else "no run has ended")
        self._table.want("job", max((cell_width(run.job) for run in self._runs), default=0))
        self._table.update_rows(self._runs, now)
        more = " and more" if page.next else ""
        asked = f", {question.query}" if question.query.strip() else ""
        title = f"History: {pluralize(len(self._runs), 'run')}{more} at {now:%H:%M:%S}{asked}"
        self.query_one(".dialog").border_title = literal_title(title)

    def _show_error(self, error: Exception) -> None:
        self._error.update(Text(error_text(error)))
        self._error.display = True

    def _ask_for_more(self, cursor: int) -> None:
        """Ask for the next page when the cursor comes near the last row."""
        if self._next and cursor >= len(self._runs) - AHEAD:
            self._question = _PageRequest(self._question.query, self._next)
            self._next = ""
            self._query.request()

    # --- keys and messages ------------------------------------------------------------------------

    def action_edit_query(self) -> None:
        """Move to the query."""
        self.set_focus(self._input)

    def action_focus_runs(self) -> None:
        """Move to the runs."""
        self.set_focus(self._table)

    def action_log(self) -> None:
        """Show the output of the selected run."""
        run = self._table.selected
        if run is not None and run.number:
            self.app.push_screen(LogScreen.of_run(run, self._commands))
        else:
            self._commands.notify("the selected row has no run, so there is no output", "warning")

    def action_why(self) -> None:
        """Explain the selected run."""
        if self._table.selected is not None:
            self.app.push_screen(WhyScreen.of_run(self._table.selected, self._backend))

    def action_first_failure(self) -> None:
        """Show the failures in a row to which the selected run belongs, and the commit before them."""
        if self._table.selected is not None:
            self.app.push_screen(StreakScreen(self._table.selected, self._commands))

    def action_search_again(self) -> None:
        """Search again, for what has ended in the meantime."""
        self._question = _PageRequest(self._question.query)
        self._query.request()

    @on(Input.Submitted)
    def _search(self, message: Input.Submitted) -> None:
        message.stop()
        self._question = _PageRequest(message.value)
        self._next = ""
        self._query.request()
        self.set_focus(self._table)

    @on(LineTable.RowSelected)
    def _open_run(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.app.push_screen(RunScreen(message.row, self._commands))
