"""The help: every key that works on the screen below it, and every sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from jobtui.frontend.sign_help import SIGNS
from jobtui.tui.key_list import KeyGroup
from jobtui.tui.widgets.key_footer import KeyFooter
from jobtui.tui.widgets.literal_text import literal_title

_COLUMN_WIDTH = 54  # cells, at least
_GAP = 2  # cells between two columns
_LABEL_WIDTH = 13  # cells, but at most a third of a column; longer labels get a line of their own
_LEAST_ROOM = 10  # cells
_HEADING = "bold underline"

Entry = tuple[str, str]  # a key or a sign, and what it means


class HelpFilter(Input):
    """The field for the words that the shown lines contain."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.clear_search", "Clear it", id="help_search.clear"),
        Binding("enter,down", "screen.focus_list", "To the list", id="help_search.keep"),
    ]


class HelpScreen(ModalScreen[None]):
    """Shows the keys and the signs in as many columns as there is room for.

    Args:
        groups: The keys of the screen for which the help is asked.
        keys_file: The file in which the user sets other keys; None if there is no folder for it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close", key_display="esc", id="help.close"),
        Binding("slash", "search", "Search", key_display="/", id="help.search"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="help.up"),
        Binding("pagedown,space", "scroll_page(1)", "Page down", show=False, id="help.page_down"),
        Binding("pageup", "scroll_page(-1)", "Page up", show=False, id="help.page_up"),
    ]

    def __init__(self, groups: Sequence[KeyGroup], keys_file: Path | None) -> None:
        super().__init__()
        file = str(keys_file).replace(str(Path.home()), "~", 1)
        self._title = "Help" if keys_file is None else f"Help, keys of your own: {file}"
        self._sections: list[tuple[str, list[Entry]]] = [
            *((group.title, [(each.labels, each.text) for each in group.entries]) for group in groups),
            *((title, list(signs)) for title, signs in SIGNS.items()),
        ]
        self._search = HelpFilter(placeholder="search keys and signs", id="help-search", compact=True)
        self._list = Static(id="help-list")
        self._box = VerticalScroll(self._list, can_focus=True)

    def compose(self) -> ComposeResult:
        """Compose the search field and the list."""
        with Vertical(classes="dialog large") as box:
            box.border_title = literal_title(self._title)
            yield self._search
            yield self._box
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show everything, with the search hidden."""
        self._search.display = False
        self.set_focus(self._box)

    def on_resize(self, event: events.Resize) -> None:
        """Choose the number of columns."""
        self._show(event.size.width)

    def _show(self, width: int) -> None:
        words = self._search.value.casefold().split()
        room = max(_LEAST_ROOM, width - 5)  # without the border, its padding and the scrollbar
        columns = max(1, (room + _GAP) // (_COLUMN_WIDTH + _GAP))
        sections = [
            (title, kept)
            for title, entries in self._sections
            if (kept := [each for each in entries if _has_all(each, words)])
        ]
        self._list.update(_in_columns(sections, columns, room) if sections else Text("nothing found"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Disable the keys of the list while the user types."""
        return self.focused is not self._search or action in ("clear_search", "focus_list")

    @on(Input.Changed)
    def _search_again(self) -> None:
        self._show(self.size.width)

    def action_search(self) -> None:
        """Show the search field and focus it."""
        self._search.display = True
        self.set_focus(self._search)

    def action_clear_search(self) -> None:
        """Show everything again."""
        self._search.value = ""
        self._search.display = False
        self.set_focus(self._box)

    def action_focus_list(self) -> None:
        """Return to the list, and keep the search."""
        self.set_focus(self._box)

    def action_scroll(self, by: int) -> None:
        """Scroll by a number of lines."""
        self._box.scroll_relative(y=by, animate=False, immediate=True)

    def action_scroll_page(self, by: int) -> None:
        """Scroll by a number of pages."""
        self.action_scroll(by * max(1, self._box.size.height - 1))


def _has_all(entry: Entry, words: Sequence[str]) -> bool:
    text = " ".join(entry).casefold()
    return all(word in text for word in words)


def _in_columns(sections: Sequence[tuple[str, Sequence[Entry]]], columns: int, width: int) -> Table:
    """Return the sections in columns of about the same height; a section may go on in the next column."""
    column_width = (width - _GAP * (columns - 1)) // columns
    lines = [line for title, entries in sections for line in _lines_of(title, entries, column_width)]
    height = -(-len(lines) // columns)
    table = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    cells = []
    for column in range(columns):
        table.add_column(width=column_width, no_wrap=True)
        end = len(lines) if column == columns - 1 else height
        while lines[end - 1 : end] and lines[end - 1].style == _HEADING and end < len(lines):
            end -= 1  # a heading stands above the lines of its section
        cells.append(Text("\n").join(lines[:end]))
        lines = lines[end:]
    table.add_row(*cells)
    return table


def _lines_of(title: str, entries: Sequence[Entry], width: int) -> Iterator[Text]:
    yield Text(title, _HEADING)
    label_width = min(max(cell_len(label) for label, _ in entries), _LABEL_WIDTH, width // 3)
    for label, text in entries:
        head = f"{label:>{label_width}}"
        if cell_len(label) > label_width:
            yield Text(label, "bold")
            head = " " * label_width
        first, *others = _wrap(text, width - label_width - 2)
        yield Text.assemble((head, "bold"), f"  {first}")
        for each in others:
            yield Text(" " * (label_width + 2) + each)
    yield Text()


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and cell_len(f"{lines[-1]} {word}") > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
