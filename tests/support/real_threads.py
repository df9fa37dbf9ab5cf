"""Helpers of tests with real threads: jobs and a clock that the test controls."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jobtui import Run, Scheduler
from jobtui.runtime.clock import SystemClock

LIMIT = 60.0  # seconds to wait for something that happens at once unless there is an error

MakeScheduler = Callable[..., Scheduler]  # the fixture `make_scheduler`


def zero() -> int:
    """Return 0."""
    return 0


def assert_ended(*runs: Run) -> None:
    """Wait for runs to end, and fail if one does not."""
    for run in runs:
        assert run.wait(LIMIT), run


_threads_of_other_tests: set[threading.Thread] = set()  # that did not end when their test did


def _new_threads() -> list[threading.Thread]:
    return [
        thread
        for thread in threading.enumerate()
        # An exception in the code of `threading` can keep a thread that has ended in its list.
        if thread.name.startswith("jobtui-") and thread.is_alive() and thread not in _threads_of_other_tests
    ]


def jobtui_threads() -> list[str]:
    """Return the names of the threads of the test's schedulers."""
    return sorted(thread.name for thread in _new_threads())


def assert_no_threads_left() -> None:
    """Wait for the threads of schedulers to end, and fail if one does not: this test, but no later one."""
    joined: set[threading.Thread] = set()
    while new := set(_new_threads()) - joined:  # a thread may have started another one before its end
        for thread in new:
            thread.join(LIMIT)
        joined |= new
    left = _new_threads()
    _threads_of_other_tests.update(left)
    assert not left, f"these threads do not end: {[thread.name for thread in left]}"


@contextmanager
def scheduler_factory() -> Iterator[MakeScheduler]:
    """Yield a function that makes schedulers in UTC; at the end, stop them and check that no thread lives."""
    made: list[Scheduler] = []
    _threads_of_other_tests.update(_new_threads())  # of tests that do not check their threads

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


class HoldingClock:
    """The machine's clock, which can hold up the next change of a scheduler while its state lock is held.

    Attributes:
        during_change: Called once, in the next change, by a thread of the scheduler; None for nothing.
    """

    monotonic = staticmethod(SystemClock.monotonic)

    def __init__(self) -> None:
        self.during_change: Callable[[], object] | None = None

    def now(self) -> float:
        """Return the time. The kernel reads it first of all in every change."""
        if self.during_change is not None and threading.current_thread().name.startswith("jobtui-"):
            during_change, self.during_change = self.during_change, None
            during_change()
        return SystemClock.now()

    def hold_lock(self, scheduler: Scheduler) -> Callable[[], None]:
        """Have a thread of a started scheduler hold its state lock. Returns what releases the lock."""
        held, release = threading.Event(), threading.Event()

        def block() -> None:
            held.set()
            assert release.wait(LIMIT)

        def release_lock() -> None:
            release.set()
            asking.join(LIMIT)

        self.during_change = block
        asking = threading.Thread(target=scheduler.pool_view, daemon=True)
        asking.start()
        assert held.wait(LIMIT)
        return release_lock

    def call_during_change(self, scheduler: Scheduler, function: Callable[[], Any]) -> Any:
        """Return what a function returns or raises that is called in the middle of a change.

        A destructor may be: the garbage collector calls it in any thread, at any point.
        """
        results: list[Any] = []

        def call() -> None:
            try:
                results.append(function())
            except RuntimeError as error:
                results.append(error)

        self.during_change = call
        scheduler.pool_view()
        return results[0]
