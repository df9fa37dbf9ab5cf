"""How long 100 runs of 50 ms take on a pool of 10, and whether they start in the order they were asked for.

    python tests/benchmarks/pool_order.py [--quick]

At best it is half a second. The order is that of the starts that the scheduler records: ten bodies that
begin at once are put in some order by the machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import wait
from itertools import pairwise

from peers import EXECUTOR, PATIENCE, WORKERS, Row, executor, limited, main, none_astray, ours

RUNS = 100
LENGTH = 0.05  # seconds
BEST = RUNS * LENGTH / WORKERS  # seconds
ROUNDS, QUICK_ROUNDS = 7, 3


def body() -> None:
    """Take some time."""
    time.sleep(LENGTH)


def of_ours() -> tuple[float, int]:
    """Return how long it took, in ms, and how many runs started before one that was asked for earlier."""
    with ours() as scheduler:
        began = time.perf_counter()
        runs = [scheduler.now(body) for _ in range(RUNS)]
        ended = all(run.wait(PATIENCE) for run in runs)
        taken = time.perf_counter() - began
        numbers = {run.number for run in runs}
        views = [view for view in scheduler.snapshot().recent if view.number in numbers]
    starts = [view.started for view in sorted(views, key=lambda view: view.number) if view.started]
    if not ended or len(starts) != RUNS:
        raise RuntimeError(f"{len(starts)} runs started, not {RUNS}")
    return taken * 1e3, sum(earlier > later for earlier, later in pairwise(starts))


def of_executor() -> float:
    """Return how long it took the peer, in ms."""
    with executor() as pool:
        began = time.perf_counter()
        wait([pool.submit(body) for _ in range(RUNS)])
        return (time.perf_counter() - began) * 1e3


def measure(quick: bool) -> Iterator[Row]:
    """Measure in turns."""
    mine, swapped, theirs = [], 0, []
    rounds = QUICK_ROUNDS if quick else ROUNDS
    for _ in range(rounds):
        taken, out_of_order = of_ours()
        mine.append(taken)
        swapped += out_of_order
        theirs.append(of_executor())
    what = f"{RUNS} runs of {LENGTH * 1e3:g} ms on a pool of {WORKERS}"
    shown = f"{EXECUTOR}: {min(theirs):.4g} to {max(theirs):.4g} ms"
    yield limited(f"{what}: total", "ms", mine, BEST * 1e3 * 1.03, peer=shown)
    yield none_astray(f"{what}: started out of order", swapped, rounds * RUNS)


if __name__ == "__main__":
    main(__doc__, measure)
