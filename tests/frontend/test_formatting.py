"""The text of instants, durations, states and counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support import snapshots

from jobtui import Scheduler
from jobtui.engine.enums import JobStatus, Overlap, RunState
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    STATUS_SIGNS,
    countdown,
    countdown_within,
    editable_spec,
    failed_last,
    failed_lately,
    format_age,
    format_duration,
    format_instant,
    format_instant_full,
    format_instant_short,
    format_ladder,
    format_limits,
    format_ok_share,
    format_origin,
    format_overlap,
    format_pause,
    format_pause_after,
    format_schedule,
    pluralize,
    schedule_kind,
    status_sign,
)
from jobtui.schedules.adjusted import AdjustedSchedule
from jobtui.schedules.schedule import Cron, Never
from jobtui.tui.widgets.tones import TONES

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
def test_a_duration_has_the_unit_that_fits_its_length(length: float, text: str) -> None:
    """It never has 60 of a unit."""
    if length == 0.0005:  # the direction of the rounding is not promised
        assert format_duration(timedelta(seconds=length)) in {"0ms", "1ms"}
    else:
        assert format_duration(timedelta(seconds=length)) == text


def test_a_missing_duration_is_a_dash() -> None:
    """A job that has not run yet has none."""
    assert format_duration(None) == "—"


@given(seconds)
def test_a_duration_has_at_most_7_characters(length: float) -> None:
    """The docstring promises it, for any duration up to 8 years."""
    assert 0 < len(format_duration(timedelta(seconds=length))) <= 7


@given(seconds)
def test_an_age_fits_its_column_and_is_rounded_down_to_seconds(length: float) -> None:
    """Its column is 7 cells wide."""
    text = format_age(NOW - timedelta(seconds=length), NOW)
    assert len(text) <= 7
    assert "." not in text
    assert "ms" not in text
    if length < 60:
        assert int(text[:-1]) <= length


@pytest.mark.parametrize(
    ("length", "text"), [(0, "0s"), (0.9, "0s"), (9.99, "9s"), (10.7, "10s"), (-3, "0s")]
)
def test_an_age_is_not_negative_and_has_no_fraction(length: float, text: str) -> None:
    """A start may lie in the future, if the clock was set back."""
    assert format_age(NOW - timedelta(seconds=length), NOW) == text


def test_the_age_of_a_missing_start_is_a_dash() -> None:
    """A waiting run has not started."""
    assert format_age(None, NOW) == "—"


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
def test_a_countdown_is_rounded_up_to_seconds(ahead: float, text: str) -> None:
    """It says `now` only once the instant is reached."""
    assert countdown(NOW + timedelta(seconds=ahead), NOW) == text


@given(seconds)
def test_a_countdown_fits_its_column(ahead: float) -> None:
    """Its column is 9 cells wide."""
    assert len(countdown(NOW + timedelta(seconds=ahead), NOW)) <= 9


def test_a_countdown_over_a_transition_of_the_clock_is_elapsed_time() -> None:
    """In the night in which the clocks go forward, midnight to 3 o'clock is two hours."""
    before = datetime(2026, 3, 29, 0, 0, tzinfo=LONDON)
    after = datetime(2026, 3, 29, 3, 0, tzinfo=LONDON)
    assert countdown(after, before) == "in 2h00m"
    assert format_age(before, after) == "2h00m"


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
def test_a_countdown_is_shortened_to_the_width(width: int, ahead: float, text: str) -> None:
    """It first loses the word `in`, then the smaller unit."""
    assert countdown_within(width, NOW + timedelta(seconds=ahead), NOW) == text


@given(seconds)
def test_a_countdown_can_be_shortened_to_5_cells(ahead: float) -> None:
    """The NEXT column has 5 cells left after a DST badge and a date."""
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
def test_an_instant_is_a_time_today_a_day_this_year_else_a_date(
    instant: datetime | None, text: str, short: str
) -> None:
    """It is given in the zone of `now`."""
    assert format_instant(instant, NOW) == text
    assert format_instant_short(instant, NOW) == short


@given(instants)
def test_an_instant_has_at_most_12_characters_and_8_if_short(instant: datetime) -> None:
    """The columns rely on it."""
    assert len(format_instant(instant, NOW)) <= 12
    assert len(format_instant_short(instant, NOW)) <= 8


def test_a_full_instant_has_weekday_date_time_and_zone() -> None:
    """A missing one is a dash."""
    assert format_instant_full(NOW) == "Mon 2026-03-16 10:24:07 GMT"
    assert format_instant_full(None) == "—"


