"""Settings in TOML: tables taken apart into the same sections and dotted keys that Revel's format has.

`tomllib` says nothing about where in the file a value stands. `line_of` finds it out afterwards, for error
messages.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobtui.schedules.bad_spec import quote_text
from jobtui.settings.conf_format import TOP

_PREFIXES = ("jobs", "cron")
_POSITION = re.compile(r"(?P<problem>.*) \(at (?P<position>line (?P<line>\d+), column \d+|end of document)\)")
# Nothing but a spec, since the line is shown: what else lacks its quotes may be a password.
_UNQUOTED_SPEC = re.compile(
    r"\s*(?P<key>[^\s=]+)\s*=\s*"
    r"(?P<spec>((CRON_)?TZ=\S+ +)?"
    r"([0-9*?,/-]+( +[0-9A-Za-z*?,/-]+){4,5}|@(every +[0-9a-z.]+|[a-z]+ly|midnight)))"
    r"\s*(#.*)?"
)
_AUTH_SWITCH = re.compile(r"^\s*(?:jobs\.)?auth\s*=", re.MULTILINE)


class BadToml(ValueError):  # noqa: N818 - as BadSpec: what is wrong is the better name
    """A text that is not TOML, or that says one thing twice.

    Attributes:
        position: The place as far as it is known, such as "line 3, column 7"; else empty.
    """

    def __init__(self, problem: str, position: str = "") -> None:
        super().__init__(problem)
        self.position = position


@dataclass(frozen=True, slots=True)
class TomlValue:
    """What stands behind a key, and the way to it from the top of the document, table by table."""

    value: object
    path: tuple[str, ...]


def parse_toml(text: str) -> dict[str, Any]:
    """Parses a TOML document.

    Raises:
        BadToml: The text is not TOML, or is nested so deeply that the parser gives up.
    """
    import tomllib  # noqa: PLC0415 - most programs have no settings file, and `import jobtui` should stay quick

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BadToml("arrays or tables are nested too deeply.") from None
    except ValueError as error:  # also int()'s own refusal of a number of over 4,300 digits
        parts = _POSITION.fullmatch(str(error))
        if parts is None:
            raise BadToml(f"{error}.") from None
        problem = parts["problem"] + "."
        if parts["line"]:
            problem += _hint_for_a_spec(text.split("\n")[int(parts["line"]) - 1])
        if problem.startswith("Cannot overwrite") and _AUTH_SWITCH.search(text):
            problem += (
                "\nTOML has no jobs.auth = true beside jobs.auth.user: leave it out, the user is enough."
            )
        raise BadToml(problem, parts["position"]) from None


def sections_of(table: Mapping[str, Any], root: tuple[str, ...]) -> dict[str, dict[str, TomlValue]]:
    """Sorts the settings of a table into sections.

    A table is a section if it has `jobs` or `cron` inside it, or nothing at all. Whatever else stands beside
    `jobs` and `cron` keeps its whole key and goes to the top, where its key is then found to be unknown.

    Args:
        table: The document, or the table of a document that is ours.
        root: The way to that table, empty for the document itself.

    Returns:
        The sections by name, each a mapping from dotted key to value. `TOP` is always there.

    Raises:
        BadToml: A key is given twice, once dotted and once in quotes: `jobs.pool` and `"jobs.pool"`.
    """
    sections: dict[str, dict[str, TomlValue]] = {TOP: {}}
    for name, content in table.items():
        if not _is_ours(name) and isinstance(content, dict) and (not content or any(map(_is_ours, content))):
            section, inside, way = sections.setdefault(name, {}), content, (*root, name)
        else:
            section, inside, way = sections[TOP], {name: content}, root
        for path, value in _leaves(inside):
            key = ".".join(path)
            if key in section:
                raise BadToml(f"{quote_text(key)} is given twice, once dotted and once in quotes.")
            section[key] = TomlValue(value, (*way, *path))
    return sections


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Finds the line, from 1, on which a valid document sets the key at the end of a path.

    A line counts only if the document up to it lacks the key and, with the statement that begins on it, has
    the key. So a comment or a text that merely looks like the key is never taken for it.

    Returns:
        The line, or None where it cannot be told, as with a key that is written with escapes.
    """
    lines = text.split("\n")
    looks_right = re.compile(rf"(?:^|[^\w-]){re.escape(path[-1])}[\"']?\s*[=\]]")
    for start, line in enumerate(lines):
        if looks_right.search(line) and _has(lines[:start], path) is False:
            for end in range(start + 1, len(lines) + 1):
                has_it = _has(lines[:end], path)
                if has_it:
                    return start + 1
                if has_it is False:  # the statement is complete, and it was another one
                    break
    return None


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in _PREFIXES


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Lists what is not a table, in the file's order; an empty table below the first level counts as a value.

    A stack instead of recursion, since a key may have more dots than Python has frames.
    """
    waiting: list[tuple[tuple[str, ...], object]] = [
        ((name,), value) for name, value in reversed(list(table.items()))
    ]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and (value or len(path) == 1):
            waiting.extend(((*path, name), inner) for name, inner in reversed(list(value.items())))
        else:
            yield path, value


def _has(lines: list[str], path: tuple[str, ...]) -> bool | None:
    """Tells whether these lines, as a document, hold the path; None if they are no document."""
    try:
        here: object = parse_toml("\n".join(lines))
    except BadToml:
        return None
    for name in path:
        if not isinstance(here, dict) or name not in here:
            return False
        here = here[name]
    return True


def _hint_for_a_spec(line: str) -> str:
    """Says what to do about a line of Revel's app.conf that was pasted as it is."""
    pasted = _UNQUOTED_SPEC.fullmatch(line)
    if not pasted or not line.isprintable():
        return ""
    return f'\nIn TOML a schedule stands in quotes: {pasted["key"]} = "{pasted["spec"].strip()}"'
