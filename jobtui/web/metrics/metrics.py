"""Metrics in Prometheus' text format or in OpenMetrics, and whether the scheduler is alive."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

from aiohttp import web
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from jobtui import __version__
from jobtui.engine.views import JobCounters
from jobtui.frontend.cooperative import yield_to_others
from jobtui.runtime.scheduler import Scheduler
from jobtui.web.metrics.exposition import Encoder, encoder_for, written
from jobtui.web.metrics.health import PATH as HEALTHZ
from jobtui.web.metrics.health import Health
from jobtui.web.metrics.histograms import Histogram, Histograms
from jobtui.web.request_parsing import check_query

PATH = "/@jobs/metrics"
OUTCOMES = "ok", "failed", "cancelled", "skipped", "missed", "coalesced"
_COUNTED = 200  # jobs that are asked about until other threads have a turn
_WRITTEN = 20  # jobs whose numbers are written until then: that takes a millisecond or two

Thing = TypeVar("Thing")


class Metrics:
    """Counts what happens.

    How often runs end is asked of the scheduler itself, so that it is exact. How long they took and how late
    they were is learned from the events since the server has started; in a flood some may be missed, which
    is counted.

    Args:
        scheduler: Where it happens.

    Attributes:
        observe: Is to be called with every event.
        begin_after: Is to be called with the number of the event before the first.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._histograms = Histograms()
        self._scrapes: dict[str, asyncio.Task[bytes]] = {}  # those that are going, by what they answer
        self.observe = self._histograms.observe  # 10,000 times a second: no detour
        self.begin_after = self._histograms.begin_after

    def routes(self) -> Iterable[web.RouteDef]:
        """Where they are read."""
        return [web.get(PATH, self._serve), web.get(HEALTHZ, Health(self._scheduler).serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        """Answer a scrape; who asks while one is going gets the same answer."""
        check_query(request)
        encode, content_type = encoder_for(request.headers.get("Accept", ""))
        scrape = self._scrapes.get(content_type)
        if scrape is None:
            scrape = self._scrapes[content_type] = asyncio.create_task(self._scrape(encode))
            scrape.add_done_callback(lambda _: self._scrapes.pop(content_type))
        body = await asyncio.shield(scrape)  # somebody else may wait for it, too
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _scrape(self, encode: Encoder) -> bytes:
        tallies: list[JobCounters] = []
        for tally in self._scheduler.counters():
            tallies.append(tally)
            if len(tallies) % _COUNTED == 0:
                await yield_to_others()
        self._histograms.forget_all_but({tally.job for tally in tallies})
        return await written(self._metrics(tallies), encode)

    def _metrics(self, tallies: Sequence[JobCounters]) -> Iterator[Metric]:
        """Every metric, those of the jobs in pieces of a few jobs each."""
        yield from self._totals(tallies)
        for some in _pieces(tallies):
            yield _runs(some)
        known, jobs = self._histograms, [tally.job for tally in tallies]
        for these in _pieces([job for job in jobs if job in known.durations]):
            yield _histogram(
                "jobtui_run_duration_seconds",
                "How long the work of runs took, of those that ended since the server started.",
                known.durations,
                these,
            )
        for these in _pieces([job for job in jobs if job in known.latenesses]):
            yield _histogram(
                "jobtui_run_lateness_seconds",
                "How long after their tick, or after they were asked for, runs started since the server did.",
                known.latenesses,
                these,
            )

    def _totals(self, tallies: Sequence[JobCounters]) -> Iterator[Metric]:
        pulse, pool = self._scheduler.liveness(), self._scheduler.pool_view()
        yield InfoMetricFamily(
            "jobtui_build",
            "The versions of jobtui and of Python.",
            {"version": __version__, "python_version": platform.python_version()},
        )
        yield GaugeMetricFamily("jobtui_jobs", "How many jobs there are.", len(tallies))
        yield GaugeMetricFamily(
            "jobtui_jobs_paused", "How many jobs are paused.", sum(tally.paused for tally in tallies)
        )
        yield GaugeMetricFamily(
            "jobtui_pool_size", "How many runs may be RUNNING at once; 0 is no limit.", pool.size
        )
        yield GaugeMetricFamily("jobtui_pool_running", "How many runs are RUNNING.", pool.running)
        yield GaugeMetricFamily("jobtui_pool_queued", "How many runs wait for a free slot.", pool.queued)
        yield GaugeMetricFamily(
            "jobtui_pool_held", "How many runs wait for an earlier run of their own job.", pool.held
        )
        if pulse.heartbeat_age is not None:
            yield GaugeMetricFamily(
                "jobtui_heartbeat_age_seconds",
                "How long ago the timer last woke; it wakes at least every 30 seconds.",
                pulse.heartbeat_age,
            )
        yield CounterMetricFamily(
            "jobtui_events_lost",
            "Events that the server missed in a flood; the histograms lack what they told.",
            self._histograms.lost,
        )


def _runs(tallies: Sequence[JobCounters]) -> Metric:
    metric = CounterMetricFamily(
        "jobtui_runs",
        "How many runs, and ticks that started none, have ended since their job was registered.",
        labels=("job", "outcome"),
    )
    for tally in tallies:
        for outcome in OUTCOMES:
            metric.add_metric((tally.job, outcome), getattr(tally, outcome))
    return metric


def _histogram(name: str, documentation: str, known: Mapping[str, Histogram], jobs: Sequence[str]) -> Metric:
    metric = HistogramMetricFamily(name, documentation, labels=("job",))
    for job in jobs:
        histogram = known.get(job)  # it may be gone since the last piece
        if histogram is not None:
            ends = [*map(floatToGoString, histogram.bounds), "+Inf"]
            buckets = list(zip(ends, accumulate(histogram.counts), strict=True))
            metric.add_metric((job,), buckets, histogram.total)
    return metric


def _pieces(things: Sequence[Thing]) -> Iterator[Sequence[Thing]]:
    return (things[first : first + _WRITTEN] for first in range(0, len(things), _WRITTEN))
