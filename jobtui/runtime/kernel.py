"""The kernel: owns the engine and the one lock, and makes every change of the engine.

Every change takes the same path. With the state lock held, the engine changes its data, and the kernel
collects the effects: workers to wake, runs that have ended, coroutines to interrupt, subscribers to notify.
When the lock has been released, the effects run. No user code, no I/O and no callback runs with the lock
held.

While a scheduler runs, only its own threads take the lock: the timer and the workers. All other threads post
their commands to an inbox, wake one of those threads, and wait for the reply. So an exception from a signal
handler, which can come between any two steps of a thread of the user, ends the waiting, but interrupts no
change; and no thread of the user ever holds the lock. Before the start and after the stop there are no such
threads, and a command is applied by its caller.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from datetime import tzinfo
from typing import Any, ClassVar, TypeVar

from jobtui.engine.batch import Batch
from jobtui.engine.effects import Effects
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Cancellation, Phase, RunState, Trigger
from jobtui.engine.ledger import Ledger
from jobtui.engine.records import Call, JobRecord, RunRecord
from jobtui.engine.ticks import TickPlan, TickPlanner
from jobtui.engine.tracebacks import one_line
from jobtui.engine.views import Liveness, Snapshot
from jobtui.runtime.clock import Clock, SteadyClock, SystemClock
from jobtui.runtime.current_run import run_of_context
from jobtui.runtime.executors.base import Dispatcher, Executor, Outcome, Worker, interrupted_outcome
from jobtui.runtime.executors.threads import ThreadExecutor
from jobtui.runtime.handles import Run
from jobtui.runtime.latch import Latch
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.run_output import output_memory
from jobtui.runtime.stop_request import StopRequest, final_state
from jobtui.runtime.subscriptions import Subscription, call_listener
from jobtui.runtime.timer import Timer

STOP_CALLER = "it stopped the scheduler, which did not wait for its end"
CANCELLED = "cancelled"
REENTERED = (
    "a signal handler or a destructor called the scheduler in the middle of a change that its own thread is "
    "making: call the scheduler from another thread"
)

CLOCK_STEP = 0.5  # seconds; a wall clock that deviates from elapsed time by more than this has been set
BATCH_CHECK = 0.002  # seconds after which the timer leaves the rest of a batch to other workers
WORKER_CHECK = 0.5  # seconds after which the timer checks that there are workers for the runs
REPLY_CHECK = 0.1  # seconds after which a waiting caller checks that there is a thread to serve it
VIEWS_PER_HOLD = 100  # jobs whose views are built in one hold of the lock: about 0.4 ms
CALLS_TIME = 0.002  # seconds of calls in one hold of the lock, after which no further call is applied in it
REFRESHES = 10  # of the views before a snapshot, if many jobs change all the time
STARTS_PER_HOLD = 200  # runs that are started by ticks in one hold of the lock

# Aliases, because Python 3.11 is slow to look up the members of an enum.
_NOW, _OK = Trigger.NOW, RunState.OK

Result = TypeVar("Result")
Command = Callable[[Engine, float], Result]


class _Call:
    """A command in the inbox, and its caller, which waits for the reply."""

    __slots__ = ("applied", "command", "error", "replied", "result")

    def __init__(self, command: Command[Any]) -> None:
        self.command = command
        self.applied = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.replied = Latch()

    def apply(self, engine: Engine, now: float) -> None:
        if self.applied:
            self.error = self.error or RuntimeError("an exception has interrupted this call")
            return
        self.applied = True
        try:
            self.result = self.command(engine, now)
        except (
            LookupError,
            ValueError,
            RuntimeError,
        ) as error:  # a command refuses before it changes anything
            self.error = error
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            self.error = error
            engine.repair(now)


class _Aftermath:
    """The work that a change leaves to be done without the lock."""

    __slots__ = ("effects", "notify", "replies", "wake_timer")

    def __init__(self, *, wake_timer: bool) -> None:
        self.effects = _NO_EFFECTS
        self.notify: list[Callable[[], None]] = []
        self.replies: list[_Call] = []
        self.wake_timer = wake_timer


_NO_EFFECTS = Effects()


class Kernel:
    """Owns an engine and its lock; connects it with the callers, the executor and the timer.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        clock: The source of time.
        ledger: Stores the endings of runs and ticks.
        make_executor: Makes the executor for this kernel and its clock.
        make_timer: Makes the timer, from the arguments of `Timer`.

    Attributes:
        clock: The source of time.
        run_type: The class of the handles that `request_run` returns.
        stop_request_type: The class of the stop requests.
        attachments: The outputs and stop requests of the runs.
        one_offs: The jobs of one-off runs, by the name of their runnables. May be read without the lock.
    """

    run_type: ClassVar[type[Run]] = Run
    stop_request_type: ClassVar[type[StopRequest]] = StopRequest

    def __init__(
        self,
        *,
        pool: int,
        tz: tzinfo,
        clock: Clock,
        ledger: Ledger,
        make_executor: Callable[[Dispatcher, Clock], Executor] = ThreadExecutor,
        make_timer: Callable[..., Timer] = Timer,
    ) -> None:
        self.clock = clock if isinstance(clock, SystemClock) else SteadyClock(clock)
        self._now = self.clock.now
        self._lock = threading.Lock()
        self._holder: int | None = None  # the thread that holds the lock
        self._changing = False  # whether a change has begun and not ended, which an exception may prevent
        self._replies: list[_Call] = []  # the calls that have been applied in the current change
        self._unfinished: list[_Aftermath] = []  # what is being done, or has been interrupted
        # Objects that nothing needs any more: calls, results. They are dropped without the lock, because the
        # destructor of an object of the user may take long; the timer leaves them to a worker.
        self._garbage: deque[object] = deque()
        # Any thread appends to the inbox and reads the handles and latches, without the lock: each of these
        # steps is one operation of a deque or a dict, which the GIL makes atomic.
        self._inbox: deque[RunRecord | _Call] = deque()
        self._handles: dict[int, Run] = {}  # of the live runs, by number
        self._latches: dict[int, Latch] = {}  # opened when the run of that number ends, if a thread waits
        self._engine = Engine(pool=pool, tz=tz, ledger=ledger)
        self._pool = self._engine.pool
        self._event_log = self._engine.event_log
        self._run_numbers = self._pool.run_numbers
        self.one_offs = self._engine.one_off_jobs
        self.attachments = RunAttachments(self.stop_request_type)
        self._executor = make_executor(self, self.clock)
        self._timer = make_timer(self._poll, self._report_internal_error, self.clock.monotonic)
        self._planner = TickPlanner(pause=self._drain_during_plan)
        self._timer_due = -math.inf  # when the timer will next wake; while it polls, never wake it
        self._workers_busy = False  # whether a worker was not idle when they were last checked
        self._next_worker_check = -math.inf  # on the monotonic clock
        self._workers_unsure = False  # whether a thread was started, or could not be, since the timer woke
        self._last_clocks: tuple[float, float] | None = None  # wall clock and elapsed time when last compared
        self._heartbeat: float | None = None  # the monotonic clock when the timer last woke
        self._subscriptions: tuple[Subscription, ...] = ()
        self._listeners: tuple[Callable[[], None], ...] = ()  # called after every change
        self._announced_seq = 0  # the number of the latest event when the listeners were called
        self._start_claims: list[object] = []  # one for each caller of `start`; the first one may start
        self._stop_callers: set[RunRecord] = set()  # runs that called `stop`: it does not wait for them
        self._drained = Latch()  # opened when all other work has ended
        self._ended_in_time = True
        self._executor_closed = False
        self._pid = os.getpid()
        _kernels.add(self)

    # --- commands ---------------------------------------------------------------------------------

    def apply(self, command: Command[Result]) -> Result:
        """Change the engine, then run the effects. Every change takes this path.

        Args:
            command: Is called with the engine and the time, with the state lock held. It must be quick and
                must not block.

        Raises:
            RuntimeError: The caller has interrupted another change of its own thread.
        """
        if self._timer.alive and not self._timer.in_own_thread:
            return self._post_and_wait(command)
        return self._apply_here(command)

    def inspect(self, question: Callable[[Engine], Result]) -> Result:
        """Read something from the engine, on the path of `apply`, so the inbox is drained first."""
        return self.apply(lambda engine, _now: question(engine))

    @property
    def reentered(self) -> bool:
        """Whether the caller has interrupted a change, as a signal handler or a destructor may."""
        return self._holder == threading.get_ident()

    def _post(self, item: RunRecord | _Call) -> None:
        """Append to the inbox, and wake a thread that drains it. Never blocks."""
        try:
            self._inbox.append(item)
            if not self._executor.wake():
                self._timer.wake()
        except BaseException:  # from a signal handler, perhaps between the two
            self._timer.wake()
            raise
        if self._engine.closed and not self._timer.alive and not self.reentered:
            self._apply_here(_do_nothing)

    def _post_and_wait(self, command: Command[Result]) -> Result:
        if self.reentered:  # the other threads wait for this one
            raise RuntimeError(REENTERED)
        call = _Call(command)
        self._post(call)
        while not call.replied.wait(REPLY_CHECK):
            if not self._timer.alive:  # the scheduler has stopped, or this is a forked process
                self._apply_here(_do_nothing)
        if call.error is not None:
            raise call.error
        result: Result = call.result
        # The thread that has replied may still hold the call, and must not be the one that drops these.
        call.command, call.result = _do_nothing, None
        return result

    def _apply_here(self, command: Command[Result]) -> Result:
        """Apply a command in the calling thread."""
        if self.reentered:
            raise RuntimeError(REENTERED)
        call = _Call(command)
        with self._lock:
            try:
                now = self._begin_change()
                call.apply(self._engine, now)
                aftermath = self._end_change()
            finally:
                self._holder = None
        self._run_effects(aftermath)
        if call.error is not None:
            raise call.error
        result: Result = call.result
        return result

    # --- with the lock held -----------------------------------------------------------------------

    def _begin_change(self) -> float:
        """Begin a change: complete an interrupted one, and drain the inbox. Return the time.

        The clock is read last, so that the time is not before that of a request in the inbox.
        """
        self._holder = threading.get_ident()
        if self._changing:
            self._engine.repair(self._read_clock())
        self._changing = True
        self._drain_inbox()
        return self._read_clock()

    def _end_change(self) -> _Aftermath:
        """End a change, and return what it leaves to be done without the lock.

        Each step puts something into the aftermath before it takes it away elsewhere, so that an exception
        in between loses nothing: `recover` does what is unfinished.
        """
        aftermath = _Aftermath(wake_timer=self._is_timer_late())
        self._unfinished.append(aftermath)
        effects = self._pool.effects
        if effects.ended or effects.stop_requested:
            for run in effects.stop_requested:
                self.attachments.stop_request(run.number).request(run.extras.stop_reason)
            aftermath.effects = effects
            self._pool.effects = Effects()
        forgotten = self._engine.ledger.forgotten
        if forgotten:
            outputs = self.attachments.outputs
            for number in forgotten if outputs else ():
                outputs.pop(number, None)
            forgotten.clear()
        for subscription in self._subscriptions:
            if subscription.needs_notification():
                aftermath.notify.append(subscription.notify)
                subscription.mark_notified()
        if self._listeners and self._announced_seq != self._event_log.seq:
            aftermath.notify.extend(self._listeners)
            self._announced_seq = self._event_log.seq
        if self._replies:
            aftermath.replies = self._replies
            self._replies = []
        self._changing = False
        return aftermath

    def _read_clock(self) -> float:
        """Return the time, after adjusting the engine if the wall clock was set back."""
        now = self._now()
        if self._last_clocks is not None and now < self._last_clocks[0]:
            self._check_clock_step(now)  # before a change computes an instant from the new time
        return now

    def _check_clock_step(self, now: float) -> None:
        """Detect that the wall clock was set since the last comparison."""
        elapsed = self.clock.elapsed()
        if self._last_clocks is not None:
            # How much further the wall clock moved than time passed: negative if it was set back.
            step = (now - self._last_clocks[0]) - (elapsed - self._last_clocks[1])
            if abs(step) > CLOCK_STEP:
                self._engine.apply_clock_step(step, now)
        self._last_clocks = now, elapsed

    def _drain_inbox(self) -> None:
        """Admit, record and apply what is in the inbox.

        An item leaves the inbox when it is processed. If an exception comes in between, the item is processed
        once more, which has no further effect. If the calls take long, the timer applies the rest of them.
        """
        inbox, last = self._inbox, math.inf
        while inbox:
            item = inbox[0]
            if isinstance(item, RunRecord):
                if item.number not in self._pool.live:
                    self._engine.admit_one_off(item)
            else:
                now = self._read_clock()
                if now > last:
                    self._timer.wake()
                    return
                last = min(last, now + CALLS_TIME)
                item.apply(self._engine, now)
                self._replies.append(item)
            inbox.popleft()

    def _record_outcomes(self, outcomes: list[Outcome], now: float, began: float | None = None) -> None:
        """Record the ends of runs; ``began`` is given if they were executed one after the other."""
        stop_requests, outputs = self.attachments.stop_requests, self.attachments.outputs
        for outcome in outcomes:
            number = outcome.run.number
            if stop_requests and (request := stop_requests.get(number)) is not None:
                outcome.state, outcome.reason = final_state(
                    request, outcome.state, outcome.reason, honoured=outcome.honoured_stop
                )
            if outputs and number in outputs:
                self._count_output(outcome.run)
            # A run that was given up has no handle any more, and a cancelled one has no result.
            value, exception = outcome.value, outcome.exception
            if (value is not None or exception is not None) and outcome.state.completed:
                handle = self._handles.get(number)
                if handle is not None:
                    handle.set_result(value, exception)
        self._pool.finish(outcomes, now, began)

    def _count_output(self, run: RunRecord) -> None:
        """Note how much memory the output of a run that ends takes, for the ledger."""
        output = self.attachments.outputs.get(run.number)
        if output is not None:
            run.ensure_extras().output_bytes = output_memory(output)

    def _is_timer_late(self) -> bool:
        """Return whether the timer sleeps beyond something that it has to do."""
        due = self._timer_due
        if due == -math.inf:
            return False
        next_due = self._engine.next_due
        if next_due is not None and next_due < due:
            return True
        batches = self._pool.batches
        return bool(batches) and batches[0].taken + 2 * BATCH_CHECK < due

    # --- effects ----------------------------------------------------------------------------------

    def _run_effects(self, aftermath: _Aftermath) -> None:
        """Do what a change has left to be done. Call without the lock. To do it twice is harmless."""
        if self._pool.can_start():
            self._executor.start()
        if aftermath.wake_timer:
            self._timer.wake()
        self._settle(aftermath.effects.ended)
        for run in aftermath.effects.stop_requested:
            self._executor.interrupt(run)
        for notify in aftermath.notify:
            call_listener(notify)
        if self._engine.closed:
            self._continue_stop()
        for reply in aftermath.replies:
            reply.replied.open()
        with suppress(ValueError):  # `recover` has done it, too
            self._unfinished.remove(aftermath)
        if self._garbage:
            if self._timer.in_own_thread:
                self._executor.start()
            else:
                self._garbage.clear()

    def _run_unfinished_effects(self) -> None:
        """Do what an exception has interrupted, and perhaps, once more, what another thread is doing."""
        for aftermath in tuple(self._unfinished):
            self._run_effects(aftermath)

    def _settle(self, runs: list[RunRecord]) -> None:
        """Wake the threads that wait for the end of runs, and give up the runs' calls and results."""
        handles, latches, drop = self._handles, self._latches, self._garbage.append
        stop_requests, outputs = self.attachments.stop_requests, self.attachments.outputs
        for run in runs:
            handle = handles.pop(run.number, None)
            if handle is not None:
                handle.settled = True  # before the latch is taken: `wait_ended` makes it, and then reads this
                drop(handle)
            if latches and (latch := latches.pop(run.number, None)) is not None:
                latch.open()
            if run.number in stop_requests or run.number in outputs:
                self.attachments.forget(run)
            if run.context is not None:  # it has never started
                drop(run.context)
                run.context = None
            drop(run.call)
            run.call = None  # the user's handle may keep the record, and the arguments may be large

    def wait_ended(self, run: Run, timeout: float | None) -> bool:
        """Block until a run has ended, at most ``timeout`` seconds. Returns whether it has."""
        latch = self._latches.setdefault(run.number, Latch())
        if run.settled:
            self._latches.pop(run.number, None)
            return True
        if not self._timer.alive:
            self.apply(_do_nothing)  # no other thread drains the inbox
        return latch.wait(timeout)

    # --- for the executor -------------------------------------------------------------------------

    def take(self, worker: Worker, at_most: int) -> bool:
        """Hand in the worker's outcomes, and take its next batch. Returns False if there is none."""
        outcomes = worker.outcomes
        with self._lock:
            try:
                now = self._begin_change()
                batch = worker.batch
                if batch is not None and len(batch.runs) > 1:
                    self._pool.leave_pending(batch)
                    self._record_outcomes(outcomes, now, batch.taken)
                else:
                    self._record_outcomes(outcomes, now)
                worker.clear()
                batch = worker.batch = Batch(now)
                if worker.coroutines_only:
                    started = self._pool.start_coroutines(batch, at_most)
                else:
                    started = self._pool.start(batch, worker.name, at_most)
                if not started:
                    worker.batch = None
                aftermath = self._end_change()
            finally:
                self._holder = None
        self._run_effects(aftermath)
        outcomes.clear()  # not with the lock held: a result may have a destructor
        return worker.batch is not None

    def has_work(self) -> bool:
        """Return whether the inbox holds something, or a run may start."""
        return bool(self._inbox) or self._pool.can_start()

    def recover(self, worker: Worker, error: BaseException) -> None:
        """Record an exception that came between a worker's runs, and end those that it interrupted.

        Runs that the worker has taken and not begun stay with it.
        """

        def end_interrupted(engine: Engine, now: float) -> None:
            engine.report_internal_error(f"{worker.name}: {one_line(error)}", now)
            batch = worker.batch
            if batch is None:
                return
            # The records are the truth: the exception may have come between a change of the pool and that of
            # the batch.
            for run in [run for run in batch.coroutines if run.state is not RunState.RUNNING]:
                batch.coroutines.remove(run)
            left = engine.pool.orphaned
            running = [run for run in batch.runs if run.state is RunState.RUNNING]
            own = [run for run in running if run.worker == worker.name and run not in left]
            if not batch.begun:
                batch.runs, batch.pending = own, deque(own[1:])
                return
            done = {outcome.run for outcome in worker.outcomes} | {*worker.handed_over, *batch.pending}
            for run in own:
                if run not in done:
                    worker.outcomes.append(interrupted_outcome(run, error))

        self._apply_here(end_interrupted)
        self._run_unfinished_effects()

    def check_workers_soon(self) -> None:
        """Have the timer check the workers now and once more: a thread was started, or could not be."""
        self._workers_unsure = True
        self._timer.wake()

    # --- for the timer ----------------------------------------------------------------------------

    def _poll(self) -> float:
        """Process what is due. Returns the seconds until something is due again; inf for never."""
        self._timer_due = -math.inf  # the timer is awake, so effects need not wake it
        self._heartbeat = self.clock.monotonic()
        unsure, self._workers_unsure = self._workers_unsure, False
        if unsure or self._heartbeat >= self._next_worker_check:
            self._workers_busy = self._executor.check_workers()
            self._next_worker_check = self._heartbeat + WORKER_CHECK
        self._apply_here(self._check_health)
        self._process_due()
        now = self._now()
        next_due = self._engine.next_due
        due = math.inf if next_due is None else next_due
        if self._pool.batches:
            due = min(due, now + BATCH_CHECK)
        if self._workers_busy or unsure or self._workers_unsure:
            due = min(due, now + WORKER_CHECK)
        self._timer_due = due
        if self._inbox:
            return 0.0
        return due - now

    def _check_health(self, engine: Engine, now: float) -> None:
        """Notice a changed clock, a clock that failed, and batches in which a worker is stuck."""
        self._check_clock_step(now)
        for batch in list(self._pool.batches):
            if not 0 <= now - batch.taken < BATCH_CHECK:
                self._pool.leave_pending(batch)
        if self.clock.error:
            engine.report_internal_error(f"the clock failed: {self.clock.error}", now)
            self.clock.error = ""

    def _process_due(self) -> None:
        """Process what is due in slices, so that no hold of the lock is long."""
        self._planner.begin_wake()
        self.finish_work()

        def pop_due(engine: Engine, now: float) -> tuple[list[JobRecord | RunRecord], float]:
            return engine.pop_due(now), now

        while True:
            due, now = self._apply_here(pop_due)
            if not due:
                return
            self._process_slice(due, now)

    def _process_slice(self, due: list[JobRecord | RunRecord], now: float) -> None:
        """Plan the ticks of jobs that are due, without the lock, and apply the plans."""
        ready: list[TickPlan | RunRecord] = []
        starts = 0
        for entry in due:
            parts = [entry] if isinstance(entry, RunRecord) else self._planner.plan(entry, now).parts()
            for part in parts:
                ready.append(part)
                starts += 1 if isinstance(part, RunRecord) or part.instants is None else len(part.instants)
                if starts >= STARTS_PER_HOLD:
                    self._apply_ready(ready)
                    ready, starts = [], 0
        self._apply_ready(ready)

    def _apply_ready(self, ready: list[TickPlan | RunRecord]) -> None:
        self._apply_here(lambda engine, now: engine.apply_due(ready, now))

    def _drain_during_plan(self) -> None:
        """Drain the inbox in the middle of a long plan: the workers may be busy."""
        if self._inbox:
            self._apply_here(_do_nothing)

    def _report_internal_error(self, error: BaseException) -> None:
        def record(engine: Engine, now: float) -> None:
            engine.report_internal_error(one_line(error), now)
            engine.repair(now)  # what the timer had taken and not processed is due again

        self.apply(record)
        self._run_unfinished_effects()

    # --- runs -------------------------------------------------------------------------------------

    def request_run(self, submit: Callable[[Engine, float], RunRecord]) -> Run:
        """Apply a command that creates a run, and return the handle of that run."""
        context = copy_context()

        def accept(engine: Engine, now: float) -> Run:
            self._check_accepting()
            self._check_clock_step(now)  # before the run, whose instant is computed from the new time
            record = submit(engine, now)
            record.context = context
            run = self.run_type(self, record)
            self._handles[record.number] = run
            if record.state.ended:
                self._settle([record])
            return run

        return self.apply(accept)

    def request_run_now(self, job: JobRecord, call: Call) -> Run:
        """Post a one-off run, without waiting for its admission.

        The runs of a one-off job may overlap, so no policy can reject a new one.
        """
        if self._engine.closed:
            self._check_accepting()
        now = self._now()
        record = RunRecord(next(self._run_numbers), job, _NOW, call, now, now)
        record.context = copy_context()
        run = self._handles[record.number] = self.run_type(self, record)
        self._post(record)
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
        request: StopRequest | None = None

        def cancel(engine: Engine, now: float) -> Cancellation:
            nonlocal request
            done = engine.cancel(run, now, CANCELLED)
            if done is Cancellation.ASKED:
                request = self.attachments.stop_request(run.number)  # which is dropped when the run ends
            return done

        done = self.apply(cancel)
        return Cancellation.INTERRUPTED if request is not None and request.interrupted else done

    def finish_work(self) -> None:
        """Finish the long work that changes have left, in slices, so that no hold of the lock is long.

        The timer does so, too: the work is finished even if an exception interrupts the caller.
        """
        while self.apply(Engine.continue_work):
            pass
        while searches := self.inspect(Engine.searches):
            found = [self._planner.find_next(job, search) for job, search in searches]
            self.apply(lambda engine, now, found=found: engine.apply_next_ticks(found, now))  # type: ignore[misc]

    def add_job(self, job: JobRecord) -> None:
        """Register a job; if the scheduler runs, the job's next tick is searched for before."""
        planned = self._engine.phase is Phase.RUNNING and job.schedule is not None
        if planned and job.schedule is not None:
            job.schedule, job.due = self._planner.find_first(job.schedule, self._now())

        def add(engine: Engine, now: float) -> None:
            self._check_clock_step(now)  # before the job, whose next tick is computed from the new time
            engine.add_job(job, now, planned=planned)

        self.apply(add)

    # --- views and subscriptions ------------------------------------------------------------------

    def liveness(self) -> Liveness:
        """Return the phase and the age of the timer's heartbeat. Never blocks on the lock."""
        heartbeat = self._heartbeat  # read before the clock: the timer may wake in between
        age = None if heartbeat is None else max(0.0, self.clock.monotonic() - heartbeat)
        return Liveness(phase=self._engine.phase, heartbeat_age=age, seq=self._event_log.seq)

    def refresh_views(self) -> Iterator[None]:
        """Build the views of the jobs that have changed, a few at each step of the iteration."""
        changed = self.inspect(Engine.changed_jobs)
        for first in range(0, len(changed), VIEWS_PER_HOLD):
            jobs = changed[first : first + VIEWS_PER_HOLD]
            self.inspect(lambda engine, jobs=jobs: engine.build_views(jobs))  # type: ignore[misc]
            yield

    def snapshot(self) -> Snapshot:
        """Return the current view of the whole scheduler."""
        return self._apply_to_fresh_views(Engine.snapshot)

    def _apply_to_fresh_views(self, command: Command[Result]) -> Result:
        """Apply a command that takes a snapshot, when the views of most jobs have been built.

        So the lock is held for a few views at a time. All parts of the snapshot are of the same moment, since
        the views of the jobs that have changed again are built when it is taken.
        """

        def apply_unless_many_changed(engine: Engine, now: float) -> list[Result]:
            return [] if len(engine.changed_jobs()) > VIEWS_PER_HOLD else [command(engine, now)]

        for _ in range(REFRESHES):
            for result in self.apply(apply_unless_many_changed):
                return result
            for _ in self.refresh_views():
                pass
        return self.apply(command)

    def subscribe(self, notify: Callable[[], None] | None) -> Subscription:
        """Take a snapshot and subscribe to every event after it, in the same hold of the lock."""

        def subscribe(engine: Engine, now: float) -> Subscription:
            subscription = Subscription(
                engine.snapshot(now), engine.event_log, self.inspect, notify=notify, close=self._unsubscribe
            )
            self._subscriptions += (subscription,)
            engine.event_log.set_reader_count(len(self._subscriptions))
            return subscription

        return self._apply_to_fresh_views(subscribe)

    def on_change(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call a function after every change. Return the function that ends this."""

        def listen() -> None:  # of its own identity, because the same function may be given twice
            notify()

        def add(_engine: Engine, _now: float) -> None:
            self._listeners += (listen,)

        def remove(_engine: Engine, _now: float) -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listen)

        self.apply(add)
        return lambda: self.apply(remove)

    def _unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
        self._event_log.set_reader_count(len(self._subscriptions))

    # --- start, stop, fork ------------------------------------------------------------------------

    def claim_start(self, claim: object) -> None:
        """Let one caller continue to `start`, and raise RuntimeError for any other.

        Args:
            claim: The caller's object, with which it calls `release_claim` in any case. If the scheduler has
                not started by then, the next caller may start it.
        """
        self._start_claims.append(claim)
        if self._start_claims[0] is not claim or self._engine.phase is not Phase.NEW:
            raise RuntimeError("a scheduler can be started only once; make a new one")

    def release_claim(self, claim: object) -> None:
        """Withdraw a claim to start, if it was made."""
        self._start_claims = [each for each in self._start_claims if each is not claim]

    def start(self) -> None:
        """Start the timer and the engine, unless the scheduler was stopped after `claim_start`.

        Raises:
            RuntimeError: The scheduler was stopped, or the system can start no thread. In the latter case
                nothing has happened, and the scheduler can be started again.
            MemoryError: As RuntimeError for the thread.
        """

        def start(engine: Engine, now: float) -> None:
            if engine.phase is not Phase.NEW:
                raise RuntimeError("the scheduler was stopped before it had started")
            engine.start(now)
            self._heartbeat = self.clock.monotonic()

        self._timer.start()
        self.apply(start)
        self.finish_work()

    def stop(self, grace: float) -> bool:
        """Cancel what waits, give running work ``grace`` seconds to end, then give up the rest.

        Blocks for at most ``grace`` seconds. Does not wait for the run that calls this, if any.

        Returns:
            Whether all other work ended in time.
        """
        current = run_of_context.get()
        caller = None if current is None else current[0]

        def stop(engine: Engine, now: float) -> None:
            if engine.phase in (Phase.NEW, Phase.RUNNING):
                engine.stop(now)
            if caller is not None and engine.is_running(caller):
                self._stop_callers.add(caller)

        self.apply(stop)
        self.finish_work()
        self._wait_until_drained(grace)
        self.apply(lambda engine, now: self._abandon_running(engine, now, grace))
        self._timer.stop()
        return self._ended_in_time

    def _wait_until_drained(self, grace: float) -> None:
        """Block until all other work has ended, at most ``grace`` seconds."""
        self._drained.wait(grace)

    def _continue_stop(self) -> None:
        """Open `_drained` if only runs that called `stop` are RUNNING. At the end, close the executor."""
        if self._engine.phase is Phase.STOPPED and not self._executor_closed:
            self._executor.close()
            self._executor_closed = True
        callers = sum(map(self._engine.is_running, tuple(self._stop_callers)))
        if self._engine.phase is Phase.STOPPED or len(self._pool.running) <= callers:
            self._drained.open()

    def _abandon_running(self, engine: Engine, now: float, grace: float) -> None:
        """End each run that is still RUNNING as CANCELLED."""
        if engine.phase is Phase.STOPPED:
            return
        for run in engine.pool.running.values():
            self._count_output(run)
        for run in self._stop_callers:
            engine.pool.give_up(run, now, _OK, STOP_CALLER)
        self._ended_in_time = not self._pool.running
        reason = f"still running {grace:g} s after the scheduler stopped; given up"
        for run in engine.abandon_running(now, reason):
            self.attachments.stop_request(run.number).request(reason)

    def _reset_after_fork(self) -> None:
        """Make a forked child's copy usable: it has no threads, and another thread may have held the lock."""
        self._lock = threading.Lock()
        self._holder = None
        self._timer.alive = False
        self._executor.reset_after_fork()
        if self._engine.phase is Phase.NEW:
            self._pid = os.getpid()  # not started yet: each process may start its own copy
        else:
            self._engine.disable_after_fork()
            self._drained.open()


def _do_nothing(_engine: Engine, _now: float) -> None:
    """Change nothing, for a call that is to drain the inbox."""


_kernels: weakref.WeakSet[Kernel] = weakref.WeakSet()


def _reset_kernels_after_fork() -> None:
    for kernel in list(_kernels):
        kernel._reset_after_fork()  # noqa: SLF001 - its own module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_kernels_after_fork)
