"""Stopping a scheduler with real threads, the end of its process, and forks."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from support.real_threads import (
    LIMIT,
    BlockingJob,
    HoldingClock,
    MakeScheduler,
    assert_ended,
    assert_no_threads_left,
    jobtui_threads,
    zero,
)

from jobtui import Cancellation, Run, RunCancelledError, RunState, Scheduler
from jobtui.engine.enums import Phase
from jobtui.engine.events import SchedulerStopped
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.executors.base import IDLE_SECONDS
from jobtui.runtime.subscriptions import Subscription

# --- running work ---------------------------------------------------------------------------------


def test_stop_waits_for_running_work_and_cancels_what_waits(make_scheduler: MakeScheduler) -> None:
    """It returns True, no thread is left, and further requests are rejected."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    running, waiting, later = scheduler.now(blocker), scheduler.now(zero), scheduler.in_("1h", zero)
    blocker.wait_started()
    subscription = scheduler.subscribe(blocker.release)  # the first event is the stop's
    assert scheduler.stop(LIMIT)
    assert [run.state for run in (running, waiting, later)] == [RunState.OK, *[RunState.CANCELLED] * 2]
    assert waiting.reason == "scheduler stopped"
    assert scheduler.snapshot().phase is Phase.STOPPED
    assert [type(event).__name__ for event in subscription.read()] == [
        "SchedulerStopping",
        *["RunFinished"] * 3,
        "SchedulerStopped",
    ]
    assert_no_threads_left()
    for request in (scheduler.now, lambda runnable: scheduler.in_("1s", runnable)):
        with pytest.raises(RuntimeError, match="the scheduler has stopped: it accepts no more runs"):
            request(zero)


def test_a_stopped_scheduler_rejects_new_jobs(make_scheduler: MakeScheduler) -> None:
    """A job that would never run is not registered."""
    scheduler = make_scheduler()
    scheduler.stop(0)
    with pytest.raises(RuntimeError, match="the scheduler has stopped: it accepts no more jobs"):
        scheduler.every("5s", print)
    assert scheduler.jobs == []


def test_stop_functions_are_called_once_and_only_after_a_start(make_scheduler: MakeScheduler) -> None:
    """They undo what the start functions did; without a start there is nothing to undo."""
    calls: list[str] = []
    scheduler = make_scheduler()
    scheduler.on_app_stop(lambda: calls.append("stop"))
    scheduler.stop(0)
    assert calls == []
    started = make_scheduler()
    started.on_app_stop(lambda: calls.append("stop"))
    started.start()
    started.stop(0)
    started.stop(0)
    assert calls == ["stop"]


def test_a_run_that_is_accepted_before_the_stop_and_admitted_after_it_is_cancelled(
    make_scheduler: MakeScheduler,
) -> None:
    """Otherwise its waiters would block forever."""

    class StoppingClock(SystemClock):
        """A clock that stops the scheduler when the test's thread reads it: after it has accepted a run."""

        armed = False

        def now(self) -> float:
            if self.armed:
                self.armed = False
                scheduler.stop(LIMIT)
            return SystemClock.now()

    clock = StoppingClock()
    scheduler = make_scheduler(clock=clock)
    scheduler.start()
    assert_ended(scheduler.now(zero))
    clock.armed = True
    run = scheduler.now(zero)
    with pytest.raises(RunCancelledError, match="scheduler stopped"):
        run.result(LIMIT)
    assert (run.state, run.reason) == (RunState.CANCELLED, "scheduler stopped")
    assert scheduler.snapshot().recent[0].number == run.number


def test_work_that_does_not_end_in_the_grace_is_given_up(make_scheduler: MakeScheduler) -> None:
    """It is CANCELLED, its waiters are woken, and its late end changes nothing."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    run = scheduler.now(blocker)
    blocker.wait_started()
    assert not scheduler.stop(0.01)
    assert_ended(run)
    assert run.reason == "still running 0.01 s after the scheduler stopped; given up"
    assert not scheduler.stop(LIMIT)  # a second stop says the same, and does not wait
    blocker.release()
    assert_no_threads_left()
    assert run.state is RunState.CANCELLED
    with pytest.raises(RunCancelledError, match="given up"):
        run.result(0)


def test_the_shorter_grace_of_two_stops_ends_both(make_scheduler: MakeScheduler) -> None:
    """Both return the same answer."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    scheduler.now(blocker)
    blocker.wait_started()
    answers: list[bool] = []
    stopping = threading.Event()
    scheduler.subscribe(stopping.set)
    patient = threading.Thread(target=lambda: answers.append(scheduler.stop(float("inf"))))
    patient.start()
    assert stopping.wait(LIMIT)
    assert not scheduler.stop(0)
    patient.join(LIMIT)
    assert answers == [False]
    blocker.release()


