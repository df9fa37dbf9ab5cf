"""The stream of events: in order, without a gap that is not told, and fair to many clients."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest
from support.api_server import API, LIMIT, Client, done, served, validator

from jobtui import Scheduler
from jobtui.web.api import event_stream
from jobtui.web.event_hub import KEPT

EVENT = validator({"$ref": "#/components/schemas/Event"})
LOST = validator({"$ref": "#/components/schemas/Lost"})


class Stream:
    """An open stream, read event by event.

    Args:
        response: What the server sends.
    """

    def __init__(self, response: HTTPResponse) -> None:
        self.response = response
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"

    def lines(self) -> list[str]:
        """The lines up to the next empty one."""
        lines = []
        while (line := self.response.readline().decode()) != "\n":
            assert line, "the stream has ended"
            lines.append(line.rstrip("\n"))
        return lines

    def next(self) -> tuple[str, str, Any]:
        """The next event's tag, name and data, which are as described."""
        while (lines := self.lines())[0].startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in lines)
        data = json.loads(fields["data"])
        if fields["event"] == "lost":
            LOST.validate(data)
        else:
            EVENT.validate(data)
            assert data["type"] == fields["event"]
            assert data["seq"] == seq_of(fields["id"])
        return fields["id"], fields["event"], data

    def until(self, seq: int) -> list[tuple[str, Any]]:
        """The events' names and data, up to the one of that number."""
        events: list[tuple[str, Any]] = []
        while not events or events[-1][1].get("seq", 0) < seq:
            events.append(self.next()[1:])
        return events


def seq_of(tag: str) -> int:
    """The number in a tag."""
    return int(tag.partition("-")[2])


