"""The memory that 1,000,000 one-off runs leave allocated.

    python tests/benchmarks/many_runs.py [--quick]

The first tenth of the runs fills the ledger and the readers' buffers, which are bounded. The other runs must
not add more memory than the first tenth. At most two thousand runs are unfinished at a time.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from peers import TIMEOUT, jobtui_scheduler, noop
from rows import Row, compare_with_limit, main

from jobtui import Scheduler

RUNS, QUICK_RUNS = 1_000_000, 200_000
BATCH = 1_000  # runs that are requested while the batch before may still run
SETTLE = 0.5  # seconds until the reader has read all events


def execute(scheduler: Scheduler, runs: int) -> None:
    """Request this many runs and wait for their end."""
    before = scheduler.now(noop)
    for _ in range(runs // BATCH):
        for _ in range(BATCH - 1):
            scheduler.now(noop)
        latest = scheduler.now(noop)
        if not before.wait(TIMEOUT):
            raise RuntimeError(f"{before} has not ended")
        before = latest
    before.wait(TIMEOUT)


def resident_megabytes() -> float:
    """Return the resident memory of the process."""
    time.sleep(SETTLE)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    runs = QUICK_RUNS if quick else RUNS
    with jobtui_scheduler() as scheduler:
        empty = resident_megabytes()
        execute(scheduler, runs // 10)
        filled = resident_megabytes()
        execute(scheduler, runs - runs // 10)
        growth = resident_megabytes() - filled
    limit = filled - empty
    first, rest = runs // 10, runs - runs // 10
    each = growth * 2**20 / rest
    yield compare_with_limit(
        f"memory that {rest:,} one-off runs add to the {limit:.1f} MB that the first {first:,} filled",
        "MB",
        [growth],
        round(limit, 1),
        peer=f"{each:.1f} bytes for each run",
    )


if __name__ == "__main__":
    main(__doc__, measure)
