"""The main screen: the header, the table of jobs, the panes, and the keys for commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Input

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend import commands
from jobtui.frontend.alarm import Alarm
from jobtui.frontend.attention import AttentionView
from jobtui.frontend.blank_snapshot import is_blank
from jobtui.frontend.formatting import failed_last, failed_lately, pluralize
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.look import Look
from jobtui.frontend.now_next import live_runs
from jobtui.frontend.output_signs import SeenOutput
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.tui.arrangement import DRAWER_WIDTH, JOBS, PANES, TINY_HEIGHT
from jobtui.tui.background_work import BackgroundCommands
from jobtui.tui.dashboard_keys import DASHBOARD_BINDINGS
from jobtui.tui.job_filter import VIEWS, JobListFilter
from jobtui.tui.job_marks import JobMarks
from jobtui.tui.key_names import key_of
from jobtui.tui.screens.alarms_screen import AlarmsScreen
from jobtui.tui.screens.arguments_screen import run_with_arguments
from jobtui.tui.screens.calendar_screen import CalendarScreen
from jobtui.tui.screens.column_chooser import ColumnChooser
from jobtui.tui.screens.confirm import ConfirmScreen, ask_to_cancel
from jobtui.tui.screens.history_screen import HistoryScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.reschedule import edit_schedule
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.screens.sign_in import SignIn, SignInScreen
from jobtui.tui.screens.stack_screen import StackScreen
from jobtui.tui.screens.timeline_screen import TimelineScreen
from jobtui.tui.screens.why_screen import WhyScreen
from jobtui.tui.selected_row import SelectedRow, job_name_of, job_of, run_of
from jobtui.tui.widgets.body import Body
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET, job_columns
from jobtui.tui.widgets.drawer import Drawer
from jobtui.tui.widgets.filter_input import FilterInput
from jobtui.tui.widgets.header import AlarmLine, PoolGauge, StatusLine
from jobtui.tui.widgets.key_footer import KeyFooter, adapt_bindings
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.literal_text import literal_title
from jobtui.tui.widgets.panes import Panes

_LOW = 12  # rows: a lower terminal shows the first line of the header only while the connection is lost
_MOST_NAMES = 8  # in a question
# In the footer as far as there is room, the most important ones first.
_MORE_KEYS = {
    "edit": "Edit",
    "why": "Why",
    "timeline": "Timeline",
    "columns": "Columns",
    "calendar": "Calendar",
}


def _list_names(names: Sequence[str]) -> str:
    """Return a sentence with some names for a question, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{'It is' if len(names) == 1 else 'They are'} {shown}{more}."


