"""What a program does before the scheduler starts and after it has stopped."""

from __future__ import annotations

from collections.abc import Callable

from jobtui.engine.tracebacks import report

Hook = Callable[[], object]


class StartError(Exception):
    """An ``on_app_start`` function raised, so the scheduler was not started; the cause is chained."""


class Hooks:
    """The functions to call, serially, in the order of registration.

    Attributes:
        on_start: Called before the start. One that raises stops it.
        on_stop: Called after the stop, if the start came through. One that raises is logged.
    """

    def __init__(self) -> None:
        self.on_start: list[Hook] = []
        self.on_stop: list[Hook] = []
        self._started = False

    def started(self) -> None:
        """Call the functions for the start.

        Raises:
            StartError: One of them raised; the rest were not called.
        """
        for function in self.on_start:
            try:
                function()
            except Exception as error:
                name = getattr(function, "__name__", repr(function))
                message = f"on_app_start function {name} raised {type(error).__name__}: {error}"
                raise StartError(message) from error
        self._started = True

    def stopped(self) -> None:
        """Call the functions for the stop, once, whoever stops how often."""
        functions, self.on_stop = self.on_stop if self._started else [], []
        for function in functions:
            try:
                function()
            except Exception:  # noqa: BLE001 - logged
                report("an on_app_stop function raised; the others are called")
