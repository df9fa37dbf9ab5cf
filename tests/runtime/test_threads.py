"""The scheduler with real threads. Every wait has a limit, and ends as soon as it can."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial

import pytest
from support.real_threads import LIMIT, BlockingJob, MakeScheduler, assert_ended, jobtui_threads, zero

from jobtui import Cancellation, RunCancelledError, RunState, StartError, current_run
from jobtui.engine.enums import Phase
from jobtui.engine.events import RunStarted
from jobtui.runtime.executors import base

# --- the pool -------------------------------------------------------------------------------------


def test_five_thousand_runs_of_a_blocked_job_wait_without_threads(make_scheduler: MakeScheduler) -> None:
    """They are HELD. When the job is released, they run in the order of the requests."""
    scheduler = make_scheduler(pool=4)
    blocker, order = BlockingJob(), list[int]()
    scheduler.start()

    def work() -> None:
        order.append(len(order))
        if len(order) == 1:
            blocker.run()

    job = scheduler.every("1h", work)
    first = scheduler.now(job)
    blocker.wait_started()
    threads = jobtui_threads()
    runs = [scheduler.now(job) for _ in range(5_000)]
    assert jobtui_threads() == threads
    assert {run.state for run in runs} == {RunState.HELD}
    assert scheduler.snapshot().pool.held == 5_000
    subscription = scheduler.subscribe()
    blocker.release()
    assert_ended(first, *runs)
    assert {run.state for run in runs} == {RunState.OK}
    started = [event.run.number for event in subscription.read() if isinstance(event, RunStarted)]
    assert started == sorted(started)
    assert len(order) == 5_001


def test_the_pool_limits_runs_at_once_and_no_job_overlaps_itself(
    make_scheduler: MakeScheduler,
) -> None:
    """20 jobs x 100 runs on a pool of 4, counted inside the jobs."""
    scheduler = make_scheduler(pool=4)
    lock = threading.Lock()
    running = [0] * 20
    most_running, overlaps, finished = 0, 0, 0

    def job(number: int) -> Callable[[], None]:
        def work() -> None:
            nonlocal most_running, overlaps, finished
            with lock:
                running[number] += 1
                most_running = max(most_running, sum(running))
                overlaps += running[number] > 1
            time.sleep(0)  # lets another thread run
            with lock:
                running[number] -= 1
                finished += 1

        return work

    jobs = [scheduler.every("1h", job(number)) for number in range(20)]
    scheduler.start()
    runs = [scheduler.now(each) for _ in range(100) for each in jobs]
    assert_ended(*runs)
    assert (finished, overlaps) == (2_000, 0)
    assert 1 <= most_running <= 4
    assert {run.state for run in runs} == {RunState.OK}
    assert scheduler.snapshot().pool.running == 0


def test_a_pool_of_four_executes_four_runs_at_once(make_scheduler: MakeScheduler) -> None:
    """Four jobs that wait for each other all end."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    together = threading.Barrier(4)
    runs = [scheduler.now(together.wait, LIMIT) for _ in range(4)]
    assert sorted(run.result(LIMIT) for run in runs) == [0, 1, 2, 3]


def test_runs_start_in_the_order_of_their_requests_when_the_pool_is_full(
    make_scheduler: MakeScheduler,
) -> None:
    """First in, first out."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker, order = BlockingJob(), list[int]()
    blocking = scheduler.now(blocker)
    blocker.wait_started()
    runs = [scheduler.now(order.append, number) for number in range(20)]
    assert [run.state for run in runs] == [RunState.QUEUED] * 20
    assert [view.number for view in scheduler.snapshot().waiting] == [run.number for run in runs]
    blocker.release()
    assert_ended(blocking, *runs)
    assert order == list(range(20))


def test_a_larger_pool_starts_waiting_runs_at_once(make_scheduler: MakeScheduler) -> None:
    """Without waiting for another run to end."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    runs = [scheduler.now(blocker) for _ in range(5)]
    blocker.wait_started()
    scheduler.resize(3)
    blocker.wait_started(2)
    scheduler.resize(0)
    blocker.wait_started(2)
    scheduler.resize(1)
    blocker.release()
    assert_ended(*runs)


