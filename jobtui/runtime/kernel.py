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
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from jobtui.engine.effects import Effects
from jobtui.engine.engine import Engine
from jobtui.engine.packed_exceptions import Frames
from jobtui.engine.records import RunRecord
from jobtui.runtime.clock import Clock, SteadyClock, SystemClock
from jobtui.runtime.executors.base import Dispatcher, Executor
from jobtui.runtime.latch import Latch
from jobtui.runtime.progress_meter import ProgressMeter
from jobtui.runtime.run_tables import RunTables
from jobtui.runtime.subscriptions import Observers, call_listener
from jobtui.runtime.timer import Timer

REENTERED = (
    "a signal handler or a destructor called the scheduler in the middle of a change that its own thread is "
    "making: call the scheduler from another thread"
)

CLOCK_STEP = 0.5  # seconds; a wall clock that deviates from elapsed time by more than this has been set
BATCH_CHECK = 0.002  # seconds after which the timer leaves the rest of a batch to other workers
REPLY_CHECK = 0.1  # seconds after which a waiting caller checks that there is a thread to serve it
CALLS_TIME = 0.002  # seconds of calls in one hold of the lock, after which no further call is applied in it
ADMISSIONS_PER_HOLD = 2_000  # runs that are admitted from the inbox in one hold of the lock: about 2 ms

Result = TypeVar("Result")
Command = Callable[[Engine, float], Result]
Consumer = Callable[[Effects], None]


class _Call:
    """A command in the inbox, and its caller, which waits for the reply."""

    __slots__ = ("applied", "begun", "command", "error", "replied", "result")

    def __init__(self, command: Command[Any]) -> None:
        self.command = command
        self.begun = False
        self.applied = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.replied = Latch()

    def apply(self, engine: Engine, now: float) -> None:
        if self.begun:  # before an exception came
            if not self.applied:
                self.error = self.error or RuntimeError("an exception has interrupted this call")
            return
        self.begun = True
        try:
            self.result = self.command(engine, now)
            self.applied = True
        except (LookupError, ValueError, RuntimeError) as error:  # raised before the command changes data
            self.error = error
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            self.error = error
            engine.repair(now)


class _Aftermath:
    """The work that a change leaves to be done without the lock."""

    __slots__ = ("effects", "notify", "replies", "undelivered", "wake_timer")

    def __init__(self, *, wake_timer: bool) -> None:
        self.effects = _NO_EFFECTS
        self.notify: list[Callable[[], None]] = []
        self.replies: list[_Call] = []
        # The consumers that have not got the effects yet.
        self.undelivered: list[Consumer] = []
        self.wake_timer = wake_timer


_NO_EFFECTS = Effects()


