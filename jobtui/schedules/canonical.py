"""The canonical spec: one way to write each meaning, so that equal schedules read equal.

``@midnight``, ``0 0 * * *`` and ``0 0 0 ? * 0-6/1`` are all ``0 0 0 * * *``.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobtui.schedules.cron import CronFields
from jobtui.schedules.cron_fields import FIELDS, Field


def canonical_spec(fields: CronFields, *, star_matters: bool) -> str:
    """Returns the canonical spec, of six fields and without a zone.

    Args:
        fields: What the spec means.
        star_matters: Whether a star in the minute or the hour means something of its own, as it does for
            ``dst="once"``. It is then written exactly where the spec has one.
    """
    second, minute, hour, day, month, weekday = (
        _written(field, numbers)
        for field, numbers in zip(
            FIELDS,
            (fields.seconds, fields.minutes, fields.hours, fields.days, fields.months, fields.weekdays),
            strict=True,
        )
    )
    if star_matters and fields.every_pass:
        if not minute.startswith("*") and not hour.startswith("*"):
            minute, hour = _with_star(FIELDS[1], minute, fields.minutes, hour)
    elif star_matters:
        minute = _without_star(FIELDS[1], minute, fields.minutes)
        hour = _without_star(FIELDS[2], hour, fields.hours)
    if fields.both_days:
        if not day.startswith("*") and not weekday.startswith("*"):
            day, weekday = _with_star(FIELDS[3], day, fields.days, weekday)
    elif day == "*" or weekday == "*":
        day = weekday = "*"  # one is enough, and one always matches
    else:
        day = _without_star(FIELDS[3], day, fields.days)
        weekday = _without_star(FIELDS[5], weekday, fields.weekdays)
    return f"{second} {minute} {hour} {day} {month} {weekday}"


def _written(field: Field, numbers: Sequence[int]) -> str:
    """Returns the shortest usual form: ``*``, ``*/n``, ``a-b/n``, or a list of numbers and ranges."""
    if len(numbers) == field.high - field.low + 1:
        return "*"
    step = _step(numbers)
    if step > 1 and len(numbers) >= SHORTEST_RANGE:
        if numbers[0] == field.low and numbers[-1] + step > field.high:
            return f"*/{step}"
        return f"{_name(field, numbers[0])}-{_name(field, numbers[-1])}/{step}"
    return ",".join(ranges(numbers, [_name(field, number) for number in numbers], "-"))


def _with_star(field: Field, text: str, numbers: Sequence[int], other: str) -> tuple[str, str]:
    """Returns two fields, none of which begins with a star, with a star that adds no number."""
    # A step past the end is the first number alone, so the star can stand where that is a match anyway.
    if numbers[0] == field.low:
        return f"*/{field.high + 1},{text}", other
    return text, f"*/{field.high + 1},{other}"


def _without_star(field: Field, text: str, numbers: Sequence[int]) -> str:
    """Returns the same numbers as a range."""
    if not text.startswith("*"):
        return text
    return f"{_name(field, field.low)}-{_name(field, numbers[-1])}{text[1:]}"


def _step(numbers: Sequence[int]) -> int:
    """Returns the distance of numbers that are all equally far apart, else 0."""
    if len(numbers) == 1:
        return 0
    step = numbers[1] - numbers[0]
    return step if list(numbers) == list(range(numbers[0], numbers[-1] + 1, step)) else 0


def _name(field: Field, number: int) -> str:
    return field.value_names[number - field.low] if field.value_names else str(number)


# Two neighbours are a list; from three on they are a range.
SHORTEST_RANGE = 3


def ranges(numbers: Sequence[int], names: Sequence[str], between: str) -> list[str]:
    """Returns the names of ascending numbers, with neighbours drawn together.

    Args:
        numbers: The numbers.
        names: What each is called; as many as there are numbers.
        between: What stands between the ends of a range.
    """
    parts: list[str] = []
    start = 0
    for end, number in enumerate(numbers):
        if end + 1 < len(numbers) and numbers[end + 1] == number + 1:
            continue
        if end - start + 1 >= SHORTEST_RANGE:
            parts.append(f"{names[start]}{between}{names[end]}")
        else:
            parts.extend(names[start : end + 1])
        start = end + 1
    return parts
