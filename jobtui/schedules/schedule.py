"""Schedules: immutable values that say when a job is due next. They keep no state and read no clock."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from jobtui.schedules.bad_spec import BadSpec, quote_text
from jobtui.schedules.canonical import canonical_spec
from jobtui.schedules.cron import CronFields, Word, parse_fields, split_zone
from jobtui.schedules.durations import as_interval, format_duration
from jobtui.schedules.transitions import is_fixed, is_unambiguous
from jobtui.schedules.wall_clock import WallTable, next_at_each_fold, next_at_first_fold, wall_table
from jobtui.schedules.zones import local_zone_or_utc, zone, zone_name

Dst = Literal["once", "every"]

_LAST_YEAR = 9999  # of datetime
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Between these two, a float of seconds since the epoch is exact to the microsecond; about 140 years each way.
_EXACT_FROM, _EXACT_TO = -(2.0**32), 2.0**32


@runtime_checkable
class Schedule(Protocol):
    """The members that every schedule has. Any object with these can be one, if it never changes."""

    @property
    def tz(self) -> tzinfo:
        """The zone of the instants that ``next`` returns."""

    def next(self, after: datetime) -> datetime | None:
        """Return the first instant strictly later than ``after``, in the schedule's zone, or None.

        Raises:
            ValueError: ``after`` is naive.
        """

    def __str__(self) -> str:
        """Return the text that shows the schedule: the canonical spec, with the zone if one was given."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Cron:
    """A cron spec in a zone.

    Two are equal if they match the same seconds in the same zone with the same DST rule, however they are
    written: ``@midnight`` equals ``0 0 * * *``, and has the same ``str``.

    Attributes:
        fields: The numbers that the spec means.
        tz: The zone of the wall clock.
        dst: The rule for wall times that a zone shows twice or never; see ``parse``.
        every_fold: Whether the schedule is due whenever the wall clock matches: because of ``dst``, or
            because the minute or the hour begins with a star.
        zone_given: Whether the zone was named, in the spec or with ``tz``.
    """

    fields: CronFields = field(compare=False)
    # Part of ==, but not of the hash: some zones cannot be hashed, such as those of dateutil.
    tz: tzinfo = field(hash=False)
    dst: Dst
    every_fold: bool
    zone_given: bool = field(compare=False)
    table: WallTable = field(repr=False)
    _fixed: bool = field(compare=False)

    def __init__(self, spec: str, *, tz: str | tzinfo | None = None, dst: Dst = "once") -> None:
        """Parse a spec of five or six fields, or a descriptor such as ``@daily``.

        Args:
            spec: The spec, without ``@every``; a zone in front of it has priority over ``tz``.
            tz: The zone, or its name; None is the machine's.
            dst: ``"once"`` or ``"every"``; see ``parse``.

        Raises:
            BadSpec: The spec, the zone or ``dst`` is not valid.
            TypeError: ``spec`` is not a string, or ``tz`` is of another type.
        """
        text = spec_text(spec)
        try:
            zone_word, words = split_zone(text)
            actual_zone = spec_zone(text, zone_word, tz)
            fields = parse_fields(text, words)
        except BadSpec as bad:
            from jobtui.schedules.diagnostics import explain  # noqa: PLC0415 - only needed after a mistake

            raise explain(bad) from None
        _set(
            self,
            fields=fields,
            tz=actual_zone,
            dst=check_dst(dst),
            every_fold=fields.every_fold or dst == "every",
            zone_given=zone_word is not None or tz is not None,
            table=wall_table(fields),
            _fixed=is_fixed(actual_zone),
        )

    def next(self, after: datetime) -> datetime | None:
        """Return the first instant strictly later than ``after`` at which the spec is due.

        Args:
            after: An aware datetime in any zone.

        Returns:
            An aware datetime in the schedule's zone, on a whole second of its wall clock; or None if
            nothing matches within 8 years, or before the calendar of ``datetime`` ends (the year 9999).

        Raises:
            ValueError: ``after`` is naive.
        """
        try:
            due = self._next(after)
            if due is not None and due.year == _LAST_YEAR:
                due.astimezone(UTC)  # raises in the last hours of the calendar, if the zone is west of UTC
        except OverflowError:
            return None
        return due

    def _next(self, after: datetime) -> datetime | None:
        tz = self.tz
        is_local = isinstance(after, datetime) and after.tzinfo is tz
        local = after if is_local else _check_aware(after).astimezone(tz)
        due = self.table.first_after(local, tz)
        if self._fixed or (is_unambiguous(local) and (due is None or is_unambiguous(due))):
            return due
        # Near a transition. The search starts from UTC, because a local time may be in a gap.
        search = next_at_each_fold if self.every_fold else next_at_first_fold
        return search(self.table, tz, after.astimezone(UTC))

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:
        """Return the number of ticks in ``after < t <= until``, but at most ``limit``.

        Each tick takes the time of one ``next``.
        """
        end = _check_aware(until).astimezone(UTC)
        count, due = 0, self.next(after)
        # Compared with UTC, because Python compares two times of one zone by their wall clocks.
        while count < limit and due is not None and due <= end:
            count, due = count + 1, self.next(due)
        return count

    def __str__(self) -> str:
        """Return the canonical spec, with the zone if one was given.

        ``parse`` reads it back as an equal schedule. Equal schedules have the same text, except that only
        a zone that was given is part of it.
        """
        text = canonical_spec(self.fields, star_matters=self.dst == "once")
        return _with_zone(text, self.tz, given=self.zone_given)

    def __repr__(self) -> str:
        """Return the schedule's class and its arguments."""
        dst = "" if self.dst == "once" else f", dst={self.dst!r}"
        return f"Cron({str(self)!r}{dst})"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Every:
    """A fixed rate: the grid ``start + k * interval``, counted in microseconds, so that it never drifts.

    Attributes:
        interval: The time between two instants, from 1 millisecond to 8 years.
        start: The origin of the grid; None until ``anchored`` sets one.
        first_at_start: Whether ``start`` itself is the first instant (k >= 0), because a caller gave it;
            after an implied start, the first instant is one interval later (k >= 1).
        tz: The zone of the instants that ``next`` returns. The grid does not depend on it.
        zone_given: Whether ``tz`` was given.
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
        """Make a fixed rate.

        Args:
            interval: A timedelta, seconds, or a duration such as ``"1h30m"``.
            start: The first instant, aware; None leaves it to ``anchored``.
            tz: The zone of the instants, or its name; None is the zone of ``start``, else the machine's, or
                UTC if that cannot be determined: the rate needs none.

        Raises:
            BadSpec: The interval or the zone is not valid.
            TypeError: An argument is of another type.
            ValueError: ``start`` is naive.
        """
        fallback = zone(_check_aware(start).tzinfo) if start is not None else None
        length = as_interval(interval)
        _set(
            self,
            interval=length,
            start=start,
            first_at_start=start is not None,
            tz=zone(tz) if tz is not None else fallback or local_zone_or_utc(),
            zone_given=tz is not None,
            _step=length // _MICROSECOND,
            _origin=0 if start is None else (start - _EPOCH) // _MICROSECOND,
        )

    def anchored(self, start: datetime) -> Every:
        """Return the same rate with an implied start: its first instant is one interval after ``start``.

        A schedule whose start was given by a caller is returned unchanged.

        Raises:
            ValueError: ``start`` is naive.
        """
        _check_aware(start)
        if self.first_at_start:
            return self
        schedule = copy(self)
        _set(schedule, start=start, _origin=(start - _EPOCH) // _MICROSECOND)
        return schedule

    def next(self, after: datetime) -> datetime | None:
        """Return the first instant of the grid strictly later than ``after``.

        Without a start there is no grid yet, and the result is ``after + interval``.

        Args:
            after: An aware datetime in any zone.

        Returns:
            An aware datetime in the schedule's zone, or None after the end of the calendar of
            ``datetime`` (the year 9999).

        Raises:
            ValueError: ``after`` is naive.
        """
        try:
            instant = _check_aware(after).astimezone(UTC)
            if self.start is None:
                return (instant + self.interval).astimezone(self.tz)
            origin = self.start.astimezone(UTC)
            # timedelta // and * count in whole microseconds: no float, no drift.
            steps = max((instant - origin) // self.interval + 1, self._first_step)
            return (origin + steps * self.interval).astimezone(self.tz)
        except OverflowError:
            return None

    def next_after(self, seconds: float) -> float | None:
        """Return what ``next`` would, in seconds since the epoch; requires a start.

        About ten times faster than ``next``, for a scheduler with many intervals. Both are exact to the
        microsecond.
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
        """Return the number of instants of the grid in ``after < t <= until``, but at most ``limit``.

        Computed by division, so that a long sleep costs no more than a short one. Without a start, the
        grid begins at ``after``.
        """
        begin, end = _check_aware(after).astimezone(UTC), _check_aware(until).astimezone(UTC)
        if self.start is None:
            return max(0, min(limit, (end - begin) // self.interval))
        origin = self.start.astimezone(UTC)
        first = max((begin - origin) // self.interval + 1, self._first_step)
        return max(0, min(limit, (end - origin) // self.interval - first + 1))

    def __str__(self) -> str:
        """Return the spec, which ``parse`` reads back (without the start)."""
        return _with_zone(f"@every {format_duration(self.interval)}", self.tz, given=self.zone_given)

    def __repr__(self) -> str:
        """Return the schedule's class and its arguments."""
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
        """Make a schedule of one instant.

        Raises:
            ValueError: ``at`` is naive.
            TypeError: ``at`` is not a datetime.
        """
        _set(self, at=_check_aware(at), tz=at.tzinfo)

    def next(self, after: datetime) -> datetime | None:
        """Return the instant if it is strictly later than ``after``, else None.

        Raises:
            ValueError: ``after`` is naive.
        """
        # Compared with UTC, because Python compares two times of one zone by their wall clocks.
        return self.at if self.at > _check_aware(after).astimezone(UTC) else None

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:
        """Return 1 if ``after < at <= until`` and ``limit`` is at least 1, else 0."""
        is_due = self.next(after) is not None and self.at <= _check_aware(until).astimezone(UTC)
        return 1 if is_due and limit > 0 else 0

    def __str__(self) -> str:
        """Return ``@at`` and the instant. This is not a spec: ``at()`` takes a datetime."""
        return f"@at {self.at.isoformat(sep=' ')}"

    def __repr__(self) -> str:
        """Return the schedule's class and its arguments."""
        return f"Once({self.at.isoformat()!r})"


@dataclass(frozen=True, slots=True)
class Never:
    """No instant: the schedule of a job that is run only by hand, or when the scheduler starts.

    Attributes:
        tz: A zone, which every schedule has.
        text: What runs the job, in words.
    """

    tz: tzinfo = field(default=UTC, compare=False)
    text: str = "by hand"

    def next(self, after: datetime) -> None:
        """Return None."""

    def __str__(self) -> str:
        """Return what runs the job, such as ``by hand``. This is not a spec."""
        return self.text


def has_ticks(schedule: Schedule | None) -> bool:
    """Return whether a job has a schedule that is due at some time, so that it does not only run by hand."""
    return schedule is not None and not isinstance(schedule, Never)


def spec_text(spec: str) -> str:
    """Return a spec as a plain ``str``, also if it is of a subclass such as StrEnum; else raise TypeError."""
    if not isinstance(spec, str):
        raise TypeError(
            f"a spec must be a string such as '0 */15 9-17 * * MON-FRI', not {type(spec).__name__}"
        )
    return str.__str__(spec)


def spec_zone(spec: str, zone_word: Word | None, tz: str | tzinfo | None) -> tzinfo:
    """Return the zone that a spec names, else the caller's ``tz``; None is the machine's zone.

    Raises:
        BadSpec: There is no such zone.
        TypeError: ``tz`` is of another type.
    """
    if zone_word is None:
        return zone(tz)
    if tz is not None:
        zone(tz)  # checked although the spec's own zone has priority
    try:
        return zone(zone_word.text)
    except BadSpec as bad:
        raise BadSpec(bad.sentence, spec=spec, position=zone_word.position) from None


def next_tick(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the next tick of a schedule, whose class may be the user's.

    Raises:
        TypeError: The class returned something else than an aware datetime.
        ValueError: It returned an instant that is not later than ``after``, or a naive one.
    """
    due = schedule.next(after)
    if due is None:
        return None
    name = f"{type(schedule).__name__}.next()"
    if not isinstance(due, datetime):
        raise TypeError(f"{name} must return an aware datetime or None, not {due!r:.80}")
    if due.utcoffset() is None:
        raise ValueError(f"{name} must return an aware datetime, not {due}, which has no zone")
    if due <= after:
        raise ValueError(f"{name} must return an instant later than {after}, not {due}")
    return due


def check_dst(dst: Dst) -> Dst:
    """Return a DST rule; raise BadSpec if it is neither ``"once"`` nor ``"every"``."""
    if dst not in get_args(Dst):
        given = quote_text(dst) if isinstance(dst, str) else type(dst).__name__
        raise BadSpec(f"dst must be 'once' or 'every', not {given}")
    return dst


def _with_zone(text: str, tz: tzinfo, *, given: bool) -> str:
    return f"TZ={zone_name(tz)} {text}" if given else text


def _check_aware(instant: Any) -> datetime:
    if not isinstance(instant, datetime):
        hint = {str: "; datetime.fromisoformat() reads one from text", timedelta: "; in_() takes a delay"}
        hint |= dict.fromkeys((int, float), "; in_() takes a delay, datetime.fromtimestamp() a time")
        advice = "; the instant comes first, then the function" if callable(instant) else ""
        raise TypeError(
            f"an instant must be an aware datetime, not {type(instant).__name__}"
            f"{hint.get(type(instant), advice)}"
        )
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"{instant} has no zone; give it one, such as tzinfo=datetime.UTC")
    return instant


def _set(schedule: object, **values: object) -> None:
    """Set the attributes of a frozen schedule while it is made."""
    for name, value in values.items():
        object.__setattr__(schedule, name, value)
