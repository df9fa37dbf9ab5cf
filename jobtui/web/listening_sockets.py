"""The listening socket. It is bound before the scheduler starts, so that an error stops the start."""

from __future__ import annotations

import os
import socket
import stat
import weakref
from contextlib import suppress
from pathlib import Path

from jobtui.access.addresses import Address, TcpAddress, UnixAddress
from jobtui.access.rules import AccessRules

BACKLOG = 512  # connections that wait to be accepted


class CannotListenError(OSError):
    """The server cannot listen on an address; the message says why, for the user."""


def check_exposure(address: Address, rules: AccessRules) -> None:
    """Check that an address that other machines can reach is protected by credentials.

    Raises:
        CannotListenError: It is not protected.
    """
    if not address.loopback and rules.credentials is None:
        raise CannotListenError(
            f"{_display_name(address)} can be reached by other machines, so it needs jobs.auth.user and "
            "jobs.auth.pass in the settings.\n127.0.0.1 is for this machine alone."
        )


def listen(address: Address) -> tuple[socket.socket, Address]:
    """Bind a socket and listen on it.

    Returns:
        The socket, and its address; if the port was 0, with the port that the system chose.

    Raises:
        CannotListenError: The address is in use, belongs to another machine, or needs permissions.
    """
    try:
        if isinstance(address, UnixAddress):
            bound = _listen_unix(address.path)
            _listening.add(bound)
            return bound, address
        bound = _listen_tcp(address)
    except OSError as error:
        if isinstance(error, CannotListenError):
            raise
        reason = error.strerror or error
        raise CannotListenError(f"cannot listen on {_display_name(address)}: {reason}") from None
    _listening.add(bound)
    return bound, TcpAddress(address.host, bound.getsockname()[1])


_listening: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def _close_inherited() -> None:
    """Close the sockets in a forked child, or the address would be in use for as long as the child lives."""
    for inherited in list(_listening):
        inherited.close()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_close_inherited)


def remove_socket_file(address: Address) -> None:
    """Remove the file of a Unix socket that `listen` created. Does nothing for TCP."""
    if isinstance(address, UnixAddress):
        with suppress(CannotListenError):  # another file has taken its place, and stays
            _remove_stale_socket(address.path)


def _display_name(address: Address) -> str:
    return address.authority if isinstance(address, TcpAddress) else str(address)


def _listen_tcp(address: TcpAddress) -> socket.socket:
    family = socket.AF_INET6 if address.host.version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    return socket.create_server((str(address.host), address.port), family=family, backlog=BACKLOG)


def _listen_unix(path: Path) -> socket.socket:
    """Bind a socket that only its owner can open; the umask sets its mode as the file is created."""
    if not hasattr(socket, "AF_UNIX"):
        raise CannotListenError("Python has no Unix sockets on this system; listen on 127.0.0.1 instead")
    _remove_stale_socket(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous_umask = os.umask(0o177)
    try:
        bound.bind(str(path))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(previous_umask)
    return bound


def _remove_stale_socket(path: Path) -> None:
    """Remove a socket file that an ended process left behind.

    Raises:
        CannotListenError: The file is not a socket, or a process listens on it.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListenError(f"cannot listen on unix:{path}: this file exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise CannotListenError(f"cannot listen on unix:{path}: another process listens on it")
