"""Cron, Every and Once as values, and what parse() makes of zones and @every."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from itertools import combinations, islice, pairwise
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz as dateutil_tz  # type: ignore[import-untyped] # it ships no type information
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.schedules import cron, parser
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Dst, Every, Once, Schedule
from jobtui.schedules.zones import local_zone, zone, zone_name

STEADY = settings(derandomize=True, deadline=None, max_examples=200, database=None)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
NEW_YORK = ZoneInfo("America/New_York")
SECOND = timedelta(seconds=1)
CALENDAR = (datetime.min, datetime.max)  # noqa: DTZ901 - tests put them into several zones


def utc(text: str) -> datetime:
    """Returns a moment in UTC from its ISO text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(schedule: Schedule, after: datetime, count: int) -> list[str]:
    """Returns the next ``count`` instants as wall times of the schedule's zone."""
    found = []
    for _ in range(count):
        due = schedule.next(after)
        assert due is not None
        found.append(due.strftime("%Y-%m-%d %H:%M:%S"))
        after = due
    return found


def test_the_seeds_midnight_is_due_at_every_midnight() -> None:
    """``0 0 0 * * ?`` and ``@midnight``, the examples of Revel's manual, are the same."""
    for spec in ("0 0 0 * * ?", "@midnight"):
        assert first(parse(spec, tz="UTC"), NOON, 2) == ["2026-11-24 00:00:00", "2026-11-25 00:00:00"]


def test_the_seeds_workhours_are_every_quarter_of_an_hour_on_weekdays() -> None:
    """``0 */15 9-17 ? * MON-FRI`` ends at 17:45 and goes on on Monday at 09:00."""
    schedule = parse("0 */15 9-17 ? * MON-FRI", tz="UTC")
    friday = utc("2026-11-27 17:30")
    assert first(schedule, friday, 3) == ["2026-11-27 17:45:00", "2026-11-30 09:00:00", "2026-11-30 09:15:00"]


def test_the_seeds_every_24h_keeps_its_start() -> None:
    """``@every 24h`` is due a day after its start, at the same second, whatever the clocks do."""
    schedule = parse("@every 24h", tz=NEW_YORK)
    assert isinstance(schedule, Every)
    start = datetime(2026, 10, 31, 12, tzinfo=NEW_YORK)
    assert first(schedule.anchored(start), start, 2) == ["2026-11-01 11:00:00", "2026-11-02 11:00:00"]


@pytest.mark.parametrize(
    ("spec", "after", "due"),
    [
        ("* * * * * *", "2026-12-31 23:59:59.5", "2027-01-01 00:00:00"),
        ("* * * * * *", "2026-12-31 23:59:58", "2026-12-31 23:59:59"),
        ("0 0 0 29 2 ?", "2026-01-01", "2028-02-29"),
        ("0 0 0 29 2 ?", "2096-02-29", "2104-02-29"),
        ("0 0 0 29 2 ?", "2096-02-28 23:59:59", "2096-02-29"),
        ("0 0 0 31 * ?", "2026-01-31", "2026-03-31"),
        ("0 0 0 1 1 ?", "2026-01-01", "2027-01-01"),
        ("59 59 23 31 12 ?", "2026-12-31 23:59:58", "2026-12-31 23:59:59"),
        ("59 59 23 31 12 ?", "2026-12-31 23:59:59", "2027-12-31 23:59:59"),
        ("5 10 3 * * ?", "2026-01-01 03:10:05", "2026-01-02 03:10:05"),
        ("5 10,20 3,4 * * ?", "2026-01-01 03:20:05", "2026-01-01 04:10:05"),
        ("5 10,20 3,4 * * ?", "2026-01-01 03:15:59", "2026-01-01 03:20:05"),
    ],
)
def test_the_next_time_is_strictly_later(spec: str, after: str, due: str) -> None:
    """Across the ends of minutes, days, months and years, and of 2100, which is no leap year."""
    assert parse(spec, tz="UTC").next(utc(after)) == utc(due)


@pytest.mark.parametrize("spec", ["0 0 0 30 2 ?", "0 0 0 31 2,4,6,9,11 ?", "0 0 0 29 2 */8"])
@pytest.mark.parametrize("name", ["UTC", "America/New_York"])
def test_a_spec_without_a_match_within_8_years_is_never_due(spec: str, name: str) -> None:
    """None, and not an endless search: 30 February, or a 29 February on a Sunday when the next is in 2032."""
    after = utc("2016-01-02")
    assert parse(spec, tz=name).next(after) is None


