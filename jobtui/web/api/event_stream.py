"""Events as they occur, by server-sent events."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from aiohttp import web

from jobtui.engine.events import Event
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.json_codec import encode_event
from jobtui.web.event_hub import BUFFER_SIZE
from jobtui.web.request_parsing import CONNECTION, check_query
from jobtui.web.responses import to_json
from jobtui.web.server_context import ServerContext
from jobtui.web.unsent_bytes import UnsentBytes

KEEPALIVE_INTERVAL = 10.0  # seconds until an idle stream gets a comment, which exposes a broken connection
WRITE_TIMEOUT = 10.0  # seconds for a client to accept a piece of a stream
MIN_EVENTS_PER_ROUND = 10  # for each client, however many clients there are
_EVENTS_PER_ROUND = 2_000  # for all clients together
_MAX_PIECE = 256 * 1024  # bytes that a client gets in one round; one more event may exceed it
_CHUNK = 5  # events that are encoded before other threads may run: about a quarter of a millisecond


class StreamResponse:
    """A response of server-sent events to one client.

    Args:
        request: The request.
        unsent_bytes: Counts what waits for clients.
        headers: Additional headers.
    """

    def __init__(
        self, request: web.Request, unsent_bytes: UnsentBytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self._request = request
        self._unsent_bytes = unsent_bytes
        self.response = web.StreamResponse(headers=headers)
        self.response.headers["Content-Type"] = "text/event-stream; charset=utf-8"
        self.response.headers["X-Accel-Buffering"] = "no"  # nginx would buffer the stream

    async def begin(self) -> None:
        """Send the headers."""
        await self.response.prepare(self._request)

    async def send(self, data: bytes) -> None:
        """Send data, and wait until the client has taken most of it.

        Raises:
            ConnectionError: The client has disconnected, or does not read.
        """
        try:
            with self._unsent_bytes.sending(self._request[CONNECTION], len(data)):
                async with asyncio.timeout(WRITE_TIMEOUT):
                    await self.response.write(data)
                    await self._request.writer.drain()
        except TimeoutError:
            raise ConnectionResetError("the client does not read the stream") from None


class EncodedEvents:
    """Keeps events as bytes, so that they are encoded once for all clients.

    Above a limit, the events that were encoded first are dropped.

    Args:
        limit: How many bytes to keep.

    Attributes:
        size: How many bytes there are.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._encoded: OrderedDict[int, bytes] = OrderedDict()  # by event number

    def get(self, seq: int) -> bytes | None:
        """Return the event of a number; None if it is not kept."""
        return self._encoded.get(seq)

    def add(self, seq: int, encoded: bytes) -> None:
        """Keep an event that is not kept yet."""
        self._encoded[seq] = encoded
        self.size += len(encoded)
        while len(self._encoded) > BUFFER_SIZE or self.size > self._limit:
            _, oldest = self._encoded.popitem(last=False)
            self.size -= len(oldest)

    def clear(self) -> None:
        """Drop all events."""
        self._encoded.clear()
        self.size = 0


class EventStream:
    """Sends each client the events since it connected, or since the last one that it received.

    A client gets all events that are still buffered, in order, but in each round of the event hub only its
    share of them. So a flood of events costs no more with many clients than with one. A client that cannot
    keep up gets a ``lost`` event with the number of events that it missed.
    """

    def __init__(self, context: ServerContext) -> None:
        self._event_hub = context.event_hub
        self._staggered = context.staggered
        self._unsent_bytes = context.unsent_bytes
        self._encoded = EncodedEvents(context.access_control.rules.client_bytes // 4)
        self._liveness = context.backend.liveness
        self._clients = 0

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Send events to one client until it disconnects."""
        check_query(request)
        hub = self._event_hub
        last_event_id = request.headers.get("Last-Event-ID")
        last_seq = hub.seq if last_event_id is None else hub.seq_of(last_event_id)
        stream = StreamResponse(request, self._unsent_bytes)
        await stream.begin()
        if last_seq is None or last_seq > self._liveness().seq:  # malformed, or from another epoch
            last_seq = hub.seq
            await stream.send(self._encode_lost(None, last_seq))
        await stream.send(b": jobtui\n\n")
        self._clients += 1
        try:
            while True:
                await self._staggered.my_turn()
                if hub.seq > last_seq:
                    piece, last_seq = await self._next_piece(last_seq)
                    await stream.send(piece)
                    if hub.seq > last_seq:  # the client's share is used up until the next round
                        await hub.wait_for_newer(hub.seq, hub.spacing)
                elif not await hub.wait_for_newer(last_seq, KEEPALIVE_INTERVAL):
                    await stream.send(b":\n\n")
        finally:
            self._clients -= 1
            if not self._clients:
                self._encoded.clear()

    async def _next_piece(self, last_seq: int) -> tuple[bytes, int]:
        """Return the next events of a client as bytes, and the number of the last one.

        A ``lost`` event stands for each gap before them. The client holds no events while it is slow, so that
        the buffer alone bounds their memory.
        """
        share = max(MIN_EVENTS_PER_ROUND, _EVENTS_PER_ROUND // self._clients)
        events = self._event_hub.events_after(last_seq, share)
        if not events:
            last = self._event_hub.seq
            return self._encode_lost(last - last_seq, last), last
        parts, size, new = [], 0, 0
        for event in events:
            missed = event.seq - last_seq - 1
            if missed:
                parts.append(self._encode_lost(missed, event.seq - 1))
            last_seq = event.seq
            encoded = self._encoded.get(last_seq)
            if encoded is None:
                encoded = self._encode_event(event)
                new += 1
            parts.append(encoded)
            size += len(encoded)
            if size >= _MAX_PIECE:
                break
            if new == _CHUNK:
                new = 0
                await yield_to_others()
        return b"".join(parts), last_seq

    def _encode_event(self, event: Event) -> bytes:
        """Encode an event, and keep it for the other clients."""
        data = to_json(encode_event(event)).encode("utf-8", "replace")
        head = f"id: {self._event_hub.tag_of(event.seq)}\nevent: {type(event).__name__}\ndata: "
        encoded = head.encode() + data + b"\n\n"
        self._encoded.add(event.seq, encoded)
        return encoded

    def _encode_lost(self, count: int | None, seq: int) -> bytes:
        """Encode a ``lost`` event for the events up to a number; the count is None if it is unknown."""
        tag = self._event_hub.tag_of(seq)
        return f'id: {tag}\nevent: lost\ndata: {{"lost":{to_json(count)}}}\n\n'.encode()
