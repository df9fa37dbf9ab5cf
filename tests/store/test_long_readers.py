"""A long reader makes the write-ahead log grow, and after its end the log is cut."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from support.store_parts import Writing, entry, query
from support.waiting import LIMIT, wait_until

from jobtui.engine.effects import Effects
from jobtui.store.database import WAL_BYTES
from jobtui.store.retention import Retention
from jobtui.store.wal import wal_bytes
from jobtui.store.writer import MAX_WAL

LARGE = "x" * 30_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "jobs.db"


def fill(writing: Writing, first: int, size: int) -> int:
    """Write runs until so many bytes have been written. Return the number of the next run."""
    count = size // len(LARGE)
    for number in range(first, first + count, 200):
        runs = [entry(each, worker=LARGE) for each in range(number, min(number + 200, first + count))]
        writing.writer.outbox.put(Effects(recorded=runs))
        wait_until(partial(query, writing.path, "SELECT 1 FROM runs WHERE number = ?", runs[-1][0]))
    return first + count


def test_without_readers_the_log_stays_small(path: Path) -> None:
    writing = Writing(path)
    writing.writer.start(LIMIT)
    fill(writing, 1, 4 * WAL_BYTES)
    wait_until(lambda: wal_bytes(path) <= WAL_BYTES)
    writing.close()
    assert wal_bytes(path) == 0


def test_the_log_is_cut_when_a_long_reader_has_ended(path: Path) -> None:
    writing = Writing(path)
    writing.writer.start(LIMIT)
    next_run = fill(writing, 1, WAL_BYTES)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchall()
        next_run = fill(writing, next_run, 2 * WAL_BYTES)
        assert wal_bytes(path) > 2 * WAL_BYTES
        reader.execute("ROLLBACK")
        wait_until(lambda: wal_bytes(path) <= WAL_BYTES)
    assert writing.close()
    assert query(path, "SELECT count(*) FROM runs") == [(next_run - 1,)]


def test_nothing_is_deleted_while_the_log_is_very_large(path: Path) -> None:
    """To delete rows makes the log grow even more."""
    writing = Writing(path, limits=Retention(rows=100))
    writing.writer.start(LIMIT)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        fill(writing, 1, WAL_BYTES)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchall()
        next_run = fill(writing, 10_001, MAX_WAL + WAL_BYTES)
        [[before]] = query(path, "SELECT count(*) FROM runs")
        next_run = fill(writing, next_run, 50 * len(LARGE))
        assert query(path, "SELECT count(*) FROM runs") == [(before + 50,)]
    wait_until(lambda: query(path, "SELECT count(*) FROM runs") == [(100,)])
    assert writing.close()
