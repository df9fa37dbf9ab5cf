"""A worker may do short runs in a row; the books are those of one run after the other."""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.engine_harness import NOON, EngineHarness

from jobtui import Cancellation, Run, RunState, Scheduler, current_run
from jobtui.engine.batch import MAX_BATCH, MIN_QUEUE, Batch
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Overlap
from jobtui.engine.records import RunRecord
from jobtui.runtime.executors.base import Worker
from jobtui.runtime.output_capture import OutputLog, capture_streams
from jobtui.runtime.timer import Timer

LIMIT = 10.0  # seconds after which something that should have happened has not
ELAPSED = 0.25
BOOTED = 1_000.0  # what the monotonic clock shows at noon


# --- the books ------------------------------------------------------------------------------------


class Workplace:
    """A harness with one worker, who does its runs in streaks or one by one.

    Args:
        streaks: Which.
    """

    def __init__(self, *, streaks: bool) -> None:
        self.harness = EngineHarness(pool=2)
        self.jobs = [self.harness.job(name, overlap=Overlap.ALLOW) for name in ("a", "b")]
        self.worker = Worker("w")
        self.streaks = streaks

    def do(self, what: str, which: int) -> None:
        """Do one operation; all but the worker's own are of somebody who has the lock."""
        harness, pool = self.harness, self.harness.engine.pool
        harness.now += 1
        if what == "work":
            self.work()
            return
        self.bring_up_to_date()
        if what == "submit" and not harness.engine.closed:
            harness.submit(self.jobs[which % 2], which)
        elif what == "resize":
            harness.engine.resize(which, harness.now)
        elif what == "cancel":
            run = harness.engine.find_run(which)
            if run is not None:
                pool.cancel(run, harness.now, "cancelled")
        elif what == "take":
            pool.start_next(harness.now, "another")
        elif what == "abandon" and not harness.engine.closed:
            harness.engine.stop(harness.now)
            harness.engine.abandon_running(harness.now, "given up")

    def work(self) -> None:
        """End the worker's run, if it has one, and begin the next."""
        worker, pool, now = self.worker, self.harness.engine.pool, self.harness.now
        worker.outcome.elapsed, worker.outcome.ended = ELAPSED, BOOTED + (now - NOON)
        if (next_run := worker.next_in_batch()) is not None:
            worker.outcome.run = next_run
            return
        self.bring_up_to_date()
        worker.batch = None
        done = worker.outcome.run
        if done is not None:
            pool.finish(done, now, RunState.OK, ELAPSED)
        worker.outcome.run = pool.start_next(now, "w")
        if self.streaks and worker.outcome.run is not None:
            worker.batch = pool.start_batch(worker.outcome.run, "w")

    def bring_up_to_date(self) -> None:
        """What whoever takes the lock does first."""
        if self.worker.batch is not None:
            self.harness.engine.pool.record_batch(self.worker.batch, NOON - BOOTED)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("work"), st.just(0)),
        st.tuples(st.just("work"), st.just(0)),
        st.tuples(st.just("submit"), st.integers(0, 9)),
        st.tuples(st.sampled_from(["look", "take", "abandon"]), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(1, 20)),
        st.tuples(st.just("resize"), st.integers(0, 2)),
    ),
    max_size=30,
)


@given(OPERATIONS)
def test_a_streak_is_one_run_after_the_other(operations: list[tuple[str, int]]) -> None:
    """Whoever looks, whatever they do: the books, the ledger and the events, in order, are the same."""
    streaks, single = Workplace(streaks=True), Workplace(streaks=False)
    for operation in [("submit", 8), ("work", 0), *operations, ("look", 0)]:
        streaks.do(*operation)
        single.do(*operation)
        if operation[0] != "work":
            assert streaks.harness.snapshot() == single.harness.snapshot()
            assert streaks.harness.counts == single.harness.counts
            assert not any(job.last_queued for job in streaks.jobs if not job.busy)
    assert streaks.harness.events == single.harness.events


def test_a_hand_is_of_one_job_of_runs_without_remarks_and_not_endless() -> None:
    """What differs ends it: that is done in the usual way. What is not dealt stays in the queue, in order."""
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


class Raced(deque[RunRecord]):
    """A hand from which, at the moment the worker takes the next run, somebody takes back the rest."""

    somebody: Callable[[], object]

    def popleft(self) -> RunRecord:
        """Come second."""
        self.somebody()
        return super().popleft()


