"""The alarm: what is wrong with the jobs of a scheduler, in one line that names the common cause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from jobtui.engine.enums import RunState
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    elapsed_between,
    format_duration,
    format_instant_short,
    pluralize,
)
from jobtui.frontend.job_index import JobIndex

LONG_WAIT = timedelta(seconds=10)  # of a run in the queue, before it is worth a line
_NUMBERS = re.compile(r"[0-9]+")


class Alarm(NamedTuple):
    """The line.

    Attributes:
        text: The text.
        tone: The tone, as in `frontend.formatting.Sign`.
    """

    text: str
    tone: str


class _Failure(NamedTuple):
    """The present failure of a job.

    Attributes:
        run: Its latest run, which has failed.
        streak: How many of its runs have failed since the latest one that was OK.
        since: When the first of them ended of which that is known.
    """

    run: RunView
    streak: int
    since: datetime


def find_alarm(snapshot: Snapshot, index: JobIndex) -> Alarm | None:
    """Return what is wrong: jobs that fail, else a queue that does not move; None if nothing is.

    Args:
        snapshot: The scheduler.
        index: Its jobs.
    """
    failing = index.failing
    if failing:
        return Alarm(_describe_failures(failing, snapshot), STATE_SIGNS[RunState.FAILED].tone)
    waiting = [run.waiting_since for run in snapshot.waiting if run.state is RunState.QUEUED]
    since = min((instant for instant in waiting if instant is not None), default=None)
    if since is None or not snapshot.pool.saturated or elapsed_between(since, snapshot.at) < LONG_WAIT:
        return None
    wait = format_duration(elapsed_between(since, snapshot.at))
    verb = "waits" if snapshot.pool.queued == 1 else "wait"
    runs = pluralize(snapshot.pool.queued, "run")
    return Alarm(f"the pool is full: {runs} {verb}, the first one for {wait}", "waiting")


def _describe_failures(failing: Sequence[JobView], snapshot: Snapshot) -> str:
    failures = [each for job in failing if (each := _failure_of(job, snapshot.recent)) is not None]
    if not failures:
        return f"{pluralize(len(failing), 'job')} failed last: {', '.join(job.name for job in failing)}"
    latest = max(failures, key=lambda each: each.run.ended or each.since)
    reason = latest.run.reason
    same = [each for each in failures if _shape(each.run.reason) == _shape(reason)]
    others = len(failing) - len(same)
    if len(same) > 1:
        since = format_instant_short(min(each.since for each in same), snapshot.at)
        also = f", and {others} more otherwise" if others else ""
        return f"{len(same)} jobs fail since {since}, with the same error{also}: {reason}"
    since = format_instant_short(latest.since, snapshot.at)
    fails = f"fails since {since}, {latest.streak} in a row" if latest.streak > 1 else f"failed at {since}"
    also = f" (and {pluralize(others, 'other job')} otherwise)" if others else ""
    return f"{latest.run.job} {fails}{also}: {reason}"


def _failure_of(job: JobView, recent: Sequence[RunView]) -> _Failure | None:
    """Return the failure of a job whose latest run has failed; None if that is not among the recent runs."""
    own = (run for run in recent if run.job == job.name and run.state.completed)
    failed = [*takewhile(lambda run: run.state.failed, own)]
    if not failed or failed[-1].ended is None:
        return None
    completed = [state for state in reversed(job.recent) if state.completed]
    streak = sum(1 for _ in takewhile(lambda state: state.failed, completed))
    return _Failure(failed[0], streak, failed[-1].ended)


def _shape(reason: str) -> str:
    """Return a reason without its numbers, in which equal errors may differ."""
    return _NUMBERS.sub("0", reason)
