"""Cancelling work that runs: coroutines are interrupted, threads are asked, and what each ends as."""

import asyncio
import threading
from typing import Any

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_no_threads_left

import jobtui
from jobtui import Cancellation, Run, RunCancelledError, RunState, Scheduler, current_run
from jobtui.engine.enums import Trigger


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    """A scheduler that runs, with a pool of 2."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    return scheduler


class Work:
    """A job in a thread: it says that it has begun, and goes on when the test says so."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def wait(self) -> None:
        """Begin, and wait for the test."""
        self.begun.set()
        assert self.go_on.wait(LIMIT)


def ending(run: Run) -> tuple[RunState, str]:
    """How a run ended."""
    assert run.wait(LIMIT)
    return run.state, run.reason


async def other() -> str:
    """Something else for the loop to do."""
    await asyncio.sleep(0)
    return "fine"


# --- threads --------------------------------------------------------------------------------------


def test_a_thread_that_looks_and_returns_was_cancelled(scheduler: Scheduler) -> None:
    """``current_run().cancelled`` says so from the moment of asking; the run has no result."""
    work, seen = Work(), []

    def job() -> str:
        seen.append(current_run().cancelled)
        work.wait()
        seen.append(current_run().cancelled)
        return "half"

    run = scheduler.now(job)
    assert work.begun.wait(LIMIT)
    assert run.cancel() is Cancellation.ASKED
    assert run.cancel() is Cancellation.ASKED
    assert run.reason.startswith("asked to stop at ")
    work.go_on.set()
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert seen == [False, True]
    assert run.cancel() is Cancellation.TOO_LATE
    with pytest.raises(RunCancelledError, match=r"run 1 of .*job was CANCELLED: cancelled"):
        run.result(LIMIT)


def test_wait_cancelled_is_a_sleep_that_ends_when_the_run_is_cancelled(scheduler: Scheduler) -> None:
    """Whether the wait or the cancelling comes first."""
    begun = threading.Event()
    answers: list[bool] = []

    def job() -> None:
        answers.append(current_run().wait_cancelled(0))
        begun.set()
        answers.append(current_run().wait_cancelled(LIMIT))
        answers.append(current_run().wait_cancelled(LIMIT))

    run = scheduler.now(job)
    assert begun.wait(LIMIT)
    assert run.cancel()
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert answers == [False, True, True]


def test_a_thread_that_never_looks_ends_as_it_ends(scheduler: Scheduler) -> None:
    """What is done is done: its result counts, and the reason says that it did not see."""
    work = Work()

    def job() -> int:
        work.wait()
        return 7

    run = scheduler.now(job)
    assert work.begun.wait(LIMIT)
    assert scheduler.cancel(run.number) is Cancellation.ASKED
    work.go_on.set()
    assert ending(run) == (RunState.OK, "finished before it noticed the stop request")
    assert run.result(LIMIT) == 7


@pytest.mark.parametrize(
    ("error", "state"),
    [(RunCancelledError("I stopped"), RunState.CANCELLED), (OSError("no"), RunState.FAILED)],
)
def test_a_thread_that_was_asked_and_raises(scheduler: Scheduler, error: Exception, state: RunState) -> None:
    """RunCancelledError says that it stopped; any other error is an error."""
    work = Work()

    def job() -> None:
        work.wait()
        assert current_run().cancelled
        raise error

    run = scheduler.now(job)
    assert work.begun.wait(LIMIT)
    assert run.cancel()
    work.go_on.set()
    assert ending(run)[0] is state


def test_a_thread_that_was_asked_and_fails_says_what_failed(scheduler: Scheduler) -> None:
    """The error is the reason, and not that it did not see that it was asked."""
    work = Work()

    def job() -> None:
        work.wait()
        raise OSError("no")

    run = scheduler.now(job)
    assert work.begun.wait(LIMIT)
    assert run.cancel()
    work.go_on.set()
    assert ending(run) == (RunState.FAILED, "OSError: no")


def test_a_job_that_raises_run_cancelled_error_unasked_has_failed(scheduler: Scheduler) -> None:
    """Nobody has cancelled it."""

    def job() -> None:
        raise RunCancelledError("by itself")

    state, reason = ending(scheduler.now(job))
    assert (state, reason.endswith("RunCancelledError: by itself")) == (RunState.FAILED, True)


# --- coroutines -----------------------------------------------------------------------------------


