"""The timeline of all jobs: on the left of now the runs that there were, on its right those that will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from jobtui.engine.ledger import MAX_RUNS
from jobtui.engine.typical_duration import expected_durations
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import pluralize
from jobtui.frontend.timeline import (
    PREDICTED,
    RAN,
    WAITS,
    TimelineRow,
    Window,
    axis_text,
    full_sentence,
    load_pieces,
    timeline_rows,
)
from jobtui.process.gil import let_other_threads_run
from jobtui.simulation.forecast import Forecast, forecast
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import Column, LineTable
from jobtui.tui.widgets.literal_text import cell_text, literal_title

INTERVAL = 2.0  # seconds between two forecasts
MOST = 10_000  # predicted runs; about 0.3 s of work
# The lengths of the window, with their names.
SPANS = [
    *((f"{minutes}m", timedelta(minutes=minutes)) for minutes in (5, 15, 30)),
    *((f"{hours}h", timedelta(hours=hours)) for hours in (1, 3, 6, 12, 24)),
    *((f"{days}d", timedelta(days=days)) for days in (3, 7)),
]
_FIRST_ZOOM = 1
_PAST = 0.4  # the part of the window before now, until it is moved
_MOVE = 0.25  # the part of the window by which a key moves it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """The content of the timeline.

    Attributes:
        jobs: The names of all jobs.
        past: The runs that are RUNNING or have ended in the window, and the ticks that started none.
        forecast: The forecast from then on.
    """

    jobs: tuple[str, ...]
    past: Sequence[RunView]
    forecast: Forecast


class TimelineScreen(ModalScreen[None]):
    """Shows the past and the forecast of all jobs.

    Args:
        background_commands: Executes the user's commands, with the scheduler that has the jobs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,5", "dismiss", "Close", key_display="esc", id="timeline.close"),
        Binding("h,left", "move_window(-1)", "Earlier", key_display="h", id="timeline.earlier"),
        Binding("l,right", "move_window(1)", "Later", key_display="l", id="timeline.later"),
        Binding("n", "to_now", "Now", id="timeline.now"),
        Binding("left_square_bracket", "zoom(-1)", "Nearer", key_display="[", id="timeline.nearer"),
        Binding("right_square_bracket", "zoom(1)", "Farther", key_display="]", id="timeline.farther"),
        Binding(
            "plus,equals_sign",
            "resize(1)",
            "What if",
            key_display="+-",
            tooltip="What if the pool were larger?",
            id="timeline.grow",
        ),
        Binding("minus", "resize(-1)", "What if the pool were smaller?", show=False, id="timeline.shrink"),
    ]

    def __init__(self, background_commands: BackgroundCommands) -> None:
        super().__init__()
        self._commands = background_commands
        self._backend = background_commands.backend
        self._zoom = _FIRST_ZOOM
        self._shift = 0.0  # how far the window was moved, in windows
        self._pool: int | None = (
            None  # the size of the pool that is asked about; None for the one that it has
        )
        self._picture: _Picture | None = None
        self._query = BackgroundQuery(self, self._look_ahead, self._show_picture, self._show_error)
        self._axis, self._load, self._note = Static(), Static(), Static()
        self._table = LineTable[TimelineRow](
            [
                Column("job", "", 14, lambda row, _now: [(cell_text(row.job), "")], fraction=1),
                Column("time", "", 10, lambda row, _now: row.pieces, fraction=9),
            ],
            lambda row: row.job,
            empty="looking ahead",
            anchored=True,
            id="timeline",
        )

    def compose(self) -> ComposeResult:
        """Compose the times, the jobs, the load of the pool, and a sentence about it."""
        with Vertical(classes="dialog large") as box:
            box.border_title = "Timeline"
            yield self._axis
            yield self._table
            yield self._load
            yield self._note
        yield KeyFooter()

    def on_mount(self) -> None:
        """Look ahead now, and then again and again."""
        self.set_focus(self._table)
        self._query.request()
        self.set_interval(INTERVAL, self._query.request)

    def on_resize(self) -> None:
        """Paint for the new width."""
        self.call_after_refresh(self._paint)

    # --- looking ahead ----------------------------------------------------------------------------

    def _look_ahead(self) -> _Picture:
        """Return what to show. Called in a worker thread."""
        snapshot, (_, span) = self._backend.snapshot(), SPANS[self._zoom]
        since = snapshot.at.astimezone(UTC) - span * (_PAST - min(0.0, self._shift))
        length = max(span * (1 - _PAST + self._shift), span / len(SPANS))
        names = [job.name for job in snapshot.jobs]
        return _Picture(
            jobs=tuple(names),
            past=self._backend.find_runs(since=since, limit=MAX_RUNS),
            forecast=forecast(
                snapshot,
                expected_durations(snapshot.jobs),
                length=length,
                pool=self._pool,
                most=MOST,
                progress=self._pause,
            ),
        )

    def _pause(self, _part: float) -> None:
        """Let the jobs run in the middle of a forecast, and end it if its answer is not wanted any more."""
        if not self.is_attached:
            raise RuntimeError("the screen is closed")
        let_other_threads_run()

    # --- painting ---------------------------------------------------------------------------------

    def _show_picture(self, picture: _Picture) -> None:
        self._picture = picture
        self._paint()

    def _show_error(self, error: Exception) -> None:
        self._note.update(Text(error_text(error)))

    def _paint(self) -> None:
        picture, (left, width) = self._picture, self._table.place_of("time")
        if picture is None or not width:
            return
        now = picture.forecast.start
        window = self._window(now, width)
        indent = " " * left
        self._axis.update(Text(indent + axis_text(window, now), "dim"))
        self._table.update_rows(timeline_rows(picture.jobs, picture.past, picture.forecast, window), now)
        size = picture.forecast.pool
        label = f"  {f'pool of {size}' if size else 'no limit'}".ljust(len(indent))
        self._load.update(
            Text.assemble(label, *(text for text, _ in load_pieces(picture.past, picture.forecast, window)))
        )
        what_if = "" if self._pool is None else f"what if the pool were {self._pool}: "
        names = ", ".join(map(cell_text, picture.forecast.unknown))
        unknown = f"; without {names}, whose ticks are not known here" if names else ""
        self._note.update(Text(f"  {what_if}{full_sentence(picture.forecast)}{unknown}"))
        legend = f"{RAN} ran  {PREDICTED} will run  {WAITS} waits"
        title = f"Timeline: {SPANS[self._zoom][0]}, {pluralize(len(picture.jobs), 'job')}   {legend}"
        self.query_one(".dialog").border_title = literal_title(title)

    def _window(self, now: datetime, width: int) -> Window:
        """Return the window, whose columns stay where they are while time passes."""
        column = SPANS[self._zoom][1] / width
        seconds = column.total_seconds()
        place = now.timestamp() // seconds + round(width * (self._shift - _PAST))
        return Window(datetime.fromtimestamp(place * seconds, now.tzinfo), column, width)

    # --- keys -------------------------------------------------------------------------------------

    def action_move_window(self, by: int) -> None:
        """Move the window by a part of its width."""
        self._shift += by * _MOVE
        self._paint_and_ask()

    def action_to_now(self) -> None:
        """Move the window back to the present, and the pool to its size."""
        self._shift, self._pool = 0.0, None
        self._paint_and_ask()

    def action_zoom(self, by: int) -> None:
        """Show less or more time."""
        self._zoom = max(0, min(len(SPANS) - 1, self._zoom + by))
        self._paint_and_ask()

    def action_resize(self, by: int) -> None:
        """Ask what would happen with a larger or smaller pool. The real pool keeps its size."""
        if self._picture is not None and self._picture.forecast.pool:
            self._pool = max(1, (self._pool or self._picture.forecast.pool) + by)
            self._query.request()

    def _paint_and_ask(self) -> None:
        self._paint()
        self._query.request()

    @on(LineTable.RowSelected)
    def _open_job(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.app.push_screen(JobScreen(message.row.job, self._commands))
