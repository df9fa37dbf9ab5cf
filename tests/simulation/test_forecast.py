"""The forecast says what the scheduler then does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobtui.engine.enums import RunState
from jobtui.engine.job_policies import Policies
from jobtui.simulation.forecast import MAX_RUNS, Forecast, forecast
from jobtui.testing import SimulatedScheduler, simulated

SECOND = timedelta(seconds=1)


def sleeper(seconds: float) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a coroutine function that takes so many seconds."""

    async def sleep() -> None:
        await asyncio.sleep(seconds)

    return sleep


def add(scheduler: SimulatedScheduler, name: str, interval: str, **policies: Any) -> None:
    """Add a job that takes no time here."""
    scheduler.every(interval, lambda: None, name=name, **policies)


def look_ahead(
    scheduler: SimulatedScheduler, length: str, expected: dict[str, float], pool: int | None = None
) -> Forecast:
    """Return the forecast of a scheduler, with the expected seconds of its jobs."""
    lengths = {job: timedelta(seconds=seconds) for job, seconds in expected.items()}
    hours, minutes, seconds = map(int, length.split(":"))
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return forecast(scheduler.snapshot(), lengths, length=span, pool=pool)


FRACTIONS = (0, 0.01713, 0.02957, 0.04391)  # of a second, which keep the ticks of the jobs apart
JOBS = st.lists(
    st.tuples(
        st.integers(3, 40),  # the interval, in seconds
        st.integers(0, 25),  # how long a run takes, in seconds
        st.sampled_from(["hold", "skip", "allow"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=30, deadline=None)
@given(jobs=JOBS, pool=st.integers(0, 4), begun=st.integers(0, 90))
def test_the_scheduler_then_does_what_the_forecast_says(
    jobs: list[tuple[int, int, str]], pool: int, begun: int
) -> None:
    """Also if it has run for a while, so that some runs are RUNNING, QUEUED and HELD.

    No two jobs are due, and no two runs end, at one instant: their order would be a matter of luck.
    """
    intervals = [interval + FRACTIONS[place] for place, (interval, _, _) in enumerate(jobs)]
    ticks = sorted(each * interval for interval in intervals for each in range(1, 220 // int(interval)))
    assume(all(after - before > 0.001 for before, after in pairwise(ticks)))
    with simulated(pool=pool) as scheduler:
        expected = {}
        for place, (_, seconds, overlap) in enumerate(jobs):
            takes = seconds + 0.001371 * (place + 1)
            policies: Policies = {"overlap": overlap}  # type: ignore[typeddict-item] # one of the three
            scheduler.every(intervals[place], sleeper(takes), name=f"job {place}", **policies)
            expected[f"job {place}"] = takes
        scheduler.advance(begun)
        predicted = look_ahead(scheduler, "0:02:00", expected)
        before = len(scheduler.runs())
        scheduler.advance("2m")
        started = [(run.job, run.started) for run in scheduler.runs()[before:]]
        skipped = sum(
            run.ticks
            for run in scheduler.find_runs(state=RunState.SKIPPED, limit=800)
            if run.ended is not None and run.ended > predicted.start
        )
    live = {
        run.number for run in predicted.runs if run.started is not None and run.started <= predicted.start
    }
    foretold = sorted(
        (run.started, run.job) for run in predicted.runs if run.started and run.number not in live
    )
    assert [job for _, job in foretold] == [job for job, _ in started]
    assert [at.timestamp() for at, _ in foretold] == pytest.approx(
        [at.timestamp() for _, at in started if at is not None], abs=1e-4
    )
    assert sum(run.ticks for run in predicted.runs if run.state is RunState.SKIPPED) >= min(skipped, 1)


def test_runs_that_find_no_slot_wait_and_the_pool_is_full() -> None:
    with simulated(pool=1) as scheduler:
        for name in ("one", "two", "three"):
            add(scheduler, name, "1m")
        found = look_ahead(scheduler, "0:01:59", {"one": 10, "two": 10, "three": 10})
        assert [(run.job, run.wait / SECOND) for run in found.runs] == [
            ("one", 0),
            ("two", 10),
            ("three", 20),
        ]
        [full] = found.full
        assert ((full.start - found.start) / SECOND, (full.end - found.start) / SECOND) == (60, 80)
        assert (full.waiting, full.longest / SECOND) == (2, 20)
        assert look_ahead(scheduler, "0:01:59", {"one": 10, "two": 10, "three": 10}, pool=3).full == ()
        [cut] = look_ahead(scheduler, "0:01:15", {"one": 10, "two": 10, "three": 10}).full
        assert ((cut.end - found.start) / SECOND, cut.longest / SECOND) == (75, 15)


def test_ticks_that_start_no_run_have_a_reason_and_those_of_a_paused_job_are_wanted() -> None:
    with simulated() as scheduler:
        add(scheduler, "slow", "10s", overlap="skip")
        add(scheduler, "paused", "10s")
        scheduler.pause("paused", note="holidays")
        found = look_ahead(scheduler, "0:00:45", {"slow": 15})
        skipped = [run for run in found.runs if run.state is RunState.SKIPPED]
        assert {(run.job, run.is_lost) for run in skipped} == {("slow", True), ("paused", False)}
        [slow, *_] = [run for run in skipped if run.job == "slow"]
        assert slow.reason.startswith("still running since ")


def test_ticks_beyond_the_limit_of_held_runs_are_skipped_as_they_then_are() -> None:
    with simulated() as scheduler:
        scheduler.every("10s", sleeper(35), name="slow", max_held=1)
        found = look_ahead(scheduler, "0:02:00", {"slow": 35})
        foretold = sum(run.ticks for run in found.runs if run.state is RunState.SKIPPED)
        scheduler.advance("2m")
        skipped = sum(run.ticks for run in scheduler.find_runs(state=RunState.SKIPPED))
    assert foretold == skipped > 0


def test_the_forecast_ends_pauses_and_follows_the_number_of_times() -> None:
    with simulated() as scheduler:
        add(scheduler, "twice", "1m", times=2)
        add(scheduler, "later", "1m")
        scheduler.advance("1m")
        scheduler.pause("later", for_="150s")
        found = look_ahead(scheduler, "0:05:00", {})
        starts = [(run.job, (run.started - found.start) / SECOND) for run in found.runs if run.started]
        assert starts == [("twice", 60), ("later", 180), ("later", 240), ("later", 300)]


def test_clock_changes_move_ticks_as_they_do_in_the_scheduler() -> None:
    """On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00."""
    with simulated("2026-03-28T12:00", tz="Europe/Berlin") as scheduler:
        scheduler.schedule("0 30 2 * * *", lambda: None, name="nightly")
        found = look_ahead(scheduler, "36:00:00", {})
        [run] = found.runs
        assert run.started is not None
        assert run.started.isoformat() == "2026-03-29T03:00:00+02:00"
        scheduler.advance("36h")
        assert scheduler.fired("nightly") == [run.started]


def test_nothing_starts_in_a_quiet_time_and_what_waits_starts_at_its_end() -> None:
    with simulated("2026-01-01T00:00", quiet=["daily 00:01 for 2m"]) as scheduler:
        add(scheduler, "often", "50s")
        scheduled = scheduler.in_("90s", print, "hello")
        found = look_ahead(scheduler, "0:04:00", {})
        starts = [(run.job, (run.started - found.start) / SECOND) for run in found.runs if run.started]
        assert starts == [("often", 50), ("print", 180), ("often", 200)]
        assert {(run.job, run.intended) for run in found.runs if not run.started} == {("often", True)}
        scheduler.advance("4m")
        assert [
            (run.job, (run.started - found.start) / SECOND) for run in scheduler.runs() if run.started
        ] == starts
        assert scheduled.state is RunState.OK


def test_a_run_that_has_begun_goes_on_in_a_quiet_time() -> None:
    """And one that waits starts at the end."""
    with simulated("2026-01-01T00:00", quiet=["daily 00:01 for 2m"]) as scheduler:
        scheduler.schedule("55 0 0 * * *", sleeper(60), name="long")
        scheduler.advance("90s")
        scheduler.now(print)
        found = look_ahead(scheduler, "0:05:00", {"long": 60})
        ends = {run.job: (run.ended - found.start) / SECOND for run in found.runs if run.ended}
        assert ends == {"long": 25, "print": 90}


def test_one_off_runs_that_wait_for_their_instant_are_in_the_forecast() -> None:
    with simulated() as scheduler:
        scheduled = scheduler.in_("1m", print, "hello")
        [run] = look_ahead(scheduler, "0:05:00", {}).runs
        assert run.started is not None
        assert (run.job, run.number, (run.started - scheduler.time) / SECOND) == (
            "print",
            scheduled.number,
            60,
        )


def test_a_forecast_with_too_many_runs_ends_early_and_says_so() -> None:
    with simulated() as scheduler:
        for each in range(100):
            add(scheduler, f"job {each}", "1ms")
        found = look_ahead(scheduler, "1:00:00", {})
        assert found.is_cut
        assert len(found.runs) == MAX_RUNS
        assert (found.end - found.start) / SECOND == pytest.approx(2)


def test_progress_is_reported_and_may_end_the_forecast() -> None:
    class Enough(Exception):  # noqa: N818 - not an error
        """The user has left the screen."""

    parts: list[float] = []

    def note(part: float) -> None:
        parts.append(part)
        if part > 0.5:
            raise Enough

    with simulated() as scheduler:
        add(scheduler, "often", "1s")
        with pytest.raises(Enough):
            forecast(scheduler.snapshot(), {}, length=timedelta(hours=1), progress=note)
    assert parts == sorted(parts)
    assert len(parts) > 2


class Unknown:
    """A schedule of which this process knows nothing but that it exists."""

    tz = UTC

    def next(self, after: datetime) -> None:
        """Return None."""


def test_jobs_whose_ticks_cannot_be_computed_here_are_named() -> None:
    """Those of another process, for example: the page says when they are due, and not by which rule."""
    with simulated() as scheduler:
        add(scheduler, "known", "1m")
        add(scheduler, "foreign", "1m")
        snapshot = scheduler.snapshot()
    jobs = [replace(job, schedule=Unknown()) if job.name == "foreign" else job for job in snapshot.jobs]
    found = forecast(replace(snapshot, jobs=tuple(jobs)), {}, length=timedelta(minutes=2))
    assert found.unknown == ("foreign",)
    assert {run.job for run in found.runs} == {"known"}


@pytest.mark.parametrize(("expected", "left"), [(30, 10), (20, 0), (15, 5), (0, 20)])
def test_a_run_that_takes_too_long_goes_on_for_as_long_as_it_is_late(expected: float, left: float) -> None:
    """A job that hangs does not free its slot at once."""
    with simulated(pool=1) as scheduler:
        scheduler.now(sleeper(3600))
        scheduler.advance(20)
        found = look_ahead(scheduler, "0:01:00", {"sleep": expected})
        [run] = found.runs
        assert run.ended is not None
        assert (run.ended - found.start) / SECOND == pytest.approx(left)


ADJUSTED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "spread": st.sampled_from(["5m", "40m"]),
        "jitter": st.sampled_from(["20s", "10m"]),
        "times": st.integers(1, 5),
        "not_before": st.just("2026-03-28T23:30:00+00:00"),
        "until": st.just("2026-03-29T02:00:00+00:00"),
        "overlap": st.sampled_from(["hold", "skip", "allow"]),
    },
)
SPECS = st.sampled_from(["0 30 2 * * *", "0 */20 * * * *", "7 15 * * * *", "0 0 3 * * *", "@every 50m"])


@settings(max_examples=40, deadline=None)
@given(
    jobs=st.lists(st.tuples(SPECS, ADJUSTED, st.integers(0, 1500)), min_size=1, max_size=3),
    day=st.sampled_from(["2026-03-28T20:00", "2026-10-24T20:00"]),
    is_quiet=st.booleans(),
)
def test_the_forecast_of_a_night_with_a_clock_change_is_what_then_happens(
    jobs: list[tuple[str, dict[str, Any], int]], day: str, is_quiet: bool
) -> None:
    """With ticks that are spread, shaken and bounded, and with a quiet time.

    The pool has a slot for each run, and no run ends when another one is due: luck orders nothing.
    """
    quiet = ["daily 01:00 for 90m"] if is_quiet else []
    with simulated(day, tz="Europe/Berlin", pool=0, quiet=quiet) as scheduler:
        expected = {}
        for place, (spec, policies, seconds) in enumerate(jobs):
            name, takes = f"job {place}", seconds + 0.137 * (place + 1)
            scheduler.schedule(spec, sleeper(takes), name=name, **policies)
            expected[name] = takes
        predicted = look_ahead(scheduler, "12:00:00", expected)
        scheduler.advance("12h")
        started = sorted((run.started.timestamp(), run.job) for run in scheduler.runs() if run.started)
    foretold = sorted((run.started.timestamp(), run.job) for run in predicted.runs if run.started)
    assert [job for _, job in foretold] == [job for _, job in started]
    assert [at for at, _ in foretold] == pytest.approx([at for at, _ in started], abs=1e-3)


# --- runs that are live -----------------------------------------------------------------------------


def test_a_running_run_keeps_its_true_start_and_never_waited() -> None:
    with simulated(pool=1) as scheduler:
        run = scheduler.now(sleeper(300))
        scheduler.advance(14)
        found = look_ahead(scheduler, "0:10:00", {"sleep": 300})
    [predicted] = found.runs
    assert (predicted.number, predicted.started, predicted.wait) == (run.number, run.started, timedelta())
    assert predicted.ended is not None
    assert (predicted.ended - found.start) / SECOND == pytest.approx(286)
    assert found.full == ()


def test_a_running_run_that_waited_before_its_start_keeps_that_wait() -> None:
    with simulated(pool=1) as scheduler:
        scheduler.now(sleeper(20))
        second = scheduler.now(sleeper(40))
        scheduler.advance(30)
        found = look_ahead(scheduler, "0:10:00", dict.fromkeys(("sleep", second.job), 40.0))
    [run] = [run for run in found.runs if run.number == second.number]
    assert run.wait / SECOND == pytest.approx(20)


def test_a_start_a_moment_after_the_tick_is_no_wait_of_a_live_run() -> None:
    with simulated() as scheduler:
        scheduler.now(sleeper(300))
        scheduler.advance(10)
        snapshot = scheduler.snapshot()
    late = replace(snapshot.running[0], due=snapshot.running[0].created - timedelta(milliseconds=12))
    found = forecast(replace(snapshot, running=(late,)), {}, length=timedelta(minutes=1))
    assert [run.wait for run in found.runs] == [timedelta()]


def test_the_wait_of_a_later_attempt_does_not_count_the_earlier_ones() -> None:
    with simulated() as scheduler:
        scheduler.now(sleeper(300))
        scheduler.advance(10)
        snapshot = scheduler.snapshot()
    run = snapshot.running[0]
    assert run.started is not None
    again = replace(
        run, created=run.created - timedelta(hours=1), attempt=2, waiting_since=run.started - 3 * SECOND
    )
    found = forecast(replace(snapshot, running=(again,)), {}, length=timedelta(minutes=1))
    assert [run.wait for run in found.runs] == [3 * SECOND]


def test_running_runs_go_on_in_a_smaller_pool() -> None:
    with simulated(pool=3) as scheduler:
        for name in ("a", "b", "c"):
            scheduler.every("1m", sleeper(50), name=name)
        add(scheduler, "d", "80s")
        scheduler.advance(70)
        found = look_ahead(scheduler, "0:00:40", dict.fromkeys("abc", 50.0), pool=1)
    starts = {run.job: (run.started - found.start) / SECOND for run in found.runs if run.started}
    assert starts == {"a": -10, "b": -10, "c": -10, "d": pytest.approx(40)}
    assert found.pool == 1


def test_reasons_have_the_true_start_and_number_of_a_live_run() -> None:
    with simulated("2026-01-01T00:00") as scheduler:
        for _ in range(5):
            scheduler.now(print)
        scheduler.advance(1)
        scheduler.every("10s", sleeper(300), name="long", overlap="skip")
        scheduler.advance(15)
        [running] = scheduler.snapshot().running
        found = look_ahead(scheduler, "0:00:30", {"long": 300})
    [ticks] = [run for run in found.runs if run.state is RunState.SKIPPED]
    assert running.started is not None
    assert running.number == 6
    assert ticks.reason == f"still running since {running.started:%H:%M:%S}, run 6"


def test_reasons_name_no_number_of_a_run_that_exists_only_in_the_forecast() -> None:
    with simulated("2026-01-01T00:00", pool=1) as scheduler:
        scheduler.every("10s", sleeper(15), name="skipped", overlap="skip")
        scheduler.every("10s", sleeper(15), name="replaced", overlap="replace")
        scheduler.every("10s", sleeper(15), name="held", max_held=1)
        found = look_ahead(scheduler, "0:02:00", dict.fromkeys(("skipped", "replaced", "held"), 15.0))
    reasons = {run.reason for run in found.runs if run.reason}
    assert [reason for reason in reasons if re.search(r"run \d", reason)] == []
    assert "another run is still queued" in reasons
    assert "still running since 00:00:10" in reasons
    assert "replaced by another run" in reasons
    assert any(reason.startswith("1 run is held already; ") for reason in reasons)
