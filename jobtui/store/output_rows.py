"""Write the output of runs: the first lines and the last lines of each."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import NamedTuple

from jobtui.store.bulk_insert import insert_rows

HEAD_BYTES = 16_384  # kept from the beginning of a run's output, in UTF-8
TAIL_BYTES = 65_536  # kept from its end
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
    """Which lines of a run are in the file."""

    def __init__(self) -> None:
        self.line = 0  # the number of the latest line
        self.head = 0  # bytes of the first part
        self.tail: deque[tuple[int, int]] = deque()  # the lines of the last part, with their bytes
        self.tail_bytes = 0


class OutputRows:
    """Writes lines through one connection, and deletes those between the first and the last part.

    Args:
        connection: The connection, in a transaction of the caller.
        life: The row of this process in `lives`.
        head: How many bytes are kept from the beginning of a run's output.
        tail: How many bytes are kept from its end.
    """

    def __init__(
        self, connection: sqlite3.Connection, life: int, head: int = HEAD_BYTES, tail: int = TAIL_BYTES
    ) -> None:
        self._connection = connection
        self._life = life
        self._head = head
        self._tail = tail
        self._positions: OrderedDict[int, _Position] = OrderedDict()

    def write(self, lines: Iterable[StoredLine]) -> None:
        """Write lines, oldest first."""
        rows: dict[tuple[int, int], StoredLine] = {}
        outdated: dict[int, tuple[int, int]] = {}  # the first and the last line to delete, by run
        for line in lines:
            position = self._position(line.run)
            position.line += 1
            data = line.text.encode("utf-8", "replace")  # without lone surrogates
            size = len(data) + 1
            rows[line.run, position.line] = line._replace(text=data.decode())
            if not position.tail and position.head + size <= self._head:
                position.head += size
                continue
            position.tail.append((position.line, size))
            position.tail_bytes += size
            while position.tail_bytes > self._tail and len(position.tail) > 1:
                number, dropped = position.tail.popleft()
                position.tail_bytes -= dropped
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

    def _position(self, run: int) -> _Position:
        position = self._positions.get(run)
        if position is None:
            position = self._positions[run] = _Position()
            [last] = self._connection.execute(
                "SELECT coalesce(max(line), 0) FROM output WHERE life = ? AND run = ?", (self._life, run)
            ).fetchone()
            position.line = last  # of a run that has written long ago, and again
            while len(self._positions) > MAX_WRITERS:
                self._positions.popitem(last=False)
        self._positions.move_to_end(run)
        return position
