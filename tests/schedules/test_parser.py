"""`parse`: its cache, and the zone and DST rule of a spec. The grammar is tested in test_cron.py."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from itertools import combinations, islice
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobtui.schedules import cron, parser
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Dst, Every

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_parse_returns_the_same_object_for_the_same_arguments() -> None:
    """Ten thousand jobs with one spec share one schedule."""
    assert parse("*/7 * * * *", tz="UTC") is parse("*/7 * * * *", tz="UTC")
    assert parse("*/7 * * * *") is parse("*/7 * * * *")
    assert parse("*/7 * * * *", tz="UTC") is not parse("*/7 * * * *", tz="Asia/Tokyo")
    assert parse("*/7 * * * *", dst="every") is not parse("*/7 * * * *")
    assert str(parse("@daily", tz=UTC)) == "TZ=UTC 0 0 0 * * *"


def test_threads_that_parse_the_same_new_spec_at_once_get_the_same_object(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All four parse it before the first puts its schedule into the cache."""
    barrier = Barrier(4)
    read = parser.parse_uncached

    def read_together(spec: str, tz: str | tzinfo | None, dst: Dst) -> Cron | Every:
        made = read(spec, tz, dst)
        barrier.wait(timeout=30)
        return made

    monkeypatch.setattr(
        parser, "parse_uncached", read_together
    )  # runs between a miss of the cache and its filling
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: parse("7 7 4 7 7 *", tz="UTC"), range(4)))
    assert all(each is found[0] for each in found)
    assert parse("7 7 4 7 7 *", tz="UTC") is found[0]


def test_the_cache_of_parse_is_bounded_and_drops_the_oldest_specs() -> None:
    """A server that parses the specs of strangers does not fill its memory."""
    first = parse("1 2 3 4 5 *", tz="UTC")
    for number in range(1100):
        parse(f"{number % 60} {number // 60} 5 * * *", tz="UTC")
    again = parse("1 2 3 4 5 *", tz="UTC")
    assert again is not first
    assert again == first


def test_the_cache_of_expanded_fields_is_bounded() -> None:
    """The specs of strangers may differ in every field."""
    fields = islice(combinations(range(60), 3), cron._MAX_EXPANSIONS + 100)  # noqa: SLF001 - no public result says the size
    for number, (low, middle, high) in enumerate(fields):
        assert Cron(f"{low},{middle},{high} * * * * *", tz="UTC").fields.seconds == (low, middle, high)
        assert len(cron._expansions) <= cron._MAX_EXPANSIONS + 6, number  # noqa: SLF001 - no public result says the size


def test_parse_returns_different_schedules_for_equal_zones_with_different_names() -> None:
    """In Python, two fixed offsets are equal whatever their names; screens show the names."""
    names = ["ALPHA", "BRAVO"]
    schedules = [parse("0 4 * * *", tz=timezone(timedelta(hours=1), name)) for name in names]
    assert [schedule.tz.tzname(None) for schedule in schedules] == names


class Spec(StrEnum):
    """Specs that a program keeps in an enum."""

    NIGHTLY = "0 3 * * *"


def test_parse_accepts_a_subclass_of_str() -> None:
    """Its text counts, not its repr."""
    assert str(parse(Spec.NIGHTLY)) == "0 0 3 * * *"


def test_the_zone_in_a_spec_has_priority_over_tz() -> None:
    """With ``TZ=`` and ``CRON_TZ=``."""
    for prefix in ("TZ", "CRON_TZ"):
        schedule = parse(f"{prefix}=Asia/Tokyo 0 9 * * *", tz="UTC")
        assert schedule.next(NOON) == datetime(2026, 11, 24, tzinfo=UTC)
        assert schedule.tz == ZoneInfo("Asia/Tokyo")
        assert parse(f"{prefix}=Asia/Tokyo @every 5s", tz="UTC").tz == ZoneInfo("Asia/Tokyo")


class NoZone(tzinfo):
    """A zone without offsets."""


@pytest.mark.parametrize(
    "tz",
    [[], 5, NoZone(), NoZone],  # type: ignore[abstract] # the point of the test
    ids=["list", "int", "zone", "class"],
)
def test_a_tz_that_is_not_a_zone_is_a_type_error_also_if_the_spec_has_a_zone(tz: Any) -> None:
    """The error is raised at once, not at the first call of next."""
    for spec in ("@daily", "TZ=UTC @daily", "TZ=UTC @every 5s", "@every 5s"):
        with pytest.raises(TypeError, match="a zone"):
            parse(spec, tz=tz)


@pytest.mark.parametrize("dst", [10**5000, None, [], True], ids=["int", "None", "list", "bool"])
def test_the_error_for_a_dst_rule_of_another_type_has_the_type(dst: Any) -> None:
    """Its value may be too long to show."""
    with pytest.raises(BadSpec, match=f"'once' or 'every', not {type(dst).__name__}"):
        parse("@daily", tz="UTC", dst=dst)


def test_an_unknown_dst_rule_is_a_bad_spec() -> None:
    """In parse and in Cron."""
    for make in (parse, Cron):
        with pytest.raises(BadSpec, match="dst must be 'once' or 'every'"):
            make("@daily", dst="twice")  # type: ignore[arg-type] # the point of the test
