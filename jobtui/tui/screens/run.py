"""The screen of one run: its times, its result, its traceback and its output."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.views import RunView
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    elapsed_between,
    format_attempts,
    format_duration,
    format_instant_full,
    run_label,
)
from jobtui.process.terminal_text import terminal_lines
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.widgets.key_footer import KeyFooter, adapt_bindings
from jobtui.tui.widgets.literal_text import cell_lines, cell_text, key_value_grid, literal_title


class RunScreen(ModalScreen[None]):
    """Shows a run as it was when the screen was opened.

    Args:
        run: The run.
        background_commands: Executes the user's commands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", key_display="esc", id="run.close"),
        Binding("r", "run_again", "Run again", id="run.again"),
        Binding("l", "log", "Log", id="run.output"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="run.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="run.up"),
        Binding("g,home", "scroll_home", "Top", show=False, id="run.top"),
        Binding("G,end", "scroll_end", "Bottom", show=False, id="run.bottom"),
    ]

    def __init__(self, run: RunView, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._run = run
        self._output = Static(classes="verbatim")
        self._commands = background_commands
        self._backend = background_commands.backend

    def compose(self) -> ComposeResult:
        """Compose the run's fields, its traceback and its output."""
        run = self._run
        with VerticalScroll(classes="dialog large") as box:
            box.border_title = literal_title(f"{run.job} {run_label(run)}")
            yield Static(_run_fields(run))
            for attempt in run.attempts_made:
                ended = f"{format_instant_full(attempt.ended)}, after {format_duration(attempt.elapsed)}"
                yield Static(f"Attempt {attempt.number}, failed at {ended}", classes="heading")
                yield Static(_traceback(attempt.error or attempt.reason), classes="verbatim")
            if run.error:
                yield Static("Traceback", classes="heading")
                yield Static(_traceback(run.error), classes="verbatim")
            if run.number:
                yield Static("Output", classes="heading")
                yield self._output
        yield KeyFooter()

    def on_mount(self) -> None:
        """Request the output."""
        if self._run.number:
            query = partial(self._backend.output_of, self._run.number)
            BackgroundQuery(self, query, self._show_output, self._show_error).request()

    def _show_output(self, output: str | None) -> None:
        if output is None:
            text = "not recorded: the program of this scheduler does not capture the output of its jobs"
        else:
            text = cell_lines(terminal_lines(output)) or self._nothing
        self._output.update(Text(text))

    @property
    def _nothing(self) -> str:
        """The text in place of an empty output."""
        if self._run.started is None:
            return "nothing: the run has not started"
        so_far = "" if self._run.ended else " so far"
        return (
            f"printed nothing{so_far}; what C code, os.system and forked processes write is not recorded as "
            "output of a run"
        )

    def _show_error(self, error: Exception) -> None:
        self._output.update(Text(f"not available: {error_text(error)}"))

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys for the footer. It dims those that have no effect on this run."""
        ended = self._run.state.ended and self._run.number
        return adapt_bindings(super().active_bindings, set() if ended else {"run_again"}, {})

    def action_run_again(self) -> None:
        """Run the run once more, if it has ended."""
        self._commands.run_again(self._run)

    def action_log(self) -> None:
        """Show the whole output."""
        if self._run.number:
            self.app.push_screen(LogScreen.of_run(self._run, self._commands))

    def action_scroll(self, by: int) -> None:
        """Scroll by a number of lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False, immediate=True)

    def action_scroll_home(self) -> None:
        """Scroll to the top."""
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        """Scroll to the end."""
        self.query_one(VerticalScroll).scroll_end(animate=False)


def _run_fields(run: RunView) -> Table:
    trigger = run.trigger.value.removeprefix("by ")
    waiting_since = run.waiting_since if run.started is None and run.ended is None else None
    started = ""
    if run.started is not None:
        waited = format_duration(elapsed_between(run.due or run.created, run.started))
        started = f"{format_instant_full(run.started)}, after {waited}, on {cell_text(run.worker)}"
    rows = [
        ("state", f"{STATE_SIGNS[run.state].glyph} {run.state.value}"),
        ("reason", cell_text(run.reason)),
        ("arguments", cell_text(run.arguments)),
        ("requested", f"{format_instant_full(run.created)}, by {trigger}"),
        ("attempt", format_attempts(run)),
        ("due", format_instant_full(run.due) if run.due else ""),
        ("waits since", format_instant_full(waiting_since) if waiting_since else ""),
        ("started", started),
        ("ended", format_instant_full(run.ended) if run.ended else ""),
        ("took", "" if run.elapsed is None else format_duration(run.elapsed)),
        ("slow", "it has taken longer than its job's `warn`" if run.warned else ""),
        ("ticks", f"{run.ticks}, which started no runs" if run.ticks > 1 else ""),
    ]
    return key_value_grid(rows)


def _traceback(error: str) -> Text:
    """Return a traceback with its last line, the exception, in bold."""
    *frames, last = error.rstrip().split("\n")
    text = Text(cell_lines("\n".join(frames)) + "\n")
    text.append(cell_text(last), style="bold")
    return text
