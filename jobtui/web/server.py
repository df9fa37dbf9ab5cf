"""The server: a thread with an event loop of its own, so that no job ever waits for a client."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from typing import Self

from aiohttp import web

from jobtui.access.addresses import Address, TcpAddress
from jobtui.access.rules import AccessRules
from jobtui.engine.tracebacks import log_exception
from jobtui.frontend.backend import LocalBackend
from jobtui.frontend.cooperative import Staggered
from jobtui.runtime.clock import Clock, SystemClock
from jobtui.web.application import make_app
from jobtui.web.connection_limit import Connections
from jobtui.web.context import ServerContext
from jobtui.web.event_hub import EventHub
from jobtui.web.listeners import BACKLOG, check_exposure, forget, listen
from jobtui.web.metrics.metrics import Metrics
from jobtui.web.security.access_control import AccessControl
from jobtui.web.security.sessions import Sessions

IDLE = 20.0  # seconds that a connection may be silent
_LINGERING = 2.0  # seconds that the rest of a body is read that nobody wants
_CLOSING = 1.0  # seconds that open requests get at the end

# aiohttp's own messages quote broken requests, and with them whatever credentials are in them.
_SILENT = logging.getLogger("jobtui.web.http")
_SILENT.disabled = True


class Server:
    """Serves the status page, the API and the metrics of a scheduler.

    ``with Server(source, address):`` binds at once, and serves until the end of the block.

    Args:
        source: The scheduler.
        address: Where to listen.
        access: Who may come in.
        clock: Where the time comes from.

    Attributes:
        address: Where it listens, with the port that the system chose where it was left to it.

    Raises:
        CannotListenError: The address cannot be listened on, or others can reach it and there are no
            credentials.
    """

    def __init__(
        self,
        source: LocalBackend,
        address: Address,
        *,
        access: AccessRules | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._access = access or AccessRules()
        check_exposure(address, self._access)
        self._socket, self.address = listen(address)
        self._source = source
        self._connections = Connections()
        self._clock = clock or SystemClock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None  # before it was ready
        self._thread = threading.Thread(target=self._run, name="jobtui-web", daemon=True)

    def start(self) -> None:
        """Serve from here on."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Serve no more. Open requests are broken off."""
        if self._loop is not None and self._over is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(_CLOSING * 2)
        self._socket.close()
        forget(self.address)

    def __enter__(self) -> Self:
        """Serve."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Serve no more."""
        self.close()

    @property
    def _cookie(self) -> str:
        """A name of its own: to a browser, the ports of a machine share their cookies."""
        return f"jobtui-{self.address.port}" if isinstance(self.address, TcpAddress) else "jobtui"

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the scheduler goes on without its page
            if self._ready.is_set():
                log_exception("the status page failed, and is closed")
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        monotonic = self._clock.monotonic
        metrics = Metrics(self._source.scheduler)
        broadcast = EventHub(self._source.scheduler, metrics.observe)
        metrics.begin_after(broadcast.seq)
        connections = self._connections
        site = ServerContext(
            source=self._source,
            broadcast=broadcast,
            gate=AccessControl(self._access, Sessions(monotonic), monotonic),
            connections=connections,
            turns=Staggered(),
            clock=self._clock,
            cookie=self._cookie,
        )
        runner = web.AppRunner(
            make_app(site, metrics),
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=IDLE,
            lingering_time=_LINGERING,
            handler_cancellation=True,
            shutdown_timeout=_CLOSING,
        )
        await runner.setup()
        make_protocol = runner.server
        assert make_protocol is not None  # it has been set up
        listening = await self._loop.create_server(
            lambda: connections.counted(make_protocol()), sock=self._socket, backlog=BACKLOG
        )
        reading = asyncio.create_task(broadcast.read_for_ever())
        self._ready.set()
        try:
            await self._over.wait()
        finally:
            listening.close()
            self._connections.hang_up()
            reading.cancel()
            broadcast.close()
            await runner.cleanup()
