"""The progress of a forecast that a worker thread makes for a screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

from jobtui.process.gil import let_other_threads_run

_STEPS = 20  # that are shown


class ForecastProgress:
    """Shows how far a forecast is, lets the jobs run in the middle of it, and ends it with its screen.

    Call it in the worker thread, as the `progress` of `forecast`.

    Args:
        screen: The screen.
        show: Shows which part is done, from 0 to 1; called in the app's thread.
    """

    def __init__(self, screen: Screen[Any], show: Callable[[float], object]) -> None:
        self._screen = screen
        self._show = show
        self._shown = 0

    def __call__(self, part: float) -> None:
        """Note that a part is done.

        Raises:
            RuntimeError: The screen was closed.
        """
        if not self._screen.is_attached:
            raise RuntimeError("the screen is closed")
        step = int(part * _STEPS)
        if step != self._shown:
            self._shown = step
            self._screen.app.call_later(self._show_if_open, part)
        let_other_threads_run()

    def _show_if_open(self, part: float) -> None:
        if self._screen.is_attached:
            self._show(part)
