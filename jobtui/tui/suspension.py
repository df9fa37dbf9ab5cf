"""Leave the terminal for a while: on Ctrl+Z, after SIGSTOP, and for another program such as an editor."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from textual.driver import Driver

from jobtui.process.terminal import Terminal


class Suspension:
    """Restores the terminal before the process stops or another program draws, and draws again afterwards.

    Args:
        terminal: The terminal; None if the app has none of its own, so that nothing is to be done.
        driver: Returns the driver that draws on the terminal.
        repaint: Repaints every cell.
    """

    def __init__(
        self, terminal: Terminal | None, driver: Callable[[], Driver | None], repaint: Callable[[], None]
    ) -> None:
        self._terminal = terminal
        self._find_driver = driver
        self._repaint = repaint
        self._is_continued = False  # whether the next SIGCONT was handled already

    def handle_signals(self) -> None:
        """Handle SIGTSTP and SIGCONT from now on. Call in the thread of the running event loop."""
        # Not through the event loop, which would take the signals away that end the app.
        loop = asyncio.get_running_loop()
        for number, handle in ((signal.SIGTSTP, self._suspend), (signal.SIGCONT, self._continue)):
            signal.signal(number, lambda *_, handle=handle: loop.call_soon_threadsafe(handle))

    def stop_process_group(self) -> None:
        """Stop the process group, as the terminal does on Ctrl+Z for a program that does not read keys."""
        if self._terminal is not None:
            os.kill(0, signal.SIGTSTP)

    @contextmanager
    def leave_terminal(self) -> Iterator[Terminal | None]:
        """Leave the terminal, if there is one, to another program. Ctrl+Z there stops this process, too."""
        if self._terminal is None:
            yield None
            return
        self._driver.suspend_application_mode()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        try:
            yield self._terminal
        finally:
            signal.signal(signal.SIGTSTP, handler)
            self._driver.resume_application_mode()
            self._repaint()

    @property
    def _driver(self) -> Driver:
        driver = self._find_driver()
        assert driver is not None
        return driver

    def _suspend(self) -> None:
        """Restore the terminal, stop this process, and draw again when the shell continues it."""
        self._driver.suspend_application_mode()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # no effect if no shell could continue the process
        self._stop_while_in_background()
        signal.signal(signal.SIGTSTP, handler)
        self._is_continued = True
        self._driver.resume_application_mode()
        self._repaint()

    def _continue(self) -> None:
        """Draw again after a SIGSTOP, which the process cannot notice before it is continued."""
        if self._is_continued:
            self._is_continued = False
            return
        self._stop_while_in_background()
        self._driver.suspend_application_mode()
        self._driver.resume_application_mode()
        self._repaint()

    def _stop_while_in_background(self) -> None:
        """Stop this process until it may use its terminal; `bg` continues it too early."""
        assert self._terminal is not None
        with suppress(OSError):  # it is not the controlling terminal
            while os.tcgetpgrp(self._terminal.fileno()) != os.getpgrp():
                os.kill(os.getpid(), signal.SIGSTOP)
