"""Metrics that Prometheus can read, that are exact, and that hold nobody up; and the health check."""

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
from support.api_server import LIMIT, Answer, Client, Latch, done, served

from jobtui import Scheduler, __version__
from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.events import Event, JobAdded, JobRemoved, RunFinished, RunQueued, RunStarted
from jobtui.engine.views import JobCounters, JobView, RunView
from jobtui.runtime.clock import ManualClock
from jobtui.web.metrics.exposition import encoder_for
from jobtui.web.metrics.histograms import DURATIONS, LATENESSES, Histogram, Histograms
from jobtui.web.metrics.metrics import Metrics

METRICS, HEALTHZ = "/@jobs/metrics", "/@jobs/healthz"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(families: Sequence[Metric]) -> Samples:
    """Every sample by its name and labels; none is there twice."""
    found = [
        (each.name, frozenset(each.labels.items()), each.value)
        for family in families
        for each in family.samples
    ]
    values: Samples = {(name, labels): value for name, labels, value in found}
    assert len(values) == len(found)
    assert len({family.name for family in families}) == len(families)
    return values


def openmetrics(text: str) -> Iterator[Metric]:
    """What a reader of OpenMetrics sees."""
    return iter(parse_openmetrics(text))  # type: ignore[no-untyped-call] # the library's own lack


def read(answer: Answer) -> Samples:
    """The samples of an answer."""
    assert answer.status == 200
    return samples([*parse_text(answer.body.decode())])


def value(found: Samples, name: str, **labels: str) -> float | None:
    """One sample's value; None if it is not there."""
    return found.get((name, frozenset(labels.items())))


def counts(found: Samples, job: str) -> dict[str, float]:
    """How a job's runs ended."""
    outcomes = ("ok", "failed", "cancelled", "skipped", "missed", "coalesced")
    return {
        each: found["jobtui_runs_total", frozenset({("job", job), ("outcome", each)})] for each in outcomes
    }


@pytest.fixture
def latch() -> Iterator[Latch]:
    """What jobs wait for; open in the end."""
    latch = Latch()
    yield latch
    latch.open()


# --- what is counted ------------------------------------------------------------------------------


def test_runs_are_counted_by_job_and_outcome(latch: Latch) -> None:
    """Exactly, also where the events of a flood are missed; a job that never ran has its zeros."""
    scheduler = Scheduler(pool=2, tz="UTC")
    scheduler.schedule("@yearly", lambda: 1 / 0, name="fails")
    scheduler.schedule("@yearly", latch, name="waits", overlap="skip")
    scheduler.schedule("@yearly", latch, name="never")
    with scheduler, served(scheduler) as client:
        done(scheduler.run("fails"), scheduler.run("fails"))
        going = scheduler.run("waits")
        latch.wait_begun()
        for _ in range(3):
            scheduler.run("waits")
        scheduler.in_("1h", abs, 1).cancel()
        done(*[scheduler.now(abs, number) for number in range(30_000)])
        latch.open()
        done(going)
        found = read(client.get(METRICS))
    assert counts(found, "fails") == dict.fromkeys(counts(found, "fails"), 0) | {"failed": 2}
    assert counts(found, "waits") == dict.fromkeys(counts(found, "fails"), 0) | {"ok": 1, "skipped": 3}
    assert counts(found, "abs") == dict.fromkeys(counts(found, "fails"), 0) | {"ok": 30_000, "cancelled": 1}
    assert set(counts(found, "never").values()) == {0}


def test_the_pool_the_jobs_and_the_versions_are_told(latch: Latch) -> None:
    """As they are at the moment of the scrape."""
    scheduler = Scheduler(pool=1, tz="UTC", clock=ManualClock(1e9))
    for name in ("a", "b", "c"):
        scheduler.schedule("@yearly", latch, name=name)
    with scheduler, served(scheduler) as client:
        scheduler.pause("c")
        for name in ("a", "a", "b"):
            scheduler.run(name)
        latch.wait_begun()
        found = read(client.get(METRICS))
        latch.open()
    assert value(found, "jobtui_pool_size") == 1
    assert value(found, "jobtui_pool_running") == 1
    assert value(found, "jobtui_pool_queued") == 1
    assert value(found, "jobtui_pool_held") == 1
    assert value(found, "jobtui_jobs") == 3
    assert value(found, "jobtui_jobs_paused") == 1
    assert value(found, "jobtui_heartbeat_age_seconds") == 0
    assert value(found, "jobtui_events_lost_total") == 0
    info = next(labels for name, labels in found if name == "jobtui_build_info")
    assert dict(info)["version"] == __version__


