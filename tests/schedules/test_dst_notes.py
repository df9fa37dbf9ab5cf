"""The notes on ticks near a transition: moved, merged, repeated, dropped, or none."""

import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from support.wall_clock_walk import (
    LONG_GAP,
    TRANSITION_IDS,
    TRANSITIONS,
    expected_ticks,
    follows_wall_clock,
    matches,
    matches_in_gap,
    random_spec,
    walk_around,
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
AUTUMN_OVERLAP = "the clock goes back from 02:00 to 01:00 on Sun 2026-11-01 and shows"
APIA_GAP = "on Fri 2011-12-30: the clock jumps from 2011-12-30 00:00 to 2011-12-31 00:00"

NotedTick = tuple[str, DstEffect | None, str]


def noted_ticks(spec: str, after: datetime, count: int, dst: Dst = "once") -> list[NotedTick]:
    """Return the next ticks: the wall time with its offset, the effect and the sentence."""
    schedule = Cron(spec, tz=after.tzinfo, dst=dst)
    return [
        (
            f"{tick.at:%m-%d %H:%M:%S %z}",
            tick.note.effect if tick.note else None,
            tick.note.sentence if tick.note else "",
        )
        for tick in islice(ticks_after(schedule, after), count)
    ]


def transition_after(after: datetime) -> Transition:
    """Return the only transition within two days after a moment."""
    assert after.tzinfo is not None
    (transition,) = transitions_between(after.tzinfo, after, after + 2 * DAY)
    return transition


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
def test_the_tick_after_a_gap_has_a_note_on_the_missing_times(
    spec: str, effect: DstEffect, sentence: str
) -> None:
    """One time is moved; several, or one and the end of the gap, are merged."""
    expected = sentence.format(SPRING_GAP)
    assert noted_ticks(spec, SPRING, 1) == [("03-08 03:00:00 -0400", effect, expected)]
    assert note_on_transition(Cron(spec, tz=NEW_YORK), transition_after(SPRING)) == DstNote(effect, expected)


def test_ticks_of_the_nights_around_a_gap_have_no_note() -> None:
    """Only the tick right after the gap has one."""
    assert [effect for _at, effect, _ in noted_ticks("0,30 2,3 * * *", SPRING - DAY, 9)] == [
        *[None] * 4,
        DstEffect.MERGED,
        *[None] * 4,
    ]


def test_a_tick_at_the_end_of_a_gap_has_no_note_if_no_time_is_missing() -> None:
    """The gap changes nothing for a schedule of 03:00."""
    assert noted_ticks("0 3 * * *", SPRING, 1) == [("03-08 03:00:00 -0400", None, "")]
    assert note_on_transition(Cron("0 3 * * *", tz=NEW_YORK), transition_after(SPRING)) is None


def test_a_fixed_time_in_an_overlap_is_one_tick_with_a_note() -> None:
    """The tick is in the first fold. The next night has no note."""
    sentence = f"{AUTUMN_OVERLAP} 01:30 twice, and it runs only the first time"
    assert noted_ticks("30 1 * * *", AUTUMN, 2) == [
        ("11-01 01:30:00 -0400", DstEffect.MERGED, sentence),
        ("11-02 01:30:00 -0500", None, ""),
    ]
    assert note_on_transition(Cron("30 1 * * *", tz=NEW_YORK), transition_after(AUTUMN)) == DstNote(
        DstEffect.MERGED, sentence
    )


@pytest.mark.parametrize(("spec", "dst"), [("30 1 * * *", "every"), ("30 */1 * * *", "once")])
def test_the_two_ticks_of_a_time_in_an_overlap_have_notes_that_number_them(spec: str, dst: Dst) -> None:
    """There are two because of dst="every" or of a star. The transition's note does not number them."""
    rows = [
        row for row in noted_ticks(spec, AUTUMN, 20, dst) if "01:30" in row[0] and row[0].startswith("11-01")
    ]
    sentence = f"{AUTUMN_OVERLAP} 01:30 twice, and it runs both times"
    assert rows == [
        ("11-01 01:30:00 -0400", DstEffect.REPEATED, f"{sentence}; this is the first time"),
        ("11-01 01:30:00 -0500", DstEffect.REPEATED, f"{sentence}; this is the second time"),
    ]
    note = note_on_transition(Cron(spec, tz=NEW_YORK, dst=dst), transition_after(AUTUMN))
    assert note == DstNote(DstEffect.REPEATED, sentence)


def test_the_note_on_an_overlap_lists_all_times_in_it() -> None:
    """The note on a tick has only its own time. 01:00 is in the overlap; 02:00, its end, is not."""
    schedule = Cron("0,30 1,2 * * *", tz=NEW_YORK)
    note = note_on_transition(schedule, transition_after(AUTUMN))
    assert note is not None
    assert note.sentence == f"{AUTUMN_OVERLAP} 01:00 and 01:30 twice, and it runs only the first time"
    assert [effect for _at, effect, _ in noted_ticks("0,30 1,2 * * *", AUTUMN, 4)] == [
        *[DstEffect.MERGED] * 2,
        *[None] * 2,
    ]
    assert note_on_transition(Cron("0 2 * * *", tz=NEW_YORK), transition_after(AUTUMN)) is None


@pytest.mark.parametrize(
    ("spec", "dst"), [("30 2 * * *", "every"), ("*/60,30 2 * * *", "every"), ("*/30 2 * * *", "once")]
)
def test_times_that_are_lost_in_a_gap_are_one_dropped_tick(spec: str, dst: Dst) -> None:
    """Times in a gap are lost with dst="every", and with a star if the hours are restricted."""
    rows = noted_ticks(spec, SPRING, 2, dst)
    times = "02:30 does" if spec == "30 2 * * *" else "02:00 and 02:30 do"
    sentence = f"{times} not exist {SPRING_GAP}, so it does not run"
    assert rows[0] == ("03-08 03:00:00 -0400", DstEffect.DROPPED, sentence)
    assert rows[1][0].startswith("03-09")
    assert rows[1][1] is None


def test_fixed_times_on_a_skipped_day_are_dropped() -> None:
    """The sentence has both days. The ticks before and after have no note."""
    sentence = f"12:00 does not exist {APIA_GAP}, so it does not run"
    assert noted_ticks("0 12 * * *", DECEMBER, 3) == [
        ("12-29 12:00:00 -1000", None, ""),
        ("12-31 00:00:00 +1400", DstEffect.DROPPED, sentence),
        ("12-31 12:00:00 +1400", None, ""),
    ]
    assert noted_ticks("0 12 30 12 *", DECEMBER, 1) == [("12-31 00:00:00 +1400", DstEffect.DROPPED, sentence)]
    assert noted_ticks("0 0 31 12 *", DECEMBER, 1) == [("12-31 00:00:00 +1400", None, "")]


def test_a_tick_right_after_a_skipped_day_has_no_note() -> None:
    """At midnight of the 31st, the tick of the 30th is dropped, and that of the 31st is due as usual."""
    sentence = f"00:00 does not exist {APIA_GAP}, so it does not run"
    assert noted_ticks("0 0 * * *", DECEMBER, 2) == [
        ("12-31 00:00:00 +1400", DstEffect.DROPPED, sentence),
        ("12-31 00:00:00 +1400", None, ""),
    ]


def test_schedules_of_every_hour_have_no_dropped_ticks() -> None:
    """After a gap of an hour or of a day, ``30 * * * *`` is due within an hour."""
    for spec, dst in (("30 * * * *", "once"), ("*/15 0-23 * * *", "once"), ("7 0-23 * * *", "every")):
        rows = noted_ticks(spec, SPRING, 60, "every" if dst == "every" else "once")
        assert not any(effect for _at, effect, _ in rows)
        assert not any(effect for _at, effect, _ in noted_ticks(spec, DECEMBER, 60, "every"))
        assert note_on_transition(Cron(spec, tz=NEW_YORK, dst="every"), transition_after(SPRING)) is None


def test_only_a_tick_with_a_dropped_note_is_dropped() -> None:
    """A list of ticks can so count those at which a job runs."""
    note = DstNote(DstEffect.DROPPED, "so it does not run")
    assert Tick(SPRING, note).is_dropped
    assert not Tick(SPRING, None).is_dropped
    assert not any(Tick(SPRING, DstNote(effect, "")).is_dropped for effect in list(DstEffect)[:3])


def test_ticks_have_no_notes_without_a_cron_schedule_or_without_transitions() -> None:
    """That is: no schedule, one instant, a fixed rate over both transitions, UTC, fixed offsets."""
    every, once = Every("30m", SPRING, tz=NEW_YORK), Once(AUTUMN + DAY)
    assert note_on_tick(None, SPRING) is None
    assert note_on_tick(once, once.at) is None
    assert list(ticks_after(once, SPRING)) == [Tick(once.at, None)]
    assert list(ticks_after(once, once.at)) == []
    assert {tick.note for tick in islice(ticks_after(every, SPRING), 100)} == {None}
    for zone in ("UTC", "UTC-05:00", "Etc/GMT+5", "Africa/Lagos"):
        schedule = parse("0,30 1,2,3 * * *", tz=zone, dst="every")
        for start in (SPRING, AUTUMN):
            assert {tick.note for tick in islice(ticks_after(schedule, start), 12)} == {None}


def test_ticks_far_from_a_transition_have_no_notes() -> None:
    """With both DST rules."""
    start = datetime(2026, 1, 10, tzinfo=NEW_YORK)
    for spec in ("30 2 * * *", "* 1-3 * * *", "*/30 2 * * *"):
        for dst in ("once", "every"):
            rows = noted_ticks(
                spec, start, 200 if "* 1" in spec else 20, "once" if dst == "once" else "every"
            )
            assert not any(effect for _at, effect, _ in rows)


def test_the_note_on_a_tick_depends_on_the_instant_alone() -> None:
    """The tick may be given in another zone, or as a wall time in the gap."""
    schedule = Cron("30 2 * * *", tz=NEW_YORK)
    tick = schedule.next(SPRING)
    assert tick is not None
    note = note_on_tick(schedule, tick)
    assert note is not None
    assert note.effect is DstEffect.MOVED
    assert note_on_tick(schedule, tick.astimezone(UTC)) == note
    assert note_on_tick(schedule, tick.replace(hour=2, fold=0)) == note


def test_a_schedule_that_is_never_due_has_no_ticks() -> None:
    """30 February."""
    assert list(ticks_after(Cron("0 0 30 2 *", tz=NEW_YORK), SPRING)) == []


def test_the_transition_around_a_wall_time_is_the_same_from_both_folds() -> None:
    """A wall time outside of a gap or an overlap has none; the end of either is outside."""
    spring, autumn = transition_after(SPRING), transition_after(AUTUMN)
    for fold in (0, 1):
        assert transition_around(datetime(2026, 3, 8, 2, 30, tzinfo=NEW_YORK, fold=fold)) == spring
        assert transition_around(datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=fold)) == autumn
        assert transition_around(datetime(2026, 3, 8, 3, 0, tzinfo=NEW_YORK, fold=fold)) is None
        assert transition_around(datetime(2026, 11, 1, 2, 0, tzinfo=NEW_YORK, fold=fold)) is None
    assert (spring.is_gap, autumn.is_gap) == (True, False)
    assert spring.length == autumn.length == timedelta(hours=1)


