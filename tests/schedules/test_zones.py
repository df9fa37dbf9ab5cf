"""Zones by name, and the machine's zone."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError

import pytest
from dateutil import tz as dateutil_tz  # type: ignore[import-untyped] # it ships no type information

from jobtui import Scheduler
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Every
from jobtui.schedules.zones import local_zone, zone, zone_name

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_default_zone_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read for each call, so that a changed setting is not answered from the cache."""
    monkeypatch.delenv("TZ", raising=False)
    for name in ("Asia/Tokyo", "Europe/Oslo"):
        monkeypatch.setattr("tzlocal.get_localzone", lambda name=name: ZoneInfo(name))
        assert parse("@daily").tz == ZoneInfo(name)
        assert Every(5).tz == ZoneInfo(name)
        assert local_zone() == zone(None) == ZoneInfo(name)


def test_an_unknown_zone_of_the_machine_is_an_error_only_if_the_zone_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TZ=Nowhere in the environment does not matter to a schedule that names its zone."""
    monkeypatch.setenv("TZ", "Not/Azone")
    with pytest.raises(
        BadSpec, match="set the environment variable TZ to a name such as Europe/Oslo, or name"
    ):
        parse("17 4 * * *")
    assert parse("TZ=UTC 17 4 * * *").next(NOON) == datetime(2026, 11, 24, 4, 17, tzinfo=UTC)
    assert parse("17 4 * * *", tz="UTC").next(NOON) == datetime(2026, 11, 24, 4, 17, tzinfo=UTC)
    assert Every(5, NOON).tz is UTC
    for _ in range(2):  # the second one is from the cache
        assert parse("@every 5s").next(NOON) == NOON + timedelta(seconds=5)
    assert Every(5).tz is UTC
    assert Scheduler(tz="Asia/Tokyo").every(5, print).schedule.tz == ZoneInfo("Asia/Tokyo")


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


# --- the machine's zone ---------------------------------------------------------------------------

SUMMER, WINTER = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("variable", "name", "summer", "winter"),
    [
        ("Europe/Oslo", "Europe/Oslo", 2, 1),
        (":Europe/Oslo", "Europe/Oslo", 2, 1),
        (f"{TZPATH[0]}/Europe/Oslo", "Europe/Oslo", 2, 1),
        ("", "UTC", 0, 0),
        (":", "UTC", 0, 0),
        ("UTC", "UTC", 0, 0),
        ("UTC0", "UTC", 0, 0),
        ("<+03>-3", "UTC+03:00", 3, 3),
        ("<-0330>3:30", "UTC-03:30", -3.5, -3.5),
        ("JST-9", "UTC+09:00", 9, 9),
        ("GMT+2", "UTC-02:00", -2, -2),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3", 2, 1),
        ("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", -2, -3),
        ("AAA5BBB", "AAA5BBB", -4, -5),
    ],
)
def test_the_environment_variable_tz_is_read_as_the_c_library_reads_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, name: str, summer: float, winter: float
) -> None:
    """A name, a file, or the notation of POSIX, which counts offsets westwards."""
    monkeypatch.setenv("TZ", variable)
    tz = local_zone()
    assert zone_name(tz) == name
    hours = [
        (each.astimezone(tz).utcoffset() or timedelta()) / timedelta(hours=1) for each in (SUMMER, WINTER)
    ]
    assert hours == [summer, winter]
    assert zone(name) == tz  # for a reader in another process
    assert Scheduler().tz is local_zone()


def test_a_cron_job_in_a_zone_of_posix_follows_its_transitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the zone of the database that has the same rule."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    named = parse("30 2 * * *", tz="Europe/Berlin")
    schedule = parse("30 2 * * *")
    for begin in (datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
        after = other = begin
        for _ in range(5):
            found, expected = schedule.next(after), named.next(other)
            assert found is not None
            assert expected is not None
            assert found.timestamp() == expected.timestamp()
            after, other = found, expected


@pytest.mark.parametrize(
    "variable",
    [
        "Europe",
        "Nowhere",
        "../x",
        "/etc",
        "/etc/passwd",
        "/no/such/file",
        "XXX25",
        "AAA3BBB,foo",
        "a" * 5000,
        "\u00e9",
    ],
)
def test_a_variable_tz_that_is_no_zone_is_an_error_that_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The message names the variable."""
    monkeypatch.setenv("TZ", variable)
    with pytest.raises(BadSpec, match=r"TZ='.*' is not one; set .* such as Europe/Oslo, .*--tz, jobs\.tz"):
        Scheduler()


