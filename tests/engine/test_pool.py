"""Tests of the pool: which runs are held, queued and started, in which order, and how many at once."""

from collections.abc import Callable
from functools import partial

import pytest
from support.engine_harness import EngineHarness, nothing

from jobtui.engine.batch import Batch
from jobtui.engine.enums import Cancellation, JobStatus, Overlap, RunState, Trigger
from jobtui.engine.records import NO_EXTRAS, RunRecord
from jobtui.runtime.executors.base import Outcome


def test_a_run_is_queued_started_and_finished() -> None:
    """Its view and its job's view show each state."""
    harness = EngineHarness()
    job = harness.job()
    [run] = harness.submit(job)
    assert (run.state, harness.counts, harness.view(job).status) == (
        RunState.QUEUED,
        (0, 1, 0),
        JobStatus.QUEUED,
    )
    harness.now += 2
    assert harness.start_next() is run
    view = run.view(harness.engine.event_log.tz)
    assert (view.state, view.worker, harness.counts) == (RunState.RUNNING, "worker-1", (1, 0, 0))
    assert view.started is not None
    assert view.started == harness.view(job).prev
    assert view.started.timestamp() == harness.now
    assert view.waiting_since is not None
    assert view.waiting_since.timestamp() == harness.now - 2
    assert harness.view(job).status is JobStatus.RUNNING
    harness.finish(run, elapsed=1.5)
    assert (run.state, harness.counts, harness.view(job).status) == (RunState.OK, (0, 0, 0), JobStatus.IDLE)
    assert str(harness.view(job).last_elapsed) == "0:00:01.500000"
    assert run.ended == harness.now


def test_a_view_shows_the_current_state_after_earlier_states_were_viewed() -> None:
    """A cached view of an earlier state is not used again."""
    harness = EngineHarness()
    job = harness.job()

    def viewed_state(run: RunRecord) -> RunState:
        views = [*harness.snapshot().scheduled, *harness.snapshot().waiting, *harness.snapshot().running]
        [state] = [view.state for view in views if view.number == run.number]
        return state

    first, second = harness.submit_later(job, 5), harness.submit_later(job, 6)
    assert (viewed_state(first), viewed_state(second)) == (RunState.SCHEDULED, RunState.SCHEDULED)
    harness.advance(6)
    assert (viewed_state(first), viewed_state(second)) == (RunState.QUEUED, RunState.HELD)
    harness.start_next()
    assert (viewed_state(first), viewed_state(second)) == (RunState.RUNNING, RunState.HELD)
    harness.finish(first)
    assert (harness.endings[-1].state, viewed_state(second)) == (RunState.OK, RunState.QUEUED)
    harness.start_next()
    assert viewed_state(second) is RunState.RUNNING
    harness.finish(second, RunState.FAILED)
    assert [view.state for view in harness.endings] == [RunState.OK, RunState.FAILED]


def test_no_run_starts_before_the_scheduler() -> None:
    """Runs that are requested before the start wait in the queue."""
    harness = EngineHarness(started=False)
    [run] = harness.submit(harness.job())
    assert not harness.engine.pool.can_start()
    assert harness.start_next_if_free() is None
    harness.start()
    assert harness.engine.pool.can_start()
    assert harness.start_next() is run


def test_runs_start_in_the_order_in_which_they_were_queued() -> None:
    """The queue is first in, first out for the runs of all jobs."""
    harness = EngineHarness(pool=2)
    jobs = [harness.job(f"job {number}") for number in range(6)]
    runs = [run for job in jobs for run in harness.submit(job)]
    first = harness.start_all()
    assert first == runs[:2]
    harness.finish(first[1])
    assert harness.start_all() == [runs[2]]
    harness.finish(runs[2])
    harness.finish(runs[0])
    assert harness.start_all() == runs[3:5]


def test_a_run_of_a_busy_job_is_held_and_takes_no_slot() -> None:
    """Its reason names the run that it waits for; runs of other jobs start before it."""
    harness = EngineHarness(pool=2)
    a, b = harness.job("a"), harness.job("b")
    first, second = harness.submit(a, 2)
    assert (second.state, second.extras.reason) == (RunState.HELD, "waits for run 1")
    harness.start_next()
    [third] = harness.submit(a)
    assert third.extras.reason == "waits for run 2"
    [other] = harness.submit(b)
    assert harness.counts == (1, 1, 2)
    assert harness.start_next() is other
    assert not harness.engine.pool.can_start()
    assert [run.number for run in harness.snapshot().waiting] == [second.number, third.number]
    assert first.state is RunState.RUNNING


