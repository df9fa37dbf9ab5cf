"""The quiet times of a scheduler, and whether it is quiet now."""

from __future__ import annotations

from datetime import datetime, tzinfo
from math import inf

from jobtui.engine.event_log import EventLog
from jobtui.engine.events import QuietTimeChanged
from jobtui.engine.pool import Pool
from jobtui.engine.timer_queue import DueEntry, QuietChange, TimerQueue
from jobtui.schedules.quiet_times import QuietSpan, QuietTimes


class QuietState:
    """Tells the pool when it is quiet, so that nothing starts. Call with the state lock held.

    Args:
        times: The times in which nothing starts.
        timer_queue: Gets an entry for the next change.
        pool: Starts nothing while it is quiet.
        event_log: Gets an event for each change.

    Attributes:
        times: As above. They may be read without the state lock.
    """

    def __init__(
        self, times: QuietTimes, timer_queue: TimerQueue[DueEntry], pool: Pool, event_log: EventLog
    ) -> None:
        self.times = times
        self._timer_queue = timer_queue
        self._pool = pool
        self._event_log = event_log
        self._span: QuietSpan | None = None  # the present one, while the scheduler runs

    def update(self, now: float) -> None:
        """Note whether it is a quiet time now, and let the timer queue know when that changes."""
        before = self._span
        if before is not None:
            self._timer_queue.remove(QuietChange(), before.end)
        span = self._span = self.times.span_at(now)
        self._pool.quiet = span.is_quiet
        if span.end < inf:
            self._timer_queue.push(QuietChange(), span.end)
        if span.is_quiet is not (before is not None and before.is_quiet):
            self._event_log.emit(QuietTimeChanged, now, span.end if span.is_quiet else None)

    def update_if_running(self, now: float) -> None:
        """Do the same if the scheduler runs, after the timer queue was emptied."""
        if self._span is not None:
            self.update(now)

    def stop(self) -> None:
        """Note that the scheduler stops: it is no longer quiet."""
        self._pool.quiet = False
        self._span = None

    def until(self, tz: tzinfo) -> datetime | None:
        """Return the end of the present quiet time; None if it is not quiet."""
        span = self._span
        return datetime.fromtimestamp(span.end, tz) if span is not None and span.is_quiet else None
