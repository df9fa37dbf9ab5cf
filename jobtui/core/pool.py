"""The runs: how one is admitted, held, queued, started and ended.

Waiting is data: a held run sits in its job's deque, a queued run in the pool's. When a run ends, its
job's next held run goes to the tail of the queue, and the head of the queue may start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

from jobtui.core import events
from jobtui.core.journal import Journal
from jobtui.core.model import Overlap, PoolView, RunState, Trigger
from jobtui.core.records import Call, JobRecord, RunRecord


class Ledger(Protocol):
    """What keeps the record of every ending."""

    def record(self, run: RunRecord) -> None:
        """Keep an ending; called under the scheduler's lock, so it must not block."""
        ...

    def latest(self, limit: int) -> list[RunRecord]:
        """The latest endings, newest first."""
        ...


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
    """

    def __init__(self, size: int, journal: Journal, ledger: Ledger) -> None:
        self.size = size
        self.queue: deque[RunRecord] = deque()
        self.running: dict[int, RunRecord] = {}
        self.scheduled: dict[int, RunRecord] = {}
        self._held = 0
        self._numbers = 0
        self._journal = journal
        self._ledger = ledger

    # --- beginnings -------------------------------------------------------------------------------

    def new_run(
        self,
        job: JobRecord,
        trigger: Trigger,
        now: float,
        *,
        call: Call | None = None,
        due: float | None = None,
    ) -> RunRecord:
        """A run with the next number, that is nowhere yet."""
        self._numbers += 1
        return RunRecord(
            self._numbers, job, trigger, RunState.QUEUED, created=now, due=due, call=call or job.runnable.call
        )

    def postpone(self, run: RunRecord, now: float) -> None:
        """Keep a one-off run until its instant."""
        run.state = RunState.SCHEDULED
        run.job.scheduled += 1
        self.scheduled[run.number] = run
        self._journal.tell_run(events.RunScheduled, run, now)

    def arrive(self, run: RunRecord, now: float) -> None:
        """A postponed run's instant has come."""
        self._forget_scheduled(run)
        self.admit(run, now)

    def refusal(self, job: JobRecord, trigger: Trigger) -> str:
        """Why a job takes no further run now, or ""."""
        if not job.busy or job.overlap is Overlap.ALLOW:
            return ""
        if job.overlap is Overlap.SKIP:
            return self._blocker(job)
        if trigger is Trigger.TICK and len(job.held) >= job.max_held:
            return f"{len(job.held)} runs are held already; {self._blocker(job)}"
        return ""

    def admit(self, run: RunRecord, now: float) -> None:
        """Pass a run through its job's gate: to the queue, to the held runs, or to its end."""
        job = run.job
        refusal = self.refusal(job, run.trigger)
        if refusal:
            self._end(run, now, RunState.SKIPPED, refusal)
        elif job.busy and job.overlap is Overlap.HOLD:
            run.state = RunState.HELD
            run.waiting_since = now
            run.reason = f"waits for run {self._last_run(job).number}"
            job.held.append(run)
            self._held += 1
            self._journal.tell_run(events.RunHeld, run, now)
        else:
            self._enqueue(run, now)

    @property
    def free(self) -> int:
        """How many queued runs there are slots for."""
        queued = len(self.queue)
        return queued if self.size == 0 else max(0, min(queued, self.size - len(self.running)))

    def take(self, now: float, worker: str) -> RunRecord:
        """Start the run at the head of the queue."""
        run = self.queue.popleft()
        run.job.queued -= 1
        run.job.running.append(run)
        self.running[run.number] = run
        run.state = RunState.RUNNING
        run.started = run.job.prev = now
        run.worker = worker
        self._journal.tell_run(events.RunStarted, run, now)
        return run

    # --- endings ----------------------------------------------------------------------------------

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
        del self.running[run.number]
        job.running.remove(run)
        run.elapsed = elapsed
        run.error = error
        if state is not RunState.CANCELLED:
            job.runs += 1
            job.failures += state is RunState.FAILED
            job.last_elapsed = elapsed
        self._end(run, now, state, reason)
        self._release(job, now)

    def cancel(self, run: RunRecord, now: float, reason: str) -> bool:
        """Take out a run that waits. Returns False for one that has started or ended."""
        if not run.state.waiting:
            return False
        was_queued = run.state is RunState.QUEUED
        if was_queued:
            self.queue.remove(run)
            run.job.queued -= 1
        elif run.state is RunState.HELD:
            self._take_out_held(run)
        else:
            self._forget_scheduled(run)
        self._end(run, now, RunState.CANCELLED, reason)
        if was_queued:
            self._release(run.job, now)
        return True

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
            self._end(run, now, RunState.CANCELLED, reason)
        for run in [run for run in self.scheduled.values() if run.job in jobs]:
            self.cancel(run, now, reason)

    def end_ticks(
        self, job: JobRecord, state: RunState, reason: str, *, due: float, now: float, ticks: int
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
        self._journal.tell_run(events.TickEnded, entry, now)

    # --- books ------------------------------------------------------------------------------------

    def held(self, jobs: Iterable[JobRecord]) -> Iterator[RunRecord]:
        """The HELD runs of these jobs; costs nothing while none is held."""
        return (run for job in jobs for run in job.held) if self._held else iter(())

    def view(self) -> PoolView:
        """The counts, now."""
        return PoolView(size=self.size, running=len(self.running), queued=len(self.queue), held=self._held)

    def _blocker(self, job: JobRecord) -> str:
        if job.running:
            run = job.running[0]
            return f"still running since {self._journal.hms(run.started or run.created)}, run {run.number}"
        assert job.last_queued is not None  # what is busy and does not run waits in the queue
        return f"run {job.last_queued.number} is still queued"

    def _last_run(self, job: JobRecord) -> RunRecord:
        """The live run of a busy job that a new one would have to wait for."""
        last = job.held[-1] if job.held else job.running[-1] if job.running else job.last_queued
        assert last is not None  # a busy job has a run in one of the three places
        return last

    def _enqueue(self, run: RunRecord, now: float) -> None:
        run.state = RunState.QUEUED
        run.reason = ""
        if run.waiting_since is None:
            run.waiting_since = now
        run.job.queued += 1
        run.job.last_queued = run
        self.queue.append(run)
        self._journal.tell_run(events.RunQueued, run, now)

    def _release(self, job: JobRecord, now: float) -> None:
        """Send a job's next held run to the tail of the queue, once no earlier one is in its way."""
        if job.held and not job.running and not job.queued:
            run = job.held.popleft()
            self._held -= 1
            self._enqueue(run, now)

    def _take_out_held(self, run: RunRecord) -> None:
        held = run.job.held
        place = held.index(run)
        del held[place]
        self._held -= 1
        if place < len(held):  # the run behind it now waits for what this one waited for
            held[place].reason = run.reason
            held[place].changed()

    def _forget_scheduled(self, run: RunRecord) -> None:
        del self.scheduled[run.number]
        run.job.scheduled -= 1

    def _end(self, run: RunRecord, now: float, state: RunState, reason: str) -> None:
        run.state = state
        run.ended = now
        run.reason = reason
        run.call = None  # its arguments may be large, and the ledger keeps the record
        if run.handle is not None:
            self._journal.settled.append(run.handle)
            run.handle = None  # the result belongs to whoever holds the handle, not to the ledger
        run.job.recent.append(run)
        self._ledger.record(run)
        self._journal.tell_run(events.RunFinished, run, now)
