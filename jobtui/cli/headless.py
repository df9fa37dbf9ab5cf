"""``jobtui TARGET --headless``: run without a screen, log each run, stop at a signal."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TextIO

from jobtui.cli.run_log import RunLog
from jobtui.frontend.backend import Serve
from jobtui.frontend.listening import publish
from jobtui.process.exit import AFTERWARDS, ProcessExit
from jobtui.process.standard_input import null_input
from jobtui.process.stop_signals import SIGNAL_STATUS, StopSignals
from jobtui.process.terminal import discard_output_of_lost_terminal
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler
from jobtui.runtime.stream_guard import guard

_STOPPED = 0  # a request that means "the scheduler has stopped"; it is not the number of a signal


def run_headless(
    scheduler: Scheduler,
    *,
    title: str,
    grace: float,
    stream: TextIO | None = None,
    process_exit: ProcessExit | None = None,
    serve: Serve | None = None,
    serve_locally: Serve | None = None,
    output_log: OutputLog | None = None,
) -> int:
    """Run a scheduler until SIGINT, SIGTERM or SIGHUP, and log one line for each run.

    Call it in the main thread, the only one in which Python handles signals. After the first signal running
    work gets ``grace`` seconds to end.

    Args:
        scheduler: A scheduler that has not been started.
        title: The name of the job file or of the module.
        grace: How long running work may take to end, in seconds.
        stream: Receives the log; None is standard error. If it is too slow, lines are dropped and counted in
            the log, and the jobs are not delayed.
        process_exit: Ends this process in time, even if a thread hangs, and at once at a second signal. With
            None a second signal only ends the time that running work gets.
        serve: Starts the status page before the scheduler starts; the page is closed after the scheduler has
            stopped. Its exceptions are passed on.
        serve_locally: Lets other processes of this user ask and attach, from the start of the scheduler on.
        output_log: Receives what the jobs print, if the store or another process may read it; None for one
            with the default limits.

    Returns:
        The exit status: 0, or 128 plus the number of a signal that came before the start was complete. If a
        stop function has not returned in time, the process ends with 1 instead.

    Raises:
        StartError: An ``on_app_start`` function raised.
    """
    stream = sys.stderr if stream is None else stream
    requests: SimpleQueue[int] = SimpleQueue()
    signals = StopSignals(SystemClock.monotonic)
    signals.on_request(requests.put)
    with ExitStack() as cleanup:
        signals.install()
        if process_exit is None:
            cleanup.callback(signals.uninstall)
        else:
            cleanup.callback(process_exit.end_at_next_signal, signals)
        cleanup.enter_context(null_input())
        output_log = output_log or OutputLog()
        backend = publish(scheduler, title, output_log, cleanup, serve=serve, serve_locally=serve_locally)
        if scheduler.recording is not None or serve is not None or serve_locally is not None:
            capture = cleanup.enter_context(ExitStack())
            capture.enter_context(capture_streams(output_log, pass_on=True))

            def capture_again() -> None:  # an on_app_start function may have replaced the streams
                capture.close()
                capture.enter_context(capture_streams(output_log, pass_on=True))

            scheduler.on_app_start(capture_again)
        log = RunLog(
            scheduler,
            title=title,
            stream=stream,
            on_stopped=lambda: requests.put(_STOPPED),
            address=backend.address,
        )
        cleanup.callback(log.close)
        scheduler.hooks.on_slow = log.write_waiting
        cleanup.callback(guard.release)
        scheduler.on_app_start(guard.keep)
        # Registered last: a signal interrupts the start until this function has been called.
        scheduler.on_app_start(signals.stop_interrupting)
        try:
            scheduler.start()
        except KeyboardInterrupt:
            return SIGNAL_STATUS + requests.get()
        number = requests.get()
        cause, deadline = "the stop", None
        if number == _STOPPED:
            grace = 0.0
        else:
            cause = signal.Signals(number).name
            discard_output_of_lost_terminal()
        if process_exit is not None:
            deadline = grace + AFTERWARDS
            end = f"the process ends {deadline:g} s after {cause}"
            process_exit.on_forced = lambda: _give_up_stop_function(scheduler, log, end)
            process_exit.force_after(deadline, 0)
        if number != _STOPPED:
            if process_exit is None:
                signals.on_request(lambda _: _give_up(scheduler))
            else:
                signals.on_request(lambda second: _quit_now(process_exit, scheduler, log, second))
            log.write_stopping(cause, grace, deadline)
        scheduler.stop(grace)
        scheduler.hooks.wait_stopped()  # a job or a thread may have stopped the scheduler, and may call them
    return 0


def _give_up(scheduler: Scheduler) -> None:
    """Wait for no running work any more, because a second signal came."""
    scheduler.stop(0)


def _give_up_stop_function(scheduler: Scheduler, log: RunLog, cause: str) -> bool:
    """Log the ``on_app_stop`` function that has not returned, if there is one. Return whether there is."""
    function = scheduler.hooks.calling
    if function:
        log.write_quitting(cause, function)
        log.close()
    return bool(function)


def _quit_now(process_exit: ProcessExit, scheduler: Scheduler, log: RunLog, number: int) -> None:
    """End the process at once, because a second signal came."""
    process_exit.status = SIGNAL_STATUS + number
    log.write_quitting(f"{signal.Signals(number).name}, the second signal", scheduler.hooks.calling)
    log.close()
    process_exit.exit_now()
