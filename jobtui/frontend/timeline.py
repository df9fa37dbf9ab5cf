"""The timeline: the runs of each job before and after now, as a line of cells. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import elapsed_between, format_duration, pluralize
from jobtui.frontend.slot_load import SlotLoad
from jobtui.frontend.timeline_cells import NOW, LineCells, Piece, line_cells
from jobtui.frontend.timeline_spans import Span, SpanKind, timeline_spans
from jobtui.simulation.forecast import Forecast, FullSpan
from jobtui.simulation.predicted_runs import PredictedRun

LEVELS = " ▁▂▃▄▅▆▇█"
_NO_RUNS = LineCells(())
BAR_MARK = "▾"  # above the selected bar
_LABEL_COLUMNS = 12  # of the axis for each label, at least
_STEPS = [
    *(timedelta(seconds=seconds) for seconds in (10, 30)),
    *(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 7)),
]
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Window(NamedTuple):
    """The part of the time line that is shown.

    Attributes:
        start: The beginning of the first column.
        column: How much time a column stands for.
        width: How many columns there are.
    """

    start: datetime
    column: timedelta
    width: int

    @property
    def end(self) -> datetime:
        """The end of the last column."""
        return (self.start.astimezone(UTC) + self.column * self.width).astimezone(self.start.tzinfo)

    def position(self, instant: datetime) -> float:
        """Return the distance of an instant from the start, in columns."""
        # In UTC: Python subtracts the wall times of two instants of one zone.
        return (instant.astimezone(UTC) - self.start.astimezone(UTC)) / self.column

    def place(self, instant: datetime) -> int:
        """Return the column of an instant, which may lie outside of the window."""
        return floor(self.position(instant))


class TimelineRow:
    """The line of a job. It is drawn when it is read: most lines of many jobs are not visible.

    Args:
        job: The name of the job.
        draw: Returns the pieces.

    Attributes:
        job: The name of the job.
    """

    def __init__(self, job: str, draw: Callable[[], tuple[Piece, ...]]) -> None:
        self.job = job
        self._draw = draw

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The texts of its cells, with their tones."""
        return self._draw()


class TimelineBar(NamedTuple):
    """A run, or ticks that start none, on the line of a job.

    Attributes:
        start: Its beginning.
        end: Its end; of a RUNNING run, the one that is expected.
        run: The run or the ticks: a `RunView` before now, a `PredictedRun` after it.
        now: The present instant for a RUNNING run of which the forecast knows the end, else None.
        lasts: Whether it is still RUNNING at the end of the forecast.
    """

    start: datetime
    end: datetime
    run: RunView | PredictedRun
    now: datetime | None = None
    lasts: bool = False

    @property
    def key(self) -> object:
        """Identifies the bar in the pictures to come."""
        return self.run.number or self.run.due

    def describe(self) -> str:
        """Return what happened or will happen, as a line of text."""
        run = self.run
        reason = f": {run.reason}" if run.reason else ""
        if isinstance(run, PredictedRun):
            if run.started is None:
                return f"{run.due:%H:%M:%S}  will be {run.state.value}{reason}"
            wait = f" after a wait of {format_duration(run.wait)}" if run.wait else ""
            return f"{self.start:%H:%M:%S}  will run for {format_duration(self.end - self.start)}{wait}"
        number = f"run {run.number}" if run.number else pluralize(run.ticks, "tick")
        if self.now is not None:
            ran = format_duration(elapsed_between(self.start, self.now))
            left = format_duration(elapsed_between(self.now, self.end))
            end = f"not end before {self.end:%H:%M:%S}" if self.lasts else f"end in {left}"
            return f"{self.start:%H:%M:%S}  {number} has run for {ran}, and will {end}"
        took = f", {format_duration(self.end - self.start)}" if run.started is not None else ""
        return f"{self.start:%H:%M:%S}  {number} {run.state.value}{took}{reason}"


