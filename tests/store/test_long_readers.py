"""A long reader makes the write-ahead log grow up to a limit, and after its end the log is cut."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from support.store_parts import Writing, entry, query
from support.waiting import LIMIT, wait_until

from jobtui.engine.effects import Effects
from jobtui.store.database import WAL_BYTES
from jobtui.store.output_rows import StoredLine
from jobtui.store.retention import Retention
from jobtui.store.wal import LEAST, wal_bytes
from jobtui.store.writer import MAX_WAL

LARGE = "x" * 30_000


def fill(writing: Writing, first: int, size: int) -> int:
    """Write runs until so many bytes have been written. Return the number of the next run."""
    count = size // len(LARGE)
    for number in range(first, first + count, 200):
        runs = [entry(each, worker=LARGE) for each in range(number, min(number + 200, first + count))]
        writing.writer.outbox.put(Effects(recorded=runs))
        wait_until(partial(query, writing.path, "SELECT 1 FROM runs WHERE number = ?", runs[-1][0]))
    return first + count


def fill_log(writing: Writing, first: int) -> int:
    """Write runs until the log is larger than its limit. Return the number of the next run."""
    next_run = fill(writing, first, LEAST * 800_000)
    assert wal_bytes(writing.path) < LEAST * 1_048_576
    next_run = fill(writing, next_run, 200 * len(LARGE))
    assert wal_bytes(writing.path) > LEAST * 1_048_576
    return next_run


READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM runs").fetchall()
print("reading", flush=True)
sys.stdin.readline()
"""


@contextmanager
def reading_process(path: Path) -> Iterator[None]:
    """Have another process hold a read transaction."""
    command = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        try:
            yield
        finally:
            process.kill()


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


def test_the_log_stops_growing_at_its_limit_until_the_other_process_ends(path: Path) -> None:
    writing = Writing(path, limits=Retention(mib=2 * LEAST))
    writing.writer.start(LIMIT)
    next_run = fill(writing, 1, 20 * len(LARGE))
    with reading_process(path):
        next_run = fill_log(writing, next_run)
        last = next_run + 9
        line = StoredLine(last, 0.0, "stdout", "hello")
        writing.write(*[entry(each, worker=LARGE) for each in range(next_run, last + 1)], lines=[line])
        wait_until(lambda: bool(writing.writer.problem))
        assert "another program has had a read transaction open since 2023-11-14 22:13:20 UTC or earlier" in (
            writing.writer.problem
        )
        size = wal_bytes(path)
        writing.writer.outbox.put(Effects(recorded=[entry(last + 1, worker=LARGE)]))
        attempts = writing.attempts
        wait_until(lambda: writing.attempts > attempts + 3)
        assert wal_bytes(path) == size
        assert query(path, "SELECT max(number) FROM runs") == [(next_run - 1,)]
    wait_until(lambda: not writing.writer.problem)
    wait_until(lambda: wal_bytes(path) < WAL_BYTES)
    assert query(path, "SELECT max(number) FROM runs") == [(last + 1,)]
    assert query(path, "SELECT run, text FROM output") == [(last, "hello")]
    assert writing.writer.outbox.lost == 0
    assert writing.close()


def test_a_stop_writes_everything_although_the_log_is_at_its_limit(path: Path) -> None:
    writing = Writing(path, limits=Retention(mib=2 * LEAST))
    writing.writer.start(LIMIT)
    next_run = fill(writing, 1, 20 * len(LARGE))
    with reading_process(path):
        next_run = fill_log(writing, next_run)
        writing.write(entry(next_run))
        wait_until(lambda: bool(writing.writer.problem))
        assert writing.close()
        assert query(path, "SELECT max(number) FROM runs") == [(next_run,)]
