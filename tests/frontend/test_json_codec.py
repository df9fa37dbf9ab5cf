"""Encoding and decoding of views: the round trip, and malformed input."""

from __future__ import annotations

import copy
import json
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.unknown_zone import UnknownZone

from jobtui.engine.enums import JobStatus, Misfire, Overlap, Phase, RunState, Trigger
from jobtui.engine.views import JobView, PoolView, RunView, Snapshot
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.json_codec import (
    ESTIMATE,
    JOB,
    JOB_DETAILS,
    OUTPUT_CHUNK,
    POOL,
    RUN,
    SNAPSHOT,
    UPCOMING,
    Codec,
    ForeignSchedule,
    decode_schedule,
    decode_snapshot,
    encode_schedule,
)
from jobtui.frontend.progress import RunEstimate
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.runtime.output_log import OutputChunk, OutputLine
from jobtui.schedules.adjusted import AdjustedSchedule
from jobtui.schedules.dst import DstEffect, DstNote, Tick, TickPreview
from jobtui.schedules.schedule import Cron, Every, Once, Schedule
from jobtui.schedules.zones import zone_name
from jobtui.web.api.snapshot_json import SnapshotEncoder
from jobtui.web.responses import to_json

UNKNOWN_ZONE = UnknownZone()
KNOWN_ZONES: list[tzinfo] = [
    UTC,
    ZoneInfo("Europe/London"),
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),  # transitions of half an hour
    ZoneInfo("Pacific/Apia"),  # skipped a day
    ZoneInfo("Asia/Kathmandu"),
    timezone(timedelta(hours=2)),
    timezone(timedelta(hours=-11, minutes=-30)),
    timezone(timedelta(seconds=3723)),
]
ZONES = st.sampled_from([*KNOWN_ZONES, UNKNOWN_ZONE])

# Without surrogates, which are encoded as question marks.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
EARLIEST, LATEST = datetime(1971, 1, 1), datetime(2099, 1, 1)  # noqa: DTZ001 - Hypothesis adds the zone
COUNT = st.integers(0, 10**9)
DURATION = st.timedeltas(timedelta(0), timedelta(days=3000))


def instants(tz: tzinfo) -> st.SearchStrategy[datetime]:
    """Generate instants in a zone, often near a transition and in both folds."""
    any_time = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))
    near = st.sampled_from(
        [
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # London, first fold
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # and second fold
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
            datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # New York
            datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
            datetime(2026, 4, 4, 15, 15, tzinfo=UTC),  # Lord Howe
            datetime(2011, 12, 30, 10, 0, tzinfo=UTC),  # Apia
        ]
    )
    return (any_time | near).map(lambda instant: instant.astimezone(tz))


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Generate values or None."""
    return st.none() | strategy


def schedules() -> st.SearchStrategy[Schedule]:
    """Generate schedules of every kind, in every zone."""
    zones = st.sampled_from(KNOWN_ZONES)
    specs = st.sampled_from(
        ["0 */15 9-17 ? * MON-FRI", "30 1 * * *", "@daily", "*/7 * * * * *", "0 0 0 29 2 ?"]
    )
    rates = st.timedeltas(timedelta(milliseconds=1), timedelta(days=2000))
    starts = zones.flatmap(instants)
    plain = st.one_of(
        st.builds(Cron, specs, tz=zones, dst=st.sampled_from(["once", "every"])),
        st.builds(Cron, st.sampled_from(["TZ=Asia/Kathmandu 5 4 * * *"]), tz=zones),
        st.builds(Every, rates, tz=zones),
        st.builds(Every, rates, starts, tz=zones),
        st.builds(lambda rate, tz, start: Every(rate, tz=tz).anchored(start), rates, zones, starts),
        st.builds(Once, starts),
    )
    waits = st.timedeltas(timedelta(), timedelta(days=2))
    adjusted = st.builds(
        AdjustedSchedule,
        base=plain,
        not_before=optional(starts),
        until=optional(starts),
        spread=waits,
        jitter=waits,
        name=TEXT,
        seed=TEXT,
    )
    return plain | adjusted


def runs(tz: tzinfo) -> st.SearchStrategy[RunView]:
    """Generate runs with independent attributes."""
    when = instants(tz)
    return st.builds(
        RunView,
        number=COUNT,
        job=TEXT,
        trigger=st.sampled_from(Trigger),
        state=st.sampled_from(RunState),
        created=when,
        due=optional(when),
        waiting_since=optional(when),
        started=optional(when),
        ended=optional(when),
        elapsed=optional(DURATION),
        worker=TEXT,
        reason=TEXT,
        error=TEXT,
        ticks=COUNT,
    )


def jobs(tz: tzinfo) -> st.SearchStrategy[JobView]:
    """Generate jobs with independent attributes."""
    when = instants(tz)
    return st.builds(
        JobView,
        name=TEXT,
        status=st.sampled_from(JobStatus),
        schedule=optional(schedules()),
        spec=TEXT,
        origin=TEXT,
        summary=TEXT,
        overlap=st.sampled_from(Overlap),
        misfire=st.sampled_from(Misfire),
        running=COUNT,
        queued=COUNT,
        held=COUNT,
        scheduled=COUNT,
        prev=optional(when),
        next=optional(when),
        paused_since=optional(when),
        last_elapsed=optional(DURATION),
        recent=st.lists(st.sampled_from(RunState), max_size=4).map(tuple),
        recent_durations=st.lists(optional(st.floats(0, 1e6)), max_size=4).map(tuple),
        last_output=optional(when),
        longest_silence=optional(DURATION),
        last_ok_elapsed=optional(DURATION),
        runs=COUNT,
        failures=COUNT,
    )


def short_tuples(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Generate tuples of at most two values."""
    return st.lists(strategy, max_size=2).map(tuple)


