"""The engine's life, its jobs, its views and its events: start, stop, abandon, add, remove, name, picture."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from support.engine_harness import NOON, Bench, nothing

from jobtui.engine.engine import Engine
from jobtui.engine.enums import JobStatus, Overlap, Phase, RunState, Trigger
from jobtui.engine.events import JobEvent
from jobtui.engine.records import JobRecord
from jobtui.engine.runnables import as_runnable


def test_a_scheduler_goes_through_its_phases() -> None:
    """NEW, RUNNING, STOPPING, STOPPED, each with its event."""
    bench = Bench(started=False)
    phases = [bench.snapshot().phase]
    assert bench.snapshot().started is None
    assert bench.snapshot().heartbeat is None
    bench.engine.start(bench.now)
    phases.append(bench.snapshot().phase)
    bench.engine.stop(bench.now)
    phases.append(bench.snapshot().phase)
    bench.engine.abandon_running(bench.now, "given up")
    phases.append(bench.snapshot().phase)
    assert phases == list(Phase)
    assert bench.told() == ["SchedulerStarted", "SchedulerStopping", "SchedulerStopped"]


def test_stop_cancels_whatever_waits_and_lets_running_work_end() -> None:
    """HELD, QUEUED and SCHEDULED runs end CANCELLED; nothing starts any more; what runs may end."""
    bench = Bench()
    job = bench.job(schedule="@every 1s")
    running, held = bench.submit(job, 2)
    bench.take()
    queued = bench.submit(bench.job("b", overlap=Overlap.ALLOW), 2)
    scheduled = bench.later(job, 60)
    bench.engine.stop(bench.now)
    for run in (held, *queued, scheduled):
        assert (run.state, run.extras.reason) == (RunState.CANCELLED, "scheduler stopped")
    assert bench.counts == (1, 0, 0)
    assert not bench.engine.pool.can_start()
    bench.tick(100)
    bench.finish(running)
    assert running.state is RunState.OK
    assert bench.engine.pool.start_next(bench.now, "w") is None
    bench.check_one_ending_each([running, held, *queued, scheduled])
    bench.check_numbers_of_events()


def test_nothing_starts_after_the_stop_whatever_is_in_the_queue() -> None:
    """The gate of the pool is closed, and not only its queue empty."""
    bench = Bench()
    job = bench.job()
    bench.engine.stop(bench.now)
    bench.submit(job)
    assert not bench.engine.pool.can_start()
    assert bench.take_all() == []


def test_abandon_gives_what_still_runs_its_ending() -> None:
    """It is CANCELLED with the reason and the time it had; its late end changes nothing."""
    bench = Bench(pool=2)
    job = bench.job(overlap=Overlap.ALLOW)
    runs = bench.submit(job, 2)
    bench.take_all()
    bench.engine.stop(bench.now)
    bench.now += 10
    bench.engine.abandon_running(bench.now, "given up")
    assert [(run.state, run.extras.reason, run.elapsed) for run in runs] == [
        (RunState.CANCELLED, "given up", 10)
    ] * 2
    assert bench.engine.running_count == 0
    bench.finish(runs[0])
    assert runs[0].state is RunState.CANCELLED
    assert (bench.view(job).runs, bench.view(job).last_elapsed) == (0, None)
    bench.check_one_ending_each(runs)


def test_a_run_of_another_engine_is_not_running_here() -> None:
    """Runs of two schedulers may have the same number."""
    here, there = Bench(), Bench()
    for bench in (here, there):
        bench.submit(bench.job())
    mine, theirs = here.take(), there.take()
    assert mine.number == theirs.number
    assert here.engine.is_running(mine)
    assert not here.engine.is_running(theirs)


def test_a_name_that_is_taken_gets_a_number() -> None:
    """``a``, ``a-2``, ``a-3``; a number that a user has used is passed over."""
    bench = Bench()
    assert [bench.job(name).name for name in ("a", "a", "a-3", "a", "a-3")] == [
        "a",
        "a-2",
        "a-3",
        "a-4",
        "a-3-2",
    ]
    assert list(bench.engine.jobs) == ["a", "a-2", "a-3", "a-4", "a-3-2"]


def test_a_name_is_free_again_once_its_job_is_removed() -> None:
    """But numbers rise: the search does not begin again at 2 for each of many jobs of one function."""
    bench = Bench()
    first, second = bench.job("a"), bench.job("a")
    bench.engine.remove_job(second, bench.now)
    assert bench.job("a").name == "a-3"
    bench.engine.remove_job(first, bench.now)
    assert bench.job("a").name == "a"


def test_removing_a_job_cancels_what_waits_and_lets_what_runs_end() -> None:
    """Its held, queued and scheduled runs end CANCELLED, in this order; others keep their places."""
    bench = Bench()
    job, other = bench.job("a", "@every 1s"), bench.job("b", overlap=Overlap.ALLOW)
    running, *held = bench.submit(job, 3)
    bench.take()
    first, second = bench.submit(other, 2)
    later = bench.later(job, 60)
    assert bench.engine.remove_job(job, bench.now)
    assert not bench.engine.remove_job(job, bench.now)
    assert "a" not in bench.engine.jobs
    assert [run.extras.reason for run in (*held, later)] == ["job removed"] * 3
    assert bench.told()[-4:] == [*(f"RunFinished {run.number}" for run in (*held, later)), "JobRemoved"]
    assert bench.counts == (1, 2, 0)
    bench.tick(60)
    assert bench.counts == (1, 2, 0)  # a removed job is due no more
    bench.finish(running)
    assert running.state is RunState.OK
    assert bench.run_all() == [first.number, second.number]
    bench.check_one_ending_each([running, *held, later, first, second])


def test_removing_a_job_takes_its_runs_out_of_the_middle_of_the_queue() -> None:
    """The rest keeps its order."""
    bench = Bench()
    a, b = bench.job("a", overlap=Overlap.ALLOW), bench.job("b", overlap=Overlap.ALLOW)
    kept, gone = [], []
    for _ in range(3):
        kept += bench.submit(a)
        gone += bench.submit(b)
    bench.engine.remove_job(b, bench.now)
    assert {run.state for run in gone} == {RunState.CANCELLED}
    assert (b.queued, bench.counts) == (0, (0, 3, 0))
    assert bench.run_all() == [run.number for run in kept]
    bench.check_one_ending_each([*kept, *gone])


def test_a_removed_job_is_neither_paused_nor_resumed() -> None:
    """Both answer False."""
    bench = Bench()
    job = bench.job()
    bench.engine.pause_job(job, bench.now)
    bench.engine.remove_job(job, bench.now)
    assert not bench.engine.resume_job(job, bench.now)
    assert not bench.engine.pause_job(job, bench.now)


def test_a_removed_job_that_was_not_paused_is_not_paused() -> None:
    """It is told in no event."""
    bench = Bench()
    job = bench.job()
    bench.engine.remove_job(job, bench.now)
    assert not bench.engine.pause_job(job, bench.now)
    assert bench.told()[-1] == "JobRemoved"


def test_one_off_runs_of_one_name_share_a_job() -> None:
    """The group has no schedule, lets its runs overlap, cannot be paused, and takes a free name."""
    bench = Bench(pool=0)
    bench.job("nothing")
    group = bench.engine.one_off_job(as_runnable(nothing), bench.now)
    assert bench.engine.one_off_job(as_runnable(nothing), bench.now) is group
    assert (group.name, group.schedule, group.spec) == ("nothing-2", None, "one-off")
    assert not bench.engine.pause_job(group, bench.now)
    bench.submit(group, 3)
    assert len(bench.take_all()) == 3


def test_a_removed_group_of_one_off_runs_is_made_anew() -> None:
    """A run of a group that nobody sees could not be stopped with the scheduler."""
    bench = Bench()
    group = bench.engine.one_off_job(as_runnable(nothing), bench.now)
    bench.engine.remove_job(group, bench.now)
    anew = bench.engine.one_off_job(as_runnable(nothing), bench.now)
    assert anew is not group
    assert list(bench.engine.jobs.values()) == [anew]


def test_removing_a_job_leaves_the_group_of_its_function() -> None:
    """A scheduled job and the one-off runs of the same function are two things."""
    bench = Bench()
    job = bench.job("nothing")
    group = bench.engine.one_off_job(as_runnable(nothing), bench.now)
    bench.engine.remove_job(job, bench.now)
    assert bench.engine.one_off_job(as_runnable(nothing), bench.now) is group


def test_a_run_has_its_own_call_or_its_jobs() -> None:
    """One-off runs carry their arguments; runs of a job call its runnable."""
    bench = Bench()
    job = bench.job(overlap=Overlap.ALLOW)
    assert bench.engine.submit(job, Trigger.NOW, bench.now, nothing).call is nothing
    assert bench.submit(job)[0].call == job.runnable.call


def test_views_stay_the_same_objects_until_something_changes() -> None:
    """A reader tells with ``is`` what has to be painted anew."""
    bench = Bench(pool=1)
    a, b = bench.job("a"), bench.job("b")
    before = bench.snapshot()
    assert bench.snapshot().jobs[0] is before.jobs[0]
    [run] = bench.submit(a)
    after = bench.snapshot()
    assert after.jobs[0] is not before.jobs[0]
    assert after.jobs[1] is before.jobs[1]
    assert bench.snapshot().waiting[0] is after.waiting[0]
    assert before.jobs[0].queued == 0
    bench.take()
    assert bench.snapshot().running[0] is not after.waiting[0]
    assert bench.view(a) is not after.jobs[0]
    bench.finish(run)
    assert bench.view(b) is before.jobs[1]
    for change in (bench.engine.pause_job, bench.engine.resume_job, bench.engine.remove_job):
        seen = bench.view(b)
        change(b, bench.now)
        assert bench.view(b) is not seen


def test_a_jobs_view_tells_all_about_it() -> None:
    """Name, schedule, spec, policies, origin and counts."""
    bench = Bench()
    view = bench.view(bench.job("a", "@every 1m", overlap=Overlap.SKIP))
    assert (view.name, view.spec, view.status) == ("a", "@every 1m", JobStatus.IDLE)
    assert view.origin.rpartition(":")[0].endswith("engine_harness.py")
    assert view.summary == "Do nothing."
    assert (view.overlap.value, view.misfire.value) == ("skip", "coalesce")
    assert (view.running, view.queued, view.held, view.scheduled, view.runs, view.failures) == (0,) * 6
    assert (view.prev, view.last_elapsed, view.paused_since, view.recent) == (None, None, None, ())


def test_events_tell_of_every_change_in_order_and_without_gaps() -> None:
    """Each event is numbered, and carries the view as of its change."""
    bench = Bench()
    job = bench.job()
    first, _second = bench.submit(job, 2)
    bench.later(job, 60)
    bench.take()
    bench.finish(first)
    bench.engine.stop(bench.now)
    assert bench.told() == [
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
    bench.check_numbers_of_events()
    assert {event.at for event in bench.events} == {NOON}
    added = bench.events[1]
    assert isinstance(added, JobEvent)
    assert added.job.status is JobStatus.IDLE


def test_changes_are_counted_while_nobody_listens() -> None:
    """A later subscriber's events begin where its snapshot ends."""
    bench = Bench()
    bench.engine.event_log.set_reader_count(0)
    bench.submit(bench.job())
    assert bench.snapshot().seq == 3
    bench.engine.event_log.set_reader_count(1)
    bench.take()
    assert [event.seq for event in bench.events] == [4]


def test_times_are_shown_in_the_schedulers_zone() -> None:
    """Views, the snapshot and reasons alike."""
    tokyo = ZoneInfo("Asia/Tokyo")
    bench = Bench()
    engine = Engine(pool=1, tz=tokyo, ledger=bench.ledger)
    engine.start(NOON)
    job = JobRecord("a", as_runnable(nothing), None, spec="one-off")
    engine.add_job(job, NOON)
    engine.submit(job, Trigger.NOW, NOON)
    held = engine.submit(job, Trigger.NOW, NOON)
    run = engine.pool.start_next(NOON, "w")
    assert run is not None
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
