"""`Cron`, `Every` and `Once` as values, and the instants at which they are due."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz as dateutil_tz  # type: ignore[import-untyped] # it ships no type information
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Every, Once, Schedule
from jobtui.schedules.zones import zone

STEADY = settings(derandomize=True, deadline=None, max_examples=200, database=None)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
NEW_YORK = ZoneInfo("America/New_York")
SECOND = timedelta(seconds=1)
CALENDAR = (datetime.min, datetime.max)  # noqa: DTZ901 - tests put them into several zones


def utc(text: str) -> datetime:
    """Return a moment in UTC from its ISO text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(schedule: Schedule, after: datetime, count: int) -> list[str]:
    """Return the next ``count`` instants as wall times of the schedule's zone."""
    found = []
    for _ in range(count):
        due = schedule.next(after)
        assert due is not None
        found.append(due.strftime("%Y-%m-%d %H:%M:%S"))
        after = due
    return found


def test_the_midnight_specs_of_revels_manual_are_due_at_midnight() -> None:
    """``0 0 0 * * ?`` and ``@midnight``."""
    for spec in ("0 0 0 * * ?", "@midnight"):
        assert first(parse(spec, tz="UTC"), NOON, 2) == ["2026-11-24 00:00:00", "2026-11-25 00:00:00"]


def test_revels_spec_for_work_hours_is_due_every_15_minutes_on_weekdays() -> None:
    """``0 */15 9-17 ? * MON-FRI``: after Friday 17:45 comes Monday 09:00."""
    schedule = parse("0 */15 9-17 ? * MON-FRI", tz="UTC")
    friday = utc("2026-11-27 17:30")
    assert first(schedule, friday, 3) == ["2026-11-27 17:45:00", "2026-11-30 09:00:00", "2026-11-30 09:15:00"]


def test_every_24h_is_due_24_hours_after_its_start_across_a_transition() -> None:
    """The wall time changes by the hour of the transition."""
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
def test_the_next_tick_is_the_first_match_strictly_later(spec: str, after: str, due: str) -> None:
    """Across the ends of minutes, days, months and years. 2100 is not a leap year."""
    assert parse(spec, tz="UTC").next(utc(after)) == utc(due)


@pytest.mark.parametrize("spec", ["0 0 0 30 2 ?", "0 0 0 31 2,4,6,9,11 ?", "0 0 0 29 2 */8"])
@pytest.mark.parametrize("name", ["UTC", "America/New_York"])
def test_a_spec_without_a_match_within_8_years_is_never_due(spec: str, name: str) -> None:
    """30 February; and 29 February on a Sunday, if the next one is in 2032. The search ends."""
    after = utc("2016-01-02")
    assert parse(spec, tz=name).next(after) is None


def test_a_match_exactly_8_years_later_is_found() -> None:
    """29 February of 2032 is a Sunday. From the day before 2024-02-29 it is too far ahead."""
    schedule = parse("0 0 0 29 2 */8", tz="UTC")
    assert schedule.next(utc("2024-02-29")) == utc("2032-02-29")
    assert schedule.next(utc("2024-02-28 23:59:59")) is None


@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Asia/Tokyo", "UTC+14:00", "UTC-12:00"])
@pytest.mark.parametrize("spec", ["* * * * * *", "0 0 0 * * ?", "@every 8760h"])
def test_next_raises_nothing_at_the_ends_of_the_calendar(name: str, spec: str) -> None:
    """Beyond the year 9999 the result is None."""
    for after in (*CALENDAR, datetime(9999, 12, 31), datetime(1, 1, 1, 1)):  # noqa: DTZ001
        for tz in (UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)), NEW_YORK):
            due = parse(spec, tz=name).next(after.replace(tzinfo=tz))
            assert due is None or due.year in (1, 2, 9999)


