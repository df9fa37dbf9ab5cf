"""The state machine: jobs, runs, the pool and its queue. No threads, no clock, no I/O.

The engine owns every piece of the scheduler's state. Its methods are handed the time (``now``, in
seconds since the epoch), change the books and start nothing: the scheduler calls them under its one
lock, and the workers ask for what may start with `take`. Waiting is data: a held run sits in its
job's deque, a queued run in the pool's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from heapq import nsmallest
from itertools import islice
from typing import Any, Protocol

from jobtui.core import events
from jobtui.core.agenda import Agenda
from jobtui.core.model import JobView, Misfire, Overlap, Phase, PoolView, RunState, RunView, Snapshot, Trigger
from jobtui.core.records import Call, JobRecord, RunRecord, utc
from jobtui.core.runnables import Runnable
from jobtui.core.schedules import Every

LIST_LIMIT = 200  # how many runs of each kind a snapshot lists
TICK_LIMIT = 10_000  # how many ticks that passed unseen are counted one by one
MISFIRE_GRACE = 1.0  # seconds; a tick seen no later than this is on time
CLOCK_CORRECTION = (
    3 * 3600.0
)  # seconds; a larger step back is a correction of a wrong clock, as in Debian's cron

STOPPED = "scheduler stopped"
ONE_OFF = "one-off"


class Ledger(Protocol):
    """What keeps the record of every ending."""

    def record(self, run: RunRecord) -> None:
        """Keep an ending; called under the scheduler's lock, so it must not block."""
        ...

    def latest(self, limit: int) -> list[RunRecord]:
        """The latest endings, newest first."""
        ...


