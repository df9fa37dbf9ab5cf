"""The ticks of cron schedules around transitions, compared with a walk through every minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from jobtui.schedules.schedule import Cron

MINUTE = timedelta(minutes=1)

# The zone, the UTC day before the transition, and what the clock does.
TRANSITIONS = [
    ("America/New_York", "2026-03-07", "02:00 becomes 03:00"),
    ("America/New_York", "2026-10-31", "02:00 becomes 01:00"),
    ("Europe/London", "2026-03-28", "01:00 becomes 02:00"),
    ("Europe/London", "2026-10-24", "02:00 becomes 01:00"),
    ("America/Sao_Paulo", "2018-11-03", "midnight becomes 01:00"),
    ("America/Sao_Paulo", "2018-02-16", "midnight becomes 23:00 of the day before"),
    ("Australia/Lord_Howe", "2026-10-02", "02:00 becomes 02:30"),
    ("Australia/Lord_Howe", "2026-04-03", "02:00 becomes 01:30"),
    ("Asia/Kathmandu", "1985-12-30", "midnight becomes 00:15"),
    ("Pacific/Apia", "2011-12-28", "30 December is skipped"),
    ("Africa/Casablanca", "2026-02-14", "03:00 becomes 02:00"),
    ("Africa/Casablanca", "2026-03-21", "02:00 becomes 03:00"),
    ("Antarctica/Troll", "2026-03-28", "01:00 becomes 03:00"),
    ("Antarctica/Troll", "2026-10-24", "03:00 becomes 01:00"),
]

SPECS = [
    "* * * * *",
    "*/15 * * * *",
    "*/20 1-3 * * *",
    "30 * * * *",
    "30 2 * * *",
    "0 0 * * *",
    "30 0,1,2 * * *",
    "5,10,50 0-3,23 * * *",
    "0 2,3 * * *",
    "0 12 30 * *",
    "0-59 0-23 * * *",
    "15 1,2 * * SAT,SUN",
]


@lru_cache(maxsize=2)
def minutes_of(name: str, day: str) -> list[tuple[datetime, datetime]]:
    """Return every minute of four days: the instant, and the wall time."""
    tz = ZoneInfo(name)
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    walk = (start + number * MINUTE for number in range(4 * 24 * 60))
    return [(instant, instant.astimezone(tz).replace(tzinfo=None, fold=0)) for instant in walk]


def matches(schedule: Cron, wall: datetime) -> bool:
    """Return whether a spec matches a wall time."""
    fields = schedule.fields
    check = all if fields.both_days else any
    return (
        wall.second in fields.seconds
        and wall.minute in fields.minutes
        and wall.hour in fields.hours
        and wall.month in fields.months
        and check([wall.day in fields.days, wall.isoweekday() % 7 in fields.weekdays])
    )


def expected_ticks(schedule: Cron, minutes: list[tuple[datetime, datetime]], *, once: bool) -> list[datetime]:
    """Return the ticks after the first minute, by the DST rule and a walk through the minutes."""
    if not once:
        return [instant for instant, wall in minutes[1:] if matches(schedule, wall)]
    due = set()
    seen = {minutes[0][1]}
    latest = minutes[0][1]
    for instant, wall in minutes[1:]:
        jump = wall - latest
        if MINUTE < jump < timedelta(hours=3) + MINUTE:
            skipped = (latest + number * MINUTE for number in range(1, jump // MINUTE))
            if any(matches(schedule, missing) for missing in skipped):
                due.add(instant)
        if wall not in seen and matches(schedule, wall):
            due.add(instant)
        seen.add(wall)
        latest = max(latest, wall)
    return sorted(due)


def found_ticks(schedule: Cron, after: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the results of ``next``, in UTC."""
    due = schedule.next(after)
    while due is not None and due.astimezone(UTC) <= end:
        yield due.astimezone(UTC)
        due = schedule.next(due)


