"""The inbox, where who asks or reports need not wait for the lock; and who is sent for to look into it."""

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
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.executors.base import Worker
from jobtui.runtime.kernel import STRAGGLER_DELAY
from jobtui.runtime.state_lock import StateLock

NOON = 1_800_000_000.0
SHORT, LONG = 1e-6, 1.0  # seconds


class Stage:
    """A scheduler that has started, whose workers come when the test says so.

    Args:
        scheduler: Has not started.
        clock: Its clock.

    Attributes:
        worker: Who came last; the first one has done a short run of `zero`, and rests.
    """

    def __init__(self, scheduler: Scheduler, clock: ManualClock) -> None:
        self.clock, self.scheduler, self.kernel = clock, scheduler, scheduler._kernel
        self.executor = ManualExecutor(scheduler)
        self.bell = self.kernel._timer = FakeTimer()
        self.scheduler.start()
        self.kernel._poll()
        self._numbers = count(1)
        self.scheduler.now(zero)
        self.come()
        assert self.turn(SHORT) is None

    def come(self) -> None:
        """Let another worker come that was sent for."""
        self.worker = Worker(f"worker-{next(self._numbers)}")
        self.worker.outcome.run = self.kernel.start_first(self.worker)

    def turn(self, elapsed: float) -> Any:
        """Let the worker end its run, which took so long, and take the next one."""
        self.worker.outcome.elapsed = elapsed
        self.worker.outcome.run = self.kernel.finish_and_start_next(self.worker)
        return self.worker.outcome.run

    def hurry(self) -> None:
        """Let the worker do a short run, so that it is expected back."""
        self.scheduler.now(zero)
        self.come()
        assert self.executor.short_runners
        assert self.executor.available_soon == 1


@pytest.fixture
def stage(make_scheduler: MakeScheduler) -> Iterator[Stage]:
    """A stage with a pool of 3."""
    clock = ManualClock(NOON)
    stage = Stage(make_scheduler(pool=3, clock=clock), clock)
    yield stage
    stage.scheduler.stop(0)  # nobody does the work


def slow() -> None:
    """Another job."""


# --- the inbox ------------------------------------------------------------------------------------


def test_a_run_asked_for_while_the_lock_is_taken_is_admitted_when_it_is_free(
    make_scheduler: MakeScheduler,
) -> None:
    """Whoever asks does not wait for the lock; whoever has it looks into the inbox before and after."""
    scheduler = make_scheduler()
    scheduler.start()
    assert_ended(scheduler.now(zero))  # from here on there is a job for them
    release_lock = hold_lock(scheduler)
    runs = [scheduler.now(zero) for _ in range(100)]
    assert {run.state for run in runs} == {RunState.QUEUED}
    release_lock()
    assert_ended(*runs)
    assert [run.number for run in runs] == list(range(2, 102))
    assert scheduler.snapshot().jobs[0].runs == 101


def test_whoever_had_the_lock_lets_in_who_asked_meanwhile(make_scheduler: MakeScheduler) -> None:
    """Nobody else has to come: the run starts though nothing more is asked of the scheduler."""
    scheduler = make_scheduler()
    scheduler.start()
    assert_ended(scheduler.now(zero))
    begun = threading.Event()

    def begin() -> None:
        begun.set()

    assert_ended(scheduler.now(begin))  # from here on there is a job for it
    begun.clear()
    release_lock = hold_lock(scheduler)
    scheduler.now(begin)
    assert not begun.is_set()
    release_lock()
    assert begun.wait(LIMIT)


def test_a_worker_that_finds_the_lock_taken_reports_all_the_same(make_scheduler: MakeScheduler) -> None:
    """It puts its report into the inbox and rests; the next run finds it there."""
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


