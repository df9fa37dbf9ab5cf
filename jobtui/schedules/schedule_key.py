"""The key of a schedule: a text that tells it from others, and is the same after a restart."""

from __future__ import annotations

from datetime import datetime
from sys import intern

from jobtui.schedules.adjusted import AdjustedSchedule
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Every, Schedule
from jobtui.schedules.zones import zone, zone_name


def schedule_key(schedule: Schedule, spec: str) -> str:
    """Return the key of a schedule.

    Args:
        schedule: The schedule.
        spec: The schedule as the user wrote it, which is the key of a schedule of another class.
    """
    match schedule:
        case Cron():
            # Interned, because many jobs may have the same.
            return intern(f"{schedule} {zone_name(schedule.tz)} {schedule.dst}")
        case Every():
            start = schedule.start.isoformat() if schedule.first_at_start and schedule.start else ""
            return f"{schedule} {start}".strip()
        case AdjustedSchedule():
            key = schedule_key(schedule.base, spec)
            spread, jitter = schedule.spread.total_seconds(), schedule.jitter.total_seconds()
            return f"{key} ~{spread:g}~{jitter:g}" if spread or jitter else key
        case _:
            return spec


def schedule_of_key(key: str) -> Cron | Every | None:
    """Return the schedule that a key stands for; None if that is not known.

    An interval has its start only if the user gave one.
    """
    try:
        if key.startswith("@every "):
            _, interval, *start = key.split(" ")
            found = parse(f"@every {interval}")
            if isinstance(found, Every) and start:
                return Every(found.interval, datetime.fromisoformat(start[0]))
            return found
        text, zone_text, dst = key.rsplit(" ", 2)
        tz = zone(zone_text)
        if dst in {"once", "every"}:
            return Cron(text, tz=tz, dst="every" if dst == "every" else "once")
    except (BadSpec, ValueError, TypeError):
        pass
    return None
