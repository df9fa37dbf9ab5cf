"""10,000 jobs that are due at the same instant of every second: every tick fires, and when the last starts.

python tests/benchmarks/ticks_in_phase.py [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator

from peers import APSCHEDULER, BARE, Row, compared, main, none_astray
from ticks import OURS, Ticks, measured

JOBS = 10_000
SECONDS, QUICK_SECONDS = 6, 3
ROUNDS, QUICK_ROUNDS = 3, 1


def measure(quick: bool) -> Iterator[Row]:
    """Measure in turns."""
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    found: dict[str, list[Ticks]] = {OURS: [], BARE: [], APSCHEDULER: []}
    for _ in range(rounds):
        for who, results in found.items():
            results.append(measured(who, JOBS, seconds, "one-phase"))
    astray = {who: sum(each.astray for each in results) for who, results in found.items()}
    last = {who: [each.last for each in results] for who, results in found.items()}
    what = f"{JOBS:,} jobs each second for {seconds} s, all in one phase"
    yield none_astray(
        f"{what}: runs too few or too many",
        astray[OURS],
        rounds * seconds * JOBS,
        peer=f"{BARE}: {astray[BARE]:,}; {APSCHEDULER}: {astray[APSCHEDULER]:,}",
    )
    yield compared(f"{what}: the last starts after", "ms", last[OURS], BARE, last[BARE], at_most=1)
    yield compared(f"{what}: the last starts after", "ms", last[OURS], APSCHEDULER, last[APSCHEDULER])


if __name__ == "__main__":
    main(__doc__, measure)
