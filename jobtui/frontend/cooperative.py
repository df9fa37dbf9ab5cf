"""Work for many at once, in pieces.

Python lets another thread go on only if this one really waits for something, or after 5 ms
(``sys.getswitchinterval``). So who has much to do waits for a moment after every piece, or the jobs of a busy
scheduler would start that much later.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

MOMENT = 0.001  # seconds
EACH = 0.00025  # seconds from one client's turn to the next: four have theirs in a moment


async def pause(seconds: float = MOMENT) -> None:
    """Let others have their turn: the loop's tasks, and the process's threads."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().create_future()


class Staggered:
    """Clients who all have something to do at the same time do it one after the other, at leisure."""

    def __init__(self) -> None:
        self._next = 0.0  # on the loop's clock

    async def mine(self) -> None:
        """Wait until it is this client's turn; with few of them, that is at once."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + EACH
        if mine > now:
            await pause(mine - now)
