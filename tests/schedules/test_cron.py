"""The grammar of cron specs, and their wall times compared with those of croniter."""

import pickle
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from croniter import CroniterBadDateError, croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.cron import normalize_fields
from jobtui.schedules.cron_fields import FIELDS, Field
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Dst

STEADY = settings(derandomize=True, deadline=None, max_examples=250, database=None)


def cron(spec: str) -> Cron:
    """Return the schedule in UTC."""
    return Cron(spec, tz="UTC")


def numbers(text: str, which: int) -> tuple[int, ...]:
    """Return the numbers of field ``which`` (0 is the second) for a text."""
    fields = ["0", "0", "0", "*", "*", "*"]
    fields[which] = text
    read = cron(" ".join(fields)).fields
    return (read.seconds, read.minutes, read.hours, read.days, read.months, read.weekdays)[which]


@pytest.mark.parametrize(
    ("text", "which", "expected"),
    [
        ("5", 1, (5,)),
        ("05", 1, (5,)),
        ("5-5", 1, (5,)),
        ("3-3/2", 1, (3,)),
        ("1-4", 1, (1, 2, 3, 4)),
        ("50/3", 1, (50, 53, 56, 59)),
        ("59/15", 1, (59,)),
        ("50-51/15", 1, (50,)),
        ("*/20", 0, (0, 20, 40)),
        ("*/90", 1, (0,)),
        ("*/" + "9" * 400, 1, (0,)),
        ("10-20/5,3,3", 2, None),
        ("8-20/5,3,3", 2, (3, 8, 13, 18)),
        ("*/10", 3, (1, 11, 21, 31)),
        ("?/10", 3, (1, 11, 21, 31)),
        ("*/32", 3, (1,)),
        ("?", 5, (0, 1, 2, 3, 4, 5, 6)),
        ("jan,Mar-MAY", 4, (1, 3, 4, 5)),
        ("OCT/2", 4, (10, 12)),
        ("TUE/1", 5, (2, 3, 4, 5, 6)),
        ("MON-5", 5, (1, 2, 3, 4, 5)),
        ("SUN-SAT", 5, (0, 1, 2, 3, 4, 5, 6)),
        ("5,*", 1, tuple(range(60))),
    ],
)
def test_a_field_is_expanded_to_its_numbers(text: str, which: int, expected: tuple[int, ...] | None) -> None:
    """Also for forms that croniter 7 reads differently: 5-5 as the whole field, 50-51/15 as a cycle."""
    assert numbers(text, which) == (expected if expected is not None else (3, 10, 15, 20))


def test_six_fields_begin_with_the_second_and_five_with_the_minute() -> None:
    """Five fields are a crontab line, due at second 0."""
    assert cron("1 2 3 4 5 6").fields.seconds == (1,)
    assert cron("2 3 4 5 6").fields.seconds == (0,)
    assert cron("2 3 4 5 6") == cron("0 2 3 4 5 6")


@pytest.mark.parametrize(
    ("descriptor", "spec"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 0 * * ?"),
        ("@hourly", "0 * * * *"),
        ("@DAILY", "0 0 * * *"),
    ],
)
def test_a_descriptor_equals_its_spec(descriptor: str, spec: str) -> None:
    """With the same hash and text."""
    assert cron(descriptor) == cron(spec)
    assert hash(cron(descriptor)) == hash(cron(spec))
    assert str(parse(descriptor)) == str(parse(spec))


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("  0\t*/15 9-17 ? * mon-fri ", "0 */15 9-17 * * MON-FRI"),
        ("*/15 * * * *", "0 */15 * * * *"),
        ("00 05-05 007 1-31/1 * Sun,sun", "0 5 7 * * *"),  # both days are restricted, and one always matches
        ("0 5/1 3/40 ?/1 feb/1 TUE/2", "0 5-59 3 * FEB-DEC TUE-SAT/2"),
        ("0,30 0,20,40 1,2 15,16,17 1,2,3 1,3", "0,30 0-40/20 1,2 15-17 JAN-MAR MON,WED"),
        # A star in the minute or the hour changes the meaning, so it is kept, and none is added.
        ("0 0-59 0-23 * * *", "0 0-59 0-23 * * *"),
        ("0 0-59 * * * *", "0 * * * * *"),
        ("0 0/15 9 * * *", "0 0-45/15 9 * * *"),
        ("0 */15 0/8 * * *", "0 */15 */8 * * *"),
        ("0 */40,7 9 * * *", "0 */60,0,7,40 9 * * *"),
        ("0 7 */40 * * *", "0 7 */60,0 * * *"),
        # The same for a star in the days.
        ("0 0 0 1/2 * 0/3", "0 0 0 1-31/2 * SUN-SAT/3"),
        ("0 0 0 */2 * 0/3", "0 0 0 */2 * */3"),
        ("0 0 0 */40,9 * MON", "0 0 0 */32,1,9 * MON"),
        ("0 0 0 9 * */6", "0 0 0 9 * */32,SUN,SAT"),
        ("0 0 0 9 * 0-6", "0 0 0 * * *"),
    ],
)
def test_every_spec_has_the_expected_canonical_spec(spec: str, canonical: str) -> None:
    """The canonical spec is an equal schedule."""
    assert str(cron(spec)) == f"TZ=UTC {canonical}"
    assert cron(canonical) == cron(spec)
    assert str(parse(spec)) == canonical


