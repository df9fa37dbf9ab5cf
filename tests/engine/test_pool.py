"""The pool: who is held, who is queued, who starts, in which order, and how many at once."""

import threading

import pytest
from support.engine_harness import Bench

from jobtui.engine.enums import Cancellation, JobStatus, Overlap, RunState, Trigger
from jobtui.engine.records import NO_EXTRAS, RunRecord


def test_a_run_is_queued_and_starts_when_a_worker_asks() -> None:
    """A submitted run is QUEUED; taking it makes it RUNNING and sets prev; its end makes it OK."""
    bench = Bench()
    job = bench.job()
    [run] = bench.submit(job)
    assert (run.state, bench.counts, bench.view(job).status) == (RunState.QUEUED, (0, 1, 0), JobStatus.QUEUED)
    bench.now += 2
    assert bench.take() is run
    view = run.view(bench.engine.event_log.tz)
    assert (view.state, view.worker, bench.counts) == (RunState.RUNNING, "worker-1", (1, 0, 0))
    assert view.started is not None
    assert view.started == bench.view(job).prev
    assert view.started.timestamp() == bench.now
    assert view.waiting_since is not None
    assert view.waiting_since.timestamp() == bench.now - 2
    assert bench.view(job).status is JobStatus.RUNNING
    bench.finish(run, elapsed=1.5)
    assert (run.state, bench.counts, bench.view(job).status) == (RunState.OK, (0, 0, 0), JobStatus.IDLE)
    assert str(bench.view(job).last_elapsed) == "0:00:01.500000"
    assert run.ended == bench.now


def test_every_picture_of_a_run_shows_where_it_is_then() -> None:
    """Whoever has looked before: a picture that was drawn of an earlier state is not shown again."""
    bench = Bench()
    job = bench.job()

    def seen(run: RunRecord) -> RunState:
        views = [*bench.snapshot().scheduled, *bench.snapshot().waiting, *bench.snapshot().running]
        [state] = [view.state for view in views if view.number == run.number]
        return state

    first, second = bench.later(job, 5), bench.later(job, 6)
    assert (seen(first), seen(second)) == (RunState.SCHEDULED, RunState.SCHEDULED)
    bench.tick(6)
    assert (seen(first), seen(second)) == (RunState.QUEUED, RunState.HELD)
    bench.take()
    assert (seen(first), seen(second)) == (RunState.RUNNING, RunState.HELD)
    bench.finish(first)
    assert (bench.endings[-1].state, seen(second)) == (RunState.OK, RunState.QUEUED)
    bench.take()
    assert seen(second) is RunState.RUNNING
    bench.finish(second, RunState.FAILED)
    assert [view.state for view in bench.endings] == [RunState.OK, RunState.FAILED]


def test_nothing_starts_before_the_scheduler_does() -> None:
    """Runs may be asked for before the start; they wait for it in the queue."""
    bench = Bench(started=False)
    [run] = bench.submit(bench.job())
    assert not bench.engine.pool.can_start()
    assert bench.engine.pool.start_next(bench.now, "w") is None
    bench.engine.start(bench.now)
    assert bench.engine.pool.can_start()
    assert bench.take() is run


def test_runs_start_in_the_order_in_which_they_were_queued() -> None:
    """The queue is first in, first out across jobs."""
    bench = Bench(pool=2)
    jobs = [bench.job(f"job {number}") for number in range(6)]
    runs = [run for job in jobs for run in bench.submit(job)]
    first = bench.take_all()
    assert first == runs[:2]
    bench.finish(first[1])
    assert bench.take_all() == [runs[2]]
    bench.finish(runs[2])
    bench.finish(runs[0])
    assert bench.take_all() == runs[3:5]


def test_a_run_of_a_busy_job_is_held_and_takes_no_slot() -> None:
    """While a job has a run queued or running, its next is HELD, names what it waits for, and others pass."""
    bench = Bench(pool=2)
    a, b = bench.job("a"), bench.job("b")
    first, second = bench.submit(a, 2)
    assert (second.state, second.extras.reason) == (RunState.HELD, "waits for run 1")
    bench.take()
    [third] = bench.submit(a)
    assert third.extras.reason == "waits for run 2"
    [other] = bench.submit(b)
    assert bench.counts == (1, 1, 2)
    assert bench.take() is other
    assert not bench.engine.pool.can_start()
    assert [run.number for run in bench.snapshot().waiting] == [second.number, third.number]
    assert first.state is RunState.RUNNING


