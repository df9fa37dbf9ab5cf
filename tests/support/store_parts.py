"""Entries for the store, files of the store, and readers of such files."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

from jobtui.engine.effects import Effects
from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.records import PackedRun
from jobtui.engine.views import RunView
from jobtui.store.database import open_for_writing
from jobtui.store.fork_gate import StoreConnection
from jobtui.store.job_states import StoredState
from jobtui.store.lives import Origin
from jobtui.store.outbox import OutboxBatch
from jobtui.store.output_rows import StoredLine
from jobtui.store.retention import Retention
from jobtui.store.run_writing import RunWriting
from jobtui.store.writer import Writer
from support.waiting import LIMIT

NOW = 1_700_000_000.0


def entry(number: int = 1, state: RunState = RunState.OK, **values: Any) -> PackedRun:
    """Return an entry of the ledger: a run of the job `a`, unless the values say something else."""
    given = {
        "number": number,
        "job": "a",
        "trigger": Trigger.TICK.value,
        "state": state.value,
        "created": NOW + number,
        "attempt": 1,
        "attempts": 1,
        "arguments": "",
        "due": NOW + number,
        "started": NOW + number,
        "worker": "worker",
        "ended": NOW + number + 0.5,
        "elapsed": 0.5,
        "reason": "",
        "error": (),
        "ticks": 1,
        "warned": False,
        "attempts_made": (),
    } | values
    return tuple(given.get(field.name) for field in fields(RunView))


def ticks(count: int, state: RunState = RunState.SKIPPED, **values: Any) -> PackedRun:
    """Return an entry for a group of ticks that started no run."""
    return entry(0, state, created=NOW, due=NOW, started=None, ended=NOW + count, ticks=count, **values)


def effects(*recorded: PackedRun) -> Effects:
    """Return the effects that record entries."""
    return Effects(recorded=list(recorded))


def batch(*recorded: PackedRun) -> OutboxBatch:
    """Return a batch of entries."""
    return OutboxBatch(recorded=list(recorded))


def write(connection: sqlite3.Connection, *recorded: PackedRun, life: int = 1) -> None:
    """Write entries in a transaction."""
    connection.execute("BEGIN")
    RunWriting(connection, life).write(batch(*recorded))
    connection.execute("COMMIT")


def query(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query, through a connection of another program."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def counters(path: Path) -> dict[tuple[str, str], int]:
    """Return the counters in a file, by job and state."""
    rows = query(path, "SELECT name, state, count FROM counters JOIN jobs ON jobs.id = job")
    return {(job, state): count for job, state, count in rows}


def mode_of(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


class Writing:
    """A writer and what it tells.

    Args:
        path: The file.
        open_file: Opens the file.
        limits: How much is kept.

    Attributes:
        path: The file.
        problems: What it told, each once.
        late: The states that it had after the start.
        attempts: How often it has read output, which it does before each attempt to write.
    """

    def __init__(
        self,
        path: Path,
        open_file: Callable[[Path], StoreConnection] = open_for_writing,
        limits: Retention | None = None,
    ) -> None:
        self.path = path
        self.problems: list[str] = []
        self.late: list[StoredState] = []
        self.attempts = 0
        self.writer = Writer(
            path,
            Origin(zone="UTC"),
            limits or Retention(),
            now=lambda: NOW,
            monotonic=time.monotonic,
            on_change=lambda: self.problems.append(self.writer.problem),
            on_late_state=self.late.append,
            open_file=open_file,
            retry_seconds=(0.01, 0.05),
            care_seconds=0.05,
        )
        self.writer.alone = True
        self.writer.read_output = lambda: self._read(())

    def _read(self, lines: Sequence[StoredLine]) -> Sequence[StoredLine]:
        self.attempts += 1
        return lines

    def write(self, *recorded: PackedRun, lines: Iterable[StoredLine] = ()) -> None:
        """Put entries in, and let the writer read lines once."""
        unread = [list(lines)]
        self.writer.read_output = lambda: self._read(unread.pop() if unread else [])
        self.writer.outbox.put(effects(*recorded))

    def close(self) -> bool:
        """Stop the writer. Return whether all has been written."""
        return self.writer.close(LIMIT)


class Faulty(StoreConnection):
    """A connection on which a statement fails as long as the class says so."""

    error: ClassVar[Exception | None] = None
    fails_at: ClassVar[str] = "UPDATE lives SET seen"  # the last statement of a transaction

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute a statement, or raise the error."""
        error = type(self).error
        if error is not None and sql.startswith(type(self).fails_at):
            raise error
        return super().execute(sql, *values)
