"""Encode the views of a scheduler as JSON and decode them, both by the type annotations of the views.

The keys are the names of the views' attributes. Instants are ISO 8601 with their UTC offset, durations are
seconds, enum members are their values. Server and client of the API share this module, and its paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints

from jobtui.engine.events import Event, JobEvent, QuietTimeChanged, RunEvent
from jobtui.engine.views import Duration, JobView, PoolView, RunPage, RunStack, RunView, Snapshot
from jobtui.frontend.backend import JobDetails, LogPage, RunLines, SchedulePreview
from jobtui.frontend.explanation import Explanation
from jobtui.frontend.progress import RunEstimate
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.runtime.output_log import OutputChunk, OutputLine
from jobtui.schedules.adjusted import AdjustedSchedule
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Every, Never, Once, Schedule
from jobtui.schedules.zones import zone, zone_name

STATUS_PAGE = "/@jobs"
API_ROOT = f"{STATUS_PAGE}/api"
MAX_RUN_NUMBER = 10**17  # in a path

View = TypeVar("View")
Json = dict[str, Any]


class Codec(Generic[View]):
    """Encodes and decodes the views of one class.

    Args:
        kind: The class: a dataclass or a named tuple. An attribute that is a float is an instant.

    Attributes:
        fields: The codec of each attribute, by name.
    """

    def __init__(self, kind: type[View]) -> None:
        self.fields = {name: _field_codec(annotation) for name, annotation in get_type_hints(kind).items()}
        self._kind = kind
        self._encoders = [(name, field.encode) for name, field in self.fields.items()]

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


class FieldCodec(NamedTuple):
    """Encodes the value of one attribute; decodes it, with its times in a given zone."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any, tzinfo], Any]


def _field_codec(annotation: Any) -> FieldCodec:
    """Return the codec of the attributes with a type annotation."""
    if annotation in _VALUES:
        return _VALUES[annotation]
    match get_args(annotation):
        case item, end if end is ...:
            return _many(_field_codec(item))
        case kind, _:
            return _optional(_field_codec(kind))
    if issubclass(annotation, Enum):
        values = {member: member.value for member in annotation}  # Enum.value takes a tenth of a microsecond
        return FieldCodec(values.__getitem__, lambda value, _tz: annotation(value))
    view = Codec(annotation)
    return FieldCodec(view.encode, view.decode)


def _optional(field: FieldCodec) -> FieldCodec:
    return FieldCodec(
        lambda value: None if value is None else field.encode(value),
        lambda value, tz: None if value is None else field.decode(value, tz),
    )


def _many(field: FieldCodec) -> FieldCodec:
    return FieldCodec(
        lambda values: [field.encode(value) for value in values],
        lambda values, tz: tuple([field.decode(value, tz) for value in _require_type(list | tuple, values)]),
    )


# --- single values --------------------------------------------------------------------------------


def _plain_codec(kind: type) -> FieldCodec:
    return FieldCodec(lambda value: value, lambda value, _tz: _require_type(kind, value))


def _require_type(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"unexpected type {type(value).__name__}")
    return value


def _decode_duration(seconds: Any, _tz: tzinfo) -> timedelta:
    try:
        return timedelta(seconds=_require_type(int | float, seconds))
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


