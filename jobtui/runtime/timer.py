"""The one thread that waits for what is due."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

LONGEST_SLEEP = 30.0  # seconds; so that a suspended laptop or a changed clock is seen soon
HEARTBEAT_LATE = LONGEST_SLEEP + 5.0  # seconds since the timer last woke; by then something is wrong
# Seconds from one wake to the next: where thousands of jobs are due each second, what is due within a
# millisecond is taken at once, since to wake for each would take longer than its work. Where wakes are
# further apart it delays nothing.
SHORTEST_ROUND = 0.001
AFTER_FAILURE = 1.0  # seconds; so that an exception that comes at every wake does not eat a core


class Timer:
    """Calls ``poll`` at every wake and sleeps for as long as it answers, but never longer than 30 s.

    Args:
        poll: Does what is due and answers how many seconds nothing will be; inf for nothing at all.
        failed: Is told of an exception that ``poll`` raised; the timer goes on.
        monotonic: Tells how much time has passed.
    """

    def __init__(
        self,
        poll: Callable[[], float],
        failed: Callable[[Exception], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._poll = poll
        self._failed = failed
        self._monotonic = monotonic
        self._bell = (
            threading.Lock()
        )  # rung by releasing it; a sleep that is one lock and not an Event's three
        self._bell.acquire()
        self._stopped = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="jobtui-timer", daemon=True).start()

    def wake(self) -> None:
        """Let the thread look again at once."""
        with suppress(RuntimeError):  # it has been rung already, and the thread has not come to it yet
            self._bell.release()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped = True
        self.wake()

    def _run(self) -> None:
        while not self._stopped:
            woken = self._monotonic()
            try:
                pause = self._poll()
            except Exception as error:  # noqa: BLE001 - a timer that ends would silence every job
                self._failed(error)
                pause = AFTER_FAILURE
            self._sleep(min(pause, LONGEST_SLEEP), woken)

    def _sleep(self, pause: float, woken: float) -> None:
        """Wait for the bell, for so many seconds, or until the round that began at ``woken`` is over."""
        self._bell.acquire(timeout=max(pause, woken + SHORTEST_ROUND - self._monotonic(), 0.0))
