"""The executor that runs jobs in daemon threads, and coroutines in one event loop.

Workers pull: a worker that has finished a run reports the outcome and takes the next run in one hold of the
state lock. If there is none, it blocks on a lock of its own until it is woken. The threads are daemons,
because a job that hangs must not keep the process from ending.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from jobtui.engine.records import RunRecord
from jobtui.engine.tracebacks import log_exception
from jobtui.runtime.clock import Clock
from jobtui.runtime.current_run import current_record
from jobtui.runtime.executors.base import Dispatcher, Outcome, Worker
from jobtui.runtime.executors.event_loop import EventLoopThread

SHORT_RUN = 20e-6  # seconds; less than it takes to wake a thread


class ThreadExecutor:
    """The worker threads: starts, wakes and counts them, and executes runs in them.

    Args:
        dispatcher: The kernel. Methods that say "with the lock held" need its state lock.
        clock: Measures how long the work takes.
        event_loop: Executes the coroutines; None starts an event loop in another thread.

    Attributes:
        available_soon: How many workers will ask for a run without being woken: those that have been woken or
            spawned and have not yet asked for one, and those on a short run.
        short_run_limit: The longest duration of a short run, in seconds.
        short_runners: The workers on a short run, each with the run that `check_stragglers` saw it execute.
    """

    def __init__(
        self, dispatcher: Dispatcher, clock: Clock, event_loop: EventLoopThread | None = None
    ) -> None:
        self.available_soon = 0
        self.short_run_limit = SHORT_RUN
        self.short_runners: dict[Worker, RunRecord | None] = {}
        self._dispatcher = dispatcher
        self._monotonic = clock.monotonic
        self._idle_workers: list[Worker] = []
        self._worker_numbers = itertools.count(1)
        self._shut_down = False
        self._event_loop = event_loop or EventLoopThread()

    # --- which workers are idle, woken or on short runs -------------------------------------------

    def wake_or_spawn(self) -> Callable[[], None]:
        """Choose an idle worker, or a new one, for a run that may start. Call with the lock held.

        Returns:
            The effect that wakes or spawns the worker. Call it after the lock has been released.
        """
        self.available_soon += 1
        return self._idle_workers.pop().wake if self._idle_workers else self._spawn

    def note_short_run(self, worker: Worker, run: RunRecord) -> None:
        """Note whether the run that a worker has taken is short. Call with the lock held.

        While a worker is on a short run, no other worker needs to be woken for the rest of the queue: two
        threads of one interpreter execute short runs no faster than one, and take twice the CPU time.
        """
        if (run.job.last_elapsed or math.inf) < self.short_run_limit:
            if worker not in self.short_runners:
                self.short_runners[worker] = None
                worker.on_short_run = True
                self.available_soon += 1
        elif worker in self.short_runners:
            self._forget_short_runner(worker)

    def check_stragglers(self) -> None:
        """Forget each worker whose run is the same as at the last check. Call with the lock held."""
        for worker, last_seen in list(self.short_runners.items()):
            if worker.outcome.run is last_seen:
                self._forget_short_runner(worker)
            else:
                self.short_runners[worker] = worker.outcome.run

    def mark_idle(self, worker: Worker) -> None:
        """Note that a worker has no run, and blocks until it is woken. Call with the lock held."""
        if worker in self.short_runners:
            self._forget_short_runner(worker)
        self._idle_workers.append(worker)
        worker.idle = True
        if self._shut_down:
            self.shut_down()

    def remove_idle(self, worker: Worker) -> bool:
        """Forget an idle worker. Returns False if it has been woken. Call with the lock held."""
        if worker not in self._idle_workers:
            return False
        self._idle_workers.remove(worker)
        return True

    def shut_down(self) -> None:
        """Let each worker's thread end as soon as the worker is idle. Call with the lock held."""
        self._shut_down = True
        while self._idle_workers:
            self._idle_workers.pop().wake()

    def _forget_short_runner(self, worker: Worker) -> None:
        del self.short_runners[worker]
        worker.on_short_run = False
        self.available_soon -= 1

    def _spawn(self) -> None:
        worker = Worker(f"worker-{next(self._worker_numbers)}")
        thread = threading.Thread(
            target=self._work, args=(worker,), name=f"jobtui-{worker.name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the machine has no more threads, or the interpreter is about to end
            self._dispatcher.spawn_failed()
            log_exception("no thread can be started; the runs wait for the threads there are")

    # --- executing runs ---------------------------------------------------------------------------

    def interrupt(self, run: RunRecord) -> None:
        """Cancel the coroutine of a run, if its work is one."""
        self._event_loop.cancel_task(run)

    def cancel_coroutines(self) -> None:
        """Cancel the coroutines that still run, and end their loop."""
        self._event_loop.stop_loop()

    def _work(self, worker: Worker) -> None:
        """Execute runs until there is none for a long time, or the executor is shut down."""
        dispatcher = self._dispatcher
        run, awake = None, True  # a worker is spawned for a run
        while awake:
            try:
                if run is None:
                    run = dispatcher.start_first(worker)
                while run is not None:
                    self._execute(run, worker)
                    run = worker.next_in_batch() or dispatcher.finish_and_start_next(worker)
            except Exception as error:  # noqa: BLE001 - jobtui's own; a thread that ends would keep its slot
                log_exception(f"an error inside the scheduler, in {worker.name}")
                dispatcher.worker_crashed(worker, error)
                run = None
            awake = self._wait_for_work(worker)

    def _wait_for_work(self, worker: Worker) -> bool:
        """Block until the worker is woken. Returns False if its thread must end."""
        # If `retire_idle` returns False, the worker has been chosen just now, and `wake` follows.
        woken = worker.sleep() or (not self._dispatcher.retire_idle(worker) and worker.sleep())
        return woken and not self._shut_down

    def _execute(self, run: RunRecord, worker: Worker) -> None:
        """Execute a run, and store its outcome in the worker unless the event loop will report it."""
        outcome, monotonic = worker.outcome, self._monotonic
        outcome.run = run
        context = copy_context()
        context.run(current_record.set, run)
        started = monotonic()
        try:
            value = context.run(run.call)  # type: ignore[arg-type] # only an ended run has none
            if value is not None:
                self._handle_value(value, run, outcome, context, started)
        except BaseException as exception:  # noqa: BLE001 - SystemExit and KeyboardInterrupt fail the run alone
            outcome.set_exception(exception, skip=__file__)
        outcome.ended = ended = monotonic()
        outcome.elapsed = ended - started

    def _handle_value(
        self, value: object, run: RunRecord, outcome: Outcome, context: Context, started: float
    ) -> None:
        """Store what the work returned; if that is a coroutine, hand it to the event loop."""
        if not isinstance(value, Coroutine):
            outcome.set_result(value)
        elif self._event_loop.start_task(run, self._run_coroutine(run, value, started), context):
            outcome.run = None  # the worker is free for another run
        else:
            value.close()  # or Python warns that it was never awaited

    async def _run_coroutine(self, run: RunRecord, work: Coroutine[Any, Any, Any], started: float) -> None:
        from asyncio import CancelledError  # noqa: PLC0415 - loaded already, since this is a coroutine

        outcome = Outcome()
        outcome.run = run
        try:
            outcome.set_result(await work)
        except CancelledError as exception:
            outcome.set_exception(exception, skip=__file__)
            outcome.honoured_stop = True
        except BaseException as exception:  # noqa: BLE001 - as above; raised on, it would end the loop
            outcome.set_exception(exception, skip=__file__)
        outcome.ended = self._monotonic()
        outcome.elapsed = outcome.ended - started
        self._dispatcher.report(outcome)
