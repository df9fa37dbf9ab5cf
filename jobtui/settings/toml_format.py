"""Parse settings in TOML, and split the tables into the sections and dotted keys of Revel's format.

`tomllib` does not report the lines of values, so `find_line` searches for a line when an error message needs
it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobtui.schedules.bad_spec import quote_text
from jobtui.settings.revel_conf import TOP
from jobtui.settings.toml_duplicates import explain_duplicate

_PREFIXES = ("jobs", "cron", "keys")
_POSITION = re.compile(r"(?P<problem>.*) \(at (?P<position>line (?P<line>\d+), column \d+|end of document)\)")
# Matches only a spec, because the message shows the line: another value without quotes may be a password.
_UNQUOTED_SPEC = re.compile(
    r"\s*(?P<key>[^\s=]+)\s*=\s*"
    r"(?P<spec>((CRON_)?TZ=\S+ +)?"
    r"([0-9*?,/-]+( +[0-9A-Za-z*?,/-]+){4,5}|@(every +[0-9a-z.]+|[a-z]+ly|midnight)))"
    r"\s*(#.*)?"
)
_AUTH_SWITCH = re.compile(r"^\s*(?:jobs\.)?auth\s*=", re.MULTILINE)


class BadToml(ValueError):  # noqa: N818 - named like BadSpec, after what is wrong
    """A text is not TOML, or has a key twice. The position is "line 3, column 7", or "" if not known."""

    def __init__(self, problem: str, position: str = "") -> None:
        super().__init__(problem)
        self.position = position


@dataclass(frozen=True, slots=True)
class TomlValue:
    """The value of a key, and its path: the names of the tables and keys from the top of the document."""

    value: object
    path: tuple[str, ...]


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML document.

    Raises:
        BadToml: The text is not TOML, or is nested so deeply that the parser gives up.
    """
    import tomllib  # noqa: PLC0415 - not needed without a settings file

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BadToml("arrays or tables are nested too deeply.") from None
    except ValueError as error:  # also from int(), for a number of more than 4,300 digits
        parts = _POSITION.fullmatch(str(error))
        if parts is None:
            raise BadToml(f"{error}.") from None
        line = int(parts["line"]) if parts["line"] else None
        duplicate = explain_duplicate(text, parts["problem"], line)
        if duplicate is not None:
            problem = duplicate.problem
            if "'jobs.auth" in problem and _AUTH_SWITCH.search(text):
                problem += (
                    "\nTOML does not allow jobs.auth = true together with jobs.auth.user: remove jobs.auth."
                )
            raise BadToml(problem, f"line {duplicate.line}") from None
        problem = (
            parts["problem"].replace("Duplicate inline table key", "an inline table has twice the key") + "."
        )
        if line is not None:
            problem += _unquoted_spec_hint(text.split("\n")[line - 1])
        raise BadToml(problem, parts["position"]) from None


def split_sections(table: Mapping[str, Any], root: tuple[str, ...]) -> dict[str, dict[str, TomlValue]]:
    """Split a table into sections.

    A table next to `jobs`, `cron` and `keys` is a section if it contains one of them, or is empty. Other keys
    stay in `TOP` with their whole key, so that they are reported as unknown.

    Args:
        table: The document, or the table of jobtui in it.
        root: The path of that table; empty for the document itself.

    Returns:
        The sections by name, each a mapping from dotted key to value. `TOP` is always present.

    Raises:
        BadToml: A key is given twice, once dotted and once in quotes: `jobs.pool` and `"jobs.pool"`.
    """
    sections: dict[str, dict[str, TomlValue]] = {TOP: {}}
    for name, content in table.items():
        is_section = (
            not _is_known(name)
            and isinstance(content, dict)
            and (not content or any(map(_is_known, content)))
        )
        section = sections.setdefault(name, {}) if is_section else sections[TOP]
        settings, parent = (content, (*root, name)) if is_section else ({name: content}, root)
        for path, value in flatten(settings):
            key = ".".join(path)
            if key in section:
                raise BadToml(f"the key {quote_text(key)} is given twice, once dotted and once in quotes.")
            section[key] = TomlValue(value, (*parent, *path))
    return sections


def find_line(text: str, path: tuple[str, ...]) -> int | None:
    """Return the line, from 1, on which a valid document sets the key with this path.

    It is the first line where a statement begins that adds the key to the document above it. So a comment or
    a string that resembles the key is not mistaken for it. A key that is written with escapes is not found.
    """
    lines = text.split("\n")
    resembles_key = re.compile(rf"(?:^|[^\w-]){re.escape(path[-1])}[\"']?\s*[=\]]")
    for start, line in enumerate(lines):
        if resembles_key.search(line) and _contains(lines[:start], path) is False:
            for end in range(start + 1, len(lines) + 1):
                contains = _contains(lines[:end], path)
                if contains:
                    return start + 1
                if contains is False:  # the statement is complete, but sets another key
                    break
    return None


def _is_known(name: str) -> bool:
    return name.partition(".")[0] in _PREFIXES


def flatten(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the path and value of everything that is not a table, in the order of the file.

    An empty table below the first level counts as a value. Uses a stack, because a key may have more dots
    than Python's limit for recursion.
    """
    stack: list[tuple[tuple[str, ...], object]] = [
        ((name,), value) for name, value in reversed(list(table.items()))
    ]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict) and (value or len(path) == 1):
            stack.extend(((*path, name), inner) for name, inner in reversed(list(value.items())))
        else:
            yield path, value


def _contains(lines: list[str], path: tuple[str, ...]) -> bool | None:
    """Return whether a document of these lines sets the key; None if it is not a valid document."""
    try:
        content: object = parse_toml("\n".join(lines))
    except BadToml:
        return None
    for name in path:
        if not isinstance(content, dict) or name not in content:
            return False
        content = content[name]
    return True


def _unquoted_spec_hint(line: str) -> str:
    """Return the advice for a line that was pasted from Revel's app.conf, where schedules have no quotes."""
    pasted = _UNQUOTED_SPEC.fullmatch(line)
    if not pasted or not line.isprintable():
        return ""
    return f'\nIn TOML, write a schedule in quotes: {pasted["key"]} = "{pasted["spec"].strip()}"'
