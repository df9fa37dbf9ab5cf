"""Time zones by name, and the machine's own."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text

LAST_YEAR = 9998  # the last year that the calendar of every zone has in full

_FIXED = re.compile(r"UTC(?P<offset>[+-][0-9]{2}:[0-5][0-9](:[0-5][0-9](\.[0-9]{6})?)?)")

_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - tzinfo.utcoffset() takes a naive time


def local_zone() -> tzinfo:
    """Return the machine's zone, with its name if it has one.

    Unlike the offset of ``datetime.astimezone()``, a named zone knows its transitions.

    Raises:
        BadSpec: The machine's settings name a zone that does not exist.
    """
    import tzlocal  # noqa: PLC0415 - not needed by a program whose schedules all name a zone

    try:
        return tzlocal.get_localzone()
    except ZoneInfoNotFoundError as error:  # TZ is not a zone, or the settings contradict each other
        problem = f"cannot determine the machine's time zone ({error.args[0]}); set one with tz="
        raise BadSpec(problem) from error


def zone(name: str | tzinfo | None) -> tzinfo:
    """Return a zone by its name.

    Args:
        name: A name from the time zone database (``Europe/Oslo``), a fixed offset in the form of
            ``zone_name`` (``UTC+02:00``), a zone, or None for the machine's zone. A zone of pytz is
            replaced by the standard library's zone of the same name.

    Raises:
        BadSpec: There is no zone of that name; the message has the closest known names.
        TypeError: ``name`` is of another type.
    """
    if name is None:
        return local_zone()
    if isinstance(name, tzinfo):
        # A pytz zone in a datetime constructor would be local mean time.
        pytz_name = getattr(name, "zone", None) if hasattr(name, "localize") else None
        return zone(pytz_name) if isinstance(pytz_name, str) else _check_offsets(name)
    if not isinstance(name, str):
        raise TypeError(
            f"a zone must be a name such as 'Europe/Oslo', a tzinfo or None, not {type(name).__name__}"
        )
    if name == "UTC":
        return UTC  # three times as fast as a ZoneInfo
    fixed = _FIXED.fullmatch(name)
    try:
        if fixed:
            offset = datetime.fromisoformat(f"2000-01-01T00:00:00{fixed['offset']}").tzinfo
            assert offset is not None, "the pattern has an offset"
            return offset
        return ZoneInfo(name)
    # An unknown name; a name such as "../x" or with a NUL; a directory, or a name too long for a file.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unknown_zone(name) from None


def zone_name(tz: tzinfo) -> str:
    """Return the name of a zone: its key in the database, else its offset, else its ``str``."""
    key = getattr(tz, "key", None)
    if isinstance(key, str):
        return key
    if isinstance(tz, timezone):
        return "UTC" if not tz.utcoffset(None) else f"UTC{datetime(2000, 1, 1, tzinfo=tz).isoformat()[19:]}"
    return str(tz)


def _check_offsets(tz: tzinfo) -> tzinfo:
    try:
        offset = tz.utcoffset(_ANY_TIME)
    except NotImplementedError:
        offset = None
    if offset is None:
        raise TypeError(f"a zone must have offsets from UTC; {type(tz).__name__} has none")
    return tz


def _unknown_zone(name: str) -> BadSpec:
    near = closest_matches(name, _known_zones())
    hint = f"; did you mean {' or '.join(near)}?" if near else "; write a name such as Europe/Oslo or UTC"
    return BadSpec(f"unknown time zone {quote_text(name)}{hint}")


@cache  # the names are read from the disk
def _known_zones() -> list[str]:
    return sorted(available_timezones())
