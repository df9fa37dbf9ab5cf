"""Time zones by name, and the machine's own."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timezone, tzinfo
from functools import cache
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from jobtui.schedules.bad_spec import BadSpec, closest_matches, quote_text
from jobtui.schedules.posix_zones import posix_zone

FIRST_YEAR = 1900  # the first year of an instant that a user gives
LAST_YEAR = 9998  # the last year that the calendar of every zone has in full
_MAX_HOURS = 23  # of an offset

_FIXED = re.compile(r"UTC(?P<offset>[+-][0-9]{2}:[0-5][0-9](:[0-5][0-9](\.[0-9]{6})?)?)")
_OFFSET = re.compile(
    r"(?P<name>[A-Za-z]*) ?(?P<sign>[+-]?)(?P<hours>[0-9]{1,2}):?(?P<minutes>[0-5][0-9])?(?::?[0-9]{2})?"
)
# The names of UTC, which needs no zone database.
_UTC_NAMES = frozenset(
    f"{area}{name}"
    for area in ("", "Etc/")
    for name in ("UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Universal", "Zulu")
)
_SET_ONE = (
    "set the environment variable TZ to a name such as Europe/Oslo, or name the zone: --tz, jobs.tz in the "
    "settings, or tz="
)

_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - tzinfo.utcoffset() takes a naive time


def local_zone() -> tzinfo:
    """Return the machine's zone, with its name if it has one.

    Unlike the offset of ``datetime.astimezone()``, a named zone knows its transitions. The environment
    variable TZ has priority, as in the C library; it may be a name, a file, or in the notation of POSIX.

    Raises:
        BadSpec: The machine's settings name no zone, or one that does not exist; the message says what to
            set.
    """
    variable = os.environ.get("TZ")
    if variable is not None:
        return _zone_of_variable(variable)
    import tzlocal  # noqa: PLC0415 - not needed by a program whose schedules all name a zone

    try:
        return tzlocal.get_localzone()
    except Exception as error:  # the settings contradict each other, are not a zone, or cannot be read
        with suppress(Exception):
            if tzlocal.get_localzone_name() in _UTC_NAMES:
                return UTC  # there is no zone database
        problem = " ".join(str(error.args[0] if isinstance(error, LookupError) else error).split())
        raise BadSpec(f"cannot determine the machine's time zone ({problem}); {_SET_ONE}") from error


@cache
def _zone_of_variable(variable: str) -> tzinfo:
    """Return the zone that the environment variable TZ means."""
    name = variable.removeprefix(":")
    try:
        if not name:
            return UTC
        if name.startswith("/"):
            return _zone_of_file(name)
        return _known_zone(name) or posix_zone(name) or _refuse_variable(variable)
    except (OSError, ValueError):  # a folder or no file; or not a file of the zone database
        return _refuse_variable(variable)


def _refuse_variable(variable: str) -> NoReturn:
    problem = f"cannot determine the machine's time zone: TZ={quote_text(variable)} is not one"
    raise BadSpec(f"{problem}; {_SET_ONE}") from None


def _zone_of_file(path: str) -> tzinfo:
    key = path.partition("/zoneinfo/")[2]
    known = _known_zone(key) if key else None
    if known is not None:
        return known
    with open(path, "rb") as file:  # noqa: PTH123 - a path of the machine's, as it is
        return ZoneInfo.from_file(file, key=path)


def local_zone_or_utc() -> tzinfo:
    """Return the machine's zone, or UTC if it is not known, for a schedule that does not depend on it."""
    try:
        return local_zone()
    except BadSpec:
        return UTC


def zone(name: str | tzinfo | None) -> tzinfo:
    """Return a zone by its name.

    Args:
        name: A name from the time zone database (``Europe/Oslo``), a fixed offset in the form of
            ``zone_name`` (``UTC+02:00``), a zone in the notation of POSIX (``CET-1CEST,M3.5.0,M10.5.0/3``),
            a zone, or None for the machine's zone. A zone of pytz is replaced by the standard library's zone
            of the same name.

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
    found = _known_zone(name)
    if found is None:
        offset = _OFFSET.fullmatch(name)
        if offset is None or not int(offset["hours"]):  # else the sign could be meant either way
            found = posix_zone(name)
    if found is None:
        raise _unknown_zone(name)
    return found


def _known_zone(name: str) -> tzinfo | None:
    """Return a zone of the database, or a fixed offset in the form of `zone_name`; None if it is neither."""
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
        return UTC if name in _UTC_NAMES else None


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
    offset = _OFFSET.fullmatch(name)
    if offset:
        hint = _offset_hint(offset)
    elif not _known_zones():
        hint = "this machine has no time zone database: install the package tzdata"
    else:
        near = [] if name.isalpha() and name.isupper() else closest_matches(name, _known_zones())
        hint = f"did you mean {' or '.join(near)}?" if near else "write a name such as Europe/Oslo or UTC"
    return BadSpec(f"unknown time zone {quote_text(name)}; {hint}")


def _offset_hint(given: re.Match[str]) -> str:
    """Return how to write an offset. In POSIX, and in names such as Etc/GMT+2, its sign is reversed."""
    hours, minutes, sign, name = int(given["hours"]), given["minutes"] or "00", given["sign"], given["name"]
    if not sign or hours > _MAX_HOURS or name.upper() not in {"UTC", "GMT", "Z", ""}:
        return "write a name such as Europe/Oslo, or an offset such as UTC+02:00"
    instead = f"write UTC{sign}{hours:02}:{minutes}"
    if name.upper() != "GMT":
        return instead
    side = "ahead of" if sign == "+" else "behind"
    other = "-" if sign == "+" else "+"
    return (
        f"{instead} if that is {side} UTC, or UTC{other}{hours:02}:{minutes} if it is meant as in the name "
        f"Etc/GMT{sign}{hours}, whose sign is reversed"
    )


@cache  # the names are read from the disk
def _known_zones() -> list[str]:
    return sorted(available_timezones())
