"""A scheduler without threads: whatever is due runs on the thread that moves the clock.

The engine, the runtime's way of a change and the agenda are those of any scheduler. What differs is who
does the work (`InlineExecutor`, one run after the other), and who waits for what is due: nobody, since
`SimulatedKernel.pass_time` moves the clock from one instant to the next.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo

from jobtui.engine.enums import Phase, RunState, Trigger
from jobtui.engine.records import RunRecord
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.handles import Run
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.timer import Timer
from jobtui.simulation.inline_executor import InlineExecutor

_JOB = "a job runs, and time stands meanwhile"


class SimulatedRun(Run):
    """One execution of a runnable, as the test kit knows it; in a test, waiting for it lets no time pass.

    All times are aware, in the scheduler's zone.
    """

    __slots__ = ()

    _kernel: SimulatedKernel

    @property
    def trigger(self) -> Trigger:
        """What asked for it."""
        return self._record.trigger

    @property
    def due(self) -> datetime | None:
        """When it should start: the tick, or the instant given to ``in_`` and ``at``; None for ``now``."""
        return self._record.view(self._kernel.tz).due

    @property
    def started(self) -> datetime | None:
        """When its work started; None if it has not."""
        return self._record.view(self._kernel.tz).started

    @property
    def ended(self) -> datetime | None:
        """When it ended; None if it has not."""
        return self._record.view(self._kernel.tz).ended

    @property
    def exception(self) -> BaseException | None:
        """What it raised; None if it raised nothing, or has not ended."""
        return self._outcome[1]

    def wait(self, timeout: float | None = None) -> bool:
        """Let everything happen that can happen now, so that the run may end.

        Args:
            timeout: 0 asks whether it has ended. No time passes, so that any other number means the same.

        Returns:
            Whether it has ended: always True, unless ``timeout`` is 0.

        Raises:
            RuntimeError: It has not ended, and cannot while the test, or a job, waits for it.
        """
        if not self._kernel.is_mine:
            return super().wait(timeout)  # a thread that a job has started
        self._kernel.work_for(self)
        if self.state.ended:
            return True
        if timeout is not None and timeout <= 0:
            return False
        due = f", due at {self.due}" if self.state is RunState.SCHEDULED else ""
        reason = f" ({self.reason})" if self.reason else ""
        raise RuntimeError(
            f"run {self.number} of {self.job} is {self.state.value}{due}{reason}, and cannot end while it is "
            f"waited for: {self._kernel.why_it_stands}"
        )

    def __repr__(self) -> str:
        """The run's number, job, start and state, and how it ended."""
        at = "" if self.started is None else f" at {self.started}"
        reason = f": {self.reason}" if self.reason else ""
        return f"<jobtui.Run {self.number} of {self.job!r}{at} {self.state.value}{reason}>"


class SimulatedTimer(Timer):
    """Nobody waits for what is due; who changes that is the one to look.

    Args:
        called: Looks.
    """

    def __init__(self, called: Callable[[], None]) -> None:
        super().__init__(lambda: math.inf, lambda _: None, lambda: 0.0)
        self._called = called

    def start(self) -> None:
        """Start no thread."""

    def wake(self) -> None:
        """Look now."""
        self._called()

    def stop(self) -> None:
        """There is nothing to stop."""


