"""Outputs and stop requests belong to the runs of one scheduler, and are dropped when they are not needed."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

import pytest

import jobtui
from jobtui.engine.ledger import LEDGER_BYTES
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler
from jobtui.testing import SimulatedScheduler


@contextmanager
def capturing(ledger_bytes: int = LEDGER_BYTES) -> Iterator[Scheduler]:
    """Start a scheduler whose output is captured."""
    with capture_streams(OutputLog(10_000)), Scheduler(ledger_bytes=ledger_bytes) as scheduler:
        yield scheduler


def test_an_output_is_dropped_with_the_ending_of_its_run() -> None:
    with capturing(ledger_bytes=100_000) as scheduler:
        runs = [scheduler.now(print, f"{number} " + "x" * 10_000) for number in range(8)]
        for run in runs:
            assert run.wait(60)
        kept = {view.number for view in scheduler.snapshot().recent}
        assert 0 < len(kept) < 8
        for number, run in enumerate(runs):
            if run.number in kept:
                assert (scheduler.output_of(run.number) or "").startswith(f"{number} ")
            else:
                with pytest.raises(
                    LookupError, match=f"^run {run.number} has ended and is not kept any more$"
                ):
                    scheduler.output_of(run.number)


def test_an_output_that_is_not_recorded_is_not_an_empty_one() -> None:
    """Nor is the output of a run that does not exist."""
    with Scheduler() as scheduler:
        run = scheduler.now(print, "to the terminal")
        assert run.wait(60)
        assert scheduler.output_of(run.number) is None
        with capture_streams(OutputLog()):
            quiet = scheduler.now(len, "")
            assert quiet.wait(60)
            assert scheduler.output_of(quiet.number) == ""
        for number in (0, -1, quiet.number + 1, 10**30):
            with pytest.raises(LookupError, match=f"^there is no run {number}$"):
                scheduler.output_of(number)


def test_the_memory_of_outputs_is_bounded() -> None:
    """The limit, and as much again for what this test and the threads keep."""
    limit = 1_000_000
    with capturing(ledger_bytes=limit) as scheduler:
        assert scheduler.now(print, "first").wait(60)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for run in [scheduler.now(print, "x" * 16_000) for _ in range(2_000)]:
                assert run.wait(60)
            del run
            assert tracemalloc.get_traced_memory()[0] - before < 2 * limit
        finally:
            tracemalloc.stop()


def test_a_thread_that_copies_the_context_prints_into_the_output_of_the_run() -> None:
    def work() -> None:
        thread = threading.Thread(target=copy_context().run, args=(print, "from the thread"))
        thread.start()
        thread.join(20)

    with capturing() as scheduler:
        run = scheduler.now(work)
        assert run.wait(60)
        assert scheduler.output_of(run.number) == "from the thread\n"


def test_a_thread_that_outlives_its_run_no_longer_changes_the_output() -> None:
    ended, printed = threading.Event(), threading.Event()

    def print_late() -> None:
        ended.wait(60)
        print("late")
        printed.set()

    def work() -> None:
        print("in time")
        threading.Thread(target=copy_context().run, args=(print_late,)).start()

    with capturing() as scheduler:
        run = scheduler.now(work)
        assert run.wait(60)
        ended.set()
        assert printed.wait(60)
        assert scheduler.output_of(run.number) == "in time\n"


def test_runs_of_the_same_number_in_two_schedulers_have_outputs_of_their_own() -> None:
    with capturing() as outer, Scheduler() as inner:

        def work() -> str:
            print("outer")
            run = inner.now(print, "inner")
            assert run.wait(60)
            return f"{jobtui.current_run().number} {run.number}"

        run = outer.now(work)
        assert run.result(20) == "1 1"
        assert (outer.output_of(1), inner.output_of(1)) == ("outer\n", "inner\n")


def test_a_stop_request_of_one_scheduler_does_not_reach_a_run_of_another() -> None:
    started, release = threading.Event(), threading.Event()

    def work() -> bool:
        started.set()
        release.wait(60)
        return jobtui.current_run().cancelled

    def wait_for_stop() -> None:
        jobtui.current_run().wait_cancelled(20)

    with Scheduler() as first, Scheduler() as second:
        cancelled, other = first.now(wait_for_stop), second.now(work)
        assert cancelled.number == other.number
        assert started.wait(60)
        assert cancelled.cancel()
        assert cancelled.wait(60)
        release.set()
        assert other.result(20) is False


def test_a_job_that_moves_a_simulated_scheduler_keeps_its_own_current_run() -> None:
    inner = SimulatedScheduler()
    numbers: list[int] = []

    def note() -> None:
        numbers.append(jobtui.current_run().number)

    def work() -> int:
        inner.every("1s", note)
        inner.start()
        inner.advance("2s")
        return jobtui.current_run().number

    with Scheduler() as outer:
        outer.now(note).wait(60)
        numbers.clear()
        assert outer.now(work).result(20) == 2
    assert numbers == [1, 2]


@pytest.mark.parametrize("asked", [True, False])
def test_code_that_outlives_its_run_still_reads_whether_it_was_asked_to_stop(*, asked: bool) -> None:
    started, release = threading.Event(), threading.Event()
    found: list[jobtui.CurrentRun] = []

    def work() -> None:
        found.append(jobtui.current_run())
        started.set()
        release.wait(60)

    with Scheduler() as scheduler:
        run = scheduler.now(work)
        assert started.wait(60)
        if asked:
            run.cancel()
        release.set()
        assert run.wait(60)
        [current] = found
        assert current.cancelled is asked
        assert current.wait_cancelled(0.001) is asked
