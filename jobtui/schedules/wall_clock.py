"""The next wall time that a cron spec matches, and the instant at which a zone's clock shows it.

croniter is not used for the search. It steps through a copy of the date with relativedelta, which takes 14
times as long; and with an aware datetime it makes up times at the end of a DST gap, and repeats or moves
fixed times at a transition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from jobtui.schedules.cron import CronFields
from jobtui.schedules.transitions import transition_around

SEARCH_YEARS = 8  # the longest time between two 29 Februaries, such as those of 1896 and 1904

# A gap of this length or longer is a day (or more) that a place skipped, as Samoa did in 2011.
LONG_GAP = timedelta(hours=3)

_MICROSECOND = timedelta(microseconds=1)
_NEVER = -1
_LAST_YEAR = 9999  # of datetime
_MONTH_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2


@dataclass(frozen=True, slots=True)
class WallTable:
    """The seconds that a cron spec matches, in tables that answer "the first match from here on"."""

    second_from: tuple[int, ...]  # for each number up to 60, the first match from that number on, or -1
    minute_from: tuple[int, ...]  # the same for minutes
    hour_from: tuple[int, ...]  # the same for hours, up to 24
    month_from: tuple[int, ...]  # the same for months, from 1 to 12; index 0 is unused
    # Seven bit masks, for a month whose 1st is a Monday, a Tuesday, ...: bit d is set if day d of a month of
    # 31 days matches. They combine day-of-month and day-of-week.
    days: tuple[int, ...]

    def first_after(self, wall: datetime, tz: tzinfo | None = None) -> datetime | None:
        """Return the first matching second that is later than ``wall``, both taken as naive.

        The zone and fold of ``wall`` are ignored; ``tz`` becomes the zone of the result. None if nothing
        matches until the same day 8 years later.
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
        return self._first_on_later_day(year, month, day, days, tz)

    def _first_on_later_day(
        self, year: int, month: int, day: int, days: int, tz: tzinfo | None
    ) -> datetime | None:
        """Return the first matching second of the first matching day after the given one."""
        limit = (year + SEARCH_YEARS, month, day)
        later = days >> (day + 1) << (day + 1)
        while True:
            if later:
                first = (later & -later).bit_length() - 1
                if first <= _month_length(year, month):
                    if (year, month, first) > limit:
                        return None
                    hour, minute, second = self.hour_from[0], self.minute_from[0], self.second_from[0]
                    return datetime(year, month, first, hour, minute, second, 0, tz)
            month = self.month_from[month + 1]
            if month < 0:
                year, month = year + 1, self.month_from[1]
            if (year, month) > limit[:2] or year > _LAST_YEAR:
                return None
            later = self.days[date(year, month, 1).weekday()]


def wall_table(fields: CronFields) -> WallTable:
    """Return the table for the numbers of a spec."""
    return WallTable(
        second_from=first_from(fields.seconds, 60),
        minute_from=first_from(fields.minutes, 60),
        hour_from=first_from(fields.hours, 24),
        month_from=first_from(fields.months, 13),
        days=day_masks(fields.days, fields.weekdays, fields.both_days),
    )


# Cached, because most fields of different specs are the same, and can share their tables.
@lru_cache(maxsize=1024)
def first_from(values: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return, for each number from 0 to ``size``, the first of ``values`` from that number on, or -1."""
    table = [_NEVER] * (size + 1)
    for low, high in pairwise((_NEVER, *values)):
        table[low + 1 : high + 1] = [high] * (high - low)
    return tuple(table)


@lru_cache(maxsize=1024)
def day_masks(days: tuple[int, ...], weekdays: tuple[int, ...], both_days: bool) -> tuple[int, ...]:
    """Return the masks of ``WallTable.days``."""
    by_date = sum(1 << day for day in days)
    masks = []
    for first in range(7):  # the weekday of the 1st of the month; Monday is 0, as in datetime
        by_weekday = sum(1 << day for day in range(1, 32) if (first + day) % 7 in weekdays)
        masks.append(by_date & by_weekday if both_days else by_date | by_weekday)
    return tuple(masks)


def _month_length(year: int, month: int) -> int:
    leap = month == _FEBRUARY and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_LENGTHS[month] + leap


def next_at_first_fold(table: WallTable, tz: tzinfo, instant: datetime) -> datetime | None:
    """Return the next tick of a spec of fixed times, each of which is due once, in a zone with transitions.

    A wall time in an overlap is due in its first fold. One in a gap of less than 3 hours is due at the first
    instant after the gap; one in a longer gap is not due. So a job at 02:30 runs on the day the clocks go
    forward, and once on the day they go back.

    The result is strictly later than ``instant``, which is in UTC.
    """
    due = table.first_after(instant.astimezone(tz), tz)
    while due is not None:
        transition = transition_around(due)
        if transition is None or (not transition.is_gap and due.astimezone(UTC) > instant):
            return due
        if transition.is_gap and transition.length < LONG_GAP:
            return transition.instant.astimezone(tz)
        # A long gap; or `instant` is in the second fold of an overlap, which was due in the first.
        due = table.first_after(transition.wall_end - _MICROSECOND, tz)
    return None


def next_at_each_fold(table: WallTable, tz: tzinfo, instant: datetime) -> datetime | None:
    """Return the next instant whose wall time matches: never in a gap, and twice in an overlap.

    The result is strictly later than ``instant``, which is in UTC.
    """
    local = instant.astimezone(tz)
    due = table.first_after(local, tz)
    transition = transition_around(local)
    if (
        transition is not None
        and instant < transition.instant
        and (due is None or due.replace(tzinfo=None) >= transition.wall_end)
    ):
        # Nothing else matches in the first fold of this overlap, so its second fold is next.
        second = table.first_after(transition.wall_start - _MICROSECOND, tz)
        if second is not None and second.replace(tzinfo=None) < transition.wall_end:
            return second.replace(fold=1)
    while due is not None:
        transition = transition_around(due)
        if transition is None:
            return due
        if not transition.is_gap:
            return due if due.astimezone(UTC) > instant else due.replace(fold=1)
        due = table.first_after(transition.wall_end - _MICROSECOND, tz)
    return None
