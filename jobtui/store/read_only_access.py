"""Read a file that the user may not write: of another user, or on a read-only file system.

SQLite takes its locks in a file beside the store (`-shm`). If a process has the store open, that file exists,
and a reader who may read it needs nothing else. If no process has it open, SQLite would have to make that
file. A reader who may not do so reads without locks. That is safe for as long as no process writes.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from jobtui.store.store_errors import StoreError, primary_code, store_error

IMMUTABLE = "ro&immutable=1"  # without locks; the write-ahead log is ignored
WITHOUT_LOCKS = "ro&vfs=unix-none"  # without locks; the write-ahead log is read into memory


def mode_without_locks(path: Path, error: sqlite3.Error) -> str:
    """Return the mode for a URI of SQLite in which a reader can read the file without locks.

    Args:
        path: The file.
        error: The error of an attempt to read it with locks.

    Raises:
        StoreError: It cannot be read so, either.
    """
    if primary_code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        raise store_error(path, error) from error
    if not os.access(path, os.R_OK):
        raise StoreError(path, "this user may not read the file") from error
    wal, shm = beside(path, "-wal"), beside(path, "-shm")
    for each in (wal, shm):
        if each.exists() and not os.access(each, os.R_OK):
            raise StoreError(
                path, f"this user may not read {each.name} beside it; give it the mode of the file"
            ) from error
    if shm.exists():
        raise store_error(path, error) from error
    return WITHOUT_LOCKS if wal.exists() else IMMUTABLE


def check_unused(path: Path) -> None:
    """Check that no process has opened the file since it was opened without locks.

    Raises:
        StoreError: One has: what was read may be inconsistent.
    """
    if beside(path, "-shm").exists():
        raise StoreError(path, "a scheduler has just opened the file; ask again")


def beside(path: Path, suffix: str) -> Path:
    """Return the file that SQLite keeps beside a file."""
    path = path.resolve()
    return path.with_name(f"{path.name}{suffix}")
