"""Ticks that pass while no scheduler runs are caught up, or counted as MISSED, exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobtui import RunState, RunView, Scheduler
from jobtui.runtime.clock import ManualClock

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3600.0

Life = Callable[..., Scheduler]


def work() -> None:
    """Do nothing."""


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that the test moves."""
    return ManualClock(START.timestamp())


@pytest.fixture
def make(tmp_path: Path, clock: ManualClock) -> Life:
    """Return a function that makes a scheduler with one job, on the store of the test."""

    def make_scheduler(
        spec: str = "0 0 * * * *", most: int = 100, quiet: Sequence[str] = (), **policies: Any
    ) -> Scheduler:
        scheduler = Scheduler(
            store=tmp_path / "jobs.db",
            tz="UTC",
            clock=clock,
            catch_up_spread=0,
            catch_up_most=most,
            quiet=quiet,
        )
        scheduler.stop_logging()
        scheduler.schedule(spec, work, **policies)
        return scheduler

    return make_scheduler


def run_once(scheduler: Scheduler) -> None:
    """Start and stop a scheduler."""
    with scheduler:
        pass


def endings(scheduler: Scheduler) -> dict[RunState, int]:
    """Return how many runs and ticks of the job have ended in each state."""
    [counters] = scheduler.counters()
    return {state: count for state, count in counters.endings.items() if count}


def test_missed_ticks_are_counted_with_the_downtime(make: Life, clock: ManualClock) -> None:
    run_once(make())
    clock.advance(5.5 * HOUR)
    with make() as scheduler:
        [missed] = scheduler.find_runs(state=RunState.MISSED)
    assert missed.ticks == 5
    assert missed.due == START + timedelta(hours=1)
    assert missed.reason == "not running from 2026-11-23 12:00:00 (stopped) to 2026-11-23 17:30:00"
    with make() as scheduler:
        assert endings(scheduler) == {RunState.MISSED: 5}


def test_ticks_within_the_window_are_caught_up_by_one_run(make: Life, clock: ManualClock) -> None:
    run_once(make())
    clock.advance(5.5 * HOUR)
    with make(catch_up="3h") as scheduler:
        [run] = wait_for_runs(scheduler, 1)
        assert run.due == START + timedelta(hours=3)
    assert endings(scheduler) == {RunState.OK: 1, RunState.COALESCED: 2, RunState.MISSED: 2}


def test_no_tick_that_is_later_than_max_late_is_caught_up(make: Life, clock: ManualClock) -> None:
    run_once(make())
    clock.advance(5.5 * HOUR)
    with make(catch_up="5h", max_late="2h") as scheduler:
        [run] = wait_for_runs(scheduler, 1)
        assert run.due == START + timedelta(hours=4)
        [missed] = scheduler.find_runs(state=RunState.MISSED)
        assert missed.reason.endswith("; ticks of the last 7200 s are caught up")
    assert endings(scheduler) == {RunState.OK: 1, RunState.COALESCED: 1, RunState.MISSED: 3}


def test_ticks_of_quiet_times_are_neither_caught_up_nor_missed(make: Life, clock: ManualClock) -> None:
    """Of the ticks from 13:00 to 17:00, those at 14:00 and 16:00 are quiet."""
    run_once(make())
    clock.advance(5.5 * HOUR)
    with make(catch_up="3h", misfire="all", quiet=["daily 13:30 for 1h", "daily 16:00 for 1h"]) as scheduler:
        runs = wait_for_runs(scheduler, 2)
        assert [run.due for run in runs] == [START + timedelta(hours=5), START + timedelta(hours=3)]
        wait_for(lambda: endings(scheduler).get(RunState.SKIPPED) == 2)
    assert endings(scheduler) == {RunState.OK: 2, RunState.SKIPPED: 2, RunState.MISSED: 1}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    pause = threading.Event()
    for _ in range(500):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("the condition is still false after 10 s")


def wait_for_runs(scheduler: Scheduler, count: int) -> list[RunView]:
    """Wait until so many runs have ended OK, and return them, newest first."""
    wait_for(lambda: len(scheduler.find_runs(state=RunState.OK)) == count)
    return scheduler.find_runs(state=RunState.OK)


def test_a_job_that_is_new_catches_up_nothing(make: Life) -> None:
    with make(catch_up="10000h") as scheduler:
        assert endings(scheduler) == {}


