"""A handful of short runs that one worker does in a row, without the lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from jobtui.engine.records import RunRecord

MAX_BATCH = 64  # runs in one streak: no longer than the worker is trusted to be back in no time
MIN_QUEUE = 8  # runs that wait; for fewer it is not worth its while


class Batch:
    """Runs of one job, and how far their worker has come with them.

    The books do not know how far that is until somebody brings them up to date. Whoever takes the lock does
    that first, and takes back what the worker has not begun. Both are possible at any moment, because the
    worker begins a run by taking it out of `pending`, which is one step that nothing can come between: what
    is not there any more has begun. Neither does it write into a run, which may have been given up meanwhile.

    Args:
        first: Is RUNNING.
        more: Come next, in this order; QUEUED, and in no queue.
        worker: The name of their worker.

    Attributes:
        runs: Those that have begun, once what has not was taken back.
        worker: As it was given.
        hand: Those that have not begun.
        times: Of each run that the worker has left behind, when it ended, in monotonic seconds, and how many
            seconds it took; one after the other.
        entered: How many of these are in the books.
    """

    __slots__ = ("pending", "recorded", "runs", "timings", "worker")

    def __init__(self, first: RunRecord, more: list[RunRecord], worker: str) -> None:
        self.runs = [first, *more]
        self.worker = worker
        self.pending = deque(more)
        self.timings: list[float] = []
        self.recorded = 0

    @property
    def ended(self) -> int:
        """How many runs the worker has left behind."""
        return len(self.timings) // 2

    def endings(self, first: int, last: int) -> Iterator[tuple[float, float]]:
        """The times of some of these, by their indices."""
        timings = self.timings
        return zip(timings[2 * first : 2 * last : 2], timings[2 * first + 1 : 2 * last : 2], strict=True)

    def reclaim(self) -> list[RunRecord]:
        """Take back what the worker has not begun, the last one first; under the lock."""
        back: list[RunRecord] = []
        with suppress(IndexError):  # the worker may take the last one
            while True:
                back.append(self.pending.pop())
        del self.runs[len(self.runs) - len(back) :]
        return back
