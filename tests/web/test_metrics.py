"""Metrics: exact counts, histograms, formats, concurrent scrapes; and the health check."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from support import snapshots
from support.api_server import LIMIT, ApiClient, ApiResponse, BlockingJob, serving_api, wait_ended
from support.runtime_parts import runtime_of
from support.scripted_backend import ScriptedBackend

from jobtui import Scheduler, __version__, current_run
from jobtui.engine.enums import FINAL_STATES, RunState, Trigger
from jobtui.engine.events import Event, JobAdded, JobRemoved, RunFinished, RunQueued, RunStarted
from jobtui.engine.views import JobCounters, JobView, RunView
from jobtui.frontend.backend import ObservableBackend
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import ManualClock
from jobtui.web.metrics.histograms import DURATION_BOUNDS, LATENESS_BOUNDS, Histogram, Histograms
from jobtui.web.metrics.prometheus import Metrics, encoder_for

METRICS, HEALTHZ = "/@jobs/metrics", "/@jobs/healthz"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(families: Sequence[Metric]) -> Samples:
    """Return every sample by its name and labels, and assert that none occurs twice."""
    found = [
        (each.name, frozenset(each.labels.items()), each.value)
        for family in families
        for each in family.samples
    ]
    values: Samples = {(name, labels): sample_value for name, labels, sample_value in found}
    assert len(values) == len(found)
    assert len({family.name for family in families}) == len(families)
    return values


def parse_openmetrics_text(text: str) -> Iterator[Metric]:
    """Parse OpenMetrics text."""
    return iter(parse_openmetrics(text))  # type: ignore[no-untyped-call] # the library's own lack


def read_samples(response: ApiResponse) -> Samples:
    """Return the samples in a response."""
    assert response.status == 200
    return samples([*parse_text(response.body.decode())])


def sample_value(found: Samples, name: str, **labels: str) -> float | None:
    """Return the value of one sample; None if it does not exist."""
    return found.get((name, frozenset(labels.items())))


def counts_by_outcome(found: Samples, job: str) -> dict[str, float]:
    """Return how many runs of a job ended in which way."""
    outcomes = [state.value.lower() for state in FINAL_STATES]
    return {
        each: found["jobtui_runs_total", frozenset({("job", job), ("outcome", each)})] for each in outcomes
    }


@pytest.fixture
def blocking_job() -> Iterator[BlockingJob]:
    """Make a job whose runs end when the test does at the latest."""
    blocking_job = BlockingJob()
    yield blocking_job
    blocking_job.release()


# --- counts ---------------------------------------------------------------------------------------


def test_runs_are_counted_by_job_and_outcome(blocking_job: BlockingJob) -> None:
    """The counts are exact even if events are missed in a flood. A job without runs has zeros."""
    scheduler = Scheduler(pool=2, tz="UTC")
    scheduler.schedule("@yearly", lambda: 1 / 0, name="fails")
    scheduler.schedule("@yearly", blocking_job, name="blocks", overlap="skip")
    scheduler.schedule("@yearly", blocking_job, name="never")
    with scheduler, serving_api(scheduler) as client:
        wait_ended(scheduler.run("fails"), scheduler.run("fails"))
        active = scheduler.run("blocks")
        blocking_job.wait_started()
        for _ in range(3):
            scheduler.run("blocks")
        scheduler.in_("1h", abs, 1).cancel()
        wait_ended(*[scheduler.now(abs, number) for number in range(30_000)])
        blocking_job.release()
        wait_ended(active)
        found = read_samples(client.get(METRICS))
    assert counts_by_outcome(found, "fails") == dict.fromkeys(counts_by_outcome(found, "fails"), 0) | {
        "failed": 2
    }
    assert counts_by_outcome(found, "blocks") == dict.fromkeys(counts_by_outcome(found, "fails"), 0) | {
        "ok": 1,
        "skipped": 3,
    }
    assert counts_by_outcome(found, "abs") == dict.fromkeys(counts_by_outcome(found, "fails"), 0) | {
        "ok": 30_000,
        "cancelled": 1,
    }
    assert set(counts_by_outcome(found, "never").values()) == {0}


def test_a_scrape_has_the_pool_the_jobs_and_the_versions(blocking_job: BlockingJob) -> None:
    """Gauges have the values at the time of the scrape."""
    scheduler = Scheduler(pool=1, tz="UTC", clock=ManualClock(1e9))
    for name in ("a", "b", "c"):
        scheduler.schedule("@yearly", blocking_job, name=name)
    with scheduler, serving_api(scheduler) as client:
        scheduler.pause("c")
        for name in ("a", "a", "b"):
            scheduler.run(name)
        blocking_job.wait_started()
        found = read_samples(client.get(METRICS))
        blocking_job.release()
    assert sample_value(found, "jobtui_pool_size") == 1
    assert sample_value(found, "jobtui_pool_running") == 1
    assert sample_value(found, "jobtui_pool_queued") == 1
    assert sample_value(found, "jobtui_pool_held") == 1
    assert sample_value(found, "jobtui_jobs") == 3
    assert sample_value(found, "jobtui_jobs_paused") == 1
    assert sample_value(found, "jobtui_heartbeat_age_seconds") == 0
    assert sample_value(found, "jobtui_events_lost_total") == 0
    info = next(labels for name, labels in found if name == "jobtui_build_info")
    assert dict(info)["version"] == __version__


def test_each_run_is_in_one_bucket_of_both_histograms(blocking_job: BlockingJob) -> None:
    """A job without runs has no histogram."""
    scheduler = Scheduler(pool=1, tz="UTC")
    scheduler.schedule("@yearly", lambda: None, name="quick")
    scheduler.schedule("@yearly", blocking_job, name="blocks")
    with scheduler, serving_api(scheduler) as client:
        wait_ended(*[scheduler.run("quick") for _ in range(20)])
        active = scheduler.run("blocks")
        blocking_job.wait_started()
        lateness_count = "jobtui_run_lateness_seconds_count"
        # The server reads the events with a short delay, which may end while it writes a response.
        while sample_value(read_samples(client.get(METRICS)), lateness_count, job="blocks") is None:
            pass
        found = read_samples(client.get(METRICS))
        blocking_job.release()
        wait_ended(active)
    assert sample_value(found, "jobtui_run_duration_seconds_count", job="quick") == 20
    assert sample_value(found, "jobtui_run_duration_seconds_bucket", job="quick", le="+Inf") == 20
    assert sample_value(found, lateness_count, job="quick") == 20
    assert sample_value(found, lateness_count, job="blocks") == 1
    assert sample_value(found, "jobtui_run_duration_seconds_count", job="blocks") is None  # it has not ended


def test_a_removed_job_has_no_series(blocking_job: BlockingJob) -> None:
    """Even if one of its runs ends later. A new job of the same name starts from zero."""
    scheduler = Scheduler(pool=2, tz="UTC")
    job = scheduler.schedule("@yearly", blocking_job, name="a")
    with scheduler, serving_api(scheduler) as client:
        active = job.run()
        blocking_job.wait_started()
        job.remove()
        blocking_job.release()
        wait_ended(active)
        assert not [key for key in read_samples(client.get(METRICS)) if ("job", "a") in key[1]]
        scheduler.schedule("@yearly", blocking_job, name="a")
        assert set(counts_by_outcome(read_samples(client.get(METRICS)), "a").values()) == {0}


def test_the_progress_of_the_first_running_run_of_a_job_is_measured() -> None:
    """A job that does not run, and one of whose run nothing is known, have no series."""
    clock = ManualClock(1e9)
    begun, go_on = threading.Barrier(3), threading.Event()

    def wait() -> None:
        begun.wait(60)
        go_on.wait(60)

    def work() -> None:
        run = current_run()
        run.progress(0, 100)
        clock.advance(30)
        run.progress(40, 100, "page 40")
        wait()

    scheduler = Scheduler(pool=3, tz="UTC", clock=clock)
    scheduler.schedule("@yearly", work, name="import", overlap="allow")
    scheduler.schedule("@yearly", wait, name="unknown")
    with scheduler, serving_api(scheduler) as client:
        scheduler.run("import")
        scheduler.run("unknown")
        begun.wait(60)
        found = read_samples(client.get(METRICS))
        [estimate, other] = client.get("/progress").json
        go_on.set()
    gauges = {key: value for key, value in found.items() if key[0].startswith("jobtui_job_")}
    labels = frozenset({("job", "import")})
    assert gauges == {
        ("jobtui_job_progress_ratio", labels): 0.4,
        ("jobtui_job_expected_end_timestamp_seconds", labels): 1e9 + 30 + 45,
    }
    assert estimate["text"] == "40% ~45s left  40/100  page 40"
    assert estimate["is_reported"]
    assert other | {"text": ""} == {
        "run": 2,
        "job": "unknown",
        "fraction": None,
        "expected_end": None,
        "overtime": None,
        "is_reported": False,
        "text": "",
    }


NAMES = ['say "hi"', "back\\slash", "back\\nslash", "{a=b}", "ünï → 任务", "a,b", "# TYPE x counter", " "]


@pytest.mark.parametrize("headers", [{}, OPENMETRICS], ids=["text", "openmetrics"])
def test_a_job_of_any_name_can_be_read_from_its_label(headers: dict[str, str]) -> None:
    """In both formats."""
    scheduler = Scheduler(tz="UTC")
    names = [scheduler.schedule("@yearly", lambda: None, name=name or None).name for name in NAMES[:-1]]
    with serving_api(scheduler) as client:
        text = client.get(METRICS, **headers).body.decode()
    found = samples([*(parse_openmetrics_text if headers else parse_text)(text)])
    assert {dict(labels)["job"] for name, labels in found if name == "jobtui_runs_total"} == set(names)


# --- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        ("application/openmetrics-text; version=x", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text; version=1.0.0.evil",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)  # fmt: skip
def test_the_accept_header_selects_the_format(accept: str, kind: str) -> None:
    """OpenMetrics on request, otherwise Prometheus' text format, also for a malformed header."""
    scheduler = Scheduler(tz="UTC")
    with serving_api(scheduler) as client:
        response = client.get(METRICS, Accept=accept)
    assert response.headers["Content-Type"] == kind
    assert response.body.endswith(b"# EOF\n") is ("openmetrics" in kind)


