"""The engine's own books: one mutable record for each job and each run.

Only the engine writes them, always under the scheduler's lock; everybody else is given views.
Times are seconds since the epoch (UTC), as the engine is handed them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Protocol

from jobtui.engine.enums import JobStatus, Misfire, Overlap, RunState, Trigger
from jobtui.engine.runnables import Runnable
from jobtui.engine.views import JobCounters, JobView, RunView
from jobtui.schedules.schedule import Schedule

RECENT_RUNS = 20  # endings that each job remembers for itself, however busy its neighbours are

# Looking up an enum's member takes Python 3.11 a tenth of a microsecond.
_QUEUED = RunState.QUEUED
_JOB_RUNNING, _JOB_QUEUED = JobStatus.RUNNING, JobStatus.QUEUED
_JOB_IDLE, _JOB_PAUSED = JobStatus.IDLE, JobStatus.PAUSED

_OTHERS = RunState.CANCELLED, RunState.SKIPPED, RunState.MISSED, RunState.COALESCED  # as a Tally has them
_NO_OTHERS: dict[RunState, int] = {}

MAX_HELD = 1000  # held runs of one job above which its ticks are skipped

Call = Callable[[], Any]


def _moment(seconds: float | None, tz: tzinfo) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz)


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


# What is remembered of an ended run: plain values in the order of RunView's attributes. Python's garbage
# collector passes over such a tuple; 20 records for each of 10,000 jobs would cost it 20 ms at a time, and
# 10,000 new ones a second make it walk through everything there is every other second.
PackedRun = tuple[
    int,
    str,
    str,
    str,
    float,
    float | None,
    float | None,
    float | None,
    float | None,
    float | None,
    str,
    str,
    str,
]


class JobRecord:
    """A registered job, or the group of one-off runs of one runnable (then ``schedule`` is None)."""

    __slots__ = (
        "about",
        "cached_view",
        "due",
        "failures",
        "held",
        "last_elapsed",
        "last_queued",
        "max_held",
        "misfire",
        "name",
        "others",
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
        self.running = 0
        self.queued = 0
        self.last_queued: RunRecord | None = None
        self.scheduled = 0
        self.held: deque[RunRecord] | tuple[()] = ()  # an empty deque is larger than all the rest
        self.prev: float | None = None
        self.last_elapsed: float | None = None
        self.recent: deque[LedgerEntry] | tuple[()] = ()
        self.runs = 0
        self.failures = 0
        self.others: dict[RunState, int] | None = None  # endings that are neither OK nor FAILED
        self.cached_view: JobView | None = None  # None once the job has changed
        self.about: tuple[str, str] | None = None

    @property
    def busy(self) -> bool:
        """Whether a run of this job is going or will go before any new one may."""
        return bool(self.running or self.queued or self.held)

    @property
    def status(self) -> JobStatus:
        """The one word for what the job is doing."""
        if self.running:
            return _JOB_RUNNING
        if self.queued or self.held:
            return _JOB_QUEUED
        return _JOB_IDLE if self.paused_at is None else _JOB_PAUSED

    def hold(self, run: RunRecord) -> None:
        """Put a run behind those that wait for an earlier one."""
        if not isinstance(self.held, deque):
            self.held = deque()
        self.held.append(run)

    def remember(self, *endings: LedgerEntry) -> None:
        """Put endings behind the others, of which the oldest make room."""
        if not isinstance(self.recent, deque):
            self.recent = deque(maxlen=RECENT_RUNS)
        self.recent.extend(endings)

    def count(self, state: RunState, ticks: int = 1) -> None:
        """Count endings that are neither OK nor FAILED."""
        if self.others is None:
            self.others = {}
        self.others[state] = self.others.get(state, 0) + ticks

    def counters(self) -> JobCounters:
        """How its runs and ticks have ended so far."""
        others = self.others or _NO_OTHERS
        return JobCounters(
            self.name,
            self.paused_at is not None,
            self.runs - self.failures,
            self.failures,
            *[others.get(state, 0) for state in _OTHERS],
        )

    def view_when_added(self, due: float | None, tz: tzinfo) -> JobView:
        """The job as it was when it was registered: due at that instant, and nothing had happened yet."""
        origin, summary = self._about()
        return JobView(
            name=self.name,
            status=JobStatus.IDLE,
            schedule=self.schedule,
            spec=self.spec,
            origin=origin,
            summary=summary,
            overlap=self.overlap,
            misfire=self.misfire,
            running=0,
            queued=0,
            held=0,
            scheduled=0,
            prev=None,
            next=_moment(due, tz),
            paused_since=None,
            last_elapsed=None,
            recent=(),
            runs=0,
            failures=0,
        )

    def view(self, tz: tzinfo) -> JobView:
        """The job as it is now; the same object until it changes."""
        if self.cached_view is None:
            origin, summary = self._about()
            states = _STATES
            self.cached_view = JobView(
                name=self.name,
                status=self.status,
                schedule=self.schedule,
                spec=self.spec,
                origin=origin,
                summary=summary,
                overlap=self.overlap,
                misfire=self.misfire,
                running=self.running,
                queued=self.queued,
                held=len(self.held),
                scheduled=self.scheduled,
                prev=_moment(self.prev, tz),
                next=_moment(self.due, tz),
                paused_since=_moment(self.paused_at, tz),
                last_elapsed=_span(self.last_elapsed),
                recent=tuple(
                    [each.state if isinstance(each, RunRecord) else states[each[3]] for each in self.recent]
                ),
                runs=self.runs,
                failures=self.failures,
            )
        return self.cached_view

    def _about(self) -> tuple[str, str]:
        """Where the runnable's code stands, and what it says of itself: looked up once."""
        if self.about is None:
            self.about = self.runnable.origin, self.runnable.summary
        return self.about


