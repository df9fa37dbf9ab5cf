"""The mutable records of the engine: one for each job and one for each run.

Only the engine changes them, always with the state lock held, except the instants of output: see
`JobOutput`. Other code gets views. They are plain data: if the runnables of the jobs can be pickled, the
records can. Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextvars import Context
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from itertools import takewhile
from sys import getsizeof
from typing import Any, get_args, get_type_hints

from jobtui.engine.enums import FINAL_STATES, JobStatus, Limit, RunState, Trigger
from jobtui.engine.job_output import JobOutput
from jobtui.engine.job_pause import Pause
from jobtui.engine.job_policies import DEFAULT_POLICIES, JobPolicies
from jobtui.engine.packed_exceptions import PackedException, memory_of, shorten_exception
from jobtui.engine.retry import ladder_of
from jobtui.engine.runnables import Runnable
from jobtui.engine.tracebacks import summarize
from jobtui.engine.views import AttemptView, JobCounters, JobView, Progress, RunView
from jobtui.schedules.schedule import Schedule

_LONGEST_ESTIMATE = 10 * 365 * 86_400.0  # seconds; a run that would take longer has no expected end
RECENT_RUNS = 20  # endings kept for each job, however many endings other jobs have
ATTEMPTS_KEPT = 20  # failed attempts kept for each run

# Aliases, because Python 3.11 takes 0.1 us to look up a member of an enum.
_QUEUED, _OK = RunState.QUEUED, RunState.OK
_OK_NAME = RunState.OK.value

_NO_ENDINGS = dict.fromkeys(FINAL_STATES, 0)
_STATES = {state.value: state for state in RunState}

Call = Callable[[], Any]
Seconds = float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """The state of a job in the store, from before this process.

    Attributes:
        endings: How many runs and ticks have ended in each state.
        recent: The latest entries, oldest first, without errors.
        pause: The pause of the job; None if it was not paused.
        prev: When the latest run started.
        last_elapsed: How many seconds the work of the latest finished run took.
        ok_elapsed: How many seconds the latest run that was OK took, if none of `recent` was; None if that is
            not known.
        watermark: The last tick that was decided, or when the job was registered first.
        schedule_key: The key of the schedule that the job had.
    """

    endings: Mapping[RunState, int]
    recent: tuple[PackedRun, ...] = ()
    pause: Pause | None = None
    prev: float | None = None
    last_elapsed: float | None = None
    ok_elapsed: float | None = None
    watermark: float | None = None
    schedule_key: str = ""


@dataclass(slots=True, eq=False, repr=False)
class JobRecord:
    """A registered job, or the group of one-off runs of one runnable."""

    name: str  # the job's name; the engine may add a number to it when it registers the job
    runnable: Runnable
    schedule: Schedule | None  # when the job is due; None for a group of one-off runs
    _: KW_ONLY
    spec: str  # the schedule as the user wrote it
    policies: JobPolicies = DEFAULT_POLICIES
    schedule_key: str = ""  # tells the schedule from others; the same after a restart
    is_named: bool = False  # whether the user gave the name
    code_key: Hashable = None  # tells the code from others; None if it is not known
    place: str = ""  # where the job was registered: file:line
    begins_at: float | None = None  # when the job begins to catch up; None if it does not wait for that
    due: float | None = None  # when the job is due next; None for never
    quiet_until: float | None = None  # when the quiet time at that instant ends; None if it is not quiet then
    pause: Pause | None = None  # None if the job is not paused
    leaves_at: float | None = None  # when the job is removed, because it is DONE; None if it is not
    removed: bool = False
    running: int = 0  # how many runs are RUNNING
    queued: int = 0  # how many runs are QUEUED
    scheduled: int = 0  # how many runs are SCHEDULED
    retrying: dict[RunRecord, None] | tuple[()] = ()  # the RETRYING runs, oldest failure first
    # Empty tuples until the first entry: an empty deque takes more memory than the rest of the record.
    held: deque[RunRecord] | tuple[()] = ()  # the HELD runs, in the order in which they will be queued
    last_queued: RunRecord | None = None  # the run that was queued last, until it ends
    prev: float | None = None  # when the latest run started
    last_elapsed: float | None = None  # how many seconds the work of the latest finished run took
    # The latest entries of this job in the ledger, oldest first, with shortened errors.
    recent: deque[PackedRun] | tuple[()] = ()
    ok_elapsed: float | None = None  # how many seconds the latest run took that was OK and has left `recent`
    ticks_key: int = 0  # the key in the ledger of the latest entry for ticks that started no run
    runs: int = 0  # how many runs have completed: they ended OK or failed
    failures: int = 0  # how many runs have failed
    failures_in_row: int = 0  # how many have failed since the latest one that was OK, or since a pause
    retries: int = 0  # how many attempts have failed and were followed by another one, or are to be
    other_endings: dict[RunState, int] | None = None  # how many runs and ticks ended in each state but OK
    output: JobOutput | None = None  # None if no run has written output since the start
    cached_view: JobView | None = None  # the current view; None if the job has changed since it was built

    def changed(self, schedule: Schedule, spec: str, schedule_key: str, policies: JobPolicies) -> JobRecord:
        """Return a record, for `Engine.change_job`, with another schedule and other policies."""
        return JobRecord(
            self.name,
            self.runnable,
            schedule,
            spec=spec,
            policies=policies,
            schedule_key=schedule_key,
            code_key=self.code_key,
            place=self.place,
        )

    @property
    def registration_key(self) -> Hashable:
        """The name if the user gave it, the code and the schedule: two jobs with the same key are one."""
        return self.name if self.is_named else "", self.code_key, self.schedule_key

    @property
    def busy(self) -> bool:
        """Whether the job has a run that is RUNNING, QUEUED, HELD or RETRYING."""
        return bool(self.running or self.queued or self.held or self.retrying)

    @property
    def status(self) -> JobStatus:
        """The job's status, as shown."""
        if self.running:
            return JobStatus.RUNNING
        if self.queued:
            return JobStatus.QUEUED
        if self.retrying:
            return JobStatus.RETRYING
        if self.held:
            return JobStatus.QUEUED
        if self.leaves_at is not None:
            return JobStatus.DONE
        return JobStatus.IDLE if self.pause is None else JobStatus.PAUSED

    @property
    def is_exhausted(self) -> bool:
        """Whether the job has run as often as it should."""
        times = self.policies.times
        return times > 0 and self.runs >= times

    def is_paused_at(self, instant: float) -> bool:
        """Return whether a tick at an instant starts no run, because the job is paused."""
        return self.pause is not None and self.pause.covers(instant)

    def end_of_retries(self, created: float) -> float | None:
        """Return the instant from which on a run is not tried again; None if there is none.

        This calls the schedule, so call it without the state lock.

        Args:
            created: When the run was requested.
        """
        if self.policies.retry.until is None or self.schedule is None:
            return None
        tick = self.schedule.next(utc(created))
        return None if tick is None else tick.timestamp()

    def add_held(self, run: RunRecord) -> None:
        """Add a run to the end of the held runs."""
        if not isinstance(self.held, deque):
            self.held = deque()
        self.held.append(run)

    def add_retrying(self, run: RunRecord) -> None:
        """Add a RETRYING run."""
        if not isinstance(self.retrying, dict):
            self.retrying = {}
        self.retrying[run] = None

    @property
    def next_retry(self) -> RunRecord | None:
        """The RETRYING run that is due first; None without one."""
        return min(self.retrying, key=lambda run: run.extras.retry_at or 0.0, default=None)

    def count_ending(
        self, state: RunState, entry: PackedRun, ticks: int = 1, *, amended: bool = False
    ) -> None:
        """Count a run or ticks that have ended, and add their ledger entry to the recent ones.

        No function is called after the first counter has changed, so that an exception from outside comes
        before all of this or after it: the latest entry says which.

        Args:
            state: The state in which they have ended.
            entry: Their entry, with a shortened error. The oldest recent one may drop out.
            ticks: How many ticks.
            amended: Whether the entry replaces the latest one.
        """
        if not isinstance(self.recent, deque):
            self.recent = deque(maxlen=RECENT_RUNS)
        recent, others = self.recent, self.other_endings
        if state is not _OK:
            if len(recent) == RECENT_RUNS and recent[0][STATE] == _OK_NAME:
                self.ok_elapsed = recent[0][ELAPSED]
            if others is None:
                others = self.other_endings = {}
            others[state] = others.get(state, 0) + ticks
        if state.completed:
            self.runs += ticks
        if state.failed:
            self.failures += ticks
            self.failures_in_row += ticks
        elif state is _OK:
            self.failures_in_row = 0
        if amended:
            recent[-1] = entry
        else:
            recent.append(entry)

    def note_output(self, started: float | None, at: float) -> None:
        """Note that a run of the job has written output. Any thread may call this, without the state lock.

        Args:
            started: When the run started; None if it has not.
            at: The time.
        """
        if self.output is None:
            self.output = JobOutput()
        self.output.note(at if started is None else started, at)

    def note_end_of_output(self, run: RunRecord) -> None:
        """Note that a run of the job has ended, and so writes no more output."""
        if self.output is not None and run.started is not None and run.ended is not None:
            self.output.note_end(run.started, run.ended, is_ok=run.state is _OK)

    def restore(self, history: JobHistory) -> None:
        """Go on with what the store knows of the job. The engine restores its pause.

        Call this before the job's first run ends.
        """
        for state, count in history.endings.items():
            if state is RunState.RETRYING:  # attempts, not endings
                self.retries += count
                continue
            if state is not _OK:
                others = self.other_endings = self.other_endings or {}
                others[state] = others.get(state, 0) + count
            if state.completed:
                self.runs += count
            if state.failed:
                self.failures += count
        if history.recent:
            self.recent = deque([*history.recent, *self.recent], maxlen=RECENT_RUNS)
            states = [_STATES[entry[STATE]] for entry in reversed(history.recent)]
            completed = [state for state in states if state.completed]
            self.failures_in_row += sum(1 for _ in takewhile(lambda state: state.failed, completed))
        self.prev = self.prev or history.prev
        self.last_elapsed = self.last_elapsed or history.last_elapsed
        self.ok_elapsed = self.ok_elapsed or history.ok_elapsed

    def forget_history(self) -> None:
        """Forget what `restore` adds, before it does so once more."""
        self.runs = self.failures = self.failures_in_row = self.retries = 0
        self.other_endings = None
        self.recent = ()
        self.ok_elapsed = None
        self.ticks_key = 0

    def counters(self) -> JobCounters:
        """Return how many runs and ticks have ended in each state."""
        endings = _NO_ENDINGS | (self.other_endings or {})
        endings[RunState.OK] = self.runs - self.failures
        return JobCounters(self.name, self.pause is not None, endings, self.retries)

    def last_ok_elapsed(self) -> float | None:
        """Return how many seconds the latest run that was OK took; None if that is not known."""
        elapsed: Iterator[float | None] = (
            entry[ELAPSED] for entry in reversed(self.recent) if entry[STATE] == _OK_NAME
        )
        return next(elapsed, self.ok_elapsed)

    def view(self, tz: tzinfo) -> JobView:
        """Return the current view of the job: the same object until the job changes."""
        if self.cached_view is None:
            origin, summary = self.runnable.describe()
            states, retry, retried = _STATES, self.policies.retry, self.next_retry
            output = self.output
            if output is not None:
                output.viewed = output.last
            ladder = ladder_of(retry)
            self.cached_view = JobView(
                name=self.name,
                status=self.status,
                schedule=self.schedule,
                spec=self.spec,
                origin=origin,
                summary=summary,
                overlap=self.policies.overlap,
                misfire=self.policies.misfire,
                running=self.running,
                queued=self.queued,
                held=len(self.held),
                scheduled=self.scheduled,
                prev=_to_datetime(self.prev, tz),
                next=_to_datetime(self.due, tz),
                quiet_until=_to_datetime(self.quiet_until, tz),
                paused_since=None if self.pause is None else _to_datetime(self.pause.since, tz),
                last_elapsed=_to_timedelta(self.last_elapsed),
                last_ok_elapsed=_to_timedelta(self.last_ok_elapsed()),
                recent=tuple([states[entry[STATE]] for entry in self.recent]),
                recent_durations=tuple([entry[ELAPSED] for entry in self.recent]),
                runs=self.runs,
                failures=self.failures,
                paused_until=None if self.pause is None else _to_datetime(self.pause.until, tz),
                paused_by="" if self.pause is None else self.pause.by,
                pause_note="" if self.pause is None else self.pause.note,
                pause_after=self.policies.pause_after,
                on_start=self.policies.on_start,
                times=self.policies.times,
                arguments=self.runnable.arguments,
                timeout=_to_timedelta(self.policies.timeout or None),
                warn=_to_timedelta(self.policies.warn or None),
                max_late=_to_timedelta(self.policies.max_late or None),
                max_held=self.policies.max_held,
                abandon=_to_timedelta(self.policies.abandon if self.policies.timeout else None),
                retrying=len(self.retrying),
                retry_at=None if retried is None else _to_datetime(retried.extras.retry_at, tz),
                retry_attempt=0 if retried is None else retried.extras.attempt + 1,
                attempts=retry.attempts,
                retries=self.retries,
                retry=ladder.text,
                retry_offsets=ladder.offsets,
                retry_span=ladder.span,
                last_output=None if output is None else _to_datetime(output.viewed, tz),
                longest_silence=_to_timedelta(None if output is None else output.longest_silence),
            )
        return self.cached_view


