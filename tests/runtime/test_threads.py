"""The scheduler with its real threads: every wait here has a limit and ends as soon as it can."""

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from support.real_threads import LIMIT, BlockingJob, MakeScheduler, assert_ended, jobtui_threads, zero

from jobtui import Cancellation, RunCancelledError, RunState, StartError
from jobtui.engine.enums import Phase
from jobtui.engine.events import RunStarted
from jobtui.runtime.executors import base

# --- the pool -------------------------------------------------------------------------------------


def test_five_thousand_runs_of_a_blocked_job_start_no_thread(make_scheduler: MakeScheduler) -> None:
    """They are HELD, as data; when the job is let through they run in the order they were asked for."""
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
    before = jobtui_threads()
    runs = [scheduler.now(job) for _ in range(5_000)]
    assert jobtui_threads() == before
    assert {run.state for run in runs} == {RunState.HELD}
    assert scheduler.snapshot().pool.held == 5_000
    subscription = scheduler.subscribe()
    blocker.release()
    assert_ended(first, *runs)
    assert {run.state for run in runs} == {RunState.OK}
    started = [event.run.number for event in subscription.read() if isinstance(event, RunStarted)]
    assert started == sorted(started)
    assert len(order) == 5_001


def test_no_more_run_at_once_than_the_pool_has_and_no_job_overlaps_itself(
    make_scheduler: MakeScheduler,
) -> None:
    """20 jobs x 100 runs on a pool of 4, counted inside the jobs."""
    scheduler = make_scheduler(pool=4)
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
    assert_ended(*runs)
    assert (finished, overlaps) == (2_000, 0)
    assert 1 <= most <= 4
    assert {run.state for run in runs} == {RunState.OK}
    assert scheduler.snapshot().pool.running == 0


def test_a_pool_of_four_runs_four_at_once(make_scheduler: MakeScheduler) -> None:
    """Four jobs that wait for each other all get through."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    together = threading.Barrier(4)
    runs = [scheduler.now(together.wait, LIMIT) for _ in range(4)]
    assert sorted(run.result(LIMIT) for run in runs) == [0, 1, 2, 3]


def test_with_the_pool_full_a_run_is_queued_at_the_end_and_starts_in_its_turn(
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


def test_growing_the_pool_starts_waiting_runs_at_once(make_scheduler: MakeScheduler) -> None:
    """Nobody has to end first."""
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


def test_a_pool_that_is_resized_all_the_time_forgets_no_run(make_scheduler: MakeScheduler) -> None:
    """However worker threads are sent for and put to rest meanwhile: no wake-up is lost."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    runs = []
    for number in range(1_500):
        runs.append(scheduler.now(zero))
        scheduler.resize(number * 7 % 5 + 1)
        if number % 100 == 0:
            assert_ended(runs[-1])
    assert_ended(*runs)


def test_worker_threads_are_reused_and_named(make_scheduler: MakeScheduler) -> None:
    """Runs one after another need one thread; its name is the view's ``worker``."""
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    names = set()
    for _ in range(20):
        run = scheduler.now(lambda: threading.current_thread().name)
        names.add(run.result(LIMIT))
    assert len(names) <= 2  # the second, if the first had not gone back to rest in time
    assert min(names) == "jobtui-worker-1"
    assert {f"jobtui-{view.worker}" for view in scheduler.snapshot().recent} == names
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("jobtui-"))


