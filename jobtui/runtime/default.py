"""The functions of the package: one default scheduler, made when it is first needed."""

from __future__ import annotations

from jobtui.runtime.scheduler import Scheduler

_default: Scheduler | None = None


def default_scheduler() -> Scheduler:
    """The scheduler that ``jobtui.schedule`` and the other functions of the package act on."""
    global _default  # noqa: PLW0603 - the one default scheduler is the point of this module
    if _default is None:
        _default = Scheduler()
    return _default


def set_default_scheduler(scheduler: Scheduler | None) -> Scheduler | None:
    """Use another scheduler from here on, such as one with the settings of a file.

    Args:
        scheduler: None for one that is made when it is needed.

    Returns:
        The scheduler that it replaces; None if that had not been made.
    """
    global _default
    former, _default = _default, scheduler
    return former
