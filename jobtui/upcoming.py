"""What is due next: fires of jobs, and one-off runs that wait for their instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobtui.core.model import JobView, Snapshot
from jobtui.core.schedules import Schedule

UPCOMING_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Something that will be due: the next fire of a job, or a one-off run that waits for its instant.

    Attributes:
        due: When.
        job: The job's name.
        what: The job's schedule, or what asked for the run.
        number: The run's number; 0 for a fire, which has no run yet.
        paused: Whether the fire will start nothing, because the job is paused.
        schedule: Whose fire it is; None for a run.
    """

    due: datetime
    job: str
    what: str
    number: int = 0
    paused: bool = False
    schedule: Schedule | None = None


def upcoming_of(snapshot: Snapshot) -> list[Upcoming]:
    """What comes next, soonest first: each job's next fire and each one-off run of a later instant."""
    fires = [_fire(job) for job in snapshot.jobs if job.next is not None]
    runs = [
        Upcoming(run.due, run.job, f"one-off, {run.trigger.value} (run {run.number})", run.number)
        for run in snapshot.scheduled
        if run.due is not None
    ]
    return sorted(fires + runs, key=lambda row: (row.due.timestamp(), row.job))[:UPCOMING_SHOWN]


def _fire(job: JobView) -> Upcoming:
    assert job.next is not None  # the caller has looked
    paused = job.paused_since is not None
    return Upcoming(job.next, job.name, job.spec, paused=paused, schedule=job.schedule)
