"""The poller: what the timer's thread does at each wake.

It processes the jobs and runs that are due, finishes the long work that changes have left, and checks the
clock, the workers and the batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from jobtui.engine.engine import DUE_PER_HOLD, Engine, ReadyEntry
from jobtui.engine.enums import Phase
from jobtui.engine.records import JobRecord
from jobtui.engine.ticks import TickPlan, TickPlanner
from jobtui.engine.timer_queue import DueEntry, JobDue, LimitDue
from jobtui.engine.tracebacks import one_line
from jobtui.process.gil import let_other_threads_run
from jobtui.runtime.executors.base import Executor
from jobtui.runtime.kernel import BATCH_CHECK, Kernel, do_nothing
from jobtui.runtime.timer import Timer

WORKER_CHECK = 0.5  # seconds after which the timer checks that there are workers for the runs
STARTS_PER_HOLD = 200  # runs that are started by ticks in one hold of the lock


class Poller:
    """Processes what is due, in slices, so that no hold of the lock is long.

    Args:
        kernel: Makes the changes.

    Attributes:
        heartbeat: The monotonic clock when the timer last woke, in seconds; None before the start.
        when_unreachable: Called after each wake, once no thread of the user can reach the scheduler any more.
        claim_ticks: Claims ticks, names of jobs and instants, before they are run. Returns those that
            another process has claimed, with its number. None if this scheduler runs all ticks.
    """

    when_unreachable: Callable[[], None] | None = None
    claim_ticks: Callable[[list[tuple[str, float]]], dict[tuple[str, float], int]] | None = None

    def __init__(self, kernel: Kernel) -> None:
        self.heartbeat: float | None = None
        self._kernel = kernel
        self._engine = kernel.engine
        self._planner = TickPlanner(lambda: kernel.engine.quiet, self._drain_during_plan)
        self._workers_busy = False  # whether a worker was not idle when they were last checked
        self._next_worker_check = -math.inf  # on the monotonic clock
        self._processing = False  # whether something that was due may have been taken and not processed
        self._workers_unsure = False  # whether a thread was started, or could not be, since the timer woke

    def connect(self, executor: Executor, timer: Timer) -> None:
        """Set the executor and the timer. Call this before any command, and before another start."""
        self._executor = executor
        self._timer = timer

    def note_heartbeat(self) -> float:
        """Note that the scheduler is alive now. Return the monotonic clock, in seconds."""
        self.heartbeat = self._kernel.clock.monotonic()
        return self.heartbeat

    def check_workers_soon(self) -> None:
        """Check the workers now and once more: a thread was started, or could not be."""
        self._workers_unsure = True
        self._timer.wake()

    def poll(self) -> float:
        """Process what is due. Returns the seconds until something is due again; inf for never."""
        self._timer.wakes_at = -math.inf  # it is awake, so effects need not wake it
        heartbeat = self.note_heartbeat()
        unsure, self._workers_unsure = self._workers_unsure, False
        if unsure or heartbeat >= self._next_worker_check:
            self._workers_busy = self._executor.check_workers()
            self._kernel.run_unfinished_effects()  # of a worker whose thread has died
            self._next_worker_check = heartbeat + WORKER_CHECK
        if self._processing:  # an exception has interrupted this: it is due again
            self._kernel.apply_here(Engine.repair)
        self._processing = True
        self._process_due()
        self._processing = False
        if self.when_unreachable is not None:
            self.when_unreachable()
            unsure = unsure or self._engine.has_live_runs()  # the end of a run does not wake the timer
        now = self._kernel.clock.now()
        next_due = self._engine.next_due
        due = math.inf if next_due is None else next_due
        if self._engine.oldest_batch_taken is not None:
            due = min(due, now + BATCH_CHECK)
        if self._workers_busy or unsure or self._workers_unsure:
            due = min(due, now + WORKER_CHECK)
        self._timer.wakes_at = due
        if self._kernel.inbox:
            return 0.0
        return due - now

    def _check_health(self, engine: Engine, now: float) -> None:
        """Notice a changed clock, a clock that failed, and batches in which a worker is stuck."""
        self._kernel.check_clock_step(now)
        engine.leave_stuck_batches(now, BATCH_CHECK)
        if self._kernel.clock.error:
            engine.report_internal_error(f"the clock failed: {self._kernel.clock.error}", now)
            self._kernel.clock.error = ""

    def _process_due(self) -> None:
        """Process what is due in slices, so that no hold of the lock is long."""
        self._planner.begin_wake()
        if self._engine.has_unfinished_work:
            self.finish_work()

        def check_and_pop(engine: Engine, now: float) -> tuple[list[DueEntry], float]:
            self._check_health(engine, now)
            if engine.has_unfinished_work:  # the clock was set, so what is due has to be found again
                return [], now
            return engine.pop_due(now), now

        due, now = self._kernel.apply_here(check_and_pop)
        while due or self._engine.has_unfinished_work:
            if due:
                self._process_slice(due, now)
            else:
                self.finish_work()
            if len(due) < DUE_PER_HOLD and not self._engine.has_unfinished_work:
                return
            due, now = self._kernel.apply_here(check_and_pop)

    def _process_slice(self, due: list[DueEntry], now: float) -> None:
        """Plan the ticks of jobs that are due, and read stacks, without the lock; then apply that."""
        ready: list[ReadyEntry] = []
        starts = 0
        for entry in due:
            self._drain_during_plan()
            parts: Iterable[ReadyEntry]
            if isinstance(entry, JobDue):
                parts = self._planner.plan(entry.job, now)
            elif isinstance(entry, LimitDue):
                parts = [LimitDue(entry.run, self._kernel.frames_of(entry.run))]
            else:
                parts = [entry]
            for part in parts:
                ready.append(part)
                instants = part.instants if isinstance(part, TickPlan) else None
                starts += 1 if instants is None else len(instants)
                if starts >= STARTS_PER_HOLD:
                    self._apply_ready(ready)
                    ready, starts = [], 0
        self._apply_ready(ready)

    def _apply_ready(self, ready: list[ReadyEntry]) -> None:
        if self.claim_ticks is not None:
            self._claim([each for each in ready if isinstance(each, TickPlan)])
        self._kernel.apply_here(lambda engine, now: engine.apply_due(ready, now))

    def _claim(self, plans: list[TickPlan]) -> None:
        """Claim the ticks of plans in the store, which may take long if the disk is slow."""
        ticks = {id(plan): self._planner.instants_of(plan) for plan in plans if _starts_runs(plan)}
        wanted = [(plan.job.name, each) for plan in plans for each in ticks.get(id(plan), ())]
        if self.claim_ticks is None or not wanted:
            return
        others = self.claim_ticks(wanted)
        for plan in plans if others else ():
            name = plan.job.name
            plan.claims = {each: others.get((name, each), 0) for each in ticks.get(id(plan), ())}

    def _drain_during_plan(self) -> None:
        """Drain the inbox in the middle of a long plan: the workers may be busy."""
        if self._kernel.inbox:
            self._kernel.apply_here(do_nothing)
            let_other_threads_run()  # the caller of a command would wait up to 5 ms for the GIL

    def report_error(self, error: BaseException) -> None:
        """Record an exception in the timer, and run the effects that it has interrupted."""

        def record(engine: Engine, now: float) -> None:
            engine.report_internal_error(one_line(error), now)

        self._kernel.apply(record)
        self._kernel.run_unfinished_effects()

    def finish_work(self) -> None:
        """Finish the long work that changes have left, in slices, so that no hold of the lock is long.

        The timer does so, too: the work is finished even if an exception interrupts the caller.
        """
        while self._kernel.apply(Engine.continue_work):
            pass
        while searches := self._kernel.inspect(Engine.searches):
            found = [self._planner.find_next(job, search) for job, search in searches]
            self._kernel.apply(lambda engine, now, found=found: engine.apply_next_ticks(found, now))  # type: ignore[misc]

    def add_job(self, job: JobRecord, *, replace: bool = False) -> JobRecord:
        """Register a job, and return its record; see `Engine.add_job`.

        If the scheduler runs, the job's next tick is searched for before.
        """
        planned = self._plan_first(job)

        def add(engine: Engine, now: float) -> JobRecord:
            # Before the job, whose next tick is computed from the new time.
            self._kernel.check_clock_step(now)
            return engine.add_job(job, now, planned=planned, replace=replace)

        return self._kernel.apply(add)

    def _plan_first(self, job: JobRecord) -> bool:
        """Find the first tick of a record that is not registered, if the scheduler runs."""
        if self._engine.phase is not Phase.RUNNING or job.schedule is None:
            return False
        job.schedule, job.due = self._planner.find_first(job.schedule, self._kernel.clock.now())
        return True


def _starts_runs(plan: TickPlan) -> bool:
    """Return whether a plan may start runs: not if its ticks are late, of a paused job or a quiet time."""
    starts_none = plan.error or plan.is_late or plan.quiet_until is not None
    return not starts_none and not plan.job.is_paused_at(plan.due)
