"""A limit on the memory of responses that wait for clients to take them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobtui.web.connection_limit import Connection


class UnsentBytes:
    """Counts the bytes that are being sent to all clients together.

    Above the limit, the clients that have been slow for longest are disconnected. A response that is larger
    than the limit is sent if it is the only one.

    Args:
        limit: How many bytes may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0
        self._sending: dict[Connection, int] = {}  # waiting for longest first

    @contextmanager
    def sending(self, connection: Connection, size: int) -> Iterator[None]:
        """Count a response, or a piece of one, while it is sent to a connection in the block."""
        self._sending[connection] = size
        self._total += size
        while self._total > self._limit and (slowest := next(iter(self._sending))) is not connection:
            self._forget(slowest)
            slowest.abort()
        try:
            yield
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._total -= self._sending.pop(connection, 0)