@pytest.mark.parametrize(
    "error",
    [
        IsADirectoryError(21, "Is a directory", "/etc/localtime"),
        PermissionError(13, "Permission denied", "/etc/localtime"),
        ValueError("Invalid TZif file: magic not found"),
        ZoneInfoNotFoundError("No time zone found with key Not/Azone"),
    ],
)
def test_settings_of_the_machine_that_are_no_zone_are_an_error_that_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """/etc/localtime may be a folder, unreadable or broken, and /etc/timezone may name no zone."""

    def fail() -> tzinfo:
        raise error

    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr("tzlocal.get_localzone", fail)
    monkeypatch.setattr("tzlocal.get_localzone_name", lambda: "Not/Azone")
    with pytest.raises(
        BadSpec, match=r"cannot determine the machine's time zone \(.*\); set the environment"
    ):
        local_zone()
    monkeypatch.setattr("tzlocal.get_localzone_name", lambda: "Etc/UTC")
    assert local_zone() is UTC


WITHOUT_DATABASE = """
import sys
sys.modules["tzdata"] = None
from jobtui import BadSpec, Scheduler, parse
assert Scheduler().tz is Scheduler(tz="Etc/UTC").tz is Scheduler(tz="GMT").tz
assert str(parse("@daily").tz) == "UTC"
try:
    parse("@daily", tz="Europe/Oslo")
except BadSpec as error:
    print(error.sentence)
"""


@pytest.mark.parametrize("variable", ["UTC", "UTC0", "", "Etc/UTC", ":UTC"])
def test_utc_needs_no_zone_database(variable: str) -> None:
    """A small container has none; any other zone says what to install."""
    environment = {**os.environ, "TZ": variable, "PYTHONTZPATH": ""}
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_DATABASE], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    assert ended.stdout == (
        "unknown time zone 'Europe/Oslo'; this machine has no time zone database: "
        "install the package tzdata\n"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (
            "GMT+2",
            (
                "write UTC+02:00 if that is ahead of UTC, or UTC-02:00 if it is meant as in the name "
                "Etc/GMT+2, whose sign is reversed"
            ),
        ),
        (
            "GMT-0330",
            (
                "write UTC-03:30 if that is behind UTC, or UTC+03:30 if it is meant as in the name "
                "Etc/GMT-3, whose sign is reversed"
            ),
        ),
        ("UTC+2", "write UTC+02:00"),
        ("utc-3", "write UTC-03:00"),
        ("+02:00", "write UTC+02:00"),
        ("+5:30", "write UTC+05:30"),
        ("Z+1", "write UTC+01:00"),
        ("UTC+25", "write a name such as Europe/Oslo, or an offset such as UTC+02:00"),
        ("UTC5", "write a name such as Europe/Oslo, or an offset such as UTC+02:00"),
        ("JST-9", "write a name such as Europe/Oslo, or an offset such as UTC+02:00"),
        ("PST", "write a name such as Europe/Oslo or UTC"),
        ("IST", "write a name such as Europe/Oslo or UTC"),
    ],
)
def test_the_error_for_an_offset_or_an_abbreviation_suggests_no_other_zone(name: str, hint: str) -> None:
    """The signs of Etc/GMT+2 and of POSIX are reversed, and IST is not near MST."""
    with pytest.raises(BadSpec) as caught:
        zone(name)
    assert caught.value.sentence == f"unknown time zone {name!r}; {hint}"
