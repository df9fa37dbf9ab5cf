"""The stream that keeps the page up to date: the changes since the version that the browser has."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.status_page import (
    LIMIT,
    LOGIN_REQUIRED,
    PageClient,
    PageEvents,
    PageParser,
    open_page_stream,
    serve_page,
)

from jobtui import Scheduler
from jobtui.engine.views import Snapshot
from jobtui.web.pages.template_renderer import RenderFragment, TemplateRenderer


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[PageClient]:
    """Serve the page of the scheduler."""
    with serve_page(scheduler) as client:
        yield client


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Make an event that blocking jobs wait for; set at the end of the test."""
    release = threading.Event()
    yield release
    release.set()


class BrowserPage:
    """The page as the script of a browser builds it.

    Attributes:
        fragments: The HTML of the received fragments, by id.
        lists: The ids of the rows of each received list, in order.
    """

    def __init__(self) -> None:
        self.fragments: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}

    def apply_diff(self, data: Any) -> None:
        """Apply the data of a change."""
        self.fragments |= data["fragments"]
        self.lists |= data["lists"]

    def row_texts(self, name: str) -> list[str]:
        """Return the text of each row of a list."""
        return [PageParser(self.fragments[row]).root.plain_text for row in self.lists.get(name, [])]


def receive_until(stream: PageEvents, browser: BrowserPage, condition: Callable[[], bool]) -> None:
    """Apply the changes of a stream to a page until a condition holds."""
    for _, data in stream.diffs():
        browser.apply_diff(data)
        if condition():
            return
    pytest.fail("the stream has ended before the condition held")


def test_the_page_stream_sends_the_start_and_the_end_of_a_run(
    scheduler: Scheduler, client: PageClient, release: threading.Event
) -> None:
    """The stream sends the job's row, the run's row and the pool."""
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    page = client.get().page
    row = page.find_one("tbody", id="jobs-rows").find_one("tr").attributes["id"]
    browser = BrowserPage()
    with open_page_stream(client, page) as stream:
        scheduler.now(job)
        receive_until(stream, browser, lambda: any("slow" in each for each in browser.row_texts("running")))
        assert "▶ RUNNING" in browser.fragments[row].replace("</span>", "")
        assert "1/2" in browser.fragments["pool"]
        release.set()
        receive_until(
            stream, browser, lambda: any("✓ OK slow #1" in each for each in browser.row_texts("recent"))
        )
        assert browser.row_texts("running") == []


