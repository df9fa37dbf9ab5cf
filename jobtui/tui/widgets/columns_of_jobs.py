"""The columns of the table of jobs: functions that turn a job into cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from jobtui.engine.enums import RunState
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView
from jobtui.frontend.column_choice import ColumnSet
from jobtui.frontend.formatting import (
    ABSENT,
    STATE_SIGNS,
    failed_last,
    format_duration,
    format_instant,
    format_schedule,
    status_sign,
)
from jobtui.frontend.now_next import NO_RUNS, LiveRuns, now_next
from jobtui.frontend.outcome_strip import STRIP_LENGTH, outcome_strip
from jobtui.frontend.output_signs import output_signs
from jobtui.tui.widgets.columns_by_choice import COLUMNS_BY_CHOICE
from jobtui.tui.widgets.job_order import (
    last_elapsed,
    next_timestamp,
    prev_timestamp,
    status_order,
    usual_duration,
)
from jobtui.tui.widgets.line_table import Cell, Column
from jobtui.tui.widgets.literal_text import cell_text

NARROW_STRIP = 10  # outcomes in a narrow terminal
_NEXT_WITH_DATE = len("in 117d DST  2027-03-28")
_NEXT_WIDTH = 21  # of the longest texts but those with a date, such as `held 14s behind run 873`


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
        return [(ABSENT, "muted")]
    return [(format_duration(typical.median), ""), (f" ≤ {format_duration(typical.p95)}", "muted")]


def _summary(job: JobView, _now: datetime) -> Cell:
    return [(cell_text(job.summary), "muted")]


def _runs(job: JobView, _now: datetime) -> Cell:
    return [(str(job.runs), "" if job.runs else "muted")]


def _failures(job: JobView, _now: datetime) -> Cell:
    if failed_last(job):
        return [(f"{STATE_SIGNS[RunState.FAILED].glyph} {job.failures}", "failed")]
    return [(str(job.failures), "" if job.failures else "muted")]


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
            sort_key=status_order,
            about="what the job does now",
            lasts=True,
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
            lasts=True,
        ),
        Column(
            "next",
            "NOW / NEXT",
            _NEXT_WIDTH,
            now_and_next,
            fraction=2,
            drop_order=2,
            wanted=_NEXT_WITH_DATE,
            sort_key=next_timestamp,
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
            sort_key=last_elapsed,
            largest_first=True,
            about="how long its latest run took",
            lasts=True,
        ),
        Column(
            "usually",
            "USUALLY",
            15,
            _usual,
            drop_order=9,
            sort_key=usual_duration,
            largest_first=True,
            about="the median and the P95 of its latest runs",
            lasts=True,
        ),
        Column(
            "schedule",
            "SCHEDULE",
            12,
            _schedule,
            fraction=2,
            drop_order=7,
            wanted=19,
            sort_key=lambda job: job.spec,
            about="the schedule as you wrote it",
            lasts=True,
        ),
        Column(
            "last-run",
            "LAST RUN",
            12,
            _prev,
            drop_order=8,
            sort_key=prev_timestamp,
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
            lasts=True,
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
            lasts=True,
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
            lasts=True,
        ),
        *COLUMNS_BY_CHOICE,
    )


JOB_COLUMNS = job_columns(dict, lambda _job: False)  # without the runs that have not ended
COLUMN_SET = ColumnSet(
    known=tuple(column.key for column in JOB_COLUMNS),
    default=tuple(column.key for column in JOB_COLUMNS[: -len(COLUMNS_BY_CHOICE)]),
    always=("status", "name"),
)