def test_a_coroutine_is_interrupted_and_cleans_up(scheduler: Scheduler) -> None:
    """CancelledError is raised at its await, its ``finally`` runs, and the loop goes on for others."""
    begun, cleaned = threading.Event(), []

    async def job() -> None:
        begun.set()
        try:
            await asyncio.sleep(LIMIT)
        finally:
            cleaned.append(current_run().number)

    run = scheduler.now(job)
    assert begun.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert cleaned == [run.number]
    with pytest.raises(RunCancelledError, match="run 1 of job was CANCELLED: cancelled"):
        run.result(LIMIT)
    assert scheduler.now(other).result(LIMIT) == "fine"


def test_a_coroutine_that_goes_on_regardless_has_its_result(scheduler: Scheduler) -> None:
    """It swallowed the interruption, without looking at what it was."""
    begun = threading.Event()

    async def job() -> str:
        begun.set()
        try:
            await asyncio.sleep(LIMIT)
        except asyncio.CancelledError:
            return "went on"
        return "slept"

    run = scheduler.now(job)
    assert begun.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert ending(run)[0] is RunState.OK
    assert run.result(LIMIT) == "went on"


def test_a_coroutine_that_is_cancelled_before_its_first_step_ends_all_the_same(scheduler: Scheduler) -> None:
    """While the loop is busy with another's work, it has a task and has not begun."""
    work = Work()
    begun: list[int] = []

    async def blocks() -> None:
        work.wait()

    async def job() -> None:
        begun.append(1)
        await asyncio.sleep(LIMIT)

    blocker = scheduler.now(blocks)
    assert work.begun.wait(LIMIT)
    run = scheduler.now(job)
    while run.state is not RunState.RUNNING or run.cancel() is not Cancellation.INTERRUPTED:
        threading.Event().wait(0.001)  # until its thread has handed it to the loop
    work.go_on.set()
    assert ending(run)[0] is RunState.CANCELLED
    assert ending(blocker)[0] is RunState.OK


def test_a_coroutine_that_comes_after_the_cancelling_is_interrupted(scheduler: Scheduler) -> None:
    """Its run was still a thread's work when it was asked to stop."""
    work = Work()

    async def sleeps() -> None:
        await asyncio.sleep(LIMIT)

    def job() -> object:
        work.wait()
        return sleeps()

    run = scheduler.now(job)
    assert work.begun.wait(LIMIT)
    assert run.cancel() is Cancellation.ASKED
    work.go_on.set()
    assert ending(run) == (RunState.CANCELLED, "cancelled")