@pytest.mark.parametrize("schedule", [Cron("* * * * *"), Every("5s"), Every("5s", NOON), Once(NOON)], ids=str)
def test_a_naive_moment_is_a_value_error(schedule: Cron | Every | Once) -> None:
    """It is not a BadSpec, since no spec is wrong."""
    for call in (schedule.next, lambda at: schedule.ticks_between(at, NOON, 5)):
        with pytest.raises(ValueError, match="has no zone") as caught:
            call(NOON.replace(tzinfo=None))
        assert not isinstance(caught.value, BadSpec)
    with pytest.raises(ValueError, match="has no zone"):
        schedule.ticks_between(NOON - SECOND, NOON.replace(tzinfo=None), 5)
    with pytest.raises(TypeError, match="aware datetime"):
        schedule.next(5)  # type: ignore[arg-type] # the point of the test


def test_a_naive_start_or_instant_is_a_value_error() -> None:
    """The start of Every, its anchor, and the instant of Once."""
    naive = NOON.replace(tzinfo=None)
    for call in (lambda: Every(5, naive), lambda: Every(5).anchored(naive), lambda: Once(naive)):
        with pytest.raises(ValueError, match="has no zone"):
            call()


def test_schedules_of_equal_meaning_are_equal_and_have_equal_hashes() -> None:
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
def test_a_schedule_is_immutable_and_its_copies_are_equal(schedule: Schedule) -> None:
    """Copies by pickle (for a process pool) and by deepcopy."""
    assert not hasattr(schedule, "__dict__")
    with pytest.raises(AttributeError):
        schedule.tz = UTC  # type: ignore[misc] # the point of the test
    for same in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert same == schedule
        assert hash(same) == hash(schedule)
        assert same.next(NOON) == schedule.next(NOON)
        assert str(same) == str(schedule)


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_cron_every_and_once_implement_the_protocol_schedule(schedule: object) -> None:
    """Checked at run time."""
    assert isinstance(schedule, Schedule)


@pytest.mark.parametrize(
    ("schedule", "text", "representation"),
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
def test_the_str_of_a_schedule_is_its_canonical_spec(
    schedule: Schedule, text: str, representation: str
) -> None:
    """With the zone only if one was given, in the spec or with tz=."""
    assert str(schedule) == text
    assert repr(schedule) == representation


@pytest.mark.parametrize("after_zone", [UTC, NEW_YORK, timezone(timedelta(hours=9))])
@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "Asia/Tokyo", "America/New_York", "UTC-03:30"])
def test_next_returns_an_instant_in_the_schedules_zone(name: str, after_zone: tzinfo) -> None:
    """The zone of ``after`` makes no difference."""
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


def test_a_schedule_in_a_zone_of_dateutil_can_be_hashed() -> None:
    """The zone itself cannot."""
    dateutil_zone = dateutil_tz.gettz("America/New_York")
    schedule = parse("30 2 * * *", tz=dateutil_zone)
    assert first(schedule, utc("2026-03-08 00:00"), 2) == ["2026-03-08 03:00:00", "2026-03-09 02:30:00"]
    assert len({schedule, parse("30 2 * * *", tz=dateutil_zone)}) == 1


def test_a_schedule_west_of_utc_is_not_due_beyond_the_calendar_of_utc() -> None:
    """Such an instant could not be compared with others."""
    schedule = parse("* * * * *", tz="America/New_York")
    almost = datetime(9999, 12, 31, 23, 58, 58, tzinfo=UTC)
    assert schedule.next(almost) == datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert schedule.next(almost + timedelta(minutes=1)) is None


def test_a_given_start_is_due_and_an_implied_one_is_not() -> None:
    """The first run is one interval after the start of the program, or at start= if that is given."""
    before = NOON - timedelta(hours=1)
    assert Every("5s").anchored(NOON).next(before) == NOON + 5 * SECOND
    assert Every("5s").anchored(NOON).next(NOON) == NOON + 5 * SECOND
    assert Every("5s", NOON).next(before) == NOON
    assert Every("5s", NOON).next(NOON) == NOON + 5 * SECOND


def test_anchored_keeps_a_given_start_and_replaces_an_implied_one() -> None:
    """A scheduler can call it for every schedule, at every start."""
    given_start = Every("5s", NOON)
    assert given_start.anchored(NOON + SECOND) is given_start
    again = Every("5s").anchored(NOON).anchored(NOON + SECOND)
    assert again == Every("5s").anchored(NOON + SECOND)


