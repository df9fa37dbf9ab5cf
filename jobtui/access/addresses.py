"""The address that a server listens on: a loopback port, another address of the machine, or a Unix socket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from jobtui.schedules.bad_spec import quote_text

DEFAULT_PORT = 9001

_PORT = re.compile("[0-9]{1,5}")
_MAX_PORT = 65535
MAX_SOCKET_PATH = 103  # bytes; Linux allows 107, macOS 103
_MAX_IP = 64  # characters, with brackets and an interface name, which could be anything
_EXAMPLES = f"127.0.0.1:{DEFAULT_PORT}, [::1]:{DEFAULT_PORT} or unix:/run/jobtui.sock"
_URL = re.compile(r"https?://(?P<authority>[^/?#]*).*|(?P<before_path>[^/?#]+)/.*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """An IP address and a port."""

    host: IPv4Address | IPv6Address
    port: int  # with 0 the system chooses a free one

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host.is_loopback

    @property
    def authority(self) -> str:
        """Host and port as in a URL."""
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"  # noqa: PLR2004 - IPv6

    def __str__(self) -> str:
        """Return the URL of the status page."""
        return f"http://{self.authority}/@jobs"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix socket, which only its owner can open."""

    path: Path

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it: always True."""
        return True

    def __str__(self) -> str:
        """Return the form that ``--listen`` and ``jobtui attach`` accept."""
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse_address(text: str) -> Address:
    """Parse an address to listen on: ``127.0.0.1:9001``, ``[::1]:9001``, ``localhost:9001`` or ``unix:PATH``.

    Raises:
        ValueError: The text is not such an address. The message, a sentence without its full stop, says what
            is wrong and what was probably meant. It never repeats a password in the text.
    """
    if text.startswith("unix:"):
        return UnixAddress(_parse_socket_path(text.removeprefix("unix:")))
    address = _parse_tcp(text)
    if address is None:
        raise ValueError(_problem_of(text))
    return address


def _parse_tcp(text: str) -> TcpAddress | None:
    host, _, port = text.rpartition(":")
    address = IPv4Address("127.0.0.1") if host.lower() == "localhost" else _parse_ip(host)
    if address is None or not _is_port(port) or (address.version == 6) != host.startswith("["):  # noqa: PLR2004 - IPv6
        return None
    # ::ffff:127.0.0.1 means 127.0.0.1, and an IPv6 socket cannot be bound to it.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return TcpAddress(mapped or address, int(port))


def _parse_ip(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an IP address, with or without brackets."""
    if len(text) > _MAX_IP or not text.isprintable():
        return None
    try:
        return ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return None


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= _MAX_PORT


def _problem_of(text: str) -> str:
    """Return what is wrong with a text that is not an IP address and a port."""
    if url := _URL.fullmatch(text):
        authority = url["authority"] or url["before_path"] or ""
        suggestion = _suggestion(authority.rpartition("@")[2])
        return f"write only the address and the port, not a whole URL{suggestion}"
    if "@" in text:
        return (
            "an address to listen on must not contain a user name or a password; "
            "set jobs.auth.user and jobs.auth.pass instead"
        )
    host, colon, port = text.rpartition(":")
    if not colon or _parse_ip(text) is not None or text.startswith("/"):
        return f"{quote_text(text)} is not an address and a port, such as {_EXAMPLES}{_suggestion(text)}"
    if not _is_port(port):
        return f"{quote_text(port)} is not a port: a number from 0 to {_MAX_PORT}"
    if host in ("", "*"):
        return (
            f"{quote_text(text)} has no address before the port; did you mean 127.0.0.1:{port}, "
            f"or 0.0.0.0:{port} for every address of this machine?"
        )
    return f"{quote_text(host)} is not an IP address of this machine, such as {_EXAMPLES}"


def _suggestion(text: str) -> str:
    """Return "; did you mean ...?" for a port, a host, both without brackets, or a path, else ""."""
    if text.startswith("/"):
        return f"; did you mean unix:{text}?" if text.isprintable() and len(text) <= MAX_SOCKET_PATH else ""
    address, (host, _, port) = _parse_ip(text), text.rpartition(":")
    candidates = [text, f"[{host}]:{port}", f"127.0.0.1:{text}", f"{text}:{DEFAULT_PORT}"]
    if address is not None:
        candidates.append(TcpAddress(address, DEFAULT_PORT).authority)
    meant = next((candidate for candidate in candidates if _parse_tcp(candidate) is not None), None)
    return f"; did you mean {meant}?" if meant else ""


def _parse_socket_path(text: str) -> Path:
    if not text:
        raise ValueError("unix: must be followed by the path of a socket, as in unix:/run/jobtui.sock")
    if not text.isprintable():
        raise ValueError("the path of the socket contains characters that cannot be printed")
    if len(text.encode()) > MAX_SOCKET_PATH:
        raise ValueError(f"the path of the socket has more than {MAX_SOCKET_PATH} bytes")
    return Path(text)
