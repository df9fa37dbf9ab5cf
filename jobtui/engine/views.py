"""Views: immutable copies of the state of a job, a run, the pool or the whole scheduler.

A view never changes, and any thread may use it. A job or run that has not changed keeps the same view object,
so a reader can find changes with ``is``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple, NewType

from jobtui.engine.enums import JobStatus, Misfire, Overlap, Phase, RunState, Trigger
from jobtui.engine.job_policies import MAX_HELD
from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.quick_init import with_quick_init
from jobtui.engine.tracebacks import format_traceback
from jobtui.schedules.schedule import Schedule

Duration = NewType("Duration", float)  # seconds; a timedelta would take ten times as long to create


class _TracebackField:
    """A field of a view that is set to a packed exception or to a text, and read as a text.

    The exception is formatted at the first reading, because that takes a hundred times as long as a failing
    run and reads source files. A descriptor needs the view's ``__dict__``, so the view cannot have slots.
    """

    def __set_name__(self, _owner: type, name: str) -> None:
        """Store the name of the field."""
        self._name = name

    def __get__(self, view: object, _owner: type) -> str:
        """Return the text; "" as the field's default."""
        if view is None:
            return ""
        value: str | PackedException = view.__dict__[self._name]
        if not isinstance(value, str):
            value = view.__dict__[self._name] = format_traceback(value)
        return value

    def __set__(self, view: object, value: str | PackedException) -> None:
        """Store a packed exception or a text."""
        view.__dict__[self._name] = value


@dataclass(frozen=True, kw_only=True)
class AttemptView:
    """The view of an attempt of a run that failed and was followed by another one, or is to be.

    All times are aware, in the scheduler's zone.

    Attributes:
        number: The number of the attempt, counted from 1.
        started: When it started.
        ended: When it ended.
        elapsed: How long it took, by a monotonic clock.
        reason: The exception, in one line.
        error: The traceback. It is formatted when it is first read.
    """

    number: int
    started: datetime
    ended: datetime
    elapsed: timedelta
    reason: str
    error: str = _TracebackField()  # type: ignore[assignment] # is read as a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a RUNNING run, as its code has reported it.

    All times are aware, in the scheduler's zone.

    Attributes:
        done: How much is done, at least 0.
        total: How much there is, above 0; None if that is not known.
        text: What it is doing, in words; "" for none.
        since: When the code began to count, or began again.
        expected_end: When all will be done if it goes on as since then; None if that is not known.
    """

    done: int | float
    total: int | float | None = None
    text: str = ""
    since: datetime
    expected_end: datetime | None = None

    @property
    def fraction(self) -> float | None:
        """The part that is done, from 0 to 1; None if the total is not known."""
        return None if self.total is None else min(1.0, self.done / self.total)


@dataclass(frozen=True, kw_only=True)
class RunView:
    """The view of one run, or of consecutive equal ticks that started no run.

    All times are aware, in the scheduler's zone.

    Attributes:
        number: The run's number, counted from 1; 0 for ticks that started no run.
        job: The name of the job.
        trigger: What requested the run.
        state: The state of the run.
        created: When the run was requested.
        attempt: Which execution of the request this is, counted from 1.
        attempts: How many attempts the run may have, by the retry policy of its job.
        arguments: The arguments that were given for this run as they are written in a call, cut to 200
            characters; "" for none, or those of the job.
        due: When the run should start: the tick, or the instant of ``in_`` and ``at``; None for ``now``.
        waiting_since: When the run was queued or held; None if it was neither.
        retry_at: When the next attempt of a RETRYING run is due, else None.
        started: When the work, or the latest attempt, started; None if it has not started.
        worker: The name of the thread that does the work; "" if the work has not started.
        ended: When the run ended; None if it has not ended. For several ticks, when the last one was due.
        elapsed: How long the work took, by a monotonic clock; None if it has not ended.
        reason: Why the run waits or how it ended, in words.
        error: The traceback of a failed run, the stack of one that has timed out, else "". It is
            formatted when it is first read.
        ticks: The number of ticks; 1 for a run.
        warned: Whether the run has taken longer than its job's ``warn``.
        attempts_made: The latest attempts that failed before the present one, oldest first, at most 20.
        progress: The progress that the code of a RUNNING run has reported; None for none.
    """

    number: int
    job: str
    trigger: Trigger
    state: RunState
    created: datetime
    attempt: int = 1
    attempts: int = 1
    arguments: str = ""
    due: datetime | None = None
    waiting_since: datetime | None = None
    retry_at: datetime | None = None
    started: datetime | None = None
    worker: str = ""
    ended: datetime | None = None
    elapsed: timedelta | None = None
    reason: str = ""
    error: str = _TracebackField()  # type: ignore[assignment] # is read as a text
    ticks: int = 1
    warned: bool = False
    attempts_made: tuple[AttemptView, ...] = ()
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFrame:
    """A frame of a live stack; without a file, a remark on the frames that follow or that are left out.

    Attributes:
        file: The path of the source file; "" for a remark.
        line: The number of the line, from 1; 0 if it is not known.
        function: The name of the function.
        source: The source line, without indentation; "" if it cannot be read. Or the remark.
    """

    file: str = ""
    line: int = 0
    function: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStack:
    """The stack of the thread or the task of a run at an instant.

    Attributes:
        number: The number of the run.
        job: The name of its job.
        state: RUNNING, or TIMED_OUT if the run was abandoned.
        worker: The name of the worker thread, or ``asyncio`` for a coroutine.
        at: The instant, in the scheduler's zone.
        frames: The frames of the job, outermost first, at most 65. Then, after a remark, those of each task
            that it waits for. Empty if the work has just begun or ended.
    """

    number: int
    job: str
    state: RunState
    worker: str
    at: datetime
    frames: tuple[StackFrame, ...] = ()

    @property
    def text(self) -> str:
        """The frames as a traceback shows them; "" if there are none."""
        lines = []
        for frame in self.frames:
            if frame.file:
                lines.append(f'  File "{frame.file}", line {frame.line}, in {frame.function}')
            if frame.source:
                lines.append(f"    {frame.source}" if frame.file else f"  {frame.source}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A page of the runs that meet a query.

    Attributes:
        runs: The runs, newest first.
        next: The cursor of the next page; "" if this is the last one.
    """

    runs: tuple[RunView, ...]
    next: str