def snapshots(tz: tzinfo) -> st.SearchStrategy[Snapshot]:
    """Generate snapshots of a scheduler in a zone."""
    when = instants(tz)
    return st.builds(
        Snapshot,
        seq=COUNT,
        at=when,
        zone=st.just(tz),
        phase=st.sampled_from(Phase),
        started=optional(when),
        heartbeat=optional(when),
        internal_error=TEXT,
        pool=st.builds(PoolView, size=COUNT, running=COUNT, queued=COUNT, held=COUNT),
        jobs=short_tuples(jobs(tz)),
        running=short_tuples(runs(tz)),
        waiting=short_tuples(runs(tz)),
        scheduled=short_tuples(runs(tz)),
        recent=short_tuples(runs(tz)),
    )


def job_details(tz: tzinfo) -> st.SearchStrategy[JobDetails]:
    """Generate details of jobs."""
    notes = st.builds(DstNote, st.sampled_from(DstEffect), TEXT)
    preview = st.builds(
        TickPreview, short_tuples(st.builds(Tick, instants(tz), optional(notes))), short_tuples(notes)
    )
    return st.builds(JobDetails, job=jobs(tz), description=TEXT, preview=preview, runs=short_tuples(runs(tz)))


def comparable(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """Return a value in a comparable form: datetimes in a fold never equal those of another zone."""
    if isinstance(value, datetime):
        return value.timestamp(), value.utcoffset()
    if isinstance(value, tzinfo):
        return zone_name(value)
    if isinstance(value, Cron):
        return "cron", str(value), zone_name(value.tz), value.dst
    if isinstance(value, Every):
        start = value.start and value.start.timestamp()
        return "every", str(value), zone_name(value.tz), start, value.first_at_start
    if isinstance(value, Once):
        return "once", comparable(value.at), zone_name(value.tz)
    if isinstance(value, AdjustedSchedule):
        bounds = [bound and bound.timestamp() for bound in (value.not_before, value.until)]
        return comparable(value.base), bounds, value.spread, value.jitter, value.name, value.seed
    if isinstance(value, tuple):
        return [comparable(each) for each in value]
    if is_dataclass(value):
        return {each.name: comparable(getattr(value, each.name)) for each in fields(value)}
    return value


def through_json(value: Any) -> Any:
    """Return a value as a client receives it, encoded to JSON and decoded."""
    return json.loads(to_json(value).encode("utf-8", "replace"))


@given(st.sampled_from(KNOWN_ZONES).flatmap(snapshots))
@settings(max_examples=60, deadline=None)
def test_a_decoded_snapshot_equals_the_encoded_one(snapshot: Snapshot) -> None:
    """In every zone that both processes know, in both folds of an overlap."""
    assert comparable(decode_snapshot(through_json(SNAPSHOT.encode(snapshot)))) == comparable(snapshot)


@given(ZONES.flatmap(snapshots), ZONES.flatmap(snapshots))
@settings(max_examples=25, deadline=None)
def test_the_snapshot_encoder_agrees_with_the_codecs(first: Snapshot, second: Snapshot) -> None:
    """Also if views of an earlier snapshot are in its cache."""
    encoder = SnapshotEncoder()
    mixed = replace(second, jobs=first.jobs + second.jobs, recent=first.running)
    for snapshot in (first, first, mixed, first, second):
        assert json.loads(encoder.encode_snapshot(snapshot)) == through_json(SNAPSHOT.encode(snapshot))
        assert json.loads(encoder.encode_jobs(snapshot)) == through_json(
            [JOB.encode(job) for job in snapshot.jobs]
        )


@given(snapshots(UNKNOWN_ZONE))
@settings(max_examples=25, deadline=None)
def test_an_unknown_zone_is_replaced_by_its_offset(snapshot: Snapshot) -> None:
    """Every instant stays the same."""
    decoded = decode_snapshot(through_json(SNAPSHOT.encode(snapshot)))
    assert decoded.zone.utcoffset(None) == timedelta(minutes=15)
    assert {**comparable(decoded), "zone": ""} == {**comparable(snapshot), "zone": ""}


@given(st.sampled_from(KNOWN_ZONES).flatmap(lambda tz: st.tuples(st.just(tz), job_details(tz))))
@settings(max_examples=25, deadline=None)
def test_decoded_details_of_a_job_equal_the_encoded_ones(case: tuple[tzinfo, JobDetails]) -> None:
    """With its next ticks and their notes."""
    tz, value = case
    assert comparable(JOB_DETAILS.decode(through_json(JOB_DETAILS.encode(value)), tz)) == comparable(value)


@given(schedules(), st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)))
@settings(max_examples=60, deadline=None)
def test_a_decoded_schedule_has_the_ticks_of_the_encoded_one(schedule: Schedule, after: datetime) -> None:
    """It is equal and its next tick is the same."""
    decoded = decode_schedule(through_json(encode_schedule(schedule)), UTC)
    assert comparable(decoded) == comparable(schedule)
    assert comparable(decoded.next(after)) == comparable(schedule.next(after))


