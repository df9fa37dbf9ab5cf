"""Claims of ticks: where several schedulers use one file, each tick is run by the one that claims it first.

A claim is a row for a job and a tick. The primary key lets only one process insert it.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from jobtui.store.database import open_for_writing
from jobtui.store.fork_gate import StoreConnection, identity_of, using_sqlite
from jobtui.store.run_rows import storable
from jobtui.store.store_errors import StoreError, store_error

KEPT_SECONDS = 3_600.0  # after its tick, a claim is deleted; a scheduler that is later runs the tick again
CLEAN_SECONDS = 60.0  # between two deletions
RETRY_SECONDS = 10.0  # after an error, ticks are not claimed for so long: each would wait for the file again

Tick = tuple[str, float]  # the name of the job and the instant


class TickClaims:
    """Claims ticks through a connection of its own. Only the thread of the timer uses it.

    Args:
        path: The file.
        now: The wall clock, in seconds since the epoch.
        monotonic: The monotonic clock, in seconds.
    """

    def __init__(self, path: Path, now: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._monotonic = monotonic
        self._connection: StoreConnection | None = None
        self._next_try = self._next_cleaning = -math.inf

    def claim(self, ticks: Iterable[Tick], life: int) -> dict[Tick, int]:
        """Claim ticks. Return those that another process has claimed, with the number of that process.

        For some seconds after an error, return none: then each scheduler runs all ticks.

        Args:
            ticks: The ticks.
            life: The row of this process in `lives`.

        Raises:
            StoreError: The file cannot be written now.
        """
        if self._monotonic() < self._next_try:
            return {}
        try:
            with using_sqlite():
                return self._claim(self._open(), [(storable(job), due) for job, due in ticks], life)
        except (sqlite3.Error, StoreError) as error:
            self._next_try = self._monotonic() + RETRY_SECONDS
            self.close()
            raise error if isinstance(error, StoreError) else store_error(self._path, error) from error

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> StoreConnection:
        if self._connection is not None and self._connection.identity != identity_of(self._path):
            self.close()
        if self._connection is None:
            self._connection = open_for_writing(self._path)
        return self._connection

    def _claim(self, connection: StoreConnection, ticks: list[Tick], life: int) -> dict[Tick, int]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "INSERT OR IGNORE INTO claims VALUES (?, ?, ?)", [(*tick, life) for tick in ticks]
            )
            owner = (
                "SELECT pid FROM claims JOIN lives ON lives.id = life WHERE job = ? AND due = ? AND life <> ?"
            )
            found = [(tick, connection.execute(owner, (*tick, life)).fetchone()) for tick in ticks]
            if self._monotonic() >= self._next_cleaning:
                self._next_cleaning = self._monotonic() + CLEAN_SECONDS
                connection.execute("DELETE FROM claims WHERE due < ?", (self._now() - KEPT_SECONDS,))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return {tick: row[0] for tick, row in found if row is not None}
