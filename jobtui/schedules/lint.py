"""Lint for schedules: warnings about valid schedules that their author may not have meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from jobtui.schedules.adjusted import AdjustedSchedule
from jobtui.schedules.cron import CronFields
from jobtui.schedules.cron_fields import FIELDS, MONTHS, Field, Item
from jobtui.schedules.dst import note_on_transition
from jobtui.schedules.durations import format_duration
from jobtui.schedules.schedule import Cron, Every, Schedule
from jobtui.schedules.transitions import transitions_between

_YEAR = timedelta(days=365)
# From the first Monday of one January to the next there may be 371 days, and that is still once a year.
_OVER_A_YEAR = timedelta(days=396)
_LONGEST_YEARLY_INTERVAL = timedelta(days=367)
_SAMPLE_DISTANCE = timedelta(days=61)
_SAMPLES = 48  # so 8 years, as far as a schedule searches
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIRST_RARE_DAY = 29
_FEBRUARY = 2
_EVERY_HOUR = 24
_UNRESTRICTED_DAYS = 31, 12, 7  # days, months and weekdays

# By the name of the field: the unit of its numbers, and its length if that is always the same.
_UNITS = {
    "second": ("second", timedelta(seconds=1)),
    "minute": ("minute", timedelta(minutes=1)),
    "hour": ("hour", timedelta(hours=1)),
    "day-of-month": ("day", None),
    "month": ("month", None),
    "day-of-week": ("day", None),
}


def lint_schedule(schedule: Schedule, now: datetime) -> list[str]:
    """Return warnings about a schedule, each a sentence without a full stop; usually none.

    There are warnings for schedules that never run or run less than once a year, for days that some of their
    months do not have, for fixed times in a gap or an overlap of their zone's clock within the next year, and
    for steps that do not divide their field.

    Args:
        schedule: The schedule.
        now: The beginning of the next year; aware.
    """
    if isinstance(schedule, AdjustedSchedule):
        schedule = schedule.base
    if isinstance(schedule, Every):
        return ["it runs less than once a year"] if schedule.interval > _LONGEST_YEARLY_INTERVAL else []
    if not isinstance(schedule, Cron):
        return []
    first = schedule.next(now)
    if first is None:
        reasons = list(_missing_days(schedule.fields)) or ["no day matches"]
        return [f"it never runs within 8 years: {'; '.join(reasons)}"]
    return [
        *_rare_ticks(schedule, now, first),
        *_missing_days(schedule.fields),
        *_uneven_steps(schedule.fields),
        *_transitions(schedule, now),
    ]


def _rare_ticks(schedule: Cron, now: datetime, first: datetime) -> Iterator[str]:
    # A year without a tick may begin at any time; this checks one start every two months.
    samples = (now + number * _SAMPLE_DISTANCE for number in range(_SAMPLES))
    if all((due := schedule.next(start)) is not None and due - start < _OVER_A_YEAR for start in samples):
        return
    second = schedule.next(first.replace(hour=23, minute=59, second=59))
    then = "and not again within 8 years" if second is None else f"then on {second:%Y-%m-%d}"
    yield f"it runs less than once a year: next on {first:%Y-%m-%d}, {then}"


def _missing_days(fields: CronFields) -> Iterator[str]:
    """Warn of days at the end of a month that some months do not have.

    A range from the 28th or before gets no warning: it means the end of the month, whatever its length.
    """
    days = set(fields.days)
    if any(item.is_star for item in fields.items[3]):
        return
    for day in sorted(day for day in days if day >= _FIRST_RARE_DAY and day - 1 not in days):
        without = [month for month in fields.months if _LONGEST_MONTHS[month - 1] < day]
        if len(without) == len(fields.months):
            yield f"there is no day {day} in {_names(without)}"
        elif without:
            yield f"it skips months without a day {day}: {_names(without)}"
        elif day == _FIRST_RARE_DAY and _FEBRUARY in fields.months and len(fields.months) > 1:
            yield "it skips months without a day 29: FEB, except in leap years"


def _names(months: Iterable[int]) -> str:
    return ", ".join(MONTHS[month - 1] for month in months)


def _uneven_steps(fields: CronFields) -> Iterator[str]:
    for field, items in zip(FIELDS, fields.items, strict=True):
        if len(items) == 1 and items[0].step > 1 and items[0].is_open_ended:
            yield from _uneven_step(field, items[0], fields)


def _uneven_step(field: Field, item: Item, fields: CronFields) -> Iterator[str]:
    unit, length = _UNITS[field.name]
    span = field.high - field.low + 1
    last = item.low + (item.high - item.low) // item.step * item.step
    distance = span - (last - item.low)  # from the last match to the first match of the next round
    instead = ""
    if length is not None and item.low == field.low and _is_replaceable(field, fields):
        instead = f"; for even intervals write @every {format_duration(item.step * length)}"
    where = f"{item.text} in {field.name}"
    if last == item.low:
        yield f"{where} matches only {item.low}, because the next step is above {field.high}{instead}"
    elif field.name == "day-of-month":
        yield f"{where} restarts each month: day {item.low} follows day {last}"
    elif distance != item.step:
        plural = "" if distance == 1 else "s"
        yield (
            f"{where} is uneven: {item.low} follows {last} after {distance} {unit}{plural},"
            f" not {item.step}{instead}"
        )


def _is_replaceable(field: Field, fields: CronFields) -> bool:
    """Return whether a fixed interval can replace a step in a field: no longer unit is restricted."""
    days = (len(fields.days), len(fields.months), len(fields.weekdays)) == _UNRESTRICTED_DAYS
    hours = field.name == "hour" or len(fields.hours) == _EVERY_HOUR
    minutes = field.name != "second" or len(fields.minutes) == FIELDS[1].high + 1
    return days and hours and minutes


def _transitions(schedule: Cron, now: datetime) -> Iterator[str]:
    if schedule.fields.every_fold:
        return  # the spec follows the wall clock, and has no fixed time that could be lost or repeated
    for transition in transitions_between(schedule.tz, now, now + _YEAR):
        note = note_on_transition(schedule, transition)
        if note is not None:
            yield note.sentence
