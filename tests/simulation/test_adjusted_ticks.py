"""Ticks with bounds, spread and jitter, on a simulated clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobtui import describe
from jobtui.frontend.local_backend import LocalBackend
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler at 12:00:00 UTC."""
    with simulated(NOON, tz="UTC") as scheduler:
        yield scheduler


def work() -> None:
    """Do nothing."""


def times(scheduler: SimulatedScheduler, job: str = "work") -> list[str]:
    return [f"{instant:%H:%M:%S}" for instant in scheduler.fired(job)]


def delays(scheduler: SimulatedScheduler, job: str = "work", interval: int = 60) -> list[float]:
    return [instant.timestamp() % interval for instant in scheduler.fired(job)]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"not_before": "2026-11-23T12:30"}, ["12:30:00", "12:40:00", "12:50:00", "13:00:00"]),
        ({"not_before": NOON + timedelta(minutes=31), "until": "2026-11-23 12:50"}, ["12:40:00", "12:50:00"]),
        ({"until": "2026-11-23 22:05+10:00"}, []),
        ({"until": NOON.replace(minute=10, tzinfo=None)}, ["12:10:00"]),
    ],
)
def test_a_job_is_due_within_its_bounds(
    scheduler: SimulatedScheduler, bounds: dict[str, Any], expected: list[str]
) -> None:
    job = scheduler.schedule("*/10 * * * *", work, **bounds)
    scheduler.advance("1h")
    assert times(scheduler) == expected
    assert (job.next is None) is ("until" in bounds)


def test_an_interval_within_bounds_keeps_its_grid(scheduler: SimulatedScheduler) -> None:
    scheduler.every("7m", work, not_before="2026-11-23T12:20", until="2026-11-23T12:30")
    scheduler.advance("1h")
    assert times(scheduler) == ["12:21:00", "12:28:00"]


def test_spread_moves_all_ticks_of_a_job_by_one_time_that_its_name_decides(
    scheduler: SimulatedScheduler,
) -> None:
    for number in range(20):
        scheduler.schedule("@hourly", work, name=f"job {number}", spread="30m")
    scheduler.advance("3h")
    moved = {f"job {number}": set(delays(scheduler, f"job {number}", 3600)) for number in range(20)}
    assert all(len(each) == 1 and 0 <= min(each) < 1800 for each in moved.values())
    assert len(set.union(*moved.values())) > 15
    with simulated(NOON, tz="UTC") as other:
        other.schedule("@hourly", work, name="job 7", spread="30m")
        other.advance("3h")
        assert set(delays(other, "job 7", 3600)) == moved["job 7"]


def test_jitter_makes_each_tick_later_by_a_time_of_its_own(scheduler: SimulatedScheduler) -> None:
    """None is lost, and none is due twice."""
    scheduler.schedule("* * * * *", work, jitter="30s")
    scheduler.advance("100m")
    found = delays(scheduler)
    minutes = [instant.replace(second=0, microsecond=0) for instant in scheduler.fired("work")]
    assert len(found) in {99, 100}
    assert minutes == [NOON + timedelta(minutes=number) for number in range(len(found) + 1)][1:] or (
        minutes[0] == NOON
    )
    assert all(0 <= each < 30 for each in found)
    assert len(set(found)) > 50


def test_jitter_longer_than_the_interval_keeps_the_ticks_in_order(scheduler: SimulatedScheduler) -> None:
    scheduler.schedule("*/10 * * * * *", work, jitter="1m", misfire="all")
    scheduler.advance("1h")
    fired = scheduler.fired("work")
    assert fired == sorted(fired)
    assert 340 <= len(fired) <= 361


def test_the_next_tick_and_the_description_have_the_instants_that_result(
    scheduler: SimulatedScheduler,
) -> None:
    job = scheduler.schedule("@daily", work, name="report", spread="1h", until="2026-12-31")
    assert job.next is not None
    details = LocalBackend(scheduler, "shop.py").job_details("report")
    assert [tick.at for tick in details.preview.ticks][0] == job.next  # noqa: RUF015 - all are compared
    late = timedelta(minutes=job.next.minute, seconds=job.next.second)
    text = details.description
    assert text.startswith("at 00:00 every day (UTC), ")
    assert text.endswith("late (spread 1h), until 2026-12-31 00:00:00")
    assert f"{late.seconds // 60}m{late.seconds % 60}s" in text
    assert describe(job.schedule) == text


def test_an_update_replaces_the_adjustments(scheduler: SimulatedScheduler) -> None:
    job = scheduler.every("10m", work, spread="5m")
    job.update(spread=0, until="2026-11-23T12:20")
    scheduler.advance("1h")
    assert times(scheduler) == ["12:10:00", "12:20:00"]


def test_the_clock_set_back_moves_an_interval_with_a_spread(scheduler: SimulatedScheduler) -> None:
    scheduler.every("10m", work, spread="5m")
    scheduler.advance("20m")
    before = len(scheduler.fired("work"))
    scheduler.step("-1h")
    scheduler.advance("20m")
    assert len(scheduler.fired("work")) == before + 2


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ({"jitter": "2h"}, "jitter must be at most 1h"),
        ({"until": "tomorrow"}, "until must be ISO 8601"),
        ({"not_before": 5}, "not_before must be a datetime"),
        ({"not_before": "2026-12-02", "until": "2026-12-01"}, "until must not be before not_before"),
        ({"spread": -1}, "spread: a delay cannot be negative"),
        ({"jitter": "x"}, "jitter: a number is missing"),
        ({"until": datetime.max.replace(tzinfo=UTC)}, "is not between the years 1900 and 9998"),
        ({"not_before": "0001-01-01"}, "not_before: 0001-01-01 .* is not between"),
    ],
)
def test_a_wrong_adjustment_is_an_error(
    scheduler: SimulatedScheduler, policies: dict[str, Any], message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        scheduler.every("1m", work, **policies)
    assert scheduler.jobs == []
