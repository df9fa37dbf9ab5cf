"""``jobtui.asgi()``: the status page, the API, events and metrics, mounted in a web application.

The pages are those of `jobtui.web.server`, which runs in a thread of its own and listens on no address. This
application passes requests on to it through pairs of sockets, as a reverse proxy does, so the event loop of
the web application never waits for the scheduler.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from jobtui.access.rules import AccessRules
from jobtui.embedding.serve import program_name
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.default_scheduler import check_scheduler
from jobtui.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from jobtui.web.server import Server

MAX_BODY = 64 * 1024  # bytes of a request, as in the server behind this
_PIECE = 64 * 1024  # bytes of a response that are passed on at once
_COOKIE = "jobtui"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_Header = tuple[bytes, bytes]

# Headers that concern one connection, and those that the server behind this must not take from clients.
_NOT_PASSED_ON = frozenset(
    b"connection keep-alive te trailer transfer-encoding upgrade expect content-length authorization "
    b"proxy-authorization proxy-connection forwarded cookie".split()
)
_NOT_RETURNED = frozenset(b"connection keep-alive transfer-encoding date server".split())


def asgi(scheduler: Scheduler, *, title: str | None = None, readonly: bool = False) -> Asgi:
    """Return an ASGI application with the status page, the API, events and metrics of a scheduler.

    Mount it at any path of an application that runs on asyncio, behind the authentication of that: it has
    none of its own.

    Args:
        scheduler: The scheduler, which the application starts and stops.
        title: The title of the page; None for the name of the program.
        readonly: Whether clients may only read.

    Raises:
        TypeError: The scheduler is of another type.
    """
    return Asgi(check_scheduler("asgi()", scheduler), title=title, readonly=readonly)


class Asgi:
    """The application that `asgi` returns.

    Args:
        scheduler: The scheduler.
        title: The title of the page; None for the name of the program.
        readonly: Whether clients may only read.
    """

    def __init__(self, scheduler: Scheduler, *, title: str | None, readonly: bool) -> None:
        self._backend = LocalBackend(scheduler, program_name() if title is None else title)
        self._rules = AccessRules(readonly=readonly, acceptproxyaddress=True)
        # By process, because a fork copies neither the thread of a server nor a lock that can be released.
        self._servers: dict[int, _PrivateServer] = {}
        atexit.register(self.close)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            NotImplementedError: It is not HTTP. Servers take that for "no lifespan".
            RuntimeError: The application does not run on asyncio.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "jobtui.asgi() needs asyncio, and this application runs on another library, such as trio: "
                "run it with uvicorn, or let jobtui.serve() serve the page on an address of its own"
            ) from None
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            raise NotImplementedError(f"jobtui.asgi() answers no {scope['type']} events")
        root, below = _split_path(scope)
        if not below:
            query = scope.get("query_string", b"")
            location = quote(f"{root}/").encode() + (b"?" + query if query else b"")
            await _respond(send, HTTPStatus.TEMPORARY_REDIRECT, "", [(b"location", location)])
            return
        body = await _read_body(receive)
        if body is None:
            await _respond(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the limit is {MAX_BODY} bytes")
            return
        request = _write_request(scope, below, body)
        if request is None:
            await _respond(send, HTTPStatus.BAD_REQUEST, "a line break in the path or in a header")
            return
        server = self._servers.setdefault(os.getpid(), _PrivateServer(self._backend, self._rules))
        try:
            reader, writer = await server.connect()
        except (OSError, RuntimeError) as error:
            await _respond(send, HTTPStatus.SERVICE_UNAVAILABLE, f"the status page does not run: {error}")
            return
        writer.write(request)
        watching = asyncio.create_task(_abort_if_disconnected(receive, writer))
        try:
            await _pass_on(reader, send, quote(root) or "/")
        finally:
            watching.cancel()
            writer.transport.abort()

    def close(self) -> None:
        """End the thread of the server, and its open requests. The next request starts another one."""
        server = self._servers.pop(os.getpid(), None)
        if server is not None:
            server.close()


class _PrivateServer:
    """A server for this process alone, which starts with the first request.

    Args:
        backend: The scheduler.
        rules: The access rules.
    """

    def __init__(self, backend: LocalBackend, rules: AccessRules) -> None:
        self._backend = backend
        self._rules = rules
        self._lock = threading.Lock()  # held to start the server and to close it
        self._server: Server | None = None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Start the server, unless that has been done, and return a connection to it.

        Raises:
            OSError: There are no more sockets.
            RuntimeError: The server has just ended.
        """
        server = self._server
        if server is None:
            server = await asyncio.to_thread(self._start)
        own, its = socket.socketpair()
        try:
            server.accept(its)
        except RuntimeError:
            own.close()
            its.close()
            raise
        # A pair of Unix sockets, where there are such; other loops than that of asyncio make a difference.
        connect = asyncio.open_unix_connection if hasattr(socket, "AF_UNIX") else asyncio.open_connection
        return await connect(sock=own)

    def _start(self) -> Server:
        from jobtui.web.server import Server  # noqa: PLC0415 - lazy: imports aiohttp

        with self._lock:
            server = self._server
            if server is None:
                server = Server(self._backend, None, access=self._rules)
                server.start()
                self._server = server  # not before: other requests use it at once
            return server

    def close(self) -> None:
        """End the server."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()


# --- the request ----------------------------------------------------------------------------------


def _split_path(scope: Message) -> tuple[str, str]:
    """Return the path at which this is mounted, and the rest: "" for the path itself, without a slash.

    In ASGI, ``path`` contains ``root_path``. Some frameworks take it away. Litestar also leaves ``root_path``
    empty, and ends ``path`` with a slash; then ``raw_path`` is the path of the request.
    """
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    if path == root or path.startswith(f"{root}/"):
        whole, end = unquote((scope.get("raw_path") or b"").decode("latin-1")), path.rstrip("/")
        if not root and whole.rstrip("/").endswith(end):
            root = whole.rstrip("/").removesuffix(end)
            return root, whole[len(root) :]
        return root, path[len(root) :]
    return root, path


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body of a request; None if it is too large."""
    body = b""
    while True:
        message = await receive()
        piece: bytes = message.get("body", b"")
        body += piece
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):  # also after a disconnect
            return body


