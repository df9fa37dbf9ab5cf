"""The state machine: jobs, ticks, runs, the pool and its queue. No threads, no clock, no I/O.

The engine owns every piece of the scheduler's state. Its methods are handed the time (``now``, in
seconds since the epoch), change the books and start nothing: the runtime calls them under its one
lock, and the workers ask for what may start with `take`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from heapq import nsmallest
from itertools import islice

from jobtui.engine import events
from jobtui.engine.enums import Misfire, Overlap, Phase, RunState, Trigger
from jobtui.engine.event_log import EventLog
from jobtui.engine.ledger import Ledger
from jobtui.engine.next_tick_cache import NextTickCache
from jobtui.engine.pool import Pool
from jobtui.engine.records import Call, JobRecord, LedgerEntry, RunRecord, entry_number, entry_view, utc
from jobtui.engine.runnables import Runnable
from jobtui.engine.timer_queue import TimerQueue
from jobtui.engine.tracebacks import one_line
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.schedules.schedule import Every, Schedule

LIST_LIMIT = 200  # how many runs of each kind a snapshot lists
ENDINGS_SEARCHED = 1_000  # how far back in the ledger a run is looked for by its number
TICK_LIMIT = 10_000  # how many ticks that passed unseen are counted one by one, of all jobs together
TICK_LEAST = 100  # how many of one job are counted all the same
MISFIRE_GRACE = 1.0  # seconds; a tick seen no later than this is on time
CLOCK_NOISE = 0.001  # seconds; to this a step of the clock can be told
# A larger step back corrects a wrong clock (Debian cron's rule); one of 3 hours is still somebody's zone.
CLOCK_CORRECTION = 3 * 3600.0 + CLOCK_NOISE  # seconds

_SKIP, _TICK = (
    Misfire.SKIP,
    Trigger.TICK,
)  # looking up an enum's member takes a tenth of a microsecond in Python 3.11

ONE_OFF = "one-off"
STOPPED = "scheduler stopped"


class Engine:
    """The scheduler's state and every change it can go through.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone in which the times in views and reasons are given.
        ledger: Where endings are kept.

    Attributes:
        jobs: Every job by its name, in the order of registration.
        phase: Where the scheduler is in its life.
        one_offs: The jobs of one-off runs, by the name of their runnables; can be looked up without a lock.
        over: Whether it is stopping or has stopped: nothing is accepted any more.
        journal: What happened since it was last read.
        pool: The runs: what is only about them is asked of it.
    """

    def __init__(self, *, pool: int, tz: tzinfo, ledger: Ledger) -> None:
        self.jobs: dict[str, JobRecord] = {}
        self.phase = Phase.NEW
        self.event_log = EventLog(tz)
        self.pool = Pool(pool, self.event_log, ledger)
        self._ledger = ledger
        self._next_ticks = NextTickCache()
        self._timer_queue: TimerQueue[JobRecord | RunRecord] = TimerQueue()
        self.one_off_jobs: dict[str, JobRecord] = {}
        self._name_numbers: dict[str, int] = {}
        self.closed = False
        self._countable = TICK_LIMIT
        self._started: float | None = None
        self._heartbeat: float | None = None
        self._internal_error = ""
        self._recent_views: dict[int, RunView] = {}  # of the latest picture: the endings in it, by number

    # --- life -------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """From here on ticks come due and runs may start."""
        self.phase = Phase.RUNNING
        self.pool.accepting_starts = True
        self._started = self._heartbeat = now
        for job in self.jobs.values():
            self._set_due(job, now)
        self.event_log.emit(events.SchedulerStarted, now)

    def stop(self, now: float) -> None:
        """Cancel whatever waits; from here on nothing is accepted and nothing starts."""
        self.phase = Phase.STOPPING
        self.closed = self.event_log.notifications_pending = True
        self.pool.accepting_starts = False
        self.event_log.emit(events.SchedulerStopping, now)
        self.pool.cancel_waiting(self.jobs.values(), now, STOPPED)
        for job in self.jobs.values():
            job.due = None
            job.cached_view = None
        self._timer_queue.clear()

    def abandon_running(self, now: float, reason: str) -> list[RunRecord]:
        """End every run that is still RUNNING as CANCELLED, and return these runs; their work may go on."""
        abandoned = list(self.pool.running.values())
        for run in abandoned:
            self.pool.finish(run, now, RunState.CANCELLED, now - (run.started or now), reason=reason)
        self.phase = Phase.STOPPED
        self.event_log.emit(events.SchedulerStopped, now)
        return abandoned

    def disable_after_fork(self) -> None:
        """The work goes on in another process: nothing starts here, and nothing is accepted."""
        self.phase = Phase.STOPPED
        self.closed = self.event_log.notifications_pending = True
        self.pool.accepting_starts = False

    # --- jobs -------------------------------------------------------------------------------------

    def add_job(self, job: JobRecord, now: float) -> None:
        """Register a job under its name, or its name with the next free number (``name-2``).

        Raises:
            RuntimeError: The scheduler has stopped: the job would never run.
        """
        if self.closed:
            raise RuntimeError("the scheduler has stopped: it takes no more jobs")
        job.name = self._free_name(job.name)
        self.jobs[job.name] = job
        if self.phase is Phase.RUNNING:
            self._set_due(job, now)
        self.event_log.emit_job_added(job, now)

    def remove_job(self, job: JobRecord, now: float) -> bool:
        """Take a job out: what waits is cancelled, what runs goes on to its end."""
        if job.removed:
            return False
        job.removed = True
        job.due = None
        self.pool.cancel_waiting([job], now, "job removed")
        del self.jobs[job.name]
        if self.one_off_jobs.get(job.runnable.name) is job:
            del self.one_off_jobs[job.runnable.name]
        self.event_log.emit_job(events.JobRemoved, job, now)
        return True

    def pause_job(self, job: JobRecord, now: float) -> bool:
        """Let a job's ticks start no runs until it is resumed; asking for a run by hand still makes one."""
        if job.removed or job.schedule is None or job.paused_at is not None:
            return False
        job.paused_at = now
        self.event_log.emit_job(events.JobPaused, job, now)
        return True

    def resume_job(self, job: JobRecord, now: float) -> bool:
        """Let a paused job's ticks start runs again, from the next one on."""
        if job.removed or job.paused_at is None:
            return False
        job.paused_at = None
        self.event_log.emit_job(events.JobResumed, job, now)
        return True

    def one_off_job(self, runnable: Runnable, now: float) -> JobRecord:
        """The job without a schedule that the one-off runs of equally named runnables share."""
        job = self.one_off_jobs.get(runnable.name)
        if job is None:
            job = JobRecord(runnable.name, runnable, None, spec=ONE_OFF, overlap=Overlap.ALLOW)
            self.one_off_jobs[runnable.name] = job
            self.add_job(job, now)
        return job

    def _free_name(self, name: str) -> str:
        if name not in self.jobs:
            return name
        number = self._name_numbers.get(name, 2)
        while f"{name}-{number}" in self.jobs:
            number += 1
        self._name_numbers[name] = number + 1  # not from 2 again: many jobs may run one function
        return f"{name}-{number}"

    # --- runs -------------------------------------------------------------------------------------

    def admit_one_off(self, run: RunRecord) -> None:
        """Take in a run of a one-off job that was asked for without the lock."""
        if self.closed:  # meanwhile
            self.pool.reject(run, run.created, STOPPED)
        else:
            self.pool.admit(run, run.created)

    def admit_one_offs(self, runs: list[RunRecord]) -> None:
        """Take in several, the oldest first."""
        if self.closed:
            for run in runs:
                self.admit_one_off(run)
        else:
            self.pool.admit_one_offs(runs)

    def submit(self, job: JobRecord, trigger: Trigger, now: float, call: Call | None = None) -> RunRecord:
        """Ask for a run now; it passes the same gates as a tick."""
        run = self.pool.new_run(job, trigger, now, None, call or job.runnable.call)
        self.pool.admit(run, now)
        return run

    def submit_later(
        self, job: JobRecord, trigger: Trigger, due: float, now: float, call: Call | None = None
    ) -> RunRecord:
        """Ask for a run at an instant; what is due already is admitted at the next `tick`."""
        run = self.pool.new_run(job, trigger, now, due, call or job.runnable.call)
        self.pool.add_scheduled(run, now)
        self._timer_queue.push(run, due)
        return run

    def resize(self, size: int, now: float) -> None:
        """Change the pool's size. Shrinking ends nothing: it starts nothing until there is room."""
        if size != self.pool.size:
            self.pool.resize(size)
            self.event_log.emit(events.PoolResized, now, size=size)

    @property
    def running_count(self) -> int:
        """How many runs are RUNNING."""
        return len(self.pool.running)

    def is_running(self, run: RunRecord) -> bool:
        """Whether a run, which may be that of another scheduler, is RUNNING here."""
        return self.pool.running.get(run.number) is run

    def find_run(self, number: int) -> RunRecord | None:
        """The waiting or running run of that number."""
        pool = self.pool
        known = pool.running.get(number) or pool.scheduled.get(number)
        waiting = (*pool.queue, *pool.held_runs(self.jobs.values()))
        return known or next((run for run in waiting if run.number == number), None)

    def run_view(self, number: int) -> RunView | None:
        """The run of that number, live or among the latest endings; None if nothing is known of it."""
        run: LedgerEntry | None = self.find_run(number)
        if run is None:
            latest = self._ledger.latest(ENDINGS_SEARCHED)
            run = next((each for each in latest if entry_number(each) == number), None)
        return None if run is None else entry_view(run, self.event_log.tz)

    def find_record(self, number: int) -> RunRecord | None:
        """Return the record of a run that is RUNNING, or that the ledger keeps for its attachments."""
        endings = (run for run in self._ledger.latest(ENDINGS_SEARCHED) if isinstance(run, RunRecord))
        return self.pool.running.get(number) or next((run for run in endings if run.number == number), None)

    # --- time -------------------------------------------------------------------------------------

    @property
    def next_due(self) -> float | None:
        """The earliest instant at which `tick` has something to do; it may turn out to be stale."""
        return self._timer_queue.next_instant

    def process_due(self, now: float) -> None:
        """Take everything that is due, in the order in which it was due."""
        self._heartbeat = now
        self._countable = TICK_LIMIT
        for thing in self._timer_queue.pop_due(now):
            if isinstance(thing, RunRecord):
                if thing.state is RunState.SCHEDULED:
                    self.pool.release_scheduled(thing, now)
                continue
            try:
                self._tick_job(thing, now)
            except Exception as error:  # noqa: BLE001 - a zone may be anybody's code, and the rest is due too
                if thing.due is not None and thing.due <= now:
                    self._set_next(thing, None)
                self.report_internal_error(f"{thing.name}: {one_line(error)}", now)

    def apply_clock_step(self, seconds: float, now: float) -> None:
        """The wall clock was set back by ``-seconds``: nothing that counts elapsed time may stall for it.

        Intervals and delays keep the time they had left. Cron ticks keep their instant, so the hour
        that comes twice does not repeat them, unless the clock was wrong by hours and got corrected.
        The step is seen only at a wake, so what came due before that is due now, and not forgotten.
        """
        if self.phase is not Phase.RUNNING:
            return
        assert self._heartbeat is not None  # it is set by the start
        # What the new clock would have shown at the wake before; nothing later has been looked at.
        seen = min(now, self._heartbeat + seconds + CLOCK_NOISE)
        for job in self.jobs.values():
            schedule = job.schedule
            if isinstance(schedule, Every) and schedule.start is not None and not schedule.first_at_start:
                job.schedule = shifted = schedule.anchored(schedule.start + timedelta(seconds=seconds))
                if job.due is not None:
                    # Half an interval earlier, since the step is measured and not known.
                    since = job.due + seconds - schedule.interval.total_seconds() / 2
                    self._set_next(job, self._next_ticks.next_tick(shifted, since))
            elif isinstance(schedule, Every) or seconds < -CLOCK_CORRECTION:
                self._set_due(job, seen)
        for run in self.pool.scheduled.values():
            if run.trigger is Trigger.IN and run.due is not None:
                run.due += seconds
                run.cached_view = None
                self._timer_queue.push(run, run.due)
        self.event_log.emit(events.ClockStepped, now, seconds=seconds)

    def report_internal_error(self, error: str, now: float) -> None:
        """Remember an exception inside the timer, for the dashboard to show."""
        self._internal_error = error
        self.event_log.emit(events.InternalError, now, error=error)

    def _set_due(self, job: JobRecord, after: float) -> None:
        if job.schedule is None:
            return
        if isinstance(job.schedule, Every) and job.schedule.start is None:
            job.schedule = job.schedule.anchored(utc(after))
        self._set_next(job, self._next_ticks.next_tick(job.schedule, after))

    def _set_next(self, job: JobRecord, due: float | None) -> None:
        job.due = due
        job.cached_view = None
        if due is not None:
            self._timer_queue.push(job, due)

    # --- ticks ------------------------------------------------------------------------------------

    def _tick_job(self, job: JobRecord, now: float) -> None:
        """One job is due: see how many of its ticks passed, and do with them what its policies say."""
        schedule, due = job.schedule, job.due
        assert schedule is not None  # a job without a schedule is never due
        assert due is not None
        upcoming = self._next_ticks.next_tick(schedule, due)
        if upcoming is not None and upcoming <= now:
            self._tick_late_job(job, schedule, due, now)
            return
        self._set_next(job, upcoming)
        if job.paused_at is not None or (job.misfire is _SKIP and now - due > MISFIRE_GRACE):
            self._end_ticks(job, due, now, 1)
        else:
            self._run_of_tick(job, due, now)

    def _tick_late_job(self, job: JobRecord, schedule: Schedule, due: float, now: float) -> None:
        """Several ticks of a job have passed."""
        self._set_next(job, self._next_ticks.next_tick(schedule, now))
        if job.misfire is Misfire.ALL and job.paused_at is None:
            self._start_all(job, due, now)
            return
        limit = self._countable
        ticks = 1 + self._count(schedule, due, now)
        if job.paused_at is not None or (job.misfire is _SKIP and now - due > MISFIRE_GRACE):
            self._end_ticks(job, due, now, ticks)
        else:
            self._start_one(job, due, now, ticks, f"more than {limit}" if ticks > limit else str(ticks))

    def _end_ticks(self, job: JobRecord, due: float, now: float, ticks: int) -> None:
        if job.paused_at is not None:
            state, reason = RunState.SKIPPED, f"paused since {self.event_log.format_time(job.paused_at)}"
        else:
            state, reason = (
                RunState.MISSED,
                f"seen only at {self.event_log.format_time(now)}, {now - due:.1f} s late",
            )
        self.pool.end_ticks(job, state, reason, due=due, now=now, ticks=ticks)

    def _count(self, schedule: Schedule, due: float, now: float) -> int:
        """How many ticks passed after ``due``. The more were counted since the timer woke, the fewer are.

        Counting cron ticks takes about 15 us each, and the lock is held: after two days of sleep, many
        jobs that are due every second must not take seconds.
        """
        passed = schedule.ticks_between(utc(due), utc(now), self._countable)
        if not isinstance(schedule, Every):
            self._countable = max(TICK_LEAST, self._countable - passed)
        return passed

    def _start_one(self, job: JobRecord, due: float, now: float, ticks: int, many: str) -> None:
        run = self._run_of_tick(job, due, now, ticks)
        if run is not None and ticks > 1:
            first = self.event_log.format_time(due)
            reason = f"{many} ticks since {first} passed unseen; run {run.number} stands for all"
            self.pool.end_ticks(job, RunState.COALESCED, reason, due=due, now=now, ticks=ticks - 1)

    def _start_all(self, job: JobRecord, due: float, now: float) -> None:
        assert job.schedule is not None
        instant: float | None = due
        started = 0
        while instant is not None and instant <= now and started < TICK_LIMIT:
            self._run_of_tick(job, instant, now)
            started += 1
            instant = self._next_ticks.next_tick(job.schedule, instant)
        if instant is not None and instant <= now:
            reason = f"the rest of more than {TICK_LIMIT} ticks that passed unseen"
            rest = 1 + job.schedule.ticks_between(utc(instant), utc(now), TICK_LIMIT)
            self.pool.end_ticks(job, RunState.MISSED, reason, due=instant, now=now, ticks=rest)

    def _run_of_tick(self, job: JobRecord, due: float, now: float, ticks: int = 1) -> RunRecord | None:
        rejection_reason = self.pool.rejection_reason(job, Trigger.TICK) if job.busy else ""
        if rejection_reason:
            self.pool.end_ticks(job, RunState.SKIPPED, rejection_reason, due=due, now=now, ticks=ticks)
            return None
        run = self.pool.new_run(job, _TICK, now, due, job.runnable.call)
        self.pool.admit(run, now)
        return run

    # --- pictures ---------------------------------------------------------------------------------

    def job_view(self, job: JobRecord) -> JobView:
        """One job as it is now."""
        return job.view(self.event_log.tz)

    def recent_runs(self, job: JobRecord) -> tuple[RunView, ...]:
        """The latest endings of one job, newest first, at most 20."""
        return tuple(entry_view(ending, self.event_log.tz) for ending in reversed(job.recent))

    def snapshot(self, now: float) -> Snapshot:
        """Everything as it is now."""
        tz, pool = self.event_log.tz, self.pool
        held = nsmallest(
            LIST_LIMIT, pool.held_runs(self.jobs.values()), key=lambda run: (run.waiting_since, run.number)
        )
        waiting = [*islice(pool.queue, LIST_LIMIT), *held][:LIST_LIMIT]
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
            jobs=tuple(job.view(tz) for job in self.jobs.values()),
            running=tuple(run.view(tz) for run in islice(pool.running.values(), LIST_LIMIT)),
            waiting=tuple(run.view(tz) for run in waiting),
            scheduled=tuple(run.view(tz) for run in scheduled),
            recent=self._recent(),
        )

    def _recent(self) -> tuple[RunView, ...]:
        """The latest endings of all jobs, newest first; one that was shown before is the same object."""
        tz, known = self.event_log.tz, self._recent_views
        views = [
            known.get(0 if isinstance(ending, RunRecord) else ending[0]) or entry_view(ending, tz)
            for ending in self._ledger.latest(LIST_LIMIT)
        ]
        self._recent_views = {view.number: view for view in views if view.number}
        return tuple(views)
