"""The grammar of the commands that steer a scheduler, in the shell and in the dashboard."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

_ASSIGNMENT = re.compile(r"[^\W\d]\w*=")
_IN_WORDS = {"for": "--for", "until": "--until", "because": "--note"}  # the words for the options of a pause


class BadCommand(ValueError):  # noqa: N818 - named like BadSpec, after what is wrong
    """A command has wrong arguments. The message is for the user."""


class LineParser(argparse.ArgumentParser):
    """A parser that raises an error where argparse would end the process.

    Args:
        command: The name of the command.
    """

    def __init__(self, command: str) -> None:
        super().__init__(prog=command, add_help=False, allow_abbrev=False)
        self.add_argument("words", nargs="*")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the options.

        Raises:
            BadCommand: They are wrong.
        """
        return parse_options(self, words)

    def error(self, message: str) -> NoReturn:
        """Raise the message as an error."""
        raise BadCommand(f"{self.prog}: {message}")


def parse_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command. Have the parser report others, with the nearest known one.

    Args:
        parser: The parser of the command.
        words: The arguments.
    """
    options, unknown = parser.parse_known_intermixed_args(words)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_near_option(parser, unknown)}")
    return options


def _near_option(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> str:
    """Return the question for the option that the first unknown one resembles; "" if there is none."""
    from jobtui.schedules.bad_spec import closest_matches  # noqa: PLC0415 - only needed after a mistake

    word = next((each.partition("=")[0] for each in unknown if each.startswith("-")), "")
    known = {
        option.lstrip("-"): option  # the hyphens, which all have, would make any two similar
        for action in parser._actions  # noqa: SLF001 - argparse has no public list of the options
        for option in action.option_strings
    }
    near = closest_matches(word.lstrip("-"), [*known])
    return f"; did you mean {known[near[0]]}?" if near else ""


def time_argument(text: str) -> str:
    """Return the argument of an option that takes a time, which the command parses."""
    if not text:
        raise argparse.ArgumentTypeError("the time is missing")
    return text


def add_pause_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``pause``."""
    parser.add_argument(
        "--for", metavar="TIME", dest="length", type=time_argument, help="the length of the pause, such as 2h"
    )
    parser.add_argument(
        "--until", metavar="TIME", type=time_argument, help="the end of the pause, such as 08:00"
    )
    parser.add_argument("--note", metavar="TEXT", default="", help="the reason, which front ends show")


def pause_words(words: Sequence[str]) -> list[str]:
    """Return the arguments of ``pause`` with options for words: `for 2h because it rains`.

    Everything after `because` is the reason, and everything else after `for` or `until` is the time. The
    first word is the job, or an address. An option and its value are one argument, so that a value such as
    `-5s` is not taken for another option.
    """
    result: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option = _IN_WORDS.get(word) if len(rest) < len(words) - 1 else None
        if option is None or not rest:
            result.append(word)
        elif option == "--note":
            return [*result, f"{option}={' '.join(rest)}"]
        else:
            value = [rest.pop(0)]
            while rest and rest[0] not in _IN_WORDS and not rest[0].startswith("--"):
                value.append(rest.pop(0))
            result.append(f"{option}={('' if option == '--for' else ' ').join(value)}")
    return result


def split_assignments(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Split the words of ``run``: the job, or the target and the job; and each NAME=VALUE after it."""
    given = [word for word in words[1:] if _ASSIGNMENT.match(word)]
    pairs = [(name, value) for name, _, value in (word.partition("=") for word in given)]
    return [word for word in words if word not in given], pairs


def arguments_from_texts(schema: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a run as JSON: as texts where the job's parameters accept texts.

    A text that is one of the values of an enum is that value.

    Args:
        schema: The JSON Schema of the job's parameters.
        texts: The text of each argument.
    """
    parameters = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    return {name: _argument(text, parameters.get(name, others)) for name, text in texts.items()}


def _argument(text: str, schema: Any) -> Any:
    if _is_text(schema):
        return text
    alternatives = [schema, *schema.get("anyOf", ())] if isinstance(schema, dict) else []
    for value in (value for each in alternatives for value in each.get("enum", ())):
        if text == (value if isinstance(value, str) else json.dumps(value)):
            return value
    return _parse(text)


def _is_text(schema: Any) -> bool:
    """Return whether a schema accepts any text, or texts that are not JSON."""
    if not isinstance(schema, dict):
        return False
    return schema.get("type") == "string" or any(map(_is_text, schema.get("anyOf", ())))


def _parse(text: str) -> Any:
    """Return the value of a JSON text; any other text as it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
