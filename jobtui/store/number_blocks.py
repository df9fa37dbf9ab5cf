"""Blocks of run numbers: where several schedulers use one file, each numbers its runs from blocks of its own.

A scheduler reserves a block in one transaction when it opens the file, and the next one when it has used half
of the block. So it never waits for the file when it numbers a run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from jobtui.store.job_states import keep_last_number, number_in

NUMBERS_IN_BLOCK = 10_000  # half of them suffice for the runs of the time that a transaction takes


class NumberBlocks:
    """Reserves the numbers of one scheduler's runs. Only the thread of the writer calls it, unless noted.

    Args:
        size: How many numbers a block has.

    Attributes:
        on_reserved: Called with a number when the later runs need higher ones, because another scheduler has
            reserved those until there.
        wanted: Whether another block has to be reserved soon.
    """

    def __init__(self, size: int = NUMBERS_IN_BLOCK) -> None:
        self._size = size
        self._last = 0  # the last number of the latest block; 0 before the first one
        self._used = 0  # the last number that a run may have
        self.on_reserved: Callable[[int], object] = bool
        self.wanted = False

    def note_used(self, number: int) -> bool:
        """Note that runs may have the numbers up to this one. Return whether another block is wanted.

        Any thread may call this. It never blocks.
        """
        self._used = max(self._used, number)
        self.wanted = 0 < self._last < self._used + self._size // 2
        return self.wanted

    def first_block(self, connection: sqlite3.Connection) -> int:
        """Reserve the first block, or in a file that was opened again the same one. Return its last number.

        Args:
            connection: The connection, in a transaction of the caller. Call `use` when it is committed.
        """
        last = self._last or number_in(connection) + self._size
        keep_last_number(connection, last)
        return last

    def use(self, last: int) -> None:
        """Use the block that ends with this number."""
        self._last = last

    def reserve(self, connection: sqlite3.Connection) -> None:
        """Reserve another block, in a transaction of its own.

        Raises:
            sqlite3.Error: The file cannot be written now.
        """
        connection.execute("BEGIN IMMEDIATE")
        try:
            before = number_in(connection)
            keep_last_number(connection, before + self._size)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        is_next, self._last, self.wanted = before == self._last, before + self._size, False
        if not is_next:
            self.on_reserved(before)

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Give the numbers back that no run has, unless another scheduler has reserved a block since.

        Call this when all runs are in the file.
        """
        connection.execute(
            "UPDATE settings SET value = max(?, "
            "(SELECT coalesce(max(number), 0) FROM runs WHERE number > 0), "
            "(SELECT coalesce(max(number), 0) FROM one_offs)) WHERE name = 'last_number' AND value = ?",
            (self._last - self._size, self._last),
        )
