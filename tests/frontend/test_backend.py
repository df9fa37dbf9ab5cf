"""The contract of `Backend`: the same tests with a local backend and with remote ones."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.api_server import BlockingJob
from support.runtime_parts import runtime_of
from support.unknown_zone import UnknownZone, unknown_zoneinfo

from jobtui import Retry, Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import parse_url
from jobtui.engine.enums import Cancellation, Overlap, Phase, RunState
from jobtui.engine.run_columns import RunColumns
from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.backend import Backend, JobDetails, LogLine, LogPage, RunLine
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.policy_json import changes_to_json
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import MAX_CHUNK, OutputChunk, OutputLine, OutputLog
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Every, Once, Schedule
from jobtui.web.server import Server

LIMIT = 60.0  # seconds
WRITTEN = 1_773_656_647.25  # when the output was written, in seconds since the epoch
NEW_YORK = ZoneInfo("America/New_York")
SPRING = datetime(2026, 3, 7, 12, 0, tzinfo=NEW_YORK)  # the day before 02:00 becomes 03:00

ODD_NAMES = [
    "..",
    ".",
    "...",
    "/",
    "a/b",
    "../..",
    "//",
    "%",
    "%2F",
    "%2e%2e",
    "a b",
    "a+b",
    "?",
    "#x",
    "a?b=c&d",
    "{name}",
    "}",
    "\\",
    '"',
    "日本語",
    "e\u0301👩",
    "[/b]",
    "<script>",
    ":@;",
    "x" * 500,
]


class BackendSetup:
    """Makes schedulers on a manual clock, with their backends, and stops everything at the end.

    Args:
        kind: The kind of backend: "local", or a remote one over "tcp" or "unix".
        folder: A folder for the socket.

    Attributes:
        output_log: The output of the jobs.
        clock: The clock of the schedulers.
        local: The local backend of the latest scheduler.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.output_log = OutputLog(clock=ManualClock(WRITTEN))
        self.clock = ManualClock(SPRING.timestamp())
        self.local: LocalBackend
        self._kind = kind
        self._folder = folder
        self._cleanup = ExitStack()

    def make_scheduler(self, tz: str | tzinfo = "UTC", pool: int = 2, **options: Any) -> Scheduler:
        """Return a scheduler that has not been started."""
        scheduler = Scheduler(tz=tz, pool=pool, clock=self.clock, **options)
        self._cleanup.callback(scheduler.stop, 0)
        return scheduler

    def make_backend(self, scheduler: Scheduler) -> Backend:
        """Return a backend of a scheduler."""
        self.local = LocalBackend(scheduler, "jobs.py", self.output_log)
        if self._kind == "local":
            return self.local
        address = f"unix:{self._folder / 's'}" if self._kind == "unix" else "127.0.0.1:0"
        server = self._cleanup.enter_context(Server(self.local, parse_address(address)))
        target, _, _ = parse_url(str(server.address))
        remote = RemoteBackend(target, clock=self.clock)
        remote.connect()
        self._cleanup.callback(remote.close)
        return remote

    def start(self, register: Callable[[Scheduler], object], **options: Any) -> tuple[Scheduler, Backend]:
        """Register jobs and start the scheduler; return it with its backend."""
        scheduler = self.make_scheduler(**options)
        register(scheduler)
        scheduler.start()
        return scheduler, self.make_backend(scheduler)

    def close(self) -> None:
        """Stop everything."""
        self._cleanup.close()


@pytest.fixture(params=["local", "tcp", "unix"])
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackendSetup]:
    """Run each test with every kind of backend."""
    setup = BackendSetup(request.param, tmp_path)
    try:
        yield setup
    finally:
        setup.close()


def snapshot_when(backend: Backend, condition: Callable[[Snapshot], object]) -> Snapshot:
    """Wait for a snapshot that meets a condition, and return it."""
    changed = threading.Event()
    unsubscribe = backend.on_change(changed.set)
    try:
        while not condition(snapshot := backend.snapshot()):
            assert changed.wait(LIMIT), f"no snapshot meets the condition: {snapshot}"
            changed.clear()
    finally:
        unsubscribe()
    return snapshot


def job_view(backend: Backend, name: str) -> JobView:
    """Return a job from the current snapshot."""
    return next(each for each in backend.snapshot().jobs if each.name == name)


def fail() -> None:
    """Raise an error."""
    raise ValueError("no [/b] orders\n\x1b[31m")


@pytest.fixture
def blocking_job() -> Iterator[BlockingJob]:
    """Return a job that is released at the end of the test."""
    job = BlockingJob()
    yield job
    job.release()


