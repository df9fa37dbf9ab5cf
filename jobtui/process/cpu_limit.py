"""A limit on the CPU time of a block of code, which ends work in C, too."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_INTERVAL = 0.005  # seconds of CPU time of the process between two looks at that of the thread


class CpuLimitError(Exception):
    """A block of code has used up its CPU time."""


@contextmanager
def limit_cpu(seconds: float, thread_cpu: Callable[[], float]) -> Iterator[None]:
    """Raise an error in the block as soon as it has taken so many seconds of CPU time.

    A timer of the process sends a signal again and again. The regular expressions of Python look for signals
    while they search, so the handler ends a search of any pattern. It also lets other threads run in between.

    Only the main thread can handle signals, and Windows has no such timer: elsewhere, there is no limit.

    Args:
        seconds: The limit.
        thread_cpu: Returns the CPU time that the calling thread has taken, in seconds.

    Raises:
        CpuLimitError: The limit is reached.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    end = thread_cpu() + seconds
    is_over = False  # a signal may arrive after the block, while the handler is still installed

    def look(_number: int, _frame: FrameType | None) -> None:
        if not is_over and thread_cpu() > end:
            raise CpuLimitError

    handler = signal.signal(signal.SIGVTALRM, look)
    timer = signal.setitimer(signal.ITIMER_VIRTUAL, _INTERVAL, _INTERVAL)
    try:
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, *timer)
        signal.signal(signal.SIGVTALRM, handler)
