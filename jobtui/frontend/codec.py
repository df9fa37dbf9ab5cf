"""Pictures of a scheduler as JSON, and back: one table for each kind says how, in both directions.

The keys are the names of the attributes in `jobtui.engine.views`. Instants are ISO 8601 with their offset,
lengths of time are seconds, enums are their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Generic, TypeVar

from jobtui.engine.enums import (
    JobStatus,
    Misfire,
    Overlap,
    Phase,
    RunState,
    Trigger,
)
from jobtui.engine.events import Event, JobEvent, RunEvent
from jobtui.engine.views import (
    JobView,
    PoolView,
    RunView,
    Snapshot,
)
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.runtime.output_capture import OutputChunk
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.dst import DstEffect, DstNote, Tick, TickPreview
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Every, Once, Schedule
from jobtui.schedules.zones import zone, zone_name

View = TypeVar("View")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldCodec:
    """How a value is written, and how it is read in a zone."""

    write: Callable[[Any], Any]
    read: Callable[[Any, tzinfo], Any]


def _optional(way: FieldCodec) -> FieldCodec:
    return FieldCodec(
        lambda value: None if value is None else way.write(value),
        lambda value, tz: None if value is None else way.read(value, tz),
    )


def _many(way: FieldCodec) -> FieldCodec:
    return FieldCodec(
        lambda values: [way.write(value) for value in values],
        lambda values, tz: tuple([way.read(value, tz) for value in _checked(list | tuple, values)]),
    )


def _plain(kind: Any) -> FieldCodec:
    """Of what is the same in JSON."""
    return FieldCodec(lambda value: value, lambda value, _tz: _checked(kind, value))


def _checked(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{type(value).__name__} is not what belongs here")
    return value


def _enum(kind: Any) -> FieldCodec:
    members = {member: member.value for member in kind}  # Enum.value takes a tenth of a microsecond
    return FieldCodec(members.__getitem__, lambda value, _tz: kind(value))


class Codec(Generic[View]):
    """How one kind of picture is written and read.

    Args:
        kind: The class of the pictures.
        **ways: For each attribute, how.
    """

    def __init__(self, kind: Callable[..., View], **ways: FieldCodec) -> None:
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
    def way(self) -> FieldCodec:
        """How it is written and read as a part of something else."""
        return FieldCodec(self.write, self.read)


# --- single values --------------------------------------------------------------------------------


def _read_span(seconds: Any, _tz: tzinfo) -> timedelta:
    try:
        return timedelta(seconds=_checked(int | float, seconds))
    except OverflowError:
        raise ValueError(f"{seconds} s are too many") from None


def _read_instant(text: str, tz: tzinfo) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    try:
        return instant.astimezone(tz)
    except OverflowError:
        raise ValueError(f"{text} is too far away") from None


_TEXT, _NUMBER, _FLAG = _plain(str), _plain(int), _plain(bool)
_INSTANT = FieldCodec(datetime.isoformat, _read_instant)
_SPAN = FieldCodec(timedelta.total_seconds, _read_span)


def write_schedule(schedule: Schedule) -> Json:
    """A schedule as JSON: its kind, and what it takes to make it again, where it is one of ours."""
    tz = zone_name(schedule.tz)
    match schedule:
        case Cron():
            return {"kind": "cron", "spec": str(schedule), "tz": tz, "dst": schedule.dst}
        case Every():
            start = None if schedule.start is None else schedule.start.isoformat()
            first = schedule.first_at_start
            return {"kind": "every", "spec": str(schedule), "tz": tz, "start": start, "first_at_start": first}
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
            case {"kind": "every", "spec": str(spec), "tz": str(name), "start": None}:
                return _parsed(spec, name, "once")
            case {"kind": "every", "spec": str(spec), "tz": str(name), "start": str(start)}:
                rate, begin = _parsed(spec, name, "once"), _read_instant(start, zone(name))
                if isinstance(rate, Every):
                    given = json.get("first_at_start") is True
                    return Every(rate.interval, begin, tz=rate.tz) if given else rate.anchored(begin)
            case {"kind": "once", "at": str(at), "tz": str(name)}:
                return Once(_read_instant(at, zone(name)))
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

RUN: Codec[RunView] = Codec(
    RunView,
    number=_NUMBER,
    job=_TEXT,
    trigger=_enum(Trigger),
    state=_enum(RunState),
    created=_INSTANT,
    due=_optional(_INSTANT),
    waiting_since=_optional(_INSTANT),
    started=_optional(_INSTANT),
    ended=_optional(_INSTANT),
    elapsed=_optional(_SPAN),
    worker=_TEXT,
    reason=_TEXT,
    error=_TEXT,
    ticks=_NUMBER,
)
JOB: Codec[JobView] = Codec(
    JobView,
    name=_TEXT,
    status=_enum(JobStatus),
    schedule=_optional(FieldCodec(write_schedule, read_schedule)),
    spec=_TEXT,
    origin=_TEXT,
    summary=_TEXT,
    overlap=_enum(Overlap),
    misfire=_enum(Misfire),
    running=_NUMBER,
    queued=_NUMBER,
    held=_NUMBER,
    scheduled=_NUMBER,
    prev=_optional(_INSTANT),
    next=_optional(_INSTANT),
    paused_since=_optional(_INSTANT),
    last_elapsed=_optional(_SPAN),
    recent=_many(_enum(RunState)),
    runs=_NUMBER,
    failures=_NUMBER,
)
POOL: Codec[PoolView] = Codec(PoolView, size=_NUMBER, running=_NUMBER, queued=_NUMBER, held=_NUMBER)
SNAPSHOT: Codec[Snapshot] = Codec(
    Snapshot,
    seq=_NUMBER,
    at=_INSTANT,
    zone=FieldCodec(zone_name, lambda _name, tz: tz),
    phase=_enum(Phase),
    started=_optional(_INSTANT),
    heartbeat=_optional(_INSTANT),
    internal_error=_TEXT,
    pool=POOL.way,
    jobs=_many(JOB.way),
    running=_many(RUN.way),
    waiting=_many(RUN.way),
    scheduled=_many(RUN.way),
    recent=_many(RUN.way),
)
_NOTE: Codec[DstNote] = Codec(DstNote, effect=_enum(DstEffect), sentence=_TEXT)
_FIRE: Codec[Tick] = Codec(Tick, at=_INSTANT, note=_optional(_NOTE.way))
_COMING: Codec[TickPreview] = Codec(TickPreview, ticks=_many(_FIRE.way), changes=_many(_NOTE.way))
DETAILS: Codec[JobDetails] = Codec(
    JobDetails, job=JOB.way, words=_TEXT, coming=_COMING.way, runs=_many(RUN.way)
)
_LINE = FieldCodec(
    lambda line: {"writer": line[0], "text": line[1]},
    lambda line, _tz: (_checked(str, line["writer"]), _checked(str, line["text"])),
)
PRINTED: Codec[OutputChunk] = Codec(OutputChunk, first=_NUMBER, lines=_many(_LINE), unfinished=_many(_LINE))
UPCOMING: Codec[UpcomingTick] = Codec(
    UpcomingTick,
    due=_INSTANT,
    job=_TEXT,
    what=_TEXT,
    number=_NUMBER,
    paused=_FLAG,
    schedule=_optional(FieldCodec(write_schedule, read_schedule)),
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
