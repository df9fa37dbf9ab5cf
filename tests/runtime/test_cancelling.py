"""Cancelling RUNNING runs: coroutines are interrupted, threads are asked to stop; and current_run()."""

import asyncio
import ctypes
import threading
from contextlib import suppress

import pytest
from support.real_threads import LIMIT, BlockingJob, MakeScheduler, assert_no_threads_left

import jobtui
from jobtui import Cancellation, Run, RunCancelledError, RunState, Scheduler, current_run
from jobtui.engine.enums import Trigger
from jobtui.engine.pool import CANCELS_PER_HOLD

MANY = 3 * CANCELS_PER_HOLD


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    """Make a running scheduler with a pool of 2."""
    scheduler = make_scheduler(pool=2)
    scheduler.start()
    return scheduler


def ending(run: Run) -> tuple[RunState, str]:
    """Return the state and the reason with which a run ends."""
    assert run.wait(LIMIT)
    return run.state, run.reason


async def other() -> str:
    """Return "fine" after another iteration of the event loop."""
    await asyncio.sleep(0)
    return "fine"


# --- threads --------------------------------------------------------------------------------------


def test_a_thread_that_reads_the_stop_request_and_returns_is_cancelled(scheduler: Scheduler) -> None:
    """``current_run().cancelled`` is True from the moment of the request; the run has no result."""
    blocker, seen = BlockingJob(), []

    def job() -> str:
        seen.append(current_run().cancelled)
        blocker.run()
        seen.append(current_run().cancelled)
        return "half"

    run = scheduler.now(job)
    blocker.wait_started()
    assert run.cancel() is Cancellation.ASKED
    assert run.cancel() is Cancellation.ASKED
    assert run.reason.startswith("asked to stop at ")
    blocker.release()
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert seen == [False, True]
    assert run.cancel() is Cancellation.TOO_LATE
    with pytest.raises(RunCancelledError, match=r"run 1 of .*job was CANCELLED: cancelled"):
        run.result(LIMIT)


def test_wait_cancelled_returns_as_soon_as_the_run_is_cancelled(scheduler: Scheduler) -> None:
    """Also if the run has been cancelled before."""
    started = threading.Event()
    answers: list[bool] = []

    def job() -> None:
        answers.append(current_run().wait_cancelled(0))
        started.set()
        answers.append(current_run().wait_cancelled(LIMIT))
        answers.append(current_run().wait_cancelled(LIMIT))

    run = scheduler.now(job)
    assert started.wait(LIMIT)
    assert run.cancel()
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert answers == [False, True, True]


def test_a_thread_that_never_reads_the_stop_request_keeps_its_result(scheduler: Scheduler) -> None:
    """The reason says that it finished before it noticed the request."""
    blocker = BlockingJob()

    def job() -> int:
        blocker.run()
        return 7

    run = scheduler.now(job)
    blocker.wait_started()
    assert scheduler.cancel(run.number) is Cancellation.ASKED
    blocker.release()
    assert ending(run) == (RunState.OK, "finished before it noticed the stop request")
    assert run.result(LIMIT) == 7


@pytest.mark.parametrize(
    ("error", "state"),
    [(RunCancelledError("I stopped"), RunState.CANCELLED), (OSError("no"), RunState.FAILED)],
)
def test_an_error_after_a_stop_request_is_a_failure_unless_it_confirms_the_stop(
    scheduler: Scheduler, error: Exception, state: RunState
) -> None:
    """RunCancelledError confirms the stop; any other error is a failure."""
    blocker = BlockingJob()

    def job() -> None:
        blocker.run()
        assert current_run().cancelled
        raise error

    run = scheduler.now(job)
    blocker.wait_started()
    assert run.cancel()
    blocker.release()
    assert ending(run)[0] is state


