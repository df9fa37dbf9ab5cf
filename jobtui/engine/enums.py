"""Enums for the state of a job, a run and a scheduler, and for the policies of a job."""

from __future__ import annotations

from enum import Enum
from typing import Literal, Self


class JobStatus(Enum):
    """The current activity of a job, as shown to users."""

    IDLE = "IDLE"
    RUNNING = "RUNNING"
    QUEUED = "QUEUED"  # all its live runs are QUEUED or HELD
    RETRYING = "RETRYING"  # a run waits for its next attempt, and none is RUNNING or QUEUED
    PAUSED = "PAUSED"
    DONE = "DONE"  # its last tick has passed, or it has run as often as it should


_StateKind = Literal["waiting", "running", "retrying", "completed", "failed", "final"]


class RunState(Enum):
    """The state of a run. A tick that starts no run has only a final state.

    A new state is one line here, and its signs are one line in `frontend.formatting.STATE_SIGNS`: counters,
    metrics, tables and pages follow from the two.

    Attributes:
        waiting: Whether a run in this state has not started yet.
        ended: Whether this state is final.
        completed: Whether this state is final because the run's work returned or failed.
        failed: Whether this state is final because the run's work failed.
    """

    _value_: str  # the first item of a line; the second one is the kind of a state that is not "final"
    waiting: bool
    ended: bool
    completed: bool
    failed: bool

    SCHEDULED = "SCHEDULED", "waiting"  # a one-off run that is not due yet
    HELD = "HELD", "waiting"
    QUEUED = "QUEUED", "waiting"
    RUNNING = "RUNNING", "running"
    RETRYING = "RETRYING", "retrying"  # an attempt has failed, and the next one is not due yet
    OK = "OK", "completed"
    FAILED = "FAILED", "failed"
    TIMED_OUT = "TIMED_OUT", "failed"  # it took longer than its job allows
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"
    COALESCED = "COALESCED"
    LOST = "LOST"  # the process ended without stopping

    def __new__(cls, value: str, kind: _StateKind = "final") -> Self:
        """Make a member from its line."""
        state = object.__new__(cls)
        state._value_ = value
        state.waiting = kind == "waiting"
        state.failed = kind == "failed"
        state.completed = kind in ("completed", "failed")
        state.ended = state.completed or kind == "final"
        return state

    # Each member is one object. `Enum` hashes its name instead, in Python code that takes 0.1 us.
    __hash__ = object.__hash__


FINAL_STATES = tuple(state for state in RunState if state.ended)


class Trigger(Enum):
    """The cause of a run."""

    TICK = "tick"
    NOW = "now"
    IN = "in"
    AT = "at"
    HAND = "by hand"
    START = "start"  # of the scheduler


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


class Limit(Enum):
    """The effect of a limit of a run's time."""

    WARN = "warn"  # it is marked as slow
    TIMEOUT = "timeout"  # it is asked to stop
    ABANDON = "abandon"  # it is given up


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
    """The phase of a scheduler's life. Phases only move forward, until it is started again after a stop."""

    NEW = "new"
    STANDBY = "standby"  # another scheduler runs the jobs of its store
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


OverlapName = Literal["hold", "skip", "allow", "replace"]
MisfireName = Literal["coalesce", "skip", "all"]
SingleName = Literal["standby", "refuse", "off"]
