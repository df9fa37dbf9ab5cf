"""One frame of the dashboard as text, without a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from jobtui.frontend.backend import Backend
from jobtui.tui.app import JobtuiApp
from jobtui.tui.arrangement import DRAWER_WIDTH
from jobtui.tui.display import DEFAULT_DISPLAY, Display
from jobtui.tui.widgets.drawer import Drawer

_TURNS, _TURN = 200, 0.01  # how often, and for how many seconds each, to wait for the screen


def is_mounted(screen: Screen[Any]) -> bool:
    """Return whether all widgets of the screen are mounted.

    Textual calls a process idle that gets no time on a busy machine, so its pauses alone do not wait for
    that. A widget that mounts while its app exits fails.
    """
    return all(widget.is_mounted for widget in screen.walk_children(Widget, with_self=True))


def render_frame(
    backends: Sequence[Backend], size: tuple[int, int], *, colour: bool, display: Display = DEFAULT_DISPLAY
) -> str:
    """Return the main screen as it would be painted now.

    Args:
        backends: The schedulers, the first of which is shown. They are closed at the end.
        size: The columns and the rows.
        colour: Whether to keep the colours, as escape sequences.
        display: The user's choices about the dashboard.
    """
    backend, *others = backends
    app = JobtuiApp(backend, others=others, display=display)
    lines: list[str] = []

    async def take(pilot: Pilot[Any]) -> None:
        shows_drawer = size[0] >= DRAWER_WIDTH and bool(backend.snapshot().jobs)
        await pilot.pause()
        for _ in range(_TURNS):
            drawers = app.screen.query(Drawer)
            if drawers and is_mounted(app.screen) and (not shows_drawer or drawers.first().is_answered):
                break
            await pilot.pause(_TURN)
        await pilot.pause()
        strips = app.screen._compositor.render_strips()  # noqa: SLF001 - Textual exports only pictures
        console = Console(file=io.StringIO(), color_system="truecolor", force_terminal=True)
        lines.extend(strip.render(console) if colour else strip.text.rstrip() for strip in strips)
        app.exit()

    app.run(headless=True, size=size, auto_pilot=take)
    return "\n".join(lines)
