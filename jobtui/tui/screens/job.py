"""The screen of one job: its schedule in words, its next ten ticks, its latest runs."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.views import Snapshot
from jobtui.frontend import commands
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.formatting import ABSENT, STATUS_SIGNS, countdown, format_duration, format_instant_full
from jobtui.process.printable import printable
from jobtui.schedules.dst import Tick, TickPreview
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.columns import JOB_RUN_COLUMNS, run_key
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.literal_text import key_value_grid, literal_title

_TICK_WIDTH = 34  # a date, a time and the longest countdown; aligns the marks after them


class JobScreen(ModalScreen[None]):
    """Shows a job, and updates with every snapshot.

    Args:
        job: The job's name.
        background_commands: Executes the user's commands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", key_display="esc", id="details.close"),
        Binding("r", "run", "Run now", id="details.run"),
        Binding("p", "pause", "Pause", id="details.pause"),
    ]

    def __init__(self, job: str, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._job = job
        self._commands = background_commands
        self._backend = background_commands.backend
        query = partial(self._backend.job_details, job)
        self._query = BackgroundQuery(self, query, self._show_details, self._show_error)
        self._details: JobDetails | None = None
        self._about = Static(id="about")
        self._ticks = Static(id="ticks")
        self._notes = Static()
        self._notes_box = VerticalScroll(self._notes, id="transitions")
        self._runs = LineTable(JOB_RUN_COLUMNS, run_key, empty="", header=True, id="job-runs")

    def compose(self) -> ComposeResult:
        """Compose the job's fields, its next ticks, notes on clock transitions, and its runs."""
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(self._job)
            with Horizontal(id="job-top"):
                yield self._about
                yield self._ticks
            yield self._notes_box
            yield Static("Latest runs (enter opens one)", classes="heading")
            yield self._runs
        yield KeyFooter()

    def on_mount(self) -> None:
        """Request the details."""
        self._notes_box.display = False
        self.set_focus(self._runs)
        self._query.request()

    def update_snapshot(self, _snapshot: Snapshot) -> None:
        """Request the details again; the old ones stay visible until the answer arrives."""
        if not self._backend.connection_error:
            self._query.request()

    def _show_details(self, details: JobDetails) -> None:
        self._details = details
        snapshot = self._backend.snapshot()
        self._about.update(_job_fields(details))
        self._ticks.update(_tick_list(details.preview, snapshot))
        notes = details.preview.changes
        self._notes_box.display = bool(notes)
        self._notes.update(key_value_grid((note.effect.value, note.sentence) for note in notes))
        self._runs.set_empty_text("it has not run yet")
        self._runs.update_rows(details.runs, snapshot.at)

    def _show_error(self, error: Exception) -> None:
        if isinstance(error, LookupError) or self._details is None:  # otherwise keep the old details
            self._about.update(Text(error_text(error)))

    def action_run(self) -> None:
        """Run the job now."""
        self._commands.execute(commands.run, self._job)

    def action_pause(self) -> None:
        """Pause the job, or resume it."""
        is_paused = self._details is not None and self._details.job.paused_since is not None
        self._commands.execute(commands.resume if is_paused else commands.pause, self._job)

    @on(LineTable.RowSelected)
    def _open_run(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.app.push_screen(RunScreen(message.row, self._backend))


def _job_fields(details: JobDetails) -> Table:
    job = details.job
    waiting = f", {job.queued} queued, {job.held} held" if job.queued or job.held else ""
    took = format_duration(job.last_elapsed)
    rows = [
        ("about", printable(job.summary)),
        ("schedule", printable(job.spec)),
        ("in words", details.description),
        ("status", f"{STATUS_SIGNS[job.status].glyph} {job.status.value}{waiting}"),
        ("paused", format_instant_full(job.paused_since) if job.paused_since else ""),
        ("overlap", f"{job.overlap.value}; late ticks: {job.misfire.value}"),
        ("runs", f"{job.runs}, of which {job.failures} failed; the last took {took}"),
        ("previous", format_instant_full(job.prev)),
        ("code", printable(job.origin)),
    ]
    return key_value_grid(rows)


def _tick_list(preview: TickPreview, snapshot: Snapshot) -> Text:
    text = Text.assemble(("Next ticks\n", "bold"), "" if preview.ticks else "none")
    for tick in preview.ticks:
        line = _tick_line(tick, snapshot)
        if tick.note is not None:
            line = f"{line:{_TICK_WIDTH}} {tick.note.effect.value}"
        text.append(f"{line}\n")
    return text


def _tick_line(tick: Tick, snapshot: Snapshot) -> str:
    if tick.is_dropped:  # its wall time does not exist
        return f"{tick.at:%a %Y-%m-%d} {ABSENT:8}  no tick"
    return f"{tick.at:%a %Y-%m-%d %H:%M:%S}  {countdown(tick.at, snapshot.at)}"
