"""The inbox, which requests and reports enter without the lock, and when the kernel wakes a worker for it."""

import math
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from support.real_threads import (
    LIMIT,
    BlockingJob,
    FakeTimer,
    MakeScheduler,
    ManualExecutor,
    NotifyingDeque,
    assert_ended,
    hold_lock,
    jobtui_threads,
    zero,
)

from jobtui import Run, RunState, Scheduler
from jobtui.engine.events import RunQueued
from jobtui.engine.records import RunRecord
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.executors.base import Worker
from jobtui.runtime.kernel import STRAGGLER_DELAY
from jobtui.runtime.state_lock import StateLock

NOON = 1_800_000_000.0
SHORT, LONG = 1e-6, 1.0  # seconds


class Harness:
    """A started scheduler in which the test plays the workers and the timer.

    Args:
        scheduler: A scheduler that has not started.
        clock: The scheduler's clock.

    Attributes:
        worker: The latest worker. The first one has executed a short run of `zero`, and is idle.
    """

    def __init__(self, scheduler: Scheduler, clock: ManualClock) -> None:
        self.clock, self.scheduler, self.kernel = clock, scheduler, scheduler._kernel
        self.executor = ManualExecutor(scheduler)
        self.timer = self.kernel._timer = FakeTimer()
        self.scheduler.start()
        self.kernel._poll()
        self._numbers = count(1)
        self.scheduler.now(zero)
        self.start_worker()
        assert self.finish_run(SHORT) is None

    def start_worker(self) -> None:
        """Let a worker that was woken ask for its first run."""
        self.worker = Worker(f"worker-{next(self._numbers)}")
        self.worker.outcome.run = self.kernel.start_first(self.worker)

    def finish_run(self, elapsed: float) -> RunRecord | None:
        """Let the worker finish its run, after so many seconds, and take the next one."""
        self.worker.outcome.elapsed = elapsed
        self.worker.outcome.run = self.kernel.finish_and_start_next(self.worker)
        return self.worker.outcome.run

    def start_short_run(self) -> None:
        """Let a worker start a short run, so that it counts as available soon."""
        self.scheduler.now(zero)
        self.start_worker()
        assert self.executor.short_runners
        assert self.executor.available_soon == 1


@pytest.fixture
def harness(make_scheduler: MakeScheduler) -> Iterator[Harness]:
    """Make a harness with a pool of 3."""
    clock = ManualClock(NOON)
    harness = Harness(make_scheduler(pool=3, clock=clock), clock)
    yield harness
    harness.scheduler.stop(0)  # there is no worker to end the runs


def slow() -> None:
    """Do nothing, as another job than `zero`."""


# --- the inbox ------------------------------------------------------------------------------------


def test_a_run_requested_while_the_lock_is_held_is_admitted_after_its_release(
    make_scheduler: MakeScheduler,
) -> None:
    """The request does not block; the holder of the lock drains the inbox before and after."""
    scheduler = make_scheduler()
    scheduler.start()
    assert_ended(scheduler.now(zero))  # registers the job
    release_lock = hold_lock(scheduler)
    runs = [scheduler.now(zero) for _ in range(100)]
    assert {run.state for run in runs} == {RunState.QUEUED}
    release_lock()
    assert_ended(*runs)
    assert [run.number for run in runs] == list(range(2, 102))
    assert scheduler.snapshot().jobs[0].runs == 101


def test_the_holder_of_the_lock_admits_runs_requested_while_it_held_it(make_scheduler: MakeScheduler) -> None:
    """The run starts although nothing else calls the scheduler."""
    scheduler = make_scheduler()
    scheduler.start()
    assert_ended(scheduler.now(zero))
    started = threading.Event()

    def start() -> None:
        started.set()

    assert_ended(scheduler.now(start))  # registers the job
    started.clear()
    release_lock = hold_lock(scheduler)
    scheduler.now(start)
    assert not started.is_set()
    release_lock()
    assert started.wait(LIMIT)


