"""Stopping with real threads: who is waited for, what is given up, and what a fork leaves behind."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextvars import copy_context
from functools import partial
from typing import Any

import pytest
from support.real_threads import (
    LIMIT,
    BlockingJob,
    MakeScheduler,
    ManualExecutor,
    assert_ended,
    assert_no_threads_left,
    hold_lock,
    jobtui_threads,
    zero,
)

from jobtui import RunCancelledError, RunState, Scheduler
from jobtui.engine.enums import Phase
from jobtui.runtime.executors.base import Worker

# --- who is waited for ----------------------------------------------------------------------------


def test_stop_waits_for_running_work_and_cancels_what_waits(make_scheduler: MakeScheduler) -> None:
    """In time: True; no thread is left; nothing is accepted any more."""
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
    for ask in (scheduler.now, lambda what: scheduler.in_("1s", what)):
        with pytest.raises(RuntimeError, match="the scheduler has stopped: it takes no more runs"):
            ask(zero)


def test_the_end_of_the_last_run_ends_the_stop_whoever_is_on_the_way(make_scheduler: MakeScheduler) -> None:
    """Also while a worker has been sent for, and the timer is about to look who does short runs."""
    scheduler = make_scheduler()
    executor, kernel = ManualExecutor(scheduler), scheduler._kernel
    scheduler.start()
    scheduler.now(zero)
    worker = Worker("worker-1")
    worker.outcome.run = kernel.start_first(worker)
    executor.available_soon, kernel._straggler_check_due = 1, True
    answers: list[bool] = []
    stopping = threading.Event()
    scheduler.subscribe(stopping.set)
    stopper = threading.Thread(target=lambda: answers.append(scheduler.stop(math.inf)), daemon=True)
    stopper.start()
    assert stopping.wait(LIMIT)
    assert kernel.finish_and_start_next(worker) is None
    stopper.join(LIMIT)
    assert answers == [True]


def test_a_run_that_meets_the_stop_at_the_door_has_an_ending(make_scheduler: MakeScheduler) -> None:
    """It was accepted before the stop and admitted after it: CANCELLED, and nobody waits for ever."""
    scheduler = make_scheduler()
    scheduler.start()
    assert_ended(scheduler.now(zero))
    kernel = scheduler._kernel
    now = kernel._now

    def slow_now() -> float:
        kernel._now = now
        scheduler.stop(LIMIT)
        return now()

    kernel._now = slow_now  # what is asked for the time once the run has passed the door
    run = scheduler.now(zero)
    assert (run.state, run.reason) == (RunState.CANCELLED, "scheduler stopped")
    with pytest.raises(RunCancelledError, match="scheduler stopped"):
        run.result(LIMIT)
    assert scheduler.snapshot().recent[0].number == run.number


def test_work_that_does_not_end_is_given_up(make_scheduler: MakeScheduler) -> None:
    """After the grace it is CANCELLED, its waiters are woken, and its late end changes nothing."""
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


def test_two_who_stop_at_once_both_get_the_answer(make_scheduler: MakeScheduler) -> None:
    """The one with the shorter grace ends the wait of the other."""
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
    """What waits is cancelled; it cannot be started afterwards; an endless grace is one."""
    scheduler = make_scheduler()
    run = scheduler.now(zero)
    assert scheduler.stop(float("inf"))
    assert run.state is RunState.CANCELLED
    with pytest.raises(RuntimeError, match="started once"):
        scheduler.start()
    assert jobtui_threads() == []


def test_a_job_may_stop_the_scheduler_and_is_not_waited_for(make_scheduler: MakeScheduler) -> None:
    """It would wait for itself. Others are waited for; its own run is OK, and the reason tells."""
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
    assert stopper.reason == "it stopped the scheduler, which did not wait for the rest of it"
    assert scheduler.snapshot().phase is Phase.STOPPED


def test_two_jobs_may_stop_the_scheduler_at_once(make_scheduler: MakeScheduler) -> None:
    """Neither waits for the other; nor does somebody outside who was waiting already."""
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


def test_a_job_that_stopped_the_scheduler_and_has_ended_counts_no_more(make_scheduler: MakeScheduler) -> None:
    """A thread of its own stops it: the others are waited for, as long as they take."""
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


def test_a_coroutine_may_stop_the_scheduler(make_scheduler: MakeScheduler) -> None:
    """Also from a thread that it waits for."""
    scheduler = make_scheduler()
    scheduler.start()

    async def stop() -> None:
        await asyncio.to_thread(scheduler.stop, 60)

    run = scheduler.now(stop)
    assert_ended(run)
    assert run.state is RunState.OK


def test_a_job_may_stop_another_scheduler(make_scheduler: MakeScheduler) -> None:
    """It is no run of that one, though it has the number of one."""
    here, there = make_scheduler(), make_scheduler()
    here.start()
    there.start()
    blocker = BlockingJob()
    theirs = there.now(blocker)
    blocker.wait_started()
    mine = here.now(there.stop, 0.01)
    assert mine.result(LIMIT) is False
    assert theirs.state is RunState.CANCELLED
    blocker.release()


# --- the end of the loop --------------------------------------------------------------------------


def test_coroutines_are_cancelled_at_the_end_and_may_clean_up(make_scheduler: MakeScheduler) -> None:
    """One that is given up is cancelled; its ``finally`` runs, awaits included; the loop's thread ends."""
    scheduler = make_scheduler()
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
    assert_no_threads_left()
    assert run.state is RunState.CANCELLED