def test_a_match_8_years_later_is_the_last_that_is_found() -> None:
    """29 February of 2032 is a Sunday: found from 2024-02-29 on, and not from the day before."""
    schedule = parse("0 0 0 29 2 */8", tz="UTC")
    assert schedule.next(utc("2024-02-29")) == utc("2032-02-29")
    assert schedule.next(utc("2024-02-28 23:59:59")) is None


@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Asia/Tokyo", "UTC+14:00", "UTC-12:00"])
@pytest.mark.parametrize("spec", ["* * * * * *", "0 0 0 * * ?", "@every 8760h"])
def test_at_the_ends_of_the_calendar_nothing_is_raised(name: str, spec: str) -> None:
    """There is no year 10000; the answer there is None or a later instant."""
    for after in (*CALENDAR, datetime(9999, 12, 31), datetime(1, 1, 1, 1)):  # noqa: DTZ001
        for tz in (UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)), NEW_YORK):
            due = parse(spec, tz=name).next(after.replace(tzinfo=tz))
            assert due is None or due.year in (1, 2, 9999)


@pytest.mark.parametrize("schedule", [Cron("* * * * *"), Every("5s"), Every("5s", NOON), Once(NOON)], ids=str)
def test_a_naive_moment_is_refused(schedule: Cron | Every | Once) -> None:
    """A wall time without a zone is no instant: ValueError, which is not a BadSpec."""
    for call in (schedule.next, lambda at: schedule.ticks_between(at, NOON, 5)):
        with pytest.raises(ValueError, match="has no zone") as caught:
            call(NOON.replace(tzinfo=None))
        assert not isinstance(caught.value, BadSpec)
    with pytest.raises(ValueError, match="has no zone"):
        schedule.ticks_between(NOON - SECOND, NOON.replace(tzinfo=None), 5)
    with pytest.raises(TypeError, match="aware datetime"):
        schedule.next(5)  # type: ignore[arg-type] # the point of the test


def test_start_and_at_need_a_zone() -> None:
    """Every's start, its anchor and Once's instant are aware."""
    naive = NOON.replace(tzinfo=None)
    for call in (lambda: Every(5, naive), lambda: Every(5).anchored(naive), lambda: Once(naive)):
        with pytest.raises(ValueError, match="has no zone"):
            call()


def test_parse_returns_the_same_object_for_the_same_arguments() -> None:
    """Ten thousand jobs with one spec share one schedule."""
    assert parse("*/7 * * * *", tz="UTC") is parse("*/7 * * * *", tz="UTC")
    assert parse("*/7 * * * *") is parse("*/7 * * * *")
    assert parse("*/7 * * * *", tz="UTC") is not parse("*/7 * * * *", tz="Asia/Tokyo")
    assert parse("*/7 * * * *", dst="every") is not parse("*/7 * * * *")
    assert str(parse("@daily", tz=UTC)) == "TZ=UTC 0 0 0 * * *"


def test_threads_that_parse_the_same_new_spec_get_the_same_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several have read it before any has kept it, all take what the first one made."""
    barrier = Barrier(4)
    read = parser._parse_uncached

    def read_together(spec: str, tz: str | tzinfo | None, dst: Dst) -> Cron | Every:
        made = read(spec, tz, dst)
        barrier.wait(timeout=30)
        return made

    monkeypatch.setattr(parser, "_parse_uncached", read_together)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: parse("7 7 4 7 7 *", tz="UTC"), range(4)))
    assert all(each is found[0] for each in found)
    assert parse("7 7 4 7 7 *", tz="UTC") is found[0]


def test_what_parse_remembers_is_bounded_and_forgotten_specs_are_read_again() -> None:
    """A server that parses the specs of strangers does not fill its memory."""
    first = parse("1 2 3 4 5 *", tz="UTC")
    for number in range(1100):
        parse(f"{number % 60} {number // 60} 5 * * *", tz="UTC")
    again = parse("1 2 3 4 5 *", tz="UTC")
    assert again is not first
    assert again == first


def test_what_is_remembered_of_fields_is_bounded() -> None:
    """Strangers' specs may differ in every field; what croniter made of them is not kept for ever."""
    fields = islice(combinations(range(60), 3), cron._MAX_EXPANSIONS + 100)
    for number, (low, middle, high) in enumerate(fields):
        assert Cron(f"{low},{middle},{high} * * * * *", tz="UTC").fields.seconds == (low, middle, high)
        assert len(cron._expansions) <= cron._MAX_EXPANSIONS + 6, number


