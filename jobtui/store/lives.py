"""The lives in the file: each process that has written it, its start, its end, and the runs that it lost."""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

LOST = "the process ended without stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The scheduler of this process.

    Attributes:
        zone: The name of the scheduler's zone.
        file: The path of the job file; "" if it is not known.
    """

    zone: str
    file: str = ""


def begin_life(connection: sqlite3.Connection, origin: Origin, now: float) -> int:
    """End the RUNNING runs of earlier lives as LOST, and insert this life. Return its row.

    Args:
        connection: The connection, in a transaction of the caller.
        origin: The scheduler of this process.
        now: The time, in seconds since the epoch.
    """
    lost = connection.execute(
        "SELECT id, started, seen, pid FROM lives WHERE ended IS NULL ORDER BY id"
    ).fetchall()
    for life, started, seen, pid in lost:
        since = datetime.fromtimestamp(started, UTC).isoformat(" ", "seconds")
        reason = f"{LOST}: process {pid}, started at {since}"
        connection.execute(
            "UPDATE runs SET state = 'LOST', ended = max(?, started), reason = ? "
            "WHERE life = ? AND ended IS NULL",
            (seen, reason, life),
        )
        connection.execute("UPDATE lives SET ended = seen, killed = 1 WHERE id = ?", (life,))
    values = (
        now,
        now,
        os.getpid(),
        socket.gethostname(),
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
