"""The scheduler with its real threads: every wait here has a limit and ends as soon as it can."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from jobtui import Cancellation, Run, RunCancelledError, RunState, Scheduler, StartError
from jobtui.core import journal, workers
from jobtui.core.clock import ManualClock, SystemClock
from jobtui.core.engine import Engine
from jobtui.core.events import RunStarted, TimerFailed
from jobtui.core.model import Phase
from jobtui.core.timer import Timer

LIMIT = 10.0  # seconds after which something that should have happened has not

Make = Callable[..., Scheduler]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes schedulers in UTC; when the test is over, stops them and sees that their threads end."""
    made: list[Scheduler] = []

    def scheduler(**settings: Any) -> Scheduler:
        made.append(Scheduler(**{"pool": 2, "tz": "UTC", **settings}))
        return made[-1]

    yield scheduler
    for each in made:
        each.stop(LIMIT)
    join_ours()


class Gate:
    """A job that says when it has begun, and waits until it is let through."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self._open = threading.Event()

    def run(self) -> str:
        """Wait to be let through."""
        self.begun.release()
        assert self._open.wait(LIMIT)
        return "through"

    def wait_begun(self, count: int = 1) -> None:
        """Wait until so many runs have begun."""
        for _ in range(count):
            assert self.begun.acquire(timeout=LIMIT)

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()


def ours() -> list[str]:
    """The names of the scheduler's threads."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("jobtui-"))


def join_ours() -> None:
    """Wait until none of the scheduler's threads is left."""
    for thread in threading.enumerate():
        if thread.name.startswith("jobtui-"):
            thread.join(LIMIT)
    assert ours() == []


def zero() -> int:
    """Return 0."""
    return 0


def done(*runs: Run) -> None:
    """Wait for runs to end."""
    for run in runs:
        assert run.wait(LIMIT), run


# --- the pool -------------------------------------------------------------------------------------


def test_five_thousand_runs_of_a_blocked_job_start_no_thread(make: Make) -> None:
    """They are HELD, as data; when the job is let through they run in the order they were asked for."""
    scheduler = make(pool=4)
    gate, order = Gate(), list[int]()
    scheduler.start()

    def work() -> None:
        order.append(len(order))
        if len(order) == 1:
            gate.run()

    job = scheduler.every("1h", work)
    first = scheduler.now(job)
    gate.wait_begun()
    before = ours()
    runs = [scheduler.now(job) for _ in range(5_000)]
    assert ours() == before
    assert {run.state for run in runs} == {RunState.HELD}
    assert scheduler.snapshot().pool.held == 5_000
    subscription = scheduler.subscribe()
    gate.open()
    done(first, *runs)
    assert {run.state for run in runs} == {RunState.OK}
    started = [event.run.number for event in subscription.read() if isinstance(event, RunStarted)]
    assert started == sorted(started)
    assert len(order) == 5_001


def test_no_more_run_at_once_than_the_pool_has_and_no_job_overlaps_itself(make: Make) -> None:
    """20 jobs x 100 runs on a pool of 4, counted inside the jobs."""
    scheduler = make(pool=4)
    lock = threading.Lock()
    running = [0] * 20
    most, overlaps, finished = 0, 0, 0

    def job(number: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal most, overlaps, finished
            with lock:
                running[number] += 1
                most = max(most, sum(running))
                overlaps += running[number] > 1
            time.sleep(0)  # let others in
            with lock:
                running[number] -= 1
                finished += 1

        return work

    jobs = [scheduler.every("1h", job(number)) for number in range(20)]
    scheduler.start()
    runs = [scheduler.now(each) for _ in range(100) for each in jobs]
    done(*runs)
    assert (finished, overlaps) == (2_000, 0)
    assert 1 <= most <= 4
    assert {run.state for run in runs} == {RunState.OK}
    assert scheduler.snapshot().pool.running == 0


def test_a_pool_of_four_runs_four_at_once(make: Make) -> None:
    """Four jobs that wait for each other all get through."""
    scheduler = make(pool=4)
    scheduler.start()
    together = threading.Barrier(4)
    runs = [scheduler.now(together.wait, LIMIT) for _ in range(4)]
    assert sorted(run.result(LIMIT) for run in runs) == [0, 1, 2, 3]


def test_with_the_pool_full_a_run_is_queued_at_the_end_and_starts_in_its_turn(make: Make) -> None:
    """First in, first out."""
    scheduler = make(pool=1)
    scheduler.start()
    gate, order = Gate(), list[int]()
    blocking = scheduler.now(gate)
    gate.wait_begun()
    runs = [scheduler.now(order.append, number) for number in range(20)]
    assert [run.state for run in runs] == [RunState.QUEUED] * 20
    assert [view.number for view in scheduler.snapshot().waiting] == [run.number for run in runs]
    gate.open()
    done(blocking, *runs)
    assert order == list(range(20))


def test_growing_the_pool_starts_waiting_runs_at_once(make: Make) -> None:
    """Nobody has to end first."""
    scheduler = make(pool=1)
    scheduler.start()
    gate = Gate()
    runs = [scheduler.now(gate) for _ in range(5)]
    gate.wait_begun()
    scheduler.resize(3)
    gate.wait_begun(2)
    scheduler.resize(0)
    gate.wait_begun(2)
    scheduler.resize(1)
    gate.open()
    done(*runs)


def test_a_pool_that_is_resized_all_the_time_forgets_no_run(make: Make) -> None:
    """However worker threads are sent for and put to rest meanwhile: no wake-up is lost."""
    scheduler = make(pool=1)
    scheduler.start()
    runs = []
    for number in range(1_500):
        runs.append(scheduler.now(zero))
        scheduler.resize(number * 7 % 5 + 1)
        if number % 100 == 0:
            done(runs[-1])
    done(*runs)


def test_worker_threads_are_reused_and_named(make: Make) -> None:
    """Runs one after another need one thread; its name is the view's ``worker``."""
    scheduler = make(pool=4)
    scheduler.start()
    names = set()
    for _ in range(20):
        run = scheduler.now(lambda: threading.current_thread().name)
        names.add(run.result(LIMIT))
    assert len(names) <= 2  # the second, if the first had not gone back to rest in time
    assert min(names) == "jobtui-worker-1"
    assert {f"jobtui-{view.worker}" for view in scheduler.snapshot().recent} == names
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("jobtui-"))


