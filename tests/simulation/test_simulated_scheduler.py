"""The test kit: what a test sees of its jobs, and when they run on a clock that the test moves."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import jobtui
from jobtui import BadSpec, JobStatus, RunCancelledError, RunState, Scheduler, StartError
from jobtui.engine.enums import Phase, Trigger
from jobtui.runtime import default_scheduler as default_module
from jobtui.simulation import inline_executor
from jobtui.simulation.simulated_scheduler import SimulatedRun, SimulatedScheduler, load, simulated

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def scheduler() -> Iterator[SimulatedScheduler]:
    """Return an active scheduler, at midnight of a Thursday in UTC."""
    with simulated() as scheduler:
        yield scheduler


def work() -> str:
    """Return at once."""
    return "done"


def after(*offsets: float) -> list[datetime]:
    """Return the instants that many seconds after the start."""
    return [START + timedelta(seconds=offset) for offset in offsets]


# --- order and instants ---------------------------------------------------------------------------


def test_due_runs_start_in_order_while_the_clock_shows_their_instant(
    scheduler: SimulatedScheduler,
) -> None:
    """Runs of one instant start in the order of registration."""
    seen: list[tuple[str, datetime]] = []

    def recorder(name: str) -> Callable[[], None]:
        return lambda: seen.append((name, scheduler.time))

    scheduler.every("10s", recorder("ten"), name="ten")
    scheduler.every("4s", recorder("four"), name="four")
    scheduler.schedule("*/10 * * * * *", recorder("cron"), name="cron")
    scheduler.in_(9, recorder("in"))
    scheduler.advance("12s")
    assert [(name, at.second) for name, at in seen] == [
        ("four", 4),
        ("four", 8),
        ("in", 9),
        ("ten", 10),
        ("cron", 10),
        ("four", 12),
    ]
    assert scheduler.time == START + timedelta(seconds=12)


def test_fired_returns_aware_instants_in_the_zone_of_the_scheduler() -> None:
    """Or in another zone, on request."""
    with simulated(start="2026-03-09T00:00", tz="America/New_York") as scheduler:
        scheduler.schedule("0 30 2 * * *", work, name="backup")
        scheduler.advance("48h")
        fired = scheduler.fired("backup")
        assert fired == [
            datetime(2026, 3, 9, 2, 30, tzinfo=NEW_YORK),
            datetime(2026, 3, 10, 2, 30, tzinfo=NEW_YORK),
        ]
        assert [at.tzinfo for at in fired] == [NEW_YORK, NEW_YORK]
        assert scheduler.fired("backup", tz="UTC")[0].isoformat() == "2026-03-09T06:30:00+00:00"
        assert scheduler.time == datetime(2026, 3, 11, tzinfo=NEW_YORK)


def test_advance_includes_its_last_instant(scheduler: SimulatedScheduler) -> None:
    """After a day from midnight, the job of the next midnight has run once."""
    scheduler.schedule("@midnight", work, name="daily")
    scheduler.advance("24h")
    assert scheduler.fired("daily") == after(86_400)
    scheduler.advance(0)
    assert len(scheduler.fired("daily")) == 1


@pytest.mark.parametrize("steps", [[3_600.0], [0.1] * 30, [1 / 3] * 9, [0.000_001] * 5, [0.7, "2s", 0.3] * 9])
def test_one_long_and_many_short_advances_run_jobs_at_the_same_instants(
    scheduler: SimulatedScheduler, steps: list[float | str]
) -> None:
    """Rounded floats neither move a grid nor lose its last instant."""
    scheduler.every("250ms", work, name="grid")
    for seconds in steps:
        scheduler.advance(seconds)
    passed = sum((timedelta(seconds=2 if step == "2s" else float(step)) for step in steps), timedelta())
    assert scheduler.time == START + passed
    ticks = passed // timedelta(milliseconds=250)
    assert scheduler.fired("grid") == after(*(0.25 * count for count in range(1, ticks + 1)))


def test_an_interval_keeps_the_microseconds_of_the_start() -> None:
    """Each tick is at `start + k * interval`, without drift."""
    with simulated(start="2026-01-01T00:00:00.123457") as scheduler:
        scheduler.every(0.864, work, name="fine")
        scheduler.advance("2h24m")
        start = datetime(2026, 1, 1, 0, 0, 0, 123_457, tzinfo=UTC)
        assert scheduler.fired("fine") == [
            start + number * timedelta(milliseconds=864) for number in range(1, 10_001)
        ]


# The clock in New York goes from 2:00 to 3:00 on 8 March 2026, and from 2:00 back to 1:00 on 1 November.
@pytest.mark.parametrize(
    ("evening", "spec", "dst", "expected"),
    [
        ("2026-03-07", "0 30 1 * * *", "once", ["08T06:30", "09T05:30"]),
        ("2026-03-07", "0 30 1 * * *", "every", ["08T06:30", "09T05:30"]),
        ("2026-03-07", "0 30 2 * * *", "once", ["08T07:00", "09T06:30"]),
        ("2026-03-07", "0 30 2 * * *", "every", ["09T06:30"]),
        ("2026-10-31", "0 30 1 * * *", "once", ["01T05:30", "02T06:30"]),
        ("2026-10-31", "0 30 1 * * *", "every", ["01T05:30", "01T06:30", "02T06:30"]),
        ("2026-10-31", "0 30 2 * * *", "once", ["01T07:30", "02T07:30"]),
        ("2026-10-31", "0 30 2 * * *", "every", ["01T07:30", "02T07:30"]),
    ],
)
def test_runs_of_nights_with_a_clock_change_start_by_the_dst_rule(
    evening: str, spec: str, dst: Any, expected: list[str]
) -> None:
    """Given to the scheduler or to the job."""
    with simulated(start=f"{evening}T20:00", tz="America/New_York", dst=dst) as scheduler:
        scheduler.schedule(spec, work, name="by default")
        scheduler.schedule(spec, work, name="own rule", dst=dst)
        scheduler.advance("36h")
        for name in ("by default", "own rule"):
            assert [f"{at:%dT%H:%M}" for at in scheduler.fired(name, tz="UTC")] == expected


def test_a_day_with_a_gap_has_23_hours() -> None:
    """A duration is elapsed time, but an instant is a wall time."""
    with simulated(start="2026-03-08", tz="America/New_York") as scheduler:
        scheduler.schedule("0 0 * * * *", work, name="hourly")
        scheduler.advance_to("2026-03-09")
        assert len(scheduler.fired("hourly")) == 23
        assert [at.hour for at in scheduler.fired("hourly")][:3] == [1, 3, 4]


def test_fifty_jobs_run_at_each_of_their_instants_in_ten_days(scheduler: SimulatedScheduler) -> None:
    """More than ten thousand runs."""
    for number in range(25):
        scheduler.schedule(f"0 {number} * * * *", work, name=f"cron {number}")
        scheduler.every(3_600 + number, work, name=f"interval {number}")
    scheduler.advance(timedelta(days=10))
    for number in range(25):
        assert scheduler.fired(f"cron {number}") == [
            START + timedelta(hours=hour, minutes=number) for hour in range(number == 0, 240 + (number == 0))
        ]
        ticks = 10 * 86_400 // (3_600 + number)
        assert scheduler.fired(f"interval {number}") == after(
            *((3_600 + number) * tick for tick in range(1, ticks + 1))
        )
    assert scheduler.failures() == []


def test_a_year_passes_without_a_thread_or_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs run in the thread of the test."""

    def fail(*_: object) -> None:
        raise AssertionError("a thread, or a wait")

    threads = set(threading.enumerate())
    monkeypatch.setattr(threading.Thread, "start", fail)
    monkeypatch.setattr(threading.Event, "wait", fail)
    monkeypatch.setattr("time.sleep", fail)
    seen: set[threading.Thread] = set()
    with simulated() as scheduler:
        scheduler.schedule("@daily", lambda: seen.add(threading.current_thread()), name="daily")
        scheduler.advance("8760h")
        assert len(scheduler.fired("daily")) == 365
        assert scheduler.failures() == []
    assert seen == {threading.current_thread()}
    assert set(threading.enumerate()) == threads


