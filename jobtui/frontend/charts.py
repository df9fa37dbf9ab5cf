"""Charts of the runs of a job, as lines of cells: durations over time, and how often each occurs.

Pure functions. Each line is a sequence of pieces: a text and its tone. Nothing is shown by colour alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from math import ceil, isqrt, log
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.run_columns import RunColumns
from jobtui.frontend.formatting import STATE_SIGNS, format_duration, pluralize
from jobtui.frontend.timeline import LEVELS
from jobtui.frontend.timeline_cells import Piece

Line = Sequence[Piece]

OK = RunState.OK.value
FAILED_STATES = frozenset(state.value for state in RunState if state.failed)
_FAILED_GLYPH = STATE_SIGNS[RunState.FAILED].glyph
_OTHER_GLYPH = STATE_SIGNS[RunState.CANCELLED].glyph
_LABEL = 8  # cells at the left, for durations
_NOTE = 15  # cells at the right, for the names of the lines
_LEAST_PLOT = 10  # cells; without room for more, the notes are left out
_WIDE_RANGE = 20  # times the median: a longer duration makes the scale logarithmic
_SHORTEST_SCALE = 0.001  # seconds: the shortest duration that is shown as a number
_NEAR = 2  # times the longest duration: a line further up is only named
_TICKS = 4  # labels on the axis of durations, at most
_BINS = 10  # bars of a histogram, at least
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille character, row by row
_BRAILLE = 0x2800
_FEW = 8  # runs in a cell, of which each failure is shown
_MANY_FAILED = 3  # of more, those are shown of which at least every third run failed
_DAY = 86_400.0


class Level(NamedTuple):
    """A line across the chart of durations.

    Attributes:
        name: Its name, such as ``p95``.
        seconds: Its duration.
        glyph: The glyph of the line.
        tone: Its tone.
    """

    name: str
    seconds: float
    glyph: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationScale:
    """The scale of an axis of durations: from 0, or logarithmic from the shortest positive duration.

    Attributes:
        low: The duration at its beginning, in seconds.
        high: The duration at its end, longer than `low`.
        is_log: Whether equal ratios have equal distances.
    """

    low: float
    high: float
    is_log: bool

    @classmethod
    def of(cls, durations: Iterable[float]) -> DurationScale:
        """Return the scale for some durations: logarithmic if one is many times as long as most."""
        found = sorted(durations)
        positive = [each for each in found if each > 0]
        if not positive:
            return cls(low=0.0, high=1.0, is_log=False)
        high, middle = positive[-1], positive[(len(positive) - 1) // 2]
        if high <= _SHORTEST_SCALE:
            return cls(low=0.0, high=_SHORTEST_SCALE, is_log=False)
        if high > _WIDE_RANGE * middle:
            return cls(low=max(positive[0], middle / 1000), high=high, is_log=True)
        return cls(low=0.0, high=high, is_log=False)

    def part(self, seconds: float) -> float:
        """Return the place of a duration on the scale, from 0 to 1; the nearest one if it is outside."""
        if self.is_log:
            if seconds <= self.low:
                return 0.0
            return min(1.0, log(seconds / self.low) / log(self.high / self.low))
        return min(1.0, max(0.0, seconds / self.high))

    def at(self, part: float) -> float:
        """Return the duration at a place from 0 to 1."""
        if self.is_log:
            return float(self.low * (self.high / self.low) ** part)
        return self.high * part


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which a part of some values in rising order lies; the nearest value."""
    return ordered[max(0, ceil(part * len(ordered)) - 1)]


def ok_durations(columns: RunColumns) -> list[float]:
    """Return how many seconds the runs took that are OK, the shortest first."""
    found = zip(columns.seconds, columns.states, strict=True)
    return sorted(seconds for seconds, state in found if state == OK)


def levels_of(columns: RunColumns, warn: timedelta | None, timeout: timedelta | None) -> list[Level]:
    """Return the lines of a job's chart: its limits, and the median and the 95th percentile of what is OK."""
    levels = []
    if timeout is not None:
        levels.append(Level("timeout", timeout.total_seconds(), "━", "failed"))
    if warn is not None:
        levels.append(Level("warn", warn.total_seconds(), "╌", "waiting"))
    if ordered := ok_durations(columns):
        levels.append(Level("p95", quantile(ordered, 0.95), "┄", "waiting"))
        levels.append(Level("median", quantile(ordered, 0.5), "─", "muted"))
    return levels