def test_the_page_stream_sends_only_changed_rows_and_reordered_lists(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The rows of the other jobs are not sent again."""
    for number in range(20):
        scheduler.every("1h", print, name=f"job-{number}")
    page = client.get().page
    rows = {
        row.find_one("th").plain_text: row.attributes["id"]
        for row in page.find_one("tbody", id="jobs-rows").children
    }
    with open_page_stream(client, page) as stream:
        scheduler.pause("job-7")
        _, data = next(stream.diffs())
    jobs = [each for each in data["fragments"] if each.startswith("jobs-")]
    assert jobs == [rows["job-7"]]
    assert data["lists"].keys() <= {"upcoming"}


def test_the_page_stream_sends_added_and_removed_jobs(scheduler: Scheduler, client: PageClient) -> None:
    """The order of a list tells the script which rows to keep."""
    first = scheduler.every("1h", print, name="first")
    page = client.get("/@jobs?q=f").page
    browser = BrowserPage()
    with open_page_stream(client, page) as stream:
        receive_until(stream, browser, lambda: len(browser.row_texts("jobs")) == 1)
        scheduler.every("1h", print, name="second")
        receive_until(stream, browser, lambda: len(browser.row_texts("jobs")) == 2)
        first.remove()
        receive_until(stream, browser, lambda: len(browser.row_texts("jobs")) == 1)
        assert "second" in browser.row_texts("jobs")[0]


def test_a_browser_that_reconnects_gets_only_what_has_changed_since(
    scheduler: Scheduler, client: PageClient
) -> None:
    """It sends the tag of the last change that it received."""
    for name in ("one", "two"):
        scheduler.every("1h", print, name=name)
    page = client.get().page
    with open_page_stream(client, page) as stream:
        scheduler.pause("one")
        tag, _ = next(stream.diffs())
    scheduler.pause("two")
    stream = PageEvents(client, "/@jobs/live?after=nonsense", {"Last-Event-ID": tag})
    _, data = next(stream.diffs())
    stream.close()
    jobs = [html for fragment_id, html in data["fragments"].items() if fragment_id.startswith("jobs-")]
    assert len(jobs) == 1
    assert "two" in jobs[0]


@pytest.mark.parametrize("tag", ["", "0000-1", "nonsense", "-", "{epoch}-99999", "{epoch}--1", "{epoch}-1e3"])
def test_a_page_of_an_earlier_server_gets_a_reload_event(client: PageClient, tag: str) -> None:
    """The ids of its rows and the token of its form are no longer valid."""
    epoch = client.get().page.find_one("body").attributes["data-tag"].partition("-")[0]
    stream = PageEvents(client, "/@jobs/live", {"Last-Event-ID": tag.format(epoch=epoch)})
    assert [kind for kind, _, _ in stream.events()] == ["reload"]
    stream.close()


def test_the_first_event_has_the_servers_time_and_heartbeat(scheduler: Scheduler, client: PageClient) -> None:
    """The script counts on from there."""
    with open_page_stream(client, client.get().page) as stream:
        kind, _, clock = next(stream.events())
    assert kind == "clock"
    heartbeat = scheduler.snapshot().heartbeat
    assert heartbeat is not None
    assert clock["heartbeat"] == pytest.approx(heartbeat.timestamp(), abs=60)
    assert clock["now"] >= clock["heartbeat"]
    assert clock["offset"] == 0


def test_the_stream_of_a_jobs_page_has_only_that_job_and_the_header(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The fixed sections of the header are on every page."""
    for name in ("one", "two"):
        scheduler.every("1h", print, name=name)
    page = client.get("/@jobs/jobs/two").page
    row = page.find_one("body").attributes["data-refetch"]
    with open_page_stream(client, page) as stream:
        diffs = stream.diffs()
        scheduler.pause("one")
        _, data = next(diffs)
        assert data == {"lists": {}, "fragments": {"totals": data["fragments"]["totals"]}}
        scheduler.pause("two")
        _, data = next(diffs)
        assert data["fragments"].keys() == {"totals", row}


def test_the_page_stream_contains_no_form_token_and_no_cookie(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The events are the same for all browsers, so they must not contain a secret of one."""
    scheduler.every("1h", print, name="backup")
    page = client.get("/@jobs?q=b").page
    token = page.find_one("input", name="token").attributes["value"]
    with open_page_stream(client, page) as stream:
        _, data = next(stream.diffs())
    assert data["fragments"]
    assert token not in str(data)
    assert client.cookies[client.cookie_name] not in str(data)


def test_a_change_is_rendered_once_for_all_browsers(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty browsers cost as many snapshots and renderings as one."""
    snapshots: list[Snapshot] = []
    take_snapshot = scheduler.snapshot

    def record_snapshot() -> Snapshot:
        snapshots.append(take_snapshot())
        return snapshots[-1]

    monkeypatch.setattr(scheduler, "snapshot", record_snapshot)
    rendered: list[str] = []
    fragment_macro = TemplateRenderer.fragment_macro

    def recording_macro(renderer: TemplateRenderer, name: str) -> RenderFragment:
        render = fragment_macro(renderer, name)

        def record_and_render(fragment_id: str, view: Any, now: Any) -> Any:
            rendered.append(fragment_id)
            return render(fragment_id, view, now)

        return record_and_render

    monkeypatch.setattr(TemplateRenderer, "fragment_macro", recording_macro)
    for name in ("one", "two"):
        scheduler.every("1h", print, name=name)
    with serve_page(scheduler) as client, ExitStack() as open_streams:
        page = client.get().page
        row = page.find_one("tbody", id="jobs-rows").find_all("tr")[0].attributes["id"]
        streams = [open_streams.enter_context(open_page_stream(client, page)).diffs() for _ in range(20)]
        rendered.clear()
        snapshots.clear()
        scheduler.pause("one")
        for diffs in streams:
            _, data = next(diffs)
            assert row in data["fragments"]
        assert rendered.count(row) == 1
        assert len(snapshots) <= 2, "one for the change; on a slow machine another one for the heartbeat"


def test_the_page_stream_requires_a_login(scheduler: Scheduler) -> None:
    """It shows the content of the page."""
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        assert client.get("/@jobs/live", {"Accept": "text/event-stream"}).status == 401
        client.log_in()
        with open_page_stream(client, client.get().page) as stream:
            assert next(stream.events())[0] == "clock"


def test_a_head_request_for_the_page_stream_is_rejected(client: PageClient) -> None:
    """The stream never ends, so aiohttp would never respond."""
    assert client.request("HEAD", "/@jobs/live").status == 405


def test_the_page_stream_is_compressed_chunk_by_chunk_for_browsers_that_accept_gzip(
    scheduler: Scheduler, client: PageClient
) -> None:
    """Each event can be decompressed as soon as it arrives."""
    for number in range(100):
        scheduler.every("1h", print, name=f"job-{number}")
    with open_page_stream(client, client.get("/@jobs?q=job").page) as stream:
        _, plain = next(stream.diffs())
    with open_page_stream(
        client, client.get("/@jobs?q=job").page, headers={"Accept-Encoding": "gzip"}
    ) as stream:
        assert stream.response.headers["Content-Encoding"] == "gzip"
        compressed_size, text, decompressor = 0, b"", zlib.decompressobj(zlib.MAX_WBITS | 16)
        for expected in (b'"jobs-99"', b"PAUSED"):
            while not (expected in text and text.endswith(b"\n\n")):
                chunk = stream.response.read1()
                compressed_size += len(chunk)
                text += decompressor.decompress(chunk)
            scheduler.pause("job-7")
    (message,) = [line for line in text.split(b"\n") if b'"jobs-99"' in line and b"PAUSED" not in line]
    assert json.loads(message.removeprefix(b"data: "))["fragments"].keys() == plain["fragments"].keys()
    assert compressed_size < len(text) / 5
