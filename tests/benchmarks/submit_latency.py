"""The time from the request of a run to its start, on an idle pool with warm workers.

    python tests/benchmarks/submit_latency.py [--quick]

There is one run at a time; each is requested after the pool has been idle for a short random time. jobtui and
the executor are measured in turns of many runs, because jobtui's reader of events would disturb the executor.
Each turn measures one function that is requested again and again, then a new closure for each run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from peers import EXECUTOR, Body, Submit, executor, jobtui_scheduler
from rows import Row, compare_rounds, main, percentile

ROUNDS, QUICK_ROUNDS = 11, 5
SAMPLES, QUICK_SAMPLES = 600, 300  # each round
MIN_IDLE, MAX_IDLE = 0.0005, 0.002  # seconds between two runs
POLL = 0.0002  # seconds


def make_body(started: list[float]) -> Body:
    """Return a function that records when it starts."""
    return lambda: started.append(time.perf_counter())


def latencies(submit: Submit, samples: int, *, new_closures: bool) -> list[float]:
    """Return the microseconds from request to start of each run."""
    rng = random.Random(2026)
    started: list[float] = []
    waited = []
    body = make_body(started)
    for number in range(samples):
        if new_closures:
            body = make_body(started)
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
    times: dict[bool, list[list[float]]] = {False: [], True: []}
    peer_times: dict[bool, list[list[float]]] = {False: [], True: []}
    with jobtui_scheduler() as scheduler, executor() as pool:
        for _ in range(rounds):
            for new_closures in (False, True):
                times[new_closures].append(latencies(scheduler.now, samples, new_closures=new_closures))
                peer_times[new_closures].append(latencies(pool.submit, samples, new_closures=new_closures))
    for new_closures, percent, limit in ((False, 50, 1.3), (False, 99, 2.0), (True, 50, 1.2)):
        function = "a new closure each time" if new_closures else "idle pool"
        yield compare_rounds(
            f"submit to start, {function}, p{percent} of {samples}",
            "us",
            [percentile(each, percent) for each in times[new_closures]],
            EXECUTOR,
            [percentile(each, percent) for each in peer_times[new_closures]],
            at_most=limit,
        )


if __name__ == "__main__":
    main(__doc__, measure)