def test_zones_that_are_equal_but_have_other_names_are_not_mixed_up() -> None:
    """Python takes two fixed offsets for equal whatever they are called; a reader of times does not."""
    names = ["ALPHA", "BRAVO"]
    schedules = [parse("0 4 * * *", tz=timezone(timedelta(hours=1), name)) for name in names]
    assert [schedule.tz.tzname(None) for schedule in schedules] == names


def test_schedules_are_equal_by_meaning_and_usable_as_keys() -> None:
    """The same seconds, zone and DST rule; the same grid; the same instant."""
    assert len({Cron("0 0 0 ? * 1-5"), Cron("0 0 * * MON-FRI"), Cron("0 0 * * MON,TUE,WED,THU,FRI")}) == 1
    assert Cron("@daily", tz="UTC") != Cron("@daily", tz="Asia/Tokyo")
    assert Cron("@daily") != Cron("@daily", dst="every")
    assert Cron("0 0 * * *") != Cron("0 1 * * *")
    assert Cron("0 0 1 * *") != Cron("0 0 1-2 * *")
    assert len({Every(60), Every("1m"), Every(timedelta(minutes=1))}) == 1
    assert Every(60) != Every(61)
    assert Every(60) != Every(60).anchored(NOON)
    assert Every(60, NOON, tz="UTC") != Every(60, tz="UTC").anchored(NOON)
    assert len({Once(NOON), Once(NOON.replace())}) == 1
    assert Once(NOON) != Once(NOON + SECOND)


SAMPLES = [
    Cron("TZ=America/New_York 0 30 2 * * MON-FRI", dst="every"),
    Every("1h30m", tz="Asia/Tokyo"),
    Every("5s").anchored(NOON),
    Every("5s", NOON),
    Once(NOON),
]


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_a_schedule_cannot_be_changed_and_can_be_copied(schedule: Schedule) -> None:
    """Frozen, without a __dict__; a pickle (for a process pool) and a copy are equal and work."""
    assert not hasattr(schedule, "__dict__")
    with pytest.raises(AttributeError):
        schedule.tz = UTC  # type: ignore[misc] # the point of the test
    for same in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert same == schedule
        assert hash(same) == hash(schedule)
        assert same.next(NOON) == schedule.next(NOON)
        assert str(same) == str(schedule)


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_ours_are_schedules(schedule: object) -> None:
    """All three have what the protocol asks for."""
    assert isinstance(schedule, Schedule)


@pytest.mark.parametrize(
    ("schedule", "shown", "represented"),
    [
        (parse("30 9 * * mon"), "0 30 9 * * MON", "Cron('0 30 9 * * MON')"),
        (parse("TZ=Asia/Tokyo @daily"), "TZ=Asia/Tokyo 0 0 0 * * *", "Cron('TZ=Asia/Tokyo 0 0 0 * * *')"),
        (parse("@daily", tz="Asia/Tokyo"), "TZ=Asia/Tokyo 0 0 0 * * *", "Cron('TZ=Asia/Tokyo 0 0 0 * * *')"),
        (parse("@daily", dst="every"), "0 0 0 * * *", "Cron('0 0 0 * * *', dst='every')"),
        (parse("@daily", tz="UTC+05:45"), "TZ=UTC+05:45 0 0 0 * * *", "Cron('TZ=UTC+05:45 0 0 0 * * *')"),
        (parse("@EVERY 90s"), "@every 1m30s", "Every('@every 1m30s')"),
        (parse("CRON_TZ=UTC @every 5s"), "TZ=UTC @every 5s", "Every('TZ=UTC @every 5s')"),
        (parse("@every 5s", tz="UTC"), "TZ=UTC @every 5s", "Every('TZ=UTC @every 5s')"),
        (Every(5, NOON), "@every 5s", "Every('@every 5s', start='2026-11-23T12:00:00+00:00')"),
        (Every(5).anchored(NOON), "@every 5s", "Every('@every 5s', anchored='2026-11-23T12:00:00+00:00')"),
        (Once(NOON), "@at 2026-11-23 12:00:00+00:00", "Once('2026-11-23T12:00:00+00:00')"),
    ],
)
def test_a_schedule_shows_its_canonical_spec(schedule: Schedule, shown: str, represented: str) -> None:
    """With the zone only where one was given, in the spec or by tz=."""
    assert str(schedule) == shown
    assert repr(schedule) == represented


