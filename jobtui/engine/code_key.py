"""The key of a runnable's code, by which a second registration of the same job is noticed.

A notebook runs a cell again, and a program imports a module under two names: both make new function
objects of code that is registered already.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import PosixPath, WindowsPath
from types import FunctionType, MethodType

from jobtui.engine.secret import Secret

# Their values are compared with the state lock held, so no code of the user may run for that.
_ATOMS = (bool, int, float, complex, str, bytes, type(None), timedelta, date, time, PosixPath, WindowsPath)
_CONTAINERS = (list, dict, set)  # that can be changed
_DEEPEST = 10  # functions within functions
_NOTEBOOK = ("<ipython-input", "<stdin>", "<python-input")


def code_key(call: object) -> Hashable:
    """Return a value that two calls have in common if they run the same code with the same values.

    The code is the same if the function has the same name, in the same file, and begins on the same line. The
    values are the arguments of a `functools.partial`, the defaults, and the variables of an outer function.
    Values of other types than those of Python's literals, functions, lengths of time, dates, paths and
    secrets are the same if they are one object. So are empty lists, dicts and sets, except in a notebook: a
    program that makes a function for each of several empty lists puts something into each of them.

    This may execute code of the user, so call it without the state lock.
    """
    try:
        return _key(call, _DEEPEST)
    except Exception:  # noqa: BLE001 - from an attribute of the user's object
        return id(call)


def _key(value: object, depth: int) -> Hashable:
    kind = type(value)
    if kind in _ATOMS:
        return kind, value
    if not depth:
        return id(value)
    match value:
        case FunctionType():
            key = _function_key(value, depth - 1)
        case MethodType():
            key = "method", _key(value.__func__, depth - 1), _owner_key(value.__self__)
        case partial():
            given = sorted(value.keywords.items())
            values = _own_keys([*value.args, *(each for _, each in given)], value.func, depth)
            key = "partial", _key(value.func, depth - 1), values, tuple(name for name, _ in given)
        case tuple() | list():
            key = kind, _keys(value, depth)
        case dict() | set() | frozenset():
            parts = _keys(list(value.items() if isinstance(value, dict) else value), depth)
            key = kind, parts if isinstance(value, dict) else frozenset(parts)
        case datetime():
            key = kind, value.isoformat(), _key(value.tzinfo, depth - 1)
        case Secret():
            key = kind, _key(value.reveal(), depth - 1)
        case _:
            key = id(value)
    return key


def _keys(values: object, depth: int) -> tuple[Hashable, ...]:
    assert isinstance(values, tuple | list)
    return tuple([_key(each, depth - 1) for each in values])


def _own_keys(values: Sequence[object], function: object, depth: int) -> tuple[Hashable, ...]:
    """Return the keys of the values that a function has for itself."""
    if isinstance(function, FunctionType) and _is_of_notebook(function):
        return _keys(list(values), depth)
    return tuple(
        [id(each) if type(each) in _CONTAINERS and not each else _key(each, depth - 1) for each in values]
    )


def _is_of_notebook(function: FunctionType) -> bool:
    file = function.__code__.co_filename
    return file.startswith(_NOTEBOOK) or "ipykernel_" in file


def _function_key(function: FunctionType, depth: int) -> Hashable:
    code = function.__code__
    file, name = code.co_filename, function.__qualname__
    line: Hashable = code.co_firstlineno
    if _is_of_notebook(function):
        file, line = "notebook", 0  # each cell is a file, and its name depends on the text of the cell
    if "<lambda>" in name or file.startswith("<"):  # several may be on one line
        line = code
    defaults = function.__defaults__ or (), tuple((function.__kwdefaults__ or {}).items())
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return file, name, line, _keys(defaults, depth), _own_keys(cells, function, depth)


def _owner_key(owner: object) -> Hashable:
    """Return the key of a method's object. Objects without attributes differ only in their class."""
    if isinstance(owner, type) or getattr(owner, "__dict__", None) != {} or _has_slots(type(owner)):
        return id(owner)
    return type(owner).__qualname__


def _has_slots(kind: type) -> bool:
    return any(getattr(each, "__slots__", ()) for each in kind.__mro__)
