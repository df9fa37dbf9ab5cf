"""The facts from which `why_tick` and `why_run` explain a tick or a run, and where they come from.

A live scheduler and the file of a store give the same facts, so both get the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from jobtui.engine.enums import Overlap, Phase
from jobtui.engine.job_pause import Pause
from jobtui.engine.views import RunView
from jobtui.schedules.adjusted import base_of
from jobtui.schedules.quiet_times import QuietTimes
from jobtui.schedules.schedule import Every, Schedule

MOST_ENTRIES = 2_000  # endings that are read after the instant in question


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """A job, as far as it is known. All times are aware.

    Attributes:
        name: The name of the job.
        schedule: Its schedule; None if it has none, or if the schedule is not known.
        schedule_text: The schedule in words for the user; "" if it has none.
        overlap: What happens to a new run while an earlier one is live; None if that is not known.
        pause: Its pause; None if it is not paused. The pause may be over.
        ended: Why it is DONE, in words; "" if it is not, or if that is not known.
    """

    name: str
    schedule: Schedule | None
    schedule_text: str
    overlap: Overlap | None
    pause: Pause | None
    ended: str = ""

    def knows_ticks(self, at: datetime, lives: Sequence[LifeSpan]) -> bool:
        """Return whether the ticks around an instant can be computed.

        An interval without a given start begins again with each process.
        """
        base = base_of(self.schedule)
        if isinstance(base, Every) and not base.first_at_start:
            return base.start is not None and bool(lives) and lives[-1].started <= at
        return self.schedule is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeSpan:
    """The time in which one scheduler ran. All times are aware.

    Attributes:
        started: When it began.
        ended: When it ended, or was last seen, if it was killed; None if it still runs.
        killed: Whether it ended without stopping.
        pid: The number of its process; 0 if that is not known.
    """

    started: datetime
    ended: datetime | None
    killed: bool = False
    pid: int = 0


class FactSource(Protocol):
    """A scheduler or a store, as `why` asks it. All times are aware. Each method may read a file."""

    @property
    def zone(self) -> tzinfo:
        """The zone of the scheduler."""

    def now(self) -> datetime:
        """Return the time."""

    def phase(self) -> Phase:
        """Return the phase of the scheduler; STOPPED if none runs."""

    def slots(self) -> int:
        """Return how many runs may be RUNNING at once; 0 for no limit, or if that is not known."""

    def quiet(self) -> QuietTimes:
        """Return the times in which nothing starts, as far as they are known."""

    def job(self, name: str) -> JobFacts:
        """Return a job.

        Raises:
            LookupError: There is no job of that name. The message is for the user.
        """

    def run(self, number: int) -> RunView:
        """Return a run.

        Raises:
            LookupError: There is no run of that number, or it is not kept. The message is for the user.
        """

    def live_runs(self, job: str | None) -> Sequence[RunView]:
        """Return the runs, of a job or of all, that have not ended."""

    def endings_from(self, since: datetime, *, job: str | None = None, limit: int) -> Sequence[RunView]:
        """Return the first endings from an instant on, oldest first."""

    def latest_tick(self, job: str) -> RunView | None:
        """Return the latest ending of a job that a tick has led to; None if none is kept."""

    def oldest_ending(self) -> datetime | None:
        """Return when the oldest ending that is kept has ended; None if none is kept.

        Failures do not count, because they are kept for longer.
        """

    def lives(self) -> Sequence[LifeSpan]:
        """Return when schedulers have run, oldest first."""
