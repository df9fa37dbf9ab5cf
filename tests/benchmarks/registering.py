"""100,000 cron jobs with 50 specs are registered on a running scheduler: time and memory.

    python tests/benchmarks/registering.py [--quick]

The time is absolute, so the time of a fixed loop in pure Python is shown with it. Time and memory are
measured in separate rounds, because tracing allocations takes time. The memory includes the jobs' names.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator

from peers import jobtui_scheduler
from rows import Row, compare_with_limit, main

from jobtui import Scheduler

JOBS, QUICK_JOBS = 100_000, 20_000
ROUNDS, QUICK_ROUNDS = 3, 2
LOOP = 1_000_000
SETTLE = 0.5  # seconds until the reader has read all events

SPECS = [
    spec
    for number in range(10)
    for spec in (
        f"0 {number} * * * *",
        f"0 {number * 5} 4 * * *",
        f"0 */15 9-{number + 10} ? * MON-FRI",
        f"0 30 {number} 1,15 * ?",
        f"{number} 0 0 ? JAN-JUN SUN",
    )
]


def make_function(number: int) -> Callable[[], int]:
    """Return a function for jobs to run."""
    return lambda: number


FUNCTIONS = [make_function(number) for number in range(len(SPECS))]


def register(scheduler: Scheduler, jobs: int) -> None:
    """Register the jobs."""
    kinds = len(SPECS)
    for number in range(jobs):
        kind = number % kinds
        scheduler.schedule(SPECS[kind], FUNCTIONS[kind], name=f"job-{number}")


def microseconds_per_job(jobs: int) -> float:
    """Return the time to register one of these jobs."""
    with jobtui_scheduler() as scheduler:
        began = time.perf_counter()
        register(scheduler, jobs)
        return (time.perf_counter() - began) / jobs * 1e6


def kilobytes_per_job(jobs: int) -> float:
    """Return the memory of one of these jobs."""
    with jobtui_scheduler() as scheduler:
        gc.collect()
        tracemalloc.start()
        register(scheduler, jobs)
        time.sleep(SETTLE)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size / jobs / 1000


def time_loop() -> float:
    """Return the milliseconds of a fixed loop."""
    began = time.perf_counter()
    total = 0
    for number in range(LOOP):
        total += number & 7
    return (time.perf_counter() - began) * 1e3


def measure(quick: bool) -> Iterator[Row]:
    """Measure the time, then the memory."""
    jobs, rounds = (QUICK_JOBS, QUICK_ROUNDS) if quick else (JOBS, ROUNDS)
    loops, times = [], []
    for _ in range(rounds):
        loops.append(time_loop())
        times.append(microseconds_per_job(jobs))
    measured = f"register {jobs:,} cron jobs with {len(SPECS)} specs, each"
    loop = f"{LOOP:,} turns of an empty loop: {min(loops):.0f} to {max(loops):.0f} ms"
    yield compare_with_limit(f"{measured}: time", "us", times, 10, peer=loop)
    yield compare_with_limit(f"{measured}: memory", "KB", [kilobytes_per_job(jobs)], 1.5)


if __name__ == "__main__":
    main(__doc__, measure)
