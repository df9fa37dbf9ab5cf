"""The functions that a program registers to be called before the start and after the stop."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import nullcontext

from jobtui.engine.runnables import body_kind, check_arguments
from jobtui.engine.tracebacks import log_exception, one_line
from jobtui.process.slow_notice import notice_if_slow

Hook = Callable[[], object]


class StartError(Exception):
    """An ``on_app_start`` function raised, so the scheduler did not start; the cause is chained."""


class Hooks:
    """The ``on_app_start`` and ``on_app_stop`` functions, called serially in the order of registration.

    Attributes:
        on_start: The functions to call before the start. One that raises prevents the start.
        on_stop: The functions to call after the stop, if all start functions returned. What one raises is
            logged.
        on_slow: Called in a thread of its own with a sentence about a function that has not returned for a
            while. By default nothing is said.
        calling: The kind and the name of the function that has been called and has not returned, such as
            "on_app_stop function close"; "" if there is none.
    """

    on_slow: Callable[[str], object] | None = None

    def __init__(self) -> None:
        self.on_start: list[Hook] = []
        self.on_stop: list[Hook] = []
        self.calling = ""
        self._started = False
        self._stopped = threading.Event()  # cleared from the start until the stop functions have returned
        self._stopped.set()

    def add(self, functions: list[Hook], function: Hook) -> None:
        """Add a function to one of the two lists.

        Raises:
            TypeError: It is not a function that can be called without arguments, or its body would not run.
        """
        if not callable(function):
            raise TypeError(
                f"{function!r:.80} is not a function (was it called? pass it without parentheses)"
            )
        if body_kind(function) == "coroutine":
            raise TypeError(_advice(function, "is a coroutine function, which is not awaited here"))
        if body_kind(function) == "generator":
            raise TypeError(_advice(function, "is a generator function, whose body would not run"))
        check_arguments(
            function, advice="it must require no arguments; pass a functools.partial that has them"
        )
        functions.append(function)

    def call_start_functions(self) -> None:
        """Call the ``on_app_start`` functions. If one raises, the rest are not called.

        Raises:
            StartError: One of them raised something else than the following two.
            SystemExit: One of them called ``sys.exit``.
            KeyboardInterrupt: The user pressed Ctrl+C.
        """
        for function in self.on_start:
            try:
                self._call(function, "on_app_start")
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # asyncio.CancelledError, for example
                message = f"on_app_start function {_name(function)} raised {one_line(error)}"
                raise StartError(message) from error
        self._stopped.clear()
        self._started = True

    def call_stop_functions(self) -> None:
        """Call the ``on_app_stop`` functions; only the first call after a start does anything."""
        started, self._started = self._started, False
        if not started:
            return
        try:
            for function in self.on_stop:
                try:
                    self._call(function, "on_app_stop")
                except KeyboardInterrupt:
                    raise
                except BaseException:  # noqa: BLE001 - logged
                    log_exception("an on_app_stop function raised; the others are called")
        finally:
            self._stopped.set()

    def wait_stopped(self) -> None:
        """Block until the ``on_app_stop`` functions have returned, which another thread may have called."""
        self._stopped.wait()

    def _call(self, function: Hook, kind: str) -> None:
        """Call a function; raise TypeError if it only returns something whose body did not run."""
        self.calling = f"{kind} function {_name(function)}"
        sentence = f"{self.calling} has not returned yet"
        try:
            with nullcontext() if self.on_slow is None else notice_if_slow(sentence, self.on_slow):
                result = function()
        finally:
            self.calling = ""
        if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
            if inspect.iscoroutine(result):
                result.close()  # or Python warns that it was never awaited
            problem = f"returned a {type(result).__name__}, whose body did not run"
            raise TypeError(_advice(function, problem))


def _advice(function: Hook, problem: str) -> str:
    name = _name(function)
    return (
        f"{name} {problem}: register a plain function. The event loop of the jobs does not run before the "
        "start and after the stop; for coroutines of its own, the function may call asyncio.run()"
    )


def _name(function: Hook) -> str:
    return getattr(function, "__name__", repr(function))