class TimelineMarks:
    """The runs of a timeline, prepared once so that drawing them for a window is quick.

    Args:
        past: The runs that are RUNNING or have ended, and the ticks that started none.
        forecast: The forecast, which begins now.

    Attributes:
        load: The slots that they take.
    """

    def __init__(self, past: Sequence[RunView], forecast: Forecast) -> None:
        self._past, self._forecast = past, forecast
        self.load = SlotLoad(past, forecast)
        self._bars: tuple[str, list[TimelineBar]] = "", []  # of the job that was asked for last
        self._lines = line_cells(timeline_spans(past, forecast.runs, forecast))

    def rows(self, jobs: Iterable[str], window: Window) -> list[TimelineRow]:
        """Return the line of each job.

        Args:
            jobs: The names of the jobs, in the order of the lines.
            window: The part that is shown.
        """
        start, column = window.start.timestamp(), window.column.total_seconds()
        now = window.place(self._forecast.start)
        return [
            TimelineRow(job, partial(self._lines.get(job, _NO_RUNS).pieces, start, column, window.width, now))
            for job in jobs
        ]

    def bars_of(self, job: str) -> list[TimelineBar]:
        """Return the bars of a job, the earliest first."""
        if self._bars[0] != job:
            self._bars = job, self._find_bars(job)
        return self._bars[1]

    def _find_bars(self, job: str) -> list[TimelineBar]:
        past = [run for run in self._past if run.job == job]
        begun = {run.number for run in past if run.started is not None}
        predicted = list(self._forecast.runs.of_job(job))
        live = {run.number: run for run in predicted if run.number in begun}
        coming = [run for run in predicted if run.number not in begun]
        bars: dict[int, TimelineBar] = {}
        for span in timeline_spans(past, coming, self._forecast):
            if span.kind is not SpanKind.WAITS:
                bars.setdefault(id(span.run), self._bar_of(span, live.get(span.run.number)))
        return sorted(bars.values(), key=lambda bar: (bar.start, bar.end))

    def _bar_of(self, span: Span, live: PredictedRun | None) -> TimelineBar:
        """Return the bar of a span; of a RUNNING run, the one from its start to its expected end."""
        if live is None or span.run.state is not RunState.RUNNING:
            return TimelineBar(span.start, span.end, span.run)
        end, lasts = live.ended or self._forecast.end, live.ended is None
        return TimelineBar(span.start, end, span.run, self._forecast.start, lasts)


def load_pieces(
    load: SlotLoad, forecast: Forecast, window: Window, pool_before: int | None = None
) -> tuple[Piece, ...]:
    """Return how many slots of the pool are taken, as bars: on average in each column.

    Args:
        load: The slots that are taken.
        forecast: The forecast, which begins now.
        window: The part that is shown.
        pool_before: The size of the pool before now; None for that of the forecast.
    """
    slots = average_load(load, window)
    before = forecast.pool if pool_before is None else pool_before
    column = window.place(forecast.start)
    highest = max(1.0, *slots)  # without a limit
    sizes = ((before if place < column else forecast.pool) or highest for place in range(len(slots)))
    bars = [
        LEVELS[min(len(LEVELS) - 1, ceil(8 * each / most))] for each, most in zip(slots, sizes, strict=True)
    ]
    if not 0 <= column < window.width:
        return (("".join(bars), "running"),)
    return ("".join(bars[:column]), "running"), (NOW, "strong"), ("".join(bars[column + 1 :]), "muted")


def average_load(load: SlotLoad, window: Window) -> list[float]:
    """Return how many slots of the pool are taken, on average in each column of a window."""
    start, column = window.start.timestamp(), window.column.total_seconds()
    work = [load.work_until(start + column * place) for place in range(window.width + 1)]
    return [(after - before) / column for before, after in pairwise(work)]


