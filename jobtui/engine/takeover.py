"""Takeover: the fate of runs that were RETRYING when an earlier process ended.

With a store, such a run goes on after a restart: with its number, its attempts, and the code that its job has
now. If that is impossible, it ends as FAILED, because its last attempt has failed and none follows; if its
next attempt comes too late, it ends as MISSED. Either way, the reason says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from jobtui.engine.catch_up import spread_out
from jobtui.engine.enums import RunState
from jobtui.engine.records import (
    ARGUMENTS,
    ATTEMPT,
    ATTEMPTS,
    ATTEMPTS_MADE,
    CREATED,
    JOB,
    RETRY_AT,
    JobRecord,
    PackedRun,
    describe_failed_attempt,
)
from jobtui.engine.runnables import Runnable
from jobtui.engine.tracebacks import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """The fate of a run that was RETRYING in an earlier process.

    Attributes:
        run: The run, from the store.
        job: Its job; if there is none of that name, a record that is not registered.
        state: RETRYING if it goes on, else the state in which it ends.
        retry_at: When its next attempt is due, in seconds since the epoch.
        reason: Why it ends, in words; "" if it goes on.
    """

    run: PackedRun
    job: JobRecord
    state: RunState = RunState.RETRYING
    retry_at: float = 0.0
    reason: str = ""


class TakeoverPlanner:
    """Decides whether runs go on. It calls schedules, so call it without the state lock.

    Args:
        jobs: The jobs by name.
        spread: Over how many seconds the runs are tried again whose attempts were due in the meantime.
        tz: The zone of the times in reasons.
    """

    def __init__(self, jobs: Mapping[str, JobRecord], spread: float, tz: tzinfo) -> None:
        self._jobs = jobs
        self._spread = spread
        self._tz = tz

    def plan(self, runs: Iterable[PackedRun], now: float) -> list[Takeover]:
        """Return for each run whether it goes on, and when, or how it ends."""
        planned = [self._plan_run(run, now) for run in runs]
        late = [each for each in planned if each.state is RunState.RETRYING and each.retry_at <= now]
        delays = spread_out(late, self._spread)
        return [
            replace(each, retry_at=now + delays[id(each)]) if id(each) in delays else each for each in planned
        ]

    def _plan_run(self, run: PackedRun, now: float) -> Takeover:
        job = self._jobs.get(run[JOB])
        if job is None:
            return _ended(
                run, _removed_job(run[JOB]), RunState.FAILED, f"there is no job {run[JOB]!r} any more"
            )
        problem = _problem(run, job)
        if problem:
            return _ended(run, job, RunState.FAILED, problem)
        try:
            missed = self._missed_reason(run, job, now)
        except Exception as error:  # noqa: BLE001 - a schedule or a zone may be the user's code
            return _ended(run, job, RunState.FAILED, f"the next tick cannot be found: {one_line(error)}")
        if missed:
            return _ended(run, job, RunState.MISSED, missed)
        run = (*run[:ATTEMPTS], job.policies.retry.attempts, *run[ATTEMPTS + 1 :])
        return Takeover(run=run, job=job, retry_at=run[RETRY_AT])

    def _missed_reason(self, run: PackedRun, job: JobRecord, now: float) -> str:
        """Return why the next attempt of a run comes too late; "" if it does not."""
        retry_at, window = run[RETRY_AT], job.policies.catch_up
        due = f"attempt {run[ATTEMPT] + 1} was due at {self._time(retry_at)}, while no scheduler was running"
        if window and now - retry_at > window:
            return f"{due}; those of the last {window:g} s are caught up"
        end = job.end_of_retries(run[CREATED])
        if end is not None and max(now, retry_at) >= end:
            return f"{due}, and none is made after the next tick, at {self._time(end)}"
        return ""

    def _time(self, instant: float) -> str:
        return datetime.fromtimestamp(instant, self._tz).strftime("%Y-%m-%d %H:%M:%S")


def _problem(run: PackedRun, job: JobRecord) -> str:
    """Return why a run cannot go on; "" if it can."""
    if run[ARGUMENTS]:
        return "its arguments were only in the memory of an earlier process"
    attempts = job.policies.retry.attempts
    if run[ATTEMPT] >= attempts:
        return f"its job allows only {attempts} {'attempt' if attempts == 1 else 'attempts'} now"
    return ""


def _ended(run: PackedRun, job: JobRecord, state: RunState, problem: str) -> Takeover:
    failed = describe_failed_attempt(run[ATTEMPTS], run[ATTEMPTS_MADE])
    return Takeover(run=run, job=job, state=state, reason=f"{problem}; {failed}")


def _removed_job(name: str) -> JobRecord:
    """Return the record of a job that no code registers any more."""
    job = JobRecord(name, Runnable(_do_nothing, name, ("", "")), None, spec="")
    job.removed = True
    return job


def _do_nothing() -> None:
    """Stand for a runnable that does not exist any more."""
