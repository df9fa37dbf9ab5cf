"""Who executes runs: our own daemon threads, and one asyncio loop for coroutines.

Workers pull. A worker that finishes a run records the end and takes the next run in one hold of the
scheduler's lock; only when there is nothing to take does it go to sleep on a lock of its own.
The threads are daemons because a job that hangs must not keep the process from ending.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from jobtui.core.clock import Clock
from jobtui.core.model import RunState
from jobtui.core.records import RunRecord
from jobtui.core.tracebacks import one_line, report, trimmed_traceback

if TYPE_CHECKING:
    import asyncio

IDLE_SECONDS = 30.0  # an idle thread ends after this long without work

# The run that the current thread or task is working for: prints and log records are kept apart by it.
current_record: ContextVar[RunRecord | None] = ContextVar("current_record", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the work of a run ended."""

    run: RunRecord
    state: RunState
    elapsed: float
    value: object = None
    exception: BaseException | None = None
    reason: str = ""
    error: str = ""


class Dispatcher(Protocol):
    """What workers need of the scheduler."""

    def finish(self, outcome: Outcome) -> None:
        """Record an ending."""
        ...

    def next_run(self, outcome: Outcome | None, worker: Worker, *, sent_for: bool) -> RunRecord | None:
        """Record an ending, if there is one, and start the next run. None: the worker was put to rest."""
        ...


class Worker:
    """One thread that pulls runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._alarm = threading.Lock()
        self._alarm.acquire()

    def wake(self) -> None:
        """End the worker's sleep; called once for each time it was put to sleep."""
        self._alarm.release()

    def sleep(self) -> bool:
        """Wait to be woken. Returns False if nobody did for a long time."""
        return self._alarm.acquire(timeout=IDLE_SECONDS)


class Crew:
    """The worker threads: which of them rest, and how many were sent for.

    Args:
        dispatcher: Who has the runs.
        lock: The scheduler's lock. The methods that say so are called by whoever holds it.
        clock: Measures how long the work takes.
    """

    def __init__(self, dispatcher: Dispatcher, lock: threading.Lock, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._lock = lock
        self._clock = clock
        self._resting: list[Worker] = []
        self._coming = 0  # woken or being started, and not yet back at the queue
        self._numbers = itertools.count(1)
        self._closed = False
        self._loop = LoopThread()

    def send_for(self, startable: int) -> int:
        """Wake resting workers for runs that may start; under the lock. Returns how many `spawn` must add."""
        while self._coming < startable and self._resting:
            self._coming += 1
            self._resting.pop().wake()
        missing = max(0, startable - self._coming)
        self._coming += missing
        return missing

    def spawn(self, count: int) -> None:
        """Add threads; not under the lock, because starting a thread waits for it."""
        for started in range(count):
            worker = Worker(f"worker-{next(self._numbers)}")
            thread = threading.Thread(
                target=self._work, args=(worker,), name=f"jobtui-{worker.name}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the machine has no more threads, or the interpreter is about to end
                with self._lock:
                    self._coming -= count - started
                report("no thread can be started; the runs wait for the threads there are")
                return

    def arrived(self) -> None:
        """A worker that was sent for is at the queue; under the lock."""
        self._coming -= 1

    def rest(self, worker: Worker) -> None:
        """There is nothing to do for this worker; under the lock."""
        self._resting.append(worker)

    def dismiss(self) -> None:
        """Let every worker end once it has nothing to do; under the lock."""
        self._closed = True
        while self._resting:
            self._resting.pop().wake()

    def cancel_coroutines(self) -> None:
        """Cancel the coroutines that still run, and end their loop."""
        self._loop.close()

    def _work(self, worker: Worker) -> None:
        outcome: Outcome | None = None
        sent_for = True
        while True:
            run = self._dispatcher.next_run(outcome, worker, sent_for=sent_for)
            if run is None:
                outcome, sent_for = None, True  # what the last run returned may be large: let it go
                if not self._sent_for_again(worker):
                    return
            else:
                # A coroutine's ending is reported by the loop; this thread is free for the next run at once.
                outcome, sent_for = self._execute(run), False

    def _sent_for_again(self, worker: Worker) -> bool:
        """Sleep. Returns False if the worker shall end: dismissed, or not needed for a long time."""
        if self._closed:
            return False
        if worker.sleep():
            return True
        with self._lock:
            if worker in self._resting:
                self._resting.remove(worker)
                return False
        return worker.sleep()  # sent for in the very moment it gave up

    def _execute(self, run: RunRecord) -> Outcome | None:
        context = copy_context()
        context.run(current_record.set, run)
        began = self._clock.monotonic()
        call = run.call
        try:
            assert call is not None  # only an ended run has none
            value = context.run(call)
            if not isinstance(value, Coroutine):
                return Outcome(
                    run=run, state=RunState.OK, elapsed=self._clock.monotonic() - began, value=value
                )
            if not self._loop.start(self._finish_coroutine, (run, value, began), context):
                value.close()  # or Python warns that it was never awaited
        except BaseException as exception:  # noqa: BLE001 - SystemExit and KeyboardInterrupt fail the run, not us
            return self._failure(run, exception, began)
        return None

    async def _finish_coroutine(self, run: RunRecord, work: Coroutine[Any, Any, Any], began: float) -> None:
        try:
            value = await work
            outcome = Outcome(
                run=run, state=RunState.OK, elapsed=self._clock.monotonic() - began, value=value
            )
        except BaseException as exception:  # noqa: BLE001 - as above; raised on, it would end the loop
            outcome = self._failure(run, exception, began)
        self._dispatcher.finish(outcome)

    def _failure(self, run: RunRecord, exception: BaseException, began: float) -> Outcome:
        return Outcome(
            run=run,
            state=RunState.FAILED,
            elapsed=self._clock.monotonic() - began,
            exception=exception,
            reason=one_line(exception),
            error=trimmed_traceback(exception, skip=__file__),
        )


class LoopThread:
    """One asyncio event loop in a daemon thread, started when the first coroutine comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(
        self, function: Callable[..., Coroutine[Any, Any, None]], args: tuple[Any, ...], context: Context
    ) -> bool:
        """Run a coroutine function as a task of its own, in the given context. Returns False once closed."""
        with self._lock:
            if self._closed:
                return False
            loop = self._loop = self._loop or self._started()

            def begin() -> None:
                task = loop.create_task(function(*args), context=context)
                self._tasks.add(task)  # the loop itself keeps only a weak reference
                task.add_done_callback(self._tasks.discard)

            loop.call_soon_threadsafe(begin)
            return True

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
                loop.run_forever()
                ended = self._closed
        with contextlib.suppress(BaseException):
            loop.run_until_complete(clean_up())
        loop.close()