# How much is done, the total or None, the text, how much was done when the count began and when that was, and
# the time of the report.
PackedProgress = tuple[float, float | None, str, float, float, float]


class LatestProgress:
    """The latest progress that the code of a run has reported.

    The threads of the run replace it without the state lock: a tuple is set in one step.

    Attributes:
        latest: The progress.
        viewed: The progress in the latest view of the run.
    """

    __slots__ = ("latest", "viewed")

    def __init__(self, latest: PackedProgress) -> None:
        self.latest = latest
        self.viewed: PackedProgress | None = None


@dataclass(slots=True, eq=False, repr=False)
class RunExtras:
    """The fields that few runs need. Read and written with the state lock held."""

    reason: str = ""  # why the run waits, or how it ended, in words; not used if there is an error
    error: PackedException = ()  # the exception that its job raised
    ticks: int = 1  # how many ticks the entry covers; 1 for a run
    stop_reason: str = ""  # why the run has been asked to stop; "" if it has not been asked
    attempt: int = 1  # which execution of the request the run is
    attempts: int = 1  # how many attempts it may have, by the retry policy
    at_once: bool = False  # whether it may start in a quiet time, too, because it was requested by hand
    retry_at: Seconds = None  # when the next attempt is due; None unless the run is RETRYING
    attempts_made: tuple[PackedAttempt, ...] = ()  # the failed attempts before the present one, oldest first
    arguments: str = ""  # those that were given for this run, as a short text
    durable: bool = False  # whether the store keeps the request until the run has ended
    output_bytes: int = 0  # how much memory the output takes that the runtime keeps of the ended run
    warned: bool = False  # whether the run has taken longer than its job's `warn`
    limit: Limit | None = None  # the next limit of a RUNNING run's time
    limit_at: float = 0.0  # when the run reaches that limit
    deadline: float | None = None  # when the run's timeout is over; None without a timeout
    timed_out: bool = False  # whether the timeout has asked the run to stop
    overtime: PackedException = ()  # what a run that ends as TIMED_OUT has as its error
    progress: LatestProgress | None = None  # of the present attempt, if its code has reported any
    goes_on: bool = False  # whether the store keeps the run as RETRYING, although it ends in this process