def test_a_held_run_moves_to_the_tail_of_the_queue_when_the_earlier_run_ends() -> None:
    """The runs that are in the queue already start before it."""
    harness = EngineHarness(pool=1)
    a, b, c = harness.job("a"), harness.job("b"), harness.job("c")
    first, second = harness.submit(a, 2)
    harness.start_next()
    [of_b], [of_c] = harness.submit(b), harness.submit(c)
    since = second.waiting_since
    harness.now += 5
    harness.finish(first)
    assert second.state is RunState.QUEUED
    assert (second.extras.reason, second.waiting_since) == ("", since)
    assert [run.number for run in harness.snapshot().waiting] == [of_b.number, of_c.number, second.number]
    assert harness.run_all() == [of_b.number, of_c.number, second.number]


def test_held_runs_of_a_job_start_one_by_one_in_the_order_of_their_requests() -> None:
    """With 5,000 runs and a pool without a limit, the job never overlaps itself."""
    harness = EngineHarness(pool=0)
    job = harness.job()
    runs = harness.submit(job, 5_000)
    assert harness.counts == (0, 1, 4_999)
    for run in runs:
        assert harness.start_all() == [run]
        harness.finish(run)
    assert harness.view(job).runs == 5_000
    harness.assert_each_run_ended_once(runs)


def test_overlap_allow_starts_runs_of_one_job_at_the_same_time() -> None:
    """No run is held; only the pool limits them."""
    harness = EngineHarness(pool=3)
    job = harness.job(overlap=Overlap.ALLOW)
    harness.submit(job, 5)
    assert len(harness.start_all()) == 3
    assert harness.counts == (3, 2, 0)
    assert harness.view(job).running == 3


@pytest.mark.parametrize("trigger", list(Trigger))
def test_overlap_skip_skips_a_run_of_a_busy_job_and_names_the_blocking_run(trigger: Trigger) -> None:
    """The run ends as SKIPPED at once, for every trigger."""
    harness = EngineHarness()
    job = harness.job(overlap=Overlap.SKIP)
    [first], [second] = harness.submit(job), harness.submit(job, trigger=trigger)
    assert (second.state, second.extras.reason) == (RunState.SKIPPED, "run 1 is still queued")
    harness.start_next()
    harness.now += 3
    [third] = harness.submit(job, trigger=trigger)
    assert (third.state, third.extras.reason) == (RunState.SKIPPED, "still running since 12:00:00, run 1")
    harness.finish(first)
    [fourth] = harness.submit(job, trigger=trigger)
    assert fourth.state is RunState.QUEUED
    assert harness.view(job).recent == (RunState.SKIPPED, RunState.SKIPPED, RunState.OK)


def test_overlap_replace_cancels_waiting_runs_and_asks_a_running_one_to_stop() -> None:
    """The latest run waits until the running one has ended."""
    harness = EngineHarness(pool=2)
    job = harness.job(overlap=Overlap.REPLACE)
    [first], [second] = harness.submit(job), harness.submit(job)
    assert (first.state, first.extras.reason) == (RunState.CANCELLED, "replaced by run 2")
    assert harness.start_all() == [second]
    harness.now += 3
    [third], [fourth] = harness.submit(job), harness.submit(job)
    assert (second.state, second.extras.reason) == (
        RunState.RUNNING,
        "asked to stop at 12:00:03: replaced by run 3",
    )
    assert harness.engine.pool.effects.stop_requested == [second]
    assert (third.state, third.extras.reason) == (RunState.CANCELLED, "replaced by run 4")
    assert (fourth.state, fourth.extras.reason) == (RunState.HELD, "waits for run 2")
    assert harness.start_all() == []
    harness.finish(second, RunState.CANCELLED)
    assert harness.start_all() == [fourth]
    harness.finish(fourth)
    harness.assert_each_run_ended_once([first, second, third, fourth])
    harness.assert_events_are_numbered()


def test_overlap_replace_keeps_the_order_of_other_jobs_runs_in_the_queue() -> None:
    """The new run is queued behind them."""
    harness = EngineHarness(pool=1)
    others = harness.submit(harness.job("b", overlap=Overlap.ALLOW), 3)
    job = harness.job(overlap=Overlap.REPLACE, schedule="@every 1s", max_held=1)
    harness.advance(1)
    harness.advance(1)
    harness.advance(1)
    assert [run.number for run in harness.engine.pool.queued_runs()] == [1, 2, 3, 6]
    assert harness.run_all() == [1, 2, 3, 6]
    assert [run.state for run in others] == [RunState.OK] * 3
    assert harness.view(job).recent == (RunState.CANCELLED, RunState.CANCELLED, RunState.OK)