class Dashboard(Screen[None]):
    """Shows snapshots, and turns keys into commands.

    Args:
        background_commands: Executes the user's commands.
        quit_label: The name of the key that ends the dashboard, but not always the scheduler.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*DASHBOARD_BINDINGS]

    def __init__(self, background_commands: BackgroundCommands, quit_label: str) -> None:
        super().__init__()
        self._quit_label = quit_label
        self._commands = background_commands
        self._backend = background_commands.backend
        self._snapshot = self._backend.snapshot()
        self._live_runs = live_runs(self._snapshot)
        self._seen_output = SeenOutput(self._snapshot.at)
        self._status_line = StatusLine(self._backend)
        self._index = JobIndex()
        self._gauge = PoolGauge(self._index)
        self._alarm = AlarmLine(self._index)
        columns = job_columns(lambda: self._live_runs, self._seen_output.has_new)
        self._columns = {column.key: column for column in columns}
        self._chosen_columns = COLUMN_SET.default
        self._jobs: LineTable[JobView] = LineTable(
            [self._columns[name] for name in COLUMN_SET.default],
            lambda job: job.name,
            empty="no jobs",
            header=True,
            anchored=True,
            id="jobs",
        )
        self._filter = FilterInput(
            placeholder="filter by name, schedule or status", id="filter", compact=True
        )
        self._panes = Panes(self._snapshot)
        self._drawer = Drawer(self._backend)
        self._body = Body(self._jobs, self._filter, self._panes, self._drawer)
        self._job_filter = JobListFilter()
        self._marks = JobMarks()
        self._attention = AttentionView()
        self._key_state: tuple[object, ...] = ()

    async def on_compose(self) -> None:
        """Let the app put this screen on its stack before the widgets begin, one of which asks for it.

        With Python 3.12 and later, Textual has each task begin at once, before its creator goes on.
        """
        await asyncio.sleep(0)

    def compose(self) -> ComposeResult:
        """Compose the header, the jobs, the filter, the panes and the footer."""
        yield self._status_line
        yield self._gauge
        yield self._alarm
        yield self._body
        yield KeyFooter(optional=_MORE_KEYS)

    def on_mount(self) -> None:
        """Show the current snapshot, with the focus on the jobs and the filter hidden."""
        self._filter.display = False
        self._choose_layout(self.app.size)
        self.set_focus(self._jobs)
        for table in self.query(LineTable):
            self.watch(table, "cursor", self._update_keys, init=False)
        # The app's first update came before the widgets existed.
        self.update_snapshot(self._backend.snapshot())

    def on_descendant_focus(self) -> None:
        """Show the row that is selected in another pane."""
        self._update_keys()

    def on_resize(self) -> None:
        """Choose the layout that fits the size."""
        self._choose_layout(self.size)
        self.call_after_refresh(self._update_keys)

    def _choose_layout(self, size: Size) -> None:
        self.set_class(size.height < _LOW, "-low")
        self.set_class(size.height < TINY_HEIGHT, "-tiny")

    # --- snapshots --------------------------------------------------------------------------------

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        self._snapshot = snapshot
        self.set_class(is_blank(snapshot), "-blank")
        self._index.update(snapshot.jobs)
        self._live_runs = live_runs(snapshot)
        self._commands.note_pool_size(snapshot.pool.size)
        self._status_line.update_snapshot(snapshot)
        self._gauge.update_snapshot(snapshot)
        self._alarm.update_snapshot(snapshot)
        self._body.update_snapshot(snapshot, self._index)
        if (marks := self._marks.without_removed(snapshot.jobs)) is not self._marks:
            self._set_marks(marks)
        self._update_jobs()
        self._update_keys()

    def note_seen_output(self, jobs: Collection[str] | None) -> None:
        """Remove the signs of new output of jobs, or, given None, of all: the user sees their output."""
        self._seen_output.look(jobs, self._backend.snapshot().at)
        self._update_jobs()

    def _update_jobs(self) -> None:
        snapshot = self._snapshot
        if self._job_filter.attention:
            self._attention.update(self._index, snapshot.at)
        jobs = self._job_filter.apply(self._index, self._attention)
        self._jobs.set_empty_text(self._empty_text())
        self._jobs.update_rows(jobs, snapshot.at)
        what = self._job_filter.describe(len(jobs), len(snapshot.jobs)) + self._marks.describe(jobs)
        title = literal_title(f"{key_of(self, 'pane.jobs')} Jobs {what}")
        if self._jobs.border_title != title:
            self._jobs.border_title = title

    def _empty_text(self) -> str:
        if is_blank(self._snapshot):
            how = f"; {key_of(self, 'server.sign_in')} signs in" if self._backend.needs_sign_in else ""
            return f"nothing is known of this scheduler yet: there is no connection{how}"
        if not self._snapshot.jobs:
            return "no jobs yet: register one with jobtui.schedule(...) or jobtui.every(...)"
        if self._job_filter.words:
            return f"no job matches the filter; {key_of(self, 'jobs.clear_filter')} clears it"
        return f"no job needs attention; {key_of(self, 'jobs.view')} shows all"

    @property
    def job_names(self) -> list[str]:
        """The names of the jobs on which a command acts: the marked ones, or the selected one."""
        job = self._selected_job()
        return [each.name for each in self._marked_jobs()] or ([] if job is None else [job.name])

    def show_filter(self, text: str) -> None:
        """Filter the jobs by words; "" shows all."""
        self._filter.value = text

    @property
    def look(self) -> Look:
        """The user's choices on this screen."""
        return Look(
            sort=self._job_filter.sort,
            reverse=self._job_filter.reverse,
            columns=self._chosen_columns,
            view=self._job_filter.view,
            drawer=self._body.has_drawer,
        )

    def show_look(self, look: Look) -> None:
        """Make the choices of the user again."""
        self.choose_columns(look.columns or COLUMN_SET.default)
        self.sort_by(look.sort, reverse=look.reverse)
        self.show_view(look.view)
        self.show_drawer(look.drawer)

    def choose_columns(self, names: Sequence[str]) -> None:
        """Show these columns of the jobs, in this order."""
        self._chosen_columns = COLUMN_SET.complete(names)
        self._jobs.show_columns([self._columns[name] for name in self._chosen_columns])

    def show_view(self, view: str) -> None:
        """Show the jobs of a view: see `VIEWS`."""
        self._attention.clear()
        self._set_job_filter(replace(self._job_filter, view=view))

    def show_drawer(self, shown: bool) -> None:
        """Show the drawer where there is room for it, or hide it."""
        if shown != self._body.has_drawer:
            self._body.toggle_drawer()

    def sort_by(self, key: str, *, reverse: bool = False) -> None:
        """Sort the jobs by a column; "" for the order of registration."""
        self._set_job_filter(replace(self._job_filter, sort=key, reverse=reverse))

    def _set_job_filter(self, job_filter: JobListFilter) -> None:
        self._job_filter = job_filter
        self._jobs.mark_column(job_filter.sort, job_filter.mark)
        self._update_jobs()

    # --- selection --------------------------------------------------------------------------------

    def _selected_row(self) -> SelectedRow | None:
        """Return the row under the cursor of the focused table, or of the jobs if no table is focused."""
        table = self._table_for_keys()
        row: SelectedRow | None = table.selected if table.shows_cursor else None
        return row

    def _table_for_keys(self) -> LineTable[Any]:
        return self.focused if isinstance(self.focused, LineTable) else self._jobs

    def _selected_job(self) -> JobView | None:
        return job_of(self._selected_row(), self._snapshot)

    def _selected_run(self) -> RunView | UpcomingTick | None:
        return run_of(self._selected_row(), self._snapshot)

    # --- marks ------------------------------------------------------------------------------------

    def _marked_jobs(self) -> list[JobView]:
        """Return the jobs on which keys act together: the marked ones, unless a pane has the focus."""
        if not self._marks.names or self._table_for_keys() is not self._jobs:
            return []
        return self._marks.select(self._snapshot.jobs)

    def _set_marks(self, marks: JobMarks) -> None:
        self._marks = marks
        self._jobs.mark_rows(marks.names)
        self._update_jobs()
        self._update_keys()

    def action_toggle_mark(self) -> None:
        """Mark the selected job, or remove its mark, and move to the next one."""
        job = self._jobs.selected
        if self._table_for_keys() is not self._jobs:
            self._warn(f"only jobs can be marked; {key_of(self, 'pane.jobs')} moves to them")
        elif job is not None:
            self._set_marks(self._marks.toggle(job.name))
            self._jobs.action_move(1)

    def action_mark_all(self) -> None:
        """Mark all jobs that are shown; if all of them are marked, remove their marks."""
        self._set_marks(self._marks.toggle_all(job.name for job in self._jobs.rows))

    def action_undo(self) -> None:
        """Take back the latest pause, resumption, schedule or pool size."""
        self._commands.undo()

    def action_sign_in(self) -> None:
        """Ask for other credentials: the server rejects those that it was given."""
        self.app.push_screen(SignInScreen(self._backend.address), self._sign_in)

    def _sign_in(self, given: SignIn | None) -> None:
        if given is not None:
            self._backend.sign_in(*given)

    # --- keys -------------------------------------------------------------------------------------

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys for the footer. It dims those that have no effect on the selected row."""
        job = self._selected_job()
        useless = set()
        marked = self._marked_jobs()
        if job is None or job.schedule is None:
            useless |= {"edit"} if marked else {"run", "pause", "edit"}
        if self._selected_row() is None:
            useless.add("why")
        if self._selected_run() is None and not marked:
            useless.add("cancel")
        if not self._has_trouble:
            useless.add("next_failed")
        labels = {"quit": self._quit_label}
        if job is not None and job.paused_since is not None:
            labels["pause"] = "Resume"
        more = {**_MORE_KEYS, "sign_in": "Sign in"} if self._backend.needs_sign_in else _MORE_KEYS
        return adapt_bindings(super().active_bindings, useless, labels, more)

    @property
    def _has_trouble(self) -> bool:
        """Whether there is a job to which the key for the next one that failed moves."""
        return self._index.any_failed_lately or bool(self._alarm.job)

    def _update_keys(self) -> None:
        """Update the footer if the selected row has other keys than before, and the drawer."""
        job, run = self._selected_job(), self._selected_run()
        self._drawer.show_job(job, self._snapshot)
        self._gauge.show_job("" if job is None else job.name)
        selected = job and (job.schedule is None, job.paused_since is None)
        has_row, needs_sign_in = self._selected_row() is not None, self._backend.needs_sign_in
        has_marks, any_failed = bool(self._marked_jobs()), self._has_trouble
        state = (selected, run is None, has_marks, has_row, any_failed, needs_sign_in)
        if state != self._key_state:
            self._key_state = state
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Disable most keys while the user types a filter, and so remove them from the footer.

        The key to sign in is enabled only while the server rejects the credentials.
        """
        if action == "sign_in" and not self._backend.needs_sign_in:
            return False
        return self.focused is not self._filter or action in ("clear_filter", "next_table")

    def action_run(self) -> None:
        """Run the selected job now, or the marked ones after a question: a run cannot be taken back."""
        job = self._selected_job()
        marked = [job.name for job in self._marked_jobs() if job.schedule is not None]
        if marked:
            self._ask(
                f"Run {pluralize(len(marked), 'marked job')} now?",
                _list_names(marked),
                lambda: self._commands.execute(commands.run_jobs, marked),
            )
        elif job is None:
            self._warn_of_selection("no job is selected")
        else:
            self._commands.run(job)

    def action_run_with(self) -> None:
        """Ask for arguments, and run the selected job with them."""
        job = self._selected_job()
        if job is None:
            self._warn_of_selection("no job is selected")
        else:
            run_with_arguments(self.app, job, self._commands)

    def action_pause(self) -> None:
        """Pause the selected job or the marked ones, or resume them if all are paused."""
        job = self._selected_job()
        if marked := self._marked_jobs():
            self._commands.pause_or_resume_all(marked)
        elif job is None:
            self._warn_of_selection("no job is selected")
        else:
            self._commands.pause_or_resume(job)

    def action_edit(self) -> None:
        """Ask for another schedule of the selected job."""
        job = self._selected_job()
        if job is None:
            self._warn_of_selection("no job is selected")
        else:
            edit_schedule(self.app, job, self._commands)

    def action_pause_all(self) -> None:
        """Pause every job, or, if all are paused, resume those that were paused together; asks first."""
        jobs = [job for job in self._snapshot.jobs if job.schedule is not None]
        active = [job for job in jobs if job.paused_since is None]
        if not jobs:
            self._warn("there are no jobs to pause")
        elif active:
            paused = len(jobs) - len(active)
            self._ask(
                f"Pause {pluralize(len(active), 'job')}?",
                "Ticks of a paused job start no runs."
                + (f" {pluralize(paused, 'job')} paused already." if paused else ""),
                lambda: self._commands.pause_all(active),
            )
        else:
            names = self._commands.jobs_to_resume(jobs)
            kept = len(jobs) - len(names)
            self._ask(
                f"Resume {pluralize(len(names), 'job')}?",
                f"{pluralize(kept, 'job')}, paused separately, will stay paused."
                if kept
                else "Every job is paused.",
                lambda: self._commands.resume_jobs(names),
            )

    def action_resize(self, by: int) -> None:
        """Change the pool's size by a number of slots."""
        self._commands.resize(self._snapshot.pool.size, by)

    def action_cancel(self) -> None:
        """Cancel the selected run, or a run of each marked job, after a confirmation."""
        run = self._selected_run()
        if marked := self._marked_jobs():
            runs = self._runs_to_cancel(marked)
            if len(runs) == 1:
                ask_to_cancel(self.app, runs[0], self._commands)
            else:
                self._ask_to_cancel_all(runs)
            return
        if run is None:
            row = self._selected_row()
            abandoned = isinstance(row, RunView) and any(run is row for run in self._snapshot.abandoned)
            reason = "it has ended, and Python cannot stop its thread" if abandoned else ""
            self._warn_of_selection(reason or "no waiting or running run is selected")
            return
        ask_to_cancel(self.app, run, self._commands)

    def action_cancel_now(self) -> None:
        """Cancel the selected run without a question, or the runs of the marked jobs; several after one."""
        if marked := self._marked_jobs():
            runs = self._runs_to_cancel(marked)
        elif run := self._selected_run():
            runs = [run]
        else:
            self.action_cancel()  # says why there is none
            return
        if len(runs) == 1:
            [run] = runs
            self._commands.execute(commands.cancel, run.number, f"run {run.number} of {run.job}")
        else:
            self._ask_to_cancel_all(runs)

    def _runs_to_cancel(self, jobs: Sequence[JobView]) -> list[RunView | UpcomingTick]:
        runs = [run for job in jobs if (run := run_of(job, self._snapshot)) is not None]
        if not runs:
            self._warn("no run of the marked jobs waits or runs")
        return runs

    def _ask_to_cancel_all(self, runs: Sequence[RunView | UpcomingTick]) -> None:
        """Cancel several runs, if there are some and the user confirms it."""
        if runs:
            numbers = [run.number for run in runs]
            self._ask(
                f"Cancel {pluralize(len(runs), 'run')} of marked jobs?",
                _list_names([f"{run.job} #{run.number}" for run in runs]),
                lambda: self._commands.execute(commands.cancel_runs, numbers),
            )

    def _ask(self, question: str, note: str, command: Callable[[], None]) -> None:
        """Execute a command if the user confirms it."""

        def execute_if(confirmed: bool | None) -> None:
            if confirmed:
                command()

        self.app.push_screen(ConfirmScreen(question, note), execute_if)

    def action_next_failed(self) -> None:
        """Move to the next recent run that failed if the pane Recent has the focus, else to the next job.

        Jobs whose latest run failed come first, then the job that the alarm names. Only without any, other
        jobs that failed lately count, too.
        """
        if self.focused is not None and self.focused.id == "recent":
            if not self._panes.tables["recent"].select(lambda run: run.state.failed):
                self._warn("no recent run failed")
        elif self._alarm.job and not self._index.failing:
            self._move_to_job(self._alarm.job)
        elif self._jobs.select(failed_last) or self._jobs.select(failed_lately):
            self._body.focus_table(JOBS)
        elif self._index.any_failed_lately:
            clears = key_of(self, "jobs.clear_filter")
            self._warn(f"the filter hides the jobs that failed; {clears} clears it")
        else:
            self._warn("no job failed lately")

    def _move_to_job(self, name: str) -> None:
        """Move to a job by its name."""
        if self._jobs.select(lambda job: job.name == name):
            self._body.focus_table(JOBS)
        else:
            clears, shows_all = key_of(self, "jobs.clear_filter"), key_of(self, "jobs.view")
            self._warn(
                f"the list does not show {name}: {clears} clears the filter, and {shows_all} shows all"
            )

    def action_open_alarm(self) -> None:
        """Open the cause of the alarm that the header shows."""
        if self._alarm.alarms:
            self._show_cause(self._alarm.alarms[0])
        else:
            self._warn("nothing is wrong now")

    def action_list_alarms(self) -> None:
        """List everything that is wrong, and open the cause that the user chooses."""
        self.app.push_screen(AlarmsScreen(self._snapshot, self._alarm.memory), self._show_cause)

    def _show_cause(self, alarm: Alarm | None) -> None:
        """Open the run, or else the job, in which the cause of an alarm is to be seen."""
        if alarm is None:
            return
        if alarm.run is not None:
            self.app.push_screen(RunScreen(alarm.run, self._commands))
        elif alarm.job:
            self.app.push_screen(JobScreen(alarm.job, self._commands))
        else:
            self._warn("no job is the cause: the alarm says all that is known")

    def action_view(self) -> None:
        """Show all jobs, or only those that need attention."""
        self.show_view(VIEWS[(VIEWS.index(self._job_filter.view) + 1) % len(VIEWS)])

    def action_columns(self) -> None:
        """Let the user choose the columns of the jobs, and show each choice at once."""
        choice = COLUMN_SET.choice_of(self._chosen_columns)

        def finish(names: Sequence[str] | None) -> None:
            self.choose_columns(self._chosen_columns if names is None else names)

        self.app.push_screen(ColumnChooser(choice, self._columns, self._jobs), finish)

    def action_why(self) -> None:
        """Explain the latest tick of the selected job, or the selected run."""
        row = self._selected_row()
        if isinstance(row, RunView):
            self.app.push_screen(WhyScreen.of_run(row, self._backend))
        elif row is None:
            self._warn_of_selection("no job is selected")
        else:
            name = job_name_of(row)
            self.app.push_screen(WhyScreen.of_job(name, self._backend))

    def action_stack(self) -> None:
        """Show where the selected run is, or the latest run of the selected job that runs."""
        row = self._selected_row()
        working: Sequence[RunView] = self._snapshot.working
        what = ""
        if isinstance(row, RunView):
            what = f"run {row.number}" if row.number else "a tick"
            working = [run for run in working if run.number == row.number]
        elif row is not None:
            what = job_name_of(row)
            working = [run for run in working if run.job == what]
        if row is None:
            self._warn_of_selection("no job is selected")
        elif working:
            self.app.push_screen(StackScreen(working[-1], self._backend))
        else:
            self._warn(f"{what} does not run now, so it has no stack")

    def action_log(self) -> None:
        """Show the output of the selected run, the latest run of the selected job, or the marked jobs."""
        row = self._selected_row()
        if marked := self._marked_jobs():
            self.app.push_screen(LogScreen.of_jobs([job.name for job in marked], self._commands))
        elif row is None:
            self._warn_of_selection("no job is selected")
        elif isinstance(row, RunView) and row.number:
            self.app.push_screen(LogScreen.of_run(row, self._commands))
        else:
            name = job_name_of(row)
            self.app.push_screen(LogScreen.of_job(name, self._commands))

    def action_history(self) -> None:
        """Search the runs that have ended."""
        self.app.push_screen(HistoryScreen(self._commands))

    def action_sort(self) -> None:
        """Sort the jobs by the next column."""
        self._set_job_filter(self._job_filter.next_sort(self._chosen_columns))

    def action_reverse_sort(self) -> None:
        """Reverse the order of the jobs."""
        self._set_job_filter(self._job_filter.reversed())

    def action_filter(self) -> None:
        """Show the filter and focus it."""
        self._body.show_filter(True)
        self.set_focus(self._filter)

    def action_clear_filter(self) -> None:
        """Clear and hide the filter; if there is none, remove all marks."""
        if not self._job_filter.words and not self._filter.display:
            self._set_marks(JobMarks())
        self._filter.value = ""
        self._hide_filter()

    def action_timeline(self) -> None:
        """Show the timeline."""
        self.app.push_screen(TimelineScreen(self._commands))

    def action_calendar(self) -> None:
        """Show when the coming day is busy."""
        self.app.push_screen(CalendarScreen(self._commands))

    def action_next_table(self, by: int) -> None:
        """Focus the next table."""
        names = [JOBS, *PANES, *(["alarm"] if self._alarm.alarms else [])]
        current = self.focused.id if self.focused is not None else None
        at = names.index(current) if current in names else 0
        following = names[(at + by) % len(names)]
        if following == "alarm":
            self.set_focus(self._alarm)
        else:
            self._body.focus_table(following)

    def action_focus_table(self, number: int) -> None:
        """Focus the jobs (0) or one of the panes (1 to 4)."""
        self._body.focus_table([JOBS, *PANES][number])

    def action_drawer(self) -> None:
        """Show or hide the drawer."""
        if self.size.width < DRAWER_WIDTH:
            self._warn(self._no_drawer)
        else:
            self._body.toggle_drawer()

    def action_scroll_drawer(self, by: int) -> None:
        """Scroll the drawer by a line."""
        if self._drawer.display:
            self._drawer.scroll_lines(by)
        else:
            shows = key_of(self, "pane.drawer")
            is_narrow = self.size.width < DRAWER_WIDTH
            self._warn(self._no_drawer if is_narrow else f"the drawer is hidden; {shows} shows it")

    @property
    def _no_drawer(self) -> str:
        opens = key_of(self, "table.open")
        return f"the drawer needs a terminal of {DRAWER_WIDTH} columns; {opens} opens the job"

    def action_zoom(self) -> None:
        """Show nothing but the focused table, or everything again."""
        self._body.toggle_zoom()

    def _warn_of_selection(self, text: str) -> None:
        table = self._table_for_keys()
        is_cut_off = bool(table.rows) and not table.shows_cursor
        self._warn("the terminal is too small to show the selected row" if is_cut_off else text)

    def _warn(self, text: str) -> None:
        self._commands.notify(text, "warning")

    # --- messages ---------------------------------------------------------------------------------

    @on(Input.Changed, "#filter")
    def _filter_jobs(self, message: Input.Changed) -> None:
        self._set_job_filter(self._job_filter.with_words(message.value))

    @on(Input.Submitted, "#filter")
    def _hide_filter(self) -> None:
        self._body.show_filter(False)
        self._body.focus_table(JOBS)

    @on(LineTable.HeaderSelected)
    def _sort_by_header(self, message: LineTable.HeaderSelected) -> None:
        self._set_job_filter(self._job_filter.sorted_by(message.column))

    @on(AlarmLine.Opened)
    def _open_cause(self, message: AlarmLine.Opened) -> None:
        self._show_cause(message.alarm)

    @on(AlarmLine.Selected)
    def _follow_alarm(self, message: AlarmLine.Selected) -> None:
        self._move_to_job(message.job)

    @on(LineTable.RowSelected)
    def _open_row(self, message: LineTable.RowSelected) -> None:
        row = message.row
        if isinstance(row, RunView):
            self.app.push_screen(RunScreen(row, self._commands))
        else:
            name = job_name_of(row)
            self.app.push_screen(JobScreen(name, self._commands))