def _write_request(scope: Message, below: str, body: bytes) -> bytes | None:
    """Return a request as HTTP/1.0, whose response ends with the connection; None if it is malformed."""
    target = quote(STATUS_PAGE + below, safe="/@").encode()
    if query := scope.get("query_string", b""):
        target += b"?" + query
    method = scope["method"].encode()
    lines = [b"%s %s HTTP/1.0" % (method, target)]
    lines += [b"%s: %s" % header for header in _passed_on(scope["headers"])]
    lines.append(b"X-Forwarded-Proto: " + scope.get("scheme", "http").encode())
    lines.append(b"Content-Length: %d" % len(body))
    if any(character in line for line in lines for character in (b"\r", b"\n", b"\0")):
        return None
    return b"\r\n".join([*lines, b"", body])


def _passed_on(headers: Iterable[_Header]) -> Iterable[_Header]:
    """Yield the headers that the server gets: of all cookies its own one."""
    for name, value in headers:
        lower = name.lower()
        if lower == b"cookie":
            own = [each for each in value.split(b";") if each.strip().startswith(f"{_COOKIE}=".encode())]
            if own:
                yield name, b";".join(own).strip()
        elif lower not in _NOT_PASSED_ON and not lower.startswith(b"x-forwarded-"):
            yield name, value


# --- the response ---------------------------------------------------------------------------------


async def _pass_on(reader: asyncio.StreamReader, send: Send, root: str) -> None:
    """Pass the response on as it arrives.

    Args:
        reader: Reads the response.
        send: Sends it to the client.
        root: The path at which this is mounted, which the cookie gets.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        # The server has ended; or the client has disconnected, but middleware wants a response all the same.
        await _respond(send, HTTPStatus.SERVICE_UNAVAILABLE, "the status page has ended")
        return
    headers = []
    for line in head[1:-2]:
        name, _, value = line.partition(b":")
        lower, value = name.strip().lower(), value.strip()
        if lower == b"set-cookie":
            value = value.replace(f"Path={STATUS_PAGE}".encode(), f"Path={root}".encode(), 1)
        if lower not in _NOT_RETURNED:
            headers.append((lower, value))
    await send({"type": "http.response.start", "status": int(head[0].split()[1]), "headers": headers})
    # uvicorn cancels the streams that are open when it ends, and would log a traceback of each.
    with suppress(ConnectionError, asyncio.CancelledError):
        while piece := await reader.read(_PIECE):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _abort_if_disconnected(receive: Receive, writer: asyncio.StreamWriter) -> None:
    """Close the connection to the server when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
    writer.transport.abort()


async def _respond(send: Send, status: HTTPStatus, detail: str, headers: Iterable[_Header] = ()) -> None:
    body = f"{status.phrase}: {detail}\n".encode()
    fixed = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status.value, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
