"""The dialog that asks for confirmation."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

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
            yield Static(Text("y  yes      n  no", style="bold"), classes="choices")
        yield KeyFooter()
