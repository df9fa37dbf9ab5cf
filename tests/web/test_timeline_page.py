"""The timeline page: pictures of the runs before now, and of the forecast."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.snapshots import NOW, ago, ahead, ended_run, running_run, waiting_run
from support.status_page import LIMIT, Element, PageClient, serve_page
from support.waiting import wait_until

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.look_ahead import TimelinePicture
from jobtui.frontend.timeline import Window
from jobtui.runtime.clock import ManualClock
from jobtui.simulation.forecast import Forecast, FullSpan
from jobtui.simulation.predicted_runs import PredictedRun, PredictedRuns
from jobtui.web.pages import timeline_lanes, timeline_page
from jobtui.web.pages.timeline_lanes import (
    LaneBar,
    LaneIndex,
    describe_bar,
    draw_full,
    draw_lanes,
    draw_load,
    troubles,
)
from jobtui.web.server import Server

WINDOW = Window(ago(50), timedelta(seconds=0.1), 1_000)  # one percent is a second, now in the middle


def a_picture(
    *past: RunView, runs: tuple[PredictedRun, ...] = (), full: tuple[FullSpan, ...] = ()
) -> TimelinePicture:
    """Return a picture of the jobs a and b, with a pool of two."""
    packed = PredictedRuns(run.pack() for run in runs)
    forecast = Forecast(start=NOW, end=ahead(60), is_cut=False, pool=2, runs=packed, full=full, unknown=())
    return TimelinePicture(jobs=("a", "b"), since=ago(50), pool=None, past=past, forecast=forecast)


def predicted(
    due: float, started: float | None, ended: float | None, state: RunState = RunState.OK
) -> PredictedRun:
    """Return a predicted run of the job a, with seconds from now."""
    return PredictedRun(
        job="a",
        number=0,
        due=ahead(due),
        started=None if started is None else ahead(started),
        ended=None if ended is None else ahead(ended),
        state=state,
    )


def bars_of(picture: TimelinePicture) -> list[LaneBar]:
    """Return the bars of the job a."""
    [lane] = draw_lanes(LaneIndex(picture, WINDOW).spans(["a"]), WINDOW)
    return list(lane.bars)


def shapes(picture: TimelinePicture) -> list[tuple[str, float, float]]:
    """Return what the bars of the job a are, and where they begin and end in percent."""
    return [(bar.first.kind.value, round(bar.x, 2), round(bar.end, 2)) for bar in bars_of(picture)]


def test_a_run_is_a_bar_after_the_line_for_its_waiting() -> None:
    run = ended_run(1, "a", 10, took=5, due=ago(20), created=ago(20))
    assert shapes(a_picture(run)) == [("waits", 30, 35), ("ran", 35, 40)]


def test_a_run_that_failed_has_a_mark_over_the_end_of_its_bar() -> None:
    picture = a_picture(ended_run(1, "a", 10, RunState.FAILED, took=5))
    assert shapes(picture) == [("ran", 35, 40), ("mark", 40, 40)]
    assert [bar.first.glyph for bar in bars_of(picture)] == ["", "✗"]


def test_the_forecast_begins_at_now() -> None:
    picture = a_picture(
        running_run(1, "a", 10), runs=(predicted(2, 4, 6), predicted(9, None, None, RunState.SKIPPED))
    )
    assert shapes(picture) == [("waits", 52, 54), ("predicted", 54, 56), ("ran", 40, 50), ("mark", 59, 59)]


def test_spans_are_cut_off_at_the_edges_of_the_window() -> None:
    assert shapes(a_picture(ended_run(1, "a", 45, took=60))) == [("ran", 0, 5)]
    assert LaneIndex(a_picture(ended_run(1, "a", 500, took=1)), WINDOW).names == []


def test_bars_that_cannot_be_told_apart_become_one() -> None:
    runs = [ended_run(number, "a", 10 + number / 20, took=0.001) for number in range(100)]
    [bar] = bars_of(a_picture(*runs))
    assert (bar.spans, bar.number) == (100, 0)
    assert describe_bar(bar, NOW) == "100 times OK, 10:23:52 to 10:23:57"


def test_many_bars_are_joined_until_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has a limit of its size, whatever ran."""
    runs = [ended_run(number, "a", number / 2, took=0.001) for number in range(1, 90)]
    assert len(bars_of(a_picture(*runs))) == 89
    monkeypatch.setattr(timeline_lanes, "MAX_BARS", 10)
    assert len(bars_of(a_picture(*runs))) <= 10


