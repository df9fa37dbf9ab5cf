"""Leaving while runs are going: wait for them, or not."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from jobtui.engine.views import Snapshot
from jobtui.frontend.formatting import format_age, pluralize
from jobtui.process.printable import printable

LISTED = 5


class QuitScreen(ModalScreen[None]):
    """Asks how to quit, and shows what is still going while it waits.

    Args:
        snapshot: What is going.
        grace: How many seconds waiting takes at most.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "wait", "Wait for them", id="quit.wait"),
        Binding("Q", "now", "Quit at once", id="quit.now"),
        Binding("escape,n", "stay", "Stay", id="quit.stay"),
    ]

    class Wait(Message):
        """The user lets the runs end."""

    class Now(Message):
        """The user wants out at once."""

    def __init__(self, snapshot: Snapshot, grace: float) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._grace = grace
        self._waiting = False
        self._text = Static(self._question(), id="quit-text")

    def compose(self) -> ComposeResult:
        """The question in a box."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Quit"
            yield self._text
        yield Footer(compact=True, show_command_palette=False)

    def show(self, snapshot: Snapshot) -> None:
        """Show what is going now."""
        self._snapshot = snapshot
        self._text.update(self._question())

    def _question(self) -> Text:
        pool, now = self._snapshot.pool, self._snapshot.at
        waiting = pool.queued + pool.held
        text = Text()
        text.append(f"{pluralize(pool.running, 'run')} going", style="bold")
        if waiting:
            text.append(f", {waiting} waiting")
        text.append("\n\n")
        for run in self._snapshot.running[:LISTED]:
            text.append(f"  ▶ {printable(run.job)}, run {run.number}, for {format_age(run.started, now)}\n")
        if pool.running > LISTED:
            text.append(f"  and {pool.running - LISTED} more\n")
        if self._waiting:
            text.append(f"\nWaiting for them to end, at most {self._grace:g} s.\n")
            text.append("Q  quits at once", style="bold")
            return text
        text.append("\nw", style="bold")
        text.append(f"  wait for what is going, at most {self._grace:g} s; what waits is cancelled\n")
        text.append("Q", style="bold")
        text.append("  quit at once; what is going is given up\n")
        text.append("esc", style="bold")
        text.append("  stay")
        return text

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Once the scheduler is stopping there is no staying, and waiting is under way."""
        return not (self._waiting and action in ("wait", "stay"))

    def action_wait(self) -> None:
        """Let the runs end."""
        self._waiting = True
        self.refresh_bindings()
        self._text.update(self._question())
        self.post_message(self.Wait())

    def action_now(self) -> None:
        """Quit at once."""
        self.post_message(self.Now())

    def action_stay(self) -> None:
        """Do not quit."""
        self.dismiss()
