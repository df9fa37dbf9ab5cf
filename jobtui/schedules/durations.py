"""Durations in Go's notation (``1h30m``), and the intervals that a job may have."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from jobtui.schedules.bad_spec import BadSpec, quote_text

SHORTEST_INTERVAL = timedelta(milliseconds=1)
LONGEST_INTERVAL = timedelta(days=2922)  # 8 years of 365.25 days

_MICROSECOND = timedelta(microseconds=1)
_LONGEST_TEXT = 512
# Go counts nanoseconds in a signed 64-bit integer, and also rejects longer durations.
_GO_LIMIT = 2**63 - 1

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # the micro sign
    "\u03bcs": 1_000,  # the Greek letter mu, which looks the same
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_UNITS = "h, m, s, ms, us or ns"
_HOURS_OF_DAYS = "a day is not always 24 hours, so write {} if you mean that"

# [0-9], not \d, which matches the digits of every script.
_PART = re.compile(r"(?P<whole>[0-9]*)(?P<point>\.(?P<fraction>[0-9]*))?(?P<unit>[^0-9.]*)")


def parse_duration(text: str) -> timedelta:
    """Parse a duration in the grammar of Go's ``time.ParseDuration``.

    It is an optional sign and one or more numbers, each with an optional fraction and a unit:
    ``1h30m``, ``1.5h``, ``-1.5h``, ``.5s``, ``250ms``, ``1us``. ``0`` needs no unit. There are no
    days and no spaces.

    Args:
        text: The duration. Units are ``h``, ``m``, ``s``, ``ms``, ``us`` (or ``µs``) and ``ns``.

    Returns:
        The duration, rounded to the nearest microsecond (half to even), because a timedelta has no
        nanoseconds: ``1ns`` is zero.

    Raises:
        BadSpec: The text is not a duration, or is above Go's limit of about 292 years.
        TypeError: The text is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"a duration must be a string such as '1h30m', not {type(text).__name__}")
    if len(text) > _LONGEST_TEXT:
        raise BadSpec(f"a duration has at most {_LONGEST_TEXT} characters; this one has {len(text)}")
    negative = text.startswith("-")
    position = 1 if text.startswith(("-", "+")) else 0
    if text[position:] == "0":
        return timedelta(0)
    if position == len(text):
        raise BadSpec(
            "the duration is empty; write a number and a unit, such as 30s", spec=text, position=position
        )
    nanoseconds = 0
    while position < len(text):
        found = _PART.match(text, position)
        assert found is not None, "every part of the pattern is optional"
        whole, fraction, unit = found["whole"], found["fraction"] or "", found["unit"]
        if not whole and not fraction:
            raise BadSpec(_suggest(text, _no_number(text, position)), spec=text, position=position)
        if unit not in _NANOSECONDS:
            sentence = _suggest(text, _no_unit(found[0], unit))
            raise BadSpec(sentence, spec=text, position=found.start("unit"))
        scale = _NANOSECONDS[unit]
        nanoseconds += int(whole or "0") * scale
        nanoseconds += int(fraction or "0") * scale // 10 ** len(fraction)
        position = found.end()
    if nanoseconds > _GO_LIMIT:
        raise BadSpec("a duration is at most 2562047h47m16s (about 292 years)", spec=text, position=0)
    # round() of a quotient would use a float and lose the last digits.
    microseconds, rest = divmod(nanoseconds, 1000)
    half = 500
    if rest > half or (rest == half and microseconds % 2):
        microseconds += 1
    return timedelta(microseconds=-microseconds if negative else microseconds)


def _suggest(text: str, sentence: str) -> str:
    """Return the message for a wrong duration with what to write instead of it, if that is known."""
    from jobtui.schedules.foreign_durations import translate_duration  # noqa: PLC0415 - only after a mistake

    problem, _, advice = sentence.partition("; ")
    if text.startswith("@") or "*" in text:
        return f"{quote_text(text)} is a spec, not a duration; pass it to schedule() or @scheduled()"
    instead = translate_duration(text)
    if instead is None or "not always" in advice or "lower case" in advice:
        return sentence
    try:
        instead = format_duration(parse_duration(instead))
    except BadSpec:
        return sentence
    days = re.search(r"[0-9 ][dw]|^(day|week)", text.lower())
    return f"{problem}; " + (_HOURS_OF_DAYS.format(instead) if days else f"write {instead}")


