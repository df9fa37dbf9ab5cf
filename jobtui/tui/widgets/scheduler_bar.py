"""The first row of a dashboard that shows several schedulers: a tab for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from jobtui.frontend.scheduler_tabs import TabLabel, TabRow
from jobtui.tui.widgets.literal_text import cell_text, cell_width
from jobtui.tui.widgets.tones import ToneStyles

Piece = tuple[str, str]  # a text and its tone
_SHORT_NAME = 12  # cells; so much is left of a name before the words beside the marks go
_SHORTEST_NAME = 4  # cells; a shorter one says nothing


class SchedulerBar(Widget):
    """A tab for each scheduler, with its number, its name and its mark. A click on a tab selects it."""

    @dataclass
    class Selected(Message):
        """The user clicked a tab."""

        place: int

    def __init__(self) -> None:
        super().__init__(id="schedulers")
        self._row = TabRow()
        self._toned = ToneStyles(self)

    def on_mount(self) -> None:
        """Follow the tabs of the app."""
        self.watch(self.app, "tab_row", self._show)

    def _show(self, row: TabRow) -> None:
        self._row = row
        self.refresh()

    def render(self) -> Text:
        """Return the line of tabs."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for pieces in fit_tabs(self._row, self.size.width):
            for text, tone in pieces:
                line.append(text, self._toned(tone))
        return line

    def on_click(self, event: events.Click) -> None:
        """Select the tab that was clicked."""
        right = 0
        for place, pieces in enumerate(fit_tabs(self._row, self.size.width)):
            right += _width([pieces])
            if event.x < right:
                self.post_message(self.Selected(place))
                return


def fit_tabs(row: TabRow, width: int) -> list[list[Piece]]:
    """Return the pieces of each tab, so that all tabs fit into a width if that is possible.

    First long names become shorter, those of the tabs that are not shown before that of the shown one. Then
    the words beside the marks are left out, and at last the names of the others.
    """
    longest = max((cell_width(tab.name) for tab in row.tabs), default=0)
    short = min(longest, _SHORT_NAME)
    forms = [  # the most cells for the name of the shown tab and for those of the others, and whether words
        *((longest, cells, True) for cells in range(longest, short, -1)),
        *((cells, short, True) for cells in range(longest, short - 1, -1)),
        *((short, cells, False) for cells in range(short, _SHORTEST_NAME - 1, -1)),
        *((cells, 0, False) for cells in range(longest, _SHORTEST_NAME - 1, -1)),
    ]
    tabs: list[list[Piece]] = []
    for of_shown, of_others, has_words in forms:
        tabs = [
            _shown_tab(place, tab, of_shown, has_words)
            if place == row.shown
            else _other_tab(place, tab, of_others, has_words)
            for place, tab in enumerate(row.tabs)
        ]
        if _width(tabs) <= width:
            break
    return tabs


def _shown_tab(place: int, tab: TabLabel, cells: int, has_words: bool) -> list[Piece]:
    return [(f" [{place + 1} {_name(tab, cells)}", "current"), *_mark(tab, has_words), ("] ", "current")]


def _other_tab(place: int, tab: TabLabel, cells: int, has_words: bool) -> list[Piece]:
    if not cells:
        return [(f" {place + 1}", "muted"), *([] if tab.mark is None else [(tab.mark.sign, tab.mark.tone)])]
    return [(f"  {place + 1} {_name(tab, cells)}", "muted"), *_mark(tab, has_words), ("  ", "muted")]


def _name(tab: TabLabel, cells: int) -> str:
    name = cell_text(tab.name)
    return name if cell_len(name) <= cells else f"{set_cell_size(name, cells - 1)}…"


def _mark(tab: TabLabel, has_words: bool) -> list[Piece]:
    if tab.mark is None:
        return []
    return [(f" {tab.mark.sign}" + (f" {tab.mark.word}" if has_words else ""), tab.mark.tone)]


def _width(tabs: Sequence[Sequence[Piece]]) -> int:
    return sum(cell_len(text) for pieces in tabs for text, _ in pieces)
