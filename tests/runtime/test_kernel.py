"""The kernel: how commands reach the engine, and what must not stop it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.real_threads import (
    LIMIT,
    BlockingJob,
    HoldingClock,
    MakeScheduler,
    assert_ended,
    assert_no_threads_left,
    zero,
)
from support.runtime_parts import runtime_of

from jobtui import Run, RunState, Scheduler
from jobtui.engine.effects import Effects
from jobtui.engine.enums import Phase
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.kernel import ADMISSIONS_PER_HOLD


@pytest.fixture
def clock() -> HoldingClock:
    """Make the clock of the scheduler."""
    return HoldingClock()


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler, clock: HoldingClock) -> Scheduler:
    """Make a running scheduler with a pool of 2, in which a job has run."""
    scheduler = make_scheduler(pool=2, clock=clock)
    scheduler.start()
    assert_ended(scheduler.now(zero))
    return scheduler


# --- commands -------------------------------------------------------------------------------------


def test_a_command_is_applied_by_a_thread_of_the_scheduler(scheduler: Scheduler, clock: HoldingClock) -> None:
    """So an exception from a signal handler cannot interrupt a change."""
    threads: list[str] = []
    clock.during_change = lambda: threads.append(threading.current_thread().name)
    scheduler.resize(3)
    assert scheduler.pool_view().size == 3
    [thread] = threads
    assert thread.startswith(("jobtui-timer", "jobtui-worker"))


class SlowClock(HoldingClock):
    """A clock by which a second passes between two readings, as if each call took so long."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0.0

    def now(self) -> float:
        """Return the wall clock."""
        self._ahead += 1
        return super().now() + self._ahead

    def monotonic(self) -> float:
        """Return the monotonic clock, of which as much time passes."""
        return SystemClock.monotonic() + self._ahead


def test_calls_that_take_long_are_applied_in_several_holds_of_the_lock(make_scheduler: MakeScheduler) -> None:
    """A subscriber is notified once in each hold at most; all calls return."""
    clock, holds = SlowClock(), []
    scheduler = make_scheduler(clock=clock)
    jobs = [scheduler.every("8h", zero, name=f"job {number}") for number in range(10)]
    scheduler.start()

    def notify() -> None:
        holds.append(1)
        subscription.read()

    subscription = scheduler.subscribe(notify)
    release_lock = clock.hold_lock(scheduler)
    threads = [threading.Thread(target=job.pause) for job in jobs]
    for thread in threads:
        thread.start()
    release_lock()
    for thread in threads:
        thread.join(LIMIT)
    assert not any(thread.is_alive() for thread in threads)
    assert len(holds) > 1


def test_many_requests_are_admitted_in_several_holds_of_the_lock(make_scheduler: MakeScheduler) -> None:
    """A listener is called once for each hold. Afterwards the caller finds all of them."""
    scheduler = make_scheduler()
    scheduler.now(zero)
    for _ in range(3 * ADMISSIONS_PER_HOLD):
        scheduler.now(zero)
    holds: list[int] = []
    scheduler.on_change(lambda: holds.append(1))
    assert scheduler.pool_view().queued == 3 * ADMISSIONS_PER_HOLD + 1
    for _ in range(3 * ADMISSIONS_PER_HOLD):
        scheduler.now(zero)
    assert scheduler.pool_view().queued == 6 * ADMISSIONS_PER_HOLD + 1
    assert len(holds) >= 3


def test_now_does_not_block_while_the_lock_is_held(scheduler: Scheduler, clock: HoldingClock) -> None:
    """The run is admitted, in the order of the requests, when the lock is released."""
    release_lock = clock.hold_lock(scheduler)
    runs = [scheduler.now(zero) for _ in range(3)]
    assert [run.state for run in runs] == [RunState.QUEUED] * 3
    release_lock()
    assert [run.result(LIMIT) for run in runs] == [0] * 3


def test_runs_start_in_the_order_of_the_requests_of_all_kinds(scheduler: Scheduler) -> None:
    """First in, first out: a request that waits for a reply does not overtake one that does not."""
    scheduler.resize(1)
    blocker = BlockingJob()
    scheduler.now(blocker)
    blocker.wait_started()
    order: list[int] = []
    job = scheduler.every("1h", lambda: order.append(-1))
    runs: list[Run] = []
    for number in range(10):
        runs.append(scheduler.now(order.append, number))
        if number == 5:
            runs.append(job.run())
    blocker.release()
    assert_ended(*runs)
    assert order == [0, 1, 2, 3, 4, 5, -1, 6, 7, 8, 9]