def test_whoever_had_the_lock_takes_in_what_was_reported_meanwhile(make_scheduler: MakeScheduler) -> None:
    """The next run in the queue starts though nothing more is asked of the scheduler."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker, begun, reports = BlockingJob(), threading.Event(), NotifyingDeque()
    scheduler._kernel._reports = reports
    scheduler.now(blocker)
    blocker.wait_started()
    scheduler.now(begun.set)
    release_lock = hold_lock(scheduler)
    blocker.release()
    assert reports.appended.wait(LIMIT)
    release_lock()
    assert begun.wait(LIMIT)


def test_what_is_asked_for_in_the_middle_of_a_turn_is_let_in_behind_it(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the worker whose turn it was: nobody else has to come."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    begun, pool = threading.Event(), scheduler._kernel._pool
    blocker, turn = BlockingJob(), pool.finish_and_start_next

    def begin() -> None:
        begun.set()

    def work() -> None:
        blocker.run()

    assert_ended(scheduler.now(begin))
    begun.clear()

    def asking(*arguments: Any) -> Any:
        monkeypatch.setattr(pool, "finish_and_start_next", turn)
        run = turn(*arguments)
        scheduler.now(begin)
        return run

    scheduler.now(work)
    blocker.wait_started()
    monkeypatch.setattr(pool, "finish_and_start_next", asking)
    blocker.release()
    assert begun.wait(LIMIT)


def test_a_picture_shows_what_was_asked_for_before_it(stage: Stage) -> None:
    """Also what is still in the inbox, since somebody is on the way to it."""
    for _ in range(3):
        stage.scheduler.now(zero)
    assert len(stage.kernel._requests) == 2
    assert stage.scheduler.snapshot().pool.queued == 3


def test_who_arrives_or_turns_takes_what_is_in_the_inbox(stage: Stage) -> None:
    """It does not go to rest, to be sent for again."""
    stage.executor.available_soon = 1
    run = stage.scheduler.now(zero)
    stage.come()
    assert run.state is RunState.RUNNING
    stage.executor.available_soon += 1
    run = stage.scheduler.now(zero)
    assert [run.state] == [RunState.QUEUED]
    assert stage.turn(SHORT) is not None
    assert [run.state] == [RunState.RUNNING]
    assert stage.executor.wake_ups == 1


def test_what_was_asked_for_before_a_tick_is_queued_before_it(stage: Stage) -> None:
    """First in, first out: also where the timer is the one that empties the inbox."""
    stage.scheduler.every("1s", slow)
    stage.executor.available_soon = 1
    stage.scheduler.now(zero)
    stage.clock.advance(1)
    stage.kernel._poll()
    assert [view.job for view in stage.scheduler.snapshot().waiting] == ["zero", "slow"]


def test_runs_that_are_let_in_together_have_an_event_each(stage: Stage) -> None:
    """Numbered one by one, as the snapshot counts them."""
    subscription = stage.scheduler.subscribe()
    stage.executor.available_soon = 1
    runs = [stage.scheduler.now(zero) for _ in range(3)]
    seq = subscription.snapshot.seq
    assert stage.scheduler.snapshot().seq == seq + 3
    events = list(subscription.read())
    assert [event.seq for event in events] == [seq + 1, seq + 2, seq + 3]
    assert [event.run.number for event in events if isinstance(event, RunQueued)] == [
        run.number for run in runs
    ]
    assert subscription.lost == 0


# --- who is on the way ----------------------------------------------------------------------------


def test_one_worker_at_a_time_is_on_its_way_and_sends_for_the_next(make_scheduler: MakeScheduler) -> None:
    """A burst wakes no more threads than it needs; who comes and finds a second run sends for the next."""
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
    scheduler.stop(0)  # nobody does the work


def test_a_worker_that_is_sent_for_as_it_gives_up_comes_all_the_same(make_scheduler: MakeScheduler) -> None:
    """Else the run it was sent for would wait for a worker that has ended."""
    scheduler = make_scheduler()
    executor = scheduler._kernel._executor

    class Sleeper(Worker):
        """Gives up, and is sent for at that moment."""

        def sleep(self) -> bool:
            """Sleep."""
            first_time = not given_up
            given_up.append(1)
            if first_time:
                executor.wake_or_spawn()()
            return not first_time and self._wakeup_lock.acquire(blocking=False)

    given_up: list[int] = []
    worker = Sleeper("worker-1")
    executor.mark_idle(worker)
    assert executor._wait_for_work(worker)
    assert len(given_up) == 2


def test_without_threads_to_be_had_runs_wait_for_the_ones_there_are(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine at its limit raises RuntimeError; that is logged, and no slot is lost for it."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    blocker = BlockingJob()
    first = scheduler.now(blocker)
    blocker.wait_started()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        second = scheduler.now(zero)
    assert second.state is RunState.QUEUED
    assert "no thread can be started" in caplog.text
    scheduler.resize(5)  # any change sends for workers again
    assert_ended(second)
    blocker.release()
    assert_ended(first)


def test_who_could_not_come_is_expected_no_more(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for meanwhile is let in, and the next change sends for somebody who can."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    assert_ended(scheduler.now(zero))
    blocker = BlockingJob()
    first = scheduler.now(blocker)
    blocker.wait_started()
    runs: list[Run] = []

    def refuse(thread: threading.Thread) -> None:
        if len(runs) < 2:
            runs.append(scheduler.now(zero))
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        patch.setattr(scheduler._kernel._executor, "_idle_workers", [])
        runs.append(scheduler.now(zero))
    assert not scheduler._kernel._requests
    assert {run.state for run in runs} == {RunState.QUEUED}
    scheduler.resize(5)
    assert_ended(*runs)
    assert first.state is RunState.RUNNING
    blocker.release()
    assert first.result(LIMIT) == "released"


# --- hasty workers --------------------------------------------------------------------------------


def test_who_does_a_short_run_is_expected_back_but_not_for_long(make_scheduler: MakeScheduler) -> None:
    """Nobody else is woken for what waits, until the timer has seen that the short run goes on and on."""
    scheduler = make_scheduler(pool=3)
    executor, kernel = ManualExecutor(scheduler), scheduler._kernel
    bell = kernel._timer = FakeTimer()
    scheduler.start()
    kernel._poll()
    worker = Worker("worker-1")
    scheduler.now(zero)
    worker.outcome.run = kernel.start_first(worker)
    worker.outcome.elapsed = 1e-6
    assert kernel.finish_and_start_next(worker) is None  # from here on these runs are known to be short
    runs = [scheduler.now(zero) for _ in range(2)]
    assert (executor.wake_ups, bell.wake_ups) == (2, 0)
    worker = Worker("worker-2")
    worker.outcome.elapsed = 1e-6
    worker.outcome.run = kernel.start_first(worker)
    assert (executor.wake_ups, bell.wake_ups) == (2, 1)  # the timer is told to look, once
    runs += [scheduler.now(zero) for _ in range(2)]
    assert (executor.wake_ups, bell.wake_ups) == (2, 1)
    kernel._poll()
    assert executor.wake_ups == 2
    worker.outcome.run = kernel.finish_and_start_next(worker)  # it came back, and does another one
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
    assert executor.available_soon == 1  # who was sent for last; the others are counted out
    scheduler.stop(0)


def test_the_timer_looks_too_if_nothing_waited_when_the_short_run_began(
    make_scheduler: MakeScheduler,
) -> None:
    """What is asked for meanwhile has told it."""
    scheduler = make_scheduler()
    executor, kernel = ManualExecutor(scheduler), scheduler._kernel
    bell = kernel._timer = FakeTimer()
    scheduler.start()
    kernel._poll()
    for expected in (1, 2):
        scheduler.now(zero)
        worker = Worker(f"worker-{expected}")
        worker.outcome.run = kernel.start_first(worker)
        worker.outcome.elapsed = 1e-6
        if expected == 1:
            assert kernel.finish_and_start_next(worker) is None
    assert bell.wake_ups == 0
    scheduler.now(zero)
    scheduler.now(zero)
    assert (executor.wake_ups, bell.wake_ups) == (2, 1)
    scheduler.stop(0)


def test_who_rests_is_not_expected(stage: Stage) -> None:
    """Else nobody would be sent for any more."""
    stage.hurry()
    assert stage.turn(SHORT) is None
    assert (stage.executor.available_soon, stage.executor.short_runners) == (0, {})


def test_a_worker_that_takes_a_longer_run_is_not_expected_back(stage: Stage) -> None:
    """Who waits behind that is sent for at once, not when the timer has looked."""
    stage.scheduler.now(slow)
    stage.come()
    assert stage.turn(LONG) is None
    stage.hurry()
    sent_for = stage.executor.wake_ups
    for work in (slow, slow):
        stage.scheduler.now(work)
    assert stage.executor.wake_ups == sent_for
    run = stage.turn(SHORT)
    assert run.job.name == "slow"
    assert not stage.executor.short_runners
    assert stage.executor.wake_ups == sent_for + 1


def test_the_timer_is_told_to_look_at_each_short_run_that_somebody_waits_behind(stage: Stage) -> None:
    """And not only at the first one; but not while nobody waits."""
    for rung in range(3):
        stage.hurry()
        assert stage.kernel._poll() == math.inf  # nobody waits
        assert stage.bell.wake_ups == rung
        stage.scheduler.now(zero)
        assert stage.bell.wake_ups == rung + 1
        stage.kernel._poll()
        assert stage.turn(SHORT) is not None
        assert stage.turn(SHORT) is None
        stage.kernel._poll()


def test_a_worker_that_finds_more_runs_than_it_takes_tells_the_timer_to_look(stage: Stage) -> None:
    """It is about to do a short run, and nobody is sent for: if that hangs, the rest must not wait."""
    stage.hurry()
    for _ in range(3):
        stage.scheduler.now(zero)
    stage.kernel._straggler_check_due, rung = False, stage.bell.wake_ups  # the timer has looked just now
    assert stage.turn(SHORT) is not None
    assert stage.bell.wake_ups == rung + 1


def test_the_timer_is_not_woken_where_it_looks_soon_by_itself(stage: Stage) -> None:
    """Something is due in a moment anyway."""
    stage.scheduler.in_(STRAGGLER_DELAY / 2, slow)
    stage.kernel._poll()
    rung = stage.bell.wake_ups
    stage.hurry()
    stage.scheduler.now(zero)
    assert stage.bell.wake_ups == rung


def test_whoever_waits_for_a_run_is_told_also_while_others_are_on_the_way(stage: Stage) -> None:
    """The turn that ends it looks for waiters, although it has nobody to send for."""
    run = stage.scheduler.now(zero)
    stage.come()
    ended = stage.kernel.done_event_of(run)
    assert ended is not None
    stage.executor.available_soon, stage.kernel._straggler_check_due = 2, True
    assert stage.turn(SHORT) is None
    assert ended.is_set()


def test_who_came_back_late_is_expected_back_from_the_next_short_run(stage: Stage) -> None:
    """The timer had given up on it; from here on nobody else need be woken again."""
    stage.hurry()
    for _ in range(2):
        stage.kernel._poll()
    assert not stage.executor.short_runners
    stage.executor.available_soon = 1  # somebody else is on the way, so that nobody is sent for
    for _ in range(2):
        stage.scheduler.now(zero)
    assert stage.turn(SHORT) is not None
    assert list(stage.executor.short_runners) == [stage.worker]
    assert stage.executor.available_soon == 2


def test_no_change_wakes_the_timer_for_what_it_knows(stage: Stage) -> None:
    """Only what is due earlier than it will look does."""
    stage.scheduler.every("1h", slow)
    stage.kernel._poll()
    rung = stage.bell.wake_ups
    stage.scheduler.snapshot()
    stage.scheduler.in_("2h", slow)
    assert stage.bell.wake_ups == rung
    stage.scheduler.in_("30m", slow)
    assert stage.bell.wake_ups == rung + 1


def test_who_waits_on_a_short_run_that_hangs_is_started_by_the_timer(make_scheduler: MakeScheduler) -> None:
    """A job that was quick a hundred times and then waits for the next one does not wait for ever."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    second = threading.Event()
    turns = iter([*(lambda: None for _ in range(100)), lambda: second.wait(LIMIT), second.set])

    def work() -> None:
        next(turns)()

    for _ in range(100):
        assert_ended(scheduler.now(work))
    assert_ended(scheduler.now(work), scheduler.now(work))
    assert second.is_set()


# --- the lock -------------------------------------------------------------------------------------


def released(lock: StateLock) -> list[bool]:
    """What the lock says at each release: whether a change is under way."""
    seen: list[bool] = []
    release: Callable[[], None] = lock.release

    def noted() -> None:
        seen.append(lock.in_use)
        release()

    lock.release = noted
    return seen


def test_the_lock_is_given_back_once_the_change_is_over(stage: Stage) -> None:
    """Else who gets it next would be told that it interrupts a change, which another thread has made."""
    seen = released(stage.kernel._lock)
    stage.scheduler.snapshot()
    stage.scheduler.now(zero)
    stage.come()
    stage.turn(SHORT)
    stage.kernel._poll()
    assert len(seen) >= 5
    assert set(seen) == {False}
