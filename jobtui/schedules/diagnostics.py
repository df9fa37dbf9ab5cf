"""Better messages for rejected specs: what is wrong, and what to write instead.

The grammar raises errors with the bare facts; `explain` makes the message for the user. This module is
imported only after a spec has been rejected.
"""

from __future__ import annotations

import re

from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text
from jobtui.schedules.cron import DESCRIPTORS, FieldCountError, UnknownDescriptorError, Word, split_zone
from jobtui.schedules.cron_fields import FIELDS, MONTHS, ORDER, WEEKDAYS, Field, InvalidValueError
from jobtui.schedules.foreign_specs import TYPOGRAPHY, YEAR, odd_character, with_suggestion


def explain(bad: BadSpec) -> BadSpec:
    """Return the error to raise for a rejected spec, with the best message that is known.

    The result is ``bad`` itself if there is nothing to add.
    """
    spec = bad.spec or ""
    if isinstance(bad, InvalidValueError):
        reason = _invalid_value_reason(bad.faulty_field, bad.item, bad.text)
        bad = BadSpec(f"{bad.field}: {reason}", spec=spec, field=bad.field, position=bad.position)
    elif isinstance(bad, UnknownDescriptorError):
        bad = _explain_descriptor(spec, split_zone(spec)[1][0])
    elif isinstance(bad, FieldCountError):
        bad = _explain_count(spec, split_zone(spec)[1])
    return with_suggestion(bad)


def _explain_descriptor(spec: str, word: Word) -> BadSpec:
    if word.text.lower() == "@reboot":
        sentence = (
            '@reboot has no ticks; schedule("@reboot", function) runs a job when the scheduler starts, and '
            "on_start=True one with another spec, too"
        )
    else:
        known = [*DESCRIPTORS, "@every"]
        near = closest_matches(word.text, known)
        hint = f"did you mean {near[0]}?" if near else f"the descriptors are {', '.join(known)}"
        sentence = f"unknown descriptor {quote_text(word.text)}; {hint}"
    return BadSpec(sentence, spec=spec, position=word.position)


def _explain_count(spec: str, words: list[Word]) -> BadSpec:
    count, extra, field = len(words), len(FIELDS), None
    if count == 1 and words[0].text.lower().startswith("cron."):
        sentence = f"{quote_text(words[0].text)} is the name of a setting; write the spec itself"
    elif count == extra + 1 and YEAR.fullmatch(words[extra].text):
        check = "" if words[extra].text in "*?" else ", so check the year in the job"
        sentence = f"a seventh field, the year, is not supported{check}; write six: {ORDER}"
        field = "year"
    elif count > extra:
        sentence = f"{count} fields are too many; write six: {ORDER}"
    else:
        fields = "1 field is" if count == 1 else f"{count} fields are"
        sentence = f"{fields} too few; write six: {ORDER}; or five, without the second"
    position = words[extra if count > extra else 0].position
    return BadSpec(sentence, spec=spec, field=field, position=position)


def _invalid_value_reason(field: Field, item: str, text: str) -> str:
    """Return why ``text``, a part of ``item``, is not a value of the field, and which values are."""
    odd = next((character for character in item if not character.isascii()), None)
    if odd is not None:
        if odd.isdecimal():
            return f"{quote_text(odd)} is a digit of another script; write 0-9"
        plain = {" ": "a space", "-": "-", "*": "*"}.get(odd.translate(TYPOGRAPHY), "plain ASCII")
        return f"{odd_character(odd)}; write {plain}"
    if not text:
        return _missing_value(item)
    upper = item.upper()
    return (
        _other_dialect(field, upper)
        or _other_field(field, text.upper())
        or _wrong_punctuation(field, item, text)
        or _unknown_name(field, item, text)
    )


def _missing_value(item: str) -> str:
    if item.startswith("/"):
        return f"a value is missing before '/'; write *{item}"
    if item.startswith("-"):
        return f"{quote_text(item)}: signs are not allowed; write '-' only between the two ends of a range"
    return f"{quote_text(item)}: a range has two ends; write a-b"