def test_a_held_run_goes_to_the_tail_of_the_queue() -> None:
    """When a job's run ends, its next held run is queued behind those that queue already."""
    bench = Bench(pool=1)
    a, b, c = bench.job("a"), bench.job("b"), bench.job("c")
    first, second = bench.submit(a, 2)
    bench.take()
    [of_b], [of_c] = bench.submit(b), bench.submit(c)
    since = second.waiting_since
    bench.now += 5
    bench.finish(first)
    assert second.state is RunState.QUEUED
    assert (second.extras.reason, second.waiting_since) == ("", since)
    assert [run.number for run in bench.snapshot().waiting] == [of_b.number, of_c.number, second.number]
    assert bench.run_all() == [of_b.number, of_c.number, second.number]


def test_held_runs_of_a_job_start_one_by_one_in_the_order_they_were_asked_for() -> None:
    """5,000 runs of one blocked job are held; a job never overlaps itself, whatever the pool's size."""
    bench = Bench(pool=0)
    job = bench.job()
    runs = bench.submit(job, 5_000)
    assert bench.counts == (0, 1, 4_999)
    for run in runs:
        assert bench.take_all() == [run]
        bench.finish(run)
    assert bench.view(job).runs == 5_000
    bench.check_one_ending_each(runs)


def test_allow_lets_a_job_overlap_itself() -> None:
    """Under ``overlap="allow"`` nothing is held; only the pool limits."""
    bench = Bench(pool=3)
    job = bench.job(overlap=Overlap.ALLOW)
    bench.submit(job, 5)
    assert len(bench.take_all()) == 3
    assert bench.counts == (3, 2, 0)
    assert bench.view(job).running == 3


@pytest.mark.parametrize("trigger", list(Trigger))
def test_skip_refuses_a_run_of_a_busy_job_and_names_the_blocker(trigger: Trigger) -> None:
    """Under ``overlap="skip"`` a run of a busy job ends SKIPPED at once, whoever asked for it."""
    bench = Bench()
    job = bench.job(overlap=Overlap.SKIP)
    [first], [second] = bench.submit(job), bench.submit(job, trigger=trigger)
    assert (second.state, second.extras.reason) == (RunState.SKIPPED, "run 1 is still queued")
    bench.take()
    bench.now += 3
    [third] = bench.submit(job, trigger=trigger)
    assert (third.state, third.extras.reason) == (RunState.SKIPPED, "still running since 12:00:00, run 1")
    bench.finish(first)
    [fourth] = bench.submit(job, trigger=trigger)
    assert fourth.state is RunState.QUEUED
    assert bench.view(job).recent == (RunState.SKIPPED, RunState.SKIPPED, RunState.OK)


def test_replace_lets_the_latest_run_take_the_place_of_all_before_it() -> None:
    """Under ``overlap="replace"`` a run that waits is cancelled, one that runs is asked to stop first."""
    bench = Bench(pool=2)
    job = bench.job(overlap=Overlap.REPLACE)
    [first], [second] = bench.submit(job), bench.submit(job)
    assert (first.state, first.extras.reason) == (RunState.CANCELLED, "replaced by run 2")
    assert bench.take_all() == [second]
    bench.now += 3
    [third], [fourth] = bench.submit(job), bench.submit(job)
    assert (second.state, second.extras.reason) == (
        RunState.RUNNING,
        "asked to stop at 12:00:03: replaced by run 3",
    )
    assert bench.engine.event_log.stop_requested == [second]
    assert (third.state, third.extras.reason) == (RunState.CANCELLED, "replaced by run 4")
    assert (fourth.state, fourth.extras.reason) == (RunState.HELD, "waits for run 2")
    assert bench.take_all() == []
    bench.finish(second, RunState.CANCELLED)
    assert bench.take_all() == [fourth]
    bench.finish(fourth)
    bench.check_one_ending_each([first, second, third, fourth])
    bench.check_numbers_of_events()


