"""Running without a screen: a log of what ends, until a signal says stop."""

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
from jobtui.frontend.backend import LocalBackend, Serve
from jobtui.process.exit import AFTERWARDS, ProcessExit
from jobtui.runtime.output_capture import OutputLog, capture_streams
from jobtui.runtime.scheduler import Scheduler

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STOPPED = 0  # the byte that says that the scheduler has stopped; no signal has this number
_KILLED = 128  # the exit status for a signal is this and its number, by the custom of shells


def run_headless(
    scheduler: Scheduler,
    *,
    title: str,
    grace: float,
    stream: TextIO | None = None,
    process_exit: ProcessExit | None = None,
    serve: Serve | None = None,
) -> int:
    """Run a scheduler until SIGINT or SIGTERM, and log what ends, one line each.

    Call it in the main thread: only there signals can be handled. After the first signal running work gets
    ``grace`` seconds to end; at a second one the process ends at once.

    Args:
        scheduler: A scheduler that has not been started.
        title: Where its jobs come from, such as a file's name.
        grace: How long running work may take to end, in seconds.
        stream: Where the log goes; None is standard error. A slow reader loses lines and is told how many;
            the jobs are not slower for it.
        process_exit: Ends this process if something hangs or the signal comes again; None
            leaves the process alone, and a second signal does nothing.
        serve: Lets other processes see and steer the scheduler, from before its start until it has stopped;
            they see what each run prints, too. What it raises is passed on.

    Returns:
        The exit status: 0, or 128 and the signal's number for one that came before all was started.

    Raises:
        StartError: An ``on_app_start`` function raised.
    """
    stream = sys.stderr if stream is None else stream
    with ExitStack() as cleanup:
        signals = cleanup.enter_context(_Signals())
        address = ""
        if serve is not None:
            console = OutputLog()
            listening = serve(LocalBackend(scheduler, title, console))
            cleanup.enter_context(listening)
            address = str(listening.address)
            cleanup.enter_context(capture_streams(console, pass_on=True))
        log = RunLog(scheduler, title=title, stream=stream, stopped=signals.stopped, address=address)
        try:
            # The last of these functions: until there a signal breaks off the start, from there it is kept.
            scheduler.on_app_start(signals.keep)
            try:
                scheduler.start()
            except KeyboardInterrupt:
                return _KILLED + signals.wait()
            number = signals.wait()
            if number != _STOPPED:
                if process_exit is not None:
                    process_exit.force_after(grace + AFTERWARDS)
                    signals.when_again(lambda again: _quit(process_exit, log, again))
                log.stopping(signal.Signals(number).name, grace, grace + AFTERWARDS)
                scheduler.stop(grace)
        finally:
            log.close()
    return 0


def _quit(process_exit: ProcessExit, log: RunLog, number: int) -> None:
    """Whoever sends a second signal waits no longer."""
    process_exit.status = _KILLED + number
    log.quitting(signal.Signals(number).name)
    log.close()
    process_exit.exit_now()


class _Signals:
    """SIGINT and SIGTERM as bytes that can be waited for.

    The interpreter itself writes the number of each signal to a socket, whatever the main thread is doing. No
    handler of ours does any work, so none can wait for a lock that the thread it interrupted holds.
    """

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._writing.setblocking(False)  # the interpreter insists on it
        self._kept = False

    def __enter__(self) -> Self:
        """Begin: until `keep` a signal interrupts the main thread as well."""
        self._descriptor = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._handlers = [(number, signal.signal(number, self._handle)) for number in _SIGNALS]
        return self

    def __exit__(self, *exception: object) -> None:
        """Put everything back as it was."""
        for number, handler in self._handlers:
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._descriptor)
        self._writing.shutdown(socket.SHUT_RDWR)  # ends a thread that still waits
        self._writing.close()
        self._reading.close()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self._kept:
            raise KeyboardInterrupt

    def keep(self) -> None:
        """From here on a signal interrupts nothing."""
        self._kept = True

    def wait(self) -> int:
        """Wait for a signal and return its number, or `_STOPPED`."""
        return next(iter(self._reading.recv(1)), _STOPPED)

    def when_again(self, react: Callable[[int], None]) -> None:
        """Call a function, in a thread of its own, when one more signal comes."""
        threading.Thread(target=self._await_again, args=(react,), name="jobtui-signal", daemon=True).start()

    def _await_again(self, react: Callable[[int], None]) -> None:
        with suppress(OSError):  # closed: the process ends by itself
            while received := self._reading.recv(1):
                if received[0] in _SIGNALS:
                    react(received[0])

    def stopped(self) -> None:
        """Tell whoever waits that the scheduler has stopped."""
        with suppress(OSError):
            self._writing.send(bytes([_STOPPED]))
