"""The asyncio event loop that executes coroutines, in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from jobtui.engine.records import RunRecord
from jobtui.engine.tracebacks import log_exception
from jobtui.runtime.run_attachments import RunAttachments

if TYPE_CHECKING:
    import asyncio


START_RETRY = 0.5  # seconds after which a thread that could not be started is tried again


class EventLoopThread:
    """One asyncio event loop in a daemon thread, which starts with the first coroutine.

    Args:
        attachments: The stop requests of the runs.
    """

    def __init__(self, attachments: RunAttachments) -> None:
        self._stop_requests = attachments.stop_requests
        self._lock = threading.RLock()  # a signal handler may cancel a run while this thread cancels another
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[RunRecord, asyncio.Task[None] | None] = {}  # None until the loop has created it
        self._cancelled: set[RunRecord] = set()
        self._closed = False

    def start_task(self, run: RunRecord, work: Coroutine[Any, Any, None], context: Context) -> bool:
        """Execute the work of a run as a task in a context. Returns False if the loop has been stopped."""
        self._ensure_loop()
        with self._lock:
            loop = self._loop
            if self._closed or loop is None:
                work.close()  # or Python warns that it was never awaited
                return False
            self._tasks[run] = None

            def create_task() -> None:
                task = loop.create_task(work, context=context)
                self._tasks[run] = task  # the loop itself keeps only a weak reference
                task.add_done_callback(lambda _: self._forget_task(run))

            loop.call_soon_threadsafe(create_task)
        request = self._stop_requests.get(run.number)
        if request is not None and request.reason:
            self.cancel_task(run)  # the stop request came before there was a task to cancel
        return True

    def cancel_task(self, run: RunRecord) -> bool:
        """Cancel the task of a run, and note that in its stop request.

        A task is cancelled once: a second time would interrupt its cleaning up.

        Returns:
            Whether the run has a task.
        """
        with self._lock:
            loop = self._loop
            if run not in self._tasks or loop is None or self._closed:
                return False

            def cancel() -> None:
                task = self._tasks.get(run)
                if task is not None:
                    # After the task's first step: a task that never began would not report its end.
                    loop.call_soon(task.cancel)

            if (request := self._stop_requests.get(run.number)) is not None:  # else the run has ended
                request.interrupted = True
            if run not in self._cancelled:
                self._cancelled.add(run)
                loop.call_soon_threadsafe(cancel)
            return True

    def stop_loop(self) -> None:
        """Cancel every task, let each clean up, and end the loop. Does not wait for that."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)

    def reset_after_fork(self) -> None:
        """Forget the thread, in a forked child, which has neither that nor the holder of the lock."""
        self._lock = threading.RLock()
        self._loop = None
        self._tasks.clear()

    def _ensure_loop(self) -> None:
        """Start the loop, unless it runs or has been stopped. Try again while no thread can be started."""
        pause = threading.Lock()
        pause.acquire()
        while self._loop is None and not self._closed:
            try:
                with self._lock:
                    self._loop = self._loop or self._start_loop()
            except (RuntimeError, MemoryError):
                log_exception("no thread can be started for coroutines; it is tried again")
                pause.acquire(timeout=START_RETRY)

    def _forget_task(self, run: RunRecord) -> None:
        with self._lock:
            del self._tasks[run]
            self._cancelled.discard(run)

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio  # noqa: PLC0415 - takes 30 ms, which a job file without coroutines does not need

        loop = asyncio.new_event_loop()
        try:
            threading.Thread(target=self._run_loop, args=(loop,), name="jobtui-asyncio", daemon=True).start()
        except BaseException:
            loop.close()
            raise
        return loop

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        import asyncio  # noqa: PLC0415 - as above

        async def clean_up() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await loop.shutdown_asyncgens()

        ended = False
        while not ended:
            # A task that a coroutine has created may raise SystemExit, which ends `run_forever`.
            with contextlib.suppress(BaseException):
                if self._closed:
                    loop.call_soon(loop.stop)  # such an exception may have undone that of `stop_loop`
                loop.run_forever()
                ended = self._closed
        with contextlib.suppress(BaseException):
            loop.run_until_complete(clean_up())
        loop.close()