NO_EXTRAS = RunExtras()  # shared by the runs without extras; never written: see `RunRecord.ensure_extras`


@dataclass(slots=True, eq=False, repr=False)
class RunRecord:
    """A run, or a tick that started no run (then ``number`` is 0)."""

    number: int
    job: JobRecord
    trigger: Trigger
    call: Call | None  # does the work; None once the run has ended
    created: float  # when the run was requested
    waiting_since: float | None  # when the run was queued or held; None if it was neither
    due: float | None = None  # the tick or the instant for which the run was requested; None for ``now``
    # The context variables of the call that requested the run, until the work starts; None for a tick.
    context: Context | None = field(init=False, default=None)
    state: RunState = field(init=False, default=_QUEUED)
    extras: RunExtras = field(init=False, default=NO_EXTRAS)  # to write one, use `ensure_extras`
    # The latest view. It is valid while its state is the run's; reset it after any other change of the run.
    cached_view: RunView | None = field(init=False, default=None)
    started: float | None = field(init=False, default=None)  # when the work started; None if it has not
    ended: float | None = field(init=False, default=None)
    elapsed: float | None = field(init=False, default=None)  # how many seconds the finished work took
    worker: str = field(init=False, default="")  # the name of the thread that does the work

    @property
    def reason(self) -> str:
        """The reason for which the run waits or ended, in words; the exception if it raised one."""
        return summarize(self.extras.error) if self.extras.error else self.extras.reason

    def ensure_extras(self) -> RunExtras:
        """Return the extras of this run, to write to them; create them on first use."""
        if self.extras is NO_EXTRAS:
            self.extras = RunExtras()
        return self.extras

    def view(self, tz: tzinfo) -> RunView:
        """Return the current view of the run: the same object until the run changes."""
        view, progress = self.cached_view, self.extras.progress
        has_progressed = progress is not None and progress.viewed is not progress.latest
        if view is None or has_progressed or view.state is not self.state or view.job is not self.job.name:
            packed = pack_run(self)
            if progress is not None:
                progress.viewed = packed[PROGRESS]
            view = self.cached_view = packed_view(packed, tz)
        return view