def test_a_scheduler_that_was_never_started_can_be_stopped(make_scheduler: MakeScheduler) -> None:
    """Its waiting runs are cancelled. An infinite grace is allowed."""
    scheduler = make_scheduler()
    run = scheduler.now(zero)
    assert scheduler.stop(float("inf"))
    assert run.state is RunState.CANCELLED
    assert jobtui_threads() == []


def test_stop_does_not_wait_for_the_job_that_calls_it(make_scheduler: MakeScheduler) -> None:
    """It would wait for itself. It does wait for other work."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    blocker = BlockingJob()
    other = scheduler.now(blocker)
    blocker.wait_started()
    answers: list[bool] = []
    scheduler.subscribe(blocker.release)
    stopper = scheduler.now(lambda: answers.append(scheduler.stop(60)))
    assert_ended(stopper, other)
    assert_no_threads_left()
    assert answers == [True]
    assert (stopper.state, other.state) == (RunState.OK, RunState.OK)
    assert stopper.reason == "it stopped the scheduler, which did not wait for its end"
    assert scheduler.snapshot().phase is Phase.STOPPED


def test_two_jobs_and_another_thread_may_stop_the_scheduler_at_once(make_scheduler: MakeScheduler) -> None:
    """None waits for the runs of the two jobs."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    together = threading.Barrier(3)

    def stop() -> bool:
        together.wait(LIMIT)
        return scheduler.stop(60)

    runs = [scheduler.now(stop) for _ in range(2)]
    together.wait(LIMIT)
    assert scheduler.stop(60)
    assert_ended(*runs)
    assert {run.state for run in runs} == {RunState.OK}


def test_stop_still_waits_for_other_work_after_the_job_that_called_it_has_ended(
    make_scheduler: MakeScheduler,
) -> None:
    """Here a thread that the job has started calls it."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    blocker, stopping, answers = BlockingJob(), threading.Event(), list[bool]()
    other = scheduler.now(blocker)
    blocker.wait_started()

    def stop() -> None:
        answers.append(scheduler.stop(LIMIT))

    def job() -> threading.Thread:
        scheduler.subscribe(stopping.set)
        thread = threading.Thread(target=copy_context().run, args=(stop,))
        thread.start()
        assert stopping.wait(LIMIT)
        return thread

    stopper = scheduler.now(job)
    thread = stopper.result(LIMIT)
    assert scheduler.snapshot().phase is Phase.STOPPING
    blocker.release()
    assert_ended(other)
    thread.join(LIMIT)
    assert (stopper.state, other.state, answers) == (RunState.OK, RunState.OK, [True])


def test_a_coroutine_may_stop_the_scheduler_from_a_thread(make_scheduler: MakeScheduler) -> None:
    """The thread runs in the coroutine's context."""
    scheduler = make_scheduler()
    scheduler.start()

    async def stop() -> None:
        await asyncio.to_thread(scheduler.stop, 60)

    run = scheduler.now(stop)
    assert_ended(run)
    assert run.state is RunState.OK


def test_a_job_may_stop_another_scheduler_and_is_not_taken_for_its_run(make_scheduler: MakeScheduler) -> None:
    """The numbers of the two runs are equal."""
    scheduler, other = make_scheduler(), make_scheduler()
    scheduler.start()
    other.start()
    blocker = BlockingJob()
    running = other.now(blocker)
    blocker.wait_started()
    stopper = scheduler.now(other.stop, 0.01)
    assert stopper.result(LIMIT) is False
    assert running.state is RunState.CANCELLED
    blocker.release()


# --- the event loop -------------------------------------------------------------------------------


