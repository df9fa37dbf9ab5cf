"""Which connection is closed for a new one, once as many as allowed are open."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from jobtui.web.connection_limit import ConnectionLimit

LIMIT = 4
ATTACKER, OTHER = "203.0.113.9", "198.51.100.7"


class FakeTransport(asyncio.Transport):
    """A connection from an address."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 5_000)})
        self.is_aborted = False

    def abort(self) -> None:
        """Note that the server has closed the connection."""
        self.is_aborted = True


class Connections:
    """Connections below a limit, by name.

    Attributes:
        limit: Counts them.
        transports: The connections, in the order of their opening.
    """

    def __init__(self) -> None:
        self.limit = ConnectionLimit(LIMIT)
        self.transports: dict[str, FakeTransport] = {}
        self._requests = ExitStack()

    def open(self, name: str, peer: str = ATTACKER, **state: bool) -> bool:
        """Open a connection; return whether it is admitted. `trusted` and `busy` describe its request."""
        transport = self.transports[name] = FakeTransport(peer)
        admitted = self.limit.add_connection(transport)
        if state:
            request = self.limit.request_in_progress(transport, complete=state.get("busy", False))
            self._requests.enter_context(request).trusted = state.get("trusted", False)
        return admitted

    @property
    def closed(self) -> list[str]:
        """The names of the connections that were closed."""
        return [name for name, transport in self.transports.items() if transport.is_aborted]


@pytest.fixture
def connections() -> Connections:
    """Return no connections yet."""
    return Connections()


@pytest.mark.parametrize("busy", [True, False])
def test_a_client_without_credentials_displaces_no_trusted_connection(
    connections: Connections, *, busy: bool
) -> None:
    """Not even an idle one, and although its own connections have requests in progress."""
    connections.open("owner", OTHER, trusted=True, busy=False)
    for number in range(LIMIT * 2):
        assert connections.open(f"guess {number}", trusted=False, busy=busy)
    assert connections.closed == [f"guess {number}" for number in range(LIMIT + 1)]
    assert connections.limit.count == LIMIT


def test_of_the_untrusted_ones_the_address_with_most_loses_one(connections: Connections) -> None:
    """Another client that logs in slowly keeps its connection, although that is the first."""
    connections.open("slow login", OTHER, busy=False)
    for number in range(LIMIT):
        connections.open(f"guess {number}", busy=True)
    assert connections.closed == ["guess 0"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("127.0.0.2", "127.0.0.3"),
        ("2001:db8::1", "2001:db8::2"),
        ("::ffff:127.0.0.2", "::1"),
    ],
)
def test_addresses_that_one_client_may_have_count_as_one(
    connections: Connections, one: str, two: str
) -> None:
    """All of a machine's own, and all of an IPv6 site."""
    connections.open("login", OTHER, busy=False)
    connections.open("other", "198.51.100.8", busy=False)
    connections.open("one", one, busy=False)
    connections.open("two", two, busy=False)
    connections.open("new", OTHER)
    assert connections.closed == ["one"]


def test_of_one_address_the_connection_without_a_complete_request_is_closed(connections: Connections) -> None:
    for name, busy in (("first", True), ("slow", False), ("third", True), ("fourth", True)):
        connections.open(name, busy=busy)
    connections.open("new")
    assert connections.closed == ["slow"]


def test_a_trusted_connection_that_waits_for_a_request_is_closed_for_another_trusted_one(
    connections: Connections,
) -> None:
    """One with a request in progress is never closed: the new connection is rejected."""
    for name, busy in (("stream", True), ("idle", False), ("third", True), ("fourth", True)):
        connections.open(name, trusted=True, busy=busy)
    assert connections.open("new", trusted=True, busy=True)
    assert connections.closed == ["idle"]
    assert not connections.open("one too many")
    assert connections.limit.count == LIMIT
