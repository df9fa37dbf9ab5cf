"""The faults that the store's file can have, in words for the user."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from jobtui.process.printable import printable


class StoreError(Exception):
    """The file cannot be used now. The message names the file and says what is wrong, without a full stop.

    Args:
        path: The file.
        problem: What is wrong with it.
        lasting: Whether it is useless to try again while this process runs.
    """

    def __init__(self, path: Path, problem: str, *, lasting: bool = False) -> None:
        super().__init__(f"{printable(str(path))}: {problem}")
        self.lasting = lasting


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


_CORRUPT = "the file is damaged; move it away, and jobtui makes a new one"
# By the primary result code of SQLite: the problem, and whether it lasts.
_PROBLEMS = {
    sqlite3.SQLITE_FULL: ("the disk is full", False),
    sqlite3.SQLITE_READONLY: ("the file or its folder is read-only", False),
    sqlite3.SQLITE_PERM: ("access to the file is denied", False),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened; check its folder and permissions", False),
    sqlite3.SQLITE_BUSY: ("another program holds a lock on the file", False),
    sqlite3.SQLITE_LOCKED: ("another program holds a lock on the file", False),
    sqlite3.SQLITE_NOTADB: ("this is not a file of jobtui", True),
    sqlite3.SQLITE_CORRUPT: (_CORRUPT, True),
}


def store_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """Return the error for the user to an error of SQLite or of the system."""
    if isinstance(error, OSError):
        return StoreError(path, error.strerror or str(error))
    code = getattr(error, "sqlite_errorcode", None)  # missing in errors that Python itself raises
    problem, lasting = _PROBLEMS.get(-1 if code is None else code & 0xFF, (str(error), False))
    return StoreError(path, problem, lasting=lasting)
