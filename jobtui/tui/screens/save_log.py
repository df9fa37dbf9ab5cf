"""Save lines to a file: the dialog that asks for its name, and the question before one is replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Protocol

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from jobtui.frontend.formatting import pluralize
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.screens.confirm import ConfirmScreen
from jobtui.tui.widgets.key_footer import KeyFooter


class SaveInput(Input):
    """The field for the name of the file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Save", id="save.save"),
        Binding("escape", "screen.dismiss('')", "Do not save", id="save.close"),
    ]


class SaveScreen(ModalScreen[str]):
    """Asks for the name of a file, and is dismissed with it, or with "" for none.

    Args:
        name: The name to begin with.
        note: The content of the file.
    """

    def __init__(self, name: str, note: str) -> None:
        super().__init__()
        self._input = SaveInput(name, id="save-name", compact=True, select_on_focus=False)
        self._note = note

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Save to a file"
            yield Static(Text(self._note))
            yield self._input
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin at the end of the name."""
        self.set_focus(self._input)

    @on(Input.Submitted)
    def _save(self) -> None:
        """Close the dialog with the name."""
        if self._input.value.strip():
            self.dismiss(self._input.value.strip())


class SaveFile(Protocol):
    """Writes a file. Called in a worker thread."""

    def __call__(self, file: Path, *, replace: bool) -> int:
        """Return the number of lines; raise FileExistsError if there is a file that may not be replaced."""


def ask_and_save(
    screen: Screen[Any], background_commands: BackgroundCommands, *, name: str, note: str, save: SaveFile
) -> None:
    """Ask for a file, write it, and say so; ask before a file is replaced.

    Args:
        screen: The screen with the lines. Without it, the file is written, and no message says so.
        background_commands: Shows the messages.
        name: The name of the file to begin with.
        note: What will be saved.
        save: Writes the file.
    """

    def write(given: str | None, *, replace: bool = False) -> None:
        if not given:
            return
        file = Path(os.path.expanduser(given))  # noqa: PTH111 - it raises no error for an unknown user

        def work() -> int | None:
            try:
                return save(file, replace=replace)
            except FileExistsError:
                return None

        def show(count: int | None) -> None:
            if count is None:
                question = ConfirmScreen(f"Replace {file}?", "There is a file of that name.")
                screen.app.push_screen(question, lambda yes: write(given, replace=True) if yes else None)
            else:
                background_commands.notify(f"saved {pluralize(count, 'line')} to {file.absolute()}")

        def show_error(error: Exception) -> None:
            reason = (isinstance(error, OSError) and error.strerror) or error_text(error)
            background_commands.notify(f"not saved to {file}: {reason}", "error")

        BackgroundQuery(screen, work, show, show_error).request()

    screen.app.push_screen(SaveScreen(name, note), write)
