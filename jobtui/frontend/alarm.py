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
    format_age,
    format_instant_short,
    pluralize,
)
from jobtui.frontend.job_index import JobIndex
from jobtui.frontend.now_next import HELD_FOR
from jobtui.frontend.parsed_traceback import failing_frame, parse_traceback
from jobtui.frontend.traceback_lines import place_text
from jobtui.runtime.timer import HEARTBEAT_LATE

LONG_WAIT = timedelta(seconds=10)  # of a run that is queued or held, before it is worth a line
MANY_HELD = 10  # runs of a job, before they are worth a line however short they have been held
DOWNTIME_SHOWN = timedelta(minutes=10)  # after the start, in which the ticks that were missed are named
MANY_TICKS = 3  # of a job in a row that a run of it has prevented, before they are worth a line
MOST_NAMES = 3  # of jobs in one alarm
_DOWN = "not running"  # begins the reason of ticks that were missed before the start; the times follow
_NUMBERS = re.compile(r"[0-9]+")


class Sentence(NamedTuple):
    """The text of an alarm in parts, so that a narrow line can leave out the least important ones.

    Attributes:
        what: What is wrong, with all details.
        brief: The same without the details; "" if it has none.
        message: The error or the reason; "" for none.
        place: Where in the code the error was raised; "" if that is not known.
    """

    what: str
    brief: str = ""
    message: str = ""
    place: str = ""

    @property
    def text(self) -> str:
        """The whole sentence."""
        return f"{self.beginning}{self.message}{self.ending}"

    @property
    def beginning(self) -> str:
        """The text before the message."""
        return f"{self.what}: " if self.message else self.what

    @property
    def ending(self) -> str:
        """The text after the message."""
        return f"  {self.place}" if self.place else ""

    @property
    def without_details(self) -> Sentence:
        """The sentence without the details."""
        return self._replace(what=self.brief or self.what)


class Alarm(NamedTuple):
    """A line.

    Attributes:
        text: The text.
        tone: The tone, as in `frontend.formatting.Sign`.
        job: The name of the job with the trouble; "" for none.
        run: The run, or the ticks without one, in which the cause is to be seen; None for none.
        sentence: The parts of the text.
    """

    text: str
    tone: str
    job: str
    run: RunView | None
    sentence: Sentence


def _alarm(sentence: Sentence, tone: str, job: str = "", run: RunView | None = None) -> Alarm:
    return Alarm(sentence.text, tone, job, run, sentence)


class _Failure(NamedTuple):
    """The present failure of a job.

    Attributes:
        run: Its latest run, which has failed.
        streak: How many of its runs have failed since the latest one that was OK, as far as that is known.
        since: When the first of them ended; None if that is not known.
        failed: How many of its runs had failed when this one had.
        ok: How many of its runs had been OK then.
    """

    run: RunView
    streak: int
    since: datetime | None
    failed: int
    ok: int


class AlarmMemory:
    """Remembers what a snapshot drops, because it lists a limited number of endings, but an alarm needs.

    These are the error of each job that failed last, and the ticks that were missed before the start.
    A memory follows the snapshots of one scheduler.
    """

    def __init__(self) -> None:
        self._started: datetime | None = None
        self._failures: dict[str, _Failure] = {}  # by the name of the job
        self._missed: dict[tuple[str, datetime | None], RunView] = {}

    def update(self, snapshot: Snapshot, index: JobIndex) -> None:
        """Take the next snapshot.

        Args:
            snapshot: The scheduler.
            index: Its jobs.
        """
        if snapshot.started != self._started:  # the counters of the jobs may have begun again
            self._started = snapshot.started
            self._failures, self._missed = {}, {}
        self._failures = self._latest_failures(snapshot, index.failing)
        if snapshot.started is None or elapsed_between(snapshot.started, snapshot.at) > DOWNTIME_SHOWN:
            self._missed = {}
            return
        for run in snapshot.recent:
            if _was_missed_before(snapshot.started, run):
                self._missed[run.job, run.due] = run

    def failure_of(self, job: JobView) -> _Failure | None:
        """Return the present failure of a job that failed last; None if it is not known."""
        return self._failures.get(job.name)

    @property
    def missed(self) -> list[RunView]:
        """The ticks that were missed while the scheduler was down; none if it started long ago."""
        return list(self._missed.values())

    def _latest_failures(self, snapshot: Snapshot, failing: Sequence[JobView]) -> dict[str, _Failure]:
        if not failing:
            return {}
        runs: dict[str, list[RunView]] = defaultdict(list)
        for run in snapshot.recent:
            if run.state.completed:
                runs[run.job].append(run)
        found = {}
        for job in failing:
            failure, before = _failure_of(job, runs), self._failures.get(job.name)
            if failure is None:  # the counters say whether the failure before is still the latest one
                is_latest = before is not None and (before.failed, before.ok) == _counters(job)
                failure = before if is_latest else None
            elif failure.since is None and before is not None and before.ok == failure.ok:
                failure = failure._replace(since=before.since)
            if failure is not None:
                found[job.name] = failure
        return found


