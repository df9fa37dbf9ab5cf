"""Histograms of how long the runs of each job worked, and how late they started."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from jobtui.engine.events import Event, JobRemoved, RunFinished, RunStarted

# Upper bounds in seconds. Jobs take from milliseconds to hours; a run that starts a second late is late.
DURATION_BOUNDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 3600.0)
LATENESS_BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)


class Histogram:
    """Counts numbers in buckets.

    Args:
        bounds: The upper bounds of the buckets, ascending. One more bucket has the numbers above them.

    Attributes:
        bounds: The upper bounds.
        counts: How many numbers are in each bucket.
        total: The sum of the numbers.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, number: float) -> None:
        """Count a number."""
        self.counts[bisect_left(self.bounds, number)] += 1
        self.total += number


class Histograms:
    """The histograms of every job that has started a run since the server started.

    Attributes:
        durations: How long its runs worked, in seconds, by the job's name.
        lateness: How long after their tick or request its runs started, in seconds, by the job's name.
        lost: How many events were missed, and are not counted here.
    """

    def __init__(self) -> None:
        self.durations: dict[str, Histogram] = defaultdict(lambda: Histogram(DURATION_BOUNDS))
        self.lateness: dict[str, Histogram] = defaultdict(lambda: Histogram(LATENESS_BOUNDS))
        self.lost = 0
        self._last_seq: int | None = None  # of the latest event

    def begin_after(self, seq: int) -> None:
        """Set the number of the event before the first, so that a gap before the first event is counted."""
        self._last_seq = seq

    def observe(self, event: Event) -> None:
        """Count an event. Up to 10,000 arrive in a second; most need nothing but the check for a gap."""
        seq = event.seq
        if self._last_seq is not None and seq != self._last_seq + 1:
            self.lost += seq - self._last_seq - 1
        self._last_seq = seq
        if isinstance(event, RunStarted):
            if event.lateness is not None:
                job, seconds = event.lateness
                self.lateness[job].add(max(seconds, 0.0))  # negative if the wall clock was set back
        elif isinstance(event, RunFinished):
            if event.duration is not None:
                job, seconds = event.duration
                self.durations[job].add(seconds)
        elif isinstance(event, JobRemoved):
            self.durations.pop(event.job.name, None)
            self.lateness.pop(event.job.name, None)

    def keep_only(self, jobs: set[str]) -> None:
        """Remove all other jobs, including those whose JobRemoved event was missed."""
        for histograms in (self.durations, self.lateness):
            for job in histograms.keys() - jobs:
                del histograms[job]
