"""Answers to names that are not jobtui's: each error says what to write instead.

The names are those of APScheduler, schedule, Celery, Dramatiq, RQ and cron.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from difflib import get_close_matches
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

from jobtui.engine.job_policies import Policies
from jobtui.schedules.durations import format_duration

Params = ParamSpec("Params")
Result = TypeVar("Result")
Owner = TypeVar("Owner", bound=type)

_REGISTER = 'schedule("0 */15 * * * *", function), every("30s", function) or the decorator @scheduled(...)'


def _by_name(table: dict[str, str]) -> dict[str, str]:
    return {name: answer for names, answer in table.items() for name in names.split()}


# Attributes of a scheduler, and so functions of the package.
SCHEDULER_NAMES = _by_name(
    {
        "add_job schedule_job add_task register cron interval add_periodic_task": f"write {_REGISTER}",
        "scheduled_job periodic_task cron_job repeat repeat_every task": (
            'write @scheduled("0 */15 * * * *") or @scheduled(every="30s")'
        ),
        "get_jobs list_jobs all_jobs get_all_jobs print_jobs": "write jobs, a list",
        "get_job find_job": "write job(name)",
        "remove_job cancel_job delete_job unschedule": "write remove(job) or job.remove()",
        "remove_all_jobs clear clear_jobs": "write job.remove() for each job in jobs",
        "modify_job reschedule_job update_job reschedule": 'write update(job, spec="@daily", overlap="skip")',
        "pause_job": "write pause(job) or job.pause()",
        "resume_job unpause": "write resume(job) or job.resume()",
        "run_job trigger_job run_all trigger": "write run(name) or job.run()",
        "run_pending run_forever run_continuously serve_forever wait_forever": (
            "write start(), which returns at once, or run the file with the command jobtui"
        ),
        "shutdown close terminate join": "write stop(grace)",
        "delay apply_async send enqueue submit run_now call_now": "write now(function, *arguments)",
        "after later call_later run_later run_in enqueue_in send_with_options once": (
            'write in_("30s", function, *arguments)'
        ),
        "call_at run_at enqueue_at date": "write at(instant, function, *arguments)",
        "add_listener": "write on_success(function), on_failure and on_missed; or subscribe() for all events",
        "on_event listen": "write subscribe() or on_change(function)",
        "next_run idle_seconds": "write job(name).next",
        "running is_running state": "write snapshot().phase",
        "on_start on_startup": "write on_app_start(function)",
        "on_stop on_shutdown": "write on_app_stop(function)",
    }
)
PACKAGE_NAMES = SCHEDULER_NAMES | _by_name(
    {
        "BackgroundScheduler BlockingScheduler AsyncIOScheduler AsyncScheduler": "write Scheduler()",
        "CronTrigger crontab Crontab": 'write Cron("0 */15 * * * *")',
        "IntervalTrigger Interval": 'write Every("30s")',
        "DateTrigger Date": "write Once(instant)",
        "CancelJob": "write job.remove()",
        "start stop pause resume remove jobs snapshot": (
            "it is a member of a Scheduler; the command jobtui starts and stops the default one"
        ),
    }
)
JOB_NAMES = _by_name(
    {
        "id job_id func_name": "write name",
        "next_run next_run_time": "write next",
        "last_run prev_run last_run_time": "write prev",
        "trigger spec": "write schedule",
        "cancel delete unschedule stop kill": "write remove(), or pause()",
        "run_now call delay apply_async": "write run()",
        "modify": 'write reschedule("@daily") or update(overlap="skip")',
        "unpause": "write resume()",
    }
)

RUN_NAMES = _by_name(
    {
        "id run_id task_id": "write number",
        "status": "write state",
        "get value return_value": "write result(timeout)",
        "join": "write wait(timeout)",
        "done ready finished ended completed is_alive running": "write wait(0) or state.ended",
        "successful failed error exception traceback": "write state.failed; result() raises the exception",
        "revoke abort terminate kill stop": "write cancel()",
        "add_done_callback then": "write Scheduler.subscribe() or Scheduler.on_change(function)",
    }
)

_POLICIES = 'overlap="hold", "skip", "allow" or "replace"'
_KEYWORDS = _by_name(
    {
        "id job_id title job_name": "write name=",
        "func function callable job fn target task command": "pass the function as the second argument",
        "options arguments params parameters": "write args= and kwargs=",
        "trigger cron crontab spec expression schedule": "pass the spec as the first argument",
        "interval period run_every repeat": "pass the interval to every(), as the first argument",
        "timezone zone tzinfo": "write tz=",
        "max_instances concurrency max_concurrent allow_overlap overlapping coalescing_limit": (
            f"write {_POLICIES}; Scheduler(pool=) limits the runs of all jobs"
        ),
        "coalesce misfire_policy": 'write misfire="coalesce", "skip" or "all"',
        "misfire_grace_time grace_time deadline": 'write max_late="1h"; without it there is no limit',
        "catchup backfill": 'write catch_up="24h"; it concerns schedulers with a store',
        "random_delay splay": 'write jitter="30s" or spread="1h"',
        "start_date start_time start_at next_run_time": "write not_before=, or start= of every()",
        "end_date end_time stop_at": "write until=",
        "max_runs max_executions": "write times=5",
        "max_retries retries retry_delay": 'write retry=3, or retry=Retry(3, first="30s")',
        "time_limit soft_time_limit": 'write timeout="5m"',
        "paused enabled disabled active": "write job.pause() after this",
        "run_immediately run_now run_on_start immediate at_start": "write on_start=True",
        "on_error callback listener": "write on_success=, on_failure= or on_missed=",
        "priority": "there is none; runs start in the order in which they are requested",
        "countdown delay": 'write in_("30s", function)',
        "eta run_date run_at at": "write at(instant, function)",
        "replace_existing": "write replace=True",
        "executor executors jobstore jobstores queue": "there is one pool for all jobs: Scheduler(pool=10)",
        "max_workers workers threads pool_size num_threads": "write pool=",
        "daemon": "the threads of a scheduler are daemons",
        "job_defaults": "write defaults={...}, the policies of all jobs that do not say otherwise",
    }
)
_LENGTHS = ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds")
_FIELDS = ("second", "minute", "hour", "day", "month", "day_of_week")
_FIELD_OF = {"day_of_month": "day", "month_of_year": "month", "weekday": "day_of_week"} | {
    field: field for field in _FIELDS
}


_SHAPES = {
    "at": "write at(instant, function, *arguments)",
    "start": "it takes none",
    "stop": "write stop(grace): the seconds that running work gets, or 0",
    "scheduled": "all its arguments are keywords",
    "update": 'write update(job, spec="@daily", overlap="skip")',
    "Scheduler": "all its arguments are keywords",
    "SimulatedScheduler": 'write simulated("2026-03-08T00:00", tz="UTC"): all but the first are keywords',
}


def explained(function: Callable[Params, Result]) -> Callable[Params, Result]:
    """Decorate a method so that its TypeError for arguments that it does not have says what to write."""

    @wraps(function)
    def wrapper(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            trace = error.__traceback__
            if trace is None or trace.tb_next is not None:
                raise  # from the method, which has begun
            raise TypeError(_explain_call(function, args[1:], kwargs, error)) from None

    return wrapper


class _OtherName:
    """An attribute that is not there, but whose AttributeError says what to write instead."""

    def __init__(self, owner: str, name: str, answer: str) -> None:
        self._message = f"{owner} has no attribute {name!r}; {answer}"

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(self._message)


def answering(names: dict[str, str]) -> Callable[[Owner], Owner]:
    """Decorate a class so that reading one of these attributes raises an AttributeError with the answer.

    They are attributes of the class and not a ``__getattr__``, which would slow down every other attribute.
    """

    def decorate(owner: Owner) -> Owner:
        for name, answer in names.items():
            setattr(owner, name, _OtherName(owner.__name__, name, answer))

        def visible_names(self: object) -> list[str]:
            return sorted({*object.__dir__(self)} - {*names})

        changed: Any = owner
        changed.__dir__ = visible_names
        return owner

    return decorate


def _explain_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: TypeError) -> str:
    owner, _, method = function.__qualname__.rpartition(".")
    name = owner.rpartition(".")[2] if method == "__init__" else function.__name__
    known = [each for each in inspect.signature(function).parameters if each != "policies"]
    if len(known) < len(inspect.signature(function).parameters):
        known += Policies.__annotations__
    if all(each in known for each in kwargs):
        return f"{str(error).replace(function.__qualname__, name)}; {_shape(name, args)}"
    return _explain_keywords(name, known[1:], kwargs)


def check_keywords(name: str, known: Sequence[str], kwargs: dict[str, Any]) -> None:
    """Raise TypeError, which says what to write instead, if an argument is not among the known ones."""
    if any(each not in known for each in kwargs):
        raise TypeError(_explain_keywords(name, known, kwargs))


def _explain_keywords(name: str, known: Sequence[str], kwargs: dict[str, Any]) -> str:
    unknown = [each for each in kwargs if each not in known]
    if name in {"start", "stop"}:
        return f"{name}() has no argument {unknown[0]!r}; {_shape(name, ())}"
    fields = [each for each in unknown if each in _FIELD_OF]
    lengths = [each for each in unknown if each in _LENGTHS]
    first = (lengths or fields or unknown)[0]
    answer = _KEYWORDS.get(first)
    if name in {"Scheduler", "SimulatedScheduler"} and first in Policies.__annotations__:
        answer = f'write defaults={{"{first}": ...}}'
    if lengths:
        answer = _interval_call(name, {each: kwargs[each] for each in lengths})
    elif fields:
        answer = _cron_call(name, {_FIELD_OF[each]: str(kwargs[each]) for each in fields})
    elif answer is None:
        near = get_close_matches(first, known, n=1)
        answer = f"did you mean {near[0]}=?" if near else f"its arguments are {', '.join(known)}"
    return f"{name}() has no argument {first!r}; {answer}"


def _interval_call(name: str, lengths: dict[str, Any]) -> str:
    try:
        text = repr(format_duration(timedelta(**lengths)))
    except (TypeError, OverflowError):
        text = "'30s'"
    return f"write {_call(name, text)}"


def _call(name: str, duration: str) -> str:
    if name == "scheduled":
        return f"@scheduled(every={duration})"
    return f"{'in_' if name in {'in_', 'at'} else 'every'}({duration}, function)"


def _cron_call(name: str, given: dict[str, str]) -> str:
    """Return the call with a spec. As in APScheduler, fields before the first one given are 0, not *."""
    first = min(map(_FIELDS.index, given))
    if first == _FIELDS.index("day_of_week"):
        first = _FIELDS.index("day")
    lowest = ("0", "0", "0", "1", "1")
    words = [given.get(field, lowest[at] if at < first else "*") for at, field in enumerate(_FIELDS)]
    spec = " ".join(word.replace(" ", "") for word in words)
    return f'write @scheduled("{spec}")' if name == "scheduled" else f'write schedule("{spec}", function)'


def _shape(name: str, args: tuple[Any, ...]) -> str:
    """Return how a method is called, with the first argument that was given if it is a text or a number."""
    given = f"{args[0]!r:.40}" if args and isinstance(args[0], str | int | float) else ""
    match name:
        case "schedule":
            spec = given or '"0 */15 * * * *"'
            return f"write schedule({spec}, function), or the decorator @scheduled({spec})"
        case "every":
            interval = given or '"30s"'
            return f"write every({interval}, function), or the decorator @scheduled(every={interval})"
        case "in_":
            delay = given or '"30s"'
            return f"write in_({delay}, function, *arguments)"
        case _:
            return _SHAPES[name]