def test_idle_threads_end_and_come_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread without work for a while ends; the next run gets a new one."""
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.01)
    scheduler = make(pool=4)
    scheduler.start()
    threads = [scheduler.now(threading.current_thread).result(LIMIT) for _ in range(3)]
    for thread in threads:
        thread.join(LIMIT)
    assert ours() == ["jobtui-timer"]
    for _ in range(200):  # against the moment in which a thread gives up
        assert scheduler.now(zero).result(LIMIT) == 0


def test_what_a_run_returned_is_not_kept_by_an_idle_thread(make: Make) -> None:
    """A large result goes when its handle goes."""
    import gc  # noqa: PLC0415 - one test needs them
    import weakref  # noqa: PLC0415

    class Large:
        """Something that can be watched."""

    scheduler = make(pool=1)
    scheduler.start()
    gone = threading.Event()

    def work() -> Large:
        large = Large()
        weakref.finalize(large, gone.set)
        return large

    done(scheduler.now(work))
    for _ in range(100):
        gc.collect()
        if gone.wait(0.1):
            break
    assert gone.is_set()


def test_without_threads_to_be_had_runs_wait_for_the_ones_there_are(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine at its limit raises RuntimeError; that is logged, and no slot is lost for it."""
    scheduler = make(pool=4)
    scheduler.start()
    gate = Gate()
    first = scheduler.now(gate)
    gate.wait_begun()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        second = scheduler.now(zero)
    assert second.state is RunState.QUEUED
    assert "no thread can be started" in caplog.text
    scheduler.resize(5)  # any change sends for workers again
    done(second)
    gate.open()
    done(first)


class Waiting(workers.Crew):
    """Workers that are sent for and come when the test says so."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler._runtime, SystemClock())
        scheduler._runtime._crew = self
        self.sent_for = 0

    def send_for_one(self) -> Callable[[], None]:
        """Count, and let nobody come."""
        self.sent_for += 1
        self.coming += 1
        return lambda: None


def test_a_worker_that_is_sent_for_as_it_gives_up_comes_all_the_same(make: Make) -> None:
    """Else the run it was sent for would wait for a worker that has ended."""
    scheduler = make()
    crew = scheduler._runtime._crew

    class Sleeper(workers.Worker):
        """Gives up, and is sent for at that moment."""

        def sleep(self) -> bool:
            """Sleep."""
            first_time = not given_up
            given_up.append(1)
            if first_time:
                crew.send_for_one()()
            return not first_time and self._bell.acquire(blocking=False)

    given_up: list[int] = []
    worker = Sleeper("worker-1")
    crew.rest(worker)
    assert crew._sent_for_again(worker)
    assert len(given_up) == 2


def test_one_worker_at_a_time_is_on_its_way_and_sends_for_the_next(make: Make) -> None:
    """A burst wakes no more threads than it needs; who comes and finds a second run sends for the next."""
    scheduler = make(pool=3)
    crew = Waiting(scheduler)
    scheduler.start()
    scheduler.now(zero)
    assert crew.sent_for == 1
    for _ in range(5):
        scheduler.now(zero)
    assert crew.sent_for == 1
    arrive = scheduler._runtime.arrive
    assert arrive(workers.Worker("worker-1")) is not None
    assert crew.sent_for == 2
    assert arrive(workers.Worker("worker-2")) is not None
    assert crew.sent_for == 3
    assert arrive(workers.Worker("worker-3")) is not None
    assert crew.sent_for == 3  # the pool is full
    assert scheduler.snapshot().pool.queued == 3
    scheduler.stop(0)  # nobody does the work


class Bell(Timer):
    """A timer that only counts how often it was woken."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0, lambda _: None, lambda: 0.0)
        self.rung = 0

    def start(self) -> None:
        """Start nothing."""

    def wake(self) -> None:
        """Count."""
        self.rung += 1