def test_durations_and_lateness_of_real_runs_are_in_the_histograms(latch: Latch) -> None:
    """Every run is in one range of each; a job that has not run has none."""
    scheduler = Scheduler(pool=1, tz="UTC")
    scheduler.schedule("@yearly", lambda: None, name="quick")
    scheduler.schedule("@yearly", latch, name="waits")
    with scheduler, served(scheduler) as client:
        done(*[scheduler.run("quick") for _ in range(20)])
        going = scheduler.run("waits")
        latch.wait_begun()
        # The events are read within a moment; a look waits for those of the start.
        while (
            value(found := read(client.get(METRICS)), "jobtui_run_lateness_seconds_count", job="waits")
            is None
        ):
            pass
        latch.open()
        done(going)
    assert value(found, "jobtui_run_duration_seconds_count", job="quick") == 20
    assert value(found, "jobtui_run_duration_seconds_bucket", job="quick", le="+Inf") == 20
    assert value(found, "jobtui_run_lateness_seconds_count", job="quick") == 20
    assert value(found, "jobtui_run_lateness_seconds_count", job="waits") == 1
    assert value(found, "jobtui_run_duration_seconds_count", job="waits") is None  # it is still going


def test_the_series_of_a_removed_job_go_away(latch: Latch) -> None:
    """Also if a run of it ends afterwards; a new job of its name begins with nothing."""
    scheduler = Scheduler(pool=2, tz="UTC")
    job = scheduler.schedule("@yearly", latch, name="a")
    with scheduler, served(scheduler) as client:
        going = job.run()
        latch.wait_begun()
        job.remove()
        latch.open()
        done(going)
        assert not [key for key in read(client.get(METRICS)) if ("job", "a") in key[1]]
        scheduler.schedule("@yearly", latch, name="a")
        assert set(counts(read(client.get(METRICS)), "a").values()) == {0}


NAMES = ['say "hi"', "back\\slash", "back\\nslash", "{a=b}", "ünï → 任务", "a,b", "# TYPE x counter", " "]


@pytest.mark.parametrize("headers", [{}, OPENMETRICS], ids=["text", "openmetrics"])
def test_any_name_is_a_label(headers: dict[str, str]) -> None:
    """Whatever a job can be called comes out as it was, in both formats."""
    scheduler = Scheduler(tz="UTC")
    names = [scheduler.schedule("@yearly", lambda: None, name=name or None).name for name in NAMES[:-1]]
    with served(scheduler) as client:
        text = client.get(METRICS, **headers).body.decode()
    found = samples([*(openmetrics if headers else parse_text)(text)])
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
def test_the_format_is_what_is_asked_for(accept: str, kind: str) -> None:
    """OpenMetrics on request, else Prometheus' text; nonsense is no error of the server."""
    scheduler = Scheduler(tz="UTC")
    with served(scheduler) as client:
        answer = client.get(METRICS, Accept=accept)
    assert answer.headers["Content-Type"] == kind
    assert answer.body.endswith(b"# EOF\n") is ("openmetrics" in kind)


def test_both_formats_say_the_same_of_many_jobs() -> None:
    """They are written in pieces; a reader of either sees one of each metric."""
    scheduler = Scheduler(tz="UTC")
    for number in range(250):
        scheduler.schedule("@yearly", lambda: None, name=f"job-{number}")
    with scheduler, served(scheduler) as client:
        done(*[scheduler.run(f"job-{number}") for number in range(250)])
        old, new = client.get(METRICS).body.decode(), client.get(METRICS, **OPENMETRICS).body.decode()
    assert old.count("# TYPE jobtui_runs_total counter") == new.count("# TYPE jobtui_runs counter") == 1
    assert old.count("# HELP jobtui_runs_total ") == new.count("# HELP jobtui_runs ") == 1
    assert new.count("# EOF") == 1
    runs = [
        {
            labels: value
            for (name, labels), value in samples([*families]).items()
            if name == "jobtui_runs_total"
        }
        for families in (parse_text(old), openmetrics(new))
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) == 250 * 6


