"""An in-process job scheduler that you can see.

``jobtui.schedule``, ``every``, ``now``, ``in_``, ``at``, ``scheduled``, ``on_app_start`` and ``on_app_stop``
act on one default `Scheduler`, and are methods of every scheduler; ``job`` is its method `Scheduler.add`.
``run`` runs a scheduler until a signal, and ``serve`` serves its status page. Each name is loaded on first
use (PEP 562), so importing the package loads nothing else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobtui.cli.foreground import run as run
    from jobtui.embedding.asgi import asgi as asgi
    from jobtui.embedding.serve import serve as serve
    from jobtui.engine.enums import Cancellation as Cancellation
    from jobtui.engine.enums import JobStatus as JobStatus
    from jobtui.engine.enums import Misfire as Misfire
    from jobtui.engine.enums import MisfireName as MisfireName
    from jobtui.engine.enums import Overlap as Overlap
    from jobtui.engine.enums import OverlapName as OverlapName
    from jobtui.engine.enums import Phase as Phase
    from jobtui.engine.enums import RunState as RunState
    from jobtui.engine.enums import Trigger as Trigger
    from jobtui.engine.events import AbandonedEnded as AbandonedEnded
    from jobtui.engine.events import AttemptFailed as AttemptFailed
    from jobtui.engine.events import ClockStepped as ClockStepped
    from jobtui.engine.events import Event as Event
    from jobtui.engine.events import InternalError as InternalError
    from jobtui.engine.events import JobAdded as JobAdded
    from jobtui.engine.events import JobChanged as JobChanged
    from jobtui.engine.events import JobEvent as JobEvent
    from jobtui.engine.events import JobPaused as JobPaused
    from jobtui.engine.events import JobRemoved as JobRemoved
    from jobtui.engine.events import JobResumed as JobResumed
    from jobtui.engine.events import NoticeGiven as NoticeGiven
    from jobtui.engine.events import PoolResized as PoolResized
    from jobtui.engine.events import QuietTimeChanged as QuietTimeChanged
    from jobtui.engine.events import RunEvent as RunEvent
    from jobtui.engine.events import RunFinished as RunFinished
    from jobtui.engine.events import RunHeld as RunHeld
    from jobtui.engine.events import RunProgressed as RunProgressed
    from jobtui.engine.events import RunQueued as RunQueued
    from jobtui.engine.events import RunScheduled as RunScheduled
    from jobtui.engine.events import RunStarted as RunStarted
    from jobtui.engine.events import RunTakenOver as RunTakenOver
    from jobtui.engine.events import RunWarned as RunWarned
    from jobtui.engine.events import SchedulerStandingBy as SchedulerStandingBy
    from jobtui.engine.events import SchedulerStarted as SchedulerStarted
    from jobtui.engine.events import SchedulerStopped as SchedulerStopped
    from jobtui.engine.events import SchedulerStopping as SchedulerStopping
    from jobtui.engine.events import StopRequested as StopRequested
    from jobtui.engine.events import StoreChanged as StoreChanged
    from jobtui.engine.events import TickEnded as TickEnded
    from jobtui.engine.retry import GiveUp as GiveUp
    from jobtui.engine.retry import Retry as Retry
    from jobtui.engine.retry import RetryIn as RetryIn
    from jobtui.engine.secret import Secret as Secret
    from jobtui.engine.views import AttemptView as AttemptView
    from jobtui.engine.views import JobView as JobView
    from jobtui.engine.views import PoolView as PoolView
    from jobtui.engine.views import Progress as Progress
    from jobtui.engine.views import RunPage as RunPage
    from jobtui.engine.views import RunStack as RunStack
    from jobtui.engine.views import RunView as RunView
    from jobtui.engine.views import Snapshot as Snapshot
    from jobtui.engine.views import StackFrame as StackFrame
    from jobtui.engine.views import StoreView as StoreView
    from jobtui.runtime.clock import Clock as Clock
    from jobtui.runtime.current_run import CurrentRun as CurrentRun
    from jobtui.runtime.current_run import current_run as current_run
    from jobtui.runtime.ending_callbacks import Ending as Ending
    from jobtui.runtime.handles import Job as Job
    from jobtui.runtime.handles import Run as Run
    from jobtui.runtime.hooks import StartError as StartError
    from jobtui.runtime.scheduler import Scheduler as Scheduler
    from jobtui.runtime.stop_request import RunCancelledError as RunCancelledError
    from jobtui.runtime.subscriptions import Subscription as Subscription
    from jobtui.schedules.bad_spec import BadSpec as BadSpec
    from jobtui.schedules.describe import describe as describe
    from jobtui.schedules.parser import parse as parse
    from jobtui.schedules.schedule import Cron as Cron
    from jobtui.schedules.schedule import Dst as Dst
    from jobtui.schedules.schedule import Every as Every
    from jobtui.schedules.schedule import Once as Once
    from jobtui.schedules.schedule import Schedule as Schedule
    from jobtui.store.store_errors import StoreError as StoreError

    _default = Scheduler()  # for type checkers: the functions below are methods of a scheduler
    around = _default.around
    at = _default.at
    every = _default.every
    in_ = _default.in_
    job = _default.add
    now = _default.now
    on_app_start = _default.on_app_start
    on_app_stop = _default.on_app_stop
    on_failure = _default.on_failure
    on_missed = _default.on_missed
    on_success = _default.on_success
    schedule = _default.schedule
    scheduled = _default.scheduled

if hasattr(sys, "_is_gil_enabled") and not sys._is_gil_enabled():  # noqa: SLF001 - since Python 3.13
    from jobtui.process.free_threading import warn_without_gil

    warn_without_gil(gil_enabled=False)

__version__ = "0.1.0"

# The public names of each module.
_NAMES_OF = {
    "jobtui.cli.foreground": "run",
    "jobtui.embedding.asgi": "asgi",
    "jobtui.embedding.serve": "serve",
    "jobtui.engine.enums": (
        "Cancellation JobStatus Misfire MisfireName Overlap OverlapName Phase RunState Trigger"
    ),
    "jobtui.engine.events": (
        "AbandonedEnded AttemptFailed ClockStepped Event InternalError JobAdded JobChanged JobEvent "
        "JobPaused JobRemoved JobResumed NoticeGiven PoolResized QuietTimeChanged RunEvent RunFinished "
        "RunHeld RunProgressed RunQueued RunScheduled RunStarted RunTakenOver RunWarned "
        "SchedulerStandingBy SchedulerStarted SchedulerStopped SchedulerStopping StopRequested "
        "StoreChanged TickEnded"
    ),
    "jobtui.engine.retry": "GiveUp Retry RetryIn",
    "jobtui.engine.views": (
        "AttemptView JobView PoolView Progress RunPage RunStack RunView Snapshot StackFrame StoreView"
    ),
    "jobtui.runtime.clock": "Clock",
    "jobtui.runtime.current_run": "CurrentRun current_run",
    "jobtui.runtime.ending_callbacks": "Ending",
    "jobtui.runtime.handles": "Job Run",
    "jobtui.runtime.hooks": "StartError",
    "jobtui.runtime.scheduler": "Scheduler",
    "jobtui.engine.secret": "Secret",
    "jobtui.runtime.stop_request": "RunCancelledError",
    "jobtui.runtime.subscriptions": "Subscription",
    "jobtui.schedules.bad_spec": "BadSpec",
    "jobtui.schedules.describe": "describe",
    "jobtui.schedules.parser": "parse",
    "jobtui.schedules.schedule": "Cron Dst Every Once Schedule",
    "jobtui.store.store_errors": "StoreError",
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names.split()}

# The functions, each with its method of the default scheduler. That is looked up at every use, because the
# default may be replaced.
_FUNCTIONS = {
    "around": "around",
    "at": "at",
    "every": "every",
    "in_": "in_",
    "job": "add",
    "now": "now",
    "on_app_start": "on_app_start",
    "on_app_stop": "on_app_stop",
    "on_failure": "on_failure",
    "on_missed": "on_missed",
    "on_success": "on_success",
    "schedule": "schedule",
    "scheduled": "scheduled",
}

__all__ = [
    "AbandonedEnded",
    "AttemptFailed",
    "AttemptView",
    "BadSpec",
    "Cancellation",
    "Clock",
    "ClockStepped",
    "Cron",
    "CurrentRun",
    "Dst",
    "Ending",
    "Event",
    "Every",
    "GiveUp",
    "InternalError",
    "Job",
    "JobAdded",
    "JobChanged",
    "JobEvent",
    "JobPaused",
    "JobRemoved",
    "JobResumed",
    "JobStatus",
    "JobView",
    "Misfire",
    "MisfireName",
    "NoticeGiven",
    "Once",
    "Overlap",
    "OverlapName",
    "Phase",
    "PoolResized",
    "PoolView",
    "Progress",
    "QuietTimeChanged",
    "Retry",
    "RetryIn",
    "Run",
    "RunCancelledError",
    "RunEvent",
    "RunFinished",
    "RunHeld",
    "RunPage",
    "RunProgressed",
    "RunQueued",
    "RunScheduled",
    "RunStack",
    "RunStarted",
    "RunState",
    "RunTakenOver",
    "RunView",
    "RunWarned",
    "Schedule",
    "Scheduler",
    "SchedulerStandingBy",
    "SchedulerStarted",
    "SchedulerStopped",
    "SchedulerStopping",
    "Secret",
    "Snapshot",
    "StackFrame",
    "StartError",
    "StopRequested",
    "StoreChanged",
    "StoreError",
    "StoreView",
    "Subscription",
    "TickEnded",
    "Trigger",
    "around",
    "asgi",
    "at",
    "current_run",
    "describe",
    "every",
    "in_",
    "job",
    "now",
    "on_app_start",
    "on_app_stop",
    "on_failure",
    "on_missed",
    "on_success",
    "parse",
    "run",
    "schedule",
    "scheduled",
    "serve",
]


if not TYPE_CHECKING:  # which would take any name for one of Any

    def __getattr__(name: str) -> Any:
        if name in _FUNCTIONS:
            from jobtui.runtime.default_scheduler import default_scheduler  # noqa: PLC0415 - loaded on first use

            return getattr(default_scheduler(), _FUNCTIONS[name])
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