def test_who_does_a_short_run_is_expected_back_but_not_for_long(make: Make) -> None:
    """Nobody else is woken for what waits, until the timer has seen that the short run goes on and on."""
    scheduler = make(pool=3)
    crew, runtime = Waiting(scheduler), scheduler._runtime
    bell = runtime._timer = Bell()
    scheduler.start()
    runtime._poll()
    worker = workers.Worker("worker-1")
    scheduler.now(zero)
    worker.run = runtime.arrive(worker)
    worker.elapsed = 1e-6
    assert runtime.turn(worker) is None  # from here on these runs are known to be short
    runs = [scheduler.now(zero) for _ in range(2)]
    assert (crew.sent_for, bell.rung) == (2, 0)
    worker = workers.Worker("worker-2")
    worker.elapsed = 1e-6
    worker.run = runtime.arrive(worker)
    assert (crew.sent_for, bell.rung) == (2, 1)  # the timer is told to look, once
    runs += [scheduler.now(zero) for _ in range(2)]
    assert (crew.sent_for, bell.rung) == (2, 1)
    runtime._poll()
    assert crew.sent_for == 2
    worker.run = runtime.turn(worker)  # it came back, and does another one
    assert worker.run is not None
    runtime._poll()
    assert crew.sent_for == 2
    runtime._poll()
    assert crew.sent_for == 3
    assert [run.state for run in runs] == [RunState.OK, RunState.RUNNING, RunState.QUEUED, RunState.QUEUED]
    worker.elapsed = 1.0
    worker.run = runtime.turn(worker)
    worker.run = runtime.turn(worker)
    worker.elapsed = 1e-6
    assert runtime.turn(worker) is None
    assert crew.coming == 1  # who was sent for last; the others are counted out
    scheduler.stop(0)


def test_the_timer_looks_too_if_nothing_waited_when_the_short_run_began(make: Make) -> None:
    """What is asked for meanwhile has told it."""
    scheduler = make()
    crew, runtime = Waiting(scheduler), scheduler._runtime
    bell = runtime._timer = Bell()
    scheduler.start()
    runtime._poll()
    for expected in (1, 2):
        scheduler.now(zero)
        worker = workers.Worker(f"worker-{expected}")
        worker.run = runtime.arrive(worker)
        worker.elapsed = 1e-6
        if expected == 1:
            assert runtime.turn(worker) is None
    assert bell.rung == 0
    scheduler.now(zero)
    scheduler.now(zero)
    assert (crew.sent_for, bell.rung) == (2, 1)
    scheduler.stop(0)


def test_who_waits_on_a_short_run_that_hangs_is_started_by_the_timer(make: Make) -> None:
    """A job that was quick a hundred times and then waits for the next one does not wait for ever."""
    scheduler = make(pool=2)
    scheduler.start()
    second = threading.Event()
    turns = iter([*(lambda: None for _ in range(100)), lambda: second.wait(LIMIT), second.set])

    def work() -> None:
        next(turns)()

    for _ in range(100):
        done(scheduler.now(work))
    done(scheduler.now(work), scheduler.now(work))
    assert second.is_set()


def test_a_run_asked_for_while_the_lock_is_taken_is_admitted_when_it_is_free(make: Make) -> None:
    """Whoever asks does not wait for the lock; whoever has it looks into the inbox before and after."""
    scheduler = make()
    scheduler.start()
    done(scheduler.now(zero))  # from here on there is a job for them
    inside, leave = threading.Event(), threading.Event()

    def dawdle(_: Engine) -> None:
        inside.set()
        assert leave.wait(LIMIT)

    holder = threading.Thread(target=scheduler._runtime.query, args=(dawdle,))
    holder.start()
    assert inside.wait(LIMIT)
    runs = [scheduler.now(zero) for _ in range(100)]
    assert {run.state for run in runs} == {RunState.QUEUED}
    leave.set()
    done(*runs)
    holder.join(LIMIT)
    assert [run.number for run in runs] == list(range(2, 102))
    assert scheduler.snapshot().jobs[0].runs == 101


def test_a_worker_that_finds_the_lock_taken_reports_all_the_same(make: Make) -> None:
    """It puts its report into the inbox and rests; the next run finds it there."""
    scheduler = make(pool=1)
    scheduler.start()
    gate, inside, leave = Gate(), threading.Event(), threading.Event()
    run = scheduler.now(gate)
    gate.wait_begun()

    def dawdle(_: Engine) -> None:
        inside.set()
        assert leave.wait(LIMIT)

    holder = threading.Thread(target=scheduler._runtime.query, args=(dawdle,))
    holder.start()
    assert inside.wait(LIMIT)
    gate.open()
    while not scheduler._runtime._reports:
        time.sleep(0.001)  # until its thread has found the lock taken
    assert run.state is RunState.RUNNING
    leave.set()
    assert run.result(LIMIT) == "through"
    holder.join(LIMIT)
    assert scheduler.now(gate).result(LIMIT) == "through"
    assert [name for name in ours() if "worker" in name] == ["jobtui-worker-1"]


def test_a_run_that_meets_the_stop_at_the_door_has_an_ending(make: Make) -> None:
    """It was accepted before the stop and admitted after it: CANCELLED, and nobody waits for ever."""
    scheduler = make()
    scheduler.start()
    done(scheduler.now(zero))
    runtime = scheduler._runtime
    now = runtime._now

    def slow_now() -> float:
        runtime._now = now
        scheduler.stop(LIMIT)
        return now()

    runtime._now = slow_now  # what is asked for the time once the run has passed the door
    run = scheduler.now(zero)
    assert (run.state, run.reason) == (RunState.CANCELLED, "scheduler stopped")
    with pytest.raises(RunCancelledError, match="scheduler stopped"):
        run.result(LIMIT)
    assert scheduler.snapshot().recent[0].number == run.number