# --- scrapes --------------------------------------------------------------------------------------


def answered(scheduler: Scheduler, use: Callable[[Metrics], Any]) -> Any:
    """What comes of asking metrics in a loop."""

    async def ask() -> Any:
        return await use(Metrics(scheduler))

    return asyncio.run(ask())


def handler(metrics: Metrics) -> Callable[[web.Request], Any]:
    """What answers a scrape."""
    route = next(
        route for route in metrics.routes() if isinstance(route, web.RouteDef) and route.path == METRICS
    )
    return route.handler


def test_scrapes_at_once_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten of them ask the scheduler once, also if one goes; one that comes afterwards asks again."""
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", lambda: None, name="a")
    asked, counters = [], scheduler.counters

    def ask() -> Iterator[JobCounters]:
        asked.append(1)
        return counters()

    monkeypatch.setattr(scheduler, "counters", ask)

    async def scrape(metrics: Metrics) -> None:
        serve = handler(metrics)
        ten = [asyncio.ensure_future(serve(make_mocked_request("GET", METRICS))) for _ in range(10)]
        await asyncio.wait(ten, timeout=0)
        ten[0].cancel()
        bodies = {response.body for response in await asyncio.gather(*ten[1:])}
        assert len(bodies) == len(asked) == 1
        await serve(make_mocked_request("GET", METRICS))
        assert len(asked) == 2

    answered(scheduler, scrape)


def test_others_have_their_turns_during_a_scrape() -> None:
    """Nothing of the server's waits until 1,000 jobs are counted and written."""
    scheduler = Scheduler(tz="UTC")
    for number in range(1000):
        scheduler.schedule("@yearly", lambda: None, name=f"job-{number}")

    async def scrape(metrics: Metrics) -> int:
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        loop = asyncio.get_running_loop()
        loop.call_soon(turn)
        await handler(metrics)(make_mocked_request("GET", METRICS))
        return turns

    assert answered(scheduler, scrape) > 1000 / 20


# --- what the events tell -------------------------------------------------------------------------


def view(
    job: str = "a", *, due: float | None = None, started: float | None = None, took: float | None = None
) -> RunView:
    """A run that was asked for at noon; times are seconds after that."""
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


def observed(*events: Event) -> Histograms:
    """What is known after some events."""
    histograms = Histograms()
    for event in events:
        histograms.observe(event)
    return histograms


def test_a_run_is_late_from_its_tick_or_from_when_it_was_asked_for() -> None:
    """And never early: a clock that was set back makes no negative lateness."""
    histograms = observed(
        RunQueued(1, 0.0, view()),
        RunStarted(2, 0.0, view(due=10, started=10.3)),
        RunStarted(3, 0.0, view(started=2)),
        RunStarted(4, 0.0, view(due=10, started=4)),
    )
    late = histograms.latenesses["a"]
    assert {bound: count for bound, count in zip((*LATENESSES, 0), late.counts, strict=True) if count} == {
        0.001: 1,
        0.5: 1,
        5.0: 1,
    }
    assert late.total == pytest.approx(2.3)
    assert histograms.durations == {}


def test_the_work_of_a_run_is_measured_and_no_work_is_not() -> None:
    """A run that was cancelled before it started took no time, and is in no range."""
    histograms = observed(RunFinished(1, 0.0, view(took=0.07)), RunFinished(2, 0.0, view()))
    assert sum(histograms.durations["a"].counts) == 1
    assert histograms.durations["a"].total == 0.07


@pytest.mark.parametrize(("number", "place"), [(0.0, 0), (1.0, 0), (1.001, 1), (2.0, 1), (3.0, 2)])
def test_a_bound_belongs_to_the_range_below_it(number: float, place: int) -> None:
    """Prometheus' ``le`` is "less or equal"; what is above the last bound is counted, too."""
    histogram = Histogram((1.0, 2.0))
    histogram.add(number)
    assert histogram.counts == [int(place == each) for each in range(3)]


def test_what_was_missed_is_counted() -> None:
    """A gap in the numbers, between two events or before the first one."""
    histograms = Histograms()
    histograms.begin_after(10)
    for seq in (11, 12, 20):
        histograms.observe(RunQueued(seq, 0.0, view()))
    assert histograms.lost == 7
    late = Histograms()
    late.begin_after(10)
    late.observe(RunQueued(14, 0.0, view()))
    assert late.lost == 3


