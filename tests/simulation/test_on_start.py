"""Runs that the start of the scheduler triggers, on a simulated clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from jobtui import RunState, Trigger
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated


def work() -> None:
    """Do nothing."""


def test_a_job_runs_at_the_start_and_then_by_its_schedule() -> None:
    scheduler = SimulatedScheduler(tz="UTC")
    scheduler.every("1m", work, on_start=True)
    scheduler.every("1m", print, name="other")
    assert scheduler.snapshot().jobs[0].on_start
    with scheduler:
        scheduler.advance("1m")
        assert [run.trigger for run in scheduler.runs("work")] == [Trigger.START, Trigger.TICK]
        first = scheduler.runs("work")[0]
        assert (first.due, first.trigger.value, first.state) == (None, "start", RunState.OK)
        assert [run.trigger for run in scheduler.runs("other")] == [Trigger.TICK]


def test_the_run_begins_after_the_functions_of_on_app_start() -> None:
    seen: list[str] = []
    scheduler = SimulatedScheduler(tz="UTC")
    scheduler.schedule("@daily", lambda: seen.append("run"), on_start=True)
    scheduler.on_app_start(lambda: seen.append("hook"))
    with scheduler:
        scheduler.advance("1s")
    assert seen == ["hook", "run"]


@pytest.mark.parametrize("spec", ["@reboot", " @Reboot "])
def test_reboot_means_the_start_alone(spec: str) -> None:
    scheduler = SimulatedScheduler(tz="UTC")
    job = scheduler.schedule(spec, work)
    with scheduler:
        scheduler.advance("100h")
        assert [run.trigger for run in scheduler.runs()] == [Trigger.START]
        assert (job.next, str(job.schedule)) == (None, "when the scheduler starts")
        assert scheduler.snapshot().jobs[0].spec == "@reboot" or spec != "@reboot"


def test_a_job_that_is_registered_while_the_scheduler_runs_runs_at_once() -> None:
    """But not when it is registered again."""
    with SimulatedScheduler(tz="UTC") as scheduler:
        scheduler.every("1h", work, on_start=True)
        scheduler.every("1h", work, on_start=True)
        scheduler.advance("1s")
        assert [run.trigger for run in scheduler.runs("work")] == [Trigger.START]


def test_a_paused_job_does_not_run_at_the_start() -> None:
    scheduler = SimulatedScheduler(tz="UTC")
    scheduler.every("1h", work, on_start=True).pause(note="disk")
    with scheduler:
        [run] = scheduler.runs_of("work")
        assert (run.state, run.trigger) == (RunState.SKIPPED, Trigger.START)
        assert run.reason.startswith("paused since")


def test_runs_at_the_start_wait_for_a_free_slot_of_the_pool() -> None:
    scheduler = SimulatedScheduler(tz="UTC", pool=1)
    order: list[int] = []
    for number in range(3):
        scheduler.schedule("@reboot", partial(order.append, number), name=f"job {number}")
    with scheduler:
        scheduler.advance("1s")
    assert order == [0, 1, 2]


def test_on_start_is_true_or_false() -> None:
    with pytest.raises(TypeError, match="on_start must be True or False, not 'yes'"):
        SimulatedScheduler().every("1h", work, on_start="yes")  # type: ignore[call-overload]


@pytest.mark.parametrize("spec", ["@hourly", "@reboot"])
@pytest.mark.parametrize(
    ("bounds", "runs"),
    [
        ({"until": "2025-12-31"}, 0),
        ({"not_before": "2026-01-02"}, 0),
        ({"not_before": "2026-01-01T00:00", "until": "2026-01-01T00:00"}, 1),
        ({"until": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, 0),
    ],
)
def test_the_run_at_the_start_obeys_the_bounds_of_the_job(
    spec: str, bounds: dict[str, Any], runs: int
) -> None:
    with simulated() as scheduler:
        scheduler.schedule(spec, lambda: None, name="job", on_start=True, **bounds)
        scheduler.advance("30m")
        assert len(scheduler.runs("job")) == runs
