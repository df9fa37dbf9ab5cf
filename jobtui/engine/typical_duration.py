"""The typical duration of a job's runs: one rule for strips, bars of progress and forecasts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import chain
from math import ceil
from statistics import median
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.views import JobView

_P95 = 0.95


class TypicalDuration(NamedTuple):
    """The typical duration of a job's runs, from those of its latest 20 endings that were OK.

    If none of them was OK, it is the duration of the latest run that was.

    Attributes:
        median: The median.
        p95: The duration that 95 % of them did not exceed; the longest one of fewer than 20.
        runs: How many runs this is known from.
    """

    median: timedelta
    p95: timedelta
    runs: int


def typical_duration(job: JobView) -> TypicalDuration | None:
    """Return how long a run of a job usually takes; None if no run of it is known to be OK."""
    seconds = sorted(_ok_seconds(job))
    if not seconds:
        return None
    return TypicalDuration(
        median=timedelta(seconds=median(seconds)),
        p95=timedelta(seconds=seconds[ceil(len(seconds) * _P95) - 1]),
        runs=len(seconds),
    )


def expected_durations(jobs: Iterable[JobView]) -> dict[str, timedelta]:
    """Return how long the next run of each job is expected to take, by the name of the job.

    That is the job's median; for a job of which no run is known to be OK, the median of the latest runs of
    all jobs. If there are none at all, the result is empty.
    """
    own = {job.name: _ok_seconds(job) for job in jobs}
    every = list(chain.from_iterable(own.values()))
    if not every:
        return {}
    of_all = median(every)
    return {job: timedelta(seconds=median(each) if each else of_all) for job, each in own.items()}


def _ok_seconds(job: JobView) -> list[float]:
    endings = zip(job.recent, job.recent_durations, strict=False)
    latest: list[float] = [
        seconds for state, seconds in endings if state is RunState.OK and seconds is not None
    ]
    if latest or job.last_ok_elapsed is None:
        return latest
    # The failed runs say nothing: most failures come early, and some late, such as a timeout.
    return [job.last_ok_elapsed.total_seconds()]
