"""The screen of the messages so far, the latest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.tui.notices import Notice
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text


class NoticesScreen(ModalScreen[None]):
    """Lists the messages that the last row has shown.

    Args:
        notices: The messages, oldest first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,m,enter", "dismiss", "Close", key_display="esc", id="messages.close"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="messages.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="messages.up"),
    ]

    def __init__(self, notices: Iterable[Notice]) -> None:
        super().__init__()
        self._notices = list(notices)

    def compose(self) -> ComposeResult:
        """Compose the list."""
        with VerticalScroll(classes="dialog large") as box:
            box.border_title = "Messages"
            yield Static(_table(self._notices) if self._notices else "no messages yet")
        yield KeyFooter()

    def action_scroll(self, by: int) -> None:
        """Scroll by a number of lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False, immediate=True)


def _table(notices: list[Notice]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for notice in reversed(notices):
        style = "" if notice.severity == "information" else "bold"
        severity = "" if notice.severity == "information" else notice.severity
        grid.add_row(
            Text(f"{notice.at:%H:%M:%S}", style="dim"),
            Text(severity, style=style),
            Text(cell_text(notice.line), style=style),
        )
    return grid
