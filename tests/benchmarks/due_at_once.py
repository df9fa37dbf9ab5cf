"""10,000 one-off runs that are due at one instant: the time until the last of them has started.

    python tests/benchmarks/due_at_once.py [--quick]

The runs of jobtui are requested in advance; their time begins at the instant at which they are due, so it
includes the lateness of the timer. The executor has no timer; its time begins with the first submit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from peers import EXECUTOR, TIMEOUT, Body, executor, jobtui_scheduler
from rows import Row, compare_rounds, main

RUNS = 10_000
ROUNDS, QUICK_ROUNDS = 9, 3
AHEAD = 2.0  # seconds in which the runs are requested and the workers become idle


def make_body(starts: list[float]) -> Body:
    """Return a function that records when it starts."""
    return lambda: starts.append(time.time())


def wait_for_last(starts: list[float], instant: float) -> float:
    """Wait for all starts; return the milliseconds from the instant to the last of them."""
    deadline = time.time() + TIMEOUT
    while len(starts) < RUNS and time.time() < deadline:
        time.sleep(0.01)
    if len(starts) != RUNS:
        raise RuntimeError(f"{len(starts)} runs started, not {RUNS}")
    return (max(starts) - instant) * 1e3


def time_jobtui() -> float:
    """Measure one round of jobtui."""
    starts: list[float] = []
    body = make_body(starts)
    with jobtui_scheduler() as scheduler:
        instant = time.time() + AHEAD
        due = datetime.fromtimestamp(instant, UTC)
        for _ in range(RUNS):
            scheduler.at(due, body)
        if time.time() > instant - AHEAD / 4:
            raise RuntimeError("requesting the runs took too long")
        time.sleep(instant - time.time())
        return wait_for_last(starts, instant)


def time_executor() -> float:
    """Measure one round of the executor."""
    starts: list[float] = []
    body = make_body(starts)
    with executor() as pool:
        instant = time.time()
        for _ in range(RUNS):
            pool.submit(body)
        return wait_for_last(starts, instant)


def measure(quick: bool) -> Iterator[Row]:
    """Measure jobtui and the executor in turns."""
    times, peer_times = [], []
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        times.append(time_jobtui())
        peer_times.append(time_executor())
    measured = f"{RUNS:,} one-off runs due at one instant, until the last has started"
    yield compare_rounds(measured, "ms", times, EXECUTOR, peer_times, at_most=0.5)


if __name__ == "__main__":
    main(__doc__, measure)