# --- letting time pass ----------------------------------------------------------------------------


@pytest.mark.parametrize("duration", ["1h30m", 5_400, 5_400.0, timedelta(hours=1, minutes=30)])
def test_a_duration_may_have_every_type_of_an_interval(scheduler: SimulatedScheduler, duration: Any) -> None:
    """As for `every`."""
    scheduler.advance(duration)
    assert scheduler.time == START + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("duration", "kind", "message"),
    [
        (-1, ValueError, r"time does not pass backwards \(-1 s\); step\(\) sets the clock back"),
        ("-1h", ValueError, r"time does not pass backwards \(-3600 s\)"),
        (timedelta(seconds=-0.5), ValueError, r"time does not pass backwards \(-0\.5 s\)"),
        ("1d", BadSpec, "write 24h if you mean that"),
        ("soon", BadSpec, "a number is missing"),
        (float("nan"), ValueError, "a duration must be a finite number of seconds, not nan"),
        (float("inf"), ValueError, "a duration must be a finite number of seconds, not inf"),
        (True, TypeError, "a number of seconds or a string such as '1h30m', not bool"),
        (None, TypeError, "not NoneType"),
        (timedelta(days=10_000_000), ValueError, "the clock can only show the years 1900 to 9998"),
        (1e300, ValueError, "the clock can only show the years 1900 to 9998"),
    ],
)
def test_a_wrong_duration_is_rejected_and_no_time_passes(
    scheduler: SimulatedScheduler, duration: Any, kind: type[Exception], message: str
) -> None:
    """The message says what to write instead."""
    with pytest.raises(kind, match=message):
        scheduler.advance(duration)
    assert scheduler.time == START


def test_nothing_runs_if_nothing_is_due(scheduler: SimulatedScheduler) -> None:
    """Without jobs, and until the second before the tick."""
    scheduler.advance(timedelta(days=365))
    job = scheduler.schedule("@midnight", work)
    scheduler.advance(0)
    scheduler.advance("23h59m59s")
    assert scheduler.fired(job) == scheduler.runs() == scheduler.failures() == []


