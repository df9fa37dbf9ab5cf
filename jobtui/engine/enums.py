"""Enums for the state of a job, a run and a scheduler, and for the policies of a job."""

from __future__ import annotations

from enum import Enum
from typing import Literal


class JobStatus(Enum):
    """The current activity of a job, as shown to users."""

    IDLE = "IDLE"
    RUNNING = "RUNNING"
    QUEUED = "QUEUED"  # all its live runs are QUEUED or HELD
    PAUSED = "PAUSED"


class RunState(Enum):
    """The state of a run. A tick that starts no run has only a final state."""

    SCHEDULED = "SCHEDULED"  # a one-off run that is not due yet
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
        """Whether this state is final."""
        return self not in _LIVE

    @property
    def waiting(self) -> bool:
        """Whether a run in this state has not started yet."""
        return self in _WAITING


_WAITING = frozenset({RunState.SCHEDULED, RunState.HELD, RunState.QUEUED})
_LIVE = _WAITING | {RunState.RUNNING}


class Trigger(Enum):
    """The cause of a run."""

    TICK = "tick"
    NOW = "now"
    IN = "in"
    AT = "at"
    HAND = "by hand"


class Overlap(Enum):
    """The rule for a new run of a job that has an earlier live run."""

    HOLD = "hold"
    SKIP = "skip"
    ALLOW = "allow"
    REPLACE = "replace"


class Misfire(Enum):
    """The rule for ticks that passed while the timer could not act (sleep, stall, clock step)."""

    COALESCE = "coalesce"  # one run for all of them
    SKIP = "skip"  # no run
    ALL = "all"  # one run for each


class Cancellation(Enum):
    """The result of a request to cancel a run. Only TOO_LATE is false."""

    TAKEN_OUT = "taken out"  # the run was waiting and will not start
    INTERRUPTED = "interrupted"  # a coroutine: cancelled at its next await
    ASKED = "asked"  # a thread cannot be stopped: its job has to check for the request
    TOO_LATE = "too late"  # the run had ended, or does not exist

    def __bool__(self) -> bool:
        """Return whether the request came in time."""
        return self is not Cancellation.TOO_LATE


class Phase(Enum):
    """The phase of a scheduler's life. Phases only move forward."""

    NEW = "new"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


OverlapName = Literal["hold", "skip", "allow", "replace"]
MisfireName = Literal["coalesce", "skip", "all"]
