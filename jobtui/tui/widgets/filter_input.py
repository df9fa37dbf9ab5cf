"""The field in which the user types the words of a filter."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class FilterInput(Input):
    """The field for the words of the filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep the filter", id="filter.keep"),
        Binding("escape", "screen.clear_filter", "Clear it", id="filter.clear"),
    ]
