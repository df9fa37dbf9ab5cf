"""Coroutines on the event loop of the application: `async with`, `loop=`, `await run`."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_no_threads_left, zero
from support.waiting import wait_until

from jobtui import Phase, RunCancelledError, RunState, Scheduler, StartError, current_run
from jobtui.runtime import ending_log
from jobtui.runtime.executors.loop_watch import LoopWatch


async def answer() -> int:
    """Return 42 after another iteration of the event loop."""
    await asyncio.sleep(0)
    return 42


async def running_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that runs this."""
    return asyncio.get_running_loop()


def returns_coroutine() -> Coroutine[Any, Any, asyncio.AbstractEventLoop]:
    """Return a coroutine, as a decorated function may."""
    return running_loop()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine, and fail if it hangs or leaves a thread of a scheduler behind."""

    async def limited() -> None:
        async with asyncio.timeout(3 * LIMIT):
            await main()

    asyncio.run(limited())
    assert_no_threads_left()


@contextmanager
def loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(LIMIT)
    loop.close()


# --- async with -----------------------------------------------------------------------------------


def test_coroutines_run_on_the_loop_that_enters_the_scheduler() -> None:
    """Also those that a function returns, and those of a job."""

    async def main() -> None:
        lock = asyncio.Lock()

        async def use_lock() -> bool:
            async with lock:
                return lock.locked()

        async with Scheduler(tz="UTC") as scheduler:
            job = scheduler.every("1h", running_loop)
            async with lock:
                waiting = scheduler.now(use_lock)
                for each in (scheduler.now(running_loop), scheduler.now(returns_coroutine), job.run()):
                    assert await each is asyncio.get_running_loop()
                assert not waiting.wait(0)
            assert await waiting
            assert await scheduler.now(threading.get_ident) != threading.get_ident()
        assert scheduler.snapshot().phase is Phase.STOPPED

    run(main)


def test_a_scheduler_enters_one_loop_after_another_and_then_has_a_loop_of_its_own() -> None:
    scheduler = Scheduler(tz="UTC")

    async def main() -> None:
        async with scheduler:
            assert await scheduler.now(running_loop) is asyncio.get_running_loop()

    for _ in range(2):
        run(main)
    with scheduler:
        assert scheduler.now(answer).result(LIMIT) == 42  # in the thread of the earlier loop


def test_the_loop_goes_on_while_the_scheduler_starts_and_stops() -> None:
    """The functions of the application that block are called in another thread."""

    async def main() -> None:
        loop, started, stopped = asyncio.get_running_loop(), threading.Event(), threading.Event()
        scheduler = Scheduler(tz="UTC")
        scheduler.on_app_start(lambda: started.wait(LIMIT))
        scheduler.on_app_stop(lambda: stopped.wait(LIMIT))
        loop.call_later(0.01, started.set)
        async with scheduler:
            assert started.is_set()
            loop.call_later(0.01, stopped.set)
        assert stopped.is_set()

    run(main)


def test_the_stop_lets_coroutines_end_then_cancels_them_and_waits_for_their_cleaning_up() -> None:
    async def main() -> None:
        cleaned_up = []

        async def waits() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0.01)
                cleaned_up.append(True)

        scheduler = Scheduler(tz="UTC")
        await scheduler.start_async()
        short, long = scheduler.now(asyncio.sleep, 0.05, "done"), scheduler.now(waits)
        await scheduler.now(answer)
        assert not await scheduler.stop_async(1.0)
        assert cleaned_up == [True]
        assert await short == "done"
        with pytest.raises(RunCancelledError, match="given up"):
            await long
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_the_stop_leaves_the_tasks_of_the_application_alone() -> None:
    async def main() -> None:
        release = asyncio.Event()
        own = asyncio.create_task(release.wait())
        async with Scheduler(tz="UTC") as scheduler:
            await scheduler.now(answer)
        release.set()
        assert await own

    run(main)


def test_a_job_can_stop_the_scheduler_that_runs_it_on_the_loop_of_the_application() -> None:
    async def main() -> None:
        scheduler = Scheduler(tz="UTC")
        await scheduler.start_async()
        stopping = scheduler.now(scheduler.stop_async, 5)
        await asyncio.to_thread(wait_until, lambda: scheduler.snapshot().phase is Phase.STOPPED)
        assert stopping.state is RunState.OK
        await scheduler.stop_async()

    run(main)


def test_a_start_that_is_cancelled_leaves_a_stopped_scheduler() -> None:
    async def main() -> None:
        starting, go_on = threading.Event(), threading.Event()
        scheduler = Scheduler(tz="UTC")

        @scheduler.on_app_start
        def wait() -> None:
            starting.set()
            go_on.wait(LIMIT)

        task = asyncio.create_task(scheduler.start_async())
        await asyncio.to_thread(starting.wait, LIMIT)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert scheduler.snapshot().phase is Phase.STOPPED

    run(main)


def test_a_start_that_fails_raises_in_the_caller() -> None:
    async def main() -> None:
        scheduler = Scheduler(tz="UTC")
        scheduler.on_app_start(lambda: 1 / 0)
        with pytest.raises(StartError, match="division by zero"):
            async with scheduler:
                pass

    run(main)


def test_a_run_on_the_loop_of_the_application_can_be_cancelled() -> None:
    async def main() -> None:
        async with Scheduler(tz="UTC") as scheduler:
            begun = asyncio.Event()

            async def waits() -> None:
                begun.set()
                await asyncio.sleep(3600)

            waiting = scheduler.now(waits)
            await begun.wait()
            assert waiting.cancel()
            with pytest.raises(RunCancelledError):
                await waiting

    run(main)


EAGER: Any = getattr(asyncio, "eager_task_factory", None)


@pytest.mark.skipif(EAGER is None, reason="new in Python 3.12")
def test_runs_end_once_on_a_loop_whose_tasks_begin_at_once() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(EAGER)
        async with Scheduler(tz="UTC") as scheduler:
            job = scheduler.every("1h", answer, overlap="allow")
            for _ in range(20):
                assert await job.run() == 42
            assert job.status.value == "IDLE"
            assert scheduler.snapshot().jobs[0].runs == 20

    run(main)


def test_a_slow_log_handler_does_not_block_the_loop_of_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A loop of the scheduler's own waits a little: a failure has been logged when the run has ended."""
    monkeypatch.setattr(ending_log, "WAIT_SECONDS", 3600.0)
    released = threading.Event()

    class Slow(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            assert released.wait(LIMIT)

    async def fail() -> None:
        raise LookupError

    async def main() -> None:
        scheduler = Scheduler(tz="UTC")
        await scheduler.start_async()
        with pytest.raises(LookupError):
            await scheduler.now(fail)
        assert not released.is_set()
        released.set()
        await scheduler.stop_async()

    logger, handler = logging.getLogger("jobtui"), Slow()
    logger.addHandler(handler)
    try:
        run(main)
    finally:
        released.set()
        logger.removeHandler(handler)


# --- loop= ----------------------------------------------------------------------------------------


def test_coroutines_run_on_the_loop_that_was_given(make_scheduler: MakeScheduler) -> None:
    """The scheduler neither stops nor closes that loop."""
    with loop_in_thread() as loop:
        scheduler = make_scheduler(loop=loop)
        for _ in range(2):
            with scheduler:
                assert scheduler.now(running_loop).result(LIMIT) is loop
        assert asyncio.run_coroutine_threadsafe(answer(), loop).result(LIMIT) == 42


def test_a_stop_in_another_thread_waits_for_the_coroutines_that_it_cancels(
    make_scheduler: MakeScheduler,
) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01)
            ended.set()

    with loop_in_thread() as loop:
        scheduler = make_scheduler(loop=loop)
        scheduler.start()
        scheduler.now(waits)
        assert begun.wait(LIMIT)
        assert not scheduler.stop(0.01)
        assert ended.is_set()


