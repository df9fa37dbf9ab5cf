"""What to write instead of the things other crons know and this one refuses.

Loaded only when a spec is refused.
"""

from __future__ import annotations

import re
import unicodedata

from jobtui.core.errors import BadSpec, nearest, quoted
from jobtui.core.fields import FIELDS, MONTHS, WEEKDAYS, Field

_ORDER = "second minute hour day-of-month month day-of-week"


def refuse_descriptor(spec: str, text: str, position: int, known: list[str]) -> BadSpec:
    """Returns the error for a word such as ``@dayly``."""
    if text.lower() == "@reboot":
        sentence = "@reboot is not a schedule; register the function with @jobtui.on_app_start"
    else:
        near = nearest(text, known)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        sentence = f"unknown descriptor {quoted(text)}; {hint}"
    return BadSpec(sentence, spec=spec, position=position)


def refuse_count(spec: str, words: list[str], positions: list[int]) -> BadSpec:
    """Returns the error for a spec that has neither five nor six fields."""
    count, extra = len(words), len(FIELDS)
    if count == 1 and words[0].lower().startswith("cron."):
        sentence = f"{quoted(words[0])} is the name of a setting; here the spec itself is wanted"
    elif count == extra + 1:
        return BadSpec(
            f"a seventh field, which would be the year, is not supported; the fields are: {_ORDER}",
            spec=spec,
            field="year",
            position=positions[extra],
        )
    elif count > extra:
        sentence = f"{count} fields are too many; write six: {_ORDER}"
        return BadSpec(sentence, spec=spec, position=positions[extra])
    else:
        fields = "1 field is" if count == 1 else f"{count} fields are"
        sentence = f"{fields} too few; write six: {_ORDER}; or five, without the second"
    return BadSpec(sentence, spec=spec, position=positions[0])


def why_no_value(field: Field, item: str, text: str) -> str:
    """Returns why ``text``, a part of ``item``, is no value of the field, and what is."""
    odd = next((character for character in item if not character.isascii()), None)
    if odd is not None:
        if odd.isdecimal():
            return f"{quoted(odd)} is a digit of another script; write 0-9"
        name = unicodedata.name(odd, "an unnamed character")
        return f"{quoted(odd)} ({name}) cannot stand in a spec; write plain ASCII"
    if not text:
        return _missing(item)
    upper = item.upper()
    return (
        _other_dialect(field, upper)
        or _other_field(field, text.upper())
        or _punctuation(field, item, text)
        or _near_word(field, text)
    )


def _missing(item: str) -> str:
    if item.startswith("/"):
        return f"a value is missing before '/'; write *{item}"
    if item.startswith("-"):
        return f"{quoted(item)}: signs are not allowed; '-' stands between the two ends of a range"
    return f"{quoted(item)}: a range has two ends; write a-b"


def _other_dialect(field: Field, item: str) -> str | None:
    """Says that something means a thing in Quartz, Jenkins, OpenBSD's cron or croniter, but not here."""
    if re.fullmatch(r"H(\(.*\))?(/.*)?", item):
        return "H (Jenkins: a minute chosen by hash) is not supported; write a number"
    if re.fullmatch(r"R(\(.*\))?(/.*)?", item) or "~" in item:
        return "random values (R, ~) are not supported; write a number"
    if "#" in item:
        return f"{quoted(item)}: '#' (the n-th weekday) is not supported; let the job look at the date itself"
    if field.is_day and re.fullmatch(r"([0-9]*W|LW|WL|W[0-9]*)", item):
        return f"{quoted(item)}: W (the nearest weekday) is not supported; write MON-FRI in day-of-week"
    if field.is_day and re.fullmatch(r"L|L-[0-9]+|L[0-9]+|[0-9]+L|[A-Z]{3}L", item):
        last = "28-31 in day-of-month and let the job look whether tomorrow is the 1st"
        if field.words:
            last = "the day alone and let the job look whether it is the month's last"
        return f"{quoted(item)}: L (the last) is not supported; write {last}"
    return None


def _other_field(field: Field, word: str) -> str | None:
    for other, words in (("month", MONTHS), ("day-of-week", WEEKDAYS)):
        if word in words and field.name != other:
            return f"{quoted(word)} belongs in the {other} field; the fields are: {_ORDER}"
    return None


def _punctuation(field: Field, item: str, text: str) -> str | None:
    if item.startswith("+") or text.startswith("+"):
        return f"{quoted(item)}: signs are not allowed"
    if text == "?" and not field.is_day:
        return "'?' can stand in day-of-month and day-of-week only; write *"
    if text.startswith("-") or "-" in text:
        return f"{quoted(item)}: a range has two ends; write a-b"
    if text[0] in "*?":
        return f"{quoted(item)}: nothing but a step can follow {text[0]}; write {text[0]} or {text[0]}/n"
    if "." in text:
        return f"{quoted(text)} is not a whole number {field.allowed}"
    return None


def _near_word(field: Field, text: str) -> str:
    full = next((word for word in field.words if text.upper().startswith(word)), None)
    near = full or next(iter(nearest(text, list(field.words))), None)
    hint = f"; write {near}" if near else ""
    return f"{quoted(text)} is not a value {field.allowed}{hint}"
