"""Durations in Go's grammar, and valid intervals."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.durations import as_interval, format_duration, parse_duration

STEADY = settings(derandomize=True, deadline=None, max_examples=300, database=None)
MS = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5400),
        ("1h30m10s", 5410),
        ("1.5h", 5400),
        ("-1.5h", -5400),
        ("+5s", 5),
        (".5s", 0.5),
        ("5.s", 5),
        ("1us", 1e-6),
        ("1\u00b5s", 1e-6),
        ("1\u03bcs", 1e-6),
        ("1500ns", 2e-6),
        ("2500ns", 2e-6),
        ("1ns", 0),
        ("250ms", 0.25),
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        ("3m1h", 3780),
        ("1s1s", 2),
    ],
)
def test_a_duration_has_the_value_that_go_gives_it(text: str, seconds: float) -> None:
    """Rounded to the nearest microsecond, half to even."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("-", "empty"),
        ("5", "unit is missing"),
        ("1h5", "unit is missing"),
        ("00", "unit is missing"),
        (".s", "number is missing"),
        (".", "number is missing"),
        ("h", "number is missing"),
        ("1d", "write 24h"),
        ("2weeks", "write 336h"),
        ("1H", "lower case: h"),
        ("1parsec", "unknown unit 'parsec'"),
        ("1h 30m", "spaces are not allowed"),
        (" 1h", "spaces are not allowed"),
        ("1h\n", "spaces are not allowed"),
        ("1h-30m", "unknown unit 'h-'"),
        ("--1h", "sign is allowed only at the start"),
        ("1e3s", "unknown unit 'e'"),
        ("\u0663s", "number is missing"),
        ("2562048h", "292 years"),
        ("9" * 511 + "h", "292 years"),
        ("1" * 600, "512"),
    ],
)
def test_a_text_that_go_rejects_is_rejected_with_a_hint(text: str, message: str) -> None:
    """The message says what is wrong and what to write."""
    with pytest.raises(BadSpec, match=message):
        parse_duration(text)


def test_the_error_for_a_duration_has_a_caret_under_the_fault() -> None:
    """Here under the unknown unit."""
    with pytest.raises(BadSpec) as caught:
        parse_duration("1h2d")
    assert caught.value.position == 3
    assert str(caught.value).splitlines()[1:] == ["  1h2d", "     ^"]


@STEADY
@given(st.text(alphabet="0123456789.hmsunµμ+- d", max_size=12) | st.text(max_size=20))
def test_any_text_is_a_duration_or_a_bad_spec(text: str) -> None:
    """No other error is raised."""
    with suppress(BadSpec):
        assert format_duration(parse_duration(text))


@STEADY
@given(st.timedeltas(min_value=timedelta(days=-100_000), max_value=timedelta(days=100_000)))
def test_a_formatted_duration_parses_to_the_same_value(duration: timedelta) -> None:
    """Exact to the microsecond, for both signs."""
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (5400, "1h30m"),
        (7205, "2h5s"),
        (1.5, "1.5s"),
        (0.25, "250ms"),
        (0.0015, "1.5ms"),
        (0.0005, "500\u00b5s"),
        (-90, "-1m30s"),
        (86400, "24h"),
        (60.000001, "1m0.000001s"),
    ],
)
def test_a_duration_is_formatted_as_in_go_without_zero_units(seconds: float, text: str) -> None:
    """1h30m, where Go writes 1h30m0s. Below a second the unit is ms or us, as in Go."""
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("value", "interval"),
    [
        (5, timedelta(seconds=5)),
        (0.25, timedelta(milliseconds=250)),
        ("1h30m", timedelta(minutes=90)),
        (timedelta(days=1), timedelta(days=1)),
        (0.001, MS),
        (2922 * 86400, timedelta(days=2922)),
        (1.0000004, timedelta(seconds=1)),
    ],
)
def test_an_interval_is_a_timedelta_seconds_or_a_duration(
    value: timedelta | float | str, interval: timedelta
) -> None:
    """From 1 ms to 8 years, both included; rounded to the microsecond."""
    assert as_interval(value) == interval


@pytest.mark.parametrize(
    "value",
    [
        *(0, -1, 0.0009, 2922 * 86400 + 1, 10**400, -(10**400)),
        *(float("nan"), float("inf"), float("-inf"), 1e308, -1e308),
        *(timedelta(0), timedelta(seconds=-1), timedelta.max, timedelta.min, MS - timedelta(microseconds=1)),
        *("0", "-5s", "1us", "70129h", "90", ""),
    ],
)
def test_an_interval_outside_1_ms_to_8_years_is_a_bad_spec(value: timedelta | float | str) -> None:
    """Also nan and infinity, of every type."""
    with pytest.raises(BadSpec):
        as_interval(value)


@pytest.mark.parametrize("value", [True, False, None, b"5s", [5], 5j])
def test_an_interval_of_another_type_is_a_type_error(value: object) -> None:
    """A bool is not a number of seconds."""
    with pytest.raises(TypeError, match="an interval must be a timedelta"):
        as_interval(value)  # type: ignore[arg-type] # the point of the test