@pytest.mark.parametrize("dst", ["once", "every"])
@pytest.mark.parametrize(
    ("name", "day"), [row[:2] for row in TRANSITIONS], ids=[f"{name} {day}" for name, day, _ in TRANSITIONS]
)
def test_ticks_around_a_transition_equal_those_of_a_search_minute_by_minute(
    name: str, day: str, dst: Literal["once", "every"]
) -> None:
    """With a star or ``dst="every"``, a spec is due at every match; otherwise once for each wall time."""
    minutes = minutes_of(name, day)
    start, end = minutes[0][0], minutes[-1][0]
    assert any(later[1] - earlier[1] != MINUTE for earlier, later in pairwise(minutes))
    for spec in SPECS:
        schedule = Cron(spec, tz=name, dst=dst)
        star = spec.startswith("*") or spec.split()[1].startswith("*")
        expected = expected_ticks(schedule, minutes, once=dst == "once" and not star)
        assert list(found_ticks(schedule, start, end)) == expected, spec
        # From every 17th minute, between two minutes: from each minute of the hour.
        ahead = expected[:]
        for instant, _wall in minutes[::17]:
            after = instant + timedelta(seconds=29.5)
            while ahead and ahead[0] <= after:
                del ahead[0]
            due = schedule.next(after)
            assert due is not None
            assert not ahead or due.astimezone(UTC) == ahead[0], (spec, after)
            assert due.astimezone(UTC).astimezone(schedule.tz).fold == due.fold


def due_times(
    spec: str, tz: tzinfo | str, after: datetime, count: int, dst: Literal["once", "every"]
) -> list[str]:
    """Return the next ``count`` ticks as wall times with the zone's abbreviation."""
    schedule = Cron(spec, tz=tz, dst=dst)
    found = []
    for _ in range(count):
        due = schedule.next(after)
        assert due is not None
        found.append(due.strftime("%m-%d %H:%M:%S %Z"))
        after = due
    return found


NEW_YORK = ZoneInfo("America/New_York")
SPRING = datetime(2026, 3, 8, tzinfo=NEW_YORK)
AUTUMN = datetime(2026, 11, 1, tzinfo=NEW_YORK)


def test_a_fixed_time_in_a_gap_is_due_at_the_end_of_the_gap() -> None:
    """A nightly job at 02:30 also runs on the day the clocks go forward, unless dst="every"."""
    assert due_times("30 2 * * *", NEW_YORK, SPRING, 2, "once") == [
        "03-08 03:00:00 EDT",
        "03-09 02:30:00 EDT",
    ]
    assert due_times("30 2 * * *", NEW_YORK, SPRING, 1, "every") == ["03-09 02:30:00 EDT"]


def test_several_times_in_a_gap_are_one_tick() -> None:
    """Every second of 02:30, or 02:00 to 02:40 with 03:00 itself, are one tick at 03:00."""
    assert due_times("* 30 2 * * *", NEW_YORK, SPRING, 2, "once") == [
        "03-08 03:00:00 EDT",
        "03-09 02:30:00 EDT",
    ]
    assert due_times("0 0,20,40 2,3 * * *", NEW_YORK, SPRING, 2, "once") == [
        "03-08 03:00:00 EDT",
        "03-08 03:20:00 EDT",
    ]


def test_a_fixed_time_in_an_overlap_is_due_in_the_first_fold() -> None:
    """A nightly job at 01:30 does not run twice on that day, unless dst="every"."""
    assert due_times("30 1 * * *", NEW_YORK, AUTUMN, 2, "once") == [
        "11-01 01:30:00 EDT",
        "11-02 01:30:00 EST",
    ]
    assert due_times("30 1 * * *", NEW_YORK, AUTUMN, 2, "every") == [
        "11-01 01:30:00 EDT",
        "11-01 01:30:00 EST",
    ]


