"""Functions that are called for endings, in real threads and in simulated time."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended, assert_no_threads_left, zero
from support.waiting import wait_until

import jobtui
from jobtui import Ending, RunState, Scheduler
from jobtui.testing import SimulatedScheduler, simulated


class NoOrderError(Exception):
    """An error of a job."""


def fail() -> None:
    """Raise an exception."""
    raise NoOrderError("no order")


async def answer() -> str:
    """Return a value."""
    return "42"


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    """Make a running scheduler."""
    scheduler = make_scheduler(pool=4)
    scheduler.stop_logging()
    scheduler.start()
    return scheduler


# --- real threads ---------------------------------------------------------------------------------


def test_a_function_gets_the_view_the_result_and_the_exception(scheduler: Scheduler) -> None:
    """Of functions and coroutines, in a thread of its own."""
    endings: list[Ending] = []
    threads: set[str] = set()

    @scheduler.on_success
    @scheduler.on_failure
    def note(ending: Ending) -> None:
        endings.append(ending)
        threads.add(threading.current_thread().name)

    assert_ended(scheduler.now(zero), scheduler.now(answer))
    failed = scheduler.now(fail)
    assert_ended(failed)
    scheduler.stop()
    assert {ending.run.number: ending.result for ending in endings} == {1: 0, 2: "42", 3: None}
    [last] = [ending for ending in endings if ending.run.number == 3]
    assert last.run.state is RunState.FAILED
    assert last.run.reason.endswith("NoOrderError: no order")
    assert isinstance(last.exception, NoOrderError)
    assert last.exception.__traceback__ is not None
    assert threads == {"jobtui-callbacks"}
    assert_no_threads_left()


def test_no_ending_is_left_out_however_slow_a_function_is(scheduler: Scheduler) -> None:
    """A subscription would lose events. A stop waits for the functions."""
    release, numbers = threading.Event(), []

    @scheduler.on_success
    def slow(ending: Ending) -> None:
        assert release.wait(LIMIT)
        numbers.append(ending.run.number)

    runs = [scheduler.now(zero) for _ in range(5_000)]
    assert_ended(*runs)
    release.set()
    scheduler.stop()
    assert sorted(numbers) == [run.number for run in runs]


def test_functions_are_called_in_order_and_after_one_that_raises(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of the scheduler before that of the job."""
    calls: list[str] = []
    job = scheduler.every("1h", fail, on_failure=lambda _: calls.append("job"))
    scheduler.on_failure(lambda _: calls.append("first"))

    @scheduler.on_failure
    def broken(_: Ending) -> None:
        raise SystemExit(3)

    scheduler.on_failure(lambda _: calls.append("third"))
    with caplog.at_level(logging.ERROR, "jobtui"):
        assert_ended(job.run())
        scheduler.stop()
    assert calls == ["first", "third", "job"]
    assert [record.message for record in caplog.records] == ["on_failure function broken raised"]


def test_a_function_may_request_runs_and_stop_the_scheduler(scheduler: Scheduler) -> None:
    stopped = threading.Event()
    runs = []

    @scheduler.on_failure
    def try_again(_: Ending) -> None:
        runs.append(scheduler.now(zero))
        runs[-1].wait(LIMIT)
        scheduler.stop()
        stopped.set()

    scheduler.now(fail)
    assert stopped.wait(LIMIT)
    assert runs[0].state is RunState.OK
    assert_no_threads_left()


def test_a_function_that_is_registered_later_gets_later_endings(scheduler: Scheduler) -> None:
    endings: list[int] = []
    assert_ended(scheduler.now(zero))
    scheduler.on_success(lambda ending: endings.append(ending.run.number))
    assert_ended(scheduler.now(zero))
    scheduler.stop()
    assert endings == [2]


def test_the_functions_are_called_after_another_start(scheduler: Scheduler) -> None:
    endings: list[int] = []
    scheduler.on_success(lambda ending: endings.append(ending.run.number))
    assert_ended(scheduler.now(zero))
    scheduler.stop()
    scheduler.start()
    assert_ended(scheduler.now(zero))
    wait_until(lambda: endings == [1, 2])


def test_with_a_store_the_functions_are_called_too(tmp_path: Any) -> None:
    endings: list[int] = []
    with Scheduler(store=tmp_path / "jobs.db") as scheduler:
        scheduler.on_success(lambda ending: endings.append(ending.run.number))
        assert_ended(scheduler.now(zero))
    assert endings == [1]
    with Scheduler(store=tmp_path / "jobs.db") as scheduler:
        assert [run.number for run in scheduler.find_runs()] == [1]


