"""Cancelling many waiting runs, a few in each hold of the state lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from jobtui.engine.enums import Cancellation, RunState
from jobtui.engine.pool import CANCELS_PER_HOLD, REMOVED, Pool
from jobtui.engine.records import RunRecord
from jobtui.engine.timer_queue import DueEntry, RetryDue, RunDue, TimerQueue

SEARCHED_PER_HOLD = 5_000  # runs that may belong to removed jobs, of which few are cancelled
STOPPED = "scheduler stopped"
_RUNNING = RunState.RUNNING  # Python 3.11 takes 0.1 us to look up a member of an enum


class SlicedCancels:
    """The waiting runs of removed jobs, or of all jobs after a stop. Used with the state lock held.

    Args:
        pool: The runs.
        timer_queue: Has entries for the runs that wait for an instant.

    Attributes:
        pending: The runs that are still to be looked at.
        stop_reason: The reason of the runs that end because the scheduler stops.
    """

    def __init__(self, pool: Pool, timer_queue: TimerQueue[DueEntry]) -> None:
        self.pending: deque[RunRecord] = deque()
        self.stop_reason = STOPPED
        self._pool = pool
        self._timer_queue = timer_queue

    def add(self, runs: Iterable[RunRecord]) -> None:
        """Add runs, of which those will be cancelled that wait by then."""
        self.pending.extend(runs)

    def cancel(self, run: RunRecord, now: float, reason: str) -> Cancellation:
        """Cancel a waiting run, or ask a RUNNING one to stop."""
        self.forget_due(run)
        return self._pool.cancel(run, now, reason)

    def forget_due(self, run: RunRecord) -> None:
        """Take a run out of the timer queue, if it is there."""
        if run.state is RunState.SCHEDULED and run.due is not None:
            self._timer_queue.remove(RunDue(run), run.due)
        elif run.extras.retry_at is not None:
            self._timer_queue.remove(RetryDue(run), run.extras.retry_at)

    def cancel_for_stop(self, run: RunRecord, now: float) -> None:
        """Cancel a waiting run because the scheduler stops. The store keeps one that is tried again."""
        reason = stop_reason(self.stop_reason, run)
        if self._pool.goes_on(run):
            run.extras.goes_on = True
            reason += "; it is tried again after the next start"
        self.cancel(run, now, reason)

    def cancel_some(self, now: float, *, stopping: bool) -> None:
        """Cancel some of the runs: those of removed jobs, and if the scheduler stops, all that wait."""
        pending, last = self.pending, len(self._pool.effects.ended) + CANCELS_PER_HOLD
        for _ in range(min(len(pending), SEARCHED_PER_HOLD)):
            run = pending[0]
            if run.job.removed and run.state is not _RUNNING:
                self.cancel(run, now, REMOVED)
            elif stopping and run.state is not _RUNNING:
                self.cancel_for_stop(run, now)
            pending.popleft()  # last of all, in case that an exception interrupts this
            if len(self._pool.effects.ended) >= last:
                break


def stop_reason(reason: str, run: RunRecord) -> str:
    """Return the reason of a run that ends because the scheduler stops."""
    return f"{reason}; it runs after the next start" if run.extras.durable else reason
