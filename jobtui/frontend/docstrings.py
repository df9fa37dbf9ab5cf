"""The help for parameters in the docstring of a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

_MOST_LAYERS = 50  # partials around a function
_MAX_HELP = 300  # characters of the help for a parameter, or of the summary

# ``:param int limit: ...``, as Sphinx has it.
_FIELD = re.compile(r":(?:param|parameter|arg|argument)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)")
# ``limit (int): ...`` below ``Args:``, as Google has it.
_ENTRY = re.compile(r"\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)")
_SECTION = re.compile(r"(?:Args|Arguments|Parameters|Keyword Args|Keyword Arguments):$")
# ``limit : int`` below ``Parameters`` and a line of hyphens, as NumPy has it.
_NAME = re.compile(r"\*{0,2}(\w+)(?:\s*:\s.*)?$")


def summary(function: Callable[..., Any]) -> str:
    """Return the first paragraph of the docstring of a function, in one line; "" if there is none."""
    return _joined(_doc(function).partition("\n\n")[0].splitlines())


def parameter_help(function: Callable[..., Any]) -> dict[str, str]:
    """Return the help for each parameter that the docstring describes, in one line.

    The docstring may be in the style of Google, NumPy or Sphinx.
    """
    found: dict[str, list[str]] = {}
    lines = _doc(function).splitlines()
    for at, line in enumerate(lines):
        text = line.strip()
        if match := _FIELD.match(text):
            found[match[1]] = [match[2], *_below(lines, at)]
        elif _SECTION.match(text):
            _read_section(_below(lines, at), _ENTRY, found)
        elif text == "Parameters" and at + 1 < len(lines) and set(lines[at + 1].strip()) == {"-"}:
            _read_section(_until_section(lines[at + 2 :]), _NAME, found)
    return {name: text for name, parts in found.items() if (text := _joined(parts))}


def _read_section(lines: list[str], entry: re.Pattern[str], found: dict[str, list[str]]) -> None:
    """Add the help for the parameters in the lines of a section, which all have the same indentation."""
    name = ""
    first = next((line for line in lines if line.strip()), "")
    margin = _indentation(first)
    for line in lines:
        match = entry.match(line.strip()) if line.strip() and _indentation(line) == margin else None
        if match:
            name = match[1]
            found[name] = [match[2]] if match.re is _ENTRY else []
        elif name:
            found[name].append(line)


def _below(lines: list[str], at: int) -> list[str]:
    """Return the lines after a line that are indented more than it, up to the first other one."""
    margin, found = _indentation(lines[at]), []
    for line in lines[at + 1 :]:
        if line.strip() and _indentation(line) <= margin:
            break
        found.append(line)
    return found


def _until_section(lines: list[str]) -> list[str]:
    """Return the lines before the heading of the next section, as NumPy underlines it."""
    for at, (line, after) in enumerate(pairwise(lines)):
        if line.strip() and after.strip() and set(after.strip()) == {"-"}:
            return lines[:at]
    return lines


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    text = " ".join(" ".join(lines).split())
    return text if len(text) <= _MAX_HELP else f"{text[: _MAX_HELP - 1]}…"


def _doc(function: Any) -> str:
    for _ in range(_MOST_LAYERS):
        if not isinstance(function, partial):
            break
        function = function.func
    try:
        text = inspect.getdoc(function)
    except Exception:  # noqa: BLE001 - from an attribute of the user's object
        return ""
    return text if isinstance(text, str) else ""
