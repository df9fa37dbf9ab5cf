"""The calls of runs that have ended, so that they can run again with the same arguments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from sys import getsizeof
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, NamedTuple

from jobtui.engine.records import Call, JobRecord, RunRecord

MAX_CALLS = 1_000  # the latest ones
MAX_OBJECTS = 200  # that the arguments of a call may consist of

_NUMBERS = frozenset({bool, int, float, NoneType})
_SHORT = 100  # characters of a text, and arguments
_SHARED = frozenset({type, ModuleType, BuiltinFunctionType})  # types of objects that exist in any case


class KeptCall(NamedTuple):
    """The call of a run that has ended.

    Attributes:
        number: The number of the run.
        job: Its job.
        call: The call, with its arguments.
        arguments: The arguments as a short text.
    """

    number: int
    job: JobRecord
    call: Call
    arguments: str


class KeptCalls:
    """The latest calls of one-off runs, and of runs that had arguments of their own.

    A call whose arguments take too much memory is not kept. Thread-safe without a lock.

    Args:
        memory: How much memory the arguments of all calls may take, in bytes.
    """

    def __init__(self, memory: int) -> None:
        self._limit = memory // MAX_CALLS
        self._calls: deque[tuple[int, JobRecord, Call, str]] = deque(maxlen=MAX_CALLS)

    def keep(self, run: RunRecord, drop: Callable[[object], object]) -> None:
        """Keep the call of a run that has ended.

        Args:
            run: The run. It still has its call.
            drop: Gets the oldest call if there are too many.
        """
        call, calls = run.call, self._calls
        if call is None:
            return
        if _is_small(call) or fits(call, self._limit):
            if len(calls) >= MAX_CALLS:
                drop(calls.popleft())
            calls.append((run.number, run.job, call, run.extras.arguments))

    def find(self, number: int) -> KeptCall | None:
        """Return the call of a run; None if it is not kept."""
        for each in tuple(self._calls):
            if each[0] == number:
                return KeptCall(*each)
        return None


def _is_small(call: Any) -> bool:
    """Return whether a call fits certainly, as most do: `fits` takes as long as a short run."""
    kind = type(call)
    if kind is FunctionType:
        return call.__closure__ is None
    if kind is partial:
        function = call.func
        return (
            type(function) is FunctionType
            and function.__closure__ is None
            and len(call.args) + len(call.keywords) < _SHORT
            and all(map(_is_short, call.args))
            and all(map(_is_short, call.keywords.values()))
        )
    return kind is MethodType and getattr(call.__self__, "__dict__", None) == {}


def _is_short(value: Any) -> bool:
    """Return whether a value is a number, None or a short text."""
    kind = type(value)
    return kind in _NUMBERS or (kind is str and len(value) < _SHORT)


def fits(call: object, limit: int) -> bool:
    """Return whether a call with its arguments takes at most so many bytes, as far as it is known.

    This reads the attributes and the sizes of the arguments, which may execute code of the user.
    """
    waiting, seen, size = [call], set[int](), 0
    try:
        while waiting:
            value = waiting.pop()
            if id(value) in seen or type(value) in _SHARED:
                continue
            seen.add(id(value))
            size += getsizeof(value)
            if size > limit or len(seen) > MAX_OBJECTS:
                return False
            waiting += _parts_of(value)
    except Exception:  # noqa: BLE001 - from the user's object
        return False
    return True


def _parts_of(value: Any) -> list[Any]:
    """Return the objects of which an object consists."""
    match value:
        case partial():
            return [value.func, *value.args, *value.keywords.values()]
        case FunctionType():
            return [cell.cell_contents for cell in value.__closure__ or ()]
        case MethodType():
            return [value.__func__, value.__self__]
        case list() | tuple() | set() | frozenset() | deque():
            return [*value]
        case dict():
            return [*value.keys(), *value.values()]
        case _:
            return [*getattr(value, "__dict__", {}).values()]
