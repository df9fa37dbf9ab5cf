"""The policies of a job: what the engine does with its ticks and its runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from math import inf
from typing import Any, TypedDict

from jobtui.engine.enums import Misfire, MisfireName, Overlap, OverlapName
from jobtui.engine.retry import NO_RETRY, Retry

MAX_HELD = 1_000  # runs of one job that may be HELD, unless set
MISFIRE_GRACE = 1.0  # seconds; a tick that is noticed no later than this is on time
ABANDON = 30.0  # seconds that a run gets to end after its timeout, unless set


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPolicies:
    """The policies of a job. To add one, see `runtime.policies`, too.

    Attributes:
        overlap: What happens to a new run while an earlier one is live.
        misfire: What happens to ticks that were missed.
        max_late: How many seconds late a tick may be noticed and still start a run; 0 for any number.
        catch_up: For how many seconds before the start of a scheduler with a store ticks are caught up.
        max_held: How many runs may be HELD before ticks are skipped.
        pause_after: How many failures in a row pause the job; 0 for never.
        times: After how many runs that were OK or failed the job is DONE; 0 for never.
        on_start: Whether the job also runs when the scheduler starts.
        not_before: The first instant at which a tick may be; without a zone, in that of the scheduler.
        until: The last such instant.
        spread: By up to how many seconds all ticks are later, by the same time.
        jitter: By up to how many seconds each tick is later.
        retry: When a run that fails is tried again.
        timeout: How many seconds a run may take before it is asked to stop; 0 for no limit.
        warn: After how many seconds a run is marked as slow; 0 for never.
        abandon: How many seconds after its timeout a run that goes on is given up.
        on_success: Called for each run that is OK; the engine does not call it.
        on_failure: Called for each run that has failed.
        on_missed: Called for each run or group of ticks that ended as MISSED or SKIPPED.
    """

    overlap: Overlap = Overlap.HOLD
    misfire: Misfire = Misfire.COALESCE
    max_late: float = 0.0
    catch_up: float = 0.0
    max_held: int = MAX_HELD
    pause_after: int = 0
    times: int = 0
    on_start: bool = False
    not_before: datetime | None = None
    until: datetime | None = None
    spread: float = 0.0
    jitter: float = 0.0
    retry: Retry = NO_RETRY
    timeout: float = 0.0
    warn: float = 0.0
    abandon: float = ABANDON
    on_success: Callable[[Any], object] | None = None
    on_failure: Callable[[Any], object] | None = None
    on_missed: Callable[[Any], object] | None = None

    @property
    def lateness_limit(self) -> float:
        """The number of seconds by which a tick may be noticed late and still start a run."""
        return self.max_late or (MISFIRE_GRACE if self.misfire is Misfire.SKIP else inf)

    def bounds(self, tz: tzinfo) -> tuple[datetime | None, datetime | None]:
        """Return `not_before` and `until`, aware; ``tz`` is the zone of those without one."""
        first, last = [
            each.replace(tzinfo=tz) if each is not None and each.tzinfo is None else each
            for each in (self.not_before, self.until)
        ]
        return first, last


class Policies(TypedDict, total=False):
    """The policies of a job as keyword arguments. None stands for the default of the scheduler.

    Attributes:
        overlap: What to do with a run that is requested before an earlier run of its job has ended:
            ``"hold"`` it until that run ends (the default), ``"skip"`` it, ``"allow"`` both to run at once,
            or ``"replace"`` the earlier run: cancel it, and hold the new one until it has ended.
        misfire: What to do with ticks that are seen too late: one run for all of them (``"coalesce"``, the
            default), none (``"skip"``) or one for each (``"all"``).
        max_late: Ticks that are noticed later than this are MISSED, and ``misfire`` decides about the others:
            a timedelta, seconds, or a duration such as ``"1h"``; 0, the default, for no limit, which is one
            second for ``misfire="skip"``.
        catch_up: With a store, ticks that passed while no scheduler ran are treated as late ticks if they
            were due within this time before the start: a timedelta, seconds, or a duration such as
            ``"12h"``; 0, the default, for never. In any case the ledger counts the others as MISSED.
        max_held: How many runs of the job may be held; beyond that its ticks are skipped.
        pause_after: Pause the job after so many failures in a row; 0, the default, for never.
        times: The job is DONE after so many runs that were OK or failed, by ticks or by hand.
        on_start: Run the job once when the scheduler starts, too; or at its registration, while it runs.
        not_before: The first instant at which the job may be due: a datetime, or a text in ISO 8601. Without
            a zone it is in that of the scheduler.
        until: The last such instant.
        spread: All ticks are later by the same time, which is shorter than this and follows from the job's
            name: a timedelta, seconds, or a duration such as ``"1h"``.
        jitter: Each tick is later by a time of its own, which is shorter than this, at most an hour.
        retry: How often to try a run again that fails, as a number or a `jobtui.Retry`; 0, the default, for
            never.
        timeout: The longest that a run may take, in the form of ``catch_up``; 0, the default, for no limit. A
            coroutine is cancelled then; a thread is asked to stop, see `jobtui.current_run`.
        warn: Mark a run as slow that takes longer than this, and log a warning; 0, the default, for never.
        abandon: The time that a run gets to end after its timeout, by default 30 seconds. Then it ends as
            TIMED_OUT, and its thread is abandoned: it goes on, but nothing waits for it any more.
        on_success: Called with a `jobtui.Ending` after each run that is OK, in a thread of its own.
        on_failure: As ``on_success``, after each run that has failed.
        on_missed: As ``on_success``, for ticks that started no run because they came too late or the job was
            busy.
    """

    overlap: OverlapName | None
    misfire: MisfireName | None
    max_late: timedelta | float | str | None
    catch_up: timedelta | float | str | None
    max_held: int | None
    pause_after: int | None
    times: int | None
    on_start: bool | None
    not_before: datetime | str | None
    until: datetime | str | None
    spread: timedelta | float | str | None
    jitter: timedelta | float | str | None
    retry: Retry | int | None
    timeout: timedelta | float | str | None
    warn: timedelta | float | str | None
    abandon: timedelta | float | str | None
    on_success: Callable[[Any], object] | None
    on_failure: Callable[[Any], object] | None
    on_missed: Callable[[Any], object] | None


DEFAULT_POLICIES = JobPolicies()
