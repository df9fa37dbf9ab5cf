"""The grammar of one field of a cron spec: its range, the names of its values, and the items of its list."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobtui.schedules.bad_spec import BadSpec, quote_text

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

_NUMBER = re.compile(r"[0-9]+")  # not \d, which matches the digits of every script


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a spec, for values from ``low`` to ``high``; ``value_names`` has their names, if any."""

    name: str
    low: int
    high: int
    value_names: tuple[str, ...] = ()
    is_day: bool = False

    @property
    def allowed(self) -> str:
        """The values that are allowed in this field, for messages."""
        names = f" or {self.value_names[0]}-{self.value_names[-1]}" if self.value_names else ""
        sunday = "; Sunday is 0" if self.value_names == WEEKDAYS else ""
        return f"({self.low}-{self.high}{names}{sunday})"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a field's list: ``low``, ``low + step``, ... up to ``high``."""

    text: str  # the item as it was written
    low: int  # the first number
    high: int  # the upper limit; the last number may be lower
    step: int  # at least 1
    is_star: bool  # whether the item begins with ``*`` or ``?``

    @property
    def is_open_ended(self) -> bool:
        """Whether the item has a step but no end: ``*/n`` or ``a/n``."""
        return "/" in self.text and "-" not in self.text


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day-of-month", 1, 31, is_day=True),
    Field("month", 1, 12, value_names=MONTHS),
    Field("day-of-week", 0, 6, value_names=WEEKDAYS, is_day=True),
)
ORDER = " ".join(field.name for field in FIELDS)


class InvalidValueError(BadSpec):
    """``text``, a part of ``item``, is not a value of the field. `diagnostics.explain` says why."""

    def __init__(
        self, sentence: str, *, spec: str, position: int, field: Field, item: str, text: str
    ) -> None:
        super().__init__(sentence, spec=spec, field=field.name, position=position)
        self.faulty_field = field
        self.item = item
        self.text = text


def parse_field(spec: str, field: Field, text: str, position: int) -> list[Item]:
    """Parse the items of one field, whose ``text`` begins at ``position`` of the spec.

    Raises:
        BadSpec: An item does not follow the grammar.
    """
    items = []
    for part in text.split(","):
        items.append(_ItemParser(spec, field, part, position).parse())
        position += len(part) + 1
    return items


@dataclass(frozen=True, slots=True)
class _ItemParser:
    """Parses the item at ``position`` of a spec. Offsets, which errors report, are counted from there."""

    spec: str
    field: Field
    item: str
    position: int

    def parse(self) -> Item:
        item, field = self.item, self.field
        if not item:
            raise self._error("empty list item; write a comma only between two items")
        base, slash, step_text = item.partition("/")
        step = self._parse_step(step_text, len(base) + 1) if slash else 1
        if base == "*" or (base == "?" and field.is_day):
            return Item(item, field.low, field.high, step, is_star=True)
        low_text, dash, high_text = base.partition("-")
        low = self._parse_value(low_text, 0)
        high = field.high if slash else low
        if dash:
            high = self._parse_value(high_text, len(low_text) + 1)
        if low > high:
            message = _backwards_range_message(field, low, high, step, by_name=low_text.isalpha())
            raise self._error(message, len(low_text))
        return Item(item, low, high, step, is_star=False)

    def _parse_step(self, text: str, offset: int) -> int:
        if not _NUMBER.fullmatch(text):
            if not text:
                raise self._error("a step is missing after '/'; write a number, such as */15", offset - 1)
            raise self._error(
                f"{quote_text(text)} is not a step; write a number from 1, such as */15", offset
            )
        if int(text) == 0:
            raise self._error("a step of 0 is not allowed; write a number from 1", offset)
        return int(text)

    def _parse_value(self, text: str, offset: int) -> int:
        field = self.field
        if _NUMBER.fullmatch(text):
            value = int(text)
            if value > field.high:
                raise self._error(f"{quote_text(text)} is above {field.high} {field.allowed}", offset)
            if value < field.low:
                raise self._error(f"{quote_text(text)} is below {field.low} {field.allowed}", offset)
            return value
        if text.isascii() and text.upper() in field.value_names:
            return field.value_names.index(text.upper()) + field.low
        raise InvalidValueError(
            f"{field.name}: {quote_text(text)} is not a value {field.allowed}",
            spec=self.spec,
            position=self.position + offset,
            field=field,
            item=self.item,
            text=text,
        )

    def _error(self, sentence: str, offset: int = 0) -> BadSpec:
        return BadSpec(
            f"{self.field.name}: {sentence}",
            spec=self.spec,
            field=self.field.name,
            position=self.position + offset,
        )


def _backwards_range_message(field: Field, low: int, high: int, step: int, *, by_name: bool) -> str:
    """Return the message for a range such as FRI-MON, with the items to write if it was meant to wrap."""
    name = (lambda value: field.value_names[value - field.low]) if by_name else str
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
