"""What is asked of a scheduler by those who look at it, and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING

from jobtui.core.model import JobView, PoolView, Pulse, RunView, Snapshot, Tally
from jobtui.core.records import JobRecord
from jobtui.core.runtime import Runtime
from jobtui.core.subscriptions import Subscription

if TYPE_CHECKING:
    from jobtui.core.engine import Engine

TOGETHER = 200  # jobs that are counted in one hold of the lock
DRAWN_TOGETHER = 20  # jobs that are drawn in one hold of the lock: about a fifth of a millisecond
MOST_COMPARED = 1_000  # names that a wrong name is compared with, because the lock is held meanwhile


class Watching:
    """The part of a scheduler that answers questions."""

    _runtime: Runtime

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        return self._runtime.snapshot()

    def subscribe(self, notify: Callable[[], None] | None = None) -> Subscription:
        """Take a snapshot and get every event after it.

        Args:
            notify: Called after each change, in the thread that made it: it must be quick and must not
                block. What it raises is logged and ends nothing.
        """
        return self._runtime.subscribe(notify)

    def runs_of(self, name: str) -> tuple[RunView, ...]:
        """The latest endings of one job, newest first, at most 20.

        Raises:
            LookupError: There is no such job.
        """
        return self._runtime.query(lambda engine: engine.runs_of(find_job(engine, name)))

    def run_view(self, number: int) -> RunView:
        """The run of that number, wherever it is in its life.

        Raises:
            LookupError: There is none, or it ended so long ago that it is not known any more.
        """
        view = self._runtime.query(lambda engine: engine.run_view(number))
        if view is None:
            raise LookupError(f"nothing is known of run {number}: it never was, or it ended long ago")
        return view

    def output_of(self, number: int) -> str:
        """The tail of what a run printed, while a dashboard collects it; "" if nothing is known of it."""
        output = self._runtime.query(lambda engine: engine.output_of(number))
        return "" if output is None else str(output)

    def pool_view(self) -> PoolView:
        """The pool as it is now."""
        return self._runtime.query(lambda engine: engine.pool.view())

    def tallies(self) -> Iterator[Tally]:
        """How the runs and ticks of each job have ended, in the order of registration.

        Each is exact, and they are taken as you come to them: the lock is held for a few jobs at a time.
        """

        def count(some: list[JobRecord]) -> list[Tally]:
            return self._runtime.query(lambda _: [job.tally() for job in some if not job.removed])

        jobs = self._runtime.query(lambda engine: list(engine.jobs.values()))
        for first in range(0, len(jobs), TOGETHER):
            yield from count(jobs[first : first + TOGETHER])

    def draw(self) -> Iterator[None]:
        """Draw what has changed of the jobs, a few more whenever you come to the next.

        A snapshot draws all of them in one hold of the lock. After this there is little left for it to do.
        """

        def draw(some: list[JobRecord]) -> None:
            self._runtime.query(lambda engine: [engine.job_view(job) for job in some if not job.removed])

        jobs = self._runtime.query(lambda engine: list(engine.jobs.values()))
        changed = [job for job in jobs if job.picture is None]
        for first in range(0, len(changed), DRAWN_TOGETHER):
            draw(changed[first : first + DRAWN_TOGETHER])
            yield

    def pulse(self) -> Pulse:
        """Whether it is alive. It never waits, whatever hangs."""
        return self._runtime.pulse()

    def view(self, record: JobRecord) -> JobView:
        """What a `Job` is asked about; for its use."""
        return self._runtime.view(record)


def find_job(engine: Engine, name: str) -> JobRecord:
    """The engine's record of a job.

    Raises:
        LookupError: There is none; the message names the nearest ones.
    """
    try:
        return engine.jobs[name]
    except KeyError:
        names = islice(engine.jobs, MOST_COMPARED)
        near = get_close_matches(str(name)[:80], names, n=3)
        raise LookupError(
            f"there is no job {name!r}" + (f"; near: {', '.join(near)}" if near else "")
        ) from None