# --- packed runs ----------------------------------------------------------------------------------

# A failed attempt of a run: its number, start, end and elapsed seconds, and its error. From the store, the
# error is a text, and its summary follows.
PackedAttempt = tuple[Any, ...]
ATTEMPT_ERROR = 4  # the place of the error in that tuple

# The one table of a run's fields is `RunView`: its attributes and their types. From it follow a run packed as
# a tuple, the view of such a tuple, and JSON (`frontend.json_codec`). `RunRecord` or `RunExtras` has an
# attribute of the same name.
_KINDS = {name: next(iter(get_args(kind)), kind) for name, kind in get_type_hints(RunView).items()}

# A run, or ticks that started none, as a tuple of atoms in the order of the fields. Python's garbage
# collector does not track such a tuple. With records, 20 for each of 10,000 jobs would cost 20 ms in each
# collection, and 10,000 new ones a second would cause a full collection every other second.
PackedRun = tuple[Any, ...]

# The places of fields in that tuple.
NUMBER, JOB, TRIGGER, STATE, CREATED, ARGUMENTS, DUE, RETRY_AT = map(
    [*_KINDS].index, ["number", "job", "trigger", "state", "created", "arguments", "due", "retry_at"]
)
STARTED, ENDED, ELAPSED, REASON, ERROR, TICKS = map(
    [*_KINDS].index, ["started", "ended", "elapsed", "reason", "error", "ticks"]
)
ATTEMPT, ATTEMPTS, ATTEMPTS_MADE, PROGRESS = map(
    [*_KINDS].index, ["attempt", "attempts", "attempts_made", "progress"]
)


