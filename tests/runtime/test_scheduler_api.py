"""The public methods of Scheduler, Job and Run: arguments, return values and error messages."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from support.runtime_parts import runtime_of

import jobtui
from jobtui import BadSpec, Job, JobStatus, Run, RunState, Scheduler, StartError
from jobtui.engine.enums import Misfire, Overlap, Trigger
from jobtui.engine.events import JobAdded, JobRemoved
from jobtui.runtime import default_scheduler as default_module
from jobtui.runtime.clock import ManualClock
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Every
from jobtui.testing import SimulatedScheduler

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


@pytest.fixture
def scheduler() -> Scheduler:
    """Make a scheduler that is not started, at noon."""
    return Scheduler(tz="UTC", clock=ManualClock(NOON.timestamp()))


@pytest.fixture
def default() -> Iterator[Scheduler]:
    """Replace the default scheduler for one test."""
    scheduler = Scheduler(tz="UTC", clock=ManualClock(NOON.timestamp()))
    before = default_module.set_default_scheduler(scheduler)
    yield scheduler
    default_module.set_default_scheduler(before)


def work() -> None:
    """Do nothing."""


# --- arguments of the scheduler -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"pool": -1}, ValueError, "the pool cannot be negative (-1); 0 means no limit"),
        ({"pool": 1.5}, TypeError, "the pool must be a number of runs (0 = no limit), not 1.5"),
        ({"pool": True}, TypeError, "the pool must be a number of runs (0 = no limit), not True"),
        ({"pool": "4"}, TypeError, "the pool must be a number of runs (0 = no limit), not '4'"),
        (
            {"defaults": {"overlap": "replaced"}},
            ValueError,
            "overlap must be one of 'hold', 'skip', 'allow', 'replace', not 'replaced'",
        ),
        ({"dst": "twice"}, BadSpec, "dst must be 'once' or 'every', not 'twice'"),
        ({"clock": 5}, TypeError, "clock must be an object with the methods now() and monotonic(), not 5"),
        ({"ledger_bytes": "1 MB"}, TypeError, "ledger_bytes must be a number of bytes, not '1 MB'"),
        ({"redact": 5}, TypeError, "redact must be a list of regular expressions, not 5"),
        (
            {"schedules": ["cron.x"]},
            TypeError,
            "schedules must be a dict of specs by name, such as {'cron.night': '0 30 2 * * *'}, not list",
        ),
        (
            {"schedules": {"night": "@daily"}},
            ValueError,
            "schedules: a name must begin with cron., as in cron.night, not 'night'",
        ),
        (
            {"schedules": {"cron.x": 5}},
            TypeError,
            "schedules['cron.x']: a spec must be a string such as '0 */15 9-17 * * MON-FRI', not int",
        ),
        (
            {"schedules": {"cron.x": "61 * * * * *"}},
            BadSpec,
            "schedules['cron.x']: second: '61' is above 59 (0-59)\n  61 * * * * *\n  ^",
        ),
    ],
)
def test_an_invalid_argument_of_the_scheduler_is_rejected(
    settings: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """The message names the value and what is allowed."""
    with pytest.raises(kind) as caught:
        Scheduler(**settings)
    assert str(caught.value) == message


def test_an_unknown_zone_is_rejected_by_name() -> None:
    """The message has the name."""
    with pytest.raises(ValueError, match="Nowhere/City"):
        Scheduler(tz="Nowhere/City")


def test_by_default_the_pool_has_10_slots_and_jobs_do_not_overlap() -> None:
    """Revel's defaults."""
    scheduler = Scheduler()
    assert scheduler.snapshot().pool.size == 10
    assert scheduler.every("1s", work).status is JobStatus.IDLE
    assert scheduler.snapshot().jobs[0].overlap is Overlap.HOLD


def test_resize_rejects_an_invalid_pool_size(scheduler: Scheduler) -> None:
    """The pool keeps its size then."""
    scheduler.resize(0)
    assert scheduler.snapshot().pool.size == 0
    with pytest.raises(ValueError, match=r"the pool cannot be negative \(-2\)"):
        scheduler.resize(-2)
    with pytest.raises(TypeError, match="the pool must be a number of runs"):
        scheduler.resize(True)
    assert scheduler.snapshot().pool.size == 0


# --- schedule and every ---------------------------------------------------------------------------


def test_schedule_accepts_a_spec_or_a_schedule(scheduler: Scheduler) -> None:
    """The view shows the spec as it was written."""
    scheduler.schedule("0  */15 9-17 ? * MON-FRI", work)
    scheduler.schedule("@daily", work)
    scheduler.schedule(parse("@every 90s"), work)
    scheduler.schedule(jobtui.Once(NOON), work)
    specs = [view.spec for view in scheduler.snapshot().jobs]
    assert specs == ["0 */15 9-17 ? * MON-FRI", "@daily", "@every 1m30s", "@at 2026-11-23 12:00:00+00:00"]
    assert [job.name for job in scheduler.jobs] == ["work", "work-2", "work-3", "work-4"]


