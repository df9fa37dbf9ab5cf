"""When the clock of a zone is changed: by how much, and what it shows before and after.

A ``tzinfo`` answers only what its offset is at an instant, so the instant of a change is searched for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
# Two changes closer than this would be taken for one, or for none. No zone of the database has any closer
# than some days, and those are more than a century ago.
_STEP = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Transition:
    """A jump of a zone's clock.

    Attributes:
        instant: When, in UTC; the clock shows ``shown_after`` at this very instant.
        before: The offset from UTC until then.
        after: The offset from then on.
    """

    instant: datetime
    before: timedelta
    after: timedelta

    @property
    def is_gap(self) -> bool:
        """Whether the clock jumps forward, over times that it never shows; else it shows some twice."""
        return self.after > self.before

    @property
    def length(self) -> timedelta:
        """How long the gap or the overlap is; above zero."""
        return abs(self.after - self.before)

    @property
    def wall_before(self) -> datetime:
        """What the clock would show at the instant without the change; naive."""
        return self.instant.replace(tzinfo=None) + self.before

    @property
    def wall_after(self) -> datetime:
        """What the clock shows at the instant; naive."""
        return self.instant.replace(tzinfo=None) + self.after

    @property
    def first(self) -> datetime:
        """The first time of the gap or of the overlap; naive."""
        return min(self.wall_before, self.wall_after)

    @property
    def end(self) -> datetime:
        """The first time that is in the gap or the overlap no more; naive."""
        return max(self.wall_before, self.wall_after)


def is_fixed(tz: tzinfo) -> bool:
    """Says whether a zone is known to never change its offset. Only zones of the standard library are."""
    return isinstance(tz, timezone | ZoneInfo) and tz.utcoffset(None) is not None


def is_unambiguous(moment: datetime) -> bool:
    """Says whether the clock of a datetime's zone shows its time exactly once (PEP 495)."""
    return moment.utcoffset() == moment.replace(fold=1 - moment.fold).utcoffset()


def transition_around(moment: datetime) -> Transition | None:
    """Returns the change because of which the zone's clock shows a time twice or never; None if once.

    Args:
        moment: The time, aware, in its zone.
    """
    tz, other = moment.tzinfo, moment.replace(fold=1 - moment.fold)
    one, two = moment.utcoffset(), other.utcoffset()
    assert tz is not None
    assert one is not None
    assert two is not None
    if one == two:
        return None
    # The first offset is the larger one in an overlap, and the smaller one in a gap.
    before, after = (two, one) if moment.fold else (one, two)
    wall = moment.replace(tzinfo=UTC, fold=0)
    return Transition(first_change(tz, wall - max(one, two), wall - min(one, two)), before, after)


def transitions_between(tz: tzinfo, after: datetime, until: datetime) -> Iterator[Transition]:
    """Yields the changes of a zone's clock in ``after < t <= until``, soonest first.

    It asks for the offset twice a day: a year takes about half a millisecond.

    Args:
        tz: The zone.
        after: Aware.
        until: Aware.
    """
    if is_fixed(tz):
        return
    low, end = after.astimezone(UTC), until.astimezone(UTC)
    offset = offset_at(tz, low)
    while low < end:
        high = min(low + _STEP, end)
        later = offset_at(tz, high)
        if later != offset:
            yield Transition(first_change(tz, low, high), offset, later)
        low, offset = high, later


def first_change(tz: tzinfo, low: datetime, high: datetime) -> datetime:
    """Returns the instant, in ``low < t <= high``, from which the offset is not that of ``low``.

    All three are aware, in UTC. Changes are at whole seconds.
    """
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    old = offset_at(tz, low)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if offset_at(tz, middle) == old:
            low = middle
        else:
            high = middle
    return high


def offset_at(tz: tzinfo, instant: datetime) -> timedelta:
    """Returns the offset from UTC of a zone at an instant; aware."""
    offset = instant.astimezone(tz).utcoffset()
    assert offset is not None, "a zone that is asked for its changes has offsets"
    return offset
