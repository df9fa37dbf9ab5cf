"""What happened, as frozen values in the past tense, numbered without gaps.

Events are published after the change they tell of is committed, in order. They carry views, so a
reader needs no lock and can keep them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import ClassVar, Protocol

from jobtui.core.model import JobView, RunState, RunView

_set = object.__setattr__  # on what is frozen


class Drawable(Protocol):
    """A run that knows for ever what it was at each step of its life."""

    def view_at(self, state: RunState | None, tz: tzinfo) -> RunView:
        """The run as it was when it got into that state; None for its last one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        seq: Counted from 1 in each scheduler, without gaps.
        at: When it happened, in seconds since the epoch (UTC).
    """

    seq: int
    at: float


_set_seq, _set_at = vars(Event)["seq"].__set__, vars(Event)["at"].__set__


class JobEvent(Event):
    """Something that happened to a job.

    Args:
        seq: As for every event.
        at: As for every event.
        job: The job as it was then, or what can draw that picture when somebody looks at it.
    """

    __slots__ = ("_job",)

    _job: JobView | Callable[[], JobView]

    def __init__(self, *, seq: int, at: float, job: JobView | Callable[[], JobView]) -> None:
        _set(self, "seq", seq)
        _set(self, "at", at)
        _set(self, "_job", job)

    @property
    def job(self) -> JobView:
        """The job as it was then."""
        if isinstance(self._job, JobView):
            return self._job
        job = self._job()
        _set(self, "_job", job)
        return job

    def __eq__(self, other: object) -> bool:
        """Whether it is the same event of an equal job."""
        return super().__eq__(other) and isinstance(other, JobEvent) and self.job == other.job

    def __hash__(self) -> int:
        """By number and time."""
        return super().__hash__()

    def __repr__(self) -> str:
        """As for every event, with the job."""
        return f"{type(self).__name__}(seq={self.seq}, at={self.at}, job={self.job})"


class RunEvent(Event):
    """Something that happened to a run, or a tick that started none.

    Args:
        seq: As for every event.
        at: As for every event.
        run: The run as it was then, or what can draw that picture when somebody looks at it, since a
            reader may take 10,000 events and look at ten.
        tz: The zone for the picture.
    """

    __slots__ = ("_run", "_tz")

    _run: RunView | Drawable
    _tz: tzinfo
    _state: ClassVar[RunState | None] = None  # that a run gets into by this event; None for its last one

    def __init__(self, *, seq: int, at: float, run: RunView | Drawable, tz: tzinfo = UTC) -> None:
        # By the slots themselves: a reader may be told 30,000 events a second, and this is what they cost it.
        _set_seq(self, seq)
        _set_at(self, at)
        _set_run(self, run)
        _set_tz(self, tz)

    @property
    def run(self) -> RunView:
        """The run as it was then."""
        if isinstance(self._run, RunView):
            return self._run
        run = self._run.view_at(self._state, self._tz)
        _set(self, "_run", run)
        return run

    def __eq__(self, other: object) -> bool:
        """Whether it is the same event of an equal run."""
        return super().__eq__(other) and isinstance(other, RunEvent) and self.run == other.run

    def __hash__(self) -> int:
        """By number and time."""
        return super().__hash__()

    def __repr__(self) -> str:
        """As for every event, with the run."""
        return f"{type(self).__name__}(seq={self.seq}, at={self.at}, run={self.run})"


_set_run, _set_tz = vars(RunEvent)["_run"].__set__, vars(RunEvent)["_tz"].__set__


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

    _state = RunState.QUEUED


class RunStarted(RunEvent):
    """A run's work started."""

    __slots__ = ()

    _state = RunState.RUNNING


class StopRequested(RunEvent):
    """A run that is RUNNING was asked to stop."""

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