@pytest.mark.parametrize("given_up", [False, True])
def test_the_rest_is_taken_back_at_the_very_moment_when_the_worker_wants_it(*, given_up: bool) -> None:
    """Each run is with one of the two. The end that was noted just before counts, unless it had one."""
    harness = EngineHarness(pool=1)
    job = harness.job(overlap=Overlap.ALLOW)
    runs = harness.submit(job, 4)
    worker, pool = Worker("w"), harness.engine.pool
    worker.outcome.run = pool.start_next(harness.now, "w")
    streak = worker.batch = pool.start_batch(runs[0], "w")
    if given_up:
        pool.record_batch(streak, 0.0)  # which sees a run that goes on
        assert list(pool.queue) == runs[1:]
        pool.finish(runs[0], harness.now, RunState.CANCELLED, 1.0, reason="given up")
        streak.timings += (
            harness.now,
            ELAPSED,
        )  # what it notes if it had looked into its hand before all that
    else:
        raced = Raced(streak.pending)
        raced.somebody = lambda: pool.record_batch(streak, 0.0)
        streak.pending = raced
        worker.outcome.ended, worker.outcome.elapsed = harness.now, ELAPSED
        assert worker.next_in_batch() is None
        assert worker.outcome.run is None  # of this one everything has been told
        assert harness.counts == (0, 3, 0)
        assert (job.running, job.queued) == (0, 3)
    pool.record_batch(streak, 0.0)
    [ending] = harness.endings
    assert ending.state is (RunState.CANCELLED if given_up else RunState.OK)
    assert harness.run_all() == [2, 3, 4]
    harness.assert_each_run_ended_once(runs)
    harness.assert_events_are_numbered()


# --- the scheduler --------------------------------------------------------------------------------


def noop() -> None:
    """Nothing."""


def dealt(worker: Worker) -> bool:
    """Whether a worker has a hand."""
    return worker.batch is not None


def until(true: Callable[[], bool]) -> None:
    """Wait for something that nobody tells of."""
    for _ in range(10_000):
        if true():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it has not come")


class Steps:
    """Runs of one function: what the run of some number does beside nothing is up to the test."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.special: dict[int, Callable[[], object]] = {}
        self.began: list[int] = []
        self.streaks: list[int] = []  # how many there were when each of the special ones ran
        self.runs: list[Run] = []
        self._asked = threading.Event()

        def step() -> object:
            assert self._asked.wait(LIMIT)
            number = current_run().number
            self.began.append(number)
            if number not in self.special:
                return None
            self.streaks.append(len(scheduler._kernel._batches))
            return self.special[number]()

        self.step = step

    def go(self, count: int) -> list[Run]:
        """Ask for so many runs; none goes beyond its first line before all are there."""
        self.runs = [self.scheduler.now(self.step) for _ in range(count)]
        self._asked.set()
        return self.runs


class Blind(Timer):
    """A timer that never looks."""

    def start(self) -> None:
        """Start nothing."""

    def wake(self) -> None:
        """Sleep on."""


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A running scheduler that takes every run for a short one, and whose timer does not look."""
    scheduler = Scheduler(pool=1, tz="UTC")
    scheduler._kernel._executor.short_run_limit = 1_000.0
    scheduler._kernel._timer = Blind(lambda: 0.0, lambda _: None, lambda: 0.0)
    with scheduler:
        yield scheduler


@pytest.fixture
def steps(scheduler: Scheduler) -> Steps:
    """Runs, of which the first is known to be short."""
    steps = Steps(scheduler)
    [first] = steps.go(1)
    first.result(LIMIT)
    steps.began.clear()
    return steps


def hanging(steps: Steps, number: int) -> tuple[threading.Event, threading.Event]:
    """Let a run hang: what tells that it does, and what ends that."""
    begun, leave = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        assert leave.wait(LIMIT)

    steps.special[number] = hang
    return begun, leave


def test_who_looks_at_a_streak_sees_what_is_going_on(scheduler: Scheduler, steps: Steps) -> None:
    """What has ended, what runs, what waits, each with the truth, although the worker has told nobody."""
    begun, leave = hanging(steps, 7)
    runs = steps.go(12)  # of which the first is number 2
    assert begun.wait(LIMIT)
    assert [run.state for run in runs] == [RunState.OK] * 5 + [RunState.RUNNING] + [RunState.QUEUED] * 6
    snapshot = scheduler.snapshot()
    assert [run.number for run in snapshot.running] == [7]
    assert [run.number for run in snapshot.waiting] == list(range(8, 14))
    assert [run.number for run in snapshot.recent] == [6, 5, 4, 3, 2, 1]
    assert (snapshot.pool.running, snapshot.pool.queued) == (1, 6)
    [job] = snapshot.jobs
    assert (job.runs, job.running, job.queued, job.prev) == (6, 1, 6, snapshot.running[0].started)
    assert runs[8].cancel() is Cancellation.TAKEN_OUT
    leave.set()
    for run in runs:
        assert run.wait(LIMIT)
    assert steps.began == [number for number in range(2, 14) if number != 10]
    times = [(run.started, run.ended) for run in reversed(scheduler.snapshot().recent) if run.started]
    assert times == sorted(times)
    assert all(ended is not None and began <= ended for began, ended in times)
    assert steps.streaks == [1]