class Spec(StrEnum):
    """Specs that a program keeps in an enum."""

    NIGHTLY = "0 3 * * *"


def test_a_subclass_of_str_is_a_spec() -> None:
    """Its text counts, not its repr."""
    assert str(parse(Spec.NIGHTLY)) == "0 0 3 * * *"


# Zones


def test_the_zone_of_a_spec_counts_before_tz() -> None:
    """``TZ=`` and ``CRON_TZ=`` are more specific than the default that a program passes."""
    for prefix in ("TZ", "CRON_TZ"):
        schedule = parse(f"{prefix}=Asia/Tokyo 0 9 * * *", tz="UTC")
        assert schedule.next(NOON) == utc("2026-11-24 00:00")
        assert schedule.tz == ZoneInfo("Asia/Tokyo")
        assert parse(f"{prefix}=Asia/Tokyo @every 5s", tz="UTC").tz == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize("after_zone", [UTC, NEW_YORK, timezone(timedelta(hours=9))])
@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "Asia/Tokyo", "America/New_York", "UTC-03:30"])
def test_an_instant_is_in_the_schedules_zone(name: str, after_zone: tzinfo) -> None:
    """Whatever the zone of ``after``."""
    tz = zone(name)
    for schedule in (
        parse("0 9 * * *", tz=name),
        parse("* * * * *", tz=name),
        Every(5, tz=name),
        Every(5, NOON, tz=name),
    ):
        due = schedule.next(NOON.astimezone(after_zone))
        assert due is not None
        assert due.tzinfo is schedule.tz
        assert schedule.tz == tz
        assert due > NOON


def test_without_a_zone_it_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up each time, so that a changed setting is not answered from the cache."""
    for name in ("Asia/Tokyo", "Europe/Oslo"):
        monkeypatch.setattr("tzlocal.get_localzone", lambda name=name: ZoneInfo(name))
        assert parse("@daily").tz == ZoneInfo(name)
        assert Every(5).tz == ZoneInfo(name)
        assert local_zone() == zone(None) == ZoneInfo(name)


def test_a_machine_without_a_known_zone_is_an_error_only_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TZ=Nowhere in the environment stops no schedule that names its zone."""
    monkeypatch.setattr("tzlocal.get_localzone", lambda: ZoneInfo("Not/Azone"))
    with pytest.raises(BadSpec, match="set one with tz="):
        parse("17 4 * * *")
    assert parse("TZ=UTC 17 4 * * *").next(NOON) == utc("2026-11-24 04:17")
    assert parse("17 4 * * *", tz="UTC").next(NOON) == utc("2026-11-24 04:17")
    assert Every(5, NOON).tz is UTC


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Amerca/New_York", "America/New_York"),
        ("utc", "UTC"),
        ("europe/oslo", "Europe/Oslo"),
        ("$$$", "write a name"),
    ],
)
def test_an_unknown_zone_is_refused_with_near_names(name: str, hint: str) -> None:
    """By tz= as in the spec."""
    with pytest.raises(BadSpec, match="unknown time zone") as caught:
        parse("@daily", tz=name)
    assert hint in caught.value.sentence


def test_a_zone_of_another_type_is_a_type_error() -> None:
    """A number is not an offset."""
    with pytest.raises(TypeError, match="a zone must be a name"):
        parse("@daily", tz=5)  # type: ignore[arg-type] # the point of the test


class PytzLike(tzinfo):
    """Has what a zone of pytz has."""

    zone = "Asia/Tokyo"

    def localize(self) -> None:
        """Only its presence counts."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        """Returns local mean time's, as pytz does."""
        return timedelta(hours=9, minutes=19)

    def dst(self, when: datetime | None) -> timedelta:
        """Returns nothing."""
        return timedelta(0)

    def tzname(self, when: datetime | None) -> str:
        """Returns local mean time's."""
        return "LMT"


def test_a_zone_of_pytz_is_exchanged_for_the_standard_one() -> None:
    """Put into a datetime directly, it would be local mean time."""
    assert zone(PytzLike()) == ZoneInfo("Asia/Tokyo")


