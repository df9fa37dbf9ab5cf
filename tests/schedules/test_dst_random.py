"""Random cron schedules near changes of the clock, against a walk that asks the zone and nothing of ours."""

import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from jobtui.schedules.schedule import Cron, Dst

NEAR = timedelta(hours=36)
BEFORE, BEHIND = timedelta(hours=40), timedelta(hours=84)  # how far the walk goes around a change
LONG_GAP = timedelta(hours=3)
SPECS_EACH = 36
STARTS_EACH = 4

# The zone, the change in UTC, and the step of the walk in seconds: it divides all offsets.
CHANGES = [
    ("America/New_York", "2026-03-08 07:00", 60),  # 02:00 becomes 03:00
    ("America/New_York", "2026-11-01 06:00", 60),  # 02:00 becomes 01:00
    ("Europe/London", "2026-03-29 01:00", 60),  # 01:00 becomes 02:00
    ("Europe/London", "2026-10-25 01:00", 60),  # 02:00 becomes 01:00
    ("America/Sao_Paulo", "2018-11-04 03:00", 60),  # midnight becomes 01:00
    ("America/Sao_Paulo", "2018-02-18 02:00", 60),  # midnight becomes 23:00 of the day before
    ("Australia/Lord_Howe", "2026-10-03 15:30", 60),  # 02:00 becomes 02:30
    ("Australia/Lord_Howe", "2026-04-04 15:00", 60),  # 02:00 becomes 01:30
    ("Asia/Kathmandu", "1985-12-31 18:30", 60),  # midnight becomes 00:15, on 1 January
    ("Pacific/Apia", "2011-12-30 10:00", 60),  # 30 December is skipped
    ("Pacific/Kwajalein", "1993-08-21 12:00", 60),  # 21 August is skipped
    ("Africa/Casablanca", "2026-02-15 02:00", 60),  # 03:00 becomes 02:00
    ("Africa/Casablanca", "2026-03-22 02:00", 60),  # 02:00 becomes 03:00
    ("Antarctica/Troll", "2026-03-29 01:00", 60),  # 01:00 becomes 03:00
    ("Antarctica/Troll", "2026-10-25 01:00", 60),  # 03:00 becomes 01:00
    ("America/Caracas", "2007-12-09 07:00", 60),  # 03:00 becomes 02:30
    ("America/Caracas", "2016-05-01 07:00", 60),  # 02:30 becomes 03:00
    ("Asia/Pyongyang", "2015-08-14 15:00", 60),  # midnight becomes 23:30 of the day before
    ("Asia/Pyongyang", "2018-05-04 15:00", 60),  # 23:30 becomes midnight
    ("Africa/Monrovia", "1972-01-07 00:44:30", 30),  # midnight becomes 00:44:30
    ("Antarctica/Macquarie", "2009-10-03 16:00", 60),  # 02:00 becomes 03:00
    ("Europe/Dublin", "2026-10-25 01:00", 60),  # 02:00 becomes 01:00, with a saving below zero in winter
    ("Antarctica/Casey", "2010-03-04 15:00", 60),  # 02:00 becomes 23:00 of the day before: 3 hours twice
    ("Antarctica/Casey", "2009-10-17 18:00", 60),  # 02:00 becomes 05:00: a gap of exactly 3 hours
]
NAMES = [f"{name} {change}" for name, change, _ in CHANGES]


class Step(NamedTuple):
    """A few seconds of the walk: when they begin, what the clock shows, and how often it shows that."""

    instant: datetime
    wall: datetime
    again: bool  # whether the clock has shown it before
    twice: bool


class Gap(NamedTuple):
    """What the clock jumps over: where it lands, how far it jumps, and the beginnings of the steps."""

    instant: datetime
    length: timedelta
    skipped: list[datetime]


class Walk(NamedTuple):
    """A walk around a change of the clock."""

    zone: ZoneInfo
    change: datetime
    step: timedelta
    hours: dict[datetime, list[Step]]  # by the hour of the wall clock, to be quick
    gaps: list[Gap]
    end: datetime

    def shown_twice(self, wall: datetime) -> bool:
        """Says whether the clock shows that time at two instants."""
        hour = wall.replace(minute=0, second=0)
        return any(
            step.twice and step.wall <= wall < step.wall + self.step for step in self.hours.get(hour, [])
        )


