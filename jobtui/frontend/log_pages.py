"""Pages of output, forwards and backwards: from the output log, and of a run also from the store."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from jobtui.engine.views import RunView
from jobtui.frontend.backend import LogLine, LogPage
from jobtui.process.terminal_text import terminal_lines
from jobtui.runtime.output_log import MAX_CHUNK, OutputLine, OutputLog
from jobtui.runtime.scheduler import Scheduler

_STORED = "stored"
_TEXT = "text"  # the first and last part of a run's output, for runs whose lines are not kept


class LogPageReader:
    """Reads pages of output; see `Backend.log_page`.

    A position names its source and the number of a line in it: the output log in this lifetime of it, the
    store, or the text that is kept of a run. The lines of a run in the store are older than those in the log.

    Args:
        scheduler: The scheduler of the runs.
        log: The latest output of all runs.
    """

    def __init__(self, scheduler: Scheduler, log: OutputLog) -> None:
        self._scheduler = scheduler
        self._log = log
        self._epoch = secrets.token_hex(4)

    def read(self, run: int | None = None, *, before: str | None = None, after: str | None = None) -> LogPage:
        """Return the latest page, or the one before or after a position."""
        view = None if run is None else self._scheduler.run_view(run)  # before the lines: none is missed
        source, number = self._parse(before if after is None else after)
        if after and source == self._epoch:
            end = self._log.end()
            first = self._log.lines_after(number, 1)
            if (first[0].number if first else end.first) == number + 1:
                return self._forwards(view, number)
            return self._latest(view, continues=False)
        if view is not None and (source == _TEXT or (source != _STORED and self._is_text_longer(view))):
            return self._read_text(view, number, before=before, after=after)
        if after is not None and (source == _STORED or not after):
            return self._forwards_from_store(view, number)
        if before and source:
            return self._backwards(view, source, number)
        return self._latest(view, continues=not (before or after))

    def _parse(self, position: str | None) -> tuple[str, int]:
        """Return the source and the number in a position; ("", 0) if it is of another lifetime of the log."""
        source, _, number = (position or "").rpartition("-")
        is_number = number.isascii() and number.isdecimal() and len(number) < 20  # noqa: PLR2004 - 64 bits
        if not is_number or source not in (self._epoch, _STORED, _TEXT):
            return "", 0
        return source, int(number)

    # --- the log and the store --------------------------------------------------------------------

    def _latest(self, view: RunView | None, *, continues: bool) -> LogPage:
        end = self._log.end()
        lines, before = self._lines_before(view, self._epoch, end.first, end.unfinished)
        return LogPage(
            lines=tuple(lines),
            unfinished=_of(view, end.unfinished),
            before=before,
            after=f"{self._epoch}-{end.first - 1}",
            ended=view is not None and view.state.ended,
            continues=continues,
            lacks_earlier=not before and self._lacks_lines(view),
        )

    def _backwards(self, view: RunView | None, source: str, number: int) -> LogPage:
        lines, before = self._lines_before(view, source, number)
        return LogPage(
            lines=tuple(lines),
            before=before,
            after=f"{source}-{number - 1}",
            is_latest=False,
            lacks_earlier=not before and self._lacks_lines(view),
        )

    def _lines_before(
        self, view: RunView | None, source: str, number: int, unfinished: Iterable[OutputLine] = ()
    ) -> tuple[list[LogLine], str]:
        """Return the lines before a line of the log or of the store, and the position before them."""
        logged: tuple[OutputLine, ...] = ()
        place: int | None = number  # in the store
        begin = math.inf  # the time of the first line in the log
        run = None if view is None else view.number
        if source == self._epoch:
            logged = self._log.lines_before(number, MAX_CHUNK, run=run)
            if len(logged) == MAX_CHUNK:
                return _log_lines(logged), f"{self._epoch}-{logged[0].number}"
            first = logged or self._log.lines_before(number + 1, 1, run=run) or _of_run(view, unfinished)
            place, begin = None, first[0].at if first else math.inf
        if view is None or self._scheduler.recording is None:
            return _log_lines(logged), ""
        limit = MAX_CHUNK - len(logged)
        stored = self._scheduler.recording.stored_output_before(view.number, place, begin, limit)
        lines = [LogLine(line.at, view.job, line.run, line.stream, line.text) for _, line in stored]
        before = f"{_STORED}-{stored[0][0]}" if len(stored) >= limit else ""
        return lines + _log_lines(logged), before

    def _forwards(self, view: RunView | None, number: int, earlier: Sequence[LogLine] = ()) -> LogPage:
        """Return earlier lines, then those after a line of the log, as many as fit."""
        end = self._log.end()
        room = MAX_CHUNK - len(earlier)
        found = self._log.lines_after(number, room + 1, run=None if view is None else view.number)
        found = tuple([line for line in found if line.number < end.first])  # later ones are for the next page
        part = found[:room]
        is_latest = len(part) == len(found)
        last = end.first - 1 if is_latest else part[-1].number if part else number
        return LogPage(
            lines=(*earlier, *_log_lines(part)),
            unfinished=_of(view, end.unfinished) if is_latest else (),
            before=f"{self._epoch}-{number + 1}",
            after=f"{self._epoch}-{last}",
            is_latest=is_latest,
            ended=is_latest and view is not None and view.state.ended,
        )

    def _forwards_from_store(self, view: RunView | None, number: int) -> LogPage:
        """Return the lines after a line of the store, then those of the log; after line 0, the first ones."""
        oldest = self._log.oldest()
        lines: list[LogLine] = []
        if view is not None and self._scheduler.recording is not None:
            begin = self._first_logged(view)
            stored = self._scheduler.recording.stored_output(view.number, number, MAX_CHUNK)
            stored = [(row, line) for row, line in stored if line.at < begin]
            lines = [LogLine(line.at, view.job, line.run, line.stream, line.text) for _, line in stored]
            if len(stored) >= MAX_CHUNK:
                return LogPage(
                    lines=tuple(lines),
                    before=f"{_STORED}-{number + 1}" if number else "",
                    after=f"{_STORED}-{stored[-1][0]}",
                    is_latest=False,
                )
        page = self._forwards(view, 0 if oldest is None else oldest.number - 1, lines)
        if number:
            return replace(page, before=f"{_STORED}-{number + 1}")
        return replace(page, before="", lacks_earlier=self._lacks_lines(view))

    def _first_logged(self, view: RunView) -> float:
        """Return when the first line of a run in the log was written; inf if there is none."""
        lines = self._log.lines_after(0, 1, run=view.number) or _of_run(view, self._log.end().unfinished)
        return lines[0].at if lines else math.inf

    def _lacks_lines(self, view: RunView | None) -> bool:
        """Return whether the log has dropped lines, as far as known of this run, that no store has."""
        oldest = self._log.oldest()
        if oldest is None or oldest.number == 1:
            return oldest is None and self._log.end().first > 1
        if view is None:
            return True
        is_stored = self._scheduler.recording is not None
        return not is_stored and view.started is not None and view.started.timestamp() <= oldest.at

    # --- the text of a run ------------------------------------------------------------------------

    def _is_text_longer(self, view: RunView) -> bool:
        """Return whether the text of a run that has ended has more lines than the log, and none is stored."""
        if not view.state.ended or not (self._lacks_lines(view) or self._log.oldest() is None):
            return False
        recording = self._scheduler.recording
        if recording is not None and recording.stored_output(view.number, 0, 1):
            return False
        count = len(self._text_lines(view))
        logged = self._log.lines_after(0, count, run=view.number)
        return count > len(logged) + len(_of_run(view, self._log.end().unfinished))

    def _text_lines(self, view: RunView) -> list[str]:
        text = self._scheduler.output_of(view.number) or ""
        return terminal_lines(text).removesuffix("\n").split("\n") if text else []

    def _read_text(self, view: RunView, number: int, *, before: str | None, after: str | None) -> LogPage:
        """Return a page of a run's text: the latest, or the one that ends before or begins after a line."""
        texts = self._text_lines(view)
        if after is not None:
            begin, end = number, number + MAX_CHUNK
        else:
            end = number - 1 if before else len(texts)
            begin = max(0, end - MAX_CHUNK)
        part = texts[begin : max(0, end)]
        return LogPage(
            lines=tuple([LogLine(None, view.job, view.number, "", text) for text in part]),
            before=f"{_TEXT}-{begin + 1}" if begin else "",
            after=f"{_TEXT}-{begin + len(part)}",
            is_latest=end >= len(texts),
            ended=end >= len(texts),
        )


def _log_lines(lines: Iterable[OutputLine]) -> list[LogLine]:
    return [LogLine(line.at, line.job, line.run, line.stream, line.text) for line in lines]


def _of_run(view: RunView | None, lines: Iterable[OutputLine]) -> list[OutputLine]:
    return [line for line in lines if view is None or line.run == view.number]


def _of(view: RunView | None, lines: Iterable[OutputLine]) -> tuple[LogLine, ...]:
    return tuple(_log_lines(_of_run(view, lines)))
