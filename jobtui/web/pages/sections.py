"""What the status page shows of a snapshot: its lists, and the parts that are always there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from jobtui.engine.enums import JobStatus, Phase, RunState
from jobtui.engine.views import JobView, PoolView, RunView, Snapshot
from jobtui.frontend.upcoming import UpcomingTick, list_upcoming

MOST_JOBS = 1_000  # what a browser can take; the filter finds the others
MOST_WAITING = 100
MOST_COMING = 30
MOST_ENDED = 50

Rows = Iterable[tuple[Hashable, object]]  # what tells each part apart, and what it shows
Show = Callable[[Snapshot], Rows]


class SchedulerStatus(NamedTuple):
    """Whether the scheduler is well."""

    phase: Phase
    internal_error: str


class Totals(NamedTuple):
    """How many jobs there are, and of some kinds."""

    jobs: int
    failing: int
    paused: int
    running: int


class ListCaption(NamedTuple):
    """How much of a list is shown, and what is said where there is nothing."""

    shown: int
    total: int
    nothing: str


# --- lists ----------------------------------------------------------------------------------------


def _jobs(snapshot: Snapshot) -> Rows:
    return ((job.name, job) for job in snapshot.jobs[:MOST_JOBS])


def _running(snapshot: Snapshot) -> Rows:
    return ((run.number, run) for run in snapshot.running)


def _waiting(snapshot: Snapshot) -> Rows:
    return ((run.number, run) for run in snapshot.waiting[:MOST_WAITING])


def _ended(snapshot: Snapshot) -> Rows:
    return ((_run_key(run), run) for run in snapshot.recent[:MOST_ENDED])


def _run_key(run: RunView) -> Hashable:
    """Tells runs and rows of ticks apart."""
    return run.number or (run.job, run.state, run.due and run.due.timestamp(), run.created.timestamp())


def _coming(snapshot: Snapshot) -> Rows:
    rows = list_upcoming(snapshot)[:MOST_COMING]
    # With the instant: two passes of one wall time are equal.
    return ((_coming_key(row), row) for row in rows)


def _coming_key(row: UpcomingTick) -> Hashable:
    return row.number, row.job, row.due.timestamp()


# --- parts that are always there ------------------------------------------------------------------


def _one(value: Callable[[Snapshot], object]) -> Show:
    return lambda snapshot: [(None, value(snapshot))]


def _life(snapshot: Snapshot) -> SchedulerStatus:
    return SchedulerStatus(snapshot.phase, snapshot.internal_error)


def _pool(snapshot: Snapshot) -> PoolView:
    return snapshot.pool


def _totals(snapshot: Snapshot) -> Totals:
    jobs: Sequence[JobView] = snapshot.jobs
    return Totals(
        jobs=len(jobs),
        failing=sum(bool(job.recent) and job.recent[-1] is RunState.FAILED for job in jobs),
        paused=sum(job.paused_since is not None for job in jobs),
        running=sum(job.status is JobStatus.RUNNING for job in jobs),
    )


def _jobs_note(snapshot: Snapshot) -> ListCaption:
    return ListCaption(min(len(snapshot.jobs), MOST_JOBS), len(snapshot.jobs), "no job is registered")


def _running_note(snapshot: Snapshot) -> ListCaption:
    return ListCaption(len(snapshot.running), snapshot.pool.running, "nothing runs")


def _waiting_note(snapshot: Snapshot) -> ListCaption:
    total = snapshot.pool.queued + snapshot.pool.held
    return ListCaption(min(len(snapshot.waiting), MOST_WAITING), total, "nothing waits")


def _coming_note(snapshot: Snapshot) -> ListCaption:
    total = len(snapshot.scheduled) + sum(job.next is not None for job in snapshot.jobs)
    return ListCaption(min(total, MOST_COMING), total, "nothing is due")


def _ended_note(snapshot: Snapshot) -> ListCaption:
    shown = min(len(snapshot.recent), MOST_ENDED)
    return ListCaption(shown, shown, "nothing has ended yet")


FIXED_SECTIONS: Sequence[tuple[str, str, Show]] = (  # their ids, their macros, what they show
    ("life", "life", _one(_life)),
    ("pool", "pool", _one(_pool)),
    ("totals", "totals", _one(_totals)),
    ("jobs-note", "note", _one(_jobs_note)),
    ("running-note", "note", _one(_running_note)),
    ("waiting-note", "note", _one(_waiting_note)),
    ("coming-note", "note", _one(_coming_note)),
    ("ended-note", "note", _one(_ended_note)),
)
LIST_SECTIONS: Sequence[tuple[str, Show]] = (
    ("jobs", _jobs),
    ("running", _running),
    ("waiting", _waiting),
    ("coming", _coming),
    ("ended", _ended),
)
