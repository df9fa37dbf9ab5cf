"""Metrics in Prometheus' text format or in OpenMetrics.

10,000 jobs make 300,000 lines, so the text is written in pieces, and other clients are served in between.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
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
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from jobtui.engine.views import JobCounters
from jobtui.frontend.backend import ObservableBackend
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.frontend.progress import RunEstimate, estimate_runs
from jobtui.web.metrics.health import HEALTHZ_PATH, report_health
from jobtui.web.metrics.histograms import Histogram, Histograms
from jobtui.web.request_parsing import check_query

METRICS_PATH = f"{STATUS_PAGE}/metrics"
_JOBS_PER_READ = 200  # jobs whose counters are read before other threads may run
_JOBS_PER_PIECE = 20  # jobs whose metrics are written before other threads may run: a millisecond or two
_OPENMETRICS = "application/openmetrics-text"
_OPENMETRICS_END = b"# EOF\n"

Item = TypeVar("Item")
Encoder = Callable[[Collector], bytes]


class Metrics:
    """Collects metrics.

    The counts of runs are the scheduler's own, and exact. Durations and lateness come from the events since
    the server started; in a flood some of these may be missed, and `jobtui_events_lost` counts them.

    Args:
        backend: The scheduler.

    Attributes:
        observe: To be called with every event.
        begin_after: To be called with the number of the event before the first.
    """

    def __init__(self, backend: ObservableBackend) -> None:
        self._backend = backend
        self._histograms = Histograms()
        self._scrapes: dict[str, asyncio.Task[bytes]] = {}  # in progress, by content type
        self.observe = self._histograms.observe  # bound directly: called 10,000 times a second
        self.begin_after = self._histograms.begin_after

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes of the metrics and of the health check."""
        return [
            web.get(METRICS_PATH, self._handle_scrape),
            web.get(HEALTHZ_PATH, partial(report_health, self._backend)),
        ]

    async def _handle_scrape(self, request: web.Request) -> web.Response:
        """Return the metrics. Requests during a scrape share its result."""
        check_query(request)
        encode, content_type = encoder_for(request.headers.get("Accept", ""))
        scrape = self._scrapes.get(content_type)
        if scrape is None:
            scrape = self._scrapes[content_type] = asyncio.create_task(self._scrape(encode))
            scrape.add_done_callback(lambda _: self._scrapes.pop(content_type))
        body = await asyncio.shield(scrape)  # another request may wait for it, too
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _scrape(self, encode: Encoder) -> bytes:
        counters: list[JobCounters] = []
        for each in self._backend.counters():
            counters.append(each)
            if len(counters) % _JOBS_PER_READ == 0:
                await yield_to_others()
        self._histograms.keep_only({each.job for each in counters})
        for _ in self._backend.refresh_views():
            await yield_to_others()
        estimates = estimate_runs(self._backend.snapshot())
        return await _write_metrics(self._collect(counters, estimates), encode)

    def _collect(self, counters: Sequence[JobCounters], estimates: Sequence[RunEstimate]) -> Iterator[Metric]:
        """Yield every metric; those with a series for each job in pieces of a few jobs."""
        yield from self._scheduler_metrics(counters)
        yield from _progress_metrics(estimates)
        for piece in _pieces(counters):
            yield _run_counts(piece)
        for piece in _pieces(counters):
            yield _retry_counts(piece)
        for name, documentation, histograms in (
            (
                "jobtui_run_duration_seconds",
                "How long runs worked, of those that ended since the server started.",
                self._histograms.durations,
            ),
            (
                "jobtui_run_lateness_seconds",
                "How long after its tick or request each run started, since the server started.",
                self._histograms.lateness,
            ),
        ):
            for jobs in _pieces([each.job for each in counters if each.job in histograms]):
                yield _histogram_metric(name, documentation, histograms, jobs)

    def _scheduler_metrics(self, counters: Sequence[JobCounters]) -> Iterator[Metric]:
        liveness, pool = self._backend.liveness(), self._backend.pool_view()
        yield InfoMetricFamily(
            "jobtui_build",
            "The versions of jobtui and of Python.",
            {"version": _version(), "python_version": platform.python_version()},
        )
        for name, documentation, value in (
            ("jobtui_jobs", "How many jobs there are.", len(counters)),
            ("jobtui_jobs_paused", "How many jobs are paused.", sum(each.paused for each in counters)),
            ("jobtui_pool_size", "How many runs may be RUNNING at once; 0 means no limit.", pool.size),
            ("jobtui_pool_running", "How many runs are RUNNING.", pool.running),
            ("jobtui_pool_queued", "How many runs wait for a free slot.", pool.queued),
            ("jobtui_pool_held", "How many runs wait for an earlier run of their own job.", pool.held),
            ("jobtui_pool_abandoned", "How many abandoned runs go on; they take no slot.", pool.abandoned),
            ("jobtui_pool_retrying", "How many runs wait for their next attempt.", pool.retrying),
        ):
            yield GaugeMetricFamily(name, documentation, value)
        if liveness.heartbeat_age is not None:
            yield GaugeMetricFamily(
                "jobtui_heartbeat_age_seconds",
                "How long ago the timer last woke; it wakes at least every 30 seconds.",
                liveness.heartbeat_age,
            )
        yield GaugeMetricFamily(
            "jobtui_store_degraded",
            "1 if there is a store that cannot be written, else 0.",
            bool(liveness.store.problem),
        )
        yield CounterMetricFamily(
            "jobtui_store_lost",
            "How many endings have no row in the store, because it could not be written for too long.",
            liveness.store.lost,
        )
        yield CounterMetricFamily(
            "jobtui_events_lost",
            "How many events the server missed in a flood; the histograms lack them.",
            self._histograms.lost,
        )


