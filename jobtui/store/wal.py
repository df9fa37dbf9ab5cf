"""The write-ahead log, to which SQLite appends until no reader needs an older part of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from jobtui.store.database import WAL_BYTES
from jobtui.store.read_only_access import beside
from jobtui.store.store_errors import StoreError

_MIB = 1_048_576
# Of the limit of the log, in MiB. At the least, old rows can still be deleted.
LEAST, MOST = 32, 256
_WAIT_MS = 100  # for readers that are about to end


def wal_bytes(path: Path) -> int:
    """Return the size of the write-ahead log of a file, in bytes."""
    try:
        return beside(path, "-wal").stat().st_size
    except OSError:
        return 0


def truncate_wal(connection: sqlite3.Connection) -> bool:
    """Copy the write-ahead log into the file, and cut it to nothing, unless a reader needs it for longer.

    Returns:
        Whether it was cut.
    """
    [timeout] = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
    try:
        [[busy, *_]] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return not busy
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")


class WalLimit:
    """Keeps the write-ahead log of one file from growing without bound while another program reads the file.

    SQLite appends to the log until no transaction reads an older part of it. Above the limit, nothing may be
    written until that transaction has ended.

    Args:
        path: The file.
        mib: The limit of the file, in MiB. Half of it is the limit of the log, within `LEAST` and `MOST`.
        now: The wall clock, in seconds since the epoch.
    """

    def __init__(self, path: Path, mib: float, now: Callable[[], float]) -> None:
        self._path = path
        self._limit = min(MOST, max(LEAST, mib / 2))
        self._now = now
        self._blocked_since: float | None = None  # when the log was first found to be needed by a reader

    def care_for(self, connection: sqlite3.Connection) -> int:
        """Cut the log if it is larger than usual. Return the size that it had, in bytes."""
        size = wal_bytes(self._path)
        if size > WAL_BYTES:
            self._cut(connection)
        else:
            self._blocked_since = None
        return size

    def _cut(self, connection: sqlite3.Connection) -> None:
        """Cut the log to nothing, unless a reader needs it."""
        if truncate_wal(connection):
            self._blocked_since = None
        elif self._blocked_since is None:
            self._blocked_since = self._now()

    def check(self, connection: sqlite3.Connection) -> None:
        """Cut the log if it is too large.

        Raises:
            StoreError: It is too large, and a reader needs it.
        """
        if wal_bytes(self._path) <= self._limit * _MIB:
            return
        self._cut(connection)
        if self._blocked_since is not None:
            since = f"{datetime.fromtimestamp(self._blocked_since, UTC):%Y-%m-%d %H:%M:%S} UTC"
            raise StoreError(
                self._path,
                f"another program has had a read transaction open since {since} or earlier, and the "
                f"write-ahead log has reached {self._limit:g} MiB; nothing is written until it ends",
            )
