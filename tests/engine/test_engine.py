"""Tests of the engine: its phases, jobs, views and events."""

import weakref
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from support.engine_harness import NOON, EngineHarness, nothing

from jobtui.engine.batch import Batch
from jobtui.engine.engine import Engine
from jobtui.engine.enums import JobStatus, Overlap, Phase, RunState, Trigger
from jobtui.engine.events import JobEvent
from jobtui.engine.job_register import MAX_ONE_OFF_JOBS
from jobtui.engine.records import JobRecord
from jobtui.engine.runnables import Runnable, as_runnable
from jobtui.engine.timer_queue import RunDue


def test_an_engine_passes_through_all_phases_in_order() -> None:
    """NEW, STANDBY, RUNNING, STOPPING and STOPPED; each change has its event."""
    harness = EngineHarness(started=False)
    phases = [harness.snapshot().phase]
    harness.engine.stand_by(harness.now, "process 7 uses this store")
    phases.append(harness.snapshot().phase)
    assert harness.snapshot().started is None
    assert harness.snapshot().heartbeat is None
    harness.start()
    phases.append(harness.snapshot().phase)
    harness.engine.stop(harness.now)
    phases.append(harness.snapshot().phase)
    harness.engine.abandon_running(harness.now, "given up")
    phases.append(harness.snapshot().phase)
    assert phases == list(Phase)
    names = ["SchedulerStandingBy", "SchedulerStarted", "SchedulerStopping", "SchedulerStopped"]
    assert harness.event_names() == names


