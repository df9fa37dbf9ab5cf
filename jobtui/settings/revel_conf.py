"""Parse Revel's settings format, that of its `conf/app.conf`.

The rules are those of github.com/revel/config, so a file means the same to jobtui and to Revel. Reading takes
two steps, as in Revel: `parse_conf` splits the file without checking values, and `expand_references` replaces
the references of one value. So a wrong reference in a value that is not used does no harm.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jobtui.schedules.bad_spec import quote_text

TOP = "DEFAULT"
"""The section of the lines above the first `[section]`; every other section falls back on it."""

_COMMENT_START = re.compile(r"[ \t][;#]")
_SEPARATOR = re.compile("[=:]")
_JOBTUI_SETTING = re.compile(r"(?:jobs|cron)\.[^\s=:]+\s*[=:]")

# Names are ASCII in Revel, so `\w` would match too much.
_KEY_REFERENCE = re.compile(r"%\(([a-zA-Z0-9_.\-]+)\)s")
_ENVIRONMENT_REFERENCE = re.compile(r"\$\{([a-zA-Z0-9_.\-]+)\}")
_MAX_REPLACEMENTS = 200

_WORDS_FOR_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_WORDS_FOR_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})

# Python's int() also accepts "1_000", "٤" and spaces; Go's does not. Eighteen digits fit into Go's 64 bits.
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


class BadConfLine(ValueError):  # noqa: N818 - named like BadSpec, after what is wrong
    """A line of a `.conf` file, by its number from 1, that cannot be read."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class ConfValue:
    """The value of a key: the text as written, and the line of the key, from 1."""

    text: str
    line: int


def parse_conf(text: str) -> dict[str, dict[str, ConfValue]]:
    """Split a `.conf` file into sections, keys and values.

    A section may appear several times. Of another program's key that appears twice in a section, the last one
    applies, as in Revel. A comment begins with `#` or `;`, at the start of a line or after a space or tab,
    even inside quotes. Within a section, an indented line continues the value above it.

    Returns:
        The sections by name, each a mapping from key to value. `TOP` is always present.

    Raises:
        BadConfLine: A line is neither a section, a setting, a continuation nor a comment; or it is an
            indented setting of jobtui, which Revel would silently append to the value above; or it sets a
            key of jobtui that the section has already.
    """
    sections: dict[str, dict[str, ConfValue]] = {TOP: {}}
    section = ""
    key = ""
    for number, written in enumerate(text.split("\n"), start=1):
        line = _COMMENT_START.split(written, maxsplit=1)[0].rstrip()
        separator = _SEPARATOR.search(line)
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            section = line[1:-1].strip()
            key = ""
            sections.setdefault(section or TOP, {})
        elif line[0] in " \t":
            if not section or not key:
                raise BadConfLine(
                    number, "an indented line continues the value above it, but there is no value above."
                )
            if _JOBTUI_SETTING.match(line.lstrip()):
                raise BadConfLine(
                    number,
                    "this line is indented, so it continues the value above it. Remove the indentation.",
                )
            value = sections[section][key]
            sections[section][key] = ConfValue(f"{value.text}\n{line.strip()}", value.line)
        elif separator and separator.start() > 0:
            key = line[: separator.start()].strip()
            first = sections[section or TOP].get(key)
            if first is not None and is_jobtui_key(key):
                raise BadConfLine(
                    number, f"the key {quote_text(key)} is given twice: line {first.line} has it already."
                )
            sections[section or TOP][key] = ConfValue(line[separator.end() :].strip(), number)
        else:
            raise BadConfLine(number, "this is neither `key = value` nor a [section] nor a # comment.")
    return sections


def is_jobtui_key(key: str) -> bool:
    """Return whether a key is one of jobtui's, in any case: `Jobs.pool` is a mistake, not a key of Revel."""
    return key.lower().startswith(("jobs.", "cron."))


def expand_references(
    value: ConfValue, values: Mapping[str, ConfValue], environment: Mapping[str, str]
) -> str:
    """Replace `%(key)s` by the value of that key, then `${NAME}` by that environment variable.

    Raises:
        BadConfLine: The key or variable does not exist or is empty (the same to Revel), or refers to itself.
    """
    texts = {key: each.text for key, each in values.items()}
    text = _replace(value.text, value.line, _KEY_REFERENCE, texts, "key")
    return _replace(text, value.line, _ENVIRONMENT_REFERENCE, environment, "environment variable")


def unquote(text: str) -> str:
    """Remove one pair of double quotes. Revel does so for strings, never for numbers and booleans."""
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if is_quoted else text


def number_or_text(text: str) -> int | str:
    """Return the whole number that a text represents, or the text itself."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def boolean_or_text(text: str) -> bool | str:
    """Return the boolean that one of Revel's words represents, in any case, or the text itself."""
    word = text.lower()
    if word in _WORDS_FOR_TRUE:
        return True
    return False if word in _WORDS_FOR_FALSE else text


def split_at_commas(text: str) -> list[str]:
    """Return the items between the commas of a text that may be quoted, without spaces around them."""
    return [item.strip() for item in unquote(text).split(",")]


def split_at_spaced_commas(text: str) -> list[str]:
    """Return the items between the commas before spaces: the items themselves may have other commas."""
    return [item.strip() for item in unquote(text).split(", ")]


def unquote_list(text: str) -> list[str]:
    """Return a list with the one text, which may be quoted and may contain commas."""
    return [unquote(text)]


def _replace(text: str, line: int, pattern: re.Pattern[str], values: Mapping[str, str], kind: str) -> str:
    """Replace one reference after the other, so that a replacement may contain references itself."""
    for _ in range(_MAX_REPLACEMENTS):
        found = pattern.search(text)
        if not found:
            return text
        value = values.get(found[1])
        if not value:
            raise BadConfLine(line, f"{quote_text(found[0])} refers to no {kind}, or to one that is empty.")
        text = text[: found.start()] + value + text[found.end() :]
    raise BadConfLine(line, f"the references form a circle, or there are more than {_MAX_REPLACEMENTS}.")
