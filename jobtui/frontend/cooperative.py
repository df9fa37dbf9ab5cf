"""Split long work of an event loop into chunks that let other tasks and the jobs' threads run in between.

Python switches threads only when the running thread blocks, or after 5 ms (`sys.getswitchinterval`). Long
loops therefore sleep 1 ms between chunks; otherwise jobs would start up to 5 ms late.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

PAUSE = 0.001  # seconds
TURN_SPACING = 0.00025  # seconds from one client's turn to the next: four turns fit into one pause


async def yield_to_others(seconds: float = PAUSE) -> None:
    """Suspend the calling task, so that the loop's other tasks and the process's other threads can run."""
    await _sleep_until(asyncio.get_running_loop().time() + seconds)


async def _sleep_until(instant: float) -> None:
    """Suspend the calling task until an instant on the loop's clock."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(instant):
            await asyncio.get_running_loop().create_future()


class Staggered:
    """Spreads out clients that wake at the same time: each waits for its turn before it does its work."""

    def __init__(self) -> None:
        self._next_turn = 0.0  # on the loop's clock

    async def my_turn(self) -> None:
        """Wait for the caller's turn; return at once if no other client had one just before."""
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next_turn)
        self._next_turn = turn + TURN_SPACING
        if turn > now:
            await _sleep_until(turn)  # an instant, so that no delay here changes the order