# --- what jobs raise and return -------------------------------------------------------------------


class Unprintable(Exception):  # noqa: N818 - it is what it says
    """An exception whose message raises."""

    def __str__(self) -> str:
        """Raise."""
        raise ValueError("no message")


class ExitsInMessage(Exception):  # noqa: N818 - as above
    """An exception whose message ends the program."""

    def __str__(self) -> str:
        """Exit."""
        raise SystemExit(3)


def recurse() -> None:
    """Never come back."""
    recurse()


@pytest.mark.parametrize(
    "make_error",
    [
        ValueError,
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
        StopIteration,
        MemoryError,
        Unprintable,
        ExitsInMessage,
        partial(SyntaxError, "no", ("file", 1, "no column", "text")),
        partial(BaseExceptionGroup, "two", [ValueError("no"), SystemExit(3)]),
    ],
    ids=lambda make_error: getattr(make_error, "func", make_error).__name__,
)
@pytest.mark.parametrize("coroutine", [False, True], ids=["function", "coroutine"])
def test_whatever_is_raised_ends_that_run_alone(
    make: Make, make_error: Callable[[], BaseException], *, coroutine: bool
) -> None:
    """The run FAILED with its traceback; the thread lives on, and so does the event loop."""
    error = make_error()
    scheduler = make(pool=1)
    scheduler.start()

    def fails() -> None:
        raise error

    async def fails_too() -> None:
        raise error

    run = scheduler.now(fails_too if coroutine else fails)
    done(run)
    assert run.state is RunState.FAILED
    assert type(error).__name__ in run.reason
    [view] = scheduler.snapshot().recent
    assert "in fails" in view.error
    assert "workers.py" not in view.error
    # A coroutine cannot raise StopIteration: Python makes a RuntimeError of it.
    with pytest.raises(
        type(error) if not isinstance(error, StopIteration) or not coroutine else RuntimeError
    ):
        run.result(LIMIT)

    async def fine() -> int:
        return 7

    assert scheduler.now(fine if coroutine else zero).result(LIMIT) == (7 if coroutine else 0)
    assert scheduler.snapshot().pool.running == 0


def test_endless_recursion_ends_that_run_alone(make: Make) -> None:
    """RecursionError is an exception as others are."""
    scheduler = make(pool=1)
    scheduler.start()
    run = scheduler.now(recurse)
    with pytest.raises(RecursionError):
        run.result(LIMIT)
    assert scheduler.now(zero).result(LIMIT) == 0


def test_coroutines_share_one_loop_thread_and_each_holds_a_slot(make: Make) -> None:
    """They run as tasks of one loop; the pool's limit holds for them as for functions."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make(pool=3)
    scheduler.start()
    gate, threads = threading.Event(), []
    begun = threading.Semaphore(0)

    async def wait() -> str:
        threads.append(threading.current_thread().name)
        begun.release()
        assert await asyncio.to_thread(gate.wait, LIMIT)
        return "done"

    runs = [scheduler.now(wait) for _ in range(5)]
    for _ in range(3):
        assert begun.acquire(timeout=LIMIT)
    assert scheduler.snapshot().pool.running == 3
    assert [run.state for run in runs] == [*[RunState.RUNNING] * 3, *[RunState.QUEUED] * 2]
    gate.set()
    assert [run.result(LIMIT) for run in runs] == ["done"] * 5
    assert set(threads) == {"jobtui-asyncio"}


def test_a_function_that_returns_a_coroutine_is_awaited(make: Make) -> None:
    """A lambda around a coroutine function, a partial, a callable object and an object with async ``run``."""
    scheduler = make()
    scheduler.start()

    async def double(number: int) -> int:
        return 2 * number

    class Doubler:
        """An object whose run is a coroutine function."""

        async def run(self) -> int:
            """Double 4."""
            return await double(4)

    assert scheduler.now(lambda: double(2)).result(LIMIT) == 4
    assert scheduler.now(double, 3).result(LIMIT) == 6
    assert scheduler.now(Doubler).result(LIMIT) == 8


def test_a_coroutine_that_cancels_itself_has_failed(make: Make) -> None:
    """asyncio.CancelledError ends that run alone."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make()
    scheduler.start()

    async def cancels() -> None:
        raise asyncio.CancelledError

    run = scheduler.now(cancels)
    done(run)
    assert (run.state, run.reason) == (RunState.FAILED, "asyncio.exceptions.CancelledError")


