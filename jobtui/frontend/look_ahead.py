"""The content of the timeline: the part of time that a user looks at, its runs, and the forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from jobtui.engine.ledger import MAX_RUNS
from jobtui.engine.typical_duration import expected_durations
from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend
from jobtui.frontend.timeline import Window
from jobtui.simulation.forecast import Forecast, forecast

MOST = 10_000  # predicted runs; about 0.3 s of work
# The lengths of the window, with their names.
SPANS = [
    *((f"{minutes}m", timedelta(minutes=minutes)) for minutes in (5, 15, 30)),
    *((f"{hours}h", timedelta(hours=hours)) for hours in (1, 3, 6, 12, 24)),
    *((f"{days}d", timedelta(days=days)) for days in (3, 7)),
]
_FIRST_ZOOM = 1
_PAST = 0.4  # the part of the window before now, until it is moved
_MOVE = 0.25  # the part of the window by which one step moves it


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineView:
    """The part of time that a user looks at, and the pool that the user asks about.

    Attributes:
        zoom: The length of the window, as an index of `SPANS`.
        steps: By how many steps the window was moved; negative into the past.
        pool: The size of the pool that is asked about; None for the one that it has.
    """

    zoom: int = _FIRST_ZOOM
    steps: int = 0
    pool: int | None = None

    @property
    def name(self) -> str:
        """The length of the window, such as ``15m``."""
        return SPANS[self.zoom][0]

    @property
    def length(self) -> timedelta:
        """The length of the window."""
        return SPANS[self.zoom][1]

    @property
    def _shift(self) -> float:
        """By how many windows the window was moved."""
        return self.steps * _MOVE

    def zoomed(self, by: int) -> Self:
        """Return the view with more time in it, or with less."""
        return replace(self, zoom=max(0, min(len(SPANS) - 1, self.zoom + by)))

    def moved(self, by: int) -> Self:
        """Return the view after a move by some steps."""
        return replace(self, steps=self.steps + by)

    def window(self, now: datetime, width: int) -> Window:
        """Return the window in columns, which stay where they are while time passes."""
        column = self.length / width
        seconds = column.total_seconds()
        place = now.timestamp() // seconds + round(width * (self._shift - _PAST))
        return Window(datetime.fromtimestamp(place * seconds, now.tzinfo), column, width)

    def look_ahead(
        self, backend: Backend, *, progress: Callable[[float], object] = lambda _: None
    ) -> TimelinePicture:
        """Return what the timeline shows.

        Args:
            backend: The scheduler. The call may take a second.
            progress: As for `forecast`.
        """
        snapshot = backend.snapshot()
        since, until = self._range(snapshot.at)
        return TimelinePicture(
            jobs=tuple(job.name for job in snapshot.jobs),
            since=since,
            pool=self.pool,
            real_pool=snapshot.pool.size,
            past=backend.find_runs(since=since, limit=MAX_RUNS),
            forecast=forecast(
                snapshot,
                expected_durations(snapshot.jobs),
                length=until - snapshot.at.astimezone(UTC),
                pool=self.pool,
                most=MOST,
                progress=progress,
            ),
        )

    def is_in(self, picture: TimelinePicture) -> bool:
        """Return whether a picture, which may be of another view, has everything that this one shows."""
        since, until = self._range(picture.forecast.start)
        return (
            self.pool == picture.pool
            and since >= picture.since
            and (until <= picture.forecast.end or picture.forecast.is_cut)
        )

    def end(self, now: datetime) -> datetime:
        """Return the last instant of a picture of this view, in the zone of `now`."""
        return self._range(now)[1].astimezone(now.tzinfo)

    def _range(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the first and the last instant of a picture, in UTC. It goes on for a bit after now."""
        present = now.astimezone(UTC)
        ahead = max(self.length * (1 - _PAST + self._shift), self.length / len(SPANS))
        return present - self.length * (_PAST - min(0.0, self._shift)), present + ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePicture:
    """The content of the timeline.

    Attributes:
        jobs: The names of all jobs.
        since: The beginning of the past that it has.
        pool: The size of the pool that was asked about; None for the one that it has.
        real_pool: The size that it has; None if that is not known.
        past: The runs that are RUNNING or have ended since then, and the ticks that started none.
        forecast: The forecast from then on.
    """

    jobs: tuple[str, ...]
    since: datetime
    pool: int | None
    past: Sequence[RunView]
    forecast: Forecast
    real_pool: int | None = None

    @property
    def known_since(self) -> datetime:
        """The instant from which on it has all runs; later than the beginning if there were too many."""
        if len(self.past) < MAX_RUNS:
            return self.since
        return min(run.ended or run.created for run in self.past)
