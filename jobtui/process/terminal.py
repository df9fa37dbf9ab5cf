"""The terminal of the dashboard, which may go away while the process lives."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Terminal(io.TextIOWrapper):
    """A stream to a terminal. When the terminal is gone, writing has no effect.

    It is gone when its window is closed, a connection drops, or the program ends that emulates it.

    Args:
        descriptor: A file descriptor of the terminal; this stream closes it.

    Attributes:
        input_descriptor: The file descriptor to read keys from.
    """

    input_descriptor = 0

    def __init__(self, descriptor: int) -> None:
        self._file = _TerminalFile(descriptor, "w")
        super().__init__(io.BufferedWriter(self._file), encoding="utf-8", errors="replace")

    def on_lost(self, notify: Callable[[], None]) -> None:
        """Call a function, in any thread, after each write that fails because the terminal is gone."""
        self._file.notify_lost = notify


class _TerminalFile(io.FileIO):
    notify_lost: Callable[[], None] = staticmethod(lambda: None)

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError:
            self.notify_lost()
            return memoryview(data).nbytes


def discard_output_of_lost_terminal() -> None:
    """Redirect file descriptors 1 and 2 to the null device, if they were a terminal that is gone.

    Jobs that print would fail otherwise, although they may still end within the grace period.
    """
    for descriptor in (1, 2):
        try:
            is_device = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        except OSError:  # closed
            continue
        if is_device and not os.isatty(descriptor):  # a lost terminal, or the null device itself
            null_device = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null_device, descriptor)
            os.close(null_device)
