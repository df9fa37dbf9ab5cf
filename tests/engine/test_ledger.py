"""The ledger: which endings it keeps, in how much memory, and how it is asked."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import count

from support.engine_harness import NOON, EngineHarness, nothing

from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.ledger import LEDGER_BYTES, Ledger
from jobtui.engine.packed_exceptions import PackedException, pack_exception
from jobtui.engine.records import (
    ENDED,
    ERROR,
    NUMBER,
    STATE,
    TICKS,
    JobRecord,
    PackedRun,
    RunRecord,
    pack_run,
)
from jobtui.engine.runnables import as_runnable


def make_job(name: str = "a") -> JobRecord:
    return JobRecord(name, as_runnable(nothing), None, spec="one-off")


JOB = make_job()


def ending(
    number: int,
    state: RunState = RunState.OK,
    *,
    job: JobRecord = JOB,
    reason: str = "",
    error: PackedException = (),
) -> PackedRun:
    """Return the packed form of a run that ended `number` seconds after noon."""
    at = NOON + number
    run = RunRecord(number, job, Trigger.AT, None, at - 4, at - 3, at - 2)
    run.started, run.ended, run.elapsed, run.worker, run.state = at - 1, at, at - NOON, "worker-1", state
    if reason or error:
        extras = run.ensure_extras()
        extras.reason, extras.error = reason, error
    return pack_run(run)


class Recorder:
    """Records endings as the pool does."""

    def __init__(self, limit: int = LEDGER_BYTES) -> None:
        self.ledger = Ledger(limit)
        self._numbers = count(1)

    def ok(self, amount: int = 1, job: JobRecord = JOB) -> None:
        for _ in range(amount):
            self.ledger.record(ending(next(self._numbers), job=job))

    def failed(self, amount: int = 1, error: PackedException = ()) -> None:
        for _ in range(amount):
            entry = ending(next(self._numbers), RunState.FAILED, error=error)
            self.ledger.record_detailed(entry, failed=True)

    def skipped(self, amount: int = 1, reason: str = "paused") -> None:
        for _ in range(amount):
            entry = ending(next(self._numbers), RunState.SKIPPED, reason=reason)
            self.ledger.record_detailed(entry, failed=False)

    def printed(self, output_bytes: int) -> None:
        entry = ending(next(self._numbers))
        self.ledger.record_detailed(entry, failed=False, output_bytes=output_bytes)

    def numbers(self) -> list[int]:
        return [entry[NUMBER] for entry in self.ledger.entries()]


def fail(message: str, depth: int) -> None:
    if depth:
        fail(message, depth - 1)
    raise ValueError(message)


def raised(message: str, depth: int = 0) -> PackedException:
    """Return a packed exception that was raised below some calls."""
    try:
        fail(message, depth)
    except ValueError as error:
        return pack_exception(error)
    raise AssertionError


# --- order and bounds -----------------------------------------------------------------------------


def test_entries_of_all_kinds_are_listed_in_the_order_of_recording_newest_first() -> None:
    recorder = Recorder()
    for _ in range(3):
        recorder.ok(2)
        recorder.failed()
        recorder.skipped()
        recorder.printed(100)
    assert recorder.numbers() == list(range(15, 0, -1))
    assert [entry[NUMBER] for entry in recorder.ledger.latest(4)] == [15, 14, 13, 12]


def test_successes_and_skipped_ticks_displace_no_failure() -> None:
    recorder = Recorder(100_000)
    recorder.failed(3)
    recorder.ok(10_000)
    recorder.skipped(10_000)
    recorder.ok(10_000)
    found = recorder.ledger.entries().find(state=RunState.FAILED, limit=10)
    assert [entry[NUMBER] for entry in found] == [3, 2, 1]
    assert recorder.numbers()[-3:] == [3, 2, 1]


def test_failures_displace_the_oldest_failures_and_nothing_else() -> None:
    recorder = Recorder(1_000_000)
    recorder.skipped(10)
    recorder.failed(10_000)
    found = recorder.ledger.entries()
    failures = [entry[NUMBER] for entry in found.find(state=RunState.FAILED, limit=10_000)]
    assert failures == list(range(10_010, 10_010 - len(failures), -1))
    assert 100 < len(failures) < 1_000
    assert len(found.find(state=RunState.SKIPPED, limit=100)) == 10


def test_an_ending_that_outlives_newer_ones_is_listed_once() -> None:
    recorder = Recorder(100_000)
    recorder.ok(1_000)
    recorder.failed(5)
    recorder.ok(1_000)
    recorder.failed(5)
    numbers = recorder.numbers()
    assert len(numbers) == len(set(numbers))
    assert numbers == sorted(numbers, reverse=True)


def test_an_ending_that_is_larger_than_its_share_keeps_its_exception_in_one_line() -> None:
    recorder = Recorder(100_000)
    recorder.failed(3)
    recorder.failed(error=raised("first words " + "x" * 60_000, depth=60) * 10)
    [latest, *others] = recorder.ledger.entries()
    assert latest[ERROR][0][1].startswith("first words x")
    assert len(others) == 3


def test_the_numbers_of_runs_whose_endings_have_dropped_out_are_reported() -> None:
    recorder = Recorder(100_000)
    for _ in range(10):
        recorder.printed(10_000)
    kept = recorder.numbers()
    assert sorted([*kept, *recorder.ledger.forgotten]) == list(range(1, 11))
    assert len(kept) == 2


def test_an_output_that_is_larger_than_the_share_is_dropped_and_its_ending_kept() -> None:
    recorder = Recorder(100_000)
    recorder.printed(10_000_000)
    assert recorder.numbers() == recorder.ledger.forgotten == [1]


def test_a_million_endings_stay_within_the_memory() -> None:
    """Most are successes; among the others are large tracebacks, and long reasons."""
    recorder = Recorder()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for index in range(1_000):
            recorder.ok(980)
            recorder.failed(4, raised(f"message {index}"))
            recorder.failed(4, raised(f"{index} " + "é" * index * 30, depth=index % 70))
            recorder.skipped(12, f"the reason {index} " + "x" * (index % 200))
            recorder.ledger.forgotten.clear()
            if index % 100 == 99:
                assert tracemalloc.get_traced_memory()[0] - before < LEDGER_BYTES
    finally:
        tracemalloc.stop()
    assert len(recorder.numbers()) > 10_000


# --- questions ------------------------------------------------------------------------------------


def test_entries_are_found_by_number_job_state_and_time() -> None:
    recorder, other = Recorder(), make_job("b")
    recorder.ok(3)
    recorder.ok(2, other)
    recorder.failed(2)
    entries = recorder.ledger.entries()

    def found(**conditions: object) -> list[int]:
        return [entry[NUMBER] for entry in entries.find(**{"limit": 100, **conditions})]  # type: ignore[arg-type]

    assert found() == [7, 6, 5, 4, 3, 2, 1]
    assert found(limit=2) == [7, 6]
    assert found(number=2) == [2]
    assert found(number=6) == [6]
    assert found(number=8) == []
    assert found(job="b") == [5, 4]
    assert found(state=RunState.FAILED) == [7, 6]
    assert found(state=RunState.OK, job="a", limit=2) == [3, 2]
    assert found(since=NOON + 3, until=NOON + 5) == [5, 4, 3]


def test_a_question_includes_entries_of_a_job_that_the_ledger_has_dropped() -> None:
    recorder = Recorder(100_000)
    recorder.failed()
    recent = [*recorder.ledger.entries()]
    for _ in range(3):
        recorder.ok()
        recent.append(recorder.ledger.latest(1)[0])
    recorder.ok(1_000, make_job("b"))
    recorder.ok()
    found = recorder.ledger.entries().find(job="a", recent=recent)
    assert [entry[NUMBER] for entry in found] == [1005, 4, 3, 2, 1]


def test_entries_stay_as_they_were_while_the_ledger_records_more() -> None:
    recorder = Recorder()
    recorder.ok(2)
    entries = recorder.ledger.entries()
    recorder.ok(5)
    assert [entry[NUMBER] for entry in entries] == [2, 1]


# --- entries for ticks ----------------------------------------------------------------------------


def test_ticks_of_the_same_kind_share_an_entry_that_replaces_the_former_one() -> None:
    harness = EngineHarness()
    job = harness.job("a", "* * * * * *")
    harness.engine.pause_job(job, harness.now)
    harness.advance(1)
    [first] = harness.ledger.entries()
    harness.advance(1)
    harness.advance(1)
    [latest] = harness.ledger.entries()
    assert (first[TICKS], latest[TICKS]) == (1, 3)
    assert (first[ENDED], latest[ENDED]) == (NOON + 1, NOON + 3)
    assert harness.view(job).recent == (RunState.SKIPPED,)
    assert [view.ticks for view in harness.engine.recent_runs(job)] == [3]


def test_an_amended_entry_keeps_its_place() -> None:
    harness = EngineHarness()
    job, other = harness.job("a", "* * * * * *"), harness.job("b", None)
    harness.engine.pause_job(job, harness.now)
    harness.advance(1)
    harness.submit(other)
    harness.run_all()
    harness.advance(1)
    assert [(entry[STATE], entry[TICKS]) for entry in harness.ledger.entries()] == [("OK", 1), ("SKIPPED", 2)]