def test_replace_spares_other_jobs_and_keeps_the_order_of_the_queue() -> None:
    """The new run queues up behind the runs of other jobs; those are left alone."""
    bench = Bench(pool=1)
    others = bench.submit(bench.job("b", overlap=Overlap.ALLOW), 3)
    job = bench.job(overlap=Overlap.REPLACE, schedule="@every 1s", max_held=1)
    bench.tick(1)
    bench.tick(1)
    bench.tick(1)
    assert [run.number for run in bench.engine.pool.queue] == [1, 2, 3, 6]
    assert bench.run_all() == [1, 2, 3, 6]
    assert [run.state for run in others] == [RunState.OK] * 3
    assert bench.view(job).recent == (RunState.CANCELLED, RunState.CANCELLED, RunState.OK)


def test_replace_knows_no_limit_of_held_runs() -> None:
    """Under ``overlap="replace"`` at most one run is held, so that no tick is refused for ``max_held``."""
    bench = Bench()
    job = bench.job(schedule="@every 1s", overlap=Overlap.REPLACE, max_held=1)
    bench.tick(1)
    bench.take()
    bench.tick(1)
    bench.tick(1)
    assert bench.ticks == []
    assert [run.number for run in job.held] == [3]


def test_replace_asks_no_run_of_another_job_to_stop() -> None:
    """Under ``overlap="replace"`` a job's new run is about its own runs alone."""
    bench = Bench(pool=2)
    [other], [mine] = bench.submit(bench.job("b")), bench.submit(job := bench.job(overlap=Overlap.REPLACE))
    bench.take_all()
    bench.submit(job)
    assert bench.engine.event_log.stop_requested == [mine]
    assert other.extras is NO_EXTRAS


def test_max_held_limits_ticks_and_not_people() -> None:
    """Above ``max_held`` ticks end SKIPPED with the count; a run asked for by hand is held all the same."""
    bench = Bench()
    job = bench.job(schedule="@every 1s", max_held=2)
    bench.tick(1)
    bench.take()
    bench.tick(1)
    bench.tick(1)
    assert bench.counts == (1, 0, 2)
    bench.tick(1)
    reason = "2 runs are held already; still running since 12:00:01, run 1"
    assert bench.ticks == [(RunState.SKIPPED, 1, reason)]
    assert bench.submit(job)[0].state is RunState.HELD
    assert bench.counts == (1, 0, 3)


def test_above_max_held_a_tick_names_the_run_that_all_wait_for_also_before_it_starts() -> None:
    """With a full pool that is the queued run, and not the latest of the held ones."""
    bench = Bench()
    bench.job(schedule="@every 1s", max_held=2)
    for _ in range(4):
        bench.tick(1)
    assert bench.counts == (0, 1, 2)
    assert bench.ticks == [(RunState.SKIPPED, 1, "2 runs are held already; run 1 is still queued")]


def test_the_pool_limits_and_says_so() -> None:
    """No more runs start than the pool's size; then it is saturated."""
    bench = Bench(pool=2)
    assert not bench.snapshot().pool.saturated
    bench.submit(bench.job(overlap=Overlap.ALLOW), 3)
    assert bench.engine.pool.can_start()
    bench.take_all()
    assert bench.counts == (2, 1, 0)
    assert bench.snapshot().pool.saturated
    assert bench.engine.pool.start_next(bench.now, "w") is None


def test_zero_is_no_limit() -> None:
    """A pool of 0 starts everything and is never saturated."""
    bench = Bench(pool=0)
    bench.submit(bench.job(overlap=Overlap.ALLOW), 300)
    assert bench.engine.pool.can_start()
    assert len(bench.take_all()) == 300
    assert not bench.snapshot().pool.saturated


