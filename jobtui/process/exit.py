"""End the process in the time that the user was promised, even while threads hang.

Python joins every non-daemon thread before it exits, also one that a job has started and that never returns.
Then it flushes standard output, which aborts the process ("could not acquire lock for <_io.BufferedWriter>")
if an abandoned job is printing at that moment. So jobtui ends by ``os._exit``: after the exit handlers if
they return in time, else at the deadline.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable

from jobtui.process.stdio import flush_all

AFTERWARDS = 2.0  # seconds for on_app_stop functions and exit handlers, beyond the grace that runs get
_FLUSH_TIMEOUT = 0.5  # seconds; flushing blocks if a pipe is full or a thread hangs in print()


class ProcessExit:
    """Ends this process.

    Attributes:
        status: The exit status; may be changed until the process ends.
    """

    def __init__(self) -> None:
        self.status = 0

    def register(self) -> None:
        """Register an exit handler that ends the process without Python's shutdown.

        Exit handlers that are registered later run before it. Its flush may block, so set a deadline with
        `force_after`.
        """
        atexit.register(self._flush_and_exit)

    def force_after(self, seconds: float) -> None:
        """End the process after this many seconds, if it has not ended before."""
        # Start both threads now: at the deadline the system may not be able to start one.
        self._start_timer(max(0.0, seconds - _FLUSH_TIMEOUT), flush_all)
        self._start_timer(seconds, self._exit)

    def finish(self, status: int) -> None:
        """Let the process shut down with this status, and end it by force if that takes too long."""
        self.status = status
        self.force_after(AFTERWARDS)
        # Ctrl+C now returns to the prompt, without a traceback of where Python waits.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def exit_now(self) -> None:
        """End the process at once, without running exit handlers."""
        self._start_timer(_FLUSH_TIMEOUT, self._exit)
        self._flush_and_exit()

    def _flush_and_exit(self) -> None:
        flush_all()
        self._exit()

    def _exit(self) -> None:
        os._exit(self.status)

    @staticmethod
    def _start_timer(seconds: float, action: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, action)
        timer.name = "jobtui-exit"
        timer.daemon = True
        timer.start()
