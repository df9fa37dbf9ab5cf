"""An HTTP client for the API, with messages for the user about everything that can go wrong."""

from __future__ import annotations

import base64
import errno
import json
import os
import ssl
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.schedules.bad_spec import quote_text

UNEXPECTED_RESPONSE = "unexpected response: not a jobtui server, or an incompatible version"

MAX_RESPONSE = 32 * 1024 * 1024  # bytes of a response, decompressed; 10,000 jobs take 4 million
MAX_VALUES = 1_000_000  # texts, numbers, arrays and objects; in Python each takes up to 200 bytes

_MAX_DETAIL = 500  # characters that are shown of the server's error message
_KEEPALIVE_TIMEOUT = 10.0  # seconds; shorter than the server's, so that no request meets a closing connection
_SUCCESS = range(200, 300)
_REFUSED = (errno.ECONNREFUSED, errno.ENOENT)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The user name and the password that a client sends."""

    user: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The Authorization header: HTTP Basic, in UTF-8."""
        both = f"{self.user}:{self.password}".encode(errors="surrogateescape")
        return f"Basic {base64.b64encode(both).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """The address of a server.

    Attributes:
        origin: The beginning of its URL, such as ``http://127.0.0.1:9001``.
        path: The path of its status page: another one than ``/@jobs`` behind a proxy that changes it.
        socket: The path of its Unix socket; None for a server that is reached over TCP.
    """

    origin: str
    path: str = STATUS_PAGE
    socket: Path | None = None

    def __str__(self) -> str:
        """Return the address in the form that the server itself prints."""
        return f"{self.origin}{self.path}" if self.socket is None else f"unix:{self.socket}"


class ResponseTooLargeError(ConnectionError):
    """A response has more bytes or values than any scheduler needs."""


class ResponseTimeoutError(ConnectionError):
    """The server did not answer in time. It may still execute the request."""


class UnauthorizedError(PermissionError):
    """The server requires credentials, or rejects the given ones."""


_ERRORS: dict[int, type[Exception]] = {
    400: ValueError,
    401: UnauthorizedError,
    403: PermissionError,
    404: LookupError,
    409: RuntimeError,
    422: ValueError,
    429: PermissionError,
}


class HttpClient:
    """Sends requests to a server. ``async with HttpClient(address, None) as client:``.

    Args:
        address: The server.
        credentials: The credentials to send with every request; None for none.
    """

    def __init__(self, address: ServerAddress, credentials: ClientCredentials | None) -> None:
        self._address = address
        self._authorization: dict[str, str] = {}
        if credentials is not None:
            self.use_credentials(credentials)

    def use_credentials(self, credentials: ClientCredentials) -> None:
        """Send these credentials with every later request."""
        self._authorization = {"Authorization": credentials.header}

    async def __aenter__(self) -> Self:
        """Open the session."""
        socket = self._address.socket
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=_KEEPALIVE_TIMEOUT)
            if socket is None
            else aiohttp.UnixConnector(str(socket), keepalive_timeout=_KEEPALIVE_TIMEOUT),
            headers={"Accept-Encoding": "gzip"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a few kilobytes may become gigabytes
            trust_env=False,  # ignore proxy settings: requests go to the server only
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session and its connections."""
        await self._session.close()

    async def request_json(
        self, method: str, *path: str, seconds: float, body: Any = None, **query: str | int
    ) -> Any:
        """Send a request, and return the JSON of the response.

        Args:
            method: The HTTP method.
            *path: The segments of the path below ``/@jobs/api``, unescaped.
            seconds: How many seconds the response may take.
            body: The body, to be sent as JSON.
            **query: The query parameters.

        Raises:
            LookupError: The job or run does not exist.
            RuntimeError: The scheduler rejects the command.
            ValueError: A parameter is out of range.
            UnauthorizedError: The credentials are missing or wrong.
            PermissionError: The server does not allow this.
            ConnectionError: The response is missing or invalid; ResponseTooLargeError if it is too large,
                ConnectionRefusedError if nothing listens at the address, ResponseTimeoutError if it is late.
        """
        try:
            async with self._session.request(
                method,
                self._make_url(path, query),
                headers=self._authorization,
                json=body,
                allow_redirects=False,  # credentials go to no other server
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                body = await _read_body(response)
        except TimeoutError:
            raise ResponseTimeoutError(f"no response within {seconds:g} s") from None
        except ResponseTooLargeError:
            raise
        except zlib.error:
            raise ConnectionError(UNEXPECTED_RESPONSE) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refused = isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno in _REFUSED
            raise (ConnectionRefusedError if refused else ConnectionError)(_reason_of(error)) from None
        if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
            raise ResponseTooLargeError(f"the response has more than {MAX_VALUES} values")
        return _parse_response(response.status, response.content_type, body.decode("utf-8", "replace"))

    def _make_url(self, path: tuple[str, ...], query: dict[str, str | int]) -> URL:
        # Escape dots, too: URL and proxies would resolve a job named ".." as the parent path.
        segments = "/".join(quote(each, safe="", errors="replace").replace(".", "%2E") for each in path)
        values = {name: quote(str(value), safe="", errors="replace") for name, value in query.items()}
        parameters = "&".join(f"{name}={value}" for name, value in values.items())
        suffix = f"?{parameters}" if parameters else ""
        return URL(f"{self._address.origin}{self._address.path}/api/{segments}{suffix}", encoded=True)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a response.

    Raises:
        ResponseTooLargeError: It is too large. The rest is not read.
        zlib.error: It is damaged, or in another coding than gzip.
    """
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("gzip", "identity"):
        raise zlib.error(f"unknown coding {coding}")
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == "gzip" else None
    body = bytearray()
    async for chunk in response.content.iter_any():
        room = MAX_RESPONSE + 1 - len(body)
        body += chunk if decompressor is None else decompressor.decompress(chunk, room)
        if len(body) > MAX_RESPONSE:
            raise ResponseTooLargeError(f"the response has more than {MAX_RESPONSE >> 20} MiB")
    if decompressor is not None and not decompressor.eof:
        raise aiohttp.ClientPayloadError
    return bytes(body)


def _parse_response(status: int, content_type: str, text: str) -> Any:
    if status in _SUCCESS and content_type == "application/json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ConnectionError(UNEXPECTED_RESPONSE) from None
    if content_type != "application/problem+json":
        raise ConnectionError(f"not a jobtui server: it answered with HTTP status {status} and no JSON")
    detail = _problem_detail(text) or f"HTTP status {status}"
    if status in _ERRORS:
        raise _ERRORS[status](detail)
    raise ConnectionError(f"HTTP status {status}: {detail}")


def _problem_detail(text: str) -> str:
    try:
        problem = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    detail = problem.get("detail", problem.get("title")) if isinstance(problem, dict) else None
    return detail[:_MAX_DETAIL] if isinstance(detail, str) else ""


def _reason_of(error: Exception) -> str:  # noqa: PLR0911 - one for each case
    """Return why there is no response, in a few words."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"unknown host {quote_text(error.host)}"
        case UnicodeError():  # from encoding the host name
            return "invalid host name"
        case aiohttp.ClientConnectorCertificateError():
            return "the server's certificate is not trusted"
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return "the server does not speak https"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            reason = os.strerror(number) if number else "the server cannot be reached"
            return reason[:1].lower() + reason[1:]
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            return "the connection was closed"
        case aiohttp.ClientPayloadError():
            return "the response is incomplete"
        case _:
            return UNEXPECTED_RESPONSE
