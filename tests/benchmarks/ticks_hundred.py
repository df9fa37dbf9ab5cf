"""100 jobs that are due every second, with their phases spread over the second: how late they start.

python tests/benchmarks/ticks_hundred.py [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator

from peers import BARE_TIMER, JOBTUI
from rows import Row, compare_with_limit, describe_plain_sleep, main
from ticks import TickResults, measure_in_process

JOBS = 100
SECONDS, QUICK_SECONDS = 10, 3
ROUNDS, QUICK_ROUNDS = 3, 1


def measure(quick: bool) -> Iterator[Row]:
    """Measure jobtui and the bare timer in turns."""
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    plain_sleep = describe_plain_sleep()
    results: dict[str, list[TickResults]] = {JOBTUI: [], BARE_TIMER: []}
    for _ in range(rounds):
        for name, rounds_of_one in results.items():
            rounds_of_one.append(measure_in_process(name, JOBS, seconds, "spread"))
    peer_p99 = [each.p99 for each in results[BARE_TIMER]]
    yield compare_with_limit(
        f"{JOBS} jobs each second for {seconds} s, phases spread: lateness p99",
        "ms",
        [each.p99 for each in results[JOBTUI]],
        1,
        peer=f"{BARE_TIMER}: {min(peer_p99):.3g} to {max(peer_p99):.3g} ms; {plain_sleep}",
    )


if __name__ == "__main__":
    main(__doc__, measure)
