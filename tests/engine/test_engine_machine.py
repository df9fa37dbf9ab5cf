"""A stateful test: random histories of the engine, compared with a simple model."""

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.engine_harness import EngineHarness

from jobtui.engine.batch import Batch
from jobtui.engine.enums import Cancellation, Limit, Misfire, Overlap, RunState, Trigger
from jobtui.engine.events import RunFinished, RunHeld, RunQueued
from jobtui.engine.records import JobRecord, RunRecord
from jobtui.engine.timer_queue import LimitDue
from jobtui.runtime.executors.base import Outcome

MAX_HELD = 3
TIMEOUT, ABANDONED = 1e6, 2  # seconds that no history takes, and how many runs may be abandoned


@dataclass
class ModelJob:
    """The model of one job."""

    record: JobRecord
    paused: bool = False
    retrying: list[int] = field(default_factory=list)
    removed: bool = False
    held: list[int] = field(default_factory=list)


class EngineMachine(RuleBasedStateMachine):
    """Applies random operations to an engine, and compares its state with the model's."""

    @initialize(size=st.integers(0, 3))
    def start(self, size: int) -> None:
        """Start an engine and the model."""
        self.harness = EngineHarness(size, abandoned=ABANDONED)
        self.size = size
        self.jobs: list[ModelJob] = []
        self.queue: list[int] = []
        self.runs: dict[int, RunRecord] = {}
        self.running: list[RunRecord] = []
        self.expected_starts: list[int] = []
        self.abandoned: list[RunRecord] = []

    def pick(self, number: int) -> ModelJob | None:
        """Return one of the jobs that have not been removed, if there is one."""
        present = [job for job in self.jobs if not job.removed]
        return present[number % len(present)] if present else None

    def model_of(self, run: RunRecord) -> ModelJob:
        """Return the model of a run's job."""
        return next(job for job in self.jobs if job.record is run.job)

    def busy(self, job: ModelJob) -> bool:
        """Return whether the model has a RUNNING, QUEUED, HELD or RETRYING run of a job."""
        running = any(run.job is job.record for run in self.running)
        queued = any(self.runs[number].job is job.record for number in self.queue)
        return running or queued or bool(job.held or job.retrying)

    def assert_admitted(self, run: RunRecord) -> None:
        """Assert that the overlap policy was applied to a new run, and add the run to the model."""
        job = self.model_of(run)
        busy = self.busy(job)
        if not busy or job.record.policies.overlap is Overlap.ALLOW:
            replaced = job.record.policies.overlap is Overlap.REPLACE and run.state is RunState.CANCELLED
            assert run.state is RunState.QUEUED or replaced  # by another run at the same time
            self.queue.append(run.number)
        elif job.record.policies.overlap is Overlap.SKIP:
            assert run.state is RunState.SKIPPED
        elif job.record.policies.overlap is Overlap.REPLACE:
            self.assert_replaced(job, run)
        else:
            assert run.state is RunState.HELD
            job.held.append(run.number)

    def assert_replaced(self, job: ModelJob, by: RunRecord) -> None:
        """Assert that a run has replaced all earlier runs of its job; it may have been replaced since."""
        queued = [number for number in self.queue if self.runs[number].job is job.record]
        for number in (*queued, *job.held, *job.retrying):
            assert self.runs[number].state is RunState.CANCELLED
            assert self.runs[number].extras.reason.startswith(f"replaced by run {by.number}")
        job.retrying.clear()
        self.queue = [number for number in self.queue if number not in queued]
        running = [run for run in self.running if run.job is job.record]
        assert all(run.extras.stop_reason for run in running)
        job.held = [by.number] if running else []
        if not running:
            self.queue.append(by.number)
        assert by.state in (RunState.HELD if running else RunState.QUEUED, RunState.CANCELLED)

    def promote_held(self, job: ModelJob) -> None:
        """Move the job's next held run to the tail of the queue, unless the job has an earlier live run."""
        running = any(run.job is job.record for run in self.running)
        queued = any(self.runs[number].job is job.record for number in self.queue)
        if job.held and not running and not queued and not job.retrying:
            self.queue.append(job.held.pop(0))

    @precondition(lambda self: len(self.jobs) < 8)
    @rule(
        overlap=st.sampled_from(Overlap),
        misfire=st.sampled_from(Misfire),
        spec=st.sampled_from(["@every 2s", "@every 3s", "*/5 * * * * *", "@yearly"]),
        limited=st.booleans(),
    )
    def add(self, overlap: Overlap, misfire: Misfire, spec: str, limited: bool) -> None:
        """Add a job: its name is unique."""
        names = set(self.harness.engine.jobs)
        record = self.harness.job(
            *("a", spec),
            overlap=overlap,
            misfire=misfire,
            max_held=MAX_HELD,
            timeout=TIMEOUT if limited else 0,
        )
        assert record.name not in names
        self.jobs.append(ModelJob(record))

    @rule(which=st.integers(0, 20), trigger=st.sampled_from([Trigger.NOW, Trigger.HAND]))
    def submit(self, which: int, trigger: Trigger) -> None:
        """Request a run now. By hand, that is another run only if none is RETRYING: see `try_at_once`."""
        job = self.pick(which)
        if job is not None and not (job.retrying and trigger is Trigger.HAND):
            [run] = self.harness.submit(job.record, trigger=trigger)
            self.runs[run.number] = run
            self.assert_admitted(run)

    @rule(which=st.integers(0, 20), delay=st.integers(-2, 6))
    def submit_later(self, which: int, delay: int) -> None:
        """Request a run at an instant."""
        if job := self.pick(which):
            run = self.harness.submit_later(job.record, delay)
            assert run.state is RunState.SCHEDULED
            self.runs[run.number] = run

    @rule(seconds=st.integers(0, 12))
    def advance(self, seconds: int) -> None:
        """Move the time. The model does not predict ticks; it checks how their runs were admitted."""
        known = len(self.harness.events)
        due = {number for number, run in self.runs.items() if run.state is RunState.SCHEDULED}
        retried = {number for job in self.jobs for number in job.retrying}
        self.harness.advance(seconds)
        for event in self.harness.events[known:]:
            if not isinstance(event, RunQueued | RunHeld | RunFinished):
                continue
            number = event.run.number
            if event.run.state is RunState.CANCELLED:
                continue  # `assert_replaced` checks it for the run that replaced it
            run = self.harness.records[number]
            if number in retried:
                self.assert_tried_again(run)
                continue
            if number in self.runs:
                assert number in due
                assert run.due is not None
                assert run.due <= self.harness.now
            else:
                assert not self.model_of(run).paused
                self.runs[number] = run
            self.assert_admitted(run)
        for run in self.runs.values():
            assert run.state is not RunState.SCHEDULED or (run.due or 0) > self.harness.now
            assert run.state is not RunState.RETRYING or (run.extras.retry_at or 0) > self.harness.now
        for job in self.jobs:
            if job.record.due is not None:
                assert job.record.due > self.harness.now

    def assert_tried_again(self, run: RunRecord) -> None:
        """Assert that a RETRYING run has joined the queue, and move it there in the model."""
        assert run.state in {RunState.QUEUED, RunState.CANCELLED}  # by another run at the same time
        assert run.extras.retry_at is None
        self.model_of(run).retrying.remove(run.number)
        self.queue.append(run.number)

    @rule()
    def start_next(self) -> None:
        """Start the next run."""
        self.assert_started(self.harness.start_next_if_free())

    @rule(executed=st.integers(1, 5), at_most=st.integers(1, 5))
    def execute_batch(self, executed: int, at_most: int) -> None:
        """Take a batch, and hand in some of its runs: the others stay RUNNING, for another worker."""
        pool, now = self.harness.engine.pool, self.harness.now
        left = [run for run in pool.orphaned if not run.state.ended]
        batch = Batch(now)
        started = pool.start(batch, "w", at_most)
        if left:
            assert batch.runs == left[:1]
            return
        if not started:
            self.assert_started(None)
            return
        runs = list(batch.runs)
        assert len(runs) <= at_most
        assert len(runs) == 1 or runs[0].job.policies.overlap is Overlap.ALLOW
        assert all(run.job is runs[0].job for run in runs)
        for run in runs:
            self.assert_started(run)
        done = runs[:executed]
        for run in done:
            if run is not runs[0]:
                batch.pending.popleft()
        pool.leave_pending(batch)
        for run in done:
            self.running.remove(run)
            pool.finish([Outcome(run, elapsed=0.00001)], now, began=now)
            assert run.state is RunState.OK
            self.promote_held(self.model_of(run))

    def assert_started(self, run: RunRecord | None) -> None:
        """Assert that the run that was started is the one at the head of the model's queue."""
        free_slot = self.size == 0 or len(self.running) < self.size
        if not self.queue or not free_slot:
            assert run is None
            return
        assert run is self.runs[self.queue.pop(0)]
        shares = run.job.policies.overlap is Overlap.ALLOW
        assert shares or all(other.job is not run.job for other in self.running)
        self.running.append(run)
        self.expected_starts.append(run.number)

    @rule(which=st.integers(0, 20), failed=st.booleans(), elapsed=st.sampled_from([0.00001, 1.0]))
    def finish(self, which: int, failed: bool, elapsed: float) -> None:
        """Finish a run, which may have been short, so that batches of its job have more than one run."""
        if self.running:
            run = self.running.pop(which % len(self.running))
            state = RunState.FAILED if failed else RunState.OK
            self.harness.finish(run, state, elapsed=elapsed)
            assert run.state is state
            self.promote_held(self.model_of(run))

    @rule(which=st.integers(0, 20), delay=st.integers(0, 6))
    def fail_attempt(self, which: int, delay: int) -> None:
        """Let an attempt of a run fail that may be tried again, unless it was asked to stop."""
        if not self.running:
            return
        run = self.running.pop(which % len(self.running))
        job = self.model_of(run)
        stopped, attempt = bool(run.extras.stop_reason), run.extras.attempt
        self.harness.fail_attempt(run, delay)
        if stopped or job.removed:
            assert run.state is RunState.FAILED
            self.promote_held(job)
            return
        assert run.state is RunState.RETRYING
        assert run.extras.retry_at == self.harness.now + delay
        assert (run.extras.attempt, len(run.extras.attempts_made)) == (attempt, min(attempt, 20))
        job.retrying.append(run.number)

    @rule(which=st.integers(0, 20))
    def try_at_once(self, which: int) -> None:
        """Try the RETRYING run of a job again by hand, the one that is due first."""
        job = self.pick(which)
        if job is not None and job.retrying:
            first = min(job.retrying, key=lambda number: self.runs[number].extras.retry_at or 0)
            [run] = self.harness.submit(job.record, trigger=Trigger.HAND)
            assert run.number == first
            self.assert_tried_again(run)

    @rule(which=st.integers(0, 20))
    def let_time_run_out(self, which: int) -> None:
        """Let a run of a limited job reach its next limit: it is asked to stop, and then abandoned."""
        limited = [run for run in self.running if run.extras.limit is not None]
        if not limited:
            return
        run = limited[which % len(limited)]
        gives_up = run.extras.limit is Limit.ABANDON and len(self.abandoned) < ABANDONED
        self.harness.engine.apply_due([LimitDue(run)], run.extras.limit_at)
        assert run.extras.stop_reason
        assert run.state is (RunState.TIMED_OUT if gives_up else RunState.RUNNING)
        if gives_up:
            self.running.remove(run)
            self.abandoned.append(run)
            self.promote_held(self.model_of(run))

    @rule(which=st.integers(0, 20))
    def end_abandoned(self, which: int) -> None:
        """End the work of an abandoned run: that changes nothing else."""
        if self.abandoned:
            run = self.abandoned.pop(which % len(self.abandoned))
            self.harness.finish(run)
            assert run.state is RunState.TIMED_OUT

    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        """Cancel any run, live or ended."""
        if not self.runs:
            return
        run = list(self.runs.values())[which % len(self.runs)]
        before = run.state
        result = self.harness.engine.cancel(run, self.harness.now, "cancelled")
        if not before.waiting and before is not RunState.RETRYING:
            running = before is RunState.RUNNING
            assert result is (Cancellation.ASKED if running else Cancellation.TOO_LATE)
            assert run.state is before
            return
        assert result is Cancellation.TAKEN_OUT
        assert run.state is RunState.CANCELLED
        job = self.model_of(run)
        if run.number in self.queue:
            self.queue.remove(run.number)
            self.promote_held(job)
        elif run.number in job.retrying:
            job.retrying.remove(run.number)
            self.promote_held(job)
        elif run.number in job.held:
            job.held.remove(run.number)

    @rule(which=st.integers(0, 20))
    def pause(self, which: int) -> None:
        """Pause a job."""
        if job := self.pick(which):
            assert self.harness.engine.pause_job(job.record, self.harness.now) is not job.paused
            job.paused = True

    @rule(which=st.integers(0, 20))
    def resume(self, which: int) -> None:
        """Resume a job."""
        if job := self.pick(which):
            assert self.harness.engine.resume_job(job.record, self.harness.now) is job.paused
            job.paused = False

    @rule(size=st.integers(0, 4))
    def resize(self, size: int) -> None:
        """Change the pool's size."""
        self.harness.engine.resize(size, self.harness.now)
        self.size = size

    @rule(which=st.integers(0, 20))
    def remove(self, which: int) -> None:
        """Remove a job: none of its runs waits any more."""
        if job := self.pick(which):
            self.harness.engine.remove_job(job.record, self.harness.now)
            job.removed = True
            job.held.clear()
            job.retrying.clear()
            self.queue = [number for number in self.queue if self.runs[number].job is not job.record]
            runs = [run for run in self.runs.values() if run.job is job.record]
            assert not any(run.state.waiting for run in runs)

    @rule(seconds=st.integers(1, 20_000))
    def set_clock_back(self, seconds: int) -> None:
        """Set the wall clock back, by seconds or hours."""
        self.harness.now -= seconds
        self.harness.step_clock(-float(seconds))

    @invariant()
    def views_are_current(self) -> None:
        """Assert that a snapshot has the views that the jobs would have if none was kept from before."""
        if hasattr(self, "harness"):
            engine = self.harness.engine
            fresh = [replace(job, cached_view=None) for job in engine.jobs.values()]
            assert self.harness.snapshot().jobs == tuple(job.view(engine.tz) for job in fresh)

    @invariant()
    def counts_match(self) -> None:
        """Assert that the counts of the pool and of the jobs are those of the model."""
        if not hasattr(self, "harness"):
            return
        held = sum(len(job.held) for job in self.jobs)
        assert self.harness.counts == (len(self.running), len(self.queue), held)
        assert len(self.harness.engine.pool.running) == len(self.running)
        assert [run.number for run in self.harness.snapshot().abandoned] == [
            run.number for run in self.abandoned
        ]
        waiting = [run.number for run in self.harness.snapshot().waiting]
        assert waiting[: len(self.queue)] == self.queue
        retrying = sorted(number for job in self.jobs for number in job.retrying)
        assert sorted(waiting[len(self.queue) + held :]) == retrying
        assert sorted(self.harness.engine.pool.retrying) == retrying
        for job in self.jobs:
            record = job.record
            assert record.queued == sum(self.runs[number].job is record for number in self.queue)
            assert [run.number for run in record.held] == job.held
            states = [run.state for run in self.runs.values() if run.job is record]
            assert record.scheduled == states.count(RunState.SCHEDULED)
            assert sorted(run.number for run in record.retrying) == sorted(job.retrying)
            assert record.runs == sum(state.completed for state in states)
            assert record.failures == sum(state.failed for state in states)

    def teardown(self) -> None:
        """Stop: every run has ended once, runs started in order, and event numbers have no gap."""
        if not hasattr(self, "harness"):
            return
        self.harness.engine.stop(self.harness.now)
        self.harness.engine.abandon_running(self.harness.now, "given up")
        assert self.harness.counts == (0, 0, 0)
        self.harness.assert_each_run_ended_once(list(self.runs.values()))
        self.harness.assert_events_are_numbered()
        assert self.harness.started_numbers == self.expected_starts


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(
    derandomize=True, deadline=None, max_examples=150, stateful_step_count=40, database=None
)
