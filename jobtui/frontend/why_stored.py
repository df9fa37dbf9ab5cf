"""The facts that the file of a store has for `why`, whether a scheduler runs or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from jobtui.engine.enums import Phase, Trigger
from jobtui.engine.records import JOB, PackedRun, packed_view
from jobtui.engine.views import RunView
from jobtui.frontend.why_facts import JobFacts, LifeSpan
from jobtui.schedules.bad_spec import closest_matches
from jobtui.schedules.describe import describe
from jobtui.schedules.quiet_times import QuietTimes, parse_quiet_times
from jobtui.schedules.schedule_key import schedule_of_key
from jobtui.store.history import History

_LATEST = 100  # entries among which the latest one of a tick is searched


class StoreFacts:
    """The facts of a store. It implements `FactSource`. Every method may raise StoreError.

    Args:
        history: Answers questions about the file.
        now: The time, in the zone of the scheduler.
    """

    def __init__(self, history: History, now: datetime) -> None:
        self._history = history
        self._now = now

    @property
    def zone(self) -> tzinfo:
        """The zone of the scheduler."""
        assert self._now.tzinfo is not None
        return self._now.tzinfo

    def now(self) -> datetime:
        """Return the time."""
        return self._now

    def phase(self) -> Phase:
        """Return RUNNING if the latest process that has used the file may still run, else STOPPED."""
        lives = self.lives()
        return Phase.RUNNING if lives and lives[-1].ended is None else Phase.STOPPED

    def job(self, name: str) -> JobFacts:
        """Return a job."""
        jobs = {each.name: each for each in self._history.jobs()}
        if name not in jobs:
            near = closest_matches(name, [*jobs])
            hint = f"; near: {', '.join(near)}" if near else ""
            raise LookupError(f"there is no job {name!r}{hint}")
        found = jobs[name]
        schedule = schedule_of_key(found.schedule_key)
        return JobFacts(
            name=name,
            schedule=schedule,
            schedule_text=found.schedule_key if schedule is None else describe(schedule),
            overlap=found.overlap,
            pause=found.pause,
        )

    def run(self, number: int) -> RunView:
        """Return a run."""
        found = self._history.run(number)
        if found is None:
            raise LookupError(f"there is no run {number}")
        return packed_view(found, self.zone)

    def live_runs(self, job: str | None) -> Sequence[RunView]:
        """Return the runs that were RUNNING when the file was last written."""
        return self._views(run for run in self._history.running() if job in {None, run[JOB]})

    def endings_from(self, since: datetime, *, job: str | None = None, limit: int) -> Sequence[RunView]:
        """Return the first endings from an instant on, oldest first."""
        return self._views(self._history.endings_from(since.timestamp(), job=job, limit=limit))

    def latest_tick(self, job: str) -> RunView | None:
        """Return the latest ending of a job that a tick has led to; None if none is kept."""
        endings = self._views(self._history.find(job=job, limit=_LATEST))
        return next((each for each in endings if each.trigger is Trigger.TICK), None)

    def oldest_ending(self) -> datetime | None:
        """Return when the oldest ending that is kept has ended; None if none is kept."""
        oldest = self._history.oldest_ending()
        return None if oldest is None else datetime.fromtimestamp(oldest, self.zone)

    def slots(self) -> int:
        """Return 0: the file does not have the size of the pool."""
        return 0

    def quiet(self) -> QuietTimes:
        """Return the times in which nothing starts."""
        return parse_quiet_times(self._history.quiet(), tz=self.zone)

    def lives(self) -> Sequence[LifeSpan]:
        """Return when schedulers have run, oldest first."""
        now, spans = self._now.timestamp(), []
        for life in self._history.lives():
            ended, killed = life.ended, bool(life.killed)
            if ended is None and not life.may_live(now):
                ended, killed = life.seen, True
            spans.append(
                LifeSpan(
                    started=datetime.fromtimestamp(life.started, self.zone),
                    ended=None if ended is None else datetime.fromtimestamp(ended, self.zone),
                    killed=killed,
                    pid=life.pid,
                )
            )
        return spans

    def _views(self, runs: Iterable[PackedRun]) -> list[RunView]:
        return [packed_view(run, self.zone) for run in runs]
