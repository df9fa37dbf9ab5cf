"""The calls of runs that have ended, so that they can run again with the same arguments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from sys import getsizeof
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, NamedTuple

from jobtui.engine.records import Call, JobRecord, RunRecord

MAX_CALLS = 1_000  # the latest ones
MAX_OBJECTS = 200  # that the arguments of a call may consist of

_NUMBERS = frozenset({bool, int, float, NoneType})
_SHORT = 100  # characters of a text, and arguments
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset, deque)
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
        # A ring in four lists: a tuple for each call would be one more object for the garbage collector.
        self._places = count()
        self._numbers = [0] * MAX_CALLS
        self._jobs: list[JobRecord | None] = [None] * MAX_CALLS
        self._calls: list[Call | None] = [None] * MAX_CALLS
        self._texts = [""] * MAX_CALLS

    def keep(self, run: RunRecord, drop: Callable[[object], object]) -> None:
        """Keep the call of a run that has ended.

        Args:
            run: The run. It still has its call.
            drop: Gets the oldest call and its job, whose destructors may take long.
        """
        call = run.call
        if call is not None and (_is_small(call) or fits(call, self._limit)):
            place, calls = next(self._places) % MAX_CALLS, self._calls
            self._numbers[place] = 0  # no reader may take the new call for that of the earlier run
            drop(calls[place])
            drop(self._jobs[place])
            calls[place] = call
            self._jobs[place] = run.job
            self._texts[place] = run.extras.arguments
            self._numbers[place] = run.number

    def find(self, number: int) -> KeptCall | None:
        """Return the call of a run; None if it is not kept."""
        try:
            place = self._numbers.index(number)
        except ValueError:
            return None
        job, call, text = self._jobs[place], self._calls[place], self._texts[place]
        if job is None or call is None or self._numbers[place] != number:  # replaced in the meantime
            return None
        return KeptCall(number, job, call, text)


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
    except BaseException:  # noqa: BLE001 - from the user's object, SystemExit included
        return False
    return True


def _parts_of(value: Any) -> Iterable[Any]:
    """Return the objects of which an object consists. The class is its real one: `__class__` may raise."""
    kind = type(value)
    if kind is partial:
        return [value.func, *value.args, *value.keywords.values()]
    if kind is FunctionType:
        return [cell.cell_contents for cell in value.__closure__ or ()]
    if kind is MethodType:
        return [value.__func__, value.__self__]
    for collection in _COLLECTIONS:
        if issubclass(kind, collection):
            return [*collection.__iter__(value)]
    if issubclass(kind, dict):
        return [*dict.keys(value), *dict.values(value)]
    return [*getattr(value, "__dict__", {}).values()]