@pytest.mark.parametrize(
    ("picture", "texts"),
    [
        (a_picture(ended_run(7, "a", 10, took=5)), ["#7 OK at 10:23:52, for 5.0s"]),
        (a_picture(running_run(7, "a", 10)), ["#7 RUNNING since 10:23:57, for 10s"]),
        (a_picture(waiting_run(7, "a", 3)), ["#7 waited at 10:24:04, for 3.0s"]),
        (
            a_picture(ended_run(7, "a", 10, RunState.FAILED, took=5, reason="ValueError: no")),
            ["#7 FAILED at 10:23:52, for 5.0s", "#7 FAILED at 10:23:57: ValueError: no"],
        ),
        (
            a_picture(runs=(predicted(2, 4, 6),)),
            ["waits at 10:24:09, for 2.0s", "expected at 10:24:11, for 2.0s"],
        ),
        (a_picture(runs=(predicted(2, None, None, RunState.SKIPPED),)), ["SKIPPED at 10:24:09"]),
    ],
)
def test_each_bar_says_what_it_is(picture: TimelinePicture, texts: list[str]) -> None:
    assert [describe_bar(bar, NOW) for bar in bars_of(picture)] == texts


def test_a_lane_has_its_content_as_text() -> None:
    """Failed work counts once, although it has a bar and a mark."""
    past = (ended_run(1, "a", 30, took=5), ended_run(2, "a", 10, RunState.FAILED, took=5))
    picture = a_picture(*past, runs=(predicted(2, 4, 6), predicted(9, None, None, RunState.SKIPPED)))
    [lane] = draw_lanes(LaneIndex(picture, WINDOW).spans(["a"]), WINDOW)
    assert lane.summary == "until now 1 OK, 1 FAILED; then 1 waits, 1 expected, 1 SKIPPED"


class CountedRuns(list[RunView]):
    """Runs that count how often they are read.

    Attributes:
        reads: How often a loop has gone through them.
    """

    reads = 0

    def __iter__(self) -> Iterator[RunView]:
        """Begin a loop."""
        self.reads += 1
        return super().__iter__()


def test_only_the_jobs_that_are_shown_are_drawn() -> None:
    """The runs of all jobs are read once, whatever number of pages is looked at."""
    runs = CountedRuns(ended_run(number, f"job-{number}", 10, took=1) for number in range(1, 10_001))
    jobs = tuple(run.job for run in runs)
    picture = replace(a_picture(), jobs=jobs, past=runs)
    before = runs.reads
    index = LaneIndex(picture, WINDOW)
    assert (runs.reads - before, len(index.names)) == (1, 10_000)
    for first in range(0, 10_000, 100):
        spans = index.spans(index.names[first : first + 100])
        assert list(spans) == list(jobs[first : first + 100])
        assert sum(map(len, spans.values())) == 100
    assert runs.reads - before == 1


@pytest.mark.parametrize(
    "picture",
    [
        a_picture(runs=(predicted(2, None, None, RunState.SKIPPED),)),
        a_picture(ended_run(1, "a", 60, took=5)),
        a_picture(runs=(predicted(5, 6, 7),)),
        a_picture(runs=(predicted(40, None, None, RunState.SKIPPED)._replace(intended=True),)),
    ],
)
def test_a_job_has_no_lane_if_nothing_of_it_is_in_the_window(picture: TimelinePicture) -> None:
    later = Window(ahead(10), WINDOW.column, WINDOW.width)
    assert LaneIndex(picture, later).names == []


def test_the_load_is_a_share_of_the_pool() -> None:
    picture = a_picture(
        ended_run(1, "a", 10, took=10),
        ended_run(2, "b", 15, took=5),
        full=(FullSpan(start=ahead(5), end=ahead(15), waiting=3, longest=timedelta(seconds=9)),),
    )
    shares = {round(column.x): column.share for column in draw_load(picture, WINDOW)}
    assert (shares[31], shares[36]) == (1.0, 0.5)
    assert 20 not in shares
    [full] = draw_full(picture, WINDOW)
    assert (round(full.x), round(full.width)) == (55, 10)
    assert full.text == "full at 10:24:12 for 10s: 3 runs wait, the longest 9.0s"


