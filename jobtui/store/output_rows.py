"""Write the output of runs: the first lines and the last lines of each."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import NamedTuple

from jobtui.store.bulk_insert import insert_rows
from jobtui.store.retention import KEEP_OUTPUT

HEAD_SHARE = 5  # a fifth of the bytes that are kept of a run's output is from its beginning
MAX_WRITERS = 1_000  # runs whose positions are known: those that have written latest


class StoredLine(NamedTuple):
    """A line of a run's output.

    Attributes:
        run: The number of the run.
        at: When it was written, in seconds since the epoch (UTC).
        stream: `stdout`, `stderr`, or the level of a log record.
        text: The text, without a line break.
    """

    run: int
    at: float
    stream: str
    text: str


class _Position:
    """The lines of a run that are kept.

    Args:
        keep: How many bytes are kept.
        kept: The lines that are in the file, oldest first, with their bytes.
    """

    def __init__(self, keep: int, kept: Iterable[tuple[int, int]]) -> None:
        self._head_limit = keep // HEAD_SHARE
        self._tail_limit = keep - self._head_limit
        self.line = 0  # the number of the latest line
        self._head = 0  # bytes of the first part
        self._tail: deque[tuple[int, int]] = deque()  # the lines of the last part, with their bytes
        self._tail_bytes = 0
        for line, size in kept:
            if line > self.line + 1 and not self._tail:  # lines were left out here
                self._head = self._head_limit
            self.line = line - 1
            self.add(size)

    def add(self, size: int) -> list[int]:
        """Add a line of so many bytes. Return the lines that are no longer kept."""
        self.line += 1
        if not self._tail and self._head + size <= self._head_limit:
            self._head += size
            return []
        self._tail.append((self.line, size))
        self._tail_bytes += size
        dropped = []
        while self._tail_bytes > self._tail_limit and len(self._tail) > 1:
            line, size = self._tail.popleft()
            self._tail_bytes -= size
            dropped.append(line)
        return dropped


class OutputRows:
    """Writes lines through one connection, and deletes those between the first and the last part.

    Args:
        connection: The connection, in a transaction of the caller.
        life: The row of this process in `lives`.
        keep: How many bytes are kept of each run's output, in UTF-8.
    """

    def __init__(self, connection: sqlite3.Connection, life: int, keep: int = KEEP_OUTPUT) -> None:
        self._connection = connection
        self._life = life
        self._keep = keep
        self._positions: OrderedDict[int, _Position] = OrderedDict()

    def write(self, lines: Iterable[StoredLine]) -> None:
        """Write lines, oldest first. If this or the commit raises an error, call `forget_positions`."""
        rows: dict[tuple[int, int], StoredLine] = {}
        outdated: dict[int, tuple[int, int]] = {}  # the first and the last line to delete, by run
        for line in lines:
            position = self._position(line.run)
            data = line.text.encode("utf-8", "replace")  # without lone surrogates
            dropped = position.add(len(data) + 1)
            rows[line.run, position.line] = line._replace(text=data.decode())
            for number in dropped:
                if rows.pop((line.run, number), None) is None:
                    outdated[line.run] = (outdated.get(line.run, (number, 0))[0], number)
        for run, (first, last) in outdated.items():
            self._connection.execute(
                "DELETE FROM output WHERE life = ? AND run = ? AND line BETWEEN ? AND ?",
                (self._life, run, first, last),
            )
        insert_rows(
            self._connection,
            "output",
            ("life", "run", "line", "at", "stream", "text"),
            [
                (self._life, run, number, line.at, line.stream, line.text)
                for (run, number), line in rows.items()
            ],
        )
        while len(self._positions) > MAX_WRITERS:  # not before: their lines have to be in the file
            self._positions.popitem(last=False)

    def forget_positions(self) -> None:
        """Forget which lines are in the file, because a transaction was rolled back."""
        self._positions.clear()

    def _position(self, run: int) -> _Position:
        position = self._positions.get(run)
        if position is None:
            kept = self._connection.execute(
                "SELECT line, length(CAST(text AS BLOB)) + 1 FROM output "
                "WHERE life = ? AND run = ? ORDER BY line",
                (self._life, run),
            )
            position = self._positions[run] = _Position(self._keep, kept)
        self._positions.move_to_end(run)
        return position
