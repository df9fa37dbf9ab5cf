"""The four panes below the jobs: side by side where there is room, else one at a time under tabs."""

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
    """One line with the names of the panes; a click or the pane's number shows it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pane-tabs--shown", "pane-tabs--hidden"}

    @dataclass
    class Chosen(Message):
        """The user wants to see a pane."""

        pane: str

    def __init__(self) -> None:
        super().__init__()
        self._labels: list[tuple[str, str]] = []
        self._shown = ""

    def show(self, labels: Sequence[tuple[str, str]], shown: str) -> None:
        """Show these panes by id and label, one of them as the one that is seen."""
        if (list(labels), shown) != (self._labels, self._shown):
            self._labels, self._shown = list(labels), shown
            self.refresh()

    def render(self) -> Text:
        """The line of labels."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for pane, label in self._labels:
            name = "shown" if pane == self._shown else "hidden"
            style = self.get_component_rich_style(f"pane-tabs--{name}")
            line.append(self._tab(pane, label), style)
        return line

    def on_click(self, event: events.Click) -> None:
        """Choose the pane whose label was clicked."""
        left = 0
        for pane, label in self._labels:
            left += len(self._tab(pane, label))
            if event.x < left:
                self.post_message(self.Chosen(pane))
                return

    def _tab(self, pane: str, label: str) -> str:
        return f" [{label}] " if pane == self._shown else f"  {label}  "


class Panes(Container):
    """What runs, what waits, what comes and what has ended."""

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
        self._shown = "running"

    def compose(self) -> ComposeResult:
        """The tabs, and the four tables."""
        yield self._tabs
        with Container(id="pane-grid"):
            yield from self._tables.values()

    def on_mount(self) -> None:
        """Show the first pane."""
        self.choose(self._shown)

    def show(self, snapshot: Snapshot) -> None:
        """Show this picture."""
        now, pool = snapshot.at, snapshot.pool
        self.running.show(snapshot.running, now)
        self.waiting.show(snapshot.waiting, now)
        coming = list_upcoming(snapshot)
        self.upcoming.show(coming, now)
        self.recent.show(snapshot.recent, now)
        counts = {
            "running": pool.running,
            "waiting": pool.queued + pool.held,
            "upcoming": sum((job.next is not None) + job.scheduled for job in snapshot.jobs),
            "recent": None,  # endings are no count of anything
        }
        labels = []
        for number, (pane, table) in enumerate(self._tables.items(), start=1):
            name = _TITLES[pane] if counts[pane] is None else f"{_TITLES[pane]} {counts[pane]}"
            title = f"{number} {name}"
            if table.border_title != title:
                table.border_title = title
            labels.append((pane, title))
        self._tabs.show(labels, self._shown)

    def choose(self, pane: str) -> LineTable[Any]:
        """Bring a pane to the front, where only one is seen. Returns its table."""
        self._shown = pane
        for each, table in self._tables.items():
            table.set_class(each == pane, "-shown")
        self._tabs.show(self._tabs_labels(), pane)
        return self._tables[pane]

    @property
    def names(self) -> list[str]:
        """The ids of the panes, in order."""
        return list(self._tables)

    @on(PaneTabs.Chosen)
    def _tab_chosen(self, message: PaneTabs.Chosen) -> None:
        self.choose(message.pane).focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Bring the pane that got the focus to the front."""
        if event.widget.id in self._tables:
            self.choose(event.widget.id)

    def _tabs_labels(self) -> list[tuple[str, str]]:
        return [(pane, str(table.border_title or _TITLES[pane])) for pane, table in self._tables.items()]
