"""The columns of the table of coming ticks: functions that turn a tick into cells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jobtui.frontend.formatting import DST, countdown, countdown_within, format_instant
from jobtui.frontend.upcoming import UpcomingTick, is_affected_by_transition
from jobtui.tui.widgets.line_table import Cell, Column
from jobtui.tui.widgets.literal_text import cell_text

_COUNTDOWN_WIDTH = 9


def _due(row: UpcomingTick, now: datetime) -> Cell:
    return [(format_instant(row.due, now), _upcoming_tone(row))]


def _countdown(row: UpcomingTick, now: datetime) -> Cell:
    if row.paused or row.quiet_until is not None:
        return [("paused" if row.paused else "quiet", "waiting")]
    if not is_affected_by_transition(row.schedule, row.due, now):
        return [(countdown(row.due, now), "running")]
    return [
        (DST, "dst"),
        (f" {countdown_within(_COUNTDOWN_WIDTH - len(f'{DST} '), row.due, now)}", "running"),
    ]


def _upcoming_job(row: UpcomingTick, _now: datetime) -> Cell:
    return [(cell_text(row.job), _upcoming_tone(row))]


def _upcoming_tone(row: UpcomingTick) -> str:
    return "muted" if row.paused or row.quiet_until is not None else ""


def _cause(row: UpcomingTick, _now: datetime) -> Cell:
    return [(cell_text(row.cause), "muted")]


UPCOMING_COLUMNS: Sequence[Column[UpcomingTick]] = (
    Column("due", "DUE", 12, _due),
    Column("countdown", "IN", _COUNTDOWN_WIDTH, _countdown),
    Column("job", "JOB", 14, _upcoming_job, fraction=2, lasts=True),
    Column("cause", "SCHEDULE", 10, _cause, fraction=1, drop_order=1, wanted=16, lasts=True),
)


def upcoming_key(row: UpcomingTick) -> object:
    """Identify a one-off run by its number, and the next tick of a job by the job's name."""
    return row.number or row.job
