"""100 jobs that are due every second, their phases spread over it: how late they start.

python tests/benchmarks/ticks_hundred.py [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator

from peers import BARE, Row, limited, main, naps
from ticks import OURS, Ticks, measured

JOBS = 100
SECONDS, QUICK_SECONDS = 10, 3
ROUNDS, QUICK_ROUNDS = 3, 1


def measure(quick: bool) -> Iterator[Row]:
    """Measure in turns."""
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    asleep = naps()
    found: dict[str, list[Ticks]] = {OURS: [], BARE: []}
    for _ in range(rounds):
        for who, results in found.items():
            results.append(measured(who, JOBS, seconds, "spread"))
    theirs = [each.p99 for each in found[BARE]]
    yield limited(
        f"{JOBS} jobs each second for {seconds} s, phases spread: lateness p99",
        "ms",
        [each.p99 for each in found[OURS]],
        1,
        peer=f"{BARE}: {min(theirs):.3g} to {max(theirs):.3g} ms; {asleep}",
    )


if __name__ == "__main__":
    main(__doc__, measure)