# --- snapshots ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/London",
        "America/New_York",
        "Asia/Kathmandu",
        timezone(timedelta(hours=-3, minutes=-30)),
        timezone(timedelta(hours=5, minutes=30, seconds=15)),
        UTC,
    ],
    ids=str,
)
def test_the_snapshot_equals_that_of_the_scheduler(
    setup: BackendSetup, blocking_job: BlockingJob, zone: str | tzinfo
) -> None:
    """With jobs of several kinds, runs in several states, and any zone."""

    def register(scheduler: Scheduler) -> None:
        scheduler.schedule("0 30 2 * * *", fail, name="nightly", misfire="skip")
        scheduler.schedule("TZ=Asia/Tokyo */5 * * * *", fail, name="elsewhere", dst="every", overlap="skip")
        scheduler.every("1m30s", blocking_job.run, name="slow", overlap="allow")
        scheduler.schedule("@daily", print, name="paused").pause()

    scheduler, backend = setup.start(register, tz=zone)
    scheduler.run("nightly").wait(LIMIT)
    scheduler.run("slow")
    blocking_job.wait_started()
    scheduler.now(blocking_job.run)
    for _ in range(3):
        scheduler.now(fail)
    scheduler.in_("1h", fail)
    setup.clock.advance(600)
    runtime_of(scheduler).poller.poll()
    snapshot = snapshot_when(backend, lambda snapshot: snapshot == scheduler.snapshot())
    assert {run.state for run in (*snapshot.running, *snapshot.waiting, *snapshot.scheduled)} >= {
        RunState.RUNNING,
        RunState.QUEUED,
        RunState.SCHEDULED,
    }
    assert "no [/b] orders" in snapshot.recent[-1].error
    assert (backend.title, backend.zone, backend.connection_error) == ("jobs.py", scheduler.tz, "")


def test_times_in_an_unknown_zone_are_those_of_the_scheduler(setup: BackendSetup) -> None:
    """A process that does not know the zone uses its offset."""
    scheduler, backend = setup.start(
        lambda it: it.schedule("0 0 12 * * *", fail, name="noon"), tz=unknown_zoneinfo()
    )
    there, here = scheduler.snapshot(), backend.snapshot()
    assert here.at == there.at
    assert f"{here.at:%H:%M}" == f"{there.at:%H:%M}"
    assert job_view(backend, "noon").next == there.jobs[0].next


@pytest.mark.parametrize(
    "schedule",
    [
        Once(SPRING + timedelta(days=400)),
        Every(90.5, SPRING + timedelta(seconds=7)),
        Every(timedelta(days=2000)),
        parse("0 30 2 ? * SUN", tz=NEW_YORK, dst="every"),
        parse("0 30 2 * * *", tz=UnknownZone()),
        parse("0 0 0 30 2 ?", tz=UTC),
    ],
    ids=str,
)
def test_the_next_ticks_of_a_schedule_are_those_of_the_scheduler(
    setup: BackendSetup, schedule: Schedule
) -> None:
    """For every kind of schedule, and in an unknown zone."""
    scheduler, backend = setup.start(lambda it: it.schedule(schedule, print, name="a"))
    there, here = scheduler.snapshot().jobs[0], backend.snapshot().jobs[0]
    assert (here.next, here.spec) == (there.next, there.spec)
    assert [tick.at for tick in backend.job_details("a").preview.ticks] == [
        tick.at for tick in setup.local.job_details("a").preview.ticks
    ]
    assert backend.pause("a")


def test_the_time_of_a_snapshot_advances_without_a_change(setup: BackendSetup) -> None:
    """Countdowns need no event."""
    _, backend = setup.start(lambda it: it.every("1h", print, name="hourly"))
    before = backend.snapshot()
    setup.clock.advance(59)
    assert backend.snapshot().at - before.at == timedelta(seconds=59)


def test_an_unchanged_job_or_run_is_the_same_object_in_the_next_snapshot(setup: BackendSetup) -> None:
    """Front ends repaint only the rows whose object is another one."""
    scheduler, backend = setup.start(lambda it: [it.every("1h", print, name=name) for name in "ab"])
    scheduler.run("b").wait(LIMIT)
    before = snapshot_when(backend, lambda snapshot: snapshot.recent)
    backend.pause("a")
    after = snapshot_when(backend, lambda snapshot: snapshot.jobs[0].paused_since is not None)
    assert after.jobs[0] is not before.jobs[0]
    assert after.jobs[1] is before.jobs[1]
    assert after.recent[0] is before.recent[0]


def test_a_change_notifies_every_listener_until_it_unsubscribes(setup: BackendSetup) -> None:
    """A second call to unsubscribe has no effect."""
    scheduler, backend = setup.start(lambda it: it.every("1h", print, name="a"))
    subscribed, unsubscribed = threading.Event(), threading.Event()
    unsubscribe = backend.on_change(unsubscribed.set)
    backend.on_change(subscribed.set)
    scheduler.pause("a")
    assert subscribed.wait(LIMIT)
    assert unsubscribed.wait(LIMIT)
    unsubscribe()
    unsubscribe()
    for event in (subscribed, unsubscribed):
        event.clear()
    scheduler.resume("a")
    assert subscribed.wait(LIMIT)
    snapshot_when(backend, lambda snapshot: snapshot.jobs[0].paused_since is None)
    assert not unsubscribed.is_set()


# --- commands -------------------------------------------------------------------------------------


