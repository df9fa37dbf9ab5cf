"""Subscriptions: how a reader follows a scheduler's events without slowing the scheduler down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from jobtui.engine.engine import Engine
from jobtui.engine.event_log import EventBatch
from jobtui.engine.events import Event
from jobtui.engine.tracebacks import log_exception
from jobtui.engine.views import Snapshot

Result = TypeVar("Result")


class _Inspect(Protocol):
    """Calls a function with the engine, while the state lock is held."""

    def __call__(self, question: Callable[[Engine], Result], /) -> Result: ...


class Subscription:
    """A reader's position in the event log. It begins where the subscription's snapshot ends.

    The log is bounded. A reader that falls behind loses the oldest events, and `lost` says how many; it can
    then take a new snapshot of the scheduler. Thread-safe.

    Args:
        snapshot: The scheduler at the moment of subscribing.
        engine: Has the events.
        inspect: Calls a function while the state lock is held.
        notify: Called when there are events to read, once until the reader reads them; None for never.
        close: Called with this subscription and the state lock held, to unsubscribe it.

    Attributes:
        snapshot: The scheduler at the moment of subscribing; the first event has the next number.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        engine: Engine,
        inspect: _Inspect,
        *,
        notify: Callable[[], None] | None,
        close: Callable[[Subscription], None],
    ) -> None:
        self.snapshot = snapshot
        self._engine = engine
        self._inspect = inspect
        self._notify = notify
        self._close = close
        self._position = snapshot.seq
        self._lost = 0
        self._remainder: EventBatch | None = None  # the unread events at the time of `close`
        self._await_change()

    @property
    def lost(self) -> int:
        """The number of events that have been dropped because this subscription did not read them in time."""

        def count(_: object) -> int:
            unread = 0 if self._remainder is not None else self._engine.events_lost_since(self._position)
            return self._lost + unread

        return self._inspect(count)

    def read(self) -> Sequence[Event]:
        """Return the new events, oldest first, and remove them from this subscription.

        Each event is built when the sequence is iterated over: iterate once, or make a list of it.
        """
        return self._inspect(lambda _: self._take())

    def close(self) -> None:
        """Unsubscribe. Events that were not read yet can still be read once."""

        def close(_: object) -> None:
            if self._remainder is None:
                self._remainder = self._take()
                self._close(self)

        self._inspect(close)

    def _take(self) -> EventBatch:
        """Take the unread events out. Call with the state lock held."""
        engine = self._engine
        if self._remainder is not None:
            events, self._remainder = self._remainder, engine.events_since(engine.seq)
            return events
        self._await_change()
        self._lost += engine.events_lost_since(self._position)
        events = engine.drain_events_since(self._position)
        self._position = engine.seq
        return events

    def _await_change(self) -> None:
        """Ask to be notified of the next change, if there is a `notify`. Call with the state lock held."""
        self._notified = self._notify is None

    def needs_notification(self) -> bool:
        """Whether `notify` must be called now. Call with the state lock held."""
        return not self._notified and self._position != self._engine.seq

    def mark_notified(self) -> None:
        """Note that `notify` will be called. Call with the state lock held."""
        self._notified = True

    def notify(self) -> None:
        """Notify the reader that there are events to read. Call without the state lock."""
        assert self._notify is not None  # else `needs_notification` is never True
        self._notify()


class Observers:
    """The subscriptions and listeners of a scheduler. Call with the state lock held.

    Args:
        engine: Has the events.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._subscriptions: tuple[Subscription, ...] = ()
        self._listeners: tuple[Callable[[], None], ...] = ()  # called after every change
        self._announced_seq = 0  # the number of the latest event when the listeners were called

    def add(self, subscription: Subscription) -> None:
        """Add a subscription."""
        self._set_subscriptions((*self._subscriptions, subscription))

    def remove(self, subscription: Subscription) -> None:
        """Remove a subscription, if it is there."""
        self._set_subscriptions(tuple(each for each in self._subscriptions if each is not subscription))

    def _set_subscriptions(self, subscriptions: tuple[Subscription, ...]) -> None:
        self._subscriptions = subscriptions
        self._engine.set_reader_count(len(subscriptions))

    def add_listener(self, listen: Callable[[], None]) -> None:
        """Add a function that is called after every change."""
        self._listeners += (listen,)

    def remove_listener(self, listen: Callable[[], None]) -> None:
        """Remove a listener, if it is there."""
        self._listeners = tuple(each for each in self._listeners if each is not listen)

    def collect(self, calls: list[Callable[[], None]]) -> None:
        """Append the functions that must be called after the current change."""
        for subscription in self._subscriptions:
            if subscription.needs_notification():
                calls.append(subscription.notify)
                subscription.mark_notified()
        if self._listeners and self._announced_seq != self._engine.seq:
            calls.extend(self._listeners)
            self._announced_seq = self._engine.seq


def call_listener(listen: Callable[[], None]) -> None:
    """Tell a listener of the user about a change. Call without the state lock."""
    try:
        listen()
    except BaseException:  # noqa: BLE001 - it must end neither the thread nor the other notifications
        log_exception("a subscriber raised an exception; the scheduler continues")
