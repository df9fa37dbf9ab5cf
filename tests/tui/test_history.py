"""The screen that searches the runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.enums import RunState
from jobtui.engine.run_columns import RunPoint, columns_of
from jobtui.engine.views import RunView
from jobtui.tui.screens.history_screen import PAGE, HistoryScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.tui.widgets.line_table import LineTable


def make_backend(count: int = 0) -> ScriptedBackend:
    """Return a backend whose history has so many runs, or those of the snapshot."""
    backend = ScriptedBackend(snapshots.mid_run())
    if count:
        [first, *_] = [run for run in snapshots.mid_run().recent if run.number]
        backend.history = [
            replace(first, number=number, job="import_orders") for number in range(count, 0, -1)
        ]
    return backend


def searches(backend: ScriptedBackend) -> list[tuple[object, ...]]:
    """Return the query and the cursor of each search so far."""
    return [command[1:] for command in backend.commands if command[0] == "search_runs"]


def rows(driver: AppDriver) -> list[RunView]:
    """Return the rows of the screen."""
    assert isinstance(driver.screen, HistoryScreen)
    table: LineTable[RunView] = driver.screen.query_one("#history", LineTable)
    return [*table.rows]


@async_test
async def test_h_shows_the_runs_that_have_ended() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("h")
        assert searches(backend) == [("", "")]
        assert rows(driver) == list(backend.snapshot().recent)
        assert "History: " in driver.text
        assert "KeyError: 'amount'" in driver.text
        await driver.press("escape")
        assert driver.focus == "jobs"


@async_test
async def test_a_query_is_searched_with_enter_and_shown_in_the_title() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("h", "slash", *"q job:a", "enter")
        assert searches(backend)[-1] == ("q job:a", "")
        assert driver.focus == "history"
        assert ", q job:a" in driver.text


@async_test
async def test_escape_in_the_query_goes_back_to_the_runs_and_searches_nothing() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("h", "slash", "x", "escape")
        assert driver.focus == "history"
        assert searches(backend) == [("", "")]
        await driver.press("r")
        assert searches(backend) == [("", ""), ("", "")]


@async_test
async def test_a_query_that_is_not_valid_leaves_the_runs_and_says_why() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("h")
        backend.command_error = ValueError("state: has no value 'fail'; did you mean failed?")
        await driver.press("slash", *"state:fail", "enter")
        assert "state: has no value 'fail'; did you mean failed?" in driver.text
        assert rows(driver)
        backend.command_error = None
        await driver.press("r")
        assert "did you mean" not in driver.text


@async_test
async def test_the_next_page_comes_when_the_cursor_nears_the_last_row() -> None:
    backend = make_backend(2 * PAGE + 5)
    async with running_app(backend) as driver:
        await driver.press("h")
        assert len(rows(driver)) == PAGE
        assert "History: 100 runs and more" in driver.text
        await driver.press("j")
        assert len(rows(driver)) == PAGE
        await driver.press("G")
        assert len(rows(driver)) == 2 * PAGE
        await driver.press("G")
        assert len(rows(driver)) == 2 * PAGE + 5
        assert [run.number for run in rows(driver)] == list(range(2 * PAGE + 5, 0, -1))
        assert "History: 205 runs at " in driver.text
        assert searches(backend) == [("", ""), ("", "100"), ("", "200")]
        await driver.press("r")
        assert len(rows(driver)) == PAGE


@async_test
async def test_enter_opens_a_run() -> None:
    async with running_app(make_backend()) as driver:
        await driver.press("h", "enter")
        assert isinstance(driver.screen, RunScreen)
        await driver.press("escape")
        assert isinstance(driver.screen, HistoryScreen)


@async_test
async def test_a_new_snapshot_moves_nothing() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("h", "j", "j")
        before = driver.text
        snapshot = backend.snapshot()
        await driver.show_snapshot(replace(snapshot, recent=snapshot.recent[3:]))
        assert driver.text == before


@async_test
async def test_h_on_the_screen_of_a_job_searches_its_runs() -> None:
    backend = make_backend()
    async with running_app(backend) as driver:
        await driver.press("enter", "h")
        [(query, _)] = searches(backend)
        assert query == f'job:"{backend.snapshot().jobs[0].name}"'


@async_test
async def test_an_empty_history_says_so() -> None:
    backend = make_backend()
    backend.history = []
    async with running_app(backend) as driver:
        await driver.press("h")
        assert "no run has ended" in driver.text
        await driver.press("slash", "x", "enter")
        assert "no run meets the query" in driver.text


# --- why ------------------------------------------------------------------------------------------


@async_test
async def test_w_explains_the_selected_run_or_the_latest_tick_of_the_job() -> None:
    """On the main screen, in the history and on the screen of a job."""
    async with running_app(make_backend()) as driver:
        job = driver.backend.snapshot().jobs[0].name
        await driver.press("w")
        assert f"Why: {job}" in driver.text
        await driver.press("escape", "4", "w")
        number = driver.backend.snapshot().recent[0].number
        assert f"Why: run {number} of " in driver.text
        assert f"run {number}\n" in driver.text.replace(" ", "\n").replace("run\n", "run ")
        await driver.press("w", "h", "w")
        assert f"Why: run {number} of " in driver.text
        await driver.press("escape", "escape", "0", "enter", "w")
        assert "Why: " in driver.text
        await driver.press("escape")
        assert "Why: " not in driver.text


@async_test
async def test_w_on_a_tick_without_a_run_asks_for_its_instant() -> None:
    backend = make_backend()
    ticks = snapshots.ended_ticks("import_orders", 60, RunState.SKIPPED, "paused")
    backend.history = [ticks]
    async with running_app(backend) as driver:
        await driver.press("h", "w")
        assert ticks.due is not None
        assert f"import_orders {ticks.due.isoformat()}" in driver.text


@async_test
async def test_an_error_of_the_question_is_shown() -> None:
    backend = make_backend()
    run = replace(snapshots.failed_run(77, 100), number=4711)
    backend.history = [run]
    async with running_app(backend) as driver:
        await driver.press("h", "w")
        assert "unknown run 4711" in driver.text


# --- the first failure ----------------------------------------------------------------------------


@async_test
async def test_f_shows_the_first_failure_of_the_job_of_the_selected_run_and_enter_opens_it() -> None:
    backend = make_backend()
    run = snapshots.failed_run(866, 100)
    backend.history = [run]
    backend.columns[run.job] = columns_of([RunPoint(866, 1, 2, 3, "FAILED", "", "", "boom")], 9)
    async with running_app(backend) as driver:
        await driver.press("h", "f")
        assert "First failure: import_orders" in driver.text
        assert "fails since Thu 1970-01-01 01:00:02 BST, run 866" in driver.text
        assert "commit before it: " in driver.text
        await driver.press("enter")
        assert isinstance(driver.screen, RunScreen)
        await driver.press("escape")
        assert isinstance(driver.screen, HistoryScreen)


@async_test
async def test_f_on_a_job_that_does_not_fail_says_so_and_opens_nothing() -> None:
    async with running_app(make_backend()) as driver:
        await driver.press("h", "f")
        assert "none of its runs is kept" in driver.text
        assert "Open the first" not in driver.text
        await driver.press("enter")
        assert "First failure" in driver.text
        await driver.press("escape")
        assert isinstance(driver.screen, HistoryScreen)


@async_test
async def test_f_on_a_failed_run_of_a_job_that_is_ok_since_shows_the_failures_around_the_run() -> None:
    backend = make_backend()
    run = snapshots.failed_run(866, 100)
    backend.history = [run]
    points = [RunPoint(number, 1, number, 3, state) for number, state in ((866, "FAILED"), (867, "OK"))]
    backend.columns[run.job] = columns_of(points, 9)
    async with running_app(backend) as driver:
        await driver.press("h", "f")
        assert "run 866: no other run in a row" in driver.text
        assert "first run that was OK again: Thu 1970-01-01 01:14:27 BST, run 867" in driver.text
        assert "Open the first" in driver.text


@async_test
async def test_an_error_of_the_question_for_the_first_failure_is_shown() -> None:
    backend = make_backend()
    backend.find_error = ConnectionError("the scheduler does not answer")
    async with running_app(backend) as driver:
        await driver.press("h", "f")
        assert "the scheduler does not answer" in driver.text


@async_test
async def test_an_unexpected_error_is_shown_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The user must not wait for an answer that never comes."""
    backend = make_backend()
    backend.command_error = TypeError("no such column")
    async with running_app(backend) as driver:
        await driver.press("h")
        await driver.until(lambda: "an error inside jobtui: TypeError: no such column" in driver.text)
        await driver.press("escape", "r")
        await driver.until(lambda: "an error inside jobtui: TypeError: no such column" in driver.text)
    assert [record.message for record in caplog.records] == 2 * [
        "an error inside the dashboard, which goes on"
    ]
