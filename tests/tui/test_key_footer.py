"""The keys in the footer: each of them does something on the screen that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.engine.views import Snapshot

# The keys that lead to each screen, and the snapshot.
SCREENS: dict[str, tuple[tuple[str, ...], Callable[[], Snapshot]]] = {
    "jobs": ((), snapshots.saturated),
    "no jobs": ((), snapshots.empty),
    "filter": (("slash",), snapshots.saturated),
    "running runs": (("1",), snapshots.saturated),
    "no running runs": (("1",), snapshots.empty),
    "waiting runs": (("2",), snapshots.saturated),
    "upcoming": (("3",), snapshots.saturated),
    "recent runs": (("4",), snapshots.saturated),
    "job": (("enter",), snapshots.saturated),
    "run": (("1", "enter"), snapshots.saturated),
    "output": (("o",), snapshots.saturated),
    "help": (("question_mark",), snapshots.saturated),
    "confirmation": (("1", "x"), snapshots.saturated),
    "quit": (("q",), snapshots.saturated),
}


@asynccontextmanager
async def screen(name: str) -> AsyncIterator[AppDriver]:
    """Run the app, and go to a screen."""
    keys, snapshot = SCREENS[name]
    async with running_app(ScriptedBackend(snapshot()), stop=lambda _grace: None) as driver:
        await driver.press(*keys)
        yield driver


def shown_keys(driver: AppDriver) -> list[str]:
    """Return the keys in the footer that are not disabled."""
    active = driver.screen.active_bindings.values()
    return [key.binding.key for key in active if key.binding.show and key.enabled]


def effects(driver: AppDriver) -> tuple[object, ...]:
    """Return everything that a key may change."""
    assert isinstance(driver.backend, ScriptedBackend)
    screens = [type(each) for each in driver.app.screen_stack]
    return driver.text, screens, list(driver.backend.commands), driver.toasts, driver.app.is_running


@pytest.mark.parametrize("name", SCREENS)
@async_test
async def test_every_key_in_the_footer_does_something(name: str) -> None:
    async with screen(name) as driver:
        keys = shown_keys(driver)
    idle = []
    for key in keys:
        async with screen(name) as driver:
            before = effects(driver)
            await driver.press(key)
            if effects(driver) == before:
                idle.append(key)
    assert not idle


@async_test
async def test_the_key_to_open_a_row_is_enabled_once_there_is_one() -> None:
    """It is disabled, not hidden, so that the other keys stay in their places."""
    async with screen("no jobs") as driver:
        assert "enter" not in shown_keys(driver)
        assert "Open" in driver.text
        await driver.show_snapshot(snapshots.saturated())
        assert "enter" in shown_keys(driver)


@async_test
async def test_the_footer_of_the_output_shows_no_key_to_open_a_line() -> None:
    async with screen("output") as driver:
        assert "Open" not in driver.text


@async_test
async def test_the_footer_keeps_its_widgets_until_other_keys_are_valid() -> None:
    """Mounting them at each change of the focus would be slow."""
    async with running_app(ScriptedBackend(snapshots.saturated())) as driver:
        before = list(driver.screen.query("FooterKey"))
        await driver.press("2", "tab", "0")
        assert list(driver.screen.query("FooterKey")) == before
        await driver.press("slash")
        assert not set(driver.screen.query("FooterKey")) & set(before)
