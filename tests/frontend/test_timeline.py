"""The timeline draws the runs before now, and those of the forecast after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.snapshots import NOW, ago, ahead, ended_run, ended_ticks, running_run, waiting_run

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView
from jobtui.frontend.slot_load import SlotLoad
from jobtui.frontend.timeline import (
    TimelineBar,
    TimelineMarks,
    Window,
    axis_text,
    full_sentence,
    load_pieces,
    part_until,
)
from jobtui.simulation.forecast import Forecast, FullSpan
from jobtui.simulation.predicted_runs import PredictedRun, PredictedRuns

WINDOW = Window(ago(20), timedelta(seconds=1), 40)  # a second for each column, now in the middle


def a_forecast(*runs: PredictedRun, pool: int = 2, full: tuple[FullSpan, ...] = ()) -> Forecast:
    """Return a forecast of 20 seconds."""
    packed = PredictedRuns(run.pack() for run in runs)
    return Forecast(start=NOW, end=ahead(20), is_cut=False, pool=pool, runs=packed, full=full, unknown=())


def predicted(due: float, started: float | None, ended: float | None, **changes: object) -> PredictedRun:
    """Return a predicted run, with seconds from now."""
    return PredictedRun(
        job="a",
        number=changes.pop("number", 0),  # type: ignore[arg-type] # a number
        due=ahead(due),
        started=None if started is None else ahead(started),
        ended=None if ended is None else ahead(ended),
        state=changes.pop("state", RunState.OK),  # type: ignore[arg-type] # a state
        **changes,  # type: ignore[arg-type] # as the fields have them
    )


def line(*past: RunView, forecast: Forecast | None = None) -> str:
    """Return the line of the job a, without the blanks at its ends."""
    [row] = TimelineMarks(past, forecast or a_forecast()).rows(["a"], WINDOW)
    text = "".join(text for text, _ in row.pieces)
    assert len(text) == WINDOW.width
    return text


def tones(*past: RunView, forecast: Forecast | None = None) -> set[str]:
    """Return the tones of the line of the job a, except that of now."""
    [row] = TimelineMarks(past, forecast or a_forecast()).rows(["a"], WINDOW)
    return {tone for text, tone in row.pieces if text.strip()} - {"strong"}


def test_a_run_is_as_long_as_its_work_and_its_waiting_is_before_it() -> None:
    run = ended_run(1, "a", 5, took=4, due=ago(12), created=ago(12))
    assert line(run) == " " * 8 + "···" + "█████" + " " * 4 + "│" + " " * 19
    assert tones(run) == {"ok", "waiting"}


@pytest.mark.parametrize(
    ("state", "text", "tone"),
    [
        (RunState.FAILED, "████✗", "failed"),
        (RunState.TIMED_OUT, "████⊗", "failed"),
        (RunState.CANCELLED, "████⊘", "muted"),
        (RunState.LOST, "████?", "failed"),
    ],
)
def test_a_run_that_is_not_ok_ends_with_the_sign_of_its_state(state: RunState, text: str, tone: str) -> None:
    run = ended_run(1, "a", 5, state, took=4)
    assert line(run) == " " * 11 + text + " " * 4 + "│" + " " * 19
    assert tones(run) == {tone}


def test_ticks_that_started_no_run_have_their_sign() -> None:
    assert (
        line(ended_ticks("a", 5, RunState.SKIPPED, "still running"))
        == " " * 15 + "↷" + " " * 4 + "│" + " " * 19
    )


def test_a_running_run_lasts_until_now_and_a_waiting_one_waits_until_then() -> None:
    assert line(running_run(1, "a", 3)) == " " * 17 + "███│" + " " * 19
    assert line(waiting_run(1, "a", 3)) == " " * 17 + "···│" + " " * 19


def test_the_forecast_shows_what_will_run_and_wait_and_what_will_not_run() -> None:
    found = a_forecast(
        predicted(2, 4, 6),
        predicted(9, None, None, state=RunState.SKIPPED, reason="still running"),
        predicted(12, None, None, state=RunState.SKIPPED, reason="paused", intended=True),
        predicted(15, None, None, state=RunState.QUEUED),
    )
    assert line(forecast=found) == " " * 20 + "│ ··▒▒▒  ↷     ·····"
    assert tones(forecast=found) == {"running", "waiting", "failed"}


def test_of_several_marks_in_a_cell_the_most_important_one_is_shown() -> None:
    """A failure is visible among a thousand runs that were OK."""
    runs = [ended_run(number, "a", 5 + number / 1000, took=0.0001) for number in range(1, 900)]
    failed = ended_run(900, "a", 5.5, RunState.FAILED, took=0.0001)
    assert line(*runs, failed, *runs)[14] == "✗"


def test_a_failure_is_shown_before_ticks_that_start_no_run() -> None:
    skipped = ended_ticks("a", 5.2, RunState.SKIPPED, "still running")
    failed = ended_run(1, "a", 5.7, RunState.FAILED, took=0.1)
    assert line(skipped, failed)[14] == "✗"
    assert line(failed, skipped)[14] == "✗"


def test_runs_that_overlap_are_shown_until_the_last_one_ends() -> None:
    """The one that began first may end last."""
    long, short = ended_run(1, "a", 4, took=8), ended_run(2, "a", 11.7, took=0.2)
    assert line(long, short).strip() == "█" * 9 + "   │"


def test_runs_that_take_less_than_half_of_their_cell_are_drawn_low() -> None:
    """Many short runs do not look like one long run; together they may take most of the time."""
    rare = [ended_run(number, "a", 0.9 + number, took=0.1) for number in range(1, 4)]
    assert line(*rare).strip() == "▂▂▂ │"
    often = [ended_run(number, "a", 5.9 - number / 10, took=0.09) for number in range(9)]
    assert line(*often).strip() == "█     │"
    assert line(*often, *rare, ended_run(20, "a", 1.5, took=3)).strip() == "█████ │"
    found = a_forecast(predicted(2.1, 2.1, 2.2), predicted(4, 4, 4.9))
    assert line(forecast=found).strip() == "│ ░ ▒"


def test_runs_of_other_jobs_and_outside_of_the_window_are_not_shown() -> None:
    assert line(ended_run(1, "b", 5, took=4), ended_run(2, "a", 100, took=4)).strip() == "│"
    assert line(ended_run(3, "a", 15, took=100))[:6] == "██████"


def test_the_bars_of_the_pool_are_the_average_of_each_column() -> None:
    """Ten short runs one after the other in one second take one slot for a part of that second."""
    short = [ended_run(number, "a", 5.9 - number / 20, took=0.05) for number in range(10)]
    long = [ended_run(number, "a", 8, took=2) for number in (11, 12)]
    found = a_forecast(predicted(3, 3, 5))
    pieces = load_pieces(SlotLoad([*short, *long], found), found, WINDOW)
    text = "".join(text for text, _ in pieces)
    assert text == " " * 10 + "██  ▂" + " " * 5 + "│" + "  ▄▄" + " " * 15
    assert pieces[1] == ("│", "strong")


def test_another_pool_does_not_change_the_bars_of_the_past() -> None:
    """The runs before now had the pool that there is, whatever a user asks about."""
    run = ended_run(1, "a", 8, took=2)
    found = a_forecast(predicted(3, 3, 5), pool=8)
    text = "".join(text for text, _ in load_pieces(SlotLoad([run], found), found, WINDOW, 1))
    assert text == " " * 10 + "██" + " " * 8 + "│" + "  ▁▁" + " " * 15


def test_a_run_that_is_running_takes_one_slot_before_and_after_now() -> None:
    run = running_run(7, "a", 5)
    live = predicted(-5, -5, 5, number=7)
    found = a_forecast(live, pool=2)
    text = "".join(text for text, _ in load_pieces(SlotLoad([run], found), found, WINDOW))
    assert text == " " * 15 + "▄▄▄▄▄" + "│" + "▄▄▄▄" + " " * 15
    assert line(run, forecast=found) == " " * 15 + "█████" + "│" + "▒▒▒▒▒" + " " * 14


def test_a_run_that_is_running_is_one_bar_that_says_since_when_and_for_how_long() -> None:
    run = running_run(7, "a", 14)
    bars = TimelineMarks([run], a_forecast(predicted(-14, -14, 16, number=7))).bars_of("a")
    assert [(bar.start, bar.end, bar.run) for bar in bars] == [(ago(14), ahead(16), run)]
    assert bars[0].describe() == "10:23:53  run 7 has run for 14s, and will end in 16s"
    [long] = TimelineMarks([run], a_forecast(predicted(-14, -14, None, number=7))).bars_of("a")
    assert long.describe() == "10:23:53  run 7 has run for 14s, and will not end before 10:24:27"


def test_a_run_that_waits_is_said_to_wait() -> None:
    bar = TimelineBar(ahead(4), ahead(6), predicted(-3, 4, 6, number=8))
    assert bar.describe() == "10:24:11  will run for 2.0s after a wait of 7.0s"


def test_the_axis_has_the_time_of_day_at_round_instants_and_now() -> None:
    """It is 10:24:07."""
    window = Window(NOW - timedelta(minutes=6), timedelta(seconds=10), 90)
    text = axis_text(window, NOW)
    assert len(text) == 90
    assert text[35:38] == "now"
    assert [word for word in text.split("─") if word] == [
        "10:20",
        "10:22",
        "now",
        "10:26",
        "10:28",
        "10:30",
        "10:32",
    ]
    assert text.index("10:20") == window.place(datetime(2026, 3, 16, 10, 20, tzinfo=NOW.tzinfo))


@pytest.mark.parametrize(
    ("bar", "around_now"),
    [(-3, "─▾─now──"), (-2, "──▾now──"), (-1, "───▾now─"), (0, "─now▾───"), (1, "──now▾──"), (3, "───now─▾")],
)
def test_the_axis_has_a_mark_at_the_selected_bar_and_the_texts_leave_room_for_it(
    bar: int, around_now: str
) -> None:
    window = Window(NOW - timedelta(minutes=6), timedelta(seconds=10), 90)
    text = axis_text(window, NOW, NOW + bar * window.column)
    assert len(text) == 90
    assert text.index("▾") == window.place(NOW) + bar
    assert text[32:40] == around_now


def test_now_is_on_the_axis_at_both_ends_of_the_window() -> None:
    for past, text in ((0, "now─"), (39, "─now")):
        axis = axis_text(Window(NOW - past * timedelta(seconds=10), timedelta(seconds=10), 40), NOW)
        assert text in (axis[:4], axis[-4:])


def test_the_axis_names_the_day_at_midnight_and_follows_clock_changes() -> None:
    """In London, 29 March 2026 has no 01:00 to 02:00."""
    london = ZoneInfo("Europe/London")
    window = Window(datetime(2026, 3, 28, 22, tzinfo=london), timedelta(minutes=5), 72)
    text = axis_text(window, datetime(2026, 3, 28, 21, tzinfo=london))
    assert [word for word in text.split("─") if word] == [
        "22:00",
        "23:00",
        "29 Mar",
        "02:00",
        "03:00",
        "04:00",
    ]


def test_the_sentence_says_when_the_pool_is_full_next_and_how_often() -> None:
    first = FullSpan(start=ahead(5), end=ahead(13), waiting=6, longest=timedelta(seconds=7))
    now = FullSpan(start=NOW, end=ahead(3), waiting=1, longest=timedelta(seconds=3))
    moment = FullSpan(start=ahead(1), end=ahead(1.2), waiting=9, longest=timedelta(seconds=0.2))
    assert full_sentence(a_forecast(full=(moment,))) == "until 10:24:27, no scheduled run waits for a slot"
    assert full_sentence(a_forecast(full=(moment, first))) == (
        "full at 10:24:12 for 8.0s: 6 runs wait, the longest 7.0s"
    )
    assert full_sentence(a_forecast(full=(now, first))) == (
        "full now and for 3.0s more: 1 run waits, 3.0s at most, and 1 more time until 10:24:27"
    )
    assert full_sentence(a_forecast(pool=0)) == "the pool has no limit"


def test_the_sentence_is_about_the_part_of_the_forecast_that_is_shown() -> None:
    first = FullSpan(start=ahead(3), end=ahead(9), waiting=6, longest=timedelta(seconds=7))
    later = FullSpan(start=ahead(13), end=ahead(15), waiting=6, longest=timedelta(seconds=7))
    found = replace(a_forecast(full=(first, later)), is_cut=True)
    assert full_sentence(part_until(found, ahead(5))) == (
        "full from 10:24:10 until 10:24:12 at least: 6 runs wait, the longest 7.0s"
    )
    assert part_until(found, ahead(20)) is found


def test_the_sentence_says_that_the_forecast_ends_early() -> None:
    """Beyond that, empty cells do not mean that nothing will run."""
    early = replace(a_forecast(predicted(1, 1, 2)), is_cut=True)
    end = "; the forecast ends then, after 1 runs"
    assert full_sentence(early) == f"until 10:24:27, no scheduled run waits for a slot{end}"
    full = FullSpan(start=ahead(5), end=ahead(13), waiting=6, longest=timedelta(seconds=7))
    assert full_sentence(replace(early, full=(full,))) == (
        f"full at 10:24:12 for 8.0s: 6 runs wait, the longest 7.0s, until 10:24:27{end}"
    )


def test_a_pool_that_is_full_at_the_end_of_the_forecast_has_no_known_end() -> None:
    """The end of the forecast is in the sentence once, and is not said to be the end of the waiting."""
    now = FullSpan(start=NOW, end=ahead(20), waiting=6, longest=timedelta(seconds=20))
    until = "full now and until 10:24:27 at least: 6 runs wait, the longest 20s"
    assert full_sentence(a_forecast(full=(now,))) == until
    cut = replace(a_forecast(predicted(1, 1, 2), full=(now,)), is_cut=True)
    assert full_sentence(cut) == f"{until}; the forecast ends then, after 1 runs"
