"""A limit on connections: a crowd of slow clients takes neither the files that jobs need, nor the page."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 256


class Connections:
    """Counts connections, and knows those of which no request is being answered.

    Where there are too many, the one that has been silent for longest makes room; where all are busy, the
    new one is turned away.

    Args:
        most: How many there may be at once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: set[asyncio.BaseTransport] = set()
        self._silent: OrderedDict[asyncio.BaseTransport, None] = OrderedDict()

    def counted(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """A protocol for a new connection, with its beginning and its end counted."""
        return _Counted(self, protocol)

    @contextmanager
    def busy(self, transport: asyncio.BaseTransport | None) -> Iterator[None]:
        """A request of a connection is being answered, for as long as this lasts."""
        if transport is not None:
            self._silent.pop(transport, None)
        try:
            yield
        finally:
            if transport in self._open:
                self._silent[transport] = None

    def opened(self, transport: asyncio.BaseTransport) -> bool:
        """Count a connection. Returns whether there is room for it."""
        if len(self._open) >= self._most:
            if not self._silent:
                return False
            silent, _ = self._silent.popitem(last=False)
            self._open.discard(silent)
            assert isinstance(silent, asyncio.Transport)
            silent.abort()
        self._open.add(transport)
        self._silent[transport] = None
        return True

    def hang_up(self) -> None:
        """End all connections, whatever is going on there."""
        for transport in tuple(self._open):
            assert isinstance(transport, asyncio.Transport)
            transport.abort()

    def closed(self, transport: asyncio.BaseTransport) -> None:
        """A connection has ended."""
        self._open.discard(transport)
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
