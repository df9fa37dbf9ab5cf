"""The order of the jobs by each column of their table: functions that turn a job into a sort key."""

from __future__ import annotations

import math
from datetime import timedelta

from jobtui.engine.enums import JobStatus
from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import JobView
from jobtui.frontend.formatting import failed_last
from jobtui.schedules.zones import zone_name

_STATUSES = [
    JobStatus.RUNNING,
    JobStatus.QUEUED,
    JobStatus.RETRYING,
    JobStatus.IDLE,
    JobStatus.PAUSED,
    JobStatus.DONE,
]


def status_order(job: JobView) -> tuple[bool, int]:
    """Return the place of a job by what it does now, those whose latest run failed before all others."""
    return not failed_last(job), _STATUSES.index(job.status)


# Timestamps, because datetimes of one zone compare by wall time, which a transition of the clock sets back.


def prev_timestamp(job: JobView) -> float:
    """Return when the latest run started; before all others if there was none."""
    return -math.inf if job.prev is None else job.prev.timestamp()


def next_timestamp(job: JobView) -> float:
    """Return when the next tick is due; after all others if there is none."""
    return math.inf if job.next is None else job.next.timestamp()


def last_elapsed(job: JobView) -> timedelta:
    """Return how long the latest run took."""
    return job.last_elapsed or timedelta()


def usual_duration(job: JobView) -> timedelta:
    """Return the median of the latest runs."""
    typical = typical_duration(job)
    return timedelta() if typical is None else typical.median


def p95_duration(job: JobView) -> timedelta:
    """Return what 95 % of the latest runs took at most."""
    typical = typical_duration(job)
    return timedelta() if typical is None else typical.p95


def zone_name_of(job: JobView) -> str:
    """Return the name of the time zone of the schedule."""
    return "" if job.schedule is None else zone_name(job.schedule.tz)
