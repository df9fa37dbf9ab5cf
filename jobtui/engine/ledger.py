"""The ledger: the record of what became of every tick and every run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from jobtui.engine.records import LedgerEntry

CAPACITY = 5_000


class MemoryLedger:
    """The latest endings, in memory; older ones make room for newer ones.

    Args:
        capacity: How many endings are kept.

    Attributes:
        record: Keeps an ending.
        record_all: Keeps several, the oldest first.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._endings: deque[LedgerEntry] = deque(maxlen=capacity)
        self.record_all: Callable[[Sequence[LedgerEntry]], None] = self._endings.extend
        self.record: Callable[[LedgerEntry], None] = self._endings.append  # every run passes here: no detour

    def latest(self, limit: int) -> list[LedgerEntry]:
        """The latest endings, newest first."""
        return list(islice(reversed(self._endings), limit))
