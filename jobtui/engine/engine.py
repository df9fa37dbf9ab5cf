"""The state machine of a scheduler. It has no threads, no clock and no I/O.

The engine owns the whole state of the scheduler: the jobs, the timer queue, and in its pool the runs. Its
methods take the time as ``now``, in seconds since the epoch, and change the state, but start nothing and
block on nothing. The kernel calls them with the state lock held. For what concerns only runs, such as
starting the next one, the kernel calls the pool directly; what remains to be done after the lock, it finds
in the pool's effects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from heapq import nsmallest
from itertools import chain, islice
from math import inf

from jobtui.engine import events
from jobtui.engine.batch import Batch, WorkEnded
from jobtui.engine.catch_up import CatchUp
from jobtui.engine.effects import Effects
from jobtui.engine.enums import Cancellation, Overlap, Phase, RunState, Trigger
from jobtui.engine.event_log import EventBatch, EventLog
from jobtui.engine.job_pause import Pause
from jobtui.engine.job_policies import JobPolicies
from jobtui.engine.job_views import JobViews
from jobtui.engine.ledger import Ledger
from jobtui.engine.overtime import Overtime
from jobtui.engine.pool import CANCELS_PER_HOLD, MOST_ABANDONED, REMOVED, Pool
from jobtui.engine.records import (
    NUMBER,
    Call,
    JobHistory,
    JobRecord,
    RunRecord,
    packed_view,
    unpack_retrying,
)
from jobtui.engine.run_limits import RunLimits
from jobtui.engine.runnables import Runnable
from jobtui.engine.takeover import Takeover
from jobtui.engine.ticks import TICK_LIMIT, NextTick, QuietTicks, Search, TickPlan
from jobtui.engine.timer_queue import (
    DueEntry,
    JobDue,
    JobLeaves,
    LimitDue,
    PauseOver,
    QuietChange,
    RetryDue,
    RunDue,
    TimerQueue,
)
from jobtui.engine.views import PoolView, RunView, Snapshot, StoreView
from jobtui.schedules.adjusted import base_of, has_end
from jobtui.schedules.quiet_times import NO_QUIET_TIMES, QuietSpan, QuietTimes
from jobtui.schedules.schedule import Cron, Every, Once, Schedule

LIST_LIMIT = 200  # runs of each kind in a snapshot
SEARCHED_PER_HOLD = 5_000  # runs that may belong to removed jobs, of which few are cancelled
SEARCHES_PER_HOLD = 200  # jobs whose next ticks are searched for between two holds
SHIFTS_PER_HOLD = 200  # delayed runs that are adjusted to a step of the clock in one hold
DUE_PER_HOLD = 100  # jobs and runs that are processed in one hold of the state lock
MAX_ONE_OFF_JOBS = 1_000  # jobs of one-off runs; beyond it, a new one displaces an old one without live runs
ONE_OFF_JOBS_SEARCHED = 100  # of the oldest, for one without live runs
CLOCK_NOISE = 0.001  # seconds; the precision with which a step of the clock is measured
# A larger step back corrects a wrong clock (Debian cron's rule); 3 hours may be a change of the zone.
CLOCK_CORRECTION = 3 * 3600.0 + CLOCK_NOISE  # seconds

# Python 3.11 takes 0.1 us to look up a member of an enum.
_TICK, _RUNNING = Trigger.TICK, RunState.RUNNING

DONE_SHOWN = 86_400.0  # seconds for which a job that is DONE is shown
CATCH_UP_STEP = 0.5  # seconds between the jobs that begin to catch up after a user has agreed

_KEYED = (Cron, Every, Once)  # schedules of which equal keys mean equal ticks
ONE_OFF = "one-off"
LEFT_OUT = "left out by the user, after the scheduler had not been running"
STOPPED = "scheduler stopped"


def _with_hint(reason: str, run: RunRecord) -> str:
    """Return the reason of a run that ends because the scheduler stops."""
    return f"{reason}; it runs after the next start" if run.extras.durable else reason


def _do_nothing() -> None:
    """Stand for the runnables of one-off runs, each of which has its own."""


# What is due, after the ticks of jobs have been planned.
ReadyEntry = TickPlan | RunDue | PauseOver | RetryDue | LimitDue | JobLeaves | QuietChange

_ONE_OFF_POLICIES = JobPolicies(overlap=Overlap.ALLOW)


class Engine:
    """The state of a scheduler, and every change it can go through. Call with the state lock held.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone of the times in views and reasons.
        ledger: Stores the endings.
        abandoned: How many abandoned runs there may be.
        quiet: The times in which nothing starts.

    Attributes:
        jobs: Every job by its name, in the order of registration.
        one_off_jobs: The jobs of one-off runs by the name of their runnables. It may be read without the
            state lock.
        tz: The zone of the times in views and reasons.
        phase: The phase of the scheduler's life.
        closed: Whether the scheduler is stopping or has stopped, and accepts neither jobs nor runs.
        event_log: The events. Only the engine uses it, as the pool.
        pool: The runs.
        ledger: The endings of runs and ticks.
        quiet: The times in which nothing starts. It may be read without the state lock.
        store: The view of the store. It may be read without the state lock.
    """

    def __init__(
        self,
        *,
        pool: int,
        tz: tzinfo,
        ledger: Ledger,
        abandoned: int = MOST_ABANDONED,
        quiet: QuietTimes = NO_QUIET_TIMES,
    ) -> None:
        self.jobs: dict[str, JobRecord] = {}
        self.one_off_jobs: dict[str, JobRecord] = {}
        self.tz = tz
        self.phase = Phase.NEW
        self.closed = False
        self._stop_reason = STOPPED
        self._views = JobViews(self.jobs, tz)
        self.event_log = EventLog(tz, self._views.outdate)
        self._timer_queue: TimerQueue[DueEntry] = TimerQueue()
        self._limits = RunLimits(self._timer_queue)
        self.pool = Pool(pool, self.event_log, ledger, self._limits)
        self.pool.most_abandoned = abandoned
        self._overtime = Overtime(self.pool, self._limits, self.event_log)
        self.ledger = ledger
        self.quiet = quiet
        self._quiet_span: QuietSpan | None = None  # the present one, while the scheduler runs
        # Runs among which are the waiting runs of removed jobs, or of all jobs after `stop`.
        self._to_cancel: deque[RunRecord] = deque()
        # The run of the tick that is being processed, for each job with a plan that is being applied. After
        # an exception, it shows whether that tick has been processed.
        self._tick_runs: dict[JobRecord, RunRecord] = {}
        # The jobs whose next tick has to be found.
        self._searches: dict[JobRecord, Search] = {}
        # The steps of the clock, each with the runs that may have to be due earlier.
        self._shifts: deque[tuple[float, deque[RunRecord]]] = deque()
        self._name_numbers: dict[str, int] = {}  # for each name, the next number to try
        self._jobs_of_code: dict[Hashable, JobRecord] = {}  # by `JobRecord.registration_key`
        self._started: float | None = None
        self._heartbeat: float | None = None
        self._internal_error = ""
        self._recent_views: dict[int, RunView] = {}  # the endings in the latest snapshot
        self._histories: dict[str, JobHistory] = {}  # of jobs that are not registered yet
        self.store = StoreView()

    # --- life -------------------------------------------------------------------------------------

    def stand_by(self, now: float, reason: str) -> None:
        """Wait until another scheduler, which uses the same store, has ended.

        Args:
            now: The time.
            reason: The store and the process that uses it, in words.
        """
        self.phase = Phase.STANDBY
        self.event_log.emit(events.SchedulerStandingBy, now, reason)

    def start(
        self,
        now: float,
        catch_ups: Sequence[CatchUp] = (),
        planned_at: float | None = None,
        wait: float = 0.0,
    ) -> None:
        """Start the scheduler: let runs start, and have the next tick of each job searched for.

        Args:
            now: The time.
            catch_ups: The jobs that have missed ticks while no scheduler ran.
            planned_at: The instant up to which these were searched for; None for now.
            wait: For how many seconds they wait for `begin_catch_up`; then they begin in any case.
        """
        self.phase = Phase.RUNNING
        self.pool.accepting_starts = True
        self._started = self._heartbeat = now
        self._update_quiet(now)
        search = Search(now if planned_at is None else min(planned_at, now))
        self._searches = {job: search for job in self.jobs.values() if job.schedule is not None}
        for job in self._searches:
            job.leaves_at = None  # an earlier stop has removed its entry
            self._record_registered(job, now)
            if job.pause is not None and job.pause.until is not None:  # an earlier stop has removed its entry
                self._timer_queue.push(PauseOver(job), job.pause.until)
        for each in catch_ups:
            self._catch_up(each, now, wait)
        for job in self.jobs.values():
            self._run_at_start(job, now)
        self.event_log.emit(events.SchedulerStarted, now)

    def reopen(self, *, forget: bool) -> None:
        """Accept jobs and runs again after a stop. The scheduler is then as before its first start.

        Args:
            forget: Whether the jobs forget their counters, because a store is about to restore them.
        """
        for job in self.jobs.values() if forget else ():
            job.forget_history()
            self._views.outdate(job)
        self.closed = self.pool.stopping = False
        self._started = self._heartbeat = None
        self.phase = Phase.NEW  # last: if an exception comes before, this is done again

    def take_over(self, takeovers: Sequence[Takeover], now: float) -> None:
        """Let runs go on that were RETRYING in an earlier process, or end. Call this before the start.

        Args:
            takeovers: The fate of each of them.
            now: The time.
        """
        for each in takeovers:
            run = unpack_retrying(each.run, each.job)
            if each.state is RunState.RETRYING:
                at = self.event_log.format_time(each.retry_at)
                run.extras.retry_at = each.retry_at
                run.extras.reason = f"goes on after a restart; the next attempt is due at {at}"
                self.pool.take_over(run, now)
            else:
                self.pool.reject(run, now, each.state, each.reason)
                self.pool.effects.notices.append(
                    f"run {run.number} of {run.job.name} ends as {each.state.value}: {each.reason}"
                )
        self._schedule_retries(now)
        if self.pool.failing:
            self._pause_failing(now)

    def begin_catch_up(self, left_out: Mapping[str, CatchUp], now: float) -> None:
        """Let the jobs that wait begin to catch up, except some.

        Args:
            left_out: The jobs that do not, by name: their ticks are recorded as MISSED.
            now: The time.
        """
        waiting = [job for job in self.jobs.values() if job.begins_at is not None]
        for place, job in enumerate(waiting):
            due, begins_at = job.due, job.begins_at
            if due is not None and begins_at is not None:
                self._timer_queue.remove(JobDue(job), begins_at)
                job.begins_at = now + place * CATCH_UP_STEP
                self._timer_queue.push(JobDue(job), job.begins_at)
            catch_up = left_out.get(job.name)
            if catch_up is not None and due is not None:
                ticks = catch_up.caught_up
                self.pool.end_ticks(job, RunState.MISSED, LEFT_OUT, due=due, now=now, ticks=ticks)
                self._set_next(job, None)
                self._searches[job] = Search(now)

    def _run_at_start(self, job: JobRecord, now: float) -> None:
        """Request the run that a job has when the scheduler starts, if its policies ask for one."""
        if not job.policies.on_start or job.schedule is None or self._limit_reason(job):
            return
        first, last = job.policies.bounds(self.tz)
        if (first is not None and now < first.timestamp()) or (last is not None and now > last.timestamp()):
            return
        run = self.pool.new_run(job, Trigger.START, now, None, job.runnable.call)
        if job.is_paused_at(now) and job.pause is not None:
            self.pool.reject(run, now, RunState.SKIPPED, job.pause.describe(self.event_log.tz))
        else:
            self.pool.admit(run, now)

    def _catch_up(self, catch_up: CatchUp, now: float, wait: float) -> None:
        """Record the ticks that are left out, and have the others found as late ticks."""
        job = catch_up.job
        if catch_up.left_out:
            self.pool.end_ticks(
                job, RunState.MISSED, catch_up.reason, due=catch_up.first, now=now, ticks=catch_up.left_out
            )
        if catch_up.after is not None and job in self._searches:
            self._searches[job] = Search(catch_up.after)
            job.begins_at = now + wait + catch_up.delay

    def _record_registered(self, job: JobRecord, now: float) -> None:
        if self.pool.recording:
            self.pool.effects.registered.append((job.name, job.schedule_key, job.policies.overlap, now))

    def stop(self, now: float, reason: str = STOPPED) -> None:
        """Accept and start nothing from now on. Cancel waiting runs; `continue_work` cancels the rest.

        Args:
            now: The time.
            reason: The reason of the runs that are cancelled.
        """
        self._stop_reason = reason
        # Held runs first: when a queued run is cancelled, its job's next held run is queued.
        self._to_cancel.extend(self.pool.held.values())
        self._to_cancel.extend(self.pool.queue)
        self._to_cancel.extend(self.pool.scheduled.values())
        self._to_cancel.extend(self.pool.retrying.values())
        self.closed = True
        self.phase = Phase.STOPPING
        self.pool.accepting_starts = self.pool.quiet = False
        self.pool.stopping = True
        self.event_log.emit(events.SchedulerStopping, now)
        for job in self.jobs.values():
            job.due = job.quiet_until = None
            self._views.outdate(job)
        self._timer_queue.clear()
        self._quiet_span = None
        self._cancel_some(now)
        self._searches.clear()
        self._shifts.clear()

    def restore(self, histories: Mapping[str, JobHistory], last_number: int, now: float) -> int:
        """Go on with what the store knows from before this process.

        Args:
            histories: The history of each job, by name. Jobs that are not registered yet get theirs later.
            last_number: The number of the latest run; the next one gets a higher number.
            now: The time.

        Returns:
            How many runs have got their numbers before.
        """
        self._histories = dict(histories)
        for job in self.jobs.values():
            self._restore_job(job, now)
        before = self._last_number
        if before < last_number:
            next(islice(self.run_numbers, last_number - before - 1, None))
        return before

    def _restore_job(self, job: JobRecord, now: float) -> None:
        history = self._histories.pop(job.name, None)
        if history is None:
            return
        job.restore(history)
        self._views.outdate(job)
        if history.pause is not None and job.pause is None and job.schedule is not None:
            self._set_pause(job, history.pause if history.pause.covers(now) else None)

    def record_for_store(self) -> None:
        """Let the effects list what the store records, from now on, and the pauses until now."""
        self.pool.recording = True
        self.pool.reserve_numbers(self._last_number)
        if self.pool.size != self.pool.configured:
            self.pool.effects.sizes.append((self.pool.size, self.pool.configured))
        for job in self.jobs.values():
            if job.pause is not None:
                self._record_pause(job)

    def set_store(self, store: StoreView, now: float) -> None:
        """Set what is known of the store, for the snapshot."""
        changed, self.store = store.problem != self.store.problem, store
        if changed:
            self.event_log.emit(events.StoreChanged, now, store.problem)

    def abandon_running(self, now: float, reason: str) -> list[RunRecord]:
        """End every RUNNING run as CANCELLED, and return these runs. Their work may continue unrecorded."""
        abandoned = list(self.pool.running.values())
        for run in abandoned:
            self.pool.give_up(run, now, RunState.CANCELLED, _with_hint(reason, run))
        self.phase = Phase.STOPPED
        self.event_log.emit(events.SchedulerStopped, now)
        return abandoned

    def disable_after_fork(self) -> None:
        """Accept nothing and start nothing, because the scheduler runs in the parent process."""
        self.phase = Phase.STOPPED
        self.closed = True
        self.pool.accepting_starts = False

    # --- jobs -------------------------------------------------------------------------------------

    def add_job(
        self, job: JobRecord, now: float, *, planned: bool = False, replace: bool = False
    ) -> JobRecord:
        """Register a job, and return its record: if it replaces an earlier job, the record of that one.

        A name that the user gave is taken once. A name that is derived from the code gets the next free
        number (``name-2``). The same code with the same schedule replaces the job that has it already.

        Args:
            job: The job.
            now: The time.
            planned: Whether its next tick is known already.
            replace: Whether it replaces the job that has its name.

        Raises:
            ValueError: Another job has the name that the user gave.
            RuntimeError: The scheduler has stopped.
        """
        if self.closed:
            raise RuntimeError("the scheduler has stopped: it accepts no more jobs")
        earlier = self._earlier_job(job, replace=replace)
        if earlier is not None:
            self.change_job(earlier, job, now, planned=planned)
            return earlier
        group = self.jobs.get(job.name)
        if group is not None and group.schedule is None and job.schedule is not None:
            self._rename_one_off_job(group, job, now)
        else:
            job.name = self._free_name(job.name)
            self.jobs[job.name] = job
            self._views.outdate_all()
        self._jobs_of_code[job.registration_key] = job
        if self.phase is not Phase.RUNNING:
            job.due = None
        elif planned:
            self._set_next(job, job.due)
        elif job.schedule is not None:
            self._searches[job] = Search(now)
        self._restore_job(job, now)
        if self.phase is Phase.RUNNING and job.schedule is not None:
            self._record_registered(job, now)
        self.event_log.emit_job(events.JobAdded, job, now)
        if self.phase is Phase.RUNNING:
            self._check_done(job, now)
            self._run_at_start(job, now)
        return job

    def _earlier_job(self, job: JobRecord, *, replace: bool) -> JobRecord | None:
        """Return the job that a new one replaces; None if there is none."""
        earlier = self.jobs.get(job.name)
        if earlier is not None and earlier.schedule is not None:
            if replace:
                return earlier
            if job.is_named and earlier.registration_key != job.registration_key:
                raise ValueError(
                    f"there is a job {job.name!r} already, registered at {earlier.place or 'another place'}; "
                    f"the one at {job.place or 'this place'} needs another name, or replace=True"
                )
        if job.code_key is None:
            return None
        earlier = self._jobs_of_code.get(job.registration_key)
        if earlier is None:
            return None
        notice = f"{earlier.name}: the same job is registered again"
        if earlier.place != job.place:
            notice += f", at {job.place} after {earlier.place}"
        self.pool.effects.notices.append(f"{notice}; it replaces the first one")
        return earlier

    def change_job(self, job: JobRecord, new: JobRecord, now: float, *, planned: bool = False) -> None:
        """Give a job the code, the schedule and the policies of another record.

        It keeps its name, counters, history and pause. Runs that have begun end with the old code, and
        those that wait begin with the new one. An equal schedule keeps its next tick.

        Args:
            job: The job.
            new: A record that is not registered.
            now: The time.
            planned: Whether the next tick of the new schedule is known.
        """
        for run in self.pool.waiting_among(job):
            if run.job is job and run.call is job.runnable.call:
                run.call = new.runnable.call
        self._forget_code(job)
        is_keyed = type(new.schedule) in _KEYED and type(job.schedule) in _KEYED
        is_equal = is_keyed and new.schedule_key == job.schedule_key
        keeps_ticks = is_equal or new.schedule is job.schedule
        was_done = job.leaves_at is not None
        self._revive(job)
        job.runnable, job.policies, job.spec = new.runnable, new.policies, new.spec
        job.code_key, job.place = new.code_key, new.place
        self._views.outdate(job)
        if not keeps_ticks:
            job.schedule, job.schedule_key = new.schedule, new.schedule_key
            self._searches.pop(job, None)
            self._set_next(job, new.due if planned and self.phase is Phase.RUNNING else None)
            if not planned and self.phase is Phase.RUNNING:
                self._searches[job] = Search(now)
        elif was_done:
            self._searches[job] = Search(now)
        self._jobs_of_code[job.registration_key] = job
        if self.phase is Phase.RUNNING:
            self._record_registered(job, now)
            self._check_done(job, now)
        self.event_log.emit_job(events.JobChanged, job, now)

    def _check_done(self, job: JobRecord, now: float) -> None:
        """Let a job be DONE if it has run as often as it should, or its last tick has passed."""
        if job.removed or job.leaves_at is not None or self.phase is not Phase.RUNNING:
            return
        if job.is_exhausted:
            self._searches.pop(job, None)
            self._set_next(job, None)
        elif job.due is not None or job in self._searches or not has_end(job.schedule):
            return
        job.leaves_at = now + DONE_SHOWN
        self._views.outdate(job)
        self._timer_queue.push(JobLeaves(job), job.leaves_at)
        self.event_log.emit_job(events.JobChanged, job, now)

    def _revive(self, job: JobRecord) -> None:
        """Let a job that is DONE have ticks again."""
        if job.leaves_at is not None:
            self._timer_queue.remove(JobLeaves(job), job.leaves_at)
            job.leaves_at = None
            self._views.outdate(job)

    def _leave(self, job: JobRecord, now: float) -> None:
        """Remove a job that is DONE, unless it has runs."""
        if job.removed or job.leaves_at is None:
            return
        if job.busy or job.scheduled:
            job.leaves_at = now + DONE_SHOWN
            self._timer_queue.push(JobLeaves(job), job.leaves_at)
        else:
            self.remove_job(job, now)

    @staticmethod
    def _limit_reason(job: JobRecord) -> str:
        """Return why a tick starts no run, because enough runs have ended or are live; "" if it may."""
        times = job.policies.times
        live = job.running + job.queued + len(job.held) + len(job.retrying)
        if not times or job.runs + live < times:
            return ""
        return f"{job.runs} of {times} runs have ended" + (f", and {live} have not" if live else "")

    def _forget_code(self, job: JobRecord) -> None:
        if self._jobs_of_code.get(job.registration_key) is job:
            del self._jobs_of_code[job.registration_key]

    def remove_job(self, job: JobRecord, now: float) -> bool:
        """Remove a job and cancel its waiting runs. Return False if it was removed before.

        None of them starts. If there are many, `continue_work` cancels the rest. Running runs continue.
        """
        if self.jobs.get(job.name) is not job:
            return False
        self._to_cancel.extend(self.pool.waiting_among(job))
        if self.one_off_jobs.get(job.runnable.name) is job:
            del self.one_off_jobs[job.runnable.name]
        job.removed = True
        self._forget_code(job)
        del self.jobs[job.name]
        self._views.outdate_all()
        self._searches.pop(job, None)
        self._set_next(job, None)
        self._revive(job)
        if job.pause is not None and job.pause.until is not None:
            self._timer_queue.remove(PauseOver(job), job.pause.until)
        self._cancel_some(now)
        self.event_log.emit_job(events.JobRemoved, job, now)
        return True

    def pause_job(
        self, job: JobRecord, now: float, *, until: float | None = None, note: str = "", by: str = ""
    ) -> bool:
        """Let a job's ticks start no runs until it is resumed; it can still be run by hand.

        An end and a note are also set for a job that is paused already.

        Args:
            job: The job.
            now: The time.
            until: The end of the pause; None for no end, or for the one that it has.
            note: The reason, in the words of the user; "" for none, or for the one that it has.
            by: What pauses the job.

        Returns:
            Whether this has changed anything. False if the job is removed or has no schedule.
        """
        if job.removed or job.schedule is None:
            return False
        pause, before = Pause(now, until, note, by), job.pause
        if before is not None:
            if until is None and not note:
                return False
            end = before.until if until is None else until
            pause = Pause(before.since, end, note or before.note, by)
        self._set_pause(job, pause)
        self.event_log.emit_job(events.JobPaused, job, now)
        return True

    def resume_job(self, job: JobRecord, now: float) -> bool:
        """Let a paused job's ticks start runs again, from the next tick on.

        Return False if the job is not paused, or is removed.
        """
        if job.removed or job.pause is None:
            return False
        job.failures_in_row = 0
        self._set_pause(job, None)
        self.event_log.emit_job(events.JobResumed, job, now)
        return True

    def _set_pause(self, job: JobRecord, pause: Pause | None) -> None:
        before, job.pause = job.pause, pause
        self._views.outdate(job)
        if before is not None and before.until is not None:
            self._timer_queue.remove(PauseOver(job), before.until)
        if pause is not None and pause.until is not None:
            self._timer_queue.push(PauseOver(job), pause.until)
        self._record_pause(job)

    def _record_pause(self, job: JobRecord) -> None:
        if self.pool.recording:
            self.pool.effects.pauses.append((job.name, job.pause))

    def _end_pause(self, job: JobRecord, now: float) -> None:
        """Resume a job if its pause is over."""
        pause = job.pause
        if pause is None or pause.until is None:
            return
        if pause.covers(now):  # its end has changed, or the clock
            self._timer_queue.push(PauseOver(job), pause.until)
        else:
            self.resume_job(job, now)

    def set_quiet(self, quiet: QuietTimes, now: float) -> None:
        """Set the times in which nothing starts."""
        self.quiet = quiet
        for job in self.jobs.values():
            job.quiet_until = None if job.due is None else quiet.end_at(job.due)
            self._views.outdate(job)
        if self.phase is Phase.RUNNING:
            self._update_quiet(now)

    def _update_quiet(self, now: float) -> None:
        """Note whether it is a quiet time now, and let the timer queue know when that changes."""
        before = self._quiet_span
        if before is not None:
            self._timer_queue.remove(QuietChange(), before.end)
        span = self._quiet_span = self.quiet.span_at(now)
        self.pool.quiet = span.is_quiet
        if span.end < inf:
            self._timer_queue.push(QuietChange(), span.end)
        if span.is_quiet is not (before is not None and before.is_quiet):
            self.event_log.emit(events.QuietTimeChanged, now, span.end if span.is_quiet else None)

    @property
    def _quiet_until(self) -> datetime | None:
        """The end of the present quiet time; None if it is not quiet."""
        span = self._quiet_span
        return datetime.fromtimestamp(span.end, self.tz) if span is not None and span.is_quiet else None

    def _skip_quiet(self, job: JobRecord, groups: Iterable[QuietTicks], now: float) -> None:
        """Record ticks that start no run because of quiet times."""
        for first, ticks, until in groups:
            reason = f"quiet until {datetime.fromtimestamp(until, self.tz):%Y-%m-%d %H:%M:%S}"
            state = RunState.SKIPPED
            self.pool.end_ticks(job, state, reason, due=first, now=now, ticks=ticks, logged=False)

    def _pause_failing(self, now: float) -> None:
        """Pause the jobs that have failed too often in a row."""
        while self.pool.failing:
            job = self.pool.failing.pop()
            if job.pause is None:
                note = "1 failure" if job.failures_in_row == 1 else f"{job.failures_in_row} failures in a row"
                self.pause_job(job, now, note=note, by="pause_after")
                self.pool.effects.notices.append(f"{job.name} is paused after {note}")

    def one_off_job(self, runnable: Runnable, now: float) -> JobRecord:
        """Return the job for the one-off runs of all runnables of that name; register it on first use."""
        job = self.one_off_jobs.get(runnable.name)
        if job is None:
            self._drop_idle_one_off_job(now)
            # Without the runnable itself: a closure may hold large objects.
            group = Runnable(_do_nothing, runnable.name, runnable.describe())
            job = JobRecord(runnable.name, group, None, spec=ONE_OFF, policies=_ONE_OFF_POLICIES)
            self.one_off_jobs[runnable.name] = job
            self.add_job(job, now)
        return job

    def _drop_idle_one_off_job(self, now: float) -> None:
        """If there are `MAX_ONE_OFF_JOBS`, remove one of the oldest that has no live run."""
        if len(self.one_off_jobs) >= MAX_ONE_OFF_JOBS:
            oldest = islice(self.one_off_jobs.values(), ONE_OFF_JOBS_SEARCHED)
            idle = next((job for job in oldest if not job.busy and not job.scheduled), None)
            if idle is not None:
                self.remove_job(idle, now)

    def _rename_one_off_job(self, group: JobRecord, job: JobRecord, now: float) -> None:
        """Give the name of one-off runs to a job with a schedule: it gets that name in either order.

        The runs that have ended keep the name that they had.
        """
        self.event_log.emit_job(events.JobRemoved, group, now)
        del self.jobs[group.name]
        self.jobs[job.name] = job
        group.name = self._free_name(job.name)
        self._views.outdate(group)
        self.jobs[group.name] = group
        self._views.outdate_all()
        self.event_log.emit_job(events.JobAdded, group, now)

    def _free_name(self, name: str) -> str:
        if name not in self.jobs:
            return name
        number = self._name_numbers.get(name, 2)
        while f"{name}-{number}" in self.jobs:
            number += 1
        self._name_numbers[name] = number + 1  # not from 2 each time: many jobs may share a function
        return f"{name}-{number}"

    # --- runs -------------------------------------------------------------------------------------

    def admit_one_off(self, run: RunRecord) -> None:
        """Admit a run of a one-off job that was requested without the state lock, unless it has been."""
        if run.number in self.pool.live or run.ended is not None:
            return
        if run.job.removed:  # since the request, which has been accepted
            run.job = self.one_off_job(run.job.runnable, run.created)
        if self.closed:  # since the request
            self.pool.reject(run, run.created, RunState.CANCELLED, STOPPED)
        else:
            self.pool.admit(run, run.created)

    def submit(
        self, job: JobRecord, trigger: Trigger, now: float, call: Call | None = None, arguments: str = ""
    ) -> RunRecord:
        """Request a run now, and return it. The overlap policy applies as for a tick.

        By hand and without other arguments, a RETRYING run of the job is tried again at once instead.
        """
        by_hand = trigger is Trigger.HAND
        if by_hand and call is None and (retried := job.next_retry) is not None:
            self._forget_due(retried)
            retried.ensure_extras().at_once = True
            self.pool.queue_retry(retried, now)
            return retried
        run = self.pool.new_run(job, trigger, now, None, call or job.runnable.call, arguments)
        if by_hand and self.pool.quiet:
            run.ensure_extras().at_once = True
        self.pool.admit(run, now)
        return run

    def submit_later(  # noqa: PLR0917 - as `Pool.new_run`
        self,
        job: JobRecord,
        trigger: Trigger,
        due: float,
        now: float,
        call: Call | None = None,
        arguments: str = "",
    ) -> RunRecord:
        """Request a run at an instant, and return it. `apply_due` admits it, even if it is due already."""
        run = self.pool.new_run(job, trigger, now, due, call or job.runnable.call, arguments)
        self.pool.add_scheduled(run, now)
        self._timer_queue.push(RunDue(run), due)
        return run

    def admit_durable(
        self,
        runnable: Runnable,
        trigger: Trigger,
        *,
        number: int,
        attempt: int,
        created: float,
        due: float | None,
        now: float,
        missed: str = "",
    ) -> RunRecord:
        """Admit a run whose request is in the store, and return it.

        Args:
            runnable: Makes the call.
            trigger: The trigger.
            number: The number of the run, which is unique.
            attempt: Which execution of the request it is.
            created: When it was requested.
            due: When it is due; None for at once.
            now: The time.
            missed: Why it ends as MISSED instead; "" if it does not.
        """
        job = self.one_off_jobs.get(runnable.name)
        if job is None and not self.closed:
            job = self.one_off_job(runnable, now)
        if job is None:  # stopped since the request: a job that is not registered
            job = JobRecord(runnable.name, runnable, None, spec=ONE_OFF, policies=_ONE_OFF_POLICIES)
        run = RunRecord(number, job, trigger, runnable.call, created, now, due)
        extras = run.ensure_extras()
        extras.attempt, extras.arguments, extras.durable = attempt, runnable.arguments, True
        if self.closed:
            self.pool.reject(run, now, RunState.CANCELLED, _with_hint(STOPPED, run))
        elif missed:
            self.pool.reject(run, now, RunState.MISSED, missed)
        elif due is not None:
            self.pool.add_scheduled(run, now)
            self._timer_queue.push(RunDue(run), due)
        else:
            self.pool.admit(run, now)
        return run

    def cancel(self, run: RunRecord, now: float, reason: str) -> Cancellation:
        """Cancel a waiting run, or ask a RUNNING one to stop."""
        self._forget_due(run)
        return self.pool.cancel(run, now, reason)

    def continue_work(self, now: float) -> bool:
        """Do a part of the long work that earlier changes have left. Return whether there is more of it."""
        if self._to_cancel:
            self._cancel_some(now)
        elif self._shifts:
            self._shift_some()
        return bool(self._to_cancel or self._shifts)

    def _cancel_some(self, now: float) -> None:
        """Cancel some of the waiting runs of removed jobs, or of all jobs after `stop`."""
        to_cancel, last = self._to_cancel, len(self.pool.effects.ended) + CANCELS_PER_HOLD
        for _ in range(min(len(to_cancel), SEARCHED_PER_HOLD)):
            run = to_cancel[0]
            if run.job.removed and run.state is not _RUNNING:
                self.cancel(run, now, REMOVED)
            elif self.closed and run.state is not _RUNNING:
                self._cancel_for_stop(run, now)
            to_cancel.popleft()  # last of all, in case that an exception interrupts this
            if len(self.pool.effects.ended) >= last:
                break

    def _cancel_for_stop(self, run: RunRecord, now: float) -> None:
        """Cancel a waiting run because the scheduler stops. The store keeps one that is tried again."""
        reason = _with_hint(self._stop_reason, run)
        if self.pool.goes_on(run):
            run.extras.goes_on = True
            reason += "; it is tried again after the next start"
        self.cancel(run, now, reason)

    def _forget_due(self, run: RunRecord) -> None:
        """Take a run out of the timer queue, if it is there."""
        if run.state is RunState.SCHEDULED and run.due is not None:
            self._timer_queue.remove(RunDue(run), run.due)
        elif run.extras.retry_at is not None:
            self._timer_queue.remove(RetryDue(run), run.extras.retry_at)

    def resize(self, size: int, now: float) -> None:
        """Change the pool's size. A smaller size ends no run, but starts none until there is a free slot.

        Before the start, it is the size that is configured; from then on, it is set by hand.
        """
        if self.phase is Phase.NEW:
            self.pool.configured = size
        if size != self.pool.size:
            self.pool.resize(size)
            self.event_log.emit(events.PoolResized, now, size)
            if self.pool.recording:
                self.pool.effects.sizes.append((size, self.pool.configured))

    def restore_pool(self, size: int, configured: int, now: float) -> None:
        """Set the size that was set by hand before a restart, unless another one is configured since.

        Args:
            size: The size that was set by hand.
            configured: The size that was configured then.
            now: The time.
        """
        pool = self.pool
        if pool.size != pool.configured:  # it was set by hand in this process, too
            return
        if configured != pool.configured:
            shown = pool.configured or "without limit"
            self.pool.effects.notices.append(
                f"pool {shown}: the settings have changed since it was set to {size or 'no limit'} by hand"
            )
            pool.effects.sizes.append((pool.size, pool.configured))
            return
        pool.resize(size)
        self.event_log.emit(events.PoolResized, now, size)
        text = f"pool {size or 'without limit'}, set by hand; the settings say {configured or 'no limit'}"
        pool.effects.notices.append(text)

    def is_running(self, run: RunRecord) -> bool:
        """Return whether a run, which may be of another scheduler, is RUNNING in this one."""
        return self.pool.running.get(run.number) is run

    def find_run(self, number: int) -> RunRecord | None:
        """Return the waiting or RUNNING run with a number; None if there is none."""
        return self.pool.live.get(number)

    @property
    def overtime_problem(self) -> str:
        """The reason why no run is abandoned any more; "" if that is possible.

        It may be read without the state lock.
        """
        return self._overtime.problem

    def find_working(self, number: int) -> RunRecord | None:
        """Return the run with a number whose work goes on: RUNNING, or abandoned; None if there is none."""
        run = self.pool.running.get(number)
        return self.pool.abandoned.get(number) if run is None else run

    def has_numbered(self, number: int) -> bool:
        """Return whether a run has got a number, however long ago it has ended."""
        return 1 <= number <= self._last_number

    @property
    def _last_number(self) -> int:
        # A counter shows its next number only in its text. A counter with an attribute would be slower.
        return int(repr(self.run_numbers).removeprefix("count(").removesuffix(")")) - 1

    def live_runs(self) -> list[list[RunRecord]]:
        """Return the RUNNING, QUEUED and HELD runs in their order, and RETRYING and SCHEDULED ones in any."""
        pool = self.pool
        groups = pool.running.values(), pool.queued_runs(), pool.held.values(), pool.retrying.values()
        return [list(group) for group in (*groups, pool.scheduled.values())]

    # --- the work of runs -------------------------------------------------------------------------

    @property
    def run_numbers(self) -> Iterator[int]:
        """Yields the next run's number. It may be used without the state lock."""
        return self.pool.run_numbers

    @property
    def running(self) -> list[RunRecord]:
        """The RUNNING runs, oldest first."""
        return list(self.pool.running.values())

    @property
    def running_count(self) -> int:
        """The number of RUNNING runs. It may be read without the state lock."""
        return len(self.pool.running)

    @property
    def oldest_batch_taken(self) -> float | None:
        """When the oldest batch of several runs was taken, in seconds since the epoch; None without one."""
        batches = self.pool.batches
        return batches[0].taken if batches else None

    def can_start(self) -> bool:
        """Return whether there is a run for a worker. It may be called without the state lock."""
        return self.pool.can_start()

    def start_batch(self, batch: Batch, worker: str, at_most: int) -> bool:
        """Start runs for a worker; see `Pool.start`."""
        return self.pool.start(batch, worker, at_most)

    def start_coroutines(self, batch: Batch, at_most: int) -> bool:
        """Start runs for the event loop; see `Pool.start_coroutines`."""
        return self.pool.start_coroutines(batch, at_most)

    def finish_batch(self, batch: Batch | None, endings: Sequence[WorkEnded], now: float) -> None:
        """Record the endings that a worker hands in. What it has not begun of its batch is left to others."""
        if batch is not None and len(batch.runs) > 1:
            self.pool.leave_pending(batch)
            self.pool.finish(endings, now, batch.taken)
        else:
            self.pool.finish(endings, now)
        if self.pool.failing:
            self._pause_failing(now)
        while self.pool.exhausted:
            self._check_done(self.pool.exhausted.pop(), now)
        if self.pool.new_retries:
            self._schedule_retries(now)

    def may_retry(self, run: RunRecord) -> bool:
        """Return whether a RUNNING run may be tried again if it fails; see `Pool.may_retry`."""
        return self.pool.may_retry(run)

    def _schedule_retries(self, now: float) -> None:
        """Let the timer queue know when RETRYING runs are due. While the scheduler stops, cancel them."""
        while self.pool.new_retries:
            run = self.pool.new_retries.pop()
            if self.closed and run.state is RunState.RETRYING:
                self._cancel_for_stop(run, now)
            elif run.extras.retry_at is not None:
                self._timer_queue.push(RetryDue(run), run.extras.retry_at)

    def leave_stuck_batches(self, now: float, seconds: float) -> None:
        """Leave the rest of each batch to other workers that was not taken within so many seconds."""
        for batch in list(self.pool.batches):
            if not 0 <= now - batch.taken < seconds:
                self.pool.leave_pending(batch)

    def runs_of_worker(self, batch: Batch, worker: str) -> list[RunRecord]:
        """Return the runs of a batch that its worker executes, or has to: it has not left them to others."""
        left = self.pool.orphaned
        abandoned = self.pool.abandoned
        running = [run for run in batch.runs if run.state is _RUNNING or run.number in abandoned]
        return [run for run in running if run.worker == worker and run not in left]

    def give_up(self, run: RunRecord, now: float, state: RunState, reason: str) -> None:
        """End a RUNNING run whose work may go on, but is no longer recorded."""
        self.pool.give_up(run, now, state, reason)

    @property
    def effects(self) -> Effects:
        """The work that the changes leave to be done, since `reset_effects` was called."""
        return self.pool.effects

    def reset_effects(self) -> None:
        """Start with empty effects, after the caller has put the present ones somewhere else."""
        self.pool.effects = Effects()

    # --- events -----------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """The number of the latest event. It may be read without the state lock."""
        return self.event_log.seq

    def set_reader_count(self, readers: int) -> None:
        """Set how many readers of events there are; see `EventLog.set_reader_count`."""
        self.event_log.set_reader_count(readers)

    def events_lost_since(self, seq: int) -> int:
        """Return how many of the events after the event number ``seq`` have dropped out of the buffer."""
        return self.event_log.lost_since(seq)

    def events_since(self, seq: int) -> EventBatch:
        """Return the buffered events after the event number ``seq``."""
        return self.event_log.since(seq)

    def drain_events_since(self, seq: int) -> EventBatch:
        """Return the buffered events after ``seq`` to a reader that will not ask for them again."""
        return self.event_log.drain_since(seq)

    # --- time -------------------------------------------------------------------------------------

    @property
    def next_due(self) -> float | None:
        """The instant at which something is due next, in seconds since the epoch; None for never."""
        return 0.0 if self.has_unfinished_work else self._timer_queue.next_instant

    @property
    def has_unfinished_work(self) -> bool:
        """Whether changes have left long work: `continue_work`, or searches for next ticks.

        It may be read without the state lock.
        """
        return bool(self._to_cancel or self._searches or self._shifts)

    def has_ticks(self) -> bool:
        """Return whether a job is due at some time, or may be."""
        return self.has_unfinished_work or any(job.due is not None for job in self.jobs.values())

    def has_live_runs(self) -> bool:
        """Return whether a run waits or is RUNNING."""
        return bool(self.pool.live)

    def pop_due(self, now: float) -> list[DueEntry]:
        """Return the first entries that are due, in order: plan the ticks of jobs, then call `apply_due`."""
        self._heartbeat = now
        return self._timer_queue.pop_due(now, DUE_PER_HOLD)

    def repair(self, now: float) -> None:
        """Make the state whole again after an exception has interrupted a change, or what the timer does.

        The records are the truth; all queues and counters are made again from them.
        """
        self.pool.repair(now)
        self._to_cancel.extend(self.pool.live.values())
        self._timer_queue.clear()
        for job in self.jobs.values():
            if job.due is not None:
                self._timer_queue.push(JobDue(job), job.begins_at or job.due)
            if job.pause is not None and job.pause.until is not None:
                self._timer_queue.push(PauseOver(job), job.pause.until)
            if job.leaves_at is not None:
                self._timer_queue.push(JobLeaves(job), job.leaves_at)
        for run in self.pool.scheduled.values():
            if run.due is not None:
                self._timer_queue.push(RunDue(run), run.due)
        for run in self.pool.running.values():
            self._limits.restore(run)
        self.pool.new_retries.extend(self.pool.retrying.values())
        self._schedule_retries(now)
        if self._quiet_span is not None:
            self._update_quiet(now)

    def apply_due(self, entries: Sequence[ReadyEntry], now: float) -> None:
        """Start the ticks of plans, admit scheduled runs, queue retries, end pauses and act on limits."""
        for entry in entries:
            match entry:
                case TickPlan():
                    self._apply_plan(entry, now)
                case PauseOver():
                    self._end_pause(entry.job, now)
                case JobLeaves():
                    self._leave(entry.job, now)
                case _ if self.closed:  # the runs will be cancelled
                    pass
                case LimitDue():
                    self._overtime.apply(entry, now)
                case QuietChange():
                    self._update_quiet(now)
                case RunDue() | RetryDue():
                    self._apply_run_due(entry, now)

    def _apply_run_due(self, entry: RunDue | RetryDue, now: float) -> None:
        """Admit a scheduled run, or queue the next attempt of one."""
        run = entry.run
        if run.job.removed:  # it will be cancelled
            return
        if run.state is RunState.SCHEDULED and isinstance(entry, RunDue):
            self.pool.release_scheduled(run, now)
        elif run.state is RunState.RETRYING and isinstance(entry, RetryDue):
            self.pool.queue_retry(run, now)

    def apply_clock_step(self, seconds: float, now: float) -> None:
        """Adjust the due times after the wall clock was set forward, or back if ``seconds`` is negative.

        Intervals and delays keep the time that they had left, because they count elapsed time. An interval
        with a given start names instants of the wall clock, so it keeps them if the clock is set forward,
        and follows the new time if it is set back. Cron ticks keep their instant, so that a repeated hour
        does not repeat them, except after a correction of hours. The step is noticed only at a wake, so ticks
        that were due before that are due now.
        """
        if self.phase is not Phase.RUNNING:
            return
        assert self._heartbeat is not None  # set by `start`
        # The previous wake, by the new clock: ticks up to that instant have been processed.
        processed = min(now, self._heartbeat + seconds + CLOCK_NOISE)
        for job in self.jobs.values():
            if job.begins_at is not None and job.due is not None:
                self._timer_queue.remove(JobDue(job), job.begins_at)
                job.begins_at += seconds
                self._timer_queue.push(JobDue(job), job.begins_at)
            pending = self._searches.get(job)
            if pending is not None:
                self._searches[job] = Search(processed, pending.step + seconds if pending.step else 0.0)
            elif self._is_moved_by(seconds, job.schedule):
                self._searches[job] = Search(processed, seconds)
        self._update_quiet(now)
        limited = [run for run in self.pool.running.values() if run.extras.limit is not None]
        moved = chain(self.pool.scheduled.values(), self.pool.retrying.values(), limited)
        self._shifts.append((seconds, deque(moved)))
        self.event_log.emit(events.ClockStepped, now, seconds)

    @staticmethod
    def _is_moved_by(seconds: float, schedule: Schedule | None) -> bool:
        """Return whether the next tick of a schedule has to be searched for after a step of the clock."""
        base = base_of(schedule)
        if isinstance(base, Every):
            return seconds < 0 or not base.first_at_start
        return schedule is not None and seconds < -CLOCK_CORRECTION

    def report_internal_error(self, error: str, now: float) -> None:
        """Record an exception inside the scheduler, for the snapshot and the events."""
        self._internal_error = error
        self.event_log.emit(events.InternalError, now, error)

    def _report_schedule_error(self, error: str, now: float) -> None:
        self.report_internal_error(error, now)
        self.pool.effects.errors.append(error)

    def searches(self) -> list[tuple[JobRecord, Search]]:
        """Return some of the jobs whose next tick has to be found, for `apply_next_ticks`.

        The search is made without the state lock: a schedule or a zone may be the user's code.
        """
        return list(islice(self._searches.items(), SEARCHES_PER_HOLD))

    def apply_next_ticks(self, found: Sequence[NextTick], now: float) -> None:
        """Let jobs be due at their next ticks."""
        for each in found:
            job = each.job
            if self._searches.get(job) is not each.search or job.due != each.previous:
                continue  # another thread has applied it, or the job has changed and is searched again
            if each.error:
                self._report_schedule_error(each.error, now)
            job.schedule = each.schedule
            if each.due is not None:
                self._revive(job)
            self._set_next(job, each.due)
            del self._searches[job]
            self._check_done(job, now)

    def _shift_some(self) -> None:
        """Let some of the runs keep the time that they had left before the clock was set."""
        seconds, runs = self._shifts[0]
        for _ in range(min(len(runs), SHIFTS_PER_HOLD)):
            run = runs.popleft()
            if run.state is RunState.SCHEDULED and run.trigger is Trigger.IN and run.due is not None:
                before, run.due = run.due, run.due + seconds
                run.cached_view = None
                self._timer_queue.push(RunDue(run), run.due)
                self._timer_queue.remove(RunDue(run), before)
            elif run.state is _RUNNING:
                self._limits.shift(run, seconds)
            elif run.state is RunState.RETRYING and run.extras.retry_at is not None:
                before = run.extras.retry_at
                run.extras.retry_at = before + seconds
                run.cached_view = None
                self._views.outdate(run.job)
                self._timer_queue.push(RetryDue(run), before + seconds)
                self._timer_queue.remove(RetryDue(run), before)
        if not runs:
            self._shifts.popleft()

    def _set_next(self, job: JobRecord, due: float | None) -> None:
        if job.due is not None:
            self._timer_queue.remove(JobDue(job), job.begins_at or job.due)
            job.begins_at = None  # it has begun to catch up, or its schedule has changed
        job.due = due
        job.quiet_until = None if due is None else self.quiet.end_at(due)
        self._views.outdate(job)
        self._tick_runs.pop(job, None)
        if due is not None:
            self._timer_queue.push(JobDue(job), job.begins_at or due)

    # --- ticks ------------------------------------------------------------------------------------

    def _apply_plan(self, plan: TickPlan, now: float) -> None:
        """Process the one or more ticks of a job that is due, as its policies say."""
        job, due = plan.job, plan.due
        if job.removed or job.due != due or self.phase is not Phase.RUNNING:  # it has changed in the meantime
            return
        if job.schedule is not plan.schedule:  # the new one may be due at the same instant
            self._timer_queue.push(JobDue(job), job.begins_at or due)
            return
        if job.pause is not None and not job.pause.covers(due):
            self._end_pause(job, now)
        if plan.error:
            self._report_schedule_error(plan.error, now)
        elif any(plan.claims.values()):
            self._apply_claimed(plan, now)
        elif plan.instants is not None and job.pause is None:
            self._timer_queue.remove(JobDue(job), job.begins_at or due)  # `repair` may have put it back
            for instant in plan.instants:
                job.due = instant
                self._run_for_tick(job, instant, now)
            self._end_missed(plan, now)
        else:
            self._apply_ticks(plan, now, plan.ticks if plan.instants is None else len(plan.instants))
        self._skip_quiet(job, plan.quiet_ticks, now)
        # Last of all: after an exception, the ticks that have not been processed are due again.
        if plan.is_last:
            self._set_next(job, plan.next_due)
            if plan.next_due is None:
                self._check_done(job, now)
        else:
            job.due = plan.next_due

    def _apply_claimed(self, plan: TickPlan, now: float) -> None:
        """Process the ticks that this process has claimed, and record the others as SKIPPED."""
        others: dict[int, list[float]] = {}
        for instant, pid in plan.claims.items():
            others.setdefault(pid, []).append(instant)
        own = others.pop(0, [])
        for pid, instants in others.items():
            reason = f"process {pid} has claimed this tick in the store"
            count = len(instants)
            self.pool.end_ticks(
                plan.job, RunState.SKIPPED, reason, due=instants[0], now=now, ticks=count, logged=False
            )
        if own and plan.instants is None:
            self._apply_ticks(replace(plan, due=own[0]), now, len(own))
        elif plan.instants is not None:
            for instant in own:
                self._run_for_tick(plan.job, instant, now)
            self._end_missed(plan, now)

    def _end_missed(self, plan: TickPlan, now: float) -> None:
        """Record the ticks beyond those of a plan that start a run each."""
        if plan.missed and plan.instants:
            reason = f"the rest of more than {TICK_LIMIT} missed ticks"
            first = plan.instants[-1]
            self.pool.end_ticks(plan.job, RunState.MISSED, reason, due=first, now=now, ticks=plan.missed)

    def _apply_ticks(self, plan: TickPlan, now: float, ticks: int) -> None:
        """Start one run for ticks, or none, as the misfire policy says."""
        job, due = plan.job, plan.due
        if job.pause is not None:
            reason = job.pause.describe(self.event_log.tz)
            self.pool.end_ticks(job, RunState.SKIPPED, reason, due=due, now=now, ticks=ticks)
        elif plan.quiet_until is not None:
            self._skip_quiet(job, [QuietTicks(due, ticks, plan.quiet_until)], now)
        elif plan.is_late:
            reason = f"noticed at {self.event_log.format_time(now)}, {now - due:.1f} s late"
            self.pool.end_ticks(job, RunState.MISSED, reason, due=due, now=now, ticks=ticks)
        else:
            run = self._run_for_tick(job, due, now, ticks)
            if run is not None and ticks > 1:
                count = f"more than {plan.limit}" if ticks > plan.limit else str(ticks)
                first = self.event_log.format_time(due)
                reason = f"{count} ticks since {first} were missed; run {run.number} covers them all"
                self.pool.end_ticks(job, RunState.COALESCED, reason, due=due, now=now, ticks=ticks - 1)

    def _run_for_tick(self, job: JobRecord, due: float, now: float, ticks: int = 1) -> RunRecord | None:
        """Start a run for a tick, or skip ``ticks`` ticks."""
        run = self._tick_runs.get(job)
        if run is None or run.due != due:
            reason = self._limit_reason(job) if job.policies.times else ""
            reason = reason or (self.pool.rejection_reason(job, _TICK) if job.busy else "")
            if reason:
                self.pool.end_ticks(job, RunState.SKIPPED, reason, due=due, now=now, ticks=ticks)
                return None
            run = self._tick_runs[job] = self.pool.new_run(job, _TICK, now, due, job.runnable.call)
        if run.number not in self.pool.live and run.ended is None:
            self.pool.admit(run, now)
        return run

    # --- views ------------------------------------------------------------------------------------

    def recent_runs(self, job: JobRecord) -> tuple[RunView, ...]:
        """Return the latest endings of a job, newest first, at most 20."""
        with_errors = [self.ledger.get(entry[NUMBER]) or entry for entry in reversed(job.recent)]
        return tuple([packed_view(entry, self.event_log.tz) for entry in with_errors])

    def changed_jobs(self) -> list[JobRecord]:
        """Return the jobs that have changed since their views were built."""
        return self._views.outdated()

    def build_views(self, jobs: Iterable[JobRecord]) -> None:
        """Build the views of jobs for the next snapshot."""
        for job in jobs:
            if not job.removed:
                job.view(self.event_log.tz)

    def pool_view(self) -> PoolView:
        """Return the current view of the pool."""
        return self.pool.view()

    def snapshot(self, now: float) -> Snapshot:
        """Return the current view of the whole scheduler."""
        tz, pool = self.event_log.tz, self.pool
        retrying = nsmallest(LIST_LIMIT, pool.retrying.values(), key=lambda run: run.extras.retry_at or 0.0)
        waiting = islice(chain(pool.queued_runs(), pool.held.values(), retrying), LIST_LIMIT)
        scheduled = nsmallest(LIST_LIMIT, pool.scheduled.values(), key=lambda run: (run.due, run.number))
        return Snapshot(
            seq=self.event_log.seq,
            at=datetime.fromtimestamp(now, tz),
            zone=tz,
            phase=self.phase,
            started=None if self._started is None else datetime.fromtimestamp(self._started, tz),
            heartbeat=None if self._heartbeat is None else datetime.fromtimestamp(self._heartbeat, tz),
            internal_error=self._internal_error,
            pool=pool.view(),
            jobs=self._views.current(),
            running=tuple(run.view(tz) for run in islice(pool.running.values(), LIST_LIMIT)),
            waiting=tuple(run.view(tz) for run in waiting),
            scheduled=tuple(run.view(tz) for run in scheduled),
            recent=self._recent(),
            store=self.store,
            abandoned=tuple(run.view(tz) for run in islice(pool.abandoned.values(), LIST_LIMIT)),
            quiet=tuple([each.text for each in self.quiet.times]),
            quiet_until=self._quiet_until,
        )

    def _recent(self) -> tuple[RunView, ...]:
        """Return the latest endings, newest first; the views of the last snapshot are used again."""
        tz, known = self.event_log.tz, self._recent_views
        views = [
            known.get(entry[NUMBER]) or packed_view(entry, tz) for entry in self.ledger.latest(LIST_LIMIT)
        ]
        self._recent_views = {view.number: view for view in views if view.number}
        return tuple(views)
