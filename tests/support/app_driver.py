"""Run the dashboard without a terminal, press its keys and read its screen."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ParamSpec
from unittest.mock import patch

from textual import events
from textual._styles_cache import StylesCache
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
TURNS = 30  # of the event loop; a key needs fewer than ten to get from the driver to a widget's action

Parameters = ParamSpec("Parameters")


def async_test(test: Callable[Parameters, Coroutine[Any, Any, None]]) -> Callable[Parameters, None]:
    """Turn a coroutine function into a test."""

    @functools.wraps(test)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class AppDriver:
    """Drives a running app: presses keys, waits for their effects, and reads the screen.

    Args:
        app: The app.
        backend: The app's backend.
        pilot: Textual's pilot for the app.
    """

    def __init__(self, app: JobtuiApp, backend: Backend, pilot: Pilot[None]) -> None:
        self.app = app
        self.backend = backend
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until their commands are executed and everything is painted."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()
        await self.settle()

    async def press_at_once(self, *keys: str) -> None:
        """Press keys so quickly that the app has received all of them before it handles the first."""
        await self.send_at_once(*(events.Key(key, key if len(key) == 1 else None) for key in keys))

    async def send_at_once(self, *sent: events.Event) -> None:
        """Send events so quickly that the app has received all of them before it handles the first."""
        driver = self.app._driver  # noqa: SLF001 - Textual's; receives what a terminal sends
        assert driver is not None
        for event in sent:
            driver.send_message(event)
        await self.settle()

    async def settle(self) -> None:
        """Wait until all queries and commands have ended and everything is painted."""
        await self.pilot.pause()
        while any(not worker.is_finished for worker in self.app.workers):  # an answer may start a query
            await self.app.workers.wait_for_complete()
            await self.pilot.pause()
        await self.pilot.pause()

    async def until(self, condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
        """Let the app run until a condition is true; raise TimeoutError if that takes too long."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self.pilot.pause()

    async def resize(self, width: int, height: int) -> None:
        """Resize the terminal, and wait until the screen has the new size."""
        await self.pilot.resize_terminal(width, height)
        await self.until(lambda: self.screen.size == (width, height))

    async def show_snapshot(self, snapshot: Snapshot) -> None:
        """Give the scripted backend another snapshot, and wait until the app shows it."""
        assert isinstance(self.backend, ScriptedBackend)
        self.backend.set_snapshot(snapshot)
        await self.refresh()

    async def refresh(self) -> None:
        """Refresh the app at once, without the throttle, and wait until everything is painted."""
        self.refresh_now()
        await self.settle()

    def refresh_now(self) -> None:
        """Have the app take a snapshot at once, without the throttle."""
        self.app.take_snapshot()

    @property
    def exiting(self) -> bool:
        """Whether the app is about to exit."""
        return self.app._exit  # noqa: SLF001 - Textual's own, which has no public form

    @property
    def screen(self) -> Screen[object]:
        """The top screen."""
        return self.app.screen

    @property
    def text(self) -> str:
        """The text of the top screen."""
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())  # noqa: SLF001 - Textual's; the text as it is painted

    @property
    def focus(self) -> str | None:
        """The id of the focused widget."""
        return self.app.focused.id if self.app.focused is not None else None

    @property
    def toasts(self) -> list[tuple[str, str]]:
        """The severity and the text of each message so far, as often as it came."""
        return [
            (notice.severity, notice.text) for notice in self.app.notices.kept for _ in range(notice.times)
        ]

    def table(self, name: str = "jobs") -> LineTable[Any]:
        """Return a table of the main screen by its id."""
        table: LineTable[Any] = self.app.screen_stack[0].query_one(f"#{name}", LineTable)
        return table

    def lines(self, widget: Widget) -> list[str]:
        """Return the text of a widget, line by line."""
        x, y, width, height = widget.content_region
        strips = self.screen._compositor.render_strips()  # noqa: SLF001 - Textual's; the text as it is painted
        return [strip.crop(x, x + width).text for strip in strips[y : y + height]]


@contextmanager
def quick_pilot() -> Iterator[None]:
    """Let Textual's pilot wait for a fixed number of turns of the loop, and not for an idle process.

    Afterwards a cache is cleared that keeps a thousand widgets alive, which slows all garbage collections.
    """

    async def run_turns(_min_sleep: float = 0.0, _max_sleep: float = 0.0) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    with patch("textual.pilot.wait_for_idle", run_turns), patch("textual.app.wait_for_idle", run_turns):
        yield
    StylesCache.get_inner_outer.cache_clear()


@asynccontextmanager
async def running_app(
    backend: Backend, size: tuple[int, int] = WIDE, **options: Any
) -> AsyncIterator[AppDriver]:
    """Run the app on a backend. A failure of the test and an error of the app are both raised."""
    app = JobtuiApp(backend, **options)
    app.animation_level = "none"
    with quick_pilot():
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = AppDriver(app, backend, pilot)
            await driver.settle()
            yield driver
