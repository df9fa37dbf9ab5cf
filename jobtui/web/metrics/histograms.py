"""How long the runs of each job took, and how late they started."""

from __future__ import annotations

from bisect import bisect_left

from jobtui.engine.events import Event, JobRemoved, RunFinished, RunStarted

# Upper ends, in seconds: jobs take from milliseconds to hours, and a run that starts a second late is late.
DURATIONS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 3600.0)
LATENESSES = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)


class Histogram:
    """Counts numbers by the range that they fall in.

    Args:
        bounds: The upper ends of the ranges, ascending; numbers above the last one are counted, too.

    Attributes:
        bounds: As they were given.
        counts: How many fell in each range, and above the last one.
        total: What they add up to.
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
    """The histograms of every job of which something has started since the server did.

    Attributes:
        durations: How long the work of its runs took, in seconds, by the job's name.
        latenesses: How long after they were due, or were asked for, its runs started, in seconds.
        lost: How many events were missed, so that what they told is not in here.
    """

    def __init__(self) -> None:
        self.durations: dict[str, Histogram] = {}
        self.latenesses: dict[str, Histogram] = {}
        self.lost = 0
        self._seen: int | None = None  # the latest event's number

    def begin_after(self, seq: int) -> None:
        """Say after which event the first one comes that can be missed."""
        self._seen = seq

    def observe(self, event: Event) -> None:
        """Take in an event: 10,000 come in a second, of which most are passed over here."""
        seq = event.seq
        if self._seen is not None and seq != self._seen + 1:
            self.lost += seq - self._seen - 1
        self._seen = seq
        kind = type(event)
        if kind is RunStarted:
            assert isinstance(event, RunStarted)  # for the type checker
            if (measured := event.lateness) is not None:
                job, seconds = measured
                known = self.latenesses.get(job) or self._new(self.latenesses, job, LATENESSES)
                known.add(max(seconds, 0.0))  # the wall clock may have been set back
        elif kind is RunFinished:
            assert isinstance(event, RunFinished)  # for the type checker
            if (measured := event.duration) is not None:
                job, seconds = measured
                known = self.durations.get(job) or self._new(self.durations, job, DURATIONS)
                known.add(seconds)
        elif kind is JobRemoved:
            assert isinstance(event, JobRemoved)  # for the type checker
            self.durations.pop(event.job.name, None)
            self.latenesses.pop(event.job.name, None)

    def forget_all_but(self, jobs: set[str]) -> None:
        """Forget the jobs that are gone, also those whose removal was missed."""
        for known in (self.durations, self.latenesses):
            for job in known.keys() - jobs:
                del known[job]

    @staticmethod
    def _new(known: dict[str, Histogram], job: str, bounds: tuple[float, ...]) -> Histogram:
        known[job] = histogram = Histogram(bounds)
        return histogram
