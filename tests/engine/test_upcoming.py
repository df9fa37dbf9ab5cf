"""When a schedule is due next, asked again and again."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.engine.next_tick_cache import REMEMBERED, NextTickCache
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Once

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


class Asked(Cron):
    """A schedule that notes when it is asked."""

    questions: list[datetime]

    def __init__(self, spec: str) -> None:
        super().__init__(spec, tz="UTC")
        object.__setattr__(self, "questions", [])  # it is frozen

    def next(self, after: datetime) -> datetime | None:
        """Note it, and answer."""
        self.questions.append(after)
        return super().next(after)


@given(
    st.sampled_from(["0 */15 * * * *", "0 0 12 ? * MON", "30 59 23 31 12 ?", "0 0 0 30 2 ?", "@every 7s"]),
    st.lists(st.integers(-2 * 86_400, 2 * 86_400).map(lambda number: NOON + number / 4), min_size=1),
)
def test_the_answer_is_the_schedules(spec: str, instants: list[float]) -> None:
    """Forth and back in time, at the answers themselves and around them: always what the schedule says."""
    upcoming, schedule = NextTickCache(), parse(spec, tz="UTC")
    if spec.startswith("@every"):
        schedule = schedule.anchored(datetime.fromtimestamp(NOON, UTC))  # type: ignore[union-attr] # an Every
    for instant in instants:
        due = upcoming.after(schedule, instant)
        for near in (instant, *([] if due is None else [due - 0.001, due, due + 0.001])):
            answer = schedule.next(datetime.fromtimestamp(near, UTC))
            assert upcoming.after(schedule, near) == (None if answer is None else answer.timestamp())


def test_a_schedule_is_asked_once_for_all_who_share_it() -> None:
    """Until its answer has come."""
    upcoming, schedule = NextTickCache(), Asked("0 0 * * * *")
    for second in range(3600):
        assert upcoming.after(schedule, NOON + second) == NOON + 3600
    assert len(schedule.questions) == 1
    assert upcoming.after(schedule, NOON + 3600) == NOON + 7200
    assert len(schedule.questions) == 2


def test_never_is_remembered_too() -> None:
    """A day that no month has costs a search through eight years."""
    upcoming, schedule = NextTickCache(), Asked("0 0 0 30 2 ?")
    assert [upcoming.after(schedule, NOON + second) for second in range(5)] == [None] * 5
    assert len(schedule.questions) == 1


@pytest.mark.parametrize("year", [9998, 9999])
def test_what_no_calendar_has_is_never(year: int) -> None:
    """The last year that every zone's calendar has is 9998."""
    once = Once(datetime(year, 12, 31, 12, tzinfo=UTC))
    assert NextTickCache().after(once, NOON) is None


def test_it_forgets_the_oldest() -> None:
    """A program that makes schedules all the time does not fill the memory."""
    upcoming, first = NextTickCache(), Asked("0 0 * * * *")
    upcoming.after(first, NOON)
    others = [Asked("0 0 * * * *") for _ in range(REMEMBERED - 1)]
    for other in others:
        upcoming.after(other, NOON)
    upcoming.after(first, NOON)
    assert len(first.questions) == 1
    upcoming.after(others[-1], NOON + 3600)  # known already: nobody has to make room
    upcoming.after(first, NOON)
    assert len(first.questions) == 1
    upcoming.after(Asked("0 0 * * * *"), NOON)
    upcoming.after(first, NOON)
    assert len(first.questions) == 2
    assert upcoming.after(first, math.nextafter(NOON + 3600, 0)) == NOON + 3600
