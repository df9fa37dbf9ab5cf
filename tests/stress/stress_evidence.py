"""The records of a stress test, and the checks that are made on them afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from jobtui import Cancellation, Run, RunState
from jobtui.engine.enums import Phase
from jobtui.engine.events import Event
from jobtui.engine.views import JobView, PoolView, Snapshot

ListedRun = tuple[int, RunState]  # a run in a list of a snapshot: its number and its state

MAX_PRINTED = 6  # failures of one check that are printed


class Check(Enum):
    """Every check, as the sentence that must be true."""

    RECORDER = "the recorder lost no event"
    NUMBERS = "events are numbered without a gap, up to the final snapshot's number"
    TIMES = "events lie between the start and the end, and the times of a run do not decrease"
    STATES = "every run goes through its states in order, and each view shows the state"
    ENDINGS = "every run has exactly one ending, and a reason unless it is OK"
    HANDLES = "every handle agrees with the event of its run's ending"
    WAITS = "every thread that waits for a run is woken when it ends"
    CANCELS = "every answer of cancel() is right, and a run is CANCELLED if its work honoured a stop request"
    RESULTS = "every result is that of its own run"
    OVERLAP_BY_EVENTS = "no run overlaps another one of its job, according to the events"
    OVERLAP_BY_WORK = "no run overlaps another one of its job, according to the work itself"
    WORK = "the work of each run that ended as OK or FAILED was done exactly once, and no other work was done"
    GATES = "runs are queued, held and skipped according to their job's policy"
    HELD = "held runs are released in their order, one at a time"
    STUCK = "no run is held while its job has no other run"
    POOL = "no run starts while the pool is full"
    FIFO = "runs start in the order in which they were queued"
    REASONS = "every tick that started no run has an ending and a reason"
    TICKS = "every tick of a fixed rate has exactly one run or entry"
    PAUSED = "the ticks of a paused job start no run"
    SNAPSHOTS = "snapshots and views of jobs agree with the events before them"
    READERS = "short-lived subscriptions read the same events, without a gap"
    DRAINED = "every waiting run runs once nothing requests more runs"
    STOPPING = "no run is accepted or started after the scheduler began to stop"
    STOPPED = "stop() returns soon after its grace, and reports that work was given up"
    COUNTERS = "after the stop the pool is empty and each job counts its own endings"
    THREADS = "the scheduler's threads end after the stop, and those that hang end when they are released"
    CALLS = "no call hangs or raises an unexpected exception"
    ERRORS = "no thread dies, no internal error occurs and nothing is logged"
    COVERAGE = "everything that the test is about happened at least once"


NEED_ALL_EVENTS = frozenset(Check) - {
    Check.RECORDER,
    Check.WAITS,
    Check.DRAINED,
    Check.STOPPED,
    Check.THREADS,
    Check.CALLS,
}


class Faults:
    """The failures of each check."""

    def __init__(self) -> None:
        self._found: dict[Check, list[str]] = {check: [] for check in Check}

    def add(self, check: Check, failure: str) -> None:
        """Add a failure of a check."""
        self._found[check].append(failure)

    def failed(self) -> list[Check]:
        """Return the checks that have failed."""
        return [check for check, failures in self._found.items() if failures]

    def report(self) -> str:
        """Return every failed check with its first failures, or "" if there is none."""
        lines = []
        for check in self.failed():
            failures = self._found[check]
            lines.append(f"FAILED {check.name}: not true that {check.value}: {len(failures)} failures")
            lines += [f"    {failure}" for failure in failures[:MAX_PRINTED]]
            if len(failures) > MAX_PRINTED:
                lines.append(f"    and {len(failures) - MAX_PRINTED} more")
        return "".join(f"{line}\n" for line in lines)


@dataclass(slots=True, eq=False)
class Execution:
    """One execution of the work of a job, as recorded by the work itself.

    Attributes:
        job: The name of the job.
        generation: How many jobs had that name before; 0 for one-off runs.
        number: The number of the run, from `current_run`.
        token: The unique argument of a one-off run; None for the runs of jobs.
        thread: The name of the thread that called the work.
        overlapping: The executions of the same job that were running at the start.
        finished: Whether the work has ended.
        stopped_on_request: Whether it ended because of a stop request.
        raised: The exception with which it ended, if any.
    """

    job: str
    generation: int
    number: int
    token: int | None
    thread: str
    overlapping: tuple[Execution, ...] = ()
    finished: bool = False
    stopped_on_request: bool = False
    raised: BaseException | None = None

    def __str__(self) -> str:
        """Return a description that identifies the execution."""
        source = f"call {self.token}" if self.token is not None else f"generation {self.generation}"
        return f"work of run {self.number} of {self.job!r} ({source}) on {self.thread}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that the scheduler accepted: its handle, and the token of a one-off run."""

    run: Run
    token: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers in a view of a job."""

    running: int
    queued: int
    held: int
    scheduled: int
    retrying: int
    runs: int
    failures: int
    paused: bool


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """The part of a snapshot that is kept; the whole would keep hundreds of views alive."""

    seq: int
    phase: Phase
    pool: PoolView
    jobs: dict[str, Counts]
    running: tuple[ListedRun, ...]
    waiting: tuple[ListedRun, ...]
    scheduled: tuple[ListedRun, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Some of the events that a short-lived subscription read, and its faults."""

    sample: list[Event]
    faults: list[str]


@dataclass(slots=True)
class Evidence:
    """Everything that was recorded.

    Attributes:
        began: When the scheduler was created, in seconds since the epoch.
        ended: When the last event was read, in seconds since the epoch.
        drift: By how much the wall clock went back relative to the monotonic clock, in seconds.
        first: The snapshot with which the recorder began.
        last: A snapshot after the end.
        lost: How many events the recorder lost.
        events: The events that the recorder read, in this order.
        accepted: Every run that a call returned.
        refused: The tokens of the calls that were rejected.
        cancelled: Each run that `cancel` was called for, and its answer; calls that came too late are left
            out.
        executions: The executions of all work.
        snapshots: Snapshots from in between.
        readings: What short-lived subscriptions read.
        max_held: For jobs with a limit: how many runs may be held before ticks are skipped.
    """

    began: float
    ended: float
    drift: float
    first: SnapshotSummary
    last: SnapshotSummary
    lost: int
    events: list[Event]
    accepted: list[Accepted]
    refused: set[int]
    cancelled: list[tuple[Run, Cancellation]]
    executions: list[Execution]
    snapshots: list[SnapshotSummary] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    max_held: dict[str, int] = field(default_factory=dict)


def counts_of(view: JobView) -> Counts:
    """Return the numbers in a view of a job."""
    return Counts(
        running=view.running,
        queued=view.queued,
        held=view.held,
        scheduled=view.scheduled,
        retrying=view.retrying,
        runs=view.runs,
        failures=view.failures,
        paused=view.paused_since is not None,
    )


def summarize(snapshot: Snapshot) -> SnapshotSummary:
    """Return the part of a snapshot that is kept."""
    return SnapshotSummary(
        seq=snapshot.seq,
        phase=snapshot.phase,
        pool=snapshot.pool,
        jobs={view.name: counts_of(view) for view in snapshot.jobs},
        running=tuple((view.number, view.state) for view in snapshot.running),
        waiting=tuple((view.number, view.state) for view in snapshot.waiting),
        scheduled=tuple((view.number, view.state) for view in snapshot.scheduled),
    )
