"""The cost of a dashboard for a scheduler with 10,000 events a second, and its response to keys.

    python tests/benchmarks/dashboard_attached.py [--quick]

One process in a terminal measures the scheduler alone, then with the dashboard, then alone again. The number
of events per second shows how much the dashboard slows the scheduler. The CPU time of a run is that of the
scheduler's threads, divided by the number of runs; most of it is for waking threads and for cold caches, so
it has no target. The response to a key is the time from the key to the output of the screen in which the
cursor has moved.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peers import WORKERS, noop
from rows import Row, compare_with_limit, main, percentile

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.app import JobtuiApp
from jobtui.tui.widgets.line_table import LineTable

EVENTS_PER_SECOND = 10_000  # three for each run
JOBS, INTERVAL = 300, 0.09  # they make that many events
SECONDS, QUICK_SECONDS = 15.0, 5.0
SETTLE = 1.5  # seconds until the first ticks, or the first repaint, are over
KEYS, KEYS_PER_SECOND = 20, 4
START = 1.5  # seconds that the process takes to start
COLUMNS, LINES = 120, 32
IN_TERMINAL = "in-terminal"


@dataclass
class Results:
    """The measurements of the process in the terminal.

    Attributes:
        cpu_alone: The CPU time of a run without the dashboard, in us; before and after.
        cpu_attached: The CPU time of a run with the dashboard, in us.
        rates: The runs per second: alone, attached, alone.
        app_share: The share of a core that the dashboard's thread takes.
        repaints: The repaints per second.
        moved: When each move of the cursor had been output, by the monotonic clock.
    """

    cpu_alone: list[float] = field(default_factory=list)
    cpu_attached: float = 0.0
    rates: list[float] = field(default_factory=list)
    app_share: float = 0.0
    repaints: float = 0.0
    moved: list[float] = field(default_factory=list)


class TimedApp(JobtuiApp):
    """Counts repaints, and records when the moves of the cursor have been output."""

    CSS_PATH = str(Path(sys.modules[JobtuiApp.__module__].__file__ or "").with_name("app.tcss"))

    def __init__(self, backend: LocalBackend) -> None:
        super().__init__(backend)
        self.repaints = 0
        self.moves = 0
        self.moved: list[float] = []

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if renderable is not None:
            self.repaints += 1
            while len(self.moved) < self.moves:
                self.moved.append(time.monotonic())


def scheduler_cpu() -> dict[int, float]:
    """Return the CPU time of each of the scheduler's threads, in seconds."""
    threads = [thread.ident for thread in threading.enumerate() if thread.name.startswith("jobtui-")]
    return {ident: time.clock_gettime(time.pthread_getcpuclockid(ident)) for ident in threads if ident}


def measure_runs(scheduler: Scheduler, seconds: float) -> tuple[float, float]:
    """Return the CPU time of a run in microseconds, and the runs per second."""
    runs, cpu, began = _runs(scheduler), scheduler_cpu(), time.monotonic()
    time.sleep(seconds)
    after, took = scheduler_cpu(), time.monotonic() - began
    runs = _runs(scheduler) - runs
    return sum(after[each] - cpu.get(each, 0.0) for each in after) / runs * 1e6, runs / took


def _runs(scheduler: Scheduler) -> int:
    return sum(job.runs for job in scheduler.snapshot().jobs)


