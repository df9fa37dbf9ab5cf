"""A scheduler is started, stopped, and started again."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from support.real_threads import (
    LIMIT,
    BlockingJob,
    MakeScheduler,
    assert_ended,
    assert_no_threads_left,
    jobtui_threads,
    zero,
)
from support.runtime_parts import runtime_of
from support.waiting import wait_until

from jobtui import JobStatus, Phase, Run, RunState, Scheduler, StartError, current_run


async def answer() -> int:
    """Return 42 after another iteration of the event loop."""
    await asyncio.sleep(0)
    return 42


def test_a_stopped_scheduler_starts_again_with_its_jobs_and_counters(make_scheduler: MakeScheduler) -> None:
    """Threads and coroutines run again, run numbers go on, and the ledger has both lives."""
    scheduler = make_scheduler(pool=2)
    job = scheduler.every("1h", zero)
    for life in (1, 2, 3):
        with scheduler:
            assert scheduler.snapshot().phase is Phase.RUNNING
            assert_ended(job.run())
            run = scheduler.now(answer)
            assert run.result(LIMIT) == 42
            assert run.number == 2 * life
            assert job.next is not None
            assert scheduler.snapshot().jobs[0].runs == life
        assert scheduler.snapshot().phase is Phase.STOPPED
        assert_no_threads_left()
    assert [run.number for run in scheduler.find_runs(limit=10)] == [6, 5, 4, 3, 2, 1]


def test_the_start_and_stop_functions_are_called_each_time(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    calls: list[str] = []
    scheduler.on_app_start(lambda: calls.append("start"))
    scheduler.on_app_stop(lambda: calls.append("stop"))
    for _ in range(2):
        scheduler.start()
        scheduler.stop()
        scheduler.stop()
    assert calls == ["start", "stop", "start", "stop"]


def test_ticks_continue_on_the_grid_of_the_first_start(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    job = scheduler.every("1h", zero)
    with scheduler:
        first = job.next
    with scheduler:
        assert job.next == first


def test_jobs_can_be_registered_after_another_start_and_runs_of_the_stop_stay_cancelled(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler()
    with scheduler:
        waiting = scheduler.in_("1h", zero)
    assert waiting.state is RunState.CANCELLED
    with pytest.raises(RuntimeError, match="it accepts no more runs"):
        scheduler.now(zero)
    with scheduler:
        assert waiting.state is RunState.CANCELLED
        assert_ended(scheduler.every("1h", zero, name="new").run(), scheduler.now(zero))


def test_a_start_that_failed_can_be_tried_again(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    attempts: list[int] = []

    @scheduler.on_app_start
    def connect() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError

    lost = scheduler.now(zero)
    with pytest.raises(StartError):
        scheduler.start()
    assert lost.state is RunState.CANCELLED
    scheduler.start()
    assert_ended(scheduler.now(zero))


def test_a_scheduler_that_was_stopped_before_its_first_start_can_be_started(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler()
    scheduler.stop()
    scheduler.start()
    assert_ended(scheduler.now(zero))


def test_work_that_was_given_up_neither_blocks_another_start_nor_takes_its_runs(
    make_scheduler: MakeScheduler,
) -> None:
    """Its thread ends later. Its outcome changes nothing: the run has ended as CANCELLED."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()
    blocker = BlockingJob()
    abandoned = scheduler.now(blocker)
    blocker.wait_started()
    assert not scheduler.stop(0)
    scheduler.start()
    names = {scheduler.now(lambda: threading.current_thread().name).result(LIMIT) for _ in range(20)}
    coroutines = [scheduler.now(answer) for _ in range(20)]
    blocker.release()
    assert [run.result(LIMIT) for run in coroutines] == [42] * 20
    assert len(names) == 1
    assert abandoned.state is RunState.CANCELLED
    assert scheduler.snapshot().pool.running == 0
    scheduler.stop()
    assert_no_threads_left()


@pytest.mark.parametrize("started", [False, True])
def test_a_thread_that_is_late_in_one_stop_does_not_end_the_next_one(
    make_scheduler: MakeScheduler, *, started: bool
) -> None:
    """A worker looks for running work after its last run: the scheduler may have started again by then."""
    scheduler = make_scheduler(pool=1)
    with scheduler:
        pass
    lifecycle = runtime_of(scheduler).lifecycle
    if not started:
        scheduler.on_app_start(lifecycle.continue_stop)
    scheduler.start()
    lifecycle.continue_stop()
    stopping = threading.Event()

    def outlast() -> bool:
        return stopping.wait(LIMIT) and not current_run().wait_cancelled(0.1)

    run = scheduler.now(outlast)
    wait_until(lambda: run.state is RunState.RUNNING)
    scheduler.subscribe(stopping.set)  # at the event of the stop
    assert scheduler.stop(LIMIT)
    assert run.result(0)