def test_both_formats_have_the_same_samples_of_many_jobs() -> None:
    """The text is written in pieces, but has each metric once."""
    scheduler = Scheduler(tz="UTC")
    for number in range(250):
        scheduler.schedule("@yearly", lambda: None, name=f"job-{number}")
    with scheduler, serving_api(scheduler) as client:
        wait_ended(*[scheduler.run(f"job-{number}") for number in range(250)])
        old, new = client.get(METRICS).body.decode(), client.get(METRICS, **OPENMETRICS).body.decode()
    assert old.count("# TYPE jobtui_runs_total counter") == new.count("# TYPE jobtui_runs counter") == 1
    assert old.count("# HELP jobtui_runs_total ") == new.count("# HELP jobtui_runs ") == 1
    assert new.count("# EOF") == 1
    runs = [
        {
            labels: sample_value
            for (name, labels), sample_value in samples([*families]).items()
            if name == "jobtui_runs_total"
        }
        for families in (parse_text(old), parse_openmetrics_text(new))
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) == 250 * len(FINAL_STATES)


# --- scrapes --------------------------------------------------------------------------------------


def run_with_metrics(backend: ObservableBackend, use: Callable[[Metrics], Any]) -> Any:
    """Return the result of an asynchronous function of a Metrics object."""

    async def run() -> Any:
        return await use(Metrics(backend))

    return asyncio.run(run())


