"""Tests of the cache of next ticks."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.engine.next_tick_cache import MAX_CACHED, NextTickCache
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Once

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


class RecordingCron(Cron):
    """A schedule that records the calls of `next`."""

    calls: list[datetime]

    def __init__(self, spec: str) -> None:
        super().__init__(spec, tz="UTC")
        object.__setattr__(self, "calls", [])  # the class is frozen

    def next(self, after: datetime) -> datetime | None:
        """Record the call, and return the next tick."""
        self.calls.append(after)
        return super().next(after)


@given(
    st.sampled_from(["0 */15 * * * *", "0 0 12 ? * MON", "30 59 23 31 12 ?", "0 0 0 30 2 ?", "@every 7s"]),
    st.lists(st.integers(-2 * 86_400, 2 * 86_400).map(lambda number: NOON + number / 4), min_size=1),
)
def test_the_cached_tick_is_the_schedules_next_tick(spec: str, instants: list[float]) -> None:
    """For instants in any order, at the ticks themselves and right before and after them."""
    cache, schedule = NextTickCache(), parse(spec, tz="UTC")
    if spec.startswith("@every"):
        schedule = schedule.anchored(datetime.fromtimestamp(NOON, UTC))  # type: ignore[union-attr] # an Every
    for instant in instants:
        due = cache.next_tick(schedule, instant)
        for near in (instant, *([] if due is None else [due - 0.001, due, due + 0.001])):
            expected = schedule.next(datetime.fromtimestamp(near, UTC))
            assert cache.next_tick(schedule, near) == (None if expected is None else expected.timestamp())


def test_a_schedule_is_searched_once_until_its_next_tick() -> None:
    """However many jobs share it."""
    cache, schedule = NextTickCache(), RecordingCron("0 0 * * * *")
    for second in range(3600):
        assert cache.next_tick(schedule, NOON + second) == NOON + 3600
    assert len(schedule.calls) == 1
    assert cache.next_tick(schedule, NOON + 3600) == NOON + 7200
    assert len(schedule.calls) == 2


def test_a_schedule_without_ticks_is_searched_once() -> None:
    """The search for a day that no month has goes through eight years."""
    cache, schedule = NextTickCache(), RecordingCron("0 0 0 30 2 ?")
    assert [cache.next_tick(schedule, NOON + second) for second in range(5)] == [None] * 5
    assert len(schedule.calls) == 1


@pytest.mark.parametrize("year", [9998, 9999])
def test_a_schedule_is_not_due_beyond_the_end_of_the_calendar(year: int) -> None:
    """9998 is the last year that the calendar of every zone has in full."""
    once = Once(datetime(year, 12, 31, 12, tzinfo=UTC))
    assert NextTickCache().next_tick(once, NOON) is None


def test_a_full_cache_forgets_the_oldest_schedule() -> None:
    """A program that creates schedules all the time does not fill the memory."""
    cache, first = NextTickCache(), RecordingCron("0 0 * * * *")
    cache.next_tick(first, NOON)
    others = [RecordingCron("0 0 * * * *") for _ in range(MAX_CACHED - 1)]
    for other in others:
        cache.next_tick(other, NOON)
    cache.next_tick(first, NOON)
    assert len(first.calls) == 1
    cache.next_tick(others[-1], NOON + 3600)  # known already: no schedule is forgotten for it
    cache.next_tick(first, NOON)
    assert len(first.calls) == 1
    cache.next_tick(RecordingCron("0 0 * * * *"), NOON)
    cache.next_tick(first, NOON)
    assert len(first.calls) == 2
    assert cache.next_tick(first, math.nextafter(NOON + 3600, 0)) == NOON + 3600
