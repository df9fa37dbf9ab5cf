"""What is said of a fire near a change of the clock: moved, merged, repeated, dropped, or nothing."""

import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from test_dst_random import (
    CHANGES,
    LONG_GAP,
    NAMES,
    by_the_hands,
    is_named,
    random_spec,
    skipped_by,
    walk_around,
    walked,
)

from jobtui.schedules.dst import DstEffect, DstNote, Tick, note_on_tick, note_on_transition, ticks_after
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Dst, Every, Once
from jobtui.schedules.transitions import Transition, transition_around, transitions_between

NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")
SPRING = datetime(2026, 3, 7, 12, tzinfo=NEW_YORK)  # 02:00 becomes 03:00 in the night
AUTUMN = datetime(2026, 10, 31, 12, tzinfo=NEW_YORK)  # 02:00 becomes 01:00 in the night
DECEMBER = datetime(2011, 12, 29, tzinfo=APIA)  # the 30th is skipped
DAY = timedelta(days=1)

SPRING_GAP = "on Sun 2026-03-08: the clock jumps from 02:00 to 03:00"
AUTUMN_CHANGE = "the clock goes back from 02:00 to 01:00 on Sun 2026-11-01 and shows"
APIA_GAP = "on Fri 2011-12-30: the clock jumps from 2011-12-30 00:00 to 2011-12-31 00:00"

Told = list[tuple[str, DstEffect | None, str]]


def told(spec: str, after: datetime, count: int, dst: Dst = "once") -> Told:
    """Returns the next fires: the wall clock with its offset, the effect and the sentence."""
    schedule = Cron(spec, tz=after.tzinfo, dst=dst)
    return [
        (
            f"{fire.at:%m-%d %H:%M:%S %z}",
            fire.note.effect if fire.note else None,
            fire.note.sentence if fire.note else "",
        )
        for fire in islice(ticks_after(schedule, after), count)
    ]


def change_of(after: datetime) -> Transition:
    """Returns the one change of the clock in the two days after a moment."""
    assert after.tzinfo is not None
    (change,) = transitions_between(after.tzinfo, after, after + 2 * DAY)
    return change


@pytest.mark.parametrize(
    ("spec", "effect", "sentence"),
    [
        ("30 2 * * *", DstEffect.MOVED, "02:30 does not exist {}, so it runs right after the jump"),
        ("5 30 2 * * *", DstEffect.MOVED, "02:30:05 does not exist {}, so it runs right after the jump"),
        ("30 2,3 * * *", DstEffect.MOVED, "02:30 does not exist {}, so it runs right after the jump"),
        (
            "0,30 2 * * *",
            DstEffect.MERGED,
            "02:00 and 02:30 do not exist {}, so it runs once, right after the jump",
        ),
        (
            "0,20,40 2 * * *",
            DstEffect.MERGED,
            "02:00, 02:20 and 02:40 do not exist {}, so it runs once, right after the jump",
        ),
        (
            "0,15,30,45 2 * * *",
            DstEffect.MERGED,
            "02:00 to 02:45 (4 times) do not exist {}, so it runs once, right after the jump",
        ),
        (
            "0-59 0-59 2 * * *",
            DstEffect.MERGED,
            "02:00 to 02:16:39 (1000 times or more) do not exist {}, so it runs once, right after the jump",
        ),
        (
            "0 2,3 * * *",
            DstEffect.MERGED,
            "02:00 does not exist {}, so it runs once together with 03:00, right after the jump",
        ),
        (
            "0,30 2,3 * * *",
            DstEffect.MERGED,
            "02:00 and 02:30 do not exist {}, so it runs once together with 03:00, right after the jump",
        ),
    ],
)
def test_the_fire_after_a_gap_says_what_it_stands_for(spec: str, effect: DstEffect, sentence: str) -> None:
    """One time is moved; several, or one and the end of the gap, are merged; the change says the same."""
    expected = sentence.format(SPRING_GAP)
    assert told(spec, SPRING, 1) == [("03-08 03:00:00 -0400", effect, expected)]
    assert note_on_transition(Cron(spec, tz=NEW_YORK), change_of(SPRING)) == DstNote(effect, expected)


