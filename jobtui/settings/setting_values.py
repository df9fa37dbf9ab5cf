"""Check single values: each function returns the value, converted to its type, or raises BadSetting."""

from collections.abc import Sequence
from typing import Literal, TypeGuard, cast, get_args

from jobtui.access.addresses import Address, parse_address
from jobtui.access.public_url import PublicUrl, parse_public_url
from jobtui.access.rules import IpNetwork, check_user, parse_network
from jobtui.engine.enums import SingleName
from jobtui.runtime.redaction import Redaction
from jobtui.runtime.validation import delay_seconds
from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text
from jobtui.schedules.parser import parse
from jobtui.schedules.quiet_times import EXAMPLE, parse_quiet_times
from jobtui.schedules.schedule import Dst
from jobtui.schedules.zones import zone
from jobtui.settings.revel_conf import boolean_or_text, number_or_text
from jobtui.settings.setting_errors import (
    BadSetting,
    SettingEntry,
    describe_value,
    invalid_text,
    setting_error,
    strip_quotes,
    wrong_value,
)

SingleSetting = Literal["attach"] | SingleName
SINGLE_SETTINGS = ("attach", *get_args(SingleName))

_LARGEST_POOL = 1_000_000  # a larger one is a typo
_BYTES = range(10_000, 1_000_000_001)  # at least a line of output, whatever its characters

_MOST_ABANDONED = 10_000
_CLIENT_BYTES = range(1_000_000, 1_000_000_001)  # at least one large page
_KEEP_DAYS = range(1, 36_501)
_KEEP_ROWS = range(1_000, 1_000_000_001)
_KEEP_MIB = range(1, 1_000_001)
_LEDGER_BYTES = range(100_000, 500_000_001)  # a larger one would be read with the lock held for too long


def check_pool(entry: SettingEntry) -> int:
    """Check the size of the pool."""
    description = f"a whole number from 0 to {_LARGEST_POOL}, where 0 is no limit"
    return check_whole_number(entry, range(_LARGEST_POOL + 1), description)


def check_abandoned(entry: SettingEntry) -> int:
    """Check how many runs may be abandoned."""
    allowed = range(_MOST_ABANDONED + 1)
    return check_whole_number(entry, allowed, f"a whole number from 0 to {_MOST_ABANDONED}")


def check_bytes(entry: SettingEntry, allowed: range = _BYTES) -> int:
    """Check a number of bytes."""
    return check_whole_number(entry, allowed, f"a number of bytes from {allowed[0]} to {allowed[-1]}")


def check_ledger_bytes(entry: SettingEntry) -> int:
    """Check how much memory the ledger may take."""
    return check_bytes(entry, _LEDGER_BYTES)


def check_store(entry: SettingEntry) -> str:
    """Check the path of the store's file."""
    if not isinstance(entry.value, str) or not entry.value.strip() or "\0" in entry.value:
        raise wrong_value(entry, 'the path of a file in quotes, such as "jobtui.db"')
    return entry.value


def check_single(entry: SettingEntry) -> SingleSetting:
    """Check the rule for a store that another scheduler uses."""
    return cast("SingleSetting", check_choice(entry, SINGLE_SETTINGS))


def check_choice(entry: SettingEntry, allowed: Sequence[str]) -> str:
    """Check a text that is one of a few."""
    choice = next((each for each in allowed if each == entry.value), None)
    if choice is None:
        similar = closest_matches(strip_quotes(entry.value), list(allowed))
        hint = f"Did you mean {quote_text(similar[0])}?" if similar else ""
        *first, last = [f'"{each}"' for each in allowed]
        raise wrong_value(entry, f"{', '.join(first)} or {last}", hint)
    return choice


def check_duration(entry: SettingEntry) -> float:
    """Check a duration. Returns it in seconds."""
    if not isinstance(entry.value, str):
        raise wrong_value(entry, 'a duration in quotes, such as "12h"')
    try:
        return delay_seconds(entry.value)
    except BadSpec as error:
        raise BadSetting(f"{entry.location()}: {entry.key}: {error.sentence}") from None
    except ValueError as error:
        raise invalid_text(entry, error) from None


def check_keep_days(entry: SettingEntry) -> int:
    """Check for how many days the store keeps endings."""
    return check_whole_number(entry, _KEEP_DAYS, _range_text("days", _KEEP_DAYS))


def check_keep_rows(entry: SettingEntry) -> int:
    """Check how many endings the store keeps."""
    return check_whole_number(entry, _KEEP_ROWS, _range_text("endings", _KEEP_ROWS))


def check_keep_mib(entry: SettingEntry) -> int:
    """Check how large the store's file may be, in MiB."""
    return check_whole_number(entry, _KEEP_MIB, _range_text("MiB", _KEEP_MIB))


def _range_text(unit: str, allowed: range) -> str:
    return f"a number of {unit} from {allowed[0]} to {allowed[-1]}"


def check_client_bytes(entry: SettingEntry) -> int:
    """Check how much memory the clients of the status page may take."""
    return check_bytes(entry, _CLIENT_BYTES)


def check_whole_number(entry: SettingEntry, allowed: range, description: str) -> int:
    """Check a whole number; a `description` says which ones are allowed."""
    if _is_number_in(entry.value, allowed):
        return entry.value
    unquoted = number_or_text(strip_quotes(entry.value))
    raise wrong_value(
        entry,
        description,
        _remove_quotes_hint(entry, unquoted)
        if _is_number_in(unquoted, allowed)
        else _continued_line_hint(entry),
    )


def check_boolean(entry: SettingEntry) -> bool:
    """Check a boolean."""
    if isinstance(entry.value, bool):
        return entry.value
    unquoted = boolean_or_text(strip_quotes(entry.value))
    raise wrong_value(
        entry,
        "true or false",
        _remove_quotes_hint(entry, unquoted) if isinstance(unquoted, bool) else _continued_line_hint(entry),
    )