def _value_of(name: str, kind: type) -> str:
    """Return the expression for the packed value of a field."""
    if issubclass(kind, Enum):
        return f"run.{name}._value_"
    if name == "job":
        return "run.job.name"
    if name == "progress":
        return "run.extras.progress and run.state._value_ == 'RUNNING' and run.extras.progress.latest or None"
    return f"run.extras.{name}" if name in RunExtras.__slots__ else f"run.{name}"


def _packer(last: str) -> Callable[[RunRecord], PackedRun]:
    """Return a function that packs a run up to a field. An `attrgetter` would take three times as long."""
    fields = [*_KINDS][: [*_KINDS].index(last) + 1]
    values = ", ".join(_value_of(name, _KINDS[name]) for name in fields)
    packer: Callable[[RunRecord], PackedRun] = eval(f"lambda run: ({values})")  # noqa: S307 - our own names
    return packer


pack_run = _packer([*_KINDS][-1])  # packs a run in its current state
pack_queued = _packer("waiting_since")  # packs what is known of a QUEUED run
pack_started = _packer("worker")  # packs what is known of a RUNNING run


def unpack_retrying(run: PackedRun, job: JobRecord) -> RunRecord:
    """Return the record of a run that was RETRYING in an earlier process.

    Args:
        run: The run, from the store.
        job: The job that it belongs to now.
    """
    record = RunRecord(
        run[NUMBER], job, Trigger(run[TRIGGER]), job.runnable.call, run[CREATED], None, run[DUE]
    )
    record.state = RunState.RETRYING
    record.started, record.elapsed = run[STARTED], run[ELAPSED]
    extras = record.ensure_extras()
    extras.attempt, extras.attempts = run[ATTEMPT], run[ATTEMPTS]
    extras.attempts_made, extras.arguments = run[ATTEMPTS_MADE], run[ARGUMENTS]
    return record


def attempt_summary(attempt: PackedAttempt) -> str:
    """Return the exception of a failed attempt in one line."""
    error, *summary = attempt[ATTEMPT_ERROR:]
    text: str = summary[0] if summary else summarize(error)
    return text


