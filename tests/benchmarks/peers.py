"""What the benchmarks share: who is measured, how results are compared, and how they are told.

In all that is measured of ours, events, history and one subscription are on: a reader is woken by the
notify callback and goes through every event there is, 15 times a second.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC
from heapq import heappush, heapreplace
from importlib import import_module
from itertools import count
from typing import Any

from jobtui import Scheduler

WORKERS = 10
READS_PER_SECOND = 15  # as often as a dashboard looks, and more
HUEY_DELAY = 0.01  # seconds; with ten idle workers, to poll more often costs more than it gains
NAPS, NAP = 1_000, 0.001  # how many, and seconds
PATIENCE = 60.0  # seconds after which what was waited for will not come

EXECUTOR, BARE, APSCHEDULER, HUEY = "ThreadPoolExecutor", "bare timer", "APScheduler 3", "huey"

Body = Callable[[], object]
Submit = Callable[[Body], object]


# --- who is measured ------------------------------------------------------------------------------


@contextmanager
def ours() -> Iterator[Scheduler]:
    """A started scheduler whose events are read, with warm workers."""
    with Scheduler(pool=WORKERS, tz="UTC") as scheduler, _read(scheduler):
        warm(scheduler.now)
        yield scheduler


@contextmanager
def _read(scheduler: Scheduler) -> Iterator[None]:
    changed = threading.Event()
    subscription = scheduler.subscribe(changed.set)
    closed = False

    def read() -> None:
        while True:
            changed.wait()
            if closed:
                return
            changed.clear()
            deque(subscription.read(), maxlen=0)  # each event is looked at, and let go
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
    """The standard library's pool, with warm workers."""
    with ThreadPoolExecutor(WORKERS) as pool:
        warm(pool.submit)
        yield pool


class BareTimer:
    """The least that can be called a scheduler: a thread with a heap feeds a ThreadPoolExecutor."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._submit = pool.submit
        self._heap: list[tuple[float, int, Body]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def every_second(self, first: float, body: Body) -> None:
        """Submit something every second from an instant on, in seconds since the epoch."""
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
    """A bare timer, with warm workers."""
    with executor() as pool:
        timer = BareTimer(pool)
        try:
            yield timer
        finally:
            timer.stop()


@contextmanager
def apscheduler() -> Iterator[Any]:
    """A BackgroundScheduler with its jobs in memory, a pool of the same size, and nothing logged.

    No run of it is dropped for being late, and none for another run of its job.
    """
    # Imported by name: it has no type information, and who runs the other benchmarks need not have it.
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
    """A MemoryHuey without results, and a consumer with threads in this process; yields its submit."""
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
    for worker in workers:  # and not the consumer's start(), which takes over the process's signals
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
    """Let every worker be there: so many bodies that end only once all have begun."""
    together = threading.Barrier(WORKERS + 1)

    def meet() -> None:
        together.wait(PATIENCE)

    for _ in range(WORKERS):
        submit(meet)
    together.wait(PATIENCE)
    time.sleep(0.05)  # until they rest


# --- what came of it ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; ``met`` is None for what is only shown."""

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


def compared(
    what: str,
    unit: str,
    ours: list[float],
    peer: str,
    theirs: list[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Row:
    """Compare rounds pair by pair: the median of the ratios counts, their range shows how sure it is.

    Args:
        what: What was measured.
        unit: What the numbers are; less is better.
        ours: Our rounds.
        peer: Whose the others are.
        theirs: The peer's rounds, each measured right after ours.
        at_least: How many times as fast as the peer we have to be.
        at_most: What share of the peer's number ours may be.
    """
    share = at_most is not None
    ratios = [o / t if share else t / o for o, t in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    target, met = "", None
    if at_most is not None:
        target, met = f"<= {at_most:g} of the peer's", ratio <= at_most
    elif at_least is not None:
        target, met = f">= {at_least:g}x as fast", ratio >= at_least
    return Row(
        what=what,
        ours=_shown(ours, unit),
        peer=f"{peer}: {_shown(theirs, unit)}",
        ratio=f"{ratio:.3g}{'' if share else 'x'} ({min(ratios):.3g} to {max(ratios):.3g})",
        target=target,
        met=met,
    )


def limited(what: str, unit: str, values: list[float], at_most: float, peer: str = "") -> Row:
    """Compare the median of some rounds with a limit."""
    spread = f" ({min(values):.4g} to {max(values):.4g})" if len(values) > 1 else ""
    return Row(
        what=what,
        ours=_shown(values, unit) + spread,
        peer=peer,
        target=f"<= {at_most:g} {unit}",
        met=statistics.median(values) <= at_most,
    )


def none_astray(what: str, astray: int, of: int, peer: str = "") -> Row:
    """Require that of so many none went wrong."""
    return Row(what=what, ours=f"{astray:,} of {of:,}", peer=peer, target="none", met=not astray)


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def naps() -> str:
    """Say how late a thread wakes that only sleeps, on this machine now: what no lateness can be below."""
    late = []
    for _ in range(NAPS):
        began = time.perf_counter()
        time.sleep(NAP)
        late.append((time.perf_counter() - began - NAP) * 1e3)
    return f"a mere sleep, before: p50 {percentile(late, 50):.2g}, p99 {percentile(late, 99):.2g} ms"


def table(rows: list[Row]) -> str:
    """Return the rows as a table in markdown."""
    head = "| measured | ours | peer | ratio: median (range) | target | met |\n|---|---|---|---|---|---|\n"
    met = {True: "yes", False: "**NO**", None: ""}
    return head + "\n".join(
        f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.target} | {met[row.met]} |"
        for row in rows
    )


def main(about: str | None, measure: Callable[[bool], Iterator[Row]]) -> None:
    """Measure and print one script's rows; the exit status is 1 if a target is missed.

    Args:
        about: The script's docstring.
        measure: Yields its rows, given whether to be quick.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="measure less, so with more noise")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each row")
    options = parser.parse_args()
    rows = list(measure(options.quick))
    print("\n".join(json.dumps(asdict(row)) for row in rows) if options.json else table(rows))
    sys.exit(any(row.met is False for row in rows))


def _shown(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.4g} {unit}"
