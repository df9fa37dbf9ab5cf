"""The calendar of load, and the minutes in which runs wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support import snapshots

from jobtui.engine.enums import JobStatus, Overlap, RunState, Trigger
from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.load_calendar import (
    Layout,
    LoadCalendar,
    SlotWaits,
    axis_line,
    crowded_minutes,
    crowded_sentence,
    crowded_sentences,
    describe_field,
)
from jobtui.schedules.parser import parse
from jobtui.simulation.forecast import Forecast, forecast

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
FINE = Layout(1, 1)


def snapshot_of(specs: Mapping[str, str], *, pool: int = 4, at: datetime = NOON) -> Snapshot:
    """Return a scheduler with a job for each spec, at noon."""
    zone = at.tzinfo
    assert zone is not None
    jobs = [
        snapshots.make_job(name, spec, schedule=parse(spec, tz=zone, dst="once"), next=None, prev=None)
        for name, spec in specs.items()
    ]
    return replace(snapshots.make(jobs, pool=pool, at=at), zone=zone)


def predict(
    specs: Mapping[str, str],
    seconds: float | Mapping[str, float] = 60,
    *,
    pool: int = 4,
    at: datetime = NOON,
    length: timedelta = DAY,
    most: int = 200_000,
) -> Forecast:
    """Return the forecast of such a scheduler, whose runs take some seconds."""
    takes = {
        name: timedelta(seconds=seconds[name] if isinstance(seconds, Mapping) else seconds) for name in specs
    }
    return forecast(snapshot_of(specs, pool=pool, at=at), takes, length=length, most=most)


def line(calendar: LoadCalendar, hour: int, layout: Layout = FINE) -> str:
    """Return the text of an hour."""
    return "".join(text for text, _ in calendar.line(hour, layout))


NINE = {f"job_{place}": "0 0 * * * *" for place in range(9)}


# --- the grid -------------------------------------------------------------------------------------


def test_an_hour_shows_taken_slots_waiting_runs_and_its_ticks() -> None:
    """Nine runs of a minute and four slots: five wait at 13:00, the last until 13:02."""
    calendar = LoadCalendar(predict(NINE))
    assert line(calendar, 0) == "12:00  " + "·" * 60 + "     0"
    assert line(calendar, 1) == "13:00  5█▂" + "·" * 57 + "     9"


def test_minutes_before_now_are_empty_and_those_after_the_end_are_unknown() -> None:
    calendar = LoadCalendar(
        predict(NINE, at=NOON.replace(minute=40), length=timedelta(minutes=50)),
    )
    assert line(calendar, 0) == "12:00  " + " " * 40 + "·" * 20 + "     0"
    assert line(calendar, 1) == "13:00  5█▂" + "·" * 27 + "?" * 30 + "     9"
    assert line(calendar, 2) == "14:00  " + "?" * 60


def test_a_field_of_five_minutes_has_the_load_of_all_of_them() -> None:
    calendar = LoadCalendar(predict({"a": "0 0 * * * *"}, 150, pool=1))
    field = calendar.field(1, 0, Layout(5, 1))
    assert (field.ticks, field.busy, field.waiting) == (1, 0.5, 0)
    assert line(calendar, 1, Layout(5, 1)) == "13:00  ▄···········     1"


def with_skips(specs: Mapping[str, str], seconds: Mapping[str, float], pool: int) -> LoadCalendar:
    """Return the calendar of five minutes of jobs of which the first one skips ticks."""
    snapshot = snapshot_of(specs, pool=pool)
    jobs = (replace(snapshot.jobs[0], overlap=Overlap.SKIP), *snapshot.jobs[1:])
    takes = {name: timedelta(seconds=each) for name, each in seconds.items()}
    return LoadCalendar(forecast(replace(snapshot, jobs=jobs), takes, length=timedelta(minutes=5)))


def test_ticks_that_start_no_run_give_the_load_another_form() -> None:
    """A job that skips ticks in every minute hides neither busy slots nor waiting runs."""
    calendar = with_skips({"a": "*/30 * * * * *"}, {"a": 50}, 1)
    assert calendar.field(0, 1, FINE).lost == 1
    assert line(calendar, 0).startswith("12:00  ▄▓▓▓▓?")
    assert [tone for _, tone in calendar.line(0, FINE)[1:6]] == ["running", *["failed"] * 4]
    assert [text for text, _ in calendar.line(0, Layout(1, 2))[1:6]] == ["▄▄", *["▓▓"] * 4]


def test_waiting_runs_are_counted_where_ticks_start_no_run() -> None:
    calendar = with_skips({"a": "*/30 * * * * *", "b": "0 2 * * * *"}, {"a": 40, "b": 50}, 1)
    field = calendar.field(0, 2, FINE)
    assert (field.lost, field.waiting) == (1, 2)
    assert calendar.line(0, FINE)[3] == ("2", "failed")


def test_ticks_that_start_no_run_have_their_sign_where_hardly_anything_runs() -> None:
    calendar = with_skips({"a": "*/10 * * * * *", "b": "0 2 * * * *"}, {"a": 11, "b": 0}, 500)
    assert calendar.line(0, FINE)[2] == ("↷", "failed")
    assert calendar.line(0, Layout(1, 2))[2] == (" ↷", "failed")


def test_the_work_before_now_of_a_running_run_does_not_count() -> None:
    """The other runs before now are not in the calendar either."""
    at = NOON.replace(second=30)
    snapshot = snapshot_of({"a": "0 0 3 * * *"}, pool=1, at=at)
    run = RunView(
        number=7,
        job="a",
        trigger=Trigger.TICK,
        state=RunState.RUNNING,
        created=NOON,
        due=NOON,
        started=NOON,
    )
    found = forecast(
        replace(snapshot, running=(run,)), {"a": timedelta(minutes=5)}, length=timedelta(hours=1)
    )
    assert found.runs[0].started == NOON
    assert LoadCalendar(found).field(0, 0, FINE).busy == 0.5


def test_ticks_of_paused_jobs_are_not_in_it() -> None:
    snapshot = snapshot_of({"a": "0 * * * * *"})
    job = replace(snapshot.jobs[0], paused_since=NOON, status=JobStatus.PAUSED)
    found = forecast(replace(snapshot, jobs=(job,)), {}, length=timedelta(hours=1))
    assert found.runs
    assert line(LoadCalendar(found), 0) == "12:00  " + "·" * 60 + "     0"


def test_a_repeated_hour_has_two_lines() -> None:
    """On the night in which the clock is set back."""
    at = datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/Oslo"))
    calendar = LoadCalendar(predict({"a": "0 0 * * * *"}, at=at), hours=4)
    assert [f"{hour:%H:%M}" for hour in calendar.hours] == ["01:00", "02:00", "02:00", "03:00"]
    assert [calendar.field(hour, 0, FINE).ticks for hour in range(4)] == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("width", "layout"),
    [(200, (1, 2)), (133, (1, 2)), (132, (1, 1)), (73, (1, 1)), (72, (5, 2)), (25, (5, 1)), (0, (15, 1))],
)
def test_a_field_stands_for_as_few_minutes_as_the_width_permits(width: int, layout: tuple[int, int]) -> None:
    assert Layout.of_width(width) == layout


def test_the_axis_names_minutes_above_their_fields() -> None:
    assert axis_line(Layout(15, 1)) == "       :00 "
    assert axis_line(Layout(5, 2)) == "       :00 :10 :20 :30 :40 :50 "
    axis = axis_line(FINE)
    assert [axis.index(f":{minute:02}") for minute in range(0, 60, 5)] == list(range(7, 67, 5))


def test_a_cell_belongs_to_its_field() -> None:
    layout = Layout(1, 2)
    assert layout.cells_of(3) == (13, 15)
    assert [layout.field_at(cell) for cell in (0, 7, 12, 13, 14, 15, 500)] == [0, 0, 2, 3, 3, 4, 59]


def test_a_sentence_describes_a_field() -> None:
    found = predict(NINE, at=NOON.replace(minute=40), length=timedelta(minutes=50))
    calendar = LoadCalendar(found)
    assert describe_field(calendar.field(1, 0, FINE), found) == (
        "13:00  9 ticks, 4.0 of 4 slots taken, 5 runs wait, the longest 2m00s"
    )
    assert describe_field(calendar.field(1, 3, FINE), found) == "13:03  0 ticks, 0.0 of 4 slots taken"
    assert describe_field(calendar.field(0, 3, FINE), found) == "12:03  has passed"
    assert describe_field(calendar.field(1, 40, FINE), found) == "13:40  is after the end of the forecast"
    assert describe_field(calendar.field(1, 0, Layout(5, 1)), found).startswith("13:00 to 13:05  9 ticks")


# --- crowded minutes ------------------------------------------------------------------------------


def test_a_crowded_minute_is_named_with_a_free_one() -> None:
    [crowd] = crowded_minutes(predict(NINE, 95))
    assert crowded_sentence(crowd) == (
        "9 jobs at :00:00 (23 times) and a pool of 4: the last, job_8, waits 3m10s; :04 is free"
    )


def test_the_free_minute_is_free_in_the_forecast_of_the_job_that_moves_there() -> None:
    """The job waits for no slot then, and with it no other job waits longer than before."""
    others = {"long": "0 2 * * * *", "often": "0 */10 * * * *"}
    takes = {**dict.fromkeys(NINE, 95.0), "long": 1500.0, "often": 200.0}
    specs = {**NINE, **others}
    before = predict(specs, takes, pool=3)
    crowd = crowded_minutes(before)[0]
    assert crowd.moved
    assert crowd.free is not None
    after = predict({**specs, crowd.moved: f"0 {crowd.free} * * * *"}, takes, pool=3)
    moved = [run for run in after.runs if run.job == crowd.moved]
    assert len(moved) >= 23
    assert {run.wait for run in moved if run.ended} == {timedelta()}
    for name in specs:
        longest = [max(run.wait for run in each.runs if run.job == name) for each in (before, after)]
        assert longest[1] <= longest[0]


def test_a_slot_is_free_for_as_long_as_the_run_takes_in_a_free_minute() -> None:
    """From 13:05 on only until 13:07."""
    specs = {"a": "0 0 * * * *", "b": "0 0 * * * *", "c": "0 7 * * * *"}
    [crowd] = crowded_minutes(predict(specs, {"a": 150, "b": 150, "c": 60}, pool=1))
    assert (crowd.moved, crowd.free) == ("b", 8)


def test_no_minute_is_suggested_if_none_is_free() -> None:
    [crowd] = crowded_minutes(predict({"a": "0 0 * * * *", "b": "0 0 * * * *"}, 1799, pool=1))
    assert (crowd.moved, crowd.free) == ("", None)
    assert crowded_sentence(crowd) == (
        "2 jobs at :00:00 (23 times) and a pool of 1: the last, b, waits 29m59s"
    )


def test_a_job_that_is_due_often_is_not_moved() -> None:
    specs = {"hourly": "0 0 * * * *", "often": "0 */10 * * * *"}
    [crowd] = crowded_minutes(predict(specs, {"hourly": 90, "often": 30}, pool=1))
    assert (crowd.last, crowd.moved) == ("often", "")


def test_another_waiting_job_is_moved_if_the_last_one_is_due_often() -> None:
    specs = {"a": "0 0 * * * *", "b": "0 0 * * * *", "often": "0 */10 * * * *"}
    [crowd] = crowded_minutes(predict(specs, 60, pool=1))
    assert crowded_sentence(crowd) == (
        "3 jobs at :00:00 (23 times) and a pool of 1: the last, often, waits 2m00s; :03 is free for b"
    )


def test_a_crowd_of_one_hour_and_its_free_minute_have_the_hour() -> None:
    specs = {"a": "0 30 3 * * *", "b": "20 30 3 * * *"}
    [crowd] = crowded_minutes(predict(specs, 100, pool=1))
    assert crowded_sentence(crowd) == (
        "2 jobs at 03:30 and a pool of 1: the last, b, waits 1m20s; 03:34 is free"
    )


def test_a_minute_that_is_crowded_in_another_hour_is_not_suggested() -> None:
    specs = {"a": "0 0 3 * * *", "b": "0 0 3 * * *", "c": "0 2 10 * * *", "d": "0 2 10 * * *"}
    found = crowded_minutes(predict(specs, 60, pool=1))
    assert [(crowd.start.minute, crowd.moved, crowd.free) for crowd in found] == [(0, "b", 3), (2, "d", 4)]


def test_minutes_in_which_runs_wait_for_an_earlier_crowd_are_not_named() -> None:
    specs = {**NINE, "later": "0 1 * * * *"}
    assert [crowd.start.minute for crowd in crowded_minutes(predict(specs, 95))] == [0]


def test_runs_that_wait_for_an_earlier_run_of_their_job_are_no_crowd() -> None:
    assert crowded_minutes(predict({"a": "0 * * * * *"}, 61, pool=4, length=timedelta(hours=1))) == []


@pytest.mark.parametrize("seconds", [3, 50, 400])
def test_the_wait_for_a_slot_is_the_time_in_which_the_pool_is_full(seconds: float) -> None:
    """From the due time of a run to its start, or to the end of the forecast."""
    specs = {"a": "*/10 * * * * *", "b": "*/15 * * * * *", "c": "0 * * * * *", "d": "0 */7 * * * *"}
    found = predict(specs, seconds, pool=2, length=timedelta(hours=1))
    waits, end = SlotWaits(found), found.end
    assert len(found.full) > 0
    for run in found.runs:
        until = end if run.started is None else run.started
        overlaps = (min(span.end, until) - max(span.start, run.due) for span in found.full)
        expected = sum((max(timedelta(), each) for each in overlaps), timedelta()).total_seconds()
        is_ended = run.started is None and run.state.ended
        assert waits.of(run) == pytest.approx(0.0 if is_ended else expected, abs=1e-3)


def test_short_waits_and_a_pool_without_a_limit_are_no_crowd() -> None:
    assert crowded_minutes(predict(NINE, 0.2)) == []
    assert crowded_minutes(predict(NINE, 95, pool=0)) == []


def test_the_sentences_end_with_how_many_more_there_are() -> None:
    specs = {f"{place}_{minute}": f"0 {minute} * * * *" for place in range(2) for minute in (5, 15, 25)}
    found = predict(specs, 30, pool=1)
    assert len(crowded_sentences(found, 9, str)) == 3
    *_, last = crowded_sentences(found, 2, str.upper)
    assert last.endswith("; 1 more crowded minute")
    *_, last = crowded_sentences(found, 1, str)
    assert last.endswith("; 2 more crowded minutes")