# --- durations over time --------------------------------------------------------------------------


def scatter(columns: RunColumns, levels: Sequence[Level], width: int, height: int, tz: tzinfo) -> list[Line]:
    """Return the chart of durations over time: a dot for each run that is OK, a sign for each other one.

    Args:
        columns: The runs.
        levels: The lines across the chart, the most important first. One far above all runs is only named.
        width: The number of cells.
        height: The number of lines; the last one has the times.
        tz: The zone of the times.
    """
    rows = height - 1
    notes = _NOTE if width >= _LABEL + _NOTE + _LEAST_PLOT else 0
    plot = width - _LABEL - notes
    if rows < 1 or plot < 1:
        return []
    if not columns.numbers:
        return [[(f"{'':{_LABEL}}no run has ended", "muted")]]
    near = [level for level in levels if level.seconds <= _NEAR * max(columns.seconds)]
    scale = DurationScale.of([*columns.seconds, *(level.seconds for level in near)])
    span = _TimeSpan(columns.ended)
    cells = _dots(columns, scale, span, plot, rows)
    row_of = {level.name: _row_of(scale, level.seconds, rows) for level in near}
    for level in near:  # the first one keeps a row that several share
        cells[row_of[level.name]] = [
            (level.glyph, level.tone) if glyph == " " else (glyph, tone)
            for glyph, tone in cells[row_of[level.name]]
        ]
    labels = _scale_labels(scale, rows)
    names = _level_names(levels, row_of, rows) if notes else {}
    lines: list[Line] = []
    for row, line in enumerate(cells):
        label = f"{labels.get(row, ''):>{_LABEL - 2}} {'┤' if row in labels else '│'}"
        lines.append([(label, "muted"), *_joined(line), *names.get(row, [])])
    return [*lines, [(" " * _LABEL + span.axis(plot, tz), "muted")]]


class _TimeSpan:
    """The time from the first to the last of some instants, which may be in any order."""

    def __init__(self, instants: Sequence[float]) -> None:
        self.start, self.end = min(instants), max(instants)

    def part(self, instant: float) -> float:
        """Return the place of an instant, from 0 to 1; 1 if all are equal."""
        return 1.0 if self.end == self.start else (instant - self.start) / (self.end - self.start)

    def axis(self, width: int, tz: tzinfo) -> str:
        """Return the line with the first time, one in the middle, and the last."""
        start, middle, end = [
            self._label(instant, tz) for instant in (self.start, (self.start + self.end) / 2, self.end)
        ]
        free = width - len(start) - len(end)
        if self.end == self.start or free < 1:
            return end.rjust(width)[-width:]
        return start + middle.center(free) + end if free > len(middle) + 2 else start + " " * free + end

    def _label(self, instant: float, tz: tzinfo) -> str:
        at = datetime.fromtimestamp(instant, tz)
        if self.end - self.start > 2 * _DAY:
            return f"{at.day} {at:%b}"
        return f"{at:%a %H:%M}" if self.end - self.start > _DAY / 2 else f"{at:%H:%M:%S}"


def _row_of(scale: DurationScale, seconds: float, rows: int) -> int:
    return min(rows - 1, int((1 - scale.part(seconds)) * rows))


def _dots(
    columns: RunColumns, scale: DurationScale, span: _TimeSpan, width: int, rows: int
) -> list[list[Piece]]:
    """Return the cells of the runs. A cell with many runs shows a failure only if it has several."""
    dots = [[0] * width for _ in range(rows)]
    runs: Counter[tuple[int, int]] = Counter()
    failures: Counter[tuple[int, int]] = Counter()
    others: set[tuple[int, int]] = set()
    for ended, seconds, state in zip(columns.ended, columns.seconds, columns.states, strict=True):
        x = min(2 * width - 1, int(span.part(ended) * 2 * width))
        y = min(4 * rows - 1, int((1 - scale.part(seconds)) * 4 * rows))
        row, column = y // 4, x // 2
        runs[row, column] += 1
        if state == OK:
            dots[row][column] |= _DOTS[y % 4][x % 2]
        elif state in FAILED_STATES:
            failures[row, column] += 1
        else:
            others.add((row, column))

    def cell(row: int, column: int) -> Piece:
        place, mask = (row, column), dots[row][column]
        if failures[place] and (runs[place] <= _FEW or _MANY_FAILED * failures[place] >= runs[place]):
            return _FAILED_GLYPH, "failed"
        if mask:
            return chr(_BRAILLE + mask), "ok"
        return (_OTHER_GLYPH, "muted") if place in others else (" ", "")

    return [[cell(row, column) for column in range(width)] for row in range(rows)]


