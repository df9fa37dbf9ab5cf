"""The dialog at the start: which ticks passed while no scheduler ran, and what is done about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.app_driver import NARROW, async_test, running_app

from jobtui import RunState, Scheduler
from jobtui.frontend.absence import Absence
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import ManualClock

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3600.0


def work() -> None:
    """Do nothing."""


def make(folder: Path, clock: ManualClock) -> Scheduler:
    """Return a scheduler with a job that catches up, and one that does not."""
    scheduler = Scheduler(store=folder / "jobs.db", tz="UTC", clock=clock)
    scheduler.stop_logging()
    scheduler.schedule("@hourly", work, name="report", catch_up="100h")
    scheduler.schedule("@hourly", work, name="cleanup")
    return scheduler


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that the test moves."""
    return ManualClock(START.timestamp())


@contextmanager
def scheduler_after_absence(folder: Path, clock: ManualClock) -> Iterator[tuple[Scheduler, Absence]]:
    """Yield a scheduler that starts five and a half hours after another one has stopped."""
    with make(folder, clock):
        pass
    clock.advance(5.5 * HOUR)
    scheduler = make(folder, clock)
    absence = Absence(scheduler)
    with scheduler:
        yield scheduler, absence


def endings(scheduler: Scheduler) -> dict[str, dict[RunState, int]]:
    """Return how many runs and ticks of each job have ended in each state."""
    return {
        each.job: {state: count for state, count in each.endings.items() if count}
        for each in scheduler.counters()
    }


@async_test
async def test_enter_does_what_the_policies_say(tmp_path: Path, clock: ManualClock) -> None:
    with scheduler_after_absence(tmp_path, clock) as (scheduler, absence):
        backend = LocalBackend(scheduler, "jobs.py")
        async with running_app(backend, NARROW, absence=absence) as driver:
            await driver.until(lambda: "While you were away" in driver.text)
            assert "report                   5 ticks since 23 Nov 13:00:00  ▶ 1 run" in driver.text
            assert "cleanup                  5 ticks since 23 Nov 13:00:00  ✗ no run" in driver.text
            assert endings(scheduler)["report"] == {}
            await driver.press("enter")
            await driver.until(lambda: endings(scheduler)["report"] != {})
            await driver.until(lambda: endings(scheduler)["report"].get(RunState.OK) == 1)
    assert endings(scheduler) == {
        "report": {RunState.OK: 1, RunState.COALESCED: 4},
        "cleanup": {RunState.MISSED: 5},
    }


@async_test
async def test_space_changes_what_a_job_does(tmp_path: Path, clock: ManualClock) -> None:
    with scheduler_after_absence(tmp_path, clock) as (scheduler, absence):
        backend = LocalBackend(scheduler, "jobs.py")
        async with running_app(backend, NARROW, absence=absence) as driver:
            await driver.until(lambda: "While you were away" in driver.text)
            await driver.press("space", "j", "space")
            await driver.until(lambda: "13:00:00  ▶ 1 run" in driver.text and "✗ no run" in driver.text)
            await driver.press("enter")
            await driver.until(lambda: endings(scheduler)["cleanup"].get(RunState.OK) == 1)
            await driver.until(lambda: RunState.MISSED in endings(scheduler)["report"])
    assert endings(scheduler) == {
        "report": {RunState.MISSED: 5},
        "cleanup": {RunState.OK: 1, RunState.MISSED: 5},
    }


@async_test
async def test_without_missed_ticks_there_is_no_dialog(tmp_path: Path, clock: ManualClock) -> None:
    scheduler = make(tmp_path, clock)
    absence = Absence(scheduler)
    with scheduler:
        async with running_app(LocalBackend(scheduler, "jobs.py"), NARROW, absence=absence) as driver:
            await driver.until(lambda: "report" in driver.text)
            assert "While you were away" not in driver.text
