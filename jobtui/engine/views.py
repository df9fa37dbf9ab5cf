"""The words of the scheduler as values: enums, frozen views and the snapshot.

Everything here is immutable and safe to hand to any thread. A view is a picture of a job or a run
at one moment; it never changes afterwards, and an unchanged job or run keeps the same view object,
so that a reader can tell what changed with ``is``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from jobtui.engine.enums import JobStatus, Misfire, Overlap, Phase, RunState, Trigger
from jobtui.schedules.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run, or one tick (or a row of equal ticks) that started none, at one moment.

    All times are aware, in the scheduler's zone.

    Attributes:
        number: The run's number, counted from 1; 0 for ticks that started no run.
        job: The name of the job.
        trigger: What asked for it.
        state: Where it is, or how it ended.
        created: When it was asked for.
        due: When it should start: the tick, or the instant given to ``in_`` and ``at``; None for ``now``.
        waiting_since: When it entered the queue or the held runs; None if it has not.
        started: When its work started; None if it has not.
        ended: When it ended; None if it has not. For a row of ticks, when the last one was due.
        elapsed: How long the work took, measured by a clock that is never set; None until it ends.
        worker: The name of the thread that does the work, or "" before it starts.
        reason: Why it waits or how it ended, in words.
        error: The traceback of a failed run, else "".
        ticks: How many ticks this stands for; 1 for a run.
    """

    number: int
    job: str
    trigger: Trigger
    state: RunState
    created: datetime
    due: datetime | None = None
    waiting_since: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    elapsed: timedelta | None = None
    worker: str = ""
    reason: str = ""
    error: str = ""
    ticks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job at one moment. All times are aware, in the scheduler's zone.

    Attributes:
        name: The job's name, unique in its scheduler.
        status: What it is doing.
        schedule: When it is due; None for the one-off runs of a runnable, which have no schedule.
        spec: The schedule as the user wrote it (``cron.workhours_15m``, ``every 5s``), or ``one-off``.
        origin: ``file:line`` of the runnable, where Python can tell, else "".
        summary: The first line of the runnable's docstring, else "".
        overlap: What becomes of a run while another is going.
        misfire: What becomes of ticks that come too late.
        running: How many of its runs are RUNNING.
        queued: How many of its runs are QUEUED.
        held: How many of its runs are HELD.
        scheduled: How many one-off runs wait for their instant.
        prev: When its latest run started; None before the first.
        next: When it is due next; None if never, or while the scheduler is not running.
        paused_since: When it was paused; None if it is not.
        last_elapsed: How long its latest finished run took.
        recent: The endings of its latest runs and ticks, oldest first, at most 20.
        runs: How many of its runs have ended OK or FAILED.
        failures: How many of them FAILED.
    """

    name: str
    status: JobStatus
    schedule: Schedule | None
    spec: str
    origin: str
    summary: str
    overlap: Overlap
    misfire: Misfire
    running: int
    queued: int
    held: int
    scheduled: int
    prev: datetime | None
    next: datetime | None
    paused_since: datetime | None
    last_elapsed: timedelta | None
    recent: tuple[RunState, ...]
    runs: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """The pool at one moment.

    Attributes:
        size: How many runs may be RUNNING at once; 0 means no limit.
        running: How many are.
        queued: How many wait for a slot.
        held: How many wait for an earlier run of their own job.
    """

    size: int
    running: int
    queued: int
    held: int

    @property
    def saturated(self) -> bool:
        """Whether every slot is taken."""
        return 0 < self.size <= self.running


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole scheduler at one moment, as of event number ``seq``.

    The lists of runs are cut to the first ones; ``pool`` has the true counts.

    Attributes:
        seq: The number of the last event that is part of this picture.
        at: When it was taken, in the scheduler's zone.
        zone: The scheduler's time zone.
        phase: Where the scheduler is in its life.
        started: When it was started; None before.
        heartbeat: When the timer last woke; it wakes at least every 30 seconds.
        internal_error: The last exception inside the timer, in one line, else "".
        pool: Occupancy.
        jobs: Every job, in the order of registration.
        running: The runs that are RUNNING, oldest first.
        waiting: QUEUED runs in the order they will start, then HELD runs in the order they were asked for.
        scheduled: One-off runs whose instant has not come, soonest first.
        recent: Endings of runs and of ticks, newest first.
    """

    seq: int
    at: datetime
    zone: tzinfo
    phase: Phase
    started: datetime | None
    heartbeat: datetime | None
    internal_error: str
    pool: PoolView
    jobs: tuple[JobView, ...]
    running: tuple[RunView, ...]
    waiting: tuple[RunView, ...]
    scheduled: tuple[RunView, ...]
    recent: tuple[RunView, ...]


class JobCounters(NamedTuple):
    """How the runs and ticks of one job have ended since it was registered, in exact numbers.

    A tuple, because there may be 10,000 jobs to count while the scheduler's lock is held.

    Attributes:
        job: The job's name.
        paused: Whether it is paused.
        ok: How many of its runs ended OK.
        failed: How many FAILED.
        cancelled: How many were CANCELLED.
        skipped: How many of its ticks, and of the runs that were asked for, were SKIPPED.
        missed: How many of its ticks were MISSED.
        coalesced: How many of its ticks were COALESCED.
    """

    job: str
    paused: bool
    ok: int
    failed: int
    cancelled: int
    skipped: int
    missed: int
    coalesced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """Whether the scheduler is alive: what can be told without its lock, which somebody may hold for ever.

    Attributes:
        phase: Where the scheduler is in its life.
        heartbeat_age: How many seconds ago the timer last woke, by a clock that is never set; None before
            the start. It wakes at least every 30 seconds.
        seq: The number of the latest event.
    """

    phase: Phase
    heartbeat_age: float | None
    seq: int
