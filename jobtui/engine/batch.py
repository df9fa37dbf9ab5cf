"""Batches: short runs that one worker executes in a row, without taking the state lock in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from jobtui.engine.records import RunRecord

MAX_BATCH = 64  # runs; with runs of at most 20 us, the worker reports within about 1 ms
MIN_QUEUE = 8  # queued runs; for fewer a batch does not pay


class Batch:
    """Consecutive runs of one job, and how far their worker has got.

    The engine's state lags behind the worker. Every holder of the state lock must first call
    `Pool.record_batch`, which records the finished runs and returns the unstarted ones to the queue. That is
    possible at any moment: the worker claims a run with `deque.popleft()`, which is atomic, so a run that is
    no longer in `pending` has started. The worker does not write to the runs, since a run may have been given
    up in the meantime.

    Args:
        first: The first run; it is RUNNING.
        more: The next runs, in order; they are QUEUED, but not in the queue.
        worker: The name of the worker.

    Attributes:
        runs: All runs of the batch, without those that have been reclaimed.
        worker: The name of the worker.
        pending: The runs that the worker has not claimed.
        timings: Two numbers for each finished run: when it ended, in monotonic seconds, and how many seconds
            it took.
        recorded: How many of the finished runs are recorded in the engine's state.
    """

    __slots__ = ("pending", "recorded", "runs", "timings", "worker")

    def __init__(self, first: RunRecord, more: list[RunRecord], worker: str) -> None:
        self.runs = [first, *more]
        self.worker = worker
        self.pending = deque(more)
        self.timings: list[float] = []
        self.recorded = 0

    @property
    def finished(self) -> int:
        """The number of runs that the worker has finished."""
        return len(self.timings) // 2

    def timings_between(self, first: int, last: int) -> Iterator[tuple[float, float]]:
        """Yield the end and the duration of the runs from index ``first`` up to, not including, ``last``."""
        timings = self.timings
        return zip(timings[2 * first : 2 * last : 2], timings[2 * first + 1 : 2 * last : 2], strict=True)

    def reclaim(self) -> list[RunRecord]:
        """Take back and return the unclaimed runs, the last one first. Call with the state lock held."""
        reclaimed: list[RunRecord] = []
        with suppress(IndexError):  # the worker may claim the last one at the same time
            while True:
                reclaimed.append(self.pending.pop())
        del self.runs[len(self.runs) - len(reclaimed) :]
        return reclaimed