def test_a_specs_zone_has_priority_over_tz_and_tz_over_the_schedulers_zone() -> None:
    """``TZ=`` in the spec, then ``tz=``, then the scheduler's."""
    clock = ManualClock(NOON.timestamp())
    scheduler = Scheduler(tz="Asia/Tokyo", clock=clock)
    for spec, tz in (("0 0 0 * * *", None), ("0 0 0 * * *", "UTC"), ("TZ=Europe/Berlin 0 0 0 * * *", "UTC")):
        scheduler.schedule(spec, work, tz=tz)
    scheduler.start()
    hours = [job.next.astimezone(UTC).hour for job in scheduler.jobs if job.next is not None]
    scheduler.stop()
    assert hours == [15, 0, 23]


def test_a_named_spec_is_looked_up_in_the_settings() -> None:
    """By its whole key. The view shows both the name and the spec."""
    scheduler = Scheduler(schedules={"cron.workhours_15m": "0 */15 9-17 ? * MON-FRI", "cron.a": "@daily"})
    job = scheduler.schedule("cron.workhours_15m", work)
    assert job.schedule == parse("0 */15 9-17 ? * MON-FRI")
    assert scheduler.snapshot().jobs[0].spec == "cron.workhours_15m = 0 */15 9-17 ? * MON-FRI"
    with pytest.raises(LookupError) as caught:
        scheduler.schedule("cron.workhours", work)
    assert str(caught.value) == (
        "the settings have no schedule cron.workhours; they have: cron.a, cron.workhours_15m"
    )
    with pytest.raises(LookupError, match=r"no schedule cron\.x; they have: none"):
        Scheduler().schedule("cron.x", work)


@pytest.mark.parametrize(
    ("policies", "kind", "message"),
    [
        (
            {"overlap": "never"},
            ValueError,
            "overlap must be one of 'hold', 'skip', 'allow', 'replace', not 'never'",
        ),
        ({"misfire": "run"}, ValueError, "misfire must be one of 'coalesce', 'skip', 'all', not 'run'"),
        ({"misfire": 5}, ValueError, "misfire must be one of 'coalesce', 'skip', 'all', not 5"),
        ({"max_held": 0}, ValueError, "max_held must be at least 1, not 0"),
        ({"max_held": "9"}, TypeError, "max_held must be a number of runs, not '9'"),
        ({"max_held": True}, TypeError, "max_held must be a number of runs, not True"),
        ({"max_held": 1.5}, TypeError, "max_held must be a number of runs, not 1.5"),
        ({"name": ""}, ValueError, "a job's name must be printable text, not ''"),
        ({"name": "  "}, ValueError, "a job's name must be printable text, not '  '"),
        ({"name": "a\nb"}, ValueError, "a job's name must be printable text, not 'a\\nb'"),
        ({"name": "\x1b[31m"}, ValueError, "a job's name must be printable text, not '\\x1b[31m'"),
        ({"name": 5}, ValueError, "a job's name must be printable text, not 5"),
        (
            {"name": "é" * 1_001},
            ValueError,
            "a job's name must have at most 1,000 characters, not 1,001",
        ),
    ],
)
@pytest.mark.parametrize("method", ["schedule", "every", "scheduled"])
def test_an_invalid_policy_is_rejected_and_nothing_is_registered(
    scheduler: Scheduler, method: str, policies: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """`schedule`, `every` and ``@scheduled`` have the same messages."""
    register: dict[str, Callable[[], object]] = {
        "schedule": lambda: scheduler.schedule("@daily", work, **policies),
        "every": lambda: scheduler.every("1s", work, **policies),
        "scheduled": lambda: scheduler.scheduled("@daily", **policies)(work),
    }
    with pytest.raises(kind) as caught:
        register[method]()
    assert str(caught.value) == message
    assert scheduler.jobs == []


@pytest.mark.parametrize("method", ["schedule", "every", "scheduled"])
def test_a_misspelt_policy_is_refused_with_the_nearest_name(scheduler: Scheduler, method: str) -> None:
    policies: dict[str, Any] = {"misfires": "all"}
    register: dict[str, Callable[[], object]] = {
        "schedule": lambda: scheduler.schedule("@daily", work, **policies),
        "every": lambda: scheduler.every("1s", work, **policies),
        "scheduled": lambda: scheduler.scheduled("@daily", **policies)(work),
    }
    with pytest.raises(TypeError) as caught:
        register[method]()
    assert str(caught.value) == f"{method}() has no argument 'misfires'; did you mean misfire=?"
    assert scheduler.jobs == []


@pytest.mark.parametrize("defaults", [5, "skip", [("overlap", "skip")], {5: "skip"}])
def test_defaults_that_are_not_a_dict_of_policies_are_refused(defaults: Any) -> None:
    with pytest.raises(TypeError, match="defaults must be a dict of policies by name, such as"):
        Scheduler(defaults=defaults)


def test_misspelt_defaults_are_refused_with_the_nearest_name() -> None:
    defaults: Any = {"overlaps": "skip"}
    with pytest.raises(
        TypeError, match=r"defaults=dict\(\) has no argument 'overlaps'; did you mean overlap="
    ):
        Scheduler(defaults=defaults)
    arguments: Any = {"overlap": "skip"}
    with pytest.raises(TypeError, match=r"no argument 'overlap'; write defaults="):
        Scheduler(**arguments)


def test_a_job_may_return_to_the_default_of_the_scheduler() -> None:
    """None stands for it."""
    scheduler = Scheduler(defaults={"overlap": "skip", "misfire": "all", "max_held": 5})
    scheduler.every("1h", work, overlap=None, misfire="skip")
    [job] = scheduler.snapshot().jobs
    assert (job.overlap, job.misfire) == (Overlap.SKIP, Misfire.SKIP)


@pytest.mark.parametrize(
    "name",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0645",  # Persian: a joiner separates two letters
        "backups of CPU\u200c\u0645",
        "\u0915\u094d\u200d\u0937",  # Hindi: a joiner combines two letters
        "👨\u200d👩\u200d👧 family",
        "❤\ufe0f\u200d🔥",
        "👩🏽\u200d💻",
    ],
)
def test_a_name_may_have_joiners_between_characters_that_they_affect(scheduler: Scheduler, name: str) -> None:
    """The name of a function, too, which becomes the job's name."""
    scheduler.every("1s", work, name=name)

    def other() -> None:
        """Do nothing."""

    other.__name__ = f"{name} 2"
    scheduler.every("1s", other)
    assert [job.name for job in scheduler.jobs] == [name, f"{name} 2"]


