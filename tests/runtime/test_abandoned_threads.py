"""Tests of timeouts with real threads: threads that stop, and threads that hang and are abandoned."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from support.real_threads import LIMIT, BlockingJob, MakeScheduler
from support.waiting import wait_until

from jobtui import Retry, Run, RunCancelledError, RunStack, RunState, StackFrame, current_run

SOON = 0.05  # seconds until a run of these tests times out
NEVER = 3600.0  # seconds of a limit that no test reaches


def _frames(stack: RunStack | None) -> tuple[StackFrame, ...]:
    """Return the frames of a stack; none if there is no stack."""
    return () if stack is None else stack.frames


@pytest.fixture
def blocker() -> BlockingJob:
    """Return a job that blocks until it is released."""
    return BlockingJob()


def test_a_thread_that_hangs_is_abandoned_and_its_job_runs_again(
    make_scheduler: MakeScheduler, blocker: BlockingJob
) -> None:
    with make_scheduler(pool=1) as scheduler:
        job = scheduler.every("1h", blocker, name="stuck", timeout=SOON, abandon=SOON)
        first = job.run()
        second = job.run()
        blocker.wait_started(2)  # the second one, too: slot and gate are free
        assert first.state is RunState.TIMED_OUT
        assert first.wait(LIMIT)
        wait_until(lambda: scheduler.pool_view().abandoned == 2)
        assert second.state is RunState.TIMED_OUT
        assert scheduler.pool_view().running == 0
        assert [run.number for run in scheduler.snapshot().abandoned] == [1, 2]

        blocker.release()
        wait_until(lambda: scheduler.pool_view().abandoned == 0)
        assert [run.state for run in (first, second)] == [RunState.TIMED_OUT] * 2
        [view] = scheduler.snapshot().jobs
        assert (view.runs, view.failures) == (2, 2)
        assert scheduler.now(lambda: "works").result(LIMIT) == "works"


def test_the_ending_of_an_abandoned_run_has_the_stack_of_its_thread(
    make_scheduler: MakeScheduler, blocker: BlockingJob
) -> None:
    with make_scheduler() as scheduler:
        run = scheduler.every("1h", blocker, name="stuck", timeout=SOON, abandon=0).run()
        assert run.wait(LIMIT)
        error = scheduler.run_view(run.number).error
        stack = scheduler.stack(run.number)
        blocker.release()

    assert "assert self._released.wait(LIMIT)" in error
    assert error.splitlines()[-1].startswith("TimeoutError: still ran ")
    assert "threads.py" not in error.partition("threading.py")[0].replace("real_threads.py", "")
    assert stack is not None
    assert (stack.state, stack.frames[0].function) == (RunState.TIMED_OUT, "run")


def test_a_thread_that_reads_the_request_and_returns_is_timed_out(make_scheduler: MakeScheduler) -> None:
    def work() -> str:
        run = current_run()
        while not run.wait_cancelled(LIMIT):
            pass
        return "stopped"

    with make_scheduler() as scheduler:
        run = scheduler.every("1h", work, name="polite", timeout=SOON, abandon=NEVER).run()
        assert run.wait(LIMIT)
        assert run.state is RunState.TIMED_OUT
        with pytest.raises(TimeoutError, match="run 1 of polite: timed out after"):
            run.result()
        assert scheduler.pool_view().abandoned == 0


def test_a_thread_that_ends_late_without_noticing_is_ok_and_says_so(
    make_scheduler: MakeScheduler, blocker: BlockingJob
) -> None:
    with make_scheduler() as scheduler:
        run = scheduler.every("1h", blocker, name="late", timeout=SOON, abandon=NEVER).run()
        wait_until(lambda: "asked to stop" in run.reason)
        blocker.release()
        assert run.result(LIMIT) == "released"
        assert run.state is RunState.OK
        assert run.reason.startswith("finished late: timed out after ")


def test_a_coroutine_that_blocks_the_event_loop_is_abandoned(make_scheduler: MakeScheduler) -> None:
    release = threading.Event()

    async def block() -> None:
        release.wait(LIMIT)

    with make_scheduler() as scheduler:
        run = scheduler.every("1h", block, name="blocks", timeout=SOON, abandon=SOON).run()
        assert run.wait(LIMIT)
        stack = scheduler.stack(run.number)
        release.set()
        wait_until(lambda: scheduler.pool_view().abandoned == 0)

    assert run.state is RunState.TIMED_OUT
    assert stack is not None
    assert [stack.frames[0].function, stack.frames[0].source] == ["block", "release.wait(LIMIT)"]


def test_the_stack_of_a_coroutine_goes_on_in_the_tasks_of_gather(
    make_scheduler: MakeScheduler,
) -> None:
    async def fetch() -> None:
        await asyncio.sleep(LIMIT)

    async def report() -> None:
        await asyncio.gather(fetch(), fetch())

    with make_scheduler() as scheduler:
        run = scheduler.every("1h", report, name="report").run()
        wait_until(lambda: len(_frames(scheduler.stack(run.number))) > 1)
        wait_until(lambda: _frames(scheduler.stack(run.number))[-1].function == "sleep")
        frames = _frames(scheduler.stack(run.number))
        run.cancel()

    assert [frame.function for frame in frames] == ["report", "", "fetch", "sleep"]
    assert frames[1].source.endswith("and 1 other at the same place]")


def test_the_stack_of_a_thread_goes_on_in_the_task_of_asyncio_run(make_scheduler: MakeScheduler) -> None:
    async def fetch() -> None:
        await asyncio.sleep(LIMIT)

    async def report() -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.gather(fetch(), fetch())

    def work() -> None:
        with suppress(RuntimeError):  # the loop was stopped
            asyncio.run(report())

    loops: list[asyncio.AbstractEventLoop] = []
    with make_scheduler() as scheduler:
        run = scheduler.now(work)
        wait_until(lambda: "in fetch" in getattr(scheduler.stack(run.number), "text", ""))
        frames = _frames(scheduler.stack(run.number))
        loops[0].call_soon_threadsafe(loops[0].stop)
        assert run.wait(LIMIT)

    names = [frame.function or frame.source for frame in frames]
    assert names[0] == "work"
    assert names.index("run_until_complete") < names.index("report") < names.index("fetch")
    assert any("its event loop runs Task-" in name for name in names)


def test_an_exception_from_outside_ends_the_count_of_an_abandoned_run(
    make_scheduler: MakeScheduler, blocker: BlockingJob
) -> None:
    def fail_late() -> None:
        blocker.run()
        raise SystemExit

    with make_scheduler() as scheduler:
        run = scheduler.every("1h", fail_late, name="stuck", timeout=SOON, abandon=0).run()
        wait_until(lambda: scheduler.pool_view().abandoned == 1)
        blocker.release()
        wait_until(lambda: scheduler.pool_view().abandoned == 0)
        assert run.state is RunState.TIMED_OUT


def test_health_names_the_problem_when_no_more_runs_are_abandoned(
    make_scheduler: MakeScheduler, blocker: BlockingJob
) -> None:
    with make_scheduler(pool=0, abandoned=1) as scheduler:
        for name in ("a", "b"):
            scheduler.every("1h", blocker, name=name, timeout=SOON, abandon=0).run()
        wait_until(lambda: scheduler.liveness().problem)
        assert scheduler.liveness().problem == "1 abandoned runs go on, and jobs.abandoned = 1 allows no more"
        blocker.release()
        wait_until(lambda: not scheduler.liveness().problem)


def test_the_stack_of_a_running_thread_has_its_source_lines(
    make_scheduler: MakeScheduler, blocker: BlockingJob
) -> None:
    with make_scheduler() as scheduler:
        run = scheduler.now(blocker)
        blocker.wait_started()
        wait_until(lambda: "wait" in str(scheduler.stack(run.number)))
        stack = scheduler.stack(run.number)
        blocker.release()
        assert run.wait(LIMIT)
        assert scheduler.stack(run.number) is None
        assert scheduler.stack(4711) is None

    assert stack is not None
    assert (stack.number, stack.state, stack.worker) == (run.number, RunState.RUNNING, "worker-1")
    outermost = stack.frames[0]
    assert outermost.file.endswith("real_threads.py")
    assert (outermost.function, outermost.source) == ("run", "assert self._released.wait(LIMIT)")
    assert stack.text.startswith(f'  File "{outermost.file}", line {outermost.line}, in run\n    assert self')


def test_a_deep_stack_is_shown_without_its_middle(
    make_scheduler: MakeScheduler, blocker: BlockingJob
) -> None:
    def dig(depth: int) -> None:
        if depth:
            dig(depth - 1)
        else:
            blocker.run()

    with make_scheduler() as scheduler:
        run = scheduler.now(dig, 500)
        blocker.wait_started()
        stack = scheduler.stack(run.number)
        blocker.release()
        assert run.wait(LIMIT)

    assert stack is not None
    assert len(stack.frames) == 65
    assert "frames left out" in stack.frames[32].source


def test_the_stack_of_a_coroutine_goes_through_what_it_awaits(make_scheduler: MakeScheduler) -> None:
    started = threading.Event()

    async def inner() -> None:
        started.set()
        await asyncio.sleep(LIMIT)

    async def outer() -> None:
        await inner()

    with make_scheduler() as scheduler:
        run: Run = scheduler.now(outer)
        assert started.wait(LIMIT)
        wait_until(lambda: "sleep" in {frame.function for frame in _frames(scheduler.stack(run.number))})
        names = [frame.function for frame in _frames(scheduler.stack(run.number))]
        run.cancel()

    assert names == ["outer", "inner", "sleep"]


def _return_when_asked() -> str:
    run = current_run()
    if run.attempt == 1 and run.wait_cancelled(LIMIT):
        return "stopped"
    return f"attempt {run.attempt}, asked to stop: {run.cancelled}"


def _raise_when_asked() -> str:
    if _return_when_asked() == "stopped":
        raise RunCancelledError
    return "attempt 2, asked to stop: False"


async def _sleep_when_first() -> str:
    run = current_run()
    if run.attempt == 1:
        await asyncio.sleep(LIMIT)
    await asyncio.sleep(0)
    return f"attempt {run.attempt}, asked to stop: {run.cancelled}"


@pytest.mark.parametrize("work", [_return_when_asked, _raise_when_asked, _sleep_when_first])
def test_an_attempt_that_times_out_is_followed_by_one_that_is_not_asked_to_stop(
    make_scheduler: MakeScheduler, work: Callable[[], object]
) -> None:
    with make_scheduler() as scheduler:
        retry = Retry(1, first=0.001)
        run = scheduler.every("1h", work, name="slow", timeout=SOON, abandon=NEVER, retry=retry).run()
        assert run.result(LIMIT) == "attempt 2, asked to stop: False"
        [made] = scheduler.run_view(1).attempts_made
        assert made.reason.startswith("TimeoutError: timed out after ")
