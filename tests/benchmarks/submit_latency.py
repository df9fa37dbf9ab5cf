"""The time from the request of a run to its start, on an idle pool with warm workers.

    python tests/benchmarks/submit_latency.py [--quick]

There is one run at a time; each is requested after the pool has been idle for a short random time. jobtui and
the executor are measured in turns of many runs, because jobtui's reader of events would disturb the executor.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from peers import EXECUTOR, Submit, executor, jobtui_scheduler
from rows import Row, compare_rounds, main, percentile

ROUNDS, QUICK_ROUNDS = 11, 5
SAMPLES, QUICK_SAMPLES = 600, 300  # each round
MIN_IDLE, MAX_IDLE = 0.0005, 0.002  # seconds between two runs
POLL = 0.0002  # seconds


def latencies(submit: Submit, samples: int) -> list[float]:
    """Return the microseconds from request to start of each run."""
    rng = random.Random(2026)
    started: list[float] = []
    waited = []

    def body() -> None:
        started.append(time.perf_counter())

    for number in range(samples):
        time.sleep(rng.uniform(MIN_IDLE, MAX_IDLE))
        requested = time.perf_counter()
        submit(body)
        while len(started) == number:
            time.sleep(POLL)
        waited.append((started[number] - requested) * 1e6)
    return waited


def measure(quick: bool) -> Iterator[Row]:
    """Measure jobtui and the executor in turns."""
    rounds, samples = (QUICK_ROUNDS, QUICK_SAMPLES) if quick else (ROUNDS, SAMPLES)
    times, peer_times = [], []
    with jobtui_scheduler() as scheduler, executor() as pool:
        for _ in range(rounds):
            times.append(latencies(scheduler.now, samples))
            peer_times.append(latencies(pool.submit, samples))
    for percent, limit in ((50, 1.3), (99, 2.0)):
        yield compare_rounds(
            f"submit to start, idle pool, p{percent} of {samples}",
            "us",
            [percentile(each, percent) for each in times],
            EXECUTOR,
            [percentile(each, percent) for each in peer_times],
            at_most=limit,
        )


if __name__ == "__main__":
    main(__doc__, measure)