def test_coroutines_that_are_given_up_are_cancelled_and_may_clean_up(make_scheduler: MakeScheduler) -> None:
    """Their ``finally`` may await; then the loop's thread ends."""
    scheduler = make_scheduler()
    scheduler.start()
    started, cleaned = threading.Event(), threading.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            cleaned.set()

    run = scheduler.now(wait)
    assert started.wait(LIMIT)
    assert not scheduler.stop(0)
    assert cleaned.wait(LIMIT)
    assert_no_threads_left()
    assert run.state is RunState.CANCELLED


def test_unfinished_async_generators_are_closed_at_the_stop(make_scheduler: MakeScheduler) -> None:
    """Their ``finally`` runs while there still is a loop."""
    scheduler = make_scheduler()
    scheduler.start()
    left, closed = list[object](), list[int]()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    async def job() -> object:
        generator = numbers()
        left.append(generator)
        return await anext(generator)

    assert scheduler.now(job).result(LIMIT) == 1
    assert closed == []
    assert scheduler.stop(LIMIT)
    assert_no_threads_left()
    assert closed == [1]


@pytest.mark.parametrize("exits_first", [False, True])
def test_a_task_that_raises_system_exit_during_the_stop_does_not_keep_the_loop_alive(
    make_scheduler: MakeScheduler, *, exits_first: bool
) -> None:
    """In the same iteration of the loop: the loop ends, and all tasks clean up."""
    scheduler = make_scheduler()
    scheduler.start()
    started, stopped, cleaned = threading.Event(), threading.Event(), threading.Event()
    tasks: list[asyncio.Task[None]] = []

    async def exits() -> None:
        raise SystemExit(3)

    async def job() -> None:
        if exits_first:
            tasks.append(asyncio.create_task(exits()))
        started.set()
        assert stopped.wait(LIMIT)  # blocks the loop
        if not exits_first:
            tasks.append(asyncio.create_task(exits()))
        try:
            await asyncio.sleep(LIMIT)
        finally:
            assert isinstance(tasks[0].exception(), SystemExit)  # or Python warns that it was never retrieved
            cleaned.set()

    scheduler.now(job)
    assert started.wait(LIMIT)
    scheduler.stop(0)
    stopped.set()
    assert cleaned.wait(LIMIT)
    assert_no_threads_left()


class FakeExcepthook:
    """Records the exceptions that end threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.raised: list[BaseException | None] = []
        monkeypatch.setattr(threading, "excepthook", self.record)

    def record(self, args: threading.ExceptHookArgs) -> None:
        """Record an exception."""
        self.raised.append(args.exc_value)


def test_a_coroutine_that_stops_the_loop_while_it_cleans_up_causes_no_error(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's thread ends without a traceback."""
    hook = FakeExcepthook(monkeypatch)
    scheduler = make_scheduler()
    scheduler.start()
    started = threading.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.sleep(LIMIT)
        finally:
            asyncio.get_running_loop().stop()

    run = scheduler.now(wait)
    assert started.wait(LIMIT)
    assert not scheduler.stop(0)
    assert_no_threads_left()
    assert run.state is RunState.CANCELLED
    assert hook.raised == []


def test_a_coroutine_that_a_job_returns_after_the_stop_is_closed(make_scheduler: MakeScheduler) -> None:
    """Otherwise Python would warn that it was never awaited."""
    scheduler = make_scheduler()
    scheduler.start()
    blocker = BlockingJob()

    async def never() -> None:
        """Never run."""

    def late() -> Any:
        blocker.run()
        return never()

    scheduler.now(late)
    blocker.wait_started()
    scheduler.stop(0)
    blocker.release()
    assert_no_threads_left()


# --- the end of the process -----------------------------------------------------------------------


