"""What is due when: a heap of instants that forgets stale ones when it meets them.

Moving or cancelling something that is due costs nothing here: its old entry stays in the heap and is
recognised as stale when it comes up, because the thing itself no longer says that it is due then.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Due(Protocol):
    """Something that knows when it is due, in seconds since the epoch; None for not at all."""

    due: float | None


Thing = TypeVar("Thing", bound=Due)


class Agenda(Generic[Thing]):
    """Things by the instant at which they are due; equal instants in the order they were put in."""

    def __init__(self) -> None:
        # Numbers alone, and the things aside: Python's garbage collector passes over such a pair, and
        # there is a new one at every tick of every job.
        self._heap: list[tuple[float, int]] = []
        self._things: dict[int, Thing] = {}
        self._order = 0

    def put(self, thing: Thing, due: float) -> None:
        """Note when a thing is due."""
        self._order += 1
        self._things[self._order] = thing
        heapq.heappush(self._heap, (due, self._order))

    @property
    def next(self) -> float | None:
        """The earliest instant noted, in seconds since the epoch. It may turn out to be stale."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> Iterator[Thing]:
        """Take out what is due at ``now``, one by one, in order; what is put in meanwhile is seen too."""
        while self._heap and self._heap[0][0] <= now:
            due, order = heapq.heappop(self._heap)
            thing = self._things.pop(order)
            if thing.due == due:
                yield thing

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._things.clear()