def test_every_state_has_a_distinct_glyph_of_one_cell() -> None:
    assert list(STATUS_SIGNS) == list(JobStatus)
    assert list(STATE_SIGNS) == list(RunState)
    for glyphs in (
        [sign.glyph for sign in STATUS_SIGNS.values()],
        [sign.glyph for sign in STATE_SIGNS.values()],
    ):
        assert len(set(glyphs)) == len(glyphs)
        assert {cell_len(glyph) for glyph in glyphs} == {1}


def test_every_tone_has_a_colour_in_the_tables_and_on_the_page() -> None:
    style = files("jobtui.web.pages").joinpath("static", "style.css").read_text("utf-8")
    for tone in {sign.tone for sign in (*STATUS_SIGNS.values(), *STATE_SIGNS.values())}:
        assert tone in TONES
        assert f".tone-{tone} {{ color:" in style


@pytest.mark.parametrize(
    ("spec", "kind"),
    [("@hourly", "cron"), ("0 * * * *", "cron"), ("@every 5m", "every"), ("one-off", "one-off")],
)
def test_a_schedule_has_a_kind(spec: str, kind: str) -> None:
    assert schedule_kind(snapshots.make_job("a", spec)) == kind


def test_a_spread_schedule_has_the_kind_of_its_base_and_one_of_the_users_class_is_own() -> None:
    class Own:
        tz = UTC

        def next(self, after: datetime) -> datetime:
            return after + timedelta(seconds=1)

    job = snapshots.make_job("a", "@hourly")
    assert job.schedule is not None
    spread = AdjustedSchedule(base=job.schedule, spread=timedelta(minutes=5), name="a")
    assert schedule_kind(replace(job, schedule=spread)) == "cron"
    assert schedule_kind(replace(job, schedule=Own())) == "own"
    assert schedule_kind(replace(job, schedule=Never())) == "by hand"


@pytest.mark.parametrize(
    ("runs", "failures", "text"),
    [(0, 0, ""), (12, 0, "100"), (10_000, 1, "99.9"), (3, 1, "66.6"), (5, 5, "0.0")],
)
def test_the_share_of_runs_that_did_not_fail_is_rounded_down(runs: int, failures: int, text: str) -> None:
    """So 100 means none."""
    assert format_ok_share(snapshots.make_job("a", runs=runs, failures=failures)) == text


@pytest.mark.parametrize("origin", ["/srv/app/jobs.py:12", "C:\\app\\jobs.py:12", "jobs.py:12"])
def test_the_origin_of_a_job_is_shown_without_its_folder(origin: str) -> None:
    assert format_origin(snapshots.make_job("a", origin=origin)) == "jobs.py:12"