REJECTED = [
    # the spec, the field, the column of the caret, and a part of the message
    ("0 0 0 * * 7", "day-of-week", 10, "'7' is above 6 (0-6 or SUN-SAT; Sunday is 0)"),
    ("0 0 0 * * 1-7", "day-of-week", 12, "Sunday is 0"),
    ("0 0 0 * * FRI-MON", "day-of-week", 13, "write FRI-SAT,SUN-MON"),
    ("0 0 0 * * SAT-SUN", "day-of-week", 13, "write SAT,SUN"),
    ("0 0 0 * NOV-FEB *", "month", 11, "write NOV-DEC,JAN-FEB"),
    ("0 0 22-2 * * *", "hour", 6, "write 22-23,0-2"),
    ("0 0 22-2/2 * * *", "hour", 6, "write 22,0,2"),
    ("0 0 0 28-2/2 * *", "day-of-month", 8, "write 28,30,1"),
    ("0 0 0 L * *", "day-of-month", 6, "L (the last) is not supported; write 28-31"),
    ("0 0 0 L-3 * *", "day-of-month", 6, "L (the last)"),
    ("0 0 0 * * 5L", "day-of-week", 10, "L (the last)"),
    ("0 0 0 * * friL", "day-of-week", 10, "write only the day"),
    ("0 0 0 15W * *", "day-of-month", 6, "W (the nearest weekday) is not supported"),
    ("0 0 0 LW * *", "day-of-month", 6, "W (the nearest weekday)"),
    ("0 0 0 * * 5#2", "day-of-week", 10, "'#' (the n-th weekday) is not supported"),
    ("H * * * *", "minute", 0, "H (Jenkins"),
    ("H/15 * * * *", "minute", 0, "H (Jenkins"),
    ("h(0-29)/10 * * * *", "minute", 0, "H (Jenkins"),
    ("0 R * * *", "hour", 2, "random values (R, ~)"),
    ("0 r(1-5) * * *", "hour", 2, "random values"),
    ("0 1~5 * * *", "hour", 2, "random values"),
    ("0 0 0 1 1 ? 2027", "year", 12, "the year, is not supported"),
    ("*/0 * * * *", "minute", 2, "a step of 0 is not allowed"),
    ("*/ * * * *", "minute", 1, "a step is missing"),
    ("*/x * * * *", "minute", 2, "'x' is not a step"),
    ("*/-5 * * * *", "minute", 2, "'-5' is not a step"),
    ("*/5/5 * * * *", "minute", 2, "'5/5' is not a step"),
    ("/5 * * * *", "minute", 0, "write */5"),
    ("1,,2 * * * *", "minute", 2, "empty list item"),
    ("1, * * * *", "minute", 2, "empty list item"),
    (",1 * * * *", "minute", 0, "empty list item"),
    ("+5 * * * *", "minute", 0, "signs are not allowed"),
    ("-5 * * * *", "minute", 0, "signs are not allowed"),
    ("1-+5 * * * *", "minute", 2, "signs are not allowed"),
    ("5- * * * *", "minute", 2, "a range has two ends"),
    ("1-2-3 * * * *", "minute", 2, "a range has two ends"),
    ("60 * * * *", "minute", 0, "'60' is above 59 (0-59)"),
    ("0 24 * * *", "hour", 2, "'24' is above 23"),
    ("0 0 0 * *", "day-of-month", 4, "'0' is below 1 (1-31)"),
    ("0 0 32 * *", "day-of-month", 4, "'32' is above 31"),
    ("0 0 1 13 *", "month", 6, "'13' is above 12 (1-12 or JAN-DEC)"),
    ("0 0 1 0 *", "month", 6, "'0' is below 1"),
    ("9" * 400 + " * * * *", "minute", 0, "is above 59"),
    ("? * * * *", "minute", 0, "'?' is allowed only in day-of-month and day-of-week"),
    ("0 0 ?-5 * *", "day-of-month", 4, "only a step may follow ?"),
    ("*5 * * * *", "minute", 0, "only a step may follow *"),
    ("*-5 * * * *", "minute", 0, "only a step may follow *"),
    ("1.5 * * * *", "minute", 0, "'1.5' is not a whole number"),
    ("0 0 * * MONDAY", "day-of-week", 8, "write MON"),
    ("0 0 * * TEU", "day-of-week", 8, "write TUE"),
    ("0 0 * JULI *", "month", 6, "write JUL"),
    ("0 0 * MON *", "month", 6, "'MON' belongs in the day-of-week field"),
    ("0 0 * * JAN", "day-of-week", 8, "'JAN' belongs in the month field"),
    ("MON 0 * * *", "minute", 0, "'MON' belongs in the day-of-week field"),
    ("0 \u0663 * * *", "hour", 2, "a digit of another script"),
    ("0 \u00b2 * * *", "hour", 2, "SUPERSCRIPT TWO"),
    ("0 0 * * \u017fun", "day-of-week", 8, "LATIN SMALL LETTER LONG S"),
    ("0\u00a00 * * * *", "minute", 0, "NO-BREAK SPACE"),
    ("* * * *", None, 0, "4 fields are too few"),
    ("5", None, 0, "1 field is too few"),
    ("1 2 3 4 5 6 7 8", None, 12, "8 fields are too many"),
    ("cron.workhours", None, 0, "the name of a setting"),
    ("@reboot", None, 0, "has no ticks"),
    ("@dayly", None, 0, "did you mean @daily?"),
    ("@evry 5s", None, 0, "did you mean @every?"),
    ("@qqqqqqqq", None, 0, "the descriptors are @yearly"),
    ("@daily 5", None, 7, "nothing may follow @daily"),
    ("", None, 0, "the spec is empty"),
    (" \t ", None, 0, "the spec is empty"),
    ("X=1 * * * * *", None, 0, "may begin with TZ=Zone"),
    ("TZ= * * * * *", None, 3, "unknown time zone"),
    ("TZ=Europe/Olso * * * * *", None, 3, "did you mean Europe/Oslo"),
    ("TZ=../../etc/passwd * * * * *", None, 3, "unknown time zone"),
    ("TZ=Europe * * * * *", None, 3, "unknown time zone"),
    ("TZ=\x00 * * * * *", None, 3, "unknown time zone"),
    ("TZ=" + "a/" * 200 + " @daily", None, 3, "unknown time zone"),
    ("CRON_TZ=UTC", None, 11, "nothing follows 'CRON_TZ=UTC'"),
    ("@every", None, 0, "write @every 1h30m"),
    ("@every 1h 30m", None, 10, "write @every 1h30m"),
    ("@every 1d", None, 8, "write 24h"),
    ("@every 0s", None, 7, "above zero"),
    ("@every -5s", None, 7, "above zero"),
    ("@every 5", None, 8, "unit is missing"),
]


