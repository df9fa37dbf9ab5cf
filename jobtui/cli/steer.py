"""``jobtui run``, ``pause``, ``resume``, ``cancel`` and ``stack``: steer and watch a scheduler that runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jobtui.cli.choose_source import open_live_source
from jobtui.cli.command_error import BAD_USAGE, INTERRUPTED, CommandError, print_error
from jobtui.cli.follow import follow_run, pause_shortly
from jobtui.cli.live_source import LiveSource, asking
from jobtui.cli.source import NOT_FOUND
from jobtui.cli.source_arguments import is_run_number
from jobtui.engine.enums import Cancellation, RunState
from jobtui.engine.views import RunView
from jobtui.frontend.backend import RunLine
from jobtui.frontend.command_grammar import arguments_from_texts
from jobtui.frontend.formatting import format_duration
from jobtui.process.printable import printable, printable_lines
from jobtui.process.stdio import is_terminal, write_line

FAILED, OTHER_ENDING = 1, 3  # exit statuses for the ending of a run
_CANCELLATIONS = {
    Cancellation.TAKEN_OUT: "is cancelled: it will not start",
    Cancellation.INTERRUPTED: "was interrupted",
    Cancellation.ASKED: "was asked to stop; a thread cannot be interrupted, so its job has to look for that",
}


def status_of(state: RunState) -> int:
    """Return the exit status for the ending of a run."""
    return 0 if state is RunState.OK else FAILED if state.failed else OTHER_ENDING


def run_job(options: argparse.Namespace) -> int:
    """Run a job of a scheduler that runs.

    Args:
        options: From `RunParser`.

    Returns:
        The exit status.

    Raises:
        CommandError: There is no such scheduler or job, or the scheduler refuses or goes away.
    """
    with _steering(options) as source:
        if is_run_number(options.job) and not options.arguments:
            number = source.backend.run_again(int(options.job.removeprefix("#")))
        else:
            number = source.backend.run(options.job, _arguments_of(source, options))
        if options.wait:
            return _wait(source, number)
    on_terminal = is_terminal(sys.stdout)
    advice = f"{printable(options.job)} #{number}; to follow it:  jobtui logs {number} -f"
    write_line(sys.stdout, advice if on_terminal else str(number))
    return 0


def _arguments_of(source: LiveSource, options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of a run as JSON."""
    if not options.arguments:
        return {}
    return arguments_from_texts(source.backend.job_details(options.job).parameters, options.arguments)


def pause_job(options: argparse.Namespace) -> int:
    """Pause a job. Arguments, result and exceptions as for `run_job`."""
    with _steering(options) as source:
        [job] = options.words
        changed = source.backend.pause(job, until=options.until, for_=options.length, note=options.note)
    write_line(sys.stdout, f"{printable(job)} {'is paused' if changed else 'was paused already'}")
    return 0


def resume_job(options: argparse.Namespace) -> int:
    """Resume a job. Arguments, result and exceptions as for `run_job`."""
    with _steering(options) as source:
        [job] = options.words
        changed = source.backend.resume(job)
    write_line(sys.stdout, f"{printable(job)} {'is resumed' if changed else 'was not paused'}")
    return 0


def cancel_run(options: argparse.Namespace) -> int:
    """Cancel a run. Arguments, result and exceptions as for `run_job`."""
    with _steering(options) as source:
        number = int(options.words[0].removeprefix("#"))
        cancellation = source.backend.cancel(number)
        run = source.run(number)
    name = f"{printable(run.job)} #{number}"
    if not cancellation:
        print_error(f"{name} had ended before: {run.state.value}")
        return NOT_FOUND
    write_line(sys.stdout, f"{name} {_CANCELLATIONS[cancellation]}")
    return 0


def print_stack(options: argparse.Namespace) -> int:
    """Print where a run is now. Arguments, result and exceptions as for `run_job`."""
    with _steering(options) as source:
        number = int(options.words[0].removeprefix("#"))
        stack, run = source.backend.stack(number), source.run(number)
    name = f"{printable(run.job)} #{number}"
    if stack is None:
        print_error(f"{name} does not run: {run.state.value}")
        return NOT_FOUND
    write_line(sys.stdout, f"{name} {run.state.value} on {printable(run.worker)}")
    write_line(sys.stdout, printable_lines(stack.text) or "  its work has just begun or ended")
    return 0


COMMANDS = {
    "run": run_job,
    "pause": pause_job,
    "resume": resume_job,
    "cancel": cancel_run,
    "stack": print_stack,
}


@contextmanager
def _steering(options: argparse.Namespace) -> Iterator[LiveSource]:
    """Yield the scheduler; turn what it raises into the error of a command."""
    with open_live_source(options) as source:
        try:
            with asking(source.backend):
                yield source
        except LookupError as error:
            raise CommandError(str(error.args[0]), BAD_USAGE) from None


def _wait(source: LiveSource, number: int) -> int:
    """Print the output of a run until it ends. Return the exit status."""
    try:
        follow_run(source, number, _show, pause_shortly)
    except KeyboardInterrupt:
        print_error(f"run {number} goes on; to cancel it:  jobtui cancel {number}")
        return INTERRUPTED
    run = source.run(number)
    if run.error:
        write_line(sys.stderr, printable_lines(run.error))
    print_error(_describe(run))
    return status_of(run.state)


def _show(line: RunLine) -> None:
    """Print a line. If nothing reads it, go on: the ending of the run matters."""
    write_line(sys.stdout if line.stream in ("stdout", "") else sys.stderr, printable(line.text))


def _describe(run: RunView) -> str:
    took = "" if run.elapsed is None else f", took {format_duration(run.elapsed)}"
    reason = f": {run.reason}" if run.reason else ""
    return f"{printable(run.job)} #{run.number} {run.state.value}{took}{printable(reason)}"