# --- simulated time -------------------------------------------------------------------------------


@pytest.fixture
def simulation() -> SimulatedScheduler:
    """Make a simulated scheduler."""
    return simulated()


def test_in_simulated_time_a_function_is_called_at_the_instant_of_the_ending(
    simulation: SimulatedScheduler,
) -> None:
    seen: list[tuple[str, float]] = []
    with simulation:
        start = simulation.time

        def note(ending: Ending) -> None:
            seen.append((ending.run.state.value, (simulation.time - start).total_seconds()))

        simulation.every("10s", fail, on_failure=note)
        simulation.every("15s", zero, on_success=note)
        simulation.advance("30s")
    assert seen == [("FAILED", 10), ("OK", 15), ("FAILED", 20), ("OK", 30), ("FAILED", 30)]


def test_each_of_several_ticks_in_a_row_that_start_no_run_is_told(simulation: SimulatedScheduler) -> None:
    """Although they share an entry of the ledger."""
    seen: list[tuple[int, int]] = []

    async def long() -> None:
        await asyncio.sleep(45)

    def note(ending: Ending) -> None:
        assert ending.run.due is not None
        seen.append((ending.run.due.second, ending.run.ticks))

    with simulation:
        simulation.on_missed(note)
        simulation.every("10s", long, overlap="skip")
        simulation.advance("50s")
        [entry] = simulation.runs_of("long")
    assert seen == [(20, 1), (30, 1), (40, 1), (50, 1)]
    assert entry.ticks == 4


def test_ticks_that_start_no_run_are_told(simulation: SimulatedScheduler) -> None:
    """Skipped ones and missed ones, but not those of a paused job."""
    seen: list[tuple[str, str, int]] = []

    async def long() -> None:
        await asyncio.sleep(25)

    with simulation:
        simulation.on_missed(
            lambda ending: seen.append((ending.run.job, ending.run.state.value, ending.run.ticks))
        )
        simulation.every("10s", long, overlap="skip")
        simulation.every("10s", zero, misfire="skip").pause()
        strict = simulation.every("10s", zero, misfire="skip", name="strict")
        simulation.advance("20s")
        strict.pause()
        simulation.advance("10s")
        strict.resume()
        simulation.suspend("1m")
    assert ("long", "SKIPPED", 1) in seen
    assert ("zero", "MISSED", 1) not in seen
    assert [each for each in seen if each[0] == "strict"] == [("strict", "MISSED", 5)]


def test_cancelled_runs_are_not_told(simulation: SimulatedScheduler) -> None:
    seen: list[Ending] = []
    with simulation:
        for register in (simulation.on_success, simulation.on_failure, simulation.on_missed):
            register(seen.append)
        simulation.in_("1h", zero).cancel()
        simulation.advance("2h")
    assert seen == []


def test_a_default_function_is_that_of_the_jobs_that_have_none() -> None:
    seen: list[str] = []
    with simulated(defaults={"on_success": lambda _: seen.append("default")}) as simulation:
        simulation.every("10s", zero)
        simulation.every("10s", zero, name="other", on_success=lambda _: seen.append("own"))
        simulation.advance("10s")
    assert seen == ["default", "own"]


def test_the_functions_of_the_package_are_those_of_the_default_scheduler(
    simulation: SimulatedScheduler,
) -> None:
    seen: list[int] = []
    with simulation:
        jobtui.on_success(lambda ending: seen.append(ending.run.number))
        simulation.now(zero)
        simulation.advance(1)
    assert seen == [1]


async def asynchronous(_: Ending) -> None:
    """Cannot be called."""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            asynchronous,
            "on_failure must be a plain function, not a coroutine function, whose body would not run",
        ),
        (zero, r"zero\(\) .* cannot be called: .*; on_failure is called with one argument, the ending"),
        ("mail", "on_failure must be a function, not 'mail'"),
    ],
)
def test_a_function_that_cannot_be_called_is_refused(
    scheduler: Scheduler, function: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        scheduler.on_failure(function)
    with pytest.raises(TypeError, match=message):
        scheduler.every("1h", zero, on_failure=function)
    assert scheduler.jobs == []
