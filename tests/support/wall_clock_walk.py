"""The expected ticks of a cron schedule near a transition, from a walk that does not use jobtui's search.

The walk only asks the zone what its clock shows at each step, and applies the DST rules as the documentation
states them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from jobtui.schedules.schedule import Cron

WALK_BEFORE, WALK_AFTER = timedelta(hours=40), timedelta(hours=84)  # the extent of a walk around a transition
LONG_GAP = timedelta(hours=3)

# The zone, the transition in UTC, and the step of the walk in seconds: it divides all offsets.
TRANSITIONS = [
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
TRANSITION_IDS = [f"{name} {transition}" for name, transition, _ in TRANSITIONS]


class WalkStep(NamedTuple):
    """A step of the walk: an interval of seconds, and what the clock shows at its beginning."""

    instant: datetime
    wall: datetime
    is_second_fold: bool


class WalkGap(NamedTuple):
    """A gap: the first instant after it, its length, and its wall times at the steps of the walk."""

    instant: datetime
    length: timedelta
    walls: list[datetime]


class Walk(NamedTuple):
    """A walk around a transition, with its steps by the hour of the wall clock."""

    zone: ZoneInfo
    transition: datetime
    step: timedelta
    steps_by_hour: dict[datetime, list[WalkStep]]
    gaps: list[WalkGap]
    ambiguous_walls: set[datetime]
    end: datetime

    def is_ambiguous(self, wall: datetime) -> bool:
        """Return whether the clock shows that time at two instants."""
        return wall.replace(second=wall.second - wall.second % self.step.seconds) in self.ambiguous_walls


@lru_cache(maxsize=1)
def walk_around(name: str, transition: str, seconds: int) -> Walk:
    """Return the walk around a transition of a zone."""
    zone, step = ZoneInfo(name), timedelta(seconds=seconds)
    at = datetime.fromisoformat(transition).replace(tzinfo=UTC)
    begin = at - WALK_BEFORE
    walls = []
    for number in range((WALK_BEFORE + WALK_AFTER) // step):
        instant = begin + number * step
        walls.append((instant, instant.astimezone(zone).replace(tzinfo=None, fold=0)))
    steps_by_hour: dict[datetime, list[WalkStep]] = {}
    gaps, seen, latest = [], set[datetime](), walls[0][1]
    for instant, wall in walls:
        if wall - latest > step:
            skipped = [latest + number * step for number in range(1, (wall - latest) // step)]
            gaps.append(WalkGap(instant, len(skipped) * step, skipped))
        hour = wall.replace(minute=0, second=0)
        steps_by_hour.setdefault(hour, []).append(WalkStep(instant, wall, wall in seen))
        seen.add(wall)
        latest = max(latest, wall)
    second_folds = [step for steps in steps_by_hour.values() for step in steps if step.is_second_fold]
    instants = [gap.instant for gap in gaps] + [each.instant for each in second_folds]
    assert at in instants, "the transition is at another instant"
    ambiguous = {step.wall for step in second_folds}
    return Walk(zone, at, step, steps_by_hour, gaps, ambiguous, walls[-1][0])


def matches_day(schedule: Cron, wall: datetime) -> bool:
    """Return whether a spec matches that day, by the numbers of its fields."""
    fields = schedule.fields
    check = all if fields.both_days else any
    days = [wall.day in fields.days, wall.isoweekday() % 7 in fields.weekdays]
    return wall.month in fields.months and check(days)


def matching_offsets(schedule: Cron, wall: datetime, step: timedelta) -> Iterator[timedelta]:
    """Yield the offsets from ``wall``, within a step, of the seconds that a spec matches."""
    fields = schedule.fields
    if wall.minute in fields.minutes and wall.hour in fields.hours and matches_day(schedule, wall):
        for second in fields.seconds:
            if wall.second <= second < wall.second + step.seconds:
                yield timedelta(seconds=second - wall.second)


def matches(schedule: Cron, wall: datetime) -> bool:
    """Return whether a spec matches that wall time."""
    return timedelta(0) in matching_offsets(schedule, wall, timedelta(seconds=1))


def follows_wall_clock(schedule: Cron, spec: str) -> bool:
    """Return whether a schedule is due at every match, by the text of its spec of five or six fields."""
    minute, hour = spec.split()[-5:-3]
    return schedule.dst == "every" or minute[0] == "*" or hour[0] == "*"


def matches_in_gap(schedule: Cron, walk: Walk, gap: WalkGap) -> list[datetime]:
    """Return the wall times of a gap that a spec matches."""
    return [wall + offset for wall in gap.walls for offset in matching_offsets(schedule, wall, walk.step)]


def expected_ticks(schedule: Cron, spec: str, walk: Walk) -> list[datetime]:
    """Return all instants of the walk at which a spec is due by the documented rules."""
    every_match = follows_wall_clock(schedule, spec)
    minutes, seconds = set(schedule.fields.minutes), schedule.fields.seconds
    length = walk.step.seconds
    offsets = {  # by the second at the beginning of a step
        first: [timedelta(seconds=each - first) for each in seconds if first <= each < first + length]
        for first in range(0, 60, length)
    }
    due: list[datetime] = []
    for hour, steps in walk.steps_by_hour.items():
        if hour.hour not in schedule.fields.hours or not matches_day(schedule, hour):
            continue
        for step in steps:
            if step.wall.minute in minutes and (every_match or not step.is_second_fold):
                due += [step.instant + offset for offset in offsets[step.wall.second]]
    for gap in walk.gaps:
        moves = not every_match and gap.length < LONG_GAP and matches_in_gap(schedule, walk, gap)
        if moves and gap.instant not in due:
            due.append(gap.instant)
    return sorted(due)


def random_spec(rng: random.Random, walk: Walk) -> str:
    """Return a random spec for the hours, and often for the day, of a transition."""
    near = walk.transition.astimezone(walk.zone) - rng.choice([0, 0, 0, 1, 12, 24, 36]) * timedelta(hours=1)

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
