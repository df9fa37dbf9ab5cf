"""The thread that sleeps until something is due."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import suppress

MAX_SLEEP = 30.0  # seconds; bounds how late a suspended laptop or a changed clock is noticed
HEARTBEAT_LATE = MAX_SLEEP + 5.0  # seconds since the latest wake after which the timer counts as stalled
# The shortest time between two wakes, in seconds. Where thousands of jobs are due each second, what is due
# within a millisecond is taken together, because a wake for each would take longer than its work. It delays
# nothing where wakes are further apart.
MIN_WAKE_INTERVAL = 0.001
ERROR_PAUSE = 1.0  # seconds; an exception at every wake must not use up a core


class Timer:
    """Calls ``poll`` at every wake, then sleeps for as long as ``poll`` says, at most `MAX_SLEEP`.

    Args:
        poll: Processes what is due, and returns the seconds until something is due again; inf for never.
        on_error: Receives an exception that ``poll`` raises. The timer continues.
        monotonic: The monotonic clock, in seconds.
        wakeup_lock: The lock that is released to wake the thread; None for one of its own.

    Attributes:
        alive: Whether the thread runs, and calls ``poll`` after each `wake`.
        wakes_at: When the thread will wake by itself, by the wall clock, in seconds since the epoch; -inf
            while it is awake. ``poll`` sets it.
    """

    def __init__(
        self,
        poll: Callable[[], float],
        on_error: Callable[[BaseException], None],
        monotonic: Callable[[], float],
        wakeup_lock: threading.Lock | None = None,
    ) -> None:
        self._poll = poll
        self._on_error = on_error
        self._monotonic = monotonic
        self._wakeup_lock = wakeup_lock or threading.Lock()  # an Event would take three locks
        self._wakeup_lock.acquire()
        self._threads: list[int] = []  # the thread; behind it, others that end at once
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.alive = False
        self.wakes_at = -math.inf

    @property
    def in_own_thread(self) -> bool:
        """Whether the calling thread is the timer's."""
        return self._threads[:1] == [threading.get_ident()]

    def start(self) -> None:
        """Start the thread, unless it runs already.

        Raises:
            RuntimeError: The system cannot start another thread now.
            MemoryError: As RuntimeError.
        """
        if not self.alive:
            self._thread = threading.Thread(target=self._run, name="jobtui-timer", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Have the thread poll at once."""
        with suppress(RuntimeError):  # released already: an earlier wake is still pending
            self._wakeup_lock.release()

    def stop(self) -> None:
        """Have the thread end. Does not wait for that."""
        self._stopped = True
        self.wake()

    def wait_ended(self, timeout: float) -> bool:
        """Block until the thread has ended, at most ``timeout`` seconds. Return whether it has."""
        thread = self._thread
        if thread is not None and thread.ident is not None:
            thread.join(timeout)
            return not thread.is_alive()
        return True

    def _run(self) -> None:
        self._threads.append(threading.get_ident())
        if not self.in_own_thread:  # the start of another one was interrupted when the thread had begun
            return
        self.alive = True
        error: BaseException | None = None  # until it is reported
        try:
            while not self._stopped:
                try:
                    if error is not None:
                        self._report(error)
                        error = None
                    self._poll_and_sleep()
                except BaseException as raised:  # noqa: BLE001 - if the timer ended, no job would be due any more
                    error = raised
        finally:
            self.alive = False  # first: from now on, other threads do not rely on this one
            with suppress(BaseException):
                self._poll()
            self._threads.clear()

    def _poll_and_sleep(self) -> None:
        woke_at = self._monotonic()
        try:
            pause = self._poll()
        except BaseException as error:  # noqa: BLE001 - as in `_run`
            self._report(error)
            pause = ERROR_PAUSE
        self._sleep(min(pause, MAX_SLEEP), woke_at)

    def _report(self, error: BaseException) -> None:
        with suppress(BaseException):
            self._on_error(error)

    def _sleep(self, pause: float, woke_at: float) -> None:
        """Block until `wake`, or for ``pause`` seconds, but at least for the rest of `MIN_WAKE_INTERVAL`."""
        least = woke_at + MIN_WAKE_INTERVAL - self._monotonic()
        self._wakeup_lock.acquire(timeout=max(pause, least, 0.0))
