"""Insert many rows with few statements.

With one statement for each row, the writer would give up the GIL for each, and wait up to 5 ms to get it back
while jobs compute. With one statement for all, it would hold the GIL for so long that runs start late. SQLite
works without the GIL, and is done before a thread that waits for the GIL has woken up. So the writer sleeps
after each statement. Otherwise the runs that are due during a batch would start after its end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from jobtui.process.gil import let_other_threads_run

ROWS_PER_STATEMENT = 16


def insert_rows(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    on_conflict: str = "",
) -> None:
    """Insert rows.

    Args:
        connection: The connection, in a transaction of the caller.
        table: The name of the table.
        columns: The names of the columns.
        rows: The values of the columns, for each row.
        on_conflict: The clause for rows that exist.
    """
    for part in parts_of(rows):
        values = [value for row in part for value in row]
        connection.execute(_statement(table, columns, len(part), on_conflict), values)
        let_other_threads_run()


def parts_of(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Split rows into parts whose sizes are powers of two, so that there are few different statements."""
    first = 0
    while left := len(rows) - first:
        size = min(ROWS_PER_STATEMENT, 1 << (left.bit_length() - 1))
        yield rows[first : first + size]
        first += size


@lru_cache(maxsize=64)
def _statement(table: str, columns: tuple[str, ...], rows: int, on_conflict: str) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)} {on_conflict}"  # noqa: S608 - our own names