def test_what_is_remarkable_ends_a_streak_and_is_told(scheduler: Scheduler, steps: Steps) -> None:
    """A value, an error, a coroutine, a run that is asked to stop: each in its place, and all go on."""

    async def later() -> str:
        return "later"

    def fail() -> None:
        raise ValueError("no")

    def stop_me() -> None:
        assert scheduler.cancel(current_run().number) is Cancellation.ASKED
        assert current_run().cancelled

    steps.special = {4: lambda: "value", 6: fail, 8: later, 10: stop_me}
    runs = steps.go(30)
    assert runs[-1].wait(LIMIT)  # and for no other: who waits for a run brings its worker back
    assert {run.number: run.state for run in runs if run.state is not RunState.OK} == {
        6: RunState.FAILED,
        10: RunState.CANCELLED,
    }
    assert [run.number for run in runs if run.state is RunState.OK and run.result() is not None] == [4, 8]
    assert (runs[2].result(), runs[6].result()) == ("value", "later")
    assert steps.began == list(range(2, 32))
    assert steps.streaks == [1, 1, 1, 1]


def test_a_run_in_a_streak_may_look_ask_and_steer(scheduler: Scheduler, steps: Steps) -> None:
    """It sees itself RUNNING, what it asks for comes last, and what it cancels does not come."""
    seen: list[Any] = []

    def act() -> None:
        seen.append([run.number for run in scheduler.snapshot().running])
        seen.append(scheduler.now(steps.step))
        seen.append(scheduler.cancel(9))

    steps.special = {5: act}
    runs = steps.go(12)
    assert runs[-1].wait(LIMIT)
    running, stop_requested, cancelled = seen
    assert running == [5]
    assert stop_requested.wait(LIMIT)
    assert cancelled is Cancellation.TAKEN_OUT
    assert steps.began == [*(number for number in range(2, 14) if number != 9), 14]
    assert steps.streaks == [1]


def test_the_stop_finds_a_streak(scheduler: Scheduler, steps: Steps) -> None:
    """What has ended has ended, what runs may end, and what has not begun does not."""
    begun, leave = hanging(steps, 5)
    runs = steps.go(12)
    assert begun.wait(LIMIT)
    stopper = threading.Thread(target=scheduler.stop, args=(LIMIT,))
    events = scheduler.subscribe(None)
    stopper.start()
    while not any(type(event).__name__ == "SchedulerStopping" for event in events.read()):
        assert stopper.is_alive()
    leave.set()
    stopper.join(LIMIT)
    assert [run.state for run in runs] == [RunState.OK] * 4 + [RunState.CANCELLED] * 8
    assert {run.reason for run in runs[4:]} == {"scheduler stopped"}
    assert steps.began == [2, 3, 4, 5]


