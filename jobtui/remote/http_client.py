"""A server that is asked over HTTP, and what goes wrong with that in words."""

from __future__ import annotations

import base64
import errno
import json
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from jobtui.frontend.api_paths import API_ROOT, STATUS_PAGE
from jobtui.schedules.bad_spec import quote_text

_KEPT_OPEN = 10.0  # seconds that a connection may be silent; less than a server gives it
_OK = range(200, 300)
_PROBLEM = "application/problem+json"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks."""

    user: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """Both as they go with every request: HTTP Basic, in UTF-8."""
        both = f"{self.user}:{self.password}".encode(errors="surrogateescape")
        return f"Basic {base64.b64encode(both).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server.

    Attributes:
        origin: The beginning of its URL, such as ``http://127.0.0.1:9001``.
        socket: The Unix socket that it listens on; None for one that is reached by its URL.
    """

    origin: str
    socket: Path | None = None

    def __str__(self) -> str:
        """As the server itself says it."""
        return f"{self.origin}{STATUS_PAGE}" if self.socket is None else f"unix:{self.socket}"


class UnauthorizedError(PermissionError):
    """The server wants to know who asks, or has been told wrongly."""


class Client:
    """Asks a server. ``async with Client(target, None) as client:``.

    Args:
        target: The server.
        credentials: Go with every request; None for none.
    """

    def __init__(self, target: Target, credentials: Credentials | None) -> None:
        self._target = target
        self._headers = {} if credentials is None else {"Authorization": credentials.header}

    async def __aenter__(self) -> Self:
        """Be ready to ask."""
        socket = self._target.socket
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=_KEPT_OPEN)
            if socket is None
            else aiohttp.UnixConnector(str(socket), keepalive_timeout=_KEPT_OPEN),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # what is asked goes to the server, and to no proxy
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        await self._session.close()

    async def ask(self, method: str, *path: str, limit: float, body: Any = None, **query: str | int) -> Any:
        """Ask for something and wait for the answer.

        Args:
            method: The HTTP method.
            *path: The parts of the path below ``/@jobs/api``, whatever characters they are made of.
            limit: How many seconds the answer may take.
            body: Goes with the question, as JSON.
            **query: The parameters.

        Returns:
            What the JSON of the answer says.

        Raises:
            LookupError: What is named is not there.
            RuntimeError: The scheduler refuses.
            ValueError: Something is out of range.
            UnauthorizedError: The credentials are missing or wrong.
            PermissionError: This is not allowed.
            ConnectionError: There is no answer, or none that makes sense; ConnectionRefusedError where
                nothing listens.
        """
        try:
            async with self._session.request(
                method,
                self._url(path, query),
                json=body,
                allow_redirects=False,  # credentials go to no other server
                timeout=aiohttp.ClientTimeout(total=limit),
            ) as response:
                text = await response.text("utf-8", "replace")
        except TimeoutError:
            raise ConnectionError(f"nothing came within {limit:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(error) from None
        return _answer(response.status, response.content_type, text)

    def _url(self, path: tuple[str, ...], query: dict[str, str | int]) -> URL:
        # Encoded here, dots too: a job may be called "..", and a URL would go one step up for it.
        steps = "/".join(quote(step, safe="", errors="replace").replace(".", "%2E") for step in path)
        parameters = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        question = f"?{parameters}" if parameters else ""
        return URL(f"{self._target.origin}{API_ROOT}/{steps}{question}", encoded=True)


def _answer(status: int, kind: str, text: str) -> Any:
    if status in _OK and kind == _JSON:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ConnectionError(_NONSENSE) from None
    if kind != _PROBLEM:
        raise ConnectionError(f"it is no jobtui: it answers with HTTP status {status} and no JSON")
    raise _problem(status, _detail(text) or f"HTTP status {status}")


def _problem(status: int, detail: str) -> Exception:
    """What the server's refusal is here."""
    match status:
        case 401:
            return UnauthorizedError(detail)
        case 403 | 429:
            return PermissionError(detail)
        case 404:
            return LookupError(detail)
        case 409:
            return RuntimeError(detail)
        case 400 | 422:
            return ValueError(detail)
        case _:
            return ConnectionError(f"HTTP status {status}: {detail}")


def _detail(text: str) -> str:
    try:
        problem = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    detail = problem.get("detail", problem.get("title")) if isinstance(problem, dict) else None
    return detail if isinstance(detail, str) else ""


def _failure(error: Exception) -> ConnectionError:
    nobody = isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno in _NOBODY
    return (ConnectionRefusedError if nobody else ConnectionError)(_why(error))


def _why(error: Exception) -> str:  # noqa: PLR0911 - one for each case
    """Why there is no answer, in a few words."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"there is no host {quote_text(error.host)}"
        case UnicodeError():  # of the host's name
            return "there can be no such host"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted"
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return "it does not speak https"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            reason = os.strerror(number) if number else "it cannot be reached"
            return reason[:1].lower() + reason[1:]
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            return "the connection was closed"
        case aiohttp.ClientPayloadError():
            return "the answer was cut off"
        case _:
            return _NONSENSE


_NOBODY = (errno.ECONNREFUSED, errno.ENOENT)
_NONSENSE = "what it answers makes no sense: it is no jobtui, or one of another version"
