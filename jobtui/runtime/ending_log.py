"""The log of failing runs and of ticks that started no run, on the logger ``jobtui``, as of any library."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from traceback import StackSummary

from jobtui.engine.effects import Effects
from jobtui.engine.packed_exceptions import PackedException, traceback_of
from jobtui.engine.records import JOB, REASON, STATE, TICKS, RunRecord
from jobtui.engine.tracebacks import format_traceback, logger, summarize, traceback_from_user
from jobtui.runtime.latch import Latch
from jobtui.schedules.durations import format_duration

MAX_UNWRITTEN = 1_000  # records that wait for a slow log handler; beyond it, the oldest ones are dropped
WAIT_SECONDS = 2.0  # how long a failing run and `flush` wait for a slow log handler


class EndingLog:
    """Logs what a user without a front end would not see.

    Log handlers are code of the user, which may take long, block or raise. And an exception that another
    thread sets in the middle of a handler keeps its lock from being released. So handlers are called in a
    thread of their own. A failing run ends when it has been logged, but waits only for a short time.

    Attributes:
        enabled: Whether endings are logged. A front end that shows them sets this to False.
        hasty_thread: The thread of an event loop of the application, which waits for no log handler.
    """

    def __init__(self) -> None:
        self.enabled = True
        self.hasty_thread: int | None = None
        self._unwritten: deque[tuple[Callable[[], None], Latch]] = deque(maxlen=MAX_UNWRITTEN)
        self._writing = threading.Lock()  # held by the thread that writes
        self._is_slow = False  # whether a thread has waited in vain, until all has been written
        self._lost = 0  # how many records have been dropped since that was last logged
        self._last = Latch()  # opened when the latest record has been written
        self._last.open()

    def log_failure(self, run: RunRecord, exception: BaseException, error: PackedException) -> None:
        """Log a run whose work has raised an exception. Call without the state lock.

        Args:
            run: The run.
            exception: The exception.
            error: The same as plain data.
        """
        if not self.enabled or not _is_heard(logging.ERROR):
            return
        ending = "raised after it had been given up" if run.state.ended else "FAILED"
        text = f"run {run.number} of {run.job.name} {ending}: {summarize(error)}"

        def write() -> None:
            trace = traceback_from_user(traceback_of(exception))
            try:
                logger.error("%s", text, exc_info=(type(exception), exception, trace))
            except BaseException:  # noqa: BLE001 - plain data has no code of the user
                logger.error("%s\n%s", text, format_traceback(error))

        self._wait_written(self._submit(write))

    def log_retry(self, run: RunRecord, error: PackedException, seconds: float) -> None:
        """Log, as a warning, a run whose attempt has failed and that is tried again. Call without the lock.

        Args:
            run: The run.
            error: The exception.
            seconds: The delay before the next attempt.
        """
        if not self.enabled or not _is_heard(logging.WARNING):
            return
        attempt = f"attempt {run.extras.attempt} of {run.extras.attempts}"
        delay = format_duration(timedelta(seconds=round(seconds, 3)))
        text = f"run {run.number} of {run.job.name}: {attempt} failed, next in {delay}: {summarize(error)}"
        self._wait_written(self._submit(partial(logger.warning, "%s", text)))

    def log_effects(self, effects: Effects, *, wait: bool) -> None:
        """Log ticks that started no run, errors of schedules, and notices. Call without the state lock.

        Args:
            effects: The effects.
            wait: Whether to wait for that, but not for long. The timer must not.
        """
        if not self.enabled or not _is_heard(logging.WARNING):
            return
        for tick in effects.unstarted_ticks:
            count = "1 tick" if tick[TICKS] == 1 else f"{tick[TICKS]} ticks"
            text = f"{count} of {tick[JOB]} {tick[STATE]}: {tick[REASON]}"
            self._submit(partial(logger.warning, "%s", text))
        for error in effects.errors:
            self._submit(partial(logger.error, "the next tick cannot be found, of %s", error))
        for notice in effects.notices:
            self._submit(partial(logger.warning, "%s", notice))
        if wait:
            self._wait_written(self._last)

    def log_standby(self, reason: str) -> None:
        """Log that the scheduler waits for the one that uses its store: that is as it should be.

        Args:
            reason: The store and the process that uses it, in words.
        """
        if self.enabled and _is_heard(logging.INFO):
            self._submit(partial(logger.info, "STANDBY: %s", reason))

    def log_store(self, problem: str) -> None:
        """Log that the file of the store cannot be written any more, or that it is written again.

        Args:
            problem: The reason why it cannot be written; "" if it is written again.
        """
        if self.enabled and _is_heard(logging.WARNING):
            text = f"{problem}; the scheduler goes on in memory" if problem else "the store is written again"
            self._submit(partial(logger.warning, "%s", text))

    def log_lost(self, count: int) -> None:
        """Log that endings have no row in the store, because there was no room left for them in memory.

        Args:
            count: How many so far.
        """
        if self.enabled and _is_heard(logging.WARNING):
            text = "%d endings are only counted: the store could not be written for too long"
            self._submit(partial(logger.warning, text, count))

    def log_unstarted(self, number: int, job: str, reason: str) -> None:
        """Log that the program waits for a run before the start, also if a front end shows endings.

        Args:
            number: The number of the run.
            job: The name of its job.
            reason: Why the scheduler has not started.
        """
        if _is_heard(logging.WARNING):
            text = f"the program waits for run {number} of {job}, which does not start yet: {reason}"
            self._submit(partial(logger.warning, "%s", text))

    def log_blocked_loop(self, text: str, stack: StackSummary) -> None:
        """Log that a coroutine blocks the event loop, also if a front end shows endings.

        Args:
            text: What blocks it.
            stack: Where it does so. The source lines are read in the log's thread.
        """
        if _is_heard(logging.WARNING):
            self._submit(lambda: logger.warning("%s\n%s", text, "".join(stack.format()).rstrip()))

    def flush(self) -> None:
        """Wait until all has been written, but not for long."""
        self._last.wait(WAIT_SECONDS)

    def _wait_written(self, written: Latch) -> None:
        if self._is_slow or threading.get_ident() == self.hasty_thread:
            return
        if not written.wait(WAIT_SECONDS):
            self._is_slow = True

    def _submit(self, write: Callable[[], None]) -> Latch:
        """Have a function called in the log's thread. Return a latch that is opened after that."""
        self._last = written = Latch()
        if len(self._unwritten) == MAX_UNWRITTEN:
            self._lost += 1
        self._unwritten.append((write, written))
        if not self._writing.locked():  # else its holder looks for more after it has released it
            thread = threading.Thread(target=self._write, name="jobtui-log", daemon=True)
            with suppress(
                RuntimeError, MemoryError
            ):  # no more threads at the moment: the next call tries again
                thread.start()
        return written

    def _write(self) -> None:
        while self._unwritten and self._writing.acquire(blocking=False):
            try:
                while self._unwritten:
                    with suppress(BaseException):  # from a handler
                        if self._lost:
                            lost, self._lost = self._lost, 0
                            logger.warning("%d records are missing here: a log handler was too slow", lost)
                    write, written = self._unwritten.popleft()
                    with suppress(BaseException):
                        write()
                    written.open()
                self._is_slow = False
            finally:
                self._writing.release()


def _is_heard(level: int) -> bool:
    """Return whether a record would be written: most applications that embed a library read its log.

    To create a record for handlers that write nothing takes four times as long as a failing run.
    """
    if not logger.isEnabledFor(level):
        return False
    # Error trackers replace `callHandlers`, and filters may do anything.
    if logger.filters or logging.Logger.callHandlers.__module__ != "logging":
        return True
    found = False
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            if level >= handler.level and type(handler) is not logging.NullHandler:
                return True
            found = True
        current = current.parent if current.propagate else None
    return not found and logging.lastResort is not None