def test_a_coroutine_that_ends_at_once_when_it_is_interrupted_was_interrupted(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However quick the loop is, `cancel` does not call it a thread that was asked."""
    begun = threading.Event()

    async def job() -> None:
        begun.set()
        await asyncio.sleep(LIMIT)

    run = scheduler.now(job)
    assert begun.wait(LIMIT)
    kernel = scheduler._kernel
    settle = kernel._run_effects

    def until_it_has_ended(todo: Any) -> None:
        monkeypatch.setattr(kernel, "_run_effects", settle)
        settle(todo)
        assert run.wait(LIMIT)
        scheduler.now(other).result(LIMIT)  # by now the loop has forgotten it, too

    monkeypatch.setattr(kernel, "_run_effects", until_it_has_ended)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert run.state is RunState.CANCELLED


class Cleaning:
    """A coroutine that takes as long to clean up as the test wants."""

    def __init__(self) -> None:
        self.begun, self.cleaning, self.go_on = (threading.Event() for _ in range(3))
        self.cleaned: list[int] = []

    async def run(self) -> None:
        """Wait to be interrupted, then for the test."""
        self.begun.set()
        try:
            await asyncio.sleep(LIMIT)
        finally:
            self.cleaning.set()
            await asyncio.to_thread(self.go_on.wait, LIMIT)
            self.cleaned.append(current_run().number)


def test_a_coroutine_is_interrupted_once(scheduler: Scheduler) -> None:
    """Who asks again does not interrupt its cleaning up; and nothing is kept of it afterwards."""
    work = Cleaning()
    run = scheduler.now(work)
    assert work.begun.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert work.cleaning.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert scheduler.now(other).result(LIMIT) == "fine"  # the loop has come to the second cancelling, too
    work.go_on.set()
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert work.cleaned == [run.number]
    assert scheduler.now(other).result(LIMIT) == "fine"
    assert not scheduler._kernel._executor._event_loop._cancelled


def test_a_coroutine_that_cleans_up_after_the_stop_is_not_interrupted_again(scheduler: Scheduler) -> None:
    """Whoever has asked its run to stop a moment before, and comes to the loop when that is closed."""
    work = Cleaning()
    run = scheduler.now(work)
    record, loop = run._record, scheduler._kernel._executor._event_loop
    assert work.begun.wait(LIMIT)
    assert not scheduler.stop(0)
    assert work.cleaning.wait(LIMIT)
    assert not loop.cancel_task(record)
    work.go_on.set()
    assert_no_threads_left()
    assert work.cleaned == [run.number]
    assert not loop.cancel_task(record)


# --- replace --------------------------------------------------------------------------------------


def test_replace_asks_the_running_work_and_never_overlaps_it(scheduler: Scheduler) -> None:
    """The new run starts once the old one has stopped."""
    begun: list[int] = []
    going = 0
    started = threading.Semaphore(0)

    def job() -> None:
        nonlocal going
        going += 1
        assert going == 1
        begun.append(current_run().number)
        started.release()
        stopped = current_run().wait_cancelled(LIMIT if current_run().number == 1 else 0)
        assert stopped is (current_run().number == 1)
        going -= 1

    each = scheduler.every("1h", job, overlap="replace")
    first = each.run()
    assert started.acquire(timeout=LIMIT)
    second = each.run()
    assert ending(first) == (RunState.CANCELLED, "replaced by run 2")
    assert ending(second) == (RunState.OK, "")
    assert begun == [1, 2]


def test_replace_interrupts_a_coroutine(scheduler: Scheduler) -> None:
    """The new run needs not wait until it looks."""
    begun = threading.Semaphore(0)

    async def job() -> None:
        begun.release()
        if current_run().number == 1:
            await asyncio.sleep(LIMIT)

    each = scheduler.every("1h", job, overlap="replace")
    first = each.run()
    assert begun.acquire(timeout=LIMIT)
    second = each.run()
    assert ending(first) == (RunState.CANCELLED, "replaced by run 2")
    assert ending(second) == (RunState.OK, "")


# --- what a job knows of its run ------------------------------------------------------------------


def test_a_job_knows_its_run(scheduler: Scheduler) -> None:
    """Its number, its job's name, what asked for it and when it was due."""
    seen: list[tuple[int, str, Trigger, bool]] = []

    def job() -> None:
        run = current_run()
        seen.append((run.number, run.job, run.trigger, run.due is None))
        assert repr(run) == f"<jobtui.current_run() {run.number} of {run.job!r}>"

    by_hand = scheduler.every("1h", job, name="mine")
    assert ending(by_hand.run())[0] is RunState.OK
    assert ending(scheduler.in_(0, job))[0] is RunState.OK
    assert seen[0] == (1, "mine", Trigger.NOW, True)
    assert seen[1][2:] == (Trigger.IN, False)


def test_outside_of_a_run_there_is_none() -> None:
    """A clear error, not a None that fails somewhere else."""
    with pytest.raises(RuntimeError, match="only be called by the code of a job that is running"):
        jobtui.current_run()


def test_who_is_given_up_at_the_stop_is_asked_to_stop(scheduler: Scheduler) -> None:
    """A thread that looks ends soon after, and within the grace nobody is asked."""
    begun, asked = threading.Event(), []

    def work() -> None:
        asked.append(current_run().cancelled)
        begun.set()
        asked.append(current_run().wait_cancelled(LIMIT))

    run = scheduler.now(work)
    assert begun.wait(LIMIT)
    assert not scheduler.stop(0)
    assert_no_threads_left()
    assert asked == [False, True]
    assert (run.state, "given up" in run.reason) == (RunState.CANCELLED, True)


def test_subscribers_are_no_part_of_the_run_that_woke_them(scheduler: Scheduler) -> None:
    """They are called in the worker's thread, between two runs."""
    found: list[str] = []
    told = threading.Event()

    def look() -> None:
        if threading.current_thread() is threading.main_thread():
            subscription.skip()
            return
        try:
            found.append(repr(current_run()))
        except RuntimeError as error:
            found.append(str(error)[:13])
        told.set()

    work = Work()
    subscription = scheduler.subscribe(look)
    run = scheduler.now(work.wait)
    assert work.begun.wait(LIMIT)
    subscription.skip()
    work.go_on.set()
    ending(run)
    assert told.wait(LIMIT)
    assert found[0] == "current_run()"
