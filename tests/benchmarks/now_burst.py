"""How long 50,000 no-ops take that are asked for from one thread, until all have ended, through a pool of 10.

    python tests/benchmarks/now_burst.py [--quick]

The last of them sets an event, for ours and the peers alike. The slower peers get fewer runs, and their time
is scaled; APScheduler's grows faster than its number of jobs, so that favours it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from peers import (
    APSCHEDULER,
    EXECUTOR,
    HUEY,
    PATIENCE,
    Row,
    Submit,
    apscheduler,
    compared,
    executor,
    main,
    memory_huey,
    noop,
    ours,
)

RUNS, QUICK_RUNS = 50_000, 20_000
ROUNDS, QUICK_ROUNDS = 15, 5
FEWER = 10  # the slower peers get a tenth


def burst(submit: Submit, runs: int) -> float:
    """Return the microseconds that each of some runs takes."""
    done = threading.Event()
    began = time.perf_counter()
    for _ in range(runs - 1):
        submit(noop)
    submit(done.set)
    if not done.wait(PATIENCE):
        raise RuntimeError("the last run has not ended")
    return (time.perf_counter() - began) / runs * 1e6


def measure(quick: bool) -> Iterator[Row]:
    """Measure in turns; each contestant is there only for its turn."""
    runs, rounds = (QUICK_RUNS, QUICK_ROUNDS) if quick else (RUNS, ROUNDS)
    fewer = runs // FEWER
    mine: list[float] = []
    theirs: dict[str, list[float]] = {EXECUTOR: [], APSCHEDULER: [], HUEY: []}
    for _ in range(rounds):
        with ours() as scheduler:
            mine.append(burst(scheduler.now, runs))
        with executor() as pool:
            theirs[EXECUTOR].append(burst(pool.submit, runs))
        with apscheduler() as peer:
            theirs[APSCHEDULER].append(burst(peer.add_job, fewer))
        with memory_huey() as submit:
            theirs[HUEY].append(burst(submit, fewer))
    what = f"`now` x {runs:,} no-ops, each"
    yield compared(what, "us", mine, EXECUTOR, theirs[EXECUTOR], at_least=3)
    scaled = f"{what} (the peer: {fewer:,}, scaled)"
    yield compared(scaled, "us", mine, APSCHEDULER, theirs[APSCHEDULER], at_least=12)
    yield compared(scaled, "us", mine, HUEY, theirs[HUEY])


if __name__ == "__main__":
    main(__doc__, measure)
