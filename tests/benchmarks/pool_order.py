"""100 runs of 50 ms on a pool of 10: the total time, and whether they start in the order of the requests.

    python tests/benchmarks/pool_order.py [--quick]

The shortest possible time is half a second. The order is that of the starts in the ledger, because the
operating system decides in which order ten functions begin that are started at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import wait
from itertools import pairwise

from peers import EXECUTOR, TIMEOUT, WORKERS, executor, jobtui_scheduler
from rows import Row, compare_with_limit, main, require_none

RUNS = 100
DURATION = 0.05  # seconds
SHORTEST = RUNS * DURATION / WORKERS  # seconds
ROUNDS, QUICK_ROUNDS = 7, 3


def body() -> None:
    """Take `DURATION`."""
    time.sleep(DURATION)


def time_jobtui() -> tuple[float, int]:
    """Return the total time in ms, and how many runs started before a run that was requested earlier."""
    with jobtui_scheduler() as scheduler:
        began = time.perf_counter()
        runs = [scheduler.now(body) for _ in range(RUNS)]
        ended = all(run.wait(TIMEOUT) for run in runs)
        duration = time.perf_counter() - began
        numbers = {run.number for run in runs}
        views = [view for view in scheduler.snapshot().recent if view.number in numbers]
    starts = [view.started for view in sorted(views, key=lambda view: view.number) if view.started]
    if not ended or len(starts) != RUNS:
        raise RuntimeError(f"{len(starts)} runs started, not {RUNS}")
    return duration * 1e3, sum(earlier > later for earlier, later in pairwise(starts))


def time_executor() -> float:
    """Return the total time of the executor, in ms."""
    with executor() as pool:
        began = time.perf_counter()
        wait([pool.submit(body) for _ in range(RUNS)])
        return (time.perf_counter() - began) * 1e3


def measure(quick: bool) -> Iterator[Row]:
    """Measure jobtui and the executor in turns."""
    times, out_of_order, peer_times = [], 0, []
    rounds = QUICK_ROUNDS if quick else ROUNDS
    for _ in range(rounds):
        duration, swapped = time_jobtui()
        times.append(duration)
        out_of_order += swapped
        peer_times.append(time_executor())
    measured = f"{RUNS} runs of {DURATION * 1e3:g} ms on a pool of {WORKERS}"
    peer = f"{EXECUTOR}: {min(peer_times):.4g} to {max(peer_times):.4g} ms"
    yield compare_with_limit(f"{measured}: total", "ms", times, SHORTEST * 1e3 * 1.03, peer=peer)
    yield require_none(f"{measured}: started out of order", out_of_order, rounds * RUNS)


if __name__ == "__main__":
    main(__doc__, measure)
