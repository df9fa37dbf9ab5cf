"""Random arguments of `parse`, of any type and length: only BadSpec or TypeError, and never slow."""

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from time import thread_time
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.schedules import cron, wall_clock
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse, parse_uncached
from jobtui.schedules.schedule import Cron, Every

COUNT = 8_000
SEED = 20_260_101
MOST_SECONDS = 0.2  # finds searches without a bound; benchmarks/schedules.py measures the speed
LONGEST = 100_000
STEADY = settings(derandomize=True, deadline=None, max_examples=500, database=None)

# Valid specs, nearly valid ones, and those of other programs.
CORPUS = [
    "* * * * *",
    "*/15 * * * *",
    "0 */15 9-17 ? * MON-FRI",
    "30 2 * * *",
    "0 0 29 2 *",
    "0 0 0 30 2 ?",
    "5,10,50 0-3,23 * * *",
    "0-59 0-23 * * *",
    "15 1,2 * * SAT,SUN",
    "0 0 1-31/2 JAN-DEC/3 0-6",
    "0 0 0 13 * FRI",
    "0 0 1,11,21 * *",
    "0 0 * 1,4,7 0,2,4",
    "0 0 9 * 0-6",
    "0 0 0 ?/10 feb,Mar-MAY *",
    "1 2 3 4 5 6",
    "*/7 */40,7 1/5 */31 */5 */3",
    "\t00  05-05\n007 1-31/1 * Sun,sun ",
    "0,1,3,4,6,7,9,10,12,13,15,16,18,19,21 * * * * *",
    "@yearly",
    "@Midnight",
    "@hourly",
    "@reboot",
    "@hour",
    "@dayly",
    "@every 1h30m10s",
    "@every 250ms",
    "@every 1.5h",
    "@every 36h",
    "@every 2m30s",
    "@every --7h30m",
    "@every 5\u00b5s",
    "@every 70128h",
    "@every 1d",
    "@every 5 minutes",
    "TZ=UTC 0 12 * * *",
    "TZ=America/New_York 30 2 * * *",
    "TZ=America/New_York 30 */7 3 * *",
    "CRON_TZ=Europe/London */5 1 * * *",
    "TZ=UTC+05:45 @daily",
    "TZ=Europe/Olso @daily",
    "30 2 * * * America/New_York",
    "0 0 12 1/5 * ? *",
    "0 15 10 ? * 6L 2027-2029",
    "0 0 0 LW * ?",
    "1-5 0 * * 7L",
    "0 0 * * 7W",
    "0 0 * * L0",
    "0 0 0 L-3 * *",
    "0 0 0 * * 5#2",
    "0 0 * * 7",
    "0 0 22-2/2 * * *",
    "0 0 0 * NOV-FEB FRI-MON",
    "H H(0-29)/10 * * *",
    "0 R(1-5) * * *",
    "0 1~5 * * *",
    "cron(0 10 * * ? 2027)",
    "rate(5 minutes)",
    "crontab(minute=0, hour='*/3')",
    '@Scheduled(cron = "0 0 * * * *")',
    "interval(1:02:03)",
    "Mon..Fri *-*-* 09:00:00",
    "*-*-01 04:00",
    "OnCalendar=daily",
    "cron.workhours",
    "schedule: '*/5 * * * *'",
    "every day at 10:30 pm",
    "every 2 hours and 30 minutes",
    "each monday at 9",
    "weekly",
    "PT1H30M",
    "90s",
    "*/5 * * * * root /usr/bin/backup --all > /dev/null # nightly",
    "0 0 * * MONDAY",
    "0 0 \u2217 * *",
    "2027-01-31T10:00:00Z",
    "60 24 32 13 7",
    "1,,2 */0 5- /5 +5",
    "",
]

# Characters and pieces that are usually wrong.
NASTY: list[str] = [
    *"0123456789*?,-/ LWHR#@=~+.:;()[]{}'\"\\|$&<>%!^_",
    *"\t\n\r\v\f\x00\x07\x08\x1b\x1c\x7f\x85",
    *"\u0663\u0967\u00b2\u00bd\u2167\uff15\U0001d7d9",  # digits of other scripts, and look-alikes
    *"\u200b\u200e\u200f\u202e\u2066\u2028\u2029\u00a0\u3000\ufeff",  # marks of direction; spaces
    *"\u0301\u20e3\u0130\u0131\u017f\u212a\u00df\ufb01",  # combining; letters that change with the case
    *"\ud800\udfff\ue000\uffff\U000e0041\U0010ffff\U0001f600\u2013\u201c\u00b5\u03bc",
    *("\x1b[31m", "MON", "feb", "TZ=", "UTC ", "@every ", "@", "1h", "*/", " and ", " at ", "cron", "every "),
    *("..", "--", "a=1 ", "=", "../", "%s", "{}", "1e9", "inf", "nan", "0x1", "True", "None"),
]