def scrape_handler(metrics: Metrics) -> Callable[[web.Request], Any]:
    """Return the handler of a scrape."""
    route = next(
        route for route in metrics.routes() if isinstance(route, web.RouteDef) and route.path == METRICS
    )
    return route.handler


def test_simultaneous_scrapes_read_the_scheduler_once() -> None:
    """Even if one client disconnects. A later scrape reads it again."""
    calls = []

    class CountingBackend(ScriptedBackend):
        def counters(self) -> Iterator[JobCounters]:
            calls.append(1)
            return super().counters()

    async def scrape(metrics: Metrics) -> None:
        handle = scrape_handler(metrics)
        ten = [asyncio.ensure_future(handle(make_mocked_request("GET", METRICS))) for _ in range(10)]
        await asyncio.wait(ten, timeout=0)
        ten[0].cancel()
        bodies = {response.body for response in await asyncio.gather(*ten[1:])}
        assert len(bodies) == len(calls) == 1
        await handle(make_mocked_request("GET", METRICS))
        assert len(calls) == 2

    run_with_metrics(CountingBackend(snapshots.idle()), scrape)


def test_other_tasks_run_during_a_scrape_of_many_jobs() -> None:
    """No request waits until 1,000 jobs are counted and written."""
    scheduler = Scheduler(tz="UTC")
    for number in range(1000):
        scheduler.schedule("@yearly", lambda: None, name=f"job-{number}")

    async def scrape(metrics: Metrics) -> int:
        iterations = 0

        def count_iteration() -> None:
            nonlocal iterations
            iterations += 1
            loop.call_soon(count_iteration)

        loop = asyncio.get_running_loop()
        loop.call_soon(count_iteration)
        await scrape_handler(metrics)(make_mocked_request("GET", METRICS))
        return iterations

    assert run_with_metrics(LocalBackend(scheduler, ""), scrape) > 1000 / 20


