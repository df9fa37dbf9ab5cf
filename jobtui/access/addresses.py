"""Where something listens: a loopback port, another address of the machine, or a Unix socket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from jobtui.schedules.bad_spec import quote_text

DEFAULT_PORT = 9001

_PORT = re.compile("[0-9]{1,5}")
_LARGEST_PORT = 65535
_LONGEST_PATH = 103  # bytes; Linux takes 107, macOS 103
_LONGEST_IP = 64  # characters, with brackets and the name of an interface, which could be anything
_EXAMPLES = f"127.0.0.1:{DEFAULT_PORT}, [::1]:{DEFAULT_PORT} or unix:/run/jobtui.sock"
_URL = re.compile(r"https?://(?P<authority>[^/?#]*).*|(?P<before_path>[^/?#]+)/.*", re.IGNORECASE | re.DOTALL)


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
            It never repeats a password that stands in the text.
    """
    if text.startswith("unix:"):
        return UnixAddress(_socket_path(text.removeprefix("unix:")))
    address = _tcp(text)
    if address is None:
        raise ValueError(_problem(text))
    return address


def _tcp(text: str) -> TcpAddress | None:
    host, _, port = text.rpartition(":")
    address = IPv4Address("127.0.0.1") if host.lower() == "localhost" else _ip(host)
    if address is None or not _is_port(port) or (address.version == 6) != host.startswith("["):  # noqa: PLR2004 - IPv6
        return None
    # Who writes ::ffff:127.0.0.1 means 127.0.0.1, and no IPv6 socket can be bound to it.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return TcpAddress(mapped or address, int(port))


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, with or without brackets."""
    if len(text) > _LONGEST_IP or not text.isprintable():
        return None
    try:
        return ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return None


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= _LARGEST_PORT


def _problem(text: str) -> str:
    """Says what is wrong with a text that is no address and port."""
    if url := _URL.fullmatch(text):
        authority = url["authority"] or url["before_path"] or ""
        return "write the address and the port without the rest of a URL" + _meant(
            authority.rpartition("@")[2]
        )
    if "@" in text:
        return (
            "an address to listen on has no user or password in it; "
            "in the settings these are jobs.auth.user and jobs.auth.pass"
        )
    host, colon, port = text.rpartition(":")
    if not colon or _ip(text) is not None or text.startswith("/"):
        return f"{quote_text(text)} is not an address and a port, such as {_EXAMPLES}{_meant(text)}"
    if not _is_port(port):
        return f"{quote_text(port)} is not a port: a number from 0 to {_LARGEST_PORT}"
    if host in ("", "*"):
        return (
            f"{quote_text(text)} has no address before the port; did you mean 127.0.0.1:{port}, "
            f"or 0.0.0.0:{port} for every address of this machine?"
        )
    return f"{quote_text(host)} is not an address of this machine: write it in numbers, such as {_EXAMPLES}"


def _meant(text: str) -> str:
    """Offers the address that a text has the parts of: a port, an address, both without brackets, a path."""
    if text.startswith("/"):
        return f"; did you mean unix:{text}?" if text.isprintable() and len(text) <= _LONGEST_PATH else ""
    address, (host, _, port) = _ip(text), text.rpartition(":")
    candidates = [text, f"[{host}]:{port}", f"127.0.0.1:{text}", f"{text}:{DEFAULT_PORT}"]
    if address is not None:
        candidates.append(TcpAddress(address, DEFAULT_PORT).authority)
    meant = next((candidate for candidate in candidates if _tcp(candidate) is not None), None)
    return f"; did you mean {meant}?" if meant else ""


def _socket_path(text: str) -> Path:
    if not text:
        raise ValueError("unix: needs the path of a socket, such as unix:/run/jobtui.sock")
    if not text.isprintable():
        raise ValueError("the path of the socket has characters in it that cannot be printed")
    if len(text.encode()) > _LONGEST_PATH:
        raise ValueError(f"the path of a socket has at most {_LONGEST_PATH} bytes; this one is longer")
    return Path(text)
