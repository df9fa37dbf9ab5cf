"""A server on a loopback port, and requests written by hand, from wherever a test says they come."""

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
from jobtui.frontend.backend import LocalBackend
from jobtui.runtime.clock import Clock
from jobtui.web.server import Server

PAGE = "/@jobs"
Header = tuple[str, str]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, or ""."""
        found = [line for line in self.head.splitlines() if line.lower().startswith(f"{name.lower()}:")]
        return found[0].partition(":")[2].strip() if found else ""


def basic(user: str, password: str) -> Header:
    """The header that carries credentials."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def request(
    address: Address, method: str = "GET", path: str = PAGE, headers: Sequence[Header] = (), body: bytes = b""
) -> Reply:
    """Send one request, with these headers and no other, and read the whole answer."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "Connection: close", "", ""])
    return exchange(address, head.encode("latin-1") + body)


def exchange(address: Address, sent: bytes) -> Reply:
    """Send some bytes, and read until the other end closes."""
    with connected(address) as client:
        client.sendall(sent)
        received = b""
        while part := client.recv(65_536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return Reply(int(head.split(b" ", 2)[1]) if head else 0, head.decode("latin-1"), body)


@contextmanager
def connected(address: Address) -> Iterator[socket.socket]:
    """A connection to a server."""
    if isinstance(address, TcpAddress):
        with socket.create_connection((str(address.host), address.port), timeout=30) as client:
            yield client
    else:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(address.path))
            yield client


@contextmanager
def serving(
    access: AccessRules | None = None,
    *,
    scheduler: Scheduler | None = None,
    listen: str = "127.0.0.1:0",
    clock: Clock | None = None,
) -> Iterator[Server]:
    """A server on a scheduler with one job, ``tick``, that is never due."""
    if scheduler is None:
        scheduler = Scheduler(tz="UTC")
        scheduler.schedule("0 0 30 2 *", lambda: None, name="tick")
    with (
        scheduler,
        Server(
            LocalBackend(scheduler, "jobs.py"), parse_address(listen), access=access, clock=clock
        ) as server,
    ):
        yield server


@contextmanager
def coming_from(peer: str | None) -> Iterator[None]:
    """Let every request seem to come from an address; None for a Unix socket."""
    address: IpAddress | None = None if peer is None else ip_address(peer)
    with patch("jobtui.web.application.peer_of", lambda _request: address):
        yield