def test_a_hanging_job_does_not_keep_the_process_from_ending() -> None:
    """The process ends as soon as its main thread does."""
    program = (
        "import threading, jobtui\n"
        "started = threading.Event()\n"
        "def hang():\n"
        "    started.set()\n"
        "    threading.Event().wait()\n"
        "async def hang_in_loop():\n"
        "    import asyncio\n"
        "    await asyncio.Event().wait()\n"
        "scheduler = jobtui.Scheduler(pool=2)\n"
        "scheduler.start()\n"
        "scheduler.now(hang), scheduler.now(hang_in_loop)\n"
        "started.wait(60)\n"
        "print(scheduler.stop(0.01))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == ("False\n", "")


def test_a_process_ends_without_a_stop_of_its_scheduler() -> None:
    """Neither a worker nor the event loop keeps Python waiting."""
    program = (
        "import threading, jobtui\n"
        "started = threading.Semaphore(0)\n"
        "def hang():\n"
        "    started.release()\n"
        "    threading.Event().wait()\n"
        "async def hang_in_loop():\n"
        "    import asyncio\n"
        "    started.release()\n"
        "    await asyncio.Event().wait()\n"
        "scheduler = jobtui.Scheduler(pool=2)\n"
        "scheduler.start()\n"
        "scheduler.now(hang), scheduler.now(hang_in_loop)\n"
        "started.acquire(), started.acquire()\n"
        "print('the end')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "the end\n"


# --- forks ----------------------------------------------------------------------------------------


def test_a_job_may_fork_and_the_child_may_exit_at_once(make_scheduler: MakeScheduler) -> None:
    """The scheduler of the parent continues."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    scheduler = make_scheduler()
    scheduler.start()

    def fork() -> int:
        child = os.fork()
        if child == 0:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert scheduler.now(fork).result(LIMIT) == 7
    assert scheduler.now(zero).result(LIMIT) == 0


def raise_in_child(exception: BaseException) -> None:
    """Raise an exception."""
    raise exception


@pytest.mark.parametrize(
    ("exception", "status", "text"),
    [
        (ValueError("no <such> order"), 1, "ValueError: no <such> order"),
        (SystemExit(3), 3, ""),
        (SystemExit(), 0, ""),
        (SystemExit("no disk"), 1, "no disk"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("coroutine", [False, True], ids=["thread", "coroutine"])
def test_an_exception_of_a_forked_child_ends_it_with_its_status_and_traceback(
    make_scheduler: MakeScheduler,
    capfd: pytest.CaptureFixture[str],
    exception: BaseException,
    status: int,
    text: str,
    *,
    coroutine: bool,
) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")

    def fork() -> int:
        child = os.fork()
        if child == 0:
            signal.alarm(int(LIMIT))  # ends the child if it hangs
            raise_in_child(exception)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    async def fork_in_loop() -> int:
        return fork()

    with make_scheduler() as scheduler:
        run = scheduler.now(fork_in_loop) if coroutine else scheduler.now(fork)
        assert run.result(2 * LIMIT) == status
        assert scheduler.now(zero).result(LIMIT) == 0
    error = capfd.readouterr().err
    assert error.rstrip().endswith(text)
    assert error.count("raise_in_child(exception)") == (not isinstance(exception, SystemExit))


def fork_and_return(*_: object) -> int | None:
    """Fork, return in both processes, and print in the child. The parent returns the exit status."""
    child = os.fork()
    if child == 0:
        signal.alarm(int(IDLE_SECONDS / 3))  # ends the child if it lives on as an idle worker
        print("from the child")
        return None
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class ForkingJob:
    """A job that forks."""

    def run(self) -> int | None:
        """Fork, and return in both processes."""
        return fork_and_return()


async def fork_in_coroutine() -> int | None:
    """Fork, and let both processes wait for the loop before they return."""
    status = fork_and_return()
    await asyncio.sleep(0)
    return status


async def later(value: int | None) -> int | None:
    """Return a value."""
    return value


def fork_before_coroutine() -> Any:
    """Fork, and return a coroutine in both processes."""
    return later(fork_and_return())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize(
    "work",
    [fork_and_return, partial(fork_and_return, 1), ForkingJob(), fork_in_coroutine, fork_before_coroutine],
    ids=["function", "partial", "object", "coroutine", "function that returns a coroutine"],
)
def test_a_forked_child_in_which_the_job_returns_ends_at_once_with_status_0(
    make_scheduler: MakeScheduler, capfd: pytest.CaptureFixture[str], work: Any
) -> None:
    """It writes what it has printed, and does not wait for further runs, as a worker of the parent does."""
    with make_scheduler() as scheduler:
        assert scheduler.now(work).result(2 * LIMIT) == 0
        assert scheduler.now(zero).result(LIMIT) == 0
    assert capfd.readouterr().out.count("from the child") == 1


def exit_status_of_child(act: Callable[[], int]) -> int:
    """Return the exit status of a forked child that calls a function."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    child = os.fork()
    if child == 0:
        status = 99
        signal.alarm(int(LIMIT))  # ends the child if it hangs
        try:
            status = act()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_started_scheduler_rejects_runs_in_a_forked_child(make_scheduler: MakeScheduler) -> None:
    """Also if the lock was held at the fork. The child can take a snapshot, stop, or make a new scheduler."""
    clock = HoldingClock()
    scheduler = make_scheduler(clock=clock)
    scheduler.start()
    assert_ended(scheduler.now(zero))
    release_lock = clock.hold_lock(scheduler)

    def in_child() -> int:
        assert scheduler.snapshot().phase is Phase.STOPPED
        where = f"was started in process {os.getppid()}, and .* not in process {os.getpid()}, a fork of that"
        for request in (scheduler.now, partial(scheduler.in_, 1), lambda _: scheduler.start()):
            with pytest.raises(RuntimeError, match=f"{where}: .* only after the fork"):
                request(zero)
        assert scheduler.stop(LIMIT)
        with Scheduler(tz="UTC") as another:
            assert another.now(zero).result(LIMIT) == 0
        return 7

    assert exit_status_of_child(in_child) == 7
    release_lock()
    assert scheduler.now(zero).result(LIMIT) == 0


def test_a_forked_child_cannot_change_the_jobs_of_its_parent(make_scheduler: MakeScheduler) -> None:
    """A change of its copy would be lost without a word."""
    scheduler, blocker = make_scheduler(), BlockingJob()
    job = scheduler.every("1h", blocker, name="import")
    scheduler.start()
    run = job.run()
    blocker.wait_started()

    def in_child() -> int:
        changes: list[Callable[[], object]] = [
            partial(scheduler.every, "1h", zero),
            job.pause,
            job.resume,
            job.remove,
            partial(job.reschedule, "2h"),
            partial(job.update, overlap="skip"),
            scheduler.pause_all,
            scheduler.resume_all,
            partial(scheduler.resize, 5),
            partial(scheduler.cancel, run.number),
            run.cancel,
        ]
        for change in changes:
            with pytest.raises(RuntimeError, match="a fork of that"):
                change()
        assert scheduler.job("import") == job
        return 7

    assert exit_status_of_child(in_child) == 7
    blocker.release()
    assert run.result(LIMIT) == "released"


def test_a_scheduler_that_is_not_started_may_be_started_in_a_forked_child(
    make_scheduler: MakeScheduler,
) -> None:
    """Servers load a program once and fork their workers."""
    scheduler = make_scheduler()
    run = scheduler.now(zero)

    def in_child() -> int:
        scheduler.start()
        assert run.result(LIMIT) == 0
        assert scheduler.now(zero).result(LIMIT) == 0
        assert scheduler.stop(LIMIT)
        return 7

    assert exit_status_of_child(in_child) == 7
    scheduler.start()
    assert run.result(LIMIT) == 0


def test_a_run_that_waits_at_the_fork_runs_only_in_the_parent(make_scheduler: MakeScheduler) -> None:
    """A stop in the child does not wait for it."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    running, waiting = scheduler.now(blocker), scheduler.now(os.getpid)
    blocker.wait_started()

    def in_child() -> int:
        with pytest.raises(RuntimeError, match="a fork of that"):
            scheduler.resize(2)
        assert jobtui_threads() == []
        assert scheduler.stop(10 * LIMIT)
        return 7

    assert exit_status_of_child(in_child) == 7
    blocker.release()
    assert_ended(running)
    assert waiting.result(LIMIT) == os.getpid()


def test_a_scheduler_that_the_child_started_and_stopped_does_not_mention_the_parent(
    make_scheduler: MakeScheduler,
) -> None:
    """The message is that of any stopped scheduler."""
    scheduler = make_scheduler()

    def in_child() -> int:
        scheduler.start()
        assert scheduler.stop(LIMIT)
        with pytest.raises(RuntimeError, match="the scheduler has stopped: it accepts no more runs"):
            scheduler.now(zero)
        return 7

    assert exit_status_of_child(in_child) == 7


FORKING_PROGRAM = """
import asyncio, multiprocessing, os, signal, threading, time
import jobtui
HANDLERS
fork = multiprocessing.get_context("fork")

def work():
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(9)
    os.kill(child, signal.SIGTERM)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    process = fork.Process(target=time.sleep, args=(60,))
    process.start()
    process.terminate()
    process.join()
    return status, process.exitcode

with jobtui.Scheduler() as scheduler:
    WAIT
"""


SIGNAL_HANDLERS = """
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: print("signalled"))
"""
LOOP_HANDLERS = """
async def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, print, "signalled")
    print(await asyncio.to_thread(scheduler.now(work).result, 10))
