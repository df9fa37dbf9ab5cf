"""The command line in the last rows of the screen, with completion and history."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from jobtui.frontend.command_grammar import BadCommand
from jobtui.tui.background_work import Command
from jobtui.tui.key_names import key_of
from jobtui.tui.line_commands import Context, complete_line, execute_line, usage_of
from jobtui.tui.widgets.literal_text import cell_text

_QUICK = 0.3  # seconds for which the keys after a command wait for its answer


class CommandInput(Input):
    """The field for the command."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Execute", id="command.execute"),
        Binding("tab", "screen.complete(1)", "Complete", id="command.complete", priority=True),
        Binding(
            "shift+tab", "screen.complete(-1)", "Back", show=False, id="command.complete_back", priority=True
        ),
        Binding("up", "screen.recall(-1)", "Earlier", show=False, id="command.earlier"),
        Binding("down", "screen.recall(1)", "Later", show=False, id="command.later"),
        Binding("escape", "screen.dismiss", "Close", key_display="esc", id="command.close"),
    ]


class CommandLineScreen(ModalScreen[None]):
    """Takes one command. A wrong one stays, with what is wrong above it.

    If the scheduler executes the command, the line stays until the scheduler has answered, and also if the
    answer is an error. The next keys wait for the answer for a moment, so they act on the dashboard if the
    command succeeds. After that moment the line takes them: they can close it, and the command goes on.

    Args:
        context: What the command acts on.
        history: The earlier commands, oldest first. The new one is added.
    """

    def __init__(self, context: Context, history: list[str]) -> None:
        super().__init__()
        self._acts_on = context
        self._history = history
        self._place = len(history)  # in the history
        self._completions: list[str] = []  # the lines that `tab` goes through
        self._chosen = -1
        self._sent: str | None = None  # the line whose command the scheduler has not answered yet
        self._error: str | None = None  # the answer: "" if it has succeeded; None as long as it is not shown
        self._answered = asyncio.Event()
        self._hint = Static(id="command-hint")
        self._input = CommandInput(id="command", compact=True, select_on_focus=False)

    def compose(self) -> ComposeResult:
        """Compose the line for hints, and below it the command."""
        with Vertical(id="command-line"):
            yield self._hint
            with Horizontal():
                yield Static(":", id="command-prompt")
                yield self._input

    def on_mount(self) -> None:
        """Show the commands."""
        self.set_focus(self._input)
        self._show_completions()

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - Textual's
        """Show as many completions as fit."""
        self._show_completions()

    # --- hints ------------------------------------------------------------------------------------

    def _show_completions(self) -> None:
        if self._chosen < 0:
            self._completions = complete_line(self._acts_on, self._input.value)
        text = Text(no_wrap=True, overflow="ellipsis")
        usage = usage_of(self._input.value) if " " in self._input.value else ""
        if usage:
            text.append(f" {usage}  ", "bold")
        at = max(0, self._chosen)
        for index, line in enumerate(self._completions[at:], start=at):
            word = cell_text(line.rpartition(" ")[2] if line.count("'") < 2 else line)  # noqa: PLR2004 - a pair
            if text.cell_len + cell_len(word) + 2 > max(20, self.size.width):
                break
            text.append(f" {word} ", "reverse" if index == self._chosen else "")
        self._show_hint(text)

    def _show_hint(self, text: Text, *, is_wrong: bool = False) -> None:
        self._hint.set_class(is_wrong, "-wrong")
        self._hint.update(text)

    def _show_error(self, error: str) -> None:
        self._show_hint(Text(f"✗ {cell_text(error)}"), is_wrong=True)

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value not in self._completions[self._chosen : self._chosen + 1]:
            self._chosen = -1
        self._show_completions()

    def action_complete(self, by: int) -> None:
        """Replace the last word by the next completion."""
        if self._completions:
            first = 0 if by > 0 else len(self._completions) - 1
            is_first = self._chosen < 0
            self._chosen = first if is_first else (self._chosen + by) % len(self._completions)
            self._set_line(self._completions[self._chosen])

    def action_recall(self, by: int) -> None:
        """Show an earlier or later command of the history."""
        self._place = max(0, min(len(self._history), self._place + by))
        self._chosen = -1
        self._set_line(self._history[self._place] if self._place < len(self._history) else "")

    def _set_line(self, line: str) -> None:
        self._input.value = line
        self._input.cursor_position = len(line)

    @on(Input.Submitted)
    async def _execute(self, message: Input.Submitted) -> None:
        """Execute the command, and close this; if it is wrong, say why and stay."""
        message.stop()
        line = message.value.strip().removeprefix(":")
        if self._sent is not None:
            return
        if not line:
            self.dismiss()
            return
        try:
            command = execute_line(self._acts_on, line)
        except BadCommand as error:
            self._show_error(str(error))
            return
        if self._history[-1:] != [line]:
            self._history.append(line)
        self._place = len(self._history) - 1
        if command is not None:
            await self._send(message.value, command)
        elif self.is_current:
            self.dismiss()

    # --- the answer of the scheduler --------------------------------------------------------------

    async def _send(self, line: str, command: Command) -> None:
        """Have the scheduler execute the command of a line, and wait a moment for its answer."""
        self._sent = line
        self._answered.clear()
        self._acts_on.background.execute(command, on_end=self._answer)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), _QUICK)
        if self._sent is not None:
            key = key_of(self, "command.close")
            self._show_hint(
                Text(f" waits for the scheduler; {key} closes this line", no_wrap=True, overflow="ellipsis")
            )

    def _answer(self, error: str) -> bool:
        """Take the answer, and return whether the user sees it here: not if this is closed or covered."""
        self._error = error
        is_seen = self.is_active
        if is_seen:
            self._show_answer()
        self._answered.set()
        return is_seen

    def on_screen_resume(self) -> None:
        """Show an answer that has arrived while another screen, or another tab, was shown."""
        if self._error is not None:
            self._show_answer()

    def _show_answer(self) -> None:
        """Close the line if its command has succeeded, unless the user has begun the next one."""
        error, line = self._error, self._sent
        self._error = self._sent = None
        if error:
            self._show_error(error)
        elif self._input.value == line:
            self.dismiss()
        else:
            self._show_completions()
