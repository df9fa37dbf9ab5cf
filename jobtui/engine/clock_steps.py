"""Steps of the wall clock: some runs keep their instant, others the time that they had left."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.event_log import EventLog
from jobtui.engine.records import RunRecord
from jobtui.engine.run_limits import RunLimits
from jobtui.engine.timer_queue import DueEntry, RetryDue, RunDue, TimerQueue
from jobtui.schedules.adjusted import base_of
from jobtui.schedules.schedule import Every, Schedule

SHIFTS_PER_HOLD = 200  # runs that are adjusted to a step of the clock in one hold of the state lock
CLOCK_NOISE = 0.001  # seconds; the precision with which a step of the clock is measured
# A larger step back corrects a wrong clock (Debian cron's rule); 3 hours may be a change of the zone.
CLOCK_CORRECTION = 3 * 3600.0 + CLOCK_NOISE  # seconds


class ClockSteps:
    """Adjusts delays, retries and limits of runs to steps of the clock. Used with the state lock held.

    Args:
        timer_queue: Has an entry for each delayed run and each retry.
        limits: The limits of the runs that run.
        event_log: Forgets the views of jobs that change.
    """

    def __init__(self, timer_queue: TimerQueue[DueEntry], limits: RunLimits, event_log: EventLog) -> None:
        self._timer_queue = timer_queue
        self._limits = limits
        self._event_log = event_log
        # The steps, each with the runs that may have to be due at another instant.
        self.pending: deque[tuple[float, deque[RunRecord]]] = deque()

    def add(self, seconds: float, runs: Iterable[RunRecord]) -> None:
        """Note that the clock was set forward, or back if ``seconds`` is negative."""
        self.pending.append((seconds, deque(runs)))

    def shift_some(self) -> None:
        """Let some of the runs keep the time that they had left before the clock was set."""
        seconds, runs = self.pending[0]
        for _ in range(min(len(runs), SHIFTS_PER_HOLD)):
            run = runs.popleft()
            if run.state is RunState.SCHEDULED and run.trigger is Trigger.IN and run.due is not None:
                before, run.due = run.due, run.due + seconds
                run.cached_view = None
                self._timer_queue.push(RunDue(run), run.due)
                self._timer_queue.remove(RunDue(run), before)
            elif run.state is RunState.RUNNING:
                self._limits.shift(run, seconds)
            elif run.state is RunState.RETRYING and run.extras.retry_at is not None:
                before = run.extras.retry_at
                run.extras.retry_at = before + seconds
                run.cached_view = None
                self._event_log.outdate(run.job)
                self._timer_queue.push(RetryDue(run), before + seconds)
                self._timer_queue.remove(RetryDue(run), before)
        if not runs:
            self.pending.popleft()


def is_moved_by(seconds: float, schedule: Schedule | None) -> bool:
    """Return whether the next tick of a schedule has to be searched for after a step of the clock."""
    base = base_of(schedule)
    if isinstance(base, Every):
        return seconds < 0 or not base.first_at_start
    return schedule is not None and seconds < -CLOCK_CORRECTION
