"""The alarm: what is wrong with the jobs of a scheduler, in one line that names the common cause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from jobtui.engine.enums import Phase, RunState
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    elapsed_between,
    format_duration,
    format_instant_short,
    pluralize,
)
from jobtui.frontend.job_index import JobIndex
from jobtui.runtime.timer import HEARTBEAT_LATE

LONG_WAIT = timedelta(seconds=10)  # of a run in the queue, before it is worth a line
MANY_TICKS = 3  # of a job in a row that a run of it has prevented, before they are worth a line
_NUMBERS = re.compile(r"[0-9]+")


class Alarm(NamedTuple):
    """The line.

    Attributes:
        text: The text.
        tone: The tone, as in `frontend.formatting.Sign`.
        job: The name of the job with the trouble; "" for none.
    """

    text: str
    tone: str
    job: str = ""


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
    """Return the worst of what is wrong; None if nothing is.

    Args:
        snapshot: The scheduler.
        index: Its jobs.
    """
    return next((alarm for find in _CHECKS if (alarm := find(snapshot, index)) is not None), None)


def _stalled_timer(snapshot: Snapshot, _index: JobIndex) -> Alarm | None:
    if snapshot.heartbeat is None or snapshot.phase is not Phase.RUNNING:
        return None
    asleep = elapsed_between(snapshot.heartbeat, snapshot.at)
    if asleep.total_seconds() <= HEARTBEAT_LATE:
        return None
    return Alarm(f"the timer has not woken for {format_duration(asleep)}: no tick starts a run", "failed")


def _store_problem(snapshot: Snapshot, _index: JobIndex) -> Alarm | None:
    store = snapshot.store
    if not store.problem:
        return None
    lost = f"; {pluralize(store.lost, 'ending')} will be missing in it" if store.lost else ""
    return Alarm(f"the store is not written: {store.problem}{lost}", "failed")


def _failures(snapshot: Snapshot, index: JobIndex) -> Alarm | None:
    failing = index.failing
    return _describe_failures(failing, snapshot) if failing else None


def _missed_ticks(snapshot: Snapshot, _index: JobIndex) -> Alarm | None:
    streaks = _streaks(snapshot, RunState.MISSED)
    if not streaks:
        return None
    ticks, latest = sum(each.ticks for each in streaks), streaks[0]
    jobs = latest.job if len(streaks) == 1 else pluralize(len(streaks), "job")
    verb = "was" if ticks == 1 else "were"
    return Alarm(f"{pluralize(ticks, 'tick')} of {jobs} {verb} missed: {latest.reason}", "failed", latest.job)


def _abandoned_runs(snapshot: Snapshot, _index: JobIndex) -> Alarm | None:
    if not snapshot.abandoned:
        return None
    pool, oldest = snapshot.pool, snapshot.abandoned[0]
    age = format_duration(elapsed_between(oldest.started or oldest.created, snapshot.at))
    more = "" if pool.can_abandon else "; no more runs can be abandoned"
    what = f"{pluralize(pool.abandoned, 'abandoned run')} {'go' if pool.abandoned > 1 else 'goes'} on"
    return Alarm(f"{what}, the oldest of {oldest.job} for {age}{more}", "failed", oldest.job)


def _skipped_ticks(snapshot: Snapshot, index: JobIndex) -> Alarm | None:
    """Return the alarm for a job of which one run takes the time of many ticks."""
    busy = {job.name for job in index.needing_attention(snapshot.at.timestamp()) if job.running}
    long = [each for each in _streaks(snapshot, RunState.SKIPPED) if each.ticks >= MANY_TICKS]
    worst = max((each for each in long if each.job in busy), key=lambda each: each.ticks, default=None)
    if worst is None:
        return None
    since = format_instant_short(worst.since, snapshot.at)
    text = f"{worst.job} skipped {worst.ticks} ticks since {since}: {worst.reason}"
    return Alarm(text, "waiting", worst.job)


def _full_pool(snapshot: Snapshot, _index: JobIndex) -> Alarm | None:
    first = min(
        (run for run in snapshot.waiting if run.state is RunState.QUEUED and run.waiting_since is not None),
        key=lambda run: (run.waiting_since or run.created).timestamp(),
        default=None,
    )
    if first is None or first.waiting_since is None or not snapshot.pool.saturated:
        return None
    waited = elapsed_between(first.waiting_since, snapshot.at)
    if waited < LONG_WAIT:
        return None
    verb = "waits" if snapshot.pool.queued == 1 else "wait"
    runs = pluralize(snapshot.pool.queued, "run")
    text = f"the pool is full: {runs} {verb}, the first one for {format_duration(waited)}"
    return Alarm(text, "waiting", first.job)


# The worst comes first: what keeps everything from running, then what did not work, then what is slow.
_CHECKS = (
    _stalled_timer,
    _store_problem,
    _failures,
    _missed_ticks,
    _abandoned_runs,
    _full_pool,
    _skipped_ticks,
)


class _Streak(NamedTuple):
    """The latest ticks of a job, if they all started no run.

    Attributes:
        job: The name of the job.
        ticks: How many ticks.
        since: When the first of them was due of which that is known.
        reason: Why the latest one started no run.
    """

    job: str
    ticks: int
    since: datetime
    reason: str


def _streaks(snapshot: Snapshot, state: RunState) -> list[_Streak]:
    """Return the ticks of each job that ended in a state after all its other endings, the latest first."""
    streaks: dict[str, _Streak] = {}
    over: set[str] = set()
    for run in snapshot.recent:
        if run.job in over:
            continue
        if run.state is not state:
            over.add(run.job)
            continue
        since = run.due or run.created
        before = streaks.get(run.job)
        streaks[run.job] = (
            _Streak(run.job, run.ticks, since, run.reason)
            if before is None
            else before._replace(ticks=before.ticks + run.ticks, since=since)
        )
    return list(streaks.values())


def _describe_failures(failing: Sequence[JobView], snapshot: Snapshot) -> Alarm:
    tone = STATE_SIGNS[RunState.FAILED].tone
    failures = [each for job in failing if (each := _failure_of(job, snapshot.recent)) is not None]
    if not failures:
        names = ", ".join(job.name for job in failing)
        return Alarm(f"{pluralize(len(failing), 'job')} failed last: {names}", tone, failing[0].name)
    latest = max(failures, key=lambda each: each.run.ended or each.since)
    reason = latest.run.reason
    same = [each for each in failures if _shape(each.run.reason) == _shape(reason)]
    others = len(failing) - len(same)
    if len(same) > 1:
        since = format_instant_short(min(each.since for each in same), snapshot.at)
        also = f", and {others} more otherwise" if others else ""
        text = f"{len(same)} jobs fail since {since}, with the same error{also}: {reason}"
        return Alarm(text, tone, latest.run.job)
    since = format_instant_short(latest.since, snapshot.at)
    fails = f"fails since {since}, {latest.streak} in a row" if latest.streak > 1 else f"failed at {since}"
    also = f" (and {pluralize(others, 'other job')} otherwise)" if others else ""
    return Alarm(f"{latest.run.job} {fails}{also}: {reason}", tone, latest.run.job)


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
