"""The policies `warn`, `timeout` and `abandon`: what happens to a run that takes too long."""

from __future__ import annotations

from datetime import timedelta

from jobtui.engine.enums import Limit, RunState
from jobtui.engine.event_log import EventLog
from jobtui.engine.events import RunWarned
from jobtui.engine.packed_exceptions import Frames, pack_stack
from jobtui.engine.pool import Pool
from jobtui.engine.records import RunRecord
from jobtui.engine.run_limits import RunLimits
from jobtui.engine.timer_queue import LimitDue
from jobtui.engine.tracebacks import innermost_place
from jobtui.schedules.durations import format_duration

ABANDON_RETRY = 1.0  # seconds after which a run is tried again that could not be abandoned


class Overtime:
    """Acts on runs that have reached a limit of their time. Call with the state lock held.

    Args:
        pool: The runs.
        limits: Their limits.
        event_log: Gets an event for each warning.
    """

    def __init__(self, pool: Pool, limits: RunLimits, event_log: EventLog) -> None:
        self._pool = pool
        self._limits = limits
        self._event_log = event_log

    @property
    def problem(self) -> str:
        """The reason why no run is abandoned any more; "" if that is possible.

        It may be read without the state lock.
        """
        return self._refusal if self._pool.abandoned else ""

    @property
    def _refusal(self) -> str:
        """The reason why no run may be abandoned; "" if one may."""
        count, most = len(self._pool.abandoned), self._pool.most_abandoned
        if count < most:
            return ""
        return f"{count} abandoned runs go on, and jobs.abandoned = {most} allows no more"

    def apply(self, entry: LimitDue, now: float) -> None:
        """Warn about a run, ask it to stop, or give it up, unless it has ended in the meantime."""
        run, extras = entry.run, entry.run.extras
        if run.state is not RunState.RUNNING or extras.limit_at > now:  # it may have started again
            return
        if extras.limit is Limit.WARN:
            self._warn(run, entry.frames, now)
        elif extras.limit is Limit.TIMEOUT:
            self._time_out(run, entry.frames, now)
        elif extras.limit is Limit.ABANDON:
            self._abandon(run, entry.frames, now)

    def _warn(self, run: RunRecord, frames: Frames, now: float) -> None:
        """Mark a run as slow, and set its timeout as the next limit."""
        policies, extras = run.job.policies, run.extras
        extras.warned = True
        place = innermost_place(pack_stack("", "", frames))
        self._notice(run, f"still runs after {_text(policies.warn)}{place and f', at {place}'}", now)
        self._event_log.emit_run(RunWarned, run, now)
        if extras.deadline is None:
            self._limits.set_next(run, None)
        else:
            self._limits.set_next(run, Limit.TIMEOUT, extras.deadline)

    def _time_out(self, run: RunRecord, frames: Frames, now: float) -> None:
        """Ask a run to stop, unless it has been asked before, and begin its grace."""
        policies, extras = run.job.policies, run.extras
        reason = f"timed out after {_text(policies.timeout)}"
        if not extras.stop_reason:
            extras.timed_out = True
            extras.overtime = pack_stack(TimeoutError.__name__, reason, frames)
            self._pool.cancel(run, now, reason)
            self._notice(run, f"{reason}, and has been asked to stop", now)
        self._limits.set_next(run, Limit.ABANDON, now + policies.abandon)

    def _abandon(self, run: RunRecord, frames: Frames, now: float) -> None:
        """Give up a run that goes on after its grace, unless too many have been given up."""
        policies, extras, pool = run.job.policies, run.extras, self._pool
        if self._refusal:
            reason = f"cannot be abandoned: {self._refusal}"
            if extras.reason != reason:
                extras.reason = reason
                run.cached_view = None
                self._notice(run, reason, now)
            self._limits.set_next(run, Limit.ABANDON, now + ABANDON_RETRY)
            return
        late = f"{_text(policies.abandon)} after its timeout of {_text(policies.timeout)}"
        extras.overtime = pack_stack(TimeoutError.__name__, f"still ran {late}; its work goes on", frames)
        pool.abandoned[run.number] = run  # before the end: see `Pool.repair`
        self._notice(run, f"is abandoned: it still ran {late}", now)
        pool.give_up(run, now, RunState.TIMED_OUT, "")

    def _notice(self, run: RunRecord, text: str, now: float) -> None:
        self._pool.give_notice(f"run {run.number} of {run.job.name} {text}", now)


def _text(seconds: float) -> str:
    """Return a duration as it is written in a policy."""
    return format_duration(timedelta(seconds=seconds))