def _run_counts(counters: Sequence[JobCounters]) -> Metric:
    metric = CounterMetricFamily(
        "jobtui_runs",
        "How many runs, and ticks that started no run, have ended since their job was registered.",
        labels=("job", "outcome"),
    )
    for each in counters:
        for state, count in each.endings.items():
            metric.add_metric((each.job, state.value.lower()), count)
    return metric


def _progress_metrics(estimates: Sequence[RunEstimate]) -> Iterator[Metric]:
    """Yield the progress of the first RUNNING run of each job: as many series as there are such jobs."""
    first = {each.job: each for each in reversed(estimates)}.values()
    for name, documentation, values in (
        (
            "jobtui_job_progress_ratio",
            "The part of the first RUNNING run of a job that is done, from 0 to 1, if it is known.",
            [(each.job, each.fraction) for each in first if each.fraction is not None],
        ),
        (
            "jobtui_job_expected_end_timestamp_seconds",
            "When the first RUNNING run of a job will probably end, if that is known.",
            [(each.job, each.expected_end.timestamp()) for each in first if each.expected_end is not None],
        ),
        (
            "jobtui_job_overtime_seconds",
            "How much longer than usual the first RUNNING run of a job takes, if longer than 95 % of them.",
            [(each.job, each.overtime.total_seconds()) for each in first if each.overtime is not None],
        ),
    ):
        metric = GaugeMetricFamily(name, documentation, labels=("job",))
        for job, value in values:
            metric.add_metric((job,), value)
        yield metric


def _retry_counts(counters: Sequence[JobCounters]) -> Metric:
    metric = CounterMetricFamily(
        "jobtui_attempts_retried",
        "How many attempts have failed and were followed by another one, or are to be.",
        labels=("job",),
    )
    for each in counters:
        metric.add_metric((each.job,), each.retries)
    return metric


def _histogram_metric(
    name: str, documentation: str, histograms: Mapping[str, Histogram], jobs: Sequence[str]
) -> Metric:
    metric = HistogramMetricFamily(name, documentation, labels=("job",))
    for job in jobs:
        histogram = histograms.get(job)  # the job may have been removed since the previous piece
        if histogram is not None:
            bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
            buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
            metric.add_metric((job,), buckets, histogram.total)
    return metric


def _pieces(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[first : first + _JOBS_PER_PIECE] for first in range(0, len(items), _JOBS_PER_PIECE))


# --- formats --------------------------------------------------------------------------------------


def encoder_for(accept: str) -> tuple[Encoder, str]:
    """Return the encoder for an Accept header, and its content type: one of two."""
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is not a number
        content_type = ""
    # Ignore other parameters, such as how to escape names: ours need no escaping.
    return choose_encoder(_OPENMETRICS if content_type.startswith(_OPENMETRICS) else "")


class _Collection:
    """Metrics in the form in which an encoder of prometheus_client takes them."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def _write_metrics(metrics: Iterable[Metric], encode: Encoder) -> bytes:
    """Write metrics as text, one after the other; let other tasks run in between. Join those of one name."""
    texts: list[bytes] = []
    previous = ""
    for metric in metrics:
        text = encode(_Collection(metric)).removesuffix(_OPENMETRICS_END)
        texts.append(_without_comments(text) if metric.name == previous else text)
        previous = metric.name
        await yield_to_others()
    return b"".join([*texts, encode(_Collection())])


def _without_comments(text: bytes) -> bytes:
    """Remove the HELP and TYPE lines from the beginning of a metric."""
    while text.startswith(b"# "):
        text = text.partition(b"\n")[2]
    return text


def _version() -> str:
    """Return the version of jobtui, whose public names need this module: an import would be a circle."""
    return str(sys.modules["jobtui"].__version__)
