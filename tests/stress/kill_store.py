"""Kill a scheduler with a store at random moments, under load, and look at what is left in its file.

    python tests/stress/kill_store.py [--rounds 50] [--limit 0.25] [--seed N]

In each round a process goes on with the file of the round before. Four threads request runs that print lines,
and write the number of each run that has ended into a pipe. Other runs hang. After a random time the process
is killed (SIGKILL). Then these must be true:

- SQLite can read the file, and its integrity check passes;
- each ending that is not in the file happened at most so many seconds before the kill (the limit);
- the counters are those of the rows;
- after the start of the next round, each run that was RUNNING is LOST, and run numbers have gone on.

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
from contextlib import closing
from pathlib import Path

THREADS, HANGING = 4, 3
LONGEST = 1.5  # seconds from the start of the load to the kill

PROGRAM = f"""
import os, sys, threading, time
from jobtui import Scheduler
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.output_capture import capture_streams

def work():
    print("a line of output")

def fail():
    raise ValueError("as always")

def hang():
    time.sleep(600)

def load():
    count = 0
    while True:
        count += 1
        run = scheduler.now(fail if count % 10 == 0 else work)
        run.wait()
        os.write(out, b"ended %d %f\\n" % (run.number, time.time()))

out = os.dup(1)
scheduler = Scheduler(store=sys.argv[1], pool=20)
scheduler.stop_logging()
log = OutputLog()
scheduler.recording.follow_output(log)
with capture_streams(log):
    scheduler.start()
    os.write(out, b"started\\n")
    for _ in range({HANGING}):
        scheduler.now(hang)
    for _ in range({THREADS}):
        threading.Thread(target=load, daemon=True).start()
    time.sleep(600)
"""


def run_and_kill(store: Path, delay: float) -> tuple[dict[int, float], float, int]:
    """Run the program and kill it. Return when each run ended, when it was killed, and its process number."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(store)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as lines:
        assert lines.readline() == "started\n"
        if delay:
            time.sleep(delay)
        killed_at = time.time()
        os.kill(process.pid, signal.SIGKILL)
        ended = {}
        for line in lines:
            words = line.split()
            if len(words) == 3 and line.endswith("\n"):
                ended[int(words[1])] = float(words[2])
    process.wait()
    return ended, killed_at, process.pid


class Checks:
    """Collects the faults that were found, and the longest loss.

    Args:
        store: The file.
        limit: How many seconds before a kill an ending may be lost.
    """

    def __init__(self, store: Path, limit: float) -> None:
        self.faults: list[str] = []
        self.longest_loss = 0.0
        self.endings = self.lost = 0
        self._store = store
        self._limit = limit

    def check_file(self, ended: dict[int, float], killed_at: float) -> None:
        """Check the file after a kill."""
        with closing(sqlite3.connect(self._store)) as connection:
            self._expect("integrity", connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            found = {row[0] for row in connection.execute("SELECT number FROM runs WHERE ended IS NOT NULL")}
            missing = [at for number, at in ended.items() if number not in found]
            loss = max((killed_at - at for at in missing), default=0.0)
            self.longest_loss = max(self.longest_loss, loss)
            self.endings += len(ended)
            self.lost += len(missing)
            if loss > self._limit:
                self.faults.append(f"an ending {loss:.3f} s before the kill is not in the file")
            rows = "SELECT job, state, sum(ticks) FROM runs WHERE ended IS NOT NULL GROUP BY job, state"
            counters = "SELECT job, state, count FROM counters"
            self._expect(
                "counters",
                sorted(connection.execute(counters).fetchall()),
                sorted(connection.execute(rows).fetchall()),
            )

    def check_restart(self, running: list[tuple[int, int]], pid: int) -> None:
        """Check the file after the start of the next process.

        Args:
            running: The lives and numbers of the runs that were RUNNING at the kill.
            pid: The number of the process that was killed.
        """
        with closing(sqlite3.connect(self._store)) as connection:
            for life, number in running:
                row = connection.execute(
                    "SELECT state, reason LIKE '%without stopping: process ' || ? || ',%' FROM runs "
                    "WHERE life = ? AND number = ?",
                    (pid, life, number),
                ).fetchone()
                self._expect(f"run {number}", row, ("LOST", 1))

    def running(self) -> list[tuple[int, int]]:
        """Return the lives and numbers of the runs whose rows say RUNNING."""
        with closing(sqlite3.connect(self._store)) as connection:
            return connection.execute("SELECT life, number FROM runs WHERE state = 'RUNNING'").fetchall()

    def _expect(self, name: str, found: object, expected: object) -> None:
        if found != expected:
            self.faults.append(f"{name}: {found!r}, not {expected!r}")


def main() -> None:
    """Kill, check, and print one line of figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--limit", type=float, default=0.25, help="seconds")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    choices = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        checks = Checks(store, options.limit)
        left_running = 0
        for _ in range(options.rounds):
            ended, killed_at, pid = run_and_kill(store, choices.uniform(0, LONGEST))
            checks.check_file(ended, killed_at)
            running = checks.running()
            left_running += len(running)
            ended, killed_at, _ = run_and_kill(store, 0.0)
            checks.check_file(ended, killed_at)
            checks.check_restart(running, pid)
    print(
        f"{options.rounds} rounds, {checks.endings:,} endings, {checks.lost:,} lost, the earliest "
        f"{checks.longest_loss:.3f} s before its kill; {left_running} runs were RUNNING; seed {options.seed}"
    )
    for fault in checks.faults:
        print(f"FAULT {fault}")
    sys.exit(bool(checks.faults) or not checks.endings or not left_running)


if __name__ == "__main__":
    main()
