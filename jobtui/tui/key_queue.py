"""Deliver keys one at a time, each to the widget that has the focus after the effects of the one before it.

Textual forwards a key to the widget that has the focus when the app receives the key. Keys arrive faster than
widgets handle them if they are typed ahead, sent by a slow connection or by a program: `/` has not moved the
focus to the filter yet when the app receives the text after it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.events import Event

MAX_PASSES = 20  # over the message queues, so that a widget that posts messages all the time stops no key
MAX_WAIT = 1.0  # seconds for one message queue; a widget that is being removed does not answer


class KeyQueue:
    """Holds keys, and other input after them, until the app has handled everything that came before.

    Args:
        app: The app.
        deliver: Gives an event to the widget that has the focus.

    Attributes:
        is_busy: Whether events are waiting or being delivered.
    """

    def __init__(self, app: App[Any], deliver: Callable[[Event], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._events: deque[Event] = deque()
        self.is_busy = False

    def put(self, event: Event) -> None:
        """Add an event. Call in the app's thread only."""
        self._events.append(event)
        self._start()

    def put_first(self, events: Sequence[Event]) -> None:
        """Add events before those that wait. Call in the app's thread only."""
        self._events.extendleft(reversed(events))
        self._start()

    def _start(self) -> None:
        if not self.is_busy:
            self.is_busy = True
            self._app.run_worker(self._deliver_all(), group="keys")

    async def _deliver_all(self) -> None:
        try:
            while self._events:
                await self._earlier_messages_handled()
                await self._deliver(self._events.popleft())
        finally:
            self.is_busy = False

    async def _earlier_messages_handled(self) -> None:
        """Wait until no message is pending on the way from the focused widget to the app.

        A message may post others: a widget bubbles them to its parents, and they may open a screen.
        """
        for _ in range(MAX_PASSES):
            nodes = (self._app.focused or self._app.screen).ancestors_with_self
            were_empty = not any(node.message_queue_size for node in nodes)
            for node in nodes:
                reached = asyncio.Event()
                if node.call_later(reached.set):  # not if it is closing
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reached.wait(), MAX_WAIT)
            if were_empty and nodes == (self._app.focused or self._app.screen).ancestors_with_self:
                return
