"""What a stress test writes down while it goes on, and the checks that are made of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from jobtui import Cancellation, Run, RunState
from jobtui.engine.enums import Phase
from jobtui.engine.events import Event
from jobtui.engine.views import JobView, PoolView, Snapshot

Shown = tuple[int, RunState]  # a run in a list of a snapshot

SHOWN = 6  # offenders of one check that are printed


class Check(Enum):
    """Every check, as the sentence that must be true."""

    READER = "the recording reader lost no event"
    NUMBERS = "events are numbered without a gap, up to the final snapshot's number"
    TIMES = "the times of events are sensible, and each run's follow one another"
    STEPS = "every run takes its steps in order, and each picture shows the step"
    ENDINGS = "every run has exactly one ending, and one that is not OK has a reason"
    HANDLES = "every handle agrees with the ending that the events tell"
    WAITS = "whoever waits for a run is woken when it ends"
    CANCELS = "what cancel() answers is so, and a run is CANCELLED if its work stopped because it was asked"
    RESULTS = "every result is that of its own run"
    OVERLAP_TOLD = "no run overlaps another of its job, by the events"
    OVERLAP_SEEN = "no run overlaps another of its job, by what the work itself saw"
    WORK = "the work of every run that started and ended by itself was done, once, and no other"
    GATES = "runs are queued, held and skipped as their job's policy says"
    HELD = "held runs are released in their order, one at a time"
    STUCK = "no run is held by nothing"
    POOL = "no run starts while as many are RUNNING as the pool has room for"
    FIFO = "runs start in the order in which they were queued"
    REASONS = "every tick that started no run has an ending and a reason"
    TICKS = "every tick of a fixed rate is accounted for, once"
    PAUSED = "the ticks of a paused job start no run"
    PICTURES = "snapshots and views of jobs agree with the events before them"
    READERS = "other readers were told the same, without a gap"
    DRAINED = "all that waits is run once nobody asks for more"
    STOPPING = "nothing is accepted and nothing starts once the scheduler stops"
    STOPPED = "stop() comes back soon after its grace, and says that work was given up"
    COUNTERS = "after the stop the pool is empty and each job counts its own endings"
    THREADS = "after the stop the scheduler's threads end, and those that hang once they are let go"
    CALLS = "no call hangs or raises what it should not"
    ERRORS = "no thread dies, the timer does not fail and nothing is logged"
    COVERAGE = "everything that is to be stressed happened"


NEED_ALL_EVENTS = frozenset(Check) - {
    Check.READER,
    Check.WAITS,
    Check.DRAINED,
    Check.STOPPED,
    Check.THREADS,
    Check.CALLS,
}


class Faults:
    """What was found, by check."""

    def __init__(self) -> None:
        self._found: dict[Check, list[str]] = {check: [] for check in Check}

    def add(self, check: Check, offender: str) -> None:
        """Note somebody who breaks a rule."""
        self._found[check].append(offender)

    def failed(self) -> list[Check]:
        """The checks with offenders."""
        return [check for check, offenders in self._found.items() if offenders]

    def report(self) -> str:
        """Every failed check with its first offenders; "" if there is none."""
        lines = []
        for check in self.failed():
            offenders = self._found[check]
            lines.append(f"FAILED {check.name}: not true that {check.value}: {len(offenders)} offenders")
            lines += [f"    {offender}" for offender in offenders[:SHOWN]]
            if len(offenders) > SHOWN:
                lines.append(f"    and {len(offenders) - SHOWN} more")
        return "".join(f"{line}\n" for line in lines)


@dataclass(slots=True, eq=False)
class Execution:
    """One time that the work of a job was done, as the work itself saw it.

    Attributes:
        job: The name of the job.
        generation: How many jobs had that name before; 0 for one-off runs.
        number: The run's number, as it was told to the work.
        token: The argument of a one-off run, which only this one has; None for the runs of jobs.
        thread: The name of the thread that called the work.
        met: Which other executions of the same job were going on.
        left: Whether it has come to its end.
        obeyed: Whether it ended because it was asked to.
        raised: What it ended with, if it raised.
    """

    job: str
    generation: int
    number: int
    token: int | None
    thread: str
    met: tuple[Execution, ...] = ()
    left: bool = False
    obeyed: bool = False
    raised: BaseException | None = None

    def __str__(self) -> str:
        """Which one it is."""
        which = f"call {self.token}" if self.token is not None else f"generation {self.generation}"
        return f"work of run {self.number} of {self.job!r} ({which}) on {self.thread}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that the scheduler accepted: its handle, and the token if it is a one-off."""

    run: Run
    token: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What a view of a job says in numbers."""

    running: int
    queued: int
    held: int
    scheduled: int
    runs: int
    failures: int
    paused: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of a snapshot; the whole would keep hundreds of views alive."""

    seq: int
    phase: Phase
    pool: PoolView
    jobs: dict[str, Counts]
    running: tuple[Shown, ...]
    waiting: tuple[Shown, ...]
    scheduled: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader that came and went was told: some events of those it got, and what was wrong."""

    sample: list[Event]
    faults: list[str]


@dataclass(slots=True)
class Evidence:
    """All that was written down.

    Attributes:
        began: When the scheduler was made, in seconds since the epoch.
        ended: When the last event was read.
        drift: By how much the wall clock was seen to go back against the other one, in seconds.
        first: What the recording reader's snapshot showed.
        last: What a snapshot showed when all was over.
        lost: How many events the recording reader lost.
        events: The events it read, in the order in which it read them.
        accepted: Every run that a call gave, with its handle.
        refused: The tokens of the calls that were refused.
        cancelled: What was answered to those who wanted to cancel a run, unless it was too late.
        executions: What the work of all runs saw.
        pictures: Snapshots taken in between.
        readings: What other readers were told.
        max_held: By the name of the job, above how many held runs its ticks are to be skipped.
    """

    began: float
    ended: float
    drift: float
    first: Picture
    last: Picture
    lost: int
    events: list[Event]
    accepted: list[Accepted]
    refused: set[int]
    cancelled: list[tuple[Run, Cancellation]]
    executions: list[Execution]
    pictures: list[Picture] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    max_held: dict[str, int] = field(default_factory=dict)


def counts_of(view: JobView) -> Counts:
    """The numbers in a view of a job."""
    return Counts(
        running=view.running,
        queued=view.queued,
        held=view.held,
        scheduled=view.scheduled,
        runs=view.runs,
        failures=view.failures,
        paused=view.paused_since is not None,
    )


def picture_of(snapshot: Snapshot) -> Picture:
    """The numbers in a snapshot."""
    return Picture(
        seq=snapshot.seq,
        phase=snapshot.phase,
        pool=snapshot.pool,
        jobs={view.name: counts_of(view) for view in snapshot.jobs},
        running=tuple((view.number, view.state) for view in snapshot.running),
        waiting=tuple((view.number, view.state) for view in snapshot.waiting),
        scheduled=tuple((view.number, view.state) for view in snapshot.scheduled),
    )
