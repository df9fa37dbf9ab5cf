"""Descriptions of schedules in plain English."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.schedules.cron_fields import FIELDS
from jobtui.schedules.describe import describe
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Every, Once

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("0 */15 9-17 ? * MON-FRI", "every 15 minutes from 09:00 to 17:59, Monday to Friday"),
        ("@midnight", "at 00:00 every day"),
        ("@daily", "at 00:00 every day"),
        ("@hourly", "every hour"),
        ("@weekly", "at 00:00, on Sunday"),
        ("@monthly", "at 00:00, on day 1 of the month"),
        ("@yearly", "at 00:00, on day 1 of the month in January"),
        ("@every 5s", "every 5 seconds"),
        ("@every 1s", "every second"),
        ("@every 1h", "every hour"),
        ("@every 1h30m", "every 1 hour 30 minutes"),
        ("@every 24h", "every 24 hours"),
        ("@every 1500us", "every 1 millisecond 500 microseconds"),
        ("* * * * *", "every minute"),
        ("* * * * * *", "every second"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("*/10 * 9-17 * * *", "every 10 seconds from 09:00:00 to 17:59:59"),
        ("*/5 * * * *", "every 5 minutes"),
        ("* 9-17 * * *", "every minute from 09:00 to 17:59"),
        ("* 9 * * *", "every minute from 09:00 to 09:59"),
        ("0 9-17 * * *", "every hour from 09:00 to 17:00"),
        ("0 */2 * * *", "every 2 hours"),
        ("30 9 * * *", "at 09:30 every day"),
        ("5 30 9 * * *", "at 09:30:05 every day"),
        ("0,30 9 * * *", "at 09:00 and 09:30 every day"),
        ("0 9,12,17 * * *", "at 09:00, 12:00 and 17:00 every day"),
        ("5 * * * *", "at minute 5 of every hour"),
        ("5 */2 * * *", "at minute 5 of hours 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 22 every day"),
        ("*/7 * * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
        ("*/15 9-11,14-16 * * *", "at minutes 0, 15, 30 and 45 of hours 9 to 11 and 14 to 16 every day"),
        ("0,30 * 9 * * *", "every 30 seconds from 09:00:00 to 09:59:59"),
        ("0,40 * 9 * * *", "at seconds 0 and 40 of every minute of hour 9"),
        ("* 30 2 * * *", "every second of minute 30 of hour 2"),
        ("5 * * * * *", "at second 5 of every minute of every hour"),
        ("0 9 * * SAT,SUN", "at 09:00, on Saturday and Sunday"),
        ("0 9 * * SUN-MON", "at 09:00, on Monday and Sunday"),
        ("0 9 * * MON-WED,FRI", "at 09:00, Monday to Wednesday and Friday"),
        ("0 9 13 * FRI", "at 09:00, on day 13 of the month and on every Friday"),
        ("0 9 1-7 * ?", "at 09:00, on days 1 to 7 of the month"),
        ("0 9 */15 * FRI", "at 09:00, on days 1, 16 and 31 of the month if that is a Friday"),
        ("0 9 */15 * SAT,SUN", "at 09:00, on days 1, 16 and 31 of the month if that is a Saturday or Sunday"),
        ("0 9 1-31 * FRI", "at 09:00 every day"),
        ("0 9 13 * 0-6", "at 09:00 every day"),
        ("*/5 * * 1-3,12 *", "every 5 minutes, in January to March and December"),
        ("0 0 1 1,7 *", "at 00:00, on day 1 of the month in January and July"),
        ("TZ=Asia/Tokyo 0 9 * * *", "at 09:00 every day (Asia/Tokyo)"),
    ],
)
def test_describe_returns_the_expected_sentence(spec: str, sentence: str) -> None:
    """Even steps are "every n"; others are listed number by number."""
    assert describe(parse(spec)) == sentence


def test_an_instant_and_a_given_start_are_described_as_wall_times_of_their_zone() -> None:
    """An implied start is not part of the description."""
    assert describe(Once(NOON)) == "once at 2026-11-23 12:00:00"
    assert describe(Every("5s", NOON)) == "every 5 seconds, starting at 2026-11-23 12:00:00"
    assert describe(Every("5s", NOON, tz="Asia/Tokyo")) == "every 5 seconds, starting at 2026-11-23 21:00:00"
    assert describe(Every("5s").anchored(NOON)) == "every 5 seconds"


class Moonrise:
    """A schedule class of a user."""

    tz: tzinfo = UTC

    def next(self, after: datetime) -> datetime | None:
        """Return about the next moonrise."""
        return after + timedelta(hours=24, minutes=50)

    def ticks_between(self, after: datetime, until: datetime, limit: int) -> int:
        """Return about how many there are."""
        return min(limit, (until - after) // timedelta(hours=24, minutes=50))

    def __str__(self) -> str:
        """Return its name."""
        return "@moonrise"


def test_a_schedule_of_a_users_class_is_described_by_its_str() -> None:
    """Nothing else is known about it."""
    assert describe(Moonrise()) == "@moonrise"


@settings(derandomize=True, deadline=None, max_examples=300, database=None)
@given(
    st.tuples(
        *(
            st.sampled_from(
                ["*", f"{field.low}", f"{field.low}-{field.high}", "*/2", "*/7", f"{field.high - 3}/2", "2,5"]
            )
            for field in FIELDS
        )
    )
)
def test_a_schedule_described_as_every_n_units_has_ticks_n_units_apart(texts: tuple[str, ...]) -> None:
    """Checked for 200 ticks."""
    schedule = Cron(" ".join(texts), tz="UTC")
    words = describe(schedule).removesuffix(" (UTC)").split()
    if words[0] != "every" or not (len(words) == 2 or (len(words) == 3 and words[1].isdigit())):
        return
    unit = {"second": 1, "minute": 60, "hour": 3600}[words[-1].rstrip("s")]
    step = timedelta(seconds=unit * (int(words[1]) if len(words) == 3 else 1))
    after = schedule.next(NOON - timedelta(seconds=1))
    for _ in range(200):
        assert after is not None
        due = schedule.next(after)
        assert due == after + step
        after = due
