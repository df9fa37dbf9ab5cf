"""A scheduler with a store goes on after a restart with what the one before it has recorded."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.waiting import LIMIT

from jobtui import JobView, Phase, RunState, Scheduler, StartError
from jobtui.engine.records import NUMBER
from jobtui.store.history import History


def succeed() -> int:
    """Return a value."""
    return 7


def fail() -> None:
    """Raise an exception."""
    raise ValueError("no \ud800 日本")


def make(store: Path) -> Scheduler:
    """Return a scheduler with two jobs, whose ticks are years away."""
    scheduler = Scheduler(store=store, tz="UTC")
    scheduler.stop_logging()
    scheduler.schedule("@yearly", succeed)
    scheduler.schedule("@yearly", fail)
    return scheduler


def view_of(scheduler: Scheduler, job: str) -> JobView:
    """Return the view of a job."""
    [view] = [each for each in scheduler.snapshot().jobs if each.name == job]
    return view


def run_both(scheduler: Scheduler) -> None:
    """Run both jobs once, to their ends."""
    assert scheduler.run("succeed").wait(10)
    assert scheduler.run("fail").wait(10)


def test_counters_and_recent_endings_go_on(store: Path) -> None:
    with make(store) as scheduler:
        run_both(scheduler)
    with make(store) as scheduler:
        run_both(scheduler)
        jobs = {job.name: job for job in scheduler.snapshot().jobs}
    assert (jobs["succeed"].runs, jobs["succeed"].failures) == (2, 0)
    assert (jobs["fail"].runs, jobs["fail"].failures) == (2, 2)
    assert jobs["fail"].recent == (RunState.FAILED, RunState.FAILED)


def test_the_duration_of_the_latest_run_that_was_ok_goes_on(store: Path) -> None:
    """Many more have failed since, before the restart and after it."""
    errors: list[Exception] = []

    def import_pages() -> None:
        for error in errors:
            raise error

    def fail_often(scheduler: Scheduler) -> JobView:
        for _ in range(21):
            assert scheduler.run("import_pages").wait(10)
        return view_of(scheduler, "import_pages")

    with Scheduler(store=store, tz="UTC") as scheduler:
        scheduler.stop_logging()
        scheduler.schedule("@yearly", import_pages)
        assert scheduler.run("import_pages").wait(10)
        took = view_of(scheduler, "import_pages").last_elapsed
        errors.append(ValueError("no page"))
        assert fail_often(scheduler).last_ok_elapsed == took
    assert took is not None
    with Scheduler(store=store, tz="UTC") as scheduler:
        scheduler.stop_logging()
        scheduler.schedule("@yearly", import_pages)
        view = view_of(scheduler, "import_pages")
        assert set(view.recent) == {RunState.FAILED}
        assert view.last_ok_elapsed == took
        assert fail_often(scheduler).last_ok_elapsed == took


def test_run_numbers_go_on(store: Path) -> None:
    with make(store) as scheduler:
        run_both(scheduler)
    with make(store) as scheduler:
        assert scheduler.run("succeed").number == 3


def test_runs_that_are_requested_before_the_start_have_numbers_of_their_own(store: Path) -> None:
    """As at the top of a job file: their numbers are unique in the store, and never change."""
    for _ in range(3):
        scheduler = make(store)
        early, later = scheduler.now(succeed), scheduler.in_("1h", succeed)
        numbers = [early.number, later.number]
        with scheduler:
            assert early.wait(10)
            run_both(scheduler)
            assert [early.number, later.number] == numbers
    with Scheduler(store=store) as scheduler:
        found = sorted(run.number for run in scheduler.find_runs(limit=100))
    assert found == [*range(1, 13)]


KILLED_WHILE_A_RUN_WAITS = """
import os, signal, sys
from jobtui import Scheduler
scheduler = Scheduler(store=sys.argv[1], tz="UTC")
scheduler.start()
print(scheduler.in_("1h", print).number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_number_of_a_run_that_waited_when_its_process_was_killed_is_not_used_again(store: Path) -> None:
    def number_in_killed_process() -> int:
        command = [sys.executable, "-c", KILLED_WHILE_A_RUN_WAITS, str(store)]
        return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False).stdout)

    first = number_in_killed_process()
    second = number_in_killed_process()
    with make(store):
        pass  # it gives no number, and stops
    with make(store) as scheduler:
        third = scheduler.run("succeed").number
    assert first < second < third < 1_000


def test_an_earlier_run_has_its_traceback(store: Path) -> None:
    with make(store) as scheduler:
        run_both(scheduler)
        before = scheduler.run_view(2)
    with make(store) as scheduler:
        after = scheduler.run_view(2)
        [in_job] = scheduler.runs_of("fail")
        [found] = scheduler.find_runs(state=RunState.FAILED)
    expected = before.error.encode("utf-8", "replace").decode()
    assert "raise ValueError" in expected
    assert after.error == in_job.error == found.error == expected
    assert (after.state, after.started, after.ended, after.elapsed) == (
        before.state,
        before.started,
        before.ended,
        before.elapsed,
    )


def test_the_columns_of_a_job_go_on(store: Path) -> None:
    """A run that ended just now is in memory and in the store, and counts once."""
    for _ in range(2):
        with make(store) as scheduler:
            run_both(scheduler)
            columns = scheduler.run_columns("fail")
    assert columns.numbers == (2, 4)
    assert columns.states == ("FAILED", "FAILED")
    assert columns.errors == (0, 0)
    [signature] = columns.signatures
    assert signature.startswith("ValueError test_restart.py:")
    assert len(columns.reasons) == 1
    with make(store) as scheduler:
        assert scheduler.run_columns("fail", limit=1).numbers == (4,)


