"""The ticks of a schedule around an instant, and the fields of its spec that do not match one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from jobtui.frontend.why_instant import AskedInstant
from jobtui.schedules.canonical import collapse_ranges
from jobtui.schedules.schedule import Cron, Every, Schedule
from jobtui.schedules.transitions import transition_around

_MICROSECOND = timedelta(microseconds=1)
# How far the search for the tick before an instant goes back, step by step.
_STEPS = (
    *(timedelta(milliseconds=10), timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)),
    *(timedelta(days=1), timedelta(days=32), timedelta(days=366), timedelta(days=3000)),
)
_MOST_STEPS = 5_000  # ticks that are passed over in one of these
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def tick_from(schedule: Schedule | None, at: datetime) -> datetime | None:
    """Return the first tick at an instant or later, in the schedule's zone; None for never."""
    return None if schedule is None else schedule.next(at.astimezone(UTC) - _MICROSECOND)


def tick_before(schedule: Schedule, at: datetime) -> datetime | None:
    """Return the last tick before an instant; None if there is none in about eight years."""
    at = at.astimezone(UTC)
    for step in _STEPS:
        last, tick = None, schedule.next(at - step)
        for _ in range(_MOST_STEPS):
            if tick is None or tick.astimezone(UTC) >= at:
                break
            last, tick = tick, schedule.next(tick)
        if last is not None:
            return last
    return None


def after_gap(wall: datetime) -> datetime:
    """Return the instant at which the clock jumps over a wall time that does not exist, in its zone."""
    transition = transition_around(wall)
    return wall if transition is None else transition.instant.astimezone(wall.tzinfo)


def explain_mismatch(schedule: Schedule, asked: AskedInstant) -> str:
    """Return why a schedule is not due at an instant."""
    if isinstance(schedule, Every):
        return f"{schedule} is not due then"
    if not isinstance(schedule, Cron):
        return f"the schedule {schedule} is not due then"
    faults = list(_faults(schedule, asked))
    return (
        f"the schedule does not match: {' and '.join(faults)}" if faults else "the schedule is not due then"
    )


def _faults(schedule: Cron, asked: AskedInstant) -> Iterator[str]:
    """Yield the fields that do not match the wall time."""
    fields, wall = schedule.fields, asked.at
    weekday = wall.isoweekday() % 7
    if wall.month not in fields.months:
        yield f"the month is {_MONTHS[wall.month - 1]}, not {_join(fields.months, ['', *_MONTHS])}"
    day_matches, weekday_matches = wall.day in fields.days, weekday in fields.weekdays
    if fields.both_days or not (day_matches or weekday_matches):
        if not day_matches:
            yield f"the day of the month is {wall.day}, not {_join(fields.days)}"
        if not weekday_matches:
            yield f"the day is a {_WEEKDAYS[weekday]}, not {_join(fields.weekdays, _WEEKDAYS)}"
    if wall.hour not in fields.hours:
        yield f"the hour is {wall.hour}, not {_join(fields.hours)}"
    if wall.minute not in fields.minutes:
        yield f"the minute is {wall.minute}, not {_join(fields.minutes)}"
    if asked.length <= timedelta(seconds=1) and wall.second not in fields.seconds:
        yield f"the second is {wall.second}, not {_join(fields.seconds)}"


def _join(values: Sequence[int], names: Sequence[str] | None = None) -> str:
    texts = [str(value) if names is None else names[value] for value in values]
    parts = collapse_ranges(values, texts, " to ")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"
