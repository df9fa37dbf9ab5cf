"""The ledger: the record of how every run and every tick ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

from jobtui.engine.records import LedgerEntry

CAPACITY = 5_000  # entries


class Ledger(Protocol):
    """Stores the endings of runs and ticks. Its methods are called with the state lock held."""

    def record(self, entry: LedgerEntry) -> None:
        """Store an entry; must not block."""
        ...

    def record_all(self, entries: Sequence[LedgerEntry]) -> None:
        """Store several entries, the oldest one first; must not block."""
        ...

    def latest(self, limit: int) -> list[LedgerEntry]:
        """Return the latest entries, newest first."""
        ...


class MemoryLedger:
    """A ledger in memory. A new entry displaces the oldest one when the ledger is full.

    Args:
        capacity: How many entries are kept.

    Attributes:
        record: Stores an entry.
        record_all: Stores several entries, the oldest one first.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: deque[LedgerEntry] = deque(maxlen=capacity)
        # The deque's own methods: every run is recorded, and a wrapper would cost more than the append.
        self.record: Callable[[LedgerEntry], None] = self._entries.append
        self.record_all: Callable[[Sequence[LedgerEntry]], None] = self._entries.extend

    def latest(self, limit: int) -> list[LedgerEntry]:
        """Return the latest entries, newest first."""
        return list(islice(reversed(self._entries), limit))
