"""Quiet times: their grammar, and their instants, also where the clocks change."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.wall_clock_walk import TRANSITION_IDS, TRANSITIONS, Walk, expected_ticks, walk_around

from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.durations import format_duration
from jobtui.schedules.quiet_times import QuietTimes, parse_quiet_time, parse_quiet_times

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "begins", "hours"),
    [
        ("SAT 02:00 for 3h", "0 0 2 * * SAT", 3),
        ("  sat,sun   02:00 FOR 90m", "0 0 2 * * SUN,SAT", 1.5),
        ("MON-FRI 12:30 for 1h", "0 30 12 * * MON-FRI", 1),
        ("Daily 22:00 for 8h", "0 0 22 * * *", 8),
        ("0 0 2 1 * * for 168h", "0 0 2 1 * *", 168),
        ("0 2 * * SAT for 1m", "0 0 2 * * SAT", 1 / 60),
        ("@midnight for 1h", "0 0 0 * * *", 1),
    ],
)
def test_a_quiet_time_has_days_and_a_time_or_a_cron_spec(text: str, begins: str, hours: float) -> None:
    found = parse_quiet_time(text, tz="UTC")
    assert str(found.begins).removeprefix("TZ=UTC ") == begins
    assert (found.length, found.text) == (timedelta(hours=hours), " ".join(text.split()))


def test_a_cron_spec_may_name_its_zone() -> None:
    """Other beginnings are in the zone that is passed."""
    times = parse_quiet_times(["TZ=Asia/Tokyo 0 0 2 * * * for 1h", "daily 02:00 for 1h"], tz="Europe/Oslo")
    assert [str(each.begins.tz) for each in times.times] == ["Asia/Tokyo", "Europe/Oslo"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SAR 02:00 for 3h", "'SAR' is not a day (SUN-SAT or daily); write SAT"),
        ("Saturday 02:00 for 3h", "write SAT"),
        ("dayly 02:00 for 3h", "write daily"),
        ("SAT-MON 02:00 for 3h", "runs backwards; write SAT,SUN-MON"),
        ("SAT SUN 02:00 for 3h", "write several days as SAT,SUN"),
        ("SAT 2:00 for 3h", "'2:00' is not a time of day; write 02:00"),
        ("SAT 25:00 for 3h", "'25:00' is not a time of day"),
        ("02:00 for 3h", "the day is missing; write daily 02:00"),
        ("SAT 02:00-05:00", "write SAT 02:00 for 3h"),
        ("22:00-06:00", "write daily 22:00 for 8h"),
        ("SAT 02:00 3h", "write SAT 02:00 for 3h"),
        ("SAT 02:00 fro 3h", "write SAT 02:00 for 3h"),
        ("SAT 02:00", "a quiet time has a beginning and a length"),
        ("for 3h", "the day and the time are missing"),
        ("", "a quiet time has a beginning and a length"),
        ("SAT 02:00 for", "the duration is empty"),
        ("SAT 02:00 for 2d", "write 48h if you mean that"),
        ("SAT 02:00 for 59s", "a quiet time lasts from 1m to 168h"),
        ("SAT 02:00 for 169h", "a quiet time lasts from 1m to 168h"),
        ("@every 1h for 1m", "an interval has no time of day"),
        ("0 0 2 * * 7 for 3h", "day-of-week: '7' is above 6"),
        ("0 0 0 30 2 ? for 1h", "it never begins"),
        ("daily 00:00 for 24h", "nothing could start for more than 62 days"),
        ("0 * * * * * for 1m", "nothing could start for more than 62 days"),
    ],
)
def test_a_wrong_quiet_time_is_an_error_with_its_place_and_what_to_write(text: str, message: str) -> None:
    """The caret is below the mistake."""
    with pytest.raises(BadSpec) as caught:
        parse_quiet_times(["daily 12:00 for 5m", text], tz="UTC")
    assert str(caught.value).startswith("quiet[1]: ")
    assert message in caught.value.sentence


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("SAT 02:00 for 3h", "quiet must be a list"),
        (None, "quiet must be a list"),
        ([5], r"quiet\[0\]: a quiet time must be a text"),
    ],
)
def test_quiet_times_are_a_list_of_texts(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        parse_quiet_times(value)


def test_quiet_times_that_together_leave_no_gap_are_refused() -> None:
    """Each of them alone leaves one."""
    parse_quiet_times(["MON-FRI 00:00 for 24h"], tz="UTC")
    with pytest.raises(BadSpec, match=r"quiet\[1\]: nothing could start"):
        parse_quiet_times(["MON-FRI 00:00 for 24h", "SAT,SUN 00:00 for 24h"], tz="UTC")


def test_quiet_times_that_touch_or_overlap_are_one() -> None:
    times = parse_quiet_times(
        ["SAT 02:00 for 3h", "SAT 05:00 for 1h", "SAT 05:30 for 1h", "SAT 08:00 for 1h"], tz="UTC"
    )
    saturday = datetime(2026, 11, 28, tzinfo=UTC)

    def at(hours: float) -> float:
        return (saturday + timedelta(hours=hours)).timestamp()

    assert [times.end_at(at(hours)) for hours in (2, 4.999, 6.25)] == [at(6.5)] * 3
    assert [times.end_at(at(hours)) for hours in (1.999, 6.5, 7.999, 9)] == [None] * 4
    assert times.span_at(at(6.5)).end == at(8)


def test_without_quiet_times_it_is_never_quiet() -> None:
    times = QuietTimes()
    assert (times.end_at(0.0), times.span_at(0.0).end, bool(times)) == (None, math.inf, False)


@pytest.mark.parametrize(("name", "transition", "step"), TRANSITIONS, ids=TRANSITION_IDS)
def test_at_a_clock_change_each_minute_is_as_quiet_as_a_walk_along_the_clock_says(
    name: str, transition: str, step: int
) -> None:
    """The beginnings are those of fixed times, and the length is elapsed time."""
    walk = walk_around(name, transition, step)
    at = walk.transition.astimezone(walk.zone)
    day = f"{at:%a}".upper()
    texts = [
        *(
            f"daily {hour:02}:{minute:02} for 45m"
            for hour in {0, at.hour, (at.hour - 1) % 24}
            for minute in (0, 30)
        ),
        *(f"{day} 0{hour}:15 for {length}" for hour in range(4) for length in ("1m", "3h", "25h")),
    ]
    for text in texts:
        assert_as_walk(text, walk)


DAYS = st.sampled_from(["daily", "SAT", "SUN", "MON", "SAT,SUN", "MON-FRI", "FRI-SAT"])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(TRANSITIONS),
    DAYS,
    st.integers(0, 1439),
    st.integers(1, 23 * 60),
)
def test_any_quiet_time_is_as_a_walk_along_the_clock_says(
    around: tuple[str, str, int], days: str, minute: int, length: int
) -> None:
    text = f"{days} {minute // 60:02}:{minute % 60:02} for {format_duration(length * MINUTE)}"
    assert_as_walk(text, walk_around(*around))


def assert_as_walk(text: str, walk: Walk) -> None:
    """Compare each minute of a walk, from a day after its beginning, with what a quiet time says."""
    times = parse_quiet_times([text], tz=walk.zone)
    [time] = times.times
    spec = str(time.begins).rpartition("TZ=")[2].partition(" ")[2] or str(time.begins)
    begins = expected_ticks(time.begins, spec, walk)
    first = walk.transition - timedelta(hours=14)
    for number in range(60 * 40):
        instant = first + number * MINUTE
        ends = [begin + time.length for begin in begins if begin <= instant < begin + time.length]
        found = times.end_at(instant.timestamp())
        assert (found is not None) is bool(ends), (text, instant)
        if ends:
            assert found is not None
            assert found >= max(ends).timestamp()
            assert times.end_at(found) is None
