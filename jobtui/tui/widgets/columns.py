"""The columns of the dashboard's tables: functions that turn jobs, runs, ticks and output into cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from rich.cells import cell_len, set_cell_size

from jobtui.engine.enums import JobStatus, RunState
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView, RunView
from jobtui.frontend.column_choice import ColumnSet
from jobtui.frontend.formatting import (
    ABSENT,
    DST,
    STATE_SIGNS,
    countdown,
    countdown_within,
    failed_last,
    format_age,
    format_duration,
    format_instant,
    format_instant_short,
    format_ok_share,
    format_origin,
    format_schedule,
    run_label,
    schedule_kind,
    status_sign,
)
from jobtui.frontend.now_next import HELD_FOR, NO_RUNS, LiveRuns, now_next
from jobtui.frontend.outcome_strip import STRIP_LENGTH, outcome_strip
from jobtui.frontend.output_signs import output_signs
from jobtui.frontend.progress import estimate_progress, progress_pieces
from jobtui.frontend.upcoming import UpcomingTick, is_affected_by_transition
from jobtui.schedules.zones import zone_name
from jobtui.tui.widgets.line_table import Cell, Column
from jobtui.tui.widgets.literal_text import cell_text

NARROW_STRIP = 10  # outcomes in a narrow terminal
_NEXT_WIDTH = 21  # of the longest texts but those with a date, such as `held 14s behind run 873`
_COUNTDOWN_WIDTH = 9
_ABSENT: Cell = [(ABSENT, "muted")]


# --- jobs -----------------------------------------------------------------------------------------


def _status(job: JobView, _now: datetime) -> Cell:
    sign, word = status_sign(job)
    return [(f"{sign.glyph} {word}", sign.tone)]


def _name(job: JobView, now: datetime, *, has_new_output: bool = False) -> Cell:
    waiting = job.queued + job.held
    name = (cell_text(job.name), "failed" if failed_last(job) else "")
    signs = output_signs(job, now, is_new=has_new_output)
    return [name, *([(f" +{waiting}", "waiting")] if waiting else []), *signs]


def _schedule(job: JobView, now: datetime) -> Cell:
    assert now.tzinfo is not None
    return [(cell_text(format_schedule(job, now.tzinfo)), "muted")]


def _prev(job: JobView, now: datetime) -> Cell:
    return [(format_instant(job.prev, now), "" if job.prev else "muted")]


def _last(job: JobView, _now: datetime) -> Cell:
    return [(format_duration(job.last_elapsed), "" if job.last_elapsed is not None else "muted")]


def _strip(job: JobView, _now: datetime, width: int = STRIP_LENGTH) -> Cell:
    return outcome_strip(job, width)


def _usual(job: JobView, _now: datetime) -> Cell:
    typical = typical_duration(job)
    if typical is None:
        return _ABSENT
    return [(format_duration(typical.median), ""), (f" ≤ {format_duration(typical.p95)}", "muted")]


def _summary(job: JobView, _now: datetime) -> Cell:
    return [(cell_text(job.summary), "muted")]


def _runs(job: JobView, _now: datetime) -> Cell:
    return [(str(job.runs), "" if job.runs else "muted")]


def _failures(job: JobView, _now: datetime) -> Cell:
    if failed_last(job):
        return [(f"{STATE_SIGNS[RunState.FAILED].glyph} {job.failures}", "failed")]
    return [(str(job.failures), "" if job.failures else "muted")]


def _ago(job: JobView, now: datetime) -> Cell:
    return [(format_age(job.prev, now), "" if job.prev else "muted")]


def _due_next(job: JobView, now: datetime) -> Cell:
    return [(format_instant(job.next, now), "" if job.next else "muted")]


def _p95(job: JobView, _now: datetime) -> Cell:
    typical = typical_duration(job)
    return _ABSENT if typical is None else [(format_duration(typical.p95), "")]


def _ok_share(job: JobView, _now: datetime) -> Cell:
    return [(format_ok_share(job), "")] if job.runs else _ABSENT


def _retries(job: JobView, _now: datetime) -> Cell:
    return [(str(job.retries), "" if job.retries else "muted")]


def _kind(job: JobView, _now: datetime) -> Cell:
    return [(schedule_kind(job), "muted")]


def _zone(job: JobView, _now: datetime) -> Cell:
    return _ABSENT if job.schedule is None else [(cell_text(zone_name(job.schedule.tz)), "muted")]


def _overlap(job: JobView, _now: datetime) -> Cell:
    return [(job.overlap.value, "muted")]


def _misfire(job: JobView, _now: datetime) -> Cell:
    return [(job.misfire.value, "muted")]


def _timeout(job: JobView, _now: datetime) -> Cell:
    return _ABSENT if job.timeout is None else [(format_duration(job.timeout), "")]


def _arguments(job: JobView, _now: datetime) -> Cell:
    return [(cell_text(job.arguments), "")] if job.arguments else _ABSENT


def _origin(job: JobView, _now: datetime) -> Cell:
    return [(cell_text(format_origin(job)), "muted")] if job.origin else _ABSENT


# Timestamps, because datetimes of one zone compare by wall time, which a transition of the clock sets back.


def _prev_timestamp(job: JobView) -> float:
    return -math.inf if job.prev is None else job.prev.timestamp()


def _next_timestamp(job: JobView) -> float:
    return math.inf if job.next is None else job.next.timestamp()


def _spec(job: JobView) -> str:
    return job.spec


def _last_elapsed(job: JobView) -> timedelta:
    return job.last_elapsed or timedelta()


def _usual_duration(job: JobView) -> timedelta:
    typical = typical_duration(job)
    return timedelta() if typical is None else typical.median


def _p95_duration(job: JobView) -> timedelta:
    typical = typical_duration(job)
    return timedelta() if typical is None else typical.p95


def _zone_order(job: JobView) -> str:
    return "" if job.schedule is None else zone_name(job.schedule.tz)


_STATUS_ORDER = [
    JobStatus.RUNNING,
    JobStatus.QUEUED,
    JobStatus.RETRYING,
    JobStatus.IDLE,
    JobStatus.PAUSED,
    JobStatus.DONE,
]


def _status_order(job: JobView) -> tuple[bool, int]:
    return not failed_last(job), _STATUS_ORDER.index(job.status)


def job_columns(
    live: Callable[[], Mapping[str, LiveRuns]], has_new_output: Callable[[JobView], bool]
) -> Sequence[Column[JobView]]:
    """Return the columns of the table of jobs: those that it has by default, then the others.

    Args:
        live: Returns the runs of each job that have not ended, by the name of the job.
        has_new_output: Returns whether a job has written output that the user has not seen.
    """

    def name_and_signs(job: JobView, now: datetime) -> Cell:
        return _name(job, now, has_new_output=has_new_output(job))

    def now_and_next(job: JobView, now: datetime, width: int = _NEXT_WIDTH) -> Cell:
        pieces = now_next(job, live().get(job.name, NO_RUNS), now, width)
        return [(cell_text(text), tone) for text, tone in pieces]

    return (
        Column(
            "status",
            "STATUS",
            10,
            _status,
            sort_key=_status_order,
            about="what the job does now",
        ),
        Column(
            "name",
            "NAME",
            17,
            name_and_signs,
            fraction=3,
            sort_key=lambda job: job.name.casefold(),
            about="its name, waiting runs, signs of output",
        ),
        Column(
            "outcomes",
            "OUTCOMES",
            NARROW_STRIP,
            _strip,
            drop_order=5,
            wanted=STRIP_LENGTH,
            fitted_cell=_strip,
            about="its latest 20 endings",
        ),
        Column(
            "next",
            "NOW / NEXT",
            _NEXT_WIDTH,
            now_and_next,
            fraction=2,
            drop_order=2,
            sort_key=_next_timestamp,
            fitted_cell=now_and_next,
            about="progress, wait or pause, or the next tick",
        ),
        Column(
            "took",
            "TOOK",
            6,
            _last,
            align_right=True,
            drop_order=3,
            sort_key=_last_elapsed,
            largest_first=True,
            about="how long its latest run took",
        ),
        Column(
            "usually",
            "USUALLY",
            15,
            _usual,
            drop_order=9,
            sort_key=_usual_duration,
            largest_first=True,
            about="the median and the P95 of its latest runs",
        ),
        Column(
            "schedule",
            "SCHEDULE",
            12,
            _schedule,
            fraction=2,
            drop_order=7,
            wanted=19,
            sort_key=_spec,
            about="the schedule as you wrote it",
        ),
        Column(
            "last-run",
            "LAST RUN",
            12,
            _prev,
            drop_order=8,
            sort_key=_prev_timestamp,
            largest_first=True,
            about="when its latest run started",
        ),
        Column(
            "about",
            "ABOUT",
            20,
            _summary,
            fraction=1,
            drop_order=10,
            about="the first line of the docstring",
        ),
        Column(
            "runs",
            "RUNS",
            5,
            _runs,
            align_right=True,
            drop_order=6,
            sort_key=lambda job: job.runs,
            largest_first=True,
            about="how many of its runs ended OK or FAILED",
        ),
        Column(
            "fail",
            "FAIL",
            5,
            _failures,
            align_right=True,
            drop_order=1,
            sort_key=lambda job: job.failures,
            largest_first=True,
            about="how many of them FAILED",
        ),
        *_EXTRA_COLUMNS,
    )


_EXTRA = 4  # the drop order of columns that the user has asked for: after those that are less important
_EXTRA_COLUMNS: Sequence[Column[JobView]] = (
    Column(
        "ago",
        "AGO",
        6,
        _ago,
        align_right=True,
        drop_order=_EXTRA,
        sort_key=lambda job: -_prev_timestamp(job),
        about="how long ago its latest run started",
    ),
    Column(
        "due",
        "DUE",
        12,
        _due_next,
        drop_order=_EXTRA,
        sort_key=_next_timestamp,
        about="when its next tick is due, as a time",
    ),
    Column(
        "p95",
        "P95",
        6,
        _p95,
        align_right=True,
        drop_order=_EXTRA,
        sort_key=_p95_duration,
        largest_first=True,
        about="what 95 % of its latest runs took at most",
    ),
    Column(
        "ok",
        "OK %",
        5,
        _ok_share,
        align_right=True,
        drop_order=_EXTRA,
        sort_key=lambda job: (job.runs - job.failures) / job.runs if job.runs else math.inf,
        about="how many of 100 runs did not fail",
    ),
    Column(
        "retries",
        "RETRIES",
        7,
        _retries,
        align_right=True,
        drop_order=_EXTRA,
        sort_key=lambda job: job.retries,
        largest_first=True,
        about="how many attempts were made once more",
    ),
    Column(
        "kind",
        "KIND",
        7,
        _kind,
        drop_order=_EXTRA,
        sort_key=schedule_kind,
        about="cron, every, once, by hand, one-off, own",
    ),
    Column(
        "zone",
        "ZONE",
        13,
        _zone,
        drop_order=_EXTRA,
        wanted=16,
        sort_key=_zone_order,
        about="the time zone of the schedule",
    ),
    Column(
        "overlap",
        "OVERLAP",
        7,
        _overlap,
        drop_order=_EXTRA,
        sort_key=lambda job: job.overlap.value,
        about="what happens to a run if another goes on",
    ),
    Column(
        "misfire",
        "MISFIRE",
        8,
        _misfire,
        drop_order=_EXTRA,
        sort_key=lambda job: job.misfire.value,
        about="what happens to ticks that are late",
    ),
    Column(
        "timeout",
        "TIMEOUT",
        7,
        _timeout,
        align_right=True,
        drop_order=_EXTRA,
        sort_key=lambda job: job.timeout or timedelta.max,
        about="the longest that a run may take",
    ),
    Column(
        "arguments",
        "ARGUMENTS",
        16,
        _arguments,
        fraction=1,
        drop_order=_EXTRA,
        sort_key=lambda job: job.arguments,
        about="the arguments of its ticks",
    ),
    Column(
        "code",
        "CODE",
        16,
        _origin,
        fraction=1,
        drop_order=_EXTRA,
        sort_key=lambda job: job.origin,
        about="the file and the line of its code",
    ),
)
JOB_COLUMNS = job_columns(dict, lambda _job: False)  # without the runs that have not ended
COLUMN_SET = ColumnSet(
    known=tuple(column.key for column in JOB_COLUMNS),
    default=tuple(column.key for column in JOB_COLUMNS[: -len(_EXTRA_COLUMNS)]),
    always=("status", "name"),
)


# --- runs -----------------------------------------------------------------------------------------


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


def _reason(run: RunView, _now: datetime) -> Cell:
    """Return why a run waits; of a HELD one shortly, so that the number of the other run is never cut off."""
    reason = run.reason.replace(HELD_FOR, "behind ", 1) if run.state is RunState.HELD else run.reason
    return [(cell_text(reason) or run.trigger.value, "muted")]


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
    """Return the pieces that fit into a width in cells; the last one shows that it is cut."""
    fitted: list[tuple[str, str]] = []
    for text, tone in cell:
        if cell_len(text) > width:
            return [*fitted, (set_cell_size(text, width - 1) + "…", tone)] if width else fitted
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
        if started is None or not estimate_progress(run, typical, started, now).is_known:
            return []
        pieces = progress_pieces(run, typical, started, now, width)
        return _cut([(cell_text(text), tone) for text, tone in pieces], width)

    return (
        Column("number", "RUN", 4, _number),
        Column("job", "JOB", 14, _run_job, fraction=1),
        Column("running_for", "FOR", 7, _running_for, align_right=True),
        Column(
            "progress", "PROGRESS", width, progress, fraction=2, drop_order=1, wanted=36, fitted_cell=progress
        ),
        Column("worker", "WORKER", 10, _worker, drop_order=2),
        Column("trigger", "BY", 7, _trigger, drop_order=3),
    )


RUNNING_COLUMNS = running_columns(lambda _: None)  # without the usual durations

WAITING_COLUMNS: Sequence[Column[RunView]] = (
    Column("state", "STATE", 8, _waiting_state),
    Column("number", "RUN", 4, _number),
    Column("job", "JOB", 14, _run_job, fraction=2),
    Column("waiting_for", "FOR", 6, _waiting_for, align_right=True),
    Column("reason", "REASON", 12, _reason, fraction=1, drop_order=1, wanted=18),
)

RECENT_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 8, _ended),
    Column("state", "STATE", 11, _state),
    Column("job", "JOB", 14, _run_job, fraction=1),
    Column("number", "RUN", 4, _number, drop_order=1),
    Column("outcome", "OUTCOME", 12, _duration_or_reason, fraction=2, wanted=24),
)

# For the runs of one job, whose name is the title.
JOB_RUN_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 12, _ended_in_full),
    Column("state", "STATE", 11, _state),
    Column("number", "RUN", 9, _number),
    Column("trigger", "BY", 7, _trigger, drop_order=1),
    Column("took", "TOOK", 7, _took, align_right=True),
    Column("outcome", "REASON", 12, _outcome, fraction=1),
)


# For runs of all jobs, of any day.
HISTORY_COLUMNS: Sequence[Column[RunView]] = (
    Column("ended", "ENDED", 12, _ended_in_full),
    Column("state", "STATE", 11, _state),
    Column("number", "RUN", 9, _number, drop_order=1),
    Column("job", "JOB", 14, _run_job, fraction=1),
    Column("trigger", "BY", 7, _trigger, drop_order=2),
    Column("took", "TOOK", 7, _took, align_right=True, drop_order=3),
    Column("outcome", "REASON", 12, _outcome, fraction=2),
)


# --- upcoming -------------------------------------------------------------------------------------


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
    Column("job", "JOB", 14, _upcoming_job, fraction=2),
    Column("cause", "SCHEDULE", 10, _cause, fraction=1, drop_order=1, wanted=16),
)


def upcoming_key(row: UpcomingTick) -> object:
    """Identify a one-off run by its number, and the next tick of a job by the job's name."""
    return row.number or row.job
