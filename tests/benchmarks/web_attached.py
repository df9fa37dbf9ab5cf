"""What a hundred streaming clients cost a scheduler that makes 10,000 events a second.

    python tests/benchmarks/web_attached.py [--quick]

One process is the scheduler, first alone, then with the server and a hundred clients (in a process of their
own, that reads as fast as it can), then alone again: first clients of the API's events, then of the page.
Each job notes how late it starts. The ratio of p99 varies with the garbage collector, whose walks take
10 ms and more: each contestant has two turns, and they count together.
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

from peers import WORKERS, Row, main, percentile

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.frontend.backend import LocalBackend
from jobtui.web.server import Server

EVENTS_PER_SECOND = 10_000  # three of each run
JOBS, INTERVAL = 300, 0.09  # so that there are as many
CLIENTS = 100
SECONDS, QUICK_SECONDS = 15.0, 5.0
SETTLED = 2.0  # seconds until the first ticks, or the clients, are there
PATHS = {"events": "/@jobs/api/events", "page": "/@jobs/live"}
AS_CLIENTS = "as-clients"
TURNS = 2

Measured = tuple[float, float, float]


def late(due: float, delays: list[float]) -> None:
    """Note how long after an instant of the grid this is."""
    delays.append((time.time() - due) % INTERVAL)


class Watch:
    """A scheduler whose jobs note how late they start.

    Args:
        scheduler: Started already.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._delays: list[float] = []
        begin = time.time() + 1.0
        for number in range(JOBS):
            due = begin + number * INTERVAL / JOBS
            start = datetime.fromtimestamp(due, UTC)
            scheduler.every(INTERVAL, partial(late, due, self._delays), start=start, name=f"job-{number:03}")

    def measure(self, seconds: float) -> Measured:
        """Return the lateness in milliseconds, p50 and p99, and the events each second."""
        time.sleep(SETTLED)
        self._delays.clear()
        began = time.monotonic()
        time.sleep(seconds)
        delays, took = [each * 1e3 for each in self._delays], time.monotonic() - began
        return percentile(delays, 50), percentile(delays, 99), 3 * len(delays) / took


@contextmanager
def clients(port: int, path: str) -> Iterator[Callable[[], tuple[int, int]]]:
    """A hundred clients; what is yielded ends them: how many were there, and how many bytes they got."""
    command = [sys.executable, __file__, AS_CLIENTS, str(port), path]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # they are all there

    def end() -> tuple[int, int]:
        there, got = process.communicate("over\n")[0].split()
        return int(there), int(got)

    try:
        yield end
    finally:
        process.kill()
        process.wait()


def as_clients(port: int, path: str) -> None:
    """Be a hundred clients until told to end."""
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
    print("there", flush=True)
    there, got = CLIENTS, 0
    while True:
        for key, _ in selector.select():
            if key.data is None:
                print(there, got)
                return
            part = len(key.data.recv(1_000_000))
            got += part
            if not part:
                there -= 1
                selector.unregister(key.data)


def measure(quick: bool) -> Iterator[Row]:
    """Measure once."""
    seconds = QUICK_SECONDS if quick else SECONDS
    with Scheduler(pool=WORKERS, tz="UTC") as scheduler:
        watch = Watch(scheduler)
        gc.collect()
        gc.freeze()  # as the command line does
        alone = [watch.measure(seconds)]
        for name, path in PATHS.items():
            found: list[Measured] = []
            for _ in range(TURNS):
                with Server(LocalBackend(scheduler, "benchmark"), parse_address("127.0.0.1:0")) as server:
                    assert isinstance(server.address, TcpAddress)
                    with clients(server.address.port, path) as end:
                        with_them = watch.measure(seconds)
                        there, got = end()
                found.append(with_them)
                alone.append(watch.measure(seconds))
            yield from rows(name, found, alone[-TURNS - 1 :], there, got / seconds)


def rows(
    name: str,
    with_them: list[Measured],
    without: list[Measured],
    there: int,
    rate: float,
) -> Iterator[Row]:
    """What a hundred clients of one kind cost."""
    what = f"{CLIENTS} clients of the {name} at {EVENTS_PER_SECOND:,} events a second"
    for index, measured in enumerate(("lateness p50", "lateness p99")):
        alone = [each[index] for each in without]
        attached = [each[index] for each in with_them]
        ratio = statistics.mean(attached) / statistics.mean(alone)
        yield Row(
            what=f"{what}: {measured}",
            ours=f"{min(attached):.3g} and {max(attached):.3g} ms",
            peer=f"without them: {min(alone):.3g} to {max(alone):.3g} ms",
            ratio=f"{ratio:.3g}",
            target="<= 2 of what it is without",
            met=ratio <= 2,
        )
    yield Row(
        what=f"{what}: events each second",
        ours=f"{with_them[-1][2]:,.0f}",
        peer=f"without them: {without[-1][2]:,.0f}",
    )
    yield Row(
        what=f"{what}: still there at the end",
        ours=f"{there}, {rate / 1e6:.3g} MB a second for all",
        target=f"{CLIENTS}",
        met=there == CLIENTS,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == [AS_CLIENTS]:
        as_clients(int(sys.argv[2]), sys.argv[3])
    else:
        main(__doc__, measure)
