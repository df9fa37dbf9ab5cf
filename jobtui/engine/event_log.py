"""The event log: numbers the events, and buffers them for readers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any, overload

from jobtui.engine import events
from jobtui.engine.events import Event, JobEvent, RunEvent
from jobtui.engine.records import JobRecord, PackedRun, RunRecord, pack_run

CAPACITY = 10_000  # events in the buffer

# The class of each event, by its name.
_CLASSES: dict[str, Any] = {
    name: value
    for name, value in vars(events).items()
    if isinstance(value, type) and issubclass(value, Event)
}

# The name of an event's class, its time, and its other fields. An event of a run has a packed run, so that it
# consists of atoms alone: it stays as it was whatever becomes of the run, keeps no object of the user, and is
# not tracked by Python's garbage collector.
Entry = tuple[str, float, Any, Any]


class EventLog:
    """Numbers every event, and buffers the events while there are readers. Call with the state lock held.

    Args:
        tz: The zone of the times in views and reasons.
        outdate: Notes that a job has changed since its view was built.

    Attributes:
        outdate: The same.
        seq: The number of the latest event.
        buffer: The latest events as entries; None while there are no readers.
        capacity: How many events the next buffer has room for; a new event displaces the oldest one.
    """

    def __init__(self, tz: tzinfo, outdate: Callable[[JobRecord], None]) -> None:
        self.tz = tz
        self.outdate = outdate
        self.seq = 0
        self.capacity = CAPACITY
        self.buffer: deque[Entry] | None = None
        self._readers = 0

    # --- writing ----------------------------------------------------------------------------------

    def emit(self, kind: type[Event], now: float, field: object = None) -> None:
        """Add an event of the whole scheduler, with the field that its class has besides number and time."""
        self.seq += 1
        if self.buffer is not None:
            self.buffer.append((kind.__name__, now, field, None))

    def emit_job(self, kind: type[JobEvent], job: JobRecord, now: float) -> None:
        """Add an event of a job."""
        self.outdate(job)
        view = None if self.buffer is None else job.view(self.tz)  # first: see `emit_run`
        self.seq += 1
        if self.buffer is not None:
            self.buffer.append((kind.__name__, now, view, None))

    def emit_run(
        self,
        kind: type[RunEvent],
        run: RunRecord,
        now: float,
        pack: Callable[[RunRecord], PackedRun] = pack_run,
    ) -> None:
        """Add an event of a run in its current state. Give another ``pack`` for a state with fewer fields."""
        job = run.job
        run.cached_view = None
        if job.cached_view is not None:  # few are: snapshots are rarer than events
            self.outdate(job)
        # First: no call of a function, in which an exception from outside could be raised, may come between
        # the number and the event.
        packed = None if self.buffer is None else pack(run)
        self.seq += 1
        if self.buffer is not None:
            self.buffer.append((kind.__name__, now, packed, job.removed))

    def emit_end(self, kind: type[RunEvent], job: JobRecord, ended: PackedRun, now: float) -> None:
        """Add the event of the end of a run or of ticks, which is packed already."""
        if job.cached_view is not None:
            self.outdate(job)
        self.seq += 1
        if self.buffer is not None:
            self.buffer.append((kind.__name__, now, ended, job.removed))

    def is_latest(self, kind: type[RunEvent], number: int) -> bool:
        """Return whether the latest event is of a kind, and of the run of that number."""
        name, _, fields, _ = self.buffer[-1] if self.buffer else ("", 0.0, None, None)
        return name == kind.__name__ and isinstance(fields, tuple) and fields[0] == number

    def format_time(self, seconds: float) -> str:
        """Return the wall-clock time of an instant as ``HH:MM:SS``, for use in a reason."""
        return datetime.fromtimestamp(seconds, self.tz).strftime("%H:%M:%S")

    # --- reading ----------------------------------------------------------------------------------

    def set_reader_count(self, readers: int) -> None:
        """Set how many readers there are. Start the buffer for the first reader; drop it after the last."""
        self._readers = readers
        if not readers:
            self.buffer = None
        elif self.buffer is None:
            self.buffer = deque(maxlen=self.capacity)

    def lost_since(self, seq: int) -> int:
        """Return how many of the events after the event number ``seq`` have dropped out of the buffer."""
        return max(0, self.seq - seq - len(self.buffer or ()))

    def since(self, seq: int) -> EventBatch:
        """Return the buffered events after the event number ``seq``."""
        count = min(self.seq - seq, len(self.buffer or ()))
        latest = list(islice(reversed(self.buffer or ()), count))
        latest.reverse()
        return EventBatch(self.seq - count + 1, latest, self.tz)

    def drain_since(self, seq: int) -> EventBatch:
        """Return the buffered events after ``seq`` to a reader that will not ask for them again.

        The only reader gets the buffer itself, and a new buffer is started: events that have been read need
        not stay in memory.
        """
        buffer = self.buffer
        if buffer is None or self._readers != 1:
            return self.since(seq)
        self.buffer = deque(maxlen=self.capacity)
        count = min(self.seq - seq, len(buffer))
        while len(buffer) > count:  # events kept for another reader, which has unsubscribed
            buffer.popleft()
        return EventBatch(self.seq - count + 1, buffer, self.tz)


class EventBatch(Sequence[Event]):
    """Consecutive events, oldest first. Reading them needs no lock.

    Each event is built when it is read: 2,000 events at once would be 2,000 more objects for the garbage
    collector to visit.

    Args:
        first: The number of the first event.
        entries: A part of the log's buffer.
        tz: The zone of the times in views.
    """

    __slots__ = ("_entries", "_first", "_tz")

    def __init__(self, first: int, entries: Sequence[Entry], tz: tzinfo) -> None:
        self._first = first
        self._entries = entries
        self._tz = tz

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Event]:
        """Build the events one by one."""
        tz = self._tz
        for seq, (name, at, field, job_removed) in enumerate(self._entries, self._first):
            if job_removed is not None:  # it is an event of a run
                yield _CLASSES[name](seq, at, field, job_removed, tz)
            elif field is None:
                yield _CLASSES[name](seq, at)
            else:
                yield _CLASSES[name](seq, at, field)

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        """Return one event, or several."""
        return list(self)[index]

    def __repr__(self) -> str:
        """Return the events as a list."""
        return repr(list(self))
