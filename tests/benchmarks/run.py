"""Run every benchmark of the scheduler and print one table.

    python tests/benchmarks/run.py [--quick]

Needs the peers: pip install -e .[bench]. Each script runs in a process of its own, one after the other. The
exit status is 1 if a target is missed, or a script fails.
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

from peers import Row, table

LONGEST = 600  # seconds that a script may take
HERE = Path(__file__).resolve().parent

# A script takes --quick and --json; see `peers.main`, which does that for it.
SCRIPTS = [
    "now_burst.py",
    "submit_latency.py",
    "due_at_once.py",
    "ticks_spread.py",
    "ticks_hundred.py",
    "ticks_in_phase.py",
    "registering.py",
    "idle.py",
    "many_runs.py",
    "pool_order.py",
    "dashboard_attached.py",
    "web_attached.py",
    "start_seen.py",
]


def rows_of(script: str, options: list[str]) -> Iterator[Row]:
    """Run one script; a failure is a row too, because a target that was not measured was not met."""
    command = [sys.executable, str(HERE / script), "--json", *options]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        yield Row(what=script, ours=f"had not ended after {LONGEST} s", met=False)
        return
    for line in done.stdout.splitlines():
        yield Row(**json.loads(line))
    if done.returncode not in (0, 1) or not done.stdout:
        yield Row(what=script, ours=f"failed, exit status {done.returncode}", met=False)


def machine() -> str:
    """Say when and where it was measured, and with which versions."""
    load = os.getloadavg()[0]
    peers = ", ".join(f"{name} {version(name)}" for name in ("jobtui", "APScheduler", "huey"))
    computer = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, load {load:.1f} before"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {computer}; {python}; {peers}"


def main() -> None:
    """Run the scripts, then print what they found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="measure less, so with more noise")
    options = ["--quick"] if parser.parse_args().quick else []
    header = machine()
    rows: list[Row] = []
    for script in SCRIPTS:
        began = time.monotonic()
        rows += rows_of(script, options)
        print(f"{script}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(f"{header}\n\n{table(rows)}")
    sys.exit(any(row.met is False for row in rows))


if __name__ == "__main__":
    main()
