"""The asyncio event loop that executes coroutines, in a thread of its own or in that of the application.

The loop gets coroutines in two ways. A worker thread hands over those that it has taken, or that a function
has returned. And when coroutines have ended, the loop itself hands in their outcomes and takes the coroutines
at the head of the queue, in one hold of the state lock. So no other thread is needed while only coroutines
wait, and while a coroutine blocks the loop, the worker threads go on starting runs.
"""

from __future__ import annotations

import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

from jobtui.engine.batch import EVENT_LOOP, MAX_BATCH, Batch
from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import Frames
from jobtui.engine.records import RunRecord
from jobtui.engine.runnables import is_coroutine_function
from jobtui.engine.tracebacks import log_exception
from jobtui.process.forked_child import end_forked_child
from jobtui.runtime.clock import Clock
from jobtui.runtime.current_run import CurrentRun, run_of_context
from jobtui.runtime.executors.base import (
    Dispatcher,
    ExecutorThread,
    Outcome,
    Worker,
    close_coroutine,
    interrupted_outcome,
    mark_attempt,
    report_failure,
    report_timeout,
    take_context,
)
from jobtui.runtime.executors.lazy_results import check_result
from jobtui.runtime.executors.loop_watch import LoopWatch
from jobtui.runtime.latch import Latch
from jobtui.runtime.stacks import frames_of_task
from jobtui.runtime.stream_guard import guard

if TYPE_CHECKING:
    import asyncio


START_RETRY = 0.5  # seconds after which a thread that could not be started is tried again
UNSURE_LIMIT = 1.0  # seconds that tasks get to clean up if an exception in the loop may have lost them


