"""The forecast: when the jobs of a snapshot will run, wait, be held or be skipped.

The engine that schedules real jobs plays the time ahead on a clock of its own. Nothing is executed: each run
takes as long as its job is expected to take, and none fails.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from heapq import heappop, heappush

from jobtui.engine.batch import Batch
from jobtui.engine.engine import Engine, ReadyEntry
from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.job_policies import JobPolicies
from jobtui.engine.ledger import Ledger
from jobtui.engine.packed_exceptions import PackedException
from jobtui.engine.records import (
    CREATED,
    DUE,
    JOB,
    NUMBER,
    REASON,
    STATE,
    TICKS,
    JobRecord,
    PackedRun,
    RunRecord,
)
from jobtui.engine.runnables import Runnable
from jobtui.engine.ticks import TickPlanner
from jobtui.engine.timer_queue import DueEntry, JobDue
from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.schedules.quiet_times import parse_quiet_times
from jobtui.simulation.predicted_runs import PackedPrediction, PredictedRun, PredictedRuns

MAX_RUNS = 200_000  # predicted runs, unless set; about 5 s of work
_STEP = 100  # predicted runs between two reports of progress; about 3 ms of work
_RUN_NUMBER = re.compile(r"(, )?\brun ([0-9]+)\b")  # in the reasons of the engine


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSpan:
    """A time in which all slots of the pool are taken, and runs wait for one.

    Attributes:
        start: When the first run has to wait.
        end: When no run waits any more; the end of the forecast if that comes first.
        waiting: The largest number of runs that wait at once.
        longest: How long the run waits in it that waits the longest.
    """

    start: datetime
    end: datetime
    waiting: int
    longest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The runs of a scheduler in a time to come.

    Attributes:
        start: The beginning: the instant of the snapshot.
        end: The end; earlier than requested if there were too many runs.
        is_cut: Whether it ends early.
        pool: The size of the pool; 0 for no limit.
        runs: The runs and the ticks that start none, in the order in which they end, then those that have not
            ended. The runs that are RUNNING at the beginning are in it, with their own starts.
        full: The times in which the pool is full.
        unknown: The names of the jobs whose schedules cannot be computed in this process.
    """

    start: datetime
    end: datetime
    is_cut: bool
    pool: int
    runs: PredictedRuns
    full: tuple[FullSpan, ...]
    unknown: tuple[str, ...]


@dataclass(slots=True)
class _Ending:
    """The end of the work of a run, as an executor would report it."""

    run: RunRecord
    elapsed: float
    state: RunState = RunState.OK
    reason: str = ""
    error: PackedException = ()
    retry_in: float | None = None


def forecast(
    snapshot: Snapshot,
    expected: Mapping[str, timedelta],
    *,
    length: timedelta,
    pool: int | None = None,
    most: int = MAX_RUNS,
    progress: Callable[[float], object] = lambda _: None,
) -> Forecast:
    """Predict what will happen from a snapshot on.

    Args:
        snapshot: The scheduler now. It lists the first 200 runs that wait; others are not in the forecast.
        expected: How long a run of each job takes, by the name of the job, as from
            `engine.typical_duration`. Others take no time.
        length: How far to look ahead.
        pool: The size of the pool; None for the one that it has.
        most: After how many predicted runs the forecast ends early.
        progress: Called now and then with the part that is done, from 0 to 1. It may raise an exception to
            end this.
    """
    return _Player(snapshot, expected, snapshot.pool.size if pool is None else pool).play(
        length, most, progress
    )