@pytest.mark.parametrize(
    ("spec", "field", "column", "message"), REJECTED, ids=[row[0][:30] for row in REJECTED]
)
def test_the_error_for_a_rejected_spec_has_the_field_the_column_and_a_hint(
    spec: str, field: str | None, column: int, message: str
) -> None:
    """The hint says what to write instead, or what is allowed."""
    with pytest.raises(BadSpec) as caught:
        parse(spec)
    assert message in caught.value.sentence
    assert caught.value.field == field
    assert caught.value.position == column
    assert caught.value.spec == spec


@pytest.mark.parametrize("spec", [row[0] for row in REJECTED if not row[0].startswith("@every")])
def test_cron_rejects_a_spec_with_the_message_of_parse(spec: str) -> None:
    """Except ``@every``, which is not a cron spec."""
    with pytest.raises(BadSpec) as from_parse:
        parse(spec)
    with pytest.raises(BadSpec) as from_cron:
        Cron(spec)
    assert str(from_cron.value) == str(from_parse.value)


@pytest.mark.parametrize(
    ("spec", "instead"),
    [
        ("0 0 0 * * FRI-MON", "0 0 0 * * FRI-SAT,SUN-MON"),
        ("0 0 22-2/2 * * *", "0 0 22,0,2 * * *"),
        ("0 0 0 * NOV-FEB/2 *", "0 0 0 * NOV,JAN *"),
    ],
)
def test_the_suggestion_for_a_range_that_runs_backwards_is_valid(spec: str, instead: str) -> None:
    """It can be pasted into the field."""
    with pytest.raises(BadSpec) as caught:
        parse(spec)
    assert caught.value.sentence.endswith(
        "write " + next(a for a in instead.split() if a not in spec.split())
    )
    assert parse(instead)


