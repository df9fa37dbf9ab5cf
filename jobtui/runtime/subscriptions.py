"""How readers follow a scheduler without ever holding it up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from jobtui.engine.engine import Engine
from jobtui.engine.event_log import EventBatch, EventLog
from jobtui.engine.events import Event
from jobtui.engine.tracebacks import report
from jobtui.engine.views import Snapshot

Answer = TypeVar("Answer")


class Hold(Protocol):
    """Answers a question about the engine, under the scheduler's lock."""

    def __call__(self, question: Callable[[Engine], Answer], /) -> Answer:
        """Ask."""
        ...


class Subscription:
    """A place on the journal's tape that begins where its snapshot ends.

    The tape is bounded. A reader that falls behind loses the oldest events, sees so in ``lost``, and
    reads the scheduler's snapshot again.

    Args:
        snapshot: The scheduler at the moment of subscribing.
        journal: What to follow.
        hold: Answers a question about the engine, under the scheduler's lock.
        notify: Called when something has happened since the reader read.
        close: Called to be forgotten, under the lock.

    Attributes:
        snapshot: The scheduler at the moment of subscribing; the first event has the next number.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        journal: EventLog,
        hold: Hold,
        *,
        notify: Callable[[], None] | None,
        close: Callable[[Subscription], None],
    ) -> None:
        self.snapshot = snapshot
        self._journal = journal
        self._hold = hold
        self._notify = notify
        self._close = close
        self._seen = snapshot.seq
        self._lost = 0
        self._last: EventBatch | None = None  # what was left to read when it was closed
        self._told = notify is None  # that there is something to read
        journal.pressing |= not self._told

    @property
    def lost(self) -> int:
        """How many events were dropped because nobody read them."""
        return self._hold(
            lambda _: self._lost + (0 if self._last is not None else self._journal.lost_after(self._seen))
        )

    def read(self) -> Sequence[Event]:
        """Take out the events that have come.

        Returns:
            They are in order, oldest first. Each is drawn when you come to it: go through them once, or
            make a list of them.
        """
        return self._hold(lambda _: self._take())

    def skip(self) -> None:
        """Let what has come pass unread; for those who look at a snapshot instead."""

        def skip(_: object) -> Sequence[Event]:
            skipped = self._journal.take_after(self._seen)
            self._seen = self._journal.seq
            self._told = self._notify is None
            self._journal.pressing |= not self._told
            return skipped  # thousands, perhaps: they are given back to Python when the lock is free

        self._hold(skip)

    def close(self) -> None:
        """Get no more events; what has come can still be read."""

        def close(_: object) -> None:
            if self._last is None:
                self._last = self._take()
                self._close(self)

        self._hold(close)

    def _take(self) -> EventBatch:
        """Take what is left to read; under the lock."""
        journal = self._journal
        if self._last is not None:
            excerpt, self._last = self._last, journal.after(journal.seq)
            return excerpt
        self._told = self._notify is None
        journal.pressing |= not self._told
        self._lost += journal.lost_after(self._seen)
        excerpt = journal.take_after(self._seen)
        self._seen = journal.seq
        return excerpt

    def needs_notification(self) -> bool:
        """Whether the reader is to be told of a change: once, until it reads. Under the lock."""
        if self._told:
            return False
        if self._seen == self._journal.seq:
            self._journal.pressing = True
            return False
        self._told = True
        return True

    def notify(self) -> None:
        """Tell the reader that there is something to read. Called by the scheduler, not under its lock."""
        assert self._notify is not None  # or nothing was ever due
        try:
            self._notify()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # the user pressed Ctrl-C, and Python happened to be here
            report("a subscriber raised; the scheduler goes on")
