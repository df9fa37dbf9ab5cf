"""The kernel of the test kit: executes what is due in the thread that moves the clock.

The engine, and how it is changed, are the same as in every scheduler. Only executor and timer differ: the
`InlineExecutor` executes one run after the other in the calling thread, and instead of a thread that waits
for the next tick, `SimulatedKernel.pass_time` moves the clock from one instant to the next.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from functools import partial

from jobtui.engine.enums import Phase, RunState, Trigger
from jobtui.engine.ledger import Ledger
from jobtui.engine.pool import MOST_ABANDONED
from jobtui.engine.records import RunRecord
from jobtui.runtime.clock import Clock, ManualClock
from jobtui.runtime.executors.base import Dispatcher
from jobtui.runtime.handles import Returned_co, Run
from jobtui.runtime.latch import Latch
from jobtui.runtime.redaction import Redaction
from jobtui.runtime.run_requests import RunRequests
from jobtui.runtime.runtime import Runtime
from jobtui.runtime.timer import Timer
from jobtui.schedules.quiet_times import NO_QUIET_TIMES, QuietTimes
from jobtui.simulation.inline_executor import InlineExecutor, InstantStopRequest

_RUNNING_JOB = "a job is running, and no time passes until it ends"
_STARTING = "an on_app_start function is running, and no job starts before it ends"


class SimulatedRun(Run[Returned_co]):
    """A run of a simulated scheduler. Waiting for it in a test takes no time.

    All times are aware, in the scheduler's zone.
    """

    __slots__ = ("_runtime",)

    def __init__(self, runtime: SimulatedRuntime, requests: RunRequests, record: RunRecord) -> None:
        super().__init__(requests, record)
        self._runtime = runtime

    @property
    def trigger(self) -> Trigger:
        """The cause of the run."""
        return self._record.trigger

    @property
    def due(self) -> datetime | None:
        """The tick, or the instant passed to ``in_`` or ``at``; None for ``now``."""
        return self._record.view(self._runtime.tz).due

    @property
    def started(self) -> datetime | None:
        """The start of its work; None if it has not started."""
        return self._record.view(self._runtime.tz).started

    @property
    def ended(self) -> datetime | None:
        """The end of the run; None if it has not ended."""
        return self._record.view(self._runtime.tz).ended

    @property
    def exception(self) -> BaseException | None:
        """The exception that it raised; None if it raised none or has not ended."""
        return self._outcome[1]

    def wait(self, timeout: float | None = None) -> bool:
        """Execute everything that can run now, so that this run may end. No time passes.

        Args:
            timeout: 0 asks whether the run has ended. All other values mean the same, because no time passes.

        Returns:
            Whether it has ended: always True, unless ``timeout`` is 0.

        Raises:
            RuntimeError: It has not ended, and cannot while the test or a job waits for it.
        """
        if not self._runtime.in_own_thread:
            return super().wait(timeout)  # in a thread that a job has started
        self._runtime.run_until_ended(self)
        if self.state.ended:
            return True
        if timeout is not None and timeout <= 0:
            return False
        due = f", due at {self.due}" if self.state is RunState.SCHEDULED else ""
        reason = f" ({self.reason})" if self.reason else ""
        raise RuntimeError(
            f"run {self.number} of {self.job} is {self.state.value}{due}{reason}, and cannot end while this "
            f"call waits for it: {self._runtime.reason_no_time_passes}"
        )

    async def result_async(self, timeout: float | None = None) -> Returned_co:  # noqa: ASYNC109 - as `Run.result` has it
        """Return what the runnable returned. A coroutine of a job waits for that, a test need not."""
        if self._runtime.in_own_thread and not self._runtime.in_job_loop:
            return self.result(timeout)
        return await super().result_async(timeout)

    def __repr__(self) -> str:
        """Return the run's number, job, start and state, and how it ended."""
        at = "" if self.started is None else f" at {self.started}"
        reason = f": {self.reason}" if self.reason else ""
        return f"<jobtui.Run {self.number} of {self.job!r}{at} {self.state.value}{reason}>"


