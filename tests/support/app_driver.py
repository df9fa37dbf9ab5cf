"""The dashboard on a stage: without a terminal, with a pilot at its keys."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

from textual import events
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from jobtui.engine.views import Snapshot
from jobtui.frontend.backend import Backend
from jobtui.tui.app import JobtuiApp
from jobtui.tui.widgets.line_table import LineTable
from support.scripted_backend import ScriptedBackend

WIDE = (120, 32)
NARROW = (80, 24)
TURNS = 30  # of the loop; a key takes fewer than ten on its way from the driver to a widget's action

Parameters = ParamSpec("Parameters")
AnySource = TypeVar("AnySource", bound=Backend)


def driven(test: Callable[Parameters, Coroutine[Any, Any, None]]) -> Callable[Parameters, None]:
    """Make a test of a coroutine function."""

    @functools.wraps(test)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Stage:
    """An app that runs, and what a test wants to know of it.

    Args:
        app: The app.
        pilot: Presses its keys.
    """

    def __init__(self, app: JobtuiApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they ask for is done and shown."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()
        await self.settle()

    async def press_at_once(self, *keys: str) -> None:
        """Press keys so quickly that the app has read all before it has done anything."""
        driver = self.app._driver
        assert driver is not None
        for key in keys:
            driver.send_message(events.Key(key, key if len(key) == 1 else None))
        await self.settle()

    async def settle(self) -> None:
        """Wait until commands are carried out and everything is shown."""
        await self.pilot.pause()
        while any(not worker.is_finished for worker in self.app.workers):  # an answer may raise a question
            await self.app.workers.wait_for_complete()
            await self.pilot.pause()
        await self.pilot.pause()

    async def until(self, condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
        """Let the app go on until something is so; it fails if that takes too long."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self.pilot.pause()

    async def resize(self, width: int, height: int) -> None:
        """Change the size of the terminal, and wait until the screen has it."""
        await self.pilot.resize_terminal(width, height)
        await self.until(lambda: self.screen.size == (width, height))

    async def show(self, snapshot: Snapshot, source: ScriptedBackend) -> None:
        """Move the source and wait until the app shows it, without waiting for the next picture's turn."""
        source.move(snapshot)
        self.app._show_picture()
        await self.settle()

    @property
    def screen(self) -> Screen[object]:
        """The screen on top."""
        return self.app.screen

    @property
    def text(self) -> str:
        """What the screen on top shows."""
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())

    @property
    def focus(self) -> str | None:
        """The id of the widget that has the keys."""
        return self.app.focused.id if self.app.focused is not None else None

    @property
    def toasts(self) -> list[tuple[str, str]]:
        """The severity and the text of the toasts so far."""
        return [(toast.severity, toast.message) for toast in self.app._notifications]

    def table(self, name: str = "jobs") -> LineTable[Any]:
        """A table by its id."""
        table: LineTable[Any] = self.app.screen_stack[0].query_one(f"#{name}", LineTable)
        return table

    def lines(self, widget: Widget) -> list[str]:
        """What a widget shows, line by line."""
        x, y, width, height = widget.content_region
        strips = self.screen._compositor.render_strips()
        return [strip.crop(x, x + width).text for strip in strips[y : y + height]]


async def some_turns(_min_sleep: float = 0.0, _max_sleep: float = 0.0) -> None:
    """Let the loop turn; Textual's own way is to sleep until the process uses no time."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@asynccontextmanager
async def on_stage(source: AnySource, size: tuple[int, int] = WIDE, **options: Any) -> AsyncIterator[Stage]:
    """Run the app on a source; a test's failure and the app's own are raised."""
    app = JobtuiApp(source, **options)
    app.animation_level = "none"
    with patch("textual.pilot.wait_for_idle", some_turns), patch("textual.app.wait_for_idle", some_turns):
        async with app.run_test(size=size, notifications=True) as pilot:
            stage = Stage(app, pilot)
            await stage.settle()
            yield stage
