"""The timeline: the runs of each job before and after now, as a line of cells. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import groupby
from math import floor
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.formatting import STATE_SIGNS, format_duration, pluralize
from jobtui.frontend.timeline_spans import Span, SpanKind, timeline_spans
from jobtui.simulation.forecast import Forecast, FullSpan, PredictedRun

Piece = tuple[str, str]  # a text and its tone

NOW = "│"
RAN, PREDICTED, WAITS = "█", "▒", "·"
BRIEF = {RAN: "▂", PREDICTED: "░"}  # for runs that take less than half of the time of their cell
LEVELS = " ▁▂▃▄▅▆▇█"
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


class _Mark(NamedTuple):
    """The content of a cell. Of several marks, the one with the highest rank is shown."""

    rank: float
    glyph: str
    tone: str


_GLYPHS = {SpanKind.WAITS: WAITS, SpanKind.PREDICTED: PREDICTED, SpanKind.RAN: RAN}
_RANKS = {SpanKind.WAITS: 1, SpanKind.PREDICTED: 2, SpanKind.RAN: 2, SpanKind.MARK: 4}
_HALF = 0.5
_EMPTY = _Mark(0, " ", "")


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


def _mark_of(span: Span) -> _Mark:
    is_usual = span.tone == STATE_SIGNS[RunState.OK].tone or span.kind is not SpanKind.RAN
    rank = _RANKS[span.kind] + (not is_usual)
    return _Mark(rank, span.glyph or _GLYPHS[span.kind], span.tone)


class _Line:
    """The cells of a line."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._marks = [_EMPTY] * width
        self._brief = [0.0] * width  # the part of each cell that runs take which end in it

    def put(self, begin: float, end: float, mark: _Mark) -> None:
        """Put a mark into the cells from one place to another, which is in the last of them."""
        first, last = max(0, floor(begin)), min(self._width - 1, floor(end))
        if first == last and mark.glyph in BRIEF:
            self._brief[first] += end - begin
            if self._brief[first] < _HALF:
                mark = mark._replace(rank=mark.rank - _HALF, glyph=BRIEF[mark.glyph])
        for column in range(first, last + 1):
            if mark.rank > self._marks[column].rank:
                self._marks[column] = mark

    def pieces(self, now: int) -> tuple[Piece, ...]:
        """Return the texts of the cells, with a line in the column of the present instant."""
        if 0 <= now < len(self._marks):
            self._marks[now] = _Mark(0, NOW, "strong")
        groups = groupby(self._marks, key=lambda mark: mark.tone)
        return tuple(("".join(mark.glyph for mark in marks), tone) for tone, marks in groups)


class TimelineBar(NamedTuple):
    """A run, or ticks that start none, on the line of a job.

    Attributes:
        start: Its beginning.
        end: Its end.
        run: The run or the ticks: a `RunView` before now, a `PredictedRun` after it.
    """

    start: datetime
    end: datetime
    run: RunView | PredictedRun

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
        took = f", {format_duration(self.end - self.start)}" if run.started is not None else ""
        return f"{self.start:%H:%M:%S}  {number} {run.state.value}{took}{reason}"


class TimelineMarks:
    """The spans of a timeline, prepared once so that drawing them for a window is quick.

    Args:
        past: The runs that are RUNNING or have ended, and the ticks that started none.
        forecast: The forecast, which begins now.
    """

    def __init__(self, past: Iterable[RunView], forecast: Forecast) -> None:
        self._now = forecast.start
        self._marks: dict[str, list[tuple[float, float, _Mark]]] = {}
        self._bars: dict[str, dict[int, TimelineBar]] = {}
        for span in timeline_spans(past, forecast):
            place = span.start.timestamp(), span.end.timestamp(), _mark_of(span)
            self._marks.setdefault(span.job, []).append(place)
            if span.kind is not SpanKind.WAITS:
                bars = self._bars.setdefault(span.job, {})
                bars.setdefault(id(span.run), TimelineBar(span.start, span.end, span.run))

    def rows(self, jobs: Iterable[str], window: Window) -> list[TimelineRow]:
        """Return the line of each job.

        Args:
            jobs: The names of the jobs, in the order of the lines.
            window: The part that is shown.
        """
        return [TimelineRow(job, partial(self._draw, job, window)) for job in jobs]

    def bars_of(self, job: str) -> list[TimelineBar]:
        """Return the bars of a job, the earliest first."""
        return sorted(self._bars.get(job, {}).values(), key=lambda bar: (bar.start, bar.end))

    def _draw(self, job: str, window: Window) -> tuple[Piece, ...]:
        line = _Line(window.width)
        start, column, end = window.start.timestamp(), window.column.total_seconds(), window.end.timestamp()
        for begin, until, mark in self._marks.get(job, ()):
            if begin < end and until >= start:
                line.put((begin - start) / column, (until - start) / column, mark)
        return line.pieces(window.place(self._now))


def timeline_rows(
    jobs: Iterable[str], past: Iterable[RunView], forecast: Forecast, window: Window
) -> list[TimelineRow]:
    """Return the line of each job, drawn once; see `TimelineMarks`."""
    return TimelineMarks(past, forecast).rows(jobs, window)


def load_pieces(past: Iterable[RunView], forecast: Forecast, window: Window) -> tuple[Piece, ...]:
    """Return how many slots of the pool are taken, as bars: on average in each column.

    Args:
        past: As for `TimelineMarks`.
        forecast: As for `TimelineMarks`.
        window: The part that is shown.
    """
    slots = average_load(past, forecast, window)
    most = forecast.pool or max(1.0, *slots)
    bars = [LEVELS[min(len(LEVELS) - 1, -int(-8 * each / most // 1))] for each in slots]
    column = window.place(forecast.start)
    if not 0 <= column < window.width:
        return (("".join(bars), "running"),)
    return ("".join(bars[:column]), "running"), (NOW, "strong"), ("".join(bars[column + 1 :]), "muted")


def average_load(past: Iterable[RunView], forecast: Forecast, window: Window) -> list[float]:
    """Return how many slots of the pool are taken, on average in each column.

    Args:
        past: As for `TimelineMarks`.
        forecast: As for `TimelineMarks`.
        window: The part that is shown.
    """
    now, slots = forecast.start.timestamp(), [0.0] * window.width
    last = forecast.end.timestamp()
    start, column, end = window.start.timestamp(), window.column.total_seconds(), window.end.timestamp()
    runs = [(run, now) for run in past] + [(run, last) for run in forecast.runs]
    for run, until in runs:
        if run.started is None:
            continue
        begin, finish = run.started.timestamp(), until if run.ended is None else run.ended.timestamp()
        if begin < end and finish > start:
            _add(slots, (begin - start) / column, (finish - start) / column)
    return slots


def _add(columns: list[float], start: float, end: float) -> None:
    """Add the part of each column that lies between two places."""
    first, last = max(0, int(start)), min(len(columns) - 1, int(end))
    for column in range(first, last + 1):
        columns[column] += max(0.0, min(end, column + 1) - max(start, column))


def axis_text(window: Window, now: datetime) -> str:
    """Return the line with the times, in the zone of `now`.

    Args:
        window: The part that is shown.
        now: The present instant.
    """
    cells = ["─"] * window.width
    column = window.place(now)
    if 0 <= column < window.width:
        _write(cells, column - 1, "now")
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
        return f"no run waits for a slot until {until}{end}"
    return (
        _describe_span(long[0], forecast)
        + (_count_others(long[1:], until) or (end and f", until {until}"))
        + end
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