def test_a_thread_that_fails_after_a_stop_request_has_the_error_as_its_reason(scheduler: Scheduler) -> None:
    """And not that it did not notice the request."""
    blocker = BlockingJob()

    def job() -> None:
        blocker.run()
        raise OSError("no")

    run = scheduler.now(job)
    blocker.wait_started()
    assert run.cancel()
    blocker.release()
    assert ending(run) == (RunState.FAILED, "OSError: no")


def test_a_job_that_raises_run_cancelled_error_without_a_stop_request_fails(scheduler: Scheduler) -> None:
    """There was no stop to confirm."""

    def job() -> None:
        raise RunCancelledError("unasked")

    state, reason = ending(scheduler.now(job))
    assert (state, reason.endswith("RunCancelledError: unasked")) == (RunState.FAILED, True)


# --- coroutines -----------------------------------------------------------------------------------


def test_a_cancelled_coroutine_is_interrupted_and_cleans_up(scheduler: Scheduler) -> None:
    """CancelledError is raised at its await, its ``finally`` runs, and the loop continues."""
    started, cleaned = threading.Event(), []

    async def job() -> None:
        started.set()
        try:
            await asyncio.sleep(LIMIT)
        finally:
            cleaned.append(current_run().number)

    run = scheduler.now(job)
    assert started.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert cleaned == [run.number]
    with pytest.raises(RunCancelledError, match="run 1 of job was CANCELLED: cancelled"):
        run.result(LIMIT)
    assert scheduler.now(other).result(LIMIT) == "fine"


@pytest.mark.parametrize("result", ["cleaned up", None])
def test_a_coroutine_that_catches_the_cancellation_and_returns_is_cancelled(
    scheduler: Scheduler, result: object
) -> None:
    """It has seen the stop request, as a thread that reads it and returns."""
    started = threading.Event()

    async def job() -> object:
        started.set()
        try:
            await asyncio.sleep(LIMIT)
        except asyncio.CancelledError:
            return result
        return "slept"

    run = scheduler.now(job)
    assert started.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert ending(run) == (RunState.CANCELLED, "cancelled")


def test_a_coroutine_in_which_another_one_catches_the_cancellation_is_cancelled(scheduler: Scheduler) -> None:
    """The exception came to its code."""
    started = threading.Event()

    async def part() -> None:
        started.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(LIMIT)

    async def job() -> None:
        await asyncio.gather(part(), part())

    run = scheduler.now(job)
    assert started.wait(LIMIT)
    run.cancel()
    assert ending(run) == (RunState.CANCELLED, "cancelled")


def test_a_coroutine_that_is_cancelled_before_its_first_step_still_ends(scheduler: Scheduler) -> None:
    """Its task exists, but the loop is busy with another one."""
    blocker = BlockingJob()
    started: list[int] = []

    async def blocks() -> None:
        blocker.run()

    async def job() -> None:
        started.append(1)
        await asyncio.sleep(LIMIT)

    blocking = scheduler.now(blocks)
    blocker.wait_started()
    run = scheduler.now(job)
    while run.state is not RunState.RUNNING or run.cancel() is not Cancellation.INTERRUPTED:
        threading.Event().wait(0.001)  # until its worker has passed it to the loop
    blocker.release()
    assert ending(run)[0] is RunState.CANCELLED
    assert ending(blocking)[0] is RunState.OK


def test_a_coroutine_that_a_cancelled_run_returns_is_interrupted(scheduler: Scheduler) -> None:
    """The stop request came while the run was still a thread's work."""
    blocker = BlockingJob()

    async def sleeps() -> None:
        await asyncio.sleep(LIMIT)

    def job() -> object:
        blocker.run()
        return sleeps()

    run = scheduler.now(job)
    blocker.wait_started()
    assert run.cancel() is Cancellation.ASKED
    blocker.release()
    assert ending(run) == (RunState.CANCELLED, "cancelled")