class Kernel:
    """Owns an engine and its lock. `connect` gives it the dispatcher, the executor and the timer.

    Args:
        engine: The state of the scheduler.
        clock: The source of time.
        runs: The handles and other objects of the live runs.

    Attributes:
        engine: The state of the scheduler. Change it only in a command; few of its attributes may be read
            without the state lock.
        clock: The source of time.
        runs: The handles and other objects of the live runs.
        observers: The subscriptions and listeners.
        inbox: The requests and commands that no thread has applied yet. Use `post` to append to it.
        consumers: Each of them gets the effects of every change once, and never blocks.
        when_closed: Called after every change while the scheduler is stopping or has stopped.
        dispatcher: Gives runs to the executor; an earlier one gives none any more.
    """

    def __init__(self, *, engine: Engine, clock: Clock, runs: RunTables) -> None:
        self.engine = engine
        self.clock = clock if isinstance(clock, SystemClock) else SteadyClock(clock)
        self.runs = runs
        runs.attachments.now = self.clock.now
        runs.attachments.announce_progress = self._announce_progress
        self.observers = Observers(engine)
        # Any thread appends without the lock: that is one operation of a deque, which the GIL makes atomic.
        self.inbox: deque[RunRecord | _Call] = deque()
        self._now = self.clock.now
        self._lock = threading.Lock()
        self._holder: int | None = None  # the thread that holds the lock
        self._changing = False  # whether a change has begun and not ended, which an exception may prevent
        self._replies: list[_Call] = []  # the calls that have been applied in the current change
        self._unfinished: list[_Aftermath] = []  # what is being done, or has been interrupted
        # Objects that nothing needs any more: calls, results. They are dropped without the lock, because the
        # destructor of an object of the user may take long; the timer leaves them to a worker.
        self._garbage: deque[object] = deque()
        self.consumers: tuple[Consumer, ...] = ()
        self.when_closed: Callable[[], object] = bool
        self._last_clocks: tuple[float, float] | None = None  # wall clock and elapsed time when last compared

    def connect(self, dispatcher: Dispatcher, executor: Executor, timer: Timer) -> None:
        """Set what the effects go to. Call this before any command, and before another start.

        Args:
            dispatcher: Gives runs to the executor.
            executor: Does the work of the runs.
            timer: Wakes when something is due.
        """
        self.dispatcher = dispatcher
        self._executor = executor
        self._timer = timer

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
        return self.apply_here(command)

    def inspect(self, question: Callable[[Engine], Result]) -> Result:
        """Read something from the engine, on the path of `apply`, so the inbox is drained first."""
        return self.apply(lambda engine, _now: question(engine))

    @property
    def reentered(self) -> bool:
        """Whether the caller has interrupted a change, as a signal handler or a destructor may."""
        return self._holder == threading.get_ident()

    def post(self, item: RunRecord | _Call) -> None:
        """Append to the inbox, and wake a thread that drains it. Never blocks."""
        try:
            self.inbox.append(item)
            if not self._executor.wake():
                self._timer.wake()
        except BaseException:  # from a signal handler, perhaps between the two
            self._timer.wake()
            raise
        if self.engine.closed and not self._timer.alive and not self.reentered:
            self.apply_here(do_nothing)

    def _announce_progress(self, run: RunRecord, meter: ProgressMeter) -> None:
        """Let the engine note that a run has progressed. Never blocks."""
        progress, attempt = meter.progress, meter.attempt
        if progress is not None:
            self.post(_Call(lambda engine, now: engine.note_progress(run, progress, attempt, now)))

    def _post_and_wait(self, command: Command[Result]) -> Result:
        if self.reentered:  # the other threads wait for this one
            raise RuntimeError(REENTERED)
        call = _Call(command)
        self.post(call)
        while not call.replied.wait(REPLY_CHECK):
            self._timer.wake()  # an exception from outside may have ended the worker that was woken
            self.drain_if_alone()  # the scheduler may have stopped, or this is a forked process
        if call.error is not None:
            raise call.error
        result: Result = call.result
        # The thread that has replied may still hold the call, and must not be the one that drops these.
        call.command, call.result = do_nothing, None
        return result

    def drain_if_alone(self) -> None:
        """Drain the inbox, if the scheduler has no other thread that does so."""
        if not self._timer.alive or self._timer.in_own_thread:
            self.apply_here(do_nothing)

    def reset_after_fork(self) -> None:
        """Free the lock, in a forked child: a thread that the child does not have may hold it."""
        self._lock = threading.Lock()
        self._holder = None
        self.consumers = ()  # the parent's threads serve them

    def apply_here(self, command: Command[Result]) -> Result:
        """Apply a command in the calling thread."""
        if self.reentered:
            raise RuntimeError(REENTERED)
        while len(self.inbox) > ADMISSIONS_PER_HOLD:
            self.make_change(do_nothing)
        call = _Call(command)
        self.make_change(call.apply)
        if call.error is not None:
            raise call.error
        result: Result = call.result
        return result

    def make_change(self, change: Command[Result]) -> Result:
        """Make a change in the calling thread, and run its effects. All changes take this path.

        If the change raises, it has been interrupted: the next change repairs the state.
        """
        with self._lock:
            try:
                now = self._begin_change()
                result = change(self.engine, now)
                aftermath = self._end_change()
            finally:
                self._holder = None
        self._run_effects(aftermath)
        return result

    def frames_of(self, run: RunRecord) -> Frames:
        """Return where the work of a run is now; () if nothing executes it. Call without the lock."""
        return self._executor.frames_of(run)

    # --- with the lock held -----------------------------------------------------------------------

    def _begin_change(self) -> float:
        """Begin a change: complete an interrupted one, and drain the inbox. Return the time.

        The clock is read last, so that the time is not before that of a request in the inbox.
        """
        self._holder = threading.get_ident()
        if self._changing:
            self.engine.repair(self._read_clock())
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
        effects = self.engine.effects
        if effects:
            aftermath.effects = effects
            aftermath.undelivered += self.consumers
            for run in effects.stop_requested:
                self.runs.attachments.stop_request(run.number).request(run.extras.stop_reason)
            self.engine.reset_effects()
        forgotten = self.engine.ledger.forgotten
        if forgotten:
            self.runs.attachments.drop_outputs(forgotten)
            forgotten.clear()
        self.observers.collect(aftermath.notify)
        if self._replies:
            aftermath.replies = self._replies
            self._replies = []
        self._changing = False
        return aftermath

    def _read_clock(self) -> float:
        """Return the time, after adjusting the engine if the wall clock was set back."""
        now = self._now()
        if self._last_clocks is not None and now < self._last_clocks[0]:
            self.check_clock_step(now)  # before a change computes an instant from the new time
        return now

    def check_clock_step(self, now: float) -> None:
        """Detect that the wall clock was set since the last comparison. Call with the state lock held."""
        elapsed = self.clock.elapsed()
        if self._last_clocks is not None:
            # How much further the wall clock moved than time passed: negative if it was set back.
            step = (now - self._last_clocks[0]) - (elapsed - self._last_clocks[1])
            if abs(step) > CLOCK_STEP:
                self.engine.apply_clock_step(step, now)
        self._last_clocks = now, elapsed

    def _drain_inbox(self) -> None:
        """Admit, record and apply what is in the inbox.

        An item leaves the inbox when it is processed. If an exception comes in between, the item is processed
        once more, which has no further effect. If this takes long, the timer goes on with the rest.
        """
        inbox, last, admitted = self.inbox, math.inf, 0
        while inbox:
            item = inbox[0]
            if isinstance(item, RunRecord):
                admitted += 1
                if admitted > ADMISSIONS_PER_HOLD:
                    self._timer.wake()
                    return
                self.engine.admit_one_off(item)
            else:
                now = self._read_clock()
                if now > last:
                    self._timer.wake()
                    return
                last = min(last, now + CALLS_TIME)
                item.apply(self.engine, now)
                self._replies.append(item)
            inbox.popleft()

    def _is_timer_late(self) -> bool:
        """Return whether the timer sleeps beyond something that it has to do."""
        due = self._timer.wakes_at
        if due == -math.inf:  # it is awake
            return False
        next_due = self.engine.next_due
        if next_due is not None and next_due < due:
            return True
        taken = self.engine.oldest_batch_taken
        return taken is not None and taken + 2 * BATCH_CHECK < due

    # --- effects ----------------------------------------------------------------------------------

    def _run_effects(self, aftermath: _Aftermath) -> None:
        """Do what a change has left to be done. Call without the lock. To do it twice is harmless."""
        if self.engine.can_start():
            self._executor.start()
        if aftermath.wake_timer:
            self._timer.wake()
        self._deliver(aftermath)
        self.runs.settle(aftermath.effects.ended, self._garbage)
        for run in aftermath.effects.stop_requested:
            self._executor.interrupt(run)
        effects = aftermath.effects
        if effects.unstarted_ticks or effects.errors or effects.notices:
            log = self.runs.attachments.ending_log
            log.log_effects(effects, wait=not self._timer.in_own_thread)
        for notify in aftermath.notify:
            call_listener(notify)
        if self.engine.closed:
            self.when_closed()
        for reply in aftermath.replies:
            reply.replied.open()
        with suppress(ValueError):  # `recover` has done it, too
            self._unfinished.remove(aftermath)
        if self._garbage:
            if self._timer.in_own_thread:
                self._executor.start()
            else:
                self._garbage.clear()

    def _deliver(self, aftermath: _Aftermath) -> None:
        """Give the effects to each consumer once, unless another thread has done or is doing that."""
        waiting = aftermath.undelivered
        while waiting:
            try:
                consumer = waiting.pop()
            except IndexError:  # another thread was faster
                return
            try:
                consumer(aftermath.effects)
            except BaseException:
                waiting.append(consumer)
                raise

    def run_unfinished_effects(self) -> None:
        """Do what an exception has interrupted, and perhaps, once more, what another thread is doing."""
        for aftermath in tuple(self._unfinished):
            self._run_effects(aftermath)


def do_nothing(_engine: Engine, _now: float) -> None:
    """Change nothing: a command that only drains the inbox."""
