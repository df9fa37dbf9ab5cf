"""The event log: numbers the events, and buffers them for readers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from itertools import islice
from typing import Any, overload

from jobtui.engine.events import Event, JobAdded, JobEvent, RunEvent, RunFinished, RunQueued, RunStarted
from jobtui.engine.records import JobRecord, RunRecord

CAPACITY = 10_000  # events in the buffer

DeferredKind = type[RunQueued] | type[RunStarted] | type[RunFinished] | type[JobAdded]
AddedJob = tuple[float, JobRecord, float | None]  # when it was added, and when it was due then


class EventLog:
    """Numbers every event, and buffers the events while there are readers. Call with the state lock held.

    The buffer alternates between the class of an event and the data of that event. RunQueued, RunStarted and
    RunFinished are stored with the run's record, and JobAdded with the job's, and are built when read,
    because building a view takes longer than a short run. That is right only because those views use fields
    of a record that are written once. All other events are built at once and stored after a None.

    Args:
        tz: The zone of the times in views and reasons.

    Attributes:
        seq: The number of the latest event.
        buffer: The classes and data of the latest events; None while there are no readers.
        capacity: How many events the next buffer has room for; a new event displaces the oldest one.
    """

    def __init__(self, tz: tzinfo) -> None:
        self.tz = tz
        self.seq = 0
        self.capacity = CAPACITY
        self.buffer: deque[Any] | None = None
        self._readers = 0

    # --- writing ----------------------------------------------------------------------------------

    def emit(self, kind: type[Event], now: float, **fields: Any) -> None:
        """Add an event of the whole scheduler."""
        self.seq += 1
        if self.buffer is not None:
            self.buffer += (None, kind(self.seq, now, **fields))

    def emit_job(self, kind: type[JobEvent], job: JobRecord, now: float) -> None:
        """Add an event of a job."""
        job.cached_view = None
        view = None if self.buffer is None else job.view(self.tz)
        self.seq += 1
        if self.buffer is not None and view is not None:
            self.buffer += (None, kind(self.seq, now, view))

    def emit_run(self, kind: type[RunEvent], run: RunRecord, now: float) -> None:
        """Add an event of a run; its view is built at once."""
        run.cached_view = run.job.cached_view = None
        view = None if self.buffer is None else run.view(self.tz)
        self.seq += 1
        if self.buffer is not None and view is not None:
            self.buffer += (None, kind(self.seq, now, view))

    def emit_deferred(self, kind: DeferredKind, source: RunRecord | AddedJob) -> None:
        """Add an event whose view is built when it is read: JobAdded, as a program may add 100,000 jobs."""
        self.seq += 1
        if self.buffer is not None:
            self.buffer += (kind, source)

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
            self.buffer = self._new_buffer()

    def lost_since(self, seq: int) -> int:
        """Return how many of the events after the event number ``seq`` have dropped out of the buffer."""
        return max(0, self.seq - seq - len(self.buffer or ()) // 2)

    def since(self, seq: int) -> EventBatch:
        """Return the buffered events after the event number ``seq``."""
        count = min(self.seq - seq, len(self.buffer or ()) // 2)
        latest = list(islice(reversed(self.buffer or ()), 2 * count))
        latest.reverse()
        return EventBatch(self.seq - count + 1, latest, self.tz)

    def drain_since(self, seq: int) -> EventBatch:
        """Return the buffered events after ``seq`` to a reader that will not ask for them again.

        The only reader gets the buffer itself, and a new buffer is started: events that have been read need
        not stay in memory, where each garbage collection would visit them.
        """
        buffer = self.buffer
        if buffer is None or self._readers != 1:
            return self.since(seq)
        self.buffer = self._new_buffer()
        count = min(self.seq - seq, len(buffer) // 2)
        while len(buffer) > 2 * count:  # events kept for another reader, which has unsubscribed
            buffer.popleft()
        return EventBatch(self.seq - count + 1, buffer, self.tz)

    def _new_buffer(self) -> deque[Any]:
        return deque(maxlen=2 * self.capacity)


class EventBatch(Sequence[Event]):
    """Consecutive events, oldest first. Reading them needs no lock.

    Each event is built when it is read: 2,000 events at once would be 2,000 more objects for the garbage
    collector to visit.

    Args:
        first: The number of the first event.
        entries: A part of the log's buffer: alternately the class and the data of an event.
        tz: The zone of the times in views.
    """

    __slots__ = ("_entries", "_first", "_tz")

    def __init__(self, first: int, entries: Sequence[Any], tz: tzinfo) -> None:
        self._first = first
        self._entries = entries
        self._tz = tz

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self._entries) // 2

    def __iter__(self) -> Iterator[Event]:
        """Build the events one by one."""
        entries, tz = iter(self._entries), self._tz
        for seq, (kind, subject) in enumerate(zip(entries, entries, strict=True), self._first):
            if kind is RunQueued:
                yield RunQueued(seq, subject.waiting_since, subject, tz)
            elif kind is RunStarted:
                yield RunStarted(seq, subject.started, subject, tz)
            elif kind is RunFinished:
                yield RunFinished(seq, subject.ended, subject, tz)
            elif kind is JobAdded:
                at, job, due = subject
                yield JobAdded(seq, at, partial(job.view_when_added, due, tz))
            else:
                yield subject

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
