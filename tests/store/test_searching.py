"""A query finds the same rows in SQLite as a filter in Python finds among the views of all rows."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobtui import RunState, RunView, Trigger
from jobtui.engine.enums import FINAL_STATES
from jobtui.engine.records import PackedRun, packed_view
from jobtui.store.bulk_insert import insert_rows
from jobtui.store.database import open_for_writing
from jobtui.store.history import History
from jobtui.store.query import Query
from jobtui.store.query_match import find_matches
from jobtui.store.query_rows import Effort, find_ids
from jobtui.store.run_order import RunPosition
from jobtui.store.run_rows import COLUMNS, VIEW_COLUMNS, packed_of, row_of
from jobtui.store.search_index import INDEXED, has_index, prepare_index

JOBS = ("import", "import-all", "Éxport", "x")
START = 1_795_000_000.0
RUNS = 400
WORDS = (
    "timeout",
    "TimeOut",
    "100%",
    "a_b",
    "ab",
    "x",
    "Übertragung",
    "über",
    "naïve",
    "失敗しました",
    "C:\\tmp",
    '"no"',
)
TEXTS = (
    *WORDS,
    "",
    "the Timeout: 100%",
    "aXb acb",
    "100 percent",
    "ÜBER allem",
    "NAÏVE",
    "tab\there",
    "C:/tmp",
    "aber",
)
OUTPUT = ("life", "run", "line", "at", "stream", "text")


def fill(connection: sqlite3.Connection) -> None:
    """Insert runs and ticks of two lives in random order, with texts that are special in patterns."""
    chance = random.Random(7)
    for job in JOBS:
        connection.execute("INSERT INTO jobs (name) VALUES (?)", (job,))
    rows, lines = [], []
    for number in range(1, RUNS + 1):
        state = chance.choice([*FINAL_STATES, RunState.OK, RunState.OK, RunState.RUNNING, RunState.SCHEDULED])
        is_tick = state in (RunState.SKIPPED, RunState.MISSED)
        ended = START + chance.randrange(100) + chance.choice([0.0, 0.5])
        run = (
            0 if is_tick else number,
            "",
            chance.choice([*Trigger]).value,
            state.value,
            START - number,
            1,
            1,
            "",
            START,
            None,
            None,
            None if is_tick or state is RunState.SCHEDULED else ended - 1,
            "",
            ended if state.ended else None,
            chance.choice([0.001, 1.0, 5.0, 60.0]) if state.completed else None,
            chance.choice(TEXTS),
        )
        life = 1 + number % 2
        row = list(row_of(run, chance.randrange(len(JOBS)) + 1))
        if state is RunState.FAILED:
            row[COLUMNS.index("error")] = f"Traceback:\n{chance.choice(TEXTS)}"
        rows.append((life, *row))
        if not is_tick:
            lines += [
                (life, number, line, ended, "stdout", chance.choice(TEXTS))
                for line in range(chance.randrange(3))
            ]
    insert_rows(connection, "runs", ("life", *COLUMNS), rows)
    insert_rows(connection, "output", OUTPUT, lines)
    # Rows that are changed and deleted must not leave anything in the index.
    connection.execute("UPDATE runs SET reason = 'timeout', error = '' WHERE id % 7 = 0")
    connection.execute("DELETE FROM runs WHERE id % 11 = 0")
    connection.execute("DELETE FROM output WHERE id % 5 = 0")
    connection.execute("UPDATE output SET text = 'x' WHERE id % 13 = 0")


@pytest.fixture(scope="module", params=["with the index of texts", "without it"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    with closing(open_for_writing(tmp_path_factory.mktemp("store") / "jobs.db")) as connection:
        fill(connection)
        if request.param == "without it":
            drop_triggers(connection)
        yield connection


def drop_triggers(connection: sqlite3.Connection) -> None:
    """Leave the file as an SQLite without FTS5 does."""
    for table in INDEXED:
        for event in ("insert", "update", "delete"):
            connection.execute(f"DROP TRIGGER {table}_text_{event}")


def everything(connection: sqlite3.Connection) -> list[tuple[int, RunView, list[str]]]:
    """Return the row, the view and the texts of each run, newest first."""
    columns = ", ".join(f"runs.{name}" for name in VIEW_COLUMNS)
    found = []
    for row_id, life, name, *row in connection.execute(
        f"SELECT runs.id, runs.life, jobs.name, {columns} FROM runs JOIN jobs ON jobs.id = runs.job"
    ):
        view = packed_view(packed_of(row, name), UTC)
        lines = connection.execute("SELECT text FROM output WHERE life = ? AND run = ?", (life, view.number))
        found.append((row_id, view, [view.reason, view.error, *(text for (text,) in lines)]))
    return sorted(found, key=lambda each: (position_of(each[1]), each[0]), reverse=True)


def position_of(view: RunView) -> tuple[Any, ...]:
    """Return what the order of the answers compares."""
    instant = view.ended or view.started or view.created
    return instant, view.number, view.job, view.created, view.state.value


def packed(view: RunView) -> PackedRun:
    """Return a view as the ledger has it."""
    instants = {each: value.timestamp() for each, value in vars(view).items() if isinstance(value, datetime)}
    others = {
        "trigger": view.trigger.value,
        "state": view.state.value,
        "elapsed": None if view.elapsed is None else view.elapsed.total_seconds(),
        "error": view.error,
    }
    return tuple((vars(view) | instants | others)[field.name] for field in fields(RunView))


def meets(query: Query, view: RunView, texts: list[str]) -> bool:
    """Return whether a run meets a query, by plain Python."""
    instant = view.ended if query.state is None or query.state.ended else view.started
    took = view.elapsed
    return (
        query.has_job(view.job)
        and (view.state is query.state if query.state else view.state.ended)
        and query.trigger in (None, view.trigger)
        and query.number in (None, view.number)
        and instant is not None
        and (query.since is None or instant >= query.since)
        and (query.until is None or instant < query.until)
        and (query.longer is None or (took is not None and took > query.longer))
        and (query.shorter is None or (took is not None and took < query.shorter))
        and all(any(word.lower() in text.lower() for text in texts) for word in query.words)
    )


INSTANTS = st.none() | st.integers(0, 100).map(lambda seconds: datetime.fromtimestamp(START + seconds, UTC))
SPANS = st.none() | st.sampled_from([timedelta(seconds=seconds) for seconds in (0.001, 1, 2, 5, 60)])
SOME_WORDS = st.sampled_from(WORDS) | st.sampled_from(["%", "_", "\\", "O", "tim", "ü", "no such text"])
QUERIES = st.builds(
    Query,
    job=st.sampled_from(["", "import", "IMPORT*", "éx*", "*", "none"]),
    state=st.none() | st.sampled_from(RunState),
    trigger=st.none() | st.sampled_from(Trigger),
    number=st.none() | st.none() | st.none() | st.integers(1, RUNS),
    since=st.none() | INSTANTS,
    until=st.none() | INSTANTS,
    longer=st.none() | SPANS,
    shorter=st.none() | SPANS,
    words=st.lists(SOME_WORDS, max_size=2, unique=True).map(tuple),
)


EFFORTS = st.builds(
    Effort,
    merged=st.sampled_from([0, 100]),
    rare=st.sampled_from([0, 10, 5_000]),
    scanned=st.sampled_from([0, 3, 50, 5_000]),
    first=st.sampled_from([0, 3, 40, 500]),
    frequent=st.sampled_from([0, 30, 30_000]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    query=QUERIES, limit=st.sampled_from([1, 5, 1_000]), effort=EFFORTS, skipped=st.integers(-1, RUNS // 2)
)
def test_a_query_finds_what_a_filter_in_python_finds(
    connection: sqlite3.Connection, query: Query, limit: int, effort: Effort, skipped: int
) -> None:
    """Also after any run in the order of all runs, which need not meet the query."""
    every = everything(connection)
    before = None
    if skipped >= 0:
        before = RunPosition.of(packed(every[skipped][1]))
        every = every[skipped + 1 :]
    found = find_ids(connection, query, limit, before, effort)
    assert found == [row for row, view, texts in every if meets(query, view, texts)][:limit]


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES, limit=st.sampled_from([1, 5, 1_000]), skipped=st.integers(-1, RUNS // 2))
def test_a_query_finds_the_same_runs_in_memory_as_in_the_store(
    connection: sqlite3.Connection, query: Query, limit: int, skipped: int
) -> None:
    every = everything(connection)
    outputs = {view.number: "\n".join(texts[2:]) for _, view, texts in every if view.number}
    runs = [packed(view) for _, view, _ in every if view.state.ended or view.started]
    before = RunPosition.of(packed(every[skipped][1])) if skipped >= 0 else None
    rows = {packed(view): row for row, view, _ in every}
    found = find_matches(runs, query, limit, before=before, output=lambda number: outputs.get(number, ""))
    assert [rows[run] for run in found] == find_ids(connection, query, limit, before)


@pytest.mark.parametrize("query", [Query(), Query(job="*"), Query(job="import*")], ids=str)
def test_a_page_ends_anywhere_among_equal_instants(connection: sqlite3.Connection, query: Query) -> None:
    """The runs of several jobs are merged, and many have ended at the same instant."""
    every = [row for row, view, texts in everything(connection) if meets(query, view, texts)]
    assert len(every) > 100
    assert [find_ids(connection, query, limit) for limit in range(1, 100)] == [
        every[:limit] for limit in range(1, 100)
    ]


@pytest.mark.parametrize("word", WORDS)
def test_each_word_of_the_sample_is_found(connection: sqlite3.Connection, word: str) -> None:
    """Otherwise the test above could compare nothing with nothing."""
    assert find_ids(connection, Query(words=(word,)), 10)


def test_an_index_that_another_sqlite_has_left_behind_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with closing(open_for_writing(path)) as connection:
        drop_triggers(connection)
        connection.execute("INSERT INTO jobs (name) VALUES ('x')")
        times = START, None, None, START, "", START, None
        run = (1, "", "tick", "LOST", START, 1, 1, "", *times, "the process ended")
        insert_rows(connection, "runs", ("life", *COLUMNS), [(1, *row_of(run, 1))])
        assert not has_index(connection)
        prepare_index(connection)
        assert has_index(connection)
        rows = connection.execute("SELECT rowid FROM runs_text WHERE text LIKE '%process%'").fetchall()
        assert rows == [(1,)]
    [found] = History(path).search(Query(words=("PROCESS",)), 10)
    assert found[0] == 1
