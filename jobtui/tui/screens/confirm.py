"""The dialog that asks for confirmation."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend import commands
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.tui.background_work import BackgroundCommands
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text


class ConfirmScreen(ModalScreen[bool]):
    """Asks a question, and is dismissed with True for yes or False for no.

    Args:
        question: The question.
        note: Information that helps to answer it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", id="confirm.yes"),
        Binding("n,escape,q", "dismiss(False)", "No", key_display="n", id="confirm.no"),
    ]

    def __init__(self, question: str, note: str) -> None:
        super().__init__()
        self._question = question
        self._note = note

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Sure?"
            yield Static(Text(cell_text(self._question), style="bold"))
            yield Static(Text(self._note))
            yes, no = key_of(self, "confirm.yes"), key_of(self, "confirm.no")
            yield Static(Text(f"{yes}  yes      {no}  no", style="bold"), classes="choices")
        yield KeyFooter()


def ask_to_cancel(
    app: App[Any], run: RunView | UpcomingTick, background_commands: BackgroundCommands
) -> None:
    """Cancel a run that waits or runs, if the user confirms it."""
    name = f"run {run.number} of {run.job}"
    note = "It has not started."
    if isinstance(run, RunView) and run.state is RunState.RETRYING:
        note = "It is given up: no further attempt is made."
    elif isinstance(run, RunView) and not run.state.waiting:
        note = "It is running: a coroutine is interrupted, a thread is asked to stop."

    def cancel_if(confirmed: bool | None) -> None:
        if confirmed:
            background_commands.execute(commands.cancel, run.number, name)

    app.push_screen(ConfirmScreen(f"Cancel {name}?", note), cancel_if)
