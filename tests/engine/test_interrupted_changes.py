"""An exception from outside at any place of a change: repaired and made again, it has been made once.

Python raises such an exception in a thread of the scheduler: one that a time limit sets, for example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest
from support.bytecode_injection import BytecodeInjection, Places
from support.engine_harness import NOON, EngineHarness

from jobtui.engine.batch import Batch
from jobtui.engine.enums import Misfire, Overlap, RunState, Trigger
from jobtui.engine.records import RunRecord
from jobtui.engine.timer_queue import RetryDue
from jobtui.runtime.executors.base import Outcome


class InterruptionError(BaseException):
    """The exception from outside."""


def interrupt_everywhere(
    prepare: Callable[[], EngineHarness],
    change: Callable[[EngineHarness], object],
    check: Callable[[EngineHarness], object],
) -> None:
    """Interrupt a change at place 1, 2, 3 and so on, each on a new harness; repair, and change it again."""
    for offset in count():
        harness = prepare()
        injection = BytecodeInjection(InterruptionError(), offset, Places.INTERPRETER)
        try:
            with injection:
                change(harness)
        except InterruptionError:
            harness.engine.repair(harness.now)
            change(harness)
        try:
            check(harness)
        except AssertionError as error:
            raise AssertionError(
                f"after an exception at place {offset}, {injection.raised}: {error}"
            ) from error
        if offset and not injection.raised:
            return


def outcome(run: RunRecord, state: RunState) -> Outcome:
    ended = Outcome(run, 0.5)
    ended.state = state
    ended.reason = "" if state is RunState.OK else "no"
    return ended


def running_harness(overlap: Overlap = Overlap.HOLD, *, held: int = 0) -> EngineHarness:
    """Return a harness with one RUNNING run, the number 1, and some held runs of its job."""
    harness = EngineHarness()
    harness.submit(harness.job(overlap=overlap), 1 + held)
    harness.start_next()
    return harness


@pytest.mark.parametrize("state", [RunState.OK, RunState.FAILED, RunState.CANCELLED])
@pytest.mark.parametrize("reader", [True, False], ids=["with-a-reader", "without-readers"])
@pytest.mark.parametrize("earlier", [0, 2], ids=["first-run", "third-run"])
def test_a_run_ends_once(state: RunState, reader: bool, earlier: int) -> None:
    """In the counters, the ledger, the recent runs and the events."""

    def prepare() -> EngineHarness:
        harness = EngineHarness()
        job = harness.job()
        for _ in range(earlier):
            harness.submit(job)
            harness.finish(harness.start_next())
        harness.submit(job)
        harness.start_next()
        if not reader:
            harness.engine.event_log.set_reader_count(0)
        return harness

    def finish(harness: EngineHarness) -> None:
        harness.engine.pool.finish([outcome(harness.records[earlier + 1], state)], harness.now)

    def check(harness: EngineHarness) -> None:
        run = harness.records[earlier + 1]
        numbers = list(range(1, earlier + 2))
        assert (run.state, harness.counts) == (state, (0, 0, 0))
        assert [view.number for view in harness.endings] == numbers
        assert [view.number for view in reversed(harness.engine.recent_runs(run.job))] == numbers
        endings = run.job.counters().endings
        assert endings[state] == 1 + (earlier if state is RunState.OK else 0)
        assert sum(endings.values()) == len(numbers)
        assert run.job.runs == earlier + state.completed
        assert run.job.failures == state.failed
        if reader:
            harness.assert_each_run_ended_once(list(harness.records.values()))
            harness.assert_events_are_numbered()

    interrupt_everywhere(prepare, finish, check)


def test_the_next_held_run_is_queued_once_when_a_run_ends() -> None:
    def finish(harness: EngineHarness) -> None:
        harness.engine.pool.finish([outcome(harness.records[1], RunState.OK)], harness.now)

    def check(harness: EngineHarness) -> None:
        assert harness.counts == (0, 1, 1)
        assert harness.run_all() == [2, 3]

    interrupt_everywhere(lambda: running_harness(held=2), finish, check)


def test_a_requested_run_is_admitted_once() -> None:
    def admit(harness: EngineHarness) -> None:
        harness.engine.admit_one_off(harness.records[1])

    def prepare() -> EngineHarness:
        harness = EngineHarness()
        job = harness.job(overlap=Overlap.ALLOW)
        harness.engine.pool.new_run(job, Trigger.NOW, harness.now, None, lambda: None)
        return harness

    interrupt_everywhere(prepare, admit, lambda harness: _assert_equal(harness.run_all(), [1]))


def test_a_requested_run_is_rejected_once_after_the_stop() -> None:
    def admit(harness: EngineHarness) -> None:
        harness.engine.admit_one_off(harness.records[1])

    def prepare() -> EngineHarness:
        harness = EngineHarness()
        job = harness.job(overlap=Overlap.ALLOW)
        harness.engine.pool.new_run(job, Trigger.NOW, harness.now, None, lambda: None)
        harness.engine.stop(harness.now)
        return harness

    def check(harness: EngineHarness) -> None:
        run = harness.records[1]
        harness.assert_each_run_ended_once([run])
        assert run.job.counters().endings[RunState.CANCELLED] == 1

    interrupt_everywhere(prepare, admit, check)


@pytest.mark.parametrize("count", [1, 3])
def test_the_head_of_the_queue_starts_once_and_the_order_is_kept(count: int) -> None:
    """A run whose start was interrupted is in the batch, or at the head of the queue."""
    batches: list[Batch] = []

    def prepare() -> EngineHarness:
        harness = EngineHarness(pool=3)
        job = harness.job(overlap=Overlap.ALLOW)
        job.last_elapsed = 0.00001 if count > 1 else None  # short runs are taken together
        harness.submit(job, 5)
        batches.clear()
        return harness

    def start(harness: EngineHarness) -> None:
        for batch in batches:  # as the dispatcher does after an exception
            batch.runs = [run for run in batch.runs if run.state is RunState.RUNNING]
        batches.append(Batch(harness.now))
        harness.engine.pool.start(batches[-1], "worker-1")

    def check(harness: EngineHarness) -> None:
        taken = [run.number for batch in batches for run in batch.runs if run.state is RunState.RUNNING]
        queued = [run.number for run in harness.engine.pool.queued_runs()]
        assert taken + queued == [1, 2, 3, 4, 5]
        assert set(Counter(harness.started_numbers).values()) <= {1}
        assert harness.counts == (len(taken), len(queued), 0)

    interrupt_everywhere(prepare, start, check)


@pytest.mark.parametrize("misfire", [Misfire.COALESCE, Misfire.ALL])
@pytest.mark.parametrize("overlap", Overlap)
def test_a_tick_starts_one_run(misfire: Misfire, overlap: Overlap) -> None:
    """Also if three ticks were missed, of which each starts a run; then all are due again."""

    def prepare() -> EngineHarness:
        harness = EngineHarness(pool=5)
        harness.job(schedule="@every 10s", misfire=misfire, overlap=overlap)
        return harness

    def tick(harness: EngineHarness) -> None:
        harness.advance(0 if harness.now > NOON else 35)

    def check(harness: EngineHarness) -> None:
        admitted = Counter(run.due for run in harness.records.values() if _was_admitted(harness, run))
        expected = [10, 20, 30] if misfire is Misfire.ALL and overlap is not Overlap.SKIP else [10]
        assert admitted == Counter(NOON + seconds for seconds in expected)
        harness.finish_work()
        [job] = harness.engine.jobs.values()
        assert job.due == NOON + 40
        assert harness.engine.next_due == NOON + 40

    interrupt_everywhere(prepare, tick, check)


def test_a_scheduled_run_is_admitted_once() -> None:
    def prepare() -> EngineHarness:
        harness = EngineHarness()
        harness.submit_later(harness.job(), 5)
        return harness

    def become_due(harness: EngineHarness) -> None:
        harness.advance(0 if harness.now > NOON else 6)

    interrupt_everywhere(prepare, become_due, lambda harness: _assert_equal(harness.run_all(), [1]))


@pytest.mark.parametrize("overlap", Overlap)
def test_a_run_of_a_busy_job_follows_its_policy(overlap: Overlap) -> None:
    """The caller gets the exception, and the run has been requested or not."""

    def submit(harness: EngineHarness) -> None:
        if len(harness.records) == 1:
            harness.submit(harness.records[1].job)

    def check(harness: EngineHarness) -> None:
        harness.engine.pool.finish([outcome(harness.records[1], RunState.OK)], harness.now)
        if overlap is not Overlap.ALLOW:
            job = harness.records[1].job
            assert job.queued + job.running <= 1
        harness.run_all()
        harness.assert_each_run_ended_once([run for run in harness.records.values() if run.ended])

    interrupt_everywhere(lambda: running_harness(overlap), submit, check)


@pytest.mark.parametrize("number", [2, 3, 4], ids=["queued", "held", "scheduled"])
def test_a_cancelled_run_ends_once(number: int) -> None:
    """Or not at all: its caller gets the exception, and can cancel it again."""

    def prepare() -> EngineHarness:
        harness = EngineHarness()
        harness.submit(harness.job("first"))
        harness.start_next()
        job = harness.job("second")
        harness.submit(job, 2)
        harness.submit_later(job, 60)
        return harness

    def cancel(harness: EngineHarness) -> None:
        harness.engine.cancel(harness.records[number], harness.now, "no more")

    def check(harness: EngineHarness) -> None:
        run = harness.records[number]
        harness.assert_each_run_ended_once([run])
        assert run.job.counters().endings[RunState.CANCELLED] == 1
        assert harness.engine.find_run(number) is None

    interrupt_everywhere(prepare, cancel, check)


def retrying_harness(*, held: int = 0) -> EngineHarness:
    """Return an engine whose run 1 is RETRYING for 5 seconds, before some held runs."""
    harness = running_harness(held=held)
    harness.fail_attempt(harness.records[1], 5)
    return harness


def test_an_attempt_fails_once() -> None:
    def check(harness: EngineHarness) -> None:
        run = harness.records[1]
        assert (run.state, harness.counts) == (RunState.RETRYING, (0, 0, 1))
        assert (run.extras.attempt, len(run.extras.attempts_made), run.job.retries) == (1, 1, 1)
        assert (list(harness.engine.pool.retrying), list(run.job.retrying)) == ([1], [run])
        harness.finish_work()
        assert harness.engine.next_due == harness.now + 5
        harness.advance(5)
        assert harness.run_all() == [1, 2]

    interrupt_everywhere(
        lambda: running_harness(held=1), lambda harness: harness.fail_attempt(harness.records[1], 5), check
    )


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_next_attempt_is_queued_once(by_hand: bool) -> None:
    def queue(harness: EngineHarness) -> None:
        run = harness.records[1]
        if by_hand and run.state is RunState.RETRYING:
            harness.submit(run.job, trigger=Trigger.HAND)
        elif not by_hand:
            harness.engine.apply_due([RetryDue(run)], harness.now)

    def check(harness: EngineHarness) -> None:
        run = harness.records[1]
        assert (run.state, harness.counts) == (RunState.QUEUED, (0, 1, 1))
        assert (run.extras.attempt, run.extras.retry_at, run.job.retrying) in [(2, None, {}), (2, None, ())]
        assert harness.run_all() == [1, 2]
        assert harness.records[1].job.runs == 2

    interrupt_everywhere(lambda: retrying_harness(held=1), queue, check)


def test_a_retrying_run_is_cancelled_once() -> None:
    def check(harness: EngineHarness) -> None:
        run = harness.records[1]
        assert (run.state, run.extras.retry_at) == (RunState.CANCELLED, None)
        assert run.extras.reason == "cancelled; attempt 1 of 1 had failed: OSError: no answer"
        assert harness.counts == (0, 1, 0)
        assert harness.run_all() == [2]
        harness.assert_each_run_ended_once(list(harness.records.values()))

    def cancel(harness: EngineHarness) -> None:
        harness.engine.cancel(harness.records[1], harness.now, "cancelled")

    interrupt_everywhere(lambda: retrying_harness(held=1), cancel, check)


def _was_admitted(harness: EngineHarness, run: RunRecord) -> bool:
    return run.number in harness.engine.pool.live or run.ended is not None


def _assert_equal(found: object, expected: object) -> None:
    assert found == expected


def limited_harness(*, passed: float = 0.0, asked: bool = False) -> EngineHarness:
    """Return a harness with one RUNNING run, the number 1, whose timeout is over after 10 seconds."""
    harness = EngineHarness()
    harness.submit(harness.job(schedule=None, timeout=10, abandon=5))
    harness.start_next()
    if asked:
        harness.advance(10)
    harness.now += passed
    return harness


def process_due(harness: EngineHarness) -> None:
    """Process what is due now."""
    harness.advance(0)


def test_a_run_that_starts_has_its_limit_in_the_timer_queue_once() -> None:
    def prepare() -> EngineHarness:
        harness = EngineHarness()
        harness.submit(harness.job(schedule=None, timeout=10))
        return harness

    def start(harness: EngineHarness) -> None:
        harness.start_all()

    def check(harness: EngineHarness) -> None:
        harness.finish_work()
        assert harness.records[1].state is RunState.RUNNING
        assert harness.engine.next_due == harness.now + 10
        harness.finish(harness.records[1])
        assert harness.engine.next_due is None

    interrupt_everywhere(prepare, start, check)


def test_a_run_that_ends_is_abandoned_no_more() -> None:
    def check(harness: EngineHarness) -> None:
        harness.finish_work()
        assert harness.engine.next_due is None
        assert harness.engine.pool.running == {}

    def finish(harness: EngineHarness) -> None:
        harness.finish(harness.records[1])

    interrupt_everywhere(lambda: limited_harness(asked=True), finish, check)


def test_a_run_is_abandoned_once() -> None:
    def check(harness: EngineHarness) -> None:
        harness.finish_work()
        run = harness.records[1]
        assert (run.state, harness.counts) == (RunState.TIMED_OUT, (0, 0, 0))
        assert (run.job.runs, run.job.failures) == (1, 1)
        assert list(harness.engine.pool.abandoned) == [1]
        assert harness.engine.next_due is None
        harness.assert_each_run_ended_once([run])

    interrupt_everywhere(lambda: limited_harness(asked=True, passed=5), process_due, check)