@pytest.mark.parametrize(
    "call",
    [
        Scheduler.snapshot,
        lambda scheduler: scheduler.in_("1h", zero),
        lambda scheduler: scheduler.every("1h", zero),
        lambda scheduler: scheduler.cancel(1),
    ],
    ids=["snapshot", "in_", "every", "cancel"],
)
def test_a_call_in_the_middle_of_a_change_of_its_own_thread_raises(
    scheduler: Scheduler, clock: HoldingClock, call: Callable[[Scheduler], object]
) -> None:
    """A destructor may be called there; its thread would wait for itself."""
    error = clock.call_during_change(scheduler, lambda: call(scheduler))
    assert isinstance(error, RuntimeError)
    assert "in the middle of a change" in str(error)
    assert scheduler.now(zero).result(LIMIT) == 0


def test_now_in_the_middle_of_a_change_of_its_own_thread_is_accepted(
    scheduler: Scheduler, clock: HoldingClock
) -> None:
    """The run is admitted when the change is complete."""
    run = clock.call_during_change(scheduler, lambda: scheduler.now(zero))
    assert run.result(LIMIT) == 0


def test_a_stop_in_the_middle_of_a_change_of_its_own_thread_is_made_by_another_thread(
    scheduler: Scheduler, clock: HoldingClock
) -> None:
    """The call cannot wait for it, so it returns False."""
    assert clock.call_during_change(scheduler, scheduler.stop) is False
    assert_no_threads_left()
    assert scheduler.snapshot().phase is Phase.STOPPED


def test_the_error_of_a_command_is_raised_in_the_thread_of_its_caller(scheduler: Scheduler) -> None:
    """The thread that applies the command goes on."""
    for _ in range(3):
        with pytest.raises(LookupError, match="there is no job 'zer'; near: zero"):
            scheduler.pause("zer")
    assert scheduler.snapshot().internal_error == ""


# --- objects of the user --------------------------------------------------------------------------


class SlowDestructor:
    """An object whose destructor blocks until the test releases it."""

    def __init__(self) -> None:
        self.reached, self.released = threading.Event(), threading.Event()

    def make(self) -> object:
        """Return an object with that destructor."""
        outer = self

        class Slow:
            def __del__(self) -> None:
                outer.reached.set()
                outer.released.wait(LIMIT)

        return Slow()


class FailingWithLocal:
    """A job that raises, with an object in a local variable, which the traceback keeps alive."""

    def __init__(self, slow: SlowDestructor) -> None:
        self._slow = slow

    def run(self) -> None:
        """Raise."""
        local = self._slow.make()
        raise ValueError(type(local))


async def return_as_coroutine(slow: SlowDestructor) -> object:
    """Return an object with a slow destructor from the event loop."""
    return slow.make()


REQUESTS: dict[str, Callable[[Scheduler, SlowDestructor], object]] = {
    "argument": lambda scheduler, slow: scheduler.now(lambda _: None, slow.make()),
    "result": lambda scheduler, slow: scheduler.now(slow.make),
    "result of a coroutine": lambda scheduler, slow: scheduler.now(return_as_coroutine, slow),
    "result of a tick": lambda scheduler, slow: scheduler.every(0.01, slow.make),
    "exception of a tick": lambda scheduler, slow: scheduler.every(0.01, FailingWithLocal(slow)),
    "argument of a cancelled run": lambda scheduler, slow: scheduler.in_("1h", print, slow.make()).cancel(),
    "argument of a run of a removed job": lambda scheduler, slow: (
        scheduler.in_("1h", print, slow.make()),
        scheduler.remove("print"),  # type: ignore[arg-type] # by name, as `pause`
    ),
}


@pytest.mark.parametrize("new", [False, True], ids=["after a run", "before any run"])
@pytest.mark.parametrize("what", REQUESTS)
def test_no_other_thread_waits_for_a_destructor(
    make_scheduler: MakeScheduler, what: str, *, new: bool
) -> None:
    """It runs neither with the lock held nor in the thread that replies to others."""
    scheduler = make_scheduler(pool=2, ledger_bytes=100_000)  # too small to keep arguments
    scheduler.stop_logging()  # pytest keeps the records, and so the exceptions
    scheduler.start()
    if not new:
        assert_ended(scheduler.now(zero))
    slow = SlowDestructor()
    threading.Thread(target=REQUESTS[what], args=(scheduler, slow), daemon=True).start()
    assert slow.reached.wait(LIMIT)
    phases: list[Phase] = []
    other = threading.Thread(target=lambda: phases.append(scheduler.snapshot().phase), daemon=True)
    other.start()
    other.join(LIMIT / 2)  # the destructor blocks for twice as long
    slow.released.set()
    assert phases == [Phase.RUNNING]
    assert scheduler.now(zero).result(LIMIT) == 0


