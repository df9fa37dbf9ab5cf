"""Say what the process waits for, if that takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOTICE_DELAY = 0.25  # seconds after which something counts as slow


@contextmanager
def notice_if_slow(what: str, say: Callable[[str], None]) -> Iterator[None]:
    """Call a function with a text in another thread, if the block has not ended after `NOTICE_DELAY`.

    Args:
        what: What the process waits for.
        say: Shows the text to the user.
    """
    timer = threading.Timer(NOTICE_DELAY, say, [what])
    timer.name = "jobtui-notice"
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
