"""The four panes below the jobs: all visible in a large terminal, else one at a time under tabs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.upcoming import UpcomingTick, list_upcoming
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
        self._labels: list[tuple[str, str]] = []
        self._active = ""

    def update_tabs(self, labels: Sequence[tuple[str, str]], active: str) -> None:
        """Show a tab for each pane, given its id and label, and highlight the tab of the active pane."""
        if (list(labels), active) != (self._labels, self._active):
            self._labels, self._active = list(labels), active
            self.refresh()

    def render(self) -> Text:
        """Return the line of tabs."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for pane, label in self._labels:
            name = "active" if pane == self._active else "inactive"
            style = self.get_component_rich_style(f"pane-tabs--{name}")
            line.append(self._tab(pane, label), style)
        return line

    def on_click(self, event: events.Click) -> None:
        """Select the pane whose tab was clicked."""
        left = 0
        for pane, label in self._labels:
            left += len(self._tab(pane, label))
            if event.x < left:
                self.post_message(self.TabSelected(pane))
                return

    def _tab(self, pane: str, label: str) -> str:
        return f" [{label}] " if pane == self._active else f"  {label}  "


class Panes(Container):
    """The panes Running, Waiting, Upcoming and Recent."""

    def __init__(self) -> None:
        super().__init__(id="panes")
        self.running: LineTable[RunView] = LineTable(
            RUNNING_COLUMNS, run_key, empty="nothing runs", id="running"
        )
        self.waiting: LineTable[RunView] = LineTable(
            WAITING_COLUMNS, run_key, empty="nothing waits", id="waiting"
        )
        self.upcoming: LineTable[UpcomingTick] = LineTable(
            UPCOMING_COLUMNS, upcoming_key, empty="nothing is scheduled", id="upcoming"
        )
        self.recent: LineTable[RunView] = LineTable(
            RECENT_COLUMNS, run_key, empty="nothing has run yet", id="recent"
        )
        self._tables: dict[str, LineTable[Any]] = {
            "running": self.running,
            "waiting": self.waiting,
            "upcoming": self.upcoming,
            "recent": self.recent,
        }
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

    def update_snapshot(self, snapshot: Snapshot) -> None:
        """Show a snapshot in all four tables."""
        now, pool = snapshot.at, snapshot.pool
        self.running.update_rows(snapshot.running, now)
        self.waiting.update_rows(snapshot.waiting, now)
        self.upcoming.update_rows(list_upcoming(snapshot), now)
        self.recent.update_rows(snapshot.recent, now)
        counts = {
            "running": pool.running,
            "waiting": pool.queued + pool.held,
            "upcoming": sum((job.next is not None) + job.scheduled for job in snapshot.jobs),
            "recent": None,  # the list is cut, so its length says nothing
        }
        for number, (pane, table) in enumerate(self._tables.items(), start=1):
            name = _TITLES[pane] if counts[pane] is None else f"{_TITLES[pane]} {counts[pane]}"
            title = f"{number} {name}"
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
        labels = [(pane, str(table.border_title or _TITLES[pane])) for pane, table in self._tables.items()]
        self._tabs.update_tabs(labels, self._active)
