"""Follow the output of runs, line by line as it is written."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from jobtui.cli.source import Source
from jobtui.frontend.backend import RunLine
from jobtui.process.stdio import has_reader

POLL_INTERVAL = 0.2  # seconds from one look at the output to the next


def follow_run(
    source: Source, number: int, show: Callable[[RunLine], object], pause: Callable[[], object]
) -> None:
    """Pass each line of a run's output to a function, until the run has ended.

    Args:
        source: The scheduler or the store.
        number: The number of the run.
        show: Shows a line.
        pause: Blocks until it is time to look again.

    Raises:
        LookupError: There is no such run.
        CommandError: The source cannot answer any more.
    """
    after = ""
    while True:
        part = source.output(number, after)
        for line in part.lines:
            show(line)
        if part.ended:
            return
        after = part.next
        if not part.lines:
            pause()


def next_run(source: Source, job: str, after: int, pause: Callable[[], object]) -> int:
    """Wait for the first run of a job after the run of a number, and return its number.

    Raises:
        LookupError: There is no such job.
        CommandError: The source cannot answer any more.
    """
    while True:
        later = [number for number in source.started_runs(job) if number > after]
        if later:
            return min(later)
        pause()


def pause_shortly() -> None:
    """Block until it is time to look again."""
    threading.Event().wait(POLL_INTERVAL)


def pause_while_read() -> None:
    """Block until it is time to look again.

    Raises:
        BrokenPipeError: Nothing reads standard output any more.
    """
    if not has_reader(sys.stdout):
        raise BrokenPipeError
    pause_shortly()
