"""The runs: how one is admitted, held, queued, started and ended.

Waiting is data: a held run sits in its job's deque, a queued run in the pool's. When a run ends, its
job's next held run goes to the tail of the queue, and the head of the queue may start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count, islice

from jobtui.engine.batch import MAX_BATCH, Batch
from jobtui.engine.enums import Cancellation, Overlap, RunState, Trigger
from jobtui.engine.event_log import EventLog
from jobtui.engine.events import (
    RunFinished,
    RunHeld,
    RunQueued,
    RunScheduled,
    RunStarted,
    StopRequested,
    TickEnded,
)
from jobtui.engine.ledger import Ledger
from jobtui.engine.records import NO_EXTRAS, Call, JobRecord, RunRecord
from jobtui.engine.views import PoolView

# Looking up an enum's member takes Python 3.11 a tenth of a microsecond, and a run passes here five times.
_QUEUED, _HELD, _RUNNING, _CANCELLED = RunState.QUEUED, RunState.HELD, RunState.RUNNING, RunState.CANCELLED
_OK, _FAILED = RunState.OK, RunState.FAILED
_SCHEDULED, _SKIPPED = RunState.SCHEDULED, RunState.SKIPPED
_ALLOW = Overlap.ALLOW


class Pool:
    """Every live run, and the rules by which it moves on.

    Args:
        size: How many runs may be RUNNING at once; 0 for no limit.
        journal: Is told of every move.
        ledger: Keeps every ending.

    Attributes:
        queue: The QUEUED runs, in the order they will start.
        running: The RUNNING runs by number, oldest first.
        scheduled: The one-off runs whose instant has not come, by number.
        open: Whether runs may start.
        numbers: Gives each run its number. Whoever makes a run may take one, without a lock.
    """

    def __init__(self, size: int, event_log: EventLog, ledger: Ledger) -> None:
        self.size = size
        self.queue: deque[RunRecord] = deque()
        self.running: dict[int, RunRecord] = {}
        self.scheduled: dict[int, RunRecord] = {}
        self._held = 0
        self._over_limit = False  # more are RUNNING than the size is now
        self.accepting_starts = False
        self.run_numbers = count(1)
        self._event_log = event_log
        self._record = ledger.record
        self._record_all = ledger.record_all

    # --- beginnings -------------------------------------------------------------------------------

    def new_run(
        self, job: JobRecord, trigger: Trigger, now: float, due: float | None, call: Call
    ) -> RunRecord:
        """A run with the next number, that is nowhere yet."""
        return RunRecord(next(self.run_numbers), job, trigger, call, now, due)

    def add_scheduled(self, run: RunRecord, now: float) -> None:
        """Keep a one-off run until its instant."""
        run.state = _SCHEDULED
        run.waiting_since = None
        run.job.scheduled += 1
        self.scheduled[run.number] = run
        self._event_log.emit_run(RunScheduled, run, now)

    def release_scheduled(self, run: RunRecord, now: float) -> None:
        """A postponed run's instant has come."""
        self._forget_scheduled(run)
        self.admit(run, now)

    def rejection_reason(self, job: JobRecord, trigger: Trigger) -> str:
        """Why a job takes no further run now, or ""."""
        if not job.busy or job.overlap is _ALLOW:
            return ""
        if job.overlap is Overlap.SKIP:
            return self._blocking_run_reason(job)
        if trigger is Trigger.TICK and len(job.held) >= job.max_held and job.overlap is not Overlap.REPLACE:
            return f"{len(job.held)} runs are held already; {self._blocking_run_reason(job)}"
        return ""

    def admit(self, run: RunRecord, now: float) -> None:
        """Pass a run through its job's gate: to the queue, to the held runs, or to its end."""
        job = run.job
        if job.overlap is _ALLOW or not job.busy:
            run.state = _QUEUED
            run.waiting_since = now
            job.queued += 1
            job.last_queued = run
            self.queue.append(run)
            job.cached_view = None
            self._event_log.emit_deferred(RunQueued, run)
        elif rejection_reason := self.rejection_reason(job, run.trigger):
            self._end(run, now, _SKIPPED, rejection_reason)
        elif job.overlap is Overlap.REPLACE and not self._replace(job, run.number, now):
            self.admit(run, now)
        else:
            run.state = _HELD
            run.waiting_since = now
            run.ensure_extras().reason = f"waits for run {self._last_run(job).number}"
            job.add_held(run)
            self._held += 1
            self._event_log.emit_run(RunHeld, run, now)

    def _replace(self, job: JobRecord, number: int, now: float) -> bool:
        """Cancel the runs of a job in favour of a new one. Returns whether the job is still busy."""
        reason = f"replaced by run {number}"
        for run in (*reversed(job.held), *(run for run in self.queue if run.job is job and job.queued)):
            self.cancel(run, now, reason)
        for run in [run for run in self.running.values() if run.job is job]:
            self.cancel(run, now, reason)
        return job.busy

    def resize(self, size: int) -> None:
        """Let so many be RUNNING at once from here on; 0 for no limit."""
        self.size = size
        self._over_limit = 0 < size < len(self.running)

    def can_start(self) -> bool:
        """Whether a run may start now."""
        return (
            bool(self.queue) and self.accepting_starts and (self.size == 0 or len(self.running) < self.size)
        )

    def start_next(self, now: float, worker: str) -> RunRecord | None:
        """Start the run at the head of the queue, if there is one and a slot for it."""
        if not self.queue or not self.accepting_starts or 0 < self.size <= len(self.running):
            return None
        run = self.queue.popleft()
        self._start(run, now, worker)
        self._event_log.emit_deferred(RunStarted, run)
        return run

    def _start(self, run: RunRecord, now: float, worker: str) -> None:
        job = run.job
        job.queued -= 1
        job.running += 1
        job.prev = now
        self.running[run.number] = run
        run.state = _RUNNING
        run.started = now
        run.worker = worker
        job.cached_view = None

    def reject(self, run: RunRecord, now: float, reason: str) -> None:
        """End a run that was accepted and then found nobody to take it."""
        self._end(run, now, _CANCELLED, reason)

    # --- endings ----------------------------------------------------------------------------------

    def finish(
        self,
        run: RunRecord,
        now: float,
        state: RunState,
        elapsed: float,
        *,
        reason: str = "",
        error: str = "",
    ) -> None:
        """Record the end of a run's work; of a run that was given up already, nothing is recorded again."""
        if run.state is not _RUNNING:
            return
        job = run.job
        del self.running[run.number]
        self._over_limit = 0 < self.size < len(self.running)
        job.running -= 1
        run.elapsed = elapsed
        if state is not _CANCELLED:
            job.runs += 1
            job.last_elapsed = elapsed
            if state is _FAILED:
                job.failures += 1
                run.ensure_extras().error = error
        else:
            job.count_ending(state)
        self._end(run, now, state, reason)
        if job.held:
            self._promote_held(job, now)

    def cancel(self, run: RunRecord, now: float, reason: str) -> Cancellation:
        """Take out a run that waits; ask one that runs to stop."""
        if run.state is _RUNNING:
            self._ask_to_stop(run, now, reason)
            return Cancellation.ASKED
        if run.state.ended:
            return Cancellation.TOO_LATE
        was_queued = run.state is _QUEUED
        if was_queued:
            self.queue.remove(run)
            run.job.queued -= 1
        elif run.state is _HELD:
            self._take_out_held(run)
        else:
            self._forget_scheduled(run)
        self._end(run, now, _CANCELLED, reason)
        if was_queued:
            self._promote_held(run.job, now)
        return Cancellation.TAKEN_OUT

    def _ask_to_stop(self, run: RunRecord, now: float, reason: str) -> None:
        extras = run.ensure_extras()
        if not extras.stop_reason:
            extras.stop_reason = reason
            extras.reason = f"asked to stop at {self._event_log.format_time(now)}: {reason}"
            self._event_log.stop_requested.append(run)
            self._event_log.notifications_pending = True
            self._event_log.emit_run(StopRequested, run, now)

    def cancel_waiting(self, jobs: Iterable[JobRecord], now: float, reason: str) -> None:
        """Take out every run of these jobs that waits."""
        jobs = dict.fromkeys(jobs)
        # Held runs first: a queued one that goes would send its job's next held run to the queue.
        for run in [run for job in jobs for run in job.held]:
            self.cancel(run, now, reason)
        queued = [run for run in self.queue if run.job in jobs]
        # In one pass: to search the queue for each of 20,000 runs takes seconds.
        self.queue = deque(run for run in self.queue if run.job not in jobs)
        for run in queued:
            run.job.queued -= 1
            self._end(run, now, _CANCELLED, reason)
        for run in [run for run in self.scheduled.values() if run.job in jobs]:
            self.cancel(run, now, reason)

    def end_ticks(
        self, job: JobRecord, state: RunState, reason: str, *, due: float, now: float, ticks: int
    ) -> None:
        """Record ticks that start no run; equal ones in a row share one entry, so they drown nothing out."""
        entry = job.recent[-1] if job.recent else None
        if isinstance(entry, RunRecord) and (entry.state, entry.extras.reason) == (state, reason):
            entry.extras.ticks += ticks
            entry.ended = now
        else:
            entry = RunRecord(0, job, Trigger.TICK, None, now, due)
            entry.state = state
            entry.mark_never_started()
            entry.ended = now
            entry.ensure_extras().ticks = ticks
            entry.ensure_extras().reason = reason
            job.add_recent(entry)
            self._record(entry)
        job.count_ending(state, ticks)
        self._event_log.emit_run(TickEnded, entry, now)

    # --- the moves that nearly every run takes, several at once -----------------------------------

    def admit_one_offs(self, runs: list[RunRecord]) -> None:
        """Queue runs that are QUEUED since they were created, of jobs whose runs may overlap; all at once.

        What `admit` would do with each, in a fraction of the time.
        """
        for run in runs:
            job = run.job
            job.queued += 1
            job.cached_view = None
        self.queue.extend(runs)
        self._event_log.emit_queued(runs)

    def finish_and_start_next(
        self, done: RunRecord, now: float, elapsed: float, worker: str
    ) -> RunRecord | None:
        """`finish` a run that ended OK, without remarks, and `take` the next one.

        Nearly every run passes here, and where nothing is special both are done at once: to go from one
        to the other takes as long as what they do.
        """
        job, queue, running = done.job, self.queue, self.running
        recent = job.recent
        if not queue or job.held or self._over_limit or done.state is not _RUNNING:
            self.finish(done, now, _OK, elapsed)
            return self.start_next(now, worker)
        run = queue.popleft()
        del running[done.number]
        running[run.number] = run
        # `finish`, for one that has been RUNNING and was all that its job had in the queue.
        done.state = _OK
        done.elapsed = job.last_elapsed = elapsed
        done.call = done.handle = job.last_queued = None
        job.runs += 1
        # `take`.
        run.state = _RUNNING
        run.worker = worker
        job.cached_view = None
        if run.job is not job:
            job.running -= 1
            job = run.job
            job.running += 1
            job.cached_view = None
        job.queued -= 1
        done.ended = run.started = job.prev = now
        row, record, event_log = done.pack(), self._record, self._event_log
        if recent:
            recent.append(row)
        else:
            done.job.add_recent(row)
        record(row)
        event_log.seq += 2
        if event_log.buffer is not None:
            event_log.buffer += (RunFinished, done, RunStarted, run)
        return run

    def start_batch(self, run: RunRecord, worker: str) -> Batch:
        """Take more runs like this one, which has just started, from the head of the queue."""
        queue, job, more = self.queue, run.job, []
        for each in islice(queue, MAX_BATCH - 1):
            if each.job is not job or each.extras is not NO_EXTRAS or each.attachments is not None:
                break
            more.append(each)
        for _ in more:
            queue.popleft()
        return Batch(run, more, worker)

    def record_batch(self, streak: Batch, offset: float) -> None:
        """Bring the books up to date with a streak, and put back into the queue what has not begun.

        What `turn` would have done with each, in a fraction of the time.

        Args:
            streak: Its runs are of a job whose runs may overlap, and end OK, with no remarks.
            offset: The wall clock's seconds less the monotonic ones.
        """
        self.queue.extendleft(streak.reclaim())
        runs, first, ended = streak.runs, streak.recorded, streak.ended
        if first == ended or runs[first].state is not _RUNNING:  # or it was given up meanwhile
            return
        streak.recorded = ended
        done, begun = runs[first:ended], runs[first + 1 : ended + 1]
        at, rows = runs[first].started or 0.0, []
        offset = max(
            offset, at - streak.timings[2 * first]
        )  # it is measured: no run ends before it has begun
        for run, (end, elapsed) in zip(done, streak.endings(first, ended), strict=True):
            run.started = at
            run.worker = streak.worker
            run.ended = at = end + offset
            run.elapsed = elapsed
            run.state = _OK
            run.call = run.handle = None
            rows.append(run.pack())
        job = runs[first].job
        job.runs += len(done)
        job.queued -= len(begun)
        job.prev, job.last_elapsed = done[-1].started, done[-1].elapsed
        job.cached_view = None
        del self.running[done[0].number]
        if len(begun) == len(done):
            run = begun[-1]
            run.started = job.prev = at
            run.worker = streak.worker
            run.state = _RUNNING
            self.running[run.number] = run
        else:
            job.running -= 1
        job.add_recent(*rows)
        self._record_all(rows)
        self._event_log.emit_batch(done, begun)

    # --- books ------------------------------------------------------------------------------------

    def held_runs(self, jobs: Iterable[JobRecord]) -> Iterator[RunRecord]:
        """The HELD runs of these jobs; costs nothing while none is held."""
        return (run for job in jobs for run in job.held) if self._held else iter(())

    def view(self) -> PoolView:
        """The counts, now."""
        return PoolView(size=self.size, running=len(self.running), queued=len(self.queue), held=self._held)

    def _blocking_run_reason(self, job: JobRecord) -> str:
        if job.running:
            run = next(run for run in self.running.values() if run.job is job)
            started = self._event_log.format_time(run.started or run.created)
            return f"still running since {started}, run {run.number}"
        assert job.last_queued is not None  # what is busy and does not run waits in the queue
        return f"run {job.last_queued.number} is still queued"

    def _last_run(self, job: JobRecord) -> RunRecord:
        """The live run of a busy job that a new one would have to wait for."""
        last = job.held[-1] if job.held else job.last_queued
        assert last is not None  # a busy job has had a run in the queue
        return last

    def _promote_held(self, job: JobRecord, now: float) -> None:
        """Send a job's next held run to the tail of the queue, once no earlier one is in its way."""
        if job.held and not job.running and not job.queued:
            run = job.held.popleft()
            self._held -= 1
            run.state = _QUEUED
            run.ensure_extras().reason = ""
            job.queued += 1
            job.last_queued = run
            self.queue.append(run)
            self._event_log.emit_run(RunQueued, run, now)

    def _take_out_held(self, run: RunRecord) -> None:
        held = run.job.held
        assert isinstance(held, deque)  # there is one in it
        place = held.index(run)
        del held[place]
        self._held -= 1
        if place < len(held):  # the run behind it now waits for what this one waited for
            held[place].ensure_extras().reason = run.extras.reason
            held[place].cached_view = None

    def _forget_scheduled(self, run: RunRecord) -> None:
        del self.scheduled[run.number]
        run.job.scheduled -= 1

    def _end(self, run: RunRecord, now: float, state: RunState, reason: str) -> None:
        if run.state is not _RUNNING:
            run.mark_never_started()
            run.job.count_ending(state)
        if reason:
            run.ensure_extras().reason = reason
        self._finalize(run, now, state)
        self._event_log.emit_deferred(RunFinished, run)

    def _finalize(self, run: RunRecord, now: float, state: RunState) -> None:
        """Close the books on a run."""
        job = run.job
        run.state = state
        run.ended = now
        run.call = None  # its arguments may be large, and the ledger keeps the record
        run.handle = None  # the result belongs to whoever holds the handle, not to the ledger
        if job.last_queued is run:
            job.last_queued = None  # or each job would keep a run for as long as it lives
        if run.extras.waiter is not None:
            self._event_log.finished_waiters.append(run.extras.waiter)
            self._event_log.notifications_pending = True
        self._remember(run)
        job.cached_view = None

    def _remember(self, run: RunRecord) -> None:
        """Enter an ending, in the ledger and with its job."""
        row, record, attachments = run.pack(), self._record, run.attachments
        if run.job.recent:
            run.job.recent.append(row)
        else:
            run.job.add_recent(row)
        record(run if attachments is not None and attachments.outlives_run else row)
