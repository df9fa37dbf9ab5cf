"""The dashboard of 10,000 jobs whose store has 1,000,000 runs: the first paint, and the screens that ask it.

    python tests/benchmarks/dashboard_stored.py [--quick]

200 of the jobs have the runs of `history_queries.py`. The app paints without a terminal, and the system has
the file in its cache. A time is from the event, such as a key, until the answer is shown. Beside it stands
the longest CPU time that the painting thread has taken in between without a pause: it answers no other key
then. `--quick` makes 100,000 runs.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from dashboard_large import FILTER, KEY, LIMIT, SIZE, TimedApp, measure_keys, press
from history_queries import QUICK_RUNS, RUNS, write_runs
from peers import noop
from rows import Row, compare_with_limit, main
from textual.widgets import Input

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.process.collection import exclude_from_collection
from jobtui.tui.screens.history_screen import HistoryScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.log_screen import LogScreen
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.log_lines import LogLines
from jobtui.tui.widgets.picture import Picture

JOBS = 10_000
PRESSES, QUICK_PRESSES = 20, 6
BLOCK = 50.0  # ms of CPU time
HISTORY, CHARTS, LOG = 200.0, 500.0, 200.0  # ms

Shown = TypeVar("Shown")


class Pauses:
    """Measures the longest CPU time of the painting thread during which its event loop made no turn."""

    def __init__(self) -> None:
        self.longest = 0.0  # ms
        self._task = asyncio.create_task(self._watch())

    def close(self) -> None:
        """End the measurement."""
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, (time.thread_time() - began) * 1e3)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.001)


async def measure_answer(
    measured: str, limit: float, act: Callable[[], Awaitable[object]], shown: Callable[[], bool]
) -> Iterator[Row]:
    """Do something, and wait until the answer is shown; return the rows for both times."""
    pauses = Pauses()
    began = time.perf_counter()
    await act()
    await until(shown)
    took = (time.perf_counter() - began) * 1e3
    await asyncio.sleep(0.2)  # what is painted afterwards blocks, too
    pauses.close()
    blocked = compare_with_limit(f"{measured}: the longest block of CPU time", "ms", [pauses.longest], BLOCK)
    return iter([compare_with_limit(measured, "ms", [took], limit), blocked])


async def measure_app(scheduler: Scheduler, runs: int, quick: bool) -> Iterator[Row]:
    """Show the scheduler; return the rows of the table."""
    presses = QUICK_PRESSES if quick else PRESSES
    title = f"dashboard with {JOBS:,} jobs and {runs:,} stored runs"
    rows: list[Row] = []
    app = TimedApp(LocalBackend(scheduler, "benchmark"))

    def shown(screen: type[Any], widget: type[Shown], name: str, is_done: Callable[[Shown], object]) -> bool:
        """Return whether a widget of a screen shows its answer."""
        found = app.screen.query(f"#{name}").results(widget) if isinstance(app.screen, screen) else iter(())
        return any(is_done(each) for each in found)

    def has_runs(picture: Picture) -> bool:
        return "latest" in str(picture.border_title)

    async def key(name: str) -> None:
        app.simulate_key(name)

    async with app.run_test(size=SIZE):
        rows += app.start_rows(title)
        await asyncio.sleep(1.0)
        for name, keys in (("a move of the cursor", ["down"]), ("a page", ["pagedown"])):
            delays = await measure_keys(app, keys * presses)
            rows.append(compare_with_limit(f"{title}: {name}, the slowest", "ms", [max(delays)], KEY))
            rows.append(Row(measured=f"{title}: {name}, p50", jobtui=f"{statistics.median(delays):.3g} ms"))
        await press(app, "slash")
        delays = await measure_keys(app, ["7", "5", "backspace", "backspace"] * (presses // 4))
        rows.append(compare_with_limit(f"{title}: a letter of a filter", "ms", [max(delays)], FILTER))
        await press(app, "escape")
        await press(app, "g")

        rows += await measure_answer(
            f"{title}: the history",
            HISTORY,
            lambda: key("h"),
            lambda: shown(HistoryScreen, LineTable, "history", lambda table: table.rows),
        )
        await press(app, "slash")
        app.screen.query_one("#history-query", Input).value = "state:failed timed"
        before = app.screen.query_one("#history", LineTable).rows
        rows += await measure_answer(
            f"{title}: a query of the history",
            HISTORY,
            lambda: key("enter"),
            lambda: shown(HistoryScreen, LineTable, "history", lambda table: table.rows != before),
        )
        await press(app, "escape")
        await until(lambda: not isinstance(app.screen, HistoryScreen))
        rows += await measure_answer(
            f"{title}: a job with its charts",
            CHARTS,
            lambda: key("enter"),
            lambda: shown(JobScreen, Picture, "job-durations", has_runs),
        )
        rows += await measure_answer(
            f"{title}: the log of its latest run",
            LOG,
            lambda: key("l"),
            lambda: shown(LogScreen, LogLines, "log-lines", lambda lines: lines.visible_rows),
        )
    return iter(rows)


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    runs = QUICK_RUNS if quick else RUNS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.db"
        names = write_runs(path, runs)
        began = time.perf_counter()
        with Scheduler(tz="UTC", store=path, keep_days=3650, keep_rows=2 * RUNS, keep_mib=8192) as scheduler:
            for name in names:
                scheduler.schedule("0 0 5 1 * *", noop, name=name)
            for number in range(JOBS - len(names)):
                scheduler.schedule("0 0 5 1 * *", noop, name=f"job-{number:05}")
            took = (time.perf_counter() - began) * 1e3
            yield Row(measured=f"load {JOBS:,} jobs with {runs:,} stored runs", jobtui=f"{took:.0f} ms")
            time.sleep(1.5)
            exclude_from_collection()  # as the command line does
            yield from asyncio.run(measure_app(scheduler, runs, quick))


if __name__ == "__main__":
    main(__doc__, measure)
