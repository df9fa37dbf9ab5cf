"""Release the GIL in the middle of long work, so that threads which wait for it run in time."""

from __future__ import annotations

import threading

PAUSE = 0.0001  # seconds: about as long as a waiting thread takes to wake up


def let_other_threads_run() -> None:
    """Sleep for so long that a thread which waits for the GIL gets it.

    Without that, such a thread gets it after 5 ms (`sys.getswitchinterval`). To release it for a shorter time
    is not enough: the releasing thread takes it again before the other one has woken up.
    """
    lock = threading.Lock()  # a new one: nothing that a forked child could inherit while it is held
    lock.acquire()
    lock.acquire(timeout=PAUSE)