def test_cancel_says_interrupted_also_if_the_coroutine_ends_at_once(scheduler: Scheduler) -> None:
    """`cancel` reads that from the stop request, since the task may be gone by then."""
    started = threading.Event()

    async def job() -> None:
        started.set()
        await asyncio.sleep(LIMIT)

    run = scheduler.now(job)
    assert started.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert run.wait(LIMIT)
    assert run.state is RunState.CANCELLED


class SlowCleanup:
    """A coroutine whose cleaning up lasts until the test releases it."""

    def __init__(self) -> None:
        self.started, self.cleaning, self.release = (threading.Event() for _ in range(3))
        self.cleaned: list[int] = []

    async def run(self) -> None:
        """Sleep until the coroutine is interrupted, then block in ``finally``."""
        self.started.set()
        try:
            await asyncio.sleep(LIMIT)
        finally:
            self.cleaning.set()
            await asyncio.to_thread(self.release.wait, LIMIT)
            self.cleaned.append(current_run().number)


def test_a_coroutine_that_is_cancelled_twice_is_interrupted_once(scheduler: Scheduler) -> None:
    """A second interruption would end its cleaning up."""
    work = SlowCleanup()
    run = scheduler.now(work)
    assert work.started.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert work.cleaning.wait(LIMIT)
    assert run.cancel() is Cancellation.INTERRUPTED
    assert scheduler.now(other).result(LIMIT) == "fine"  # by now the loop has executed the second cancel, too
    work.release.set()
    assert ending(run) == (RunState.CANCELLED, "cancelled")
    assert work.cleaned == [run.number]


def test_a_coroutine_that_cleans_up_after_the_stop_is_not_interrupted_by_a_late_cancel(
    scheduler: Scheduler,
) -> None:
    """The scheduler has given the run up."""
    work = SlowCleanup()
    run = scheduler.now(work)
    assert work.started.wait(LIMIT)
    assert not scheduler.stop(0)
    assert work.cleaning.wait(LIMIT)
    assert run.cancel() is Cancellation.TOO_LATE
    work.release.set()
    assert_no_threads_left()
    assert work.cleaned == [run.number]


# --- replace --------------------------------------------------------------------------------------


def test_replace_asks_the_running_job_to_stop_and_never_overlaps_it(scheduler: Scheduler) -> None:
    """The new run starts when the old one has ended."""
    numbers: list[int] = []
    running = 0
    started = threading.Semaphore(0)

    def job() -> None:
        nonlocal running
        running += 1
        assert running == 1
        numbers.append(current_run().number)
        started.release()
        stopped = current_run().wait_cancelled(LIMIT if current_run().number == 1 else 0)
        assert stopped is (current_run().number == 1)
        running -= 1

    replacing = scheduler.every("1h", job, overlap="replace")
    first = replacing.run()
    assert started.acquire(timeout=LIMIT)
    second = replacing.run()
    assert ending(first) == (RunState.CANCELLED, "replaced by run 2")
    assert ending(second) == (RunState.OK, "")
    assert numbers == [1, 2]


def test_replace_interrupts_a_running_coroutine(scheduler: Scheduler) -> None:
    """The new run need not wait until the coroutine reads the stop request."""
    started = threading.Semaphore(0)

    async def job() -> None:
        started.release()
        if current_run().number == 1:
            await asyncio.sleep(LIMIT)

    replacing = scheduler.every("1h", job, overlap="replace")
    first = replacing.run()
    assert started.acquire(timeout=LIMIT)
    second = replacing.run()
    assert ending(first) == (RunState.CANCELLED, "replaced by run 2")
    assert ending(second) == (RunState.OK, "")


# --- current_run() --------------------------------------------------------------------------------


def test_current_run_has_number_job_trigger_and_due(scheduler: Scheduler) -> None:
    """Of a run by `Job.run`, and of one after a delay."""
    seen: list[tuple[int, str, Trigger, bool]] = []

    def job() -> None:
        run = current_run()
        seen.append((run.number, run.job, run.trigger, run.due is None))
        assert repr(run) == f"<jobtui.current_run() {run.number} of {run.job!r}>"

    registered = scheduler.every("1h", job, name="registered")
    assert ending(registered.run())[0] is RunState.OK
    assert ending(scheduler.in_(0, job))[0] is RunState.OK
    assert seen[0] == (1, "registered", Trigger.NOW, True)
    assert seen[1][2:] == (Trigger.IN, False)