def test_pluralize_adds_an_s_unless_the_number_is_1() -> None:
    """Zero is plural in English."""
    assert [pluralize(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


@pytest.mark.parametrize(
    ("recent", "last", "lately"),
    [
        ("", False, False),
        ("OK", False, False),
        ("FAILED", True, True),
        ("OK FAILED", True, True),
        ("FAILED OK", False, True),
        ("FAILED SKIPPED CANCELLED MISSED COALESCED", True, True),
        ("FAILED OK SKIPPED", False, True),
        ("SKIPPED MISSED", False, False),
    ],
)
def test_a_job_failed_last_if_its_latest_run_that_completed_failed(
    recent: str, last: bool, lately: bool
) -> None:
    """Ticks that started no run, and cancelled runs, do not count."""
    job = snapshots.make_job(recent=tuple(RunState(word) for word in recent.split()))
    assert (failed_last(job), failed_lately(job)) == (last, lately)


@pytest.mark.parametrize("status", JobStatus)
def test_only_an_idle_job_has_the_status_failed(status: JobStatus) -> None:
    """Otherwise the user could not see what it does now."""
    job = snapshots.make_job(status=status, recent=(RunState.FAILED,))
    assert status_sign(job)[1] == ("FAILED" if status is JobStatus.IDLE else status.value)
    assert status_sign(replace(job, recent=(RunState.OK,)))[1] == status.value


@pytest.mark.parametrize(
    ("spec", "options", "expected"),
    [
        ("0 30 9 * * *", {}, "0 30 9 * * *"),
        ("0 30 9 * * *", {"tz": "Europe/London"}, "0 30 9 * * *"),
        ("0 30 9 * * *", {"tz": "Asia/Tokyo"}, "TZ=Asia/Tokyo 0 30 9 * * *"),
        ("TZ=Asia/Tokyo 0 30 9 * * *", {}, "TZ=Asia/Tokyo 0 30 9 * * *"),
        ("CRON_TZ=Asia/Tokyo 30 9 * * *", {}, "CRON_TZ=Asia/Tokyo 30 9 * * *"),
        (Cron("30 9 * * *", tz="Asia/Tokyo"), {}, "TZ=Asia/Tokyo 0 30 9 * * *"),
        ("@every 5s", {"tz": "Asia/Tokyo"}, "@every 5s (Asia/Tokyo)"),
    ],
)
def test_a_schedule_in_another_zone_than_the_times_beside_it_begins_with_its_zone(
    spec: str | Cron, options: dict[str, Any], expected: str
) -> None:
    """A narrow column cuts its end off. The zone makes no difference to an interval."""
    scheduler = Scheduler(tz="Europe/London")
    scheduler.schedule(spec, print, **options)
    [job] = scheduler.snapshot().jobs
    assert format_schedule(job, LONDON) == expected


@pytest.mark.parametrize(
    ("until", "text"),
    [
        (None, "paused"),
        (NOW + timedelta(hours=1), "paused til 11:24"),
        (datetime(2026, 3, 17, 8, tzinfo=LONDON), "paused til Tue 08:00"),
        (datetime(2026, 3, 16, 23, 30, tzinfo=UTC), "paused til 23:30"),
        (datetime(2026, 3, 22, 8, tzinfo=LONDON), "paused til Sun 08:00"),
        (datetime(2026, 3, 23, 8, tzinfo=LONDON), "paused til 23 Mar"),
        (datetime(2027, 1, 1, tzinfo=LONDON), "paused til 27-01-01"),
    ],
)
def test_a_pause_shows_its_end_as_shortly_as_it_is_clear(until: datetime | None, text: str) -> None:
    job = snapshots.make_job(paused_since=NOW, paused_until=until)
    assert format_pause(job, NOW) == text
    assert cell_len(text) <= 22


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({}, ""),
        ({"warn": timedelta(minutes=2)}, "warning after 2m00s"),
        (
            {"timeout": timedelta(minutes=5), "abandon": timedelta(seconds=30)},
            "timeout 5m00s, abandoned 30s later",
        ),
    ],
)
def test_the_limits_of_a_job_are_told_in_words(limits: dict[str, Any], text: str) -> None:
    assert format_limits(snapshots.make_job(**limits)) == text


@pytest.mark.parametrize(("failures", "text"), [(1, "1 failure"), (5, "5 failures in a row")])
def test_the_failures_that_pause_a_job_are_counted_in_words(failures: int, text: str) -> None:
    assert format_pause_after(snapshots.make_job(pause_after=failures)) == text


def test_the_attempts_of_a_run_are_elapsed_time_after_its_tick_also_when_the_clocks_change() -> None:
    offsets = tuple(timedelta(minutes=each) for each in (20, 60, 100, 140, 180, 220))
    job = snapshots.make_job(retry="6 retries", retry_offsets=offsets)
    due = datetime(2026, 3, 29, 0, 30, tzinfo=LONDON)  # the clocks skip 01:00 to 02:00
    assert format_ladder(job, due, LONDON) == (
        "6 retries; at 00:50:00, 02:30:00, 03:10:00, 03:50:00, 04:30:00, ..."
        " if a run of 00:30:00 fails at once"
    )
    assert format_ladder(job, None, LONDON) == "6 retries"
    assert format_ladder(snapshots.make_job(), due, LONDON) == ""


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("0 */15 9-17 * * MON-FRI", "0 */15 9-17 * * MON-FRI"),
        ("cron.often = 0 */30 * * * *", "cron.often"),
        ("@hourly (Asia/Tokyo)", "TZ=Asia/Tokyo @hourly"),
        ("TZ=Asia/Tokyo @hourly", "TZ=Asia/Tokyo @hourly"),
        ("every 1h30m", "1h30m"),
        ("@every 15s", "@every 15s"),
    ],
)
def test_the_spec_to_edit_gives_a_job_the_schedule_that_it_has(spec: str, text: str) -> None:
    """A job that runs only by hand has none."""
    job = snapshots.make_job(spec="@hourly")
    assert editable_spec(replace(job, spec=spec)) == text
    by_hand = replace(job, schedule=Never(), spec="by hand")
    assert editable_spec(by_hand) == ""
    assert editable_spec(replace(by_hand, spec="@reboot", on_start=True)) == "@reboot"


def test_a_limit_of_held_runs_is_shown_unless_it_is_the_usual_one() -> None:
    assert format_overlap(snapshots.make_job()) == "hold"
    assert format_overlap(snapshots.make_job(max_held=5)) == "hold, at most 5 runs"
    assert format_overlap(snapshots.make_job(max_held=5, overlap=Overlap.SKIP)) == "skip"
