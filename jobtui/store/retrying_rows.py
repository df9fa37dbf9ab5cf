"""The RETRYING runs of processes that have ended. The next process takes them over, with their attempts.

It does so by writing its life into their rows, so no two processes run them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from jobtui.engine.records import ATTEMPTS_KEPT, NUMBER, PackedRun
from jobtui.store.database import open_for_writing
from jobtui.store.fork_gate import using_sqlite
from jobtui.store.run_rows import ATTEMPT_COLUMNS, VIEW_COLUMNS, packed_of
from jobtui.store.store_errors import store_error

_COLUMNS = ", ".join(f"runs.{name}" for name in VIEW_COLUMNS)
_FIND = (
    f"SELECT runs.id, runs.life, jobs.name, {_COLUMNS} FROM runs INDEXED BY runs_by_end "  # noqa: S608 - our own names
    "JOIN jobs ON jobs.id = runs.job WHERE runs.ended IS NULL AND state = 'RETRYING' "
    "AND runs.life IN (SELECT id FROM lives WHERE lives.ended IS NOT NULL) ORDER BY runs.id"
)
_FIND_ATTEMPTS = (
    f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempts "  # noqa: S608 - as above
    f"WHERE life = ? AND run = ? ORDER BY number DESC LIMIT {ATTEMPTS_KEPT}"
)


def take_retrying(path: Path, life: int, next_number: Callable[[int], int]) -> list[PackedRun]:
    """Take the RETRYING runs of processes that have ended, oldest first, with their attempts.

    Args:
        path: The file.
        life: The row of this process in `lives`.
        next_number: Returns the number of a run that had a number: that number, or a new one.

    Raises:
        StoreError: The file cannot be written now, and no run was taken.
    """
    try:
        with using_sqlite(), closing(open_for_writing(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            taken = _take(connection, life, next_number)
            connection.execute("COMMIT")  # else the end of the connection rolls it back
            return taken
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def _take(connection: sqlite3.Connection, life: int, next_number: Callable[[int], int]) -> list[PackedRun]:
    taken = []
    for row_id, before, job, *row in connection.execute(_FIND).fetchall():
        run = packed_of(row, job)
        attempts = connection.execute(_FIND_ATTEMPTS, (before, run[NUMBER])).fetchall()
        number = next_number(run[NUMBER])
        connection.execute("UPDATE runs SET life = ?, number = ? WHERE id = ?", (life, number, row_id))
        for table in ("attempts", "output"):
            connection.execute(
                f"UPDATE {table} SET life = ?, run = ? WHERE life = ? AND run = ?",  # noqa: S608 - as above
                (life, number, before, run[NUMBER]),
            )
        taken.append((number, *run[NUMBER + 1 :], tuple(reversed(attempts))))
    return taken
