"""The columns of the tables of runs: functions that turn a run into cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from jobtui.engine.enums import RunState
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView, RunView
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    format_age,
    format_duration,
    format_instant,
    format_instant_short,
    run_label,
)
from jobtui.frontend.now_next import HELD_FOR
from jobtui.frontend.progress import estimate_progress, running_pieces
from jobtui.tui.widgets.line_table import Cell, Column
from jobtui.tui.widgets.literal_text import cell_text

_LEAST_TEXT = 8  # cells; less of a text says nothing


def run_key(run: RunView) -> object:
    """Identify a run by its number, and a ledger entry without a run by its job, instant and state."""
    return run.number or (run.job, run.due, run.state)


def _state(run: RunView, _now: datetime) -> Cell:
    sign = STATE_SIGNS[run.state]
    return [(f"{sign.glyph} {run.state.value}", sign.tone)]


def _waiting_state(run: RunView, now: datetime) -> Cell:
    """Return the state of a waiting run; of a RETRYING one its next attempt, because the column is narrow."""
    sign = STATE_SIGNS[run.state]
    if run.state is RunState.RETRYING:
        return [(f"{sign.glyph} {run.attempt + 1}/{run.attempts}", sign.tone)]
    return _state(run, now)


def _number(run: RunView, _now: datetime) -> Cell:
    return [(run_label(run), "muted")]


def _number_or_ticks(run: RunView, now: datetime) -> Cell:
    """Return the number of a run, or how many ticks started none, if there are several."""
    if run.number:
        return _number(run, now)
    return [(f"×{run.ticks}", "muted")] if run.ticks > 1 else []  # noqa: RUF001 - a multiplication sign


def _run_job(run: RunView, _now: datetime) -> Cell:
    return [(cell_text(run.job), "")]


def _running_for(run: RunView, now: datetime) -> Cell:
    """Return the age of a run, with a mark if it is slow, by its job's ``warn``, or was abandoned."""
    age = format_age(run.started, now)
    if run.state.ended:
        return [(f"{STATE_SIGNS[run.state].glyph}{age}", "failed")]
    return [(f"!{age}", "failed")] if run.warned else [(age, "running")]


def _worker(run: RunView, _now: datetime) -> Cell:
    return [(cell_text(run.worker), "muted")]


def _trigger(run: RunView, _now: datetime) -> Cell:
    return [(run.trigger.value, "muted")]


def _waiting_for(run: RunView, now: datetime) -> Cell:
    return [(format_age(run.waiting_since, now), "")]


def _ended(run: RunView, now: datetime) -> Cell:
    return [(format_instant_short(run.ended, now), "")]


def _ended_in_full(run: RunView, now: datetime) -> Cell:
    return [(format_instant(run.ended, now), "")]


def _took(run: RunView, _now: datetime) -> Cell:
    return [(format_duration(run.elapsed) if run.elapsed is not None else "", "")]


def _outcome(run: RunView, _now: datetime) -> Cell:
    return [(cell_text(run.reason), "failed" if run.state.failed else "muted")]


def _duration_or_reason(run: RunView, now: datetime) -> Cell:
    """Return the duration of a run that is OK, else its reason: the column has no room for both."""
    return _took(run, now) if run.state is RunState.OK else _outcome(run, now)


def _cut(cell: Cell, width: int) -> Cell:
    """Return the pieces that fit into a width in cells. Only the text that the code reported is cut."""
    fitted: list[tuple[str, str]] = []
    for text, tone in cell:
        if cell_len(text) > width:
            if tone or width < _LEAST_TEXT:
                return fitted
            return [*fitted, (set_cell_size(text, width - 1) + "…", tone)]
        fitted.append((text, tone))
        width -= cell_len(text)
    return fitted


def running_columns(job_of: Callable[[str], JobView | None]) -> Sequence[Column[RunView]]:
    """Return the columns of the table of RUNNING runs.

    Args:
        job_of: Returns the job of a name; None if it is not known.
    """
    width = 17  # of a short bar, the part, and the beginning of the rest

    def progress(run: RunView, now: datetime, width: int = width) -> Cell:
        if run.state.ended:
            return [("abandoned", "failed")]
        job = job_of(run.job)
        typical = None if job is None else typical_duration(job)
        started = run.started
        if started is None:
            return []
        if not run.reason and not estimate_progress(run, typical, started, now).is_known:
            return []
        pieces = running_pieces(run, typical, started, now, width)
        return _cut([(cell_text(text), tone) for text, tone in pieces], width)

    return (
        Column("number", "RUN", 4, _number, lasts=True),
        Column("job", "JOB", 14, _run_job, fraction=1, lasts=True),
        Column("running_for", "FOR", 7, _running_for, align_right=True),
        Column(
            "progress", "PROGRESS", width, progress, fraction=2, drop_order=1, wanted=36, fitted_cell=progress
        ),
        Column("worker", "WORKER", 10, _worker, drop_order=2, lasts=True),
        Column("trigger", "BY", 7, _trigger, drop_order=3, lasts=True),
    )


def waiting_columns(queued_for: Callable[[RunView], str]) -> Sequence[Column[RunView]]:
    """Return the columns of the table of runs that wait.

    Args:
        queued_for: Returns what a QUEUED run waits for.
    """

    def reason(run: RunView, _now: datetime) -> Cell:
        """Return why a run waits; of a HELD one shortly, so that the number of the other is not cut off."""
        if run.state is RunState.QUEUED:
            return [(queued_for(run), "muted")]
        text = run.reason.replace(HELD_FOR, "behind ", 1) if run.state is RunState.HELD else run.reason
        return [(cell_text(text), "muted")]

    return (
        Column("state", "STATE", 8, _waiting_state, lasts=True),
        Column("number", "RUN", 4, _number, lasts=True),
        Column("job", "JOB", 14, _run_job, fraction=2, lasts=True),
        Column("waiting_for", "FOR", 6, _waiting_for, align_right=True),
        Column("reason", "REASON", 12, reason, fraction=1, drop_order=1, wanted=18),
    )


RECENT_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 8, _ended),
    Column("state", "STATE", 11, _state, lasts=True),
    Column("job", "JOB", 14, _run_job, fraction=1, lasts=True),
    Column("number", "RUN", 4, _number_or_ticks, drop_order=1, lasts=True),
    Column("outcome", "OUTCOME", 12, _duration_or_reason, fraction=2, wanted=24, lasts=True),
)

# For the runs of one job, whose name is the title.
JOB_RUN_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 12, _ended_in_full),
    Column("state", "STATE", 11, _state, lasts=True),
    Column("number", "RUN", 9, _number, lasts=True),
    Column("trigger", "BY", 7, _trigger, drop_order=1, lasts=True),
    Column("took", "TOOK", 7, _took, align_right=True, lasts=True),
    Column("outcome", "REASON", 12, _outcome, fraction=1, lasts=True),
)


# For runs of all jobs, of any day.
HISTORY_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 12, _ended_in_full),
    Column("state", "STATE", 11, _state, lasts=True),
    Column("number", "RUN", 9, _number, drop_order=1, lasts=True),
    Column("job", "JOB", 14, _run_job, fraction=1, lasts=True),
    Column("trigger", "BY", 7, _trigger, drop_order=2, lasts=True),
    Column("took", "TOOK", 7, _took, align_right=True, drop_order=3, lasts=True),
    Column("outcome", "REASON", 12, _outcome, fraction=2, lasts=True),
)