class CoroutineExecutor:
    """Executes coroutines as tasks of one asyncio event loop, which starts with the first coroutine.

    After `use_loop`, that is a loop of the application. This never stops or closes it, and leaves alone the
    tasks that are no runs.

    Args:
        dispatcher: Gives runs to the workers, and records their outcomes.
        clock: Measures how long the work takes.
        make_loop: Makes the event loop, which the caller runs; None runs one in a daemon thread.
        at_most: How many coroutines the loop takes at once; 0 if it only gets them from others.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        clock: Clock,
        make_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
        at_most: int = MAX_BATCH,
    ) -> None:
        self._dispatcher = dispatcher
        self._attachments = dispatcher.attachments
        self._monotonic = clock.monotonic
        self._make_loop = make_loop
        self._at_most = at_most
        self._worker = Worker(EVENT_LOOP, coroutines_only=True)
        self._lock = threading.RLock()  # held to start the loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: ExecutorThread | None = None
        self._context = Context()  # of the loop's callbacks: without the variables of any run
        # Batches that workers have handed over, and outcomes of functions that have returned coroutines.
        self._arrivals: deque[Batch | tuple[Outcome, Context]] = deque()
        # The tasks of runs; None while a coroutine that a function has returned has no task yet. Only the
        # loop's thread takes entries out.
        self._tasks: dict[RunRecord, asyncio.Task[None] | None] = {}
        self._interrupted: set[RunRecord] = set()
        # Tasks that an exception in the loop may have lost: nothing would resume them any more.
        self._unsure: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._closed = False
        self._cleaning_up = False
        self._in_application = False  # whether the loop is one of the application
        self._cleaned_up = Latch()  # opened when no run is left in a loop of the application, after `close`
        self._watch = LoopWatch(self._monotonic, self._attachments.ending_log.log_blocked_loop)
        # Whether the timer checks the tasks from time to time. The caller of `run_loop` has no timer.
        self._checked = make_loop is not None

    # --- called in any thread ---------------------------------------------------------------------

    @property
    def has_tasks(self) -> bool:
        """Whether there are coroutines that have not ended."""
        return bool(self._tasks)

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Execute the coroutines in a loop of the application, which runs. Call this before the first one."""
        self._loop, self._in_application = loop, True
        self._call(lambda: self._note_thread(threading.get_ident()))

    def start_batch(self, batch: Batch) -> None:
        """Execute the coroutines of a batch. To call this twice for the same batch is harmless."""
        self._ensure_loop()
        self._arrivals.append(batch)
        if not self._call(self._exchange):
            self._dispatcher.check_workers_soon()

    def start_coroutine(self, outcome: Outcome, context: Context) -> None:
        """Execute a coroutine, which the function of a run has returned.

        Args:
            outcome: The outcome of the call. Its value is the coroutine; that of the coroutine replaces it.
            context: The context of the call.
        """
        self._ensure_loop()
        self._tasks[outcome.run] = None
        self._arrivals.append((outcome, context))
        if not self._call(self._exchange):
            close_coroutine(outcome)
            self._dispatcher.check_workers_soon()

    def interrupt(self, run: RunRecord) -> None:
        """Cancel the task of a run, if it has one, and note that in its stop request.

        A task is cancelled once: a second time would interrupt its cleaning up.
        """
        request = self._attachments.stop_requests.get(run.number)  # None if the run has ended
        is_coroutine = run in self._tasks or is_coroutine_function(run.call)
        if request is not None and is_coroutine:
            before = request.interrupted
            # Noted first: as soon as the loop cancels the task, the run may end, and then another thread that
            # runs the effects of the same change finds no request, and replies to the caller of `cancel`.
            request.interrupted = True
            if not self._call(self._cancel_task, run):
                request.interrupted = before

    def frames_of(self, run: RunRecord) -> Frames:
        """Return where the task of a run is; () if it has none."""
        task = self._tasks.get(run)
        return () if task is None else frames_of_task(task, self._attachments.loop_thread)

    def check_thread(self) -> bool:
        """Start another thread for the loop if an exception from outside has ended the first one.

        Returns:
            Whether there are coroutines that have not ended.
        """
        with self._lock:
            dead = self._thread is None or self._thread.dead
            own = self._make_loop is None and not self._in_application
            if self._loop is not None and dead and own and not self._closed:
                self._start_thread(self._loop)
        self._checked = False  # first: a coroutine that begins now has this called again
        if self._tasks and self._call(self._check_tasks):
            self._watch.check(self._loop, self._attachments.loop_thread, self._tasks)
        elif self._loop is not None and self._in_application and self._loop.is_closed():
            self._end_all()
        self._checked = bool(self._tasks or self._arrivals)
        return self._checked

    def close(self) -> None:
        """Cancel every task, let each clean up, and end the loop if it is ours. Does not wait for that."""
        with self._lock:
            self._closed = True
        if not self._call(self._stop):
            self._cleaned_up.open()

    def wait_cleaned_up(self, timeout: float) -> None:
        """Block until the tasks in a loop of the application have ended, after `close`.

        Args:
            timeout: The longest time to block, in seconds.
        """
        if self._in_application and self._loop is not None and self._loop.is_running():
            self._cleaned_up.wait(timeout)

    def reset_after_fork(self) -> None:
        """Forget the thread, in a forked child, which has neither that nor the holder of the lock."""
        self._lock = threading.RLock()
        self._loop = None
        self._tasks.clear()

    def _end_all(self) -> None:
        """End all runs: the application has closed the loop, so no other thread uses it any more."""
        error = RuntimeError("its event loop has been closed")
        while self._arrivals:
            arrival = self._arrivals.popleft()
            for run in arrival.coroutines if isinstance(arrival, Batch) else ():
                self._report(interrupted_outcome(run, error))
        for run in tuple(self._tasks):
            self._report(interrupted_outcome(run, error))
        self._note_thread(None)
        self._dispatcher.take(self._worker, 0)

    def _call(self, callback: Callable[..., object], *args: object) -> bool:
        """Have the loop's thread call a function. Returns False if the loop does not run."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(callback, *args, context=self._context)
        except RuntimeError:  # it has been closed
            return False
        return True

    def _ensure_loop(self) -> None:
        """Start the loop, unless it runs or has been closed. Try again while that cannot be done."""
        pause = threading.Lock()
        pause.acquire()
        while self._loop is None and not self._closed:
            try:
                with self._lock:
                    if self._loop is None and not self._closed:
                        self._start_loop()
            except (RuntimeError, MemoryError, OSError):  # no more threads, memory or files at the moment
                log_exception("no event loop can be started for coroutines; it is tried again")
                pause.acquire(timeout=START_RETRY)

    def _start_loop(self) -> None:
        if self._make_loop is not None:
            self._loop = self._make_loop()
            return
        import asyncio  # noqa: PLC0415 - takes 30 ms, which a job file without coroutines does not need

        loop = self._loop = asyncio.new_event_loop()
        try:
            self._start_thread(loop)
        except (RuntimeError, MemoryError):
            self._loop = None  # after any other exception, `check_thread` starts the thread if there is none
            loop.close()
            raise

    def _start_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        self._thread = ExecutorThread(partial(self.run_loop, loop), name="jobtui-asyncio")
        self._dispatcher.check_workers_soon()
        self._thread.start()

    # --- called in the loop's thread --------------------------------------------------------------

    def run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the loop until the executor is closed; then cancel every task, and let each clean up."""
        import asyncio  # noqa: PLC0415 - as above

        self._attachments.loop_thread = threading.get_ident()

        async def clean_up() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            unsure = tasks & set(self._unsure)
            await asyncio.gather(*(tasks - unsure), return_exceptions=True)
            if unsure:
                await asyncio.wait(unsure, timeout=UNSURE_LIMIT)
            await loop.shutdown_asyncgens()

        def end_tasks(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            # The step of a task raises no exception of the user, so this one came from outside.
            callback = getattr(context.get("handle"), "_callback", None)
            if isinstance(getattr(callback, "__self__", None), asyncio.Task):
                self._end_lost_tasks(context.get("exception"))
            loop.default_exception_handler(context)

        loop.set_exception_handler(end_tasks)
        interruption: BaseException | None = None  # until it is dealt with
        while not self._cleaning_up:
            try:
                self._end_lost_tasks(interruption)
                interruption = None
                self._schedule_exchange()
                if self._closed:
                    loop.call_soon(loop.stop)
                loop.run_forever()
                self._cleaning_up = self._closed
            except BaseException as error:  # noqa: BLE001 - other coroutines need the loop
                # A task that a coroutine has created may raise SystemExit, which ends `run_forever`. An
                # exception from outside may end it, too, and undo what the loop was about to call.
                interruption = error if interruption or _is_raised_by_loop(error) else None
        try:
            loop.run_until_complete(clean_up())
        except BaseException as error:  # noqa: BLE001 - set from outside: the thread must end
            log_exception("an error inside the scheduler, at the end of the event loop", error)
        loop.close()

    def _note_thread(self, ident: int | None) -> None:
        self._attachments.loop_thread = self._attachments.ending_log.hasty_thread = ident

    def _check_tasks(self) -> None:
        self._watch.answer()
        self._end_lost_tasks()

    def _stop(self) -> None:
        if self._in_application:
            self._cancel_tasks()
        elif self._loop is not None and not self._cleaning_up:
            self._loop.stop()

    def _cancel_tasks(self) -> None:
        """Cancel the tasks of all runs, in a loop of the application."""
        assert self._loop is not None  # it calls this
        while self._arrivals:
            arrival = self._arrivals.popleft()
            if not isinstance(arrival, Batch):
                close_coroutine(arrival[0])
        for run, task in tuple(self._tasks.items()):
            if task is None:
                del self._tasks[run]
            else:
                self._loop.call_soon(task.cancel)  # after its first step, as in `_cancel_task`
        self._note_if_cleaned_up()

    def _note_if_cleaned_up(self) -> None:
        if self._closed and self._in_application and not self._tasks:
            self._note_thread(None)
            self._cleaned_up.open()

    def _exchange(self) -> None:
        """Begin what has been handed over, hand in the outcomes, and begin the coroutines that are next."""
        worker = self._worker
        try:
            self._begin_coroutines()
            self._dispatcher.take(worker, self._at_most)
            self._begin_coroutines()
        except BaseException as error:  # noqa: BLE001 - set from outside: no run must be lost
            self._schedule_exchange()
            self._dispatcher.recover(worker, error)
            log_exception(f"an error inside the scheduler, in {worker.name}", error)

    def _schedule_exchange(self) -> None:
        if self._loop is not None and not self._loop.is_closed():  # a run that is given up may end even later
            self._loop.call_soon(self._exchange, context=self._context)

    def _begin_coroutines(self) -> None:
        """Create the tasks of the coroutines that have been handed over or taken."""
        arrivals, tasks = self._arrivals, self._tasks
        if not arrivals and self._worker.batch is None:
            return
        from asyncio import Task  # noqa: PLC0415 - as above

        if not self._checked:
            self._checked = True
            self._dispatcher.check_workers_soon()
        while arrivals and not self._closed:
            arrival = arrivals[0]
            if isinstance(arrival, Batch):
                self._create_tasks(Task, arrival)
            else:
                outcome, context = arrival
                tasks[outcome.run] = Task(self._execute(outcome), loop=self._loop, context=context)
            arrivals.popleft()
        if self._worker.batch is not None and not self._closed:
            self._create_tasks(Task, self._worker.batch)

    def _create_tasks(self, task_type: type[asyncio.Task[None]], batch: Batch) -> None:
        """Create tasks, not with the loop's task factory, which may begin them before this has ended."""
        coroutines, tasks, loop = batch.coroutines, self._tasks, self._loop
        try:
            while coroutines:
                run = coroutines[0]
                if run.state is RunState.RUNNING:  # else its start was interrupted, or it has been given up
                    context = take_context(run)
                    tasks[run] = task_type(self._execute(Outcome(run)), loop=loop, context=context)
                coroutines.popleft()
        except BaseException as error:
            if coroutines:  # whether this one has a task is not known, and it must not be executed twice
                self._report(interrupted_outcome(coroutines[0], error))
                coroutines.popleft()
            raise

    def _end_lost_tasks(self, interruption: BaseException | None = None) -> None:
        """End the runs whose tasks have ended without an outcome, because of an exception from outside.

        Args:
            interruption: An exception in the loop itself, which may have lost what would resume any task. So
                all of them end.
        """
        if interruption is not None:
            self._unsure.update(task for task in self._tasks.values() if task is not None)
        error = interruption or RuntimeError("its task has been interrupted")
        for run, task in tuple(self._tasks.items()):
            if task is not None and (interruption is not None or task.done()):
                task.cancel()
                self._report(interrupted_outcome(run, error))

    def _cancel_task(self, run: RunRecord) -> None:
        """Cancel the task of a run."""
        task = self._tasks.get(run)
        if task is not None and not self._closed and run not in self._interrupted:
            self._interrupted.add(run)
            assert self._loop is not None  # it calls this
            # After the task's first step: a task that never began would not report its end.
            self._loop.call_soon(self._throw_cancelled_error, run, task)

    def _throw_cancelled_error(self, run: RunRecord, task: asyncio.Task[None]) -> None:
        """Cancel a task. The coroutine sees that: if it then returns, it has stopped on request."""
        request = self._attachments.stop_requests.get(run.number)
        if task.cancel() and request is not None:
            request.acknowledged = True

    async def _execute(self, outcome: Outcome) -> None:
        """Call the function of a run, unless that has been done, and await the coroutine."""
        run, attachments = outcome.run, self._attachments
        work: Any = outcome.value
        call: Any = run.call
        started = self._monotonic()
        try:
            if work is None and (call is None or run.state.ended):  # the run has been given up
                self._report(outcome)
                return
            try:
                if attachments.stop_requests:
                    self._interrupt_if_requested(run)
                contexts = self._enter(run) if work is None else outcome.contexts
                outcome.value = outcome.contexts = result = None
                if contexts is None:
                    result = await (work or call())
                else:
                    with contexts:
                        result = await (work or call())
                check_result(result)
                if run is attachments.forking_run:
                    end_forked_child()
                outcome.value = result
                if attachments.stop_requests:
                    report_timeout(outcome, attachments)
            except BaseException as exception:  # noqa: BLE001 - raised on, SystemExit would end the loop
                outcome.set_exception(exception, skip=__file__)
                outcome.honoured_stop |= _is_cancelled_error(exception)
                report_failure(outcome, attachments)
            outcome.elapsed += self._monotonic() - started
            if outcome.value is not None and attachments.describe_result is not None:
                outcome.reason = attachments.describe_result(outcome.value)
            if guard.streams is not None:
                guard.end(run)
            self._report(outcome)
        except BaseException as error:  # noqa: BLE001 - set from outside: no run must be lost
            self._report(interrupted_outcome(run, error))
        del outcome  # as in `call_function`

    def _enter(self, run: RunRecord) -> ExitStack | None:
        """Prepare the context of a run's task. Return what is around its work; None if nothing is."""
        attachments = self._attachments
        run_of_context.set((run, attachments))
        if guard.streams is not None:
            guard.begin(run)
            if run.extras.attempts_made:
                mark_attempt(run, attachments)
        functions = attachments.arounds.functions
        return attachments.arounds.enter(CurrentRun(run, attachments)) if functions else None

    def _interrupt_if_requested(self, run: RunRecord) -> None:
        """Cancel the task of a run whose stop request came before there was a task."""
        request = self._attachments.stop_requests.get(run.number)
        if request is not None and request.reason:
            self._cancel_task(run)
            request.interrupted = True

    def _report(self, outcome: Outcome) -> None:
        """Keep the outcome of a coroutine, to hand it in together with those of the same iteration."""
        if not self._worker.outcomes:
            self._schedule_exchange()
        self._worker.outcomes.append(outcome)
        self._tasks.pop(outcome.run, None)  # last of all: see `_end_lost_tasks`
        self._interrupted.discard(outcome.run)
        if self._closed:
            self._note_if_cleaned_up()


def _is_raised_by_loop(error: BaseException) -> bool:
    """Return whether an exception was raised by the loop or its callbacks here, not by a task of the user."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [str(frame.f_globals.get("__name__")) for frame in frames]
    called = modules[modules.index("asyncio.events") + 1 :] if "asyncio.events" in modules else []
    return not called or called[0].partition(".")[0] in {"asyncio", "jobtui"}


def _is_cancelled_error(exception: BaseException) -> bool:
    from asyncio import CancelledError  # noqa: PLC0415 - loaded already, since a coroutine raised it

    return issubclass(type(exception), CancelledError)  # `__class__` may be overridden
