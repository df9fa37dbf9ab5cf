"""The stream by which the page stays as the scheduler is."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.status_page import LIMIT, LOCKED, Stream, Tree, Visitor, serving, streaming

from jobtui import Scheduler
from jobtui.engine.views import Snapshot
from jobtui.web.pages.template_renderer import RenderFragment, TemplateRenderer


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that runs, with two jobs that are due by hand only."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def visitor(scheduler: Scheduler) -> Iterator[Visitor]:
    """Somebody who visits its page."""
    with serving(scheduler) as visitor:
        yield visitor


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What jobs wait for; opened at the end, whatever happens."""
    gate = threading.Event()
    yield gate
    gate.set()


class Screen:
    """What a browser shows: the parts that it has, and their order."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}

    def apply(self, data: Any) -> None:
        """Put in what was sent."""
        self.parts |= data["fragments"]
        self.lists |= data["lists"]

    def rows(self, name: str) -> list[str]:
        """What the rows of a list read."""
        return [Tree(self.parts[row]).root.words for row in self.lists.get(name, [])]


def until(stream: Stream, screen: Screen, wanted: Any) -> list[Any]:
    """Follow a stream until the screen shows something; returns what was sent."""
    sent = []
    for _, data in stream.messages():
        sent.append(data)
        screen.apply(data)
        if wanted():
            return sent
    pytest.fail("the stream has ended")


def test_a_run_that_starts_and_ends_is_sent(
    scheduler: Scheduler, visitor: Visitor, gate: threading.Event
) -> None:
    """Its job's row, its own row, the pool; and then its end, with the reason."""
    job = scheduler.every("1h", lambda: gate.wait(LIMIT), name="slow")
    page = visitor.get().page
    row = page.one("tbody", id="jobs-rows").one("tr").attributes["id"]
    screen = Screen()
    with streaming(visitor, page) as stream:
        scheduler.now(job)
        until(stream, screen, lambda: any("slow" in each for each in screen.rows("running")))
        assert "▶ RUNNING" in screen.parts[row].replace("</span>", "")
        assert "1/2" in screen.parts["pool"]
        gate.set()
        until(stream, screen, lambda: any("✓ OK slow #1" in each for each in screen.rows("recent")))
        assert screen.rows("running") == []


def test_only_what_has_changed_is_sent(scheduler: Scheduler, visitor: Visitor) -> None:
    """The other jobs' rows, and lists whose order is the same, are not sent again."""
    for number in range(20):
        scheduler.every("1h", print, name=f"job-{number}")
    page = visitor.get().page
    rows = {row.one("th").words: row.attributes["id"] for row in page.one("tbody", id="jobs-rows").children}
    with streaming(visitor, page) as stream:
        scheduler.pause("job-7")
        _, data = next(stream.messages())
    jobs = [each for each in data["fragments"] if each.startswith("jobs-")]
    assert jobs == [rows["job-7"]]
    assert data["lists"].keys() <= {"upcoming"}


def test_a_job_that_comes_or_goes_is_sent(scheduler: Scheduler, visitor: Visitor) -> None:
    """The order tells which rows there are."""
    first = scheduler.every("1h", print, name="first")
    page = visitor.get("/@jobs?q=f").page
    screen = Screen()
    with streaming(visitor, page) as stream:
        until(stream, screen, lambda: len(screen.rows("jobs")) == 1)
        scheduler.every("1h", print, name="second")
        until(stream, screen, lambda: len(screen.rows("jobs")) == 2)
        first.remove()
        until(stream, screen, lambda: len(screen.rows("jobs")) == 1)
        assert "second" in screen.rows("jobs")[0]


def test_who_comes_back_gets_what_was_missed(scheduler: Scheduler, visitor: Visitor) -> None:
    """A browser says what it saw last, and gets what has changed since, and no more."""
    for name in ("one", "two"):
        scheduler.every("1h", print, name=name)
    page = visitor.get().page
    with streaming(visitor, page) as stream:
        scheduler.pause("one")
        tag, _ = next(stream.messages())
    scheduler.pause("two")
    stream = Stream(visitor, "/@jobs/live?after=nonsense", {"Last-Event-ID": tag})
    _, data = next(stream.messages())
    stream.close()
    jobs = [html for part, html in data["fragments"].items() if part.startswith("jobs-")]
    assert len(jobs) == 1
    assert "two" in jobs[0]


@pytest.mark.parametrize("tag", ["", "0000-1", "nonsense", "-", "{epoch}-99999", "{epoch}--1", "{epoch}-1e3"])
def test_a_page_of_another_life_is_told_to_load_again(visitor: Visitor, tag: str) -> None:
    """Its parts have other ids and its form another token: nothing of it can be kept."""
    epoch = visitor.get().page.one("body").attributes["data-tag"].partition("-")[0]
    stream = Stream(visitor, "/@jobs/live", {"Last-Event-ID": tag.format(epoch=epoch)})
    assert [kind for kind, _, _ in stream.events()] == ["reload"]
    stream.close()


