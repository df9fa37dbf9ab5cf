"""Delete old rows in small steps, and give their space back to the disk.

Each search goes on where its last step ended. Otherwise each step would pass all failures again, which live
longer than the rows around them.
"""

from __future__ import annotations

import math
import sqlite3

from jobtui.store.retention import Retention

FAILURES_LIVE = 3  # times as long as other endings
ROWS_PER_STEP = 500
PAGES_PER_STEP = 200  # given back to the disk
MAX_FREE = 0.05  # the share of the file that stays free, because new rows take it again
_DAY = 86_400.0
_MIB = 1_048_576
_FAILED = "('FAILED', 'LOST', 'TIMED_OUT')"

# The rows whose `by` (a column with an index) is not below the first, and below the second parameter.
_SEARCH = (
    "SELECT id, {by} FROM runs WHERE {by} >= ? AND {by} < ? AND {kind} AND ended IS NOT NULL "
    "ORDER BY {by} LIMIT ?"
)


class _Search:
    """Finds the oldest endings of a kind, step by step.

    Args:
        by: The column that gives their age: `ended`, or the row identifier.
        kind: The condition for the state.
    """

    def __init__(self, by: str, kind: str) -> None:
        self._query = _SEARCH.format(by=by, kind=kind)
        self._done = -math.inf  # rows below this one have been deleted, if they are of this kind

    def find(self, connection: sqlite3.Connection, before: float, at_most: int) -> list[int]:
        """Return the rows of the next step. If they are not deleted, call `undo`."""
        self._before_step = self._done
        rows = connection.execute(self._query, (self._done, before, at_most)).fetchall()
        if len(rows) == at_most:
            self._done = rows[-1][1]
        elif before < math.inf:
            self._done = max(self._done, before)
        return [row for row, _ in rows]

    def undo(self) -> None:
        """Find the same rows again in the next step."""
        self._done = self._before_step


class OldRows:
    """Deletes what exceeds the limits of the file.

    Args:
        limits: The limits.
    """

    def __init__(self, limits: Retention) -> None:
        self._limits = limits
        self._by_end = (
            _Search("ended", f"state NOT IN {_FAILED}"),
            _Search("ended", f"state IN {_FAILED} AND state <> 'OK'"),  # as the index of failures says
        )
        self._by_place = (
            _Search("id", f"state NOT IN {_FAILED}"),
            _Search("id", f"+state IN {_FAILED}"),  # without that index
        )

    def delete_some(self, connection: sqlite3.Connection, now: float) -> bool:
        """Delete some of what exceeds the limits. Return whether there is more.

        Args:
            connection: The connection of the writer.
            now: The time, in seconds since the epoch.
        """
        [latest] = connection.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()
        deleted = 0
        # The row identifiers have few gaps, so their distance to the latest one is the number of later rows.
        for searches, newest, span in (
            (self._by_end, now, self._limits.days * _DAY),
            (self._by_place, latest + 1, self._limits.rows),
        ):
            others, failures = searches
            deleted += self._delete(connection, others, newest - span)
            deleted += self._delete(connection, failures, newest - span * FAILURES_LIVE)
        if not deleted:
            deleted = self._delete_by_size(connection, latest)
        too_many = self._free_pages(connection) > 0
        if too_many:
            # `execute` would stop after one page: each is a row without columns, which it takes for the end.
            connection.executescript(f"PRAGMA incremental_vacuum({PAGES_PER_STEP})")
        return deleted > 0 or too_many

    def _delete_by_size(self, connection: sqlite3.Connection, latest: int) -> int:
        """Delete some endings if the file is too large. Return how many."""
        used = self._used_bytes(connection)
        excess = used - self._limits.mib * _MIB
        if excess <= 0:
            return 0
        [oldest] = connection.execute("SELECT coalesce(min(id), 0) FROM runs").fetchone()
        row_bytes = used / (latest - oldest + 1)  # or more: there are gaps between old failures
        at_most = min(ROWS_PER_STEP, math.ceil(excess / row_bytes))
        others, failures = self._by_place
        deleted = self._delete(connection, others, math.inf, at_most)
        return deleted or self._delete(connection, failures, math.inf, at_most)

    @staticmethod
    def _delete(
        connection: sqlite3.Connection, search: _Search, before: float, at_most: int = ROWS_PER_STEP
    ) -> int:
        """Delete the endings of one step. Return how many."""
        ids = search.find(connection, before, at_most)
        if not ids:
            return 0
        try:
            connection.execute("BEGIN IMMEDIATE")
            marks = ", ".join("?" * len(ids))
            numbers = f"SELECT life, number FROM runs WHERE id IN ({marks})"  # noqa: S608 - our own words
            connection.execute(f"DELETE FROM output WHERE (life, run) IN ({numbers})", ids)  # noqa: S608 - as above
            connection.execute(f"DELETE FROM attempts WHERE (life, run) IN ({numbers})", ids)  # noqa: S608
            connection.execute(f"DELETE FROM runs WHERE id IN ({marks})", ids)  # noqa: S608
            connection.execute("COMMIT")
        except BaseException:
            search.undo()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return len(ids)

    @staticmethod
    def _used_bytes(connection: sqlite3.Connection) -> int:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        [free] = connection.execute("PRAGMA freelist_count").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size)

    @staticmethod
    def _free_pages(connection: sqlite3.Connection) -> int:
        """Return how many free pages are to be given back to the disk."""
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        [free] = connection.execute("PRAGMA freelist_count").fetchone()
        return max(0, int(free - max(PAGES_PER_STEP, pages * MAX_FREE)))