def axis_text(window: Window, now: datetime, selected: datetime | None = None) -> str:
    """Return the line with the times, in the zone of `now`. The texts leave room for the mark of a bar.

    Args:
        window: The part that is shown.
        now: The present instant.
        selected: The start of the selected bar, which gets a mark; None for none.
    """
    cells = ["─"] * window.width
    if selected is not None:
        _write(cells, window.place(selected), BAR_MARK)
    column = window.place(now)
    if 0 <= column < window.width:
        nearest = sorted(range(window.width - len("now") + 1), key=lambda place: abs(place - column + 1))
        _write(
            cells, next((place for place in nearest if BAR_MARK not in cells[place : place + 3]), -1), "now"
        )
    for instant, label in axis_labels(window, now):
        place = window.place(instant)
        if not set("".join(cells[max(0, place - 1) : place + len(label) + 1])) - {"─"}:
            _write(cells, place, label)
    return "".join(cells)


def axis_labels(window: Window, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield round instants in the window with their texts, in the zone of `now`, 12 columns apart at least.

    The first one may lie before the window.
    """
    step = next((step for step in _STEPS if step / window.column >= _LABEL_COLUMNS), _STEPS[-1])
    start = window.start.astimezone(now.tzinfo)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    instant = midnight + (start - midnight) // step * step
    while instant < window.end:
        is_day = step >= _DAY or _is_midnight(instant)
        yield instant, f"{instant.day} {instant:%b}" if is_day else _time(instant, step)
        instant = (instant.astimezone(UTC) + step).astimezone(now.tzinfo)


def _is_midnight(instant: datetime) -> bool:
    return (instant.hour, instant.minute, instant.second) == (0, 0, 0)


def _time(instant: datetime, step: timedelta) -> str:
    return f"{instant:%H:%M:%S}" if step < timedelta(minutes=1) else f"{instant:%H:%M}"


def _write(cells: list[str], place: int, text: str) -> None:
    if place >= 0 and place + len(text) <= len(cells):
        cells[place : place + len(text)] = text


def part_until(forecast: Forecast, end: datetime) -> Forecast:
    """Return what a forecast says about the time up to an instant. It keeps the runs after that."""
    if end >= forecast.end:
        return forecast
    full = tuple(replace(span, end=min(span.end, end)) for span in forecast.full if span.start < end)
    return replace(forecast, end=end, is_cut=False, full=full)


def full_sentence(forecast: Forecast) -> str:
    """Return when the pool is full next, for a second at least, how many runs wait then, and how long."""
    if not forecast.pool:
        return "the pool has no limit"
    long = [span for span in forecast.full if span.end - span.start >= _SECOND]
    until = (
        f"{forecast.end:%H:%M:%S}" if forecast.end - forecast.start < _DAY else f"{forecast.end:%d %b %H:%M}"
    )
    end = f"; the forecast ends then, after {len(forecast.runs):,} runs" if forecast.is_cut else ""
    if not long:
        return f"until {until}, no scheduled run waits for a slot{end}"
    first, *others = long
    if first.end >= forecast.end:  # how long it goes on is not known
        begins = "now and" if first.start <= forecast.start else f"from {first.start:%H:%M:%S}"
        return f"full {begins} until {until} at least: {describe_waits(first)}{end}"
    return (
        _describe_span(first, forecast) + (_count_others(others, until) or (end and f", until {until}")) + end
    )


def _describe_span(span: FullSpan, forecast: Forecast) -> str:
    length = format_duration(span.end - span.start)
    if span.start <= forecast.start:
        return f"full now and for {length} more: {describe_waits(span)}"
    return f"full at {span.start:%H:%M:%S} for {length}: {describe_waits(span)}"


def describe_waits(span: FullSpan) -> str:
    """Return how many runs wait at once while the pool is full, and how long at most."""
    if span.waiting == 1:
        return f"1 run waits, {format_duration(span.longest)} at most"
    return f"{span.waiting} runs wait, the longest {format_duration(span.longest)}"


def _count_others(others: Sequence[FullSpan], until: str) -> str:
    return f", and {pluralize(len(others), 'more time')} until {until}" if others else ""