@pytest.mark.parametrize(
    "schedule",
    [
        Cron("@daily", tz=UNKNOWN_ZONE),
        Every("5s", tz=UNKNOWN_ZONE),
        ForeignSchedule(UTC),
        Once(datetime(2026, 1, 1, tzinfo=UNKNOWN_ZONE)),
    ],
    ids=["cron", "every", "foreign", "once"],
)
def test_a_schedule_in_an_unknown_zone_or_of_an_unknown_class_becomes_a_foreign_one(
    schedule: Schedule,
) -> None:
    """Its ticks are unknown, and it is shown as a custom schedule."""
    decoded = decode_schedule(through_json(encode_schedule(schedule)), UTC)
    assert isinstance(decoded, ForeignSchedule)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert decoded.next(begin) is None
    assert str(decoded) == "custom schedule"


@pytest.mark.parametrize(
    ("view_codec", "kind"),
    [
        (RUN, RunView),
        (JOB, JobView),
        (POOL, PoolView),
        (SNAPSHOT, Snapshot),
        (JOB_DETAILS, JobDetails),
        (UPCOMING, UpcomingTick),
        (ESTIMATE, RunEstimate),
        (OUTPUT_CHUNK, OutputChunk),
        (Codec(DstNote), DstNote),
        (Codec(Tick), Tick),
        (Codec(TickPreview), TickPreview),
    ],
)
def test_a_codec_has_a_field_for_every_attribute(view_codec: Codec[Any], kind: Any) -> None:
    """In the order of the attributes."""
    assert list(view_codec.fields) == [each.name for each in fields(kind)]


def test_decoded_output_and_upcoming_ticks_equal_the_encoded_ones() -> None:
    """An unfinished line included."""
    chunk = OutputChunk(
        first=3,
        lines=(
            OutputLine(3, 1.5, "a", 1, "stderr", "one"),
            OutputLine(4, 1_700_000_000.123456, "", 0, "WARNING", "two"),
        ),
        unfinished=(OutputLine(0, 2.0, "b", 12, "stdout", "thr"),),
    )
    assert OUTPUT_CHUNK.decode(through_json(OUTPUT_CHUNK.encode(chunk)), UTC) == chunk
    row = UpcomingTick(
        datetime(2026, 1, 1, tzinfo=UTC), "a", "@daily", 0, paused=True, schedule=Cron("@daily", tz="UTC")
    )
    assert comparable(UPCOMING.decode(through_json(UPCOMING.encode(row)), UTC)) == comparable(row)


def test_a_lone_surrogate_is_decoded_as_a_question_mark() -> None:
    """UTF-8 cannot encode it."""
    assert through_json({"output": "a\ud800b"}) == {"output": "a?b"}


# --- malformed input ------------------------------------------------------------------------------

