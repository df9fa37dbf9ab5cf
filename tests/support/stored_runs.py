"""Write a store with known runs, as a scheduler in Oslo would have left it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from jobtui import RunState, Trigger
from jobtui.store.bulk_insert import insert_rows
from jobtui.store.database import open_for_writing
from jobtui.store.run_rows import COLUMNS, row_of

OSLO = ZoneInfo("Europe/Oslo")
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=OSLO)
TRACEBACK = 'Traceback (most recent call last):\n  File "shop.py", line 80, in run\nTimeoutError: no answer'
OUTPUT = ("life", "run", "line", "at", "stream", "text")
LIFE = (
    *("id", "started", "seen", "ended", "killed", "pid", "host", "zone"),
    *("version", "file", "file_hash", "git_commit"),
)


def write_store(path: Path, *, ended: bool = True, killed: bool = False) -> Path:
    """Write five endings, a RUNNING run and some output. Return the path.

    Args:
        path: The file.
        ended: Whether the process has ended. If not, its number is one that no process has.
        killed: Whether it ended without stopping.
    """
    with closing(open_for_writing(path)) as connection:
        noon = NOON.timestamp()
        end = noon + 300 if ended else None
        life = (1, noon, noon + 300, end, int(killed), 2**31 - 1, "mill", "Europe/Oslo")
        insert_rows(connection, "lives", LIFE, [(*life, "0.1", "/srv/shop.py", "", "c0ffee" * 6)])
        for name in ("import", "import 日本", "mail"):
            connection.execute("INSERT INTO jobs (name) VALUES (?)", (name,))
        add_run(connection, 1, 1, RunState.OK, took=0.25)
        add_run(connection, 2, 1, RunState.FAILED, took=61, reason="TimeoutError: no answer", error=TRACEBACK)
        add_run(connection, 3, 2, RunState.OK, took=3, trigger=Trigger.HAND)
        add_run(connection, 0, 1, RunState.SKIPPED, reason="still running since 12:02:00, run 2")
        add_run(connection, 5, 3, RunState.CANCELLED, reason="cancelled \x1b[31m by hand")
        add_run(connection, 6, 3, RunState.RUNNING)
        lines = [
            (1, 3, 1, noon + 180.5, "stdout", "imported 12 rows"),
            (1, 3, 2, noon + 181, "WARNING", "row 3: \x1b[2J日本"),
        ]
        insert_rows(connection, "output", OUTPUT, lines)
        connection.execute("UPDATE jobs SET paused_at = ? WHERE name = 'mail'", (noon,))
    return path


def add_run(
    connection: sqlite3.Connection,
    number: int,
    job: int,
    state: RunState,
    *,
    took: float | None = None,
    reason: str = "",
    error: str = "",
    trigger: Trigger = Trigger.TICK,
) -> None:
    """Insert a run, which ended one minute later than the one before it."""
    [runs] = connection.execute("SELECT count(*) FROM runs").fetchone()
    at = (NOON + timedelta(minutes=runs + 1)).timestamp()
    started, worker = (None, "") if number == 0 else (at - (took or 0), "worker-1")
    arguments = "12, dry=True" if number == 2 else ""
    run = (
        *(number, "", trigger.value, state.value, at - 100, 1 + (number == 2), 1, arguments),
        *(at - 99, None, None, started, worker),
    )
    row = [*row_of((*run, at if state.ended else None, took, reason), job)]
    row[COLUMNS.index("error")] = error
    insert_rows(connection, "runs", ("life", *COLUMNS), [(1, *row)])
