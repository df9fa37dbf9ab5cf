"""Schedules of the user's own classes: any object with the members of `jobtui.Schedule`."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobtui import Cron, Every, Once, RunState, Schedule, Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.output_log import OutputLog
from jobtui.testing import SimulatedScheduler

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OSLO = ZoneInfo("Europe/Oslo")


class PowersOfTwo:
    """Is due 1, 2, 4, 8 ... minutes after noon."""

    tz = OSLO

    def next(self, after: datetime) -> datetime | None:
        """Return the first of these instants later than another one."""
        minutes = 1
        while (due := NOON + timedelta(minutes=minutes)) <= after:
            minutes *= 2
        return due.astimezone(self.tz)

    def __str__(self) -> str:
        """Return the text that is shown."""
        return "1, 2, 4, 8 ... minutes after noon"


def work() -> None:
    """Do nothing."""


def test_an_object_with_the_members_of_the_protocol_is_a_schedule() -> None:
    """Its jobs are due at the instants that it returns, and late ticks are counted."""
    with SimulatedScheduler(start=NOON) as scheduler:
        schedule: Schedule = PowersOfTwo()
        job = scheduler.schedule(schedule, work)
        assert job.schedule is schedule
        scheduler.advance("5m")
        assert scheduler.fired(job) == [NOON + timedelta(minutes=minutes) for minutes in (1, 2, 4)]
        scheduler.suspend("30m")
        assert scheduler.fired(job)[3:] == [NOON + timedelta(minutes=35)]
        [missed] = [end for end in scheduler.runs_of("work") if end.state is RunState.COALESCED]
        assert missed.ticks == 2
        assert job.next == NOON + timedelta(minutes=64)
        assert scheduler.snapshot().jobs[0].spec == str(schedule)


def test_a_job_with_a_schedule_of_the_user_is_shown() -> None:
    """In the details of the dashboard and of the page."""
    with SimulatedScheduler(start=NOON) as scheduler:
        scheduler.schedule(PowersOfTwo(), work)
        details = LocalBackend(scheduler, title="", output_log=OutputLog()).job_details("work")
    assert details.description == str(PowersOfTwo())


class Other:
    """A schedule that returns the same thing at each call.

    Args:
        due: What it returns.
    """

    tz: tzinfo = UTC

    def __init__(self, due: object) -> None:
        self.due = due

    def next(self, after: datetime) -> Any:
        """Return it."""
        return self.due() if callable(self.due) else self.due


@pytest.mark.parametrize(
    ("due", "kind", "message"),
    [
        (
            NOON,
            ValueError,
            r"Other\.next\(\) must return an instant later than 2026-11-23 12:00:00.*, not 2026",
        ),
        (NOON.replace(tzinfo=None), ValueError, "must return an aware datetime, not .*, which has no zone"),
        (date(2027, 1, 1), TypeError, "must return an aware datetime or None, not datetime.date"),
        (NOON.timestamp() + 60, TypeError, "must return an aware datetime or None, not 17"),
        (lambda: 1 // 0, ZeroDivisionError, "by zero"),
    ],
)
def test_a_schedule_that_returns_no_later_instant_is_refused(
    due: object, kind: type[Exception], message: str
) -> None:
    """When the job is registered, also before the start."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(NOON.timestamp()))
    with pytest.raises(kind, match=message):
        scheduler.schedule(Other(due), work)
    assert scheduler.jobs == []


def test_a_schedule_that_fails_later_is_an_internal_error_and_stalls_no_other_job() -> None:
    """The snapshot has the error."""
    answers = iter([NOON + timedelta(seconds=1)] * 3)
    with SimulatedScheduler(start=NOON) as scheduler:
        scheduler.schedule(Other(lambda: next(answers)), work, name="fails")
        scheduler.every("1s", work, name="works")
        scheduler.advance("3s")
        assert "fails" in scheduler.snapshot().internal_error
        assert len(scheduler.fired("works")) == 3


def test_a_schedule_that_is_never_due_again_is_accepted() -> None:
    """As `Once` is in the past."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(NOON.timestamp()))
    for schedule in (Other(None), Once(NOON)):
        scheduler.schedule(schedule, work)


class OnlyNext:
    """Has one of the members."""

    def next(self, after: datetime) -> datetime | None:
        """Return None."""
        return None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (OnlyNext, "or an object with next\\(\\) and tz such as a Cron, not .*; it has no tz"),
        (lambda: PowersOfTwo, "not <class '.*PowersOfTwo'>"),
        (lambda: [1], r"not \[1\]$"),
    ],
)
def test_an_object_without_the_members_of_the_protocol_is_refused(
    make: Callable[[], Any], message: str
) -> None:
    """The message has the member that it lacks."""
    with pytest.raises(TypeError, match=message):
        Scheduler().schedule(make(), work)


@pytest.mark.parametrize("policy", [{"tz": "UTC"}, {"dst": "every"}])
@pytest.mark.parametrize("schedule", [Cron("@daily"), Every(5), PowersOfTwo()])
def test_a_zone_or_a_rule_beside_a_schedule_is_refused(schedule: Schedule, policy: dict[str, Any]) -> None:
    """They would have no effect."""
    with pytest.raises(TypeError, match="tz and dst are for specs: "):
        Scheduler().schedule(schedule, work, **policy)
