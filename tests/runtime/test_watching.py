"""What is asked of a scheduler by those who look."""

from __future__ import annotations

from jobtui import Scheduler
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.scheduler import VIEWS_PER_HOLD


def test_what_was_drawn_before_is_in_the_picture_as_it_is() -> None:
    """A few at a time, so that the snapshot has little left to do."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(0))
    names = [scheduler.every("1h", print, name=f"job-{number}").name for number in range(3 * VIEWS_PER_HOLD)]
    pictures = []
    for _ in scheduler.refresh_views():
        records = scheduler._kernel.inspect(lambda engine: list(engine.jobs.values()))
        pictures.append(sum(record.cached_view is not None for record in records))
    assert pictures == [VIEWS_PER_HOLD, 2 * VIEWS_PER_HOLD, 3 * VIEWS_PER_HOLD]
    drawn = [record.cached_view for record in records]
    jobs = scheduler.snapshot().jobs
    assert [job.name for job in jobs] == names
    assert all(job is picture for job, picture in zip(jobs, drawn, strict=True))


def test_only_what_has_changed_is_drawn() -> None:
    """Where nothing has, there is nothing to do."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(0))
    jobs = [scheduler.every("1h", print, name=f"job-{number}") for number in range(3 * VIEWS_PER_HOLD)]
    before = scheduler.snapshot().jobs
    assert list(scheduler.refresh_views()) == []
    jobs[1].pause()
    assert len(list(scheduler.refresh_views())) == 1
    after = scheduler.snapshot().jobs
    assert [old is new for old, new in zip(before, after, strict=True)].count(False) == 1


def test_a_job_that_is_removed_meanwhile_is_not_drawn() -> None:
    """Its picture would be of nothing."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(0))
    jobs = [scheduler.every("1h", print, name=f"job-{number}") for number in range(2 * VIEWS_PER_HOLD)]
    drawing = scheduler.refresh_views()
    next(drawing)
    record = jobs[-1]._record
    jobs[-1].remove()
    list(drawing)
    assert record.removed
    assert len(scheduler.snapshot().jobs) == 2 * VIEWS_PER_HOLD - 1
