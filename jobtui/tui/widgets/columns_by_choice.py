"""The columns of the table of jobs that the user may choose in addition to those that it has by default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView
from jobtui.frontend.formatting import (
    ABSENT,
    format_age,
    format_duration,
    format_instant,
    format_ok_share,
    format_origin,
    schedule_kind,
)
from jobtui.schedules.zones import zone_name
from jobtui.tui.widgets.job_order import next_timestamp, p95_duration, prev_timestamp, zone_name_of
from jobtui.tui.widgets.line_table import Cell, Column
from jobtui.tui.widgets.literal_text import cell_text

_ABSENT: Cell = [(ABSENT, "muted")]
_DROP_ORDER = 4  # of all these columns, for which the user has asked: after those that are less important


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


COLUMNS_BY_CHOICE: Sequence[Column[JobView]] = (
    Column(
        "ago",
        "AGO",
        6,
        _ago,
        align_right=True,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: -prev_timestamp(job),
        about="how long ago its latest run started",
    ),
    Column(
        "due",
        "DUE",
        12,
        _due_next,
        drop_order=_DROP_ORDER,
        sort_key=next_timestamp,
        about="when its next tick is due, as a time",
    ),
    Column(
        "p95",
        "P95",
        6,
        _p95,
        align_right=True,
        drop_order=_DROP_ORDER,
        sort_key=p95_duration,
        largest_first=True,
        about="what 95 % of its latest runs took at most",
    ),
    Column(
        "ok",
        "OK %",
        5,
        _ok_share,
        align_right=True,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: (job.runs - job.failures) / job.runs if job.runs else math.inf,
        about="how many of 100 runs did not fail",
    ),
    Column(
        "retries",
        "RETRIES",
        7,
        _retries,
        align_right=True,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: job.retries,
        largest_first=True,
        about="how many attempts were made once more",
    ),
    Column(
        "kind",
        "KIND",
        7,
        _kind,
        drop_order=_DROP_ORDER,
        sort_key=schedule_kind,
        about="cron, every, once, by hand, one-off, own",
    ),
    Column(
        "zone",
        "ZONE",
        13,
        _zone,
        drop_order=_DROP_ORDER,
        wanted=16,
        sort_key=zone_name_of,
        about="the time zone of the schedule",
    ),
    Column(
        "overlap",
        "OVERLAP",
        7,
        _overlap,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: job.overlap.value,
        about="what happens to a run if another goes on",
    ),
    Column(
        "misfire",
        "MISFIRE",
        8,
        _misfire,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: job.misfire.value,
        about="what happens to ticks that are late",
    ),
    Column(
        "timeout",
        "TIMEOUT",
        7,
        _timeout,
        align_right=True,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: job.timeout or timedelta.max,
        about="the longest that a run may take",
    ),
    Column(
        "arguments",
        "ARGUMENTS",
        16,
        _arguments,
        fraction=1,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: job.arguments,
        about="the arguments of its ticks",
    ),
    Column(
        "code",
        "CODE",
        16,
        _origin,
        fraction=1,
        drop_order=_DROP_ORDER,
        sort_key=lambda job: job.origin,
        about="the file and the line of its code",
    ),
)
