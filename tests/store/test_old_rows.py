"""Old rows are deleted in small steps, failures live three times as long, and the file shrinks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.store_parts import NOW, counters, entry, query, ticks, write

from jobtui.engine.enums import RunState
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.old_rows import PAGES_PER_STEP, ROWS_PER_STEP, OldRows
from jobtui.store.output_rows import OutputRows, StoredLine
from jobtui.store.retention import Retention
from jobtui.store.wal import truncate_wal

DAY = 86_400.0


def numbers(path: Path) -> list[int]:
    """Return the numbers of the runs in the file."""
    return [number for [number] in query(path, "SELECT number FROM runs ORDER BY id")]


def delete_all(connection: StoreConnection, limits: Retention, now: float = NOW) -> int:
    """Delete all that exceeds the limits. Return in how many steps."""
    old_rows, steps = OldRows(limits), 1
    while old_rows.delete_some(connection, now):
        steps += 1
        assert steps < 1_000
    return steps


def aged(number: int, days: float, state: RunState = RunState.OK) -> tuple[object, ...]:
    """Return a run that ended so many days ago."""
    return entry(number, state, ended=NOW - days * DAY)


def test_endings_are_kept_for_so_many_days_and_failures_three_times_as_long(
    path: Path, connection: StoreConnection
) -> None:
    states = [RunState.OK, RunState.CANCELLED, RunState.SKIPPED, RunState.FAILED, RunState.LOST]
    runs = [(days, state) for days in (31, 29.9, 1) for state in states]
    failures = [(days, RunState.FAILED) for days in (91, 89.9)]
    write(connection, *(aged(number, *run) for number, run in enumerate([*failures, *runs], 1)))
    delete_all(connection, Retention(days=30))
    assert numbers(path) == [2, 6, 7, *range(8, 18)]


def test_so_many_endings_are_kept_and_failures_among_three_times_as_many(
    path: Path, connection: StoreConnection
) -> None:
    failed = dict.fromkeys(range(1, 101, 10), RunState.FAILED)
    write(connection, *(entry(number, failed.get(number, RunState.OK)) for number in range(1, 101)))
    delete_all(connection, Retention(days=1_000_000, rows=20))
    assert numbers(path) == [41, 51, 61, 71, *range(81, 101)]


def test_running_runs_stay(path: Path, connection: StoreConnection) -> None:
    old = entry(1, RunState.RUNNING, created=0.0, started=0.0, ended=None, elapsed=None)
    write(connection, old, *map(entry, range(2, 50)))
    delete_all(connection, Retention(rows=1, mib=0))
    assert numbers(path) == [1]


def test_a_step_deletes_few_rows_and_the_counters_stay(path: Path, connection: StoreConnection) -> None:
    total = 3 * ROWS_PER_STEP + 1
    write(connection, *(aged(number, 99) for number in range(1, total + 1)), ticks(5))
    before = counters(path)
    old_rows = OldRows(Retention(days=30))
    left = []
    while old_rows.delete_some(connection, NOW):
        left.append(len(numbers(path)))
    assert left[:4] == [2 * ROWS_PER_STEP + 2, ROWS_PER_STEP + 2, 2, 1]
    assert counters(path) == before == {("a", "OK"): total, ("a", "SKIPPED"): 5}


def test_many_endings_of_one_instant_are_all_deleted(path: Path, connection: StoreConnection) -> None:
    write(connection, *(aged(number, 99) for number in range(1, 3 * ROWS_PER_STEP)))
    delete_all(connection, Retention(days=30))
    assert numbers(path) == []


def test_a_later_step_deletes_what_has_become_old(path: Path, connection: StoreConnection) -> None:
    old_rows = OldRows(Retention(days=30))
    write(connection, aged(1, 40), aged(2, 20), aged(3, 40, RunState.FAILED), aged(4, 0))
    for days, expected in ((0, [2, 3, 4]), (5, [2, 3, 4]), (11, [3, 4]), (31, [3]), (49, [3]), (51, [])):
        while old_rows.delete_some(connection, NOW + days * DAY):
            pass
        assert numbers(path) == expected


def test_the_output_of_deleted_runs_is_deleted(path: Path, connection: StoreConnection) -> None:
    write(connection, aged(1, 99), aged(2, 1))
    write(connection, aged(1, 1), life=2)
    for life in (1, 2):
        connection.execute("BEGIN")
        OutputRows(connection, life).write(StoredLine(run, 1.0, "stdout", "x") for run in (1, 2))
        connection.execute("COMMIT")
    delete_all(connection, Retention(days=30))
    assert query(path, "SELECT life, run FROM output") == [(1, 2), (2, 1), (2, 2)]


def test_the_file_is_kept_below_its_limit_and_shrinks(path: Path, connection: StoreConnection) -> None:
    failed = dict.fromkeys(range(1, 101), RunState.FAILED)
    runs = [entry(number, failed.get(number, RunState.OK), reason="x" * 4_000) for number in range(1, 1_001)]
    write(connection, *runs)
    truncate_wal(connection)
    before = path.stat().st_size
    assert before > 4_000_000
    delete_all(connection, Retention(mib=2))
    truncate_wal(connection)
    left = numbers(path)
    assert path.stat().st_size <= 2.9 * 1_048_576
    assert left[:100] == [*range(1, 101)]  # failures are the last to go
    assert left[-1] == 1_000
    delete_all(connection, Retention(mib=0.1))
    truncate_wal(connection)
    assert path.stat().st_size < 1_100_000


def test_each_step_gives_many_pages_back_to_the_disk(connection: StoreConnection) -> None:
    write(connection, *(entry(number, RunState.OK, reason="x" * 4_000) for number in range(1, 501)))
    connection.execute("DELETE FROM runs")
    [before] = connection.execute("PRAGMA page_count").fetchone()
    OldRows(Retention()).delete_some(connection, NOW)
    [after] = connection.execute("PRAGMA page_count").fetchone()
    assert before - after == PAGES_PER_STEP


def test_looking_for_old_rows_passes_the_failures_only_once(path: Path, connection: StoreConnection) -> None:
    """Counts the steps of SQLite's virtual machine, which are the same on each machine."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    write(connection, *(aged(number, 60, RunState.FAILED) for number in range(1, 5_001)), aged(5_001, 1))
    old_rows = OldRows(Retention(days=30, rows=4_000))
    connection.set_progress_handler(count, 100)
    old_rows.delete_some(connection, NOW)
    first, steps = steps, 0
    old_rows.delete_some(connection, NOW)
    assert first > 100
    assert steps < 20


def test_rows_that_could_not_be_deleted_are_deleted_later(path: Path, connection: StoreConnection) -> None:
    write(connection, aged(1, 99), aged(2, 1))
    old_rows = OldRows(Retention(days=30))
    connection.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError):
            old_rows.delete_some(connection, NOW)
    assert numbers(path) == [1, 2]
    old_rows.delete_some(connection, NOW)
    assert numbers(path) == [2]
