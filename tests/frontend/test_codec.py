"""What is written is read back as it was; what makes no sense is refused, in one of three ways."""

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

from jobtui.engine.enums import (
    JobStatus,
    Misfire,
    Overlap,
    Phase,
    RunState,
    Trigger,
)
from jobtui.engine.views import (
    JobView,
    PoolView,
    RunView,
    Snapshot,
)
from jobtui.frontend import codec
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.codec import (
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
from jobtui.frontend.upcoming import UpcomingTick
from jobtui.runtime.output_capture import OutputChunk
from jobtui.schedules.dst import DstEffect, DstNote, Tick, TickPreview
from jobtui.schedules.schedule import Cron, Every, Once, Schedule
from jobtui.schedules.zones import zone_name
from jobtui.web.api.snapshot_json import SnapshotEncoder
from jobtui.web.responses import to_json


class Quarter(tzinfo):
    """A zone that nobody else knows: always a quarter of an hour ahead."""

    def utcoffset(self, _when: datetime | None) -> timedelta:
        """A quarter of an hour."""
        return timedelta(minutes=15)

    def dst(self, _when: datetime | None) -> timedelta:
        """None."""
        return timedelta(0)

    def tzname(self, _when: datetime | None) -> str:
        """No name."""
        return ""

    def __str__(self) -> str:
        """What it calls itself."""
        return "a quarter ahead"


QUARTER = Quarter()
KNOWN: list[tzinfo] = [
    UTC,
    ZoneInfo("Europe/London"),
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),  # its clock changes by half an hour
    ZoneInfo("Pacific/Apia"),  # left out a day
    ZoneInfo("Asia/Kathmandu"),
    timezone(timedelta(hours=2)),
    timezone(timedelta(hours=-11, minutes=-30)),
    timezone(timedelta(seconds=3723)),
]
ZONES = st.sampled_from([*KNOWN, QUARTER])

# Half a character has no bytes, and is written as a question mark.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
EARLIEST, LATEST = datetime(1971, 1, 1), datetime(2099, 1, 1)  # noqa: DTZ001 - Hypothesis adds the zone
COUNT = st.integers(0, 10**9)
SPAN = st.timedeltas(timedelta(0), timedelta(days=3000))


def instants(tz: tzinfo) -> st.SearchStrategy[datetime]:
    """Instants in a zone: any, and the hours around the changes of its clock, both passes."""
    any_time = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))
    near = st.sampled_from(
        [
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # London, first pass
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # and second
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
            datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # New York
            datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
            datetime(2026, 4, 4, 15, 15, tzinfo=UTC),  # Lord Howe
            datetime(2011, 12, 30, 10, 0, tzinfo=UTC),  # Apia
        ]
    )
    return (any_time | near).map(lambda instant: instant.astimezone(tz))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """It, or None."""
    return st.none() | strategy


def schedules() -> st.SearchStrategy[Schedule]:
    """Schedules of every kind, in every zone."""
    zones = st.sampled_from(KNOWN)
    specs = st.sampled_from(
        ["0 */15 9-17 ? * MON-FRI", "30 1 * * *", "@daily", "*/7 * * * * *", "0 0 0 29 2 ?"]
    )
    rates = st.timedeltas(timedelta(milliseconds=1), timedelta(days=2000))
    starts = zones.flatmap(instants)
    return st.one_of(
        st.builds(Cron, specs, tz=zones, dst=st.sampled_from(["once", "every"])),
        st.builds(Cron, st.sampled_from(["TZ=Asia/Kathmandu 5 4 * * *"]), tz=zones),
        st.builds(Every, rates, tz=zones),
        st.builds(Every, rates, starts, tz=zones),
        st.builds(lambda rate, tz, start: Every(rate, tz=tz).anchored(start), rates, zones, starts),
        st.builds(Once, starts),
    )


def runs(tz: tzinfo) -> st.SearchStrategy[RunView]:
    """Runs in any state, sensible or not."""
    when = instants(tz)
    return st.builds(
        RunView,
        number=COUNT,
        job=TEXT,
        trigger=st.sampled_from(Trigger),
        state=st.sampled_from(RunState),
        created=when,
        due=maybe(when),
        waiting_since=maybe(when),
        started=maybe(when),
        ended=maybe(when),
        elapsed=maybe(SPAN),
        worker=TEXT,
        reason=TEXT,
        error=TEXT,
        ticks=COUNT,
    )


