"""Tests of runs that take too long: warnings, timeouts and abandoned runs, on an engine without threads."""

import pytest
from support.engine_harness import NOON, EngineHarness, clock_time

from jobtui.engine.enums import Cancellation, RunState
from jobtui.engine.events import AbandonedEnded, RunFinished, RunWarned
from jobtui.engine.job_policies import ABANDON
from jobtui.engine.records import RunRecord


def started(
    harness: EngineHarness, *, timeout: float = 0.0, warn: float = 0.0, abandon: float = ABANDON
) -> RunRecord:
    """Add a job that is never due, and start a run of it."""
    harness.submit(harness.job(schedule=None, timeout=timeout, warn=warn, abandon=abandon))
    return harness.start_next()


def stop_reason(run: RunRecord) -> str:
    """Return why a run has been asked to stop; "" if it has not been asked."""
    return run.extras.stop_reason


@pytest.mark.parametrize(
    ("timeout", "warn", "expected"),
    [
        (300.0, 0.0, NOON + 300),
        (0.0, 120.0, NOON + 120),
        (300.0, 120.0, NOON + 120),
        (120.0, 300.0, NOON + 120),
        (0.0, 0.0, None),
    ],
)
def test_a_run_that_starts_is_due_at_its_first_limit(
    timeout: float, warn: float, expected: float | None
) -> None:
    harness = EngineHarness()
    started(harness, timeout=timeout, warn=warn)

    assert harness.engine.next_due == expected


def test_a_run_that_ends_leaves_nothing_in_the_timer_queue() -> None:
    harness = EngineHarness()
    harness.submit(harness.job(schedule=None, timeout=300, warn=120))
    run = harness.start_next()
    harness.finish(run)

    assert harness.engine.next_due is None


def test_a_slow_run_is_marked_and_named_in_a_warning() -> None:
    harness = EngineHarness()
    run = started(harness, warn=120)
    harness.advance(119)
    assert not harness.snapshot().running[0].warned
    harness.advance(1)

    assert harness.snapshot().running[0].warned
    assert harness.engine.effects.notices == ["run 1 of a still runs after 2m"]
    assert [event.run.number for event in harness.events if isinstance(event, RunWarned)] == [1]
    harness.finish(run)
    assert (harness.endings[-1].state, harness.endings[-1].warned) == (RunState.OK, True)


def test_a_run_is_asked_to_stop_at_its_timeout() -> None:
    harness = EngineHarness()
    run = started(harness, timeout=300, warn=120)
    harness.advance(299.9)
    assert not stop_reason(run)
    harness.advance(0.1)

    assert harness.engine.effects.stop_requested == [run]
    shown = harness.snapshot().running[0]
    assert shown.reason == f"asked to stop at {clock_time(300)}: timed out after 5m"
    assert run.extras.timed_out


def test_a_run_that_goes_on_after_its_grace_is_abandoned() -> None:
    harness = EngineHarness()
    job = harness.job(timeout=300, abandon=30)
    harness.submit(job, 2)
    run = harness.start_next()
    harness.advance(300)
    harness.advance(29)
    assert harness.counts == (1, 0, 1)
    harness.advance(1)

    assert harness.counts == (0, 1, 0)  # its slot and the gate of its job are free
    assert run.state is RunState.TIMED_OUT
    assert run.reason == "TimeoutError: still ran 30s after its timeout of 5m; its work goes on"
    assert (job.runs, job.failures, job.failures_in_row) == (1, 1, 1)
    snapshot = harness.snapshot()
    assert (snapshot.pool.abandoned, [view.number for view in snapshot.abandoned]) == (1, [run.number])


def test_the_late_outcome_of_an_abandoned_run_changes_nothing() -> None:
    harness = EngineHarness()
    job = harness.job(timeout=300, abandon=30)
    harness.submit(job)
    run = harness.start_next()
    harness.advance(300)
    harness.advance(30)
    harness.finish(run)

    assert run.state is RunState.TIMED_OUT
    assert (job.runs, job.failures) == (1, 1)
    assert harness.snapshot().pool.abandoned == 0
    assert [event.run.number for event in harness.events if isinstance(event, AbandonedEnded)] == [1]
    assert [event.run.state for event in harness.events if isinstance(event, RunFinished)] == [
        RunState.TIMED_OUT
    ]


def test_no_more_runs_are_abandoned_than_allowed() -> None:
    harness = EngineHarness(pool=0, abandoned=1)
    first, second = (started(harness, timeout=10, abandon=5) for _ in range(2))
    harness.advance(10)
    harness.engine.reset_effects()
    harness.advance(5)
    harness.advance(20)

    assert (first.state, second.state) == (RunState.TIMED_OUT, RunState.RUNNING)
    problem = "1 abandoned runs go on, and jobs.abandoned = 1 allows no more"
    assert second.reason == f"cannot be abandoned: {problem}"
    assert harness.engine.overtime_problem == problem
    assert not harness.snapshot().pool.can_abandon
    assert harness.engine.effects.notices == [
        "run 1 of a is abandoned: it still ran 5s after its timeout of 10s",
        f"run 2 of a-2 cannot be abandoned: {problem}",  # once, however often it is tried
    ]

    harness.finish(first)
    harness.advance(1)
    assert second.state is RunState.TIMED_OUT
    assert harness.engine.overtime_problem == "1 abandoned runs go on, and jobs.abandoned = 1 allows no more"


def test_a_limit_of_zero_abandons_nothing_and_is_no_problem() -> None:
    harness = EngineHarness(abandoned=0)
    run = started(harness, timeout=10, abandon=5)
    harness.advance(10)
    harness.advance(60)

    assert run.state is RunState.RUNNING
    assert harness.engine.overtime_problem == ""


def test_a_run_that_a_user_has_cancelled_is_abandoned_all_the_same() -> None:
    harness = EngineHarness()
    run = started(harness, timeout=10, abandon=5)
    assert harness.engine.cancel(run, harness.now, "by hand") is Cancellation.ASKED
    harness.advance(10)
    assert not run.extras.timed_out  # it ends as CANCELLED if it stops
    harness.advance(5)

    assert run.state is RunState.TIMED_OUT


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_run_keeps_its_time_when_the_clock_is_set(step: float) -> None:
    harness = EngineHarness()
    run = started(harness, timeout=300)
    harness.advance(100)
    harness.now += step
    harness.step_clock(step)
    harness.advance(199)
    assert not stop_reason(run)
    harness.advance(1)

    assert stop_reason(run) == "timed out after 5m"
    assert run.extras.deadline == pytest.approx(harness.now)


def test_limits_are_in_the_timer_queue_again_after_a_repair() -> None:
    harness = EngineHarness()
    run = started(harness, timeout=300)
    harness.engine.repair(harness.now)
    harness.advance(300)

    assert run.extras.timed_out


def test_a_scheduler_that_stops_times_nothing_out() -> None:
    harness = EngineHarness()
    run = started(harness, timeout=300)
    harness.engine.stop(harness.now)
    harness.advance(300)

    assert not stop_reason(run)
