"""The alarms: what is wrong with the jobs of a scheduler, each in one line that names the common cause."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from jobtui.engine.enums import Phase, RunState
from jobtui.engine.records import RECENT_RUNS
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.formatting import (
    STATE_SIGNS,
    elapsed_between,
    format_duration,
    format_instant_short,
    pluralize,
)
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.parsed_traceback import failing_frame, parse_traceback
from jobtui.frontend.traceback_lines import place_text
from jobtui.runtime.timer import HEARTBEAT_LATE

LONG_WAIT = timedelta(seconds=10)  # of a run in the queue, before it is worth a line
MANY_TICKS = 3  # of a job in a row that a run of it has prevented, before they are worth a line
MOST_NAMES = 3  # of jobs in one alarm
_NUMBERS = re.compile(r"[0-9]+")


class Alarm(NamedTuple):
    """A line.

    Attributes:
        text: The text.
        tone: The tone, as in `frontend.formatting.Sign`.
        job: The name of the job with the trouble; "" for none.
        run: The run, or the ticks without one, in which the cause is to be seen; None for none.
    """

    text: str
    tone: str
    job: str = ""
    run: RunView | None = None


class _Failure(NamedTuple):
    """The present failure of a job.

    Attributes:
        run: Its latest run, which has failed.
        streak: How many of its runs have failed since the latest one that was OK, as far as that is known.
        since: When the first of them ended; None if that is not known.
    """

    run: RunView
    streak: int
    since: datetime | None


def find_alarms(snapshot: Snapshot, index: JobIndex) -> list[Alarm]:
    """Return what is wrong, the worst first.

    Args:
        snapshot: The scheduler.
        index: Its jobs.
    """
    return [alarm for check in _CHECKS for alarm in check(snapshot, index)]


def _stalled_timer(snapshot: Snapshot, _index: JobIndex) -> Iterator[Alarm]:
    if snapshot.heartbeat is None or snapshot.phase is not Phase.RUNNING:
        return
    asleep = elapsed_between(snapshot.heartbeat, snapshot.at)
    if asleep.total_seconds() > HEARTBEAT_LATE:
        text = f"the timer has not woken for {format_duration(asleep)}: no tick starts a run"
        yield Alarm(text, "failed")


def _store_problem(snapshot: Snapshot, _index: JobIndex) -> Iterator[Alarm]:
    store = snapshot.store
    if store.problem:
        lost = f"; {pluralize(store.lost, 'ending')} will be missing in it" if store.lost else ""
        yield Alarm(f"the store is not written: {store.problem}{lost}", "failed")


def _failures(snapshot: Snapshot, index: JobIndex) -> Iterator[Alarm]:
    """Yield an alarm for each error: first that of the most jobs, then that which began first."""
    failing = index.failing
    if not failing:
        return
    runs: dict[str, list[RunView]] = defaultdict(list)
    for run in snapshot.recent:
        if run.state.completed:
            runs[run.job].append(run)
    groups: dict[str, list[_Failure]] = defaultdict(list)
    unknown = []
    for job in failing:
        failure = _failure_of(job, runs)
        if failure is None:
            unknown.append(job.name)
        else:
            groups[_shape(failure.run.reason)].append(failure)
    for group in sorted(groups.values(), key=_severity):
        yield _describe_failures(group, snapshot.at)
    if unknown:
        text = f"{pluralize(len(unknown), 'job')} failed last: {_list_names(unknown)}"
        yield Alarm(text, STATE_SIGNS[RunState.FAILED].tone, unknown[0])


def _missed_ticks(snapshot: Snapshot, _index: JobIndex) -> Iterator[Alarm]:
    streaks = _streaks(snapshot, RunState.MISSED)
    if streaks:
        ticks, latest = sum(each.ticks for each in streaks), streaks[0].run
        jobs = latest.job if len(streaks) == 1 else pluralize(len(streaks), "job")
        verb = "was" if ticks == 1 else "were"
        text = f"{pluralize(ticks, 'tick')} of {jobs} {verb} missed: {latest.reason}"
        yield Alarm(text, "failed", latest.job, latest)


def _abandoned_runs(snapshot: Snapshot, _index: JobIndex) -> Iterator[Alarm]:
    if snapshot.abandoned:
        pool, oldest = snapshot.pool, snapshot.abandoned[0]
        age = format_duration(elapsed_between(oldest.started or oldest.created, snapshot.at))
        more = "" if pool.can_abandon else "; no more runs can be abandoned"
        what = f"{pluralize(pool.abandoned, 'abandoned run')} {'go' if pool.abandoned > 1 else 'goes'} on"
        yield Alarm(f"{what}, the oldest of {oldest.job} for {age}{more}", "failed", oldest.job, oldest)


def _skipped_ticks(snapshot: Snapshot, index: JobIndex) -> Iterator[Alarm]:
    """Yield an alarm for each job of which one run takes the time of many ticks, the most ticks first."""
    long = [each for each in _streaks(snapshot, RunState.SKIPPED) if each.ticks >= MANY_TICKS]
    if not long:
        return
    busy = {job.name for job in index.needing_attention(snapshot.at.timestamp()) if job.running}
    for streak in sorted(long, key=lambda each: -each.ticks):
        run = streak.run
        if run.job in busy:
            since = format_instant_short(streak.since, snapshot.at)
            text = f"{run.job} skipped {streak.ticks} ticks since {since}: {run.reason}"
            yield Alarm(text, "waiting", run.job, run)


def _full_pool(snapshot: Snapshot, _index: JobIndex) -> Iterator[Alarm]:
    first = min(
        (run for run in snapshot.waiting if run.state is RunState.QUEUED and run.waiting_since is not None),
        key=lambda run: (run.waiting_since or run.created).timestamp(),
        default=None,
    )
    if first is None or first.waiting_since is None or not snapshot.pool.saturated:
        return
    waited = elapsed_between(first.waiting_since, snapshot.at)
    if waited < LONG_WAIT:
        return
    verb = "waits" if snapshot.pool.queued == 1 else "wait"
    runs = pluralize(snapshot.pool.queued, "run")
    text = f"the pool is full: {runs} {verb}, the first one for {format_duration(waited)}"
    longest = next((run for run in snapshot.running if run.started is not None), None)
    if longest is None or longest.started is None:
        yield Alarm(text, "waiting", first.job, first)
        return
    runs_for = format_duration(elapsed_between(longest.started, snapshot.at))
    yield Alarm(f"{text}; {longest.job} runs for {runs_for}", "waiting", longest.job, longest)


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
        run: The entry of the latest ones.
        ticks: How many ticks.
        since: When the first of them was due of which that is known.
    """

    run: RunView
    ticks: int
    since: datetime


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
            _Streak(run, run.ticks, since)
            if before is None
            else before._replace(ticks=before.ticks + run.ticks, since=since)
        )
    return list(streaks.values())


