"""One frame of the dashboard without a terminal."""

from __future__ import annotations

import asyncio

from support.app_driver import async_test
from textual.app import App, ComposeResult
from textual.widget import Widget

from jobtui.tui.frame import is_mounted


class SlowWidget(Widget):
    """A widget that mounts when its event is set."""

    def __init__(self) -> None:
        super().__init__()
        self.mounts, self.may_mount = asyncio.Event(), asyncio.Event()

    async def on_mount(self) -> None:
        self.mounts.set()
        await self.may_mount.wait()


class SlowApp(App[None]):
    """An app with one such widget."""

    def __init__(self) -> None:
        super().__init__()
        self.slow, self.ready = SlowWidget(), asyncio.Event()

    def compose(self) -> ComposeResult:
        yield self.slow

    def on_ready(self) -> None:
        self.ready.set()


@async_test
async def test_a_frame_waits_for_the_last_widget_that_mounts() -> None:
    """A widget that mounts while its app exits fails, and its traceback was written below the frame."""
    app = SlowApp()
    running = asyncio.create_task(app.run_async(headless=True))
    await app.slow.mounts.wait()
    assert not is_mounted(app.screen)
    app.slow.may_mount.set()
    await app.ready.wait()
    assert is_mounted(app.screen)
    app.exit()
    await running
