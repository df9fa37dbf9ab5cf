"""Every ending is counted with its job, whichever way it took; and the pulse."""

from __future__ import annotations

from collections import Counter

import pytest
from support.engine_harness import Bench
from support.real_threads import BlockingJob, MakeScheduler, assert_ended, hold_lock

from jobtui.engine.enums import Misfire, Overlap, Phase, RunState
from jobtui.engine.records import JobRecord
from jobtui.engine.views import JobCounters
from jobtui.runtime.clock import ManualClock


def tally(job: JobRecord) -> dict[str, int]:
    """What a job's tally counts, without the zeros."""
    names = JobCounters._fields[2:]
    return {name: count for name, count in zip(names, job.counters()[2:], strict=True) if count}


def test_a_new_job_has_nothing_to_tell() -> None:
    """A name, that it is not paused, and zeros."""
    bench = Bench()
    job = bench.job("a")
    assert job.counters() == JobCounters("a", False, 0, 0, 0, 0, 0, 0)
    bench.engine.pause_job(job, bench.now)
    assert job.counters().paused


def test_each_ending_of_work_is_counted_once() -> None:
    """OK, FAILED, and CANCELLED while it was going."""
    bench = Bench(pool=0)
    job = bench.job(overlap=Overlap.ALLOW)
    bench.submit(job, 6)
    for state in (
        RunState.OK,
        RunState.OK,
        RunState.OK,
        RunState.FAILED,
        RunState.FAILED,
        RunState.CANCELLED,
    ):
        bench.finish(bench.take(), state)
    assert tally(job) == {"ok": 3, "failed": 2, "cancelled": 1}


def test_an_end_that_is_reported_twice_is_counted_once() -> None:
    """What was given up ends again when its thread comes back."""
    bench = Bench()
    job = bench.job()
    bench.submit(job)
    run = bench.take()
    bench.finish(run, RunState.CANCELLED)
    bench.finish(run, RunState.CANCELLED)
    bench.finish(run, RunState.OK)
    assert tally(job) == {"cancelled": 1}


@pytest.mark.parametrize("where", ["queued", "held", "scheduled", "all at the stop"])
def test_a_run_that_is_taken_out_is_counted(where: str) -> None:
    """Wherever it waited."""
    bench = Bench(pool=1)
    first, job = bench.job("first"), bench.job("job")
    bench.submit(first)
    bench.take()
    queued, held, later = *bench.submit(job, 2), bench.later(job, 60)
    if where == "all at the stop":
        bench.engine.stop(bench.now)
        assert tally(job) == {"cancelled": 3}
    else:
        run = {"queued": queued, "held": held, "scheduled": later}[where]
        bench.engine.pool.cancel(run, bench.now, "for a test")
        assert tally(job) == {"cancelled": 1}


def test_refused_runs_and_ticks_are_counted() -> None:
    """A run that was asked for, and each tick, while another run is going."""
    bench = Bench()
    job = bench.job(schedule="@every 1s", overlap=Overlap.SKIP)
    bench.submit(job)
    bench.take()
    bench.submit(job)
    bench.tick(1)
    bench.tick(1)
    bench.tick(3)
    assert tally(job) == {"skipped": 1 + 1 + 1 + 3}


def test_ticks_that_passed_unseen_are_counted_one_by_one() -> None:
    """A row of ten that is one entry of the ledger counts ten."""
    bench = Bench(pool=0)
    coalesced = bench.job("coalesced", "@every 1s")
    missed = bench.job("missed", "@every 1s", misfire=Misfire.SKIP)
    bench.tick(10)
    bench.run_all()
    assert tally(coalesced) == {"ok": 1, "coalesced": 9}
    assert tally(missed) == {"missed": 10}


def test_the_tallies_agree_with_the_ledger_in_a_flood(make_scheduler: MakeScheduler) -> None:
    """20,000 short runs, most of them in a worker's hand, and those that come to nothing."""
    scheduler = make_scheduler(pool=2)
    blocker = BlockingJob()
    held = scheduler.schedule("@yearly", blocker, name="held")
    skips = scheduler.schedule("@yearly", blocker, name="skips", overlap="skip")
    scheduler.start()
    runs = [held.run(), skips.run()]
    blocker.wait_started(2)
    waiting = [held.run() for _ in range(100)]
    assert all(run.cancel() for run in waiting)
    for _ in range(50):
        skips.run()
    blocker.release()
    assert_ended(*runs)
    assert_ended(*[scheduler.now(abs, number) for number in range(20_000)])
    found = {each.job: each for each in scheduler.counters()}
    assert found["abs"].ok == 20_000
    assert found["held"] == JobCounters("held", False, 1, 0, 100, 0, 0, 0)
    assert found["skips"] == JobCounters("skips", False, 1, 0, 0, 50, 0, 0)


def test_tallies_come_in_order_and_without_what_was_removed_meanwhile(make_scheduler: MakeScheduler) -> None:
    """They are taken a few jobs at a time; the lock is free in between."""
    scheduler = make_scheduler()
    jobs = [scheduler.schedule("@yearly", BlockingJob(), name=f"job-{number}") for number in range(1000)]
    tallies = scheduler.counters()
    first = next(tallies)
    jobs[-1].remove()
    assert [first.job, *[each.job for each in tallies]] == [job.name for job in jobs[:-1]]


def test_the_tally_of_every_state_of_the_ledger_has_a_field() -> None:
    """A new ending would be missed otherwise."""
    endings = Counter(state.value.lower() for state in RunState if state.ended)
    assert set(endings) == set(JobCounters._fields[2:])


# --- the pulse ------------------------------------------------------------------------------------


def test_the_heartbeat_ages_until_the_timer_wakes(make_scheduler: MakeScheduler) -> None:
    """It goes by the clock that is never set: an hour that somebody sets the other one by is no hour."""
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


def test_the_pulse_needs_no_lock(make_scheduler: MakeScheduler) -> None:
    """Whoever holds the lock for ever holds up everybody but those who look whether it beats."""
    scheduler = make_scheduler(clock=ManualClock(1e9))
    scheduler.start()
    release_lock = hold_lock(scheduler)
    try:
        assert scheduler.liveness().phase is Phase.RUNNING
    finally:
        release_lock()
