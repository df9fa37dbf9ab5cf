"""Names and values, one a line, as the screens about one thing show them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text


def fields(rows: Iterable[tuple[str, str]]) -> Table:
    """A grid of names and values; a long value goes on below itself, an empty one is left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(Text(name, style="dim"), Text(value))
    return grid