def test_overlap_replace_ignores_max_held() -> None:
    """At most one run is held, so no tick is skipped."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 1s", overlap=Overlap.REPLACE, max_held=1)
    harness.advance(1)
    harness.start_next()
    harness.advance(1)
    harness.advance(1)
    assert harness.tick_entries == []
    assert [run.number for run in job.held] == [3]


def test_overlap_replace_does_not_stop_runs_of_other_jobs() -> None:
    """Only the running run of the same job is asked to stop."""
    harness = EngineHarness(pool=2)
    job = harness.job(overlap=Overlap.REPLACE)
    [other], [own] = harness.submit(harness.job("b")), harness.submit(job)
    harness.start_all()
    harness.submit(job)
    assert harness.engine.pool.effects.stop_requested == [own]
    assert other.extras is NO_EXTRAS


def test_max_held_limits_ticks_but_not_runs_by_hand() -> None:
    """A tick above the limit ends as SKIPPED; a requested run is held."""
    harness = EngineHarness()
    job = harness.job(schedule="@every 1s", max_held=2)
    harness.advance(1)
    harness.start_next()
    harness.advance(1)
    harness.advance(1)
    assert harness.counts == (1, 0, 2)
    harness.advance(1)
    reason = "2 runs are held already; still running since 12:00:01, run 1"
    assert harness.tick_entries == [(RunState.SKIPPED, 1, reason)]
    assert harness.submit(job)[0].state is RunState.HELD
    assert harness.counts == (1, 0, 3)


def test_a_tick_above_max_held_names_the_queued_run_that_blocks_the_held_ones() -> None:
    """Not the latest held run."""
    harness = EngineHarness()
    harness.job(schedule="@every 1s", max_held=2)
    for _ in range(4):
        harness.advance(1)
    assert harness.counts == (0, 1, 2)
    assert harness.tick_entries == [(RunState.SKIPPED, 1, "2 runs are held already; run 1 is still queued")]


def test_no_more_runs_start_than_the_pool_has_slots() -> None:
    """Without a free slot, the pool is saturated."""
    harness = EngineHarness(pool=2)
    assert not harness.snapshot().pool.saturated
    harness.submit(harness.job(overlap=Overlap.ALLOW), 3)
    assert harness.engine.pool.can_start()
    harness.start_all()
    assert harness.counts == (2, 1, 0)
    assert harness.snapshot().pool.saturated
    assert harness.start_next_if_free() is None


def test_a_pool_of_size_zero_has_no_limit() -> None:
    """It is never saturated."""
    harness = EngineHarness(pool=0)
    harness.submit(harness.job(overlap=Overlap.ALLOW), 300)
    assert harness.engine.pool.can_start()
    assert len(harness.start_all()) == 300
    assert not harness.snapshot().pool.saturated


def test_a_larger_pool_starts_waiting_runs_and_a_smaller_one_ends_no_run() -> None:
    """A smaller pool starts no run until enough runs have ended."""
    harness = EngineHarness(pool=1)
    harness.submit(harness.job(overlap=Overlap.ALLOW), 8)
    harness.start_all()
    harness.engine.resize(4, harness.now)
    assert harness.engine.pool.can_start()
    running = harness.start_all()
    assert harness.counts == (4, 4, 0)
    harness.engine.resize(2, harness.now)
    assert (harness.engine.pool.can_start(), harness.counts) == (False, (4, 4, 0))
    harness.finish(running[0])
    harness.finish(running[1])
    assert not harness.engine.pool.can_start()
    harness.finish(running[2])
    assert harness.engine.pool.can_start()
    harness.engine.resize(0, harness.now)
    assert harness.engine.pool.can_start()
    sizes = [getattr(event, "size", None) for event in harness.events]
    assert [size for size in sizes if size is not None] == [4, 2, 0]


def test_resizing_to_the_same_size_emits_no_event() -> None:
    """Only a change has an event."""
    harness = EngineHarness(pool=3)
    harness.engine.resize(3, harness.now)
    assert harness.event_names() == ["SchedulerStarted"]


def test_cancel_ends_a_waiting_run_and_asks_a_running_one_to_stop() -> None:
    """SCHEDULED, HELD and QUEUED runs end; a RUNNING one is asked once; an ended one does not change."""
    harness = EngineHarness()
    job = harness.job()
    running, queued_behind, held = harness.submit(job, 3)
    harness.start_next()
    [queued] = harness.submit(harness.job("b"))
    scheduled = harness.submit_later(job, 60)
    for run in (queued_behind, queued, scheduled):
        assert harness.engine.pool.cancel(run, harness.now, "cancelled") is Cancellation.TAKEN_OUT
        assert (run.state, run.extras.reason) == (RunState.CANCELLED, "cancelled")
        assert harness.engine.pool.cancel(run, harness.now, "again") is Cancellation.TOO_LATE
    for reason in ("cancelled", "again"):
        assert harness.engine.pool.cancel(running, harness.now, reason) is Cancellation.ASKED
        assert (running.state, running.extras.reason) == (
            RunState.RUNNING,
            "asked to stop at 12:00:00: cancelled",
        )
    assert harness.engine.pool.effects.stop_requested == [running]
    assert harness.event_names().count("StopRequested 1") == 1
    assert harness.counts == (1, 0, 1)
    assert harness.view(job).scheduled == 0
    harness.finish(running)
    assert harness.run_all() == [held.number]
    assert harness.engine.pool.cancel(running, harness.now, "cancelled") is Cancellation.TOO_LATE
    harness.advance(60)
    assert scheduled.state is RunState.CANCELLED
    assert harness.counts == (0, 0, 0)
    harness.assert_each_run_ended_once([running, queued_behind, held, queued, scheduled])
    assert (harness.view(job).runs, harness.view(job).failures) == (2, 0)


def test_cancelling_a_queued_run_queues_the_next_held_run() -> None:
    """The held run waited for the cancelled one."""
    harness = EngineHarness()
    job = harness.job()
    first, second = harness.submit(job, 2)
    harness.engine.pool.cancel(first, harness.now, "cancelled")
    assert second.state is RunState.QUEUED
    assert harness.start_next() is second


def test_cancelling_a_held_run_does_not_move_the_other_runs() -> None:
    """They keep their states and their order."""
    harness = EngineHarness()
    first, second, third = harness.submit(harness.job(), 3)
    harness.engine.pool.cancel(second, harness.now, "cancelled")
    assert (first.state, third.state, harness.counts) == (RunState.QUEUED, RunState.HELD, (0, 1, 1))


def test_find_run_finds_every_live_run_by_its_number() -> None:
    """RUNNING, QUEUED, HELD and SCHEDULED runs; not an ended one."""
    harness = EngineHarness()
    job = harness.job()
    running, held = harness.submit(job, 2)
    harness.start_next()
    [queued] = harness.submit(harness.job("b"))
    scheduled = harness.submit_later(job, 60)
    for run in (running, held, queued, scheduled):
        assert harness.engine.find_run(run.number) is run
    harness.engine.pool.cancel(queued, harness.now, "cancelled")
    assert harness.engine.find_run(queued.number) is None
    assert harness.engine.find_run(99) is None


def test_a_failed_run_counts_as_a_run_and_as_a_failure() -> None:
    """It keeps its reason and its traceback."""
    harness = EngineHarness()
    job = harness.job()
    first, second = harness.submit(job, 2)
    harness.start_next()
    outcome = Outcome(first, elapsed=2)
    outcome.set_exception(ValueError("no"), skip="")
    harness.engine.pool.finish([outcome], harness.now)
    harness.finish(harness.start_next())
    view = harness.view(job)
    assert (view.runs, view.failures, view.recent) == (2, 1, (RunState.FAILED, RunState.OK))
    end = harness.endings[0]
    assert (end.reason, end.error, str(end.elapsed)) == ("ValueError: no", "ValueError: no", "0:00:02")
    assert second.extras.error == ()


def test_a_run_that_has_ended_does_not_end_again() -> None:
    """The work of an abandoned run ends later, and that changes nothing."""
    harness = EngineHarness()
    [run] = harness.submit(harness.job())
    harness.start_next()
    harness.finish(run)
    names = harness.event_names()
    harness.finish(run, RunState.FAILED)
    assert (run.state, harness.event_names()) == (RunState.OK, names)
    harness.assert_each_run_ended_once([run])


def test_an_ended_run_hands_its_call_over_to_the_effects() -> None:
    """Its arguments may be large, and their destructors must not run with the lock held."""
    harness = EngineHarness()
    [run] = harness.submit(harness.job())
    harness.start_next()
    harness.finish(run)
    assert run.call is nothing
    assert harness.engine.pool.effects.ended == [run]


def test_a_job_keeps_its_latest_20_endings() -> None:
    """`recent_runs` is newest first; the view's `recent` is oldest first."""
    harness = EngineHarness()
    job = harness.job()
    harness.submit(job, 25)
    harness.run_all()
    assert [view.number for view in harness.engine.recent_runs(job)] == list(range(25, 5, -1))
    assert len(harness.view(job).recent) == 20


