"""Quiet times, in which nothing starts, on a simulated clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobtui import MisfireName, QuietTimeChanged, Retry, RunState
from jobtui.frontend.upcoming import list_upcoming
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUIET = ("daily 13:00 for 1h",)


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler at 12:00, in which it is quiet from 13:00 until 14:00."""
    with simulated(NOON, tz="UTC", pool=1, quiet=QUIET) as scheduler:
        yield scheduler


def work() -> None:
    """Do nothing."""


def starts(scheduler: SimulatedScheduler, job: str = "work") -> list[str]:
    return [f"{instant:%d %H:%M:%S}" for instant in scheduler.fired(job)]


def test_ticks_of_a_quiet_time_start_no_run_and_are_not_made_up_for(scheduler: SimulatedScheduler) -> None:
    """The time includes its beginning, and not its end. The ledger has one entry."""
    scheduler.schedule("0 */30 * * * *", work)
    scheduler.advance("2h30m")
    assert starts(scheduler) == ["23 12:30:00", "23 14:00:00", "23 14:30:00"]
    [skipped] = scheduler.find_runs(job="work", state=RunState.SKIPPED)
    assert (skipped.ticks, skipped.reason) == (2, "quiet until 2026-11-23 14:00:00")
    scheduler.advance("24h")
    assert [each.ticks for each in scheduler.find_runs(job="work", state=RunState.SKIPPED)] == [2, 2]


def test_skipped_ticks_of_quiet_times_are_not_reported_as_missed(scheduler: SimulatedScheduler) -> None:
    """As those of a paused job."""
    missed: list[object] = []
    scheduler.on_missed(missed.append)
    scheduler.schedule("0 */30 * * * *", work)
    scheduler.advance("3h")
    assert missed == []


def test_runs_that_wait_start_when_the_quiet_time_ends_in_their_order(scheduler: SimulatedScheduler) -> None:
    """Those that are queued when it begins, and those that a program requests in it."""

    async def busy() -> None:
        await asyncio.sleep(90)

    scheduler.schedule("0 59 12 * * *", busy, name="first")
    scheduler.schedule("30 59 12 * * *", work, name="second")
    scheduler.advance("1h10m")
    assert starts(scheduler, "second") == []
    later = scheduler.in_("10m", work)
    now = scheduler.now(work)
    scheduler.advance("30m")
    assert (later.state, now.state) == (RunState.QUEUED, RunState.QUEUED)
    scheduler.advance("30m")
    assert starts(scheduler, "second") == ["23 14:00:00"]
    assert starts(scheduler) == ["23 14:00:00", "23 14:00:00"]


def test_a_run_by_hand_starts_at_once_and_before_the_runs_that_wait(scheduler: SimulatedScheduler) -> None:
    """A user who asks for a run wants it now, as with a paused job."""
    scheduler.schedule("@hourly", work)
    waiting = scheduler.add(work, name="other")
    scheduler.advance("1h10m")
    scheduler.now(waiting)
    scheduler.run("work")
    scheduler.advance("1m")
    assert starts(scheduler) == ["23 13:10:00"]
    assert starts(scheduler, "other") == []
    scheduler.advance("1h")
    assert starts(scheduler, "other") == ["23 14:00:00"]


def test_the_next_attempt_of_a_run_waits_and_can_be_made_by_hand(scheduler: SimulatedScheduler) -> None:
    def fail() -> None:
        raise OSError

    scheduler.schedule("0 59 12 * * *", fail, name="one", retry=Retry(1, first="5m", jitter=0))
    scheduler.schedule("0 58 12 * * *", fail, name="two", retry=Retry(1, first="5m", jitter=0))
    scheduler.advance("1h2m")
    scheduler.run("two")
    scheduler.advance("20m")
    attempts = {run.job: (run.state, run.attempt) for run in scheduler.find_runs()}
    assert attempts == {"one": (RunState.QUEUED, 2), "two": (RunState.FAILED, 2)}
    scheduler.advance("1h")
    assert scheduler.find_runs(job="one")[0].state is RunState.FAILED


