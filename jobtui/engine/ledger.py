"""The ledger: the record of how every run and every tick ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import count, islice
from operator import itemgetter
from sys import getsizeof

from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import memory_of
from jobtui.engine.records import (
    ARGUMENTS,
    ATTEMPTS_MADE,
    CREATED,
    ENDED,
    ERROR,
    JOB,
    NUMBER,
    REASON,
    STATE,
    PackedRun,
    attempt_memory,
    shortened,
)

LEDGER_BYTES = 16_000_000  # of memory, unless set
MAX_RUNS = 800  # runs that one question returns, unless it says how many
ENTRY_BYTES = 400  # of an entry without arguments, a reason, an error and output
_DETAILED_BYTES = ENTRY_BYTES + 350  # of any other entry, in addition to these four


class _Part:
    """The keys of entries of various sizes, oldest first, and how many bytes these may take together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.keys: deque[tuple[int, int]] = deque()  # with the size of the entry
        self.size = 0


class LedgerEntries:
    """The entries of a ledger at one moment. Reading them needs no lock.

    Args:
        latest: The latest entries or their keys, oldest first.
        keys: The keys and sizes of the detailed entries, oldest first; one list for each part of the ledger.
        detailed: The detailed entries by their keys. The ledger may drop some in the meantime.
    """

    def __init__(
        self, latest: list[PackedRun | int], keys: list[list[tuple[int, int]]], detailed: dict[int, PackedRun]
    ) -> None:
        self._latest = latest
        self._keys = keys
        self._detailed = detailed

    def __iter__(self) -> Iterator[PackedRun]:
        """Yield the entries, newest first."""
        listed = set()
        for item in reversed(self._latest):
            if not isinstance(item, int):
                yield item
                continue
            listed.add(item)
            entry = self._detailed.get(item)
            if entry is not None:
                yield entry
        yield from merge(
            *(self._older(keys, listed) for keys in self._keys), key=lambda entry: entry[ENDED], reverse=True
        )

    def _older(self, keys: list[tuple[int, int]], listed: set[int]) -> Iterator[PackedRun]:
        """Yield the entries of one part that have outlived the latest entries, newest first."""
        for key, _ in reversed(keys):
            entry = None if key in listed else self._detailed.get(key)
            if entry is not None:
                yield entry

    def find(
        self,
        *,
        number: int | None = None,
        job: str | None = None,
        state: RunState | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = MAX_RUNS,
        recent: Sequence[PackedRun] = (),
    ) -> list[PackedRun]:
        """Return the entries that meet all conditions, newest first.

        Args:
            number: The number of the run.
            job: The name of the job.
            state: The final state.
            since: The first instant at which the run or the ticks may have ended, in seconds since the epoch.
            until: The last such instant.
            limit: How many entries are returned at most.
            recent: Entries, oldest first, to search as well: the ledger may have dropped them.
        """
        value = None if state is None else state.value
        found = (
            entry
            for entry in self._with(recent)
            if (number is None or entry[NUMBER] == number)
            and (job is None or entry[JOB] == job)
            and (value is None or entry[STATE] == value)
            and (since is None or entry[ENDED] >= since)
            and (until is None or entry[ENDED] <= until)
        )
        return list(islice(found, limit))

    def _with(self, recent: Sequence[PackedRun]) -> Iterable[PackedRun]:
        """Return all entries, with those of `recent` that the ledger has dropped, newest first."""
        if not recent:
            return self
        kept = {(entry[NUMBER], entry[CREATED]) for entry in self}
        dropped = [entry for entry in reversed(recent) if (entry[NUMBER], entry[CREATED]) not in kept]
        return sorted([*self, *dropped], key=itemgetter(ENDED), reverse=True) if dropped else self


class Ledger:
    """Stores the endings of runs and ticks, in memory. Call with the state lock held.

    The latest entries are listed in their order. Those that are OK and have neither arguments,
    a reason nor output all have the same size, so a number of them bounds their memory, and recording one is
    an append. The list has only the keys of all others, the detailed entries. They have two parts of the
    memory, one for the failures and one for the rest, so that no number of successes displaces a failure.

    Args:
        limit: How much memory the entries and the outputs of their runs may take, in bytes. The failures get
            half of it.

    Attributes:
        limit: How much memory the entries and the outputs of their runs may take, in bytes.
        record: Stores the entry of a run that is OK and has neither arguments, a reason nor output.
        forgotten: The numbers of the runs whose entries have dropped out, until the caller clears the list.
    """

    def __init__(self, limit: int = LEDGER_BYTES) -> None:
        self.limit = limit
        self._latest: deque[PackedRun | int] = deque(maxlen=limit // 4 // ENTRY_BYTES)
        self._detailed: dict[int, PackedRun] = {}
        self._failures = _Part(limit // 2)
        self._others = _Part(limit // 4)
        self._tick_keys = count(-1, -1)
        # The deque's own method: every run is recorded, and a wrapper would cost more than the append.
        self.record: Callable[[PackedRun], None] = self._latest.append
        self.forgotten: list[int] = []

    def record_detailed(self, entry: PackedRun, *, failed: bool, output_bytes: int = 0) -> int:
        """Store any other entry, and drop the oldest ones of its part if there is too little room.

        Args:
            entry: The entry.
            failed: Whether its state is that of a failure.
            output_bytes: How much memory the output of the run takes.

        Returns:
            The entry's key, for `amend`.
        """
        part = self._failures if failed else self._others
        key: int = entry[NUMBER] or next(self._tick_keys)
        size = _DETAILED_BYTES + output_bytes
        if entry[REASON]:
            size += getsizeof(entry[REASON])
        if entry[ARGUMENTS]:
            size += getsizeof(entry[ARGUMENTS])
        if entry[ERROR]:
            size += memory_of(entry[ERROR])
        for attempt in entry[ATTEMPTS_MADE]:
            size += ENTRY_BYTES + attempt_memory(attempt)
        if size > part.limit:
            entry, size = shortened(entry), _DETAILED_BYTES
            self.forgotten.append(key)
        if key not in self._detailed:  # otherwise this completes a change that was interrupted
            self._detailed[key] = entry
            part.size += size
        if not part.keys or part.keys[-1][0] != key:
            part.keys.append((key, size))
        self._latest.append(key)
        while part.size > part.limit:
            oldest, size = part.keys[0]
            self._detailed.pop(oldest, None)
            self.forgotten.append(oldest)
            part.size -= size
            part.keys.popleft()
        return key

    def is_latest(self, number: int) -> bool:
        """Return whether the latest entry is that of a run."""
        latest = self._latest[-1] if self._latest else 0
        return number == (latest if isinstance(latest, int) else latest[NUMBER])

    def amend(self, key: int, entry: PackedRun) -> None:
        """Replace an entry, unless it has dropped out."""
        if key in self._detailed:
            self._detailed[key] = entry

    def get(self, number: int) -> PackedRun | None:
        """Return the detailed entry of a run; None if it has none."""
        return self._detailed.get(number)

    def entries(self) -> LedgerEntries:
        """Return all entries. This takes about 10 ns for each."""
        keys = [list(part.keys) for part in (self._failures, self._others)]
        return LedgerEntries(list(self._latest), keys, self._detailed)

    def latest(self, limit: int) -> list[PackedRun]:
        """Return the latest entries, newest first."""
        found = (
            self._detailed.get(item) if isinstance(item, int) else item for item in reversed(self._latest)
        )
        return list(islice((entry for entry in found if entry is not None), limit))