def test_stop_cancels_waiting_runs_and_lets_running_ones_end() -> None:
    """HELD, QUEUED and SCHEDULED runs end CANCELLED, and no run starts afterwards."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 1s")
    running, held = harness.submit(job, 2)
    harness.start_next()
    queued = harness.submit(harness.job("b", overlap=Overlap.ALLOW), 2)
    scheduled = harness.submit_later(job, 60)
    harness.engine.stop(harness.now)
    for run in (held, *queued, scheduled):
        assert (run.state, run.extras.reason) == (RunState.CANCELLED, "scheduler stopped")
    assert harness.counts == (1, 0, 0)
    assert not harness.engine.pool.can_start()
    harness.advance(100)
    harness.finish(running)
    assert running.state is RunState.OK
    assert harness.start_next_if_free() is None
    harness.assert_each_run_ended_once([running, held, *queued, scheduled])
    harness.assert_events_are_numbered()


def test_no_run_starts_after_the_stop_even_if_one_is_queued() -> None:
    """The pool accepts no starts; that its queue is empty would not be enough."""
    harness = EngineHarness()
    job = harness.job()
    harness.engine.stop(harness.now)
    harness.submit(job)
    assert not harness.engine.pool.can_start()
    assert harness.start_all() == []


def test_abandoned_runs_end_as_cancelled_once() -> None:
    """With the reason, and the time they took; when their work ends later, nothing changes."""
    harness = EngineHarness(pool=2)
    job = harness.job(overlap=Overlap.ALLOW)
    runs = harness.submit(job, 2)
    harness.start_all()
    harness.engine.stop(harness.now)
    harness.now += 10
    harness.engine.abandon_running(harness.now, "given up")
    assert [(run.state, run.extras.reason, run.elapsed) for run in runs] == [
        (RunState.CANCELLED, "given up", 10)
    ] * 2
    assert not harness.engine.pool.running
    harness.finish(runs[0])
    assert runs[0].state is RunState.CANCELLED
    assert (harness.view(job).runs, harness.view(job).last_elapsed) == (0, None)
    harness.assert_each_run_ended_once(runs)


def test_a_run_of_another_engine_is_not_running_here() -> None:
    """Runs of two schedulers may have the same number."""
    here, there = EngineHarness(), EngineHarness()
    for harness in (here, there):
        harness.submit(harness.job())
    run, other_run = here.start_next(), there.start_next()
    assert run.number == other_run.number
    assert here.engine.is_running(run)
    assert not here.engine.is_running(other_run)


def test_a_job_with_a_name_in_use_gets_the_next_free_number() -> None:
    """``a``, ``a-2``; ``a-3`` is skipped if a user has chosen that name."""
    harness = EngineHarness()
    assert [harness.job(name).name for name in ("a", "a", "a-3", "a", "a-3")] == [
        "a",
        "a-2",
        "a-3",
        "a-4",
        "a-3-2",
    ]
    assert list(harness.engine.jobs) == ["a", "a-2", "a-3", "a-4", "a-3-2"]


def test_the_name_of_a_removed_job_is_free_but_numbers_are_not_reused() -> None:
    """With many jobs of one function, a search from 2 for each would be slow."""
    harness = EngineHarness()
    first, second = harness.job("a"), harness.job("a")
    harness.engine.remove_job(second, harness.now)
    assert harness.job("a").name == "a-3"
    harness.engine.remove_job(first, harness.now)
    assert harness.job("a").name == "a"


def test_removing_a_job_cancels_its_waiting_runs_and_lets_running_ones_end() -> None:
    """Held, queued and scheduled runs are cancelled in this order; runs of other jobs are not affected."""
    harness = EngineHarness()
    job, other = harness.job("a", "@every 1s"), harness.job("b", overlap=Overlap.ALLOW)
    running, *held = harness.submit(job, 3)
    harness.start_next()
    first, second = harness.submit(other, 2)
    later = harness.submit_later(job, 60)
    assert harness.engine.remove_job(job, harness.now)
    assert not harness.engine.remove_job(job, harness.now)
    assert "a" not in harness.engine.jobs
    assert [run.extras.reason for run in (*held, later)] == ["job removed"] * 3
    assert harness.event_names()[-4:] == [
        *(f"RunFinished {run.number}" for run in (*held, later)),
        "JobRemoved",
    ]
    assert harness.counts == (1, 2, 0)
    harness.advance(60)
    assert harness.counts == (1, 2, 0)  # a removed job is not due
    harness.finish(running)
    assert running.state is RunState.OK
    assert harness.run_all() == [first.number, second.number]
    harness.assert_each_run_ended_once([running, *held, later, first, second])


def test_removing_a_job_keeps_the_order_of_the_other_runs_in_the_queue() -> None:
    """Its own runs are removed from the middle of the queue."""
    harness = EngineHarness()
    a, b = harness.job("a", overlap=Overlap.ALLOW), harness.job("b", overlap=Overlap.ALLOW)
    kept, cancelled = [], []
    for _ in range(3):
        kept += harness.submit(a)
        cancelled += harness.submit(b)
    harness.engine.remove_job(b, harness.now)
    assert {run.state for run in cancelled} == {RunState.CANCELLED}
    assert (b.queued, harness.counts) == (0, (0, 3, 0))
    assert harness.run_all() == [run.number for run in kept]
    harness.assert_each_run_ended_once([*kept, *cancelled])


def test_a_removed_job_can_be_neither_paused_nor_resumed() -> None:
    """Both methods return False."""
    harness = EngineHarness()
    job = harness.job()
    harness.engine.pause_job(job, harness.now)
    harness.engine.remove_job(job, harness.now)
    assert not harness.engine.resume_job(job, harness.now)
    assert not harness.engine.pause_job(job, harness.now)


def test_pausing_a_removed_job_emits_no_event() -> None:
    """It was not paused before."""
    harness = EngineHarness()
    job = harness.job()
    harness.engine.remove_job(job, harness.now)
    assert not harness.engine.pause_job(job, harness.now)
    assert harness.event_names()[-1] == "JobRemoved"


def test_one_off_runs_of_runnables_with_one_name_share_a_job() -> None:
    """That job has no schedule, lets its runs overlap, cannot be paused, and gets a free name."""
    harness = EngineHarness(pool=0)
    harness.job("nothing")
    group = harness.engine.one_off_job(as_runnable(nothing), harness.now)
    assert harness.engine.one_off_job(as_runnable(nothing), harness.now) is group
    assert (group.name, group.schedule, group.spec) == ("nothing-2", None, "one-off")
    assert not harness.engine.pause_job(group, harness.now)
    harness.submit(group, 3)
    assert len(harness.start_all()) == 3


def test_a_one_off_run_after_the_removal_of_its_job_gets_a_new_job() -> None:
    """A run of the removed job would not be stopped with the scheduler."""
    harness = EngineHarness()
    group = harness.engine.one_off_job(as_runnable(nothing), harness.now)
    harness.engine.remove_job(group, harness.now)
    new_group = harness.engine.one_off_job(as_runnable(nothing), harness.now)
    assert new_group is not group
    assert list(harness.engine.jobs.values()) == [new_group]


def test_removing_a_job_keeps_the_one_off_job_of_its_function() -> None:
    """A scheduled job and the one-off runs of the same function are independent."""
    harness = EngineHarness()
    job = harness.job("nothing")
    group = harness.engine.one_off_job(as_runnable(nothing), harness.now)
    harness.engine.remove_job(job, harness.now)
    assert harness.engine.one_off_job(as_runnable(nothing), harness.now) is group


def test_a_run_calls_its_own_function_or_else_its_jobs_runnable() -> None:
    """The call of a one-off run includes its arguments."""
    harness = EngineHarness()
    job = harness.job(overlap=Overlap.ALLOW)
    assert harness.engine.submit(job, Trigger.NOW, harness.now, nothing).call is nothing
    assert harness.submit(job)[0].call == job.runnable.call


def test_the_view_of_a_job_or_run_is_the_same_object_until_it_changes() -> None:
    """A reader finds changes with ``is``."""
    harness = EngineHarness(pool=1)
    a, b = harness.job("a"), harness.job("b")
    before = harness.snapshot()
    assert harness.snapshot().jobs[0] is before.jobs[0]
    [run] = harness.submit(a)
    after = harness.snapshot()
    assert after.jobs[0] is not before.jobs[0]
    assert after.jobs[1] is before.jobs[1]
    assert harness.snapshot().waiting[0] is after.waiting[0]
    assert before.jobs[0].queued == 0
    harness.start_next()
    assert harness.snapshot().running[0] is not after.waiting[0]
    assert harness.view(a) is not after.jobs[0]
    harness.finish(run)
    assert harness.view(b) is before.jobs[1]
    for change in (harness.engine.pause_job, harness.engine.resume_job, harness.engine.remove_job):
        before_change = harness.view(b)
        change(b, harness.now)
        assert harness.view(b) is not before_change


def test_the_view_of_a_new_job_has_all_its_fields() -> None:
    """Name, schedule, spec, policies, origin and counts."""
    harness = EngineHarness()
    view = harness.view(harness.job("a", "@every 1m", overlap=Overlap.SKIP))
    assert (view.name, view.spec, view.status) == ("a", "@every 1m", JobStatus.IDLE)
    assert view.origin.rpartition(":")[0].endswith("engine_harness.py")
    assert view.summary == "Do nothing."
    assert (view.overlap.value, view.misfire.value) == ("skip", "coalesce")
    assert (view.running, view.queued, view.held, view.scheduled, view.runs, view.failures) == (0,) * 6
    assert (view.prev, view.last_elapsed, view.paused_since, view.recent) == (None, None, None, ())


def test_every_change_has_an_event_in_order_and_without_gaps() -> None:
    """Each event is numbered, and has the view as of its change."""
    harness = EngineHarness()
    job = harness.job()
    first, _second = harness.submit(job, 2)
    harness.submit_later(job, 60)
    harness.start_next()
    harness.finish(first)
    harness.engine.stop(harness.now)
    assert harness.event_names() == [
        "SchedulerStarted",
        "JobAdded",
        "RunQueued 1",
        "RunHeld 2",
        "RunScheduled 3",
        "RunStarted 1",
        "RunFinished 1",
        "RunQueued 2",
        "SchedulerStopping",
        "RunFinished 2",
        "RunFinished 3",
    ]
    harness.assert_events_are_numbered()
    assert {event.at for event in harness.events} == {NOON}
    added = harness.events[1]
    assert isinstance(added, JobEvent)
    assert added.job.status is JobStatus.IDLE


def test_events_are_numbered_while_there_are_no_readers() -> None:
    """A later subscriber's events begin where its snapshot ends."""
    harness = EngineHarness()
    harness.engine.event_log.set_reader_count(0)
    harness.submit(harness.job())
    assert harness.snapshot().seq == 3
    harness.engine.event_log.set_reader_count(1)
    harness.start_next()
    assert [event.seq for event in harness.events] == [4]


