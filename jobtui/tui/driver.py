"""The terminal that the dashboard draws on, while descriptors 1 and 2 lead elsewhere."""

from __future__ import annotations

import os
from io import TextIOWrapper
from typing import Any

from textual.app import App
from textual.driver import Driver


def driver_on(terminal: TextIOWrapper) -> type[Driver]:
    """A driver class that draws on this stream. Textual's own would draw on ``sys.__stderr__``.

    Args:
        terminal: A stream that is a terminal.
    """
    from textual.drivers.linux_driver import LinuxDriver  # noqa: PLC0415 - it cannot be imported on Windows

    class TerminalDriver(LinuxDriver):
        """Draws on the given terminal and asks it for its size."""

        def __init__(self, app: App[Any], **options: Any) -> None:
            super().__init__(app, **options)
            self._file = terminal

        def _get_terminal_size(self) -> tuple[int, int]:
            return os.get_terminal_size(terminal.fileno())

    return TerminalDriver
