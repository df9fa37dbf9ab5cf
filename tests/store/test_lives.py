"""Each process that uses the file is noted in it, and the runs that it left RUNNING end as LOST."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.store_parts import NOW, counters, entry, query, write

from jobtui.engine.enums import RunState
from jobtui.engine.records import ENDED, NUMBER, REASON
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.history import History
from jobtui.store.lives import MAX_UNSEEN, Origin, begin_life, git_commit


def begin(connection: StoreConnection, started: float, now: float | None = None, **values: Any) -> int:
    """Begin a life."""
    arguments = {"alone": True} | values
    return begin_life(
        connection, Origin(zone="UTC"), started, started if now is None else now, alone=arguments["alone"]
    )


def running(number: int) -> tuple[Any, ...]:
    """Return a run that is RUNNING."""
    return entry(number, RunState.RUNNING, ended=None, elapsed=None)


def dead_pid() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_life_has_the_process_the_host_the_job_file_and_the_commit(
    connection: StoreConnection, path: Path, tmp_path: Path
) -> None:
    def git(*arguments: str) -> str:
        options = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        done = subprocess.run(
            ["git", *options, *arguments], cwd=tmp_path / "repo", check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    (tmp_path / "repo" / "jobs").mkdir(parents=True)
    file = tmp_path / "repo" / "jobs" / "my_jobs.py"
    file.write_text("x = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    begin_life(connection, Origin(zone="Europe/Paris", file=str(file)), NOW, NOW, alone=True)
    [row] = query(path, "SELECT started, pid, host, zone, file, file_hash, git_commit FROM lives")
    expected = hashlib.sha256(b"x = 1\n").hexdigest()
    host = os.uname().nodename
    assert row == (NOW, os.getpid(), host, "Europe/Paris", str(file), expected, git("rev-parse", "HEAD"))

    git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    git("commit", "-q", "--allow-empty", "-m", "second")
    assert git_commit(tmp_path / "tree" / "jobs" / "my_jobs.py") == row[-1]
    git("pack-refs", "--all")
    assert git_commit(file) == git("rev-parse", "HEAD")
    git("checkout", "-q", "--detach", row[-1])
    assert git_commit(file) == row[-1]


def test_a_file_outside_a_repository_has_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path / "my_jobs.py") == ""


@pytest.mark.parametrize("content", ["", "ref: refs/heads/none", "\xff"])
def test_a_repository_that_cannot_be_read_has_no_commit(tmp_path: Path, content: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(content.encode("latin-1"))
    assert git_commit(tmp_path / "my_jobs.py") == ""


def test_running_runs_of_a_killed_process_end_as_lost_with_its_number_and_start(
    connection: StoreConnection, path: Path
) -> None:
    life = begin(connection, NOW)
    write(connection, running(1), running(2), entry(3), life=life)
    write(connection, entry(2, ended=NOW + 3), life=life)
    connection.execute("UPDATE lives SET seen = ?", (NOW + 20,))
    begin(connection, NOW + 100)
    [lost] = History(path).find(state=RunState.LOST, limit=10)
    found = {"number": lost[NUMBER], "ended": lost[ENDED], "reason": lost[REASON]}
    assert found == {
        "number": 1,
        "ended": NOW + 20,
        "reason": f"the process ended without stopping: process {os.getpid()}, "
        "started at 2023-11-14 22:13:20+00:00",
    }
    assert counters(path) == {("a", "OK"): 2, ("a", "LOST"): 1}
    assert query(path, "SELECT ended, killed FROM lives ORDER BY id") == [(NOW + 20, 1), (None, None)]


def test_a_lost_run_ends_not_before_it_started(connection: StoreConnection, path: Path) -> None:
    life = begin(connection, NOW - 100)
    write(connection, running(1), life=life)
    begin(connection, NOW + 100)
    assert query(path, "SELECT ended >= started FROM runs") == [(1,)]


def test_a_life_that_opens_its_file_again_goes_on(connection: StoreConnection, path: Path) -> None:
    life = begin(connection, NOW)
    write(connection, running(1), life=life)
    assert begin(connection, NOW, NOW + 50) == life
    assert query(path, "SELECT state FROM runs") == [("RUNNING",)]


@pytest.mark.parametrize(
    ("changes", "is_lost"),
    [
        ("seen = seen", False),
        (f"seen = {NOW + 100 - MAX_UNSEEN - 1}", True),
        (f"seen = {NOW + 100 + MAX_UNSEEN + 1}", True),  # a clock was set back
        ("host = 'elsewhere'", False),
        ("pid = {dead}", True),
        ("pid = {dead}, host = 'elsewhere'", False),
    ],
)
def test_without_the_lock_only_a_process_that_has_ended_loses_its_runs(
    connection: StoreConnection, path: Path, changes: str, is_lost: bool
) -> None:
    life = begin(connection, NOW)
    write(connection, running(1), life=life)
    connection.execute("UPDATE lives SET seen = ?", (NOW + 99,))
    connection.execute(f"UPDATE lives SET {changes.format(dead=dead_pid())}")
    begin(connection, NOW + 100, alone=False)
    assert query(path, "SELECT state FROM runs") == [("LOST" if is_lost else "RUNNING",)]
