"""The functions that a program registers to be called before the start and after the stop."""

from __future__ import annotations

from collections.abc import Callable

from jobtui.engine.tracebacks import log_exception, one_line

Hook = Callable[[], object]


class StartError(Exception):
    """An ``on_app_start`` function raised, so the scheduler did not start; the cause is chained."""


class Hooks:
    """The ``on_app_start`` and ``on_app_stop`` functions, called serially in the order of registration.

    Attributes:
        on_start: The functions to call before the start. One that raises prevents the start.
        on_stop: The functions to call after the stop, if all start functions returned. What one raises is
            logged.
    """

    def __init__(self) -> None:
        self.on_start: list[Hook] = []
        self.on_stop: list[Hook] = []
        self._started = False

    def call_start_functions(self) -> None:
        """Call the ``on_app_start`` functions.

        Raises:
            StartError: One of them raised; the rest have not been called.
        """
        for function in self.on_start:
            try:
                function()
            except Exception as error:
                name = getattr(function, "__name__", repr(function))
                message = f"on_app_start function {name} raised {one_line(error)}"
                raise StartError(message) from error
        self._started = True

    def call_stop_functions(self) -> None:
        """Call the ``on_app_stop`` functions; only the first call does anything."""
        functions, self.on_stop = self.on_stop if self._started else [], []
        for function in functions:
            try:
                function()
            except Exception:  # noqa: BLE001 - logged
                log_exception("an on_app_stop function raised; the others are called")
