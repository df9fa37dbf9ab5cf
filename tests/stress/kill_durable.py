"""Kill a scheduler at random moments under a load of durable requests, and look for requests that were lost.

    python tests/stress/kill_durable.py [--rounds 20] [--seed N]

Each round starts a process with the file of the round before. Threads request durable runs, also through
connections of their own, and write the key of each request that was accepted into a pipe. Each run writes its
key into a file before it ends. After a random time the process is killed (SIGKILL). A last process runs what
is left. Then these must be true:

- each request that was accepted has been executed;
- a request that was executed more than once has had a higher attempt each time;
- no request is left in the file, and no number was given to two runs;
- SQLite can read the file, and its integrity check passes.

The exit status is 1 if one of them is not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

THREADS = 3
LONGEST = 1.0  # seconds from the start of the load to the kill

PROGRAM = f"""
import itertools, os, random, sqlite3, sys, threading, time
from jobtui import Scheduler, current_run

def work(key):
    run = current_run()
    os.write(executed, b"%s %d %d\\n" % (key.encode(), run.attempt, run.number))
    if random.random() < 0.3:
        time.sleep(random.random() / 10)

def load(thread):
    connection = sqlite3.connect(sys.argv[1], timeout=30)
    for count in itertools.count():
        key = f"{{os.getpid()}}-{{thread}}-{{count}}"
        way = random.random()
        if way < 0.2:
            with connection:
                scheduler.now(work, key, durable=connection)
        elif way < 0.5:
            scheduler.in_(random.random(), work, key, durable=True)
        else:
            scheduler.now(work, key, durable=True)
        os.write(1, f"accepted {{key}}\\n".encode())

if __name__ == "__main__":
    executed = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    scheduler = Scheduler(store=sys.argv[1], pool=8)
    scheduler.start()
    os.write(1, b"started\\n")
    if sys.argv[3] == "load":
        for thread in range({THREADS}):
            threading.Thread(target=load, args=(thread,), daemon=True).start()
        time.sleep(600)
    with sqlite3.connect(sys.argv[1]) as connection:
        while connection.execute("SELECT count(*) FROM one_offs").fetchone() != (0,):
            time.sleep(0.05)
    scheduler.stop()
"""


def run_round(folder: Path, delay: float) -> set[str]:
    """Start the program, and kill it after a time. Return the keys of the requests that were accepted."""
    command = [sys.executable, "durable_load.py", "jobs.db", "executed.txt", "load"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    with process.stdout as lines:
        assert lines.readline() == "started\n"
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        accepted = {line.split()[1] for line in lines if line.endswith("\n")}
    process.wait()
    return accepted


def find_faults(folder: Path, accepted: set[str]) -> tuple[list[str], int]:
    """Return the faults, and how many requests were executed more than once."""
    attempts: dict[str, list[int]] = defaultdict(list)
    keys: dict[str, str] = {}
    faults = []
    for line in (folder / "executed.txt").read_text().splitlines():
        key, attempt, number = line.split()
        attempts[key].append(int(attempt))
        if number in keys:
            faults.append(f"run {number} was executed for {keys[number]} and for {key}")
        keys[number] = key
    faults += [f"{key} was accepted, and not executed" for key in sorted(accepted - attempts.keys())]
    faults += [
        f"{key} has had the attempts {each}" for key, each in attempts.items() if each != sorted({*each})
    ]
    with closing(sqlite3.connect(folder / "jobs.db")) as connection:
        if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            faults.append("the integrity check fails")
        left = connection.execute("SELECT count(*) FROM one_offs").fetchone()
        doubles = connection.execute(
            "SELECT number FROM runs WHERE number > 0 GROUP BY number HAVING count(*) > 1"
        ).fetchall()
    if left != (0,):
        faults.append(f"{left[0]} requests are left")
    if doubles:
        faults.append(f"these numbers were given twice: {doubles}")
    return faults, sum(len(each) > 1 for each in attempts.values())


def main() -> None:
    """Kill, check, and print one line of figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    choices = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "durable_load.py").write_text(PROGRAM, "utf-8")
        accepted: set[str] = set()
        for _ in range(options.rounds):
            accepted |= run_round(folder, choices.uniform(0, LONGEST))
        command = [sys.executable, "durable_load.py", "jobs.db", "executed.txt", "finish"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        faults, repeated = find_faults(folder, accepted)
    print(
        f"{options.rounds} rounds, {len(accepted):,} requests accepted, {repeated} executed more than once; "
        f"seed {options.seed}"
    )
    for fault in faults:
        print(f"FAULT {fault}")
    sys.exit(bool(faults) or not accepted)


if __name__ == "__main__":
    main()
