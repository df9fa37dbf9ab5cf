"""The calendar of load: the coming day, minute by minute, and the ticks of each minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.enums import RunState
from jobtui.engine.typical_duration import expected_durations
from jobtui.frontend.formatting import STATE_SIGNS, format_duration, pluralize
from jobtui.frontend.load_calendar import (
    HOURS,
    UNKNOWN,
    LoadCalendar,
    crowded_sentences,
    describe_field,
)
from jobtui.simulation.forecast import forecast
from jobtui.simulation.predicted_runs import PredictedRun
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.forecast_progress import ForecastProgress
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import Cell, Column, LineTable
from jobtui.tui.widgets.literal_text import cell_text, cell_width, literal_title
from jobtui.tui.widgets.load_grid import LoadGrid

INTERVAL = 300.0  # seconds between two forecasts
FIRST = 10_000  # predicted runs that are shown first, after about 0.3 s of work
MOST = 100_000  # predicted runs that replace them; about 3 s of work
TALL = 42  # the rows from which the ticks of a field are listed below the grid
_SENTENCES = 3  # about crowded minutes
_LEGEND = "▁█ slots taken  2 wait  ▒ no run"
_MOST_OF_NAME = 30  # cells that the name of a job gets before its reason gets some


class _CalendarAnswer(NamedTuple):
    """The content of the screen.

    Attributes:
        calendar: The calendar.
        sentences: About crowded minutes.
        is_what_if: Whether it is of another pool than there is.
        widest: How many cells the longest name of a job takes.
    """

    calendar: LoadCalendar
    sentences: Sequence[str]
    is_what_if: bool
    widest: int


class CalendarScreen(ModalScreen[None]):
    """Shows when the coming day is busy.

    Args:
        background_commands: Executes the user's commands, with the scheduler that has the jobs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,6", "dismiss", "Close", key_display="esc", id="calendar.close"),
        Binding("n", "next_crowded", "Next wait", id="calendar.next_crowded"),
        Binding(
            "plus,equals_sign",
            "resize(1)",
            "What if",
            key_display="+-",
            tooltip="What if the pool were larger?",
            id="calendar.grow",
        ),
        Binding("minus", "resize(-1)", "What if the pool were smaller?", show=False, id="calendar.shrink"),
        Binding("r", "look_again", "Look again", id="calendar.again"),
    ]

    def __init__(self, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._commands = background_commands
        self._backend = background_commands.backend
        self._pool: int | None = None  # the size that is asked about; None for the one that the pool has
        self._calendar: LoadCalendar | None = None
        self._most = FIRST
        self._heading = "Calendar of load"
        self._progress = ForecastProgress(self, self._show_progress)
        self._query = BackgroundQuery(self, self._look_ahead, self._show_calendar, self._show_error)
        self._grid = LoadGrid()
        self._field, self._crowds = Static(id="load-field"), Static(id="load-crowds")
        self._ticks = make_ticks_table("load-ticks")

    def compose(self) -> ComposeResult:
        """Compose the grid, a sentence about the field under the cursor, and those about crowded minutes."""
        with Vertical(classes="dialog large") as box:
            box.border_title = "Calendar of load"
            yield self._grid
            yield self._field
            yield self._ticks
            yield self._crowds
        yield KeyFooter()

    def on_mount(self) -> None:
        """Look ahead now, and then every few minutes."""
        self._grid.show_note("looking ahead")
        self.set_focus(self._grid)
        self._query.request()
        self.set_interval(INTERVAL, self._query.request)

    def on_resize(self) -> None:
        """List the ticks of the field below the grid if there is room."""
        self.set_class(self.size.height >= TALL, "-tall")

    # --- looking ahead ----------------------------------------------------------------------------

    def _look_ahead(self) -> _CalendarAnswer:
        """Return what to show. Called in a worker thread."""
        snapshot, asked = self._backend.snapshot(), self._pool
        length = timedelta(hours=HOURS) - timedelta(minutes=snapshot.at.minute, seconds=snapshot.at.second)
        found = forecast(
            snapshot,
            expected_durations(snapshot.jobs),
            length=length,
            pool=asked,
            most=self._most,
            progress=self._progress,
        )
        calendar = LoadCalendar(found)
        calendar.draw_lines(self._grid.layout_of_fields)
        sentences = crowded_sentences(found, _SENTENCES, cell_text)
        widest = max((cell_width(job.name) for job in snapshot.jobs), default=0)
        return _CalendarAnswer(calendar, sentences, is_what_if=asked is not None, widest=widest)

    def _show_progress(self, part: float) -> None:
        """Show how far a forecast is."""
        self._grid.show_note(f"looking ahead: {part:.0%}")
        self._show_heading(f"   looking ahead: {part:.0%}")

    def _show_heading(self, progress: str) -> None:
        self.query_one(".dialog").border_title = literal_title(self._heading + progress)

    def _show_error(self, error: Exception) -> None:
        self._crowds.update(Text(error_text(error)))

    def _show_calendar(self, answer: _CalendarAnswer) -> None:
        self._calendar, sentences = answer.calendar, answer.sentences
        found = self._calendar.forecast
        what_if = f"what if the pool were {found.pool}: " if answer.is_what_if else ""
        if not sentences and found.pool:
            sentences = ["no scheduled run waits longer than a second for a slot"]
        elif not sentences:
            sentences = ["no run waits: the pool has no limit"]
        self._ticks.want("job", answer.widest, _MOST_OF_NAME)
        end = f"{UNKNOWN} not known: the forecast ends at {found.end:%H:%M}, after {len(found.runs):,} runs"
        unknown = ", ".join(map(cell_text, found.unknown))
        notes = [
            *sentences,
            *([end] if found.is_cut else []),
            *([f"without {unknown}, whose ticks are not known here"] if unknown else []),
        ]
        self._crowds.update(Text(what_if + "\n".join(notes)))
        pool = f"pool of {found.pool}" if found.pool else "no limit"
        self._heading = f"Calendar of load at {found.start:%H:%M}: {pool}   {_LEGEND}"
        self._show_heading("")
        self._grid.show_calendar(self._calendar)
        if found.is_cut and self._most < MOST:
            self._most = MOST
            self._query.request()

    @on(LoadGrid.FieldSelected)
    def _describe_field(self, message: LoadGrid.FieldSelected) -> None:
        message.stop()
        assert self._calendar is not None
        field = self._calendar.field(message.hour, message.place, self._grid.layout_of_fields)
        jobs = self._calendar.jobs_of(message.hour, message.place, self._grid.layout_of_fields)
        names = f"   {', '.join(map(cell_text, jobs))}" if jobs else ""
        self._field.update(
            Text.assemble(
                (describe_field(field, self._calendar.forecast), "bold"),
                names,
                no_wrap=True,
                overflow="ellipsis",
            )
        )
        runs = self._calendar.runs_of(message.hour, message.place, self._grid.layout_of_fields)
        self._ticks.update_rows(runs, self._calendar.forecast.start)

    @on(LineTable.RowSelected)
    def _open_job(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.app.push_screen(JobScreen(message.row.job, self._commands))

    # --- keys and messages ------------------------------------------------------------------------

    def action_next_crowded(self) -> None:
        """Move to the next minutes in which runs wait, or ticks start no run."""
        calendar, layout = self._calendar, self._grid.layout_of_fields
        if calendar is None:
            return
        count = len(calendar.hours) * layout.fields
        hour, place = self._grid.field
        here = hour * layout.fields + place
        for index in (*range(here + 1, count), *range(here + 1)):
            hour, place = divmod(index, layout.fields)
            field = calendar.field(hour, place, layout)
            if (field.waiting or field.lost) and not calendar.is_past(field):
                self._grid.cursor = hour, place * layout.step
                return
        self._commands.notify("no scheduled run waits in the coming day", "warning")

    def action_resize(self, by: int) -> None:
        """Ask what would happen with a larger or smaller pool. The real pool keeps its size."""
        if self._calendar is not None and self._calendar.forecast.pool:
            self._pool = max(1, (self._pool or self._calendar.forecast.pool) + by)
            self._most = FIRST
            self._query.request()

    def action_look_again(self) -> None:
        """Look ahead again, with the pool that there is."""
        self._pool = None
        self._query.request()

    @on(LoadGrid.FieldOpened)
    def _list_ticks(self, message: LoadGrid.FieldOpened) -> None:
        message.stop()
        assert self._calendar is not None
        layout = self._grid.layout_of_fields
        field = self._calendar.field(message.hour, message.place, layout)
        runs = self._calendar.runs_of(message.hour, message.place, layout)
        title = f"{field.start:%a %H:%M} to {field.end:%H:%M}: {pluralize(field.ticks, 'tick')}"
        self.app.push_screen(TicksScreen(title, runs, self._commands))


class TicksScreen(ModalScreen[None]):
    """Lists the ticks of some minutes of a forecast.

    Args:
        title: The title.
        runs: The runs that are due in them, and the ticks that start none.
        background_commands: Executes the user's commands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", key_display="esc", id="ticks.close"),
    ]

    def __init__(
        self, title: str, runs: Sequence[PredictedRun], background_commands: BackgroundCommands
    ) -> None:
        super().__init__()
        self._heading = title
        self._runs = runs
        self._commands = background_commands
        self._table = make_ticks_table("ticks-of-field")

    def compose(self) -> ComposeResult:
        """Compose the ticks."""
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(self._heading)
            yield self._table
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show the ticks."""
        self.set_focus(self._table)
        self._table.want("job", max(map(_job_width, self._runs), default=0), _MOST_OF_NAME)
        self._table.update_rows(self._runs, self._commands.backend.snapshot().at)

    @on(LineTable.RowSelected)
    def _open_job(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.app.push_screen(JobScreen(message.row.job, self._commands))


def make_ticks_table(name: str) -> LineTable[PredictedRun]:
    """Return a table of predicted runs, and of ticks that start none."""
    return LineTable(_COLUMNS, lambda run: (run.job, run.due), empty="nothing is due", header=True, id=name)


def _due(run: PredictedRun, _now: object) -> Cell:
    return [(f"{run.due:%H:%M:%S}", "")]


def _job(run: PredictedRun, _now: object) -> Cell:
    return [(cell_text(run.job), ""), *([(f" {run.ticks} ticks", "muted")] if run.ticks > 1 else [])]


def _job_width(run: PredictedRun) -> int:
    return sum(cell_width(text) for text, _ in _job(run, None))


def _starts(run: PredictedRun, _now: object) -> Cell:
    return [("" if run.started is None else f"{run.started:%H:%M:%S}", "running")]


def _waits(run: PredictedRun, _now: object) -> Cell:
    return [(format_duration(run.wait), "waiting")] if run.wait else []


def _takes(run: PredictedRun, _now: object) -> Cell:
    if run.started is None or run.ended is None:
        return []
    return [(format_duration(run.ended - run.started), "")]


def _becomes(run: PredictedRun, _now: object) -> Cell:
    sign = STATE_SIGNS[run.state]
    if run.state is RunState.OK:
        return [("runs", "muted")]
    reason = f": {cell_text(run.reason)}" if run.reason else ""
    return [(f"{sign.glyph} {run.state.value}{reason}", sign.tone)]


_COLUMNS: Sequence[Column[PredictedRun]] = (
    Column("due", "DUE", 8, _due),
    Column("job", "JOB", 18, _job, fraction=2),
    Column("starts", "STARTS", 8, _starts),
    Column("waits", "WAITS", 7, _waits, align_right=True),
    Column("takes", "TAKES", 7, _takes, align_right=True),
    Column("state", "BECOMES", 12, _becomes, fraction=1),
)
