"""When a schedule is due next, in seconds since the epoch: worked out once for all jobs that share it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from jobtui.engine.records import utc
from jobtui.schedules.schedule import Every, Schedule

LAST_YEAR = 9998  # of the last whole year that every zone's calendar has; later is never
REMEMBERED = 1_000  # schedules

_LAST_INSTANT = datetime(LAST_YEAR, 12, 31, tzinfo=UTC).timestamp()


class NextTickCache:
    """Answers what comes next, and remembers it.

    What a schedule answers once holds for every instant up to its answer: 100,000 jobs with 50 specs ask
    for 50 answers.
    """

    def __init__(self) -> None:
        # By identity, since comparing two schedules takes longer; the schedule itself keeps its id taken.
        self._known: dict[int, tuple[Schedule, float, float]] = {}

    def after(self, schedule: Schedule, instant: float) -> float | None:
        """The first instant of a schedule after another; None for never."""
        if isinstance(schedule, Every):
            due = schedule.next_after(instant)
            return None if due is None or due > _LAST_INSTANT else due
        known = self._known.get(id(schedule))
        if known is None or not known[1] <= instant < known[2]:
            known = self._ask(schedule, instant)
        return None if known[2] == math.inf else known[2]

    def _ask(self, schedule: Schedule, instant: float) -> tuple[Schedule, float, float]:
        answer = schedule.next(utc(instant))
        due = math.inf if answer is None else answer.timestamp()
        if len(self._known) >= REMEMBERED and id(schedule) not in self._known:
            del self._known[next(iter(self._known))]
        known = self._known[id(schedule)] = schedule, instant, math.inf if due > _LAST_INSTANT else due
        return known
