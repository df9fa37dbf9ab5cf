"""Read the state with which a scheduler goes on after a restart."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobtui.engine.catch_up import Downtime
from jobtui.engine.enums import Overlap, RunState
from jobtui.engine.job_pause import Pause
from jobtui.engine.records import RECENT_RUNS, STATE, JobHistory, PackedRun
from jobtui.engine.views import Duration
from jobtui.store.run_rows import VIEW_COLUMNS, packed_of

_COLUMNS = ", ".join(
    "''" if name == "error" else name for name in VIEW_COLUMNS
)  # tracebacks stay in the file
_SEARCHED = 10_000  # endings of a job among which one that was OK is searched
_PAUSE = "paused_at, paused_until, pause_note, paused_by"


@dataclass(frozen=True, slots=True)
class StoredState:
    """The state with which a scheduler goes on after a restart.

    Attributes:
        last_number: The last number that a run has, or may have had; 0 for none.
        jobs: The history of each job, by name.
        downtime: The time in which no scheduler ran.
        pool: The size of the pool that was set by hand, and the one that was configured then; None if it was
            not set by hand.
        has_retrying: Whether there may be runs to take over that are RETRYING.
    """

    last_number: int = 0
    jobs: dict[str, JobHistory] = field(default_factory=dict)
    downtime: Downtime = field(default_factory=Downtime)
    pool: tuple[int, int] | None = None
    has_retrying: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """The state of a job in the store, for people. Times are in seconds since the epoch.

    Attributes:
        name: The name of the job.
        endings: How many runs and ticks have ended in each state.
        recent: The final states of the latest runs and ticks, oldest first.
        recent_durations: How many seconds the work of each took; None for one without work.
        running: How many runs were RUNNING when the file was last written.
        retrying: How many runs were RETRYING then.
        retry_at: When the first of them is tried again; None if there is none.
        retry_attempt: Which attempt that is.
        attempts: How many attempts that run may have.
        pause: The pause of the job; None if it is not paused. It may be over.
        prev: When the latest run started.
        last_elapsed: How many seconds the work of the latest finished run took.
        last_ok_elapsed: How many seconds the latest run that was OK took; None if that is not known.
        schedule_key: The key of its schedule; "" if it has none.
        overlap: Its overlap policy; None if it is not known.
    """

    name: str
    endings: Mapping[RunState, int]
    recent: tuple[RunState, ...]
    recent_durations: tuple[Duration | None, ...]
    running: int
    pause: Pause | None
    prev: float | None
    last_elapsed: float | None
    last_ok_elapsed: float | None
    schedule_key: str
    overlap: Overlap | None
    retrying: int = 0
    retry_at: float | None = None
    retry_attempt: int = 0
    attempts: int = 1


def read_summaries(connection: sqlite3.Connection) -> list[JobSummary]:
    """Return a summary of each job, by name."""
    endings = _read_endings(connection)
    running = dict(
        connection.execute(
            "SELECT job, count(*) FROM runs WHERE ended IS NULL AND state = 'RUNNING' GROUP BY job"
        ).fetchall()
    )
    retrying: dict[int, dict[str, Any]] = {
        job: {"retrying": count, "retry_at": at, "retry_attempt": attempt + 1, "attempts": attempts}
        for job, count, at, attempt, attempts in connection.execute(
            "SELECT job, count(*), min(retry_at), attempt, attempts FROM runs "  # of the row with the minimum
            "WHERE ended IS NULL AND state = 'RETRYING' GROUP BY job"
        )
    }
    recent = (
        "SELECT state, elapsed FROM runs WHERE job = ? AND ended IS NOT NULL "
        "ORDER BY ended DESC, id DESC LIMIT ?"
    )
    rows = connection.execute(
        f"SELECT id, name, prev, last_elapsed, schedule_key, overlap, {_PAUSE} FROM jobs ORDER BY name"  # noqa: S608 - our own names
    ).fetchall()
    latest = {row[0]: connection.execute(recent, (row[0], RECENT_RUNS)).fetchall()[::-1] for row in rows}
    return [
        JobSummary(
            name=name,
            endings=endings[job],
            recent=tuple(RunState(state) for state, _ in latest[job]),
            recent_durations=tuple(elapsed for _, elapsed in latest[job]),
            running=running.get(job, 0),
            pause=_pause(*pause),
            prev=prev,
            last_elapsed=last_elapsed,
            last_ok_elapsed=_ok_elapsed(connection, job, endings[job]),
            schedule_key=key or "",
            overlap=None if overlap is None else Overlap(overlap),
            **retrying.get(job, {}),
        )
        for job, name, prev, last_elapsed, key, overlap, *pause in rows
    ]


def _read_endings(connection: sqlite3.Connection) -> dict[int, dict[RunState, int]]:
    """Return how many runs and ticks of each job have ended in each state, by the row of the job."""
    endings: dict[int, dict[RunState, int]] = defaultdict(dict)
    for job, state, count in connection.execute("SELECT job, state, count FROM counters"):
        endings[job][RunState(state)] = count
    return endings


def keep_last_number(connection: sqlite3.Connection, number: int) -> None:
    """Note that the numbers up to this one are those of runs, of which some have no row.

    Args:
        connection: The connection, in a transaction of the caller.
        number: The number; 0 changes nothing.
    """
    connection.execute(
        "INSERT INTO settings VALUES ('last_number', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        (number,),
    )


def number_in(connection: sqlite3.Connection) -> int:
    """Return the last number that a run in the file has, or may have had; 0 for none."""
    [number] = connection.execute(
        "SELECT max("
        "(SELECT coalesce(max(number), 0) FROM runs WHERE number > 0), "  # as the index says
        "(SELECT coalesce(max(number), 0) FROM one_offs), "
        "(SELECT coalesce(max(value), 0) FROM settings WHERE name = 'last_number'))"
    ).fetchone()
    return int(number)


def read_state(connection: sqlite3.Connection, life: int) -> StoredState:
    """Return the state of the jobs in the file.

    Args:
        connection: The connection.
        life: The life of this process.
    """
    endings = _read_endings(connection)
    # The latest tick of each job with a RETRYING run: its watermark passes that only when the run has ended.
    retrying = dict(
        connection.execute(
            "SELECT job, max(iif(trigger = 'tick', due, NULL)) FROM runs INDEXED BY runs_by_end "
            "WHERE ended IS NULL AND state = 'RETRYING' GROUP BY job"
        ).fetchall()
    )
    rows = connection.execute(
        f"SELECT id, name, prev, last_elapsed, watermark, schedule_key, {_PAUSE} FROM jobs"  # noqa: S608 - our own names
    ).fetchall()
    latest = {job: _recent(connection, job, name) for job, name, *_ in rows}
    return StoredState(
        number_in(connection),
        {
            name: JobHistory(
                endings=endings[job],
                recent=latest[job],
                pause=_pause(*pause),
                prev=prev,
                last_elapsed=last_elapsed,
                ok_elapsed=None
                if any(entry[STATE] == RunState.OK.value for entry in latest[job])
                else _ok_elapsed(connection, job, endings[job]),
                watermark=_latest(watermark, retrying.get(job)),
                schedule_key=schedule_key or "",
            )
            for job, name, prev, last_elapsed, watermark, schedule_key, *pause in rows
        },
        _downtime(connection, life),
        _pool(connection),
        has_retrying=bool(retrying),
    )


def _latest(*instants: float | None) -> float | None:
    return max((each for each in instants if each is not None), default=None)


def _pause(since: float | None, until: float | None, note: str | None, by: str | None) -> Pause | None:
    return None if since is None else Pause(since, until, note or "", by or "")


def _recent(connection: sqlite3.Connection, job: int, name: str) -> tuple[PackedRun, ...]:
    """Return the latest endings of a job, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE job = ? AND ended IS NOT NULL "  # noqa: S608 - our own names
        f"ORDER BY ended DESC, id DESC LIMIT {RECENT_RUNS}",
        (job,),
    ).fetchall()
    return tuple(packed_of(row, name) for row in reversed(rows))


