"""The life of a scheduler: start, stop, and what a fork leaves of it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from jobtui.engine.engine import Engine
from jobtui.engine.enums import Phase, RunState
from jobtui.engine.records import RunRecord
from jobtui.engine.sliced_cancels import STOPPED
from jobtui.engine.tracebacks import log_exception, logger, one_line
from jobtui.engine.views import Liveness
from jobtui.process.forked_signals import let_children_be_interrupted, reset_signals_in_children_if
from jobtui.process.sibling_processes import sibling_processes
from jobtui.runtime.current_run import run_of_context
from jobtui.runtime.executors.base import Executor
from jobtui.runtime.hooks import StartError
from jobtui.runtime.kernel import Kernel
from jobtui.runtime.latch import Latch
from jobtui.runtime.poller import Poller
from jobtui.runtime.timer import Timer

if TYPE_CHECKING:
    import asyncio

    from jobtui.runtime.recording import Recording  # imports sqlite3

STANDBY_CHECK = 0.2  # seconds between two attempts to get the lock of the store
TIMER_END = 10.0  # seconds for which another start waits at most for the thread of the timer to end
CLEANUP_TIME = 10.0  # seconds that cancelled coroutines get to end in a loop of the application
NOT_STARTED = "the scheduler has not been started"
TAKES_OVER = "this process takes over when that one has ended"
STOP_CALLER = "it stopped the scheduler, which did not wait for its end"

_CANNOT_START = {
    Phase.RUNNING: "the scheduler runs already",
    Phase.STANDBY: "the scheduler was started already, and waits for the one that uses its store",
    Phase.STOPPING: "the scheduler is stopping; it can start again when `stop` has returned",
}

WaitUntilDrained = Callable[[Latch, float], object]  # block until the latch is open, at most so many seconds


class _Life:
    """Objects that one stop uses up: another start has new ones.

    Args:
        executor: Does the work of the runs.
        timer: Wakes when something is due.
    """

    def __init__(self, executor: Executor, timer: Timer) -> None:
        self.executor = executor
        self.timer = timer
        self.loop: asyncio.AbstractEventLoop | None = None  # of the application, if it runs the coroutines
        self.start_failure = ""  # why the scheduler did not start
        self.standby_over = Latch()  # opened when a scheduler that waits for its store is stopped
        self.stop_callers: set[RunRecord] = set()  # runs that called `stop`: it does not wait for them
        self.drained = Latch()  # opened when all other work has ended
        self.ended_in_time = True
        self.executor_closed = False
        self.close_store: Callable[[], object] = bool  # write what is left to be written, if there is a store
        self.release_store: Callable[[], object] = bool  # let another scheduler use the store
        self.is_stopping = False  # whether `stop` was called
        self.has_ended = False  # whether all has been written
        # The calls of `stop` that have not returned. The store is released when the last one has.
        self.stops: dict[object, None] = {}


class Lifecycle:
    """Starts and stops a scheduler.

    Args:
        kernel: Makes the changes.
        poller: What the timer's thread does.
        connect: Makes the executor, which does the work of the runs, and the timer, which wakes when
            something is due. A stop ends both, and another start needs new ones.
        wait_until_drained: Waits for the running work at a stop.

    Attributes:
        recording: The connection to the store; None without one.
    """

    def __init__(
        self,
        kernel: Kernel,
        poller: Poller,
        connect: Callable[[], tuple[Executor, Timer]],
        *,
        wait_until_drained: WaitUntilDrained = Latch.wait,
    ) -> None:
        self._kernel = kernel
        self._engine = kernel.engine
        self._poller = poller
        self._connect = connect
        self._wait_until_drained = wait_until_drained
        # One for each caller of `start`; the first one may start. `start` withdraws its claim in any case,
        # with one step in C, which no exception from a signal handler interrupts.
        self._start_claims: dict[object, None] = {}
        self.release_claim = self._start_claims.pop
        self._pid = os.getpid()
        self.recording: Recording | None = None
        kernel.when_closed = self.continue_stop
        self._life = _Life(*connect())
        _lifecycles.add(self)

    def check_accepting(self) -> None:
        """Raise RuntimeError if the scheduler accepts no runs, because it has stopped or is a forked copy."""
        if self._engine.closed:
            self.check_own_process()
            raise RuntimeError(
                f"{self._life.start_failure or 'the scheduler has stopped'}: it accepts no more runs"
            )

    def check_own_process(self) -> None:
        """Raise RuntimeError in a forked child."""
        if self._pid != os.getpid():
            raise RuntimeError(
                f"the scheduler was started in process {self._pid}, and its threads are not in process "
                f"{os.getpid()}, a fork of that: request runs there, or start the scheduler only after the "
                "fork (in gunicorn in the hook post_fork, or without --preload)"
            )

    def liveness(self) -> Liveness:
        """Return the phase, the age of the timer's heartbeat and the store. Never blocks on the lock."""
        heartbeat = self._poller.heartbeat  # read before the clock: the timer may wake in between
        age = None if heartbeat is None else max(0.0, self._kernel.clock.monotonic() - heartbeat)
        engine = self._engine
        return Liveness(
            phase=engine.phase,
            heartbeat_age=age,
            store=engine.store,
            seq=engine.seq,
            problem=engine.overtime_problem,
        )

    @property
    def unstarted_reason(self) -> str:
        """The reason why no run starts yet, in words; "" after the start. It may be read without the lock."""
        if self._engine.phase is Phase.STANDBY and self.recording is not None:
            return f"{self.recording.holder}; {TAKES_OVER}"
        return NOT_STARTED if self._engine.phase is Phase.NEW else ""

    def record_in(self, recording: Recording) -> None:
        """Record in a store from the start on. Call this before the start."""
        self.recording = recording
        self._use_store_in(self._life, recording)

    @staticmethod
    def _use_store_in(life: _Life, recording: Recording) -> None:
        life.close_store = recording.store.close
        life.release_store = recording.store.release

    def open_store(self) -> bool:
        """Restore what the store knows, if there is one.

        Returns:
            Whether the scheduler may start. It may not while another one uses the store.

        Raises:
            StartError: Another scheduler uses the store, and this one is not to wait for it.
        """
        if self.recording is not None:
            started = self.recording.start()
            claims = started and self.recording.claims_ticks
            self._poller.claim_ticks = self.recording.claim_ticks if claims else None
            return started
        siblings = sibling_processes()
        if siblings and any(job.schedule is not None for job in self._engine.jobs.values()):
            logger.warning(
                "%s, and the scheduler of each of them runs every job; with a store, Scheduler(store=...), "
                "only one runs them",
                siblings,
            )
        return True

    def stand_by(self, start: Callable[[], None]) -> None:
        """Start when the scheduler that uses the store has ended.

        Args:
            start: Starts this scheduler; called in a thread of its own. What it raises is logged.
        """
        assert self.recording is not None  # only a store makes a scheduler wait
        reason = self.recording.holder
        self._kernel.apply(lambda engine, now: engine.stand_by(now, reason))
        self._kernel.runs.attachments.ending_log.log_standby(f"{reason}; {TAKES_OVER}")

        life = self._life

        def wait_and_start() -> None:
            assert self.recording is not None
            while not life.standby_over.wait(STANDBY_CHECK):
                if not self.open_store():
                    continue
                try:
                    start()
                except BaseException as error:  # noqa: BLE001 - no other thread would see it
                    log_exception("the scheduler could not take over from the one before it", error)
                break
            if life.standby_over.opened:  # stopped in the meantime
                life.close_store()
                life.release_store()

        threading.Thread(target=wait_and_start, name="jobtui-standby", daemon=True).start()

    def claim_start(self, claim: object) -> None:
        """Let one caller continue to `start`, and raise RuntimeError for any other.

        Args:
            claim: The caller's object, with which it calls `release_claim` in any case. If the scheduler has
                not started by then, the next caller may start it.
        """
        self._start_claims[claim] = None
        if next(iter(self._start_claims)) is not claim:
            raise RuntimeError("the scheduler is being started already")
        if self._engine.phase is Phase.STOPPED:
            self._reopen()
        elif self._engine.phase is not Phase.NEW:
            raise RuntimeError(_CANNOT_START[self._engine.phase])

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Execute the coroutines in an event loop of the application. Call this after `claim_start`."""
        self._life.executor.use_loop(loop)
        self._life.loop = loop

    def check_may_block(self, call: str, instead: str) -> None:
        """Raise RuntimeError in the event loop of the application, if that runs the coroutines.

        Args:
            call: What the caller does.
            instead: What to write in its place.
        """
        loop = self._life.loop
        if loop is not None:
            from asyncio import _get_running_loop  # noqa: PLC0415 - loaded already

            if _get_running_loop() is loop:
                raise RuntimeError(f"{call} would block the event loop of the coroutines: write  {instead}")

    def wait_cleaned_up(self) -> None:
        """Block until the coroutines that a stop has cancelled have ended in a loop of the application."""
        self._life.executor.wait_cleaned_up(CLEANUP_TIME)

    def _reopen(self) -> None:
        """Let the scheduler start again after a stop."""
        self.check_own_process()
        self._end_life(self._life)
        self._release_store(self._life)
        if not self._life.timer.wait_ended(TIMER_END):
            raise RuntimeError(
                "the scheduler cannot start again: its timer, which searches for a tick, has not ended"
            )
        life = _Life(*self._connect())
        if self.recording is not None:
            self.recording.reopen()
            self._use_store_in(life, self.recording)
        self._life = life
        self._kernel.apply(lambda engine, _: engine.reopen(forget=self.recording is not None))

    def stop_without(self, owner: object) -> None:
        """Stop when an object is garbage and nothing is left to do: then nothing can be requested any more.

        Without this, the threads of a scheduler that the program has dropped would live on. One that has jobs
        with further ticks goes on.
        """

        def is_idle(engine: Engine, _now: float) -> bool:
            return engine.phase is Phase.RUNNING and not engine.has_ticks() and not engine.has_live_runs()

        def stop_if_idle() -> None:
            if self._kernel.apply(is_idle):
                self.stop(0)

        def on_dropped(_: object) -> None:  # anywhere: the garbage collector may call it in any thread
            self._poller.when_unreachable = stop_if_idle
            self._life.timer.wake()

        self._owner = weakref.ref(owner, on_dropped)

    def start(self) -> None:
        """Start the timer and the engine, unless the scheduler was stopped after `claim_start`.

        Raises:
            RuntimeError: The scheduler was stopped, or the system can start no thread. In the latter case
                nothing has happened, and the scheduler can be started again.
            MemoryError: As RuntimeError for the thread.
        """
        let_children_be_interrupted()
        planned_at = self._kernel.clock.now()
        takeovers, catch_ups, wait = [], [], 0.0
        if self.recording is not None:
            takeovers = self.recording.plan_takeovers(planned_at)
            catch_ups, wait = self.recording.plan_catch_up(planned_at), self.recording.wait

        def start(engine: Engine, now: float) -> None:
            if engine.phase not in (Phase.NEW, Phase.STANDBY):
                raise RuntimeError("the scheduler was stopped before it had started")
            engine.take_over(takeovers, now)
            engine.start(now, catch_ups, planned_at if catch_ups else None, wait)
            self._poller.note_heartbeat()

        self._life.timer.start()
        self._kernel.apply(start)
        self._poller.finish_work()

    def give_up_start(self, error: BaseException) -> None:
        """Stop a scheduler that has not started, because of an exception; cancel the runs that wait."""
        text = (
            str(error)
            if isinstance(error, StartError)
            else f"an on_app_start function raised {one_line(error)}"
        )
        self._life.start_failure = f"the scheduler did not start: {text}"
        self.stop(0)

    def stop(self, grace: float, finish: Callable[[], object] = bool) -> bool:
        """Cancel what waits, give running work ``grace`` seconds to end, then give up the rest.

        Blocks for at most ``grace`` seconds, and for `finish`. Does not wait for the run that calls this, if
        any.

        Args:
            grace: As above.
            finish: Called when all has been written. Another process may use the store only after that.

        Returns:
            Whether all other work ended in time.
        """
        life, call = self._life, object()
        try:
            life.stops[call] = None
            self._stop_work(life, grace)
            self._end_life(life)
            finish()
        finally:
            life.stops.pop(call, None)
            self._release_store(life)
        return life.ended_in_time

    def _stop_work(self, life: _Life, grace: float) -> None:
        current = run_of_context.get()
        caller = None if current is None else current[0]

        def stop(engine: Engine, now: float) -> None:
            life.is_stopping = True
            if engine.phase in (Phase.NEW, Phase.STANDBY, Phase.RUNNING):
                engine.stop(now, life.start_failure or STOPPED)
            if caller is not None and engine.is_running(caller):
                life.stop_callers.add(caller)

        life.standby_over.open()
        self._kernel.apply(stop)
        self._poller.finish_work()
        self._wait_until_drained(life.drained, grace)
        self._kernel.apply(lambda engine, now: self._abandon_running(engine, now, grace))

    def _end_life(self, life: _Life) -> None:
        """End the timer, and write what is left to be written. To do it twice is harmless."""
        life.timer.stop()
        self._kernel.runs.callbacks.flush()
        life.close_store()
        self._kernel.runs.attachments.ending_log.flush()
        life.has_ended = True

    @staticmethod
    def _release_store(life: _Life) -> None:
        """Let another scheduler use the store, unless the stop has not ended. To do it twice is harmless."""
        if life.has_ended and not life.stops:
            life.release_store()

    def continue_stop(self) -> None:
        """Let `stop` go on if only runs that called it are RUNNING. At the end, close the executor.

        A thread of the life before may call this late, when the scheduler has started again.
        """
        life = self._life
        phase = self._engine.phase if life.is_stopping else Phase.NEW  # read in this order
        if phase is Phase.STOPPED and not life.executor_closed:
            life.executor.close()
            life.executor_closed = True
        callers = sum(map(self._engine.is_running, tuple(life.stop_callers)))
        has_drained = phase is Phase.STOPPING and self._engine.running_count <= callers
        if has_drained or phase is Phase.STOPPED:
            life.drained.open()

    def _abandon_running(self, engine: Engine, now: float, grace: float) -> None:
        """End each run that is still RUNNING as CANCELLED."""
        if engine.phase is Phase.STOPPED:
            return
        for run in engine.running:
            self._kernel.runs.count_output(run)
        for run in self._life.stop_callers:
            engine.give_up(run, now, RunState.OK, STOP_CALLER)
        self._life.ended_in_time = not engine.running_count
        reason = f"still running {grace:g} s after the scheduler stopped; given up"
        for run in engine.abandon_running(now, reason):
            self._kernel.runs.attachments.stop_request(run.number).request(reason)

    def reset_after_fork(self) -> None:
        """Make a forked child's copy usable: it has no threads, and another thread may have held the lock."""
        self._kernel.reset_after_fork()
        self._kernel.runs.callbacks.reset_after_fork()
        self._life.timer.alive = False
        self._life.executor.reset_after_fork()
        if self._engine.phase is Phase.NEW:
            self._pid = os.getpid()  # not started yet: each process may start its own copy
        else:
            attachments, current = self._kernel.runs.attachments, run_of_context.get()
            attachments.in_forked_child = True
            if current is not None and current[1] is attachments:
                attachments.forking_run = current[0]
            self._engine.disable_after_fork()
            self._life.drained.open()


_lifecycles: weakref.WeakSet[Lifecycle] = weakref.WeakSet()


def _reset_after_fork() -> None:
    for lifecycle in list(_lifecycles):
        lifecycle.reset_after_fork()


reset_signals_in_children_if(lambda: run_of_context.get() is not None)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
