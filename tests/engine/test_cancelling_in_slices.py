"""Removing a job, or stopping, with many waiting runs: they are cancelled in slices, each in one hold."""

from __future__ import annotations

from support.engine_harness import EngineHarness

from jobtui.engine.enums import Cancellation, Overlap, RunState
from jobtui.engine.events import RunFinished
from jobtui.engine.pool import CANCELS_PER_HOLD
from jobtui.engine.records import RunRecord

MANY = 3 * CANCELS_PER_HOLD


def cancel_rest(harness: EngineHarness) -> list[int]:
    """Cancel the rest; return how many runs ended in each slice."""
    slices, more = [], True
    while more:
        before = len([event for event in harness.events if isinstance(event, RunFinished)])
        more = harness.engine.continue_work(harness.now)
        after = len([event for event in harness.events if isinstance(event, RunFinished)])
        slices.append(after - before)
        harness.engine.pool.effects.ended.clear()  # as the kernel does after each hold
    return slices


def is_due(harness: EngineHarness) -> bool:
    """Return whether the engine has something to do at once."""
    due = harness.engine.next_due
    return due is not None and due <= harness.now


def states(runs: list[RunRecord]) -> set[RunState]:
    """Return the states of runs."""
    return {run.state for run in runs}


def test_a_removed_job_is_gone_at_once_and_its_waiting_runs_end_in_slices() -> None:
    """Held, queued and scheduled runs all end; no slice cancels more than the limit; then nothing is due."""
    harness = EngineHarness(pool=1)
    held_job, job = harness.job("held"), harness.job("queued", overlap=Overlap.ALLOW)
    [running, *held] = harness.submit(held_job, MANY)
    harness.start_next()
    queued = harness.submit(job, MANY)
    scheduled = [harness.submit_later(job, 60 + number) for number in range(MANY)]
    assert harness.engine.remove_job(held_job, harness.now)
    assert harness.engine.remove_job(job, harness.now)
    assert not harness.engine.jobs
    assert RunState.QUEUED in states(queued)
    assert is_due(harness)
    assert max(cancel_rest(harness)) <= CANCELS_PER_HOLD
    assert states([*held, *queued, *scheduled]) == {RunState.CANCELLED}
    assert {run.extras.reason for run in (*held, *queued, *scheduled)} == {"job removed"}
    assert not is_due(harness)
    harness.finish(running)
    assert harness.counts == (0, 0, 0)
    harness.assert_each_run_ended_once([running, *held, *queued, *scheduled])


def test_no_run_of_a_removed_job_starts_while_the_others_are_cancelled() -> None:
    """The runs of other jobs start, in their order."""
    harness = EngineHarness(pool=1)
    job, other = harness.job("a", overlap=Overlap.ALLOW), harness.job("b", overlap=Overlap.ALLOW)
    [first] = harness.submit(other)
    removed = harness.submit(job, MANY)
    kept = harness.submit(other, 3)
    harness.engine.remove_job(job, harness.now)
    order: list[int] = []
    while len(order) < 4:
        if (run := harness.start_next_if_free()) is not None:
            order.append(run.number)
            harness.finish(run)
    assert order == [run.number for run in (first, *kept)]
    cancel_rest(harness)
    assert states(removed) == {RunState.CANCELLED}


def test_a_held_run_is_cancelled_although_the_run_it_waits_for_ends_between_two_slices() -> None:
    """It is not queued, since its job is removed."""
    harness = EngineHarness(pool=2)
    job = harness.job("a")
    [running, *held] = harness.submit(job, MANY)
    harness.start_next()
    harness.engine.remove_job(job, harness.now)
    harness.finish(running)
    assert harness.start_all() == []
    cancel_rest(harness)
    assert states(held) == {RunState.CANCELLED}
    assert harness.counts == (0, 0, 0)
    assert not {f"RunQueued {run.number}" for run in held} & {*harness.event_names()}


def test_a_scheduled_run_of_a_removed_job_that_is_due_between_two_slices_is_cancelled() -> None:
    """It is not admitted, and so not skipped."""
    harness = EngineHarness(pool=2)
    job = harness.job("a", overlap=Overlap.SKIP)
    harness.submit(job)
    harness.start_next()
    runs = [harness.submit_later(job, 1) for _ in range(MANY)]
    harness.engine.remove_job(job, harness.now)
    harness.advance(1)
    cancel_rest(harness)
    assert states(runs) == {RunState.CANCELLED}


def test_after_a_stop_all_waiting_runs_end_in_slices_and_none_starts() -> None:
    """This holds for queued, held and scheduled runs."""
    harness = EngineHarness(pool=1)
    held_job, job = harness.job("held"), harness.job("queued", overlap=Overlap.ALLOW)
    [running, *held] = harness.submit(held_job, MANY)
    harness.start_next()
    queued = harness.submit(job, MANY)
    scheduled = [harness.submit_later(job, 60) for _ in range(MANY)]
    harness.engine.stop(harness.now)
    harness.finish(running)
    assert harness.start_all() == []
    assert max(cancel_rest(harness)) <= CANCELS_PER_HOLD
    assert states([*held, *queued, *scheduled]) == {RunState.CANCELLED}
    assert {run.extras.reason for run in (*held, *queued, *scheduled)} == {"scheduler stopped"}
    harness.assert_each_run_ended_once([running, *held, *queued, *scheduled])


def test_runs_cancelled_in_any_order_leave_the_order_of_the_others_in_the_queue() -> None:
    """Snapshots list only those that still wait."""
    harness = EngineHarness(pool=1)
    runs = harness.submit(harness.job("a", overlap=Overlap.ALLOW), MANY)
    for run in (*runs[::-2], *runs[: MANY // 3 : 2], runs[-2]):
        harness.engine.cancel(run, harness.now, "cancelled")
        assert harness.engine.cancel(run, harness.now, "again") is Cancellation.TOO_LATE
    rest = [run.number for run in runs if run.state is RunState.QUEUED]
    snapshot = harness.snapshot()
    assert snapshot.pool.queued == len(rest) > 100
    assert [view.number for view in snapshot.waiting] == rest[:200]
    assert harness.run_all() == rest
