"""One process after the other is killed or stopped, while another one with the same store stands by.

    python tests/stress/takeovers.py [--count 20]

Each run of the job appends its tick to a file when its work begins. At the end no tick of the grid may be
there twice, and each must be there once, or in the store as LOST: its run has started just before the process
was killed.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from jobtui import RunState
from jobtui.engine.records import DUE
from jobtui.store.history import History

INTERVAL = 0.02  # seconds
JOBS = f"""
import os
from datetime import datetime, timezone
import jobtui

start = datetime(2026, 1, 1, tzinfo=timezone.utc)

@jobtui.scheduled(every={INTERVAL}, start=start, misfire="all", catch_up="1h")
def tick():
    os.write(ticks, f"{{jobtui.current_run().due.timestamp():.6f}}\\n".encode())

ticks = os.open("ticks.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """Start a process."""
    command = [sys.executable, "-m", "jobtui", "jobs.py", "--headless"]
    return subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Read the log of a process until a line has a word."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"process {process.pid} has ended without {word}")


def takeovers(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Kill or stop so many processes. Return the ticks that ran, and the seconds that each takeover took."""
    (folder / "jobs.py").write_text(JOBS, "utf-8")
    (folder / "jobtui.toml").write_text('jobs.store = "jobs.db"\n', "utf-8")
    first, seconds = start(folder), []
    wait_for(first, "OK")
    for number in range(count):
        second = start(folder)
        wait_for(second, "STANDBY")
        time.sleep(0.3 + 0.017 * number)  # so that the signal comes at another moment of a batch each time
        first.send_signal(signal.SIGTERM if number % 2 else signal.SIGKILL)
        first.wait()
        ended = time.monotonic()
        wait_for(second, "STARTED")
        seconds.append(time.monotonic() - ended)
        wait_for(second, "OK")
        assert first.stderr is not None
        first.stderr.close()
        first = second
    time.sleep(1)
    first.send_signal(signal.SIGTERM)
    first.wait()
    return [float(line) for line in (folder / "ticks.txt").read_text("utf-8").split()], seconds


def main() -> int:
    """Run the takeovers, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        ran, seconds = takeovers(Path(folder), count)
        known = History(Path(folder) / "jobs.db").find(state=RunState.LOST, limit=10_000)
    counted = Counter(round(tick / INTERVAL) for tick in ran)
    twice = [tick for tick, times in counted.items() if times > 1]
    missing = set(range(min(counted), max(counted) + 1)).difference(counted)
    lost = missing.difference(round(run[DUE] / INTERVAL) for run in known)
    print(f"{count} takeovers, the slowest after {max(seconds):.2f} s; {len(counted)} ticks ran")
    print(
        f"LOST in the store: {len(missing) - len(lost)}, not in the store: {len(lost)}, twice: {len(twice)}"
    )
    return bool(lost or twice)


if __name__ == "__main__":
    sys.exit(main())
