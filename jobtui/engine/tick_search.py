"""The next tick of each job: when it is known, when it has to be searched for, and when there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from jobtui.engine.event_log import EventLog
from jobtui.engine.events import JobChanged
from jobtui.engine.quiet_state import QuietState
from jobtui.engine.records import JobRecord
from jobtui.engine.tick_runs import TickRuns
from jobtui.engine.ticks import NextTick, Search
from jobtui.engine.timer_queue import DueEntry, JobDue, JobLeaves, TimerQueue
from jobtui.schedules.adjusted import has_end

SEARCHES_PER_HOLD = 200  # jobs whose next ticks are searched for between two holds of the state lock
DONE_SHOWN = 86_400.0  # seconds for which a job that is DONE is shown


class TickSearch:
    """Sets when jobs are due, and notes which of them will never be again. Used with the state lock held.

    Args:
        timer_queue: Gets an entry for the next tick of each job.
        quiet: Has the quiet times, to which a tick may belong.
        tick_runs: Forgets the run of a tick that has been processed.
        event_log: Gets an event for each job that is DONE.

    Attributes:
        searches: The jobs whose next tick has to be found.
    """

    def __init__(
        self, timer_queue: TimerQueue[DueEntry], quiet: QuietState, tick_runs: TickRuns, event_log: EventLog
    ) -> None:
        self.searches: dict[JobRecord, Search] = {}
        self._timer_queue = timer_queue
        self._quiet = quiet
        self._tick_runs = tick_runs
        self._event_log = event_log

    def set(self, job: JobRecord, due: float | None) -> None:
        """Let a job be due at an instant; None for never."""
        if job.due is not None:
            self._timer_queue.remove(JobDue(job), job.begins_at or job.due)
            job.begins_at = None  # it has begun to catch up, or its schedule has changed
        job.due = due
        job.quiet_until = None if due is None else self._quiet.times.end_at(due)
        self._event_log.outdate(job)
        self._tick_runs.forget(job)
        if due is not None:
            self.await_due(job)

    def clear(self, job: JobRecord) -> None:
        """Let a job never be due, and search for no tick of it."""
        self.searches.pop(job, None)
        self.set(job, None)

    def await_due(self, job: JobRecord) -> None:
        """Let the timer queue know when a job is due, or begins to catch up."""
        if job.due is not None:
            self._timer_queue.push(JobDue(job), job.begins_at or job.due)

    def begin_at(self, job: JobRecord, instant: float) -> None:
        """Change when a job begins to catch up. The job is due."""
        assert job.due is not None
        self._timer_queue.remove(JobDue(job), job.begins_at or job.due)
        job.begins_at = instant
        self.await_due(job)

    def some_searches(self) -> list[tuple[JobRecord, Search]]:
        """Return some of the searches, which are made without the state lock, for `apply`."""
        return list(islice(self.searches.items(), SEARCHES_PER_HOLD))

    def apply(self, found: Sequence[NextTick], now: float, report: Callable[[str, float], None]) -> None:
        """Let jobs be due at the ticks that were found.

        Args:
            found: The results of searches.
            now: The time.
            report: Called with the error of a schedule and the time.
        """
        for each in found:
            job = each.job
            if self.searches.get(job) is not each.search or job.due != each.previous:
                continue  # another thread has applied it, or the job has changed and is searched again
            if each.error:
                report(each.error, now)
            job.schedule = each.schedule
            if each.due is not None:
                self.revive(job)
            self.set(job, each.due)
            del self.searches[job]
            self.check_done(job, now)

    def check_done(self, job: JobRecord, now: float) -> None:
        """Let a job be DONE if it has run as often as it should, or its last tick has passed."""
        if job.removed or job.leaves_at is not None:
            return
        if job.is_exhausted:
            self.clear(job)
        elif job.due is not None or job in self.searches or not has_end(job.schedule):
            return
        self.show_done(job, now)
        self._event_log.emit_job(JobChanged, job, now)

    def show_done(self, job: JobRecord, now: float) -> None:
        """Show a job that is DONE for a while from now on."""
        job.leaves_at = now + DONE_SHOWN
        self._event_log.outdate(job)
        self.await_leave(job)

    def await_leave(self, job: JobRecord) -> None:
        """Let the timer queue know when a job is removed that is DONE."""
        if job.leaves_at is not None:
            self._timer_queue.push(JobLeaves(job), job.leaves_at)

    def revive(self, job: JobRecord) -> None:
        """Let a job that is DONE have ticks again."""
        if job.leaves_at is not None:
            self._timer_queue.remove(JobLeaves(job), job.leaves_at)
            job.leaves_at = None
            self._event_log.outdate(job)
