"""The running thing: one engine, one lock, the timer, the workers and those who watch.

Every change takes the same way: under the lock the engine changes its books, the events go to the
subscriptions' queues and resting workers are sent for; after the lock, threads are started and
readers and waiters are told. No user code, no I/O and no callback runs under the lock.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeVar

from jobtui.core.clock import Clock
from jobtui.core.engine import Engine
from jobtui.core.handles import Run
from jobtui.core.history import MemoryLedger
from jobtui.core.model import JobView, Phase, RunState, Snapshot
from jobtui.core.records import JobRecord, RunRecord
from jobtui.core.subscriptions import Subscription
from jobtui.core.timer import Timer
from jobtui.core.tracebacks import one_line
from jobtui.core.workers import Crew, Outcome, Worker, current_record

STOPPED_IT = "it stopped the scheduler; what it did afterwards was not waited for"
CLOCK_STEP = 0.5  # seconds; a wall clock that goes back by more than this was set

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Aftermath:
    """What a change leaves to be done once the lock is free."""

    spawn: int
    readers: tuple[Subscription, ...]
    settled: list[Run]
    timer_is_late: bool


class Runtime:
    """Runs an engine with threads.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        clock: Where the time comes from.
    """

    def __init__(self, *, pool: int, tz: tzinfo, clock: Clock) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._engine = Engine(pool=pool, tz=tz, ledger=MemoryLedger())
        self._crew = Crew(self, self._lock, clock)
        self._timer = Timer(self._poll, self._timer_failed)
        self._timer_due = -math.inf  # when the timer looks next; not before it has started
        self._last_wake: tuple[float, float] | None = None  # the wall clock and the other one
        self._subscriptions: tuple[Subscription, ...] = ()
        self._drained = threading.Event()
        self._stopping: set[RunRecord] = set()  # the runs that wait in `stop`: those it must not wait for
        self._in_time = True
        self._claimed = False

    # --- changes and questions --------------------------------------------------------------------

    def change(self, transition: Callable[[Engine, float], Result]) -> Result:
        """Apply a change to the engine, given the time, and tell everybody whom it concerns."""
        with self._lock:
            now = self.clock.now()
            if self._last_wake is not None and now < self._last_wake[0]:
                self._see_clock_step(now)  # before anything is given an instant by the new time
            result = transition(self._engine, now)
            aftermath = self._commit()
        self._settle(aftermath)
        return result

    def request(self, transition: Callable[[Engine, float], RunRecord]) -> Run:
        """Apply a change that asks for a run, and return the handle of that run.

        Raises:
            RuntimeError: The scheduler has stopped.
        """
        run: Run | None = None

        def accept(engine: Engine, now: float) -> RunRecord:
            nonlocal run
            if engine.phase in (Phase.STOPPING, Phase.STOPPED):
                raise RuntimeError("the scheduler has stopped: it takes no more runs")
            record = transition(engine, now)
            run = Run(self, record)
            if not record.state.ended:
                record.handle = run
            return record

        self.change(accept)
        assert run is not None  # `change` has called `accept`, or raised
        return run

    def view(self, job: JobRecord) -> JobView:
        """One job as it is now."""
        with self._lock:
            return self._engine.job_view(job)

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        with self._lock:
            return self._engine.snapshot(self.clock.now())

    def query(self, question: Callable[[Engine], Result]) -> Result:
        """Ask the engine something; the question must change nothing and be quick."""
        with self._lock:
            return question(self._engine)

    def subscribe(self, notify: Callable[[], None] | None) -> Subscription:
        """Take a snapshot and get every event after it, in one step."""
        with self._lock:
            if self._engine.journal.events is None:
                self._engine.journal.events = []
            subscription = Subscription(
                self._engine.snapshot(self.clock.now()), notify=notify, close=self._unsubscribe
            )
            self._subscriptions += (subscription,)
        return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
            if not self._subscriptions:
                self._engine.journal.events = None

    def event_of(self, run: Run) -> threading.Event | None:
        """What to wait for until a run ends; None if it has."""
        with self._lock:
            return run._event()  # noqa: SLF001 - the handle's own half of this

    # --- life -------------------------------------------------------------------------------------

    def claim_start(self) -> None:
        """Let one caller go on to start, and no other.

        Raises:
            RuntimeError: Somebody has.
        """
        with self._lock:
            if self._claimed or self._engine.phase is not Phase.NEW:
                raise RuntimeError("a scheduler is started once; make a new one")
            self._claimed = True

    def start(self) -> None:
        """Start the timer and whatever is queued.

        Raises:
            RuntimeError: It was stopped meanwhile.
        """

        def start(engine: Engine, now: float) -> None:
            if engine.phase is not Phase.NEW:
                raise RuntimeError("the scheduler was stopped before it had started")
            engine.start(now)

        self.change(start)
        self._timer.start()

    def stop(self, grace: float) -> bool:
        """Cancel what waits, let running work end for up to ``grace`` seconds, then give the rest up.

        A run that calls this itself is not waited for.

        Returns:
            Whether all other work had ended in time.
        """
        caller = current_record.get()

        def stop(engine: Engine, now: float) -> None:
            if engine.phase in (Phase.NEW, Phase.RUNNING):
                engine.stop(now)
            if caller is not None and engine.is_running(caller):
                self._stopping.add(caller)

        self.change(stop)
        self._drained.wait(min(grace, threading.TIMEOUT_MAX))
        self.change(lambda engine, now: self._give_up(engine, now, grace))
        self._timer.stop()
        self._crew.cancel_coroutines()
        return self._in_time

    def _give_up(self, engine: Engine, now: float, grace: float) -> None:
        if engine.phase is Phase.STOPPED:
            return
        for run in self._stopping:
            engine.finish(run, now, RunState.OK, elapsed=now - (run.started or now), reason=STOPPED_IT)
        self._in_time = not engine.running
        engine.abandon(now, f"still running {grace:g} s after the scheduler stopped; given up")
        self._crew.dismiss()

    # --- the way of a change ----------------------------------------------------------------------

    def _commit(self) -> _Aftermath:
        """Hand on what the engine has changed; under the lock."""
        engine, journal = self._engine, self._engine.journal
        events = journal.events
        readers: tuple[Subscription, ...] = ()
        if events:
            journal.events = []
            readers = self._subscriptions
            for subscription in readers:
                subscription.put(events)
        settled = journal.settled
        if settled:
            journal.settled = []
        if engine.phase is Phase.STOPPED or (
            engine.phase is Phase.STOPPING and engine.running <= sum(map(engine.is_running, self._stopping))
        ):
            self._drained.set()
        next_due = engine.next_due
        startable = engine.startable
        return _Aftermath(
            spawn=self._crew.send_for(startable) if startable else 0,
            readers=readers,
            settled=settled,
            timer_is_late=next_due is not None and next_due < self._timer_due,
        )

    def _settle(self, aftermath: _Aftermath) -> None:
        """Tell everybody whom a change concerns; not under the lock."""
        if aftermath.timer_is_late:
            self._timer.wake()
        if aftermath.spawn:
            self._crew.spawn(aftermath.spawn)
        for run in aftermath.settled:
            run._announce()  # noqa: SLF001 - the handle's own half of this
        for subscription in aftermath.readers:
            subscription.notify()

    # --- what the workers call --------------------------------------------------------------------

    def finish(self, outcome: Outcome) -> None:
        """Record the end of a run's work."""
        with self._lock:
            self._record(outcome, self.clock.now())
            aftermath = self._commit()
        self._settle(aftermath)

    def next_run(self, outcome: Outcome | None, worker: Worker, *, sent_for: bool) -> RunRecord | None:
        """Record the end of one run and start the next, in one hold of the lock."""
        with self._lock:
            now = self.clock.now()
            if sent_for:
                self._crew.arrived()
            if outcome is not None:
                self._record(outcome, now)
            run = self._engine.take(now, worker.name)
            if run is None:
                self._crew.rest(worker)
            aftermath = self._commit()
        self._settle(aftermath)
        return run

    def _record(self, outcome: Outcome, now: float) -> None:
        run = outcome.run
        if run.handle is not None:  # a run that was given up has none any more
            run.handle._settle(outcome.value, outcome.exception)  # noqa: SLF001 - the handle's own half
        self._engine.finish(
            run, now, outcome.state, elapsed=outcome.elapsed, reason=outcome.reason, error=outcome.error
        )

    # --- what the timer calls ---------------------------------------------------------------------

    def _poll(self) -> float:
        """Do what is due. Returns how many seconds nothing will be."""
        with self._lock:
            now = self.clock.now()
            self._see_clock_step(now)
            self._engine.tick(now)
            next_due = self._engine.next_due
            self._timer_due = math.inf if next_due is None else next_due
            aftermath = self._commit()
        self._settle(aftermath)
        return self._timer_due - now

    def _see_clock_step(self, now: float) -> None:
        """Compare the two clocks with what they said before; under the lock."""
        monotonic = self.clock.monotonic()
        if self._last_wake is not None:
            # How much further the wall clock went than time itself: negative if it was set back.
            step = (now - self._last_wake[0]) - (monotonic - self._last_wake[1])
            if step < -CLOCK_STEP:
                self._engine.clock_stepped(step, now)
        self._last_wake = now, monotonic

    def _timer_failed(self, error: Exception) -> None:
        self.change(lambda engine, now: engine.timer_failed(one_line(error), now))
