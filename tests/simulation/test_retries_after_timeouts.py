"""Attempts that time out are tried again: on a simulated clock, with coroutines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from jobtui import Ending, JobView, Retry, RunState, RunView, current_run
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

MINUTE = Retry(2, first="1m", factor=1, most="1m")


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler, at midnight of a Thursday in UTC."""
    with simulated() as scheduler:
        yield scheduler


class Hanging:
    """A coroutine whose first attempts take an hour.

    Args:
        count: How many attempts hang.

    Attributes:
        remaining: How much time each attempt had left when it began, in seconds.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.remaining: list[float | None] = []

    async def run(self) -> str:
        """Sleep for an hour, or return at once."""
        run = current_run()
        assert not run.cancelled
        self.remaining.append(run.remaining())
        if run.attempt <= self._count:
            await asyncio.sleep(3600)
        return "done"


def hang(scheduler: SimulatedScheduler, count: int, **policies: Any) -> Hanging:
    """Register an hourly job whose first attempts hang, with a timeout of five minutes."""
    work = Hanging(count)
    scheduler.every("1h", work, name="slow", timeout="5m", **({"retry": MINUTE} | policies))
    return work


def latest(scheduler: SimulatedScheduler) -> RunView:
    """Return the view of the latest run that has ended."""
    return next(run for run in scheduler.find_runs(job="slow") if run.ended)


def view(scheduler: SimulatedScheduler) -> JobView:
    """Return the view of the job."""
    [job] = scheduler.snapshot().jobs
    return job


def test_an_attempt_that_times_out_is_followed_by_another_one_with_its_own_timeout(
    scheduler: SimulatedScheduler,
) -> None:
    work = hang(scheduler, 1)
    scheduler.advance("1h5m")
    [run] = scheduler.runs("slow")
    assert run.state is RunState.RETRYING
    scheduler.advance("1m")

    assert (run.state, run.result(0)) == (RunState.OK, "done")
    assert work.remaining == [300.0, 300.0]
    [made] = latest(scheduler).attempts_made
    assert (made.reason, made.elapsed) == ("TimeoutError: timed out after 5m", timedelta(minutes=5))
    assert "await asyncio.sleep(3600)" in made.error


def test_the_last_attempt_that_times_out_ends_the_run_as_timed_out(scheduler: SimulatedScheduler) -> None:
    failed: list[Ending] = []
    hang(scheduler, 9, on_failure=failed.append)
    scheduler.advance("1h17m")

    ended = latest(scheduler)
    assert (ended.state, ended.attempt, len(ended.attempts_made)) == (RunState.TIMED_OUT, 3, 2)
    assert ended.reason == "TimeoutError: timed out after 5m"
    job = view(scheduler)
    assert (job.runs, job.failures, job.retries) == (1, 1, 2)
    [ending] = failed
    assert isinstance(ending.exception, TimeoutError)


@pytest.mark.parametrize(
    ("policy", "attempts"),
    [
        ({"on": TimeoutError}, 2),
        ({"on": OSError}, 2),  # of which TimeoutError is a kind
        ({"on": ValueError}, 1),
        ({"not_on": TimeoutError}, 1),
    ],
)
def test_a_timeout_is_a_timeout_error_for_the_policy(
    scheduler: SimulatedScheduler, policy: dict[str, Any], attempts: int
) -> None:
    work = hang(scheduler, 9, retry=Retry(1, **policy))
    scheduler.advance("1h20m")

    assert len(work.remaining) == attempts
    assert latest(scheduler).state is RunState.TIMED_OUT


def test_a_coroutine_that_returns_when_it_is_cancelled_has_timed_out_too(
    scheduler: SimulatedScheduler,
) -> None:
    attempts: list[int] = []

    async def give_in() -> None:
        attempts.append(current_run().attempt)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return

    scheduler.every("1h", give_in, name="slow", timeout="5m", retry=1)
    scheduler.advance("1h20m")
    assert attempts == [1, 2]
    assert latest(scheduler).state is RunState.TIMED_OUT


def test_an_attempt_that_fails_after_its_timeout_is_tried_again_by_its_own_exception(
    scheduler: SimulatedScheduler,
) -> None:
    async def fail_late() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise ValueError("closed") from None

    scheduler.every("1h", fail_late, name="slow", timeout="5m", retry=Retry(1, on=ValueError))
    scheduler.advance("1h11m")
    ended = latest(scheduler)
    assert (ended.state, ended.attempt) == (RunState.FAILED, 2)
    assert [each.reason for each in ended.attempts_made] == ["ValueError: closed"]


def test_an_abandoned_attempt_is_not_followed_by_another_one(scheduler: SimulatedScheduler) -> None:
    attempts: list[int] = []

    async def go_on() -> None:
        attempts.append(current_run().attempt)
        for _ in range(2):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    scheduler.every("3h", go_on, name="slow", timeout="5m", abandon="30s", retry=3)
    scheduler.advance("5h")
    assert attempts == [1]
    assert latest(scheduler).reason.endswith("its work goes on")


def test_a_run_that_a_user_cancels_in_its_grace_is_not_tried_again(scheduler: SimulatedScheduler) -> None:
    attempts: list[int] = []

    async def clean_up() -> None:
        attempts.append(current_run().attempt)
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(20)

    scheduler.every("3h", clean_up, name="slow", timeout="5m", retry=3)
    scheduler.advance("3h5m10s")
    [run] = scheduler.runs("slow")
    assert run.state is RunState.RUNNING
    run.cancel()
    scheduler.advance("2h")
    assert attempts == [1]
    assert (run.state, run.reason) == (RunState.CANCELLED, "cancelled")


def test_the_log_has_a_warning_for_an_attempt_that_timed_out(
    scheduler: SimulatedScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    hang(scheduler, 1)
    with caplog.at_level(logging.WARNING, "jobtui"):
        scheduler.advance("1h20m")
    assert caplog.messages == [
        "run 1 of slow timed out after 5m, and has been asked to stop",
        "run 1 of slow: attempt 1 of 3 failed, next in 1m: TimeoutError: timed out after 5m",
    ]
