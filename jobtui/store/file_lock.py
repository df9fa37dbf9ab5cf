"""A lock that one process holds, and that the system takes from it when it ends, however it ends.

It is a record lock (`fcntl`), not a `flock`: a forked child does not inherit it, so a child that outlives its
parent does not keep it. But a process loses it when it closes any descriptor of the file. So the lock has a
file of its own, which is opened once.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

_held: dict[Path, int] = {}  # the descriptors of the locks of this process, by the real paths of their files
_acquiring = threading.Lock()  # the system gives the same lock to all threads of a process


class FileLock:
    """The lock of a file.

    Args:
        path: The file to protect; the lock's own file is beside it.

    Attributes:
        path: The lock's own file, beside the file that a symbolic link points to.
    """

    def __init__(self, path: Path) -> None:
        path = path.resolve()
        self.path = path.with_name(f"{path.name}.lock")
        self._acquired = False
        self._is_wanted = False

    def acquire(self) -> bool:
        """Take the lock, if no other process and no other scheduler of this one holds it. Never blocks.

        Returns:
            Whether this one holds it now.

        Raises:
            OSError: The file of the lock cannot be opened, or the file system has no locks.
        """
        self._is_wanted = True
        with _acquiring:
            if self._acquired:
                return True
            if self.path in _held:
                return False
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                locked = _lock(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            if not locked:
                os.close(descriptor)
                return False
            _held[self.path] = descriptor
            self._acquired = True
            with suppress(OSError):  # the disk may be full
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return True

    def ensure(self) -> bool:
        """Take the lock if that was impossible until now, or its file was deleted, which others might make.

        Returns:
            Whether this one holds it, or never asked for it.

        Raises:
            OSError: As for `acquire`.
        """
        if not self._is_wanted:
            return True
        if self._acquired:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(_held[self.path]), self.path.stat()):
                    return True
            self.release()
        return self.acquire()

    @property
    def is_held(self) -> bool:
        """Whether this one holds the lock."""
        return self._acquired

    def release(self) -> None:
        """Give the lock back, if this one holds it."""
        descriptor = _held.pop(self.path, None) if self._acquired else None
        self._acquired = False
        if descriptor is not None:
            os.close(descriptor)

    def holder(self) -> int:
        """Return the number of the process that holds the lock, as it has written it; 0 if unknown."""
        if self.path in _held:  # to close another descriptor would give the lock back
            return os.getpid()
        with suppress(OSError, ValueError):
            return int(self.path.read_text())
        return 0


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":  # pragma: no cover - no machine here
        import msvcrt  # noqa: PLC0415 - only there

        with suppress(PermissionError):
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            return True
        return False
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _forget_locks() -> None:
    """Forget the locks of the parent in a forked child, which does not have them."""
    global _acquiring  # noqa: PLW0603 - another thread of the parent may have held it
    _acquiring = threading.Lock()
    _held.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_locks)
