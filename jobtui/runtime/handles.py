"""The handles that users hold: `Job` to inspect and control a job, `Run` to wait for a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from datetime import datetime, timedelta, tzinfo
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Unpack

from jobtui.engine.enums import Cancellation, JobStatus, RunState
from jobtui.engine.job_policies import Policies
from jobtui.engine.packed_exceptions import message_of, traceback_of
from jobtui.engine.records import JobRecord, RunRecord
from jobtui.engine.views import JobView
from jobtui.runtime.current_run import run_of_context
from jobtui.runtime.first_guesses import JOB_NAMES, RUN_NAMES, answering
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.stop_request import RunCancelledError
from jobtui.runtime.validation import check_timeout
from jobtui.schedules.schedule import Dst, Schedule

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # part of every type checker: `Run` alone means `Run[Any]`

    Returned_co = TypeVar("Returned_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    Returned_co = TypeVar("Returned_co", covariant=True)


class _JobControl(Protocol):
    """The methods of the scheduler that a `Job` calls."""

    def job_view(self, record: JobRecord, /) -> JobView: ...
    def now(self, job: Job, /, *args: Any, **kwargs: Any) -> Run: ...
    def pause(
        self,
        job: Job,
        /,
        *,
        until: datetime | str | None = None,
        for_: timedelta | float | str | None = None,
        note: str = "",
        by: str = "",
    ) -> bool: ...
    def resume(self, job: Job, /) -> bool: ...
    def update(
        self,
        job: Job,
        /,
        *,
        spec: str | Schedule | timedelta | float | None = None,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
        **policies: Unpack[Policies],
    ) -> None: ...
    def remove(self, job: Job, /) -> bool: ...


class _RunControl(Protocol):
    """The members of the kernel that a `Run` uses."""

    attachments: RunAttachments

    def wait_ended(self, run: Run, timeout: float | None, /) -> bool: ...
    async def wait_ended_async(self, run: Run, timeout: float | None, /) -> bool: ...  # noqa: ASYNC109 - as `result`
    def cancel(self, record: RunRecord, /) -> Cancellation: ...
    def reason_to_wait(self, record: RunRecord, /) -> str: ...


@answering(JOB_NAMES)
class Job:
    """A registered job, as `Scheduler.schedule`, `every`, `add` and `job` return it.

    Each property is the state at the moment of reading. Thread-safe.
    """

    __slots__ = ("_record", "_scheduler")

    def __init__(self, scheduler: _JobControl, record: JobRecord) -> None:
        self._scheduler = scheduler
        self._record = record

    @property
    def name(self) -> str:
        """The job's name, unique in its scheduler. It never changes."""
        return self._record.name

    @property
    def schedule(self) -> Schedule:
        """The job's schedule."""
        schedule = self._record.schedule
        assert schedule is not None  # only the jobs of one-off runs have none, and they get no handle
        return schedule

    @property
    def status(self) -> JobStatus:
        """The job's status."""
        return self._scheduler.job_view(self._record).status

    @property
    def prev(self) -> datetime | None:
        """The start of the latest run, in the scheduler's zone; None before the first run."""
        return self._scheduler.job_view(self._record).prev

    @property
    def next(self) -> datetime | None:
        """The next tick, in the scheduler's zone; None if there is none or the scheduler is not running."""
        return self._scheduler.job_view(self._record).next

    @property
    def function(self) -> Callable[..., Any]:
        """The call that the job makes, without the arguments of the job."""
        return self._record.runnable.function

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that the job has for its runs: the positional ones, and those by name."""
        return self._record.runnable.bound

    def run(self, *args: Any, **kwargs: Any) -> Run:
        """Run the job now. If an earlier run has not ended, the job's ``overlap`` policy decides.

        Args:
            *args: Arguments for this run. They take the place of all arguments that the job has.
            **kwargs: As ``args``.

        Raises:
            LookupError: The job was removed.
            TypeError: The job cannot run with these arguments.
            RuntimeError: The scheduler has stopped.
        """
        return self._scheduler.now(self, *args, **kwargs)

    def pause(
        self,
        *,
        until: datetime | str | None = None,
        for_: timedelta | float | str | None = None,
        note: str = "",
        by: str = "code",
    ) -> bool:
        """Stop the job's ticks from starting runs; those that wait already still start.

        Args:
            until: As for `Scheduler.pause`, such as ``"08:00"``.
            for_: As for `Scheduler.pause`, such as ``"1h"``.
            note: As for `Scheduler.pause`.
            by: As for `Scheduler.pause`.

        Returns:
            Whether this has changed anything. False if the job is removed.

        Raises:
            ValueError: As for `Scheduler.pause`.
            TypeError: As for `Scheduler.pause`.
        """
        return self._scheduler.pause(self, until=until, for_=for_, note=note, by=by)

    def resume(self) -> bool:
        """Let the job's ticks start runs again. Returns False if it is not paused, or removed."""
        return self._scheduler.resume(self)

    def reschedule(
        self,
        spec: str | Schedule | timedelta | float,
        *,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
    ) -> None:
        """Give the job another schedule. It keeps its counters, history, pause and runs.

        Args:
            spec: A spec or a `Schedule` as for `Scheduler.schedule`, or an interval as for `Scheduler.every`.
            tz: As for `Scheduler.schedule`.
            dst: As for `Scheduler.schedule`.

        Raises:
            BadSpec: As for `Scheduler.update`.
            LookupError: As for `Scheduler.update`.
            TypeError: As for `Scheduler.update`.
        """
        self._scheduler.update(self, spec=spec, tz=tz, dst=dst)

    def update(self, **policies: Unpack[Policies]) -> None:
        """Change some of the job's policies, such as ``overlap="skip"``.

        Args:
            **policies: As for `Scheduler.update`.

        Raises:
            LookupError: As for `Scheduler.update`.
            TypeError: As for `Scheduler.update`.
            ValueError: As for `Scheduler.update`.
        """
        self._scheduler.update(self, **policies)

    def remove(self) -> bool:
        """Remove the job: cancel its waiting runs; a running one continues.

        Returns:
            False if the job was removed before.
        """
        return self._scheduler.remove(self)

    def __eq__(self, other: object) -> bool:
        """Return whether both are handles of one job."""
        return self._record is other._record if isinstance(other, Job) else NotImplemented

    def __hash__(self) -> int:
        """Return the hash of the job, which never changes."""
        return hash(self._record)

    def __repr__(self) -> str:
        """Return the job's name and schedule."""
        return f"<jobtui.Job {self.name!r} {self._record.spec}>"


