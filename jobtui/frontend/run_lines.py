"""The lines of one run's output: from the output log, and from the store what the log has dropped."""

from __future__ import annotations

import secrets

from jobtui.frontend.backend import RunLine, RunLines
from jobtui.runtime.output_log import MAX_CHUNK, OutputLine, OutputLog
from jobtui.runtime.scheduler import Scheduler

_STORED = "stored"


class RunLineReader:
    """Reads the output of runs in parts.

    A position names its source, the number of a line in it, and for the output log the log's lifetime.

    Args:
        scheduler: The scheduler of the runs.
        log: The latest output of all runs.
    """

    def __init__(self, scheduler: Scheduler, log: OutputLog) -> None:
        self._scheduler = scheduler
        self._log = log
        self._epoch = secrets.token_hex(4)

    def read(self, number: int, after: str = "") -> RunLines:
        """Return the next lines; see `Backend.output_lines`."""
        ended = self._scheduler.run_view(number).state.ended  # before the lines: later ones are not missed
        source, _, position = after.rpartition("-")
        line = int(position) if position.isascii() and position.isdecimal() else 0
        if source == self._epoch:
            return self._read_log(number, line, [], ended=ended)
        logged = self._logged(number, 0)
        stored = self._stored(number, line if source == _STORED else 0, logged)
        if len(stored) > MAX_CHUNK:
            part = stored[:MAX_CHUNK]
            lines = tuple(each for _, each in part)
            return RunLines(lines=lines, next=f"{_STORED}-{part[-1][0]}", ended=False)
        if ended and not (stored or logged or line):
            text = self._scheduler.output_of(number) or ""
            lines = tuple(RunLine(None, "", each) for each in text.splitlines())
            return RunLines(lines=lines, next=f"{self._epoch}-0", ended=True)
        return self._read_log(number, 0, [each for _, each in stored], ended=ended)

    def _read_log(self, number: int, after: int, earlier: list[RunLine], *, ended: bool) -> RunLines:
        """Return earlier lines, and those of the log after a line."""
        found = self._logged(number, after)
        part = found[: MAX_CHUNK - len(earlier)]
        is_last = len(part) == len(found)
        finished = [each for each in part if each.number]
        if ended and is_last:
            finished = part
        last = max((each.number for each in part), default=0) or after
        lines = (*earlier, *(RunLine(each.at, each.stream, each.text) for each in finished))
        return RunLines(lines=lines, next=f"{self._epoch}-{last}", ended=ended and is_last)

    def _logged(self, number: int, after: int) -> list[OutputLine]:
        """Return the lines of a run in the log after a line, one too many at most, then unfinished ones."""
        lines = self._log.lines_after(after, MAX_CHUNK + 1, run=number)
        return [*lines, *(each for each in self._log.end().unfinished if each.run == number)]

    def _stored(self, number: int, after: int, logged: list[OutputLine]) -> list[tuple[int, RunLine]]:
        """Return the lines in the store that are older than those in the log, with their numbers."""
        recording = self._scheduler.recording
        if recording is None:
            return []
        begin = min((each.at for each in logged), default=float("inf"))
        found = recording.stored_output(number, after, MAX_CHUNK + 1)
        return [(row, RunLine(line.at, line.stream, line.text)) for row, line in found if line.at < begin]