def test_a_spec_with_a_star_in_the_minute_or_the_hour_is_due_in_both_folds() -> None:
    """``30 * * * *`` is due every hour: 25 times in a day of 25 hours."""
    assert due_times("30 * * * *", NEW_YORK, AUTUMN, 4, "once")[1:] == [
        "11-01 01:30:00 EDT",
        "11-01 01:30:00 EST",
        "11-01 02:30:00 EST",
    ]


def test_a_spec_with_a_star_only_in_the_second_is_due_in_the_first_fold() -> None:
    """Only the minute and the hour decide, as in Debian's cron, which has no seconds."""
    second_fold = AUTUMN.replace(hour=1, minute=29, second=59, fold=1)
    assert due_times("* 30 1 * * *", NEW_YORK, second_fold, 1, "once") == ["11-02 01:30:00 EST"]


def test_fixed_times_on_a_skipped_day_are_not_due() -> None:
    """Samoa had no 30 December 2011. Its times are not due on the 31st either."""
    apia = ZoneInfo("Pacific/Apia")
    before = datetime(2011, 12, 29, 13, tzinfo=apia)
    assert due_times("0 12 * * *", apia, before, 1, "once") == ["12-31 12:00:00 +14"]
    assert due_times("0 12 30 12 *", apia, before, 1, "once") == ["12-30 12:00:00 +14"]
    due = Cron("0 12 30 12 *", tz=apia).next(before)
    assert due is not None
    assert due.year == 2012


def test_next_after_a_wall_time_in_a_gap_is_later_than_its_instant() -> None:
    """In Python, 02:45 in this gap is the instant of 03:45."""
    missing = SPRING.replace(hour=2, minute=45)
    assert due_times("50 2 * * *", NEW_YORK, missing, 1, "once") == ["03-09 02:50:00 EDT"]
    assert due_times("50 * * * *", NEW_YORK, missing, 1, "once") == ["03-08 03:50:00 EDT"]


def test_next_after_a_second_fold_is_in_the_first_fold_of_a_later_overlap() -> None:
    """The yearly time is in the overlap of 2026 and again in that of 2037, where it is due twice."""
    schedule = Cron("0 30 1 1 11 ?", tz=NEW_YORK, dst="every")
    after = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=1)
    found = []
    for _ in range(12):
        after = schedule.next(after) or after
        found.append((after.year, after.fold))
    assert found == [*((year, 0) for year in range(2027, 2038)), (2037, 1)]


def test_midnight_in_a_gap_is_due_at_the_end_of_the_gap() -> None:
    """Revel's scheduler loses a month there. The day begins at 01:00."""
    sao_paulo = ZoneInfo("America/Sao_Paulo")
    before = datetime(2018, 11, 3, 12, tzinfo=sao_paulo)
    assert due_times("@midnight", sao_paulo, before, 2, "once") == [
        "11-04 01:00:00 -02",
        "11-05 00:00:00 -02",
    ]
    assert due_times("0 0 0 4 11 ?", sao_paulo, before, 1, "once") == ["11-04 01:00:00 -02"]


def test_a_fixed_time_in_an_overlap_of_a_day_is_due_in_the_first_fold() -> None:
    """Juneau repeated a day when Alaska was sold in 1867, with offsets of odd seconds."""
    juneau = ZoneInfo("America/Juneau")
    schedule = Cron("0 0 12 * * *", tz=juneau)
    after, found = datetime(1867, 10, 17, 0, tzinfo=UTC), []
    for _ in range(4):
        after = schedule.next(after) or after
        found.append(f"{after:%m-%d %H:%M:%S} {after.astimezone(UTC):%m-%d %H:%M:%S}")
        assert after.astimezone(UTC).astimezone(juneau).fold == after.fold
    # The wall time, then UTC. The 19th had a second 12:00, a day after the first; it is not a tick.
    assert found == [
        "10-18 12:00:00 10-17 20:57:41",
        "10-19 12:00:00 10-18 20:57:41",
        "10-20 12:00:00 10-20 20:57:41",
        "10-21 12:00:00 10-21 20:57:41",
    ]
