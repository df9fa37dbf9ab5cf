"""``jobtui attach``: from what the user typed to a connection, before the screen is taken."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from getpass import getpass
from urllib.parse import SplitResult, unquote, urlsplit

from yarl import URL

from jobtui.access.addresses import DEFAULT_PORT, UnixAddress, parse_address
from jobtui.frontend.backend import Backend
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line
from jobtui.remote.http_client import Credentials, Target, UnauthorizedError
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.schedules.bad_spec import quote_text

MOST_ATTEMPTS = 3
BAD_USAGE = 2  # the exit status, as for everything that is wrong with the command line

_EXAMPLES = f"127.0.0.1:{DEFAULT_PORT}, http://127.0.0.1:{DEFAULT_PORT}/@jobs or unix:/run/jobtui.sock"


class CannotAttachError(Exception):
    """There is nothing to attach to; the message says why."""


def attach(text: str, show: Callable[[Backend], int]) -> int:
    """Attach to a scheduler in another process, or say on standard error why that cannot be.

    Args:
        text: Where it listens: ``http://127.0.0.1:9001``, ``127.0.0.1:9001``, ``unix:PATH``.
        show: Shows it until the user has seen enough. Returns the exit status.

    Returns:
        The exit status.
    """
    try:
        source = connect(text)
    except CannotAttachError as error:
        write_line(sys.stderr, f"jobtui: {printable(str(error))}")
        return BAD_USAGE
    try:
        return show(source)
    finally:
        source.close()


def connect(text: str) -> RemoteBackend:
    """Connect to a scheduler in another process.

    User and password are those in the URL, else those in the environment (JOBTUI_USER, JOBTUI_PASSWORD);
    where the server wants them and there are none, the user is asked, three times at most.

    Args:
        text: Where it listens, as for `attach`.

    Raises:
        CannotAttachError: That is no address, nothing listens there, or it does not let this one in.
    """
    try:
        target, user, password = parse_target(text)
    except ValueError as error:
        raise CannotAttachError(str(error)) from None
    user = user or os.environ.get("JOBTUI_USER", "")
    password = password or os.environ.get("JOBTUI_PASSWORD", "")
    if user and password:
        return _connected(target, Credentials(user, password))
    try:
        return _connected(target, None)
    except _UnknownError as error:
        if not sys.stdin or not sys.stdin.isatty():
            raise CannotAttachError(
                f"{target} wants a user and a password: put them into JOBTUI_USER and JOBTUI_PASSWORD"
            ) from error
    return _asked(target, user)


def _asked(target: Target, known_user: str) -> RemoteBackend:
    """Ask the user for the credentials until they are right."""
    write_line(sys.stderr, f"jobtui: {target} wants a user and a password")
    for attempt in range(1, MOST_ATTEMPTS + 1):
        try:
            user = known_user or input("user: ")
            credentials = Credentials(user, getpass("password: "))
        except EOFError:
            break
        try:
            return _connected(target, credentials)
        except _UnknownError as error:
            if attempt == MOST_ATTEMPTS:
                raise
            write_line(sys.stderr, f"jobtui: {error}")
    raise CannotAttachError("without a user and a password there is no way in")


class _UnknownError(CannotAttachError):
    """The server does not know who asks."""


def _connected(target: Target, credentials: Credentials | None) -> RemoteBackend:
    source = RemoteBackend(target, credentials)
    try:
        source.connect()
    except UnauthorizedError as error:
        raise _UnknownError(str(error)) from None
    except ConnectionRefusedError as error:
        raise CannotAttachError(f"nothing listens at {target} ({error.args[0]})") from None
    except (OSError, LookupError, RuntimeError, ValueError) as error:
        said = str(error.args[0])
        how = "refuses" if isinstance(error, PermissionError) else "cannot be attached to"
        raise CannotAttachError(f"{target} {how}: {said}") from None
    return source


def parse_target(text: str) -> tuple[Target, str, str]:
    """Reads what the user typed.

    Returns:
        The server, and the user and the password in its URL, or "".

    Raises:
        ValueError: It is no address; the message says what is wrong, and never repeats a password.
    """
    if text.startswith("unix:"):
        address = parse_address(text)
        assert isinstance(address, UnixAddress)
        return Target(origin="http://localhost", socket=address.path), "", ""
    url = _split(text)
    host, port = url.hostname, _port(url)
    if url.scheme not in ("http", "https"):
        raise ValueError(f"{quote_text(url.scheme)} is not http, https or unix; write it as {_EXAMPLES}")
    if not host:
        raise ValueError(f"there is no address in it; write it as {_EXAMPLES}")
    if url.path.rstrip("/") not in ("", "/@jobs") or url.query or url.fragment:
        raise ValueError("nothing but /@jobs may stand behind the address")
    if port is None and "://" not in text:
        raise ValueError(f"there is no port in it; did you mean {host}:{DEFAULT_PORT}?")
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if ":" in user:
        raise ValueError("a user with a colon in its name cannot log in")
    try:
        origin = str(URL.build(scheme=url.scheme, host=host, port=port))
    except ValueError:
        raise ValueError(f"{quote_text(host)} is no name of a machine") from None
    return Target(origin=origin), user, password


def _split(text: str) -> SplitResult:
    if text.isascii() and text.isdecimal():
        raise ValueError(f"{text} is a port without an address; did you mean 127.0.0.1:{text}?")
    if not text.isprintable() or any(character.isspace() or character == "\\" for character in text):
        raise ValueError(f"there are characters in it that no address has; write it as {_EXAMPLES}")
    with suppress(ValueError):  # brackets that do not close
        return urlsplit(text if "://" in text else f"http://{text}")
    raise ValueError(f"this is no address; write it as {_EXAMPLES}")


def _port(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        raise ValueError("the port is not a number from 0 to 65535") from None