def test_the_nights_around_a_gap_have_no_note() -> None:
    """Only the fire right after the jump has one."""
    assert [effect for _at, effect, _ in told("0,30 2,3 * * *", SPRING - DAY, 9)] == [
        *[None] * 4,
        DstEffect.MERGED,
        *[None] * 4,
    ]


def test_a_fire_at_the_end_of_a_gap_that_stands_for_itself_has_no_note() -> None:
    """At 03:00 every night, the jump loses nothing."""
    assert told("0 3 * * *", SPRING, 1) == [("03-08 03:00:00 -0400", None, "")]
    assert note_on_transition(Cron("0 3 * * *", tz=NEW_YORK), change_of(SPRING)) is None


def test_a_fixed_time_in_an_overlap_fires_once_and_says_so() -> None:
    """At the first pass; the next night is as always."""
    sentence = f"{AUTUMN_CHANGE} 01:30 twice, and it runs once, at the first pass"
    assert told("30 1 * * *", AUTUMN, 2) == [
        ("11-01 01:30:00 -0400", DstEffect.MERGED, sentence),
        ("11-02 01:30:00 -0500", None, ""),
    ]
    assert note_on_transition(Cron("30 1 * * *", tz=NEW_YORK), change_of(AUTUMN)) == DstNote(
        DstEffect.MERGED, sentence
    )


@pytest.mark.parametrize(("spec", "dst"), [("30 1 * * *", "every"), ("30 */1 * * *", "once")])
def test_both_passes_of_an_overlap_say_which_they_are(spec: str, dst: Dst) -> None:
    """Because of dst="every" or of a star, each has the sentence and its own end."""
    fires = [row for row in told(spec, AUTUMN, 20, dst) if "01:30" in row[0] and row[0].startswith("11-01")]
    sentence = f"{AUTUMN_CHANGE} 01:30 twice, and it runs at both passes"
    assert fires == [
        ("11-01 01:30:00 -0400", DstEffect.REPEATED, f"{sentence}; this is the first pass"),
        ("11-01 01:30:00 -0500", DstEffect.REPEATED, f"{sentence}; this is the second pass"),
    ]
    note = note_on_transition(Cron(spec, tz=NEW_YORK, dst=dst), change_of(AUTUMN))
    assert note == DstNote(DstEffect.REPEATED, sentence)


def test_the_times_of_an_overlap_are_listed_for_the_change() -> None:
    """A fire tells of itself alone, the change of all of them; 01:00 is in the overlap and 02:00 is not."""
    schedule = Cron("0,30 1,2 * * *", tz=NEW_YORK)
    note = note_on_transition(schedule, change_of(AUTUMN))
    assert note is not None
    assert note.sentence == f"{AUTUMN_CHANGE} 01:00 and 01:30 twice, and it runs once, at the first pass"
    assert [effect for _at, effect, _ in told("0,30 1,2 * * *", AUTUMN, 4)] == [
        *[DstEffect.MERGED] * 2,
        *[None] * 2,
    ]
    assert note_on_transition(Cron("0 2 * * *", tz=NEW_YORK), change_of(AUTUMN)) is None


@pytest.mark.parametrize(
    ("spec", "dst"), [("30 2 * * *", "every"), ("*/60,30 2 * * *", "every"), ("*/30 2 * * *", "once")]
)
def test_what_is_lost_in_a_gap_is_told_between_the_fires(spec: str, dst: Dst) -> None:
    """With dst="every", or a star whose hours are restricted, a time in a gap has no fire at all."""
    rows = told(spec, SPRING, 2, dst)
    times = "02:30 does" if spec == "30 2 * * *" else "02:00 and 02:30 do"
    sentence = f"{times} not exist {SPRING_GAP}, so it does not run"
    assert rows[0] == ("03-08 03:00:00 -0400", DstEffect.DROPPED, sentence)
    assert rows[1][0].startswith("03-09")
    assert rows[1][1] is None