@contextmanager
def following(client: Client, last: str | None = None) -> Iterator[Stream]:
    """A stream that has begun, from the event of a tag on."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.asking("GET", f"{API}/events", headers=headers) as response:
        stream = Stream(response)
        if last is None:
            assert stream.lines() == [": jobtui"]
        yield stream


def nothing() -> None:
    """Do nothing."""


def fail() -> None:
    """Fail."""
    raise ValueError("two\nlines")


@pytest.fixture
def scheduler() -> Scheduler:
    """A scheduler that is not started, with two jobs."""
    scheduler = Scheduler(pool=1, tz="UTC")
    scheduler.schedule("@yearly", nothing)
    scheduler.schedule("@yearly", fail)
    return scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[Client]:
    """A client of a server for that scheduler, which is started."""
    with scheduler, served(scheduler) as client:
        yield client


def test_what_happens_is_told_in_order(client: Client, scheduler: Scheduler) -> None:
    """Each event that the scheduler has comes once, with its number, as it was then."""
    with following(client) as stream:
        done(scheduler.run("fail"))
        scheduler.pause("nothing")
        scheduler.resize(3)
        scheduler.in_("1h", nothing)
        scheduler.job("fail").remove()
        events = stream.until(scheduler.liveness().seq)
    assert [name for name, _ in events] == [
        "RunQueued",
        "RunStarted",
        "RunFinished",
        "JobPaused",
        "PoolResized",
        "JobAdded",
        "RunScheduled",
        "JobRemoved",
    ]
    assert [data["seq"] for _, data in events] == list(range(events[0][1]["seq"], events[-1][1]["seq"] + 1))
    assert events[0][1]["run"]["state"] == "QUEUED"
    assert events[1][1]["run"]["state"] == "RUNNING"
    assert events[2][1]["run"]["error"].endswith("two\nlines")
    assert events[4][1]["size"] == 3


def test_a_client_that_comes_back_misses_nothing_that_is_kept(client: Client, scheduler: Scheduler) -> None:
    """The tag of a look, or of the last event seen, leads on from there, at once and without a gap."""
    tag = client.get("/snapshot").json["tag"]
    runs = [scheduler.run("nothing") for _ in range(200)]
    done(*runs)
    last = scheduler.liveness().seq
    with following(client, tag) as stream:
        events = stream.until(last)
    assert [data["seq"] for _, data in events] == list(range(seq_of(tag) + 1, last + 1))


def test_many_clients_miss_nothing_that_is_kept(client: Client, scheduler: Scheduler) -> None:
    """A share for each in a turn means later, and not never."""
    tag = client.get("/snapshot").json["tag"]
    for _ in range(10):
        done(*[scheduler.run("nothing") for _ in range(50)])
    last = scheduler.liveness().seq
    with following(client, tag) as first, following(client, tag) as second, following(client, tag) as third:
        for stream in (first, second, third):
            events = stream.until(last)
            assert [data["seq"] for _, data in events] == list(range(seq_of(tag) + 1, last + 1))


def test_what_is_gone_is_told_by_its_number(client: Client, scheduler: Scheduler) -> None:
    """The latest 2,000 events are kept; before them comes how many are not."""
    tag = client.get("/snapshot").json["tag"]
    for _ in range(10):
        done(*[scheduler.run("nothing") for _ in range(100)])
    with following(client) as stream:  # until all of it has been read by the server
        scheduler.pause("nothing")
        while stream.next()[1] != "JobPaused":
            pass
    last = scheduler.liveness().seq
    with following(client, tag) as stream:
        at, name, data = stream.next()
        assert name == "lost"
        assert data == {"lost": last - KEPT - seq_of(tag)}
        assert seq_of(at) == last - KEPT  # who comes back here misses it no more
        events = stream.until(last)
    assert [data["seq"] for _, data in events] == list(range(last - KEPT + 1, last + 1))


OTHERS = ["", "x", "0", "deadbeef-1", "{epoch}-999999999", "{epoch}-1e3", f"{{epoch}}-{'9' * 99}"]


@pytest.mark.parametrize("last", OTHERS)
def test_a_tag_that_means_nothing_here_is_told(client: Client, scheduler: Scheduler, last: str) -> None:
    """One of another life, of the future or of nothing: something is lost, and it goes on from now."""
    tag = client.get("/snapshot").json["tag"]
    with following(client, last.format(epoch=tag.partition("-")[0])) as stream:
        at, name, data = stream.next()
        assert (name, data) == ("lost", {"lost": None})
        scheduler.pause("nothing")
        events = stream.until(scheduler.liveness().seq)
    assert [name for name, _ in events][-1] == "JobPaused"
    assert events[0][1]["seq"] == seq_of(at) + 1


def test_a_tag_of_what_has_just_happened_is_no_tag_of_the_future(
    client: Client, scheduler: Scheduler
) -> None:
    """A look may be ahead of what the server has read of the events: nothing is lost, and nothing twice."""
    for _ in range(20):
        scheduler.pause("nothing")
        scheduler.resume("nothing")
        tag = client.get("/snapshot").json["tag"]
        with following(client, tag) as stream:
            scheduler.pause_all()
            _, name, data = stream.next()
            assert (name, data["seq"]) == ("JobPaused", seq_of(tag) + 1)
        scheduler.resume_all()


def test_a_client_that_takes_nothing_holds_nobody_up_and_is_cut_off(
    client: Client, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others get what happens meanwhile; the connection of the slow one is closed."""
    monkeypatch.setattr(event_stream, "WRITING", 0.05)

    def long() -> None:
        raise ValueError("x" * 10_000)  # soon more than the system keeps for a client

    scheduler.schedule("@yearly", long)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(LIMIT)
        slow.connect((str(client.address.host), client.address.port))
        slow.sendall(f"GET {API}/events HTTP/1.1\r\nHost: {client.address.authority}\r\n\r\n".encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        with following(client) as stream:
            for _ in range(20):
                done(*[scheduler.run("long") for _ in range(25)])
                stream.until(scheduler.liveness().seq)
        while slow.recv(65_536):  # what was on its way, and then the end
            pass


def test_a_comment_comes_where_nothing_happens(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends see that the other is still there."""
    monkeypatch.setattr(event_stream, "KEEPALIVE", 0.01)
    with following(client) as stream:
        assert stream.lines() == [":"]