def _ok_elapsed(connection: sqlite3.Connection, job: int, endings: Mapping[RunState, int]) -> float | None:
    """Return how many seconds the latest run of a job took that was OK; None if that is not known."""
    if not endings.get(RunState.OK):
        return None
    row = connection.execute(
        "SELECT elapsed FROM (SELECT state, elapsed FROM runs WHERE job = ? AND ended IS NOT NULL "
        "ORDER BY ended DESC, id DESC LIMIT ?) WHERE state = 'OK' LIMIT 1",
        (job, _SEARCHED),
    ).fetchone()
    return None if row is None else row[0]


def _pool(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """Return the size of the pool that was set by hand, and the one that was configured then."""
    row = connection.execute("SELECT value FROM settings WHERE name = 'pool'").fetchone()
    if row is None:
        return None
    value = json.loads(row[0])
    return value["size"], value["configured"]


def _downtime(connection: sqlite3.Connection, life: int) -> Downtime:
    """Return when the life before this one ended, and how."""
    row = connection.execute(
        "SELECT ended, killed FROM lives WHERE id < ? ORDER BY id DESC LIMIT 1", (life,)
    ).fetchone()
    if row is None:
        return Downtime()
    ended, killed = row
    return Downtime(since=ended, killed=bool(killed))
