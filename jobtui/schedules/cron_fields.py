"""One field of a cron spec: its name, its range, its words, and the items it is a list of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobtui.schedules.bad_spec import BadSpec, quote_text

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

_NUMBER = re.compile(r"[0-9]+")  # never \d, which takes the digits of every script


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a spec: ``low`` to ``high``, with names for the numbers where it has them."""

    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    is_day: bool = False

    @property
    def allowed(self) -> str:
        """What can be written in this field, for messages."""
        names = f" or {self.words[0]}-{self.words[-1]}" if self.words else ""
        sunday = "; Sunday is 0" if self.words == WEEKDAYS else ""
        return f"({self.low}-{self.high}{names}{sunday})"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a field's list: ``low``, ``low + step``, ... up to ``high``.

    Attributes:
        text: The item as it was written.
        low: The first number.
        high: The number that is not passed.
        step: At least 1.
        star: Whether the item begins with ``*`` or ``?``.
    """

    text: str
    low: int
    high: int
    step: int
    star: bool

    @property
    def to_the_end(self) -> bool:
        """Whether a step was written without saying where it ends: ``*/n`` or ``a/n``."""
        return "/" in self.text and "-" not in self.text


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day-of-month", 1, 31, is_day=True),
    Field("month", 1, 12, words=MONTHS),
    Field("day-of-week", 0, 6, words=WEEKDAYS, is_day=True),
)
ORDER = " ".join(field.name for field in FIELDS)


def read_field(spec: str, field: Field, text: str, position: int) -> list[Item]:
    """Reads the items of one field.

    Args:
        spec: The whole spec, for messages.
        field: Which field it is.
        text: What is written in it.
        position: Where in the spec ``text`` begins.

    Raises:
        BadSpec: An item is not in the grammar; the message says what to write instead.
    """
    items = []
    for part in text.split(","):
        items.append(_read_item(_Fault(spec, field, part, position)))
        position += len(part) + 1
    return items


@dataclass(frozen=True, slots=True)
class _Fault:
    """An item under reading: makes the error for it, or for a part of it."""

    spec: str
    field: Field
    item: str
    position: int

    def error(self, sentence: str, offset: int = 0) -> BadSpec:
        return BadSpec(
            f"{self.field.name}: {sentence}",
            spec=self.spec,
            field=self.field.name,
            position=self.position + offset,
        )


def _read_item(fault: _Fault) -> Item:
    item, field = fault.item, fault.field
    if not item:
        raise fault.error("an empty list item; a comma stands between two items only")
    base, slash, step_text = item.partition("/")
    step = _read_step(fault, step_text, len(base) + 1) if slash else 1
    if base == "*" or (base == "?" and field.is_day):
        return Item(item, field.low, field.high, step, star=True)
    low_text, dash, high_text = base.partition("-")
    low = _read_value(fault, low_text, 0)
    high = field.high if slash else low
    if dash:
        high = _read_value(fault, high_text, len(low_text) + 1)
    if low > high:
        raise fault.error(_unwrapped(field, low, high, step, low_text.isalpha()), len(low_text))
    return Item(item, low, high, step, star=False)


def _read_step(fault: _Fault, text: str, offset: int) -> int:
    if not _NUMBER.fullmatch(text):
        if not text:
            raise fault.error("a step is missing after '/'; write a number, such as */15", offset - 1)
        raise fault.error(f"{quote_text(text)} is not a step; write a number from 1, such as */15", offset)
    if int(text) == 0:
        raise fault.error("a step of 0 never moves; write a number from 1", offset)
    return int(text)


def _read_value(fault: _Fault, text: str, offset: int) -> int:
    field = fault.field
    if _NUMBER.fullmatch(text):
        value = int(text)
        if value > field.high:
            raise fault.error(f"{quote_text(text)} is above {field.high} {field.allowed}", offset)
        if value < field.low:
            raise fault.error(f"{quote_text(text)} is below {field.low} {field.allowed}", offset)
        return value
    if text.isascii() and text.upper() in field.words:
        return field.words.index(text.upper()) + field.low
    from jobtui.schedules.diagnostics import why_no_value  # noqa: PLC0415 - only a mistake needs it

    raise fault.error(why_no_value(field, fault.item, text), offset)


def _unwrapped(field: Field, low: int, high: int, step: int, named: bool) -> str:
    """Says that a range runs backwards, and what has the meaning its author may have had."""
    name = (lambda value: field.words[value - field.low]) if named else str
    if step > 1:
        span = field.high - field.low + 1
        values = range(low, high + span + 1, step)
        instead = ",".join(name((value - field.low) % span + field.low) for value in values)
    else:
        parts = ((low, field.high), (field.low, high))
        instead = ",".join(
            name(start) if start == end else f"{name(start)}-{name(end)}" for start, end in parts
        )
    return f"the range {name(low)}-{name(high)} runs backwards; write {instead}"
