"""What happened, as frozen values in the past tense, numbered without gaps.

Events are published after the change they tell of is committed, in order. They carry views, so a
reader needs no lock and can keep them.

They are properties over slots, and no dataclasses: a reader may be told 30,000 of them a second, and a
frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import ClassVar, Protocol

from jobtui.engine.enums import RunState
from jobtui.engine.views import JobView, RunView

JobSeconds = tuple[str, float]  # the job's name, and seconds


class RunViewSource(Protocol):
    """A run that knows for ever what it was at each step of its life."""

    def lateness(self) -> JobSeconds | None:
        """How long after it was due, or was asked for, it started; None if its job is removed."""
        ...

    def duration(self) -> JobSeconds | None:
        """How long its work took; None if it never started, or its job is removed."""
        ...

    def view_at(self, state: RunState | None, tz: tzinfo) -> RunView:
        """The run as it was when it got into that state; None for its last one."""
        ...


class Event:
    """Something that happened.

    Args:
        seq: Counted from 1 in each scheduler, without gaps.
        at: When it happened, in seconds since the epoch (UTC).

    Attributes:
        names: What there is to know of it: the names of its attributes.
    """

    __slots__ = ("_at", "_seq")

    names: ClassVar[tuple[str, ...]] = ("seq", "at")

    def __init__(self, seq: int, at: float) -> None:
        self._seq = seq
        self._at = at

    @property
    def seq(self) -> int:
        """Its number, counted from 1 in each scheduler, without gaps."""
        return self._seq

    @property
    def at(self) -> float:
        """When it happened, in seconds since the epoch (UTC)."""
        return self._at

    def __eq__(self, other: object) -> bool:
        """Whether it is the same event: the same kind, and equal in all there is to know."""
        return type(other) is type(self) and all(
            getattr(self, name) == getattr(other, name) for name in self.names
        )

    def __hash__(self) -> int:
        """By number and time."""
        return hash((self._seq, self._at))

    def __repr__(self) -> str:
        """All there is to know of it."""
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.names)})"


class JobEvent(Event):
    """Something that happened to a job.

    Args:
        seq: As for every event.
        at: As for every event.
        job: The job as it was then, or what can draw that picture when somebody looks at it.
    """

    __slots__ = ("_job",)

    names = ("seq", "at", "job")

    def __init__(self, seq: int, at: float, job: JobView | Callable[[], JobView]) -> None:
        self._seq = seq
        self._at = at
        self._job = job

    @property
    def job(self) -> JobView:
        """The job as it was then."""
        if not isinstance(self._job, JobView):
            self._job = self._job()
        return self._job


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

    names = ("seq", "at", "run")
    _state: ClassVar[RunState | None] = None  # that a run gets into by this event; None for its last one

    def __init__(self, seq: int, at: float, run: RunView | RunViewSource, tz: tzinfo = UTC) -> None:
        self._seq = seq
        self._at = at
        self._run = run
        self._tz = tz

    @property
    def run(self) -> RunView:
        """The run as it was then."""
        if not isinstance(self._run, RunView):
            self._run = self._run.view_at(self._state, self._tz)
        return self._run


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

    @property
    def lateness(self) -> JobSeconds | None:
        """The job's name, and how many seconds after it was due, or was asked for, the run started.

        None if its job is removed. It takes a tenth of the time of a picture.
        """
        run = self._run
        if not isinstance(run, RunView):
            return run.lateness()
        assert run.started is not None  # or it would not have been told
        return run.job, run.started.timestamp() - (run.due or run.created).timestamp()


class StopRequested(RunEvent):
    """A run that is RUNNING was asked to stop."""

    __slots__ = ()


class RunFinished(RunEvent):
    """A run ended: OK, FAILED or CANCELLED, or a run was refused (SKIPPED)."""

    __slots__ = ()

    @property
    def duration(self) -> JobSeconds | None:
        """The job's name, and how many seconds the run's work took.

        None if it never started, or if its job is removed. It takes a tenth of the time of a picture.
        """
        run = self._run
        if not isinstance(run, RunView):
            return run.duration()
        return None if run.elapsed is None else (run.job, run.elapsed.total_seconds())


class TickEnded(RunEvent):
    """A tick, or a row of them, started no run: SKIPPED, MISSED or COALESCED."""

    __slots__ = ()


class PoolResized(Event):
    """The pool's size was changed.

    Args:
        seq: As for every event.
        at: As for every event.
        size: What it is now; 0 means no limit.
    """

    __slots__ = ("_size",)

    names = ("seq", "at", "size")

    def __init__(self, seq: int, at: float, size: int) -> None:
        super().__init__(seq, at)
        self._size = size

    @property
    def size(self) -> int:
        """How many runs may be RUNNING at once; 0 means no limit."""
        return self._size


class ClockStepped(Event):
    """The wall clock was set back while the scheduler ran.

    Args:
        seq: As for every event.
        at: As for every event.
        seconds: By how much, negative.
    """

    __slots__ = ("_seconds",)

    names = ("seq", "at", "seconds")

    def __init__(self, seq: int, at: float, seconds: float) -> None:
        super().__init__(seq, at)
        self._seconds = seconds

    @property
    def seconds(self) -> float:
        """By how much, negative."""
        return self._seconds


class InternalError(Event):
    """An exception inside the timer; it goes on.

    Args:
        seq: As for every event.
        at: As for every event.
        error: The exception in one line.
    """

    __slots__ = ("_error",)

    names = ("seq", "at", "error")

    def __init__(self, seq: int, at: float, error: str) -> None:
        super().__init__(seq, at)
        self._error = error

    @property
    def error(self) -> str:
        """The exception in one line."""
        return self._error


class SchedulerStarted(Event):
    """Ticks and runs start from here on."""

    __slots__ = ()


class SchedulerStopping(Event):
    """Nothing new is accepted; waiting runs are cancelled next; running ones may end."""

    __slots__ = ()


class SchedulerStopped(Event):
    """Every run has its ending."""

    __slots__ = ()