def test_run_returns_the_number_of_a_run_with_the_trigger_by_hand(setup: BackendSetup) -> None:
    """The snapshot has that run."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", print, name="a"))
    number = backend.run("a")
    snapshot_when(backend, lambda snapshot: [run.number for run in snapshot.recent] == [number])
    assert scheduler.run_view(number).trigger.value == "by hand"


def test_update_changes_schedule_and_policies_or_nothing(setup: BackendSetup) -> None:
    _, backend = setup.start(lambda it: it.every("1h", print, name="a"))
    backend.update("a", spec="45s", overlap="skip")
    with pytest.raises(ValueError, match="overlap must be one of"):
        backend.update("a", spec="@daily", overlap="never")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"day-of-week"):
        backend.update("a", spec="* * * * 9", overlap="allow")
    with pytest.raises(LookupError):
        backend.update("b", spec="@daily")
    view = snapshot_when(backend, lambda snapshot: snapshot.jobs[0].spec == "every 45s").jobs[0]
    assert view.overlap is Overlap.SKIP


def test_preview_shows_the_words_and_the_ticks_of_a_spec_and_changes_nothing(setup: BackendSetup) -> None:
    """With the adjustments of the job; a spec, an interval from now, and a name of the settings."""
    scheduler, backend = setup.start(
        lambda it: it.every("1h", print, name="a", until=SPRING + timedelta(minutes=55)),
        schedules={"cron.often": "0 */30 * * * *"},
    )
    for spec, minutes in (("0 */30 * * * *", 30), ("cron.often", 30), ("25m", 25), ("@every 10m", 10)):
        found = backend.preview("a", spec)
        ticks = [SPRING + each * timedelta(minutes=minutes) for each in range(1, 55 // minutes + 1)]
        assert [tick.at for tick in found.preview.ticks] == ticks
        assert f"every {minutes} minutes" in found.description
        assert "until" in found.description
    assert backend.preview("a", "@reboot").preview.ticks == ()
    assert scheduler.job("a").schedule == scheduler.snapshot().jobs[0].schedule
    assert scheduler.snapshot().jobs[0].spec == "every 1h"


def test_preview_of_a_wrong_spec_or_job_is_an_error_for_the_user(setup: BackendSetup) -> None:
    _, backend = setup.start(
        lambda it: [it.every("1h", print, name="a"), it.add(divmod, name="b"), it.now(print)]
    )
    with pytest.raises(ValueError, match=r"day-of-week.*\n.*\n +\^"):
        backend.preview("a", "* * * * 9")
    with pytest.raises(LookupError, match=r"have no schedule cron\.often; they have: none"):
        backend.preview("a", "cron.often")
    with pytest.raises(LookupError, match=r"no job 'aa'; near: a"):
        backend.preview("aa", "@daily")
    with pytest.raises(ValueError, match="divmod"):
        backend.preview("b", "@daily")
    with pytest.raises(LookupError, match="one-off"):
        backend.preview("print", "@daily")


def test_update_sets_and_unsets_each_kind_of_policy(setup: BackendSetup) -> None:
    """A retry rule, durations and instants have the same effect in another process."""
    scheduler, backend = setup.start(lambda it: it.every("1h", print, name="a"), defaults={"warn": "7s"})
    backend.update(
        "a",
        retry=Retry(3, first=timedelta(seconds=5), until="next tick"),
        timeout=timedelta(minutes=5),
        warn=1.5,
        until=datetime(2100, 1, 1, tzinfo=UTC),
    )
    view = snapshot_when(backend, lambda snapshot: snapshot.jobs[0].timeout is not None).jobs[0]
    assert (view.timeout, view.warn) == (timedelta(minutes=5), timedelta(seconds=1.5))
    assert view.retry == "3 retries, after 5s, 10s, 20s, before the next tick"
    assert "2100" in repr(scheduler.job("a").schedule)
    backend.update("a", retry=None, timeout=None, warn=None, until=None)
    view = snapshot_when(backend, lambda snapshot: snapshot.jobs[0].timeout is None).jobs[0]
    assert (view.warn, view.retry) == (timedelta(seconds=7), "")
    assert "2100" not in repr(scheduler.job("a").schedule)


def test_functions_and_exception_classes_are_not_sent_to_another_process() -> None:
    with pytest.raises(TypeError, match="on_failure is a function"):
        changes_to_json({"on_failure": print})
    with pytest.raises(TypeError, match="on of a Retry cannot be sent"):
        changes_to_json({"retry": Retry(1, on=OSError)})


def test_pause_and_resume_return_whether_or_how_many_jobs_changed(setup: BackendSetup) -> None:
    """For one job, and for all jobs."""
    _, backend = setup.start(lambda it: [it.every("1h", print, name=name) for name in "abc"])
    assert [backend.pause("a"), backend.pause("a"), backend.resume("a"), backend.resume("a")] == [
        True,
        False,
        True,
        False,
    ]
    assert backend.pause("b", for_="1h", note="disk", by="dashboard")
    paused = snapshot_when(backend, lambda snapshot: bool(snapshot.jobs[1].paused_since)).jobs[1]
    assert paused.paused_since is not None
    assert paused.paused_until is not None
    assert paused.paused_until - paused.paused_since == timedelta(hours=1)
    assert paused.pause_note == "disk"
    assert paused.paused_by in {"dashboard", "API"}
    assert backend.pause("b", until=paused.paused_until + timedelta(hours=1))
    assert backend.pause_all() == 2
    snapshot_when(backend, lambda snapshot: all(each.paused_since for each in snapshot.jobs))
    assert backend.resume_all() == 3


def test_cancel_returns_what_it_did_to_the_run(setup: BackendSetup, blocking_job: BlockingJob) -> None:
    """To a waiting run, a coroutine, a thread, an ended run, and a run that does not exist."""
    coroutine_started = threading.Event()

    async def sleep() -> None:
        coroutine_started.set()
        await asyncio.Event().wait()

    scheduler, backend = setup.start(
        lambda it: it.schedule("@yearly", blocking_job.run, name="thread"), pool=2
    )
    coroutine = scheduler.now(sleep)
    thread = backend.run("thread")
    blocking_job.wait_started()
    assert coroutine_started.wait(LIMIT)
    snapshot_when(backend, lambda snapshot: snapshot.pool.running == 2)
    waiting = scheduler.now(print).number
    assert backend.cancel(waiting) is Cancellation.TAKEN_OUT
    assert backend.cancel(coroutine.number) is Cancellation.INTERRUPTED
    assert backend.cancel(thread) is Cancellation.ASKED
    assert coroutine.wait(LIMIT)
    for number in (coroutine.number, 4711, 0, -1, 10**30):
        assert backend.cancel(number) is Cancellation.TOO_LATE


def test_resize_changes_the_pool_size_and_rejects_a_negative_one(setup: BackendSetup) -> None:
    """The snapshot has the new size."""
    scheduler, backend = setup.start(lambda it: None)
    for size in (7, 0):
        backend.resize(size)
        assert scheduler.snapshot().pool.size == size
        snapshot_when(backend, lambda snapshot, size=size: snapshot.pool.size == size)  # type: ignore[misc] # a default
    with pytest.raises(ValueError, match="0"):
        backend.resize(-1)


@pytest.mark.parametrize("name", ["gone", "reprot", "../gone", "{", "%ff", "\ud800", ""])
def test_every_method_raises_lookup_error_for_an_unknown_job(setup: BackendSetup, name: str) -> None:
    """With the scheduler's own message."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", print, name="report"))
    for method in (backend.run, backend.pause, backend.resume, backend.job_details):
        with pytest.raises(LookupError) as caught:
            method(name)
        if name.isprintable() and name:
            with pytest.raises(LookupError) as expected:
                getattr(setup.local, method.__name__)(name)
            assert caught.value.args == expected.value.args
    assert scheduler.job("report").status.value == "IDLE"


