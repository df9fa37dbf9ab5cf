"""Encode the views of a scheduler as JSON and decode them: one field table per view serves both directions.

The keys are the names of the views' attributes. Instants are ISO 8601 with their UTC offset, durations are
seconds, enum members are their values. Server and client of the API share this module, and its paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Generic, TypeVar

from jobtui.engine.enums import JobStatus, Misfire, Overlap, Phase, RunState, Trigger
from jobtui.engine.events import Event, JobEvent, RunEvent
from jobtui.engine.views import JobView, PoolView, RunView, Snapshot
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.runtime.output_capture import OutputChunk
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.dst import DstEffect, DstNote, Tick, TickPreview
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Every, Once, Schedule
from jobtui.schedules.zones import zone, zone_name

STATUS_PAGE = "/@jobs"
API_ROOT = f"{STATUS_PAGE}/api"
MAX_RUN_NUMBER = 10**17  # in a path

View = TypeVar("View")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldCodec:
    """Encodes the value of one attribute; decodes it, with its times in a given zone."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any, tzinfo], Any]


def _optional(field: FieldCodec) -> FieldCodec:
    return FieldCodec(
        lambda value: None if value is None else field.encode(value),
        lambda value, tz: None if value is None else field.decode(value, tz),
    )


def _many(field: FieldCodec) -> FieldCodec:
    return FieldCodec(
        lambda values: [field.encode(value) for value in values],
        lambda values, tz: tuple([field.decode(value, tz) for value in _checked(list | tuple, values)]),
    )


def _unchanged(kind: Any) -> FieldCodec:
    return FieldCodec(lambda value: value, lambda value, _tz: _checked(kind, value))


def _checked(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"unexpected type {type(value).__name__}")
    return value


def _enum(kind: Any) -> FieldCodec:
    members = {member: member.value for member in kind}  # Enum.value takes a tenth of a microsecond
    return FieldCodec(members.__getitem__, lambda value, _tz: kind(value))


class Codec(Generic[View]):
    """Encodes and decodes one class of views.

    Args:
        kind: The class.
        **fields: The codec of each attribute.
    """

    def __init__(self, kind: Callable[..., View], **fields: FieldCodec) -> None:
        self.fields = fields
        self._kind = kind
        self._encoders = [(name, field.encode) for name, field in fields.items()]

    def encode(self, view: View) -> Json:
        """Return the view as a JSON object."""
        return {name: encode(getattr(view, name)) for name, encode in self._encoders}

    def decode(self, json: Mapping[str, Any], tz: tzinfo) -> View:
        """Return the view that a JSON object describes, with its times in the zone `tz`.

        Raises:
            KeyError: A key is missing.
            TypeError: A value has the wrong type.
            ValueError: A value is malformed or out of range.
        """
        return self._kind(**{name: field.decode(json[name], tz) for name, field in self.fields.items()})

    @property
    def field(self) -> FieldCodec:
        """The codec of an attribute that holds such a view."""
        return FieldCodec(self.encode, self.decode)


# --- single values --------------------------------------------------------------------------------


def _decode_duration(seconds: Any, _tz: tzinfo) -> timedelta:
    try:
        return timedelta(seconds=_checked(int | float, seconds))
    except OverflowError:
        raise ValueError(f"a duration of {seconds} s is too long") from None


def _decode_instant(text: str, tz: tzinfo) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no UTC offset")
    try:
        return instant.astimezone(tz)
    except OverflowError:
        raise ValueError(f"{text} is out of range") from None


_TEXT, _NUMBER, _FLAG = _unchanged(str), _unchanged(int), _unchanged(bool)
_INSTANT = FieldCodec(datetime.isoformat, _decode_instant)
_DURATION = FieldCodec(timedelta.total_seconds, _decode_duration)


def encode_schedule(schedule: Schedule) -> Json:
    """Return a schedule as a JSON object: its kind and the arguments that recreate it.

    Only a `Cron`, an `Every` or a `Once` can be recreated; any other schedule has the kind `other`.
    """
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


