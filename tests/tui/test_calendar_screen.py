"""The screen with the calendar of load."""

from __future__ import annotations

import re
from dataclasses import replace

from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.widgets import Static

from jobtui.engine.enums import Overlap, RunState
from jobtui.frontend.json_codec import ForeignSchedule
from jobtui.tui.screens.calendar_screen import FIRST, MOST, CalendarScreen, TicksScreen
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.widgets.load_grid import LoadGrid
from jobtui.tui.widgets.tones import ToneStyles


def grid_of(driver: AppDriver) -> LoadGrid:
    """Return the grid of the calendar."""
    return driver.screen.query_one(LoadGrid)


def field_text(driver: AppDriver) -> str:
    """Return the sentence about the field under the cursor."""
    return driver.lines(driver.screen.query_one("#load-field", Static))[0].rstrip()


@async_test
async def test_6_shows_the_calendar_and_escape_closes_it() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6")
        assert isinstance(driver.screen, CalendarScreen)
        assert "Calendar of load at 10:24: pool of 4" in driver.text
        assert " :00  :05  :10 " in driver.text
        assert "9 jobs at :00 (23 times)" in driver.text
        assert "; :19 is free for import_7" in driver.text
        for key in ("escape", "6", "q"):
            await driver.press(key)
            assert driver.focus == "jobs"
            await driver.press("6")


@async_test
async def test_the_cursor_begins_now_and_the_keys_move_it_through_the_hours() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6")
        assert field_text(driver).startswith("10:24  ")
        for keys, time in (
            (["l"], "10:25"),
            (["right"], "10:26"),
            (["j"], "11:26"),
            (["down"], "12:26"),
            (["k", "up"], "10:26"),
            (["h", "left"], "10:24"),
            (["l"] * 36, "11:00"),
            (["h"], "10:59"),
            (["down"] * 40, "09:59"),
            (["l"], "09:59"),
            (["up"] * 40, "10:59"),
        ):
            await driver.press(*keys)
            assert field_text(driver).startswith(f"{time}  "), keys


@async_test
async def test_only_the_field_under_the_cursor_has_its_colour() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6")
        await driver.press("l", "j")
        grid = grid_of(driver)
        cursor = ToneStyles(grid)("field").bgcolor
        strips = [grid.render_line(y) for y in range(grid.size.height)]
        painted = driver.screen._compositor.render_strips()  # noqa: SLF001 - Textual's; as it is painted
        marked = [
            segment.text
            for strip in (*strips, *painted)
            for segment in strip
            if segment.style and segment.style.bgcolor == cursor
        ]
        assert len(marked) == 2


@async_test
async def test_n_moves_to_the_next_minutes_in_which_runs_wait() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6")
        await driver.press("n")
        assert " wait" in field_text(driver)
        first = grid_of(driver).cursor
        await driver.press("n")
        assert " wait" in field_text(driver)
        assert grid_of(driver).cursor > first
    async with running_app(ScriptedBackend(snapshots.empty())) as driver:
        await driver.press("6")
        await driver.press("n")
        assert driver.toasts[-1] == ("warning", "no scheduled run waits in the coming day")
        assert "no scheduled run waits longer than a second for a slot" in driver.text


@async_test
async def test_enter_lists_the_ticks_of_a_field_and_then_opens_a_job() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6")
        await driver.press("n", "enter")
        assert "Mon 11:00 to 11:01: 10 ticks" in driver.text
        assert "WAITS" in driver.text
        assert "runs" in driver.text
        await driver.press("enter")
        assert isinstance(driver.screen, JobScreen)
        await driver.press("escape", "escape")
        assert "Calendar of load" in driver.text


@async_test
async def test_a_reason_in_the_list_of_ticks_gets_the_cells_that_the_names_do_not_need() -> None:
    job = snapshots.make_job(
        "poll", "*/10 * * * * *", overlap=Overlap.SKIP, recent=(RunState.OK,), recent_durations=(25.0,)
    )
    async with running_app(ScriptedBackend(snapshots.make([job])), size=(120, 32)) as driver:
        await driver.press("6")
        await driver.press("l", "enter")
        assert isinstance(driver.screen, TicksScreen)
        line = next(line for line in driver.text.splitlines() if "SKIPPED" in line)
        assert re.search(r"  ↷ SKIPPED: still running since 10:2\d:\d\d ", line)


