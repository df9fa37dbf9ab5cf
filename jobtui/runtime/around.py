"""Functions around the work of every run: each opens a context, such as a database session, for the job."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from jobtui.engine.runnables import check_arguments

Around = Callable[[Any], AbstractContextManager[Any] | Iterator[Any]]

_ADVICE = "give a generator function with one yield, or a function that returns a context manager"


class Arounds:
    """The functions that a program has registered.

    Attributes:
        functions: The functions in order: the first one is the outermost.
    """

    def __init__(self) -> None:
        self.functions: list[Callable[[Any], AbstractContextManager[Any]]] = []

    def add(self, function: Around) -> None:
        """Add a function, which gets the run.

        Raises:
            TypeError: It is not a function, cannot be called with one argument, or is asynchronous.
        """
        if not callable(function):
            raise TypeError(f"{function!r:.80} is not a function; {_ADVICE}")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            name = getattr(function, "__name__", repr(function))
            raise TypeError(f"{name} is asynchronous, and runs in threads cannot await it; {_ADVICE}")
        check_arguments(function, (None,), advice="around functions are called with one argument, the run")
        opens: Any = contextmanager(function) if inspect.isgeneratorfunction(function) else function
        self.functions.append(opens)

    def enter(self, run: object) -> ExitStack:
        """Open the contexts for a run. If one raises, those before it are closed.

        Args:
            run: The run, as `current_run` returns it.

        Returns:
            The stack that closes them.
        """
        with ExitStack() as stack:
            for function in tuple(self.functions):
                context: Any = function(run)
                if not isinstance(context, AbstractContextManager):
                    name = getattr(function, "__name__", repr(function))
                    raise TypeError(f"{name} returned {context!r:.80}, not a context manager; {_ADVICE}")
                stack.enter_context(context)
            return stack.pop_all()
