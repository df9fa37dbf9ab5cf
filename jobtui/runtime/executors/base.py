"""The values and calls between executors and the kernel: workers, outcomes of runs, the dispatcher."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from jobtui.engine.batch import Batch
from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import PackedException, pack_exception
from jobtui.engine.records import NO_EXTRAS, RunRecord
from jobtui.engine.tracebacks import summarize
from jobtui.runtime.stop_request import RunCancelledError

IDLE_SECONDS = 30.0  # an idle worker's thread ends after this long without work


@dataclass(slots=True, eq=False, repr=False)
class Outcome:
    """The end of a run's work."""

    run: RunRecord | None = None  # the run; None if there is nothing to record
    ended: float = 0.0  # when the work ended, in seconds of the monotonic clock
    elapsed: float = 0.0  # how long the work took, in seconds
    # Whether an attribute below has been set; without details the run is OK and returned None.
    has_details: bool = False
    state: RunState = RunState.OK  # OK or FAILED
    value: object = None  # what the work returned
    exception: BaseException | None = None  # what the work raised
    reason: str = ""  # the exception in one line, or ""
    error: PackedException = ()  # the exception as plain data
    honoured_stop: bool = False  # whether the exception says that the work stopped on request

    def clear(self) -> None:
        """Forget the run and the details, because what a run returned may be large."""
        self.run = self.value = self.exception = None
        self.has_details = self.honoured_stop = False
        self.state = RunState.OK
        self.reason, self.error = "", ()

    def set_result(self, value: object) -> None:
        """Record that the work returned a value."""
        self.has_details = True
        self.value = value

    def set_exception(self, exception: BaseException, *, skip: str) -> None:
        """Record what the work raised. The traceback omits frames of the file ``skip``, the executor's."""
        self.has_details = True
        self.state = RunState.FAILED
        self.exception = exception
        self.error = pack_exception(exception, skip=skip)
        self.reason = summarize(self.error)
        self.honoured_stop = issubclass(type(exception), RunCancelledError)  # `__class__` may be overridden


class Worker:
    """One thread that executes runs, one after the other.

    Attributes:
        name: The name that people read.
        outcome: The outcome of its latest run. Only the worker's own thread, or the holder of the state lock
            after the worker has reported, writes to it.
        on_short_run: Whether its run is expected to be short, so that the worker will soon be back.
        idle: Whether it was marked idle and has not asked for a run since. It may have been woken.
        batch: The runs that it executes without the lock, if any.
    """

    __slots__ = ("_wakeup_lock", "batch", "idle", "name", "on_short_run", "outcome")

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcome = Outcome()
        self.on_short_run = False
        self.idle = False
        self.batch: Batch | None = None
        self._wakeup_lock = threading.Lock()  # released to wake the worker; an Event would take three locks
        self._wakeup_lock.acquire()

    def next_in_batch(self) -> RunRecord | None:
        """Claim the next run of the worker's batch. None: the worker must report to the dispatcher first."""
        batch, outcome = self.batch, self.outcome
        if batch is None or not batch.pending or outcome.has_details:
            return None
        run = outcome.run
        if run is None or run.extras is not NO_EXTRAS or run.attachments is not None:
            return None
        batch.timings += (outcome.ended, outcome.elapsed)
        try:
            return batch.pending.popleft()
        except IndexError:  # the holder of the lock has just reclaimed the rest
            outcome.run = None  # the end of this run is in `batch.timings`
            return None

    def wake(self) -> None:
        """Wake the worker. Call once for each time that it was marked idle."""
        self._wakeup_lock.release()

    def sleep(self) -> bool:
        """Block until the worker is woken, or for `IDLE_SECONDS`. Returns whether it was woken."""
        return self._wakeup_lock.acquire(timeout=IDLE_SECONDS)


class Dispatcher(Protocol):
    """The part of the kernel that executors call, without the state lock."""

    def start_first(self, worker: Worker) -> RunRecord | None:
        """Start a run for a worker that was woken or spawned. None: the worker was marked idle."""

    def finish_and_start_next(self, worker: Worker) -> RunRecord | None:
        """Record the worker's outcome and start its next run. None: the worker was marked idle."""

    def report(self, outcome: Outcome) -> None:
        """Record the outcome of a run, without starting another: the end of a coroutine, for example."""

    def worker_crashed(self, worker: Worker, error: Exception) -> None:
        """Record an error of jobtui's own between a worker's runs, and mark the worker idle."""

    def retire_idle(self, worker: Worker) -> bool:
        """Remove an idle worker, so that its thread can end. Returns False if it has just been woken."""

    def spawn_failed(self) -> None:
        """Record that the thread of a new worker could not be started."""