def _encode_timestamp(seconds: float) -> str:
    """Return an instant, given in seconds since the epoch, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def encode_schedule(schedule: Schedule) -> Json:
    """Return a schedule as a JSON object: its kind and the arguments that recreate it.

    A schedule of the user cannot be recreated: it has the kind `other`.
    """
    match schedule:
        case Cron():
            values: Json = {"kind": "cron", "spec": str(schedule), "dst": schedule.dst}
        case Every():
            start = None if schedule.start is None else schedule.start.isoformat()
            values = {"kind": "every", "spec": str(schedule), "start": start}
            values["first_at_start"] = schedule.first_at_start
        case Once():
            values = {"kind": "once", "at": schedule.at.isoformat()}
        case Never():
            values = {"kind": "never"}
        case AdjustedSchedule():
            values = {"kind": "adjusted", **_ADJUSTED.encode(schedule)}
        case _:
            values = {"kind": "other"}
    return {**values, "tz": zone_name(schedule.tz)}


def decode_schedule(  # noqa: PLR0911 - one for each kind
    json: Mapping[str, Any], tz: tzinfo
) -> Schedule:
    """Return the schedule that a JSON object describes.

    A schedule of an unknown kind, or of a zone that this machine does not know, becomes a `ForeignSchedule`.
    """
    try:
        match json:
            case {"kind": "cron", "spec": str(spec), "tz": str(name), "dst": "once" | "every" as dst}:
                return _parse_cached(spec, name, dst)
            case {"kind": "every", "spec": str(spec), "tz": str(name), "start": None}:
                return _parse_cached(spec, name, "once")
            case {"kind": "every", "spec": str(spec), "tz": str(name), "start": str(start)}:
                every, begin = _parse_cached(spec, name, "once"), _decode_instant(start, zone(name))
                if isinstance(every, Every):
                    given = json.get("first_at_start") is True
                    return Every(every.interval, begin, tz=every.tz) if given else every.anchored(begin)
            case {"kind": "once", "at": str(at), "tz": str(name)}:
                return Once(_decode_instant(at, zone(name)))
            case {"kind": "never", "tz": str(name)}:
                return Never(zone(name))
            case {"kind": "adjusted", "base": dict(base)}:
                if not isinstance(decode_schedule(base, tz), ForeignSchedule):
                    return _ADJUSTED.decode(json, tz)
    except (BadSpec, ValueError, TypeError, KeyError):
        pass
    return ForeignSchedule(tz)


@lru_cache(maxsize=4096)
def _parse_cached(spec: str, name: str, dst: Any) -> Schedule:
    return parse(spec, tz=zone(name), dst=dst)


@dataclass(frozen=True, slots=True)
class ForeignSchedule:
    """Stands for a schedule that only the scheduler's own process can compute."""

    tz: tzinfo

    def next(self, after: datetime) -> datetime | None:  # noqa: ARG002 - the protocol's
        """Return None: the next tick is unknown here."""
        return None

    def __str__(self) -> str:
        """Return a description to show in place of the spec."""
        return "custom schedule"


# --- views ----------------------------------------------------------------------------------------

_VALUES: dict[Any, FieldCodec] = {
    **{kind: _plain_codec(kind) for kind in (str, int, bool)},
    dict[str, Any]: _plain_codec(dict),
    int | float: _plain_codec(int | float),  # type: ignore[arg-type]
    int | float | None: _plain_codec(int | float | None),  # type: ignore[arg-type]
    datetime: FieldCodec(datetime.isoformat, _decode_instant),
    float: FieldCodec(_encode_timestamp, lambda text, _tz: _decode_instant(text, UTC).timestamp()),
    timedelta: FieldCodec(timedelta.total_seconds, _decode_duration),
    Duration: FieldCodec(float, lambda value, _tz: float(_require_type(int | float, value))),
    tzinfo: FieldCodec(zone_name, lambda _name, tz: tz),
    Schedule: FieldCodec(encode_schedule, decode_schedule),
}
RUN, JOB, POOL, SNAPSHOT = Codec(RunView), Codec(JobView), Codec(PoolView), Codec(Snapshot)
JOB_DETAILS, UPCOMING, ESTIMATE = Codec(JobDetails), Codec(UpcomingTick), Codec(RunEstimate)
OUTPUT_CHUNK, OUTPUT_LINE, RUN_LINES = Codec(OutputChunk), Codec(OutputLine), Codec(RunLines)
LOG_PAGE = Codec(LogPage)
SCHEDULE_PREVIEW = Codec(SchedulePreview)
RUN_PAGE, EXPLANATION, STACK = Codec(RunPage), Codec(Explanation), Codec(RunStack)
_ADJUSTED = Codec(AdjustedSchedule)
RUN_LISTS = ("running", "waiting", "scheduled", "recent", "abandoned")  # the lists of runs of a snapshot


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
        "at": _encode_timestamp(event.at),
    }
    match event:
        case RunEvent():
            json["run"] = RUN.encode(copy(event.run))  # the event must not keep the formatted traceback
        case JobEvent():
            json["job"] = JOB.encode(event.job)
        case QuietTimeChanged():
            json["until"] = None if event.until is None else _encode_timestamp(event.until)
        case _:
            json |= {name: getattr(event, name) for name in event.field_names if name not in json}
    return json
