"""The one lock, and the way of every change; what the workers and the timer call.

Every change takes the same way: under the lock the engine changes its books, and it is settled who
has to be told; after the lock, threads are started and readers and waiters are told. No user code,
no I/O and no callback runs under the lock.

Nobody who has work to do waits for the lock. Who asks for a one-off run puts it into the inbox, and
a worker that finds the lock taken puts its report there; whoever has the lock, or has just had it,
empties the inbox. Threads that queue up for a lock that is held for a microsecond make Python switch
between them at every turn, and that takes longer than all the rest.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from typing import ClassVar, TypeVar

from jobtui.engine.batch import FEWEST, Batch
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Cancellation, Overlap, Phase, RunState, Trigger
from jobtui.engine.ledger import MemoryLedger
from jobtui.engine.records import NO_EXTRAS, Call, JobRecord, RunRecord
from jobtui.engine.tracebacks import one_line
from jobtui.engine.views import JobView, Liveness, Snapshot
from jobtui.runtime.attachments import existing_stop_request, stop_request_of
from jobtui.runtime.clock import Clock
from jobtui.runtime.current_run import current_record
from jobtui.runtime.executors.threads import Outcome, ThreadExecutor, Worker
from jobtui.runtime.handles import Run
from jobtui.runtime.state_lock import StateLock
from jobtui.runtime.stop_request import final_state
from jobtui.runtime.subscriptions import Subscription
from jobtui.runtime.timer import Timer

STOPPED_IT = "it stopped the scheduler; what it did afterwards was not waited for"
CANCELLED = "cancelled"

_NOW, _OK = Trigger.NOW, RunState.OK
CLOCK_STEP = 0.5  # seconds; a wall clock that goes back by more than this was set
LONGEST_TRUST = 0.002  # seconds for which who does a short run is taken to be back in no time

_ALLOW = Overlap.ALLOW
_INF = math.inf

Result = TypeVar("Result")
Todo = Sequence[Callable[[], object]]  # what a change leaves to be done once the lock is free


class Kernel:
    """An engine, and those who change it: whoever asks, the workers and the timer.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        clock: Where the time comes from.

    Attributes:
        clock: As it was given.
        run_type: What is made for whoever asks for a run.
        one_offs: The jobs of one-off runs, by the name of their runnables; can be looked up without a lock.
    """

    run_type: ClassVar[type[Run]] = Run

    def __init__(self, *, pool: int, tz: tzinfo, clock: Clock) -> None:
        self.clock = clock
        self._now = clock.now
        self._lock = StateLock()
        self._requests: deque[RunRecord] = deque()
        self._reports: deque[Outcome] = deque()
        self._streaks: list[Batch] = []
        self._engine = Engine(pool=pool, tz=tz, ledger=MemoryLedger())
        self._journal = self._engine.journal
        self._pool = self._engine.pool
        self._crew = ThreadExecutor(self, clock)
        self._timer = Timer(self._poll, self._report_internal_error, clock.monotonic)
        self._watching = False  # whether the timer will soon look who has not come back from a short run
        self._timer_due = -math.inf  # when the timer looks next; not before it has started
        self._last_wake: tuple[float, float] | None = None  # the wall clock and the other one
        self._heartbeat: float | None = None  # when the timer last woke, by the other one
        self._subscriptions: tuple[Subscription, ...] = ()
        self._drained = threading.Event()
        self._stopping: set[RunRecord] = set()  # the runs that wait in `stop`: those it must not wait for
        self.one_offs = self._engine.one_offs
        self._numbers = self._pool.numbers
        self._pid = os.getpid()
        self._in_time = True
        self._claimed = False
        _kernels.add(self)

    def change(self, transition: Callable[[Engine, float], Result]) -> Result:
        """Apply a change to the engine, given the time, and tell everybody whom it concerns.

        Raises:
            RuntimeError: Who asks has interrupted another change of its own thread.
        """
        with self._lock:
            now = self._now()
            if self._last_wake is not None and now < self._last_wake[0]:
                self._see_clock_step(now)  # before anything is given an instant by the new time
            self._empty_inbox(now)
            result = transition(self._engine, now)
            todo = self._commit()
            next_due = self._engine.next_due
            if next_due is not None and next_due < self._timer_due:
                todo.append(self._timer.wake)
        self._settle(todo)
        return result

    @property
    def interrupted(self) -> bool:
        """Whether the code that asks has interrupted a change, as a signal handler or a destructor may."""
        return self._lock.interrupted

    # --- the way of a change ----------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Empty the inbox, unless somebody else has the lock, and so will look into it when it is free."""
        lock = self._lock
        while (self._requests or self._reports) and lock.acquire_now():
            if lock.changing:  # this has come between the steps of a change, and that looks when it is over
                lock.release()
                return
            lock.changing = True
            try:
                self._empty_inbox(self._now())
                todo = self._commit()
            finally:
                lock.changing = False
                lock.release()
            for each in todo:
                each()

    def _empty_inbox(self, now: float) -> None:
        """Take in what was asked for and reported without the lock; under it."""
        requests, reports = self._requests, self._reports
        if self._streaks:
            offset = self._now() - self.clock.monotonic()  # a thread switch after `now` would falsify it
            for streak in self._streaks:
                self._pool.enter(streak, offset)
        if len(requests) == 1:
            self._engine.admit_one_off(requests.popleft())
        elif requests:
            self._engine.admit_one_offs([requests.popleft() for _ in range(len(requests))])
        while reports:
            outcome = reports.popleft()
            self._record(outcome, now)
            if isinstance(outcome, Worker):
                self._end_streak(outcome)
                self._crew.rest(outcome)

    def _end_streak(self, worker: Worker) -> None:
        """A worker has come back, and the books are up to date; under the lock."""
        if worker.streak is not None:
            self._streaks.remove(worker.streak)
            worker.streak = None

    def _commit(self) -> list[Callable[[], object]]:
        """See whom a change concerns; under the lock. Returns what to do when it is free."""
        todo: list[Callable[[], object]] = []
        startable = self._pool.startable()
        if startable and not self._crew.coming:
            # One is enough: who comes and finds more than one run sends for the next.
            todo.append(self._crew.send_for_one())
        elif startable and not self._watching and self._crew.hasty:
            todo.append(self._watch)
        if self._journal.pressing:
            todo += self._to_tell()
        return todo

    def _to_tell(self) -> list[Callable[[], object]]:
        """See who waits to be told; under the lock. Returns what tells them."""
        engine, journal = self._engine, self._journal
        journal.pressing = engine.over
        todo: list[Callable[[], object]] = [awaited.set for awaited in journal.settled]
        journal.settled = []
        for run in journal.asked:
            stop_request_of(run).request(run.extras.stop_reason)
            todo.append(partial(self._crew.interrupt, run))
        journal.asked = []
        todo += [each.notify for each in self._subscriptions if each.due()]
        if engine.over and engine.running <= len(self._stopping):
            self._see_whether_drained()
        return todo

    def _watch(self) -> None:
        """See to it that the timer looks soon whether those who do short runs really come back."""
        self._watching = True
        if self._timer_due > self._now() + LONGEST_TRUST:
            self._timer.wake()

    def _settle(self, todo: Todo) -> None:
        """Do what a change has left to be done; not under the lock."""
        for each in todo:
            each()
        if self._requests or self._reports:
            self._catch_up()

    def _see_whether_drained(self) -> None:
        engine = self._engine
        if engine.phase is Phase.STOPPED or engine.running <= sum(map(engine.is_running, self._stopping)):
            self._drained.set()

    # --- what the workers call --------------------------------------------------------------------

    def report(self, outcome: Outcome) -> None:
        """Record the end of a run's work."""
        self._reports.append(outcome)
        self._catch_up()

    def arrive(self, worker: Worker) -> RunRecord | None:
        """Give a worker that was sent for a run to start. None: it was put to rest."""
        with self._lock:
            self._crew.coming -= 1
            worker.resting = False
            now = self._now()
            self._empty_inbox(now)
            run = self._pool.take(now, worker.name)
            if run is None:
                self._crew.rest(worker)
            else:
                self._crew.expect(worker, run)
            todo = self._commit()
        self._settle(todo)
        return run

    def turn(self, worker: Worker) -> RunRecord | None:
        """Record the end of a worker's run and give it the next one, in one hold of the lock.

        None: it was put to rest, or is about to be.
        """
        lock, crew, journal = self._lock, self._crew, self._journal
        acquire, read_clock, release = lock.acquire_now, self._now, lock.release
        if not acquire():
            self.report(worker)
            return None
        lock.changing = True
        todo: Todo = ()
        try:
            now = read_clock()
            if self._requests or self._reports or self._streaks:
                self._empty_inbox(now)
                self._end_streak(worker)
            done = worker.run
            plain = (
                not worker.remarkable
                and done is not None
                and done.extras is NO_EXTRAS
                and done.attachments is None
            )
            if done is None or not plain:
                self._record(worker, now)
                run = self._pool.take(now, worker.name)
            else:
                run = self._pool.turn(done, now, worker.elapsed, worker.name)
            if run is None:
                crew.rest(worker)
            elif not (worker.hasty and (run.job.last_elapsed or _INF) < crew.short):
                crew.expect(worker, run)
            elif (
                plain  # else the next one will probably have something to tell, too, and come back with it
                and len(self._pool.queue) >= FEWEST
                and run.job.overlap is _ALLOW
                and len(crew.hasty) == 1
            ):
                worker.streak = self._pool.deal(run, worker.name)
                self._streaks.append(worker.streak)
            if journal.pressing or not (crew.coming and self._watching):
                todo = self._commit()
        finally:
            lock.changing = False
            release()
        if todo or self._requests or self._reports:
            self._settle(todo)
        return run

    def failed(self, worker: Worker, error: Exception) -> None:
        """An error of our own came between a worker and its next run: its run has failed, and it rests.

        It sends for nobody: what fails each time would start thread after thread.
        """
        with self._lock:
            now = self._now()
            self._empty_inbox(now)
            self._end_streak(worker)
            run = worker.run
            worker.clear()
            if not worker.resting:
                self._crew.rest(worker)
            self._engine.report_internal_error(f"{worker.name}: {one_line(error)}", now)
            if run is not None:
                reason = f"error inside the scheduler: {one_line(error)}"
                self._pool.finish(run, now, RunState.FAILED, worker.elapsed, reason=reason)
            todo = self._to_tell()
        self._settle(todo)

    def leave(self, worker: Worker) -> bool:
        """Let a worker go that rests. Returns False if it was sent for."""
        return self.change(lambda _engine, _now: self._crew.leave(worker))

    def not_coming(self) -> None:
        """A worker that was sent for cannot come."""
        with self._lock:
            self._crew.coming -= 1
        self._catch_up()

    def _record(self, outcome: Outcome, now: float) -> None:
        run = outcome.run
        if run is not None:  # the end of a coroutine is not told by its worker, but by the loop
            state, reason = outcome.state, outcome.reason
            if run.attachments is not None:
                request = existing_stop_request(run)
                state, reason = final_state(request, state, reason, honoured=outcome.obeyed)
            # A run that was given up has no handle any more, and one that was cancelled has no result.
            if run.handle is not None and state is not RunState.CANCELLED:
                run.handle.set_result(outcome.value, outcome.exception)
            self._pool.finish(run, now, state, outcome.elapsed, reason=reason, error=outcome.error)
            outcome.clear()

    # --- what the timer calls ---------------------------------------------------------------------

    def _poll(self) -> float:
        """Do what is due. Returns how many seconds nothing will be."""
        with self._lock:
            now = self._now()
            self._see_clock_step(now)
            self._heartbeat = self.clock.monotonic()
            self._empty_inbox(now)
            self._engine.tick(now)
            self._crew.look()
            self._timer_due = now  # it is awake, and need not be woken
            todo = self._commit()
            self._watching = False  # before looking into the inbox: who puts something in looks afterwards
            next_due = self._engine.next_due
            self._timer_due = math.inf if next_due is None else next_due
            if self._crew.hasty and (self._requests or self._pool.startable()):
                self._watching = True
                self._timer_due = min(self._timer_due, now + LONGEST_TRUST)
        self._settle(todo)
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

    def _report_internal_error(self, error: Exception) -> None:
        self.change(lambda engine, now: engine.report_internal_error(one_line(error), now))

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

    def job_view(self, job: JobRecord) -> JobView:
        """One job as it is now."""
        return self.change(lambda engine, _now: engine.job_view(job))

    def query(self, question: Callable[[Engine], Result]) -> Result:
        """Ask the engine something; the question must change nothing and be quick."""
        return self.change(lambda engine, _now: question(engine))

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        return self.change(lambda engine, now: engine.snapshot(now))

    def pulse(self) -> Liveness:
        """Whether it is alive, without the lock."""
        heartbeat = self._heartbeat  # the timer may wake at any moment, and then it would be in the future
        age = None if heartbeat is None else max(0.0, self.clock.monotonic() - heartbeat)
        return Liveness(phase=self._engine.phase, heartbeat_age=age, seq=self._journal.seq)

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

    def done_event_of(self, run: Run) -> threading.Event | None:
        """What to wait for until a run ends; None if it has."""
        return self.query(lambda _engine: run.done_event())

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
        reason = f"still running {grace:g} s after the scheduler stopped; given up"
        for run in engine.abandon(now, reason):
            stop_request_of(run).request(reason)
        self._crew.dismiss()

    # --- what a fork leaves behind ------------------------------------------------------------------

    def _forked(self) -> None:
        """Be a child's copy: there are no threads here, and somebody may have had the lock."""
        self._lock = StateLock()
        if self._engine.phase is Phase.NEW:
            self._pid = os.getpid()  # not started yet: it can be, here as well as there
        else:
            self._engine.disown()
            self._drained = threading.Event()
            self._drained.set()


_kernels: weakref.WeakSet[Kernel] = weakref.WeakSet()


def _forked() -> None:
    for kernel in list(_kernels):
        kernel._forked()  # noqa: SLF001 - its own module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