def test_a_skipped_day_drops_even_what_is_fixed() -> None:
    """The sentence names both days; the fires around it have no note."""
    sentence = f"12:00 does not exist {APIA_GAP}, so it does not run"
    assert told("0 12 * * *", DECEMBER, 3) == [
        ("12-29 12:00:00 -1000", None, ""),
        ("12-31 00:00:00 +1400", DstEffect.DROPPED, sentence),
        ("12-31 12:00:00 +1400", None, ""),
    ]
    assert told("0 12 30 12 *", DECEMBER, 1) == [("12-31 00:00:00 +1400", DstEffect.DROPPED, sentence)]
    assert told("0 0 31 12 *", DECEMBER, 1) == [("12-31 00:00:00 +1400", None, "")]


def test_a_fire_right_after_a_skipped_day_takes_nothing_from_it() -> None:
    """At midnight of the 31st the 30th is dropped, and the 31st fires for itself, at the same instant."""
    sentence = f"00:00 does not exist {APIA_GAP}, so it does not run"
    assert told("0 0 * * *", DECEMBER, 2) == [
        ("12-31 00:00:00 +1400", DstEffect.DROPPED, sentence),
        ("12-31 00:00:00 +1400", None, ""),
    ]


def test_what_goes_by_the_minutes_of_every_hour_drops_nothing() -> None:
    """``30 * * * *`` goes on without a break, over a gap of an hour and over a skipped day."""
    for spec, dst in (("30 * * * *", "once"), ("*/15 0-23 * * *", "once"), ("7 0-23 * * *", "every")):
        rows = told(spec, SPRING, 60, "every" if dst == "every" else "once")
        assert not any(effect for _at, effect, _ in rows)
        assert not any(effect for _at, effect, _ in told(spec, DECEMBER, 60, "every"))
        assert note_on_transition(Cron(spec, tz=NEW_YORK, dst="every"), change_of(SPRING)) is None


def test_a_dropped_fire_is_told_apart() -> None:
    """So that a list of fires can count those that do fire."""
    note = DstNote(DstEffect.DROPPED, "so it does not run")
    assert Tick(SPRING, note).is_dropped
    assert not Tick(SPRING, None).is_dropped
    assert not any(Tick(SPRING, DstNote(effect, "")).is_dropped for effect in list(DstEffect)[:3])


def test_schedules_without_a_clock_that_changes_have_no_notes() -> None:
    """No schedule, one instant, a fixed rate, UTC and fixed offsets; the rate passes over both changes."""
    every, once = Every("30m", SPRING, tz=NEW_YORK), Once(AUTUMN + DAY)
    assert note_on_tick(None, SPRING) is None
    assert note_on_tick(once, once.at) is None
    assert list(ticks_after(once, SPRING)) == [Tick(once.at, None)]
    assert list(ticks_after(once, once.at)) == []
    assert {fire.note for fire in islice(ticks_after(every, SPRING), 100)} == {None}
    for zone in ("UTC", "UTC-05:00", "Etc/GMT+5", "Africa/Lagos"):
        schedule = parse("0,30 1,2,3 * * *", tz=zone, dst="every")
        for start in (SPRING, AUTUMN):
            assert {fire.note for fire in islice(ticks_after(schedule, start), 12)} == {None}


def test_an_ordinary_night_has_no_notes() -> None:
    """Nothing in January, whatever the rule."""
    start = datetime(2026, 1, 10, tzinfo=NEW_YORK)
    for spec in ("30 2 * * *", "* 1-3 * * *", "*/30 2 * * *"):
        for dst in ("once", "every"):
            rows = told(spec, start, 200 if "* 1" in spec else 20, "once" if dst == "once" else "every")
            assert not any(effect for _at, effect, _ in rows)


