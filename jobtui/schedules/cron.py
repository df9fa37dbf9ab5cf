"""The grammar of cron specs, and the numbers that a spec means.

croniter only expands the fields of a spec that this grammar has checked. On its own it accepts more, and
reads some of it differently: for croniter 7, ``5-5`` is the whole field, ``FRI-MON`` wraps, 7 is Sunday, and
``L``, ``#``, ``W`` and a random ``R`` are allowed. So each field is rewritten in plain numbers first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jobtui.schedules.bad_spec import BadSpec, quote_text
from jobtui.schedules.cron_fields import FIELDS, Field, Item, parse_field

LONGEST_SPEC = 512

DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}

# ASCII whitespace only: cron accepts no other separator, and str.split() accepts many.
_WORD = re.compile(r"[^ \t\r\n\f\v]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a spec without spaces, and the index in the spec at which it begins."""

    text: str
    position: int


@dataclass(frozen=True, slots=True)
class CronFields:
    """The meaning of a cron spec, in sorted numbers; Sunday is 0.

    Attributes:
        items: The items of each field as they were written, in the order of ``FIELDS``.
        both_days: Whether a day must match day-of-month and day-of-week, because one of the two is
            unrestricted; otherwise one is enough. This is the rule of Vixie cron and of Revel.
        every_fold: Whether the minute or the hour begins with a star. Such a spec follows the wall clock and
            names no fixed times of the day. Debian's cron makes the same distinction.
    """

    items: tuple[tuple[Item, ...], ...]
    both_days: bool
    every_fold: bool
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]


class UnknownDescriptorError(BadSpec):
    """A spec begins with an unknown ``@word``. `diagnostics.explain` makes a better message of it."""


class FieldCountError(BadSpec):
    """A spec has neither five nor six fields. `diagnostics.explain` makes a better message of it."""


def split_zone(spec: str) -> tuple[Word | None, list[Word]]:
    """Split a spec into the name of its zone, if ``TZ=`` or ``CRON_TZ=`` gives one, and its other words.

    Raises:
        BadSpec: The spec is too long, is empty, or has an ``=`` elsewhere.
    """
    words = _split_words(spec)
    first = words[0]
    name, equals, value = first.text.partition("=")
    if not equals:
        return None, words
    if name not in ("TZ", "CRON_TZ"):
        raise BadSpec(
            f"{quote_text(first.text)}: a spec may begin with TZ=Zone or CRON_TZ=Zone,"
            " and has no '=' elsewhere; write only the schedule",
            spec=spec,
            position=first.position,
        )
    if len(words) == 1:
        raise BadSpec(
            f"nothing follows {quote_text(first.text)}; write the spec after it",
            spec=spec,
            position=len(spec),
        )
    return Word(value, first.position + len(name) + 1), words[1:]


def _split_words(spec: str) -> list[Word]:
    if len(spec) > LONGEST_SPEC:
        # The message does not show the spec: it is too long to read, and may be an attack.
        raise BadSpec(f"a spec has at most {LONGEST_SPEC} characters; this one has {len(spec)}")
    # Zones and durations may have non-ASCII characters ("5µs"), so their own parsers check those words.
    words = [Word(found[0], found.start()) for found in _WORD.finditer(spec)]
    if not words:
        raise BadSpec(
            "the spec is empty; write six fields such as '0 */15 9-17 * * MON-FRI'", spec=spec, position=0
        )
    return words


def parse_fields(spec: str, words: list[Word]) -> CronFields:
    """Parse the words of a spec without its zone: five or six fields, or a descriptor such as ``@daily``.

    Raises:
        BadSpec: The spec does not follow the grammar.
    """
    first = words[0]
    if first.text.startswith("@"):
        descriptor = first.text.lower()
        if descriptor not in DESCRIPTORS:
            sentence = f"unknown descriptor {quote_text(first.text)}"
            raise UnknownDescriptorError(sentence, spec=spec, position=first.position)
        if len(words) > 1:
            raise BadSpec(f"nothing may follow {descriptor}", spec=spec, position=words[1].position)
        words = [Word(text, first.position) for text in DESCRIPTORS[descriptor].split()]
    elif len(words) == 5:  # noqa: PLR2004 - a standard crontab line, minute first
        words = [Word("0", first.position), *words]
    elif len(words) != len(FIELDS):
        raise FieldCountError(f"a spec has five or six fields, not {len(words)}", spec=spec)
    items = tuple(
        tuple(parse_field(spec, field, word.text, word.position))
        for field, word in zip(FIELDS, words, strict=True)
    )
    _second, minute, hour, day, _month, weekday = items
    both_days = any(item.is_star for item in (*day, *weekday))
    every_fold = minute[0].is_star or hour[0].is_star
    return CronFields(items, both_days, every_fold, *_expand(normalize_fields(items)))


def normalize_fields(items: Iterable[Iterable[Item]]) -> list[str]:
    """Return the texts of fields in the few forms that croniter reads as other crons do."""
    return [_normalize_field(field, list(each)) for field, each in zip(FIELDS, items, strict=True)]


def _normalize_field(field: Field, items: list[Item]) -> str:
    if any(item.is_star and item.step == 1 for item in items):
        return "*"
    # croniter applies the star's rule for days only if the field begins with the star.
    ordered = sorted(items, key=lambda item: not item.is_star)
    return ",".join(dict.fromkeys(_normalize_item(field, item) for item in ordered))


def _normalize_item(field: Field, item: Item) -> str:
    if item.is_star:
        # A step past the field's end matches only the first value; croniter would compute a phase from it.
        return f"*/{min(item.step, field.high + 1)}"
    # croniter reads "5-5" as the whole field.
    if item.low + item.step > item.high:
        return str(item.low)
    return f"{item.low}-{item.high}" + (f"/{item.step}" if item.step > 1 else "")


# The numbers of normalized fields, by the field's index and text. Two specs seldom differ in all six fields.
_expansions: dict[tuple[int, str], tuple[int, ...]] = {}
_MAX_EXPANSIONS = 4096


def _expand(texts: list[str]) -> list[tuple[int, ...]]:
    """Return the numbers of normalized fields; croniter expands only those that are not cached."""
    found = [_expansions.get(key) for key in enumerate(texts)]
    if None in found:
        from croniter import croniter  # noqa: PLC0415 - importing it takes as long as the rest of jobtui

        missing = ["*" if known else text for text, known in zip(texts, found, strict=True)]
        # croniter expects the seconds last.
        minute_first, _ = croniter.expand(" ".join([*missing[1:], missing[0]]))
        expanded = [minute_first[-1], *minute_first[:-1]]
        if len(_expansions) > _MAX_EXPANSIONS:
            _expansions.clear()
        for index, (field, values) in enumerate(zip(FIELDS, expanded, strict=True)):
            if found[index] is None:
                numbers = range(field.low, field.high + 1) if "*" in values else sorted(values)
                found[index] = _expansions[index, texts[index]] = tuple(numbers)
    return [numbers for numbers in found if numbers is not None]