class _Drained(threading.Event):
    """The end of all work, waited for by letting time pass."""

    def __init__(self, pass_time: Callable[[float], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            self._pass_time(timeout or 0.0)
        return self.is_set()


class SimulatedKernel(Kernel):
    """Runs an engine on the thread that has started it.

    Until the gate is opened nothing starts, as if the start were still going on.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        clock: Is moved by this runtime alone.

    Attributes:
        tz: As it was given.
        runs: Every run that has started, oldest first.
        runs_of_job: The same by the name of the job.
        opening: Is called before the gate opens. If it raises, the gate stays closed.
    """

    run_type = SimulatedRun

    def __init__(self, *, pool: int, tz: tzinfo, clock: ManualClock) -> None:
        super().__init__(pool=pool, tz=tz, clock=clock)
        self.tz = tz
        self.runs: list[SimulatedRun] = []
        self.runs_of_job: dict[str, list[SimulatedRun]] = {}
        self.opening: Callable[[], object] = bool
        self._moved = clock
        self._executor = self._hands = InlineExecutor(self, clock)
        self._hands.called = self._settle_now
        self._hands.begun = self._begun
        self._timer = SimulatedTimer(self._settle_now)
        self._drained = _Drained(self._let_coroutines_end)
        self._open = False
        self._busy = ""  # with what, so that time stands
        self._thread: int | None = None

    # --- questions --------------------------------------------------------------------------------

    @property
    def is_mine(self) -> bool:
        """Whether the thread that asks is the one that does the work."""
        return self._thread in (None, threading.get_ident())

    @property
    def why_it_stands(self) -> str:
        """Why no time passes, in words."""
        if self._thread is None:
            return "the scheduler has not started"
        if self._engine.closed:
            return "the scheduler has stopped"
        return self._busy or "time passes only in advance()"

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, with the gate closed."""
        self._thread = threading.get_ident()
        super().start()

    def open_gate(self) -> None:
        """Let runs start from here on; nothing, if they may already or if this is not the time for it."""
        if self._open or self._busy or self._engine.phase is not Phase.RUNNING or not self.is_mine:
            return
        with self._being("an on_app_start function runs, and no job does before it has ended"):
            self.opening()
            self._open = True
            self._poll()

    @contextmanager
    def closed_gate(self, why: str) -> Iterator[None]:
        """Let no run start meanwhile, nor until the gate is opened again.

        Raises:
            RuntimeError: Time stands already.
        """
        self.check_idle()
        self._open = False
        with self._being(why):
            yield

    # --- time -------------------------------------------------------------------------------------

    def check_idle(self) -> None:
        """See that the test itself is at work.

        Raises:
            RuntimeError: It is not.
        """
        if self._busy:
            raise RuntimeError(f"time is not to be moved now: {self._busy}")
        if not self.is_mine:
            raise RuntimeError("time is moved by the thread that has started the scheduler, and by no other")

    def pass_time(self, seconds: float) -> None:
        """Let time pass: what is due happens in order, each at its own instant.

        Raises:
            RuntimeError: It is not running, or time is passing already.
        """
        self._ready()
        end = round(self._now() + seconds, 6)  # so that a third of a second, thrice, loses no tick for good
        self._settle_now()
        while (instant := self._next_instant()) <= end:
            self._moved.advance(instant - self._now())
            self._settle_now()
        self._moved.advance(end - self._now())

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock forth or back; it is seen at once.

        Raises:
            RuntimeError: As for `pass_time`.
        """
        self._ready()
        self._settle_now()
        self._moved.step(seconds)
        with self._being(_JOB):
            self._poll()
        self._settle_now()

    def work_for(self, run: SimulatedRun) -> None:
        """Do what can be done now, so that a run may end: for a test, or for a job, that waits for it."""
        if not self._busy:
            self.open_gate()
            self._settle_now()
        elif self._open:
            self._hands.work(lambda: run.state.ended)

    def _ready(self) -> None:
        self.check_idle()
        if self._engine.phase is not Phase.RUNNING:
            raise RuntimeError(f"no time passes: {self.why_it_stands}")
        self.open_gate()

    def _next_instant(self) -> float:
        """When something may be due; always later than now, although floats round."""
        now, due = self._now(), self._engine.next_due
        instant = min(math.inf if due is None else due, now + self._hands.seconds_left)
        return max(instant, math.nextafter(now, math.inf))

    def _settle_now(self) -> None:
        """Let everything happen that is due now."""
        if not self._open or self._busy or not self.is_mine:
            return
        self._hands.refresh()
        with self._being(_JOB):
            while True:
                self._hands.resume()
                if self._requests or self._reports or self._pool.can_start():
                    self._hands.work()
                    continue
                due = self._engine.next_due
                if due is None or due > self._now():
                    return
                self._poll()

    def _let_coroutines_end(self, seconds: float) -> None:
        """The scheduler stops: let time pass for the work that is going."""
        if self._busy or not self.is_mine:
            return
        end = self._now() + seconds
        with self._being(_JOB):
            self._hands.resume()
            while not self._drained.is_set() and (instant := self._next_instant()) <= end:
                self._moved.advance(instant - self._now())
                self._hands.resume()
            if not self._drained.is_set():
                self._moved.advance(end - self._now())

    @contextmanager
    def _being(self, busy: str) -> Iterator[None]:
        self._busy = busy
        try:
            yield
        finally:
            self._busy = ""

    def _begun(self, record: RunRecord) -> None:
        """Keep a run, and give it a handle if nobody has asked for one."""
        run = record.handle
        if run is None:
            run = record.handle = SimulatedRun(self, record)
        self.runs.append(run)
        self.runs_of_job.setdefault(record.job.name, []).append(run)
