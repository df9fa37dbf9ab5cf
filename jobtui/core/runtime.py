"""The running thing, as the scheduler and the handles use it: requests, questions, start and stop."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from datetime import tzinfo
from typing import ClassVar

from jobtui.core.cancelling import stop_request_of
from jobtui.core.change_lock import ChangeLock
from jobtui.core.changes import Changes, Result
from jobtui.core.clock import Clock
from jobtui.core.engine import Engine
from jobtui.core.handles import Run
from jobtui.core.model import Cancellation, JobView, Phase, Pulse, RunState, Snapshot, Trigger
from jobtui.core.records import Call, JobRecord, RunRecord
from jobtui.core.subscriptions import Subscription
from jobtui.core.workers import current_record

STOPPED_IT = "it stopped the scheduler; what it did afterwards was not waited for"
CANCELLED = "cancelled"

_NOW, _OK = Trigger.NOW, RunState.OK


class Runtime(Changes):
    """Runs an engine with threads.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        clock: Where the time comes from.

    Attributes:
        run_type: What is made for whoever asks for a run.
        one_offs: The jobs of one-off runs, by the name of their runnables; can be looked up without a lock.
    """

    run_type: ClassVar[type[Run]] = Run

    def __init__(self, *, pool: int, tz: tzinfo, clock: Clock) -> None:
        super().__init__(pool=pool, tz=tz, clock=clock)
        self.one_offs = self._engine.one_offs
        self._numbers = self._pool.numbers
        self._pid = os.getpid()
        self._in_time = True
        self._claimed = False
        _runtimes.add(self)

    # --- requests and questions -------------------------------------------------------------------

    def request(self, transition: Callable[[Engine, float], RunRecord]) -> Run:
        """Apply a change that asks for a run, and return the handle of that run.

        Raises:
            RuntimeError: The scheduler has stopped.
        """
        run: Run | None = None

        def accept(engine: Engine, now: float) -> RunRecord:
            nonlocal run
            self._check_accepting()
            record = transition(engine, now)
            run = self.run_type(self, record)
            if not record.state.ended:
                record.handle = run
            return record

        self.change(accept)
        assert run is not None  # `change` has called `accept`, or raised
        return run

    def request_now(self, job: JobRecord, call: Call) -> Run:
        """Ask for a one-off run without waiting for the lock.

        Args:
            job: A job of one-off runs: they may overlap, so that nothing is in the way of a new one.
            call: What to do.

        Raises:
            RuntimeError: The scheduler has stopped.
        """
        if self._engine.over:
            self._check_accepting()
        now, run_type = self._now, self.run_type
        record = RunRecord(next(self._numbers), job, _NOW, call, now())
        run = record.handle = run_type(self, record)
        self._requests.append(record)
        if not self._crew.coming:  # who is coming empties the inbox
            self._catch_up()
        elif not self._watching and self._crew.hasty:
            self._watch()
        return run

    def _check_accepting(self) -> None:
        if self._engine.over:
            if self._pid != os.getpid():
                raise RuntimeError(
                    "the scheduler runs in the process that forked this one: make another one here"
                )
            raise RuntimeError("the scheduler has stopped: it takes no more runs")

    def view(self, job: JobRecord) -> JobView:
        """One job as it is now."""
        return self.change(lambda engine, _now: engine.job_view(job))

    def query(self, question: Callable[[Engine], Result]) -> Result:
        """Ask the engine something; the question must change nothing and be quick."""
        return self.change(lambda engine, _now: question(engine))

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        return self.change(lambda engine, now: engine.snapshot(now))

    def pulse(self) -> Pulse:
        """Whether it is alive, without the lock."""
        heartbeat = self._heartbeat  # the timer may wake at any moment, and then it would be in the future
        age = None if heartbeat is None else max(0.0, self.clock.monotonic() - heartbeat)
        return Pulse(phase=self._engine.phase, heartbeat_age=age, seq=self._journal.seq)

    def subscribe(self, notify: Callable[[], None] | None) -> Subscription:
        """Take a snapshot and get every event after it, in one step."""

        def subscribe(engine: Engine, now: float) -> Subscription:
            subscription = Subscription(
                engine.snapshot(now), engine.journal, self.query, notify=notify, close=self._unsubscribe
            )
            self._subscriptions += (subscription,)
            engine.journal.listen(readers=len(self._subscriptions))
            return subscription

        return self.change(subscribe)

    def _unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
        self._journal.listen(readers=len(self._subscriptions))

    def cancel(self, run: RunRecord) -> Cancellation:
        """Take out a run that waits; interrupt or ask one that runs."""
        done = self.change(lambda engine, now: engine.pool.cancel(run, now, CANCELLED))
        interrupted = done is Cancellation.ASKED and stop_request_of(run).interrupted
        return Cancellation.INTERRUPTED if interrupted else done

    def state_of(self, run: RunRecord) -> RunState:
        """Where a run is."""
        if self._streaks and not run.state.ended and not self.interrupted:
            self.query(lambda _engine: None)  # who asks brings the books up to date
        return run.state

    def event_of(self, run: Run) -> threading.Event | None:
        """What to wait for until a run ends; None if it has."""
        return self.query(lambda _engine: run.end())

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
            self._heartbeat = self.clock.monotonic()

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
            engine.pool.finish(run, now, _OK, now - (run.started or now), reason=STOPPED_IT)
        self._in_time = not engine.running
        engine.abandon(now, f"still running {grace:g} s after the scheduler stopped; given up")
        self._crew.dismiss()

    # --- what a fork leaves behind ------------------------------------------------------------------

    def _forked(self) -> None:
        """Be a child's copy: there are no threads here, and somebody may have had the lock."""
        self._lock = ChangeLock()
        if self._engine.phase is Phase.NEW:
            self._pid = os.getpid()  # not started yet: it can be, here as well as there
        else:
            self._engine.disown()
            self._drained = threading.Event()
            self._drained.set()


_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()


def _forked() -> None:
    for runtime in list(_runtimes):
        runtime._forked()  # noqa: SLF001 - its own module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