def test_a_removed_job_is_forgotten_without_a_scrape() -> None:
    """Whoever makes and removes jobs all day needs no memory for that, though nobody asks for metrics."""
    job = next(iter(_views("a", "b")))
    histograms = observed(
        RunStarted(1, 0.0, view("a", started=1)),
        RunFinished(2, 0.0, view("a", took=1)),
        RunFinished(3, 0.0, view("b", took=1)),
        JobRemoved(4, 0.0, job),
        JobAdded(5, 0.0, job),
    )
    assert (list(histograms.durations), list(histograms.latenesses)) == (["b"], [])
    histograms.forget_all_but({"c"})
    assert histograms.durations == {}


def _views(*names: str) -> tuple[JobView, ...]:
    scheduler = Scheduler(tz="UTC")
    for name in names:
        scheduler.schedule("@yearly", lambda: None, name=name)
    return scheduler.snapshot().jobs


def test_the_ranges_ascend() -> None:
    """Or nothing would be found in them."""
    assert list(DURATIONS) == sorted(set(DURATIONS))
    assert list(LATENESSES) == sorted(set(LATENESSES))


# --- health ---------------------------------------------------------------------------------------


def health(client: Client) -> tuple[int, str]:
    """The status and the word for it."""
    answer = client.get(HEALTHZ)
    return answer.status, answer.json["status"]


def test_a_scheduler_is_well_while_it_runs() -> None:
    """Before and afterwards it is where it says, which is not well."""
    scheduler = Scheduler(tz="UTC")
    with served(scheduler) as client:
        assert health(client) == (503, "new")
        assert client.get(HEALTHZ).json["heartbeat_age"] is None
        scheduler.start()
        assert health(client) == (200, "ok")
        scheduler.stop()
        assert health(client) == (503, "stopped")


def test_a_scheduler_that_stops_says_so(latch: Latch) -> None:
    """While running work gets its grace, nothing new starts."""
    scheduler = Scheduler(tz="UTC")
    with served(scheduler) as client:
        scheduler.start()
        going = scheduler.now(latch)
        latch.wait_begun()
        stopper = threading.Thread(target=scheduler.stop, args=(LIMIT,))
        stopper.start()
        while scheduler.liveness().phase.value == "running":
            pass
        assert health(client) == (503, "stopping")
        latch.open()
        stopper.join(LIMIT)
        done(going)


def test_a_timer_that_does_not_wake_makes_it_ill() -> None:
    """35 seconds are allowed, since it sleeps for 30; a clock that somebody sets is no reason."""
    clock = ManualClock(1e9)
    scheduler = Scheduler(tz="UTC", clock=clock)
    with served(scheduler) as client, scheduler:
        clock.step(86_400)
        assert health(client) == (200, "ok")
        clock.step(-2 * 86_400)
        assert health(client) == (200, "ok")
        clock.advance(35)
        assert health(client) == (200, "ok")
        clock.advance(1)
        assert health(client) == (503, "late")
        assert client.get(HEALTHZ).json == {"status": "late", "heartbeat_age": 36.0}
        scheduler._kernel._poll()
        assert health(client) == (200, "ok")


def test_a_timer_that_hangs_with_the_lock_in_its_hand_is_seen() -> None:
    """What nobody can ask any more is exactly what has to be told."""
    clock = ManualClock(1e9)
    scheduler = Scheduler(tz="UTC", clock=clock)
    with served(scheduler) as client, scheduler:
        assert health(client) == (200, "ok")
        with holding(scheduler):
            clock.advance(40)
            assert health(client) == (503, "late")


@contextmanager
def holding(scheduler: Scheduler) -> Iterator[None]:
    """Somebody has the scheduler's lock meanwhile."""
    inside, leave = threading.Event(), threading.Event()

    def dawdle(_: object) -> None:
        inside.set()
        assert leave.wait(LIMIT)

    holder = threading.Thread(target=scheduler._kernel.inspect, args=(dawdle,))
    holder.start()
    assert inside.wait(LIMIT)
    yield
    leave.set()
    holder.join(LIMIT)


def test_there_are_two_formats_whatever_is_asked_for() -> None:
    """So that scrapes can share the work."""
    kinds = {encoder_for(f"application/openmetrics-text;version=1.0.{n}")[1] for n in range(20)}
    assert len(kinds) == 1
