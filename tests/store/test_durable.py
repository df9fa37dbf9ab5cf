"""Durable one-off runs: on the disk before the request returns, and run until they have ended."""

from __future__ import annotations

import functools
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.bytecode_injection import BytecodeInjection, in_generator, tracing_is_safe
from support.store_parts import Faulty, Writing, query
from support.waiting import LIMIT, wait_until

from jobtui import RunState, RunView, Scheduler, StoreError, current_run
from jobtui.runtime.durable_calls import MAX_JSON, DurableCall, describe_call, load_call
from jobtui.store.one_off_rows import StoredOneOff
from jobtui.store.writer import Insertion

calls: list[tuple[Any, ...]] = []
release = threading.Event()


def note(*args: Any, **kwargs: Any) -> int:
    """Note the call, and return its attempt."""
    calls.append((*args, kwargs))
    return current_run().attempt


async def note_later(value: int) -> int:
    """Return the value."""
    return value


def block() -> None:
    """Block until the test lets this return."""
    release.wait(LIMIT)


def own(durable: bool = False) -> bool:
    """Have a parameter of that name."""
    return durable


def nested(depth: int) -> list[Any]:
    """Return lists in lists."""
    return [nested(depth - 1)] if depth else []


class InterruptionError(Exception):
    """Comes from outside, as from a signal handler."""


class Tools:
    """Functions in a class."""

    @staticmethod
    def static() -> None:
        """Do nothing."""

    @classmethod
    def of_class(cls) -> None:
        """Do nothing."""

    def method(self) -> None:
        """Do nothing."""

    def run(self) -> None:
        """Do nothing."""


class Level(IntEnum):
    """A number that JSON does not bring back."""

    LOW = 1