def test_a_coroutine_that_was_given_up_does_not_block_another_start(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    started, release = threading.Event(), threading.Event()

    async def stubborn() -> None:
        started.set()
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    scheduler.start()
    run = scheduler.now(stubborn)
    assert started.wait(LIMIT)
    scheduler.stop(0)
    scheduler.start()
    assert scheduler.now(answer).result(LIMIT) == 42
    release.set()
    assert run.state is RunState.CANCELLED


def test_a_job_that_stops_the_scheduler_may_start_it_again(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()

    def restart() -> None:
        scheduler.stop()
        scheduler.start()

    run = scheduler.now(restart)
    assert_ended(run)
    deadline = threading.Event()
    while scheduler.snapshot().phase is not Phase.RUNNING:
        assert not deadline.wait(0.01)
    assert scheduler.now(answer).result(LIMIT) == 42


def test_a_start_during_a_stop_is_refused(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.start()
    blocker = BlockingJob()
    scheduler.now(blocker)
    blocker.wait_started()
    stop = threading.Thread(target=scheduler.stop)
    stop.start()
    while scheduler.snapshot().phase is not Phase.STOPPING:
        pass
    with pytest.raises(RuntimeError, match="the scheduler is stopping; it can start again when"):
        scheduler.start()
    blocker.release()
    stop.join(LIMIT)
    scheduler.start()
    assert_ended(scheduler.now(zero))


def test_subscriptions_go_on_after_another_start(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    subscription = scheduler.subscribe()
    for _ in range(2):
        scheduler.start()
        scheduler.stop()
    names = [type(event).__name__ for event in subscription.read()]
    assert names.count("SchedulerStarted") == names.count("SchedulerStopped") == 2


def test_a_forked_copy_of_a_stopped_scheduler_cannot_be_started(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    with scheduler:
        pass
    child = os.fork()
    if child == 0:
        try:
            scheduler.start()
        except RuntimeError as error:
            os._exit(0 if f"started in process {os.getppid()}" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


# --- with a store ---------------------------------------------------------------------------------


@pytest.fixture
def scheduler(tmp_path: Path) -> Scheduler:
    """Make a scheduler with a store and a job."""
    scheduler = Scheduler(store=tmp_path / "jobs.db", tz="UTC")
    scheduler.schedule("@yearly", zero)
    return scheduler


def run_job(scheduler: Scheduler) -> Run[object]:
    """Run the job to its end."""
    run = scheduler.run("zero")
    assert_ended(run)
    return run


def test_with_a_store_each_start_is_a_life_and_counters_are_counted_once(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    for life in (1, 2, 3):
        with scheduler:
            assert run_job(scheduler).number == life
            [job] = scheduler.snapshot().jobs
            assert (job.runs, len(job.recent)) == (life, life)
            assert scheduler.snapshot().store.problem == ""
    with Scheduler(store=tmp_path / "jobs.db", tz="UTC") as other:
        other.schedule("@yearly", zero)
        assert run_job(other).number == 4
        assert [run.number for run in other.find_runs(limit=10)] == [4, 3, 2, 1]


def test_with_a_store_another_start_knows_the_runs_of_a_scheduler_in_between(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    with scheduler:
        run_job(scheduler)
    with Scheduler(store=tmp_path / "jobs.db", tz="UTC") as other:
        other.schedule("@yearly", zero)
        assert run_job(other).number == 2
    with scheduler:
        assert run_job(scheduler).number == 3
        assert scheduler.snapshot().jobs[0].runs == 3


def test_with_a_store_ticks_that_start_no_run_are_all_found_after_another_start(scheduler: Scheduler) -> None:
    """Equal ticks of one life share an entry, which may be in memory and in the file."""
    job = scheduler.every("10ms", zero, name="paused")
    job.pause()
    for life in (1, 2, 3):
        scheduler.start()
        wait_until(lambda: len(scheduler.find_runs(job="paused")) == life)  # noqa: B023 - called at once
        scheduler.stop()
        found = sum(run.ticks for run in scheduler.find_runs(job="paused"))
        [counters] = [each for each in scheduler.counters() if each.job == "paused"]
        assert counters.endings[RunState.SKIPPED] == found


def test_with_a_store_a_paused_job_stays_paused(scheduler: Scheduler) -> None:
    with scheduler:
        scheduler.pause("zero")
    with scheduler:
        assert scheduler.snapshot().jobs[0].status is JobStatus.PAUSED


def test_no_thread_is_left_after_many_starts(scheduler: Scheduler) -> None:
    for _ in range(5):
        with scheduler:
            run_job(scheduler)
    assert_no_threads_left()
    assert jobtui_threads() == []
