"""The dialog that asks how to quit while runs are running."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.views import Snapshot
from jobtui.frontend.formatting import format_age
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text

MAX_LISTED = 5  # runs


class QuitScreen(ModalScreen[None]):
    """Asks how to quit, and lists the running runs while it waits for them.

    Args:
        snapshot: The current snapshot.
        grace: The longest time to wait, in seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "wait", "Wait for them", id="quit.wait"),
        Binding("Q", "now", "Quit at once", id="quit.now"),
        Binding("escape,n,q", "dismiss", "Stay", id="quit.stay"),
    ]

    class WaitSelected(Message):
        """The user wants to quit when the runs have ended."""

    class NowSelected(Message):
        """The user wants to quit at once."""

    def __init__(self, snapshot: Snapshot, grace: float) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._grace = grace
        self._waiting = False
        self._text = Static(self._question(), id="quit-text")

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Quit"
            yield self._text
        yield KeyFooter()

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show the runs that are still running."""
        self._snapshot = snapshot
        self._text.update(self._question())

    def _question(self) -> Text:
        pool = self._snapshot.pool
        waiting = pool.queued + pool.held
        text = Text.assemble(
            (f"{pool.running} running", "bold"), f", {waiting} waiting" if waiting else "", "\n\n"
        )
        for run in self._snapshot.running[:MAX_LISTED]:
            age = format_age(run.started, self._snapshot.at)
            text.append(f"  ▶ {cell_text(run.job)}, run {run.number}, for {age}\n")
        if pool.running > MAX_LISTED:
            text.append(f"  and {pool.running - MAX_LISTED} more\n")
        limit = f"at most {self._grace:g} s"
        now, anywhere = key_of(self, "quit.now"), key_of(self, "app.quit_anywhere")
        if self._waiting:
            text.append(f"\nWaiting for the runs to end, {limit}.\n")
            return text.append(f"{now} or {anywhere}  quits at once", style="bold")
        choices = {
            key_of(self, "quit.wait"): f"wait for the runs to end, {limit}; waiting runs are cancelled",
            f"{now}, {anywhere}": "quit at once; the runs are given up",
            key_of(self, "quit.stay"): "stay",
        }
        for key, effect in choices.items():
            text.append(f"\n{key}", style="bold").append(f"  {effect}")
        return text

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Disable the keys to stay and to wait once the scheduler is stopping."""
        return not (self._waiting and action in ("wait", "dismiss"))

    def action_wait(self) -> None:
        """Wait for the runs to end."""
        self._waiting = True
        self.refresh_bindings()
        self._text.update(self._question())
        self.post_message(self.WaitSelected())

    def action_now(self) -> None:
        """Quit at once."""
        self.post_message(self.NowSelected())
