"""What 1,000 jobs cost of which none is due: how often the process wakes, and how much CPU it takes.

    python tests/benchmarks/idle.py [--quick]

A wake-up is a voluntary context switch of any of the process's threads, as Linux counts them; one is
subtracted, with which the thread that measures goes to sleep.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from peers import Row, limited, main, noop, ours

JOBS = 1_000
SECONDS, QUICK_SECONDS = 20.0, 6.0
SETTLED = 2.0  # seconds after which the events have been read
COUNTER = "voluntary_ctxt_switches:"


def wakeups() -> int:
    """Return how often any thread of the process has gone to sleep."""
    lines = (line for task in Path("/proc/self/task").iterdir() for line in (task / "status").open())
    return sum(int(line.removeprefix(COUNTER)) for line in lines if line.startswith(COUNTER))


def measure(quick: bool) -> Iterator[Row]:
    """Measure once."""
    seconds = QUICK_SECONDS if quick else SECONDS
    with ours() as scheduler:
        now = datetime.now(UTC)
        minute, hour = (now.minute + 30) % 60, (now.hour + 12) % 24  # neither comes while it is measured
        for number in range(JOBS):
            spec = f"{number % 60} {minute} {hour if number % 2 else '*'} * * *"
            scheduler.schedule(spec, noop, name=f"job-{number}")
        time.sleep(SETTLED)
        before, cpu = wakeups(), time.process_time()
        time.sleep(seconds)
        cpu, after = time.process_time() - cpu, wakeups()
    what = f"{JOBS:,} jobs of which none is due, for {seconds:g} s"
    yield limited(f"{what}: wake-ups of all threads", "wake-ups", [float(after - before - 1)], 5)
    yield limited(f"{what}: CPU", "%", [cpu / seconds * 100], 0.1)


if __name__ == "__main__":
    main(__doc__, measure)
