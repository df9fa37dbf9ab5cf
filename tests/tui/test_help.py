"""The help: every key of the screen below it and every sign, in columns, with a search."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.drawn_texts import drawn_texts
from support.scripted_backend import ScriptedBackend
from textual.binding import Binding
from textual.widget import Widget

from jobtui.frontend.ascii_signs import ascii_signs
from jobtui.frontend.sign_help import SIGNS
from jobtui.tui.key_names import key_label
from jobtui.tui.screens.help import HelpScreen
from jobtui.tui.widgets.line_table import LineTable

TALL = (180, 120)
SCREENS: dict[str, Sequence[str]] = {
    "dashboard": (),
    "job": ("enter",),
    "run": ("4", "enter"),
    "log": ("o",),
    "history": ("h",),
    "timeline": ("5",),
    "calendar": ("6",),
}


async def open_help(driver: AppDriver) -> str:
    await driver.press("question_mark")
    assert isinstance(driver.screen, HelpScreen)
    return driver.text


@pytest.mark.parametrize("screen", SCREENS)
@async_test
async def test_the_help_lists_every_key_of_the_screen_of_its_tables_and_of_the_app(screen: str) -> None:
    """With the description in full. A key that the screen gives another meaning has only that."""
    async with running_app(ScriptedBackend(snapshots.idle()), TALL) as driver:
        await driver.press(*SCREENS[screen])
        below = driver.screen
        active = below.active_bindings
        nodes: list[object] = [driver.app, below, *([driver.app.focused] if driver.app.focused else [])]
        bindings = [
            (key, binding)
            for node in nodes
            for binding in vars(type(node)).get("BINDINGS", [])
            if isinstance(binding, Binding)
            for key in binding.key.split(",")
            if active.get(key, (None,))[0] is node
        ]
        assert len(bindings) > 4
        shown = await open_help(driver)
        for key, binding in bindings:
            assert key_label(key) in shown
            text = "Detach" if binding.action == "quit" else binding.tooltip or binding.description
            if active[key].binding.description == binding.description:
                assert text.split()[0] in shown


@async_test
async def test_the_help_of_the_dashboard_has_the_keys_beside_their_texts_in_columns() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), (180, 50)) as driver:
        shown = await open_help(driver)
        assert "*  Mark all jobs that are shown, or none" in shown
        first = next(line for line in shown.splitlines() if "On this screen" in line)
        assert len(first.strip("│ ").split("  ")) > 2  # other columns begin on the same line
        await driver.press("question_mark")
        assert not isinstance(driver.screen, HelpScreen)


# Not signs: keys, punctuation and lines.
NOT_SIGNS = set("┤├µ↑↓←→⏎⌫—–…·•×\u00a0🔎≈─│━├└┘┐┌╭╮╯╰╷╵")  # noqa: RUF001 - a dash and a multiplication sign


def test_every_sign_in_the_code_is_explained() -> None:
    """Explain a new one in `jobtui/frontend/sign_help.py`. Bars and shades count as one sign each."""
    explained = {character for group in SIGNS.values() for sign, _ in group for character in sign}
    bars = set("▁▂▃▄▅▆▇█░▒▓▏▎▍▌▋▊▉▕▐")
    drawn = {
        (character, place)
        for text, place in drawn_texts()
        for character in text
        if ascii_signs(character) != character and not 0x2800 <= ord(character) < 0x2900
    }
    missing = {(sign, place) for sign, place in drawn if sign not in explained | NOT_SIGNS | bars}
    assert {each for each in missing if not each[1].startswith("ascii_signs.py")} == set()


@async_test
async def test_the_help_explains_what_stands_on_the_dashboard() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), TALL) as driver:
        shown = await open_help(driver)
        for text in (
            "♥ 2s",
            "of its runs wait",
            "SATURATED  none is free",
            "✗  FAILED",
            "number of a run",
        ):
            assert text in shown


@async_test
async def test_words_filter_the_lines_and_escape_shows_all_again() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), TALL) as driver:
        await open_help(driver)
        await driver.press("slash", *"clock q")
        assert "nothing found" in driver.text
        await driver.press("backspace")
        assert "a clock change affects it" in driver.text
        assert "Grow the pool" not in driver.text
        await driver.press("enter")
        assert "Grow the pool" not in driver.text
        await driver.press("slash", "escape")
        assert "Grow the pool" in driver.text
        await driver.press("q")
        assert not isinstance(driver.screen, HelpScreen)


@async_test
async def test_the_help_scrolls_in_a_small_terminal() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), (80, 24)) as driver:
        await open_help(driver)
        box = driver.screen.query_one("VerticalScroll", Widget)

        def is_at(place: int) -> bool:
            return box.scroll_y == place

        for key, place in [("j", 1), ("down", 2), ("k", 1), ("up", 0)]:
            await driver.press(key)
            await driver.until(partial(is_at, place))
        await driver.press("pagedown")
        assert box.scroll_y > 10
        await driver.press("pageup")
        assert box.scroll_y == 0


@async_test
async def test_the_help_of_a_screen_without_tables_has_no_keys_of_tables() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), TALL) as driver:
        assert driver.screen.query(LineTable)
        await driver.press("5")
        shown = await open_help(driver)
        assert "On this screen" in shown
        assert "Grow the pool by one" not in shown


@async_test
async def test_the_keys_and_the_effect_of_an_action_share_a_line() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), TALL) as driver:
        lines = (await open_help(driver)).splitlines()
        assert any("ctrl+c ctrl+q  Detach" in line for line in lines)


@pytest.mark.parametrize("width", [120, 180, 210])
@async_test
async def test_a_heading_stands_above_the_lines_of_its_section(width: int) -> None:
    """It is not the last line of a column."""
    async with running_app(ScriptedBackend(snapshots.idle()), (width, 120)) as driver:
        lines = (await open_help(driver)).splitlines()
        for title in SIGNS:
            rows = [(row, line.index(title)) for row, line in enumerate(lines) if title in line]
            assert all(lines[row + 1][at : at + 20].strip(" │") for row, at in rows)
