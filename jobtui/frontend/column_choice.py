"""The user's choice of columns: which are shown, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from jobtui.schedules.bad_spec import closest_matches, quote_text


def describe_unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return that a name is not known, with the nearest one: `unknown column 'nme'; did you mean name?`."""
    nearest = closest_matches(name, list(known))
    return f"unknown {kind} {quote_text(name)}" + (f"; did you mean {nearest[0]}?" if nearest else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSet:
    """The columns that a table may have, by their names.

    Attributes:
        known: All of them, in their usual order.
        default: Those that are shown if the user chooses none.
        always: Those that cannot be hidden, because a row means nothing without them.
    """

    known: tuple[str, ...]
    default: tuple[str, ...]
    always: tuple[str, ...]

    def complete(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the known ones of some columns, each once, after those that are missing but always shown."""
        chosen = [name for name in dict.fromkeys(names) if name in self.known]
        return (*(name for name in self.always if name not in chosen), *chosen)

    def choice_of(self, shown: Iterable[str]) -> ColumnChoice:
        """Return the choice with these columns; the hidden ones come after them."""
        names = self.complete(shown)
        hidden = (name for name in self.known if name not in names)
        return ColumnChoice((*names, *hidden), frozenset(names), self)


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """A choice that the user is about to make.

    Attributes:
        order: Every column.
        chosen: Those that are shown.
        columns: The set to choose from.
    """

    order: tuple[str, ...]
    chosen: frozenset[str]
    columns: ColumnSet

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that are shown, in order."""
        return tuple(name for name in self.order if name in self.chosen)

    def toggle(self, name: str) -> ColumnChoice:
        """Return the choice that shows a column if this one hides it, and the other way round."""
        return self if name in self.columns.always else replace(self, chosen=self.chosen ^ {name})

    def move(self, name: str, by: int) -> ColumnChoice:
        """Return the choice with a column further down by `by` places, as far as there are some."""
        order = list(self.order)
        at = order.index(name)
        order.insert(max(0, min(len(order) - 1, at + by)), order.pop(at))
        return replace(self, order=tuple(order))
