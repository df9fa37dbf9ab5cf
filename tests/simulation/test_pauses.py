"""Pauses on a simulated clock: until an instant, for a time, with a note, and after failures in a row."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobtui import Job, JobPaused, JobResumed, JobStatus, JobView, Misfire, RunState
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler, at midnight of a Thursday in UTC."""
    with simulated() as scheduler:
        yield scheduler


def work() -> None:
    """Return at once."""


def view(scheduler: SimulatedScheduler, job: str = "work") -> JobView:
    """Return the view of a job."""
    [found] = [each for each in scheduler.snapshot().jobs if each.name == job]
    return found


def status(job: Job) -> JobStatus:
    """Return the status of a job now."""
    return job.status


def skipped(scheduler: SimulatedScheduler) -> list[tuple[int, str]]:
    """Return the number of ticks and the reason of each group that was skipped, oldest first."""
    runs = scheduler.find_runs(state=RunState.SKIPPED)
    return [(run.ticks, run.reason) for run in reversed(runs)]


def test_a_pause_until_an_instant_ends_with_the_tick_of_that_instant(scheduler: SimulatedScheduler) -> None:
    job = scheduler.schedule("0 0 * * * *", work)
    assert job.pause(until=START + 3 * HOUR, note="disk", by="dashboard")
    assert (view(scheduler).paused_since, view(scheduler).paused_until) == (START, START + 3 * HOUR)
    assert (view(scheduler).pause_note, view(scheduler).paused_by) == ("disk", "dashboard")
    scheduler.advance("4h")
    assert scheduler.fired("work") == [START + 3 * HOUR, START + 4 * HOUR]
    assert skipped(scheduler) == [(2, "paused since 00:00:00 until 03:00:00 by dashboard: disk")]
    assert status(job) is JobStatus.IDLE
    assert (view(scheduler).paused_since, view(scheduler).paused_until) == (None, None)
    assert (view(scheduler).pause_note, view(scheduler).paused_by) == ("", "")


def test_a_pause_that_began_after_the_tick_before_its_end_ends_with_that_tick(
    scheduler: SimulatedScheduler,
) -> None:
    """The tick is in the timer's queue before the end of the pause."""
    job = scheduler.schedule("0 0 * * * *", work)
    scheduler.advance("30m")
    job.pause(until=START + HOUR)
    scheduler.advance("1h")
    assert scheduler.fired("work") == [START + HOUR]
    assert skipped(scheduler) == []


def test_a_pause_ends_by_itself_between_two_ticks(scheduler: SimulatedScheduler) -> None:
    job = scheduler.schedule("@daily", work)
    follower = scheduler.subscribe()
    job.pause(for_="1h30m")
    scheduler.advance("1h29m59s")
    assert status(job) is JobStatus.PAUSED
    scheduler.advance("1s")
    assert status(job) is JobStatus.IDLE
    changes = [
        (type(event), event.at) for event in follower.read() if isinstance(event, JobPaused | JobResumed)
    ]
    begun = START.timestamp()
    assert changes == [(JobPaused, begun), (JobResumed, begun + 5_400)]


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("08:00", START + 8 * HOUR),
        ("00:00", START + 24 * HOUR),
        ("08:00:30", START + 8 * HOUR + timedelta(seconds=30)),
        ("2026-01-02 07:00", START + 31 * HOUR),
        ("2026-01-02T07:00+01:00", START + 30 * HOUR),
    ],
)
def test_the_end_may_be_a_text(scheduler: SimulatedScheduler, until: str, end: datetime) -> None:
    scheduler.schedule("@hourly", work).pause(until=until)
    assert view(scheduler).paused_until == end


def test_a_time_of_day_is_that_of_the_scheduler_also_where_the_clock_leaves_it_out() -> None:
    with simulated(start="2026-03-07T12:00", tz="America/New_York") as scheduler:
        job = scheduler.schedule("@hourly", work)
        job.pause(until="02:30")
        end = view(scheduler).paused_until
        assert end is not None
        assert end.isoformat() == "2026-03-08T03:00:00-04:00"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"until": START}, ValueError),
        ({"until": datetime(2026, 1, 2)}, ValueError),  # noqa: DTZ001 - it is refused
        ({"until": "8 o'clock"}, ValueError),
        ({"until": "25:00"}, ValueError),
        ({"until": 5.0}, TypeError),
        ({"for_": 0}, ValueError),
        ({"for_": "-1h"}, ValueError),
        ({"for_": "1h", "until": "08:00"}, TypeError),
        ({"note": "a\nb"}, ValueError),
        ({"note": "x" * 501}, ValueError),
        ({"note": 5}, TypeError),
        ({"by": "\x1b"}, ValueError),
    ],
)
def test_wrong_arguments_are_refused_and_pause_nothing(
    scheduler: SimulatedScheduler, arguments: dict[str, Any], error: type[Exception]
) -> None:
    job = scheduler.schedule("@hourly", work)
    with pytest.raises(error):
        job.pause(**arguments)
    assert status(job) is JobStatus.IDLE


