"""Events as they occur, by server-sent events."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from aiohttp import web

from jobtui.engine.events import Event
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.json_codec import encode_event
from jobtui.web.event_hub import BUFFER_SIZE
from jobtui.web.request_parsing import check_query
from jobtui.web.responses import to_json
from jobtui.web.server_context import ServerContext

KEEPALIVE_INTERVAL = 10.0  # seconds until an idle stream gets a comment, which exposes a broken connection
WRITE_TIMEOUT = 10.0  # seconds for a client to accept a piece of a stream
MIN_EVENTS_PER_ROUND = 10  # for each client, however many clients there are
_EVENTS_PER_ROUND = 2_000  # for all clients together
_CHUNK = 5  # events that are encoded before other threads may run: about a quarter of a millisecond


async def open_stream(request: web.Request, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """Start a response of server-sent events, with additional headers."""
    response = web.StreamResponse(headers=headers)
    response.headers["Content-Type"] = "text/event-stream; charset=utf-8"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would buffer the stream
    await response.prepare(request)
    return response


async def send_bytes(response: web.StreamResponse, data: bytes) -> None:
    """Write to a stream.

    Raises:
        ConnectionError: The client has disconnected, or does not read.
    """
    try:
        async with asyncio.timeout(WRITE_TIMEOUT):
            await response.write(data)
    except TimeoutError:
        raise ConnectionResetError("the client does not read the stream") from None


class EventStream:
    """Sends each client the events since it connected, or since the last one that it received.

    A client gets all events that are still buffered, in order, but in each round of the event hub only its
    share of them. So a flood of events costs no more with many clients than with one. A client that cannot
    keep up gets a ``lost`` event with the number of events that it missed.
    """

    def __init__(self, context: ServerContext) -> None:
        self._event_hub = context.event_hub
        self._staggered = context.staggered
        self._liveness = context.backend.liveness
        self._clients = 0
        self._encoded: OrderedDict[int, bytes] = OrderedDict()  # by event number, for all clients

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Send events to one client until it disconnects."""
        check_query(request)
        hub = self._event_hub
        last_event_id = request.headers.get("Last-Event-ID")
        last_seq = hub.seq if last_event_id is None else hub.seq_of(last_event_id)
        response = await open_stream(request)
        if last_seq is None or last_seq > self._liveness().seq:  # malformed, or from another epoch
            last_seq = hub.seq
            await send_bytes(response, self._encode_lost(None, last_seq))
        await send_bytes(response, b": jobtui\n\n")
        self._clients += 1
        try:
            while True:
                await self._staggered.my_turn()
                events = hub.events_after(
                    last_seq, max(MIN_EVENTS_PER_ROUND, _EVENTS_PER_ROUND // self._clients)
                )
                if hub.seq > last_seq:
                    last_seq = await self._send_events(response, last_seq, events)
                    if hub.seq > last_seq:  # the client's share is used up until the next round
                        await hub.wait_for_newer(hub.seq, hub.spacing)
                elif not await hub.wait_for_newer(last_seq, KEEPALIVE_INTERVAL):
                    await send_bytes(response, b":\n\n")
        finally:
            self._clients -= 1
            if not self._clients:
                self._encoded.clear()

    async def _send_events(self, response: web.StreamResponse, last_seq: int, events: Sequence[Event]) -> int:
        """Send events, with a ``lost`` event for each gap before them. Returns the last event's number."""
        if not events:
            last = self._event_hub.seq
            await send_bytes(response, self._encode_lost(last - last_seq, last))
            return last
        parts, new = [], 0
        for event in events:
            missed = event.seq - last_seq - 1
            if missed:
                parts.append(self._encode_lost(missed, event.seq - 1))
            last_seq = event.seq
            if last_seq not in self._encoded:
                self._encode_event(event)
                new += 1
            parts.append(self._encoded[last_seq])
            if new == _CHUNK:
                new = 0
                await yield_to_others()
        await send_bytes(response, b"".join(parts))
        return last_seq

    def _encode_event(self, event: Event) -> None:
        """Encode an event and keep it for the other clients."""
        data = to_json(encode_event(event)).encode("utf-8", "replace")
        head = f"id: {self._event_hub.tag_of(event.seq)}\nevent: {type(event).__name__}\ndata: "
        self._encoded[event.seq] = head.encode() + data + b"\n\n"
        if len(self._encoded) > BUFFER_SIZE:
            self._encoded.popitem(last=False)

    def _encode_lost(self, count: int | None, seq: int) -> bytes:
        """Encode a ``lost`` event for the events up to a number; the count is None if it is unknown."""
        tag = self._event_hub.tag_of(seq)
        return f'id: {tag}\nevent: lost\ndata: {{"lost":{to_json(count)}}}\n\n'.encode()
