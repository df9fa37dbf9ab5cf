"""Random histories of the engine, beside a model that is as simple as its rules."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.engine_harness import Bench

from jobtui.engine.enums import Cancellation, Misfire, Overlap, RunState, Trigger
from jobtui.engine.events import RunFinished, RunHeld, RunQueued
from jobtui.engine.records import JobRecord, RunRecord

MAX_HELD = 3


@dataclass
class ModelJob:
    """What the model knows of one job."""

    record: JobRecord
    paused: bool = False
    removed: bool = False
    held: list[int] = field(default_factory=list)


class EngineMachine(RuleBasedStateMachine):
    """Does anything in any order; the model says what must come of it."""

    @initialize(size=st.integers(0, 3))
    def start(self, size: int) -> None:
        """Start an engine, and a model of its queue."""
        self.bench = Bench(size)
        self.size = size
        self.jobs: list[ModelJob] = []
        self.queue: list[int] = []
        self.runs: dict[int, RunRecord] = {}
        self.running: list[RunRecord] = []
        self.expected_starts: list[int] = []

    def pick(self, number: int) -> ModelJob | None:
        """One of the jobs that are there."""
        there = [job for job in self.jobs if not job.removed]
        return there[number % len(there)] if there else None

    def model_of(self, run: RunRecord) -> ModelJob:
        """The model of a run's job."""
        return next(job for job in self.jobs if job.record is run.job)

    def busy(self, job: ModelJob) -> bool:
        """Whether the model has a live run of a job that is not SCHEDULED."""
        going = any(run.job is job.record for run in self.running)
        return going or bool(job.held) or any(self.runs[number].job is job.record for number in self.queue)

    def admitted(self, run: RunRecord) -> None:
        """A run has passed its gate: the model says where it must be now."""
        job = self.model_of(run)
        busy = self.busy(job)
        if not busy or job.record.overlap is Overlap.ALLOW:
            replaced = job.record.overlap is Overlap.REPLACE and run.state is RunState.CANCELLED
            assert run.state is RunState.QUEUED or replaced  # by one that came in the same tick
            self.queue.append(run.number)
        elif job.record.overlap is Overlap.SKIP:
            assert run.state is RunState.SKIPPED
        elif job.record.overlap is Overlap.REPLACE:
            self.replaced(job, run)
        else:
            assert run.state is RunState.HELD
            job.held.append(run.number)

    def replaced(self, job: ModelJob, by: RunRecord) -> None:
        """A run has taken the place of all that went before it, and may have lost it again since."""
        queued = [number for number in self.queue if self.runs[number].job is job.record]
        for number in (*queued, *job.held):
            assert self.runs[number].state is RunState.CANCELLED
            assert self.runs[number].extras.reason == f"replaced by run {by.number}"
        self.queue = [number for number in self.queue if number not in queued]
        running = [run for run in self.running if run.job is job.record]
        assert all(run.extras.stop_reason for run in running)
        job.held = [by.number] if running else []
        if not running:
            self.queue.append(by.number)
        assert by.state in (RunState.HELD if running else RunState.QUEUED, RunState.CANCELLED)

    def freed(self, job: ModelJob) -> None:
        """A run of a job has gone: its next held one goes to the tail of the queue."""
        alone = not any(run.job is job.record for run in self.running)
        queued = any(self.runs[number].job is job.record for number in self.queue)
        if job.held and alone and not queued:
            self.queue.append(job.held.pop(0))

    @precondition(lambda self: len(self.jobs) < 8)
    @rule(
        overlap=st.sampled_from(Overlap),
        misfire=st.sampled_from(Misfire),
        spec=st.sampled_from(["@every 2s", "@every 3s", "*/5 * * * * *", "@yearly"]),
    )
    def add(self, overlap: Overlap, misfire: Misfire, spec: str) -> None:
        """Add a job; its name is new, whatever names there are."""
        names = set(self.bench.engine.jobs)
        record = self.bench.job("a", spec, overlap=overlap, misfire=misfire, max_held=MAX_HELD)
        assert record.name not in names
        self.jobs.append(ModelJob(record))

    @rule(which=st.integers(0, 20), trigger=st.sampled_from([Trigger.NOW, Trigger.HAND]))
    def submit(self, which: int, trigger: Trigger) -> None:
        """Ask for a run now."""
        if job := self.pick(which):
            [run] = self.bench.submit(job.record, trigger=trigger)
            self.runs[run.number] = run
            self.admitted(run)

    @rule(which=st.integers(0, 20), delay=st.integers(-2, 6))
    def submit_later(self, which: int, delay: int) -> None:
        """Ask for a run later."""
        if job := self.pick(which):
            run = self.bench.later(job.record, delay)
            assert run.state is RunState.SCHEDULED
            self.runs[run.number] = run

    @rule(seconds=st.integers(0, 12))
    def tick(self, seconds: int) -> None:
        """Let time pass: the model does not foretell ticks, it checks where their runs went."""
        known = len(self.bench.events)
        due = {number for number, run in self.runs.items() if run.state is RunState.SCHEDULED}
        self.bench.tick(seconds)
        for event in self.bench.events[known:]:
            if not isinstance(event, RunQueued | RunHeld | RunFinished):
                continue
            number = event.run.number
            if event.run.state is RunState.CANCELLED:
                continue  # replaced, as the one that took its place will tell
            run = self.bench.records[number]
            if number in self.runs:
                assert number in due
                assert run.due is not None
                assert run.due <= self.bench.now
            else:
                assert not self.model_of(run).paused
                self.runs[number] = run
            self.admitted(run)
        for run in self.runs.values():
            assert run.state is not RunState.SCHEDULED or (run.due or 0) > self.bench.now
        for job in self.jobs:
            if job.record.due is not None:
                assert job.record.due > self.bench.now

    @rule()
    def take(self) -> None:
        """Start the next run: the model says which, and whether there is room."""
        self.started(self.bench.engine.pool.start_next(self.bench.now, "w"))

    @rule(which=st.integers(0, 20))
    def turn(self, which: int) -> None:
        """End a run's work and start the next run in one step, as workers do."""
        if self.running:
            done = self.running.pop(which % len(self.running))
            run = self.bench.engine.pool.finish_and_start_next(done, self.bench.now, 0.5, "w")
            assert done.state is RunState.OK
            self.freed(self.model_of(done))
            self.started(run)

    def started(self, run: RunRecord | None) -> None:
        """Compare what has started with what the model would start."""
        room = self.size == 0 or len(self.running) < self.size
        if not self.queue or not room:
            assert run is None
            return
        assert run is self.runs[self.queue.pop(0)]
        assert run.job.overlap is Overlap.ALLOW or all(other.job is not run.job for other in self.running)
        self.running.append(run)
        self.expected_starts.append(run.number)

    @rule(which=st.integers(0, 20), failed=st.booleans())
    def finish(self, which: int, failed: bool) -> None:
        """End a run's work."""
        if self.running:
            run = self.running.pop(which % len(self.running))
            state = RunState.FAILED if failed else RunState.OK
            self.bench.finish(run, state)
            assert run.state is state
            self.freed(self.model_of(run))

    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        """Cancel any run there ever was."""
        if not self.runs:
            return
        run = list(self.runs.values())[which % len(self.runs)]
        before = run.state
        done = self.bench.engine.pool.cancel(run, self.bench.now, "cancelled")
        if not before.waiting:
            stop_requested = before is RunState.RUNNING
            assert done is (Cancellation.ASKED if stop_requested else Cancellation.TOO_LATE)
            assert run.state is before
            return
        assert done is Cancellation.TAKEN_OUT
        assert run.state is RunState.CANCELLED
        job = self.model_of(run)
        if run.number in self.queue:
            self.queue.remove(run.number)
            self.freed(job)
        elif run.number in job.held:
            job.held.remove(run.number)

    @rule(which=st.integers(0, 20))
    def pause(self, which: int) -> None:
        """Pause a job."""
        if job := self.pick(which):
            assert self.bench.engine.pause_job(job.record, self.bench.now) is not job.paused
            job.paused = True

    @rule(which=st.integers(0, 20))
    def resume(self, which: int) -> None:
        """Resume a job."""
        if job := self.pick(which):
            assert self.bench.engine.resume_job(job.record, self.bench.now) is job.paused
            job.paused = False

    @rule(size=st.integers(0, 4))
    def resize(self, size: int) -> None:
        """Change the pool's size."""
        self.bench.engine.resize(size, self.bench.now)
        self.size = size

    @rule(which=st.integers(0, 20))
    def remove(self, which: int) -> None:
        """Remove a job: nothing of it waits any more."""
        if job := self.pick(which):
            self.bench.engine.remove_job(job.record, self.bench.now)
            job.removed = True
            job.held.clear()
            self.queue = [number for number in self.queue if self.runs[number].job is not job.record]
            mine = [run for run in self.runs.values() if run.job is job.record]
            assert not any(run.state.waiting for run in mine)

    @rule(seconds=st.integers(1, 20_000))
    def set_the_clock_back(self, seconds: int) -> None:
        """Set the wall clock back, by seconds or hours."""
        self.bench.now -= seconds
        self.bench.engine.apply_clock_step(-float(seconds), self.bench.now)

    @invariant()
    def counts_match(self) -> None:
        """The pool's counts, the jobs' counts and the model are one."""
        if not hasattr(self, "bench"):
            return
        held = sum(len(job.held) for job in self.jobs)
        assert self.bench.counts == (len(self.running), len(self.queue), held)
        assert self.bench.engine.running_count == len(self.running)
        waiting = [run.number for run in self.bench.snapshot().waiting]
        assert waiting[: len(self.queue)] == self.queue
        assert len(waiting) == len(self.queue) + held
        for job in self.jobs:
            record = job.record
            assert record.queued == sum(self.runs[number].job is record for number in self.queue)
            assert [run.number for run in record.held] == job.held
            mine = [run.state for run in self.runs.values() if run.job is record]
            assert record.scheduled == mine.count(RunState.SCHEDULED)
            assert record.runs == mine.count(RunState.OK) + mine.count(RunState.FAILED)
            assert record.failures == mine.count(RunState.FAILED)

    def teardown(self) -> None:
        """Stop and give up: every run has one ending, starts were in order, numbers have no gap."""
        if not hasattr(self, "bench"):
            return
        self.bench.engine.stop(self.bench.now)
        self.bench.engine.abandon_running(self.bench.now, "given up")
        assert self.bench.counts == (0, 0, 0)
        self.bench.check_one_ending_each(list(self.runs.values()))
        self.bench.check_numbers_of_events()
        assert self.bench.starts == self.expected_starts


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(
    derandomize=True, deadline=None, max_examples=150, stateful_step_count=40, database=None
)
