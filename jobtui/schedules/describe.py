"""Schedules in plain English, for screens and reports.

The sentences are made from the numbers that a schedule means, never from how its spec is written. So
``*/7`` is not "every 7 minutes", which it is not: it is due 4 minutes after minute 56.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from jobtui.schedules.canonical import ranges
from jobtui.schedules.cron import CronFields
from jobtui.schedules.schedule import Cron, Every, Once, Schedule
from jobtui.schedules.zones import zone_name

# More times of the day than this are said in minutes and hours.
_MOST_TIMES = 6

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# A week that begins on Monday: "Saturday and Sunday" are neighbours in it.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = (("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000), ("millisecond", 1_000))


def describe(schedule: Schedule) -> str:
    """Returns a schedule in plain English, such as "every 15 minutes from 09:00 to 17:59, Monday to Friday".

    Times are on the wall clock of the schedule's zone; the zone is named at the end of a cron schedule
    that was given one. A schedule of a class that is not ours is described by its ``str``.
    """
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
            parts.append(_count(count, unit))
    words = parts[0].removeprefix("1 ") if len(parts) == 1 else " ".join(parts)
    if schedule.start is not None and schedule.first_at_start:
        start = schedule.start.astimezone(schedule.tz).replace(tzinfo=None).isoformat(sep=" ")
        return f"every {words}, starting at {start}"
    return f"every {words}"


def _describe_cron(fields: CronFields) -> str:
    times = _times(fields)
    days = _days(fields)
    if days:
        return f"{times}, {days}"
    # "every 5 minutes" says it all; "at 09:00" leaves a question open.
    return times if "every" in times else f"{times} every day"


def _times(fields: CronFields) -> str:
    """Returns when in a day it is due."""
    seconds, minutes, hours = fields.seconds, fields.minutes, fields.hours
    if len(seconds) == 1 and len(minutes) * len(hours) <= _MOST_TIMES:
        second = f":{seconds[0]:02}" if seconds[0] else ""
        return "at " + _join([f"{hour:02}:{minute:02}{second}" for hour in hours for minute in minutes])
    return _frequency(fields) or _clock_hands(fields)


def _frequency(fields: CronFields) -> str | None:
    """Returns "every 15 minutes from 09:00 to 17:59", or None where the distances are not all the same."""
    seconds, minutes, hours = fields.seconds, fields.minutes, fields.hours
    if seconds == (0,) and minutes == (0,):
        step, unit, end = _step(hours, 24), "hour", "00"
        if not step and _is_run(hours):
            step = 1
        else:
            hours = tuple(range(24))
    elif seconds == (0,):
        step, unit, end = _step(minutes, 60), "minute", "59"
    else:
        step, unit, end = _step(seconds, 60) if len(minutes) == 60 else 0, "second", "59:59"  # noqa: PLR2004
    if not step or not _is_run(hours):
        return None
    if len(hours) == 24:  # noqa: PLR2004
        return _every(step, unit)
    return f"{_every(step, unit)} from {hours[0]:02}:{end.replace('59', '00')} to {hours[-1]:02}:{end}"


def _clock_hands(fields: CronFields) -> str:
    """Returns any times of the day, by what the hands of the clock show."""
    hands = [("second", fields.seconds, 60), ("minute", fields.minutes, 60), ("hour", fields.hours, 24)]
    if fields.seconds == (0,):
        del hands[0]
    text = " of ".join(_hand(unit, values, size) for unit, values, size in hands)
    return text if text.startswith("every") else f"at {text}"


def _hand(unit: str, values: Sequence[int], size: int) -> str:
    if len(values) == size:
        return f"every {unit}"
    plural = "" if len(values) == 1 else "s"
    return f"{unit}{plural} {_join(ranges(values, list(map(str, values)), ' to '))}"


def _days(fields: CronFields) -> str:
    """Returns on which days it is due; nothing for every day."""
    every_date, every_weekday = len(fields.days) == 31, len(fields.weekdays) == 7  # noqa: PLR2004
    months = ""
    if len(fields.months) < len(_MONTHS):
        names = [_MONTHS[month - 1] for month in fields.months]
        months = "in " + _join(ranges(fields.months, names, " to "))
    plural = "" if len(fields.days) == 1 else "s"
    dates = (
        f"on day{plural} {_join(ranges(fields.days, [str(day) for day in fields.days], ' to '))} of the month"
    )
    # Sunday is 0 in a spec and last in this week.
    ordered = sorted((weekday - 1) % 7 for weekday in fields.weekdays)
    weekdays = _join(ranges(ordered, [_WEEKDAYS[weekday] for weekday in ordered], " to "))
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


def _count(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _every(step: int, unit: str) -> str:
    return f"every {unit}" if step == 1 else f"every {step} {unit}s"


def _step(values: Sequence[int], size: int) -> int:
    """Returns the distance of values that repeat all around a clock from 0 on, or 0 where they do not."""
    step = size // len(values)
    return step if len(values) > 1 and list(values) == list(range(0, size, step)) else 0


def _is_run(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
