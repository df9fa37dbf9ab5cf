"""10,000 jobs that are due at the same instant of every second: whether each runs, and when the last starts.

python tests/benchmarks/ticks_in_phase.py [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator

from peers import APSCHEDULER, BARE_TIMER, JOBTUI
from rows import Row, compare_rounds, main, require_none
from ticks import TickResults, measure_in_process

JOBS = 10_000
SECONDS, QUICK_SECONDS = 6, 3
ROUNDS, QUICK_ROUNDS = 3, 1


def measure(quick: bool) -> Iterator[Row]:
    """Measure the schedulers in turns."""
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    results: dict[str, list[TickResults]] = {JOBTUI: [], BARE_TIMER: [], APSCHEDULER: []}
    for _ in range(rounds):
        for name, rounds_of_one in results.items():
            rounds_of_one.append(measure_in_process(name, JOBS, seconds, "one-phase"))
    wrong = {name: sum(each.wrong for each in rounds_of_one) for name, rounds_of_one in results.items()}
    last = {name: [each.last for each in rounds_of_one] for name, rounds_of_one in results.items()}
    measured = f"{JOBS:,} jobs each second for {seconds} s, all in one phase"
    yield require_none(
        f"{measured}: runs too few or too many",
        wrong[JOBTUI],
        rounds * seconds * JOBS,
        peer=f"{BARE_TIMER}: {wrong[BARE_TIMER]:,}; {APSCHEDULER}: {wrong[APSCHEDULER]:,}",
    )
    yield compare_rounds(
        f"{measured}: the last starts after", "ms", last[JOBTUI], BARE_TIMER, last[BARE_TIMER], at_most=1
    )
    yield compare_rounds(
        f"{measured}: the last starts after", "ms", last[JOBTUI], APSCHEDULER, last[APSCHEDULER]
    )


if __name__ == "__main__":
    main(__doc__, measure)
