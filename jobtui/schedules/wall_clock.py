"""The next wall-clock time of a cron spec, and the instant at which a zone shows it.

Both halves are our own. croniter steps through a copy of the date with relativedelta (14 times as
slow), and given an aware datetime it invents times at the end of a DST gap and repeats or moves
fixed times across a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from jobtui.schedules.transitions import transition_around

SEARCH_YEARS = 8  # 29 February of 1896, then of 1904: no two are further apart

# A gap as long as this or longer is a day (or more) that a place skipped, as Samoa did in 2011.
LONG_GAP = timedelta(hours=3)

_MICROSECOND = timedelta(microseconds=1)
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
        month_from: The same for months, from 1 to 12; what is at 0 means nothing.
        days: Seven masks, for a month whose 1st is a Monday, a Tuesday, ...: bit d is set where day d
            of a month of 31 days matches. Day-of-month and day-of-week are combined in them already.
    """

    second_from: tuple[int, ...]
    minute_from: tuple[int, ...]
    hour_from: tuple[int, ...]
    month_from: tuple[int, ...]
    days: tuple[int, ...]

    def first_after(self, wall: datetime, tz: tzinfo | None = None) -> datetime | None:
        """Returns the first matching second whose numbers are strictly later than those of ``wall``.

        Only the numbers of ``wall`` count, not its zone; ``tz`` is put on the result. None if there is
        no match until the same day 8 years later.
        """
        year, month, day = wall.year, wall.month, wall.day
        days = self.days[(wall.weekday() - day + 1) % 7] if self.month_from[month] == month else 0
        if days >> day & 1:
            hour, minute = wall.hour, wall.minute
            if self.hour_from[hour] == hour:
                if self.minute_from[minute] == minute:
                    second = self.second_from[wall.second + 1]
                    if second >= 0:
                        return datetime(year, month, day, hour, minute, second, 0, tz)
                minute = self.minute_from[minute + 1]
                if minute >= 0:
                    return datetime(year, month, day, hour, minute, self.second_from[0], 0, tz)
            hour = self.hour_from[hour + 1]
            if hour >= 0:
                return datetime(year, month, day, hour, self.minute_from[0], self.second_from[0], 0, tz)
        return self._on_a_later_day(year, month, day, days, tz)

    def _on_a_later_day(
        self, year: int, month: int, day: int, days: int, tz: tzinfo | None
    ) -> datetime | None:
        """Returns the first matching second of the first matching day after the given one."""
        limit = (year + SEARCH_YEARS, month, day)
        later = days >> (day + 1) << (day + 1)
        while True:
            if later:
                first = (later & -later).bit_length() - 1
                if first <= _month_length(year, month):
                    if (year, month, first) > limit:
                        return None
                    return datetime(
                        year,
                        month,
                        first,
                        self.hour_from[0],
                        self.minute_from[0],
                        self.second_from[0],
                        0,
                        tz,
                    )
            month = self.month_from[month + 1]
            if month < 0:
                year, month = year + 1, self.month_from[1]
            if (year, month) > limit[:2] or year > _LAST_YEAR:
                return None
            later = self.days[date(year, month, 1).weekday()]


def wall_table(
    *,
    seconds: tuple[int, ...],
    minutes: tuple[int, ...],
    hours: tuple[int, ...],
    days: tuple[int, ...],
    months: tuple[int, ...],
    weekdays: tuple[int, ...],
    both_days: bool,
) -> WallTable:
    """Returns the table for these numbers, each in ascending order; Sunday is 0.

    Args:
        seconds: The matching seconds.
        minutes: The matching minutes.
        hours: The matching hours.
        days: The matching days of the month.
        months: The matching months.
        weekdays: The matching days of the week.
        both_days: Whether a day must match ``days`` and ``weekdays``; otherwise one is enough.
    """
    return WallTable(
        second_from=_first_from(seconds, 60),
        minute_from=_first_from(minutes, 60),
        hour_from=_first_from(hours, 24),
        month_from=_first_from(months, 13),
        days=_day_masks(days, weekdays, both_days),
    )


# Cached: specs differ, but most of their fields are the same few, and so can be the tables.
@lru_cache(maxsize=1024)
def _first_from(values: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Returns, for each number from 0 to ``size``, the first of ``values`` that is not below it, or -1."""
    table = [_NEVER] * (size + 1)
    for low, high in pairwise((_NEVER, *values)):
        table[low + 1 : high + 1] = [high] * (high - low)
    return tuple(table)


@lru_cache(maxsize=1024)
def _day_masks(days: tuple[int, ...], weekdays: tuple[int, ...], both: bool) -> tuple[int, ...]:
    """Returns the masks of ``WallTable.days``."""
    by_date = sum(1 << day for day in days)
    masks = []
    for first in range(7):  # what the 1st of the month is; Monday is 0, as datetime counts
        by_weekday = sum(1 << day for day in range(1, 32) if (first + day) % 7 in weekdays)
        masks.append(by_date & by_weekday if both else by_date | by_weekday)
    return tuple(masks)


def _month_length(year: int, month: int) -> int:
    leap = month == _FEBRUARY and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_LENGTHS[month] + leap


def next_at_first_fold(table: WallTable, tz: tzinfo, instant: datetime) -> datetime | None:
    """Returns the next instant at which a spec of fixed times is due in a zone that changes its offset.

    Each matching wall time is due once: the first time the clock shows it; where the clock jumps over it
    by less than 3 hours, at the first instant after the jump; where it jumps further, not at all. So
    a job at 02:30 runs on the day the clocks go forward, and once on the day they go back.

    Args:
        table: The spec.
        tz: The zone of the wall clock.
        instant: The result is strictly later; aware, in UTC.
    """
    due = table.first_after(instant.astimezone(tz), tz)
    while due is not None:
        change = transition_around(due)
        if change is None:
            return due
        if not change.is_gap:
            if due.astimezone(UTC) > instant:
                return due
            # We are in the second pass, and all of the overlap has had its turn.
            due = table.first_after(change.end - _MICROSECOND, tz)
        elif change.length < LONG_GAP:
            return change.instant.astimezone(tz)
        else:
            due = table.first_after(change.end - _MICROSECOND, tz)
    return None


def next_at_each_fold(table: WallTable, tz: tzinfo, instant: datetime) -> datetime | None:
    """Returns the next instant whose wall clock matches: never in a gap, and twice in an overlap.

    Args:
        table: The spec.
        tz: The zone of the wall clock.
        instant: The result is strictly later; aware, in UTC.
    """
    local = instant.astimezone(tz)
    due = table.first_after(local, tz)
    change = transition_around(local)
    first_pass = change is not None and instant < change.instant
    if first_pass and change is not None and (due is None or due.replace(tzinfo=None) >= change.end):
        # What matches later in the first pass of an overlap comes first; then comes all of it again.
        again = table.first_after(change.first - _MICROSECOND, tz)
        if again is not None and again.replace(tzinfo=None) < change.end:
            return again.replace(fold=1)
    while due is not None:
        change = transition_around(due)
        if change is None:
            return due
        if not change.is_gap:
            return due if due.astimezone(UTC) > instant else due.replace(fold=1)
        due = table.first_after(change.end - _MICROSECOND, tz)
    return None