def test_a_snapshot_lists_at_most_200_runs_of_each_kind_and_exact_counts() -> None:
    """Queued runs before held ones, the earliest scheduled ones, and the latest endings."""
    harness = EngineHarness(pool=0)
    free = harness.job("free", overlap=Overlap.ALLOW)
    for run in [harness.start_next() for _ in harness.submit(free, 500)][:250]:
        harness.finish(run)
    busy = harness.job("busy")
    harness.submit(busy, 300)
    for seconds in range(300, 0, -1):
        harness.submit_later(free, seconds)
    snapshot = harness.snapshot()
    assert harness.counts == (250, 1, 299)
    assert [run.number for run in snapshot.running] == list(range(251, 451))
    assert [run.number for run in snapshot.waiting] == list(range(501, 701))
    assert [run.state for run in snapshot.waiting[:2]] == [RunState.QUEUED, RunState.HELD]
    assert [run.number for run in snapshot.scheduled] == list(range(1100, 900, -1))
    assert [run.number for run in snapshot.recent] == list(range(250, 50, -1))
    assert harness.view(free).scheduled == 300


def test_a_snapshot_lists_held_runs_in_the_order_of_their_requests() -> None:
    """For all jobs together, in whatever order the jobs were registered."""
    harness = EngineHarness(pool=1)
    b, a = harness.job("b"), harness.job("a")
    harness.submit(a)
    harness.submit(b)
    harness.start_next()
    numbers = [harness.submit(job)[0].number for job in (a, b, a, b)]
    assert [run.number for run in harness.snapshot().waiting][1:] == numbers


