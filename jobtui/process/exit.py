"""How the process ends in the time that the user was told, whatever threads still hang.

Python waits for every non-daemon thread before it ends, also for one that a job has started and that never
returns. And as it winds down it flushes standard output, which aborts the process ("could not acquire lock
for <_io.BufferedWriter>") if a job that was given up is printing at that moment. So jobtui leaves by
``os._exit``: after all exit handlers if they come to an end, else when the time is up.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable

from jobtui.process.stdio import flush_all

AFTERWARDS = 2.0  # seconds for on_app_stop functions and exit handlers, beyond the grace that runs get
_FLUSH = (
    0.5  # seconds for the last output; with a full pipe, or a thread that hangs in print(), it takes for ever
)


class ProcessExit:
    """The end of this process.

    Attributes:
        status: The exit status; the last one that was set counts.
    """

    def __init__(self) -> None:
        self.status = 0

    def at_exit(self) -> None:
        """End without winding down, once the exit handlers that are registered from here on have run.

        Flushing may hang: let `within` watch over it.
        """
        atexit.register(self._leave)

    def within(self, seconds: float) -> None:
        """End in so many seconds at the latest."""
        # Two threads, and both started now: when the time is up it may be too late to start one.
        self._later(max(0.0, seconds - _FLUSH), flush_all)
        self._later(seconds, self._exit)

    def last(self, status: int) -> None:
        """All is done: let the process wind down if it can, and end it if it cannot."""
        self.status = status
        self.within(AFTERWARDS)
        # Whoever presses Ctrl+C now wants the prompt back, and no traceback of where Python waits.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def now(self) -> None:
        """End at once, exit handlers or not."""
        self._later(_FLUSH, self._exit)
        self._leave()

    def _leave(self) -> None:
        flush_all()
        self._exit()

    def _exit(self) -> None:
        os._exit(self.status)

    @staticmethod
    def _later(seconds: float, action: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, action)
        timer.name = "jobtui-ending"
        timer.daemon = True
        timer.start()
