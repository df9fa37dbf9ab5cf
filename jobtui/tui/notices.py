"""The messages of the dashboard to its user: what a command did, and why one failed.

They take the last row of the screen for some seconds, in place of the keys, so that they cover no data.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

Severity = Literal["information", "warning", "error"]

MAX_KEPT = 200  # messages
_SECONDS: dict[Severity, float] = {"information": 4.0, "warning": 6.0, "error": 6.0}
_SIGNS: dict[Severity, str] = {"information": "", "warning": "! ", "error": "✗ "}


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes:
        at: When it was shown.
        severity: How bad the news is.
        text: The message, without a line break.
        times: How often it came in a row.
    """

    at: datetime
    severity: Severity
    text: str
    times: int = 1

    @property
    def line(self) -> str:
        """The message with the sign of its severity, and how often it came."""
        repeated = f" ({self.times} times)" if self.times > 1 else ""
        return f"{_SIGNS[self.severity]}{self.text}{repeated}"


@dataclass(frozen=True, slots=True)
class ShownNotices:
    """The messages that the last row shows now.

    Attributes:
        notices: An error that the user may not have read, and then the latest message; or one of them.
        earlier: How many messages they have pushed out since the row was last free.
    """

    notices: tuple[Notice, ...] = ()
    earlier: int = 0


@dataclass(eq=False)
class NoticeLog:
    """Keeps the latest messages, and says which of them to show. Instants are seconds of a monotonic clock.

    A message goes after some seconds. An error also waits for a key, and a later message does not replace it
    before: the user may look elsewhere.

    Attributes:
        kept: The latest messages, oldest first.
    """

    kept: deque[Notice] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    _latest: Notice | None = None
    _error: Notice | None = None  # the latest error, as long as it is shown
    _until: dict[Notice, float] = field(default_factory=dict)  # when each of these two goes
    _is_error_read: bool = False  # whether a key came after the error
    _earlier: int = 0

    def add(self, notice: Notice, now: float) -> None:
        """Keep a message, and show it."""
        before = self.shown(now)
        previous = self.kept[-1] if self.kept else None
        if previous is not None and (previous.severity, previous.text) == (notice.severity, notice.text):
            notice = replace(notice, times=previous.times + 1)
            before = replace(before, notices=tuple(each for each in before.notices if each != previous))
            self.kept.pop()
        self.kept.append(notice)
        until = now + _SECONDS[notice.severity]
        self._latest = notice
        if notice.severity == "error":
            self._error, self._is_error_read = notice, False
        self._until = {**self._until, notice: until}
        hidden = [each for each in before.notices if each is not self._error]
        self._earlier = before.earlier + len(hidden)

    def note_key(self) -> None:
        """Note that the user pressed a key, and so has seen the error."""
        self._is_error_read = True

    def shown(self, now: float) -> ShownNotices:
        """Return what to show now."""
        if self._latest is not None and now >= self._until[self._latest]:
            self._latest = None
        if self._error is not None and self._is_error_read and now >= self._until[self._error]:
            self._error = None
        notices = tuple(dict.fromkeys(each for each in (self._error, self._latest) if each is not None))
        self._until = {each: self._until[each] for each in notices}
        self._earlier = self._earlier if notices else 0
        return ShownNotices(notices, self._earlier)

    @property
    def due(self) -> float | None:
        """The instant at which the next of the shown messages goes by itself; None for never."""
        waiting = self._error if self._error is not None and not self._is_error_read else None
        return min((until for each, until in self._until.items() if each is not waiting), default=None)