def test_the_list_has_what_waits_for_long_and_what_will_not_run() -> None:
    short, long = predicted(1, 1.5, 2), predicted(9, 12, 13)
    lost, never = predicted(3, None, None, RunState.SKIPPED), predicted(20, None, None, RunState.QUEUED)
    picture = a_picture(runs=(never, long, short, lost))
    assert troubles(picture, timedelta(seconds=1)) == [lost, long, never]


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler that runs one run at once."""
    with Scheduler(pool=1, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[PageClient]:
    """Serve the page of the scheduler."""
    with serve_page(scheduler) as client:
        yield client


def lanes(page: Element) -> list[str]:
    """Return the jobs that have a lane."""
    body = page.find_one("tbody", **{"data-rows": "lanes"})
    return [row.attributes["data-job"] for row in body.children]


def test_the_page_has_a_lane_for_each_job_that_has_runs_in_the_time(
    scheduler: Scheduler, client: PageClient
) -> None:
    assert scheduler.every("1m", print, name="often").run().wait(LIMIT)
    scheduler.schedule("0 0 30 2 *", print, name="never")
    page = client.get("/@jobs/timeline").page
    assert lanes(page) == ["often"]
    assert "1 other without runs in this time" in page.find_one("section", id="timeline").plain_text
    kinds = [
        each.attributes["class"] for each in page.find_one("tbody", **{"data-rows": "lanes"}).find_all("rect")
    ]
    assert any(kind.startswith("ran") and "tone-ok" in kind for kind in kinds)
    assert any(kind.startswith("predicted") for kind in kinds)
    links = [each.link() for each in page.find_one("tbody", **{"data-rows": "lanes"}).find_all("a")]
    assert set(links) == {"/@jobs/jobs/often", "/@jobs/runs/1"}


def test_links_move_and_zoom_the_window_and_keep_the_rest(scheduler: Scheduler, client: PageClient) -> None:
    scheduler.every("1m", print, name="often")
    page = client.get("/@jobs/timeline?span=1h&at=2&pool=3&q=often").page
    keys = {each.attributes["data-key"]: each for each in page.find_all("a") if "data-key" in each.attributes}
    assert {key: each.link().partition("?")[2] for key, each in keys.items()} == {
        "h": "span=1h&at=1&pool=3&q=often",
        "n": "span=1h&q=often",
        "l": "span=1h&at=3&pool=3&q=often",
        "[": "span=30m&at=2&pool=3&q=often",
        "]": "span=3h&at=2&pool=3&q=often",
        "-": "span=1h&at=2&pool=2&q=often",
        "+": "span=1h&at=2&pool=4&q=often",
    }
    for each in keys.values():
        assert client.get(each.link()).status == 200
    (current,) = page.find_all("a", **{"aria-current": "true"})
    assert current.plain_text == "1h"


def test_another_pool_changes_the_forecast_and_not_the_scheduler(
    scheduler: Scheduler, client: PageClient
) -> None:
    release = threading.Event()
    for name in ("one", "two", "three"):
        scheduler.every("1m", lambda: release.wait(LIMIT), name=name).run()
    wait_until(lambda: scheduler.snapshot().pool.running == 1)
    waiting = client.get("/@jobs/timeline").page
    assert "waits" in waiting.find_one("p", id="sentence").plain_text
    enough = client.get("/@jobs/timeline?pool=9").page
    assert enough.find_one("p", id="sentence").plain_text.startswith("what if the pool were 9: until ")
    assert enough.find_one("input", id="what-if").attributes["value"] == "9"
    assert scheduler.snapshot().pool.size == 1
    release.set()


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("span=2h", "span must be one of 5m, 15m"),
        ("at=x", "at must be a whole number"),
        ("at=401", "from -400 to 400"),
        ("at=-99999999999", "from -400 to 400"),
        ("pool=0", "the pool size must be a whole number from 1"),
        ("pool=-1", "the pool size"),
        ("page=0", "page must be a whole number from 1"),
        ("zoom=1", "allowed: span, at, pool, q, page"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(client: PageClient, query: str, detail: str) -> None:
    response = client.get(f"/@jobs/timeline?{query}")
    assert response.status == 400
    assert detail in response.page.find_one("main").plain_text


def test_many_jobs_are_shown_on_several_pages(
    scheduler: Scheduler, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_page, "PAGE_SIZE", 2)
    for name in "abcde":
        scheduler.every("1m", print, name=name)
    page, names = client.get("/@jobs/timeline?span=30m").page, list[str]()
    while True:
        names += lanes(page)
        following = page.find_all("a", rel="next")
        if not following:
            break
        page = client.get(following[0].link()).page
    assert names == list("abcde")
    assert "jobs 5 to 5 of 5" in page.find_one("section", id="timeline").plain_text
    assert lanes(client.get(page.find_one("a", rel="prev").link()).page) == ["c", "d"]


def test_a_pool_without_a_limit_has_no_question_about_it() -> None:
    with Scheduler(pool=0, tz="UTC") as scheduler, serve_page(scheduler) as client:
        scheduler.every("1m", print, name="often")
        page = client.get("/@jobs/timeline").page
        assert not page.find_all("input", id="what-if")
        assert page.find_one("p", id="sentence").plain_text == "the pool has no limit"


@contextmanager
def counting_client(scheduler: Scheduler, clock: ManualClock) -> Iterator[tuple[PageClient, list[object]]]:
    """Serve a scheduler; yields a client, and a list that grows with each look at the runs."""
    backend, calls = LocalBackend(scheduler, "shop.py"), list[object]()
    find_runs = backend.find_runs

    def count(**values: Any) -> Sequence[RunView]:
        calls.append(values)
        return find_runs(**values)

    backend.find_runs = count  # type: ignore[assignment] # the same parameters
    with Server(backend, parse_address("127.0.0.1:0"), clock=clock) as server:
        assert isinstance(server.address, TcpAddress)
        yield PageClient(server.address), calls


def test_a_picture_is_kept_while_nothing_changes_and_until_it_has_moved(scheduler: Scheduler) -> None:
    """Many browsers cost as much as one. A picture of half an hour has moved after nine seconds."""
    job, clock = scheduler.every("1h", print, name="often"), ManualClock(0.0)
    with counting_client(scheduler, clock) as (client, calls):

        def count_after(seconds: float, pool: str = "") -> int:
            clock.advance(seconds)
            assert client.get(f"/@jobs/timeline?span=30m&pool={pool}").status == 200
            return len(calls)

        assert [count_after(seconds) for seconds in (0, 1, 7)] == [1, 1, 1]
        assert count_after(0, pool="2") == 2
        job.run().wait(LIMIT)
        assert count_after(0) == 3  # it has changed, and is older than two seconds
        job.run().wait(LIMIT)
        assert count_after(1.5) == 3
        assert count_after(1) == 4
        assert count_after(8) == 4
        assert count_after(2) == 5


def test_other_pages_of_a_picture_are_drawn_without_another_look_at_the_runs(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_page, "PAGE_SIZE", 2)
    for name in "abcde":
        scheduler.every("1m", print, name=name)
    with counting_client(scheduler, ManualClock(0.0)) as (client, calls):
        for query in ("", "?page=2", "?page=3", "?q=a", "?page=2"):
            assert lanes(client.get(f"/@jobs/timeline{query}").page)
        assert len(calls) == 1


def test_only_the_latest_pictures_are_kept(scheduler: Scheduler) -> None:
    """A client that asks for many different ones does not fill the memory."""
    with counting_client(scheduler, ManualClock(0.0)) as (client, calls):
        for size in range(1, timeline_page.MAX_PICTURES + 2):
            client.get(f"/@jobs/timeline?pool={size}")
        before = len(calls)
        client.get(f"/@jobs/timeline?pool={timeline_page.MAX_PICTURES}")
        assert len(calls) == before
        client.get("/@jobs/timeline?pool=1")
        assert len(calls) == before + 1
