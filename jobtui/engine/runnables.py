"""Runnables: check what the user wants a job to run, and find its name, origin and summary."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

UNNAMED = "(unnamed)"

_GENERATOR = CO_GENERATOR | CO_ASYNC_GENERATOR

ACCEPTED = (
    "an object with a run() method, a function, a bound method, a functools.partial or a coroutine function"
)


@dataclass(slots=True, eq=False, repr=False)
class Runnable:
    """Something that a job can run."""

    call: Callable[..., Any]  # does the work; if it returns a coroutine, that one does it
    name: str  # the function's or the class's name; ``(unnamed)`` for a lambda, as in Revel

    description: tuple[str, str] | None = None  # what `describe` has returned

    @property
    def is_function(self) -> bool:
        """Whether the runnable is a function, so that `describe` executes no code of the user."""
        return type(self.call) is FunctionType

    def describe(self) -> tuple[str, str]:
        """Return ``file:line`` of the code, and the first line of its docstring; each "" if there is none.

        The docstring is that of the function, else that of its object's class. The first call may execute
        code of the user, so it must not be made with the state lock held, unless `is_function`.
        """
        if self.description is None:
            try:
                target = _innermost(self.call)
                self.description = _origin(target), _summary(target)
            except Exception:  # noqa: BLE001 - from an attribute of the user's object
                self.description = "", ""
        return self.description


def _origin(target: Any) -> str:
    code = getattr(target, "__code__", None)
    return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def _summary(target: Any) -> str:
    for documented in (target, type(getattr(target, "__self__", None))):
        text = documented.__doc__ if documented is not type(None) else None
        if type(text) is str and text.strip():
            return text.strip().splitlines()[0]
    return ""


def as_runnable(value: object) -> Runnable:
    """Return the runnable for what the user wants to run.

    A class with a ``run()`` method is accepted too: it is instantiated without arguments.

    Raises:
        TypeError: The value cannot be run; the message says what can.
    """
    if callable(value) and (name := function_name(value)):
        return Runnable(value, name)
    if isinstance(value, type):
        value = _instance(value)
    if callable(run := getattr(value, "run", None)) and not inspect.isroutine(value):
        return Runnable(_reject_generator(run), type(value).__name__)
    if callable(value):
        return Runnable(_reject_generator(value), _name_of(value))
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that it was never awaited
        raise TypeError(
            f"{value.__qualname__}() was called: pass the coroutine function itself, without parentheses"
        )
    hint = " (was the function called? pass it without parentheses)" if value is None else ""
    raise TypeError(f"{value!r:.80} cannot be run{hint}; a runnable is {ACCEPTED}")


def function_name(value: Any) -> str:
    """Return the name of a function or a method, or of the one that a partial calls; "" for anything else.

    Every request of a one-off run takes this path, so it compares exact types. Generator functions are left
    to `as_runnable`, which rejects them.
    """
    kind = type(value)
    if kind is not FunctionType:
        while kind is partial:
            value = value.func
            kind = type(value)
        if kind is MethodType:
            value = value.__func__
            kind = type(value)
    if kind is FunctionType:
        if value.__code__.co_flags & _GENERATOR:
            return ""
    elif kind is not BuiltinFunctionType:
        return ""
    name: str = value.__name__
    # A generated name must not reach the terminal as an escape sequence.
    return UNNAMED if name == "<lambda>" or not name.isprintable() else name


def is_coroutine_function(call: Any) -> bool:
    """Return whether a call only makes a coroutine, and so cannot block.

    This is asked with the state lock held, so it compares exact types, and runs no code of the user.
    """
    while type(call) is partial:
        call = call.func
    if type(call) is MethodType:
        call = call.__func__
    return type(call) is FunctionType and bool(call.__code__.co_flags & CO_COROUTINE)


def _instance(kind: type) -> object:
    if not callable(getattr(kind, "run", None)):
        raise TypeError(f"{kind.__name__} is a class without a run() method; a runnable is {ACCEPTED}")
    try:
        return kind()
    except TypeError as error:
        raise TypeError(
            f"{kind.__name__} cannot be instantiated without arguments ({error}); pass an instance"
        ) from None


def _reject_generator(call: Callable[..., Any]) -> Callable[..., Any]:
    if function_name(call):
        return call
    target = _innermost(call)
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        # A call only creates a generator: the body would never run, without any error.
        raise TypeError(f"{_name_of(call)} is a generator function: its body would not run; remove the yield")
    return call


def _innermost(call: Any) -> Any:
    while isinstance(call, partial):
        call = call.func
    if not inspect.isroutine(call) and not hasattr(call, "__code__"):
        return getattr(call, "__call__", call)  # noqa: B004 - the bound method itself is wanted
    return call


def _name_of(call: Callable[..., Any]) -> str:
    while isinstance(call, partial):
        call = call.func
    name = getattr(call, "__name__", None)
    if not isinstance(name, str) or not name:
        name = type(call).__name__
    # As in `function_name`.
    return UNNAMED if name == "<lambda>" or not name.isprintable() else name
