"""An in-process job scheduler that you can see.

``jobtui.schedule``, ``every``, ``now``, ``in_``, ``at``, ``scheduled``, ``on_app_start`` and
``on_app_stop`` act on one default `Scheduler`, and are methods of every other. Everything is loaded
when it is first used (PEP 562): importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobtui.core.cancelling import RunCancelledError as RunCancelledError
    from jobtui.core.errors import BadSpec as BadSpec
    from jobtui.core.handles import Job as Job
    from jobtui.core.handles import Run as Run
    from jobtui.core.handles import current_run as current_run
    from jobtui.core.hooks import StartError as StartError
    from jobtui.core.model import Cancellation as Cancellation
    from jobtui.core.model import JobStatus as JobStatus
    from jobtui.core.model import RunState as RunState
    from jobtui.core.parsing import parse as parse
    from jobtui.core.scheduler import Scheduler as Scheduler
    from jobtui.core.schedules import Cron as Cron
    from jobtui.core.schedules import Every as Every
    from jobtui.core.schedules import Once as Once
    from jobtui.core.schedules import Schedule as Schedule
    from jobtui.core.words import describe as describe

    _default = Scheduler()  # what these are methods of, as far as a type checker sees
    at = _default.at
    every = _default.every
    in_ = _default.in_
    now = _default.now
    on_app_start = _default.on_app_start
    on_app_stop = _default.on_app_stop
    schedule = _default.schedule
    scheduled = _default.scheduled

__version__ = "0.1.0"

# Where each public name lives.
_HOMES = {
    "BadSpec": "jobtui.core.errors",
    "Cancellation": "jobtui.core.model",
    "Cron": "jobtui.core.schedules",
    "Every": "jobtui.core.schedules",
    "Job": "jobtui.core.handles",
    "JobStatus": "jobtui.core.model",
    "Once": "jobtui.core.schedules",
    "Run": "jobtui.core.handles",
    "RunCancelledError": "jobtui.core.cancelling",
    "RunState": "jobtui.core.model",
    "Schedule": "jobtui.core.schedules",
    "Scheduler": "jobtui.core.scheduler",
    "StartError": "jobtui.core.hooks",
    "current_run": "jobtui.core.handles",
    "describe": "jobtui.core.words",
    "parse": "jobtui.core.parsing",
}

# What acts on the default scheduler. Looked up at every use: the default may be replaced.
_FUNCTIONS = ("at", "every", "in_", "now", "on_app_start", "on_app_stop", "schedule", "scheduled")

__all__ = [
    "BadSpec",
    "Cancellation",
    "Cron",
    "Every",
    "Job",
    "JobStatus",
    "Once",
    "Run",
    "RunCancelledError",
    "RunState",
    "Schedule",
    "Scheduler",
    "StartError",
    "at",
    "current_run",
    "describe",
    "every",
    "in_",
    "now",
    "on_app_start",
    "on_app_stop",
    "parse",
    "schedule",
    "scheduled",
]


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        from jobtui.api import default_scheduler  # noqa: PLC0415 - loaded when it is first used

        return getattr(default_scheduler(), name)
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415 - loaded when it is first used

        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