@pytest.mark.parametrize("dst", ["once", "every"])
@pytest.mark.parametrize(("name", "transition", "step"), TRANSITIONS, ids=TRANSITION_IDS)
def test_a_tick_has_a_note_exactly_if_a_search_minute_by_minute_finds_a_reason(
    name: str, transition: str, step: int, dst: Dst
) -> None:
    """The reasons: times in an overlap, ticks of missing times, and times that are lost."""
    walk = walk_around(name, transition, step)
    rng = random.Random(f"notes {name} {transition} {dst}")
    noted = 0
    for _ in range(30):
        spec = random_spec(rng, walk)
        schedule = Cron(spec, tz=walk.zone, dst=dst)
        every_match = follows_wall_clock(schedule, spec)
        start = walk.transition - timedelta(minutes=rng.choice([5, 61, 150, 200, 1500, 2000]))
        due = [instant for instant in expected_ticks(schedule, spec, walk) if instant > start][:200]
        end = due[-1] if due else start
        expected: dict[tuple[datetime, bool], DstEffect | None] = {}
        for instant in due:
            wall = instant.astimezone(walk.zone).replace(tzinfo=None, fold=0)
            missing = [
                each
                for gap in walk.gaps
                if gap.instant == instant and gap.length < LONG_GAP
                for each in matches_in_gap(schedule, walk, gap)
            ]
            effect = None
            if walk.is_ambiguous(wall):
                effect = DstEffect.REPEATED if every_match else DstEffect.MERGED
            elif missing and not every_match:
                alone = len(missing) == 1 and not matches(schedule, wall)
                effect = DstEffect.MOVED if alone else DstEffect.MERGED
            assert matches(schedule, wall) or effect in (DstEffect.MOVED, DstEffect.MERGED)
            expected[instant, False] = effect
        for gap in walk.gaps:
            exempt = every_match and len(schedule.fields.hours) == 24
            drops = (every_match or gap.length >= LONG_GAP) and not exempt
            if drops and matches_in_gap(schedule, walk, gap) and start < gap.instant <= end:
                expected[gap.instant, True] = DstEffect.DROPPED
        found: dict[tuple[datetime, bool], DstEffect | None] = {}
        for tick in ticks_after(schedule, start):
            instant = tick.at.astimezone(UTC)
            if instant > end:
                break
            assert (instant, tick.is_dropped) not in found, (spec, "twice")
            assert tick.at.tzinfo is walk.zone
            found[instant, tick.is_dropped] = tick.note.effect if tick.note else None
        assert found == expected, (spec, start)
        noted += sum(effect is not None for effect in found.values())
    assert noted > 0