def test_a_run_that_hangs_in_a_streak_keeps_nobody_waiting() -> None:
    """The timer takes back what has not begun, and another worker does it, in order."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        scheduler._kernel._executor.short_run_limit = 1_000.0
        steps = Steps(scheduler)
        [first] = steps.go(1)
        first.result(LIMIT)
        steps.began.clear()
        begun, leave = hanging(steps, 5)
        done = threading.Event()
        steps.special[13] = done.set
        runs = steps.go(12)
        assert begun.wait(LIMIT)
        assert done.wait(LIMIT)  # nobody has looked
        assert runs[3].state is RunState.RUNNING
        leave.set()
        for run in runs:
            assert run.wait(LIMIT)
    assert steps.began == list(range(2, 14))


def test_what_a_run_in_a_streak_prints_is_kept(scheduler: Scheduler, steps: Steps) -> None:
    """As that of any other run."""

    def write() -> None:
        sys.stdout.write("out of the streak\n")

    steps.special = {4: write}
    with capture_streams(OutputLog()):
        assert steps.go(12)[-1].wait(LIMIT)
    assert scheduler.output_of(4) == "out of the streak\n"
    assert steps.streaks == [1]


def test_an_end_that_finds_the_lock_taken_ends_the_streak(scheduler: Scheduler, steps: Steps) -> None:
    """Whoever has the lock enters it, and what has not begun comes next."""
    begun, leave = hanging(steps, 5)
    last_begun, leave_last = hanging(steps, 31)
    runs = steps.go(30)
    assert begun.wait(LIMIT)
    kernel = scheduler._kernel

    def dawdle(_: Engine) -> None:
        leave.set()
        until(lambda: bool(kernel._reports))

    kernel.inspect(dawdle)
    assert last_begun.wait(LIMIT)
    leave = leave_last
    kernel.inspect(dawdle)
    for run in runs:
        assert run.wait(LIMIT)
    assert steps.began == list(range(2, 32))
    assert kernel._batches == []


def test_two_who_do_short_runs_deal_no_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would take back the other's all the time."""
    scheduler = Scheduler(pool=2, tz="UTC")
    kernel = scheduler._kernel
    kernel._timer = Blind(lambda: 0.0, lambda _: None, lambda: 0.0)
    kernel._executor.short_run_limit = 1_000.0
    monkeypatch.setattr(kernel._executor, "_spawn", lambda: None)
    scheduler.start()
    first, second = Worker("worker-1"), Worker("worker-2")
    first.outcome.elapsed = second.outcome.elapsed = 1e-6
    scheduler.now(noop)
    first.outcome.run = kernel.start_first(first)
    assert kernel.finish_and_start_next(first) is None  # from here on these runs are known to be short
    for _ in range(30):
        scheduler.now(noop)
    kernel._executor.available_soon += 2
    for worker in (first, second):
        worker.outcome.run = kernel.start_first(worker)
    first.outcome.run = kernel.finish_and_start_next(first)
    assert (len(kernel._executor.short_runners), dealt(first)) == (2, False)
    kernel._executor.check_stragglers()
    kernel._executor.check_stragglers()  # the second does not come back
    first.outcome.run = kernel.finish_and_start_next(first)
    assert not dealt(first)  # it is expected again, since its run is a short one
    first.outcome.run = kernel.finish_and_start_next(first)
    assert dealt(first)
    scheduler.stop(0)


def test_an_error_of_our_own_in_the_midst_of_a_streak(
    scheduler: Scheduler, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run whose end could not be entered has failed; the others are done with the next that comes."""
    pool = scheduler._kernel._pool

    def broken(*_: object) -> None:
        monkeypatch.undo()
        raise KeyError("a book is missing")

    def breaking() -> str:
        monkeypatch.setattr(pool, "record_batch", broken)
        return "something to come back with"

    steps.special = {5: breaking}
    runs = steps.go(12)
    until(lambda: bool(scheduler._kernel._executor._idle_workers))
    scheduler.now(noop).result(LIMIT)
    assert [run.number for run in runs if run.state is not RunState.OK] == [5]
    assert steps.began == list(range(2, 14))


def test_runs_that_each_have_something_to_tell_are_dealt_no_hands(
    scheduler: Scheduler, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come back after each anyway, and all the others would be taken back each time."""
    steps.special = {number: lambda: "value" for number in range(2, 32)}
    dealt: list[Any] = []
    deal = scheduler._kernel._pool.start_batch

    def noted(*arguments: Any) -> Batch:
        dealt.append(arguments)
        return deal(*arguments)

    monkeypatch.setattr(scheduler._kernel._pool, "start_batch", noted)
    for run in steps.go(30):
        assert run.result(LIMIT) == "value"
    assert len(dealt) <= 1  # after the one before, which had nothing to tell


def test_few_runs_are_no_streak(scheduler: Scheduler, steps: Steps) -> None:
    """To deal a hand takes longer than to take each."""
    steps.special = {4: lambda: None}
    for run in steps.go(MIN_QUEUE):
        assert run.wait(LIMIT)
    assert steps.streaks == [0]


def test_no_run_ends_before_it_has_begun() -> None:
    """Even if the two clocks were read some milliseconds apart: how far they are is measured."""
    harness = EngineHarness(pool=1)
    runs = harness.submit(harness.job(overlap=Overlap.ALLOW), 3)
    pool = harness.engine.pool
    pool.start_next(harness.now, "w")
    streak = pool.start_batch(runs[0], "w")
    for ended in (0.001, 0.002):
        streak.timings += (BOOTED + ended, 0.001)
        streak.pending.popleft()
    pool.record_batch(streak, NOON - BOOTED - 0.005)
    times = [(run.started, run.ended) for run in reversed(harness.snapshot().recent)]
    assert all(began is not None and ended is not None and began <= ended for began, ended in times)


def test_what_is_taken_back_comes_last_first() -> None:
    """So that putting one after the other in front of the queue restores its order."""
    harness = EngineHarness()
    runs = harness.submit(harness.job(overlap=Overlap.ALLOW), 4)
    streak = Batch(runs[0], runs[1:], "w")
    assert streak.pending.popleft() is runs[1]
    assert streak.reclaim() == [runs[3], runs[2]]
    assert (streak.runs, streak.reclaim()) == (runs[:2], [])