def jobs(tz: tzinfo) -> st.SearchStrategy[JobView]:
    """Jobs in any state, sensible or not."""
    when = instants(tz)
    return st.builds(
        JobView,
        name=TEXT,
        status=st.sampled_from(JobStatus),
        schedule=maybe(schedules()),
        spec=TEXT,
        origin=TEXT,
        summary=TEXT,
        overlap=st.sampled_from(Overlap),
        misfire=st.sampled_from(Misfire),
        running=COUNT,
        queued=COUNT,
        held=COUNT,
        scheduled=COUNT,
        prev=maybe(when),
        next=maybe(when),
        paused_since=maybe(when),
        last_elapsed=maybe(SPAN),
        recent=st.lists(st.sampled_from(RunState), max_size=4).map(tuple),
        runs=COUNT,
        failures=COUNT,
    )


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A few of them."""
    return st.lists(strategy, max_size=2).map(tuple)


def snapshots(tz: tzinfo) -> st.SearchStrategy[Snapshot]:
    """Snapshots of a scheduler in a zone."""
    when = instants(tz)
    return st.builds(
        Snapshot,
        seq=COUNT,
        at=when,
        zone=st.just(tz),
        phase=st.sampled_from(Phase),
        started=maybe(when),
        heartbeat=maybe(when),
        internal_error=TEXT,
        pool=st.builds(PoolView, size=COUNT, running=COUNT, queued=COUNT, held=COUNT),
        jobs=some(jobs(tz)),
        running=some(runs(tz)),
        waiting=some(runs(tz)),
        scheduled=some(runs(tz)),
        recent=some(runs(tz)),
    )


def details(tz: tzinfo) -> st.SearchStrategy[JobDetails]:
    """Jobs in depth."""
    notes = st.builds(DstNote, st.sampled_from(DstEffect), TEXT)
    preview = st.builds(TickPreview, some(st.builds(Tick, instants(tz), maybe(notes))), some(notes))
    return st.builds(JobDetails, job=jobs(tz), description=TEXT, preview=preview, runs=some(runs(tz)))


def plain(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """All there is to a value, for comparing: Python takes times near a change of the clock for unequal."""
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
        return "once", plain(value.at), zone_name(value.tz)
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return value


def sent(written: Any) -> Any:
    """What arrives of what is sent."""
    return json.loads(to_json(written).encode("utf-8", "replace"))


@given(st.sampled_from(KNOWN).flatmap(snapshots))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_is_read_as_it_was(snapshot: Snapshot) -> None:
    """In every zone that both sides know, on either pass of a night when the clock goes back."""
    assert plain(decode_snapshot(sent(SNAPSHOT.encode(snapshot)))) == plain(snapshot)


@given(ZONES.flatmap(snapshots), ZONES.flatmap(snapshots))
@settings(max_examples=25, deadline=None)
def test_texts_say_what_the_shapes_do(first: Snapshot, second: Snapshot) -> None:
    """Whatever was written before, and whatever of it is the same object again."""
    texts = SnapshotEncoder()
    mixed = replace(second, jobs=first.jobs + second.jobs, recent=first.running)
    for snapshot in (first, first, mixed, first, second):
        assert json.loads(texts.encode_snapshot(snapshot)) == sent(SNAPSHOT.encode(snapshot))
        assert json.loads(texts.encode_jobs(snapshot)) == sent([JOB.encode(job) for job in snapshot.jobs])


@given(snapshots(QUARTER))
@settings(max_examples=25, deadline=None)
def test_a_zone_that_is_not_known_here_is_replaced_by_its_offset(snapshot: Snapshot) -> None:
    """Every instant stays the same, and the wall clock is that of the moment of the picture."""
    read = decode_snapshot(sent(SNAPSHOT.encode(snapshot)))
    assert read.zone.utcoffset(None) == timedelta(minutes=15)
    assert {**plain(read), "zone": ""} == {**plain(snapshot), "zone": ""}


@given(st.sampled_from(KNOWN).flatmap(lambda tz: st.tuples(st.just(tz), details(tz))))
@settings(max_examples=25, deadline=None)
def test_the_details_of_a_job_are_read_as_they_were(case: tuple[tzinfo, JobDetails]) -> None:
    """With its coming fires and their notes."""
    tz, value = case
    assert plain(JOB_DETAILS.decode(sent(JOB_DETAILS.encode(value)), tz)) == plain(value)


@given(schedules(), st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)))
@settings(max_examples=60, deadline=None)
def test_a_schedule_is_due_when_it_was(schedule: Schedule, after: datetime) -> None:
    """What is read is equal, and does not merely look so: it fires at the same instants."""
    read = decode_schedule(sent(encode_schedule(schedule)), UTC)
    assert plain(read) == plain(schedule)
    assert plain(read.next(after)) == plain(schedule.next(after))


@pytest.mark.parametrize(
    "schedule",
    [
        Cron("@daily", tz=QUARTER),
        Every("5s", tz=QUARTER),
        ForeignSchedule(UTC),
        Once(datetime(2026, 1, 1, tzinfo=QUARTER)),
    ],
    ids=["cron", "every", "foreign", "once"],
)
def test_a_schedule_that_is_not_known_here_is_stood_for(schedule: Schedule) -> None:
    """By something that is never due, and says of itself what it is."""
    read = decode_schedule(sent(encode_schedule(schedule)), UTC)
    assert isinstance(read, ForeignSchedule)
    assert (
        read.next(datetime(2026, 1, 1, tzinfo=UTC)),
        read.ticks_between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), 9),
    ) == (None, 0)
    assert str(read) == "custom schedule"


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (RUN, RunView),
        (JOB, JobView),
        (POOL, PoolView),
        (SNAPSHOT, Snapshot),
        (JOB_DETAILS, JobDetails),
        (UPCOMING, UpcomingTick),
        (OUTPUT_CHUNK, OutputChunk),
        (codec._DST_NOTE, DstNote),
        (codec._TICK, Tick),
        (codec._TICK_PREVIEW, TickPreview),
    ],
)
def test_every_attribute_has_its_way(shape: Codec[Any], kind: Any) -> None:
    """Whoever adds one to a view says how it is written and read."""
    assert list(shape.fields) == [each.name for each in fields(kind)]


def test_lines_and_what_comes_are_read_as_they_were() -> None:
    """The pictures that have no property of their own."""
    printed = OutputChunk(first=3, lines=(("a #1", "one"), ("", "two")), unfinished=(("b", "thr"),))
    assert OUTPUT_CHUNK.decode(sent(OUTPUT_CHUNK.encode(printed)), UTC) == printed
    row = UpcomingTick(
        datetime(2026, 1, 1, tzinfo=UTC), "a", "@daily", 0, paused=True, schedule=Cron("@daily", tz="UTC")
    )
    assert plain(UPCOMING.decode(sent(UPCOMING.encode(row)), UTC)) == plain(row)


def test_half_a_character_is_read_as_a_question_mark() -> None:
    """A print that was cut off in the middle breaks no reader."""
    assert sent({"output": "a\ud800b"}) == {"output": "a?b"}


# --- garbage --------------------------------------------------------------------------------------

TIMES = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "2026-01-01T00:00"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(TIMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SAMPLE = {
    "zone": "Europe/London",
    **sent(
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


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for name, each in inner for place in places(each, (*path, name))]]


def put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The value with something else in one place."""
    if not path:
        return other
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], other)
    return changed