@async_test
async def test_the_calendar_names_the_pool_that_its_numbers_are_of() -> None:
    """Also while the answer for another size is being computed."""
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6", "plus")
        assert "what if the pool were 5: " in driver.text
        screen = driver.screen
        assert isinstance(screen, CalendarScreen)
        shown = screen._look_ahead()  # noqa: SLF001 - an answer that arrives after the next key
        screen.action_resize(1)
        screen._show_calendar(shown)  # noqa: SLF001
        await driver.pilot.pause(0)
        assert "pool of 5" in driver.text
        assert "what if the pool were 6" not in driver.text


@async_test
async def test_a_tall_terminal_lists_the_ticks_below_the_grid() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded()), size=(180, 50)) as driver:
        await driver.press("6")
        assert "DUE      JOB" in driver.text
        await driver.press("n", "tab", "enter")
        assert isinstance(driver.screen, JobScreen)
        await driver.press("escape")
        await driver.resize(80, 24)
        await driver.until(lambda: "DUE      JOB" not in driver.text)


@async_test
async def test_plus_and_minus_ask_what_another_pool_would_do_and_r_forgets_it() -> None:
    backend = ScriptedBackend(snapshots.crowded())
    async with running_app(backend) as driver:
        await driver.press("6")
        await driver.press(*["plus"] * 16)
        assert "pool of 20" in driver.text
        assert (
            "what if the pool were 20: no scheduled run waits longer than a second for a slot" in driver.text
        )
        await driver.press(*["minus"] * 30)
        assert "what if the pool were 1: " in driver.text
        await driver.press("r")
        assert "what if" not in driver.text
        assert "pool of 4" in driver.text
        assert [command for command in backend.commands if command[0] == "resize"] == []


@async_test
async def test_the_title_explains_the_form_of_ticks_that_start_no_run() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6")
        assert "▁█ slots taken  2 wait  ▒ no run" in driver.text


@async_test
async def test_jobs_that_are_missing_in_the_forecast_are_named() -> None:
    snapshot = snapshots.mid_run()
    first = replace(snapshot.jobs[0], schedule=ForeignSchedule(snapshot.zone))
    async with running_app(ScriptedBackend(replace(snapshot, jobs=(first, *snapshot.jobs[1:])))) as driver:
        await driver.press("6")
        assert "without refresh_cache, whose ticks are not known here" in driver.text


@async_test
async def test_a_click_moves_the_cursor_and_a_double_click_opens_the_field() -> None:
    async with running_app(ScriptedBackend(snapshots.crowded())) as driver:
        await driver.press("6")
        # The mark, the hour, and thirty minutes; the axis and three hours.
        await driver.pilot.click(LoadGrid, offset=(2 + 7 + 30, 3))
        assert field_text(driver).startswith("12:30  ")
        await driver.pilot.click(LoadGrid, offset=(2 + 7 + 30, 3), times=2)
        assert isinstance(driver.screen, TicksScreen)


@async_test
async def test_the_calendar_fits_into_any_terminal() -> None:
    for snapshot in (snapshots.many_jobs(40), snapshots.odd_names(), snapshots.empty()):
        async with running_app(ScriptedBackend(snapshot)) as driver:
            await driver.press("6")
            for size in ((20, 5), (60, 15), (300, 100), (80, 24)):
                await driver.resize(*size)
                await driver.press("j", "l")
                assert isinstance(driver.screen, CalendarScreen)


@async_test
async def test_a_long_forecast_is_shown_in_part_and_then_as_a_whole() -> None:
    """A job is due every four seconds: 21,600 runs in a day."""
    snapshot = snapshots.make([snapshots.make_job("often", "*/4 * * * * *")])
    async with running_app(ScriptedBackend(snapshot)) as driver:
        await driver.press("6")
        screen = driver.screen
        assert isinstance(screen, CalendarScreen)
        assert "?" not in "".join(driver.lines(grid_of(driver)))
        assert "the forecast ends" not in driver.text
        assert FIRST < 21_600 < MOST
        screen.action_resize(1)  # begins with a part again
        await driver.until(lambda: "? not known: the forecast ends at" in driver.text)
        assert "after 10,000 runs" in driver.text
        await driver.settle()
        assert "the forecast ends" not in driver.text
