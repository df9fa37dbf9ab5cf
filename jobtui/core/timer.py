"""The one thread that waits for what is due."""

from __future__ import annotations

import threading
from collections.abc import Callable

LONGEST_SLEEP = 30.0  # seconds; so that a suspended laptop or a changed clock is seen soon
AFTER_FAILURE = 1.0  # seconds; so that an exception that comes at every wake does not eat a core


class Timer:
    """Calls ``poll`` at every wake and sleeps for as long as it answers, but never longer than 30 s.

    Args:
        poll: Does what is due and answers how many seconds nothing will be; inf for nothing at all.
        failed: Is told of an exception that ``poll`` raised; the timer goes on.
    """

    def __init__(self, poll: Callable[[], float], failed: Callable[[Exception], None]) -> None:
        self._poll = poll
        self._failed = failed
        self._wakeup = threading.Event()
        self._stopped = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="jobtui-timer", daemon=True).start()

    def wake(self) -> None:
        """Let the thread look again at once."""
        self._wakeup.set()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped = True
        self._wakeup.set()

    def _run(self) -> None:
        while not self._stopped:
            try:
                pause = self._poll()
            except Exception as error:  # noqa: BLE001 - a timer that ends would silence every job
                self._failed(error)
                pause = AFTER_FAILURE
            if self._wakeup.wait(max(0.0, min(pause, LONGEST_SLEEP))):
                self._wakeup.clear()
