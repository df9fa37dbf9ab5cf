"""Keep SQLite and forks apart.

A connection must be neither used nor closed on both sides of a fork: closing it in the child may delete the
write-ahead log. And a thread of the parent that is inside SQLite at the fork leaves locked mutexes to the
child, which then blocks in its first call of SQLite. So a fork waits until no thread uses a store. A child
keeps the connections of its parent open until it ends, and opens no file for which it has inherited one.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

MAX_WAIT = 0.5  # seconds that a fork waits at most: a thread may wait for another program's lock on the file


class StoreConnection(sqlite3.Connection):
    """A connection that forked children leave alone.

    Attributes:
        identity: The device and the inode of its file.
        has_locks: Whether it locks the file while it reads. If not, no process may write the file then.
    """

    identity: tuple[int, int] = (0, 0)
    has_locks: bool = True

    def close(self) -> None:
        """Close the connection."""
        super().close()
        _connections.discard(self)


class _Gate:
    """Lets threads use SQLite, except during a fork."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._users = 0
        self._forks = 0

    def enter(self) -> None:
        with self._changed:
            while self._forks:
                self._changed.wait()
            self._users += 1

    def leave(self) -> None:
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._forks += 1
            self._changed.wait_for(lambda: not self._users, MAX_WAIT)

    def open(self) -> None:
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()


_gate = _Gate()
_connections: WeakSet[StoreConnection] = WeakSet()
_inherited: set[tuple[int, int]] = set()  # the files for which this process has inherited connections


@contextmanager
def using_sqlite() -> Iterator[None]:
    """Keep other threads from forking during the block, which must be short."""
    gate = _gate
    gate.enter()
    try:
        yield
    finally:
        gate.leave()


def register_connection(connection: StoreConnection, path: Path) -> None:
    """Have forked children leave a connection alone. Call this when it is opened."""
    connection.identity = identity_of(path)
    _connections.add(connection)


def has_inherited(path: Path) -> bool:
    """Return whether this process is a forked child and has inherited a connection to a file."""
    return bool(_inherited) and identity_of(path) in _inherited


def identity_of(path: Path) -> tuple[int, int]:
    """Return the device and the inode of a file; zeros if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _after_fork_in_child() -> None:
    global _gate  # noqa: PLW0603 - threads of the parent may have held its lock
    _gate = _Gate()
    for connection in list(_connections):
        _inherited.add(connection.identity)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # nothing closes it, not even the exit
    _connections.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=lambda: _gate.close(),  # noqa: PLW0108 - a child has another gate
        after_in_parent=lambda: _gate.open(),  # noqa: PLW0108 - as above
        after_in_child=_after_fork_in_child,
    )
