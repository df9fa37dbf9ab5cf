"""The faults that the store's file can have, in words for the user."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from jobtui.process.printable import printable


class StoreError(Exception):
    """The file cannot be used now. The message names the file and says what is wrong, without a full stop.

    Args:
        path: The file.
        problem: What is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{printable(str(path))}: {problem}")


class StoreInUseError(StoreError):
    """Another scheduler uses the file, and runs its jobs.

    Args:
        path: The file.
        pid: The number of its process; 0 if it is not known.
    """

    def __init__(self, path: Path, pid: int) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(path, f"{holder} uses this store, and runs its jobs")
        self.pid = pid


NOT_OURS = "this is not a file of jobtui"
_FULL = "the disk is full"
_MIN_FREE = 65_536  # bytes: with less, SQLite reports various errors, and the full disk is the reason
# By the primary result code of SQLite.
_PROBLEMS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only",
    sqlite3.SQLITE_PERM: "access to the file is denied",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its folder and permissions",
    sqlite3.SQLITE_BUSY: "another program holds a lock on the file",
    sqlite3.SQLITE_LOCKED: "another program holds a lock on the file",
    sqlite3.SQLITE_NOTADB: NOT_OURS,
    sqlite3.SQLITE_CORRUPT: "the file is damaged; move it away, and jobtui makes a new one",
}
# Errors of the data, not of the file: to write the same again would fail again.
_DATA_ERRORS = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


def store_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """Return the error for the user to an error of SQLite or of the system."""
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return StoreError(path, _FULL if full else error.strerror or str(error))
    code = primary_code(error)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path.parent):
        return StoreError(path, _FULL)
    return StoreError(path, _PROBLEMS.get(code, str(error)))


def is_about_data(error: sqlite3.Error) -> bool:
    """Return whether an error says that the data cannot be stored, whatever the state of the file."""
    return isinstance(error, _DATA_ERRORS)


def is_passing(error: sqlite3.Error) -> bool:
    """Return whether the connection is still good after an error: only a lock or room was missing."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)


def primary_code(error: sqlite3.Error) -> int:
    """Return the primary result code; -1 for an error that Python itself raises."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


def _is_full(folder: Path) -> bool:
    try:
        usage = os.statvfs(folder)
    except (OSError, AttributeError):  # the folder is missing, or this is Windows
        return False
    return usage.f_bavail * usage.f_frsize < _MIN_FREE