def test_idle_threads_end_and_come_again(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread without work for a while ends; the next run gets a new one."""
    monkeypatch.setattr(base, "IDLE_SECONDS", 0.01)
    scheduler = make_scheduler(pool=4)
    scheduler.start()
    threads = [scheduler.now(threading.current_thread).result(LIMIT) for _ in range(3)]
    for thread in threads:
        thread.join(LIMIT)
    assert jobtui_threads() == ["jobtui-timer"]
    for _ in range(200):  # against the moment in which a thread gives up
        assert scheduler.now(zero).result(LIMIT) == 0


def test_what_a_run_returned_is_not_kept_by_an_idle_thread(make_scheduler: MakeScheduler) -> None:
    """A large result goes when its handle goes."""
    import gc  # noqa: PLC0415 - one test needs them
    import weakref  # noqa: PLC0415

    class Large:
        """Something that can be watched."""

    scheduler = make_scheduler(pool=1)
    scheduler.start()
    gone = threading.Event()

    def work() -> Large:
        large = Large()
        weakref.finalize(large, gone.set)
        return large

    assert_ended(scheduler.now(work))
    for _ in range(100):
        gc.collect()
        if gone.wait(0.1):
            break
    assert gone.is_set()


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
    make_scheduler: MakeScheduler, make_error: Callable[[], BaseException], *, coroutine: bool
) -> None:
    """The run FAILED with its traceback; the thread lives on, and so does the event loop."""
    error = make_error()
    scheduler = make_scheduler(pool=1)
    scheduler.start()

    def fails() -> None:
        raise error

    async def fails_too() -> None:
        raise error

    run = scheduler.now(fails_too if coroutine else fails)
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

    async def fine() -> int:
        return 7

    assert scheduler.now(fine if coroutine else zero).result(LIMIT) == (7 if coroutine else 0)
    assert scheduler.snapshot().pool.running == 0


def test_endless_recursion_ends_that_run_alone(make_scheduler: MakeScheduler) -> None:
    """RecursionError is an exception as others are."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    run = scheduler.now(recurse)
    with pytest.raises(RecursionError):
        run.result(LIMIT)
    assert scheduler.now(zero).result(LIMIT) == 0


def test_coroutines_share_one_loop_thread_and_each_holds_a_slot(make_scheduler: MakeScheduler) -> None:
    """They run as tasks of one loop; the pool's limit holds for them as for functions."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make_scheduler(pool=3)
    scheduler.start()
    blocker, threads = threading.Event(), []
    begun = threading.Semaphore(0)

    async def wait() -> str:
        threads.append(threading.current_thread().name)
        begun.release()
        assert await asyncio.to_thread(blocker.wait, LIMIT)
        return "done"

    runs = [scheduler.now(wait) for _ in range(5)]
    for _ in range(3):
        assert begun.acquire(timeout=LIMIT)
    assert scheduler.snapshot().pool.running == 3
    assert [run.state for run in runs] == [*[RunState.RUNNING] * 3, *[RunState.QUEUED] * 2]
    blocker.set()
    assert [run.result(LIMIT) for run in runs] == ["done"] * 5
    assert set(threads) == {"jobtui-asyncio"}


def test_a_function_that_returns_a_coroutine_is_awaited(make_scheduler: MakeScheduler) -> None:
    """A lambda around a coroutine function, a partial, a callable object and an object with async ``run``."""
    scheduler = make_scheduler()
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


def test_a_coroutine_that_cancels_itself_has_failed(make_scheduler: MakeScheduler) -> None:
    """asyncio.CancelledError ends that run alone."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make_scheduler()
    scheduler.start()

    async def cancels() -> None:
        raise asyncio.CancelledError

    run = scheduler.now(cancels)
    assert_ended(run)
    assert (run.state, run.reason) == (RunState.FAILED, "asyncio.exceptions.CancelledError")


def test_a_task_that_exits_does_not_end_the_loop(make_scheduler: MakeScheduler) -> None:
    """In a task, asyncio lets SystemExit through to the loop: that goes on, and the run has FAILED."""
    import asyncio  # noqa: PLC0415 - only coroutines need it

    scheduler = make_scheduler()
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
    assert_ended(run)
    assert run.state is RunState.FAILED
    assert_ended(scheduler.now(stops_the_loop))
    assert scheduler.now(fine).result(LIMIT) == 7


# --- handles --------------------------------------------------------------------------------------


def test_a_run_can_be_waited_for_asked_and_cancelled(make_scheduler: MakeScheduler) -> None:
    """``wait`` and ``result`` have limits; a waiting run is taken out."""
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


def test_who_waits_for_a_run_is_woken_when_it_is_cancelled(make_scheduler: MakeScheduler) -> None:
    """By whomever."""
    scheduler = make_scheduler()
    run = scheduler.in_("1h", zero)
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(run.wait(LIMIT)))
    waiter.start()
    assert scheduler.cancel(run.number)
    waiter.join(LIMIT)
    assert answers == [True]


