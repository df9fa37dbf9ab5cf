"""What is due when: instants in a heap, and what is due at each. It forgets stale entries when it meets them.

Moving or cancelling something that is due costs nothing here: its old entry stays where it is and is
recognised as stale when it comes up, because the thing itself no longer says that it is due then.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Due(Protocol):
    """Something that knows when it is due, in seconds since the epoch; None for not at all."""

    due: float | None


Entry = TypeVar("Entry", bound=Due)


class TimerQueue(Generic[Entry]):
    """Things by the instant at which they are due; equal instants in the order they were put in."""

    def __init__(self) -> None:
        # Bare numbers, and many things may share one: 10,000 jobs of one phase are one entry in the heap.
        self._instants: list[float] = []
        # A list only where there is more than one thing: the garbage collector walks through every list,
        # and where jobs are spread there would be a new one at each tick.
        self._things: dict[float, Entry | list[Entry]] = {}
        self._instant = 0.0
        self._taken: list[Entry] = []  # what is due at this instant and was not handed out yet, backwards

    def push(self, thing: Entry, due: float) -> None:
        """Note when a thing is due."""
        there = self._things.get(due)
        if there is None:
            self._things[due] = thing
            heapq.heappush(self._instants, due)
        elif isinstance(there, list):
            there.append(thing)
        else:
            self._things[due] = [there, thing]

    @property
    def next(self) -> float | None:
        """The earliest instant noted, in seconds since the epoch. It may turn out to be stale."""
        if self._taken:
            return self._instant
        return self._instants[0] if self._instants else None

    def pop_due(self, now: float) -> Iterator[Entry]:
        """Take out what is due at ``now``, one by one, in order; what is put in meanwhile is seen too.

        Whoever stops in the middle gets the rest the next time.
        """
        while True:
            taken, instant = self._taken, self._instant
            while taken:
                thing = taken.pop()
                if thing.due == instant:
                    yield thing
            if not self._instants or self._instants[0] > now:
                return
            self._instant = heapq.heappop(self._instants)
            there = self._things.pop(self._instant)
            self._taken = there[::-1] if isinstance(there, list) else [there]

    def clear(self) -> None:
        """Forget everything."""
        self._instants.clear()
        self._things.clear()
        self._taken.clear()
