"""Tests of the counters of jobs: every ending is counted once."""

from __future__ import annotations

import pytest
from support.engine_harness import EngineHarness
from support.real_threads import BlockingJob, MakeScheduler, assert_ended

from jobtui.engine.enums import FINAL_STATES, Misfire, Overlap, RunState
from jobtui.engine.records import JobRecord
from jobtui.engine.views import JobCounters


def counts(job: JobRecord) -> dict[str, int]:
    """Return the counters of a job that are not zero."""
    return {state.value.lower(): count for state, count in job.counters().endings.items() if count}


def test_the_counters_of_a_new_job_are_zero() -> None:
    """They also have its name, and whether it is paused."""
    harness = EngineHarness()
    job = harness.job("a")
    assert job.counters() == JobCounters("a", False, dict.fromkeys(FINAL_STATES, 0))
    harness.engine.pause_job(job, harness.now)
    assert job.counters().paused


def test_each_ending_of_a_running_run_is_counted() -> None:
    """As OK, FAILED or CANCELLED."""
    harness = EngineHarness(pool=0)
    job = harness.job(overlap=Overlap.ALLOW)
    harness.submit(job, 6)
    for state in (
        RunState.OK,
        RunState.OK,
        RunState.OK,
        RunState.FAILED,
        RunState.FAILED,
        RunState.CANCELLED,
    ):
        harness.finish(harness.start_next(), state)
    assert counts(job) == {"ok": 3, "failed": 2, "cancelled": 1}


@pytest.mark.parametrize("state", FINAL_STATES)
def test_the_table_of_states_says_how_the_end_of_work_is_counted(state: RunState) -> None:
    """So a state that is added to the table is counted, without another line."""
    harness = EngineHarness()
    job = harness.job()
    harness.submit(job)
    harness.finish(harness.start_next(), state)
    assert counts(job) == {state.value.lower(): 1}
    view = harness.view(job)
    assert (view.runs, view.failures) == (state.completed, state.failed)
    assert (view.last_elapsed is not None) == state.completed


def test_an_end_that_is_reported_twice_is_counted_once() -> None:
    """A run that has been given up ends again when its thread finishes."""
    harness = EngineHarness()
    job = harness.job()
    harness.submit(job)
    run = harness.start_next()
    harness.finish(run, RunState.CANCELLED)
    harness.finish(run, RunState.CANCELLED)
    harness.finish(run, RunState.OK)
    assert counts(job) == {"cancelled": 1}


@pytest.mark.parametrize("where", ["queued", "held", "scheduled", "all at the stop"])
def test_a_waiting_run_that_is_cancelled_is_counted(where: str) -> None:
    """In each of the three waiting states, and when the scheduler stops."""
    harness = EngineHarness(pool=1)
    first, job = harness.job("first"), harness.job("job")
    harness.submit(first)
    harness.start_next()
    queued, held, later = *harness.submit(job, 2), harness.submit_later(job, 60)
    if where == "all at the stop":
        harness.engine.stop(harness.now)
        assert counts(job) == {"cancelled": 3}
    else:
        run = {"queued": queued, "held": held, "scheduled": later}[where]
        harness.engine.pool.cancel(run, harness.now, "for a test")
        assert counts(job) == {"cancelled": 1}


def test_skipped_runs_and_ticks_are_counted() -> None:
    """A requested run and each tick while another run is RUNNING."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 1s", overlap=Overlap.SKIP)
    harness.submit(job)
    harness.start_next()
    harness.submit(job)
    harness.advance(1)
    harness.advance(1)
    harness.advance(3)
    assert counts(job) == {"skipped": 1 + 1 + 1 + 3}


def test_each_missed_tick_is_counted() -> None:
    """Those that share one entry. The last two are at most a second late, and not missed."""
    harness = EngineHarness(pool=0)
    coalesced = harness.job("coalesced", "@every 1s")
    missed = harness.job("missed", "@every 1s", misfire=Misfire.SKIP)
    harness.advance(10)
    harness.run_all()
    assert counts(coalesced) == {"ok": 1, "coalesced": 9}
    assert counts(missed) == {"missed": 8, "ok": 1, "coalesced": 1}


def test_the_counters_of_20_000_short_runs_are_exact(make_scheduler: MakeScheduler) -> None:
    """Most of them run in batches; other runs are cancelled and skipped."""
    scheduler = make_scheduler(pool=2)
    blocker = BlockingJob()
    held = scheduler.schedule("@yearly", blocker, name="held")
    skips = scheduler.schedule("@yearly", blocker, name="skips", overlap="skip")
    scheduler.start()
    runs = [held.run(), skips.run()]
    blocker.wait_started(2)
    waiting = [held.run() for _ in range(100)]
    assert all(run.cancel() for run in waiting)
    for _ in range(50):
        skips.run()
    blocker.release()
    assert_ended(*runs)
    assert_ended(*[scheduler.now(abs, number) for number in range(20_000)])
    found = {each.job: each for each in scheduler.counters()}
    assert found["abs"].endings[RunState.OK] == 20_000
    for name, other, count in (("held", RunState.CANCELLED, 100), ("skips", RunState.SKIPPED, 50)):
        expected = {state: {RunState.OK: 1, other: count}.get(state, 0) for state in FINAL_STATES}
        assert found[name].endings == expected


def test_counters_are_in_order_of_registration_and_omit_jobs_removed_during_the_iteration(
    make_scheduler: MakeScheduler,
) -> None:
    """They are read for a few jobs at a time; the state lock is free in between."""
    scheduler = make_scheduler()
    jobs = [scheduler.schedule("@yearly", BlockingJob(), name=f"job-{number}") for number in range(1000)]
    counters = scheduler.counters()
    first = next(counters)
    jobs[-1].remove()
    assert [first.job, *[each.job for each in counters]] == [job.name for job in jobs[:-1]]


def test_every_final_state_has_a_counter() -> None:
    """In the order of the table of states."""
    harness = EngineHarness()
    assert list(harness.job("a").counters().endings) == [state for state in RunState if state.ended]
