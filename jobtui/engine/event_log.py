"""What the engine tells the world: numbered events, settled handles, and times in the user's zone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from itertools import chain, islice, repeat
from typing import Any, overload

from jobtui.engine.events import Event, JobAdded, JobEvent, RunEvent, RunFinished, RunQueued, RunStarted
from jobtui.engine.records import JobRecord, RunRecord, Waiter

CAPACITY = 10_000  # events on the tape

Step = type[RunQueued] | type[RunStarted] | type[RunFinished]


class EventLog:
    """Counts every change, and writes it down on one tape for all readers if anybody listens.

    The tape alternates between a step and its run. The three steps that every run takes are noted so,
    since a run's own record tells for ever what it was at each of them: to draw a picture of it at
    once would take longer than the run. That a job was added is noted with all it takes to draw it.
    Any other event is drawn at once, and stands behind a None.

    Args:
        tz: The zone in which times are given in views and reasons.

    Attributes:
        seq: The number of the latest change.
        settled: What those wait for who wait for the end of runs that ended since it was last taken.
        asked: The runs that were asked to stop since they were last taken.
        capacity: How many events the tape has room for; the oldest make room for the newest.
        untold: Whether a reader is to be told of the next change.
    """

    def __init__(self, tz: tzinfo) -> None:
        self.tz = tz
        self.seq = 0
        self.finished_waiters: list[Waiter] = []
        self.stop_requested: list[RunRecord] = []
        self.notifications_pending = False
        self.capacity = CAPACITY
        self.buffer: deque[Any] | None = None
        self._readers = 0

    # --- writing ----------------------------------------------------------------------------------

    def emit(self, kind: type[Event], now: float, **details: Any) -> None:
        """Something happened to the scheduler as a whole."""
        self.seq += 1
        if self.buffer is not None:
            self.buffer += (None, kind(self.seq, now, **details))

    def emit_job(self, kind: type[JobEvent], job: JobRecord, now: float) -> None:
        """Something happened to a job."""
        job.cached_view = None
        self.seq += 1
        if self.buffer is not None:
            self.buffer += (None, kind(self.seq, now, job.view(self.tz)))

    def emit_job_added(self, job: JobRecord, now: float) -> None:
        """A job was registered: a picture of it can wait until somebody looks, and there may be thousands."""
        self.seq += 1
        if self.buffer is not None:
            self.buffer += (JobAdded, (now, job, job.due))

    def emit_run(self, kind: type[RunEvent], run: RunRecord, now: float) -> None:
        """Something happened to a run, and so to its job."""
        run.cached_view = run.job.cached_view = None
        self.seq += 1
        if self.buffer is not None:
            self.buffer += (None, kind(self.seq, now, run.view(self.tz)))

    def emit_deferred(self, step: Step, run: RunRecord) -> None:
        """A run was queued when it came, or it started, or it ended."""
        self.seq += 1
        if self.buffer is not None:
            self.buffer += (step, run)

    def emit_queued(self, runs: Sequence[RunRecord]) -> None:
        """Runs were queued as they came, one after the other."""
        self.seq += len(runs)
        if self.buffer is not None:
            self.buffer.extend(chain.from_iterable(zip(repeat(RunQueued), runs, strict=False)))

    def emit_batch(self, done: Sequence[RunRecord], begun: Sequence[RunRecord]) -> None:
        """Runs ended one after the other, and after each the next one started, if there was one."""
        self.seq += len(done) + len(begun)
        if self.buffer is not None:
            turns = zip(repeat(RunFinished), done, repeat(RunStarted), begun, strict=False)
            self.buffer.extend(chain.from_iterable(turns))
            if len(begun) < len(done):
                self.buffer += (RunFinished, done[-1])

    def format_time(self, seconds: float) -> str:
        """An instant as a person reads it in a reason: the wall clock's hour, minute and second."""
        return datetime.fromtimestamp(seconds, self.tz).strftime("%H:%M:%S")

    # --- reading ----------------------------------------------------------------------------------

    @property
    def is_recording(self) -> bool:
        """Whether what happens is written down."""
        return self.buffer is not None

    def set_reader_count(self, readers: int) -> None:
        """Begin to write down what happens, or cease to, or go on: as many as that read it now."""
        self._readers = readers
        if bool(readers) is not self.is_recording:
            self.buffer = self._new_buffer() if readers else None

    def lost_since(self, seq: int) -> int:
        """How many of the events after that number are not on the tape any more."""
        return max(0, self.seq - seq - len(self.buffer or ()) // 2)

    def since(self, seq: int) -> EventBatch:
        """What is on the tape after the event of that number."""
        count = min(self.seq - seq, len(self.buffer or ()) // 2)
        latest = list(islice(reversed(self.buffer or ()), 2 * count))
        latest.reverse()
        return EventBatch(self.seq - count + 1, latest, self.tz)

    def drain_since(self, seq: int) -> EventBatch:
        """The same, for a reader that will not ask for it again: an only one gets the tape itself.

        What has been read need not be kept then. Whatever is kept is walked through by the garbage
        collector, again and again.
        """
        buffer = self.buffer
        if buffer is None or self._readers != 1:
            return self.since(seq)
        self.buffer = self._new_buffer()
        count = min(self.seq - seq, len(buffer) // 2)
        while len(buffer) > 2 * count:  # another reader, who is gone, was behind
            buffer.popleft()
        return EventBatch(self.seq - count + 1, buffer, self.tz)

    def _new_buffer(self) -> deque[Any]:
        return deque(maxlen=2 * self.capacity)


class EventBatch(Sequence[Event]):
    """A part of the tape: events, oldest first; what has been cut out needs no lock.

    They are drawn one by one, when somebody looks: 2,000 at once would be as many objects more for the
    garbage collector to walk through.

    Args:
        first: The number of the first event.
        tape: What was written down, in turns: what happened, and to whom. None, and then the event itself.
        tz: The zone of the pictures.
    """

    __slots__ = ("_entries", "_first", "_tz")

    def __init__(self, first: int, buffer: Sequence[Any], tz: tzinfo) -> None:
        self._first = first
        self._entries = buffer
        self._tz = tz

    def __len__(self) -> int:
        """How many events there are."""
        return len(self._entries) // 2

    def __iter__(self) -> Iterator[Event]:
        """Draw each."""
        entries, tz = iter(self._entries), self._tz
        for seq, (step, subject) in enumerate(zip(entries, entries, strict=True), self._first):
            if step is RunQueued:
                yield RunQueued(seq, subject.waiting_since, subject, tz)
            elif step is RunStarted:
                yield RunStarted(seq, subject.started, subject, tz)
            elif step is RunFinished:
                yield RunFinished(seq, subject.ended, subject, tz)
            elif step is JobAdded:
                at, job, due = subject
                yield JobAdded(seq, at, partial(job.view_when_added, due, tz))
            else:
                yield subject

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        """Draw one, or some."""
        return list(self)[index]

    def __repr__(self) -> str:
        """As a list of them."""
        return repr(list(self))
