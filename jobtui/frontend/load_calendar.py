"""The calendar of load: the coming hours by minutes, and the minutes that are crowded. Pure functions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import ceil
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.frontend.formatting import STATE_SIGNS, format_duration, pluralize
from jobtui.frontend.timeline import LEVELS
from jobtui.frontend.timeline_cells import Piece
from jobtui.simulation.forecast import Forecast
from jobtui.simulation.predicted_runs import PredictedRun

HOURS = 24
MINUTES = 60
UNKNOWN = "?"  # in the cells after the end of a forecast
_EMPTY = "·"
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_LONG = 1.0  # seconds; shorter waits are not worth a word
_LABEL = 7  # cells before the first minute: "14:00  "
_TOTAL = 6  # cells after the last one
STEPS = (1, 5, 15)  # minutes that a cell may stand for
_WIDEST = 2  # cells of one field
_MANY = 10  # waiting runs, for which a field has no room
_LOST_LEVELS = "░▒▓"  # the slots that are taken where ticks start no run
_LITTLE = 0.02  # of the pool; what is less has no colour


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadField:
    """A few minutes of the calendar.

    Attributes:
        start: Their beginning.
        end: Their end.
        ticks: How many runs and ticks are due in them, without those of paused jobs and quiet times.
        busy: How many slots of the pool are taken, on average.
        waiting: How many of the runs that are due in them wait for a slot, for a second at least.
        lost: How many ticks start no run against the wish of the user.
        longest: The longest of these waits.
    """

    start: datetime
    end: datetime
    ticks: int
    busy: float
    waiting: int
    lost: int
    longest: timedelta


class Layout(NamedTuple):
    """The places of the fields on the screen.

    Attributes:
        step: How many minutes a field stands for.
        width: The width of a field in cells.
    """

    step: int
    width: int

    @property
    def fields(self) -> int:
        """The number of fields of an hour."""
        return MINUTES // self.step

    @classmethod
    def of_width(cls, width: int) -> Layout:
        """Return the finest layout that fits into a width."""
        room = max(1, width - _LABEL - _TOTAL)
        step = next((step for step in STEPS if MINUTES // step <= room), STEPS[-1])
        return cls(step, max(1, min(_WIDEST, room // (MINUTES // step))))

    def field_at(self, cell: int) -> int:
        """Return the field of a cell of a line; the nearest one for a cell that belongs to none."""
        return max(0, min(self.fields - 1, (cell - _LABEL) // self.width))

    def cells_of(self, field: int) -> tuple[int, int]:
        """Return the first cell of a field, and the cell after its last one."""
        left = _LABEL + field * self.width
        return left, left + self.width


@dataclass(slots=True)
class _Minute:
    """The sums of one minute; see `LoadField`.

    Attributes:
        busy: The seconds of slots that are taken in it.
        longest: The longest wait, in seconds.
        due: The places of the runs and ticks among the runs of the forecast.
    """

    busy: float = 0.0
    ticks: int = 0
    waiting: int = 0
    lost: int = 0
    longest: float = 0.0
    due: list[int] = field(default_factory=list)


class LoadCalendar:
    """The load of the coming hours.

    Args:
        forecast: The forecast.
        hours: How many hours.

    Attributes:
        forecast: The forecast.
        hours: The beginning of each hour, in the zone of the forecast.
    """

    def __init__(self, forecast: Forecast, hours: int = HOURS) -> None:
        self.forecast = forecast
        zone = forecast.start.tzinfo
        first = forecast.start.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        self.hours = [(first + _HOUR * place).astimezone(zone) for place in range(hours)]
        self._origin = first.timestamp()
        self._end = forecast.end.timestamp()
        self._lines: dict[tuple[int, Layout], list[Piece]] = {}  # that have been drawn
        self._minutes = [_Minute() for _ in range(hours * MINUTES)]
        waits, now = SlotWaits(forecast), forecast.start.timestamp()
        for index, run in enumerate(forecast.runs):
            if run.started is not None:
                ended = self._end if run.ended is None else run.ended.timestamp()
                self._add_work(max(now, run.started.timestamp()), ended)
            if not run.intended and (place := self._place_of(run.due)) is not None:
                minute = self._minutes[place]
                minute.due.append(index)
                minute.ticks += run.ticks
                minute.lost += run.ticks if run.is_lost else 0
                if (seconds := waits.of(run)) >= _LONG:
                    minute.waiting += 1
                    minute.longest = max(minute.longest, seconds)
        self._most = forecast.pool or max(1.0, max(minute.busy for minute in self._minutes) / MINUTES)

    def _place_of(self, instant: datetime) -> int | None:
        place = int((instant.timestamp() - self._origin) // MINUTES)
        return place if 0 <= place < len(self._minutes) else None

    def _add_work(self, start: float, end: float) -> None:
        first, last = (start - self._origin) / MINUTES, (end - self._origin) / MINUTES
        for place in range(max(0, int(first)), min(len(self._minutes) - 1, int(last)) + 1):
            self._minutes[place].busy += max(0.0, min(last, place + 1) - max(first, place)) * MINUTES

    def field(self, hour: int, place: int, layout: Layout) -> LoadField:
        """Return a field of an hour."""
        first = hour * MINUTES + place * layout.step
        minutes = self._minutes[first : first + layout.step]
        start = self._origin + first * MINUTES
        zone = self.forecast.start.tzinfo
        return LoadField(
            start=datetime.fromtimestamp(start, zone),
            end=datetime.fromtimestamp(start + layout.step * MINUTES, zone),
            ticks=sum(minute.ticks for minute in minutes),
            busy=sum(minute.busy for minute in minutes) / (layout.step * MINUTES),
            waiting=sum(minute.waiting for minute in minutes),
            lost=sum(minute.lost for minute in minutes),
            longest=timedelta(seconds=max(minute.longest for minute in minutes)),
        )

    def jobs_of(self, hour: int, place: int, layout: Layout) -> list[str]:
        """Return the names of the jobs that are due in a field, each once."""
        return [*dict.fromkeys(run.job for run in self.runs_of(hour, place, layout))]

    def runs_of(self, hour: int, place: int, layout: Layout) -> list[PredictedRun]:
        """Return the runs and ticks that are due in a field, by the instant at which they are due."""
        return self._runs(hour * MINUTES + place * layout.step, layout.step)

    def runs_from(self, instant: datetime, minutes: int) -> list[PredictedRun] | None:
        """Return the same for some minutes from an instant on; None if it is not in the calendar."""
        first = self._place_of(instant)
        return None if first is None else self._runs(first, minutes)

    def _runs(self, first: int, minutes: int) -> list[PredictedRun]:
        runs = self.forecast.runs
        due = [runs[index] for minute in self._minutes[first : first + minutes] for index in minute.due]
        return sorted(due, key=lambda run: (run.due, run.started or run.due))

    def is_past(self, field: LoadField) -> bool:
        """Return whether a field ends before the forecast begins."""
        return field.end <= self.forecast.start

    def line(self, hour: int, layout: Layout) -> list[Piece]:
        """Return the line of an hour: its beginning, its fields, and how many ticks it has.

        A field is as high as the part of the pool that is taken. Where runs wait, it has their number
        instead, or `+` for many. Where ticks start no run, it is hatched, the denser the more slots are
        taken, or has a sign if hardly any is.
        """
        if (hour, layout) not in self._lines:
            self._lines[hour, layout] = self._draw_line(hour, layout)
        return self._lines[hour, layout]

    def draw_lines(self, layout: Layout) -> None:
        """Draw the lines of all hours, so that they are ready when they are needed."""
        for hour in range(len(self.hours)):
            self.line(hour, layout)

    def _draw_line(self, hour: int, layout: Layout) -> list[Piece]:
        pieces = [(f"{self.hours[hour]:%H:%M}  ", "muted")]
        total = 0
        for place in range(layout.fields):
            field = self.field(hour, place, layout)
            total += field.ticks
            pieces.append(self._field_piece(field, layout.width))
        is_known = self.hours[hour].timestamp() < self._end
        pieces.append((f"{total:>{_TOTAL},}" if is_known else "", "muted"))
        return pieces

    def _field_piece(self, field: LoadField, width: int) -> Piece:
        if self.is_past(field):
            return " " * width, ""
        if field.start.timestamp() >= self._end:
            return UNKNOWN.rjust(width), "muted"
        lost = "failed" if field.lost else ""  # the tone; the load stays visible
        if field.waiting:
            return (str(field.waiting) if field.waiting < _MANY else "+").rjust(width), lost or "waiting"
        if not field.ticks and not field.busy:
            return _EMPTY.rjust(width), "muted"
        part = min(1.0, field.busy / self._most)
        if lost:
            return _lost_form(part, width), lost
        level = max(1, ceil(part * (len(LEVELS) - 1)))
        return LEVELS[level] * width, "running" if part >= _LITTLE else "muted"


def _lost_form(part: float, width: int) -> str:
    """Return a field in which ticks start no run, given the part of the pool that is taken."""
    if part < _LITTLE:
        return STATE_SIGNS[RunState.SKIPPED].glyph.rjust(width)
    return _LOST_LEVELS[min(len(_LOST_LEVELS) - 1, int(part * len(_LOST_LEVELS)))] * width


def axis_line(layout: Layout) -> str:
    """Return the line with the minutes above the fields."""
    cells = [" "] * (_LABEL + layout.fields * layout.width)
    free = 0
    for minute in range(0, MINUTES, 5):
        label, place = f":{minute:02}", layout.cells_of(minute // layout.step)[0]
        if minute % layout.step == 0 and place >= free and place + len(label) <= len(cells):
            cells[place : place + len(label)] = label
            free = place + len(label) + 1
    return "".join(cells)


def describe_field(field: LoadField, forecast: Forecast) -> str:
    """Return what happens in a field, as a sentence."""
    time = f"{field.start:%H:%M}" if field.end - field.start <= _MINUTE else _span(field)
    if field.end <= forecast.start:
        return f"{time}  has passed"
    if field.start >= forecast.end:
        return f"{time}  is after the end of the forecast"
    limit = f" of {forecast.pool}" if forecast.pool else ""
    parts = [pluralize(field.ticks, "tick"), f"{field.busy:.1f}{limit} slots taken"]
    if field.waiting:
        verb = "waits" if field.waiting == 1 else "wait"
        parts.append(
            f"{pluralize(field.waiting, 'run')} {verb}, the longest {format_duration(field.longest)}"
        )
    if field.lost:
        parts.append(f"{pluralize(field.lost, 'tick')} without a run")
    return f"{time}  {', '.join(parts)}"


def _span(field: LoadField) -> str:
    return f"{field.start:%H:%M} to {field.end:%H:%M}"


# --- crowded minutes ------------------------------------------------------------------------------


class SlotWaits:
    """The waits of the runs of a forecast for a slot, and not for an earlier run of their job.

    Args:
        forecast: The forecast.
    """

    def __init__(self, forecast: Forecast) -> None:
        self._end = forecast.end.timestamp()
        self._spans = [(span.start.timestamp(), span.end.timestamp()) for span in forecast.full]
        self._starts = [start for start, _ in self._spans]
        # How long the pool has been full before each span, so that a wait over many of them needs no loop.
        self._before = list(accumulate((end - start for start, end in self._spans), initial=0.0))

    def of(self, run: PredictedRun) -> float:
        """Return how long a run waits while the pool is full, in seconds."""
        if run.started is None and run.state.ended:
            return 0.0
        due, until = run.due.timestamp(), self._end if run.started is None else run.started.timestamp()
        return max(0.0, self._full_before(until) - self._full_before(due))

    def _full_before(self, instant: float) -> float:
        """Return how long the pool is full from the beginning to an instant, in seconds."""
        place = bisect_right(self._starts, instant)
        if not place:
            return 0.0
        start, end = self._spans[place - 1]
        return self._before[place - 1] + min(end, instant) - start

    def begin_within(self, minute: float) -> bool:
        """Return whether runs begin to wait in the minute from an instant on, when none has waited before."""
        place = bisect_left(self._starts, minute)
        return place < len(self._starts) and self._starts[place] < minute + MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdedMinute:
    """A minute in which runs begin to wait for a slot; the worst one of those that are equal in all hours.

    Attributes:
        start: The beginning of the worst one.
        times: In how many hours runs wait that are due in this minute.
        second: The second at which all of its jobs are due; None if they are due at several.
        jobs: How many jobs are due in it.
        pool: The size of the pool.
        last: The job whose run waits the longest of those that are due in it.
        wait: How long that run waits.
        moved: The job that could start in the free minute; "" if none is free, or all jobs are due several
            times in an hour.
        free: The free minute of the hour, in each hour in which that job is due; None as above.
        moved_times: In how many hours that job is due in this minute.
    """

    start: datetime
    times: int
    second: int | None
    jobs: int
    pool: int
    last: str
    wait: timedelta
    moved: str = ""
    free: int | None = None
    moved_times: int = 0


class _Crowd(NamedTuple):
    """The runs that are due in one minute, and those of them that wait for a slot, each with its seconds."""

    start: float
    due: list[PredictedRun]
    waits: list[tuple[float, PredictedRun]]


def crowded_minutes(forecast: Forecast) -> list[CrowdedMinute]:
    """Return the minutes of the hour in which runs begin to wait for a slot, the longest waits first.

    A free minute is suggested for a job that is due once in an hour at most: one in which a slot is free for
    as long as its run takes, in every hour in which it is due.
    """
    waits = SlotWaits(forecast)
    by_job: dict[str, dict[float, None]] = {}  # the minutes in which each job is due
    by_minute: dict[float, list[PredictedRun]] = {}  # those in which runs begin to wait
    for run in forecast.runs:
        if not run.intended and run.due >= forecast.start:
            minute = run.due.timestamp() // MINUTES
            by_job.setdefault(run.job, {})[minute] = None
            if waits.begin_within(minute * MINUTES):  # else runs of an earlier minute are in the way
                by_minute.setdefault(minute, []).append(run)
    crowds: dict[int, list[_Crowd]] = {}
    for minute, due in by_minute.items():
        waiting = [(seconds, run) for run in due if (seconds := waits.of(run)) >= _LONG]
        if waiting:
            crowds.setdefault(due[0].due.minute, []).append(_Crowd(minute * MINUTES, due, waiting))
    free_slots = _FreeSlots(forecast)
    found = [_describe_crowd(each, by_job, free_slots, crowds, forecast) for each in crowds.values()]
    return sorted(found, key=lambda each: (-each.wait, each.start))


def _describe_crowd(
    crowds: Sequence[_Crowd],
    by_job: Mapping[str, Iterable[float]],
    free_slots: _FreeSlots,
    crowded: Container[int],
    forecast: Forecast,
) -> CrowdedMinute:
    worst = max(crowds, key=lambda each: max(seconds for seconds, _ in each.waits))
    wait, last = max(worst.waits, key=lambda each: each[0])
    seconds = {run.due.second for run in worst.due}
    moved, free, times = _suggest(worst, by_job, free_slots, crowded)
    return CrowdedMinute(
        start=datetime.fromtimestamp(worst.start, forecast.start.tzinfo),
        times=len(crowds),
        second=seconds.pop() if len(seconds) == 1 else None,
        jobs=len({run.job for run in worst.due}),
        pool=forecast.pool,
        last=last.job,
        wait=timedelta(seconds=wait),
        moved=moved,
        free=free,
        moved_times=times,
    )


def _suggest(
    crowd: _Crowd, by_job: Mapping[str, Iterable[float]], free_slots: _FreeSlots, crowded: Container[int]
) -> tuple[str, int | None, int]:
    """Return which job could start in which minute of the hour instead, and how often it is due.

    No minute is suggested that is crowded in any hour: the calendar names that one as crowded, too.
    """
    too_often: set[str] = set()
    for _, run in sorted(crowd.waits, key=lambda each: -each[0]):
        if run.started is None or run.ended is None or run.job in too_often:
            continue
        own = by_job[run.job]
        if max(Counter(minute // MINUTES for minute in own).values()) > 1:
            too_often.add(run.job)
            continue
        place = int(crowd.start // MINUTES)
        same = [minute for minute in own if (minute - place) % MINUTES == 0]
        length = (run.ended - run.started).total_seconds()
        for later in range(1, MINUTES):
            other = (run.due.minute + later) % MINUTES
            shift = other - run.due.minute
            if other not in crowded and free_slots.are_free(
                [(minute + shift) * MINUTES for minute in same], length
            ):
                return run.job, other, len(same)
    return "", None, 0


class _FreeSlots:
    """The times of a forecast in which at least one slot is free."""

    def __init__(self, forecast: Forecast) -> None:
        self._start, self._end = forecast.start.timestamp(), forecast.end.timestamp()
        self._full: list[tuple[float, float]] = []
        changes: list[tuple[float, int]] = []
        for run in forecast.runs:
            if run.started is not None:
                changes.append((run.started.timestamp(), 1))
                changes.append((self._end if run.ended is None else run.ended.timestamp(), -1))
        taken, since = 0, None
        for instant, change in sorted(changes):  # at one instant, endings come first
            taken += change
            if taken >= forecast.pool and since is None:
                since = instant
            elif taken < forecast.pool and since is not None:
                self._full.append((since, instant))
                since = None
        self._starts = [start for start, _ in self._full]

    def are_free(self, instants: Iterable[float], length: float) -> bool:
        """Return whether a slot is free for some time from each of some instants on.

        Those that the forecast does not know do not count, but at least one has to be known.
        """
        known = [each for each in instants if each >= self._start and each + length <= self._end]
        return bool(known) and all(self._is_free(each, each + max(length, 1.0)) for each in known)

    def _is_free(self, start: float, end: float) -> bool:
        before = bisect_left(self._starts, end)
        return before == 0 or self._full[before - 1][1] <= start


def crowded_sentences(forecast: Forecast, most: int, show: Callable[[str], str]) -> list[str]:
    """Return a sentence on each crowded minute, and how many more there are.

    Args:
        forecast: The forecast.
        most: How many sentences are returned at most.
        show: Makes the name of a job printable.
    """
    found = crowded_minutes(forecast)
    sentences = [crowded_sentence(crowd, show) for crowd in found[:most]]
    if len(found) > most:
        sentences[-1] += f"; {pluralize(len(found) - most, 'more crowded minute')}"
    return sentences


def crowded_sentence(crowd: CrowdedMinute, show: Callable[[str], str] = str) -> str:
    """Return a sentence such as "9 jobs at :00:00 and a pool of 4: the last, mail, waits 3m10s; :07 is free".

    Args:
        crowd: The crowded minute.
        show: Makes the name of a job printable.
    """
    hour = f"{crowd.start:%H}" if crowd.times == 1 else ""
    second = "" if crowd.second is None else f":{crowd.second:02}"
    times = f" ({crowd.times} times)" if crowd.times > 1 else ""
    text = (
        f"{pluralize(crowd.jobs, 'job')} at {hour}:{crowd.start:%M}{second}{times} "
        f"and a pool of {crowd.pool}: the last, {show(crowd.last)}, waits {format_duration(crowd.wait)}"
    )
    if crowd.free is None:
        return text
    free = f"{f'{crowd.start:%H}' if crowd.moved_times == 1 else ''}:{crowd.free:02}"
    other = "" if crowd.moved == crowd.last else f" for {show(crowd.moved)}"
    return f"{text}; {free} is free{other}"
