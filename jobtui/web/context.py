"""What the parts of the server share: the scheduler, who may come in, and the broadcast of events."""

from __future__ import annotations

from dataclasses import dataclass

from jobtui.frontend.backend import LocalBackend
from jobtui.frontend.cooperative import Staggered
from jobtui.runtime.clock import Clock
from jobtui.web.connection_limit import Connections
from jobtui.web.event_hub import EventHub
from jobtui.web.security.access_control import AccessControl


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """One scheduler on the web.

    Attributes:
        source: The scheduler, as a dashboard sees and steers it.
        broadcast: Its events, read once for all clients.
        gate: The access rules.
        connections: How many clients there are.
        turns: In which they are served.
        clock: Where the time comes from.
        cookie: The name of the cookie by which a browser is known.
    """

    source: LocalBackend
    broadcast: EventHub
    gate: AccessControl
    connections: Connections
    turns: Staggered
    clock: Clock
    cookie: str
