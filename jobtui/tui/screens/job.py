"""One job in depth: its schedule in words, its next ten fires, its latest runs."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.formatting import ABSENT, STATUS_GLYPHS, countdown, format_duration, format_instant_full
from jobtui.process.printable import printable
from jobtui.schedules.dst import Tick, TickPreview
from jobtui.tui.background import BackgroundQuery, said
from jobtui.tui.commands import Commands
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.columns import JOB_RUN_COLUMNS, run_key
from jobtui.tui.widgets.key_values import fields
from jobtui.tui.widgets.line_table import LineTable

_FIRE_WIDTH = 34  # a day, a time and the longest countdown, so that what stands behind them is in line


class JobScreen(ModalScreen[None]):
    """Shows one job, and keeps showing it as it changes.

    Args:
        job: The job's name.
        commands: Carries out what the user asks for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", key_display="esc", id="details.close"),
        Binding("r", "run", "Run now", id="details.run"),
        Binding("p", "pause", "Pause", id="details.pause"),
    ]

    def __init__(self, job: str, commands: Commands) -> None:
        super().__init__()
        self._job = job
        self._commands = commands
        self._source = commands.source
        self._inquiry = BackgroundQuery(
            self, lambda: self._source.job_details(job), self._show_details, self._show_refusal
        )
        self._details: JobDetails | None = None
        self._about = Static(id="about")
        self._fires = Static(id="fires")
        self._changes = Static()
        self._changes_box = VerticalScroll(self._changes, id="changes")
        self._runs: LineTable[RunView] = LineTable(
            JOB_RUN_COLUMNS, run_key, empty="", header=True, id="job-runs"
        )

    def compose(self) -> ComposeResult:
        """What it is, when it is due, how it went."""
        with Vertical(classes="dialog large") as box:
            box.border_title = printable(self._job).replace("[", r"\[")
            with Horizontal(id="job-top"):
                yield self._about
                yield self._fires
            yield self._changes_box
            yield Static("Latest runs (enter opens one)", classes="heading")
            yield self._runs
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Ask for the job at once."""
        self._changes_box.display = False
        self._runs.focus()
        self._inquiry.ask()

    def show(self, _snapshot: Snapshot) -> None:
        """Ask how the job is now; what is shown stays until the answer comes."""
        if not self._source.connection_error:
            self._inquiry.ask()

    def _show_details(self, details: JobDetails) -> None:
        self._details = details
        snapshot = self._source.snapshot()
        self._about.update(_about(details))
        self._fires.update(_fires(details.preview, snapshot))
        self._changes_box.display = bool(details.preview.changes)
        self._changes.update(fields((note.effect.value, note.sentence) for note in details.preview.changes))
        self._runs.show_empty("it has not run yet")
        self._runs.show(details.runs, snapshot.at)

    def _show_refusal(self, error: Exception) -> None:
        if isinstance(error, LookupError) or self._details is None:  # else what is known stays
            self._about.update(Text(said(error)))

    def action_run(self) -> None:
        """Run the job now."""
        self._commands.run(self._job)

    def action_pause(self) -> None:
        """Pause the job, or resume it."""
        if self._details is not None and self._details.job.paused_since is not None:
            self._commands.resume(self._job)
        else:
            self._commands.pause(self._job)

    @on(LineTable.RowSelected)
    def _run_opened(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.app.push_screen(RunScreen(message.row, self._commands.source))


def _about(details: JobDetails) -> Table:
    job = details.job
    waiting = f", {job.queued} queued, {job.held} held" if job.queued or job.held else ""
    took = format_duration(job.last_elapsed)
    rows = [
        ("about", printable(job.summary)),
        ("schedule", printable(job.spec)),
        ("in words", details.description),
        ("status", f"{STATUS_GLYPHS[job.status]} {job.status.value}{waiting}"),
        ("paused", format_instant_full(job.paused_since) if job.paused_since else ""),
        ("overlap", f"{job.overlap.value}; late ticks: {job.misfire.value}"),
        ("runs", f"{job.runs}, of which {job.failures} failed; the last took {took}"),
        ("previous", format_instant_full(job.prev)),
        ("code", printable(job.origin)),
    ]
    return fields(rows)


def _fires(preview: TickPreview, snapshot: Snapshot) -> Text:
    text = Text("Next fires\n", style="")
    text.stylize("bold")
    if not preview.ticks:
        text.append("none", style="not bold")
    for fire in preview.ticks:
        line = _fire(fire, snapshot)
        if fire.note is not None:
            line = f"{line:{_FIRE_WIDTH}} {fire.note.effect.value}"
        text.append(f"{line}\n", style="not bold")
    return text


def _fire(fire: Tick, snapshot: Snapshot) -> str:
    if fire.is_dropped:  # at a time that does not exist
        return f"{fire.at:%a %Y-%m-%d} {ABSENT:8}  no fire"
    return f"{fire.at:%a %Y-%m-%d %H:%M:%S}  {countdown(fire.at, snapshot.at)}"
