"""The event stream: order, gaps, reconnecting, many clients, slow clients."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest
from support.api_server import API, LIMIT, ApiClient, make_validator, serving_api, wait_ended

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.web.api import event_stream
from jobtui.web.event_hub import BUFFER_SIZE, EventHub

EVENT = make_validator({"$ref": "#/components/schemas/Event"})
LOST = make_validator({"$ref": "#/components/schemas/Lost"})


class EventReader:
    """Reads an open stream event by event, and asserts that each matches the description.

    Args:
        response: The stream.
    """

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"

    def read_lines(self) -> list[str]:
        """Return the lines up to the next empty one."""
        lines = []
        while (line := self._response.readline().decode()) != "\n":
            assert line, "the stream has ended"
            lines.append(line.rstrip("\n"))
        return lines

    def read_event(self) -> tuple[str, str, Any]:
        """Return the next event's tag, name and data."""
        while (lines := self.read_lines())[0].startswith(":"):
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

    def read_until(self, seq: int) -> list[tuple[str, Any]]:
        """Return the names and data of the events up to a number."""
        events: list[tuple[str, Any]] = []
        while not events or events[-1][1].get("seq", 0) < seq:
            events.append(self.read_event()[1:])
        return events


def seq_of(tag: str) -> int:
    """Return the event number in a tag."""
    return int(tag.partition("-")[2])


