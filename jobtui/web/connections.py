"""A limit on connections: a crowd of slow clients takes neither the files that jobs need, nor the page."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

MOST = 256


class Connections:
    """Counts connections, and knows those that have not asked for anything yet.

    Where there are too many, the one that has been silent for longest makes room; where all have asked for
    something, the new one is turned away.

    Args:
        most: How many there may be at once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._silent: OrderedDict[asyncio.BaseTransport, None] = OrderedDict()
        self._open = 0

    def counted(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """A protocol for a new connection, with its beginning and its end counted."""
        return _Counted(self, protocol)

    def heard(self, transport: asyncio.BaseTransport | None) -> None:
        """A connection has asked for something."""
        if transport is not None:
            self._silent.pop(transport, None)

    def opened(self, transport: asyncio.BaseTransport) -> bool:
        """Count a connection. Returns whether there is room for it."""
        if self._open >= self._most:
            if not self._silent:
                return False
            silent, _ = self._silent.popitem(last=False)
            assert isinstance(silent, asyncio.Transport)
            silent.abort()
        self._open += 1
        self._silent[transport] = None
        return True

    def closed(self, transport: asyncio.BaseTransport) -> None:
        """A connection that was counted has ended."""
        self._open -= 1
        self._silent.pop(transport, None)


class _Counted(asyncio.Protocol):
    """A protocol with the beginning and the end of its connection counted.

    Args:
        connections: Counts.
        inner: Does everything else.
    """

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._transport: asyncio.BaseTransport | None = None  # of a connection that was let in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._connections.opened(transport):
            self._transport = transport
            self._inner.connection_made(transport)
        else:
            assert isinstance(transport, asyncio.Transport)
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.closed(self._transport)
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> None:
        if self._transport is not None:
            self._inner.eof_received()

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._inner.resume_writing()


_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 21\r\n\r\ntoo many connections\n"
)
