"""Runnables: check what the user wants a job to run, and find its name, origin and summary."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from sys import intern
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, ParamSpec, Protocol, TypeVar

from jobtui.process.printable import is_printable

Params = ParamSpec("Params")
Returned_co = TypeVar("Returned_co", covariant=True)


class HasRun(Protocol[Params, Returned_co]):
    """An object that a job can run, other than a function."""

    def run(self, *args: Params.args, **kwargs: Params.kwargs) -> Returned_co:
        """Do the work."""


# The runnables of a job that is called without arguments, and of one that has arguments.
JobFunction = Callable[[], object] | HasRun[[], object] | type[HasRun[[], object]]
AnyFunction = Callable[..., object] | HasRun[..., object] | type[HasRun[..., object]]

UNNAMED = "(unnamed)"

_GENERATOR = CO_GENERATOR | CO_ASYNC_GENERATOR
_CACHED = type(lru_cache(bool))  # the type of a function that is decorated with a cache
_MOST_LAYERS = 50  # decorators and partials around a function that are looked through

ACCEPTED = (
    "an object with a run() method, a function, a bound method, a functools.partial or a coroutine function"
)


@dataclass(slots=True, eq=False, repr=False)
class Runnable:
    """Something that a job can run."""

    call: Callable[..., Any]  # does the work; if it returns a coroutine, that one does it
    name: str  # the function's or the class's name; ``(unnamed)`` for a lambda, as in Revel

    description: tuple[str, str] | None = None  # what `describe` has returned
    arguments: str = ""  # those of the call, as a short text
    unbound: Callable[..., Any] | None = None  # the call without these; None if it has none

    @property
    def function(self) -> Callable[..., Any]:
        """The call without the arguments that `bind` has given to it."""
        return self.unbound or self.call

    @property
    def bound(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that `bind` has given to the call."""
        call = self.call
        if self.unbound is None or not isinstance(call, partial):
            return (), {}
        own = self.unbound
        before = (own.args, own.keywords) if isinstance(own, partial) else ((), {})
        return call.args[len(before[0]) :], call.keywords

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], text: str) -> None:
        """Give the call its arguments.

        Args:
            args: The positional arguments.
            kwargs: The keyword arguments.
            text: Both as a short text.
        """
        self.unbound = self.call
        self.call = partial(self.call, *args, **kwargs)
        self.arguments = text

    @property
    def is_function(self) -> bool:
        """Whether the runnable is a plain function, so that `describe` executes no code of the user."""
        return type(self.call) is FunctionType and not self.call.__dict__

    def describe(self) -> tuple[str, str]:
        """Return ``file:line`` of the code, and the first line of its docstring; each "" if there is none.

        The code is that of the decorated function, if decorators say which one that is, as those made with
        `functools.wraps` do. The docstring is that of the function, else that of its object's class. The
        first call may execute code of the user, so it must not be made with the state lock held, unless
        `is_function`.
        """
        if self.description is None:
            try:
                target = _outermost(self.call)
                self.description = _origin(target), _summary(target)
            except Exception:  # noqa: BLE001 - from an attribute of the user's object
                self.description = "", ""
        return self.description


def _origin(target: Any) -> str:
    for _ in range(_MOST_LAYERS):
        target = _outermost(target)
        wrapped = getattr(target, "__wrapped__", None)
        if wrapped is None:
            break
        target = wrapped
    code = getattr(target, "__code__", None)
    return intern(f"{code.co_filename}:{code.co_firstlineno}") if type(code) is CodeType else ""


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
    # A mock has every attribute that it is asked for, but lists only those that it was given.
    if ("run" in dir(value) or not callable(value)) and not inspect.isroutine(value):
        run = getattr(value, "run", None)
        if callable(run):
            return Runnable(_reject_generator(run), type(value).__name__)
    if callable(value):
        return Runnable(_reject_generator(value), _name_of(value))
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that it was never awaited
        raise TypeError(
            f"{value.__qualname__}() was called: pass the coroutine function itself, without parentheses"
        )
    hint = " (was the function called? pass it without parentheses)" if value is None else ""
    if isinstance(value, classmethod):
        hint = " (register a class method after its class, as Class.method)"
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
    return UNNAMED if name == "<lambda>" or not is_printable(name) else name


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


def check_arguments(
    call: Callable[..., Any],
    args: tuple[Any, ...] = (),
    kwargs: Any = None,
    *,
    advice: str = "args= and kwargs= are the arguments of every run of the job",
) -> None:
    """Check that a call with these arguments can begin: that it lacks none, and has none too many.

    Args:
        call: What is called.
        args: The positional arguments.
        kwargs: The keyword arguments.
        advice: What to write instead, for the message.

    Raises:
        TypeError: It cannot; the message says why, and what to write instead.
    """
    function, args, kwargs = _innermost_call(call, args, kwargs or {})
    if type(function) is FunctionType:
        code = function.__code__
        if not (code.co_argcount or code.co_kwonlyargcount or args or kwargs):
            return
        # A copy without attributes: a decorator may set a `__signature__` that differs from the code's.
        bare = FunctionType(code, {}, function.__name__, function.__defaults__, function.__closure__)
        bare.__kwdefaults__ = function.__kwdefaults__
    else:
        bare = function
    try:
        signature = inspect.signature(bare, follow_wrapped=False)
    except Exception:  # noqa: BLE001 - of a function in C, or from an attribute of the user's object
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(_explain_arguments(function, str(error), advice)) from None


def _explain_arguments(function: Any, problem: str, advice: str) -> str:
    name = str(getattr(function, "__qualname__", _name_of(function))).rpartition("<locals>.")[2]
    origin = _origin(function)
    owner, _, method = name.rpartition(".")
    if problem.endswith(("'self'", "'cls'")) and owner:
        advice = f"it is a method, so pass that of an object, such as {owner.rpartition('.')[2]}().{method}"
    return f"{name}(){origin and f' ({origin})'} cannot be called: {problem}; {advice}"


def _innermost_call(
    call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return the function that a call reaches, and the arguments that it gets there."""
    for _ in range(_MOST_LAYERS):
        if isinstance(call, partial):
            call, args, kwargs = call.func, call.args + args, {**call.keywords, **kwargs}
        elif type(call) is MethodType:
            call, args = call.__func__, (call.__self__, *args)
        elif isinstance(call, staticmethod | _CACHED):
            call = call.__wrapped__
        elif type(method := getattr(call, "__call__", None)) is MethodType:  # noqa: B004 - the method is wanted
            call = method
        else:
            break
    return call, args, kwargs


def _reject_generator(call: Callable[..., Any]) -> Callable[..., Any]:
    if function_name(call):
        return call
    if body_kind(call) == "generator":
        # A call only creates a generator: the body would never run, without any error.
        raise TypeError(f"{_name_of(call)} is a generator function: its body would not run; remove the yield")
    return call


def body_kind(call: Callable[..., Any]) -> str:
    """Return "coroutine" or "generator" if a call makes only such an object, and the body runs later."""
    code = getattr(_innermost_call(call, (), {})[0], "__code__", None)
    flags = code.co_flags if type(code) is CodeType else 0
    return "generator" if flags & _GENERATOR else "coroutine" if flags & CO_COROUTINE else ""


def _outermost(call: Any) -> Any:
    """Return the function or method that a call reaches first, through partials and objects."""
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
    return UNNAMED if name == "<lambda>" or not is_printable(name) else name
