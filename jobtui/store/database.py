"""Open the store's file: check that it is ours, bring its tables up to date, never overwrite anything."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

from jobtui.store.fork_gate import StoreConnection, has_inherited, register_connection
from jobtui.store.read_only_access import WITHOUT_LOCKS, beside, mode_without_locks
from jobtui.store.schema import APPLICATION_ID, VERSIONS, Versions
from jobtui.store.search_index import prepare_index
from jobtui.store.store_errors import NOT_OURS, StoreError, store_error

BUSY_TIMEOUT = 2.0  # seconds that a writer waits for another program's lock
READ_TIMEOUT = 1.0  # seconds that a reader waits
WAL_BYTES = 8_000_000  # to which the write-ahead log is cut after a checkpoint
# So many pages make SQLite copy the write-ahead log into the file.
CHECKPOINT_PAGES = 1_000
OLDEST_SQLITE = 3, 34, 0  # the tests of the store pass with it, and with later ones
MIN_BYTES = 512  # the smallest page of SQLite


def open_for_writing(
    path: Path, *, versions: Versions = VERSIONS, kind: type[StoreConnection] = StoreConnection
) -> StoreConnection:
    """Open the file, with mode 0600 if it is new; create or migrate its tables.

    Args:
        path: The file.
        versions: The changes of the tables.
        kind: The class of the connection.

    Raises:
        StoreError: The file cannot be used: it is another program's, damaged, locked, read-only, or of a
            newer version of jobtui.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_kind(path)
        with suppress(FileExistsError):
            os.close(_create(path))  # not an existing one: to close that would drop SQLite's locks
        _match_modes(path)
        connection = _connect(path, "rw", BUSY_TIMEOUT, kind)
        try:
            _prepare(connection, path, versions)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise store_error(path, error) from error
    return connection


def open_for_reading(path: Path) -> StoreConnection:
    """Open a file that exists, for queries only.

    Raises:
        StoreError: It does not exist, or it is not one that this version of jobtui can read.
    """
    _check_kind(path)
    if not path.exists():
        raise StoreError(path, "there is no such file")
    try:
        try:
            return _open_reader(path, "rw")  # a reader writes, too: to the index of the write-ahead log
        except sqlite3.Error as error:
            return _open_reader(path, mode_without_locks(path, error))
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def _open_reader(path: Path, mode: str) -> StoreConnection:
    connection = _connect(path, mode, READ_TIMEOUT, StoreConnection)
    try:
        connection.has_locks = mode == "rw"
        if mode == WITHOUT_LOCKS:
            connection.execute("PRAGMA locking_mode = exclusive").fetchall()  # with the index in memory
        connection.execute("PRAGMA query_only = on")
        version = _version(connection, path, VERSIONS)
    except BaseException:
        connection.close()
        raise
    if version < len(VERSIONS):
        connection.close()
        older = "an older jobtui has written the file; a scheduler that uses it brings it up to date"
        raise StoreError(path, older if version else "the file is empty")
    return connection


def missing_folder(path: Path) -> Path | None:
    """Return the folder of a file if it does not exist, so that `open_for_writing` would create it."""
    folder = path.absolute().parent
    with suppress(OSError):  # access may be denied
        return None if folder.exists() else folder
    return None


def check_sqlite(path: Path, version: tuple[int, ...]) -> None:
    """Check that the version of SQLite suffices.

    Raises:
        StoreError: It does not.
    """
    if version < OLDEST_SQLITE:
        oldest, found = (".".join(map(str, each)) for each in (OLDEST_SQLITE, version))
        raise StoreError(
            path, f"the store needs SQLite {oldest} or later, and the one of this Python is {found}"
        )


def _check_kind(path: Path) -> None:
    """Check that a path, if it exists, is that of a file.

    Raises:
        StoreError: It is a folder, or something else, such as a device.
    """
    if path.is_dir():
        raise StoreError(path, "this is a folder; name a file in it, such as jobtui.db")
    if path.exists() and not path.is_file():
        raise StoreError(path, NOT_OURS)


def _create(path: Path) -> int:
    """Create a file that only its owner may read, and return its descriptor. It must not exist."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def _match_modes(path: Path) -> None:
    """Give the files of the WAL the mode of the file, which was read-only when SQLite created them."""
    mode = path.stat().st_mode
    for suffix in ("-wal", "-shm"):
        file = beside(path, suffix)
        if file.exists() and mode & stat.S_IWUSR and not file.stat().st_mode & stat.S_IWUSR:
            file.chmod(stat.S_IMODE(mode))


def _connect(path: Path, mode: str, timeout: float, kind: type[StoreConnection]) -> StoreConnection:
    check_sqlite(path, sqlite3.sqlite_version_info)
    if has_inherited(path):
        raise StoreError(path, "a forked child cannot use the store of its parent")
    if path.is_file() and 0 < path.stat().st_size < MIN_BYTES:
        raise StoreError(path, NOT_OURS)  # SQLite would take it for an empty one, and overwrite it
    # Without transactions of its own (isolation_level), so that each one is visible in our code.
    connection: StoreConnection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=kind,
    )
    register_connection(connection, path)
    connection.text_factory = _decode
    return connection


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")  # another program may have written anything


def _prepare(connection: sqlite3.Connection, path: Path, versions: Versions) -> None:
    version = _version(connection, path, versions)
    if version == 0:
        connection.execute("PRAGMA auto_vacuum = incremental")  # before the first table
    [mode] = connection.execute("PRAGMA journal_mode = wal").fetchone()
    if mode != "wal":
        raise StoreError(
            path, "SQLite cannot share the file here, as on a network file system; use a local disk"
        )
    connection.execute("PRAGMA synchronous = normal")  # a killed process loses nothing; a power cut may
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    copy = _back_up(connection, path, version) if 0 < version < len(versions) else None
    try:
        _migrate(connection, version, versions)
    except BaseException:
        if copy is not None:  # nothing has changed
            copy.unlink()
        raise
    prepare_index(connection)


def _version(connection: sqlite3.Connection, path: Path, versions: Versions) -> int:
    """Return the version of the tables; 0 if the file is empty.

    Raises:
        StoreError: The file is another program's, or of a newer version of jobtui.
    """
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == 0 and version == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise StoreError(path, "this is a database of another program")
    if version > len(versions):
        raise StoreError(
            path,
            f"a newer jobtui has written the file (version {version} of its tables; this jobtui knows "
            f"{len(versions)}); update jobtui, or use another file",
        )
    return int(version)


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the file before its tables change. Return the copy; an earlier one is kept."""
    names = (f"{path.name}.version-{version}{f'.{number}' if number else ''}" for number in count())
    for copy in map(path.with_name, names):
        with suppress(FileExistsError):
            os.close(_create(copy))
            break
    try:
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
    except BaseException:
        copy.unlink()
        raise
    return copy


def _migrate(connection: sqlite3.Connection, version: int, versions: Versions) -> None:
    """Bring the tables from a version to the latest one, in one transaction."""
    if version == len(versions):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in versions[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(versions)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
