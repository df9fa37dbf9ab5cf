"""A server for the other processes of the same user, which find it in the registry."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from jobtui.access.addresses import MAX_SOCKET_PATH, UnixAddress
from jobtui.frontend.backend import ObservableBackend
from jobtui.frontend.registry import Entry, Registry
from jobtui.web.lazy_server import LazyServer


class LocalServer:
    """Lets the commands of the same user on this machine ask and steer a scheduler, and attach to it.

    ``with LocalServer(backend):`` listens on a Unix socket until the end of the block, and enters the
    scheduler in the registry of those that run here. The constructor binds the socket.

    Args:
        backend: The scheduler.
        file: The job file; "" if there is none.
        store: The store. Then the socket is beside it, so that a second start with this store finds it.
        registry: The registry; None for that of this user.

    Attributes:
        address: The address of the socket.

    Raises:
        OSError: The server cannot listen, or there is no folder for the registry.
    """

    def __init__(
        self,
        backend: ObservableBackend,
        *,
        file: str = "",
        store: Path | None = None,
        registry: Registry | None = None,
    ) -> None:
        with ExitStack() as cleanup:
            self._registration = (registry or Registry()).register()
            cleanup.callback(self._registration.remove)
            beside = None if store is None else socket_beside(store)
            self.address = beside or UnixAddress(self._registration.socket)
            self._server = LazyServer(backend, self.address)
            self._entry = Entry(
                pid=os.getpid(),
                title=backend.title,
                address=str(self.address),
                file=os.path.abspath(file) if file else "",  # noqa: PTH100 - keeps symbolic links
                store="" if store is None else str(store.absolute()),
            )
            cleanup.pop_all()

    def __enter__(self) -> Self:
        """Wait for clients, and enter the scheduler in the registry."""
        with ExitStack() as cleanup:
            cleanup.callback(self._registration.remove)
            cleanup.enter_context(self._server)
            self._registration.publish(self._entry)
            cleanup.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the server, and remove the entry."""
        self._registration.remove()
        self._server.__exit__(*exception)


def socket_beside(store: Path) -> UnixAddress | None:
    """Return the address of the socket beside a store; None if its path would be too long for a socket."""
    path = store.absolute().with_name(f"{store.name}.sock")
    return UnixAddress(path) if len(os.fsencode(path)) <= MAX_SOCKET_PATH else None
