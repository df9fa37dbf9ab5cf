"""Catch-up: what becomes of the ticks that passed while no scheduler ran.

With a store, each job has a watermark: the last tick that was decided. At the start, the ticks between it and
now are counted, exact over clock changes. Those that the job catches up are found by the timer as late ticks,
so the job's misfire policy applies to them. The others are recorded as MISSED, with the reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from math import inf

from jobtui.engine.next_tick_cache import NextTickCache
from jobtui.engine.records import JobHistory, JobRecord, utc
from jobtui.engine.tracebacks import one_line
from jobtui.schedules.adjusted import anchored
from jobtui.schedules.quiet_times import NO_QUIET_TIMES, QuietTimes

MOST = 100  # ticks of one job that are caught up, unless set
SPREAD = 10.0  # seconds over which the jobs that catch up begin, unless set
MAX_COUNTED = 100_000  # ticks that are counted of one job
_MICROSECOND = 1e-6  # seconds; a tick at the end of a pause is caught up
CLOCK_TOLERANCE = 60.0  # seconds by which a watermark may be in the future


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpRules:
    """The rules of a scheduler.

    Attributes:
        window: For how many seconds before now durable one-off runs are caught up; 0 for all of them.
        most: How many ticks of one job are caught up.
        spread: Over how many seconds the jobs that catch up begin.
    """

    window: float = 0.0
    most: int = MOST
    spread: float = SPREAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Downtime:
    """The time in which no scheduler ran.

    Attributes:
        since: When the last scheduler ended, in seconds since the epoch; None if there was none.
        killed: Whether it ended without stopping.
    """

    since: float | None = None
    killed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """The ticks of one job that passed while no scheduler ran.

    Attributes:
        job: The job.
        caught_up: How many of them it catches up.
        left_out: How many earlier ones are recorded as MISSED.
        first: The first tick, in seconds since the epoch.
        after: The instant after which the ticks to catch up are due; None for none.
        delay: How many seconds after the start the job begins to catch up.
        reason: Why ticks are left out, in words.
    """

    job: JobRecord
    caught_up: int
    left_out: int
    first: float
    after: float | None
    delay: float = 0.0
    reason: str = ""


class CatchUpPlanner:
    """Finds the ticks that passed. It takes long, so call it without the state lock.

    Args:
        rules: The rules of the scheduler.
        downtime: The time in which no scheduler ran.
        tz: The zone of the times in reasons.
        quiet: The times in which nothing starts.
    """

    def __init__(
        self, rules: CatchUpRules, downtime: Downtime, tz: tzinfo, quiet: QuietTimes = NO_QUIET_TIMES
    ) -> None:
        self._rules = rules
        self._downtime = downtime
        self._tz = tz
        self._quiet = quiet
        self._next_ticks = NextTickCache()

    def plan(
        self, jobs: Iterable[tuple[JobRecord, JobHistory]], now: float
    ) -> tuple[list[CatchUp], list[str]]:
        """Return what each job catches up, if it has missed a tick, and the problems that were found.

        Paused jobs, and jobs whose schedule has changed, catch up nothing. Nor does a job catch up ticks of
        a pause that has ended in the meantime, or of a quiet time.
        """
        found: list[CatchUp] = []
        problems: list[str] = []
        for job, history in jobs:
            if job.schedule is None or job.pause is not None or history.watermark is None:
                continue
            if history.schedule_key != job.schedule_key:
                continue
            if history.watermark > now + CLOCK_TOLERANCE:
                problems.append(
                    f"{job.name}: its last tick in the store was due at {self._time(history.watermark)}, in "
                    "the future: the clock was wrong then, or is wrong now. It catches up nothing"
                )
                continue
            try:
                catch_up = self._plan_job(job, history, now)
            except Exception as error:  # noqa: BLE001 - a schedule or a zone may be the user's code
                problems.append(f"{job.name}: {one_line(error)}")
                continue
            if catch_up is not None:
                found.append(catch_up)
        return self._spread(found), problems

    def _plan_job(self, job: JobRecord, history: JobHistory, now: float) -> CatchUp | None:
        schedule, rules, watermark = job.schedule, self._rules, history.watermark
        assert schedule is not None  # `plan` has checked it
        assert watermark is not None  # as above
        schedule = anchored(schedule, utc(watermark))
        window = min(job.policies.catch_up, job.policies.max_late or inf)
        kept: deque[float] = deque()  # those within the window, the latest
        first = last_left_out = None
        left_out = counted = 0
        too_many = False
        if history.pause is not None and history.pause.until is not None:  # it has ended since
            watermark = max(watermark, history.pause.until - _MICROSECOND)
        instant = self._next_ticks.next_tick(schedule, watermark)
        while instant is not None and instant <= now and counted < MAX_COUNTED:
            counted += 1
            if self._quiet.end_at(instant) is not None:
                instant = self._next_ticks.next_tick(schedule, instant)
                continue
            first = instant if first is None else first
            if instant < now - window:
                left_out, last_left_out = left_out + 1, instant
            else:
                kept.append(instant)
                if len(kept) > rules.most:
                    left_out, last_left_out, too_many = left_out + 1, kept.popleft(), True
            instant = self._next_ticks.next_tick(schedule, instant)
        if first is None:
            return None
        after = watermark if last_left_out is None else last_left_out
        return CatchUp(
            job=job,
            caught_up=len(kept),
            left_out=left_out,
            first=first,
            after=after if kept else None,
            reason=self._reason(now, window, too_many=too_many) if left_out else "",
        )

    def _reason(self, now: float, window: float, *, too_many: bool) -> str:
        """Return why ticks are left out."""
        since = self._downtime.since
        reason = "no scheduler was running"
        if since is not None:
            how = "killed" if self._downtime.killed else "stopped"
            reason = f"not running from {self._time(since)} ({how}) to {self._time(now)}"
        if too_many:
            return f"{reason}; at most {self._rules.most} ticks are caught up"
        if window:
            return f"{reason}; ticks of the last {window:g} s are caught up"
        return reason

    def _time(self, instant: float) -> str:
        return datetime.fromtimestamp(instant, self._tz).strftime("%Y-%m-%d %H:%M:%S")

    def _spread(self, found: Sequence[CatchUp]) -> list[CatchUp]:
        """Let the jobs that catch up begin one after the other."""
        delays = spread_out([each for each in found if each.after is not None], self._rules.spread)
        return [replace(each, delay=delays.get(id(each), 0.0)) for each in found]


def spread_out(items: Sequence[object], seconds: float) -> dict[int, float]:
    """Return a delay in seconds for each item, by its identity: one after the other, over so many seconds."""
    return {id(each): seconds / len(items) * place for place, each in enumerate(items)}
