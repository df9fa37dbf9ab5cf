"""Retention: delete old rows in small steps, and give their space back to the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # settings and schedulers know the limits, and `import jobtui` must not load sqlite3
    import sqlite3

KEEP_DAYS = 30
KEEP_ROWS = 1_000_000
KEEP_MIB = 512
FAILURES_LIVE = 3  # times as long as other endings

ROWS_PER_STEP = 500
PAGES_PER_STEP = 200  # given back to the disk
_DAY = 86_400.0
_MIB = 1_048_576
_FAILURES = "('FAILED', 'LOST', 'TIMED_OUT')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The limits of the file. Rows beyond one of them are deleted, the oldest first.

    Attributes:
        days: How long endings are kept; failures are kept three times as long.
        rows: How many endings are kept; failures are kept until there are three times as many later ones.
        mib: How large the file may be, in MiB.
    """

    days: float = KEEP_DAYS
    rows: int = KEEP_ROWS
    mib: float = KEEP_MIB

    def delete_some(self, connection: sqlite3.Connection, now: float) -> bool:
        """Delete some of what exceeds the limits. Return whether there is more.

        Args:
            connection: The connection of the writer.
            now: The time, in seconds since the epoch.
        """
        age, rows = self.days * _DAY, self.rows
        deleted = self._delete(connection, "NOT IN", now - age, rows)
        deleted += self._delete(connection, "IN", now - age * FAILURES_LIVE, rows * FAILURES_LIVE)
        if not deleted and self._used_bytes(connection) > self.mib * _MIB:
            deleted = self._delete(connection, "NOT IN", now, 0) or self._delete(connection, "IN", now, 0)
        connection.execute(f"PRAGMA incremental_vacuum({PAGES_PER_STEP})").fetchall()
        return deleted > 0 or self._free_pages(connection) > 0

    @staticmethod
    def _delete(connection: sqlite3.Connection, failures: str, before: float, rows: int) -> int:
        """Delete some endings that are too old, or have more than so many later ones. Return how many.

        The row identifiers have few gaps, so their distance to the latest one is the number of later rows.
        """
        doomed = (
            f"SELECT id FROM runs WHERE ended IS NOT NULL AND state {failures} {_FAILURES} "  # noqa: S608 - our own words
            "AND (ended < ? OR id <= (SELECT max(id) FROM runs) - ?) "
            f"ORDER BY id LIMIT {ROWS_PER_STEP}"
        )
        connection.execute("BEGIN IMMEDIATE")
        try:
            ids = [row[0] for row in connection.execute(doomed, (before, rows))]
            marks = ", ".join("?" * len(ids))
            numbers = f"SELECT life, number FROM runs WHERE id IN ({marks})"  # noqa: S608 - our own words
            connection.execute(f"DELETE FROM output WHERE (life, run) IN ({numbers})", ids)  # noqa: S608 - as above
            connection.execute(f"DELETE FROM runs WHERE id IN ({marks})", ids)  # noqa: S608
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return len(ids)

    @staticmethod
    def _used_bytes(connection: sqlite3.Connection) -> int:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        [free] = connection.execute("PRAGMA freelist_count").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size)

    @staticmethod
    def _free_pages(connection: sqlite3.Connection) -> int:
        [free] = connection.execute("PRAGMA freelist_count").fetchone()
        return int(free)
