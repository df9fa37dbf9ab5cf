"""From a spec to its schedule: `parse`, and `SpecResolver` with a scheduler's defaults and named specs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from sys import intern
from typing import Any

from jobtui.schedules.adjusted import base_of
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.cron import Word, split_zone
from jobtui.schedules.durations import as_interval, format_duration, parse_duration
from jobtui.schedules.schedule import Cron, Dst, Every, Never, Schedule, check_dst, spec_text, spec_zone
from jobtui.schedules.zones import local_zone, local_zone_or_utc, zone, zone_name

AT_START = "@reboot"  # the spec of a job that has no ticks, and runs when the scheduler starts
NAMED_PREFIX = "cron."  # a spec that begins with it is looked up in the settings

# The schedules of earlier calls, oldest first. The size is limited because a server may parse the specs of
# strangers.
_cache: dict[object, Cron | Every] = {}
_CACHE_SIZE = 1024


def parse(spec: str, *, tz: str | tzinfo | None = None, dst: Dst = "once") -> Cron | Every:
    """Parse a spec: five or six cron fields, a descriptor such as ``@daily``, or ``@every DURATION``.

    The fields are ``second minute hour day-of-month month day-of-week``; without the second, the spec
    is a standard crontab line. If day-of-month or day-of-week is unrestricted (an item begins with
    ``*`` or ``?``) a day must match both; if both are restricted, one is enough.

    Args:
        spec: The spec. ``TZ=Zone `` or ``CRON_TZ=Zone `` in front of it has priority over ``tz``.
        tz: The zone, or its name; None is the machine's zone.
        dst: ``"once"``: a spec whose minute or hour begins with ``*`` is due whenever the wall clock
            matches; any other is due once for each wall time: the first time if the clock shows
            it twice, after the gap if the clock jumps over it by less than 3 hours. ``"every"``: any
            spec is due whenever the wall clock matches.

    Returns:
        The schedule. Equal arguments return the same object, in any thread, while it is among the
        latest 1024. An ``Every`` has no start yet.

    Raises:
        BadSpec: The spec, the zone or ``dst`` is not valid; the message says what to write instead.
        TypeError: ``spec`` is not a string, or ``tz`` is of another type.
    """
    # The name is part of the key because two fixed offsets with different names are equal.
    key = (spec, tz, str(tz) if isinstance(tz, tzinfo) else None, dst)
    try:
        cached = _cache.get(key)
    except TypeError:  # an argument cannot be hashed: a zone of dateutil, or a spec of a wrong type
        return parse_uncached(spec, tz, dst)
    if cached is not None:
        # The machine's zone may have changed since.
        machine_zone = local_zone if isinstance(cached, Cron) else local_zone_or_utc
        if cached.zone_given or cached.tz == machine_zone():
            return cached
        _cache.pop(key, None)
    # setdefault() is atomic: if several threads parse a new spec at once, all return the same schedule.
    schedule = _cache.setdefault(key, parse_uncached(spec, tz, dst))
    if len(_cache) > _CACHE_SIZE:
        for oldest in list(_cache)[:-_CACHE_SIZE]:
            _cache.pop(oldest, None)
    return schedule


def parse_uncached(spec: str, tz: str | tzinfo | None, dst: Dst) -> Cron | Every:
    """Parse a spec as `parse` does, without its cache."""
    text = spec_text(spec)
    check_dst(dst)
    try:
        zone_word, words = split_zone(text)
        if words[0].text.lower() == "@every":
            return _parse_every(text, zone_word, words, tz)
    except BadSpec as bad:
        from jobtui.schedules.diagnostics import explain  # noqa: PLC0415 - only needed after a mistake

        raise explain(bad) from None
    return Cron(text, tz=tz, dst=dst)


def _parse_every(spec: str, zone_word: Word | None, words: list[Word], tz: str | tzinfo | None) -> Every:
    if len(words) != 2:  # noqa: PLR2004 - the word and its duration
        raise BadSpec(
            "@every takes one duration without spaces; write @every 1h30m",
            spec=spec,
            position=words[min(2, len(words) - 1)].position,
        )
    duration = words[1]
    try:
        interval = as_interval(duration.text)
    except BadSpec as bad:
        position = duration.position + (bad.position or 0)
        raise BadSpec(f"@every: {bad.sentence}", spec=spec, position=position) from None
    return Every(interval, tz=tz if zone_word is None else spec_zone(spec, zone_word, tz))


def is_at_start(spec: object) -> bool:
    """Return whether a spec is that of a job which runs when the scheduler starts, and has no ticks."""
    return isinstance(spec, str) and spec.strip().lower() == AT_START


class SpecResolver:
    """Resolves the specs of one scheduler: looks up named specs, and applies the default zone and DST rule.

    Args:
        named_specs: The named specs of the settings, by whole key (``cron.name``).
        tz: The zone of specs that name none; None is the machine's.
        dst: The DST rule of jobs that do not set one.
    """

    def __init__(self, named_specs: Mapping[str, str], tz: str | tzinfo | None, dst: Dst) -> None:
        self._named_specs = dict(named_specs)
        self._dst = check_dst(dst)
        self._tz = tz  # None stays None, so that a canonical spec shows a zone only if one was given

    def with_rule_of(self, schedule: Schedule | None) -> SpecResolver:
        """Return a resolver of specs that replace a schedule: by default they keep its DST rule."""
        base = base_of(schedule)
        return SpecResolver(self._named_specs, self._tz, base.dst) if isinstance(base, Cron) else self

    def resolve(
        self, spec: str | Schedule, *, tz: str | tzinfo | None, dst: Dst | None
    ) -> tuple[Schedule, str]:
        """Return the schedule, and the text that shows it in the user's own words.

        Raises:
            BadSpec: The spec is not valid.
            LookupError: The settings have no spec of that name.
            TypeError: ``spec`` is neither a spec nor a schedule.
        """
        if not isinstance(spec, str):
            return self._check_schedule(spec, tz, dst), str(spec)
        text = spec
        if spec.startswith(NAMED_PREFIX):
            if spec not in self._named_specs:
                known = ", ".join(sorted(self._named_specs)) or "none"
                raise LookupError(f"the settings have no schedule {spec}; they have: {known}")
            text = self._named_specs[spec]
        schedule: Schedule
        if is_at_start(text):
            schedule = Never(zone(self._tz), "when the scheduler starts")
        else:
            schedule = parse(text, tz=self._tz if tz is None else tz, dst=self._dst if dst is None else dst)
        label = f"{spec} = {text}" if text is not spec else " ".join(spec.split())
        if tz is not None and schedule.tz != zone(self._tz) and not isinstance(schedule, Never):
            label += f" ({zone_name(schedule.tz)})"
        return schedule, intern(label)  # many jobs may have the same

    @staticmethod
    def _check_schedule(schedule: Any, tz: str | tzinfo | None, dst: Dst | None) -> Schedule:
        if not isinstance(schedule, Schedule) or isinstance(schedule, type):
            lacks = [name for name in ("next", "tz") if not hasattr(schedule, name)]
            advice = f"; it has no {lacks[0]}" if len(lacks) == 1 else ""
            if isinstance(schedule, timedelta | int | float):
                advice = "; every() takes an interval"
            elif isinstance(schedule, datetime):
                advice = "; at() takes an instant"
            elif callable(schedule) and lacks:
                advice = "; the schedule comes first, then the function"
            raise TypeError(
                "a schedule must be a spec such as '@every 5s', or an object with next() and tz such as a "
                f"Cron, not {schedule!r:.80}{advice}"
            )
        if tz is not None or dst is not None:
            raise TypeError(f"tz and dst are for specs: {schedule!r:.80} has a zone and a rule of its own")
        found: Schedule = schedule
        return found

    def resolve_interval(
        self, interval: timedelta | float | str, start: datetime | None
    ) -> tuple[Every, str]:
        """Return a fixed rate, and the text that shows it. Without a start it is in the scheduler's zone.

        Raises:
            BadSpec: The interval is not valid.
            TypeError: An argument is of another type.
            ValueError: ``start`` is naive.
        """
        schedule = Every(interval, start, tz=self._tz if start is None else None)
        return schedule, f"every {format_duration(schedule.interval)}"

    def resolve_either(
        self, spec: str | Schedule | timedelta | float, *, tz: str | tzinfo | None, dst: Dst | None
    ) -> tuple[Schedule, str]:
        """Return what `resolve` does for a spec or a schedule, and `resolve_interval` for an interval.

        Raises:
            BadSpec: As for both.
            LookupError: As for `resolve`.
            TypeError: As for both.
        """
        if isinstance(spec, str):
            try:
                parse_duration(spec)
            except BadSpec:
                return self.resolve(spec, tz=tz, dst=dst)
        elif not isinstance(spec, timedelta | int | float):
            return self.resolve(spec, tz=tz, dst=dst)
        if tz is not None or dst is not None:
            raise TypeError(f"tz and dst are for specs: {spec!r:.80} is an interval")
        return self.resolve_interval(spec, None)
