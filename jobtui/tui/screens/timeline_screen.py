"""The timeline of all jobs: on the left of now the runs that there were, on its right those that will be."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import STATE_SIGNS, format_instant, pluralize
from jobtui.frontend.look_ahead import TimelinePicture, TimelineView
from jobtui.frontend.timeline import (
    BAR_MARK,
    TimelineBar,
    TimelineMarks,
    TimelineRow,
    Window,
    axis_text,
    full_sentence,
    load_pieces,
    part_until,
)
from jobtui.frontend.timeline_cells import PREDICTED, RAN, WAITS
from jobtui.runtime.clock import thread_cpu
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.forecast_progress import ForecastProgress
from jobtui.tui.key_names import key_of
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.line_table import Column, LineTable
from jobtui.tui.widgets.literal_text import cell_text, literal_title

SHORTEST, LONGEST = 2.0, 30.0  # seconds from one forecast to the next one, if no key needs another
CPU_SHARE = 0.1  # of one core, for forecasts; a costlier one delays the next one
_MOST_STEPS = 100  # by which the window is moved to a selected bar
_LEGEND = (
    f"{RAN} ran",
    f"{PREDICTED} will run",
    f"{WAITS} waits",
    f"{STATE_SIGNS[RunState.FAILED].glyph} failed",
    f"{STATE_SIGNS[RunState.SKIPPED].glyph} no run",
)
_TITLE_ENDS = 4  # the columns of a border that its title cannot use


class _Answer(NamedTuple):
    """The content of the screen, and the CPU time that it took, in seconds."""

    picture: TimelinePicture
    marks: TimelineMarks
    cpu: float


def pause_after(cpu: float) -> float:
    """Return how many seconds the next forecast waits after one that took this CPU time."""
    return min(LONGEST, max(SHORTEST, cpu / CPU_SHARE))


def _with_legend(title: str, width: int) -> str:
    """Return a title with as much of the legend as fits into a width."""
    for sign in _LEGEND:
        if cell_len(title) + cell_len(sign) + 2 > width:
            break
        title += f"  {sign}"
    return title


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
        Binding(
            "comma", "select_bar(-1)", "Bar before", key_display=",", show=False, id="timeline.bar_before"
        ),
        Binding(
            "full_stop", "select_bar(1)", "Bar", key_display=",.", tooltip="Select a run", id="timeline.bar"
        ),
        Binding(
            "f",
            "select_failure(-1)",
            "Failure",
            tooltip="Select the latest run that failed before",
            id="timeline.failure",
        ),
        Binding("F", "select_failure(1)", "Next run that failed", show=False, id="timeline.next_failure"),
        Binding(
            "left_square_bracket",
            "zoom(-1)",
            "Zoom",
            key_display="[]",
            tooltip="Show less time",
            id="timeline.nearer",
        ),
        Binding(
            "right_square_bracket",
            "zoom(1)",
            "Show more time",
            key_display="]",
            show=False,
            id="timeline.farther",
        ),
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
        self._view = TimelineView()
        self._picture: TimelinePicture | None = None
        self._marks: TimelineMarks | None = None  # those of the picture
        self._bar: TimelineBar | None = None  # the selected one, of the selected job
        self._timer: Timer | None = None  # until the next forecast
        self._part = 0.0  # of the next forecast that is done
        self._progress = ForecastProgress(self, self._show_progress)
        self._query = BackgroundQuery(self, self._look_ahead, self._show_picture, self._show_error)
        self._axis, self._load, self._note = Static(), Static(), Static(id="timeline-note")
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
        self.watch(self._table, "cursor", self._forget_bar, init=False)
        self._query.request()

    def on_resize(self) -> None:
        """Paint for the new width."""
        self.call_after_refresh(self._paint)

    # --- looking ahead ----------------------------------------------------------------------------

    def _look_ahead(self) -> _Answer:
        """Return what to show. Called in a worker thread."""
        began = thread_cpu()
        picture = self._view.look_ahead(self._backend, progress=self._progress)
        marks = TimelineMarks(picture.past, picture.forecast)
        if (bar := self._bar) is not None:
            marks.bars_of(bar.run.job)  # which the painting thread will ask for
        return _Answer(picture, marks, thread_cpu() - began)

    def _look_again_after(self, cpu: float) -> None:
        """Look ahead once more, later if that took much CPU time."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(pause_after(cpu), self._query.request)

    # --- painting ---------------------------------------------------------------------------------

    def _show_picture(self, answer: _Answer) -> None:
        self._picture, self._marks, self._part = answer.picture, answer.marks, 0.0
        if self._bar is not None:  # the same one in the new picture, if it is still there
            key, bars = self._bar.key, self._marks.bars_of(self._bar.run.job)
            self._bar = next((bar for bar in bars if bar.key == key), None)
        self._paint()
        self._look_again_after(answer.cpu)

    def _show_progress(self, part: float) -> None:
        """Show how far the first forecast is, or one for another pool; others come without a sign."""
        if self._picture is None:
            self._table.set_empty_text(f"looking ahead: {part:.0%}")
        elif self._view.pool != self._picture.pool:
            self._part = part
            self._show_note(self._picture)

    def _show_error(self, error: Exception) -> None:
        self._note.update(Text(error_text(error)))
        self._look_again_after(0.0)

    def _paint(self) -> None:
        picture, marks, (left, width) = self._picture, self._marks, self._table.place_of("time")
        if picture is None or marks is None or not width:
            return
        now = picture.forecast.start
        window = self._view.window(now, width)
        indent = " " * left
        axis = axis_text(window, now, None if self._bar is None else self._bar.start)
        self._axis.update(Text(indent + axis, "dim"), layout=False)
        self._table.update_rows(marks.rows(picture.jobs, window), now)
        size = picture.forecast.pool
        label = f"  {f'pool of {size}' if size else 'no limit'}".ljust(len(indent))
        load = (text for text, _ in load_pieces(marks.load, picture.forecast, window, picture.real_pool))
        self._load.update(Text.assemble(label, *load), layout=False)
        self._show_note(picture)
        box = self.query_one(".dialog")
        title = f"Timeline: {self._view.name}, {pluralize(len(picture.jobs), 'job')} "
        title = _with_legend(title, box.outer_size.width - _TITLE_ENDS)
        if box.border_title != literal_title(title):  # an assignment repaints the dialog
            box.border_title = literal_title(title)

    def _show_note(self, picture: TimelinePicture) -> None:
        """Describe the picture below it, and how far the next forecast is."""
        _, width = self._table.place_of("time")
        if width:
            window = self._view.window(picture.forecast.start, width)
            note = self._describe_next(picture) + self._describe(picture, window)
            self._note.update(Text(note), layout=False)

    def _describe_next(self, picture: TimelinePicture) -> str:
        """Return that the answer for another pool is being computed; "" if the picture is of that pool."""
        asked = self._view.pool
        if asked == picture.pool:
            return ""
        size = picture.real_pool if asked is None else asked
        part = f": {self._part:.0%}" if self._part else ""
        return f"looking ahead with a pool of {size}{part}; "

    def _describe(self, picture: TimelinePicture, window: Window) -> str:
        """Return the sentence about the selected bar, else about the pool that the picture is of."""
        if self._bar is not None:
            return f"{BAR_MARK} {cell_text(self._bar.run.job)}  {cell_text(self._bar.describe())}"
        found, now = picture.forecast, picture.forecast.start
        what_if = "" if picture.pool is None else f"what if the pool were {found.pool}: "
        names = ", ".join(map(cell_text, found.unknown))
        unknown = f"; without {names}, whose ticks are not known here" if names else ""
        known = picture.known_since
        is_cut = known > max(window.start, picture.since)
        cut = f"runs before {format_instant(known, now).strip()} are not shown; " if is_cut else ""
        return f"{cut}{what_if}{full_sentence(part_until(found, self._view.end(now)))}{unknown}"

    # --- keys -------------------------------------------------------------------------------------

    def action_move_window(self, by: int) -> None:
        """Move the window by a part of its width."""
        self._look_at(self._view.moved(by))

    def action_to_now(self) -> None:
        """Move the window back to the present, and the pool to its size."""
        self._bar = None
        self._look_at(TimelineView(zoom=self._view.zoom))

    def action_zoom(self, by: int) -> None:
        """Show less or more time."""
        self._look_at(self._view.zoomed(by))

    def action_resize(self, by: int) -> None:
        """Ask what would happen with a larger or smaller pool. The real pool keeps its size."""
        if self._picture is not None and self._picture.forecast.pool:
            shown = self._picture.real_pool or self._picture.forecast.pool
            size = max(1, (self._view.pool or shown) + by)
            self._look_at(replace(self._view, pool=None if size == shown else size))

    def action_select_bar(self, by: int) -> None:
        """Select the next run of the selected job, or the one before; the first time, one at now."""
        row, picture = self._table.selected, self._picture
        bars = self._marks.bars_of(row.job) if self._marks is not None and row is not None else []
        if not bars or picture is None:
            self._commands.notify("this job has no run in this time", "warning")
            return
        if self._bar is None or self._bar.run.job != bars[0].run.job:
            # A RUNNING run begins before now, and is at now all the same.
            place = next((place for place, bar in enumerate(bars) if bar.now is not None), None)
            if place is None:
                place = bisect_left([bar.start for bar in bars], picture.forecast.start) - (by < 0)
        else:
            keys = [bar.key for bar in bars]
            place = keys.index(self._bar.key) + by if self._bar.key in keys else 0
        self._bar = bars[max(0, min(len(bars) - 1, place))]
        self._look_at(self._view_of(self._bar, picture.forecast.start))

    def action_select_failure(self, by: int) -> None:
        """Select the latest run of any job that failed before the selected one, or the next one after it."""
        picture = self._picture
        if picture is None:
            return
        now = picture.forecast.start
        here = (now, 0) if self._bar is None else _place_of(self._bar)
        failed = sorted((_bar_of(run, now) for run in picture.past if run.state.failed), key=_place_of)
        places = [_place_of(bar) for bar in failed]
        index = bisect_left(places, here) - 1 if by < 0 else bisect_right(places, here)
        if not 0 <= index < len(failed):
            self._notify_of_no_failure(picture, by)
            return
        bar = failed[index]
        self._table.select(lambda row: row.job == bar.run.job)
        self._bar = bar
        self._look_at(self._view_of(bar, now))

    def _notify_of_no_failure(self, picture: TimelinePicture, by: int) -> None:
        if by > 0:
            self._commands.notify("no run failed after this one", "warning")
            return
        since = format_instant(picture.known_since, picture.forecast.start).strip()
        key = key_of(self, "timeline.earlier")
        self._commands.notify(f"no other run failed since {since}; {key} looks farther back", "warning")

    def _view_of(self, bar: TimelineBar, now: datetime) -> TimelineView:
        """Return the view, moved until it shows the beginning of a bar."""
        view, (_, width) = self._view, self._table.place_of("time")
        for _ in range(_MOST_STEPS if width else 0):
            place = view.window(now, width).place(bar.start)
            if 0 <= place < width:
                break
            view = view.moved(-1 if place < 0 else 1)
        return view

    def _forget_bar(self) -> None:
        """Forget the selected bar when another job is selected."""
        row = self._table.selected
        if self._bar is not None and (row is None or row.job != self._bar.run.job):
            self._bar = None
            self._paint()

    def on_click(self, event: events.Click) -> None:
        """Select the bar that was clicked."""
        at, (left, width), marks = (
            event.get_content_offset(self._table),
            self._table.place_of("time"),
            self._marks,
        )
        row, picture = self._table.selected, self._picture
        if at is None or row is None or marks is None or picture is None or not 0 <= at.x - left < width:
            return
        window = self._view.window(picture.forecast.start, width)
        near = [bar for bar in marks.bars_of(row.job) if _is_at(bar, window, at.x - left)]
        self._bar = near[0] if near else None
        self._paint()

    def _look_at(self, view: TimelineView) -> None:
        self._view = view
        self._paint()
        if self._picture is None or not view.is_in(self._picture):
            self._query.request()

    @on(LineTable.RowSelected)
    def _open_bar_or_job(self, message: LineTable.RowSelected) -> None:
        """Open the selected run if it has begun, else the job."""
        message.stop()
        bar = self._bar
        if bar is not None and bar.run.job == message.row.job and isinstance(bar.run, RunView):
            self.app.push_screen(RunScreen(bar.run, self._commands))
        else:
            self.app.push_screen(JobScreen(message.row.job, self._commands))


def _bar_of(run: RunView, now: datetime) -> TimelineBar:
    """Return the bar of a run that has ended."""
    return TimelineBar(run.started or run.created, run.ended or now, run)


def _place_of(bar: TimelineBar) -> tuple[datetime, int]:
    """Return the place of a bar in the order of all runs."""
    return bar.start, bar.run.number


def _is_at(bar: TimelineBar, window: Window, column: int) -> bool:
    return window.place(bar.start) <= column <= window.place(bar.end)
