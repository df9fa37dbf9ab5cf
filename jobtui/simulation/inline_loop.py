"""An asyncio loop without a thread, whose time is that of a clock which is moved by hand.

It runs until nothing more happens at the instant that the clock shows, and says when something will. So
``asyncio.sleep(10)`` in a job is over when the clock was moved by ten seconds, and takes no real time.

What no clock brings on, such as the answer of a socket, of a subprocess or of a thread, is really waited
for, while the clock stands; but not for longer than `PATIENCE`, because some of it never comes: a
connection that is kept open, an event that the next run will set.
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

from jobtui.runtime.clock import ManualClock

PATIENCE = 5.0  # seconds of real time, and never more than the coroutine itself would wait
MOST_TURNS = 1_000_000  # of the loop at one instant; more than any work takes that is not stuck
CLEANING_UP = 10.0  # seconds, of the clock, that coroutines get to clean up when the loop is closed

Args = TypeVarTuple("Args")
Result = TypeVar("Result")
_Ready = list[tuple[SelectorKey, int]]

# What the loop calls at the end of an asyncio.sleep, and at the end of nothing else.
_WAKE_SLEEPER = getattr(asyncio.futures, "_set_result_unless_cancelled", None)


class _Selector(selectors.DefaultSelector):
    """Asks the loop what to do where it would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.wait: Callable[[float | None], _Ready] = self.really_wait
        self.turns = 0

    def select(self, timeout: float | None = None) -> _Ready:
        if timeout is None or timeout > 0:
            return self.wait(timeout)
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise RuntimeError(
                f"coroutines were resumed {MOST_TURNS:,} times while the clock stood: does one of them "
                "wait in a loop with asyncio.sleep(0)?"
            )
        return super().select(0)

    def really_wait(self, timeout: float | None) -> _Ready:
        return super().select(timeout)


class InlineLoop(asyncio.SelectorEventLoop):
    """An event loop that runs on the thread that moves its clock.

    Args:
        clock: Its time is this clock's monotonic one.

    Attributes:
        wakes: When it has something to do next, by that clock; inf for never, as far as it knows.
        unfinished: Whether tasks are left that wait for something.
        closing: Whether nobody moves the clock any more: the loop does, for a while.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._watched = _Selector()
        super().__init__(self._watched)
        self._own_files = set(self._watched.get_map())
        self._watched.wait = self._wait
        self._in_threads = 0
        self._sleeping: WeakSet[asyncio.Future[Any]] = WeakSet()
        self._given_up: set[object] = set()
        self._cleaning_up = CLEANING_UP
        self.wakes = math.inf
        self.unfinished = False
        self.closing = False

    def run_until_idle(self) -> None:
        """Let everything happen that can happen now.

        Raises:
            RuntimeError: Another loop runs in this thread, or a coroutine spins.
        """
        self.wakes = math.inf
        self._watched.turns = 0
        self.run_forever()

    def time(self) -> float:
        """What the clock says."""
        return self._clock.monotonic()

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in any loop; it is noted what an ``asyncio.sleep`` waits for."""
        if callback is _WAKE_SLEEPER:
            self._sleeping.update(each for each in args if isinstance(each, asyncio.Future))
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], Result], *args: *Args
    ) -> asyncio.Future[Result]:
        """As in any loop; it is counted how many threads are at work."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: object) -> None:
        self._in_threads -= 1

    # --- where another loop would wait ------------------------------------------------------------

    def _wait(self, timeout: float | None) -> _Ready:
        """Nothing is ready for so many seconds."""
        tasks = asyncio.all_tasks(self)
        events = self._watched.really_wait(self._patience(tasks, timeout))
        if events:
            self._given_up.clear()
            return events
        self._given_up = _awaited(tasks)
        if self.closing and timeout is not None and timeout <= self._cleaning_up:
            self._cleaning_up -= timeout
            self._clock.advance(timeout)
            return events
        self.unfinished = bool(tasks)
        if timeout is not None:
            self.wakes = self.time() + timeout
        self.stop()
        return events

    def _patience(self, tasks: set[asyncio.Task[Any]], timeout: float | None) -> float:
        """How many seconds of real time to wait for what the clock does not bring."""
        outside = self._in_threads or self._watched.get_map().keys() - self._own_files
        asleep = {future for future in self._sleeping if not future.done()}
        if asleep and not outside:
            return 0.0  # whoever else waits is taken to wait for the sleepers, such as in a TaskGroup
        if _awaited(tasks) - asleep <= self._given_up:
            return 0.0
        return PATIENCE if timeout is None else min(timeout, PATIENCE)


def _awaited(tasks: set[asyncio.Task[Any]]) -> set[object]:
    """What each task waits for: the same future as before means that it has not moved."""
    return {getattr(task, "_fut_waiter", task) for task in tasks}
