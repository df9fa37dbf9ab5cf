"""10,000 jobs that are due every second, phases spread over it: every tick fires, on time, at what cost.

    python tests/benchmarks/ticks_spread.py [--quick]

Each contestant runs in a process of its own, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from peers import APSCHEDULER, BARE, Row, compared, limited, main, naps, none_astray
from ticks import OURS, Ticks, measured

JOBS = 10_000
SECONDS, QUICK_SECONDS = 10, 3
ROUNDS, QUICK_ROUNDS = 3, 1


def measure(quick: bool) -> Iterator[Row]:
    """Measure in turns."""
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    asleep = naps()
    found: dict[str, list[Ticks]] = {OURS: [], BARE: [], APSCHEDULER: []}
    for _ in range(rounds):
        for who, results in found.items():
            results.append(measured(who, JOBS, seconds, "spread"))
    astray = {who: sum(each.astray for each in results) for who, results in found.items()}
    late = {who: [each.p99 for each in results] for who, results in found.items()}
    cpu = {who: [each.cpu for each in results] for who, results in found.items()}
    what = f"{JOBS:,} jobs each second for {seconds} s, phases spread"
    due = rounds * seconds * JOBS
    kept_up = f"{APSCHEDULER} (kept up)"
    if astray[APSCHEDULER]:
        kept_up = f"{APSCHEDULER} (did not keep up: {astray[APSCHEDULER]:,} of {due:,} runs astray)"
    yield none_astray(
        f"{what}: runs too few or too many",
        astray[OURS],
        due,
        peer=f"{BARE}: {astray[BARE]:,}; {APSCHEDULER}: {astray[APSCHEDULER]:,}",
    )
    shown = "; ".join(
        f"{who}: {min(late[who]):.3g} to {max(late[who]):.3g} ms" for who in (BARE, APSCHEDULER)
    )
    yield limited(f"{what}: lateness p99", "ms", late[OURS], 2, peer=f"{shown}; {asleep}")
    cost = f"{what}: CPU per second"
    yield compared(cost, "s", cpu[OURS], BARE, cpu[BARE], at_most=0.5)
    yield compared(cost, "s", cpu[OURS], kept_up, cpu[APSCHEDULER], at_most=0.3)


if __name__ == "__main__":
    main(__doc__, measure)