def find_alarms(snapshot: Snapshot, index: JobIndex, memory: AlarmMemory | None = None) -> list[Alarm]:
    """Return what is wrong, the worst first.

    Args:
        snapshot: The scheduler.
        index: Its jobs.
        memory: Remembers what earlier snapshots have said. It takes this one, too. Without a memory, only
            what this snapshot lists is known.
    """
    memory = AlarmMemory() if memory is None else memory
    memory.update(snapshot, index)
    return [alarm for check in _CHECKS for alarm in check(snapshot, index, memory)]


def _stalled_timer(snapshot: Snapshot, _index: JobIndex, _memory: AlarmMemory) -> Iterator[Alarm]:
    if snapshot.heartbeat is None or snapshot.phase is not Phase.RUNNING:
        return
    if elapsed_between(snapshot.heartbeat, snapshot.at).total_seconds() > HEARTBEAT_LATE:
        brief = f"the timer has not woken for {format_age(snapshot.heartbeat, snapshot.at)}"
        yield _alarm(Sentence(f"{brief}: no tick starts a run", brief), "failed")


def _store_problem(snapshot: Snapshot, _index: JobIndex, _memory: AlarmMemory) -> Iterator[Alarm]:
    store = snapshot.store
    if store.problem:
        lost = f"; {pluralize(store.lost, 'ending')} will be missing in it" if store.lost else ""
        yield _alarm(Sentence("the store is not written", message=f"{store.problem}{lost}"), "failed")


def _failures(snapshot: Snapshot, index: JobIndex, memory: AlarmMemory) -> Iterator[Alarm]:
    """Yield an alarm for each error: first that of the most jobs, then that which began first."""
    failing = index.failing
    groups: dict[str, list[_Failure]] = defaultdict(list)
    unknown = []
    for job in failing:
        failure = memory.failure_of(job)
        if failure is None:
            unknown.append(job.name)
        else:
            groups[_shape(failure.run.reason)].append(failure)
    for group in sorted(groups.values(), key=_severity):
        yield _describe_failures(group, len(failing), snapshot.at)
    if unknown:
        brief = f"{pluralize(len(unknown), 'job')} failed last"
        errors = "an error that is not known" if len(unknown) == 1 else "errors that are not known"
        what = f"{brief}, with {errors}" if groups else brief
        sentence = Sentence(what, brief, message=_list_names(unknown))
        yield _alarm(sentence, STATE_SIGNS[RunState.FAILED].tone, unknown[0])


def _missed_ticks(snapshot: Snapshot, _index: JobIndex, memory: AlarmMemory) -> Iterator[Alarm]:
    """Yield an alarm for the ticks that passed while the scheduler was down, and one for later ones.

    A job that has run since has made good for the later ones, but the former are worth a line for a while.
    """
    latest = [run for runs in _latest_ticks(snapshot, RunState.MISSED).values() for run in runs]
    down = {(run.job, run.due): run for run in memory.missed}
    later = []
    for run in latest:
        if _was_missed_before(snapshot.started, run):
            down[run.job, run.due] = run
        else:
            later.append(run)
    if down:
        yield _describe_missed(list(down.values()), snapshot.at, " while the scheduler was down")
    if later:
        yield _describe_missed(later, snapshot.at)


