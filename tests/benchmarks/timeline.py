"""The keys of the timeline and of the calendar of load, with 300 jobs of mixed schedules.

    python tests/benchmarks/timeline.py [--quick]

The jobs have a history of a week and a forecast of 10,000 runs, which is made again for other times
and pools. The app paints without a terminal. Each key is pressed in windows of 5 minutes to 7 days. Its time
is the CPU time of the painting thread, from the key until the screen has been painted. A block is the longest
CPU time that this thread has taken between two keys without a pause, also to show a new forecast: it
answers no key then.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from dashboard_large import LIMIT, TimedApp
from dashboard_stored import Pauses, until
from history_queries import write_runs
from peers import noop
from rows import Row, main, percentile

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.look_ahead import SPANS
from jobtui.process.collection import exclude_from_collection
from jobtui.tui.screens.calendar_screen import CalendarScreen
from jobtui.tui.screens.timeline_screen import TimelineScreen
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.load_grid import LoadGrid

JOBS, RUNS, DAYS = 300, 100_000, 7
LENGTH = 2.0  # seconds that a run takes in the median
SIZES = ((120, 32), (180, 50))
ROUNDS, QUICK_ROUNDS = 5, 1
PAUSE, QUICK_PAUSE = 0.25, 0.1  # seconds between two keys
NO_REPAINT = 1.0  # seconds to wait for one
MOST = 50.0  # ms of CPU time
KEYS = {
    "an earlier or a later time": ("h", "l", "l", "h"),
    "now": ("n",),
    "a run of the job": ("full_stop", "comma", "full_stop"),
    "a larger or a smaller pool": ("plus", "minus"),
    "the next job or the one before": ("j", "j", "k"),
    "a page of jobs": ("pagedown", "pageup"),
    "the last job, and the first": ("G", "g"),
}
ZOOM = "less or more time"
CALENDAR_KEYS = {
    "the fields of the calendar": ("l", "j", "h", "k"),
    "the next wait": ("n",),
}


def spec_of(number: int) -> str:
    """Return the schedule of a job."""
    if number < 5:
        return f"{number}/5 * * * * *"
    if number < 120:
        return f"{number % 60} {number % 5}/{5 + number % 10} * * * *"
    if number < 220:
        return f"0 {number % 60} * * * *"
    return f"0 {number % 60} {number % 24} * * *"


class KeyedApp(TimedApp):
    """Records when the action of a key has ended; its repaint comes after that."""

    def __init__(self, backend: LocalBackend) -> None:
        super().__init__(backend)
        self.acted = asyncio.Event()

    async def run_action(self, *arguments: Any, **options: Any) -> bool:
        """Execute an action."""
        done = await super().run_action(*arguments, **options)
        self.painted.clear()
        self.acted.set()
        return done


class Measurements:
    """The CPU times of keys, in milliseconds, by what the keys do."""

    def __init__(self, app: KeyedApp, pause: float) -> None:
        self.repaints: dict[str, list[float]] = {}
        self.blocks: dict[str, list[float]] = {}
        self._app = app
        self._pause = pause

    async def press(self, what: str, *keys: str) -> None:
        """Press some keys, one after the other."""
        for key in keys:
            pauses = Pauses()
            await asyncio.sleep(0)  # it begins to watch
            self._app.acted.clear()
            began = time.thread_time()
            self._app.simulate_key(key)
            await asyncio.wait_for(self._app.acted.wait(), LIMIT)
            with suppress(TimeoutError):  # the last run of a job has none after it
                await asyncio.wait_for(self._app.painted.wait(), NO_REPAINT)
                self.repaints.setdefault(what, []).append((time.thread_time() - began) * 1e3)
            await asyncio.sleep(self._pause)
            pauses.close()
            self.blocks.setdefault(what, []).append(pauses.longest)

    def rows(self, title: str) -> Iterator[Row]:
        """Yield a row for the repaints and the blocks of each kind of key."""
        for name, times in (("", self.repaints), (", the longest block of CPU time", self.blocks)):
            for what, values in times.items():
                yield Row(
                    measured=f"{title}: {what}{name}, the worst of {len(values)}",
                    jobtui=f"{max(values):.3g} ms (p50 {statistics.median(values):.3g} ms)",
                    peer=f"p90 {percentile(values, 90):.3g} ms",
                    target=f"<= {MOST:g} ms",
                    met=max(values) <= MOST,
                )


async def measure_timeline(app: KeyedApp, quick: bool, title: str) -> Iterator[Row]:
    """Press the keys of the timeline in each window; return the rows of the table."""
    found = Measurements(app, QUICK_PAUSE if quick else PAUSE)
    await open_screen(
        app, "5", TimelineScreen, lambda: any(each.rows for each in app.screen.query(LineTable))
    )
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        await found.press(ZOOM, *["left_square_bracket"] * len(SPANS))
        for _ in SPANS:
            for what, keys in KEYS.items():
                await found.press(what, *keys)
            await found.press(ZOOM, "right_square_bracket")
    app.simulate_key("escape")
    await until(lambda: not isinstance(app.screen, TimelineScreen))
    return found.rows(f"timeline, {title}")


async def measure_calendar(app: KeyedApp, quick: bool, title: str) -> Iterator[Row]:
    """Press the keys of the calendar; return the rows of the table."""
    found = Measurements(app, QUICK_PAUSE if quick else PAUSE)
    await open_screen(
        app, "6", CalendarScreen, lambda: any(each.virtual_size for each in app.screen.query(LoadGrid))
    )
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        for what, keys in CALENDAR_KEYS.items():
            await found.press(what, *keys * len(SPANS))
    app.simulate_key("escape")
    await until(lambda: not isinstance(app.screen, CalendarScreen))
    return found.rows(f"calendar, {title}")


async def open_screen(app: KeyedApp, key: str, screen: type[Any], is_shown: Callable[[], bool]) -> None:
    """Open a screen, and wait for its first forecast."""
    app.simulate_key(key)
    await until(lambda: isinstance(app.screen, screen))
    await until(is_shown)
    await asyncio.sleep(1.0)


async def measure_app(scheduler: Scheduler, quick: bool) -> list[Row]:
    """Show the scheduler in terminals of several sizes; return the rows of the table."""
    rows: list[Row] = []
    for width, height in SIZES:
        app = KeyedApp(LocalBackend(scheduler, "benchmark"))
        async with app.run_test(size=(width, height)):
            await asyncio.wait_for(app.painted.wait(), LIMIT)
            await asyncio.sleep(1.0)
            title = f"{JOBS} jobs, {width}x{height}"
            rows += await measure_timeline(app, quick, title)
            rows += await measure_calendar(app, quick, title)
    return rows


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    with tempfile.TemporaryDirectory() as folder:
        path, seconds = Path(folder) / "jobs.db", DAYS * 86_400
        begin = time.time() - seconds
        names = write_runs(path, RUNS, jobs=JOBS, start=begin, seconds=seconds, length=LENGTH)
        with Scheduler(pool=4, tz="UTC", store=path) as scheduler:
            for number, name in enumerate(names):
                scheduler.schedule(spec_of(number), noop, name=name)
            time.sleep(1.5)
            exclude_from_collection()  # as the command line does
            yield from asyncio.run(measure_app(scheduler, quick))


if __name__ == "__main__":
    main(__doc__, measure)
