"""A server on a loopback port, and requests whose every byte a test chooses."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from unittest.mock import patch

from jobtui import Scheduler
from jobtui.access.addresses import Address, TcpAddress, parse_address
from jobtui.access.rules import AccessRules, IpAddress
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import Clock
from jobtui.web.server import Server

LIMIT = 90.0  # seconds for an answer, also on a busy machine
PAGE = "/@jobs"
HOST = ("Host", "127.0.0.1")
Header = tuple[str, str]


@dataclass(frozen=True)
class RawResponse:
    """The status, the head and the body of a response."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header, or ""."""
        found = [line for line in self.head.splitlines() if line.lower().startswith(f"{name.lower()}:")]
        return found[0].partition(":")[2].strip() if found else ""


def basic(user: str, password: str) -> Header:
    """Return the Authorization header with credentials."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def request(
    address: Address, method: str = "GET", path: str = PAGE, headers: Sequence[Header] = (), body: bytes = b""
) -> RawResponse:
    """Send one request with these headers and no others, and return the response."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "Connection: close", "", ""])
    return exchange(address, head.encode("latin-1") + body)


def exchange(address: Address, data: bytes) -> RawResponse:
    """Send bytes, and read until the server closes the connection."""
    with connection_to(address) as client:
        client.sendall(data)
        received = b""
        while part := client.recv(65_536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return RawResponse(int(head.split(b" ", 2)[1]) if head else 0, head.decode("latin-1"), body)


@contextmanager
def connection_to(address: Address) -> Iterator[socket.socket]:
    """Connect to a server."""
    if isinstance(address, TcpAddress):
        with socket.create_connection((str(address.host), address.port), timeout=LIMIT) as client:
            yield client
    else:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT)
            client.connect(str(address.path))
            yield client


@contextmanager
def running_server(
    access: AccessRules | None = None,
    *,
    scheduler: Scheduler | None = None,
    listen: str = "127.0.0.1:0",
    clock: Clock | None = None,
) -> Iterator[Server]:
    """Run a server and its scheduler; by default, a scheduler with one job, ``tick``, that is never due."""
    if scheduler is None:
        scheduler = Scheduler(tz="UTC")
        scheduler.schedule("0 0 30 2 *", lambda: None, name="tick")
    backend = LocalBackend(scheduler, "jobs.py")
    with scheduler, Server(backend, parse_address(listen), access=access, clock=clock) as server:
        yield server


@contextmanager
def requests_from(peer: str | None) -> Iterator[None]:
    """Make every request appear to come from an address; None for a Unix socket."""
    address: IpAddress | None = None if peer is None else ip_address(peer)
    with patch("jobtui.web.application.peer_of", lambda _request: address):
        yield