def _abandoned_runs(snapshot: Snapshot, _index: JobIndex, _memory: AlarmMemory) -> Iterator[Alarm]:
    if snapshot.abandoned:
        pool, oldest = snapshot.pool, snapshot.abandoned[0]
        age = format_age(oldest.started or oldest.created, snapshot.at)
        more = "" if pool.can_abandon else "; no more runs can be abandoned"
        brief = f"{pluralize(pool.abandoned, 'abandoned run')} {'go' if pool.abandoned > 1 else 'goes'} on"
        sentence = Sentence(f"{brief}, the oldest of {oldest.job} for {age}{more}", brief)
        yield _alarm(sentence, "failed", oldest.job, oldest)


def _skipped_ticks(snapshot: Snapshot, index: JobIndex, _memory: AlarmMemory) -> Iterator[Alarm]:
    """Yield an alarm for each job of which one run takes the time of many ticks, the most ticks first."""
    skipped = _latest_ticks(snapshot, RunState.SKIPPED)
    ticks = {name: sum(run.ticks for run in runs) for name, runs in skipped.items()}
    many = [name for name in skipped if ticks[name] >= MANY_TICKS]
    if not many:
        return
    busy = {job.name for job in index.needing_attention(snapshot.at.timestamp()) if job.running}
    for name in sorted(many, key=lambda name: -ticks[name]):
        if name in busy:
            run, first = skipped[name][0], skipped[name][-1]
            since = format_instant_short(first.due or first.created, snapshot.at)
            brief = f"{name} skipped {ticks[name]} ticks"
            yield _alarm(Sentence(f"{brief} since {since}", brief, run.reason), "waiting", name, run)


def _full_pool(snapshot: Snapshot, _index: JobIndex, _memory: AlarmMemory) -> Iterator[Alarm]:
    first = min(
        (run for run in snapshot.waiting if run.state is RunState.QUEUED and run.waiting_since is not None),
        key=lambda run: (run.waiting_since or run.created).timestamp(),
        default=None,
    )
    if first is None or first.waiting_since is None or not snapshot.pool.saturated:
        return
    if elapsed_between(first.waiting_since, snapshot.at) < LONG_WAIT:
        return
    verb = "waits" if snapshot.pool.queued == 1 else "wait"
    runs = pluralize(snapshot.pool.queued, "run")
    waited = format_age(first.waiting_since, snapshot.at)
    brief = f"the pool is full: {runs} {verb}, the first one for {waited}"
    longest = next((run for run in snapshot.running if run.started is not None), None)
    if longest is None:
        yield _alarm(Sentence(brief), "waiting", first.job, first)
        return
    what = f"{brief}; {longest.job} runs for {format_age(longest.started, snapshot.at)}"
    yield _alarm(Sentence(what, brief), "waiting", longest.job, longest)


def _held_runs(snapshot: Snapshot, index: JobIndex, _memory: AlarmMemory) -> Iterator[Alarm]:
    """Yield an alarm for each job of which runs are held for long, or many are, the longest first."""
    if not snapshot.pool.held:
        return
    held: dict[str, RunView] = {}  # the oldest of each job
    for run in snapshot.waiting:
        if run.state is RunState.HELD:
            held.setdefault(run.job, run)
    for name, oldest in sorted(held.items(), key=lambda item: _waits_since(item[1]).timestamp()):
        job = index.job(name)
        is_long = elapsed_between(_waits_since(oldest), snapshot.at) >= LONG_WAIT
        if job is None or not (is_long or job.held >= MANY_HELD):
            continue
        age = format_age(_waits_since(oldest), snapshot.at)
        brief = f"{name}: {pluralize(job.held, 'run')} {'is' if job.held == 1 else 'are'} held"
        what = f"{brief} for {age}" if job.held == 1 else f"{brief}, the oldest for {age}"
        first = next((run for run in snapshot.running if run.job == name), None)
        behind = oldest.reason.removeprefix(HELD_FOR) if first is None else f"run {first.number}"
        sentence = Sentence(f"{what}, behind {behind}" if behind else what, what)
        yield _alarm(sentence, "waiting", name, first or oldest)


