"""The charts of a job as shapes: its durations over time, its outcomes by the hour, and its errors.

Places and widths are in percent, so that the browser scales them without a script.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.run_columns import RunColumns
from jobtui.engine.views import JobView
from jobtui.frontend.backend import Backend
from jobtui.frontend.charts import (
    OK,
    DurationScale,
    ErrorGroup,
    Level,
    error_groups,
    hours_of_week,
    levels_of,
)
from jobtui.frontend.formatting import STATE_SIGNS, format_duration, format_instant, pluralize
from jobtui.runtime.clock import Clock

MAX_RUNS = 1_000  # in a chart
LIFETIME = 5.0  # seconds for which charts are current, although the job runs on
MAX_KEPT = 8  # jobs whose charts are kept for the next request
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEAST = 2  # runs, for a chart
_NEAR = 2  # times the longest duration: a line further up is left out
_TOP, _BOTTOM = 6.0, 94.0  # percent: the places of the longest and of the shortest duration
_GRID_X, _GRID_Y = 0.4, 1.5  # percent: runs that are OK and closer to each other are one dot
_LABEL_GAP = 8.0  # percent between the names of two lines


class Dot(NamedTuple):
    """A run in the chart of durations.

    Attributes:
        x: Its place in time.
        y: Its place by its duration.
        number: Its number.
        glyph: The sign of a run that is not OK; "" for a dot.
        tone: The tone of its colour.
        text: Its tooltip.
    """

    x: float
    y: float
    number: int
    glyph: str
    tone: str
    text: str


class ChartLine(NamedTuple):
    """A line across the chart: its place, that of its name, its tone, and its name with its duration."""

    y: float
    label_y: float
    tone: str
    text: str


class Hour(NamedTuple):
    """An hour of the week: how many runs ended in it, how many failed, its shade from 0 to 4, its tooltip."""

    runs: int
    failed: int
    shade: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartShapes:
    """The charts of a job.

    Attributes:
        runs: How many runs they show.
        dots: The runs, in the order in which they are drawn: failures over the others.
        lines: The lines across the chart.
        highest: The duration at the top.
        lowest: The duration at the bottom.
        times: The first time, one in the middle, and the last.
        week: The hours of each day of the week; empty if all runs ended within a day.
        errors: The errors in groups, the latest first.
    """

    runs: int
    dots: Sequence[Dot]
    lines: Sequence[ChartLine]
    highest: str
    lowest: str
    times: Sequence[str]
    week: Sequence[tuple[str, Sequence[Hour]]]
    errors: Sequence[ErrorGroup]


def draw_charts(columns: RunColumns, job: JobView, now: datetime, tz: tzinfo) -> ChartShapes | None:
    """Return the charts of a job; None if it has too few runs.

    Args:
        columns: Its latest runs.
        job: The job, which has limits.
        now: The present instant.
        tz: The zone of the times.
    """
    if len(columns.numbers) < _LEAST:
        return None
    levels = [
        level
        for level in levels_of(columns, job.warn, job.timeout)
        if level.seconds <= _NEAR * max(columns.seconds)
    ]
    scale = DurationScale.of([*columns.seconds, *(level.seconds for level in levels)])
    start, end = min(columns.ended), max(columns.ended)
    times = [datetime.fromtimestamp(each, tz) for each in (start, (start + end) / 2, end)]
    return ChartShapes(
        runs=len(columns.numbers),
        dots=_draw_dots(columns, scale, now, tz),
        lines=_draw_lines(levels, scale),
        highest=format_duration(timedelta(seconds=scale.at(1.0))),
        lowest=format_duration(timedelta(seconds=scale.at(0.0))),
        times=[format_instant(each, now).strip() for each in times],
        week=_draw_week(columns, tz) if times[0].date() != times[2].date() else (),
        errors=error_groups(columns, tz),
    )


def _height(scale: DurationScale, seconds: float) -> float:
    return _BOTTOM - scale.part(seconds) * (_BOTTOM - _TOP)


def _draw_dots(columns: RunColumns, scale: DurationScale, now: datetime, tz: tzinfo) -> list[Dot]:
    start, end = min(columns.ended), max(columns.ended)
    dots: dict[object, Dot] = {}
    signs: list[Dot] = []
    for number, ended, seconds, state in zip(
        columns.numbers, columns.ended, columns.seconds, columns.states, strict=True
    ):
        x = 100.0 if start == end else 1 + 98 * (ended - start) / (end - start)
        y = _height(scale, seconds)
        at = format_instant(datetime.fromtimestamp(ended, tz), now).strip()
        sign = STATE_SIGNS[RunState(state)]
        text = f"#{number} {state} at {at}, took {format_duration(timedelta(seconds=seconds))}"
        if state == OK:
            dots[round(x / _GRID_X), round(y / _GRID_Y)] = Dot(x, y, number, "", sign.tone, text)
        else:
            signs.append(Dot(x, y, number, sign.glyph, sign.tone, text))
    failures = [dot for dot in signs if dot.tone == "failed"]
    others = [dot for dot in signs if dot.tone != "failed"]
    return [*dots.values(), *others, *failures]


def _draw_lines(levels: Sequence[Level], scale: DurationScale) -> list[ChartLine]:
    """Return the lines; their names do not cover each other."""
    lines, last = list[ChartLine](), -_LABEL_GAP
    for level in sorted(levels, key=lambda each: -each.seconds):
        y = _height(scale, level.seconds)
        last = max(y, last + _LABEL_GAP)
        text = f"{level.name} {format_duration(timedelta(seconds=level.seconds))}"
        lines.append(ChartLine(y, last, level.tone, text))
    return lines


def _draw_week(columns: RunColumns, tz: tzinfo) -> list[tuple[str, list[Hour]]]:
    counts, failed = hours_of_week(columns, tz)
    most = max(1, *map(max, counts))
    return [
        (
            day,
            [
                Hour(runs, bad, -(-4 * runs // most), _describe_hour(day, hour, runs, bad))
                for hour, (runs, bad) in enumerate(zip(counts[place], failed[place], strict=True))
            ],
        )
        for place, day in enumerate(WEEKDAYS)
    ]


def _describe_hour(day: str, hour: int, runs: int, failed: int) -> str:
    return f"{day} {hour:02}:00: {pluralize(runs, 'run')}, {failed} failed"


class ChartDrawer:
    """Draws the charts of jobs, and keeps those that were looked at last for a few seconds.

    Args:
        backend: The scheduler.
        clock: The source of time.
    """

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._drawing = asyncio.Lock()
        self._kept: OrderedDict[str, tuple[float, ChartShapes | None]] = OrderedDict()

    async def charts_of(self, job: JobView, now: datetime) -> ChartShapes | None:
        """Return the charts of a job; None if it has too few runs. They may be some seconds old."""
        async with self._drawing:
            made, charts = self._kept.pop(job.name, (float("-inf"), None))
            if self._clock.monotonic() - made > LIFETIME:
                made = self._clock.monotonic()
                charts = await asyncio.to_thread(self._draw, job, now)
            self._kept[job.name] = made, charts
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return charts

    def _draw(self, job: JobView, now: datetime) -> ChartShapes | None:
        columns = self._backend.run_columns(job.name, limit=MAX_RUNS)
        return draw_charts(columns, job, now, self._backend.zone)
