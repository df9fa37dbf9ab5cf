"""The page's event stream: each browser gets the fragments that have changed since its version."""

from __future__ import annotations

import json
import zlib

from aiohttp import web

from jobtui.web.api.event_stream import KEEPALIVE_INTERVAL, StreamResponse
from jobtui.web.pages.page_state import PageState
from jobtui.web.response_encoding import accepts_gzip
from jobtui.web.server_context import ServerContext

_RETRY = b"retry: 1000\n\n"  # milliseconds until a browser that lost the connection reconnects
_RELOAD = b"event: reload\ndata: 1\n\n"
_GZIP_HEADERS = {"Content-Encoding": "gzip"}
_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"  # deflate, no name, no time, unknown system (RFC 1952)
_FASTEST = 1


class PageStream:
    """Sends each browser the fragments that have changed since the version that it has."""

    def __init__(self, context: ServerContext, page_state: PageState) -> None:
        self._context = context
        self._page_state = page_state

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one browser until it disconnects."""
        state = self._page_state
        only_row = request.query.get("row", "")
        base = state.version_of(request.headers.get("Last-Event-ID") or request.query.get("after", ""))
        gzip = accepts_gzip(request)
        encode = gzip_chunk if gzip else identity
        stream = StreamResponse(request, self._context.unsent_bytes, _GZIP_HEADERS if gzip else None)
        await stream.begin()
        begin = _GZIP_HEADER if gzip else b""
        if base is None:  # from another lifetime of the scheduler: the page's ids are not ours
            await stream.send(begin + encode(_RELOAD))
            return stream.response
        await stream.send(begin + encode(_RETRY))
        has_events = False
        while True:
            await state.refresh(base)
            await self._context.staggered.my_turn()
            diff, base = state.diff_since(base, only_row, encode), state.version
            if diff or not has_events:
                await stream.send(encode(self._clock_event()) + diff)
            has_events = await self._context.event_hub.wait_for_newer(state.seq, KEEPALIVE_INTERVAL)

    def _clock_event(self) -> bytes:
        """Return an event with the time and the latest heartbeat; the script counts on from there."""
        state = self._page_state
        clock = {"now": self._context.clock.now(), "offset": state.offset, "heartbeat": state.heartbeat}
        return f"event: clock\ndata: {json.dumps(clock)}\n\n".encode()


def gzip_chunk(data: bytes) -> bytes:
    """Compress a chunk so that it fits into any gzip stream: it refers to no earlier chunk.

    A stream is `_GZIP_HEADER` and any number of chunks, without an end.
    """
    compressor = zlib.compressobj(_FASTEST, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)


def identity(data: bytes) -> bytes:
    """Return a chunk as it is, for clients that do not accept gzip."""
    return data
