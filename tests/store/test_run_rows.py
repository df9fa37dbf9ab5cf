"""A run, and a group of ticks, comes back from the file as it went in."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.store_parts import NOW, counters, entry, query, ticks, write

from jobtui.engine.enums import FINAL_STATES, RunState, Trigger
from jobtui.engine.packed_exceptions import pack_exception
from jobtui.engine.records import PackedRun, packed_view
from jobtui.engine.views import RunView
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.history import History


def stored(path: Path) -> PackedRun:
    """Return the only ending in the file."""
    [run] = History(path).find(limit=10)
    return run


def fields_of(run: PackedRun) -> dict[str, Any]:
    """Return the fields of the view of a packed run."""
    view = packed_view(run, UTC)
    return {field.name: getattr(view, field.name) for field in fields(RunView)}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"due": None, "waiting_since": None, "started": None, "worker": "", "elapsed": None},
        {"waiting_since": NOW - 0.000001, "elapsed": 0.0, "created": NOW + 0.123456},
        {"created": -0.5, "due": -86_400.25, "started": -0.000001, "ended": -0.0},  # 1969
        {"created": 253_402_300_799.0, "due": 253_402_300_799.0, "ended": 253_402_300_799.0},  # 9999
        {"job": "日本 \0 job", "reason": "a\0b\r\nc", "worker": "'; DROP TABLE runs; --"},
        {"reason": "x" * 1_000_000},
        {"number": 10**17, "created": NOW, "due": NOW, "started": NOW, "ended": NOW, "ticks": 10**15},
    ],
)
def test_each_field_of_a_run_comes_back(
    path: Path, connection: StoreConnection, values: dict[str, Any]
) -> None:
    run = entry(**values)
    write(connection, run)
    assert fields_of(stored(path)) == fields_of(run)


@pytest.mark.parametrize("state", FINAL_STATES)
@pytest.mark.parametrize("trigger", Trigger)
def test_each_state_and_trigger_comes_back(
    path: Path, connection: StoreConnection, state: RunState, trigger: Trigger
) -> None:
    run = entry(1, state, trigger=trigger.value)
    write(connection, run)
    assert fields_of(stored(path)) == fields_of(run)


def test_a_lone_surrogate_becomes_a_question_mark_everywhere(path: Path, connection: StoreConnection) -> None:
    write(connection, entry(1, job="j\ud800", reason="r\udfff", worker="w\ud800"))
    view = fields_of(stored(path))
    assert (view["job"], view["reason"], view["worker"]) == ("j?", "r?", "w?")
    assert len(History(path).find(job="j\ud800", limit=1)) == 1


def test_an_exception_comes_back_with_its_traceback_class_and_place(
    path: Path, connection: StoreConnection
) -> None:
    try:
        raise KeyError("no \ud800 \0 日本")  # noqa: TRY301 - it has to have a traceback
    except KeyError as error:
        run = entry(1, RunState.FAILED, error=pack_exception(error))
    write(connection, run)
    before, after = fields_of(run), fields_of(stored(path))
    assert "raise KeyError" in after["error"]
    for name in ("error", "reason"):
        assert after[name] == before[name].encode("utf-8", "replace").decode()
    [[exception, place]] = query(path, "SELECT exception, place FROM runs")
    assert exception == "KeyError"
    assert "test_run_rows.py" in place


def test_endings_sort_by_time_before_1970_and_with_parts_of_a_second(
    path: Path, connection: StoreConnection
) -> None:
    times = [-1.5, -1.0, -0.000001, 0.0, 0.5, 9.0, 10.0, 100.25]
    write(connection, *(entry(number, ended=at) for number, at in enumerate(times, 1)))
    found = History(path).find(limit=10)
    assert [fields_of(run)["number"] for run in found] == [8, 7, 6, 5, 4, 3, 2, 1]
    found = History(path).find(since=-1.0, until=0.0, limit=10)
    assert [fields_of(run)["ended"].timestamp() for run in found] == [0.0, -0.000001, -1.0]
    assert fields_of(found[-1])["ended"] == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_the_same_endings_again_change_nothing(path: Path, connection: StoreConnection) -> None:
    runs = [entry(1), entry(2, RunState.FAILED), ticks(3)]
    for _ in range(3):
        write(connection, *runs, *runs)
    assert len(History(path).find(limit=10)) == 3
    assert counters(path) == {("a", "OK"): 1, ("a", "FAILED"): 1, ("a", "SKIPPED"): 3}


def test_a_group_of_ticks_grows_in_any_order_and_is_counted_once(
    path: Path, connection: StoreConnection
) -> None:
    for count in (2, 1, 5, 3, 5, 7):
        write(connection, ticks(count))
    assert fields_of(stored(path))["ticks"] == 7
    assert counters(path) == {("a", "SKIPPED"): 7}


def test_a_running_run_is_counted_when_it_ends(path: Path, connection: StoreConnection) -> None:
    write(connection, entry(1, RunState.RUNNING, ended=None, elapsed=None))
    assert counters(path) == {}
    assert History(path).find(limit=10) == []
    write(connection, entry(1))
    assert counters(path) == {("a", "OK"): 1}
    assert fields_of(stored(path)) == fields_of(entry(1))


def test_a_run_that_has_ended_does_not_become_running_again(path: Path, connection: StoreConnection) -> None:
    write(connection, entry(1))
    write(connection, entry(1, RunState.RUNNING, ended=None, elapsed=None))
    assert fields_of(stored(path)) == fields_of(entry(1))


def test_two_lives_may_have_used_one_number(path: Path, connection: StoreConnection) -> None:
    write(connection, entry(1), life=1)
    write(connection, entry(1, ended=NOW + 9), life=2)
    assert [fields_of(run)["ended"].timestamp() for run in History(path).find(number=1, limit=5)] == [
        NOW + 9,
        NOW + 1.5,
    ]
