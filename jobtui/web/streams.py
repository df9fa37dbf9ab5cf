"""Events as they happen, by server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from aiohttp import web

from jobtui.core.events import Event
from jobtui.web.requests import check_query
from jobtui.web.site import Site
from jobtui.web.wire import write_event

KEEPALIVE = 10.0  # seconds; then a comment is sent, so that both ends see whether the other is there
WRITING = 10.0  # seconds for a client to take what it is sent
FEWEST = 50  # events that every client gets in one turn, however many clients there are
_TOGETHER = 2_000  # events that all clients get in one turn


async def open_stream(request: web.Request) -> web.StreamResponse:
    """Begin a stream of server-sent events."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep it until it is full
    await response.prepare(request)
    return response


async def send(response: web.StreamResponse, data: bytes) -> None:
    """Send something, in the time that a client has to take it.

    Raises:
        ConnectionError: It has gone, or does not take it.
    """
    try:
        async with asyncio.timeout(WRITING):
            await response.write(data)
    except TimeoutError:
        raise ConnectionResetError("the client does not take what it is sent") from None


class EventStream:
    """Sends every client the events since it came, or since the one that it saw last.

    Args:
        site: The scheduler.
    """

    def __init__(self, site: Site) -> None:
        self._broadcast = site.broadcast
        self._clients = 0
        self._latest: tuple[int, int, int] = (0, 0, 0)  # which events those bytes are
        self._latest_bytes = b""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one client until it goes."""
        check_query(request)
        broadcast = self._broadcast
        last = request.headers.get("Last-Event-ID")
        seen = broadcast.seq if last is None else broadcast.seq_of(last)
        response = await open_stream(request)
        if seen is None:  # of another life of the scheduler
            await send(response, self._lost(None))
            seen = broadcast.seq
        await send(response, b": jobtui\n\n")
        self._clients += 1
        try:
            while True:
                events = broadcast.after(seen, max(FEWEST, _TOGETHER // self._clients))
                if broadcast.seq > seen:
                    seen = await self._send(response, seen, events)
                elif not await broadcast.wait_beyond(seen, KEEPALIVE):
                    await send(response, b":\n\n")
        finally:
            self._clients -= 1

    async def _send(self, response: web.StreamResponse, seen: int, events: Sequence[Event]) -> int:
        """Send events, and how many there were before them that are gone. Returns the last one's number."""
        latest = events[-1].seq if events else self._broadcast.seq
        lost = latest - seen - len(events)
        gap = self._lost(lost) if lost else b""
        await send(response, gap + self._written(events))
        return latest

    def _written(self, events: Sequence[Event]) -> bytes:
        """Events as bytes; most clients are at the same place, and it is the same for all of them."""
        if not events:
            return b""
        these = events[0].seq, events[-1].seq, len(events)
        if these != self._latest:
            self._latest_bytes = b"".join(map(self._event, events))
            self._latest = these
        return self._latest_bytes

    def _event(self, event: Event) -> bytes:
        data = json.dumps(write_event(event), separators=(",", ":"))
        tag = self._broadcast.tag_of(event.seq)
        return f"id: {tag}\nevent: {type(event).__name__}\ndata: {data}\n\n".encode()

    def _lost(self, count: int | None) -> bytes:
        """Say that something was missed: read the snapshot again."""
        return f'event: lost\ndata: {{"lost":{json.dumps(count)}}}\n\n'.encode()
