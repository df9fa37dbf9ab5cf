"""What tests with real threads share: jobs, workers, a timer and a lock that wait for the test."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jobtui import Run, Scheduler
from jobtui.engine.engine import Engine
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.executors.threads import ThreadExecutor
from jobtui.runtime.timer import Timer

LIMIT = 10.0  # seconds after which something that should have happened has not

Make = Callable[..., Scheduler]  # the fixture `make`


def zero() -> int:
    """Return 0."""
    return 0


def done(*runs: Run) -> None:
    """Wait for runs to end."""
    for run in runs:
        assert run.wait(LIMIT), run


def ours() -> list[str]:
    """The names of the scheduler's threads."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("jobtui-"))


def join_ours() -> None:
    """Wait until none of the scheduler's threads is left."""
    for thread in threading.enumerate():
        if thread.name.startswith("jobtui-"):
            thread.join(LIMIT)
    assert ours() == []


@contextmanager
def schedulers() -> Iterator[Make]:
    """What makes schedulers in UTC, stops them at the end, and sees that their threads end."""
    made: list[Scheduler] = []

    def make(**settings: Any) -> Scheduler:
        made.append(Scheduler(**{"pool": 2, "tz": "UTC", **settings}))
        return made[-1]

    yield make
    for each in made:
        each.stop(LIMIT)
    join_ours()


class Gate:
    """A job that says when it has begun, and waits until it is let through."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self._open = threading.Event()

    def run(self) -> str:
        """Wait to be let through."""
        self.begun.release()
        assert self._open.wait(LIMIT)
        return "through"

    def wait_begun(self, count: int = 1) -> None:
        """Wait until so many runs have begun."""
        for _ in range(count):
            assert self.begun.acquire(timeout=LIMIT)

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()


def hold(scheduler: Scheduler) -> Callable[[], None]:
    """Let a thread of its own take the lock of a scheduler. Returns what lets it go."""
    inside, leave = threading.Event(), threading.Event()

    def dawdle(_: Engine) -> None:
        inside.set()
        assert leave.wait(LIMIT)

    def let_go() -> None:
        leave.set()
        holder.join(LIMIT)

    holder = threading.Thread(target=scheduler._kernel.inspect, args=(dawdle,))
    holder.start()
    assert inside.wait(LIMIT)
    return let_go


class Waiting(ThreadExecutor):
    """Workers that are sent for and come when the test says so."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler._kernel, SystemClock())
        scheduler._kernel._executor = self
        self.sent_for = 0

    def wake_or_spawn(self) -> Callable[[], None]:
        """Count, and let nobody come."""
        self.sent_for += 1
        self.available_soon += 1
        return lambda: None


class Bell(Timer):
    """A timer that only counts how often it was woken."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0, lambda _: None, lambda: 0.0)
        self.rung = 0

    def start(self) -> None:
        """Start nothing."""

    def wake(self) -> None:
        """Count."""
        self.rung += 1


class Noting(deque[Any]):
    """An inbox that says when something is put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.filled = threading.Event()

    def append(self, item: Any, /) -> None:
        """Put something in."""
        super().append(item)
        self.filled.set()
