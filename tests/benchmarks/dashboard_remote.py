"""The dashboard attached to a scheduler of 10,000 jobs in another process, of which three run each second.

    python tests/benchmarks/dashboard_remote.py [--quick]

The app paints without a terminal. The share of a core is that of the whole process of the dashboard, whose
connection has a thread of its own, and that of the scheduler's process, with its server.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from dashboard_large import (
    BUSY_JOBS,
    JOBS,
    LIMIT,
    QUICK_SECONDS,
    SECONDS,
    SHARE,
    SIZE,
    TimedApp,
    register_jobs,
)
from rows import Row, compare_with_limit, main

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.frontend.local_backend import LocalBackend
from jobtui.process.collection import exclude_from_collection
from jobtui.remote.http_client import ServerAddress
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.web.server import Server


def serve(connection: Connection) -> None:
    """Run the scheduler, send its address, and answer each message with the CPU time of this process."""
    with Scheduler(pool=4, tz="UTC") as scheduler:
        register_jobs(scheduler)
        exclude_from_collection()
        with Server(LocalBackend(scheduler, "benchmark"), parse_address("127.0.0.1:0")) as server:
            connection.send(str(server.address))
            while connection.recv():
                connection.send(time.process_time())


class CountingApp(TimedApp):
    """Counts the repaints."""

    repaints = 0

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        self.repaints += renderable is not None


async def measure_app(backend: RemoteBackend, seconds: float, server: Connection) -> Iterator[Row]:
    """Show the scheduler; return the rows of the table."""

    def server_cpu() -> float:
        server.send(True)
        return float(server.recv())

    app = CountingApp(backend)  # type: ignore[arg-type] # it needs only what both backends have
    async with app.run_test(size=SIZE):
        await asyncio.wait_for(app.painted.wait(), LIMIT)
        await asyncio.sleep(3.0)
        repaints, theirs = app.repaints, server_cpu()
        own, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        own, elapsed = time.process_time() - own, time.perf_counter() - began
        repaints, theirs = app.repaints - repaints, server_cpu() - theirs
    shown = f"attached dashboard with {JOBS:,} jobs at {BUSY_JOBS} runs a second"
    return iter(
        [
            compare_with_limit(f"{shown}: its share of a core", "%", [own / elapsed * 100], SHARE),
            Row(measured=f"{shown}: the share of the scheduler", jobtui=f"{theirs / elapsed * 100:.3g} %"),
            Row(measured=f"{shown}: repaints", jobtui=f"{repaints / elapsed:.3g} a second"),
        ]
    )


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    context = multiprocessing.get_context("spawn")
    connection, other = context.Pipe()
    process = context.Process(target=serve, args=(other,))
    process.start()
    try:
        url = str(connection.recv())
        backend = RemoteBackend(ServerAddress(origin=url.partition("/@jobs")[0]))
        backend.connect()
        yield from asyncio.run(measure_app(backend, QUICK_SECONDS if quick else SECONDS, connection))
        connection.send(False)
    finally:
        process.join(LIMIT)
        process.kill()


if __name__ == "__main__":
    main(__doc__, measure)
