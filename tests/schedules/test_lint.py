"""Warnings about valid schedules that may not be meant: rare, uneven, on days that some months lack."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.schedules.cron_fields import FIELDS
from jobtui.schedules.lint import lint_schedule
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Dst, Every, Once

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW_YORK = "America/New_York"
STEADY = settings(derandomize=True, deadline=None, max_examples=300, database=None)

SPRING_GAP = "on Sun 2026-03-08: the clock jumps from 02:00 to 03:00"
AUTUMN_OVERLAP = "the clock goes back from 02:00 to 01:00 on Sun 2026-11-01 and shows"
LEAP = "it runs less than once a year: next on 2028-02-29, then on 2032-02-29"
NOT_29 = "it skips months without a day 29: FEB, except in leap years"

WARNED = [
    # Never, or less than once a year.
    ("0 0 30 2 *", ["it never runs within 8 years: there is no day 30 in FEB"]),
    ("0 0 0 31 4,6 ?", ["it never runs within 8 years: there is no day 31 in APR, JUN"]),
    ("0 0 31 2,4 *", ["it never runs within 8 years: there is no day 31 in FEB, APR"]),
    ("0 0 30,31 2 *", ["it never runs within 8 years: there is no day 30 in FEB"]),
    ("0 0 29 2 *", [LEAP]),
    ("0 0 0 29 2 */1", [LEAP]),
    (
        "0 0 29 2 SUN,?/7",
        [
            "it runs less than once a year: next on 2032-02-29, and not again within 8 years",
        ],
    ),
    ("@every 8809h", ["it runs less than once a year"]),
    ("@every 70128h", ["it runs less than once a year"]),
    # Days that some months do not have.
    ("0 0 31 * *", ["it skips months without a day 31: FEB, APR, JUN, SEP, NOV"]),
    ("0 0 30 * *", ["it skips months without a day 30: FEB"]),
    ("0 0 29 * *", [NOT_29]),
    ("0 0 29 2,3 *", [NOT_29]),
    ("0 0 29-31 * *", [NOT_29]),
    ("0 0 15,31 2,3 *", ["it skips months without a day 31: FEB"]),
    ("0 0 15,31 2,4 *", ["there is no day 31 in FEB, APR"]),
    (
        "0 0 29,31 * *",
        [NOT_29, "it skips months without a day 31: FEB, APR, JUN, SEP, NOV"],
    ),
    # Steps that do not divide their field.
    (
        "*/7 * * * * *",
        [
            (
                "*/7 in second is uneven: 0 follows 56 after 4 seconds, not 7;"
                " for even intervals write @every 7s"
            )
        ],
    ),
    (
        "*/7 * * * *",
        [
            (
                "*/7 in minute is uneven: 0 follows 56 after 4 minutes, not 7;"
                " for even intervals write @every 7m"
            )
        ],
    ),
    (
        "*/59 * * * *",
        [
            (
                "*/59 in minute is uneven: 0 follows 59 after 1 minute, not 59;"
                " for even intervals write @every 59m"
            )
        ],
    ),
    (
        "0 */5 * * *",
        [("*/5 in hour is uneven: 0 follows 20 after 4 hours, not 5; for even intervals write @every 5h")],
    ),
    (
        "0/7 * * * *",
        [
            (
                "0/7 in minute is uneven: 0 follows 56 after 4 minutes, not 7;"
                " for even intervals write @every 7m"
            )
        ],
    ),
    # Another phase, or a restriction of a longer unit: no interval can replace the step.
    ("5/7 * * * *", ["5/7 in minute is uneven: 5 follows 54 after 11 minutes, not 7"]),
    ("*/7 9 * * *", ["*/7 in minute is uneven: 0 follows 56 after 4 minutes, not 7"]),
    ("*/7 * * * MON", ["*/7 in minute is uneven: 0 follows 56 after 4 minutes, not 7"]),
    ("*/7 * 1 * *", ["*/7 in minute is uneven: 0 follows 56 after 4 minutes, not 7"]),
    ("*/7 * * 5 *", ["*/7 in minute is uneven: 0 follows 56 after 4 minutes, not 7"]),
    ("*/7 5 * * * *", ["*/7 in second is uneven: 0 follows 56 after 4 seconds, not 7"]),
    ("0 0 1 */5 *", ["*/5 in month is uneven: 1 follows 11 after 2 months, not 5"]),
    ("0 0 * * */2", ["*/2 in day-of-week is uneven: 0 follows 6 after 1 day, not 2"]),
    ("0 0 * * MON/3", ["MON/3 in day-of-week is uneven: 1 follows 4 after 4 days, not 3"]),
    ("0 0 */2 * *", ["*/2 in day-of-month restarts each month: day 1 follows day 31"]),
    ("0 0 5/10 * *", ["5/10 in day-of-month restarts each month: day 5 follows day 25"]),
    (
        "*/90 * * * *",
        [
            (
                "*/90 in minute matches only 0, because the next step is above 59;"
                " for even intervals write @every 1h30m"
            )
        ],
    ),
    ("5/90 * * * *", ["5/90 in minute matches only 5, because the next step is above 59"]),
    ("0 0 */40 * *", ["*/40 in day-of-month matches only 1, because the next step is above 31"]),
    ("0 0 1 */12 *", ["*/12 in month matches only 1, because the next step is above 12"]),
    # Several at once, in the order of the fields.
    (
        "*/7 */5 31 * *",
        [
            "it skips months without a day 31: FEB, APR, JUN, SEP, NOV",
            "*/7 in minute is uneven: 0 follows 56 after 4 minutes, not 7",
            "*/5 in hour is uneven: 0 follows 20 after 4 hours, not 5",
        ],
    ),
]


@pytest.mark.parametrize(("spec", "expected"), WARNED, ids=[spec for spec, _ in WARNED])
def test_a_suspicious_schedule_has_the_expected_warnings(spec: str, expected: list[str]) -> None:
    """In UTC, for the year 2026."""
    assert lint_schedule(parse(spec, tz="UTC"), NOW) == expected


@pytest.mark.parametrize(
    ("spec", "dst", "expected"),
    [
        (
            "30 2 * * *",
            "once",
            [f"02:30 does not exist {SPRING_GAP}, so it runs right after the jump"],
        ),
        ("30 2 * * *", "every", [f"02:30 does not exist {SPRING_GAP}, so it does not run"]),
        ("30 1 * * *", "once", [f"{AUTUMN_OVERLAP} 01:30 twice, and it runs only the first time"]),
        ("30 1 * * *", "every", [f"{AUTUMN_OVERLAP} 01:30 twice, and it runs both times"]),
        (
            "0,30 1,2 * * *",
            "once",
            [
                f"02:00 and 02:30 do not exist {SPRING_GAP}, so it runs once, right after the jump",
                f"{AUTUMN_OVERLAP} 01:00 and 01:30 twice, and it runs only the first time",
            ],
        ),
        ("30 2 * 4 *", "once", []),
        ("30 2 * * MON", "once", []),  # the clock changes on Sundays
        ("*/30 1,2 * * *", "once", []),  # follows the wall clock
        ("30 * * * *", "every", []),
    ],
)
def test_a_fixed_time_in_a_gap_or_an_overlap_of_the_next_year_is_a_warning(
    spec: str, dst: Dst, expected: list[str]
) -> None:
    """In New York. A spec with a star in the minute or the hour has no fixed time."""
    assert lint_schedule(Cron(spec, tz=NEW_YORK, dst=dst), NOW) == expected


def test_only_transitions_of_the_next_365_days_are_warnings() -> None:
    """A transition at the given moment is past; one exactly 365 days later counts."""
    schedule = Cron("30 2 * * *", tz=NEW_YORK)
    transition, next_transition = datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2027, 3, 14, 7, tzinfo=UTC)
    year, second = timedelta(days=365), timedelta(seconds=1)
    assert lint_schedule(schedule, transition) == []
    assert lint_schedule(schedule, transition - second) == [
        f"02:30 does not exist {SPRING_GAP}, so it runs right after the jump"
    ]
    assert lint_schedule(schedule, next_transition - year - second) == []
    (warning,) = lint_schedule(schedule, next_transition - year)
    assert warning.startswith("02:30 does not exist on Sun 2027-03-14: ")
    assert lint_schedule(Cron("30 2 * * *", tz="Asia/Tokyo"), NOW) == []


def test_a_schedule_that_never_runs_has_one_warning_with_the_reason() -> None:
    """Its uneven steps do not matter."""
    assert lint_schedule(parse("*/7 0 30 2 *", tz=NEW_YORK), NOW) == [
        "it never runs within 8 years: there is no day 30 in FEB"
    ]


def test_an_instant_and_an_interval_of_at_most_367_days_have_no_warnings() -> None:
    """An interval of 367 days is still once a year."""
    assert lint_schedule(Once(NOW + timedelta(days=5000)), NOW) == []
    assert lint_schedule(Every("1ms"), NOW) == []
    assert lint_schedule(Every("8808h"), NOW) == []


COMMON = [
    "* * * * *",
    "*/5 * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "0 */6 * * *",
    "@daily",
    "@weekly",
    "@monthly",
    "@yearly",
    "@hourly",
    "0 9 * * MON-FRI",
    "0 */15 9-17 ? * MON-FRI",
    "30 4 1,15 * *",
    "0 0 28-31 * *",
    "0 12 1 */3 *",
    "*/10 * * * * *",
    "@every 1h30m",
    "0-20/7 * * * *",  # the end of the range is given
    "0 0 10-20/3 * *",
]


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK])
@pytest.mark.parametrize("spec", COMMON)
def test_a_common_schedule_has_no_warnings(spec: str, zone: str) -> None:
    """Common specs, without a time in the hours of a transition."""
    assert lint_schedule(parse(spec, tz=zone), NOW) == []


@st.composite
def specs_with_a_step(draw: st.DrawFn) -> str:
    """Draw a spec with a step in the second, the minute or the hour; longer units are unrestricted."""
    which = draw(st.integers(0, 2))
    start = draw(st.sampled_from(["*", "*", "0", "1", "5", "23"]))
    fields = [*["0"] * which, f"{start}/{draw(st.integers(1, FIELDS[which].high + 30))}", *["*"] * 5]
    return " ".join(fields[:6])


@STEADY
@given(specs_with_a_step())
def test_a_step_is_called_uneven_exactly_if_the_distances_of_its_ticks_differ(spec: str) -> None:
    """Over two days, or two hours for seconds. A step past the field's end has its own warning."""
    schedule = Cron(spec, tz=UTC)
    until = NOW + (timedelta(hours=2) if "/" in spec.split(maxsplit=1)[0] else timedelta(days=2))
    warnings = lint_schedule(schedule, NOW)
    ticks, due = [], schedule.next(NOW)
    while due is not None and due <= until:
        ticks.append(due)
        due = schedule.next(due)
    distances = {later - earlier for earlier, later in pairwise(ticks)}
    if any("is uneven" in line for line in warnings):
        assert len(distances) > 1
    elif (
        not spec.split("/", maxsplit=1)[0].endswith(("1", "5", "23")) or "/1 " not in spec
    ):  # 5/1 is the range 5-59
        assert len(distances) == 1
        one_number = min(map(len, (schedule.fields.seconds, schedule.fields.minutes, schedule.fields.hours)))
        assert not warnings or (one_number == 1 and "only" in warnings[0])


