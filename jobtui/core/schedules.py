"""Schedules: immutable values that say when a job is due next. They keep no state and read no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal, Protocol, get_args, runtime_checkable
from zoneinfo import ZoneInfo

from jobtui.core.cron import CronFields, Word, read_fields, words_of
from jobtui.core.durations import as_interval, format_duration
from jobtui.core.errors import BadSpec, quoted
from jobtui.core.walltime import WallTable, every_pass_after, first_pass_after, wall_table
from jobtui.core.zones import local_zone, zone, zone_name

Dst = Literal["once", "every"]

_ZONE = re.compile(r"\s*(CRON_)?TZ=", re.ASCII)
# What parse() remembers. A program has few distinct specs; a server that checks specs for others has many.
_REMEMBERED = 1024


@runtime_checkable
class Schedule(Protocol):
    """What a job needs from its schedule. Any object with these methods can be one."""

    @property
    def tz(self) -> tzinfo:
        """The zone of the instants that ``next`` returns."""

    def next(self, after: datetime) -> datetime | None:
        """Returns the first instant strictly later than ``after``, in the schedule's zone, or None.

        Raises:
            ValueError: ``after`` has no zone.
        """

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:
        """Returns how many times it is due in ``after < t <= until``, but at most ``limit``."""

    def __str__(self) -> str:
        """The canonical spec, with the zone where one was given."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Cron:
    """A cron spec in a zone.

    Two are equal when they match the same seconds in the same zone with the same rule for DST,
    however they are written: ``@midnight`` equals ``0 0 * * *``.

    Attributes:
        text: The canonical spec without a zone: six fields with names in capitals, or a descriptor.
        fields: The numbers that the spec means.
        tz: The zone of the wall clock that the spec is about.
        dst: What to do about wall times that a zone shows twice or never; see ``parse``.
    """

    text: str = field(compare=False)
    fields: CronFields = field(compare=False)
    # Not every zone can be hashed (dateutil's cannot), so tz takes part in == alone.
    tz: tzinfo = field(hash=False)
    dst: Dst
    zone_given: bool = field(compare=False)
    _table: WallTable
    _every_pass: bool
    _fixed: bool = field(compare=False)

    def __init__(self, spec: str, *, tz: str | tzinfo | None = None, dst: Dst = "once") -> None:
        """Reads a spec of five or six fields, or a descriptor such as ``@daily``.

        Args:
            spec: The spec, without ``@every``; a zone in front of it counts before ``tz``.
            tz: The zone, or its name; None is the machine's.
            dst: ``"once"`` or ``"every"``; see ``parse``.

        Raises:
            BadSpec: The spec, the zone or ``dst`` is not acceptable.
            TypeError: ``spec`` is not a string, or ``tz`` is of another type.
        """
        text = _text(spec)
        words, actual, given = _words_and_zone(text, tz)
        fields = read_fields(text, words)
        table = wall_table(
            seconds=fields.seconds,
            minutes=fields.minutes,
            hours=fields.hours,
            days=fields.days,
            months=fields.months,
            weekdays=fields.weekdays,
            both_days=fields.both_days,
        )
        _set(
            self,
            text=fields.text,
            fields=fields,
            tz=actual,
            dst=_checked_dst(dst),
            zone_given=given,
            _table=table,
            _every_pass=fields.every_pass or dst == "every",
            # A zone of the database that never changes its offset says so; one by others may not.
            _fixed=isinstance(actual, timezone | ZoneInfo) and actual.utcoffset(None) is not None,
        )

    def next(self, after: datetime) -> datetime | None:
        """Returns the first instant strictly later than ``after`` at which the spec is due.

        Args:
            after: An aware datetime in any zone.

        Returns:
            An aware datetime in the schedule's zone, on a whole second of its wall clock; or None where
            nothing matches within 8 years, or before the calendar of ``datetime`` ends (the year 9999).

        Raises:
            ValueError: ``after`` has no zone.
        """
        try:
            # Through UTC even if the zone is ours: a wall time in a DST gap would stay as it is.
            instant = _aware(after).astimezone(UTC)
            if self._fixed:
                wall = self._table.after(instant.astimezone(self.tz).replace(tzinfo=None))
                return None if wall is None else wall.replace(tzinfo=self.tz)
            if self._every_pass:
                return every_pass_after(self._table, self.tz, instant)
            return first_pass_after(self._table, self.tz, instant)
        except OverflowError:
            return None

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:
        """Returns how many times the spec is due in ``after < t <= until``, but at most ``limit``.

        It takes the time of one ``next`` for each.
        """
        end = _aware(until).astimezone(UTC)
        count, due = 0, self.next(after)
        # Against UTC: Python compares two times of one zone by their wall clocks.
        while count < limit and due is not None and due <= end:
            count, due = count + 1, self.next(due)
        return count

    def __str__(self) -> str:
        """Returns the canonical spec, which ``parse`` reads back, with the zone where one was given."""
        return _with_zone(self.text, self.tz, given=self.zone_given)

    def __repr__(self) -> str:
        """Returns the call that makes it, nearly."""
        dst = "" if self.dst == "once" else f", dst={self.dst!r}"
        return f"Cron({str(self)!r}{dst})"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Every:
    """A fixed rate: the grid ``start + k * interval``, counted in microseconds, so that it never drifts.

    Attributes:
        interval: The time between two instants, from 1 millisecond to 8 years.
        start: The origin of the grid; None until ``anchored`` gives one.
        first_at_start: Whether ``start`` itself is the first instant (k >= 0), because a caller named it;
            for a start that was implied, the first instant is one interval later (k >= 1).
        tz: The zone of the instants that ``next`` returns. The grid does not depend on it.
    """

    interval: timedelta
    start: datetime | None
    first_at_start: bool
    tz: tzinfo = field(hash=False)
    zone_given: bool = field(compare=False)

    def __init__(
        self,
        interval: timedelta | float | str,
        start: datetime | None = None,
        *,
        tz: str | tzinfo | None = None,
    ) -> None:
        """Makes a fixed rate.

        Args:
            interval: A timedelta, seconds, or a duration such as ``"1h30m"``.
            start: The first instant, aware; None leaves that to ``anchored``.
            tz: The zone of the instants, or its name; None is the zone of ``start``, else the machine's.

        Raises:
            BadSpec: The interval or the zone is not acceptable.
            TypeError: An argument is of another type.
            ValueError: ``start`` has no zone.
        """
        fallback = zone(_aware(start).tzinfo) if start is not None else None
        _set(
            self,
            interval=as_interval(interval),
            start=start,
            first_at_start=start is not None,
            tz=zone(tz) if tz is not None else fallback or local_zone(),
            zone_given=tz is not None,
        )

    def anchored(self, start: datetime) -> Every:
        """Returns the same rate with an implied start: its first instant is one interval after ``start``.

        One whose start was given by a caller is returned as it is.

        Raises:
            ValueError: ``start`` has no zone.
        """
        _aware(start)
        if self.first_at_start:
            return self
        schedule = object.__new__(Every)
        _set(
            schedule,
            interval=self.interval,
            start=start,
            first_at_start=False,
            tz=self.tz,
            zone_given=self.zone_given,
        )
        return schedule

    def next(self, after: datetime) -> datetime | None:
        """Returns the first instant of the grid strictly later than ``after``.

        Without a start there is no grid yet, and it is ``after + interval``.

        Args:
            after: An aware datetime in any zone.

        Returns:
            An aware datetime in the schedule's zone, or None where the calendar of ``datetime`` ends
            (the year 9999).

        Raises:
            ValueError: ``after`` has no zone.
        """
        try:
            instant = _aware(after).astimezone(UTC)
            if self.start is None:
                return (instant + self.interval).astimezone(self.tz)
            origin = self.start.astimezone(UTC)
            # timedelta // and * count in whole microseconds: no float, no drift.
            steps = max((instant - origin) // self.interval + 1, self._first_step)
            return (origin + steps * self.interval).astimezone(self.tz)
        except OverflowError:
            return None

    @property
    def _first_step(self) -> int:
        return 0 if self.first_at_start else 1

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:
        """Returns how many instants of the grid are in ``after < t <= until``, but at most ``limit``.

        It divides, so that a long sleep costs no more than a short one. Without a start, the grid
        begins at ``after``.
        """
        begin, end = _aware(after).astimezone(UTC), _aware(until).astimezone(UTC)
        if self.start is None:
            return max(0, min(limit, (end - begin) // self.interval))
        origin = self.start.astimezone(UTC)
        first = max((begin - origin) // self.interval + 1, self._first_step)
        return max(0, min(limit, (end - origin) // self.interval - first + 1))

    def __str__(self) -> str:
        """Returns the spec, which ``parse`` reads back (without the start)."""
        return _with_zone(f"@every {format_duration(self.interval)}", self.tz, given=self.zone_given)

    def __repr__(self) -> str:
        """Returns the call that makes it, nearly."""
        if self.start is None:
            return f"Every({str(self)!r})"
        name = "start" if self.first_at_start else "anchored"
        return f"Every({str(self)!r}, {name}={self.start.isoformat()!r})"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Once:
    """One instant.

    Attributes:
        at: The instant, aware.
        tz: Its zone.
    """

    at: datetime
    tz: tzinfo = field(compare=False)

    def __init__(self, at: datetime) -> None:
        """Makes a schedule of one instant.

        Raises:
            ValueError: ``at`` has no zone.
            TypeError: ``at`` is not a datetime.
        """
        _set(self, at=_aware(at), tz=at.tzinfo)

    def next(self, after: datetime) -> datetime | None:
        """Returns the instant if it is strictly later than ``after``, else None.

        Raises:
            ValueError: ``after`` has no zone.
        """
        # Against UTC: Python compares two times of one zone by their wall clocks.
        return self.at if self.at > _aware(after).astimezone(UTC) else None

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:
        """Returns 1 if ``after < at <= until`` and ``limit`` allows it, else 0."""
        due = self.next(after) is not None and self.at <= _aware(until).astimezone(UTC)
        return 1 if due and limit > 0 else 0

    def __str__(self) -> str:
        """Returns ``@at`` and the instant; this is no spec, since ``at()`` takes a datetime."""
        return f"@at {self.at.isoformat(sep=' ')}"

    def __repr__(self) -> str:
        """Returns the call that makes it, nearly."""
        return f"Once({self.at.isoformat()!r})"


def parse(spec: str, *, tz: str | tzinfo | None = None, dst: Dst = "once") -> Cron | Every:
    """Reads a spec: five or six cron fields, a descriptor such as ``@daily``, or ``@every DURATION``.

    The fields are ``second minute hour day-of-month month day-of-week``; without the second, the spec
    is a standard crontab line. If day-of-month or day-of-week is unrestricted (an item begins with
    ``*`` or ``?``) a day must match both; if both are restricted, one is enough.

    Args:
        spec: The spec. ``TZ=Zone `` or ``CRON_TZ=Zone `` in front of it counts before ``tz``.
        tz: The zone, or its name; None is the machine's zone.
        dst: ``"once"``: a spec whose minute or hour begins with ``*`` is due whenever the wall clock
            matches; any other is due once for each wall time: at the first pass where the clock shows
            it twice, after the gap where the clock jumps over it by less than 3 hours. ``"every"``: any
            spec is due whenever the wall clock matches.

    Returns:
        The schedule: the same object for the same arguments. An ``Every`` has no start yet.

    Raises:
        BadSpec: The spec, the zone or ``dst`` is not acceptable; the message says what to write instead.
        TypeError: ``spec`` is not a string, or ``tz`` is of another type.
    """
    text = _text(spec)
    _checked_dst(dst)
    # The machine's zone is asked for here so that it is part of the key, and only where it is needed.
    actual = None if tz is None and _ZONE.match(text) else zone(tz)
    label = zone_name(actual) if actual else ""
    try:
        hash(actual)
    except TypeError:  # dateutil's zones
        return _parse(text, actual, label, tz is not None, dst)
    return _remembered(text, actual, label, tz is not None, dst)


def _parse(spec: str, tz: tzinfo | None, _label: str, given: bool, dst: Dst) -> Cron | Every:
    # The label is in the key because two fixed offsets are equal whatever they are called.
    words, actual, _ = _words_and_zone(spec, tz)
    first = words[0]
    zoned = tz if given else None
    if first.text.lower() != "@every":
        return Cron(spec, tz=zoned, dst=dst)
    if len(words) != 2:  # noqa: PLR2004 - the word and its duration
        raise BadSpec(
            "one duration without spaces follows @every; write @every 1h30m",
            spec=spec,
            position=words[min(2, len(words) - 1)].position,
        )
    duration = words[1]
    try:
        interval = as_interval(duration.text)
    except BadSpec as bad:
        position = duration.position + (bad.position or 0)
        raise BadSpec(f"@every: {bad.sentence}", spec=spec, position=position) from None
    return Every(interval, tz=zoned if actual is tz else actual)


_remembered = lru_cache(maxsize=_REMEMBERED)(_parse)


def _words_and_zone(spec: str, tz: str | tzinfo | None) -> tuple[list[Word], tzinfo, bool]:
    """Returns the words of a spec without its zone, the zone to use, and whether anybody gave one."""
    words = words_of(spec)
    first = words[0]
    name, equals, value = first.text.partition("=")
    if not equals:
        return words, zone(tz), tz is not None
    if name not in ("TZ", "CRON_TZ"):
        raise BadSpec(
            f"{quoted(first.text)}: a spec may begin with TZ=Zone or CRON_TZ=Zone, and has no '=' elsewhere",
            spec=spec,
            position=first.position,
        )
    try:
        actual = zone(value)
    except BadSpec as bad:
        raise BadSpec(bad.sentence, spec=spec, position=first.position + len(name) + 1) from None
    if len(words) == 1:
        raise BadSpec(
            f"nothing follows {quoted(first.text)}; write the spec after it", spec=spec, position=len(spec)
        )
    return words[1:], actual, True


def _with_zone(text: str, tz: tzinfo, *, given: bool) -> str:
    return f"TZ={zone_name(tz)} {text}" if given else text


def _text(spec: str) -> str:
    if not isinstance(spec, str):
        raise TypeError(f"a spec is a string such as '0 */15 9-17 * * MON-FRI', not {type(spec).__name__}")
    return str.__str__(spec)  # of a subclass, such as StrEnum, the plain text


def _checked_dst(dst: Dst) -> Dst:
    if dst not in get_args(Dst):
        raise BadSpec(f"dst is 'once' or 'every', not {quoted(str(dst))}")
    return dst


def _aware(instant: datetime) -> datetime:
    if not isinstance(instant, datetime):
        raise TypeError(f"an instant is an aware datetime, not {type(instant).__name__}")
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"{instant} has no zone; give it one, such as tzinfo=datetime.UTC")
    return instant


def _set(schedule: object, **values: object) -> None:
    """Sets the attributes of a frozen schedule under construction."""
    for name, value in values.items():
        object.__setattr__(schedule, name, value)
