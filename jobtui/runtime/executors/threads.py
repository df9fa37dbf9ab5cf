"""The executor that runs jobs in daemon threads, and coroutines in one event loop.

Workers pull: a worker hands in what it has executed and takes what comes next in one hold of the state lock,
as a batch, which has one run unless the runs are known to be short. If there is nothing to take, the worker
blocks on a lock of its own until it is woken. The threads are daemons, because a job that hangs must not keep
the process from ending.
"""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from jobtui.engine.batch import MAX_BATCH
from jobtui.engine.packed_exceptions import Frames
from jobtui.engine.records import RunRecord
from jobtui.engine.tracebacks import log_exception
from jobtui.runtime.clock import Clock
from jobtui.runtime.executors.base import (
    Dispatcher,
    ExecutorThread,
    Worker,
    call_function,
    take_context,
)
from jobtui.runtime.executors.event_loop import CoroutineExecutor
from jobtui.runtime.stacks import frames_of_thread


def _is_executor_frame(frame: FrameType) -> bool:
    return frame.f_code is call_function.__code__


if TYPE_CHECKING:
    import asyncio


class ThreadExecutor:
    """The worker threads: starts, wakes and counts them, and executes runs in them.

    `wake` and `start` may be called from any thread, without a lock: each of their steps is one
    operation on a collection, which the GIL makes atomic.

    Args:
        dispatcher: Gives runs to the workers, and records their outcomes.
        clock: Measures how long the work takes.
    """

    def __init__(self, dispatcher: Dispatcher, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._attachments = dispatcher.attachments
        self._monotonic = clock.monotonic
        self._coroutines = CoroutineExecutor(dispatcher, clock)
        self._workers: set[Worker] = set()  # all of them
        self._idle: deque[Worker] = deque()
        self._woken: set[Worker] = set()  # woken or spawned, and not at the inbox yet
        self._worker_numbers = itertools.count(1)
        self._closed = False

    # --- waking workers ---------------------------------------------------------------------------

    def wake(self) -> bool:
        """Make sure that a worker will soon read the inbox. Returns False if none is free to do so."""
        if self._closed:  # the workers end
            return False
        if self._woken:
            return True
        try:
            worker = self._idle.pop()
            while worker.thread is None or worker.thread.dead:  # an exception has ended it
                worker = self._idle.pop()
        except IndexError:
            return False
        try:
            self._woken.add(worker)
            worker.wake()
        except BaseException:  # from a signal handler: a worker that only seems to be woken would hold all up
            worker.wake()
            raise
        return True

    def start(self) -> None:
        """Wake an idle worker, or start another thread."""
        if not self.wake():
            self._spawn()

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Execute coroutines in a loop of the application, which runs."""
        self._coroutines.use_loop(loop)

    def interrupt(self, run: RunRecord) -> None:
        """Cancel the coroutine of a run, if its work is one. A thread cannot be interrupted."""
        self._coroutines.interrupt(run)

    def frames_of(self, run: RunRecord) -> Frames:
        """Return where the thread or the task of a run is; () if none executes it."""
        for worker in tuple(self._workers):
            thread = worker.thread
            if worker.current is run and thread is not None:
                frames = frames_of_thread(thread.ident or 0, _is_executor_frame)
                if frames and worker.current is run:  # it may have begun another one in the meantime
                    return frames
        return self._coroutines.frames_of(run)

    def close(self) -> None:
        """Let each worker's thread end as soon as the worker is idle, and cancel the coroutines."""
        self._closed = True
        for worker in tuple(self._workers):  # all, since an interrupted `wake` may have lost an idle one
            worker.wake()
        self._coroutines.close()

    def wait_cleaned_up(self, timeout: float) -> None:
        """Block until the coroutines in a loop of the application have ended."""
        self._coroutines.wait_cleaned_up(timeout)

    def reset_after_fork(self) -> None:
        """Forget all threads, in a forked child, which has none of them."""
        for threads in (self._workers, self._idle, self._woken):
            threads.clear()
        self._coroutines.reset_after_fork()

    def _spawn(self) -> None:
        worker = Worker(f"worker-{next(self._worker_numbers)}")
        worker.thread = ExecutorThread(partial(self._work, worker), name=f"jobtui-{worker.name}")
        try:
            self._woken.add(worker)
            worker.thread.start()
            self._workers.add(worker)  # `_work` does so, too, if it gets so far: see `check_workers`
        except (RuntimeError, MemoryError):  # the machine has no more threads or memory at the moment
            self._woken.discard(worker)
            log_exception("no thread can be started; the runs wait for the threads there are")
        except BaseException:  # from outside: the thread may have been started or not
            self._woken.discard(worker)
            raise
        finally:
            self._dispatcher.check_workers_soon()

    def check_workers(self) -> bool:
        """Recover the runs of workers whose threads have died, and forget these workers.

        An exception that another thread sets ends a thread if it comes before `_work` can catch it.

        Returns:
            Whether a worker is not idle, or a coroutine has not ended.
        """
        for worker in {*self._workers, *self._woken, *tuple(self._idle)}:
            if worker.thread is not None and worker.thread.dead:
                if worker.batch is not None:
                    self._dispatcher.recover(worker, RuntimeError("its thread has ended"))
                    self._dispatcher.take(worker, 0)
                self._forget(worker)
        return self._coroutines.check_thread() or len(self._workers) > len(self._idle)

    # --- executing runs ---------------------------------------------------------------------------

    def _work(self, worker: Worker) -> None:
        """Execute runs until there is none for a long time, or the executor is closed."""
        error: BaseException | None = None  # one that came between the worker's runs, until it is dealt with
        awake = True
        while awake:
            try:
                self._workers.add(worker)
                if error is not None:  # another exception may interrupt this, which is then done again
                    self._leave_idle(worker)
                    self._dispatcher.recover(worker, error)
                    log_exception(f"an error inside the scheduler, in {worker.name}", error)
                    error = None
                self._execute_batch(worker)
                while self._take(worker, MAX_BATCH):
                    self._execute_batch(worker)
                awake = self._wait_for_work(worker)
            except BaseException as raised:  # noqa: BLE001 - a thread that ended would keep its runs
                error = raised
        self._workers.discard(worker)
        self._take(worker, 0)  # drains the inbox: others may rely on this worker, which was woken

    def _forget(self, worker: Worker) -> None:
        self._leave_idle(worker)
        self._woken.discard(worker)
        self._workers.discard(worker)

    def _leave_idle(self, worker: Worker) -> None:
        with suppress(ValueError):  # it is not idle any more
            while True:
                self._idle.remove(worker)

    def _take(self, worker: Worker, at_most: int) -> bool:
        self._woken.discard(worker)  # first of all, or a wake-up would be lost
        return self._dispatcher.take(worker, at_most)

    def _wait_for_work(self, worker: Worker) -> bool:
        """Block until the worker is woken. Returns False if its thread must end."""
        self._idle.append(worker)
        if self._closed:  # from now on, `close` would wake the worker
            return False
        has_work = self._dispatcher.has_work()  # which came when this worker was not idle yet, and woke none
        if not has_work and worker.sleep():
            return not self._closed
        try:
            self._idle.remove(worker)
        except ValueError:  # chosen just now, so `wake` follows
            worker.sleep()
            return not self._closed
        return has_work

    def _execute_batch(self, worker: Worker) -> None:
        """Execute the runs of the worker's batch that have not been begun; hand its coroutines over."""
        batch = worker.batch
        if batch is None:
            return
        if batch.coroutines:
            self._coroutines.start_batch(batch)
        attachments, monotonic, outcomes = self._attachments, self._monotonic, worker.outcomes
        pending = batch.pending
        run: RunRecord | None = None
        if not batch.begun and batch.runs:
            batch.begun = True
            run = batch.runs[0]
        while run is not None or pending:
            try:
                run = run or pending.popleft()
            except IndexError:  # it has just been left to other workers
                return
            context = take_context(run) if run.context is not None else None
            if context is None:
                context = copy_context()
            worker.current = run
            coroutine = context.run(call_function, run, attachments, monotonic, outcomes)
            if coroutine is not None:
                self._coroutines.start_coroutine(coroutine, context)
                worker.handed_over.append(run)
            run = None
