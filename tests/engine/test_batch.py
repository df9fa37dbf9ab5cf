"""A batch has the result of the same runs one after the other."""

import threading
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.engine_harness import NOON, EngineHarness

from jobtui.engine.batch import MAX_BATCH, Batch
from jobtui.engine.enums import Overlap, RunState
from jobtui.engine.records import RunRecord
from jobtui.runtime.executors.base import Worker

ELAPSED = 0.25
MONOTONIC_NOON = 1_000.0  # the monotonic clock at noon


class BatchHarness:
    """An engine with one worker, which executes its runs in batches or one by one.

    Args:
        in_batches: Whether the worker uses batches.
    """

    def __init__(self, *, in_batches: bool) -> None:
        self.harness = EngineHarness(pool=2)
        self.jobs = [self.harness.job(name, overlap=Overlap.ALLOW) for name in ("a", "b")]
        self.worker = Worker("w")
        self.in_batches = in_batches

    def apply(self, operation: str, number: int) -> None:
        """Apply one operation; all but the worker's need the state lock, and so record the batch first."""
        harness, pool = self.harness, self.harness.engine.pool
        harness.now += 1
        if operation == "work":
            self.finish_and_start_next()
            return
        self.record_batch()
        if operation == "submit" and not harness.engine.closed:
            harness.submit(self.jobs[number % 2], number)
        elif operation == "resize":
            harness.engine.resize(number, harness.now)
        elif operation == "cancel":
            run = harness.engine.find_run(number)
            if run is not None:
                pool.cancel(run, harness.now, "cancelled")
        elif operation == "start":
            pool.start_next(harness.now, "another")
        elif operation == "abandon" and not harness.engine.closed:
            harness.engine.stop(harness.now)
            harness.engine.abandon_running(harness.now, "given up")

    def finish_and_start_next(self) -> None:
        """Finish the worker's run, if it has one, and start its next one."""
        worker, pool, now = self.worker, self.harness.engine.pool, self.harness.now
        worker.outcome.elapsed, worker.outcome.ended = ELAPSED, MONOTONIC_NOON + (now - NOON)
        if (next_run := worker.next_in_batch()) is not None:
            worker.outcome.run = next_run
            return
        self.record_batch()
        worker.batch = None
        finished = worker.outcome.run
        if finished is not None:
            pool.finish(finished, now, RunState.OK, ELAPSED)
        worker.outcome.run = pool.start_next(now, "w")
        if self.in_batches and worker.outcome.run is not None:
            worker.batch = pool.start_batch(worker.outcome.run, "w")

    def record_batch(self) -> None:
        """Record the worker's batch, as every holder of the state lock does first."""
        if self.worker.batch is not None:
            self.harness.engine.pool.record_batch(self.worker.batch, NOON - MONOTONIC_NOON)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("work"), st.just(0)),
        st.tuples(st.just("work"), st.just(0)),
        st.tuples(st.just("submit"), st.integers(0, 9)),
        st.tuples(st.sampled_from(["inspect", "start", "abandon"]), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(1, 20)),
        st.tuples(st.just("resize"), st.integers(0, 2)),
    ),
    max_size=30,
)


@given(OPERATIONS)
def test_a_batch_has_the_result_of_one_run_after_the_other(operations: list[tuple[str, int]]) -> None:
    """After any operations: the same snapshots, ledger and events."""
    batches, single = BatchHarness(in_batches=True), BatchHarness(in_batches=False)
    for operation in [("submit", 8), ("work", 0), *operations, ("inspect", 0)]:
        batches.apply(*operation)
        single.apply(*operation)
        if operation[0] != "work":
            assert batches.harness.snapshot() == single.harness.snapshot()
            assert batches.harness.counts == single.harness.counts
            assert not any(job.last_queued for job in batches.jobs if not job.busy)
    assert batches.harness.events == single.harness.events


def test_a_batch_has_runs_of_one_job_without_extras_up_to_a_maximum() -> None:
    """The first other run ends it. The runs behind it stay in the queue, in order."""
    harness = EngineHarness(pool=1)
    a, b = (harness.job(name, overlap=Overlap.ALLOW) for name in ("a", "b"))
    first, second, third = harness.submit(a, 3)
    [other] = harness.submit(b)
    many = harness.submit(b, MAX_BATCH + 5)
    third.ensure_extras().waiter = threading.Event()
    queue, pool = harness.engine.pool.queue, harness.engine.pool
    assert pool.start_next(harness.now, "w") is first
    assert list(pool.start_batch(first, "w").pending) == [second]
    harness.finish(first)
    assert pool.start_next(harness.now, "w") is third
    assert list(pool.start_batch(third, "w").pending) == []
    harness.finish(third)
    assert pool.start_next(harness.now, "w") is other
    assert list(pool.start_batch(other, "w").pending) == many[: MAX_BATCH - 1]
    assert list(queue) == many[MAX_BATCH - 1 :]


