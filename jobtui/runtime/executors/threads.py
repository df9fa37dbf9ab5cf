"""Who executes runs: our own daemon threads, and one asyncio loop for coroutines.

Workers pull. A worker that finishes a run records the end and takes the next run in one hold of the
scheduler's lock; only when there is nothing to take does it go to sleep on a lock of its own.
The threads are daemons because a job that hangs must not keep the process from ending.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Protocol

from jobtui.engine.batch import Batch
from jobtui.engine.enums import RunState
from jobtui.engine.records import NO_EXTRAS, RunRecord
from jobtui.engine.tracebacks import one_line, report, trimmed_traceback
from jobtui.runtime.attachments import existing_stop_request, stop_request_of
from jobtui.runtime.clock import Clock
from jobtui.runtime.current_run import current_record
from jobtui.runtime.stop_request import RunCancelledError

if TYPE_CHECKING:
    import asyncio

SHORT_RUN = 20e-6  # seconds; to wake a thread takes longer
IDLE_SECONDS = 30.0  # an idle thread ends after this long without work


class Outcome:
    """How the work of a run ended.

    Attributes:
        run: The run; None if there is nothing to tell.
        elapsed: How long the work took, in seconds.
        remarkable: Whether there is more to tell than that it ended well, in what follows.
        state: OK, FAILED or CANCELLED.
        value: What it returned.
        exception: What it raised.
        reason: In words, for people; "" if there is nothing to say.
        error: The traceback, or "".
        obeyed: Whether it raised an error that says that it stopped because it was asked to.
    """

    __slots__ = ("elapsed", "error", "exception", "obeyed", "reason", "remarkable", "run", "state", "value")

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.clear()

    def clear(self) -> None:
        """Forget it, since what a run returned may be large."""
        self.run: RunRecord | None = None
        self.remarkable = False
        self.state = RunState.OK
        self.value: object = None
        self.exception: BaseException | None = None
        self.reason = ""
        self.error = ""
        self.obeyed = False

    def returned(self, value: object) -> None:
        """The work ended well."""
        self.remarkable = True
        self.value = value

    def raised(self, exception: BaseException) -> None:
        """The work did not."""
        self.remarkable = True
        self.state = RunState.FAILED
        self.exception = exception
        self.reason = one_line(exception)
        self.error = trimmed_traceback(exception, skip=__file__)
        self.obeyed = isinstance(exception, RunCancelledError)


class Worker(Outcome):
    """One thread that pulls runs, and what it has to tell of the latest one.

    Attributes:
        name: What people read.
        hasty: Whether its run is known to be short, so that it will be back in no time.
        resting: Whether it was put to rest and has not come since, although it may have been sent for.
        ended: When its latest run ended, in monotonic seconds.
        streak: What it does without coming back, if it does.
    """

    __slots__ = ("_bell", "ended", "hasty", "name", "resting", "streak")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.hasty = False
        self.resting = False
        self.ended = 0.0
        self.streak: Batch | None = None
        self._bell = threading.Lock()
        self._bell.acquire()

    def next_at_hand(self) -> RunRecord | None:
        """Go on in the streak. None: there is something to tell, or to be told."""
        streak, run = self.streak, self.run
        if (
            streak is None
            or not streak.hand
            or self.remarkable
            or run is None
            or run.extras is not NO_EXTRAS
            or run.attachments is not None
        ):
            return None
        streak.times += (self.ended, self.elapsed)
        try:
            return streak.hand.popleft()
        except IndexError:  # somebody took the rest back at this very moment
            self.run = None  # of this one everything has been told
            return None

    def wake(self) -> None:
        """End the worker's sleep; called once for each time it was put to sleep."""
        self._bell.release()

    def sleep(self) -> bool:
        """Wait to be woken. Returns False if nobody did for a long time."""
        return self._bell.acquire(timeout=IDLE_SECONDS)


class Dispatcher(Protocol):
    """What workers need of the scheduler."""

    def arrive(self, worker: Worker) -> RunRecord | None:
        """A worker that was sent for is there: start a run. None: the worker was put to rest."""
        ...

    def turn(self, worker: Worker) -> RunRecord | None:
        """Record what a worker has done, and start the next run. None: the worker was put to rest."""
        ...

    def report(self, outcome: Outcome) -> None:
        """Record an ending."""
        ...

    def failed(self, worker: Worker, error: Exception) -> None:
        """An error of the dispatcher's own ended `arrive` or `turn`: put the worker to rest."""
        ...

    def leave(self, worker: Worker) -> bool:
        """Let a worker go that rests. Returns False if it was sent for."""
        ...

    def not_coming(self) -> None:
        """A worker that was sent for cannot come."""
        ...


