"""The outbox: the entries that the writer has not written yet, in a bounded amount of memory.

Threads of the scheduler put entries in, and never block: there is no lock, and each step on shared data is
one operation of a collection, which the GIL makes atomic. Only the writer takes entries out.

If there is too little room, the oldest entries are merged: their rows will be missing, but they are counted.
Two kinds of entries cannot be counted without their rows. The row of a run may say RUNNING in the file. And
the entry of a group of ticks says how many ticks it has by now, of which some may be in the file. These are
kept; of a group only its latest entry.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from sys import getsizeof
from typing import TypeVar

from jobtui.engine.effects import Effects
from jobtui.engine.enums import Overlap
from jobtui.engine.job_pause import Pause
from jobtui.engine.ledger import ENTRY_BYTES
from jobtui.engine.packed_exceptions import memory_of
from jobtui.engine.records import (
    ARGUMENTS,
    CREATED,
    DUE,
    ENDED,
    ERROR,
    JOB,
    NUMBER,
    STATE,
    TICKS,
    PackedRun,
    RunRecord,
)

OUTBOX_BYTES = 64_000_000  # of memory, about
MAX_COUNTED = 10_000  # merged entries that are counted one by one
MAX_KEPT = 10_000  # entries that are kept although there is too little room

T = TypeVar("T")


@dataclass(slots=True)
class OutboxBatch:
    """The entries that the writer writes in one transaction.

    Attributes:
        started: Runs that have started. Most of them have ended.
        recorded: Entries of the ledger, and runs that became RETRYING, in their order.
        finished: The numbers of the durable runs that have ended.
        registered: Jobs that were registered: the name, the key of the schedule, the overlap policy, when.
        sizes: The sizes of the pool that were set by hand, each with the configured one.
        pauses: Jobs that were paused or resumed, in order: the name, and the pause or None.
        lost: How many endings did not fit into the outbox, by job and state. Their rows are missing, but they
            are counted.
    """

    started: list[RunRecord] = field(default_factory=list)
    recorded: list[PackedRun] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    registered: list[tuple[str, str, Overlap, float]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    pauses: list[tuple[str, Pause | None]] = field(default_factory=list)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        """Return whether there is anything to write."""
        return bool(
            self.started
            or self.recorded
            or self.finished
            or self.registered
            or self.pauses
            or self.sizes
            or self.lost
        )


class Outbox:
    """Holds entries until the writer takes them.

    Args:
        wake: Wakes the writer.
        limit: How many bytes of memory the entries may take, about. Beyond it, the oldest are merged.

    Attributes:
        lost: How many endings have been merged in all.
        unended: The numbers of the runs whose rows may say RUNNING. The writer takes out those that it ends.
    """

    def __init__(self, wake: Callable[[], None], limit: int = OUTBOX_BYTES) -> None:
        self._wake = wake
        self._limit = limit
        self._started: deque[RunRecord] = deque()
        self._recorded: deque[PackedRun] = deque()
        self._finished: deque[int] = deque()
        self._registered: deque[tuple[str, str, Overlap, float]] = deque()
        self._kept: deque[PackedRun] = deque()  # that there was too little room for, but that are needed
        self._sizes: deque[tuple[int, int]] = deque()
        self._pauses: deque[tuple[str, Pause | None]] = deque()
        self._size = 0  # of `_recorded`
        self._counted: deque[tuple[str, str, int]] = deque()  # job, state and number of ticks
        self.lost = 0
        self.unended: set[int] = set()

    def put(self, effects: Effects) -> None:
        """Put in what a change has recorded. Never blocks."""
        self._started.extend(effects.started)
        self._finished.extend(effects.finished)  # before the endings: see `take`
        self._recorded.extend(effects.recorded)
        self._registered.extend(effects.registered)
        self._pauses.extend(effects.pauses)
        self._sizes.extend(effects.sizes)
        size = sum(map(_memory, effects.recorded))  # first: `+=` is one step only without a call in it
        self._size += size
        if self._size > self._limit:
            self._merge_oldest()
        self._wake()

    def take(self, at_most: int) -> OutboxBatch:
        """Return the oldest entries, at most so many of each kind. The caller may `put_back` them."""
        batch = OutboxBatch()
        # First the starts: a run that ends in between is in `recorded`, in this batch or in the next one.
        batch.started = list(_pop(self._started, at_most))
        self.unended.update(run.number for run in batch.started if not run.state.ended)
        batch.recorded = list(_pop(self._recorded, at_most))
        size = sum(map(_memory, batch.recorded))
        self._size -= size
        # All of them, and after the endings: the end of a durable run is never written without this.
        batch.finished = list(_pop(self._finished, len(self._finished)))
        batch.recorded = [*_pop(self._kept, at_most), *batch.recorded]
        batch.registered = list(_pop(self._registered, at_most))
        batch.pauses = list(_pop(self._pauses, at_most))
        batch.sizes = list(_pop(self._sizes, at_most))
        for job, state, ticks in _pop(self._counted, MAX_COUNTED):
            batch.lost[job, state] += ticks
        return batch

    def put_back(self, batch: OutboxBatch) -> None:
        """Put back a batch that could not be written."""
        size = sum(map(_memory, batch.recorded))
        self._started.extendleft(reversed(batch.started))
        self._finished.extendleft(reversed(batch.finished))
        self._recorded.extendleft(reversed(batch.recorded))
        self._registered.extendleft(reversed(batch.registered))
        self._pauses.extendleft(reversed(batch.pauses))
        self._sizes.extendleft(reversed(batch.sizes))
        self._counted.extend((*key, ticks) for key, ticks in batch.lost.items())
        self._size += size
        self._merge_oldest()

    def give_up(self, batch: OutboxBatch) -> None:
        """Count the entries of a batch that cannot be written in any case."""
        self._finished.extendleft(reversed(batch.finished))
        self.count_only(batch.recorded)

    def count_only(self, entries: Iterable[PackedRun]) -> None:
        """Count entries whose rows cannot be written."""
        for entry in entries:
            if entry[ENDED] is None:  # it is RETRYING: its end will be recorded, too
                continue
            ticks = entry[TICKS]
            self._counted.append((entry[JOB], entry[STATE], ticks))
            self.lost += ticks
        if len(self._counted) > MAX_COUNTED:
            merged: Counter[tuple[str, str]] = Counter()
            for job, state, ticks in _pop(self._counted, MAX_COUNTED):
                merged[job, state] += ticks
            self._counted.extend((*key, ticks) for key, ticks in merged.items())

    def __bool__(self) -> bool:
        """Return whether there is anything to take."""
        return bool(
            self._recorded
            or self._finished
            or self._registered
            or self._pauses
            or self._sizes
            or self._counted
            or self._kept
            or self._started
        )

    def _merge_oldest(self) -> None:
        """Count or keep the oldest entries until the others fit."""
        merged: list[PackedRun] = []
        while self._size > self._limit:
            try:
                entry = self._recorded.popleft()
            except IndexError:  # the writer was faster
                break
            size = _memory(entry)
            self._size -= size
            is_needed = not entry[NUMBER] or entry[NUMBER] in self.unended
            (self._kept if is_needed else merged).append(entry)
        self.count_only(merged)
        if len(self._kept) > MAX_KEPT:
            self._merge_kept()
        while len(self._started) > self._limit // ENTRY_BYTES:
            self._started.popleft()

    def _merge_kept(self) -> None:
        """Drop all but the latest entry of each group of ticks; count the oldest if that is not enough."""
        latest: dict[object, PackedRun] = {}
        for entry in _pop(self._kept, MAX_KEPT):
            key = entry[NUMBER] or (entry[JOB], entry[CREATED], entry[DUE], entry[STATE])
            latest[key] = max(entry, latest.get(key, entry), key=lambda each: each[TICKS])
        kept = list(latest.values())
        self.count_only(kept[: -MAX_KEPT // 2])
        self._kept.extend(kept[-MAX_KEPT // 2 :])


def _memory(entry: PackedRun) -> int:
    size = ENTRY_BYTES + memory_of(entry[ERROR]) if entry[ERROR] else ENTRY_BYTES
    return size + getsizeof(entry[ARGUMENTS]) if entry[ARGUMENTS] else size


def _pop(entries: deque[T], at_most: int) -> Iterator[T]:
    """Yield the first entries, and take them out."""
    for _ in range(at_most):
        try:
            yield entries.popleft()
        except IndexError:
            return
