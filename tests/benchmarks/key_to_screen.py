"""The time from the start of a run's work until the dashboard shows the run as RUNNING.

    python tests/benchmarks/key_to_screen.py

Presses ``r`` on an idle job of a real scheduler, 30 times. The time is from the first line of the job's code
to the end of the repaint that shows RUNNING. It has no target.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time

from jobtui.engine.enums import JobStatus
from jobtui.engine.views import Snapshot
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.scheduler import Scheduler
from jobtui.tui.app import JobtuiApp
from jobtui.tui.screens.dashboard import Dashboard

PRESSES = 30
LIMIT = 5.0  # seconds to wait for a repaint


async def measure() -> list[float]:
    """Return the delays, in milliseconds."""
    started: list[float] = []
    painted: list[float] = []
    release = threading.Event()

    def job() -> None:
        started.append(time.perf_counter())
        release.wait(LIMIT)

    class TimedDashboard(Dashboard):
        """Records when a repaint with a running job has ended."""

        def update_snapshot(self, snapshot: Snapshot) -> None:
            super().update_snapshot(snapshot)
            if snapshot.jobs[0].status is JobStatus.RUNNING and len(painted) < len(started):
                self.call_after_refresh(lambda: painted.append(time.perf_counter()))

    delays = []
    with Scheduler(pool=4) as scheduler:
        scheduler.schedule("@yearly", job, name="job")
        app = JobtuiApp(LocalBackend(scheduler, "benchmark"))
        app.tabs.shown.dashboard.__class__ = TimedDashboard
        async with app.run_test(size=(120, 32)) as pilot:
            for number in range(PRESSES):
                release.clear()
                await pilot.press("r")
                deadline = time.perf_counter() + LIMIT
                while len(painted) <= number and time.perf_counter() < deadline:
                    await asyncio.sleep(0.002)
                delays.append((painted[number] - started[number]) * 1000)
                release.set()
                while scheduler.snapshot().pool.running:
                    await asyncio.sleep(0.002)
                await asyncio.sleep(0.1)  # longer than the shortest interval between two repaints
    return delays


if __name__ == "__main__":
    results = sorted(asyncio.run(measure()))
    print(f"work started to RUNNING painted, {len(results)} presses: ", end="")
    print(f"median {statistics.median(results):.1f} ms, worst {results[-1]:.1f} ms")