def attempt_memory(attempt: PackedAttempt) -> int:
    """Return about how many bytes of memory the exception of a failed attempt takes."""
    error = attempt[ATTEMPT_ERROR]
    return getsizeof(error) if isinstance(error, str) else memory_of(error)


def describe_failed_attempt(attempts: int, made: tuple[PackedAttempt, ...]) -> str:
    """Return which attempt of a RETRYING run was the last to fail, and its exception, in words.

    Args:
        attempts: The number of attempts that the run may have.
        made: Those that have failed.
    """
    if not made:  # another program has changed the store
        return "an attempt had failed"
    return f"attempt {made[-1][0]} of {attempts} had failed: {attempt_summary(made[-1])}"


def shortened(run: PackedRun) -> PackedRun:
    """Return a packed run with a shortened error and without its failed attempts.

    Return the run as it is if it has neither those nor a long error.
    """
    error = run[ERROR]
    short = shorten_exception(error) if error else error
    if short is error and not run[ATTEMPTS_MADE]:
        return run
    return (*run[:ERROR], short, *run[ERROR + 1 : ATTEMPTS_MADE], (), *run[ATTEMPTS_MADE + 1 :])


def packed_view(run: PackedRun, tz: tzinfo) -> RunView:
    """Return the view of a packed run. Fields that it does not have get their defaults."""
    fields: dict[str, Any] = {
        name: value if unpack is None or value is None else unpack(value, tz)
        for (name, unpack), value in zip(_UNPACKERS, run, strict=False)
    }
    error = fields.get("error")
    if error and not isinstance(error, str):  # the store has a text, and its summary
        fields["reason"] = summarize(error)
    return RunView(**fields)


def _progress(packed: PackedProgress, tz: tzinfo) -> Progress:
    """Return the view of a packed progress."""
    done, total, text, first, since, at = packed
    end = None
    if total is not None and done > first and at > since:
        end = at + (at - since) * max(0.0, (total - done) / (done - first))
    known = end is not None and end < at + _LONGEST_ESTIMATE
    return Progress(
        done=done,
        total=total,
        text=text,
        since=datetime.fromtimestamp(since, tz),
        expected_end=_to_datetime(end, tz) if known else None,
    )


def _unpacker(kind: type) -> Callable[[Any, tzinfo], object] | None:
    """Return the function from a packed value to the value in the view; None if that is the same."""
    if issubclass(kind, Enum):
        members = {member.value: member for member in kind}
        return lambda value, _tz: members[value]
    if kind is timedelta:
        return lambda value, _tz: timedelta(seconds=value)
    if kind is bool:  # the store has a number
        return lambda value, _tz: bool(value)
    if kind is Progress:
        return _progress
    if kind is AttemptView:
        return lambda attempts, tz: tuple([_attempt_view(each, tz) for each in attempts])
    return datetime.fromtimestamp if kind is datetime else None


_UNPACKERS = [(name, _unpacker(kind)) for name, kind in _KINDS.items()]


def _attempt_view(attempt: PackedAttempt, tz: tzinfo) -> AttemptView:
    number, started, ended, elapsed, error = attempt[: ATTEMPT_ERROR + 1]
    return AttemptView(
        number=number,
        started=datetime.fromtimestamp(started, tz),
        ended=datetime.fromtimestamp(ended, tz),
        elapsed=timedelta(seconds=elapsed),
        reason=attempt_summary(attempt),
        error=error,
    )


def packed_lateness(run: PackedRun) -> tuple[str, float] | None:
    """Return the job's name, and the seconds from the due time, or from the request, to the start.

    Return None for an attempt after the first.
    """
    due = run[DUE]
    if run[ATTEMPTS] > 1 < run[ATTEMPT]:
        return None
    return run[JOB], run[STARTED] - (run[CREATED] if due is None else due)


def packed_duration(run: PackedRun) -> tuple[str, float] | None:
    """Return the job's name, and how many seconds the work took; None if the run never started."""
    elapsed = run[ELAPSED]
    return None if elapsed is None else (run[JOB], elapsed)


def utc(seconds: float) -> datetime:
    """Return an instant as an aware datetime in UTC, exact to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC)


def _to_datetime(seconds: Seconds, tz: tzinfo) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz)


def _to_timedelta(seconds: Seconds) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