@functools.wraps(note)
def impostor() -> None:
    """Have the name of another function."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    calls.clear()
    release.clear()
    return tmp_path / "jobs.db"


@pytest.fixture
def scheduler(store: Path) -> Iterator[Scheduler]:
    """Return a scheduler that runs."""
    with make(store) as scheduler:
        yield scheduler
        release.set()


def make(store: Path, **arguments: Any) -> Scheduler:
    """Return a scheduler with a store."""
    scheduler = Scheduler(store=store, tz="UTC", **arguments)
    scheduler.stop_logging()
    return scheduler


def requests(store: Path) -> list[tuple[Any, ...]]:
    """Return the function, the number and the attempt of each request that has not ended."""
    return query(store, "SELECT function, number, attempt FROM one_offs ORDER BY id")


def stored(store: Path, number: int) -> tuple[Any, ...]:
    """Return the state, the attempt and the reason of a run in the file."""
    [row] = query(store, "SELECT state, attempt, reason FROM runs WHERE number = ?", number)
    return row


def ended(scheduler: Scheduler, job: str = "note") -> list[RunView]:
    """Return the runs of a job that have ended, latest first."""
    return [run for run in scheduler.find_runs() if run.job == job and run.state.ended]


# --- requests -------------------------------------------------------------------------------------


def test_a_request_is_in_the_file_before_it_returns_and_gone_when_its_run_has_ended(
    scheduler: Scheduler, store: Path
) -> None:
    run = scheduler.now(block, durable=True)
    assert requests(store) == [(f"{__name__}:block", run.number, 1)]
    release.set()
    assert run.wait(LIMIT)
    wait_until(lambda: not requests(store))
    assert stored(store, run.number) == ("OK", 1, "")


def test_the_request_is_written_with_a_flush_of_the_disk(store: Path) -> None:
    """SQLite flushes the disk at a commit only if the pragma says so."""
    levels: list[int] = []

    class Watched(Faulty):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "COMMIT":
                [level] = super().execute("PRAGMA synchronous").fetchone()
                levels.append(level)
            return super().execute(sql, *values)

    from jobtui.store.database import open_for_writing  # noqa: PLC0415 - used here alone

    writing = Writing(store, partial(open_for_writing, kind=Watched))
    writing.writer.start(LIMIT)
    levels.clear()
    one_off = StoredOneOff(function="a:b", arguments="[]", trigger="now", created=1.0, due=None, number=1)
    insertion = Insertion(one_off, lambda: levels.append(-1))
    writing.writer.insert(insertion)
    assert insertion.wait(LIMIT)
    writing.close()
    assert levels[:2] == [2, -1]  # FULL, and then it is accepted
    assert 2 not in levels[2:]


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((1, "x", None, True, 2.5, -0.0, 10**30), {"k": [1, [{"a": {}}]], "日本": "\ud800 \0"}),
    ],
)
def test_a_function_gets_the_same_arguments(
    scheduler: Scheduler, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    assert scheduler.now(note, *args, durable=True, **kwargs).result(LIMIT) == 1
    assert calls == [(*args, kwargs)]


def test_every_way_to_request_a_run_has_a_durable_form(scheduler: Scheduler) -> None:
    assert scheduler.now(note_later, 1, durable=True).result(LIMIT) == 1
    assert scheduler.in_(0, note_later, 2, durable=True).result(LIMIT) == 2
    past = datetime(2026, 1, 1, tzinfo=UTC)
    assert scheduler.at(past, note_later, 3, durable=True).result(LIMIT) == 3
    assert scheduler.now(note_later, 4, durable=False).result(LIMIT) == 4


def test_a_durable_run_keeps_the_context_variables_of_its_request(scheduler: Scheduler) -> None:
    run = scheduler.now(note, durable=True)
    assert (run.job, run.result(LIMIT)) == ("note", 1)
    assert scheduler.run_view(run.number).trigger.value == "now"


def test_many_threads_request_durable_runs(scheduler: Scheduler, store: Path) -> None:
    def request() -> None:
        for _ in range(20):
            scheduler.now(note, durable=True)

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    wait_until(lambda: len(calls) == 160 and not requests(store))
    numbers = [number for (number,) in query(store, "SELECT number FROM runs")]
    assert len(set(numbers)) == 160


def test_a_run_may_request_a_durable_run(scheduler: Scheduler) -> None:
    def request() -> int:
        return scheduler.now(note_later, 7, durable=True).number

    number = scheduler.now(request).result(LIMIT)
    wait_until(lambda: scheduler.run_view(number).state is RunState.OK)


def test_a_listener_in_the_thread_of_the_timer_may_request_a_durable_run(scheduler: Scheduler) -> None:
    requested: list[bool] = []

    def on_change() -> None:
        if not requested and threading.current_thread().name == "jobtui-timer":
            requested.append(True)
            scheduler.now(note, durable=True)

    remove = scheduler.on_change(on_change)
    wait_until(lambda: bool(scheduler.in_(0, note_later, 1)) and bool(calls))
    remove()


@tracing_is_safe
@pytest.mark.parametrize("part", range(4))
def test_a_request_that_an_exception_interrupts_is_either_made_or_not(store: Path, part: int) -> None:
    """The exception comes at each fourth place of the call, one after the other."""
    accepted, offset, raised = [], part + 1, True
    with make(store) as scheduler:

        @in_generator
        def request() -> None:
            nonlocal raised
            with suppress(InterruptionError), BytecodeInjection(InterruptionError(), offset) as injection:
                scheduler.now(note, offset, durable=True)
                accepted.append(offset)
            raised = bool(injection.raised)

        while raised:
            request()
            offset += 4
        assert sys.exception() is None  # it would be the context of all later exceptions of this thread
        assert scheduler.now(note, "last", durable=True).result(LIMIT) == 1
        wait_until(lambda: not requests(store))
        noted = [call[0] for call in calls]
    assert len(noted) == len(set(noted))
    assert {*accepted, "last"} <= {*noted}
    assert offset > 100  # places


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda: None, "a lambda cannot be imported"),
        (partial(note, 1), "is not a function"),
        (Tools, "Tools is not a function"),
        (Tools(), "is not a function"),
        (Tools().method, r"Tools.method cannot be imported: it is a method of an object"),
        (Tools.of_class, r"Tools.of_class cannot be imported: it is a method of an object"),
        (impostor, "note cannot be imported: .* is another object"),
        (7, "is not a function"),
    ],
)
def test_a_function_that_cannot_be_imported_is_refused(
    scheduler: Scheduler, store: Path, function: Any, problem: str
) -> None:
    with pytest.raises(TypeError, match=f"{problem}.*; a durable run needs a function"):
        scheduler.now(function, durable=True)
    assert requests(store) == []


def test_a_function_inside_a_function_is_refused(scheduler: Scheduler) -> None:
    def inner() -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="inner is defined inside a function"):
        scheduler.in_(1, inner, durable=True)


@pytest.mark.parametrize("function", [Tools.static, max, sys.exit, note_later])
def test_a_function_that_can_be_imported_is_accepted(function: Any) -> None:
    args = (3, 4) if function is max else (3,) if function is note_later else ()
    call = describe_call(function, args, {})
    assert call.function.endswith(f":{function.__qualname__}")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ((1, 2), "is of the type tuple, which JSON would make a list"),
        ({1}, "is of the type set"),
        (b"x", "is of the type bytes"),
        (datetime(2026, 1, 1, tzinfo=UTC), "is of the type datetime"),
        (Level.LOW, "is of the type Level"),
        (float("nan"), "is nan, which JSON does not have"),
        (float("-inf"), "is -inf"),
        ({1: 2}, "is a dict with a key of the type int"),
        ([{"a": [0, (1,)]}], "contains 0, which contains 'a', which contains 1, which is of the type tuple"),
        (nested(200), "has more than 100 lists and dicts"),
    ],
)
def test_an_argument_that_json_does_not_bring_back_is_refused(
    scheduler: Scheduler, store: Path, value: object, problem: str
) -> None:
    for place, request in (
        ("2", partial(scheduler.now, note, 1, value, durable=True)),
        ("named", partial(scheduler.now, note, durable=True, named=value)),
    ):
        with pytest.raises(TypeError) as raised:
            request()
        assert str(raised.value).startswith(f"argument {place} of {__name__}:note {problem}")
        assert "arguments are None, bool, int, float, str, and lists and dicts of these" in str(raised.value)
    assert requests(store) == []


def test_arguments_that_the_function_does_not_accept_are_refused(scheduler: Scheduler) -> None:
    with pytest.raises(TypeError, match="too many positional arguments"):
        scheduler.now(note_later, 1, 2, durable=True)


def test_long_arguments_are_refused(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match="at most 1,000,000 are allowed"):
        scheduler.now(note, "x" * MAX_JSON, durable=True)


@pytest.mark.parametrize("value", [True, False])
def test_a_parameter_of_the_function_that_is_named_durable_is_no_riddle(
    scheduler: Scheduler, value: bool
) -> None:
    with pytest.raises(TypeError, match="the function has a parameter of its own that is named durable"):
        scheduler.now(own, durable=value)
    assert scheduler.now(own, True).result(LIMIT) is True
    assert scheduler.now(partial(own, durable=True)).result(LIMIT) is True


def test_a_job_is_refused(scheduler: Scheduler) -> None:
    job = scheduler.schedule("@yearly", note_later_defaults)
    with pytest.raises(TypeError, match="is a job; a durable run needs the function"):
        scheduler.now(job, durable=True)


def note_later_defaults() -> None:
    """Do nothing."""


def test_a_scheduler_without_a_store_refuses_durable_runs() -> None:
    with Scheduler() as scheduler, pytest.raises(RuntimeError, match="a durable run needs a store"):
        scheduler.now(note, durable=True)


def test_a_scheduler_that_has_not_started_or_has_stopped_refuses_durable_runs(store: Path) -> None:
    scheduler = make(store)
    with pytest.raises(RuntimeError, match="when the scheduler has started"):
        scheduler.now(note, durable=True)
    scheduler.start()
    scheduler.stop()
    with pytest.raises(RuntimeError, match="the scheduler has stopped"):
        scheduler.now(note, durable=True)
    assert requests(store) == []


def test_a_start_function_may_request_a_durable_run(store: Path) -> None:
    scheduler = make(store)
    scheduler.on_app_start(lambda: numbers.append(scheduler.now(note, durable=True).number))
    numbers: list[int] = []
    with scheduler:
        wait_until(lambda: bool(calls))
    assert stored(store, numbers[0])[0] == "OK"


def test_a_file_that_cannot_be_written_refuses_the_request(store: Path) -> None:
    """Another program holds a lock for longer than the writer waits."""
    with make(store) as scheduler, closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds a lock on the file"):
            scheduler.now(note, durable=True)
        other.execute("ROLLBACK")
        assert scheduler.now(note, durable=True).result(LIMIT) == 1
    assert len(calls) == 1
    assert requests(store) == []


# --- restarts -------------------------------------------------------------------------------------


def test_a_run_that_waits_at_the_stop_runs_after_the_next_start(store: Path) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    with make(store, pool=1) as scheduler:
        running = scheduler.now(block, durable=True)
        queued = scheduler.now(note, "queued", durable=True)
        scheduled = scheduler.at(due, note, "scheduled", durable=True)
        cancelled = scheduler.in_(3600, note, "cancelled", durable=True)
        cancelled.cancel()
        threading.Timer(0.05, release.set).start()
    assert running.state is RunState.OK
    for run in (queued, scheduled):
        assert run.state is RunState.CANCELLED
        assert run.reason == "scheduler stopped; it runs after the next start"
    assert [number for _, number, _ in requests(store)] == [queued.number, scheduled.number]
    assert stored(store, cancelled.number)[0] == "CANCELLED"
    with make(store) as scheduler:
        wait_until(lambda: calls == [("queued", {})])
        wait_until(lambda: ended(scheduler)[0].number == queued.number)
        view = scheduler.run_view(scheduled.number)
        assert (view.state, view.due, view.attempt) == (RunState.SCHEDULED, due, 1)
        assert view.arguments == "'scheduled'"
        assert scheduler.now(note).number > scheduled.number
        assert scheduler.cancel(scheduled.number)
    assert requests(store) == []


def test_a_run_that_was_given_up_at_the_stop_runs_again_as_the_second_attempt(store: Path) -> None:
    scheduler = make(store)
    scheduler.start()
    run = scheduler.now(block, durable=True)
    wait_until(lambda: run.state is RunState.RUNNING)
    assert not scheduler.stop(0)
    assert run.reason.endswith("given up; it runs after the next start")
    release.set()
    with make(store) as scheduler:
        wait_until(
            lambda: bool(ended(scheduler, "block")) and ended(scheduler, "block")[0].number != run.number
        )
        second = ended(scheduler, "block")[0]
        assert (second.state, second.attempt) == (RunState.OK, 2)
    assert stored(store, run.number)[2].endswith(f"; run {second.number} is attempt 2")
    assert requests(store) == []


def test_a_request_that_is_older_than_the_window_ends_as_missed(store: Path) -> None:
    with make(store) as scheduler:
        scheduler.in_(3600, note, "old", durable=True)
        scheduler.in_(3600, note, "young", durable=True)
    query_and_commit(store, "UPDATE one_offs SET created = created - 9000.0, due = due - 9000.0 WHERE id = 1")
    query_and_commit(store, "UPDATE one_offs SET due = due - 4000.0 WHERE id = 2")
    with make(store, defaults={"catch_up": "1h"}) as scheduler:
        wait_until(lambda: len(ended(scheduler)) == 2)
        missed = next(run for run in ended(scheduler) if run.state is RunState.MISSED)
        assert missed.arguments == "'old'"
        assert "while no scheduler was running; those of the last 3600 s are caught up" in missed.reason
    assert calls == [("young", {})]
    assert requests(store) == []


def query_and_commit(store: Path, sql: str, *values: Any) -> None:
    """Change the file, through a connection of another program."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(sql, values)
        connection.commit()


