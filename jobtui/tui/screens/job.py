"""The screen of one job: its schedule in words, its next ten ticks, its runs, and charts of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.charts import ErrorGroup
from jobtui.frontend.formatting import failed_last, failed_lately
from jobtui.frontend.job_facts import list_job_facts, list_next_ticks
from jobtui.schedules.zones import zone_name
from jobtui.store.query import quote_term
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.key_names import key_of
from jobtui.tui.run_pages import RunPages
from jobtui.tui.screens.arguments_screen import run_with_arguments
from jobtui.tui.screens.history_screen import HistoryScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.screens.reschedule import edit_schedule
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.screens.why_screen import WhyScreen
from jobtui.tui.widgets.columns_of_runs import JOB_RUN_COLUMNS, run_key
from jobtui.tui.widgets.failure_block import LOW, FailureBlock
from jobtui.tui.widgets.job_charts import JobCharts
from jobtui.tui.widgets.key_footer import KeyFooter, adapt_bindings
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.literal_text import cell_text, key_value_grid, literal_title
from jobtui.tui.widgets.panes import PaneTabs

LARGE = (160, 40)  # the columns and rows from which all parts are visible at once
CHART_INTERVAL = 2.0  # seconds between two questions for the runs in the charts, if there are new ones
PATIENCE = 0.3  # seconds without an answer, after which the page shows what is known already
NARROW = 72  # columns; in a narrower terminal the facts stand below the next ticks, not beside them

_TABS = {"facts": "Job", "durations": "Durations", "outcomes": "Outcomes"}


class JobScreen(ModalScreen[None]):
    """Shows a job, and updates with every snapshot.

    Args:
        job: The job's name.
        background_commands: Executes the user's commands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", key_display="esc", id="details.close"),
        Binding("r", "run", "Run now", id="details.run"),
        Binding("R", "run_with", "Run with arguments", show=False, id="details.run_with"),
        Binding("p", "pause", "Pause", id="details.pause"),
        Binding("e", "edit", "Edit", id="details.edit"),
        Binding("E", "edit_source", "Open the line that failed in $EDITOR", show=False, id="details.editor"),
        Binding("n", "next_failed", "Failed", id="details.next_failed"),
        Binding("h", "history", "History", id="details.history"),
        Binding("l", "log", "Log", id="details.log"),
        Binding("slash", "search", "Search its runs", key_display="/", show=False, id="details.search"),
        Binding("w", "why", "Why", id="details.why"),
        Binding("1", "open_tab('facts')", "Job", show=False, id="details.facts"),
        Binding("2", "open_tab('durations')", "Durations", show=False, id="details.durations"),
        Binding("3", "open_tab('outcomes')", "Outcomes", show=False, id="details.outcomes"),
    ]

    def __init__(self, job: str, background_commands: BackgroundCommands) -> None:
        super().__init__(classes="-facts")  # for each class that comes later, every part is styled again
        self._job = job
        self._commands = background_commands
        self._backend = background_commands.backend
        query = partial(self._backend.job_details, job)
        self._query = BackgroundQuery(self, query, self._show_details, self._show_error)
        self._view: JobView | None = None  # None before the first snapshot, and once the job is removed
        self._shows_failure = False  # whether the cursor was moved to the latest failed run
        self._key_state: tuple[object, ...] = ()
        self._details: JobDetails | None = None
        self._has_error = False  # whether an error is shown in place of the facts
        self._failure = FailureBlock(self._backend)
        self._about = Static(id="about")
        self._ticks = Static(id="ticks")
        self._notes = Static()
        self._notes_box = VerticalScroll(self._notes, id="transitions")
        self._runs = LineTable(JOB_RUN_COLUMNS, run_key, empty="", header=True, id="job-runs")
        self._pages = RunPages(self, self._backend, job, self._show_all_runs)
        self._charts = JobCharts(self, self._backend, job)
        self._tabs = PaneTabs()

    @property
    def job_names(self) -> list[str]:
        """The name of the job, on which commands act."""
        return [self._job]

    def compose(self) -> ComposeResult:
        """Compose the job's fields, its next ticks, notes on clock transitions, its runs, and charts."""
        self._fit(self.app.size, update=False)  # its parts do not exist yet
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(self._job)
            yield self._tabs
            with Container(id="job-parts"):
                with Vertical(id="job-facts"):
                    yield self._failure
                    with Horizontal(id="job-top"):
                        yield self._about
                        yield self._ticks
                    yield self._notes_box
                    opens = key_of(self, "table.open")
                    yield Static(f"Runs, the latest first ({opens} opens one)", classes="heading")
                    yield self._runs
                yield self._charts
        yield KeyFooter()

    def on_mount(self) -> None:
        """Request the details."""
        self._notes_box.display = False
        self.action_open_tab("facts")
        self.watch(self._runs, "cursor", self._note_cursor, init=False)
        self.set_interval(CHART_INTERVAL, self.update_charts)
        snapshot = self._backend.snapshot()
        self._note_view(snapshot)
        # The answer may take long, and the user may press keys that act on these rows.
        self._show_runs(self._recent_runs(snapshot), snapshot)
        self._query.request()
        self.set_timer(PATIENCE, self._show_view)

    def on_resize(self) -> None:
        """Show everything at once if there is room."""
        self._fit(self.size)

    def _fit(self, size: Size, *, update: bool = True) -> None:
        width, height = size
        self.set_class(width >= LARGE[0] and height >= LARGE[1], "-all", update=update)
        self.set_class(height < LOW, "-low", update=update)
        self.set_class(width < NARROW, "-narrow", update=update)

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Request the details again; the old ones stay visible until the answer arrives."""
        self._note_view(snapshot)
        if not self._backend.connection_error:
            self._query.request()

    def update_charts(self) -> None:
        """Ask for the runs in the charts, if some have ended since the last time."""
        self._charts.update_if_changed()

    def _note_view(self, snapshot: Snapshot) -> None:
        self._view = next((job for job in snapshot.jobs if job.name == self._job), None)
        self._charts.note_view(self._view, snapshot.zone)
        self._update_keys()

    def _update_keys(self) -> None:
        """Update the footer if the job has other keys than before."""
        view = self._view
        state = (view and (view.schedule is None, view.paused_since is None), self._has_failed_run())
        if state != self._key_state:
            self._key_state = state
            self.refresh_bindings()

    def _has_failed_run(self) -> bool:
        return any(run.state.failed for run in self._runs.rows)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys for the footer. It dims those that have no effect on this job."""
        useless = set()
        if self._view is None or self._view.schedule is None:
            useless |= {"run", "pause", "edit"}
        if not self._has_failed_run():
            useless.add("next_failed")
        labels = {"pause": "Resume"} if self._view is not None and self._view.paused_since is not None else {}
        return adapt_bindings(super().active_bindings, useless, labels)

    def _note_cursor(self) -> None:
        self.call_after_refresh(self._ask_for_more)  # when the table has its size, and the cursor its place

    def _ask_for_more(self) -> None:
        """Ask for older runs if the table ends soon."""
        self._pages.ask_near(self._runs.cursor + self._runs.size.height)

    def _show_runs(self, ended: Sequence[RunView], snapshot: Snapshot) -> None:
        """Show the runs that have begun and not ended, then those that have ended."""
        numbers = {run.number for run in ended}  # may be newer than the snapshot
        begun = (run for run in (*snapshot.running, *snapshot.waiting) if run.started is not None)
        going_on = [run for run in begun if run.job == self._job and run.number not in numbers]
        self._runs.update_rows([*going_on, *ended], snapshot.at)
        self._update_keys()
        if not self._shows_failure and self._view is not None and failed_lately(self._view):
            # From the top: the latest failure.
            self._runs.action_move_to(-1)
            self._shows_failure = self._runs.select(lambda run: run.state.failed)
            if not self._shows_failure:
                self._runs.action_move_to(0)

    def _show_details(self, details: JobDetails) -> None:
        self._details = details
        snapshot = self._backend.snapshot()
        failed = next((run for run in details.runs if run.state.failed), None)
        shown = failed if failed_lately(details.job) else None
        self._failure.show_run(shown, "" if failed_last(details.job) else "OK since")
        self.set_class(shown is not None, "-failed")
        facts = list_job_facts(details.job, details.runs, details.description, snapshot)
        if shown is not None:  # by the block above
            facts = [(label, text) for label, text in facts if label != "failure"]
        self._show_facts(facts)
        self._ticks.update(_tick_list(details, snapshot))
        notes = details.preview.changes
        self._notes_box.display = bool(notes)
        self._notes.update(key_value_grid((note.effect.value, note.sentence) for note in notes))
        self._runs.set_empty_text("it has not run yet")
        self._show_runs(self._pages.with_latest(details.runs), snapshot)
        self._note_cursor()

    def _recent_runs(self, snapshot: Snapshot) -> list[RunView]:
        return [run for run in snapshot.recent if run.job == self._job]

    def _show_view(self) -> None:
        """Show what the snapshot says about the job, if the scheduler has not answered yet."""
        if self._details is None and not self._has_error and self._view is not None:
            snapshot = self._backend.snapshot()
            self._show_facts(list_job_facts(self._view, self._recent_runs(snapshot), "", snapshot))
            self._ticks.update("The scheduler has not answered yet.")

    def _show_facts(self, facts: Iterable[tuple[str, str]]) -> None:
        self._about.update(key_value_grid((label, cell_text(text)) for label, text in facts))

    def _show_all_runs(self, runs: Sequence[RunView]) -> None:
        """Show the runs, to which those of another page were added."""
        self._show_runs(runs, self._backend.snapshot())

    def _show_error(self, error: Exception) -> None:
        if isinstance(error, LookupError) or self._details is None:  # otherwise keep the old details
            self._has_error = True
            self._about.update(Text(error_text(error)))
            self._ticks.update("")

    def action_next_failed(self) -> None:
        """Move to the next run that failed."""
        if not self._runs.select(lambda run: run.state.failed):
            self._commands.notify("none of these runs failed", "warning")

    def action_log(self) -> None:
        """Show the output of the selected run, or of the latest run."""
        run = self._runs.selected
        if run is not None and run.number:
            self.app.push_screen(LogScreen.of_run(run, self._commands))
        else:
            self.app.push_screen(LogScreen.of_job(self._job, self._commands))

    def action_edit_source(self) -> None:
        """Open the line that raised the latest failure in the user's editor."""
        frame = self._failure.frame
        if frame is None:
            self._commands.notify("the latest run has no traceback, so there is no line to open", "warning")
        else:
            self._commands.edit(frame.file, frame.line)

    def action_open_tab(self, name: str) -> None:
        """Show a part of the screen; in a large terminal, which shows all, only move to it."""
        for each in _TABS:
            self.set_class(each == name, f"-{each}")
        labels = {each: f"{key_of(self, f'details.{each}')} {title}" for each, title in _TABS.items()}
        self._tabs.update_tabs(labels, name)
        table = self._charts.errors if name == "outcomes" else self._runs
        self.set_focus(table if name != "durations" or self.has_class("-all") else None)

    @on(PaneTabs.TabSelected)
    def _open_clicked_tab(self, message: PaneTabs.TabSelected) -> None:
        message.stop()
        self.action_open_tab(message.pane)

    def action_why(self) -> None:
        """Explain the selected run, or the latest tick if there is none."""
        run = self._runs.selected
        screen = (
            WhyScreen.of_job(self._job, self._backend)
            if run is None
            else WhyScreen.of_run(run, self._backend)
        )
        self.app.push_screen(screen)

    def action_history(self) -> None:
        """Search all runs of the job."""
        self.app.push_screen(HistoryScreen(self._commands, quote_term("job", self._job)))

    def action_search(self) -> None:
        """Type a query for the runs of the job."""
        query = quote_term("job", self._job)
        self.app.push_screen(HistoryScreen(self._commands, f"{query} ", is_typing=True))

    def action_run(self) -> None:
        """Run the job now."""
        if self._view is None:
            self._commands.notify(f"job {self._job!r} was removed", "error")
        else:
            self._commands.run(self._view)

    def action_run_with(self) -> None:
        """Ask for arguments, and run the job with them."""
        if self._view is None:
            self._commands.notify(f"job {self._job!r} was removed", "error")
        else:
            run_with_arguments(self.app, self._view, self._commands)

    def action_pause(self) -> None:
        """Pause the job, or resume it."""
        if self._view is None:
            self._commands.notify(f"job {self._job!r} was removed", "error")
        else:
            self._commands.pause_or_resume(self._view)

    def action_edit(self) -> None:
        """Ask for another schedule."""
        if self._view is None:
            self._commands.notify(f"job {self._job!r} was removed", "error")
        else:
            edit_schedule(self.app, self._view, self._commands)

    @on(LineTable.RowSelected)
    def _open_run(self, message: LineTable.RowSelected) -> None:
        """Open a run, or the latest run of a group of errors."""
        message.stop()
        if isinstance(message.row, ErrorGroup):
            self._charts.find_run(message.row.number, self._push_run, self._commands)
        else:
            self._push_run(message.row)

    def _push_run(self, run: RunView) -> None:
        self.app.push_screen(RunScreen(run, self._commands))


def _tick_list(details: JobDetails, snapshot: Snapshot) -> Text:
    heading = f"Next ticks, {zone_name(snapshot.zone)}\n"
    lines = "".join(f"{line}\n" for line in list_next_ticks(details, snapshot)) or "none"
    return Text.assemble((heading, "bold"), lines)