def measure_in_terminal(seconds: float) -> Results:
    """Measure everything, in the terminal of this process."""
    results = Results()
    with Scheduler(pool=WORKERS, tz="UTC") as scheduler:
        begin = time.time() + 1.0
        for number in range(JOBS):
            start = datetime.fromtimestamp(begin + number * INTERVAL / JOBS, UTC)
            scheduler.every(INTERVAL, noop, start=start, name=f"job-{number:03}")
        time.sleep(SETTLE)
        cpu, rate = measure_runs(scheduler, seconds)
        results.cpu_alone.append(cpu)
        results.rates.append(rate)
        app = TimedApp(LocalBackend(scheduler, "benchmark"))
        watch_cursor = LineTable.watch_cursor

        def watch_and_count(table: LineTable[Any]) -> None:
            watch_cursor(table)
            app.moves += table.id == "jobs"  # the cursors of other tables move when their rows change

        setattr(LineTable, "watch_cursor", watch_and_count)  # noqa: B010 - mypy: methods are not assigned to
        main_thread = time.pthread_getcpuclockid(threading.get_ident())

        def measure_attached() -> None:
            time.sleep(SETTLE)
            repaints, cpu = app.repaints, time.clock_gettime(main_thread)
            results.cpu_attached, rate = measure_runs(scheduler, seconds)
            results.rates.append(rate)
            results.app_share = (time.clock_gettime(main_thread) - cpu) / seconds
            results.repaints = (app.repaints - repaints) / seconds
            time.sleep(SETTLE + KEYS / KEYS_PER_SECOND + SETTLE)
            app.call_from_thread(app.exit)

        threading.Thread(target=measure_attached, daemon=True).start()
        app.run()
        results.moved = app.moved[1:]  # without the first, which puts the cursor into the table
        time.sleep(SETTLE)
        cpu, rate = measure_runs(scheduler, seconds)
        results.cpu_alone.append(cpu)
        results.rates.append(rate)
    return results


def press_keys(terminal: int, process: subprocess.Popen[bytes], seconds: float) -> list[float]:
    """Press arrow keys while the dashboard is shown; return when, by the monotonic clock."""
    threading.Thread(target=_drain, args=(terminal,), daemon=True).start()
    began = time.monotonic()
    while time.monotonic() < began + 2 * (SETTLE + seconds) + START:
        time.sleep(0.1)
    pressed = []
    for number in range(KEYS):
        pressed.append(time.monotonic())
        os.write(terminal, b"\x1b[A" if number % 2 else b"\x1b[B")
        time.sleep(1 / KEYS_PER_SECOND)
    process.wait(4 * seconds + 30)
    return pressed


def _drain(terminal: int) -> None:
    """Read the output of the process, which would block otherwise."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other end is closed
        return


def measure(quick: bool) -> Iterator[Row]:
    """Measure one round."""
    seconds = QUICK_SECONDS if quick else SECONDS
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    reading, writing = os.pipe()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        [sys.executable, __file__, IN_TERMINAL, str(seconds), str(writing)],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        pass_fds=[writing],
        env=environment,
        start_new_session=True,
    )
    os.close(inner)
    os.close(writing)
    pressed = press_keys(outer, process, seconds)
    with os.fdopen(reading) as pipe:
        results = Results(**json.load(pipe))
    cpu_alone = statistics.mean(results.cpu_alone)
    measured = f"dashboard with {JOBS} jobs at {EVENTS_PER_SECOND:,} events a second"
    rates = [3 * rate for rate in results.rates]
    ratio = rates[1] / statistics.mean([rates[0], rates[2]])
    yield Row(
        measured=f"{measured}: events each second",
        jobtui=f"{rates[1]:,.0f}",
        peer=f"without it: {rates[0]:,.0f} and {rates[2]:,.0f}",
        ratio=f"{ratio:.3g}",
        target="> 0.9 of the value without it",
        met=ratio > 0.9,
    )
    yield Row(
        measured=f"{measured}: CPU of each run",
        jobtui=f"{results.cpu_attached:.4g} us",
        peer=f"without it: {cpu_alone:.4g} us",
        ratio=f"{results.cpu_attached / cpu_alone:.3g}",
    )
    yield compare_with_limit(f"{measured}: its share of a core", "%", [results.app_share * 100], 25)
    yield compare_with_limit(f"{measured}: repaints", "a second", [results.repaints], 15)
    if len(results.moved) != len(pressed):
        yield Row(
            measured=f"{measured}: keys",
            jobtui=f"{len(pressed)} typed, {len(results.moved)} shown",
            met=False,
        )
        return
    delays = [(end - start) * 1e3 for start, end in zip(pressed, results.moved, strict=True)]
    yield compare_with_limit(
        f"{measured}: time from a key to its repaint, the slowest of {len(delays)}", "ms", [max(delays)], 100
    )
    yield Row(
        measured=f"{measured}: time from a key to its repaint, p50", jobtui=f"{percentile(delays, 50):.3g} ms"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == [IN_TERMINAL]:
        found = measure_in_terminal(float(sys.argv[2]))
        with os.fdopen(int(sys.argv[3]), "w") as pipe:
            json.dump(asdict(found), pipe)
    else:
        main(__doc__, measure)
