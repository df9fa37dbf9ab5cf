"""The grammar of cron specs: what is accepted, what it means, and what croniter makes of it.

croniter 7 takes more than we do and means something else by some of it: it reads ``5-5`` as the whole
field, wraps ``FRI-MON``, takes 7 for Sunday, ``L``, ``#``, ``W`` and a random ``R``. So a spec is checked
here first and written again in the plainest numbers, and only that form is handed to croniter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jobtui.schedules.bad_spec import BadSpec, quote_text
from jobtui.schedules.cron_fields import FIELDS, Field, Item, read_field

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

# ASCII whitespace only: cron takes no other for a separator, and str.split() takes many.
_WORD = re.compile(r"[^ \t\r\n\f\v]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a spec without spaces, and where in the spec it begins."""

    text: str
    position: int


@dataclass(frozen=True, slots=True)
class CronFields:
    """The meaning of a cron spec, in sorted numbers; Sunday is 0.

    Attributes:
        items: What was written, in the order of ``FIELDS``.
        both_days: Whether a day must match day-of-month and day-of-week, because one of the two is
            unrestricted; otherwise one is enough. The rule of Vixie cron and of Revel.
        every_pass: Whether the minute or the hour begins with a star, so that the spec is about the
            clock's hands and not about fixed times of the day. Debian's cron asks the same.
    """

    items: tuple[tuple[Item, ...], ...]
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    both_days: bool
    every_pass: bool


def split_zone(spec: str) -> tuple[Word | None, list[Word]]:
    """Splits a spec into the name of its zone, where ``TZ=`` or ``CRON_TZ=`` gives one, and its other words.

    Raises:
        BadSpec: The spec is too long, is empty, or has an ``=`` elsewhere.
    """
    words = _words_of(spec)
    first = words[0]
    name, equals, value = first.text.partition("=")
    if not equals:
        return None, words
    if name not in ("TZ", "CRON_TZ"):
        raise BadSpec(
            f"{quote_text(first.text)}: a spec may begin with TZ=Zone or CRON_TZ=Zone,"
            " and has no '=' elsewhere; write the schedule alone",
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


def _words_of(spec: str) -> list[Word]:
    """Splits a spec at its spaces."""
    if len(spec) > LONGEST_SPEC:
        # Not shown: nobody reads a page of it, and whoever made it may have meant harm.
        raise BadSpec(f"a spec has at most {LONGEST_SPEC} characters; this one has {len(spec)}")
    # Zones and durations may have others ("5µs"), so those check their own words.
    words = [Word(found[0], found.start()) for found in _WORD.finditer(spec)]
    if not words:
        raise BadSpec(
            "a spec is empty; write six fields such as '0 */15 9-17 * * MON-FRI'", spec=spec, position=0
        )
    return words


def read_fields(spec: str, words: list[Word]) -> CronFields:
    """Reads the five or six fields of a spec, or a descriptor such as ``@daily``.

    Args:
        spec: The whole spec, for messages.
        words: Its words, without the zone.

    Raises:
        BadSpec: The fields are not such a spec.
    """
    first = words[0]
    if first.text.startswith("@"):
        # "@every" is not ours: schedules.py has taken it already.
        shown = first.text.lower()
        if shown not in DESCRIPTORS:
            from jobtui.schedules.diagnostics import refuse_descriptor  # noqa: PLC0415 - only a mistake needs it

            raise refuse_descriptor(spec, first.text, first.position, [*DESCRIPTORS, "@every"])
        if len(words) > 1:
            raise BadSpec(f"nothing can follow {shown}", spec=spec, position=words[1].position)
        words = [Word(text, first.position) for text in DESCRIPTORS[shown].split()]
    elif len(words) == 5:  # noqa: PLR2004 - a standard crontab line, minute first
        words = [Word("0", first.position), *words]
    elif len(words) != len(FIELDS):
        from jobtui.schedules.diagnostics import refuse_count  # noqa: PLC0415 - only a mistake needs it

        raise refuse_count(spec, [word.text for word in words], [word.position for word in words])
    items = tuple(
        tuple(read_field(spec, field, word.text, word.position))
        for field, word in zip(FIELDS, words, strict=True)
    )
    _second, minute, hour, day, _month, weekday = items
    seconds, minutes, hours, days, months, weekdays = _numbers(plain_fields(items))
    return CronFields(
        items=items,
        seconds=seconds,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        both_days=any(item.star for item in (*day, *weekday)),
        every_pass=minute[0].star or hour[0].star,
    )


def plain_fields(items: Iterable[Iterable[Item]]) -> list[str]:
    """Returns fields in the few forms that croniter reads as everybody does: numbers, ranges, stars."""
    return [_plain(field, list(each)) for field, each in zip(FIELDS, items, strict=True)]


def _plain(field: Field, items: list[Item]) -> str:
    if any(item.star and item.step == 1 for item in items):
        return "*"
    # croniter has the rule of the star for days only where the field begins with it.
    ordered = sorted(items, key=lambda item: not item.star)
    return ",".join(dict.fromkeys(_plain_item(field, item) for item in ordered))


def _plain_item(field: Field, item: Item) -> str:
    if item.star:
        # A step past the end is one value for us, but a phase to compute for croniter.
        return f"*/{min(item.step, field.high + 1)}"
    # croniter reads "5-5" as the whole field.
    if item.low + item.step > item.high:
        return str(item.low)
    return f"{item.low}-{item.high}" + (f"/{item.step}" if item.step > 1 else "")


# What croniter made of a plain field, by the field's place and text. Two specs seldom differ in all six.
_expanded: dict[tuple[int, str], tuple[int, ...]] = {}
_MOST_EXPANDED = 4096


def _numbers(plain: list[str]) -> list[tuple[int, ...]]:
    """Returns the numbers of fields that have been checked; croniter is asked only about new ones."""
    found = [_expanded.get(place) for place in enumerate(plain)]
    if None in found:
        from croniter import croniter  # noqa: PLC0415 - importing it takes as long as the rest of jobtui

        asked = ["*" if known else text for text, known in zip(plain, found, strict=True)]
        # croniter takes the seconds last.
        minute_first, _ = croniter.expand(" ".join([*asked[1:], asked[0]]))
        answers = [minute_first[-1], *minute_first[:-1]]
        if len(_expanded) > _MOST_EXPANDED:
            _expanded.clear()
        for place, (field, answer) in enumerate(zip(FIELDS, answers, strict=True)):
            if found[place] is None:
                numbers = range(field.low, field.high + 1) if "*" in answer else sorted(answer)
                found[place] = _expanded[place, plain[place]] = tuple(numbers)
    return [numbers for numbers in found if numbers is not None]