# Characters of most valid specs.
PLAIN: list[str] = [*"0123456789012345*,/- "]


class Outcome(NamedTuple):
    """A spec, the CPU time of the thread for it, and the result or the error."""

    spec: str
    seconds: float
    result: Cron | Every | BadSpec


Mutation = Callable[[random.Random, str, int], str]  # takes the spec and an index in it

# The weight of each mutation, and the mutation.
MUTATIONS: list[tuple[int, Mutation]] = [
    (12, lambda rng, spec, at: spec[:at] + spec[at + 1 :]),
    (5, lambda rng, spec, at: spec[:at] + spec[at + rng.randint(1, 6) :]),
    (23, lambda rng, spec, at: spec[:at] + character(rng) + spec[at:]),
    (20, lambda rng, spec, at: spec[:at] + character(rng) + spec[at + 1 :]),
    (8, lambda rng, spec, at: spec[:at] + spec[at : at + 6].swapcase() + spec[at + 6 :]),
    (7, lambda rng, spec, at: spec[: at + rng.randint(1, 6)] + spec[at:]),
    (6, lambda rng, spec, at: spec[:at] + spec[at + 4 :] + spec[at : at + 4]),
    (9, lambda rng, spec, at: spec[:at] + rng.choice(CORPUS)[rng.randint(0, 20) :]),
    (4, lambda rng, spec, at: spec[:at] + spec[at : at + rng.randint(1, 6)] * repeat_count(rng) + spec[at:]),
    (3, lambda rng, spec, at: spec[:at] + character(rng) * repeat_count(rng) + spec[at:]),
    (2, lambda rng, spec, at: spec[:at] + str(rng.randrange(10)) * repeat_count(rng) + spec[at:]),
    (1, lambda rng, spec, at: (spec or "* ") * (rng.choice([513, 5_000, LONGEST]) // (len(spec) or 2) + 1)),
]
WEIGHTS = [weight for weight, _ in MUTATIONS]


def character(rng: random.Random) -> str:
    """Return a character that may be valid, or one that usually is not."""
    return rng.choice(NASTY if rng.randrange(2) else PLAIN)


def repeat_count(rng: random.Random) -> int:
    """Return how often to repeat a piece; the result often is close to the longest spec."""
    return rng.choice([2, 9, 50, 120, 310, 480])


def mutate(rng: random.Random, spec: str) -> str:
    """Return the spec with one change; two of five are often valid."""
    digits = [index for index, each in enumerate(spec[:100]) if each in "0123456789*"]
    if digits and rng.randrange(5) < 2:
        at = rng.choice(digits)
        return spec[:at] + rng.choice(["*", "1", "2", "3", "5", "1-5", "0", "*/7", "1,*"]) + spec[at + 1 :]
    ((_weight, mutation),) = rng.choices(MUTATIONS, WEIGHTS)
    return mutation(rng, spec, rng.randint(0, len(spec)))


def mutants(count: int = COUNT) -> Iterator[str]:
    """Yield different mutated specs, the same ones each time; also used by the benchmark of schedules.

    One or two changes reach more of the parser's branches than many, most of which only add a field.
    """
    rng = random.Random(SEED)
    seen: set[str] = set()
    while len(seen) < count:
        spec = rng.choice(CORPUS)
        for _ in range(rng.randint(1, 2)):
            spec = mutate(rng, spec)[:LONGEST]
        if spec not in seen:
            seen.add(spec)
            yield spec


STARTS = [
    datetime(2026, 3, 8, 6, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 11, 1, 1, 30, tzinfo=timezone(timedelta(hours=-4))),
    datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC),
]


def clear_caches() -> None:
    """Clear the caches of fields, so that the next spec is parsed as if it were the first."""
    cron._expansions.clear()  # noqa: SLF001 - no user needs to clear a cache
    wall_clock.first_from.cache_clear()
    wall_clock.day_masks.cache_clear()


def measure(spec: str) -> Outcome:
    """Parse a spec, search for three ticks, make its text, and measure the CPU time."""
    result: Cron | Every | BadSpec
    gc.disable()
    began = thread_time()
    try:
        result = parse_uncached(spec, "UTC", "once")
        for start in STARTS:
            result.next(start)
        str(result)
    except BadSpec as bad:
        result = bad.with_traceback(None)  # the frames of all errors would take much memory
        str(bad)
    finally:
        taken = thread_time() - began
        gc.enable()
    return Outcome(spec, taken, result)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Return the outcomes of all mutated specs."""
    for spec in ("TZ=Nowhere/Atall * * * * *", "1 2 3 4 5 6", "@dayly"):
        measure(spec)  # the first ones load croniter, the names of the zones, and difflib
    return [measure(spec) for spec in mutants()]


def test_mutated_specs_are_schedules_or_bad_specs(outcomes: list[Outcome]) -> None:
    """There are many of both, and no other error is raised."""
    found = [result for _spec, _seconds, result in outcomes]
    assert len({spec for spec, _, _ in outcomes}) == COUNT
    assert max(len(spec) for spec, _, _ in outcomes) == LONGEST
    assert sum(isinstance(result, Cron) for result in found) > 700
    assert sum(isinstance(result, Every) for result in found) > 100
    assert sum(isinstance(result, BadSpec) for result in found) > COUNT / 2


def test_the_error_for_a_mutated_spec_has_one_printable_sentence(outcomes: list[Outcome]) -> None:
    """The spec below it is printable too, and the caret is within the spec."""
    for spec, _seconds, error in outcomes:
        if not isinstance(error, BadSpec):
            continue
        start = repr(spec[:600])
        assert error.sentence.strip(), start
        assert error.sentence.isprintable(), (start, error.sentence)
        assert len(error.sentence) < 1000, (start, error.sentence)
        assert str(error).startswith(error.sentence), start
        lines = str(error).split("\n")
        assert len(lines) <= 3, start
        assert all(line.isprintable() for line in lines), (start, str(error))
        assert error.spec in (spec, None), start
        if error.position is not None:
            assert 0 <= error.position <= len(spec), (start, error.position)


def test_a_valid_mutated_spec_has_later_ticks_and_its_str_parses_to_an_equal_schedule(
    outcomes: list[Outcome],
) -> None:
    """Its next tick is later than each of three instants, or None."""
    for spec, _seconds, schedule in outcomes:
        if isinstance(schedule, BadSpec):
            continue
        for start in STARTS:
            due = schedule.next(start)
            assert due is None or due > start, repr(spec)
        again = parse(str(schedule))
        assert again == schedule, repr(spec)
        assert str(again) == str(schedule), repr(spec)


def test_a_mutated_spec_is_parsed_in_bounded_time(outcomes: list[Outcome]) -> None:
    """CPU time of the thread, after all imports; the best of three counts."""
    slow = [each for each in outcomes if each.seconds > MOST_SECONDS]
    # The slowest are measured again in any case, without caches.
    slow += sorted(outcomes, key=lambda each: -each.seconds)[:10]
    for spec, seconds, _result in slow:
        repeats = []
        for _ in range(2):
            clear_caches()
            repeats.append(measure(spec).seconds)
        assert min(seconds, *repeats) <= MOST_SECONDS, (spec[:600], seconds, repeats)


@pytest.mark.parametrize("length", [512, 513, LONGEST])
@pytest.mark.parametrize(
    "piece",
    ["9", "*", " ", ",", "* ", "1,", "/5", "-", "( ", "'", "a=1 ", "cron", "and ", "TZ=", "\ud800", "\u0663"],
)
def test_a_long_repetitive_spec_is_parsed_in_bounded_time(piece: str, length: int) -> None:
    """A piece is repeated in front of a spec, after it, as a zone, and alone."""
    text = (piece * length)[:length]
    for spec in (text, text[10:] + " * * * * *", "* * * * " + text[8:], "TZ=" + text[12:] + " @daily"):
        times = []
        for _ in range(3):
            clear_caches()
            found = measure(spec)
            times.append(found.seconds)
            assert isinstance(found.result, BadSpec) or set(spec) <= set("9*/,- 15")
        assert min(times) <= MOST_SECONDS, (spec[:60], times)


ANY_TEXT = st.text(st.characters(), max_size=40)  # with surrogates
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.binary(max_size=20)
    | ANY_TEXT
    | st.builds(object)
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.sampled_from([UTC, datetime, date, tzinfo, parse, ..., range(3), bytearray(b"* * * * *")]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)
SOME_SPEC = st.sampled_from(CORPUS) | ANY_TEXT | ANYTHING
SOME_ZONE = st.sampled_from(["UTC", "Europe/Oslo", "", "..", None]) | st.timezones() | ANYTHING
SOME_RULE = st.sampled_from(["once", "every", "ONCE", ""]) | ANYTHING


@STEADY
@given(SOME_SPEC, SOME_ZONE, SOME_RULE)
def test_arguments_of_any_type_raise_bad_spec_or_type_error(spec: object, tz: object, dst: object) -> None:
    """The spec, the zone and the DST rule, in any combination."""
    with suppress(BadSpec, TypeError):
        schedule = parse(spec, tz=tz, dst=dst)  # type: ignore[arg-type] # the point of the test
        assert isinstance(spec, str)
        assert "TZ=" in spec or isinstance(tz, str | tzinfo | None)
        assert dst in ("once", "every")
        assert str(schedule)


@STEADY
@given(ANYTHING)
def test_one_argument_of_any_type_raises_bad_spec_or_type_error(value: object) -> None:
    """The other two arguments are valid, so that this one is not skipped."""
    for arguments in ((value, "UTC", "once"), ("* * * * *", value, "once"), ("* * * * *", "UTC", value)):
        with suppress(BadSpec, TypeError):
            parse(arguments[0], tz=arguments[1], dst=arguments[2])  # type: ignore[arg-type] # on purpose