def _failure_of(job: JobView, runs: Mapping[str, Sequence[RunView]]) -> _Failure | None:
    """Return the failure of a job whose latest run has failed; None if that is not among the recent runs.

    Args:
        job: The job.
        runs: The recent runs that have completed, the latest first, by the name of the job.
    """
    failed = [*takewhile(lambda run: run.state.failed, runs.get(job.name, ()))]
    if not failed:
        return None
    completed = (state for state in reversed(job.recent) if state.completed)
    streak = sum(1 for _ in takewhile(lambda state: state.failed, completed))
    is_complete = len(failed) == streak < RECENT_RUNS
    return _Failure(failed[0], streak, failed[-1].ended if is_complete else None)


def _severity(group: Sequence[_Failure]) -> tuple[int, float]:
    begun = (each.since.timestamp() for each in group if each.since is not None)
    return -len(group), min(begun, default=0.0)


def _describe_failures(group: Sequence[_Failure], now: datetime) -> Alarm:
    """Return the alarm for jobs that fail with the same error."""
    latest = max(group, key=lambda each: 0.0 if each.run.ended is None else each.run.ended.timestamp())
    run, streak = latest.run, latest.streak
    begun = [each.since for each in group if each.since is not None]
    since = f" since {format_instant_short(min(begun), now)}" if len(begun) == len(group) else ""
    if len(group) > 1:
        what = f"{len(group)} jobs fail{since}, with the same error"
    elif streak > 1:
        more = "" if streak < RECENT_RUNS else " or more"
        what = f"{run.job} fails{since}, {streak}{more} in a row"
    else:
        what = f"{run.job} failed at {format_instant_short(run.ended, now)}"
    frame = failing_frame(parse_traceback(run.error)) if run.error else None
    place = "" if frame is None else f"  {place_text(frame)}"
    return Alarm(f"{what}: {run.reason}{place}", STATE_SIGNS[run.state].tone, run.job, run)


def _list_names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MOST_NAMES])} and {more} more"


def _shape(reason: str) -> str:
    """Return a reason without its numbers, in which equal errors may differ."""
    return _NUMBERS.sub("0", reason)