def _no_number(text: str, position: int) -> str:
    rest = text[position:]
    if rest[0] in "+-":
        return "a sign is allowed only at the start of a duration"
    if any(character.isspace() for character in rest):
        return "spaces are not allowed in a duration; write 1h30m"
    return f"a number is missing before {quote_text(rest)}; write a number and a unit, such as 30s"


def _no_unit(part: str, unit: str) -> str:
    if not unit:
        return f"a unit is missing after {quote_text(part)}; write {_UNITS}, such as {part[:20]}s"
    if any(character.isspace() for character in unit):
        return "spaces are not allowed in a duration; write 1h30m"
    if unit.lower() in _NANOSECONDS:
        return f"unknown unit {quote_text(unit)}; units are in lower case: {unit.lower()}"
    days = {"d": 24, "day": 24, "days": 24, "w": 168, "week": 168, "weeks": 168}.get(unit.lower())
    if days:
        number = part.removesuffix(unit)
        hours = f"{int(number) * days}h" if number.isdecimal() else f"{days}h for each"
        return f"unknown unit {quote_text(unit)}; {_HOURS_OF_DAYS.format(hours)}"
    return f"unknown unit {quote_text(unit)}; write {_UNITS}"


def as_interval(value: timedelta | float | str, kind: str = "an interval") -> timedelta:
    """Return an interval as a timedelta.

    Args:
        value: A timedelta, a number of seconds, or a duration such as ``"1h30m"``; rounded to the nearest
            microsecond.
        kind: The words for it in messages.

    Returns:
        The interval, from 1 millisecond to 8 years (2922 days).

    Raises:
        BadSpec: The interval is zero, negative, too short, too long, not a number, or not a duration.
        TypeError: The value is of another type, such as bool.
    """
    spec = value if isinstance(value, str) else None
    if isinstance(value, str):
        interval = parse_duration(value)
    elif isinstance(value, timedelta):
        interval = value
    elif isinstance(value, bool) or not isinstance(value, int | float):
        given: object = value
        hint = "; at() takes an instant" if isinstance(given, datetime) else ""
        if callable(given):
            hint = f"; the {kind.partition(' ')[2]} comes first, then the function"
        raise TypeError(
            f"{kind} must be a timedelta, a number of seconds or a string such as '1h30m',"
            f" not {type(value).__name__}{hint}"
        )
    else:
        interval = _from_seconds(value, kind)
    if interval <= timedelta(0):
        allowed = "above zero"
    elif interval < SHORTEST_INTERVAL:
        allowed = "at least 1ms"
    elif interval > LONGEST_INTERVAL:
        allowed = "at most 8 years (70128h)"
    else:
        return interval
    given = quote_text(spec or format_duration(interval))
    raise BadSpec(f"{kind} must be {allowed}, not {given}", spec=spec, position=0)


def _from_seconds(value: float, kind: str) -> timedelta:
    """Return a number of seconds as a timedelta; reject numbers that no timedelta can hold."""
    if value != value:  # noqa: PLR0124 - nan; math.isnan() fails for an int that no float can hold
        raise BadSpec(f"{kind} must be a number of seconds, not nan")
    if value > LONGEST_INTERVAL.total_seconds():
        raise BadSpec(f"{kind} must be at most 8 years (252460800 seconds)")
    return timedelta(seconds=max(value, -1))  # every number below zero is rejected later


def format_duration(duration: timedelta) -> str:
    """Return a duration in Go's notation, without Go's zero units: ``1h30m``, ``1.5s``, ``250ms``.

    ``parse_duration`` returns the same value for it.
    """
    microseconds = duration // _MICROSECOND
    sign = "-" if microseconds < 0 else ""
    microseconds = abs(microseconds)
    if microseconds == 0:
        return "0s"
    for unit, size in (("\u00b5s", 1), ("ms", 1_000)):
        if microseconds < size * 1_000:
            return sign + _decimal(microseconds, size) + unit
    minutes, rest = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    return (
        sign
        + (f"{hours}h" if hours else "")
        + (f"{minutes}m" if minutes else "")
        + (_decimal(rest, 1_000_000) + "s" if rest else "")
    )


def _decimal(amount: int, size: int) -> str:
    """Return ``amount / size`` in decimal digits, exactly; ``size`` is a power of ten."""
    whole, fraction = divmod(amount, size)
    if not fraction:
        return str(whole)
    return f"{whole}.{str(fraction).zfill(len(str(size)) - 1).rstrip('0')}"
