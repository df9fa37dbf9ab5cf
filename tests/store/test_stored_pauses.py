"""Pauses in the store: a job goes on paused, with the end, the note and what paused it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.waiting import wait_until

from jobtui import JobStatus, JobView, RunState, Scheduler
from jobtui.runtime.clock import ManualClock

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def work() -> None:
    """Do nothing."""


def fail() -> None:
    """Raise an exception."""
    raise ValueError("no")


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that the test moves."""
    return ManualClock(START.timestamp())


def make(store: Path, clock: ManualClock | None = None, function: Any = work, **policies: Any) -> Scheduler:
    """Return a scheduler with a job that is due at each full hour."""
    scheduler = Scheduler(store=store, tz="UTC", clock=clock, defaults={"catch_up": "24h"}, catch_up_spread=0)
    scheduler.stop_logging()
    scheduler.schedule("0 0 * * * *", function, name="job", **policies)
    return scheduler


def view(scheduler: Scheduler) -> JobView:
    """Return the view of the job."""
    [found] = scheduler.snapshot().jobs
    return found


def test_the_end_and_the_note_survive_a_restart(store: Path, clock: ManualClock) -> None:
    with make(store, clock) as scheduler:
        scheduler.pause("job", until=START + 3 * HOUR, note="日本", by="dashboard")
        before = view(scheduler)
    clock.advance(60)
    with make(store, clock) as scheduler:
        after = view(scheduler)
        assert after.status is JobStatus.PAUSED
        assert (after.paused_since, after.paused_until) == (before.paused_since, START + 3 * HOUR)
        assert (after.pause_note, after.paused_by) == ("日本", "dashboard")


def test_a_pause_before_the_start_survives_a_restart(store: Path, clock: ManualClock) -> None:
    scheduler = make(store, clock)
    scheduler.pause("job", note="early")
    with scheduler:
        pass
    with make(store, clock) as scheduler:
        assert (view(scheduler).paused_since, view(scheduler).pause_note) == (START, "early")


def test_a_pause_before_the_start_replaces_the_stored_one(store: Path, clock: ManualClock) -> None:
    with make(store, clock) as scheduler:
        scheduler.pause("job", note="old")
    scheduler = make(store, clock)
    scheduler.pause("job", note="new")
    with scheduler:
        assert view(scheduler).pause_note == "new"
    with make(store, clock) as scheduler:
        assert view(scheduler).pause_note == "new"


def test_a_pause_that_ended_meanwhile_is_over_and_only_later_ticks_are_caught_up(
    store: Path, clock: ManualClock
) -> None:
    with make(store, clock) as scheduler:
        scheduler.pause("job", until=START + 3 * HOUR)
    clock.advance(4.5 * 3600)
    scheduler = make(store, clock, misfire="all")
    with scheduler:
        assert view(scheduler).paused_since is None
        wait_until(lambda: len(scheduler.find_runs(state=RunState.OK)) == 2)
        runs = scheduler.find_runs(state=RunState.OK)
        assert sorted(run.due for run in runs if run.due) == [START + 3 * HOUR, START + 4 * HOUR]
    with make(store, clock) as scheduler:
        assert view(scheduler).paused_since is None


def test_a_resume_after_the_end_is_stored(store: Path) -> None:
    with make(store) as scheduler:
        scheduler.pause("job", for_=0.05)
        wait_until(lambda: view(scheduler).paused_since is None)
    with make(store) as scheduler:
        assert view(scheduler).paused_since is None


def test_failures_in_a_row_are_counted_over_a_restart(store: Path) -> None:
    for failures in (1, 2):
        with make(store, function=fail, pause_after=3) as scheduler:
            assert scheduler.run("job").wait(10)
            assert view(scheduler).failures == failures
            assert view(scheduler).status is JobStatus.IDLE
    with make(store, function=fail, pause_after=3) as scheduler:
        assert scheduler.run("job").wait(10)
        assert view(scheduler).pause_note == "3 failures in a row"


def test_a_scheduler_that_starts_again_ends_its_pauses() -> None:
    """With real threads; a stop has emptied the timer's queue."""
    scheduler = Scheduler(tz="UTC")
    job = scheduler.schedule("@yearly", work)
    scheduler.start()
    job.pause(for_=0.3)
    scheduler.stop()
    with scheduler:
        wait_until(lambda: job.status is JobStatus.IDLE)
