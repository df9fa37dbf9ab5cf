"""What is due next: fires of jobs, and one-off runs; and whether a change of the clock is in the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from jobtui.engine.views import JobView, Snapshot
from jobtui.schedules.dst import dropped_ticks, note_on_tick
from jobtui.schedules.schedule import Cron, Schedule

UPCOMING_SHOWN = 100


@dataclass(frozen=True, slots=True)
class UpcomingTick:
    """Something that will be due: the next fire of a job, or a one-off run that waits for its instant.

    Attributes:
        due: When.
        job: The job's name.
        cause: The job's spec, or the trigger of the one-off run.
        number: The run's number; 0 for a fire, which has no run yet.
        paused: Whether the fire will start nothing, because the job is paused.
        schedule: Whose fire it is; None for a run.
    """

    due: datetime
    job: str
    cause: str
    number: int = 0
    paused: bool = False
    schedule: Schedule | None = None


def upcoming_of(snapshot: Snapshot) -> list[UpcomingTick]:
    """What comes next, soonest first: each job's next fire and each one-off run of a later instant."""
    fires = [_fire(job) for job in snapshot.jobs if job.next is not None]
    runs = [
        UpcomingTick(run.due, run.job, f"one-off, {run.trigger.value} (run {run.number})", run.number)
        for run in snapshot.scheduled
        if run.due is not None
    ]
    return sorted(fires + runs, key=lambda row: (row.due.timestamp(), row.job))[:UPCOMING_SHOWN]


def _fire(job: JobView) -> UpcomingTick:
    assert job.next is not None  # the caller has looked
    paused = job.paused_since is not None
    return UpcomingTick(job.next, job.name, job.spec, paused=paused, schedule=job.schedule)


def is_affected(schedule: Schedule | None, fire: datetime, now: datetime) -> bool:
    """Whether a change of the clock does something to a fire, or drops one before it.

    Asked for rows that are seen, not for all.
    """
    if not isinstance(schedule, Cron):
        return False
    # In UTC, because two passes of one time of one zone are equal; and from midnight, to be asked once a day.
    now, fire = now.astimezone(UTC), fire.astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return _has_note(schedule, fire) or any(each > now for each in _dropped(schedule, midnight, fire))


# A few screens; in the gap, a schedule of every second is asked for each of its times.
@lru_cache(maxsize=256)
def _has_note(schedule: Cron, fire: datetime) -> bool:
    return note_on_tick(schedule, fire) is not None


@lru_cache(maxsize=256)
def _dropped(schedule: Cron, after: datetime, fire: datetime) -> tuple[datetime, ...]:
    return tuple(each.at.astimezone(UTC) for each in dropped_ticks(schedule, after, fire))