def test_times_are_in_the_schedulers_zone() -> None:
    """In views, in the snapshot and in reasons."""
    tokyo = ZoneInfo("Asia/Tokyo")
    harness = EngineHarness()
    engine = Engine(pool=1, tz=tokyo, ledger=harness.ledger)
    engine.start(NOON)
    job = JobRecord("a", as_runnable(nothing), None, spec="one-off")
    engine.add_job(job, NOON)
    engine.submit(job, Trigger.NOW, NOON)
    held = engine.submit(job, Trigger.NOW, NOON)
    batch = Batch(NOON)
    assert engine.pool.start(batch, "w")
    held_too = engine.submit(job, Trigger.NOW, NOON)
    snapshot = engine.snapshot(NOON)
    assert snapshot.zone is tokyo
    assert snapshot.at.isoformat() == "2026-11-23T21:00:00+09:00"
    assert snapshot.running[0].started == datetime.fromtimestamp(NOON, UTC)
    assert str(snapshot.running[0].started) == "2026-11-23 21:00:00+09:00"
    assert (held.extras.reason, held_too.extras.reason) == (
        "waits for run 1",
        "waits for run 2",
    )


def test_many_names_of_one_off_runs_displace_idle_ones() -> None:
    """Those with live runs stay, and a displaced name can be used again."""
    harness = EngineHarness(pool=0)
    busy = harness.engine.one_off_job(as_runnable(nothing), harness.now)
    harness.submit(busy)
    jobs = [
        harness.engine.one_off_job(Runnable(nothing, f"task_{number}"), harness.now)
        for number in range(MAX_ONE_OFF_JOBS + 10)
    ]
    assert len(harness.engine.one_off_jobs) == len(harness.engine.jobs) == MAX_ONE_OFF_JOBS
    assert not busy.removed
    assert [job.removed for job in jobs[:12]] == [*[True] * 11, False]
    again = harness.engine.one_off_job(Runnable(nothing, "task_0"), harness.now)
    assert again.name == "task_0"
    assert again is not jobs[0]


def test_the_job_of_one_off_runs_keeps_no_runnable() -> None:
    """A closure may hold large objects, and the job stays when its run has ended."""

    def function() -> None:
        """Show in the job's summary."""

    harness = EngineHarness()
    job = harness.engine.one_off_job(as_runnable(function), harness.now)
    reference = weakref.ref(function)
    del function
    assert reference() is None
    assert harness.view(job).summary == "Show in the job's summary."


def test_scheduled_runs_that_the_timer_takes_when_the_stop_begins_are_not_queued() -> None:
    """The stop cancels waiting runs in slices, so they may still be SCHEDULED."""
    harness = EngineHarness()
    job = harness.job(schedule=None)
    runs = [harness.submit_later(job, 5) for _ in range(1_000)]
    harness.now += 5
    taken = [entry for due in iter(lambda: harness.engine.pop_due(harness.now), []) for entry in due]
    harness.engine.stop(harness.now)
    harness.engine.apply_due([entry for entry in taken if isinstance(entry, RunDue)], harness.now)
    assert {run.state for run in runs} <= {RunState.SCHEDULED, RunState.CANCELLED}
    harness.finish_work()
    assert {run.state for run in runs} == {RunState.CANCELLED}
