"""50,000 functions that do nothing, requested by one thread, on a pool of 10: the time until all have ended.

    python tests/benchmarks/now_burst.py [--quick]

The last function sets an event, with jobtui and with each peer. The slower peers get fewer functions, and
their time is scaled. That favours APScheduler, whose time grows faster than the number of its jobs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from peers import (
    APSCHEDULER,
    EXECUTOR,
    HUEY,
    TIMEOUT,
    Submit,
    apscheduler,
    executor,
    jobtui_scheduler,
    memory_huey,
    noop,
)
from rows import Row, compare_rounds, main

RUNS, QUICK_RUNS = 50_000, 20_000
ROUNDS, QUICK_ROUNDS = 15, 5
FEWER = 10  # the slower peers get a tenth of the runs


def time_burst(submit: Submit, runs: int) -> float:
    """Return the microseconds per run."""
    done = threading.Event()
    began = time.perf_counter()
    for _ in range(runs - 1):
        submit(noop)
    submit(done.set)
    if not done.wait(TIMEOUT):
        raise RuntimeError("the last run has not ended")
    return (time.perf_counter() - began) / runs * 1e6


def measure(quick: bool) -> Iterator[Row]:
    """Measure jobtui and the peers in turns; each is started for its turn and stopped after it."""
    runs, rounds = (QUICK_RUNS, QUICK_ROUNDS) if quick else (RUNS, ROUNDS)
    fewer = runs // FEWER
    times: list[float] = []
    peer_times: dict[str, list[float]] = {EXECUTOR: [], APSCHEDULER: [], HUEY: []}
    for _ in range(rounds):
        with jobtui_scheduler() as scheduler:
            times.append(time_burst(scheduler.now, runs))
        with executor() as pool:
            peer_times[EXECUTOR].append(time_burst(pool.submit, runs))
        with apscheduler() as peer:
            peer_times[APSCHEDULER].append(time_burst(peer.add_job, fewer))
        with memory_huey() as submit:
            peer_times[HUEY].append(time_burst(submit, fewer))
    measured = f"`now`, {runs:,} functions that do nothing: each"
    yield compare_rounds(measured, "us", times, EXECUTOR, peer_times[EXECUTOR], at_least=3)
    scaled = f"{measured} (the peer runs {fewer:,}, scaled)"
    yield compare_rounds(scaled, "us", times, APSCHEDULER, peer_times[APSCHEDULER], at_least=12)
    yield compare_rounds(scaled, "us", times, HUEY, peer_times[HUEY])


if __name__ == "__main__":
    main(__doc__, measure)
