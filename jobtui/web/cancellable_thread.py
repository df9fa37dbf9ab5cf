"""Run long work in a thread that ends when its client does not wait for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
Check = Callable[[], None]


class WorkCancelled(Exception):  # noqa: N818 - as asyncio's CancelledError
    """The task that waited for the work was cancelled: the client has disconnected."""


async def to_cancellable_thread(work: Callable[[Check], Result]) -> Result:
    """Run a function in a thread, and return its result.

    Args:
        work: The function. It gets a function that it calls now and then, and that raises `WorkCancelled`
            once the task that waits for the result is cancelled.
    """
    cancelled = threading.Event()

    def check() -> None:
        if cancelled.is_set():
            raise WorkCancelled

    try:
        return await asyncio.to_thread(work, check)
    except asyncio.CancelledError:
        cancelled.set()
        raise