# --- histograms -----------------------------------------------------------------------------------


def make_run(
    job: str = "a", *, due: float | None = None, started: float | None = None, took: float | None = None
) -> RunView:
    """Make a run that was requested at noon; times are in seconds after that."""
    return RunView(
        number=1,
        job=job,
        trigger=Trigger.TICK,
        state=RunState.OK,
        created=NOON,
        due=None if due is None else NOON + timedelta(seconds=due),
        started=None if started is None else NOON + timedelta(seconds=started),
        elapsed=None if took is None else timedelta(seconds=took),
    )


def histograms_after(*events: Event) -> Histograms:
    """Return the histograms after some events."""
    histograms = Histograms()
    for event in events:
        histograms.observe(event)
    return histograms


def test_lateness_counts_from_the_tick_or_from_the_request() -> None:
    """It is never negative, even if the clock was set back."""
    histograms = histograms_after(
        RunQueued(1, 0.0, make_run()),
        RunStarted(2, 0.0, make_run(due=10, started=10.3)),
        RunStarted(3, 0.0, make_run(started=2)),
        RunStarted(4, 0.0, make_run(due=10, started=4)),
    )
    late = histograms.lateness["a"]
    assert {
        bound: count for bound, count in zip((*LATENESS_BOUNDS, 0), late.counts, strict=True) if count
    } == {
        0.001: 1,
        0.5: 1,
        5.0: 1,
    }
    assert late.total == pytest.approx(2.3)
    assert histograms.durations == {}


def test_a_run_that_did_not_start_has_no_duration() -> None:
    """A run that was cancelled before it started is in no bucket."""
    histograms = histograms_after(RunFinished(1, 0.0, make_run(took=0.07)), RunFinished(2, 0.0, make_run()))
    assert sum(histograms.durations["a"].counts) == 1
    assert histograms.durations["a"].total == 0.07


@pytest.mark.parametrize(("number", "place"), [(0.0, 0), (1.0, 0), (1.001, 1), (2.0, 1), (3.0, 2)])
def test_a_number_equal_to_a_bound_is_in_the_bucket_below_it(number: float, place: int) -> None:
    """Prometheus' ``le`` means "less or equal". Numbers above the last bound are counted as well."""
    histogram = Histogram((1.0, 2.0))
    histogram.add(number)
    assert histogram.counts == [int(place == each) for each in range(3)]


def test_events_that_the_metrics_missed_are_counted() -> None:
    """From gaps in the numbers, including a gap before the first event."""
    histograms = Histograms()
    histograms.begin_after(10)
    for seq in (11, 12, 20):
        histograms.observe(RunQueued(seq, 0.0, make_run()))
    assert histograms.lost == 7
    late = Histograms()
    late.begin_after(10)
    late.observe(RunQueued(14, 0.0, make_run()))
    assert late.lost == 3