def test_the_message_of_a_bad_spec_has_the_spec_and_a_caret_under_the_fault() -> None:
    """Each on a line of its own."""
    with pytest.raises(BadSpec) as caught:
        parse("0 0 0 * * 7")
    assert str(caught.value).splitlines() == [
        "day-of-week: '7' is above 6 (0-6 or SUN-SAT; Sunday is 0)",
        "  0 0 0 * * 7",
        "            ^",
    ]


def test_the_message_of_a_long_bad_spec_has_the_part_around_the_fault() -> None:
    """The line fits into a terminal, and the caret is under the fault."""
    with pytest.raises(BadSpec) as caught:
        parse(",".join(["10"] * 100) + ",99" + ",11" * 30 + " * * * *")
    _, line, caret = str(caught.value).splitlines()
    assert len(line) < 80
    assert line[caret.index("^") :].startswith("99")


def test_the_message_of_a_bad_spec_has_no_escape_sequences() -> None:
    """Unprintable characters are replaced, in the sentence and in the spec."""
    with pytest.raises(BadSpec) as caught:
        parse("\x1b[31m * * * *")
    assert "\x1b" not in str(caught.value)


def test_a_bad_spec_can_be_pickled() -> None:
    """A run in another process may fail with it."""
    with pytest.raises(BadSpec) as caught:
        parse("60 * * * *")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.position == 0


def test_a_spec_has_at_most_512_characters() -> None:
    """512 are accepted; 513 are rejected, and the message does not show them."""
    spec = "0 * * * * ".ljust(511) + "*"
    assert parse(spec)
    with pytest.raises(BadSpec, match="at most 512 characters; this one has 513") as caught:
        parse(spec + "0")
    assert caught.value.spec is None


@pytest.mark.parametrize("spec", [None, 5, b"* * * * *", ["*"], 0.5, True])
def test_a_spec_that_is_not_a_string_is_a_type_error(spec: object) -> None:
    """The message says what is allowed."""
    with pytest.raises(TypeError, match="a spec must be a string such as"):
        parse(spec)  # type: ignore[arg-type] # the point of the test


PIECES = st.sampled_from(
    [
        *"0123456789*?,-/ LWHR#@=~+.",
        "MON",
        "feb",
        "TZ=UTC ",
        "@every ",
        "1h",
        "*/5 ",
        "\t",
        "\n",
        "\u0663",
        "\x00",
    ]
)


@STEADY
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=30))
def test_any_text_is_a_schedule_or_a_bad_spec(spec: str) -> None:
    """No other error is raised, and the ``str`` of a schedule parses to an equal one."""
    with suppress(BadSpec):
        schedule = parse(spec, tz="UTC")
        assert parse(str(schedule)) == schedule
        assert str(parse(str(schedule))) == str(schedule)