class SimulatedTimer(Timer):
    """A timer without a thread: `wake` runs what is due in the calling thread.

    Args:
        run_due: Runs what is due.
    """

    def __init__(self, run_due: Callable[[], None]) -> None:
        super().__init__(lambda: math.inf, lambda _: None, lambda: 0.0)
        self._run_due = run_due

    def start(self) -> None:
        """Start no thread."""

    def wake(self) -> None:
        """Run what is due."""
        self._run_due()

    def stop(self) -> None:
        """Do nothing: there is no thread to stop."""


class SimulatedRuntime(Runtime):
    """The parts of a simulated scheduler, which execute runs in the thread that has started it.

    No run starts before `allow_starts`.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        clock: The clock; only this runtime moves it.
        ledger: Stores the endings of runs and ticks.

    Attributes:
        tz: The zone of the times in views and reasons.
        runs: Every run that has started, oldest first.
        runs_of_job: The same runs by the name of their job.
        before_first_run: Is called before runs may start. If it raises, they may not.
    """

    def __init__(
        self,
        *,
        pool: int,
        tz: tzinfo,
        clock: ManualClock,
        ledger: Ledger,
        redaction: Redaction,
        abandoned: int = MOST_ABANDONED,
        quiet: QuietTimes = NO_QUIET_TIMES,
    ) -> None:
        self._clock = clock
        self.tz = tz
        self.runs: list[SimulatedRun] = []
        self.runs_of_job: dict[str, list[SimulatedRun]] = {}
        self.before_first_run: Callable[[], object] = bool
        self._starts_allowed = False
        self._busy_reason = ""  # why no time may pass now; "" if it may
        self._thread: int | None = None
        super().__init__(
            pool=pool,
            tz=tz,
            clock=clock,
            ledger=ledger,
            redaction=redaction,
            abandoned=abandoned,
            quiet=quiet,
            make_executor=self._make_executor,
            make_timer=lambda *_: SimulatedTimer(self._run_due),
            make_run=partial(SimulatedRun, self),
            stop_request_type=InstantStopRequest,
            wait_until_drained=self._wait_until_drained,
            start_callbacks=lambda work: work(),
            random=lambda: 0.0,  # so that attempts are due at the same instants in each test
        )
        self._engine = self.kernel.engine

    def _make_executor(self, dispatcher: Dispatcher, _: Clock) -> InlineExecutor:
        self._executor = InlineExecutor(
            dispatcher, self._clock, run_pending=self._run_due, on_run_start=self._record_start
        )
        return self._executor

    # --- questions --------------------------------------------------------------------------------

    @property
    def in_own_thread(self) -> bool:
        """Whether the calling thread is the one that executes runs."""
        return self._thread in (None, threading.get_ident())

    @property
    def in_job_loop(self) -> bool:
        """Whether the caller is a coroutine of a job."""
        return self._executor.in_loop

    @property
    def reason_no_time_passes(self) -> str:
        """The reason why no time passes, for messages."""
        if self._thread is None:
            return "the scheduler has not started"
        if self._engine.closed:
            return "the scheduler has stopped"
        return self._busy_reason or "time passes only in advance()"

    # --- start ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the engine. No run starts before `allow_starts` is called."""
        self._thread = threading.get_ident()
        self.lifecycle.start()

    def allow_starts(self) -> None:
        """Allow runs to start. Do nothing if that is allowed already, or if the kernel is busy or stopped."""
        if (
            self._starts_allowed
            or self._busy_reason
            or self._engine.phase is not Phase.RUNNING
            or not self.in_own_thread
        ):
            return
        with self._busy(_STARTING):
            self.before_first_run()
            self._starts_allowed = True
            self.poller.poll()

    @contextmanager
    def starts_suspended(self, reason: str) -> Iterator[None]:
        """Prevent runs from starting until `allow_starts`. Messages during the block show the reason."""
        self._check_not_busy()
        self._starts_allowed = False
        with self._busy(reason):
            yield

    # --- time -------------------------------------------------------------------------------------

    def _check_not_busy(self) -> None:
        if self._busy_reason:
            raise RuntimeError(f"time cannot be moved now: {self._busy_reason}")
        if not self.in_own_thread:
            raise RuntimeError("only the thread that started the scheduler can move time")

    def pass_time(self, seconds: float) -> None:
        """Let time pass: run everything that is due, in order, each at its own instant."""
        self._prepare_to_move()
        end = round(self._clock.now() + seconds, 6)  # so that three thirds of a second are a second
        self._run_due()
        while (instant := self._next_instant()) <= end:
            self._clock.advance(instant - self._clock.now())
            self._run_due()
        self._clock.advance(end - self._clock.now())

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock forward or back, and let the engine notice that at once."""
        self._move_at_once(lambda: self._clock.step(seconds))

    def suspend(self, seconds: float) -> None:
        """Let time pass while nothing runs, and let the engine notice that at the end."""
        self._move_at_once(lambda: self._clock.advance(seconds))

    def _move_at_once(self, move: Callable[[], None]) -> None:
        self._prepare_to_move()
        self._run_due()
        move()
        with self._busy(_RUNNING_JOB):
            self.poller.poll()
        self._run_due()

    def run_until_ended(self, run: SimulatedRun) -> None:
        """Execute what can run now until a run has ended: the test or a job waits for it."""
        if not self._busy_reason:
            self.allow_starts()
            self._run_due()
        elif self._starts_allowed:
            self._executor.execute_pending(stop=lambda: run.state.ended)

    def _prepare_to_move(self) -> None:
        self._check_not_busy()
        if self._engine.phase is not Phase.RUNNING:
            raise RuntimeError(f"time cannot be moved now: {self.reason_no_time_passes}")
        self.allow_starts()

    def _next_instant(self) -> float:
        """Return the next instant at which something may be due: later than now, even after rounding."""
        now, due = self._clock.now(), self._engine.next_due
        wakeup = now + self._executor.seconds_until_wakeup
        instant = min(math.inf if due is None else due, wakeup)
        return max(instant, math.nextafter(now, math.inf))

    def _run_due(self) -> None:
        """Run everything that is due now."""
        if not self._starts_allowed or self._busy_reason or not self.in_own_thread:
            return
        self._executor.begin_instant()
        with self._busy(_RUNNING_JOB):
            while True:
                self._executor.resume_coroutines()
                if self.kernel.inbox or self._engine.can_start():
                    self._executor.execute_pending()
                    continue
                due = self._engine.next_due
                if due is None or due > self._clock.now():
                    return
                self.poller.poll()

    def _wait_until_drained(self, drained: Latch, grace: float) -> None:
        """Let time pass, at most ``grace`` seconds, until all coroutines have ended."""
        if drained.opened or self._busy_reason or not self.in_own_thread:
            return
        end = self._clock.now() + min(grace, threading.TIMEOUT_MAX)
        with self._busy(_RUNNING_JOB):
            self._executor.resume_coroutines()
            while not drained.opened and (instant := self._next_instant()) <= end:
                self._clock.advance(instant - self._clock.now())
                self._executor.resume_coroutines()
            if not drained.opened:
                self._clock.advance(end - self._clock.now())

    @contextmanager
    def _busy(self, reason: str) -> Iterator[None]:
        self._busy_reason = reason
        try:
            yield
        finally:
            self._busy_reason = ""

    def _record_start(self, record: RunRecord) -> None:
        """Keep a run that starts; make its handle if it has none."""
        run = self.kernel.runs.handles.get(record.number)
        if not isinstance(run, SimulatedRun):
            run = self.kernel.runs.handles[record.number] = SimulatedRun(self, self.requests, record)
        if record.extras.attempts_made:  # it has started before
            return
        self.runs.append(run)
        self.runs_of_job.setdefault(record.job.name, []).append(run)
