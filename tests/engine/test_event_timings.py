"""Tests of the lateness and duration of events, which are computed without building a view."""

from __future__ import annotations

from support.engine_harness import EngineHarness

from jobtui.engine.enums import RunState
from jobtui.engine.events import RunFinished, RunStarted


def timings(harness: EngineHarness) -> tuple[list[object], list[object]]:
    """Return the lateness of each start and the duration of each end so far."""
    return (
        [event.lateness for event in harness.events if isinstance(event, RunStarted)],
        [event.duration for event in harness.events if isinstance(event, RunFinished)],
    )


def test_lateness_counts_from_the_tick_or_from_the_request() -> None:
    """One run of a tick that was noticed 2 s late, and one run that waited for 5 s."""
    harness = EngineHarness(pool=1)
    job = harness.job("a", "@every 10s")
    harness.advance(12)
    harness.submit(harness.job("b"))
    harness.finish(harness.start_next(), elapsed=3.5)
    harness.now += 5
    harness.finish(harness.start_next(), RunState.FAILED, elapsed=0.25)
    assert job.due is not None
    assert timings(harness) == ([("a", 2.0), ("b", 5.0)], [("a", 3.5), ("b", 0.25)])


def test_a_run_that_never_started_has_no_duration() -> None:
    """It was cancelled while it waited."""
    harness = EngineHarness()
    (run,) = harness.submit(harness.job())
    harness.engine.pool.cancel(run, harness.now, "for a test")
    assert timings(harness) == ([], [None])


def test_lateness_and_duration_are_the_same_with_and_without_a_view() -> None:
    """The view of an event is built on first use; the event then computes both from the view."""
    harness = EngineHarness()
    harness.submit_later(harness.job(), 3)
    harness.advance(4)
    harness.finish(harness.start_next(), elapsed=0.5)
    events = harness.events
    lateness = [(event.lateness if isinstance(event, RunStarted) else None) for event in events]
    durations = [(event.duration if isinstance(event, RunFinished) else None) for event in events]
    views = [event.run for event in events if isinstance(event, RunStarted | RunFinished)]
    assert len(views) == 2
    assert lateness == [(event.lateness if isinstance(event, RunStarted) else None) for event in events]
    assert durations == [(event.duration if isinstance(event, RunFinished) else None) for event in events]
    assert ("a", 1.0) in lateness
    assert ("a", 0.5) in durations


def test_a_run_that_ends_after_the_removal_of_its_job_has_no_duration() -> None:
    """Another job may have the removed job's name, and must not get its numbers."""
    harness = EngineHarness(pool=2)
    old = harness.job("a")
    harness.submit(old)
    run = harness.start_next()
    harness.engine.remove_job(old, harness.now)
    harness.submit(harness.job("a"))
    new = harness.start_next()
    harness.finish(run)
    harness.finish(new)
    assert timings(harness) == ([("a", 0.0), ("a", 0.0)], [None, ("a", 1.0)])
