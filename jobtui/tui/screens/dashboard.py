"""The main screen: the header, the jobs, the panes and the keys."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Footer, Input

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.process.printable import printable
from jobtui.tui.commands import Commands
from jobtui.tui.job_filter import JobListFilter
from jobtui.tui.screens.confirm import ConfirmScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.columns import JOB_COLUMNS
from jobtui.tui.widgets.header import PoolGauge, StatusLine
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.panes import Panes

WIDE = (110, 28)  # columns and rows from which the four panes stand side by side


class Dashboard(Screen[None]):
    """Shows snapshots, and turns keys into commands.

    Args:
        commands: Carries out what the user asks for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "Run", tooltip="Run the selected job now", id="job.run"),
        Binding("p", "pause", "Pause", tooltip="Pause the selected job, or resume it", id="job.pause"),
        Binding(
            "P",
            "pause_all",
            "Pause all",
            show=False,
            tooltip="Pause all jobs, or resume them all",
            id="jobs.pause_all",
        ),
        Binding(
            "plus,equals_sign",
            "resize(1)",
            "Pool",
            key_display="+/-",
            tooltip="One more run at once",
            id="pool.grow",
        ),
        Binding("minus", "resize(-1)", "One run less at once", show=False, id="pool.shrink"),
        Binding("x", "cancel", "Cancel", tooltip="Cancel a run (asks first)", id="run.cancel"),
        Binding(
            "slash",
            "filter",
            "Filter",
            key_display="/",
            tooltip="Filter the jobs by name, schedule or status",
            id="jobs.filter",
        ),
        Binding("s", "sort", "Sort", tooltip="Sort the jobs by the next column", id="jobs.sort"),
        Binding("S", "sort_backwards", "Turn the sort around", show=False, id="jobs.sort_backwards"),
        Binding("escape", "clear_filter", "Clear the filter", show=False, id="jobs.clear_filter"),
        Binding("tab", "next_table(1)", "Next pane", show=False, id="pane.next"),
        Binding("shift+tab", "next_table(-1)", "Previous pane", show=False, id="pane.previous"),
        Binding("0", "jobs", "The jobs", show=False, id="pane.jobs"),
        Binding("1", "pane(0)", "What runs", show=False, id="pane.running"),
        Binding("2", "pane(1)", "What waits", show=False, id="pane.waiting"),
        Binding("3", "pane(2)", "What comes", show=False, id="pane.upcoming"),
        Binding("4", "pane(3)", "What has ended", show=False, id="pane.recent"),
    ]

    def __init__(self, commands: Commands) -> None:
        super().__init__()
        self._commands = commands
        self._status_line = StatusLine(commands.source, id="status")
        self._gauge = PoolGauge(id="gauge")
        self._jobs: LineTable[JobView] = LineTable(
            JOB_COLUMNS, lambda job: job.name, empty="no jobs", header=True, anchored=True, id="jobs"
        )
        self._filter = Input(placeholder="filter by name, schedule or status", id="filter", compact=True)
        self._panes = Panes()
        self._view = JobListFilter()
        self._snapshot: Snapshot | None = None

    def compose(self) -> ComposeResult:
        """The lines on top, the jobs, the filter, the panes and the keys."""
        yield self._status_line
        yield self._gauge
        with Container(id="body"):
            yield self._jobs
            yield self._filter
            yield self._panes
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show the first picture at once, with the keys on the jobs and without the filter's line."""
        self._filter.display = False
        self._jobs.focus()
        self.show(self._commands.source.snapshot())  # the app's own first one came before there were widgets

    def on_resize(self) -> None:
        """Choose between the wide and the narrow arrangement."""
        width, height = self.size
        self.set_class(width >= WIDE[0] and height >= WIDE[1], "-wide")

    # --- showing ----------------------------------------------------------------------------------

    def show(self, snapshot: Snapshot) -> None:
        """Show this picture."""
        self._snapshot = snapshot
        self._commands.seen_pool(snapshot.pool.size)
        self._status_line.show(snapshot)
        self._gauge.show(snapshot)
        self._panes.show(snapshot)
        self._show_jobs(snapshot)

    def _show_jobs(self, snapshot: Snapshot) -> None:
        shown = self._view.apply(snapshot.jobs)
        self._jobs.show_empty(
            "no job matches the filter; escape clears it"
            if snapshot.jobs
            else "no jobs yet: register one with jobtui.schedule(...) or jobtui.every(...)"
        )
        self._jobs.show(shown, snapshot.at)
        title = f"0 Jobs {len(shown)}"
        if self._view.words:
            title += f" of {len(snapshot.jobs)}, filter: {printable(' '.join(self._view.words))}"
        if self._view.title:
            title += f", by {self._view.title}"
        if self._jobs.border_title != title:
            # The title is markup to Textual, and a filter is what the user typed.
            self._jobs.border_title = title.replace("[", r"\[")

    def _view_changed(self, view: JobListFilter) -> None:
        self._view = view
        self._jobs.mark_heading(view.sort, view.mark)
        if self._snapshot is not None:
            self._show_jobs(self._snapshot)

    # --- what is selected -------------------------------------------------------------------------

    def _selected_row(self) -> JobView | RunView | UpcomingTick | None:
        """The row that the keys are about: in the table that has the focus, else among the jobs."""
        focused = self.focused
        table: LineTable[Any] = focused if isinstance(focused, LineTable) else self._jobs
        row: JobView | RunView | UpcomingTick | None = table.selected
        return row

    def _selected_job(self) -> JobView | None:
        row = self._selected_row()
        if row is None or isinstance(row, JobView):
            return row
        jobs = self._snapshot.jobs if self._snapshot is not None else ()
        return next((job for job in jobs if job.name == row.job), None)

    def _selected_run(self) -> tuple[int, str, str] | None:
        """The number, the job and the state, in words, of the run that is selected.

        For a job that is its latest waiting run, or else the one that runs.
        """
        row = self._selected_row()
        if isinstance(row, UpcomingTick):
            return (row.number, row.job, _NOT_STARTED) if row.number else None
        if isinstance(row, RunView):
            return None if row.state.ended else _about(row)
        if row is None or self._snapshot is None:
            return None
        waiting = [*self._snapshot.waiting, *self._snapshot.scheduled]
        runs = [run for run in waiting if run.job == row.name]
        runs = runs or [run for run in self._snapshot.running if run.job == row.name]
        return _about(max(runs, key=lambda run: run.number)) if runs else None

    # --- keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """While the filter is typed, keys are text: the footer offers none of the others."""
        return self.focused is not self._filter or action in ("clear_filter", "next_table")

    def action_run(self) -> None:
        """Run the selected job now."""
        job = self._selected_job()
        if job is None:
            self._commands.say("there is no job to run here", "warning")
        elif job.schedule is None:
            self._commands.say(
                f"{job.name} cannot run again: the arguments of one-off runs are not kept", "warning"
            )
        else:
            self._commands.run(job.name)

    def action_pause(self) -> None:
        """Pause the selected job, or resume it."""
        job = self._selected_job()
        if job is None:
            self._commands.say("there is no job to pause here", "warning")
        elif job.schedule is None:
            self._commands.say(f"{job.name} has no schedule to pause; x cancels a run", "warning")
        elif job.paused_since is None:
            self._commands.pause(job.name)
        else:
            self._commands.resume(job.name)

    def action_pause_all(self) -> None:
        """Pause every job; if every one is paused, resume them all."""
        jobs = [job for job in self._snapshot.jobs if job.schedule is not None] if self._snapshot else []
        if not jobs:
            self._commands.say("there are no jobs to pause", "warning")
        elif all(job.paused_since is not None for job in jobs):
            self._commands.resume_all()
        else:
            self._commands.pause_all()

    def action_resize(self, by: int) -> None:
        """Make the pool larger or smaller by one."""
        if self._snapshot is not None:
            self._commands.resize(self._snapshot.pool.size, by)

    def action_cancel(self) -> None:
        """Cancel the selected run, after asking."""
        selected = self._selected_run()
        if selected is None:
            self._commands.say("no run that waits or runs is selected", "warning")
            return
        number, job, note = selected

        def answered(yes: bool | None) -> None:
            if yes:
                self._commands.cancel(number, job)

        self.app.push_screen(ConfirmScreen(f"Cancel run {number} of {job}?", note), answered)

    def action_sort(self) -> None:
        """Sort the jobs by the next column."""
        self._view_changed(self._view.next_sort())

    def action_sort_backwards(self) -> None:
        """Turn the sort around."""
        column = next((each for each in JOB_COLUMNS if each.key == self._view.sort), None)
        if column is not None:
            self._view_changed(self._view.sorted_by(column))

    def action_filter(self) -> None:
        """Open the line that filters the jobs."""
        self._filter.display = True
        self.set_focus(self._filter)

    def action_clear_filter(self) -> None:
        """Show all jobs again."""
        self._filter.value = ""
        self._close_filter()

    def action_next_table(self, by: int) -> None:
        """Move the keys to the next table."""
        names = ["jobs", *self._panes.names]
        current = self.focused.id if self.focused is not None else "jobs"
        at = names.index(current) if current in names else 0
        self._focus_table(names[(at + by) % len(names)])

    def action_pane(self, index: int) -> None:
        """Move the keys to a pane."""
        self._focus_table(self._panes.names[index])

    def action_jobs(self) -> None:
        """Move the keys to the jobs."""
        self._focus_table("jobs")

    def _focus_table(self, name: str) -> None:
        # At once: `focus()` waits for its turn, and keys that come quickly would go to the old table.
        self.set_focus(self._jobs if name == "jobs" else self._panes.choose(name))

    def _close_filter(self) -> None:
        self._filter.display = False
        self.set_focus(self._jobs)

    # --- what the widgets say ---------------------------------------------------------------------

    @on(Input.Changed, "#filter")
    def _filter_changed(self, message: Input.Changed) -> None:
        self._view_changed(self._view.filtered(message.value))

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self) -> None:
        self._close_filter()

    @on(LineTable.HeaderSelected)
    def _header_clicked(self, message: LineTable.HeaderSelected) -> None:
        self._view_changed(self._view.sorted_by(message.column))

    @on(LineTable.RowSelected)
    def _row_opened(self, message: LineTable.RowSelected) -> None:
        row = message.row
        if isinstance(row, RunView):
            self.app.push_screen(RunScreen(row, self._commands.source))
        else:
            name = row.name if isinstance(row, JobView) else row.job
            self.app.push_screen(JobScreen(name, self._commands))


_NOT_STARTED = "It has not started."
_RUNNING = "It runs: a coroutine is interrupted, a thread is asked to stop."


def _about(run: RunView) -> tuple[int, str, str]:
    return run.number, run.job, _NOT_STARTED if run.state.waiting else _RUNNING
