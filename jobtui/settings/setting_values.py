"""The checks of single values: what each key may hold, and what it then means."""

from typing import TypeGuard, cast, get_args

from jobtui.access.addresses import Address, parse_address
from jobtui.access.rules import IpNetwork, check_user, parse_network
from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Dst
from jobtui.settings.conf_format import boolean_or_text, number_or_text
from jobtui.settings.setting_errors import BadSetting, Entry, bad, bare, described, refused, wrong

_LARGEST_POOL = 1_000_000  # above it is a slip of the finger


def pool_size(entry: Entry) -> int:
    """How many runs may be RUNNING at once."""
    if _is_pool_size(entry.value):
        return entry.value
    meant = number_or_text(bare(entry.value))
    raise wrong(
        entry,
        f"a whole number from 0 to {_LARGEST_POOL}, where 0 is no limit",
        _without_quotes(entry, meant) if _is_pool_size(meant) else _of_a_continued_line(entry),
    )


def boolean(entry: Entry) -> bool:
    """A switch."""
    if isinstance(entry.value, bool):
        return entry.value
    meant = boolean_or_text(bare(entry.value))
    raise wrong(
        entry,
        "true or false",
        _without_quotes(entry, meant) if isinstance(meant, bool) else _of_a_continued_line(entry),
    )


def dst(entry: Entry) -> Dst:
    """What fixed times do when the clocks change."""
    rule = next((rule for rule in get_args(Dst) if rule == entry.value), None)
    if rule is None:
        near = closest_matches(bare(entry.value), list(get_args(Dst)))
        raise wrong(entry, '"once" or "every"', f"Did you mean {quote_text(near[0])}?" if near else "")
    return cast("Dst", rule)


def spec(entry: Entry) -> str:
    """A named schedule. Its text is given back as written, since people will want to recognise it."""
    text = entry.value
    if not isinstance(text, str):
        raise BadSetting(
            f"{entry.place()}: {quote_text(entry.key)} must be a schedule in quotes, not {described(text)}.\n"
            'An example: "0 */15 9-17 ? * MON-FRI"'
        )
    where = f"{entry.place()}: {quote_text(entry.key)}"
    if text.startswith("cron."):
        raise BadSetting(
            f"{where} refers to {quote_text(text)}.\n"
            "A named schedule cannot refer to another one: write the spec itself."
        )
    try:
        parse(text)
    except BadSpec as error:
        if text[:1] in ("'", '"'):
            raise BadSetting(
                f"{where}: {error.sentence}\n"
                f"The quotes are part of the text {quote_text(text)}: a .conf file needs none, TOML one pair."
            ) from error
        raise BadSetting(f"{where}: {error}") from error
    return text


def address(entry: Entry) -> Address:
    """Where the status page listens."""
    if not isinstance(entry.value, str):
        raise wrong(entry, 'an address in quotes, such as "127.0.0.1:9001"')
    try:
        return parse_address(entry.value)
    except ValueError as error:
        raise refused(entry, error, _of_a_continued_line(entry)) from None


def networks(entry: Entry) -> tuple[IpNetwork, ...]:
    """The networks that are let in."""
    texts = entry.value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise wrong(
            entry,
            'an array of networks, such as ["10.0.0.0/8"]',
            "Each network in it stands in quotes." if isinstance(texts, list) else "",
        )
    try:
        return tuple(parse_network(text) for text in texts)
    except ValueError as error:
        raise refused(entry, error, _of_a_continued_line(entry)) from None


def user(entry: Entry) -> str:
    """The user who is let in. What is wrong with it is not shown: it may be the password."""
    if not isinstance(entry.value, str):
        raise bad(entry, " must be a text in quotes")
    try:
        check_user(entry.value)
    except ValueError as error:
        hint = "The password is jobs.auth.pass." if ":" in entry.value else _of_a_continued_line(entry)
        raise refused(entry, error, hint) from None
    return entry.value


def password_text(entry: Entry) -> str:
    """The password or a hash of it. What it is depends on another key, and none of it is ever shown."""
    if not isinstance(entry.value, str):
        raise bad(entry, " must be a text in quotes")
    if "\n" in entry.value:
        raise bad(entry, " must be on one line", _of_a_continued_line(entry))
    return entry.value


def auth_switch(entry: Entry) -> bool:
    """A switch beside the password, which is not shown if it holds something else."""
    if not isinstance(entry.value, bool):
        raise bad(
            entry,
            " must be true or false",
            "The user is jobs.auth.user, the password or its hash jobs.auth.pass.",
        )
    return entry.value


def _is_pool_size(value: object) -> TypeGuard[int]:
    # bool is an int in Python, and `jobs.pool = true` does not mean 1.
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_POOL


def _without_quotes(entry: Entry, meant: int) -> str:
    return f"Write it without quotes: {entry.key} = {described(meant)}"


def _of_a_continued_line(entry: Entry) -> str:
    is_continued = isinstance(entry.value, str) and "\n" in entry.value
    return "An indented line continues the value above it." if is_continued else ""
