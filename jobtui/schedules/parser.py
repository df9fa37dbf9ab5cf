"""From a spec to its schedule, read once: `parse`."""

from __future__ import annotations

from datetime import tzinfo
from threading import Lock

from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.cron import split_zone
from jobtui.schedules.durations import as_interval
from jobtui.schedules.schedule import Cron, Dst, Every, dst_rule, spec_text, zone_of
from jobtui.schedules.zones import local_zone

# What was asked for before. A program has few distinct specs; a server that checks specs for others has many.
_known: dict[object, Cron | Every] = {}
_MOST_KNOWN = 1024
_lock = Lock()  # around additions; to look something up needs none


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
        The schedule: the same object for the same arguments, in any thread, as long as it is among the
        latest 1024. An ``Every`` has no start yet.

    Raises:
        BadSpec: The spec, the zone or ``dst`` is not acceptable; the message says what to write instead.
        TypeError: ``spec`` is not a string, or ``tz`` is of another type.
    """
    # Two fixed offsets are equal whatever they are called, hence the name.
    key = (spec, tz, str(tz) if isinstance(tz, tzinfo) else None, dst)
    try:
        schedule = _known.get(key)
    except TypeError:  # a zone that cannot be hashed (dateutil's); or something that is no spec at all
        return _read(spec, tz, dst)
    # The machine's zone may have been changed meanwhile.
    if schedule is not None and (schedule.zone_given or schedule.tz == local_zone()):
        return schedule
    made = _read(spec, tz, dst)
    with _lock:
        if _known.get(key) == made:
            return _known[key]  # another thread was faster
        while len(_known) >= _MOST_KNOWN:
            del _known[next(iter(_known))]
        _known[key] = made
    return made


def _read(spec: str, tz: str | tzinfo | None, dst: Dst) -> Cron | Every:
    try:
        return _read_ours(spec, tz, dst)
    except BadSpec as bad:
        from jobtui.schedules.suggestions import with_suggestion  # noqa: PLC0415 - only a mistake needs it

        raise with_suggestion(bad) from None


def _read_ours(spec: str, tz: str | tzinfo | None, dst: Dst) -> Cron | Every:
    text = spec_text(spec)
    dst_rule(dst)
    named, words = split_zone(text)
    if words[0].text.lower() != "@every":
        return Cron(text, tz=tz, dst=dst)
    if len(words) != 2:  # noqa: PLR2004 - the word and its duration
        raise BadSpec(
            "one duration without spaces follows @every; write @every 1h30m",
            spec=text,
            position=words[min(2, len(words) - 1)].position,
        )
    duration = words[1]
    try:
        interval = as_interval(duration.text)
    except BadSpec as bad:
        position = duration.position + (bad.position or 0)
        raise BadSpec(f"@every: {bad.sentence}", spec=text, position=position) from None
    return Every(interval, tz=tz if named is None else zone_of(text, named, tz))
