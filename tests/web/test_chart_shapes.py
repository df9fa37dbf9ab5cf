"""The charts on the page of a job: durations over time, outcomes by the hour, and errors in groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import pairwise
from typing import Any

import pytest
from support.snapshots import NOW, mid_run
from support.status_page import LIMIT, PageClient, serve_page

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.engine.run_columns import RunColumns
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import ManualClock
from jobtui.web.pages import chart_shapes
from jobtui.web.pages.chart_shapes import ChartShapes, draw_charts
from jobtui.web.server import Server

JOB = replace(mid_run().jobs[0], warn=None, timeout=None)


def columns(*runs: tuple[float, float, str]) -> RunColumns:
    """Return runs, each with the hours since NOW at its end, its seconds, and its state."""
    return RunColumns(
        numbers=tuple(range(1, len(runs) + 1)),
        ended=tuple(NOW.timestamp() + hours * 3600 for hours, _, _ in runs),
        seconds=tuple(seconds for _, seconds, _ in runs),
        states=tuple(state for _, _, state in runs),
        errors=tuple(-1 if state == "OK" else 0 for _, _, state in runs),
        signatures=("ValueError a.py:1",),
        reasons=("ValueError: no <b>",),
    )


def draw(*runs: tuple[float, float, str], **limits: timedelta) -> ChartShapes:
    """Return the charts of some runs."""
    charts = draw_charts(columns(*runs), replace(JOB, **limits), NOW, UTC)  # type: ignore[arg-type] # limits
    assert charts is not None
    return charts


def test_a_job_with_fewer_than_two_runs_has_no_charts() -> None:
    assert draw_charts(columns((0, 1, "OK")), JOB, NOW, UTC) is None
    assert draw_charts(RunColumns(), JOB, NOW, UTC) is None


def test_time_goes_from_left_to_right_and_duration_upwards() -> None:
    charts = draw((-3, 1, "OK"), (-2, 4, "OK"), (-1, 2, "OK"))
    assert [dot.number for dot in sorted(charts.dots, key=lambda dot: dot.x)] == [1, 2, 3]
    assert [dot.number for dot in sorted(charts.dots, key=lambda dot: -dot.y)] == [1, 3, 2]
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= 100 for dot in charts.dots)
    assert (charts.highest, charts.lowest) == ("4.0s", "0ms")


def test_a_run_that_is_not_ok_has_its_sign_and_failures_are_drawn_last() -> None:
    charts = draw((-3, 1, "FAILED"), (-2, 1, "CANCELLED"), (-1, 2, "OK"))
    assert [(dot.number, dot.glyph, dot.tone) for dot in charts.dots] == [
        (3, "", "ok"),
        (2, "⊘", "muted"),
        (1, "✗", "failed"),
    ]
    assert charts.dots[2].text == "#1 FAILED at 07:24:07, took 1.0s"


def test_equal_runs_are_one_dot_so_that_a_page_stays_small() -> None:
    many = [(number / 1_000_000, 1.0, "OK") for number in range(1_000)]
    assert len(draw(*many).dots) < 300


def test_the_lines_are_the_median_the_95th_percentile_and_the_limits() -> None:
    runs = [(number / 10, 1.0 + number / 100, "OK") for number in range(100)]
    charts = draw(*runs, warn=timedelta(seconds=2.2), timeout=timedelta(minutes=9))
    assert [line.text for line in charts.lines] == ["warn 2.2s", "p95 1.9s", "median 1.5s"]
    assert [line.y for line in charts.lines] == sorted(line.y for line in charts.lines)


def test_the_names_of_lines_do_not_cover_each_other() -> None:
    charts = draw(*[(number, 1.0, "OK") for number in range(20)], warn=timedelta(seconds=1.01))
    places = [line.label_y for line in charts.lines]
    assert all(after - before >= 8 for before, after in pairwise(places))


def test_the_week_has_the_runs_and_the_failures_of_each_hour() -> None:
    charts = draw((-48, 1, "OK"), (-24, 1, "FAILED"), (0, 1, "OK"), (0.01, 1, "OK"))
    week = dict(charts.week)
    assert list(week) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert all(len(hours) == 24 for hours in week.values())
    monday, sunday = week["Mon"][10], week["Sun"][10]
    assert (monday.runs, monday.failed, monday.shade) == (2, 0, 4)
    assert (sunday.runs, sunday.failed, sunday.shade) == (1, 1, 2)
    assert sunday.text == "Sun 10:00: 1 run, 1 failed"
    assert week["Tue"][0].shade == 0


def test_runs_of_one_day_have_no_week() -> None:
    assert draw((-2, 1, "OK"), (-1, 1, "OK")).week == ()


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


def test_the_page_of_a_job_has_its_durations_and_its_errors(scheduler: Scheduler) -> None:
    """An error links to its latest run."""

    def fail() -> None:
        raise ValueError("<script>alert(1)</script>")

    good, bad = scheduler.every("1h", print, name="good"), scheduler.every("1h", fail, name="bad")
    with serve_page(scheduler) as client:
        assert not client.get("/@jobs/jobs/good").page.find_all("section", id="charts")
        for job in (good, good, bad, bad):
            assert job.run().wait(LIMIT)
        page = client.get("/@jobs/jobs/bad").page
        [scatter] = page.find_all("svg", **{"class": "scatter"})
        assert scatter.attributes["aria-label"].startswith("Durations of the latest 2 runs")
        assert {each.link() for each in scatter.find_all("a")} == {"/@jobs/runs/3", "/@jobs/runs/4"}
        [row] = page.find_one("table", id="errors").find_one("tbody").children
        assert [cell.plain_text for cell in row.children][2:4] == ["2", "#4"]
        assert "ValueError test_chart_shapes.py:" in row.plain_text
        assert "<script>alert(1)</script>" in row.plain_text
        assert not [each for each in page.find_all("script") if "src" not in each.attributes]


def test_charts_are_kept_for_some_seconds(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that follows a busy job does not read its history twice a second."""
    monkeypatch.setattr(chart_shapes, "MAX_KEPT", 1)
    backend, clock, asked = LocalBackend(scheduler, "shop.py"), ManualClock(0.0), list[str]()
    run_columns = backend.run_columns

    def count(job: str, **values: Any) -> RunColumns:
        asked.append(job)
        return run_columns(job, **values)

    backend.run_columns = count  # the same parameters
    for name in ("one", "two"):
        scheduler.every("1h", print, name=name).run().wait(LIMIT)
    with Server(backend, parse_address("127.0.0.1:0"), clock=clock) as server:
        assert isinstance(server.address, TcpAddress)
        client = PageClient(server.address)
        visits: Sequence[tuple[str, float]] = [("one", 0), ("one", 4), ("one", 2), ("two", 0), ("one", 0)]
        for name, seconds in visits:
            clock.advance(seconds)
            assert client.get(f"/@jobs/jobs/{name}").status == 200
    assert asked == ["one", "one", "two", "one"]