def test_a_task_that_exits_does_not_end_the_loop(make: Make) -> None:
    """In a task, asyncio lets SystemExit through to the loop: that goes on, and the run has FAILED."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make()
    scheduler.start()

    async def exits() -> None:
        raise SystemExit(3)

    async def has_a_task() -> None:
        await asyncio.create_task(exits())

    async def stops_the_loop() -> None:
        asyncio.get_running_loop().stop()

    async def fine() -> int:
        return 7

    run = scheduler.now(has_a_task)
    done(run)
    assert run.state is RunState.FAILED
    done(scheduler.now(stops_the_loop))
    assert scheduler.now(fine).result(LIMIT) == 7


# --- handles --------------------------------------------------------------------------------------


def test_a_run_can_be_waited_for_asked_and_cancelled(make: Make) -> None:
    """``wait`` and ``result`` have limits; a waiting run is taken out."""
    scheduler = make(pool=1)
    scheduler.start()
    gate = Gate()
    running, waiting = scheduler.now(gate), scheduler.now(zero)
    gate.wait_begun()
    assert not running.wait(0.001)
    with pytest.raises(TimeoutError, match=r"run 1 of Gate is RUNNING after 0\.001 s"):
        running.result(0.001)
    assert waiting.cancel() is Cancellation.TAKEN_OUT
    assert waiting.cancel() is Cancellation.TOO_LATE
    done(waiting)
    with pytest.raises(RunCancelledError, match="run 2 of zero was CANCELLED: cancelled"):
        waiting.result(LIMIT)
    gate.open()
    assert running.result(LIMIT) == "through"
    assert running.result() == "through"


def test_who_waits_for_a_run_is_woken_when_it_is_cancelled(make: Make) -> None:
    """By whomever."""
    scheduler = make()
    run = scheduler.in_("1h", zero)
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(run.wait(LIMIT)))
    waiter.start()
    assert scheduler.cancel(run.number)
    waiter.join(LIMIT)
    assert answers == [True]


def test_a_refused_run_has_ended_at_once(make: Make) -> None:
    """Its result says why."""
    scheduler = make(overlap="skip")
    scheduler.start()
    gate = Gate()
    job = scheduler.every("1h", gate)
    running = job.run()
    gate.wait_begun()
    refused = job.run()
    assert refused.state is RunState.SKIPPED
    assert refused.wait(0)
    with pytest.raises(RunCancelledError, match=r"was SKIPPED: still running since .*, run 1"):
        refused.result(0)
    assert refused._record.handle is None  # the ledger keeps the record, and nothing of the user's
    gate.open()
    done(running)


# --- stopping -------------------------------------------------------------------------------------


def test_stop_waits_for_running_work_and_cancels_what_waits(make: Make) -> None:
    """In time: True; no thread is left; nothing is accepted any more."""
    scheduler = make(pool=1)
    scheduler.start()
    gate = Gate()
    running, waiting, later = scheduler.now(gate), scheduler.now(zero), scheduler.in_("1h", zero)
    gate.wait_begun()
    subscription = scheduler.subscribe(gate.open)  # the first event is the stop's
    assert scheduler.stop(LIMIT)
    assert [run.state for run in (running, waiting, later)] == [RunState.OK, *[RunState.CANCELLED] * 2]
    assert waiting.reason == "scheduler stopped"
    assert scheduler.snapshot().phase is Phase.STOPPED
    assert [type(event).__name__ for event in subscription.read()] == [
        "SchedulerStopping",
        *["RunFinished"] * 3,
        "SchedulerStopped",
    ]
    join_ours()
    for ask in (scheduler.now, lambda what: scheduler.in_("1s", what)):
        with pytest.raises(RuntimeError, match="the scheduler has stopped: it takes no more runs"):
            ask(zero)


def test_work_that_does_not_end_is_given_up(make: Make) -> None:
    """After the grace it is CANCELLED, its waiters are woken, and its late end changes nothing."""
    scheduler = make(pool=1)
    scheduler.start()
    gate = Gate()
    run = scheduler.now(gate)
    gate.wait_begun()
    assert not scheduler.stop(0.01)
    done(run)
    assert run.reason == "still running 0.01 s after the scheduler stopped; given up"
    assert not scheduler.stop(LIMIT)  # a second stop says the same, and does not wait
    gate.open()
    join_ours()
    assert run.state is RunState.CANCELLED
    with pytest.raises(RunCancelledError, match="given up"):
        run.result(0)


def test_two_who_stop_at_once_both_get_the_answer(make: Make) -> None:
    """The one with the shorter grace ends the wait of the other."""
    scheduler = make(pool=1)
    scheduler.start()
    gate = Gate()
    scheduler.now(gate)
    gate.wait_begun()
    answers: list[bool] = []
    stopping = threading.Event()
    scheduler.subscribe(stopping.set)
    patient = threading.Thread(target=lambda: answers.append(scheduler.stop(float("inf"))))
    patient.start()
    assert stopping.wait(LIMIT)
    assert not scheduler.stop(0)
    patient.join(LIMIT)
    assert answers == [False]
    gate.open()


def test_a_scheduler_that_was_never_started_can_be_stopped(make: Make) -> None:
    """What waits is cancelled; it cannot be started afterwards; an endless grace is one."""
    scheduler = make()
    run = scheduler.now(zero)
    assert scheduler.stop(float("inf"))
    assert run.state is RunState.CANCELLED
    with pytest.raises(RuntimeError, match="started once"):
        scheduler.start()
    assert ours() == []


def test_a_job_may_stop_the_scheduler_and_is_not_waited_for(make: Make) -> None:
    """It would wait for itself. Others are waited for; its own run is OK, and the reason tells."""
    scheduler = make(pool=2)
    scheduler.start()
    gate = Gate()
    other = scheduler.now(gate)
    gate.wait_begun()
    answers: list[bool] = []
    scheduler.subscribe(gate.open)
    stopper = scheduler.now(lambda: answers.append(scheduler.stop(60)))
    done(stopper, other)
    join_ours()
    assert answers == [True]
    assert (stopper.state, other.state) == (RunState.OK, RunState.OK)
    assert stopper.reason == "it stopped the scheduler; what it did afterwards was not waited for"
    assert scheduler.snapshot().phase is Phase.STOPPED


def test_two_jobs_may_stop_the_scheduler_at_once(make: Make) -> None:
    """Neither waits for the other; nor does somebody outside who was waiting already."""
    scheduler = make(pool=2)
    scheduler.start()
    together = threading.Barrier(3)

    def stop() -> bool:
        together.wait(LIMIT)
        return scheduler.stop(60)

    runs = [scheduler.now(stop) for _ in range(2)]
    together.wait(LIMIT)
    assert scheduler.stop(60)
    done(*runs)
    assert {run.state for run in runs} == {RunState.OK}


def test_a_coroutine_may_stop_the_scheduler(make: Make) -> None:
    """Also from a thread that it waits for."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make()
    scheduler.start()

    async def stop() -> None:
        await asyncio.to_thread(scheduler.stop, 60)

    run = scheduler.now(stop)
    done(run)
    assert run.state is RunState.OK


