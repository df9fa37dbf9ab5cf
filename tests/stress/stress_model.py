"""The state of each job and each run that follows from the events so far."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest

from stress_evidence import Counts, ListedRun

from jobtui import RunState
from jobtui.engine.enums import Overlap
from jobtui.engine.views import RunView


@dataclass(slots=True, eq=False)
class ModelJob:
    """One registration of a job; its name may be registered again later.

    Attributes:
        next_tick: The first tick without an event so far; None if it is unknown.
        tick_entry: The latest entry for ticks that started no run.
    """

    name: str
    generation: int
    overlap: Overlap
    interval: timedelta | None
    running: set[int] = field(default_factory=set)
    queued: set[int] = field(default_factory=set)
    held: deque[int] = field(default_factory=deque)
    scheduled: set[int] = field(default_factory=set)
    retrying: set[int] = field(default_factory=set)
    runs: int = 0
    failures: int = 0
    paused: bool = False
    next_tick: datetime | None = None
    tick_entry: RunView | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a run is running, or will run before any new one."""
        return bool(self.running or self.queued or self.held or self.retrying)

    def counts(self) -> Counts:
        """Return the numbers that a view of the job must have."""
        return Counts(
            running=len(self.running),
            queued=len(self.queued),
            held=len(self.held),
            scheduled=len(self.scheduled),
            retrying=len(self.retrying),
            runs=self.runs,
            failures=self.failures,
            paused=self.paused,
        )

    def __str__(self) -> str:
        """Return a description that identifies the job."""
        return f"job {self.name!r} (generation {self.generation}, {self.overlap.value})"


@dataclass(slots=True, eq=False)
class ModelRun:
    """One run.

    Attributes:
        state: Its latest state; None before its first event.
        at: The time of the latest event.
        started_seq: The event that started its work; None before that, and between attempts.
        attempts: How many attempts have failed and were to be followed by another one.
    """

    number: int
    job: ModelJob
    state: RunState | None = None
    at: float = 0.0
    started_seq: int | None = None
    attempts: int = 0
    worker: str = ""
    ended_seq: int | None = None
    final: RunView | None = None
    endings: int = 0
    stop_requested: bool = False

    def __str__(self) -> str:
        """Return a description that identifies the run."""
        return f"run {self.number} of {self.job}"


# The states from which a run may enter a state; None: it may be the run's first.
PREDECESSORS: dict[RunState, tuple[RunState | None, ...]] = {
    RunState.SCHEDULED: (None,),
    RunState.HELD: (None, RunState.SCHEDULED),
    RunState.QUEUED: (None, RunState.SCHEDULED, RunState.HELD, RunState.RETRYING),
    RunState.RUNNING: (RunState.QUEUED,),
    RunState.RETRYING: (RunState.RUNNING,),
}


def is_same_entry(one: RunView, other: RunView) -> bool:
    """Return whether two views are of the same entry, to which ticks may have been added in between."""
    return (one.created, one.due, one.state, one.reason) == (
        other.created,
        other.due,
        other.state,
        other.reason,
    )


def first_difference(listed: list[ListedRun], expected: list[ListedRun]) -> str:
    """Return a description of the first difference between two lists of runs, or "" if they are equal."""
    for one, other in zip_longest(listed, expected):
        if one != other:
            return f"{_describe(one)}, and by the events {_describe(other)}"
    return ""


def _describe(run: ListedRun | None) -> str:
    return "nothing more" if run is None else f"run {run[0]} {run[1].value}"
