"""The slots of the pool that the runs of a timeline take at any time. A pure value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, pairwise

from jobtui.engine.views import RunView
from jobtui.simulation.forecast import Forecast


class SlotLoad:
    """The work of the runs before now and of those to come.

    It is added up once: the work in a part of the time is then the difference of two sums, however many runs
    there are.

    Args:
        past: The runs that are RUNNING or have ended, and the ticks that started none.
        forecast: The forecast, which begins now.
    """

    def __init__(self, past: Iterable[RunView], forecast: Forecast) -> None:
        changes: list[tuple[float, int]] = []
        now = forecast.start.timestamp()
        # A run that is RUNNING now is among both, and the forecast has its true start.
        for runs, first, last in ((past, 0.0, now), (forecast.runs, now, forecast.end.timestamp())):
            for run in runs:
                if run.started is not None:
                    changes.append((max(first, run.started.timestamp()), 1))
                    changes.append((last if run.ended is None else run.ended.timestamp(), -1))
        changes.sort()
        self._times = [instant for instant, _ in changes]
        self._taken = list(accumulate(change for _, change in changes))  # from each of the times on
        lengths = (after - before for before, after in pairwise(self._times))
        work = (taken * length for taken, length in zip(self._taken, lengths, strict=False))
        self._work = list(accumulate(work, initial=0.0))  # until each of the times

    def work_until(self, instant: float) -> float:
        """Return how much work there is until an instant, in seconds of one slot."""
        place = bisect_right(self._times, instant) - 1
        if place < 0:
            return 0.0
        return self._work[place] + self._taken[place] * (instant - self._times[place])
