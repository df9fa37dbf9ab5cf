"""The write-ahead log, to which SQLite appends until no reader needs an older part of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_WAIT_MS = 100  # for readers that are about to end


def wal_bytes(path: Path) -> int:
    """Return the size of the write-ahead log of a file, in bytes."""
    path = path.resolve()
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:
        return 0


def truncate_wal(connection: sqlite3.Connection) -> None:
    """Copy the write-ahead log into the file, and cut it to nothing, unless a reader needs it for longer."""
    [timeout] = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")
