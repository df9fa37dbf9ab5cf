"""Say what the process waits for, if that takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOTICE_DELAY = 0.25  # seconds after which something counts as slow


@contextmanager
def notice_if_slow(what: str, say: Callable[[str], object], delay: float = NOTICE_DELAY) -> Iterator[None]:
    """Call a function with a text in another thread, if the block has not ended after a delay.

    Args:
        what: What the process waits for.
        say: Shows the text to the user.
        delay: The delay, in seconds.
    """
    timer = threading.Timer(delay, say, [what])
    timer.name = "jobtui-notice"
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
