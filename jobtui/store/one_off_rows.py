"""The durable one-off runs in the file: a row for each request that has not ended.

A process takes a request by writing its life into the row, so no two processes run it. The row is deleted in
the transaction that writes the end of the run. A row whose process has ended is taken by the next process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobtui.store.schema import APPLICATION_ID, VERSIONS

Connection = sqlite3.Connection

AT_ONCE = 500  # requests that are taken in one transaction
_COLUMNS = "id, function, arguments, trigger, created, due, life, number, attempt"


@dataclass(slots=True, kw_only=True)
class StoredOneOff:
    """A durable request. Times are in seconds since the epoch.

    Attributes:
        function: The name of the function, ``module:qualname``.
        arguments: The positional and the keyword arguments, as JSON.
        trigger: The value of the trigger.
        created: When the run was requested.
        due: When it is due; None for at once.
        number: The number of its run; 0 if no process has taken it.
        attempt: Which execution of the request the run is.
    """

    function: str
    arguments: str
    trigger: str
    created: float
    due: float | None
    number: int = 0
    attempt: int = 1


def insert_one_offs(connection: sqlite3.Connection, one_offs: Iterable[StoredOneOff], life: int) -> None:
    """Insert requests that this process runs.

    Args:
        connection: The connection, in a transaction of the caller.
        one_offs: The requests.
        life: The row of this process in `lives`.
    """
    connection.executemany(
        "INSERT INTO one_offs (function, arguments, trigger, created, due, life, number, attempt) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*_values(each), life, each.number, each.attempt) for each in one_offs],
    )


def insert_untaken(connection: object, one_off: StoredOneOff) -> None:
    """Insert a request through the connection of a user. The scheduler takes it after the user's commit.

    Raises:
        TypeError: The connection is not one of sqlite3.
        ValueError: Its file is not a store that this version of jobtui can write.
    """
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError(
            "durable is True, False or a connection of sqlite3 to the store's file, not of the type "
            f"{type(connection).__name__}"
        )
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID or version != len(VERSIONS):
        wrong = (
            "is not a store of jobtui" if application != APPLICATION_ID else "is of another version of jobtui"
        )
        raise ValueError(
            f"the file of the connection {wrong}; a scheduler that uses a file as its store makes it"
        )
    connection.execute(
        "INSERT INTO one_offs (function, arguments, trigger, created, due) VALUES (?, ?, ?, ?, ?)",
        _values(one_off),
    )


def has_untaken(connection: sqlite3.Connection) -> bool:
    """Return whether there is a request that no process has taken."""
    return connection.execute("SELECT 1 FROM one_offs WHERE life IS NULL LIMIT 1").fetchone() is not None


def take_one_offs(
    connection: sqlite3.Connection,
    life: int,
    next_number: Callable[[int], int],
    *,
    of_ended_lives: bool,
) -> list[StoredOneOff]:
    """Take requests that belong to no process, at most `AT_ONCE`.

    A run that has started before gets a new number, and its row says so.

    Args:
        connection: The connection, in a transaction of the caller.
        life: The row of this process in `lives`.
        next_number: Returns the number of a run that had a number, or 0: that number, or a new one.
        of_ended_lives: Whether to take those of processes that have ended, too.
    """
    condition = "life IS NULL"
    if of_ended_lives:
        condition += " OR life IN (SELECT id FROM lives WHERE ended IS NOT NULL)"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM one_offs WHERE {condition} ORDER BY id LIMIT {AT_ONCE}"  # noqa: S608 - our own names
    ).fetchall()
    taken = []
    for row_id, function, arguments, trigger, created, due, before, old_number, attempt in rows:
        key = (old_number, before)
        started = "SELECT 1 FROM runs WHERE number > 0 AND number = ? AND life = ?"
        if connection.execute(started, key).fetchone() is None:
            number = next_number(old_number or 0)
        else:
            number = next_number(0)
            attempt += 1  # noqa: PLW2901 - of the next run
            connection.execute(
                "UPDATE runs SET reason = reason || ? WHERE number > 0 AND number = ? AND life = ?",
                (f"; run {number} is attempt {attempt}", *key),
            )
        connection.execute(
            "UPDATE one_offs SET life = ?, number = ?, attempt = ? WHERE id = ?",
            (life, number, attempt, row_id),
        )
        taken.append(
            StoredOneOff(
                function=function,
                arguments=arguments,
                trigger=trigger,
                created=created,
                due=due,
                number=number,
                attempt=attempt,
            )
        )
    return taken


def delete_one_offs(connection: sqlite3.Connection, numbers: Iterable[int], life: int) -> None:
    """Delete the requests whose runs have ended.

    Args:
        connection: The connection, in a transaction of the caller.
        numbers: The numbers of the runs.
        life: The row of this process in `lives`.
    """
    connection.executemany(
        "DELETE FROM one_offs WHERE life = ? AND number = ?", [(life, number) for number in numbers]
    )


def _values(one_off: StoredOneOff) -> tuple[str, str, str, float, float | None]:
    return one_off.function, one_off.arguments, one_off.trigger, one_off.created, one_off.due