def test_a_scheduler_whose_loop_does_not_run_does_not_start(make_scheduler: MakeScheduler) -> None:
    loop = asyncio.new_event_loop()
    scheduler = make_scheduler(loop=loop)
    with pytest.raises(RuntimeError, match="must run before the scheduler starts"):
        scheduler.start()
    loop.close()
    assert scheduler.snapshot().phase is Phase.NEW


def test_something_else_than_a_loop_is_rejected() -> None:
    wrong: Any = "uvloop"
    with pytest.raises(TypeError, match="loop must be an asyncio event loop that runs, not 'uvloop'"):
        Scheduler(loop=wrong)


def test_runs_end_if_the_application_closes_the_loop(make_scheduler: MakeScheduler) -> None:
    with loop_in_thread() as loop:
        scheduler = make_scheduler(loop=loop)
        scheduler.start()
        waiting = scheduler.now(asyncio.sleep, 3600)
        wait_until(lambda: waiting.state is RunState.RUNNING)
        assert scheduler.now(answer).result(LIMIT) == 42
        task = asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
        task.result(LIMIT)
    later = scheduler.now(answer)
    for each in (waiting, later):
        assert each.wait(LIMIT)
        assert each.state is RunState.FAILED
    assert "its event loop has been closed" in later.reason + str(scheduler.run_view(later.number))


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_stop_that_would_block_the_loop_of_the_coroutines_says_what_to_write() -> None:
    async def main() -> None:
        async with Scheduler(tz="UTC") as scheduler:
            with pytest.raises(RuntimeError, match=r"write  await scheduler\.stop_async\(\)"):
                scheduler.stop()
            assert await scheduler.now(answer) == 42

    run(main)