def test_without_a_window_a_request_runs_however_late(store: Path) -> None:
    with make(store) as scheduler:
        scheduler.in_(3600, note, durable=True)
    query_and_commit(store, "UPDATE one_offs SET created = 1.0, due = 2.0")
    with make(store):
        wait_until(lambda: len(calls) == 1)


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("no_such_module_here:f", "[[], {}]", "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("os:no.such", "[[], {}]", "ImportError: the module os has no function no.such"),
        ("os:getpid", "nonsense", "JSONDecodeError"),
        ("os:getpid", "[1, 2]", "TypeError"),
        ("\x1b:", "[[], {}]", "Error"),
    ],
)
def test_a_request_that_cannot_be_run_any_more_fails_with_a_reason(
    store: Path, function: str, arguments: str, reason: str
) -> None:
    with make(store) as scheduler:
        query_and_commit(
            store,
            "INSERT INTO one_offs (function, arguments, trigger, created) VALUES (?, ?, 'now', 1.0)",
            function,
            arguments,
        )
        wait_until(lambda: bool(scheduler.find_runs()) and scheduler.find_runs()[0].state.ended)
        [run] = scheduler.find_runs()
        assert run.state is RunState.FAILED
        assert reason in run.reason
    assert requests(store) == []


def test_a_module_is_imported_by_the_run_if_nothing_has_imported_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "durable_example.py").write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.syspath_prepend(tmp_path)
    runnable = load_call(DurableCall("durable_example:double", "[[4], {}]"), str)
    assert "durable_example" not in sys.modules
    assert (runnable.name, runnable.arguments, runnable.call()) == ("double", "4", 8)
    del sys.modules["durable_example"]


