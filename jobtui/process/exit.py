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
from jobtui.process.stop_signals import SIGNAL_STATUS, StopSignals

AFTERWARDS = 2.0  # seconds for on_app_stop functions and exit handlers, beyond the grace that runs get
UNEXPECTED = 1  # the exit status after an exception that nothing handles, as Python has it
_FLUSH_TIMEOUT = 0.5  # seconds; flushing blocks if a pipe is full or a thread hangs in print()


class ProcessExit:
    """Ends this process.

    Attributes:
        status: The exit status; may be changed until the process ends. An exception that nothing handles
            leaves it at `UNEXPECTED`.
        on_forced: Called when a deadline or a signal is about to end the process. It may report what is given
            up, and returns whether there is such a thing. A deadline then ends the process with `UNEXPECTED`
            in the place of 0.
    """

    on_forced: Callable[[], bool] = bool

    def __init__(self) -> None:
        self.status = UNEXPECTED

    def register(self) -> None:
        """Register an exit handler that ends the process without Python's shutdown.

        Exit handlers that are registered later run before it. Its flush may block, so set a deadline with
        `force_after`.
        """
        atexit.register(self._flush_and_exit)

    def force_after(self, seconds: float, status: int) -> None:
        """End the process with this status after so many seconds, if it has not ended before.

        The report of `on_forced` may take longer: at most half a second.
        """
        self.status = status
        # Start all threads now: at the deadline the system may not be able to start one.
        self._start_timer(max(0.0, seconds - _FLUSH_TIMEOUT), flush_all)
        self._start_timer(seconds, self._exit_late)
        self._start_timer(seconds + _FLUSH_TIMEOUT, self._exit)

    def finish(self, status: int) -> None:
        """Let the process shut down with this status, and end it by force if that takes too long."""
        self.force_after(AFTERWARDS, status)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # Ctrl+C now returns to the prompt, without a traceback of where Python waits.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def end_at_next_signal(self, signals: StopSignals) -> None:
        """End the process at once, without exit handlers, at the next request to stop."""
        signals.on_request(self._end_for_signal)

    def _end_for_signal(self, number: int) -> None:
        self.status = SIGNAL_STATUS + number
        self._start_timer(_FLUSH_TIMEOUT, self._exit)
        self.on_forced()
        self.exit_now()

    def _exit_late(self) -> None:
        if self.on_forced() and not self.status:
            self.status = UNEXPECTED
        self._exit()

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