def test_waiting_in_the_loop_of_the_coroutines_says_what_to_write() -> None:
    async def main() -> None:
        async with Scheduler(tz="UTC") as scheduler:
            await scheduler.now(answer)
            with pytest.raises(RuntimeError, match="write  await run"):
                scheduler.in_("1h", zero).result()

    run(main)


# --- awaiting runs --------------------------------------------------------------------------------


def test_a_run_can_be_awaited_in_a_loop_that_is_not_that_of_the_scheduler(
    make_scheduler: MakeScheduler,
) -> None:
    """The result, an exception, and a run that has ended already."""
    scheduler = make_scheduler()
    scheduler.start()
    error = LookupError("no such customer")

    def fail() -> None:
        raise error

    async def main() -> None:
        first = scheduler.now(answer)
        assert await first == 42
        assert await first == 42
        assert await first.result_async() == 42
        assert tuple(await asyncio.gather(scheduler.now(zero), scheduler.now(answer))) == (0, 42)
        with pytest.raises(LookupError) as raised:
            await scheduler.now(fail)
        assert raised.value is error

    asyncio.run(main())


def test_awaiting_a_run_ends_with_the_timeout(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()

    async def main() -> None:
        later = scheduler.in_("1h", zero)
        with pytest.raises(TimeoutError, match=r"is SCHEDULED after 0\.01 s"):
            await later.result_async(0.01)
        with pytest.raises(TimeoutError):
            await later.result_async(0)
        later.cancel()
        with pytest.raises(RunCancelledError):
            await later

    asyncio.run(main())


def test_a_coroutine_of_the_scheduler_can_await_another_run(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()

    async def outer() -> int:
        return await scheduler.now(answer) + await scheduler.now(zero)

    assert scheduler.now(outer).result(LIMIT) == 42


def test_a_run_cannot_await_its_own_end(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()
    runs: list[Any] = []

    async def waits() -> None:
        await asyncio.to_thread(wait_until, lambda: runs)
        await runs[0]

    runs.append(scheduler.now(waits))
    with pytest.raises(RuntimeError, match="would wait for ever"):
        runs[0].result(LIMIT)


def test_a_run_is_awaited_although_the_scheduler_stops(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()

    async def main() -> None:
        later = scheduler.in_("1h", zero)
        asyncio.get_running_loop().call_later(0.01, scheduler.stop)
        with pytest.raises(RunCancelledError):
            await later

    asyncio.run(main())


# --- a coroutine that blocks its loop -------------------------------------------------------------


class Heard(logging.Handler):
    """Keeps the messages of warnings, and lets a test wait for the first one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.first = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())
        self.first.set()


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Listen to the log."""
    handler, logger = Heard(), logging.getLogger("jobtui")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.mark.parametrize("own", [True, False], ids=["own loop", "loop of the application"])
def test_a_coroutine_that_blocks_its_loop_is_named_with_its_stack(
    make_scheduler: MakeScheduler, heard: Heard, *, own: bool
) -> None:
    def block() -> None:
        assert heard.first.wait(LIMIT)

    async def greedy() -> int:
        await asyncio.sleep(0)
        block()
        return current_run().number

    with loop_in_thread() as loop:
        scheduler = make_scheduler(loop=None if own else loop)
        scheduler.start()
        scheduler.now(asyncio.sleep, 3600)
        number = scheduler.now(greedy).result(LIMIT)
        scheduler.stop(0)
    [warning] = heard.messages
    first, *stack = warning.splitlines()
    assert first.startswith(f"run {number} of greedy has blocked its event loop for ")
    assert "asyncio.to_thread()" in first
    assert "in greedy" in stack[0]
    assert "assert heard.first.wait(LIMIT)" in warning


def test_a_block_is_reported_once_and_the_next_one_again() -> None:
    now, reports = 0.0, []
    watch = LoopWatch(lambda: now, lambda text, _: reports.append(text))

    async def main() -> None:
        nonlocal now
        for _ in range(2):
            for _ in range(6):
                watch.check(asyncio.get_running_loop(), threading.get_ident(), {})
                now += 0.5
            watch.answer()

    asyncio.run(main())
    assert len(reports) == 2
    assert "1.0 s" in reports[0]


def test_a_loop_that_answers_in_time_is_not_reported() -> None:
    now, reports = 0.0, []
    watch = LoopWatch(lambda: now, lambda text, _: reports.append(text))

    async def main() -> None:
        nonlocal now
        for _ in range(6):
            watch.check(asyncio.get_running_loop(), threading.get_ident(), {})
            now += 0.9
            watch.answer()

    asyncio.run(main())
    assert not reports


def test_a_loop_without_a_coroutine_that_could_block_it_is_not_reported() -> None:
    """The whole process was suspended, and the loop has not gone on yet."""
    now, reports = 0.0, []
    watch = LoopWatch(lambda: now, lambda text, _: reports.append(text))
    loop = asyncio.new_event_loop()
    for _ in range(4):
        watch.check(loop, threading.get_ident(), {})
        now += 1
    loop.close()
    assert not reports
