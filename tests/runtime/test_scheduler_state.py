"""Reading a scheduler's state without holding its lock for long: `refresh_views` and `liveness`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.real_threads import HoldingClock, MakeScheduler
from support.runtime_parts import runtime_of

from jobtui import Scheduler
from jobtui.engine.enums import Phase
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.observation import VIEWS_PER_HOLD


def test_the_snapshot_uses_the_refreshed_views() -> None:
    """They are built a few at a time, so that the lock is never held for long."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(0))
    names = [scheduler.every("1h", print, name=f"job-{number}").name for number in range(3 * VIEWS_PER_HOLD)]
    counts = []
    for _ in scheduler.refresh_views():
        records = runtime_of(scheduler).kernel.inspect(lambda engine: list(engine.jobs.values()))
        counts.append(sum(record.cached_view is not None for record in records))
    assert counts == [VIEWS_PER_HOLD, 2 * VIEWS_PER_HOLD, 3 * VIEWS_PER_HOLD]
    views = [record.cached_view for record in records]
    jobs = scheduler.snapshot().jobs
    assert [job.name for job in jobs] == names
    assert all(job is view for job, view in zip(jobs, views, strict=True))


class CountingClock(ManualClock):
    """A clock that counts its readings: each hold of the lock reads it once."""

    readings = 0

    def now(self) -> float:
        """Count, and return the wall clock."""
        self.readings += 1
        return super().now()


@pytest.mark.parametrize("call", [Scheduler.snapshot, Scheduler.subscribe], ids=["snapshot", "subscribe"])
def test_a_snapshot_of_many_changed_jobs_holds_the_lock_many_times(
    call: Callable[[Scheduler], object],
) -> None:
    """So no hold is long. If few jobs have changed, one hold is enough."""
    clock = CountingClock(0)
    scheduler = Scheduler(tz="UTC", clock=clock)
    jobs = [scheduler.every("1h", print, name=f"job {n}") for n in range(10 * VIEWS_PER_HOLD)]
    clock.readings = 0
    call(scheduler)
    assert clock.readings >= 10
    jobs[0].pause()
    clock.readings = 0
    call(scheduler)
    assert clock.readings == 1


def test_only_the_views_of_changed_jobs_are_refreshed() -> None:
    """If no job has changed, there is no step."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(0))
    jobs = [scheduler.every("1h", print, name=f"job-{number}") for number in range(3 * VIEWS_PER_HOLD)]
    before = scheduler.snapshot().jobs
    assert list(scheduler.refresh_views()) == []
    jobs[1].pause()
    assert len(list(scheduler.refresh_views())) == 1
    after = scheduler.snapshot().jobs
    assert [old is new for old, new in zip(before, after, strict=True)].count(False) == 1


def test_a_job_that_is_removed_during_the_refresh_is_left_out() -> None:
    """It has no view any more."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(0))
    jobs = [scheduler.every("1h", print, name=f"job-{number}") for number in range(2 * VIEWS_PER_HOLD)]
    steps = scheduler.refresh_views()
    next(steps)
    jobs[-1].remove()
    list(steps)
    assert len(scheduler.snapshot().jobs) == 2 * VIEWS_PER_HOLD - 1


def test_the_heartbeat_ages_until_the_timer_wakes(make_scheduler: MakeScheduler) -> None:
    """The age is measured by the monotonic clock: a step of the wall clock does not change it."""
    clock = ManualClock(1e9)
    scheduler = make_scheduler(clock=clock)
    assert scheduler.liveness().heartbeat_age is None
    scheduler.start()
    clock.step(3600)
    assert scheduler.liveness().heartbeat_age == 0
    clock.step(-7200)
    clock.advance(40)
    assert scheduler.liveness().heartbeat_age == 40
    runtime_of(scheduler).poller.poll()
    assert scheduler.liveness().heartbeat_age == 0


def test_liveness_does_not_need_the_state_lock(make_scheduler: MakeScheduler) -> None:
    """A thread that never releases the lock does not block it."""
    clock = HoldingClock()
    scheduler = make_scheduler(clock=clock)
    scheduler.start()
    release_lock = clock.hold_lock(scheduler)
    try:
        assert scheduler.liveness().phase is Phase.RUNNING
    finally:
        release_lock()