@contextmanager
def event_stream_of(client: ApiClient, last: str | None = None) -> Iterator[EventReader]:
    """Open a stream of the events from now on, or of those after a tag."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.open_request("GET", f"{API}/events", headers=headers) as response:
        reader = EventReader(response)
        if last is None:
            assert reader.read_lines() == [": jobtui"]
        yield reader


def nothing() -> None:
    """Do nothing."""


def fail() -> None:
    """Raise an exception whose message has two lines."""
    raise ValueError("two\nlines")


@pytest.fixture
def scheduler() -> Scheduler:
    """Make a scheduler with two jobs, which is not started."""
    scheduler = Scheduler(pool=1, tz="UTC")
    scheduler.schedule("@yearly", nothing)
    scheduler.schedule("@yearly", fail)
    return scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[ApiClient]:
    """Start the scheduler and a server for it."""
    with scheduler, serving_api(scheduler) as client:
        yield client


def test_every_event_is_sent_once_and_in_order(client: ApiClient, scheduler: Scheduler) -> None:
    """Each event has the job or run as it was at that event."""
    with event_stream_of(client) as stream:
        wait_ended(scheduler.run("fail"))
        scheduler.pause("nothing")
        scheduler.resize(3)
        scheduler.in_("1h", nothing)
        scheduler.job("fail").remove()
        events = stream.read_until(scheduler.liveness().seq)
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


def test_a_client_that_reconnects_gets_all_events_since_its_tag(
    client: ApiClient, scheduler: Scheduler
) -> None:
    """The tag may be that of a snapshot or that of the last event received."""
    tag = client.get("/snapshot").json["tag"]
    runs = [scheduler.run("nothing") for _ in range(200)]
    wait_ended(*runs)
    last = scheduler.liveness().seq
    with event_stream_of(client, tag) as stream:
        events = stream.read_until(last)
    assert [data["seq"] for _, data in events] == list(range(seq_of(tag) + 1, last + 1))


def test_many_clients_each_get_all_buffered_events(client: ApiClient, scheduler: Scheduler) -> None:
    """A client that has used up its share of a round gets the rest in later rounds."""
    tag = client.get("/snapshot").json["tag"]
    for _ in range(10):
        wait_ended(*[scheduler.run("nothing") for _ in range(50)])
    last = scheduler.liveness().seq
    with (
        event_stream_of(client, tag) as first,
        event_stream_of(client, tag) as second,
        event_stream_of(client, tag) as third,
    ):
        for stream in (first, second, third):
            events = stream.read_until(last)
            assert [data["seq"] for _, data in events] == list(range(seq_of(tag) + 1, last + 1))


def test_a_client_within_the_buffer_loses_nothing_while_more_events_occur(scheduler: Scheduler) -> None:
    """The hub skips events only if the next round will push them out of the buffer anyway."""

    async def scenario() -> None:
        hub = EventHub(LocalBackend(scheduler, ""), lambda _event: None)
        first = hub.seq + 1
        reading = asyncio.create_task(hub.read_forever())
        emit_events(scheduler, 500)
        assert await hub.wait_for_newer(first + 498, LIMIT)
        reading.cancel()
        emit_events(scheduler, 1)  # the hub has not read it yet
        assert [event.seq for event in hub.events_after(first - 1, 100)] == [*range(first, first + 100)]
        emit_events(scheduler, BUFFER_SIZE)
        assert [event.seq for event in hub.events_after(first - 1, 100)] == [*range(first + 400, first + 500)]
        hub.close()

    asyncio.run(scenario())


def emit_events(scheduler: Scheduler, count: int) -> None:
    """Make a scheduler emit as many events."""
    for _ in range(count):
        scheduler.resize(scheduler.pool_view().size + 1)


def test_a_client_that_reconnects_too_late_gets_the_number_of_lost_events(
    client: ApiClient, scheduler: Scheduler
) -> None:
    """The latest 2,000 events are buffered; a `lost` event with the number of older ones precedes them."""
    tag = client.get("/snapshot").json["tag"]
    for _ in range(10):
        wait_ended(*[scheduler.run("nothing") for _ in range(100)])
    with event_stream_of(client) as stream:  # wait until the server has read all events
        scheduler.pause("nothing")
        while stream.read_event()[1] != "JobPaused":
            pass
    last = scheduler.liveness().seq
    with event_stream_of(client, tag) as stream:
        at, name, data = stream.read_event()
        assert name == "lost"
        assert data == {"lost": last - BUFFER_SIZE - seq_of(tag)}
        assert seq_of(at) == last - BUFFER_SIZE  # a client that reconnects with this tag loses nothing
        events = stream.read_until(last)
    assert [data["seq"] for _, data in events] == list(range(last - BUFFER_SIZE + 1, last + 1))


INVALID_TAGS = ["", "x", "0", "deadbeef-1", "{epoch}-999999999", "{epoch}-1e3", f"{{epoch}}-{'9' * 99}"]


@pytest.mark.parametrize("last", INVALID_TAGS)
def test_an_invalid_last_event_id_is_answered_with_a_lost_event(
    client: ApiClient, scheduler: Scheduler, last: str
) -> None:
    """A tag of another epoch, of the future or without meaning: the stream continues with the next event."""
    tag = client.get("/snapshot").json["tag"]
    with event_stream_of(client, last.format(epoch=tag.partition("-")[0])) as stream:
        at, name, data = stream.read_event()
        assert (name, data) == ("lost", {"lost": None})
        scheduler.pause("nothing")
        events = stream.read_until(scheduler.liveness().seq)
    assert [name for name, _ in events][-1] == "JobPaused"
    assert events[0][1]["seq"] == seq_of(at) + 1


def test_a_client_with_a_tag_newer_than_the_event_hub_gets_every_later_event(
    client: ApiClient, scheduler: Scheduler
) -> None:
    """A snapshot may include events that the server has not read yet; none is lost or repeated."""
    for _ in range(20):
        scheduler.pause("nothing")
        scheduler.resume("nothing")
        tag = client.get("/snapshot").json["tag"]
        with event_stream_of(client, tag) as stream:
            scheduler.pause_all()
            _, name, data = stream.read_event()
            assert (name, data["seq"]) == ("JobPaused", seq_of(tag) + 1)
        scheduler.resume_all()


def test_a_client_that_does_not_read_is_disconnected_and_delays_no_other(
    client: ApiClient, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other client gets all events in the meantime."""
    monkeypatch.setattr(event_stream, "WRITE_TIMEOUT", 0.05)

    def long() -> None:
        raise ValueError("x" * 10_000)  # soon more than the socket's buffer

    scheduler.schedule("@yearly", long)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(LIMIT)
        slow.connect((str(client.address.host), client.address.port))
        slow.sendall(f"GET {API}/events HTTP/1.1\r\nHost: {client.address.authority}\r\n\r\n".encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        with event_stream_of(client) as stream:
            for _ in range(20):
                wait_ended(*[scheduler.run("long") for _ in range(25)])
                stream.read_until(scheduler.liveness().seq)
        while slow.recv(65_536):  # the rest of the socket's buffer, then the end
            pass


def test_an_idle_stream_gets_comments(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """They expose a broken connection to both ends."""
    monkeypatch.setattr(event_stream, "KEEPALIVE_INTERVAL", 0.01)
    with event_stream_of(client) as stream:
        assert stream.read_lines() == [":"]