@pytest.mark.parametrize("name", ["a\u200db", "ab\u200c", "\u200d", "a\u2060b", "\u202eab", "é\u200e"])
def test_a_name_must_not_have_invisible_characters_without_effect(scheduler: Scheduler, name: str) -> None:
    """Two different names would look the same."""
    with pytest.raises(ValueError, match="a job's name must be printable text"):
        scheduler.every("1s", work, name=name)


def test_the_view_of_a_job_has_its_policies(scheduler: Scheduler) -> None:
    """A job's overlap policy has priority over the scheduler's."""
    scheduler.every("1s", work, overlap="skip", misfire="all", name=" Übung 1 ")
    [view] = scheduler.snapshot().jobs
    assert (view.name, view.overlap, view.misfire) == ("Übung 1", Overlap.SKIP, Misfire.ALL)
    allowing = Scheduler(defaults={"overlap": "allow"})
    allowing.every("1s", work)
    allowing.every("2s", work, overlap="hold")
    assert [view.overlap for view in allowing.snapshot().jobs] == [Overlap.ALLOW, Overlap.HOLD]


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        (
            5,
            TypeError,
            "must be a spec such as '@every 5s', or an object with next() and tz such as a Cron, not 5",
        ),
        (None, TypeError, "a schedule must be a spec such as '@every 5s', or an object with next() and tz"),
        ("every 5s", BadSpec, "write @every 5s"),
        ("@every 0s", BadSpec, "above zero"),
    ],
)
def test_an_invalid_schedule_is_rejected(
    scheduler: Scheduler, spec: Any, kind: type[Exception], message: str
) -> None:
    """BadSpec for text, TypeError for anything else."""
    with pytest.raises(kind) as caught:
        scheduler.schedule(spec, work)
    assert message in str(caught.value)


def test_something_that_cannot_run_is_rejected_by_every_method(scheduler: Scheduler) -> None:
    """Nothing is registered then."""
    calls: list[Callable[[], object]] = [
        lambda: scheduler.schedule("@daily", None),  # type: ignore[call-overload]
        lambda: scheduler.every("1s", None),  # type: ignore[call-overload]
        lambda: scheduler.now(None),  # type: ignore[call-overload]
        lambda: scheduler.in_("1s", None),  # type: ignore[call-overload]
        lambda: scheduler.at(NOON, None),  # type: ignore[call-overload]
    ]
    for call in calls:
        with pytest.raises(TypeError, match="None cannot be run"):
            call()
    assert scheduler.snapshot().jobs == ()


@pytest.mark.parametrize("interval", [timedelta(seconds=90), 90, 90.0, "1m30s"])
def test_every_accepts_a_timedelta_seconds_or_a_duration(scheduler: Scheduler, interval: Any) -> None:
    """All of them are the same interval."""
    job = scheduler.every(interval, work)
    assert isinstance(job.schedule, Every)
    assert job.schedule.interval == timedelta(seconds=90)
    assert scheduler.snapshot().jobs[0].spec == "every 1m30s"


def test_the_start_of_every_is_the_origin_of_its_grid(scheduler: Scheduler) -> None:
    """A start in the future is the first tick; one in the past is not; a naive one is rejected."""
    future = scheduler.every("1h", work, start=NOON + timedelta(minutes=5))
    past = scheduler.every("1h", work, start=NOON - timedelta(days=1, minutes=10))
    default = scheduler.every("1h", work)
    scheduler.start()
    assert [job.next and job.next - NOON for job in (future, past, default)] == [
        timedelta(minutes=5),
        timedelta(minutes=50),
        timedelta(hours=1),
    ]
    scheduler.stop()
    with pytest.raises(ValueError, match="has no zone"):
        scheduler.every("1h", work, start=NOON.replace(tzinfo=None))


