"""The scheduler's events, read once for all clients.

A thread of the scheduler only says that there is something to read. It is read in this thread, in turns
that come the less often the more they cost, and waits in a ring: each client has its own place there, and
one that is slow falls behind, is told how much it has lost, and harms nobody.
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

from jobtui.engine.events import Event
from jobtui.engine.tracebacks import log_exception
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.runtime.clock import thread_cpu
from jobtui.runtime.scheduler import Scheduler

KEPT = 2_000  # events, for clients that come back
SLICE = 100  # events that are looked at before other threads have a turn
_SPACING = 0.05  # seconds from one turn to the next
_SPACING_EACH = 0.002  # the same for each client who waits: a hundred have a turn every quarter of a second
_UNSEEN_SPACING = 0.2  # the same while nobody waits
_LONGEST = 1.0
_SHARE = 0.05  # of a core


class EventHub:
    """Reads events in turns and wakes those who wait for them. Of the server's thread, but for `told`.

    Args:
        scheduler: Whose events.
        observe: Is handed every event, in order.

    Attributes:
        epoch: Names this scheduler's life: event numbers of another one mean nothing here.
        seq: The number of the latest event that was read.
    """

    def __init__(self, scheduler: Scheduler, observe: Callable[[Event], None]) -> None:
        self.epoch = secrets.token_hex(4)
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._ring: deque[Event] = deque(maxlen=KEPT)
        self._bell = asyncio.Event()
        self._came = 0  # in the latest turn
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._subscription = scheduler.subscribe(self._tell)
        self.seq = self._subscription.snapshot.seq

    def close(self) -> None:
        """Read no more."""
        self._subscription.close()

    # --- reading ----------------------------------------------------------------------------------

    def _tell(self) -> None:
        # In a thread of the scheduler, once until the next reading.
        with suppress(RuntimeError):  # the server has just stopped
            self._loop.call_soon_threadsafe(self._bell.set)

    async def read_for_ever(self) -> None:
        """Read whenever there is something, and wake those who wait."""
        throttle = AdaptiveThrottle(min_interval=_SPACING, max_interval=_LONGEST, cpu_share=_SHARE)
        while True:
            await self._bell.wait()
            throttle.min_interval = self.spacing
            while rest := throttle.delay(self._loop.time(), thread_cpu()):
                await yield_to_others(rest)
            self._bell.clear()  # before reading: what happens from here on rings again
            throttle.begin(self._loop.time(), thread_cpu())
            try:
                await self._read()
            except Exception:  # noqa: BLE001 - whoever follows would wait for ever
                log_exception("events could not be shown; the page goes on with the next ones")
            waiting, self._waiting = self._waiting, {}
            for client in waiting:
                if not client.done():  # it has gone meanwhile
                    client.set_result(None)

    async def _read(self) -> None:
        excerpt = self._subscription.read()
        self._came = len(excerpt)
        events = iter(excerpt)
        while some := list(islice(events, SLICE)):
            for event in some:
                self._observe(event)
            self._ring.extend(some)
            self.seq = some[-1].seq
            if len(some) == SLICE:
                await yield_to_others()

    # --- for clients ------------------------------------------------------------------------------

    @property
    def spacing(self) -> float:
        """How long it takes from one turn to the next at least, in seconds."""
        return _SPACING + _SPACING_EACH * len(self._waiting) if self._waiting else _UNSEEN_SPACING

    @property
    def tag(self) -> str:
        """Where the broadcast is, for a client that comes back."""
        return self.tag_of(self.seq)

    def tag_of(self, seq: int) -> str:
        """An event's number as clients know it."""
        return f"{self.epoch}-{seq}"

    def seq_of(self, tag: str) -> int | None:
        """The number in a tag of this scheduler's life, else None."""
        epoch, _, seq = tag.partition("-")
        known = epoch == self.epoch and seq.isascii() and seq.isdecimal() and len(seq) < 20  # noqa: PLR2004 - 64 bits
        return int(seq) if known else None

    def after(self, seq: int, most: int) -> Sequence[Event]:
        """The next events after that number that are still there, oldest first, but at most so many.

        In a flood, when more came in the latest turn and others have come since, they are the latest ones:
        who cannot have all shall have news, and all clients the same.
        """
        ring = self._ring
        first = bisect_right(ring, seq, key=_number)
        if self._came > most and self._bell.is_set():
            first = max(first, len(ring) - most)
        return [ring[index] for index in range(first, min(first + most, len(ring)))]

    async def wait_beyond(self, seq: int, seconds: float) -> bool:
        """Wait until an event after that number was read. Returns whether one was, in that time."""
        try:
            async with asyncio.timeout(seconds):
                while self.seq <= seq:
                    turn = self._loop.create_future()
                    self._waiting[turn] = None
                    try:
                        await turn
                    finally:
                        self._waiting.pop(turn, None)
        except TimeoutError:
            return False
        return True


_number = attrgetter("seq")