def _scale_labels(scale: DurationScale, rows: int) -> dict[int, str]:
    """Return the labels of the axis of durations, by their rows."""
    count = min(_TICKS, rows)
    labels: dict[int, str] = {}
    for place in range(count):
        row = round(place * (rows - 1) / max(1, count - 1))
        part = 1.0 if row == 0 else 1 - (row + 1) / rows if row == rows - 1 else 1 - (row + 0.5) / rows
        label = format_duration(timedelta(seconds=scale.at(part)))
        if label not in labels.values() and not label.startswith("<"):  # "<1ms" has no place on an axis
            labels[row] = label
    return labels


def _level_names(levels: Sequence[Level], row_of: dict[str, int], rows: int) -> dict[int, list[Piece]]:
    """Return the names of the lines, each in its row or in the nearest one that is free."""
    names: dict[int, list[Piece]] = {}
    for level in levels:
        wanted = row_of.get(level.name, 0)  # one that is far above all runs: in the first row
        free = [row for row in range(rows) if row not in names]
        if free:
            row = min(free, key=lambda row: (abs(row - wanted), row))
            arrow = " " if level.name in row_of else "↑"
            text = f"{arrow}{level.name} {format_duration(timedelta(seconds=level.seconds))}"
            names[row] = [(text[:_NOTE], level.tone)]
    return names


def _joined(cells: Iterable[Piece]) -> list[Piece]:
    """Return cells with neighbours of one tone joined."""
    groups = groupby(cells, key=lambda cell: cell[1])
    return [("".join(text for text, _ in group), tone) for tone, group in groups]


# --- how often each duration occurs ---------------------------------------------------------------


def histogram(columns: RunColumns, width: int, height: int) -> list[Line]:
    """Return how often the durations of runs occur that are OK, as bars that stand side by side.

    Args:
        columns: The runs.
        width: The number of cells.
        height: The number of lines; the last one has the durations.
    """
    rows, plot = height - 1, width - _LABEL
    if rows < 1 or plot < 1:
        return []
    ordered = ok_durations(columns)
    if not ordered:
        return [[(f"{'':{_LABEL}}no run is OK", "muted")]]
    scale = DurationScale.of(ordered)
    bins = min(plot, max(_BINS, 3 * isqrt(len(ordered))))
    width_of_bin = plot // bins
    bins, plot = plot // width_of_bin, plot // width_of_bin * width_of_bin
    counts = [0] * bins
    for seconds in ordered:
        counts[min(bins - 1, int(scale.part(seconds) * bins))] += 1
    most = max(counts)
    lines: list[Line] = []
    for row in range(rows):
        bars = "".join(_bar(count, most, rows - 1 - row, rows) * width_of_bin for count in counts)
        label = f"{most:>{_LABEL - 2},} ┤" if row == 0 else f"{'':{_LABEL - 2}} │"
        lines.append([(label, "muted"), (bars, "ok")])
    low, middle, high = [format_duration(timedelta(seconds=scale.at(part))) for part in (0.0, 0.5, 1.0)]
    axis = low + middle.center(max(0, plot - len(low) - len(high))) + high
    return [*lines, [(" " * _LABEL + axis[-plot:], "muted")]]