def test_a_job_may_stop_another_scheduler(make: Make) -> None:
    """It is no run of that one, though it has the number of one."""
    here, there = make(), make()
    here.start()
    there.start()
    gate = Gate()
    theirs = there.now(gate)
    gate.wait_begun()
    mine = here.now(there.stop, 0.01)
    assert mine.result(LIMIT) is False
    assert theirs.state is RunState.CANCELLED
    gate.open()


def test_coroutines_are_cancelled_at_the_end_and_may_clean_up(make: Make) -> None:
    """One that is given up is cancelled; its ``finally`` runs, awaits included; the loop's thread ends."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make()
    scheduler.start()
    begun, cleaned = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            cleaned.set()

    run = scheduler.now(wait)
    assert begun.wait(LIMIT)
    assert not scheduler.stop(0)
    assert cleaned.wait(LIMIT)
    join_ours()
    assert run.state is RunState.CANCELLED


def test_a_coroutine_that_comes_after_the_end_is_closed(make: Make) -> None:
    """Work that was given up may still return one: nothing runs it, and Python has nothing to warn of."""
    scheduler = make()
    scheduler.start()
    gate = Gate()

    async def never() -> None:
        """Not run."""

    def late() -> Any:
        gate.run()
        return never()

    scheduler.now(late)
    gate.wait_begun()
    scheduler.stop(0)
    gate.open()
    join_ours()


def test_a_scheduler_is_started_once(make: Make) -> None:
    """A second start is an error, while it runs and after it has stopped."""
    scheduler = make()
    scheduler.start()
    with pytest.raises(RuntimeError, match="a scheduler is started once; make a new one"):
        scheduler.start()
    scheduler.stop()
    with pytest.raises(RuntimeError, match="a scheduler is started once"):
        scheduler.start()


def test_a_start_during_the_start_is_a_second_one(make: Make) -> None:
    """A start function cannot start what is starting."""
    scheduler = make()
    scheduler.on_app_start(scheduler.start)
    with pytest.raises(StartError, match="start raised RuntimeError: a scheduler is started once"):
        scheduler.start()


def test_a_stop_during_the_start_wins(make: Make) -> None:
    """What was stopped stays stopped."""
    scheduler = make()
    scheduler.on_app_start(scheduler.stop)
    with pytest.raises(RuntimeError, match="the scheduler was stopped before it had started"):
        scheduler.start()
    assert scheduler.snapshot().phase is Phase.STOPPED
    assert ours() == []


def test_start_functions_run_in_order_before_anything_else(make: Make) -> None:
    """Stop functions mirror them: in order, once, after the last run; one that raises is logged."""
    scheduler = make()
    story: list[str] = []
    scheduler.on_app_start(lambda: story.append("start 1"))
    scheduler.on_app_start(lambda: story.append("start 2"))
    scheduler.on_app_stop(lambda: story.append("stop 1"))
    scheduler.on_app_stop(lambda: 1 / 0)
    scheduler.on_app_stop(lambda: story.append("stop 2"))
    run = scheduler.now(story.append, "run")
    with scheduler as same:
        assert same is scheduler
        done(run)
    scheduler.stop()
    assert story == ["start 1", "start 2", "run", "stop 1", "stop 2"]


def test_a_start_function_that_raises_stops_the_start(make: Make) -> None:
    """The error names it; the rest are not called; what waited is cancelled, so that nobody waits for it."""
    scheduler = make()
    called: list[str] = []
    run = scheduler.now(zero)

    @scheduler.on_app_start
    def connect() -> None:
        raise OSError("no database")

    scheduler.on_app_start(lambda: called.append("second"))
    with pytest.raises(StartError, match="on_app_start function connect raised OSError: no database"):
        scheduler.start()
    assert called == []
    assert run.state is RunState.CANCELLED
    assert ours() == []


def test_a_hanging_job_does_not_hold_up_the_process() -> None:
    """A subprocess whose job hangs ends as soon as its main thread does."""
    program = (
        "import threading, jobtui\n"
        "begun = threading.Event()\n"
        "def hang():\n"
        "    begun.set()\n"
        "    threading.Event().wait()\n"
        "async def hang_too():\n"
        "    import asyncio\n"
        "    await asyncio.Event().wait()\n"
        "scheduler = jobtui.Scheduler(pool=2)\n"
        "scheduler.start()\n"
        "scheduler.now(hang), scheduler.now(hang_too)\n"
        "begun.wait(10)\n"
        "print(scheduler.stop(0.01))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert (ended.stdout, ended.stderr) == ("False\n", "")


# --- the timer ------------------------------------------------------------------------------------


def test_ticks_start_runs(make: Make) -> None:
    """The timer wakes for the job that is due first, also if it comes while the timer sleeps."""
    scheduler = make()
    scheduler.every("1h", zero)
    scheduler.start()
    ran = threading.Semaphore(0)
    scheduler.every(0.001, ran.release, name="fast")
    for _ in range(5):
        assert ran.acquire(timeout=LIMIT)
    assert scheduler.in_(0.001, zero).result(LIMIT) == 0


def test_an_exception_in_the_timer_is_recorded_and_the_timer_goes_on(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot and an event have it in one line; what is due comes a little later."""
    monkeypatch.setattr("jobtui.core.timer.AFTER_FAILURE", 0.001)
    tick = Engine.tick
    failures = iter([OSError("the disk\nis full")])

    def fails_once(engine: Engine, now: float) -> None:
        for failure in failures:
            raise failure
        tick(engine, now)

    monkeypatch.setattr(Engine, "tick", fails_once)
    scheduler = make()
    subscription = scheduler.subscribe()
    run = scheduler.in_(0, zero)
    scheduler.start()
    done(run)
    assert scheduler.snapshot().timer_error == "OSError: the disk is full"
    [failed] = [event for event in subscription.read() if isinstance(event, TimerFailed)]
    assert failed.error == "OSError: the disk is full"