class Waiter(Protocol):
    """Lets threads wait for the end of a run; such as a `threading.Event`."""

    def set(self) -> object:
        """Wake the threads that wait."""
        ...


class Attachments(Protocol):
    """What the runtime attaches to a run from any thread. The engine only carries it."""

    @property
    def outlives_run(self) -> bool:
        """Whether the ledger has to keep the record of the run, for the sake of its attachments."""
        ...


class RunExtras:
    """The fields that few runs need. Read and written with the state lock held.

    Attributes:
        reason: Why the run waits, or how it ended, in words.
        error: The traceback of the exception that its job raised.
        ticks: How many ticks a ledger entry stands for.
        stop_reason: Why the run has been asked to stop; "" if it has not been asked.
        waiter: Is set when the run ends; None if no thread waits for that.
    """

    __slots__ = ("error", "reason", "stop_reason", "ticks", "waiter")

    def __init__(self) -> None:
        self.reason = ""
        self.error = ""
        self.ticks = 1
        self.stop_reason = ""
        self.waiter: Waiter | None = None


NO_EXTRAS = RunExtras()  # shared by the runs without extras; never written: see `RunRecord.ensure_extras`


class RunRecord:
    """A run, or a tick that started none (then ``number`` is 0).

    Attributes:
        started: When its work started, once it is RUNNING; None in the end if it never did.
        worker: Whose work it is; as above, and "" in the end.
        elapsed: How long its work took, once it has ended; None if there was none.
        ended: When it ended, once it has.
        remarks: What there is to say of it; to say something, use `own`.
        handle: The user's Run object, if there is one; the engine only carries it.
        picture: Its latest view, which is good for as long as its state is the same; whoever changes anything
            else has to forget it.
    """

    __slots__ = (
        "attachments",
        "cached_view",
        "call",
        "created",
        "due",
        "elapsed",
        "ended",
        "extras",
        "handle",
        "job",
        "number",
        "started",
        "state",
        "trigger",
        "waiting_since",
        "worker",
    )

    # What comes later: the first two when it starts, the others when it ends. Until then these slots are
    # empty: 50,000 runs may wait, and the garbage collector looks at whatever it finds in the slots of each.
    started: float | None
    worker: str
    elapsed: float | None
    ended: float

    def __init__(  # noqa: PLR0917 - there is one for every tick, and names take time
        self,
        number: int,
        job: JobRecord,
        trigger: Trigger,
        call: Call | None,
        created: float,
        due: float | None = None,
    ) -> None:
        self.number = number
        self.job = job
        self.trigger = trigger
        self.state = _QUEUED
        self.call = call
        self.created = created
        self.handle: Any = None
        self.due = due
        self.waiting_since: float | None = created
        self.extras = NO_EXTRAS
        self.attachments: Attachments | None = None
        self.cached_view: RunView | None = None

    def ensure_extras(self) -> RunExtras:
        """Return the extras of this run, to write to them; create them on first use."""
        if self.extras is NO_EXTRAS:
            self.extras = RunExtras()
        return self.extras

    def mark_never_started(self) -> None:
        """Say that it ends without having started."""
        self.started = self.elapsed = None
        self.worker = ""

    def lateness(self) -> tuple[str, float] | None:
        """How many seconds after it was due, or was asked for, it started; None if its job is removed."""
        assert self.started is not None  # who asks has been told
        job, due = self.job, self.due
        return None if job.removed else (job.name, self.started - (self.created if due is None else due))

    def duration(self) -> tuple[str, float] | None:
        """How many seconds its work took, once it has ended; None if none, or if its job is removed."""
        elapsed, job = self.elapsed, self.job
        return None if elapsed is None or job.removed else (job.name, elapsed)

    def pack(self) -> PackedRun:
        """What is to be remembered of a run that has ended."""
        extras = self.extras
        return (
            self.number,
            self.job.name,
            self.trigger._value_,
            self.state._value_,
            self.created,
            self.due,
            self.waiting_since,
            self.started,
            self.ended,
            self.elapsed,
            self.worker,
            extras.reason,
            extras.error,
        )

    def view_at(self, state: RunState | None, tz: tzinfo) -> RunView:
        """The run as it was when it got into the state QUEUED or RUNNING; None for the last one."""
        if state is None:
            return self.view(tz)
        running = state is RunState.RUNNING
        return RunView(
            number=self.number,
            job=self.job.name,
            trigger=self.trigger,
            state=state,
            created=datetime.fromtimestamp(self.created, tz),
            due=_moment(self.due, tz),
            waiting_since=_moment(self.waiting_since, tz),
            started=_moment(self.started, tz) if running else None,
            worker=self.worker if running else "",
        )

    def view(self, tz: tzinfo) -> RunView:
        """The run as it is now; the same object until it changes."""
        if self.cached_view is None or self.cached_view.state is not self.state:
            begun, closed = not self.state.waiting, self.state.ended
            self.cached_view = RunView(
                number=self.number,
                job=self.job.name,
                trigger=self.trigger,
                state=self.state,
                created=datetime.fromtimestamp(self.created, tz),
                due=_moment(self.due, tz),
                waiting_since=_moment(self.waiting_since, tz),
                started=_moment(self.started, tz) if begun else None,
                ended=_moment(self.ended, tz) if closed else None,
                elapsed=_span(self.elapsed) if closed else None,
                worker=self.worker if begun else "",
                reason=self.extras.reason,
                error=self.extras.error,
                ticks=self.extras.ticks,
            )
        return self.cached_view


# An entry for ticks stays as it is, because more may be added to it; so does, in the ledger, a run that has
# printed.
LedgerEntry = RunRecord | PackedRun

_STATES = {state.value: state for state in RunState}


def entry_number(ending: LedgerEntry) -> int:
    """The number of a run that has ended; 0 for ticks that started none."""
    return ending.number if isinstance(ending, RunRecord) else ending[0]


def entry_view(ending: LedgerEntry, tz: tzinfo) -> RunView:
    """An ending that a job remembers, as people see it."""
    if isinstance(ending, RunRecord):
        return ending.view(tz)
    number, job, trigger, state, created, due, waiting, started, ended, elapsed, worker, reason, error = (
        ending
    )
    return RunView(
        number=number,
        job=job,
        trigger=Trigger(trigger),
        state=_STATES[state],
        created=datetime.fromtimestamp(created, tz),
        due=_moment(due, tz),
        waiting_since=_moment(waiting, tz),
        started=_moment(started, tz),
        ended=_moment(ended, tz),
        elapsed=_span(elapsed),
        worker=worker,
        reason=reason,
        error=error,
    )


def utc(seconds: float) -> datetime:
    """The same instant as an aware datetime in UTC, exact to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC)