@lru_cache(maxsize=1)
def walk_around(name: str, change: str, seconds: int) -> Walk:
    """Walks from before a change to behind it, and writes down what the clock of the zone shows."""
    zone, at, step = ZoneInfo(name), datetime.fromisoformat(change).replace(tzinfo=UTC), timedelta(0, seconds)
    begin = at - BEFORE
    walls = []
    for number in range((BEFORE + BEHIND) // step):
        instant = begin + number * step
        walls.append((instant, instant.astimezone(zone).replace(tzinfo=None, fold=0)))
    count: dict[datetime, int] = {}
    for _instant, wall in walls:
        count[wall] = count.get(wall, 0) + 1
    hours: dict[datetime, list[Step]] = {}
    gaps, seen, latest = [], set[datetime](), walls[0][1]
    for instant, wall in walls:
        if wall - latest > step:
            skipped = [latest + number * step for number in range(1, (wall - latest) // step)]
            gaps.append(Gap(instant, len(skipped) * step, skipped))
        hour = wall.replace(minute=0, second=0)
        hours.setdefault(hour, []).append(Step(instant, wall, wall in seen, count[wall] == 2))
        seen.add(wall)
        latest = max(latest, wall)
    assert any(gap.instant == at for gap in gaps) or any(
        step.again and step.instant == at for steps in hours.values() for step in steps
    ), "the list has the right instant"
    return Walk(zone, at, step, hours, gaps, walls[-1][0])


def day_matches(schedule: Cron, wall: datetime) -> bool:
    """Says whether a spec names that day, by the numbers of its fields."""
    fields = schedule.fields
    check = all if fields.both_days else any
    days = [wall.day in fields.days, wall.isoweekday() % 7 in fields.weekdays]
    return wall.month in fields.months and check(days)


def named_in(schedule: Cron, wall: datetime, step: timedelta) -> Iterator[timedelta]:
    """Yields which seconds from ``wall`` on, within a step, the spec names."""
    fields = schedule.fields
    if wall.minute in fields.minutes and wall.hour in fields.hours and day_matches(schedule, wall):
        for second in fields.seconds:
            if wall.second <= second < wall.second + step.seconds:
                yield timedelta(seconds=second - wall.second)


def is_named(schedule: Cron, wall: datetime) -> bool:
    """Says whether the spec names that wall time."""
    return timedelta(0) in named_in(schedule, wall, timedelta(seconds=1))


def by_the_hands(schedule: Cron, spec: str) -> bool:
    """Says whether a schedule is due at every match, from how it is written: six fields or five."""
    minute, hour = spec.split()[-5:-3]
    return schedule.dst == "every" or minute[0] == "*" or hour[0] == "*"


def walked(schedule: Cron, spec: str, walk: Walk) -> list[datetime]:
    """Returns all instants of the walk at which a spec is due, from the rules as they are told."""
    hands = by_the_hands(schedule, spec)
    due: set[datetime] = set()
    for hour, steps in walk.hours.items():
        if hour.hour not in schedule.fields.hours or not day_matches(schedule, hour):
            continue
        for step in steps:
            if hands or not step.again:
                due.update(step.instant + offset for offset in named_in(schedule, step.wall, walk.step))
    for gap in walk.gaps:
        if not hands and gap.length < LONG_GAP and skipped_by(schedule, walk, gap):
            due.add(gap.instant)
    return sorted(due)


def skipped_by(schedule: Cron, walk: Walk, gap: Gap) -> list[datetime]:
    """Returns the wall times of a gap that a spec names."""
    return [wall + offset for wall in gap.skipped for offset in named_in(schedule, wall, walk.step)]


def random_spec(rng: random.Random, walk: Walk) -> str:
    """Draws a spec that has to do with the hours, and often with the day, of a change."""
    near = walk.change.astimezone(walk.zone) - rng.choice([0, 0, 0, 1, 12, 24, 36]) * timedelta(hours=1)

    def hour(low: int = -3, high: int = 3) -> int:
        return (near.hour + rng.randint(low, high)) % 24

    def ascending(one: int, other: int) -> str:
        return f"{min(one, other)}-{max(one, other)}"

    def minute() -> int:
        return rng.choice([0, 0, 15, 30, 30, 44, 59, rng.randrange(60)])

    minutes = rng.choice(
        [
            *[str(minute())] * 4,
            f"{minute()},{minute()}",
            ascending(minute(), minute()),
            f"{minute()}/{rng.randint(1, 40)}",
            "0-59",
            "*",
            f"*/{rng.choice([5, 15, 20, 30, 90])}",
            f"{ascending(minute(), minute())}/{rng.randint(1, 9)}",
        ]
    )
    hours = rng.choice(
        [
            *[str(hour(-1, 1))] * 3,
            f"{hour()},{hour()},{hour()}",
            ascending(hour(), hour()),
            "0-23",
            "*",
            f"*/{rng.randint(1, 12)}",
            f"{hour()}/{rng.randint(1, 6)}",
            f"{ascending(hour(), rng.randrange(24))}/{rng.randint(1, 4)}",
        ]
    )
    day, weekday, other = near.day, near.isoweekday() % 7, rng.randint(1, 28)
    days = rng.choice([*["*"] * 6, "?", str(day), f"{day},{other}", ascending(day, other), "*/2", "1-31"])
    months = rng.choice([*["*"] * 5, str(near.month), f"1,{near.month}", f"{near.month}-12", "*/2"])
    weekdays = rng.choice(
        [*["*"] * 6, "?", str(weekday), f"{weekday},0", ascending(weekday, 3), "SAT,SUN", "*/3"]
    )
    seconds = rng.choice(["", "", "", "0", "30", "59", "*", "*/20", "5,50", "10-40/10", "29,30"])
    return f"{seconds} {minutes} {hours} {days} {months} {weekdays}".strip()


def random_start(rng: random.Random, walk: Walk) -> datetime:
    """Draws a moment within 36 hours of a change: in UTC, in the zone, or any fold of a wall time in it."""
    within = rng.choice([NEAR, NEAR, timedelta(hours=4), timedelta(hours=1)]) - timedelta(seconds=1)
    most = within // timedelta(seconds=1)
    moment = walk.change + timedelta(seconds=rng.randint(-most, most))
    moment += timedelta(microseconds=rng.choice([0, 0, 1, 999_999, rng.randrange(1_000_000)]))
    if rng.randrange(4) == 0:
        moment = moment.replace(second=0, microsecond=0)
    form = rng.randrange(4)
    if form == 0:
        return moment
    if form == 1:
        return moment.astimezone(walk.zone)
    if form == 2 and walk.gaps:  # a time that the clock never shows
        wall = rng.choice(walk.gaps[0].skipped) + timedelta(seconds=rng.randrange(walk.step.seconds))
        return wall.replace(tzinfo=walk.zone, fold=rng.randrange(2))
    return moment.astimezone(walk.zone).replace(fold=rng.randrange(2))


def expected_after(due: list[datetime], instant: datetime) -> datetime | None:
    """Returns the first of ascending instants that is strictly later."""
    index = bisect_right(due, instant)
    return due[index] if index < len(due) else None


@pytest.mark.parametrize("dst", ["once", "every"])
@pytest.mark.parametrize(("name", "change", "step"), CHANGES, ids=NAMES)
def test_random_schedules_near_a_change_are_due_as_in_the_walk(
    name: str, change: str, step: int, dst: Dst
) -> None:
    """From any moment within 36 hours of it, given in any way, the next three fires are those of the walk."""
    walk = walk_around(name, change, step)
    rng = random.Random(f"{name} {change} {dst}")
    found = pairs = 0
    for _ in range(SPECS_EACH):
        spec = random_spec(rng, walk)
        schedule = Cron(spec, tz=walk.zone, dst=dst)
        due = walked(schedule, spec, walk)
        for _ in range(STARTS_EACH):
            start = after = random_start(rng, walk)
            assert abs(start.astimezone(UTC) - walk.change) <= NEAR
            for _ in range(3):
                expected = expected_after(due, after.astimezone(UTC))
                answer = schedule.next(after)
                if expected is None:
                    assert answer is None or answer.astimezone(UTC) > walk.end, (spec, start, answer)
                    break
                assert answer is not None, (spec, start)
                assert answer.astimezone(UTC) == expected, (spec, start, after, answer)
                assert answer.tzinfo is walk.zone
                assert answer.astimezone(UTC).astimezone(walk.zone).fold == answer.fold, (spec, start)
                after, found = answer, found + 1
            pairs += 1
    assert pairs == SPECS_EACH * STARTS_EACH
    assert found > pairs  # most have fires to compare


def test_the_pairs_of_specs_and_starts_are_more_than_two_thousand_for_each_rule() -> None:
    """What the test above asks, in numbers: 3,456 pairs, none left out."""
    assert len(CHANGES) * SPECS_EACH * STARTS_EACH == 3456


def test_the_random_specs_are_of_all_kinds() -> None:
    """Fixed times, hands of the clock, seconds, both days restricted: each is a fair share."""
    walk = walk_around(*CHANGES[0])
    rng = random.Random(1)
    specs = [random_spec(rng, walk) for _ in range(1000)]
    schedules = [Cron(spec, tz="UTC") for spec in specs]
    hands = sum(by_the_hands(*pair) for pair in zip(schedules, specs, strict=True))
    assert 150 < hands < 500
    assert sum(schedule.fields.seconds != (0,) for schedule in schedules) > 300
    assert sum(not schedule.fields.both_days for schedule in schedules) > 40
    assert sum(len(schedule.fields.months) < 12 for schedule in schedules) > 200
