"""The values and calls between executors and the kernel: workers, outcomes of runs, the dispatcher."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Protocol

from jobtui.engine.batch import Batch
from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import PackedException, pack_exception
from jobtui.engine.records import RunRecord
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.stop_request import RunCancelledError

_FAILED = RunState.FAILED  # an alias, because Python 3.11 is slow to look up the members of an enum

IDLE_SECONDS = 30.0  # an idle worker's thread ends after this long without work


class Outcome:
    """The end of a run's work: by default the run is OK and returned None.

    Attributes:
        run: The run.
        elapsed: How long the work took, in seconds.
        state: OK or FAILED.
        value: What the work returned.
        exception: What the work raised, or None.
        error: The exception as plain data; () if there is none.
        reason: How the run ended, in words; "" if it is OK, or if the exception says it.
        honoured_stop: Whether the exception says that the work stopped on request.
    """

    # Defaults of the class, because most runs set none of them.
    state = RunState.OK
    value: object = None
    exception: BaseException | None = None
    error: PackedException = ()
    reason = ""
    honoured_stop = False

    def __init__(self, run: RunRecord, elapsed: float = 0.0) -> None:
        self.run = run
        self.elapsed = elapsed

    def set_exception(self, exception: BaseException, *, skip: str) -> None:
        """Record what the work raised. The traceback omits frames of the file ``skip``, the executor's."""
        self.state = _FAILED
        self.exception = exception
        self.error = pack_exception(exception, skip=skip)
        self.honoured_stop = issubclass(type(exception), RunCancelledError)  # `__class__` may be overridden


class Worker:
    """One thread that executes runs, one after the other.

    Attributes:
        name: The name that people read.
        batch: The runs that it has taken; None while it has none.
        outcomes: The outcomes of those that it has executed and not handed in, in order.
        handed_over: The run of the batch that the event loop executes, and whose outcome it will report.
        thread: The thread; None if the runs are executed by the thread that requests them.
    """

    __slots__ = ("_wakeup_lock", "batch", "handed_over", "name", "outcomes", "thread")

    def __init__(self, name: str) -> None:
        self.name = name
        self.batch: Batch | None = None
        self.outcomes: list[Outcome] = []
        self.handed_over: RunRecord | None = None
        self.thread: threading.Thread | None = None
        self._wakeup_lock = threading.Lock()  # released to wake the worker; an Event would take three locks
        self._wakeup_lock.acquire()

    def clear(self) -> None:
        """Forget the batch, which has been handed in."""
        self.batch = None
        self.outcomes = []
        self.handed_over = None

    def wake(self) -> None:
        """Wake the worker; if it is awake, its next sleep ends at once."""
        with suppress(RuntimeError):  # released already
            self._wakeup_lock.release()

    def sleep(self) -> bool:
        """Block until the worker is woken, or for `IDLE_SECONDS`. Returns whether it was woken."""
        return self._wakeup_lock.acquire(timeout=IDLE_SECONDS)


class Dispatcher(Protocol):
    """The part of the kernel that executors call, without the state lock.

    Attributes:
        attachments: The outputs and stop requests of the runs.
    """

    attachments: RunAttachments

    def take(self, worker: Worker, at_most: int) -> bool:
        """Hand in the worker's outcomes, and take its next batch.

        Args:
            worker: The worker.
            at_most: How many runs it takes at most; 0 to hand in only.

        Returns:
            Whether there is a batch.
        """

    def has_work(self) -> bool:
        """Return whether the inbox holds something, or a run may start."""

    def report(self, outcome: Outcome) -> None:
        """Record the outcome of a run, without starting another: the end of a coroutine, for example."""

    def recover(self, worker: Worker, error: BaseException) -> None:
        """Record an exception that came between a worker's runs, and end those that it interrupted."""

    def check_workers_soon(self) -> None:
        """Have the executor's `check_workers` called soon: a thread was started, or could not be."""
