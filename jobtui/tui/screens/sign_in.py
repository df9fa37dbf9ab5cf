"""The dialog that asks for other credentials after a server has rejected those that it was given."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text

SignIn = tuple[str, str]  # the user name and the password


class SignInField(Input):
    """A field of the dialog."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Go on", id="sign_in.go_on"),
        Binding("escape", "screen.dismiss(None)", "Do not sign in", id="sign_in.close"),
    ]


class SignInScreen(ModalScreen[SignIn | None]):
    """Asks for a user name and a password, and is dismissed with them, or with None for none.

    Args:
        address: Where the server listens.
    """

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._user = SignInField(id="sign-in-user", compact=True)
        self._password = SignInField(id="sign-in-password", password=True, compact=True)
        self._problem = Static(id="sign-in-problem")

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Sign in"
            yield Static(Text(cell_text(self._address)))
            yield Label("user", classes="heading")
            yield self._user
            yield Label("password", classes="heading")
            yield self._password
            yield self._problem
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin with the user name."""
        self.set_focus(self._user)

    @on(Input.Submitted, "#sign-in-user")
    def _ask_for_password(self) -> None:
        self.set_focus(self._password)

    @on(Input.Submitted, "#sign-in-password")
    def _sign_in(self) -> None:
        user, password = self._user.value, self._password.value
        if not user or not password:
            self._problem.update("a user name and a password are needed")
        elif ":" in user:
            self._problem.update("a user name must not contain a colon")
        else:
            self.dismiss((user, password))