def test_a_refused_run_has_ended_at_once(make_scheduler: MakeScheduler) -> None:
    """Its result says why."""
    scheduler = make_scheduler(overlap="skip")
    scheduler.start()
    blocker = BlockingJob()
    job = scheduler.every("1h", blocker)
    running = job.run()
    blocker.wait_started()
    refused = job.run()
    assert refused.state is RunState.SKIPPED
    assert refused.wait(0)
    with pytest.raises(RunCancelledError, match=r"was SKIPPED: still running since .*, run 1"):
        refused.result(0)
    assert refused._record.handle is None  # the ledger keeps the record, and nothing of the user's
    blocker.release()
    assert_ended(running)


# --- starting -------------------------------------------------------------------------------------


def test_a_scheduler_is_started_once(make_scheduler: MakeScheduler) -> None:
    """A second start is an error, while it runs and after it has stopped."""
    scheduler = make_scheduler()
    scheduler.start()
    with pytest.raises(RuntimeError, match="a scheduler is started once; make a new one"):
        scheduler.start()
    scheduler.stop()
    with pytest.raises(RuntimeError, match="a scheduler is started once"):
        scheduler.start()


def test_a_start_during_the_start_is_a_second_one(make_scheduler: MakeScheduler) -> None:
    """A start function cannot start what is starting."""
    scheduler = make_scheduler()
    scheduler.on_app_start(scheduler.start)
    with pytest.raises(StartError, match="start raised RuntimeError: a scheduler is started once"):
        scheduler.start()


def test_a_stop_during_the_start_wins(make_scheduler: MakeScheduler) -> None:
    """What was stopped stays stopped."""
    scheduler = make_scheduler()
    scheduler.on_app_start(scheduler.stop)
    with pytest.raises(RuntimeError, match="the scheduler was stopped before it had started"):
        scheduler.start()
    assert scheduler.snapshot().phase is Phase.STOPPED
    assert jobtui_threads() == []


def test_start_functions_run_in_order_before_anything_else(make_scheduler: MakeScheduler) -> None:
    """Stop functions mirror them: in order, once, after the last run; one that raises is logged."""
    scheduler = make_scheduler()
    story: list[str] = []
    scheduler.on_app_start(lambda: story.append("start 1"))
    scheduler.on_app_start(lambda: story.append("start 2"))
    scheduler.on_app_stop(lambda: story.append("stop 1"))
    scheduler.on_app_stop(lambda: 1 / 0)
    scheduler.on_app_stop(lambda: story.append("stop 2"))
    run = scheduler.now(story.append, "run")
    with scheduler as same:
        assert same is scheduler
        assert_ended(run)
    scheduler.stop()
    assert story == ["start 1", "start 2", "run", "stop 1", "stop 2"]


def test_a_start_function_that_raises_stops_the_start(make_scheduler: MakeScheduler) -> None:
    """The error names it; the rest are not called; what waited is cancelled, so that nobody waits for it."""
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


# --- from within a job ----------------------------------------------------------------------------


def test_a_job_may_do_anything_to_the_scheduler(make_scheduler: MakeScheduler) -> None:
    """Schedule, run, pause, resume, remove itself, resize, subscribe and look: no lock is held meanwhile."""
    scheduler = make_scheduler(pool=2)

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
