"""The facts that a live scheduler has for `why`, from its memory and its store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import chain

from jobtui.engine.enums import JobStatus, Phase, RunState, Trigger
from jobtui.engine.job_pause import Pause
from jobtui.engine.views import JobView, RunView
from jobtui.frontend.formatting import format_times
from jobtui.frontend.why_facts import JobFacts, LifeSpan
from jobtui.runtime.scheduler import Scheduler
from jobtui.schedules.describe import describe
from jobtui.schedules.quiet_times import QuietTimes, parse_quiet_times
from jobtui.schedules.schedule import Never

_LIVE = (RunState.RUNNING, RunState.QUEUED, RunState.HELD, RunState.RETRYING)
_MOST_LIVE = 1_000  # live runs in one of these states
_LATEST = 100  # entries among which the latest one of a tick is searched


class SchedulerFacts:
    """The facts of a scheduler at one moment. It implements `FactSource`.

    Args:
        scheduler: The scheduler.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._snapshot = scheduler.snapshot()
        self.run = scheduler.run_view
        self.endings_from = scheduler.endings_from
        self.oldest_ending = scheduler.oldest_ending

    @property
    def zone(self) -> tzinfo:
        """The zone of the scheduler."""
        return self._scheduler.tz

    def now(self) -> datetime:
        """Return the time."""
        return self._snapshot.at

    def phase(self) -> Phase:
        """Return the phase of the scheduler."""
        return self._snapshot.phase

    def slots(self) -> int:
        """Return how many runs may be RUNNING at once; 0 for no limit."""
        return self._snapshot.pool.size

    def quiet(self) -> QuietTimes:
        """Return the times in which nothing starts."""
        return parse_quiet_times(self._snapshot.quiet, tz=self.zone)

    def job(self, name: str) -> JobFacts:
        """Return a job."""
        self._scheduler.runs_of(name)  # raises LookupError, with the names that are similar
        view = next((each for each in self._snapshot.jobs if each.name == name), None)
        if view is None:
            raise LookupError(f"job {name!r} was just added")
        schedule = None if isinstance(view.schedule, Never) else view.schedule
        return JobFacts(
            name=name,
            schedule=schedule,
            schedule_text="" if schedule is None else describe(schedule),
            overlap=view.overlap,
            pause=_pause_of(view),
            ended=f"{format_times(view)} runs have ended"
            if view.status is JobStatus.DONE and view.times
            else "",
        )

    def live_runs(self, job: str | None) -> Sequence[RunView]:
        """Return the runs, of a job or of all, that have not ended."""
        found = [self._scheduler.find_runs(job=job, state=state, limit=_MOST_LIVE) for state in _LIVE]
        return tuple(chain(*found))

    def latest_tick(self, job: str) -> RunView | None:
        """Return the latest ending of a job that a tick has led to; None if none is kept."""
        endings = self._scheduler.find_runs(job=job, limit=_LATEST)
        return next((each for each in endings if each.trigger is Trigger.TICK and each.state.ended), None)

    def lives(self) -> Sequence[LifeSpan]:
        """Return when schedulers have run, oldest first."""
        recording, snapshot = self._scheduler.recording, self._snapshot
        if recording is not None and (spans := recording.lives()):
            tz = self.zone
            return [
                LifeSpan(
                    started=datetime.fromtimestamp(life.started, tz),
                    ended=None if life.ended is None else datetime.fromtimestamp(life.ended, tz),
                    killed=bool(life.killed),
                    pid=life.pid,
                )
                for life in spans
            ]
        if snapshot.started is None:
            return ()
        has_stopped = snapshot.phase is Phase.STOPPED
        return (LifeSpan(started=snapshot.started, ended=snapshot.heartbeat if has_stopped else None),)


def _pause_of(job: JobView) -> Pause | None:
    if job.paused_since is None:
        return None
    until = None if job.paused_until is None else job.paused_until.timestamp()
    return Pause(job.paused_since.timestamp(), until, job.pause_note, job.paused_by)
