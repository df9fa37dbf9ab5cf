"""The last minute of the pool: what its slots have done, from the runs in successive snapshots."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.outcome_strip import BARS

SPAN = 60.0  # seconds that are shown
_PART = 5.0  # seconds; the parts begin at multiples of it, so that a strip changes only where time goes on
_PARTS = int(SPAN / _PART)
CELLS = (12, 6, 4, 3, 2)  # the lengths that a strip may have
_GAP = 0.25  # seconds between two runs in which a slot still counts as taken
_SHORTEST = 1.0  # seconds of the latest part that must be over before its share is exact
_MOST_LISTED = 200  # runs in a list of a snapshot


@dataclass(slots=True)
class _Slot:
    """A slot. Times are seconds since the epoch."""

    busy: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))  # seconds of each part
    run: RunView | None = None  # the run that takes it now
    taken_since: float = 0.0  # when it was last free
    taken_until: float = 0.0  # when its latest run ended

    def take(self, run: RunView, start: float) -> None:
        """Give the slot to a run."""
        self.run = run
        if start - self.taken_until > _GAP:
            self.taken_since = start

    def free(self, start: float, end: float) -> None:
        """Note that its run has ended."""
        self.run, self.taken_until = None, max(self.taken_until, end)
        for part, seconds in _parts(start, end):
            self.busy[part] += seconds


class SlotHistory:
    """Follows which runs have taken which slots in the last minute.

    Slots are places in a picture: a run gets the first one that is free when it starts, and keeps it. The
    first snapshot has enough for that, so a dashboard that has just been attached shows the last minute, too.
    Of a large pool, it follows as many slots as a snapshot lists runs.
    """

    def __init__(self) -> None:
        self._slots: list[_Slot] = []
        self._live: dict[tuple[int, float], tuple[_Slot, RunView]] = {}
        # The ends of the runs that have ended, about the earliest first: taking the first out is quick.
        self._known: OrderedDict[tuple[int, float], float] = OrderedDict()
        self._at = 0.0  # the instant of the latest snapshot
        self._size = 0  # of the pool in it
        self._shrunk = 0.0  # when the pool was last made smaller

    def update(self, snapshot: Snapshot) -> None:
        """Take the next snapshot."""
        at, before, size = snapshot.at.timestamp(), self._at, min(snapshot.pool.size, _MOST_LISTED)
        if before and 0 < snapshot.pool.size < (self._size or math.inf):
            self._shrunk = at
        self._at, self._size = at, snapshot.pool.size
        new = [*takewhile(lambda run: self._is_new(run, at), filter(_has_run, snapshot.recent))]
        while len(self._slots) < size:
            self._slots.append(_Slot())
        self._free(new, snapshot.running, at)
        oldest = next(filter(_has_run, reversed(snapshot.recent)), None)
        if before and len(snapshot.recent) >= _MOST_LISTED and new and new[-1] is oldest:
            self._fill(before, _seconds(new[-1].ended), min(size, snapshot.pool.running))
        for run in sorted((*new, *snapshot.running), key=lambda run: _seconds(run.started)):
            if _key(run) not in self._live and _key(run) not in self._known:
                self._place(run)
        del self._slots[max(size, *(place + 1 for place, slot in enumerate(self._slots) if slot.run), 0) :]
        self._forget(at)

    def _is_new(self, run: RunView, at: float) -> bool:
        """Return whether a run ended in the last minute, and no earlier snapshot had its ending."""
        return at - _seconds(run.ended) < SPAN and _key(run) not in self._known

    def _free(self, ended: Iterable[RunView], running: Iterable[RunView], at: float) -> None:
        """Free the slots of the runs that have ended, or wait for their next attempt."""
        ends = {_key(run): _seconds(run.ended) for run in ended}
        still = {_key(run) for run in running}
        for key, (slot, _) in [*self._live.items()]:
            if key not in still:
                del self._live[key]
                end = self._known[key] = ends.get(key, at)
                slot.free(key[1], end)

    def _place(self, run: RunView) -> None:
        start = _seconds(run.started)
        free = [slot for slot in self._slots if slot.run is None]
        if not free:  # more runs than slots, after the pool has shrunk
            return
        slot = next((each for each in free if each.taken_until <= start), None)
        slot = min(free, key=lambda each: each.taken_until) if slot is None else slot
        slot.take(run, start)
        if run.ended is None:
            self._live[_key(run)] = slot, run
        else:
            end = self._known[_key(run)] = _seconds(run.ended)
            slot.free(start, end)

    def _fill(self, start: float, end: float, running: int) -> None:
        """Fill a time of which no snapshot lists the runs, because too many have ended."""
        for slot in self._slots[:running]:
            if slot.run is None and slot.taken_until < end:
                slot.free(max(start, slot.taken_until), end)

    def _forget(self, at: float) -> None:
        while self._known and at - next(iter(self._known.values())) >= SPAN:
            self._known.popitem(last=False)
        oldest = int(at / _PART) - _PARTS
        for slot in self._slots:
            for part in [part for part in slot.busy if part < oldest]:
                del slot.busy[part]

    # --- what it shows ----------------------------------------------------------------------------

    @property
    def runs(self) -> Sequence[RunView | None]:
        """The run that takes each slot now; None for a free one."""
        return [slot.run for slot in self._slots]

    @property
    def saturated_since(self) -> float | None:
        """Since when no slot is free, in seconds since the epoch; None if one is free now."""
        if not self._slots or any(
            slot.run is None and self._at - slot.taken_until > _GAP for slot in self._slots
        ):
            return None
        return max(self._shrunk, *(slot.taken_since for slot in self._slots))

    def strips(self, cells: int) -> list[str]:
        """Return the last minute of each slot as bars: in each cell the share of the time that it was taken.

        Args:
            cells: The length of each strip, one of `CELLS`.
        """
        return ["".join(map(_bar, self._shares(slot, cells))) for slot in self._slots]

    def total(self, cells: int) -> str:
        """Return the last minute of all slots together, as one strip."""
        shares = zip(*(self._shares(slot, cells) for slot in self._slots), strict=True)
        return "".join(_bar(sum(each) / max(self._size, len(self._slots))) for each in shares)

    def _shares(self, slot: _Slot, cells: int) -> list[float]:
        busy: dict[int, float] = slot.busy
        if slot.run is not None:
            busy = dict(busy)
            for part, seconds in _parts(max(_seconds(slot.run.started), self._at - SPAN), self._at):
                busy[part] = busy.get(part, 0.0) + seconds
        each = _PARTS // cells
        last = int(self._at / _PART) // each  # the cell of the present
        passed = max(_SHORTEST, self._at - last * each * _PART)  # seconds of it
        shares = []
        for cell in range(last - cells + 1, last + 1):
            seconds = sum(busy.get(part, 0.0) for part in range(cell * each, (cell + 1) * each))
            shares.append(min(1.0, seconds / (passed if cell == last else each * _PART)))
        return shares


def _bar(share: float) -> str:
    """Return a bar: the lowest one for nothing, the next one for the least that is more."""
    return BARS[0] if share <= 0 else BARS[max(1, round(share * (len(BARS) - 1)))]


def _parts(start: float, end: float) -> Iterable[tuple[int, float]]:
    """Yield the parts of a time that lie in the last minute before its end, and their seconds."""
    start = max(start, end - SPAN - _PART)
    part = int(start / _PART)
    while start < end:
        until = min(end, (part + 1) * _PART)
        yield part, until - start
        start, part = until, part + 1


def _has_run(run: RunView) -> bool:
    """Return whether an ending is that of a run which has started."""
    return bool(run.number) and run.started is not None and run.ended is not None


def _seconds(instant: datetime | None) -> float:
    return 0.0 if instant is None else instant.timestamp()


def _key(run: RunView) -> tuple[int, float]:
    """Return what tells an attempt of a run from others, those of a scheduler that has restarted included."""
    return run.number, _seconds(run.started)
