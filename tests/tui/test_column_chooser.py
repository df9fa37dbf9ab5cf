"""The dialog in which the user chooses the columns of the jobs."""

from __future__ import annotations

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import connect
from jobtui.frontend.backend import Backend
from jobtui.frontend.local_backend import LocalBackend
from jobtui.tui.screens.column_chooser import ColumnChooser
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET
from jobtui.tui.widgets.line_table import LineTable
from jobtui.web.server import Server


def header(driver: AppDriver) -> list[str]:
    """Return the titles of the table of jobs."""
    line = next(line for line in driver.text.splitlines() if "STATUS " in line)
    return line.replace("NOW / NEXT", "NEXT").replace("LAST RUN", "LAST").replace("OK %", "OK").split()


def states(driver: AppDriver) -> dict[str, str]:
    """Return whether each column is shown, by its name."""
    rows = driver.screen.query_one("#columns", LineTable).rows
    return {row.column.key: row.state for row in rows}


async def until_header(driver: AppDriver, titles: list[str]) -> None:
    """Wait until the table behind the dialog begins with some titles: it is painted after the dialog."""
    await driver.until(lambda: header(driver)[: len(titles)] == titles)


USUAL = ["STATUS", "NAME", "OUTCOMES", "NEXT", "TOOK", "SCHEDULE", "RUNS", "FAIL"]  # in 120 columns


@async_test
async def test_the_chooser_lists_every_column_and_says_which_do_not_fit() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c")
        assert isinstance(driver.screen, ColumnChooser)
        assert list(states(driver)) == list(COLUMN_SET.known)
        assert {name for name, state in states(driver).items() if state == "! no room"} == {
            "usually",
            "last-run",
            "about",
        }
        assert states(driver)["name"] == "✓ always"
        assert states(driver)["p95"] == "· hidden"
        await driver.resize(*NARROW)
        await driver.until(lambda: states(driver)["schedule"] == "! no room")


@async_test
async def test_space_hides_and_shows_a_column_in_the_table_at_once() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c", "j", "j", "space")
        await until_header(driver, ["STATUS", "NAME", "NEXT"])
        await driver.press("space")
        await until_header(driver, USUAL[:3])


@pytest.mark.parametrize(("down", "up"), [("J", "K"), ("shift+down", "shift+up")])
@async_test
async def test_a_column_moves_and_the_cursor_follows_it(down: str, up: str) -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c", "j", down, down)
        await until_header(driver, ["STATUS", "OUTCOMES", "NEXT", "NAME"])
        await driver.press(up)
        await until_header(driver, ["STATUS", "OUTCOMES", "NAME", "NEXT"])


@async_test
async def test_enter_keeps_the_choice_and_the_chooser_begins_with_it_next_time() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c", "j", "j", "space", "enter")
        assert isinstance(driver.screen, Dashboard)
        assert "OUTCOMES" not in header(driver)
        await driver.press("c")
        assert states(driver)["outcomes"] == "· hidden"
        assert list(states(driver)).index("outcomes") == len(COLUMN_SET.default) - 1


@pytest.mark.parametrize("key", ["escape", "q"])
@async_test
async def test_escape_leaves_everything_as_it_was(key: str) -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c", "J", "j", "space", "d", "space", "J", key)
        assert isinstance(driver.screen, Dashboard)
        assert header(driver) == USUAL


@async_test
async def test_d_chooses_the_usual_columns() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c", "J", "j", "j", "space", "G", "space", "d", "enter")
        assert header(driver) == USUAL


@async_test
async def test_a_column_that_is_always_shown_says_so() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c", "space")
        assert driver.toasts == [("warning", "STATUS is always shown; J and K move it")]
        assert header(driver) == USUAL


@async_test
async def test_a_double_click_hides_a_column() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c")
        await driver.pilot.click("#columns", offset=(10, 3), times=2)
        await driver.settle()
        assert states(driver)["outcomes"] == "· hidden"
        assert isinstance(driver.screen, ColumnChooser)


@async_test
async def test_the_sort_key_goes_through_the_chosen_columns() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        await driver.press("c", "G", "space", *"KKKKKKKKKKKKKKKKKKKKKK", "enter")
        assert header(driver)[:2] == ["CODE", "STATUS"]
        await driver.press("s", "s", "s")
        assert "by code" in str(driver.table().border_title)


@async_test
async def test_an_attached_dashboard_shows_the_same_in_every_column() -> None:
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("0 0 8 * * *", print, args=("a", 2), name="report", tz="America/New_York", timeout=30)
    scheduler.every("1h", print, name="import", overlap="skip", misfire="all", retry=3)

    async def lines_of(backend: Backend) -> list[str]:
        names = [name for name in COLUMN_SET.known if name not in COLUMN_SET.default]
        async with running_app(backend, (240, 30)) as driver:
            await driver.press("colon", *f"columns {' '.join(names)}", "enter")
            await driver.until(lambda: len(driver.table().rows) == 2)
            await driver.settle()
            return driver.lines(driver.table())[:3]

    with scheduler:
        local = LocalBackend(scheduler, "jobs.py")
        with Server(local, parse_address("127.0.0.1:0")) as server:
            attached = await lines_of(connect(str(server.address)))
            assert await lines_of(local) == attached
    assert "America/New_York" in attached[1]


@pytest.mark.parametrize("size", [WIDE, NARROW, (180, 50), (40, 12), (20, 5)])
@async_test
async def test_the_chooser_leaves_the_head_of_the_table_visible(size: tuple[int, int]) -> None:
    """In a tiny terminal at least the list itself."""
    async with running_app(ScriptedBackend(snapshots.many_jobs()), size) as driver:
        await driver.press("c", "G", "g")
        dialog = driver.screen.query_one("#column-chooser")
        assert driver.screen.region.contains_region(dialog.region)
        if size[1] >= NARROW[1]:
            assert dialog.region.y > driver.table().content_region.y + 3