def test_a_zone_of_dateutil_works_though_it_cannot_be_hashed() -> None:
    """The schedule can be a key all the same."""
    dateutil_zone = dateutil_tz.gettz("America/New_York")
    schedule = parse("30 2 * * *", tz=dateutil_zone)
    assert first(schedule, utc("2026-03-08 00:00"), 2) == ["2026-03-08 03:00:00", "2026-03-09 02:30:00"]
    assert len({schedule, parse("30 2 * * *", tz=dateutil_zone)}) == 1


@pytest.mark.parametrize("name", ["UTC", "Asia/Tokyo", "UTC+05:45", "UTC-03:30", "UTC+00:00:01"])
def test_a_zones_name_makes_the_zone_again(name: str) -> None:
    """Fixed offsets too; UTC is the standard library's own, which is faster than a ZoneInfo."""
    assert zone_name(zone(name)) == name
    assert zone("UTC") is UTC


def test_a_fixed_zone_is_named_by_its_offset_whatever_it_calls_itself() -> None:
    """So that the canonical spec reads back."""
    assert zone_name(timezone(timedelta(hours=2), "CEST")) == "UTC+02:00"
    assert zone_name(dateutil_tz.tzutc()) == "tzutc()"


class NoZone(tzinfo):
    """A class that was begun and not finished."""


@pytest.mark.parametrize(
    "tz",
    [[], 5, NoZone(), NoZone],  # type: ignore[abstract] # the point of the test
    ids=["list", "int", "zone", "class"],
)
def test_what_is_no_zone_is_a_type_error_even_where_the_spec_names_one(tz: Any) -> None:
    """At once, and not when the first fire is asked for."""
    for spec in ("@daily", "TZ=UTC @daily", "TZ=UTC @every 5s", "@every 5s"):
        with pytest.raises(TypeError, match="a zone"):
            parse(spec, tz=tz)


@pytest.mark.parametrize("offset", ["+00:60", "-24:00", "+1:00"])
def test_an_offset_that_no_clock_has_is_an_unknown_zone(offset: str) -> None:
    """Hours below 24 and minutes below 60, both in two digits."""
    with pytest.raises(BadSpec, match="unknown time zone"):
        parse("@daily", tz=f"UTC{offset}")


def test_west_of_utc_the_calendar_ends_some_hours_earlier() -> None:
    """What UTC cannot show is never due: nobody could compare it with anything."""
    schedule = parse("* * * * *", tz="America/New_York")
    almost = datetime(9999, 12, 31, 23, 58, 58, tzinfo=UTC)
    assert schedule.next(almost) == datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert schedule.next(almost + timedelta(minutes=1)) is None


@pytest.mark.parametrize("dst", [10**5000, None, [], True], ids=["int", "None", "list", "bool"])
def test_a_dst_rule_of_another_type_is_refused_by_its_type(dst: Any) -> None:
    """Whatever it is, and however long it would be in print."""
    with pytest.raises(BadSpec, match=f"'once' or 'every', not {type(dst).__name__}"):
        parse("@daily", tz="UTC", dst=dst)


def test_an_unknown_dst_rule_is_refused() -> None:
    """There are two."""
    for make in (parse, Cron):
        with pytest.raises(BadSpec, match="dst must be 'once' or 'every'"):
            make("@daily", dst="twice")  # type: ignore[arg-type] # the point of the test


# Every


def test_an_implied_start_is_not_an_instant_and_a_given_one_is() -> None:
    """The first run is one interval after the start of the program, or at start= where the caller gave it."""
    before = NOON - timedelta(hours=1)
    assert Every("5s").anchored(NOON).next(before) == NOON + 5 * SECOND
    assert Every("5s").anchored(NOON).next(NOON) == NOON + 5 * SECOND
    assert Every("5s", NOON).next(before) == NOON
    assert Every("5s", NOON).next(NOON) == NOON + 5 * SECOND


def test_anchoring_leaves_a_given_start_and_moves_an_implied_one() -> None:
    """A scheduler can call it for every schedule, and again when it starts again."""
    given_start = Every("5s", NOON)
    assert given_start.anchored(NOON + SECOND) is given_start
    again = Every("5s").anchored(NOON).anchored(NOON + SECOND)
    assert again == Every("5s").anchored(NOON + SECOND)


def test_without_a_start_it_is_one_interval_after() -> None:
    """There is no grid yet."""
    assert Every("5s").next(NOON) == NOON + 5 * SECOND
    assert Every("5s").ticks_between(NOON, NOON + 26 * SECOND, 100) == 5


