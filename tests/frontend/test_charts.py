"""Charts of the runs of a job, as exact small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from jobtui.engine.run_columns import RunColumns, RunPoint, columns_of
from jobtui.frontend.charts import (
    DurationScale,
    Line,
    error_groups,
    heat_map,
    histogram,
    levels_of,
    quantile,
    scatter,
)

MONDAY = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
FIVE, SIX = (30, 5), (50, 6)  # widths and heights


def runs(*seconds_and_states: tuple[float, str] | float, every: float = 60) -> RunColumns:
    """Return a run for each duration, with its state if that is not OK, a minute apart."""
    points = []
    for place, each in enumerate(seconds_and_states):
        seconds, state = each if isinstance(each, tuple) else (each, "OK")
        reason = "" if state == "OK" else "boom"
        points.append(RunPoint(place, place, MONDAY + place * every, seconds, state, "", "", reason))
    return columns_of(points, 1_000_000)


def text_of(lines: Sequence[Line]) -> list[str]:
    """Return the texts of some lines."""
    return ["".join(text for text, _ in line) for line in lines]


def draw(columns: RunColumns, size: tuple[int, int] = FIVE) -> list[str]:
    """Return the chart of durations, without lines across it."""
    return text_of(scatter(columns, [], *size, UTC))


MIXED = runs(1, 2, 3, 1, (2, "FAILED"), 3, (1, "CANCELLED"), 2, 3)


# --- durations over time --------------------------------------------------------------------------


def test_one_run_is_a_dot_at_its_time() -> None:
    assert draw(runs(2)) == [
        "  2.0s ┤                     ⠈",
        "  1.2s ┤                      ",
        " 0.75s ┤                      ",
        "   0ms ┤                      ",
        "                      00:00:00",
    ]


def test_equal_durations_are_a_row_of_dots() -> None:
    assert draw(runs(*[2] * 9))[0] == "  2.0s ┤⠁ ⠈  ⠈  ⠁  ⠁ ⠈  ⠈  ⠁ ⠈"


def test_durations_of_zero_are_at_the_bottom() -> None:
    assert draw(runs(*[0] * 9)) == [
        "  1.0s ┤                      ",
        " 0.62s ┤                      ",
        " 0.38s ┤                      ",
        "   0ms ┤⡀ ⢀  ⢀  ⡀  ⡀ ⢀  ⢀  ⡀ ⢀",
        "        00:00:00      00:08:00",
    ]


def test_durations_below_a_millisecond_have_an_axis_that_ends_at_one() -> None:
    """Labels such as "<1ms" would name no place on it."""
    assert DurationScale.of([0.00002, 0.0009]) == DurationScale(low=0.0, high=0.001, is_log=False)
    chart = draw(runs(0.0002, 0.00002, 0.0009))
    assert [line[:8] for line in chart] == ["   1ms ┤", "       │", "       │", "   0ms ┤", "        "]


def test_no_two_labels_of_an_axis_are_equal() -> None:
    assert [line[:8] for line in draw(runs(0.0018))[:4]] == ["   2ms ┤", "   1ms ┤", "       │", "   0ms ┤"]


def test_failures_and_lines_have_glyphs_of_their_own() -> None:
    lines = scatter(MIXED, levels_of(MIXED, None, timedelta(seconds=4)), *SIX, UTC)
    assert text_of(lines) == [
        "  4.0s ┤━━━━━━━━━━━━━━━━━━━━━━━━━━━ timeout 4.0s",
        "  2.8s ┤┄┄┄┄┄┄⠐┄┄┄┄┄┄┄┄┄⠐┄┄┄┄┄┄┄┄┄⠐ p95 3.0s",
        "       │───⠄─────────✗─────────⠠─── median 2.0s",
        "  1.2s ┤⡀         ⡀         ⊘      ",
        "   0ms ┤                           ",
        "        00:00:00  00:04:00 00:08:00",
    ]
    assert ("✗", "failed") in lines[2]
    assert ("⊘", "muted") in lines[3]
    assert ("⡀", "ok") in lines[3]


def test_a_line_far_above_all_runs_is_only_named() -> None:
    levels = levels_of(MIXED, timedelta(seconds=3), timedelta(seconds=400))
    assert text_of(scatter(MIXED, levels, *SIX, UTC)) == [
        "  3.0s ┤╌╌╌╌╌╌⠈╌╌╌╌╌╌╌╌╌⠈╌╌╌╌╌╌╌╌╌⠈↑timeout 6m40s",
        "  2.1s ┤───⠄─────────✗─────────⠠─── warn 3.0s",
        "       │                            p95 3.0s",
        " 0.90s ┤⠂         ⠂         ⊘       median 2.0s",
        "   0ms ┤                           ",
        "        00:00:00  00:04:00 00:08:00",
    ]


def test_an_outlier_makes_the_scale_logarithmic() -> None:
    columns = runs(*[1 + place % 3 / 10 if place != 5 else 1000 for place in range(9)])
    assert text_of(scatter(columns, levels_of(columns, None, None), *SIX, UTC)) == [
        "16m40s ┤┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄⠈┄┄┄┄┄┄┄┄┄┄ p95 16m40s",
        " 2m06s ┤                           ",
        "       │                           ",
        "  7.9s ┤                           ",
        "  1.0s ┤⡀──⡀──⢀───⡀──⢀──────⡀──⢀──⢀ median 1.1s",
        "        00:00:00  00:04:00 00:08:00",
    ]


def test_a_clock_that_was_set_back_moves_dots_and_breaks_nothing() -> None:
    columns = RunColumns(
        numbers=(1, 2, 3),
        ended=(MONDAY + 500, MONDAY, MONDAY + 250),
        seconds=(1.0, 2.0, 3.0),
        states=("OK", "OK", "FAILED"),
        errors=(-1, -1, -1),
    )
    assert draw(columns) == [
        "  3.0s ┤           ✗          ",
        "  1.9s ┤⠂                     ",
        "  1.1s ┤                     ⠠",
        "   0ms ┤                      ",
        "        00:00:00      00:08:20",
    ]


def test_a_cell_with_many_runs_shows_a_failure_only_if_many_failed() -> None:
    failed = (1.0, "FAILED")
    few = runs(failed, *[1.0] * 20, every=0)
    many = runs(*[failed] * 7, *[1.0] * 14, every=0)
    assert "✗" not in draw(few)[0]
    assert "✗" in draw(many)[0]


def test_one_hundred_thousand_runs_are_as_large_as_one() -> None:
    random = Random(4)
    columns = runs(*[random.lognormvariate(0, 1) for _ in range(100_000)])
    lines = scatter(columns, levels_of(columns, None, None), 100, 20, UTC)
    assert len(lines) == 20
    assert max(cell_len(text) for text in text_of(lines)) <= 100
    assert len(histogram(columns, 100, 8)) == 8
    assert len(heat_map(columns, 100, UTC)) == 9


@pytest.mark.parametrize("width", [0, 5, 8, 9, 30, 33, 79])
@pytest.mark.parametrize("height", [0, 1, 2, 5])
@pytest.mark.parametrize("columns", [RunColumns(), runs(1), MIXED], ids=["none", "one", "mixed"])
def test_a_chart_is_never_larger_than_its_place(columns: RunColumns, width: int, height: int) -> None:
    levels = levels_of(columns, timedelta(seconds=3), timedelta(seconds=400))
    for lines in (scatter(columns, levels, width, height, UTC), histogram(columns, width, height)):
        assert len(lines) <= height
        if columns.numbers:
            assert all(cell_len(text) <= width for text in text_of(lines))


def test_a_job_that_has_not_run_says_so() -> None:
    assert draw(RunColumns()) == ["        no run has ended"]
    assert text_of(histogram(RunColumns(), *FIVE)) == ["        no run is OK"]


@pytest.mark.parametrize(
    ("every", "labels"),
    [(60, ["00:00:00", "00:08:00"]), (3600 * 3, ["Mon 00:00", "Tue 00:00"]), (86400, ["23 Nov", "1 Dec"])],
)
def test_the_times_are_as_long_as_necessary(every: float, labels: Sequence[str]) -> None:
    axis = draw(runs(*[1] * 9, every=every))[-1]
    assert axis.strip().startswith(labels[0])
    assert axis.endswith(labels[1])


def test_times_are_in_the_zone() -> None:
    lines = scatter(runs(1), [], *FIVE, ZoneInfo("Asia/Tokyo"))
    assert text_of(lines)[-1].endswith("09:00:00")


# --- scales ---------------------------------------------------------------------------------------


def test_a_scale_begins_at_zero_unless_one_duration_is_many_times_as_long_as_most() -> None:
    assert DurationScale.of([]) == DurationScale(low=0.0, high=1.0, is_log=False)
    assert DurationScale.of([0, 0]) == DurationScale(low=0.0, high=1.0, is_log=False)
    assert DurationScale.of([2, 30]) == DurationScale(low=0.0, high=30, is_log=False)
    assert DurationScale.of([2, 50]) == DurationScale(low=2, high=50, is_log=True)
    assert DurationScale.of([0, 2, 50]) == DurationScale(low=2, high=50, is_log=True)


@pytest.mark.parametrize("scale", [DurationScale.of([1, 2, 3]), DurationScale.of([1, 2, 3, 999])])
def test_a_place_on_a_scale_leads_back_to_its_duration(scale: DurationScale) -> None:
    for part in (0.0, 0.25, 0.5, 1.0):
        assert scale.part(scale.at(part)) == pytest.approx(part)
    assert scale.part(0) == 0
    assert scale.part(scale.high * 2) == 1


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile([1, 2, 3, 4], part) for part in (0, 0.5, 0.51, 0.95, 1)] == [1, 2, 3, 4, 4]
    assert quantile([7], 0.95) == 7


# --- how often each duration occurs ---------------------------------------------------------------


def test_bars_are_as_high_as_a_duration_is_frequent() -> None:
    assert text_of(histogram(runs(1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3), 28, 4)) == [
        "     3 ┤    ██    ██  ██    ",
        "       │    ██    ██  ██  ██",
        "       │    ██    ██  ██  ██",
        "        0ms     2.0s    4.0s",
    ]


def test_a_single_run_and_runs_of_no_time_have_a_bar() -> None:
    assert text_of(histogram(runs(2), 28, 3))[0] == "     1 ┤                  ██"
    assert text_of(histogram(runs(0), 28, 3))[0] == "     1 ┤██                  "
    assert text_of(histogram(runs((2, "FAILED")), 28, 3)) == ["        no run is OK"]


def test_rare_durations_are_visible_beside_frequent_ones() -> None:
    lines = text_of(histogram(runs(*[1] * 500, 2), 40, 3))
    assert lines[1].count("▁") == 1
    assert lines[0].endswith("█               ")


# --- outcomes by hour -----------------------------------------------------------------------------


def test_a_cell_has_its_number_of_runs_and_the_share_that_failed() -> None:
    """On Monday: 4 runs at 00, of which 1 failed; 1 at 01, which failed; 2 at 02."""
    points = [
        RunPoint(number, number, MONDAY + 3600 * hour, 1.0, state, "", "", "")
        for number, (hour, state) in enumerate(
            [(0, "OK"), (0, "OK"), (0, "OK"), (0, "TIMED_OUT"), (1, "FAILED"), (2, "OK"), (2, "CANCELLED")]
        )
    ]
    lines = heat_map(columns_of(points, 100), 70, UTC)
    assert text_of(lines)[:3] == [
        "     00    03    06    09    12    15    18    21    ",
        "Mon  █2░✗▒▒" + "· " * 21 + "      7  29% ✗",
        "Tue  " + "· " * 24 + "      0 ",
    ]
    assert lines[1][1:4] == [("█2", "waiting"), ("░✗", "failed"), ("▒▒", "ok")]
    assert text_of(lines)[-1] == "     ░█ up to 4 runs in an hour of the week   3 = 30% failed, ✗ all"


def test_in_a_narrow_place_a_cell_has_one_character() -> None:
    lines = text_of(heat_map(runs(1, (1, "FAILED"), every=3600), 40, UTC))
    assert lines[:2] == ["     00 03 06 09 12 15 18 21 ", "Mon  █✗" + "·" * 22]


def test_hours_are_those_of_the_zone() -> None:
    lines = text_of(heat_map(runs(1), 40, ZoneInfo("America/New_York")))
    assert lines[7] == "Sun  " + "·" * 19 + "█" + "·" * 4


# --- groups of errors -----------------------------------------------------------------------------


def test_errors_are_grouped_and_the_latest_group_is_first() -> None:
    points = [
        RunPoint(1, 1, MONDAY, 1, "FAILED", "KeyError", "/a/shop.py:3", "KeyError: 'a'"),
        RunPoint(2, 2, MONDAY + 60, 1, "TIMED_OUT", "", "", "took longer than 10s"),
        RunPoint(3, 3, MONDAY + 120, 1, "FAILED", "KeyError", "/a/shop.py:3", "KeyError: 'b'"),
        RunPoint(4, 4, MONDAY + 180, 1, "CANCELLED", "", "", "cancelled by hand"),
    ]
    first, second = error_groups(columns_of(points, 100), UTC)
    assert (first.signature, first.reason, first.count, first.number) == (
        "KeyError shop.py:3",
        "KeyError: 'b'",
        2,
        3,
    )
    assert (first.first.timestamp(), first.last.timestamp()) == (MONDAY, MONDAY + 120)
    assert (second.signature, second.count, second.is_latest) == ("took longer than Ns", 1, False)
    [latest] = error_groups(columns_of(points[:1], 100), UTC)
    assert latest.is_latest
