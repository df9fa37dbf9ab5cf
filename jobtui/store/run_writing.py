"""Write runs, counters and job states into the tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from jobtui.engine.enums import RunState
from jobtui.engine.records import ATTEMPTS_MADE, JOB, NUMBER, PackedRun, pack_started
from jobtui.store.bulk_insert import insert_rows, parts_of
from jobtui.store.one_off_rows import delete_one_offs
from jobtui.store.outbox import OutboxBatch
from jobtui.store.run_rows import ATTEMPT_COLUMNS, COLUMNS, attempt_row, row_of, storable

_RUNNING = RunState.RUNNING  # Python 3.11 is slow to look up the members of an enum
_COLUMNS = ("life", *COLUMNS)
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS)
# A run was RUNNING before, or the same ending has been put into the outbox twice.
_KNOWN_RUN = f"ON CONFLICT (number, life) WHERE number > 0 DO UPDATE SET {_CHANGED} WHERE runs.ended IS NULL"
# More ticks have joined a group.
_KNOWN_TICKS = (
    f"ON CONFLICT (job, created, due, state) WHERE number = 0 DO UPDATE SET {_CHANGED} "
    "WHERE runs.ticks < excluded.ticks"
)

_INSERT_ATTEMPT = (
    f"INSERT OR IGNORE INTO attempts (life, run, job, {', '.join(ATTEMPT_COLUMNS)}) "  # noqa: S608 - our own names
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

# The watermark of a job with another schedule, or with one in the future, begins now.
_REGISTER = """
    INSERT INTO jobs (name, schedule_key, overlap, watermark) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET
        watermark = CASE
            WHEN schedule_key = excluded.schedule_key AND watermark < excluded.watermark THEN watermark
            ELSE excluded.watermark END,
        schedule_key = excluded.schedule_key,
        overlap = excluded.overlap
"""
_PAUSE = "UPDATE jobs SET paused_at = ?, paused_until = ?, pause_note = ?, paused_by = ? WHERE id = ?"


class RunWriting:
    """Writes batches through one connection.

    Args:
        connection: The connection, in a transaction of the caller.
        life: The row of this process in `lives`.
    """

    def __init__(self, connection: sqlite3.Connection, life: int) -> None:
        self._connection = connection
        self._life = life
        self._job_ids: dict[str, int] = {}

    def write(self, batch: OutboxBatch) -> None:
        """Write a batch. If this raises an error, the connection has to be rolled back."""
        for job, schedule_key, overlap, now in batch.registered:
            self._connection.execute(_REGISTER, (storable(job), schedule_key, overlap.value, now))
        packed = [(run, pack_started(run)) for run in batch.started if run.state is _RUNNING]
        running = [values for run, values in packed if run.state is _RUNNING]  # it was packed while RUNNING
        self._insert([run for run in [*running, *batch.recorded] if run[NUMBER]], _KNOWN_RUN)
        self._insert([run for run in batch.recorded if not run[NUMBER]], _KNOWN_TICKS)
        self._insert_attempts(batch)
        if batch.finished:
            delete_one_offs(self._connection, batch.finished, self._life)
        for (job, state), count in batch.lost.items():
            self._connection.execute(
                "INSERT INTO counters VALUES (?, ?, ?) "
                "ON CONFLICT (job, state) DO UPDATE SET count = count + excluded.count",
                (self.job_id(job), state, count),
            )
        for size, configured in batch.sizes:
            self._connection.execute("DELETE FROM settings WHERE name = 'pool'")
            if size != configured:
                values = json.dumps({"size": size, "configured": configured})
                self._connection.execute("INSERT INTO settings VALUES ('pool', ?)", (values,))
        for job, pause in batch.pauses:
            facts: tuple[float | str | None, ...] = (None, None, None, None)
            if pause is not None:
                facts = (pause.since, pause.until, storable(pause.note), storable(pause.by))
            self._connection.execute(_PAUSE, (*facts, self.job_id(job)))

    def _insert_attempts(self, batch: OutboxBatch) -> None:
        """Insert the attempts that have failed, unless they have been inserted: a trigger counts them."""
        for run in [run for run in batch.recorded if run[ATTEMPTS_MADE]]:
            for attempt in run[ATTEMPTS_MADE]:
                self._connection.execute(
                    _INSERT_ATTEMPT,
                    (self._life, run[NUMBER], self.job_id(run[JOB]), *attempt_row(attempt)),
                )

    def job_id(self, name: str) -> int:
        """Return the row of a job; insert it on first use."""
        known = self._job_ids.get(name)
        if known is None:
            stored = storable(name)
            self._connection.execute("INSERT OR IGNORE INTO jobs (name) VALUES (?)", (stored,))
            [known] = self._connection.execute("SELECT id FROM jobs WHERE name = ?", (stored,)).fetchone()
            self._job_ids[name] = known
        return known

    def forget_ids(self) -> None:
        """Forget the rows of jobs, because a transaction that may have inserted some was rolled back."""
        self._job_ids.clear()

    def _insert(self, runs: Sequence[PackedRun], on_conflict: str) -> None:
        """Insert runs. Convert few at a time: that takes longer than the insertion, and holds the GIL."""
        for part in parts_of(runs):
            rows = [(self._life, *row_of(run, self.job_id(run[JOB]))) for run in part]
            insert_rows(self._connection, "runs", _COLUMNS, rows, on_conflict)