def _other_dialect(field: Field, item: str) -> str | None:
    """Explain notation that Quartz, Jenkins, OpenBSD's cron or croniter supports."""
    number = f"a number ({field.low}-{field.high})"
    if found := re.fullmatch(r"H(?:\(([0-9]+-[0-9]+)\))?(/[0-9]+)?", item):
        span, step = found.groups()
        instead = (span or "*") + step if step else f"a number ({span})" if span else number
        return f"H (Jenkins: a value chosen by hash) is not supported; write {instead}"
    if re.fullmatch(r"R(\(.*\))?(/.*)?", item) or "~" in item:
        return f"random values (R, ~) are not supported; write {number}"
    return _day_letter(field, item) if field.is_day else None


def _day_letter(field: Field, item: str) -> str | None:
    """Explain L, W and #: which days to write, and what the job must check on them."""
    if found := re.fullmatch(r"([0-7]|[A-Z]{3})#([1-5])", item):
        last = int(found[2]) * 7
        check = f"the date is {last - 6}-{min(last, 31)}"
        return _day_letter_message(item, "'#' (the n-th weekday)", _day_alone(found[1]), check)
    if found := re.fullmatch(r"L?W|WL|([0-9]{1,2})W|W([0-9]{1,2})", item):
        day = int(found[1] or found[2] or 31)
        # W stays within the month: the 1st may become the 3rd, and the last day the one two days before.
        low, high = (day - 1, day + 1) if 1 < day < 28 else (1, 3) if day == 1 else (26, 31)  # noqa: PLR2004
        check = (
            f"it is the weekday nearest to day {day}"
            if item.strip("LW")
            else "it is the month's last weekday"
        )
        return _day_letter_message(item, "W (the nearest weekday)", f"{low}-{high} in day-of-month", check)
    if found := re.fullmatch(r"([0-7]|[A-Z]{3})L|L(?:-([0-9]|1[0-9]|2[0-7]))?|[0-9]+L|L[0-9]+", item):
        before = int(found[2] or 0)
        if field.value_names:
            days, check = _day_alone(found[1] or "SAT"), "it is the month's last"
        else:
            days = f"{28 - before}-{31 - before} in day-of-month"
            check = f"the 1st is {before + 1} days ahead" if before else "tomorrow is the 1st"
        return _day_letter_message(item, "L (the last)", days, check)
    return None


def _day_letter_message(item: str, notation: str, days: str, check: str) -> str:
    return f"{quote_text(item)}: {notation} is not supported; write {days}, and check in the job that {check}"


def _day_alone(day: str) -> str:
    """Return how to write a weekday. The meaning of its number depends on the spec's origin."""
    if not day.isdecimal():
        return "only the day"
    quartz, others = WEEKDAYS[(int(day) + 6) % 7], WEEKDAYS[int(day) % 7]
    return f"the day's name ({day} is {quartz} in Quartz, {others} elsewhere)"


def _other_field(field: Field, word: str) -> str | None:
    for other, names in (("month", MONTHS), ("day-of-week", WEEKDAYS)):
        if word in names and field.name != other:
            return f"{quote_text(word)} belongs in the {other} field; the fields are: {ORDER}"
    return None


def _wrong_punctuation(field: Field, item: str, text: str) -> str | None:
    if item.startswith("+") or text.startswith("+"):
        return f"{quote_text(item)}: signs are not allowed; write only the number"
    if text == "?" and not field.is_day:
        return "'?' is allowed only in day-of-month and day-of-week; write *"
    if text.startswith("-") or "-" in text:
        return f"{quote_text(item)}: a range has two ends; write a-b"
    if text[0] in "*?":
        return f"{quote_text(item)}: only a step may follow {text[0]}; write {text[0]} or {text[0]}/n"
    if "." in text:
        return f"{quote_text(text)} is not a whole number {field.allowed}"
    return None


def _unknown_name(field: Field, item: str, text: str) -> str:
    def nearest(word: str) -> str | None:
        full = next((known for known in field.value_names if word.upper().startswith(known)), None)
        return full or next(iter(closest_matches(word, list(field.value_names))), None)

    instead = nearest(text)
    is_range = re.fullmatch(r"[A-Za-z]+-[A-Za-z]+(/[0-9]+)?", item)
    if is_range and all(map(nearest, re.findall("[A-Za-z]+", item))):
        # Both ends of a range are usually misspelled in the same way.
        instead = re.sub("[A-Za-z]+", lambda word: nearest(word[0]) or "", item)
    hint = f"; write {instead}" if instead else ""
    return f"{quote_text(text)} is not a value {field.allowed}{hint}"
