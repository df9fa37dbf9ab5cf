"""What a scheduler that has stopped, or never started, still does: nothing in silence."""

import pytest

from jobtui.runtime.clock import ManualClock
from jobtui.runtime.scheduler import Scheduler


@pytest.fixture
def scheduler() -> Scheduler:
    """A scheduler that is not started."""
    return Scheduler(tz="UTC", clock=ManualClock(1_800_000_000.0))


def test_a_stopped_scheduler_takes_no_more_jobs(scheduler: Scheduler) -> None:
    """A job that would never run is refused, in words, and is not listed."""
    scheduler.stop(0)
    with pytest.raises(RuntimeError, match="the scheduler has stopped: it accepts no more jobs"):
        scheduler.every("5s", print)
    assert scheduler.jobs == []


def test_stop_functions_are_called_once_and_only_after_a_start(scheduler: Scheduler) -> None:
    """What on_app_stop undoes was done by the start: without one, there is nothing to undo."""
    calls: list[str] = []
    scheduler.on_app_stop(lambda: calls.append("stop"))
    scheduler.stop(0)
    assert calls == []
    started = Scheduler(tz="UTC")
    started.on_app_stop(lambda: calls.append("stop"))
    started.start()
    started.stop(0)
    started.stop(0)
    assert calls == ["stop"]


def test_a_job_in_another_zone_shows_it(scheduler: Scheduler) -> None:
    """The zone given to a job is part of what is shown of its schedule; the scheduler's own is not."""
    scheduler.schedule("@midnight", print, name="far", tz="Asia/Tokyo")
    scheduler.schedule("@midnight", print, name="near", tz="UTC")
    assert [job.spec for job in scheduler.snapshot().jobs] == ["@midnight (Asia/Tokyo)", "@midnight"]