def test_a_start_run_waits_for_the_end_of_a_quiet_time() -> None:
    """Otherwise a job that runs only at the start would not run at all."""
    with simulated("2026-11-23 13:20", tz="UTC", quiet=QUIET) as scheduler:
        scheduler.schedule("@reboot", work)
        scheduler.advance("2h")
        assert starts(scheduler) == ["23 14:00:00"]


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("coalesce", ["24 15:15:00", "24 15:30:00"]),
        ("skip", ["24 15:30:00"]),
        ("all", ["24 15:15:00"] * 50 + ["24 15:30:00"]),
    ],
)
def test_late_ticks_of_a_quiet_time_are_told_from_the_others(
    misfire: MisfireName, expected: list[str]
) -> None:
    """The machine sleeps from 12:00 until 15:15 of the next day; 54 ticks pass, 4 of them in quiet times."""
    with simulated(NOON, tz="UTC", quiet=QUIET) as scheduler:
        scheduler.schedule("0 */30 * * * *", work, misfire=misfire)
        scheduler.suspend("27h15m")
        scheduler.advance("15m")
        assert starts(scheduler) == expected
        skipped = scheduler.find_runs(job="work", state=RunState.SKIPPED)
        assert [(each.ticks, each.reason) for each in skipped] == [
            (2, "quiet until 2026-11-24 14:00:00"),
            (2, "quiet until 2026-11-23 14:00:00"),
        ]


def test_a_sleep_that_begins_in_a_quiet_time_ends_with_one_run_for_the_ticks_after_it(
    scheduler: SimulatedScheduler,
) -> None:
    scheduler.schedule("0 */30 * * * *", work)
    scheduler.advance("1h15m")
    scheduler.suspend("2h")
    scheduler.advance(0)
    assert starts(scheduler) == ["23 12:30:00", "23 15:15:00"]


def test_a_clock_that_is_set_into_or_out_of_a_quiet_time_is_noticed(scheduler: SimulatedScheduler) -> None:
    subscription = scheduler.subscribe()
    scheduler.step("1h30m")
    assert scheduler.snapshot().quiet_until == datetime(2026, 11, 23, 14, tzinfo=UTC)
    run = scheduler.now(work)
    scheduler.advance("1m")
    assert run.state is RunState.QUEUED
    scheduler.step("-1h")
    scheduler.advance(0)
    assert (run.state, scheduler.snapshot().quiet_until) == (RunState.OK, None)
    scheduler.advance("29m")  # 13:00
    assert scheduler.snapshot().quiet_until is not None
    changes = [each.until for each in subscription.read() if isinstance(each, QuietTimeChanged)]
    end = datetime(2026, 11, 23, 14, tzinfo=UTC).timestamp()
    assert changes == [end, None, end]


def test_views_show_which_ticks_are_in_a_quiet_time(scheduler: SimulatedScheduler) -> None:
    """Whether it is quiet already or not."""
    scheduler.schedule("0 20 13 * * *", work, name="quiet")
    scheduler.schedule("0 20 14 * * *", work, name="loud")
    scheduler.advance(0)
    end = datetime(2026, 11, 23, 14, tzinfo=UTC)
    snapshot = scheduler.snapshot()
    assert snapshot.quiet == QUIET
    assert snapshot.quiet_until is None
    assert {job.name: job.quiet_until for job in snapshot.jobs} == {"quiet": end, "loud": None}
    scheduler.advance("1h5m")
    scheduler.in_("5m", work)
    scheduler.in_("2h", work)
    snapshot = scheduler.snapshot()
    assert snapshot.quiet_until == end
    assert [each.quiet_until for each in list_upcoming(snapshot)] == [end, end, None, None]


def test_quiet_times_of_the_settings_apply_to_a_job_file(tmp_path: Path) -> None:
    """In the zone of the scheduler."""
    (tmp_path / "jobs.py").write_text(
        "import jobtui\njobtui.schedule('0 */30 * * * *', lambda: None, name='work')\n", encoding="utf-8"
    )
    (tmp_path / "jobtui.toml").write_text(f'jobs.quiet = ["{QUIET[0]}"]\n', encoding="utf-8")
    with simulated("2026-11-23 12:10", tz="Europe/Oslo") as scheduler:
        scheduler.load(tmp_path / "jobs.py")
        scheduler.advance("2h")
        assert starts(scheduler) == ["23 12:30:00", "23 14:00:00"]


def test_a_stop_cancels_the_runs_that_wait_for_the_end(scheduler: SimulatedScheduler) -> None:
    scheduler.advance("1h10m")
    run = scheduler.now(work)
    scheduler.stop()
    assert (run.state, scheduler.run_view(run.number).reason) == (RunState.CANCELLED, "scheduler stopped")
