"""One frame of the dashboard as text, without a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from textual.pilot import Pilot

from jobtui.frontend.backend import Backend
from jobtui.tui.app import JobtuiApp
from jobtui.tui.arrangement import DRAWER_WIDTH
from jobtui.tui.display import DEFAULT_DISPLAY, Display
from jobtui.tui.widgets.drawer import Drawer

_TURNS, _TURN = 200, 0.01  # how often, and for how many seconds, to wait for the drawer


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
        await pilot.pause()
        drawer = app.screen.query_one(Drawer)
        for _ in range(_TURNS if size[0] >= DRAWER_WIDTH and backend.snapshot().jobs else 0):
            if drawer.is_answered:
                break
            await pilot.pause(_TURN)
        strips = app.screen._compositor.render_strips()  # noqa: SLF001 - Textual exports only pictures
        console = Console(file=io.StringIO(), color_system="truecolor", force_terminal=True)
        lines.extend(strip.render(console) if colour else strip.text.rstrip() for strip in strips)
        app.exit()

    app.run(headless=True, size=size, auto_pilot=take)
    return "\n".join(lines)
