"""A driver of Textual that draws on a given terminal."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.driver import Driver

from jobtui.process.terminal import Terminal


def driver_on(terminal: Terminal) -> type[Driver]:
    """Return a driver class that draws on a terminal. Textual's own driver draws on `sys.__stderr__`."""
    from textual.drivers.linux_driver import LinuxDriver  # noqa: PLC0415 - it cannot be imported on Windows

    class TerminalDriver(LinuxDriver):
        def __init__(self, app: App[Any], **options: Any) -> None:
            super().__init__(app, **options)
            self._file = terminal
            self.fileno = terminal.input_descriptor
            self.input_tty = os.isatty(self.fileno)
            self._size = self._get_terminal_size()  # the app itself would ask file descriptors 0 to 2

        def _get_terminal_size(self) -> tuple[int, int]:
            with suppress(OSError):  # the terminal is gone
                return os.get_terminal_size(terminal.fileno())
            return super()._get_terminal_size()

    return TerminalDriver
