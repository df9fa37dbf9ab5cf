"""`Scheduler.find_runs`: live runs and endings, by job, state and time."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import pytest

from jobtui import Scheduler
from jobtui.engine.enums import RunState
from jobtui.testing import SimulatedScheduler


def test_find_runs_lists_live_runs_in_the_order_of_their_states_and_then_endings() -> None:
    scheduler = SimulatedScheduler(pool=1)
    job = scheduler.schedule("@yearly", print, name="a")
    late, early = scheduler.in_("2h", print), scheduler.in_("1h", print)
    held, queued = [scheduler.now(job) for _ in range(2)][::-1]
    assert [run.number for run in scheduler.find_runs()] == [
        each.number for each in (queued, held, early, late)
    ]
    assert [run.number for run in scheduler.find_runs(job="a", state=RunState.HELD)] == [held.number]
    scheduler.start()
    scheduler.advance("90m")
    assert [run.number for run in scheduler.find_runs()] == [
        late.number,
        early.number,
        held.number,
        queued.number,
    ]
    assert [run.number for run in scheduler.find_runs(limit=2, state=RunState.OK)] == [
        early.number,
        held.number,
    ]


def test_find_runs_finds_a_job_among_more_waiting_runs_than_a_snapshot_lists() -> None:
    scheduler = Scheduler()
    for _ in range(500):
        scheduler.now(len, "")
    wanted = scheduler.now(abs, 1)
    assert [run.number for run in scheduler.find_runs(job="abs")] == [wanted.number]


def test_find_runs_rejects_an_instant_without_a_zone() -> None:
    with pytest.raises(ValueError, match="2026-11-29"):
        Scheduler().find_runs(since=datetime(2026, 11, 29))  # noqa: DTZ001 - that is what is tested


def test_find_runs_rejects_the_name_of_no_job() -> None:
    scheduler = Scheduler()
    scheduler.schedule("@yearly", print, name="nightly")
    assert scheduler.find_runs(job="nightly") == []
    with pytest.raises(LookupError, match="no job 'nigtly'; near: nightly"):
        scheduler.find_runs(job="nigtly")


def test_the_latest_runs_of_a_job_keep_their_reasons_when_the_ledger_has_dropped_them() -> None:
    """Of a large traceback, only the exception is left then."""

    def fail(message: str) -> None:
        raise ValueError(message) from OSError("the cause")

    with Scheduler(ledger_bytes=100_000) as scheduler:
        job = scheduler.schedule("@yearly", lambda: fail("of a"), name="a")
        assert job.run().wait(60)
        [before] = scheduler.runs_of("a")
        assert before.error.startswith("OSError: the cause\n")
        for number in range(50):
            assert scheduler.now(fail, f"of b {number}").wait(60)
        [after] = scheduler.runs_of("a")
        assert (after.number, after.reason) == (before.number, before.reason) == (1, "ValueError: of a")
        assert after.error == "ValueError: of a"
        assert [run.error for run in scheduler.find_runs(job="a")] == ["ValueError: of a"]


def test_a_failed_run_is_found_after_more_successes_than_the_ledger_lists() -> None:
    """By its number, by its job and by its state, with its traceback; so no link to it is dead."""

    def fail() -> None:
        raise ValueError("no")

    with Scheduler(ledger_bytes=100_000) as scheduler:
        failed = scheduler.schedule("@yearly", fail, name="nightly").run()
        successes = [scheduler.now(len, "") for _ in range(1_100)]
        assert failed.wait(60)
        assert all(run.wait(60) for run in successes)
        assert scheduler.run_view(failed.number).error.endswith("\nValueError: no")
        for found in (
            scheduler.find_runs(state=RunState.FAILED),
            scheduler.find_runs(job="nightly"),
            scheduler.runs_of("nightly"),
        ):
            assert [run.number for run in found] == [failed.number]
        assert scheduler.run_view(successes[-1].number).state is RunState.OK
        with pytest.raises(LookupError, match="run 2 has ended and is not kept any more"):
            scheduler.run_view(successes[0].number)


def test_reading_runs_while_others_end_returns_each_run_once() -> None:
    """A run that ends between the two looks at the scheduler is found among the endings."""
    with Scheduler(pool=4) as scheduler:
        done = threading.Event()

        def submit() -> None:
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                scheduler.now(len, "").wait(60)
            done.set()

        thread = threading.Thread(target=submit)
        thread.start()
        while not done.is_set():
            numbers = [run.number for run in scheduler.find_runs(limit=10_000)]
            assert len(numbers) == len(set(numbers))
            assert sorted(numbers) == list(range(min(numbers, default=1), max(numbers, default=0) + 1))
        thread.join(20)
