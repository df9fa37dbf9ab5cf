"""The scheduler as users see it: register jobs, run them, control them, start and stop."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace as replace_policies
from datetime import datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import partial
from itertools import islice
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NamedTuple,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    overload,
)

from jobtui.engine.catch_up import MOST, SPREAD, CatchUpRules
from jobtui.engine.code_key import code_key
from jobtui.engine.engine import Engine
from jobtui.engine.enums import (
    Cancellation,
    Phase,
    RunState,
    SingleName,
    Trigger,
)
from jobtui.engine.job_policies import JobPolicies, Policies
from jobtui.engine.ledger import LEDGER_BYTES, MAX_RUNS, Ledger
from jobtui.engine.pool import MOST_ABANDONED
from jobtui.engine.records import Call, JobRecord, RunRecord, utc
from jobtui.engine.run_columns import MAX_POINTS, RunColumns
from jobtui.engine.runnables import (
    AnyFunction,
    HasRun,
    JobFunction,
    Runnable,
    as_runnable,
    check_arguments,
    function_name,
)
from jobtui.engine.views import JobCounters, JobView, Liveness, PoolView, RunPage, RunStack, RunView, Snapshot
from jobtui.runtime.argument_text import argument_text
from jobtui.runtime.around import Around
from jobtui.runtime.calling_place import calling_place
from jobtui.runtime.clock import Clock
from jobtui.runtime.durable_calls import describe_call
from jobtui.runtime.ending_callbacks import Ending, EndingKind
from jobtui.runtime.first_guesses import SCHEDULER_NAMES, answering, check_keywords, explained
from jobtui.runtime.handles import Job, Run
from jobtui.runtime.hooks import Hooks
from jobtui.runtime.kept_calls import MAX_CALLS
from jobtui.runtime.local_variables import LocalVariables
from jobtui.runtime.policies import adjusted, changed_policies, job_policies
from jobtui.runtime.redaction import Redaction
from jobtui.runtime.returned_values import ReturnedValues
from jobtui.runtime.run_search import RunSearch
from jobtui.runtime.runtime import Runtime
from jobtui.runtime.stacks import run_stack
from jobtui.runtime.subscriptions import Subscription
from jobtui.runtime.unstarted_notice import notice_if_unstarted
from jobtui.runtime.validation import (
    abandoned_limit,
    by_name,
    call_arguments,
    catch_up_limit,
    delay_seconds,
    event_loop,
    job_name,
    keep_limit,
    length,
    memory_limit,
    named_specs,
    one_line_text,
    pause_end,
    pool_size,
    scheduler_zone,
    single_name,
    source_of_time,
    store_path,
    switch,
    within_calendar,
)
from jobtui.schedules.parser import AT_START, SpecResolver
from jobtui.schedules.quiet_times import parse_quiet_times
from jobtui.schedules.schedule import Dst, Never, Once, Schedule, next_tick
from jobtui.schedules.schedule_key import schedule_key
from jobtui.schedules.zones import zone_name
from jobtui.store.retention import KEEP_DAYS, KEEP_MIB, KEEP_OUTPUT, KEEP_ROWS, Retention

if TYPE_CHECKING:
    import asyncio

    from jobtui.runtime.recording import Recording  # imports sqlite3
    from jobtui.store.one_off_rows import Connection  # as above

DEFAULT_POOL = 10
GRACE = 10.0  # seconds that running work gets to end when the scheduler stops

COUNTERS_PER_HOLD = 200  # jobs whose counters are read in one hold of the lock
MAX_NAMES_COMPARED = 1_000  # names to compare an unknown name with

_ADJUSTMENTS = ("not_before", "until", "spread", "jitter")  # policies that change the schedule
_SCHEDULE_ARGUMENTS = ("spec", "runnable", "args", "kwargs", "name", "replace", "tz", "dst")
_EVERY_ARGUMENTS = ("interval", "runnable", "args", "kwargs", "start", "name", "replace")
_ADD_ARGUMENTS = ("runnable", "args", "kwargs", "name", "replace")
_RUN_ARGUMENTS = "the arguments of the run come after the function or the job"
_SCHEDULED_ARGUMENTS = (
    *("spec", "every", "args", "kwargs", "name", "replace", "tz", "dst", "start"),
    *Policies.__annotations__,
)

Function = TypeVar("Function", bound=JobFunction)
Parametrized = TypeVar("Parametrized", bound=AnyFunction)
Hook = TypeVar("Hook", bound=Callable[[], object])
AroundFunction = TypeVar("AroundFunction", bound=Around)
EndingFunction = TypeVar("EndingFunction", bound=Callable[[Ending], object])
Result = TypeVar("Result")
P = ParamSpec("P")
T = TypeVar("T")

_Length = timedelta | float | str
Args = tuple[Any, ...] | list[Any]
Kwargs = Mapping[str, Any]
_Work = Coroutine[Any, Any, T]  # of a coroutine function, which returns a T in the end


class _SpecArguments(Policies, total=False):
    """The keyword arguments of `schedule`."""

    name: str | None
    replace: bool
    tz: str | tzinfo | None
    dst: Dst | None


class _IntervalArguments(Policies, total=False):
    """The keyword arguments of `every`."""

    name: str | None
    replace: bool
    start: datetime | None


@answering(SCHEDULER_NAMES)
class Scheduler:
    """A scheduler with its own pool, timer and worker threads. Thread-safe.

    ``with Scheduler(pool=4) as scheduler:`` starts it and, at the end of the block, stops it. ``async with``
    does so without blocking the event loop, in which its coroutines then run.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of cron specs that name none, and of all times shown: a name, a ``zoneinfo.ZoneInfo`` or
            a ``datetime.timezone``; None for the machine's zone.
        dst: The default for the DST rule of fixed times in this scheduler's jobs; see `jobtui.parse`.
        defaults: The policies of jobs that do not say otherwise, such as ``{"overlap": "skip"}``; see
            `schedule`.
        schedules: Named specs, which ``schedule("cron.name", ...)`` finds by the whole key.
        clock: The source of time; None for the machine's clock.
        ledger_bytes: How much memory the ledger may take, in bytes, with the output of its runs.
        store: The SQLite file that keeps the ledger, the output and the state of the jobs across restarts;
            None to keep them in memory only.
        keep_days: How many days the store keeps endings; it keeps failures three times as long.
        keep_rows: How many endings the store keeps, beside the failures among three times as many.
        keep_mib: How large the store's file may be, in MiB.
        keep_output: How many bytes of each run's output the store keeps, a fifth of them from its beginning.
        redact: Regular expressions for secrets. Their matches, or what their first group matches, are
            replaced by ``***`` in what jobs print and in the messages of their exceptions, on every screen
            and in the store. Each line is searched on its own.
        single: What `start` does if another scheduler uses the store: ``"standby"`` waits until that one has
            ended, ``"refuse"`` raises an error, with ``"off"`` both run the jobs, each tick by one of them.
        catch_up_most: How many ticks of one job are caught up, the latest ones.
        catch_up_spread: The time over which the jobs that catch up begin, after the start.
        loop: The event loop of the application in which coroutines run; it must run at the start. None for a
            loop in a thread of its own or, with ``async with``, the loop that enters it.
        abandoned: How many runs may be abandoned at once, because they go on after their timeouts.
        quiet: The times in which nothing starts, in the scheduler's zone, such as ``"SAT 02:00 for 3h"``,
            ``"daily 22:00 for 8h"``, or a cron spec in front of ``for``. Ticks start no run then; other runs
            wait, except those by hand.
        capture_locals: Whether a traceback has the local variables of your functions, as short texts. Secrets
            are masked as in output, and by the names of variables; others may show.
        capture_results: Whether the reason of a run that is OK says what it returned, as a short text, unless
            that is None. Secrets are masked as for ``capture_locals``.

    Attributes:
        tz: The scheduler's zone.

    Raises:
        ValueError: The pool is negative, the policy, DST rule or zone is unknown, the store has no file name,
            a limit is too small, or a pattern or a named spec is not valid.
        TypeError: An argument is of another type.
    """

    _runtime_type: ClassVar[type[Runtime]] = Runtime  # the simulated scheduler has another one

    @explained
    def __init__(
        self,
        *,
        pool: int = DEFAULT_POOL,
        tz: str | tzinfo | None = None,
        dst: Dst = "once",
        defaults: Policies | None = None,
        schedules: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        ledger_bytes: int = LEDGER_BYTES,
        store: str | os.PathLike[str] | None = None,
        keep_days: float = KEEP_DAYS,
        keep_rows: int = KEEP_ROWS,
        keep_mib: float = KEEP_MIB,
        keep_output: int = KEEP_OUTPUT,
        redact: Sequence[str] = (),
        single: SingleName = "standby",
        catch_up_most: int = MOST,
        catch_up_spread: timedelta | float | str = SPREAD,
        loop: asyncio.AbstractEventLoop | None = None,
        abandoned: int = MOST_ABANDONED,
        quiet: Sequence[str] = (),
        capture_locals: bool = False,
        capture_results: bool = False,
    ) -> None:
        self.tz = scheduler_zone(tz)
        self._specs = SpecResolver(named_specs(schedules), tz, dst)
        given = by_name("defaults", defaults, "policies by name, such as {'overlap': 'skip'}")
        self._defaults = job_policies("defaults=dict", given)
        self.redaction = Redaction(redact)
        self._runtime = self._runtime_type(
            pool=pool_size(pool),
            tz=self.tz,
            clock=source_of_time(clock),
            ledger=Ledger(memory_limit("ledger_bytes", ledger_bytes)),
            redaction=self.redaction,
            abandoned=abandoned_limit(abandoned),
            quiet=parse_quiet_times(quiet, tz=self.tz),
        )
        self._kernel = self._runtime.kernel
        if switch("capture_locals", capture_locals):
            self._kernel.runs.attachments.add_locals = LocalVariables(self.redaction.redact).add_to
        if switch("capture_results", capture_results):
            self._kernel.runs.attachments.describe_result = ReturnedValues(self.redaction.redact).describe
        self._one_offs = self._kernel.engine.one_off_jobs
        self._runs = RunSearch(self._kernel, self.tz)
        self._keep = Retention(
            days=keep_limit("keep_days", keep_days, 1),
            rows=keep_limit("keep_rows", keep_rows, 1_000),
            mib=keep_limit("keep_mib", keep_mib, 1),
            output=keep_limit("keep_output", keep_output, 1_000),
        )
        self._single = single_name(single)
        self._loop = event_loop(loop)
        self._catch_up_rules = CatchUpRules(
            window=self._defaults.catch_up,
            most=catch_up_limit(catch_up_most),
            spread=length("catch_up_spread", catch_up_spread),
        )
        self.hooks = Hooks()
        self.arounds = self._kernel.runs.attachments.arounds
        if store is not None:
            self.use_store(store)

    # --- registering ------------------------------------------------------------------------------

    @overload
    def schedule(
        self,
        spec: str | Schedule,
        runnable: JobFunction,
        *,
        name: str | None = None,
        replace: bool = False,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
        **policies: Unpack[Policies],
    ) -> Job: ...
    @overload
    def schedule(
        self,
        spec: str | Schedule,
        runnable: AnyFunction,
        *,
        args: Args,
        kwargs: Kwargs | None = None,
        name: str | None = None,
        replace: bool = False,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
        **policies: Unpack[Policies],
    ) -> Job: ...
    @overload
    def schedule(
        self,
        spec: str | Schedule,
        runnable: AnyFunction,
        *,
        kwargs: Kwargs,
        name: str | None = None,
        replace: bool = False,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
        **policies: Unpack[Policies],
    ) -> Job: ...
    @explained
    def schedule(
        self,
        spec: str | Schedule,
        runnable: AnyFunction,
        *,
        args: Args = (),
        kwargs: Kwargs | None = None,
        name: str | None = None,
        replace: bool = False,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
        **policies: Unpack[Policies],
    ) -> Job:
        """Run something on a schedule. Return the job's handle.

        Args:
            spec: Six cron fields (seconds first), five (a crontab line), ``@daily`` and the like,
                ``@every 1h30m``, the name of a spec in the settings (``cron.name``), or a `Schedule`.
            runnable: A callable, an object (or a class) with a ``run()`` method, or a coroutine function.
            args: The positional arguments of every run, a tuple or a list. Runs that are requested with
                arguments of their own (`now`) have those instead.
            kwargs: The keyword arguments of every run.
            name: The job's name; by default the runnable's own, with a number (``name-2``) if that is taken.
            replace: Whether the job takes the place of the one with its name: its counters, its history and
                its pause. Without it, a name that is given here must not be taken.
            tz: The zone of a spec that names none; by default the scheduler's.
            dst: The DST rule of fixed times, see `jobtui.parse`; by default the scheduler's.
            **policies: Say what happens to ticks and runs in special cases:

                - ``overlap``: What to do with a run that is requested before an earlier run of this job has
                  ended: ``"hold"`` it until that run ends, ``"skip"`` it, ``"allow"`` both to run at once, or
                  ``"replace"`` the earlier run: cancel it, and hold the new one until it has ended.
                - ``misfire``: What to do with ticks that are seen too late: one run for all of them
                  (``"coalesce"``), none (``"skip"``) or one for each (``"all"``).
                - ``max_late``: Ticks that are noticed later than this are MISSED, and ``misfire`` decides
                  about the others: a timedelta, seconds, or a duration such as ``"1h"``; 0 for no limit.
                - ``catch_up``: With a store, ticks that passed while no scheduler ran are treated as late
                  ticks if they were due within this time before the start: a timedelta, seconds, or a
                  duration such as ``"12h"``; 0 for never. The ledger counts the others as MISSED.
                - ``max_held``: How many runs of this job may be held; beyond that its ticks are skipped.
                - ``pause_after``: Pause the job after so many failures in a row; 0 for never.
                - ``times``: The job is DONE after so many runs that were OK or failed, by ticks or by hand.
                - ``on_start``: Run the job once when the scheduler starts, too, after the ``on_app_start``
                  functions; or at once if it runs already. The spec ``@reboot`` means this alone.
                - ``not_before`` and ``until``: The first and the last instant at which the job may be due: a
                  datetime, or a text in ISO 8601.
                - ``spread``: All ticks are later by the same time, which is shorter than this and follows
                  from the job's name: a timedelta, seconds, or a duration such as ``"1h"``.
                - ``jitter``: Each tick is later by a time of its own, which is shorter than this.
                - ``timeout``: The longest that a run may take. Then a coroutine is cancelled, and a thread is
                  asked to stop: see `jobtui.current_run`.
                - ``warn``: Mark a run as slow that takes longer than this, and log a warning.
                - ``abandon``: The time that a run gets to end after its timeout, by default 30 seconds. Then
                  it ends as TIMED_OUT, and its thread is abandoned.

        Raises:
            BadSpec: The spec is not valid; the message says why.
            LookupError: The settings have no spec of that name; the message lists those they have.
            TypeError: The runnable cannot be run, or not with these arguments, a policy has no such name, or
                its value is of another type.
            ValueError: A policy is unknown, the name is taken or not printable, or a limit is below 1.
            RuntimeError: The scheduler has stopped.
        """
        checked = job_policies("schedule", policies, self._defaults, *_SCHEDULE_ARGUMENTS)
        parsed, shown = self._specs.resolve(spec, tz=tz, dst=dst)
        if parsed is spec:  # it may be of a class of the user
            next_tick(parsed, utc(self._kernel.clock.now()))
        if isinstance(parsed, Never):  # @reboot
            checked = replace_policies(checked, on_start=True)
        return self._add(parsed, shown, self._bound(runnable, args, kwargs), name, checked, replace=replace)

    @overload
    def every(
        self,
        interval: _Length,
        runnable: JobFunction,
        *,
        start: datetime | None = None,
        name: str | None = None,
        replace: bool = False,
        **policies: Unpack[Policies],
    ) -> Job: ...
    @overload
    def every(
        self,
        interval: _Length,
        runnable: AnyFunction,
        *,
        args: Args,
        kwargs: Kwargs | None = None,
        start: datetime | None = None,
        name: str | None = None,
        replace: bool = False,
        **policies: Unpack[Policies],
    ) -> Job: ...
    @overload
    def every(
        self,
        interval: _Length,
        runnable: AnyFunction,
        *,
        kwargs: Kwargs,
        start: datetime | None = None,
        name: str | None = None,
        replace: bool = False,
        **policies: Unpack[Policies],
    ) -> Job: ...
    @explained
    def every(
        self,
        interval: timedelta | float | str,
        runnable: AnyFunction,
        *,
        args: Args = (),
        kwargs: Kwargs | None = None,
        start: datetime | None = None,
        name: str | None = None,
        replace: bool = False,
        **policies: Unpack[Policies],
    ) -> Job:
        """Run something at a fixed rate: at ``start + k * interval``, without drift. Return the job's handle.

        Args:
            interval: A timedelta, seconds, or a duration such as ``"1h30m"``; from 1 ms to 8 years.
            runnable: As for `schedule`.
            args: As for `schedule`.
            kwargs: As for `schedule`.
            start: The first instant, an aware datetime. By default the first run is one interval after the
                scheduler starts, or after this call if it is running.
            name: As for `schedule`.
            replace: As for `schedule`.
            **policies: As for `schedule`.

        Raises:
            BadSpec: The interval is not a duration, or is out of range.
            TypeError: The interval is of another type, or as for `schedule`.
            ValueError: ``start`` is naive, or as for `schedule`.
            RuntimeError: The scheduler has stopped.
        """
        checked = job_policies("every", policies, self._defaults, *_EVERY_ARGUMENTS)
        schedule, spec = self._specs.resolve_interval(interval, start)
        return self._add(schedule, spec, self._bound(runnable, args, kwargs), name, checked, replace=replace)

    @overload
    def scheduled(
        self, spec: str | Schedule, **policies: Unpack[_SpecArguments]
    ) -> Callable[[Function], Function]: ...
    @overload
    def scheduled(
        self, *, every: _Length, **policies: Unpack[_IntervalArguments]
    ) -> Callable[[Function], Function]: ...
    @overload
    def scheduled(
        self, spec: str | Schedule, *, args: Args, kwargs: Kwargs = ..., **policies: Unpack[_SpecArguments]
    ) -> Callable[[Parametrized], Parametrized]: ...
    @overload
    def scheduled(
        self, spec: str | Schedule, *, kwargs: Kwargs, **policies: Unpack[_SpecArguments]
    ) -> Callable[[Parametrized], Parametrized]: ...
    @overload
    def scheduled(
        self, *, every: _Length, args: Args, kwargs: Kwargs = ..., **policies: Unpack[_IntervalArguments]
    ) -> Callable[[Parametrized], Parametrized]: ...
    @overload
    def scheduled(
        self, *, every: _Length, kwargs: Kwargs, **policies: Unpack[_IntervalArguments]
    ) -> Callable[[Parametrized], Parametrized]: ...
    @explained
    def scheduled(
        self,
        spec: str | Schedule | None = None,
        *,
        every: timedelta | float | str | None = None,
        **policies: Any,
    ) -> Callable[[Parametrized], Parametrized]:
        """Register the decorated function; the function itself stays as it is.

        Args:
            spec: As for `schedule`.
            every: As ``interval`` for `every`. Pass either this or ``spec``.
            **policies: The other arguments of `schedule` or `every`.

        Raises:
            TypeError: Both or neither of ``spec`` and ``every`` are given, or the parentheses are missing.
        """
        check_keywords("scheduled", _SCHEDULED_ARGUMENTS, policies)
        if callable(spec):
            raise TypeError(
                '@scheduled needs a schedule: @scheduled("0 */15 * * * *") or @scheduled(every="30s")'
            )
        if (spec is None) is (every is None):
            raise TypeError(
                "@scheduled takes either a spec or every=, such as "
                '@scheduled("0 */15 * * * *") or @scheduled(every="30s")'
            )

        def register(function: Parametrized) -> Parametrized:
            if spec is not None:
                self.schedule(spec, function, **policies)
            elif every is not None:
                self.every(every, function, **policies)
            return function

        return register

    @explained
    def add(
        self,
        runnable: AnyFunction,
        *,
        args: Args = (),
        kwargs: Kwargs | None = None,
        name: str | None = None,
        replace: bool = False,
        **policies: Unpack[Policies],
    ) -> Job:
        """Register a job without a schedule, which runs by hand and by `now`. Return the job's handle.

        Its runs pass the same gates as those of any job: by default they do not overlap.

        Args:
            runnable: As for `schedule`. It may require arguments that each request of a run gives.
            args: The positional arguments of the runs that are requested without any.
            kwargs: The keyword arguments of these runs.
            name: As for `schedule`.
            replace: As for `schedule`.
            **policies: As for `schedule`.

        Raises:
            TypeError: As for `schedule`.
            ValueError: As for `schedule`.
            RuntimeError: The scheduler has stopped.
        """
        checked = job_policies("add", policies, self._defaults, *_ADD_ARGUMENTS)
        bound = self._bound(runnable, args, kwargs, complete=checked.on_start)
        schedule = Never(self.tz)
        return self._add(schedule, str(schedule), bound, name, checked, replace=replace)

    def on_app_start(self, function: Hook) -> Hook:
        """Call a function before the scheduler starts. Can be used as a decorator.

        The functions are called serially, in the order of registration. If one raises, the rest are not
        called and the scheduler does not start.

        Raises:
            TypeError: The function is a coroutine or generator function, requires arguments or is none.
        """
        self.hooks.add(self.hooks.on_start, function)
        return function

    def on_app_stop(self, function: Hook) -> Hook:
        """Call a function after the scheduler has stopped. Can be used as a decorator.

        The functions are called serially, in the order of registration. What one raises is logged, and the
        rest are called. None is called if the ``on_app_start`` functions did not all return.

        Raises:
            TypeError: As for `on_app_start`.
        """
        self.hooks.add(self.hooks.on_stop, function)
        return function

    def around(self, function: AroundFunction) -> AroundFunction:
        """Call a function around the work of every run. Can be used as a decorator.

        It opens a context for the job, such as that of an application or a database session, in the thread
        and with the context variables of the job. The first function that was registered is the outermost.
        The run fails if one of them raises.

        Args:
            function: A generator function with one ``yield``, or a function that returns a context manager.
                It gets the run, as `current_run` returns it.

        Raises:
            TypeError: It is neither, or it is asynchronous.
        """
        self.arounds.add(function)
        return function

    def on_success(self, function: EndingFunction) -> EndingFunction:
        """Call a function with an `Ending` after each run that is OK. Can be used as a decorator.

        These functions are called in a thread of their own, in the order of registration and one after the
        other, those of the scheduler before that of the job. However slow they are, no ending is left out.
        An exception that one raises is logged.

        Raises:
            TypeError: It cannot be called with one argument, or it is a coroutine or generator function.
        """
        self._runtime.use_callbacks().add(EndingKind.SUCCESS, function)
        return function

    def on_failure(self, function: EndingFunction) -> EndingFunction:
        """Call a function after each run that has failed, as `on_success` does.

        Raises:
            TypeError: As for `on_success`.
        """
        self._runtime.use_callbacks().add(EndingKind.FAILURE, function)
        return function

    def on_missed(self, function: EndingFunction) -> EndingFunction:
        """Call a function for ticks that started no run, and for skipped runs, as `on_success` does.

        A tick is MISSED if it came too late, and SKIPPED if the job was busy. One call may stand for several
        ticks. Ticks of a paused job are left out.

        Raises:
            TypeError: As for `on_success`.
        """
        self._runtime.use_callbacks().add(EndingKind.MISSED, function)
        return function

    # --- one-off runs -----------------------------------------------------------------------------

    @overload
    def now(
        self, runnable: Callable[..., _Work[T]], /, *args: Any, durable: bool, **kwargs: Any
    ) -> Run[T]: ...
    @overload
    def now(self, runnable: Callable[..., T], /, *args: Any, durable: bool, **kwargs: Any) -> Run[T]: ...
    @overload
    def now(  # type: ignore[overload-overlap] # `durable` is not the function's
        self, runnable: Callable[..., Any], /, *args: Any, durable: Connection, **kwargs: Any
    ) -> None: ...
    @overload
    def now(self, job: Job, /, *args: Any, **kwargs: Any) -> Run: ...
    @overload
    def now(self, runnable: type[HasRun[P, _Work[T]]], /, *a: P.args, **k: P.kwargs) -> Run[T]: ...
    @overload
    def now(self, runnable: type[HasRun[P, T]], /, *a: P.args, **k: P.kwargs) -> Run[T]: ...
    @overload
    def now(self, runnable: HasRun[P, _Work[T]], /, *a: P.args, **k: P.kwargs) -> Run[T]: ...
    @overload
    def now(self, runnable: HasRun[P, T], /, *a: P.args, **k: P.kwargs) -> Run[T]: ...
    @overload
    def now(self, runnable: Callable[P, _Work[T]], /, *a: P.args, **k: P.kwargs) -> Run[T]: ...
    @overload
    def now(self, runnable: Callable[P, T], /, *a: P.args, **k: P.kwargs) -> Run[T]: ...
    def now(  # type: ignore[misc] # `_is_durable` refuses a `durable` that is the function's
        self, runnable: object, /, *args: Any, durable: bool | Connection | None = None, **kwargs: Any
    ) -> Run | None:
        """Run something now. Return the run's handle.

        Args:
            runnable: A `Job`, whose ``overlap`` policy applies; or any runnable, as for `schedule`: that is a
                one-off run of its own, also beside a job that has the same function.
            *args: Arguments for the runnable. For a job, they take the place of all arguments that it has.
            durable: Whether the store keeps the request until the run has ended, so that it runs again after
                a restart. Then the request is on the disk before this returns; the runnable is a function
                that can be imported, and its arguments are None, bool, int, float, str, and lists and dicts
                of these. With a connection of sqlite3 to the store's file, the request is a part of its
                transaction, the scheduler that uses the store runs it after the commit, and this returns
                None.
            **kwargs: As ``args``.

        Raises:
            TypeError: The runnable cannot be run, a job not with these arguments, a durable run cannot be
                kept as JSON, or a function has a parameter of its own that is named ``durable``.
            LookupError: The job was removed.
            ValueError: The job is one of another scheduler, or the connection is not one to a store.
            RuntimeError: The scheduler has stopped; or it has no store, or has not started, and the run is
                durable.
            StoreError: The store cannot be written, and nothing was accepted.
        """
        if durable is not None and self._is_durable(runnable, durable):
            return self._request_durable(durable, Trigger.NOW, None, runnable, args, kwargs)
        job = self._one_offs.get(function_name(runnable))
        if job is None:
            return self._request_now(self._target(runnable, args, kwargs))
        function: Any = runnable
        if not args and not kwargs:
            return self._runtime.requests.request_run_now(job, function)
        call = partial(function, *args, **kwargs)
        return self._runtime.requests.request_run_now(
            job, call, argument_text(args, kwargs, self.redaction.redact)
        )

    @overload
    def in_(
        self,
        delay: _Length,
        runnable: Callable[..., _Work[T]],
        /,
        *args: Any,
        durable: bool,
        **kwargs: Any,
    ) -> Run[T]: ...
    @overload
    def in_(
        self, delay: _Length, runnable: Callable[..., T], /, *args: Any, durable: bool, **kwargs: Any
    ) -> Run[T]: ...
    @overload
    def in_(  # type: ignore[overload-overlap] # `durable` is not the function's
        self, delay: _Length, runnable: Callable[..., Any], /, *args: Any, durable: Connection, **kwargs: Any
    ) -> None: ...
    @overload
    def in_(self, delay: _Length, job: Job, /, *args: Any, **kwargs: Any) -> Run: ...
    @overload
    def in_(
        self, delay: _Length, runnable: type[HasRun[P, _Work[T]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def in_(
        self, delay: _Length, runnable: type[HasRun[P, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def in_(
        self, delay: _Length, runnable: HasRun[P, _Work[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def in_(self, delay: _Length, runnable: HasRun[P, T], /, *a: P.args, **k: P.kwargs) -> Run[T]: ...
    @overload
    def in_(
        self, delay: _Length, runnable: Callable[P, _Work[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def in_(
        self, delay: _Length, runnable: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @explained  # type: ignore[misc] # as for `now`
    def in_(
        self,
        delay: timedelta | float | str,
        runnable: object,
        /,
        *args: Any,
        durable: bool | Connection | None = None,
        **kwargs: Any,
    ) -> Run | None:
        """Run something once, after a delay. Return the run's handle.

        Args:
            delay: A timedelta, seconds, or a duration such as ``"1m"``; from 0 to 8 years.
            runnable: As for `now`.
            *args: As for `now`.
            durable: As for `now`.
            **kwargs: As for `now`.

        Raises:
            BadSpec: The text is not a duration, or the delay is longer than 8 years.
            TypeError: The delay is of another type, or as for `now`.
            LookupError: As for `now`.
            ValueError: The delay is negative, or as for `now`.
            RuntimeError: As for `now`.
            StoreError: As for `now`.
        """
        seconds = delay_seconds(delay)
        if durable is not None and self._is_durable(runnable, durable):
            return self._request_durable(
                durable, Trigger.IN, lambda now: now + seconds, runnable, args, kwargs
            )
        return self._request(Trigger.IN, lambda now: now + seconds, self._target(runnable, args, kwargs))

    @overload
    def at(
        self,
        instant: datetime,
        runnable: Callable[..., _Work[T]],
        /,
        *args: Any,
        durable: bool,
        **kwargs: Any,
    ) -> Run[T]: ...
    @overload
    def at(
        self,
        instant: datetime,
        runnable: Callable[..., T],
        /,
        *args: Any,
        durable: bool,
        **kwargs: Any,
    ) -> Run[T]: ...
    @overload
    def at(  # type: ignore[overload-overlap] # as for `now`
        self,
        instant: datetime,
        runnable: Callable[..., Any],
        /,
        *args: Any,
        durable: Connection,
        **kwargs: Any,
    ) -> None: ...
    @overload
    def at(self, instant: datetime, job: Job, /, *args: Any, **kwargs: Any) -> Run: ...
    @overload
    def at(
        self, instant: datetime, runnable: type[HasRun[P, _Work[T]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def at(
        self, instant: datetime, runnable: type[HasRun[P, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def at(
        self, instant: datetime, runnable: HasRun[P, _Work[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def at(
        self, instant: datetime, runnable: HasRun[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def at(
        self, instant: datetime, runnable: Callable[P, _Work[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @overload
    def at(
        self, instant: datetime, runnable: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Run[T]: ...
    @explained  # type: ignore[misc] # as for `now`
    def at(
        self,
        instant: datetime,
        runnable: object,
        /,
        *args: Any,
        durable: bool | Connection | None = None,
        **kwargs: Any,
    ) -> Run | None:
        """Run something once, at an instant. Return the run's handle.

        Args:
            instant: An aware datetime. For one in the past, the run starts at once.
            runnable: As for `now`.
            *args: As for `now`.
            durable: As for `now`.
            **kwargs: As for `now`.

        Raises:
            TypeError: The instant is not a datetime, or as for `now`.
            LookupError: As for `now`.
            ValueError: The instant is naive or its year is not between 1900 and 9998, or as for `now`.
            RuntimeError: As for `now`.
            StoreError: As for `now`.
        """
        due = within_calendar(Once(instant).at).timestamp()
        if durable is not None and self._is_durable(runnable, durable):
            return self._request_durable(durable, Trigger.AT, lambda _now: due, runnable, args, kwargs)
        return self._request(Trigger.AT, lambda _now: due, self._target(runnable, args, kwargs))

    # --- finding and controlling jobs -------------------------------------------------------------

    @property
    def jobs(self) -> list[Job]:
        """The jobs that have a schedule, in the order of registration."""
        records = self._kernel.inspect(lambda engine: list(engine.jobs.values()))
        return [Job(self, record) for record in records if record.schedule is not None]

    def job(self, name: str) -> Job:
        """Return the job of a name.

        Raises:
            LookupError: There is no such job, and the message has the nearest names; or the name is that of
                one-off runs.
        """
        record = self._apply_named(lambda engine, _now: _find_job(engine, name))
        if record.schedule is None:
            raise LookupError(
                f"{name} has no schedule: it groups one-off runs, each of which has its own handle"
            )
        return Job(self, record)

    def run(self, name: str, /, *args: Any, **kwargs: Any) -> Run:
        """Run a job now, by hand. Return the run's handle.

        Args:
            name: The name of the job.
            *args: As for `now`.
            **kwargs: As for `now`.

        Raises:
            LookupError: There is no such job, or the name is that of one-off runs.
            TypeError: The job cannot run with these arguments.
            RuntimeError: The scheduler has stopped.
        """
        record = self._apply_named(lambda engine, _now: _find_job(engine, name))
        if record.schedule is None:
            raise LookupError(
                f"{name} groups one-off runs, each with arguments of its own; run_again repeats one"
            )
        return self._request(Trigger.HAND, None, self._job_call(Job(self, record), args, kwargs))

    def run_again(self, number: int) -> Run:
        """Run an ended run once more, by hand and with the same arguments. Return the handle of the new run.

        A run of a job without arguments of its own gets those that the job has now. A durable run is not
        durable again.

        Raises:
            LookupError: There is no run of that number, its job was removed, or its arguments are not kept:
                they are too large, there were too many runs since, or it is from before a restart.
            RuntimeError: The run has not ended, or the scheduler has stopped.
        """
        view = self.run_view(number)
        if not view.state.ended:
            raise RuntimeError(f"run {number} has not ended: it is {view.state.value}")
        kept = self._kernel.runs.calls.find(number)
        if kept is None:
            if view.arguments or not any(job.name == view.job for job in self.jobs):
                raise LookupError(
                    f"run {number} cannot run again: its arguments are not kept, because they are too large, "
                    f"{MAX_CALLS:,} runs have ended since, or it is from before a restart"
                )
            return self.run(view.job)
        target: _JobCall | Runnable
        if kept.job.schedule is None:
            runnable = kept.job.runnable
            target = Runnable(kept.call, runnable.name, runnable.description, kept.arguments)
        else:
            target = _JobCall(Job(self, kept.job), kept.call, kept.arguments)
        return self._request(Trigger.HAND, None, target)

    def pause(
        self,
        job: str | Job,
        *,
        until: datetime | str | None = None,
        for_: timedelta | float | str | None = None,
        note: str = "",
        by: str = "code",
    ) -> bool:
        """Stop a job's ticks from starting runs, until `resume`, or until an instant.

        Only ticks are stopped. Runs that wait already, QUEUED, HELD or SCHEDULED, still start: cancel them if
        they must not. So do runs that are requested by hand or with `now`.

        A job that is paused already gets the new end and the new note; without either it stays as it is.

        Args:
            job: The job, or its name.
            until: When the job resumes by itself: an aware datetime, a text in ISO 8601, or ``"08:00"``, the
                next time that the wall clock shows it. A text without an offset is in the scheduler's zone.
                The wall clock decides, also if it is set.
            for_: How long the pause lasts, in place of ``until``: a timedelta, seconds, or a duration such as
                ``"1h"``.
            note: The reason for the pause, in one line, for all who see the job.
            by: What or who pauses the job, for all who see it.

        Returns:
            Whether this has changed anything. False if the job has no schedule.

        Raises:
            LookupError: There is no such job.
            ValueError: The job is one of another scheduler, the end is not an instant in the future, or a
                text is not printable.
            TypeError: An argument is of another type, or both ``until`` and ``for_`` are given.
        """
        end = pause_end(until, for_, self._kernel.clock.now(), self.tz)
        note, by = one_line_text("note", note), one_line_text("by", by)
        return self._change(
            lambda engine, now: engine.pause_job(
                self._record_of(engine, job), now, until=end, note=note, by=by
            )
        )

    @explained
    def update(
        self,
        job: str | Job,
        *,
        spec: str | Schedule | timedelta | float | None = None,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
        **policies: Unpack[Policies],
    ) -> None:
        """Change the schedule or the policies of a job. It keeps its counters, history, pause and runs.

        Args:
            job: The job, or its name.
            spec: The new schedule: a spec or a `Schedule` as for `schedule`, or an interval as for `every`,
                which begins now. None for the one that the job has.
            tz: As for `schedule`, of the new spec.
            dst: As for `schedule`, of the new spec; by default that of the spec that the job has, if any.
            **policies: As for `schedule`. Those that are not given stay; None stands for the default of the
                scheduler, so ``until=None`` takes the end away.

        Raises:
            BadSpec: As for `schedule` and `every`. If an error is raised, nothing has changed.
            LookupError: There is no such job, it was removed, it has no schedule, or as for `schedule`.
            TypeError: As for `schedule`, or ``tz`` or ``dst`` is given without a spec.
            ValueError: As for `schedule`, or the job is one of another scheduler.
        """
        changes = changed_policies("update", policies, self._defaults, "job", "spec", "tz", "dst")
        given = None
        if spec is not None:
            replaced = self._apply_named(lambda engine, _: self._record_of(engine, job))
            given = self._specs.with_rule_of(replaced.schedule).resolve_either(spec, tz=tz, dst=dst)
            if given[0] is spec:  # as for `schedule`
                next_tick(given[0], utc(self._kernel.clock.now()))
            # A job without a schedule may lack arguments; ticks have none to give.
            check_arguments(replaced.runnable.call)
        elif tz is not None or dst is not None:
            raise TypeError("update() takes tz and dst together with a spec")
        if any(name.startswith("on_") for name in changes):
            self._runtime.use_callbacks()

        def update(engine: Engine, now: float) -> None:
            record = self._record_of(engine, job)
            if record.removed:
                raise LookupError(f"job {record.name!r} was removed")
            if record.schedule is None:
                raise LookupError(f"{record.name} groups one-off runs: it has no schedule and no policies")
            self._kernel.check_clock_step(now)  # before the next tick, which is computed from the new time
            schedule, shown = given or (record.schedule, record.spec)
            if given:
                _set_start(changes, schedule, record, self._defaults)
            changed = replace_policies(record.policies, **changes)
            if given or any(name in _ADJUSTMENTS for name in changes):
                schedule = adjusted(schedule, changed, record.name, self.tz)
            new = record.changed(schedule, shown, schedule_key(schedule, shown), changed)
            engine.change_job(record, new, now)

        self._change(update)
        self._runtime.poller.finish_work()

    def schedule_for(self, job: str, spec: str) -> Schedule:
        """Return the schedule that `update` would give to a job, with the adjustments of its policies.

        Args:
            job: The name of the job.
            spec: As for `update`.

        Raises:
            BadSpec: As for `update`.
            LookupError: As for `update`.
            TypeError: As for `update`.
            ValueError: As for `update`.
        """
        record = self._apply_named(lambda engine, _now: _find_job(engine, job))
        if record.schedule is None:
            raise LookupError(f"{record.name} groups one-off runs: it has no schedule and no policies")
        specs = self._specs.with_rule_of(record.schedule)
        schedule, _ = specs.resolve_either(spec, tz=None, dst=None)
        check_arguments(record.runnable.call)
        return adjusted(schedule, record.policies, record.name, self.tz)

    def resume(self, job: str | Job) -> bool:
        """Let a paused job's ticks start runs again, from the next tick on.

        Returns:
            False if the job is not paused.

        Raises:
            LookupError: There is no such job.
            ValueError: The job is one of another scheduler.
        """
        return self._change(lambda engine, now: engine.resume_job(self._record_of(engine, job), now))

    def pause_all(self, *, by: str = "code") -> int:
        """Pause every job that is not paused. Returns their number.

        Args:
            by: As for `pause`.
        """
        by = one_line_text("by", by)
        return self._change(
            lambda engine, now: sum([engine.pause_job(job, now, by=by) for job in engine.jobs.values()])
        )

    def resume_all(self) -> int:
        """Resume every paused job. Returns their number."""
        return self._change(
            lambda engine, now: sum([engine.resume_job(job, now) for job in engine.jobs.values()])
        )

    def cancel(self, number: int) -> Cancellation:
        """Cancel a run by its number, as `Run.cancel` does.

        Returns:
            The outcome. `Cancellation.TOO_LATE`, which is false, if the run has ended or never existed.
        """
        run = self._kernel.inspect(lambda engine: engine.find_run(number))
        return Cancellation.TOO_LATE if run is None else self._runtime.requests.cancel(run)

    def remove(self, job: Job) -> bool:
        """Remove a job: cancel its waiting runs; a running one continues.

        Returns:
            False if the job was removed before.

        Raises:
            ValueError: The job is one of another scheduler.
        """
        removed = self._change(lambda engine, now: engine.remove_job(self._record_of(engine, job), now))
        self._runtime.poller.finish_work()
        return removed

    def resize(self, pool: int) -> None:
        """Change how many runs may be RUNNING at once; 0 for no limit. A smaller pool ends no run.

        Raises:
            TypeError: The size is not an int.
            ValueError: The size is negative.
        """
        size = pool_size(pool)
        self._change(lambda engine, now: engine.resize(size, now))

    # --- reading the state ------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the current view of the whole scheduler."""
        return self._runtime.observation.snapshot()

    def subscribe(self, notify: Callable[[], None] | None = None) -> Subscription:
        """Take a snapshot and follow every event after it.

        Args:
            notify: Called after a change, once until you read, in a thread of the scheduler: it must be
                quick and must not block. What it raises is logged.
        """
        return self._runtime.observation.subscribe(notify)

    def on_change(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call a function after every change, until the function that this returns is called.

        This costs less than `subscribe`, because no events are stored.

        Args:
            notify: Called in a thread of the scheduler: it must be quick and must not block. What it raises
                is logged.
        """
        return self._runtime.observation.on_change(notify)

    def runs_of(self, name: str) -> tuple[RunView, ...]:
        """Return the latest endings of one job, newest first, at most 20.

        Raises:
            LookupError: There is no such job.
        """
        views = self._apply_named(lambda engine, _now: engine.recent_runs(_find_job(engine, name)))
        return self._runs.recent(views)

    def find_runs(
        self,
        *,
        job: str | None = None,
        state: RunState | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = MAX_RUNS,
    ) -> list[RunView]:
        """Return the runs that meet all conditions, as far as the ledger or the store keeps ended ones.

        RUNNING runs come first, then QUEUED, HELD and SCHEDULED ones, then endings, the latest first; among
        the endings are those of ticks that started no run.

        Args:
            job: The name of the job. Its latest 20 endings are found in any case.
            state: The state.
            since: The first instant at which the run may have ended: an aware datetime.
            until: The last such instant.
            limit: How many runs are returned at most.

        Raises:
            LookupError: There is no job of that name, and no run of it.
            ValueError: An instant is naive.
        """
        found = self._runs.find(job=job, state=state, since=since, until=until, limit=limit)
        if job is not None and not found:
            self._apply_named(lambda engine, _now: _find_job(engine, job))
        return found

    def search_runs(self, query: str, *, limit: int = 100, cursor: str = "") -> RunPage:
        """Return a page of the runs, and of the ticks that started none, that meet a query, newest first.

        Only ended ones meet it, as far as the ledger or the store keeps them, unless the query asks for a
        state that is not final. The order stays the same while new runs arrive.

        Args:
            query: A query such as ``job:import* state:failed since:2d took:>5s "timed out"``; "" for all.
            limit: How many runs are returned at most.
            cursor: The `next` of the page before; "" for the first page.

        Raises:
            ValueError: The query or the cursor is not valid.
        """
        return self._runs.search(query, limit, cursor)

    def endings_from(self, since: datetime, *, job: str | None = None, limit: int) -> list[RunView]:
        """Return the first endings of runs and ticks from an instant on, oldest first.

        Args:
            since: The first instant at which they may have ended: an aware datetime.
            job: The name of the job; None for all.
            limit: How many are returned at most.
        """
        return self._runs.endings_from(since.timestamp(), job, limit)

    def run_columns(self, job: str, *, limit: int = MAX_POINTS) -> RunColumns:
        """Return the latest runs of a job that have started and ended, as columns of plain values.

        Charts of thousands of runs read them.

        Args:
            job: The name of the job.
            limit: How many runs are returned at most.
        """
        return self._runs.columns(job, limit)

    def oldest_ending(self) -> datetime | None:
        """Return when the oldest ending that is kept has ended; None if none is kept.

        Failures do not count, because they are kept for longer.
        """
        return self._runs.oldest_ending()

    def run_view(self, number: int) -> RunView:
        """Return the run of a number, waiting, running or ended.

        Raises:
            LookupError: There is no run of that number, or it has ended and is not kept any more.
        """
        return self._runs.view(number)

    def output_of(self, number: int) -> str | None:
        """Return the first and the last part of what a run printed; None if output is not recorded.

        It is recorded under the dashboard and with ``--listen``. It is "" if the run has printed nothing.

        Raises:
            LookupError: There is no run of that number, or it has ended and is not kept any more.
        """
        return self._runs.output(number)

    def pool_view(self) -> PoolView:
        """Return the current view of the pool."""
        return self._kernel.inspect(Engine.pool_view)

    def stack(self, number: int) -> RunStack | None:
        """Return what the thread or the task of a run is doing now; None if no work of the run goes on.

        Args:
            number: The number of a RUNNING run, or of one that was abandoned.
        """
        record = self._kernel.inspect(lambda engine: engine.find_working(number))
        if record is None:
            return None
        frames, at = self._kernel.frames_of(record), self._kernel.clock.now()
        return run_stack(record.view(self.tz), frames, datetime.fromtimestamp(at, self.tz))

    def job_view(self, record: JobRecord) -> JobView:
        """Return the current view of a job."""
        return self._kernel.inspect(lambda _: record.view(self.tz))

    def counters(self) -> Iterator[JobCounters]:
        """Yield how the runs and ticks of each job have ended, in the order of registration.

        The counters of a job belong together. Those of different jobs may be of different moments, because
        the lock is held for a few jobs at a time.
        """

        def read(jobs: list[JobRecord]) -> list[JobCounters]:
            return self._kernel.inspect(lambda _: [job.counters() for job in jobs if not job.removed])

        jobs = self._kernel.inspect(lambda engine: list(engine.jobs.values()))
        for first in range(0, len(jobs), COUNTERS_PER_HOLD):
            yield from read(jobs[first : first + COUNTERS_PER_HOLD])

    def refresh_views(self) -> Iterator[None]:
        """Build the views of the jobs that have changed, a few at each step of the iteration.

        After that, `snapshot` has little left to build and returns sooner.
        """
        return self._runtime.observation.refresh_views()

    def liveness(self) -> Liveness:
        """Return whether the scheduler is alive. Never blocks, even if the lock is held forever."""
        return self._runtime.lifecycle.liveness()

    def stop_logging(self) -> None:
        """Log neither failing runs, missed ticks nor notices from now on: the caller shows the events."""
        self._kernel.runs.attachments.ending_log.enabled = False

    def use_store(self, path: str | os.PathLike[str], *, job_file: str | None = None) -> None:
        """Keep the ledger, the output and the state of the jobs in a file. Call this before the start.

        Args:
            path: The SQLite file; it is made if it does not exist.
            job_file: The file whose git commit and hash are noted in the store; None for the program's.
        """
        from jobtui.runtime.durable_requests import DurableRequests  # noqa: PLC0415 - lazy: imports sqlite3
        from jobtui.runtime.recording import Recording  # noqa: PLC0415 - lazy: imports sqlite3
        from jobtui.store.lives import Origin  # noqa: PLC0415 - as above
        from jobtui.store.store import Store  # noqa: PLC0415 - as above

        file = job_file or getattr(sys.modules.get("__main__"), "__file__", None)
        quiet = [each.text for each in self._kernel.engine.quiet.times]
        origin = Origin(zone=zone_name(self.tz), file=file or "", quiet=quiet)
        clock = self._kernel.clock
        make_store = partial(
            Store, store_path(path), origin, self._keep, now=clock.now, monotonic=clock.monotonic
        )
        durable = DurableRequests(self._kernel, self._runtime.requests, self._catch_up_rules)
        recording = Recording(self._kernel, make_store, self._single, self._catch_up_rules, durable)
        self._runs.history = recording.history
        self._runtime.lifecycle.record_in(recording)

    @property
    def recording(self) -> Recording | None:
        """The connection to the store; None without one."""
        return self._runtime.lifecycle.recording

    # --- start and stop ---------------------------------------------------------------------------

    @explained
    def start(self) -> None:
        """Call the ``on_app_start`` functions, then start. A scheduler that was stopped can start again.

        It then has its jobs, their counters and the ledger as before, and their next ticks are those after
        now. Runs that waited at the stop were cancelled.

        If another scheduler uses the store, this returns at once, and all of that happens in a thread of its
        own when the other one has ended. Until then the phase is STANDBY.

        Raises:
            StartError: One of the functions raised. SystemExit and KeyboardInterrupt are passed on as they
                are. Or another scheduler uses the store, and this one is not to wait for it. In each case the
                scheduler has stopped, and the runs that wait are cancelled.
            RuntimeError: The scheduler runs, or it is stopping, or this is a forked copy of one that has
                started; or the event loop that was given does not run.
        """
        self._start_with(self._loop)

    async def start_async(self) -> None:
        """Start as `start` does, in another thread, without blocking the event loop of the caller.

        Coroutines then run on that loop, unless another was given to the scheduler.

        Raises:
            StartError: As for `start`.
            RuntimeError: As for `start`.
        """
        from asyncio import get_running_loop  # noqa: PLC0415 - lazy: a program without coroutines needs none

        from jobtui.runtime.awaiting import call_in_thread, completed  # noqa: PLC0415 - as above

        start = partial(self._start_with, self._loop or get_running_loop())
        await completed(call_in_thread(start, name="jobtui-start"), undo=partial(self.stop, 0))

    def _start_with(self, loop: asyncio.AbstractEventLoop | None) -> None:
        claim, lifecycle = object(), self._runtime.lifecycle
        if loop is not None and not loop.is_running():
            raise RuntimeError("the event loop that runs the coroutines must run before the scheduler starts")
        try:
            lifecycle.claim_start(claim)
            if loop is not None:
                lifecycle.use_loop(loop)
            try:
                if not lifecycle.open_store():
                    lifecycle.stand_by(self._start)
                    return
            except BaseException as error:
                lifecycle.give_up_start(error)
                raise
            self._start()
        finally:
            lifecycle.release_claim(claim, None)

    def _start(self) -> None:
        lifecycle = self._runtime.lifecycle
        try:
            self.hooks.call_start_functions()
        except BaseException as error:
            lifecycle.give_up_start(error)
            raise
        lifecycle.stop_without(self)
        try:
            lifecycle.start()
        except BaseException:
            if self.liveness().phase is not Phase.RUNNING:  # the start functions have all returned
                self.hooks.call_stop_functions()
            raise

    @explained
    def stop(self, grace: float = GRACE) -> bool:
        """Stop: cancel what waits, let running work end, then call the ``on_app_stop`` functions.

        Blocks for at most ``grace`` seconds and the ``on_app_stop`` functions. Does not wait for the run that
        calls this, if any.

        Args:
            grace: How many seconds running work gets. What has not ended by then ends as CANCELLED and is
                asked to stop; a thread that does not read the stop request may continue unseen.

        Returns:
            Whether all work ended in time. If a signal handler that has interrupted the scheduler itself
            calls this, another thread stops the scheduler, and the answer is False at once.

        Raises:
            TypeError: The grace is not a number.
            ValueError: The grace is negative.
            RuntimeError: The caller is in the event loop of the application that runs the coroutines.
        """
        if self._kernel.reentered:
            threading.Thread(target=self.stop, args=(grace,), name="jobtui-stop", daemon=True).start()
            return False
        keep_limit("grace", grace, 0)
        lifecycle = self._runtime.lifecycle
        lifecycle.check_may_block("stop()", "await scheduler.stop_async()")

        def finish() -> None:
            lifecycle.wait_cleaned_up()
            self.hooks.call_stop_functions()

        return lifecycle.stop(grace, finish)

    async def stop_async(self, grace: float = GRACE) -> bool:
        """Stop as `stop` does, in another thread, without blocking the event loop of the caller.

        Args:
            grace: As for `stop`.

        Returns:
            Whether all work ended in time.
        """
        from jobtui.runtime.awaiting import call_in_thread, completed  # noqa: PLC0415 - lazy: imports asyncio

        return await completed(call_in_thread(partial(self.stop, grace), name="jobtui-stop"))

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, with the default grace."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start, and run coroutines on the event loop of the caller."""
        await self.start_async()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, with the default grace, and wait for the coroutines that this cancels."""
        await self.stop_async()

    # --- implementation ---------------------------------------------------------------------------

    def _bound(self, value: object, args: Any, kwargs: Any, *, complete: bool = True) -> Runnable:
        """Return the runnable of a job with its arguments, which have to be complete or may lack all."""
        runnable = as_runnable(value)
        args, kwargs = call_arguments(args, kwargs)
        if complete or args or kwargs:
            check_arguments(runnable.call, args, kwargs)
        if args or kwargs:
            runnable.bind(args, kwargs, argument_text(args, kwargs, self.redaction.redact))
        return _described(runnable)

    def _add(
        self,
        schedule: Schedule,
        spec: str,
        runnable: Runnable,
        name: str | None,
        policies: JobPolicies,
        *,
        replace: bool,
    ) -> Job:
        if policies.on_success or policies.on_failure or policies.on_missed:
            self._runtime.use_callbacks()
        self._runtime.lifecycle.check_own_process()
        known_name = job_name(name) or runnable.name
        schedule = adjusted(schedule, policies, known_name, self.tz)
        record = JobRecord(
            known_name,
            runnable,
            schedule,
            spec=spec,
            policies=policies,
            schedule_key=schedule_key(schedule, spec),
            is_named=name is not None,
            code_key=code_key(runnable.call),
            place=calling_place(),
        )
        record = self._runtime.poller.add_job(record, replace=replace)
        notice_if_unstarted(self, record.name, record.place)
        return Job(self, record)

    def _target(self, value: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _JobCall | Runnable:
        """Return the job, or the runnable with its arguments, that `now`, `in_` or `at` is to run."""
        if isinstance(value, Job):
            return self._job_call(value, args, kwargs)
        runnable = _described(as_runnable(value))
        if args or kwargs:
            runnable.bind(args, kwargs, argument_text(args, kwargs, self.redaction.redact))
        return runnable

    def _job_call(self, job: Job, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _JobCall:
        """Return the call of a job with the arguments of one run, or else with those of the job."""
        runnable = job._record.runnable  # noqa: SLF001 - a class of this package
        if not args and not kwargs:
            if isinstance(job.schedule, Never) and runnable.unbound is None:
                check_arguments(runnable.call, advice=_RUN_ARGUMENTS)
            return _JobCall(job)
        check_arguments(runnable.function, args, kwargs, advice=_RUN_ARGUMENTS)
        text = argument_text(args, kwargs, self.redaction.redact)
        return _JobCall(job, partial(runnable.function, *args, **kwargs), text)

    def _request_now(self, target: _JobCall | Runnable) -> Run:
        if isinstance(target, Runnable) and (job := self._one_offs.get(target.name)) is not None:
            return self._runtime.requests.request_run_now(job, target.call, target.arguments)
        return self._request(Trigger.NOW, None, target)

    def _request(
        self, trigger: Trigger, due: Callable[[float], float] | None, target: _JobCall | Runnable
    ) -> Run:
        if due is not None and isinstance(target, Runnable):
            # Now, or the run would fail after the delay.
            check_arguments(target.call, advice=_RUN_ARGUMENTS)

        def submit(engine: Engine, now: float) -> RunRecord:
            call, arguments = target.call, target.arguments
            if isinstance(target, _JobCall):
                record = self._record_of(engine, target.job)
                if record.removed:
                    raise LookupError(f"job {record.name!r} was removed")
            else:
                record = engine.one_off_job(target, now)
            if due is None:
                return engine.submit(record, trigger, now, call, arguments)
            return engine.submit_later(record, trigger, due(now), now, call, arguments)

        return self._runtime.requests.request_run(submit)

    @staticmethod
    def _is_durable(runnable: object, durable: object) -> bool:
        """Return whether a run is durable, if that is given."""
        try:
            own = "durable" in inspect.signature(runnable).parameters  # type: ignore[arg-type] # or TypeError
        except Exception:  # noqa: BLE001 - a job, a function in C, or from an attribute of the user's object
            own = False
        if own:
            raise TypeError(
                "the function has a parameter of its own that is named durable: pass its value by position, "
                "or with functools.partial"
            )
        return durable is not False

    def _request_durable(  # noqa: PLR0917 - the arguments of `now`
        self,
        durable: bool | Connection,
        trigger: Trigger,
        due: Callable[[float], float] | None,
        function: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Run | None:
        """Write a request to the disk, or through the connection of the user."""
        if isinstance(function, Job):
            raise TypeError(f"{function.name} is a job; a durable run needs the function, without its job")
        call = describe_call(function, args, kwargs)
        if durable is not True:
            from jobtui.store.one_off_rows import StoredOneOff, insert_untaken  # noqa: PLC0415 - imports sqlite3

            now = self._kernel.clock.now()
            insert_untaken(
                durable,
                StoredOneOff(
                    function=call.function,
                    arguments=call.arguments,
                    trigger=trigger.value,
                    created=now,
                    due=None if due is None else due(now),
                ),
            )
            return None
        recording = self.recording
        if recording is None:
            raise RuntimeError(
                "a durable run needs a store: Scheduler(store=FILE), jobs.store in the settings, or "
                "--store FILE"
            )
        self._runtime.lifecycle.check_accepting()
        return recording.durable.request(call, trigger, due)

    def _change(self, command: Callable[[Engine, float], Result]) -> Result:
        """Apply a command that changes jobs or the pool. That of a forked copy would change nothing."""
        self._runtime.lifecycle.check_own_process()
        return self._apply_named(command)

    def _apply_named(self, command: Callable[[Engine, float], Result]) -> Result:
        """Apply a command that finds a job by its name."""
        with self._suggesting_names():
            return self._kernel.apply(command)

    @contextmanager
    def _suggesting_names(self) -> Iterator[None]:
        """Add the nearest names to the error for an unknown job. That takes long, so it is done out here."""
        try:
            yield
        except _UnknownJobError as error:
            [name] = error.args
            names = self._kernel.inspect(lambda engine: list(islice(engine.jobs, MAX_NAMES_COMPARED)))
            near = get_close_matches(str(name)[:80], names, n=3)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise LookupError(f"there is no job {name!r}{hint}") from None

    def _record_of(self, engine: Engine, job: str | Job) -> JobRecord:
        """Return the engine's record of a job, which may have been removed if a handle is given."""
        if not isinstance(job, Job):
            return _find_job(engine, job)
        if job._scheduler is not self:  # noqa: SLF001 - a class of this package
            raise ValueError(f"{job.name} is a job of another scheduler")
        return job._record  # noqa: SLF001 - as above


class _JobCall(NamedTuple):
    """A call of a job.

    Attributes:
        job: The job.
        call: The call with the arguments that were given; None for that of the job.
        arguments: These arguments, as a short text.
    """

    job: Job
    call: Call | None = None
    arguments: str = ""


class _UnknownJobError(LookupError):
    """There is no job of a name. `Scheduler._suggesting_names` adds the nearest names to the message."""


def _described(runnable: Runnable) -> Runnable:
    """Describe a runnable before the lock is taken, if that may execute code of the user."""
    if not runnable.is_function:
        runnable.describe()
    return runnable


def _set_start(changes: dict[str, Any], schedule: Schedule, record: JobRecord, defaults: JobPolicies) -> None:
    """Add to changes whether a job with another schedule runs at the start: ``@reboot`` means that alone."""
    if isinstance(schedule, Never):
        changes["on_start"] = True
    elif record.spec.strip().lower().endswith(AT_START):
        changes.setdefault("on_start", defaults.on_start)


def _find_job(engine: Engine, name: str) -> JobRecord:
    """Return the engine's record of a job."""
    try:
        return engine.jobs[name]
    except KeyError:
        raise _UnknownJobError(name) from None