@STEADY
@given(specs_with_a_step())
def test_the_interval_suggested_for_an_uneven_step_has_the_length_of_the_step(spec: str) -> None:
    """The suggestion is a valid spec without warnings."""
    for line in lint_schedule(Cron(spec, tz=UTC), NOW):
        found = re.search(r"for even intervals write (@every \S+)$", line)
        if found is None:
            assert not spec.startswith("*")
            continue
        instead = parse(found[1], tz="UTC")
        assert isinstance(instead, Every)
        which = next(index for index, text in enumerate(spec.split()) if "/" in text)
        step = int(spec.split()[which].partition("/")[2])
        assert instead.interval == step * timedelta(seconds=60**which)
        assert lint_schedule(instead, NOW) == []


DAYS = st.sets(st.integers(27, 31), min_size=1, max_size=3)
MONTHS = st.sets(st.integers(1, 12), min_size=1, max_size=6)


@STEADY
@given(DAYS, MONTHS)
def test_a_month_without_a_tick_has_a_warning(days: set[int], months: set[int]) -> None:
    """In leap years and others."""
    listed = [",".join(map(str, sorted(each))) for each in (days, months)]
    schedule = Cron(f"0 12 {listed[0]} {listed[1]} *", tz=ZoneInfo("UTC"))
    lines = lint_schedule(schedule, NOW)
    months_with_tick = set()
    due = schedule.next(NOW)
    while due is not None and due.year < 2029:
        months_with_tick.add((due.year, due.month))
        due = schedule.next(due)
    skipped = len(months) * 3 - len(months_with_tick)
    if not lines:
        assert skipped == 0
    if skipped:
        assert "day" in lines[0] or "less than once a year" in lines[0]


def test_a_schedule_with_several_ticks_on_one_rare_day_runs_less_than_once_a_year() -> None:
    """The second tick on 29 February is only half an hour after the first."""
    (warning,) = lint_schedule(parse("0,30 0 29 2 *", tz="UTC"), NOW)
    assert warning.startswith("it runs less than once a year")


def test_a_later_year_without_a_tick_is_a_warning_if_the_next_tick_is_near() -> None:
    """All of the next 8 years count."""
    december = datetime(2027, 12, 15, tzinfo=UTC)
    assert lint_schedule(parse("0 0 29 2 *", tz="UTC"), december) == [
        "it runs less than once a year: next on 2028-02-29, then on 2032-02-29"
    ]


def test_a_schedule_of_the_first_monday_of_a_month_runs_once_a_year() -> None:
    """From one to the next there may be 371 days, as in 2029."""
    right_after = datetime(2029, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert lint_schedule(parse("0 0 0 */32,2-7 1 MON", tz="UTC"), right_after) == []
