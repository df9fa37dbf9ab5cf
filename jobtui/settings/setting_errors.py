"""What was found in a settings file, and what is said when it is wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jobtui.schedules.bad_spec import closest_matches, quote_text

# TOML holds numbers so large that Python refuses to print them.
_LARGEST_SHOWN = 1_000_000


class BadSetting(ValueError):  # noqa: N818 - as BadSpec: what is wrong is the better name
    """The settings cannot be read or make no sense.

    The message is one to three lines for the person who wrote the file: the file, the line where it is known,
    the key, what is wrong, and what is allowed. It never repeats a password.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting as found in a file, not yet checked.

    The place is asked for only when there is something to complain about: to find a line of TOML is work.

    Attributes:
        key: The whole key, such as `jobs.pool`.
        value: What stands there: of TOML any value, of a `.conf` file what the text means for this key.
        place: Tells the file and, where it is known, the line.
    """

    key: str
    value: object = field(repr=False)
    place: Callable[[], str]


def bad(entry: Entry, problem: str, hint: str = "") -> BadSetting:
    """Makes the error for an entry.

    Args:
        entry: What was found.
        problem: What is wrong with it, to be read after the key.
        hint: A line of its own for what to do about it.
    """
    return BadSetting(f"{entry.place()}: {entry.key}{problem}." + (f"\n{hint}" if hint else ""))


def wrong(entry: Entry, allowed: str, hint: str = "") -> BadSetting:
    """Makes the error for a value that is not allowed, which is shown.

    Args:
        entry: What was found.
        allowed: What would have been right, to be read after "must be".
        hint: A line of its own for what to do about it.
    """
    return bad(entry, f" must be {allowed}, not {described(entry.value)}", hint)


def refused(entry: Entry, error: ValueError, hint: str = "") -> BadSetting:
    """Makes the error for a text that another module refuses, in its words.

    Args:
        entry: What was found.
        error: Its message is a sentence without its end, with what to do about it behind a semicolon.
        hint: A line of its own where the message does not say what to do.
    """
    problem, _, advice = str(error).partition("; ")
    if advice:
        hint = advice[0].upper() + advice[1:] + ("" if advice.endswith("?") else ".")
    return bad(entry, f": {problem}", hint)


def unknown(entry: Entry, known: list[str]) -> BadSetting:
    """Makes the error for a key that is none of those known, nor the name of a schedule."""
    meant = _meant_by(entry.key, known)
    question = f" Did you mean {meant}?" if meant else ""
    return BadSetting(
        f"{entry.place()}: the key {quote_text(entry.key)} is not known.{question}\n"
        f"Known are {', '.join(known)} and cron.NAME for a schedule of any name."
    )


def bare(value: object) -> str:
    """Takes all quotes off a text; what is no text becomes an empty one."""
    return value.strip("\"' ") if isinstance(value, str) else ""


def described(value: object) -> str:  # noqa: PLR0911 - one line for each kind of value
    """Names a value in the words of a settings file."""
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) > _LARGEST_SHOWN:
            return "a number that large" if value > 0 else "a number that small"
        case int() | float():
            return str(value)
        case "":
            return "an empty text"
        case str():
            return f"the text {quote_text(value)}"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _meant_by(key: str, known: list[str]) -> str | None:
    """Finds the key that was probably meant: `jobs.pool` for `pool` or `Jobs.Pol`, `cron.x` for `corn.x`."""
    prefix, _, name = key.partition(".")
    if name and closest_matches(prefix, ["cron"]):
        return quote_text(f"cron.{name}")
    if all(each.startswith(key) for each in known):
        return None  # it begins like all of them
    return next(map(quote_text, closest_matches(key, known)), None)
