"""The lock of the scheduler's state, which detects that a thread would wait for itself."""

from __future__ import annotations

import threading
from functools import partial

REENTERED = (
    "a signal handler or a destructor called the scheduler in the middle of a change that its own thread is "
    "making: call the scheduler from another thread"
)


class StateLock:
    """A lock for ``with`` that raises, instead of deadlocking, if its own thread takes it again.

    Python may run a signal handler or a destructor between any two steps of a thread that holds the lock.
    With a plain lock, such code would block forever, and the scheduler with it. So the lock underneath is
    recursive, and `in_use` tells a second entry by the same thread from the first.

    Attributes:
        try_acquire: Take the lock if no other thread holds it, and return whether that worked. The caller
            must check and set `in_use`.
        release: Release the lock. The caller must have reset `in_use`.
        in_use: Whether a holder is in the middle of a change.
    """

    __slots__ = ("_acquire", "in_use", "release", "try_acquire")

    def __init__(self) -> None:
        lock = threading.RLock()
        self._acquire = lock.acquire
        self.try_acquire = partial(lock.acquire, False)  # by position: a keyword takes twice as long
        self.release = lock.release
        self.in_use = False

    def __enter__(self) -> None:
        """Block until the lock is free, and take it.

        Raises:
            RuntimeError: This thread holds the lock already.
        """
        self._acquire()
        if self.in_use:
            self.release()
            raise RuntimeError(REENTERED)
        self.in_use = True

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.in_use = False
        self.release()

    @property
    def reentered(self) -> bool:
        """Whether the calling thread holds the lock, so that the caller has interrupted a change."""
        if not self.try_acquire():
            return False
        try:
            return self.in_use
        finally:
            self.release()