@given(st.sampled_from(places(SAMPLE)), JSON)
@settings(max_examples=400, deadline=None)
def test_garbage_is_refused_in_one_of_three_ways(path: tuple[Any, ...], other: Any) -> None:
    """Or it is read, where it happens to make sense: then it is a snapshot through and through."""
    try:
        snapshot = decode_snapshot(put(SAMPLE, path, other))
    except (KeyError, TypeError, ValueError):
        return
    assert isinstance(snapshot, Snapshot)
    assert json.loads(SnapshotEncoder().encode_snapshot(snapshot))


@given(JSON)
def test_whatever_stands_for_a_schedule_is_one(garbage: Any) -> None:
    """A schedule of a newer version is no reason to show nothing."""
    assert decode_schedule({"kind": garbage}, UTC) == ForeignSchedule(UTC)
    for kind in ("cron", "every", "once"):
        for name in ("spec", "tz", "dst", "start", "at"):
            whole = {"kind": kind, "spec": "@every 5s", "tz": "UTC", "dst": "once", "start": None, "at": ""}
            assert isinstance(decode_schedule({**whole, name: garbage}, UTC), Schedule)


@pytest.mark.parametrize(
    ("shape", "name", "wrong", "error"),
    [
        (RUN, "number", "1", TypeError),
        (RUN, "number", True, TypeError),
        (RUN, "number", 1.5, TypeError),
        (RUN, "job", None, TypeError),
        (RUN, "state", "ok", ValueError),
        (RUN, "state", [], ValueError),
        (RUN, "created", None, TypeError),
        (RUN, "created", "yesterday", ValueError),
        (RUN, "created", "2026-01-01T00:00:00", ValueError),  # without an offset it is no instant
        (RUN, "created", "0001-01-01T00:00:00+14:00", ValueError),
        (RUN, "elapsed", "1", TypeError),
        (RUN, "elapsed", 1e300, ValueError),
        (RUN, "elapsed", float("nan"), ValueError),
    ],
)
def test_a_wrong_value_is_not_taken_over(
    shape: Codec[Any], name: str, wrong: Any, error: type[Exception]
) -> None:
    """Each by its type, and each by its range: a dashboard would stumble over it later."""
    with pytest.raises(error):
        shape.decode({**SAMPLE["recent"][0], name: wrong}, ZoneInfo("America/New_York"))


@pytest.mark.parametrize("lists", ["", {}, {"a": 1}, "abc", 5, None])
def test_a_list_is_a_list(lists: Any) -> None:
    """And nothing else that one can walk through."""
    with pytest.raises(TypeError):
        decode_snapshot({**SAMPLE, "recent": lists})
