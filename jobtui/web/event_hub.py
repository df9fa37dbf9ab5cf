"""The scheduler's events, read once for all clients.

The scheduler's threads only signal that there are new events. The server's event loop reads them in rounds,
which are spaced further apart the more they cost, into a ring buffer of the latest events. Each client
keeps its own position in the buffer, so a slow client does not delay the others: it loses the oldest events
and learns how many.
"""

from __future__ import annotations

import asyncio
import secrets
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from operator import attrgetter

from jobtui.engine.events import Event, memory_of_event
from jobtui.engine.tracebacks import log_exception
from jobtui.frontend.backend import ObservableBackend
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.runtime.clock import thread_cpu

BUFFER_SIZE = 2_000  # events, for clients that reconnect
CHUNK = 100  # events that are observed before other threads may run
_SPACING = 0.05  # seconds from one round to the next, while clients wait
_SPACING_PER_CLIENT = 0.002  # seconds more for each: a hundred clients get a round every quarter of a second
_IDLE_SPACING = 0.2  # seconds from one round to the next, while no client waits
_MAX_SPACING = 1.0  # seconds
_CPU_SHARE = 0.05  # of one core


class EventHub:
    """Reads events in rounds and wakes the clients that wait for them.

    Belongs to the server's event loop: create it there, and call it from no other thread.

    Args:
        backend: The scheduler whose events to read.
        observe: Called with every event, in order.
        limit: How much memory the buffered events may take, in bytes; the latest one is buffered in any case.

    Attributes:
        epoch: Identifies this lifetime of the scheduler: event numbers mean nothing in another one.
        seq: The number of the latest event in the buffer.
    """

    def __init__(
        self, backend: ObservableBackend, observe: Callable[[Event], None], limit: int = 16_000_000
    ) -> None:
        self.epoch = secrets.token_hex(4)
        self._backend = backend
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._buffer: deque[Event] = deque()
        self._sizes: deque[int] = deque()  # bytes that each buffered event takes
        self._limit = limit
        self._size = 0  # bytes
        self._news = asyncio.Event()
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._subscription = backend.subscribe(self._on_news)
        self.seq = self._subscription.snapshot.seq

    def close(self) -> None:
        """Unsubscribe from the scheduler."""
        self._subscription.close()

    # --- reading ----------------------------------------------------------------------------------

    def _on_news(self) -> None:
        # Called in a thread of the scheduler, once until the next read.
        with suppress(RuntimeError):  # the server has just stopped
            self._loop.call_soon_threadsafe(self._news.set)

    async def read_forever(self) -> None:
        """Read events as they occur, and wake the waiting clients after each round."""
        throttle = AdaptiveThrottle(_SPACING, _MAX_SPACING, _CPU_SHARE)
        while True:
            await self._news.wait()
            throttle.min_interval = self.spacing
            while delay := throttle.delay(self._loop.time(), thread_cpu()):
                await yield_to_others(delay)
            self._news.clear()  # before reading, so that later events set it again
            throttle.begin(self._loop.time(), thread_cpu())
            try:
                await self._read_round()
            except Exception:  # noqa: BLE001 - otherwise the clients would wait forever
                log_exception("events could not be read; the server continues with the next ones")
            waiters, self._waiters = self._waiters, {}
            for waiter in waiters:
                if not waiter.done():  # the client may have disconnected
                    waiter.set_result(None)

    async def _read_round(self) -> None:
        events = iter(self._subscription.read())
        while chunk := list(islice(events, CHUNK)):
            for event in chunk:
                self._observe(event)
                self._buffer.append(event)
                self._sizes.append(memory_of_event(event))
                self._size += self._sizes[-1]
            while len(self._buffer) > 1 and (len(self._buffer) > BUFFER_SIZE or self._size > self._limit):
                self._buffer.popleft()
                self._size -= self._sizes.popleft()
            self.seq = chunk[-1].seq
            if len(chunk) == CHUNK:
                await yield_to_others()

    # --- for clients ------------------------------------------------------------------------------

    @property
    def spacing(self) -> float:
        """The least time from one round to the next, in seconds."""
        return _SPACING + _SPACING_PER_CLIENT * len(self._waiters) if self._waiters else _IDLE_SPACING

    def tag_of(self, seq: int) -> str:
        """Return an event's number as clients know it, with the epoch."""
        return f"{self.epoch}-{seq}"

    def seq_of(self, tag: str) -> int | None:
        """Return the number in a tag; None if the tag is malformed or from another epoch."""
        epoch, _, seq = tag.partition("-")
        valid = epoch == self.epoch and seq.isascii() and seq.isdecimal() and len(seq) < 20  # noqa: PLR2004 - 64 bits
        return int(seq) if valid else None

    def events_after(self, seq: int, limit: int) -> Sequence[Event]:
        """Return the next buffered events after a number, oldest first.

        If so many new events have occurred that the next round will push some of the client's remaining
        events out of the buffer anyway, return the latest ones instead: a client that cannot get all events
        gets recent ones, and all such clients get the same.

        Args:
            seq: The number of the last event that the client has.
            limit: How many events to return at most.
        """
        buffer = self._buffer
        first = bisect_right(buffer, seq, key=attrgetter("seq"))
        left_over = len(buffer) - first - limit
        unread = self._backend.liveness().seq - self.seq
        if left_over > 0 and left_over + unread > BUFFER_SIZE:
            first = len(buffer) - limit
        return [buffer[index] for index in range(first, min(first + limit, len(buffer)))]

    async def wait_for_newer(self, seq: int, seconds: float) -> bool:
        """Wait until an event after a number is in the buffer. Returns False after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self.seq <= seq:
                    waiter = self._loop.create_future()
                    self._waiters[waiter] = None
                    try:
                        await waiter
                    finally:
                        self._waiters.pop(waiter, None)
        except TimeoutError:
            return False
        return True
