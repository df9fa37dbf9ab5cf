"""Time zones by name, and the machine's own."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text

LAST_YEAR = 9998  # the last year that the calendar of every zone has in full

_FIXED = re.compile(r"UTC(?P<offset>[+-][0-9]{2}:[0-5][0-9](:[0-5][0-9](\.[0-9]{6})?)?)")

_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - what a zone is asked about is naive


def local_zone() -> tzinfo:
    """Returns the zone that the machine is set to, by its name where it has one.

    A zone with its name knows its changes to and from daylight saving time; ``datetime.astimezone()``
    would give only today's offset.

    Raises:
        BadSpec: The machine's settings name no zone that exists.
    """
    import tzlocal  # noqa: PLC0415 - a program whose schedules all name a zone does not need it

    try:
        return tzlocal.get_localzone()
    except ZoneInfoNotFoundError as error:  # TZ names no zone, or the machine's settings disagree
        raise BadSpec(
            f"the machine's time zone cannot be told ({error.args[0]}); name one with tz="
        ) from error


def zone(name: str | tzinfo | None) -> tzinfo:
    """Returns the zone of that name.

    Args:
        name: A name from the time zone database (``Europe/Oslo``), a fixed offset as
            ``zone_name`` writes it (``UTC+02:00``), a zone, or None for the machine's zone. A zone made
            by pytz is exchanged for the standard library's zone of the same name.

    Raises:
        BadSpec: There is no zone of that name; the message gives the nearest known names.
        TypeError: The name is of another type.
    """
    if name is None:
        return local_zone()
    if isinstance(name, tzinfo):
        # A pytz zone must not be put into a datetime directly: it would be local mean time.
        pytz_name = getattr(name, "zone", None) if hasattr(name, "localize") else None
        return zone(pytz_name) if isinstance(pytz_name, str) else _with_offsets(name)
    if not isinstance(name, str):
        raise TypeError(
            f"a zone is a name such as 'Europe/Oslo', a tzinfo or None, not {type(name).__name__}"
        )
    if name == "UTC":
        return UTC  # the standard library's own is three times as fast as a ZoneInfo
    fixed = _FIXED.fullmatch(name)
    try:
        if fixed:
            offset = datetime.fromisoformat(f"2000-01-01T00:00:00{fixed['offset']}").tzinfo
            assert offset is not None, "the pattern has an offset"
            return offset
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a bad key; "../x", NUL; a folder, a name too long
        raise _unknown(name) from None


def _with_offsets(tz: tzinfo) -> tzinfo:
    try:
        offset = tz.utcoffset(_ANY_TIME)
    except NotImplementedError:
        offset = None
    if offset is None:
        raise TypeError(f"a zone has offsets from UTC, and {type(tz).__name__} gives none")
    return tz


def _unknown(name: str) -> BadSpec:
    near = closest_matches(name, _known_zones())
    hint = f"; did you mean {' or '.join(near)}?" if near else "; write a name such as Europe/Oslo or UTC"
    return BadSpec(f"unknown time zone {quote_text(name)}{hint}")


@cache
def _known_zones() -> list[str]:
    # Cached: they are looked for on the disk.
    return sorted(available_timezones())


def zone_name(tz: tzinfo) -> str:
    """Returns a name for the zone: its key in the database, else its offset, else what it calls itself."""
    key = getattr(tz, "key", None)
    if isinstance(key, str):
        return key
    if isinstance(tz, timezone):
        return "UTC" if not tz.utcoffset(None) else f"UTC{datetime(2000, 1, 1, tzinfo=tz).isoformat()[19:]}"
    return str(tz)
