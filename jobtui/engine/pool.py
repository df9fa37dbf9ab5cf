"""The pool: the rules by which runs are admitted, held, queued, started and ended.

A waiting run is a small object in a queue and needs no thread: a held run is in its job's deque, a queued run
in the pool's. When a run ends, its job's next held run moves to the tail of the queue, and the run at the
head of the queue may start.

The moves of short runs are plural: a worker takes several runs at once, as a `Batch`, and hands them in
together.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, count, takewhile

from jobtui.engine.batch import (
    BATCH_SECONDS,
    EVENT_LOOP,
    MAX_BATCH,
    Batch,
    WorkEnded,
    expected_seconds,
)
from jobtui.engine.effects import Effects
from jobtui.engine.enums import Cancellation, Overlap, RunState, Trigger
from jobtui.engine.event_log import EventLog
from jobtui.engine.events import (
    AbandonedEnded,
    AttemptFailed,
    NoticeGiven,
    RunFinished,
    RunHeld,
    RunQueued,
    RunScheduled,
    RunStarted,
    RunTakenOver,
    StopRequested,
    TickEnded,
)
from jobtui.engine.ledger import Ledger
from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.records import (
    ATTEMPTS_KEPT,
    CREATED,
    DUE,
    NUMBER,
    REASON,
    STATE,
    TICKS,
    Call,
    JobRecord,
    RunRecord,
    describe_failed_attempt,
    pack_queued,
    pack_run,
    pack_started,
    shortened,
)
from jobtui.engine.run_limits import RunLimits
from jobtui.engine.runnables import is_coroutine_function
from jobtui.engine.views import PoolView

# Aliases, because Python 3.11 takes 0.1 us to look up a member of an enum, and each run needs five.
_QUEUED, _HELD, _RUNNING, _CANCELLED = RunState.QUEUED, RunState.HELD, RunState.RUNNING, RunState.CANCELLED
_OK, _TIMED_OUT, _RETRYING, _ALLOW = RunState.OK, RunState.TIMED_OUT, RunState.RETRYING, Overlap.ALLOW

CANCELS_PER_HOLD = 200  # waiting runs that are cancelled in one hold of the state lock
MIN_CANCELLED = 64  # cancelled runs in the queue, below which it is not worth to rebuild the queue
REMOVED = "job removed"
NUMBERS_AT_ONCE = (
    100  # numbers of runs that the store reserves at once: a killed process leaves a gap of so many
)
MOST_ABANDONED = 8  # abandoned runs whose work goes on, unless set


class Pool:
    """Holds every live run, and moves it from state to state. Call with the state lock held.

    Args:
        size: How many runs may be RUNNING at once; 0 for no limit.
        event_log: Gets an event for every change.
        ledger: Stores every ending.
        limits: The limits of the time of runs.

    Attributes:
        configured: The size without a change by hand.
        queue: The QUEUED runs, in the order in which they will start. Cancelled runs may be between them,
            but never at the head.
        held: The HELD runs by number, in the order in which they were held.
        running: The RUNNING runs by number, oldest first.
        scheduled: The SCHEDULED one-off runs by number.
        retrying: The RETRYING runs by number, oldest failure first.
        new_retries: Those of them that have no entry in the timer queue yet.
        live: Every run that has not ended, by number.
        batches: The batches of several runs, oldest first.
        orphaned: RUNNING runs whose worker is stuck in an earlier run of their batch; another one takes them.
        abandoned: The runs that have ended as TIMED_OUT, but whose work goes on, by number.
        most_abandoned: How many of them there may be.
        failing: Jobs that have failed as often in a row as pauses them.
        exhausted: Jobs that have run as often as they should.
        effects: What is left to be done after the changes so far.
        accepting_starts: Whether runs may start.
        quiet: Whether it is a quiet time, in which only runs start that were requested by hand in it.
        recording: Whether the effects list what the store records.
        stopping: Whether the scheduler stops: some of the runs that this cancels stay in the store.
        run_numbers: Yields the next run's number. It may be used without the state lock.
    """

    def __init__(self, size: int, event_log: EventLog, ledger: Ledger, limits: RunLimits) -> None:
        self.size = self.configured = size
        self.queue: deque[RunRecord] = deque()
        self.held: dict[int, RunRecord] = {}
        self.running: dict[int, RunRecord] = {}
        self.scheduled: dict[int, RunRecord] = {}
        self.retrying: dict[int, RunRecord] = {}
        self.new_retries: list[RunRecord] = []
        self.live: dict[int, RunRecord] = {}
        self.batches: list[Batch] = []
        self.orphaned: deque[RunRecord] = deque()
        self.abandoned: dict[int, RunRecord] = {}
        self.most_abandoned = MOST_ABANDONED
        self.failing: list[JobRecord] = []
        self.exhausted: list[JobRecord] = []
        self.effects = Effects()
        self.accepting_starts = False
        self.quiet = False
        self.recording = False
        self.stopping = False
        self.run_numbers = count(1)
        self._reserved: float = math.inf  # the last number that the store has reserved; inf without one
        self._cancelled_in_queue = 0
        self._event_log = event_log
        self._ledger = ledger
        self._limits = limits
        self._record = ledger.record

    # --- beginnings -------------------------------------------------------------------------------

    def new_run(  # noqa: PLR0917 - called for every tick: a keyword takes longer
        self,
        job: JobRecord,
        trigger: Trigger,
        now: float,
        due: float | None,
        call: Call,
        arguments: str = "",
    ) -> RunRecord:
        """Return a new run with the next number. It has to be admitted or scheduled."""
        run = RunRecord(next(self.run_numbers), job, trigger, call, now, now, due)
        if arguments:
            run.ensure_extras().arguments = arguments
        if job.policies.retry.times:
            run.ensure_extras().attempts = job.policies.retry.attempts
        return run

    def reserve_numbers(self, number: int) -> None:
        """Have the store reserve the numbers of runs up to some after this one, from now on.

        The file has no row of a run that waits. If the process is killed, the numbers of such runs are
        known by that, and the next process gives them to no other run.
        """
        self.effects.numbers = self._reserved = number + NUMBERS_AT_ONCE

    def add_scheduled(self, run: RunRecord, now: float) -> None:
        """Keep a one-off run until it is due."""
        if run.number > self._reserved:
            self.reserve_numbers(run.number)
        run.state = RunState.SCHEDULED
        run.waiting_since = None
        run.job.scheduled += 1
        self.scheduled[run.number] = self.live[run.number] = run
        self._event_log.emit_run(RunScheduled, run, now)

    def release_scheduled(self, run: RunRecord, now: float) -> None:
        """Admit a scheduled run that is due."""
        self._remove_scheduled(run)
        self.admit(run, now)

    def rejection_reason(self, job: JobRecord, trigger: Trigger) -> str:
        """Return why a new run of a job would be SKIPPED now; "" if it would not."""
        if not job.busy or job.policies.overlap is _ALLOW:
            return ""
        if job.policies.overlap is Overlap.SKIP:
            return self._blocking_run_reason(job)
        is_full = len(job.held) >= job.policies.max_held
        if is_full and trigger is Trigger.TICK and job.policies.overlap is not Overlap.REPLACE:
            held = "1 run is" if len(job.held) == 1 else f"{len(job.held)} runs are"
            return f"{held} held already; {self._blocking_run_reason(job)}"
        return ""

    def admit(self, run: RunRecord, now: float) -> None:
        """Queue, hold or skip a run, as its job's overlap policy says."""
        if run.number > self._reserved:
            self.reserve_numbers(run.number)
        job = run.job
        if job.policies.overlap is _ALLOW or not job.busy:
            if self.quiet:
                self._enqueue(run)
            else:
                self.queue.append(run)
            run.state = _QUEUED
            run.waiting_since = now
            self.live[run.number] = run
            job.queued += 1
            job.last_queued = run
            self._event_log.emit_run(RunQueued, run, now, pack_queued)
        elif reason := self.rejection_reason(job, run.trigger):
            self.reject(run, now, RunState.SKIPPED, reason)
        elif job.policies.overlap is Overlap.REPLACE and not self._replace(job, run.number, now):
            self.admit(run, now)
        else:
            last = job.held[-1] if job.held else job.last_queued
            assert last is not None  # a busy job has had a run in the queue
            run.ensure_extras().reason = f"waits for run {last.number}"
            job.add_held(run)
            run.state = _HELD
            run.waiting_since = now
            self.live[run.number] = run
            self.held[run.number] = run
            self._event_log.emit_run(RunHeld, run, now)

    def _enqueue(self, run: RunRecord) -> None:
        """Add a run to the tail of the queue. In a quiet time, those that may start are before the others."""
        if self.quiet and run.extras.at_once:
            before = takewhile(lambda each: each.extras.at_once, self.queue)
            self.queue.insert(sum(1 for _ in before), run)
        else:
            self.queue.append(run)

    def _replace(self, job: JobRecord, number: int, now: float) -> bool:
        """Cancel the runs of a job in favour of a new one. Return whether the job is still busy."""
        reason = f"replaced by run {number}"
        for run in tuple(reversed(job.held)):
            self.cancel(run, now, reason)
        if job.queued and job.last_queued is not None:  # it is the only one: such runs do not overlap
            self.cancel(job.last_queued, now, reason)
        for run in [run for run in self.running.values() if run.job is job]:
            self.cancel(run, now, reason)
        for run in tuple(job.retrying):
            self.cancel(run, now, reason)
        return job.busy

    def resize(self, size: int) -> None:
        """Set how many runs may be RUNNING at once; 0 for no limit. RUNNING runs are not affected."""
        self.size = size

    def can_start(self) -> bool:
        """Return whether there is a run for a worker."""
        return bool(self.orphaned) or self._is_slot_free()

    def _is_slot_free(self) -> bool:
        """Return whether the run at the head of the queue may start."""
        is_free = bool(self.queue) and self.accepting_starts and not 0 < self.size <= len(self.running)
        return is_free and (not self.quiet or self.queue[0].extras.at_once)

    def start(self, batch: Batch, worker: str, at_most: int = MAX_BATCH) -> bool:
        """Start the run at the head of the queue, and take it together with those that follow if it is short.

        Args:
            batch: Gets the runs: one, unless the runs at the head of the queue are known to be short.
            worker: The name of the worker that takes them.
            at_most: How many runs it takes at most.

        Returns:
            Whether a run may start.
        """
        if not at_most:
            return False
        if self.orphaned and self._take_orphan(batch, worker):
            return True
        if not self._is_slot_free() or not self._cancel_removed(batch.taken):
            return False
        queue, runs = self.queue, batch.runs
        if is_coroutine_function(queue[0].call):
            return self.start_coroutines(batch, at_most)
        room = at_most if not self.size else min(at_most, self.size - len(self.running))
        room = 1 if self.quiet else room  # the run after it may have to wait
        job, seconds = queue[0].job, 0.0
        expected = expected_seconds(job.last_elapsed)
        while len(runs) < room and seconds < BATCH_SECONDS and queue:
            run = queue[0]
            if run.job is not job:
                job = run.job
                expected = expected_seconds(job.last_elapsed)
                if expected >= BATCH_SECONDS or job.removed or is_coroutine_function(run.call):
                    break
            runs.append(run)  # first of all, so that an interrupted start can be completed
            self._start(run, batch.taken, worker)
            queue.popleft()
            if self._cancelled_in_queue:
                self._trim_queue()
                queue = self.queue
            seconds += expected
        if len(runs) > 1:
            batch.pending.extend(runs[1:])
            self.batches.append(batch)
        return True

    def start_coroutines(self, batch: Batch, at_most: int = MAX_BATCH) -> bool:
        """Start the runs at the head of the queue whose calls make coroutines.

        They may be of any jobs and of any length, because the event loop executes them at the same time.

        Args:
            batch: Gets the runs.
            at_most: How many runs it gets at most.

        Returns:
            Whether a run may start.
        """
        coroutines = batch.coroutines
        while len(coroutines) < at_most and self._is_slot_free():
            if self.queue[0].job.removed and not self._cancel_removed(batch.taken):
                break
            run = self.queue[0]
            if not is_coroutine_function(run.call):
                break
            coroutines.append(run)  # first of all, as in `start`
            self._start(run, batch.taken, EVENT_LOOP)
            self.queue.popleft()
            if self._cancelled_in_queue:
                self._trim_queue()
        return bool(coroutines)

    def _take_orphan(self, batch: Batch, worker: str) -> bool:
        """Take the first orphaned run that has not ended. Return whether there is one."""
        while self.orphaned and not batch.runs:
            orphan = self.orphaned[0]
            if not orphan.state.ended:  # since it was left
                batch.runs.append(orphan)  # first of all, as in `start`
                orphan.worker = worker
                orphan.cached_view = None
            self.orphaned.popleft()
        return bool(batch.runs)

    def _cancel_removed(self, now: float) -> bool:
        """Cancel runs of removed jobs at the head of the queue. Return whether the run behind may start."""
        for _ in range(CANCELS_PER_HOLD):
            if not self.queue:
                return False
            if not self.queue[0].job.removed:
                return not self.quiet or self.queue[0].extras.at_once
            self.cancel(self.queue[0], now, REMOVED)
        return False

    def _start(self, run: RunRecord, now: float, worker: str) -> None:
        """Start the run at the head of the queue, which then has to leave the queue."""
        job = run.job
        if job.policies.timeout or job.policies.warn:
            self._limits.begin(run, now)  # first: see `repair`
        run.started = now
        run.worker = worker
        run.state = _RUNNING
        job.queued -= 1
        job.running += 1
        job.prev = now
        self.running[run.number] = run
        if self.recording:
            self.effects.started.append(run)
        self._event_log.emit_run(RunStarted, run, now, pack_started)

    def leave_pending(self, batch: Batch) -> None:
        """Leave the runs of a batch whose execution has not begun to other workers."""
        with suppress(ValueError):  # it has only one run
            self.batches.remove(batch)
        if batch.pending:
            with suppress(IndexError):  # there is no other
                # One step in C, so that no exception can come between the two collections.
                self.orphaned.extend(iter(batch.pending.popleft, None))
            left = set(self.orphaned)  # the worker no longer answers for them
            batch.runs = [run for run in batch.runs if run not in left]

    def reject(self, run: RunRecord, now: float, state: RunState, reason: str) -> None:
        """End a new run that is not admitted."""
        run.ensure_extras().reason = reason
        run.state = state
        run.ended = now
        self.live[run.number] = run  # from here on, `repair` completes the end
        self._end(run, now, state, reason)

    # --- endings ----------------------------------------------------------------------------------

    def finish(self, endings: Iterable[WorkEnded], now: float, began: float | None = None) -> None:
        """Record that the work of runs has ended. Ignore runs that have been given up.

        Args:
            endings: How their work ended, in order.
            now: The time.
            began: When a worker began to execute them, one after the other: so their times follow from each
                other. None if they have ended now.
        """
        at = now if began is None else began
        for ending in endings:
            run, state = ending.run, ending.state
            if run.state is not _RUNNING:
                self.forget_abandoned(run, now)
                continue
            if began is not None:
                at += ending.elapsed
                at = min(at, now)
                if run.started is not None and at < run.started:
                    at = run.started
            if state is not _OK and ending.retry_in is not None and self.may_retry(run):
                self._retry(run, at, ending)
                continue
            self._finish(run, at, state, ending.elapsed, ending.reason, ending.error)
            if run.job.held:
                self._promote_held(run.job, now)  # not `at`, before which it may be requested

    def may_retry(self, run: RunRecord) -> bool:
        """Return whether a RUNNING run may be tried again.

        It may not once it has been asked to stop, except by its timeout, or when its job is removed; or when
        the scheduler stops, unless the store lets it go on after the next start.
        """
        cancelled = run.extras.stop_reason and not run.extras.timed_out
        stopping = self.stopping and not self._may_go_on(run)
        return not (stopping or run.job.removed or cancelled)

    def _may_go_on(self, run: RunRecord) -> bool:
        """Return whether another process can repeat a run from the store: it has the arguments of its job."""
        return self.recording and not (run.extras.arguments or run.job.removed)

    def goes_on(self, run: RunRecord) -> bool:
        """Return whether a run waits for an attempt after the first one, and the store lets it go on."""
        waits = run.state is _RETRYING or (run.state is _QUEUED and bool(run.extras.attempts_made))
        return waits and self._may_go_on(run)

    def _retry(self, run: RunRecord, now: float, ending: WorkEnded) -> None:
        """Let a run whose attempt has failed wait for the next one. Its job stays busy; its slot is free."""
        job, extras, elapsed = run.job, run.ensure_extras(), ending.elapsed
        retry_at = now + (ending.retry_in or 0.0)
        started = now if run.started is None else run.started
        error = extras.overtime if ending.state is _TIMED_OUT else ending.error
        attempt = extras.attempt, started, now, elapsed, error
        attempts_made = (*extras.attempts_made[1 - ATTEMPTS_KEPT :], attempt)
        at = self._event_log.format_time(retry_at)
        reason = f"attempt {extras.attempt} of {extras.attempts} failed; the next one is due at {at}"
        # No function is called until the state is set.
        extras.attempts_made, extras.retry_at, extras.reason = attempts_made, retry_at, reason
        extras.stop_reason, extras.timed_out = "", False
        extras.progress = None
        run.elapsed = job.last_elapsed = elapsed
        run.state = _RETRYING
        job.retries += 1
        del self.running[run.number]
        job.running -= 1
        self.retrying[run.number] = run
        job.add_retrying(run)
        self.new_retries.append(run)
        if self.recording:
            self.effects.recorded.append(pack_run(run))
        self._event_log.emit_run(AttemptFailed, run, now)
        if extras.limit is not None:
            self._limits.set_next(run, None)

    def take_over(self, run: RunRecord, now: float) -> None:
        """Let a run wait for its next attempt that was RETRYING in an earlier process.

        It keeps the gate of its job: runs that were QUEUED before the start are held.
        """
        job = run.job
        self.live[run.number] = self.retrying[run.number] = run
        job.add_retrying(run)
        self.new_retries.append(run)
        if job.queued and job.policies.overlap is not _ALLOW:
            self._hold_queued(job, run, now)
        job.last_queued = run
        self._event_log.emit_run(RunTakenOver, run, now)

    def _hold_queued(self, job: JobRecord, first: RunRecord, now: float) -> None:
        """Hold the QUEUED runs of a job, none of which has started, until a run has ended."""
        queued = [run for run in self.queued_runs() if run.job is job]
        self.queue = deque(run for run in self.queued_runs() if run.job is not job)
        self._cancelled_in_queue = job.queued = 0
        job.held = deque([*queued, *job.held])
        self.held = {run.number: run for run in queued} | self.held
        for before, run in zip([first, *queued], queued, strict=False):
            run.ensure_extras().reason = f"waits for run {before.number}"
            run.state = _HELD
            self._event_log.emit_run(RunHeld, run, now)

    def queue_retry(self, run: RunRecord, now: float) -> None:
        """Move a RETRYING run to the tail of the queue, for its next attempt."""
        job, extras = run.job, run.extras
        self._enqueue(run)
        extras.attempt += 1
        extras.retry_at, extras.reason = None, ""
        run.waiting_since, run.started, run.elapsed, run.worker = now, None, None, ""
        run.state = _QUEUED
        job.queued += 1
        job.last_queued = run
        self._remove_retrying(run)
        self._event_log.emit_run(RunQueued, run, now, pack_queued)

    def give_up(self, run: RunRecord, now: float, state: RunState, reason: str) -> None:
        """End a RUNNING run whose work may go on, but is no longer recorded."""
        if run.state is _RUNNING:
            self._finish(run, now, state, now - (run.started or now), reason)
            self._promote_held(run.job, now)

    def _finish(  # noqa: PLR0917 - called for every run: a keyword takes longer
        self,
        run: RunRecord,
        now: float,
        state: RunState,
        elapsed: float,
        reason: str,
        error: PackedException = (),
    ) -> None:
        job = run.job
        del self.running[run.number]
        job.running -= 1
        run.elapsed = elapsed
        if state.completed:
            job.last_elapsed = elapsed
        if state.failed:
            extras = run.ensure_extras()
            extras.error = extras.overtime if state is _TIMED_OUT else error
        self._end(run, now, state, reason)
        if run.extras.limit is not None:
            self._limits.set_next(run, None)  # last: see `repair`

    def forget_abandoned(self, run: RunRecord, now: float) -> None:
        """Note that the work of a run has ended, if the run was abandoned."""
        if self.abandoned.pop(run.number, None) is not None:
            self._event_log.emit_run(AbandonedEnded, run, now)

    def cancel(self, run: RunRecord, now: float, reason: str) -> Cancellation:
        """Cancel a waiting run, or ask a RUNNING one to stop."""
        if run.state is _RUNNING:
            extras = run.ensure_extras()
            if not extras.stop_reason or extras.timed_out:
                # A cancellation supersedes the timeout, after which the run may be tried again.
                extras.timed_out = extras.timed_out and not extras.stop_reason
                extras.stop_reason = reason
                extras.reason = f"asked to stop at {self._event_log.format_time(now)}: {reason}"
                self.effects.stop_requested.append(run)
                self._event_log.emit_run(StopRequested, run, now)
            return Cancellation.ASKED
        if run.state.ended:
            return Cancellation.TOO_LATE
        was_queued, was_retrying = run.state is _QUEUED, run.state is _RETRYING
        if was_queued:
            run.job.queued -= 1
        elif run.state is _HELD:
            self._remove_held(run)
        elif was_retrying:
            self._remove_retrying(run)
            extras = run.extras
            reason += f"; {describe_failed_attempt(extras.attempts, extras.attempts_made)}"
            extras.reason, extras.retry_at, run.state, run.ended = reason, None, _CANCELLED, now
        else:
            self._remove_scheduled(run)
        self._end(run, now, _CANCELLED, reason)
        if was_queued:
            self._cancelled_in_queue += 1
            self._trim_queue()
        if was_queued or was_retrying:
            self._promote_held(run.job, now)
        return Cancellation.TAKEN_OUT

    def _trim_queue(self) -> None:
        """Take cancelled runs out of the queue: those at its head, or all if they are the larger part.

        To search 100,000 queued runs for each that is cancelled would take longer than to execute them.
        """
        if self._cancelled_in_queue > max(MIN_CANCELLED, len(self.queue) // 2):
            self.queue = deque(run for run in self.queue if run.state is _QUEUED)
            self._cancelled_in_queue = 0
        while self._cancelled_in_queue and self.queue[0].state is not _QUEUED:
            self.queue.popleft()
            self._cancelled_in_queue -= 1

    def queued_runs(self) -> Iterator[RunRecord]:
        """Yield the QUEUED runs, in the order in which they will start."""
        return (run for run in self.queue if run.state is _QUEUED)

    def waiting_among(self, job: JobRecord) -> Iterator[RunRecord]:
        """Return all waiting runs of a job, and perhaps others: a search would take longer."""
        last, queued = job.last_queued, self.queue
        if job.queued == 1 and last is not None and last.state is _QUEUED:
            queued = deque([last])
        scheduled = self.scheduled.values() if job.scheduled else ()
        return chain(job.held, queued if job.queued else (), job.retrying, scheduled)

    def end_ticks(
        self,
        job: JobRecord,
        state: RunState,
        reason: str,
        *,
        due: float,
        now: float,
        ticks: int,
        logged: bool = True,
    ) -> None:
        """Record ticks that start no run. Consecutive equal ones share one ledger entry.

        Args:
            job: The job.
            state: The state in which they end.
            reason: The reason, in words.
            due: The first tick.
            now: The time.
            ticks: How many ticks.
            logged: Whether to log them, unless the job is paused.
        """
        first, count = due, ticks
        latest = job.recent[-1] if job.recent else None
        if latest is not None and (latest[NUMBER], latest[STATE], latest[REASON]) != (0, state.value, reason):
            latest = None
        if not job.ticks_key:  # the latest entry is from before a restart, and only the store can amend it
            latest = None
        created = now
        if latest is not None:
            created, due, ticks = latest[CREATED], latest[DUE], latest[TICKS] + ticks
        record = RunRecord(0, job, Trigger.TICK, None, created, created, due)
        record.state = state
        record.ended = now
        extras = record.ensure_extras()
        extras.ticks = ticks
        extras.reason = reason
        entry = pack_run(record)
        if self.recording:
            self.effects.recorded.append(entry)
        if latest is None:
            job.ticks_key = self._ledger.record_detailed(entry, failed=False)
            if logged and job.pause is None:
                self.effects.unstarted_ticks.append(entry)
        else:
            self._ledger.amend(job.ticks_key, entry)
            if logged and job.pause is None:
                record.created, record.due, extras.ticks = now, first, count
                self.effects.repeated_ticks.append(pack_run(record))
        job.count_ending(state, entry, count, amended=latest is not None)
        self._event_log.emit_end(TickEnded, job, entry, now)

    # --- repair -----------------------------------------------------------------------------------

    def repair(self, now: float) -> None:
        """Make the state whole again after an exception has interrupted a change.

        The states of the live runs are the truth. All collections and counters are made again from them.

        Python raises an exception from outside only where a function is called or has returned, and where a
        loop repeats. Each method of this class sets the state of a run, and what depends on it, between two
        such places. So a change of a run has either been made, or it is made again.
        """
        for run in [run for run in self.live.values() if run.state.ended]:
            self._end(run, run.ended or now, run.state, "", repairing=True)
        live = list(self.live.values())
        self.running = {run.number: run for run in live if run.state is _RUNNING}
        self.abandoned = {number: run for number, run in self.abandoned.items() if run.state.ended}
        self.scheduled = {run.number: run for run in live if run.state is RunState.SCHEDULED}
        self.held = {run.number: run for run in live if run.state is _HELD}
        retrying = {run.number: run for run in live if run.state is _RETRYING}
        known = {number: retrying[number] for number in self.retrying if number in retrying}
        self.retrying = known | retrying
        self.new_retries.clear()
        queued = [run for run in live if run.state is _QUEUED]
        places = {run: place for place, run in enumerate(self.queue)}
        self.queue = deque(sorted(queued, key=lambda run: places.get(run, len(places))))
        self._cancelled_in_queue = 0
        jobs = {run.job for run in live}
        for job in jobs:
            job.running = job.queued = job.scheduled = 0
            job.held = deque(run for run in job.held if run.state is _HELD)
            job.retrying = {}
            self._event_log.outdate(job)
        for run in self.retrying.values():
            run.job.add_retrying(run)
        for run in live:
            job = run.job
            job.running += run.state is _RUNNING
            job.queued += run.state is _QUEUED
            job.scheduled += run.state is RunState.SCHEDULED
            if run.state is _HELD and run not in job.held:
                job.add_held(run)
        for job in jobs:
            self._promote_held(job, now)

    def give_notice(self, text: str, now: float) -> None:
        """Tell the user, in one line, what the scheduler has done by itself."""
        self.effects.notices.append(text)
        self._event_log.emit(NoticeGiven, now, text)

    # --- queries and steps ------------------------------------------------------------------------

    def view(self) -> PoolView:
        """Return the current view of the pool."""
        waiting = len(self.live) - len(self.running) - len(self.scheduled) - len(self.retrying)
        return PoolView(
            configured=None if self.size == self.configured else self.configured,
            size=self.size,
            running=len(self.running),
            queued=waiting - len(self.held),
            held=len(self.held),
            retrying=len(self.retrying),
            abandoned=len(self.abandoned),
            most_abandoned=self.most_abandoned,
        )

    def _blocking_run_reason(self, job: JobRecord) -> str:
        """Return why a busy job cannot start a run now: which run it has to wait for."""
        if job.running:
            run = next(run for run in self.running.values() if run.job is job)
            started = self._event_log.format_time(run.started or run.created)
            return f"still running since {started}, run {run.number}"
        if not job.queued and (retried := job.next_retry) is not None:
            at = self._event_log.format_time(retried.extras.retry_at or 0.0)
            attempt = f"{retried.extras.attempt + 1} of {retried.extras.attempts}"
            return f"run {retried.number} is tried again at {at}, attempt {attempt}"
        assert job.last_queued is not None  # a busy job without such a run has a QUEUED one
        return f"run {job.last_queued.number} is still queued"

    def _promote_held(self, job: JobRecord, now: float) -> None:
        """Move a job's next held run to the tail of the queue, unless an earlier run is still live."""
        if job.held and not (job.running or job.queued or job.retrying or job.removed):
            run = job.held[0]
            self._enqueue(run)
            run.ensure_extras().reason = ""
            run.state = _QUEUED
            job.queued += 1
            job.last_queued = run
            del self.held[run.number]
            job.held.popleft()
            self._event_log.emit_run(RunQueued, run, now, pack_queued)

    def _keep_request(self, run: RunRecord) -> bool:
        """Let the store forget the request of a durable run that ends, unless it runs after the next start.

        That is so if it ends only because the scheduler stops.

        Returns:
            Whether the store keeps the request of a run that has never started.
        """
        cancelled = run.state is _CANCELLED and not run.extras.stop_reason
        if self.stopping and cancelled and not run.job.removed:
            return run.started is None
        self.effects.finished.append(run.number)
        return False

    def _remove_held(self, run: RunRecord) -> None:
        held = run.job.held
        assert isinstance(held, deque)  # it contains the run
        index = held.index(run)
        del held[index]
        del self.held[run.number]
        if index < len(held):  # the next run now waits for the run that this one waited for
            held[index].ensure_extras().reason = run.extras.reason
            held[index].cached_view = None

    def _remove_retrying(self, run: RunRecord) -> None:
        del self.retrying[run.number]
        if isinstance(run.job.retrying, dict):
            run.job.retrying.pop(run, None)

    def _remove_scheduled(self, run: RunRecord) -> None:
        del self.scheduled[run.number]
        run.job.scheduled -= 1

    def _note_limits(self, job: JobRecord, state: RunState) -> None:
        """Note a job that has failed too often in a row, or run as often as it should."""
        if state.failed and 0 < job.policies.pause_after <= job.failures_in_row:
            self.failing.append(job)
        if job.is_exhausted:
            self.exhausted.append(job)

    def _end(  # noqa: C901 - every run takes this path: a call for each step takes longer than the step
        self, run: RunRecord, now: float, state: RunState, reason: str, repairing: bool = False
    ) -> None:
        """End a run that has left its queue or the running runs.

        Args:
            run: The run.
            now: The time.
            state: The final state.
            reason: The reason in words; "" for none, or if the run has it already.
            repairing: Whether an exception has interrupted the end of the run, so that some of the steps have
                been taken.
        """
        job, number = run.job, run.number
        if reason:
            run.ensure_extras().reason = reason
        run.state = state
        run.ended = now
        self.effects.ended.append(run)
        if job.last_queued is run:
            job.last_queued = None  # the job must not keep the record alive
        ended, extras = pack_run(run), run.extras
        if self.recording and not (extras.goes_on or (extras.durable and self._keep_request(run))):
            self.effects.recorded.append(ended)
        if not (repairing and self._ledger.is_latest(number)):
            is_detailed = extras.reason or extras.output_bytes or extras.arguments or extras.attempts_made
            if state is _OK and not is_detailed:
                self._record(ended)
            else:
                self._ledger.record_detailed(ended, failed=state.failed, output_bytes=extras.output_bytes)
        recent = shortened(ended) if extras.error or extras.attempts_made else ended
        if job.output is not None:
            job.note_end_of_output(run)
        if not (repairing and job.recent and job.recent[-1][NUMBER] == number):
            if state is _OK and job.recent:  # the common case of `count_ending`
                job.runs += 1
                job.failures_in_row = 0
                job.recent.append(recent)
            else:
                job.count_ending(state, recent)
            if job.policies.times or (state.failed and job.policies.pause_after):
                self._note_limits(job, state)
        if not (repairing and self._event_log.is_latest(RunFinished, number)):
            self._event_log.emit_end(RunFinished, job, ended, now)
        self.live.pop(number, None)  # last of all: `repair` completes the end of a run that is still here
