"""Dialogs that cover the whole screen."""

from __future__ import annotations

import pytest
from support import snapshots
from support.app_driver import async_test, running_app
from support.scripted_backend import ScriptedBackend


@pytest.mark.parametrize(
    "keys",
    [
        ("enter",),
        ("4", "j", "enter"),
        ("1", "t"),
        ("5",),
        ("6",),
        ("h",),
        ("l",),
        ("o",),
        ("m",),
        ("A",),
        ("question_mark",),
    ],
    ids="-".join,
)
@async_test
async def test_the_dashboard_is_not_painted_below_a_dialog_that_covers_it(keys: tuple[str, ...]) -> None:
    """A translucent background would paint it at each repaint, for nothing."""
    async with running_app(ScriptedBackend(snapshots.mid_run())) as driver:
        await driver.press(*keys)
        assert len(driver.app.screen_stack) == 2
        dialog = driver.screen.query_one(".dialog.large")
        assert dialog.region == driver.screen.region.shrink((0, 0, 1, 0))  # above the keys
        assert driver.screen.styles.background.a == 1


@async_test
async def test_a_covered_dashboard_shows_the_present_state_when_it_is_seen_again() -> None:
    """Until then a change costs it nothing; the lines that it would repaint are lines of the dialog, too."""
    async with running_app(ScriptedBackend(snapshots.mid_run())) as driver:
        await driver.press("5")
        before = driver.table().rows
        await driver.show_snapshot(snapshots.many_jobs())
        assert driver.table().rows == before
        await driver.press("enter", "escape")
        assert driver.table().rows == before
        await driver.press("escape")
        assert len(driver.table().rows) == len(snapshots.many_jobs().jobs)
