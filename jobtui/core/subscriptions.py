"""How readers follow a scheduler without ever holding it up."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from jobtui.core.events import Event
from jobtui.core.model import Snapshot
from jobtui.core.tracebacks import report

CAPACITY = 10_000


class Subscription:
    """A bounded queue of events that begins where its snapshot ends.

    A reader that falls behind loses the oldest events, sees so in ``lost``, and reads the
    scheduler's snapshot again.

    Attributes:
        snapshot: The scheduler at the moment of subscribing; the first event has the next number.
        lost: How many events were dropped because nobody read them.
    """

    def __init__(
        self, snapshot: Snapshot, notify: Callable[[], None] | None, close: Callable[[Subscription], None]
    ) -> None:
        self.snapshot = snapshot
        self.lost = 0
        self._events: deque[Event] = deque(maxlen=CAPACITY)
        self._notify = notify
        self._close = close

    def read(self) -> list[Event]:
        """Take out the events that have come, oldest first; [] if there are none."""
        taken: list[Event] = []
        try:
            while True:
                taken.append(self._events.popleft())
        except IndexError:
            return taken

    def close(self) -> None:
        """Get no more events."""
        self._close(self)

    def put(self, events: list[Event]) -> None:
        """Append what happened. Called by the scheduler, under its lock, so it only appends."""
        overflow = len(self._events) + len(events) - CAPACITY
        if overflow > 0:
            self.lost += overflow
        self._events.extend(events)

    def notify(self) -> None:
        """Tell the reader that there is something to read. Called by the scheduler, not under its lock."""
        if self._notify is None:
            return
        try:
            self._notify()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # the user pressed Ctrl-C, and Python happened to be here
            report("a subscriber raised; the scheduler goes on")
