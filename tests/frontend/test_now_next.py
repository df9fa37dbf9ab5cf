"""Tests of the cell with the present or the next moment of a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.snapshots import NOW, ago, ahead, make, make_job, running_run, waiting_run

from jobtui.engine.enums import JobStatus, Phase, RunState, Trigger
from jobtui.engine.views import Duration, JobView, PoolView
from jobtui.frontend.now_next import LiveRuns, live_runs, now_next

RUNNING, QUEUED = JobStatus.RUNNING, JobStatus.QUEUED
OK = RunState.OK


def cell(job: JobView, width: int = 40, **runs: Any) -> tuple[str, str]:
    """Return the text of the cell, and the tone of its first piece."""
    pieces = now_next(job, LiveRuns(**runs), NOW, width)
    return "".join(text for text, _ in pieces), pieces[0][1]


def running_job(*seconds: float) -> JobView:
    """Return a RUNNING job whose latest runs took so long."""
    durations = tuple(map(Duration, seconds))
    return make_job(
        status=RUNNING, running=1, prev=ago(99), recent=(OK,) * len(durations), recent_durations=durations
    )


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (0, ("░░░░░░░░░░  0% ~20s left", "running")),
        (14.2, ("███████░░░ 71% ~5.8s left", "running")),
        (20, ("█████████░ 99% nearly done", "running")),
        (39, ("█████████░ 99% nearly done", "running")),
        (60, ("██████████ +40s over", "waiting")),
    ],
)
def test_a_run_has_a_bar_of_its_usual_time(elapsed: float, expected: tuple[str, str]) -> None:
    """Beyond the p95, which is 40 s, the bar has another tone, and the time over the median beside it."""
    assert cell(running_job(10, 20, 40), running=running_run(1, "a", elapsed)) == expected


def test_a_run_without_a_usual_time_or_with_a_short_one_has_no_bar() -> None:
    run = running_run(1, "a", 3)
    assert cell(make_job(status=RUNNING, running=1, recent=()), running=run) == ("for 3s", "running")
    assert cell(running_job(0.026), running=running_run(1, "a", 1)) == ("for 1s of ~26ms", "running")
    assert cell(running_job(0.026), running=run) == ("██████████ +2s over", "waiting")


ASKED = "asked to stop at 12:00:03: cancelled by hand"


@pytest.mark.parametrize(
    ("reason", "width", "expected"),
    [
        (ASKED, 60, ASKED),
        (ASKED, 26, "asked to stop at 12:00:03"),
        (ASKED, 17, "asked to stop"),
        ("cannot be abandoned: too many are", 60, "cannot be abandoned: too many are"),
    ],
)
def test_a_run_that_was_asked_to_stop_says_so_in_place_of_its_progress(
    reason: str, width: int, expected: str
) -> None:
    run = running_run(1, "a", 14, reason=reason)
    assert cell(running_job(10, 20, 40), width, running=run) == (expected, "waiting")


def test_a_run_that_is_not_listed_runs_since_the_latest_start_of_the_job() -> None:
    assert cell(make_job(status=RUNNING, running=1, prev=ago(5), recent=())) == ("for 5s", "running")


def test_a_queued_job_says_for_how_long_it_has_waited() -> None:
    job = make_job(status=QUEUED, queued=1)
    assert cell(job, waiting=waiting_run(8, "a", 12)) == ("waits 12s for a slot", "waiting")
    assert cell(job) == ("waits for a slot", "waiting")


@pytest.mark.parametrize(
    ("changes", "trigger", "expected"),
    [
        ({"phase": Phase.NEW}, Trigger.NOW, "for the start"),
        ({"phase": Phase.STANDBY}, Trigger.HAND, "in standby"),
        ({"quiet_until": ahead(7200)}, Trigger.NOW, "quiet til 12:24"),
        ({"quiet_until": ahead(90000)}, Trigger.TICK, "quiet til Tue 11:24"),
        ({"quiet_until": ahead(7200)}, Trigger.HAND, "for a slot"),
        ({"pool": PoolView(size=4, running=3, queued=1, held=0)}, Trigger.TICK, "for a worker"),
        ({"pool": PoolView(size=0, running=9, queued=1, held=0)}, Trigger.TICK, "for a worker"),
    ],
    ids=[
        "before the start",
        "standby",
        "quiet",
        "quiet until tomorrow",
        "by hand in a quiet time",
        "free slots",
        "no limit",
    ],
)
def test_a_queued_job_says_what_it_waits_for(
    changes: dict[str, Any], trigger: Trigger, expected: str
) -> None:
    full = make(running=[running_run(7, "b", 3)], waiting=[waiting_run(8, "a", 12, trigger=trigger)], pool=1)
    snapshot = replace(full, **changes)
    pieces = now_next(make_job(status=QUEUED, queued=1), live_runs(snapshot)["a"], NOW, 40)
    assert "".join(text for text, _ in pieces) == f"waits 12s {expected}"


def test_a_held_job_names_the_run_before_it() -> None:
    run = waiting_run(8, "a", 3, RunState.HELD, reason="waits for run 88")
    assert cell(make_job(status=QUEUED, held=1), waiting=run) == ("held 3s behind run 88", "waiting")


def test_a_retrying_job_says_which_attempt_comes_next() -> None:
    job = make_job(status=JobStatus.RETRYING, retrying=1, retry_at=ahead(8), retry_attempt=2, attempts=4)
    assert cell(job) == ("↻ 2/4 in 8s", "waiting")


def test_a_paused_job_says_until_when_and_by_whom() -> None:
    job = make_job(status=JobStatus.PAUSED, paused_since=ago(9), paused_by="dashboard")
    assert cell(job) == ("paused by dashboard", "waiting")
    assert cell(job, width=8) == ("paused", "waiting")


def test_a_job_that_its_failures_paused_is_marked_as_failed() -> None:
    job = make_job(status=JobStatus.PAUSED, paused_since=ago(9), paused_by="pause_after")
    assert cell(job) == ("paused after failures", "failed")


def test_an_idle_job_has_its_next_tick() -> None:
    job = make_job(next=ahead(2))
    assert cell(job) == ("in 2s  10:24:09", "")
    assert cell(job, width=8) == ("in 2s", "")
    assert cell(make_job(next=ahead(2), quiet_until=ahead(60))) == ("in 2s quiet  10:24:09", "")


def test_a_tick_that_the_scheduler_has_not_noticed_is_late() -> None:
    assert cell(make_job(next=ago(5))) == ("late 5s  10:24:02", "failed")


def test_a_job_without_a_tick_shows_its_one_off_runs_or_its_end() -> None:
    run = waiting_run(8, "a", 3, RunState.SCHEDULED, trigger=Trigger.IN, due=ahead(95))
    assert cell(make_job(next=None, scheduled=2), scheduled=run) == ("2 scheduled, in 1m35s", "muted")
    assert cell(make_job(next=None, status=JobStatus.DONE, times=5, runs=5)) == ("5 of 5", "muted")
    assert cell(make_job(next=None)) == ("—", "muted")


def test_the_live_runs_of_a_job_are_the_first_of_each_list() -> None:
    runs = [running_run(1, "a", 9), running_run(2, "a", 5)]
    waiting = [waiting_run(3, "a", 5), waiting_run(4, "b", 5)]
    found = live_runs(make(running=runs, waiting=waiting, pool=2))
    assert found == {"a": LiveRuns(running=runs[0], waiting=waiting[0]), "b": LiveRuns(waiting=waiting[1])}