# The worst comes first: what keeps everything from running, then what did not work, then what is slow.
_CHECKS = (
    _stalled_timer,
    _store_problem,
    _failures,
    _missed_ticks,
    _abandoned_runs,
    _full_pool,
    _held_runs,
    _skipped_ticks,
)


def _latest_ticks(snapshot: Snapshot, state: RunState) -> dict[str, list[RunView]]:
    """Return the ticks of each job that ended in a state after all its other endings, the latest first."""
    found: dict[str, list[RunView]] = defaultdict(list)
    over: set[str] = set()
    for run in snapshot.recent:
        if run.state is not state:
            over.add(run.job)
        elif run.job not in over:
            found[run.job].append(run)
    return found


def _was_missed_before(started: datetime | None, run: RunView) -> bool:
    """Return whether these are ticks that passed before the start, and were found to be missed after it."""
    if run.state is not RunState.MISSED or started is None or run.due is None or run.ended is None:
        return False
    return run.due.timestamp() <= started.timestamp() <= run.ended.timestamp()


def _waits_since(run: RunView) -> datetime:
    return run.waiting_since or run.created


def _counters(job: JobView) -> tuple[int, int]:
    """Return how many runs of a job have failed, and how many were OK."""
    return job.failures, job.runs - job.failures


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
    return _Failure(failed[0], streak, failed[-1].ended if is_complete else None, *_counters(job))


def _severity(group: Sequence[_Failure]) -> tuple[int, float]:
    begun = (each.since.timestamp() for each in group if each.since is not None)
    return -len(group), min(begun, default=0.0)


def _describe_failures(group: Sequence[_Failure], failing: int, now: datetime) -> Alarm:
    """Return the alarm for jobs that fail with the same error.

    Args:
        group: Their failures.
        failing: How many jobs fail, whatever the error.
        now: The present instant.
    """
    latest = max(group, key=lambda each: 0.0 if each.run.ended is None else each.run.ended.timestamp())
    run, streak = latest.run, latest.streak
    begun = [each.since for each in group if each.since is not None]
    since = f" since {format_instant_short(min(begun), now)}" if len(begun) == len(group) else ""
    if len(group) == failing > 1:
        what, brief = (f"{failing} jobs fail{each}, with the same error" for each in (since, ""))
    elif len(group) > 1:
        count = f"{failing} jobs fail, {len(group)} of them"
        what, brief = (f"{count}{each} with the same error" for each in (since, ""))
    elif streak > 1:
        more = "" if streak < RECENT_RUNS else " or more"
        brief = f"{run.job} fails"
        what = f"{brief}{since}, {streak}{more} in a row"
    else:
        brief = f"{run.job} failed"
        what = f"{brief} at {format_instant_short(run.ended, now)}"
    frame = failing_frame(parse_traceback(run.error)) if run.error else None
    sentence = Sentence(what, brief, run.reason, "" if frame is None else place_text(frame))
    return _alarm(sentence, STATE_SIGNS[run.state].tone, run.job, run)


def _describe_missed(runs: Sequence[RunView], now: datetime, when: str = "") -> Alarm:
    """Return the alarm for ticks that were missed.

    Args:
        runs: Their entries.
        now: The present instant.
        when: When that was, with a space before it; "" if the reason says so.
    """
    ticks, names = sum(run.ticks for run in runs), {run.job for run in runs}
    latest = max(runs, key=lambda run: run.created.timestamp())
    jobs = latest.job if len(names) == 1 else pluralize(len(names), "job")
    brief = f"{pluralize(ticks, 'tick')} of {jobs} {'was' if ticks == 1 else 'were'} missed{when}"
    reason = latest.reason.replace(f"{now:%Y-%m-%d} ", "")  # the times are those of today
    if when and reason.startswith(_DOWN):
        sentence = Sentence(f"{brief}{reason.removeprefix(_DOWN)}", brief)
    else:
        sentence = Sentence(brief, message=reason)
    return _alarm(sentence, "failed", latest.job, latest)


def _list_names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MOST_NAMES])} and {more} more"


def _shape(reason: str) -> str:
    """Return a reason without its numbers, in which equal errors may differ."""
    return _NUMBERS.sub("0", reason)
