"""A cache of the next tick of each schedule, for all jobs that share the schedule."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from jobtui.engine.records import utc
from jobtui.schedules.schedule import Every, Schedule, next_tick
from jobtui.schedules.zones import LAST_YEAR

MAX_CACHED = 1_000  # schedules

_LAST_INSTANT = datetime(LAST_YEAR, 12, 31, tzinfo=UTC).timestamp()


class NextTickCache:
    """Computes the next tick of a schedule, and caches it.

    The next tick is the same for every instant before it, so 100,000 jobs with 50 specs cost 50 searches.
    Thread-safe: the worst that a race costs is a search.
    """

    def __init__(self) -> None:
        # For each schedule the interval in which the answer holds: from an instant to the next tick. The key
        # is the id, since to compare two schedules takes longer; the value keeps the schedule, so that its
        # id is not reused.
        self._cached: dict[int, tuple[Schedule, float, float]] = {}

    def next_tick(self, schedule: Schedule, after: float) -> float | None:
        """Return the first tick of a schedule later than ``after``; None for never.

        Both are seconds since the epoch.
        """
        if isinstance(schedule, Every):
            due = schedule.next_after(after)
            return None if due is None or due > _LAST_INSTANT else due
        cached = self._cached.get(id(schedule))
        if cached is None or not cached[1] <= after < cached[2]:
            cached = self._search(schedule, after)
        return None if cached[2] == math.inf else cached[2]

    def _search(self, schedule: Schedule, after: float) -> tuple[Schedule, float, float]:
        tick = next_tick(schedule, utc(after))
        due = math.inf if tick is None else tick.timestamp()
        if len(self._cached) >= MAX_CACHED and id(schedule) not in self._cached:
            self._cached.pop(list(self._cached)[0], None)  # noqa: RUF015 - the oldest one, in one step
        cached = self._cached[id(schedule)] = schedule, after, math.inf if due > _LAST_INSTANT else due
        return cached
