"""A zone that only one process knows."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo


class UnknownZone(tzinfo):
    """A zone with an offset of a quarter of an hour, and a name that no other process knows."""

    def __repr__(self) -> str:
        """Return a constant: pytest-xdist compares the tests' ids, of which it may be a part."""
        return "UnknownZone()"

    def utcoffset(self, _instant: datetime | None) -> timedelta:
        """Return the offset from UTC."""
        return timedelta(minutes=15)

    def dst(self, _instant: datetime | None) -> timedelta:
        """Return no daylight saving time."""
        return timedelta(0)

    def tzname(self, _instant: datetime | None) -> str:
        """Return the name."""
        return "a quarter ahead"
