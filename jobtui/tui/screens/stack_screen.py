"""The live stack of a run, read once a second while the screen is open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.views import RunStack, RunView, StackFrame
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import run_label
from jobtui.tui.background_work import BackgroundQuery, error_text
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import cell_text, literal_title

INTERVAL = 1.0  # seconds between two samples
_LEFT_OUT = re.compile(r"\[\d+ frames left out\]")  # the remark in place of the middle of a long stack


class StackScreen(ModalScreen[None]):
    """Shows where a run is now, the innermost frame first: the line that runs is at the top.

    Args:
        run: The run.
        backend: The source of the stack.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,t,enter", "dismiss", "Close", key_display="esc", id="stack.close")
    ]

    def __init__(self, run: RunView, backend: Backend) -> None:
        super().__init__()
        self._run = run
        self._stack = Static("asking", classes="verbatim", id="stack")
        query = partial(backend.stack, run.number)
        self._query = BackgroundQuery(self, query, self._show_stack, self._show_error)

    def compose(self) -> ComposeResult:
        """Compose the dialog."""
        with VerticalScroll(classes="dialog large") as box:
            box.border_title = literal_title(f"Stack: {self._run.job} {run_label(self._run)}")
            yield self._stack
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the stack now, and then once a second."""
        self.request_stack()
        self.set_interval(INTERVAL, self.request_stack)

    def request_stack(self) -> None:
        """Read the stack, and show it as soon as it is there."""
        self._query.request()

    def _show_stack(self, stack: RunStack | None) -> None:
        if stack is None:
            opens = key_of(self, "table.open")
            self._stack.update(Text(f"it does not run any more; {opens} on its row shows how it ended"))
            return
        text = Text(f"{stack.state.value} on {cell_text(stack.worker)}, {stack.at:%H:%M:%S}\n", "bold")
        for frame in innermost_first(stack.frames):
            source = cell_text(frame.source)
            if frame.file:
                place = f"{cell_text(frame.file)}:{frame.line} in {cell_text(frame.function)}"
                text.append(f"\n{place}\n", "not bold dim")
                text.append(f"    {source}\n", "not bold")
            else:
                text.append(f"\n{source}\n", "bold")
        if not stack.frames:
            text.append("\nits work has just begun or ended", "not bold")
        self._stack.update(text)

    def _show_error(self, error: Exception) -> None:
        self._stack.update(Text(error_text(error)))


def innermost_first(frames: Iterable[StackFrame]) -> Iterator[StackFrame]:
    """Yield the frames of a stack, those of the tasks that a task waits for before its own.

    A remark on the frames that follow, such as `[it waits for Task-8]`, stays above these. A remark without
    frames comes last.
    """
    groups: list[tuple[list[StackFrame], list[StackFrame]]] = [([], [])]  # the remark, if any, and the frames
    for frame in frames:
        if frame.file or _LEFT_OUT.fullmatch(frame.source):
            groups[-1][1].append(frame)
        else:
            groups.append(([frame], []))
    for remark, called in reversed(groups):
        if called:
            yield from remark
            yield from reversed(called)
    for remark, called in groups:
        if not called:
            yield from remark