"""


@pytest.mark.parametrize(
    ("handlers", "wait"),
    [
        ("", "print(scheduler.now(work).result(10))"),
        (SIGNAL_HANDLERS, "print(scheduler.now(work).result(10))"),
        (LOOP_HANDLERS, "asyncio.run(main())"),
    ],
    ids=["no handlers", "signal.signal", "asyncio"],
)
def test_a_child_that_a_job_forks_does_not_share_the_signals_of_its_program(handlers: str, wait: str) -> None:
    """The child dies of them, and the program goes on. Python would give the child its parent's handlers."""
    program = FORKING_PROGRAM.replace("HANDLERS", handlers).replace("WAIT", wait)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT * 2, check=False
    )
    assert (done.stdout, done.returncode) == ("(-15, -15)\n", 0), done.stderr


class TestDropped:
    """A scheduler that the program drops without `stop`."""

    def test_its_threads_end_when_nothing_is_left_to_do(self) -> None:
        """Nothing can be requested any more. The runs that it had have ended."""

        def use_scheduler() -> tuple[Run[int], Run[int], Subscription]:
            scheduler = Scheduler()
            scheduler.start()
            assert_ended(scheduler.now(asyncio.sleep, 0))
            run, closure = scheduler.now(zero), scheduler.now(lambda: scheduler.pool_view().size)
            assert_ended(run, closure)
            return run, closure, scheduler.subscribe()

        run, closure, subscription = use_scheduler()
        gc.collect()
        assert_no_threads_left()
        assert (run.result(), closure.result(), run.cancel()) == (0, 10, Cancellation.TOO_LATE)
        assert isinstance(list(subscription.read())[-1], SchedulerStopped)

    def test_its_threads_end_after_the_last_run(self) -> None:
        """Runs that wait, also for their instant, still happen."""
        job = BlockingJob()
        scheduler = Scheduler(pool=1)
        scheduler.start()
        runs = [scheduler.now(job), scheduler.now(job), scheduler.in_(0.05, job)]
        del scheduler
        gc.collect()
        job.wait_started()
        job.release()
        assert_ended(*runs)
        assert [run.state for run in runs] == [RunState.OK] * 3
        assert_no_threads_left()

    def test_it_goes_on_while_the_program_can_reach_it(self) -> None:
        """A method that the program keeps is enough."""
        scheduler = Scheduler()
        scheduler.start()
        now, stop = scheduler.now, scheduler.stop
        del scheduler
        gc.collect()
        assert now(zero).result(LIMIT) == 0
        assert stop()

    def test_a_job_goes_on_until_its_last_tick(self) -> None:
        """So a function may start a scheduler and return, and the jobs are not lost."""
        first = datetime.now(UTC)
        ticks = [first + timedelta(seconds=0.05 * number) for number in range(1, 6)]
        counted: list[int] = []
        scheduler = Scheduler()
        scheduler.schedule(Instants(ticks), lambda: counted.append(1), misfire="all", overlap="allow")
        scheduler.start()
        del scheduler
        gc.collect()
        assert_no_threads_left()
        assert len(counted) == len(ticks)


class Instants:
    """A schedule of some instants."""

    tz = UTC

    def __init__(self, instants: list[datetime]) -> None:
        self.instants = instants

    def __str__(self) -> str:
        """Return the text that is shown."""
        return f"{len(self.instants)} instants"

    def next(self, after: datetime) -> datetime | None:
        """Return the first instant after another one."""
        return next((instant for instant in self.instants if instant > after), None)
