"""Text that widgets show literally, without markup: a grid of names and values, and titles of borders."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from jobtui.process.printable import JOINER, printable, printable_lines

_TEXT_STYLE = "\ufe0e"
_EMOJI_STYLE = "\ufe0f"
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_DROPPED = str.maketrans("", "", f"{JOINER}{_TEXT_STYLE}{_EMOJI_STYLE}{_SKIN_TONES}")


def cell_text(text: str) -> str:
    """Return a printable text that is as wide in every terminal as Textual takes it to be.

    Terminals disagree about the width of emoji that joiners combine, so they stay apart. They also disagree
    about skin tones and variation selectors, which change the look of the character before: they are dropped.
    """
    return printable(text).translate(_DROPPED)


def cell_width(text: str) -> int:
    """Return how many cells a text takes as `cell_text` shows it."""
    if text.isascii() and text.isprintable():  # most names, and there may be thousands of them
        return len(text)
    return cell_len(cell_text(text))


def cell_lines(text: str) -> str:
    """Return a text as `cell_text` does, but with its lines kept, and without white space at the end."""
    return printable_lines(text).translate(_DROPPED)


def key_value_grid(rows: Iterable[tuple[str, str]]) -> Table:
    """Return a grid with one line for each name and value; long values wrap, empty ones are left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(Text(name, style="dim"), Text(value))
    return grid


def literal_title(text: str) -> str:
    """Return a text that Textual shows literally as the title of a border, which it parses as markup."""
    return cell_text(text).replace("[", r"\[")
