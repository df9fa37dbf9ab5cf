"""1,000 jobs of which none is due: how often the process wakes, and how much CPU time it takes.

    python tests/benchmarks/idle.py [--quick]

A wake-up is a voluntary context switch of any thread of the process, as Linux counts them. One is subtracted:
that of the measuring thread when it begins to sleep.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from peers import jobtui_scheduler, noop
from rows import Row, compare_with_limit, main

JOBS = 1_000
SECONDS, QUICK_SECONDS = 20.0, 6.0
SETTLE = 2.0  # seconds until the reader has read all events
COUNTER = "voluntary_ctxt_switches:"


def count_wakeups() -> int:
    """Return how often threads of the process have begun to sleep."""
    lines = (line for task in Path("/proc/self/task").iterdir() for line in (task / "status").open())
    return sum(int(line.removeprefix(COUNTER)) for line in lines if line.startswith(COUNTER))


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    seconds = QUICK_SECONDS if quick else SECONDS
    with jobtui_scheduler() as scheduler:
        now = datetime.now(UTC)
        minute, hour = (now.minute + 30) % 60, (now.hour + 12) % 24  # neither begins during the measurement
        for number in range(JOBS):
            spec = f"{number % 60} {minute} {hour if number % 2 else '*'} * * *"
            scheduler.schedule(spec, noop, name=f"job-{number}")
        time.sleep(SETTLE)
        before, cpu = count_wakeups(), time.process_time()
        time.sleep(seconds)
        cpu, after = time.process_time() - cpu, count_wakeups()
    measured = f"{JOBS:,} jobs of which none is due, for {seconds:g} s"
    yield compare_with_limit(
        f"{measured}: wake-ups of all threads", "wake-ups", [float(after - before - 1)], 5
    )
    yield compare_with_limit(f"{measured}: CPU", "%", [cpu / seconds * 100], 0.1)


if __name__ == "__main__":
    main(__doc__, measure)
