"""Durations in other notations, ``5 seconds``, ``PT5M`` or ``0:05:00``, in the notation that jobtui reads."""

from __future__ import annotations

import re


def value_by_word(table: dict[str, str]) -> dict[str, str]:
    """Return a dict from each word to its value; the table has the words of each value in one string."""
    return {word: value for value, words in table.items() for word in words.split()}


_UNITS = value_by_word(
    {"ms": "ms millisecond msec", "us": "us microsecond", "s": "s sec second", "m": "m min minute"}
    | {"h": "h hr hour", "24h": "d day", "168h": "w wk week"}
)
_CLOCK = re.compile(r"([0-9]+):([0-5][0-9]):([0-5][0-9])")
_ISO = re.compile(
    r"P(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9.]+)S)?)?", re.IGNORECASE
)
_WORDS = re.compile(r"[a-z]+|[0-9]+(?:\.[0-9]+)?")


def translate_duration(text: str) -> str | None:
    """Return a duration in jobtui's notation; None if the text is in none of the known notations."""
    clock, iso = _CLOCK.fullmatch(text.strip()), _ISO.fullmatch(text.strip())
    if clock or iso:
        numbers = iso.groups() if iso else ("", "", *(clock.groups() if clock else ()))
        given = zip(numbers, ("w", "d", "h", "m", "s"), strict=True)
        words = " ".join(f"{float(number):g} {unit}" for number, unit in given if number and float(number))
    elif re.search(r"[^\w\s.,]", text):
        return None
    else:
        words = " ".join(_WORDS.findall(text.lower().replace(",", ".")))
        words = re.sub(r"^(?:an?|one) ", "1 ", re.sub(r"^(?:every|each|in) ", "", words))
        if words in _UNITS:
            words = f"1 {words}"
    return translate_words(words)


def translate_words(words: str) -> str | None:
    """Return "1 hour and 30 minutes" as "1h30m"; None for other words."""
    if not re.fullmatch(r"(?:[0-9]+(?:\.[0-9]+)? [a-z]+(?: and)?(?: |$))+", words):
        return None
    parts = []
    for number, word in re.findall(r"([0-9.]+) ([a-z]+)", words):
        unit = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
        if unit is None:
            return None
        hours = int(unit[:-1]) if unit[0].isdecimal() else 0
        parts.append(f"{float(number) * hours:g}h" if hours else number + unit)
    return "".join(parts)
