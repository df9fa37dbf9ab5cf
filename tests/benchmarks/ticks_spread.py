"""10,000 jobs that are due every second, with their phases spread over the second: lateness and CPU time.

    python tests/benchmarks/ticks_spread.py [--quick]

Each scheduler runs in a process of its own, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from peers import APSCHEDULER, BARE_TIMER, JOBTUI
from rows import Row, compare_rounds, compare_with_limit, describe_plain_sleep, main, require_none
from ticks import TickResults, measure_in_process

JOBS = 10_000
SECONDS, QUICK_SECONDS = 10, 3
ROUNDS, QUICK_ROUNDS = 3, 1


def measure(quick: bool) -> Iterator[Row]:
    """Measure the schedulers in turns."""
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    plain_sleep = describe_plain_sleep()
    results: dict[str, list[TickResults]] = {JOBTUI: [], BARE_TIMER: [], APSCHEDULER: []}
    for _ in range(rounds):
        for name, rounds_of_one in results.items():
            rounds_of_one.append(measure_in_process(name, JOBS, seconds, "spread"))
    wrong = {name: sum(each.wrong for each in rounds_of_one) for name, rounds_of_one in results.items()}
    late = {name: [each.p99 for each in rounds_of_one] for name, rounds_of_one in results.items()}
    cpu = {name: [each.cpu for each in rounds_of_one] for name, rounds_of_one in results.items()}
    measured = f"{JOBS:,} jobs each second for {seconds} s, phases spread"
    due = rounds * seconds * JOBS
    apscheduler = f"{APSCHEDULER} (kept up)"
    if wrong[APSCHEDULER]:
        apscheduler = f"{APSCHEDULER} (did not keep up: {wrong[APSCHEDULER]:,} of {due:,} runs wrong)"
    yield require_none(
        f"{measured}: runs too few or too many",
        wrong[JOBTUI],
        due,
        peer=f"{BARE_TIMER}: {wrong[BARE_TIMER]:,}; {APSCHEDULER}: {wrong[APSCHEDULER]:,}",
    )
    peers = "; ".join(
        f"{name}: {min(late[name]):.3g} to {max(late[name]):.3g} ms" for name in (BARE_TIMER, APSCHEDULER)
    )
    yield compare_with_limit(
        f"{measured}: lateness p99", "ms", late[JOBTUI], 2, peer=f"{peers}; {plain_sleep}"
    )
    cost = f"{measured}: CPU per second"
    yield compare_rounds(cost, "s", cpu[JOBTUI], BARE_TIMER, cpu[BARE_TIMER], at_most=0.5)
    yield compare_rounds(cost, "s", cpu[JOBTUI], apscheduler, cpu[APSCHEDULER], at_most=0.3)


if __name__ == "__main__":
    main(__doc__, measure)
