"""The time until the start of a run is visible in another process: in a dashboard and on the status page.

    python tests/benchmarks/start_seen.py [--quick]

One process runs a job twice a second and prints when its work begins. This process shows it: in an attached
dashboard, until RUNNING has been painted; and, if Chromium is installed, on the status page, until RUNNING is
in the document. Both processes read the clock of the same machine.
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

from rows import Row, compare_with_limit, main, percentile
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import connect
from jobtui.engine.enums import JobStatus
from jobtui.engine.views import Snapshot
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.app import JobtuiApp
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.web.server import Server

INTERVAL, WORK = 0.5, 0.25  # seconds
OTHER_JOBS = 20
STARTS, QUICK_STARTS = 60, 20
LIMIT = 200.0  # ms
AS_SERVER = "as-server"
# Records each time at which RUNNING appears in the job's row.
OBSERVER = """
window.seen = [];
let running = false;
const check = () => {
    const now = [...document.querySelectorAll("tr")].some(
        row => row.textContent.includes("the-job") && row.textContent.includes("RUNNING"));
    if (now && !running) window.seen.push(Date.now());
    running = now;
};
new MutationObserver(check).observe(document.body, {childList: true, subtree: true, characterData: true});
"""


def run_server() -> None:
    """Run the job; print the address of the page, then the time at which each run begins."""

    def job() -> None:
        print(time.time(), flush=True)
        time.sleep(WORK)

    with Scheduler(pool=4, tz="UTC") as scheduler:
        scheduler.every(INTERVAL, job, name="the-job")
        for number in range(OTHER_JOBS):
            scheduler.every("1s", lambda: None, name=f"other-{number:02}")
        with Server(LocalBackend(scheduler, "benchmark"), parse_address("127.0.0.1:0")) as server:
            print(server.address, flush=True)
            sys.stdin.readline()


@contextmanager
def server_process() -> Iterator[tuple[str, list[float]]]:
    """Yield the address of another process, and when its runs begin, in seconds since the epoch."""
    process = subprocess.Popen(
        [sys.executable, __file__, AS_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    began: list[float] = []
    address = process.stdout.readline().strip()

    def read_times() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            began.append(float(line))  # noqa: PERF401 - extend would append them at the end

    threading.Thread(target=read_times, daemon=True).start()
    try:
        yield address, began
    finally:
        process.kill()
        process.wait()


async def watch_dashboard(address: str, starts: int) -> list[float]:
    """Return when an attached dashboard had painted RUNNING, in seconds since the epoch."""
    painted: list[float] = []
    backend = connect(address)

    class TimedDashboard(Dashboard):
        """Records when a repaint in which the job begins to run has ended."""

        running = False

        def update_snapshot(self, snapshot: Snapshot) -> None:
            super().update_snapshot(snapshot)
            now = snapshot.jobs[0].status is JobStatus.RUNNING
            if now and not self.running:
                self.call_after_refresh(lambda: painted.append(time.time()))
            self.running = now

    try:
        app = JobtuiApp(backend)
        app.tabs.shown.dashboard.__class__ = TimedDashboard
        async with app.run_test(size=(120, 32)):
            while len(painted) < starts:
                await asyncio.sleep(0.05)
    finally:
        backend.close()
    return painted


def watch_page(address: str, starts: int) -> list[float]:
    """Return when the page in Chromium had RUNNING in the job's row, in seconds since the epoch."""
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
    """Return the ms from each start until it was visible; the first is left out, as a warm-up."""
    return [(each - max(start for start in began if start <= each + 0.001)) * 1e3 for each in seen[1:]]


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    starts = QUICK_STARTS if quick else STARTS
    with server_process() as (address, began):
        found = {"attached dashboard": delays(began, asyncio.run(watch_dashboard(address, starts)))}
        if shutil.which("chromedriver"):
            found["status page in Chromium"] = delays(began, watch_page(address, starts))
    for name, late in found.items():
        measured = f"a run's start is visible, {name}"
        yield compare_with_limit(f"{measured}: the slowest of {len(late)}", "ms", [max(late)], LIMIT)
        yield Row(measured=f"{measured}: p50", jobtui=f"{percentile(late, 50):.3g} ms")


if __name__ == "__main__":
    if sys.argv[1:2] == [AS_SERVER]:
        run_server()
    else:
        main(__doc__, measure)
