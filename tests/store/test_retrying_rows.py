"""RETRYING runs in the file: the next process takes each of them, with its attempts, and only one does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.store_parts import NOW, counters, entry, query, write

from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import pack_exception
from jobtui.engine.records import ATTEMPT, ATTEMPTS_MADE, JOB, NUMBER, RETRY_AT, PackedRun
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.history import History
from jobtui.store.job_states import read_state
from jobtui.store.lives import Origin, begin_life
from jobtui.store.output_rows import OutputRows, StoredLine
from jobtui.store.retrying_rows import take_retrying
from jobtui.store.start_journal import NotedStart


def begin(connection: StoreConnection, started: float, **values: Any) -> int:
    """Begin a life, after the end of all others."""
    return begin_life(connection, Origin(zone="UTC"), started, started, alone=True, **values)


def retrying(number: int = 5, *, attempt: int = 1, **values: Any) -> PackedRun:
    """Return a RETRYING run with failed attempts."""
    made = tuple(
        (each, NOW + each, NOW + each + 1, 1.0, pack_exception(OSError(f"no answer {each}")))
        for each in range(1, attempt + 1)
    )
    facts = {"attempt": attempt, "attempts": 4, "retry_at": NOW + 9, "attempts_made": made} | values
    return entry(number, RunState.RETRYING, ended=None, **facts)


def same(number: int) -> int:
    """Return the number that a run had."""
    return number


def test_a_retrying_run_of_a_killed_process_is_taken_with_its_number_and_attempts(
    connection: StoreConnection, path: Path
) -> None:
    life = begin(connection, NOW)
    write(connection, retrying(attempt=2), life=life)
    OutputRows(connection, life).write([StoredLine(5, NOW, "stdout", "first attempt")])
    own = begin(connection, NOW + 60)
    assert read_state(connection, own).has_retrying

    [taken] = take_retrying(path, own, same)
    assert (taken[NUMBER], taken[JOB], taken[ATTEMPT], taken[RETRY_AT]) == (5, "a", 2, NOW + 9)
    assert [(each[0], each[-1]) for each in taken[ATTEMPTS_MADE]] == [
        (1, "OSError: no answer 1"),
        (2, "OSError: no answer 2"),
    ]
    assert query(path, "SELECT life, number, state, ended FROM runs") == [(own, 5, "RETRYING", None)]
    assert [line.text for line in History(path).output(5)] == ["first attempt"]
    assert take_retrying(path, own, same) == []
    assert counters(path) == {("a", "RETRYING"): 2}


def test_a_run_of_a_process_that_may_live_is_not_taken(connection: StoreConnection, path: Path) -> None:
    write(connection, retrying(), life=begin(connection, NOW))
    assert take_retrying(path, 99, same) == []


def test_its_end_goes_into_the_same_row(connection: StoreConnection, path: Path) -> None:
    write(connection, retrying(attempt=2), life=begin(connection, NOW))
    own = begin(connection, NOW + 60)
    [taken] = take_retrying(path, own, same)
    made = (*taken[ATTEMPTS_MADE], (3, NOW + 70, NOW + 71, 1.0, pack_exception(OSError("no answer 3"))))
    write(connection, entry(5, ended=NOW + 80, attempt=4, attempts=4, attempts_made=made), life=own)
    run = History(path).run(5)
    assert run is not None
    assert (run[ATTEMPT], [each[-1] for each in run[ATTEMPTS_MADE]]) == (
        4,
        [f"OSError: no answer {number}" for number in (1, 2, 3)],
    )
    assert query(path, "SELECT count(*) FROM runs") == [(1,)]
    assert counters(path) == {("a", "RETRYING"): 3, ("a", "OK"): 1}


def test_a_run_whose_number_is_taken_gets_a_new_one_with_its_attempts_and_output(
    connection: StoreConnection, path: Path
) -> None:
    life = begin(connection, NOW)
    write(connection, retrying(), life=life)
    OutputRows(connection, life).write([StoredLine(5, NOW, "stdout", "first attempt")])
    own = begin(connection, NOW + 60)
    [taken] = take_retrying(path, own, lambda number: number + 100)
    assert taken[NUMBER] == 105
    run = History(path).run(105)
    assert run is not None
    assert len(run[ATTEMPTS_MADE]) == 1
    assert [line.text for line in History(path).output(105)] == ["first attempt"]
    assert History(path).run(5) is None


def test_several_processes_take_each_run_once(connection: StoreConnection, path: Path) -> None:
    write(connection, *(retrying(number) for number in range(1, 40)), life=begin(connection, NOW))
    begin(connection, NOW + 60)
    barrier = threading.Barrier(4)

    def take(life: int) -> list[int]:
        barrier.wait()
        return [run[NUMBER] for run in take_retrying(path, life, same)]

    with ThreadPoolExecutor(4) as threads:
        taken = [number for part in threads.map(take, range(2, 6)) for number in part]
    assert sorted(taken) == list(range(1, 40))


def test_a_tick_whose_run_is_retrying_is_not_caught_up(connection: StoreConnection) -> None:
    write(connection, entry(4, due=NOW), retrying(5, due=NOW + 3600), life=begin(connection, NOW))
    own = begin(connection, NOW + 9000)
    assert read_state(connection, own).jobs["a"].watermark == NOW + 3600


@pytest.mark.parametrize(
    ("attempt", "state"),
    [(1, "RETRYING"), (2, "LOST")],  # that of the attempt that has failed, and of the next one
)
def test_an_attempt_that_had_started_when_its_process_was_killed_is_lost(
    connection: StoreConnection, path: Path, attempt: int, state: str
) -> None:
    write(connection, retrying(), life=begin(connection, NOW))
    begin(connection, NOW + 60, starts=[NotedStart(5, "a", NOW, NOW, NOW + 9, attempt)])
    [row] = query(path, "SELECT state, attempt, started, retry_at FROM runs")
    if state == "LOST":
        assert row == ("LOST", 2, NOW + 9, None)
        [(reason,)] = query(path, "SELECT reason FROM runs")
        assert reason.startswith("the process ended without stopping: process ")
    else:
        assert row == ("RETRYING", 1, NOW + 5, NOW + 9)


def test_nothing_is_taken_if_the_number_cannot_be_given(connection: StoreConnection, path: Path) -> None:
    def fail(_number: int) -> int:
        raise RuntimeError("no number")

    write(connection, retrying(), life=begin(connection, NOW))
    own = begin(connection, NOW + 60)
    with pytest.raises(RuntimeError):
        take_retrying(path, own, fail)
    assert len(take_retrying(path, own, same)) == 1
