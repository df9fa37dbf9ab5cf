"""The next wall-clock time of a cron spec, and the instant at which a zone shows it.

Both halves are our own. croniter steps through a copy of the date with relativedelta (14 times as
slow), and given an aware datetime it invents times at the end of a DST gap and repeats or moves
fixed times across a change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

SEARCH_YEARS = 8  # 29 February of 1896, then of 1904: no two are further apart

# A gap as long as this or longer is a day (or more) that a place skipped, as Samoa did in 2011.
LONG_GAP = timedelta(hours=3)

_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_NEVER = -1
_LAST_YEAR = 9999  # datetime's own
_MONTH_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2


@dataclass(frozen=True, slots=True)
class WallTable:
    """The seconds that a cron spec matches, in tables that answer "the first one from here on".

    Attributes:
        second_from: For each number up to 60, the first matching second from it on, or -1.
        minute_from: The same for minutes.
        hour_from: The same for hours, up to 24.
        months: Bit m is set where month m matches.
        days: Seven masks, for a month whose 1st is a Monday, a Tuesday, ...: bit d is set where day d
            of a month of 31 days matches. Day-of-month and day-of-week are combined in them already.
    """

    second_from: tuple[int, ...]
    minute_from: tuple[int, ...]
    hour_from: tuple[int, ...]
    months: int
    days: tuple[int, ...]

    def after(self, wall: datetime) -> datetime | None:
        """Returns the first matching second strictly later than ``wall``; both are naive.

        None if there is none until the same day 8 years later.
        """
        year, month, day = wall.year, wall.month, wall.day
        days = self.days[(wall.weekday() - day + 1) % 7] if self.months >> month & 1 else 0
        if days >> day & 1:
            hour, minute = wall.hour, wall.minute
            if self.hour_from[hour] == hour:
                if self.minute_from[minute] == minute:
                    second = self.second_from[wall.second + 1]
                    if second >= 0:
                        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - wall time
                minute = self.minute_from[minute + 1]
                if minute >= 0:
                    return datetime(year, month, day, hour, minute, self.second_from[0])  # noqa: DTZ001
            hour = self.hour_from[hour + 1]
            if hour >= 0:
                return datetime(year, month, day, hour, self.minute_from[0], self.second_from[0])  # noqa: DTZ001
        return self._on_a_later_day(year, month, day, days)

    def _on_a_later_day(self, year: int, month: int, day: int, days: int) -> datetime | None:
        """Returns the first matching second of the first matching day after the given one."""
        limit = (year + SEARCH_YEARS, month, day)
        later = days >> (day + 1) << (day + 1)
        while True:
            if later:
                first = (later & -later).bit_length() - 1
                if first <= _month_length(year, month):
                    if (year, month, first) > limit:
                        return None
                    return datetime(  # noqa: DTZ001 - wall time
                        year, month, first, self.hour_from[0], self.minute_from[0], self.second_from[0]
                    )
            month += 1
            if month > 12:  # noqa: PLR2004 - December
                year, month = year + 1, 1
            if (year, month) > limit[:2] or year > _LAST_YEAR:
                return None
            later = self.days[datetime(year, month, 1).weekday()] if self.months >> month & 1 else 0  # noqa: DTZ001


def wall_table(
    *,
    seconds: Iterable[int],
    minutes: Iterable[int],
    hours: Iterable[int],
    days: Iterable[int],
    months: Iterable[int],
    weekdays: Iterable[int],
    both_days: bool,
) -> WallTable:
    """Returns the table for these numbers; Sunday is 0.

    Args:
        seconds: The matching seconds.
        minutes: The matching minutes.
        hours: The matching hours.
        days: The matching days of the month.
        months: The matching months.
        weekdays: The matching days of the week.
        both_days: Whether a day must match ``days`` and ``weekdays``; otherwise one is enough.
    """
    by_date = sum(1 << day for day in days)
    wanted = set(weekdays)
    masks = []
    for first in range(7):  # what the 1st of the month is; Monday is 0, as datetime counts
        by_weekday = sum(1 << day for day in range(1, 32) if (first + day) % 7 in wanted)
        masks.append(by_date & by_weekday if both_days else by_date | by_weekday)
    return WallTable(
        second_from=_first_from(seconds, 60),
        minute_from=_first_from(minutes, 60),
        hour_from=_first_from(hours, 24),
        months=sum(1 << month for month in months),
        days=tuple(masks),
    )


def _first_from(values: Iterable[int], size: int) -> tuple[int, ...]:
    """Returns, for each number from 0 to ``size``, the first of ``values`` that is not below it, or -1."""
    ordered = sorted(values)
    return tuple(next((value for value in ordered if value >= start), _NEVER) for start in range(size + 1))


def _month_length(year: int, month: int) -> int:
    leap = month == _FEBRUARY and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_LENGTHS[month] + leap


def first_pass_after(table: WallTable, tz: tzinfo, instant: datetime) -> datetime | None:
    """Returns the next instant at which a spec of fixed times is due in a zone that changes its offset.

    Each matching wall time is due once: the first time the clock shows it; where the clock jumps over it
    by less than 3 hours, at the first instant after the jump; where it jumps further, not at all. So
    a job at 02:30 runs on the day the clocks go forward, and once on the day they go back.

    Args:
        table: The spec.
        tz: The zone of the wall clock.
        instant: The result is strictly later; aware, in UTC.
    """
    wall = table.after(instant.astimezone(tz).replace(tzinfo=None))
    while wall is not None:
        shown = wall.replace(tzinfo=tz)
        before, after = _offsets(shown)
        if before == after:
            return shown
        change = _change(tz, wall - max(before, after), wall - min(before, after))
        if before > after:  # the clock shows this time twice
            if wall - before > instant.replace(tzinfo=None):
                return shown
            # We are in the second pass, and all of the overlap has had its turn.
            wall = table.after(change + before - _MICROSECOND)
        elif after - before < LONG_GAP:
            return change.replace(tzinfo=UTC).astimezone(tz)
        else:
            wall = table.after(change + after - _MICROSECOND)
    return None


def every_pass_after(table: WallTable, tz: tzinfo, instant: datetime) -> datetime | None:
    """Returns the next instant whose wall clock matches: never in a gap, and twice in an overlap.

    Args:
        table: The spec.
        tz: The zone of the wall clock.
        instant: The result is strictly later; aware, in UTC.
    """
    local = instant.astimezone(tz)
    start = local.replace(tzinfo=None, fold=0)
    wall = table.after(start)
    before, after = _offsets(local)
    if before > after and local.utcoffset() == before:
        # The first pass of an overlap. What matches later in it comes first, then all of it again.
        change = _change(tz, start - before, start - after)
        if wall is None or wall >= change + before:
            again = table.after(change + after - _MICROSECOND)
            if again is not None and again < change + before:
                return again.replace(tzinfo=tz, fold=1)
    while wall is not None:
        shown = wall.replace(tzinfo=tz)
        before, after = _offsets(shown)
        if before == after:
            return shown
        if before > after:
            return shown if wall - before > instant.replace(tzinfo=None) else shown.replace(fold=1)
        change = _change(tz, wall - after, wall - before)
        wall = table.after(change + after - _MICROSECOND)
    return None


def _offsets(shown: datetime) -> tuple[timedelta, timedelta]:
    """Returns what to subtract from a wall time to have UTC: in the first pass, and in the second.

    They differ only around a change (PEP 495): the first is larger in an overlap, smaller in a gap.
    """
    before, after = shown.replace(fold=0).utcoffset(), shown.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None, "the zones that reach this have offsets"
    return before, after


def _change(tz: tzinfo, low: datetime, high: datetime) -> datetime:
    """Returns the instant, after ``low`` and not after ``high``, at which the zone's offset changes.

    All three are naive and in UTC.
    """
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    old = _offset_at(tz, low)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if _offset_at(tz, middle) == old:
            low = middle
        else:
            high = middle
    return high


def _offset_at(tz: tzinfo, instant: datetime) -> timedelta | None:
    return instant.replace(tzinfo=UTC).astimezone(tz).utcoffset()
