"""The charts of a job: its durations, its outcomes by hour, and its errors in groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from jobtui.engine.run_columns import RunColumns
from jobtui.engine.views import JobView, RunView
from jobtui.frontend.backend import Backend
from jobtui.frontend.charts import (
    ErrorGroup,
    error_groups,
    heat_map,
    histogram,
    levels_of,
    ok_durations,
    scatter,
)
from jobtui.frontend.formatting import STATE_SIGNS, format_instant, pluralize
from jobtui.schedules.zones import zone_name
from jobtui.tui.background_work import BackgroundCommands, BackgroundQuery, error_text
from jobtui.tui.key_names import key_of
from jobtui.tui.widgets.line_table import Cell, Column, LineTable
from jobtui.tui.widgets.literal_text import cell_text, literal_title
from jobtui.tui.widgets.picture import Picture


class JobCharts(Container):
    """Shows the charts of a job. They are drawn again when runs have ended.

    Args:
        owner: The screen of the job.
        backend: The scheduler.
        job: The name of the job.

    Attributes:
        errors: The table with the groups of errors.
    """

    def __init__(self, owner: Screen[Any], backend: Backend, job: str) -> None:
        super().__init__(id="job-charts")
        self._owner = owner
        self._backend = backend
        self._view: JobView | None = None
        self._zone: tzinfo = UTC
        self._shown: tuple[object, ...] | None = None  # the counters that the charts belong to
        self._query = BackgroundQuery(owner, partial(backend.run_columns, job), self._show, self._show_error)
        self._durations = Picture("Durations", id="job-durations")
        self._histogram = Picture("How often", id="job-histogram")
        self._hours = Picture("Outcomes by hour", id="job-hours")
        self.errors = LineTable(
            _COLUMNS,
            lambda group: group.signature,
            empty="",
            header=True,
            anchored=True,
            id="job-errors",
        )

    def compose(self) -> ComposeResult:
        """Compose the charts and the table of errors."""
        yield self._durations
        yield self._histogram
        yield self._hours
        yield self.errors

    def note_view(self, view: JobView | None, zone: tzinfo) -> None:
        """Note the latest view of the job, and the zone of its times. The first one asks for the runs."""
        self._view, self._zone = view, zone
        if self._shown is None:
            self.update_if_changed()

    def update_if_changed(self) -> None:
        """Ask for the runs, if some have ended since the last time."""
        view = self._view
        counters = () if view is None else (view.runs, view.failures, view.recent)
        if counters != self._shown and not self._backend.connection_error:
            self._shown = counters
            self._query.request()

    def _show(self, columns: RunColumns) -> None:
        view, zone = self._view, self._zone
        warn, timeout = (None, None) if view is None else (view.warn, view.timeout)
        levels = levels_of(columns, warn, timeout)
        self._durations.show(lambda width, height: scatter(columns, levels, width, height, zone))
        self._histogram.show(lambda width, height: histogram(columns, width, height))
        self._hours.show(lambda width, _height: heat_map(columns, width, zone))
        groups = error_groups(columns, zone)
        self.errors.set_empty_text("none of these runs failed")
        self.errors.update_rows(groups, self._backend.snapshot().at)
        count = pluralize(len(columns.numbers), "run")
        failed = sum(group.count for group in groups)
        self._durations.border_title = f"Durations of the latest {count}: ⠿ OK  ✗ failed"
        self._histogram.border_title = (
            f"How often: {pluralize(len(ok_durations(columns)), 'run')} that are OK"
        )
        self._hours.border_title = f"Outcomes by hour of the week, {zone_name(zone)}"
        opens = key_of(self.errors, "table.open")
        self.errors.border_title = literal_title(
            f"Errors: {failed:,} of {count}, {pluralize(len(groups), 'group')} ({opens} opens the latest run)"
        )

    def _show_error(self, error: Exception) -> None:
        text = error_text(error)
        self._durations.show(lambda _width, _height: [[(text, "failed")]])
        self.errors.set_empty_text(text)

    def find_run(
        self, number: int, show: Callable[[RunView], None], background_commands: BackgroundCommands
    ) -> None:
        """Show a run, which is looked up in a worker thread."""
        BackgroundQuery(
            self._owner,
            partial(self._backend.run_view, number),
            show,
            lambda error: background_commands.notify(error_text(error), "error"),
        ).request()


def _count(group: ErrorGroup, _now: datetime) -> Cell:
    return [(f"{group.count:,}", "strong")]


def _error(group: ErrorGroup, _now: datetime) -> Cell:
    glyph = STATE_SIGNS[group.state].glyph
    return [(f"{glyph} {cell_text(group.signature)}", "failed" if group.is_latest else "")]


def _first(group: ErrorGroup, now: datetime) -> Cell:
    return [(format_instant(group.first, now), "muted")]


def _last(group: ErrorGroup, now: datetime) -> Cell:
    return [(format_instant(group.last, now), "")]


def _reason(group: ErrorGroup, _now: datetime) -> Cell:
    return [(cell_text(group.reason), "muted")]


_COLUMNS: Sequence[Column[ErrorGroup]] = (
    Column("count", "RUNS", 6, _count, align_right=True),
    Column("error", "ERROR", 24, _error, fraction=1),
    Column("first", "FIRST", 12, _first, drop_order=2),
    Column("last", "LAST", 12, _last),
    Column("reason", "LATEST REASON", 12, _reason, fraction=1, drop_order=1),
)
