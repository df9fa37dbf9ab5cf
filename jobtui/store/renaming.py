"""Give the history of a job to another name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from jobtui.store.database import open_for_reading, open_for_writing
from jobtui.store.file_lock import FileLock
from jobtui.store.fork_gate import using_sqlite
from jobtui.store.run_rows import storable
from jobtui.store.store_errors import StoreInUseError, store_error


def rename_job(path: Path, old: str, new: str) -> int:
    """Give the runs and the counters of a job to another name.

    If the store has a job of the new name already, its own runs and counters are kept, and so is its state:
    whether it is paused, and which of its ticks have been decided.

    Args:
        path: The file, which exists.
        old: The name that the job had.
        new: The name that it has now.

    Returns:
        How many runs and groups of ticks have got the new name.

    Raises:
        StoreInUseError: A scheduler uses the file.
        StoreError: The file cannot be written.
        LookupError: The file has no job of the old name.
    """
    open_for_reading(path).close()  # raises an error rather than making a new file
    lock = FileLock(path)
    try:
        if not lock.acquire():
            raise StoreInUseError(path, lock.holder())
        with using_sqlite(), closing(open_for_writing(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            moved = _rename(connection, storable(old), storable(new))
            connection.execute("COMMIT")
            return moved
    except (sqlite3.Error, OSError) as error:
        raise store_error(path, error) from error
    finally:
        lock.release()


def _rename(connection: sqlite3.Connection, old: str, new: str) -> int:
    old_id, new_id = _find(connection, old), _find(connection, new)
    if old_id is None:
        raise LookupError(old)
    [rows] = connection.execute("SELECT count(*) FROM runs WHERE job = ?", (old_id,)).fetchone()
    if new_id is None:
        connection.execute("UPDATE jobs SET name = ? WHERE id = ?", (new, old_id))
        return int(rows)
    state = "SELECT prev, last_elapsed, watermark FROM jobs WHERE id = ?"
    old_prev, old_elapsed, _ = connection.execute(state, (old_id,)).fetchone()
    prev, elapsed, watermark = connection.execute(state, (new_id,)).fetchone()
    # The old name keeps a group of ticks of which the new one has an equal one; it is deleted below.
    connection.execute("UPDATE OR IGNORE runs SET job = ? WHERE job = ?", (new_id, old_id))
    connection.execute("UPDATE attempts SET job = ? WHERE job = ?", (new_id, old_id))
    connection.execute("DELETE FROM runs WHERE job = ?", (old_id,))
    connection.execute(
        "INSERT INTO counters SELECT ?, state, count FROM counters WHERE job = ? "
        "ON CONFLICT (job, state) DO UPDATE SET count = count + excluded.count",
        (new_id, old_id),
    )
    # The trigger that counts endings has changed these for every row.
    connection.execute(
        "UPDATE jobs SET prev = ?, last_elapsed = ?, watermark = ? WHERE id = ?",
        (old_prev if prev is None else prev, old_elapsed if elapsed is None else elapsed, watermark, new_id),
    )
    connection.execute("DELETE FROM counters WHERE job = ?", (old_id,))
    connection.execute("DELETE FROM jobs WHERE id = ?", (old_id,))
    return int(rows)


def _find(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute("SELECT id FROM jobs WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])
