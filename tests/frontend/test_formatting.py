"""How times, spans and texts read on the screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from jobtui.engine.enums import JobStatus, RunState
from jobtui.frontend.formatting import (
    STATE_GLYPHS,
    STATE_TONES,
    STATUS_GLYPHS,
    STATUS_TONES,
    STRIP_GLYPHS,
    count,
    countdown,
    countdown_within,
    full_moment,
    going,
    moment,
    short_moment,
    span,
)
from jobtui.tui.widgets.line_table import LineTable

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 3, 16, 10, 24, 7, tzinfo=LONDON)

seconds = st.floats(0, 8 * 366 * 86400)
instants = st.datetimes(datetime(1900, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0ms"),
        (0.0001, "<1ms"),
        (0.0005, "0ms"),
        (0.003, "3ms"),
        (0.0994, "99ms"),
        (0.25, "0.25s"),
        (0.999, "1.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (48, "48s"),
        (59.6, "1m00s"),
        (192, "3m12s"),
        (3599.6, "1h00m"),
        (7500, "2h05m"),
        (86399.7, "1d00h"),
        (273600, "3d04h"),
        (99 * 86400 + 82800, "99d23h"),
        (100 * 86400 + 7200, "100d"),
        (-5, "0ms"),
    ],
)
def test_spans(length: float, text: str) -> None:
    """A span has the unit that a person would take, and never reads 60 of a smaller one."""
    if length == 0.0005:  # where rounding goes is not promised, only that it is short
        assert span(timedelta(seconds=length)) in {"0ms", "1ms"}
    else:
        assert span(timedelta(seconds=length)) == text


def test_no_span() -> None:
    """What has not been measured is a dash."""
    assert span(None) == "—"


@given(seconds)
def test_a_span_is_at_most_7_characters(length: float) -> None:
    """The width that the docstring promises, for anything up to 8 years."""
    assert 0 < len(span(timedelta(seconds=length))) <= 7


@given(seconds)
def test_going_fits_its_column_and_has_whole_seconds(length: float) -> None:
    """What goes counts in whole seconds, never ahead of time."""
    text = going(NOW - timedelta(seconds=length), NOW)
    assert len(text) <= 7
    assert "." not in text
    assert "ms" not in text
    if length < 60:
        assert int(text[:-1]) <= length


@pytest.mark.parametrize(
    ("length", "text"), [(0, "0s"), (0.9, "0s"), (9.99, "9s"), (10.7, "10s"), (-3, "0s")]
)
def test_going(length: float, text: str) -> None:
    """A start that lies ahead (a clock was set back) is no negative time."""
    assert going(NOW - timedelta(seconds=length), NOW) == text


def test_what_does_not_go() -> None:
    """What has not started is a dash."""
    assert going(None, NOW) == "—"


@pytest.mark.parametrize(
    ("ahead", "text"),
    [
        (-1, "now"),
        (0, "now"),
        (0.001, "in 1s"),
        (9, "in 9s"),
        (9.1, "in 10s"),
        (48, "in 48s"),
        (60, "in 1m00s"),
    ],
)
def test_countdowns(ahead: float, text: str) -> None:
    """A countdown rounds up: it says ``now`` no earlier than then."""
    assert countdown(NOW + timedelta(seconds=ahead), NOW) == text


@given(seconds)
def test_a_countdown_fits_its_column(ahead: float) -> None:
    """``in `` and a span."""
    assert len(countdown(NOW + timedelta(seconds=ahead), NOW)) <= 9


def test_a_countdown_over_a_change_of_the_clocks_is_real_time() -> None:
    """In the night the clocks go forward, midnight to 3 o'clock is two hours."""
    before = datetime(2026, 3, 29, 0, 0, tzinfo=LONDON)
    after = datetime(2026, 3, 29, 3, 0, tzinfo=LONDON)
    assert countdown(after, before) == "in 2h00m"
    assert going(before, after) == "2h00m"


@pytest.mark.parametrize(
    ("width", "ahead", "text"),
    [
        (9, 48600, "in 13h30m"),
        (8, 48600, "13h30m"),
        (5, 48600, "13h"),
        (5, 7500, "2h05m"),
        (5, 45, "45s"),
        (5, 99 * 86400 + 82800, "99d"),
        (5, 0, "now"),
    ],
)
def test_countdowns_that_have_little_room(width: int, ahead: float, text: str) -> None:
    """First ``in`` goes, then the smaller unit."""
    assert countdown_within(width, NOW + timedelta(seconds=ahead), NOW) == text


@given(seconds)
def test_a_countdown_within_5_cells_fits(ahead: float) -> None:
    """The room that there is beside a badge and a moment with its day."""
    assert len(countdown_within(5, NOW + timedelta(seconds=ahead), NOW)) <= 5


@pytest.mark.parametrize(
    ("instant", "text", "short"),
    [
        (NOW, "10:24:07", "10:24:07"),
        (NOW.replace(hour=0, minute=0, second=0), "00:00:00", "00:00:00"),
        (NOW - timedelta(days=1), "15 Mar 10:24", "15 Mar"),
        (NOW.replace(day=2), " 2 Mar 10:24", " 2 Mar"),
        (NOW.replace(year=2027), "2027-03-16", "27-03-16"),
        (NOW.astimezone(UTC), "10:24:07", "10:24:07"),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), " 2 Jul 00:30", " 2 Jul"),
        (None, "—", "—"),
    ],
)
def test_moments(instant: datetime | None, text: str, short: str) -> None:
    """Today by its time, this year by its day, else by its date; in the zone that is shown."""
    assert moment(instant, NOW) == text
    assert short_moment(instant, NOW) == short


@given(instants)
def test_moments_fit_their_columns(instant: datetime) -> None:
    """At most 12 characters, and 8 for the short form, whatever the instant."""
    assert len(moment(instant, NOW)) <= 12
    assert len(short_moment(instant, NOW)) <= 8


def test_a_full_moment() -> None:
    """Day, date, time and zone."""
    assert full_moment(NOW) == "Mon 2026-03-16 10:24:07 GMT"
    assert full_moment(None) == "—"


def test_glyphs_are_one_cell_and_tell_states_apart() -> None:
    """Every status and state has a glyph of its own, one cell wide, and a tone that the tables know."""
    for glyphs in (STATUS_GLYPHS.values(), STATE_GLYPHS.values(), STRIP_GLYPHS.values()):
        assert len(set(glyphs)) == len(glyphs)
        assert {cell_len(glyph) for glyph in glyphs} == {1}
    assert set(STATUS_GLYPHS) == set(STATUS_TONES) == set(JobStatus)
    assert set(STATE_GLYPHS) == set(STATE_TONES) == set(RunState)
    assert set(STRIP_GLYPHS) == {state for state in RunState if state.ended}
    tones = {*STATUS_TONES.values(), *STATE_TONES.values()}
    assert {f"line-table--{tone}" for tone in tones} <= LineTable.COMPONENT_CLASSES


def test_counts() -> None:
    """One is singular."""
    assert [count(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
