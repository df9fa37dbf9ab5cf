"""The test kit: a scheduler whose time passes when a test says so, without threads and without waiting.

    from jobtui.testing import simulated

    def test_the_backup_runs_at_two():
        with simulated(start="2026-03-08T00:00", tz="America/New_York") as scheduler:
            scheduler.load("my_jobs.py")
            scheduler.advance("24h")
            assert scheduler.failures() == []
            assert [f"{at:%H:%M}" for at in scheduler.fired("backup")] == ["02:00"]

The jobs really run, one after the other, on the thread of the test. Ticks, policies, held runs, the nights
the clocks change: what decides when something runs is the scheduler's own code.

**Time.** The clock stands, but in `SimulatedScheduler.advance` and `SimulatedScheduler.advance_to`: these
move it from one instant at which something is due to the next. While runs run it shows exactly that instant,
so that a run takes no time and the pool never fills. A coroutine does take time where it sleeps: after
``asyncio.sleep(10)`` it goes on when ten seconds have passed, and its job is RUNNING until then. What jobs
ask of Python itself is as ever: ``datetime.now()`` is the time of the machine, and ``time.sleep(10)`` takes
ten seconds of the test.

**What jobs ask for.** While the scheduler is active, ``jobtui.now`` and the other functions of the package
act on it. What a job asks for starts when that job has ended, at the same instant; or before, if the job
waits for it.

**Exceptions.** What a job raises fails its run, and not the test: look at `SimulatedScheduler.failures`, or
ask a run for its ``result()``, which raises it again. Only Ctrl-C ends the test as well.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, ClassVar, Self

from jobtui.engine.enums import Overlap, OverlapName, RunState
from jobtui.loading.loader import BadTarget
from jobtui.loading.loader import load as load_target
from jobtui.loading.user_errors import is_installed
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.default import default_scheduler, set_default_scheduler
from jobtui.runtime.handles import Job, Run
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.scheduler import DEFAULT_POOL, FIRST_YEAR, Scheduler
from jobtui.runtime.validation import policy
from jobtui.schedules.durations import parse_duration
from jobtui.schedules.parser import SpecResolver
from jobtui.schedules.schedule import Dst
from jobtui.schedules.zones import LAST_YEAR, zone
from jobtui.settings.settings import Settings
from jobtui.simulation.simulated_kernel import SimulatedKernel, SimulatedRun

__all__ = ["SimulatedRun", "SimulatedScheduler", "load", "simulated"]

START = "2026-01-01T00:00"  # a Thursday

_LOADING = "a job file is being loaded, and nothing runs before that has ended"


class SimulatedScheduler(Scheduler):
    """A scheduler that runs its jobs on the thread of the test, on a clock that the test moves.

    ``with simulated(...) as scheduler:`` starts it and, at the end, stops it. Meanwhile it is the default
    scheduler, on which the functions of the package act. The ``on_app_start`` functions are called before
    the first run starts or the first time passes, whichever comes first, so that a test can load a file
    and replace what the file uses. If they were, the ``on_app_stop`` functions are called at the end;
    coroutines that are going get ten seconds of the moved clock before that.

    It is for one thread: what another one asks for starts when the test next uses the scheduler. Every run
    is kept, with what it returned, for as long as the scheduler is.

    Args:
        start: What its clock shows at first: a datetime, or one in ISO 8601. Without an offset it is the
            wall time of ``tz``.
        tz: The zone of specs that name none and of the times it shows; None is the machine's zone.
        pool: How many runs may be RUNNING at once, 0 for no limit; None for what the settings of a loaded
            job file say, else 10.
        dst: What fixed times do on the nights the clocks change; None for what the settings say.
        overlap: What becomes of a run while another of its job is going; None for what the settings say.
        schedules: Named specs, by whole key (``cron.name``), beside and before those of the settings.

    Raises:
        TypeError: An argument is of another type.
        ValueError: A negative pool, an unknown policy, DST rule or zone, or a start that is none.
    """

    _kernel_type: ClassVar[type[Kernel]] = SimulatedKernel
    _kernel: SimulatedKernel

    def __init__(
        self,
        start: datetime | str = START,
        *,
        tz: str | tzinfo | None = "UTC",
        pool: int | None = None,
        dst: Dst | None = None,
        overlap: OverlapName | None = None,
        schedules: Mapping[str, str] | None = None,
    ) -> None:
        self._clock = ManualClock(_seconds_of(start, zone(tz)))
        super().__init__(
            pool=DEFAULT_POOL if pool is None else pool,
            tz=tz,
            dst="once" if dst is None else dst,
            overlap="hold" if overlap is None else overlap,
            schedules=schedules,
            clock=self._clock,
        )
        self._given_tz, self._given_pool, self._given_dst, self._given_overlap = tz, pool, dst, overlap
        self._given_schedules = dict(schedules or {})
        self._kernel.opening = self._call_start_functions
        self._imports = _Imports()
        self._active = False
        self._former: Scheduler | None = None  # the default that this one stands in for

    # --- time -------------------------------------------------------------------------------------

    @property
    def time(self) -> datetime:
        """What the clock shows: aware, in the scheduler's zone."""
        return datetime.fromtimestamp(self._clock.now(), self.tz)

    def advance(self, duration: timedelta | float | str) -> None:
        """Let time pass. Everything that is due meanwhile happens, in order, each at its own instant.

        That includes what is due at the end: after ``advance("24h")`` from midnight, what is due at the
        next midnight has run. ``advance(0)`` lets happen what is due now.

        Args:
            duration: A timedelta, seconds, or a text such as ``"1h30m"``; not negative.

        Raises:
            BadSpec: A text that is no duration.
            StartError: An ``on_app_start`` function raised.
            TypeError: It is of another type.
            ValueError: It is negative, or leads beyond the year 9998.
            RuntimeError: The scheduler is not running, a job asks for this, or runs start without end.
        """
        seconds = _seconds_in(duration)
        if seconds < 0:
            raise ValueError(f"time does not pass backwards ({seconds:g} s); step() sets the clock back")
        self._check_end(self._clock.now() + seconds)
        self._kernel.pass_time(seconds)

    def advance_to(self, instant: datetime | str) -> None:
        """Let time pass until an instant, which is part of it; as `advance` does.

        Args:
            instant: As ``start`` for `SimulatedScheduler`; not earlier than the clock.

        Raises:
            ValueError: It is earlier, or no date and time.
            TypeError: It is of another type.
            RuntimeError: As for `advance`.
            StartError: As for `advance`.
        """
        seconds = _seconds_of(instant, self.tz) - self._clock.now()
        if seconds < 0:
            raise ValueError(f"{instant} is before {self.time}: step() sets the clock back")
        self._kernel.pass_time(seconds)

    def step(self, seconds: timedelta | float | str) -> None:
        """Set the wall clock forth or back, as a person or NTP does. No time passes.

        The scheduler sees it at once: ticks that were jumped over start one run (or as their ``misfire``
        says), and what counts elapsed time is moved along with a clock that is set back.

        Args:
            seconds: How far: a timedelta, seconds, or a text such as ``"-1h"``; negative is back.

        Raises:
            BadSpec: A text that is no duration.
            StartError: As for `advance`.
            TypeError: It is of another type.
            ValueError: It leads out of the years 1900 to 9998.
            RuntimeError: As for `advance`.
        """
        far = _seconds_in(seconds)
        self._check_end(self._clock.now() + far)
        self._kernel.step_clock(far)

    def _check_end(self, seconds: float) -> None:
        """See that a clock can show an instant, in any zone."""
        first, last = (datetime(year, 1, 2, tzinfo=self.tz).timestamp() for year in (FIRST_YEAR, LAST_YEAR))
        if not first <= seconds <= last:
            raise ValueError(f"the clock goes from {FIRST_YEAR} to {LAST_YEAR}, and no further")

    # --- what has happened ------------------------------------------------------------------------

    def fired(self, job: str | Job, *, tz: str | tzinfo | None = None) -> list[datetime]:
        """The instants at which the runs of a job started, oldest first; [] if none has.

        They are exact: a tick's run starts at its tick. Around the nights the clocks change, compare in
        UTC: Python takes both passes of 01:30 in one zone for equal, and neither for equal to its instant
        in another zone.

        Args:
            job: Its name, or its handle; of one-off runs, the name of what they run.
            tz: The zone to give them in; None is the scheduler's.

        Raises:
            LookupError: There is no such job; the message names the nearest ones.
            ValueError: There is no such zone.
        """
        shown = self.tz if tz is None else zone(tz)
        starts = [run.started for run in self.runs(job)]
        return [start.astimezone(shown) for start in starts if start is not None]

    def runs(self, job: str | Job | None = None) -> list[SimulatedRun]:
        """The runs that have started, of one job or of all, oldest first.

        `runs_of` tells of what did not start, such as ticks that were skipped.

        Args:
            job: Its name, or its handle; None for all jobs.

        Raises:
            LookupError: There is no such job; the message names the nearest ones.
        """
        if job is None:
            return list(self._kernel.runs)
        name = job.name if isinstance(job, Job) else job
        runs = self._kernel.runs_of_job.get(name)
        if runs is None:
            self.runs_of(name)  # or it is a mistake
            return []
        return list(runs)

    def failures(self, job: str | Job | None = None) -> list[SimulatedRun]:
        """The runs that FAILED, of one job or of all, oldest first.

        ``assert scheduler.failures() == []`` shows in its message what they raised.

        Args:
            job: As for `runs`.

        Raises:
            LookupError: As for `runs`.
        """
        return [run for run in self.runs(job) if run.state is RunState.FAILED]

    # --- what a test does -------------------------------------------------------------------------

    def load(
        self,
        target: str | os.PathLike[str],
        *,
        config: str | os.PathLike[str] | None = None,
        run_mode: str | None = None,
    ) -> ModuleType:
        """Import a job file; what it registers is registered here, as with ``jobtui TARGET``.

        Nothing runs yet: not even what the file asks for with ``jobtui.now``, nor its ``on_app_start``
        functions. The file is imported anew each time, and so is what it imports of yours, unless the test
        has imported that itself. Once the scheduler is left, Python's modules and path are as before.

        Args:
            target: A file, from the current folder, or a module such as ``package.module``.
            config: The settings file; None looks for one, as the command line does.
            run_mode: The section of the settings to use.

        Returns:
            The module, for tests that look into it or replace something in it.

        Raises:
            BadTarget: It does not exist, cannot be imported, or registers nothing here.
            BadSetting: The settings make no sense, or a run mode is given and there are none.
            RuntimeError: The scheduler is not active, or a job asks for this.
        """
        if not self._active:
            raise RuntimeError("the scheduler is not active: load() belongs inside  with simulated(...):")
        before = self._registered
        try:
            with self._kernel.closed_gate(_LOADING), self._imports.noted():
                loaded = load_target(
                    os.fspath(target),
                    config=None if config is None else Path(config),
                    run_mode=run_mode,
                    make_default=self._with_settings,
                )
        finally:
            set_default_scheduler(self)
        if loaded.scheduler is not self or self._registered == before:
            raise BadTarget(
                f"{loaded.title}: it registers nothing with jobtui.schedule() and its like. A Scheduler that "
                "it makes itself has threads\nand the machine's clock: let a function register the jobs, on "
                "the scheduler that it is given"
            )
        return loaded.module

    def now(self, runnable: object, *args: Any, **kwargs: Any) -> SimulatedRun:
        """Run something now: it has ended when this returns, unless a job asks, or it is a coroutine.

        Raises:
            StartError: As for `advance`.
            TypeError: It cannot be run, or a job is given arguments.
            RuntimeError: The scheduler has stopped.
        """
        self._kernel.open_gate()
        return _simulated(super().now(runnable, *args, **kwargs))

    def run(self, name: str) -> SimulatedRun:
        """Run a job now, by hand, as `now` does.

        Raises:
            LookupError: There is no such job, or it is a group of one-off runs.
            StartError: As for `advance`.
            RuntimeError: The scheduler has stopped.
        """
        self._kernel.open_gate()
        return _simulated(super().run(name))

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start; ``with`` does. The ``on_app_start`` functions are called later, see above.

        Raises:
            RuntimeError: It was started before.
        """
        self._kernel.claim_start()
        self._kernel.start()

    def __enter__(self) -> Self:
        """Start, and be the default scheduler."""
        self.start()
        self._former = set_default_scheduler(self)
        self._active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and leave everything as it was: the default scheduler, Python's modules and its path."""
        try:
            self.stop()
        finally:
            self._active = False
            set_default_scheduler(self._former)
            self._imports.undo()

    def _call_start_functions(self) -> None:
        """Call those that have not been called, since another file may have been loaded meanwhile."""
        try:
            self.hooks.call_start_functions()
        except BaseException:
            self._kernel.stop(0)
            raise
        self.hooks.on_start.clear()

    @property
    def _registered(self) -> tuple[int, int]:
        return len(self.snapshot().jobs), len(self.hooks.on_start)

    def _with_settings(self, settings: Settings) -> Scheduler:
        """Take over what a test has not given itself."""
        dst, overlap = self._given_dst, self._given_overlap
        self._specs = SpecResolver(
            {**settings.schedules, **self._given_schedules},
            self._given_tz,
            settings.dst if dst is None else dst,
        )
        if overlap is None:
            overlap = "allow" if settings.selfconcurrent else "hold"
        self._overlap = policy(Overlap, "overlap", overlap)
        if self._given_pool is None:
            self.resize(settings.pool)
        return self