class Engine:
    """The scheduler's state and every change it can go through.

    Args:
        pool: How many runs may be RUNNING at once; 0 for no limit.
        tz: The zone in which the times in views and reasons are given.
        ledger: Where endings are kept.

    Attributes:
        jobs: Every job by its name, in the order of registration.
        events: What happened since the scheduler last took them; None while nobody listens.
        settled: The handles of the runs that ended since the scheduler last took them.
    """

    def __init__(self, *, pool: int, tz: tzinfo, ledger: Ledger) -> None:
        self.tz = tz
        self.phase = Phase.NEW
        self.jobs: dict[str, JobRecord] = {}
        self.events: list[events.Event] | None = None
        self.settled: list[Any] = []
        self.timer_error = ""
        self.heartbeat: float | None = None
        self._started: float | None = None
        self._seq = 0
        self._size = pool
        self._ledger = ledger
        self._numbers = 0
        self._one_offs: dict[str, JobRecord] = {}
        self._queue: deque[RunRecord] = deque()
        self._running: dict[int, RunRecord] = {}
        self._held = 0
        self._scheduled: dict[int, RunRecord] = {}
        self._agenda: Agenda[JobRecord | RunRecord] = Agenda()

    # --- life -------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """From here on ticks come due and runs may start."""
        self.phase = Phase.RUNNING
        self._started = self.heartbeat = now
        for job in self.jobs.values():
            self._set_due(job, now)
        self._tell(events.SchedulerStarted, now)

    def stop(self, now: float) -> None:
        """Cancel whatever waits; from here on nothing is accepted and nothing starts."""
        self.phase = Phase.STOPPING
        # Held runs first: a queued one that goes would send its job's next held run to the queue.
        for run in [*self._held_runs(), *self._queue, *self._scheduled.values()]:
            self.cancel(run, now, STOPPED)
        for job in self.jobs.values():
            job.due = None
            job.changed()
        self._agenda.clear()
        self._tell(events.SchedulerStopping, now)

    def abandon(self, now: float, reason: str) -> list[RunRecord]:
        """Give every run that is still going its ending, and return them; their work may go on unseen."""
        abandoned = list(self._running.values())
        for run in abandoned:
            self.finish(run, now, RunState.CANCELLED, elapsed=now - (run.started or now), reason=reason)
        self.phase = Phase.STOPPED
        self._tell(events.SchedulerStopped, now)
        return abandoned

    # --- jobs -------------------------------------------------------------------------------------

    def add_job(self, job: JobRecord, now: float) -> None:
        """Register a job under its name, or its name with the first free number (``name-2``)."""
        job.name = self._free_name(job.name)
        self.jobs[job.name] = job
        if self.phase is Phase.RUNNING:
            self._set_due(job, now)
        self._tell_job(events.JobAdded, job, now)

    def remove_job(self, job: JobRecord, now: float) -> bool:
        """Take a job out: what waits is cancelled, what runs goes on to its end."""
        if job.removed:
            return False
        job.removed = True
        job.due = None
        elsewhere = [*self._queue, *self._scheduled.values()] if job.queued or job.scheduled else []
        for run in [*job.held, *(run for run in elsewhere if run.job is job)]:
            self.cancel(run, now, "job removed")
        del self.jobs[job.name]
        self._tell_job(events.JobRemoved, job, now)
        return True

    def pause(self, job: JobRecord, now: float) -> bool:
        """Let a job's ticks start no runs until it is resumed; ask for a run by hand still makes one."""
        if job.removed or job.schedule is None or job.paused_at is not None:
            return False
        job.paused_at = now
        self._tell_job(events.JobPaused, job, now)
        return True

    def resume(self, job: JobRecord, now: float) -> bool:
        """Let a paused job's ticks start runs again, from the next one on."""
        if job.removed or job.paused_at is None:
            return False
        job.paused_at = None
        self._tell_job(events.JobResumed, job, now)
        return True

    def one_off_job(self, runnable: Runnable, now: float) -> JobRecord:
        """The job without a schedule that the one-off runs of equally named runnables share."""
        job = self._one_offs.get(runnable.name)
        if job is None:
            job = JobRecord(runnable.name, runnable, None, spec=ONE_OFF, overlap=Overlap.ALLOW)
            self._one_offs[runnable.name] = job
            self.add_job(job, now)
        return job

    def resize(self, size: int, now: float) -> None:
        """Change the pool's size. Shrinking ends nothing: it starts nothing until there is room."""
        if size != self._size:
            self._size = size
            self._tell(events.PoolResized, now, size=size)

    # --- runs -------------------------------------------------------------------------------------

    def submit(self, job: JobRecord, trigger: Trigger, now: float, call: Call | None = None) -> RunRecord:
        """Ask for a run now; it passes the same gates as a tick."""
        run = self._new_run(job, trigger, now, call=call)
        self._admit(run, now)
        return run

    def submit_later(
        self, job: JobRecord, trigger: Trigger, due: float, now: float, call: Call | None = None
    ) -> RunRecord:
        """Ask for a run at an instant; what is due already is due at the next `tick`."""
        run = self._new_run(job, trigger, now, call=call, due=due)
        run.state = RunState.SCHEDULED
        job.scheduled += 1
        self._scheduled[run.number] = run
        self._agenda.put(run)
        self._tell_run(events.RunScheduled, run, now)
        return run

    def cancel(self, run: RunRecord, now: float, reason: str) -> bool:
        """Take out a run that waits. Returns False for one that has started or ended."""
        if not run.state.waiting:
            return False
        was_queued = run.state is RunState.QUEUED
        if was_queued:
            self._queue.remove(run)
            run.job.queued -= 1
        elif run.state is RunState.HELD:
            run.job.held.remove(run)
            self._held -= 1
        else:
            del self._scheduled[run.number]
            run.job.scheduled -= 1
        self._end(run, now, RunState.CANCELLED, reason)
        if was_queued:
            self._release(run.job, now)
        return True

    @property
    def startable(self) -> int:
        """How many queued runs may start now."""
        if self.phase is not Phase.RUNNING:
            return 0
        if self._size == 0:
            return len(self._queue)
        return max(0, min(len(self._queue), self._size - len(self._running)))

    def take(self, now: float, worker: str) -> RunRecord | None:
        """Start the run at the head of the queue, if there is one and a slot for it."""
        if not self.startable:
            return None
        run = self._queue.popleft()
        run.job.queued -= 1
        run.job.running.append(run)
        self._running[run.number] = run
        run.state = RunState.RUNNING
        run.started = run.job.prev = now
        run.worker = worker
        run.reason = ""
        self._tell_run(events.RunStarted, run, now)
        return run

    def finish(
        self,
        run: RunRecord,
        now: float,
        state: RunState,
        *,
        elapsed: float,
        reason: str = "",
        error: str = "",
    ) -> None:
        """Record the end of a run's work; of a run that was given up already, nothing is recorded again."""
        if run.state is not RunState.RUNNING:
            return
        job = run.job
        del self._running[run.number]
        job.running.remove(run)
        run.elapsed = elapsed
        run.error = error
        if state is not RunState.CANCELLED:
            job.runs += 1
            job.failures += state is RunState.FAILED
            job.last_elapsed = elapsed
        self._end(run, now, state, reason)
        self._release(job, now)

    @property
    def running(self) -> int:
        """How many runs are RUNNING."""
        return len(self._running)

    # --- time -------------------------------------------------------------------------------------

    @property
    def next_due(self) -> float | None:
        """The earliest instant at which `tick` has something to do; it may turn out to be stale."""
        return self._agenda.next

    def tick(self, now: float) -> None:
        """Take everything that is due, in the order in which it was due."""
        for thing in self._agenda.take_due(now):
            if isinstance(thing, JobRecord):
                self._tick_job(thing, now)
            elif thing.state is RunState.SCHEDULED:
                del self._scheduled[thing.number]
                thing.job.scheduled -= 1
                self._admit(thing, now)

    def clock_stepped(self, seconds: float, now: float) -> None:
        """The wall clock was set back by ``-seconds``: nothing that counts elapsed time may stall for it.

        Intervals and delays keep the time they had left. Cron ticks keep their instant, so the hour
        that comes twice does not repeat them, unless the clock was wrong by hours and got corrected.
        """
        for job in self.jobs.values():
            schedule = job.schedule
            if isinstance(schedule, Every):
                if schedule.start is not None and not schedule.first_at_start:
                    job.schedule = schedule.anchored(schedule.start + timedelta(seconds=seconds))
                self._set_due(job, now)
            elif schedule is not None and seconds < -CLOCK_CORRECTION:
                self._set_due(job, now)
        for run in self._scheduled.values():
            if run.trigger is Trigger.IN and run.due is not None:
                run.due += seconds
                run.changed()
                self._agenda.put(run)
        self._tell(events.ClockStepped, now, seconds=seconds)

    def timer_failed(self, error: str, now: float) -> None:
        """Remember an exception inside the timer, for the dashboard to show."""
        self.timer_error = error
        self._tell(events.TimerFailed, now, error=error)

    def _set_due(self, job: JobRecord, after: float) -> None:
        if job.schedule is None:
            return
        if isinstance(job.schedule, Every) and job.schedule.start is None:
            job.schedule = job.schedule.anchored(utc(after))
        self._set_next(job, job.schedule.next(utc(after)))

    def _set_next(self, job: JobRecord, instant: datetime | None) -> None:
        job.due = None if instant is None else instant.timestamp()
        job.changed()
        self._agenda.put(job)

    def _tick_job(self, job: JobRecord, now: float) -> None:
        """One job is due: see how many of its ticks passed, and do with them what its policies say."""
        schedule, due = job.schedule, job.due
        assert schedule is not None  # a job without a schedule is never due
        assert due is not None
        upcoming = schedule.next(utc(due))
        ticks = 1
        if upcoming is not None and upcoming.timestamp() <= now:
            ticks += schedule.ticks_between(utc(due), utc(now), TICK_LIMIT)
            upcoming = schedule.next(utc(now))
        self._set_next(job, upcoming)
        if job.paused_at is not None:
            self._end_ticks(
                job, RunState.SKIPPED, f"paused since {self._hms(job.paused_at)}", due, now, ticks
            )
        elif job.misfire is Misfire.ALL:
            self._start_all(job, due, now)
        elif job.misfire is Misfire.SKIP and now - due > MISFIRE_GRACE:
            self._end_ticks(
                job,
                RunState.MISSED,
                f"seen only at {self._hms(now)}, {now - due:.1f} s late",
                due,
                now,
                ticks,
            )
        else:
            self._start_one(job, due, now, ticks)

    def _start_one(self, job: JobRecord, due: float, now: float, ticks: int) -> None:
        run = self._run_of_tick(job, due, now, ticks)
        if run is not None and ticks > 1:
            many = f"more than {TICK_LIMIT}" if ticks > TICK_LIMIT else str(ticks)
            reason = (
                f"{many} ticks since {self._hms(due)} passed unseen; run {run.number} stands for all of them"
            )
            self._end_ticks(job, RunState.COALESCED, reason, due, now, ticks - 1)

    def _start_all(self, job: JobRecord, due: float, now: float) -> None:
        schedule = job.schedule
        instant: float | None = due
        started = 0
        while instant is not None and instant <= now and started < TICK_LIMIT:
            self._run_of_tick(job, instant, now)
            started += 1
            following = schedule.next(utc(instant)) if schedule is not None else None
            instant = None if following is None else following.timestamp()
        if instant is not None and instant <= now:
            self._end_ticks(
                job,
                RunState.MISSED,
                f"more than {TICK_LIMIT} ticks passed unseen; these are the rest",
                instant,
                now,
                1,
            )

    def _run_of_tick(self, job: JobRecord, due: float, now: float, ticks: int = 1) -> RunRecord | None:
        refusal = self._refusal(job, Trigger.TICK)
        if refusal:
            self._end_ticks(job, RunState.SKIPPED, refusal, due, now, ticks)
            return None
        run = self._new_run(job, Trigger.TICK, now, due=due)
        self._admit(run, now)
        return run

    # --- gates and endings ------------------------------------------------------------------------

    def _refusal(self, job: JobRecord, trigger: Trigger) -> str:
        """Why a job takes no further run now, or ""."""
        if not job.busy or job.overlap is Overlap.ALLOW:
            return ""
        if job.overlap is Overlap.SKIP:
            return self._blocker(job)
        if trigger is Trigger.TICK and len(job.held) >= job.max_held:
            return f"{len(job.held)} runs are held already; {self._blocker(job)}"
        return ""

    def _blocker(self, job: JobRecord) -> str:
        if job.running:
            run = job.running[0]
            return f"still running since {self._hms(run.started or run.created)}, run {run.number}"
        return "an earlier run is still queued"

    def _admit(self, run: RunRecord, now: float) -> None:
        """Pass a run through its job's gate: to the queue, to the held runs, or to its end."""
        job = run.job
        refusal = self._refusal(job, run.trigger)
        if refusal:
            self._end(run, now, RunState.SKIPPED, refusal)
        elif job.busy and job.overlap is Overlap.HOLD:
            run.state = RunState.HELD
            run.waiting_since = now
            run.reason = self._blocker(job)
            job.held.append(run)
            self._held += 1
            self._tell_run(events.RunHeld, run, now)
        else:
            self._enqueue(run, now)

    def _enqueue(self, run: RunRecord, now: float) -> None:
        run.state = RunState.QUEUED
        run.reason = ""
        if run.waiting_since is None:
            run.waiting_since = now
        run.job.queued += 1
        self._queue.append(run)
        self._tell_run(events.RunQueued, run, now)

    def _release(self, job: JobRecord, now: float) -> None:
        """Send a job's next held run to the tail of the queue, once no earlier one is in its way."""
        if job.held and not job.running and not job.queued:
            run = job.held.popleft()
            self._held -= 1
            self._enqueue(run, now)

    def _end(self, run: RunRecord, now: float, state: RunState, reason: str) -> None:
        run.state = state
        run.ended = now
        run.reason = reason
        run.call = None  # its arguments may be large, and the ledger keeps the record
        if run.handle is not None:
            self.settled.append(run.handle)
            run.handle = None  # the result belongs to whoever holds the handle, not to the ledger
        run.job.recent.append(run)
        self._ledger.record(run)
        self._tell_run(events.RunFinished, run, now)

    def _end_ticks(
        self, job: JobRecord, state: RunState, reason: str, due: float, now: float, ticks: int
    ) -> None:
        """Record ticks that start no run; equal ones in a row share one entry, so they drown nothing out."""
        entry = job.recent[-1] if job.recent else None
        if entry is not None and entry.number == 0 and (entry.state, entry.reason) == (state, reason):
            entry.ticks += ticks
            entry.ended = now
        else:
            entry = RunRecord(0, job, Trigger.TICK, state, created=now, due=due)
            entry.ticks = ticks
            entry.reason = reason
            entry.ended = now
            job.recent.append(entry)
            self._ledger.record(entry)
        self._tell_run(events.TickEnded, entry, now)

    # --- books ------------------------------------------------------------------------------------

    def _new_run(
        self,
        job: JobRecord,
        trigger: Trigger,
        now: float,
        *,
        call: Call | None = None,
        due: float | None = None,
    ) -> RunRecord:
        self._numbers += 1
        return RunRecord(
            self._numbers, job, trigger, RunState.QUEUED, created=now, due=due, call=call or job.runnable.call
        )

    def _free_name(self, name: str) -> str:
        if name not in self.jobs:
            return name
        number = 2
        while f"{name}-{number}" in self.jobs:
            number += 1
        return f"{name}-{number}"

    def _held_runs(self) -> Iterator[RunRecord]:
        return (run for job in self.jobs.values() for run in job.held)

    def _hms(self, seconds: float) -> str:
        return datetime.fromtimestamp(seconds, self.tz).strftime("%H:%M:%S")

    def _tell(self, kind: type[events.Event], now: float, **details: Any) -> None:
        self._seq += 1
        if self.events is not None:
            self.events.append(kind(seq=self._seq, at=now, **details))

    def _tell_job(self, kind: type[events.JobEvent], job: JobRecord, now: float) -> None:
        job.changed()
        self._seq += 1
        if self.events is not None:
            self.events.append(kind(seq=self._seq, at=now, job=job.view(self.tz)))

    def _tell_run(self, kind: type[events.RunEvent], run: RunRecord, now: float) -> None:
        run.changed()
        run.job.changed()
        self._seq += 1
        if self.events is not None:
            self.events.append(kind(seq=self._seq, at=now, run=run.view(self.tz)))

    def find_run(self, number: int) -> RunRecord | None:
        """The waiting or running run of that number."""
        run = self._running.get(number) or self._scheduled.get(number)
        if run is None:
            run = next((run for run in [*self._queue, *self._held_runs()] if run.number == number), None)
        return run

    def runs_of(self, job: JobRecord) -> tuple[RunView, ...]:
        """The latest endings of one job, newest first, at most 20."""
        return tuple(run.view(self.tz) for run in reversed(job.recent))

    def job_view(self, job: JobRecord) -> JobView:
        """One job as it is now."""
        return job.view(self.tz)

    def snapshot(self, now: float) -> Snapshot:
        """Everything as it is now."""
        tz = self.tz
        held = (
            sorted(self._held_runs(), key=lambda run: (run.waiting_since, run.number)) if self._held else []
        )
        waiting = [*islice(self._queue, LIST_LIMIT), *held][:LIST_LIMIT]
        scheduled = nsmallest(LIST_LIMIT, self._scheduled.values(), key=lambda run: (run.due, run.number))
        return Snapshot(
            seq=self._seq,
            at=datetime.fromtimestamp(now, tz),
            zone=tz,
            phase=self.phase,
            started=None if self._started is None else datetime.fromtimestamp(self._started, tz),
            heartbeat=None if self.heartbeat is None else datetime.fromtimestamp(self.heartbeat, tz),
            timer_error=self.timer_error,
            pool=PoolView(
                size=self._size, running=len(self._running), queued=len(self._queue), held=self._held
            ),
            jobs=tuple(job.view(tz) for job in self.jobs.values()),
            running=tuple(run.view(tz) for run in islice(self._running.values(), LIST_LIMIT)),
            waiting=tuple(run.view(tz) for run in waiting),
            scheduled=tuple(run.view(tz) for run in scheduled),
            recent=tuple(run.view(tz) for run in self._ledger.latest(LIST_LIMIT)),
        )