class SettableClock(SystemClock):
    """The machine's clock, and a person who sets it."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.now = self._now

    def _now(self) -> float:
        return time.time() + self.offset


def test_a_clock_set_back_is_seen_before_anything_is_planned_by_it(make: Make) -> None:
    """A delay asked for right after the clock was set back an hour is not taken for an older one."""
    clock = SettableClock()
    scheduler = make(clock=clock)
    scheduler.start()
    scheduler.in_(0, zero).result(LIMIT)  # the timer has looked at the clock
    older = scheduler.in_("2h", zero)
    clock.offset = -3600
    newer = scheduler.in_("30m", zero)
    scheduler.in_(0, zero).result(LIMIT)  # the timer has looked again
    assert newer.state is RunState.SCHEDULED
    due = {view.number: view.due for view in scheduler.snapshot().scheduled}
    now = clock.now()
    in_newer, in_older = due[newer.number], due[older.number]
    assert in_newer is not None
    assert in_older is not None
    assert round((in_newer.timestamp() - now) / 60) == 30
    assert round((in_older.timestamp() - now) / 60) == 120


def test_a_clock_that_stands_still_is_no_trouble(make: Make) -> None:
    """Runs need no time to pass."""
    scheduler = make(clock=ManualClock(1_800_000_000))
    scheduler.start()
    assert scheduler.now(zero).result(LIMIT) == 0


# --- watching -------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, KeyboardInterrupt])
def test_a_subscriber_that_raises_ends_nothing(
    make: Make, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Not the thread that told it, nor the run that thread has just taken; it is logged."""
    scheduler = make(pool=1)
    scheduler.start()

    def fail() -> None:
        subscription.skip()  # or it would be told once only
        if threading.current_thread() is not threading.main_thread():
            raise error

    subscription = scheduler.subscribe(fail)
    assert [scheduler.now(zero).result(LIMIT) for _ in range(3)] == [0, 0, 0]
    assert "a subscriber raised; the scheduler goes on" in caplog.text


def test_ctrl_c_during_a_notification_is_not_swallowed(make: Make) -> None:
    """In the main thread KeyboardInterrupt is the user's."""
    scheduler = make(pool=1)

    def interrupted() -> None:
        raise KeyboardInterrupt

    subscription = scheduler.subscribe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        scheduler.now(zero)
    subscription.close()


def test_a_log_handler_that_raises_ends_nothing(make: Make) -> None:
    """Even where something is logged that went wrong already."""
    import logging  # noqa: PLC0415 - one test needs it

    class Broken(logging.Handler):
        """A handler that raises."""

        def emit(self, record: logging.LogRecord) -> None:
            """Raise."""
            raise OSError("the log is full")

    def fail() -> None:
        raise ValueError

    scheduler = make(pool=1)
    scheduler.start()
    handler = Broken()
    logging.getLogger("jobtui").addHandler(handler)
    try:
        scheduler.subscribe(fail)
        scheduler.on_app_stop(fail)
        assert scheduler.now(zero).result(LIMIT) == 0
        assert scheduler.stop(LIMIT)
    finally:
        logging.getLogger("jobtui").removeHandler(handler)


