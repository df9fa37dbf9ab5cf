"""The default scheduler, on which the functions of the package act."""

from __future__ import annotations

from jobtui.runtime.scheduler import Scheduler

_default: Scheduler | None = None


def default_scheduler() -> Scheduler:
    """Return the scheduler that ``jobtui.schedule`` and the like act on; create it on first use."""
    global _default  # noqa: PLW0603 - the one default scheduler is the point of this module
    if _default is None:
        _default = Scheduler()
    return _default


def check_scheduler(function: str, scheduler: object) -> Scheduler:
    """Return the scheduler that a user passes to a function, such as ``serve()``.

    Raises:
        TypeError: It is not a scheduler.
    """
    if not isinstance(scheduler, Scheduler):
        raise TypeError(f"{function} takes a scheduler first, a jobtui.Scheduler, not {scheduler!r:.80}")
    return scheduler


def set_default_scheduler(scheduler: Scheduler | None) -> Scheduler | None:
    """Replace the default scheduler, for example by one with the settings of a file.

    Args:
        scheduler: The new one; None to create one on the next use.

    Returns:
        The scheduler that is replaced; None if there was none.
    """
    global _default
    former, _default = _default, scheduler
    return former
