"""Read the state with which a scheduler goes on after a restart."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field

from jobtui.engine.enums import RunState
from jobtui.engine.records import RECENT_RUNS, JobHistory, PackedRun
from jobtui.store.run_rows import VIEW_COLUMNS, packed_of

_COLUMNS = ", ".join(
    "''" if name == "error" else name for name in VIEW_COLUMNS
)  # tracebacks stay in the file


@dataclass(frozen=True, slots=True)
class StoredState:
    """The state with which a scheduler goes on after a restart.

    Attributes:
        last_number: The number of the latest run; 0 for none.
        jobs: The history of each job, by name.
    """

    last_number: int = 0
    jobs: dict[str, JobHistory] = field(default_factory=dict)


def read_state(connection: sqlite3.Connection) -> StoredState:
    """Return the state of the jobs in the file."""
    [last_number] = connection.execute("SELECT coalesce(max(number), 0) FROM runs").fetchone()
    endings: dict[int, dict[RunState, int]] = defaultdict(dict)
    for job, state, count in connection.execute("SELECT job, state, count FROM counters"):
        endings[job][RunState(state)] = count
    rows = connection.execute("SELECT id, name, paused_at, prev, last_elapsed FROM jobs").fetchall()
    return StoredState(
        last_number,
        {
            name: JobHistory(
                endings=endings[job],
                recent=_recent(connection, job, name),
                paused_at=paused_at,
                prev=prev,
                last_elapsed=last_elapsed,
            )
            for job, name, paused_at, prev, last_elapsed in rows
        },
    )


def _recent(connection: sqlite3.Connection, job: int, name: str) -> tuple[PackedRun, ...]:
    """Return the latest endings of a job, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE job = ? AND ended IS NOT NULL "  # noqa: S608 - our own names
        f"ORDER BY ended DESC, id DESC LIMIT {RECENT_RUNS}",
        (job,),
    ).fetchall()
    return tuple(packed_of(row, name) for row in reversed(rows))