@answering(RUN_NAMES)
class Run(Generic[Returned_co]):
    """One execution of a runnable, as `Scheduler.now`, `in_`, `at` and `Job.run` return it. Thread-safe.

    For type checkers, `Run[int]` is a run whose runnable returns an int.
    """

    __slots__ = ("_kernel", "_outcome", "_record", "settled")

    def __init__(self, kernel: _RunControl, record: RunRecord) -> None:
        self._kernel = kernel
        self._record = record
        self._outcome: tuple[Any, BaseException | None, TracebackType | None] = None, None, None
        self.settled = False  # whether the run has ended, and its outcome is stored here

    @property
    def number(self) -> int:
        """The run's number, counted from 1 in its scheduler."""
        return self._record.number

    @property
    def job(self) -> str:
        """The name of the run's job; for a one-off run, the name of its runnable."""
        return self._record.job.name

    @property
    def state(self) -> RunState:
        """The run's state: a waiting state, RUNNING, or the state in which it ended."""
        return self._record.state

    @property
    def reason(self) -> str:
        """The reason for which the run waits or ended, in words; "" for most runs that are OK."""
        return self._record.reason or self._kernel.reason_to_wait(self._record)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the run has ended.

        Args:
            timeout: The longest time to block, in seconds; None for no limit.

        Returns:
            Whether the run has ended.

        Raises:
            RuntimeError: The run cannot end while the caller waits: the caller is a coroutine of the same
                scheduler, or the run for which this one is held, or this run itself.
        """
        check_timeout(timeout)
        if not self.settled and (timeout is None or timeout > 0):
            self._check_can_end(timeout)
        return self.settled or self._kernel.wait_ended(self, timeout)

    def result(self, timeout: float | None = None) -> Returned_co:
        """Return what the runnable returned. Blocks until the run has ended.

        Args:
            timeout: The longest time to block, in seconds; None for no limit.

        Raises:
            TimeoutError: The run did not end in time, or it is TIMED_OUT.
            RunCancelledError: The run was cancelled or skipped; the message says why.
            RuntimeError: As for `wait`.
            BaseException: Whatever the runnable raised.
        """
        if not self.wait(timeout):
            raise self._timeout_error(timeout)
        value, error = self._end()
        if error is not None:
            try:
                raise error
            finally:
                del error  # this frame is in its traceback: they would keep each other
        return value

    async def result_async(self, timeout: float | None = None) -> Returned_co:  # noqa: ASYNC109 - as `result`
        """Return what the runnable returned. May be awaited in any event loop, which it does not block.

        ``await run`` is the same without a timeout.

        Args:
            timeout: The longest time to wait, in seconds; None for no limit.

        Raises:
            TimeoutError: As for `result`.
            RunCancelledError: As for `result`.
            RuntimeError: The run cannot end while the caller waits: the caller is the run for which this one
                is held, or this run itself.
            BaseException: Whatever the runnable raised.
        """
        check_timeout(timeout)
        if not self.settled:
            self._check_not_own(timeout)
            if not await self._kernel.wait_ended_async(self, timeout):
                raise self._timeout_error(timeout)
        value, error = self._end()
        if error is not None:
            try:
                raise error
            finally:
                del error  # this frame is in its traceback: they would keep each other
        return value

    def __await__(self) -> Generator[Any, None, Returned_co]:
        """Wait for the end of the run in an event loop, and return what the runnable returned."""
        return self.result_async().__await__()

    def _timeout_error(self, timeout: float | None) -> TimeoutError:
        reason = f": {self.reason}" if self.reason else ""
        return TimeoutError(
            f"run {self.number} of {self.job} is {self.state.value} after {timeout} s{reason}"
        )

    def _end(self) -> tuple[Returned_co, BaseException | None]:
        """Return what the runnable returned, and the exception to raise, if any."""
        value: Returned_co
        value, exception, trace = self._outcome
        if exception is not None:
            # With the traceback of the run: Python adds each raise to what the traceback has already.
            return value, BaseException.with_traceback(exception, trace)
        if self.state is RunState.TIMED_OUT:
            text = f"run {self.number} of {self.job}: {message_of(self._record.extras.error)}"
            return value, TimeoutError(text)
        if self.state is not RunState.OK:
            text = f"run {self.number} of {self.job} was {self.state.value}: {self.reason}"
            return value, RunCancelledError(text)
        return value, None

    def cancel(self) -> Cancellation:
        """Cancel the run if it waits; if it is RUNNING, interrupt its coroutine or ask its thread to stop.

        A thread cannot be interrupted: its code must read ``jobtui.current_run().cancelled`` and return.

        Returns:
            The outcome. `Cancellation.TOO_LATE`, which is false, if the run had ended.
        """
        return self._kernel.cancel(self._record)

    def __eq__(self, other: object) -> bool:
        """Return whether both are handles of one run."""
        return self._record is other._record if isinstance(other, Run) else NotImplemented

    def __hash__(self) -> int:
        """Return the hash of the run, which never changes."""
        return hash(self._record)

    def __repr__(self) -> str:
        """Return the run's number, job and state."""
        return f"<jobtui.Run {self.number} of {self.job!r} {self.state.value}>"

    def _check_can_end(self, timeout: float | None) -> None:
        """Raise RuntimeError if the run cannot end while the calling thread blocks."""
        if threading.get_ident() == self._kernel.attachments.loop_thread:
            raise RuntimeError(
                f"waiting for {self!r} would block the event loop, which runs every coroutine of the "
                "scheduler; in a coroutine write  await run"
            )
        self._check_not_own(timeout)

    def _check_not_own(self, timeout: float | None) -> None:
        """Raise RuntimeError if the run cannot end before the calling run has ended."""
        current = run_of_context.get()
        if timeout is not None or current is None or current[0].state is not RunState.RUNNING:
            return
        caller = current[0]
        held = self.state is RunState.HELD and caller.job is self._record.job
        if held or caller is self._record:
            raise RuntimeError(
                f"run {caller.number} of {self.job} would wait for ever: "
                + (f"{self!r} is held until it has ended" if held else "it waits for its own end")
            )

    # --- for the kernel ---------------------------------------------------------------------------

    def set_result(self, value: object, exception: BaseException | None) -> None:
        """Store what the run returned or raised. The kernel calls this before the run's state has ended."""
        self._outcome = value, exception, None if exception is None else traceback_of(exception)