def test_a_worker_that_finds_the_lock_held_reports_through_the_inbox(make_scheduler: MakeScheduler) -> None:
    """The worker becomes idle, and the next run uses it again."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker, reports = BlockingJob(), NotifyingDeque()
    scheduler._kernel._reports = reports
    run = scheduler.now(blocker)
    blocker.wait_started()
    release_lock = hold_lock(scheduler)
    blocker.release()
    assert reports.appended.wait(LIMIT)
    assert run.state is RunState.RUNNING
    release_lock()
    assert run.result(LIMIT) == "released"
    assert scheduler.now(blocker).result(LIMIT) == "released"
    assert [name for name in jobtui_threads() if "worker" in name] == ["jobtui-worker-1"]


def test_the_holder_of_the_lock_records_outcomes_reported_while_it_held_it(
    make_scheduler: MakeScheduler,
) -> None:
    """The next run in the queue starts although nothing else calls the scheduler."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker, started, reports = BlockingJob(), threading.Event(), NotifyingDeque()
    scheduler._kernel._reports = reports
    scheduler.now(blocker)
    blocker.wait_started()
    scheduler.now(started.set)
    release_lock = hold_lock(scheduler)
    blocker.release()
    assert reports.appended.wait(LIMIT)
    release_lock()
    assert started.wait(LIMIT)


