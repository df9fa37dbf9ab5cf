"""The dashboard of 10,000 jobs: the first paint, keys, filters, and what three runs a second cost.

    python tests/benchmarks/dashboard_large.py [--quick]

The jobs are excluded from garbage collection, as by the command line. The app paints without a terminal. A
time is from the event, such as a key, until the screen has been painted. The share of a core is that of the
app's thread.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from peers import noop
from rows import Row, compare_with_limit, main

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.process.collection import exclude_from_collection
from jobtui.tui.app import JobtuiApp

JOBS = 10_000
BUSY_JOBS, INTERVAL = 3, 1.0  # of them run each second
SIZE = (120, 32)
SECONDS, QUICK_SECONDS = 15.0, 4.0
PRESSES, QUICK_PRESSES = 20, 6
LIMIT = 10.0  # seconds to wait for a repaint
FIRST_PAINT, KEY, FILTER = 500.0, 50.0, 100.0  # ms
SHARE = 5.0  # % of a core


class TimedApp(JobtuiApp):
    """Records when its repaints have ended.

    Attributes:
        painted: Is set when a repaint has ended.
        first_paint: How many milliseconds after the app was made the first repaint had ended.
    """

    CSS_PATH = str(Path(sys.modules[JobtuiApp.__module__].__file__ or "").with_name("app.tcss"))

    def __init__(self, backend: LocalBackend) -> None:
        self._made = time.perf_counter()
        super().__init__(backend, owns_process=True)  # as the command line does
        self.painted = asyncio.Event()
        self.first_paint = 0.0

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if renderable is not None:
            self.painted.set()
            self.first_paint = self.first_paint or (time.perf_counter() - self._made) * 1e3

    def start_rows(self, shown: str) -> list[Row]:
        """Return the rows of the table about the start. Call this as soon as the app accepts keys."""
        ready = (time.perf_counter() - self._made) * 1e3
        return [
            compare_with_limit(f"{shown}: the first paint", "ms", [self.first_paint], FIRST_PAINT),
            Row(measured=f"{shown}: until it accepts keys", jobtui=f"{ready:.3g} ms"),
        ]


async def press(app: TimedApp, key: str) -> float:
    """Press a key; return the milliseconds until the next repaint has ended."""
    app.painted.clear()
    began = time.perf_counter()
    app.simulate_key(key)
    await asyncio.wait_for(app.painted.wait(), LIMIT)
    return (time.perf_counter() - began) * 1e3


async def measure_keys(app: TimedApp, keys: list[str]) -> list[float]:
    """Press keys, each after a pause in which the scheduler changes; return the milliseconds of each."""
    delays = []
    for key in keys:
        await asyncio.sleep(0.15)
        delays.append(await press(app, key))
    return delays


async def measure_app(scheduler: Scheduler, quick: bool) -> Iterator[Row]:
    """Show the scheduler; return the rows of the table."""
    presses = QUICK_PRESSES if quick else PRESSES
    seconds = QUICK_SECONDS if quick else SECONDS
    shown = f"dashboard with {JOBS:,} jobs"
    app = TimedApp(LocalBackend(scheduler, "benchmark"))
    async with app.run_test(size=SIZE):
        rows = app.start_rows(shown)
        await asyncio.sleep(1.0)
        for name, keys, limit in (
            ("a move of the cursor", ["down"] * presses, KEY),
            ("a page", ["pagedown"] * presses, KEY),
            ("to the last job, and back", ["G", "g"] * (presses // 2), KEY),
            ("a sort", ["s"] * presses, FILTER),
        ):
            delays = await measure_keys(app, keys)
            rows.append(compare_with_limit(f"{shown}: {name}, the slowest", "ms", [max(delays)], limit))
            rows.append(Row(measured=f"{shown}: {name}, p50", jobtui=f"{statistics.median(delays):.3g} ms"))
        await press(app, "slash")
        delays = await measure_keys(app, ["7", "5", "backspace", "backspace"] * (presses // 4))
        rows.append(
            compare_with_limit(f"{shown}: a letter of a filter, the slowest", "ms", [max(delays)], FILTER)
        )
        await press(app, "escape")
        await asyncio.sleep(1.0)  # the footer is painted after the repaint of the key
        thread, began = time.thread_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        share = (time.thread_time() - thread) / (time.perf_counter() - began) * 100
        measured = f"{shown}: its share of a core at {BUSY_JOBS} runs a second"
        rows.append(compare_with_limit(measured, "%", [share], SHARE))
    return iter(rows)


def register_jobs(scheduler: Scheduler) -> None:
    """Register the jobs, of which three run each second, from a second after now."""
    begin = datetime.now(UTC) + timedelta(seconds=1)
    for number in range(JOBS):
        if number % (JOBS // BUSY_JOBS) == 0:
            start = begin + timedelta(seconds=INTERVAL * number / JOBS)
            scheduler.every(INTERVAL, noop, start=start, name=f"job-{number:05}")
        else:
            scheduler.schedule("0 0 5 1 * *", noop, name=f"job-{number:05}")


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    with Scheduler(pool=4, tz="UTC") as scheduler:
        register_jobs(scheduler)
        time.sleep(1.5)
        exclude_from_collection()  # as the command line does
        yield from asyncio.run(measure_app(scheduler, quick))


if __name__ == "__main__":
    main(__doc__, measure)
