"""What is known of each job and each run at one place in the events."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest

from stress_evidence import Counts, Shown

from jobtui import RunState
from jobtui.engine.enums import Overlap
from jobtui.engine.views import RunView


@dataclass(slots=True, eq=False)
class JobBook:
    """What is known of one job: of one registration, since the name may be used again."""

    name: str
    generation: int
    overlap: Overlap
    interval: timedelta | None
    running: set[int] = field(default_factory=set)
    queued: set[int] = field(default_factory=set)
    held: deque[int] = field(default_factory=deque)
    scheduled: set[int] = field(default_factory=set)
    runs: int = 0
    failures: int = 0
    paused: bool = False
    next_tick: datetime | None = None  # the first one that is not accounted for; None if that is unknown
    row: RunView | None = None  # the latest entry for ticks that started no run

    @property
    def busy(self) -> bool:
        """Whether a run is going or will go before any new one may."""
        return bool(self.running or self.queued or self.held)

    def counts(self) -> Counts:
        """What a view of the job must say."""
        return Counts(
            running=len(self.running),
            queued=len(self.queued),
            held=len(self.held),
            scheduled=len(self.scheduled),
            runs=self.runs,
            failures=self.failures,
            paused=self.paused,
        )

    def __str__(self) -> str:
        """Which one it is."""
        return f"job {self.name!r} (generation {self.generation}, {self.overlap.value})"


@dataclass(slots=True, eq=False)
class RunBook:
    """What is known of one run."""

    number: int
    job: JobBook
    step: RunState | None = None  # the latest
    at: float = 0.0  # the time of that
    started_seq: int | None = None
    worker: str = ""
    ended_seq: int | None = None
    final: RunView | None = None
    endings: int = 0
    asked: bool = False  # to stop

    def __str__(self) -> str:
        """Which one it is."""
        return f"run {self.number} of {self.job}"


# From which steps a run may get into a step; None: it is the first that is heard of it.
BEFORE: dict[RunState, tuple[RunState | None, ...]] = {
    RunState.SCHEDULED: (None,),
    RunState.HELD: (None, RunState.SCHEDULED),
    RunState.QUEUED: (None, RunState.SCHEDULED, RunState.HELD),
    RunState.RUNNING: (RunState.QUEUED,),
}


def same_entry(one: RunView, other: RunView) -> bool:
    """Whether two pictures are of the same entry, which may have grown in between."""
    return (one.created, one.due, one.state, one.reason) == (
        other.created,
        other.due,
        other.state,
        other.reason,
    )


def first_difference(shown: list[Shown], expected: list[Shown]) -> str:
    """Where a list of runs departs from what it should be, in words; "" if it does not."""
    for one, other in zip_longest(shown, expected):
        if one != other:
            return f"{_told(one)}, and by the events {_told(other)}"
    return ""


def _told(run: Shown | None) -> str:
    return "nothing more" if run is None else f"run {run[0]} {run[1].value}"
