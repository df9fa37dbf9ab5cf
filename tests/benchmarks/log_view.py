"""The cost of the log view: opening an output of 100 MB, and 10,000 lines a second while they are shown.

    python tests/benchmarks/log_view.py [--quick]

The output of 100 MB is opened from the memory and from the store of an earlier process; the time is from the
key to the painted lines, and is compared with that of a single line. While lines are written, the CPU time of
everything but the writer is compared with the elapsed time, and the time from a key to the moved cursor is
measured. The share has to be less than half of a core, the median of the keys less than 50 ms.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rows import Row, compare_with_limit, main

from jobtui import Scheduler
from jobtui.frontend.backend import LogLine
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_log import OutputLog
from jobtui.tui.app import JobtuiApp
from jobtui.tui.widgets.log_lines import LogLines

LINE = "order 4711 of customer 815 is stored, with three positions and the number of the invoice " + "x" * 9
LINES_PER_SECOND = 10_000
LIMIT = 60.0  # seconds
COUNT, QUICK_COUNT = 1_000_000, 10_000  # lines of 100 bytes
SECONDS, QUICK_SECONDS = 6.0, 1.0
KEY, SHARE = 50.0, 50.0  # ms, and % of a core


async def until(condition: Callable[[], bool]) -> float:
    """Wait until a condition is true. Return how long that took, in milliseconds."""
    begin = time.perf_counter()
    while not condition():
        if time.perf_counter() - begin > LIMIT:
            raise TimeoutError
        await asyncio.sleep(0.001)
    return (time.perf_counter() - begin) * 1000


def lines_of(app: JobtuiApp) -> LogLines[LogLine] | None:
    """Return the lines on the screen, if it is the log view."""
    return next(iter(app.screen.query(LogLines)), None)


async def open_log(backend: LocalBackend) -> float:
    """Return the time from the key that opens the log of the first job to the painted lines."""
    app = JobtuiApp(backend)
    async with app.run_test(size=(120, 32)) as pilot:
        await pilot.pause()
        app.simulate_key("l")
        return await until(lambda: (lines := lines_of(app)) is not None and bool(lines.visible_rows))


def measure_opening(count: int) -> Iterator[Row]:
    """Measure how long it takes to open so many lines."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        log = OutputLog(limit=500_000_000)
        options = {"store": store, "keep_output": 200_000_000, "keep_mib": 1_000}
        with Scheduler(**options) as scheduler:  # type: ignore[arg-type]
            scheduler.schedule("@yearly", lambda: None, name="job")
            assert scheduler.recording is not None
            scheduler.recording.follow_output(log)
            run = scheduler.run("job")
            run.wait(LIMIT)
            log.write("job", run.number, "stdout", f"{LINE}\n")
            one_line = asyncio.run(open_log(LocalBackend(scheduler, "benchmark", log)))
            for _ in range(count):
                log.write("job", run.number, "stdout", f"{LINE}\n")
            log.output_since(0)
            from_memory = asyncio.run(open_log(LocalBackend(scheduler, "benchmark", log)))
        del log
        scheduler = Scheduler(**options)  # type: ignore[arg-type]
        scheduler.schedule("@yearly", lambda: None, name="job")
        with scheduler:
            from_store = asyncio.run(open_log(LocalBackend(scheduler, "benchmark")))
    opened = f"log view: opening an output of {count * (len(LINE) + 1) / 1e6:.0f} MB"
    for place, delay in (("memory", from_memory), ("the store", from_store)):
        yield Row(
            measured=f"{opened} from {place}",
            jobtui=f"{delay:.0f} ms",
            peer=f"one line: {one_line:.0f} ms",
        )


async def follow(seconds: float) -> tuple[float, list[float]]:
    """Return the share of a core that the view takes, and the times from a key to the moved cursor."""
    log = OutputLog()
    stop = threading.Event()
    writer_cpu = 0.0
    written = 0

    def write() -> None:
        nonlocal writer_cpu, written
        begin = time.perf_counter()
        while not stop.is_set():
            for _ in range(100):
                log.write("job", 1, "stdout", f"{written} {LINE}\n")
                written += 1
            stop.wait(max(0.0, begin + written / LINES_PER_SECOND - time.perf_counter()))
        writer_cpu = time.thread_time()

    keys = []
    with Scheduler() as scheduler:
        app = JobtuiApp(LocalBackend(scheduler, "benchmark", log))
        async with app.run_test(size=(120, 32)) as pilot:
            app.simulate_key("o")
            await until(lambda: lines_of(app) is not None)
            thread = threading.Thread(target=write)
            begin, cpu = time.perf_counter(), time.process_time()
            thread.start()
            await asyncio.sleep(seconds)
            elapsed, cpu = time.perf_counter() - begin, time.process_time() - cpu
            lines = lines_of(app)
            assert lines is not None
            assert lines.follows
            app.simulate_key("pageup")
            await pilot.pause()
            for _ in range(20):
                cursor = lines.cursor
                app.simulate_key("k")
                keys.append(await until(lambda cursor=cursor: lines.cursor != cursor))  # type: ignore[misc]
                await asyncio.sleep(0.05)
            stop.set()
            thread.join()
            share = (cpu - writer_cpu * elapsed / (time.perf_counter() - begin)) / elapsed
    return share, keys


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    share, keys = asyncio.run(follow(QUICK_SECONDS if quick else SECONDS))
    shown = f"log view at {LINES_PER_SECOND:,} lines a second"
    yield compare_with_limit(f"{shown}: its share of a core", "%", [share * 100], SHARE)
    measured = f"{shown}: a key, p50 of {len(keys)}, the slowest {max(keys):.3g} ms"
    yield compare_with_limit(measured, "ms", [statistics.median(keys)], KEY)
    yield from measure_opening(QUICK_COUNT if quick else COUNT)


if __name__ == "__main__":
    main(__doc__, measure)
