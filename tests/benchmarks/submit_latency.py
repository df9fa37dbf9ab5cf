"""How long after it was asked for a run starts, on an idle pool with warm workers.

    python tests/benchmarks/submit_latency.py [--quick]

One run at a time: the next is asked for once the pool has been idle for a short, varied while. Ours and the
peer take turns in blocks, because our reader would disturb the peer if they took turns run by run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from peers import EXECUTOR, Row, Submit, compared, executor, main, ours, percentile

ROUNDS, QUICK_ROUNDS = 11, 5
SAMPLES, QUICK_SAMPLES = 600, 300  # each round
SHORTEST, LONGEST = 0.0005, 0.002  # seconds between two runs
LOOK_AGAIN = 0.0002  # seconds


def latencies(submit: Submit, samples: int) -> list[float]:
    """Return how many microseconds each of some runs had to wait."""
    rng = random.Random(2026)
    started: list[float] = []
    taken = []

    def body() -> None:
        started.append(time.perf_counter())

    for number in range(samples):
        time.sleep(rng.uniform(SHORTEST, LONGEST))
        asked = time.perf_counter()
        submit(body)
        while len(started) == number:
            time.sleep(LOOK_AGAIN)
        taken.append((started[number] - asked) * 1e6)
    return taken


def measure(quick: bool) -> Iterator[Row]:
    """Measure in turns."""
    rounds, samples = (QUICK_ROUNDS, QUICK_SAMPLES) if quick else (ROUNDS, SAMPLES)
    mine, theirs = [], []
    with ours() as scheduler, executor() as pool:
        for _ in range(rounds):
            mine.append(latencies(scheduler.now, samples))
            theirs.append(latencies(pool.submit, samples))
    for percent, limit in ((50, 1.3), (99, 2.0)):
        yield compared(
            f"submit to start, idle pool, p{percent} of {samples}",
            "us",
            [percentile(each, percent) for each in mine],
            EXECUTOR,
            [percentile(each, percent) for each in theirs],
            at_most=limit,
        )


if __name__ == "__main__":
    main(__doc__, measure)
