"""The dialog in which the user chooses the columns of the jobs and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from jobtui.engine.views import JobView
from jobtui.frontend.column_choice import ColumnChoice
from jobtui.tui.widgets.key_footer import KeyFooter, adapt_bindings
from jobtui.tui.widgets.line_table import Cell, Column, LineTable

_NO_TIME = datetime.min.replace(tzinfo=UTC)  # no cell of this table depends on the time


@dataclass(frozen=True, slots=True)
class _Row:
    """One column to choose, as it is now.

    Attributes:
        column: The column.
        state: Whether it is shown: a sign and a word.
        tone: The tone of that.
    """

    column: Column[JobView]
    state: str
    tone: str


def _state(row: _Row, _now: datetime) -> Cell:
    return [(row.state, row.tone)]


def _title(row: _Row, _now: datetime) -> Cell:
    return [(row.column.title, "muted" if row.tone == "muted" else "strong")]


def _name(row: _Row, _now: datetime) -> Cell:
    return [(row.column.key, "muted")]


def _about(row: _Row, _now: datetime) -> Cell:
    return [(row.column.about, "muted" if row.tone == "muted" else "")]


_COLUMNS: Sequence[Column[_Row]] = (
    Column("state", "", 9, _state),
    Column("title", "COLUMN", 10, _title),
    Column("name", ":columns", 9, _name, drop_order=1),
    Column("about", "SHOWS", 20, _about, fraction=1),
)


class ColumnChooser(ModalScreen[Sequence[str]]):
    """Shows each choice in the table at once; is dismissed with the chosen columns, or None for no change.

    Args:
        choice: The columns that are shown now.
        columns: All columns, by their names.
        table: The table, which shows each choice.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "toggle_column", "Show or hide", id="columns.toggle"),
        Binding("J,shift+down", "move_column(1)", "Move down", key_display="J", id="columns.move_down"),
        Binding("K,shift+up", "move_column(-1)", "Move up", key_display="K", id="columns.move_up"),
        Binding("d", "default", "Default", tooltip="The usual columns", id="columns.default"),
        Binding("enter", "accept", "Accept", id="columns.accept"),
        Binding("escape,q", "dismiss(None)", "Cancel", key_display="esc", id="columns.cancel"),
    ]

    def __init__(
        self,
        choice: ColumnChoice,
        columns: Mapping[str, Column[JobView]],
        table: LineTable[JobView],
    ) -> None:
        super().__init__()
        self._choice = choice
        self._columns = columns
        self._table = table
        self._list: LineTable[_Row] = LineTable(
            _COLUMNS,
            lambda row: row.column.key,
            empty="",
            header=True,
            anchored=True,
            openable=False,
            id="columns",
        )

    def compose(self) -> ComposeResult:
        """Compose the list of columns."""
        with Vertical(classes="dialog", id="column-chooser") as box:
            box.border_title = "Columns of the jobs"
            yield self._list
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show the columns."""
        self.watch(self._list, "cursor", self.refresh_bindings, init=False)
        self.watch(self._table, "fitting", self._show_choice)

    def _show(self, choice: ColumnChoice) -> None:
        """Show another choice in the table and in the list."""
        self._choice = choice
        self._table.show_columns([self._columns[name] for name in choice.shown])
        self._show_choice()

    def _show_choice(self) -> None:
        self._list.update_rows([self._row(name) for name in self._choice.order], _NO_TIME)
        self.refresh_bindings()

    def _row(self, name: str) -> _Row:
        column = self._columns[name]
        if name not in self._choice.chosen:
            return _Row(column, "· hidden", "muted")
        if name not in self._table.fitting:
            return _Row(column, "! no room", "waiting")
        return _Row(column, "✓ always" if name in self._choice.columns.always else "✓ shown", "ok")

    # --- keys -------------------------------------------------------------------------------------

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys for the footer. It dims those that have no effect on the selected column."""
        useless = set()
        if self._selected in self._choice.columns.always:
            useless.add("toggle_column")
        if self._list.cursor == 0:
            useless.add("move_column(-1)")
        if self._list.cursor == len(self._choice.order) - 1:
            useless.add("move_column(1)")
        if self._choice == self._choice.columns.choice_of(self._choice.columns.default):
            useless.add("default")
        return adapt_bindings(super().active_bindings, useless, {})

    @property
    def _selected(self) -> str:
        row = self._list.selected
        return self._choice.order[0] if row is None else row.column.key

    def action_toggle_column(self) -> None:
        """Show the selected column, or hide it."""
        if self._selected in self._choice.columns.always:
            title = self._columns[self._selected].title
            self._warn(f"{title} is always shown; J and K move it")
        else:
            self._show(self._choice.toggle(self._selected))

    def action_move_column(self, by: int) -> None:
        """Move the selected column, and the cursor with it."""
        moved = self._choice.move(self._selected, by)
        if moved == self._choice:
            self._warn("it is the first column" if by < 0 else "it is the last column")
        else:
            self._show(moved)

    def action_default(self) -> None:
        """Choose the usual columns."""
        usual = self._choice.columns.choice_of(self._choice.columns.default)
        if usual == self._choice:
            self._warn("these are the usual columns")
        else:
            self._show(usual)

    def action_accept(self) -> None:
        """Keep the choice."""
        self.dismiss(self._choice.shown)

    def _warn(self, text: str) -> None:
        self.notify(text, severity="warning", markup=False)

    @on(LineTable.RowSelected)
    def _toggle_by_mouse(self, message: LineTable.RowSelected) -> None:
        message.stop()
        self.action_toggle_column()

    @on(LineTable.HeaderSelected)
    def _ignore_header(self, message: LineTable.HeaderSelected) -> None:
        message.stop()
