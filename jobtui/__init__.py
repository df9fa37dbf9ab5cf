"""An in-process job scheduler that you can see.

``jobtui.schedule``, ``every``, ``now``, ``in_``, ``at``, ``scheduled``, ``on_app_start`` and ``on_app_stop``
act on one default `Scheduler`, and are methods of every scheduler. Each name is loaded on first use (PEP
562), so importing the package loads nothing else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobtui.engine.enums import Cancellation as Cancellation
    from jobtui.engine.enums import JobStatus as JobStatus
    from jobtui.engine.enums import RunState as RunState
    from jobtui.runtime.current_run import current_run as current_run
    from jobtui.runtime.handles import Job as Job
    from jobtui.runtime.handles import Run as Run
    from jobtui.runtime.hooks import StartError as StartError
    from jobtui.runtime.scheduler import Scheduler as Scheduler
    from jobtui.runtime.stop_request import RunCancelledError as RunCancelledError
    from jobtui.schedules.bad_spec import BadSpec as BadSpec
    from jobtui.schedules.describe import describe as describe
    from jobtui.schedules.parser import parse as parse
    from jobtui.schedules.schedule import Cron as Cron
    from jobtui.schedules.schedule import Every as Every
    from jobtui.schedules.schedule import Once as Once
    from jobtui.schedules.schedule import Schedule as Schedule

    _default = Scheduler()  # for type checkers: the functions below are methods of a scheduler
    at = _default.at
    every = _default.every
    in_ = _default.in_
    now = _default.now
    on_app_start = _default.on_app_start
    on_app_stop = _default.on_app_stop
    schedule = _default.schedule
    scheduled = _default.scheduled

if hasattr(sys, "_is_gil_enabled"):  # since Python 3.13
    from jobtui.process.free_threading import warn_without_gil

    warn_without_gil(gil_enabled=sys._is_gil_enabled())  # noqa: SLF001 - there is no other way to ask

__version__ = "0.1.0"

# The module of each public name.
_MODULE_OF = {
    "BadSpec": "jobtui.schedules.bad_spec",
    "Cancellation": "jobtui.engine.enums",
    "Cron": "jobtui.schedules.schedule",
    "Every": "jobtui.schedules.schedule",
    "Job": "jobtui.runtime.handles",
    "JobStatus": "jobtui.engine.enums",
    "Once": "jobtui.schedules.schedule",
    "Run": "jobtui.runtime.handles",
    "RunCancelledError": "jobtui.runtime.stop_request",
    "RunState": "jobtui.engine.enums",
    "Schedule": "jobtui.schedules.schedule",
    "Scheduler": "jobtui.runtime.scheduler",
    "StartError": "jobtui.runtime.hooks",
    "current_run": "jobtui.runtime.current_run",
    "describe": "jobtui.schedules.describe",
    "parse": "jobtui.schedules.parser",
}

# The methods of the default scheduler. Looked up at every use, because the default may be replaced.
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
        from jobtui.runtime.default_scheduler import default_scheduler  # noqa: PLC0415 - loaded on first use

        return getattr(default_scheduler(), name)
    if name in _MODULE_OF:
        from importlib import import_module  # noqa: PLC0415 - loaded on first use

        value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
        return value
    message = f"module {__name__!r} has no attribute {name!r}"
    if not name.startswith("_"):
        from jobtui.runtime.first_guesses import PACKAGE_NAMES  # noqa: PLC0415 - only after a mistake

        if name in PACKAGE_NAMES:
            message += f"; {PACKAGE_NAMES[name]}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
