"""Quiet times with real threads and a real timer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from support.real_threads import assert_ended

from jobtui import RunState, Scheduler
from jobtui.runtime.clock import SystemClock

END = datetime(2026, 11, 28, 5, tzinfo=UTC).timestamp()


class ShiftedClock(SystemClock):
    """The machine's clock, set so that a quiet time is about to end.

    Args:
        seconds: How long before that it begins.
    """

    def __init__(self, seconds: float) -> None:
        self._offset = END - seconds - SystemClock.now()

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return SystemClock.now() + self._offset


def work() -> int:
    """Return a value."""
    return 7


async def work_in_loop() -> int:
    """Return a value."""
    await asyncio.sleep(0)
    return 7


@pytest.mark.parametrize("function", [work, work_in_loop])
def test_idle_workers_start_the_runs_that_wait_when_the_quiet_time_ends(function: object) -> None:
    """A thread, and the event loop. Runs by hand start before, and take none of the others along."""
    clock = ShiftedClock(0.5)
    with Scheduler(tz="UTC", pool=4, clock=clock, quiet=["SAT 02:00 for 3h"]) as scheduler:
        job = scheduler.add(function, overlap="allow")  # type: ignore[arg-type] # one of two kinds
        assert_ended(scheduler.run(job.name))  # from now on, the job is known to be short
        waiting = [scheduler.now(job) for _ in range(3)]
        by_hand = scheduler.run(job.name)
        assert_ended(by_hand, *waiting)
        assert {run.state for run in (by_hand, *waiting)} == {RunState.OK}
        starts = [scheduler.run_view(run.number).started for run in (by_hand, *waiting)]
    first, *others = [start.timestamp() for start in starts if start is not None]
    assert first < END <= min(others)
