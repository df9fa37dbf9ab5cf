"""The scheduler of the test kit, whose clock a test moves. `jobtui.testing` describes how to use it."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from jobtui.engine.enums import Phase, Trigger
from jobtui.engine.job_policies import Policies
from jobtui.engine.tracebacks import is_installed
from jobtui.loading.loader import BadTarget
from jobtui.loading.loader import load as load_target
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.default_scheduler import default_scheduler, set_default_scheduler
from jobtui.runtime.durable_calls import describe_call
from jobtui.runtime.first_guesses import explained
from jobtui.runtime.handles import Job, Run
from jobtui.runtime.policies import job_policies
from jobtui.runtime.runtime import Runtime
from jobtui.runtime.scheduler import DEFAULT_POOL, Scheduler
from jobtui.schedules.durations import parse_duration
from jobtui.schedules.parser import SpecResolver
from jobtui.schedules.quiet_times import parse_quiet_times
from jobtui.schedules.schedule import Dst
from jobtui.schedules.zones import FIRST_YEAR, LAST_YEAR, zone
from jobtui.settings.settings import Settings
from jobtui.simulation.simulated_runtime import SimulatedRun, SimulatedRuntime

if TYPE_CHECKING:  # it imports sqlite3
    from jobtui.store.one_off_rows import Connection

__all__ = ["SimulatedRun", "SimulatedScheduler", "load", "simulated"]

START = "2026-01-01T00:00"  # a Thursday

_OUT_OF_RANGE = f"the clock can only show the years {FIRST_YEAR} to {LAST_YEAR}"
_LOADING = "a job file is being loaded, and no job starts before that ends"


class SimulatedScheduler(Scheduler):
    """A scheduler that executes its jobs in the thread of the test, on a clock that the test moves.

    ``with simulated(...) as scheduler:`` starts it and stops it at the end. In between it is the default
    scheduler, on which the functions of the package act. The ``on_app_start`` functions are called before the
    first run starts or the first time passes, so that a test can load a file and replace what the file uses.
    If they were called, the ``on_app_stop`` functions are called at the end; before that, running coroutines
    get ten seconds of the clock.

    It is for one thread: a run that another thread requests starts when the test next uses the scheduler.
    Every run is kept, with what it returned, as long as the scheduler exists.

    Args:
        start: The first time of its clock: a datetime, or a string in ISO 8601. Without an offset it is a
            wall time of ``tz``.
        tz: The zone of specs without one, and of the times it shows; None for the machine's zone.
        pool: How many runs may be RUNNING at once, 0 for no limit; None for the size in the settings of a
            loaded job file, else 10.
        dst: The rule for fixed times when the clocks change; None for that of the settings.
        defaults: The policies of jobs that do not say otherwise; they take precedence over the settings.
        schedules: Named specs, by whole key (``cron.name``); they take precedence over those of the settings.
        quiet: The times in which nothing starts, as for `Scheduler`; None for those of the settings.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: The pool is negative, the policy, DST rule or zone is unknown, or the start is not an
            instant.
    """

    _runtime_type: ClassVar[type[Runtime]] = SimulatedRuntime
    _runtime: SimulatedRuntime

    @explained
    def __init__(
        self,
        start: datetime | str = START,
        *,
        tz: str | tzinfo | None = "UTC",
        pool: int | None = None,
        dst: Dst | None = None,
        defaults: Policies | None = None,
        schedules: Mapping[str, str] | None = None,
        quiet: Sequence[str] | None = None,
    ) -> None:
        self._clock = ManualClock(_epoch_seconds(start, zone(tz)))
        super().__init__(
            pool=DEFAULT_POOL if pool is None else pool,
            tz=tz,
            dst="once" if dst is None else dst,
            defaults=defaults,
            schedules=schedules,
            clock=self._clock,
            quiet=quiet or (),
        )
        self._given_tz, self._given_pool, self._given_dst, self._given_defaults = tz, pool, dst, defaults
        self._given_schedules, self._given_quiet = dict(schedules or {}), quiet
        self._runtime.before_first_run = self._call_start_functions
        self._imports = _ImportTracker()
        self._active = False
        self._previous_default: Scheduler | None = None

    # --- time -------------------------------------------------------------------------------------

    @property
    def time(self) -> datetime:
        """The time of the clock: aware, in the scheduler's zone."""
        return datetime.fromtimestamp(self._clock.now(), self.tz)

    def advance(self, duration: timedelta | float | str) -> None:
        """Let time pass. Everything that is due happens in order, each at its own instant.

        The end is included: after ``advance("24h")`` from midnight, everything that is due at the next
        midnight has run. ``advance(0)`` runs what is due now.

        Args:
            duration: A timedelta, seconds, or a string such as ``"1h30m"``; not negative.

        Raises:
            BadSpec: The string is not a duration.
            StartError: An ``on_app_start`` function raised.
            TypeError: The duration has the wrong type.
            ValueError: The duration is negative, or ends after the year 9998.
            RuntimeError: The scheduler is not running, a job calls this, or a job starts itself again and
                again.
        """
        self._runtime.pass_time(self._time_to_pass(duration))

    def suspend(self, duration: timedelta | float | str) -> None:
        """Let time pass while the machine is suspended, as a laptop is: nothing runs before it wakes.

        Ticks in that time are noticed late, and follow the ``misfire`` policies of their jobs.

        Args:
            duration: As for `advance`.

        Raises:
            BadSpec: As for `advance`.
            StartError: As for `advance`.
            TypeError: As for `advance`.
            ValueError: As for `advance`.
            RuntimeError: As for `advance`.
        """
        self._runtime.suspend(self._time_to_pass(duration))

    def _time_to_pass(self, duration: timedelta | float | str) -> float:
        """Return a duration in seconds that may pass on the clock."""
        seconds = _duration_seconds(duration)
        if seconds < 0:
            raise ValueError(f"time does not pass backwards ({seconds:g} s); step() sets the clock back")
        self._check_in_range(self._clock.now() + seconds)
        return seconds

    def advance_to(self, instant: datetime | str) -> None:
        """Let time pass until an instant, which is included; see `advance`.

        Args:
            instant: As ``start`` of `SimulatedScheduler`; not earlier than the clock.

        Raises:
            ValueError: The instant is earlier, or not a date and time.
            TypeError: The instant has the wrong type.
            RuntimeError: As for `advance`.
            StartError: As for `advance`.
        """
        seconds = _epoch_seconds(instant, self.tz) - self._clock.now()
        if seconds < 0:
            raise ValueError(f"{instant} is before {self.time}: step() sets the clock back")
        self._runtime.pass_time(seconds)

    def step(self, seconds: timedelta | float | str) -> None:
        """Set the wall clock forward or back, as a person or NTP does. No time passes.

        The scheduler notices it at once. Cron ticks that were skipped start one run, or follow their
        ``misfire`` policy. Intervals and delays count elapsed time, and keep the time that they had left.

        Args:
            seconds: How far: a timedelta, seconds, or a string such as ``"-1h"``; negative is back.

        Raises:
            BadSpec: The string is not a duration.
            StartError: As for `advance`.
            TypeError: The duration has the wrong type.
            ValueError: The clock would leave the years 1900 to 9998.
            RuntimeError: As for `advance`.
        """
        step = _duration_seconds(seconds)
        self._check_in_range(self._clock.now() + step)
        self._runtime.step_clock(step)

    def _check_in_range(self, instant: float) -> None:
        """Check that a clock can show an instant in any zone."""
        first, last = (datetime(year, 1, 2, tzinfo=self.tz).timestamp() for year in (FIRST_YEAR, LAST_YEAR))
        if not first <= instant <= last:
            raise ValueError(_OUT_OF_RANGE)

    # --- runs -------------------------------------------------------------------------------------

    def fired(self, job: str | Job, *, tz: str | tzinfo | None = None) -> list[datetime]:
        """Return the instants at which the runs of a job started, oldest first.

        They are exact: the run of a tick starts at its tick. Around a clock change, compare them in UTC:
        Python treats both folds of 01:30 in one zone as equal, and neither as equal to its instant in
        another zone.

        Args:
            job: Its name or its handle; for one-off runs, the name of their runnable.
            tz: The zone of the result; None for the scheduler's.

        Raises:
            LookupError: There is no such job; the message suggests similar names.
            ValueError: There is no such zone.
        """
        result_zone = self.tz if tz is None else zone(tz)
        starts = [run.started for run in self.runs(job)]
        return [start.astimezone(result_zone) for start in starts if start is not None]

    def runs(self, job: str | Job | None = None) -> list[SimulatedRun]:
        """Return the runs that have started, of one job or of all, oldest first.

        `runs_of` also returns ticks that started no run, such as those that were skipped.

        Args:
            job: Its name or its handle; None for all jobs.

        Raises:
            LookupError: There is no such job; the message suggests similar names.
        """
        if job is None:
            return list(self._runtime.runs)
        name = job.name if isinstance(job, Job) else job
        runs = self._runtime.runs_of_job.get(name)
        if runs is None:
            self.runs_of(name)  # raises LookupError for an unknown name
            return []
        return [run for run in runs if run.job == name]  # one-off runs may have had that name before

    def failures(self, job: str | Job | None = None) -> list[SimulatedRun]:
        """Return the runs that FAILED, of one job or of all, oldest first.

        The message of ``assert scheduler.failures() == []`` shows what they raised.

        Args:
            job: As for `runs`.

        Raises:
            LookupError: As for `runs`.
        """
        return [run for run in self.runs(job) if run.state.failed]

    # --- loading and running ----------------------------------------------------------------------

    def load(
        self,
        target: str | os.PathLike[str],
        *,
        config: str | os.PathLike[str] | None = None,
        run_mode: str | None = None,
    ) -> ModuleType:
        """Import a job file, and register its jobs on this scheduler, as ``jobtui TARGET`` does.

        Nothing runs yet, neither runs that the file requests with ``jobtui.now`` nor its ``on_app_start``
        functions. Each call imports the file again, and the modules of yours that it imports, except those
        that the test has imported itself. At the end of the ``with`` block, Python's modules and path are
        restored.

        Args:
            target: A file, relative to the current folder, or a module such as ``package.module``.
            config: The settings file; None searches for one, as the command line does.
            run_mode: The section of the settings to use.

        Returns:
            The module, for tests that use or replace something in it.

        Raises:
            BadTarget: It does not exist, cannot be imported, or registers nothing on this scheduler.
            BadSetting: The settings are wrong, or a run mode is given without a settings file.
            RuntimeError: The scheduler is not active, or a job calls this.
        """
        if not self._active:
            raise RuntimeError("the scheduler is not active: call load() inside  with simulated(...):")
        before = self._registration_counts
        try:
            with self._runtime.starts_suspended(_LOADING), self._imports.tracking():
                loaded = load_target(
                    os.fspath(target),
                    config=None if config is None else Path(config),
                    run_mode=run_mode,
                    make_default=self._apply_settings,
                )
        finally:
            set_default_scheduler(self)
        if loaded.scheduler is not self or self._registration_counts == before:
            raise BadTarget(
                f"{loaded.title}: the file registers nothing on the default scheduler. A Scheduler that it "
                "creates itself would use\nthreads and the machine's clock: let a function register the jobs "
                "on a scheduler that is passed to it"
            )
        return loaded.module

    def now(self, runnable: Any, /, *args: Any, **kwargs: Any) -> SimulatedRun:  # type: ignore[override] # a durable run, too
        """Run something now. It ends before this returns, unless a job calls this or it is a coroutine.

        Raises:
            StartError: As for `advance`.
            TypeError: It cannot be run, or a job not with these arguments.
            RuntimeError: The scheduler has stopped.
        """
        self._runtime.allow_starts()
        run = super().now(runnable, *args, **kwargs)
        if run is None:  # it is a part of a transaction of the test
            return None  # type: ignore[return-value] # as `Scheduler.now`
        return _as_simulated_run(run)

    def _request_durable(  # noqa: PLR0917 - as for a scheduler
        self,
        durable: bool | Connection,
        trigger: Trigger,
        due: Callable[[float], float] | None,
        function: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Run | None:
        """Check that a durable run could be stored, and request an ordinary one: there is no store."""
        if durable is not True:
            return super()._request_durable(durable, trigger, due, function, args, kwargs)
        describe_call(function, args, kwargs)
        return self._request(trigger, due, self._target(function, args, kwargs))

    def run(self, name: str, /, *args: Any, **kwargs: Any) -> SimulatedRun:
        """Run a job now, like `now`, with the trigger of a manual run.

        Raises:
            LookupError: There is no such job, or it is a group of one-off runs.
            TypeError: The job cannot run with these arguments.
            StartError: As for `advance`.
            RuntimeError: The scheduler has stopped.
        """
        self._runtime.allow_starts()
        return _as_simulated_run(super().run(name, *args, **kwargs))

    def run_again(self, number: int) -> SimulatedRun:
        """Run an ended run once more, like `run`.

        Raises:
            LookupError: There is no such run, or its arguments are not kept.
            StartError: As for `advance`.
            RuntimeError: The run has not ended, or the scheduler has stopped.
        """
        self._runtime.allow_starts()
        return _as_simulated_run(super().run_again(number))

    # --- start and stop ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start, as ``with`` does. The ``on_app_start`` functions are called before the first run.

        Raises:
            RuntimeError: The scheduler was started before.
        """
        if self.liveness().phase is not Phase.NEW:
            raise RuntimeError("a simulated scheduler can be started only once; make a new one")
        claim = object()
        try:
            self._runtime.lifecycle.claim_start(claim)
            self._runtime.start()
        finally:
            self._runtime.lifecycle.release_claim(claim, None)

    def __enter__(self) -> Self:
        """Start, and become the default scheduler."""
        self.start()
        self._previous_default = set_default_scheduler(self)
        self._active = True
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and restore the default scheduler and Python's modules and path."""
        try:
            self.stop()
        finally:
            self._active = False
            set_default_scheduler(self._previous_default)
            self._imports.undo()

    def _call_start_functions(self) -> None:
        """Call the start functions that have not been called yet: another file may have been loaded."""
        try:
            self.hooks.call_start_functions()
        except BaseException as error:
            self._runtime.lifecycle.give_up_start(error)
            raise
        self.hooks.on_start.clear()

    @property
    def _registration_counts(self) -> tuple[int, int]:
        return len(self.snapshot().jobs), len(self.hooks.on_start)

    def _apply_settings(self, settings: Settings) -> Scheduler:
        """Use the settings for everything that was not given to the constructor."""
        dst = self._given_dst
        self._specs = SpecResolver(
            {**settings.schedules, **self._given_schedules},
            self._given_tz,
            settings.dst if dst is None else dst,
        )
        self._defaults = job_policies("defaults=dict", {**settings.policies, **(self._given_defaults or {})})
        if self._given_pool is None:
            self.resize(settings.pool)
        if self._given_quiet is None:
            quiet = parse_quiet_times(settings.quiet, tz=self.tz)
            self._kernel.apply(lambda engine, now: engine.set_quiet(quiet, now))
        return self


simulated = SimulatedScheduler  # the name for a `with` statement


def load(
    target: str | os.PathLike[str],
    *,
    config: str | os.PathLike[str] | None = None,
    run_mode: str | None = None,
) -> ModuleType:
    """Load a job file into the active simulated scheduler; see `SimulatedScheduler.load`.

    Raises:
        RuntimeError: No simulated scheduler is active.
    """
    scheduler = default_scheduler()
    if not isinstance(scheduler, SimulatedScheduler):
        raise RuntimeError(  # noqa: TRY004 - the caller passed no scheduler
            "no simulated scheduler is active: call load() inside  with simulated(...):"
        )
    return scheduler.load(target, config=config, run_mode=run_mode)


class _ImportTracker:
    """Notes the changes of Python's modules and path, and undoes them."""

    def __init__(self) -> None:
        self._modules: dict[str, tuple[ModuleType, ModuleType | None]] = {}  # the new and the old one
        self._folders: list[str] = []

    @contextmanager
    def tracking(self) -> Iterator[None]:
        """Note the modules that this block imports, except installed ones, which may stay imported."""
        modules, folders = sys.modules.copy(), sys.path[:]
        try:
            yield
        finally:
            for name, module in sys.modules.copy().items():
                before = modules.get(name)
                file = getattr(module, "__file__", None)
                if module is not before and file and not is_installed(file):
                    old = self._modules[name][1] if name in self._modules else before
                    self._modules[name] = module, old
            self._folders += [folder for folder in sys.path if folder not in folders]

    def undo(self) -> None:
        """Restore the modules and the path."""
        for name, (module, old) in self._modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
                if old is not None:
                    sys.modules[name] = old
        for folder in self._folders:
            with suppress(ValueError):  # the test itself may have removed it
                sys.path.remove(folder)
        self._modules.clear()
        self._folders.clear()


def _as_simulated_run(run: Run) -> SimulatedRun:
    assert isinstance(run, SimulatedRun)  # the kernel makes no others
    return run


def _duration_seconds(duration: timedelta | float | str) -> float:
    """Return a duration in seconds, positive or negative."""
    if isinstance(duration, str):
        duration = parse_duration(duration)
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise TypeError(
            "a duration must be a timedelta, a number of seconds or a string such as '1h30m', not "
            f"{type(duration).__name__}"
        )
    if not math.isfinite(duration):
        raise ValueError(f"a duration must be a finite number of seconds, not {duration}")
    return float(duration)


def _epoch_seconds(instant: datetime | str, tz: tzinfo) -> float:
    """Return an instant in seconds since the epoch. Without an offset it is a wall time of the zone."""
    if isinstance(instant, str):
        try:
            instant = datetime.fromisoformat(instant)
        except ValueError:
            raise ValueError(
                f"{instant!r:.40} is not a date and time; write 2026-03-08T00:00, or with an offset "
                "2026-03-08T00:00-05:00"
            ) from None
    if not isinstance(instant, datetime):
        raise TypeError(
            f"an instant must be a datetime or a string in ISO 8601, not {type(instant).__name__}"
        )
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise ValueError(f"{_OUT_OF_RANGE}, not {instant}")
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=tz)).timestamp()
