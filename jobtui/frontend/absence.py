"""The ticks that passed while no scheduler ran, for the user who starts one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime

from jobtui.engine.enums import Misfire
from jobtui.runtime.scheduler import Scheduler

WAIT = 10.0  # seconds that the user has to choose

_RUNS: dict[Misfire, Callable[[int], int]] = {
    Misfire.COALESCE: lambda ticks: min(ticks, 1),
    Misfire.SKIP: lambda _ticks: 0,
    Misfire.ALL: lambda ticks: ticks,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedTicks:
    """The ticks of one job that passed.

    Attributes:
        job: The name of the job.
        ticks: How many ticks passed.
        first: When the first one was due, in the scheduler's zone.
        caught_up: How many of them the job catches up; 0 for none.
        runs: How many runs these start, by the misfire policy of the job.
    """

    job: str
    ticks: int
    first: datetime
    caught_up: int
    runs: int


class Absence:
    """The missed ticks of a scheduler, and the choice of the user.

    Args:
        scheduler: A scheduler with a store. If it has not been started, its jobs wait for the choice, but
            not for long.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        if scheduler.recording is not None:
            scheduler.recording.wait = WAIT + 1.0

    @property
    def missed(self) -> list[MissedTicks]:
        """The jobs that have missed ticks."""
        recording = self._scheduler.recording
        return [
            MissedTicks(
                job=each.job.name,
                ticks=each.caught_up + each.left_out,
                first=datetime.fromtimestamp(each.first, self._scheduler.tz),
                caught_up=each.caught_up,
                runs=_RUNS[each.job.policies.misfire](each.caught_up),
            )
            for each in ([] if recording is None else recording.catch_ups)
        ]

    def go_on(self, chosen: Collection[str]) -> None:
        """Let the chosen jobs catch up, and no others.

        Args:
            chosen: The names of jobs. One whose policies catch up nothing runs once.
        """
        recording = self._scheduler.recording
        if recording is None:
            return
        catching_up = {each.job for each in self.missed if each.caught_up}
        recording.begin_catch_up(catching_up.difference(chosen))
        for job in chosen:
            if job not in catching_up:
                Context().run(self._scheduler.run, job)