def test_the_histograms_of_a_removed_job_are_dropped_without_a_scrape() -> None:
    """Otherwise a program that adds and removes jobs all day would use more and more memory."""
    job = next(iter(_views("a", "b")))
    histograms = histograms_after(
        RunStarted(1, 0.0, make_run("a", started=1)),
        RunFinished(2, 0.0, make_run("a", took=1)),
        RunFinished(3, 0.0, make_run("b", took=1)),
        JobRemoved(4, 0.0, job),
        JobAdded(5, 0.0, job),
    )
    assert (list(histograms.durations), list(histograms.lateness)) == (["b"], [])
    histograms.keep_only({"c"})
    assert histograms.durations == {}


def _views(*names: str) -> tuple[JobView, ...]:
    scheduler = Scheduler(tz="UTC")
    for name in names:
        scheduler.schedule("@yearly", lambda: None, name=name)
    return scheduler.snapshot().jobs


def test_the_bucket_bounds_ascend() -> None:
    """`Histogram.add` relies on it."""
    assert list(DURATION_BOUNDS) == sorted(set(DURATION_BOUNDS))
    assert list(LATENESS_BOUNDS) == sorted(set(LATENESS_BOUNDS))


# --- health ---------------------------------------------------------------------------------------


def health_status(client: ApiClient) -> tuple[int, str]:
    """Return the HTTP status and the word of the health check."""
    response = client.get(HEALTHZ)
    return response.status, response.json["status"]


def test_health_is_ok_only_while_the_scheduler_runs() -> None:
    """Before and after it is the phase, with status 503."""
    scheduler = Scheduler(tz="UTC")
    with serving_api(scheduler) as client:
        assert health_status(client) == (503, "new")
        assert client.get(HEALTHZ).json["heartbeat_age"] is None
        scheduler.start()
        assert health_status(client) == (200, "ok")
        scheduler.stop()
        assert health_status(client) == (503, "stopped")


def test_health_is_stopping_while_active_runs_get_their_grace(blocking_job: BlockingJob) -> None:
    """With status 503."""
    scheduler = Scheduler(tz="UTC")
    with serving_api(scheduler) as client:
        scheduler.start()
        active = scheduler.now(blocking_job)
        blocking_job.wait_started()
        stopper = threading.Thread(target=scheduler.stop, args=(LIMIT,))
        stopper.start()
        while scheduler.liveness().phase.value == "running":
            pass
        assert health_status(client) == (503, "stopping")
        blocking_job.release()
        stopper.join(LIMIT)
        wait_ended(active)


def test_health_is_late_if_the_timer_has_not_woken_for_35_seconds() -> None:
    """It sleeps for at most 30. A change of the wall clock does not count."""
    clock = ManualClock(1e9)
    scheduler = Scheduler(tz="UTC", clock=clock)
    with serving_api(scheduler) as client, scheduler:
        clock.step(86_400)
        assert health_status(client) == (200, "ok")
        clock.step(-2 * 86_400)
        assert health_status(client) == (200, "ok")
        clock.advance(35)
        assert health_status(client) == (200, "ok")
        clock.advance(1)
        assert health_status(client) == (503, "late")
        assert client.get(HEALTHZ).json == {"status": "late", "heartbeat_age": 36.0, "problem": ""}
        runtime_of(scheduler).poller.poll()
        assert health_status(client) == (200, "ok")


def test_health_is_late_if_the_timer_hangs_while_the_lock_is_held() -> None:
    """The check takes no lock."""
    clock = ManualClock(1e9)
    scheduler = Scheduler(tz="UTC", clock=clock)
    with serving_api(scheduler) as client, scheduler:
        assert health_status(client) == (200, "ok")
        with lock_held(scheduler):
            clock.advance(40)
            assert health_status(client) == (503, "late")


@contextmanager
def lock_held(scheduler: Scheduler) -> Iterator[None]:
    """Hold the scheduler's lock in another thread."""
    held, release = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        assert release.wait(LIMIT)

    holder = threading.Thread(target=runtime_of(scheduler).kernel.inspect, args=(hold,))
    holder.start()
    assert held.wait(LIMIT)
    yield
    release.set()
    holder.join(LIMIT)


def test_the_accept_header_selects_one_of_two_formats() -> None:
    """So that scrapes with different headers can share a result."""
    kinds = {encoder_for(f"application/openmetrics-text;version=1.0.{n}")[1] for n in range(20)}
    assert len(kinds) == 1
