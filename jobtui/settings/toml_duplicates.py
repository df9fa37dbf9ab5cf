"""Explain that a TOML document sets a key twice: `tomllib` names neither the key nor the first line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobtui.schedules.bad_spec import quote_text

_SIGNS = "Cannot overwrite", "Cannot declare", "Cannot redefine", "Cannot mutate immutable namespace"
_HEADER = re.compile(r"\s*\[\[?(?P<key>.+?)\]\]?\s*(?:#.*)?")

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key or a table that a document sets twice.

    Attributes:
        problem: The mistake, in a sentence.
        line: The line, from 1, where the second statement begins.
    """

    problem: str
    line: int


def explain_duplicate(text: str, message: str, last: int | None) -> Duplicate | None:
    """Return what a document sets twice; None if the error is another one.

    Args:
        text: The document.
        message: The message of `tomllib`.
        last: The line, from 1, where the statement ends that caused the error; None for the last one.
    """
    if not message.startswith(_SIGNS):
        return None
    lines = text.replace("\r\n", "\n").rstrip().split("\n")
    start = _start_of_statement(lines, (last or len(lines)) - 1)
    is_header = bool(_HEADER.fullmatch(lines[start]))
    path = _path_of(lines[start]) if is_header else (*_table_at(lines[:start]), *_path_of(lines[start]))
    parents = (path[:size] for size in range(len(path), 0, -1))
    taken = next(each for each in parents if _contains(lines[:start], each))
    end = next(each for each in range(1, start + 1) if _contains(lines[:each], taken))
    first = _start_of_statement(lines, end - 1) + 1
    kind, name = "table" if is_header else "key", quote_text(".".join(path))
    if taken != path:
        problem = f"the {kind} {name} cannot be set, because line {first} sets {quote_text('.'.join(taken))}."
    else:
        problem = f"the {kind} {name} is given twice: line {first} has it already."
    return Duplicate(problem, start + 1)


def _start_of_statement(lines: list[str], index: int) -> int:
    """Return the index of the line where the statement begins that has a line.

    All before a statement is a valid document; what ends within a statement is none.
    """
    return next(each for each in range(index, -1, -1) if _parse(lines[:each]) is not None)


def _parse(lines: list[str]) -> dict[str, object] | None:
    """Return the content of a document; None if it is not valid."""
    import tomllib  # noqa: PLC0415 - not needed without a settings file

    try:
        return tomllib.loads("\n".join(lines))
    except ValueError:
        return None


def _path_of(line: str) -> _Path:
    """Return the names in the key of a valid statement: of a table's header, or of what is before the `=`."""
    header = _HEADER.fullmatch(line)
    content: object = None
    parts = [header["key"]] if header else line.split("=")
    for size in range(1, len(parts) + 1):  # a name in quotes may contain the sign
        content = _parse(["=".join(parts[:size]) + " = 0"])
        if content is not None:
            break
    path = []
    while isinstance(content, dict):
        [(name, content)] = content.items()
        path.append(name)
    return tuple(path)


def _table_at(lines: list[str]) -> _Path:
    """Return the path of the table to which the next key of a document belongs."""
    for index in range(len(lines) - 1, -1, -1):
        # A line in a string of several lines may resemble a header.
        if _HEADER.fullmatch(lines[index]) and _parse(lines[:index]) is not None:
            return _path_of(lines[index])
    return ()


def _contains(lines: list[str], path: _Path) -> bool:
    """Return whether a document has a value at a path."""
    content: object = _parse(lines)
    for name in path:
        if isinstance(content, list) and content:  # an array of tables: its last one goes on
            content = content[-1]
        content = content.get(name) if isinstance(content, dict) else None
    return content is not None