def test_async_generators_that_were_left_are_closed_at_the_end(make_scheduler: MakeScheduler) -> None:
    """Their ``finally`` runs while there is a loop that can run it."""
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
def test_a_task_that_exits_in_the_moment_of_the_stop_does_not_lose_it(
    make_scheduler: MakeScheduler, *, exits_first: bool
) -> None:
    """In the turn in which the loop is told to end, SystemExit in a task: it ends, and all clean up."""
    scheduler = make_scheduler()
    scheduler.start()
    begun, stopped, cleaned = threading.Event(), threading.Event(), threading.Event()
    tasks: list[asyncio.Task[None]] = []

    async def exits() -> None:
        raise SystemExit(3)

    async def job() -> None:
        if exits_first:
            tasks.append(asyncio.create_task(exits()))
        begun.set()
        assert stopped.wait(LIMIT)  # the loop stands meanwhile
        if not exits_first:
            tasks.append(asyncio.create_task(exits()))
        try:
            await asyncio.sleep(LIMIT)
        finally:
            assert isinstance(tasks[0].exception(), SystemExit)  # or Python complains that nobody has looked
            cleaned.set()

    scheduler.now(job)
    assert begun.wait(LIMIT)
    scheduler.stop(0)
    stopped.set()
    assert cleaned.wait(LIMIT)
    assert_no_threads_left()


class Excepthook:
    """Notes what ends a thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.raised: list[BaseException | None] = []
        monkeypatch.setattr(threading, "excepthook", self.note)

    def note(self, args: threading.ExceptHookArgs) -> None:
        """Note it."""
        self.raised.append(args.exc_value)


def test_a_coroutine_that_stops_the_loop_as_it_cleans_up_ends_nothing_else(
    make_scheduler: MakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's thread ends without a traceback."""
    hook = Excepthook(monkeypatch)
    scheduler = make_scheduler()
    scheduler.start()
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.sleep(LIMIT)
        finally:
            asyncio.get_running_loop().stop()

    run = scheduler.now(wait)
    assert begun.wait(LIMIT)
    assert not scheduler.stop(0)
    assert_no_threads_left()
    assert run.state is RunState.CANCELLED
    assert hook.raised == []


def test_a_coroutine_that_comes_after_the_end_is_closed(make_scheduler: MakeScheduler) -> None:
    """Work that was given up may still return one: nothing runs it, and Python has nothing to warn of."""
    scheduler = make_scheduler()
    scheduler.start()
    blocker = BlockingJob()

    async def never() -> None:
        """Not run."""

    def late() -> Any:
        blocker.run()
        return never()

    scheduler.now(late)
    blocker.wait_started()
    scheduler.stop(0)
    blocker.release()
    assert_no_threads_left()


# --- the end of the process -----------------------------------------------------------------------


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


def test_a_process_that_forgets_to_stop_its_scheduler_ends() -> None:
    """Whatever hangs in it: no thread of ours keeps Python waiting, that of the coroutines included."""
    program = (
        "import threading, jobtui\n"
        "begun = threading.Semaphore(0)\n"
        "def hang():\n"
        "    begun.release()\n"
        "    threading.Event().wait()\n"
        "async def hang_too():\n"
        "    import asyncio\n"
        "    begun.release()\n"
        "    await asyncio.Event().wait()\n"
        "scheduler = jobtui.Scheduler(pool=2)\n"
        "scheduler.start()\n"
        "scheduler.now(hang), scheduler.now(hang_too)\n"
        "begun.acquire(), begun.acquire()\n"
        "print('the end')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert ended.stdout == "the end\n"


# --- forks ----------------------------------------------------------------------------------------


def test_a_job_may_fork(make_scheduler: MakeScheduler) -> None:
    """The child has no scheduler's threads and may end at once."""
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


def test_a_forked_child_is_told_that_the_scheduler_is_not_there(make_scheduler: MakeScheduler) -> None:
    """Though somebody had the lock at the fork: it can look and stop, and gets an error instead of a run."""
    scheduler = make_scheduler()
    scheduler.start()
    assert_ended(scheduler.now(zero))
    release_lock = hold_lock(scheduler)

    def in_the_child() -> int:
        assert scheduler.snapshot().phase is Phase.STOPPED
        for ask in (scheduler.now, partial(scheduler.in_, 1)):
            with pytest.raises(RuntimeError, match="create another one after the fork"):
                ask(zero)
        assert scheduler.stop(LIMIT)
        with Scheduler(tz="UTC") as another:
            assert another.now(zero).result(LIMIT) == 0
        return 7

    assert forked(in_the_child) == 7
    release_lock()
    assert scheduler.now(zero).result(LIMIT) == 0


def test_a_scheduler_may_be_started_in_a_forked_child(make_scheduler: MakeScheduler) -> None:
    """As servers do that load a program once and fork their workers."""
    scheduler = make_scheduler()
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


def test_nothing_that_waits_at_the_fork_runs_in_the_child(make_scheduler: MakeScheduler) -> None:
    """It will run in the parent; and whoever stops the child's copy waits for nothing."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    running, waiting = scheduler.now(blocker), scheduler.now(os.getpid)
    blocker.wait_started()

    def in_the_child() -> int:
        scheduler.resize(2)
        assert jobtui_threads() == []
        assert scheduler.stop(10 * LIMIT)
        return 7

    assert forked(in_the_child) == 7
    blocker.release()
    assert_ended(running)
    assert waiting.result(LIMIT) == os.getpid()


def test_a_scheduler_that_was_started_and_stopped_in_a_forked_child_says_so(
    make_scheduler: MakeScheduler,
) -> None:
    """It is that child's own: nobody is told of another process."""
    scheduler = make_scheduler()

    def in_the_child() -> int:
        scheduler.start()
        assert scheduler.stop(LIMIT)
        with pytest.raises(RuntimeError, match="the scheduler has stopped: it takes no more runs"):
            scheduler.now(zero)
        return 7

    assert forked(in_the_child) == 7
