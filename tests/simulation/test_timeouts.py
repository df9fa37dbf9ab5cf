"""Tests of `timeout`, `warn` and `abandon` in simulated time: coroutines that take too long."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from jobtui import Ending, RunCancelledError, RunState, current_run
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler, at midnight of a Thursday in UTC."""
    with simulated() as scheduler:
        yield scheduler


async def sleep_an_hour() -> None:
    """Sleep for an hour."""
    await asyncio.sleep(3600)


async def sleep_two_minutes() -> str:
    """Sleep for two minutes."""
    await asyncio.sleep(120)
    return "slept"


async def ignore_cancellation() -> str:
    """Sleep for an hour, and for another one if the first is interrupted."""
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        await asyncio.sleep(3600)
    return "done"


def test_a_coroutine_is_cancelled_at_its_timeout(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", sleep_an_hour, name="slow", timeout="5m")
    scheduler.advance("1h5m")

    [run] = scheduler.runs("slow")
    assert run.state is RunState.TIMED_OUT
    assert run.reason == "TimeoutError: timed out after 5m"
    assert scheduler.failures() == [run]
    [job] = scheduler.snapshot().jobs
    assert (job.runs, job.failures, job.timeout) == (1, 1, timedelta(minutes=5))


def test_the_ending_has_the_stack_at_the_timeout(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", sleep_an_hour, name="slow", timeout="5m")
    scheduler.advance("1h5m")

    error = scheduler.run_view(1).error
    assert "await asyncio.sleep(3600)" in error
    assert "in sleep_an_hour" in error
    assert error.endswith("TimeoutError: timed out after 5m")
    assert "event_loop.py" not in error


def test_the_ending_has_the_stacks_of_the_tasks_that_were_awaited_at_the_timeout(
    scheduler: SimulatedScheduler,
) -> None:
    async def report() -> None:
        await asyncio.gather(sleep_an_hour(), sleep_an_hour())

    scheduler.every("1h", report, name="report", timeout="5m")
    scheduler.advance("1h5m")

    error = scheduler.run_view(1).error
    assert "await asyncio.gather(" in error
    assert "  [it waits for Task-" in error
    assert "and 1 other at the same place]" in error
    assert "await asyncio.sleep(3600)" in error


def test_a_run_within_its_timeout_is_ok(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", sleep_two_minutes, name="quick", timeout="5m", warn="3m")
    scheduler.advance("1h10m")

    view = scheduler.run_view(1)
    assert (view.state, view.warned) == (RunState.OK, False)


def test_a_slow_run_is_marked_from_its_warning_on(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", sleep_two_minutes, name="quick", warn="1m")
    scheduler.advance("1h59s")
    assert not scheduler.snapshot().running[0].warned
    scheduler.advance("1s")
    assert scheduler.snapshot().running[0].warned
    scheduler.advance("5m")

    view = scheduler.run_view(1)
    assert (view.state, view.warned) == (RunState.OK, True)


def test_a_coroutine_that_ignores_its_cancellation_is_abandoned(scheduler: SimulatedScheduler) -> None:
    job = scheduler.every("10m", ignore_cancellation, name="stubborn", timeout="1m", abandon="10s")
    scheduler.advance("11m9s")
    assert scheduler.runs("stubborn")[0].state is RunState.RUNNING
    scheduler.advance("1s")

    assert scheduler.runs("stubborn")[0].state is RunState.TIMED_OUT
    assert scheduler.snapshot().pool.abandoned == 1
    scheduler.advance("8m50s")
    assert len(scheduler.runs("stubborn")) == 2  # the gate of the job is free
    scheduler.remove(job)
    scheduler.advance("3h")
    assert scheduler.snapshot().pool.abandoned == 0
    assert scheduler.runs("stubborn")[0].state is RunState.TIMED_OUT


def test_a_coroutine_that_fails_after_its_timeout_is_failed(scheduler: SimulatedScheduler) -> None:
    async def shield() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
            raise ValueError("late") from None
        return "done"

    scheduler.every("1h", shield, name="late", timeout="5m")
    scheduler.advance("2h")

    [run, *_] = scheduler.runs("late")
    assert run.state is RunState.FAILED
    assert run.reason == "ValueError: late"


def test_on_failure_gets_a_timeout_error(scheduler: SimulatedScheduler) -> None:
    endings: list[Ending] = []
    scheduler.every("1h", sleep_an_hour, name="slow", timeout="5m", on_failure=endings.append)
    scheduler.advance("1h5m")

    [ending] = endings
    assert ending.run.state is RunState.TIMED_OUT
    assert isinstance(ending.exception, TimeoutError)
    assert str(ending.exception) == "timed out after 5m"


def test_the_result_of_a_run_that_timed_out_is_a_timeout_error(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", sleep_an_hour, name="slow", timeout="5m")
    scheduler.advance("1h5m")

    with pytest.raises(TimeoutError, match="run 1 of slow: timed out after 5m"):
        scheduler.runs("slow")[0].result()


def test_remaining_counts_down_to_the_timeout(scheduler: SimulatedScheduler) -> None:
    seen: list[float | None] = []

    async def work() -> None:
        seen.append(current_run().remaining())
        await asyncio.sleep(100)
        seen.append(current_run().remaining())

    scheduler.every("1h", work, name="limited", timeout="5m")
    scheduler.every("1h", work, name="free")
    scheduler.advance("1h10m")

    assert sorted(each for each in seen if each is not None) == [200.0, 300.0]
    assert seen.count(None) == 2


def test_a_run_that_a_user_cancels_is_cancelled_in_spite_of_a_timeout(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", sleep_an_hour, name="slow", timeout="5m")
    scheduler.advance("1h1m")
    run = scheduler.runs("slow")[0]
    run.cancel()

    assert run.state is RunState.CANCELLED
    with pytest.raises(RunCancelledError):
        run.result()


def test_the_defaults_of_the_scheduler_apply() -> None:
    with simulated(defaults={"timeout": "1m", "warn": 30}) as limited:
        limited.every("1h", sleep_an_hour, name="slow")
        limited.every("1h", sleep_an_hour, name="free", timeout=0)
        slow, free = limited.snapshot().jobs

    assert (slow.timeout, slow.warn, slow.abandon) == tuple(timedelta(seconds=each) for each in (60, 30, 30))
    assert (free.timeout, free.abandon) == (None, None)


@pytest.mark.parametrize("policy", ["timeout", "warn", "abandon"])
@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), ("soon", ValueError), (object(), TypeError)])
def test_the_error_for_a_limit_that_is_no_duration_names_it(
    scheduler: SimulatedScheduler, policy: str, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f"{policy}: "):
        scheduler.every("1h", sleep_an_hour, **{policy: value})


def test_the_stack_of_a_waiting_coroutine_is_that_of_the_job(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1h", sleep_an_hour, name="slow")
    scheduler.advance("1h1m")

    stack = scheduler.stack(1)
    assert stack is not None
    assert [frame.function for frame in stack.frames] == ["sleep_an_hour", "sleep"]
    assert stack.frames[0].source == "await asyncio.sleep(3600)"
    assert scheduler.stack(2) is None
