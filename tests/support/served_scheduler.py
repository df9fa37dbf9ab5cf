"""A scheduler with a job that is never due, and a real server for dashboards that attach to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.frontend.local_backend import LocalBackend
from jobtui.web.server import Server


@dataclass(frozen=True)
class ServedScheduler:
    """A scheduler that runs, and its server.

    Attributes:
        scheduler: The scheduler.
        server: The server.
    """

    scheduler: Scheduler
    server: Server

    @property
    def address(self) -> str:
        """The address for `jobtui attach`."""
        return str(self.server.address)

    async def stop(self) -> None:
        """Close the server, and stop the scheduler. A second call has no effect."""
        await asyncio.to_thread(self.server.close)
        await asyncio.to_thread(self.scheduler.stop, 0)


def _serve(name: str, address: str) -> ServedScheduler:
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", print, name=name)
    scheduler.start()
    listen = parse_address(address.removeprefix("http://").removesuffix("/@jobs"))
    server = Server(LocalBackend(scheduler, f"{name}.py"), listen)
    server.start()
    return ServedScheduler(scheduler, server)


class ServedSchedulers:
    """Starts schedulers without blocking the event loop."""

    def __init__(self) -> None:
        self.started: list[ServedScheduler] = []

    async def start(self, name: str, address: str = "127.0.0.1:0") -> ServedScheduler:
        """Start a scheduler with one job of this name, from a file of this name.

        Args:
            name: The name.
            address: Where its server listens, or the address of a scheduler that was stopped.
        """
        served = await asyncio.to_thread(_serve, name, address)
        self.started.append(served)
        return served


@asynccontextmanager
async def serving_schedulers() -> AsyncIterator[ServedSchedulers]:
    """Yield what starts schedulers; at the end stop them, and assert that no thread of a client is left."""
    served = ServedSchedulers()
    try:
        yield served
    finally:
        for each in served.started:
            await each.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]