def test_every_accepted_run_ends_although_its_one_off_job_is_removed(make_scheduler: MakeScheduler) -> None:
    """The job is removed after `now` has found it, and before the run is admitted."""

    class RemovingClock(HoldingClock):
        """A clock that removes the job when the test's thread reads it, as `now` does."""

        armed = False

        def now(self) -> float:
            if self.armed and threading.current_thread() is threading.main_thread():
                self.armed = False
                removing.remove("zero")  # type: ignore[arg-type] # by name, as `pause`
            return super().now()

    clock = RemovingClock()
    removing = make_scheduler(clock=clock)
    removing.start()
    assert_ended(removing.now(zero))
    clock.armed = True
    assert removing.now(zero).result(LIMIT) == 0
    assert removing.pool_view().queued == 0


# --- threads --------------------------------------------------------------------------------------


class FailingThreads:
    """Makes the start of threads of some name fail a number of times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._start = threading.Thread.start
        self.name, self.error, self.times = "", Exception(), 0
        failing = self

        def start(thread: threading.Thread) -> None:
            if thread.name.startswith(failing.name) and failing.times > 0:
                failing.times -= 1
                raise failing.error
            failing._start(thread)

        monkeypatch.setattr(threading.Thread, "start", start)

    def fail(self, name: str, error: Exception, times: int = 1) -> None:
        """Let the next starts of threads of that name fail."""
        self.name, self.error, self.times = name, error, times


@pytest.fixture
def failing_threads(monkeypatch: pytest.MonkeyPatch) -> FailingThreads:
    """Make the control of threads that cannot be started. The system decides that, so it is Python's own."""
    return FailingThreads(monkeypatch)


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_worker_that_cannot_be_started_is_tried_again(
    make_scheduler: MakeScheduler, failing_threads: FailingThreads, error: Exception
) -> None:
    """The run starts although nothing else calls the scheduler."""
    scheduler = make_scheduler()
    scheduler.start()
    failing_threads.fail("jobtui-worker", error, times=2)
    assert scheduler.now(zero).result(LIMIT) == 0


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_start_without_a_thread_for_the_timer_changes_nothing_and_can_be_repeated(
    make_scheduler: MakeScheduler, failing_threads: FailingThreads, error: Exception
) -> None:
    """The scheduler is not half started."""
    scheduler = make_scheduler()
    failing_threads.fail("jobtui-timer", error)
    with pytest.raises(type(error)):
        scheduler.start()
    assert scheduler.snapshot().phase is Phase.NEW
    scheduler.start()
    assert scheduler.now(zero).result(LIMIT) == 0


def test_runs_behind_a_short_run_that_hangs_are_started_by_other_workers(
    make_scheduler: MakeScheduler,
) -> None:
    """Here it hangs because it waits for the last of them, which its worker had taken with it."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    last = threading.Event()
    works = iter([*[bool] * 100, lambda: last.wait(LIMIT), *[bool] * 20, last.set])

    def work() -> None:
        next(works)()

    for _ in range(100):
        assert_ended(scheduler.now(work))
    blocker = BlockingJob()
    blocking = [scheduler.now(blocker) for _ in range(2)]
    blocker.wait_started(2)
    runs = [scheduler.now(work) for _ in range(22)]
    blocker.release()
    assert_ended(*blocking, *runs)
    assert last.is_set()
    assert {run.state for run in runs} == {RunState.OK}


def test_a_subscriber_may_call_the_scheduler_in_its_notification(scheduler: Scheduler) -> None:
    """The thread that notifies it is not the one that has to reply."""
    snapshots: list[Any] = []
    done = threading.Event()

    def notify() -> None:
        snapshots.append(scheduler.snapshot())
        done.set()

    scheduler.subscribe(notify)
    assert scheduler.now(zero).result(LIMIT) == 0
    assert done.wait(LIMIT)
    assert scheduler.now(zero).result(LIMIT) == 0


def test_no_more_coroutines_run_at_once_than_the_pool_has_slots(make_scheduler: MakeScheduler) -> None:
    """Also after short ones, whose runs a worker would take several at a time if they were functions."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    running: list[int] = []
    most: list[int] = []

    async def work(turns: int) -> None:
        running.append(turns)
        most.append(len(running))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.pop()

    for _ in range(50):
        assert_ended(scheduler.now(work, 0))
    blocker = BlockingJob()
    blocking = [scheduler.now(blocker) for _ in range(2)]
    blocker.wait_started(2)
    runs = [scheduler.now(work, number % 5) for number in range(100)]
    blocker.release()
    assert_ended(*blocking, *runs)
    assert {run.state for run in runs} == {RunState.OK}
    assert max(most) <= 2


def test_each_consumer_gets_the_effects_once() -> None:
    """Another thread may do at the same time what it takes for interrupted; the store counts endings."""
    scheduler = Scheduler(tz="UTC")
    kernel = runtime_of(scheduler).kernel
    put: list[int] = []

    def consume(effects: Effects) -> None:
        put.append(len(effects.ended))
        kernel.run_unfinished_effects()

    kernel.consumers = (consume, consume)
    run = scheduler.in_(100, print)
    run.cancel()
    assert sum(put) == 2
