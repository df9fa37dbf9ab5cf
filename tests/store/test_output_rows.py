"""The output of a run: its first 16 KiB, its last 64 KiB, and a line that says how much is missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.store_parts import entry, write

from jobtui.runtime.output_log import LOG_BYTES, OutputLog
from jobtui.runtime.stored_output import OutputFeed
from jobtui.store.database import open_for_writing
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.history import History
from jobtui.store.output_rows import MAX_WRITERS, OutputRows, StoredLine
from jobtui.store.waiting_output import WaitingOutput

KIB = 1024


@pytest.fixture
def connection(path: Path) -> Iterator[StoreConnection]:
    """Open the file, which has run 1 of life 1."""
    with closing(open_for_writing(path)) as connection:
        write(connection, entry(1))
        yield connection


def line(number: int, run: int = 1, size: int = KIB) -> StoredLine:
    """Return a line that takes so many bytes with its line break."""
    return StoredLine(run, float(number), "stdout", f"{number} ".ljust(size - 1, "."))


def put(connection: sqlite3.Connection, rows: OutputRows, *lines: StoredLine) -> None:
    """Write lines in a transaction."""
    connection.execute("BEGIN")
    rows.write(lines)
    connection.execute("COMMIT")


def numbers(path: Path, run: int = 1) -> list[str]:
    """Return the first word of each line that is kept, and the lines that say what is missing."""
    return [each.text if each.text[0] == "[" else each.text.split()[0] for each in History(path).output(run)]


def expected(total: int, head: int = 16, tail: int = 64) -> list[str]:
    """Return what `numbers` returns after so many lines of one KiB."""
    left_out = total - head - tail
    first, last = range(1, head + 1), range(total - tail + 1, total + 1)
    return [*map(str, first), f"[{left_out} lines left out]", *map(str, last)]


def test_a_line_comes_back_with_its_time_stream_and_text(path: Path, connection: StoreConnection) -> None:
    lines = [
        StoredLine(1, -0.5, "stdout", ""),
        StoredLine(1, 1.25, "WARNING", "日本 \0 \u2028 \x1b"),
        StoredLine(1, 2.0, "stderr", "no \ud800"),
    ]
    put(connection, OutputRows(connection, 1), *lines)
    assert History(path).output(1) == [*lines[:2], lines[2]._replace(text="no ?")]


@pytest.mark.parametrize("at_once", [1, 7, 1_000])
def test_the_first_16_and_the_last_64_kib_are_kept(
    path: Path, connection: StoreConnection, at_once: int
) -> None:
    rows = OutputRows(connection, 1)
    lines = [line(number) for number in range(1, 301)]
    for first in range(0, 300, at_once):
        put(connection, rows, *lines[first : first + at_once])
    assert numbers(path) == expected(300)


def test_an_output_that_fits_is_kept_whole(path: Path, connection: StoreConnection) -> None:
    put(connection, OutputRows(connection, 1), *map(line, range(1, 81)))
    assert numbers(path) == [str(number) for number in range(1, 81)]


def test_the_limit_can_be_set_and_a_fifth_is_from_the_beginning(
    path: Path, connection: StoreConnection
) -> None:
    put(connection, OutputRows(connection, 1, keep=10 * KIB), *map(line, range(1, 31)))
    assert numbers(path) == expected(30, head=2, tail=8)


def test_the_last_line_is_kept_however_long_it_is(path: Path, connection: StoreConnection) -> None:
    put(connection, OutputRows(connection, 1, keep=5), line(1), line(2), line(3))
    assert numbers(path) == ["[2 lines left out]", "3"]


def test_lines_of_many_runs_do_not_mix(path: Path, connection: StoreConnection) -> None:
    rows = OutputRows(connection, 1)
    runs = range(1, MAX_WRITERS + 50)
    write(connection, *map(entry, runs))
    for number in range(1, 4):  # more runs than those whose positions are known
        put(connection, rows, *(line(number, run, 20) for run in runs))
    assert all(numbers(path, run) == ["1", "2", "3"] for run in runs)


def test_another_writer_goes_on_as_if_it_had_written_all(path: Path, connection: StoreConnection) -> None:
    for number in range(1, 301):
        put(connection, OutputRows(connection, 1), line(number))
    assert numbers(path) == expected(300)


def test_a_transaction_that_was_rolled_back_leaves_no_gap(path: Path, connection: StoreConnection) -> None:
    rows = OutputRows(connection, 1)
    lines = [line(number) for number in range(1, 301)]
    put(connection, rows, *lines[:50])
    for _ in range(3):
        connection.execute("BEGIN")
        rows.write(lines[50:])
        connection.execute("ROLLBACK")
        rows.forget_positions()
    assert numbers(path) == [str(number) for number in range(1, 51)]
    put(connection, rows, *lines[50:])
    assert numbers(path) == expected(300)


def test_the_output_of_the_latest_life_is_returned(path: Path, connection: StoreConnection) -> None:
    put(connection, OutputRows(connection, 1), line(1))
    write(connection, entry(1, ended=5.0), life=2)
    put(connection, OutputRows(connection, 2), line(2))
    assert numbers(path) == ["2"]


# --- lines that the writer reads -----------------------------------------------------------------


class Feed:
    """An output log and the feed that reads it.

    Attributes:
        ended: The runs that have ended.
    """

    def __init__(self, limit: int = LOG_BYTES) -> None:
        self.ended: set[int] = set()
        self.log = OutputLog(limit)
        self.read = OutputFeed(self.log, self.ended.__contains__, StoredLine)

    def texts(self) -> list[tuple[int, str]]:
        """Read, and return the run and the text of each line."""
        return [(each.run, each.text) for each in self.read()]


def test_lines_outside_runs_are_not_stored() -> None:
    feed = Feed()
    feed.log.write("", 0, "fd 1", "hello\n")
    feed.log.write("a", 1, "stdout", "one\ntwo\n")
    assert feed.texts() == [(1, "one"), (1, "two")]
    assert feed.texts() == []


def test_the_unfinished_last_line_is_stored_once_when_its_run_has_ended() -> None:
    feed = Feed()
    feed.log.write("a", 1, "stdout", "done\n50 %")
    feed.log.write("b", 2, "stdout", "half")
    assert feed.texts() == [(1, "done")]
    feed.ended.add(1)
    assert feed.texts() == [(1, "50 %")]
    assert feed.texts() == []
    feed.log.write("b", 2, "stdout", " a line\n")
    assert feed.texts() == [(2, "half a line")]


def test_an_unfinished_line_is_not_stored_again_when_the_log_gives_it_up() -> None:
    feed = Feed()
    for run in range(1, 200):
        feed.log.write("a", run, "stdout", f"line {run}")
        feed.ended.add(run)
    assert feed.texts() + feed.texts() == [(run, f"line {run}") for run in range(1, 200)]
    for run in range(200, 400):
        feed.log.write("a", run, "stdout", f"line {run}")
        feed.ended.add(run)
        assert feed.texts() == [(run, f"line {run}")]
    assert feed.texts() == []


@pytest.mark.parametrize("size", [1, 50, 500], ids=lambda size: f"{size} lines a write")
def test_a_line_says_how_many_lines_of_each_run_came_too_fast(size: int) -> None:
    """In its place before the later ones; lines that have been read are not lost."""
    feed = Feed(limit=20_000)
    feed.log.write("a", 1, "stdout", "first\n")
    feed.log.write("", 0, "fd 1", "outside\n" * 10)
    assert feed.texts() == [(1, "first")]
    for run in (1, 2):
        for first in range(0, 1_000, size):
            text = "".join(f"{number}\n" for number in range(first, first + size))
            feed.log.write("a", run, "stdout", text)
    read = feed.texts()
    notes = {run: text for run, text in read if text.startswith("[")}
    kept = [run for run, text in read if not text.startswith("[")]
    assert [run for run, _ in read[: len(notes)]] == list(notes)
    assert read[-1] == (2, "999")
    assert notes[1] == f"[{1_000 - kept.count(1)} lines came too fast to be stored]"
    assert notes[2] == f"[{1_000 - kept.count(2)} lines came too fast to be stored]"
    assert feed.texts() == []


def test_a_log_that_drops_only_lines_that_have_been_read_loses_none() -> None:
    feed = Feed(limit=20_000)
    for number in range(1_000):
        feed.log.write("a", 1, "stdout", f"{number}\n")
        assert feed.texts() == [(1, str(number))]


# --- lines that wait while the file cannot be written ----------------------------------------------


def test_waiting_lines_are_kept_until_they_are_written() -> None:
    waiting = WaitingOutput()
    waiting.extend([line(1), line(2)])
    waiting.extend([line(3)])
    assert waiting.lines() == waiting.lines() == [line(1), line(2), line(3)]
    waiting.clear()
    assert not waiting
    assert waiting.lines() == []


def test_of_too_many_waiting_lines_the_oldest_are_dropped_and_a_line_says_so() -> None:
    waiting = WaitingOutput(limit=10 * KIB)
    waiting.extend(line(number, run=1 + number % 2) for number in range(100))
    kept = waiting.lines()
    notes = [each for each in kept if each.stream == ""]
    dropped = 100 - (len(kept) - len(notes))
    assert 85 < dropped < 95
    assert [each.run for each in notes] == [1, 2]
    assert [each.text for each in notes] == [f"[{dropped // 2} lines could not be stored]"] * 2
    assert kept[-1] == line(99, run=2)
