"""A setting as found in a file, and the errors for a wrong one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jobtui.schedules.bad_spec import closest_matches, quote_text

# TOML allows integers so large that Python refuses to print them.
_MAX_SHOWN = 1_000_000


class BadSetting(ValueError):  # noqa: N818 - named like BadSpec, after what is wrong
    """The settings cannot be read, or are wrong.

    The message has one to three lines: the file, the line where it is known, the key, what is wrong, and what
    is allowed. It never repeats a password.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingEntry:
    """One setting as found in a file, not checked yet.

    Attributes:
        key: The whole key, such as `jobs.pool`.
        value: From TOML any value; from a `.conf` file the text, converted to the type that the key has.
        location: Returns the file and, if it is known, the line. Called only for an error, because finding a
            line of TOML is expensive.
    """

    key: str
    value: object = field(repr=False)
    location: Callable[[], str]


def setting_error(entry: SettingEntry, problem: str, hint: str = "") -> BadSetting:
    """Return the error for an entry: its key, the problem, and on a second line what to do about it."""
    return BadSetting(f"{entry.location()}: {entry.key}{problem}." + (f"\n{hint}" if hint else ""))


def wrong_value(entry: SettingEntry, allowed: str, hint: str = "") -> BadSetting:
    """Return the error for a value that is not allowed. The message shows the value."""
    return setting_error(entry, f" must be {allowed}, not {describe_value(entry.value)}", hint)


def invalid_text(entry: SettingEntry, error: ValueError, hint: str = "") -> BadSetting:
    """Return the error for a text that a parser rejected.

    The parser's message is a sentence without its full stop. Advice after a semicolon replaces the hint.
    """
    problem, _, advice = str(error).partition("; ")
    if advice:
        hint = advice[0].upper() + advice[1:] + ("" if advice.endswith("?") else ".")
    return setting_error(entry, f": {problem}", hint)


def unknown_key(entry: SettingEntry, known: list[str]) -> BadSetting:
    """Return the error for a key that is not known and not the name of a schedule."""
    meant = _similar_key(entry.key, known)
    question = f" Did you mean {meant}?" if meant else ""
    return BadSetting(
        f"{entry.location()}: unknown key {quote_text(entry.key)}.{question}\n"
        f"The keys are {', '.join(known)}, cron.NAME for a named schedule, and keys.ACTION."
    )


def strip_quotes(value: object) -> str:
    """Return a text without quotes around it; "" for other values."""
    return value.strip("\"' ") if isinstance(value, str) else ""


def describe_value(value: object) -> str:  # noqa: PLR0911 - one for each type
    """Return a value in the terms of a settings file."""
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) > _MAX_SHOWN:
            return "a number that large" if value > 0 else "a number that small"
        case int() | float():
            return str(value)
        case "":
            return "an empty string"
        case str():
            return f"the string {quote_text(value)}"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _similar_key(key: str, known: list[str]) -> str | None:
    """Return the key that was probably meant: `jobs.pool` for `pool` or `Jobs.Pol`, `cron.x` for `corn.x`."""
    prefix, _, name = key.partition(".")
    if name and (meant := closest_matches(prefix, ["cron", "keys"])):
        return quote_text(f"{meant[0]}.{name}")
    if all(each.startswith(key) for each in known):
        return None  # such as "jobs": every key begins with it
    return next(map(quote_text, closest_matches(key, known)), None)
