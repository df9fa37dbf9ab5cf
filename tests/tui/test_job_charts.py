"""The charts on the screen of a job, and its runs, page after page."""

from __future__ import annotations

import re
from dataclasses import replace

from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.run_columns import RunColumns, RunPoint, columns_of
from jobtui.engine.views import RunView
from jobtui.tui.run_pages import PAGE
from jobtui.tui.screens.history_screen import HistoryScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.line_table import LineTable

JOB = "import_orders"


def make_backend(ended: int = 6) -> ScriptedBackend:
    """Return a backend whose first job has columns, and so many runs that have ended."""
    snapshot = snapshots.mid_run()
    [job] = [each for each in snapshot.jobs if each.name == JOB]
    recent = [snapshots.failed_run(500 - place, place * 60 + 5) for place in range(ended)]
    recent = [replace(run, job=JOB) for run in recent]
    backend = ScriptedBackend(replace(snapshot, jobs=(job, *snapshot.jobs[:2]), recent=tuple(recent)))
    backend.columns[JOB] = snapshots.columns()
    return backend


def runs_of(driver: AppDriver) -> list[RunView]:
    """Return the rows of the table of runs."""
    table: LineTable[RunView] = driver.screen.query_one("#job-runs", LineTable)
    return [*table.rows]


@async_test
async def test_the_digits_open_the_parts_of_the_screen() -> None:
    async with running_app(make_backend()) as driver:
        await driver.press("enter")
        assert "Next ticks" in driver.text
        assert driver.focus == "job-runs"
        await driver.press("2")
        assert "Durations of the latest 240 runs" in driver.text
        assert "median " in driver.text
        assert "How often: 2" in driver.text
        assert "Next ticks" not in driver.text
        await driver.press("3")
        assert "Outcomes by hour of the week" in driver.text
        assert driver.focus == "job-errors"
        await driver.press("1")
        assert "Next ticks" in driver.text
        assert driver.focus == "job-runs"


@async_test
async def test_a_click_on_a_tab_opens_its_part() -> None:
    async with running_app(make_backend()) as driver:
        await driver.press("enter")
        await driver.pilot.click("JobScreen PaneTabs", offset=(15, 0))
        await driver.settle()
        assert "Durations of the latest" in driver.text


@async_test
async def test_a_large_terminal_shows_all_parts_at_once() -> None:
    async with running_app(make_backend(), size=(180, 50)) as driver:
        await driver.press("enter")
        for part in ("Next ticks", "Durations of", "How often", "Outcomes by hour", "Errors: "):
            assert part in driver.text
        await driver.press("3")
        assert "Next ticks" in driver.text
        assert driver.focus == "job-errors"


@async_test
async def test_enter_on_a_group_of_errors_opens_its_latest_run() -> None:
    backend = make_backend()
    columns = columns_of([RunPoint(500, 1, 2, 3, "FAILED", "KeyError", "a.py:3", "KeyError: 'x'")], 9)
    backend.columns[JOB] = columns
    async with running_app(backend) as driver:
        await driver.press("enter", "3")
        assert re.search(r"1 +✗ KeyError a.py:3", driver.text)
        await driver.press("enter")
        assert isinstance(driver.screen, RunScreen)
        assert "import_orders #500" in driver.text


@async_test
async def test_a_run_of_a_group_that_is_not_kept_any_more_is_a_message() -> None:
    backend = make_backend()
    backend.columns[JOB] = columns_of([RunPoint(7, 1, 2, 3, "FAILED", "", "", "boom")], 9)
    async with running_app(backend) as driver:
        await driver.press("enter", "3")
        await driver.press("enter")
        assert driver.toasts[-1] == ("error", "unknown run 7")


@async_test
async def test_the_charts_follow_when_runs_have_ended() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("enter", "2")
        backend.columns[JOB] = RunColumns()
        screen = driver.screen
        assert isinstance(screen, JobScreen)
        screen.update_charts()
        await driver.settle()
        assert "Durations of the latest 240 runs" in driver.text  # nothing has ended
        snapshot = backend.snapshot()
        jobs = [replace(job, runs=job.runs + 1) if job.name == JOB else job for job in snapshot.jobs]
        await driver.show_snapshot(replace(snapshot, jobs=tuple(jobs)))
        screen.update_charts()
        await driver.settle()
        assert "Durations of the latest 0 runs" in driver.text
        assert "no run has ended" in driver.text


@async_test
async def test_an_error_is_shown_in_place_of_the_chart() -> None:
    backend = make_backend()
    backend.find_error = ConnectionError("the scheduler does not answer")
    async with running_app(backend) as driver:
        await driver.press("enter", "2")
        assert "the scheduler does not answer" in driver.text


@async_test
async def test_older_runs_come_when_the_cursor_nears_the_last_one() -> None:
    backend = make_backend(20)
    latest = backend.snapshot().recent
    older = [replace(latest[0], number=number) for number in range(480, 480 - 2 * PAGE, -1)]
    backend.history = [*latest, *older]
    async with running_app(backend, size=(80, 24)) as driver:
        await driver.press("enter", "g")
        assert len(runs_of(driver)) == 20
        await driver.press("G")
        assert len(runs_of(driver)) == PAGE
        await driver.press("G")
        await driver.press("G")
        assert [run.number for run in runs_of(driver)] == list(range(500, 500 - 20 - 2 * PAGE, -1))
        new = replace(latest[0], number=501)
        await driver.show_snapshot(replace(backend.snapshot(), recent=(new, *latest[:-1])))
        assert [run.number for run in runs_of(driver)][:2] == [501, 500]
        assert len(runs_of(driver)) == 20 + 2 * PAGE + 1
        gap = [replace(latest[0], number=number) for number in range(600, 580, -1)]
        await driver.show_snapshot(replace(backend.snapshot(), recent=tuple(gap)))
        assert runs_of(driver)[0].number == 600
        assert 501 not in [run.number for run in runs_of(driver)]


@async_test
async def test_slash_types_a_query_for_the_runs_of_the_job() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("enter", "slash")
        assert isinstance(driver.screen, HistoryScreen)
        await driver.press(*"state:failed", "enter")
        searches = [command[1] for command in backend.commands if command[0] == "search_runs"]
        assert searches[-1] == f'job:"{JOB}" state:failed'


@async_test
async def test_the_charts_fit_into_any_terminal() -> None:
    async with running_app(make_backend()) as driver:
        await driver.press("enter")
        for tab in ("1", "2", "3"):
            await driver.press(tab)
            for size in ((20, 5), (60, 15), (300, 100), (80, 24)):
                await driver.resize(*size)
                await driver.settle()
                assert isinstance(driver.screen, JobScreen)