def test_current_run_raises_outside_of_a_run() -> None:
    """A None would fail later, somewhere else."""
    with pytest.raises(RuntimeError, match="only be called by the code of a job that is running"):
        jobtui.current_run()


def test_a_run_that_is_given_up_at_the_stop_is_asked_to_stop(scheduler: Scheduler) -> None:
    """Only after the grace."""
    started, cancelled = threading.Event(), []

    def work() -> None:
        cancelled.append(current_run().cancelled)
        started.set()
        cancelled.append(current_run().wait_cancelled(LIMIT))

    run = scheduler.now(work)
    assert started.wait(LIMIT)
    assert not scheduler.stop(0)
    assert_no_threads_left()
    assert cancelled == [False, True]
    assert (run.state, "given up" in run.reason) == (RunState.CANCELLED, True)


def test_a_subscriber_does_not_belong_to_the_run_that_caused_the_notification(scheduler: Scheduler) -> None:
    """It is called in the worker's thread, between two runs."""
    found: list[str] = []
    notified = threading.Event()

    def notify() -> None:
        if threading.current_thread() is threading.main_thread():
            subscription.read()
            return
        try:
            found.append(repr(current_run()))
        except RuntimeError as error:
            found.append(str(error)[:13])
        notified.set()

    blocker = BlockingJob()
    subscription = scheduler.subscribe(notify)
    run = scheduler.now(blocker.run)
    blocker.wait_started()
    subscription.read()
    blocker.release()
    ending(run)
    assert notified.wait(LIMIT)
    assert found[0] == "current_run()"


# --- many runs at once ----------------------------------------------------------------------------


@pytest.mark.parametrize("started", [True, False], ids=["running", "not-started"])
def test_remove_returns_when_all_waiting_runs_of_the_job_have_ended(
    make_scheduler: MakeScheduler, started: bool
) -> None:
    """However many there are, and whether or not the scheduler has started."""
    scheduler, blocker = make_scheduler(pool=1), BlockingJob()
    job = scheduler.every("1h", other)
    if started:
        scheduler.start()
        scheduler.now(blocker.run)
        blocker.wait_started()
    runs = [*(job.run() for _ in range(MANY)), *(scheduler.in_("1h", job) for _ in range(MANY))]
    assert job.remove()
    assert {run.state for run in runs} == {RunState.CANCELLED}
    assert {run.reason for run in runs} == {"job removed"}
    blocker.release()


@pytest.mark.parametrize("name", ["remove", "stop"])
def test_waiting_runs_end_although_an_exception_interrupts_the_call_that_cancels_them(
    make_scheduler: MakeScheduler, name: str
) -> None:
    """An asynchronous exception reaches the caller after the first of several slices."""
    scheduler, blocker = make_scheduler(pool=1), BlockingJob()
    job = scheduler.every("1h", other)
    scheduler.start()
    scheduler.now(blocker.run)
    blocker.wait_started()
    runs = [job.run() for _ in range(MANY)]
    interrupted = threading.Event()

    def call() -> None:
        caller = ctypes.c_ulong(threading.get_ident())

        def interrupt_once() -> None:
            if not interrupted.is_set():
                interrupted.set()
                ctypes.pythonapi.PyThreadState_SetAsyncExc(caller, ctypes.py_object(KeyboardInterrupt))

        scheduler.subscribe(interrupt_once)
        with pytest.raises(KeyboardInterrupt):
            job.remove() if name == "remove" else scheduler.stop(LIMIT)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(LIMIT)
    assert interrupted.is_set()
    assert [ending(run)[0] for run in runs] == [RunState.CANCELLED] * MANY
    blocker.release()
