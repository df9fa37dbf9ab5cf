"""Revel's own settings format, as its `conf/app.conf` has it.

The rules are those of github.com/revel/config, so that a file means here what it means to Revel. Reading is
in two steps, as in Revel: `read_conf` takes the file apart and judges no value; `expand` fills in the
references of one value when somebody asks for it. A reference in a line that nobody asks for can therefore be
wrong without harm.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jobtui.schedules.bad_spec import quote_text

TOP = "DEFAULT"
"""The section of the lines above the first `[section]`; every other section falls back on it."""

_COMMENT = re.compile(r"[ \t][;#]")
_SEPARATOR = re.compile("[=:]")
_SETTING_OF_OURS = re.compile(r"(?:jobs|cron)\.[^\s=:]+\s*[=:]")

# The names are ASCII in Revel, so `\w` would take too much.
_KEY_REFERENCE = re.compile(r"%\(([a-zA-Z0-9_.\-]+)\)s")
_ENVIRONMENT_REFERENCE = re.compile(r"\$\{([a-zA-Z0-9_.\-]+)\}")
_MOST_REPLACEMENTS = 200

_WORDS_FOR_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_WORDS_FOR_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})

# Python's int() also takes "1_000", "٤" and spaces; Revel's does not. Eighteen digits fit Revel's 64 bits.
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


class BadConfLine(ValueError):  # noqa: N818 - as BadSpec: what is wrong is the better name
    """A line of a `.conf` file that cannot be read.

    Attributes:
        line: The line's number, from 1.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class ConfValue:
    """What stands behind a key: the text as written, and the number of the key's line, from 1."""

    text: str
    line: int


def read_conf(text: str) -> dict[str, dict[str, ConfValue]]:
    """Takes a `.conf` file apart into sections, keys and values.

    A section that appears twice is one section, and of a key that appears twice in a section the last one
    counts. Comments begin with `#` or `;`, at the start of a line or after a space or tab, inside quotes too.
    Within a section, an indented line continues the value above it.

    Returns:
        The sections by name, each a mapping from key to value. `TOP` is always there.

    Raises:
        BadConfLine: A line is neither a section, a setting, a continuation nor a comment; or it is an
            indented setting of ours, which Revel would silently take for a part of the value above.
    """
    sections: dict[str, dict[str, ConfValue]] = {TOP: {}}
    section = ""
    key = ""
    for number, written in enumerate(text.split("\n"), start=1):
        line = _without_comment(written)
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
                    number, "an indented line continues the value above it, and there is none here."
                )
            if _SETTING_OF_OURS.match(line.lstrip()):
                raise BadConfLine(
                    number,
                    "this line is indented, so it belongs to the value above it. Begin it at the left edge.",
                )
            begun = sections[section][key]
            sections[section][key] = ConfValue(f"{begun.text}\n{line.strip()}", begun.line)
        elif separator and separator.start() > 0:
            key = line[: separator.start()].strip()
            sections[section or TOP][key] = ConfValue(line[separator.end() :].strip(), number)
        else:
            raise BadConfLine(number, "this is neither `key = value`, nor a [section], nor a # comment.")
    return sections


def expand(value: ConfValue, values: Mapping[str, ConfValue], environment: Mapping[str, str]) -> str:
    """Replaces `%(key)s` by the value of that key, then `${NAME}` by that environment variable.

    Args:
        value: The value whose references are replaced.
        values: What `%(key)s` may refer to: the chosen section laid over the top of the file.
        environment: What `${NAME}` may refer to.

    Raises:
        BadConfLine: A reference leads to nothing, to an empty text (the same to Revel), or back to itself.
    """

    def of_key(name: str) -> str:
        return values[name].text if name in values else ""

    def of_environment(name: str) -> str:
        return environment.get(name, "")

    text = _replace(value, value.text, _KEY_REFERENCE, of_key, "no such key, or it is empty")
    return _replace(
        value, text, _ENVIRONMENT_REFERENCE, of_environment, "no such environment variable, or it is empty"
    )


def unquoted(text: str) -> str:
    """Takes one pair of double quotes off. Revel does so for texts, never for numbers and booleans."""
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if is_quoted else text


def number_or_text(text: str) -> int | str:
    """Gives the whole number that is written here; of another text, the text."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def boolean_or_text(text: str) -> bool | str:
    """Gives what one of Revel's words for true and false means, in any case; of another text, the text."""
    word = text.lower()
    if word in _WORDS_FOR_TRUE:
        return True
    return False if word in _WORDS_FOR_FALSE else text


def items(text: str) -> list[str]:
    """Gives what stands between the commas of a text, without spaces and one pair of double quotes around."""
    return [item.strip() for item in unquoted(text).split(",")]


def _without_comment(line: str) -> str:
    comment = _COMMENT.search(line)
    return (line[: comment.start()] if comment else line).rstrip()


def _replace(
    value: ConfValue,
    text: str,
    reference: re.Pattern[str],
    meaning_of: Callable[[str], str],
    missing: str,
) -> str:
    """Replaces one reference after the other, so that a replacement may bring references of its own."""
    for _ in range(_MOST_REPLACEMENTS):
        found = reference.search(text)
        if not found:
            return text
        meaning = meaning_of(found[1])
        if not meaning:
            raise BadConfLine(value.line, f"{quote_text(found[0])} leads to nothing: {missing}.")
        text = text[: found.start()] + meaning + text[found.end() :]
    raise BadConfLine(
        value.line, f"the references go round in a circle, or there are over {_MOST_REPLACEMENTS}."
    )