@pytest.mark.parametrize(
    "instant",
    [
        "2026-01-02T03:00",
        "2026-01-02T04:00+01:00",
        datetime(2026, 1, 2, 3),  # noqa: DTZ001 - a wall time of the zone
        datetime(2026, 1, 2, 3, tzinfo=UTC),
    ],
    ids=str,
)
def test_advance_to_runs_everything_until_the_instant(
    scheduler: SimulatedScheduler, instant: datetime | str
) -> None:
    """A datetime or a string; without an offset it is a wall time of the scheduler's zone."""
    job = scheduler.every("9h", work)
    scheduler.advance_to(instant)
    assert scheduler.time == datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert scheduler.fired(job) == after(9 * 3_600, 18 * 3_600, 27 * 3_600)
    scheduler.advance_to(instant)
    assert len(scheduler.fired(job)) == 3


@pytest.mark.parametrize(
    ("instant", "kind", "message"),
    [
        ("2025-12-31T23:59:59", ValueError, r"is before 2026-01-01 00:00:00\+00:00: step\(\) sets the clock"),
        ("24h", ValueError, "'24h' is not a date and time; write 2026-03-08T00:00"),
        ("9999-01-01", ValueError, "the clock can only show the years 1900 to 9998"),
        ("1900-01-01", ValueError, "the clock can only show the years 1900 to 9998"),
        (86_400, TypeError, "an instant must be a datetime or a string in ISO 8601, not int"),
    ],
)
def test_a_wrong_or_past_instant_is_rejected_and_no_time_passes(
    scheduler: SimulatedScheduler, instant: Any, kind: type[Exception], message: str
) -> None:
    """The message says why."""
    with pytest.raises(kind, match=message):
        scheduler.advance_to(instant)
    assert scheduler.time == START


@pytest.mark.parametrize(
    ("start", "tz", "expected"),
    [
        ("2026-03-08T00:00", "America/New_York", "2026-03-08T05:00:00+00:00"),
        ("2026-03-08T00:00+01:00", "America/New_York", "2026-03-07T23:00:00+00:00"),
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30:00+00:00"),
        (
            datetime(2026, 11, 1, 1, 30, fold=1),  # noqa: DTZ001 - a wall time of the zone
            "America/New_York",
            "2026-11-01T06:30:00+00:00",
        ),
        (datetime(2026, 3, 8, 12, tzinfo=NEW_YORK), "UTC", "2026-03-08T16:00:00+00:00"),
        ("1970-01-01", "UTC", "1970-01-01T00:00:00+00:00"),
        ("1912-06-23T10:00", "UTC", "1912-06-23T10:00:00+00:00"),
    ],
)
def test_the_start_of_the_clock_may_have_an_offset_a_fold_or_another_zone(
    start: datetime | str, tz: str, expected: str
) -> None:
    """Without an offset it is a wall time of the scheduler's zone."""
    with simulated(start, tz=tz) as scheduler:
        job = scheduler.every("1h", work)
        scheduler.advance("1h")
        [first] = scheduler.fired(job)
        assert (first - timedelta(hours=1)).astimezone(UTC).isoformat() == expected or tz != "UTC"
        assert scheduler.fired(job, tz=UTC)[0] - timedelta(hours=1) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"start": "tomorrow"}, ValueError, "'tomorrow' is not a date and time"),
        ({"start": 1_800_000_000}, TypeError, "an instant must be a datetime or a string"),
        ({"tz": "Mars/Olympus"}, ValueError, "unknown time zone 'Mars/Olympus'"),
        ({"pool": -1}, ValueError, "the pool cannot be negative"),
        ({"dst": "twice"}, ValueError, "dst must be 'once' or 'every', not 'twice'"),
        ({"defaults": {"overlap": "dance"}}, ValueError, "overlap must be one of"),
    ],
)
def test_wrong_arguments_are_rejected(settings: dict[str, Any], kind: type[Exception], message: str) -> None:
    """As those of any scheduler."""
    with pytest.raises(kind, match=message):
        simulated(**settings)


def test_ticks_that_a_step_forward_skips_start_one_run(scheduler: SimulatedScheduler) -> None:
    """The other ticks are counted."""
    job = scheduler.schedule("0 0 * * * *", work, name="hourly")
    scheduler.step("3h30m")
    assert scheduler.fired(job) == after(3.5 * 3_600)
    [ticks, run] = reversed(scheduler.runs_of("hourly"))
    assert (run.state, run.due, ticks.state, ticks.ticks) == (
        RunState.OK,
        START + timedelta(hours=1),
        RunState.COALESCED,
        2,
    )
    scheduler.advance("30m")
    assert scheduler.fired(job)[1:] == after(4 * 3_600)