def test_every_run_ends_while_the_pool_is_resized_all_the_time(make_scheduler: MakeScheduler) -> None:
    """No wake-up of a worker is lost."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    runs = []
    for number in range(1_500):
        runs.append(scheduler.now(zero))
        scheduler.resize(number * 7 % 5 + 1)
        if number % 100 == 0:
            assert_ended(runs[-1])
    assert_ended(*runs)


def test_worker_threads_are_reused_and_named_as_the_views_say(make_scheduler: MakeScheduler) -> None:
    """One run after another needs one thread. All threads are daemons."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    names = set()
    for _ in range(20):
        run = scheduler.now(lambda: threading.current_thread().name)
        names.add(run.result(LIMIT))
    assert len(names) <= 2  # a second one if the first was not idle yet
    assert min(names) == "jobtui-worker-1"
    assert {f"jobtui-{view.worker}" for view in scheduler.snapshot().recent} == names
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("jobtui-"))


def test_an_idle_thread_ends_and_the_next_run_gets_a_new_one(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is lost that is requested while a thread is about to end."""
    monkeypatch.setattr(base, "IDLE_SECONDS", 0.01)
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    threads = [scheduler.now(threading.current_thread).result(LIMIT) for _ in range(3)]
    for thread in threads:
        thread.join(LIMIT)
    assert jobtui_threads() == ["jobtui-timer"]
    for _ in range(200):  # also while a thread is about to end
        assert scheduler.now(zero).result(LIMIT) == 0


def test_an_idle_thread_does_not_keep_what_a_run_returned(make_scheduler: MakeScheduler) -> None:
    """A large result is freed with its handle."""
    import gc  # noqa: PLC0415 - one test needs them
    import weakref  # noqa: PLC0415

    class Large:
        """An object with a finalizer."""

    scheduler = make_scheduler(pool=1)
    scheduler.start()
    finalized = threading.Event()

    def work() -> Large:
        large = Large()
        weakref.finalize(large, finalized.set)
        return large

    assert_ended(scheduler.now(work))
    for _ in range(100):
        gc.collect()
        if finalized.wait(0.1):
            break
    assert finalized.is_set()


# --- what jobs raise and return -------------------------------------------------------------------


class Unprintable(Exception):  # noqa: N818 - named after its fault
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
    """Recurse without end."""
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
def test_an_exception_of_any_kind_ends_only_its_run(
    make_scheduler: MakeScheduler, make_error: Callable[[], BaseException], *, coroutine: bool
) -> None:
    """The run is FAILED with its traceback; the thread and the event loop continue."""
    error = make_error()
    scheduler = make_scheduler(pool=1)
    scheduler.start()

    def fails() -> None:
        raise error

    async def fails_in_loop() -> None:
        raise error

    run = scheduler.now(fails_in_loop if coroutine else fails)
    assert_ended(run)
    assert run.state is RunState.FAILED
    assert type(error).__name__ in run.reason
    [view] = scheduler.snapshot().recent
    assert "in fails" in view.error
    assert "executors" not in view.error
    # A coroutine cannot raise StopIteration: Python makes a RuntimeError of it.
    with pytest.raises(
        type(error) if not isinstance(error, StopIteration) or not coroutine else RuntimeError
    ):
        run.result(LIMIT)

    async def seven() -> int:
        return 7

    assert scheduler.now(seven if coroutine else zero).result(LIMIT) == (7 if coroutine else 0)
    assert scheduler.snapshot().pool.running == 0


def test_endless_recursion_ends_only_its_run(make_scheduler: MakeScheduler) -> None:
    """RecursionError is an exception like others."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    run = scheduler.now(recurse)
    with pytest.raises(RecursionError):
        run.result(LIMIT)
    assert scheduler.now(zero).result(LIMIT) == 0


def test_coroutines_share_one_event_loop_and_each_takes_a_slot(make_scheduler: MakeScheduler) -> None:
    """The pool limits them as it limits functions."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make_scheduler(pool=3)
    scheduler.start()
    release, threads = threading.Event(), []
    started = threading.Semaphore(0)

    async def wait() -> str:
        threads.append(threading.current_thread().name)
        started.release()
        assert await asyncio.to_thread(release.wait, LIMIT)
        return "done"

    runs = [scheduler.now(wait) for _ in range(5)]
    for _ in range(3):
        assert started.acquire(timeout=LIMIT)
    assert scheduler.snapshot().pool.running == 3
    assert [run.state for run in runs] == [*[RunState.RUNNING] * 3, *[RunState.QUEUED] * 2]
    release.set()
    assert [run.result(LIMIT) for run in runs] == ["done"] * 5
    assert set(threads) == {"jobtui-asyncio"}


def test_a_coroutine_that_blocks_the_event_loop_does_not_hold_up_functions(
    make_scheduler: MakeScheduler,
) -> None:
    """Coroutines and functions wait behind it; the functions run while there are slots."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    started, release = threading.Event(), threading.Event()

    async def blocks() -> None:
        started.set()
        assert release.wait(LIMIT)

    async def seven() -> int:
        return 7

    blocking = scheduler.now(blocks)
    assert started.wait(LIMIT)
    waiting = [scheduler.now(seven), scheduler.now(seven)]
    functions = [scheduler.now(zero) for _ in range(100)]
    assert_ended(*functions)
    assert {run.state for run in (blocking, *waiting)} == {RunState.RUNNING}
    release.set()
    assert [run.result(LIMIT) for run in waiting] == [7, 7]


def test_coroutines_and_functions_start_in_the_order_of_their_requests(make_scheduler: MakeScheduler) -> None:
    """First in, first out, though the event loop takes the coroutines and threads take the functions."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker, order = BlockingJob(), list[int]()
    scheduler.now(blocker)
    blocker.wait_started()

    async def append(number: int) -> None:
        order.append(number)

    runs = [scheduler.now(append if number % 5 else order.append, number) for number in range(100)]
    blocker.release()
    assert_ended(*runs)
    assert order == list(range(100))


def test_coroutines_of_a_pool_without_a_limit_all_run_at_once(make_scheduler: MakeScheduler) -> None:
    """Also more than a batch has."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make_scheduler(pool=0)
    scheduler.start()
    running, together = 0, asyncio.Event()

    async def wait_for_others() -> int:
        nonlocal running
        running += 1
        if running == 1_000:
            together.set()
        await together.wait()
        return running

    runs = [scheduler.now(wait_for_others) for _ in range(1_000)]
    assert {run.result(LIMIT) for run in runs} == {1_000}


def test_a_coroutine_does_not_see_the_context_variables_of_an_earlier_one(
    make_scheduler: MakeScheduler,
) -> None:
    """Each run has a context of its own."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    variable: ContextVar[int] = ContextVar("variable", default=0)

    async def increment() -> tuple[int, int]:
        variable.set(variable.get() + 1)
        return variable.get(), current_run().number

    runs = [scheduler.now(increment) for _ in range(100)]
    assert [run.result(LIMIT) for run in runs] == [(1, run.number) for run in runs]


def test_a_function_is_called_in_a_thread_though_a_coroutine_function_has_its_name(
    make_scheduler: MakeScheduler,
) -> None:
    """The event loop calls only coroutine functions, since all other code may block."""
    scheduler = make_scheduler(pool=3)
    scheduler.start()

    def make_function() -> Callable[[], str]:
        def work() -> str:
            return threading.current_thread().name

        return work

    async def work() -> str:
        return threading.current_thread().name

    runs = [scheduler.now(make_function() if number % 3 else work) for number in range(99)]
    in_loop = [run.result(LIMIT) == "jobtui-asyncio" for run in runs]
    assert in_loop == [number % 3 == 0 for number in range(99)]


def test_a_coroutine_that_a_runnable_returns_is_awaited(make_scheduler: MakeScheduler) -> None:
    """Of a lambda, with arguments, and of an object with an async ``run``."""
    scheduler = make_scheduler()
    scheduler.start()

    async def double(number: int) -> int:
        return 2 * number

    class Doubler:
        """An object whose ``run`` is a coroutine function."""

        async def run(self) -> int:
            """Double 4."""
            return await double(4)

    assert scheduler.now(lambda: double(2)).result(LIMIT) == 4
    assert scheduler.now(double, 3).result(LIMIT) == 6
    assert scheduler.now(Doubler).result(LIMIT) == 8


def test_a_coroutine_that_raises_cancelled_error_without_a_stop_request_fails(
    make_scheduler: MakeScheduler,
) -> None:
    """It ends only its run."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make_scheduler()
    scheduler.start()

    async def cancels() -> None:
        raise asyncio.CancelledError

    run = scheduler.now(cancels)
    assert_ended(run)
    assert (run.state, run.reason) == (RunState.FAILED, "asyncio.exceptions.CancelledError")


def test_a_task_that_raises_system_exit_does_not_end_the_event_loop(make_scheduler: MakeScheduler) -> None:
    """Asyncio lets SystemExit in a task pass through to the loop."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make_scheduler()
    scheduler.start()

    async def exits() -> None:
        raise SystemExit(3)

    async def has_a_task() -> None:
        await asyncio.create_task(exits())

    async def stops_the_loop() -> None:
        asyncio.get_running_loop().stop()

    async def seven() -> int:
        return 7

    run = scheduler.now(has_a_task)
    assert_ended(run)
    assert run.state is RunState.FAILED
    assert_ended(scheduler.now(stops_the_loop))
    assert scheduler.now(seven).result(LIMIT) == 7


# --- handles --------------------------------------------------------------------------------------


def test_wait_and_result_have_a_timeout_and_a_waiting_run_can_be_cancelled(
    make_scheduler: MakeScheduler,
) -> None:
    """The errors say which run it is and how it ended."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    running, waiting = scheduler.now(blocker), scheduler.now(zero)
    blocker.wait_started()
    assert not running.wait(0.001)
    with pytest.raises(TimeoutError, match=r"run 1 of BlockingJob is RUNNING after 0\.001 s"):
        running.result(0.001)
    assert waiting.cancel() is Cancellation.TAKEN_OUT
    assert waiting.cancel() is Cancellation.TOO_LATE
    assert_ended(waiting)
    with pytest.raises(RunCancelledError, match="run 2 of zero was CANCELLED: cancelled"):
        waiting.result(LIMIT)
    blocker.release()
    assert running.result(LIMIT) == "released"
    assert running.result() == "released"


def test_a_waiter_is_woken_when_its_run_is_cancelled(make_scheduler: MakeScheduler) -> None:
    """Here the run is cancelled by its number."""
    scheduler = make_scheduler()
    run = scheduler.in_("1h", zero)
    results: list[bool] = []
    waiter = threading.Thread(target=lambda: results.append(run.wait(LIMIT)))
    waiter.start()
    assert scheduler.cancel(run.number)
    waiter.join(LIMIT)
    assert results == [True]


def test_a_skipped_run_has_ended_when_the_request_returns(make_scheduler: MakeScheduler) -> None:
    """Its result says why."""
    scheduler = make_scheduler(defaults={"overlap": "skip"})
    scheduler.start()
    blocker = BlockingJob()
    job = scheduler.every("1h", blocker)
    running = job.run()
    blocker.wait_started()
    rejected = job.run()
    assert rejected.state is RunState.SKIPPED
    assert rejected.wait(0)
    with pytest.raises(RunCancelledError, match=r"was SKIPPED: still running since .*, run 1"):
        rejected.result(0)
    blocker.release()
    assert_ended(running)


# --- starting -------------------------------------------------------------------------------------


def test_a_second_start_is_rejected_while_the_scheduler_runs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()
    with pytest.raises(RuntimeError, match="the scheduler runs already"):
        scheduler.start()


def test_a_start_function_cannot_start_the_scheduler(make_scheduler: MakeScheduler) -> None:
    """That would be a second start."""
    scheduler = make_scheduler()
    scheduler.on_app_start(scheduler.start)
    with pytest.raises(StartError, match="start raised RuntimeError: the scheduler is being started already"):
        scheduler.start()


def test_a_stop_in_a_start_function_prevents_the_start(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.on_app_start(scheduler.stop)
    calls: list[str] = []
    scheduler.on_app_start(lambda: calls.append("start"))
    scheduler.on_app_stop(lambda: calls.append("stop"))
    with pytest.raises(RuntimeError, match="the scheduler was stopped before it had started"):
        scheduler.start()
    assert calls == ["start", "stop"]  # what the start functions have done is undone
    assert scheduler.snapshot().phase is Phase.STOPPED
    assert jobtui_threads() == []


def test_start_and_stop_functions_are_called_in_order_around_the_runs(make_scheduler: MakeScheduler) -> None:
    """Stop functions are called once; what one raises is logged."""
    scheduler = make_scheduler()
    calls: list[str] = []
    scheduler.on_app_start(lambda: calls.append("start 1"))
    scheduler.on_app_start(lambda: calls.append("start 2"))
    scheduler.on_app_stop(lambda: calls.append("stop 1"))
    scheduler.on_app_stop(lambda: 1 / 0)
    scheduler.on_app_stop(lambda: calls.append("stop 2"))
    run = scheduler.now(calls.append, "run")
    with scheduler as same:
        assert same is scheduler
        assert_ended(run)
    scheduler.stop()
    assert calls == ["start 1", "start 2", "run", "stop 1", "stop 2"]


def test_a_start_function_that_raises_prevents_the_start(make_scheduler: MakeScheduler) -> None:
    """The error names it, the others are not called, and waiting runs are cancelled."""
    scheduler = make_scheduler()
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
    assert jobtui_threads() == []


@pytest.mark.parametrize(
    ("raised", "passed_on"),
    [
        (asyncio.CancelledError(), StartError),
        (GeneratorExit(), StartError),
        (BaseExceptionGroup("several", [SystemExit(3)]), StartError),
        (SystemExit(3), SystemExit),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_start_function_that_raises_any_base_exception_stops_the_scheduler_with_the_reason(
    make_scheduler: MakeScheduler, raised: BaseException, passed_on: type[BaseException]
) -> None:
    """Nothing waits for a start that never comes, and what is tried later says why."""
    scheduler = make_scheduler()
    runs = [scheduler.now(zero), scheduler.in_(3600, zero)]

    @scheduler.on_app_start
    def connect() -> None:
        raise raised

    with pytest.raises(passed_on):
        scheduler.start()
    assert scheduler.snapshot().phase is Phase.STOPPED
    assert_ended(*runs)
    name = type(raised).__name__
    assert all(run.state is RunState.CANCELLED and name in run.reason for run in runs)
    with pytest.raises(RuntimeError, match=f"did not start: .*{name}.*: it accepts no more runs"):
        scheduler.now(zero)
    assert jobtui_threads() == []


@pytest.mark.parametrize("raised", [SystemExit(3), asyncio.CancelledError(), ValueError()])
def test_a_stop_function_that_raises_is_logged_and_the_others_are_called(
    make_scheduler: MakeScheduler, raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Even if it calls ``sys.exit``: the scheduler has stopped, and the program goes on after the stop."""
    scheduler = make_scheduler()
    called: list[str] = []

    @scheduler.on_app_stop
    def disconnect() -> None:
        raise raised

    scheduler.on_app_stop(lambda: called.append("next"))
    with scheduler:
        pass
    assert called == ["next"]
    assert type(raised).__name__ in caplog.text


# --- from within a job ----------------------------------------------------------------------------


def test_a_job_may_call_every_method_of_the_scheduler(make_scheduler: MakeScheduler) -> None:
    """No lock is held while a job runs."""
    scheduler = make_scheduler(pool=2)

    def work() -> str:
        child = scheduler.schedule("@daily", zero, name="child")
        assert child.run().result(LIMIT) == 0
        held = scheduler.now(job)
        assert [held.state] == [RunState.HELD]
        assert job.pause()
        assert job.resume()
        scheduler.resize(3)
        subscription = scheduler.subscribe()
        assert job.remove()
        assert [held.state] == [RunState.CANCELLED]
        assert [each.name for each in scheduler.jobs] == ["child"]
        assert child.remove()
        assert scheduler.snapshot().pool.running == 1
        assert len(subscription.read()) == 3
        subscription.close()
        return "done"

    job = scheduler.every("1h", work)
    scheduler.start()
    assert scheduler.now(job).result(LIMIT) == "done"
    with pytest.raises(LookupError, match="was removed"):
        job.run()