def test_growing_starts_waiting_runs_and_shrinking_ends_none() -> None:
    """A larger pool has room at once; a smaller one starts nothing until enough have ended."""
    bench = Bench(pool=1)
    bench.submit(bench.job(overlap=Overlap.ALLOW), 8)
    bench.take_all()
    bench.engine.resize(4, bench.now)
    assert bench.engine.pool.can_start()
    running = bench.take_all()
    assert bench.counts == (4, 4, 0)
    bench.engine.resize(2, bench.now)
    assert (bench.engine.pool.can_start(), bench.counts) == (False, (4, 4, 0))
    bench.finish(running[0])
    bench.finish(running[1])
    assert not bench.engine.pool.can_start()
    bench.finish(running[2])
    assert bench.engine.pool.can_start()
    bench.engine.resize(0, bench.now)
    assert bench.engine.pool.can_start()
    sizes = [getattr(event, "size", None) for event in bench.events]
    assert [size for size in sizes if size is not None] == [4, 2, 0]


def test_resizing_to_the_same_size_is_no_event() -> None:
    """Only a change is told."""
    bench = Bench(pool=3)
    bench.engine.resize(3, bench.now)
    assert bench.told() == ["SchedulerStarted"]


def test_cancel_takes_out_what_waits_and_asks_what_runs() -> None:
    """SCHEDULED, HELD and QUEUED runs are taken out; a RUNNING one is asked, once; an ended one is left."""
    bench = Bench()
    job = bench.job()
    running, queued_behind, held = bench.submit(job, 3)
    bench.take()
    [queued] = bench.submit(bench.job("b"))
    scheduled = bench.later(job, 60)
    for run in (queued_behind, queued, scheduled):
        assert bench.engine.pool.cancel(run, bench.now, "cancelled") is Cancellation.TAKEN_OUT
        assert (run.state, run.extras.reason) == (RunState.CANCELLED, "cancelled")
        assert bench.engine.pool.cancel(run, bench.now, "again") is Cancellation.TOO_LATE
    for reason in ("cancelled", "again"):
        assert bench.engine.pool.cancel(running, bench.now, reason) is Cancellation.ASKED
        assert (running.state, running.extras.reason) == (
            RunState.RUNNING,
            "asked to stop at 12:00:00: cancelled",
        )
    assert bench.engine.event_log.stop_requested == [running]
    assert bench.told().count("StopRequested 1") == 1
    assert bench.counts == (1, 0, 1)
    assert bench.view(job).scheduled == 0
    bench.finish(running)
    assert bench.run_all() == [held.number]
    assert bench.engine.pool.cancel(running, bench.now, "cancelled") is Cancellation.TOO_LATE
    bench.tick(60)
    assert scheduled.state is RunState.CANCELLED
    assert bench.counts == (0, 0, 0)
    bench.check_one_ending_each([running, queued_behind, held, queued, scheduled])
    assert (bench.view(job).runs, bench.view(job).failures) == (2, 0)


def test_cancelling_a_queued_run_lets_the_next_held_one_in() -> None:
    """A held run waits for the earlier one only as long as that is there."""
    bench = Bench()
    job = bench.job()
    first, second = bench.submit(job, 2)
    bench.engine.pool.cancel(first, bench.now, "cancelled")
    assert second.state is RunState.QUEUED
    assert bench.take() is second


def test_cancelling_a_held_run_changes_nothing_else() -> None:
    """The others keep their places."""
    bench = Bench()
    first, second, third = bench.submit(bench.job(), 3)
    bench.engine.pool.cancel(second, bench.now, "cancelled")
    assert (first.state, third.state, bench.counts) == (RunState.QUEUED, RunState.HELD, (0, 1, 1))


def test_runs_are_found_by_number_wherever_they_are() -> None:
    """A running, queued, held or scheduled run is found; an ended one is not."""
    bench = Bench()
    job = bench.job()
    running, held = bench.submit(job, 2)
    bench.take()
    [queued] = bench.submit(bench.job("b"))
    scheduled = bench.later(job, 60)
    for run in (running, held, queued, scheduled):
        assert bench.engine.find_run(run.number) is run
    bench.engine.pool.cancel(queued, bench.now, "cancelled")
    assert bench.engine.find_run(queued.number) is None
    assert bench.engine.find_run(99) is None