@STEADY
@given(
    st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=2922)),
    st.timedeltas(min_value=timedelta(days=-3650), max_value=timedelta(days=36500)),
    st.booleans(),
)
def test_the_grid_never_drifts(interval: timedelta, distance: timedelta, given_start: bool) -> None:
    """From any moment, the next is the first later point of start + k * interval, to the microsecond."""
    schedule = Every(interval, NOON) if given_start else Every(interval, tz="UTC").anchored(NOON)
    after = NOON + distance
    due = schedule.next(after)
    assert due is not None
    steps, rest = divmod(due - NOON, interval)
    assert rest == timedelta(0)
    assert steps >= (0 if given_start else 1)
    assert due > after
    assert due - interval <= after or steps == (0 if given_start else 1)


def test_the_grid_takes_no_notice_of_dst() -> None:
    """An hour on the wall clock is repeated, the grid is not."""
    start = datetime(2026, 11, 1, 0, 30, tzinfo=NEW_YORK)
    schedule = Every("30m", start)
    expected = ["01:00 EDT", "01:30 EDT", "01:00 EST", "01:30 EST", "02:00 EST"]
    due, found = start, []
    for _ in expected:
        due = schedule.next(due) or start
        found.append(due.strftime("%H:%M %Z"))
    assert found == expected


def test_the_start_of_an_every_may_be_in_another_zone() -> None:
    """The zone of the instants is tz, else the start's."""
    start = datetime(2026, 11, 23, 12, tzinfo=NEW_YORK)
    assert Every(5, start).tz == NEW_YORK
    assert Every(5, start, tz="UTC").next(NOON) == start
    assert str(Every(5, start, tz="UTC").next(NOON)) == "2026-11-23 17:00:00+00:00"


# Once


def test_once_is_due_once() -> None:
    """Strictly before its instant it is the next; at it and later there is none."""
    schedule = Once(datetime(2026, 11, 23, 7, tzinfo=NEW_YORK))
    assert schedule.next(NOON - SECOND) == NOON
    assert schedule.next(NOON) is None
    assert schedule.tz == NEW_YORK


def test_once_in_the_second_pass_of_an_overlap_is_later_than_the_first() -> None:
    """Instants are compared, not wall clocks, which Python compares for two times of one zone."""
    wall = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)
    assert Once(wall.replace(fold=1)).next(wall) == wall.replace(fold=1)
    assert Once(wall).next(wall.replace(fold=1)) is None


# ticks_between


@pytest.mark.parametrize(
    "schedule",
    [
        *(Cron("*/20 * * * * *", tz="UTC"), Cron("0 30 1 * * *", tz="America/New_York", dst="every")),
        *(Every("7s", NOON), Every("7s").anchored(NOON), Once(NOON)),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", [0, 1, 3, 1000])
def test_ticks_are_counted_as_next_would_find_them(schedule: Cron | Every | Once, limit: int) -> None:
    """After the first moment, up to and including the second, and never more than the limit."""
    moments = [NOON + timedelta(seconds=seconds) for seconds in (-86400, -20, -1, 0, 1, 7, 20, 21, 28, 300)]
    for after, until in [
        *pairwise(moments),
        *((moments[1], later) for later in moments),
        (moments[5], moments[2]),
    ]:
        count, due = 0, schedule.next(after)
        while due is not None and due <= until and count < limit:
            count, due = count + 1, schedule.next(due)
        assert schedule.ticks_between(after, until, limit) == count


def test_ticks_of_an_overlap_are_counted_as_instants() -> None:
    """Both passes of 01:30 are before 02:00 of the same zone."""
    schedule = Cron("0 30 1 * * *", tz=NEW_YORK, dst="every")
    midnight = datetime(2026, 11, 1, tzinfo=NEW_YORK)
    assert schedule.ticks_between(midnight, datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK), 9) == 1
    assert schedule.ticks_between(midnight, datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=1), 9) == 2


def test_ticks_of_a_long_sleep_cost_no_more_than_the_limit() -> None:
    """Every divides: a thousand years of milliseconds are counted at once."""
    schedule = Every(0.001, NOON)
    assert schedule.ticks_between(NOON, NOON + timedelta(days=365_000), 10**20) == 365_000 * 86_400_000
    assert Cron("* * * * * *", tz="UTC").ticks_between(NOON, NOON + timedelta(days=3650), 1000) == 1000
