"""A server that starts with its first client: until then it costs one thread that blocks."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from jobtui.access.addresses import UnixAddress
from jobtui.engine.tracebacks import log_exception
from jobtui.frontend.backend import ObservableBackend
from jobtui.web.listening_sockets import listen, remove_socket_file

if TYPE_CHECKING:  # it imports aiohttp, which takes a third of a second
    from jobtui.web.server import Server


class LazyServer:
    """Listens on a Unix socket, and serves the API of a scheduler from the first connection on.

    The constructor binds the socket.

    Args:
        backend: The scheduler.
        address: The address to listen on. Only the user who runs this process can connect to it.

    Attributes:
        address: The address.

    Raises:
        CannotListenError: The server cannot listen on the address.
    """

    def __init__(self, backend: ObservableBackend, address: UnixAddress) -> None:
        self._socket, self.address = listen(address)
        self._backend = backend
        self._server: Server | None = None
        self._closing, self._closer = socket.socketpair()
        self._thread = threading.Thread(target=self._wait_for_client, name="jobtui-socket", daemon=True)

    def __enter__(self) -> Self:
        """Wait for clients."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the server, and remove the file of the socket."""
        with suppress(OSError):
            self._closer.send(b"x")
        self._thread.join(1)
        if self._server is not None:
            self._server.close()
        self._socket.close()
        remove_socket_file(self.address)
        self._closing.close()
        self._closer.close()

    def _wait_for_client(self) -> None:
        readable, _, _ = select.select([self._socket, self._closing], [], [])
        if self._closing in readable:
            return
        try:
            from jobtui.web.server import Server  # noqa: PLC0415 - as above

            server = Server(self._backend, self.address, bound=self._socket)
            server.start()
            self._server = server
        except BaseException as error:  # noqa: BLE001 - the scheduler continues without it
            log_exception(f"{self.address}: no process can attach", error)
            self._socket.close()
