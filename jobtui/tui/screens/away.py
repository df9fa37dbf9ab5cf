"""The dialog at the start that says which ticks passed while no scheduler ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.frontend.absence import WAIT, MissedTicks
from jobtui.frontend.formatting import pluralize
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text

MAX_LISTED = 10  # jobs
NAME_WIDTH = 24  # cells


class AwayScreen(ModalScreen[list[str]]):
    """Lists the jobs that have missed ticks, and is dismissed with the names of those that are to catch up.

    Args:
        missed: The jobs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,escape,q", "go_on", "Go on", key_display="⏎", id="away.go_on"),
        Binding("space", "change", "Change", id="away.toggle"),
        Binding("down,j", "move(1)", "Next job", show=False, id="away.down"),
        Binding("up,k", "move(-1)", "Previous job", show=False, id="away.up"),
    ]

    def __init__(self, missed: Sequence[MissedTicks]) -> None:
        super().__init__()
        self._missed = list(missed)
        self._chosen = {each.job for each in missed if each.caught_up}
        self._cursor = 0
        self._seconds = round(WAIT)
        self._text = Static(self._list(), id="away-text")

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with Vertical(classes="dialog") as box:
            box.border_title = "While you were away"
            yield self._text
        yield KeyFooter()

    def on_mount(self) -> None:
        """Count the seconds."""
        self.set_interval(1, self._count_down)

    def _count_down(self) -> None:
        self._seconds -= 1
        if self._seconds <= 0:
            self.action_go_on()
        else:
            self._text.update(self._list())

    def _list(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        first = max(0, min(self._cursor - MAX_LISTED // 2, len(self._missed) - MAX_LISTED))
        for place, each in list(enumerate(self._missed))[first : first + MAX_LISTED]:
            selected = place == self._cursor
            name = Text(cell_text(each.job))
            name.truncate(NAME_WIDTH, overflow="ellipsis", pad=True)
            text.append("▸ " if selected else "  ", style="bold")
            text.append_text(name)
            text.append(f" {pluralize(each.ticks, 'tick')} since {each.first:%d %b %H:%M:%S}  ")
            text.append(f"{self._effect(each)}\n", style="bold" if selected else "")
        hidden = len(self._missed) - MAX_LISTED
        if hidden > 0:
            text.append(f"  and {pluralize(hidden, 'more job')}\n")
        text.append(f"\n{key_of(self, 'away.toggle')}", style="bold").append(
            "  change what the selected job does"
        )
        text.append(f"\n{key_of(self, 'away.go_on')}", style="bold").append(
            f"  go on, which happens by itself in {self._seconds} s"
        )
        return text

    def _effect(self, missed: MissedTicks) -> str:
        if missed.job not in self._chosen:
            return "✗ no run"
        runs = missed.runs if missed.caught_up else 1
        return f"▶ {pluralize(runs, 'run')}" if runs else "✗ no run, by its misfire policy"

    def action_change(self) -> None:
        """Change what the selected job does."""
        self._chosen ^= {self._missed[self._cursor].job}
        self._seconds = round(WAIT)  # the user is there
        self._text.update(self._list())

    def action_move(self, step: int) -> None:
        """Select another job."""
        self._cursor = max(0, min(self._cursor + step, len(self._missed) - 1))
        self._text.update(self._list())

    def action_go_on(self) -> None:
        """Close the dialog."""
        self.dismiss([each.job for each in self._missed if each.job in self._chosen])
