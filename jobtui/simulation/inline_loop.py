"""An asyncio event loop that runs in the calling thread, and whose time is that of a `ManualClock`.

The loop runs until no task can continue at the current instant, and reports when the next one will. So
``asyncio.sleep(10)`` in a job ends when the clock has been moved by ten seconds, and takes no real time.

The loop blocks in real time for events that the clock does not cause: those of a socket, a subprocess or a
thread. The clock stands still then. The loop blocks for at most `PATIENCE`, because some events never happen,
such as those of a connection that stays open, or happen only in a later run.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from selectors import SelectorKey
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakSet

from jobtui.runtime.awaiting import LatchFuture
from jobtui.runtime.clock import ManualClock

PATIENCE = 5.0  # seconds of real time, and never more than the coroutine itself would wait
MAX_ITERATIONS = 1_000_000  # of the loop at one instant; only a coroutine that never waits exceeds it
CLEANUP_TIME = 10.0  # seconds of the clock that coroutines get to clean up when the loop is stopped

Args = TypeVarTuple("Args")
Result = TypeVar("Result")
_Ready = list[tuple[SelectorKey, int]]

# The callback with which the loop ends an asyncio.sleep, and nothing else.
_WAKE_SLEEPER = getattr(asyncio.futures, "_set_result_unless_cancelled", None)


class _Selector(selectors.DefaultSelector):
    """A selector that calls `wait` instead of blocking."""

    def __init__(self) -> None:
        super().__init__()
        self.wait: Callable[[float | None], _Ready] = self.block
        self.iterations = 0

    def select(self, timeout: float | None = None) -> _Ready:
        if timeout is None or timeout > 0:
            return self.wait(timeout)
        self.iterations += 1
        if self.iterations > MAX_ITERATIONS:
            raise RuntimeError(
                f"coroutines were resumed {MAX_ITERATIONS:,} times at one instant: does one of them "
                "wait in a loop with asyncio.sleep(0)?"
            )
        return super().select(0)

    def block(self, timeout: float | None) -> _Ready:
        return super().select(timeout)


class InlineLoop(asyncio.SelectorEventLoop):
    """An event loop that runs in the thread that moves its clock.

    Args:
        clock: Its monotonic time is the time of the loop.

    Attributes:
        next_wakeup: When a task will continue, in seconds of that time; inf if no task waits for the clock.
        has_waiting_tasks: Whether there are tasks that wait.
        moves_clock: Whether the loop itself moves the clock, for at most `CLEANUP_TIME`, because it is being
            stopped.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._loop_selector = _Selector()
        super().__init__(self._loop_selector)
        self._loop_files = set(self._loop_selector.get_map())
        self._loop_selector.wait = self._wait
        self._busy_threads = 0
        self._sleepers: WeakSet[asyncio.Future[Any]] = WeakSet()
        self._given_up: set[object] = set()  # the futures that were awaited when blocking timed out
        self._cleanup_time_left = CLEANUP_TIME
        self.next_wakeup = math.inf
        self.has_waiting_tasks = False
        self.moves_clock = False

    def run_until_idle(self) -> None:
        """Run until no task can continue at this instant."""
        self.next_wakeup = math.inf
        self._loop_selector.iterations = 0
        self.run_forever()

    def time(self) -> float:
        """Return the monotonic time of the clock."""
        return self._clock.monotonic()

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Schedule a callback, and note the future of an ``asyncio.sleep``."""
        if callback is _WAKE_SLEEPER:
            self._sleepers.update(each for each in args if isinstance(each, asyncio.Future))
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], Result], *args: *Args
    ) -> asyncio.Future[Result]:
        """Run a function in a thread, and count the threads that are busy."""
        future = super().run_in_executor(executor, func, *args)
        self._busy_threads += 1
        future.add_done_callback(self._note_thread_done)
        return future

    def _note_thread_done(self, _: object) -> None:
        self._busy_threads -= 1

    # --- where another loop would block -----------------------------------------------------------

    def _wait(self, timeout: float | None) -> _Ready:
        """Block for external events if there may be any; else stop, or move the clock while being stopped.

        Args:
            timeout: The seconds until the next timer of the loop; None if there is none.
        """
        tasks = asyncio.all_tasks(self)
        events = self._loop_selector.block(self._seconds_to_block(tasks, timeout))
        if events:
            self._given_up.clear()
            return events
        self._given_up = _awaited_futures(tasks)
        if self.moves_clock and timeout is not None and timeout <= self._cleanup_time_left:
            self._cleanup_time_left -= timeout
            self._clock.advance(timeout)
            return events
        self.has_waiting_tasks = bool(tasks)
        if timeout is not None:
            self.next_wakeup = self.time() + timeout
        self.stop()
        return events

    def _seconds_to_block(self, tasks: set[asyncio.Task[Any]], timeout: float | None) -> float:
        """Return how many seconds of real time to block for events that the clock does not cause."""
        external = self._busy_threads or self._loop_selector.get_map().keys() - self._loop_files
        sleeping = {future for future in self._sleepers if not future.done()}
        if sleeping and not external:
            return 0.0  # the other tasks probably wait for the sleeping ones, as in a TaskGroup
        awaited = {each for each in _awaited_futures(tasks) if not isinstance(each, LatchFuture)}
        if awaited - sleeping <= self._given_up:
            return 0.0
        return PATIENCE if timeout is None else min(timeout, PATIENCE)


def _awaited_futures(tasks: set[asyncio.Task[Any]]) -> set[object]:
    """Return what each task awaits. The same future as before means that the task has not continued."""
    return {getattr(task, "_fut_waiter", task) for task in tasks}
