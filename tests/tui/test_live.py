"""The dashboard on a real scheduler, with jobs that go on until the test lets them end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, redirect_stdout

from support.app_driver import WIDE, AppDriver, async_test, running_app

from jobtui.engine.enums import JobStatus, RunState, Trigger
from jobtui.engine.views import JobView
from jobtui.frontend.backend import LocalBackend
from jobtui.runtime.output_capture import OutputLog, capture_streams
from jobtui.runtime.scheduler import Scheduler
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.quit import QuitScreen
from jobtui.tui.screens.run import RunScreen


class Gates:
    """Jobs that wait, each for its own gate.

    Attributes:
        started: The names of the jobs whose work has started, in order.
    """

    def __init__(self) -> None:
        self.started: list[str] = []
        self._gates: dict[str, threading.Event] = {}

    def job(self, name: str) -> Callable[[], None]:
        """A function that is named so and goes on until its gate is opened."""
        gate = self._gates[name] = threading.Event()

        def work() -> None:
            self.started.append(name)
            assert gate.wait(20)

        return work

    def open(self, name: str) -> None:
        """Let a job end."""
        self._gates[name].set()

    def open_all(self) -> None:
        """Let every job end."""
        for gate in self._gates.values():
            gate.set()


@asynccontextmanager
async def live(
    scheduler: Scheduler, gates: Gates, console: OutputLog | None = None
) -> AsyncIterator[AppDriver]:
    """A dashboard on a scheduler that runs; afterwards every gate is open and the scheduler has stopped."""
    scheduler.start()
    try:
        backend = LocalBackend(scheduler, "jobs.py", console)
        async with running_app(backend, WIDE, stop=scheduler.stop, grace=5.0) as driver:
            yield driver
            gates.open_all()
    finally:
        gates.open_all()
        # The worker threads may post to the loop, so it must not be held up by who waits for them.
        await asyncio.to_thread(scheduler.stop)


def job(driver: AppDriver, name: str) -> JobView:
    """A job as the table shows it."""
    found: JobView = next(each for each in driver.table().rows if each.name == name)
    return found


@async_test
async def test_r_makes_a_run_that_is_running_and_then_ok() -> None:
    """``r`` on an idle job shows RUNNING while it works, then IDLE; prev changes and the run is OK."""
    gates, scheduler = Gates(), Scheduler(pool=2, tz="UTC")
    scheduler.schedule("@yearly", gates.job("a"), name="a")
    async with live(scheduler, gates) as driver:
        assert "○ IDLE    a" in driver.text
        assert job(driver, "a").prev is None
        await driver.press("r")
        await driver.until(lambda: "▶ RUNNING a" in driver.text)
        assert "1/2" in driver.text
        [run] = driver.table("running").rows
        assert (run.job, run.state, run.trigger) == ("a", RunState.RUNNING, Trigger.HAND)
        prev = job(driver, "a").prev
        assert prev is not None
        gates.open("a")
        await driver.until(lambda: "○ IDLE    a" in driver.text)
        assert "✓ OK" in driver.text
        [ending] = driver.table("recent").rows
        assert (ending.job, ending.state) == ("a", RunState.OK)
        assert job(driver, "a").runs == 1
        assert job(driver, "a").recent == (RunState.OK,)
        assert "nothing runs" in driver.text


@async_test
async def test_with_the_pool_full_a_run_waits_at_the_end_and_starts_in_order() -> None:
    """What finds no slot is QUEUED, shown last in the waiting pane, and started first in, first out."""
    gates, scheduler = Gates(), Scheduler(pool=1, tz="UTC")
    for name in "abc":
        scheduler.schedule("@yearly", gates.job(name), name=name)
    async with live(scheduler, gates) as driver:
        await driver.press("r")
        await driver.until(lambda: gates.started == ["a"])
        await driver.press("j", "j", "r")
        await driver.until(lambda: job(driver, "c").status is JobStatus.QUEUED)
        await driver.press("k", "r")
        await driver.until(lambda: job(driver, "b").status is JobStatus.QUEUED)
        await driver.press("r")  # a second run of the same job is queued or held behind its first
        await driver.until(lambda: len(driver.table("waiting").rows) == 3)
        waiting = driver.table("waiting").rows
        assert [run.job for run in waiting[:2]] == ["c", "b"]
        assert "SATURATED" in driver.text
        assert "◔ QUEUED" in driver.text
        gates.open("a")
        await driver.until(lambda: gates.started == ["a", "c"])
        gates.open("c")
        await driver.until(lambda: gates.started[:3] == ["a", "c", "b"])
        gates.open("b")
        await driver.until(lambda: gates.started == ["a", "c", "b", "b"])
        await driver.until(lambda: not driver.table("waiting").rows and not driver.table("running").rows)
        assert [run.job for run in driver.table("recent").rows] == ["b", "b", "c", "a"]


@async_test
async def test_a_waiting_run_is_cancelled_and_the_pool_grows() -> None:
    """``x`` takes a queued run out; ``+`` gives the next one its slot."""
    gates, scheduler = Gates(), Scheduler(pool=1, tz="UTC")
    for name in "abc":
        scheduler.schedule("@yearly", gates.job(name), name=name)
    async with live(scheduler, gates) as driver:
        await driver.press("r", "j", "r", "j", "r")
        await driver.until(lambda: len(driver.table("waiting").rows) == 2)
        cancelled = driver.table("waiting").rows[0].job
        await driver.press("2", "x", "y")
        await driver.until(lambda: len(driver.table("waiting").rows) == 1)
        driver.app.clear_notifications()  # they lie over the pane
        await driver.settle()
        assert "⊘ CANCELLED" in driver.text
        await driver.press("plus")
        await driver.until(lambda: len(gates.started) == 2)
        await driver.until(lambda: "2/2" in driver.text)
        assert cancelled not in gates.started


@async_test
async def test_pausing_and_resuming() -> None:
    """``p`` and ``P`` reach the scheduler, and its answer reaches the table."""
    gates, scheduler = Gates(), Scheduler(tz="UTC")
    for name in "ab":
        scheduler.schedule("@yearly", gates.job(name), name=name)
    async with live(scheduler, gates) as driver:
        await driver.press("p")
        await driver.until(lambda: job(driver, "a").status is JobStatus.PAUSED)
        await driver.press("P")
        await driver.until(lambda: job(driver, "b").status is JobStatus.PAUSED)
        await driver.press("P")
        await driver.until(lambda: {each.status for each in driver.table().rows} == {JobStatus.IDLE})


@async_test
async def test_a_run_that_fails_opens_its_traceback() -> None:
    """The traceback of a real failure is one key away."""

    def fail() -> None:
        raise ValueError("[/b] no orders")

    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", fail)
    async with live(scheduler, Gates()) as driver:
        await driver.press("r")
        await driver.until(lambda: "✗ FAILED" in driver.text)
        await driver.press("4", "enter")
        assert isinstance(driver.screen, RunScreen)
        assert 'raise ValueError("[/b] no orders")' in driver.text
        assert "ValueError: [/b] no orders" in driver.text
        assert "✗ 1 failed last" in driver.app.screen_stack[0].query_one("#gauge").render().plain  # type: ignore[union-attr]


@async_test
async def test_what_a_job_prints_is_in_its_run() -> None:
    """A print and a log record end in the run's output and in the output of all, and not on the screen."""

    def talk() -> None:
        print("printed [b]so[/b]")
        logging.getLogger("talk").warning("logged so")

    console = OutputLog()
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", talk)
    logger = logging.getLogger("talk")
    with capture_streams(console) as streams:
        handler = logging.StreamHandler(streams[1])
        logger.addHandler(handler)
        try:
            async with live(scheduler, Gates(), console) as driver:
                # Textual puts streams of its own in place, which `streams=` undoes in a real run.
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
async def test_quit_asks_while_a_run_goes_and_w_waits_for_it() -> None:
    """``q`` with a run going asks; ``w`` waits for its end and then leaves; what waits is cancelled."""
    gates, scheduler = Gates(), Scheduler(pool=1, tz="UTC")
    for name in "ab":
        scheduler.schedule("@yearly", gates.job(name), name=name)
    async with live(scheduler, gates) as driver:
        await driver.press("r", "j", "r")
        await driver.until(lambda: len(driver.table("waiting").rows) == 1)
        await driver.press("q")
        assert isinstance(driver.screen, QuitScreen)
        assert "1 running, 1 waiting" in driver.text
        await driver.press("escape", "q", "w")
        await driver.until(lambda: "Waiting for the runs to end, at most 5 s." in driver.text)
        await driver.press("escape", "w")  # too late to stay
        assert isinstance(driver.screen, QuitScreen)
        assert not driver.app._exit
        first = gates.started[0]
        gates.open(first)
        await driver.until(lambda: driver.app._exit)
        assert gates.started == [first]
    assert {run.job: run.state for run in scheduler.snapshot().recent} == {
        first: RunState.OK,
        ({"a", "b"} - {first}).pop(): RunState.CANCELLED,
    }


@async_test
async def test_5000_events_do_not_hold_the_scheduler_up() -> None:
    """A burst of runs while nobody looks leaves one picture to show, and it is the right one."""
    scheduler = Scheduler(pool=4, tz="UTC")
    done = threading.Event()
    scheduler.schedule("@yearly", done.set, name="last")
    async with live(scheduler, Gates()) as driver:
        runs = [scheduler.now(_nothing) for _ in range(2000)]
        assert await asyncio.to_thread(lambda: all(run.wait(20) for run in runs))
        await driver.press("r")
        await driver.until(lambda: done.is_set() and job(driver, "last").runs == 1)
        [group] = [each for each in driver.table().rows if each.schedule is None]
        assert group.runs == 2000
        assert isinstance(driver.screen, Dashboard)


def _nothing() -> None:
    pass
