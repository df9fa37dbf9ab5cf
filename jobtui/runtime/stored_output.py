"""Feed what runs write from the output log to the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jobtui.runtime.output_log import OutputLog

if TYPE_CHECKING:  # it imports sqlite3
    from jobtui.store.output_rows import StoredLine

_MAX_UNFINISHED = 1_000  # unfinished lines that are known to have been fed


class OutputFeed:
    """Reads the new lines of the log. Only one thread may call it.

    Args:
        log: The output of all jobs.
        has_ended: Whether the run of a number has ended. A line without a line break is fed then.
        make_line: Makes a line from its run, time, stream and text.
    """

    def __init__(
        self,
        log: OutputLog,
        has_ended: Callable[[int], bool],
        make_line: Callable[[int, float, str, str], StoredLine],
    ) -> None:
        self._log = log
        self._has_ended = has_ended
        self._make_line = make_line
        self._last = log.output_since(0).last
        self._fed_unfinished: dict[tuple[int, str, float], None] = {}

    def __call__(self) -> list[StoredLine]:
        """Return the lines since the last call, of runs only."""
        chunk = self._log.output_since(self._last, at_most=None)
        self._last = chunk.last
        lines = [
            self._make_line(line.run, line.at, line.stream, line.text) for line in chunk.lines if line.run
        ]
        for line in chunk.unfinished:
            key = line.run, line.stream, line.at
            if line.run and key not in self._fed_unfinished and self._has_ended(line.run):
                self._fed_unfinished[key] = None
                lines.append(self._make_line(line.run, line.at, line.stream, line.text))
        while len(self._fed_unfinished) > _MAX_UNFINISHED:
            del self._fed_unfinished[next(iter(self._fed_unfinished))]
        return lines