TIMES = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "2026-01-01T00:00"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(TIMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SAMPLE = {
    "zone": "Europe/London",
    **through_json(
        SNAPSHOT.encode(
            Snapshot(
                seq=1,
                at=datetime(2026, 1, 1, tzinfo=UTC),
                zone=ZoneInfo("Europe/London"),
                phase=Phase.RUNNING,
                started=None,
                heartbeat=None,
                internal_error="",
                pool=PoolView(size=1, running=0, queued=0, held=0),
                jobs=(
                    JobView(
                        name="a",
                        status=JobStatus.IDLE,
                        schedule=Every("5s", datetime(2026, 1, 1, tzinfo=UTC), tz="UTC"),
                        spec="",
                        origin="",
                        summary="",
                        overlap=Overlap.HOLD,
                        misfire=Misfire.ALL,
                        running=0,
                        queued=0,
                        held=0,
                        scheduled=0,
                        prev=None,
                        next=datetime(2026, 1, 1, tzinfo=UTC),
                        paused_since=None,
                        last_elapsed=timedelta(1),
                        recent=(RunState.OK,),
                        runs=0,
                        failures=0,
                    ),
                ),
                running=(),
                waiting=(),
                scheduled=(),
                recent=(
                    RunView(
                        number=1,
                        job="a",
                        trigger=Trigger.NOW,
                        state=RunState.OK,
                        created=datetime(2026, 1, 1, tzinfo=UTC),
                    ),
                ),
            )
        )
    ),
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[inner_path for name, each in inner for inner_path in paths(each, (*path, name))]]


def replace_at(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """Return a JSON value with another value at a path."""
    if not path:
        return other
    changed = copy.copy(value)
    changed[path[0]] = replace_at(value[path[0]], path[1:], other)
    return changed


@given(st.sampled_from(paths(SAMPLE)), JSON)
@settings(max_examples=400, deadline=None)
def test_a_malformed_snapshot_raises_key_error_type_error_or_value_error(
    path: tuple[Any, ...], other: Any
) -> None:
    """If it happens to be valid, the decoded snapshot can be encoded again."""
    try:
        snapshot = decode_snapshot(replace_at(SAMPLE, path, other))
    except (KeyError, TypeError, ValueError):
        return
    assert isinstance(snapshot, Snapshot)
    assert json.loads(SnapshotEncoder().encode_snapshot(snapshot))


@given(JSON)
def test_a_malformed_schedule_does_not_raise_when_decoded(malformed: Any) -> None:
    """A schedule of a newer version must not break the snapshot."""
    assert decode_schedule({"kind": malformed}, UTC) == ForeignSchedule(UTC)
    base = {"kind": "cron", "spec": "@daily", "tz": "UTC", "dst": "once"}
    adjusted = encode_schedule(AdjustedSchedule(base=Cron("@daily", tz="UTC")))
    for name in adjusted:
        assert isinstance(
            decode_schedule({**adjusted, name: malformed}, UTC), ForeignSchedule | AdjustedSchedule
        )
        assert decode_schedule({**adjusted, "base": {**base, "spec": malformed}}, UTC) == ForeignSchedule(UTC)
    for kind in ("cron", "every", "once"):
        for name in ("spec", "tz", "dst", "start", "at"):
            whole = {"kind": kind, "spec": "@every 5s", "tz": "UTC", "dst": "once", "start": None, "at": ""}
            assert isinstance(decode_schedule({**whole, name: malformed}, UTC), Schedule)


@pytest.mark.parametrize(
    ("view_codec", "name", "wrong", "error"),
    [
        (RUN, "number", "1", TypeError),
        (RUN, "number", True, TypeError),
        (RUN, "number", 1.5, TypeError),
        (RUN, "job", None, TypeError),
        (RUN, "state", "ok", ValueError),
        (RUN, "state", [], ValueError),
        (RUN, "created", None, TypeError),
        (RUN, "created", "yesterday", ValueError),
        (RUN, "created", "2026-01-01T00:00:00", ValueError),  # no UTC offset
        (RUN, "created", "0001-01-01T00:00:00+14:00", ValueError),
        (RUN, "elapsed", "1", TypeError),
        (RUN, "elapsed", 1e300, ValueError),
        (RUN, "elapsed", float("nan"), ValueError),
    ],
)
def test_a_value_of_the_wrong_type_or_out_of_range_is_rejected(
    view_codec: Codec[Any], name: str, wrong: Any, error: type[Exception]
) -> None:
    """Otherwise the dashboard would fail later."""
    with pytest.raises(error):
        view_codec.decode({**SAMPLE["recent"][0], name: wrong}, ZoneInfo("America/New_York"))


@pytest.mark.parametrize("value", ["", {}, {"a": 1}, "abc", 5, None])
def test_a_value_that_is_not_a_list_is_rejected_where_a_list_is_expected(value: Any) -> None:
    """Even if it is iterable."""
    with pytest.raises(TypeError):
        decode_snapshot({**SAMPLE, "recent": value})
