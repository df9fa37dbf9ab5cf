"""Replay the recorded events on a model that is as simple as the rules, and report where they differ."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from stress_evidence import Check, Evidence, Faults, ListedRun, SnapshotSummary, counts_of
from stress_load import LEAP
from stress_model import PREDECESSORS, ModelJob, ModelRun, first_difference, is_same_entry

from jobtui import Every, RunState
from jobtui.engine import events
from jobtui.engine.enums import Overlap, Phase, Trigger
from jobtui.engine.views import JobView, RunView

LIST_LIMIT = 200  # a snapshot lists at most this many runs of a kind
# Seconds by which an event may be older than an earlier one: the caller read the clock and then had to wait.
MAX_BACKWARD = 1.0 + LEAP
GRID_NOISE = timedelta(milliseconds=1)  # by which rounding may move a tick off its grid

SKIP, ALLOW, REPLACE = Overlap.SKIP, Overlap.ALLOW, Overlap.REPLACE
TICK_ENDINGS = (RunState.SKIPPED, RunState.MISSED, RunState.COALESCED)


class Replay:
    """Replays the events in the order of their numbers.

    Args:
        evidence: The records.
        faults: Receives the failures.

    Attributes:
        runs: Every run of the events, by its number.
        ticks: How many ticks the events report.
        ended: How many runs ended in each state.
        stopped_at: The time of SchedulerStopped, in seconds since the epoch; None without that event.
        occurrences: How often each kind of event, ending and policy occurred.
    """

    def __init__(self, evidence: Evidence, faults: Faults) -> None:
        self.runs: dict[int, ModelRun] = {}
        self.ticks = 0
        self.ended: Counter[RunState] = Counter()
        self.occurrences: Counter[str] = Counter()
        self.stopped_at: float | None = None
        self._evidence = evidence
        self._faults = faults
        self._jobs: dict[str, ModelJob] = {}
        self._generations: Counter[str] = Counter()
        self._queue: deque[int] = deque()
        self._queued = 0
        self._held = 0
        self._running: set[int] = set()
        self._size = evidence.first.pool.size
        self._phase = evidence.first.phase
        self._latest = evidence.began
        self._clock_was_set = any(isinstance(event, events.ClockStepped) for event in evidence.events)
        self._handlers: dict[type[events.Event], Callable[[Any], None]] = {
            events.JobAdded: self._job_added,
            events.JobRemoved: self._job_removed,
            events.JobPaused: self._job_paused,
            events.JobResumed: self._job_resumed,
            events.RunScheduled: self._run_scheduled,
            events.RunHeld: self._run_held,
            events.RunQueued: self._run_queued,
            events.RunStarted: self._run_started,
            events.AttemptFailed: self._attempt_failed,
            events.StopRequested: self._stop_requested,
            events.RunFinished: self._run_finished,
            events.TickEnded: self._tick_ended,
            events.PoolResized: self._pool_resized,
            events.InternalError: self._internal_error,
            events.SchedulerStarted: self._phase_changed,
            events.SchedulerStopping: self._phase_changed,
            events.SchedulerStopped: self._phase_changed,
        }

    def play(self) -> None:
        """Replay all events."""
        snapshots: dict[int, list[SnapshotSummary]] = {}
        for snapshot in [*self._evidence.snapshots, self._evidence.last]:
            snapshots.setdefault(snapshot.seq, []).append(snapshot)
        expected = self._evidence.first.seq + 1
        for event in self._evidence.events:
            if event.seq != expected:
                self._fault(Check.NUMBERS, event, f"{expected} was expected")
            expected = event.seq + 1
            self._check_time(event)
            self.occurrences[type(event).__name__] += 1
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(event)
            for snapshot in snapshots.pop(event.seq, ()):
                self._compare_snapshot(snapshot)
        for seq in snapshots:
            if seq >= expected:
                self._faults.add(
                    Check.NUMBERS, f"a snapshot has number {seq}; the last event has {expected - 1}"
                )
        if self._evidence.last.seq != expected - 1:
            self._faults.add(
                Check.NUMBERS,
                f"the last event has number {expected - 1}, the final snapshot {self._evidence.last.seq}",
            )

    # --- jobs -------------------------------------------------------------------------------------

    def _job_added(self, event: events.JobAdded) -> None:
        view = event.job
        if view.name in self._jobs:
            self._fault(Check.STATES, event, f"there is a job {view.name!r} already")
        if self._phase in (Phase.STOPPING, Phase.STOPPED):
            self._fault(Check.STOPPING, event, f"job {view.name!r} was accepted")
        self._jobs[view.name] = ModelJob(
            name=view.name,
            generation=self._generations[view.name],
            overlap=view.overlap,
            interval=view.schedule.interval if isinstance(view.schedule, Every) else None,
            next_tick=view.next,
        )
        self._generations[view.name] += 1
        self._compare_job(view, event)

    def _job_removed(self, event: events.JobRemoved) -> None:
        self._compare_job(event.job, event)
        self._jobs.pop(event.job.name, None)

    def _job_paused(self, event: events.JobPaused) -> None:
        if event.job.name in self._jobs:
            self._jobs[event.job.name].paused = True
        self._compare_job(event.job, event)

    def _job_resumed(self, event: events.JobResumed) -> None:
        if event.job.name in self._jobs:
            self._jobs[event.job.name].paused = False
        self._compare_job(event.job, event)

    def _compare_job(self, view: JobView, event: events.Event) -> None:
        job = self._jobs.get(view.name)
        if job is None:
            self._fault(Check.SNAPSHOTS, event, f"there is no job {view.name!r}")
        elif counts_of(view) != job.counts():
            self._fault(Check.SNAPSHOTS, event, f"{job} has {job.counts()}, its view has {counts_of(view)}")

    # --- runs -------------------------------------------------------------------------------------

    def _enter(self, event: events.RunEvent, state: RunState) -> tuple[ModelRun, RunState | None]:
        """Let a run enter a state; return the run and its state before."""
        view = event.run
        run = self.runs.get(view.number)
        if run is None:
            job = self._jobs.get(view.job)
            if job is None:
                self._fault(Check.STATES, event, f"run {view.number} is of {view.job!r}, which is not a job")
                job = self._jobs[view.job] = ModelJob(view.job, 0, ALLOW, None)
            run = self.runs[view.number] = ModelRun(view.number, job)
            self._check_first_state(run, event, state)
        before, run.state = run.state, state
        if not state.ended and before not in PREDECESSORS[state]:
            self._fault(Check.STATES, event, f"{run} is {state.value} after {before and before.value}")
        if view.state is not state or view.job != run.job.name:
            self._fault(Check.STATES, event, f"{run} is {state.value}, but its view shows {view}")
        if event.at < run.at - self._slack:
            self._fault(Check.TIMES, event, f"{run} entered its state before at {run.at:.6f}")
        run.at = event.at
        if self._phase in (Phase.STOPPING, Phase.STOPPED) and not state.ended:
            self._fault(Check.STOPPING, event, f"{run} is {state.value}")
        self._leave(run, before, event)
        return run, before

    def _check_first_state(self, run: ModelRun, event: events.RunEvent, state: RunState) -> None:
        if event.run.trigger is not Trigger.TICK:
            return
        self.ticks += 1
        if run.job.paused:
            self._fault(Check.PAUSED, event, f"{run} was started by a tick")
        if state is RunState.HELD:
            limit = self._evidence.max_held.get(run.job.name)
            if limit is not None and len(run.job.held) >= limit:
                self._fault(Check.GATES, event, f"{run}, of a tick, is held with {len(run.job.held)} others")
        self._count_ticks(run.job, event.run, 1, event)

    def _leave(self, run: ModelRun, before: RunState | None, event: events.RunEvent) -> None:
        """Remove a run from the place of its state before."""
        job, number = run.job, run.number
        if before is RunState.SCHEDULED:
            job.scheduled.discard(number)
        elif before is RunState.HELD:
            self._held -= 1
            if run.state is RunState.QUEUED and job.held and job.held[0] != number:
                self._fault(Check.HELD, event, f"{run} was released before run {job.held[0]}")
            if number in job.held:
                job.held.remove(number)
        elif before is RunState.QUEUED:
            self._queued -= 1
            job.queued.discard(number)
        elif before is RunState.RUNNING:
            job.running.discard(number)
            self._running.discard(number)
        elif before is RunState.RETRYING:
            job.retrying.discard(number)

    def _run_scheduled(self, event: events.RunScheduled) -> None:
        run, _ = self._enter(event, RunState.SCHEDULED)
        run.job.scheduled.add(run.number)

    def _run_held(self, event: events.RunHeld) -> None:
        run, _ = self._enter(event, RunState.HELD)
        if run.job.overlap in (SKIP, ALLOW) or not run.job.is_busy:
            self._fault(Check.GATES, event, f"{run} was held; its job had {run.job.counts()}")
        if run.job.overlap is REPLACE and (run.job.queued or run.job.held or run.job.retrying):
            self._fault(Check.GATES, event, f"{run} did not replace the waiting runs: {run.job.counts()}")
        run.job.held.append(run.number)
        self._held += 1

    def _run_queued(self, event: events.RunQueued) -> None:
        run, before = self._enter(event, RunState.QUEUED)
        job = run.job
        if before is RunState.HELD:
            if job.running or job.queued or job.retrying:
                self._fault(Check.HELD, event, f"{run} was released; its job had {job.counts()}")
        elif job.overlap is not ALLOW and before is RunState.RETRYING:
            if job.running or job.queued or job.retrying:
                self._fault(Check.GATES, event, f"{run} was tried again; its job had {job.counts()}")
        elif job.overlap is not ALLOW and job.is_busy:
            self._fault(Check.GATES, event, f"{run} was queued; its job had {job.counts()}")
        job.queued.add(run.number)
        self._queue.append(run.number)
        self._queued += 1

    def _run_started(self, event: events.RunStarted) -> None:
        run, _ = self._enter(event, RunState.RUNNING)
        job = run.job
        # Cancelled runs are still in this queue.
        while self._queue and self._queue[0] != run.number and self._has_left_queue(self._queue[0]):
            self._queue.popleft()
        if self._queue and self._queue[0] == run.number:
            self._queue.popleft()
        else:
            head = f"run {self._queue[0]}" if self._queue else "no run"
            self._fault(Check.FIFO, event, f"{run} started; the head of the queue was {head}")
            if run.number in self._queue:
                self._queue.remove(run.number)
        if 0 < self._size <= len(self._running):
            count = len(self._running)
            self._fault(Check.POOL, event, f"{run} started with {count} others in a pool of {self._size}")
        if job.overlap is not ALLOW and job.running:
            self._fault(
                Check.OVERLAP_BY_EVENTS, event, f"{run} started while {sorted(job.running)} were running"
            )
        run.started_seq = event.seq
        job.running.add(run.number)
        self._running.add(run.number)
        self.occurrences[f"a run with overlap={job.overlap.value}"] += 1

    def _attempt_failed(self, event: events.AttemptFailed) -> None:
        run, _ = self._enter(event, RunState.RETRYING)
        if run.stop_requested or event.run.retry_at is None:
            self._fault(Check.CANCELS, event, f"{run} is tried again, at {event.run.retry_at}")
        run.attempts += 1
        if event.run.attempt != run.attempts or len(event.run.attempts_made) != run.attempts:
            self._fault(Check.STATES, event, f"{run} has had {run.attempts} attempts: {event.run}")
        run.started_seq = None
        run.job.retrying.add(run.number)

    def _stop_requested(self, event: events.StopRequested) -> None:
        run = self.runs.get(event.run.number)
        if run is None or run.state is not RunState.RUNNING or run.stop_requested or not event.run.reason:
            self._fault(Check.CANCELS, event, f"{run} is not RUNNING, or had a request before: {event.run}")
        else:
            run.stop_requested = True

    def _has_left_queue(self, number: int) -> bool:
        return self.runs[number].state is not RunState.QUEUED

    def _run_finished(self, event: events.RunFinished) -> None:
        view = event.run
        if not view.state.ended:
            self._fault(Check.STATES, event, f"the view of an ending shows {view}")
        run, before = self._enter(event, view.state)
        run.endings += 1
        run.final, run.ended_seq = view, event.seq
        if before is not None and before.ended:
            self._fault(Check.ENDINGS, event, f"{run} is {view.state.value}, but was {before.value} already")
        if view.state is not RunState.OK and not view.reason:
            self._fault(Check.ENDINGS, event, f"{run} is {view.state.value} without a reason")
        if view.ended is None or abs(view.ended.timestamp() - event.at) > self._slack:
            self._fault(Check.TIMES, event, f"{run} has ended at {view.ended}")
        run.worker = view.worker  # not the worker that started it, which may have left it to another one
        if before is RunState.RUNNING:
            run.job.runs += view.state in (RunState.OK, RunState.FAILED)
            run.job.failures += view.state is RunState.FAILED
            if view.elapsed is None or view.elapsed < timedelta():
                self._fault(Check.TIMES, event, f"{run} took {view.elapsed}")
        elif view.state in (RunState.OK, RunState.FAILED):
            self._fault(Check.STATES, event, f"{run} is {view.state.value}, but has not started")
        elif view.state is RunState.SKIPPED and (run.job.overlap is not SKIP or not run.job.is_busy):
            self._fault(Check.GATES, event, f"{run} was skipped; its job had {run.job.counts()}")
        if self._phase is Phase.STOPPED and before is not None:
            self._fault(Check.STOPPING, event, f"{run} ended after the scheduler had stopped")
        self.ended[view.state] += 1
        self.occurrences[f"{view.state.value} after {before.value if before else 'nothing'}"] += 1

    # --- ticks ------------------------------------------------------------------------------------

    def _tick_ended(self, event: events.TickEnded) -> None:
        view, job = event.run, self._jobs.get(event.run.job)
        if view.state not in TICK_ENDINGS or not view.reason or view.number != 0 or view.ticks < 1:
            self._fault(Check.REASONS, event, f"{view}")
        if job is None:
            self._fault(Check.STATES, event, f"a tick of {view.job!r}, which is not a job")
            return
        if self._phase in (Phase.STOPPING, Phase.STOPPED):
            self._fault(Check.STOPPING, event, f"a tick of {job}")
        entry, job.tick_entry = job.tick_entry, view
        # Equal ticks in a row share one entry; each new tick is an event with the whole entry.
        known = entry.ticks if entry is not None and is_same_entry(entry, view) else 0
        self.ticks += view.ticks - known
        self._count_ticks(job, view, view.ticks - known, event)
        self.occurrences[f"a tick {view.state.value}"] += 1

    def _count_ticks(self, job: ModelJob, view: RunView, ticks: int, event: events.Event) -> None:
        if job.interval is None or self._clock_was_set:
            return
        if view.due is None or ticks < 1:
            self._fault(Check.TICKS, event, f"{ticks} ticks of {job}, due {view.due}")
            return
        expected = job.next_tick or view.due
        # The instants of ticks that share an entry or a run are unknown.
        if view.ticks == ticks and view.state is not RunState.COALESCED:
            if abs(view.due - expected) > GRID_NOISE:
                self._fault(Check.TICKS, event, f"{job}: tick {view.due}, but {expected} was next")
            expected = view.due
        job.next_tick = expected + ticks * job.interval

    # --- the rest ---------------------------------------------------------------------------------

    def _pool_resized(self, event: events.PoolResized) -> None:
        self._size = event.size
        self.occurrences["a pool without limit"] += event.size == 0
        self.occurrences["a pool shrunk below what is RUNNING"] += 0 < event.size < len(self._running)

    def _internal_error(self, event: events.InternalError) -> None:
        self._fault(Check.ERRORS, event, f"internal error: {event.error}")

    def _phase_changed(self, event: events.Event) -> None:
        transitions = {
            events.SchedulerStarted: (Phase.NEW, Phase.RUNNING),
            events.SchedulerStopping: (Phase.RUNNING, Phase.STOPPING),
            events.SchedulerStopped: (Phase.STOPPING, Phase.STOPPED),
        }
        before, self._phase = self._phase, transitions[type(event)][1]
        if before is not transitions[type(event)][0]:
            self._fault(Check.STOPPING, event, f"the scheduler was {before.value}")
        if self._phase is Phase.STOPPED:
            self.stopped_at = event.at
        if self._phase is Phase.STOPPED and (self._running or self._queued or self._held):
            left = [str(run) for run in self.runs.values() if run.state is not None and not run.state.ended]
            self._fault(Check.STOPPING, event, f"these runs have no ending: {', '.join(left[:20])}")

    # --- checks -----------------------------------------------------------------------------------

    @property
    def _slack(self) -> float:
        """By how many seconds times may be off: the drift of the clock, and rounding in views."""
        return 0.001 + self._evidence.drift

    def _check_time(self, event: events.Event) -> None:
        slack = self._slack
        if not self._evidence.began - slack <= event.at <= self._evidence.ended + slack:
            self._fault(Check.TIMES, event, "it is not between the start and the end")
        elif event.at < self._latest - MAX_BACKWARD - slack:
            self._fault(Check.TIMES, event, f"an earlier event was at {self._latest:.6f}")
        self._latest = max(self._latest, event.at)

    def _compare_snapshot(self, snapshot: SnapshotSummary) -> None:
        """Compare a snapshot with the model, which now has all events up to the snapshot's number."""
        where = f"snapshot of event {snapshot.seq}"
        check = Check.COUNTERS if snapshot is self._evidence.last else Check.SNAPSHOTS
        expected = (self._size, len(self._running), self._queued, self._held)
        pool = (snapshot.pool.size, snapshot.pool.running, snapshot.pool.queued, snapshot.pool.held)
        if (expected, self._phase) != (pool, snapshot.phase):
            self._faults.add(
                check,
                f"{where}: (size, running, queued, held) {pool} and {snapshot.phase.value}, "
                f"by the events {expected} and {self._phase.value}",
            )
        jobs = {name: job.counts() for name, job in self._jobs.items()}
        for name in jobs.keys() | snapshot.jobs.keys():
            if jobs.get(name) != snapshot.jobs.get(name):
                self._faults.add(
                    check, f"{where}: job {name!r} {snapshot.jobs.get(name)}, by the events {jobs.get(name)}"
                )
        self._compare_lists(check, where, snapshot)
        for job in self._jobs.values():
            if job.held and not (job.running or job.queued or job.retrying):
                self._faults.add(
                    Check.STUCK, f"{where}: {job} holds {list(job.held)[:5]} and has no other run"
                )

    def _compare_lists(self, check: Check, where: str, snapshot: SnapshotSummary) -> None:
        queue = [number for number in self._queue if not self._has_left_queue(number)]
        waiting = len(queue) + self._held
        lists: dict[str, tuple[tuple[ListedRun, ...], list[int], RunState]] = {
            "running": (snapshot.running, sorted(self._running), RunState.RUNNING),
            "queued": (snapshot.waiting[: len(queue)], queue, RunState.QUEUED),
            "held": (snapshot.waiting[len(queue) : waiting], self._numbers("held"), RunState.HELD),
            "retrying": (snapshot.waiting[waiting:], self._numbers("retrying"), RunState.RETRYING),
            "scheduled": (snapshot.scheduled, self._numbers("scheduled"), RunState.SCHEDULED),
        }
        for name, (listed, expected, state) in lists.items():
            ordered = list(listed) if state is RunState.QUEUED else sorted(listed, key=lambda run: run[0])
            is_waiting = state in (RunState.QUEUED, RunState.HELD, RunState.RETRYING)
            whole = snapshot.waiting if is_waiting else listed
            if len(whole) == LIST_LIMIT:
                continue  # the list is truncated; the counts are compared all the same
            if difference := first_difference(ordered, [(number, state) for number in expected]):
                self._faults.add(check, f"{where}, {name}: {difference}")

    def _numbers(self, state: str) -> list[int]:
        return sorted(number for job in self._jobs.values() for number in getattr(job, state))

    def _fault(self, check: Check, event: events.Event, failure: str) -> None:
        self._faults.add(check, f"event {event.seq} ({type(event).__name__} at {event.at:.6f}): {failure}")
