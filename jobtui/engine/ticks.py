"""Plans for the ticks of a job that is due: how many have passed, and when the next one comes.

After a laptop has slept for two days, a plan may take 10,000 steps through a schedule, and a zone may be the
user's code. So plans are made without the state lock; the engine then applies them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import groupby
from typing import NamedTuple

from jobtui.engine.enums import Misfire
from jobtui.engine.next_tick_cache import NextTickCache
from jobtui.engine.records import JobRecord, utc
from jobtui.engine.tracebacks import one_line
from jobtui.schedules.adjusted import anchored, base_of, with_base
from jobtui.schedules.quiet_times import NO_QUIET_TIMES, QuietTimes
from jobtui.schedules.schedule import Every, Schedule

TICK_LIMIT = 10_000  # missed ticks that are counted one by one at one wake, of all jobs together
TICK_LEAST = 100  # missed ticks of one job that are counted in any case
_MICROSECOND = 1e-6  # seconds; the resolution of ticks
_CHUNK = 200  # ticks that are counted between two calls of `pause`
_PART = 200  # runs that one part of a plan starts


class QuietTicks(NamedTuple):
    """Ticks of one quiet time. Instants are seconds since the epoch."""

    first: float
    ticks: int
    until: float  # the end of the quiet time


@dataclass(slots=True, kw_only=True)
class TickPlan:
    """The ticks of one job up to an instant, all in seconds since the epoch.

    Attributes:
        job: The job.
        due: The first tick.
        schedule: The schedule that was searched.
        now: The instant up to which ticks have passed.
        next_due: The first tick after `now`, or that of the next part; None for never.
        ticks: How many ticks have passed, `due` included.
        limit: How many ticks could be counted after `due`; if `ticks` is larger, there may be more of them.
        instants: The ticks that start a run each; None if one run covers them all.
        missed: How many ticks after `instants` start no run.
        is_late: Whether the ticks start no run because they are noticed too late.
        is_last: Whether this is the last part of the plan.
        error: The exception of the schedule in one line, or "".
        quiet_until: When the quiet time ends to which all ticks belong, so that they start no run; None if
            the first one is not in a quiet time.
        quiet_ticks: Further ticks, of quiet times after that.
        claims: Where schedulers share a store, the number of the process that has claimed each tick; 0
            for this one. Empty if this scheduler runs all ticks.
    """

    job: JobRecord
    due: float
    schedule: Schedule | None
    now: float
    next_due: float | None = None
    ticks: int = 1
    limit: int = 0
    instants: list[float] | None = None
    missed: int = 0
    is_late: bool = False
    is_last: bool = True
    error: str = ""
    quiet_until: float | None = None
    quiet_ticks: tuple[QuietTicks, ...] = ()
    claims: Mapping[float, int] = field(default_factory=dict)

    def parts(self) -> Iterator[TickPlan]:
        """Yield the plan in parts of which none starts many runs."""
        instants = self.instants
        if instants is None or len(instants) <= _PART:
            yield self
            return
        starts = range(0, len(instants), _PART)
        for start in starts:
            last = start == starts[-1]
            part = instants[start : start + _PART]
            if last:
                yield replace(self, due=part[0], instants=part)
            else:
                next_due = instants[start + _PART]
                rest = replace(self, instants=part, missed=0, is_last=False, quiet_ticks=())
                yield replace(rest, due=part[0], next_due=next_due)


class Search(NamedTuple):
    """A search for the next tick of a job after the start, or after a step of the wall clock."""

    after: float  # the tick is later than this instant, in seconds since the epoch
    step: float = 0.0  # by how many seconds the wall clock was changed


@dataclass(slots=True, kw_only=True)
class NextTick:
    """The result of a search.

    Attributes:
        job: The job.
        search: The search.
        previous: When the job was due at the time of the search, in seconds since the epoch.
        schedule: The job's schedule: an interval may begin at another instant than before.
        due: The next tick, in seconds since the epoch; None for never.
        error: The exception of the schedule in one line, or "".
    """

    job: JobRecord
    search: Search
    previous: float | None
    schedule: Schedule | None
    due: float | None = None
    error: str = ""


class TickPlanner:
    """Makes the plans of one wake after the other. Any thread may search for next ticks at any time.

    Args:
        quiet: Returns the times in which nothing starts.
        pause: Is called now and then during a long plan.
    """

    def __init__(
        self, quiet: Callable[[], QuietTimes] = lambda: NO_QUIET_TIMES, pause: Callable[[], object] = bool
    ) -> None:
        self._quiet = quiet
        self._pause = pause
        self._next_ticks = NextTickCache()
        self._countable = TICK_LIMIT

    def begin_wake(self) -> None:
        """Let the plans of this wake count `TICK_LIMIT` ticks again."""
        self._countable = TICK_LIMIT

    def find_first(self, schedule: Schedule, after: float) -> tuple[Schedule, float | None]:
        """Return a schedule and its first tick later than an instant, in seconds since the epoch.

        An interval without a start begins at that instant.
        """
        schedule = anchored(schedule, utc(after))
        return schedule, self._next_ticks.next_tick(schedule, after)

    def find_next(self, job: JobRecord, search: Search) -> NextTick:
        """Search for the next tick of a job."""
        found = NextTick(job=job, search=search, previous=job.due, schedule=job.schedule)
        try:
            self._search(found)
        except Exception as error:  # noqa: BLE001 - a schedule or a zone may be the user's code
            found.error = f"{job.name}: {one_line(error)}"
        return found

    def _search(self, found: NextTick) -> None:
        schedule, step, after = found.schedule, found.search.step, found.search.after
        assert schedule is not None  # a job without a schedule has no ticks
        base = base_of(schedule)
        if step and isinstance(base, Every) and not base.first_at_start and base.start is not None:
            moved = base.anchored(base.start + timedelta(seconds=step))
            found.schedule = schedule = with_base(schedule, moved)
            if found.previous is None:
                return
            # Half an interval earlier, since the step is measured inexactly.
            after = found.previous + step - base.interval.total_seconds() / 2
        found.schedule, found.due = self.find_first(schedule, after)

    def plan(self, job: JobRecord, now: float) -> Iterator[TickPlan]:
        """Yield the parts of the plan of a job that is due.

        There is none if another thread has removed the job, or moved its next tick, since it was found due.
        The plan of a paused job ends where its pause ends, and one that begins in a quiet time ends with it.
        """
        due, pause = job.due, job.pause
        if due is None or due > now:
            return
        if pause is not None and pause.until is not None and pause.covers(due):
            now = min(now, pause.until - _MICROSECOND)
        plan = self._begin(job, due, now)
        late: TickPlan | None = None
        try:
            if plan.quiet_until is None and now - due > job.policies.lateness_limit:
                late, plan = self._split_late(plan)
            self._fill(plan)
        except Exception as error:  # noqa: BLE001 - a schedule or a zone may be the user's code
            plan.error = f"{job.name}: {one_line(error)}"
        if late is not None:
            yield late
        yield from plan.parts()

    def _begin(self, job: JobRecord, due: float, now: float) -> TickPlan:
        """Return a plan that begins with a tick. If that is in a quiet time, the plan ends with it."""
        quiet_until = self._quiet().end_at(due)
        if quiet_until is not None:
            now = min(now, quiet_until - _MICROSECOND)
        return TickPlan(job=job, due=due, schedule=job.schedule, now=now, quiet_until=quiet_until)

    def _split_late(self, plan: TickPlan) -> tuple[TickPlan | None, TickPlan]:
        """Return the ticks of a plan that are too late, and the plan of the others.

        If there are no others, return None, and the plan marked as too late.
        """
        schedule, now = plan.schedule, plan.now
        assert schedule is not None  # a job without a schedule is never due
        end = now - plan.job.policies.lateness_limit - _MICROSECOND
        first = self._next_ticks.next_tick(schedule, end)
        if first is None or first > now:
            return None, replace(plan, is_late=True)
        late = replace(plan, now=end, next_due=first, is_late=True, is_last=False)
        self._count_ticks(late)
        return late, self._begin(plan.job, first, now)

    def _fill(self, plan: TickPlan) -> None:
        schedule, due, now, next_tick = plan.schedule, plan.due, plan.now, self._next_ticks.next_tick
        assert schedule is not None  # a job without a schedule is never due
        plan.next_due = next_tick(schedule, due)
        if plan.next_due is None or plan.next_due > now:
            return
        plan.next_due = next_tick(schedule, now)
        starts_runs = not (plan.is_late or plan.quiet_until or plan.job.is_paused_at(due))
        if starts_runs and plan.job.policies.misfire is Misfire.ALL:
            self._list_instants(plan, schedule)
        else:
            self._count_ticks(plan)

    def _count_ticks(self, plan: TickPlan) -> None:
        """Count the ticks of a plan, as far as this wake may."""
        schedule = plan.schedule
        assert schedule is not None  # a job without a schedule is never due
        plan.limit = self._countable
        plan.ticks = 1 + self._count_others(plan, schedule)
        if not isinstance(schedule, Every):
            self._countable = max(TICK_LEAST, self._countable - plan.ticks + 1)

    def instants_of(self, plan: TickPlan) -> list[float]:
        """Return the ticks of a plan, up to `TICK_LIMIT`."""
        if plan.instants is not None:
            return plan.instants
        assert plan.schedule is not None  # a job without a schedule is never due
        if plan.ticks == 1:
            return [plan.due]
        end_at = self._quiet().end_at
        return [each for each in self._instants(plan, plan.schedule)[0] if end_at(each) is None]

    def _list_instants(self, plan: TickPlan, schedule: Schedule) -> None:
        """List every tick that starts a run, up to `TICK_LIMIT`, and count the rest."""
        instants, rest = self._instants(plan, schedule)
        groups = [(end, [*group]) for end, group in groupby(instants, self._quiet().end_at)]
        plan.instants = [each for end, group in groups if end is None for each in group]
        plan.quiet_ticks = tuple(
            QuietTicks(group[0], len(group), end) for end, group in groups if end is not None
        )
        if rest is not None:
            plan.missed = 1 + self._count(schedule, rest, plan.now, TICK_LIMIT)

    def _instants(self, plan: TickPlan, schedule: Schedule) -> tuple[list[float], float | None]:
        """Return the ticks of a plan, up to `TICK_LIMIT`, and the first one beyond; None if there is none."""
        instants: list[float] = []
        instant: float | None = plan.due
        while instant is not None and instant <= plan.now:
            if len(instants) == TICK_LIMIT:
                return instants, instant
            instants.append(instant)
            instant = self._next_ticks.next_tick(schedule, instant)
            if len(instants) % _CHUNK == 0:
                self._pause()
        return instants, None

    def _count_others(self, plan: TickPlan, schedule: Schedule) -> int:
        """Count the ticks after the first. Those of quiet times do not count; note them in the plan."""
        quiet, limit = self._quiet(), self._countable
        if not quiet or plan.quiet_until is not None:
            return self._count(schedule, plan.due, plan.now, limit)
        skipped: list[QuietTicks] = []
        count, after = 0, plan.due
        while count < limit:
            first = self._next_ticks.next_tick(schedule, after)
            if first is None or first > plan.now:
                break
            span = quiet.span_at(first)
            after = min(plan.now, span.end - _MICROSECOND)
            ticks = 1 + self._count(schedule, first, after, limit)
            if span.is_quiet:
                skipped.append(QuietTicks(first, ticks, span.end))
            else:
                count += ticks
            self._pause()
        plan.quiet_ticks = tuple(skipped)
        return count

    def _count(self, schedule: Schedule, after: float, until: float, limit: int) -> int:
        """Return how many ticks have passed after an instant, but at most ``limit``.

        A cron tick takes about 15 us to count.
        """
        if isinstance(schedule, Every):
            return schedule.ticks_between(utc(after), utc(until), limit)
        count, instant = 0, self._next_ticks.next_tick(schedule, after)
        while instant is not None and instant <= until and count < limit:
            count += 1
            instant = self._next_ticks.next_tick(schedule, instant)
            if count % _CHUNK == 0:
                self._pause()
        return count
