"""The scheduler as users see it: register, run, steer, start and stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from itertools import islice
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from jobtui.engine.enums import (
    Cancellation,
    Misfire,
    MisfireName,
    Overlap,
    OverlapName,
    Trigger,
)
from jobtui.engine.records import MAX_HELD, Call, JobRecord
from jobtui.engine.runnables import Runnable, as_runnable
from jobtui.engine.views import JobCounters, JobView, Liveness, PoolView, RunView, Snapshot
from jobtui.runtime.attachments import attachments_of
from jobtui.runtime.clock import Clock, SystemClock
from jobtui.runtime.handles import Job, Run
from jobtui.runtime.hooks import Hooks, StartError
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.subscriptions import Subscription
from jobtui.runtime.validation import delay_seconds, held_limit, job_name, policy, pool_size
from jobtui.schedules.parser import SpecResolver
from jobtui.schedules.schedule import Dst, Every, Once, Schedule
from jobtui.schedules.zones import LAST_YEAR, zone

if TYPE_CHECKING:
    from jobtui.engine.engine import Engine
    from jobtui.engine.records import RunRecord

DEFAULT_POOL = 10
GRACE = 10.0  # seconds that running work gets to end when the scheduler stops
FIRST_YEAR = 1900  # in which `at` may lie

TOGETHER = 200  # jobs that are counted in one hold of the lock
DRAWN_TOGETHER = 20  # jobs that are drawn in one hold of the lock: about a fifth of a millisecond
MOST_COMPARED = 1_000  # names that a wrong name is compared with, because the lock is held meanwhile

_COALESCE = Misfire.COALESCE  # looking up an enum's member takes a tenth of a microsecond in Python 3.11
_NO_BODY = CO_GENERATOR | CO_ASYNC_GENERATOR  # of functions that calling does not run

_NO_JOB = JobRecord("", as_runnable(lambda: None), None, spec="")
_NO_JOB.removed = True

Function = TypeVar("Function", bound=Callable[..., Any])


class Scheduler:
    """A scheduler with its own pool, timer and worker threads.

    ``with Scheduler(pool=4) as scheduler:`` starts it and, at the end, stops it.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of cron specs that name none and of the times it shows; None is the machine's zone.
        dst: What fixed times do on the nights the clocks change, where a job does not say; see
            `jobtui.parse`.
        overlap: What becomes of a run while another of its job is going, where the job does not say.
        schedules: Named specs: what ``schedule("cron.name", ...)`` looks up, by whole key.
        clock: Where the time comes from; tests pass a `ManualClock`.

    Raises:
        ValueError: A negative pool, an unknown policy, DST rule or zone.
    """

    _kernel_type: ClassVar[type[Kernel]] = Kernel  # the test kit has another one

    def __init__(
        self,
        *,
        pool: int = DEFAULT_POOL,
        tz: str | tzinfo | None = None,
        dst: Dst = "once",
        overlap: OverlapName = "hold",
        schedules: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.tz = zone(tz)
        self._specs = SpecResolver(schedules or {}, tz, dst)
        self._overlap = policy(Overlap, "overlap", overlap)
        self._kernel = self._kernel_type(pool=pool_size(pool), tz=self.tz, clock=clock or SystemClock())
        self._one_offs = self._kernel.one_offs
        # What `now` was asked for last, and its job: there is nothing to find out about it the next time.
        self._latest: tuple[Callable[..., Any], JobRecord] = _NO_JOB.runnable.call, _NO_JOB
        self.hooks = Hooks()

    # --- registering ------------------------------------------------------------------------------

    def schedule(
        self,
        spec: str | Schedule,
        runnable: object,
        *,
        name: str | None = None,
        tz: str | tzinfo | None = None,
        dst: Dst | None = None,
        overlap: OverlapName | None = None,
        misfire: MisfireName = "coalesce",
        max_held: int = MAX_HELD,
    ) -> Job:
        """Run something on a schedule.

        Args:
            spec: Six cron fields (seconds first), five (a crontab line), ``@daily`` and its like,
                ``@every 1h30m``, the name of a spec in the settings (``cron.name``), or a schedule.
            runnable: An object with ``run()``, a function, a ``functools.partial`` or a coroutine function.
            name: The job's name; the runnable's own by default. A name that is taken gets a number.
            tz: The zone of the spec, if the spec names none; by default the scheduler's.
            dst: What happens on the nights the clocks change, see `jobtui.parse`; by default what the
                scheduler says.
            overlap: What becomes of a run while another of this job is going: ``"hold"`` it (the
                default), ``"skip"`` it or ``"allow"`` it. The scheduler's setting by default.
            misfire: What becomes of ticks that passed unseen: one run for all (``"coalesce"``), none
                (``"skip"``) or one for each (``"all"``).
            max_held: How many runs of this job may be held before its ticks are skipped.

        Raises:
            BadSpec: The spec is not one; the message says what is wrong with it.
            LookupError: The settings have no spec of that name; the message lists those there are.
            TypeError: The runnable cannot be run, and the message says what can; or ``max_held`` is no int.
            ValueError: An unknown policy, or a ``max_held`` below 1.
            RuntimeError: The scheduler has stopped.
        """
        parsed, shown = self._specs.resolve(spec, tz=tz, dst=dst)
        return self._add(
            parsed,
            as_runnable(runnable),
            spec=shown,
            name=name,
            overlap=overlap,
            misfire=misfire,
            max_held=max_held,
        )

    def every(
        self,
        interval: timedelta | float | str,
        runnable: object,
        *,
        start: datetime | None = None,
        name: str | None = None,
        overlap: OverlapName | None = None,
        misfire: MisfireName = "coalesce",
        max_held: int = MAX_HELD,
    ) -> Job:
        """Run something at a fixed rate: at ``start + k * interval``, without drift.

        Args:
            interval: A timedelta, seconds, or a duration such as ``"1h30m"``; from 1 ms to 8 years.
            runnable: As for `schedule`.
            start: The first instant, aware; by default one interval after the scheduler starts.
            name: As for `schedule`.
            overlap: As for `schedule`.
            misfire: As for `schedule`.
            max_held: As for `schedule`.

        Raises:
            BadSpec: The interval is not one, or out of range.
            TypeError: The interval or the runnable is of another type.
            ValueError: As for `schedule`, or a ``start`` without a zone.
        """
        schedule = Every(interval, start)
        spec = str(schedule).removeprefix("@")
        return self._add(
            schedule,
            as_runnable(runnable),
            spec=spec,
            name=name,
            overlap=overlap,
            misfire=misfire,
            max_held=max_held,
        )

    def scheduled(
        self,
        spec: str | Schedule | None = None,
        *,
        every: timedelta | float | str | None = None,
        **policies: Any,
    ) -> Callable[[Function], Function]:
        """Register the decorated function and leave it as it is.

        Args:
            spec: As for `schedule`.
            every: As ``interval`` for `every`; give this or ``spec``.
            **policies: What `schedule` or `every` takes beside these.

        Raises:
            TypeError: Both of ``spec`` and ``every``, or neither, or used without parentheses.
        """
        if callable(spec):
            raise TypeError(
                '@scheduled needs a schedule: @scheduled("0 */15 * * * *") or @scheduled(every="30s")'
            )
        if (spec is None) is (every is None):
            raise TypeError("@scheduled takes a spec or every=, and not both")

        def register(function: Function) -> Function:
            if spec is not None:
                self.schedule(spec, function, **policies)
            elif every is not None:
                self.every(every, function, **policies)
            return function

        return register

    def on_app_start(self, function: Function) -> Function:
        """Call a function before the scheduler starts: serially, in the order of registration.

        If one raises, the rest are not called and the scheduler does not start.
        """
        self.hooks.on_start.append(function)
        return function

    def on_app_stop(self, function: Function) -> Function:
        """Call a function once the scheduler has stopped: serially, in the order of registration.

        If one raises, that is logged and the rest are called. None is, if the start did not come through.
        """
        self.hooks.on_stop.append(function)
        return function

    # --- one-off runs -----------------------------------------------------------------------------

    def now(self, runnable: object, *args: Any, **kwargs: Any) -> Run:
        """Run something now: a `Job` (after its earlier runs), or any runnable, with arguments.

        Raises:
            TypeError: It cannot be run, or a job is given arguments.
            RuntimeError: The scheduler has stopped.
        """
        function, job = self._latest
        if runnable is not function or job.removed:
            known = self._one_off_job_of(runnable)
            if known is None:
                return self._request(Trigger.NOW, None, runnable, args, kwargs)
            self._latest = function, job = cast("Callable[..., Any]", runnable), known
        call = partial(function, *args, **kwargs) if args or kwargs else function
        return self._kernel.request_run_now(job, call)

    def in_(self, delay: timedelta | float | str, runnable: object, *args: Any, **kwargs: Any) -> Run:
        """Run something once, after a delay: a timedelta, seconds, or a duration such as ``"1m"``.

        Raises:
            BadSpec: The delay is not a duration.
            TypeError: As for `now`.
            ValueError: The delay is negative or longer than 8 years.
            RuntimeError: The scheduler has stopped.
        """
        seconds = delay_seconds(delay)
        return self._request(Trigger.IN, lambda now: now + seconds, runnable, args, kwargs)

    def at(self, instant: datetime, runnable: object, *args: Any, **kwargs: Any) -> Run:
        """Run something once, at an instant: an aware datetime. One in the past runs at once.

        Raises:
            TypeError: As for `now`, or the instant is not a datetime.
            ValueError: The instant has no zone, or its year is not between 1900 and 9998.
            RuntimeError: The scheduler has stopped.
        """
        due = Once(instant).at.timestamp()
        if not FIRST_YEAR <= instant.year <= LAST_YEAR:
            raise ValueError(f"{instant} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
        return self._request(Trigger.AT, lambda _now: due, runnable, args, kwargs)

    # --- steering ---------------------------------------------------------------------------------

    @property
    def jobs(self) -> list[Job]:
        """The jobs that have a schedule, in the order of registration."""
        records = self._kernel.inspect(lambda engine: list(engine.jobs.values()))
        return [Job(self, record) for record in records if record.schedule is not None]

    def job(self, name: str) -> Job:
        """The job of that name.

        Raises:
            LookupError: There is none, or it is a group of one-off runs; the message names the nearest ones.
        """
        record = self._kernel.inspect(lambda engine: find_job(engine, name))
        if record.schedule is None:
            raise LookupError(f"{name} has no schedule: it stands for one-off runs, each with its own handle")
        return Job(self, record)

    def run(self, name: str) -> Run:
        """Run a job now, by hand. A group of one-off runs has no schedule to run again.

        Raises:
            LookupError: There is no such job, or it is a group of one-off runs.
            RuntimeError: The scheduler has stopped.
        """

        def submit(engine: Engine, now: float) -> RunRecord:
            record = find_job(engine, name)
            if record.schedule is None:
                raise LookupError(f"{name} ran once: its arguments are gone, so it cannot be run again")
            return engine.submit(record, Trigger.HAND, now)

        return self._kernel.request_run(submit)

    def pause(self, job: str | Job) -> bool:
        """Let a job's ticks start no runs. Returns False if it was paused already or has no schedule."""
        return self._kernel.apply(lambda engine, now: engine.pause_job(self._record(engine, job), now))

    def resume(self, job: str | Job) -> bool:
        """Let a paused job's ticks start runs again. Returns False if it was not paused."""
        return self._kernel.apply(lambda engine, now: engine.resume_job(self._record(engine, job), now))

    def pause_all(self) -> int:
        """Pause every job that is not paused. Returns how many that were."""
        return self._kernel.apply(
            lambda engine, now: sum([engine.pause_job(job, now) for job in engine.jobs.values()])
        )

    def resume_all(self) -> int:
        """Resume every job that is paused. Returns how many that were."""
        return self._kernel.apply(
            lambda engine, now: sum([engine.resume_job(job, now) for job in engine.jobs.values()])
        )

    def cancel(self, number: int) -> Cancellation:
        """Cancel a run by its number: as `Run.cancel`. False if it has ended or never was."""
        run = self._kernel.inspect(lambda engine: engine.find_run(number))
        return Cancellation.TOO_LATE if run is None else self._kernel.cancel(run)

    def remove(self, job: Job) -> bool:
        """Take a job out: waiting runs are cancelled, a running one goes on. False if it was removed."""
        return self._kernel.apply(lambda engine, now: engine.remove_job(self._record(engine, job), now))

    def resize(self, pool: int) -> None:
        """Change how many runs may be RUNNING at once; 0 for no limit. Shrinking ends no run.

        Raises:
            ValueError: A negative size.
        """
        size = pool_size(pool)
        self._kernel.apply(lambda engine, now: engine.resize(size, now))

    # --- questions --------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        return self._kernel.snapshot()

    def subscribe(self, notify: Callable[[], None] | None = None) -> Subscription:
        """Take a snapshot and get every event after it.

        Args:
            notify: Called after each change, in the thread that made it: it must be quick and must not
                block. What it raises is logged and ends nothing.
        """
        return self._kernel.subscribe(notify)

    def runs_of(self, name: str) -> tuple[RunView, ...]:
        """The latest endings of one job, newest first, at most 20.

        Raises:
            LookupError: There is no such job.
        """
        return self._kernel.inspect(lambda engine: engine.recent_runs(find_job(engine, name)))

    def run_view(self, number: int) -> RunView:
        """The run of that number, wherever it is in its life.

        Raises:
            LookupError: There is none, or it ended so long ago that it is not known any more.
        """
        view = self._kernel.inspect(lambda engine: engine.run_view(number))
        if view is None:
            raise LookupError(f"nothing is known of run {number}: it never was, or it ended long ago")
        return view

    def output_of(self, number: int) -> str:
        """The tail of what a run printed, while a dashboard collects it; "" if nothing is known of it."""
        record = self._kernel.inspect(lambda engine: engine.find_record(number))
        attachments = None if record is None else attachments_of(record)
        return "" if attachments is None or attachments.output is None else str(attachments.output)

    def pool_view(self) -> PoolView:
        """The pool as it is now."""
        return self._kernel.inspect(lambda engine: engine.pool.view())

    def counters(self) -> Iterator[JobCounters]:
        """How the runs and ticks of each job have ended, in the order of registration.

        Each is exact, and they are taken as you come to them: the lock is held for a few jobs at a time.
        """

        def count(some: list[JobRecord]) -> list[JobCounters]:
            return self._kernel.inspect(lambda _: [job.counters() for job in some if not job.removed])

        jobs = self._kernel.inspect(lambda engine: list(engine.jobs.values()))
        for first in range(0, len(jobs), TOGETHER):
            yield from count(jobs[first : first + TOGETHER])

    def refresh_views(self) -> Iterator[None]:
        """Draw what has changed of the jobs, a few more whenever you come to the next.

        A snapshot draws all of them in one hold of the lock. After this there is little left for it to do.
        """

        def refresh(some: list[JobRecord]) -> None:
            self._kernel.inspect(lambda engine: [engine.job_view(job) for job in some if not job.removed])

        jobs = self._kernel.inspect(lambda engine: list(engine.jobs.values()))
        changed = [job for job in jobs if job.cached_view is None]
        for first in range(0, len(changed), DRAWN_TOGETHER):
            refresh(changed[first : first + DRAWN_TOGETHER])
            yield

    def liveness(self) -> Liveness:
        """Whether it is alive. It never waits, whatever hangs."""
        return self._kernel.liveness()

    def job_view(self, record: JobRecord) -> JobView:
        """What a `Job` is asked about; for its use."""
        return self._kernel.job_view(record)

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Call the ``on_app_start`` functions, then start. A scheduler is started once.

        Raises:
            StartError: One of the functions raised.
            RuntimeError: It was started before.
        """
        self._kernel.claim_start()
        try:
            self.hooks.call_start_functions()
        except StartError:
            self._kernel.stop(0)  # so that nobody waits for a run that will never start
            raise
        self._kernel.start()

    def stop(self, grace: float = GRACE) -> bool:
        """Stop: cancel what waits, let running work end, then call the ``on_app_stop`` functions.

        Args:
            grace: How many seconds running work gets; what has not ended by then is given up, as
                CANCELLED, and asked to stop. A thread that does not look at that may go on unseen.

        Returns:
            Whether all work had ended in time. A signal handler that has interrupted the scheduler itself,
            in the middle of a change, cannot wait for that: a thread stops it, and the answer is False.
        """
        if self._kernel.reentered:
            threading.Thread(target=self.stop, args=(grace,), name="jobtui-stop", daemon=True).start()
            return False
        in_time = self._kernel.stop(grace)
        self.hooks.call_stop_functions()
        return in_time

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, with the default grace."""
        self.stop()

    # --- how it is done ---------------------------------------------------------------------------

    def _add(
        self,
        schedule: Schedule,
        runnable: Runnable,
        *,
        spec: str,
        name: str | None,
        overlap: OverlapName | None,
        misfire: MisfireName,
        max_held: int,
    ) -> Job:
        record = JobRecord(
            job_name(name) or runnable.name,
            runnable,
            schedule,
            spec=spec,
            overlap=self._overlap if overlap is None else policy(Overlap, "overlap", overlap),
            misfire=_COALESCE if misfire == "coalesce" else policy(Misfire, "misfire", misfire),
            max_held=held_limit(max_held),
        )
        self._kernel.apply(lambda engine, now: engine.add_job(record, now))
        return Job(self, record)

    def _request(
        self,
        trigger: Trigger,
        due: Callable[[float], float] | None,
        target: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Run:
        if isinstance(target, Job) and (args or kwargs):
            raise TypeError(f"{target.name} is a job: it runs without arguments")
        runnable = None if isinstance(target, Job) else as_runnable(target)
        call: Call | None = partial(runnable.call, *args, **kwargs) if runnable is not None else None

        def submit(engine: Engine, now: float) -> RunRecord:
            if isinstance(target, Job):
                record = self._record(engine, target)
                if record.removed:
                    raise LookupError(f"{record.name} was removed")
            else:
                assert runnable is not None
                record = engine.one_off_job(runnable, now)
            if due is None:
                return engine.submit(record, trigger, now, call)
            return engine.submit_later(record, trigger, due(now), now, call)

        return self._kernel.request_run(submit)

    def _one_off_job_of(self, runnable: object) -> JobRecord | None:
        """The job of an ordinary function's one-off runs, of which nothing is to be found out any more."""
        if type(runnable) is FunctionType and not runnable.__code__.co_flags & _NO_BODY:
            return self._one_offs.get(runnable.__name__)
        return None

    def _record(self, engine: Engine, job: str | Job) -> JobRecord:
        """The engine's record of a job, by its name or by its handle, which outlives the name."""
        if not isinstance(job, Job):
            return find_job(engine, job)
        if job._scheduler is not self:  # noqa: SLF001 - the handle is ours
            raise ValueError(f"{job.name} is a job of another scheduler")
        return job._record  # noqa: SLF001 - as above


def find_job(engine: Engine, name: str) -> JobRecord:
    """The engine's record of a job.

    Raises:
        LookupError: There is none; the message names the nearest ones.
    """
    try:
        return engine.jobs[name]
    except KeyError:
        names = islice(engine.jobs, MOST_COMPARED)
        near = get_close_matches(str(name)[:80], names, n=3)
        raise LookupError(
            f"there is no job {name!r}" + (f"; near: {', '.join(near)}" if near else "")
        ) from None
