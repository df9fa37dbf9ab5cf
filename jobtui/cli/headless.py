"""``jobtui TARGET --headless``: run without a screen, log each run, stop at a signal."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import FrameType
from typing import Self, TextIO

from jobtui.cli.run_log import RunLog
from jobtui.frontend.backend import Serve
from jobtui.frontend.local_backend import LocalBackend
from jobtui.process.exit import AFTERWARDS, ProcessExit
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STOPPED = 0  # the byte that means "the scheduler has stopped"; it is not the number of a signal
_SIGNAL_STATUS = 128  # plus the signal's number: the exit status that shells report for a signal


def run_headless(
    scheduler: Scheduler,
    *,
    title: str,
    grace: float,
    stream: TextIO | None = None,
    process_exit: ProcessExit | None = None,
    serve: Serve | None = None,
    output_log: OutputLog | None = None,
) -> int:
    """Run a scheduler until SIGINT or SIGTERM, and log one line for each run.

    Call it in the main thread, the only one in which Python handles signals. After the first signal running
    work gets ``grace`` seconds to end; a second signal ends the process at once.

    Args:
        scheduler: A scheduler that has not been started.
        title: The name of the job file or of the module.
        grace: How long running work may take to end, in seconds.
        stream: Receives the log; None is standard error. If it is too slow, lines are dropped and counted in
            the log, and the jobs are not delayed.
        process_exit: Ends this process in time, even if a thread hangs. With None a second signal does
            nothing.
        serve: Starts the status page before the scheduler starts; the page is closed after the scheduler has
            stopped. Its exceptions are passed on.
        output_log: Receives what the jobs print, if there is a status page; None for one with the default
            limits.

    Returns:
        The exit status: 0, or 128 plus the number of a signal that came before the start was complete.

    Raises:
        StartError: An ``on_app_start`` function raised.
    """
    stream = sys.stderr if stream is None else stream
    with ExitStack() as cleanup:
        signals = cleanup.enter_context(_Signals())
        address = ""
        if serve is not None:
            output_log = output_log or OutputLog()
            listening = serve(LocalBackend(scheduler, title, output_log))
            cleanup.enter_context(listening)
            address = str(listening.address)
            cleanup.enter_context(capture_streams(output_log, pass_on=True))
        log = RunLog(
            scheduler, title=title, stream=stream, on_stopped=signals.report_stopped, address=address
        )
        try:
            # Registered last: a signal interrupts the start until this function has been called.
            scheduler.on_app_start(signals.stop_interrupting)
            try:
                scheduler.start()
            except KeyboardInterrupt:
                return _SIGNAL_STATUS + signals.wait()
            number = signals.wait()
            if number != _STOPPED:
                if process_exit is not None:
                    process_exit.force_after(grace + AFTERWARDS)
                    signals.on_next_signal(lambda second: _quit_now(process_exit, log, second))
                log.write_stopping(signal.Signals(number).name, grace, grace + AFTERWARDS)
                scheduler.stop(grace)
        finally:
            log.close()
    return 0


def _quit_now(process_exit: ProcessExit, log: RunLog, number: int) -> None:
    """End the process at once, because a second signal came."""
    process_exit.status = _SIGNAL_STATUS + number
    log.write_quitting(signal.Signals(number).name)
    log.close()
    process_exit.exit_now()


class _Signals:
    """Turns SIGINT and SIGTERM into bytes on a socket, which `wait` reads.

    The interpreter writes each signal's number to the socket, whatever the main thread is doing. Our handler
    does no work, so it cannot wait for a lock that the interrupted thread holds.
    """

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)  # signal.set_wakeup_fd requires it
        self._interrupting = True

    def __enter__(self) -> Self:
        """Install the handlers. Until `stop_interrupting`, a signal also raises KeyboardInterrupt."""
        self._descriptor = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        self._handlers = [(number, signal.signal(number, self._handle)) for number in _SIGNALS]
        return self

    def __exit__(self, *exception: object) -> None:
        """Restore the former handlers."""
        for number, handler in self._handlers:
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._descriptor)
        self._sender.shutdown(socket.SHUT_RDWR)  # ends the thread of `on_next_signal`
        self._sender.close()
        self._receiver.close()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._interrupting:
            raise KeyboardInterrupt

    def stop_interrupting(self) -> None:
        """Raise no more KeyboardInterrupt; from now on only `wait` reports signals."""
        self._interrupting = False

    def wait(self) -> int:
        """Block until a signal or the end of the scheduler; return the signal's number or `_STOPPED`."""
        return next(iter(self._receiver.recv(1)), _STOPPED)

    def on_next_signal(self, handle: Callable[[int], None]) -> None:
        """Call a function with the number of each further signal, in a thread of its own."""
        threading.Thread(target=self._read_signals, args=(handle,), name="jobtui-signal", daemon=True).start()

    def _read_signals(self, handle: Callable[[int], None]) -> None:
        with suppress(OSError):  # the socket is closed when the process ends in time
            while received := self._receiver.recv(1):
                if received[0] in _SIGNALS:
                    handle(received[0])

    def report_stopped(self) -> None:
        """Make `wait` return `_STOPPED`. Safe in any thread."""
        with suppress(OSError):
            self._sender.send(bytes([_STOPPED]))
