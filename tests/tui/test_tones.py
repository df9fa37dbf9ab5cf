"""Tests for `jobtui.tui.widgets.tones`."""

from __future__ import annotations

import re
from importlib.resources import files

from support import snapshots
from support.app_driver import async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.tones import TONE_CLASSES, TONES, ToneStyles


def test_the_style_sheet_has_a_rule_for_each_tone() -> None:
    sheet = files("jobtui.tui").joinpath("app.tcss").read_text("utf-8")
    assert set(re.findall(r"^\.(tone--[\w-]+) \{", sheet, re.MULTILINE)) == TONE_CLASSES


@async_test
async def test_a_tone_follows_the_theme() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        toned = ToneStyles(driver.screen.query_one("#jobs", LineTable))
        before = {tone: toned(tone) for tone in TONES}
        driver.app.theme = "textual-light"
        await driver.settle()
        assert {tone for tone in TONES if toned(tone) == before[tone]} == set()


@async_test
async def test_tones_are_laid_over_each_other_and_over_the_style_of_the_widget() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        toned = ToneStyles(driver.screen.query_one("#jobs", LineTable))
        plain, cursor, failed = toned(), toned("cursor"), toned("failed")
        assert toned("") == plain
        assert (cursor.color, cursor.bold) == (plain.color, True)
        assert cursor.bgcolor != plain.bgcolor
        both = toned("cursor", "failed")
        assert (both.color, both.bgcolor) == (failed.color, cursor.bgcolor)
