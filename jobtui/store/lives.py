"""The lives in the file: each process that has written it, its start, its end, and the runs that it lost."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from jobtui.engine.enums import RunState, Trigger
from jobtui.store.start_journal import NotedStart

SLACK = 1.0  # seconds before a killed process was seen last, from which on the file may lack starts
LOST = "the process ended without stopping"
MAX_UNSEEN = 120.0  # seconds after which a process that notes nothing any more has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The scheduler of this process.

    Attributes:
        zone: The name of the scheduler's zone.
        file: The path of the job file; "" if it is not known.
        quiet: The times in which nothing starts, as the user wrote them.
    """

    zone: str
    file: str = ""
    quiet: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """A process that has used the file. Times are in seconds since the epoch.

    Attributes:
        started: When it began.
        seen: When it last noted that it lives.
        ended: When it ended, or was last seen, if it was killed; None if the file does not have its end.
        killed: Whether it ended without stopping.
        pid: The number of the process.
        host: The name of its host.
        zone: The name of its scheduler's zone.
        file: The path of its job file; "" if it is not known.
        git_commit: The commit of the job file; "" if it is not known.
    """

    started: float
    seen: float
    ended: float | None
    killed: int | None
    pid: int
    host: str
    zone: str
    file: str
    git_commit: str

    def may_live(self, now: float) -> bool:
        """Return whether the process may still run. Call this on its host to be sure."""
        return self.ended is None and _may_live(self.pid, self.host == socket.gethostname(), now - self.seen)


def begin_life(
    connection: sqlite3.Connection,
    origin: Origin,
    started: float,
    now: float,
    *,
    alone: bool,
    starts: Sequence[NotedStart] = (),
) -> int:
    """End the RUNNING runs of earlier lives as LOST, and insert this life. Return its row.

    Args:
        connection: The connection, in a transaction of the caller.
        origin: The scheduler of this process.
        started: When this life began, in seconds since the epoch. If the file has it already, it goes on.
        now: The time.
        alone: Whether this process holds the lock of the file, so that all other lives have ended.
        starts: The runs that the latest of them has started, as far as its journal has them.
    """
    connection.execute("INSERT OR REPLACE INTO settings VALUES ('quiet', ?)", (json.dumps([*origin.quiet]),))
    host = socket.gethostname()
    own = 0
    lives = connection.execute(
        "SELECT id, started, seen, pid, host FROM lives WHERE ended IS NULL ORDER BY id"
    ).fetchall()
    for life, life_started, seen, pid, life_host in lives:
        if (life_started, pid, life_host) == (started, os.getpid(), host):
            own = life
        elif alone or not _may_live(pid, life_host == host, now - seen):
            if life == lives[-1][0]:
                _insert_starts(connection, life, [each for each in starts if each.started > seen - SLACK])
            _end_lost(connection, life, life_started, seen, pid)
    return own or _insert(connection, origin, started, host)


def _may_live(pid: int, here: bool, unseen: float) -> bool:
    """Return whether the process of a life may still live, and use the file together with this one.

    Args:
        pid: The number of its process.
        here: Whether that process was on this host.
        unseen: How many seconds ago it has noted that it lives; negative if a clock was set back.
    """
    if abs(unseen) > MAX_UNSEEN:
        return False
    if not here or sys.platform == "win32":  # `os.kill` would end the process on Windows
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True


def _insert_starts(connection: sqlite3.Connection, life: int, starts: Sequence[NotedStart]) -> None:
    """Insert the runs that a killed process has started, as RUNNING, unless the file has these attempts."""
    for start in starts:
        connection.execute("INSERT OR IGNORE INTO jobs (name) VALUES (?)", (start.job,))
        connection.execute(
            "INSERT INTO runs (life, number, job, trigger, state, created, due, started, worker, "
            "reason, error, ticks, attempt) "
            "SELECT ?, ?, jobs.id, coalesce(trigger, ?), ?, ?, iif(one_offs.id, one_offs.due, ?), ?, '', '', "
            "'', 1, ? FROM jobs LEFT JOIN one_offs ON life = ? AND number = ? WHERE name = ? "
            "ON CONFLICT (number, life) WHERE number > 0 DO UPDATE SET state = excluded.state, "
            "started = excluded.started, elapsed = NULL, attempt = excluded.attempt "
            "WHERE runs.ended IS NULL AND runs.attempt < excluded.attempt",
            (
                *(life, start.number, Trigger.TICK.value, RunState.RUNNING.value),
                *(start.created, start.due, start.started, start.attempt, life, start.number, start.job),
            ),
        )


def _end_lost(connection: sqlite3.Connection, life: int, started: float, seen: float, pid: int) -> None:
    since = datetime.fromtimestamp(started, UTC).isoformat(" ", "seconds")
    reason = f"{LOST}: process {pid}, started at {since}"
    connection.execute(
        "UPDATE runs SET state = 'LOST', ended = max(?, coalesce(started, created)), retry_at = NULL, "
        "reason = ? WHERE life = ? AND ended IS NULL AND state <> 'RETRYING'",
        (seen, reason, life),
    )
    connection.execute("UPDATE lives SET ended = seen, killed = 1 WHERE id = ?", (life,))


def _insert(connection: sqlite3.Connection, origin: Origin, started: float, host: str) -> int:
    values = (
        started,
        started,
        os.getpid(),
        host,
        origin.zone,
        _version(),
        origin.file,
        _hash_of(origin.file),
        git_commit(Path(origin.file)) if origin.file else "",
    )
    cursor = connection.execute(
        "INSERT INTO lives (started, seen, pid, host, zone, version, file, file_hash, git_commit) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    assert cursor.lastrowid is not None  # it was inserted
    return cursor.lastrowid


def _version() -> str:
    """Return the version of jobtui; "" if it is not installed."""
    try:
        return metadata.version("jobtui")
    except metadata.PackageNotFoundError:
        return ""


def _hash_of(file: str) -> str:
    """Return the SHA-256 of a file's content; "" if there is no such file."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    except OSError:
        return ""


def git_commit(file: Path) -> str:
    """Return the commit that the repository of a file is at; "" if it is in none. Reads files of git only."""
    for folder in file.absolute().parents:
        git = folder / ".git"
        try:
            if git.is_file():  # a worktree or a submodule
                git = folder / git.read_text().removeprefix("gitdir:").strip()
            if git.is_dir():
                return _head(git)
        except (OSError, UnicodeDecodeError):
            return ""
    return ""


def _head(git: Path) -> str:
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    shared = git / common.read_text().strip() if common.is_file() else git
    for place in (git, shared):
        if (place / name).is_file():
            return (place / name).read_text().strip()
    packed = shared / "packed-refs"
    for line in packed.read_text().splitlines() if packed.is_file() else ():
        if line.endswith(f" {name}"):
            return line.split()[0]
    return ""
