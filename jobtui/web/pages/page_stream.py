"""The status page as it changes, by server-sent events."""

from __future__ import annotations

import json

from aiohttp import web

from jobtui.web.api.event_stream import KEEPALIVE_INTERVAL, open_stream, send_bytes
from jobtui.web.context import ServerContext
from jobtui.web.pages.compression import GZIP, GZIP_BEGIN, squeezed, takes_gzip, unpacked
from jobtui.web.pages.page_state import PageState

_RETRY = b"retry: 1000\n\n"  # milliseconds until a browser that has lost us tries again
_RELOAD = b"event: reload\ndata: 1\n\n"


class PageStream:
    """Sends every browser what has changed since the version that it has.

    Args:
        site: The scheduler.
        board: What there is to see.
    """

    def __init__(self, site: ServerContext, board: PageState) -> None:
        self._site = site
        self._board = board

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one browser until it goes."""
        board = self._board
        part = request.query.get("part", "")
        seen = board.version_of(request.headers.get("Last-Event-ID") or request.query.get("after", ""))
        gzip = takes_gzip(request)
        pack = squeezed if gzip else unpacked
        response = await open_stream(request, GZIP if gzip else None)
        begin = GZIP_BEGIN if gzip else b""
        if seen is None:  # of another life of the scheduler: its parts and its form are not ours
            await send_bytes(response, begin + pack(_RELOAD))
            return response
        await send_bytes(response, begin + pack(_RETRY))
        moved = False
        while True:
            await board.renew(seen)
            await self._site.staggered.my_turn()
            news, seen = board.news(seen, part, pack), board.version
            if news or not moved:
                await send_bytes(response, pack(self._pulse()) + news)
            moved = await self._site.event_hub.wait_for_newer(board.seq, KEEPALIVE_INTERVAL)

    def _pulse(self) -> bytes:
        """What time it is, and when the timer last woke: the browser counts on from there."""
        now = self._site.clock.now()
        offset = self._board.at.utcoffset()
        pulse = {
            "now": now,
            "offset": 0 if offset is None else offset.total_seconds(),
            "heartbeat": self._board.heartbeat,
        }
        return f"event: pulse\ndata: {json.dumps(pulse)}\n\n".encode()
