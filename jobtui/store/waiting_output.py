"""The lines of output that could not be written yet, in a bounded amount of memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from sys import getsizeof

from jobtui.store.output_rows import StoredLine

OUTPUT_BYTES = 8_000_000  # of memory, about
_OVERHEAD = 160  # bytes that a line takes in addition to its text, about


class WaitingOutput:
    """Holds lines until they are written. Only the writer uses it.

    Args:
        limit: How many bytes of memory the lines may take, about. Beyond it, the oldest are dropped, and a
            line in the output of their run says how many.
    """

    def __init__(self, limit: int = OUTPUT_BYTES) -> None:
        self._limit = limit
        self._lines: deque[StoredLine] = deque()
        self._size = 0
        self._dropped: Counter[int] = Counter()

    def extend(self, lines: Iterable[StoredLine]) -> None:
        """Add lines."""
        for line in lines:
            self._lines.append(line)
            self._size += _memory(line)
        while self._size > self._limit:
            line = self._lines.popleft()
            self._size -= _memory(line)
            self._dropped[line.run] += 1

    def lines(self) -> list[StoredLine]:
        """Return the lines, oldest first."""
        if not self._dropped:
            return list(self._lines)
        at = self._lines[0].at if self._lines else 0.0
        notes = [
            StoredLine(run, at, "", f"[{count} lines could not be stored]")
            for run, count in self._dropped.items()
        ]
        return [*notes, *self._lines]

    def clear(self) -> None:
        """Forget the lines, because they have been written."""
        self._lines.clear()
        self._size = 0
        self._dropped.clear()

    def __bool__(self) -> bool:
        """Return whether there are lines to write."""
        return bool(self._lines)


def _memory(line: StoredLine) -> int:
    return getsizeof(line.text) + _OVERHEAD
