"""The calendar of load: a grid of minutes, the crowded ones, and lists of ticks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from support.status_page import LIMIT, Element, PageClient
from support.waiting import wait_until

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.engine.enums import RunState
from jobtui.engine.views import Duration, Snapshot
from jobtui.frontend.load_calendar import HOURS
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import Clock, ManualClock
from jobtui.web.pages import calendar_page
from jobtui.web.server import Server

HOUR = f"{(datetime.now(UTC).hour + 12) % 24:02}"  # one that the calendar has, whenever the tests run


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler that runs one run at once."""
    with Scheduler(pool=1, tz="UTC") as scheduler:
        yield scheduler


class WatchedBackend(LocalBackend):
    """The scheduler, with the snapshots that calendars are made of.

    Attributes:
        made: Grows with each calendar that is made.
        gate: Calendars are made once it is set.
        seconds: How long the runs of each job took; None for what they really took.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler, "shop.py")
        self.made: list[object] = []
        self.gate = threading.Event()
        self.gate.set()
        self.seconds: float | None = None
        self._take_snapshot = scheduler.snapshot
        self.snapshot = self.watch_snapshot

    def watch_snapshot(self) -> Snapshot:
        """Return a snapshot. A calendar asks in a worker thread, the header in the event loop."""
        snapshot = self._take_snapshot()
        if is_in_event_loop():
            return snapshot
        assert self.gate.wait(LIMIT)
        self.made.append(snapshot)
        if self.seconds is None:
            return snapshot
        recent, durations = (RunState.OK,), (Duration(self.seconds),)
        jobs = [replace(each, recent=recent, recent_durations=durations) for each in snapshot.jobs]
        return replace(snapshot, jobs=tuple(jobs))


def is_in_event_loop() -> bool:
    """Return whether an event loop runs in this thread."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    return False


