"""The limits of the time of RUNNING runs, in the timer queue: `warn`, `timeout`, and `abandon` after that."""

from __future__ import annotations

from jobtui.engine.enums import Limit
from jobtui.engine.records import RunRecord
from jobtui.engine.timer_queue import DueEntry, LimitDue, TimerQueue


class RunLimits:
    """Keeps one entry in the timer queue for each run with a limit: the next one. Other runs have none.

    Args:
        timer_queue: The timer queue of the engine.
    """

    def __init__(self, timer_queue: TimerQueue[DueEntry]) -> None:
        self._timer_queue = timer_queue

    def begin(self, run: RunRecord, now: float) -> None:
        """Set the first limit of a run that starts now, and whose job has one."""
        policies, extras = run.job.policies, run.ensure_extras()
        extras.warned = extras.timed_out = False
        extras.deadline = now + policies.timeout if policies.timeout else None
        if policies.warn and (not policies.timeout or policies.warn < policies.timeout):
            self.set_next(run, Limit.WARN, now + policies.warn)
        else:
            self.set_next(run, Limit.TIMEOUT, now + policies.timeout)

    def set_next(self, run: RunRecord, limit: Limit | None, at: float = 0.0) -> None:
        """Set the next limit of a run.

        Args:
            run: The run.
            limit: The limit; None if there is no other one.
            at: When the run reaches it, in seconds since the epoch.
        """
        extras = run.extras
        if extras.limit is not None:
            self._timer_queue.remove(LimitDue(run), extras.limit_at)
        extras.limit, extras.limit_at = limit, at
        self.restore(run)

    def restore(self, run: RunRecord) -> None:
        """Put the next limit of a run into the timer queue again, which has been cleared."""
        if run.extras.limit is not None:
            self._timer_queue.push(LimitDue(run), run.extras.limit_at)

    def shift(self, run: RunRecord, seconds: float) -> None:
        """Let a run keep the time that it had left before the clock was set."""
        extras = run.extras
        if extras.limit is not None:
            if extras.deadline is not None:
                extras.deadline += seconds
            self.set_next(run, extras.limit, extras.limit_at + seconds)
