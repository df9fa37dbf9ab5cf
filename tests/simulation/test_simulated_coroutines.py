"""The test kit with coroutines: they sleep until the test moves the clock."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobtui import Cancellation, RunState, current_run
from jobtui.simulation import inline_loop
from jobtui.simulation.inline_loop import InlineLoop
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 60.0  # seconds; no test waits that long unless it fails


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler, at midnight of a Thursday in UTC."""
    with simulated() as scheduler:
        yield scheduler


class BlockingTimes:
    """The seconds that the loop was ready to block in real time, each time before it did.

    Attributes:
        seconds: Those seconds.
        about_to_block: Set as soon as the loop is about to block.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: list[float] = []
        self.about_to_block = threading.Event()
        original = InlineLoop._seconds_to_block  # noqa: SLF001 - records how long the loop would block

        def record(loop: InlineLoop, tasks: set[asyncio.Task[object]], timeout: float | None) -> float:
            seconds = original(loop, tasks, timeout)
            self.seconds.append(seconds)
            if seconds > 0:
                self.about_to_block.set()
            return seconds

        monkeypatch.setattr(InlineLoop, "_seconds_to_block", record)


@pytest.fixture
def blocking_times(monkeypatch: pytest.MonkeyPatch) -> BlockingTimes:
    """Record the blocking times of the loop in this test."""
    return BlockingTimes(monkeypatch)


def after(*offsets: float) -> list[datetime]:
    """Return the instants that many seconds after the start."""
    return [START + timedelta(seconds=offset) for offset in offsets]


async def sleep(seconds: float) -> str:
    """Sleep."""
    await asyncio.sleep(seconds)
    return "slept"


def test_a_coroutine_sleeps_until_the_clock_is_moved(
    scheduler: SimulatedScheduler, blocking_times: BlockingTimes
) -> None:
    """It is RUNNING until then, ends at exactly that instant, and takes no real time."""
    seen: list[datetime] = []

    async def job() -> None:
        for _ in range(3):
            seen.append(scheduler.time)
            await asyncio.sleep(10)

    run = scheduler.now(job)
    assert (run.state, seen) == (RunState.RUNNING, after(0))
    scheduler.advance(29.5)
    assert (run.state, seen) == (RunState.RUNNING, after(0, 10, 20))
    scheduler.advance("1m")
    assert (run.state, [run.started, run.ended]) == (RunState.OK, after(0, 30))
    assert set(blocking_times.seconds) <= {0.0}


def test_waiting_for_a_sleeping_coroutine_raises(scheduler: SimulatedScheduler) -> None:
    """Time passes only in `advance`."""
    run = scheduler.now(sleep, 10)
    with pytest.raises(RuntimeError, match=r"run 1 of sleep is RUNNING, .*: time passes only in advance"):
        run.result()
    assert not run.wait(0)
    scheduler.advance(10)
    assert run.result() == "slept"


def test_a_cancelled_coroutine_has_cleaned_up_and_ended_when_cancel_returns(
    scheduler: SimulatedScheduler,
) -> None:
    """Cancelled by its handle or by its number."""
    cleaned: list[int] = []

    async def job() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            cleaned.append(current_run().number)

    first, second = scheduler.now(job), scheduler.now(job)
    assert first.cancel() is Cancellation.INTERRUPTED
    assert scheduler.cancel(second.number) is Cancellation.INTERRUPTED
    assert [(run.state, run.reason) for run in (first, second)] == [(RunState.CANCELLED, "cancelled")] * 2
    assert cleaned == [1, 2]


def test_system_exit_in_a_task_fails_its_run_only(scheduler: SimulatedScheduler) -> None:
    """SystemExit passes through the loop, but the loop and the test continue."""

    async def exits() -> None:
        raise SystemExit(3)

    async def job() -> None:
        await asyncio.create_task(exits())

    other = scheduler.now(sleep, 5)
    run = scheduler.now(job)
    assert (run.state, run.reason) == (RunState.FAILED, "SystemExit: 3")
    scheduler.advance(5)
    assert other.result() == "slept"


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_ctrl_c_in_a_coroutine_fails_the_run_and_ends_the_test(
    scheduler: SimulatedScheduler, seconds: float
) -> None:
    """At once or after a sleep."""

    async def fail() -> None:
        if seconds:
            await asyncio.sleep(seconds)
        raise KeyboardInterrupt

    job = scheduler.every("1m", fail)
    with pytest.raises(KeyboardInterrupt):
        scheduler.advance("5m")
    assert [run.state for run in scheduler.runs(job)][:1] == [RunState.FAILED]
    assert scheduler.time == START + timedelta(seconds=60 + seconds)


def test_a_coroutine_fails_in_a_test_that_is_a_coroutine() -> None:
    """Two loops cannot run in one thread."""

    async def test() -> None:
        with simulated() as scheduler:
            run = scheduler.now(sleep, 1)
            with pytest.raises(RuntimeError, match="make the test a plain function, without async"):
                run.result()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("seconds", "state"), [(5, RunState.OK), (10, RunState.OK), (10.5, RunState.CANCELLED)]
)
def test_running_coroutines_get_ten_seconds_of_the_clock_at_the_end(seconds: float, state: RunState) -> None:
    """Then they are cancelled."""
    with simulated() as scheduler:
        run = scheduler.now(sleep, seconds)
    assert run.state is state
    assert run.ended == scheduler.time == START + timedelta(seconds=min(seconds, 10))


def test_a_cancelled_coroutine_gets_ten_seconds_of_the_clock_to_clean_up() -> None:
    """So the test ends even if the cleanup does not."""
    cleaned: list[float] = []

    async def job() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            for _ in range(1_000):
                await asyncio.sleep(2)
                cleaned.append(asyncio.get_running_loop().time())

    with simulated() as scheduler:
        run = scheduler.now(job)
    assert run.state is RunState.CANCELLED
    assert [at - cleaned[0] for at in cleaned] == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_a_coroutine_that_never_waits_raises(
    scheduler: SimulatedScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the test would never end."""
    monkeypatch.setattr(inline_loop, "MAX_ITERATIONS", 100)
    stop: list[int] = []

    async def spin() -> None:
        while not stop:  # noqa: ASYNC110 - the mistake that is tested
            await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="coroutines were resumed 100 times at one instant"):
        scheduler.now(spin)
    stop.append(1)


