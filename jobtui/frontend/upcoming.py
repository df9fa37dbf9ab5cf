"""List upcoming ticks and one-off runs, and find the ticks that a transition of the clock affects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from heapq import nsmallest

from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.formatting import format_schedule
from jobtui.schedules.dst import dropped_ticks, note_on_tick
from jobtui.schedules.quiet_times import QuietTimes, parse_quiet_times
from jobtui.schedules.schedule import Cron, Schedule

MAX_UPCOMING = 100


@dataclass(frozen=True, slots=True)
class UpcomingTick:
    """The next tick of a job, or a one-off run that waits for its instant.

    Attributes:
        due: The instant at which it is due.
        job: The job's name.
        cause: The job's schedule, or the one-off run.
        number: The run's number; 0 for a tick, which has no run yet.
        paused: Whether the tick will start no run, because the job is paused.
        schedule: The job's schedule; None for a one-off run.
        quiet_until: When the quiet time ends to which it belongs, so that the tick starts no run, or the
            one-off run waits; None if it is not quiet then, or that is not known.
    """

    due: datetime
    job: str
    cause: str
    number: int = 0
    paused: bool = False
    schedule: Schedule | None = None
    quiet_until: datetime | None = None


def list_upcoming(snapshot: Snapshot) -> list[UpcomingTick]:
    """Return the next ticks of jobs, and the one-off runs that wait for their instants, soonest first.

    Returns:
        At most `MAX_UPCOMING` rows.
    """
    due = (job for job in snapshot.jobs if job.next is not None)
    soonest = nsmallest(MAX_UPCOMING, due, key=lambda job: (job.next or snapshot.at).timestamp())
    return UpcomingTicks().list(snapshot, soonest)


class UpcomingTicks:
    """Lists upcoming ticks in successive snapshots. A job that has not changed keeps its `UpcomingTick`."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[JobView, UpcomingTick]] = {}

    def list(self, snapshot: Snapshot, soonest: Iterable[JobView]) -> list[UpcomingTick]:
        """Return what `list_upcoming` returns.

        Args:
            snapshot: The scheduler.
            soonest: The `MAX_UPCOMING` jobs that are due first.
        """
        before, self._known = self._known, {}
        for job in soonest:
            if job.next is not None:
                known = before.get(job.name)
                if known is None or known[0] is not job:
                    known = job, _tick_of(job, job.next, snapshot.zone)
                self._known[job.name] = known
        ticks = [tick for _, tick in self._known.values()]
        return sorted(ticks + _one_off_runs(snapshot), key=_order)[:MAX_UPCOMING]


def _tick_of(job: JobView, due: datetime, zone: tzinfo) -> UpcomingTick:
    return UpcomingTick(
        due,
        job.name,
        format_schedule(job, zone),
        0,
        job.paused_since is not None,
        job.schedule,
        job.quiet_until,
    )


def _one_off_runs(snapshot: Snapshot) -> list[UpcomingTick]:
    quiet_until = snapshot.quiet_until
    return [
        UpcomingTick(
            run.due,
            run.job,
            f"one-off run {run.number}",
            run.number,
            quiet_until=quiet_until if quiet_until is not None and run.due < quiet_until else None,
        )
        for run in snapshot.scheduled
        if run.due is not None
    ]


def _order(row: UpcomingTick) -> tuple[float, str]:
    return row.due.timestamp(), row.job


def is_paused_at(job: JobView, instant: datetime) -> bool:
    """Return whether a job is paused, and will still be at an instant, so that a tick then starts no run."""
    return job.paused_since is not None and (job.paused_until is None or instant < job.paused_until)


def is_quiet_at(snapshot: Snapshot, instant: datetime) -> bool:
    """Return whether an instant is in a quiet time, in which ticks start no run."""
    return (
        bool(snapshot.quiet)
        and _quiet_times(snapshot.quiet, snapshot.zone).end_at(instant.timestamp()) is not None
    )


@lru_cache(maxsize=8)
def _quiet_times(texts: tuple[str, ...], zone: tzinfo) -> QuietTimes:
    return parse_quiet_times(texts, tz=zone)


def is_affected_by_transition(schedule: Schedule | None, tick: datetime, now: datetime) -> bool:
    """Return whether a transition of the clock moves, merges or repeats a tick, or drops one before it.

    A search may take milliseconds, so call it only for rows that are visible.
    """
    if not isinstance(schedule, Cron):
        return False
    # In UTC, because the two folds of one wall time are equal in their zone. From midnight, so that the cache
    # serves a whole day.
    now, tick = now.astimezone(UTC), tick.astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return _has_note(schedule, tick) or any(each > now for each in _drops_of(schedule, midnight, tick))


# The size is a few screens of rows; a schedule with a tick each second needs an entry for each of them.
@lru_cache(maxsize=256)
def _has_note(schedule: Cron, tick: datetime) -> bool:
    return note_on_tick(schedule, tick) is not None


@lru_cache(maxsize=256)
def _drops_of(schedule: Cron, after: datetime, tick: datetime) -> tuple[datetime, ...]:
    return tuple(each.at.astimezone(UTC) for each in dropped_ticks(schedule, after, tick))
