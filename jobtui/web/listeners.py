"""The socket that is listened on: bound before anything starts, so that a mistake is seen at once."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from jobtui.access.addresses import Address, TcpAddress, UnixAddress
from jobtui.access.rules import AccessRules

BACKLOG = 512  # connections that wait to be taken


class CannotListenError(OSError):
    """An address cannot be listened on; the message says why."""


def check_exposure(address: Address, access: AccessRules) -> None:
    """See that what other machines can reach asks for credentials.

    Raises:
        CannotListenError: It does not.
    """
    if not address.loopback and access.credentials is None:
        raise CannotListenError(
            f"{address.authority if isinstance(address, TcpAddress) else address} can be reached by other "
            "machines, so it needs jobs.auth.user and jobs.auth.pass in the settings.\n"
            "127.0.0.1 is for this machine alone."
        )


def listen(address: Address) -> tuple[socket.socket, Address]:
    """Bind and listen.

    Returns:
        The socket, and its address with the port that the system chose, where it did.

    Raises:
        CannotListenError: It is taken, not ours, or not to be had.
    """
    try:
        if isinstance(address, UnixAddress):
            return _unix(address.path), address
        bound = _tcp(address)
    except OSError as error:
        if isinstance(error, CannotListenError):
            raise
        raise CannotListenError(f"cannot listen on {_shown(address)}: {error.strerror or error}") from None
    return bound, TcpAddress(address.host, bound.getsockname()[1])


def forget(address: Address) -> None:
    """Take away what `listen` has left in the file system."""
    if isinstance(address, UnixAddress):
        with suppress(CannotListenError):  # somebody else has put something of his own there
            _clear(address.path)


def _shown(address: Address) -> str:
    return address.authority if isinstance(address, TcpAddress) else str(address)


def _tcp(address: TcpAddress) -> socket.socket:
    family = socket.AF_INET6 if address.host.version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    return socket.create_server((str(address.host), address.port), family=family, backlog=BACKLOG)


def _unix(path: Path) -> socket.socket:
    """A socket that nobody else can open, at no time: it gets its mode with its name."""
    if not hasattr(socket, "AF_UNIX"):
        raise CannotListenError("Python has no Unix sockets on this system; listen on 127.0.0.1 instead")
    _clear(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _clear(path: Path) -> None:
    """Take away a socket that a process has left behind; leave anything else where it is."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListenError(f"cannot listen on unix:{path}: this is no socket, and it is left alone")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise CannotListenError(f"cannot listen on unix:{path}: another process does")
