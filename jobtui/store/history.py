"""Read the store's file: through a connection of its own for each question, and never for long.

A long reader would keep SQLite from cutting the write-ahead log.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from jobtui.engine.enums import RunState
from jobtui.engine.records import ATTEMPTS, ATTEMPTS_KEPT, NUMBER, JobHistory, PackedRun
from jobtui.engine.run_columns import RunPoint
from jobtui.store.database import open_for_reading
from jobtui.store.fork_gate import using_sqlite
from jobtui.store.job_states import JobSummary, number_in, read_state, read_summaries
from jobtui.store.lives import Life
from jobtui.store.output_rows import StoredLine
from jobtui.store.query import Query
from jobtui.store.query_rows import find_ids
from jobtui.store.read_only_access import check_unused
from jobtui.store.run_order import RunPosition
from jobtui.store.run_rows import ATTEMPT_COLUMNS, VIEW_COLUMNS, packed_of, storable
from jobtui.store.store_errors import store_error

_COLUMNS = ", ".join(f"runs.{name}" for name in VIEW_COLUMNS)


def _with_attempts(connection: sqlite3.Connection, run: PackedRun) -> PackedRun:
    """Return a run with its latest failed attempts, if it has had several, with their tracebacks as texts."""
    if run[ATTEMPTS] == 1:
        return run
    rows = connection.execute(
        f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempts WHERE run = ? "  # noqa: S608 - our own names
        "AND life = (SELECT max(life) FROM runs WHERE number > 0 AND number = ?) "
        "ORDER BY number DESC LIMIT ?",
        (run[NUMBER], run[NUMBER], ATTEMPTS_KEPT),
    ).fetchall()
    return (*run, tuple(reversed(rows)))


class History:
    """Answers questions about the runs in a file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(
        self,
        *,
        number: int | None = None,
        job: str | None = None,
        state: RunState | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int,
    ) -> list[PackedRun]:
        """Return the endings that meet all conditions, newest first, with their tracebacks as texts.

        Args:
            number: The number of the run.
            job: The name of the job.
            state: The final state.
            since: The first instant at which the run or the ticks may have ended, in seconds since the epoch.
            until: The last such instant.
            limit: How many endings are returned at most.

        Raises:
            StoreError: The file cannot be read.
        """
        conditions: dict[str, Any] = {
            "number > 0 AND number = ?": number,  # as the index says that is has only such numbers
            "jobs.name = ?": None if job is None else storable(job),
            "state = ?" if state is RunState.OK else "state <> 'OK' AND state = ?": state and state.value,
            "ended >= ?": since,
            "ended <= ?": until,
        }
        given = {text: value for text, value in conditions.items() if value is not None}
        where = " AND ".join(["ended IS NOT NULL", *given])
        query = (
            f"SELECT jobs.name, {_COLUMNS} FROM runs JOIN jobs ON jobs.id = runs.job "  # noqa: S608 - our own words
            f"WHERE {where} ORDER BY ended DESC, runs.id DESC LIMIT ?"
        )
        with self._reading() as connection:
            rows = connection.execute(query, (*given.values(), limit)).fetchall()
            return [_with_attempts(connection, packed_of(row, name)) for name, *row in rows]

    def endings_from(self, since: float, *, job: str | None = None, limit: int) -> list[PackedRun]:
        """Return the first endings from an instant on, oldest first, with their tracebacks as texts.

        Args:
            since: The first instant at which they may have ended, in seconds since the epoch.
            job: The name of the job; None for all.
            limit: How many are returned at most.

        Raises:
            StoreError: The file cannot be read.
        """
        index, condition = "runs_by_end", "TRUE"
        values: tuple[str, ...] = ()
        if job is not None:
            index, condition = "runs_by_job", "job = (SELECT id FROM jobs WHERE name = ?)"
            values = (storable(job),)
        query = (
            f"SELECT jobs.name, {_COLUMNS} FROM runs INDEXED BY {index} "  # noqa: S608 - our own words
            f"JOIN jobs ON jobs.id = runs.job WHERE {condition} AND ended >= ? "
            "ORDER BY ended, runs.id LIMIT ?"
        )
        with self._reading() as connection:
            rows = connection.execute(query, (*values, since, limit)).fetchall()
            return [_with_attempts(connection, packed_of(row, name)) for name, *row in rows]

    def points(self, job: str, limit: int) -> list[RunPoint]:
        """Return the latest runs of a job that have started and ended, newest first.

        Args:
            job: The name of the job.
            limit: How many are returned at most.

        Raises:
            StoreError: The file cannot be read.
        """
        query = (
            "SELECT number, created, ended, coalesce(elapsed, max(0.0, ended - started)), state, exception, "
            "place, iif(state = 'OK', '', reason) FROM runs INDEXED BY runs_by_job "
            "WHERE job = (SELECT id FROM jobs WHERE name = ?) AND ended IS NOT NULL AND number > 0 "
            "AND started IS NOT NULL ORDER BY ended DESC LIMIT ?"
        )
        with self._reading() as connection:
            return [RunPoint(*row) for row in connection.execute(query, (storable(job), limit))]

    def running(self) -> list[PackedRun]:
        """Return the runs that were RUNNING when the file was last written, oldest first.

        Raises:
            StoreError: The file cannot be read.
        """
        query = (
            f"SELECT jobs.name, {_COLUMNS} FROM runs INDEXED BY runs_by_end "  # noqa: S608 - our own words
            "JOIN jobs ON jobs.id = runs.job WHERE ended IS NULL ORDER BY started"
        )
        with self._reading() as connection:
            return [packed_of(row, name) for name, *row in connection.execute(query).fetchall()]

    def oldest_ending(self) -> float | None:
        """Return when the oldest ending has ended, in seconds since the epoch; failures are kept for longer.

        Raises:
            StoreError: The file cannot be read.
        """
        query = (
            "SELECT ended FROM runs INDEXED BY runs_by_end WHERE ended IS NOT NULL "
            "AND state NOT IN ('FAILED', 'LOST') ORDER BY ended LIMIT 1"
        )
        with self._reading() as connection:
            row = connection.execute(query).fetchone()
        return None if row is None else float(row[0])

    def lives(self) -> list[Life]:
        """Return the processes that have used the file, oldest first.

        Raises:
            StoreError: The file cannot be read.
        """
        columns = ", ".join(each.name for each in fields(Life))
        with self._reading() as connection:
            rows = connection.execute(f"SELECT {columns} FROM lives ORDER BY id").fetchall()  # noqa: S608 - as above
        return [Life(*row) for row in rows]

    def last_number(self) -> int:
        """Return the last number that a run has, or may have had; 0 for none.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            return number_in(connection)

    def quiet(self) -> list[str]:
        """Return the quiet times of the latest scheduler that has used the file, as its user wrote them.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE name = 'quiet'").fetchone()
        texts: list[str] = [] if row is None else json.loads(row[0])
        return texts

    def search(self, query: Query, limit: int, before: RunPosition | None = None) -> list[PackedRun]:
        """Return the endings that meet a query, newest first, with their tracebacks as texts.

        If the query asks for a state that is not final, return the runs that had that state when they were
        last written.

        Args:
            query: The query.
            limit: How many are returned at most.
            before: Only runs that come later in this order are returned; None for all.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            ids = find_ids(connection, query, limit, before)
            rows = connection.execute(
                f"SELECT runs.id, jobs.name, {_COLUMNS} FROM runs JOIN jobs ON jobs.id = runs.job "  # noqa: S608 - our own words
                f"WHERE runs.id IN ({', '.join(map(str, ids))})"
            ).fetchall()
            found = {row_id: _with_attempts(connection, packed_of(row, name)) for row_id, name, *row in rows}
        return [found[row_id] for row_id in ids if row_id in found]

    def latest_run(self, job: str) -> int:
        """Return the number of the latest run of a job: of one that is RUNNING, else of the last one to end.

        Args:
            job: The name of the job.

        Returns:
            The number; 0 if no run is kept.

        Raises:
            StoreError: The file cannot be read.
        """
        query = "SELECT number FROM runs WHERE job = (SELECT id FROM jobs WHERE name = ?) AND number > 0"
        with self._reading() as connection:
            for end in ("ended IS NULL ORDER BY started", "ended IS NOT NULL ORDER BY ended"):
                found = connection.execute(f"{query} AND {end} DESC, id DESC LIMIT 1", (job,)).fetchone()
                if found is not None:
                    return int(found[0])
        return 0

    def run(self, number: int) -> PackedRun | None:
        """Return a run, RUNNING or ended; the latest of that number.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            row = connection.execute(
                f"SELECT jobs.name, {_COLUMNS} FROM runs JOIN jobs ON jobs.id = runs.job "  # noqa: S608 - our own words
                "WHERE number > 0 AND number = ? ORDER BY life DESC LIMIT 1",
                (number,),
            ).fetchone()
            return None if row is None else _with_attempts(connection, packed_of(row[1:], row[0]))

    def life(self, number: int | None = None) -> Life | None:
        """Return the latest process that has used the file; None if there was none.

        Args:
            number: The number of a run; then return the process of its latest run.

        Raises:
            StoreError: The file cannot be read.
        """
        columns = ", ".join(each.name for each in fields(Life))
        values: tuple[int, ...] = ()
        row_id = "SELECT max(id) FROM lives"
        if number is not None:
            row_id, values = "SELECT max(life) FROM runs WHERE number > 0 AND number = ?", (number,)
        query = f"SELECT {columns} FROM lives WHERE id = ({row_id})"  # noqa: S608 - our own words
        with self._reading() as connection:
            row = connection.execute(query, values).fetchone()
        return None if row is None else Life(*row)

    def job_names(self) -> list[str]:
        """Return the names of all jobs.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM jobs ORDER BY name")]

    def jobs(self) -> list[JobSummary]:
        """Return a summary of each job, by name.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            return read_summaries(connection)

    def histories(self) -> dict[str, JobHistory]:
        """Return the history of each job, by name.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            return read_state(connection, life=0).jobs

    def output(self, number: int) -> list[StoredLine]:
        """Return the lines that are kept of a run's output; of the latest run of that number.

        Where lines are left out, a line says how many.

        Raises:
            StoreError: The file cannot be read.
        """
        return [line for _, line in self.output_after(number, 0)]

    def output_after(self, number: int, after: int, limit: int = -1) -> list[tuple[int, StoredLine]]:
        """Return a part of what `output` returns, each line with its number among the lines of the run.

        Args:
            number: The number of the run.
            after: The number of the line after which the part begins; 0 for the beginning.
            limit: How many of the kept lines are returned at most; -1 for all.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT line, at, stream, text FROM output WHERE run = ? "
                "AND life = (SELECT max(life) FROM runs WHERE number > 0 AND number = ?) AND line > ? "
                "ORDER BY line LIMIT ?",
                (number, number, after, limit),
            ).fetchall()
        return _with_gaps(number, rows, after + 1)

    def output_before(
        self, number: int, before: int | None, at: float, limit: int
    ) -> list[tuple[int, StoredLine]]:
        """Return the latest lines before a line of a run's output, oldest first; see `output_after`.

        Args:
            number: The number of the run.
            before: The number of the line before which the part ends; None for the end of the output.
            at: Only lines written before this instant, in seconds since the epoch; inf for all.
            limit: How many of the kept lines are returned at most.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT line, at, stream, text FROM output WHERE run = ? "
                "AND life = (SELECT max(life) FROM runs WHERE number > 0 AND number = ?) AND line < ? "
                "AND at < ? ORDER BY line DESC LIMIT ?",
                (number, number, sys.maxsize if before is None else before, at, limit),
            ).fetchall()
        # If there are more lines, the part before this one ends with the note on what is left out.
        lines = _with_gaps(number, rows[::-1], rows[-1][0] if len(rows) == limit else 1)
        if before is not None and rows and rows[0][0] < before - 1:
            lines.append((before - 1, _gap(number, rows[0][1], before - 1 - rows[0][0])))
        return lines

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with using_sqlite(), closing(open_for_reading(self._path)) as connection:
            try:
                yield connection
                if not connection.has_locks:
                    check_unused(self._path)
            except sqlite3.Error as error:
                raise store_error(self._path, error) from error


def _with_gaps(
    number: int, rows: Iterable[tuple[int, float, str, str]], next_line: int
) -> list[tuple[int, StoredLine]]:
    """Return rows as lines of a run, with a line that says how many lines are left out in each gap.

    Args:
        number: The number of the run.
        rows: The number, time, stream and text of each line, oldest first.
        next_line: The number that the first line has if none is left out before it.
    """
    lines: list[tuple[int, StoredLine]] = []
    for line, at, stream, text in rows:
        if line > next_line:
            lines.append((line - 1, _gap(number, at, line - next_line)))
        lines.append((line, StoredLine(number, at, stream, text)))
        next_line = line + 1
    return lines


def _gap(number: int, at: float, count: int) -> StoredLine:
    """Return the line of a run that stands for those that are left out."""
    return StoredLine(number, at, "", f"[{count} lines left out]")
