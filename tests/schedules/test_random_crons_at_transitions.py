"""Random cron schedules near transitions have the ticks of a walk that does not use jobtui's search."""

import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta

import pytest
from support.wall_clock_walk import (
    TRANSITION_IDS,
    TRANSITIONS,
    Walk,
    expected_ticks,
    follows_wall_clock,
    random_spec,
    walk_around,
)

from jobtui.schedules.schedule import Cron, Dst

NEAR = timedelta(hours=36)
SPECS_EACH = 36
STARTS_EACH = 4


def random_start(rng: random.Random, walk: Walk) -> datetime:
    """Return a moment within 36 hours of a transition: in UTC, or in the zone, of any fold or in the gap."""
    within = rng.choice([NEAR, NEAR, timedelta(hours=4), timedelta(hours=1)]) - timedelta(seconds=1)
    most = within // timedelta(seconds=1)
    moment = walk.transition + timedelta(seconds=rng.randint(-most, most))
    moment += timedelta(microseconds=rng.choice([0, 0, 1, 999_999, rng.randrange(1_000_000)]))
    if rng.randrange(4) == 0:
        moment = moment.replace(second=0, microsecond=0)
    form = rng.randrange(4)
    if form == 0:
        return moment
    if form == 1:
        return moment.astimezone(walk.zone)
    if form == 2 and walk.gaps:
        wall = rng.choice(walk.gaps[0].walls) + timedelta(seconds=rng.randrange(walk.step.seconds))
        return wall.replace(tzinfo=walk.zone, fold=rng.randrange(2))
    return moment.astimezone(walk.zone).replace(fold=rng.randrange(2))


def first_after(ticks: list[datetime], instant: datetime) -> datetime | None:
    """Return the first of ascending ticks that is strictly later."""
    index = bisect_right(ticks, instant)
    return ticks[index] if index < len(ticks) else None


@pytest.mark.parametrize("dst", ["once", "every"])
@pytest.mark.parametrize(("name", "transition", "step"), TRANSITIONS, ids=TRANSITION_IDS)
def test_ticks_of_random_specs_near_a_transition_equal_those_of_a_search_minute_by_minute(
    name: str, transition: str, step: int, dst: Dst
) -> None:
    """The next three ticks from any moment within 36 hours of the transition are those of the walk."""
    walk = walk_around(name, transition, step)
    rng = random.Random(f"{name} {transition} {dst}")
    ticks = pairs = 0
    for _ in range(SPECS_EACH):
        spec = random_spec(rng, walk)
        schedule = Cron(spec, tz=walk.zone, dst=dst)
        walk_ticks = expected_ticks(schedule, spec, walk)
        for _ in range(STARTS_EACH):
            start = after = random_start(rng, walk)
            assert abs(start.astimezone(UTC) - walk.transition) <= NEAR
            for _ in range(3):
                expected = first_after(walk_ticks, after.astimezone(UTC))
                tick = schedule.next(after)
                if expected is None:
                    assert tick is None or tick.astimezone(UTC) > walk.end, (spec, start, tick)
                    break
                assert tick is not None, (spec, start)
                assert tick.astimezone(UTC) == expected, (spec, start, after, tick)
                assert tick.tzinfo is walk.zone
                assert tick.astimezone(UTC).astimezone(walk.zone).fold == tick.fold, (spec, start)
                after, ticks = tick, ticks + 1
            pairs += 1
    assert pairs == SPECS_EACH * STARTS_EACH
    assert ticks > pairs  # most pairs have ticks to compare


def test_more_than_two_thousand_pairs_of_spec_and_start_are_checked_for_each_dst_rule() -> None:
    """So that fewer transitions or specs are noticed."""
    assert len(TRANSITIONS) * SPECS_EACH * STARTS_EACH == 3456


def test_random_specs_are_of_all_kinds() -> None:
    """Fixed times, stars, seconds and restrictions of both days each have a fair share."""
    walk = walk_around(*TRANSITIONS[0])
    rng = random.Random(1)
    specs = [random_spec(rng, walk) for _ in range(1000)]
    schedules = [Cron(spec, tz="UTC") for spec in specs]
    stars = sum(follows_wall_clock(*pair) for pair in zip(schedules, specs, strict=True))
    assert 150 < stars < 500
    assert sum(schedule.fields.seconds != (0,) for schedule in schedules) > 300
    assert sum(not schedule.fields.both_days for schedule in schedules) > 40
    assert sum(len(schedule.fields.months) < 12 for schedule in schedules) > 200
