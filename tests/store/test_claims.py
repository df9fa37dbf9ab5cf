"""Where several schedulers use one store at the same time, each tick is run by one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.store_parts import query
from support.waiting import LIMIT, wait_until

from jobtui import RunState, Scheduler
from jobtui.schedules.schedule_key import schedule_key
from jobtui.store.database import open_for_writing
from jobtui.store.store_errors import StoreError
from jobtui.store.tick_claims import TickClaims

INTERVAL = 0.03  # seconds
PROGRAM = f"""
import os, sys, time
from datetime import datetime, timezone
import jobtui

ticks = os.open("ticks.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def tick():
    os.write(ticks, b"%.6f %d\\n" % (jobtui.current_run().due.timestamp(), os.getpid()))

scheduler = jobtui.Scheduler(store="jobs.db", single=sys.argv[1])
start = datetime(2026, 1, 1, tzinfo=timezone.utc)
scheduler.every({INTERVAL}, tick, start=start, misfire="all", overlap="allow")
scheduler.start()
print("started", flush=True)
sys.stdin.read()
scheduler.stop()
"""


class Program:
    """A process with a scheduler."""

    def __init__(self, folder: Path, single: str = "off") -> None:
        command = [sys.executable, "-c", PROGRAM, single]
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"started\n"

    def stop(self) -> None:
        """Stop it, unless it was killed, and wait for its end."""
        self.process.communicate(timeout=LIMIT)


def ticks_of(folder: Path) -> list[tuple[float, int]]:
    """Return the instants of the ticks that were run, with the numbers of the processes, in order."""
    lines = (folder / "ticks.txt").read_text().splitlines()
    return sorted((float(line.split()[0]), int(line.split()[1])) for line in lines)


def wait_for_ticks(folder: Path, count: int) -> None:
    """Wait until so many more ticks were run."""
    before = len(ticks_of(folder))
    wait_until(lambda: len(ticks_of(folder)) >= before + count)


def test_two_processes_without_the_lock_run_each_tick_once(tmp_path: Path) -> None:
    first = Program(tmp_path)
    second = Program(tmp_path)
    wait_until(lambda: {pid for _, pid in ticks_of(tmp_path)} == {first.process.pid, second.process.pid})
    wait_for_ticks(tmp_path, 40)
    os.kill(first.process.pid, signal.SIGKILL)
    first.stop()
    wait_for_ticks(tmp_path, 20)
    second.stop()
    due = Counter(instant for instant, _ in ticks_of(tmp_path))
    assert set(due.values()) == {1}
    # One tick may have been claimed and not run, when its process was killed.
    assert 0 <= round((max(due) - min(due)) / INTERVAL) + 1 - len(due) <= 1


def test_the_ledger_names_the_process_that_has_claimed_a_tick(tmp_path: Path) -> None:
    first, second = Program(tmp_path), Program(tmp_path)
    wait_for_ticks(tmp_path, 60)
    first.stop()
    second.stop()
    reasons = {
        reason for (reason,) in query(tmp_path / "jobs.db", "SELECT reason FROM runs WHERE number = 0")
    }
    pids = first.process.pid, second.process.pid
    assert reasons
    assert reasons <= {f"process {pid} has claimed this tick in the store" for pid in pids}
    ran = query(tmp_path / "jobs.db", "SELECT due FROM runs WHERE number > 0 AND trigger = 'tick'")
    assert max(Counter(ran).values()) == 1


def test_a_process_with_the_lock_claims_nothing(tmp_path: Path) -> None:
    only = Program(tmp_path, "standby")
    wait_for_ticks(tmp_path, 5)
    only.stop()
    assert query(tmp_path / "jobs.db", "SELECT * FROM claims") == []


@pytest.fixture
def claims(tmp_path: Path) -> Callable[[], TickClaims]:
    """Make the claims of processes with lives 1 and 2 in one file."""
    path = tmp_path / "jobs.db"
    connection = open_for_writing(path)
    columns = "(started, seen, pid, host, zone, version, file, file_hash, git_commit)"
    for pid in (111, 222):
        connection.execute(
            f"INSERT INTO lives {columns} VALUES (1, 1, ?, '', '', '', '', '', '')",
            (pid,),
        )
    connection.close()
    return lambda: TickClaims(path, lambda: 10_000.0, time.monotonic)


def test_the_first_claim_of_a_tick_counts_and_may_be_repeated(claims: Callable[[], TickClaims]) -> None:
    first, second = claims(), claims()
    assert first.claim([("a", 9_999.0), ("b", 9_999.0)], 1) == {}
    assert second.claim([("a", 9_999.0), ("a", 9_999.5)], 2) == {("a", 9_999.0): 111}
    assert first.claim([("a", 9_999.0), ("a", 9_999.5)], 1) == {("a", 9_999.5): 222}
    for each in (first, second):
        each.close()


def test_old_claims_are_deleted(claims: Callable[[], TickClaims], tmp_path: Path) -> None:
    first = claims()
    first.claim([("a", 1.0), ("a", 9_000.0)], 1)
    first.close()
    assert query(tmp_path / "jobs.db", "SELECT due FROM claims") == [(9_000.0,)]


def test_a_file_that_cannot_be_written_is_told_once_and_then_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder.db"
    path.mkdir()
    claims = TickClaims(path, lambda: 0.0, lambda: 0.0)
    with pytest.raises(StoreError):
        claims.claim([("a", 1.0)], 1)
    assert claims.claim([("a", 1.0)], 1) == {}


@pytest.mark.parametrize("misfire", ["coalesce", "all"])
def test_late_ticks_that_another_process_has_claimed_are_left_to_it(tmp_path: Path, misfire: Any) -> None:
    """Of ten late ticks, another process has claimed the first four."""
    store = tmp_path / "jobs.db"
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=10)
    scheduler = Scheduler(store=store, single="off", defaults={"catch_up": "1h"}, catch_up_spread=0)
    job = scheduler.every(1, time.time, start=start, name="job", misfire=misfire, overlap="allow")
    dues = [start.timestamp() + each for each in range(1, 11)]
    connection = open_for_writing(store)
    connection.execute(
        "INSERT INTO jobs (name, schedule_key, watermark) VALUES ('job', ?, ?)",
        (schedule_key(job.schedule, ""), dues[0] - 1),
    )
    connection.executemany("INSERT INTO claims VALUES ('job', ?, 99)", [(due,) for due in dues[:4]])
    connection.execute(
        "INSERT INTO lives (id, started, seen, ended, pid, host, zone, version, file, file_hash, git_commit) "
        "VALUES (99, 1, 1, 1, 4711, '', '', '', '', '', '')"
    )
    connection.close()
    with scheduler:
        wait_until(lambda: any(run.state is RunState.OK for run in scheduler.runs_of("job")))
        found = scheduler.find_runs(job="job")
    [skipped] = [run for run in found if run.state is RunState.SKIPPED]
    assert (skipped.ticks, skipped.reason) == (4, "process 4711 has claimed this tick in the store")
    ran = sorted(run.due.timestamp() for run in found if run.number and run.due)
    assert ran[0] == dues[4]
    assert len(ran) == len(set(ran))