def test_a_fire_may_be_given_in_another_zone_or_as_the_clock_showed_it() -> None:
    """It is the instant that counts, also where it is written as a time that never was."""
    schedule = Cron("30 2 * * *", tz=NEW_YORK)
    fire = schedule.next(SPRING)
    assert fire is not None
    note = note_on_tick(schedule, fire)
    assert note is not None
    assert note.effect is DstEffect.MOVED
    assert note_on_tick(schedule, fire.astimezone(UTC)) == note
    assert note_on_tick(schedule, fire.replace(hour=2, fold=0)) == note


def test_the_fires_end_where_the_schedule_does() -> None:
    """A schedule without a further fire yields nothing more, and nothing at all if it never fires."""
    assert list(ticks_after(Cron("0 0 30 2 *", tz=NEW_YORK), SPRING)) == []


def test_a_change_is_the_same_from_either_fold_of_a_time_in_it() -> None:
    """It is the same jump, in the same direction; a time beside it has none, and its end is beside it."""
    spring, autumn = change_of(SPRING), change_of(AUTUMN)
    for fold in (0, 1):
        assert transition_around(datetime(2026, 3, 8, 2, 30, tzinfo=NEW_YORK, fold=fold)) == spring
        assert transition_around(datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=fold)) == autumn
        assert transition_around(datetime(2026, 3, 8, 3, 0, tzinfo=NEW_YORK, fold=fold)) is None
        assert transition_around(datetime(2026, 11, 1, 2, 0, tzinfo=NEW_YORK, fold=fold)) is None
    assert (spring.is_gap, autumn.is_gap) == (True, False)
    assert spring.length == autumn.length == timedelta(hours=1)


@pytest.mark.parametrize("dst", ["once", "every"])
@pytest.mark.parametrize(("name", "change", "step"), CHANGES, ids=NAMES)
def test_random_schedules_have_a_note_exactly_where_the_walk_has_a_reason(
    name: str, change: str, step: int, dst: Dst
) -> None:
    """Unnamed times, the passes of an overlap and what is skipped without a fire; no other fire has one."""
    walk = walk_around(name, change, step)
    rng = random.Random(f"notes {name} {change} {dst}")
    noted = 0
    for _ in range(30):
        spec = random_spec(rng, walk)
        schedule = Cron(spec, tz=walk.zone, dst=dst)
        hands = by_the_hands(schedule, spec)
        start = walk.change - timedelta(minutes=rng.choice([5, 61, 150, 200, 1500, 2000]))
        due = [instant for instant in walked(schedule, spec, walk) if instant > start][:200]
        end = due[-1] if due else start
        expected: dict[tuple[datetime, bool], DstEffect | None] = {}
        for instant in due:
            wall = instant.astimezone(walk.zone).replace(tzinfo=None, fold=0)
            skipped = [
                missing
                for gap in walk.gaps
                if gap.instant == instant and gap.length < LONG_GAP
                for missing in skipped_by(schedule, walk, gap)
            ]
            effect = None
            if walk.shown_twice(wall):
                effect = DstEffect.REPEATED if hands else DstEffect.MERGED
            elif skipped and not hands:
                alone = len(skipped) == 1 and not is_named(schedule, wall)
                effect = DstEffect.MOVED if alone else DstEffect.MERGED
            assert is_named(schedule, wall) or effect in (DstEffect.MOVED, DstEffect.MERGED)
            expected[instant, False] = effect
        for gap in walk.gaps:
            exempt = hands and len(schedule.fields.hours) == 24
            lost = (hands or gap.length >= LONG_GAP) and not exempt and skipped_by(schedule, walk, gap)
            if lost and start < gap.instant <= end:
                expected[gap.instant, True] = DstEffect.DROPPED
        found: dict[tuple[datetime, bool], DstEffect | None] = {}
        for fire in ticks_after(schedule, start):
            instant = fire.at.astimezone(UTC)
            if instant > end:
                break
            assert (instant, fire.is_dropped) not in found, (spec, "twice")
            assert fire.at.tzinfo is walk.zone
            found[instant, fire.is_dropped] = fire.note.effect if fire.note else None
        assert found == expected, (spec, start)
        noted += sum(effect is not None for effect in found.values())
    assert noted > 0
