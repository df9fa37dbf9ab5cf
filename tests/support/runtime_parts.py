"""The parts of a scheduler, for tests that call one of them in place of a thread of the scheduler."""

from __future__ import annotations

from jobtui import Scheduler
from jobtui.runtime.runtime import Runtime


def runtime_of(scheduler: Scheduler) -> Runtime:
    """Return the parts of a scheduler, whose methods are public."""
    return scheduler._runtime  # noqa: SLF001 - the one place: no user of a scheduler needs its parts
