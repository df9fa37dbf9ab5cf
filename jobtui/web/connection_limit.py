"""A limit on open connections, so that many slow clients use up neither file descriptors nor the server."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

MAX_CONNECTIONS = 256


class ConnectionLimit:
    """Counts open connections and rejects or closes those above the limit.

    At the limit, a new connection replaces the one that has been idle for longest. If every connection has a
    request in progress, the new one gets status 503.

    Args:
        limit: How many connections may be open at once.
    """

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._open: set[asyncio.Transport] = set()
        self._idle: OrderedDict[asyncio.Transport, None] = OrderedDict()  # idle for longest first

    @property
    def count(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def wrap(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """Return a protocol for a new connection that counts the connection while it is open."""
        return _LimitedProtocol(self, protocol)

    @contextmanager
    def request_in_progress(self, transport: asyncio.Transport | None) -> Iterator[None]:
        """Protect a connection from being closed as idle, for the duration of the block."""
        if transport is not None:
            self._idle.pop(transport, None)
        try:
            yield
        finally:
            if transport in self._open:
                self._idle[transport] = None

    def add_connection(self, transport: asyncio.Transport) -> bool:
        """Count a new connection. Returns False if the limit is reached and no connection is idle."""
        if len(self._open) >= self._limit:
            if not self._idle:
                return False
            idle, _ = self._idle.popitem(last=False)
            self._open.discard(idle)
            idle.abort()
        self._open.add(transport)
        self._idle[transport] = None
        return True

    def remove_connection(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has been closed."""
        self._open.discard(transport)
        self._idle.pop(transport, None)

    def abort_all(self) -> None:
        """Close all connections at once, including those with a request in progress."""
        for transport in tuple(self._open):
            transport.abort()


class _LimitedProtocol(asyncio.Protocol):
    """Passes everything on to another protocol, unless the limit rejects the connection."""

    def __init__(self, connections: ConnectionLimit, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._connections.add_connection(self._transport):
            self._inner = asyncio.Protocol()  # does nothing
            self._transport.write(_REJECTION)
            self._transport.close()
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove_connection(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> None:
        self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


_REJECTION = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 21\r\n\r\ntoo many connections\n"
)
