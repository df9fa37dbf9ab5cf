"""Durable calls: functions by their names, and arguments as JSON, so that another process can make a call.

The name is ``module:qualname``. A function of the program that Python was started with, whose module Python
calls ``__main__``, gets the name that the program has for others: that of its file, or of the module after
``python -m``. So a job file can be started by jobtui and by Python.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from jobtui.engine.runnables import Runnable, check_arguments, function_name
from jobtui.engine.secret import Secret
from jobtui.process.printable import printable
from jobtui.runtime.argument_text import argument_text

MAX_JSON = 1_000_000  # characters
_PLAIN = frozenset({type(None), bool, int, float, str})
_MAX_DEPTH = 100  # of lists and dicts in each other
_FUNCTION_ADVICE = (
    "a durable run needs a function that a later process can import: one at the top of a module"
)
_VALUE_ADVICE = (
    "a durable run is kept as JSON: arguments are None, bool, int, float, str, and lists and dicts of these; "
    "pass such values, from which the function makes the object"
)


class DurableCall(NamedTuple):
    """A call as the store keeps it.

    Attributes:
        function: The name of the function, ``module:qualname``.
        arguments: The positional and the keyword arguments, as JSON.
    """

    function: str
    arguments: str


def describe_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> DurableCall:
    """Return a call as the store keeps it.

    Raises:
        TypeError: A later process could not make it: the function cannot be imported, an argument is not
            JSON, or the function does not accept the arguments.
        ValueError: The arguments are too long.
    """
    name = _name_of(function)
    check_arguments(function, args, kwargs, advice="the arguments of the run come after the function")
    for place, value in [*enumerate(args, 1), *kwargs.items()]:
        problem = _json_problem(value, 0)
        if problem:
            raise TypeError(f"argument {place} of {name} {problem}; {_VALUE_ADVICE}")
    arguments = json.dumps([args, kwargs])
    if len(arguments) > MAX_JSON:
        raise ValueError(
            f"the arguments of {name} have {len(arguments):,} characters as JSON; at most {MAX_JSON:,} are "
            "allowed: pass the place of the data, such as a path"
        )
    return DurableCall(name, arguments)


def load_call(call: DurableCall, redact: Callable[[str], str]) -> Runnable:
    """Return the runnable that makes a call, with its arguments as text.

    A module that has not been imported yet is imported by the run: that may take long, or fail.
    """
    try:
        args, kwargs = json.loads(call.arguments)
        text = argument_text(tuple(args), dict(kwargs), redact)
        function = _find(call.function, imported_only=True)
    except Exception:  # noqa: BLE001 - another program may have written anything
        text, function = "", None
    short = printable(call.function.rpartition(":")[2].rpartition(".")[2]) or "(unnamed)"
    if function is None:
        return Runnable(partial(_import_and_call, call), short, ("", ""), text)
    origin = Runnable(function, function_name(function) or short).describe()
    return Runnable(partial(function, *args, **kwargs), short, origin, text)


def _import_and_call(call: DurableCall) -> Any:
    """Make a call; the run fails if that is impossible."""
    function = _find(call.function, imported_only=False)
    args, kwargs = json.loads(call.arguments)
    return function(*args, **kwargs)


# --- functions ------------------------------------------------------------------------------------


def _name_of(function: Any) -> str:
    """Return the name by which a later process finds a function."""
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    shown = printable(f"{qualname or repr(function)[:80]}")
    if not isinstance(module, str) or not isinstance(qualname, str) or isinstance(function, type):
        raise TypeError(f"{shown} is not a function; {_FUNCTION_ADVICE}")
    if "<lambda>" in qualname:
        raise TypeError(f"a lambda cannot be imported; {_FUNCTION_ADVICE}")
    if "<locals>" in qualname:
        raise TypeError(f"{shown} is defined inside a function, so it cannot be imported; {_FUNCTION_ADVICE}")
    name = f"{module}:{qualname}"
    if module == "__main__":
        known = _name_of_main()
        if not known:
            raise TypeError(f"{shown} is not defined in a file, so it cannot be imported; {_FUNCTION_ADVICE}")
        name = f"{known}:{qualname}"
    try:
        found = _find(name, imported_only=False)
    except ImportError as error:
        raise TypeError(f"{shown} cannot be imported: {error}; {_FUNCTION_ADVICE}") from None
    if found is not function:
        bound = getattr(function, "__self__", None) is not None
        other = "it is a method of an object" if bound else f"{printable(name)} is another object"
        raise TypeError(f"{shown} cannot be imported: {other}; {_FUNCTION_ADVICE}")
    return name


def _name_of_main() -> str:
    """Return the name that the module ``__main__`` has for others; "" if it does not come from a file."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if isinstance(file, str) and file.endswith(".py") else ""


def _find(name: str, *, imported_only: bool) -> Any:
    """Return the function of a name.

    Args:
        name: The name.
        imported_only: Whether to return None rather than to import a module.

    Raises:
        ImportError: There is no such module, or it has no such function.
    """
    module_name, _, qualname = name.partition(":")
    # Another module may have imported the file of the program once more, as a second module.
    module = sys.modules.get("__main__" if module_name == _name_of_main() else module_name)
    if module is None:
        if imported_only:
            return None
        module = import_module(module_name)
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ImportError(f"the module {module_name} has no function {qualname}")  # noqa: TRY004 - as for a module
    return found


# --- arguments ------------------------------------------------------------------------------------


def _json_problem(value: Any, depth: int) -> str:
    """Return why a value does not come back from JSON as it is; "" if it does."""
    kind = type(value)
    if kind is list or kind is dict:
        return _collection_problem(value, depth)
    if kind is float and not math.isfinite(value):
        return f"is {value}, which JSON does not have"
    if kind not in _PLAIN:
        hints = {tuple: ", which JSON would make a list", Secret: ", whose value the store would show"}
        hint = hints.get(kind, "")
        return f"is of the type {kind.__name__}{hint}"
    return ""


def _collection_problem(value: Any, depth: int) -> str:
    if depth == _MAX_DEPTH:
        return f"has more than {_MAX_DEPTH} lists and dicts in each other"
    kind = type(value)
    if kind is dict:
        wrong = next((key for key in value if type(key) is not str), None)
        if wrong is not None:
            return (
                f"is a dict with a key of the type {type(wrong).__name__}; JSON has only keys of the type str"
            )
    for place, item in value.items() if kind is dict else enumerate(value):
        problem = _json_problem(item, depth + 1)
        if problem:
            return problem if problem.startswith("has ") else f"contains {place!r:.40}, which {problem}"
    return ""
