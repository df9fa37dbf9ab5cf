"""The dashboard on a real scheduler, whose jobs block until the test releases them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, redirect_stdout

from support.app_driver import WIDE, AppDriver, async_test, running_app

from jobtui.engine.enums import JobStatus, RunState, Trigger
from jobtui.engine.views import JobView, RunView
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.quit import QuitScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.line_table import LineTable


class BlockingJobs:
    """Functions for jobs, each of which blocks until the test releases it.

    Attributes:
        started: The names of the functions that have been called, in order.
    """

    def __init__(self) -> None:
        self.started: list[str] = []
        self._released: dict[str, threading.Event] = {}

    def job(self, name: str) -> Callable[[], None]:
        """Return a function that blocks until `release` is called with its name."""
        released = self._released[name] = threading.Event()

        def work() -> None:
            self.started.append(name)
            assert released.wait(20)

        return work

    def release(self, name: str) -> None:
        """Release one function."""
        self._released[name].set()

    def release_all(self) -> None:
        """Release every function."""
        for released in self._released.values():
            released.set()


@asynccontextmanager
async def live_dashboard(
    scheduler: Scheduler, blocking: BlockingJobs, output_log: OutputLog | None = None
) -> AsyncIterator[AppDriver]:
    """Run the dashboard on a running scheduler; at the end release every job and stop the scheduler."""
    scheduler.start()
    try:
        backend = LocalBackend(scheduler, "jobs.py", output_log)
        async with running_app(backend, WIDE, stop=scheduler.stop, grace=5.0) as driver:
            yield driver
            blocking.release_all()
    finally:
        blocking.release_all()
        # The worker threads may post to the loop, so it must not block while they end.
        await asyncio.to_thread(scheduler.stop)


def job_row(driver: AppDriver, name: str) -> JobView:
    """Return a job from the table of jobs."""
    found: JobView = next(each for each in driver.table().rows if each.name == name)
    return found


@async_test
async def test_r_starts_a_run_that_is_running_and_then_ok() -> None:
    """The job is RUNNING and then IDLE again, and its previous start changes."""
    blocking, scheduler = BlockingJobs(), Scheduler(pool=2, tz="UTC")
    scheduler.schedule("@yearly", blocking.job("a"), name="a")
    async with live_dashboard(scheduler, blocking) as driver:
        assert "○ IDLE     a" in driver.text
        assert job_row(driver, "a").prev is None
        await driver.press("r")
        await driver.until(lambda: "▶ RUNNING  a" in driver.text)
        assert "1/2" in driver.text
        [run] = driver.table("running").rows
        assert (run.job, run.state, run.trigger) == ("a", RunState.RUNNING, Trigger.HAND)
        prev = job_row(driver, "a").prev
        assert prev is not None
        blocking.release("a")
        await driver.until(lambda: "○ IDLE     a" in driver.text)
        assert "✓ OK" in driver.text
        [ending] = driver.table("recent").rows
        assert (ending.job, ending.state) == ("a", RunState.OK)
        assert job_row(driver, "a").runs == 1
        assert job_row(driver, "a").recent == (RunState.OK,)
        assert "nothing runs" in driver.text


@async_test
async def test_runs_wait_while_the_pool_is_full_and_start_in_order() -> None:
    """The pane Waiting lists them in the order in which they will start."""
    blocking, scheduler = BlockingJobs(), Scheduler(pool=1, tz="UTC")
    for name in "abc":
        scheduler.schedule("@yearly", blocking.job(name), name=name)
    async with live_dashboard(scheduler, blocking) as driver:
        await driver.press("r")
        await driver.until(lambda: blocking.started == ["a"])
        await driver.press("j", "j", "r")
        await driver.until(lambda: job_row(driver, "c").status is JobStatus.QUEUED)
        await driver.press("k", "r")
        await driver.until(lambda: job_row(driver, "b").status is JobStatus.QUEUED)
        await driver.press("r")  # a second run of the same job is queued or held behind its first
        await driver.until(lambda: len(driver.table("waiting").rows) == 3)
        waiting = driver.table("waiting").rows
        assert [run.job for run in waiting[:2]] == ["c", "b"]
        assert "SATURATED" in driver.text
        assert "◔ QUEUED" in driver.text
        blocking.release("a")
        await driver.until(lambda: blocking.started == ["a", "c"])
        blocking.release("c")
        await driver.until(lambda: blocking.started[:3] == ["a", "c", "b"])
        blocking.release("b")
        await driver.until(lambda: blocking.started == ["a", "c", "b", "b"])
        await driver.until(lambda: not driver.table("waiting").rows and not driver.table("running").rows)
        assert [run.job for run in driver.table("recent").rows] == ["b", "b", "c", "a"]


def line_of(driver: AppDriver, text: str) -> str:
    """Return the first line of the screen with a text; "" if there is none."""
    return next((line for line in driver.text.splitlines() if text in line), "")


@async_test
async def test_x_cancels_a_queued_run_and_plus_gives_the_next_one_a_slot() -> None:
    """The cancelled run never starts."""
    blocking, scheduler = BlockingJobs(), Scheduler(pool=1, tz="UTC")
    for name in "abc":
        scheduler.schedule("@yearly", blocking.job(name), name=name)
    async with live_dashboard(scheduler, blocking) as driver:
        await driver.press("r", "j", "r", "j", "r")
        await driver.until(lambda: len(driver.table("waiting").rows) == 2)
        cancelled = driver.table("waiting").rows[0].job
        await driver.press("2", "x", "y")
        await driver.until(lambda: len(driver.table("waiting").rows) == 1)
        await driver.settle()
        assert "⊘ CANCELLED" in driver.text
        await driver.press("plus")
        await driver.until(lambda: len(blocking.started) == 2)
        await driver.until(lambda: "2/2" in driver.text)
        assert cancelled not in blocking.started


@async_test
async def test_a_job_whose_run_was_asked_to_stop_says_so() -> None:
    blocking, scheduler = BlockingJobs(), Scheduler(tz="UTC")
    scheduler.schedule("@yearly", blocking.job("a"), name="a")
    async with live_dashboard(scheduler, blocking) as driver:
        await driver.press("r")
        await driver.until(lambda: bool(blocking.started))
        row = "▶ RUNNING  a"
        await driver.until(lambda: row in driver.text)
        assert "asked to stop" not in line_of(driver, row)
        await driver.press("X")
        await driver.until(lambda: "asked to stop" in line_of(driver, row))


@async_test
async def test_the_page_of_a_job_lists_the_run_that_goes_on_before_those_that_have_ended() -> None:
    """`enter` opens it. When it ends, it is listed once."""
    blocking, scheduler = BlockingJobs(), Scheduler(tz="UTC")
    scheduler.schedule("@yearly", blocking.job("a"), name="a")
    async with live_dashboard(scheduler, blocking) as driver:
        await driver.press("enter")
        runs: LineTable[RunView] = driver.screen.query_one("#job-runs", LineTable)
        assert "it has not run yet" in driver.text
        await driver.press("r")
        await driver.until(lambda: [run.state for run in runs.rows] == [RunState.RUNNING])
        await driver.press("enter")
        assert isinstance(driver.screen, RunScreen)
        assert "▶ RUNNING" in driver.text
        blocking.release("a")
        await driver.until(lambda: "✓ OK" in driver.text)
        await driver.press("escape")
        await driver.until(lambda: [run.state for run in runs.rows] == [RunState.OK])


@async_test
async def test_p_pauses_one_job_and_upper_p_pauses_the_other_and_resumes_only_that() -> None:
    """The table shows their status."""
    blocking, scheduler = BlockingJobs(), Scheduler(tz="UTC")
    for name in "ab":
        scheduler.schedule("@yearly", blocking.job(name), name=name)
    async with live_dashboard(scheduler, blocking) as driver:
        await driver.press("p", "p")
        await driver.until(lambda: job_row(driver, "a").status is JobStatus.PAUSED)
        await driver.press("P", "y")
        await driver.until(lambda: job_row(driver, "b").status is JobStatus.PAUSED)
        await driver.press("P", "y")
        await driver.until(lambda: job_row(driver, "b").status is JobStatus.IDLE)
        assert job_row(driver, "a").status is JobStatus.PAUSED


@async_test
async def test_the_screen_of_a_run_that_raised_shows_its_traceback() -> None:
    """The traceback and the error are not parsed as markup."""

    def fail() -> None:
        raise ValueError("[/b] no orders")

    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", fail)
    async with live_dashboard(scheduler, BlockingJobs()) as driver:
        await driver.press("r")
        await driver.until(lambda: "✗ FAILED" in driver.text)
        await driver.press("4", "enter")
        assert isinstance(driver.screen, RunScreen)
        assert 'raise ValueError("[/b] no orders")' in driver.text
        assert "ValueError: [/b] no orders" in driver.text
        assert "✗ 1 failed last" in driver.app.screen_stack[0].query_one("#gauge").render().plain  # type: ignore[union-attr]


@async_test
async def test_prints_and_log_records_of_a_job_are_in_its_output() -> None:
    """In the output of the run and of all jobs, and not on the main screen."""

    def talk() -> None:
        print("printed [b]so[/b]")
        logging.getLogger("talk").warning("logged so")

    output_log = OutputLog()
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", talk)
    logger = logging.getLogger("talk")
    with capture_streams(output_log) as streams:
        handler = logging.StreamHandler(streams[1])
        logger.addHandler(handler)
        try:
            async with live_dashboard(scheduler, BlockingJobs(), output_log) as driver:
                # Textual replaces the streams; in a real run `streams=` undoes that.
                with redirect_stdout(streams[0]):
                    await driver.press("r")
                    await driver.until(lambda: "✓ OK" in driver.text)
                assert "printed" not in driver.text
                await driver.press("4", "enter")
                assert "printed [b]so[/b]" in driver.text
                assert "logged so" in driver.text
                await driver.press("escape", "o")
                assert "talk" in driver.text
                assert "printed [b]so[/b]" in driver.text
        finally:
            logger.removeHandler(handler)


@async_test
async def test_w_in_the_quit_dialog_waits_for_the_running_run_and_cancels_the_waiting_one() -> None:
    """The app exits when the run has ended."""
    blocking, scheduler = BlockingJobs(), Scheduler(pool=1, tz="UTC")
    for name in "ab":
        scheduler.schedule("@yearly", blocking.job(name), name=name)
    async with live_dashboard(scheduler, blocking) as driver:
        await driver.press("r", "j", "r")
        await driver.until(lambda: len(driver.table("waiting").rows) == 1)
        await driver.press("q")
        assert isinstance(driver.screen, QuitScreen)
        assert "1 running, 1 waiting" in driver.text
        await driver.press("escape", "q", "w")
        await driver.until(lambda: "Waiting for the runs to end, at most 5 s." in driver.text)
        await driver.press("escape", "w")  # neither key has an effect
        assert isinstance(driver.screen, QuitScreen)
        assert not driver.exiting
        first = blocking.started[0]
        blocking.release(first)
        await driver.until(lambda: driver.exiting)
        assert blocking.started == [first]
    assert {run.job: run.state for run in scheduler.snapshot().recent} == {
        first: RunState.OK,
        ({"a", "b"} - {first}).pop(): RunState.CANCELLED,
    }


@async_test
async def test_a_burst_of_2000_runs_leaves_the_dashboard_with_the_right_counts() -> None:
    """One snapshot shows all of them."""
    scheduler = Scheduler(pool=4, tz="UTC")
    done = threading.Event()
    scheduler.schedule("@yearly", done.set, name="last")
    async with live_dashboard(scheduler, BlockingJobs()) as driver:
        runs = [scheduler.now(_do_nothing) for _ in range(2000)]
        assert await asyncio.to_thread(lambda: all(run.wait(20) for run in runs))
        await driver.press("r")
        await driver.until(lambda: done.is_set() and job_row(driver, "last").runs == 1)
        [group] = [each for each in driver.table().rows if each.schedule is None]
        assert group.runs == 2000
        assert isinstance(driver.screen, Dashboard)


def _do_nothing() -> None:
    pass
