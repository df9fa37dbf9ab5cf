"""A priority queue of entries by the instant at which they are due.

To reschedule or cancel an entry costs nothing here: its old position stays in the queue, and is recognised as
stale when its instant arrives, because it differs from the entry's ``due``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class HasDue(Protocol):
    """An object with the instant at which it is due, in seconds since the epoch; None for never."""

    due: float | None


Entry = TypeVar("Entry", bound=HasDue)


class TimerQueue(Generic[Entry]):
    """Entries in the order of their instants; entries with the same instant in the order they were pushed."""

    def __init__(self) -> None:
        # The heap holds each instant once: 10,000 jobs that are due together are one element of it.
        self._instants: list[float] = []
        # A list only where entries share an instant: the garbage collector walks through every list, and
        # jobs that are due one by one would make a new list at each tick.
        self._entries: dict[float, Entry | list[Entry]] = {}
        self._popped_instant = 0.0
        self._popped: list[Entry] = []  # the entries of that instant that are not yielded yet, last one first

    def push(self, entry: Entry, due: float) -> None:
        """Add an entry that is due at an instant."""
        present = self._entries.get(due)
        if present is None:
            self._entries[due] = entry
            heapq.heappush(self._instants, due)
        elif isinstance(present, list):
            present.append(entry)
        else:
            self._entries[due] = [present, entry]

    @property
    def next_instant(self) -> float | None:
        """The earliest instant, in seconds since the epoch; None if there is none. It may be stale."""
        if self._popped:
            return self._popped_instant
        return self._instants[0] if self._instants else None

    def pop_due(self, now: float) -> Iterator[Entry]:
        """Remove and yield the entries that are due at ``now``, in order.

        This includes entries that are pushed during the iteration. If the iteration stops early, the next
        call yields the rest.
        """
        while True:
            popped, instant = self._popped, self._popped_instant
            while popped:
                entry = popped.pop()
                if entry.due == instant:
                    yield entry
            if not self._instants or self._instants[0] > now:
                return
            self._popped_instant = heapq.heappop(self._instants)
            present = self._entries.pop(self._popped_instant)
            self._popped = present[::-1] if isinstance(present, list) else [present]

    def clear(self) -> None:
        """Remove every entry."""
        self._instants.clear()
        self._entries.clear()
        self._popped.clear()
