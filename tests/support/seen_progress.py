"""Runs a job while its output is captured, and collects what a front end sees of its progress."""

from __future__ import annotations

from collections.abc import Callable

from jobtui import Progress, Scheduler
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from support.real_threads import LIMIT, MakeScheduler

Look = Callable[[], None]


def run_and_look(make_scheduler: MakeScheduler, work: Callable[[Look], object]) -> list[Progress | None]:
    """Run a job while output is captured. Return the progress at each call of the function that it gets."""
    scheduler: Scheduler = make_scheduler()
    seen: list[Progress | None] = []

    def look() -> None:
        seen.append(scheduler.snapshot().running[0].progress)

    with capture_streams(OutputLog()):
        scheduler.start()
        scheduler.now(work, look).result(LIMIT)
    return seen


def counts(seen: list[Progress | None]) -> list[tuple[float, float | None] | None]:
    """Return how much is done of how much."""
    return [None if each is None else (each.done, each.total) for each in seen]
