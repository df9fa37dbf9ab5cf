"""The state machine of a scheduler. It has no threads, no clock and no I/O.

The engine owns the whole state of the scheduler: the jobs, the timer queue, and in its pool the runs. Its
methods take the time as ``now``, in seconds since the epoch, and change the state, but start nothing and
block on nothing. The kernel calls them with the state lock held. For what concerns only runs, such as
starting the next one, the kernel calls the pool directly; what remains to be done after the lock, it finds
in the pool's effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from heapq import nsmallest
from itertools import chain, islice

from jobtui.engine import events
from jobtui.engine.batch import Batch, WorkEnded
from jobtui.engine.catch_up import CatchUp
from jobtui.engine.clock_steps import CLOCK_NOISE, ClockSteps, is_moved_by
from jobtui.engine.effects import Effects
from jobtui.engine.enums import Cancellation, Overlap, Phase, RunState, Trigger
from jobtui.engine.event_log import EventBatch, EventLog
from jobtui.engine.job_policies import JobPolicies
from jobtui.engine.job_register import JobRegister
from jobtui.engine.job_views import JobViews
from jobtui.engine.ledger import Ledger
from jobtui.engine.overtime import Overtime
from jobtui.engine.pauses import Pauses
from jobtui.engine.pool import MOST_ABANDONED, Pool
from jobtui.engine.quiet_state import QuietState
from jobtui.engine.records import (
    NUMBER,
    Call,
    JobHistory,
    JobRecord,
    LatestProgress,
    RunRecord,
    packed_view,
    unpack_retrying,
)
from jobtui.engine.run_limits import RunLimits
from jobtui.engine.runnables import Runnable
from jobtui.engine.sliced_cancels import STOPPED, SlicedCancels, stop_reason
from jobtui.engine.takeover import Takeover
from jobtui.engine.tick_runs import TickRuns, limit_reason
from jobtui.engine.tick_search import TickSearch
from jobtui.engine.ticks import NextTick, Search, TickPlan
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
from jobtui.schedules.quiet_times import NO_QUIET_TIMES, QuietTimes
from jobtui.schedules.schedule import Cron, Every, Once

LIST_LIMIT = 200  # runs of each kind in a snapshot
DUE_PER_HOLD = 100  # jobs and runs that are processed in one hold of the state lock

# Python 3.11 takes 0.1 us to look up a member of an enum.
_TICK, _RUNNING = Trigger.TICK, RunState.RUNNING

CATCH_UP_STEP = 0.5  # seconds between the jobs that begin to catch up after a user has agreed

_KEYED = (Cron, Every, Once)  # schedules of which equal keys mean equal ticks
ONE_OFF = "one-off"
LEFT_OUT = "left out by the user, after the scheduler had not been running"


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
        self._register = JobRegister()
        self.jobs = self._register.jobs
        self.one_off_jobs = self._register.one_off_jobs
        self.tz = tz
        self.phase = Phase.NEW
        self.closed = False
        self._views = JobViews(self.jobs, tz)
        self.event_log = EventLog(tz, self._views.outdate)
        self._timer_queue: TimerQueue[DueEntry] = TimerQueue()
        self._limits = RunLimits(self._timer_queue)
        self.pool = Pool(pool, self.event_log, ledger, self._limits)
        self.pool.most_abandoned = abandoned
        self._overtime = Overtime(self.pool, self._limits, self.event_log)
        self.ledger = ledger
        self._quiet = QuietState(quiet, self._timer_queue, self.pool, self.event_log)
        self._pauses = Pauses(self._timer_queue, self.pool, self.event_log)
        self._cancels = SlicedCancels(self.pool, self._timer_queue)
        self._clock_steps = ClockSteps(self._timer_queue, self._limits, self.event_log)
        self._tick_runs = TickRuns(self.pool, self.event_log)
        self._ticks = TickSearch(self._timer_queue, self._quiet, self._tick_runs, self.event_log)
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
        self._quiet.update(now)
        search = Search(now if planned_at is None else min(planned_at, now))
        searches = self._ticks.searches
        searches.update({job: search for job in self.jobs.values() if job.schedule is not None})
        for job in searches:
            job.leaves_at = None  # an earlier stop has removed its entry
            self._record_registered(job, now)
            self._pauses.await_end(job)  # the same
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
                text = f"run {run.number} of {run.job.name} ends as {each.state.value}: {each.reason}"
                self.pool.give_notice(text, now)
        self._schedule_retries(now)
        if self.pool.failing:
            self._pauses.pause_failing(now)

    def begin_catch_up(self, left_out: Mapping[str, CatchUp], now: float) -> None:
        """Let the jobs that wait begin to catch up, except some.

        Args:
            left_out: The jobs that do not, by name: their ticks are recorded as MISSED.
            now: The time.
        """
        waiting = [job for job in self.jobs.values() if job.begins_at is not None]
        for place, job in enumerate(waiting):
            due = job.due
            if due is not None:
                self._ticks.begin_at(job, now + place * CATCH_UP_STEP)
            catch_up = left_out.get(job.name)
            if catch_up is not None and due is not None:
                ticks = catch_up.caught_up
                self.pool.end_ticks(job, RunState.MISSED, LEFT_OUT, due=due, now=now, ticks=ticks)
                self._ticks.set(job, None)
                self._ticks.searches[job] = Search(now)

    def _run_at_start(self, job: JobRecord, now: float) -> None:
        """Request the run that a job has when the scheduler starts, if its policies ask for one."""
        if not job.policies.on_start or job.schedule is None or limit_reason(job):
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
        if catch_up.after is not None and job in self._ticks.searches:
            self._ticks.searches[job] = Search(catch_up.after)
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
        self._cancels.stop_reason = reason
        # Held runs first: when a queued run is cancelled, its job's next held run is queued.
        self._cancels.add(self.pool.held.values())
        self._cancels.add(self.pool.queue)
        self._cancels.add(self.pool.scheduled.values())
        self._cancels.add(self.pool.retrying.values())
        self.closed = True
        self.phase = Phase.STOPPING
        self.pool.accepting_starts = False
        self.pool.stopping = True
        self.event_log.emit(events.SchedulerStopping, now)
        for job in self.jobs.values():
            job.due = job.quiet_until = None
            self._views.outdate(job)
        self._timer_queue.clear()
        self._quiet.stop()
        self._cancels.cancel_some(now, stopping=True)
        self._ticks.searches.clear()
        self._clock_steps.pending.clear()

    def restore(self, histories: Mapping[str, JobHistory], last_number: int, now: float) -> int:
        """Go on with what the store knows from before this process.

        Args:
            histories: The history of each job, by name. Jobs that are not registered yet get theirs later.
            last_number: The number of the latest run; the next one gets a higher number.
            now: The time.

        Returns:
            The number of the latest run before.
        """
        self._histories = dict(histories)
        for job in self.jobs.values():
            self._restore_job(job, now)
        return self.skip_numbers(last_number)

    def skip_numbers(self, last: int) -> int:
        """Give later runs higher numbers than this one. Return the number of the latest run before."""
        before = self._last_number
        if before < last:
            next(islice(self.run_numbers, last - before - 1, None))
        return before

    def _restore_job(self, job: JobRecord, now: float) -> None:
        history = self._histories.pop(job.name, None)
        if history is None:
            return
        job.restore(history)
        self._views.outdate(job)
        if history.pause is not None and job.pause is None and job.schedule is not None:
            self._pauses.restore(job, history.pause, now)

    def record_for_store(self) -> None:
        """Let the effects list what the store records, from now on, and the pauses until now."""
        self.pool.recording = True
        self.pool.reserve_numbers(self._last_number)
        if self.pool.size != self.pool.configured:
            self.pool.effects.sizes.append((self.pool.size, self.pool.configured))
        for job in self.jobs.values():
            if job.pause is not None:
                self._pauses.record(job)

    def set_store(self, store: StoreView, now: float) -> None:
        """Set what is known of the store, for the snapshot."""
        changed, self.store = store.problem != self.store.problem, store
        if changed:
            self.event_log.emit(events.StoreChanged, now, store.problem)

    def abandon_running(self, now: float, reason: str) -> list[RunRecord]:
        """End every RUNNING run as CANCELLED, and return these runs. Their work may continue unrecorded."""
        abandoned = list(self.pool.running.values())
        for run in abandoned:
            self.pool.give_up(run, now, RunState.CANCELLED, stop_reason(reason, run))
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
        earlier, notice = self._register.earlier_job(job, replace=replace)
        if notice:
            self.pool.give_notice(notice, now)
        if earlier is not None:
            self.change_job(earlier, job, now, planned=planned)
            return earlier
        group = self._register.group_named_as(job)
        if group is None:
            self._register.add(job)
        else:
            self._rename_one_off_job(group, job, now)
        self._views.outdate_all()
        self._register.note_code(job)
        if self.phase is not Phase.RUNNING:
            job.due = None
        elif planned:
            self._ticks.set(job, job.due)
        elif job.schedule is not None:
            self._ticks.searches[job] = Search(now)
        self._restore_job(job, now)
        if self.phase is Phase.RUNNING and job.schedule is not None:
            self._record_registered(job, now)
        self.event_log.emit_job(events.JobAdded, job, now)
        if self.phase is Phase.RUNNING:
            self._ticks.check_done(job, now)
            self._run_at_start(job, now)
        return job

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
        self._register.forget_code(job)
        is_keyed = type(new.schedule) in _KEYED and type(job.schedule) in _KEYED
        is_equal = is_keyed and new.schedule_key == job.schedule_key
        keeps_ticks = is_equal or new.schedule is job.schedule
        was_done = job.leaves_at is not None
        self._ticks.revive(job)
        job.runnable, job.policies, job.spec = new.runnable, new.policies, new.spec
        job.code_key, job.place = new.code_key, new.place
        self._views.outdate(job)
        if not keeps_ticks:
            job.schedule, job.schedule_key = new.schedule, new.schedule_key
            self._ticks.searches.pop(job, None)
            self._ticks.set(job, new.due if planned and self.phase is Phase.RUNNING else None)
            if not planned and self.phase is Phase.RUNNING:
                self._ticks.searches[job] = Search(now)
        elif was_done:
            self._ticks.searches[job] = Search(now)
        self._register.note_code(job)
        if self.phase is Phase.RUNNING:
            self._record_registered(job, now)
            self._ticks.check_done(job, now)
        self.event_log.emit_job(events.JobChanged, job, now)

    def _leave(self, job: JobRecord, now: float) -> None:
        """Remove a job that is DONE, unless it has runs."""
        if job.removed or job.leaves_at is None:
            return
        if job.busy or job.scheduled:
            self._ticks.show_done(job, now)
        else:
            self.remove_job(job, now)

    def remove_job(self, job: JobRecord, now: float) -> bool:
        """Remove a job and cancel its waiting runs. Return False if it was removed before.

        None of them starts. If there are many, `continue_work` cancels the rest. Running runs continue.
        """
        if self.jobs.get(job.name) is not job:
            return False
        self._cancels.add(self.pool.waiting_among(job))
        self._register.remove(job)
        self._views.outdate_all()
        self._ticks.clear(job)
        self._ticks.revive(job)
        self._pauses.forget_end(job)
        self._cancels.cancel_some(now, stopping=self.closed)
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
        return self._pauses.pause(job, now, until=until, note=note, by=by)

    def resume_job(self, job: JobRecord, now: float) -> bool:
        """Let a paused job's ticks start runs again, from the next tick on.

        Return False if the job is not paused, or is removed.
        """
        return self._pauses.resume(job, now)

    @property
    def quiet(self) -> QuietTimes:
        """The times in which nothing starts. It may be read without the state lock."""
        return self._quiet.times

    def set_quiet(self, quiet: QuietTimes, now: float) -> None:
        """Set the times in which nothing starts."""
        self._quiet.times = quiet
        for job in self.jobs.values():
            job.quiet_until = None if job.due is None else quiet.end_at(job.due)
            self._views.outdate(job)
        if self.phase is Phase.RUNNING:
            self._quiet.update(now)

    def one_off_job(self, runnable: Runnable, now: float) -> JobRecord:
        """Return the job for the one-off runs of all runnables of that name; register it on first use."""
        job = self.one_off_jobs.get(runnable.name)
        if job is None:
            superfluous = self._register.superfluous_one_off_job()
            if superfluous is not None:
                self.remove_job(superfluous, now)
            # Without the runnable itself: a closure may hold large objects.
            group = Runnable(_do_nothing, runnable.name, runnable.describe())
            job = JobRecord(runnable.name, group, None, spec=ONE_OFF, policies=_ONE_OFF_POLICIES)
            self.one_off_jobs[runnable.name] = job
            self.add_job(job, now)
        return job

    def _rename_one_off_job(self, group: JobRecord, job: JobRecord, now: float) -> None:
        """Give the name of one-off runs to a job with a schedule: it gets that name in either order.

        The runs that have ended keep the name that they had.
        """
        self.event_log.emit_job(events.JobRemoved, group, now)
        self._register.replace_group(group, job)
        self._views.outdate(group)
        self.event_log.emit_job(events.JobAdded, group, now)

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
            self._cancels.forget_due(retried)
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
            self.pool.reject(run, now, RunState.CANCELLED, stop_reason(STOPPED, run))
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
        return self._cancels.cancel(run, now, reason)

    def continue_work(self, now: float) -> bool:
        """Do a part of the long work that earlier changes have left. Return whether there is more of it."""
        if self._cancels.pending:
            self._cancels.cancel_some(now, stopping=self.closed)
        elif self._clock_steps.pending:
            self._clock_steps.shift_some()
        return bool(self._cancels.pending or self._clock_steps.pending)

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
            text = f"pool {shown}: the settings have changed since it was set to {size or 'no limit'} by hand"
            pool.give_notice(text, now)
            pool.effects.sizes.append((pool.size, pool.configured))
            return
        pool.resize(size)
        self.event_log.emit(events.PoolResized, now, size)
        text = f"pool {size or 'without limit'}, set by hand; the settings say {configured or 'no limit'}"
        pool.give_notice(text, now)

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
            self._pauses.pause_failing(now)
        while self.pool.exhausted:
            job = self.pool.exhausted.pop()
            if self.phase is Phase.RUNNING:
                self._ticks.check_done(job, now)
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
                self._cancels.cancel_for_stop(run, now)
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
        return bool(self._cancels.pending or self._ticks.searches or self._clock_steps.pending)

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
        self._cancels.add(self.pool.live.values())
        self._timer_queue.clear()
        for job in self.jobs.values():
            self._ticks.await_due(job)
            self._pauses.await_end(job)
            self._ticks.await_leave(job)
        for run in self.pool.scheduled.values():
            if run.due is not None:
                self._timer_queue.push(RunDue(run), run.due)
        for run in self.pool.running.values():
            self._limits.restore(run)
        self.pool.new_retries.extend(self.pool.retrying.values())
        self._schedule_retries(now)
        self._quiet.update_if_running(now)

    def apply_due(self, entries: Sequence[ReadyEntry], now: float) -> None:
        """Start the ticks of plans, admit scheduled runs, queue retries, end pauses and act on limits."""
        for entry in entries:
            match entry:
                case TickPlan():
                    self._apply_plan(entry, now)
                case PauseOver():
                    self._pauses.end_if_over(entry.job, now)
                case JobLeaves():
                    self._leave(entry.job, now)
                case _ if self.closed:  # the runs will be cancelled
                    pass
                case LimitDue():
                    self._overtime.apply(entry, now)
                case QuietChange():
                    self._quiet.update(now)
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
        searches = self._ticks.searches
        for job in self.jobs.values():
            if job.begins_at is not None and job.due is not None:
                self._ticks.begin_at(job, job.begins_at + seconds)
            pending = searches.get(job)
            if pending is not None:
                searches[job] = Search(processed, pending.step + seconds if pending.step else 0.0)
            elif is_moved_by(seconds, job.schedule):
                searches[job] = Search(processed, seconds)
        self._quiet.update(now)
        limited = [run for run in self.pool.running.values() if run.extras.limit is not None]
        moved = chain(self.pool.scheduled.values(), self.pool.retrying.values(), limited)
        self._clock_steps.add(seconds, moved)
        self.event_log.emit(events.ClockStepped, now, seconds)

    def note_progress(self, run: RunRecord, progress: LatestProgress, attempt: int, now: float) -> None:
        """Note that the code of a run has reported progress, unless that attempt of the run has ended."""
        if run.state is _RUNNING and run.extras.attempt == attempt:
            run.ensure_extras().progress = progress
            self.event_log.emit_run(events.RunProgressed, run, now)

    def give_notice(self, text: str, now: float) -> None:
        """Tell the user, in one line, what the scheduler has done by itself."""
        self.pool.give_notice(text, now)

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
        return self._ticks.some_searches()

    def apply_next_ticks(self, found: Sequence[NextTick], now: float) -> None:
        """Let jobs be due at their next ticks."""
        self._ticks.apply(found, now, self._report_schedule_error)

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
            self._pauses.end_if_over(job, now)
        if plan.error:
            self._report_schedule_error(plan.error, now)
        elif any(plan.claims.values()):
            self._tick_runs.start_claimed(plan, now)
        elif plan.instants is not None and job.pause is None:
            self._timer_queue.remove(JobDue(job), job.begins_at or due)  # `repair` may have put it back
            self._tick_runs.start_each(plan, now)
        else:
            ticks = plan.ticks if plan.instants is None else len(plan.instants)
            self._tick_runs.start_one(plan, now, ticks)
        self._tick_runs.skip_quiet(job, plan.quiet_ticks, now)
        # Last of all: after an exception, the ticks that have not been processed are due again.
        if plan.is_last:
            self._ticks.set(job, plan.next_due)
            if plan.next_due is None:
                self._ticks.check_done(job, now)
        else:
            job.due = plan.next_due

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
        running = [*islice(pool.running.values(), LIST_LIMIT)]
        self._views.outdate_after_output(run.job for run in running)
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
            running=tuple([run.view(tz) for run in running]),
            waiting=tuple(run.view(tz) for run in waiting),
            scheduled=tuple(run.view(tz) for run in scheduled),
            recent=self._recent(),
            store=self.store,
            abandoned=tuple(run.view(tz) for run in islice(pool.abandoned.values(), LIST_LIMIT)),
            quiet=tuple([each.text for each in self.quiet.times]),
            quiet_until=self._quiet.until(self.tz),
        )

    def _recent(self) -> tuple[RunView, ...]:
        """Return the latest endings, newest first; the views of the last snapshot are used again."""
        tz, known = self.event_log.tz, self._recent_views
        views = [
            known.get(entry[NUMBER]) or packed_view(entry, tz) for entry in self.ledger.latest(LIST_LIMIT)
        ]
        self._recent_views = {view.number: view for view in views if view.number}
        return tuple(views)