def test_an_ended_run_runs_again_by_its_number(setup: BackendSetup) -> None:
    """The errors have the scheduler's messages."""
    scheduler, backend = setup.start(lambda it: None)
    run, large = scheduler.now(len, "word"), scheduler.now(len, "x" * 1_000_000)
    assert (run.result(LIMIT), large.result(LIMIT)) == (4, 1_000_000)
    number = backend.run_again(run.number)
    assert number == 3
    snapshot_when(backend, lambda snapshot: len(snapshot.recent) == 3)
    assert backend.run_view(number).arguments == "'word'"
    with pytest.raises(RuntimeError, match="run 2 cannot run again: its arguments are not kept"):
        backend.run_again(large.number)
    for unknown in (99, 10**30):
        with pytest.raises(LookupError, match=f"there is no run {unknown}"):
            backend.run_again(unknown)


def test_the_stack_of_a_run_is_there_while_it_runs(setup: BackendSetup, blocking_job: BlockingJob) -> None:
    scheduler, backend = setup.start(lambda it: None)
    run = scheduler.now(blocking_job)
    blocking_job.wait_started()
    stack = backend.stack(run.number)
    assert stack is not None
    assert (stack.number, stack.state.value, stack.worker) == (run.number, "RUNNING", "worker-1")
    assert (stack.frames[0].function, stack.at.tzinfo) == ("run", backend.zone)
    blocking_job.release()
    assert run.wait(LIMIT)
    assert backend.stack(run.number) is None
    if not isinstance(backend, LocalBackend):
        with pytest.raises(LookupError):
            backend.stack(99)


def test_a_job_runs_with_arguments_from_json(setup: BackendSetup) -> None:
    """They are converted, and the details of the job have their schema."""

    def copy(source: str, days: list[date], /, *, limit: float = 1.5) -> tuple[object, ...]:
        return source, days, limit

    scheduler, backend = setup.start(lambda it: it.add(copy, args=("home", [])))
    schema = backend.job_details("copy").parameters
    assert (schema["required"], schema["properties"]["limit"]) == (
        ["source", "days"],
        {"type": "number", "default": 1.5},
    )
    arguments = {"source": "etc", "days": ["2026-11-27"], "limit": 2}
    run = backend.run_view(backend.run("copy", arguments))
    assert run.arguments == "'etc', [datetime.date(2026, 11, 27)], limit=2.0"
    same = backend.run_view(backend.run("copy", {"args": ["etc", ["2026-11-27"]], "kwargs": {"limit": 2}}))
    assert same.arguments == run.arguments
    assert backend.run_view(backend.run("copy", {})).arguments == ""
    with pytest.raises(ValueError, match=r"days\[0\]: must be a date such as 2026-11-27, not 'soon'"):
        backend.run("copy", {"source": "etc", "days": ["soon"]})
    assert len(scheduler.find_runs()) == 3


