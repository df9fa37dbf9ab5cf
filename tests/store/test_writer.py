"""The writer: whatever is wrong with the file, entries wait or are counted, and one text says what it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.store_parts import NOW, Faulty, Writing, counters, entry, query
from support.waiting import LIMIT, wait_until

from jobtui.engine.effects import Effects
from jobtui.engine.enums import RunState
from jobtui.engine.job_pause import Pause
from jobtui.engine.ledger import ENTRY_BYTES
from jobtui.store.database import open_for_writing
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.history import History
from jobtui.store.outbox import Outbox
from jobtui.store.output_rows import StoredLine
from jobtui.store.retention import Retention
from jobtui.store.store_errors import StoreError


def sqlite_error(code: int, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    """Return an error of SQLite with a result code."""
    error = kind(f"error {code}")
    error.sqlite_errorcode = code
    return error


OPEN_FAULTY = partial(open_for_writing, kind=Faulty)


@pytest.fixture
def faulty() -> Iterator[type[Faulty]]:
    """Return the class of connections whose writes can be made to fail."""
    yield Faulty
    Faulty.error, Faulty.fails_at = None, "UPDATE lives SET seen"


def numbers(path: Path) -> list[int]:
    """Return the numbers of the runs in the file."""
    return [number for [number] in query(path, "SELECT number FROM runs ORDER BY number")]


def test_entries_that_are_put_in_are_in_the_file_after_the_end(path: Path) -> None:
    writing = Writing(path)
    writing.writer.start(LIMIT)
    line = StoredLine(2, 1.0, "stdout", "hello")
    writing.write(entry(1), entry(2), lines=[line])
    assert writing.close()
    assert numbers(path) == [1, 2]
    assert History(path).output(2) == [line]
    assert writing.problems == []
    assert query(path, "SELECT ended, killed FROM lives") == [(NOW, None)]


def test_more_than_one_batch_is_written(path: Path) -> None:
    writing = Writing(path)
    writing.writer.start(LIMIT)
    writing.write(*map(entry, range(1, 10_001)))
    assert writing.close()
    assert counters(path) == {("a", "OK"): 10_000}


def test_pauses_are_written_in_their_order(path: Path) -> None:
    writing = Writing(path)
    writing.writer.start(LIMIT)
    for pause in (Pause(1.0), None, Pause(2.0, 3.0, "日本", "dashboard")):
        writing.writer.outbox.put(Effects(pauses=[("a", pause)]))
    writing.close()
    again = Writing(path)
    assert again.writer.start(LIMIT).jobs["a"].pause == pause
    again.close()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (sqlite_error(sqlite3.SQLITE_FULL), "the disk is full"),
        (sqlite_error(sqlite3.SQLITE_BUSY), "another program holds a lock on the file"),
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), "the file or its folder is read-only"),
        (
            sqlite_error(sqlite3.SQLITE_CORRUPT_INDEX, sqlite3.DatabaseError),
            "the file is damaged; move it away, and jobtui makes a new one",
        ),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), f"error {sqlite3.SQLITE_IOERR_WRITE}"),
    ],
)
def test_entries_that_cannot_be_written_wait_and_the_reason_is_told_once(
    path: Path, faulty: type[Faulty], error: sqlite3.Error, text: str
) -> None:
    writing = Writing(path, OPEN_FAULTY)
    writing.writer.start(LIMIT)
    faulty.error = error
    lines = [StoredLine(1, 1.0, "stdout", str(number)) for number in range(5_000)]
    writing.write(entry(1), entry(2, RunState.FAILED), lines=lines)
    wait_until(lambda: writing.writer.problem)
    writing.writer.outbox.put(Effects(recorded=[entry(3)]))
    assert writing.problems == [f"{path}: {text}"]
    assert numbers(path) == []
    faulty.error = None
    wait_until(lambda: not writing.writer.problem)
    assert writing.close()
    assert numbers(path) == [1, 2, 3]
    assert len(History(path).output(1)) == 5_000
    assert counters(path) == {("a", "OK"): 2, ("a", "FAILED"): 1}
    assert writing.problems == [f"{path}: {text}", ""]
    assert writing.writer.outbox.lost == 0
    assert len(query(path, "SELECT id FROM lives")) == 1


def test_endings_that_do_not_fit_into_memory_are_counted_and_told(path: Path, faulty: type[Faulty]) -> None:
    writing = Writing(path, OPEN_FAULTY)
    writing.writer.outbox = outbox = Outbox(writing.writer.wake, limit=10 * ENTRY_BYTES)
    writing.writer.start(LIMIT)
    faulty.error = sqlite_error(sqlite3.SQLITE_FULL)
    writing.write(entry(1))
    wait_until(lambda: writing.writer.problem)
    for number in range(2, 101):
        outbox.put(Effects(recorded=[entry(number)]))
    wait_until(lambda: len(writing.problems) > 1)  # it tells that some are only counted
    faulty.error = None
    wait_until(lambda: not writing.writer.problem)
    assert writing.close()
    assert numbers(path) == [*range(91, 101)]
    assert counters(path) == {("a", "OK"): 100}
    assert outbox.lost == 90


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_TOOBIG, sqlite3.DataError),
        sqlite_error(sqlite3.SQLITE_CONSTRAINT, sqlite3.IntegrityError),
        OverflowError("Python int too large to convert to SQLite INTEGER"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
def test_entries_that_can_never_be_written_are_counted_and_do_not_block_the_rest(
    path: Path, faulty: type[Faulty], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    writing = Writing(path, OPEN_FAULTY)
    writing.writer.start(LIMIT)
    faulty.error, faulty.fails_at = error, "INSERT INTO runs"
    writing.write(entry(1), entry(2))
    wait_until(lambda: writing.writer.outbox.lost)
    faulty.error = None
    writing.write(entry(3))
    assert writing.close()
    assert numbers(path) == [3]
    assert counters(path) == {("a", "OK"): 3}
    assert "entries cannot be stored, and are only counted" in caplog.text


def test_a_file_that_can_be_opened_only_later_gets_all_and_gives_its_state(path: Path) -> None:
    earlier = Writing(path)
    earlier.writer.start(LIMIT)
    earlier.write(entry(7), entry(8, RunState.FAILED))
    earlier.close()
    is_open = False

    def open_file(path: Path) -> StoreConnection:
        if not is_open:
            raise StoreError(path, "not yet")
        return open_for_writing(path)

    writing = Writing(path, open_file)
    state = writing.writer.start(LIMIT)
    assert (state.last_number, state.jobs) == (0, {})
    assert writing.writer.problem == f"{path}: not yet"
    writing.write(entry(9))
    is_open = True
    wait_until(lambda: not writing.writer.problem)
    assert writing.close()
    [late] = writing.late
    assert late.last_number == 8
    assert late.jobs["a"].endings == {RunState.OK: 1, RunState.FAILED: 1}
    assert numbers(path) == [7, 8, 9]


def test_an_unexpected_exception_does_not_end_the_writer(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writing = Writing(path)
    writing.writer.start(LIMIT)
    calls = 0

    def read() -> list[StoredLine]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError("surprise")
        return []

    writing.writer.read_output = read
    writing.writer.wake()
    wait_until(lambda: writing.problems)
    assert writing.problems[0] == "an error inside the store: ZeroDivisionError: surprise"
    wait_until(lambda: not writing.writer.problem)
    writing.writer.outbox.put(Effects(recorded=[entry(1)]))
    assert writing.close()
    assert numbers(path) == [1]
    assert "surprise" in caplog.text


def test_a_stop_while_the_file_cannot_be_written_says_that_something_is_missing(
    path: Path, faulty: type[Faulty]
) -> None:
    writing = Writing(path, OPEN_FAULTY)
    writing.writer.start(LIMIT)
    faulty.error = sqlite_error(sqlite3.SQLITE_FULL)
    writing.write(entry(1))
    assert not writing.close()


def test_old_rows_are_deleted_while_the_writer_works(path: Path) -> None:
    writing = Writing(path, limits=Retention(rows=10))
    writing.writer.start(LIMIT)
    writing.write(*map(entry, range(1, 101)))
    wait_until(lambda: numbers(path) == [*range(91, 101)])
    assert writing.close()
    assert counters(path) == {("a", "OK"): 100}
