"""Tests of `Scheduler.liveness`."""

from __future__ import annotations

from support.real_threads import MakeScheduler, hold_lock

from jobtui.engine.enums import Phase
from jobtui.runtime.clock import ManualClock


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
    scheduler._kernel._poll()
    assert scheduler.liveness().heartbeat_age == 0


def test_liveness_does_not_need_the_state_lock(make_scheduler: MakeScheduler) -> None:
    """A thread that never releases the lock does not block it."""
    scheduler = make_scheduler(clock=ManualClock(1e9))
    scheduler.start()
    release_lock = hold_lock(scheduler)
    try:
        assert scheduler.liveness().phase is Phase.RUNNING
    finally:
        release_lock()
