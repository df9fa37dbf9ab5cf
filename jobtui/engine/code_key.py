"""The key of a runnable's code, by which a second registration of the same job is noticed.

A notebook runs a cell again, and a program imports a module under two names: both make new function
objects of code that is registered already.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import PosixPath, WindowsPath
from types import FunctionType, MethodType

from jobtui.engine.secret import Secret

# Their values are compared with the state lock held, so no code of the user may run for that.
_ATOMS = (bool, int, float, complex, str, bytes, type(None), timedelta, date, time, PosixPath, WindowsPath)
_CONTAINERS = (list, dict, set)  # that can be changed
MAX_VALUES = 1_000  # in all collections of a call: each registration compares them
_DEEPEST = 10  # functions within functions
_NOTEBOOK = ("<ipython-input", "<stdin>", "<python-input")


def code_key(call: object) -> Hashable:
    """Return a value that two calls have in common if they run the same code with the same values.

    The code is the same if the function has the same name, in the same file, and begins on the same line. The
    values are the arguments of a `functools.partial`, the defaults, and the variables of an outer function.
    Values of other types than those of Python's literals, functions, lengths of time, dates, paths and
    secrets are the same if they are one object. So are collections of more than `MAX_VALUES` values, and
    empty lists, dicts and sets, except in a notebook: a program that makes a function for each of several
    empty lists puts something into each of them.

    This may execute code of the user, so call it without the state lock.
    """
    try:
        return _Keys().key(call, _DEEPEST)
    except Exception:  # noqa: BLE001 - from an attribute of the user's object
        return id(call)


class _Keys:
    """Makes the keys of a call and of its values, as long as the values are few."""

    def __init__(self) -> None:
        self._left = MAX_VALUES  # values in collections that may still get a key

    def key(self, value: object, depth: int) -> Hashable:
        """Return the key of a value."""
        kind = type(value)
        if kind in _ATOMS:
            return kind, value
        if not depth:
            return id(value)
        match value:
            case FunctionType():
                key = self._of_function(value, depth - 1)
            case MethodType():
                key = "method", self.key(value.__func__, depth - 1), _owner_key(value.__self__)
            case partial():
                given = sorted(value.keywords.items())
                values = self._of_own([*value.args, *(each for _, each in given)], value.func, depth)
                key = "partial", self.key(value.func, depth - 1), values, tuple(name for name, _ in given)
            case tuple() | list() | dict() | set() | frozenset():
                key = self._of_collection(value, depth)
            case datetime():
                key = kind, value.isoformat(), self.key(value.tzinfo, depth - 1)
            case Secret():
                key = kind, self.key(value.reveal(), depth - 1)
            case _:
                key = id(value)
        return key

    def _of_collection(self, value: Collection[object], depth: int) -> Hashable:
        self._left -= len(value)
        if self._left < 0:
            return id(value)
        parts = self._of_each(value.items() if isinstance(value, dict) else value, depth)
        return type(value), frozenset(parts) if isinstance(value, set | frozenset) else parts

    def _of_each(self, values: Iterable[object], depth: int) -> tuple[Hashable, ...]:
        return tuple([self.key(each, depth - 1) for each in values])

    def _of_own(self, values: Sequence[object], function: object, depth: int) -> tuple[Hashable, ...]:
        """Return the keys of the values that a function has for itself."""
        if isinstance(function, FunctionType) and _is_of_notebook(function):
            return self._of_each(values, depth)
        return tuple(
            [
                id(each) if type(each) in _CONTAINERS and not each else self.key(each, depth - 1)
                for each in values
            ]
        )

    def _of_function(self, function: FunctionType, depth: int) -> Hashable:
        code = function.__code__
        file, name = code.co_filename, function.__qualname__
        line: Hashable = code.co_firstlineno
        if _is_of_notebook(function):
            file, line = "notebook", 0  # each cell is a file, and its name depends on the text of the cell
        if "<lambda>" in name or file.startswith("<"):  # several may be on one line
            line = code
        defaults = function.__defaults__ or (), tuple((function.__kwdefaults__ or {}).items())
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        return file, name, line, self._of_each(defaults, depth), self._of_own(cells, function, depth)


def _is_of_notebook(function: FunctionType) -> bool:
    file = function.__code__.co_filename
    return file.startswith(_NOTEBOOK) or "ipykernel_" in file


def _owner_key(owner: object) -> Hashable:
    """Return the key of a method's object. Objects without attributes differ only in their class."""
    if isinstance(owner, type) or getattr(owner, "__dict__", None) != {} or _has_slots(type(owner)):
        return id(owner)
    return type(owner).__qualname__


def _has_slots(kind: type) -> bool:
    return any(getattr(each, "__slots__", ()) for each in kind.__mro__)
