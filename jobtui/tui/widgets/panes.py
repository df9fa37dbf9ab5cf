"""The four panes below the jobs, and the tabs by which a small terminal shows one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.now_next import queued_for
from jobtui.frontend.upcoming import MAX_UPCOMING, UpcomingTicks
from jobtui.tui.arrangement import PANES
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.columns_of_runs import RECENT_COLUMNS, run_key, running_columns, waiting_columns
from jobtui.tui.widgets.columns_of_ticks import UPCOMING_COLUMNS, upcoming_key
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.tones import ToneStyles

_ABBREVIATED = 3  # letters of a title in a narrow terminal
_TITLES = {"running": "Running", "waiting": "Waiting", "upcoming": "Upcoming", "recent": "Recent"}


class PaneTabs(Widget):
    """One line with a tab for each pane; a click on a tab selects its pane."""

    @dataclass
    class TabSelected(Message):
        """The user clicked the tab of a pane."""

        pane: str

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self._toned = ToneStyles(self)
        self._tabs: list[tuple[str, str, str]] = []  # the pane's id, the text and the tone of each tab

    def update_tabs(self, labels: Mapping[str, str], active: str) -> None:
        """Show a tab for each pane, given its label by its id, and highlight the tab of the active pane."""
        tabs = [
            (pane, f" [{label}] ", "current") if pane == active else (pane, f"  {label}  ", "muted")
            for pane, label in labels.items()
        ]
        if tabs != self._tabs:
            self._tabs = tabs
            self.refresh()

    def render(self) -> Text:
        """Return the line of tabs, cut at the end."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for _, text, tone in self._fitting_tabs():
            line.append(text, self._toned(tone))
        return line

    def _fitting_tabs(self) -> list[tuple[str, str, str]]:
        """Return the tabs; in a narrow line, the titles of those that are not active are abbreviated."""
        if sum(len(text) for _, text, _ in self._tabs) <= self.size.width:
            return self._tabs
        fitting = []
        for pane, text, tone in self._tabs:
            key, title, *count = text.strip(" []").split()
            short = f" {' '.join([key, title[:_ABBREVIATED], *count[:1]])} "
            fitting.append((pane, text if tone == "current" else short, tone))
        return fitting

    def on_click(self, event: events.Click) -> None:
        """Select the pane whose tab was clicked."""
        right = 0
        for pane, text, _ in self._fitting_tabs():
            right += len(text)
            if event.x < right:
                self.post_message(self.TabSelected(pane))
                return


class Panes:
    """The tables of the panes Running, Waiting, Upcoming and Recent, and the tabs above them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._index = JobIndex()
        self._snapshot = snapshot
        self._upcoming = UpcomingTicks()
        tables: list[LineTable[Any]] = [
            LineTable(running_columns(self._job), run_key, empty="nothing runs", id="running"),
            LineTable(waiting_columns(self._queued_for), run_key, empty="nothing waits", id="waiting"),
            LineTable(UPCOMING_COLUMNS, upcoming_key, empty="nothing is scheduled", id="upcoming"),
            LineTable(RECENT_COLUMNS, run_key, empty="nothing has run yet", id="recent"),
        ]
        self.tables = dict(zip(PANES, tables, strict=True))
        for table in tables:
            table.add_class("pane")
        self.tabs = PaneTabs()
        self._labels = dict(_TITLES)
        self._active = PANES[0]

    def update_snapshot(self, snapshot: Snapshot, index: JobIndex) -> None:
        """Show a snapshot, whose jobs are in the index, in all four tables."""
        self._index, self._snapshot = index, snapshot
        now, pool = snapshot.at, snapshot.pool
        abandoned = f" +{pool.abandoned} abandoned" if pool.abandoned else ""
        contents: dict[str, tuple[Sequence[object], object]] = {
            "running": (snapshot.working, f"{pool.running}{abandoned}"),
            "waiting": (snapshot.waiting, pool.queued + pool.held + pool.retrying),
            "upcoming": (self._upcoming.list(snapshot, index.soonest(MAX_UPCOMING)), index.upcoming),
            "recent": (snapshot.recent, ""),  # the list is cut, so its length says nothing
        }
        for pane, (rows, count) in contents.items():
            table = self.tables[pane]
            key = key_of(table, f"pane.{pane}")
            table.update_rows(rows, now)
            self._labels[pane] = f"{key} {_TITLES[pane]} {count}".rstrip()
            title = self._labels[pane] if rows else f"{key} {_TITLES[pane]} none"
            if table.border_title != title:
                table.border_title = title
        self.tabs.update_tabs(self._labels, self._active)

    def _job(self, name: str) -> JobView | None:
        return self._index.job(name)

    def _queued_for(self, run: RunView) -> str:
        return queued_for(run, self._snapshot)

    def show_active(self, pane: str) -> None:
        """Highlight the tab of a pane; "" for none."""
        self._active = pane
        self.tabs.update_tabs(self._labels, pane)
