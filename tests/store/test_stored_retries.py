"""Retries in real threads, and the failed attempts in the store."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from support.store_parts import NOW, entry, write
from support.waiting import LIMIT, wait_until

from jobtui import JobStatus, Retry, RunState, RunView, Scheduler, current_run
from jobtui.engine.packed_exceptions import pack_exception
from jobtui.store.database import open_for_writing
from jobtui.store.history import History
from jobtui.store.lives import Origin, begin_life


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


def test_a_retrying_run_takes_no_thread_and_is_cancelled_by_a_stop(store: Path) -> None:
    with make(store) as scheduler:
        job = scheduler.job("fail")
        run = scheduler.now(job)
        wait_until(lambda: run.state is RunState.RETRYING)
        assert job.status is JobStatus.RETRYING
        assert scheduler.now(scheduler.job("flaky")).wait(LIMIT)
        assert scheduler.run("fail") is run
        wait_until(lambda: run_of(scheduler, "fail").attempt == 2 and run.state is RunState.RETRYING)
    assert run.state is RunState.CANCELLED
    assert run.reason == "scheduler stopped; attempt 2 of 4 had failed: OSError: no answer"
    with make(store) as scheduler:
        stored = run_of(scheduler, "fail")
        assert (stored.state, stored.reason, len(stored.attempts_made)) == (RunState.CANCELLED, run.reason, 2)


def test_a_retrying_run_of_a_killed_process_is_lost_with_its_attempts(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with closing(open_for_writing(path)) as connection:
        life = begin_life(connection, Origin(zone="UTC"), NOW, NOW, alone=True)
        attempt = (1, NOW, NOW + 1, 1.0, pack_exception(OSError("no answer")))
        values = {"attempts": 4, "retry_at": NOW + 9, "attempts_made": (attempt,)}
        write(connection, entry(5, RunState.RETRYING, ended=None, **values), life=life)
        begin_life(connection, Origin(zone="UTC"), NOW + 60, NOW + 60, alone=True)
    run = History(path).run(5)
    assert run is not None
    [made] = run[-1]
    assert (run[3], made[0], made[-1]) == ("LOST", 1, "OSError: no answer")
    with closing(open_for_writing(path)) as connection:
        [reason] = connection.execute("SELECT reason FROM runs WHERE number = 5").fetchone()
        [counted] = connection.execute("SELECT count FROM counters WHERE state = 'RETRYING'").fetchone()
    assert reason.startswith("an attempt had failed, and the process ended without stopping")
    assert counted == 1


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
