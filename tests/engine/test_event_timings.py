"""What a run's events tell of its times without a picture being drawn."""

from __future__ import annotations

from support.engine_harness import Bench

from jobtui.engine.enums import RunState
from jobtui.engine.events import RunFinished, RunStarted


def measures(bench: Bench) -> tuple[list[object], list[object]]:
    """The lateness and the durations that the events so far tell."""
    return (
        [event.lateness for event in bench.events if isinstance(event, RunStarted)],
        [event.duration for event in bench.events if isinstance(event, RunFinished)],
    )


def test_lateness_counts_from_the_tick_or_from_the_request() -> None:
    """A run of a tick that was seen 2 s late, and one that waited for 5 s since it was asked for."""
    bench = Bench(pool=1)
    job = bench.job("a", "@every 10s")
    bench.tick(12)
    bench.submit(bench.job("b"))
    bench.finish(bench.take(), elapsed=3.5)
    bench.now += 5
    bench.finish(bench.take(), RunState.FAILED, elapsed=0.25)
    assert job.due is not None
    assert measures(bench) == ([("a", 2.0), ("b", 5.0)], [("a", 3.5), ("b", 0.25)])


def test_a_run_that_never_started_has_no_duration() -> None:
    """It was cancelled while it waited."""
    bench = Bench()
    (run,) = bench.submit(bench.job())
    bench.engine.pool.cancel(run, bench.now, "for a test")
    assert measures(bench) == ([], [None])


def test_a_picture_tells_the_same() -> None:
    """Whether an event was drawn before it is asked makes no difference."""
    bench = Bench()
    bench.later(bench.job(), 3)
    bench.tick(4)
    bench.finish(bench.take(), elapsed=0.5)
    events = bench.events
    told = [(event.lateness if isinstance(event, RunStarted) else None) for event in events]
    took = [(event.duration if isinstance(event, RunFinished) else None) for event in events]
    drawn = [event.run for event in events if isinstance(event, RunStarted | RunFinished)]
    assert len(drawn) == 2
    assert told == [(event.lateness if isinstance(event, RunStarted) else None) for event in events]
    assert took == [(event.duration if isinstance(event, RunFinished) else None) for event in events]
    assert ("a", 1.0) in told
    assert ("a", 0.5) in took


def test_runs_of_a_removed_job_measure_nothing() -> None:
    """Another job may have its name by now, and must not get its numbers."""
    bench = Bench(pool=2)
    old = bench.job("a")
    bench.submit(old)
    run = bench.take()
    bench.engine.remove_job(old, bench.now)
    bench.submit(bench.job("a"))
    new = bench.take()
    bench.finish(run)
    bench.finish(new)
    assert measures(bench) == ([None, ("a", 0.0)], [None, ("a", 1.0)])
