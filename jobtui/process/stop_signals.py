"""The signals that ask this process to stop."""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from jobtui.process.forked_signals import (
    existing_signals,
    let_children_be_interrupted,
    reset_signals_in_children_if,
)

REPEAT_TIME = 0.5  # seconds after a signal in which further ones belong to the same request
SIGNAL_STATUS = 128  # plus the signal's number: the exit status that shells report for a signal


STOP_SIGNALS = existing_signals("SIGINT", "SIGTERM", "SIGHUP")


class StopSignals:
    """Turns SIGINT, SIGTERM and SIGHUP into requests to stop.

    One request may arrive as several signals: ``timeout`` signals the process and then its group, systemd may
    send SIGHUP after SIGTERM, and a terminal that is closed and the shell in it both send SIGHUP. So signals
    within `REPEAT_TIME` after the first one belong to its request, and SIGHUP makes no second request.

    The interpreter writes each signal's number to a socket, whatever the main thread is doing, and a thread
    reads it. Our handler does no work, so it cannot wait for a lock that the interrupted thread holds.
    SIGHUP stays ignored if it is ignored already, as ``nohup`` has it.

    Args:
        monotonic: The monotonic clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)  # signal.set_wakeup_fd requires it
        self._interrupting = True
        self._interrupted_at = -math.inf  # on the monotonic clock
        self._lock = threading.Lock()  # guards the two below
        self._report: Callable[[int], None] | None = None
        self._unreported: list[int] = []
        self._handlers: dict[int, object] = {}

    def install(self) -> None:
        """Install the handlers. Call this in the main thread, the only one in which Python handles signals.

        Until `stop_interrupting`, a request also raises KeyboardInterrupt.
        """
        let_children_be_interrupted()
        self._pid = os.getpid()
        _installed.add(self)
        self._descriptor = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            if number.name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._handle)
        threading.Thread(target=self._read_signals, name="jobtui-signal", daemon=True).start()

    def uninstall(self) -> None:
        """Restore the former handlers."""
        if self._pid != os.getpid():  # this is a forked child, which has the default handlers
            return
        _installed.remove(self)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # as `signal.signal` returned it
        signal.set_wakeup_fd(self._descriptor)
        self._sender.shutdown(socket.SHUT_RDWR)  # ends the thread
        self._sender.close()

    def stop_interrupting(self) -> None:
        """Raise no more KeyboardInterrupt; from now on requests are only reported."""
        self._interrupting = False

    def on_request(self, report: Callable[[int], None]) -> None:
        """Call a function with the number of the signal of each request, in a thread of its own.

        It replaces the function that was given before. Requests that none was called for come first.
        """
        with self._lock:
            self._report = report
            unreported, self._unreported = self._unreported, []
        for number in unreported:
            report(number)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        now = self._monotonic()
        if self._interrupting and now - self._interrupted_at >= REPEAT_TIME:
            self._interrupted_at = now
            raise KeyboardInterrupt

    def _read_signals(self) -> None:
        requested_at = -math.inf
        with suppress(OSError), self._receiver:
            while received := self._receiver.recv(1):
                now, number = self._monotonic(), received[0]
                if number not in self._handlers:
                    continue
                hangup_again = requested_at >= 0 and signal.Signals(number).name == "SIGHUP"
                if hangup_again or now - requested_at < REPEAT_TIME:
                    continue
                requested_at = now
                self._report_request(number)

    def _report_request(self, number: int) -> None:
        with self._lock:
            report = self._report
            if report is None:
                self._unreported.append(number)
        if report is not None:
            report(number)


_installed: set[StopSignals] = set()
reset_signals_in_children_if(lambda: bool(_installed))
