"""New schedules and policies for jobs that run, on a simulated clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobtui import BadSpec, Cron, Every, JobChanged, Misfire, Overlap, RunState
from jobtui.schedules.adjusted import base_of
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, simulated


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler at 12:00:00."""
    with simulated(datetime(2026, 11, 23, 12, tzinfo=UTC), tz="UTC") as scheduler:
        yield scheduler


def work() -> None:
    """Do nothing."""


def times(scheduler: SimulatedScheduler) -> list[str]:
    return [f"{instant:%H:%M:%S}" for instant in scheduler.fired("work")]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("0 */10 * * * *", ["12:10:00", "12:20:00"]),
        ("10m", ["12:11:30", "12:21:30"]),
        (timedelta(minutes=9), ["12:10:30", "12:19:30"]),
        (1200, ["12:21:30"]),
        (Every("11m"), ["12:12:30", "12:23:30"]),
    ],
)
def test_a_job_with_another_schedule_is_due_by_that_from_now_on(
    scheduler: SimulatedScheduler, spec: Any, expected: list[str]
) -> None:
    job = scheduler.every("1m", work)
    scheduler.advance("90s")
    job.reschedule(spec)
    scheduler.advance("23m")
    assert times(scheduler) == ["12:01:00", *expected]


@pytest.mark.parametrize(("changes", "expected"), [({}, "every"), ({"dst": "once"}, "once")])
def test_another_spec_keeps_the_dst_rule_of_the_job_unless_one_is_given(
    scheduler: SimulatedScheduler, changes: dict[str, Any], expected: str
) -> None:
    job = scheduler.schedule("0 30 2 * * *", work, dst="every", until=datetime(2027, 1, 1, tzinfo=UTC))
    job.reschedule("0 45 2 * * *", **changes)
    schedule = base_of(scheduler.snapshot().jobs[0].schedule)
    assert isinstance(schedule, Cron)
    assert (str(schedule), schedule.dst) == ("TZ=UTC 0 45 2 * * *", expected)
    preview = base_of(scheduler.schedule_for("work", "0 50 2 * * *"))
    assert isinstance(preview, Cron)
    assert preview.dst == expected


def test_a_job_with_another_schedule_keeps_its_counters_and_pause(scheduler: SimulatedScheduler) -> None:
    job = scheduler.every("1m", work)
    scheduler.advance("2m")
    job.pause()
    job.reschedule("@hourly", tz="Asia/Tokyo")
    [view] = scheduler.snapshot().jobs
    assert (view.name, view.runs, view.spec) == ("work", 2, "@hourly (Asia/Tokyo)")
    scheduler.advance("1h")
    assert scheduler.runs_of("work")[0].state is RunState.SKIPPED


def test_other_policies_hold_from_the_next_tick_on_and_the_schedule_stays(
    scheduler: SimulatedScheduler,
) -> None:
    job = scheduler.every("1m", work, overlap="allow")
    scheduler.advance("30s")
    job.update(misfire="all")
    scheduler.suspend("3m")
    scheduler.advance("30s")
    assert times(scheduler) == ["12:03:30"] * 3 + ["12:04:00"]
    assert scheduler.snapshot().jobs[0].overlap is Overlap.ALLOW


def test_none_gives_a_job_the_default_of_its_scheduler_again() -> None:
    """An end that has passed is taken away, so the job has ticks again."""
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with simulated(noon, tz="UTC", defaults={"timeout": "1m", "misfire": "skip"}) as scheduler:
        job = scheduler.every("1m", work, timeout=5, misfire="all", until="2026-11-23T12:02")
        scheduler.advance("5m")
        job.update(until=None, timeout=None, misfire=None)
        scheduler.advance("1m")
        [view] = scheduler.snapshot().jobs
        assert (view.timeout, view.misfire, view.runs) == (timedelta(minutes=1), Misfire.SKIP, 3)


def test_schedule_and_policies_change_together_or_not_at_all(scheduler: SimulatedScheduler) -> None:
    scheduler.every("1m", work)
    subscription = scheduler.subscribe()
    before = scheduler.snapshot().jobs
    for spec, policies in (("* * * * 7", {"overlap": "skip"}), ("@daily", {"overlap": "never"})):
        with pytest.raises((BadSpec, ValueError)):
            scheduler.update("work", spec=spec, **policies)  # type: ignore[arg-type]
    assert scheduler.snapshot().jobs == before
    scheduler.update("work", spec="@daily", overlap="allow")
    [event] = subscription.read()
    assert isinstance(event, JobChanged)
    assert (event.job.spec, event.job.overlap) == ("@daily", Overlap.ALLOW)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"overlap": "never"}, ValueError, "overlap must be one of"),
        ({"overlapp": "skip"}, TypeError, "did you mean overlap="),
        ({"tz": "UTC"}, TypeError, "together with a spec"),
        ({"spec": "10m", "tz": "UTC"}, TypeError, "'10m' is an interval"),
        ({"spec": "cron.none"}, LookupError, "no schedule cron.none"),
        ({"spec": print}, TypeError, "a schedule must be a spec"),
    ],
)
def test_a_wrong_change_is_an_error(
    scheduler: SimulatedScheduler, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    job = scheduler.every("1m", work)
    with pytest.raises(error, match=message):
        scheduler.update(job, **arguments)


def test_only_a_job_that_is_registered_can_be_changed(scheduler: SimulatedScheduler) -> None:
    job = scheduler.every("1m", work)
    job.remove()
    with pytest.raises(LookupError, match="was removed"):
        job.reschedule("@daily")
    scheduler.now(work)
    with pytest.raises(LookupError, match="groups one-off runs"):
        scheduler.update("work", overlap="skip")


def test_a_failure_counts_by_the_policy_at_its_end(scheduler: SimulatedScheduler) -> None:
    def fail() -> None:
        raise OSError

    job = scheduler.every("1m", fail)
    scheduler.advance("2m")
    job.update(pause_after=3)
    scheduler.advance("3m")
    assert job.status.value == "PAUSED"
    assert scheduler.snapshot().jobs[0].runs == 3


@pytest.mark.parametrize(("policies", "at_start"), [({}, False), ({"on_start": True}, True)])
def test_a_job_that_ran_at_the_start_alone_has_only_ticks_after_a_change_of_its_schedule(
    scheduler: SimulatedScheduler, policies: dict[str, Any], *, at_start: bool
) -> None:
    scheduler.schedule("@Reboot", work, name="boot")
    scheduler.update("boot", spec="@daily", **policies)
    assert scheduler.snapshot().jobs[0].on_start is at_start