def test_a_step_forward_neither_shortens_intervals_nor_delays(scheduler: SimulatedScheduler) -> None:
    """They count elapsed time."""
    interval, delay = scheduler.every("40m", work), scheduler.in_("30m", work)
    scheduler.step("28m30s")
    scheduler.advance("29m59s")
    assert [delay.state] == [RunState.SCHEDULED]
    scheduler.advance("11m")
    assert [delay.state] == [RunState.OK]
    assert scheduler.runs()[0].started == START + timedelta(minutes=58.5)
    assert scheduler.fired(interval) == after(68.5 * 60)


def test_time_passes_while_the_machine_is_suspended(scheduler: SimulatedScheduler) -> None:
    """Ticks and delays of that time are late."""
    interval, delay = scheduler.every("40m", work), scheduler.in_("30m", work)
    scheduler.suspend("3h")
    assert [delay.state] == [RunState.OK]
    assert [run.started for run in scheduler.runs()] == after(3 * 3_600, 3 * 3_600)
    assert [(end.state, end.ticks) for end in scheduler.runs_of(interval.name)] == [
        (RunState.OK, 1),
        (RunState.COALESCED, 3),
    ]
    with pytest.raises(ValueError, match="time does not pass backwards"):
        scheduler.suspend(-1)


def test_a_step_back_neither_stalls_intervals_nor_repeats_cron_ticks(
    scheduler: SimulatedScheduler,
) -> None:
    """As on a machine whose clock is corrected."""
    daily, interval = scheduler.schedule("0 30 0 * * *", work), scheduler.every("40m", work)
    scheduler.advance("1h")
    scheduler.step(timedelta(hours=-1))
    scheduler.advance("40m")
    assert scheduler.fired(daily) == after(30 * 60)
    assert scheduler.fired(interval) == after(40 * 60, 20 * 60)
    with pytest.raises(ValueError, match="the clock can only show the years 1900 to 9998"):
        scheduler.step(-200 * 365 * 86_400)


# --- one-off runs ---------------------------------------------------------------------------------


def test_a_run_requested_now_has_ended_when_the_call_returns(scheduler: SimulatedScheduler) -> None:
    """Of a function with arguments, of a job, and by hand."""
    job = scheduler.schedule("@yearly", work)
    runs = [scheduler.now(str.upper, "abc"), scheduler.now(job), job.run(), scheduler.run("work")]
    assert [(run.state, run.result()) for run in runs] == [
        (RunState.OK, "ABC"),
        (RunState.OK, "done"),
        (RunState.OK, "done"),
        (RunState.OK, "done"),
    ]
    assert all(run.wait() and run.wait(0) for run in runs)
    assert scheduler.fired("upper") == after(0)
    assert scheduler.fired("work") == after(0, 0, 0)
    assert [run.trigger for run in scheduler.runs("work")] == [Trigger.NOW, Trigger.NOW, Trigger.HAND]


def test_runs_of_at_and_in_start_when_they_are_due(scheduler: SimulatedScheduler) -> None:
    """An instant in the past is due now."""
    scheduler.advance("1h")
    later = scheduler.in_("90s", work)
    at = scheduler.at(START + timedelta(hours=2), str.upper, "x")
    assert (later.state, at.state) == (RunState.SCHEDULED, RunState.SCHEDULED)
    past, at_once = scheduler.at(START, str.lower, "X"), scheduler.in_(0, str.title, "x")
    assert (past.result(), at_once.result()) == ("x", "X")
    scheduler.advance("89s")
    assert later.state is RunState.SCHEDULED
    scheduler.advance("2h")
    assert scheduler.fired("work") == after(3_690)
    assert scheduler.fired("upper") == after(7_200)
    assert scheduler.fired("lower") == scheduler.fired("title") == after(3_600)
    [run] = scheduler.runs("work")
    assert run is later
    assert (run.due, run.started, run.ended, run.trigger) == (*after(3_690, 3_690, 3_690), Trigger.IN)


@pytest.mark.parametrize("timeout", [None, 10, 0.001])
def test_waiting_for_a_run_that_is_not_due_raises(
    scheduler: SimulatedScheduler, timeout: float | None
) -> None:
    """A real scheduler would let the test wait; here no time would pass."""
    run = scheduler.in_("1h", work)
    for call in (run.wait, run.result):
        with pytest.raises(RuntimeError) as caught:
            call(timeout)
        assert str(caught.value) == (
            "run 1 of work is SCHEDULED, due at 2026-01-01 01:00:00+00:00, and cannot end while this call "
            "waits for it: time passes only in advance()"
        )
    assert scheduler.time == START
    assert not run.wait(0)
    with pytest.raises(TimeoutError):
        run.result(0)


def test_a_scheduled_run_can_be_cancelled(scheduler: SimulatedScheduler) -> None:
    """It never starts, and its result says why."""
    first, second = scheduler.in_("1h", work), scheduler.in_("1h", work)
    assert first.cancel()
    assert scheduler.cancel(second.number)
    scheduler.advance("2h")
    assert scheduler.fired("work") == []
    with pytest.raises(RunCancelledError, match="run 1 of work was CANCELLED: cancelled"):
        first.result()


# --- calls of jobs --------------------------------------------------------------------------------


