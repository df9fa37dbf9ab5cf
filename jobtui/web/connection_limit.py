"""A limit on open connections, so that many slow clients use up neither file descriptors nor the server."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import cast

from jobtui.access.rules import IpAddress, address_group

MAX_CONNECTIONS = 256
_SEND_BUFFER = 128 * 1024  # bytes in the kernel, which doubles it; by itself it would keep several megabytes


@dataclass(slots=True, eq=False, kw_only=True)
class Connection:
    """An open connection.

    Attributes:
        transport: The connection itself; None in tests that have none.
        group: The addresses that count as one client, with the client's own.
        trusted: Whether the latest request with credentials had the right ones. Without rules that require
            credentials, every request counts as one that had them.
        busy: Whether a complete request is in progress.
    """

    transport: asyncio.Transport | None = None
    group: Hashable = None
    trusted: bool = False
    busy: bool = False

    def abort(self) -> None:
        """Close the connection at once. What was written, but not sent, is dropped."""
        if self.transport is not None:
            self.transport.abort()


class ConnectionLimit:
    """Counts open connections and rejects or closes those above the limit.

    At the limit, a new connection replaces another one: the first, in the order of their opening or latest
    request, of

    1. the connections that are not trusted, of those from the addresses that have most of them, those without
       a complete request first. So clients without credentials displace only each other;
    2. the trusted connections that wait for a request or for the rest of one.

    If every connection is trusted and has a complete request in progress, the new one gets status 503.

    Args:
        limit: How many connections may be open at once.
    """

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._open: dict[asyncio.Transport, Connection] = {}  # in the order of opening or the latest request

    @property
    def count(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def wrap(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """Return a protocol for a new connection that counts the connection while it is open."""
        return _LimitedProtocol(self, protocol)

    @contextmanager
    def request_in_progress(
        self, transport: asyncio.Transport | None, *, complete: bool
    ) -> Iterator[Connection]:
        """Yield the connection of a request, which is busy at most until the end of the block.

        Args:
            transport: The connection; None if it has just been closed.
            complete: Whether the whole request has arrived. Otherwise set `Connection.busy` when it has.
        """
        connection = (self._open.get(transport) if transport else None) or Connection(transport=transport)
        connection.busy = complete
        try:
            yield connection
        finally:
            connection.busy = False
            if transport in self._open:
                self._open[transport] = self._open.pop(transport)

    def add_connection(self, transport: asyncio.Transport) -> bool:
        """Count a new connection. Returns False if the limit is reached and none can be closed for it."""
        if len(self._open) >= self._limit:
            replaced = self._find_replaceable()
            if replaced is None:
                return False
            del self._open[replaced]
            replaced.abort()
        group = address_group(_address_of(transport))
        self._open[transport] = Connection(transport=transport, group=group)
        return True

    def _find_replaceable(self) -> asyncio.Transport | None:
        """Return the connection to close for a new one, or None; see the class."""
        untrusted = [(key, each) for key, each in self._open.items() if not each.trusted]
        if untrusted:
            sizes = Counter(each.group for _, each in untrusted)
            return max(untrusted, key=lambda item: (sizes[item[1].group], not item[1].busy))[0]
        return next((key for key, each in self._open.items() if not each.busy), None)

    def remove_connection(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has been closed."""
        self._open.pop(transport, None)

    def abort_all(self) -> None:
        """Close all connections at once, including those with a request in progress."""
        for transport in tuple(self._open):
            transport.abort()


def _address_of(transport: asyncio.Transport) -> IpAddress | None:
    """Return the address at the other end; None for a Unix socket."""
    peer = transport.get_extra_info("peername")
    return ip_address(peer[0]) if isinstance(peer, tuple) else None


class _LimitedProtocol(asyncio.Protocol):
    """Passes everything on to another protocol, unless the limit rejects the connection."""

    def __init__(self, connections: ConnectionLimit, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if (connection := transport.get_extra_info("socket")) is not None:
            # A client that does not read is noticed when this is full.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
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
