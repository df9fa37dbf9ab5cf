"""Policies of ticks with real threads and the machine's clock; `tests/simulation` has their rules."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from support.real_threads import LIMIT, BlockingJob, MakeScheduler
from support.waiting import wait_until

from jobtui import JobStatus, NoticeGiven, RunState, Trigger

SOON = 0.05  # seconds


def test_a_job_runs_at_each_start_after_the_start_functions(make_scheduler: MakeScheduler) -> None:
    scheduler, order = make_scheduler(), []
    scheduler.on_app_start(lambda: order.append("function"))
    scheduler.every("1h", lambda: order.append("job"), name="warm", on_start=True)
    scheduler.schedule("@reboot", lambda: None, name="boot")
    for number in (1, 2):
        with scheduler:
            wait_until(lambda: order == ["function", "job"] * number)  # noqa: B023 - waits in this turn
            wait_until(lambda: scheduler.job("boot").prev is not None)

    runs = scheduler.find_runs(job="warm")
    assert [(run.trigger, run.state) for run in runs] == [(Trigger.START, RunState.OK)] * 2


def test_a_job_that_has_run_as_often_as_it_should_starts_no_more_runs(make_scheduler: MakeScheduler) -> None:
    with make_scheduler(pool=4) as scheduler:
        job = scheduler.every(0.005, lambda: None, name="few", times=5, overlap="allow")
        wait_until(lambda: job.status is JobStatus.DONE)
        [view] = scheduler.snapshot().jobs

    assert (view.runs, view.next) == (5, None)
    assert len(scheduler.find_runs(job="few", state=RunState.OK)) == 5


def test_the_last_of_many_runs_at_once_lets_the_job_be_done(
    make_scheduler: MakeScheduler,
) -> None:
    blocker = BlockingJob()
    with make_scheduler(pool=3) as scheduler:
        job = scheduler.every(0.005, blocker, name="few", times=3, overlap="allow")
        blocker.wait_started(3)
        wait_until(lambda: scheduler.find_runs(job="few", state=RunState.SKIPPED))
        assert job.status is JobStatus.RUNNING
        blocker.release()
        wait_until(lambda: job.status is JobStatus.DONE)


def test_a_pause_with_an_end_is_over_by_itself(make_scheduler: MakeScheduler) -> None:
    ran = threading.Event()
    with make_scheduler() as scheduler:
        job = scheduler.every(0.01, ran.set, name="poll")
        assert ran.wait(LIMIT)
        job.pause(for_=SOON)
        ran.clear()
        assert ran.wait(LIMIT)
        assert job.status is not JobStatus.PAUSED


def test_a_job_that_fails_in_all_threads_at_once_is_paused_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(pool=4)
    events = scheduler.subscribe()
    with scheduler:
        job = scheduler.every("1h", lambda: 1 / 0, name="import", pause_after=3, overlap="allow")
        runs = [job.run() for _ in range(20)]
        assert all(run.wait(LIMIT) for run in runs)

    assert job.status is JobStatus.PAUSED
    notices = [event.text for event in events.read() if isinstance(event, NoticeGiven)]
    assert notices == ["import is paused after 3 failures in a row"]


def test_ticks_with_spread_and_jitter_start_at_their_instants(make_scheduler: MakeScheduler) -> None:
    with make_scheduler() as scheduler:
        job = scheduler.every(0.02, lambda: None, name="poll", spread=0.2, jitter=0.01, until=in_seconds(0.6))
        wait_until(lambda: job.status is JobStatus.DONE)
        runs = [run for run in scheduler.find_runs(job="poll") if run.number]

    assert runs
    assert all(run.started is not None and run.due is not None and run.started >= run.due for run in runs)
    assert len({run.due for run in runs}) == len(runs)


def test_a_job_that_replaces_another_runs_the_new_code_while_the_old_one_ends(
    make_scheduler: MakeScheduler,
) -> None:
    old, results = BlockingJob(), []
    with make_scheduler() as scheduler:
        job = scheduler.every("1h", old, name="import")
        first, second = job.run(), job.run()
        old.wait_started()
        again = scheduler.every("1h", lambda: results.append("new"), name="import", replace=True)
        assert again == job
        assert second.state is RunState.HELD
        old.release()
        assert first.result(LIMIT) == "released"
        assert second.wait(LIMIT)

    assert results == ["new"]


def in_seconds(seconds: float) -> datetime:
    """Return an instant in the near future."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
