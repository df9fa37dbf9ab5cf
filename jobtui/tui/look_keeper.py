"""Keep the look that the user chooses: in its file, and the same for every scheduler of a dashboard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.app import App

from jobtui.frontend.look import Look, LookFile
from jobtui.tui.job_filter import SORT_KEYS, VIEWS
from jobtui.tui.open_tabs import OpenTabs
from jobtui.tui.widgets.columns_of_jobs import COLUMN_SET

_KEEP_INTERVAL = 1.0  # seconds between two looks at what the user has chosen


class LookKeeper:
    """Makes the choices of a file when the dashboard starts, and writes those that the user makes later.

    Args:
        app: Has the theme.
        tabs: Their main screens have the other choices.
        file: The file; None to keep nothing.
    """

    def __init__(self, app: App[Any], tabs: OpenTabs, file: LookFile | None) -> None:
        self._app = app
        self._tabs = tabs
        self._file = file
        self._kept = Look()  # that the file has, and every scheduler

    def start(self) -> None:
        """Make the choices of the file, and keep the user's choices from now on."""
        if self._file is not None:
            known = {
                "theme": self._app.available_themes,
                "sort": SORT_KEYS,
                "columns": COLUMN_SET.known,
                "view": VIEWS,
            }
            look, problem = self._file.read(known)
            self._app.theme = look.theme or self._app.theme
            for tab in self._tabs:
                tab.dashboard.show_look(look)
            if problem:
                self._tabs.shown.commands.notify(problem, "warning")
            self._app.set_interval(_KEEP_INTERVAL, self.keep)
        self._kept = self._shown

    @property
    def _shown(self) -> Look:
        return replace(self._tabs.shown.dashboard.look, theme=self._app.theme)

    def keep(self) -> None:
        """Write the user's choices since the last call, and make them for the other schedulers, too."""
        before, self._kept = self._kept, self._shown
        if self._kept == before:
            return
        for tab in self._tabs:
            if tab is not self._tabs.shown:
                tab.dashboard.show_look(self._kept)
        if self._file is not None:
            self._file.write(self._kept, before)
