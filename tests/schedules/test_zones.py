"""Zones by name, and the machine's zone."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz as dateutil_tz  # type: ignore[import-untyped] # it ships no type information

from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Every
from jobtui.schedules.zones import local_zone, zone, zone_name

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_default_zone_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read for each call, so that a changed setting is not answered from the cache."""
    for name in ("Asia/Tokyo", "Europe/Oslo"):
        monkeypatch.setattr("tzlocal.get_localzone", lambda name=name: ZoneInfo(name))
        assert parse("@daily").tz == ZoneInfo(name)
        assert Every(5).tz == ZoneInfo(name)
        assert local_zone() == zone(None) == ZoneInfo(name)


def test_an_unknown_zone_of_the_machine_is_an_error_only_if_the_zone_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TZ=Nowhere in the environment does not matter to a schedule that names its zone."""
    monkeypatch.setattr("tzlocal.get_localzone", lambda: ZoneInfo("Not/Azone"))
    with pytest.raises(BadSpec, match="set one with tz="):
        parse("17 4 * * *")
    assert parse("TZ=UTC 17 4 * * *").next(NOON) == datetime(2026, 11, 24, 4, 17, tzinfo=UTC)
    assert parse("17 4 * * *", tz="UTC").next(NOON) == datetime(2026, 11, 24, 4, 17, tzinfo=UTC)
    assert Every(5, NOON).tz is UTC


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Amerca/New_York", "America/New_York"),
        ("utc", "UTC"),
        ("europe/oslo", "Europe/Oslo"),
        ("$$$", "write a name"),
    ],
)
def test_the_error_for_an_unknown_zone_has_the_closest_names(name: str, hint: str) -> None:
    """Or an example, if no name is close."""
    with pytest.raises(BadSpec, match="unknown time zone") as caught:
        parse("@daily", tz=name)
    assert hint in caught.value.sentence


def test_a_number_as_zone_is_a_type_error() -> None:
    """It is not an offset."""
    with pytest.raises(TypeError, match="a zone must be a name"):
        parse("@daily", tz=5)  # type: ignore[arg-type] # the point of the test


@pytest.mark.parametrize("offset", ["+00:60", "-24:00", "+1:00"])
def test_an_impossible_offset_is_an_unknown_zone(offset: str) -> None:
    """Hours are below 24 and minutes below 60, both in two digits."""
    with pytest.raises(BadSpec, match="unknown time zone"):
        parse("@daily", tz=f"UTC{offset}")


class PytzLike(tzinfo):
    """Has the attributes of a zone of pytz."""

    zone = "Asia/Tokyo"

    def localize(self) -> None:
        """Only exists."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        """Return the offset of local mean time, as pytz does."""
        return timedelta(hours=9, minutes=19)

    def dst(self, when: datetime | None) -> timedelta:
        """Return zero."""
        return timedelta(0)

    def tzname(self, when: datetime | None) -> str:
        """Return the name of local mean time."""
        return "LMT"


def test_a_zone_of_pytz_is_replaced_by_the_standard_librarys() -> None:
    """In the constructor of a datetime it would be local mean time."""
    assert zone(PytzLike()) == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize("name", ["UTC", "Asia/Tokyo", "UTC+05:45", "UTC-03:30", "UTC+00:00:01"])
def test_the_name_of_a_zone_gives_the_zone(name: str) -> None:
    """Also for fixed offsets. UTC is datetime.UTC, which is faster than a ZoneInfo."""
    assert zone_name(zone(name)) == name
    assert zone("UTC") is UTC


def test_the_name_of_a_fixed_zone_is_its_offset() -> None:
    """Its own name would not parse."""
    assert zone_name(timezone(timedelta(hours=2), "CEST")) == "UTC+02:00"
    assert zone_name(dateutil_tz.tzutc()) == "tzutc()"
