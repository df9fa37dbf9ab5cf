"""The screen of one run: its times, its result, its traceback and its output."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from jobtui.engine.enums import Trigger
from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import (
    STATE_GLYPHS,
    elapsed_between,
    format_duration,
    format_instant_full,
    run_label,
)
from jobtui.process.printable import printable, printable_lines
from jobtui.tui.background_work import BackgroundQuery, error_text
from jobtui.tui.widgets.literal_text import key_value_grid, literal_title


class RunScreen(ModalScreen[None]):
    """Shows a run as it was when the screen was opened.

    Args:
        run: The run.
        backend: Has the run's output.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", key_display="esc", id="run.close"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="run.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="run.up"),
        Binding("g,home", "scroll_home", "Top", show=False, id="run.top"),
        Binding("G,end", "scroll_end", "Bottom", show=False, id="run.bottom"),
    ]

    def __init__(self, run: RunView, backend: Backend) -> None:
        super().__init__()
        self._run = run
        self._output = Static(classes="verbatim")
        self._backend = backend

    def compose(self) -> ComposeResult:
        """Compose the run's fields, its traceback and its output."""
        run = self._run
        with VerticalScroll(classes="dialog large") as box:
            box.border_title = literal_title(f"{run.job} {run_label(run)}")
            yield Static(self._fields())
            if run.error:
                yield Static("Traceback", classes="heading")
                yield Static(_traceback(run.error), classes="verbatim")
            if run.number:
                yield Static("Output", classes="heading")
                yield self._output
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Request the output."""
        number = self._run.number
        if number:
            BackgroundQuery(
                self, lambda: self._backend.output_of(number), self._show_output, self._show_error
            ).request()

    def _show_output(self, output: str) -> None:
        self._output.update(Text(printable_lines(output) or "no output was recorded"))

    def _show_error(self, error: Exception) -> None:
        self._output.update(Text(f"not available: {error_text(error)}"))

    def action_scroll(self, by: int) -> None:
        """Scroll by a number of lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False, immediate=True)

    def action_scroll_home(self) -> None:
        """Scroll to the top."""
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        """Scroll to the end."""
        self.query_one(VerticalScroll).scroll_end(animate=False)

    def _fields(self) -> Table:
        run = self._run
        trigger = "hand" if run.trigger is Trigger.HAND else run.trigger.value
        rows = [("state", f"{STATE_GLYPHS[run.state]} {run.state.value}")]
        if run.reason:
            rows.append(("reason", printable(run.reason)))
        rows.append(("requested", f"{format_instant_full(run.created)}, by {trigger}"))
        if run.due is not None:
            rows.append(("due", format_instant_full(run.due)))
        if run.waiting_since is not None and run.started is None and run.ended is None:
            rows.append(("waits since", format_instant_full(run.waiting_since)))
        if run.started is not None:
            waited = format_duration(elapsed_between(run.due or run.created, run.started))
            started = f"{format_instant_full(run.started)}, after {waited}, on {printable(run.worker)}"
            rows.append(("started", started))
        if run.ended is not None:
            rows.append(("ended", format_instant_full(run.ended)))
        if run.elapsed is not None:
            rows.append(("took", format_duration(run.elapsed)))
        if run.ticks > 1:
            rows.append(("ticks", f"{run.ticks}, which started no runs"))
        return key_value_grid(rows)


def _traceback(error: str) -> Text:
    """Return a traceback with its last line, the exception, in bold."""
    *frames, last = error.rstrip().split("\n")
    text = Text(printable_lines("\n".join(frames)) + "\n")
    text.append(printable(last), style="bold")
    return text