class StoredAttachments:
    """Attachments as the runtime makes them."""

    outlives_run = False


def test_a_run_with_attachments_is_not_in_a_batch() -> None:
    """Its end needs the kernel: it may have been asked to stop, or may have printed."""
    harness = EngineHarness(pool=1)
    first, second, third = harness.submit(harness.job(overlap=Overlap.ALLOW), 3)
    third.attachments = StoredAttachments()
    assert harness.start_next() is first
    assert list(harness.engine.pool.start_batch(first, "w").pending) == [second]


class RacingDeque(deque[RunRecord]):
    """A deque that calls a function just before the worker claims its next run."""

    before_popleft: Callable[[], object]

    def popleft(self) -> RunRecord:
        """Call the function, then claim the run."""
        self.before_popleft()
        return super().popleft()


@pytest.mark.parametrize("given_up", [False, True], ids=["reclaimed", "reclaimed and given up"])
def test_a_run_that_is_reclaimed_just_before_the_worker_claims_it_stays_in_the_queue(
    *, given_up: bool
) -> None:
    """Each run is either claimed or reclaimed. The timing that was just added counts if its run is live."""
    harness = EngineHarness(pool=1)
    job = harness.job(overlap=Overlap.ALLOW)
    runs = harness.submit(job, 4)
    worker, pool = Worker("w"), harness.engine.pool
    worker.outcome.run = pool.start_next(harness.now, "w")
    batch = worker.batch = pool.start_batch(runs[0], "w")
    if given_up:
        pool.record_batch(batch, 0.0)  # while the first run is RUNNING
        assert list(pool.queue) == runs[1:]
        pool.finish(runs[0], harness.now, RunState.CANCELLED, 1.0, reason="given up")
        # The worker adds the timing if it has looked at `pending` before all that.
        batch.timings += (harness.now, ELAPSED)
    else:
        racing = RacingDeque(batch.pending)
        racing.before_popleft = lambda: pool.record_batch(batch, 0.0)
        batch.pending = racing
        worker.outcome.ended, worker.outcome.elapsed = harness.now, ELAPSED
        assert worker.next_in_batch() is None
        assert worker.outcome.run is None  # it is recorded completely
        assert harness.counts == (0, 3, 0)
        assert (job.running, job.queued) == (0, 3)
    pool.record_batch(batch, 0.0)
    [ending] = harness.endings
    assert ending.state is (RunState.CANCELLED if given_up else RunState.OK)
    assert harness.run_all() == [2, 3, 4]
    harness.assert_each_run_ended_once(runs)
    harness.assert_events_are_numbered()


def test_no_run_of_a_batch_ends_before_its_start() -> None:
    """Even if the offset between the clocks was measured some milliseconds wrong."""
    harness = EngineHarness(pool=1)
    runs = harness.submit(harness.job(overlap=Overlap.ALLOW), 3)
    pool = harness.engine.pool
    pool.start_next(harness.now, "w")
    batch = pool.start_batch(runs[0], "w")
    for ended in (0.001, 0.002):
        batch.timings += (MONOTONIC_NOON + ended, 0.001)
        batch.pending.popleft()
    pool.record_batch(batch, NOON - MONOTONIC_NOON - 0.005)
    times = [(run.started, run.ended) for run in reversed(harness.snapshot().recent)]
    assert all(started is not None and ended is not None and started <= ended for started, ended in times)


def test_reclaim_returns_the_last_run_first() -> None:
    """`deque.extendleft` then puts the runs back into the queue in their order."""
    harness = EngineHarness()
    runs = harness.submit(harness.job(overlap=Overlap.ALLOW), 4)
    batch = Batch(runs[0], runs[1:], "w")
    assert batch.pending.popleft() is runs[1]
    assert batch.reclaim() == [runs[3], runs[2]]
    assert (batch.runs, batch.reclaim()) == (runs[:2], [])
