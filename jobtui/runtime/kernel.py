"""The kernel: owns the engine and the one lock, and makes every change of the engine.

Every change takes the same path. With the state lock held, the engine changes its data, and the kernel
collects the effects: workers to wake, waiters whose run has ended, coroutines to interrupt, subscribers to
notify. When the lock has been released, the effects run. No user code, no I/O and no callback runs with the
lock held.

Producers never block on the lock. `Kernel.request_run_now` appends its run to an inbox, and so does a worker
whose attempt to take the lock fails; the thread that holds the lock drains the inbox (flat combining). If
threads blocked on a lock that is held for a microsecond, Python would switch between them at each turn, and
that takes longer than everything else.
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

from jobtui.engine.batch import MIN_QUEUE, Batch
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Cancellation, Overlap, Phase, RunState, Trigger
from jobtui.engine.ledger import Ledger
from jobtui.engine.records import NO_EXTRAS, Call, JobRecord, RunRecord
from jobtui.engine.tracebacks import one_line
from jobtui.engine.views import Liveness
from jobtui.runtime.clock import Clock
from jobtui.runtime.current_run import current_record
from jobtui.runtime.executors.base import Dispatcher, Outcome, Worker
from jobtui.runtime.executors.threads import ThreadExecutor
from jobtui.runtime.handles import Run
from jobtui.runtime.run_attachments import existing_stop_request, stop_request_of
from jobtui.runtime.state_lock import StateLock
from jobtui.runtime.stop_request import final_state
from jobtui.runtime.subscriptions import Subscription
from jobtui.runtime.timer import Timer

STOP_CALLER = "it stopped the scheduler, which did not wait for its end"
CANCELLED = "cancelled"

CLOCK_STEP = 0.5  # seconds; a wall clock that falls back by more than this has been set
STRAGGLER_DELAY = 0.002  # seconds after which the timer checks that workers on short runs have finished them

_NOW, _OK, _ALLOW = Trigger.NOW, RunState.OK, Overlap.ALLOW  # Python 3.11 is slow to look up enum members

Result = TypeVar("Result")
Effect = Callable[[], object]  # what a change leaves to be done when the lock has been released


class Kernel:
    """Owns an engine and its lock; connects it with the callers, the executor and the timer.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        clock: The source of time.
        make_executor: Makes the executor for this kernel and its clock.
        make_timer: Makes the timer, from the arguments of `Timer`.

    Attributes:
        clock: The source of time.
        run_type: The class of the handles that `request_run` returns.
        one_offs: The jobs of one-off runs, by the name of their runnables. May be read without the lock.
    """

    run_type: ClassVar[type[Run]] = Run

    def __init__(
        self,
        *,
        pool: int,
        tz: tzinfo,
        clock: Clock,
        make_executor: Callable[[Dispatcher, Clock], ThreadExecutor] = ThreadExecutor,
        make_timer: Callable[..., Timer] = Timer,
    ) -> None:
        self.clock = clock
        self._now = clock.now
        self._lock = StateLock()
        # The inbox: runs to admit, and outcomes to record, each with the worker that has reported it, if any.
        self._requests: deque[RunRecord] = deque()
        self._reports: deque[tuple[Outcome, Worker | None]] = deque()
        self._engine = Engine(pool=pool, tz=tz, ledger=Ledger())
        self._pool = self._engine.pool
        self._event_log = self._engine.event_log
        self._run_numbers = self._pool.run_numbers
        self.one_offs = self._engine.one_off_jobs
        self._batches: list[Batch] = []  # those that workers execute without the lock
        self._executor = make_executor(self, clock)
        self._timer = make_timer(self._poll, self._report_internal_error, clock.monotonic)
        self._timer_due = -math.inf  # when the timer will next wake; before its start, never wake it
        self._straggler_check_due = False  # whether the timer will soon check for stragglers
        self._last_clocks: tuple[float, float] | None = None  # wall and monotonic clock when last compared
        self._heartbeat: float | None = None  # the monotonic clock when the timer last woke
        self._subscriptions: tuple[Subscription, ...] = ()
        self._start_claimed = False
        self._stop_callers: set[RunRecord] = set()  # runs that called `stop`: it does not wait for them
        self._drained = threading.Event()  # set when all other work has ended
        self._ended_in_time = True
        self._pid = os.getpid()
        _kernels.add(self)

    # --- changing and inspecting the engine -------------------------------------------------------

    def apply(self, change: Callable[[Engine, float], Result]) -> Result:
        """Change the engine with the lock held, then run the effects. Every change takes this path.

        Args:
            change: Is called with the engine and the time. It must be quick and must not block.

        Raises:
            RuntimeError: The caller has interrupted another change of its own thread.
        """
        with self._lock:
            now = self._now()
            if self._last_clocks is not None and now < self._last_clocks[0]:
                self._check_clock_step(now)  # before the change computes an instant from the new time
            self._drain_inbox(now)
            result = change(self._engine, now)
            effects = self._collect_effects()
            next_due = self._engine.next_due
            if next_due is not None and next_due < self._timer_due:
                effects.append(self._timer.wake)
        self._run_effects(effects)
        return result

    def inspect(self, question: Callable[[Engine], Result]) -> Result:
        """Read something from the engine, on the path of `apply`, so the inbox is drained first."""
        return self.apply(lambda engine, _now: question(engine))

    @property
    def reentered(self) -> bool:
        """Whether the caller has interrupted a change, as a signal handler or a destructor may."""
        return self._lock.reentered

    def _collect_effects(self) -> list[Effect]:
        """Return what the change leaves to be done outside the lock. Call with the lock held."""
        effects: list[Effect] = []
        startable = self._pool.can_start()
        if startable and not self._executor.available_soon:
            # One worker is enough: if it finds more than one run, it wakes the next worker.
            effects.append(self._executor.wake_or_spawn())
        elif startable and not self._straggler_check_due and self._executor.short_runners:
            effects.append(self._check_stragglers_soon)
        if self._event_log.notifications_pending:
            effects += self._collect_notifications()
        return effects

    def _collect_notifications(self) -> list[Effect]:
        """Return what notifies waiters, interrupted runs and subscribers. Call with the lock held."""
        engine, log = self._engine, self._event_log
        log.notifications_pending = engine.closed
        effects: list[Effect] = [waiter.set for waiter in log.finished_waiters]
        log.finished_waiters = []
        for run in log.stop_requested:
            stop_request_of(run).request(run.extras.stop_reason)
            effects.append(partial(self._executor.interrupt, run))
        log.stop_requested = []
        effects += [each.notify for each in self._subscriptions if each.needs_notification()]
        if engine.closed and len(self._pool.running) <= len(self._stop_callers):
            self._check_drained()
        return effects

    def _run_effects(self, effects: Sequence[Effect]) -> None:
        """Run the effects of a change. Call without the lock."""
        for effect in effects:
            effect()
        if self._requests or self._reports:
            self._drain_if_unlocked()

    # --- the inbox --------------------------------------------------------------------------------

    def _drain_if_unlocked(self) -> None:
        """Drain the inbox, unless another thread holds the lock: that one drains it before it returns."""
        lock = self._lock
        while (self._requests or self._reports) and lock.try_acquire():
            if lock.in_use:  # the caller has interrupted a change, which drains the inbox at its end
                lock.release()
                return
            lock.in_use = True
            try:
                self._drain_inbox(self._now())
                effects = self._collect_effects()
            finally:
                lock.in_use = False
                lock.release()
            for effect in effects:
                effect()

    def _drain_inbox(self, now: float) -> None:
        """Record the finished runs of batches, and process the inbox. Call with the lock held."""
        requests, reports = self._requests, self._reports
        if self._batches:
            offset = self._now() - self.clock.monotonic()  # `now` is too old: a thread switch may lie between
            for batch in self._batches:
                self._pool.record_batch(batch, offset)
        if len(requests) == 1:
            self._engine.admit_one_off(requests.popleft())
        elif requests:
            self._engine.admit_one_offs([requests.popleft() for _ in range(len(requests))])
        while reports:
            outcome, worker = reports.popleft()
            self._record_outcome(outcome, now)
            if worker is not None:
                self._forget_batch(worker)
                self._executor.mark_idle(worker)

    def _record_outcome(self, outcome: Outcome, now: float) -> None:
        """Record the end of a run. Call with the lock held."""
        run = outcome.run
        if run is None:  # the work is a coroutine, whose end the event loop will report
            return
        state, reason = outcome.state, outcome.reason
        if run.attachments is not None:
            request = existing_stop_request(run)
            state, reason = final_state(request, state, reason, honoured=outcome.honoured_stop)
        # A run that was given up has no handle any more, and a cancelled one has no result.
        if run.handle is not None and state is not RunState.CANCELLED:
            run.handle.set_result(outcome.value, outcome.exception)
        self._pool.finish(run, now, state, outcome.elapsed, reason=reason, error=outcome.error)
        outcome.clear()

    def _forget_batch(self, worker: Worker) -> None:
        """Forget a worker's batch. Call with the lock held, when all that it has finished is recorded."""
        if worker.batch is not None:
            self._batches.remove(worker.batch)
            worker.batch = None

    # --- for the executor -------------------------------------------------------------------------

    def start_first(self, worker: Worker) -> RunRecord | None:
        """Start a run for a worker that was woken or spawned. None: the worker was marked idle."""
        with self._lock:
            self._executor.available_soon -= 1
            worker.idle = False
            now = self._now()
            self._drain_inbox(now)
            run = self._pool.start_next(now, worker.name)
            if run is None:
                self._executor.mark_idle(worker)
            else:
                self._executor.note_short_run(worker, run)
            effects = self._collect_effects()
        self._run_effects(effects)
        return run

    def finish_and_start_next(self, worker: Worker) -> RunRecord | None:
        """Record a worker's outcome and start its next run, in one hold of the lock.

        Returns:
            The next run. None: the worker was marked idle, or the holder of the lock will do that.
        """
        lock, executor, log = self._lock, self._executor, self._event_log
        try_acquire, read_clock, release = lock.try_acquire, self._now, lock.release
        outcome = worker.outcome
        if not try_acquire():
            self._reports.append((outcome, worker))
            self._drain_if_unlocked()
            return None
        lock.in_use = True
        effects: Sequence[Effect] = ()
        try:
            now = read_clock()
            if self._requests or self._reports or self._batches:
                self._drain_inbox(now)
                self._forget_batch(worker)
            done = outcome.run
            plain = (
                not outcome.has_details
                and done is not None
                and done.extras is NO_EXTRAS
                and done.attachments is None
            )
            if done is None or not plain:
                self._record_outcome(outcome, now)
                run = self._pool.start_next(now, worker.name)
            else:
                run = self._pool.finish_and_start_next(done, now, outcome.elapsed, worker.name)
            if run is None:
                executor.mark_idle(worker)
            elif not (worker.on_short_run and (run.job.last_elapsed or math.inf) < executor.short_run_limit):
                executor.note_short_run(worker, run)
            elif (
                plain  # else the next run will probably have details too, and end the batch
                and len(self._pool.queue) >= MIN_QUEUE
                and run.job.overlap is _ALLOW
                and len(executor.short_runners) == 1
            ):
                worker.batch = self._pool.start_batch(run, worker.name)
                self._batches.append(worker.batch)
            if log.notifications_pending or not (executor.available_soon and self._straggler_check_due):
                effects = self._collect_effects()
        finally:
            lock.in_use = False
            release()
        if effects or self._requests or self._reports:
            self._run_effects(effects)
        return run

    def report(self, outcome: Outcome) -> None:
        """Record the outcome of a run, without starting another: the end of a coroutine, for example."""
        self._reports.append((outcome, None))
        self._drain_if_unlocked()

    def worker_crashed(self, worker: Worker, error: Exception) -> None:
        """Record an error of jobtui's own between a worker's runs: fail its run, and mark the worker idle.

        No other worker is woken: an error that occurs each time would spawn thread after thread.
        """
        with self._lock:
            now = self._now()
            self._drain_inbox(now)
            self._forget_batch(worker)
            run = worker.outcome.run
            worker.outcome.clear()
            if not worker.idle:
                self._executor.mark_idle(worker)
            self._engine.report_internal_error(f"{worker.name}: {one_line(error)}", now)
            if run is not None:
                reason = f"error inside the scheduler: {one_line(error)}"
                self._pool.finish(run, now, RunState.FAILED, worker.outcome.elapsed, reason=reason)
            effects = self._collect_notifications()
        self._run_effects(effects)

    def retire_idle(self, worker: Worker) -> bool:
        """Remove an idle worker, so that its thread can end. Returns False if it has just been woken."""
        return self.apply(lambda _engine, _now: self._executor.remove_idle(worker))

    def spawn_failed(self) -> None:
        """Record that the thread of a new worker could not be started."""
        with self._lock:
            self._executor.available_soon -= 1
        self._drain_if_unlocked()

    # --- for the timer ----------------------------------------------------------------------------

    def _poll(self) -> float:
        """Queue what is due. Returns the seconds until something is due again; inf for never."""
        with self._lock:
            now = self._now()
            self._check_clock_step(now)
            self._heartbeat = self.clock.monotonic()
            self._drain_inbox(now)
            self._engine.process_due(now)
            self._executor.check_stragglers()
            self._timer_due = now  # the timer is awake, so effects need not wake it
            effects = self._collect_effects()
            self._straggler_check_due = False  # before reading the inbox: producers write it, then read this
            next_due = self._engine.next_due
            self._timer_due = math.inf if next_due is None else next_due
            if self._executor.short_runners and (self._requests or self._pool.can_start()):
                self._straggler_check_due = True
                self._timer_due = min(self._timer_due, now + STRAGGLER_DELAY)
        self._run_effects(effects)
        return self._timer_due - now

    def _check_clock_step(self, now: float) -> None:
        """Detect that the wall clock was set back since the last comparison. Call with the lock held."""
        monotonic = self.clock.monotonic()
        if self._last_clocks is not None:
            # How much further the wall clock moved than time passed: negative if it was set back.
            step = (now - self._last_clocks[0]) - (monotonic - self._last_clocks[1])
            if step < -CLOCK_STEP:
                self._engine.apply_clock_step(step, now)
        self._last_clocks = now, monotonic

    def _check_stragglers_soon(self) -> None:
        """Have the timer check within `STRAGGLER_DELAY` that workers on short runs have finished them."""
        self._straggler_check_due = True
        if self._timer_due > self._now() + STRAGGLER_DELAY:
            self._timer.wake()

    def _report_internal_error(self, error: Exception) -> None:
        self.apply(lambda engine, now: engine.report_internal_error(one_line(error), now))

    # --- runs -------------------------------------------------------------------------------------

    def request_run(self, submit: Callable[[Engine, float], RunRecord]) -> Run:
        """Apply a change that creates a run, and return the handle of that run."""
        run: Run | None = None

        def accept(engine: Engine, now: float) -> RunRecord:
            nonlocal run
            self._check_accepting()
            record = submit(engine, now)
            run = self.run_type(self, record)
            if not record.state.ended:
                record.handle = run
            return record

        self.apply(accept)
        assert run is not None  # `apply` has called `accept`, or raised
        return run

    def request_run_now(self, job: JobRecord, call: Call) -> Run:
        """Put a one-off run into the inbox, without blocking on the lock.

        The runs of a one-off job may overlap, so no policy can reject a new one.
        """
        if self._engine.closed:
            self._check_accepting()
        now = self._now()
        record = RunRecord(next(self._run_numbers), job, _NOW, call, now, now)
        run = record.handle = self.run_type(self, record)
        self._requests.append(record)
        if not self._executor.available_soon:  # a worker that is available soon drains the inbox
            self._drain_if_unlocked()
        elif not self._straggler_check_due and self._executor.short_runners:
            self._check_stragglers_soon()
        return run

    def _check_accepting(self) -> None:
        if self._engine.closed:
            if self._pid != os.getpid():
                raise RuntimeError(
                    "the scheduler runs in the parent process: create another one after the fork"
                )
            raise RuntimeError("the scheduler has stopped: it accepts no more runs")

    def cancel(self, run: RunRecord) -> Cancellation:
        """Remove a waiting run; interrupt a RUNNING coroutine, or ask a RUNNING thread to stop."""
        done = self.apply(lambda engine, now: engine.pool.cancel(run, now, CANCELLED))
        interrupted = done is Cancellation.ASKED and stop_request_of(run).interrupted
        return Cancellation.INTERRUPTED if interrupted else done

    def state_of(self, run: RunRecord) -> RunState:
        """Return a run's state, with the progress of batches recorded."""
        if self._batches and not run.state.ended and not self.reentered:
            self.inspect(lambda _engine: None)
        return run.state

    def done_event_of(self, run: Run) -> threading.Event | None:
        """Return an event that is set when the run ends; None if it has ended."""
        return self.inspect(lambda _engine: run.done_event())

    # --- views and subscriptions ------------------------------------------------------------------

    def liveness(self) -> Liveness:
        """Return the phase and the age of the timer's heartbeat. Never blocks on the lock."""
        heartbeat = self._heartbeat  # read before the clock: the timer may wake in between
        age = None if heartbeat is None else max(0.0, self.clock.monotonic() - heartbeat)
        return Liveness(phase=self._engine.phase, heartbeat_age=age, seq=self._event_log.seq)

    def subscribe(self, notify: Callable[[], None] | None) -> Subscription:
        """Take a snapshot and subscribe to every event after it, in one hold of the lock."""

        def subscribe(engine: Engine, now: float) -> Subscription:
            subscription = Subscription(
                engine.snapshot(now), engine.event_log, self.inspect, notify=notify, close=self._unsubscribe
            )
            self._subscriptions += (subscription,)
            engine.event_log.set_reader_count(len(self._subscriptions))
            return subscription

        return self.apply(subscribe)

    def _unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
        self._event_log.set_reader_count(len(self._subscriptions))

    # --- start, stop, fork ------------------------------------------------------------------------

    def claim_start(self) -> None:
        """Let one caller continue to `start`, and raise RuntimeError for any other."""
        with self._lock:
            if self._start_claimed or self._engine.phase is not Phase.NEW:
                raise RuntimeError("a scheduler can be started only once; make a new one")
            self._start_claimed = True

    def start(self) -> None:
        """Start the engine and the timer, unless the scheduler was stopped after `claim_start`."""

        def start(engine: Engine, now: float) -> None:
            if engine.phase is not Phase.NEW:
                raise RuntimeError("the scheduler was stopped before it had started")
            engine.start(now)
            self._heartbeat = self.clock.monotonic()

        self.apply(start)
        self._timer.start()

    def stop(self, grace: float) -> bool:
        """Cancel what waits, give running work ``grace`` seconds to end, then give up the rest.

        Blocks for at most ``grace`` seconds. Does not wait for the run that calls this, if any.

        Returns:
            Whether all other work ended in time.
        """
        caller = current_record.get()

        def stop(engine: Engine, now: float) -> None:
            if engine.phase in (Phase.NEW, Phase.RUNNING):
                engine.stop(now)
            if caller is not None and engine.is_running(caller):
                self._stop_callers.add(caller)

        self.apply(stop)
        self._wait_until_drained(grace)
        self.apply(lambda engine, now: self._abandon_running(engine, now, grace))
        self._timer.stop()
        self._executor.cancel_coroutines()
        return self._ended_in_time

    def _wait_until_drained(self, grace: float) -> None:
        """Block until all other work has ended, at most ``grace`` seconds."""
        self._drained.wait(min(grace, threading.TIMEOUT_MAX))

    def _check_drained(self) -> None:
        """Set `_drained` if no run is RUNNING but those that called `stop`. Call with the lock held."""
        callers = sum(map(self._engine.is_running, self._stop_callers))
        if self._engine.phase is Phase.STOPPED or len(self._pool.running) <= callers:
            self._drained.set()

    def _abandon_running(self, engine: Engine, now: float, grace: float) -> None:
        """End each run that is still RUNNING as CANCELLED, and shut the executor down."""
        if engine.phase is Phase.STOPPED:
            return
        for run in self._stop_callers:
            engine.pool.finish(run, now, _OK, now - (run.started or now), reason=STOP_CALLER)
        self._ended_in_time = not self._pool.running
        reason = f"still running {grace:g} s after the scheduler stopped; given up"
        for run in engine.abandon_running(now, reason):
            stop_request_of(run).request(reason)
        self._executor.shut_down()

    def _reset_after_fork(self) -> None:
        """Make a forked child's copy usable: it has no threads, and another thread may have held the lock."""
        self._lock = StateLock()
        if self._engine.phase is Phase.NEW:
            self._pid = os.getpid()  # not started yet: each process may start its own copy
        else:
            self._engine.disable_after_fork()
            self._drained = threading.Event()
            self._drained.set()


_kernels: weakref.WeakSet[Kernel] = weakref.WeakSet()


def _reset_kernels_after_fork() -> None:
    for kernel in list(_kernels):
        kernel._reset_after_fork()  # noqa: SLF001 - its own module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_kernels_after_fork)
