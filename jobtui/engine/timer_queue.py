"""A priority queue of entries by the instant at which they are due. Entries can be taken out."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from jobtui.engine.packed_exceptions import Frames
from jobtui.engine.records import JobRecord, RunRecord

Entry = TypeVar("Entry", bound=Hashable)

_MIN_STALE = 64  # instants without entries in the heap, below which it is not worth to rebuild the heap


@dataclass(frozen=True, slots=True)
class JobDue:
    """An entry: the next tick of a job is due."""

    job: JobRecord


@dataclass(frozen=True, slots=True)
class RunDue:
    """An entry: a SCHEDULED run is due."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class PauseOver:
    """An entry: the pause of a job ends."""

    job: JobRecord


@dataclass(frozen=True, slots=True)
class LimitDue:
    """An entry: a RUNNING run reaches the next limit that its job sets to its time.

    Attributes:
        run: The run.
        frames: Where the work of the run is, when it has reached the limit.
    """

    run: RunRecord
    frames: Frames = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class RetryDue:
    """An entry: the next attempt of a RETRYING run is due."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class JobLeaves:
    """An entry: a job that is DONE is removed."""

    job: JobRecord


@dataclass(frozen=True, slots=True)
class QuietChange:
    """The entry: a quiet time begins or ends."""


DueEntry = JobDue | RunDue | PauseOver | RetryDue | LimitDue | JobLeaves | QuietChange


class TimerQueue(Generic[Entry]):
    """Entries in the order of their instants; entries with the same instant in the order they were pushed.

    An entry that is removed is gone at once. Its instant may stay in the heap, as a number without entries,
    until half of the heap consists of such numbers.
    """

    def __init__(self) -> None:
        # The heap holds each instant once: 10,000 jobs that are due together are one element of it.
        self._instants: list[float] = []
        # A dict only where entries share an instant: the garbage collector walks through every dict, and
        # jobs that are due one by one would make a new one at each tick.
        self._entries: dict[float, Entry | dict[Entry, None]] = {}

    def push(self, entry: Entry, due: float) -> None:
        """Add an entry that is due at an instant, in seconds since the epoch."""
        present = self._entries.get(due)
        if present is None:
            self._entries[due] = entry
            heapq.heappush(self._instants, due)
        elif isinstance(present, dict):
            present[entry] = None
        else:
            self._entries[due] = {present: None, entry: None}

    def remove(self, entry: Entry, due: float) -> None:
        """Take out an entry that was pushed for an instant. Do nothing if it is not there."""
        present = self._entries.get(due)
        if isinstance(present, dict):
            present.pop(entry, None)
            if not present:
                self._remove_instant(due)
        elif present == entry:
            self._remove_instant(due)

    def _remove_instant(self, due: float) -> None:
        del self._entries[due]
        instants = self._instants
        if len(instants) > _MIN_STALE and len(instants) > 2 * len(self._entries):
            self._instants = instants = list(self._entries)
            heapq.heapify(instants)
        while instants and instants[0] not in self._entries:
            heapq.heappop(instants)

    @property
    def next_instant(self) -> float | None:
        """The earliest instant with an entry, in seconds since the epoch; None if there is none."""
        return self._instants[0] if self._instants else None

    def pop_due(self, now: float, limit: int) -> list[Entry]:
        """Remove and return the first entries that are due at ``now``, in order, at most ``limit``."""
        popped: list[Entry] = []
        while self._instants and self._instants[0] <= now and len(popped) < limit:
            instant = self._instants[0]
            present = self._entries[instant]
            if not isinstance(present, dict):
                popped.append(present)
                self._remove_instant(instant)
                continue
            first = list(islice(present, limit - len(popped)))
            popped += first
            for entry in first:
                self.remove(entry, instant)
        return popped

    def clear(self) -> None:
        """Remove every entry."""
        self._instants.clear()
        self._entries.clear()
