"""The file: its tables, its permissions, and that nothing is ever overwritten."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest
from support.store_parts import entry, mode_of, query, write

from jobtui.engine.records import packed_view
from jobtui.store.database import OLDEST_SQLITE, check_sqlite, open_for_reading, open_for_writing
from jobtui.store.history import History
from jobtui.store.run_rows import COLUMNS
from jobtui.store.schema import APPLICATION_ID, VERSIONS
from jobtui.store.store_errors import StoreError

LATEST = len(VERSIONS)
NEXT = (*VERSIONS, ("CREATE TABLE later (x)", "INSERT INTO later VALUES (1)"))


def make(path: Path) -> None:
    """Make a file with one run."""
    with closing(open_for_writing(path)) as connection:
        write(connection, entry(1))


def content(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_new_file_is_in_wal_mode_with_our_application_id_and_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "jobs.db"
    make(path)
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    assert query(path, "PRAGMA auto_vacuum") == [(2,)]
    assert query(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(path, "PRAGMA user_version") == [(len(VERSIONS),)]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read_the_file_and_the_files_beside_it(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with closing(open_for_writing(path)) as connection:
            write(connection, entry(1))
            modes = {each.name: mode_of(each) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"jobs.db": 0o600, "jobs.db-wal": 0o600, "jobs.db-shm": 0o600}


def test_a_file_of_an_older_version_is_migrated_after_a_copy(
    path: Path,
) -> None:
    make(path)
    before = query(path, "SELECT * FROM runs")
    with closing(open_for_writing(path, versions=NEXT)):
        pass
    assert query(path, "SELECT * FROM later") == [(1,)]
    assert query(path, "PRAGMA user_version") == [(len(NEXT),)]
    assert query(path, "SELECT * FROM runs") == before
    copy = path.with_name(f"jobs.db.version-{LATEST}")
    assert query(copy, "SELECT * FROM runs") == before
    assert query(copy, "PRAGMA user_version") == [(LATEST,)]
    assert mode_of(copy) == 0o600


def test_the_columns_of_runs_are_the_fields_of_a_run(path: Path) -> None:
    make(path)
    columns = {name for _, name, *_ in query(path, "PRAGMA table_info(runs)")}
    assert columns == {"id", "life", *COLUMNS}


def test_runs_of_the_first_version_get_the_fields_that_it_did_not_have(path: Path) -> None:
    with closing(open_for_writing(path, versions=VERSIONS[:1])) as connection:
        connection.execute("INSERT INTO jobs (name) VALUES ('old')")
        connection.execute(
            "INSERT INTO runs (life, number, job, trigger, state, created, ended, worker, reason, error, "
            "ticks) VALUES (1, 7, 1, 'now', 'OK', 1, 2, '', '', '', 1)"
        )
    with pytest.raises(StoreError, match="an older jobtui has written the file"):
        open_for_reading(path)
    with closing(open_for_writing(path)):
        pass
    [run] = History(path).find(limit=10)
    view = packed_view(run, UTC)
    assert (view.number, view.job, view.attempt, view.arguments) == (7, "old", 1, "")


def test_an_earlier_copy_is_kept(path: Path) -> None:
    make(path)
    path.with_name(f"jobs.db.version-{LATEST}").write_text("precious")
    with closing(open_for_writing(path, versions=NEXT)):
        pass
    assert path.with_name(f"jobs.db.version-{LATEST}").read_text() == "precious"
    assert len(query(path.with_name(f"jobs.db.version-{LATEST}.1"), "SELECT * FROM runs")) == 1


def test_a_migration_that_fails_changes_nothing_and_leaves_no_copy(
    path: Path,
) -> None:
    make(path)
    before = query(path, "SELECT * FROM sqlite_schema"), query(path, "PRAGMA user_version")
    broken = *VERSIONS, ("CREATE TABLE later (x)", "nonsense")
    with pytest.raises(StoreError, match="nonsense"):
        open_for_writing(path, versions=broken)
    assert (query(path, "SELECT * FROM sqlite_schema"), query(path, "PRAGMA user_version")) == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["jobs.db"]


def test_a_version_of_sqlite_that_is_too_old_is_named(path: Path) -> None:
    problem = "the store needs SQLite 3.34.0 or later, and the one of this Python is 3.9.2"
    with pytest.raises(StoreError, match=re.escape(problem)):
        check_sqlite(path, (3, 9, 2))
    check_sqlite(path, OLDEST_SQLITE)


def test_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    make(path)
    query(path, f"PRAGMA user_version = {len(VERSIONS) + 1}")
    before = content(path)
    expected = f"(version {LATEST + 1} of its tables; this jobtui knows {LATEST})"
    for open_file in (open_for_writing, open_for_reading):
        with pytest.raises(StoreError, match=re.escape(expected)):
            open_file(path)
    assert content(path) == before


def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = content(path)
    for open_file in (open_for_writing, open_for_reading):
        with pytest.raises(StoreError, match="this is a database of another program"):
            open_file(path)
    assert content(path) == before


@pytest.mark.parametrize("text", ["not a database, but a text\n" * 100, "x"])
def test_any_other_file_is_refused_and_left_as_it_is(path: Path, text: str) -> None:
    path.write_text(text)
    for open_file in (open_for_writing, open_for_reading):
        with pytest.raises(StoreError, match="this is not a file of jobtui"):
            open_file(path)
    assert path.read_text() == text
    assert sorted(each.name for each in path.parent.iterdir()) == ["jobs.db"]


def test_an_empty_file_is_used(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreError, match="the file is empty"):
        open_for_reading(path)
    make(path)
    assert len(query(path, "SELECT * FROM runs")) == 1


def test_a_reader_needs_a_file_and_cannot_write(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        open_for_reading(path)
    assert not path.exists()
    make(path)
    with closing(open_for_reading(path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM runs")


def test_a_folder_in_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir()
    for use in (open_for_writing, open_for_reading):
        with pytest.raises(StoreError, match=r"jobs\.db: this is a folder; name"):
            use(path)


def test_a_pipe_in_place_of_the_file_is_refused(path: Path) -> None:
    os.mkfifo(path)
    for use in (open_for_writing, open_for_reading):
        with pytest.raises(StoreError, match="this is not a file of jobtui"):
            use(path)


def test_a_file_that_is_open_can_be_opened_again_without_losing_its_locks(path: Path) -> None:
    """To close any descriptor of a file releases the process's locks on it, also those of SQLite."""
    with closing(open_for_writing(path)) as first:
        write(first, entry(1))
        locks = Path("/proc/locks")
        inode = f":{path.stat().st_ino} "
        before = [line for line in locks.read_text().splitlines() if inode in line]
        assert before
        open_for_writing(path).close()
        after = [line for line in locks.read_text().splitlines() if inode in line]
        assert len(after) == len(before)
