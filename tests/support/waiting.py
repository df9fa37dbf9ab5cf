"""Wait for what another thread or process does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LIMIT = 60.0  # seconds after which something that has not happened is a failure


def wait_until(condition: Callable[[], object]) -> None:
    """Return as soon as a condition is true.

    Raises:
        AssertionError: It was not true within the limit.
    """
    deadline = time.monotonic() + LIMIT
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        pause.wait(0.005)