@pytest.mark.parametrize("interval", [0, -1, "0s", "-1s", timedelta(0), float("nan"), "9 years", 1e12])
def test_an_invalid_interval_is_rejected(scheduler: Scheduler, interval: Any) -> None:
    """Zero, negative, too long, or not a number."""
    with pytest.raises(BadSpec):
        scheduler.every(interval, work)


def test_scheduled_registers_the_function_and_returns_it_unchanged(scheduler: Scheduler) -> None:
    """With a spec, a schedule or ``every=``; policies are passed on."""

    @scheduler.scheduled("@daily", name="first", overlap="skip")
    @scheduler.scheduled(every="30s", start=NOON)
    @scheduler.scheduled(parse("@hourly"))
    def function() -> int:
        return 7

    assert function() == 7
    assert [job.name for job in scheduler.jobs] == ["function", "function-2", "first"]
    assert [view.spec for view in scheduler.snapshot().jobs] == ["0 0 * * * *", "every 30s", "@daily"]
    assert scheduler.snapshot().jobs[2].overlap is Overlap.SKIP


def test_scheduled_rejects_missing_conflicting_and_unknown_arguments(scheduler: Scheduler) -> None:
    """Nothing is registered then."""
    with pytest.raises(TypeError, match=r'@scheduled needs a schedule: @scheduled\("0 \*/15 \* \* \* \*"\)'):
        scheduler.scheduled(work)  # type: ignore[call-overload]
    for arguments in ({}, {"spec": "@daily", "every": "30s"}):
        with pytest.raises(TypeError, match="@scheduled takes either a spec or every="):
            scheduler.scheduled(**arguments)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="start"):
        scheduler.scheduled("@daily", start=NOON)(work)  # type: ignore[call-overload]
    assert scheduler.jobs == []


# --- one-off runs ---------------------------------------------------------------------------------


def test_now_in_and_at_request_one_run_each(scheduler: Scheduler) -> None:
    """Each has its trigger and its instant, and is listed in the snapshot."""
    runs = [
        scheduler.now(work),
        scheduler.in_("1m", work),
        scheduler.in_(60, work),
        scheduler.in_(timedelta(minutes=1), work),
        scheduler.at(NOON + timedelta(hours=1), work),
        scheduler.at(NOON - timedelta(days=300), work),
    ]
    assert [run.number for run in runs] == [1, 2, 3, 4, 5, 6]
    assert [run.state for run in runs] == [RunState.QUEUED, *[RunState.SCHEDULED] * 5]
    snapshot = scheduler.snapshot()
    assert [(view.number, view.trigger) for view in snapshot.scheduled] == [
        (6, Trigger.AT),
        (2, Trigger.IN),
        (3, Trigger.IN),
        (4, Trigger.IN),
        (5, Trigger.AT),
    ]
    assert [view.due and view.due - NOON for view in snapshot.scheduled[1:]] == [
        *[timedelta(minutes=1)] * 3,
        timedelta(hours=1),
    ]
    [view] = snapshot.jobs
    assert (view.name, view.spec, view.schedule, view.scheduled) == ("work", "one-off", None, 5)
    assert scheduler.jobs == []


def test_now_instantiates_a_class_with_a_run_method_once_for_each_run(scheduler: Scheduler) -> None:
    """For the first run of its name, too."""
    instances: list[object] = []

    class Report:
        """Counts its instances."""

        def __init__(self) -> None:
            instances.append(self)

        def run(self) -> None:
            """Do nothing."""

    assert [scheduler.now(Report).job for _ in range(3)] == ["Report"] * 3
    assert len(instances) == 3


@pytest.mark.parametrize(
    "delay", [0, 0.0, "0s", timedelta(0), 1e-9, 0.0005, "1us", timedelta(microseconds=3)]
)
def test_a_delay_may_be_shorter_than_the_shortest_interval(scheduler: Scheduler, delay: Any) -> None:
    """A computed delay may be any small number."""
    assert scheduler.in_(delay, work).state is RunState.SCHEDULED


@pytest.mark.parametrize(
    ("delay", "kind", "message"),
    [
        (-1, ValueError, "a delay cannot be negative (-1 s)"),
        ("-1m", ValueError, "a delay cannot be negative (-60 s)"),
        (timedelta(days=-1), ValueError, "a delay cannot be negative (-86400 s)"),
        (float("nan"), BadSpec, "not nan"),
        (float("inf"), BadSpec, "a delay must be at most 8 years"),
        (timedelta(days=3000), BadSpec, "a delay must be at most 8 years"),
        ("soon", BadSpec, "number is missing"),
        (True, TypeError, "not bool"),
        (
            None,
            TypeError,
            "a delay must be a timedelta, a number of seconds or a string such as '1h30m', not",
        ),
        (work, TypeError, "not function; the delay comes first, then the function"),
    ],
)
def test_an_invalid_delay_is_rejected(
    scheduler: Scheduler, delay: Any, kind: type[Exception], message: str
) -> None:
    """The message says what is wrong."""
    with pytest.raises(kind) as caught:
        scheduler.in_(delay, work)
    assert message in str(caught.value)
    assert scheduler.snapshot().jobs == ()


