"""The functions that run the dashboard on a local or a remote scheduler, and give it the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import TextIO

from jobtui.engine.enums import RunState
from jobtui.frontend.absence import Absence
from jobtui.frontend.backend import Backend, Serve
from jobtui.frontend.formatting import pluralize
from jobtui.frontend.listening import publish
from jobtui.process.exit import AFTERWARDS, ProcessExit
from jobtui.process.standard_input import null_input
from jobtui.process.stdio import write_line
from jobtui.process.stop_signals import SIGNAL_STATUS, StopSignals
from jobtui.process.terminal import Terminal, discard_output_of_lost_terminal
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.output_capture import capture_descriptors, capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler
from jobtui.tui.app import JobtuiApp
from jobtui.tui.display import DEFAULT_DISPLAY, Display


def run_attached(backend: Backend, *others: Backend, display: Display = DEFAULT_DISPLAY) -> int:
    """Show the schedulers of other processes until the user quits; the schedulers keep running.

    Args:
        backend: The scheduler, or the first of several. It is closed at the end.
        *others: The others, each in a tab of its own.
        display: The user's choices about the dashboard.

    Returns:
        The exit status.

    Raises:
        OSError: There is no terminal.
    """
    signals = StopSignals(SystemClock.monotonic)
    with ExitStack() as cleanup:
        signals.install()
        cleanup.callback(signals.uninstall)
        streams, terminal = cleanup.enter_context(_reserve_terminal(OutputLog()))
        signals.stop_interrupting()
        app = JobtuiApp(
            backend,
            others=others,
            streams=streams,
            terminal=terminal,
            signals=signals,
            display=display,
            owns_process=True,
        )
        app.run()
    return app.return_code or 0


def run_dashboard(
    scheduler: Scheduler,
    *,
    title: str,
    grace: float,
    process_exit: ProcessExit | None = None,
    serve: Serve | None = None,
    serve_locally: Serve | None = None,
    output_log: OutputLog | None = None,
    display: Display = DEFAULT_DISPLAY,
) -> int:
    """Start a scheduler, show it until the user quits, and stop it.

    Args:
        scheduler: A scheduler that has not been started.
        title: The origin of its jobs.
        grace: The time that running work gets when the user waits for it, or after a signal, in seconds.
        process_exit: Ends this process even if something hangs; None if the process continues.
        serve: Returns the listener that gives other processes access to the scheduler, from before its start
            until it has stopped. Its errors are passed on.
        serve_locally: Lets other processes of this user ask and attach, from the start of the scheduler on.
        output_log: Receives what the jobs print; None for one with the default limits.
        display: The user's choices about the dashboard.

    Returns:
        The exit status: 0, 1 if the dashboard failed, or 128 plus the number of a signal that came before the
        start was complete. If a stop function has not returned in time, the process ends with 1 instead.

    Raises:
        StartError: An `on_app_start` function raised.
    """
    output_log = output_log or OutputLog()
    absence = None if scheduler.recording is None else Absence(scheduler)
    scheduler.stop_logging()
    requests: SimpleQueue[int] = SimpleQueue()
    signals = StopSignals(SystemClock.monotonic)
    signals.on_request(requests.put)
    with ExitStack() as cleanup:
        signals.install()
        if process_exit is None:
            cleanup.callback(signals.uninstall)
        else:
            cleanup.callback(process_exit.end_at_next_signal, signals)
        backend = publish(scheduler, title, output_log, cleanup, serve=serve, serve_locally=serve_locally)
        streams, terminal = cleanup.enter_context(_reserve_terminal(output_log))
        screen = terminal or sys.__stderr__
        scheduler.hooks.on_slow = lambda sentence: write_line(screen, f"jobtui: {sentence}")
        scheduler.on_app_start(signals.stop_interrupting)
        try:
            scheduler.start()
        except KeyboardInterrupt:
            return SIGNAL_STATUS + requests.get()
        app = JobtuiApp(
            backend,
            stop=scheduler.stop,
            grace=grace,
            streams=streams,
            terminal=terminal,
            signals=signals,
            absence=absence,
            display=display,
            owns_process=process_exit is not None,
        )
        try:
            app.run()
        finally:
            grace = grace if app.is_ended_by_signal else 0.0
            if process_exit is not None:
                process_exit.on_forced = lambda: _give_up_stop_function(scheduler, screen)
                process_exit.force_after(grace + AFTERWARDS, app.return_code or 0)  # a function may hang
                process_exit.end_at_next_signal(signals)
            running = scheduler.snapshot().pool.running
            if running and grace and not app.is_terminal_lost:
                left = f"{pluralize(running, 'run')}, at most {grace:g} s; a second signal ends them at once"
                write_line(screen, f"jobtui: waiting for {left}")
            scheduler.stop(grace)
    if app.is_terminal_lost:
        discard_output_of_lost_terminal()
    elif running:
        recent = scheduler.snapshot().recent
        given_up = [run for run in recent if run.state is RunState.CANCELLED and run.started]
        for run in given_up[:running]:
            write_line(sys.stderr, f"jobtui: {run.job} (run {run.number}) was still running and was given up")
    return app.return_code or 0


def _give_up_stop_function(scheduler: Scheduler, screen: TextIO | None) -> bool:
    """Name the ``on_app_stop`` function that has not returned, if there is one. Return whether there is."""
    function = scheduler.hooks.calling
    if function:
        write_line(screen, f"jobtui: giving up {function}, which has not returned")
    return bool(function)


@contextmanager
def _reserve_terminal(output_log: OutputLog) -> Iterator[tuple[tuple[TextIO, TextIO], Terminal | None]]:
    """Let only the app read from the terminal and write to it, and capture everything else.

    Yields:
        The streams that `sys.stdout` and `sys.stderr` must be in the meantime, and the terminal.
    """
    with ExitStack() as cleanup:
        streams = cleanup.enter_context(capture_streams(output_log))
        input_descriptor = cleanup.enter_context(null_input())
        terminal = None
        if input_descriptor is not None:
            terminal = cleanup.enter_context(capture_descriptors(output_log))
            terminal.input_descriptor = input_descriptor
        yield streams, terminal
