"""What comes of a job's schedule: its next fires, and what the changes of the clock do to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain, islice, takewhile

from jobtui.core.clock_changes import ClockChange, change_around, clock_changes
from jobtui.core.dst import DstNote, Fire, fires_after, note_on, note_on_change
from jobtui.core.schedules import Cron, Schedule
from jobtui.core.zones import zone_name

FIRES = 10  # how many coming fires the details of a job list, those that are dropped included
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Coming:
    """What comes of a schedule.

    Attributes:
        fires: Its next fires, and between them what is dropped: at most 10, soonest first.
        changes: What the changes of the clock do that affect them: one note for each change.
    """

    fires: tuple[Fire, ...] = ()
    changes: tuple[DstNote, ...] = ()


def coming_after(now: datetime, schedule: Schedule, next_fire: datetime, zone: tzinfo) -> Coming:
    """Looks ahead from a job's next fire.

    Args:
        now: From when on dropped fires are told; aware.
        schedule: The job's schedule.
        next_fire: The job's next fire, which may be late already; aware.
        zone: Of the answer's times.
    """
    # In UTC, because two datetimes of one zone compare by what its clock shows.
    now, next_fire = now.astimezone(UTC), next_fire.astimezone(UTC)
    dropped_before = takewhile(
        lambda fire: fire.dropped, fires_after(schedule, min(now, next_fire - _MICROSECOND))
    )
    due = Fire(next_fire, note_on(schedule, next_fire))
    fires = tuple(islice(chain(dropped_before, [due], fires_after(schedule, next_fire)), FIRES))
    return Coming(
        tuple(replace(fire, at=fire.at.astimezone(zone)) for fire in fires),
        _notes_on_changes(schedule, fires, zone) if isinstance(schedule, Cron) else (),
    )


def _notes_on_changes(schedule: Cron, fires: tuple[Fire, ...], zone: tzinfo) -> tuple[DstNote, ...]:
    """One note for each change: a fire's own would say the same again for every fire of that night."""
    changes = dict.fromkeys(_change_at(fire.at.astimezone(schedule.tz)) for fire in fires if fire.note)
    notes = [note for change in changes if (note := note_on_change(schedule, change)) is not None]
    if zone_name(schedule.tz) == zone_name(zone):
        return tuple(notes)
    where = f"in {zone_name(schedule.tz)}, "  # the times beside them are another zone's
    return tuple(replace(note, sentence=where + note.sentence) for note in notes)


def _change_at(fire: datetime) -> ClockChange:
    """The change that is the reason of a fire's note: it shows its time twice, or has just skipped some."""
    overlap = change_around(fire)
    if overlap is not None:
        return overlap
    assert fire.tzinfo is not None
    return next(clock_changes(fire.tzinfo, fire.astimezone(UTC) - _MICROSECOND, fire))
