"""The calls of runs that have ended, so that they can run again with the same arguments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from functools import partial
from sys import getsizeof
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, NamedTuple

from jobtui.engine.records import Call, JobRecord, RunRecord

MAX_CALLS = 1_000  # the latest ones
MAX_OBJECTS = 50  # that the arguments of a call may consist of: every end of a run counts them

_SHORT = 100  # characters of a text, and arguments
_LARGE = 2**64  # numbers beyond it may take much memory
_SMALL_TYPES = frozenset({bool, float, NoneType})
_WITHOUT_PARTS = frozenset({*_SMALL_TYPES, int, str, bytes})
_COLLECTIONS: tuple[type[Any], ...] = (dict, list, tuple, set, frozenset, deque)
_SHARED = frozenset({type, ModuleType, BuiltinFunctionType})  # types of objects that exist in any case


class KeptCall(NamedTuple):
    """The call of a run that has ended.

    Attributes:
        job: The job of the run.
        call: The call, with its arguments.
        arguments: The arguments as a short text.
    """

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
        self._runs: deque[RunRecord] = deque()  # the oldest first; each still has its call

    def keep(self, runs: Iterable[RunRecord], drop: Callable[[object], object]) -> None:
        """Let runs that have ended keep their calls until `MAX_CALLS` others have ended; drop other calls.

        Args:
            runs: The runs.
            drop: Gets the calls that are not kept, whose destructors may take long.
        """
        kept = []
        for run in runs:
            call: Any = run.call
            if call is None:  # this was interrupted, and is done again
                continue
            if (run.job.schedule is None or run.extras.arguments) and (
                (type(call) is FunctionType and call.__closure__ is None)  # as most calls are
                or _is_small(call)
                or fits(call, self._limit)
            ):
                kept.append(run)
            else:
                drop(call)
                run.call = None
        latest = self._runs
        latest.extend(kept)
        while len(latest) > MAX_CALLS:
            oldest = latest.popleft()
            drop(oldest.call)
            oldest.call = None

    def find(self, number: int) -> KeptCall | None:
        """Return the call of a run; None if it is not kept."""
        for run in tuple(self._runs):  # a copy, made in one step: other threads append
            call = run.call
            if run.number == number and call is not None:
                return KeptCall(run.job, call, run.extras.arguments)
        return None


def _is_small(call: Any) -> bool:
    """Return whether a call fits certainly, as most do: `fits` takes as long as a short run."""
    kind = type(call)
    if kind is partial:
        function = call.func
        return (
            type(function) is FunctionType
            and function.__closure__ is None
            and _are_small(call.args)
            and (not call.keywords or _are_small(call.keywords.values()))
        )
    return kind is MethodType and not getattr(call.__self__, "__dict__", True)


def _are_small(values: Collection[Any]) -> bool:
    """Return whether there are few values, each a number, a short text or None."""
    for value in values:
        kind = type(value)
        if kind is str:
            if len(value) > _SHORT:
                return False
        elif kind is int:
            if not -_LARGE < value < _LARGE:
                return False
        elif kind not in _SMALL_TYPES:
            return False
    return len(values) < _SHORT


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
            parts = _parts_of(value)
            if parts is None or size > limit or len(seen) + len(waiting) + len(parts) > MAX_OBJECTS:
                return False
            waiting += parts
    except BaseException:  # noqa: BLE001 - from the user's object, SystemExit included
        return False
    return True


def _parts_of(value: Any) -> Collection[Any] | None:
    """Return the objects of which an object consists; None if it is a collection of too many to copy them.

    The class is the object's real one: `__class__` may raise.
    """
    kind = type(value)
    if kind in _WITHOUT_PARTS:
        return ()
    if kind is FunctionType:
        return [cell.cell_contents for cell in value.__closure__ or ()]
    if kind is MethodType:
        return (value.__func__, value.__self__)
    if kind is partial:
        return [value.func, *value.args, *value.keywords.values()]
    base = (
        kind
        if kind in _COLLECTIONS
        else next((each for each in _COLLECTIONS if issubclass(kind, each)), None)
    )
    if base is None:
        base, value = dict, getattr(value, "__dict__", {})
    if base.__len__(value) > MAX_OBJECTS:
        return None
    return [*dict.keys(value), *dict.values(value)] if base is dict else [*base.__iter__(value)]
