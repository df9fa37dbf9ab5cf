"""What it takes to register 100,000 cron jobs with 50 specs on a running scheduler: time and memory.

    python tests/benchmarks/registering.py [--quick]

Time here is absolute, so a calibration stands beside it: a fixed loop in pure Python. Memory is measured with
other jobs than time, because what counts allocations slows them; the jobs' names are part of it.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator

from peers import Row, limited, main, ours

from jobtui import Scheduler

JOBS, QUICK_JOBS = 100_000, 20_000
ROUNDS, QUICK_ROUNDS = 3, 2
LOOP = 1_000_000
SETTLED = 0.5  # seconds after which the events have been read

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


def function(number: int) -> Callable[[], int]:
    """Return one of the functions that the jobs run."""
    return lambda: number


FUNCTIONS = [function(number) for number in range(len(SPECS))]


def register(scheduler: Scheduler, jobs: int) -> None:
    """Register the jobs."""
    kinds = len(SPECS)
    for number in range(jobs):
        kind = number % kinds
        scheduler.schedule(SPECS[kind], FUNCTIONS[kind], name=f"job-{number}")


def microseconds(jobs: int) -> float:
    """Return how long each of the jobs takes."""
    with ours() as scheduler:
        began = time.perf_counter()
        register(scheduler, jobs)
        return (time.perf_counter() - began) / jobs * 1e6


def kilobytes(jobs: int) -> float:
    """Return how much memory each of the jobs takes."""
    with ours() as scheduler:
        gc.collect()
        tracemalloc.start()
        register(scheduler, jobs)
        time.sleep(SETTLED)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return taken / jobs / 1000


def calibration() -> float:
    """Return how many milliseconds a fixed loop takes."""
    began = time.perf_counter()
    total = 0
    for number in range(LOOP):
        total += number & 7
    return (time.perf_counter() - began) * 1e3


def measure(quick: bool) -> Iterator[Row]:
    """Measure time, then memory."""
    jobs, rounds = (QUICK_JOBS, QUICK_ROUNDS) if quick else (JOBS, ROUNDS)
    loops, times = [], []
    for _ in range(rounds):
        loops.append(calibration())
        times.append(microseconds(jobs))
    what = f"register {jobs:,} cron jobs with {len(SPECS)} specs, each"
    measured_with = f"calibration: {LOOP:,} turns of an empty loop in {min(loops):.0f} to {max(loops):.0f} ms"
    yield limited(f"{what}: time", "us", times, 10, peer=measured_with)
    yield limited(f"{what}: memory", "KB", [kilobytes(jobs)], 1.5)


if __name__ == "__main__":
    main(__doc__, measure)
