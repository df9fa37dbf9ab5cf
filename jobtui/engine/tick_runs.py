"""The runs of the ticks of a job that is due: one for each, one for all of them, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.event_log import EventLog
from jobtui.engine.pool import Pool
from jobtui.engine.records import JobRecord, RunRecord
from jobtui.engine.ticks import TICK_LIMIT, QuietTicks, TickPlan

_TICK = Trigger.TICK  # Python 3.11 takes 0.1 us to look up a member of an enum


class TickRuns:
    """Requests the runs of ticks, and records the ticks that start none. Call with the state lock held.

    Args:
        pool: Gets the runs, and records the endings of ticks.
        event_log: Has the zone of the times in reasons.
    """

    def __init__(self, pool: Pool, event_log: EventLog) -> None:
        self._pool = pool
        self._event_log = event_log
        # The run of the tick that is being processed, for each job with a plan that is being applied. After
        # an exception, it shows whether that tick has been processed.
        self._runs: dict[JobRecord, RunRecord] = {}

    def forget(self, job: JobRecord) -> None:
        """Forget the run of a tick that has been processed."""
        self._runs.pop(job, None)

    def start_each(self, plan: TickPlan, now: float) -> None:
        """Start a run for each instant of a plan."""
        for instant in plan.instants or ():
            plan.job.due = instant
            self._start(plan.job, instant, now)
        self._end_missed(plan, now)

    def start_claimed(self, plan: TickPlan, now: float) -> None:
        """Process the ticks that this process has claimed, and record the others as SKIPPED."""
        others: dict[int, list[float]] = {}
        for instant, pid in plan.claims.items():
            others.setdefault(pid, []).append(instant)
        own = others.pop(0, [])
        for pid, instants in others.items():
            reason = f"process {pid} has claimed this tick in the store"
            count = len(instants)
            self._pool.end_ticks(
                plan.job, RunState.SKIPPED, reason, due=instants[0], now=now, ticks=count, logged=False
            )
        if own and plan.instants is None:
            self.start_one(replace(plan, due=own[0]), now, len(own))
        elif plan.instants is not None:
            for instant in own:
                self._start(plan.job, instant, now)
            self._end_missed(plan, now)

    def start_one(self, plan: TickPlan, now: float, ticks: int) -> None:
        """Start one run for ticks, or none, as the misfire policy says."""
        job, due = plan.job, plan.due
        if job.pause is not None:
            reason = job.pause.describe(self._event_log.tz)
            self._pool.end_ticks(job, RunState.SKIPPED, reason, due=due, now=now, ticks=ticks)
        elif plan.quiet_until is not None:
            self.skip_quiet(job, [QuietTicks(due, ticks, plan.quiet_until)], now)
        elif plan.is_late:
            reason = f"noticed at {self._event_log.format_time(now)}, {now - due:.1f} s late"
            self._pool.end_ticks(job, RunState.MISSED, reason, due=due, now=now, ticks=ticks)
        else:
            run = self._start(job, due, now, ticks)
            if run is not None and ticks > 1:
                count = f"more than {plan.limit}" if ticks > plan.limit else str(ticks)
                first = self._event_log.format_time(due)
                reason = f"{count} ticks since {first} were missed; run {run.number} covers them all"
                self._pool.end_ticks(job, RunState.COALESCED, reason, due=due, now=now, ticks=ticks - 1)

    def skip_quiet(self, job: JobRecord, groups: Iterable[QuietTicks], now: float) -> None:
        """Record ticks that start no run because of quiet times."""
        for first, ticks, until in groups:
            reason = f"quiet until {datetime.fromtimestamp(until, self._event_log.tz):%Y-%m-%d %H:%M:%S}"
            state = RunState.SKIPPED
            self._pool.end_ticks(job, state, reason, due=first, now=now, ticks=ticks, logged=False)

    def _end_missed(self, plan: TickPlan, now: float) -> None:
        """Record the ticks beyond those of a plan that start a run each."""
        if plan.missed and plan.instants:
            reason = f"the rest of more than {TICK_LIMIT} missed ticks"
            first = plan.instants[-1]
            self._pool.end_ticks(plan.job, RunState.MISSED, reason, due=first, now=now, ticks=plan.missed)

    def _start(self, job: JobRecord, due: float, now: float, ticks: int = 1) -> RunRecord | None:
        """Start a run for a tick, or skip ``ticks`` ticks."""
        run = self._runs.get(job)
        if run is None or run.due != due:
            reason = limit_reason(job) if job.policies.times else ""
            reason = reason or (self._pool.rejection_reason(job, _TICK) if job.busy else "")
            if reason:
                self._pool.end_ticks(job, RunState.SKIPPED, reason, due=due, now=now, ticks=ticks)
                return None
            run = self._runs[job] = self._pool.new_run(job, _TICK, now, due, job.runnable.call)
        if run.number not in self._pool.live and run.ended is None:
            self._pool.admit(run, now)
        return run


def limit_reason(job: JobRecord) -> str:
    """Return why a tick starts no run, because enough runs have ended or are live; "" if it may."""
    times = job.policies.times
    live = job.running + job.queued + len(job.held) + len(job.retrying)
    if not times or job.runs + live < times:
        return ""
    return f"{job.runs} of {times} runs have ended" + (f", and {live} have not" if live else "")