def test_a_job_that_requires_arguments_is_refused_without_any(setup: BackendSetup) -> None:
    _, backend = setup.start(lambda it: it.add(len, name="length"))
    with pytest.raises(ValueError, match="missing a required argument: 'obj'"):
        backend.run("length")
    backend.run("length", {"args": ["word"]})


def test_one_off_runs_have_details_and_cannot_run_by_their_name(setup: BackendSetup) -> None:
    """Each has arguments of its own."""
    scheduler, backend = setup.start(lambda it: None)
    assert scheduler.now(print).wait(LIMIT)
    snapshot_when(backend, lambda snapshot: snapshot.recent)
    assert backend.job_details("print").description == "one-off runs, no schedule"
    with pytest.raises(
        (LookupError, RuntimeError), match="print groups one-off runs, each with arguments of its own"
    ):
        backend.run("print")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_every_method_accepts_a_job_with_an_odd_name(setup: BackendSetup, name: str) -> None:
    """A job's name may be any printable text."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", lambda: None, name=name))
    assert backend.job_details(name).job.name == name
    assert backend.pause(name)
    assert backend.resume(name)
    assert scheduler.run_view(backend.run(name)).job == name


def test_a_stopped_scheduler_can_be_read_and_rejects_runs(setup: BackendSetup) -> None:
    """The snapshot has the phase STOPPED."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", print, name="a"))
    scheduler.stop(0)
    snapshot_when(backend, lambda snapshot: snapshot.phase is Phase.STOPPED)
    assert backend.job_details("a").job.name == "a"
    with pytest.raises(RuntimeError) as caught:
        backend.run("a")
    with pytest.raises(RuntimeError) as expected:
        setup.local.run("a")
    assert str(caught.value) == str(expected.value)


# --- runs and the pool ----------------------------------------------------------------------------


def test_find_runs_returns_the_runs_of_a_job_and_of_a_state(
    setup: BackendSetup, blocking_job: BlockingJob
) -> None:
    """Live runs come first, then endings, the latest first."""

    def register(scheduler: Scheduler) -> None:
        scheduler.schedule("@yearly", fail, name="a+b & c=d")
        scheduler.schedule("@yearly", blocking_job.run, name="slow")

    scheduler, backend = setup.start(register)
    failed = [scheduler.run("a+b & c=d") for _ in range(3)]
    assert all(run.wait(LIMIT) for run in failed)
    slow = [scheduler.run("slow").number for _ in range(2)]
    blocking_job.wait_started()
    later = scheduler.in_("1h", print).number
    ended = [run.number for run in reversed(failed)]

    def find(**which: Any) -> list[int]:
        return [run.number for run in backend.find_runs(**which)]

    assert find() == [*slow, later, *ended]
    assert find(limit=4) == [*slow, later, ended[0]]
    assert find(job="a+b & c=d") == ended
    assert find(job="slow", state=RunState.HELD) == slow[1:]
    assert find(state=RunState.FAILED, limit=2) == ended[:2]
    assert list(backend.find_runs()) == list(setup.local.find_runs())


def test_find_runs_returns_the_endings_between_two_instants(setup: BackendSetup) -> None:
    """Both instants belong to the range, and live runs have not ended."""
    scheduler, backend = setup.start(lambda it: it.in_("1h", print))
    numbers = []
    for _ in range(4):
        run = scheduler.now(len, "")
        assert run.wait(LIMIT)
        numbers.append(run.number)
        setup.clock.advance(1)
    ended = [scheduler.run_view(number).ended for number in numbers]

    def find(**which: Any) -> list[int]:
        return [run.number for run in backend.find_runs(**which)]

    assert find(since=ended[2]) == [numbers[3], numbers[2]]
    assert find(until=ended[1]) == [numbers[1], numbers[0]]
    assert find(since=ended[1], until=ended[2], limit=1) == [numbers[2]]


def test_find_runs_returns_the_endings_of_a_job_that_the_snapshot_lacks(setup: BackendSetup) -> None:
    """Other jobs have had more endings since than a snapshot has."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", print, name="rare"))
    rare = scheduler.run("rare")
    assert rare.wait(LIMIT)
    assert all(run.wait(LIMIT) for run in [scheduler.now(len, "") for _ in range(250)])
    assert rare.number not in {run.number for run in scheduler.snapshot().recent}
    assert [run.number for run in backend.find_runs(job="rare")] == [rare.number]


def test_find_runs_returns_the_endings_of_a_job_that_was_removed_recently(setup: BackendSetup) -> None:
    """They are in the snapshot; for a job that never existed there is an error."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", print, name="gone"))
    run = scheduler.run("gone")
    assert run.wait(LIMIT)
    scheduler.remove(scheduler.job("gone"))
    assert [each.number for each in backend.find_runs(job="gone")] == [run.number]
    for name in ("other", "\ud800"):
        with pytest.raises(LookupError, match="there is no job"):
            backend.find_runs(job=name)


