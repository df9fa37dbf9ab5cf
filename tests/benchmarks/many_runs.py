"""How much memory 1,000,000 one-off runs leave behind.

    python tests/benchmarks/many_runs.py [--quick]

The first tenth fills the history and the readers' queues, which are bounded; what comes after may add no more
than that did. Runs are asked for no faster than they end: two thousand are outstanding at most.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from peers import PATIENCE, Row, limited, main, noop, ours

from jobtui import Scheduler

RUNS, QUICK_RUNS = 1_000_000, 200_000
BATCH = 1_000  # one batch is asked for while the one before it may still run
SETTLED = 0.5  # seconds after which the events have been read


def run(scheduler: Scheduler, runs: int) -> None:
    """Let so many runs come and go."""
    before = scheduler.now(noop)
    for _ in range(runs // BATCH):
        for _ in range(BATCH - 1):
            scheduler.now(noop)
        latest = scheduler.now(noop)
        if not before.wait(PATIENCE):
            raise RuntimeError(f"{before} has not ended")
        before = latest
    before.wait(PATIENCE)


def megabytes() -> float:
    """Return how much of the process is in memory."""
    time.sleep(SETTLED)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measure(quick: bool) -> Iterator[Row]:
    """Measure once."""
    runs = QUICK_RUNS if quick else RUNS
    with ours() as scheduler:
        empty = megabytes()
        run(scheduler, runs // 10)
        filled = megabytes()
        run(scheduler, runs - runs // 10)
        growth = megabytes() - filled
    history = filled - empty
    first, rest = runs // 10, runs - runs // 10
    each = growth * 2**20 / rest
    yield limited(
        f"memory: what {rest:,} one-off runs add to the {history:.1f} MB that the first {first:,} filled",
        "MB",
        [growth],
        round(history, 1),
        peer=f"{each:.1f} bytes for each run",
    )


if __name__ == "__main__":
    main(__doc__, measure)
