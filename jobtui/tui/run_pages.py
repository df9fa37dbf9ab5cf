"""The runs of a job, page after page: the latest ones from its details, older ones from a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual.screen import Screen

from jobtui.engine.records import RECENT_RUNS
from jobtui.engine.views import RunPage, RunView
from jobtui.frontend.backend import Backend
from jobtui.store.query import quote_term
from jobtui.tui.background_work import BackgroundQuery
from jobtui.tui.widgets.columns_of_runs import run_key

PAGE = 100  # runs that are asked for at once
AHEAD = 3  # rows before the last one at which the next page is asked for


class RunPages:
    """Collects the runs of a job for a table. New runs come on top, and older ones at the end.

    Args:
        screen: The screen with the table.
        backend: The scheduler.
        job: The name of the job.
        show: Shows the runs after a page has arrived.
    """

    def __init__(
        self, screen: Screen[Any], backend: Backend, job: str, show: Callable[[Sequence[RunView]], None]
    ) -> None:
        self._backend = backend
        self._term = quote_term("job", job)
        self._show = show
        self._runs: list[RunView] = []
        self._cursor: str | None = ""  # of the next page; "" for the first one, None if there are no more
        self._query = BackgroundQuery(screen, self._ask, self._add, lambda _error: None)
        self._is_asking = False

    def with_latest(self, latest: Sequence[RunView]) -> Sequence[RunView]:
        """Return all runs that are known, given the latest ones, newest first."""
        known = set(map(run_key, self._runs))
        new = [run for run in latest if run_key(run) not in known]
        if known and len(new) == len(latest) >= RECENT_RUNS:  # there is a gap before those that are known
            self._runs, self._cursor = list(latest), ""
        else:
            self._runs[:0] = new
            if len(latest) < RECENT_RUNS:  # there are no others
                self._cursor = None
        return self._runs

    def ask_near(self, place: int) -> None:
        """Ask for the next page if a place in the table comes near the last run."""
        is_near = bool(self._runs) and place >= len(self._runs) - AHEAD
        if self._cursor is not None and not self._is_asking and is_near:
            self._is_asking = True
            self._query.request()

    def _ask(self) -> tuple[str, RunPage]:
        cursor = self._cursor or ""
        return cursor, self._backend.search_runs(self._term, limit=PAGE, cursor=cursor)

    def _add(self, answer: tuple[str, RunPage]) -> None:
        cursor, page = answer
        self._is_asking = False
        if cursor != (self._cursor or ""):  # a gap was found in the meantime
            return
        known = set(map(run_key, self._runs))
        self._runs += [run for run in page.runs if run_key(run) not in known]
        self._cursor = page.next or None
        self._show(self._runs)
