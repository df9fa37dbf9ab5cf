"""How long after a run has started it is seen: in the dashboard, in one that is attached, and on the page.

    python tests/benchmarks/start_seen.py [--quick]

A process of its own runs a job twice a second and tells when its work began. Another process looks on: a
dashboard through `jobtui attach`'s source, until RUNNING has been painted; and, where there is Chromium, the
status page, until RUNNING is in its document. Both have the clock of the same machine.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from peers import Row, limited, main, percentile
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import connect
from jobtui.engine.enums import JobStatus
from jobtui.engine.views import Snapshot
from jobtui.frontend.backend import LocalBackend
from jobtui.tui.app import JobtuiApp
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.web.server import Server

INTERVAL, WORK = 0.5, 0.25  # seconds
OTHERS = 20  # jobs beside it
STARTS, QUICK_STARTS = 60, 20
LIMIT = 200.0  # ms
AS_SERVER = "as-server"
# Notes when the job's row says RUNNING, each time that it did not before.
OBSERVER = """
window.seen = [];
let running = false;
const look = () => {
    const now = [...document.querySelectorAll("tr")].some(
        row => row.textContent.includes("the-job") && row.textContent.includes("RUNNING"));
    if (now && !running) window.seen.push(Date.now());
    running = now;
};
new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
"""


def as_server() -> None:
    """Run the job, and tell on standard output where the page is, and when each run began."""

    def job() -> None:
        print(time.time(), flush=True)
        time.sleep(WORK)

    with Scheduler(pool=4, tz="UTC") as scheduler:
        scheduler.every(INTERVAL, job, name="the-job")
        for number in range(OTHERS):
            scheduler.every("1s", lambda: None, name=f"other-{number:02}")
        with Server(LocalBackend(scheduler, "benchmark"), parse_address("127.0.0.1:0")) as server:
            print(server.address, flush=True)
            sys.stdin.readline()


@contextmanager
def serving() -> Iterator[tuple[str, list[float]]]:
    """The other process: the page's address, and when its runs began, in seconds since the epoch."""
    process = subprocess.Popen(
        [sys.executable, __file__, AS_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    began: list[float] = []
    address = process.stdout.readline().strip()

    def note() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            began.append(float(line))  # noqa: PERF401 - while it runs: extend would wait for the end

    threading.Thread(target=note, daemon=True).start()
    try:
        yield address, began
    finally:
        process.kill()
        process.wait()


async def attached(address: str, starts: int) -> list[float]:
    """When an attached dashboard had painted RUNNING, in seconds since the epoch."""
    painted: list[float] = []
    source = connect(address)

    class Watched(Dashboard):
        """Notes when a picture in which the job has begun to run has been painted."""

        running = False

        def update_snapshot(self, snapshot: Snapshot) -> None:
            super().update_snapshot(snapshot)
            now = snapshot.jobs[0].status is JobStatus.RUNNING
            if now and not self.running:
                self.call_after_refresh(lambda: painted.append(time.time()))
            self.running = now

    try:
        app = JobtuiApp(source)
        app._dashboard.__class__ = Watched
        async with app.run_test(size=(120, 32)):
            while len(painted) < starts:
                await asyncio.sleep(0.05)
    finally:
        source.close()
    return painted


def on_page(address: str, starts: int) -> list[float]:
    """When the page in Chromium had RUNNING in the job's row, in seconds since the epoch."""
    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    browser = Chrome(options, ChromeService(shutil.which("chromedriver")))
    try:
        browser.get(address)
        browser.execute_script(OBSERVER)
        while len(seen := browser.execute_script("return window.seen")) < starts:
            time.sleep(0.2)
    finally:
        browser.quit()
    return [each / 1e3 for each in seen]


def delays(began: list[float], seen: list[float]) -> list[float]:
    """How long after the latest start before it each was seen, in ms; the first is left out, as a warm-up."""
    return [(each - max(start for start in began if start <= each + 0.001)) * 1e3 for each in seen[1:]]


def measure(quick: bool) -> Iterator[Row]:
    """Measure once."""
    starts = QUICK_STARTS if quick else STARTS
    with serving() as (address, began):
        found = {"attached dashboard": delays(began, asyncio.run(attached(address, starts)))}
        if shutil.which("chromedriver"):
            found["status page in Chromium"] = delays(began, on_page(address, starts))
    for name, late in found.items():
        yield limited(f"a run's start is seen, {name}: the slowest of {len(late)}", "ms", [max(late)], LIMIT)
        yield Row(what=f"a run's start is seen, {name}: p50", ours=f"{percentile(late, 50):.3g} ms")


if __name__ == "__main__":
    if sys.argv[1:2] == [AS_SERVER]:
        as_server()
    else:
        main(__doc__, measure)
