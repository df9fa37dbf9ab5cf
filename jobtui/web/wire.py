"""Pictures of a scheduler as JSON, and back: one table for each kind says how, in both directions.

The keys are the names of the attributes in `jobtui.core.model`. Instants are ISO 8601 with their offset,
lengths of time are seconds, enums are their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Generic, TypeVar

from jobtui.core.coming import Coming
from jobtui.core.dst import DstEffect, DstNote, Fire
from jobtui.core.errors import BadSpec
from jobtui.core.events import Event, JobEvent, RunEvent
from jobtui.core.model import (
    JobStatus,
    JobView,
    Misfire,
    Overlap,
    Phase,
    PoolView,
    RunState,
    RunView,
    Snapshot,
    Trigger,
)
from jobtui.core.output import Printed
from jobtui.core.parsing import parse
from jobtui.core.schedules import Cron, Every, Once, Schedule
from jobtui.core.zones import zone, zone_name
from jobtui.source import JobDetails
from jobtui.upcoming import Upcoming

View = TypeVar("View")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Way:
    """How a value is written, and how it is read in a zone."""

    write: Callable[[Any], Any]
    read: Callable[[Any, tzinfo], Any]


def _optional(way: _Way) -> _Way:
    return _Way(
        lambda value: None if value is None else way.write(value),
        lambda value, tz: None if value is None else way.read(value, tz),
    )


def _many(way: _Way) -> _Way:
    return _Way(
        lambda values: [way.write(value) for value in values],
        lambda values, tz: tuple(way.read(value, tz) for value in values),
    )


def _enum(kind: Any) -> _Way:
    members = {member: member.value for member in kind}  # Enum.value takes a tenth of a microsecond
    return _Way(members.__getitem__, lambda value, _tz: kind(value))


class Shape(Generic[View]):
    """How one kind of picture is written and read.

    Args:
        kind: The class of the pictures.
        **ways: For each attribute, how.
    """

    def __init__(self, kind: Callable[..., View], **ways: _Way) -> None:
        self.ways = ways
        self._kind = kind
        self._writers = [(name, way.write) for name, way in ways.items()]

    def write(self, view: View) -> Json:
        """The picture as JSON."""
        return {name: write(getattr(view, name)) for name, write in self._writers}

    def read(self, json: Mapping[str, Any], tz: tzinfo) -> View:
        """The picture again; its times are given in that zone.

        Raises:
            KeyError: Something is missing.
            TypeError: Something is of another type.
            ValueError: Something makes no sense.
        """
        return self._kind(**{name: way.read(json[name], tz) for name, way in self.ways.items()})

    @property
    def way(self) -> _Way:
        """How it is written and read as a part of something else."""
        return _Way(self.write, self.read)


# --- single values --------------------------------------------------------------------------------


def _read_span(seconds: float, _tz: tzinfo) -> timedelta:
    return timedelta(seconds=seconds)


def _read_instant(text: str, tz: tzinfo) -> datetime:
    return datetime.fromisoformat(text).astimezone(tz)


_PLAIN = _Way(lambda value: value, lambda value, _tz: value)
_INSTANT = _Way(datetime.isoformat, _read_instant)
_SPAN = _Way(timedelta.total_seconds, _read_span)


def write_schedule(schedule: Schedule) -> Json:
    """A schedule as JSON: its kind, and what it takes to make it again, where it is one of ours."""
    tz = zone_name(schedule.tz)
    match schedule:
        case Cron():
            return {"kind": "cron", "spec": str(schedule), "tz": tz, "dst": schedule.dst}
        case Every():
            return {"kind": "every", "spec": str(schedule), "tz": tz}
        case Once():
            return {"kind": "once", "at": schedule.at.isoformat(), "tz": tz}
        case _:
            return {"kind": "other", "tz": tz}


def read_schedule(json: Mapping[str, Any], tz: tzinfo) -> Schedule:
    """The schedule again, or something that stands for it, if it or its zone is not known here."""
    try:
        match json:
            case {"kind": "cron", "spec": str(spec), "tz": str(name), "dst": "once" | "every" as dst}:
                return _parsed(spec, name, dst)
            case {"kind": "every", "spec": str(spec), "tz": str(name)}:
                return _parsed(spec, name, "once")
            case {"kind": "once", "at": str(at)}:
                return Once(datetime.fromisoformat(at))
    except (BadSpec, ValueError):
        pass  # of a newer version, or of a zone that this machine does not have
    return ForeignSchedule(tz)


@lru_cache(maxsize=4096)
def _parsed(spec: str, name: str, dst: Any) -> Schedule:
    return parse(spec, tz=zone(name), dst=dst)


@dataclass(frozen=True, slots=True)
class ForeignSchedule:
    """A schedule that only the process knows in which it is."""

    tz: tzinfo

    def next(self, after: datetime) -> datetime | None:  # noqa: ARG002 - the protocol's
        """Nothing that is known here."""
        return None

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:  # noqa: ARG002 - as above
        """Nothing that is known here."""
        return 0

    def __str__(self) -> str:
        """What it is."""
        return "a schedule of its own kind"


# --- pictures -------------------------------------------------------------------------------------

RUN: Shape[RunView] = Shape(
    RunView,
    number=_PLAIN,
    job=_PLAIN,
    trigger=_enum(Trigger),
    state=_enum(RunState),
    created=_INSTANT,
    due=_optional(_INSTANT),
    waiting_since=_optional(_INSTANT),
    started=_optional(_INSTANT),
    ended=_optional(_INSTANT),
    elapsed=_optional(_SPAN),
    worker=_PLAIN,
    reason=_PLAIN,
    error=_PLAIN,
    ticks=_PLAIN,
)
JOB: Shape[JobView] = Shape(
    JobView,
    name=_PLAIN,
    status=_enum(JobStatus),
    schedule=_optional(_Way(write_schedule, read_schedule)),
    spec=_PLAIN,
    origin=_PLAIN,
    summary=_PLAIN,
    overlap=_enum(Overlap),
    misfire=_enum(Misfire),
    running=_PLAIN,
    queued=_PLAIN,
    held=_PLAIN,
    scheduled=_PLAIN,
    prev=_optional(_INSTANT),
    next=_optional(_INSTANT),
    paused_since=_optional(_INSTANT),
    last_elapsed=_optional(_SPAN),
    recent=_many(_enum(RunState)),
    runs=_PLAIN,
    failures=_PLAIN,
)
POOL: Shape[PoolView] = Shape(PoolView, size=_PLAIN, running=_PLAIN, queued=_PLAIN, held=_PLAIN)
SNAPSHOT: Shape[Snapshot] = Shape(
    Snapshot,
    seq=_PLAIN,
    at=_INSTANT,
    zone=_Way(zone_name, lambda _name, tz: tz),
    phase=_enum(Phase),
    started=_optional(_INSTANT),
    heartbeat=_optional(_INSTANT),
    timer_error=_PLAIN,
    pool=POOL.way,
    jobs=_many(JOB.way),
    running=_many(RUN.way),
    waiting=_many(RUN.way),
    scheduled=_many(RUN.way),
    recent=_many(RUN.way),
)
_NOTE: Shape[DstNote] = Shape(DstNote, effect=_enum(DstEffect), sentence=_PLAIN)
_FIRE: Shape[Fire] = Shape(Fire, at=_INSTANT, note=_optional(_NOTE.way))
_COMING: Shape[Coming] = Shape(Coming, fires=_many(_FIRE.way), changes=_many(_NOTE.way))
DETAILS: Shape[JobDetails] = Shape(
    JobDetails, job=JOB.way, words=_PLAIN, coming=_COMING.way, runs=_many(RUN.way)
)
_LINE = _Way(
    lambda line: {"writer": line[0], "text": line[1]}, lambda line, _tz: (line["writer"], line["text"])
)
PRINTED: Shape[Printed] = Shape(Printed, first=_PLAIN, lines=_many(_LINE), unfinished=_many(_LINE))
UPCOMING: Shape[Upcoming] = Shape(
    Upcoming,
    due=_INSTANT,
    job=_PLAIN,
    what=_PLAIN,
    number=_PLAIN,
    paused=_PLAIN,
    schedule=_optional(_Way(write_schedule, read_schedule)),
)


def read_snapshot(json: Mapping[str, Any]) -> Snapshot:
    """A snapshot again, in the zone of its scheduler, or in that zone's offset where it is not known here."""
    try:
        tz = zone(str(json["zone"]))
    except BadSpec:
        tz = datetime.fromisoformat(json["at"]).tzinfo or UTC
    return SNAPSHOT.read(json, tz)


def write_event(event: Event) -> Json:
    """An event as JSON: what happened (``type``), its number, when (UTC), and the job or run it is about."""
    json: Json = {
        "type": type(event).__name__,
        "seq": event.seq,
        "at": datetime.fromtimestamp(event.at, UTC).isoformat(),
    }
    match event:
        case RunEvent():
            json["run"] = RUN.write(event.run)
        case JobEvent():
            json["job"] = JOB.write(event.job)
        case _:
            json |= {name: getattr(event, name) for name in event.names if name not in json}
    return json
