"""Pausing and resuming jobs, by hand, until an instant, and after failures."""

from __future__ import annotations

from jobtui.engine.event_log import EventLog
from jobtui.engine.events import JobPaused, JobResumed
from jobtui.engine.job_pause import Pause
from jobtui.engine.pool import Pool
from jobtui.engine.records import JobRecord
from jobtui.engine.timer_queue import DueEntry, PauseOver, TimerQueue


class Pauses:
    """Sets and ends the pauses of jobs. Call with the state lock held.

    Args:
        timer_queue: Gets an entry for the end of each pause that has one.
        pool: Lists the jobs that have failed too often in a row; records the pauses for the store.
        event_log: Gets an event for each change.
    """

    def __init__(self, timer_queue: TimerQueue[DueEntry], pool: Pool, event_log: EventLog) -> None:
        self._timer_queue = timer_queue
        self._pool = pool
        self._event_log = event_log

    def pause(self, job: JobRecord, now: float, *, until: float | None, note: str, by: str) -> bool:
        """Pause a job; see `Engine.pause_job`."""
        if job.removed or job.schedule is None:
            return False
        pause, before = Pause(now, until, note, by), job.pause
        if before is not None:
            if until is None and not note:
                return False
            end = before.until if until is None else until
            pause = Pause(before.since, end, note or before.note, by)
        self._set(job, pause)
        self._event_log.emit_job(JobPaused, job, now)
        return True

    def resume(self, job: JobRecord, now: float) -> bool:
        """Resume a job; see `Engine.resume_job`."""
        if job.removed or job.pause is None:
            return False
        job.failures_in_row = 0
        self._set(job, None)
        self._event_log.emit_job(JobResumed, job, now)
        return True

    def end_if_over(self, job: JobRecord, now: float) -> None:
        """Resume a job if its pause is over."""
        pause = job.pause
        if pause is None or pause.until is None:
            return
        if pause.covers(now):  # its end has changed, or the clock
            self._timer_queue.push(PauseOver(job), pause.until)
        else:
            self.resume(job, now)

    def pause_failing(self, now: float) -> None:
        """Pause the jobs that have failed too often in a row."""
        while self._pool.failing:
            job = self._pool.failing.pop()
            if job.pause is None:
                note = "1 failure" if job.failures_in_row == 1 else f"{job.failures_in_row} failures in a row"
                self.pause(job, now, until=None, note=note, by="pause_after")
                self._pool.give_notice(f"{job.name} is paused after {note}", now)

    def await_end(self, job: JobRecord) -> None:
        """Let the timer queue know when the pause of a job ends, if it has one that ends."""
        if job.pause is not None and job.pause.until is not None:
            self._timer_queue.push(PauseOver(job), job.pause.until)

    def forget_end(self, job: JobRecord) -> None:
        """Undo `await_end`."""
        if job.pause is not None and job.pause.until is not None:
            self._timer_queue.remove(PauseOver(job), job.pause.until)

    def restore(self, job: JobRecord, pause: Pause, now: float) -> None:
        """Go on with a pause that the store knows from before this process, unless it is over."""
        self._set(job, pause if pause.covers(now) else None)

    def record(self, job: JobRecord) -> None:
        """Have the store keep the pause of a job."""
        if self._pool.recording:
            self._pool.effects.pauses.append((job.name, job.pause))

    def _set(self, job: JobRecord, pause: Pause | None) -> None:
        before, job.pause = job.pause, pause
        self._event_log.outdate(job)
        if before is not None and before.until is not None:
            self._timer_queue.remove(PauseOver(job), before.until)
        self.await_end(job)
        self.record(job)