class ThreadExecutor:
    """The worker threads: which of them rest, and how many were sent for.

    Args:
        dispatcher: Who has the runs. The methods that say so are called by whoever has its lock.
        clock: Measures how long the work takes.

    Attributes:
        coming: How many workers will be at the queue in no time: they were woken or are being started, or
            they do a run that is known to be short.
        short: How many seconds a short run takes at most: no longer than it takes to wake a thread.
    """

    def __init__(self, dispatcher: Dispatcher, clock: Clock) -> None:
        self.coming = 0
        self.short = SHORT_RUN
        self.hasty: dict[Worker, RunRecord | None] = {}  # who does a short run: the one seen at the last look
        self._dispatcher = dispatcher
        self._monotonic = clock.monotonic
        self._resting: list[Worker] = []
        self._numbers = itertools.count(1)
        self._closed = False
        self._loop = EventLoopThread()

    def send_for_one(self) -> Callable[[], None]:
        """Choose a worker for a run that may start; under the lock. Returns what calls it, after the lock."""
        self.coming += 1
        return self._resting.pop().wake if self._resting else self._spawn

    def _spawn(self) -> None:
        worker = Worker(f"worker-{next(self._numbers)}")
        thread = threading.Thread(
            target=self._work, args=(worker,), name=f"jobtui-{worker.name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the machine has no more threads, or the interpreter is about to end
            self._dispatcher.not_coming()
            report("no thread can be started; the runs wait for the threads there are")

    def expect(self, worker: Worker, run: RunRecord) -> None:
        """See whether a worker that has taken a run will be back in no time; under the lock.

        If so, nobody else need be woken: two threads that share one interpreter do short runs no faster
        than one, and take twice the time of the machine.
        """
        if (run.job.last_elapsed or math.inf) < self.short:
            if worker not in self.hasty:
                self.hasty[worker] = None
                worker.hasty = True
                self.coming += 1
        elif worker in self.hasty:
            self._expect_no_more(worker)

    def look(self) -> None:
        """Expect those no more who do the same run as at the last look; under the lock."""
        for worker, seen in list(self.hasty.items()):
            if worker.run is seen:
                self._expect_no_more(worker)
            else:
                self.hasty[worker] = worker.run

    def _expect_no_more(self, worker: Worker) -> None:
        del self.hasty[worker]
        worker.hasty = False
        self.coming -= 1

    def rest(self, worker: Worker) -> None:
        """There is nothing to do for this worker; under the lock."""
        if worker in self.hasty:
            self._expect_no_more(worker)
        self._resting.append(worker)
        worker.resting = True
        if self._closed:
            self.dismiss()

    def leave(self, worker: Worker) -> bool:
        """Let a worker go that rests; under the lock. Returns False if it was sent for."""
        if worker not in self._resting:
            return False
        self._resting.remove(worker)
        return True

    def dismiss(self) -> None:
        """Let every worker end once it has nothing to do; under the lock."""
        self._closed = True
        while self._resting:
            self._resting.pop().wake()

    def interrupt(self, run: RunRecord) -> None:
        """Cancel the coroutine of a run, if its work is one, and note that in its stop request."""
        if self._loop.cancel(run):
            stop_request_of(run).interrupted = True

    def cancel_coroutines(self) -> None:
        """Cancel the coroutines that still run, and end their loop."""
        self._loop.close()

    def _work(self, worker: Worker) -> None:
        dispatcher = self._dispatcher
        run, called = None, True  # it was started because it was sent for
        while called:
            try:
                if run is None:
                    run = dispatcher.arrive(worker)
                while run is not None:
                    self._execute(run, worker)
                    run = worker.next_at_hand() or dispatcher.turn(worker)
            except Exception as error:  # noqa: BLE001 - ours; a thread that ends would take its slot along
                report(f"an error inside the scheduler, in {worker.name}")
                dispatcher.failed(worker, error)
                run = None
            called = self._sent_for_again(worker)

    def _sent_for_again(self, worker: Worker) -> bool:
        """Sleep. Returns False if the worker shall end: dismissed, or not needed for a long time."""
        # Where it was sent for in the very moment it gave up, the bell is about to ring.
        called = worker.sleep() or (not self._dispatcher.leave(worker) and worker.sleep())
        return called and not self._closed

    def _execute(self, run: RunRecord, worker: Worker) -> None:
        """Do the work of a run. The loop tells of the end of a coroutine, the worker of any other."""
        worker.run = run
        context = copy_context()
        context.run(current_record.set, run)
        monotonic = self._monotonic
        began = monotonic()
        try:
            value = context.run(run.call)  # type: ignore[arg-type] # only an ended run has none
            if value is not None:
                self._keep(value, run, worker, context, began)
        except BaseException as exception:  # noqa: BLE001 - SystemExit and KeyboardInterrupt fail the run, not us
            worker.raised(exception)
        worker.ended = ended = monotonic()
        worker.elapsed = ended - began

    def _keep(self, value: object, run: RunRecord, worker: Worker, context: Context, began: float) -> None:
        if not isinstance(value, Coroutine):
            worker.returned(value)
        elif self._loop.start(run, self._finish_coroutine(run, value, began), context):
            worker.run = None  # this thread is free for the next run at once
        else:
            value.close()  # or Python warns that it was never awaited

    async def _finish_coroutine(self, run: RunRecord, work: Coroutine[Any, Any, Any], began: float) -> None:
        from asyncio import CancelledError  # noqa: PLC0415 - loaded already, since this is a coroutine

        outcome = Outcome()
        outcome.run = run
        try:
            outcome.returned(await work)
        except CancelledError as exception:
            outcome.raised(exception)
            outcome.obeyed = True
        except BaseException as exception:  # noqa: BLE001 - as above; raised on, it would end the loop
            outcome.raised(exception)
        outcome.elapsed = self._monotonic() - began
        self._dispatcher.report(outcome)


class EventLoopThread:
    """One asyncio event loop in a daemon thread, started when the first coroutine comes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may cancel a run while this thread cancels another
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[RunRecord, asyncio.Task[None] | None] = {}  # None until the loop has begun it
        self._cancelled: set[RunRecord] = set()
        self._closed = False

    def start(self, run: RunRecord, work: Coroutine[Any, Any, None], context: Context) -> bool:
        """Do the work of a run as a task of its own, in the given context. Returns False once closed."""
        with self._lock:
            if self._closed:
                work.close()  # or Python warns that it was never awaited
                return False
            loop = self._loop = self._loop or self._started()
            self._tasks[run] = None

            def begin() -> None:
                task = loop.create_task(work, context=context)
                self._tasks[run] = task  # the loop itself keeps only a weak reference
                task.add_done_callback(lambda _: self._forget(run))

            loop.call_soon_threadsafe(begin)
        request = existing_stop_request(run)
        if request is not None and request.reason:
            self.cancel(run)  # it was asked too early to be found here
        return True

    def cancel(self, run: RunRecord) -> bool:
        """Cancel the task of a run, once: again would interrupt its cleaning up. False if it has none."""
        with self._lock:
            loop = self._loop
            if run not in self._tasks or loop is None or self._closed:
                return False

            def cancel() -> None:
                task = self._tasks.get(run)
                if task is not None:
                    # After its first step: one that never began would tell nobody of its end.
                    loop.call_soon(task.cancel)

            if run not in self._cancelled:
                self._cancelled.add(run)
                loop.call_soon_threadsafe(cancel)
            return True

    def _forget(self, run: RunRecord) -> None:
        with self._lock:
            del self._tasks[run]
            self._cancelled.discard(run)

    def close(self) -> None:
        """Cancel every task, let each clean up, and end the loop. Does not wait for that."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        import asyncio  # noqa: PLC0415 - 30 ms that a file without coroutines need not wait for

        loop = asyncio.new_event_loop()
        threading.Thread(target=self._live, args=(loop,), name="jobtui-asyncio", daemon=True).start()
        return loop

    def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        import asyncio  # noqa: PLC0415 - as above

        async def clean_up() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await loop.shutdown_asyncgens()

        ended = False
        while not ended:
            # What is suppressed comes from tasks that coroutines made: SystemExit in one ends a loop.
            with contextlib.suppress(BaseException):
                if self._closed:
                    loop.call_soon(loop.stop)  # that of `close` is lost if such an exception came behind it
                loop.run_forever()
                ended = self._closed
        with contextlib.suppress(BaseException):
            loop.run_until_complete(clean_up())
        loop.close()
