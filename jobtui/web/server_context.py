"""The objects that all request handlers share."""

from __future__ import annotations

from dataclasses import dataclass

from jobtui.frontend.backend import ObservableBackend
from jobtui.frontend.cooperative import Staggered
from jobtui.runtime.clock import Clock
from jobtui.web.connection_limit import ConnectionLimit
from jobtui.web.event_hub import EventHub
from jobtui.web.security.access_control import AccessControl
from jobtui.web.unsent_bytes import UnsentBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """One scheduler and the server in front of it.

    Attributes:
        backend: The scheduler.
        event_hub: Its events, read once for all clients.
        access_control: Checks requests.
        connections: The limit on open connections.
        unsent_bytes: The limit on responses that wait for clients.
        staggered: Serializes clients that wake at the same time.
        clock: The source of time.
        cookie_name: The name of the session cookie.
        has_addresses: Whether clients have addresses, unlike those of Unix sockets and of this process.
    """

    backend: ObservableBackend
    event_hub: EventHub
    access_control: AccessControl
    connections: ConnectionLimit
    unsent_bytes: UnsentBytes
    staggered: Staggered
    clock: Clock
    cookie_name: str
    has_addresses: bool
