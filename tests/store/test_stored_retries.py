"""Retries in real threads, and the failed attempts in the store."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from support.store_parts import NOW
from support.waiting import LIMIT, wait_until

from jobtui import Ending, JobStatus, Retry, RunState, RunView, Scheduler, current_run
from jobtui.store.history import History


def flaky() -> str:
    """Fail twice, then return the name of the thread."""
    attempt = current_run().attempt
    if attempt <= 2:
        raise OSError(f"no answer {attempt}")
    return threading.current_thread().name


def fail() -> None:
    """Raise an exception."""
    raise OSError("no answer")


def make(store: Path) -> Scheduler:
    """Return a scheduler with jobs whose runs are tried again."""
    scheduler = Scheduler(store=store, tz="UTC", pool=1)
    scheduler.stop_logging()
    scheduler.every("24h", flaky, retry=Retry(3, first=0.005, most=1))
    scheduler.every("24h", fail, retry=Retry(3, first="1h", most="1h"))
    return scheduler


def run_of(scheduler: Scheduler, job: str) -> RunView:
    """Return the latest run of a job."""
    return scheduler.find_runs(job=job)[0]


def test_attempts_are_made_in_threads_and_kept_across_a_restart(store: Path) -> None:
    with make(store) as scheduler:
        run = scheduler.now(scheduler.job("flaky"))
        assert run.result(LIMIT).startswith("jobtui-worker-")
        before = run_of(scheduler, "flaky")
        assert (before.state, before.attempt, before.attempts) == (RunState.OK, 3, 4)
    with make(store) as scheduler:
        after = run_of(scheduler, "flaky")
        assert [(each.number, each.reason) for each in after.attempts_made] == [
            (1, "OSError: no answer 1"),
            (2, "OSError: no answer 2"),
        ]
        assert after.attempts_made[0].error == before.attempts_made[0].error
        assert after.attempts_made[1].started == before.attempts_made[1].started
        [retries] = [job.retries for job in scheduler.snapshot().jobs if job.name == "flaky"]
        assert retries == 2


def test_a_retrying_run_takes_no_thread_and_goes_on_after_the_next_start(store: Path) -> None:
    with make(store) as scheduler:
        job = scheduler.job("fail")
        run = scheduler.now(job)
        wait_until(lambda: run.state is RunState.RETRYING)
        assert job.status is JobStatus.RETRYING
        assert scheduler.now(scheduler.job("flaky")).wait(LIMIT)
        assert scheduler.run("fail") is run
        wait_until(lambda: run_of(scheduler, "fail").attempt == 2 and run.state is RunState.RETRYING)
        before = scheduler.run_view(run.number).retry_at
    assert run.state is RunState.CANCELLED
    assert run.reason == (
        "scheduler stopped; it is tried again after the next start; "
        "attempt 2 of 4 had failed: OSError: no answer"
    )
    with make(store) as scheduler:
        shown = scheduler.run_view(run.number)
        assert (shown.state, shown.attempt, shown.attempts) == (RunState.RETRYING, 2, 4)
        assert (shown.retry_at, len(shown.attempts_made)) == (before, 2)
        [view] = [each for each in scheduler.snapshot().jobs if each.name == "fail"]
        assert (view.status, view.retry_attempt, view.retries) == (JobStatus.RETRYING, 3, 2)
        later = scheduler.now(scheduler.job("fail"))
        assert later.state is RunState.HELD
        for _ in range(2):
            scheduler.run("fail")
            wait_until(
                lambda: scheduler.run_view(run.number).state not in {RunState.QUEUED, RunState.RUNNING}
            )
        ended = scheduler.run_view(run.number)
        assert (ended.state, ended.attempt, len(ended.attempts_made)) == (RunState.FAILED, 4, 3)
    with make(store) as scheduler:
        assert run_of(scheduler, "fail").number != run.number  # the one that was held, and is RETRYING now
        [stored] = [each for each in scheduler.find_runs(job="fail") if each.number == run.number]
        assert (stored.state, stored.attempt, len(stored.attempts_made)) == (RunState.FAILED, 4, 3)


def due_at_once(store: Path) -> None:
    """Let the next attempts of the RETRYING runs in a file be due."""
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE runs SET retry_at = ? WHERE state = 'RETRYING'", (NOW,))


def leave_retrying(store: Path) -> int:
    """Leave a run in a file that is RETRYING, and due. Return its number."""
    with make(store) as scheduler:
        run = scheduler.now(scheduler.job("fail"))
        wait_until(lambda: run.state is RunState.RETRYING)
    due_at_once(store)
    return run.number


def test_an_attempt_that_was_due_meanwhile_is_made_at_the_start(store: Path) -> None:
    number = leave_retrying(store)
    with make(store) as scheduler:
        wait_until(lambda: scheduler.run_view(number).attempt == 2)
        wait_until(lambda: scheduler.run_view(number).state is RunState.RETRYING)


def test_a_run_of_a_job_that_is_not_registered_any_more_has_failed(store: Path) -> None:
    number = leave_retrying(store)
    endings: list[Ending] = []
    scheduler = Scheduler(store=store)
    scheduler.stop_logging()
    scheduler.on_failure(endings.append)
    with scheduler:
        ended = scheduler.run_view(number)
    assert (ended.state, ended.job) == (RunState.FAILED, "fail")
    assert ended.reason == "there is no job 'fail' any more; attempt 1 of 4 had failed: OSError: no answer"
    assert [each.run.number for each in endings] == [number]


def test_a_scheduler_that_starts_again_goes_on_with_the_run_under_a_new_number(store: Path) -> None:
    scheduler = make(store)
    with scheduler:
        run = scheduler.now(scheduler.job("fail"))
        wait_until(lambda: run.state is RunState.RETRYING)
    with scheduler:
        [live] = [each for each in scheduler.find_runs(job="fail") if not each.ended]
        assert (live.number, live.state, live.attempt) == (run.number + 1, RunState.RETRYING, 1)
        [made] = live.attempts_made
        assert made.reason == "OSError: no answer"


def test_a_run_whose_number_was_given_before_the_start_gets_a_new_one(store: Path) -> None:
    scheduler = make(store)  # the file is made only after that
    number = leave_retrying(store)
    early = scheduler.now(max, 1, 2)
    assert early.number == number
    with scheduler:
        assert early.result(LIMIT) == 2
        wait_until(lambda: any(each.attempt == 2 for each in scheduler.find_runs(job="fail")))
        assert run_of(scheduler, "fail").number > number


def test_a_run_that_goes_on_keeps_its_number_if_others_were_requested_before_the_start(store: Path) -> None:
    number = leave_retrying(store)
    scheduler = make(store)
    early = scheduler.now(max, 1, 2)
    with scheduler:
        assert early.result(LIMIT) == 2
        wait_until(lambda: scheduler.run_view(number).attempt == 2)
        assert run_of(scheduler, "fail").number == number < early.number


def test_a_file_that_is_opened_late_has_its_runs_taken_over_then(store: Path, tmp_path: Path) -> None:
    number = leave_retrying(store)
    store.rename(tmp_path / "kept")
    store.mkdir()
    with make(store) as scheduler:
        assert scheduler.snapshot().store.problem
        store.rmdir()
        (tmp_path / "kept").rename(store)
        wait_until(lambda: any(each.number == number for each in scheduler.find_runs(job="fail")))
        wait_until(lambda: scheduler.run_view(number).attempt == 2)


def test_a_job_whose_run_is_cancelled_before_its_next_attempt_starts_has_a_latest_run(store: Path) -> None:
    release = threading.Event()
    with make(store) as scheduler:
        run = scheduler.now(scheduler.job("fail"))
        wait_until(lambda: run.state is RunState.RETRYING)
        blocker = scheduler.now(lambda: release.wait(LIMIT))
        wait_until(lambda: blocker.state is RunState.RUNNING)
        scheduler.run("fail")  # tries at once, but there is no free slot
        wait_until(lambda: run.state is RunState.QUEUED)
        run.cancel()
        expected = scheduler.job("fail").prev
        release.set()
    [summary] = [job for job in History(store).jobs() if job.name == "fail"]
    assert summary.prev is not None
    assert datetime.fromtimestamp(summary.prev, UTC) == expected
