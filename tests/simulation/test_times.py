"""Jobs that end: after a number of runs, at an instant, or after their only tick."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobtui import JobStatus, Once, RunState, Scheduler, current_run
from jobtui.engine.views import JobView
from jobtui.frontend.explanation import Cause, Verdict
from jobtui.frontend.formatting import format_times
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import ManualClock
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler at 12:00:00 UTC."""
    with simulated(NOON, tz="UTC") as scheduler:
        yield scheduler


def work() -> None:
    """Do nothing."""


def view(scheduler: Scheduler) -> JobView:
    [found] = scheduler.snapshot().jobs
    return found


def test_a_job_runs_so_many_times_and_is_done(scheduler: SimulatedScheduler) -> None:
    job = scheduler.every("1m", work, times=3)
    scheduler.advance("2m")
    assert (job.status, format_times(view(scheduler))) == (JobStatus.IDLE, "2 of 3")
    scheduler.advance("10m")
    assert (job.status, job.next, format_times(view(scheduler))) == (JobStatus.DONE, None, "3 of 3")
    assert len(scheduler.fired("work")) == 3


def test_runs_that_fail_count_and_those_by_hand_too(scheduler: SimulatedScheduler) -> None:
    def fail() -> None:
        raise OSError

    job = scheduler.every("1m", fail, times=3)
    job.run().wait()
    scheduler.advance("10m")
    assert len(scheduler.fired("fail")) == 3  # one of them by hand
    assert job.status is JobStatus.DONE
    job.run().wait()
    assert format_times(view(scheduler)) == "4 of 3"


def test_ticks_are_skipped_while_the_last_runs_have_not_ended(scheduler: SimulatedScheduler) -> None:
    async def slow() -> None:
        import asyncio  # noqa: PLC0415 - for the simulated loop

        await asyncio.sleep(150)

    job = scheduler.every("1m", slow, times=2, overlap="allow")
    scheduler.advance("3m30s")
    assert job.status is JobStatus.RUNNING
    [skipped] = [run for run in scheduler.runs_of("slow") if run.state is RunState.SKIPPED]
    assert skipped.reason == "0 of 2 runs have ended, and 2 have not"
    scheduler.advance("3m")
    assert (job.status, len(scheduler.fired("slow"))) == (JobStatus.DONE, 2)


def test_a_job_that_is_done_leaves_after_a_day(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1m", work, times=1)
    scheduler.schedule(Once(NOON + timedelta(minutes=1)), work, name="once")
    scheduler.schedule("* * * * *", work, name="season", until="2026-11-23 12:01")
    scheduler.schedule("@yearly", work, name="other")
    scheduler.advance("23h")
    statuses = {job.name: job.status.value for job in scheduler.snapshot().jobs}
    assert statuses == {"work": "DONE", "once": "DONE", "season": "DONE", "other": "IDLE"}
    scheduler.advance("2h")
    assert [job.name for job in scheduler.jobs] == ["other"]


def test_a_job_that_is_done_gets_further_ticks_by_an_update(scheduler: SimulatedScheduler) -> None:
    """It does not leave."""
    job = scheduler.every("1h", work, times=1)
    scheduler.advance("2h")
    assert job.status is JobStatus.DONE
    job.update(times=100)
    assert (job.status, job.next) == (JobStatus.IDLE, NOON + timedelta(hours=3))
    scheduler.advance("30h")
    assert len(scheduler.fired("work")) == 31
    job.update(times=5)
    assert job.status is JobStatus.DONE


def test_a_job_whose_end_has_passed_is_done_at_its_registration(scheduler: SimulatedScheduler) -> None:
    assert scheduler.every("1m", work, until="2026-11-23 11:00").status is JobStatus.DONE


def test_a_run_that_is_requested_by_a_run_may_be_the_last(scheduler: SimulatedScheduler) -> None:
    def chain() -> None:
        if current_run().number == 1:
            job.run()

    job = scheduler.every("1m", chain, times=2)
    scheduler.advance("10m")
    assert scheduler.fired("chain") == [NOON + timedelta(minutes=1)] * 2
    assert format_times(view(scheduler)) == "2 of 2"


def test_the_runs_before_a_restart_count_with_a_store(tmp_path: Path) -> None:
    for day, expected in ((0, "2 of 3"), (1, "3 of 3")):
        clock = ManualClock((NOON + timedelta(days=day, minutes=day)).timestamp())
        scheduler = Scheduler(tz="UTC", store=tmp_path / "jobs.db", clock=clock)
        job = scheduler.every("1h", work, times=3)
        with scheduler:
            for _ in range(2 - day):
                assert job.run().wait(20)
            assert format_times(view(scheduler)) == expected
            assert (job.status is JobStatus.DONE) == (day == 1)


def test_an_explanation_says_that_enough_runs_have_ended(scheduler: SimulatedScheduler) -> None:
    backend = LocalBackend(scheduler, "shop.py")
    scheduler.schedule("* * * * *", work, times=2)
    assert backend.why("work", "12:10").verdict is Verdict.WILL_RUN
    scheduler.advance("5m")
    found = backend.why("work", "12:10")
    assert (found.verdict, found.cause) == (Verdict.WILL_NOT_RUN, Cause.TIMES)
    assert "2 of 2 runs have ended" in found.sentence


def test_times_is_at_least_1(scheduler: SimulatedScheduler) -> None:
    with pytest.raises(ValueError, match="times must be at least 1"):
        scheduler.every("1m", work, times=0)