def check_dst(entry: SettingEntry) -> Dst:
    """Check the rule for clock changes."""
    return cast("Dst", check_choice(entry, get_args(Dst)))


def check_zone(entry: SettingEntry) -> str:
    """Check the name of a zone. Returns it as written."""
    if not isinstance(entry.value, str):
        raise wrong_value(entry, 'the name of a time zone in quotes, such as "Europe/Oslo"')
    try:
        zone(entry.value)
    except BadSpec as error:
        raise BadSetting(f"{entry.location()}: {entry.key}: {error.sentence}") from None
    return entry.value


def check_spec(entry: SettingEntry) -> str:
    """Check a named schedule. Returns the text as written, so that users recognise it."""
    text = entry.value
    problem = f"{entry.location()}: {quote_text(entry.key)}"
    if not isinstance(text, str):
        raise BadSetting(
            f"{problem} must be a schedule in quotes, not {describe_value(text)}.\n"
            'An example: "0 */15 9-17 ? * MON-FRI"'
        )
    if text.startswith("cron."):
        raise BadSetting(
            f"{problem} refers to {quote_text(text)}.\n"
            "A named schedule cannot refer to another one: write the spec itself."
        )
    try:
        parse(text)
    except BadSpec as error:
        if text[:1] in ("'", '"'):
            raise BadSetting(
                f"{problem}: {error.sentence}\n"
                f"The spec {quote_text(text)} contains the quotes: "
                "write none in a .conf file, one pair in TOML."
            ) from error
        raise BadSetting(f"{problem}: {error}") from error
    return text


def check_address(entry: SettingEntry) -> Address:
    """Check the address to listen on."""
    if not isinstance(entry.value, str):
        raise wrong_value(entry, 'an address in quotes, such as "127.0.0.1:9001"')
    try:
        return parse_address(entry.value)
    except ValueError as error:
        raise invalid_text(entry, error, _continued_line_hint(entry)) from None


def check_url(entry: SettingEntry) -> PublicUrl:
    """Check the URL that browsers use for the status page."""
    if not isinstance(entry.value, str):
        raise wrong_value(entry, 'a URL in quotes, such as "https://jobs.example.org/@jobs"')
    try:
        return parse_public_url(entry.value)
    except ValueError as error:
        raise invalid_text(entry, error, _continued_line_hint(entry)) from None


def check_networks(entry: SettingEntry) -> tuple[IpNetwork, ...]:
    """Check networks of clients or proxies."""
    texts = entry.value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise wrong_value(
            entry,
            'an array of networks, such as ["10.0.0.0/8"]',
            "Write each network in quotes." if isinstance(texts, list) else "",
        )
    try:
        return tuple(parse_network(text) for text in texts)
    except ValueError as error:
        raise invalid_text(entry, error, _continued_line_hint(entry)) from None


def check_patterns(entry: SettingEntry) -> tuple[str, ...]:
    """Check regular expressions."""
    patterns = entry.value
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise wrong_value(
            entry,
            "an array of regular expressions, such as ['password=(\\S+)']",
            "Write each of them in single quotes." if isinstance(patterns, list) else "",
        )
    try:
        Redaction(patterns)
    except ValueError as error:
        raise BadSetting(f"{entry.location()}: {entry.key}: {error}") from None
    return tuple(patterns)


def check_quiet(entry: SettingEntry) -> tuple[str, ...]:
    """Check quiet times. Returns them as written; the zone is that of the scheduler."""
    texts = entry.value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise wrong_value(
            entry,
            f'an array of quiet times, such as ["{EXAMPLE}"]',
            "Write each of them in quotes." if isinstance(texts, list) else "",
        )
    try:
        parse_quiet_times(texts, tz="UTC")
    except BadSpec as error:
        raise BadSetting(f"{entry.location()}: jobs.{error}") from None
    return tuple(texts)


def check_auth_user(entry: SettingEntry) -> str:
    """Check the user name. No message shows it, because users may enter their password there by mistake."""
    if not isinstance(entry.value, str):
        raise setting_error(entry, " must be a string in quotes")
    try:
        check_user(entry.value)
    except ValueError as error:
        hint = "Set the password in jobs.auth.pass." if ":" in entry.value else _continued_line_hint(entry)
        raise invalid_text(entry, error, hint) from None
    return entry.value


def check_auth_pass(entry: SettingEntry) -> str:
    """Check that the password or its hash is one line. Whether it is a hash depends on another key."""
    if not isinstance(entry.value, str):
        raise setting_error(entry, " must be a string in quotes")
    if "\n" in entry.value:
        raise setting_error(entry, " must be on one line", _continued_line_hint(entry))
    return entry.value


def check_auth_switch(entry: SettingEntry) -> bool:
    """Check a boolean whose wrong value is not shown: it may be the password by mistake."""
    if not isinstance(entry.value, bool):
        raise setting_error(
            entry,
            " must be true or false",
            "Set the user name in jobs.auth.user, the password or its hash in jobs.auth.pass.",
        )
    return entry.value


def _is_number_in(value: object, allowed: range) -> TypeGuard[int]:
    # A bool is an int in Python, but `jobs.pool = true` does not mean 1.
    return isinstance(value, int) and not isinstance(value, bool) and value in allowed


def _remove_quotes_hint(entry: SettingEntry, unquoted: int) -> str:
    return f"Write it without quotes: {entry.key} = {describe_value(unquoted)}"


def _continued_line_hint(entry: SettingEntry) -> str:
    is_continued = isinstance(entry.value, str) and "\n" in entry.value
    return "An indented line continues the value above it." if is_continued else ""
