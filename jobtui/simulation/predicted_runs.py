"""The runs of a forecast, stored so that Python's garbage collector skips them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, overload

from jobtui.engine.enums import RunState

_NO_WAIT = timedelta(seconds=0.1)  # a run that finds a free slot starts sooner after its tick
_STATES = {state.value: state for state in RunState}

# The fields of a `PredictedRun` in order, with the value of the state.
PackedPrediction = tuple[str, int, datetime, datetime | None, datetime | None, str, str, int, bool]


class PredictedRun(NamedTuple):
    """A run of the forecast, or ticks that will start none. All times are in the scheduler's zone.

    Attributes:
        job: The name of its job.
        number: The number of the run if it is live already; else 0.
        due: When it is due; for a live run without a tick, when it was requested. For a later attempt of a
            live run, when that was queued.
        started: When it starts; for a run that is RUNNING already, when it did. None if it does not start
            before the end of the forecast.
        ended: When it ends; None as above.
        state: OK, SKIPPED or MISSED; RUNNING, QUEUED, HELD or SCHEDULED at the end of the forecast.
        reason: Why ticks start no run; "" for a run.
        ticks: How many ticks; 1 for a run.
        intended: Whether the ticks start no run because the job is paused or the time is quiet.
    """

    job: str
    number: int
    due: datetime
    started: datetime | None
    ended: datetime | None
    state: RunState
    reason: str = ""
    ticks: int = 1
    intended: bool = False

    @property
    def wait(self) -> timedelta:
        """The time for which it waits, or has waited, for a slot or an earlier run; 0 if it does not start.

        A live run is late by some milliseconds even if it has found a free slot, which does not count.
        """
        wait = timedelta() if self.started is None else self.started - self.due
        return wait if wait >= (_NO_WAIT if self.number else timedelta()) else timedelta()

    @property
    def is_lost(self) -> bool:
        """Whether ticks start no run against the wish of the user."""
        return self.started is None and self.state.ended and not self.intended

    def pack(self) -> PackedPrediction:
        """Return the fields as a tuple of atoms."""
        job, number, due, started, ended, state, reason, ticks, intended = self
        return job, number, due, started, ended, state.value, reason, ticks, intended


class PredictedRuns(Sequence[PredictedRun]):
    """Predicted runs, each of which is built when it is read.

    A calendar may have 100,000 of them. As objects they would add about 50 ms to each full garbage
    collection, in which no thread of the process runs. The collector skips tuples of atoms.

    Args:
        packed: The runs as tuples.
    """

    __slots__ = ("_packed",)

    def __init__(self, packed: Iterable[PackedPrediction] = ()) -> None:
        self._packed = tuple(packed)

    def __len__(self) -> int:
        """Return how many runs there are."""
        return len(self._packed)

    def __iter__(self) -> Iterator[PredictedRun]:
        """Build the runs one by one."""
        return map(_unpack, self._packed)

    @overload
    def __getitem__(self, index: int) -> PredictedRun: ...

    @overload
    def __getitem__(self, index: slice) -> PredictedRuns: ...

    def __getitem__(self, index: int | slice) -> PredictedRun | PredictedRuns:
        """Return one run, or several."""
        if isinstance(index, slice):
            return PredictedRuns(self._packed[index])
        return _unpack(self._packed[index])

    def __repr__(self) -> str:
        """Return the runs as a list."""
        return repr(list(self))

    def of_job(self, job: str) -> PredictedRuns:
        """Return the runs of a job, without building the others."""
        return PredictedRuns(each for each in self._packed if each[0] == job)


def _unpack(packed: PackedPrediction) -> PredictedRun:
    job, number, due, started, ended, state, reason, ticks, intended = packed
    return PredictedRun(job, number, due, started, ended, _STATES[state], reason, ticks, intended)