def test_run_view_returns_the_run_of_a_number(setup: BackendSetup, blocking_job: BlockingJob) -> None:
    """While it runs, and after it has ended."""
    scheduler, backend = setup.start(
        lambda it: it.schedule("@yearly", blocking_job.run, name="a"), tz=NEW_YORK
    )
    run = scheduler.run("a")
    blocking_job.wait_started()
    assert backend.run_view(run.number).state is RunState.RUNNING
    blocking_job.release()
    assert run.wait(LIMIT)
    assert backend.run_view(run.number) == setup.local.run_view(run.number)
    for number in (4711, 0, -1, 10**30):
        with pytest.raises(LookupError):
            backend.run_view(number)


def test_pool_view_returns_the_pool_as_it_is_now(setup: BackendSetup) -> None:
    """It has the result of a resize at once, also if the snapshot has not."""
    scheduler, backend = setup.start(lambda it: None)
    backend.resize(7)
    assert backend.pool_view() == scheduler.pool_view()
    assert backend.pool_view().size == 7


# --- details and output ---------------------------------------------------------------------------


def test_the_details_of_a_job_have_its_ticks_at_a_transition_and_its_runs(setup: BackendSetup) -> None:
    """They equal those of a local backend."""
    scheduler, backend = setup.start(
        lambda it: it.schedule("0 30 2 * * *", fail, name="nightly"), tz=NEW_YORK
    )
    scheduler.run("nightly").wait(LIMIT)
    details: JobDetails = backend.job_details("nightly")
    assert details == setup.local.job_details("nightly")
    assert details.preview.changes
    assert details.preview.ticks[0].note is not None
    assert [run.state for run in details.runs] == [RunState.FAILED]


