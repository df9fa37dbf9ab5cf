"""What a dashboard costs a scheduler that makes 10,000 events a second, and how it feels.

    python tests/benchmarks/dashboard_attached.py [--quick]

One process with a terminal of its own: the scheduler alone, then with the dashboard, then alone again. How
far the scheduler slows down is how many of the events it still makes. What a run costs is the CPU time of the
scheduler's own threads, divided by the runs; most of it is for waking threads and for cold caches, so it is
only shown. A key is timed from when it is typed until the terminal has been sent the picture in which the
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

from peers import WORKERS, Row, limited, main, noop, percentile

from jobtui import Scheduler
from jobtui.frontend.backend import LocalBackend
from jobtui.tui.app import JobtuiApp
from jobtui.tui.widgets.line_table import LineTable

EVENTS_PER_SECOND = 10_000  # three of each run
JOBS, INTERVAL = 300, 0.09  # so that there are as many
SECONDS, QUICK_SECONDS = 15.0, 5.0
SETTLED = 1.5  # seconds until the first ticks, or the first picture, are over
KEYS, KEYS_PER_SECOND = 20, 4
STARTED = 1.5  # seconds until the process is there
COLUMNS, LINES = 120, 32
IN_TERMINAL = "in-terminal"


@dataclass
class Seen:
    """What the process in the terminal has seen.

    Attributes:
        alone: What a run costs the scheduler in CPU time without a dashboard, in us, before and after.
        attached: The same with one.
        runs: How many runs there were each second, alone, attached, alone.
        app: The share of a core that the dashboard's thread takes.
        pictures: How many times a second something was painted.
        moved: When the terminal had been sent each move of the cursor, on the clock of the whole machine.
    """

    alone: list[float] = field(default_factory=list)
    attached: float = 0.0
    runs: list[float] = field(default_factory=list)
    app: float = 0.0
    pictures: float = 0.0
    moved: list[float] = field(default_factory=list)


class Watched(JobtuiApp):
    """Counts what it paints, and notes when the cursor's moves are on the screen."""

    CSS_PATH = str(Path(sys.modules[JobtuiApp.__module__].__file__ or "").with_name("app.tcss"))

    def __init__(self, source: LocalBackend) -> None:
        super().__init__(source)
        self.pictures = 0
        self.moves = 0
        self.moved: list[float] = []

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if renderable is not None:
            self.pictures += 1
            while len(self.moved) < self.moves:
                self.moved.append(time.monotonic())


def engine_cpu() -> dict[int, float]:
    """Return the CPU time of each of the scheduler's threads, in seconds."""
    threads = [thread.ident for thread in threading.enumerate() if thread.name.startswith("jobtui-")]
    return {ident: time.clock_gettime(time.pthread_getcpuclockid(ident)) for ident in threads if ident}


def pace(scheduler: Scheduler, seconds: float) -> tuple[float, float]:
    """Return what each run costs in microseconds of CPU, and how many there are a second."""
    runs, cpu, began = _runs(scheduler), engine_cpu(), time.monotonic()
    time.sleep(seconds)
    after, took = engine_cpu(), time.monotonic() - began
    runs = _runs(scheduler) - runs
    return sum(after[each] - cpu.get(each, 0.0) for each in after) / runs * 1e6, runs / took


def _runs(scheduler: Scheduler) -> int:
    return sum(job.runs for job in scheduler.snapshot().jobs)