@with_quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """The view of one job. All times are aware, in the scheduler's zone.

    Attributes:
        name: The job's name, unique in its scheduler.
        status: What the job is doing.
        schedule: The job's schedule; None for the one-off runs of a runnable.
        spec: The schedule as the user wrote it (``cron.workhours_15m``, ``every 5s``), or ``one-off``.
        origin: ``file:line`` of the runnable; "" if it is not written in Python.
        summary: The first line of the runnable's docstring, else "".
        overlap: What happens to a new run while an earlier one is live.
        misfire: What happens to ticks that were missed.
        max_late: How late a tick may be noticed and still start a run; None for any time.
        max_held: How many runs may be HELD before ticks are skipped.
        running: How many of its runs are RUNNING.
        queued: How many of its runs are QUEUED.
        held: How many of its runs are HELD.
        scheduled: How many of its one-off runs are SCHEDULED.
        prev: When its latest run started; None if no run has started.
        next: When the job is due next; None for never, or while the scheduler is not running.
        quiet_until: When the quiet time ends in which the job is due next; None if it is not quiet then.
        paused_since: When the job was paused; None if it is not paused.
        last_elapsed: How long the work of its latest finished run took.
        last_ok_elapsed: How long the work of its latest run that was OK took; None if no run was, or if that
            is not known any more.
        recent: The final states of its latest runs and ticks, oldest first, at most 20.
        recent_durations: How many seconds the work of each of them took; None for one without work.
        runs: How many of its runs have ended OK, FAILED or TIMED_OUT.
        failures: How many of its runs have ended FAILED or TIMED_OUT.
        paused_until: When its ticks start runs again; None if it is not paused, or has to be resumed.
        paused_by: What paused the job, such as ``dashboard``; "" if it is not paused or that is not known.
        pause_note: The reason for the pause as the user wrote it; "" for none.
        pause_after: So many failures in a row pause the job; 0 for never.
        times: After how many runs that were OK or failed it is DONE; 0 for never.
        on_start: Whether the job runs when the scheduler starts.
        arguments: The arguments of its ticks as they are written in a call, cut to 200 characters; ""
            for none.
        timeout: The longest that a run may take; None for no limit.
        warn: The time after which a run is marked as slow; None for never.
        abandon: The time that a run gets to end after its timeout; None without one.
        retrying: How many of its runs are RETRYING.
        retry_at: When the first of them is tried again; None without one.
        retry_attempt: The number of that attempt; 0 without one.
        attempts: How many attempts each run may have.
        retries: How many attempts have failed and were followed by another one, or are to be.
        retry: The retry policy in words; "" if runs are not tried again.
        retry_offsets: When the attempts after the first are due, counted from the first, if each fails at
            once; at most 20.
        retry_span: How long it may take in that case until the last attempt.
        last_output: When a run of it last wrote output; None if none has since the start, or if output is not
            captured.
        longest_silence: The longest time without output in one of its latest 20 runs that were OK and have
            written output since the start; None without such a run.
    """

    name: str
    status: JobStatus
    schedule: Schedule | None
    spec: str
    origin: str
    summary: str
    overlap: Overlap
    misfire: Misfire
    running: int
    queued: int
    held: int
    scheduled: int
    prev: datetime | None
    next: datetime | None
    paused_since: datetime | None
    last_elapsed: timedelta | None
    recent: tuple[RunState, ...]
    runs: int
    failures: int
    paused_until: datetime | None = None
    paused_by: str = ""
    pause_note: str = ""
    pause_after: int = 0
    times: int = 0
    on_start: bool = False
    arguments: str = ""
    timeout: timedelta | None = None
    warn: timedelta | None = None
    abandon: timedelta | None = None
    max_late: timedelta | None = None
    max_held: int = MAX_HELD
    retrying: int = 0
    retry_at: datetime | None = None
    retry_attempt: int = 0
    attempts: int = 1
    retries: int = 0
    retry: str = ""
    retry_offsets: tuple[timedelta, ...] = ()
    retry_span: timedelta = timedelta()
    quiet_until: datetime | None = None
    recent_durations: tuple[Duration | None, ...] = ()
    last_output: datetime | None = None
    longest_silence: timedelta | None = None
    last_ok_elapsed: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """The view of the pool.

    Attributes:
        size: How many runs may be RUNNING at once; 0 means no limit.
        running: How many runs are RUNNING.
        queued: How many runs wait for a slot.
        held: How many runs wait for an earlier run of their own job.
        retrying: How many runs wait for their next attempt.
        configured: The size in the settings or in the program, if another one was set by hand since the
            start, or before it with a store; else None.
        abandoned: How many runs have ended as TIMED_OUT, but their work goes on. They take no slot.
        most_abandoned: How many there may be; beyond that, runs are no longer given up.
    """

    size: int
    running: int
    queued: int
    held: int
    configured: int | None = None
    retrying: int = 0
    abandoned: int = 0
    most_abandoned: int = 0

    @property
    def can_abandon(self) -> bool:
        """Whether another run may be abandoned."""
        return self.abandoned < self.most_abandoned

    @property
    def saturated(self) -> bool:
        """Whether no slot is free."""
        return 0 < self.size <= self.running


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreView:
    """The view of the store.

    Attributes:
        file: The path of its file; "" without a store: then all is in memory.
        problem: Why the file is not written, for the user; "" if it is.
        lost: How many endings have no row in the file, because it could not be written for too long.
    """

    file: str = ""
    problem: str = ""
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The view of the whole scheduler, up to and including event number ``seq``.

    The lists of runs are limited to the first 200; ``pool`` has the exact counts.

    Attributes:
        seq: The number of the last event that this snapshot includes.
        at: When the snapshot was taken, in the scheduler's zone.
        zone: The scheduler's time zone.
        phase: The phase of the scheduler's life.
        started: When the scheduler was started; None if it was not.
        heartbeat: When the timer last woke; it wakes at least every 30 seconds.
        internal_error: The last exception inside the scheduler, in one line, else "".
        pool: The pool.
        jobs: Every job, in the order of registration.
        running: The RUNNING runs, oldest first.
        waiting: The QUEUED runs in the order of the queue, then the HELD runs in the order of their requests,
            then the RETRYING runs, the earliest attempt first.
        scheduled: The SCHEDULED one-off runs, earliest first.
        recent: The endings of runs and of ticks, newest first.
        store: The file that keeps the ledger.
        abandoned: The runs that have ended as TIMED_OUT, but whose work goes on, oldest first.
        quiet: The quiet times, in which nothing starts, as the user wrote them.
        quiet_until: When the present quiet time ends; None if it is not quiet.
    """

    seq: int
    at: datetime
    zone: tzinfo
    phase: Phase
    started: datetime | None
    heartbeat: datetime | None
    internal_error: str
    pool: PoolView
    jobs: tuple[JobView, ...]
    running: tuple[RunView, ...]
    waiting: tuple[RunView, ...]
    scheduled: tuple[RunView, ...]
    recent: tuple[RunView, ...]
    store: StoreView = StoreView()
    abandoned: tuple[RunView, ...] = ()
    quiet: tuple[str, ...] = ()
    quiet_until: datetime | None = None

    @property
    def working(self) -> tuple[RunView, ...]:
        """The runs whose work goes on: the abandoned ones, then the RUNNING ones."""
        return (*self.abandoned, *self.running)


class JobCounters(NamedTuple):
    """The numbers of endings of one job's runs and ticks, since the job was registered."""

    job: str
    paused: bool
    endings: Mapping[RunState, int]  # how many of its runs and ticks ended in each final state
    retries: int = 0  # how many attempts failed and were followed by another one, or are to be


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """Whether the scheduler is alive. It is read without the state lock, which may be stuck."""

    phase: Phase
    heartbeat_age: float | None  # seconds since the timer last woke, at most 30; None before the start
    store: StoreView  # the file that keeps the ledger
    seq: int  # the number of the latest event
    problem: str = ""  # why stuck runs are not given up any more; "" if they are
