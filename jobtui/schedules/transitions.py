"""The transitions of a zone: when its offset from UTC changes, and what its clock shows before and after.

A transition forward makes a *gap* of wall times that never occur; one backward makes an *overlap* of wall
times that occur twice, with ``fold`` 0 and 1 (PEP 495). A ``tzinfo`` only has the offset at an instant, so a
transition itself is found by bisection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
# Two transitions closer than this would be found as one, or as none. In the time zone database the closest
# two are some days apart, and more than a century ago.
_STEP = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a zone's offset."""

    instant: datetime  # in UTC
    before: timedelta  # the offset from UTC until the instant
    after: timedelta  # the offset from the instant on

    @property
    def is_gap(self) -> bool:
        """Whether the clock jumps forward over times that never occur; otherwise some occur twice."""
        return self.after > self.before

    @property
    def length(self) -> timedelta:
        """The length of the gap or the overlap; above zero."""
        return abs(self.after - self.before)

    @property
    def wall_start(self) -> datetime:
        """The first wall time of the gap or the overlap; naive."""
        return self.instant.replace(tzinfo=None) + min(self.before, self.after)

    @property
    def wall_end(self) -> datetime:
        """The first wall time after the gap or the overlap; naive."""
        return self.instant.replace(tzinfo=None) + max(self.before, self.after)


def is_fixed(tz: tzinfo) -> bool:
    """Return whether a zone is known to never change its offset. Only zones of the standard library are."""
    return isinstance(tz, timezone | ZoneInfo) and tz.utcoffset(None) is not None


def is_unambiguous(moment: datetime) -> bool:
    """Return whether the clock of a datetime's zone shows its wall time exactly once (PEP 495)."""
    return moment.utcoffset() == moment.replace(fold=1 - moment.fold).utcoffset()


def transition_around(moment: datetime) -> Transition | None:
    """Return the transition whose gap or overlap has a wall time in it; None if the time occurs once.

    Args:
        moment: The wall time, aware, in its zone; of any fold.
    """
    tz, other_fold = moment.tzinfo, moment.replace(fold=1 - moment.fold)
    own_offset, other_offset = moment.utcoffset(), other_fold.utcoffset()
    assert tz is not None
    assert own_offset is not None
    assert other_offset is not None
    if own_offset == other_offset:
        return None
    # The offset of fold 0 is the larger one in an overlap, and the smaller one in a gap.
    before, after = (other_offset, own_offset) if moment.fold else (own_offset, other_offset)
    wall = moment.replace(tzinfo=UTC, fold=0)
    low, high = wall - max(own_offset, other_offset), wall - min(own_offset, other_offset)
    return Transition(_first_transition(tz, low, high), before, after)


def transitions_between(tz: tzinfo, after: datetime, until: datetime) -> Iterator[Transition]:
    """Yield the transitions of a zone in ``after < t <= until``, soonest first.

    The offset is read twice a day: a year takes about half a millisecond.

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
        new_offset = offset_at(tz, high)
        if new_offset != offset:
            yield Transition(_first_transition(tz, low, high), offset, new_offset)
        low, offset = high, new_offset


def _first_transition(tz: tzinfo, low: datetime, high: datetime) -> datetime:
    """Return the instant, in ``low < t <= high``, from which the offset differs from that at ``low``.

    All three are aware, in UTC. Transitions are at whole seconds.
    """
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    offset = offset_at(tz, low)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if offset_at(tz, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def offset_at(tz: tzinfo, instant: datetime) -> timedelta:
    """Return a zone's offset from UTC at an aware instant."""
    offset = instant.astimezone(tz).utcoffset()
    assert offset is not None, "zone() rejects zones without offsets"
    return offset
