"""Results that are work which has not begun: a run that returns one has done nothing, and must not be OK."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Coroutine, Generator
from typing import Any, TypeGuard

_PLAIN_TYPES = frozenset((type(None), bool, int, float, str, bytes, list, tuple, dict, set))
_LAZY = (Awaitable, Generator, AsyncGenerator, map, filter)


class WorkNotDoneError(Exception):
    """The function of a run has returned work that nothing does; the message says what to change."""


def is_coroutine(value: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    """Return whether a value is a coroutine, whatever its ``__class__`` is."""
    return type(value) not in _PLAIN_TYPES and issubclass(type(value), Coroutine)


def check_result(value: object) -> None:
    """Check what a run returns. Close a coroutine, or Python warns that it was never awaited.

    Raises:
        WorkNotDoneError: It is a generator, a map or a filter, or something that has to be awaited.
    """
    kind = type(value)
    if kind in _PLAIN_TYPES or not issubclass(kind, _LAZY):
        return
    name = getattr(value, "__qualname__", "")
    called = f"{name}()" if type(name) is str and name else f"an object of the class {kind.__qualname__}"
    if is_coroutine(value):
        value.close()
    if issubclass(kind, Awaitable):
        raise WorkNotDoneError(f"the job returned {called}, which was not awaited: write `await`")
    if issubclass(kind, map | filter):
        raise WorkNotDoneError(
            f"the job returned {called}, whose function has not been called: iterate over it with `for`"
        )
    loop = "async for" if issubclass(kind, AsyncGenerator) else "for"
    raise WorkNotDoneError(
        f"the job returned {called}, a generator, so its body has not run: iterate over it with `{loop}`, "
        "or remove the `yield`"
    )
