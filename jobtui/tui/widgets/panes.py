"""The four panes below the jobs: all visible in a large terminal, else one at a time under tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from jobtui.engine.views import Snapshot
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.upcoming import MAX_UPCOMING, list_upcoming
from jobtui.tui.widgets.columns import (
    RECENT_COLUMNS,
    RUNNING_COLUMNS,
    UPCOMING_COLUMNS,
    WAITING_COLUMNS,
    run_key,
    upcoming_key,
)
from jobtui.tui.widgets.line_table import LineTable

_TITLES = {"running": "Running", "waiting": "Waiting", "upcoming": "Upcoming", "recent": "Recent"}


class PaneTabs(Widget):
    """One line with a tab for each pane; a click on a tab selects its pane."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pane-tabs--active", "pane-tabs--inactive"}

    @dataclass
    class TabSelected(Message):
        """The user clicked the tab of a pane."""

        pane: str

    def __init__(self) -> None:
        super().__init__()
        self._tabs: list[tuple[str, str, str]] = []  # the pane's id, the text and the style of each tab

    def update_tabs(self, labels: Mapping[str, str], active: str) -> None:
        """Show a tab for each pane, given its label by its id, and highlight the tab of the active pane."""
        tabs = [
            (pane, f" [{label}] ", "active") if pane == active else (pane, f"  {label}  ", "inactive")
            for pane, label in labels.items()
        ]
        if tabs != self._tabs:
            self._tabs = tabs
            self.refresh()

    def render(self) -> Text:
        """Return the line of tabs."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for _, text, style in self._tabs:
            line.append(text, self.get_component_rich_style(f"pane-tabs--{style}"))
        return line

    def on_click(self, event: events.Click) -> None:
        """Select the pane whose tab was clicked."""
        right = 0
        for pane, text, _ in self._tabs:
            right += len(text)
            if event.x < right:
                self.post_message(self.TabSelected(pane))
                return


class Panes(Container):
    """The panes Running, Waiting, Upcoming and Recent."""

    def __init__(self) -> None:
        super().__init__(id="panes")
        tables: list[LineTable[Any]] = [
            LineTable(RUNNING_COLUMNS, run_key, empty="nothing runs", id="running"),
            LineTable(WAITING_COLUMNS, run_key, empty="nothing waits", id="waiting"),
            LineTable(UPCOMING_COLUMNS, upcoming_key, empty="nothing is scheduled", id="upcoming"),
            LineTable(RECENT_COLUMNS, run_key, empty="nothing has run yet", id="recent"),
        ]
        self._tables = dict(zip(_TITLES, tables, strict=True))
        self._tabs = PaneTabs()
        self._active = "running"

    def compose(self) -> ComposeResult:
        """Compose the tabs and the four tables."""
        yield self._tabs
        with Container(id="pane-grid"):
            yield from self._tables.values()

    def on_mount(self) -> None:
        """Activate the first pane."""
        self.activate_pane(self._active)

    def update_snapshot(self, snapshot: Snapshot, index: JobIndex) -> None:
        """Show a snapshot, whose jobs are in the index, in all four tables."""
        now, pool = snapshot.at, snapshot.pool
        abandoned = f" +{pool.abandoned} abandoned" if pool.abandoned else ""
        contents: dict[str, tuple[Sequence[object], object]] = {
            "running": (snapshot.working, f"{pool.running}{abandoned}"),
            "waiting": (snapshot.waiting, pool.queued + pool.held + pool.retrying),
            "upcoming": (list_upcoming(snapshot, index.soonest(MAX_UPCOMING)), index.upcoming),
            "recent": (snapshot.recent, ""),  # the list is cut, so its length says nothing
        }
        for number, (pane, (rows, count)) in enumerate(contents.items(), start=1):
            table = self._tables[pane]
            table.update_rows(rows, now)
            title = f"{number} {_TITLES[pane]} {count}".rstrip()
            if table.border_title != title:
                table.border_title = title
        self._update_tabs()

    def activate_pane(self, pane: str) -> LineTable[Any]:
        """Make a pane the visible one, if there is room for only one. Return its table."""
        self._active = pane
        for each, table in self._tables.items():
            table.set_class(each == pane, "-active")
        self._update_tabs()
        return self._tables[pane]

    @property
    def names(self) -> list[str]:
        """The ids of the panes, in order."""
        return list(self._tables)

    @on(PaneTabs.TabSelected)
    def _tab_selected(self, message: PaneTabs.TabSelected) -> None:
        self.activate_pane(message.pane).focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Activate the pane that received the focus."""
        if event.widget.id in self._tables:
            self.activate_pane(event.widget.id)

    def _update_tabs(self) -> None:
        labels = {pane: str(table.border_title or _TITLES[pane]) for pane, table in self._tables.items()}
        self._tabs.update_tabs(labels, self._active)
