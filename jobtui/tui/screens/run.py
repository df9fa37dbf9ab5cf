"""The page of one run: its end, where its time went, its error with the source, and its output."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import ModalScreen

from jobtui.engine.enums import RunState
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.formatting import run_label
from jobtui.frontend.parsed_traceback import failing_frame, parse_traceback
from jobtui.frontend.run_page import RunPageLayout, earlier_failure, held_until
from jobtui.frontend.source_excerpt import Excerpts, read_run_excerpts
from jobtui.frontend.text_lines import Folds, TextLine
from jobtui.process.terminal_text import terminal_lines
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.screens.arguments_screen import run_with_arguments
from jobtui.tui.screens.confirm import ask_to_cancel
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.reschedule import edit_schedule
from jobtui.tui.screens.stack_screen import StackScreen
from jobtui.tui.screens.why_screen import WhyScreen
from jobtui.tui.widgets.key_footer import KeyFooter, adapt_bindings
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.literal_text import literal_title
from jobtui.tui.widgets.wrapped_lines import WrappedLines

WIDE = 150  # the columns from which the output stands beside the traceback
INTERVAL = 1.0  # seconds between two requests for the output of a live run


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunContent:
    """The content of the page.

    Attributes:
        run: The run.
        held_until: When the run ended for which it was held.
        excerpts: The source around the frames of its errors.
        is_read: Whether all of this was read; False for what only the list had.
    """

    run: RunView
    is_read: bool = False
    held_until: datetime | None = None
    excerpts: Excerpts = field(default_factory=dict)


class RunScreen(ModalScreen[None]):
    """Shows a run, and follows it while it goes on.

    Args:
        run: The run as the list has it from which it is opened.
        background_commands: Executes the user's commands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", key_display="esc", id="run.close"),
        Binding("r", "run_again", "Again", tooltip="Run it again with its arguments", id="run.again"),
        Binding("x", "cancel", "Cancel the run (asks first)", show=False, id="run.cancel_this"),
        Binding("t", "stack", "Show where the run is, with its stack", show=False, id="run.stack_of_this"),
        Binding("R", "run_with", "Run the job with arguments", show=False, id="run.run_with"),
        Binding("E", "edit_source", "Editor", tooltip="Open the line in $EDITOR", id="run.editor"),
        Binding("y", "copy", "Copy", tooltip="Copy the traceback", id="run.copy"),
        Binding("a", "unfold_all", "All", tooltip="Unfold everything, or fold it again", id="run.unfold_all"),
        Binding("z", "zoom", "Zoom", tooltip="Give the focused pane the whole screen", id="run.zoom"),
        Binding("l", "log", "Log", id="run.output"),
        Binding("w", "why", "Why", id="run.why"),
        Binding("n", "next_failed", "Failed", tooltip="The failure before this one", id="run.next_failed"),
        Binding("h", "history", "Search all runs of the job", show=False, id="run.history"),
        Binding("p", "pause", "Pause the job, or resume it", show=False, id="run.pause"),
        Binding("e", "edit", "Edit the schedule of the job", show=False, id="run.edit"),
    ]

    class HistoryRequested(Message):
        """The user wants to search the runs of a job."""

        def __init__(self, job: str) -> None:
            super().__init__()
            self.job = job

    def __init__(self, run: RunView, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._content = _RunContent(run=run)
        self._commands = background_commands
        self._backend = background_commands.backend
        self._toggled: set[str] = set()
        self._unfolds_all = False
        self._page = WrappedLines(empty="", id="run-page")
        self._output = WrappedLines(empty="asking", id="run-output")
        self._run_query = BackgroundQuery(self, self._read, self._show_content, self._show_error)
        self._output_query = BackgroundQuery(
            self, lambda: self._backend.output_of(run.number), self._show_output, self._show_output_error
        )

    def compose(self) -> ComposeResult:
        """Compose the page and the output."""
        run = self._content.run
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(f"{run.job} {run_label(run)}")
            with Container(id="run-body"):
                yield self._page
                if run.number:
                    self._output.border_title = "Output"
                    yield self._output
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show what is known of the run, and request the rest."""
        self.set_focus(self._page)
        self._paint()
        self._run_query.request()
        if self._content.run.number:
            self._output_query.request()
            self.set_interval(INTERVAL, self._follow_output)

    def on_resize(self) -> None:
        """Put the output beside the traceback if there is room, else below it."""
        self.set_class(self.size.width >= WIDE, "-beside")
        self.call_after_refresh(self._paint)
        self.call_after_refresh(self._fit_output)

    def _fit_output(self) -> None:
        """Leave to the page the rows that the output of an ended run below it does not need."""
        is_alone = self.has_class("-beside") or self.has_class("-output-only") or self._goes_on
        self._output.styles.max_height = None if is_alone else len(self._output.rows) + 1  # and its title

    def update_snapshot(self, _snapshot: Snapshot) -> None:
        """Request the run again while it goes on."""
        if self._goes_on and not self._backend.connection_error:
            self._run_query.request()

    @property
    def _goes_on(self) -> bool:
        run = self._content.run
        return bool(run.number) and not run.state.ended

    # --- content ----------------------------------------------------------------------------------

    def _read(self) -> _RunContent:
        """Return the run with its source. Called in a worker thread."""
        before = self._content  # the app's thread may replace it
        run = before.run
        if run.number:
            with suppress(LookupError):  # it is not kept any more; or the list was the only one to have it
                run = self._backend.run_view(run.number)
        has_same_start = before.is_read and run.started == before.run.started
        errors, errors_before = [(each.attempts_made, each.error) for each in (run, before.run)]
        return _RunContent(
            run=run,
            is_read=True,
            held_until=before.held_until if has_same_start else held_until(self._backend, run),
            excerpts=before.excerpts
            if before.is_read and errors == errors_before
            else read_run_excerpts(run),
        )

    def _show_content(self, content: _RunContent) -> None:
        before, went_on = self._content.run, self._goes_on
        self._content = content
        self._paint()
        if went_on and not self._goes_on:
            self._output_query.request()  # its last lines
        if (before.state, before.error) != (content.run.state, content.run.error):
            self.refresh_bindings()

    def _show_error(self, error: Exception) -> None:
        if not self._backend.connection_error:
            self._commands.notify(error_text(error), "warning")

    def _paint(self) -> None:
        content, snapshot = self._content, self._backend.snapshot()
        job = next((job for job in snapshot.jobs if job.name == content.run.job), None)
        layout = RunPageLayout(
            content.run,
            snapshot.at,
            typical=None if job is None else typical_duration(job),
            held_until=content.held_until,
            excerpts=content.excerpts,
            folds=Folds(self._toggled, all_open=self._unfolds_all),
            width=self._page.text_width,
        )
        self._page.update_lines(layout.lines())

    # --- output -----------------------------------------------------------------------------------

    def _follow_output(self) -> None:
        if self._goes_on and not self._backend.connection_error:
            self._output_query.request()

    def _show_output(self, output: str | None) -> None:
        if output is None:
            text = "not recorded: the program of this scheduler does not capture the output of its jobs"
        else:
            text = terminal_lines(output).rstrip() or self._nothing
        is_at_end = self._output.cursor >= len(self._output.rows) - 1
        tone = "" if output else "muted"
        self._output.update_lines([TextLine("output", ((line, tone),)) for line in text.split("\n")])
        if is_at_end and self._goes_on:
            self._output.action_move_to(-1)
        self._fit_output()
        run = self._content.run
        if any(job.name == run.job and job.prev == run.started for job in self._backend.snapshot().jobs):
            self.post_message(LogScreen.OutputSeen([run.job]))  # of its latest run

    @property
    def _nothing(self) -> str:
        """The text in place of an empty output."""
        if self._content.run.started is None:
            return "nothing: the run has not started"
        so_far = " so far" if self._goes_on else ""
        return (
            f"printed nothing{so_far}; what C code, os.system and forked processes write is not recorded as "
            "output of a run"
        )

    def _show_output_error(self, error: Exception) -> None:
        self._output.update_lines([TextLine("output", ((f"not available: {error_text(error)}", "muted"),))])

    # --- keys -------------------------------------------------------------------------------------

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys for the footer. It dims those that have no effect on this run.

        Those that act on a run that goes on are in the footer only then, before those for its end.
        """
        run = self._content.run
        useless = set()
        more = {"cancel": "Cancel"} if self._goes_on else {}
        if run.state is RunState.RUNNING:
            more["stack"] = "Stack"
        if not (run.state.ended and run.number):
            useless.add("run_again")
        if not run.error:
            useless |= {"copy", "edit_source"}
        if not (run.error or run.attempts_made):  # nothing to unfold
            useless |= {"open", "unfold_all"}
        job = next((job for job in self._backend.snapshot().jobs if job.name == run.job), None)
        if job is not None and not job.failures:
            useless.add("next_failed")
        return adapt_bindings(super().active_bindings, useless, {}, more)

    def action_run_again(self) -> None:
        """Run the run once more, if it has ended."""
        self._commands.run_again(self._content.run)

    def action_log(self) -> None:
        """Show the whole output."""
        if self._content.run.number:
            self.app.push_screen(LogScreen.of_run(self._content.run, self._commands))

    @on(LineTable.RowSelected)
    def _toggle_fold(self, message: LineTable.RowSelected) -> None:
        message.stop()
        fold = message.row.line.fold
        if fold:
            self._toggled ^= {fold}
            self._paint()

    def action_unfold_all(self) -> None:
        """Unfold everything, or fold it again."""
        self._unfolds_all = not self._unfolds_all
        self._toggled.clear()
        self._paint()

    def action_zoom(self) -> None:
        """Show only the pane that has the focus, or both again."""
        self.toggle_class("-output-only" if self.focused is self._output else "-page-only")
        self._fit_output()

    def action_copy(self) -> None:
        """Copy the traceback to the clipboard of the terminal."""
        error = self._content.run.error
        if error:
            self._commands.copy(error, "the traceback")
        else:
            self._commands.notify("the run has no traceback to copy", "warning")

    def action_edit_source(self) -> None:
        """Open the frame under the cursor in the user's editor, or else the line that failed."""
        row = self._page.selected
        frame = None if row is None or self.focused is not self._page else row.line.frame
        run = self._content.run
        if frame is None and run.error:
            frame = failing_frame(parse_traceback(run.error))
        if frame is None:
            self._commands.notify("the run has no traceback, so there is no line to open", "warning")
        else:
            self._commands.edit(frame.file, frame.line)

    def action_why(self) -> None:
        """Explain the run."""
        self.app.push_screen(WhyScreen.of_run(self._content.run, self._backend))

    def action_stack(self) -> None:
        """Show where the run is now."""
        snapshot, shown = self._backend.snapshot(), self._content.run
        run = next((run for run in snapshot.working if run.number == shown.number), None)
        if run is None:
            what = f"run {shown.number}" if shown.number else "a tick"
            self._commands.notify(f"{what} does not run now, so it has no stack", "warning")
        else:
            self.app.push_screen(StackScreen(run, self._backend))

    def action_cancel(self) -> None:
        """Cancel the run, after a confirmation."""
        if self._goes_on:
            ask_to_cancel(self.app, self._content.run, self._commands)
        else:
            self._commands.notify("the run has ended, so there is nothing to cancel", "warning")

    def action_history(self) -> None:
        """Search all runs of the job."""
        self.post_message(self.HistoryRequested(self._content.run.job))

    def action_next_failed(self) -> None:
        """Show the failure of the job before this run."""
        run = self._content.run
        query = BackgroundQuery(
            self, lambda: earlier_failure(self._backend, run), self._show_failure, self._show_error
        )
        query.request()

    def _show_failure(self, run: RunView | None) -> None:
        if run is None:
            self._commands.notify("no earlier run of the job that is kept has failed", "warning")
        elif self.is_current:  # the user may have opened another screen
            self.app.switch_screen(RunScreen(run, self._commands))

    def action_pause(self) -> None:
        """Pause the job, or resume it."""
        if (job := self._find_job()) is not None:
            self._commands.pause_or_resume(job)

    def action_run_with(self) -> None:
        """Ask for arguments, and run the job with them."""
        if (job := self._find_job()) is not None:
            run_with_arguments(self.app, job, self._commands)

    def action_edit(self) -> None:
        """Ask for another schedule of the job."""
        if (job := self._find_job()) is not None:
            edit_schedule(self.app, job, self._commands)

    def _find_job(self) -> JobView | None:
        name = self._content.run.job
        job = next((job for job in self._backend.snapshot().jobs if job.name == name), None)
        if job is None:
            self._commands.notify(f"job {name!r} was removed", "error")
        return job