@st.composite
def field_texts(draw: st.DrawFn, field: Field) -> tuple[str, set[int], bool]:
    """Draw a field's text, its numbers, and whether an item of it begins with a star."""
    texts: list[str] = []
    meant: set[int] = set()
    star = False
    for _ in range(draw(st.integers(1, 3))):
        form = draw(st.sampled_from(["*", "*/n", "a", "a/n", "a-b", "a-b/n"]))
        low = draw(st.integers(field.low, field.high))
        high = draw(st.integers(low, field.high))
        step = draw(st.integers(1, field.high + 5))
        if form[0] == "*":
            low, high, star = field.low, field.high, True
        elif form == "a":
            high = low
        elif form == "a/n":
            high = field.high
        texts.append(form.replace("a", str(low)).replace("b", str(high)).replace("n", str(step)))
        meant.update(range(low, high + 1, step if form.endswith("n") else 1))
    return ",".join(texts), meant, star


FIELD_STRATEGIES = st.tuples(*(field_texts(field) for field in FIELDS))
MOMENTS = st.datetimes(min_value=datetime(1999, 1, 1), max_value=datetime(2104, 12, 31))  # noqa: DTZ001


@STEADY
@given(FIELD_STRATEGIES, MOMENTS)
def test_the_next_wall_times_are_those_of_croniter_for_naive_times(
    drawn: list[tuple[str, set[int], bool]], moment: datetime
) -> None:
    """Given the normalized fields, croniter finds the same times."""
    schedule = cron(" ".join(text for text, _, _ in drawn))
    fields = schedule.fields
    read = (fields.seconds, fields.minutes, fields.hours, fields.days, fields.months, fields.weekdays)
    assert read == tuple(tuple(sorted(meant)) for _, meant, _ in drawn)
    assert fields.both_days == (drawn[3][2] or drawn[5][2])

    after = moment
    for _ in range(3):
        found = schedule.next(after.replace(tzinfo=UTC))
        limit = after + timedelta(days=2922)
        second, *others = normalize_fields(fields.items)
        oracle = croniter(
            " ".join([*others, second]), after, implement_cron_bug=True, max_years_between_matches=9
        )
        try:
            expected = oracle.get_next(datetime)
        except CroniterBadDateError:
            expected = None
        if found is None:
            assert expected is None or expected > limit - timedelta(days=1)
            return
        assert found.replace(tzinfo=None) == expected
        after = expected


@STEADY
@given(FIELD_STRATEGIES, st.sampled_from(["once", "every"]))
def test_specs_with_the_same_numbers_and_stars_are_equal(
    drawn: list[tuple[str, set[int], bool]], dst: Dst
) -> None:
    """The second spec lists every number, after a star item that adds none."""
    spec = " ".join(text for text, _, _ in drawn)
    fields = []
    for field, (text, meant, _) in zip(FIELDS, drawn, strict=True):
        listed = ",".join(str(number) for number in sorted(meant))
        star = any(part.startswith("*") for part in text.split(",")) and (
            field.is_day or text.startswith("*")
        )
        fields.append(f"*/{field.high + 1},{listed}" if star else listed)
    assume(len(" ".join(fields)) <= 512)
    one, other = parse(spec, tz="UTC", dst=dst), parse(" ".join(fields), tz="UTC", dst=dst)
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == str(other)


@pytest.mark.parametrize(
    ("days", "weekdays", "rule"),
    [
        ("13", "FRI", "either"),
        ("13", "*", "both"),
        ("*", "FRI", "both"),
        ("?", "FRI", "both"),
        ("13", "?", "both"),
        ("*/2", "FRI", "both"),
        ("?/2", "FRI", "both"),
        ("13", "*/2", "both"),
        ("1,*/2", "FRI", "both"),
        ("1-31", "FRI", "either"),
        ("1-31/2", "FRI", "either"),
        ("13", "0-6", "either"),
    ],
)
def test_one_of_two_restricted_days_is_enough_and_with_a_star_both_must_match(
    days: str, weekdays: str, rule: str
) -> None:
    """The rule of Revel and Vixie cron, for each day of a year. A step after the star changes nothing."""
    schedule = cron(f"0 0 0 {days} * {weekdays}")
    fields = schedule.fields
    check = all if rule == "both" else any
    day = datetime(2026, 1, 1, tzinfo=UTC)
    due = schedule.next(day - timedelta(seconds=1))
    while day.year == 2026:
        if check([day.day in fields.days, (day.weekday() + 1) % 7 in fields.weekdays]):
            assert due == day
            due = schedule.next(due)
        day += timedelta(days=1)
    assert due is not None
    assert due.year == 2027