def test_failures_are_counted_among_the_runs() -> None:
    """A FAILED run counts as run and as failure, and keeps its reason and traceback."""
    bench = Bench()
    job = bench.job()
    first, second = bench.submit(job, 2)
    bench.take()
    pool = bench.engine.pool
    pool.finish(first, bench.now, RunState.FAILED, elapsed=2, reason="ValueError: no", error="trace")
    bench.finish(bench.take())
    view = bench.view(job)
    assert (view.runs, view.failures, view.recent) == (2, 1, (RunState.FAILED, RunState.OK))
    end = bench.endings[0]
    assert (end.reason, end.error, str(end.elapsed)) == ("ValueError: no", "trace", "0:00:02")
    assert second.extras.error == ""


def test_a_run_that_has_ended_does_not_end_again() -> None:
    """The late end of an abandoned run's work changes nothing."""
    bench = Bench()
    [run] = bench.submit(bench.job())
    bench.take()
    bench.finish(run)
    told = bench.told()
    bench.finish(run, RunState.FAILED)
    assert (run.state, bench.told()) == (RunState.OK, told)
    bench.check_one_ending_each([run])


def test_an_ended_run_keeps_neither_its_call_nor_its_handle() -> None:
    """Arguments and results may be large; the ledger must not keep them alive. Waiters are told once."""
    bench = Bench()
    [run] = bench.submit(bench.job())
    run.handle = object()
    run.ensure_extras().waiter = awaited = threading.Event()
    bench.take()
    bench.finish(run)
    assert run.call is None
    assert run.handle is None
    assert bench.engine.event_log.finished_waiters == [awaited]


def test_a_job_remembers_its_last_twenty_endings() -> None:
    """Newest first for a reader of runs, oldest first in the view's strip."""
    bench = Bench()
    job = bench.job()
    bench.submit(job, 25)
    bench.run_all()
    assert [view.number for view in bench.engine.recent_runs(job)] == list(range(25, 5, -1))
    assert len(bench.view(job).recent) == 20


def test_what_a_snapshot_lists_is_cut_and_its_counts_are_true() -> None:
    """At most 200 runs of each kind are listed: queued before held, soonest first, newest endings first."""
    bench = Bench(pool=0)
    free = bench.job("free", overlap=Overlap.ALLOW)
    for run in [bench.take() for _ in bench.submit(free, 500)][:250]:
        bench.finish(run)
    busy = bench.job("busy")
    bench.submit(busy, 300)
    for seconds in range(300, 0, -1):
        bench.later(free, seconds)
    snapshot = bench.snapshot()
    assert bench.counts == (250, 1, 299)
    assert [run.number for run in snapshot.running] == list(range(251, 451))
    assert [run.number for run in snapshot.waiting] == list(range(501, 701))
    assert [run.state for run in snapshot.waiting[:2]] == [RunState.QUEUED, RunState.HELD]
    assert [run.number for run in snapshot.scheduled] == list(range(1100, 900, -1))
    assert [run.number for run in snapshot.recent] == list(range(250, 50, -1))
    assert bench.view(free).scheduled == 300


def test_held_runs_are_listed_in_the_order_they_were_asked_for() -> None:
    """Held runs of several jobs stand in one order, whichever job was registered first."""
    bench = Bench(pool=1)
    b, a = bench.job("b"), bench.job("a")
    bench.submit(a)
    bench.submit(b)
    bench.take()
    numbers = [bench.submit(job)[0].number for job in (a, b, a, b)]
    assert [run.number for run in bench.snapshot().waiting][1:] == numbers


def test_a_held_run_names_what_it_waits_for_also_after_that_was_cancelled() -> None:
    """Cancelling a held run makes the one behind it wait for what the cancelled one waited for."""
    bench = Bench(pool=1)
    job = bench.job("a")
    first, second, third, fourth = bench.submit(job, 4)
    assert [run.extras.reason for run in (second, third, fourth)] == [
        "waits for run 1",
        "waits for run 2",
        "waits for run 3",
    ]
    before = third.view(bench.engine.event_log.tz)
    assert bench.engine.pool.cancel(second, bench.now, "cancelled")
    assert third.extras.reason == "waits for run 1"
    assert third.view(bench.engine.event_log.tz) is not before
    assert fourth.extras.reason == "waits for run 3"
    assert bench.take_all() == [first]
