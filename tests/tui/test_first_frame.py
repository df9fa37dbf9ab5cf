"""The first frame of the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import snapshots
from support.app_driver import async_test, quick_pilot, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.tui import app as app_module
from jobtui.tui.app import JobtuiApp


class RecordingApp(JobtuiApp):
    """Records the texts of its frames."""

    CSS_PATH = str(Path(app_module.__file__).with_name("app.tcss"))

    def __init__(self) -> None:
        super().__init__(ScriptedBackend(snapshots.saturated()))
        self.frames: list[list[str]] = []

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if renderable is not None:
            strips = self.screen._compositor.render_strips()  # noqa: SLF001 - Textual's; as it is painted
            self.frames.append([strip.text for strip in strips])


@pytest.mark.parametrize("size", [(20, 5), (80, 24), (120, 32)], ids=str)
@async_test
async def test_the_first_frame_has_its_final_layout_and_all_but_the_keys(size: tuple[int, int]) -> None:
    """The last column may get a scrollbar later."""
    app = RecordingApp()
    with quick_pilot():
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
    first, last = [[line[:-1] for line in frame] for frame in (app.frames[0], app.frames[-1])]
    different = [place for place, line in enumerate(first) if line != last[place]]
    assert different in ([], [size[1] - 1])


@async_test
async def test_each_screen_has_the_class_of_the_present_size_and_no_other() -> None:
    """The terminal may have become smaller while another screen was above it."""
    async with running_app(ScriptedBackend(snapshots.idle()), (80, 24)) as driver:

        def size_classes() -> set[str]:
            return set(driver.screen.classes) & {name for _, name in JobtuiApp.VERTICAL_BREAKPOINTS}

        assert size_classes() == {"-higher"}
        await driver.press("question_mark")
        assert size_classes() == {"-higher"}
        await driver.resize(80, 12)
        await driver.until(lambda: size_classes() == {"-lower"})
        await driver.press("escape")
        assert size_classes() == {"-lower"}
        await driver.resize(80, 5)
        await driver.until(lambda: size_classes() == {"-lowest"})
        await driver.press("question_mark")
        assert size_classes() == {"-lowest"}
