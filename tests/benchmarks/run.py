"""Run every benchmark of the scheduler and print one table.

    python tests/benchmarks/run.py [--quick]

It needs the peers: pip install -e '.[bench,web]'. Each script runs in a process of its own, one after the
other. The exit status is 1 if a target is missed or a script fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rows import Row, format_table

TIMEOUT = 600  # seconds for each script
HERE = Path(__file__).resolve().parent

# Each has the options --quick and --json, which `rows.main` implements.
SCRIPTS = [
    "now_burst.py",
    "call_shapes.py",
    "submit_latency.py",
    "due_at_once.py",
    "ticks_spread.py",
    "ticks_hundred.py",
    "ticks_in_phase.py",
    "registering.py",
    "history_queries.py",
    "idle.py",
    "many_runs.py",
    "pool_order.py",
    "lock_hold.py",
    "dashboard_attached.py",
    "dashboard_large.py",
    "dashboard_remote.py",
    "dashboard_stored.py",
    "log_view.py",
    "web_attached.py",
    "start_seen.py",
    "store_cost.py",
    "forecast.py",
    "timeline.py",
]


def run_script(script: str, options: list[str]) -> Iterator[Row]:
    """Run one script and yield its rows. A failure is a row too: a target that was not measured is missed."""
    command = [sys.executable, str(HERE / script), "--json", *options]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        yield Row(measured=script, jobtui=f"not finished after {TIMEOUT} s", met=False)
        return
    for line in done.stdout.splitlines():
        yield Row(**json.loads(line))
    if done.returncode not in (0, 1) or not done.stdout:
        yield Row(measured=script, jobtui=f"failed, exit status {done.returncode}", met=False)


def describe_machine() -> str:
    """Return the time, the machine, and the versions."""
    load = os.getloadavg()[0]
    peers = ", ".join(f"{name} {version(name)}" for name in ("jobtui", "APScheduler", "huey"))
    computer = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, load {load:.1f} before"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {computer}; {python}; {peers}"


def main() -> None:
    """Run the scripts and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="measure less, with more noise")
    options = ["--quick"] if parser.parse_args().quick else []
    header = describe_machine()
    rows: list[Row] = []
    for script in SCRIPTS:
        began = time.monotonic()
        rows += run_script(script, options)
        print(f"{script}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(f"{header}\n\n{format_table(rows)}")
    sys.exit(any(row.met is False for row in rows))


if __name__ == "__main__":
    main()