def test_the_loop_blocks_for_a_thread_that_a_coroutine_waits_for(
    scheduler: SimulatedScheduler, blocking_times: BlockingTimes
) -> None:
    """No simulated time passes then, not even for sleeping coroutines."""

    async def asks_a_thread() -> bool:
        return await asyncio.to_thread(blocking_times.about_to_block.wait, LIMIT)

    scheduler.now(sleep, 10)
    run = scheduler.now(asks_a_thread)
    assert (run.result(), run.ended) == (True, START)
    blocking_times.seconds.clear()
    scheduler.advance(20)
    assert blocking_times.seconds
    assert set(blocking_times.seconds) == {0.0}


def test_the_loop_blocks_only_once_for_an_event_that_does_not_happen(
    scheduler: SimulatedScheduler, blocking_times: BlockingTimes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coroutine that waits for a later run does not delay the test at each instant."""
    monkeypatch.setattr(inline_loop, "PATIENCE", 0.01)
    event = asyncio.Event()

    async def waits() -> str:
        await event.wait()
        return "set"

    async def sets_event() -> None:
        event.set()

    run = scheduler.now(waits)
    assert [seconds for seconds in blocking_times.seconds if seconds] == [0.01]
    for _ in range(3):
        scheduler.advance(1)
    assert [seconds for seconds in blocking_times.seconds if seconds] == [0.01]
    scheduler.now(sets_event)
    assert run.result() == "set"


def test_a_coroutine_awaits_another_run_without_real_time(
    scheduler: SimulatedScheduler, blocking_times: BlockingTimes
) -> None:
    """Also one that is due later."""

    async def outer() -> list[str]:
        return [await scheduler.now(sleep, 5), await scheduler.in_(20, sleep, 1)]

    run = scheduler.now(outer)
    scheduler.advance(60)
    assert (run.result(), run.ended) == (["slept", "slept"], START + timedelta(seconds=26))
    assert set(blocking_times.seconds) == {0.0}


def test_a_test_that_is_a_coroutine_awaits_a_run(scheduler: SimulatedScheduler) -> None:
    async def main() -> int:
        found: int = await scheduler.now(lambda: 7)
        return found

    assert asyncio.run(main()) == 7


def test_a_simulated_scheduler_says_that_it_enters_no_event_loop() -> None:
    async def main() -> None:
        async with simulated():
            pass

    with pytest.raises(RuntimeError, match="without async"):
        asyncio.run(main())
