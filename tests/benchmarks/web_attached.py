"""The cost of a hundred streaming clients for a scheduler with 10,000 events a second.

    python tests/benchmarks/web_attached.py [--quick]

One process measures the scheduler alone, then with a server and a hundred clients in another process, which
reads as fast as it can, then alone again: first with clients of the API's events, then of the page. Each job
records how late it starts. The ratio of p99 varies with the garbage collector, whose passes take 10 ms and
more, so there are two rounds for each kind of client, and the means of both count.
"""

from __future__ import annotations

import gc
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from urllib.request import urlopen

from peers import WORKERS
from rows import Row, main, percentile

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.frontend.local_backend import LocalBackend
from jobtui.web.server import Server

EVENTS_PER_SECOND = 10_000  # three for each run
JOBS, INTERVAL = 300, 0.09  # they make that many events
CLIENTS = 100
SECONDS, QUICK_SECONDS = 15.0, 5.0
SETTLE = 2.0  # seconds until the first ticks, or the connecting of the clients, are over
PATHS = {"events": "/@jobs/api/events", "page": "/@jobs/live"}
AS_CLIENTS = "as-clients"
ROUNDS = 2

Figures = tuple[float, float, float]  # lateness p50 and p99, events per second


def record_lateness(due: float, delays: list[float]) -> None:
    """Record how late this is after a tick."""
    delays.append((time.time() - due) % INTERVAL)


class MeasuredJobs:
    """Jobs that record how late they start.

    Args:
        scheduler: A started scheduler, on which they are registered.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._delays: list[float] = []
        begin = time.time() + 1.0
        for number in range(JOBS):
            due = begin + number * INTERVAL / JOBS
            start = datetime.fromtimestamp(due, UTC)
            scheduler.every(
                INTERVAL, partial(record_lateness, due, self._delays), start=start, name=f"job-{number:03}"
            )

    def measure(self, seconds: float) -> Figures:
        """Return the lateness in milliseconds, p50 and p99, and the events per second."""
        time.sleep(SETTLE)
        self._delays.clear()
        began = time.monotonic()
        time.sleep(seconds)
        delays, took = [each * 1e3 for each in self._delays], time.monotonic() - began
        return percentile(delays, 50), percentile(delays, 99), 3 * len(delays) / took


@contextmanager
def clients(port: int, path: str) -> Iterator[Callable[[], tuple[int, int]]]:
    """Start the clients; yield a function that ends them and returns how many are left and the bytes read."""
    command = [sys.executable, __file__, AS_CLIENTS, str(port), path]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # all clients are connected

    def end() -> tuple[int, int]:
        connected, size = process.communicate("end\n")[0].split()
        return int(connected), int(size)

    try:
        yield end
    finally:
        process.kill()
        process.wait()


def run_clients(port: int, path: str) -> None:
    """Read a stream with all clients until standard input has a line."""
    if path == PATHS["page"]:
        page = urlopen(f"http://127.0.0.1:{port}/@jobs").read().decode()
        path += "?after=" + page.partition('data-tag="')[2].partition('"')[0]
    selector = selectors.DefaultSelector()
    for _ in range(CLIENTS):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        selector.register(client, selectors.EVENT_READ, client)
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    print("connected", flush=True)
    connected, size = CLIENTS, 0
    while True:
        for key, _ in selector.select():
            if key.data is None:
                print(connected, size)
                return
            part = len(key.data.recv(1_000_000))
            size += part
            if not part:
                connected -= 1
                selector.unregister(key.data)


def measure(quick: bool) -> Iterator[Row]:
    """Measure the clients of the events, then those of the page."""
    seconds = QUICK_SECONDS if quick else SECONDS
    with Scheduler(pool=WORKERS, tz="UTC") as scheduler:
        jobs = MeasuredJobs(scheduler)
        gc.collect()
        gc.freeze()  # as the command line does
        alone = [jobs.measure(seconds)]
        for name, path in PATHS.items():
            attached: list[Figures] = []
            for _ in range(ROUNDS):
                with Server(LocalBackend(scheduler, "benchmark"), parse_address("127.0.0.1:0")) as server:
                    assert isinstance(server.address, TcpAddress)
                    with clients(server.address.port, path) as end:
                        figures = jobs.measure(seconds)
                        connected, size = end()
                attached.append(figures)
                alone.append(jobs.measure(seconds))
            yield from make_rows(name, attached, alone[-ROUNDS - 1 :], connected, size / seconds)


def make_rows(
    name: str,
    attached: list[Figures],
    alone: list[Figures],
    connected: int,
    rate: float,
) -> Iterator[Row]:
    """Yield the rows about the clients of one kind."""
    measured = f"{CLIENTS} clients of the {name} at {EVENTS_PER_SECOND:,} events a second"
    for index, figure in enumerate(("lateness p50", "lateness p99")):
        values = [each[index] for each in attached]
        values_alone = [each[index] for each in alone]
        ratio = statistics.mean(values) / statistics.mean(values_alone)
        yield Row(
            measured=f"{measured}: {figure}",
            jobtui=f"{min(values):.3g} and {max(values):.3g} ms",
            peer=f"without them: {min(values_alone):.3g} to {max(values_alone):.3g} ms",
            ratio=f"{ratio:.3g}",
            target="<= 2 of the value without them",
            met=ratio <= 2,
        )
    yield Row(
        measured=f"{measured}: events each second",
        jobtui=f"{attached[-1][2]:,.0f}",
        peer=f"without them: {alone[-1][2]:,.0f}",
    )
    yield Row(
        measured=f"{measured}: still connected at the end",
        jobtui=f"{connected}, {rate / 1e6:.3g} MB a second for all",
        target=f"{CLIENTS}",
        met=connected == CLIENTS,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == [AS_CLIENTS]:
        run_clients(int(sys.argv[2]), sys.argv[3])
    else:
        main(__doc__, measure)