def test_the_functions_of_the_package_act_on_the_active_scheduler(scheduler: SimulatedScheduler) -> None:
    """A job can register, request, pause and remove."""
    quick = scheduler.every("1m", work, name="quick")

    def begin() -> None:
        jobtui.every("10s", work, name="registered by a job")
        jobtui.in_("15s", quick)
        jobtui.at(START + timedelta(seconds=50), quick.remove)
        jobtui.now(str.upper, "x")
        jobtui.in_(0, str.lower, "X")

    scheduler.in_("30s", begin)
    scheduler.advance("1m")
    assert scheduler.fired("registered by a job") == after(40, 50, 60)
    assert scheduler.fired("quick") == after(45)
    assert scheduler.fired("upper") == scheduler.fired("lower") == after(30)
    assert [run.job for run in scheduler.runs()][:3] == ["begin", "upper", "lower"]
    assert scheduler.failures() == []


def test_a_run_that_a_job_requests_of_itself_is_held_until_the_job_ends(
    scheduler: SimulatedScheduler,
) -> None:
    """The runs follow each other at one instant."""
    states: list[tuple[int, RunState, str]] = []

    def again() -> None:
        if len(states) < 2:
            run = job.run()
            states.append((run.number, run.state, run.reason))

    job = scheduler.every("1m", again)
    scheduler.advance("1m")
    assert states == [(2, RunState.HELD, "waits for run 1"), (3, RunState.HELD, "waits for run 2")]
    assert scheduler.fired(job) == after(60, 60, 60)
    assert job.status is JobStatus.IDLE


def test_a_job_with_overlap_skip_cannot_run_itself(scheduler: SimulatedScheduler) -> None:
    """The requested run ends SKIPPED, with the reason."""
    reasons: list[str] = []

    def again() -> None:
        reasons.append(job.run().reason)

    job = scheduler.every("1m", again, overlap="skip")
    scheduler.advance("1m")
    assert reasons == ["still running since 00:01:00, run 1"]
    assert scheduler.fired(job) == after(60)
    assert [run.state for run in scheduler.runs_of("again")] == [RunState.OK, RunState.SKIPPED]


def test_runs_that_a_job_requests_start_after_it_in_order(scheduler: SimulatedScheduler) -> None:
    """They are QUEUED before."""
    order: list[str] = []

    def begin() -> None:
        order.append("begin")
        for name in ("a", "b"):
            assert jobtui.now(order.append, name).state is RunState.QUEUED
        order.append("end")

    scheduler.now(begin)
    assert order == ["begin", "end", "a", "b"]


def test_a_job_may_wait_for_a_run_that_it_requests(scheduler: SimulatedScheduler) -> None:
    """That run starts while the job waits, after the runs that were requested before it."""
    order: list[str] = []

    def begin() -> list[str]:
        jobtui.now(order.append, "first")
        run = jobtui.now(lambda: jobtui.now(str.upper, "deep").result())
        jobtui.now(order.append, "last")
        return [run.result(), *order]

    run = scheduler.now(begin)
    assert run.result() == ["DEEP", "first", "last"]
    assert order == ["first", "last"]


@pytest.mark.parametrize(
    ("pool", "wait", "message"),
    [
        (1, lambda _job: jobtui.now(work).result(), "run 2 of work is QUEUED, and cannot end"),
        (0, lambda job: job.run().wait(), r"run 2 of begin is HELD \(waits for run 1\), and cannot end"),
        (0, lambda _job: jobtui.in_(5, work).result(timeout=9), "run 2 of work is SCHEDULED, due at"),
    ],
    ids=["the pool is full", "it waits for itself", "no time passes"],
)
def test_a_job_that_waits_for_a_run_that_cannot_end_fails(
    pool: int, wait: Callable[[Any], object], message: str
) -> None:
    """A real job would wait forever, or until the run is due; the message says why this one cannot."""
    with simulated(pool=pool) as scheduler:
        jobs: list[jobtui.Job] = []

        def begin() -> None:
            if jobs:  # only in its first run
                wait(jobs.pop())

        jobs.append(scheduler.schedule("@yearly", begin))
        run = jobs[0].run()
        with pytest.raises(
            RuntimeError, match=f"{message}.*: a job is running, and no time passes until it ends"
        ):
            run.result()


@pytest.mark.parametrize("move", ["advance", "advance_to", "step", "load"])
def test_a_job_cannot_move_time(scheduler: SimulatedScheduler, move: str) -> None:
    """Nor load a file."""
    argument = {"advance": 1, "step": 1, "advance_to": "2027-01-01", "load": "x.py"}[move]
    run = scheduler.now(getattr(scheduler, move), argument)
    with pytest.raises(RuntimeError, match="time cannot be moved now: a job is running"):
        run.result()
    assert scheduler.time == START


def test_a_paused_job_does_not_run_and_its_ticks_are_counted(scheduler: SimulatedScheduler) -> None:
    """Until it is resumed."""
    job = scheduler.every("1m", work)
    scheduler.at(START + timedelta(seconds=90), job.pause)
    scheduler.at(START + timedelta(seconds=210), job.resume)
    scheduler.advance("5m")
    assert scheduler.fired(job) == after(60, 240, 300)
    assert [(run.state, run.ticks) for run in scheduler.runs_of("work")][2:3] == [(RunState.SKIPPED, 2)]


