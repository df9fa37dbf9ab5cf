"""`max_late`: ticks that are noticed too late are MISSED, and `misfire` decides about the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

import jobtui
from jobtui.engine.enums import MisfireName
from jobtui.frontend.formatting import format_late_ticks
from jobtui.testing import SimulatedScheduler, simulated


def work() -> None:
    """Return at once."""


def outcome(scheduler: SimulatedScheduler, job: jobtui.Job) -> tuple[list[str], dict[str, int]]:
    """Return the minutes at which a job's runs started, and how many of its ticks started none, by state."""
    ticks: dict[str, int] = {}
    for entry in scheduler.runs_of(job.name):
        if entry.number == 0:
            ticks[entry.state.value] = ticks.get(entry.state.value, 0) + entry.ticks
    return [f"{at:%H:%M:%S}" for at in scheduler.fired(job)], ticks


@pytest.mark.parametrize(
    ("misfire", "runs", "ticks"),
    [
        ("coalesce", 1, {"MISSED": 6, "COALESCED": 3}),
        ("all", 4, {"MISSED": 6}),
        ("skip", 1, {"MISSED": 6, "COALESCED": 3}),
    ],
)
def test_ticks_within_max_late_follow_the_misfire_policy_and_earlier_ones_are_missed(
    misfire: MisfireName, runs: int, ticks: dict[str, int]
) -> None:
    """Ten ticks pass, of which four are at most 200 seconds late."""
    with simulated(pool=0) as scheduler:
        job = scheduler.schedule("* * * * *", work, misfire=misfire, max_late="200s")
        scheduler.step("10m10s")
        scheduler.advance("1s")
        assert outcome(scheduler, job) == (["00:10:10"] * runs, ticks)
        scheduler.advance("1m")
        assert scheduler.fired(job)[runs:] == [job.schedule.next(scheduler.time - timedelta(minutes=1))]


@pytest.mark.parametrize("misfire", ["coalesce", "all", "skip"])
def test_a_tick_that_is_later_than_max_late_starts_no_run(misfire: MisfireName) -> None:
    """The next one is on time again."""
    with simulated(pool=0) as scheduler:
        job = scheduler.schedule("@daily", work, misfire=misfire, max_late="1h")
        scheduler.advance("12h")
        scheduler.suspend("38h")
        assert outcome(scheduler, job) == ([], {"MISSED": 2})
        [missed] = scheduler.runs_of(job.name)
        assert missed.reason.endswith("93600.0 s late")
        scheduler.advance("22h")
        assert scheduler.fired(job) == [scheduler.time]


def test_without_max_late_a_tick_runs_however_late_it_is() -> None:
    with simulated(pool=0) as scheduler:
        job = scheduler.schedule("@daily", work)
        scheduler.suspend("47h")
        assert len(scheduler.fired(job)) == 1


def test_a_tick_that_is_on_time_runs_although_those_before_it_were_late() -> None:
    """With `misfire="skip"`, a tick may be a second late."""
    with simulated(pool=0) as scheduler:
        job = scheduler.schedule("* * * * *", work, misfire="skip")
        scheduler.step("10m500ms")
        scheduler.advance("1s")
        assert outcome(scheduler, job) == (["00:10:00"], {"MISSED": 9})


def test_ticks_of_a_paused_job_are_skipped_however_late_they_are() -> None:
    with simulated(pool=0) as scheduler:
        job = scheduler.schedule("* * * * *", work, max_late="1m")
        job.pause()
        scheduler.suspend("10m")
        assert outcome(scheduler, job) == ([], {"SKIPPED": 10})


def test_an_interval_has_a_limit_of_lateness_too() -> None:
    with simulated(pool=0) as scheduler:
        job = scheduler.every("1m", work, misfire="all", max_late="2m30s")
        scheduler.suspend("10m")
        assert outcome(scheduler, job) == (["00:10:00"] * 3, {"MISSED": 7})


def test_max_late_is_shown_and_can_be_changed() -> None:
    with simulated(defaults={"max_late": "1h"}) as scheduler:
        job = scheduler.schedule("@daily", work)
        [view] = scheduler.snapshot().jobs
        assert view.max_late == timedelta(hours=1)
        assert format_late_ticks(view) == "coalesce, MISSED if more than 1h00m late"
        job.update(max_late=0)
        [view] = scheduler.snapshot().jobs
        assert view.max_late is None
        assert format_late_ticks(view) == "coalesce"


def test_a_negative_max_late_is_refused() -> None:
    with simulated() as scheduler, pytest.raises(ValueError, match="max_late"):
        scheduler.schedule("@daily", work, max_late=-1)


@pytest.mark.parametrize(
    ("slept", "max_late", "ticks"),
    [
        ("2h30m", "1h", {"MISSED": 1, "SKIPPED": 2, "COALESCED": 1}),  # the first one in time is after it
        ("2h", "50m", {"MISSED": 1, "SKIPPED": 2}),  # the first one in time is in it
    ],
)
def test_ticks_of_a_quiet_time_are_skipped_and_not_missed(
    slept: str, max_late: str, ticks: dict[str, int]
) -> None:
    """At 00:30, 01:00 and 01:30, of which it is quiet from the second on, then at 02:00 and 02:30."""
    with simulated(pool=0, quiet=["daily 01:00 for 1h"]) as scheduler:
        job = scheduler.schedule("0 */30 * * * *", work, max_late=max_late)
        scheduler.advance("10m")
        scheduler.suspend(slept)
        runs, found = outcome(scheduler, job)
        assert (len(runs), found) == (1, ticks)
