"""The tabs of a dashboard, one for each of its schedulers, of which one is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakSet

from textual.screen import Screen

from jobtui.frontend.backend import Unsubscribe
from jobtui.frontend.scheduler_tabs import TabLabel, TabRow, tab_names
from jobtui.tui.scheduler_tab import SchedulerTab
from jobtui.tui.widgets.scheduler_bar import SchedulerBar


class OpenTabs:
    """Chooses the scheduler that is shown, and follows its changes. The marks of the others follow the clock.

    Args:
        tabs: A tab for each scheduler. The first one is shown first.
        on_change: Called after each change of the scheduler that is shown, in any thread.

    Attributes:
        shown: The tab that is shown.
    """

    def __init__(self, tabs: Sequence[SchedulerTab], on_change: Callable[[], None]) -> None:
        self.shown = tabs[0]
        self._tabs = tabs
        self._on_change = on_change
        self._unsubscribe: Unsubscribe | None = None
        self._with_bar: WeakSet[Screen[Any]] = WeakSet()

    def __iter__(self) -> Iterator[SchedulerTab]:
        """Iterate over all tabs, from left to right."""
        return iter(self._tabs)

    def __len__(self) -> int:
        """Return the number of tabs."""
        return len(self._tabs)

    def show(self, tab: SchedulerTab) -> None:
        """Show a scheduler, and follow it instead of the one before."""
        self.shown = tab
        self.follow()

    def follow(self) -> None:
        """Call back after each change of the scheduler that is shown."""
        self._stop_following()
        self._unsubscribe = self.shown.backend.on_change(self._on_change)
        for tab in self._tabs:
            tab.backend.set_shown(tab is self.shown)

    def _stop_following(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()

    def close(self) -> None:
        """Stop following, and end every request to the backends."""
        self._stop_following()
        for tab in self._tabs:
            tab.backend.close()

    def hidden_tab(self, number: int) -> SchedulerTab | None:
        """Return the tab with a number, counted from 1; None if it is shown already, or there is none."""
        tab = self._tabs[number - 1] if 1 <= number <= len(self._tabs) else self.shown
        return None if tab is self.shown else tab

    def number_after(self, by: int) -> int:
        """Return the number of the tab `by` places after the shown one; the first follows the last."""
        return (self._tabs.index(self.shown) + by) % len(self._tabs) + 1

    @property
    def row(self) -> TabRow:
        """The names and the marks of all tabs; empty if there is only one scheduler."""
        if len(self._tabs) == 1:
            return TabRow()
        names = tab_names([tab.backend for tab in self._tabs])
        labels = [TabLabel(name, tab.find_mark()) for name, tab in zip(names, self._tabs, strict=True)]
        return TabRow(tuple(labels), self._tabs.index(self.shown))

    def add_bar(self, screen: Screen[Any]) -> Screen[Any]:
        """Give a screen that is about to be composed the row of tabs, if there are several schedulers."""
        if len(self._tabs) > 1 and screen not in self._with_bar:
            self._with_bar.add(screen)
            screen.compose_add_child(SchedulerBar())
        return screen
