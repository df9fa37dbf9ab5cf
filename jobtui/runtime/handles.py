"""What the user holds: a job to ask about and steer, a run to wait for."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jobtui.engine.enums import Cancellation, JobStatus, RunState, Trigger
from jobtui.engine.records import JobRecord, RunRecord, utc
from jobtui.engine.stop_request import RunCancelledError, stop_request_of
from jobtui.runtime.executors.threads import current_record
from jobtui.schedules.schedule import Schedule

if TYPE_CHECKING:
    from jobtui.runtime.kernel import Kernel
    from jobtui.runtime.scheduler import Scheduler


_NOTHING_YET = None, None


class Job:
    """A registered job. Every property is the state at the moment of asking; safe in any thread."""

    __slots__ = ("_record", "_scheduler")

    def __init__(self, scheduler: Scheduler, record: JobRecord) -> None:
        self._scheduler = scheduler
        self._record = record

    @property
    def name(self) -> str:
        """The job's name, unique in its scheduler. It cannot be changed."""
        return self._record.name

    @property
    def schedule(self) -> Schedule:
        """When the job is due."""
        schedule = self._record.schedule
        assert schedule is not None  # only groups of one-off runs have none, and those get no handle
        return schedule

    @property
    def status(self) -> JobStatus:
        """What the job is doing."""
        return self._scheduler.view(self._record).status

    @property
    def prev(self) -> datetime | None:
        """When its latest run started, in the scheduler's zone; None before the first."""
        return self._scheduler.view(self._record).prev

    @property
    def next(self) -> datetime | None:
        """When it is due next, in the scheduler's zone; None if never or while the scheduler is not on."""
        return self._scheduler.view(self._record).next

    def run(self) -> Run:
        """Run it now; while an earlier run is going, the new one is held (or as its ``overlap`` says)."""
        return self._scheduler.now(self)

    def pause(self) -> bool:
        """Let its ticks start no runs. Returns False if it was paused, or is removed."""
        return self._scheduler.pause(self)

    def resume(self) -> bool:
        """Let its ticks start runs again. Returns False if it was not paused, or is removed."""
        return self._scheduler.resume(self)

    def remove(self) -> bool:
        """Take it out: waiting runs are cancelled, a running one goes on. Returns False if it was removed."""
        return self._scheduler.remove(self)

    def __repr__(self) -> str:
        """The job's name and schedule."""
        return f"<jobtui.Job {self.name!r} {self._record.spec}>"


class Run:
    """One execution of a runnable. Safe in any thread."""

    __slots__ = ("_kernel", "_outcome", "_record")

    def __init__(self, runtime: Kernel, record: RunRecord) -> None:
        self._kernel = runtime
        self._record = record
        self._outcome: tuple[object, BaseException | None] = _NOTHING_YET

    @property
    def number(self) -> int:
        """The run's number, counted from 1 in its scheduler."""
        return self._record.number

    @property
    def job(self) -> str:
        """The name of its job."""
        return self._record.job.name

    @property
    def state(self) -> RunState:
        """Where it is, or how it ended."""
        return self._kernel.state_of(self._record)

    @property
    def reason(self) -> str:
        """Why it waits or how it ended, in words; "" if there is nothing to say."""
        return self._record.remarks.reason

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run has ended.

        Args:
            timeout: How long, in seconds; None for as long as it takes.

        Returns:
            Whether it has ended.
        """
        done = self._kernel.event_of(self)
        return done is None or done.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """What the runnable returned, waiting for it if need be.

        Args:
            timeout: How long to wait, in seconds; None for as long as it takes.

        Raises:
            TimeoutError: It has not ended in time.
            RunCancelledError: It was cancelled or skipped; the message says why.
            BaseException: Whatever the runnable raised.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"run {self.number} of {self.job} is {self.state.value} after {timeout} s")
        value, exception = self._outcome
        if exception is not None:
            raise exception
        if self.state is not RunState.OK:
            raise RunCancelledError(f"run {self.number} of {self.job} was {self.state.value}: {self.reason}")
        return value

    def cancel(self) -> Cancellation:
        """Take it out if it waits; if it runs, interrupt its coroutine or ask its thread to stop.

        Returns:
            Which of these was done; false if it had ended. A thread stops when its job looks at
            ``jobtui.current_run().cancelled`` and returns.
        """
        return self._kernel.cancel(self._record)

    def __repr__(self) -> str:
        """The run's number, job and state."""
        return f"<jobtui.Run {self.number} of {self.job!r} {self.state.value}>"

    # --- the runtime's half -----------------------------------------------------------------------

    def settle(self, value: object, exception: BaseException | None) -> None:
        """Keep the result; called before the run's state says that it has ended. For the runtime's use."""
        self._outcome = value, exception

    def end(self) -> threading.Event | None:
        """What to wait for, or None if the run has ended; under the lock. For the runtime's use."""
        if self._record.state.ended:
            return None
        remarks = self._record.own
        if remarks.awaited is None:
            remarks.awaited = threading.Event()
        return remarks.awaited


class CurrentRun:
    """The run that the code which asks is a part of."""

    __slots__ = ("_record",)

    def __init__(self, record: RunRecord) -> None:
        self._record = record

    @property
    def number(self) -> int:
        """The run's number, counted from 1 in its scheduler."""
        return self._record.number

    @property
    def job(self) -> str:
        """The name of its job."""
        return self._record.job.name

    @property
    def trigger(self) -> Trigger:
        """What asked for it."""
        return self._record.trigger

    @property
    def due(self) -> datetime | None:
        """The tick, or the instant given to ``in_`` and ``at``, in UTC; None for ``now``."""
        return None if self._record.due is None else utc(self._record.due)

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop. A job that sees this and returns has been CANCELLED."""
        request = self._record.remarks.stop_request
        return request is not None and request.look()

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Wait until it is asked to stop: a ``time.sleep`` that ends early.

        Args:
            timeout: How long at most, in seconds; None for as long as it takes.

        Returns:
            Whether it was asked to stop.
        """
        return stop_request_of(self._record).wait(timeout)

    def __repr__(self) -> str:
        """The run's number and job."""
        return f"<jobtui.current_run() {self.number} of {self.job!r}>"


def current_run() -> CurrentRun:
    """The run whose job calls this, in its thread or coroutine.

    Raises:
        RuntimeError: No run is going here. A thread that a job starts has none of its own: hand it this.
    """
    record = current_record.get()
    if record is None:
        raise RuntimeError("current_run() is for the code of a job, and no run is going here")
    return CurrentRun(record)