def decode_schedule(json: Mapping[str, Any], tz: tzinfo) -> Schedule:
    """Return the schedule that a JSON object describes.

    A schedule of an unknown kind, or of a zone that this machine does not know, becomes a `ForeignSchedule`.
    """
    try:
        match json:
            case {"kind": "cron", "spec": str(spec), "tz": str(name), "dst": "once" | "every" as dst}:
                return _parsed(spec, name, dst)
            case {"kind": "every", "spec": str(spec), "tz": str(name), "start": None}:
                return _parsed(spec, name, "once")
            case {"kind": "every", "spec": str(spec), "tz": str(name), "start": str(start)}:
                every, begin = _parsed(spec, name, "once"), _decode_instant(start, zone(name))
                if isinstance(every, Every) and json.get("first_at_start") is True:
                    return Every(every.interval, begin, tz=every.tz)
                if isinstance(every, Every):
                    return every.anchored(begin)
            case {"kind": "once", "at": str(at), "tz": str(name)}:
                return Once(_decode_instant(at, zone(name)))
    except (BadSpec, ValueError):
        pass
    return ForeignSchedule(tz)


@lru_cache(maxsize=4096)
def _parsed(spec: str, name: str, dst: Any) -> Schedule:
    return parse(spec, tz=zone(name), dst=dst)


@dataclass(frozen=True, slots=True)
class ForeignSchedule:
    """Stands for a schedule that only the scheduler's own process can compute."""

    tz: tzinfo

    def next(self, after: datetime) -> datetime | None:  # noqa: ARG002 - the protocol's
        """Return None: the next tick is unknown here."""
        return None

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:  # noqa: ARG002
        """Return 0: the ticks are unknown here."""
        return 0

    def __str__(self) -> str:
        """Return a description to show in place of the spec."""
        return "custom schedule"


_SCHEDULE = FieldCodec(encode_schedule, decode_schedule)


# --- views ----------------------------------------------------------------------------------------

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
    elapsed=_optional(_DURATION),
    worker=_TEXT,
    reason=_TEXT,
    error=_TEXT,
    ticks=_NUMBER,
)
JOB: Codec[JobView] = Codec(
    JobView,
    name=_TEXT,
    status=_enum(JobStatus),
    schedule=_optional(_SCHEDULE),
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
    last_elapsed=_optional(_DURATION),
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
    pool=POOL.field,
    jobs=_many(JOB.field),
    running=_many(RUN.field),
    waiting=_many(RUN.field),
    scheduled=_many(RUN.field),
    recent=_many(RUN.field),
)
_DST_NOTE: Codec[DstNote] = Codec(DstNote, effect=_enum(DstEffect), sentence=_TEXT)
_TICK: Codec[Tick] = Codec(Tick, at=_INSTANT, note=_optional(_DST_NOTE.field))
_TICK_PREVIEW: Codec[TickPreview] = Codec(
    TickPreview, ticks=_many(_TICK.field), changes=_many(_DST_NOTE.field)
)
JOB_DETAILS: Codec[JobDetails] = Codec(
    JobDetails, job=JOB.field, description=_TEXT, preview=_TICK_PREVIEW.field, runs=_many(RUN.field)
)
_LINE = FieldCodec(
    lambda line: {"writer": line[0], "text": line[1]},
    lambda line, _tz: (_checked(str, line["writer"]), _checked(str, line["text"])),
)
OUTPUT_CHUNK: Codec[OutputChunk] = Codec(
    OutputChunk, first=_NUMBER, lines=_many(_LINE), unfinished=_many(_LINE)
)
UPCOMING: Codec[UpcomingTick] = Codec(
    UpcomingTick,
    due=_INSTANT,
    job=_TEXT,
    cause=_TEXT,
    number=_NUMBER,
    paused=_FLAG,
    schedule=_optional(_SCHEDULE),
)


def decode_snapshot(json: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot that a JSON object describes, with its times in the scheduler's zone.

    If this machine does not know that zone, the times have its UTC offset as of the snapshot.

    Raises:
        KeyError: A key is missing.
        TypeError: A value has the wrong type.
        ValueError: A value is malformed or out of range.
    """
    try:
        tz = zone(str(json["zone"]))
    except BadSpec:
        tz = datetime.fromisoformat(json["at"]).tzinfo or UTC
    return SNAPSHOT.decode(json, tz)


def encode_event(event: Event) -> Json:
    """Return an event as a JSON object: its type, number, time (UTC), and the job or run it concerns."""
    json: Json = {
        "type": type(event).__name__,
        "seq": event.seq,
        "at": datetime.fromtimestamp(event.at, UTC).isoformat(),
    }
    match event:
        case RunEvent():
            json["run"] = RUN.encode(event.run)
        case JobEvent():
            json["job"] = JOB.encode(event.job)
        case _:
            json |= {name: getattr(event, name) for name in event.field_names if name not in json}
    return json