def test_a_held_run_names_another_run_after_the_cancellation_of_the_one_it_waited_for() -> None:
    """It now waits for the run that the cancelled one waited for."""
    harness = EngineHarness(pool=1)
    job = harness.job("a")
    first, second, third, fourth = harness.submit(job, 4)
    assert [run.extras.reason for run in (second, third, fourth)] == [
        "waits for run 1",
        "waits for run 2",
        "waits for run 3",
    ]
    before = third.view(harness.engine.event_log.tz)
    assert harness.engine.pool.cancel(second, harness.now, "cancelled")
    assert third.extras.reason == "waits for run 1"
    assert third.view(harness.engine.event_log.tz) is not before
    assert fourth.extras.reason == "waits for run 3"
    assert harness.start_all() == [first]


def test_the_runs_of_a_batch_that_are_left_to_others_are_no_longer_its_own() -> None:
    """Else an error of its worker would end a run that another worker executes."""
    harness = EngineHarness(pool=5)
    pool = harness.engine.pool
    job = harness.job(overlap=Overlap.ALLOW)
    job.last_elapsed = 0.00001
    runs = harness.submit(job, 4)
    batch, other = Batch(harness.now), Batch(harness.now)
    assert pool.start(batch, "worker-1")
    assert batch.runs == runs
    assert {run.state for run in runs} == {RunState.RUNNING}
    assert batch.pending.popleft() is runs[1]  # its worker begins with it
    pool.leave_pending(batch)
    assert batch.runs == runs[:2]
    assert pool.start(other, "worker-2")
    assert (other.runs, runs[2].worker) == ([runs[2]], "worker-2")
    harness.finish(runs[3], RunState.CANCELLED)  # given up before another worker takes it
    assert not pool.start(Batch(harness.now), "worker-3")


def test_a_batch_has_the_short_runs_at_the_head_of_the_queue_of_any_jobs() -> None:
    """A run that is long, or of which nothing is known yet, is a batch of its own, and ends one."""
    harness = EngineHarness(pool=10)
    pool = harness.engine.pool
    jobs = [harness.job(name) for name in ("a", "b", "c", "d", "e")]
    for job, elapsed in zip(jobs, (0.00001, 0.00001, 0.5, None, 0.00001), strict=True):
        job.last_elapsed = elapsed
    runs = [harness.submit(job)[0] for job in jobs]
    batches = [Batch(harness.now) for _ in range(4)]
    assert [pool.start(batch, "worker") for batch in batches] == [True] * 4
    assert [batch.runs for batch in batches] == [runs[:2], [runs[2]], [runs[3]], [runs[4]]]


