"""Schedules with a beginning and an end, and with ticks that are spread or shaken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256

from jobtui.schedules.durations import format_duration
from jobtui.schedules.schedule import Every, Once, Schedule

_ZERO = timedelta()
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedSchedule:
    """The ticks of a schedule within bounds, each of them later by as much as a text decides.

    Attributes:
        base: The schedule.
        not_before: The first instant at which a tick may be, aware; None for no such bound.
        until: The last such instant.
        spread: All ticks are later by the same time, which is shorter than this and follows from `name`.
        jitter: Each tick is later by a time of its own, which is shorter than this and follows from `seed`.
        name: The name of the job.
        seed: A text that tells one machine from others.
    """

    base: Schedule
    not_before: datetime | None = None
    until: datetime | None = None
    spread: timedelta = _ZERO
    jitter: timedelta = _ZERO
    name: str = ""
    seed: str = ""

    @property
    def tz(self) -> tzinfo:
        """The zone of the schedule."""
        return self.base.tz

    @property
    def offset(self) -> timedelta:
        """The time by which `spread` moves all ticks."""
        return _part_of(self.spread, self.name)

    def next(self, after: datetime) -> datetime | None:
        """Return the first tick strictly later than ``after``, in the schedule's zone; None for never.

        Raises:
            ValueError: ``after`` is naive.
        """
        if self.not_before is not None and self.not_before > after:
            after = self.not_before.astimezone(UTC) - _MICROSECOND
        found: datetime | None = None
        for tick in self._ticks_from(after):
            if found is not None and tick - self.jitter >= found:
                break  # jitter can move no later tick before the one that is found
            if tick > after and (found is None or tick < found):
                found = tick
            if not self.jitter and found is not None:
                break
        if found is None or (self.until is not None and found > self.until):
            return None
        return found.astimezone(self.tz)

    def _ticks_from(self, after: datetime) -> Iterator[datetime]:
        """Yield the moved ticks in UTC, from the first one that may be later than an instant."""
        offset = self.offset
        tick = self.base.next(after.astimezone(UTC) - offset - self.jitter)
        while tick is not None:
            utc = tick.astimezone(UTC)
            yield utc + offset + _part_of(self.jitter, f"{self.seed} {self.name} {utc.isoformat()}")
            tick = self.base.next(tick)

    def __str__(self) -> str:
        """Return the text of the schedule without the adjustments."""
        return str(self.base)

    def adjustments(self) -> str:
        """Return what is adjusted, in words: ``12m3s late (spread 1h), until 2026-12-31 00:00:00``."""
        parts = []
        if self.spread:
            parts.append(f"{format_duration(self.offset)} late (spread {format_duration(self.spread)})")
        if self.jitter:
            parts.append(f"up to {format_duration(self.jitter)} late (jitter)")
        if self.not_before is not None:
            parts.append(f"not before {self._wall_time(self.not_before)}")
        if self.until is not None:
            parts.append(f"until {self._wall_time(self.until)}")
        return ", ".join(parts)

    def _wall_time(self, instant: datetime) -> str:
        return instant.astimezone(self.tz).replace(tzinfo=None).isoformat(" ")


def base_of(schedule: Schedule | None) -> Schedule | None:
    """Return a schedule without its adjustments."""
    return schedule.base if isinstance(schedule, AdjustedSchedule) else schedule


def has_end(schedule: Schedule | None) -> bool:
    """Return whether a schedule has a last tick that its user has set."""
    is_bounded = isinstance(schedule, AdjustedSchedule) and schedule.until is not None
    return is_bounded or isinstance(base_of(schedule), Once)


def with_base(schedule: Schedule, base: Schedule) -> Schedule:
    """Return another base with the adjustments of a schedule."""
    return replace(schedule, base=base) if isinstance(schedule, AdjustedSchedule) else base


def anchored(schedule: Schedule, start: datetime) -> Schedule:
    """Return a schedule in which an interval that has no start begins at an instant."""
    base = base_of(schedule)
    if isinstance(base, Every) and base.start is None:
        return with_base(schedule, base.anchored(start))
    return schedule


def _part_of(length: timedelta, text: str) -> timedelta:
    """Return a part of a length, in whole milliseconds or seconds, that a text decides."""
    if not length:
        return length
    share = int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    unit = _MILLISECOND if length < timedelta(minutes=1) else timedelta(seconds=1)
    return length * share // unit * unit
