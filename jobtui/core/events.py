"""What happened, as frozen values in the past tense, numbered without gaps.

Events are published after the change they tell of is committed, in order. They carry views, so a
reader needs no lock and can keep them.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobtui.core.model import JobView, RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        seq: Counted from 1 in each scheduler, without gaps.
        at: When it happened, in seconds since the epoch (UTC).
    """

    seq: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(Event):
    """Something that happened to a job."""

    job: JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """Something that happened to a run, or a tick that started none."""

    run: RunView


class JobAdded(JobEvent):
    """A job was registered."""

    __slots__ = ()


class JobRemoved(JobEvent):
    """A job was removed; its waiting runs were cancelled, its running ones go on to their end."""

    __slots__ = ()


class JobPaused(JobEvent):
    """A job's ticks start no runs from here on."""

    __slots__ = ()


class JobResumed(JobEvent):
    """A job's ticks start runs again."""

    __slots__ = ()


class RunScheduled(RunEvent):
    """A one-off run was accepted for a later instant."""

    __slots__ = ()


class RunHeld(RunEvent):
    """A run waits for an earlier run of its own job."""

    __slots__ = ()


class RunQueued(RunEvent):
    """A run waits for a free slot in the pool."""

    __slots__ = ()


class RunStarted(RunEvent):
    """A run's work started."""

    __slots__ = ()


class RunFinished(RunEvent):
    """A run ended: OK, FAILED or CANCELLED, or a run was refused (SKIPPED)."""

    __slots__ = ()


class TickEnded(RunEvent):
    """A tick, or a row of them, started no run: SKIPPED, MISSED or COALESCED."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolResized(Event):
    """The pool's size was changed; 0 means no limit."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped(Event):
    """The wall clock was set back while the scheduler ran.

    Attributes:
        seconds: By how much, negative.
    """

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFailed(Event):
    """An exception inside the timer; it goes on.

    Attributes:
        error: The exception in one line.
    """

    error: str


class SchedulerStarted(Event):
    """Ticks and runs start from here on."""

    __slots__ = ()


class SchedulerStopping(Event):
    """Nothing new is accepted; waiting runs are cancelled next; running ones may end."""

    __slots__ = ()


class SchedulerStopped(Event):
    """Every run has its ending."""

    __slots__ = ()
