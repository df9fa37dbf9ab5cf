"""The part of the main screen between the header and the footer: the jobs, the panes and the drawer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from jobtui.engine.views import Snapshot
from jobtui.frontend.job_index import JobIndex
from jobtui.tui.arrangement import JOBS, PANES, TINY_HEIGHT, CalmRows, Demand, arrange
from jobtui.tui.widgets.line_table import LineTable
from jobtui.tui.widgets.literal_text import cell_width
from jobtui.tui.widgets.panes import Panes, PaneTabs

_MOST_OF_NAME = 24  # cells that the name of a job gets before others get what is left
_SIGNS = len(" +9 ¶")  # cells for the signs after a name in the table of jobs


class _Plan(Layout):
    """Puts each child where the plan of the body says."""

    name = "plan"

    def arrange(
        self,
        parent: Widget,
        children: list[Widget],
        size: Size,
        greedy: bool = True,  # noqa: ARG002 - Textual's
    ) -> ArrangeResult:
        assert isinstance(parent, Body)
        plan = parent.plan_for(size)
        return [
            WidgetPlacement(plan[child.id], NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if child.id in plan
        ]


_PLAN = _Plan()


class Body(Container):
    """Shares its space between the tables of the main screen; see `arrange`.

    Args:
        jobs: The table of jobs.
        filter_line: The line below it.
        panes: The panes.
        drawer: The widget at the right of a wide terminal.

    Attributes:
        plan: The region of each visible part, by its id.
        has_drawer: Whether the user wants the drawer.
    """

    def __init__(self, jobs: LineTable[Any], filter_line: Widget, panes: Panes, drawer: Widget) -> None:
        super().__init__(id="body")
        self.plan: dict[str, Region] = {}
        self._tables = {JOBS: jobs, **panes.tables}
        self._filter = filter_line
        self._panes = panes
        self._drawer = drawer
        self.has_drawer = True
        self._rows = {name: CalmRows() for name in self._tables}
        self._demand: Demand | None = None
        self._planned_for = Size(), Size()  # the sizes of the body and of the terminal
        self._snapshot: Snapshot | None = None
        self._names: Collection[str] = ()
        self._name_width = 0  # cells of the longest name of a job
        self._last_number = 0  # the largest number of a run so far
        self._focus = JOBS
        self._pane = PANES[0]  # the visible pane, if there is room for only one
        self._zoomed = False

    @property
    def layout(self) -> Layout:
        """The layout, which no style replaces."""
        return _PLAN

    def compose(self) -> ComposeResult:
        """Compose the tables, the filter and the tabs."""
        yield from self._tables.values()
        yield self._filter
        yield self._panes.tabs
        yield self._drawer

    # --- content ----------------------------------------------------------------------------------

    def update_snapshot(self, snapshot: Snapshot, index: JobIndex) -> None:
        """Show a snapshot, whose jobs are in the index, in the panes; give each table the room it needs."""
        self._snapshot = snapshot
        self._fit_columns(snapshot, index)
        self._panes.update_snapshot(snapshot, index)
        self._update_plan()

    def _fit_columns(self, snapshot: Snapshot, index: JobIndex) -> None:
        """Give names and numbers the room that they need, which seldom changes: nothing must jump."""
        if index.names is not self._names:
            self._names = index.names
            self._name_width = max((cell_width(name) for name in self._names), default=0)
        runs = (*snapshot.working, *snapshot.waiting, *snapshot.recent)
        self._last_number = max(self._last_number, max((run.number for run in runs), default=0))
        for table in self._tables.values():
            table.want("name", self._name_width + _SIGNS, _MOST_OF_NAME + _SIGNS)
            table.want("job", self._name_width, _MOST_OF_NAME)
            table.want("number", len(f"#{self._last_number}"))

    def show_filter(self, shown: bool) -> None:
        """Show or hide the line of the filter."""
        self._filter.display = shown
        if shown:
            self._focus = JOBS
        self._update_plan()

    # --- the user's actions: each of them may also give back rows that a table does not need any more -

    def focus_table(self, name: str) -> None:
        """Show a table, and focus it."""
        self._note_focus(name)
        self.screen.set_focus(self._tables[name])

    def toggle_zoom(self) -> None:
        """Show nothing but the focused table, or everything again."""
        self._zoomed = not self._zoomed
        self._rearrange()

    def toggle_drawer(self) -> None:
        """Show the drawer where there is room for it, or hide it."""
        self.has_drawer = not self.has_drawer
        self._rearrange()

    def on_resize(self) -> None:
        """Share the new space."""
        self._rearrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the table that received the focus."""
        if event.widget.id in self._tables:
            self._note_focus(event.widget.id)

    @on(PaneTabs.TabSelected)
    def _tab_selected(self, message: PaneTabs.TabSelected) -> None:
        self.focus_table(message.pane)

    def _note_focus(self, name: str) -> None:
        self._focus = name
        self._pane = self._pane if name == JOBS else name
        self._rearrange()

    def _rearrange(self) -> None:
        for rows in self._rows.values():
            rows.reset()
        self._update_plan()

    # --- the plan ---------------------------------------------------------------------------------

    def plan_for(self, size: Size) -> dict[str, Region]:
        """Return the plan for a size, for which the body may not have made it yet."""
        if self._demand is None or self._planned_for == (size, self.screen.size):
            return self.plan
        return arrange(size, replace(self._demand, terminal=self.screen.size))

    def _update_plan(self) -> None:
        if self._snapshot is None or not self.is_attached:
            return
        at, needs = self._snapshot.at, {JOBS: len(self._snapshot.jobs)}
        needs |= {name: len(table.rows) for name, table in self._panes.tables.items()}
        room = {name: self._rows[name].note(needs[name], at) for name in needs}
        self._demand = Demand(
            terminal=self.screen.size,
            jobs=room.pop(JOBS),
            panes=room,
            focus=self._focus,
            pane=self._pane,
            zoomed=self._zoomed,
            has_filter=self._filter.display,
            has_drawer=self.has_drawer,
        )
        plan = arrange(self.size, self._demand)
        self._planned_for = self.size, self.screen.size
        self._panes.show_active(self._pane if self._pane in plan else "")
        if plan == self.plan:
            return
        self.plan = plan
        for child in self.children:
            if child is not self._filter:
                child.display = child.id in plan
        # Under its tab a pane needs no title.
        self.set_class("tabs" in plan, "-tabs")
        self._tables[JOBS].show_header(self._demand.terminal.height >= TINY_HEIGHT)
        self._tables[JOBS].refresh(layout=True)  # of a child: a widget keeps its own arrangement otherwise
