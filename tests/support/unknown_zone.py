"""Zones that only one process knows."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, tzinfo
from io import BytesIO
from zoneinfo import ZoneInfo


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


def unknown_zoneinfo() -> ZoneInfo:
    """Return the same zone as an object of the standard library, from a file that exists nowhere."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    kind = struct.pack(">lBB", 900, 0, 0)
    return ZoneInfo.from_file(BytesIO(b"TZif" + bytes(16) + counts + kind + b"QTR\0"), key="Nowhere/Quarter")