def _bar(count: int, most: int, level: int, rows: int) -> str:
    """Return the part of a bar in a row, counted from the bottom; a count above 0 is always visible."""
    eighths = max(bool(count), count * rows * 8 // most)
    return LEVELS[max(0, min(8, eighths - 8 * level))]


# --- outcomes by hour -----------------------------------------------------------------------------

_SHADES = "░▒▓█"
_HOURS, _WEEKDAYS = 24, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAY_LABEL = 5
_TOTAL = 14
_HALF = 5  # tenths


def hours_of_week(columns: RunColumns, tz: tzinfo) -> tuple[list[list[int]], list[list[int]]]:
    """Return how many runs ended, and how many failed, in each hour of each day of the week.

    Args:
        columns: The runs.
        tz: The zone of the hours.
    """
    counts = [[0] * _HOURS for _ in _WEEKDAYS]
    failed = [[0] * _HOURS for _ in _WEEKDAYS]
    for ended, state in zip(columns.ended, columns.states, strict=True):
        at = datetime.fromtimestamp(ended, tz)
        counts[at.weekday()][at.hour] += 1
        failed[at.weekday()][at.hour] += state in FAILED_STATES
    return counts, failed


def heat_map(columns: RunColumns, width: int, tz: tzinfo) -> list[Line]:
    """Return how many runs ended in each hour of the week, and which share of them failed.

    A cell is the darker, the more runs it has. Where some failed, it has their share in tenths: a digit, or
    `✗` if nearly all did.

    Args:
        columns: The runs.
        width: The number of cells.
        tz: The zone of the hours.
    """
    counts, failed = hours_of_week(columns, tz)
    cell = 2 if width >= _WEEKDAY_LABEL + 2 * _HOURS else 1
    most = max(1, *(max(day) for day in counts))
    has_totals = width >= _WEEKDAY_LABEL + cell * _HOURS + _TOTAL
    hours = "".join(f"{hour:02}".ljust(3 * cell) for hour in range(0, _HOURS, 3))
    lines: list[Line] = [[(" " * _WEEKDAY_LABEL + hours, "muted")]]
    for name, day, bad in zip(_WEEKDAYS, counts, failed, strict=True):
        cells = [_heat(count, wrong, most, cell) for count, wrong in zip(day, bad, strict=True)]
        total = f" {sum(day):>6,} {_percent(sum(bad), sum(day))}" if has_totals else ""
        lines.append([(f"{name:{_WEEKDAY_LABEL}}", "muted"), *_joined(cells), (total, "muted")])
    shades = f"{_SHADES[0]}{_SHADES[-1]} up to {pluralize(most, 'run')} in an hour of the week"
    lines.append([(f"{'':{_WEEKDAY_LABEL}}{shades}   3 = 30% failed, ✗ all", "muted")])
    return lines


def _heat(count: int, failed: int, most: int, width: int) -> Piece:
    if not count:
        return "·".ljust(width), "muted"
    shade = _SHADES[bisect_left((0.25, 0.5, 0.75), count / most)]
    if not failed:
        return shade * width, "ok"
    tenths = max(1, round(10 * failed / count))
    glyph = _FAILED_GLYPH if tenths == 10 else str(tenths)  # noqa: PLR2004 - all of them
    return (shade + glyph)[-width:], "failed" if tenths >= _HALF else "waiting"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:4.0%} ✗" if part else ""


# --- groups of errors -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """The runs of a job that ended with equal errors.

    Attributes:
        signature: What the errors have in common.
        reason: The reason of the latest.
        count: How many runs there are.
        first: When the first one ended, in the zone that was asked for.
        last: When the latest one ended.
        number: The number of the latest run.
        state: The state of the latest run.
        is_latest: Whether the latest run of the job is among them.
    """

    signature: str
    reason: str
    count: int
    first: datetime
    last: datetime
    number: int
    state: RunState
    is_latest: bool


def error_groups(columns: RunColumns, tz: tzinfo) -> list[ErrorGroup]:
    """Return the errors in groups, those that occurred last first."""
    places: dict[int, list[int]] = {}
    for place, error in enumerate(columns.errors):
        if error >= 0 and columns.states[place] in FAILED_STATES:
            places.setdefault(error, []).append(place)
    groups = [
        ErrorGroup(
            signature=columns.signatures[error],
            reason=columns.reasons[error],
            count=len(found),
            first=datetime.fromtimestamp(min(columns.ended[each] for each in found), tz),
            last=datetime.fromtimestamp(columns.ended[found[-1]], tz),
            number=columns.numbers[found[-1]],
            state=RunState(columns.states[found[-1]]),
            is_latest=found[-1] == len(columns.numbers) - 1,
        )
        for error, found in places.items()
    ]
    return sorted(groups, key=lambda group: group.last, reverse=True)
