"""The first of the failures in a row to which a run belongs, and the commit that came in before it."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.views import RunView
from jobtui.frontend.failure_streak import FailureStreak, explain_streak
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text, literal_title


class StreakScreen(ModalScreen[None]):
    """Asks the scheduler and git, and shows the answer.

    Args:
        run: One of the failures. If it did not fail, the screen is about the latest run of its job.
        background_commands: Executes the user's commands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open_first", "Open the first", id="streak.open"),
        Binding("escape,q,f", "dismiss", "Close", key_display="esc", id="streak.close"),
    ]

    def __init__(self, run: RunView, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._job = run.job
        self._commands = background_commands
        self._first = 0  # the number of the first run that failed
        self._answer = Static("asking", id="streak")
        question = partial(
            explain_streak, background_commands.backend, run.job, run.number if run.state.failed else 0
        )
        self._query = BackgroundQuery(self, question, self._show_answer, self._show_error)
        self._opening = BackgroundQuery(self, self._find_run, self._open_run, self._show_error)

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = literal_title(f"First failure: {self._job}")
            yield self._answer
        yield KeyFooter()

    def on_mount(self) -> None:
        """Ask."""
        self._query.request()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Offer the first run that failed only if there is one."""
        return action != "open_first" or bool(self._first)

    def _show_answer(self, answer: tuple[FailureStreak | None, list[str]]) -> None:
        streak, (first, *others) = answer
        self._first = 0 if streak is None else streak.first
        text = Text(cell_text(first), "bold")
        for line in others:
            text.append(f"\n\n{cell_text(line)}", "not bold")
        self._answer.update(text)
        self.refresh_bindings()

    def _show_error(self, error: Exception) -> None:
        self._answer.update(Text(error_text(error)))

    def _find_run(self) -> RunView:
        return self._commands.backend.run_view(self._first)

    def _open_run(self, run: RunView) -> None:
        self.dismiss()
        self.app.push_screen(RunScreen(run, self._commands))

    def action_open_first(self) -> None:
        """Open the first run that failed."""
        self._opening.request()
