"""The ledger: the record of how every run and every tick ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice

from jobtui.engine.records import LedgerEntry

CAPACITY = 5_000  # entries


class Ledger:
    """Stores the endings of runs and ticks, in memory. Call with the state lock held.

    A new entry displaces the oldest one when the ledger is full.

    Args:
        capacity: How many entries are kept.

    Attributes:
        record: Stores an entry.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: deque[LedgerEntry] = deque(maxlen=capacity)
        # The deque's own method: every run is recorded, and a wrapper would cost more than the append.
        self.record: Callable[[LedgerEntry], None] = self._entries.append

    def latest(self, limit: int) -> list[LedgerEntry]:
        """Return the latest entries, newest first."""
        return list(islice(reversed(self._entries), limit))
