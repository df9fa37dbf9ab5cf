"""A latch: threads wait until another thread opens it, once and for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress


class Latch:
    """Lets threads wait for something that happens once.

    Unlike `threading.Event`, it takes no lock of its own. So a signal handler that interrupts `wait` may wait
    for the same latch, and a thread that opens it never blocks on an interrupted one. Thread-safe with the
    GIL, which makes each change and copy of the list atomic, and keeps the order of the steps.

    Attributes:
        opened: Whether it has been opened.
    """

    __slots__ = ("_waiting", "opened")

    def __init__(self) -> None:
        self.opened = False
        self._waiting: list[Callable[[], object]] = []  # wakes a waiting thread or task

    def open(self) -> None:
        """Wake all threads and tasks that wait. Opening it again is harmless."""
        self.opened = True  # first: `wait` adds its lock, and then reads this
        for wake in tuple(self._waiting):
            with suppress(RuntimeError):  # its lock is released already, or its event loop is closed
                wake()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the latch is opened, at most ``timeout`` seconds. Returns whether it is open."""
        if self.opened:
            return True
        lock = threading.Lock()
        lock.acquire()
        self._waiting.append(lock.release)
        try:
            if not self.opened:
                lock.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX))
        finally:
            with suppress(ValueError):
                self._waiting.remove(lock.release)
        return self.opened

    def call_when_open(self, wake: Callable[[], object]) -> None:
        """Have a function called when the latch is opened, in the thread that does so.

        It may have been opened before: read `opened` after this.
        """
        self._waiting.append(wake)

    def forget(self, wake: Callable[[], object]) -> None:
        """Withdraw a function."""
        with suppress(ValueError):
            self._waiting.remove(wake)
