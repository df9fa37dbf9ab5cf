"""Schedules: immutable values that say when a job is due next. They keep no state and read no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, Protocol, get_args, runtime_checkable

from jobtui.schedules.bad_spec import BadSpec, quote_text
from jobtui.schedules.canonical import canonical
from jobtui.schedules.cron import CronFields, Word, read_fields, split_zone
from jobtui.schedules.durations import as_interval, format_duration
from jobtui.schedules.transitions import is_fixed, is_unambiguous
from jobtui.schedules.wall_clock import WallTable, every_pass_after, first_pass_after, wall_table
from jobtui.schedules.zones import local_zone, zone, zone_name

Dst = Literal["once", "every"]

_LAST_YEAR = 9999  # datetime's own
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Between these a number of seconds tells each microsecond apart; some 140 years around the epoch.
_EXACT_FROM, _EXACT_TO = -(2.0**32), 2.0**32


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
    however they are written: ``@midnight`` equals ``0 0 * * *``, and its ``str`` is the same.

    Attributes:
        fields: The numbers that the spec means.
        tz: The zone of the wall clock that the spec is about.
        dst: What to do about wall times that a zone shows twice or never; see ``parse``.
        every_pass: Whether it is due whenever the wall clock matches: because of ``dst``, or because the
            minute or the hour begins with a star.
        zone_given: Whether somebody named the zone.
    """

    fields: CronFields = field(compare=False)
    # Not every zone can be hashed (dateutil's cannot), so tz takes part in == alone.
    tz: tzinfo = field(hash=False)
    dst: Dst
    every_pass: bool
    zone_given: bool = field(compare=False)
    table: WallTable = field(repr=False)
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
        text = spec_text(spec)
        named, words = split_zone(text)
        actual = zone_of(text, named, tz)
        fields = read_fields(text, words)
        _set(
            self,
            fields=fields,
            tz=actual,
            dst=dst_rule(dst),
            every_pass=fields.every_pass or dst == "every",
            zone_given=named is not None or tz is not None,
            table=wall_table(
                seconds=fields.seconds,
                minutes=fields.minutes,
                hours=fields.hours,
                days=fields.days,
                months=fields.months,
                weekdays=fields.weekdays,
                both_days=fields.both_days,
            ),
            _fixed=is_fixed(actual),
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
            due = self._next(after)
            if due is not None and due.year == _LAST_YEAR:
                due.astimezone(UTC)  # west of it, the calendar ends some hours earlier
        except OverflowError:
            return None
        return due

    def _next(self, after: datetime) -> datetime | None:
        tz = self.tz
        ours = isinstance(after, datetime) and after.tzinfo is tz
        local = after if ours else _aware(after).astimezone(tz)
        due = self.table.after(local, tz)
        if self._fixed or (is_unambiguous(local) and (due is None or is_unambiguous(due))):
            return due
        # Near a change of the clock. Through UTC, since a local time may be in a gap.
        search = every_pass_after if self.every_pass else first_pass_after
        return search(self.table, tz, after.astimezone(UTC))

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
        """Returns the canonical spec, with the zone where one was given.

        ``parse`` reads it back as an equal schedule, and equal schedules have the same (but for a zone
        that one was given and the other found).
        """
        text = canonical(self.fields, star_matters=self.dst == "once")
        return _with_zone(text, self.tz, given=self.zone_given)

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
    _step: int = field(compare=False, repr=False)  # the interval in microseconds
    _origin: int = field(compare=False, repr=False)  # the start, in microseconds since the epoch

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
        self._init(
            interval=as_interval(interval),
            start=start,
            first_at_start=start is not None,
            tz=zone(tz) if tz is not None else fallback or local_zone(),
            zone_given=tz is not None,
        )

    def _init(
        self,
        *,
        interval: timedelta,
        start: datetime | None,
        first_at_start: bool,
        tz: tzinfo,
        zone_given: bool,
    ) -> None:
        _set(
            self,
            interval=interval,
            start=start,
            first_at_start=first_at_start,
            tz=tz,
            zone_given=zone_given,
            _step=interval // _MICROSECOND,
            _origin=0 if start is None else (start - _EPOCH) // _MICROSECOND,
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
        schedule._init(
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

    def next_after(self, seconds: float) -> float | None:
        """Returns what ``next`` would, counted in seconds since the epoch; of a grid with a start.

        It is some ten times faster, for a scheduler with many intervals. Both are exact to the microsecond.
        """
        assert self.start is not None
        if not _EXACT_FROM < seconds < _EXACT_TO:
            instant = self.next(_EPOCH + timedelta(seconds=seconds))
            return None if instant is None else instant.timestamp()
        steps = (round(seconds * 1e6) - self._origin) // self._step + 1
        return (self._origin + max(steps, self._first_step) * self._step) / 1e6

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


def spec_text(spec: str) -> str:
    """Returns a spec as plain text.

    Raises:
        TypeError: It is not a string.
    """
    if not isinstance(spec, str):
        raise TypeError(f"a spec is a string such as '0 */15 9-17 * * MON-FRI', not {type(spec).__name__}")
    return str.__str__(spec)  # of a subclass, such as StrEnum, the plain text


def zone_of(spec: str, name: Word | None, tz: str | tzinfo | None) -> tzinfo:
    """Returns the zone of a spec.

    Args:
        spec: The whole spec, for messages.
        name: The zone that it names; it counts before ``tz``.
        tz: What a caller gave; None is the machine's zone.

    Raises:
        BadSpec: There is no such zone.
        TypeError: ``tz`` is of another type.
    """
    given = zone(tz) if name is None or tz is not None else None
    if given is not None and name is None:
        return given
    assert name is not None
    try:
        return zone(name.text)
    except BadSpec as bad:
        raise BadSpec(bad.sentence, spec=spec, position=name.position) from None


def dst_rule(dst: Dst) -> Dst:
    """Returns a rule for DST, checked.

    Raises:
        BadSpec: It is neither ``"once"`` nor ``"every"``.
    """
    if dst not in get_args(Dst):
        shown = quote_text(dst) if isinstance(dst, str) else type(dst).__name__
        raise BadSpec(f"dst is 'once' or 'every', not {shown}")
    return dst


def _with_zone(text: str, tz: tzinfo, *, given: bool) -> str:
    return f"TZ={zone_name(tz)} {text}" if given else text


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
