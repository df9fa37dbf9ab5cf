"""Events: immutable facts in the past tense, numbered without gaps.

An event is published after its change is complete. It carries a view of its job or run, so a reader can keep
it and needs no lock.

Events are classes with slots and properties: a busy scheduler creates 30,000 of them a second, and a frozen
dataclass takes three times as long to create.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from sys import getsizeof
from typing import ClassVar

from jobtui.engine.packed_exceptions import memory_of
from jobtui.engine.records import (
    ATTEMPT_ERROR,
    ATTEMPTS_MADE,
    ERROR,
    PackedRun,
    packed_duration,
    packed_lateness,
    packed_view,
)
from jobtui.engine.views import JobView, RunView

_EVENT_BYTES = 1_000  # of memory that an event takes, with the view of its run or job, but without its error

JobSeconds = tuple[str, float]  # the name of a job, and a number of seconds


class Event:
    """The base class of all events.

    Attributes:
        field_names: The names of the event's fields.
    """

    __slots__ = ("_at", "_seq")
    field_names: ClassVar[tuple[str, ...]] = ("seq", "at")

    def __init__(self, seq: int, at: float) -> None:
        self._seq = seq
        self._at = at

    @property
    def seq(self) -> int:
        """The event's number, counted from 1 in each scheduler, without gaps."""
        return self._seq

    @property
    def at(self) -> float:
        """The time of the event, in seconds since the epoch (UTC)."""
        return self._at

    def __eq__(self, other: object) -> bool:
        """Return whether the other event is of the same class and has equal fields."""
        return type(other) is type(self) and all(
            getattr(self, name) == getattr(other, name) for name in self.field_names
        )

    def __hash__(self) -> int:
        """Return a hash of the number and the time."""
        return hash((self._seq, self._at))

    def __repr__(self) -> str:
        """Return the class and the fields of the event."""
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.field_names)
        return f"{type(self).__name__}({fields})"


class JobEvent(Event):
    """An event of a job.

    Args:
        job: The view of the job at that time.
    """

    __slots__ = ("_job",)
    field_names = ("seq", "at", "job")

    def __init__(self, seq: int, at: float, job: JobView) -> None:
        self._seq = seq
        self._at = at
        self._job = job

    @property
    def job(self) -> JobView:
        """The view of the job at that time."""
        return self._job


class RunEvent(Event):
    """An event of a run, or of a tick that started no run.

    Args:
        run: The run at that time as a packed tuple, or its view.
        tz: The zone of the times in the view.
        job_removed: Whether the run's job had been removed: another job may have its name.
    """

    __slots__ = ("_job_removed", "_run", "_tz")
    field_names = ("seq", "at", "run")

    def __init__(
        self, seq: int, at: float, run: RunView | PackedRun, job_removed: bool = False, tz: tzinfo = UTC
    ) -> None:
        self._seq = seq
        self._at = at
        self._run = run
        self._job_removed = job_removed
        self._tz = tz

    @property
    def run(self) -> RunView:
        """The view of the run at that time.

        It is built on first use: a reader may take 10,000 events and use ten.
        """
        if not isinstance(self._run, RunView):
            self._run = packed_view(self._run, self._tz)
        return self._run


class JobAdded(JobEvent):
    """A job was registered."""

    __slots__ = ()


class JobRemoved(JobEvent):
    """A job was removed. Its waiting runs were cancelled; its running ones continue."""

    __slots__ = ()


class JobChanged(JobEvent):
    """A job has another schedule, other policies or other code."""

    __slots__ = ()


class JobPaused(JobEvent):
    """A job was paused: its ticks start no runs."""

    __slots__ = ()


class JobResumed(JobEvent):
    """A job was resumed: its ticks start runs again."""

    __slots__ = ()


class RunScheduled(RunEvent):
    """A one-off run was scheduled for a later instant."""

    __slots__ = ()


class RunHeld(RunEvent):
    """A run was held: it waits for an earlier run of its own job."""

    __slots__ = ()


class RunQueued(RunEvent):
    """A run was queued: it waits for a free slot in the pool."""

    __slots__ = ()


class RunStarted(RunEvent):
    """A run's work started."""

    __slots__ = ()

    @property
    def lateness(self) -> JobSeconds | None:
        """The job's name, and the seconds from the run's due time, or from its request, to its start.

        None if the job had been removed, or for an attempt after the first. This takes a tenth of the time
        of a view.
        """
        run = self._run
        if self._job_removed:
            return None
        if not isinstance(run, RunView):
            return packed_lateness(run)
        if run.attempts > 1 < run.attempt:
            return None
        assert run.started is not None  # because this event says so
        return run.job, run.started.timestamp() - (run.due or run.created).timestamp()


class RunWarned(RunEvent):
    """A run goes on for longer than its job's ``warn``."""

    __slots__ = ()


class RunProgressed(RunEvent):
    """The code of a RUNNING run has reported progress, for the first time or after at least 0.1 s."""

    __slots__ = ()


