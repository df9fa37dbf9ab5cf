"""Observation: snapshots, subscriptions and listeners of a scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jobtui.engine.engine import Engine
from jobtui.engine.views import Snapshot
from jobtui.runtime.kernel import Command, Kernel, Result
from jobtui.runtime.subscriptions import Subscription

VIEWS_PER_HOLD = 100  # jobs whose views are built in one hold of the lock: about 0.4 ms
REFRESHES = 10  # of the views before a snapshot, if many jobs change all the time


class Observation:
    """Takes snapshots, and adds subscriptions and listeners.

    Args:
        kernel: Makes the changes.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def refresh_views(self) -> Iterator[None]:
        """Build the views of the jobs that have changed, a few at each step of the iteration."""
        changed = self._kernel.inspect(Engine.changed_jobs)
        for first in range(0, len(changed), VIEWS_PER_HOLD):
            jobs = changed[first : first + VIEWS_PER_HOLD]
            self._kernel.inspect(lambda engine, jobs=jobs: engine.build_views(jobs))  # type: ignore[misc]
            yield

    def snapshot(self) -> Snapshot:
        """Return the current view of the whole scheduler."""
        return self._apply_to_fresh_views(Engine.snapshot)

    def _apply_to_fresh_views(self, command: Command[Result]) -> Result:
        """Apply a command that takes a snapshot, when the views of most jobs have been built.

        So the lock is held for a few views at a time. All parts of the snapshot are of the same moment, since
        the views of the jobs that have changed again are built when it is taken.
        """

        def apply_unless_many_changed(engine: Engine, now: float) -> list[Result]:
            return [] if len(engine.changed_jobs()) > VIEWS_PER_HOLD else [command(engine, now)]

        for _ in range(REFRESHES):
            for result in self._kernel.apply(apply_unless_many_changed):
                return result
            for _ in self.refresh_views():
                pass
        return self._kernel.apply(command)

    def subscribe(self, notify: Callable[[], None] | None) -> Subscription:
        """Take a snapshot and subscribe to every event after it, in the same hold of the lock."""
        observers = self._kernel.observers

        def subscribe(engine: Engine, now: float) -> Subscription:
            subscription = Subscription(
                engine.snapshot(now),
                engine,
                self._kernel.inspect,
                notify=notify,
                close=observers.remove,
            )
            observers.add(subscription)
            return subscription

        return self._apply_to_fresh_views(subscribe)

    def on_change(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call a function after every change. Return the function that ends this."""
        observers = self._kernel.observers

        def listen() -> None:  # of its own identity, because the same function may be given twice
            notify()

        self._kernel.apply(lambda _engine, _now: observers.add_listener(listen))
        return lambda: self._kernel.apply(lambda _engine, _now: observers.remove_listener(listen))
