"""Zones in the notation of POSIX, which the environment variable TZ may have: ``CET-1CEST,M3.5.0,M10.5.0/3``.

The notation counts offsets westwards: ``<+03>-3`` is three hours *ahead* of UTC.
"""

from __future__ import annotations

import io
import re
import struct
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

_NAME = r"(?:<[A-Za-z0-9+-]{3,}>|[A-Za-z]{3,})"
_FORM = re.compile(
    rf"(?P<name>{_NAME})(?P<sign>[+-]?)(?P<hours>[0-9]{{1,2}})(?::(?P<minutes>[0-5][0-9]))?"
    rf"(?::(?P<seconds>[0-5][0-9]))?(?P<summer>{_NAME}[^,]*(?P<rule>,.*)?)?"
)
_DEFAULT_RULE = ",M3.2.0,M11.1.0"  # of the C library: that of the United States

# A file of the zone database without transitions: a header and one type of local time, in two versions.
_BLOCK = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbB", 0, 0, 0) + b"UTC\0"


@cache  # equal zones are one object, so that Python compares their times by the wall clock
def posix_zone(text: str) -> tzinfo | None:
    """Return the zone that a text means in the notation of POSIX; None if it is not in that notation."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    if form["summer"]:
        rule = "" if form["rule"] else _DEFAULT_RULE
        footer = f"\n{text}{rule}\n".encode("ascii", "replace")
        try:
            zone = ZoneInfo.from_file(io.BytesIO(_BLOCK * 2 + footer), key=text)
            zone.utcoffset(datetime(2000, 1, 1))  # noqa: DTZ001 - a zone of this kind may fail only here
        except ValueError:
            return None
        return zone
    west = timedelta(
        hours=int(form["hours"]), minutes=int(form["minutes"] or 0), seconds=int(form["seconds"] or 0)
    )
    if not west:
        return UTC
    try:
        return timezone(west if form["sign"] == "-" else -west, form["name"].strip("<>"))
    except ValueError:  # a day or more
        return None
