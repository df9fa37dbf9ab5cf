"""The canonical spec: one text for each meaning, so that equal schedules have equal texts.

``@midnight``, ``0 0 * * *`` and ``0 0 0 ? * 0-6/1`` are all ``0 0 0 * * *``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from jobtui.schedules.cron import CronFields
from jobtui.schedules.cron_fields import FIELDS, Field

_SHORTEST_RANGE = 3  # numbers; two neighbours are written as a list


@lru_cache(maxsize=1024)  # as many as the parser keeps: each registration asks for it
def canonical_spec(fields: CronFields, *, star_matters: bool) -> str:
    """Return the canonical spec, of six fields and without a zone.

    Args:
        fields: The meaning of the spec.
        star_matters: Whether a star in the minute or the hour changes the meaning, as it does for
            ``dst="once"``. The result then has a star there exactly if the spec has one.
    """
    second, minute, hour, day, month, weekday = (
        _field_text(field, numbers)
        for field, numbers in zip(
            FIELDS,
            (fields.seconds, fields.minutes, fields.hours, fields.days, fields.months, fields.weekdays),
            strict=True,
        )
    )
    if star_matters and fields.every_fold:
        if not minute.startswith("*") and not hour.startswith("*"):
            minute, hour = _add_star(FIELDS[1], minute, fields.minutes, hour)
    elif star_matters:
        minute = _remove_star(FIELDS[1], minute, fields.minutes)
        hour = _remove_star(FIELDS[2], hour, fields.hours)
    if fields.both_days:
        if not day.startswith("*") and not weekday.startswith("*"):
            day, weekday = _add_star(FIELDS[3], day, fields.days, weekday)
    elif day == "*" or weekday == "*":
        day = weekday = "*"  # one match is enough, and one field always matches
    else:
        day = _remove_star(FIELDS[3], day, fields.days)
        weekday = _remove_star(FIELDS[5], weekday, fields.weekdays)
    return f"{second} {minute} {hour} {day} {month} {weekday}"


def collapse_ranges(numbers: Sequence[int], names: Sequence[str], separator: str) -> list[str]:
    """Return the names of ascending numbers, with three or more neighbours as a range."""
    parts: list[str] = []
    start = 0
    for end, number in enumerate(numbers):
        if end + 1 < len(numbers) and numbers[end + 1] == number + 1:
            continue
        if end - start + 1 >= _SHORTEST_RANGE:
            parts.append(f"{names[start]}{separator}{names[end]}")
        else:
            parts.extend(names[start : end + 1])
        start = end + 1
    return parts


def _field_text(field: Field, numbers: Sequence[int]) -> str:
    """Return the shortest usual form: ``*``, ``*/n``, ``a-b/n``, or a list of numbers and ranges."""
    if len(numbers) == field.high - field.low + 1:
        return "*"
    step = _step(numbers)
    if step > 1 and len(numbers) >= _SHORTEST_RANGE:
        if numbers[0] == field.low and numbers[-1] + step > field.high:
            return f"*/{step}"
        return f"{_name(field, numbers[0])}-{_name(field, numbers[-1])}/{step}"
    return ",".join(collapse_ranges(numbers, [_name(field, number) for number in numbers], "-"))


def _add_star(field: Field, text: str, numbers: Sequence[int], other: str) -> tuple[str, str]:
    """Return two fields without a star, with an item ``*/n`` in one of them that adds no number."""
    # The step is past the field's end, so the item matches only the field's first value. At least one of the
    # two fields has that value already, because the spec has a star in one of them.
    if numbers[0] == field.low:
        return f"*/{field.high + 1},{text}", other
    return text, f"*/{field.high + 1},{other}"


def _remove_star(field: Field, text: str, numbers: Sequence[int]) -> str:
    """Return ``text`` with a range instead of the star, for the same numbers."""
    if not text.startswith("*"):
        return text
    return f"{_name(field, field.low)}-{_name(field, numbers[-1])}{text[1:]}"


def _step(numbers: Sequence[int]) -> int:
    """Return the distance between numbers that are equally far apart, else 0."""
    if len(numbers) == 1:
        return 0
    step = numbers[1] - numbers[0]
    return step if list(numbers) == list(range(numbers[0], numbers[-1] + 1, step)) else 0


def _name(field: Field, number: int) -> str:
    return field.value_names[number - field.low] if field.value_names else str(number)