@pytest.mark.parametrize(
    ("instant", "kind", "message"),
    [
        (NOON.replace(tzinfo=None), ValueError, "has no zone"),
        ("2026-11-23", TypeError, "an instant must be an aware datetime, not str"),
        (datetime(9999, 12, 31, tzinfo=UTC), ValueError, "is not between the years 1900 and 9998"),
        (datetime(1, 1, 1, tzinfo=UTC), ValueError, "is not between the years 1900 and 9998"),
    ],
)
def test_an_invalid_instant_is_rejected(
    scheduler: Scheduler, instant: Any, kind: type[Exception], message: str
) -> None:
    """Also one that some zone cannot show: one such run would break every snapshot."""
    with pytest.raises(kind, match=message):
        scheduler.at(instant, work)
    assert scheduler.snapshot().scheduled == ()


def test_the_first_and_last_instants_can_be_shown_in_every_zone() -> None:
    """East and west of UTC."""
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        scheduler = Scheduler(tz=zone)
        scheduler.at(datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), work)
        scheduler.at(datetime(1900, 1, 1, tzinfo=UTC), work)
        assert len(scheduler.snapshot().scheduled) == 2


def test_arguments_are_passed_to_the_runnable_of_a_one_off_run() -> None:
    """Also those with the names of the methods' own parameters."""

    def echo(*args: object, **kwargs: object) -> object:
        return args, kwargs

    with Scheduler(pool=1) as scheduler:
        assert scheduler.now(echo, 1, 2, name="x", tz="y").result(10) == ((1, 2), {"name": "x", "tz": "y"})
        assert scheduler.in_(0, echo, start=3).result(10) == ((), {"start": 3})
        assert scheduler.at(NOON, echo, 4).result(10) == ((4,), {})


