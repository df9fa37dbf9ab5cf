"""The limit on the memory of responses that wait for clients."""

from __future__ import annotations

from contextlib import ExitStack

from jobtui.web.connection_limit import Connection
from jobtui.web.unsent_bytes import UnsentBytes


class FakeConnection(Connection):
    """A connection that records whether it was aborted."""

    aborted = False

    def abort(self) -> None:
        """Record the call."""
        self.aborted = True


def test_above_the_limit_the_clients_that_were_slow_for_longest_are_disconnected() -> None:
    """As many as necessary, and no others."""
    unsent = UnsentBytes(100)
    clients = [FakeConnection() for _ in range(5)]
    with ExitStack() as stack:
        for client in clients[:3]:
            stack.enter_context(unsent.sending(client, 30))
        with unsent.sending(clients[3], 50):
            assert [client.aborted for client in clients] == [True, True, False, False, False]
        with unsent.sending(clients[4], 70):
            assert [client.aborted for client in clients] == [True, True, False, False, False]


def test_a_response_that_is_larger_than_the_limit_is_sent_if_it_is_alone() -> None:
    """Otherwise a low limit would make large responses impossible."""
    unsent = UnsentBytes(100)
    first, second = FakeConnection(), FakeConnection()
    with unsent.sending(first, 1_000):
        assert not first.aborted
        with unsent.sending(second, 1_000):
            assert (first.aborted, second.aborted) == (True, False)
    third = FakeConnection()
    with unsent.sending(third, 50), unsent.sending(first, 50):
        assert not third.aborted