def test_a_job_that_always_starts_itself_again_raises(
    scheduler: SimulatedScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the test would never end."""
    monkeypatch.setattr(inline_executor, "MAX_RUNS", 100)

    def again(start: Callable[..., object]) -> None:
        start(again, start)

    with pytest.raises(
        RuntimeError, match=r"100 runs started at one instant: does a job start itself again\?"
    ):
        scheduler.now(again, jobtui.now)
    with simulated() as other:
        other.in_(5, again, lambda *args: jobtui.in_(0, *args))
        with pytest.raises(RuntimeError, match="does a job start itself again"):
            other.advance(10)
    with simulated() as other:
        job = other.every(1, work)
        other.advance(1_000)
        assert len(other.fired(job)) == 1_000


def test_waiting_to_be_cancelled_takes_no_time(scheduler: SimulatedScheduler) -> None:
    """An endless wait fails the run."""

    def pause() -> list[bool]:
        return [jobtui.current_run().wait_cancelled(3_600) for _ in range(3)]

    def wait(timeout: float | None) -> None:
        while not jobtui.current_run().wait_cancelled(timeout):
            pass

    assert scheduler.now(pause).result() == [False] * 3
    for timeout in (None, 5):
        with pytest.raises(RuntimeError, match="this job waits to be cancelled, which cannot happen"):
            scheduler.now(wait, timeout).result()

    def cancelled() -> bool:
        assert scheduler.cancel(jobtui.current_run().number)
        return jobtui.current_run().wait_cancelled()

    assert scheduler.now(cancelled).state is RunState.CANCELLED


def test_a_run_that_another_thread_requests_runs_in_the_thread_of_the_test(
    scheduler: SimulatedScheduler,
) -> None:
    """At once if a job waits for that thread, else when the test next uses the scheduler."""
    threads: list[threading.Thread] = []

    def note_thread() -> None:
        threads.append(threading.current_thread())

    def in_thread() -> None:
        thread = threading.Thread(target=lambda: jobtui.now(note_thread))
        thread.start()
        thread.join()

    in_thread()
    assert threads == []
    scheduler.now(work)
    assert len(threads) == 1
    scheduler.now(in_thread)
    assert threads == [threading.current_thread()] * 2

    errors: list[str] = []

    def move() -> None:
        try:
            scheduler.advance(1)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=move)
    thread.start()
    thread.join()
    assert errors == ["only the thread that started the scheduler can move time"]


def test_another_thread_may_wait_for_a_run(scheduler: SimulatedScheduler) -> None:
    """It blocks until the test lets the run start."""
    requested = threading.Event()
    results: list[str] = []

    def wait() -> None:
        run = jobtui.now(work)
        requested.set()
        results.append(run.result(timeout=10))

    thread = threading.Thread(target=wait)
    thread.start()
    assert requested.wait(10)
    scheduler.advance(0)
    thread.join(10)
    assert results == ["done"]


# --- failures -------------------------------------------------------------------------------------


def test_an_exception_in_a_job_fails_its_run_but_not_the_test(scheduler: SimulatedScheduler) -> None:
    """Other runs continue, and the failure can be read in several ways."""
    parts = iter([1, 0, 2])

    def divide() -> float:
        return 6 / next(parts)

    scheduler.every("1m", divide)
    scheduler.every("1m", work)
    scheduler.advance("3m")
    [run] = scheduler.failures()
    assert [run] == scheduler.failures("divide")
    assert scheduler.failures("work") == []
    assert (run.state, run.reason, run.started) == (
        RunState.FAILED,
        "ZeroDivisionError: division by zero",
        START + timedelta(minutes=2),
    )
    assert isinstance(run.exception, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        run.result()
    assert repr(run) == (
        "<jobtui.Run 3 of 'divide' at 2026-01-01 00:02:00+00:00 FAILED: ZeroDivisionError: division by zero>"
    )
    assert [each.result() for each in scheduler.runs("divide") if each is not run] == [6, 3]
    assert [each.exception for each in scheduler.runs("work")] == [None] * 3
    assert "return 6 / next(parts)" in scheduler.runs_of("divide")[1].error


@pytest.mark.parametrize("exception", [SystemExit, AssertionError, GeneratorExit])
def test_an_exception_that_would_end_a_program_fails_the_run(
    scheduler: SimulatedScheduler, exception: type[BaseException]
) -> None:
    """SystemExit, for example."""

    def fail() -> None:
        raise exception("enough")

    run = scheduler.now(fail)
    assert (run.state, run.reason) == (RunState.FAILED, f"{exception.__name__}: enough")


def test_ctrl_c_in_a_job_fails_the_run_and_ends_the_test(scheduler: SimulatedScheduler) -> None:
    """The user wants the whole test to end."""

    def fail() -> None:
        raise KeyboardInterrupt

    job = scheduler.every("1m", fail)
    scheduler.every("1m", work)
    with pytest.raises(KeyboardInterrupt):
        scheduler.advance("5m")
    assert [run.state for run in scheduler.runs(job)] == [RunState.FAILED]
    assert scheduler.time == START + timedelta(minutes=1)
    assert scheduler.snapshot().pool.running == 0


# --- names ----------------------------------------------------------------------------------------


def test_an_unknown_job_raises_with_similar_names(scheduler: SimulatedScheduler) -> None:
    """A typo in a test must not read like a job that never ran."""
    job = scheduler.schedule("@daily", work, name="backup")
    assert scheduler.fired("backup") == scheduler.fired(job) == scheduler.runs("backup") == []
    for call in (scheduler.fired, scheduler.runs, scheduler.failures):
        with pytest.raises(LookupError, match="there is no job 'bakcup'; near: backup"):
            call("bakcup")


def test_the_runs_of_a_removed_job_are_kept(scheduler: SimulatedScheduler) -> None:
    """By its handle and by its name."""
    job = scheduler.every("1m", work)
    scheduler.advance("1m")
    job.remove()
    scheduler.advance("1m")
    assert scheduler.fired("work") == scheduler.fired(job) == after(60)


def test_returned_lists_are_copies(scheduler: SimulatedScheduler) -> None:
    """A change of them changes nothing else."""
    job = scheduler.every("1m", work)
    scheduler.advance("1m")
    for returned in (scheduler.fired(job), scheduler.runs(job), scheduler.runs(), scheduler.failures()):
        returned.clear()
    assert len(scheduler.fired(job)) == len(scheduler.runs(job)) == len(scheduler.runs()) == 1
    assert all(isinstance(run, SimulatedRun) for run in scheduler.runs())


# --- the start and the end ------------------------------------------------------------------------


def test_start_functions_are_called_before_the_first_run_and_stop_functions_at_the_end() -> None:
    """Each once, in order; a run that a start function requests starts after the last of them."""
    calls: list[str] = []
    with simulated() as scheduler:

        @scheduler.on_app_start
        def first() -> None:
            calls.append("first")
            jobtui.now(calls.append, "requested by first")
            jobtui.every("1m", lambda: calls.append("tick"), name="tick")

        scheduler.on_app_start(lambda: calls.append("second"))
        scheduler.on_app_stop(lambda: calls.append("stop"))
        assert scheduler.snapshot().phase is Phase.RUNNING
        scheduler.every("1m", work)
        assert scheduler.job("work").next == START + timedelta(minutes=1)
        assert calls == []
        scheduler.now(calls.append, "requested by the test")
        assert calls == ["first", "second", "requested by first", "requested by the test"]
        scheduler.advance("2m")
        assert calls[4:] == ["tick", "tick"]
        scheduler.stop()
        assert calls[6:] == ["stop"]
    assert calls[6:] == ["stop"]


def test_without_runs_no_start_or_stop_function_is_called() -> None:
    """A test may check schedules alone."""
    with simulated() as scheduler:
        scheduler.on_app_start(lambda: pytest.fail("started"))
        scheduler.on_app_stop(lambda: pytest.fail("stopped"))
        job = scheduler.schedule("@hourly", work)
        assert job.next == START + timedelta(hours=1)
        scheduler.in_("1h", work)
        assert (scheduler.runs(), scheduler.jobs[0].status) == ([], JobStatus.IDLE)


@pytest.mark.parametrize(
    "call",
    [
        lambda scheduler: scheduler.advance(0),
        lambda scheduler: scheduler.advance_to(START),
        lambda scheduler: scheduler.step(1),
        lambda scheduler: scheduler.now(work),
        lambda scheduler: scheduler.run("work"),
        lambda scheduler: scheduler.job("work").run(),
        lambda scheduler: scheduler.in_(0, work).wait(),
    ],
)
def test_a_start_function_that_raises_stops_the_scheduler(
    scheduler: SimulatedScheduler, call: Callable[[SimulatedScheduler], object]
) -> None:
    """The call that would have started the first run raises; nothing has run, and nothing will."""

    def fail() -> None:
        raise ValueError("no database")

    scheduler.every("1m", work)
    scheduler.on_app_start(fail)
    scheduler.on_app_start(lambda: pytest.fail("the rest is not called"))
    scheduler.on_app_stop(lambda: pytest.fail("there is nothing to stop"))
    with pytest.raises(StartError, match="on_app_start function fail raised ValueError: no database"):
        call(scheduler)
    assert scheduler.runs() == []
    with pytest.raises(RuntimeError, match=r"the scheduler (has stopped|did not start)"):
        call(scheduler)


def test_a_start_function_can_neither_move_time_nor_wait_for_runs(scheduler: SimulatedScheduler) -> None:
    """The messages say why."""
    messages: list[str] = []

    @scheduler.on_app_start
    def impatient() -> None:
        for call in (lambda: scheduler.advance(5), lambda: jobtui.now(work).wait()):
            with pytest.raises(RuntimeError) as caught:
                call()
            messages.append(str(caught.value))

    scheduler.advance(1)
    reason = "an on_app_start function is running, and no job starts before it ends"
    assert messages == [
        f"time cannot be moved now: {reason}",
        f"run 1 of work is QUEUED, and cannot end while this call waits for it: {reason}",
    ]
    assert scheduler.fired("work") == after(0)


def test_the_previous_default_scheduler_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if there was none, in nested simulations, and after an exception."""
    monkeypatch.setattr(default_module, "_default", None)  # restored after the test
    with simulated() as outer:
        with simulated() as inner:
            jobtui.every("1m", work, name="inner")
            assert default_module.default_scheduler() is inner
        assert default_module.default_scheduler() is outer
        assert [job.name for job in outer.jobs] == []
        with pytest.raises(ZeroDivisionError), simulated():
            _ = 1 / 0
        assert default_module.default_scheduler() is outer
    other = Scheduler(tz="UTC")
    assert default_module.set_default_scheduler(other) is None
    with simulated():
        pass
    assert default_module.default_scheduler() is other


def test_a_stopped_scheduler_can_be_read_but_not_used() -> None:
    """The messages say that it has stopped."""
    with simulated() as scheduler:
        job = scheduler.every("1m", work)
        late = scheduler.in_("1h", work)
        scheduler.advance("90s")
    assert scheduler.fired(job) == scheduler.fired("work") == after(60)
    assert scheduler.failures() == []
    assert scheduler.time == START + timedelta(seconds=90)
    assert scheduler.snapshot().phase is Phase.STOPPED
    assert late.state is RunState.CANCELLED
    attempts: list[Callable[[], object]] = [
        lambda: scheduler.advance(1),
        lambda: scheduler.advance_to("2027-01-01"),
        lambda: scheduler.step(1),
        lambda: scheduler.now(work),
        lambda: scheduler.run("work"),
        lambda: scheduler.every("1m", work),
    ]
    for attempt in attempts:
        with pytest.raises(RuntimeError, match="the scheduler has stopped"):
            attempt()
    with pytest.raises(RuntimeError, match=r"not active: call load\(\) inside  with simulated"):
        scheduler.load("jobs.py")
    with pytest.raises(RuntimeError, match="a simulated scheduler can be started only once"), scheduler:
        pass
    assert scheduler.time == START + timedelta(seconds=90)


def test_before_the_start_no_time_passes_and_no_run_starts() -> None:
    """The messages say what is missing."""
    scheduler = simulated()
    run = scheduler.now(work)
    with pytest.raises(RuntimeError, match="time cannot be moved now: the scheduler has not started"):
        scheduler.advance(1)
    with pytest.raises(RuntimeError, match=r"run 1 of work is QUEUED .*: the scheduler has not started"):
        run.result()
    with pytest.raises(RuntimeError, match=r"call load\(\) inside"):
        scheduler.load("jobs.py")
    with scheduler:
        scheduler.advance(0)
        assert run.result() == "done"


def test_a_job_may_stop_the_scheduler(scheduler: SimulatedScheduler) -> None:
    """Waiting runs are cancelled, and time continues."""
    stops: list[str] = []
    scheduler.on_app_stop(lambda: stops.append("stop"))
    scheduler.every("1m", work)
    scheduler.at(START + timedelta(seconds=150), scheduler.stop)
    scheduler.advance("5m")
    assert scheduler.fired("work") == after(60, 120)
    assert (stops, scheduler.time) == (["stop"], START + timedelta(minutes=5))


def test_load_without_active_scheduler_raises(tmp_path: Path) -> None:
    """The function acts on the active scheduler."""
    own = Scheduler(tz="UTC")
    before = default_module.set_default_scheduler(own)
    with pytest.raises(RuntimeError, match="no simulated scheduler is active"):
        load(tmp_path / "jobs.py")
    assert default_module.set_default_scheduler(before) is own


def test_a_named_schedule_of_the_test_overrides_that_of_the_settings(tmp_path: Path) -> None:
    """Other names of the settings remain."""
    (tmp_path / "jobtui.toml").write_text('cron.given = "0 0 5 * * *"\ncron.other = "0 0 6 * * *"\n')
    target = tmp_path / "given_jobs.py"
    target.write_text(
        "import jobtui\n"
        "jobtui.schedule('cron.given', lambda: None, name='given')\n"
        "jobtui.schedule('cron.other', lambda: None, name='other')\n"
    )
    with simulated(schedules={"cron.given": "0 0 3 * * *"}) as scheduler:
        scheduler.load(target)
        scheduler.advance("24h")
        assert [[at.hour for at in scheduler.fired(name)] for name in ("given", "other")] == [[3], [6]]


def test_a_durable_run_is_checked_and_run_without_a_store() -> None:
    with SimulatedScheduler(tz="UTC") as scheduler:
        assert scheduler.now(max, 3, 5, durable=True).result() == 5
        later = scheduler.in_(60, max, 3, 7, durable=True)
        scheduler.advance(60)
        assert later.result() == 7
        with pytest.raises(TypeError, match="is of the type tuple"):
            scheduler.now(max, (1, 2), durable=True)
