"""How long it takes until the last of 10,000 one-off runs has started that are due at one instant.

    python tests/benchmarks/due_at_once.py [--quick]

Ours are registered beforehand, and the clock runs from their instant, so that the timer's lateness counts.
The peer submits 10,000 then, and its clock runs from its first submit, so that its lateness does not count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from peers import EXECUTOR, PATIENCE, Body, Row, compared, executor, main, ours

RUNS = 10_000
ROUNDS, QUICK_ROUNDS = 9, 3
AHEAD = 2.0  # seconds in which to register the runs and let the workers go to rest


def stamped(starts: list[float]) -> Body:
    """Return a body that notes when it starts."""
    return lambda: starts.append(time.time())


def until_last(starts: list[float], instant: float) -> float:
    """Wait for every start; return the milliseconds from the instant to the last of them."""
    deadline = time.time() + PATIENCE
    while len(starts) < RUNS and time.time() < deadline:
        time.sleep(0.01)
    if len(starts) != RUNS:
        raise RuntimeError(f"{len(starts)} runs started, not {RUNS}")
    return (max(starts) - instant) * 1e3


def of_ours() -> float:
    """Measure ours once."""
    starts: list[float] = []
    body = stamped(starts)
    with ours() as scheduler:
        instant = time.time() + AHEAD
        due = datetime.fromtimestamp(instant, UTC)
        for _ in range(RUNS):
            scheduler.at(due, body)
        if time.time() > instant - AHEAD / 4:
            raise RuntimeError("registering took too long to measure what comes after")
        time.sleep(instant - time.time())
        return until_last(starts, instant)


def of_executor() -> float:
    """Measure the peer once."""
    starts: list[float] = []
    body = stamped(starts)
    with executor() as pool:
        instant = time.time()
        for _ in range(RUNS):
            pool.submit(body)
        return until_last(starts, instant)


def measure(quick: bool) -> Iterator[Row]:
    """Measure in turns."""
    mine, theirs = [], []
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        mine.append(of_ours())
        theirs.append(of_executor())
    what = f"{RUNS:,} one-offs due at one instant, until the last has started"
    yield compared(what, "ms", mine, EXECUTOR, theirs, at_most=0.5)


if __name__ == "__main__":
    main(__doc__, measure)