def test_arguments_that_a_job_does_not_have_are_rejected_at_the_request(scheduler: Scheduler) -> None:
    job = scheduler.every("1h", work)
    with pytest.raises(TypeError, match="too many positional arguments; the arguments of the run come after"):
        scheduler.now(job, 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'x'"):
        scheduler.in_("1s", job, x=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'x'"):
        scheduler.at(datetime.now(UTC), job, x=1)
    with pytest.raises(TypeError, match="too many positional arguments"):
        job.run(1)
    with pytest.raises(TypeError, match="too many positional arguments"):
        scheduler.run("work", 1)
    assert not scheduler.find_runs()


def test_a_job_of_another_scheduler_is_rejected(scheduler: Scheduler) -> None:
    """It must neither enter this queue nor affect the job of the same name here."""
    foreign_job = Scheduler().every("1h", work)
    own_job = scheduler.every("1h", work)
    for call in (scheduler.now, scheduler.remove, scheduler.pause, scheduler.resume):
        with pytest.raises(ValueError, match="work is a job of another scheduler"):
            call(foreign_job)
    assert [job.name for job in scheduler.jobs] == [own_job.name]
    assert scheduler.snapshot().pool.queued == 0


# --- handles --------------------------------------------------------------------------------------


def test_a_job_handle_reads_and_controls_its_job(scheduler: Scheduler) -> None:
    """Each property is the state at the moment of reading."""
    job = scheduler.every("1h", work)
    assert isinstance(job, Job)
    assert (job.name, job.status, job.prev, job.next) == ("work", JobStatus.IDLE, None, None)
    assert repr(job) == "<jobtui.Job 'work' every 1h>"
    assert job.pause()
    assert not job.pause()
    assert [job.status] == [JobStatus.PAUSED]
    assert job.resume()
    assert not job.resume()
    run = job.run()
    assert [job.status] == [JobStatus.QUEUED]
    assert job.remove()
    assert not job.remove()
    assert run.state is RunState.CANCELLED
    with pytest.raises(AttributeError):
        job.name = "other"  # type: ignore[misc] # renaming


def test_the_handle_of_a_removed_job_does_not_affect_a_new_job_of_its_name(scheduler: Scheduler) -> None:
    """The name is free as soon as the job is removed."""
    old = scheduler.every("1h", work)
    old.remove()
    new = scheduler.every("1h", work)
    assert new.name == old.name
    assert not old.pause()
    assert not old.resume()
    assert not old.remove()
    with pytest.raises(LookupError, match="job 'work' was removed"):
        old.run()
    assert new.status is JobStatus.IDLE
    assert scheduler.jobs[0].name == "work"


def test_prev_and_next_are_in_the_schedulers_zone() -> None:
    """And not in the zone of the job's spec."""
    clock = ManualClock(NOON.timestamp())
    with Scheduler(tz="Asia/Tokyo", clock=clock) as scheduler:
        job = scheduler.schedule("TZ=UTC 0 0 0 * * *", work)
        job.run().result(10)
        assert str(job.prev) == "2026-11-23 21:00:00+09:00"
        assert str(job.next) == "2026-11-24 09:00:00+09:00"


def test_a_run_handle_has_number_job_state_and_reason(scheduler: Scheduler) -> None:
    """The reason says what a held run waits for."""
    job = scheduler.every("1h", work)
    first, second = job.run(), job.run()
    assert isinstance(first, Run)
    assert (second.number, second.job, second.state) == (2, "work", RunState.HELD)
    assert second.reason == "waits for run 1"
    assert repr(second) == "<jobtui.Run 2 of 'work' HELD>"
    assert first.reason == "the scheduler has not been started"


# --- jobs by name ---------------------------------------------------------------------------------


def test_an_unknown_job_name_is_rejected_with_the_nearest_names(scheduler: Scheduler) -> None:
    """Any text is accepted as a name to look up."""
    job = scheduler.every("1h", work, name="backup")
    scheduler.every("1h", work, name="cleanup")
    assert scheduler.job("backup").name == job.name
    with pytest.raises(LookupError, match="there is no job 'bakup'; near: backup"):
        scheduler.job("bakup")
    with pytest.raises(LookupError, match=r"there is no job 'zzz'$"):
        scheduler.job("zzz")
    for call in (scheduler.run, scheduler.pause, scheduler.resume, scheduler.runs_of):
        with pytest.raises(LookupError, match="there is no job"):
            call("x" * 10_000)


def test_jobs_and_runs_are_controlled_by_name_and_number(scheduler: Scheduler) -> None:
    """A run that is requested by hand has that trigger."""
    scheduler.every("1h", work)
    run = scheduler.run("work")
    assert scheduler.snapshot().waiting[0].trigger is Trigger.HAND
    assert (scheduler.pause("work"), scheduler.pause("work")) == (True, False)
    assert (scheduler.resume("work"), scheduler.resume("work")) == (True, False)
    assert scheduler.cancel(run.number)
    assert not scheduler.cancel(run.number)
    assert not scheduler.cancel(99)
    assert [view.number for view in scheduler.runs_of("work")] == [run.number]


def test_one_off_runs_have_no_job_handle_and_cannot_be_run_again_or_paused(scheduler: Scheduler) -> None:
    """Their arguments are not kept."""
    scheduler.now(work)
    with pytest.raises(LookupError, match="work has no schedule: it groups one-off runs"):
        scheduler.job("work")
    with pytest.raises(LookupError, match="work groups one-off runs, each with arguments of its own"):
        scheduler.run("work")
    assert not scheduler.pause("work")


def test_a_one_off_run_after_the_removal_of_its_job_gets_a_new_job(scheduler: Scheduler) -> None:
    """Also if `now` remembers the removed job: no snapshot would list the run, and no stop cancel it."""
    first, second = scheduler.now(work), scheduler.now(work)
    runtime_of(scheduler).kernel.apply(lambda engine, now: engine.remove_job(engine.jobs["work"], now))
    third = scheduler.now(work)
    assert [run.state for run in (first, second, third)] == [*[RunState.CANCELLED] * 2, RunState.QUEUED]
    assert [(job.name, job.queued) for job in scheduler.snapshot().jobs] == [("work", 1)]
    scheduler.stop(0)
    assert [third.state] == [RunState.CANCELLED]


def test_pause_all_and_resume_all_return_how_many_jobs_they_changed(scheduler: Scheduler) -> None:
    """One-off jobs are not counted."""
    first, _second = scheduler.every("1h", work), scheduler.every("2h", work)
    scheduler.now(work)
    first.pause()
    assert (scheduler.pause_all(), scheduler.pause_all()) == (1, 0)
    assert (scheduler.resume_all(), scheduler.resume_all()) == (2, 0)


def test_many_jobs_of_one_function_get_numbered_names(scheduler: Scheduler) -> None:
    """Without a search through all the names that are taken."""
    jobs = [scheduler.every(seconds, work) for seconds in range(1, 2_001)]
    assert jobs[-1].name == "work-2000"
    assert len({job.name for job in jobs}) == 2_000


def test_a_zone_given_to_a_job_is_shown_with_its_spec(scheduler: Scheduler) -> None:
    """The scheduler's own zone is not shown."""
    scheduler.schedule("@midnight", work, name="far", tz="Asia/Tokyo")
    scheduler.schedule("@midnight", work, name="near", tz="UTC")
    assert [job.spec for job in scheduler.snapshot().jobs] == ["@midnight (Asia/Tokyo)", "@midnight"]


# --- the package ----------------------------------------------------------------------------------


def test_the_functions_of_the_package_act_on_the_default_scheduler(default: Scheduler) -> None:
    """The one that is the default at the time of the call."""
    order: list[str] = []

    @jobtui.on_app_start
    def begin() -> None:
        order.append("start")

    @jobtui.on_app_stop
    def end() -> None:
        order.append("stop")

    @jobtui.scheduled(every="1h")
    def refresh() -> None:
        """Refresh."""

    jobtui.schedule("@daily", work)
    jobtui.every("1h", work)
    jobtui.now(work)
    jobtui.in_("1h", work)
    jobtui.at(NOON + timedelta(hours=2), work)
    assert [view.name for view in default.snapshot().jobs] == ["refresh", "work", "work-2", "work-3"]
    assert default_module.default_scheduler() is default
    default.start()
    default.stop()
    assert order == ["start", "stop"]


def test_the_default_scheduler_is_created_on_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every later use gets the same one."""
    monkeypatch.setattr(default_module, "_default", None)  # restored after the test
    assert default_module.default_scheduler() is default_module.default_scheduler()


def test_every_public_name_is_listed_and_can_be_loaded() -> None:
    """An unknown name raises AttributeError."""
    assert set(jobtui.__all__) <= set(dir(jobtui))
    for name in jobtui.__all__:
        assert getattr(jobtui, name) is not None
    with pytest.raises(AttributeError, match="module 'jobtui' has no attribute 'nonesuch'"):
        _ = jobtui.nonesuch  # type: ignore[attr-defined]


def test_importing_the_package_imports_none_of_its_modules() -> None:
    """Names are loaded on first use; a scheduler needs neither croniter nor asyncio."""
    program = (
        "import sys, jobtui\n"
        "assert not [name for name in sys.modules if name.startswith('jobtui.')]\n"
        "scheduler = jobtui.Scheduler()\n"
        "scheduler.every('1h', print)\n"
        "print(sorted({'croniter', 'asyncio', 'textual', 'rich'} & set(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "[]\n"


# --- what must fail at each tick, or do nothing, is refused ---------------------------------------


def needs_one(to: str) -> None:
    """Require an argument."""


def test_a_function_that_requires_arguments_is_not_registered(scheduler: Scheduler) -> None:
    """By none of the ways to register it, and the name stays free."""
    with pytest.raises(TypeError, match=r"needs_one\(\) .* missing a required argument: 'to'"):
        scheduler.schedule("@daily", needs_one)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing a required argument: 'to'"):
        scheduler.every("1s", needs_one)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing a required argument: 'to'"):
        scheduler.scheduled(every="1s")(needs_one)  # type: ignore[type-var]
    assert scheduler.jobs == []


def test_a_delayed_run_whose_arguments_do_not_fit_is_refused_at_once(scheduler: Scheduler) -> None:
    """Not after the delay. A run that starts now fails at once anyway."""
    untyped: Any = scheduler
    for request in (partial(untyped.in_, "30m"), partial(untyped.at, NOON + timedelta(hours=1))):
        with pytest.raises(
            TypeError, match="missing a required argument: 'to'; the arguments of the run come"
        ):
            request(needs_one)
        with pytest.raises(TypeError, match="too many positional arguments"):
            request(work, "me")
        with pytest.raises(TypeError, match="got an unexpected keyword argument 'cc'"):
            request(needs_one, "me", cc="you")
        assert request(needs_one, to="me").state is RunState.SCHEDULED
    scheduler.start()
    with SimulatedScheduler() as simulated:
        simulated_now: Any = simulated.now
        assert simulated_now(needs_one).state is RunState.FAILED
    scheduler.stop()


def test_positional_arguments_of_a_one_off_run_do_not_collide_with_its_keywords() -> None:
    """The keywords of a job may have any name."""

    def echo(**keywords: object) -> dict[str, object]:
        return keywords

    keywords: dict[str, Any] = {"self": 1, "runnable": 2, "delay": 3, "instant": 4, "args": 5, "func": 6}
    with SimulatedScheduler() as simulated:
        runs = [
            simulated.now(echo, **keywords),
            simulated.in_("1s", echo, **keywords),
            simulated.at(simulated.time + timedelta(seconds=1), echo, **keywords),
        ]
        simulated.advance("1s")
        assert [run.result() for run in runs] == [keywords] * 3


def test_a_method_in_the_body_of_its_class_is_not_registered(scheduler: Scheduler) -> None:
    """It would be called without its object."""
    with pytest.raises(TypeError, match=r"^Shop\.restock\(\) \(.*\) .*pass that of an object"):

        class Shop:
            @scheduler.scheduled("@daily")  # type: ignore[type-var]
            def restock(self) -> None:
                """Restock."""


async def open_database() -> None:
    """Do nothing, as a coroutine."""


def make_database() -> Iterator[None]:
    """Do nothing, as a generator."""
    yield


class OpensDatabase:
    """Is called as a coroutine function."""

    async def __call__(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (open_database, "open_database is a coroutine function, which is not awaited here: register a plain"),
        (partial(open_database), "is a coroutine function"),
        (OpensDatabase(), "is a coroutine function"),
        (make_database, "make_database is a generator function, whose body would not run"),
        (needs_one, "missing a required argument: 'to'; it must require no arguments"),
        (None, r"None is not a function \(was it called\?"),
    ],
)
def test_a_start_or_stop_function_whose_body_would_not_run_is_refused(
    scheduler: Scheduler, function: Any, message: str
) -> None:
    """At once, when it is registered."""
    for register in (scheduler.on_app_start, scheduler.on_app_stop):
        with pytest.raises(TypeError, match=message):
            register(function)
    scheduler.start()
    assert scheduler.stop()


@pytest.mark.parametrize("function", [open_database, make_database])
def test_a_start_function_that_only_returns_what_would_have_to_run_stops_the_start(
    scheduler: Scheduler, function: Callable[[], object]
) -> None:
    """A decorator or a lambda may hide what it is."""
    scheduler.on_app_start(lambda: [function()][0])
    with pytest.raises(StartError, match=r"returned a (coroutine|generator), whose body did not run"):
        scheduler.start()


def test_a_stop_function_that_only_returns_a_coroutine_is_logged(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are called."""
    called: list[str] = []
    scheduler.on_app_stop(lambda: [open_database()][0])
    scheduler.on_app_stop(lambda: called.append("next"))
    scheduler.start()
    scheduler.stop()
    assert called == ["next"]
    assert "returned a coroutine, whose body did not run" in caplog.text


def test_an_interval_is_in_the_zone_of_the_scheduler_or_of_its_start() -> None:
    """Not in that of the machine."""
    scheduler = Scheduler(tz="Asia/Tokyo", clock=ManualClock(NOON.timestamp()))
    job = scheduler.every("90m", work)
    started = scheduler.every("90m", work, start=NOON)
    for each, zone in ((job, "Asia/Tokyo"), (started, "UTC")):
        due = each.schedule.next(NOON)
        assert due is not None
        assert str(due.tzinfo) == zone
    assert [view.spec for view in scheduler.snapshot().jobs] == ["every 1h30m", "every 1h30m"]


# --- the names of one-off runs --------------------------------------------------------------------


@pytest.mark.parametrize("requested_first", [True, False])
def test_a_job_has_the_name_of_its_function_whether_or_not_a_one_off_run_has_it(
    scheduler: Scheduler, requested_first: bool
) -> None:
    """The one-off runs get the number, in either order."""
    if requested_first:
        run = scheduler.now(work)
        job = scheduler.every("1h", work)
    else:
        job = scheduler.every("1h", work)
        run = scheduler.now(work)
    assert (job.name, run.job) == ("work", "work-2")
    assert scheduler.job("work") == job
    assert scheduler.now(work).job == "work-2"
    assert scheduler.every("2h", work).name == "work-3"
    assert [view.name for view in scheduler.snapshot().jobs if view.schedule is None] == ["work-2"]
    assert {view.job for view in scheduler.snapshot().waiting} == {"work-2"}


def test_a_reader_of_the_events_sees_one_off_runs_leave_their_name_to_a_job(scheduler: Scheduler) -> None:
    """The names of the jobs are unique after each event."""
    scheduler.now(work)
    subscription = scheduler.subscribe()
    scheduler.schedule("@daily", print, name="work")
    names = [view.name for view in subscription.snapshot.jobs]
    for event in subscription.read():
        if isinstance(event, JobRemoved):
            names.remove(event.job.name)
        elif isinstance(event, JobAdded):
            names.append(event.job.name)
        assert len(set(names)) == len(names)
    assert sorted(names) == ["work", "work-2"]


def test_a_run_that_ended_before_a_job_took_the_name_keeps_it() -> None:
    """But it is none of that job's runs."""
    with SimulatedScheduler() as simulated:
        simulated.now(work)
        job = simulated.every("1s", work)
        assert simulated.fired(job) == []
        simulated.now(work)
        assert simulated.find_runs(job="work")[0].number == 1
        assert [run.number for run in simulated.runs_of("work-2")] == [2, 1]
        simulated.advance("1s")
        assert len(simulated.fired(job)) == 1


# --- pausing --------------------------------------------------------------------------------------


def test_the_runs_that_wait_when_a_job_is_paused_still_run() -> None:
    """Pausing concerns ticks: QUEUED, HELD and SCHEDULED runs go on, and runs by hand start."""
    with SimulatedScheduler(pool=1) as simulated:
        started: list[int] = []
        blocked = simulated.now(asyncio.sleep, 10)
        job = simulated.every("1s", lambda: started.append(len(started)), name="job")
        simulated.advance("3s")
        later = simulated.in_("30s", job)
        assert [run.state for run in simulated.find_runs(job="job")] == [
            RunState.QUEUED,
            RunState.HELD,
            RunState.HELD,
            RunState.SCHEDULED,
        ]
        assert job.pause()
        simulated.advance("20s")
        assert blocked.state is RunState.OK
        assert started == [0, 1, 2]
        job.run()
        assert started == [0, 1, 2, 3]
        simulated.advance("20s")
        assert later.state is RunState.OK
        assert started == [0, 1, 2, 3, 4]
