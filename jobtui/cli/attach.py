"""``jobtui attach``: connect to a scheduler in another process, then show its dashboard."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from getpass import getpass
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from yarl import URL

from jobtui.access.addresses import DEFAULT_PORT, UnixAddress, parse_address
from jobtui.access.public_url import is_plain_path
from jobtui.cli.command_error import CommandError, print_error
from jobtui.cli.waiting_notice import notice_at_terminal
from jobtui.frontend.backend import Backend
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.process.stdio import is_terminal
from jobtui.remote.http_client import ClientCredentials, ServerAddress, UnauthorizedError
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.schedules.bad_spec import quote_text
from jobtui.tui.display import DEFAULT_DISPLAY, Display

_CONNECT_ERRORS = (OSError, LookupError, RuntimeError, ValueError)
MAX_ATTEMPTS = 3  # at the prompt for the password
_CONNECT_DELAY = 2.0  # seconds; a scheduler imports its server when its first client connects

_EXAMPLES = f"127.0.0.1:{DEFAULT_PORT}, http://127.0.0.1:{DEFAULT_PORT}/@jobs or unix:/run/jobtui.sock"


class CannotAttachError(CommandError):
    """The address is wrong, nothing listens there, or the server rejects the credentials."""


class _RejectedError(CannotAttachError):
    """The server rejects the credentials, or requires some."""


class _Target(NamedTuple):
    """A scheduler to attach to.

    Attributes:
        address: Where its server listens.
        user: The user name; "" if it is not known.
        password: The password; "" if it is not known.
    """

    address: ServerAddress
    user: str
    password: str

    @property
    def credentials(self) -> ClientCredentials | None:
        """The user name and the password; None unless both are known."""
        return ClientCredentials(self.user, self.password) if self.user and self.password else None


def show_dashboard(*backends: Backend, display: Display = DEFAULT_DISPLAY) -> int:
    """Show the dashboard of some schedulers until the user quits. Return the exit status."""
    from jobtui.tui.run_app import run_attached  # noqa: PLC0415 - lazy: imports textual

    return run_attached(*backends, display=display)


def attach(url: str, run_dashboard: Callable[[Backend], int] = show_dashboard, *, note: str = "") -> int:
    """Connect to a scheduler in another process and show its dashboard.

    Args:
        url: Where it listens: ``http://127.0.0.1:9001``, ``127.0.0.1:9001``, ``unix:PATH``.
        run_dashboard: Shows the dashboard until the user quits, and returns the exit status.
        note: Shown in the header, after the title.

    Returns:
        The exit status.

    Raises:
        CannotAttachError: There is no connection; the message says why.
    """
    with closing(connect(url)) as backend:
        backend.title_note = note
        return run_dashboard(backend)


def attach_all(urls: Sequence[str], run_dashboard: Callable[..., int] = show_dashboard) -> int:
    """Connect to several schedulers in other processes and show them in the tabs of one dashboard.

    A scheduler that cannot be reached, or that rejects the credentials, has a tab, too, which says why and
    tries again. The others do not wait for it longer than a response may take.

    Args:
        urls: Where they listen, as for `attach`.
        run_dashboard: Shows the dashboard of the given backends, and returns the exit status.

    Returns:
        The exit status.

    Raises:
        CannotAttachError: An address is wrong or given twice, or there is no connection at all.
    """
    targets = _parse_all(urls)
    with ExitStack() as cleanup:
        with (
            notice_at_terminal(f"still connecting to {len(targets)} schedulers", _CONNECT_DELAY),
            ThreadPoolExecutor(len(targets)) as threads,
        ):
            answers = [*threads.map(_try_to_connect, targets)]
        for backend, _ in answers:
            cleanup.callback(backend.close)
        for place, (target, (backend, error)) in enumerate(zip(targets, answers, strict=True)):
            if isinstance(error, UnauthorizedError) and _can_ask():
                answers[place] = _ask_or_give_up(target, backend, error)
                cleanup.callback(answers[place][0].close)
        errors = [error for _, error in answers if error is not None]
        if len(errors) == len(targets):
            lines = [
                _describe_error(each.address, error) for each, error in zip(targets, errors, strict=True)
            ]
            raise CannotAttachError("\n  ".join([f"none of {len(targets)} schedulers can be shown:", *lines]))
        for backend, error in answers:
            if error is not None:
                backend.connect_later(error)
        return run_dashboard(*(backend for backend, _ in answers))


def _parse_all(urls: Sequence[str]) -> list[_Target]:
    targets: list[_Target] = []
    for number, url in enumerate(urls, start=1):
        try:
            target = _parse_target(url, number)
        except CannotAttachError as error:
            raise CannotAttachError(f"address {number}: {error}") from None
        if any(target.address == each.address for each in targets):
            raise CannotAttachError(f"{target.address} is given twice; name each scheduler once")
        targets.append(target)
    return targets


def _try_to_connect(target: _Target) -> tuple[RemoteBackend, Exception | None]:
    """Return a backend, and why it has no connection, or None if it has one."""
    backend = RemoteBackend(target.address, target.credentials)
    try:
        backend.connect()
    except _CONNECT_ERRORS as error:
        return RemoteBackend(target.address, target.credentials), error
    return backend, None


def _ask_or_give_up(
    target: _Target, backend: RemoteBackend, error: Exception
) -> tuple[RemoteBackend, Exception | None]:
    """Ask for the credentials of a scheduler; return it as `_try_to_connect` does."""
    try:
        return _ask_and_connect(target.address, target.user), None
    except CannotAttachError as again:
        print_error(again)
        return backend, UnauthorizedError(str(again)) if isinstance(again, _RejectedError) else error


def connect(url: str) -> RemoteBackend:
    """Connect to a scheduler in another process.

    User name and password are read from the URL, else from the environment (JOBTUI_USER, JOBTUI_PASSWORD). If
    the server requires them and one is missing, ask for them in the terminal, at most three times.

    Args:
        url: Where it listens, as for `attach`.

    Raises:
        CannotAttachError: There is no connection; the message says why.
    """
    target = _parse_target(url)
    if target.credentials is not None:
        return _connect(target.address, target.credentials)
    try:
        return _connect(target.address, None)
    except _RejectedError as error:
        if not _can_ask():
            raise CannotAttachError(
                f"{target.address} requires a user name and a password: set JOBTUI_USER and JOBTUI_PASSWORD"
            ) from error
    return _ask_and_connect(target.address, target.user)


def _describe_error(address: ServerAddress, error: Exception) -> str:
    """Return why there is no connection, with the address."""
    explained = _explain(address, error)
    return f"{address}: {explained}" if isinstance(explained, _RejectedError) else str(explained)


def _parse_target(url: str, number: int = 0) -> _Target:
    """Return a scheduler to attach to, with its credentials: from the URL, else from the environment.

    Args:
        url: Where it listens, as for `attach`.
        number: The number of the address among several, which have variables of their own; 0 for one alone.

    Raises:
        CannotAttachError: The URL is wrong.
    """
    try:
        address, user, password = parse_url(url)
    except ValueError as error:
        raise CannotAttachError(str(error)) from None

    def variable(name: str) -> str:
        own = os.environ.get(f"{name}_{number}", "") if number else ""
        return own or os.environ.get(name, "")

    return _Target(address, user or variable("JOBTUI_USER"), password or variable("JOBTUI_PASSWORD"))


def _can_ask() -> bool:
    return is_terminal(sys.stdin)


def _ask_and_connect(address: ServerAddress, known_user: str) -> RemoteBackend:
    """Ask for the credentials until the server accepts them."""
    print_error(f"{address} requires a user name and a password")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            user = known_user or input("user: ")
            credentials = ClientCredentials(user, getpass("password: "))
        except EOFError:
            break
        try:
            return _connect(address, credentials)
        except _RejectedError as error:
            if attempt == MAX_ATTEMPTS:
                raise
            print_error(error)
    raise CannotAttachError("the user name or the password was not entered")


def _connect(address: ServerAddress, credentials: ClientCredentials | None) -> RemoteBackend:
    backend = RemoteBackend(address, credentials)
    try:
        with notice_at_terminal(f"still connecting to {address}", _CONNECT_DELAY):
            backend.connect()
    except _CONNECT_ERRORS as error:
        raise _explain(address, error) from None
    return backend


def _explain(address: ServerAddress, error: Exception) -> CannotAttachError:
    """Return the error for the user."""
    match error:
        case UnauthorizedError():
            return _RejectedError(str(error))
        case ConnectionRefusedError():
            return CannotAttachError(f"nothing listens at {address} ({error.args[0]})")
        case LookupError():
            usual = f"; did you mean {address.origin}{STATUS_PAGE}?" if address.path != STATUS_PAGE else ""
            return CannotAttachError(f"there is no status page at {address}{usual}")
        case _:
            return CannotAttachError(f"cannot attach to {address}: {error.args[0]}")


def parse_url(text: str) -> tuple[ServerAddress, str, str]:
    """Parse the URL that the user typed.

    Returns:
        The server's address, and the user name and the password that the URL contains, or "".

    Raises:
        ValueError: The URL is wrong; the message says how, and never repeats a password.
    """
    if text.startswith("unix:"):
        unix_address = parse_address(text)
        assert isinstance(unix_address, UnixAddress)
        return ServerAddress(origin="http://localhost", socket=unix_address.path), "", ""
    url = _split(text)
    host, port = url.hostname, _port(url)
    if url.scheme not in ("http", "https"):
        raise ValueError(f"{quote_text(url.scheme)} is not http, https or unix; write it as {_EXAMPLES}")
    if not host:
        raise ValueError(f"the URL has no host; write it as {_EXAMPLES}")
    path = url.path.rstrip("/") or STATUS_PAGE
    if url.query or url.fragment or not is_plain_path(path):
        raise ValueError("only the path of the status page is allowed after the address, such as /@jobs")
    if port is None and "://" not in text:
        raise ValueError(f"the port is missing; did you mean {host}:{DEFAULT_PORT}?")
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if ":" in user:
        raise ValueError("a user name must not contain a colon")
    try:
        origin = str(URL.build(scheme=url.scheme, host=host, port=port))
    except ValueError:
        raise ValueError(f"{quote_text(host)} is not a host name") from None
    return ServerAddress(origin=origin, path=path), user, password


def _split(text: str) -> SplitResult:
    if text.isascii() and text.isdecimal():
        raise ValueError(f"{text} is a port without an address; did you mean 127.0.0.1:{text}?")
    if not text.isprintable() or any(character.isspace() or character == "\\" for character in text):
        raise ValueError(
            f"an address must not contain spaces, backslashes or control characters; write it as {_EXAMPLES}"
        )
    with suppress(ValueError):  # an unclosed bracket
        return urlsplit(text if "://" in text else f"http://{text}")
    raise ValueError(f"this is not an address; write it as {_EXAMPLES}")


def _port(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        raise ValueError("the port is not a number from 0 to 65535") from None
