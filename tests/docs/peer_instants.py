"""Write peer_instants.json: when the triggers of the migration guides are due, by their own programs.

Run it after a change of such a table, in an environment that has the programs, which the tests do not need:

    pip install 'APScheduler>=3.11,<4' schedule pytz huey celery
    python tests/docs/peer_instants.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta, tzinfo
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

FILE = Path(__file__).with_suffix(".json")
NOW = datetime(2026, 1, 1, tzinfo=UTC)  # the clock of each program; a Thursday
OSLO = ZoneInfo("Europe/Oslo")
COUNT = 50  # instants of each trigger
_INSTANT = timedelta(microseconds=1)


class Stopped(datetime):
    """A `datetime` whose clock does not move."""

    current = NOW

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Stopped:
        """Return the time of the clock; without a zone it is naive, as `datetime.now` is."""
        return cls.fromtimestamp(cls.current.timestamp(), tz)


def apscheduler_trigger(code: str, zone: tzinfo = UTC) -> Any:
    """Return a trigger of APScheduler 3, whose zone is by default ``zone``."""
    names: dict[str, Any] = {"datetime": datetime, "date": date, "UTC": UTC, "ZoneInfo": ZoneInfo}
    for module in ("cron", "interval", "date", "calendarinterval", "combining"):
        names |= vars(import_module(f"apscheduler.triggers.{module}")) | {"datetime": datetime, "date": date}
    modules = ("cron", "interval", "date", "calendarinterval")
    with ExitStack() as patches:
        patches.enter_context(patch("apscheduler.triggers.interval.datetime", Stopped))
        for module in modules:
            patches.enter_context(patch(f"apscheduler.triggers.{module}.get_localzone", lambda: zone))
        return eval(code, names)


def apscheduler_instants(code: str) -> list[datetime]:
    """Return the instants of a trigger of APScheduler 3."""
    trigger = apscheduler_trigger(code)
    found: list[datetime] = []
    now, previous = NOW + _INSTANT, None
    while len(found) < COUNT and (previous := trigger.get_next_fire_time(previous, now)):
        found.append(previous)
        now = previous + _INSTANT
    return found


def apscheduler_night(code: str, night: str, zone: tzinfo = OSLO) -> list[str]:
    """Return the wall times at which a trigger of APScheduler is due in the first half of a day."""
    begin = datetime.fromisoformat(night).replace(tzinfo=zone)
    trigger, now, previous = apscheduler_trigger(code, zone), begin, None
    times = []
    while (previous := trigger.get_next_fire_time(previous, now)) and previous < begin.replace(hour=12):
        now = previous.astimezone(UTC) + _INSTANT
        if previous >= begin:
            times.append(f"{previous.astimezone(UTC).astimezone(zone):%H:%M}")
    return times


def schedule_instants(code: str) -> list[datetime]:
    """Return the instants of a job of schedule, each of which ends at once."""
    found: list[datetime] = []
    with patch("schedule.datetime.datetime", Stopped):
        Stopped.current = NOW
        job = eval(code, {"schedule": import_module("schedule")}).do(print)
        for _ in range(COUNT):
            Stopped.current = job.next_run.replace(tzinfo=UTC)
            if job.cancel_after and job.next_run > job.cancel_after:
                break
            found.append(Stopped.current)
            job._schedule_next_run()  # noqa: SLF001 - has no public name
    return found


def huey_instants(code: str) -> list[datetime]:
    """Return the minutes that a crontab of huey matches."""
    matches: Callable[[datetime], bool] = eval(code, {"crontab": import_module("huey").crontab})
    found: list[datetime] = []
    minute = NOW
    while len(found) < COUNT:
        minute += timedelta(minutes=1)
        if matches(minute):
            found.append(minute)
    return found


def celery_instants(code: str) -> list[datetime]:
    """Return the instants of a schedule of Celery beat, each of which is sent in time."""
    celery = import_module("celery")
    schedules = import_module("celery.schedules")
    current = NOW
    entry = schedules.maybe_schedule(
        eval(code, vars(schedules) | {"timedelta": timedelta}), app=celery.Celery(set_as_current=False)
    )
    entry.nowfun = lambda: current
    found: list[datetime] = []
    for _ in range(COUNT):
        current += entry.remaining_estimate(current)
        found.append(current)
    return found


PEERS: Mapping[str, Callable[[str], list[datetime]]] = {
    "docs/from-apscheduler.md": apscheduler_instants,
    "docs/from-schedule.md": schedule_instants,
    "docs/from-huey.md": huey_instants,
    "docs/from-celery-beat.md": celery_instants,
}


def main() -> None:
    """Write the instants of each trigger, in seconds since the epoch, and the times of each night."""
    sys.path.insert(0, str(FILE.parents[1]))
    doc_pages = import_module("support.doc_pages")
    guides = []
    for name, instants_of in PEERS.items():
        guide = doc_pages.page(name)
        lines: list[tuple[str, list[Any]]] = []
        for cell, *_ in guide.table("Triggers"):
            [code] = doc_pages.code_words(cell)
            lines.append((code, [int(instant.timestamp()) for instant in instants_of(code)]))
        if instants_of is apscheduler_instants:
            for cell, night, *_ in guide.table("Clock changes"):
                [code] = doc_pages.code_words(cell)
                lines.append((f"{code} {night}", apscheduler_night(code, night)))
        body = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in lines)
        guides.append(f"{json.dumps(name)}: {{\n{body}\n}}")
    FILE.write_text("{\n" + ",\n".join(guides) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
