"""What the tables of the dashboard show of jobs and runs, column by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobtui.engine.enums import JobStatus, RunState
from jobtui.engine.views import JobView, RunView
from jobtui.frontend.formatting import (
    ABSENT,
    DST,
    STATE_GLYPHS,
    STATE_TONES,
    STATUS_GLYPHS,
    STATUS_TONES,
    STRIP_GLYPHS,
    countdown,
    countdown_within,
    format_age,
    format_duration,
    format_instant,
    format_instant_short,
    run_label,
)
from jobtui.frontend.upcoming import UpcomingTick, is_affected_by_transition
from jobtui.process.printable import printable
from jobtui.tui.widgets.line_table import Cell, Column

STRIP_LENGTH = 10
_NEXT_WIDTH = 22  # a moment with its day, and a countdown in full
_LEFT_WIDTH = 9


# --- jobs -----------------------------------------------------------------------------------------


def _status(job: JobView, _now: datetime) -> Cell:
    return [(f"{STATUS_GLYPHS[job.status]} {job.status.value}", STATUS_TONES[job.status])]


def _name(job: JobView, _now: datetime) -> Cell:
    waiting = job.queued + job.held
    return (
        [(printable(job.name), ""), (f" +{waiting}", "waiting")] if waiting else [(printable(job.name), "")]
    )


def _schedule(job: JobView, _now: datetime) -> Cell:
    return [(printable(job.spec), "muted")]


def _prev(job: JobView, now: datetime) -> Cell:
    return [(format_instant_short(job.prev, now), "" if job.prev else "muted")]


def _next(job: JobView, now: datetime) -> Cell:
    if job.paused_since is not None and job.next is not None:
        return [("paused", "waiting")]
    if job.next is None:
        return [(f"{job.scheduled} to come" if job.scheduled else ABSENT, "muted")]
    due = format_instant(job.next, now)
    if not is_affected_by_transition(job.schedule, job.next, now):
        return [(due, ""), (f" {countdown(job.next, now)}", "muted")]
    # The countdown gives way: the column does not change its width, and the moment is told in full.
    left = countdown_within(_NEXT_WIDTH - len(f"{due} {DST} "), job.next, now)
    return [(due, ""), (f" {DST}", "dst"), (f" {left}", "muted")]


def _last(job: JobView, _now: datetime) -> Cell:
    return [(format_duration(job.last_elapsed), "" if job.last_elapsed is not None else "muted")]


def _strip(job: JobView, _now: datetime) -> Cell:
    return [(STRIP_GLYPHS[state], STATE_TONES[state]) for state in job.recent[-STRIP_LENGTH:]]


def _runs(job: JobView, _now: datetime) -> Cell:
    return [(str(job.runs), "" if job.runs else "muted")]


def _failures(job: JobView, _now: datetime) -> Cell:
    return [(f"✗ {job.failures}", "failed")] if job.failures else [("0", "muted")]


def _instant(time: datetime | None, never: float) -> float:
    """What to sort by: two datetimes of one zone compare by what its clock shows, which may go back."""
    return never if time is None else time.timestamp()


_STATUS_ORDER = [JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.IDLE, JobStatus.PAUSED]

JOB_COLUMNS: Sequence[Column[JobView]] = (
    Column("status", "STATUS", 9, _status, order=lambda job: _STATUS_ORDER.index(job.status)),
    Column("name", "NAME", 14, _name, grow=3, order=lambda job: job.name.casefold()),
    Column("schedule", "SCHEDULE", 12, _schedule, grow=2, rank=6, order=lambda job: job.spec),
    Column("prev", "PREV", 8, _prev, rank=4, order=lambda job: _instant(job.prev, -math.inf)),
    Column("next", "NEXT", _NEXT_WIDTH, _next, rank=3, order=lambda job: _instant(job.next, math.inf)),
    Column("last", "TOOK", 6, _last, right=True, rank=2, order=lambda job: job.last_elapsed or timedelta()),
    Column("strip", "LAST RUNS", STRIP_LENGTH, _strip, rank=5),
    Column("runs", "RUNS", 5, _runs, right=True, rank=1, order=lambda job: job.runs),
    Column("failures", "FAIL", 5, _failures, right=True, order=lambda job: job.failures),
)


# --- runs -----------------------------------------------------------------------------------------


def run_key(run: RunView) -> object:
    """Tells runs and rows of ticks apart."""
    return run.number or (run.job, run.due, run.state)


def _state(run: RunView, _now: datetime) -> Cell:
    return [(f"{STATE_GLYPHS[run.state]} {run.state.value}", STATE_TONES[run.state])]


def _number(run: RunView, _now: datetime) -> Cell:
    return [(run_label(run), "muted")]


def _run_job(run: RunView, _now: datetime) -> Cell:
    return [(printable(run.job), "")]


def _elapsed(run: RunView, now: datetime) -> Cell:
    return [(format_age(run.started, now), "running")]


def _worker(run: RunView, _now: datetime) -> Cell:
    return [(printable(run.worker), "muted")]


def _trigger(run: RunView, _now: datetime) -> Cell:
    return [(run.trigger.value, "muted")]


def _waits(run: RunView, now: datetime) -> Cell:
    return [(format_age(run.waiting_since, now), "")]


def _why(run: RunView, _now: datetime) -> Cell:
    return [(printable(run.reason) or run.trigger.value, "muted")]


def _ended(run: RunView, now: datetime) -> Cell:
    return [(format_instant_short(run.ended, now), "")]


def _ended_in_full(run: RunView, now: datetime) -> Cell:
    return [(format_instant(run.ended, now), "")]


def _took(run: RunView, _now: datetime) -> Cell:
    return [(format_duration(run.elapsed) if run.elapsed is not None else "", "")]


def _outcome(run: RunView, _now: datetime) -> Cell:
    return [(printable(run.reason), "failed" if run.state is RunState.FAILED else "muted")]


def _took_or_why(run: RunView, now: datetime) -> Cell:
    """Of a run that ended well, how long it took; of any other, the reason: there is room for one."""
    return _took(run, now) if run.state is RunState.OK else _outcome(run, now)


RUNNING_COLUMNS: Sequence[Column[RunView]] = (
    Column("number", "RUN", 7, _number),
    Column("job", "JOB", 16, _run_job, grow=1),
    Column("elapsed", "FOR", 7, _elapsed, right=True),
    Column("worker", "WORKER", 10, _worker, rank=1),
    Column("trigger", "BY", 7, _trigger, rank=2),
)

WAITING_COLUMNS: Sequence[Column[RunView]] = (
    Column("state", "STATE", 8, _state),
    Column("number", "RUN", 7, _number),
    Column("job", "JOB", 14, _run_job, grow=2),
    Column("waits", "FOR", 6, _waits, right=True),
    Column("why", "WHY", 12, _why, grow=1, rank=1),
)

RECENT_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 8, _ended),
    Column("state", "STATE", 11, _state),
    Column("job", "JOB", 18, _run_job, grow=1),
    Column("number", "RUN", 7, _number, rank=1),
    Column("outcome", "OUTCOME", 12, _took_or_why, grow=2),
)

# The runs of one job: its name is the title.
JOB_RUN_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 12, _ended_in_full),
    Column("state", "STATE", 11, _state),
    Column("number", "RUN", 9, _number),
    Column("trigger", "BY", 7, _trigger, rank=1),
    Column("took", "TOOK", 7, _took, right=True),
    Column("outcome", "REASON", 12, _outcome, grow=1),
)


# --- upcoming -------------------------------------------------------------------------------------


def _due(row: UpcomingTick, now: datetime) -> Cell:
    return [(format_instant(row.due, now), "muted" if row.paused else "")]


def _left(row: UpcomingTick, now: datetime) -> Cell:
    if row.paused:
        return [("paused", "waiting")]
    if not is_affected_by_transition(row.schedule, row.due, now):
        return [(countdown(row.due, now), "running")]
    return [
        (DST, "dst"),
        (f" {countdown_within(_LEFT_WIDTH - len(f'{DST} '), row.due, now)}", "running"),
    ]


def _upcoming_job(row: UpcomingTick, _now: datetime) -> Cell:
    return [(printable(row.job), "muted" if row.paused else "")]


def _what(row: UpcomingTick, _now: datetime) -> Cell:
    return [(printable(row.cause), "muted")]


UPCOMING_COLUMNS: Sequence[Column[UpcomingTick]] = (
    Column("due", "DUE", 12, _due),
    Column("left", "IN", _LEFT_WIDTH, _left),
    Column("job", "JOB", 14, _upcoming_job, grow=2),
    Column("what", "WHAT", 10, _what, grow=1, rank=1),
)


def upcoming_key(row: UpcomingTick) -> object:
    """Tells what comes apart: a job has one next fire, a one-off run its number."""
    return row.number or row.job


# --- output ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that something printed, with its place among all of them."""

    place: int
    writer: str
    text: str


def _writer(line: OutputLine, _now: datetime) -> Cell:
    return [(printable(line.writer), "muted")]


def _text(line: OutputLine, _now: datetime) -> Cell:
    return [(printable(line.text), "")]


OUTPUT_COLUMNS: Sequence[Column[OutputLine]] = (
    Column("writer", "FROM", 16, _writer),
    Column("text", "OUTPUT", 20, _text, grow=1),
)
