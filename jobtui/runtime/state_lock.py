"""The one lock around every change, which knows when a thread would wait for itself."""

from __future__ import annotations

import threading
from functools import partial

INTERRUPTED = (
    "this code has interrupted the scheduler in the middle of a change, as a signal handler or a destructor "
    "may: let another thread do it"
)


class StateLock:
    """Is taken once at a time, by ``with``.

    A signal handler, or a destructor that the garbage collector calls, may come between any two steps of
    a thread that has the lock. With a plain lock it would wait there for ever, and the scheduler with it.
    So the lock is recursive, and whoever gets it looks whether a change is under way.

    Attributes:
        acquire_now: Take the lock if nobody else has it, and say whether; for who sets `changing` by itself.
        release: Give it back.
        changing: Whether a change is under way.
    """

    __slots__ = ("_acquire", "acquire_now", "changing", "release")

    def __init__(self) -> None:
        lock = threading.RLock()
        self._acquire = lock.acquire
        self.acquire_now = partial(lock.acquire, False)  # by position: by name takes twice as long
        self.release = lock.release
        self.changing = False

    def __enter__(self) -> None:
        """Wait for the lock.

        Raises:
            RuntimeError: This thread has it, and this is not the code that has taken it.
        """
        self._acquire()
        if self.changing:
            self.release()
            raise RuntimeError(INTERRUPTED)
        self.changing = True

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.changing = False
        self.release()

    @property
    def interrupted(self) -> bool:
        """Whether who asks has interrupted a change of its own thread."""
        if not self.acquire_now():
            return False
        try:
            return self.changing
        finally:
            self.release()
