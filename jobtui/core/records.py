"""The engine's own books: one mutable record for each job and each run.

Only the engine writes them, always under the scheduler's lock; everybody else is given views.
Times are seconds since the epoch (UTC), as the engine is handed them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from jobtui.core.model import JobStatus, JobView, Misfire, Overlap, RunState, RunView, Trigger
from jobtui.core.runnables import Runnable
from jobtui.core.schedules import Schedule

RECENT_RUNS = 20  # endings that each job remembers for itself, however busy its neighbours are

MAX_HELD = 1000  # held runs of one job above which its ticks are skipped

Call = Callable[[], Any]


def _moment(seconds: float | None, tz: tzinfo) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz)


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


class JobRecord:
    """A registered job, or the group of one-off runs of one runnable (then ``schedule`` is None)."""

    __slots__ = (
        "_view",
        "due",
        "failures",
        "held",
        "last_elapsed",
        "last_queued",
        "max_held",
        "misfire",
        "name",
        "overlap",
        "paused_at",
        "prev",
        "queued",
        "recent",
        "removed",
        "runnable",
        "running",
        "runs",
        "schedule",
        "scheduled",
        "spec",
    )

    def __init__(
        self,
        name: str,
        runnable: Runnable,
        schedule: Schedule | None,
        *,
        spec: str,
        overlap: Overlap = Overlap.HOLD,
        misfire: Misfire = Misfire.COALESCE,
        max_held: int = MAX_HELD,
    ) -> None:
        self.name = name
        self.runnable = runnable
        self.schedule = schedule
        self.spec = spec
        self.overlap = overlap
        self.misfire = misfire
        self.max_held = max_held
        self.due: float | None = None
        self.paused_at: float | None = None
        self.removed = False
        self.running: list[RunRecord] = []
        self.queued = 0
        self.last_queued: RunRecord | None = None
        self.scheduled = 0
        self.held: deque[RunRecord] = deque()
        self.prev: float | None = None
        self.last_elapsed: float | None = None
        self.recent: deque[RunRecord] = deque(maxlen=RECENT_RUNS)
        self.runs = 0
        self.failures = 0
        self._view: JobView | None = None

    @property
    def busy(self) -> bool:
        """Whether a run of this job is going or will go before any new one may."""
        return bool(self.running or self.queued or self.held)

    @property
    def status(self) -> JobStatus:
        """The one word for what the job is doing."""
        if self.running:
            return JobStatus.RUNNING
        if self.queued or self.held:
            return JobStatus.QUEUED
        return JobStatus.IDLE if self.paused_at is None else JobStatus.PAUSED

    def changed(self) -> None:
        """Forget the picture that was taken of this job."""
        self._view = None

    def view(self, tz: tzinfo) -> JobView:
        """The job as it is now; the same object until it changes."""
        if self._view is None:
            self._view = JobView(
                name=self.name,
                status=self.status,
                schedule=self.schedule,
                spec=self.spec,
                origin=self.runnable.origin,
                summary=self.runnable.summary,
                overlap=self.overlap,
                misfire=self.misfire,
                running=len(self.running),
                queued=self.queued,
                held=len(self.held),
                scheduled=self.scheduled,
                prev=_moment(self.prev, tz),
                next=_moment(self.due, tz),
                paused_since=_moment(self.paused_at, tz),
                last_elapsed=_span(self.last_elapsed),
                recent=tuple(run.state for run in self.recent),
                runs=self.runs,
                failures=self.failures,
            )
        return self._view


class RunRecord:
    """A run, or a tick that started none (then ``number`` is 0)."""

    __slots__ = (
        "_view",
        "call",
        "created",
        "due",
        "elapsed",
        "ended",
        "error",
        "handle",
        "job",
        "number",
        "output",
        "reason",
        "started",
        "state",
        "ticks",
        "trigger",
        "waiting_since",
        "worker",
    )

    def __init__(
        self,
        number: int,
        job: JobRecord,
        trigger: Trigger,
        state: RunState,
        *,
        created: float,
        due: float | None = None,
        call: Call | None = None,
    ) -> None:
        self.number = number
        self.job = job
        self.trigger = trigger
        self.state = state
        self.created = created
        self.due = due
        self.call = call
        self.handle: Any = None  # the user's Run object, if there is one; the engine only carries it
        self.output: Any = None  # what collects its prints, if anything does; the engine only carries it
        self.waiting_since: float | None = None
        self.started: float | None = None
        self.ended: float | None = None
        self.elapsed: float | None = None
        self.worker = ""
        self.reason = ""
        self.error = ""
        self.ticks = 1
        self._view: RunView | None = None

    def changed(self) -> None:
        """Forget the picture that was taken of this run."""
        self._view = None

    def view(self, tz: tzinfo) -> RunView:
        """The run as it is now; the same object until it changes."""
        if self._view is None:
            self._view = RunView(
                number=self.number,
                job=self.job.name,
                trigger=self.trigger,
                state=self.state,
                created=datetime.fromtimestamp(self.created, tz),
                due=_moment(self.due, tz),
                waiting_since=_moment(self.waiting_since, tz),
                started=_moment(self.started, tz),
                ended=_moment(self.ended, tz),
                elapsed=_span(self.elapsed),
                worker=self.worker,
                reason=self.reason,
                error=self.error,
                ticks=self.ticks,
            )
        return self._view


def utc(seconds: float) -> datetime:
    """The same instant as an aware datetime in UTC, exact to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC)
