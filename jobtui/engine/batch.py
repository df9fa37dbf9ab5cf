"""Batches: short runs that one worker executes one after the other, and hands in together."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from jobtui.engine.enums import RunState
from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.records import RunRecord

MAX_BATCH = 64  # runs
EVENT_LOOP = "asyncio"  # the name of the worker that executes the coroutines of every batch
BATCH_SECONDS = 0.001  # a batch has as many runs as are expected to take this long together
# The longest run that is executed in a batch, in seconds. A batch saves about 5 us for each run, which pays
# only for runs that are hardly longer than that.
SHORT_RUN = 0.0001


class Batch:
    """The runs that a worker has taken in one hold of the state lock.

    All of them are RUNNING and take a slot each. Two threads take runs out of `pending`, each with one atomic
    call: the worker from the left, to execute them, and the holder of the state lock from the right, to leave
    them to other workers. So each run is executed once, as long as the GIL makes these calls atomic.

    Args:
        taken: When the worker takes the runs, in seconds since the epoch.

    Attributes:
        coroutines: The runs for the event loop, in the order of the queue. The loop takes them from the left.
        runs: All other runs of the batch, in the order of the queue.
        pending: The runs after the first whose execution has not begun.
        taken: When the worker took the runs, in seconds since the epoch.
        begun: Whether the worker has begun to execute the first run.
    """

    __slots__ = ("begun", "coroutines", "pending", "runs", "taken")

    def __init__(self, taken: float) -> None:
        self.coroutines: deque[RunRecord] = deque()
        self.runs: list[RunRecord] = []
        self.pending: deque[RunRecord] = deque()
        self.taken = taken
        self.begun = False


def expected_seconds(last_elapsed: float | None) -> float:
    """Return how much of a batch's time a run takes; `BATCH_SECONDS` if it is not known to be short.

    Args:
        last_elapsed: How many seconds the latest run of its job took; None if none has ended.
    """
    if last_elapsed is None or last_elapsed > SHORT_RUN:
        return BATCH_SECONDS
    return max(last_elapsed, BATCH_SECONDS / MAX_BATCH)


class WorkEnded(Protocol):
    """The end of the work of a run, as an executor reports it.

    Attributes:
        run: The run.
        elapsed: How long the work took, in seconds.
        state: The state in which the run ends.
        reason: The reason, in words; "" for none.
        error: The exception that the work raised, as plain data; () for none.
        retry_in: After how many seconds the run is to be tried again; None if it is not.
    """

    run: RunRecord
    elapsed: float
    state: RunState
    reason: str
    error: PackedException
    retry_in: float | None
