"""The test kit with coroutines: they sleep by the clock that the test moves, and end when it says so."""

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
LIMIT = 10.0  # seconds; no test waits that long unless it fails


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """A scheduler that is active, at midnight of a Thursday in UTC."""
    with simulated() as scheduler:
        yield scheduler


class Patience:
    """How many seconds a loop was willing to wait in real time, each time that it was asked.

    Attributes:
        waits: Those seconds.
        waiting: Is set as soon as it is about to wait.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits: list[float] = []
        self.waiting = threading.Event()
        whole = InlineLoop._patience

        def noted(loop: InlineLoop, tasks: set[asyncio.Task[object]], timeout: float | None) -> float:
            wait = whole(loop, tasks, timeout)
            self.waits.append(wait)
            if wait > 0:
                self.waiting.set()
            return wait

        monkeypatch.setattr(InlineLoop, "_patience", noted)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """How patient the loop is in this test."""
    return Patience(monkeypatch)


def after(*offsets: float) -> list[datetime]:
    """Return instants, as many seconds after the start."""
    return [START + timedelta(seconds=offset) for offset in offsets]


async def sleep(seconds: float) -> str:
    """Sleep."""
    await asyncio.sleep(seconds)
    return "slept"


def test_a_coroutine_sleeps_by_the_clock_that_the_test_moves(
    scheduler: SimulatedScheduler, patience: Patience
) -> None:
    """It is RUNNING until its time has passed, ends at exactly that instant, and takes no real time."""
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
    assert set(patience.waits) <= {0.0}


def test_a_coroutine_that_sleeps_cannot_be_waited_for(scheduler: SimulatedScheduler) -> None:
    """Time passes only where the test says so, and the message says that."""
    run = scheduler.now(sleep, 10)
    with pytest.raises(RuntimeError, match=r"run 1 of sleep is RUNNING, .*: time passes only in advance"):
        run.result()
    assert not run.wait(0)
    scheduler.advance(10)
    assert run.result() == "slept"


def test_a_coroutine_is_interrupted_and_has_ended_when_cancel_returns(scheduler: SimulatedScheduler) -> None:
    """Its ``finally`` has run, and the answer says what was done, whoever is asked."""
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


def test_a_task_of_a_coroutine_that_exits_ends_nothing_else(scheduler: SimulatedScheduler) -> None:
    """SystemExit in a task goes through the loop: that goes on, and so does the test."""

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
def test_ctrl_c_in_a_coroutine_ends_the_test(scheduler: SimulatedScheduler, seconds: float) -> None:
    """At once, or when it has slept; its run is FAILED."""

    async def fail() -> None:
        if seconds:
            await asyncio.sleep(seconds)
        raise KeyboardInterrupt

    job = scheduler.every("1m", fail)
    with pytest.raises(KeyboardInterrupt):
        scheduler.advance("5m")
    assert [run.state for run in scheduler.runs(job)][:1] == [RunState.FAILED]
    assert scheduler.time == START + timedelta(seconds=60 + seconds)


def test_in_a_test_that_is_a_coroutine_a_coroutine_fails_and_says_why() -> None:
    """Two loops cannot run in one thread."""

    async def test() -> None:
        with simulated() as scheduler:
            run = scheduler.now(sleep, 1)
            with pytest.raises(RuntimeError, match="let the test be a plain function, without async"):
                run.result()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("seconds", "state"), [(5, RunState.OK), (10, RunState.OK), (10.5, RunState.CANCELLED)]
)
def test_coroutines_that_are_going_get_ten_seconds_of_the_clock_at_the_end(
    seconds: float, state: RunState
) -> None:
    """What has not ended by then is given up, and then the ten seconds have passed."""
    with simulated() as scheduler:
        run = scheduler.now(sleep, seconds)
    assert run.state is state
    assert run.ended == scheduler.time == START + timedelta(seconds=min(seconds, 10))


def test_what_is_given_up_cleans_up_for_ten_seconds_of_the_clock() -> None:
    """Awaits included; and if that has no end, the test has one all the same."""
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


def test_a_coroutine_that_spins_is_stopped(
    scheduler: SimulatedScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock would stand for ever, and the test hang."""
    monkeypatch.setattr(inline_loop, "MOST_TURNS", 100)
    stop: list[int] = []

    async def spin() -> None:
        while not stop:  # noqa: ASYNC110 - what nobody should do
            await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="coroutines were resumed 100 times while the clock stood"):
        scheduler.now(spin)
    stop.append(1)


def test_a_thread_that_a_coroutine_waits_for_is_really_waited_for(
    scheduler: SimulatedScheduler, patience: Patience
) -> None:
    """The clock stands meanwhile, also for those who sleep by it; once it is done, nobody waits."""

    async def asks_a_thread() -> bool:
        return await asyncio.to_thread(patience.waiting.wait, LIMIT)

    scheduler.now(sleep, 10)
    run = scheduler.now(asks_a_thread)
    assert (run.result(), run.ended) == (True, START)
    patience.waits.clear()
    scheduler.advance(20)
    assert patience.waits
    assert set(patience.waits) == {0.0}


def test_what_never_comes_is_waited_for_once(
    scheduler: SimulatedScheduler, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coroutine that waits for what a later run does costs the test one wait, not one at each instant."""
    monkeypatch.setattr(inline_loop, "PATIENCE", 0.01)
    event = asyncio.Event()

    async def waits() -> str:
        await event.wait()
        return "told"

    async def tells() -> None:
        event.set()

    run = scheduler.now(waits)
    assert [wait for wait in patience.waits if wait] == [0.01]
    for _ in range(3):
        scheduler.advance(1)
    assert [wait for wait in patience.waits if wait] == [0.01]
    scheduler.now(tells)
    assert run.result() == "told"
