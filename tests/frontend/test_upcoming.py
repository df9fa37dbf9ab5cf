"""The list of upcoming ticks and runs."""

from dataclasses import replace

from support import snapshots

from jobtui import Scheduler
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.job_facts import list_job_facts, list_next_ticks
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.upcoming import MAX_UPCOMING, UpcomingTicks, list_upcoming
from jobtui.runtime.clock import ManualClock


def job_details(scheduler: Scheduler) -> JobDetails:
    """Return what a front end shows of the job."""
    return LocalBackend(scheduler, "jobs.py").job_details("work")


def test_upcoming_ticks_and_runs_are_sorted_by_instant_and_limited_in_number() -> None:
    """The tick of a paused job is marked as paused."""
    rows = list_upcoming(snapshots.idle())
    assert [row.due for row in rows] == sorted(row.due for row in rows)
    assert {row.job: row.number for row in rows}["send_mail"] == 872
    assert not any(row.paused for row in rows)
    assert all(row.paused for row in list_upcoming(snapshots.paused()))
    assert any(row.quiet_until is not None for row in list_upcoming(snapshots.quiet()))
    assert len(list_upcoming(snapshots.many_jobs(300))) == MAX_UPCOMING


def test_a_job_that_has_not_changed_keeps_its_upcoming_tick() -> None:
    """A table builds the cells of a row again only if the row is another object."""
    before = snapshots.idle()
    first, *others = before.jobs
    after = replace(before, jobs=(replace(first, paused_since=snapshots.NOW), *others))
    ticks = UpcomingTicks()
    old, new = [{row.job: row for row in ticks.list(each, each.jobs)} for each in (before, after)]
    kept = {job for job, row in new.items() if row is old[job]}
    assert kept == {job.name for job in others if job.next is not None}
    assert (old[first.name].paused, new[first.name].paused) == (False, True)


def test_ticks_during_a_pause_are_marked_and_those_after_its_end_are_not() -> None:
    scheduler = Scheduler(tz="UTC", clock=ManualClock(snapshots.NOW.timestamp()))
    job = scheduler.every("1m", print, name="work")
    with scheduler:
        lines = list_next_ticks(job_details(scheduler), scheduler.snapshot())
        assert not any("paused" in line for line in lines)
        job.pause(for_="3m30s")
        marked = ["paused" in line for line in list_next_ticks(job_details(scheduler), scheduler.snapshot())]
        assert marked == [True] * 3 + [False] * 7
        job.resume()
        job.pause()
        assert all("paused" in line for line in list_next_ticks(job_details(scheduler), scheduler.snapshot()))


def test_a_job_that_has_not_run_yet_says_so() -> None:
    scheduler = Scheduler(tz="UTC")
    scheduler.every("1m", print, name="work")
    snapshot = scheduler.snapshot()
    facts = dict(list_job_facts(snapshot.jobs[0], (), "", snapshot))
    assert facts["runs"] == "0: none has ended yet"