def test_a_job_with_another_schedule_catches_up_nothing(make: Life, clock: ManualClock) -> None:
    run_once(make())
    clock.advance(5.5 * HOUR)
    with make("0 30 * * * *", catch_up="5h") as scheduler:
        assert endings(scheduler) == {}


def test_a_paused_job_catches_up_nothing(make: Life, clock: ManualClock) -> None:
    with make() as scheduler:
        scheduler.pause("work")
    clock.advance(5.5 * HOUR)
    with make(catch_up="5h") as scheduler:
        assert endings(scheduler) == {}


def test_a_watermark_in_the_future_is_reported_and_holds_nothing_back(make: Life, clock: ManualClock) -> None:
    clock.step(8760 * HOUR)
    run_once(make())
    clock.step(-8760 * HOUR)
    with make(catch_up="5h") as scheduler:
        assert "in the future" in scheduler.snapshot().internal_error
    clock.advance(2.5 * HOUR)
    with make() as scheduler:
        assert endings(scheduler) == {RunState.MISSED: 2}


def test_with_all_each_tick_gets_a_run_up_to_the_limit(make: Life, clock: ManualClock) -> None:
    run_once(make())
    clock.advance(9.5 * HOUR)
    with make(most=3, catch_up="100h", misfire="all") as scheduler:
        runs = wait_for_runs(scheduler, 3)
        assert [run.due for run in runs if run.due] == [START + timedelta(hours=hour) for hour in (9, 8, 7)]
        [missed] = scheduler.find_runs(state=RunState.MISSED)
    assert missed.ticks == 6
    assert missed.reason.endswith("; at most 3 ticks are caught up")


def test_with_skip_the_ticks_are_missed(make: Life, clock: ManualClock) -> None:
    run_once(make())
    clock.advance(3.5 * HOUR)
    with make(catch_up="100h", misfire="skip") as scheduler:
        wait_for(lambda: endings(scheduler) == {RunState.MISSED: 3})


def test_an_interval_keeps_its_grid_over_the_downtime(make: Life, clock: ManualClock) -> None:
    run_once(make("@every 1h"))
    clock.advance(5.75 * HOUR)
    with make("@every 1h", catch_up="2h") as scheduler:
        [run] = wait_for_runs(scheduler, 1)
        assert run.due == START + timedelta(hours=4)
        assert scheduler.job("work").next == START + timedelta(hours=6)
    assert endings(scheduler) == {RunState.OK: 1, RunState.COALESCED: 1, RunState.MISSED: 3}


def test_ticks_are_counted_once_over_several_lives(make: Life, clock: ManualClock) -> None:
    for _ in range(4):
        run_once(make())
        clock.advance(2.3 * HOUR)
    with make() as scheduler:
        assert endings(scheduler) == {RunState.MISSED: 9}


def test_jobs_begin_to_catch_up_one_after_the_other(tmp_path: Path, clock: ManualClock) -> None:
    def make_scheduler() -> Scheduler:
        scheduler = Scheduler(
            store=tmp_path / "jobs.db", tz="UTC", clock=clock, defaults={"catch_up": "10h"}, catch_up_spread=9
        )
        for name in ("a", "b", "c"):
            scheduler.schedule("@hourly", work, name=name)
        return scheduler

    run_once(make_scheduler())
    clock.advance(5.5 * HOUR)
    with make_scheduler() as scheduler:
        started: list[RunView] = []
        for _ in range(3):
            wait_for(lambda: len(scheduler.find_runs(state=RunState.OK)) == len(started) + 1)
            started.append(scheduler.find_runs(state=RunState.OK)[0])
            clock.advance(3)
            scheduler.pool_view()
    assert [run.job for run in started] == ["a", "b", "c"]
    starts = [run.started.timestamp() for run in started if run.started]
    assert [start - starts[0] for start in starts] == [0, 3, 6]


def test_a_clock_that_is_set_back_does_not_delay_what_is_to_be_caught_up(
    tmp_path: Path, clock: ManualClock
) -> None:
    def make_scheduler() -> Scheduler:
        scheduler = Scheduler(store=tmp_path / "jobs.db", tz="UTC", clock=clock, defaults={"catch_up": "10h"})
        scheduler.schedule("@hourly", work)
        return scheduler

    run_once(make_scheduler())
    clock.advance(5.5 * HOUR)
    scheduler = make_scheduler()
    assert scheduler.recording is not None
    scheduler.recording.wait = 60.0
    with scheduler:
        clock.step(-2 * HOUR)
        scheduler.pool_view()
        clock.advance(61)
        scheduler.pool_view()
        wait_for_runs(scheduler, 1)
