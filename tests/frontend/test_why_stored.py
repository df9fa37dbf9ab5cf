"""`why` about ticks that passed while no scheduler ran, from a scheduler and from its store."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.store_parts import entry, write
from support.waiting import wait_until

from jobtui import Phase, RunState, Scheduler
from jobtui.frontend.explanation import Cause, Explanation, Verdict
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.why_stored import StoreFacts
from jobtui.frontend.why_tick import explain_tick
from jobtui.runtime.clock import ManualClock
from jobtui.store.database import open_for_writing
from jobtui.store.history import History

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that the test moves."""
    return ManualClock(START.timestamp())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "jobs.db"


def make(store: Path, clock: ManualClock, **policies: Any) -> Scheduler:
    """Return a scheduler with an hourly job."""
    scheduler = Scheduler(store=store, tz="UTC", clock=clock, catch_up_spread=0)
    scheduler.stop_logging()
    scheduler.schedule("0 0 * * * *", print, name="a", **policies)
    return scheduler


def from_store(store: Path, clock: ManualClock, at: str) -> Explanation:
    """Ask the file, as a command does while nothing runs."""
    now = datetime.fromtimestamp(clock.now(), UTC)
    return explain_tick(StoreFacts(History(store), now), "a", at)


def verdict(found: Explanation) -> tuple[Verdict, Cause]:
    """Return the verdict and the cause of an explanation."""
    return found.verdict, found.cause


def test_downtime_is_the_cause_while_nothing_runs_and_after_the_next_start(
    store: Path, clock: ManualClock
) -> None:
    with make(store, clock):
        pass
    clock.advance(2.5 * HOUR)
    down = from_store(store, clock, "13:00")
    assert verdict(down) == (Verdict.DID_NOT_RUN, Cause.DOWNTIME)
    assert down.sentence == (
        "a did not run at 2026-11-23 13:00:00 UTC: not running from 12:00:00 (stopped) to now"
    )
    assert verdict(from_store(store, clock, "15:00")) == (Verdict.NOT_KNOWN, Cause.DOWNTIME)
    with make(store, clock) as scheduler:
        live = LocalBackend(scheduler, "").why("a", "13:00")
    assert verdict(live) == (Verdict.DID_NOT_RUN, Cause.DOWNTIME)
    assert "not running from 2026-11-23 12:00:00 (stopped) to 2026-11-23 14:30:00" in live.sentence
    assert from_store(store, clock, "13:00") == live


def test_of_ticks_in_a_downtime_some_are_missed_and_the_latest_are_caught_up_by_one_run(
    store: Path, clock: ManualClock
) -> None:
    """Both groups of ticks end at the start of the scheduler."""
    with make(store, clock):
        pass
    clock.advance(5.5 * HOUR)
    with make(store, clock, catch_up="3h") as scheduler:
        wait_until(lambda: scheduler.find_runs(state=RunState.OK))
        backend = LocalBackend(scheduler, "")
        live = [backend.why("a", f"{hour}:00") for hour in range(13, 18)]
    assert [each.cause for each in live] == [
        Cause.DOWNTIME,
        Cause.DOWNTIME,
        Cause.RUN,
        Cause.COALESCED,
        Cause.COALESCED,
    ]
    assert "noticed 2h30m late: no scheduler ran before 17:30:00" in live[2].evidence
    assert [from_store(store, clock, f"{hour}:00") for hour in range(13, 18)] == live


def test_an_interval_that_a_later_process_began_anew_is_not_guessed(store: Path, clock: ManualClock) -> None:
    scheduler = Scheduler(store=store, tz="UTC", clock=clock)
    scheduler.every("7m", print, name="a")
    with scheduler:
        pass
    clock.advance(HOUR)
    found = from_store(store, clock, "11:30")
    assert verdict(found) == (Verdict.DID_NOT_RUN, Cause.DOWNTIME)
    assert verdict(from_store(store, clock, "14:00")) == (Verdict.NOT_KNOWN, Cause.NOT_RECORDED)


def test_a_scheduler_that_stands_by_says_that_another_one_runs_the_jobs(
    store: Path, clock: ManualClock
) -> None:
    """Both read the same file, so the past is the same."""
    with make(store, clock) as first, make(store, clock) as second:
        assert second.snapshot().phase is Phase.STANDBY
        coming = LocalBackend(second, "").why("a", "14:00")
        assert verdict(coming) == (Verdict.WILL_RUN, Cause.STANDBY)
        assert verdict(LocalBackend(first, "").why("a", "14:00")) == (Verdict.WILL_RUN, Cause.DUE)
        for scheduler in (first, second):
            past = LocalBackend(scheduler, "").why("a", "11:00")
            assert verdict(past) == (Verdict.DID_NOT_RUN, Cause.DOWNTIME)


def test_a_tick_that_another_process_has_claimed_is_not_of_this_one(store: Path, clock: ManualClock) -> None:
    scheduler = Scheduler(store=store, tz="UTC", clock=clock)
    scheduler.schedule("0 0 * * * *", print, name="a")
    with scheduler:
        clock.advance(HOUR)
    with closing(open_for_writing(store)) as connection:
        noon = START.timestamp() + HOUR
        reason = "process 4711 has claimed this tick in the store"
        times = {"due": noon, "created": noon, "ended": noon, "started": None}
        write(connection, entry(0, RunState.SKIPPED, reason=reason, **times), life=9)
    found = from_store(store, clock, "13:00")
    assert verdict(found) == (Verdict.DID_NOT_RUN, Cause.STANDBY)
    assert found.sentence.endswith("SKIPPED: process 4711 has claimed this tick in the store")


def test_the_store_knows_the_quiet_times_of_coming_ticks(store: Path, clock: ManualClock) -> None:
    with Scheduler(store=store, tz="UTC", clock=clock, quiet=["daily 14:30 for 1h"]) as scheduler:
        scheduler.schedule("0 0 * * * *", print, name="a")
        live = LocalBackend(scheduler, "").why("a", "15:00")
    assert verdict(live) == (Verdict.WILL_NOT_RUN, Cause.QUIET)
    found = from_store(store, clock, "15:00")
    assert verdict(found) == (Verdict.WILL_NOT_RUN, Cause.QUIET)
    assert "quiet until 15:30:00" in found.sentence
    with make(store, clock):
        pass
    assert from_store(store, clock, "15:00").cause is not Cause.QUIET
