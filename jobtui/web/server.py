"""The server: a thread with its own event loop, so that no job waits for a client."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from typing import Self

from aiohttp import web

from jobtui.access.addresses import Address, TcpAddress
from jobtui.access.rules import AccessRules
from jobtui.engine.tracebacks import log_exception
from jobtui.frontend.backend import ObservableBackend
from jobtui.frontend.cooperative import Staggered, yield_to_others
from jobtui.runtime.clock import Clock, SystemClock
from jobtui.web.application import make_app
from jobtui.web.connection_limit import ConnectionLimit
from jobtui.web.event_hub import EventHub
from jobtui.web.listening_sockets import BACKLOG, check_exposure, listen, remove_socket_file
from jobtui.web.metrics.prometheus import Metrics
from jobtui.web.security.access_control import AccessControl
from jobtui.web.security.logins import LoginSessions
from jobtui.web.server_context import ServerContext
from jobtui.web.unsent_bytes import UnsentBytes

IDLE_TIMEOUT = 20.0  # seconds until a connection without a request is closed
_LINGER_TIME = 2.0  # seconds for which the rest of an unread body is received and dropped
_SHUTDOWN_TIMEOUT = 1.0  # seconds for open requests when the server closes

# aiohttp's own messages quote malformed requests, and with them the credentials.
_DISABLED_LOGGER = logging.getLogger("jobtui.web.http")
_DISABLED_LOGGER.disabled = True


class Server:
    """Serves the status page, the API and the metrics of a scheduler.

    The constructor binds the socket. ``with Server(backend, address):`` serves until the end of the block.

    Args:
        backend: The scheduler.
        address: The address to listen on; None to serve only the connections that `accept` gets.
        access: The access rules; by default, only clients on this machine have access.
        clock: The source of time.
        bound: A socket that listens on the address already; None to bind one.

    Attributes:
        connections: The open connections.

    Raises:
        CannotListenError: The server cannot listen on the address, or other machines can reach it and the
            rules require no credentials.
    """

    def __init__(
        self,
        backend: ObservableBackend,
        address: Address | None,
        *,
        access: AccessRules | None = None,
        clock: Clock | None = None,
        bound: socket.socket | None = None,
    ) -> None:
        self._rules = access or AccessRules()
        self._socket, self._address = bound, address
        if address is not None:
            check_exposure(address, self._rules)
        if address is not None and bound is None:
            self._socket, self._address = listen(address)
        self._backend = backend
        self.connections = ConnectionLimit()
        self._clock = clock or SystemClock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._handlers: web.Server | None = None
        self._beginning: set[asyncio.Task[object]] = set()  # the loop itself keeps no reference to tasks
        self._ready = threading.Event()
        self._startup_error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="jobtui-web", daemon=True)

    @property
    def address(self) -> Address:
        """The address that the server listens on. If the port was 0, with the port that the system chose."""
        if self._address is None:
            raise RuntimeError("this server listens on no address")
        return self._address

    def start(self) -> None:
        """Start the server. Returns when it accepts connections."""
        self._thread.start()
        self._ready.wait()
        if self._startup_error is not None:
            raise self._startup_error

    def close(self) -> None:
        """Stop the server, and abort open requests."""
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # the event loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_SHUTDOWN_TIMEOUT * 2)
        if self._socket is not None:
            self._socket.close()
        if self._address is not None:
            remove_socket_file(self._address)

    def accept(self, connected: socket.socket) -> None:
        """Serve a client of this process, which has the other end of a pair of sockets. Never blocks.

        Raises:
            RuntimeError: The server has ended.
        """
        if self._loop is None:
            raise RuntimeError("the server has not been started")
        self._loop.call_soon_threadsafe(self._begin, connected)

    def _begin(self, connected: socket.socket) -> None:
        """Serve a connection. Called in the server's thread."""
        assert self._loop is not None  # it calls this
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connected))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _make_protocol(self) -> asyncio.Protocol:
        assert self._handlers is not None  # the server is ready
        return self.connections.wrap(self._handlers())

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the server."""
        self.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the scheduler continues without its page
            if self._ready.is_set():
                log_exception("the status page failed, and is closed")
            self._startup_error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        monotonic, address = self._clock.monotonic, self._address
        metrics = Metrics(self._backend)
        event_hub = EventHub(self._backend, metrics.observe, self._rules.client_bytes // 4)
        metrics.begin_after(event_hub.seq)
        connections = self.connections
        context = ServerContext(
            backend=self._backend,
            event_hub=event_hub,
            access_control=AccessControl(self._rules, LoginSessions(monotonic), monotonic),
            connections=connections,
            unsent_bytes=UnsentBytes(self._rules.client_bytes // 2),
            staggered=Staggered(),
            clock=self._clock,
            # With the port, because the ports of a machine share their cookies in a browser.
            cookie_name=f"jobtui-{address.port}" if isinstance(address, TcpAddress) else "jobtui",
            has_addresses=isinstance(address, TcpAddress),
        )
        runner = web.AppRunner(
            make_app(context, metrics),
            access_log=None,
            logger=_DISABLED_LOGGER,
            keepalive_timeout=IDLE_TIMEOUT,
            lingering_time=_LINGER_TIME,
            handler_cancellation=True,
            auto_decompress=False,  # a few kilobytes may become gigabytes; `read_body` rejects them
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )
        await runner.setup()
        self._handlers = runner.server
        listening = None
        if self._socket is not None:
            listening = await self._loop.create_server(
                self._make_protocol, sock=self._socket, backlog=BACKLOG
            )
        reading = asyncio.create_task(event_hub.read_forever())
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            # A client that was accepted just now gets its transport one iteration later, which fails if the
            # server has been closed by then (python/cpython#109564), and `connection_made` after one more.
            if self._socket is not None:
                with suppress(NotImplementedError):  # Windows' loop makes the transport at once
                    self._loop.remove_reader(self._socket)
            for _ in range(2):
                await yield_to_others()
            if listening is not None:
                listening.close()
            connections.abort_all()
            reading.cancel()
            event_hub.close()
            await runner.cleanup()