def test_a_run_requested_while_a_worker_holds_the_lock_is_admitted_by_that_worker(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts although nothing else calls the scheduler."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    started, pool = threading.Event(), scheduler._kernel._pool
    blocker, finish_and_start_next = BlockingJob(), pool.finish_and_start_next

    def start() -> None:
        started.set()

    def work() -> None:
        blocker.run()

    assert_ended(scheduler.now(start))
    started.clear()

    def request_another(*arguments: Any) -> Any:
        monkeypatch.setattr(pool, "finish_and_start_next", finish_and_start_next)
        run = finish_and_start_next(*arguments)
        scheduler.now(start)
        return run

    scheduler.now(work)
    blocker.wait_started()
    monkeypatch.setattr(pool, "finish_and_start_next", request_another)
    blocker.release()
    assert started.wait(LIMIT)


def test_a_snapshot_counts_the_runs_that_are_still_in_the_inbox(harness: Harness) -> None:
    """They stay there because a worker is available soon."""
    for _ in range(3):
        harness.scheduler.now(zero)
    assert len(harness.kernel._requests) == 2
    assert harness.scheduler.snapshot().pool.queued == 3


def test_a_worker_starts_the_run_that_is_in_the_inbox(harness: Harness) -> None:
    """At its first run and at the next: it is not marked idle only to be woken again."""
    harness.executor.available_soon = 1
    run = harness.scheduler.now(zero)
    harness.start_worker()
    assert run.state is RunState.RUNNING
    harness.executor.available_soon += 1
    run = harness.scheduler.now(zero)
    assert [run.state] == [RunState.QUEUED]
    assert harness.finish_run(SHORT) is not None
    assert [run.state] == [RunState.RUNNING]
    assert harness.executor.wake_ups == 1


def test_a_run_requested_before_a_tick_is_queued_before_it(harness: Harness) -> None:
    """First in, first out, also if the timer is the first to drain the inbox."""
    harness.scheduler.every("1s", slow)
    harness.executor.available_soon = 1
    harness.scheduler.now(zero)
    harness.clock.advance(1)
    harness.kernel._poll()
    assert [view.job for view in harness.scheduler.snapshot().waiting] == ["zero", "slow"]


def test_runs_that_are_admitted_together_have_an_event_each(harness: Harness) -> None:
    """Their numbers are consecutive."""
    subscription = harness.scheduler.subscribe()
    harness.executor.available_soon = 1
    runs = [harness.scheduler.now(zero) for _ in range(3)]
    seq = subscription.snapshot.seq
    assert harness.scheduler.snapshot().seq == seq + 3
    events = list(subscription.read())
    assert [event.seq for event in events] == [seq + 1, seq + 2, seq + 3]
    assert [event.run.number for event in events if isinstance(event, RunQueued)] == [
        run.number for run in runs
    ]
    assert subscription.lost == 0


# --- waking workers -------------------------------------------------------------------------------


def test_a_request_wakes_one_worker_and_each_worker_that_starts_wakes_the_next(
    make_scheduler: MakeScheduler,
) -> None:
    """So a burst wakes no more threads than it needs."""
    scheduler = make_scheduler(pool=3)
    executor = ManualExecutor(scheduler)
    scheduler.start()
    scheduler.now(zero)
    assert executor.wake_ups == 1
    for _ in range(5):
        scheduler.now(zero)
    assert executor.wake_ups == 1
    start_first = scheduler._kernel.start_first
    assert start_first(Worker("worker-1")) is not None
    assert executor.wake_ups == 2
    assert start_first(Worker("worker-2")) is not None
    assert executor.wake_ups == 3
    assert start_first(Worker("worker-3")) is not None
    assert executor.wake_ups == 3  # the pool is full
    assert scheduler.snapshot().pool.queued == 3
    scheduler.stop(0)  # there is no worker to end the runs


def test_a_worker_that_is_chosen_for_a_run_as_its_sleep_times_out_still_wakes(
    make_scheduler: MakeScheduler,
) -> None:
    """Otherwise the run would wait for a worker that has ended."""
    scheduler = make_scheduler()
    executor = scheduler._kernel._executor

    class TimedOutWorker(Worker):
        """A worker whose first sleep times out, and which is chosen for a run at that moment."""

        def sleep(self) -> bool:
            """Return whether the worker was woken."""
            first_time = not sleeps
            sleeps.append(1)
            if first_time:
                executor.wake_or_spawn()()
            return not first_time and self._wakeup_lock.acquire(blocking=False)

    sleeps: list[int] = []
    worker = TimedOutWorker("worker-1")
    executor.mark_idle(worker)
    assert executor._wait_for_work(worker)
    assert len(sleeps) == 2


def test_a_run_waits_if_no_thread_can_be_started(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The RuntimeError is logged, and no slot of the pool is lost."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    blocker = BlockingJob()
    first = scheduler.now(blocker)
    blocker.wait_started()

    def fail_to_start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail_to_start)
        second = scheduler.now(zero)
    assert second.state is RunState.QUEUED
    assert "no thread can be started" in caplog.text
    scheduler.resize(5)  # any change tries to wake a worker again
    assert_ended(second)
    blocker.release()
    assert_ended(first)


def test_a_worker_that_could_not_be_spawned_does_not_count_as_available(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests during the attempt are admitted, and the next change tries to wake a worker again."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    assert_ended(scheduler.now(zero))
    blocker = BlockingJob()
    first = scheduler.now(blocker)
    blocker.wait_started()
    runs: list[Run] = []

    def fail_to_start(thread: threading.Thread) -> None:
        if len(runs) < 2:
            runs.append(scheduler.now(zero))
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail_to_start)
        patch.setattr(scheduler._kernel._executor, "_idle_workers", [])
        runs.append(scheduler.now(zero))
    assert not scheduler._kernel._requests
    assert {run.state for run in runs} == {RunState.QUEUED}
    scheduler.resize(5)
    assert_ended(*runs)
    assert first.state is RunState.RUNNING
    blocker.release()
    assert first.result(LIMIT) == "released"


# --- short runs -----------------------------------------------------------------------------------


def test_no_other_worker_is_woken_during_a_short_run_until_the_second_check(
    make_scheduler: MakeScheduler,
) -> None:
    """At the first check the worker has started another run; at the second it still executes that one."""
    scheduler = make_scheduler(pool=3)
    executor, kernel = ManualExecutor(scheduler), scheduler._kernel
    timer = kernel._timer = FakeTimer()
    scheduler.start()
    kernel._poll()
    worker = Worker("worker-1")
    scheduler.now(zero)
    worker.outcome.run = kernel.start_first(worker)
    worker.outcome.elapsed = 1e-6
    assert kernel.finish_and_start_next(worker) is None  # now these runs are known to be short
    runs = [scheduler.now(zero) for _ in range(2)]
    assert (executor.wake_ups, timer.wake_ups) == (2, 0)
    worker = Worker("worker-2")
    worker.outcome.elapsed = 1e-6
    worker.outcome.run = kernel.start_first(worker)
    assert (executor.wake_ups, timer.wake_ups) == (2, 1)  # the timer is woken once, to check for stragglers
    runs += [scheduler.now(zero) for _ in range(2)]
    assert (executor.wake_ups, timer.wake_ups) == (2, 1)
    kernel._poll()
    assert executor.wake_ups == 2
    worker.outcome.run = kernel.finish_and_start_next(worker)  # not a straggler: it starts another run
    assert worker.outcome.run is not None
    kernel._poll()
    assert executor.wake_ups == 2
    kernel._poll()
    assert executor.wake_ups == 3
    assert [run.state for run in runs] == [RunState.OK, RunState.RUNNING, RunState.QUEUED, RunState.QUEUED]
    worker.outcome.elapsed = 1.0
    worker.outcome.run = kernel.finish_and_start_next(worker)
    worker.outcome.run = kernel.finish_and_start_next(worker)
    worker.outcome.elapsed = 1e-6
    assert kernel.finish_and_start_next(worker) is None
    assert executor.available_soon == 1  # the one that was woken last; the others are not counted any more
    scheduler.stop(0)


def test_the_timer_checks_for_stragglers_also_if_runs_are_requested_during_the_short_run(
    make_scheduler: MakeScheduler,
) -> None:
    """The request wakes the timer."""
    scheduler = make_scheduler()
    executor, kernel = ManualExecutor(scheduler), scheduler._kernel
    timer = kernel._timer = FakeTimer()
    scheduler.start()
    kernel._poll()
    for expected in (1, 2):
        scheduler.now(zero)
        worker = Worker(f"worker-{expected}")
        worker.outcome.run = kernel.start_first(worker)
        worker.outcome.elapsed = 1e-6
        if expected == 1:
            assert kernel.finish_and_start_next(worker) is None
    assert timer.wake_ups == 0
    scheduler.now(zero)
    scheduler.now(zero)
    assert (executor.wake_ups, timer.wake_ups) == (2, 1)
    scheduler.stop(0)


def test_an_idle_worker_does_not_count_as_available(harness: Harness) -> None:
    """Otherwise no worker would be woken any more."""
    harness.start_short_run()
    assert harness.finish_run(SHORT) is None
    assert (harness.executor.available_soon, harness.executor.short_runners) == (0, {})


def test_a_worker_on_a_longer_run_does_not_count_as_available(harness: Harness) -> None:
    """Another one is woken at once for what waits, not only after a check."""
    harness.scheduler.now(slow)
    harness.start_worker()
    assert harness.finish_run(LONG) is None
    harness.start_short_run()
    sent_for = harness.executor.wake_ups
    for _ in range(2):
        harness.scheduler.now(slow)
    assert harness.executor.wake_ups == sent_for
    run = harness.finish_run(SHORT)
    assert run is not None
    assert run.job.name == "slow"
    assert not harness.executor.short_runners
    assert harness.executor.wake_ups == sent_for + 1


def test_the_timer_is_woken_for_each_short_run_behind_which_a_run_waits(harness: Harness) -> None:
    """And not while no run waits."""
    for wake_ups in range(3):
        harness.start_short_run()
        assert harness.kernel._poll() == math.inf  # no run waits
        assert harness.timer.wake_ups == wake_ups
        harness.scheduler.now(zero)
        assert harness.timer.wake_ups == wake_ups + 1
        harness.kernel._poll()
        assert harness.finish_run(SHORT) is not None
        assert harness.finish_run(SHORT) is None
        harness.kernel._poll()


def test_the_timer_is_woken_when_a_worker_takes_a_short_run_while_others_are_queued(harness: Harness) -> None:
    """If the short run hangs, the others must not wait for it."""
    harness.start_short_run()
    for _ in range(3):
        harness.scheduler.now(zero)
    harness.kernel._straggler_check_due, wake_ups = (
        False,
        harness.timer.wake_ups,
    )
    assert harness.finish_run(SHORT) is not None
    assert harness.timer.wake_ups == wake_ups + 1


def test_the_timer_is_not_woken_if_it_will_soon_wake_anyway(harness: Harness) -> None:
    """Here something is due in a moment."""
    harness.scheduler.in_(STRAGGLER_DELAY / 2, slow)
    harness.kernel._poll()
    wake_ups = harness.timer.wake_ups
    harness.start_short_run()
    harness.scheduler.now(zero)
    assert harness.timer.wake_ups == wake_ups


def test_a_waiter_is_notified_although_no_worker_needs_to_be_woken(harness: Harness) -> None:
    """The waiter is found by the same step that ends the run."""
    run = harness.scheduler.now(zero)
    harness.start_worker()
    ended = harness.kernel.done_event_of(run)
    assert ended is not None
    harness.executor.available_soon, harness.kernel._straggler_check_due = 2, True
    assert harness.finish_run(SHORT) is None
    assert ended.is_set()


def test_a_straggler_that_comes_back_counts_again_from_its_next_short_run(harness: Harness) -> None:
    """Then no other worker needs to be woken."""
    harness.start_short_run()
    for _ in range(2):
        harness.kernel._poll()
    assert not harness.executor.short_runners
    harness.executor.available_soon = 1  # as if a worker had been woken, so that none is woken now
    for _ in range(2):
        harness.scheduler.now(zero)
    assert harness.finish_run(SHORT) is not None
    assert list(harness.executor.short_runners) == [harness.worker]
    assert harness.executor.available_soon == 2


def test_a_change_wakes_the_timer_only_for_something_due_before_its_next_wake(harness: Harness) -> None:
    """A snapshot or a later run does not."""
    harness.scheduler.every("1h", slow)
    harness.kernel._poll()
    wake_ups = harness.timer.wake_ups
    harness.scheduler.snapshot()
    harness.scheduler.in_("2h", slow)
    assert harness.timer.wake_ups == wake_ups
    harness.scheduler.in_("30m", slow)
    assert harness.timer.wake_ups == wake_ups + 1


def test_a_run_that_waits_behind_a_hanging_short_run_starts_after_a_check(
    make_scheduler: MakeScheduler,
) -> None:
    """Here the short run hangs because it waits for that very run."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    second = threading.Event()
    works = iter([*(lambda: None for _ in range(100)), lambda: second.wait(LIMIT), second.set])

    def work() -> None:
        next(works)()

    for _ in range(100):
        assert_ended(scheduler.now(work))
    assert_ended(scheduler.now(work), scheduler.now(work))
    assert second.is_set()


# --- the lock -------------------------------------------------------------------------------------


def record_releases(lock: StateLock) -> list[bool]:
    """Return a list that receives the lock's `in_use` at each release."""
    in_use: list[bool] = []
    release: Callable[[], None] = lock.release

    def recording_release() -> None:
        in_use.append(lock.in_use)
        release()

    lock.release = recording_release
    return in_use


def test_no_release_of_the_state_lock_leaves_it_marked_in_use(harness: Harness) -> None:
    """Otherwise the next holder would be taken for one that interrupts a change."""
    in_use = record_releases(harness.kernel._lock)
    harness.scheduler.snapshot()
    harness.scheduler.now(zero)
    harness.start_worker()
    harness.finish_run(SHORT)
    harness.kernel._poll()
    assert len(in_use) >= 5
    assert set(in_use) == {False}