class _Player:
    """Plays the time ahead.

    Args:
        snapshot: As for `forecast`.
        expected: As for `forecast`.
        pool: The size of the pool.
    """

    def __init__(self, snapshot: Snapshot, expected: Mapping[str, timedelta], pool: int) -> None:
        self._zone = snapshot.zone
        self._start = snapshot.at.timestamp()
        self._expected = {job: length.total_seconds() for job, length in expected.items()}
        quiet = parse_quiet_times(snapshot.quiet, tz=snapshot.zone)
        self._engine = Engine(pool=0, tz=snapshot.zone, ledger=Ledger(), quiet=quiet)
        self._engine.record_for_store()
        self._planner = TickPlanner(lambda: quiet)
        self._endings: list[tuple[float, int, RunRecord]] = []  # a heap of the running runs
        self._numbers: dict[int, int] = {}  # of runs that are live already, by the numbers in the forecast
        self._ended: dict[object, PackedPrediction] = {}
        self._full: list[FullSpan] = []
        self._full_since: float | None = None
        self._most_waiting, self._longest = 0, 0.0
        self.unknown: list[str] = []
        self._add_jobs(snapshot)
        self._engine.start(self._start)
        self._find_next(self._start)
        self._note_unknown(snapshot)
        self._add_running(snapshot)
        self._engine.resize(pool, self._start)
        self._add_waiting(snapshot)

    def _add_jobs(self, snapshot: Snapshot) -> None:
        for job in snapshot.jobs:
            left = max(0, job.times - job.runs)  # runs, if their number is limited
            schedule = None if job.times and not left else job.schedule
            runnable = Runnable(_do_nothing, job.name, ("", ""))
            policies = JobPolicies(
                overlap=job.overlap, misfire=job.misfire, max_held=job.max_held, times=left
            )
            record = JobRecord(job.name, runnable, schedule, spec=job.spec, policies=policies)
            self._engine.add_job(record, self._start)
            if schedule is not None:
                self._pause(record, job)

    def _note_unknown(self, snapshot: Snapshot) -> None:
        """Note the jobs that are due in their own process, but whose ticks cannot be computed in this one."""
        for job in snapshot.jobs:
            record = self._engine.jobs.get(job.name)
            if job.next is not None and record is not None and record.due is None:
                self.unknown.append(job.name)

    def _pause(self, record: JobRecord, job: JobView) -> None:
        if job.paused_since is not None:
            until = None if job.paused_until is None else job.paused_until.timestamp()
            self._engine.pause_job(record, self._start, until=until)

    def _add_running(self, snapshot: Snapshot) -> None:
        """Start the RUNNING runs at the instants at which they did start.

        The pool has no limit yet: it may become smaller than their number.
        """
        for run in snapshot.running:
            record = self._request(run, Trigger.HAND)  # it runs on in a quiet time, too
            started = self._start if run.started is None else run.started.timestamp()
            if record is not None and self._engine.start_batch(Batch(started), "forecast", 1):
                # A run that takes too long is expected to go on for as long as it is late already.
                left = abs(started + self._expected.get(run.job, 0.0) - self._start)
                heappush(self._endings, (self._start + left, record.number, record))

    def _add_waiting(self, snapshot: Snapshot) -> None:
        """Request the runs that wait, in their order."""
        for run in snapshot.waiting:
            if run.retry_at is None:
                self._request(run)
        for run in (*snapshot.scheduled, *snapshot.waiting):
            due = run.retry_at or (run.due if run.state is RunState.SCHEDULED else None)
            job = self._engine.jobs.get(run.job)
            if due is not None and job is not None:
                record = self._engine.submit_later(job, run.trigger, due.timestamp(), self._start)
                self._numbers[record.number] = run.number

    def _request(self, run: RunView, trigger: Trigger = Trigger.NOW) -> RunRecord | None:
        job = self._engine.jobs.get(run.job)
        if job is None:
            return None
        record = self._engine.submit(job, trigger, self._start)
        due = run.due or run.created
        if run.attempt > 1:  # the attempts before this one are no wait
            due = run.waiting_since or due
        record.due = due.timestamp()
        self._numbers[record.number] = run.number
        return record

    # --- playing ----------------------------------------------------------------------------------

    def play(self, length: timedelta, most: int, progress: Callable[[float], object]) -> Forecast:
        """Play the time up to an end, and return the forecast."""
        seconds = length.total_seconds()
        end, is_cut, shown = self._start + seconds, False, 0
        now = self._start
        self._start_runs(now)
        self._note_full(now)
        while (instant := self._next_instant()) <= end:
            now = max(now, instant)
            self._end_runs(now)
            self._apply_due(now)
            self._start_runs(now)
            self._note_full(now)
            self._collect()
            if len(self._ended) >= most:
                end, is_cut = now, True
                break
            if len(self._ended) - shown >= _STEP:
                shown = len(self._ended)
                progress((now - self._start) / seconds)
        live = self._live()
        self._note_waits((run for run in live if run.state is RunState.QUEUED), end)
        self._close_full(end)
        runs = [*self._ended.values(), *map(self._predict, live)]
        return Forecast(
            start=_instant(self._start, self._zone),
            end=_instant(end, self._zone),
            is_cut=is_cut,
            pool=self._engine.pool_view().size,
            runs=PredictedRuns(runs),
            full=tuple(self._full),
            unknown=tuple(dict.fromkeys(self.unknown)),
        )

    def _next_instant(self) -> float:
        due = self._engine.next_due
        ending = self._endings[0][0] if self._endings else math.inf
        return min(math.inf if due is None else due, ending)

    def _end_runs(self, now: float) -> None:
        """End the runs whose time is over. A run that is due at this instant finds their slots free."""
        endings = []
        while self._endings and self._endings[0][0] <= now:
            _, _, run = heappop(self._endings)
            endings.append(_Ending(run, now - (run.started or now)))
        if endings:
            self._engine.finish_batch(None, endings, now)

    def _apply_due(self, now: float) -> None:
        self._planner.begin_wake()
        while due := self._engine.pop_due(now):
            self._engine.apply_due([part for entry in due for part in self._parts(entry, now)], now)
            while self._engine.continue_work(now):
                pass
            self._find_next(now)

    def _parts(self, entry: DueEntry, now: float) -> list[ReadyEntry]:
        return list(self._planner.plan(entry.job, now)) if isinstance(entry, JobDue) else [entry]

    def _find_next(self, now: float) -> None:
        """Find the first ticks of the jobs that have none yet."""
        while searches := self._engine.searches():
            found = [self._planner.find_next(job, search) for job, search in searches]
            self.unknown += [each.job.name for each in found if each.error]
            self._engine.apply_next_ticks(found, now)

    def _start_runs(self, now: float) -> None:
        while self._engine.can_start():
            batch = Batch(now)
            if not self._engine.start_batch(batch, "forecast", 1):
                return
            self._note_waits(batch.runs, now)
            for run in batch.runs:
                takes = self._expected.get(run.job.name, 0.0)
                heappush(self._endings, (now + takes, run.number, run))

    def _note_full(self, now: float) -> None:
        pool = self._engine.pool_view()
        if pool.size and pool.running >= pool.size and pool.queued:
            self._full_since = now if self._full_since is None else self._full_since
            self._most_waiting = max(self._most_waiting, pool.queued)
        else:
            self._close_full(now)

    def _note_waits(self, runs: Iterable[RunRecord], now: float) -> None:
        """Note how long runs have waited while the pool is full."""
        if self._full_since is not None:
            since = (max(self._full_since, run.due or run.created) for run in runs)
            self._longest = max(self._longest, now - min(since, default=now))

    def _close_full(self, now: float) -> None:
        if self._full_since is not None and now > self._full_since:
            start, end = _instant(self._full_since, self._zone), _instant(now, self._zone)
            longest = timedelta(seconds=self._longest)
            self._full.append(FullSpan(start=start, end=end, waiting=self._most_waiting, longest=longest))
        self._full_since, self._most_waiting, self._longest = None, 0, 0.0

    # --- results ----------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Keep the runs and ticks that have ended. A later entry of a group of ticks replaces the earlier."""
        effects = self._engine.effects
        for run in effects.ended:
            self._ended[run.number] = self._predict(run)
        for entry in effects.recorded:
            if not entry[NUMBER]:
                key = entry[JOB], entry[CREATED], entry[DUE], entry[STATE]
                self._ended[key] = self._predict_ticks(entry)
        if effects:
            self._engine.reset_effects()

    def _predict(self, run: RunRecord) -> PackedPrediction:
        started = None if run.started is None else _instant(run.started, self._zone)
        ended = None if run.started is None or run.ended is None else _instant(run.ended, self._zone)
        return PredictedRun(
            job=run.job.name,
            number=self._numbers.get(run.number, 0),
            due=_instant(run.created if run.due is None else run.due, self._zone),
            started=started,
            ended=ended,
            state=run.state,
            reason=self._name_runs(run.reason) if run.state.ended else "",
        ).pack()

    def _predict_ticks(self, entry: PackedRun) -> PackedPrediction:
        job = self._engine.jobs.get(entry[JOB])
        is_quiet = self._engine.quiet.end_at(entry[DUE]) is not None
        return PredictedRun(
            job=entry[JOB],
            number=0,
            due=_instant(entry[DUE], self._zone),
            started=None,
            ended=None,
            state=RunState(entry[STATE]),
            reason=self._name_runs(entry[REASON]),
            ticks=entry[TICKS],
            intended=(job is not None and job.pause is not None) or is_quiet,
        ).pack()

    def _name_runs(self, reason: str) -> str:
        """Return a reason with the numbers of live runs, and without those that only the forecast has."""
        return _RUN_NUMBER.sub(self._name_run, reason) if reason else ""

    def _name_run(self, found: re.Match[str]) -> str:
        separator, number = found[1] or "", self._numbers.get(int(found[2]))
        if number is None:
            return "" if separator else "another run"
        return f"{separator}run {number}"

    def _live(self) -> list[RunRecord]:
        return [run for part in self._engine.live_runs() for run in part]


def _do_nothing() -> None:
    """Stand for the call of a job."""


def _instant(seconds: float, tz: tzinfo) -> datetime:
    return datetime.fromtimestamp(seconds, tz)
