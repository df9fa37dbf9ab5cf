"""Helpers of tests with real threads: jobs, an executor and a timer that the test controls."""

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

LIMIT = 10.0  # seconds to wait for something that happens at once unless there is an error

MakeScheduler = Callable[..., Scheduler]  # the fixture `make_scheduler`


def zero() -> int:
    """Return 0."""
    return 0


def assert_ended(*runs: Run) -> None:
    """Wait for runs to end, and fail if one does not."""
    for run in runs:
        assert run.wait(LIMIT), run


def jobtui_threads() -> list[str]:
    """Return the names of the threads of schedulers."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("jobtui-"))


def assert_no_threads_left() -> None:
    """Wait for the threads of schedulers to end, and fail if one does not."""
    for thread in threading.enumerate():
        if thread.name.startswith("jobtui-"):
            thread.join(LIMIT)
    assert jobtui_threads() == []


@contextmanager
def scheduler_factory() -> Iterator[MakeScheduler]:
    """Yield a function that makes schedulers in UTC; at the end, stop them and check that no thread lives."""
    made: list[Scheduler] = []

    def make_scheduler(**settings: Any) -> Scheduler:
        made.append(Scheduler(**{"pool": 2, "tz": "UTC", **settings}))
        return made[-1]

    yield make_scheduler
    for each in made:
        each.stop(LIMIT)
    assert_no_threads_left()


class BlockingJob:
    """A job that reports that it has started, and blocks until it is released."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self._released = threading.Event()

    def run(self) -> str:
        """Block until the job is released."""
        self.started.release()
        assert self._released.wait(LIMIT)
        return "released"

    def wait_started(self, count: int = 1) -> None:
        """Wait for so many runs to start."""
        for _ in range(count):
            assert self.started.acquire(timeout=LIMIT)

    def release(self) -> None:
        """Let every run of this job end, now and later."""
        self._released.set()


def hold_lock(scheduler: Scheduler) -> Callable[[], None]:
    """Take the state lock of a scheduler in another thread. Returns what releases it."""
    held, release = threading.Event(), threading.Event()

    def block(_: Engine) -> None:
        held.set()
        assert release.wait(LIMIT)

    def release_lock() -> None:
        release.set()
        holder.join(LIMIT)

    holder = threading.Thread(target=scheduler._kernel.inspect, args=(block,))
    holder.start()
    assert held.wait(LIMIT)
    return release_lock


class ManualExecutor(ThreadExecutor):
    """An executor that wakes no worker: the test calls the kernel in a worker's place.

    Attributes:
        wake_ups: How many workers would have been woken or spawned.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler._kernel, SystemClock())
        scheduler._kernel._executor = self
        self.wake_ups = 0

    def wake_or_spawn(self) -> Callable[[], None]:
        """Count the wake-up, and wake no worker."""
        self.wake_ups += 1
        self.available_soon += 1
        return lambda: None


class FakeTimer(Timer):
    """A timer without a thread, which counts how often it is woken."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0, lambda _: None, lambda: 0.0)
        self.wake_ups = 0

    def start(self) -> None:
        """Start no thread."""

    def wake(self) -> None:
        """Count the wake-up."""
        self.wake_ups += 1


class NotifyingDeque(deque[Any]):
    """A deque that sets an event when an item is appended."""

    def __init__(self) -> None:
        super().__init__()
        self.appended = threading.Event()

    def append(self, item: Any, /) -> None:
        """Append an item and set the event."""
        super().append(item)
        self.appended.set()