def test_a_slow_reader_loses_the_oldest_events_and_knows_how_many(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left are the newest ones; a new snapshot makes up for the rest."""
    monkeypatch.setattr(journal, "CAPACITY", 10)
    scheduler = make()
    subscription = scheduler.subscribe()
    for _ in range(10):
        scheduler.in_("1h", zero)
    assert subscription.lost == 1  # a job was added, too
    scheduler.in_("1h", zero)
    assert subscription.lost == 2
    assert [event.seq for event in subscription.read()] == list(range(3, 13))
    assert not subscription.read()
    scheduler.in_("1h", zero)
    assert (len(subscription.read()), subscription.lost) == (1, 2)


def test_events_go_on_where_the_snapshot_ends(make: Make) -> None:
    """Whatever happens at the moment of subscribing: no gap, nothing twice, in each subscription."""
    scheduler = make(pool=4)
    scheduler.start()
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            done(scheduler.now(zero))

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            told = threading.Event()
            subscription = scheduler.subscribe(told.set)
            assert told.wait(LIMIT)
            subscription.close()
            numbers = [event.seq for event in subscription.read()]
            first = subscription.snapshot.seq + 1
            assert numbers == list(range(first, first + len(numbers)))
            assert numbers
    finally:
        stop.set()
        for thread in threads:
            thread.join(LIMIT)


def test_a_closed_subscription_gets_nothing(make: Make) -> None:
    """And others go on."""
    scheduler = make()
    closed, other, third = scheduler.subscribe(), scheduler.subscribe(), scheduler.subscribe()
    closed.close()
    closed.close()
    scheduler.now(zero)
    assert not closed.read()
    events = list(other.read())
    assert [type(event).__name__ for event in events] == ["JobAdded", "RunQueued"]
    assert list(third.read()) == events
    third.close()
    other.close()
    assert not scheduler._runtime._engine.journal.listening  # none is built while nobody listens
    scheduler.now(zero)
    assert not other.read()
    assert scheduler.subscribe().snapshot.seq == 3


# --- from within a job ----------------------------------------------------------------------------


def test_a_job_may_do_anything_to_the_scheduler(make: Make) -> None:
    """Schedule, run, pause, resume, remove itself, resize, subscribe and look: no lock is held meanwhile."""
    scheduler = make(pool=2)

    def act() -> str:
        child = scheduler.schedule("@daily", zero, name="child")
        assert child.run().result(LIMIT) == 0
        again = scheduler.now(job)
        assert [again.state] == [RunState.HELD]
        assert job.pause()
        assert job.resume()
        scheduler.resize(3)
        subscription = scheduler.subscribe()
        assert job.remove()
        assert [again.state] == [RunState.CANCELLED]
        assert [each.name for each in scheduler.jobs] == ["child"]
        assert child.remove()
        assert scheduler.snapshot().pool.running == 1
        assert len(subscription.read()) == 3
        subscription.close()
        return "acted"

    job = scheduler.every("1h", act)
    scheduler.start()
    assert scheduler.now(job).result(LIMIT) == "acted"
    with pytest.raises(LookupError, match="was removed"):
        job.run()


def test_a_job_may_fork(make: Make) -> None:
    """The child has no scheduler's threads and may end at once."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    scheduler = make()
    scheduler.start()

    def fork() -> int:
        child = os.fork()
        if child == 0:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert scheduler.now(fork).result(LIMIT) == 7
    assert scheduler.now(zero).result(LIMIT) == 0


def forked(act: Callable[[], int]) -> int:
    """What a child process that does something ends with."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    child = os.fork()
    if child == 0:
        status = 99
        signal.alarm(int(LIMIT))  # it may hang, and nobody else would end it
        try:
            status = act()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_is_told_that_the_scheduler_is_not_there(make: Make) -> None:
    """Though somebody had the lock at the fork: it can look and stop, and gets an error instead of a run."""
    scheduler = make()
    scheduler.start()
    done(scheduler.now(zero))
    inside, leave = threading.Event(), threading.Event()

    def dawdle(_: Engine) -> None:
        inside.set()
        assert leave.wait(LIMIT)

    holder = threading.Thread(target=scheduler._runtime.query, args=(dawdle,))
    holder.start()
    assert inside.wait(LIMIT)

    def in_the_child() -> int:
        assert scheduler.snapshot().phase is Phase.STOPPED
        for ask in (scheduler.now, partial(scheduler.in_, 1)):
            with pytest.raises(RuntimeError, match="make another one here"):
                ask(zero)
        assert scheduler.stop(LIMIT)
        with Scheduler(tz="UTC") as another:
            assert another.now(zero).result(LIMIT) == 0
        return 7

    assert forked(in_the_child) == 7
    leave.set()
    holder.join(LIMIT)
    assert scheduler.now(zero).result(LIMIT) == 0


def test_a_scheduler_may_be_started_in_a_forked_child(make: Make) -> None:
    """As servers do that load a program once and fork their workers."""
    scheduler = make()
    run = scheduler.now(zero)

    def in_the_child() -> int:
        scheduler.start()
        assert run.result(LIMIT) == 0
        assert scheduler.now(zero).result(LIMIT) == 0
        assert scheduler.stop(LIMIT)
        return 7

    assert forked(in_the_child) == 7
    scheduler.start()
    assert run.result(LIMIT) == 0