def test_output_of_tells_no_output_from_none_that_is_recorded(setup: BackendSetup) -> None:
    """A run that does not exist has no output at all."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", lambda: print("日本 [b]"), name="a"))
    with capture_streams(setup.output_log):
        number = backend.run("a")
        snapshot_when(backend, lambda snapshot: snapshot.recent)
        quiet = scheduler.now(len, "")
        assert quiet.wait(LIMIT)
        assert backend.output_of(quiet.number) == ""
    assert backend.output_of(number) == "日本 [b]\n"
    assert backend.output_of(quiet.number) is None
    for unknown in (4711, 0, -1, 10**30):
        with pytest.raises(LookupError, match=f"there is no run {unknown}"):
            backend.output_of(unknown)


def test_output_since_returns_the_lines_after_a_number(setup: BackendSetup) -> None:
    """Unfinished lines have no number and are returned every time."""
    setup.start(lambda it: None)
    backend = setup.local
    assert backend.output_since(0) == OutputChunk(first=1, lines=(), unfinished=())
    setup.output_log.write("a", 7, "stdout", "one\ntwo\nthr")
    setup.output_log.write("", 0, "stderr", "half a character \ud800\n")
    chunk = backend.output_since(0)
    assert chunk.lines[:2] == (
        OutputLine(1, WRITTEN, "a", 7, "stdout", "one"),
        OutputLine(2, WRITTEN, "a", 7, "stdout", "two"),
    )
    assert (chunk.lines[2].stream, chunk.lines[2].run) == ("stderr", 0)
    assert (chunk.first, chunk.last) == (1, 3)
    assert chunk.unfinished == (OutputLine(0, WRITTEN, "a", 7, "stdout", "thr"),)
    setup.output_log.write("a", 7, "stdout", "ee\n")
    three = OutputLine(4, WRITTEN, "a", 7, "stdout", "three")
    assert backend.output_since(3) == OutputChunk(first=4, lines=(three,), unfinished=())
    assert backend.output_since(4) == OutputChunk(first=5, lines=(), unfinished=())
    setup.output_log.write("c", 8, "stdout", "x\n" * (MAX_CHUNK + 5))
    late = backend.output_since(4)
    assert (late.first, len(late.lines), late.last) == (10, MAX_CHUNK, MAX_CHUNK + 9)
    assert backend.output_since(10**9).first == 10  # a line that does not exist


def test_a_closed_backend_keeps_its_snapshot_and_the_scheduler_runs_on(setup: BackendSetup) -> None:
    """A second close has no effect."""
    scheduler, backend = setup.start(lambda it: it.schedule("@yearly", print, name="a"))
    backend.close()
    backend.close()
    assert replace(backend.snapshot(), at=scheduler.snapshot().at) == scheduler.snapshot()
    assert scheduler.run("a").wait(LIMIT)


def test_output_lines_returns_the_lines_of_one_run_in_parts_until_it_has_ended(setup: BackendSetup) -> None:
    """A line without a line break is among the last ones."""
    blocking = BlockingJob()
    scheduler, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", blocking, name="a"))
    run = scheduler.run("a")
    blocking.wait_started()
    setup.output_log.write("a", run.number, "stdout", "one\n")
    setup.output_log.write("b", run.number + 1, "stdout", "of another run\n")
    first = backend.output_lines(run.number)
    assert (first.lines, first.ended) == ((RunLine(WRITTEN, "stdout", "one"),), False)
    setup.output_log.write("a", run.number, "WARNING", "two\nthree")
    second = backend.output_lines(run.number, first.next)
    assert (second.lines, second.ended) == ((RunLine(WRITTEN, "WARNING", "two"),), False)
    blocking.release()
    assert run.wait(LIMIT)
    last = backend.output_lines(run.number, second.next)
    assert (last.lines, last.ended) == ((RunLine(WRITTEN, "WARNING", "three"),), True)
    assert [line.text for line in backend.output_lines(run.number).lines] == ["one", "two", "three"]
    for unknown in (99, 10**18):
        with pytest.raises(LookupError, match=f"there is no run {unknown}"):
            backend.output_lines(unknown)


def test_output_lines_returns_at_most_a_chunk_and_goes_on_after_it(setup: BackendSetup) -> None:
    scheduler, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", print, name="a"))
    run = scheduler.run("a")
    assert run.wait(LIMIT)
    setup.output_log.write("a", run.number, "stdout", "x\n" * MAX_CHUNK + "last\n")
    first = backend.output_lines(run.number)
    assert (len(first.lines), first.ended) == (MAX_CHUNK, False)
    second = backend.output_lines(run.number, first.next)
    assert ([line.text for line in second.lines], second.ended) == (["last"], True)


def test_output_lines_returns_the_text_of_a_run_whose_lines_the_log_has_dropped(setup: BackendSetup) -> None:
    scheduler, backend = setup.start(
        lambda scheduler: scheduler.schedule("@yearly", lambda: print("one\ntwo"), name="a")
    )
    with capture_streams(setup.output_log):
        run = scheduler.run("a")
        assert run.wait(LIMIT)
    setup.output_log.write("b", 7, "stdout", "x" * 1000 + "\n")
    setup.output_log.limit = 100
    setup.output_log.write("b", 7, "stdout", "x\n")
    found = backend.output_lines(run.number)
    assert found.lines == (RunLine(None, "", "one"), RunLine(None, "", "two"))
    assert found.ended
    assert backend.output_lines(run.number, found.next).lines == ()


def test_log_page_returns_the_latest_output_and_goes_on_in_both_directions(setup: BackendSetup) -> None:
    _, backend = setup.start(lambda it: None)
    assert backend.log_page() == LogPage(lines=(), after=backend.log_page().after)
    setup.output_log.write("a", 7, "stdout", "".join(f"{index}\n" for index in range(MAX_CHUNK + 3)))
    setup.output_log.write("", 0, "stderr", "begun")
    latest = backend.log_page()
    assert ([line.text for line in latest.lines][:: MAX_CHUNK - 1]) == ["3", str(MAX_CHUNK + 2)]
    assert latest.lines[0] == LogLine(WRITTEN, "a", 7, "stdout", "3")
    assert latest.unfinished == (LogLine(WRITTEN, "", 0, "stderr", "begun"),)
    assert (latest.is_latest, latest.ended, latest.continues) == (True, False, True)
    earlier = backend.log_page(before=latest.before)
    assert ([line.text for line in earlier.lines], earlier.before) == (["0", "1", "2"], "")
    assert (earlier.is_latest, earlier.lacks_earlier) == (False, False)
    between = backend.log_page(after=earlier.after)
    assert between.lines == latest.lines
    first = backend.log_page(after="")
    assert (len(first.lines), first.lines[0].text, first.is_latest) == (MAX_CHUNK, "0", False)
    second = backend.log_page(after=first.after)
    assert [line.text for line in second.lines] == [str(MAX_CHUNK + index) for index in range(3)]
    setup.output_log.write("", 0, "stderr", " and ended\n")
    after = backend.log_page(after=second.after)
    assert ([line.text for line in after.lines], after.unfinished) == (["begun and ended"], ())
    assert backend.log_page(after=after.after).lines == ()


def test_log_page_of_a_run_has_its_lines_only_and_says_when_it_has_ended(setup: BackendSetup) -> None:
    blocking = BlockingJob()
    scheduler, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", blocking, name="a"))
    run = scheduler.run("a")
    blocking.wait_started()
    setup.output_log.write("a", run.number, "stdout", "one\ntwo")
    setup.output_log.write("b", run.number + 1, "stdout", "of another run\n")
    page = backend.log_page(run.number)
    assert [line.text for line in (*page.lines, *page.unfinished)] == ["one", "two"]
    assert (page.before, page.is_latest, page.ended) == ("", True, False)
    blocking.release()
    assert run.wait(LIMIT)
    assert backend.log_page(run.number, after=page.after).ended
    for unknown in (99, 10**18):
        with pytest.raises(LookupError, match=f"there is no run {unknown}"):
            backend.log_page(unknown)


def test_log_page_after_a_line_that_was_dropped_is_the_latest_and_says_so(setup: BackendSetup) -> None:
    """So is one at a position of another lifetime of the log."""
    _, backend = setup.start(lambda it: None)
    setup.output_log.write("a", 7, "stdout", "one\n")
    page = backend.log_page()
    setup.output_log.write("a", 7, "stdout", "two\n" * 100)
    setup.output_log.limit = 1_000
    setup.output_log.write("a", 7, "stdout", "three\n")
    for position in (page.after, "0000-1", "nonsense"):
        found = backend.log_page(after=position)
        assert (found.continues, found.lines[-1].text) == (False, "three")
        assert (found.before, found.lacks_earlier) == ("", True)


def test_log_page_has_the_text_of_a_run_whose_lines_the_log_has_dropped(setup: BackendSetup) -> None:
    scheduler, backend = setup.start(
        lambda scheduler: scheduler.schedule("@yearly", lambda: print("one\ntwo"), name="a")
    )
    with capture_streams(setup.output_log):
        run = scheduler.run("a")
        assert run.wait(LIMIT)
    setup.output_log.write("b", 7, "stdout", "x" * 1000 + "\n")
    setup.output_log.limit = 100
    setup.output_log.write("b", 7, "stdout", "x\n")
    lines = tuple(LogLine(None, "a", run.number, "", text) for text in ("one", "two"))
    assert backend.log_page(run.number) == LogPage(lines=lines, after="text-2", ended=True)
    assert backend.log_page(run.number, before="text-2").lines == lines[:1]
    assert backend.log_page(run.number, after="text-1").lines == lines[1:]


# --- searching ------------------------------------------------------------------------------------


def test_search_runs_returns_pages_that_new_runs_do_not_change(setup: BackendSetup) -> None:
    """All runs end at one instant of the clock."""
    scheduler, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", print, name="a"))
    for _ in range(7):
        assert scheduler.now(len, "").wait(LIMIT)
    numbers, cursor = [], ""
    while True:
        page = backend.search_runs("trigger:now", limit=3, cursor=cursor)
        numbers.append([run.number for run in page.runs])
        cursor = page.next
        if not cursor:
            break
        assert scheduler.now(len, "").wait(LIMIT)
    assert numbers == [[7, 6, 5], [4, 3, 2], [1]]


def test_search_runs_finds_words_in_reasons_tracebacks_and_output(setup: BackendSetup) -> None:
    def fail() -> None:
        raise ValueError("no Answer")

    scheduler, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", fail, name="fails"))
    with capture_streams(setup.output_log):
        for run in (scheduler.run("fails"), scheduler.now(print, "an answer"), scheduler.now(len, "")):
            assert run.wait(LIMIT)
    for query, expected in {
        "": [3, 2, 1],
        "answer": [2, 1],
        '"line 1" answer': [],
        "state:failed raise": [1],
        "job:f* answer": [1],
        "job:f* -": [],
        "took:>1h": [],
        "since:1h until:30m": [],
    }.items():
        assert [run.number for run in backend.search_runs(query).runs] == expected, query
    [failed] = backend.search_runs("state:failed").runs
    assert failed == backend.run_view(1)


def test_run_columns_are_the_ended_runs_of_a_job_oldest_first(setup: BackendSetup) -> None:
    def fail() -> None:
        raise ValueError("no answer")

    scheduler, backend = setup.start(
        lambda scheduler: (
            scheduler.schedule("@yearly", fail, name="fails"),
            scheduler.schedule("@yearly", print, name="日本 & more"),
        )
    )
    for job in ("fails", "日本 & more", "fails"):
        assert scheduler.run(job).wait(LIMIT)
    columns = backend.run_columns("fails")
    assert columns.numbers == (1, 3)
    assert columns.states == ("FAILED", "FAILED")
    assert columns.errors == (0, 0)
    assert re.fullmatch(r"ValueError test_backend\.py:\d+", columns.signatures[0])
    assert columns.reasons == ("ValueError: no answer",)
    assert columns.ended == tuple(
        run.ended.timestamp() for run in backend.search_runs("job:fails").runs if run.ended
    )
    assert backend.run_columns("fails", limit=1).numbers == (3,)
    assert backend.run_columns("日本 & more").states == ("OK",)
    assert backend.run_columns("no such job") == RunColumns()


def test_search_runs_finds_live_runs_by_their_state(setup: BackendSetup) -> None:
    blocking = BlockingJob()
    scheduler, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", blocking, name="a"))
    runs = [scheduler.run("a") for _ in range(3)]
    blocking.wait_started()
    assert [run.number for run in backend.search_runs("state:running").runs] == [1]
    first = backend.search_runs("state:held", limit=1)
    second = backend.search_runs("state:held", limit=1, cursor=first.next)
    assert [run.number for run in (*first.runs, *second.runs)] == [3, 2]
    assert not second.next
    assert backend.search_runs("").runs == ()
    blocking.release()
    assert all(run.wait(LIMIT) for run in runs)


@pytest.mark.parametrize(
    "cursor", ["x", "é", "W10", "WzEsMiwzLDQsNV0", "bnVsbA", "W05hTiwxLCJhIiwxLjAsIk9LIl0"]
)
def test_search_runs_rejects_a_cursor_that_no_page_has(setup: BackendSetup, cursor: str) -> None:
    _, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", print, name="a"))
    with pytest.raises(ValueError, match="cursor is not the cursor of a page"):
        backend.search_runs("", cursor=cursor)


def test_search_runs_names_the_term_that_is_wrong(setup: BackendSetup) -> None:
    _, backend = setup.start(lambda scheduler: scheduler.schedule("@yearly", print, name="a"))
    with pytest.raises(ValueError, match="'state:filed' is not a state; did you mean failed"):
        backend.search_runs("job:a state:filed")
