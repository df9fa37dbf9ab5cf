"""The progress of one run: the reports of its code, and when the scheduler notes them.

A report costs about a microsecond: it takes no lock, and most reports only store it. The scheduler reads
the latest one when it makes a view, and gets an announcement at most every tenth of a second.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeVar

from jobtui.engine.records import LatestProgress, PackedProgress, RunRecord
from jobtui.process.printable import printable

Item = TypeVar("Item")
Number = int | float

INTERVAL = 0.1  # seconds from one announcement to the next
MAX_TEXT = 200  # characters of the text
_MOST = 10**15  # what is above it is that much: JSON has no larger whole numbers that are exact


class ProgressMeter:
    """Collects the progress that the code of an attempt reports. Any thread may call the methods.

    Args:
        run: The run.
        now: Reads the scheduler's clock.
        announce: Tells the scheduler that the run has progressed; it must be quick and must not block.
        redact: Replaces secrets in the text.

    Attributes:
        attempt: The attempt.
        progress: The latest progress; None before the first report.
        has_open_bar: Whether an object of the code is a bar with a total that is not full.
    """

    __slots__ = (
        "_announce",
        "_is_by_code",
        "_is_tracking",
        "_next",
        "_now",
        "_redact",
        "_run",
        "attempt",
        "has_open_bar",
        "progress",
    )

    def __init__(
        self,
        run: RunRecord,
        now: Callable[[], float],
        announce: Callable[[RunRecord, ProgressMeter], object],
        redact: Callable[[str], str],
    ) -> None:
        self._run = run
        self._now = now
        self._announce = announce
        self._redact = redact
        self._is_tracking = False  # whether a loop reports its progress
        self._next = -math.inf  # when the next report is announced
        self._is_by_code = False  # whether the code reports, and not only its bars do
        self.has_open_bar = False
        self.attempt = run.extras.attempt
        self.progress: LatestProgress | None = None

    def report(self, done: Number, total: Number | None = None, text: str = "") -> None:
        """Report progress.

        Args:
            done: How much is done.
            total: How much there is; None if that is not known.
            text: What the run is doing.

        Raises:
            TypeError: A number or the text is of another type.
        """
        if type(done) is not int or not 0 <= done <= _MOST:
            done = _amount(done, "done")
        if total is not None and (type(total) is not int or not 0 < total <= _MOST):
            total = _amount(total, "total") or None
            if total == _MOST:  # it may be infinite
                total = None
        if type(text) is not str:
            text = _plain_text(text)
        now, progress = self._now(), self.progress
        before = None if progress is None else progress.latest
        if text:
            text = before[2] if before and before[2] == text else self._redact(printable(text))[:MAX_TEXT]
        first, since = (done, now) if before is None or done < before[0] else before[3:5]
        latest: PackedProgress = done, total, text, first, since, now
        if progress is None:
            self.progress = LatestProgress(latest)
        else:
            progress.latest = latest
        if not self._next - INTERVAL <= now < self._next:  # also if the clock was set back
            self._next = now + INTERVAL
            self._announce(self._run, self)

    def report_by_code(self, done: Number, total: Number | None, text: str) -> None:
        """Report progress, as `report` does; from now on, bars in the output do not count."""
        self._is_by_code = True
        self.report(done, total, text)

    def report_bar(self, done: Number, total: Number | None, text: str) -> None:
        """Report the progress that a bar in the output shows, unless the code or an object tells it."""
        if not (self._is_by_code or self._is_tracking or self.has_open_bar):
            self.report(done, total, text)

    def report_object(self, done: Number, total: Number | None, text: str, *, is_open: bool) -> None:
        """Report the progress that an object of the code tells, unless the code reports it."""
        if not (self._is_by_code or self._is_tracking):
            self.report(done, total, text)
            self.has_open_bar = is_open

    def track(self, items: Iterable[Item], total: Number | None, text: str) -> Iterator[Item]:
        """Yield the items, and report after each one that it is done.

        Only the outermost of several loops reports.
        """
        is_outer, self._is_tracking = not self._is_tracking, True
        done = 0
        try:
            if is_outer:
                self.report(0, total, text)
            for item in items:
                yield item
                done += 1
                if is_outer:
                    self.report(done, total, text)
        finally:
            if is_outer:
                self._is_tracking = False

    async def track_async(
        self, items: AsyncIterable[Item], total: Number | None, text: str
    ) -> AsyncIterator[Item]:
        """Yield the items of an asynchronous iterable, as `track` does."""
        is_outer, self._is_tracking = not self._is_tracking, True
        done = 0
        try:
            if is_outer:
                self.report(0, total, text)
            async for item in items:
                yield item
                done += 1
                if is_outer:
                    self.report(done, total, text)
        finally:
            if is_outer:
                self._is_tracking = False


def length_of(items: object) -> int | None:
    """Return the number of items; None if an object does not say so."""
    try:
        return len(items)  # type: ignore[arg-type]
    except TypeError:
        return None


def check_report(total: object, text: object) -> None:
    """Check the arguments of a loop that is tracked, before it begins.

    Raises:
        TypeError: The total is not a number, or the text is not a text.
    """
    if total is not None:
        _amount(total, "total")
    _plain_text(text)


def _plain_text(text: object) -> str:
    if isinstance(text, str):
        return str.__str__(text)  # a subclass may override any method
    raise TypeError(f"text must be a text, not {type(text).__name__}")


def _amount(value: Any, name: str) -> Number:
    """Return a number from 0 to `_MOST` for any number. Nan is 0, as is a number below it.

    Raises:
        TypeError: The value is not a number.
    """
    if isinstance(value, bool | str | bytes) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if isinstance(value, int):
        return max(0, min(value, _MOST))
    number = float(value)
    return 0 if math.isnan(number) else max(0.0, min(number, float(_MOST)))
