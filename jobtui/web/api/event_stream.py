"""Events as they happen, by server-sent events."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from aiohttp import web

from jobtui.engine.events import Event
from jobtui.frontend.codec import encode_event
from jobtui.frontend.cooperative import yield_to_others
from jobtui.web.context import ServerContext
from jobtui.web.event_hub import KEPT
from jobtui.web.request_parsing import check_query
from jobtui.web.responses import text_of

KEEPALIVE = 10.0  # seconds; then a comment is sent, so that both ends see whether the other is there
WRITING = 10.0  # seconds for a client to take what it is sent
FEWEST = 10  # events that every client gets in one turn, however many clients there are
_TOGETHER = 2_000  # events that all clients get in one turn
_PIECE = 5  # events that are written until others have a turn: about a quarter of a millisecond


async def open_stream(request: web.Request, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """Begin a stream of server-sent events, with more headers if there are any."""
    response = web.StreamResponse(headers=headers)
    response.headers["Content-Type"] = "text/event-stream; charset=utf-8"
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

    A client gets all that are kept, in order. In a turn of the broadcast it gets only its share of them, so
    that a flood with many clients costs no more than with one: then it gets the latest, and is told how many
    it has missed.

    Args:
        site: The scheduler.
    """

    def __init__(self, site: ServerContext) -> None:
        self._broadcast = site.broadcast
        self._turns = site.turns
        self._pulse = site.source.scheduler.liveness
        self._clients = 0
        self._written: OrderedDict[int, bytes] = OrderedDict()  # by number; the same for all clients

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one client until it goes."""
        check_query(request)
        broadcast = self._broadcast
        last = request.headers.get("Last-Event-ID")
        seen = broadcast.seq if last is None else broadcast.seq_of(last)
        response = await open_stream(request)
        if seen is None or seen > self._pulse().seq:  # of another life of the scheduler, or of none
            seen = broadcast.seq
            await send(response, self._lost(None, seen))
        await send(response, b": jobtui\n\n")
        self._clients += 1
        try:
            while True:
                await self._turns.my_turn()
                events = broadcast.after(seen, max(FEWEST, _TOGETHER // self._clients))
                if broadcast.seq > seen:
                    seen = await self._send(response, seen, events)
                    if broadcast.seq > seen:  # there is more: the rest of its share comes with the next turn
                        await broadcast.wait_beyond(broadcast.seq, broadcast.spacing)
                elif not await broadcast.wait_beyond(seen, KEEPALIVE):
                    await send(response, b":\n\n")
        finally:
            self._clients -= 1
            if not self._clients:
                self._written.clear()

    async def _send(self, response: web.StreamResponse, seen: int, events: Sequence[Event]) -> int:
        """Send a client's share of events, and how many are gone. Returns the last one's number."""
        if not events:
            last = self._broadcast.seq
            await send(response, self._lost(last - seen, last))
            return last
        parts, fresh = [], 0
        for event in events:
            gone = event.seq - seen - 1
            if gone:
                parts.append(self._lost(gone, event.seq - 1))
            seen = event.seq
            if seen not in self._written:
                self._write(event)
                fresh += 1
            parts.append(self._written[seen])
            if fresh == _PIECE:
                fresh = 0
                await yield_to_others()
        await send(response, b"".join(parts))
        return seen

    def _write(self, event: Event) -> None:
        """Write an event as bytes, for the first client that it is sent to and all after it."""
        data = text_of(encode_event(event)).encode("utf-8", "replace")
        head = f"id: {self._broadcast.tag_of(event.seq)}\nevent: {type(event).__name__}\ndata: "
        self._written[event.seq] = head.encode() + data + b"\n\n"
        if len(self._written) > KEPT:
            self._written.popitem(last=False)

    def _lost(self, count: int | None, seq: int) -> bytes:
        """Say that events up to that number were missed, and how many if that is known: look again."""
        return (
            f'id: {self._broadcast.tag_of(seq)}\nevent: lost\ndata: {{"lost":{text_of(count)}}}\n\n'.encode()
        )
