"""Schedules in plain English, for screens and reports.

The sentences are made from the numbers that a schedule means, not from the text of its spec. So ``*/7`` is
not described as "every 7 minutes", which would be wrong: it is due 4 minutes after minute 56.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from jobtui.schedules.adjusted import AdjustedSchedule
from jobtui.schedules.canonical import collapse_ranges
from jobtui.schedules.cron import CronFields
from jobtui.schedules.schedule import Cron, Every, Once, Schedule
from jobtui.schedules.zones import zone_name

# More times of the day than this are described by their minutes and hours.
_MOST_TIMES = 6

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# The week begins on Monday, so that Saturday and Sunday are neighbours.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = (("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000), ("millisecond", 1_000))


def describe(schedule: Schedule) -> str:
    """Return a schedule in plain English: "every 15 minutes from 09:00 to 17:59, Monday to Friday".

    Times are wall times of the schedule's zone. The description of a cron schedule ends with the zone if one
    was given. A schedule of another class is described by its ``str``.
    """
    if isinstance(schedule, AdjustedSchedule):
        return f"{describe(schedule.base)}, {schedule.adjustments()}"
    if isinstance(schedule, Once):
        return f"once at {schedule.at.replace(tzinfo=None).isoformat(sep=' ')}"
    if isinstance(schedule, Every):
        return _describe_every(schedule)
    if isinstance(schedule, Cron):
        zone = f" ({zone_name(schedule.tz)})" if schedule.zone_given else ""
        return _describe_cron(schedule.fields) + zone
    return str(schedule)


def _describe_every(schedule: Every) -> str:
    rest = schedule.interval // timedelta(microseconds=1)
    parts = []
    for unit, size in (*_UNITS, ("microsecond", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}" if count == 1 else f"{count} {unit}s")
    interval = parts[0].removeprefix("1 ") if len(parts) == 1 else " ".join(parts)
    if schedule.start is not None and schedule.first_at_start:
        start = schedule.start.astimezone(schedule.tz).replace(tzinfo=None).isoformat(sep=" ")
        return f"every {interval}, starting at {start}"
    return f"every {interval}"


def _describe_cron(fields: CronFields) -> str:
    times = _times(fields)
    days = _days(fields)
    if days:
        return f"{times}, {days}"
    # "every 5 minutes" is complete; "at 09:00" leaves open on which days.
    return times if "every" in times else f"{times} every day"


def _times(fields: CronFields) -> str:
    """Return the times of the day at which the schedule is due."""
    seconds, minutes, hours = fields.seconds, fields.minutes, fields.hours
    if len(seconds) == 1 and len(minutes) * len(hours) <= _MOST_TIMES:
        second = f":{seconds[0]:02}" if seconds[0] else ""
        return "at " + _join([f"{hour:02}:{minute:02}{second}" for hour in hours for minute in minutes])
    return _frequency(fields) or _units_of_time(fields)


def _frequency(fields: CronFields) -> str | None:
    """Return "every 15 minutes from 09:00 to 17:59", or None if the times are not evenly spaced."""
    seconds, minutes, hours = fields.seconds, fields.minutes, fields.hours
    if seconds == (0,) and minutes == (0,):
        step, unit, end = _step(hours, 24), "hour", "00"
        if not step and _is_contiguous(hours):
            step = 1
        else:
            hours = tuple(range(24))
    elif seconds == (0,):
        step, unit, end = _step(minutes, 60), "minute", "59"
    else:
        step, unit, end = _step(seconds, 60) if len(minutes) == 60 else 0, "second", "59:59"  # noqa: PLR2004
    if not step or not _is_contiguous(hours):
        return None
    every = f"every {unit}" if step == 1 else f"every {step} {unit}s"
    if len(hours) == 24:  # noqa: PLR2004
        return every
    return f"{every} from {hours[0]:02}:{end.replace('59', '00')} to {hours[-1]:02}:{end}"


def _units_of_time(fields: CronFields) -> str:
    """Return "at minutes 0 and 7 of hours 9 to 11", which describes any times of the day."""
    units = [("second", fields.seconds, 60), ("minute", fields.minutes, 60), ("hour", fields.hours, 24)]
    if fields.seconds == (0,):
        del units[0]
    text = " of ".join(_unit_values(unit, values, size) for unit, values, size in units)
    return text if text.startswith("every") else f"at {text}"


def _unit_values(unit: str, values: Sequence[int], size: int) -> str:
    if len(values) == size:
        return f"every {unit}"
    plural = "" if len(values) == 1 else "s"
    return f"{unit}{plural} {_join(collapse_ranges(values, list(map(str, values)), ' to '))}"


def _days(fields: CronFields) -> str:
    """Return the days on which the schedule is due; empty for every day."""
    every_date, every_weekday = len(fields.days) == 31, len(fields.weekdays) == 7  # noqa: PLR2004
    months = ""
    if len(fields.months) < len(_MONTHS):
        names = [_MONTHS[month - 1] for month in fields.months]
        months = "in " + _join(collapse_ranges(fields.months, names, " to "))
    plural = "" if len(fields.days) == 1 else "s"
    days_of_month = _join(collapse_ranges(fields.days, [str(day) for day in fields.days], " to "))
    dates = f"on day{plural} {days_of_month} of the month"
    # Sunday is 0 in a spec and last in this week.
    ordered = sorted((weekday - 1) % 7 for weekday in fields.weekdays)
    weekdays = _join(collapse_ranges(ordered, [_WEEKDAYS[weekday] for weekday in ordered], " to "))
    if every_date and every_weekday:
        days = ""
    elif fields.both_days:
        if every_date:
            days = weekdays if " to " in weekdays else f"on {weekdays}"
        else:
            days = dates if every_weekday else f"{dates} if that is a {weekdays.replace(' and ', ' or ')}"
    else:
        days = "" if every_date or every_weekday else f"{dates} and on every {weekdays}"
    return f"{days} {months}".strip()


def _step(values: Sequence[int], size: int) -> int:
    """Return the distance between values that begin at 0 and divide a clock evenly; 0 for other values."""
    step = size // len(values)
    return step if len(values) > 1 and list(values) == list(range(0, size, step)) else 0


def _is_contiguous(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
