"""What the engine tells the world: numbered events, settled handles, and times in the user's zone."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from jobtui.core.events import Event, JobEvent, RunEvent
from jobtui.core.records import JobRecord, RunRecord


class Journal:
    """Counts every change, and writes it down as an event if anybody listens.

    Args:
        tz: The zone in which times are given in views and reasons.

    Attributes:
        seq: The number of the latest change.
        events: What happened since the events were last taken; None while nobody listens.
        settled: The handles of the runs that ended since they were last taken.
    """

    def __init__(self, tz: tzinfo) -> None:
        self.tz = tz
        self.seq = 0
        self.events: list[Event] | None = None
        self.settled: list[Any] = []

    def tell(self, kind: type[Event], now: float, **details: Any) -> None:
        """Something happened to the scheduler as a whole."""
        self.seq += 1
        if self.events is not None:
            self.events.append(kind(seq=self.seq, at=now, **details))

    def tell_job(self, kind: type[JobEvent], job: JobRecord, now: float) -> None:
        """Something happened to a job."""
        job.changed()
        self.seq += 1
        if self.events is not None:
            self.events.append(kind(seq=self.seq, at=now, job=job.view(self.tz)))

    def tell_run(self, kind: type[RunEvent], run: RunRecord, now: float) -> None:
        """Something happened to a run, and so to its job."""
        run.changed()
        run.job.changed()
        self.seq += 1
        if self.events is not None:
            self.events.append(kind(seq=self.seq, at=now, run=run.view(self.tz)))

    def hms(self, seconds: float) -> str:
        """An instant as a person reads it in a reason: the wall clock's hour, minute and second."""
        return datetime.fromtimestamp(seconds, self.tz).strftime("%H:%M:%S")