def in_terminal(seconds: float) -> Seen:
    """Measure, in the terminal that this process has."""
    seen = Seen()
    with Scheduler(pool=WORKERS, tz="UTC") as scheduler:
        begin = time.time() + 1.0
        for number in range(JOBS):
            start = datetime.fromtimestamp(begin + number * INTERVAL / JOBS, UTC)
            scheduler.every(INTERVAL, noop, start=start, name=f"job-{number:03}")
        time.sleep(SETTLED)
        cost, rate = pace(scheduler, seconds)
        seen.alone.append(cost)
        seen.runs.append(rate)
        app = Watched(LocalBackend(scheduler, "benchmark"))
        watch = LineTable.watch_cursor

        def noted(table: LineTable[Any]) -> None:
            watch(table)
            app.moves += table.id == "jobs"  # the others' cursors go where there are rows

        setattr(LineTable, "watch_cursor", noted)  # noqa: B010 - mypy: methods are not assigned to
        main_thread = time.pthread_getcpuclockid(threading.get_ident())

        def attached() -> None:
            time.sleep(SETTLED)
            pictures, cpu = app.pictures, time.clock_gettime(main_thread)
            seen.attached, rate = pace(scheduler, seconds)
            seen.runs.append(rate)
            seen.app = (time.clock_gettime(main_thread) - cpu) / seconds
            seen.pictures = (app.pictures - pictures) / seconds
            time.sleep(SETTLED + KEYS / KEYS_PER_SECOND + SETTLED)
            app.call_from_thread(app.exit)

        threading.Thread(target=attached, daemon=True).start()
        app.run()
        seen.moved = app.moved[1:]  # the first is its coming to the table
        time.sleep(SETTLED)
        cost, rate = pace(scheduler, seconds)
        seen.alone.append(cost)
        seen.runs.append(rate)
    return seen


def typed(terminal: int, process: subprocess.Popen[bytes], seconds: float) -> list[float]:
    """Press the arrow keys while the dashboard is there. Returns when, on the clock of the whole machine."""
    threading.Thread(target=_drain, args=(terminal,), daemon=True).start()
    begun = time.monotonic()
    while time.monotonic() < begun + 2 * (SETTLED + seconds) + STARTED:
        time.sleep(0.1)
    pressed = []
    for number in range(KEYS):
        pressed.append(time.monotonic())
        os.write(terminal, b"\x1b[A" if number % 2 else b"\x1b[B")
        time.sleep(1 / KEYS_PER_SECOND)
    process.wait(4 * seconds + 30)
    return pressed


def _drain(terminal: int) -> None:
    """Take what is painted, or the process would wait for ever."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other end is closed
        return


def measure(quick: bool) -> Iterator[Row]:
    """Measure once."""
    seconds = QUICK_SECONDS if quick else SECONDS
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    results, told = os.pipe()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        [sys.executable, __file__, IN_TERMINAL, str(seconds), str(told)],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        pass_fds=[told],
        env=environment,
        start_new_session=True,
    )
    os.close(inner)
    os.close(told)
    pressed = typed(outer, process, seconds)
    with os.fdopen(results) as report:
        seen = Seen(**json.load(report))
    alone = statistics.mean(seen.alone)
    what = f"dashboard with {JOBS} jobs at {EVENTS_PER_SECOND:,} events a second"
    rates = [3 * rate for rate in seen.runs]
    slower = rates[1] / statistics.mean([rates[0], rates[2]])
    yield Row(
        what=f"{what}: events each second",
        ours=f"{rates[1]:,.0f}",
        peer=f"without it: {rates[0]:,.0f} and {rates[2]:,.0f}",
        ratio=f"{slower:.3g}",
        target="> 0.9 of what it is without",
        met=slower > 0.9,
    )
    yield Row(
        what=f"{what}: CPU of each run",
        ours=f"{seen.attached:.4g} us",
        peer=f"without it: {alone:.4g} us",
        ratio=f"{seen.attached / alone:.3g}",
    )
    yield limited(f"{what}: its share of a core", "%", [seen.app * 100], 25)
    yield limited(f"{what}: pictures", "a second", [seen.pictures], 15)
    if len(seen.moved) != len(pressed):
        yield Row(what=f"{what}: keys", ours=f"{len(pressed)} typed, {len(seen.moved)} answered", met=False)
        return
    delays = [(there - typed) * 1e3 for typed, there in zip(pressed, seen.moved, strict=True)]
    yield limited(f"{what}: a key's answer, the slowest of {len(delays)}", "ms", [max(delays)], 100)
    yield Row(what=f"{what}: a key's answer, p50", ours=f"{percentile(delays, 50):.3g} ms")


if __name__ == "__main__":
    if sys.argv[1:2] == [IN_TERMINAL]:
        found = in_terminal(float(sys.argv[2]))
        with os.fdopen(int(sys.argv[3]), "w") as answer:
            json.dump(asdict(found), answer)
    else:
        main(__doc__, measure)