def test_the_stream_tells_the_time_first(scheduler: Scheduler, visitor: Visitor) -> None:
    """The server's clock, its zone's offset and the timer's heartbeat: the page counts on from there."""
    with streaming(visitor, visitor.get().page) as stream:
        kind, _, pulse = next(stream.events())
    assert kind == "clock"
    heartbeat = scheduler.snapshot().heartbeat
    assert heartbeat is not None
    assert pulse["heartbeat"] == pytest.approx(heartbeat.timestamp(), abs=60)
    assert pulse["now"] >= pulse["heartbeat"]
    assert pulse["offset"] == 0


def test_a_page_about_one_job_hears_of_that_job_alone(scheduler: Scheduler, visitor: Visitor) -> None:
    """And of what is on top of every page."""
    for name in ("one", "two"):
        scheduler.every("1h", print, name=name)
    page = visitor.get("/@jobs/jobs/two").page
    part = page.one("body").attributes["data-refetch"]
    with streaming(visitor, page) as stream:
        messages = stream.messages()
        scheduler.pause("one")
        _, data = next(messages)
        assert data == {"lists": {}, "fragments": {"totals": data["fragments"]["totals"]}}
        scheduler.pause("two")
        _, data = next(messages)
        assert data["fragments"].keys() == {"totals", part}


def test_what_is_sent_has_no_token(scheduler: Scheduler, visitor: Visitor) -> None:
    """It is the same for everybody, so nobody's secrets can be in it."""
    scheduler.every("1h", print, name="backup")
    page = visitor.get("/@jobs?q=b").page
    token = page.one("input", name="token").attributes["value"]
    with streaming(visitor, page) as stream:
        _, data = next(stream.messages())
    assert data["fragments"]
    assert token not in str(data)
    assert visitor.cookies[visitor.cookie] not in str(data)


def test_a_change_is_drawn_once_for_all_who_look(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With twenty browsers, a change costs as many pictures and drawings as with one."""
    pictures: list[Snapshot] = []
    snapshot = scheduler.snapshot

    def taken() -> Snapshot:
        pictures.append(snapshot())
        return pictures[-1]

    monkeypatch.setattr(scheduler, "snapshot", taken)
    drawn: list[str] = []
    part = TemplateRenderer.fragment_macro

    def counted(looks: TemplateRenderer, name: str) -> RenderFragment:
        draw = part(looks, name)

        def count(part_id: str, view: Any, now: Any) -> Any:
            drawn.append(part_id)
            return draw(part_id, view, now)

        return count

    monkeypatch.setattr(TemplateRenderer, "fragment_macro", counted)
    for name in ("one", "two"):
        scheduler.every("1h", print, name=name)
    with serving(scheduler) as visitor, ExitStack() as open_streams:
        page = visitor.get().page
        row = page.one("tbody", id="jobs-rows").all("tr")[0].attributes["id"]
        streams = [open_streams.enter_context(streaming(visitor, page)).messages() for _ in range(20)]
        drawn.clear()
        pictures.clear()
        scheduler.pause("one")
        for messages in streams:
            _, data = next(messages)
            assert row in data["fragments"]
        assert drawn.count(row) == 1
        assert len(pictures) <= 2, "one, and on a very slow machine one more that looks for the heartbeat"


def test_the_stream_is_for_who_has_logged_in(scheduler: Scheduler) -> None:
    """It shows what the page shows."""
    with serving(scheduler, LOCKED) as visitor:
        assert visitor.get("/@jobs/live", {"Accept": "text/event-stream"}).status == 401
        visitor.log_in()
        with streaming(visitor, visitor.get().page) as stream:
            assert next(stream.events())[0] == "clock"


def test_only_the_stream_itself_can_be_asked_for(visitor: Visitor) -> None:
    """HEAD would wait for the end of what has none."""
    assert visitor.ask("HEAD", "/@jobs/live").status == 405


def test_what_is_sent_is_small_for_who_takes_it_so(scheduler: Scheduler, visitor: Visitor) -> None:
    """A browser gets it packed, piece by piece: each can be read as soon as it is there."""
    for number in range(100):
        scheduler.every("1h", print, name=f"job-{number}")
    with streaming(visitor, visitor.get("/@jobs?q=job").page) as stream:
        plain = next(iter(stream.messages()))
    with streaming(visitor, visitor.get("/@jobs?q=job").page, headers={"Accept-Encoding": "gzip"}) as stream:
        assert stream.response.headers["Content-Encoding"] == "gzip"
        squeezed, text, unpack = 0, b"", zlib.decompressobj(zlib.MAX_WBITS | 16)
        for wanted in (b'"jobs-99"', b"PAUSED"):
            while not (wanted in text and text.endswith(b"\n\n")):
                piece = stream.response.read1()
                squeezed += len(piece)
                text += unpack.decompress(piece)
            scheduler.pause("job-7")
    (message,) = [line for line in text.split(b"\n") if b'"jobs-99"' in line and b"PAUSED" not in line]
    assert json.loads(message.removeprefix(b"data: "))["fragments"].keys() == plain[1]["fragments"].keys()
    assert squeezed < len(text) / 5