@pytest.fixture
def backend(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> WatchedBackend:
    """Return the scheduler as the page sees it. A request waits until the calendar is made."""
    monkeypatch.setattr(calendar_page, "PATIENCE", LIMIT)
    return WatchedBackend(scheduler)


@contextmanager
def serve(backend: WatchedBackend, clock: Clock | None = None) -> Iterator[PageClient]:
    """Serve the page; yields a client."""
    with Server(backend, parse_address("127.0.0.1:0"), clock=clock) as server:
        assert isinstance(server.address, TcpAddress)
        yield PageClient(server.address)


@pytest.fixture
def client(backend: WatchedBackend) -> Iterator[PageClient]:
    """Serve the page of the scheduler."""
    with serve(backend) as client:
        yield client


def hour_rows(page: Element) -> list[Element]:
    """Return the rows of the grid."""
    return page.find_one("tbody", **{"data-rows": "hours"}).children


def add_crowd(scheduler: Scheduler) -> None:
    """Add three jobs that are due in the same minute."""
    for name in ("one", "two", "three"):
        scheduler.schedule(f"0 7 {HOUR} * * *", print, name=name)


def test_the_grid_has_a_row_for_each_hour_and_a_cell_for_each_minute(
    scheduler: Scheduler, client: PageClient
) -> None:
    scheduler.schedule("0 30 * * * *", print, name="often")
    page = client.get("/@jobs/calendar").page
    rows = hour_rows(page)
    assert len(rows) == HOURS
    last = rows[-1].children
    assert len(last) == 1 + 60 + 1
    assert [each.attributes["title"][5:] for each in last[31].children] == ["  1 tick, 0.0 of 1 slots taken"]
    assert last[30].plain_text == "·"
    assert not last[30].find_all("a")
    assert last[-1].plain_text == "1"
    coarse = hour_rows(client.get("/@jobs/calendar?step=15").page)
    assert [len(row.children) for row in coarse] == [1 + 4 + 1] * HOURS


def test_a_field_leads_to_its_ticks_and_an_hour_to_all_of_its(
    scheduler: Scheduler, client: PageClient
) -> None:
    scheduler.schedule(f"0 7,9 {HOUR} * * *", print, name="early")
    scheduler.schedule(f"0 7 {HOUR} * * *", print, name="other")
    page = client.get("/@jobs/calendar").page
    (row,) = [each for each in hour_rows(page) if each.children[0].plain_text == f"{HOUR}:00"]
    (seven,) = row.children[8].find_all("a")
    assert "autofocus" in client.get(seven.link()).page.find_one("h2", id="ticks-title").attributes
    assert listed(client.get(seven.link()).page) == [f"{HOUR}:07:00 early", f"{HOUR}:07:00 other"]
    hour = row.children[0].find_one("a")
    assert listed(client.get(hour.link()).page) == [
        f"{HOUR}:07:00 early",
        f"{HOUR}:07:00 other",
        f"{HOUR}:09:00 early",
    ]


def listed(page: Element) -> list[str]:
    """Return the time and the job of each tick in the list."""
    rows = page.find_one("tbody", **{"data-rows": "ticks"}).children
    return [
        f"{row.find_all('time')[0].attributes['datetime'][11:19]} {row.attributes['data-job']}"
        for row in rows
    ]


def test_a_crowded_minute_is_named_and_leads_to_its_ticks(
    scheduler: Scheduler, backend: WatchedBackend, client: PageClient
) -> None:
    backend.seconds = 45.0
    add_crowd(scheduler)
    page = client.get("/@jobs/calendar").page
    (crowd,) = page.find_one("ul", id="crowds").find_all("a")
    text = f"3 jobs at {HOUR}:07:00 and a pool of 1: the last, three, waits 1m30s; {HOUR}:10 is free"
    assert crowd.plain_text == text
    assert listed(client.get(crowd.link()).page) == [
        f"{HOUR}:07:00 one",
        f"{HOUR}:07:00 two",
        f"{HOUR}:07:00 three",
    ]


def test_another_pool_changes_the_calendar_and_not_the_scheduler(
    scheduler: Scheduler, backend: WatchedBackend, client: PageClient
) -> None:
    backend.seconds = 45.0
    add_crowd(scheduler)
    page = client.get("/@jobs/calendar?step=5&pool=3").page
    text = "what if the pool were 3: no scheduled run waits longer than a second for a slot"
    assert page.find_one("ul", id="crowds").plain_text == text
    keys = {each.attributes["data-key"]: each for each in page.find_all("a") if "data-key" in each.attributes}
    paths = {key: each.link().partition("?")[2] for key, each in keys.items()}
    assert paths == {"-": "step=5&pool=2", "+": "step=5&pool=4"}
    assert scheduler.snapshot().pool.size == 1


def test_a_calendar_that_takes_long_says_how_far_it_is_until_it_is_made(
    scheduler: Scheduler, backend: WatchedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a script, the browser loads the page again by itself."""
    monkeypatch.setattr(calendar_page, "PATIENCE", 0.0)
    backend.gate.clear()
    add_crowd(scheduler)
    with serve(backend) as client:
        for _ in range(2):
            page = client.get("/@jobs/calendar").page
            assert "looking ahead: 0%" in page.find_one("section", id="calendar").plain_text
            assert page.find_one("section", id="calendar").attributes["data-poll"] == "1"
            assert page.find_one("noscript").find_one("meta").attributes["http-equiv"] == "refresh"
        backend.gate.set()
        wait_until(lambda: bool(client.get("/@jobs/calendar").page.find_all("ul", id="crowds")))
        made = client.get("/@jobs/calendar").page
        assert made.find_one("section", id="calendar").attributes["data-poll"] == "60"
        assert not made.find_all("noscript")
        assert len(backend.made) == 1


def test_an_outdated_calendar_is_shown_until_the_next_one_is_made(
    scheduler: Scheduler, backend: WatchedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(0.0)
    add_crowd(scheduler)
    with serve(backend, clock) as client:
        assert hour_rows(client.get("/@jobs/calendar").page)
        monkeypatch.setattr(calendar_page, "PATIENCE", 0.0)
        backend.gate.clear()
        clock.advance(61)
        old = client.get("/@jobs/calendar").page
        assert hour_rows(old)
        assert "looking ahead again" in old.find_one("section", id="calendar").plain_text
        assert old.find_one("section", id="calendar").attributes["data-poll"] == "1"
        backend.gate.set()


def test_a_calendar_is_kept_for_a_minute_and_shorter_after_a_change(
    scheduler: Scheduler, backend: WatchedBackend
) -> None:
    job, clock = scheduler.every("1h", print, name="often"), ManualClock(0.0)
    with serve(backend, clock) as client:

        def count_after(seconds: float) -> int:
            clock.advance(seconds)
            assert hour_rows(client.get("/@jobs/calendar").page)
            return len(backend.made)

        assert [count_after(seconds) for seconds in (0, 1, 58, 2)] == [1, 1, 1, 2]
        assert job.run().wait(LIMIT)
        assert [count_after(seconds) for seconds in (14, 2)] == [2, 3]


def test_only_the_latest_calendars_are_kept(backend: WatchedBackend) -> None:
    """A client that asks about many pools does not fill the memory."""
    with serve(backend, ManualClock(0.0)) as client:
        most = calendar_page.MAX_CALENDARS
        for size in range(1, most + 2):
            client.get(f"/@jobs/calendar?pool={size}")
        assert len(backend.made) == most + 1
        client.get(f"/@jobs/calendar?pool={most + 1}")
        assert len(backend.made) == most + 1
        client.get("/@jobs/calendar?pool=1")
        assert len(backend.made) == most + 2


def test_a_forecast_that_ends_early_says_so(
    scheduler: Scheduler, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar_page, "MOST", 100)
    scheduler.every("1m", print, name="often")
    page = client.get("/@jobs/calendar").page
    assert "! the forecast ends at" in page.find_one("ul", id="crowds").plain_text
    assert hour_rows(page)[-1].children[30].plain_text == "?"


def test_the_list_of_ticks_is_limited(
    scheduler: Scheduler, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar_page, "MAX_TICKS", 2)
    add_crowd(scheduler)
    page = client.get("/@jobs/calendar").page
    (row,) = [each for each in hour_rows(page) if each.children[0].plain_text == f"{HOUR}:00"]
    found = client.get(row.children[0].find_one("a").link()).page
    assert len(listed(found)) == 2
    assert "and 1 more" in found.find_one("section", id="calendar").plain_text


def test_a_time_outside_of_the_calendar_is_answered(client: PageClient) -> None:
    at = datetime(2020, 1, 1).astimezone().isoformat()
    page = client.get(f"/@jobs/calendar?{urlencode({'at': at})}").page
    assert "the calendar does not have this time" in page.find_one("section", id="calendar").plain_text


def test_a_pool_without_a_limit_has_no_question_about_it(client: PageClient, scheduler: Scheduler) -> None:
    scheduler.resize(0)
    page = client.get("/@jobs/calendar").page
    assert not page.find_all("input", id="what-if")
    assert page.find_one("ul", id="crowds").plain_text == "no run waits: the pool has no limit"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("step=2", "step must be one of 1, 5, 15"),
        ("pool=0", "the pool size must be a whole number from 1"),
        ("at=03:07", "at must be an instant in ISO 8601 with its offset"),
        ("minutes=61", "minutes must be a whole number from 1 to 60"),
        ("hour=3", "allowed: step, pool, at, minutes"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(client: PageClient, query: str, detail: str) -> None:
    response = client.get(f"/@jobs/calendar?{query}")
    assert response.status == 400
    assert detail in response.page.find_one("main").plain_text