def test_a_batch_takes_no_more_runs_than_there_are_free_slots() -> None:
    harness = EngineHarness(pool=3)
    jobs = [harness.job(name) for name in "abcde"]
    for job in jobs:
        job.last_elapsed = 0.00001
    runs = [harness.submit(job)[0] for job in jobs]
    batch = Batch(harness.now)
    assert harness.engine.pool.start(batch, "worker")
    assert batch.runs == runs[:3]


def test_a_held_run_is_queued_when_its_worker_hands_in_the_end_of_the_run_before() -> None:
    """The end itself may be recorded at an earlier time, before the held run was requested."""
    harness = EngineHarness(pool=3)
    pool = harness.engine.pool
    jobs = [harness.job("a"), harness.job("b")]
    for job in jobs:
        job.last_elapsed = 0.00001
    first, other = (harness.submit(job)[0] for job in jobs)
    batch = Batch(harness.now)
    assert pool.start(batch, "worker")
    assert batch.runs == [first, other]
    harness.advance(0.0005)
    held = harness.submit(jobs[0])[0]
    requested = harness.now
    harness.advance(0.0005)
    pool.finish([Outcome(first, 0.00001), Outcome(other, 0.00001)], harness.now, batch.taken)
    assert held.state is RunState.QUEUED
    assert held.waiting_since is not None
    assert held.waiting_since >= requested
    queued = [event.at for event in harness.events if type(event).__name__ == "RunQueued"]
    assert queued[-1] == harness.now


async def coroutine() -> None:
    """Do nothing, as a coroutine."""


def test_a_batch_of_coroutines_has_all_that_are_at_the_head_of_the_queue() -> None:
    """They are of any jobs, long or short, because they run at the same time."""
    harness = EngineHarness(pool=9)
    engine, pool = harness.engine, harness.engine.pool
    one, other = harness.job("one", overlap=Overlap.ALLOW), harness.job("other")
    one.last_elapsed = 60.0
    calls: list[Callable[[], object]] = [coroutine, coroutine, partial(coroutine), nothing, coroutine]
    jobs = [one, other, one, one, one]
    runs = [engine.submit(job, Trigger.NOW, harness.now, call) for job, call in zip(jobs, calls, strict=True)]
    batch, function, rest = Batch(harness.now), Batch(harness.now), Batch(harness.now)
    assert pool.start(batch, "worker-1")
    assert (list(batch.coroutines), batch.runs) == (runs[:3], [])
    assert not pool.start_coroutines(Batch(harness.now))  # the function is first
    assert pool.start(function, "worker-1")
    assert (list(function.coroutines), function.runs) == ([], [runs[3]])
    assert pool.start_coroutines(rest)
    assert list(rest.coroutines) == [runs[4]]
    assert [run.worker for run in runs] == ["asyncio", "asyncio", "asyncio", "worker-1", "asyncio"]
    assert {run.state for run in runs} == {RunState.RUNNING}


def test_a_batch_of_coroutines_takes_no_more_than_the_free_slots() -> None:
    """The others stay QUEUED."""
    harness = EngineHarness(pool=3)
    job = harness.job(overlap=Overlap.ALLOW)
    runs = [harness.engine.submit(job, Trigger.NOW, harness.now, coroutine) for _ in range(5)]
    batch = Batch(harness.now)
    assert harness.engine.pool.start_coroutines(batch)
    assert list(batch.coroutines) == runs[:3]
    assert harness.counts == (3, 2, 0)
    assert not harness.engine.pool.start_coroutines(Batch(harness.now))


def test_a_batch_of_coroutines_leaves_the_runs_of_a_removed_job_out() -> None:
    """They are cancelled when they get to the head of the queue, if not before."""
    harness = EngineHarness(pool=3)
    engine = harness.engine
    job, removed = harness.job("job", overlap=Overlap.ALLOW), harness.job("removed", overlap=Overlap.ALLOW)
    runs = [engine.submit(each, Trigger.NOW, harness.now, coroutine) for each in (job, removed, job)]
    engine.remove_job(removed, harness.now)
    batch = Batch(harness.now)
    assert engine.pool.start_coroutines(batch)
    assert list(batch.coroutines) == [runs[0], runs[2]]
    assert runs[1].state in {RunState.CANCELLED, RunState.QUEUED}
