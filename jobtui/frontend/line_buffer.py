"""The lines that a log view has in memory: consecutive pages, a bounded number of lines, filtered."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field, replace

from jobtui.frontend.backend import LogLine, LogPage
from jobtui.frontend.log_view import LineFilter, LineSearch
from jobtui.runtime.output_log import MAX_CHUNK

MAX_LINES = 50_000  # in memory
_GAP = LogLine(None, "", 0, "", "[lines in between are not kept any more]")


@dataclass(slots=True)
class _HeldPage:
    """The lines of one page, or of several small ones, with the positions around them."""

    before: str
    after: str
    lines: list[LogLine]
    shown: int = 0  # how many of them the filter admits


@dataclass(slots=True)
class LineBuffer:
    """Consecutive lines of output, of which a filter shows some.

    The shown lines have consecutive indices, from `first` on. An index keeps its line while pages are added
    at either end, so that a view stays where it is; only another filter gives lines other indices.

    Attributes:
        most: How many lines are held at most; a page at one end displaces those at the other.
        filter: Chooses the lines that are shown.
        first: The index of the first shown line; it may be negative.
        matches: The indices of the lines that match the search, ascending; without unfinished lines.
        is_latest: Whether the lines reach to the latest one.
        ended: Whether there will be no later lines.
        version: Changes whenever shown lines change.
        lacks_earlier: Whether lines may have been written before the first one that are not kept.
    """

    most: int = MAX_LINES
    filter: LineFilter = field(default_factory=LineFilter)
    first: int = 0
    matches: list[int] = field(default_factory=list)
    is_latest: bool = False
    ended: bool = False
    version: int = 0
    lacks_earlier: bool = False
    _search: LineSearch | None = None
    _parts: deque[_HeldPage] = field(default_factory=deque)
    _shown: list[LogLine] = field(default_factory=list)
    _unfinished: list[LogLine] = field(default_factory=list)
    _all_unfinished: tuple[LogLine, ...] = ()
    _size: int = 0

    # --- reading ----------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """The index after the last shown line, with the unfinished ones."""
        return self.first + len(self._shown) + len(self._unfinished)

    @property
    def before(self) -> str:
        """The position before all lines; "" if no earlier line is kept."""
        return self._parts[0].before if self._parts else ""

    @property
    def after(self) -> str:
        """The position after all lines."""
        return self._parts[-1].after if self._parts else ""

    @property
    def is_full(self) -> bool:
        """Whether another page displaces lines."""
        return self._size >= self.most

    def row(self, index: int) -> LogLine:
        """Return the shown line at an index from `first` to before `end`."""
        place = index - self.first
        return self._shown[place] if place < len(self._shown) else self._unfinished[place - len(self._shown)]

    def next_match(self, index: int, step: int) -> int | None:
        """Return the index of the next line that matches, after (1) or before (-1) an index; None if none."""
        place = bisect_left(self.matches, index + (step > 0))
        if step < 0:
            place -= 1
        return self.matches[place] if 0 <= place < len(self.matches) else None

    def match_number(self, index: int) -> int | None:
        """Return the number of a line among those that match, counted from 1; None if it does not match."""
        place = bisect_left(self.matches, index)
        return place + 1 if self.matches[place : place + 1] == [index] else None

    # --- pages ------------------------------------------------------------------------------------

    def reset(self, page: LogPage) -> None:
        """Hold only the lines of a page."""
        self.version += 1
        self._parts.clear()
        self._shown.clear()
        self.matches.clear()
        self._size = self.first = 0
        self.lacks_earlier = page.lacks_earlier
        self.append(page)

    def append(self, page: LogPage) -> None:
        """Add the page after the lines; if it does not continue them, after a line that says so."""
        self.version += bool(page.lines or page.unfinished != self._all_unfinished)
        if not page.continues:
            page = replace(page, lines=(_GAP, *page.lines))
        last = self._parts[-1] if self._parts else None
        if last is None or len(last.lines) + len(page.lines) > MAX_CHUNK:
            last = _HeldPage(page.before, page.after, [])
            self._parts.append(last)
        last.after = page.after
        last.lines += page.lines
        shown = self._admitted(page.lines)
        last.shown += len(shown)
        end = self.first + len(self._shown)
        self._shown += shown
        self._size += len(page.lines)
        self.matches += self._matches_in(shown, end)
        self.is_latest, self.ended = page.is_latest, page.ended
        self._set_unfinished(page.unfinished)
        while self._size > self.most and len(self._parts) > 1:
            dropped = self._parts.popleft()
            self._size -= len(dropped.lines)
            del self._shown[: dropped.shown]
            self.first += dropped.shown
            del self.matches[: bisect_left(self.matches, self.first)]
            self.lacks_earlier = False

    def prepend(self, page: LogPage) -> None:
        """Add the page before the lines, unless those are not kept any more."""
        if not page.continues:
            self._parts[0].before = ""
            self.lacks_earlier = True
            return
        self.version += 1
        shown = self._admitted(page.lines)
        self._parts.appendleft(_HeldPage(page.before, page.after, list(page.lines), len(shown)))
        self._shown[:0] = shown
        self._size += len(page.lines)
        self.first -= len(shown)
        self.matches[:0] = self._matches_in(shown, self.first)
        self.lacks_earlier = page.lacks_earlier
        while self._size > self.most and len(self._parts) > 1:
            dropped = self._parts.pop()
            self._size -= len(dropped.lines)
            if dropped.shown:
                del self._shown[-dropped.shown :]
            del self.matches[bisect_left(self.matches, self.first + len(self._shown)) :]
            self.is_latest = self.ended = False
            self._set_unfinished(())

    # --- filter and search ------------------------------------------------------------------------

    def set_filter(self, line_filter: LineFilter, index: int) -> int:
        """Show other lines. Return the index of the line that was at `index`, or of the next shown one."""
        around = self.row(index) if self.first <= index < self.end else None
        self.filter = line_filter
        self._shown, found = [], None
        for part in self._parts:
            part.shown = 0
            for line in part.lines:
                if line is around:
                    found = len(self._shown)
                if line_filter.admits(line):
                    self._shown.append(line)
                    part.shown += 1
        self._set_unfinished(self._all_unfinished)
        self.set_search(self._search)
        return max(
            self.first,
            min(self.first + len(self._shown) if found is None else self.first + found, self.end - 1),
        )

    def set_search(self, search: LineSearch | None) -> None:
        """Find the lines that match a search; None finds none."""
        self._search = search
        self.matches = self._matches_in(self._shown, self.first)

    def _admitted(self, lines: tuple[LogLine, ...]) -> list[LogLine]:
        return list(lines if self.filter.admits_all else filter(self.filter.admits, lines))

    def _matches_in(self, shown: list[LogLine], first: int) -> list[int]:
        search = self._search
        return [] if search is None else search.places((line.text for line in shown), first)

    def _set_unfinished(self, lines: tuple[LogLine, ...]) -> None:
        self._all_unfinished = lines
        self._unfinished = self._admitted(lines)
