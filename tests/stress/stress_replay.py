"""The events of a scheduler, told again to books as simple as its rules, which say where it broke one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from stress_books import BEFORE, JobBook, RunBook, first_difference, same_entry
from stress_evidence import Check, Evidence, Faults, Picture, Shown, counts_of
from stress_load import LEAP

from jobtui import Every, RunState
from jobtui.engine import events as told
from jobtui.engine.enums import Overlap, Phase, Trigger
from jobtui.engine.views import JobView, RunView

LISTED = 200  # a snapshot lists no more runs of a kind
BACK = 1.0 + LEAP  # seconds by which an event may be older than one before it: who asked was kept waiting
GRID_NOISE = timedelta(milliseconds=1)  # by which a tick may be off its grid, from rounding

SKIP, ALLOW, REPLACE = Overlap.SKIP, Overlap.ALLOW, Overlap.REPLACE
TICK_ENDINGS = (RunState.SKIPPED, RunState.MISSED, RunState.COALESCED)


class Replay:
    """Goes through the events in the order of their numbers.

    Args:
        evidence: What was written down.
        faults: Where to note who broke a rule.

    Attributes:
        runs: Every run that was told of, by its number.
        ticks: How many ticks were told of.
        ended: How many runs ended in each state.
        stopped_at: When the scheduler had stopped, in seconds since the epoch; None if that was not told.
        seen: How often each kind of event, ending and policy was told of.
    """

    def __init__(self, evidence: Evidence, faults: Faults) -> None:
        self.runs: dict[int, RunBook] = {}
        self.ticks = 0
        self.ended: Counter[RunState] = Counter()
        self.seen: Counter[str] = Counter()
        self.stopped_at: float | None = None
        self._evidence = evidence
        self._faults = faults
        self._alive: dict[str, JobBook] = {}
        self._generations: Counter[str] = Counter()
        self._queue: deque[int] = deque()
        self._queued = 0
        self._held = 0
        self._running: set[int] = set()
        self._size = evidence.first.pool.size
        self._phase = evidence.first.phase
        self._latest = evidence.began
        self._clock_was_set = any(isinstance(event, told.ClockStepped) for event in evidence.events)
        self._handlers: dict[type[told.Event], Callable[[Any], None]] = {
            told.JobAdded: self._job_added,
            told.JobRemoved: self._job_removed,
            told.JobPaused: self._job_paused,
            told.JobResumed: self._job_resumed,
            told.RunScheduled: self._run_scheduled,
            told.RunHeld: self._run_held,
            told.RunQueued: self._run_queued,
            told.RunStarted: self._run_started,
            told.StopRequested: self._stop_requested,
            told.RunFinished: self._run_finished,
            told.TickEnded: self._tick_ended,
            told.PoolResized: self._pool_resized,
            told.InternalError: self._internal_error,
            told.SchedulerStarted: self._phase_changed,
            told.SchedulerStopping: self._phase_changed,
            told.SchedulerStopped: self._phase_changed,
        }

    def play(self) -> None:
        """Go through all of them."""
        pictures: dict[int, list[Picture]] = {}
        for picture in [*self._evidence.pictures, self._evidence.last]:
            pictures.setdefault(picture.seq, []).append(picture)
        expected = self._evidence.first.seq + 1
        for event in self._evidence.events:
            if event.seq != expected:
                self._fault(Check.NUMBERS, event, f"{expected} was expected")
            expected = event.seq + 1
            self._check_time(event)
            self.seen[type(event).__name__] += 1
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(event)
            for picture in pictures.pop(event.seq, ()):
                self._compare(picture)
        for seq in pictures:
            if seq >= expected:
                self._faults.add(
                    Check.NUMBERS, f"a snapshot is of event {seq}; the last told is {expected - 1}"
                )
        if self._evidence.last.seq != expected - 1:
            self._faults.add(
                Check.NUMBERS,
                f"the last event has number {expected - 1}, the final snapshot {self._evidence.last.seq}",
            )

    # --- jobs -------------------------------------------------------------------------------------

    def _job_added(self, event: told.JobAdded) -> None:
        view = event.job
        if view.name in self._alive:
            self._fault(Check.STEPS, event, f"there is a job {view.name!r} already")
        if self._phase in (Phase.STOPPING, Phase.STOPPED):
            self._fault(Check.STOPPING, event, f"job {view.name!r} was accepted")
        self._alive[view.name] = JobBook(
            name=view.name,
            generation=self._generations[view.name],
            overlap=view.overlap,
            interval=view.schedule.interval if isinstance(view.schedule, Every) else None,
            next_tick=view.next,
        )
        self._generations[view.name] += 1
        self._compare_job(view, event)

    def _job_removed(self, event: told.JobRemoved) -> None:
        self._compare_job(event.job, event)
        self._alive.pop(event.job.name, None)

    def _job_paused(self, event: told.JobPaused) -> None:
        if event.job.name in self._alive:
            self._alive[event.job.name].paused = True
        self._compare_job(event.job, event)

    def _job_resumed(self, event: told.JobResumed) -> None:
        if event.job.name in self._alive:
            self._alive[event.job.name].paused = False
        self._compare_job(event.job, event)

    def _compare_job(self, view: JobView, event: told.Event) -> None:
        book = self._alive.get(view.name)
        if book is None:
            self._fault(Check.PICTURES, event, f"there is no job {view.name!r}")
        elif counts_of(view) != book.counts():
            self._fault(Check.PICTURES, event, f"{book} has {book.counts()}, its view says {counts_of(view)}")

    # --- runs -------------------------------------------------------------------------------------

    def _step(self, event: told.RunEvent, step: RunState) -> tuple[RunBook, RunState | None]:
        """Note a step of a run. Returns the run and its step before."""
        view = event.run
        run = self.runs.get(view.number)
        if run is None:
            job = self._alive.get(view.job)
            if job is None:
                self._fault(Check.STEPS, event, f"run {view.number} is of {view.job!r}, which is no job")
                job = self._alive[view.job] = JobBook(view.job, 0, ALLOW, None)
            run = self.runs[view.number] = RunBook(view.number, job)
            self._first_step(run, event, step)
        before, run.step = run.step, step
        if not step.ended and before not in BEFORE[step]:
            self._fault(Check.STEPS, event, f"{run} is {step.value} after it was {before and before.value}")
        if view.state is not step or view.job != run.job.name:
            self._fault(Check.STEPS, event, f"{run} is {step.value}, and its picture shows {view}")
        if event.at < run.at - self._slack:
            self._fault(Check.TIMES, event, f"{run} had its step before at {run.at:.6f}")
        run.at = event.at
        if self._phase in (Phase.STOPPING, Phase.STOPPED) and not step.ended:
            self._fault(Check.STOPPING, event, f"{run} is {step.value}")
        self._leave(run, before, event)
        return run, before

    def _first_step(self, run: RunBook, event: told.RunEvent, step: RunState) -> None:
        if event.run.trigger is not Trigger.TICK:
            return
        self.ticks += 1
        if run.job.paused:
            self._fault(Check.PAUSED, event, f"{run} is of a tick")
        if step is RunState.HELD:
            limit = self._evidence.max_held.get(run.job.name)
            if limit is not None and len(run.job.held) >= limit:
                self._fault(
                    Check.GATES, event, f"{run} is held, of a tick, beside {len(run.job.held)} others"
                )
        self._account(run.job, event.run, 1, event)

    def _leave(self, run: RunBook, before: RunState | None, event: told.RunEvent) -> None:
        """Take a run out of where it was."""
        job, number = run.job, run.number
        if before is RunState.SCHEDULED:
            job.scheduled.discard(number)
        elif before is RunState.HELD:
            self._held -= 1
            if run.step is RunState.QUEUED and job.held and job.held[0] != number:
                self._fault(Check.HELD, event, f"{run} was released before run {job.held[0]}")
            if number in job.held:
                job.held.remove(number)
        elif before is RunState.QUEUED:
            self._queued -= 1
            job.queued.discard(number)
        elif before is RunState.RUNNING:
            job.running.discard(number)
            self._running.discard(number)

    def _run_scheduled(self, event: told.RunScheduled) -> None:
        run, _ = self._step(event, RunState.SCHEDULED)
        run.job.scheduled.add(run.number)

    def _run_held(self, event: told.RunHeld) -> None:
        run, _ = self._step(event, RunState.HELD)
        if run.job.overlap in (SKIP, ALLOW) or not run.job.busy:
            self._fault(Check.GATES, event, f"{run} was held; of the others: {run.job.counts()}")
        if run.job.overlap is REPLACE and (run.job.queued or run.job.held):
            self._fault(Check.GATES, event, f"{run} left others in their places: {run.job.counts()}")
        run.job.held.append(run.number)
        self._held += 1

    def _run_queued(self, event: told.RunQueued) -> None:
        run, before = self._step(event, RunState.QUEUED)
        job = run.job
        if before is RunState.HELD:
            if job.running or job.queued:
                self._fault(Check.HELD, event, f"{run} was released; of the others: {job.counts()}")
        elif job.overlap is not ALLOW and job.busy:
            self._fault(Check.GATES, event, f"{run} was let past its gate; of the others: {job.counts()}")
        job.queued.add(run.number)
        self._queue.append(run.number)
        self._queued += 1

    def _run_started(self, event: told.RunStarted) -> None:
        run, _ = self._step(event, RunState.RUNNING)
        job = run.job
        # Those that were cancelled are still among the others here.
        while self._queue and self._queue[0] != run.number and self._gone(self._queue[0]):
            self._queue.popleft()
        if self._queue and self._queue[0] == run.number:
            self._queue.popleft()
        else:
            head = f"run {self._queue[0]} is the first of them" if self._queue else "nobody is"
            self._fault(Check.FIFO, event, f"{run} started out of the queue, where {head}")
            if run.number in self._queue:
                self._queue.remove(run.number)
        if 0 < self._size <= len(self._running):
            count = len(self._running)
            self._fault(Check.POOL, event, f"{run} started beside {count} others in a pool of {self._size}")
        if job.overlap is not ALLOW and job.running:
            self._fault(Check.OVERLAP_TOLD, event, f"{run} started beside {sorted(job.running)}")
        run.started_seq, run.worker = event.seq, event.run.worker
        job.running.add(run.number)
        self._running.add(run.number)
        self.seen[f"a run with overlap={job.overlap.value}"] += 1

    def _stop_requested(self, event: told.StopRequested) -> None:
        run = self.runs.get(event.run.number)
        if run is None or run.step is not RunState.RUNNING or run.asked or not event.run.reason:
            self._fault(Check.CANCELS, event, f"of {run}, asked before or not RUNNING: {event.run}")
        else:
            run.asked = True

    def _gone(self, number: int) -> bool:
        return self.runs[number].step is not RunState.QUEUED

    def _run_finished(self, event: told.RunFinished) -> None:
        view = event.run
        if not view.state.ended:
            self._fault(Check.STEPS, event, f"an ending whose picture shows {view}")
        run, before = self._step(event, view.state)
        run.endings += 1
        run.final, run.ended_seq = view, event.seq
        if before is not None and before.ended:
            self._fault(Check.ENDINGS, event, f"{run} is {view.state.value}, and was {before.value} already")
        if view.state is not RunState.OK and not view.reason:
            self._fault(Check.ENDINGS, event, f"{run} is {view.state.value} without a reason")
        if view.ended is None or abs(view.ended.timestamp() - event.at) > self._slack:
            self._fault(Check.TIMES, event, f"{run} has ended at {view.ended}")
        if before is RunState.RUNNING:
            run.job.runs += view.state in (RunState.OK, RunState.FAILED)
            run.job.failures += view.state is RunState.FAILED
            if view.elapsed is None or view.elapsed < timedelta():
                self._fault(Check.TIMES, event, f"{run} took {view.elapsed}")
        elif view.state in (RunState.OK, RunState.FAILED):
            self._fault(Check.STEPS, event, f"{run} is {view.state.value} and has not started")
        elif view.state is RunState.SKIPPED and (run.job.overlap is not SKIP or not run.job.busy):
            self._fault(Check.GATES, event, f"{run} was skipped; of the others: {run.job.counts()}")
        if self._phase is Phase.STOPPED and before is not None:
            self._fault(Check.STOPPING, event, f"{run} ended after the scheduler had stopped")
        self.ended[view.state] += 1
        self.seen[f"{view.state.value} after {before.value if before else 'nothing'}"] += 1

    # --- ticks ------------------------------------------------------------------------------------

    def _tick_ended(self, event: told.TickEnded) -> None:
        view, job = event.run, self._alive.get(event.run.job)
        if view.state not in TICK_ENDINGS or not view.reason or view.number != 0 or view.ticks < 1:
            self._fault(Check.REASONS, event, f"{view}")
        if job is None:
            self._fault(Check.STEPS, event, f"a tick of {view.job!r}, which is no job")
            return
        if self._phase in (Phase.STOPPING, Phase.STOPPED):
            self._fault(Check.STOPPING, event, f"a tick of {job}")
        row, job.row = job.row, view
        # Equal ones in a row share one entry, which is told of again when it has grown.
        known = row.ticks if row is not None and same_entry(row, view) else 0
        self.ticks += view.ticks - known
        self._account(job, view, view.ticks - known, event)
        self.seen[f"a tick {view.state.value}"] += 1

    def _account(self, job: JobBook, view: RunView, ticks: int, event: told.Event) -> None:
        if job.interval is None or self._clock_was_set:
            return
        if view.due is None or ticks < 1:
            self._fault(Check.TICKS, event, f"{ticks} ticks of {job}, due {view.due}")
            return
        expected = job.next_tick or view.due
        # Those that share an entry or a run are not named by their own instants.
        if view.ticks == ticks and view.state is not RunState.COALESCED:
            if abs(view.due - expected) > GRID_NOISE:
                self._fault(Check.TICKS, event, f"{job}: tick {view.due}, though {expected} was the next")
            expected = view.due
        job.next_tick = expected + ticks * job.interval

    # --- the rest ---------------------------------------------------------------------------------

    def _pool_resized(self, event: told.PoolResized) -> None:
        self._size = event.size
        self.seen["a pool without limit"] += event.size == 0
        self.seen["a pool shrunk below what is RUNNING"] += 0 < event.size < len(self._running)

    def _internal_error(self, event: told.InternalError) -> None:
        self._fault(Check.ERRORS, event, f"the timer failed: {event.error}")

    def _phase_changed(self, event: told.Event) -> None:
        following = {
            told.SchedulerStarted: (Phase.NEW, Phase.RUNNING),
            told.SchedulerStopping: (Phase.RUNNING, Phase.STOPPING),
            told.SchedulerStopped: (Phase.STOPPING, Phase.STOPPED),
        }
        before, self._phase = self._phase, following[type(event)][1]
        if before is not following[type(event)][0]:
            self._fault(Check.STOPPING, event, f"it came while the scheduler was {before.value}")
        if self._phase is Phase.STOPPED:
            self.stopped_at = event.at
        if self._phase is Phase.STOPPED and (self._running or self._queued or self._held):
            left = [str(run) for run in self.runs.values() if run.step is not None and not run.step.ended]
            self._fault(Check.STOPPING, event, f"these have no ending: {', '.join(left[:20])}")

    # --- checks -----------------------------------------------------------------------------------

    @property
    def _slack(self) -> float:
        """By how much times may be off: what the machine's clock did, and the rounding of a picture."""
        return 0.001 + self._evidence.drift

    def _check_time(self, event: told.Event) -> None:
        slack = self._slack
        if not self._evidence.began - slack <= event.at <= self._evidence.ended + slack:
            self._fault(Check.TIMES, event, "it is not between the beginning and the end")
        elif event.at < self._latest - BACK - slack:
            self._fault(Check.TIMES, event, f"there was one at {self._latest:.6f} already")
        self._latest = max(self._latest, event.at)

    def _compare(self, picture: Picture) -> None:
        """Compare a snapshot with the books; it was taken between two changes, so the books are whole."""
        where = f"snapshot of event {picture.seq}"
        check = Check.COUNTERS if picture is self._evidence.last else Check.PICTURES
        pool = (self._size, len(self._running), self._queued, self._held)
        shown = (picture.pool.size, picture.pool.running, picture.pool.queued, picture.pool.held)
        if (pool, self._phase) != (shown, picture.phase):
            self._faults.add(
                check,
                f"{where}: (size, running, queued, held) {shown} and {picture.phase.value}, "
                f"by the events {pool} and {self._phase.value}",
            )
        jobs = {name: book.counts() for name, book in self._alive.items()}
        for name in jobs.keys() | picture.jobs.keys():
            if jobs.get(name) != picture.jobs.get(name):
                self._faults.add(
                    check, f"{where}: job {name!r} {picture.jobs.get(name)}, by the events {jobs.get(name)}"
                )
        self._compare_lists(check, where, picture)
        for book in self._alive.values():
            if book.held and not book.running and not book.queued:
                self._faults.add(Check.STUCK, f"{where}: {book} has {list(book.held)[:5]} held by nothing")

    def _compare_lists(self, check: Check, where: str, picture: Picture) -> None:
        queue = [number for number in self._queue if not self._gone(number)]
        lists: dict[str, tuple[tuple[Shown, ...], list[int], RunState]] = {
            "running": (picture.running, sorted(self._running), RunState.RUNNING),
            "first of the waiting": (picture.waiting[: len(queue)], queue, RunState.QUEUED),
            "last of the waiting": (picture.waiting[len(queue) :], self._all("held"), RunState.HELD),
            "scheduled": (picture.scheduled, self._all("scheduled"), RunState.SCHEDULED),
        }
        for name, (shown, expected, state) in lists.items():
            ordered = list(shown) if state is RunState.QUEUED else sorted(shown, key=lambda each: each[0])
            if len(picture.waiting if "waiting" in name else shown) == LISTED:
                continue  # the list was cut, and what is cut off is told by the counts
            if difference := first_difference(ordered, [(number, state) for number in expected]):
                self._faults.add(check, f"{where}, {name}: {difference}")

    def _all(self, kind: str) -> list[int]:
        return sorted(number for book in self._alive.values() for number in getattr(book, kind))

    def _fault(self, check: Check, event: told.Event, offender: str) -> None:
        self._faults.add(check, f"event {event.seq} ({type(event).__name__} at {event.at:.6f}): {offender}")