def test_a_function_of_the_main_program_has_the_name_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__file__ = "/srv/my_jobs.py"
    exec("def work(): return 7", main.__dict__)
    monkeypatch.setitem(sys.modules, "__main__", main)
    call = describe_call(main.work, (), {})
    assert call.function == "my_jobs:work"
    assert load_call(call, str).call() == 7
    main.__file__ = None
    with pytest.raises(TypeError, match="work is not defined in a file"):
        describe_call(main.work, (), {})


# --- connections of the user ----------------------------------------------------------------------


def test_a_request_in_a_transaction_of_the_user_runs_after_the_commit(
    scheduler: Scheduler, store: Path
) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("CREATE TABLE orders (name)")
        connection.execute("INSERT INTO orders VALUES ('x')")
        assert Scheduler().now(note, "committed", durable=connection) is None
        scheduler.in_(0, note, "later", durable=connection)
        assert scheduler.now(note, "first", durable=False).wait(LIMIT)
        assert requests(store) == []
        connection.commit()
        wait_until(lambda: len(calls) == 3)
        connection.execute("INSERT INTO orders VALUES ('y')")
        scheduler.now(note, "rolled back", durable=connection)
        connection.rollback()
    assert scheduler.now(note, "last", durable=True).wait(LIMIT)
    assert sorted(call[0] for call in calls) == ["committed", "first", "last", "later"]
    wait_until(lambda: not requests(store))
    assert query(store, "SELECT name FROM orders") == [("x",)]


def test_a_request_made_while_no_scheduler_runs_is_run_by_the_next(store: Path) -> None:
    with make(store):
        pass
    with closing(sqlite3.connect(store)) as connection, connection:
        Scheduler().at(datetime(2026, 1, 1, tzinfo=UTC), note, 5, durable=connection)
    with make(store) as scheduler:
        wait_until(lambda: calls == [(5, {})])
        [run] = ended(scheduler) or scheduler.find_runs(job="note")
        assert (run.trigger.value, run.attempt) == ("at", 1)


@pytest.mark.parametrize("durable", [1, "yes", object()])
def test_a_durable_that_is_no_connection_is_refused(scheduler: Scheduler, durable: Any) -> None:
    with pytest.raises(TypeError, match="durable is True, False or a connection of sqlite3"):
        scheduler.now(note, durable=durable)


def test_a_connection_to_a_file_that_is_no_store_is_refused(scheduler: Scheduler) -> None:
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(ValueError, match="is not a store of jobtui"),
    ):
        scheduler.now(note, durable=connection)
