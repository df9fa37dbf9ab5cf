"""The schedulers and executors that the benchmarks compare, each started and with warm workers.

Whenever jobtui is measured, events, the ledger and one subscription are on: a reader is notified of changes
and reads every event, 15 times a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC
from heapq import heappush, heapreplace
from importlib import import_module
from itertools import count
from typing import Any

from jobtui import Scheduler

WORKERS = 10
READS_PER_SECOND = 15  # more often than a dashboard
HUEY_DELAY = 0.01  # seconds between polls; with ten idle workers, a shorter delay costs more than it gains
TIMEOUT = 60.0  # seconds for everything that is waited for

JOBTUI = "jobtui"
EXECUTOR, BARE_TIMER, APSCHEDULER, HUEY = "ThreadPoolExecutor", "bare timer", "APScheduler 3", "huey"

Body = Callable[[], object]
Submit = Callable[[Body], object]


@contextmanager
def jobtui_scheduler() -> Iterator[Scheduler]:
    """Yield a scheduler of jobtui whose events are read."""
    with Scheduler(pool=WORKERS, tz="UTC") as scheduler, _event_reader(scheduler):
        warm(scheduler.now)
        yield scheduler


@contextmanager
def _event_reader(scheduler: Scheduler) -> Iterator[None]:
    changed = threading.Event()
    subscription = scheduler.subscribe(changed.set)
    closed = False

    def read() -> None:
        while True:
            changed.wait()
            if closed:
                return
            changed.clear()
            deque(subscription.read(), maxlen=0)  # iterate over the events and drop them
            time.sleep(1 / READS_PER_SECOND)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    finally:
        subscription.close()
        closed = True
        changed.set()
        reader.join()


@contextmanager
def executor() -> Iterator[ThreadPoolExecutor]:
    """Yield the pool of the standard library."""
    with ThreadPoolExecutor(WORKERS) as pool:
        warm(pool.submit)
        yield pool


class BareTimer:
    """The smallest possible scheduler: a thread with a heap that feeds a ThreadPoolExecutor."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._submit = pool.submit
        self._heap: list[tuple[float, int, Body]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def every_second(self, first: float, body: Body) -> None:
        """Submit `body` every second from an instant on, in seconds since the epoch."""
        with self._changed:
            heappush(self._heap, (first, next(self._order), body))
            self._changed.notify()

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        heap = self._heap
        with self._changed:
            while not self._stopped:
                now = time.time()
                while heap and heap[0][0] <= now:
                    due, order, body = heap[0]
                    heapreplace(heap, (due + 1.0, order, body))
                    self._submit(body)
                self._changed.wait(max(0.0, heap[0][0] - time.time()) if heap else None)


@contextmanager
def bare_timer() -> Iterator[BareTimer]:
    """Yield a bare timer."""
    with executor() as pool:
        timer = BareTimer(pool)
        try:
            yield timer
        finally:
            timer.stop()


@contextmanager
def apscheduler() -> Iterator[Any]:
    """Yield a BackgroundScheduler with its jobs in memory, a pool of the same size, and no log.

    It drops no run for being late or for overlapping.
    """
    # Imported by name: it has no type information, and the other benchmarks work without it.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL + 1)
    pool = import_module("apscheduler.executors.pool").ThreadPoolExecutor(WORKERS)
    scheduler = import_module("apscheduler.schedulers.background").BackgroundScheduler(
        executors={"default": pool},
        job_defaults={"misfire_grace_time": None, "max_instances": 1000, "coalesce": False},
        timezone=UTC,
    )
    scheduler.start()
    warm(scheduler.add_job)
    try:
        yield scheduler
    finally:
        scheduler.shutdown()


@contextmanager
def memory_huey() -> Iterator[Submit]:
    """Yield the submit function of a MemoryHuey without results; its consumer has threads in this process."""
    api = import_module("huey").MemoryHuey(results=False)
    consumer = api.create_consumer(
        workers=WORKERS, initial_delay=HUEY_DELAY, max_delay=HUEY_DELAY, backoff=1.0, periodic=False
    )
    tasks: dict[Body, Body] = {}

    def submit(body: Body) -> object:
        task = tasks.get(body)
        if task is None:
            task = tasks[body] = api.task(name=f"task-{len(tasks)}")(body)
        return task()

    workers = [worker for _, worker in consumer.worker_threads]
    for worker in workers:  # not consumer.start(), which installs signal handlers
        worker.start()
    warm(submit)
    try:
        yield submit
    finally:
        consumer.stop_flag.set()
        for worker in workers:
            worker.join()


def noop() -> None:
    """Do nothing."""


def warm(submit: Submit) -> None:
    """Make the pool start all of its workers: submit functions that return once all of them have started."""
    barrier = threading.Barrier(WORKERS + 1)

    def wait_for_others() -> None:
        barrier.wait(TIMEOUT)

    for _ in range(WORKERS):
        submit(wait_for_others)
    barrier.wait(TIMEOUT)
    time.sleep(0.05)  # until all workers are idle again
