"""Feed what runs write from the output log to the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jobtui.runtime.output_log import MAX_CHUNK, OutputLine, OutputLog

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
        self._last = log.last_fed = log.output_since(0).last
        self._fed_unfinished: dict[tuple[int, str, float, str], None] = {}

    def __call__(self) -> list[StoredLine]:
        """Return the lines since the last call, of runs only.

        If the log has dropped lines of a run since, a line before the kept ones says how many.
        """
        begin: float | None = None
        fed, lines = self._fed_unfinished, []
        last = self._log.end().first - 1  # later lines are for the next call
        while self._last < last:
            part = self._log.lines_after(self._last, MAX_CHUNK)
            self._last = self._log.last_fed = part[-1].number if part else last
            begin = part[0].at if part and begin is None else begin
            lines += [self._line(each) for each in part if each.run and not (fed and _key(each) in fed)]
        unfinished = self._log.end().unfinished
        for line in unfinished:
            if line.run and _key(line) not in fed and self._has_ended(line.run):
                fed[_key(line)] = None
                lines.append(self._line(line))
        while len(fed) > _MAX_UNFINISHED:
            del fed[next(iter(fed))]
        if begin is None:
            begin = unfinished[0].at if unfinished else 0.0
        notes = [
            self._make_line(run, begin, "", f"[{_count(count)} came too fast to be stored]")
            for run, count in self._log.take_unfed().items()
        ]
        return notes + lines

    def _line(self, line: OutputLine) -> StoredLine:
        return self._make_line(line.run, line.at, line.stream, line.text)


def _count(lines: int) -> str:
    return "1 line" if lines == 1 else f"{lines} lines"


def _key(line: OutputLine) -> tuple[int, str, float, str]:
    """Return the key of an unfinished line. If the log completes it later, that one has the same key."""
    return line.run, line.stream, line.at, line.text
