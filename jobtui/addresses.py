"""Where something listens: a loopback port, another address of the machine, or a Unix socket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from jobtui.core.errors import quoted

DEFAULT_PORT = 9001

_PORT = re.compile("[0-9]{1,5}")
_LARGEST_PORT = 65535
_LONGEST_PATH = 103  # bytes; Linux takes 107, macOS 103
_EXAMPLES = f"127.0.0.1:{DEFAULT_PORT}, [::1]:{DEFAULT_PORT} or unix:/run/jobtui.sock"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """An address and a port.

    Attributes:
        host: The address to bind to.
        port: The port; 0 lets the system choose a free one.
    """

    host: IPv4Address | IPv6Address
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host.is_loopback

    @property
    def authority(self) -> str:
        """Address and port as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"  # noqa: PLR2004 - IPv6

    def __str__(self) -> str:
        """The URL of the status page."""
        return f"http://{self.authority}/@jobs"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix socket, which only its owner can open.

    Attributes:
        path: Where it is.
    """

    path: Path

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it: always."""
        return True

    def __str__(self) -> str:
        """As it is given to ``--listen`` and to ``jobtui attach``."""
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse_address(text: str) -> Address:
    """Reads an address to listen on: ``127.0.0.1:9001``, ``[::1]:9001``, ``localhost:9001`` or ``unix:PATH``.

    Raises:
        ValueError: It is none; the message, a sentence without its end, says what is wrong and what is meant.
    """
    if text.startswith("unix:"):
        return UnixAddress(_socket_path(text.removeprefix("unix:")))
    host, colon, port = text.rpartition(":")
    if _PORT.fullmatch(text):
        raise ValueError(f"{quoted(text)} is a port without an address; did you mean 127.0.0.1:{text}?")
    if colon and not host:
        raise ValueError(f"{quoted(text)} has no address before the port; did you mean 127.0.0.1{text}?")
    if not colon or (":" in host and not host.startswith("[")) or host.endswith(":"):
        raise ValueError(f"{quoted(text)} is not an address and a port, such as {_EXAMPLES}")
    if not _PORT.fullmatch(port) or int(port) > _LARGEST_PORT:
        raise ValueError(f"{quoted(port)} is not a port: a number from 0 to {_LARGEST_PORT}")
    return TcpAddress(_host(host), int(port))


def _host(text: str) -> IPv4Address | IPv6Address:
    if text == "localhost":
        return IPv4Address("127.0.0.1")
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return ip_address(bare)
    except ValueError:
        raise ValueError(
            f"{quoted(text)} is not an address of this machine: write it in numbers, such as {_EXAMPLES}"
        ) from None


def _socket_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("unix: needs the path of a socket, such as unix:/run/jobtui.sock")
    if len(text.encode(errors="replace")) > _LONGEST_PATH:
        raise ValueError(f"the path of a socket has at most {_LONGEST_PATH} bytes; this one is longer")
    return Path(text)