simulated = SimulatedScheduler  # reads better behind a `with`


def load(
    target: str | os.PathLike[str],
    *,
    config: str | os.PathLike[str] | None = None,
    run_mode: str | None = None,
) -> ModuleType:
    """Load a job file into the simulated scheduler that is active; see `SimulatedScheduler.load`.

    Raises:
        RuntimeError: None is active.
    """
    scheduler = default_scheduler()
    if not isinstance(scheduler, SimulatedScheduler):
        # No caller has passed a wrong type.
        raise RuntimeError(  # noqa: TRY004
            "no simulated scheduler is active: load() belongs inside  with simulated(...):"
        )
    return scheduler.load(target, config=config, run_mode=run_mode)


class _Imports:
    """What loading job files does to Python's modules and path, to be undone."""

    def __init__(self) -> None:
        self._modules: dict[str, tuple[ModuleType, ModuleType | None]] = {}  # the new one, the one before
        self._folders: list[str] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what is imported meanwhile, but not what is installed: to import that twice is of no use."""
        modules, folders = sys.modules.copy(), sys.path[:]
        try:
            yield
        finally:
            for name, module in sys.modules.copy().items():
                before = modules.get(name)
                file = getattr(module, "__file__", None)
                if module is not before and file and not is_installed(file):
                    former = self._modules[name][1] if name in self._modules else before
                    self._modules[name] = module, former
            self._folders += [folder for folder in sys.path if folder not in folders]

    def undo(self) -> None:
        """Leave everything as it was."""
        for name, (module, before) in self._modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
                if before is not None:
                    sys.modules[name] = before
        for folder in self._folders:
            with suppress(ValueError):  # the test has removed it
                sys.path.remove(folder)
        self._modules.clear()
        self._folders.clear()


def _simulated(run: Run) -> SimulatedRun:
    assert isinstance(run, SimulatedRun)  # the runtime makes no others
    return run


def _seconds_in(duration: timedelta | float | str) -> float:
    """A duration in seconds, of either sign."""
    if isinstance(duration, str):
        duration = parse_duration(duration)
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise TypeError(
            "a duration is a timedelta, a number of seconds or a text such as '1h30m', not "
            f"{type(duration).__name__}"
        )
    if not math.isfinite(duration):
        raise ValueError(f"a duration is a number of seconds, not {duration}")
    return float(duration)


def _seconds_of(instant: datetime | str, tz: tzinfo) -> float:
    """An instant in seconds since the epoch; one without an offset is on the clock of the zone."""
    if isinstance(instant, str):
        try:
            instant = datetime.fromisoformat(instant)
        except ValueError:
            raise ValueError(
                f"{instant!r:.40} is no date and time; write 2026-03-08T00:00, or with an offset "
                "2026-03-08T00:00-05:00"
            ) from None
    if not isinstance(instant, datetime):
        raise TypeError(f"an instant is a datetime or a text in ISO 8601, not {type(instant).__name__}")
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise ValueError(f"the clock goes from {FIRST_YEAR} to {LAST_YEAR}, and no further: {instant}")
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=tz)).timestamp()