def test_a_paused_job_gets_a_new_end_and_note_and_keeps_its_beginning(scheduler: SimulatedScheduler) -> None:
    job = scheduler.schedule("@hourly", work)
    job.pause(for_="1h", note="first")
    scheduler.advance("30m")
    assert not job.pause()
    assert job.pause(until="09:00")
    scheduler.advance("1h")
    assert view(scheduler).paused_since == START
    assert (view(scheduler).paused_until, view(scheduler).pause_note) == (START + 9 * HOUR, "first")
    assert job.pause(note="second")
    assert (view(scheduler).paused_until, view(scheduler).pause_note) == (START + 9 * HOUR, "second")
    job.resume()
    job.pause()
    scheduler.advance("24h")
    assert status(job) is JobStatus.PAUSED


@pytest.mark.parametrize("misfire", ["coalesce", "all"])
def test_ticks_of_a_suspended_machine_are_skipped_only_up_to_the_end_of_the_pause(
    scheduler: SimulatedScheduler, misfire: Any
) -> None:
    job = scheduler.schedule("0 0 * * * *", work, misfire=misfire)
    job.pause(until=START + 3 * HOUR)
    scheduler.suspend("5h30m")
    assert [ticks for ticks, _ in skipped(scheduler)] == [2]
    runs = scheduler.find_runs(state=RunState.OK)
    coalesced = scheduler.find_runs(state=RunState.COALESCED)
    if misfire == Misfire.ALL.value:
        assert [run.due for run in reversed(runs)] == [START + 3 * HOUR, START + 4 * HOUR, START + 5 * HOUR]
    else:
        assert [run.due for run in runs] == [START + 3 * HOUR]
        assert [run.ticks for run in coalesced] == [2]


def test_the_end_is_an_instant_of_the_wall_clock_which_may_be_set(scheduler: SimulatedScheduler) -> None:
    job = scheduler.schedule("@daily", work)
    job.pause(until=START + 2 * HOUR)
    scheduler.step("-1h")
    scheduler.advance("2h59m")
    assert status(job) is JobStatus.PAUSED
    scheduler.step("1m")
    assert status(job) is JobStatus.IDLE


def test_a_removed_job_is_not_resumed(scheduler: SimulatedScheduler) -> None:
    job = scheduler.schedule("@daily", work)
    job.pause(for_="1h")
    job.remove()
    follower = scheduler.subscribe()
    scheduler.advance("2h")
    assert not [event for event in follower.read() if isinstance(event, JobResumed)]


def test_a_job_that_was_paused_before_the_start_is_resumed_after_it() -> None:
    scheduler = SimulatedScheduler(start=START)
    job = scheduler.schedule("0 0 * * * *", work)
    job.pause(for_="90m")
    with scheduler:
        scheduler.advance("3h")
    assert scheduler.fired("work") == [START + 2 * HOUR, START + 3 * HOUR]


# --- failures -------------------------------------------------------------------------------------


class Failing:
    """A job that fails while its attribute says so."""

    fails = True

    def run(self) -> None:
        """Raise an exception, or return."""
        if self.fails:
            raise ValueError("no")


def test_failures_in_a_row_pause_the_job_and_say_so(
    scheduler: SimulatedScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    job = scheduler.every("1m", Failing(), name="import", pause_after=3)
    with caplog.at_level(logging.WARNING, "jobtui"):
        scheduler.advance("10m")
    assert status(job) is JobStatus.PAUSED
    shown = view(scheduler, "import")
    assert (shown.failures, shown.pause_note) == (3, "3 failures in a row")
    assert (shown.paused_by, shown.pause_after) == ("pause_after", 3)
    assert [ticks for ticks, _ in skipped(scheduler)] == [7]
    assert "import is paused after 3 failures in a row" in caplog.messages


def test_failures_are_counted_again_after_a_run_that_was_ok_and_after_a_pause(
    scheduler: SimulatedScheduler,
) -> None:
    runnable = Failing()
    job = scheduler.every("1m", runnable, name="import", pause_after=3)
    scheduler.advance("2m")
    runnable.fails = False
    scheduler.advance("1m")
    runnable.fails = True
    scheduler.advance("2m")
    assert status(job) is JobStatus.IDLE
    scheduler.advance("1m")
    assert status(job) is JobStatus.PAUSED
    job.resume()
    scheduler.advance("2m")
    assert status(job) is JobStatus.IDLE
    scheduler.advance("1m")
    assert status(job) is JobStatus.PAUSED


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (True, TypeError), ("3", TypeError)])
def test_a_wrong_number_of_failures_is_refused(
    scheduler: SimulatedScheduler, value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="pause_after must be"):
        scheduler.every("1m", work, pause_after=value)
