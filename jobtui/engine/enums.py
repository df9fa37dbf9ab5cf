"""The values that name a state: of a job, a run, a scheduler; and the policies of a job."""

from __future__ import annotations

from enum import Enum
from typing import Literal


class JobStatus(Enum):
    """What a job is doing now."""

    IDLE = "IDLE"
    RUNNING = "RUNNING"
    QUEUED = "QUEUED"  # it has only waiting runs
    PAUSED = "PAUSED"


class RunState(Enum):
    """Where a run is, or how it ended. A tick that starts no run has only an ending."""

    SCHEDULED = "SCHEDULED"  # a one-off whose instant has not come
    HELD = "HELD"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    OK = "OK"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"
    COALESCED = "COALESCED"

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to a run in this state any more."""
        return self not in _LIVE

    @property
    def waiting(self) -> bool:
        """Whether a run in this state can still be taken out before it starts."""
        return self in _WAITING


_WAITING = frozenset({RunState.SCHEDULED, RunState.HELD, RunState.QUEUED})
_LIVE = _WAITING | {RunState.RUNNING}


class Trigger(Enum):
    """What asked for a run."""

    TICK = "tick"
    NOW = "now"
    IN = "in"
    AT = "at"
    HAND = "by hand"


class Overlap(Enum):
    """What becomes of a run whose job has a run going already."""

    HOLD = "hold"
    SKIP = "skip"
    ALLOW = "allow"
    REPLACE = "replace"


class Misfire(Enum):
    """What becomes of the ticks that passed while the timer could not act (sleep, stall, clock step)."""

    COALESCE = "coalesce"  # one run for all of them
    SKIP = "skip"  # none
    ALL = "all"  # one run for each


class Cancellation(Enum):
    """What came of the wish to cancel a run; true unless it came too late."""

    TAKEN_OUT = "taken out"  # it waited, and will not start
    INTERRUPTED = "interrupted"  # a coroutine: cancelled at its next await
    ASKED = "asked"  # a thread cannot be stopped: its work sees that it shall end, if it looks
    TOO_LATE = "too late"  # it had ended, or there is no such run

    def __bool__(self) -> bool:
        """Whether it was not too late."""
        return self is not Cancellation.TOO_LATE


class Phase(Enum):
    """Where a scheduler is in its life. There is no way back."""

    NEW = "new"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


OverlapName = Literal["hold", "skip", "allow", "replace"]
MisfireName = Literal["coalesce", "skip", "all"]