class AttemptFailed(RunEvent):
    """An attempt of a run failed, and the run waits for the next one: it is RETRYING."""

    __slots__ = ()


class RunTakenOver(RunEvent):
    """A run that was RETRYING when an earlier process ended waits for its next attempt."""

    __slots__ = ()


class StopRequested(RunEvent):
    """A RUNNING run was asked to stop."""

    __slots__ = ()


class RunFinished(RunEvent):
    """A run ended as OK, FAILED or CANCELLED, or was rejected (SKIPPED)."""

    __slots__ = ()

    @property
    def duration(self) -> JobSeconds | None:
        """The job's name, and how many seconds the run's work took.

        None if the run never started, or if the job had been removed. This takes a tenth of the time of a
        view.
        """
        run = self._run
        if self._job_removed:
            return None
        if not isinstance(run, RunView):
            return packed_duration(run)
        return None if run.elapsed is None else (run.job, run.elapsed.total_seconds())


class AbandonedEnded(RunEvent):
    """The work of a run that was abandoned has ended. The run itself had ended as TIMED_OUT."""

    __slots__ = ()


class TickEnded(RunEvent):
    """One tick or several ticks started no run: SKIPPED, MISSED or COALESCED."""

    __slots__ = ()


class PoolResized(Event):
    """The pool was resized."""

    __slots__ = ("_size",)
    field_names = ("seq", "at", "size")

    def __init__(self, seq: int, at: float, size: int) -> None:
        super().__init__(seq, at)
        self._size = size

    @property
    def size(self) -> int:
        """The largest number of RUNNING runs; 0 means no limit."""
        return self._size


class QuietTimeChanged(Event):
    """A quiet time has begun or ended."""

    __slots__ = ("_until",)
    field_names = ("seq", "at", "until")

    def __init__(self, seq: int, at: float, until: float | None = None) -> None:
        super().__init__(seq, at)
        self._until = until

    @property
    def until(self) -> float | None:
        """When it ends, in seconds since the epoch (UTC); None if it has ended."""
        return self._until


class ClockStepped(Event):
    """The wall clock was set, forward or back, while the scheduler was running."""

    __slots__ = ("_seconds",)
    field_names = ("seq", "at", "seconds")

    def __init__(self, seq: int, at: float, seconds: float) -> None:
        super().__init__(seq, at)
        self._seconds = seconds

    @property
    def seconds(self) -> float:
        """The size of the step in seconds, negative."""
        return self._seconds


class StoreChanged(Event):
    """The file of the store cannot be written any more, or is written again."""

    __slots__ = ("_problem",)
    field_names = ("seq", "at", "problem")

    def __init__(self, seq: int, at: float, problem: str) -> None:
        super().__init__(seq, at)
        self._problem = problem

    @property
    def problem(self) -> str:
        """The reason why it cannot be written; "" if it can."""
        return self._problem


class NoticeGiven(Event):
    """The scheduler has done something by itself that a user has to know, such as a pause after failures."""

    __slots__ = ("_text",)
    field_names = ("seq", "at", "text")

    def __init__(self, seq: int, at: float, text: str) -> None:
        super().__init__(seq, at)
        self._text = text

    @property
    def text(self) -> str:
        """The sentence about it, in one line."""
        return self._text


class InternalError(Event):
    """An exception occurred inside the scheduler, which continues."""

    __slots__ = ("_error",)
    field_names = ("seq", "at", "error")

    def __init__(self, seq: int, at: float, error: str) -> None:
        super().__init__(seq, at)
        self._error = error

    @property
    def error(self) -> str:
        """The exception in one line."""
        return self._error


class SchedulerStandingBy(Event):
    """Another scheduler uses the same store, and runs the jobs: this one starts when that one has ended."""

    __slots__ = ("_reason",)
    field_names = ("seq", "at", "reason")

    def __init__(self, seq: int, at: float, reason: str) -> None:
        super().__init__(seq, at)
        self._reason = reason

    @property
    def reason(self) -> str:
        """The store and the process that uses it, in words."""
        return self._reason


class SchedulerStarted(Event):
    """The scheduler started: ticks are due and runs start."""

    __slots__ = ()


class SchedulerStopping(Event):
    """The scheduler is stopping: it accepts nothing, cancels waiting runs and lets running ones end."""

    __slots__ = ()


class SchedulerStopped(Event):
    """The scheduler stopped: every run has ended."""

    __slots__ = ()


def memory_of_event(event: Event) -> int:
    """Return about how many bytes of memory an event takes, with the exception of a failed run."""
    if not isinstance(event, RunFinished | AttemptFailed):
        return _EVENT_BYTES
    run = event._run  # noqa: SLF001 - of this module
    if isinstance(run, RunView):
        errors = [run.__dict__["error"], *[each.__dict__["error"] for each in run.attempts_made]]
    else:
        errors = [run[ERROR], *[each[ATTEMPT_ERROR] for each in run[ATTEMPTS_MADE]]]
    sizes = [getsizeof(each) if isinstance(each, str) else memory_of(each) for each in errors if each]
    return _EVENT_BYTES + sum(sizes)