def test_a_job_goes_on_paused(store: Path) -> None:
    with make(store) as scheduler:
        scheduler.pause("fail")
        since = view_of(scheduler, "fail").paused_since
    with make(store) as scheduler:
        assert view_of(scheduler, "fail").paused_since == since
        scheduler.resume("fail")
    with make(store) as scheduler:
        assert view_of(scheduler, "fail").paused_since is None


def test_a_job_that_is_registered_after_the_start_gets_its_history(store: Path) -> None:
    with make(store) as scheduler:
        run_both(scheduler)
    with Scheduler(store=store) as scheduler:
        scheduler.schedule("@yearly", succeed)
        assert view_of(scheduler, "succeed").runs == 1


def test_all_runs_of_all_lives_are_found_newest_first_and_once(store: Path) -> None:
    for _ in range(3):
        with make(store) as scheduler:
            run_both(scheduler)
            found = scheduler.find_runs()
    assert [run.number for run in found] == [6, 5, 4, 3, 2, 1]


def test_a_second_scheduler_is_refused_if_that_is_asked_for(store: Path) -> None:
    second = Scheduler(store=store, single="refuse")
    with (
        make(store),
        pytest.raises(StartError, match=r"jobs\.db: process \d+ uses this store, and runs its jobs"),
    ):
        second.start()


def test_a_second_scheduler_stands_by_and_takes_over_with_its_hooks(store: Path) -> None:
    started = threading.Event()
    with make(store) as first:
        run_both(first)
        second = make(store)
        second.on_app_start(started.set)
        second.start()
        assert second.snapshot().phase is Phase.STANDBY
        assert second.liveness().phase is Phase.STANDBY
        waiting = second.run("succeed")
        assert not started.is_set()
    assert waiting.wait(10)
    assert started.is_set()
    assert view_of(second, "succeed").runs == 2
    second.stop()


def test_a_scheduler_that_stands_by_can_be_stopped(store: Path) -> None:
    with make(store):
        second = make(store)
        second.start()
        waiting = second.run("succeed")
        second.stop()
        assert waiting.state is RunState.CANCELLED
        assert second.snapshot().phase is Phase.STOPPED
    with make(store) as third:
        assert third.snapshot().phase is Phase.RUNNING


def test_a_run_of_a_scheduler_that_stands_by_says_why_it_waits(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with make(store):
        second = Scheduler(store=store, tz="UTC")
        second.start()
        waiting = second.now(succeed)
        reason = (
            f"{store}: process {os.getpid()} uses this store, and runs its jobs; "
            "this process takes over when that one has ended"
        )
        assert waiting.reason == reason
        with pytest.raises(TimeoutError, match=f"is QUEUED after 0.01 s: {re.escape(reason)}"):
            waiting.result(0.01)
        second.stop()
    assert waiting.reason == "scheduler stopped"
    assert caplog.messages == [f"STANDBY: {reason}"]


def test_the_store_is_released_only_after_the_stop_functions(store: Path) -> None:
    """The start functions of another scheduler are called after the stop functions of this one."""
    refused: list[str] = []

    def start_another() -> None:
        with pytest.raises(StartError) as caught:
            Scheduler(store=store, single="refuse").start()
        refused.append(str(caught.value))

    first, second = make(store), make(store)
    first.on_app_stop(start_another)
    started = threading.Event()
    second.on_app_start(started.set)
    with first:
        second.start()
    [message] = refused
    assert "uses this store" in message
    assert started.wait(LIMIT)
    second.stop()


def test_a_second_stop_does_not_release_the_store_during_the_stop_functions(store: Path) -> None:
    third = Scheduler(store=store, single="refuse")
    calls: list[str] = []

    def stop_again() -> None:
        first.stop()
        with pytest.raises(StartError, match="uses this store"):
            third.start()
        calls.append("refused")

    first = make(store)
    first.on_app_stop(stop_again)
    with first:
        pass
    assert calls == ["refused"]
    with third:
        pass


def test_all_runs_are_in_the_file_when_the_stop_functions_are_called(store: Path) -> None:
    found: list[int] = []
    with make(store) as scheduler:
        scheduler.on_app_stop(lambda: found.extend(run[NUMBER] for run in History(store).find(limit=9)))
        run_both(scheduler)
    assert found == [2, 1]


def test_a_stop_function_that_raises_keyboard_interrupt_releases_the_store(store: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    scheduler = make(store)
    scheduler.on_app_stop(interrupt)
    scheduler.start()
    with pytest.raises(KeyboardInterrupt):
        scheduler.stop()
    with Scheduler(store=store, single="refuse"):
        pass


def test_the_snapshot_names_the_file(store: Path) -> None:
    with make(store) as scheduler:
        assert scheduler.snapshot().store.file == str(store)
        assert scheduler.snapshot().store.problem == ""
    with Scheduler() as scheduler:
        assert scheduler.snapshot().store.file == ""


def test_a_search_finds_runs_of_the_store_and_of_the_memory_in_one_order(store: Path) -> None:
    """Each once, on pages of any size; those that ended just now are not in the file yet."""
    with make(store) as scheduler:
        run_both(scheduler)
    with make(store) as scheduler:
        run_both(scheduler)
        numbers: list[int] = []
        cursor = ""
        while cursor or not numbers:
            page = scheduler.search_runs("", limit=1, cursor=cursor)
            numbers += [run.number for run in page.runs]
            cursor = page.next
        assert numbers == [4, 3, 2, 1]
        assert [run.number for run in scheduler.search_runs("ValueError").runs] == [4, 2]