def test_an_interval_without_a_start_is_due_one_interval_later() -> None:
    """It has no grid yet."""
    assert Every("5s").next(NOON) == NOON + 5 * SECOND
    assert Every("5s").ticks_between(NOON, NOON + 26 * SECOND, 100) == 5


@STEADY
@given(
    st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=2922)),
    st.timedeltas(min_value=timedelta(days=-3650), max_value=timedelta(days=36500)),
    st.booleans(),
)
def test_the_ticks_of_an_interval_are_on_its_grid(
    interval: timedelta, distance: timedelta, given_start: bool
) -> None:
    """To the microsecond: the first later point of start + k * interval."""
    schedule = Every(interval, NOON) if given_start else Every(interval, tz="UTC").anchored(NOON)
    after = NOON + distance
    due = schedule.next(after)
    assert due is not None
    steps, rest = divmod(due - NOON, interval)
    assert rest == timedelta(0)
    assert steps >= (0 if given_start else 1)
    assert due > after
    assert due - interval <= after or steps == (0 if given_start else 1)


def test_the_grid_of_an_interval_ignores_transitions() -> None:
    """An hour of the wall clock is repeated; the grid is not."""
    start = datetime(2026, 11, 1, 0, 30, tzinfo=NEW_YORK)
    schedule = Every("30m", start)
    expected = ["01:00 EDT", "01:30 EDT", "01:00 EST", "01:30 EST", "02:00 EST"]
    due, found = start, []
    for _ in expected:
        due = schedule.next(due) or start
        found.append(due.strftime("%H:%M %Z"))
    assert found == expected


def test_the_zone_of_an_interval_is_tz_or_else_that_of_its_start() -> None:
    """The start may be in another zone than the instants."""
    start = datetime(2026, 11, 23, 12, tzinfo=NEW_YORK)
    assert Every(5, start).tz == NEW_YORK
    assert Every(5, start, tz="UTC").next(NOON) == start
    assert str(Every(5, start, tz="UTC").next(NOON)) == "2026-11-23 17:00:00+00:00"


def test_once_is_due_at_its_instant_alone() -> None:
    """Strictly before the instant it is next; from the instant on there is none."""
    schedule = Once(datetime(2026, 11, 23, 7, tzinfo=NEW_YORK))
    assert schedule.next(NOON - SECOND) == NOON
    assert schedule.next(NOON) is None
    assert schedule.tz == NEW_YORK


def test_once_in_the_second_fold_is_later_than_the_first_fold() -> None:
    """Instants are compared; Python compares two times of one zone by their wall clocks."""
    wall = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)
    assert Once(wall.replace(fold=1)).next(wall) == wall.replace(fold=1)
    assert Once(wall).next(wall.replace(fold=1)) is None


@pytest.mark.parametrize(
    "schedule",
    [
        *(Cron("*/20 * * * * *", tz="UTC"), Cron("0 30 1 * * *", tz="America/New_York", dst="every")),
        *(Every("7s", NOON), Every("7s").anchored(NOON), Once(NOON)),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", [0, 1, 3, 1000])
def test_ticks_between_counts_the_ticks_that_next_finds(schedule: Cron | Every | Once, limit: int) -> None:
    """In ``after < t <= until``, at most the limit."""
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


def test_ticks_between_counts_both_folds_of_an_overlap() -> None:
    """01:30 is due twice before 02:00 of the same zone."""
    schedule = Cron("0 30 1 * * *", tz=NEW_YORK, dst="every")
    midnight = datetime(2026, 11, 1, tzinfo=NEW_YORK)
    assert schedule.ticks_between(midnight, datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK), 9) == 1
    assert schedule.ticks_between(midnight, datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=1), 9) == 2


def test_ticks_between_takes_no_longer_for_a_long_time() -> None:
    """Every divides: a thousand years of milliseconds are counted at once. Cron stops at the limit."""
    schedule = Every(0.001, NOON)
    assert schedule.ticks_between(NOON, NOON + timedelta(days=365_000), 10**20) == 365_000 * 86_400_000
    assert Cron("* * * * * *", tz="UTC").ticks_between(NOON, NOON + timedelta(days=3650), 1000) == 1000
